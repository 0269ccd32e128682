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
