// SPDX-License-Identifier: Apache-2.0
//! Without these keys, receipts or typing would be lost between two answers.

use serde_json::{Value, json};

use super::{ALICE, BOB, sync, wish};
use crate::testing::TestServer;

async fn typing(server: &TestServer, room: &str, typing: bool) {
    let path = format!("/v3/rooms/{room}/typing/{ALICE}");
    server.put(ALICE, &path, json!({ "typing": typing, "timeout": 30_000 })).await;
}

fn typists<'a>(answer: &'a Value, room: &str) -> &'a Value {
    &answer["extensions"]["typing"]["rooms"][room]["content"]["user_ids"]
}

/// Typing is told, and its end is told too, also of a room that was out of the window meanwhile.
#[tokio::test]
async fn typing_ends_explicitly() {
    let server = TestServer::start().await;
    let room = server.room_with(ALICE, &[BOB]).await;
    let other = server.room_with(ALICE, &[BOB]).await;
    let first = sync(&server, None, wish(1, 1)).await;
    assert!(first["extensions"]["typing"]["rooms"].get(&room).is_none());
    typing(&server, &room, true).await;
    let second = sync(&server, Some(&first["pos"]), wish(1, 1)).await;
    assert_eq!(typists(&second, &room), &json!([ALICE]));
    server.say(ALICE, &other, "x").await;
    let away = sync(&server, Some(&second["pos"]), wish(0, 1)).await;
    typing(&server, &room, false).await;
    let away = sync(&server, Some(&away["pos"]), wish(0, 1)).await;
    assert!(away["extensions"]["typing"]["rooms"].get(&room).is_none(), "not in the window");
    let back = sync(&server, Some(&away["pos"]), wish(1, 1)).await;
    assert_eq!(typists(&back, &room), &json!([]));
    let after = sync(&server, Some(&back["pos"]), wish(1, 1)).await;
    assert_eq!(after["extensions"]["typing"]["rooms"], json!({}));
}

/// Receipts: of a new room those at what is shown, then each that moves, also while the room was
/// out of the window; and nobody's private ones.
#[tokio::test]
async fn receipts_are_told_of_what_is_shown() {
    let server = TestServer::start().await;
    let carol = "@carol:x.fr";
    let room = server.room_with(ALICE, &[BOB, carol]).await;
    let [old, new] = [server.say(ALICE, &room, "old").await, server.say(ALICE, &room, "new").await];
    let read = async |user: &str, kind: &str, event: &str| {
        let path = format!("/v3/rooms/{room}/receipt/{kind}/{event}");
        server.post(user, &path, json!({})).await;
    };
    let receipts =
        |answer: &Value| answer["extensions"]["receipts"]["rooms"][&room]["content"].clone();
    read(carol, "m.read", &old).await;
    read(ALICE, "m.read", &new).await;
    read(ALICE, "m.read.private", &new).await;
    let other = server.room_with(ALICE, &[BOB]).await;
    let first = sync(&server, None, wish(1, 1)).await;
    let told = receipts(&first);
    assert!(told[&new]["m.read"][ALICE].is_object() && told.get(&old).is_none(), "{told}");
    assert!(told[&new].get("m.read.private").is_none());
    server.say(ALICE, &other, "x").await;
    let away = sync(&server, Some(&first["pos"]), wish(0, 1)).await;
    read(carol, "m.read", &new).await;
    let away = sync(&server, Some(&away["pos"]), wish(0, 1)).await;
    assert!(receipts(&away).is_null(), "not in the window: {away}");
    let back = sync(&server, Some(&away["pos"]), wish(1, 1)).await;
    assert!(receipts(&back)[&new]["m.read"][carol].is_object(), "{back}");
}

/// Account data: all that is global at first, that of rooms as they come into the window, and then
/// what changes, at once.
#[tokio::test]
async fn account_data_comes_with_its_room() {
    let server = TestServer::start().await;
    let room = server.room_with(ALICE, &[BOB]).await;
    let other = server.room_with(ALICE, &[BOB]).await;
    let of_room = format!("/v3/user/{BOB}/rooms/{room}/account_data/my.data");
    server.put(BOB, &of_room, json!({ "a": 1 })).await;
    let data = |answer: &Value| answer["extensions"]["account_data"]["rooms"].clone();
    let first = sync(&server, None, wish(0, 1)).await;
    assert!(first["rooms"].get(&other).is_some() && data(&first) == json!({}), "{first}");
    let second = sync(&server, Some(&first["pos"]), wish(1, 1)).await;
    assert_eq!(data(&second)[&room][0]["content"], json!({ "a": 1 }));
    assert_eq!(second["extensions"]["account_data"]["global"], json!([]));
    let pos = second["pos"].as_str().unwrap();
    let path = format!("{}?timeout=60000&pos={pos}", super::PATH);
    let waiting = server.post(BOB, &path, wish(1, 1));
    let (third, _) = tokio::join!(waiting, server.put(BOB, &of_room, json!({ "a": 2 })));
    assert_eq!(data(&third)[&room][0]["content"], json!({ "a": 2 }));
    // An extension that is turned on later starts from the beginning.
    let mut without = wish(1, 1);
    without["extensions"]["account_data"] = json!({ "enabled": false });
    let fourth = sync(&server, Some(&third["pos"]), without).await;
    assert!(fourth["extensions"].get("account_data").is_none());
    let fifth = sync(&server, Some(&fourth["pos"]), wish(1, 1)).await;
    assert_eq!(data(&fifth)[&room][0]["content"], json!({ "a": 2 }));
    // Lists and rooms narrow it.
    let mut narrow = wish(1, 1);
    narrow["extensions"]["account_data"] =
        json!({ "enabled": true, "lists": [], "rooms": [other] });
    server.put(BOB, &of_room, json!({ "a": 3 })).await;
    let sixth = sync(&server, Some(&fifth["pos"]), narrow).await;
    assert_eq!(data(&sixth), json!({}));
}

/// To-device messages wait until the device shows to have them; an unknown extension is not
/// answered.
#[tokio::test]
async fn to_device_messages_wait_for_their_device() {
    let server = TestServer::start().await;
    server.token_of(BOB).await;
    let path = "/v3/sendToDevice/my.type/txn";
    server.put(ALICE, path, json!({ "messages": { BOB: { "D": { "a": 1 } } } })).await;
    let body = |since: Option<&Value>| {
        json!({ "conn_id": "encryption", "extensions": {
            "to_device": { "enabled": true, "since": since },
            "e2ee": { "enabled": true },
            "io.element.msc4308.thread_subscriptions": { "enabled": true },
        } })
    };
    let first = sync(&server, None, body(None)).await;
    let messages = &first["extensions"]["to_device"];
    assert_eq!(messages["events"][0]["content"], json!({ "a": 1 }));
    assert!(first["extensions"].get("io.element.msc4308.thread_subscriptions").is_none());
    let again = sync(&server, Some(&first["pos"]), body(None)).await;
    assert_eq!(again["extensions"]["to_device"]["events"][0]["content"], json!({ "a": 1 }));
    let next = messages["next_batch"].clone();
    let after = sync(&server, Some(&again["pos"]), body(Some(&next))).await;
    assert_eq!(after["extensions"]["to_device"]["events"], json!([]));
    assert_eq!(after["extensions"]["to_device"]["next_batch"], next);
}
