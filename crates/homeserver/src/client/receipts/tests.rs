// SPDX-License-Identifier: Apache-2.0
use estafette_core::ids::RoomId;
use estafette_store::{Position, RoomStore as _};
use serde_json::json;

use crate::testing::TestServer;

const ALICE: &str = "@alice:x.fr";
const BOB: &str = "@bob:x.fr";

#[tokio::test]
async fn receipts_are_kept_by_kind_and_thread_and_only_move_forward() {
    let server = TestServer::start().await;
    let room = server.room_with(ALICE, &[BOB]).await;
    let (one, two) = (server.say(ALICE, &room, "1").await, server.say(ALICE, &room, "2").await);
    let path = |kind: &str, event: &str| format!("/v3/rooms/{room}/receipt/{kind}/{event}");
    server.post(BOB, &path("m.read", &two), json!({})).await;
    server.post(BOB, &path("m.read", &one), json!({})).await;
    server.post(BOB, &path("m.read", &one), json!({ "thread_id": "main" })).await;
    server.post(BOB, &path("m.read.private", &one), json!({ "thread_id": two })).await;
    let room_id = RoomId::parse(&room).unwrap();
    let receipts = server.server.store.receipts(&room_id, Position(0)).await.unwrap();
    let found: Vec<_> = receipts
        .iter()
        .map(|r| (r.kind.as_str(), r.thread.as_str(), r.event_id.as_str()))
        .collect();
    assert_eq!(
        found,
        [
            ("m.read", "", two.as_str()),
            ("m.read", "main", one.as_str()),
            ("m.read.private", two.as_str(), one.as_str()),
        ]
    );
}

#[tokio::test]
async fn read_markers_move_together() {
    let server = TestServer::start().await;
    let room = server.room_with(ALICE, &[BOB]).await;
    let one = server.say(ALICE, &room, "1").await;
    let body = json!({ "m.fully_read": one, "m.read": one, "m.read.private": one });
    server.post(BOB, &format!("/v3/rooms/{room}/read_markers"), body).await;
    let path = format!("/v3/user/{BOB}/rooms/{room}/account_data/m.fully_read");
    assert_eq!(server.get(BOB, &path).await, json!({ "event_id": one }));
    let room_id = RoomId::parse(&room).unwrap();
    let receipts = server.server.store.receipts(&room_id, Position(0)).await.unwrap();
    assert_eq!(receipts.len(), 2);
}

#[tokio::test]
async fn wrong_receipts_are_refused() {
    let server = TestServer::start().await;
    let room = server.room(ALICE, json!({})).await;
    let one = server.say(ALICE, &room, "1").await;
    let path = |kind: &str| format!("/v3/rooms/{room}/receipt/{kind}/{one}");
    let invalid = (400, "M_INVALID_PARAM".to_owned());
    assert_eq!(server.refused("POST", ALICE, &path("m.other"), json!({})).await, invalid);
    for root in ["$made_up", "$made_up:x.fr"] {
        let thread = json!({ "thread_id": root });
        let refused = server.refused("POST", ALICE, &path("m.read"), thread).await;
        assert_eq!(refused, invalid, "of no event of the room: {root}");
    }
    let thread = json!({ "thread_id": "nonsense" });
    assert_eq!(server.refused("POST", ALICE, &path("m.read"), thread).await, invalid);
    let thread = json!({ "thread_id": "main" });
    assert_eq!(server.refused("POST", ALICE, &path("m.fully_read"), thread).await, invalid);
    let outside = server.refused("POST", BOB, &path("m.read"), json!({})).await;
    assert_eq!(outside, (403, "M_FORBIDDEN".to_owned()));
}
