// SPDX-License-Identifier: Apache-2.0
//! Without these old bots would see other rooms than their users, or miss events.

use serde_json::{Value, json};

use crate::testing::{TestServer, bodies};

#[tokio::test]
async fn the_snapshot_of_a_room_is_what_its_reader_may_see() {
    let server = TestServer::start().await;
    let body = json!({ "preset": "public_chat", "visibility": "public", "name": "Here" });
    let room = server.room("@a:x.fr", body).await;
    server.say("@a:x.fr", &room, "one").await;
    server.post("@b:x.fr", &format!("/v3/join/{room}"), json!({})).await;
    server.say("@a:x.fr", &room, "two").await;
    let path = format!("/v3/rooms/{room}/initialSync");
    let data = format!("/v3/user/@b:x.fr/rooms/{room}/account_data/t");
    server.put("@b:x.fr", &data, json!({ "k": 1 })).await;
    let now = server.get("@b:x.fr", &format!("{path}?limit=2")).await;
    assert_eq!((&now["membership"], &now["visibility"]), (&json!("join"), &json!("public")));
    assert_eq!(now["account_data"], json!([{ "type": "t", "content": { "k": 1 } }]));
    assert_eq!(bodies(&now["messages"]["chunk"]), ["two"]);
    let kinds: Vec<&str> =
        now["state"].as_array().unwrap().iter().map(|e| e["type"].as_str().unwrap()).collect();
    assert!(kinds.contains(&"m.room.create") && kinds.contains(&"m.room.name"));
    let start = now["messages"]["start"].as_str().unwrap();
    let earlier = server.bodies("@b:x.fr", &room, &format!("dir=b&from={start}&limit=50")).await;
    assert_eq!(earlier, ["one"]);

    server.post("@b:x.fr", &format!("/v3/rooms/{room}/leave"), json!({})).await;
    server.say("@a:x.fr", &room, "three").await;
    let then = server.get("@b:x.fr", &path).await;
    assert_eq!(then["membership"], "leave");
    assert!(!bodies(&then["messages"]["chunk"]).contains(&"three".to_owned()));
    assert_eq!(server.refused("GET", "@c:x.fr", &path, Value::Null).await.0, 403);
}

#[tokio::test]
async fn events_are_streamed_in_order_from_a_token() {
    let server = TestServer::start().await;
    let room = server.room_with("@a:x.fr", &["@b:x.fr"]).await;
    let other = server.room("@a:x.fr", json!({})).await;
    let all = server.get("@b:x.fr", "/v3/initialSync").await;
    assert_eq!(all["rooms"].as_array().unwrap().len(), 1);
    let mut from = all["end"].as_str().unwrap().to_owned();
    server.say("@a:x.fr", &other, "hidden").await;
    for text in ["1", "2", "3"] {
        server.say("@a:x.fr", &room, text).await;
    }
    let mut seen = Vec::new();
    for _ in 0..3 {
        let page = server.get("@b:x.fr", &format!("/r0/events?from={from}&limit=2")).await;
        assert_eq!(page["start"], json!(from));
        seen.extend(bodies(&page["chunk"]));
        from = page["end"].as_str().unwrap().to_owned();
    }
    assert_eq!(seen, ["1", "2", "3"]);
    let page = server.get("@b:x.fr", "/r0/events?timeout=0").await;
    assert_eq!(page["chunk"], json!([]));
    let event = server.say("@a:x.fr", &room, "4").await;
    let one = server.get("@b:x.fr", &format!("/v3/events/{event}")).await;
    assert_eq!(one["content"]["body"], "4");
    let path = format!("/v3/events/{event}");
    assert_eq!(server.refused("GET", "@c:x.fr", &path, Value::Null).await.0, 404);
    let peek = format!("/v3/events?room_id={room}");
    assert_eq!(server.refused("GET", "@c:x.fr", &peek, Value::Null).await.0, 403);
}

fn kinds(events: &Value) -> Vec<String> {
    let kinds = events.as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap());
    kinds.map(str::to_owned).collect()
}

/// Otherwise an old bot would not know who is there, who has read what, or what its other devices
/// set.
#[tokio::test]
async fn what_is_no_event_of_a_room_is_streamed_too() {
    let server = TestServer::with(|config| config.presence.enabled = true).await;
    let room = server.room_with("@a:x.fr", &["@b:x.fr"]).await;
    let said = server.say("@a:x.fr", &room, "1").await;
    let first = server.get("@b:x.fr", "/v3/initialSync").await;
    assert_eq!(first["presence"][0]["content"]["user_id"], "@b:x.fr");
    let from = first["end"].as_str().unwrap();
    let news = format!("/v3/events?from={from}");
    assert_eq!(server.get("@b:x.fr", &news).await["chunk"], json!([]));
    let receipt = format!("/v3/rooms/{room}/receipt/m.read/{said}");
    server.post("@a:x.fr", &receipt, json!({})).await;
    let private = format!("/v3/rooms/{room}/receipt/m.read.private/{said}");
    server.post("@a:x.fr", &private, json!({})).await;
    let typing = json!({ "typing": true, "timeout": 20_000 });
    server.put("@a:x.fr", &format!("/v3/rooms/{room}/typing/@a:x.fr"), typing).await;
    server.put("@b:x.fr", "/v3/user/@b:x.fr/account_data/t", json!({ "k": 1 })).await;
    let tags = format!("/v3/user/@b:x.fr/rooms/{room}/tags/u.x");
    server.put("@b:x.fr", &tags, json!({})).await;
    server.put("@a:x.fr", "/v3/presence/@a:x.fr/status", json!({ "presence": "online" })).await;
    let page = server.get("@b:x.fr", &news).await;
    let chunk = &page["chunk"];
    let expected = ["m.receipt", "m.typing", "t", "m.tag", "m.presence"];
    assert_eq!(kinds(chunk), expected, "{chunk}");
    assert!(chunk[0]["content"][&said].get("m.read.private").is_none());
    for (index, in_room) in [(0, true), (1, true), (2, false), (3, true)] {
        assert_eq!(chunk[index]["room_id"] == room.as_str(), in_room, "{index}: {chunk}");
    }
    let next = format!("/v3/events?from={}", page["end"].as_str().unwrap());
    assert_eq!(server.get("@b:x.fr", &next).await["chunk"], json!([]), "told once");
    let again = server.get("@b:x.fr", "/v3/initialSync").await;
    assert_eq!(kinds(&again["account_data"]), ["t"]);
    assert_eq!(again["receipts"][0]["room_id"], room.as_str());
    assert_eq!(again["presence"].as_array().unwrap().len(), 2);
    assert!(again["rooms"][0].get("presence").is_none(), "told once, and looked for once");
    let one = server.get("@b:x.fr", &format!("/v3/rooms/{room}/initialSync")).await;
    assert_eq!(kinds(&one["receipts"]), ["m.receipt"]);
    assert_eq!(one["presence"].as_array().unwrap().len(), 2);
    assert_eq!(one["messages"]["chunk"][0]["user_id"], one["messages"]["chunk"][0]["sender"]);
}

/// Otherwise a bot would go on in a room from which it was removed, or never learn of an
/// invitation.
#[tokio::test]
async fn ones_own_coming_and_going_is_streamed() {
    let server = TestServer::start().await;
    let room = server.room_with("@a:x.fr", &["@b:x.fr"]).await;
    let first = server.get("@b:x.fr", "/v3/initialSync").await;
    let from = first["end"].as_str().unwrap();
    let kick = json!({ "user_id": "@b:x.fr" });
    server.post("@a:x.fr", &format!("/v3/rooms/{room}/kick"), kick.clone()).await;
    server.say("@a:x.fr", &room, "not for b").await;
    let invited = server.room("@a:x.fr", json!({ "invite": ["@b:x.fr"] })).await;
    let page = server.get("@b:x.fr", &format!("/v3/events?from={from}")).await;
    let chunk = page["chunk"].as_array().unwrap();
    let told: Vec<_> = chunk
        .iter()
        .map(|e| (e["room_id"].as_str(), e["content"]["membership"].as_str()))
        .collect();
    assert_eq!(
        told,
        [(Some(room.as_str()), Some("leave")), (Some(invited.as_str()), Some("invite"))]
    );
}

#[tokio::test]
async fn invitations_and_left_rooms_are_in_the_first_look_where_asked_for() {
    let server = TestServer::start().await;
    server.room("@a:x.fr", json!({ "invite": ["@b:x.fr"] })).await;
    let left = server.room_with("@a:x.fr", &["@b:x.fr"]).await;
    server.post("@b:x.fr", &format!("/v3/rooms/{left}/leave"), json!({})).await;
    let all = server.get("@b:x.fr", "/v3/initialSync").await;
    let rooms = all["rooms"].as_array().unwrap();
    assert_eq!(rooms.len(), 1);
    assert_eq!(
        (&rooms[0]["membership"], &rooms[0]["inviter"]),
        (&json!("invite"), &json!("@a:x.fr"))
    );
    // A declined invitation leaves nothing to show, and must not spoil the rest.
    let declined = server.room("@a:x.fr", json!({ "invite": ["@b:x.fr"] })).await;
    server.post("@b:x.fr", &format!("/v3/rooms/{declined}/leave"), json!({})).await;
    let archived = server.get("@b:x.fr", "/v3/initialSync?archived=true").await;
    assert_eq!(archived["rooms"].as_array().unwrap().len(), 2);
}
