// SPDX-License-Identifier: Apache-2.0
//! Without these a widget could be told that one user is another.

use http::StatusCode;
use serde_json::{Value, json};

use crate::testing::TestServer;

#[tokio::test]
async fn a_token_tells_who_its_owner_is_for_an_hour() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    let path = "/v3/user/@alice:x.fr/openid/request_token";
    let (status, answer) = server.request("POST", path, &alice, json!({})).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(
        (&answer["matrix_server_name"], &answer["expires_in"]),
        (&json!("x.fr"), &json!(3600))
    );
    let token = answer["access_token"].as_str().unwrap();
    let check = format!("/_matrix/federation/v1/openid/userinfo?access_token={token}");
    for _ in 0..2 {
        let (_, who) = server.request("GET", &check, "", Value::Null).await;
        assert_eq!(who, json!({ "sub": "@alice:x.fr" }));
    }
    let (_, who) = server.request("GET", "/v3/account/whoami", token, Value::Null).await;
    assert_eq!(who["errcode"], "M_UNKNOWN_TOKEN", "it is no access token");
    server.clock.advance(3_600_000);
    let (status, who) = server.request("GET", &check, "", Value::Null).await;
    assert_eq!((status, &who["errcode"]), (StatusCode::UNAUTHORIZED, &json!("M_UNKNOWN_TOKEN")));
    let other = "/v3/user/@bob:x.fr/openid/request_token";
    assert_eq!(server.request("POST", other, &alice, json!({})).await.0, StatusCode::FORBIDDEN);
}
