// SPDX-License-Identifier: Apache-2.0
//! Without these an account could be made by whoever may not, or two people could get one name.

use estafette_store::{AccountStore as _, accounts::RegistrationToken};
use http::StatusCode;
use serde_json::{Value, json};

use crate::testing::{PASSWORD, TestServer};

const PATH: &str = "/v3/register";

fn body(username: &str, auth: Value) -> Value {
    json!({ "username": username, "password": PASSWORD, "auth": auth })
}

fn dummy() -> Value {
    json!({ "type": "m.login.dummy" })
}

#[tokio::test]
async fn registration_asks_for_a_stage_and_then_logs_in() {
    let server = TestServer::start().await;
    let plain = json!({ "username": "Alice", "password": PASSWORD, "device_id": "PHONE" });
    let (status, challenge) = server.request("POST", PATH, "", plain.clone()).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert_eq!(challenge["flows"], json!([{ "stages": ["m.login.dummy"] }]));
    assert_eq!(challenge.get("errcode"), None, "not an error yet");

    let mut with_auth = plain;
    with_auth["auth"] = json!({ "type": "m.login.dummy", "session": challenge["session"] });
    let (status, answer) = server.request("POST", PATH, "", with_auth.clone()).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert_eq!(answer["user_id"], "@alice:x.fr");
    assert_eq!(answer["device_id"], "PHONE");
    assert_eq!(answer.get("refresh_token"), None);
    let token = answer["access_token"].as_str().unwrap();
    let (_, who) = server.request("GET", "/v3/account/whoami", token, Value::Null).await;
    assert_eq!(who, json!({ "user_id": "@alice:x.fr", "device_id": "PHONE", "is_guest": false }));
    let (_, profile) = server.request("GET", "/v3/profile/@alice:x.fr", token, Value::Null).await;
    assert_eq!(profile, json!({ "displayname": "alice" }));

    with_auth["username"] = json!("bob");
    let (status, _) = server.request("POST", PATH, "", with_auth).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED, "a session lets one request through");
}

#[tokio::test]
async fn names_are_checked_before_anything_is_asked_for() {
    let server = TestServer::start().await;
    server.register("alice").await;
    for (name, errcode) in [
        ("alice", "M_USER_IN_USE"),
        ("ALICE", "M_USER_IN_USE"),
        ("@alice:x.fr", "M_USER_IN_USE"),
        ("@alice:other.fr", "M_INVALID_USERNAME"),
        ("al ice", "M_INVALID_USERNAME"),
        ("al:ice", "M_INVALID_USERNAME"),
        ("аlice", "M_INVALID_USERNAME"),
        ("", "M_INVALID_USERNAME"),
        (&"a".repeat(251), "M_INVALID_USERNAME"),
    ] {
        let (status, answer) = server.request("POST", PATH, "", body(name, Value::Null)).await;
        assert_eq!((status, &answer["errcode"]), (StatusCode::BAD_REQUEST, &json!(errcode)));
        let path = format!("/v3/register/available?username={}", name.replace(' ', "%20"));
        if name.is_ascii() {
            let (status, answer) = server.request("GET", &path, "", Value::Null).await;
            assert_eq!((status, &answer["errcode"]), (StatusCode::BAD_REQUEST, &json!(errcode)));
        }
    }
    let (_, free) =
        server.request("GET", "/v3/register/available?username=bob", "", Value::Null).await;
    assert_eq!(free, json!({ "available": true }));
}

#[tokio::test]
async fn weak_or_missing_passwords_and_guests_are_refused() {
    let server = TestServer::start().await;
    let short = json!({ "username": "a", "password": "1234567", "auth": dummy() });
    let (status, answer) = server.request("POST", PATH, "", short).await;
    assert_eq!((status, &answer["errcode"]), (StatusCode::BAD_REQUEST, &json!("M_WEAK_PASSWORD")));
    let long = json!({ "username": "a", "password": "x".repeat(513), "auth": dummy() });
    let (status, _) = server.request("POST", PATH, "", long).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let none = json!({ "username": "a", "auth": dummy() });
    let (status, answer) = server.request("POST", PATH, "", none).await;
    assert_eq!((status, &answer["errcode"]), (StatusCode::BAD_REQUEST, &json!("M_MISSING_PARAM")));
    let guest = server.request("POST", "/v3/register?kind=guest", "", json!({})).await;
    assert_eq!((guest.0, &guest.1["errcode"]), (StatusCode::FORBIDDEN, &json!("M_FORBIDDEN")));
    let (status, _) = server.request("POST", PATH, "", json!([])).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_name_is_made_where_none_is_given_and_login_can_be_left_out() {
    let server = TestServer::start().await;
    let request = json!({ "password": PASSWORD, "auth": dummy(), "inhibit_login": true });
    let (status, answer) = server.request("POST", PATH, "", request).await;
    assert_eq!(status, StatusCode::OK);
    assert!(answer["user_id"].as_str().unwrap().ends_with(":x.fr"));
    assert_eq!((answer.get("access_token"), answer.get("device_id")), (None, None));
}

#[tokio::test]
async fn a_closed_server_lets_nobody_in_and_tells_nothing() {
    let server = TestServer::with(|config| config.registration.open = false).await;
    let (status, answer) = server.request("POST", PATH, "", body("alice", dummy())).await;
    assert_eq!((status, &answer["errcode"]), (StatusCode::FORBIDDEN, &json!("M_FORBIDDEN")));
    let path = "/v3/register/available?username=alice";
    assert_eq!(server.request("GET", path, "", Value::Null).await.0, StatusCode::FORBIDDEN);
    let path = "/v1/register/m.login.registration_token/validity?token=x";
    assert_eq!(server.request("GET", path, "", Value::Null).await.0, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn an_invitation_works_as_often_as_it_says_and_dummy_does_not() {
    let server = TestServer::with(|config| {
        config.registration.open = false;
        config.registration.token = "the word".into();
    })
    .await;
    let once = RegistrationToken {
        token: "once".into(),
        uses_allowed: Some(1),
        used: 0,
        expires_ms: Some(server.server.now_ms() + 1_000),
    };
    let short = RegistrationToken { token: "short".into(), uses_allowed: None, ..once.clone() };
    server.server.store.put_registration_token(once).await.unwrap();
    server.server.store.put_registration_token(short).await.unwrap();
    let with_token = |token: &str| json!({ "type": "m.login.registration_token", "token": token });
    let register =
        async |name: &str, auth: Value| server.request("POST", PATH, "", body(name, auth)).await;
    let valid = async |token: &str| {
        let path = format!("/v1/register/m.login.registration_token/validity?token={token}");
        server.request("GET", &path, "", Value::Null).await.1
    };
    let (status, answer) = register("a", dummy()).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED, "{answer}");
    let (status, answer) = register("a", with_token("wrong")).await;
    assert_eq!((status, &answer["errcode"]), (StatusCode::UNAUTHORIZED, &json!("M_FORBIDDEN")));
    assert_eq!(valid("wrong").await, json!({ "valid": false }));
    assert_eq!(valid("once").await, json!({ "valid": true }));
    assert_eq!(register("a", with_token("once")).await.0, StatusCode::OK);
    assert_eq!(valid("once").await, json!({ "valid": false }));
    assert_eq!(register("b", with_token("once")).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(register("b", with_token("the word")).await.0, StatusCode::OK);
    assert_eq!(register("c", with_token("the word")).await.0, StatusCode::OK);
    server.clock.advance(1_000);
    assert_eq!(valid("short").await, json!({ "valid": false }));
    assert_eq!(register("d", with_token("short")).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(register("d", with_token("")).await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn one_source_cannot_register_without_end() {
    let server = TestServer::with(|config| {
        config.rate_limits.enabled = true;
        config.rate_limits.source_burst = 3.0;
        config.rate_limits.source_per_s = 0.001;
    })
    .await;
    let mut statuses = Vec::new();
    for name in ["a", "b", "c", "d"] {
        statuses.push(server.request("POST", PATH, "", body(name, dummy())).await.0.as_u16());
    }
    assert_eq!(statuses, [200, 200, 200, 429]);
}

/// Otherwise invitations are found by trying: by either way, from one place, or by an answer that
/// differs for a right one once the tries are used up.
#[tokio::test]
async fn guesses_at_invitations_are_limited_by_either_way() {
    let server = TestServer::with(|config| {
        config.registration.open = false;
        config.registration.token = "the word".into();
        config.rate_limits.enabled = true;
        config.rate_limits.login_burst = 3.0;
        config.rate_limits.source_burst = 3.0;
    })
    .await;
    let valid = async |token: &str| {
        let path = format!("/v1/register/m.login.registration_token/validity?token={token}");
        let (status, answer) = server.request("GET", &path, "", Value::Null).await;
        (status.as_u16(), answer["valid"].as_bool())
    };
    for guess in ["a", "b", "c"] {
        assert_eq!(valid(guess).await, (200, Some(false)));
    }
    assert_eq!(valid("the%20word").await, (429, None));
    // Time gives tries back to whoever knows the token.
    server.clock.advance(60 * 60 * 1_000);
    assert_eq!(valid("the%20word").await, (200, Some(true)));
    let register = async |name: &str, token: &str| {
        let auth = json!({ "type": "m.login.registration_token", "token": token });
        server.request("POST", PATH, "", body(name, auth)).await.0.as_u16()
    };
    let mut statuses = Vec::new();
    for guess in ["a", "b", "c", "d"] {
        statuses.push(register("new", guess).await);
    }
    assert_eq!(register("new", "the word").await, 429, "{statuses:?}");
    assert!(statuses.iter().all(|status| matches!(status, 401 | 429)), "{statuses:?}");
    server.clock.advance(60 * 60 * 1_000);
    assert_eq!(register("new", "the word").await, 200);
}

/// Without it a client whose answer was lost would find its own name taken.
#[tokio::test]
async fn a_registration_goes_on_where_it_was_and_can_be_repeated() {
    let server = TestServer::start().await;
    let begun = json!({
        "username": "alice",
        "password": "ein langes Wört",
        "device_id": "PHONE",
        "initial_device_display_name": "My phone",
    });
    let (_, challenge) = server.request("POST", PATH, "", begun.clone()).await;
    assert_eq!(challenge["completed"], json!([]));
    let auth = json!({ "type": "m.login.dummy", "session": challenge["session"] });
    let (status, made) = server.request("POST", PATH, "", json!({ "auth": auth })).await;
    assert_eq!(status, StatusCode::OK, "{made}");
    assert_eq!((&made["user_id"], &made["device_id"]), (&json!("@alice:x.fr"), &json!("PHONE")));
    let token = made["access_token"].as_str().unwrap();
    let (_, device) = server.request("GET", "/v3/devices/PHONE", token, Value::Null).await;
    assert_eq!(device["display_name"], "My phone");

    let mut whole = begun;
    whole["auth"] = auth.clone();
    let (status, again) = server.request("POST", PATH, "", whole.clone()).await;
    assert_eq!((status, &again["user_id"]), (StatusCode::OK, &made["user_id"]), "{again}");
    assert_ne!(again["access_token"], made["access_token"]);
    whole["password"] = json!("another long word");
    let (status, refused) = server.request("POST", PATH, "", whole).await;
    assert_eq!((status, &refused["errcode"]), (StatusCode::BAD_REQUEST, &json!("M_USER_IN_USE")));
    let (status, _) = server.request("POST", PATH, "", json!({ "auth": auth })).await;
    assert_ne!(status, StatusCode::OK, "who repeats nothing proves nothing");
}
