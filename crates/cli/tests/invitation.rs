// SPDX-License-Identifier: Apache-2.0
//! From an e-mail address that an agent types to a guest in an encrypted conversation: the built
//! binary, from outside. Without it each half could work and the whole not.
#![cfg(test)]

mod http;

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

const PASSWORD: &str = "ocean lantern granite violin";
const POLICY: &str = r#"
[organisations.org]
name = "Ministère"
label = "Org"
domains = ["org.example"]

[guests]
name = "Invités"
label = "Externe"
"#;

/// A server with a policy and a folder for mail, until it is dropped.
struct Site {
    child: Child,
    _log: BufReader<ChildStdout>,
    address: String,
    folder: tempfile::TempDir,
}

fn estafette(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_estafette"));
    let policy = folder.join("policy.toml");
    command.args(arguments).stderr(Stdio::null());
    for (name, value) in [
        ("DATA_DIR", folder.join("data").to_str().unwrap()),
        ("SERVER_NAME", "x.fr"),
        ("LISTENER__ADDRESS", "127.0.0.1:0"),
        ("RATE_LIMITS__ENABLED", "false"),
        ("IDENTITY__SIGN_UP__ENABLED", "true"),
        ("IDENTITY__POLICY__FILE", policy.to_str().unwrap()),
        ("IDENTITY__MAIL__TRANSPORT", "folder"),
        ("IDENTITY__MAIL__FROM", "no-reply@x.fr"),
        ("IDENTITY__MAIL__FOLDER", folder.join("mail").to_str().unwrap()),
    ] {
        command.env(format!("ESTAFETTE__{name}"), value);
    }
    command
}

impl Site {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("policy.toml"), POLICY).unwrap();
        let (child, log, address) = run(folder.path());
        Self { child, _log: log, address, folder }
    }

    /// Kills the server and starts another one on what it has left.
    fn crash(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        (self.child, self._log, self.address) = run(self.folder.path());
    }

    /// Status, headers and body.
    fn http(&self, request: (&str, &str), headers: &str, body: &str) -> (u16, String, String) {
        http::ask(&self.address, request, headers, body)
    }

    /// A request of the client-server API that must succeed.
    fn api(&self, method: &str, path: &str, token: &str, body: &Value) -> Value {
        let path = format!("/_matrix/client/v3{path}");
        let authorization = match token {
            "" => String::new(),
            token => format!("Authorization: Bearer {token}\r\n"),
        };
        let (status, _, answer) = self.http((method, &path), &authorization, &body.to_string());
        assert_eq!(status, 200, "{method} {path}: {answer}");
        serde_json::from_str(&answer).unwrap()
    }

    /// The newest mail to an address, as soon as there is one besides `known`.
    fn mail_to(&self, address: &str, known: usize) -> String {
        eventually(|| {
            let mails = std::fs::read_dir(self.folder.path().join("mail")).ok()?;
            let mut paths: Vec<_> = mails.map(|mail| mail.unwrap().path()).collect();
            paths.sort_by_key(|path| {
                let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
                name.rsplit('-').next().unwrap().parse::<u64>().unwrap_or(0)
            });
            let texts = paths.iter().filter_map(|path| std::fs::read_to_string(path).ok());
            let to = format!("To: {address}\r\n");
            let mut found: Vec<String> = texts.filter(|text| text.contains(&to)).collect();
            if found.len() > known { found.pop() } else { None }
        })
    }

    /// Signs up from a link, and returns the access token of a new device.
    fn sign_up(&self, address: &str, link: &str, mails: usize) -> String {
        let mut browser = Browser { site: self, cookie: String::new(), page: String::new() };
        browser.open(link);
        assert!(browser.page.contains(&format!("value=\"{address}\"")), "{}", browser.page);
        browser.submit("/_estafette/sign-up", &[("address", address)]);
        let mail = self.mail_to(address, mails);
        let code = &mail.split("Subject: ").nth(1).unwrap()[..9];
        browser.submit("/_estafette/sign-up/code", &[("code", code)]);
        let chosen = [("password", PASSWORD), ("again", PASSWORD)];
        browser.submit("/_estafette/sign-up/account", &chosen);
        let user = self.user_of(address);
        let login = json!({
            "type": "m.login.password", "password": PASSWORD,
            "identifier": { "type": "m.id.user", "user": user },
        });
        let session = self.api("POST", "/login", "", &login);
        session["access_token"].as_str().unwrap().to_owned()
    }

    fn user_of(&self, address: &str) -> String {
        let arguments = ["admin", "users", "show", address, "--json"];
        let output = estafette(self.folder.path(), &arguments).output().unwrap();
        let answer: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{address}: {output:?}"));
        answer["done"]["user_id"].as_str().unwrap().to_owned()
    }
}

fn run(folder: &Path) -> (Child, BufReader<ChildStdout>, String) {
    let mut child = estafette(folder, &["serve"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut log = BufReader::new(child.stdout.take().unwrap());
    let mut read = String::new();
    while !read.contains("estafette is ready") {
        assert!(log.read_line(&mut read).unwrap() > 0, "it ended: {read}");
    }
    let port = read.split("127.0.0.1:").nth(1).unwrap();
    let port: String = port.chars().take_while(char::is_ascii_digit).collect();
    (child, log, format!("127.0.0.1:{port}"))
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn eventually<T>(mut found: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(Instant::now() < until, "it does not happen");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// One cookie, forms, no scripts.
struct Browser<'a> {
    site: &'a Site,
    cookie: String,
    page: String,
}

impl Browser<'_> {
    fn open(&mut self, path: &str) {
        self.follow(("GET", path), "", "");
    }

    fn follow(&mut self, request: (&str, &str), kind: &str, body: &str) {
        let headers = format!("Accept-Language: fr\r\nCookie: {}\r\n{kind}", self.cookie);
        let (_, head, page) = self.site.http(request, &headers, body);
        let header = |name: &str| {
            let mut lines = head.lines().filter_map(|line| line.split_once(": "));
            lines.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
        };
        if let Some(cookie) = header("set-cookie") {
            self.cookie = cookie.split(';').next().unwrap().to_owned();
        }
        self.page = page;
        if let Some(onward) = header("location").map(str::to_owned) {
            self.open(&onward);
        }
    }

    /// Sends the form of the page that posts to `action`, with its hidden fields.
    fn submit(&mut self, action: &str, fields: &[(&str, &str)]) {
        let page = self.page.clone();
        let form = page
            .split("<form ")
            .skip(1)
            .find(|form| attribute(form.split('>').next().unwrap(), "action") == action);
        let form = form.unwrap_or_else(|| panic!("no form for {action} in {page}"));
        let form = form.split("</form>").next().unwrap();
        let inputs = form.split("<input ").skip(1).map(|tag| tag.split('>').next().unwrap());
        let mut body: Vec<String> = inputs
            .filter(|tag| attribute(tag, "type") == "hidden")
            .map(|tag| pair(attribute(tag, "name"), attribute(tag, "value")))
            .collect();
        body.extend(fields.iter().map(|(name, value)| pair(name, value)));
        let kind = "Content-Type: application/x-www-form-urlencoded\r\n";
        self.follow(("POST", action), kind, &body.join("&"));
    }
}

fn attribute<'t>(tag: &'t str, name: &str) -> &'t str {
    let value = tag.split(&format!("{name}=\"")).nth(1);
    value.map_or("", |rest| rest.split('"').next().unwrap())
}

fn pair(name: &str, value: &str) -> String {
    let escape = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
            char::from(byte).to_string()
        }
        other => format!("%{other:02X}"),
    };
    format!("{name}={}", value.bytes().map(escape).collect::<String>())
}

#[test]
fn a_partner_comes_by_mail_into_an_encrypted_conversation() {
    let mut site = Site::start();
    let agent = site.sign_up(
        "jane.smith@org.example",
        "/_estafette/sign-up?login_hint=jane.smith%40org.example",
        0,
    );
    let encryption = json!({ "algorithm": "m.megolm.v1.aes-sha2" });
    let room = site.api("POST", "/createRoom", &agent, &json!({
        "name": "Confidentiel", "preset": "private_chat",
        "initial_state": [{ "type": "m.room.encryption", "state_key": "", "content": encryption }],
    }));
    let room = room["room_id"].as_str().unwrap().to_owned();
    let body = json!({ "medium": "email", "address": "Partner@Guest.Example" });
    let invite = format!("/rooms/{room}/invite");
    site.api("POST", &invite, &agent, &body);

    let mail = site.mail_to("partner@guest.example", 0).replace("=\r\n", "").replace("=3D", "=");
    assert!(mail.contains("Jane Smith [Org]"), "{mail}");
    assert!(!mail.contains("Confidentiel"), "{mail}");
    let link = mail.split("https://x.fr").nth(1).unwrap_or_else(|| panic!("no link in {mail}"));
    let link = link.split_whitespace().next().unwrap();
    // What was acknowledged is there after the worst end.
    site.crash();
    let guest = site.sign_up("partner@guest.example", link, 1);

    let entry = eventually(|| {
        let sync = site.api("GET", "/sync?timeout=0", &guest, &json!({}));
        sync["rooms"]["invite"].get(&room).cloned()
    });
    let stripped = entry["invite_state"]["events"].as_array().unwrap().clone();
    let agent_id = site.user_of("jane.smith@org.example");
    let guest_id = site.user_of("partner@guest.example");
    let own = stripped.iter().find(|event| event["state_key"] == guest_id.as_str()).unwrap();
    assert_eq!(own["sender"], agent_id.as_str());
    assert_eq!(own["content"]["displayname"], "Partner [Externe]");
    assert_eq!(own["content"]["third_party_invite"]["signed"]["mxid"], guest_id.as_str());
    site.api("POST", &format!("/join/{room}"), &guest, &json!({}));
    let state = format!("/rooms/{room}/state/m.room.encryption");
    assert_eq!(site.api("GET", &state, &guest, &json!({}))["algorithm"], "m.megolm.v1.aes-sha2");
    let sealed = json!({ "algorithm": "m.megolm.v1.aes-sha2", "ciphertext": "…" });
    let send = format!("/rooms/{room}/send/m.room.encrypted/1");
    let sent = site.api("PUT", &send, &agent, &sealed)["event_id"].clone();
    let page = site.api("GET", &format!("/rooms/{room}/messages?dir=b"), &guest, &json!({}));
    assert_eq!(page["chunk"][0]["event_id"], sent);

    // A guest is there where they were asked in, and nowhere else.
    let create = ("POST", "/_matrix/client/v3/createRoom");
    let bearer = format!("Authorization: Bearer {guest}\r\n");
    let (status, _, answer) = site.http(create, &bearer, "{}");
    assert_eq!((status, answer.contains("M_FORBIDDEN")), (403, true), "{answer}");
}
