// SPDX-License-Identifier: Apache-2.0
//! Every act that the documentation lists, once, against the running binary.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use estafette_core::ids::UserId;
use estafette_store::{
    UpstreamStore as _,
    fact::NoSink,
    sqlite::{SqliteOptions, SqliteStore},
    upstream::LinkReason,
};
use serde_json::{Value, json};

use super::running::{Running, admin};

const PASSWORD: &str = "walnut harbour cedar trumpet";
const POLICY: &str = "[organisations.dinum]\nname = \"DINUM\"\ndomains = [\"x.fr\"]\n\
    [guests]\nname = \"Guests\"\n";

/// What an account is shown as.
const ACCOUNT: &str = "admin appservice closed_by_admin created_ms deactivated devices email erased \
    expires_ms guest invited_by locked name never_expires organisation organisation_fixed \
    organisation_name password providers red_list reminders seen_ms state suspended user_id";
/// The same with the link that was made.
const WITH_LINK: &str = "admin appservice closed_by_admin created_ms deactivated devices email \
    erased expires_ms guest invited_by locked name never_expires organisation organisation_fixed \
    organisation_name password password_link password_link_expires_ms providers red_list reminders \
    seen_ms state suspended user_id";

/// What stands for values that are known when the server runs.
const USER: &str = "ada.martin@x.fr";

/// What is typed, and the members of what `done` says.
const ACTS: &[(&str, &str)] = &[
    ("users list --search martin", "total users"),
    ("users show ada.martin@x.fr", ACCOUNT),
    ("users create --email zoe.petit@x.fr", WITH_LINK),
    ("users lock ada.martin@x.fr", ACCOUNT),
    ("users unlock ada.martin@x.fr", ACCOUNT),
    ("users suspend ada.martin@x.fr", ACCOUNT),
    ("users unsuspend ada.martin@x.fr", ACCOUNT),
    ("users expire ada.martin@x.fr", ACCOUNT),
    ("users renew ada.martin@x.fr --days 90", ACCOUNT),
    ("users set-reminders ada.martin@x.fr false", ACCOUNT),
    ("users set-name ada.martin@x.fr Augusta", ACCOUNT),
    ("users set-email zoe.petit@x.fr zoe.grand@x.fr", ACCOUNT),
    ("users set-admin ada.martin@x.fr true", ACCOUNT),
    ("devices list ada.martin@x.fr", "devices user_id"),
    ("devices delete ada.martin@x.fr PHONE", "deleted_devices user_id"),
    ("sessions list ada.martin@x.fr", "browsers devices providers user_id"),
    ("sessions revoke ada.martin@x.fr", "deleted_devices user_id"),
    ("users unlink ada.martin@x.fr", ACCOUNT),
    ("users unlink-all --provider idp", "left unlinked"),
    ("users reset-password ada.martin@x.fr", WITH_LINK),
    ("organisations list", "organisations"),
    (
        "organisations apply",
        "accounts becoming_guests changing complete fixed held_back kept_admins losing_admin moved \
         moves unplaced",
    ),
    ("policy check POLICY", "accounts moves moving"),
    ("registration-tokens create --uses 1", "expires_ms token used uses_allowed valid"),
    ("registration-tokens list", "registration_tokens"),
    ("registration-tokens delete TOKEN", ""),
    (
        "invitations create guest@g.fr --sponsor ada.martin@x.fr",
        "address expires_ms invited_by mailed sign_up",
    ),
    ("invitations list", "invitations total"),
    ("invitations revoke guest@g.fr", "address"),
    ("users deactivate ada.martin@x.fr", ACCOUNT),
    ("users reactivate ada.martin@x.fr", WITH_LINK),
    ("users erase zoe.grand@x.fr", ACCOUNT),
    ("audit show --verify", "head lines verified"),
];

/// The acts of the documentation, each with the lines that it leaves.
fn documented() -> BTreeMap<String, Vec<String>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/ADMINISTRATION.md");
    let text = std::fs::read_to_string(path).unwrap();
    let code = |cell: &str| -> Vec<String> {
        cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    };
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let cells: Vec<&str> = row.split('|').collect();
        (name(&code(cells[1])[0]), code(cells[3]))
    })
    .collect()
}

/// `users lock` of `users lock USER --reason …`.
fn name(line: &str) -> String {
    line.split(' ').take(2).collect::<Vec<_>>().join(" ")
}

/// A server with one account that is signed in and known to a provider.
fn peopled(folder: &Path) -> Running {
    let policy = folder.join("policy.toml");
    std::fs::write(&policy, POLICY).unwrap();
    let options = [("ESTAFETTE__IDENTITY__POLICY__FILE", policy.as_path())];
    let running = Running::start_with(folder, &options);
    let made = running.done(&["users", "create", "--email", USER]);
    let user = made["user_id"].as_str().unwrap();
    assert_eq!(running.choose(made["password_link"].as_str().unwrap(), PASSWORD), 303);
    for device in ["PHONE", "DESK"] {
        let body = json!({ "type": "m.login.password", "password": PASSWORD, "device_id": device,
            "identifier": { "type": "m.id.user", "user": user } });
        assert_eq!(running.http("POST", "/_matrix/client/v3/login", "", &body).0, 200);
    }
    let user_id = UserId::parse(user).unwrap();
    running.stop();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let options_of_store = SqliteOptions::new(folder.join("estafette.db"));
    let store = SqliteStore::open(&options_of_store, Arc::new(NoSink)).unwrap();
    let link = store.link_upstream("idp", "subject", &user_id, LinkReason::Proven);
    runtime.block_on(link).unwrap();
    drop(store);
    Running::start_with(folder, &options)
}

/// Otherwise an act leaves no trace, or two, or the documentation lists what there is not, or a
/// program that reads the answers breaks with the next version.
#[test]
fn every_act_leaves_the_lines_that_are_documented_and_answers_with_the_same_members() {
    let folder = tempfile::tempdir().unwrap();
    let running = peopled(folder.path());
    let documented = documented();
    let audit = || running.done(&["audit", "show"])["lines"].as_array().unwrap().clone();
    let mut token = String::new();
    let mut ran = Vec::new();
    for (line, members) in ACTS {
        let before = audit().len();
        let policy = folder.path().join("policy.toml");
        let words = line.split(' ').map(|word| match word {
            "TOKEN" => token.as_str(),
            "POLICY" => policy.to_str().unwrap(),
            word => word,
        });
        let words: Vec<&str> = words.collect();
        let output =
            admin(folder.path(), &[&words, &["--json", "--reason", "as agreed"][..]].concat());
        assert!(output.status.success(), "{line}: {output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(text.matches('\n').count(), 1, "{line}: one line: {text}");
        let answer: Value = serde_json::from_str(&text).unwrap();
        let done = answer["done"].as_object().unwrap();
        assert_eq!(
            done.keys().map(String::as_str).collect::<Vec<_>>().join(" "),
            *members,
            "{line}"
        );
        if let Some(made) = done.get("token") {
            token = made.as_str().unwrap().to_owned();
        }
        let lines = audit();
        let mut left = Vec::new();
        for line in &lines[..lines.len() - before] {
            assert_eq!(line["reason"], "as agreed", "{line}");
            assert!(line["actor"].as_str().unwrap().starts_with("operator (uid "), "{line}");
            left.push(line["act"].as_str().unwrap().to_owned());
        }
        let name = name(line);
        let Some(expected) = documented.get(&name) else { panic!("{name} is not documented") };
        assert_eq!(left.len(), usize::from(!expected.is_empty()), "{line}: {left:?}");
        assert!(left.iter().all(|act| expected.contains(act)), "{line}: {left:?}, {expected:?}");
        ran.push(name);
    }
    ran.sort();
    assert_eq!(ran, documented.keys().cloned().collect::<Vec<_>>(), "each once");
    // As people read it.
    let shown = running.admin(&["users", "show", USER]);
    assert!(String::from_utf8_lossy(&shown.stdout).contains(USER), "{shown:?}");
    running.stop();
}

/// Otherwise nobody sees that somebody tried what they may not, or was about to.
#[test]
fn what_is_refused_is_on_record_without_what_was_typed() {
    let folder = tempfile::tempdir().unwrap();
    let running = peopled(folder.path());
    running.done(&["users", "create", "--email", "gus@g.fr"]);
    let user = running.done(&["users", "show", USER])["user_id"].clone();
    let guest = running.done(&["users", "show", "gus@g.fr"])["user_id"].clone();
    for (arguments, subject, command) in [
        (&["users", "set-admin", "gus@g.fr", "true"][..], &guest, "user_set_flag"),
        (&["users", "set-email", USER, "gus@g.fr"], &user, "user_set_email"),
        (&["users", "lock", "nobody@x.fr"], &Value::Null, "user_set_flag"),
        (&["devices", "delete", USER, "NONE"], &user, "device_delete"),
        (
            &["users", "create", "--email", "new@elsewhere", "--organisation", "no"],
            &Value::Null,
            "user_create",
        ),
        (&["invitations", "revoke", "who@g.fr"], &Value::Null, "invitation_revoke"),
        (&["registration-tokens", "delete", "s3cret"], &Value::Null, "registration_token_delete"),
    ] {
        let before = running.done(&["audit", "show"])["lines"].as_array().unwrap().len();
        let refused = running.admin(&[arguments, &["--json"]].concat());
        assert_eq!(refused.status.code(), Some(1), "{arguments:?}: {refused:?}");
        let answer: Value = serde_json::from_slice(&refused.stdout).unwrap();
        assert!(answer["refused"].is_string(), "{answer}");
        let audit = running.done(&["audit", "show", "--verify"]);
        let line = &audit["lines"][0];
        assert_eq!(audit["verified"], before + 1, "one line: {arguments:?}");
        assert_eq!((&line["act"], &line["subject"]), (&json!("refused"), subject), "{arguments:?}");
        assert_eq!(line["details"], json!({ "command": command }));
    }
    for arguments in [&["users", "show", "nobody"][..], &["sessions", "list", "nobody"]] {
        let before = running.done(&["audit", "show"]);
        assert_eq!(running.admin(arguments).status.code(), Some(1));
        assert_eq!(running.done(&["audit", "show"]), before, "looking is no act");
    }
    running.stop();
}
