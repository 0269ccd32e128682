// SPDX-License-Identifier: Apache-2.0
//! Without these people would hear of those they ignore, or not of those they met.

use serde_json::{Value, json};

use super::{ALICE, BOB, sync};
use crate::testing::{TestServer, bodies};

const CAROL: &str = "@carol:x.fr";

/// Client-Server API, "Ignoring Users": no invitations and no messages, but state.
#[tokio::test]
async fn ignored_users_are_not_heard() {
    let server = TestServer::start().await;
    let room = server.room_with(ALICE, &[BOB]).await;
    let ignored = json!({ "ignored_users": { BOB: {} } });
    let path = format!("/v3/user/{ALICE}/account_data/m.ignored_user_list");
    server.put(ALICE, &path, ignored).await;
    let start = sync(&server, ALICE, None, "").await;
    let by_bob = server.room(BOB, json!({ "invite": [ALICE] })).await;
    let by_carol = server.room(CAROL, json!({ "invite": [ALICE] })).await;
    server.say(BOB, &room, "ignored").await;
    let set = format!("/v3/rooms/{room}/state/m.room.member/{BOB}");
    server.put(BOB, &set, json!({ "membership": "join", "displayname": "Bobby" })).await;
    for since in [Some(&start["next_batch"]), None] {
        let answer = sync(&server, ALICE, since, "").await;
        let invited = &answer["rooms"]["invite"];
        assert!(invited.get(&by_bob).is_none() && invited.get(&by_carol).is_some(), "{answer}");
        let joined = &answer["rooms"]["join"][&room];
        assert!(bodies(&joined["timeline"]["events"]).is_empty());
        assert_eq!(joined["unread_notifications"]["notification_count"], 0);
        let events = joined["timeline"]["events"].as_array().unwrap();
        assert!(events.iter().any(|event| event["content"]["displayname"] == "Bobby"));
    }
    server.put(ALICE, &path, json!({ "ignored_users": {} })).await;
    let answer = sync(&server, ALICE, None, "").await;
    let joined = &answer["rooms"]["join"][&room];
    assert_eq!(bodies(&joined["timeline"]["events"]), ["ignored"], "restored");
}

fn presence(answer: &Value) -> Vec<&str> {
    let events = answer["presence"]["events"].as_array().map(Vec::as_slice).unwrap_or_default();
    events.iter().map(|event| event["sender"].as_str().unwrap()).collect()
}

/// Who comes to share a room is told of those already there, once.
#[tokio::test]
async fn presence_of_those_one_meets() {
    let server = TestServer::with(|config| config.presence.enabled = true).await;
    let room = server.room(ALICE, json!({ "preset": "public_chat" })).await;
    let alice = sync(&server, ALICE, None, "").await;
    let bob = sync(&server, BOB, None, "").await;
    let bob = sync(&server, BOB, Some(&bob["next_batch"]), "").await;
    assert_eq!(presence(&bob), [""; 0]);
    server.post(BOB, &format!("/v3/rooms/{room}/join"), json!({})).await;
    let met = sync(&server, BOB, Some(&bob["next_batch"]), "").await;
    assert!(presence(&met).contains(&ALICE), "{met}");
    let after = sync(&server, BOB, Some(&met["next_batch"]), "").await;
    assert_eq!(presence(&after), [""; 0]);
    let met = sync(&server, ALICE, Some(&alice["next_batch"]), "").await;
    assert!(presence(&met).contains(&BOB), "{met}");
    let wrong = server.refused("GET", BOB, "/v3/sync?set_presence=away", json!(null)).await;
    assert_eq!(wrong, (400, "M_INVALID_PARAM".to_owned()));
}

/// Otherwise a client that asks again from an earlier answer, as after a lost one, would not hear of
/// presence that only the lost one told; or one that meets somebody silent would not know of it.
#[tokio::test]
async fn presence_is_told_again_from_an_earlier_token() {
    let server = TestServer::with(|config| config.presence.enabled = true).await;
    let quiet = "set_presence=offline&filter=%7B%22presence%22%3A%7B%22types%22%3A%5B%5D%7D%7D";
    let start = sync(&server, ALICE, None, quiet).await;
    assert_eq!(presence(&sync(&server, ALICE, None, "").await), [ALICE]);
    for _ in 0..2 {
        let again = sync(&server, ALICE, Some(&start["next_batch"]), "set_presence=offline").await;
        assert_eq!(presence(&again), [ALICE]);
    }
    let server = server.restart(|_| {}).await;
    let seen = sync(&server, ALICE, Some(&start["next_batch"]), "").await;
    assert_eq!(presence(&seen), [ALICE], "versions go on after a restart");
    let room = server.room(BOB, json!({ "preset": "public_chat" })).await;
    server.post(ALICE, &format!("/v3/rooms/{room}/join"), json!({})).await;
    let met = sync(&server, ALICE, Some(&seen["next_batch"]), "").await;
    assert_eq!(presence(&met), [BOB]);
    assert_eq!(met["presence"]["events"][0]["content"], json!({ "presence": "offline" }));
}

/// MSC4102: a receipt without a thread is not hidden by one in a thread at the same event.
#[tokio::test]
async fn receipts_without_a_thread_come_first() {
    let server = TestServer::start().await;
    let room = server.room_with(ALICE, &[BOB]).await;
    let root = server.say(ALICE, &room, "root").await;
    let content = json!({
        "msgtype": "m.text", "body": "in it",
        "m.relates_to": { "rel_type": "m.thread", "event_id": root },
    });
    let event = server.event(ALICE, &room, "m.room.message", content).await;
    let path = format!("/v3/rooms/{room}/receipt/m.read/{event}");
    server.post(ALICE, &path, json!({})).await;
    server.post(ALICE, &path, json!({ "thread_id": root })).await;
    let private = format!("/v3/rooms/{room}/receipt/m.read.private/{root}");
    server.post(ALICE, &private, json!({})).await;
    let answer = sync(&server, BOB, None, "").await;
    let ephemeral = &answer["rooms"]["join"][&room]["ephemeral"]["events"][0];
    let receipt = &ephemeral["content"][&event]["m.read"][ALICE];
    assert!(receipt["ts"].is_number() && receipt.get("thread_id").is_none(), "{ephemeral}");
    assert!(ephemeral["content"].get(&root).is_none(), "private ones are nobody's business");
}

/// The device lists of all with whom a room is shared, until none is; a new name is no new device.
#[tokio::test]
async fn device_lists_follow_who_shares_a_room() {
    let server = TestServer::start().await;
    let changed = |answer: &Value| answer["device_lists"]["changed"].clone();
    let left = |answer: &Value| answer["device_lists"]["left"].clone();
    let room = server.room(ALICE, json!({ "preset": "public_chat" })).await;
    let start = sync(&server, ALICE, None, "").await;
    let bob = sync(&server, BOB, None, "").await;
    server.post(BOB, &format!("/v3/rooms/{room}/join"), json!({})).await;
    let met = sync(&server, ALICE, Some(&start["next_batch"]), "").await;
    assert_eq!((changed(&met), left(&met)), (json!([BOB]), json!([])));
    let met_too = sync(&server, BOB, Some(&bob["next_batch"]), "").await;
    assert_eq!(changed(&met_too), json!([ALICE]));
    let path = format!("/v3/rooms/{room}/state/m.room.member/{BOB}");
    server.put(BOB, &path, json!({ "membership": "join", "displayname": "Bobby" })).await;
    let named = sync(&server, ALICE, Some(&met["next_batch"]), "").await;
    assert!(named.get("device_lists").is_none(), "{named}");
    server.post(BOB, &format!("/v3/rooms/{room}/leave"), json!({})).await;
    let gone = sync(&server, ALICE, Some(&named["next_batch"]), "").await;
    assert_eq!((changed(&gone), left(&gone)), (json!([]), json!([BOB])));
    let gone_too = sync(&server, BOB, Some(&met_too["next_batch"]), "").await;
    assert_eq!(left(&gone_too), json!([ALICE]));
}
