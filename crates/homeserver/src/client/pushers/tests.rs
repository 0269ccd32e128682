// SPDX-License-Identifier: Apache-2.0
//! Without these notifications could go where nobody asked them to go.

use axum::body::Body;
use estafette_testkit::{
    random::Random,
    secret_times::{Trial, guess},
};
use http::Method;
use sha2::Digest as _;

use super::*;
use crate::testing::{Answer, TestServer};

async fn set(server: &TestServer, user: &str, body: &Value) -> Answer {
    server.ask(Method::POST, "/_matrix/client/v3/pushers/set", user, body.to_string()).await
}

async fn list(server: &TestServer, user: &str) -> Vec<Value> {
    let answer = server.ask(Method::GET, "/_matrix/client/v3/pushers", user, Body::empty()).await;
    answer.json()["pushers"].as_array().unwrap().clone()
}

fn body() -> Value {
    json!({
        "kind": "http", "app_id": "fr.example.app", "pushkey": "key", "lang": "fr",
        "app_display_name": "App", "device_display_name": "Phone", "profile_tag": "tag",
        "data": {
            "url": "https://push.example.fr/_matrix/push/v1/notify", "format": "event_id_only",
            "brand": "x"
        },
    })
}

#[tokio::test]
async fn a_pusher_is_set_shown_changed_and_removed() {
    let server = TestServer::start().await;
    assert_eq!(set(&server, "@a:x.fr", &body()).await.json(), json!({}));
    let listed = list(&server, "@a:x.fr").await;
    assert_eq!(listed.len(), 1);
    for (key, value) in body().as_object().unwrap() {
        assert_eq!(&listed[0][key], value, "{key}");
    }
    assert_eq!(listed[0]["enabled"], true);
    let mut disabled = body();
    disabled["enabled"] = json!(false);
    set(&server, "@a:x.fr", &disabled).await;
    assert_eq!(list(&server, "@a:x.fr").await[0]["enabled"], false);
    assert!(list(&server, "@b:x.fr").await.is_empty());
    set(&server, "@b:x.fr", &body()).await;
    assert!(list(&server, "@a:x.fr").await.is_empty(), "the key moved to another user");
    let gone = json!({"kind": null, "app_id": "fr.example.app", "pushkey": "key"});
    assert_eq!(set(&server, "@b:x.fr", &gone).await.json(), json!({}));
    assert!(list(&server, "@b:x.fr").await.is_empty());
}

#[tokio::test]
async fn wrong_pushers_are_refused() {
    let server = TestServer::start().await;
    let changed = |path: &str, value: Value| {
        let mut body = body();
        *body.pointer_mut(path).unwrap() = value;
        body
    };
    let url = |url: &str| changed("/data/url", json!(url));
    for (body, code) in [
        (changed("/kind", json!("email")), "M_INVALID_PARAM"),
        (changed("/app_id", json!("a".repeat(65))), "M_INVALID_PARAM"),
        (changed("/pushkey", json!("a".repeat(513))), "M_INVALID_PARAM"),
        (changed("/lang", json!(null)), "M_MISSING_PARAM"),
        (changed("/data", json!(null)), "M_MISSING_PARAM"),
        (changed("/data", json!({})), "M_MISSING_PARAM"),
        (changed("/lang", json!("x".repeat(5000))), "M_INVALID_PARAM"),
        (changed("/data/brand", json!("x".repeat(5000))), "M_TOO_LARGE"),
        (changed("/profile_tag", json!(1)), "M_BAD_JSON"),
        (url("ftp://push.example.fr/_matrix/push/v1/notify"), "M_INVALID_PARAM"),
        (url("https://push.example.fr/other"), "M_INVALID_PARAM"),
        (url("https://u:p@push.example.fr/_matrix/push/v1/notify"), "M_INVALID_PARAM"),
        (json!({"app_id": "a", "pushkey": "k"}), "M_BAD_JSON"),
    ] {
        let answer = set(&server, "@a:x.fr", &body).await;
        assert_eq!(answer.json()["errcode"], code, "{body}");
    }
    assert!(list(&server, "@a:x.fr").await.is_empty());
}

#[tokio::test]
async fn the_number_of_pushers_is_bounded() {
    let server = TestServer::start().await;
    for n in 0..=PUSHERS_PER_USER_MAX {
        let mut body = body();
        body["pushkey"] = json!(n.to_string());
        let answer = set(&server, "@a:x.fr", &body).await;
        let expected =
            if n < PUSHERS_PER_USER_MAX { StatusCode::OK } else { StatusCode::FORBIDDEN };
        assert_eq!(answer.status, expected);
    }
}

/// Otherwise a token of activation is found letter by letter (F-25). For `cargo xtask timing
/// --secrets`.
#[tokio::test]
#[ignore = "measures"]
async fn activation_in_constant_time() {
    let server = TestServer::start().await;
    let token = "abcdefghijklmnopqrstuvwxyz012345";
    let key = (estafette_core::ids::UserId::parse("@a:x.fr").unwrap(), "fr.app".to_owned());
    let ack = crate::push::PendingAck {
        token_hash: sha2::Sha256::digest(token).into(),
        pushkey: "key".into(),
        expires_ms: i64::MAX,
    };
    server.server.push.acks.lock().insert(key.clone(), ack);
    let wrong = |class, random: &mut Random| guess(token, 0, class, random);
    let look = |token: &String| web_push::take_ack(&server.server, &key, token).is_ok();
    let trial = Trial::from_environment();
    trial.compare("activation of a pusher", wrong, look).check().unwrap();
}
