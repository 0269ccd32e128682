// SPDX-License-Identifier: Apache-2.0
use serde_json::json;

use crate::testing::TestServer;

const ALICE: &str = "@alice:x.fr";
const BOB: &str = "@bob:x.fr";

/// Pitfall 45: state, aliases, the listing, tags and direct chats go along; the old room closes.
#[tokio::test]
async fn a_room_is_replaced_with_all_that_belongs_to_it() {
    let server = TestServer::start().await;
    let body = json!({
        "room_version": "11", "preset": "public_chat", "visibility": "public",
        "room_alias_name": "hall", "name": "Hall",
    });
    let old = server.room(ALICE, body).await;
    server.post(BOB, &format!("/v3/join/{old}"), json!({})).await;
    let upgrade = format!("/v3/rooms/{old}/upgrade");
    let refused = server.refused("POST", BOB, &upgrade, json!({ "new_version": "12" })).await;
    assert_eq!(refused, (403, "M_FORBIDDEN".to_owned()));
    let unknown = server.refused("POST", ALICE, &upgrade, json!({ "new_version": "99" })).await;
    assert_eq!(unknown, (400, "M_UNSUPPORTED_ROOM_VERSION".to_owned()));
    let tag = json!({ "order": 0.5 });
    server.put(BOB, &format!("/v3/user/{BOB}/rooms/{old}/tags/m.favourite"), tag).await;
    let answer = server.post(ALICE, &upgrade, json!({ "new_version": "12" })).await;
    let new = answer["replacement_room"].as_str().unwrap().to_owned();
    let state = async |room: &str, kind: &str| {
        server.get(ALICE, &format!("/v3/rooms/{room}/state/{kind}/")).await
    };
    assert_eq!(state(&old, "m.room.tombstone").await["replacement_room"], new);
    assert_eq!(state(&new, "m.room.create").await["predecessor"]["room_id"], old);
    assert_eq!(state(&new, "m.room.name").await["name"], "Hall");
    let alias = server.get(ALICE, "/v3/directory/room/%23hall:x.fr").await;
    assert_eq!(alias["room_id"], new);
    let listed = server.get("", "/v3/publicRooms").await;
    assert_eq!(listed["chunk"][0]["room_id"], new);
    assert_eq!(listed["total_room_count_estimate"], 1);
    let path = format!("/v3/rooms/{old}/send/m.room.message/1");
    assert_eq!(server.refused("PUT", BOB, &path, json!({})).await.0, 403, "the old room is shut");
    server.post(BOB, &format!("/v3/join/{new}"), json!({})).await;
    let tags = server.get(BOB, &format!("/v3/user/{BOB}/rooms/{new}/tags")).await;
    assert!(tags["tags"].get("m.favourite").is_some(), "{tags}");
}
