// SPDX-License-Identifier: Apache-2.0
//! Without these Element X would show an empty list, or lose an event between two answers.

mod extensions;
mod merged;
mod rooms;

use serde_json::{Value, json};

use crate::testing::{TestServer, bodies};

const ALICE: &str = "@alice:x.fr";
const BOB: &str = "@bob:x.fr";
const PATH: &str = "/unstable/org.matrix.simplified_msc3575/sync";

/// One list of `last + 1` rooms, all extensions on.
fn wish(last: u64, timeline: u64) -> Value {
    json!({
        "conn_id": "room-list",
        "lists": { "all": {
            "ranges": [[0, last]],
            "timeline_limit": timeline,
            "required_state": [["m.room.name", ""], ["m.room.member", "$LAZY"]],
        } },
        "extensions": {
            "to_device": { "enabled": true },
            "e2ee": { "enabled": true },
            "account_data": { "enabled": true },
            "receipts": { "enabled": true },
            "typing": { "enabled": true },
        },
    })
}

async fn sync(server: &TestServer, pos: Option<&Value>, body: Value) -> Value {
    let query = match pos.and_then(Value::as_str) {
        Some(pos) => format!("?pos={}", pos.replace('/', "%2F")),
        None => String::new(),
    };
    server.post(BOB, &format!("{PATH}{query}"), body).await
}

#[tokio::test]
async fn a_window_shows_the_latest_rooms_and_then_only_what_is_new() {
    let server = TestServer::start().await;
    let mut rooms = Vec::new();
    for _ in 0..3 {
        rooms.push(server.room_with(ALICE, &[BOB]).await);
    }
    server.say(ALICE, &rooms[0], "one").await;
    let first = sync(&server, None, wish(1, 1)).await;
    assert_eq!(first["lists"]["all"]["count"], 3);
    assert_eq!(first["rooms"].as_object().unwrap().len(), 2, "the window holds two rooms");
    let shown = &first["rooms"][&rooms[0]];
    assert_eq!((&shown["initial"], &shown["limited"]), (&json!(true), &json!(true)));
    assert_eq!(bodies(&shown["timeline"]), ["one"]);
    assert_eq!(shown["joined_count"], 2);
    let members = shown["required_state"].as_array().unwrap();
    assert_eq!(members[0]["state_key"], ALICE, "the sender comes along");
    assert!(first["extensions"]["e2ee"]["device_one_time_keys_count"].is_object());
    let global = first["extensions"]["account_data"]["global"].as_array().unwrap();
    assert!(global.iter().any(|data| data["type"] == "m.push_rules"));

    server.say(ALICE, &rooms[0], "two").await;
    server.say(ALICE, &rooms[0], "three").await;
    let second = sync(&server, Some(&first["pos"]), wish(1, 5)).await;
    let shown = &second["rooms"][&rooms[0]];
    assert_eq!(second["rooms"].as_object().unwrap().len(), 2, "both windows grew");
    assert_eq!(shown["unstable_expanded_timeline"], true);
    assert_eq!(bodies(&shown["timeline"]), ["one", "two", "three"]);
    assert_eq!(shown["num_live"], 2);
    let mut again = shown["required_state"].as_array().unwrap().iter();
    assert!(again.all(|event| event["state_key"] != ALICE), "the sender is known");

    server.say(ALICE, &rooms[0], "four").await;
    let third = sync(&server, Some(&second["pos"]), wish(1, 5)).await;
    assert_eq!(third["rooms"].as_object().unwrap().len(), 1);
    assert_eq!(bodies(&third["rooms"][&rooms[0]]["timeline"]), ["four"]);
    assert_eq!(third["rooms"][&rooms[0]]["notification_count"], 4);
}

/// An answer that got lost must come again, and a place nobody remembers must be refused.
#[tokio::test]
async fn a_retry_of_the_last_place_loses_nothing() {
    let server = TestServer::start().await;
    let room = server.room_with(ALICE, &[BOB]).await;
    let first = sync(&server, None, wish(9, 5)).await;
    server.say(ALICE, &room, "lost?").await;
    for _ in 0..2 {
        let again = sync(&server, Some(&first["pos"]), wish(9, 5)).await;
        assert_eq!(bodies(&again["rooms"][&room]["timeline"]), ["lost?"]);
    }
    let path = format!("{PATH}?pos=12345%2F6");
    let refused = server.refused("POST", BOB, &path, wish(9, 5)).await;
    assert_eq!(refused, (400, "M_UNKNOWN_POS".to_owned()));
}

/// Invitations are told with what the room says of itself; rooms that were left end with the leave.
#[tokio::test]
async fn invitations_and_leaves_are_told_once() {
    let server = TestServer::start().await;
    let room = server.room(ALICE, json!({ "name": "Salle", "invite": [BOB] })).await;
    let first = sync(&server, None, wish(9, 5)).await;
    let invitation = &first["rooms"][&room];
    assert_eq!(invitation["name"], "Salle");
    assert!(invitation["invite_state"].as_array().unwrap().len() > 2);
    assert!(invitation.get("timeline").is_none(), "nothing of what is said inside");
    server.post(BOB, &format!("/v3/rooms/{room}/join"), json!({})).await;
    let joined = sync(&server, Some(&first["pos"]), wish(9, 5)).await;
    assert_eq!(joined["rooms"][&room]["initial"], true);
    let leave = json!({ "user_id": BOB });
    server.post(ALICE, &format!("/v3/rooms/{room}/kick"), leave).await;
    server.say(ALICE, &room, "he is gone").await;
    let left = sync(&server, Some(&joined["pos"]), wish(9, 5)).await;
    let told = &left["rooms"][&room];
    assert_eq!(told["required_state"][0]["content"]["membership"], "leave");
    assert!(bodies(&told["timeline"]).is_empty(), "nothing from after the leave: {told}");
    server.say(ALICE, &room, "still gone").await;
    let after = sync(&server, Some(&left["pos"]), wish(9, 5)).await;
    assert_eq!(after["rooms"], json!({}));
}

#[tokio::test]
async fn lists_can_be_narrowed() {
    let server = TestServer::start().await;
    let plain = server.room_with(ALICE, &[BOB]).await;
    let encryption = json!([{ "type": "m.room.encryption", "state_key": "",
                              "content": { "algorithm": "m.megolm.v1.aes-sha2" } }]);
    let secret = json!({ "invite": [BOB], "initial_state": encryption });
    let secret = server.room(ALICE, secret).await;
    server.post(BOB, &format!("/v3/rooms/{secret}/join"), json!({})).await;
    let direct = json!({ ALICE: [secret] });
    server.put(BOB, &format!("/v3/user/{BOB}/account_data/m.direct"), direct).await;
    for (filters, expected) in [
        (json!({ "is_encrypted": true }), &secret),
        (json!({ "is_encrypted": false }), &plain),
        (json!({ "is_dm": true }), &secret),
        (json!({ "is_dm": false }), &plain),
    ] {
        let mut body = wish(9, 1);
        body["lists"]["all"]["filters"] = filters;
        let answer = sync(&server, None, body).await;
        let rooms: Vec<&String> = answer["rooms"].as_object().unwrap().keys().collect();
        assert_eq!(rooms, [expected]);
        assert_eq!(answer["lists"]["all"]["count"], 1);
    }
    let mut body = wish(9, 1);
    for number in 0..101 {
        body["lists"][format!("list{number}")] = json!({ "ranges": [[0, 1]] });
    }
    assert_eq!(server.refused("POST", BOB, PATH, body).await.0, 400);
}

/// The ids of the rooms that an answer tells.
fn told(answer: &Value) -> Vec<&str> {
    answer["rooms"].as_object().unwrap().keys().map(String::as_str).collect()
}
