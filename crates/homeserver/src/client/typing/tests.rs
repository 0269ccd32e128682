// SPDX-License-Identifier: Apache-2.0
use estafette_core::ids::{RoomId, UserId};
use serde_json::json;

use crate::testing::TestServer;

const ALICE: &str = "@alice:x.fr";
const BOB: &str = "@bob:x.fr";

/// Typing ends when the client says so and by leaving (pitfall 49); not by sending, after which
/// somebody may well go on.
#[tokio::test]
async fn typing_starts_and_ends() {
    let server = TestServer::start().await;
    let room = server.room_with(ALICE, &[BOB]).await;
    let room_id = RoomId::parse(&room).unwrap();
    let bob = UserId::parse(BOB).unwrap();
    let typing = || server.server.typing.in_room(&room_id).1;
    let path = format!("/v3/rooms/{room}/typing/{BOB}");
    let start = json!({ "typing": true, "timeout": 60_000 });
    server.put(BOB, &path, start.clone()).await;
    assert_eq!(typing(), std::slice::from_ref(&bob));
    server.put(BOB, &path, json!({ "typing": false })).await;
    assert!(typing().is_empty());
    server.put(BOB, &path, start.clone()).await;
    server.say(BOB, &room, "there").await;
    assert_eq!(typing(), std::slice::from_ref(&bob));
    server.post(BOB, &format!("/v3/rooms/{room}/leave"), json!({})).await;
    assert!(typing().is_empty());
    let outside = server.refused("PUT", BOB, &path, start.clone()).await;
    assert_eq!(outside, (403, "M_FORBIDDEN".to_owned()));
    let other = server.refused("PUT", ALICE, &path, start).await;
    assert_eq!(other, (403, "M_FORBIDDEN".to_owned()));
}

/// A client that vanished must not be typing for ever.
#[tokio::test]
async fn typing_runs_out() {
    let server = TestServer::start().await;
    let room = server.room(ALICE, json!({})).await;
    let room_id = RoomId::parse(&room).unwrap();
    let path = format!("/v3/rooms/{room}/typing/{ALICE}");
    server.put(ALICE, &path, json!({ "typing": true, "timeout": 1 })).await;
    server.clock.advance(10);
    let alice = UserId::parse(ALICE).unwrap();
    let user = server.server.notifier.user(&server.server.store, &alice).await.unwrap();
    let gone = async {
        loop {
            let woken = user.woken();
            if server.server.typing.in_room(&room_id).1.is_empty() {
                return;
            }
            let _ = tokio::time::timeout(std::time::Duration::from_millis(20), woken).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(120), gone).await.unwrap();
}
