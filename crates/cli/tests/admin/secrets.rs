// SPDX-License-Identifier: Apache-2.0
//! Without these a log, a page of figures or a copy of the database opens somebody's account: the
//! built binary, through everything that a secret is used for, with all logging on.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    sync::mpsc,
    time::{Duration, Instant},
};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD},
};
use serde_json::{Value, json};

use super::running::{Running, estafette};

const ADDRESS: &str = "jane.smith@x.fr";
const PASSWORD: &str = "ocean lantern granite violin";
const NEW_PASSWORD: &str = "harvest meadow compass kettle";
const LINKED_PASSWORD: &str = "copper orchard lighthouse saddle";
const CLIENT_SECRET: &str = "canary-client-secret-4711";
const INTERNAL_SECRET: &str = "canary-internal-secret-of-many-letters";
const SHARED_SECRET: &str = "canary-shared-secret-of-registration";
const INVITATION: &str = "canary-registration-token";
/// RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const REDIRECT: &str = "https://app.x.fr/callback";

/// Every secret that was used, and what for.
#[derive(Default)]
struct Secrets(RefCell<BTreeMap<String, String>>);

impl Secrets {
    fn add(&self, what: &str, secret: &str) -> String {
        assert!(secret.len() >= 8, "{what} is too short to be looked for: {secret:?}");
        self.0.borrow_mut().insert(secret.to_owned(), what.to_owned());
        secret.to_owned()
    }

    /// What is found in `bytes`, in whatever form.
    fn found_in(&self, place: &str, bytes: &[u8]) -> Vec<String> {
        let secrets = self.0.borrow();
        let found = secrets.iter().flat_map(|(secret, what)| {
            let forms = forms(secret).into_iter();
            let found = forms.filter(|(_, form)| contains(bytes, form.as_bytes()));
            found.map(move |(form, _)| format!("{what} in {place}, {form}"))
        });
        found.collect()
    }
}

/// Whether it stands there, not as a part of a longer number.
fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    let is_number = needle.iter().all(u8::is_ascii_digit);
    let digit = |at: Option<usize>| {
        at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_digit) && is_number
    };
    let mut windows = bytes.windows(needle.len()).enumerate();
    windows.any(|(at, window)| {
        window == needle && !digit(at.checked_sub(1)) && !digit(Some(at + needle.len()))
    })
}

/// A secret as it is, as URLs and forms have it, in base64 wherever it begins, and in hexadecimal.
fn forms(secret: &str) -> Vec<(&'static str, String)> {
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    let mut forms = vec![
        ("as it is", secret.to_owned()),
        ("in a form", secret.replace(' ', "+")),
        ("in a URL", secret.replace(' ', "%20")),
        ("in upper hexadecimal", hex.to_uppercase()),
        ("in hexadecimal", hex),
    ];
    for (shift, skipped) in [(0, 0), (1, 2), (2, 3)] {
        let bytes = [&vec![0; shift], secret.as_bytes()].concat();
        // Only whole letters are the same whatever follows.
        let whole = bytes.len() * 8 / 6;
        for engine in [&STANDARD, &URL_SAFE] {
            let text = engine.encode(&bytes);
            forms.push(("in base64", text[skipped..whole].to_owned()));
        }
    }
    // Many look alike, and each is looked for once.
    let mut seen = BTreeSet::new();
    forms.retain(|(_, form)| seen.insert(form.clone()));
    forms
}

/// Pages and forms, with all cookies; every secret that comes along is noted.
struct Browser<'a> {
    running: &'a Running,
    secrets: &'a Secrets,
    cookies: BTreeMap<String, String>,
    page: String,
    location: String,
}

impl<'a> Browser<'a> {
    fn new(running: &'a Running, secrets: &'a Secrets) -> Self {
        let (page, location) = (String::new(), String::new());
        Self { running, secrets, cookies: BTreeMap::new(), page, location }
    }

    fn open(&mut self, path: &str) {
        self.send(("GET", path), "", "");
        while self.location.starts_with('/') && !self.location.starts_with("//") {
            let path = std::mem::take(&mut self.location);
            self.send(("GET", &path), "", "");
        }
    }

    fn send(&mut self, request: (&str, &str), kind: &str, body: &str) {
        let cookies: Vec<_> = self.cookies.iter().map(|(k, v)| format!("{k}={v}")).collect();
        let headers = format!("Cookie: {}\r\n{kind}", cookies.join("; "));
        let (_, head, page) = self.running.raw(request, &headers, body);
        self.location.clear();
        for (name, value) in head.lines().filter_map(|line| line.split_once(": ")) {
            if name.eq_ignore_ascii_case("location") {
                self.location = value.to_owned();
            }
            if name.eq_ignore_ascii_case("set-cookie") {
                let (name, value) = value.split(';').next().unwrap().split_once('=').unwrap();
                if value.len() >= 16 {
                    self.secrets.add(&format!("cookie {name}"), value);
                }
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        let tokens = page.split("name=\"form_token\" value=\"").skip(1);
        for token in tokens.filter_map(|rest| rest.split('"').next()) {
            self.secrets.add("token of a form", token);
        }
        self.page = page;
    }

    /// Sends the form that posts to `action`, and goes where the answer leads.
    fn submit(&mut self, action: &str, fields: &[(&str, &str)]) {
        let page = self.page.clone();
        let form = page
            .split("<form ")
            .skip(1)
            .find(|form| attribute(form.split('>').next().unwrap(), "action") == action);
        let form = form.unwrap_or_else(|| panic!("no form for {action} in {page}"));
        let form = form.split("</form>").next().unwrap();
        let inputs = form.split("<input ").skip(1).map(|tag| tag.split('>').next().unwrap());
        let hidden = inputs.filter(|tag| attribute(tag, "type") == "hidden");
        let mut body: Vec<String> =
            hidden.map(|tag| pair(&attribute(tag, "name"), &attribute(tag, "value"))).collect();
        body.extend(fields.iter().map(|(name, value)| pair(name, value)));
        let kind = "Content-Type: application/x-www-form-urlencoded\r\n";
        self.send(("POST", action), kind, &body.join("&"));
        if self.location.starts_with('/') {
            let path = self.location.clone();
            self.open(&path);
        }
    }
}

fn attribute(tag: &str, name: &str) -> String {
    let value = tag.split(&format!("{name}=\"")).nth(1);
    value.map_or("", |rest| rest.split('"').next().unwrap()).replace("&amp;", "&")
}

fn escape(text: &str) -> String {
    let escape = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
            char::from(byte).to_string()
        }
        other => format!("%{other:02X}"),
    };
    text.bytes().map(escape).collect()
}

fn pair(name: &str, value: &str) -> String {
    format!("{name}={}", escape(value))
}

/// A parameter of a URL, as it was before it was escaped (only `%` of plain bytes is met here).
fn parameter(url: &str, name: &str) -> String {
    let query = url.split(['?', '#']).nth(1).unwrap_or_else(|| panic!("no query: {url}"));
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let mut pairs = pairs.filter(|(known, _)| *known == name);
    pairs.next().unwrap_or_else(|| panic!("no {name} in {url}")).1.to_owned()
}

/// The server with everything that takes a secret, and what it wrote.
struct Site {
    running: Running,
    secrets: Secrets,
    folder: tempfile::TempDir,
}

impl Site {
    fn start(provider: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        let policy = "[organisations.dinum]\nname = \"DINUM\"\ndomains = [\"x.fr\"]\n";
        std::fs::write(path("policy.toml"), policy).unwrap();
        std::fs::write(path("internal"), INTERNAL_SECRET).unwrap();
        let config = format!(
            "server_name = \"x.fr\"\ndata_dir = {data:?}\nlog = \"trace\"\n\
             listener.address = \"127.0.0.1:0\"\nrate_limits.enabled = false\n\
             registration.shared_secret = {SHARED_SECRET:?}\nregistration.token = {INVITATION:?}\n\
             [identity.sign_up]\nenabled = true\n\
             [identity.policy]\nfile = {policy:?}\ninternal_secret_file = {internal:?}\n\
             [identity.mail]\ntransport = \"folder\"\nfolder = {mail:?}\nfrom = \"no-reply@x.fr\"\n\
             [[identity.upstream]]\nid = \"idp\"\nname = \"P\"\nissuer = {provider:?}\n\
             client_id = \"c\"\nclient_secret = {CLIENT_SECRET:?}\ndomains = [\"*\"]\n",
            data = path("data"),
            policy = path("policy.toml"),
            internal = path("internal"),
            mail = path("mail"),
        );
        std::fs::write(path("config.toml"), config).unwrap();
        let data = folder.path().join("data");
        let mut command = estafette(&data, &["serve", "--config", &path("config.toml")]);
        command.env_remove("RUST_LOG");
        let running = Running::start_as(&data, command);
        let secrets = Secrets::default();
        for (what, secret) in [
            ("password", PASSWORD),
            ("new password", NEW_PASSWORD),
            ("password by a link", LINKED_PASSWORD),
            ("secret at the provider", CLIENT_SECRET),
            ("secret of servers", INTERNAL_SECRET),
            ("secret of registration", SHARED_SECRET),
            ("token of registration", INVITATION),
            ("proof key", VERIFIER),
        ] {
            secrets.add(what, secret);
        }
        Self { running, secrets, folder }
    }

    /// The code of the newest mail, of which there are more than `known`.
    fn code(&self, known: usize) -> String {
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            let mails = self.mails();
            if mails.len() > known {
                let text = std::fs::read_to_string(mails.last().unwrap()).unwrap();
                let subject = text.split("Subject: ").nth(1).unwrap();
                let code: String = subject.chars().filter(char::is_ascii_digit).take(8).collect();
                return self.secrets.add("code of a mail", &code);
            }
            assert!(Instant::now() < until, "no mail is written");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn mails(&self) -> Vec<PathBuf> {
        let folder = std::fs::read_dir(self.folder.path().join("mail"));
        let mut paths: Vec<_> =
            folder.into_iter().flatten().map(|mail| mail.unwrap().path()).collect();
        paths.retain(|path| path.extension().is_some_and(|kind| kind == "eml"));
        paths.sort_by_key(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            name.rsplit('-').next().unwrap().parse::<u64>().unwrap_or(0)
        });
        paths
    }

    fn form(&self, path: &str, fields: &[(&str, &str)]) -> Value {
        let body: Vec<String> = fields.iter().map(|(name, value)| pair(name, value)).collect();
        let kind = "Content-Type: application/x-www-form-urlencoded\r\n";
        let (status, _, answer) = self.running.raw(("POST", path), kind, &body.join("&"));
        assert_eq!(status, 200, "{path}: {answer}");
        serde_json::from_str(&answer).unwrap()
    }

    fn keep(&self, what: &str, answer: &Value, members: &[&str]) {
        for member in members {
            let secret = answer[*member].as_str().unwrap_or_else(|| panic!("{member}: {answer}"));
            self.secrets.add(&format!("{member} of {what}"), secret);
        }
    }

    fn sign_up(&self) -> Browser<'_> {
        let mut browser = Browser::new(&self.running, &self.secrets);
        browser.open("/_estafette/sign-up");
        browser.submit("/_estafette/sign-up", &[("address", ADDRESS)]);
        let code = self.code(0);
        browser.submit("/_estafette/sign-up/code", &[("code", &code)]);
        let chosen = [("password", PASSWORD), ("again", PASSWORD)];
        browser.submit("/_estafette/sign-up/account", &chosen);
        browser
    }

    /// A client of the OAuth 2.0 API: its code, its tokens, and those after them.
    fn oauth(&self, browser: &mut Browser<'_>) {
        let metadata = json!({
            "client_name": "App", "client_uri": "https://app.x.fr/", "redirect_uris": [REDIRECT],
            "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"],
            "application_type": "web", "token_endpoint_auth_method": "none",
        });
        let (status, client) = self.running.http("POST", "/oauth2/register", "", &metadata);
        assert_eq!(status, 201, "{client}");
        let client = client["client_id"].as_str().unwrap();
        let state = self.secrets.add("state of a client", "canary-state-of-the-client");
        let scope = "urn:matrix:client:api:* urn:matrix:client:device:OAUTHDEVICE";
        let query = [
            ("response_type", "code"),
            ("client_id", client),
            ("redirect_uri", REDIRECT),
            ("scope", scope),
            ("state", &state),
            ("response_mode", "query"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ];
        let query: Vec<String> = query.iter().map(|(name, value)| pair(name, value)).collect();
        browser.open(&format!("/oauth2/authorize?{}", query.join("&")));
        browser.submit("/_estafette/consent", &[("decision", "allow")]);
        let code = self.secrets.add("code of OAuth", &parameter(&browser.location, "code"));
        let tokens = self.form(
            "/oauth2/token",
            &[
                ("grant_type", "authorization_code"),
                ("code", &code),
                ("client_id", client),
                ("redirect_uri", REDIRECT),
                ("code_verifier", VERIFIER),
            ],
        );
        self.keep("OAuth", &tokens, &["access_token", "refresh_token"]);
        let refreshed = self.form(
            "/oauth2/token",
            &[
                ("grant_type", "refresh_token"),
                ("refresh_token", tokens["refresh_token"].as_str().unwrap()),
                ("client_id", client),
            ],
        );
        self.keep("OAuth", &refreshed, &["access_token", "refresh_token"]);
        let token = refreshed["access_token"].as_str().unwrap();
        let whoami = "/_matrix/client/v3/account/whoami";
        assert_eq!(self.running.http("GET", whoami, token, &json!({})).0, 200);
        let wrong = self.secrets.add("token that nobody has", "canary-token-that-nobody-has");
        assert_eq!(self.running.http("GET", whoami, &wrong, &json!({})).0, 401);
        self.running.http("GET", &format!("{whoami}?access_token={token}"), "", &json!({}));
        self.form("/oauth2/revoke", &[("token", token), ("client_id", client)]);
    }

    /// A client of the legacy API.
    fn legacy(&self, password: &str) {
        let body = json!({ "type": "m.login.password", "password": password, "refresh_token": true,
            "identifier": { "type": "m.id.thirdparty", "medium": "email", "address": ADDRESS } });
        let (status, session) = self.running.http("POST", "/_matrix/client/v3/login", "", &body);
        assert_eq!(status, 200, "{session}");
        self.keep("log-in", &session, &["access_token", "refresh_token"]);
        let body = json!({ "refresh_token": session["refresh_token"] });
        let (status, session) = self.running.http("POST", "/_matrix/client/v3/refresh", "", &body);
        assert_eq!(status, 200, "{session}");
        self.keep("log-in", &session, &["access_token", "refresh_token"]);
    }

    fn reset_password(&self) {
        let mut browser = Browser::new(&self.running, &self.secrets);
        browser.open("/_estafette/password/reset");
        let known = self.mails().len();
        browser.submit("/_estafette/password/reset", &[("address", ADDRESS)]);
        let code = self.code(known);
        browser.submit("/_estafette/password/reset/code", &[("code", &code)]);
        let chosen = [("password", NEW_PASSWORD), ("again", NEW_PASSWORD)];
        browser.submit("/_estafette/password/reset/new", &chosen);
    }

    /// By another provider's word, which cannot be believed: by then all of its secrets were here.
    fn upstream(&self, asked: &mpsc::Receiver<String>) {
        let mut browser = Browser::new(&self.running, &self.secrets);
        browser.open("/_estafette/sign-in");
        browser.open("/_estafette/upstream/idp?continue=%2F");
        let there = browser.location.clone();
        for name in ["state", "nonce"] {
            self.secrets.add(&format!("{name} at the provider"), &parameter(&there, name));
        }
        let code = self.secrets.add("code of the provider", "canary-code-of-the-provider");
        let state = parameter(&there, "state");
        browser.open(&format!("/_estafette/upstream/idp/callback?code={code}&state={state}"));
        let body = asked.recv_timeout(Duration::from_secs(60)).unwrap();
        self.secrets
            .add("proof key at the provider", &parameter(&format!("?{body}"), "code_verifier"));
        for secret in [ID_TOKEN, UPSTREAM_TOKEN] {
            self.secrets.add("token of the provider", secret);
        }
    }

    /// Returns a token of registration, the one secret that the database has as it is: its tables
    /// show it to administrators, and it lets nobody into an account.
    fn administer(&self) -> String {
        let reset = self.running.done(&["users", "reset-password", ADDRESS]);
        let link = reset["password_link"].as_str().unwrap();
        self.secrets.add("token of a link", &parameter(link, "token"));
        assert_eq!(self.running.choose(link, LINKED_PASSWORD), 303);
        let lookup = "/_estafette/identity/v1/internal/lookup?address=a%40x.fr";
        assert_eq!(self.running.http("GET", lookup, INTERNAL_SECRET, &json!({})).0, 200);
        let made = self.running.done(&["registration-tokens", "create"]);
        let token = made["token"].as_str().unwrap();
        self.running.done(&["registration-tokens", "delete", token]);
        token.to_owned()
    }
}

const ID_TOKEN: &str = "eyJhbGciOiJSUzI1NiJ9.eyJjYW5hcnkiOiJpZC10b2tlbiJ9.Y2FuYXJ5LXNpZ25hdHVyZQ";
const UPSTREAM_TOKEN: &str = "canary-access-token-of-the-provider";

/// A provider that answers in form and signs nothing. The receiver gets what its token endpoint was
/// asked.
fn provider() -> (String, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let issuer = format!("http://{}", listener.local_addr().unwrap());
    let (asked, receiver) = mpsc::channel();
    let own = issuer.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let _ = answer(&own, stream, &asked);
        }
    });
    (issuer, receiver)
}

fn answer(issuer: &str, stream: TcpStream, asked: &mpsc::Sender<String>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let (mut head, mut line) = (String::new(), String::new());
    while reader.read_line(&mut line)? > 2 {
        head.push_str(&line);
        line.clear();
    }
    let length = head.lines().filter_map(|line| line.split_once(": "));
    let mut length = length.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length = length.next().map_or(0, |(_, length)| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let answer = match head.split(' ').nth(1).unwrap_or_default() {
        "/.well-known/openid-configuration" => json!({
            "issuer": issuer, "authorization_endpoint": format!("{issuer}/authorize"),
            "token_endpoint": format!("{issuer}/token"), "jwks_uri": format!("{issuer}/jwks"),
            "response_types_supported": ["code"], "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }),
        "/token" => {
            let _ = asked.send(String::from_utf8_lossy(&body).into_owned());
            json!({ "access_token": UPSTREAM_TOKEN, "token_type": "Bearer", "id_token": ID_TOKEN })
        }
        _ => json!({ "keys": [] }),
    };
    let answer = answer.to_string();
    write!(
        reader.get_mut(),
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\
         Content-Length: {}\r\n\r\n{answer}",
        answer.len()
    )
}

/// Files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn no_secret_is_in_logs_figures_or_the_database() {
    let (issuer, asked) = provider();
    let site = Site::start(&issuer);
    let mut browser = site.sign_up();
    site.oauth(&mut browser);
    site.legacy(PASSWORD);
    site.upstream(&asked);
    site.reset_password();
    site.legacy(NEW_PASSWORD);
    let registration_token = site.administer();
    site.legacy(LINKED_PASSWORD);
    let mut found = Vec::new();
    let figures = [
        "/metrics",
        "/_synapse/metrics",
        "/_estafette/metrics",
        "/health",
        "/_matrix/client/versions",
    ];
    for path in figures {
        let (_, head, page) = site.running.raw(("GET", path), "", "");
        found.extend(site.secrets.found_in(path, format!("{head}{page}").as_bytes()));
    }
    let data = site.folder.path().join("data");
    let (keys, files): (Vec<_>, Vec<_>) = files(&data)
        .into_iter()
        .filter(|path| path.file_name().is_some_and(|name| name != "admin.sock"))
        .partition(|path| path.extension().is_some_and(|kind| kind == "key"));
    assert!(keys.len() >= 2, "{keys:?}");
    let mut raw_keys = Vec::new();
    for path in keys {
        let text = std::fs::read_to_string(&path).unwrap();
        for word in text.split_whitespace().filter(|word| word.len() >= 32) {
            site.secrets.add(&path.display().to_string(), word);
            let key = STANDARD_NO_PAD.decode(word).or_else(|_| URL_SAFE_NO_PAD.decode(word));
            let Ok(key) = key else { continue };
            let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
            site.secrets.add(&path.display().to_string(), &hex);
            raw_keys.push(key);
        }
    }
    // While the server runs: its log of what is not in the database yet is there.
    for name in ["estafette.db", "estafette.db-wal"] {
        assert!(files.iter().any(|path| path.ends_with(name)), "{name}: {files:?}");
    }
    for path in files {
        let bytes = std::fs::read(&path).unwrap_or_default();
        let place = path.file_name().unwrap().to_string_lossy().into_owned();
        found.extend(site.secrets.found_in(&place, &bytes));
        let has_key = raw_keys.iter().any(|key| contains(&bytes, key));
        found.extend(has_key.then(|| format!("a key in {place}")));
    }
    site.secrets.add("token of registration", &registration_token);
    let errors = std::fs::read(site.running.errors.path()).unwrap();
    found.extend(site.secrets.found_in("the standard error stream", &errors));
    let log = site.running.stop();
    assert!(log.contains("TRACE"), "everything is logged");
    found.extend(site.secrets.found_in("the log", log.as_bytes()));
    assert_eq!(found, [""; 0], "of {} secrets", site.secrets.0.borrow().len());
    for event in
        ["code_right", "signed_up", "signed_in", "logged_in", "password_right", "password_changed"]
    {
        let line = format!("account: account event=\"{event}\"");
        assert!(log.contains(&line), "{event}: operators cannot say later who was there");
    }
}

/// Otherwise a crash writes keys and passwords to a file that anybody may carry away.
#[test]
fn a_crash_leaves_no_memory_behind_unless_that_is_configured() {
    use rustix::process::{Resource, getrlimit};
    let own = getrlimit(Resource::Core);
    for (configured, allowed) in [(None, false), (Some("true"), true)] {
        let folder = tempfile::tempdir().unwrap();
        let mut command = estafette(folder.path(), &["serve"]);
        command.envs(configured.map(|value| ("ESTAFETTE__CORE_DUMPS", value)));
        command.env("ESTAFETTE__LOG", "warn,estafette=info");
        let running = Running::start_as(folder.path(), command);
        let limits = std::fs::read_to_string(format!("/proc/{}/limits", running.pid())).unwrap();
        let line = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
        let words: Vec<&str> = line.split_whitespace().collect();
        let none = words[4..6] == ["0", "0"];
        assert_eq!(none, !allowed || own.maximum == Some(0), "{configured:?}: {line}");
        // Whatever is logged, what has to be kept is.
        running.done(&["users", "create", "--localpart", "a", "--reason", "first day"]);
        let log = running.stop();
        let line = log.lines().find(|line| line.contains("administrative act")).unwrap();
        assert!(line.contains(" audit: ") && line.contains("act=\"account.create\""), "{line}");
        assert!(line.contains("first day") && !line.contains('\u{1b}'), "{line}");
    }
}

/// The search itself: otherwise it would find nothing because it cannot.
#[test]
fn a_secret_is_found_in_every_form() {
    let secrets = Secrets::default();
    secrets.add("word", "canary of many letters");
    secrets.add("code", "12345678");
    for text in [
        "x canary of many letters x",
        "q=canary+of+many+letters&",
        "?canary%20of%20many%20letters",
        "63616e617279206f66206d616e79206c657474657273",
        "63616E617279206F66206D616E79206C657474657273",
        "code 12345678.",
    ] {
        assert_eq!(secrets.found_in("text", text.as_bytes()).len(), 1, "{text}");
    }
    for before in ["", "a", "ab", "abc"] {
        let encoded = STANDARD.encode(format!("{before}canary of many letters:rest"));
        assert!(!secrets.found_in("text", encoded.as_bytes()).is_empty(), "{encoded}");
    }
    assert_eq!(secrets.found_in("text", b"1123456789 canary of many"), [""; 0]);
}
