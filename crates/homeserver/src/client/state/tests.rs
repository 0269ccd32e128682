// SPDX-License-Identifier: Apache-2.0
use serde_json::json;

use crate::testing::TestServer;

const ALICE: &str = "@alice:x.fr";
const BOB: &str = "@bob:x.fr";

#[tokio::test]
async fn state_is_set_and_read() {
    let server = TestServer::start().await;
    let room = server.room_with(ALICE, &[BOB]).await;
    let path = format!("/v3/rooms/{room}/state/m.thing/a%2Fb");
    let set = server.put(ALICE, &path, json!({ "n": 1 })).await;
    assert_eq!(server.put(ALICE, &path, json!({ "n": 1 })).await, set, "nothing changed");
    assert_ne!(server.put(ALICE, &path, json!({ "n": 2 })).await, set);
    assert_eq!(server.get(BOB, &path).await, json!({ "n": 2 }));
    let whole = server.get(BOB, &format!("{path}?format=event")).await;
    assert_eq!((&whole["state_key"], &whole["sender"]), (&json!("a/b"), &json!(ALICE)));
    let all = server.get(BOB, &format!("/v3/rooms/{room}/state")).await;
    assert!(all.as_array().unwrap().contains(&whole));
    let missing = format!("/v3/rooms/{room}/state/m.none");
    let refused = server.refused("GET", BOB, &missing, json!(null)).await;
    assert_eq!(refused, (404, "M_NOT_FOUND".to_owned()));
    let refused = server.refused("PUT", BOB, &path, json!({})).await;
    assert_eq!(refused, (403, "M_FORBIDDEN".to_owned()));
}

/// Whoever left must not learn what happened to the room since.
#[tokio::test]
async fn those_who_left_see_the_state_as_it_was() {
    let server = TestServer::start().await;
    let room = server.room_with(ALICE, &[BOB]).await;
    server.set(ALICE, &room, "m.room.name", json!({ "name": "before" })).await;
    server.post(BOB, &format!("/v3/rooms/{room}/leave"), json!({})).await;
    server.set(ALICE, &room, "m.room.name", json!({ "name": "after" })).await;
    let path = format!("/v3/rooms/{room}/state/m.room.name");
    assert_eq!(server.get(BOB, &path).await["name"], "before");
    let all = server.get(BOB, &format!("/v3/rooms/{room}/state")).await;
    let names: Vec<_> =
        all.as_array().unwrap().iter().filter_map(|e| e["content"]["name"].as_str()).collect();
    assert_eq!(names, ["before"]);
}

#[tokio::test]
async fn a_canonical_alias_must_name_the_room() {
    let server = TestServer::start().await;
    let room = server.room(ALICE, json!({ "room_alias_name": "mine" })).await;
    server.room(ALICE, json!({ "room_alias_name": "other" })).await;
    let path = format!("/v3/rooms/{room}/state/m.room.canonical_alias");
    for (alias, errcode) in
        [("#other:x.fr", "M_BAD_ALIAS"), ("#none:x.fr", "M_BAD_ALIAS"), ("what", "M_INVALID_PARAM")]
    {
        let content = json!({ "alias": "#mine:x.fr", "alt_aliases": [alias] });
        let refused = server.refused("PUT", ALICE, &path, content).await;
        assert_eq!(refused, (400, errcode.to_owned()), "{alias}");
    }
    server.put(ALICE, &path, json!({})).await;
}

#[tokio::test]
async fn memberships_as_state_follow_the_same_rules() {
    let server = TestServer::start().await;
    let room = server.room_with(ALICE, &[BOB]).await;
    let path = format!("/v3/rooms/{room}/state/m.room.member/{BOB}");
    let join = json!({ "membership": "join", "displayname": "Bob here" });
    let refused = server.refused("PUT", ALICE, &path, join.clone()).await;
    assert_eq!(refused, (403, "M_FORBIDDEN".to_owned()));
    server.put(BOB, &path, join).await;
    assert_eq!(server.get(ALICE, &path).await["displayname"], "Bob here");
    server.put(ALICE, &path, json!({ "membership": "ban" })).await;
    server.put(ALICE, &path, json!({ "membership": "leave" })).await;
    let wrong = server.refused("PUT", ALICE, &path, json!({ "membership": "here" })).await;
    assert_eq!(wrong, (400, "M_BAD_JSON".to_owned()));
}
