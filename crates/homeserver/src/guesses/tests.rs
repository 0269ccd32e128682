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
        let alice = UserId::parse("@alice:x.fr").unwrap();
        let known = server.server.remember_browser(None, &alice).await.unwrap();
        let forged = KnownBrowsers::new(b"another key");
        let forged = forged.remember(None, alice.as_str(), 0, &SeededRandom::new(8));
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

/// Otherwise a cookie that was stolen once has a lane of its own for ever, whatever its owner does.
#[tokio::test]
async fn another_password_takes_the_lane_of_every_browser_known_before() {
    let server = start().await;
    let mut token = at_home(&server).await;
    let alice = UserId::parse("@alice:x.fr").unwrap();
    let bob = server.register("bob").await;
    let mut stolen = server.server.remember_browser(None, &alice).await.unwrap();
    // What others do takes nothing from her.
    assert_eq!(server.request("POST", "/v3/logout/all", &bob, json!({})).await.0, StatusCode::OK);
    for way in ["password", "logout/all", "deactivate"] {
        for at in 0..9 {
            log_in(&server, "alice", "guess", &source(at), "").await;
        }
        let guess = log_in(&server, "alice", "guess", &source(20), &stolen).await;
        assert_eq!(guess.status, StatusCode::FORBIDDEN, "it has a lane before {way}");
        server.clock.advance(MINUTE_MS);
        let auth = json!({ "type": "m.login.password", "password": PASSWORD });
        let (path, body) = match way {
            "password" => {
                ("/v3/account/password", json!({ "auth": auth, "new_password": PASSWORD }))
            }
            "logout/all" => ("/v3/logout/all", json!({})),
            _ => ("/v3/account/deactivate", json!({ "auth": auth })),
        };
        let (status, answer) = server.request("POST", path, &token, body).await;
        assert_eq!(status, StatusCode::OK, "{way}: {answer}");
        for at in 0..9 {
            log_in(&server, "alice", "guess", &source(at), "").await;
        }
        let guess = log_in(&server, "alice", "guess", &source(20), &stolen).await;
        assert_eq!(guess.status, StatusCode::TOO_MANY_REQUESTS, "its lane is gone by {way}");
        server.clock.advance(MINUTE_MS);
        if way != "deactivate" {
            let again = log_in(&server, "alice", PASSWORD, HOME, "").await;
            let again: Value = serde_json::from_slice(&again.bytes).unwrap();
            again["access_token"].as_str().unwrap().clone_into(&mut token);
            stolen = server.server.remember_browser(Some(&stolen), &alice).await.unwrap();
        }
    }
}

/// Otherwise whoever floods sign-ins at an address keeps out owners there whose browsers are known,
/// and a ministry behind one address signs in slowly though every password is right.
#[tokio::test]
async fn a_flood_at_an_address_keeps_no_known_browser_out() {
    let server = TestServer::with(|config| {
        config.rate_limits.enabled = true;
        config.rate_limits.source_burst = 20.0;
        config.listener.behind_proxy = true;
    });
    let server = server.await;
    at_home(&server).await;
    let alice = UserId::parse("@alice:x.fr").unwrap();
    let known = server.server.remember_browser(None, &alice).await.unwrap();
    for _ in 0..50 {
        let right = log_in(&server, "alice", PASSWORD, HOME, "").await;
        assert_eq!(right.status, StatusCode::OK, "what was right takes nothing");
    }
    let flood = async || {
        let mut refused = 0;
        for nobody in 0..30 {
            let answer = log_in(&server, &format!("nobody{nobody}"), "guess", HOME, "").await;
            refused += usize::from(answer.status == StatusCode::TOO_MANY_REQUESTS);
        }
        refused
    };
    assert_eq!(flood().await, 10);
    let slip = log_in(&server, "alice", "slip", HOME, &known).await;
    assert_eq!(slip.status, StatusCode::FORBIDDEN, "it has a lane of its own");
    server.clock.advance(MINUTE_MS);
    flood().await;
    assert_eq!(log_in(&server, "alice", PASSWORD, HOME, &known).await.status, StatusCode::OK);
    let others = log_in(&server, "nobody", "guess", HOME, &known).await;
    assert_eq!(others.status, StatusCode::TOO_MANY_REQUESTS, "it is known as alice's alone");
}

/// Otherwise whoever sees a server restart, or makes it, guesses more often than ten times a minute.
#[tokio::test]
async fn a_restart_forgets_no_wrong_guess() {
    let mut server = start().await;
    at_home(&server).await;
    let mut weighed = 0;
    for restart in 0..5 {
        for at in 0..9 {
            let guess = log_in(&server, "alice", "guess", &source(100 * restart + at), "").await;
            weighed += usize::from(guess.status == StatusCode::FORBIDDEN);
        }
        server.clock.advance(MINUTE_MS / 10);
        server = server.restart(|_| {}).await;
    }
    assert_eq!(weighed, 4, "in half a minute, what strangers have in one");
    let owner = log_in(&server, "alice", PASSWORD, &source(1_000), "").await;
    assert_eq!(owner.status, StatusCode::TOO_MANY_REQUESTS, "a stranger, as far as is known");
    server.clock.advance(MINUTE_MS / 2);
    assert_eq!(log_in(&server, "alice", PASSWORD, HOME, "").await.status, StatusCode::OK);
    server = server.restart(|_| {}).await;
    for _ in 0..5 {
        let right = log_in(&server, "alice", PASSWORD, &source(1), "").await;
        assert_eq!(right.status, StatusCode::OK, "what was right is not kept");
        server = server.restart(|_| {}).await;
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
    let known = server.server.remember_browser(None, &others).await.unwrap();
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
    let first = browsers.remember(None, "@a:x.fr", 0, &random);
    let both = browsers.remember(Some(&first), "@b:x.fr", 0, &random);
    let name = browsers.name(&both, "@a:x.fr", 0).unwrap();
    assert_eq!(browsers.name(&both, "@b:x.fr", 0).as_ref(), Some(&name));
    assert_eq!(browsers.name(&first, "@b:x.fr", 0), None);
    assert_eq!(browsers.remember(Some(&both), "@b:x.fr", 0, &random), both);
    let other = browsers.remember(None, "@a:x.fr", 0, &random);
    assert_ne!(browsers.name(&other, "@a:x.fr", 0), Some(name));
    assert_eq!(KnownBrowsers::new(b"other").name(&first, "@a:x.fr", 0), None);
    // All of a's browsers were signed out, and this one was proved to be a's again.
    assert_eq!(browsers.name(&both, "@a:x.fr", 1), None);
    let again = browsers.remember(Some(&both), "@a:x.fr", 1, &random);
    assert_eq!(browsers.name(&again, "@a:x.fr", 1), browsers.name(&again, "@b:x.fr", 0));
    assert!(browsers.name(&again, "@a:x.fr", 1).is_some());
    // The proof of one browser is worth nothing under another's name.
    let mixed = format!("{}{}", &other[..20], &first[20..]);
    for wrong in ["", "?", "AAAA", &first[..30], &mixed] {
        assert_eq!(browsers.name(wrong, "@a:x.fr", 0), None, "{wrong}");
    }
    let started_anew = browsers.remember(Some("?"), "@a:x.fr", 0, &random);
    assert!(browsers.name(&started_anew, "@a:x.fr", 0).is_some());
    let mut many = first;
    for user in 0..20 {
        many = browsers.remember(Some(&many), &format!("@u{user}:x.fr"), 0, &random);
    }
    assert!(many.len() < 256, "{}", many.len());
    assert!(browsers.name(&many, "@u19:x.fr", 0).is_some());
    assert_eq!(browsers.name(&many, "@a:x.fr", 0), None, "the first of too many is left out");
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
        let one = |_: &usize| server_ref.begin_code_try(network(at), &from, false).is_ok();
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
        server_ref.begin_code_try(network("203.0.113.3"), &from, false).unwrap();
        server_ref.code_was_right("a@x.fr", network("203.0.113.3"), &from, true);
    }
    server.clock.advance(60 * MINUTE_MS);
    assert_eq!(tries("203.0.113.1", &stranger, 1_000), 60, "an hour later");
    // Nor does a first try, which was not counted, make room for another that is.
    let from = Origin { source: "203.0.113.1".into(), standing: stranger.clone() };
    server_ref.code_was_right("a@x.fr", network("203.0.113.1"), &from, false);
    assert_eq!(tries("203.0.113.1", &stranger, 1), 0);
    // Who has codes sent in order to guess is bounded by all first tries, and then by the network.
    let first = |at: &str| {
        let from = Origin { source: at.into(), standing: stranger.clone() };
        server_ref.begin_code_try(network(at), &from, true)
    };
    let free = (0..2_000).filter(|nr| !first(&format!("198.51.{}.1", nr % 250)).unwrap()).count();
    assert_eq!(free, 600);
    first("203.0.113.1").unwrap_err();
    server.clock.advance(1_000);
    assert!(!first("203.0.113.1").unwrap(), "a second later ten more are free");
}

/// Otherwise whoever has a site of IPv6 has ten thousand networks send codes, each with a first try.
#[tokio::test]
async fn codes_are_counted_for_a_site_as_a_whole() {
    let server = start().await;
    let sent = |site: &str| {
        let mut sent = 0;
        for nr in 0..4_000 {
            let at: IpAddr = format!("{site}:{:x}::", nr % 400).parse().unwrap();
            let from = Origin { source: at.to_string(), standing: Standing::Stranger };
            sent +=
                usize::from(server.server.begin_code(&format!("a{nr}@x.fr"), at, &from).is_ok());
        }
        sent
    };
    assert_eq!(sent("2001:db8:7"), 2_000);
    assert_eq!(sent("2001:db8:8"), 2_000, "another site");
}
