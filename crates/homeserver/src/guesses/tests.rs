// SPDX-License-Identifier: Apache-2.0
//! F-23 through the router of this crate; `crates/cli/src/host/tests.rs` has the pages as well.

use std::collections::VecDeque;

use http::{Request, StatusCode};
use serde_json::{Value, json};

use super::*;
use crate::{
    clock::SeededRandom,
    testing::{Answer, PASSWORD, TestServer},
};

const MINUTE_MS: i64 = 60_000;
const HOME: &str = "198.51.100.7";

async fn start() -> TestServer {
    let server = TestServer::with(|config| {
        config.rate_limits.enabled = true;
        config.listener.behind_proxy = true;
    });
    server.await
}

fn source(at: usize) -> String {
    format!("203.{}.{}.9", at / 250, at % 250)
}

async fn log_in(server: &TestServer, who: &str, password: &str, at: &str, known: &str) -> Answer {
    let mut request = Request::builder()
        .method("POST")
        .uri("/_matrix/client/v3/login")
        .header("x-forwarded-for", at);
    if !known.is_empty() {
        request = request.header("cookie", format!("a=b; __Host-estafette-known={known}"));
    }
    let identifier = json!({ "type": "m.id.user", "user": who });
    let body =
        json!({ "type": "m.login.password", "identifier": identifier, "password": password });
    server.send(request.body(body.to_string().into()).unwrap()).await
}

/// Tries a password in the session of `token`.
async fn prove(server: &TestServer, token: &str, password: &str) -> StatusCode {
    let auth = json!({ "type": "m.login.password", "password": password });
    let path = "/v1/login/get_token";
    server.request("POST", path, token, json!({ "auth": auth })).await.0
}

/// A device of alice's that is used at [`HOME`], and its token.
async fn at_home(server: &TestServer) -> String {
    let token = server.register("alice").await;
    let request = Request::builder()
        .uri("/_matrix/client/v3/account/whoami")
        .header("authorization", format!("Bearer {token}"))
        .header("x-forwarded-for", HOME);
    let answer = server.send(request.body(axum::body::Body::empty()).unwrap()).await;
    assert_eq!(answer.status, StatusCode::OK);
    token
}

/// Guesses that were weighed, within the last minute.
#[derive(Default)]
struct Weighed(VecDeque<i64>);

impl Weighed {
    fn note(&mut self, status: StatusCode, now_ms: i64) {
        assert_ne!(status, StatusCode::OK);
        if status != StatusCode::TOO_MANY_REQUESTS {
            self.0.push_back(now_ms);
        }
        while self.0.front().is_some_and(|at| now_ms - at >= MINUTE_MS) {
            self.0.pop_front();
        }
        assert!(self.0.len() <= 10, "{} guesses in a minute", self.0.len());
    }
}

/// Otherwise an account is guessed at faster than ten times a minute, or strangers keep its owner
/// out: ten minutes of guesses from one place, and from a thousand.
#[tokio::test]
async fn guesses_from_one_and_a_thousand_places_keep_no_owner_out() {
    for sources in [1, 1_000] {
        let server = start().await;
        let token = at_home(&server).await;
        let mut random = SeededRandom::new(7);
        let alice = UserId::parse("@alice:x.fr").unwrap();
        let known = server.server.guesses.remember_browser(None, &alice, &random);
        random = SeededRandom::new(8);
        let forged = KnownBrowsers::new(b"another key").remember(None, alice.as_str(), &random);
        let (mut weighed, mut guesser, mut home, mut abroad) = (Weighed::default(), 0, 0, 0);
        for step in 0..120 {
            for _ in 0..84 {
                guesser += 1;
                let (at, who) = (source(guesser % sources), ["alice", "@ALICE:x.fr"][guesser % 2]);
                let cookie = if guesser % 3 == 0 { forged.as_str() } else { "" };
                let answer = log_in(&server, who, "guess", &at, cookie).await;
                weighed.note(answer.status, server.server.now_ms());
            }
            // The owner, from another place each time: wrong first, and right a minute later.
            let (owner, cookie, last) = if step % 2 == 0 {
                (HOME.to_owned(), "", &mut home)
            } else {
                (source(50_000 + step), known.as_str(), &mut abroad)
            };
            *last += 1;
            if *last % 7 == 1 {
                let slip = log_in(&server, "alice", "slip", &owner, cookie).await;
                weighed.note(slip.status, server.server.now_ms());
                assert_eq!(slip.status, StatusCode::FORBIDDEN, "step {step}, {sources} sources");
            } else if *last % 7 == 0 {
                let right = log_in(&server, "alice", PASSWORD, &owner, cookie).await;
                assert_eq!(right.status, StatusCode::OK, "step {step}, {sources} sources");
            }
            if step % 12 == 3 {
                let slip = prove(&server, &token, "slip").await;
                weighed.note(slip, server.server.now_ms());
                assert_eq!(slip, StatusCode::UNAUTHORIZED, "step {step}, {sources} sources");
            }
            server.clock.advance(5_000);
        }
        assert_eq!(prove(&server, &token, PASSWORD).await, StatusCode::OK);
    }
}

/// Otherwise one who guesses without end keeps everybody out of the places that strangers have.
#[tokio::test]
async fn one_stranger_leaves_a_place_to_an_owner_at_a_new_place() {
    let server = start().await;
    at_home(&server).await;
    for minute in 0..10 {
        for _ in 0..30 {
            log_in(&server, "alice", "guess", "203.0.113.1", "").await;
        }
        let new = format!("192.0.2.{minute}");
        let right = log_in(&server, "alice", PASSWORD, &new, "").await;
        assert_eq!(right.status, StatusCode::OK, "minute {minute}");
        server.clock.advance(MINUTE_MS);
    }
}

/// Otherwise the limit tells strangers, and those who sit beside somebody, which accounts exist
/// (F-24): the same answers, headers and waits for somebody's names and nobody's.
#[tokio::test]
async fn nobody_is_limited_as_somebody_is() {
    let server = start().await;
    at_home(&server).await;
    let alice = UserId::parse("@alice:x.fr").unwrap();
    let others = UserId::parse("@other:x.fr").unwrap();
    let known = server.server.guesses.remember_browser(None, &others, &SeededRandom::new(9));
    let mut told = Vec::new();
    for who in [alice.as_str(), "@nobod:x.fr", "not a name at all", "nobody@x.fr"] {
        let mut answers = Vec::new();
        for (at, cookie) in [
            ("203.0.113.1", ""),
            (HOME, ""),
            ("203.0.113.2", known.as_str()),
            ("203.0.113.2", ""),
            (HOME, ""),
            (HOME, known.as_str()),
            ("203.0.113.1", ""),
            ("203.0.113.3", ""),
            ("203.0.113.4", ""),
        ] {
            let answer = log_in(&server, who, "guess", at, cookie).await;
            answers.push((answer.status, answer.headers, answer.bytes));
            server.clock.advance(100);
        }
        let refused = answers.iter().filter(|(status, ..)| status.as_u16() == 429).count();
        assert_eq!(refused, 4, "{who}: {answers:?}");
        told.push(answers);
        server.clock.advance(MINUTE_MS);
    }
    assert!(told.iter().all(|answers| *answers == told[0]), "{told:#?}");
}

/// Otherwise two people of one browser lose each other's place, or one browser is another's.
#[test]
fn a_browser_is_known_for_those_who_signed_in_with_it() {
    let (browsers, random) = (KnownBrowsers::new(b"secret"), SeededRandom::new(1));
    let first = browsers.remember(None, "@a:x.fr", &random);
    let both = browsers.remember(Some(&first), "@b:x.fr", &random);
    let name = browsers.name(&both, "@a:x.fr").unwrap();
    assert_eq!(browsers.name(&both, "@b:x.fr").as_ref(), Some(&name));
    assert_eq!(browsers.name(&first, "@b:x.fr"), None);
    assert_eq!(browsers.remember(Some(&both), "@b:x.fr", &random), both);
    let other = browsers.remember(None, "@a:x.fr", &random);
    assert_ne!(browsers.name(&other, "@a:x.fr"), Some(name));
    assert_eq!(KnownBrowsers::new(b"other").name(&first, "@a:x.fr"), None);
    // The proof of one browser is worth nothing under another's name.
    let mixed = format!("{}{}", &other[..20], &first[20..]);
    for wrong in ["", "?", "AAAA", &first[..30], &mixed] {
        assert_eq!(browsers.name(wrong, "@a:x.fr"), None, "{wrong}");
    }
    let started_anew = browsers.remember(Some("?"), "@a:x.fr", &random);
    assert!(browsers.name(&started_anew, "@a:x.fr").is_some());
    let mut many = first;
    for user in 0..20 {
        many = browsers.remember(Some(&many), &format!("@u{user}:x.fr"), &random);
    }
    assert!(many.len() < 256, "{}", many.len());
    assert!(browsers.name(&many, "@u19:x.fr").is_some());
    assert_eq!(browsers.name(&many, "@a:x.fr"), None, "the first of too many is left out");
}

/// Otherwise whoever can be at many addresses makes this server forget where its people are, or
/// fills memory.
#[test]
fn where_people_are_is_remembered_for_a_month_in_bounded_memory() {
    let guesses = Guesses::new(&RateLimits::default(), b"secret");
    let network = |at: u32| IpAddr::from(at.to_be_bytes());
    for at in 0..HOUSES_MAX as u32 + 10 {
        guesses.note_house(network(at), i64::from(at));
    }
    assert!(guesses.houses.lock().len() <= HOUSES_MAX);
    assert!(!guesses.is_house(network(0), 0) && guesses.is_house(network(90_000), 0));
    let month_ms = i64::try_from(HOUSE_S * 1000).unwrap();
    assert!(guesses.is_house(network(90_000), 90_000 + month_ms - 1));
    assert!(!guesses.is_house(network(90_000), 90_000 + month_ms));
}

/// Otherwise who signs in often, or while the server is busy, has to wait as one who guesses.
#[tokio::test]
async fn who_knows_the_password_never_waits() {
    let server = start().await;
    at_home(&server).await;
    for _ in 0..20 {
        assert_eq!(log_in(&server, "alice", PASSWORD, "203.0.113.1", "").await.status, 200);
    }
    let wrong = log_in(&server, "alice", "guess", "203.0.113.1", "").await;
    assert_eq!(serde_json::from_slice::<Value>(&wrong.bytes).unwrap()["errcode"], "M_FORBIDDEN");
    assert_eq!(server.server.guesses.passwords.lock().len(), 1);
}

/// Otherwise one machine takes an account every few days by a handful of guesses at each of
/// thousands of mailboxes.
#[tokio::test]
async fn wrong_codes_count_for_the_network_whosever_they_are() {
    let server = start().await;
    at_home(&server).await;
    let server_ref = &server.server;
    let network = |text: &str| text.parse::<IpAddr>().unwrap();
    let tries = |at: &str, standing: &Standing, most: usize| {
        let from = Origin { source: at.into(), standing: standing.clone() };
        let one = |_: &usize| server_ref.begin_code_try(network(at), &from).is_ok();
        (0..most).filter(one).count()
    };
    let stranger = Standing::Stranger;
    assert_eq!(tries("203.0.113.1", &stranger, 1_000), 60);
    assert_eq!(tries("203.0.113.2", &stranger, 1), 1, "another network");
    assert_eq!(tries("203.0.113.1", &Standing::Browser("b".into()), 100), 100, "the owner's");
    assert_eq!(tries(HOME, &Standing::House, 1_000), 600, "many people are there");
    // Who may be at each network of a site has ten times as many in all.
    let site = |net: u32| format!("2001:db8:7:{net:x}::");
    let from_site: usize = (0..30).map(|net| tries(&site(net), &stranger, 100)).sum();
    assert_eq!(from_site, 600);
    // What was right is not counted, however often.
    let from = Origin { source: "203.0.113.3".into(), standing: stranger.clone() };
    for _ in 0..200 {
        server_ref.begin_code_try(network("203.0.113.3"), &from).unwrap();
        server_ref.code_was_right("a@x.fr", network("203.0.113.3"), &from);
    }
    server.clock.advance(60 * MINUTE_MS);
    assert_eq!(tries("203.0.113.1", &stranger, 1_000), 60, "an hour later");
}
