// SPDX-License-Identifier: Apache-2.0
use serde_json::json;

use crate::testing::TestServer;

const ALICE: &str = "@alice:x.fr";
const BOB: &str = "@bob:x.fr";

#[tokio::test]
async fn members_can_be_filtered_and_looked_up_in_the_past() {
    let server = TestServer::start().await;
    let room = server.room_with(ALICE, &[BOB]).await;
    let users = async |query: &str| {
        let answer = server.get(ALICE, &format!("/v3/rooms/{room}/members?{query}")).await;
        let chunk = answer["chunk"].as_array().unwrap().clone();
        chunk.iter().map(|e| e["state_key"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(users("").await, [ALICE, BOB]);
    let then = server.get(ALICE, &format!("/v3/rooms/{room}/messages?dir=b&limit=1")).await;
    server.post(BOB, &format!("/v3/rooms/{room}/leave"), json!({})).await;
    assert_eq!(users("membership=join").await, [ALICE]);
    assert_eq!(users("not_membership=join").await, [BOB]);
    let at = then["start"].as_str().unwrap();
    assert_eq!(users(&format!("at={at}&membership=join")).await, [ALICE, BOB]);
    let path = format!("/v3/rooms/{room}/members?membership=maybe");
    assert_eq!(server.refused("GET", ALICE, &path, json!(null)).await.1, "M_INVALID_PARAM");
    let path = format!("/v3/rooms/{room}/joined_members");
    let joined = server.get(ALICE, &path).await;
    assert_eq!(joined["joined"].as_object().unwrap().len(), 1);
    assert_eq!(server.refused("GET", BOB, &path, json!(null)).await.0, 403);
}

/// Without the members that are null clients would take "no name" for "not told yet".
#[tokio::test]
async fn every_joined_member_has_a_name_and_an_avatar_if_only_null() {
    let server = TestServer::start().await;
    let room = server.room("@a:x.fr", json!({})).await;
    let joined = server.get("@a:x.fr", &format!("/v3/rooms/{room}/joined_members")).await;
    assert_eq!(joined["joined"]["@a:x.fr"], json!({ "avatar_url": null, "display_name": null }));
}
