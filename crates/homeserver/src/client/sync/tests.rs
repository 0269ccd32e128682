// SPDX-License-Identifier: Apache-2.0
//! Without these a client would miss an event, see one twice, or wait for nothing.

mod filters;
mod lazy;
mod left;
mod people;

use serde_json::{Value, json};

use crate::testing::{TestServer, bodies};

const ALICE: &str = "@alice:x.fr";
const BOB: &str = "@bob:x.fr";

async fn sync(server: &TestServer, user: &str, since: Option<&Value>, more: &str) -> Value {
    let since = since.and_then(Value::as_str);
    let since = since.map(|since| format!("since={since}&")).unwrap_or_default();
    server.get(user, &format!("/v3/sync?{since}{more}")).await
}

fn filter(filter: &Value) -> String {
    let text = filter.to_string();
    let escaped: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
    format!("filter={escaped}")
}

/// Pitfalls 28 to 30: the gap of a limited timeline can be filled with no loss and no double.
#[tokio::test]
async fn a_limited_timeline_and_messages_together_have_everything_once() {
    let server = TestServer::start().await;
    let room = server.room_with(ALICE, &[BOB]).await;
    let start = sync(&server, BOB, None, "").await;
    for number in 0..90 {
        server.say(ALICE, &room, &number.to_string()).await;
    }
    let wish = filter(&json!({ "room": { "timeline": { "limit": 7 } } }));
    let answer = sync(&server, BOB, Some(&start["next_batch"]), &wish).await;
    let timeline = &answer["rooms"]["join"][&room]["timeline"];
    assert_eq!(timeline["limited"], true);
    let mut all = bodies(&timeline["events"]);
    assert_eq!(all.len(), 7);
    let mut from = timeline["prev_batch"].as_str().unwrap().to_owned();
    let to = start["next_batch"].as_str().unwrap();
    while all.len() < 90 {
        let path = format!("/v3/rooms/{room}/messages?dir=b&limit=20&from={from}&to={to}");
        let page = server.get(BOB, &path).await;
        let mut older = bodies(&page["chunk"]);
        assert!(!older.is_empty(), "the gap can be filled: {page}");
        older.reverse();
        older.append(&mut all);
        all = older;
        let Some(end) = page["end"].as_str() else { break };
        from = end.to_owned();
    }
    let expected: Vec<String> = (0..90).map(|number| number.to_string()).collect();
    assert_eq!(all, expected);
}

#[tokio::test]
async fn a_waiting_sync_is_answered_by_the_next_event() {
    let server = TestServer::start().await;
    let room = server.room_with(ALICE, &[BOB]).await;
    let start = sync(&server, BOB, None, "").await;
    let waiting = sync(&server, BOB, Some(&start["next_batch"]), "timeout=60000");
    let (answer, _) = tokio::join!(waiting, server.say(ALICE, &room, "hello"));
    let told = &answer["rooms"]["join"][&room];
    assert_eq!(bodies(&told["timeline"]["events"]), ["hello"]);
    assert_eq!(told["unread_notifications"]["notification_count"], 1);
    let again = sync(&server, BOB, Some(&start["next_batch"]), "").await;
    assert_eq!(bodies(&again["rooms"]["join"][&room]["timeline"]["events"]), ["hello"]);
    let after = sync(&server, BOB, Some(&answer["next_batch"]), "").await;
    assert!(after.get("rooms").is_none(), "{after}");
}

/// The sender's device, and no other, finds its transaction id (pitfalls 8 and 29).
#[tokio::test]
async fn the_transaction_id_is_for_the_sending_device_alone() {
    let server = TestServer::start().await;
    let room = server.room_with(ALICE, &[BOB]).await;
    let path = format!("/v3/rooms/{room}/send/m.room.message/mine");
    let message = json!({ "msgtype": "m.text", "body": "x" });
    server.put(ALICE, &path, message).await;
    let last = |answer: Value| {
        answer["rooms"]["join"][&room]["timeline"]["events"].as_array().unwrap().last().cloned()
    };
    let own = last(sync(&server, ALICE, None, "").await).unwrap();
    assert_eq!(own["unsigned"]["transaction_id"], "mine");
    let other = last(sync(&server, BOB, None, "").await).unwrap();
    assert!(other["unsigned"].get("transaction_id").is_none());
    assert_eq!(own["event_id"], other["event_id"]);
}

#[tokio::test]
async fn state_before_and_state_after_a_timeline() {
    let server = TestServer::start().await;
    let room = server.room_with(ALICE, &[BOB]).await;
    server.set(ALICE, &room, "m.room.topic", json!({ "topic": "old" })).await;
    server.set(ALICE, &room, "m.room.topic", json!({ "topic": "new" })).await;
    let wish = filter(&json!({ "room": { "timeline": { "limit": 1 } } }));
    let topic = |events: &Value| {
        let events = events["events"].as_array().unwrap().iter();
        let mut topics = events.filter(|event| event["type"] == "m.room.topic");
        topics.next().map(|event| event["content"]["topic"].clone())
    };
    let before = sync(&server, BOB, None, &wish).await;
    assert_eq!(topic(&before["rooms"]["join"][&room]["state"]), Some(json!("old")));
    let after = sync(&server, BOB, None, &format!("{wish}&use_state_after=true")).await;
    assert_eq!(topic(&after["rooms"]["join"][&room]["state_after"]), Some(json!("new")));
    assert!(after["rooms"]["join"][&room].get("state").is_none());
    // Clients from before it was stable look for the state under the name they asked with: they
    // would lose the room.
    let old = format!("{wish}&org.matrix.msc4222.use_state_after=true");
    let old = sync(&server, BOB, None, &old).await;
    let room = &old["rooms"]["join"][&room];
    assert_eq!(topic(&room["org.matrix.msc4222.state_after"]), Some(json!("new")));
    assert!(room.get("state").is_none() && room.get("state_after").is_none());
}

/// Lazy loading sends each member once, and again to a device that lost the answer.
#[tokio::test]
async fn members_come_with_what_they_say() {
    let server = TestServer::start().await;
    let carol = "@carol:x.fr";
    let room = server.room_with(ALICE, &[BOB, carol]).await;
    let wish = filter(&json!({ "room": { "state": { "lazy_load_members": true },
                                         "timeline": { "limit": 1 } } }));
    let members = |answer: &Value| {
        let state = &answer["rooms"]["join"][&room]["state"]["events"];
        let events = state.as_array().cloned().unwrap_or_default().into_iter();
        let members = events.filter(|event| event["type"] == "m.room.member");
        members.map(|event| event["state_key"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    server.say(ALICE, &room, "a").await;
    let first = sync(&server, BOB, None, &wish).await;
    assert!(members(&first).contains(&ALICE.to_owned()));
    server.say(carol, &room, "c").await;
    let second = sync(&server, BOB, Some(&first["next_batch"]), &wish).await;
    server.say(carol, &room, "c again").await;
    let third = sync(&server, BOB, Some(&second["next_batch"]), &wish).await;
    assert!(members(&third).is_empty(), "known by now");
    let lost = sync(&server, BOB, Some(&first["next_batch"]), &wish).await;
    let known = [members(&second), members(&first)].concat();
    assert!(known.contains(&carol.to_owned()), "told with her first words at the latest");
    assert!(!bodies(&lost["rooms"]["join"][&room]["timeline"]["events"]).is_empty());
}

#[tokio::test]
async fn rooms_that_are_left_end_with_the_leave() {
    let server = TestServer::start().await;
    let room = server.room_with(ALICE, &[BOB]).await;
    let start = sync(&server, BOB, None, "").await;
    server.say(ALICE, &room, "before").await;
    server.post(BOB, &format!("/v3/rooms/{room}/leave"), json!({})).await;
    server.say(ALICE, &room, "after").await;
    let answer = sync(&server, BOB, Some(&start["next_batch"]), "").await;
    let left = &answer["rooms"]["leave"][&room]["timeline"]["events"];
    assert_eq!(bodies(left), ["before"]);
    assert_eq!(left.as_array().unwrap().last().unwrap()["content"]["membership"], "leave");
    assert!(answer["rooms"].get("join").is_none());
    // Who asks for the state after the timeline takes no state from the timeline itself.
    let answer = sync(&server, BOB, Some(&start["next_batch"]), "use_state_after=true").await;
    let state = &answer["rooms"]["leave"][&room]["state_after"]["events"];
    assert_eq!(state.as_array().unwrap().len(), 1, "{state}");
    assert_eq!(state[0]["content"]["membership"], "leave");
    let initial = sync(&server, BOB, None, "").await;
    assert!(initial["rooms"].get("leave").is_none());
    let wish = filter(&json!({ "room": { "include_leave": true } }));
    let with_left = sync(&server, BOB, None, &wish).await;
    assert!(with_left["rooms"]["leave"].get(&room).is_some());
}

/// What was redacted must not come back as the previous content of its successor (pitfall 9).
#[tokio::test]
async fn redacted_state_is_nowhere_to_be_read() {
    let server = TestServer::start().await;
    let room = server.room_with(ALICE, &[BOB]).await;
    let secret = server.set(ALICE, &room, "m.room.topic", json!({ "topic": "secret" })).await;
    server.set(ALICE, &room, "m.room.topic", json!({ "topic": "plain" })).await;
    let before = sync(&server, BOB, None, "").await;
    assert!(before.to_string().contains("secret"));
    let path = format!("/v3/rooms/{room}/redact/{secret}/txn");
    server.put(ALICE, &path, json!({})).await;
    let only = filter(&json!({ "room": { "timeline": { "limit": 2 } } }));
    for wish in ["", &only, "full_state=true"] {
        let answer = sync(&server, BOB, None, wish).await;
        assert!(!answer.to_string().contains("secret"), "{answer}");
    }
}

#[tokio::test]
async fn tokens_that_are_none_are_refused() {
    let server = TestServer::start().await;
    sync(&server, ALICE, None, "").await;
    let refused = server.refused("GET", ALICE, "/v3/sync?since=x", Value::Null).await;
    assert_eq!(refused, (400, "M_INVALID_PARAM".to_owned()));
}

/// The state events of one type in a room's block.
fn state<'a>(block: &'a Value, member: &str, kind: &str) -> Vec<&'a Value> {
    let events = block[member]["events"].as_array().map(Vec::as_slice).unwrap_or_default();
    events.iter().filter(|event| event["type"] == kind).collect()
}

/// Whose memberships are in a room's `state`.
fn members(block: &Value) -> Vec<&str> {
    let mut members: Vec<&str> = state(block, "state", "m.room.member")
        .into_iter()
        .map(|event| event["state_key"].as_str().unwrap())
        .collect();
    members.sort_unstable();
    members
}

/// Counts come from memory where that reaches back to what was read, else from the store: both must
/// give the same.
#[tokio::test]
async fn counts_are_the_same_from_memory_and_from_the_store() {
    let server = TestServer::start().await;
    // Beyond 64 events memory does not reach back any more.
    for messages in [5, 80] {
        let room = server.room_with(ALICE, &[BOB]).await;
        let root = server.say(BOB, &room, "root").await;
        for number in 0..messages {
            server.say(ALICE, &room, &number.to_string()).await;
        }
        let mention = json!({
            "msgtype": "m.text", "body": "@bob", "m.mentions": { "user_ids": [BOB] },
        });
        server.event(ALICE, &room, "m.room.message", mention).await;
        let in_thread = json!({
            "msgtype": "m.text", "body": "in the thread",
            "m.relates_to": { "rel_type": "m.thread", "event_id": root },
        });
        server.event(ALICE, &room, "m.room.message", in_thread).await;
        let relates_to = json!({ "rel_type": "m.thread", "event_id": root });
        let all = json!({
            "msgtype": "m.text", "body": "@room", "m.relates_to": relates_to,
            "m.mentions": { "room": true },
        });
        server.event(ALICE, &room, "m.room.message", all).await;
        // Of a type that notifies only those whom it names.
        let named = json!({ "m.mentions": { "user_ids": [BOB] } });
        server.event(ALICE, &room, "a.quiet", named.clone()).await;
        let mut named_in_thread = named;
        named_in_thread["m.relates_to"] = relates_to;
        server.event(ALICE, &room, "a.quiet", named_in_thread).await;
        let wish =
            filter(&json!({ "room": { "timeline": { "unread_thread_notifications": true } } }));
        let told = sync(&server, BOB, None, &wish).await;
        let told = &told["rooms"]["join"][&room];
        assert_eq!(
            told["unread_notifications"],
            json!({ "notification_count": messages + 2, "highlight_count": 2 }),
            "{messages}"
        );
        assert_eq!(
            told["unread_thread_notifications"],
            json!({ &root: { "notification_count": 3, "highlight_count": 2 } }),
            "{messages}"
        );
    }
}
