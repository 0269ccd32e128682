// SPDX-License-Identifier: Apache-2.0
//! Without these a client that knows no password stage could neither register nor confirm.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::testing::{PASSWORD, TestServer};

#[tokio::test]
async fn a_stage_is_completed_on_a_page_and_the_request_goes_on() {
    let server = TestServer::with(|config| {
        config.registration.open = false;
        config.registration.token = "welcome".into();
    })
    .await;
    let wish = json!({ "username": "alice", "password": PASSWORD });
    let (_, challenge) = server.request("POST", "/v3/register", "", wish).await;
    let session = challenge["session"].as_str().unwrap();
    let stage = challenge["flows"][0]["stages"][0].as_str().unwrap();
    let path = format!("/v3/auth/{stage}/fallback/web?session={session}");
    let full = format!("/_matrix/client{path}");
    let page = server.ask(Method::GET, &full, "", "").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.headers["content-type"].to_str().unwrap().starts_with("text/html"));
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("script-src 'sha256-"), "{policy}");
    let text = String::from_utf8(page.bytes.to_vec()).unwrap();
    assert!(text.contains("onAuthDone") && !text.contains(session), "{text}");

    let go_on = json!({ "auth": { "session": session } });
    let (status, _) = server.request("POST", "/v3/register", "", go_on.clone()).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED, "nothing was confirmed yet");
    if stage == "m.login.registration_token" {
        let wrong = server.request("POST", &path, "", json!({ "given": "x" })).await;
        assert_eq!(wrong.0, StatusCode::FORBIDDEN);
    }
    let (status, _) = server.request("POST", &path, "", json!({ "given": "welcome" })).await;
    assert_eq!(status, StatusCode::OK);
    let (status, made) = server.request("POST", "/v3/register", "", go_on).await;
    assert_eq!((status, &made["user_id"]), (StatusCode::OK, &json!("@alice:x.fr")), "{made}");

    for path in [
        "/v3/auth/m.login.dummy/fallback/web?session=none",
        "/v3/auth/m.login.sso/fallback/web?session=none",
        &path,
    ] {
        let (status, _) = server.request("GET", path, "", Value::Null).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn whoever_knows_the_session_still_needs_the_password() {
    let server = TestServer::start().await;
    let token = server.register("alice").await;
    let ask = json!({ "devices": ["X"] });
    let (_, challenge) = server.request("POST", "/v3/delete_devices", &token, ask).await;
    let session = challenge["session"].as_str().unwrap();
    let page = |stage: &str| format!("/v3/auth/{stage}/fallback/web?session={session}");
    let password = page("m.login.password");
    let (status, _) = server.request("POST", &password, "", json!({ "given": "x" })).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let dummy = page("m.login.dummy");
    server.request("POST", &dummy, "", json!({ "given": null })).await;
    let go_on = json!({ "devices": ["X"], "auth": { "session": session } });
    let (status, _) = server.request("POST", "/v3/delete_devices", &token, go_on.clone()).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED, "another stage proves nothing");
    let (status, _) = server.request("POST", &password, "", json!({ "given": PASSWORD })).await;
    assert_eq!(status, StatusCode::OK);
    let (status, _) = server.request("POST", "/v3/delete_devices", &token, go_on).await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn there_is_a_page_to_log_in() {
    let server = TestServer::start().await;
    let page = server.ask(Method::GET, "/_matrix/static/client/login/?device_id=X", "", "").await;
    assert_eq!(page.status, StatusCode::OK);
    let text = String::from_utf8(page.bytes.to_vec()).unwrap();
    assert!(text.contains("window.matrixLogin.onLogin(response)"), "{text}");
}
