// SPDX-License-Identifier: Apache-2.0
//! Without these a stolen or ended token could go on working (F-22, I13).

use estafette_core::ids::UserId;
use estafette_store::{AccountStore as _, accounts::AccountFlag};
use http::StatusCode;
use serde_json::{Value, json};

use crate::{
    client::keys::tests::device::TestDevice,
    testing::{PASSWORD, TestServer},
};

async fn whoami(server: &TestServer, token: &str) -> (StatusCode, Value) {
    server.request("GET", "/v3/account/whoami", token, Value::Null).await
}

async fn refresh(server: &TestServer, token: &Value) -> (StatusCode, Value) {
    server.request("POST", "/v3/refresh", "", json!({ "refresh_token": token })).await
}

fn text<'a>(answer: &'a Value, name: &str) -> &'a str {
    answer[name].as_str().unwrap()
}

async fn refreshable(server: &TestServer) -> Value {
    server.register("alice").await;
    let body = json!({ "type": "m.login.password", "user": "alice", "password": PASSWORD,
        "refresh_token": true, "device_id": "PHONE" });
    server.request("POST", "/v3/login", "", body).await.1
}

#[tokio::test]
async fn tokens_are_asked_for_and_told_from_wrong_ones() {
    let server = TestServer::start().await;
    let token = server.register("alice").await;
    let (status, answer) = whoami(&server, "").await;
    assert_eq!((status, &answer["errcode"]), (StatusCode::UNAUTHORIZED, &json!("M_MISSING_TOKEN")));
    for wrong in ["x", &token[1..], &format!("{token}x")] {
        let (status, answer) = whoami(&server, wrong).await;
        assert_eq!(
            (status, &answer["errcode"]),
            (StatusCode::UNAUTHORIZED, &json!("M_UNKNOWN_TOKEN"))
        );
        assert_eq!(answer.get("soft_logout"), None);
    }
    let path = format!("/v3/account/whoami?access_token={token}");
    assert_eq!(server.request("GET", &path, "", Value::Null).await.0, StatusCode::OK);
    let strict = TestServer::with(|config| config.login.token_in_query = false).await;
    let token = strict.register("alice").await;
    let path = format!("/v3/account/whoami?access_token={token}");
    let (_, answer) = strict.request("GET", &path, "", Value::Null).await;
    assert_eq!(answer["errcode"], "M_MISSING_TOKEN");
}

#[tokio::test]
async fn logging_out_ends_one_device_or_all_of_them() {
    let server = TestServer::start().await;
    let first = server.register("alice").await;
    let second = server.login("alice", "TWO").await;
    let third = server.login("alice", "THREE").await;
    let bob = server.register("bob").await;
    let (second, third) = (text(&second, "access_token"), text(&third, "access_token"));
    for token in [&first, second, third] {
        assert_eq!(whoami(&server, token).await.0, StatusCode::OK);
    }
    let (status, answer) = server.request("POST", "/v3/logout", second, Value::Null).await;
    assert_eq!((status, answer), (StatusCode::OK, json!({})));
    assert_eq!(whoami(&server, second).await.1["errcode"], "M_UNKNOWN_TOKEN");
    let (_, devices) = server.request("GET", "/v3/devices", third, Value::Null).await;
    assert_eq!(devices["devices"].as_array().unwrap().len(), 2, "the device is gone too");
    server.request("POST", "/v3/logout/all", third, Value::Null).await;
    for token in [&first, third] {
        assert_eq!(whoami(&server, token).await.0, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(whoami(&server, &bob).await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_lost_answer_can_be_asked_for_again_until_the_new_tokens_are_used() {
    let server = TestServer::start().await;
    let first = refreshable(&server).await;
    assert_eq!(first["expires_in_ms"], 3_600_000);
    server.clock.advance(3_600_000);
    let (status, expired) = whoami(&server, text(&first, "access_token")).await;
    assert_eq!((status, &expired["soft_logout"]), (StatusCode::UNAUTHORIZED, &json!(true)));

    let (status, lost) = refresh(&server, &first["refresh_token"]).await;
    assert_eq!(status, StatusCode::OK);
    let (status, second) = refresh(&server, &first["refresh_token"]).await;
    assert_eq!(status, StatusCode::OK, "the first answer may have got lost");
    assert_eq!(whoami(&server, text(&second, "access_token")).await.0, StatusCode::OK);
    assert_eq!(whoami(&server, text(&lost, "access_token")).await.0, StatusCode::UNAUTHORIZED);
    let (_, third) = refresh(&server, &second["refresh_token"]).await;
    // Refreshing with the newest token also takes its pair into use.
    let (status, fourth) = refresh(&server, &third["refresh_token"]).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(whoami(&server, text(&second, "access_token")).await.0, StatusCode::UNAUTHORIZED);
    let (_, who) = whoami(&server, text(&fourth, "access_token")).await;
    assert_eq!(who["device_id"], "PHONE");
}

#[tokio::test]
async fn reuse_of_a_refresh_token_ends_the_session() {
    let server = TestServer::start().await;
    let first = refreshable(&server).await;
    let (_, second) = refresh(&server, &first["refresh_token"]).await;
    assert_eq!(whoami(&server, text(&second, "access_token")).await.0, StatusCode::OK);
    let (status, answer) = refresh(&server, &first["refresh_token"]).await;
    assert_eq!((status, &answer["errcode"]), (StatusCode::UNAUTHORIZED, &json!("M_UNKNOWN_TOKEN")));
    assert_eq!(whoami(&server, text(&second, "access_token")).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(refresh(&server, &second["refresh_token"]).await.0, StatusCode::UNAUTHORIZED);
    let back = server.login("alice", "PHONE").await;
    assert_eq!(whoami(&server, text(&back, "access_token")).await.0, StatusCode::OK);
    let (status, _) = refresh(&server, &json!("unknown")).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    let (status, _) = server.request("POST", "/v3/refresh", "", json!({})).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_locked_account_can_only_log_out() {
    let server = TestServer::start().await;
    let token = server.register("alice").await;
    let other = server.login("alice", "TWO").await;
    let alice = UserId::parse("@alice:x.fr").unwrap();
    assert_eq!(whoami(&server, &token).await.0, StatusCode::OK);
    server.server.store.set_account_flag(&alice, AccountFlag::Locked, true).await.unwrap();
    let (status, answer) = whoami(&server, &token).await;
    assert_eq!((status, &answer["errcode"]), (StatusCode::UNAUTHORIZED, &json!("M_USER_LOCKED")));
    assert_eq!(answer["soft_logout"], true);
    let (status, _) = server.request("POST", "/v3/logout", &token, Value::Null).await;
    assert_eq!(status, StatusCode::OK);
    server.server.store.set_account_flag(&alice, AccountFlag::Locked, false).await.unwrap();
    assert_eq!(whoami(&server, &token).await.1["errcode"], "M_UNKNOWN_TOKEN");
    let other = text(&other, "access_token");
    assert_eq!(whoami(&server, other).await.0, StatusCode::OK, "locking ends no session");
}

#[tokio::test]
async fn tokens_outlive_a_restart_and_are_not_in_the_database() {
    let server = TestServer::start().await;
    let first = refreshable(&server).await;
    let folder = server.server.config.data_dir.clone();
    let secrets = [text(&first, "access_token"), text(&first, "refresh_token"), PASSWORD];
    let mut seen = 0;
    for file in std::fs::read_dir(&folder).unwrap() {
        let path = file.unwrap().path();
        if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            seen += bytes.windows(11).filter(|window| *window == b"@alice:x.fr").count();
            for secret in secrets {
                let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
                assert!(!found, "{} holds a secret", path.display());
            }
        }
    }
    assert!(seen > 0, "the files that were searched are the right ones");
}

/// Otherwise a password is asked for on the strength of a token of the OAuth 2.0 API, whose clients
/// are never to see one.
#[tokio::test]
async fn devices_of_the_oauth_api_are_sent_to_the_account_pages() {
    let server = TestServer::with(|config| {
        config.registration.open = true;
        config.public_base_url = "https://chat.x.fr".into();
    })
    .await;
    let mut device = TestDevice::log_in(&server, "alice", "PHONE").await;
    let requests = [
        ("DELETE", "/v3/devices/OTHER", json!({})),
        ("POST", "/v3/delete_devices", json!({ "devices": ["OTHER"] })),
        ("POST", "/v3/account/password", json!({ "new_password": "ein anderes Wört" })),
        ("POST", "/v3/account/deactivate", json!({})),
        ("POST", "/v1/login/get_token", json!({})),
    ];
    for (method, path, body) in &requests {
        let (status, answer) = device.call(method, path, body.clone()).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{path}: {answer}");
        assert_eq!(answer["flows"][0]["stages"], json!(["m.login.password"]), "{path}");
    }
    let promised = async |device: &mut TestDevice| {
        let (_, answer) = device.call("GET", "/v3/capabilities", Value::Null).await;
        ["m.change_password", "m.get_login_token"]
            .map(|name| answer["capabilities"][name]["enabled"].as_bool().unwrap())
    };
    assert_eq!(promised(&mut device).await, [true, true]);
    device.become_oauth_device().await;
    assert_eq!(promised(&mut device).await, [false, false], "what is refused below");
    for (method, path, body) in requests {
        let (status, answer) = device.call(method, path, body).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{path}: {answer}");
        let says = answer["error"].as_str().unwrap();
        assert!(says.contains("https://chat.x.fr/_estafette/account"), "{path}: {says}");
    }
}

/// Without it whoever gets hold of the token of an administrator's client for messages has the server.
#[tokio::test]
async fn a_client_for_messages_does_not_administer_for_its_owner() {
    let server = TestServer::start().await;
    let mut device = TestDevice::log_in(&server, "root", "D").await;
    let user = UserId::parse(device.user_id()).unwrap();
    server.server.store.set_account_flag(&user, AccountFlag::Admin, true).await.unwrap();
    device.ok("GET", "/_synapse/admin/v2/users", Value::Null).await;
    device.become_oauth_device().await;
    assert_eq!(
        device.fails("GET", "/_synapse/admin/v2/users", Value::Null).await,
        (403, "M_FORBIDDEN".into())
    );
    let moderation = device.ok("GET", "/v3/capabilities", Value::Null).await;
    assert_eq!(moderation["capabilities"]["m.account_moderation"]["lock"], true);
    server.register("bob").await;
    device.ok("GET", "/v1/admin/lock/@bob:x.fr", Value::Null).await;
}
