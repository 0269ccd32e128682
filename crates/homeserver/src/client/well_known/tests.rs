// SPDX-License-Identifier: Apache-2.0
//! Without these clients would be sent to the wrong server.

use axum::body::Body;
use http::Request;
use serde_json::{Value, json};

use crate::testing::TestServer;

async fn base_url(server: &TestServer, host: &str) -> Value {
    let request = Request::get("/.well-known/matrix/client").header("host", host);
    let answer = server.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.headers["access-control-allow-origin"], "*");
    answer.json()["m.homeserver"]["base_url"].clone()
}

#[tokio::test]
async fn the_configured_url_wins_over_the_host_that_was_asked() {
    let server = TestServer::start().await;
    assert_eq!(base_url(&server, "localhost:8008").await, "http://localhost:8008");
    assert_eq!(base_url(&server, "evil.fr@x.fr").await, Value::Null);
    let server = TestServer::with(|config| config.public_base_url = "https://m.x.fr/".into()).await;
    assert_eq!(base_url(&server, "localhost:8008").await, "https://m.x.fr");
    server.register("alice").await;
    let login = server.login("alice", "D").await;
    assert_eq!(login["well_known"], json!({ "m.homeserver": { "base_url": "https://m.x.fr" } }));
}

/// Without it nobody would know whom to ask.
#[tokio::test]
async fn support_and_policy_server_come_from_the_configuration() {
    const SUPPORT: &str = "/.well-known/matrix/support";
    const POLICY: &str = "/.well-known/matrix/policy_server";
    let server = TestServer::with(|config| {
        config.well_known.support_page = "https://x.fr/help".into();
        config.well_known.support_contacts = vec![crate::config::SupportContact {
            email_address: "help@x.fr".into(),
            role: "m.role.admin".into(),
            ..Default::default()
        }];
        config.well_known.policy_server_ed25519 = "key".into();
    })
    .await;
    assert_eq!(
        server.get("", SUPPORT).await,
        json!({ "support_page": "https://x.fr/help",
            "contacts": [{ "role": "m.role.admin", "email_address": "help@x.fr" }] })
    );
    assert_eq!(server.get("", POLICY).await, json!({ "public_keys": { "ed25519": "key" } }));
    let silent = TestServer::start().await;
    for path in [SUPPORT, POLICY] {
        let refused = silent.refused("GET", "", path, Value::Null).await;
        assert_eq!(refused, (404, "M_NOT_FOUND".to_owned()));
    }
}
