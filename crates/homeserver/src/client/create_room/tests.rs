// SPDX-License-Identifier: Apache-2.0
use serde_json::json;

use crate::testing::TestServer;

const ALICE: &str = "@alice:x.fr";
const BOB: &str = "@bob:x.fr";

#[tokio::test]
async fn a_room_starts_with_what_was_asked_for() {
    let server = TestServer::start().await;
    let room = server
        .room(
            ALICE,
            json!({
                "name": "Plans", "topic": "What next", "room_alias_name": "plans",
                "visibility": "public", "preset": "private_chat", "invite": [BOB],
                "is_direct": true, "creation_content": { "m.federate": false },
                "initial_state": [{ "type": "m.room.encryption", "content": { "algorithm": "x" } }],
                "power_level_content_override": { "events_default": 10 },
            }),
        )
        .await;
    let state =
        async |kind: &str| server.get(ALICE, &format!("/v3/rooms/{room}/state/{kind}/")).await;
    assert_eq!(state("m.room.name").await["name"], "Plans");
    assert_eq!(state("m.room.topic").await["topic"], "What next");
    assert_eq!(state("m.room.canonical_alias").await["alias"], "#plans:x.fr");
    assert_eq!(state("m.room.create").await["m.federate"], false);
    assert_eq!(state("m.room.create").await["room_version"], "12");
    assert_eq!(state("m.room.encryption").await["algorithm"], "x");
    assert_eq!(state("m.room.join_rules").await["join_rule"], "invite");
    assert_eq!(state("m.room.power_levels").await["events_default"], 10);
    let invite = server.get(ALICE, &format!("/v3/rooms/{room}/state/m.room.member/{BOB}")).await;
    assert_eq!((&invite["membership"], &invite["is_direct"]), (&json!("invite"), &json!(true)));
    let alias = server.get(ALICE, "/v3/directory/room/%23plans:x.fr").await;
    assert_eq!(alias["room_id"], room);
    let listed = server.get(ALICE, &format!("/v3/directory/list/room/{room}")).await;
    assert_eq!(listed["visibility"], "public");
}

#[tokio::test]
async fn a_bad_request_makes_nothing() {
    let server = TestServer::start().await;
    server.room(ALICE, json!({ "room_alias_name": "taken" })).await;
    for (body, status, errcode) in [
        (json!({ "room_alias_name": "taken" }), 400, "M_ROOM_IN_USE"),
        (json!({ "room_alias_name": "a:b" }), 400, "M_INVALID_PARAM"),
        (json!({ "room_version": "13" }), 400, "M_UNSUPPORTED_ROOM_VERSION"),
        (json!({ "preset": "cosy" }), 400, "M_INVALID_PARAM"),
        (json!({ "visibility": "some" }), 400, "M_INVALID_PARAM"),
        (json!({ "invite": "bob" }), 400, "M_BAD_JSON"),
        (json!({ "invite": ["@a:elsewhere.org"] }), 403, "M_FORBIDDEN"),
        (
            json!({ "power_level_content_override": { "users": { ALICE: 100 } } }),
            400,
            "M_INVALID_ROOM_STATE",
        ),
        (json!({ "creation_content": { "a": 1.5 } }), 400, "M_BAD_JSON"),
    ] {
        let refused = server.refused("POST", ALICE, "/v3/createRoom", body.clone()).await;
        assert_eq!(refused, (status, errcode.to_owned()), "{body}");
    }
    let joined = server.get(ALICE, "/v3/joined_rooms").await;
    assert_eq!(joined["joined_rooms"].as_array().unwrap().len(), 1);
}

/// Before version 12 the trusted preset gives power levels, the server chooses the room id.
#[tokio::test]
async fn an_older_version_can_be_asked_for() {
    let server = TestServer::start().await;
    let body = json!({
        "room_version": "10", "preset": "trusted_private_chat", "invite": [BOB],
    });
    let room = server.room(ALICE, body).await;
    assert!(room.ends_with(":x.fr"), "{room}");
    let levels = server.get(ALICE, &format!("/v3/rooms/{room}/state/m.room.power_levels")).await;
    assert_eq!(levels["users"], json!({ ALICE: 100, BOB: 100 }));
}

/// Old versions are for rooms that have to be like those of other servers.
#[tokio::test]
async fn rooms_of_every_version_work() {
    let server = TestServer::start().await;
    for version in 1..=12 {
        let body = json!({
            "room_version": version.to_string(), "preset": "private_chat", "invite": [BOB],
        });
        let room = server.room(ALICE, body).await;
        let create = server.get(ALICE, &format!("/v3/rooms/{room}/state/m.room.create")).await;
        assert_eq!(create["room_version"], version.to_string());
        assert_eq!(create.get("creator").is_some(), version < 11, "version {version}");
        server.post(BOB, &format!("/v3/join/{room}"), json!({})).await;
        let event = server.say(BOB, &room, "hello").await;
        assert_eq!(event.ends_with(":x.fr"), version < 3, "{event}");
        let redact = format!("/v3/rooms/{room}/redact/{}/1", event.replace('/', "%2F"));
        server.put(ALICE, &redact, json!({})).await;
        let path = format!("/v3/rooms/{room}/event/{}", event.replace('/', "%2F"));
        assert_eq!(server.get(BOB, &path).await["content"], json!({}), "version {version}");
        let ban = json!({ "user_id": BOB });
        server.post(ALICE, &format!("/v3/rooms/{room}/ban"), ban).await;
        let join = format!("/v3/join/{room}");
        let refused = server.refused("POST", BOB, &join, json!({})).await;
        assert_eq!(refused, (403, "M_FORBIDDEN".to_owned()));
        let next = json!({ "new_version": (version % 12 + 1).to_string() });
        server.post(ALICE, &format!("/v3/rooms/{room}/upgrade"), next).await;
    }
}
