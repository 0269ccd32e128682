// SPDX-License-Identifier: Apache-2.0
//! Without these a filter would hide what it should not, or a client lose state to it.

use serde_json::json;

use super::{ALICE, BOB, filter, state, sync};
use crate::testing::{TestServer, bodies};

const MADE_UP: &str = "a.madeup.test.state";

/// Events that a filter keeps out take no place in the limit.
#[tokio::test]
async fn a_filtered_timeline_reaches_its_limit() {
    let server = TestServer::start().await;
    let room = server.room(ALICE, json!({})).await;
    server.say(ALICE, &room, "mine").await;
    for number in 0..210 {
        server.event(ALICE, &room, "a.filler", json!({ "filler": number })).await;
    }
    let wish = filter(&json!({ "room": {
        "timeline": { "limit": 1, "types": ["m.room.message"] }, "state": { "types": [] },
    } }));
    let answer = sync(&server, ALICE, None, &wish).await;
    let joined = &answer["rooms"]["join"][&room];
    assert_eq!(bodies(&joined["timeline"]["events"]), ["mine"]);
    assert_eq!(joined["timeline"]["limited"], false, "there is no other message");
    assert_eq!(joined["state"]["events"], json!([]));
    server.say(ALICE, &room, "second").await;
    let answer = sync(&server, ALICE, None, &wish).await;
    let timeline = &answer["rooms"]["join"][&room]["timeline"];
    assert_eq!(bodies(&timeline["events"]), ["second"]);
    assert_eq!(timeline["limited"], true);
    let from = timeline["prev_batch"].as_str().unwrap();
    let only = "%7B%22types%22%3A%5B%22m.room.message%22%5D%7D";
    let query = format!("dir=b&from={from}&filter={only}");
    assert_eq!(server.bodies(ALICE, &room, &query).await, ["mine"], "the gap can be closed");
}

/// State that a filter keeps out of the timeline comes as state; a change of name is no reason to
/// tell all of it again.
#[tokio::test]
async fn state_that_the_timeline_does_not_show_is_told() {
    let server = TestServer::start().await;
    let room = server.room(ALICE, json!({})).await;
    server.set(ALICE, &room, MADE_UP, json!({ "my_key": 1 })).await;
    let wish = filter(&json!({ "room": {
        "timeline": { "types": [] }, "state": { "types": [MADE_UP] }, "ephemeral": { "types": [] },
    } }));
    let first = sync(&server, ALICE, None, &wish).await;
    assert_eq!(state(&first["rooms"]["join"][&room], "state", MADE_UP).len(), 1);
    server.set(ALICE, &room, MADE_UP, json!({ "my_key": 2 })).await;
    let second = sync(&server, ALICE, Some(&first["next_batch"]), &wish).await;
    let told = state(&second["rooms"]["join"][&room], "state", MADE_UP);
    assert_eq!((told.len(), &told[0]["content"]["my_key"]), (1, &json!(2)));
    let path = format!("/v3/rooms/{room}/state/m.room.member/{ALICE}");
    server.put(ALICE, &path, json!({ "membership": "join", "displayname": "boris" })).await;
    server.say(ALICE, &room, "hidden").await;
    let third = sync(&server, ALICE, Some(&second["next_batch"]), &wish).await;
    assert!(third["rooms"]["join"].get(&room).is_none(), "{third}");
}

/// With a gap, the value from before the timeline is state, and what the timeline has is not.
#[tokio::test]
async fn state_of_a_gap_is_as_of_its_end() {
    let server = TestServer::start().await;
    let room = server.room_with(ALICE, &[BOB]).await;
    let start = sync(&server, BOB, None, "").await;
    for topic in ["one", "two", "three"] {
        server.set(ALICE, &room, "m.room.topic", json!({ "topic": topic })).await;
    }
    let wish = filter(&json!({ "room": { "timeline": { "limit": 1 } } }));
    fn topic(block: &serde_json::Value, member: &str) -> serde_json::Value {
        state(block, member, "m.room.topic")[0]["content"]["topic"].clone()
    }
    let answer = sync(&server, BOB, Some(&start["next_batch"]), &wish).await;
    let joined = &answer["rooms"]["join"][&room];
    assert_eq!(joined["timeline"]["events"][0]["content"]["topic"], "three");
    assert_eq!(topic(joined, "state"), "two");
    for (parameter, member) in [
        ("use_state_after", "state_after"),
        ("org.matrix.msc4222.use_state_after", "org.matrix.msc4222.state_after"),
    ] {
        let wish = format!("{wish}&{parameter}=true");
        let answer = sync(&server, BOB, Some(&start["next_batch"]), &wish).await;
        let joined = &answer["rooms"]["join"][&room];
        assert_eq!(topic(joined, member), "three");
        assert!(joined.get("state").is_none());
    }
}

/// Rooms, senders, `contains_url` and `event_fields`, inline and stored.
#[tokio::test]
async fn filters_by_room_sender_url_and_field() {
    let server = TestServer::start().await;
    let room = server.room_with(ALICE, &[BOB]).await;
    let other = server.room_with(ALICE, &[BOB]).await;
    let picture = json!({ "msgtype": "m.image", "body": "picture", "url": "mxc://x.fr/a" });
    server.event(ALICE, &room, "m.room.message", picture).await;
    server.say(ALICE, &room, "text").await;
    server.say(BOB, &room, "bob").await;
    for (timeline, expected) in [
        (json!({ "contains_url": true }), &["picture"][..]),
        (
            json!({ "contains_url": false, "types": ["m.room.*"], "not_types": ["m.room.m*r"],
                 "not_senders": [BOB], "limit": 1 }),
            &["text"],
        ),
        (json!({ "senders": [BOB] }), &["bob"]),
        (json!({ "not_rooms": [room] }), &[]),
        (json!({ "rooms": [other] }), &[]),
    ] {
        let wish = filter(&json!({ "room": { "timeline": timeline } }));
        let answer = sync(&server, BOB, None, &wish).await;
        let told = &answer["rooms"]["join"][&room];
        assert_eq!(bodies(&told["timeline"]["events"]), expected, "{timeline}");
        assert!(!state(told, "state", "m.room.create").is_empty());
    }
    let body = json!({ "event_fields": ["type", "content.body"], "room": { "rooms": [room] } });
    let path = format!("/v3/user/{BOB}/filter");
    let stored = server.post(BOB, &path, body).await["filter_id"].as_str().unwrap().to_owned();
    let answer = sync(&server, BOB, None, &format!("filter={stored}")).await;
    assert!(answer["rooms"]["join"].get(&other).is_none());
    let events = answer["rooms"]["join"][&room]["timeline"]["events"].as_array().unwrap();
    assert_eq!(
        events.last().unwrap(),
        &json!({ "type": "m.room.message",
                                                "content": { "body": "bob" } })
    );
    let unknown = server.refused("GET", BOB, "/v3/sync?filter=999", json!(null)).await;
    assert_eq!(unknown, (400, "M_INVALID_PARAM".to_owned()));
}

/// Counts are per thread for those who ask, and a receipt in one thread leaves the others alone
/// (pitfall 33).
#[tokio::test]
async fn threads_are_counted_and_read_apart() {
    let server = TestServer::start().await;
    let room = server.room_with(ALICE, &[BOB]).await;
    let start = sync(&server, BOB, None, "").await;
    let say = async |text: &str, relation: serde_json::Value, mention: bool| {
        let mut content = json!({ "msgtype": "m.text", "body": text });
        if relation.is_object() {
            content["m.relates_to"] = relation;
        }
        if mention {
            content["m.mentions"] = json!({ "user_ids": [BOB] });
        }
        server.event(ALICE, &room, "m.room.message", content).await
    };
    let a = say("A", json!(null), false).await;
    let in_thread = json!({ "rel_type": "m.thread", "event_id": a });
    let b = say("B", in_thread.clone(), false).await;
    say("C", in_thread.clone(), true).await;
    let d = say("D", json!(null), true).await;
    say("E", in_thread, false).await;
    let f = say("F", json!({ "rel_type": "m.reference", "event_id": a }), false).await;
    let reaction = json!({ "m.relates_to": {
        "rel_type": "m.annotation", "event_id": f, "key": "test",
    } });
    let g = server.event(ALICE, &room, "m.reaction", reaction).await;
    let threads = filter(&json!({ "room": { "timeline": {
        "unread_thread_notifications": true,
    } } }));
    let counts = async || {
        let plain = sync(&server, BOB, Some(&start["next_batch"]), "").await;
        let plain = plain["rooms"]["join"][&room].clone();
        assert!(plain.get("unread_thread_notifications").is_none());
        let answer = sync(&server, BOB, Some(&start["next_batch"]), &threads).await;
        let apart = &answer["rooms"]["join"][&room];
        let pair = |counts: &serde_json::Value| {
            (counts["notification_count"].as_u64(), counts["highlight_count"].as_u64())
        };
        let thread = apart.get("unread_thread_notifications").map(|threads| pair(&threads[&a]));
        (pair(&plain["unread_notifications"]), pair(&apart["unread_notifications"]), thread)
    };
    let both = |n, h| (Some(n), Some(h));
    assert_eq!(counts().await, (both(6, 2), both(3, 1), Some(both(3, 1))));
    let read = async |event: &str, body| {
        let path = format!("/v3/rooms/{room}/receipt/m.read/{event}");
        server.post(BOB, &path, body).await;
    };
    read(&a, json!({ "thread_id": "main" })).await;
    assert_eq!(counts().await, (both(5, 2), both(2, 1), Some(both(3, 1))));
    read(&b, json!({ "thread_id": a })).await;
    assert_eq!(counts().await, (both(4, 2), both(2, 1), Some(both(2, 1))));
    read(&d, json!({})).await;
    assert_eq!(counts().await, (both(2, 0), both(1, 0), Some(both(1, 0))));
    read(&g, json!({ "thread_id": a })).await;
    assert_eq!(counts().await, (both(1, 0), both(1, 0), None));
}

/// Reading elsewhere resets the counts here, also for a client that wants no receipts.
#[tokio::test]
async fn ones_own_receipt_brings_new_counts() {
    let server = TestServer::start().await;
    let room = server.room_with(ALICE, &[BOB]).await;
    let event = server.say(ALICE, &room, "x").await;
    let wish = filter(&json!({ "room": { "ephemeral": { "not_types": ["m.receipt"] } } }));
    let first = sync(&server, BOB, None, &wish).await;
    let count = |answer: &serde_json::Value| {
        answer["rooms"]["join"][&room]["unread_notifications"]["notification_count"].clone()
    };
    assert_eq!(count(&first), 1);
    let path = format!("/v3/rooms/{room}/receipt/m.read.private/{event}");
    server.post(BOB, &path, json!({})).await;
    let second = sync(&server, BOB, Some(&first["next_batch"]), &wish).await;
    assert_eq!(count(&second), 0);
    assert_eq!(second["rooms"]["join"][&room]["ephemeral"]["events"], json!([]));
}

/// Otherwise who asks for events as other servers get them, as an archive does to check signatures,
/// would silently be given another form.
#[tokio::test]
async fn events_as_other_servers_get_them() {
    let server = TestServer::start().await;
    let room = server.room(ALICE, json!({})).await;
    let said = server.say(ALICE, &room, "signed").await;
    let wish = filter(&json!({
        "event_format": "federation", "room": { "timeline": { "limit": 1 } },
    }));
    let answer = sync(&server, ALICE, None, &wish).await;
    let joined = &answer["rooms"]["join"][&room];
    let event = &joined["timeline"]["events"][0];
    assert_eq!((&event["event_id"], &event["content"]["body"]), (&json!(said), &json!("signed")));
    for member in ["prev_events", "auth_events", "depth", "hashes", "signatures"] {
        assert!(event.get(member).is_some(), "{member}: {event}");
        assert!(joined["state"]["events"][0].get(member).is_some(), "{member}");
    }
    assert!(event.get("unsigned").is_none());
}
