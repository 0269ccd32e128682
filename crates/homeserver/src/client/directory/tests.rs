// SPDX-License-Identifier: Apache-2.0
use serde_json::json;

use crate::testing::TestServer;

const ALICE: &str = "@alice:x.fr";
const BOB: &str = "@bob:x.fr";

#[tokio::test]
async fn aliases_come_and_go() {
    let server = TestServer::start().await;
    let room = server.room_with(ALICE, &[BOB]).await;
    let path = "/v3/directory/room/%23a:x.fr";
    let body = json!({ "room_id": room });
    server.put(BOB, path, body.clone()).await;
    assert_eq!(server.get(ALICE, path).await["room_id"], room);
    let twice = server.refused("PUT", ALICE, path, body.clone()).await;
    assert_eq!(twice, (409, "M_UNKNOWN".to_owned()));
    let aliases = server.get(ALICE, &format!("/v3/rooms/{room}/aliases")).await;
    assert_eq!(aliases["aliases"], json!(["#a:x.fr"]));
    let other = server.refused("DELETE", "@carol:x.fr", path, json!(null)).await;
    assert_eq!(other, (403, "M_FORBIDDEN".to_owned()));
    let (status, _) = server.request("DELETE", path, ALICE, json!(null)).await;
    assert_eq!(status, 200, "whoever manages the room may");
    assert_eq!(server.refused("GET", ALICE, path, json!(null)).await.0, 404);
    assert_eq!(server.refused("DELETE", ALICE, path, json!(null)).await.0, 404);
    let outside = server.refused("PUT", "@carol:x.fr", path, body.clone()).await;
    assert_eq!(outside, (403, "M_FORBIDDEN".to_owned()));
    let elsewhere = "/v3/directory/room/%23a:elsewhere.org";
    assert_eq!(server.refused("PUT", ALICE, elsewhere, body).await.0, 400);
}

#[tokio::test]
async fn the_directory_is_paged_and_searched() {
    let server = TestServer::start().await;
    for (name, kind) in [("Anchors", None), ("Boats", Some("m.space")), ("Boat houses", None)] {
        let mut creation = json!({});
        if let Some(kind) = kind {
            creation["type"] = json!(kind);
        }
        let body = json!({
            "name": name, "visibility": "public", "creation_content": creation,
        });
        server.room(ALICE, body).await;
    }
    server.room(ALICE, json!({ "name": "Boats in secret" })).await;
    let names = |answer: &serde_json::Value| {
        let chunk = answer["chunk"].as_array().unwrap().iter();
        chunk.map(|room| room["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let first = server.get("", "/v3/publicRooms?limit=2").await;
    assert_eq!(names(&first), ["Anchors", "Boats"]);
    assert_eq!(first["total_room_count_estimate"], 3);
    let next = first["next_batch"].as_str().unwrap();
    let second = server.get("", &format!("/v3/publicRooms?limit=2&since={next}")).await;
    assert_eq!(names(&second), ["Boat houses"]);
    assert_eq!(second.get("next_batch"), None);
    let search = async |filter: serde_json::Value| {
        names(&server.post(BOB, "/v3/publicRooms", json!({ "filter": filter })).await)
    };
    let term = json!({ "generic_search_term": "bOAt" });
    assert_eq!(search(term).await, ["Boats", "Boat houses"]);
    assert_eq!(search(json!({ "room_types": ["m.space"] })).await, ["Boats"]);
    assert_eq!(search(json!({ "room_types": [null] })).await, ["Anchors", "Boat houses"]);
    let wrong = server.refused("GET", "", "/v3/publicRooms?since=x", json!(null)).await;
    assert_eq!(wrong, (400, "M_INVALID_PARAM".to_owned()));
}

#[tokio::test]
async fn only_managers_list_a_room() {
    let server = TestServer::start().await;
    let room = server.room_with(ALICE, &[BOB]).await;
    let path = format!("/v3/directory/list/room/{room}");
    let public = json!({ "visibility": "public" });
    let refused = server.refused("PUT", BOB, &path, public.clone()).await;
    assert_eq!(refused, (403, "M_FORBIDDEN".to_owned()));
    server.put(ALICE, &path, public).await;
    assert_eq!(server.get("", &path).await["visibility"], "public");
    server.put(ALICE, &path, json!({ "visibility": "private" })).await;
    assert_eq!(server.get("", "/v3/publicRooms").await["chunk"], json!([]));
}

/// Without it a room would go on under a name that leads nowhere.
#[tokio::test]
async fn a_deleted_alias_is_no_rooms_canonical_alias() {
    let server = TestServer::start().await;
    let body = json!({ "preset": "public_chat", "room_alias_name": "one" });
    let room = server.room("@a:x.fr", body).await;
    server.post("@b:x.fr", &format!("/v3/join/{room}"), json!({})).await;
    server.put("@b:x.fr", "/v3/directory/room/%23two:x.fr", json!({ "room_id": room })).await;
    let names = json!({ "alias": "#one:x.fr", "alt_aliases": ["#two:x.fr", "#one:x.fr"] });
    server.set("@a:x.fr", &room, "m.room.canonical_alias", names.clone()).await;
    let canonical = format!("/v3/rooms/{room}/state/m.room.canonical_alias/");
    let delete = async |user: &str, name: &str| {
        let path = format!("/v3/directory/room/%23{name}:x.fr");
        server.request("DELETE", &path, user, serde_json::Value::Null).await.0.as_u16()
    };
    assert_eq!(delete("@b:x.fr", "one").await, 403);
    assert_eq!(delete("@b:x.fr", "two").await, 200, "its maker may, whatever the room says");
    assert_eq!(server.get("@a:x.fr", &canonical).await, names, "who may not change it does not");
    assert_eq!(delete("@a:x.fr", "one").await, 200);
    let left = server.get("@a:x.fr", &canonical).await;
    assert_eq!(left, json!({ "alt_aliases": ["#two:x.fr"] }));
    assert_eq!(delete("@a:x.fr", "one").await, 404);
}
