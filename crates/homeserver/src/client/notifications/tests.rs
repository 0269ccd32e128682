// SPDX-License-Identifier: Apache-2.0
//! Without these a user could not find what notified while nobody was looking.

use serde_json::{Value, json};

use crate::testing::TestServer;

const ALICE: &str = "@alice:x.fr";
const BOB: &str = "@bob:x.fr";

fn bodies(answer: &Value) -> Vec<&str> {
    let all = answer["notifications"].as_array().unwrap().iter();
    all.map(|one| one["event"]["content"]["body"].as_str().unwrap()).collect()
}

/// All rooms together, latest first, page by page, with what was read and what highlights.
#[tokio::test]
async fn what_notified_is_listed_across_rooms() {
    let server = TestServer::start().await;
    let rooms = [server.room_with(ALICE, &[BOB]).await, server.room_with(ALICE, &[BOB]).await];
    let mut events = Vec::new();
    for number in 0..6 {
        let room = &rooms[number % 2];
        events.push(server.say(ALICE, room, &number.to_string()).await);
    }
    server.say(BOB, &rooms[1], "one's own does not notify").await;
    let mention = json!({
        "msgtype": "m.text", "body": "mention", "m.mentions": { "user_ids": [BOB] },
    });
    server.event(ALICE, &rooms[0], "m.room.message", mention).await;
    let path = format!("/v3/rooms/{}/receipt/m.read/{}", rooms[0], events[2]);
    server.post(BOB, &path, json!({})).await;

    let first = server.get(BOB, "/v3/notifications?limit=3").await;
    assert_eq!(bodies(&first), ["mention", "5", "4"]);
    let shown = &first["notifications"][0];
    assert_eq!(shown["room_id"], rooms[0]);
    assert_eq!(shown["actions"][0], "notify");
    assert_eq!(shown["read"], false);
    assert!(shown["ts"].is_number() && shown["event"]["event_id"].is_string());
    let from = first["next_token"].as_str().unwrap();
    let second = server.get(BOB, &format!("/v3/notifications?from={from}")).await;
    assert_eq!(bodies(&second), ["3", "2", "1", "0"]);
    assert!(second.get("next_token").is_none());
    let read: Vec<&Value> =
        second["notifications"].as_array().unwrap().iter().map(|one| &one["read"]).collect();
    // In the second room the own message came after them; in the first the receipt covers 2 and 0.
    assert_eq!(read, [&json!(true); 4]);
    let highlights = server.get(BOB, "/v3/notifications?only=highlight").await;
    assert_eq!(bodies(&highlights), ["mention"]);
    let wrong = server.refused("GET", BOB, "/v3/notifications?from=x", Value::Null).await;
    assert_eq!(wrong, (400, "M_INVALID_PARAM".to_owned()));
}

/// Otherwise one client could have the server look through all its rooms all the time.
#[tokio::test]
async fn looking_through_all_rooms_is_limited() {
    let server = TestServer::with(|config| {
        config.rate_limits.enabled = true;
        config.rate_limits.writes_burst = 2.0;
    })
    .await;
    for expected in [200, 200, 429] {
        let (status, _) = server.request("GET", "/v3/notifications", BOB, Value::Null).await;
        assert_eq!(status.as_u16(), expected);
    }
}
