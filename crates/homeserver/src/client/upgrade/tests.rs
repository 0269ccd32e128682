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

/// Without these the names of a room would lead nowhere after an upgrade, those sent away would be
/// back, and whoever made the upgrade would keep more power than they had.
#[tokio::test]
async fn names_bans_and_levels_go_along_and_nobody_gains_by_it() {
    let server = TestServer::start().await;
    let body = json!({ "room_version": "10", "preset": "public_chat", "room_alias_name": "hall" });
    let old = server.room(ALICE, body).await;
    server.post(BOB, &format!("/v3/join/{old}"), json!({})).await;
    server.put(ALICE, "/v3/directory/room/%23other:x.fr", json!({ "room_id": old })).await;
    let names = json!({ "alias": "#hall:x.fr", "alt_aliases": ["#other:x.fr"] });
    server.set(ALICE, &old, "m.room.canonical_alias", names.clone()).await;
    let state = async |room: &str, kind: &str, key: &str| {
        server.get(ALICE, &format!("/v3/rooms/{room}/state/{kind}/{key}")).await
    };
    let mut levels = state(&old, "m.room.power_levels", "").await;
    levels["users"][BOB] = json!(50);
    levels["events"]["m.room.tombstone"] = json!(50);
    server.set(ALICE, &old, "m.room.power_levels", levels.clone()).await;
    let ban = json!({ "user_id": "@eve:x.fr", "reason": "spam" });
    server.post(ALICE, &format!("/v3/rooms/{old}/ban"), ban).await;
    let upgrade = format!("/v3/rooms/{old}/upgrade");
    let new = server.post(BOB, &upgrade, json!({ "new_version": "11" })).await;
    let new = new["replacement_room"].as_str().unwrap();
    server.post(ALICE, &format!("/v3/join/{new}"), json!({})).await;
    assert_eq!(state(new, "m.room.canonical_alias", "").await, names);
    assert_eq!(state(&old, "m.room.canonical_alias", "").await, json!({}));
    assert_eq!(state(new, "m.room.power_levels", "").await, levels);
    assert_eq!(state(&old, "m.room.power_levels", "").await, levels, "Bob may not close it");
    let eve = state(new, "m.room.member", "@eve:x.fr").await;
    assert_eq!((&eve["membership"], &eve["reason"]), (&json!("ban"), &json!("spam")));
    let nowhere = "/v3/rooms/!fail:unknown/upgrade";
    let refused = server.refused("POST", ALICE, nowhere, json!({ "new_version": "11" })).await;
    assert_eq!(refused, (404, "M_NOT_FOUND".to_owned()));
}

/// Without it a room could send everybody back to where they are.
#[tokio::test]
async fn a_room_cannot_replace_itself() {
    let server = TestServer::start().await;
    let room = server.room(ALICE, json!({})).await;
    let content = json!({ "replacement_room": room });
    for path in ["send/m.room.tombstone/t", "state/m.room.tombstone/"] {
        let path = format!("/v3/rooms/{room}/{path}");
        let refused = server.refused("PUT", ALICE, &path, content.clone()).await;
        assert_eq!(refused, (400, "M_INVALID_PARAM".to_owned()));
    }
}

/// Without it whoever replaces a room by hand would lose their settings for it.
#[tokio::test]
async fn settings_follow_also_when_the_tombstone_comes_last() {
    let server = TestServer::start().await;
    let old = server.room(ALICE, json!({ "room_version": "10" })).await;
    let rule = format!("/v3/pushrules/global/room/{old}");
    server.put(ALICE, &rule, json!({ "actions": ["notify"] })).await;
    let predecessor = json!({ "predecessor": { "room_id": old } });
    let new = server.room(ALICE, json!({ "creation_content": predecessor })).await;
    let content = json!({ "body": "", "replacement_room": new });
    server.set(ALICE, &old, "m.room.tombstone", content).await;
    let rules = server.get(ALICE, "/v3/pushrules/").await;
    let rooms = rules["global"]["room"].as_array().unwrap();
    assert!(rooms.iter().any(|rule| rule["rule_id"] == json!(new)), "{rooms:?}");
}

/// Room version 12: who may be a creator, and what goes over (MSC4289, MSC4291).
#[tokio::test]
async fn creators_of_a_version_12_room_are_above_all_levels() {
    let server = TestServer::start().await;
    let room = server.room(ALICE, json!({ "room_version": "12", "preset": "public_chat" })).await;
    server.post(BOB, &format!("/v3/join/{room}"), json!({})).await;
    let levels = format!("/v3/rooms/{room}/state/m.room.power_levels/");
    let lists_creator = json!({ "users": { ALICE: 100 } });
    let refused = server.refused("PUT", ALICE, &levels, lists_creator.clone()).await;
    assert_eq!(refused, (400, "M_INVALID_PARAM".to_owned()));
    let create = format!("/v3/rooms/{room}/state/m.room.create/");
    let again = json!({ "room_version": "12", "entropy": 1 });
    assert_eq!(server.refused("PUT", ALICE, &create, again).await.0, 400);
    let above = json!({ "users": { BOB: 9_007_199_254_740_991_i64 } });
    server.put(ALICE, &levels, above).await;
    let beyond = json!({ "users": { BOB: 9_007_199_254_740_992_i64 } });
    assert_eq!(server.refused("PUT", ALICE, &levels, beyond).await.0, 400);
    let kick = format!("/v3/rooms/{room}/kick");
    let refused = server.refused("POST", BOB, &kick, json!({ "user_id": ALICE })).await;
    assert_eq!(refused, (403, "M_FORBIDDEN".to_owned()));
    server.post(ALICE, &kick, json!({ "user_id": BOB })).await;
    for (creators, status) in [
        (json!("no list"), 400),
        (json!(["@foo:example.com", 42]), 400),
        (json!(["not a user"]), 400),
        (json!(["@invalid:dom$ain$.com"]), 400),
        (json!(["@foo:example.com", "@bar:baz.code"]), 200),
    ] {
        let body = json!({ "creation_content": { "additional_creators": creators } });
        let (got, answer) = server.request("POST", "/v3/createRoom", ALICE, body).await;
        assert_eq!(got.as_u16(), status, "{answer}");
    }
    let body = json!({ "power_level_content_override": lists_creator });
    assert_eq!(server.refused("POST", ALICE, "/v3/createRoom", body).await.0, 400);
    for version in ["10", "11", "12"] {
        let old = server.room(ALICE, json!({ "room_version": version })).await;
        let body = json!({ "new_version": "12", "additional_creators": [BOB] });
        let new = server.post(ALICE, &format!("/v3/rooms/{old}/upgrade"), body).await;
        let new = new["replacement_room"].as_str().unwrap();
        let path = format!("/v3/rooms/{new}/state/m.room.create/");
        let create = server.get(ALICE, &format!("{path}?format=event")).await;
        assert_eq!(create["room_id"], json!(new));
        assert_eq!(create["event_id"], json!(new.replacen('!', "$", 1)));
        let content = &create["content"];
        assert_eq!(content["additional_creators"], json!([BOB]));
        assert_eq!(content["predecessor"], json!({ "room_id": old }));
    }
}
