// SPDX-License-Identifier: Apache-2.0
//! Without these an operator could not administer the server, or somebody else could: the built
//! binary, from outside.
#![cfg(test)]

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Output, Stdio},
};

use serde_json::{Value, json};

const BINARY: &str = env!("CARGO_BIN_EXE_estafette");

fn estafette(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(BINARY);
    command
        .args(arguments)
        .env("ESTAFETTE__DATA_DIR", folder)
        .env("ESTAFETTE__SERVER_NAME", "x.fr")
        .env("ESTAFETTE__LISTENER__ADDRESS", "127.0.0.1:0");
    command
}

/// A server that runs until it is dropped.
struct Running {
    child: Child,
    log: BufReader<ChildStdout>,
    read: String,
    address: String,
    folder: PathBuf,
}

impl Running {
    fn start(folder: &Path) -> Self {
        Self::start_with(folder, &[])
    }

    /// The same with further options.
    fn start_with(folder: &Path, options: &[(&str, &Path)]) -> Self {
        let mut child = estafette(folder, &["serve"])
            .envs(options.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stdout.take().unwrap());
        let mut read = String::new();
        while !read.contains("estafette is ready") {
            assert!(log.read_line(&mut read).unwrap() > 0, "it ended: {read}");
        }
        let address = read.split("127.0.0.1:").nth(1).unwrap();
        let port: String = address.chars().take_while(char::is_ascii_digit).collect();
        let address = format!("127.0.0.1:{port}");
        Self { child, log, read, address, folder: folder.to_owned() }
    }

    fn admin(&self, arguments: &[&str]) -> Output {
        admin(&self.folder, arguments)
    }

    /// The JSON of an act that must succeed.
    fn done(&self, arguments: &[&str]) -> Value {
        let output = self.admin(&[arguments, &["--json"]].concat());
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        answer["done"].clone()
    }

    fn http(&self, method: &str, path: &str, token: &str, body: &Value) -> (u16, Value) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let body = body.to_string();
        let authorization = match token {
            "" => String::new(),
            token => format!("Authorization: Bearer {token}\r\n"),
        };
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: x.fr\r\nConnection: close\r\n{authorization}\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        let body = answer.split("\r\n\r\n").nth(1).unwrap();
        (status, serde_json::from_str(body).unwrap_or_default())
    }

    /// Opens a link for a password as a browser does, and chooses one. The status of the answer.
    fn choose(&self, link: &str, password: &str) -> u16 {
        let path = &link[link.find("/_estafette").unwrap()..];
        let ask = |request: String| {
            let mut stream = TcpStream::connect(&self.address).unwrap();
            stream.write_all(request.as_bytes()).unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            (answer.split(' ').nth(1).unwrap().parse::<u16>().unwrap(), answer)
        };
        let head = "Host: x.fr\r\nConnection: close\r\n";
        let (status, page) = ask(format!("GET {path} HTTP/1.1\r\n{head}\r\n"));
        if status != 200 {
            return status;
        }
        let after = |mark: &str| page.split(mark).nth(1).unwrap().to_owned();
        let value = |name: &str| {
            let rest = after(&format!("name=\"{name}\" value=\""));
            rest.split('"').next().unwrap().to_owned()
        };
        let cookie = after("set-cookie: ").split(';').next().unwrap().to_owned();
        let typed = password.replace(' ', "+").replace(',', "%2C");
        let (form, token) = (value("form_token"), value("token"));
        let body = format!("form_token={form}&token={token}&password={typed}&again={typed}");
        let kind = "Content-Type: application/x-www-form-urlencoded";
        let length = body.len();
        ask(format!(
            "POST /_estafette/password/link HTTP/1.1\r\n{head}Cookie: {cookie}\r\n{kind}\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        ))
        .0
    }

    /// Ends it as an operator does, and returns all that it logged.
    fn stop(mut self) -> String {
        self.terminate();
        self.log.read_to_string(&mut self.read).unwrap();
        assert!(self.child.wait().unwrap().success());
        std::mem::take(&mut self.read)
    }

    fn terminate(&self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

fn admin(folder: &Path, arguments: &[&str]) -> Output {
    estafette(folder, &[&["admin"], arguments].concat()).output().unwrap()
}

fn sentence(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8(output.stderr.clone()).unwrap()
}

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
    let output = admin(folder.path(), &["users", "list"]);
    assert!(sentence(&output).contains("no server is running"), "{output:?}");
    // What a server that was killed leaves behind is no server.
    let running = Running::start(folder.path());
    drop(running);
    assert!(folder.path().join("admin.sock").exists());
    let output = admin(folder.path(), &["users", "list"]);
    assert!(sentence(&output).contains("no server is running"), "{output:?}");
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
    assert_eq!(audit["verified"], json!(9), "{audit}");
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
    let wrong = running.admin(&["users", "renew", user]);
    assert_eq!(wrong.status.code(), Some(2), "neither days nor for ever: {wrong:?}");
    let log = running.stop();
    let token = |link: &str| link.split("token=").nth(1).unwrap().to_owned();
    for secret in [password, new_password, token(&link), token(&second_link)] {
        assert!(!log.contains(&secret), "a secret was logged");
    }
    assert!(log.contains("administrative act"), "the log tells of the acts");
    change_the_file(folder.path());
    let running = Running::start(folder.path());
    let output = running.admin(&["audit", "show", "--verify"]);
    assert!(sentence(&output).contains("tampered with at line 3"), "{output:?}");
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
    let numbers = "Of 3 accounts 0 are moved: 0 become guests, 0 leave their organisation";
    assert!(String::from_utf8_lossy(&by_hand.stderr).contains(numbers), "{by_hand:?}");
    let sessions = running.done(&["sessions", "list", "bo@y.fr"]);
    assert_eq!((&sessions["browsers"], &sessions["providers"]), (&json!([]), &json!([])));
    let none = running.done(&["users", "unlink-all", "--provider", "idp", "--dry-run"]);
    assert_eq!(none, json!({ "unlinked": 0, "left": 0 }));
    let unlinked = running.admin(&["users", "unlink", "bo@y.fr"]);
    assert!(sentence(&unlinked).contains("No such provider"), "{unlinked:?}");
    let audit = running.done(&["audit", "show", "--user", "bo@y.fr"]);
    assert_eq!(audit["lines"][0]["act"], "account.place");
    assert_eq!(audit["lines"][0]["actor"], "policy");
    running.stop();
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
