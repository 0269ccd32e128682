// SPDX-License-Identifier: Apache-2.0
//! Without these clients would offer what then fails.

use estafette_core::ids::UserId;
use estafette_store::{AccountStore as _, accounts::AccountFlag};
use http::StatusCode;
use serde_json::{Value, json};

use crate::testing::TestServer;

#[tokio::test]
async fn capabilities_follow_the_account_and_the_configuration() {
    let server = TestServer::start().await;
    let path = "/v3/capabilities";
    assert_eq!(server.request("GET", path, "", Value::Null).await.0, StatusCode::UNAUTHORIZED);
    let token = server.register("alice").await;
    let (_, answer) = server.request("GET", path, &token, Value::Null).await;
    let capabilities = &answer["capabilities"];
    assert_eq!(capabilities["m.change_password"], json!({ "enabled": true }));
    assert_eq!(capabilities["m.room_versions"]["default"], "12");
    assert_eq!(capabilities["m.room_versions"]["available"]["12"], "stable");
    assert_eq!(capabilities.get("m.account_moderation"), None);

    let (_, answer) = server.request("GET", path, "@nopass:x.fr", Value::Null).await;
    assert_eq!(answer["capabilities"]["m.change_password"], json!({ "enabled": false }));

    let alice = UserId::parse("@alice:x.fr").unwrap();
    server.server.store.set_account_flag(&alice, AccountFlag::Admin, true).await.unwrap();
    let (_, answer) = server.request("GET", path, &token, Value::Null).await;
    let moderation = &answer["capabilities"]["m.account_moderation"];
    assert_eq!(*moderation, json!({ "suspend": true, "lock": true }));
}
