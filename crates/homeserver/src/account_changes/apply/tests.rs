// SPDX-License-Identifier: Apache-2.0
use serde_json::json;

use super::*;
use crate::testing::{TestServer, eventually};

const ALICE: &str = "@alice:x.fr";

/// Without it, rooms would show the name that somebody had when they came in.
#[tokio::test]
async fn a_new_profile_reaches_every_joined_room() {
    let server = TestServer::start().await;
    let rooms = [server.room(ALICE, json!({})).await, server.room(ALICE, json!({})).await];
    let user_id = UserId::parse(ALICE).unwrap();
    let store = &server.server.store;
    estafette_store::AccountStore::set_profile_field(
        store,
        &user_id,
        "displayname",
        Some("\"Alice B.\""),
    )
    .await
    .unwrap();
    apply_one(&server.server, &user_id, AccountChange::Profile).await.unwrap();
    for room in &rooms {
        let path = format!("/v3/rooms/{room}/state/m.room.member/{ALICE}");
        assert_eq!(server.get(ALICE, &path).await["displayname"], "Alice B.");
    }
}

/// Otherwise a stop of the server right after a deactivation would leave the user in all rooms.
#[tokio::test]
async fn whoever_is_gone_leaves_also_when_the_server_was_stopped_meanwhile() {
    let server = TestServer::start().await;
    let room = server.room(ALICE, json!({ "preset": "public_chat" })).await;
    server.post("@bob:x.fr", &format!("/v3/rooms/{room}/join"), json!({})).await;
    let bob = UserId::parse("@bob:x.fr").unwrap();
    assert!(server.server.store.deactivate_account(&bob, false, 1).await.unwrap());
    let server = server.restart(|_| {}).await;
    let path = format!("/v3/rooms/{room}/state/m.room.member/{bob}");
    eventually(async || server.get(ALICE, &path).await["membership"] == "leave").await;
    assert!(server.server.store.deactivated_in_rooms().await.unwrap().is_empty());
}

/// Otherwise an account that came back while a room was busy would lose all its rooms.
#[tokio::test]
async fn whoever_came_back_stays() {
    let server = TestServer::start().await;
    let room = server.room(ALICE, json!({ "preset": "public_chat" })).await;
    let user_id = UserId::parse(ALICE).unwrap();
    assert!(apply_one(&server.server, &user_id, AccountChange::Leave).await.unwrap());
    let path = format!("/v3/rooms/{room}/state/m.room.member/{ALICE}");
    assert_eq!(server.get(ALICE, &path).await["membership"], "join");
}

/// Otherwise a stop of the server right after a change of a name would leave the old one in rooms.
#[tokio::test]
async fn a_new_profile_reaches_rooms_also_when_the_server_was_stopped_meanwhile() {
    let server = TestServer::start().await;
    let room = server.room(ALICE, json!({})).await;
    let user_id = UserId::parse(ALICE).unwrap();
    let store = server.server.store.clone();
    store.set_profile_field(&user_id, "displayname", Some("\"Alice B.\"")).await.unwrap();
    drop(store);
    let server = server.restart(|_| {}).await;
    let path = format!("/v3/rooms/{room}/state/m.room.member/{ALICE}");
    eventually(async || server.get(ALICE, &path).await["displayname"] == "Alice B.").await;
    let store = &server.server.store;
    eventually(async || store.profiles_to_tell(9).await.unwrap().is_empty()).await;
}

/// A deactivated account must not stay in rooms, nor be able to be joined by its invitations.
#[tokio::test]
async fn whoever_is_gone_leaves_rooms_and_rejects_invitations() {
    let server = TestServer::start().await;
    let joined = server.room(ALICE, json!({ "preset": "public_chat" })).await;
    server.post("@bob:x.fr", &format!("/v3/rooms/{joined}/join"), json!({})).await;
    let invited = server.room(ALICE, json!({ "invite": ["@bob:x.fr"] })).await;
    let bob = UserId::parse("@bob:x.fr").unwrap();
    assert!(server.server.store.deactivate_account(&bob, false, 1).await.unwrap());
    apply_one(&server.server, &bob, AccountChange::Leave).await.unwrap();
    for room in [joined, invited] {
        let path = format!("/v3/rooms/{room}/state/m.room.member/{bob}");
        assert_eq!(server.get(ALICE, &path).await["membership"], "leave");
    }
}
