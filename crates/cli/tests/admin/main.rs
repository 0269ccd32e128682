// SPDX-License-Identifier: Apache-2.0
//! Without these an operator could not administer the server, or somebody else could: the built
//! binary, from outside.
#![cfg(test)]

mod acts;
#[path = "../http/mod.rs"]
mod http;
mod running;
mod secrets;

use std::{os::unix::fs::PermissionsExt as _, path::Path};

use serde_json::json;

use self::running::{Running, admin, estafette, sentence};

/// Otherwise a data folder deep in the file system, or on one without sockets, would keep the whole
/// server from starting.
#[test]
fn a_server_without_its_socket_serves_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let deep = folder.path().join("d".repeat(120));
    let running = Running::start(&deep);
    assert_eq!(running.http("GET", "/_matrix/client/versions", "", &json!({})).0, 200);
    assert!(!running.admin(&["users", "list"]).status.success());
    assert!(running.stop().contains("`estafette admin` cannot reach this server"));
}

#[test]
fn without_a_server_it_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let unreachable = |json: &[&str]| {
        let output = admin(folder.path(), &[&["users", "list"], json].concat());
        assert_eq!(output.status.code(), Some(3), "nothing was refused: {output:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("no server is running"), "{said}");
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(unreachable(&[]), "");
    let line: serde_json::Value = serde_json::from_str(&unreachable(&["--json"])).unwrap();
    assert!(line["unreachable"].is_string(), "{line}");
    // What a server that was killed leaves behind is no server.
    let running = Running::start(folder.path());
    drop(running);
    assert!(folder.path().join("admin.sock").exists());
    assert_eq!(unreachable(&[]), "");
    let running = Running::start(folder.path());
    assert_eq!(running.done(&["users", "list"])["total"], json!(0));
    let mode = std::fs::metadata(folder.path().join("admin.sock")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "for the server's own user alone");
    let second = estafette(folder.path(), &["serve"]).output().unwrap();
    assert!(sentence(&second).contains("another server is running"), "{second:?}");
    assert_eq!(running.done(&["users", "list"])["total"], json!(0), "the first goes on");
    running.stop();
    assert!(!folder.path().join("admin.sock").exists());
}

#[test]
fn an_operator_makes_accounts_and_ends_them_and_every_act_is_on_record() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(folder.path());
    let made = running.done(&[
        "users",
        "create",
        "--name",
        "Zoé",
        "--email",
        "zoe@x.fr",
        "--reason",
        "first day",
    ]);
    let user = made["user_id"].as_str().unwrap();
    let password = "walnut harbour cedar trumpet".to_owned();
    let link = made["password_link"].as_str().unwrap().to_owned();
    assert_eq!(running.choose(&link, &password), 303);
    assert_eq!(running.choose(&link, "another one, chosen later"), 404, "twice");
    let log_in = |password: &str| {
        let body = json!({ "type": "m.login.password", "password": password,
            "identifier": { "type": "m.id.user", "user": user } });
        running.http("POST", "/_matrix/client/v3/login", "", &body)
    };
    let whoami =
        |token: &str| running.http("GET", "/_matrix/client/v3/account/whoami", token, &json!({})).0;
    let (status, session) = log_in(&password);
    assert_eq!(status, 200, "{session}");
    let token = session["access_token"].as_str().unwrap();
    assert_eq!(whoami(token), 200);
    running.done(&["users", "lock", "zoe@x.fr"]);
    assert_eq!(whoami(token), 401);
    running.done(&["users", "unlock", "zoe@x.fr"]);
    assert_eq!(whoami(token), 200, "the session is kept");
    running.done(&["users", "expire", user]);
    assert_eq!(whoami(token), 403);
    running.done(&["users", "renew", user, "--days", "90"]);
    assert_eq!(whoami(token), 200);
    let devices = running.done(&["devices", "list", user]);
    assert_eq!(devices["devices"].as_array().unwrap().len(), 1);
    running.done(&["sessions", "revoke", user]);
    assert_eq!(whoami(token), 401);
    let reset = running.done(&["users", "reset-password", user]);
    assert_eq!(log_in(&password).0, 403, "the old one is no more");
    let new_password = "violet anchor marble sunset".to_owned();
    let second_link = reset["password_link"].as_str().unwrap().to_owned();
    assert_eq!(running.choose(&second_link, &new_password), 303);
    assert_eq!(log_in(&new_password).0, 200);
    running.done(&["users", "erase", user]);
    assert_eq!(log_in(&new_password).0, 403);

    let shown = running.admin(&["audit", "show"]);
    let text = String::from_utf8(shown.stdout).unwrap();
    assert!(text.contains("first day") && text.contains("account.erase"), "{text}");
    let audit = running.done(&["audit", "show", "--verify"]);
    assert_eq!(audit["verified"], json!(8), "{audit}");
    for (arguments, expected) in [
        (&["users", "show", "nobody"][..], "There is no user"),
        (&["users", "set-email", user, "a@b@c.fr"], "exactly one @"),
        (&["users", "renew", user, "--days", "0"], "number of days"),
        (&["users", "lock", user], "deactivated"),
        (&["users", "create", "--email", "x@x.fr", "--mail"], "sends no mail"),
        (&["policy", "check", "/nowhere"], "No such file"),
    ] {
        let output = running.admin(arguments);
        assert!(sentence(&output).contains(expected), "{arguments:?}: {output:?}");
    }
    for wrong in
        [&["users", "renew", user][..], &["users", "frob"], &["users", "renew", "--days", "x"]]
    {
        let wrong = running.admin(&[wrong, &["--json"]].concat());
        assert_eq!(wrong.status.code(), Some(2), "{wrong:?}");
        let line: serde_json::Value = serde_json::from_slice(&wrong.stdout).unwrap();
        assert!(line["mistyped"].as_str().is_some_and(|said| !said.is_empty()), "{line}");
    }
    let help = running.admin(&["users", "renew", "--help", "--json"]);
    assert!(help.status.success() && !help.stdout.is_empty(), "{help:?}");
    let log = running.stop();
    let token = |link: &str| link.split("token=").nth(1).unwrap().to_owned();
    for secret in [password, new_password, token(&link), token(&second_link)] {
        assert!(!log.contains(&secret), "a secret was logged");
    }
    assert!(log.contains("administrative act"), "the log tells of the acts");
    change_the_file(folder.path());
    let running = Running::start(folder.path());
    let output = running.admin(&["audit", "show", "--verify"]);
    assert!(sentence(&output).contains("tampered with at line 2"), "{output:?}");
    running.stop();
}

/// Otherwise what the policy says would happen to nobody, or to whom an administrator has exempted.
#[test]
fn a_changed_policy_is_in_force_when_the_server_has_started() {
    let folder = tempfile::tempdir().unwrap();
    let policy = folder.path().join("policy.toml");
    let options = [("ESTAFETTE__IDENTITY__POLICY__FILE", policy.as_path())];
    let organisation = |id: &str, domain: &str| {
        let text = format!("[organisations.{id}]\nname = \"{id}\"\ndomains = [\"{domain}\"]\n");
        format!("{text}[guests]\nname = \"Guests\"\n")
    };
    std::fs::write(&policy, organisation("before", "x.fr")).unwrap();
    let running = Running::start_with(folder.path(), &options);
    let create = |email| running.done(&["users", "create", "--email", email]);
    assert_eq!(create("ada.martin@x.fr")["name"], "Ada Martin [before]");
    assert_eq!(create("bo@y.fr")["guest"], json!(true));
    create("cy@y.fr");
    let kept =
        running.done(&["users", "set-email", "ada.martin@x.fr", "a@y.fr", "--keep-organisation"]);
    assert_eq!(
        (&kept["organisation"], &kept["organisation_fixed"]),
        (&json!("before"), &json!(true))
    );
    running.stop();
    std::fs::write(&policy, organisation("after", "y.fr")).unwrap();
    let running = Running::start_with(folder.path(), &options);
    let shown = |user: &str| running.done(&["users", "show", user]);
    let until = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while shown("cy@y.fr")["organisation"] != "after" {
        assert!(std::time::Instant::now() < until, "{}", shown("cy@y.fr"));
    }
    let bo = shown("bo@y.fr");
    assert_eq!((&bo["name"], &bo["guest"]), (&json!("Bo [after]"), &json!(false)));
    assert_eq!(shown("a@y.fr")["organisation"], "before", "an administrator insisted");
    let applied = running.done(&["organisations", "apply", "--dry-run"]);
    assert_eq!((&applied["moved"], &applied["fixed"]), (&json!(0), &json!(1)), "{applied}");
    let by_hand = running.admin(&["organisations", "apply"]);
    let numbers = "Of 3 accounts 0 are moved: 0 become guests, 0 leave their organisation, 0 have nowhere to go, 0 lose";
    assert!(String::from_utf8_lossy(&by_hand.stderr).contains(numbers), "{by_hand:?}");
    let sessions = running.done(&["sessions", "list", "bo@y.fr"]);
    assert_eq!((&sessions["browsers"], &sessions["providers"]), (&json!([]), &json!([])));
    let none = running.done(&["users", "unlink-all", "--provider", "idp", "--dry-run"]);
    assert_eq!(none, json!({ "unlinked": 0, "left": 0 }));
    let unlinked = running.admin(&["users", "unlink", "bo@y.fr"]);
    assert!(sentence(&unlinked).contains("No such provider"), "{unlinked:?}");
    let audit = running.done(&["audit", "show", "--user", "bo@y.fr"]);
    assert_eq!(audit["lines"][0]["act"], "refused");
    assert_eq!(audit["lines"][1]["act"], "account.place");
    assert_eq!(audit["lines"][1]["actor"], "policy");
    running.stop();
}

/// Otherwise a State learns that nobody administers its server when it needs somebody to.
#[test]
fn a_policy_that_takes_the_last_administrator_is_told_before_and_by_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let policy = folder.path().join("policy.toml");
    let options = [("ESTAFETTE__IDENTITY__POLICY__FILE", policy.as_path())];
    let write = |domain: &str| {
        let text = format!("[organisations.dinum]\nname = \"DINUM\"\ndomains = [\"{domain}\"]\n");
        std::fs::write(&policy, text).unwrap();
    };
    let check = || {
        let checked = estafette(folder.path(), &["config", "check"])
            .envs(options.iter().copied())
            .output()
            .unwrap();
        assert!(checked.status.success(), "{checked:?}");
        String::from_utf8(checked.stderr).unwrap()
    };
    write("x.fr");
    assert_eq!(check(), "", "there is no database yet");
    let running = Running::start_with(folder.path(), &options);
    let made = running.done(&["users", "create", "--email", "ada.martin@x.fr", "--admin"]);
    let user = made["user_id"].as_str().unwrap().to_owned();
    assert_eq!(check(), "", "beside the running server");
    running.stop();
    write("y.fr");
    let says = |text: &str| text.contains(&user) && text.contains("Nobody else administers");
    let said = check();
    assert!(said.contains("warning") && says(&said), "{said}");
    let listed = estafette(folder.path(), &["config", "policy"])
        .envs(options.iter().copied())
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&listed.stdout).contains("(loses administration)"));
    let running = Running::start_with(folder.path(), &options);
    let acts = || {
        let audit = running.done(&["audit", "show", "--user", &user]);
        let lines = audit["lines"].as_array().unwrap().clone();
        lines.iter().map(|line| line["act"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while acts() != ["account.keep_admin", "account.create"] {
        assert!(std::time::Instant::now() < until, "{:?}", acts());
        std::thread::yield_now();
    }
    assert_eq!(running.done(&["users", "show", &user])["admin"], json!(true));
    let said = std::fs::read_to_string(running.errors.path()).unwrap();
    assert!(says(&said), "{said}");
    let log = running.stop();
    assert!(log.lines().any(|line| line.contains("ERROR") && says(line)), "{log}");
}

/// As somebody would who has the file and no program of ours: another word of the same length.
fn change_the_file(folder: &Path) {
    let path = folder.join("estafette.db");
    let mut bytes = std::fs::read(&path).unwrap();
    let from = b"account.lock";
    let at = bytes.windows(from.len()).position(|window| window == from).unwrap();
    bytes[at..at + from.len()].copy_from_slice(b"account.look");
    std::fs::write(&path, bytes).unwrap();
}
