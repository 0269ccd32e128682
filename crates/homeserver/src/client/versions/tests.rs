// SPDX-License-Identifier: Apache-2.0
//! Without it clients would not know what they may use.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::testing::TestServer;

#[tokio::test]
async fn versions_are_told_to_anybody_from_anywhere() {
    let server = TestServer::start().await;
    let (status, answer) = server.request("GET", "/_matrix/client/versions", "", Value::Null).await;
    assert_eq!(status, StatusCode::OK);
    let versions = answer["versions"].as_array().unwrap();
    assert!(versions.contains(&json!("v1.1")) && versions.contains(&json!("v1.19")));
    assert_eq!(answer["unstable_features"]["org.matrix.simplified_msc3575"], true);
    let answer = server.ask(Method::OPTIONS, "/_matrix/client/versions", "", "").await;
    assert_eq!(answer.headers["access-control-allow-origin"], "*");
}
