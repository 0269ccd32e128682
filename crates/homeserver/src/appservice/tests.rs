// SPDX-License-Identifier: Apache-2.0
//! Without these a bridge could speak for anybody, or anybody take a bridge's names.

use std::path::PathBuf;

use estafette_core::ids::{RoomAlias, ServerName, UserId};
use estafette_testkit::{
    random::Random,
    secret_times::{Trial, guess},
};
use http::StatusCode;
use serde_json::{Value, json};

use super::*;
use crate::testing::{Bridge, TestServer, eventually};

const FILE: &str = "
id: irc
url: 'http://127.0.0.1:9999'
as_token: as-secret
hs_token: hs-secret
sender_localpart: ircbot
namespaces:
  users:
    - exclusive: true
      regex: '@irc_.*:x\\.fr'
    - exclusive: false
      regex: '@al'
  aliases:
    - exclusive: true
      regex: '#irc_.*'
";

fn load(texts: &[&str]) -> Result<Appservices, RegistrationError> {
    let folder = tempfile::tempdir().unwrap();
    let files: Vec<PathBuf> = texts
        .iter()
        .enumerate()
        .map(|(index, text)| {
            let path = folder.path().join(format!("{index}.yaml"));
            std::fs::write(&path, text).unwrap();
            path
        })
        .collect();
    Appservices::load(&files, &ServerName::parse("x.fr").unwrap())
}

#[test]
fn namespaces_hold_whole_names_of_this_server() {
    let appservices = load(&[FILE]).unwrap();
    let irc = appservices.by_token("as-secret").unwrap();
    let user = |id: &str| UserId::parse(id).unwrap();
    for (id, owned, claimed) in [
        ("@irc_bob:x.fr", true, true),
        ("@ircbot:x.fr", true, true),
        ("@irc_bob:other.fr", false, false),
        ("@alice:x.fr", false, false),
        ("@xirc_bob:x.fr", false, false),
    ] {
        assert_eq!(irc.owns_user(&user(id)), owned, "{id}");
        assert_eq!(appservices.claims_user(&user(id), None), claimed, "{id}");
        assert!(!appservices.claims_user(&user(id), Some(&irc)), "its own names are free to it");
    }
    let alias = RoomAlias::parse("#irc_room:x.fr").unwrap();
    assert!(appservices.claims_alias(&alias, None) && irc.is_interested_in_alias(&alias));
    assert!(appservices.by_token("hs-secret").is_none() && appservices.by_token("").is_none());
}

#[test]
fn wrong_registrations_stop_the_start_with_a_sentence() {
    let same_token = FILE.replace("id: irc", "id: irc2");
    let same_id = FILE.replace("as-secret", "other-secret");
    for texts in [
        vec!["id: x"],
        vec!["["],
        vec![FILE, &same_token],
        vec![FILE, &same_id],
        vec![&FILE.replace("'#irc_.*'", "'('") as &str],
        vec![&FILE.replace("as-secret", "''") as &str],
        vec![&FILE.replace("ircbot", "Irc Bot") as &str],
    ] {
        let error = load(&texts).unwrap_err().to_string();
        assert!(error.contains("application service registration"), "{error}");
        assert!(!error.contains("as-secret"), "no secret in errors: {error}");
    }
    let missing = Appservices::load(&["/nowhere".into()], &ServerName::parse("x.fr").unwrap());
    assert!(matches!(missing, Err(RegistrationError::Unreadable(..))));
    let json = r#"{"id":"j","url":null,"as_token":"a","hs_token":"h","sender_localpart":"j",
        "namespaces":{}}"#;
    assert_eq!(load(&[json]).unwrap().all()[0].url, None, "JSON is YAML");
}

async fn server() -> TestServer {
    TestServer::with(|config| {
        let path = config.data_dir.join("irc.yaml");
        std::fs::write(&path, FILE).unwrap();
        config.appservices.registrations.push(path);
    })
    .await
}

fn registration(name: &str) -> Value {
    json!({ "type": "m.login.application_service", "username": name, "inhibit_login": true })
}

#[tokio::test]
async fn a_bridge_makes_and_speaks_for_its_users_alone() {
    let server = server().await;
    let alice = server.register("alice").await;
    let token = "as-secret";
    let (status, who) = server.request("GET", "/v3/account/whoami", token, Value::Null).await;
    assert_eq!((status, &who["user_id"]), (StatusCode::OK, &json!("@ircbot:x.fr")));
    assert_eq!(who.get("device_id"), None);
    let register = async |token: &str, name: &str| {
        let (status, answer) =
            server.request("POST", "/v3/register", token, registration(name)).await;
        (status.as_u16(), answer["errcode"].clone())
    };
    assert_eq!(register(token, "irc_bob").await, (200, Value::Null));
    assert_eq!(register(token, "irc_bob").await, (400, json!("M_USER_IN_USE")));
    assert_eq!(register(token, "carol").await, (400, json!("M_EXCLUSIVE")));
    assert_eq!(register(&alice, "irc_carol").await, (403, json!("M_FORBIDDEN")));
    assert_eq!(register("", "irc_carol").await, (403, json!("M_FORBIDDEN")));
    let person = json!({ "username": "irc_eve", "password": "12345678" });
    let (_, answer) = server.request("POST", "/v3/register", "", person).await;
    assert_eq!(answer["errcode"], "M_EXCLUSIVE");

    for (user, status) in [
        ("@irc_bob:x.fr", 200),
        ("@irc_nobody:x.fr", 403),
        ("@alice:x.fr", 403),
        ("@irc_bob:other.fr", 403),
        ("nonsense", 400),
    ] {
        let path = format!("/v3/account/whoami?user_id={user}");
        let (got, _) = server.request("GET", &path, token, Value::Null).await;
        assert_eq!(got.as_u16(), status, "{user}");
        let (_, own) = server.request("GET", &path, &alice, Value::Null).await;
        assert_eq!(own["user_id"], "@alice:x.fr", "people speak for themselves alone");
    }
}

#[tokio::test]
async fn a_bridge_manages_devices_of_its_users_without_a_password() {
    let server = server().await;
    let token = "as-secret";
    server.request("POST", "/v3/register", token, registration("irc_bob")).await;
    let login = |user: &str| {
        json!({ "type": "m.login.application_service", "device_id": "A",
            "identifier": { "type": "m.id.user", "user": user } })
    };
    for (token, user, status, errcode) in [
        (token, "irc_bob", 200, Value::Null),
        (token, "alice", 400, json!("M_EXCLUSIVE")),
        (token, "irc_nobody", 403, json!("M_FORBIDDEN")),
        ("wrong", "irc_bob", 403, json!("M_FORBIDDEN")),
        ("", "irc_bob", 403, json!("M_FORBIDDEN")),
    ] {
        let (got, answer) = server.request("POST", "/v3/login", token, login(user)).await;
        assert_eq!((got.as_u16(), &answer["errcode"]), (status, &errcode), "{token} {user}");
    }
    let path = "/v3/devices/B?user_id=@irc_bob:x.fr";
    let name = json!({ "display_name": "B" });
    assert_eq!(server.request("PUT", path, token, name.clone()).await.0, StatusCode::CREATED);
    assert_eq!(server.request("PUT", path, token, name).await.0, StatusCode::OK);
    let as_device = "/v3/account/whoami?user_id=@irc_bob:x.fr&device_id=";
    let (_, who) = server.request("GET", &format!("{as_device}B"), token, Value::Null).await;
    assert_eq!(who["device_id"], "B");
    let (status, who) = server.request("GET", &format!("{as_device}C"), token, Value::Null).await;
    assert_eq!((status, &who["errcode"]), (StatusCode::BAD_REQUEST, &json!("M_UNKNOWN_DEVICE")));
    assert_eq!(server.request("DELETE", path, token, Value::Null).await.0, StatusCode::OK);
    assert_eq!(server.request("GET", path, token, Value::Null).await.0, StatusCode::NOT_FOUND);
}

async fn bridged(bridge: &Bridge, more: &str) -> TestServer {
    let file = bridge.registration(more);
    TestServer::with(|config| config.appservices.registrations = vec![file]).await
}

/// Without it a bridge would miss what was said, or be told what is none of its business.
#[tokio::test]
async fn a_bridge_is_told_of_its_users_its_rooms_and_its_aliases_in_order() {
    let bridge = Bridge::start().await;
    let server = bridged(&bridge, "").await;
    let elsewhere = server.room("@a:x.fr", json!({})).await;
    server.say("@a:x.fr", &elsewhere, "private").await;
    let aliased = json!({ "room_alias_name": "irc_x" });
    let refused = server.refused("POST", "@a:x.fr", "/v3/createRoom", aliased).await;
    assert_eq!(refused, (400, "M_EXCLUSIVE".to_owned()));

    let ghost = json!({ "type": "m.login.application_service", "username": "irc_bob" });
    server.post("as-secret", "/v3/register", ghost).await;
    let room = server.room("@a:x.fr", json!({ "invite": ["@irc_bob:x.fr"] })).await;
    let join = format!("/v3/rooms/{room}/join?user_id=@irc_bob:x.fr");
    server.post("as-secret", &join, json!({})).await;
    for text in ["1", "2", "3"] {
        server.say("@a:x.fr", &room, text).await;
    }
    bridge.hears("3").await;
    let events = bridge.events();
    let told: Vec<&str> = events.iter().filter_map(|e| e["content"]["body"].as_str()).collect();
    assert_eq!(told, ["1", "2", "3"], "in order, once, and nothing of other rooms");
    let invited = events.iter().filter(|event| event["state_key"] == "@irc_bob:x.fr");
    let memberships: Vec<&Value> = invited.map(|event| &event["content"]["membership"]).collect();
    assert_eq!(memberships, ["invite", "join"]);
    let said = events.iter().find(|event| event["content"]["body"] == "1").unwrap();
    assert_eq!((&said["room_id"], &said["sender"]), (&json!(room), &json!("@a:x.fr")));
    let ids: Vec<u64> = bridge.transactions().iter().map(|(id, _)| id.parse().unwrap()).collect();
    assert!(ids.is_sorted() && ids[0] == 1, "{ids:?}");
    let asked = bridge.asked.lock()[0].clone();
    assert_eq!(asked.headers["authorization"], "Bearer hs-secret");

    // Whoever speaks for a ghost is a bridge's matter wherever the ghost is.
    let leave = format!("/v3/rooms/{room}/leave?user_id=@irc_bob:x.fr");
    server.post("as-secret", &leave, json!({})).await;
    server.say("@a:x.fr", &room, "alone").await;
    let alias = "/v3/directory/room/%23irc_y:x.fr";
    let own = json!({ "room_id": elsewhere });
    server
        .post(
            "@a:x.fr",
            &format!("/v3/rooms/{elsewhere}/invite"),
            json!({ "user_id": "@ircbot:x.fr" }),
        )
        .await;
    server.post("as-secret", &format!("/v3/rooms/{elsewhere}/join"), json!({})).await;
    server.put("as-secret", alias, own).await;
    server.post("as-secret", &format!("/v3/rooms/{elsewhere}/leave"), json!({})).await;
    server.say("@a:x.fr", &elsewhere, "aliased").await;
    bridge.hears("aliased").await;
    assert!(!bridge.events().iter().any(|event| event["content"]["body"] == "alone"));
}

/// Without it a bridge that was away would lose messages, or get some twice under other ids.
#[tokio::test]
async fn a_transaction_is_repeated_as_it_was_until_it_is_accepted_also_after_a_restart() {
    let bridge = Bridge::start().await;
    let server = bridged(&bridge, "").await;
    bridge.answer("/_matrix/app/v1/transactions/", 500, json!({}));
    let room = server.room("@a:x.fr", json!({ "invite": ["@ircbot:x.fr"] })).await;
    server.post("as-secret", &format!("/v3/rooms/{room}/join"), json!({})).await;
    server.say("@a:x.fr", &room, "first").await;
    eventually(async || bridge.transactions().len() >= 2).await;
    let failed = bridge.transactions();
    assert_eq!(failed[0], failed[1], "the same events under the same id");
    let server = server.restart(|_| {}).await;
    server.say("@a:x.fr", &room, "second").await;
    bridge.answer("/_matrix/app/v1/transactions/", 200, json!({}));
    bridge.hears("second").await;
    let transactions = bridge.transactions();
    let first: Vec<_> = transactions.iter().filter(|(id, _)| *id == failed[0].0).collect();
    assert!(first.iter().all(|(_, body)| *body == failed[0].1));
    let mut accepted: Vec<_> = transactions.clone();
    accepted.dedup();
    let bodies: Vec<String> = accepted
        .iter()
        .flat_map(|(_, body)| body["events"].as_array().unwrap())
        .filter_map(|event| event["content"]["body"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(bodies, ["first", "second"]);
}

/// Without it a bridge could not show who is typing or what was read, or would learn what users
/// keep private.
#[tokio::test]
async fn typing_and_receipts_reach_those_who_asked_for_them() {
    let bridge = Bridge::start().await;
    let server = bridged(&bridge, "receive_ephemeral: true").await;
    let room = server.room("@a:x.fr", json!({ "invite": ["@ircbot:x.fr"] })).await;
    server.post("as-secret", &format!("/v3/rooms/{room}/join"), json!({})).await;
    let event = server.say("@a:x.fr", &room, "hello").await;
    bridge.hears("hello").await;
    let typing = format!("/v3/rooms/{room}/typing/@a:x.fr");
    server.put("@a:x.fr", &typing, json!({ "typing": true, "timeout": 20_000 })).await;
    let private = format!("/v3/rooms/{room}/receipt/m.read.private/{event}");
    server.post("@a:x.fr", &private, json!({})).await;
    let public = format!("/v3/rooms/{room}/receipt/m.read/{event}");
    server.post("@a:x.fr", &public, json!({})).await;
    let ephemeral = || -> Vec<Value> {
        let transactions = bridge.transactions();
        let all = transactions.iter().filter_map(|(_, body)| body["ephemeral"].as_array());
        all.flatten().cloned().collect()
    };
    eventually(async || ephemeral().iter().any(|one| one["type"] == "m.receipt")).await;
    let told = ephemeral();
    let of = |kind: &str| told.iter().find(|one| one["type"] == kind).unwrap();
    assert_eq!(of("m.typing")["content"], json!({ "user_ids": ["@a:x.fr"] }));
    assert_eq!(of("m.typing")["room_id"], json!(room));
    let receipts = &of("m.receipt")["content"][&event];
    assert!(receipts["m.read"]["@a:x.fr"]["ts"].is_i64());
    assert!(told.iter().all(|one| one["content"][&event].get("m.read.private").is_none()));
}

/// Without it rooms and users of a bridge could not be reached before they exist.
#[tokio::test]
async fn rooms_and_users_that_a_bridge_has_are_made_when_they_are_asked_for() {
    let bridge = Bridge::start().await;
    let server = bridged(&bridge, "").await;
    bridge.answer("/_matrix/app/v1/rooms/", 404, json!({}));
    bridge.answer("/_matrix/app/v1/users/", 404, json!({}));
    let path = "/v3/directory/room/%23irc_new:x.fr";
    assert_eq!(server.refused("GET", "@a:x.fr", path, Value::Null).await.0, 404);
    let none = server.refused("GET", "@a:x.fr", "/v3/directory/room/%23other:x.fr", Value::Null);
    assert_eq!(none.await.0, 404);
    let asked = || -> Vec<String> {
        let asked = bridge.asked.lock();
        let about = asked.iter().filter(|one| one.method == http::Method::GET);
        about.map(|one| one.path.clone()).collect()
    };
    assert_eq!(asked(), ["/_matrix/app/v1/rooms/%23irc_new%3Ax.fr"], "and of no other alias");
    let room = server.room("as-secret", json!({ "room_alias_name": "irc_known" })).await;
    let known = server.get("@a:x.fr", "/v3/directory/room/%23irc_known:x.fr").await;
    assert_eq!(known["room_id"], json!(room));
    let body = json!({ "user_id": "@irc_carol:x.fr" });
    let own = server.room("@a:x.fr", json!({})).await;
    server.post("@a:x.fr", &format!("/v3/rooms/{own}/invite"), body).await;
    assert!(asked().contains(&"/_matrix/app/v1/users/%40irc_carol%3Ax.fr".to_owned()));
}

/// Without it a busy bridge would be held back like a single person.
#[tokio::test]
async fn rate_limits_spare_a_bridge_only_where_its_registration_says_so() {
    for (more, spared) in [("rate_limited: false", true), ("rate_limited: true", false)] {
        let bridge = Bridge::start().await;
        let file = bridge.registration(more);
        let server = TestServer::with(|config| {
            config.appservices.registrations = vec![file];
            config.rate_limits.enabled = true;
            config.rate_limits.writes_burst = 1.0;
        })
        .await;
        server.room("as-secret", json!({})).await;
        let (second, _) = server.request("POST", "/v3/createRoom", "as-secret", json!({})).await;
        assert_eq!(second == StatusCode::OK, spared, "{more}");
    }
}

/// Without it a bridge could not name the rooms that its users are in.
#[tokio::test]
async fn a_bridge_names_rooms_by_its_own_aliases_alone() {
    let bridge = Bridge::start().await;
    let server = bridged(&bridge, "").await;
    let room = server.room("@a:x.fr", json!({})).await;
    let own = "/v3/directory/room/%23irc_y:x.fr";
    server.put("as-secret", own, json!({ "room_id": room })).await;
    let (status, _) = server.request("DELETE", own, "as-secret", Value::Null).await;
    assert_eq!(status, StatusCode::OK);
    let foreign = "/v3/directory/room/%23y:x.fr";
    let body = json!({ "room_id": room });
    let refused = server.refused("PUT", "as-secret", foreign, body).await;
    assert_eq!(refused, (403, "M_FORBIDDEN".to_owned()));
    let body = json!({ "room_id": "!nowhere:x.fr" });
    let unknown = server.refused("PUT", "as-secret", own, body).await;
    assert_eq!(unknown, (404, "M_NOT_FOUND".to_owned()));
}

/// Otherwise a bridge that was away would not be told of what was said while its users were there,
/// when they have left meanwhile; and be told of what was said before they came.
#[tokio::test]
async fn interest_is_as_of_the_event() {
    let server = server().await;
    let room = server.room("@zoe:x.fr", json!({ "preset": "public_chat" })).await;
    let before = server.say("@zoe:x.fr", &room, "before").await;
    let (token, path) = ("as-secret", format!("/v3/rooms/{room}"));
    server.post(token, &format!("{path}/join"), json!({})).await;
    let during = server.say("@zoe:x.fr", &room, "during").await;
    server.post(token, &format!("{path}/leave"), json!({})).await;
    let after = server.say("@zoe:x.fr", &room, "after").await;
    let load = || load(&[FILE]).unwrap().by_token("as-secret").unwrap();
    for (event_id, expected) in [(before, false), (during, true), (after, false)] {
        let event_id = estafette_core::ids::EventId::parse(&event_id).unwrap();
        let store = &server.server.store;
        let stored = estafette_store::RoomStore::event(store, &event_id).await.unwrap().unwrap().1;
        let mut interest = interest::Interest::new(load());
        let told = interest.in_event(&server.server, &stored).await.unwrap();
        assert_eq!(told, expected, "{}", stored.event.content_json());
    }
}

/// Otherwise a bridge's token is found letter by letter (F-25). For `cargo xtask timing --secrets`.
#[test]
#[ignore = "measures"]
fn tokens_in_constant_time() {
    let token = "long-secret-of-an-application-service";
    let appservices = load(&[&FILE.replace("as-secret", token)]).unwrap();
    let wrong = |class, random: &mut Random| guess(token, 0, class, random);
    let look = |token: &String| appservices.by_token(token).is_some();
    let trial = Trial::from_environment();
    trial.compare("token of an application service", wrong, look).check().unwrap();
}
