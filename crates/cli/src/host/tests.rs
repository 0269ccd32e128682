// SPDX-License-Identifier: Apache-2.0
//! Brute force at the whole server, pages and Matrix endpoints together, with the limits that it
//! comes with and a clock that is moved by hand (F-23, F-24).

use std::{collections::VecDeque, sync::Arc};

use axum::{Router, body::Body};
use estafette_core::ids::UserId;
use estafette_homeserver::{
    Server, Shared,
    clock::{ManualClock, SeededRandom},
    config::Config,
};
use estafette_identity::{Identity, IdentityConfig, config::MailTransport};
use estafette_store::{
    AccountStore as _, PeopleStore as _,
    accounts::{AccountFlag, NewAccount},
    people::PersonDetails,
};
use http::{HeaderMap, Request, StatusCode, header};
use tower::ServiceExt as _;

mod leave;

const MINUTE_MS: i64 = 60_000;
const PASSWORD: &str = "ocean lantern granite violin";
const ADDRESS: &str = "alice@x.fr";
/// Where alice's device is.
const HOME: &str = "198.51.100.7";
const SIGN_IN: &str = "/_estafette/sign-in";
const RESET: &str = "/_estafette/password/reset";
const CODE: &str = "/_estafette/password/reset/code";

struct Site {
    server: Shared,
    clock: Arc<ManualClock>,
    router: Router,
    _identity: Arc<Identity>,
    _folder: tempfile::TempDir,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    fn is_let_in(&self) -> bool {
        [StatusCode::OK, StatusCode::SEE_OTHER].contains(&self.status)
    }

    fn is_held_back(&self) -> bool {
        self.status == StatusCode::TOO_MANY_REQUESTS
    }

    /// The value of a cookie that is set, `name=value`.
    fn cookie(&self, name: &str) -> Option<String> {
        let cookies = self.headers.get_all(header::SET_COOKIE).iter();
        let mut cookies = cookies.map(|cookie| cookie.to_str().unwrap().split(';').next().unwrap());
        cookies.find(|cookie| cookie.starts_with(&format!("{name}="))).map(str::to_owned)
    }
}

impl Site {
    /// A server at `x.fr` with alice, who has a password, an address and a device at [`HOME`].
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config {
            server_name: "x.fr".into(),
            data_dir: folder.path().into(),
            public_base_url: "https://x.fr".into(),
            ..Config::default()
        };
        config.listener.behind_proxy = true;
        let mut identity = IdentityConfig::default();
        identity.sign_up.enabled = true;
        identity.policy.open = true;
        identity.mail.transport = MailTransport::Folder;
        identity.mail.from = "Estafette <no-reply@x.fr>".into();
        identity.mail.folder = folder.path().join("mail");
        let clock = Arc::new(ManualClock::at(1_700_000_000_000));
        let random = Arc::new(SeededRandom::new(1));
        let server = Server::open(config, Arc::clone(&clock) as _, random).unwrap();
        let (identity, router) = crate::serve::join(&server, identity).unwrap();
        let site = Self { server, clock, router, _identity: identity, _folder: folder };
        site.person("alice", ADDRESS).await;
        site
    }

    async fn person(&self, localpart: &str, address: &str) {
        let user_id = UserId::from_localpart(localpart, &self.server.server_name).unwrap();
        let hash = self.server.auth.passwords.hash(&*self.server.random, PASSWORD).await.unwrap();
        let account = NewAccount {
            user_id: user_id.clone(),
            password_hash: Some(hash),
            appservice_id: None,
            is_admin: false,
            displayname: None,
            registration_token: None,
            login: None,
            now_ms: self.server.now_ms(),
        };
        self.server.store.create_account(account).await.unwrap();
        let details = PersonDetails { email: Some(address.into()), ..PersonDetails::default() };
        self.server.store.put_person(&user_id, details).await.unwrap();
    }

    async fn send(&self, request: http::request::Builder, at: &str, body: String) -> Answer {
        let request = request.header("host", "x.fr").header("x-forwarded-for", at);
        let response =
            self.router.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        let body = String::from_utf8(bytes.into()).unwrap();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    /// `POST /login`, with a cookie (`name=value`, or nothing).
    async fn log_in(&self, who: &str, password: &str, at: &str, cookie: &str) -> Answer {
        let identifier = if who.contains('@') && !who.starts_with('@') {
            serde_json::json!({ "type": "m.id.thirdparty", "medium": "email", "address": who })
        } else {
            serde_json::json!({ "type": "m.id.user", "user": who })
        };
        let body = serde_json::json!({
            "type": "m.login.password", "identifier": identifier, "password": password,
        });
        let request = Request::post("/_matrix/client/v3/login").header("cookie", cookie);
        self.send(request, at, body.to_string()).await
    }

    /// A fresh browser that opens `page`, shows the cookie `known` as well, and sends the form.
    async fn fill_in(&self, page: &str, fields: &[(&str, &str)], at: &str, known: &str) -> Answer {
        let shown = self.send(Request::get(page), at, String::new()).await;
        assert_eq!(shown.status, StatusCode::OK, "{}", shown.body);
        let browser = shown.cookie("__Host-estafette").unwrap();
        let token = shown.body.split("name=\"form_token\" value=\"").nth(1).unwrap();
        let mut fields = fields.to_vec();
        fields.push(("form_token", token.split('"').next().unwrap()));
        let request = Request::post(page)
            .header("cookie", format!("{browser}; {known}"))
            .header("content-type", "application/x-www-form-urlencoded");
        let body: Vec<String> = fields
            .iter()
            .map(|(name, value)| format!("{name}={}", value.replace('@', "%40").replace(' ', "+")))
            .collect();
        self.send(request, at, body.join("&")).await
    }

    async fn sign_in(&self, who: &str, password: &str, at: &str, known: &str) -> Answer {
        self.fill_in(SIGN_IN, &[("who", who), ("password", password)], at, known).await
    }

    async fn ask_for_code(&self, page: &str, address: &str, at: &str, known: &str) -> Answer {
        self.fill_in(page, &[("address", address)], at, known).await
    }

    /// A fresh browser that asks for a code to `address` and types `codes`: how each is answered.
    async fn type_codes(&self, address: &str, codes: &[&str], at: &str) -> Vec<StatusCode> {
        let shown = self.send(Request::get(RESET), at, String::new()).await;
        let browser = shown.cookie("__Host-estafette").unwrap();
        let token = shown.body.split("name=\"form_token\" value=\"").nth(1).unwrap();
        let token = token.split('"').next().unwrap();
        let post = async |path: &str, field: String| {
            let request = Request::post(path)
                .header("cookie", &browser)
                .header("content-type", "application/x-www-form-urlencoded");
            self.send(request, at, format!("{field}&form_token={token}")).await
        };
        let address = address.replace('@', "%40");
        assert!(post(RESET, format!("address={address}")).await.is_let_in());
        let mut answers = Vec::new();
        for code in codes {
            answers.push(post(CODE, format!("code={code}")).await.status);
        }
        answers
    }

    /// Signs alice in with a device at [`HOME`]. The cookie that her browser is known by.
    async fn settle(&self) -> String {
        let device: serde_json::Value =
            serde_json::from_str(&self.log_in("alice", PASSWORD, HOME, "").await.body).unwrap();
        let token = device["access_token"].as_str().unwrap();
        let request = Request::get("/_matrix/client/v3/account/whoami")
            .header("authorization", format!("Bearer {token}"));
        assert_eq!(self.send(request, HOME, String::new()).await.status, StatusCode::OK);
        let signed_in = self.sign_in("alice", PASSWORD, HOME, "").await;
        let known = signed_in.cookie("__Host-estafette-known").unwrap();
        let cookies = signed_in.headers.get_all(header::SET_COOKIE).iter();
        let mut cookies = cookies.map(|cookie| cookie.to_str().unwrap());
        let whole = cookies.find(|cookie| cookie.starts_with(&known)).unwrap();
        assert!(whole.ends_with("; Max-Age=34128000; HttpOnly; SameSite=Lax; Secure"), "{whole}");
        known
    }
}

/// What was done within the last minute.
#[derive(Default)]
struct LastMinute(VecDeque<i64>);

impl LastMinute {
    fn note(&mut self, now_ms: i64) -> usize {
        self.0.push_back(now_ms);
        while self.0.front().is_some_and(|at| now_ms - at >= MINUTE_MS) {
            self.0.pop_front();
        }
        self.0.len()
    }
}

fn source(at: usize) -> String {
    format!("203.{}.{}.9", at / 250, at % 250)
}

/// Otherwise an account is guessed at faster than ten times a minute by some way, or strangers keep
/// its owner out of some.
#[tokio::test]
async fn ten_minutes_of_guesses_from_a_thousand_places_keep_no_owner_out() {
    let site = Site::start().await;
    let known = site.settle().await;
    let (mut weighed, mut most, mut guesser) = (LastMinute::default(), 0, 0);
    for step in 0..100 {
        for _ in 0..20 {
            guesser += 1;
            let (at, guess) = (source(guesser % 1_000), format!("guess {guesser}"));
            let who = ["alice", "@alice:x.fr", ADDRESS, "ALICE@x.fr"][guesser % 4];
            let answer = if guesser % 10 == 0 {
                site.sign_in(who, &guess, &at, "").await
            } else {
                site.log_in(who, &guess, &at, "").await
            };
            assert!(!answer.is_let_in());
            if !answer.is_held_back() {
                most = weighed.note(site.server.now_ms()).max(most);
            }
        }
        // In each place a slip, and a minute later the right password, each let in at once.
        let new = source(40_000 + step);
        let (at, cookie) = if step % 10 == 0 { (HOME, "") } else { (new.as_str(), known.as_str()) };
        let by_page = step % 40 < 20;
        if step % 20 == 0 || step % 20 == 5 {
            let slip = if by_page {
                site.sign_in("alice", &format!("slip {step}"), at, cookie).await
            } else {
                site.log_in(ADDRESS, "slip", at, cookie).await
            };
            assert!(!slip.is_held_back() && !slip.is_let_in(), "step {step}: {}", slip.body);
            most = weighed.note(site.server.now_ms()).max(most);
        } else if step % 5 == 0 {
            let owner = if by_page {
                site.sign_in(ADDRESS, PASSWORD, at, cookie).await
            } else {
                site.log_in("alice", PASSWORD, at, cookie).await
            };
            assert!(owner.is_let_in(), "step {step}: {} {}", owner.status, owner.body);
        }
        site.clock.advance(6_000);
    }
    assert!((1..=10).contains(&most), "{most} guesses in a minute");
}

/// Otherwise a cookie that was stolen guesses in a lane of its own for ever, or a new password takes
/// the lane of the browser in which its owner signed in with it.
#[tokio::test]
async fn another_password_ends_the_lane_of_browsers_known_before() {
    let site = Site::start().await;
    let stolen = site.settle().await;
    let alice = UserId::from_localpart("alice", &site.server.server_name).unwrap();
    let hash = site.server.auth.passwords.hash(&*site.server.random, PASSWORD).await.unwrap();
    site.server.store.set_password(&alice, Some(hash), None).await.unwrap();
    let owner = site.sign_in("alice", PASSWORD, &source(50), &stolen).await;
    let known = owner.cookie("__Host-estafette-known").unwrap();
    for guess in 0..8 {
        site.log_in("alice", &format!("guess {guess}"), &source(guess), "").await;
    }
    let slip = site.sign_in("alice", "slip", &source(60), &known).await;
    assert!(!slip.is_held_back() && !slip.is_let_in(), "{}", slip.body);
    site.clock.advance(MINUTE_MS);
    for guess in 0..8 {
        site.log_in("alice", &format!("guess {guess}"), &source(guess), "").await;
    }
    assert!(site.sign_in("alice", "guess", &source(61), &stolen).await.is_held_back());
    assert!(site.log_in("alice", "guess", &source(61), &stolen).await.is_held_back());
    assert!(site.sign_in("alice", PASSWORD, &source(62), &known).await.is_let_in());
}

/// Otherwise whoever guesses from one place keeps out everybody who is at a new one.
#[tokio::test]
async fn one_stranger_never_keeps_out_an_owner_at_a_new_place() {
    let site = Site::start().await;
    for minute in 0..10 {
        for guess in 0..20 {
            site.log_in("alice", &format!("guess {guess}"), &source(1), "").await;
        }
        let new = source(100 + minute);
        let owner = site.sign_in(ADDRESS, PASSWORD, &new, "").await;
        assert!(owner.is_let_in(), "minute {minute}: {}", owner.body);
        site.clock.advance(MINUTE_MS);
    }
}

/// Otherwise strangers who ask for codes keep somebody from getting theirs, or fill a mailbox.
#[tokio::test]
async fn ten_minutes_of_asking_for_codes_keep_nobody_from_their_own() {
    let site = Site::start().await;
    let known = site.settle().await;
    // Bob has no account yet, and is where others of this server are.
    let (bob, at_home) = ("bob@x.fr", HOME);
    let mut sent = [LastMinute::default(), LastMinute::default()];
    let pages = [(ADDRESS, RESET), (bob, "/_estafette/sign-up")];
    for step in 0..60 {
        for ((address, page), sent) in pages.iter().zip(&mut sent) {
            for nr in 0..10 {
                let at = source(step * 10 + nr);
                let answer = site.ask_for_code(page, address, &at, "").await;
                if !answer.is_held_back() {
                    let most = sent.note(site.server.now_ms());
                    assert!(most <= 2, "{most} codes to {address} in a minute");
                }
            }
        }
        if step % 6 == 5 {
            let owner = site.ask_for_code(RESET, ADDRESS, &source(40_000 + step), &known).await;
            assert!(owner.is_let_in(), "step {step}: {}", owner.body);
            let owner = site.ask_for_code("/_estafette/sign-up", bob, at_home, "").await;
            assert!(owner.is_let_in(), "step {step}: {}", owner.body);
        }
        site.clock.advance(10_000);
    }
}

/// Otherwise one who asks for codes without end keeps all others at new places from theirs.
#[tokio::test]
async fn one_place_takes_no_code_from_a_new_one_and_may_not_have_everybody_written_to() {
    let site = Site::start().await;
    for minute in 0..5 {
        for _ in 0..5 {
            site.ask_for_code(RESET, ADDRESS, &source(1), "").await;
        }
        let owner = site.ask_for_code(RESET, ADDRESS, &source(10 + minute), "").await;
        assert!(owner.is_let_in(), "minute {minute}: {}", owner.body);
        site.clock.advance(MINUTE_MS);
    }
    let mut sent = 0;
    for nr in 0..230 {
        let address = format!("agent{nr}@x.fr");
        sent += u32::from(site.ask_for_code(RESET, &address, &source(1), "").await.is_let_in());
    }
    assert_eq!(sent, 200);
    assert!(site.ask_for_code(RESET, "agent@x.fr", &source(2), "").await.is_let_in());
}

/// Otherwise whoever types wrong codes shuts everybody at the same address out of theirs.
#[tokio::test]
async fn wrong_codes_of_others_hold_back_no_first_try() {
    let site = Site::start().await;
    let mut last = Vec::new();
    for nr in 0..40 {
        let address = format!("agent{nr}@x.fr");
        let codes = ["00000001", "00000002", "00000003"];
        last = site.type_codes(&address, &codes, &source(1)).await;
    }
    let (wrong, wait) = (StatusCode::UNPROCESSABLE_ENTITY, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(last, [wrong, wait, wait], "one for each code, and sixty for the address");
    let newcomer = site.type_codes("new@x.fr", &["00000001"], &source(1)).await;
    assert_eq!(newcomer, [wrong], "weighed at once");
}

/// Otherwise what is let in, held back or waited for tells who has an account (F-24): on the page
/// and by the endpoint, for strangers, for who sits where alice does, and in others' browsers.
#[tokio::test]
async fn nobody_is_answered_as_somebody_is() {
    let site = Site::start().await;
    site.settle().await;
    site.person("carol", "carol@x.fr").await;
    let carol = site.sign_in("carol", PASSWORD, &source(7), "").await;
    let carols = carol.cookie("__Host-estafette-known").unwrap();
    let places = [
        (source(1), ""),
        (HOME.to_owned(), ""),
        (source(2), carols.as_str()),
        (HOME.to_owned(), ""),
        (HOME.to_owned(), carols.as_str()),
        (source(3), ""),
        (source(4), ""),
        (source(5), ""),
        (HOME.to_owned(), ""),
    ];
    let mut told: Vec<Vec<(StatusCode, HeaderMap, usize)>> = Vec::new();
    for who in [ADDRESS, "nobod@x.fr", "nob:d@x.fr"] {
        let mut answers = Vec::new();
        for way in 0..3 {
            for (at, cookie) in &places {
                let answer = match way {
                    0 => site.sign_in(who, "guess", at, cookie).await,
                    1 => site.log_in(who, "guess", at, cookie).await,
                    _ if who.contains(':') => continue,
                    _ => site.ask_for_code(RESET, who, at, cookie).await,
                };
                let mut headers = answer.headers;
                headers.remove(header::SET_COOKIE);
                answers.push((answer.status, headers, answer.body.len()));
                site.clock.advance(1_000);
            }
            site.clock.advance(MINUTE_MS);
        }
        let held_back = answers.iter().filter(|(status, ..)| status.as_u16() == 429).count();
        assert!(held_back >= 6, "{who}: {answers:#?}");
        told.push(answers);
    }
    assert_eq!(told[0], told[1]);
    // Its page leads on without the address, which is none: that is to be seen without asking.
    let held_back = |answers: &[(StatusCode, HeaderMap, usize)]| -> Vec<_> {
        let waits = |headers: &HeaderMap| headers.get(header::RETRY_AFTER).cloned();
        answers.iter().map(|(status, headers, _)| (*status, waits(headers))).collect()
    };
    assert_eq!(held_back(&told[0][..18]), held_back(&told[2]), "what is no address at all");
}

/// Otherwise a client whose token has ended is told that it has none, and never refreshes it
/// (MSC4388, "Authentication").
#[tokio::test]
async fn a_token_that_lets_nobody_in_is_no_missing_one() {
    let site = Site::start().await;
    let device: serde_json::Value =
        serde_json::from_str(&site.log_in("alice", PASSWORD, HOME, "").await.body).unwrap();
    let token = device["access_token"].as_str().unwrap();
    let path = "/_matrix/client/unstable/io.element.msc4388/rendezvous";
    let ask = async |header: &str, query: &str| {
        let mut request = Request::get(format!("{path}{query}"));
        if !header.is_empty() {
            request = request.header("authorization", header);
        }
        let answer = site.send(request, HOME, String::new()).await;
        let body: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
        (answer.status.as_u16(), body)
    };
    let (bearer, query) = (format!("Bearer {token}"), format!("?access_token={token}"));
    let available = |known: bool| (200, serde_json::json!({ "create_available": known }));
    assert_eq!(ask("", "").await, available(false));
    assert_eq!(ask(&bearer, "").await, available(true));
    assert_eq!(ask("", &query).await, available(true));
    for (header, query) in [("Bearer x", ""), ("", "?access_token=x"), ("Basic x", "")] {
        let (status, body) = ask(header, query).await;
        assert_eq!(status, 401, "{body}");
    }
    let user_id = UserId::parse("@alice:x.fr").unwrap();
    site.server.store.set_account_flag(&user_id, AccountFlag::Locked, true).await.unwrap();
    let (status, body) = ask(&bearer, "").await;
    assert_eq!((status, &body["errcode"]), (401, &"M_USER_LOCKED".into()));
    assert_eq!(body["soft_logout"], true);
    site.server.store.set_account_flag(&user_id, AccountFlag::Locked, false).await.unwrap();
    let email = Some(ADDRESS.to_owned());
    let expires_ms = Some(site.server.now_ms());
    let details = PersonDetails { email, expires_ms, ..PersonDetails::default() };
    site.server.store.put_person(&user_id, details).await.unwrap();
    let (status, body) = ask(&bearer, "").await;
    assert_eq!((status, &body["errcode"]), (403, &"ORG_MATRIX_EXPIRED_ACCOUNT".into()));
}
