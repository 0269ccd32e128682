// SPDX-License-Identifier: Apache-2.0
//! Without these a client would show a message without its sender, or be told of everybody.

use serde_json::{Value, json};

use super::{ALICE, BOB, filter, members, sync};
use crate::testing::TestServer;

const CAROL: &str = "@carol:x.fr";
const DAVE: &str = "@dave:x.fr";

fn lazy(more: &Value) -> String {
    let mut state = json!({ "lazy_load_members": true });
    for (key, value) in more.as_object().unwrap() {
        state[key] = value.clone();
    }
    filter(&json!({ "room": { "state": state, "timeline": { "limit": 10 } } }))
}

async fn named_room(server: &TestServer, guests: &[&str]) -> String {
    let body = json!({ "preset": "public_chat", "name": "A room name" });
    let room = server.room(ALICE, body).await;
    for guest in guests {
        server.post(guest, &format!("/v3/rooms/{room}/join"), json!({})).await;
    }
    room
}

async fn chatter(server: &TestServer, user: &str, room: &str, count: usize) {
    for number in 0..count {
        server.event(user, room, "a.filler", json!({ "filler": number, "nonce": count })).await;
    }
}

/// Each member comes with what they say, once, and not again.
#[tokio::test]
async fn members_are_told_when_they_speak() {
    let server = TestServer::start().await;
    let room = named_room(&server, &[BOB, CAROL]).await;
    chatter(&server, BOB, &room, 10).await;
    let wish = lazy(&json!({}));
    let first = sync(&server, ALICE, None, &wish).await;
    assert_eq!(members(&first["rooms"]["join"][&room]), [ALICE, BOB]);
    server.say(CAROL, &room, "hello").await;
    let second = sync(&server, ALICE, Some(&first["next_batch"]), &wish).await;
    assert_eq!(members(&second["rooms"]["join"][&room]), [CAROL]);
    let nothing = sync(&server, ALICE, Some(&second["next_batch"]), &wish).await;
    assert!(nothing.get("rooms").is_none());
    server.say(CAROL, &room, "again").await;
    let again = lazy(&json!({ "include_redundant_members": true }));
    let third = sync(&server, ALICE, Some(&nothing["next_batch"]), &again).await;
    assert_eq!(members(&third["rooms"]["join"][&room]), [CAROL], "redundant, as asked for");
}

/// A gap tells all that changed in it, and the old members who speak after it.
#[tokio::test]
async fn a_gap_tells_who_came_and_who_went() {
    let server = TestServer::start().await;
    let room = named_room(&server, &[BOB, CAROL]).await;
    chatter(&server, BOB, &room, 10).await;
    let wish = lazy(&json!({}));
    let first = sync(&server, ALICE, None, &wish).await;
    server.post(DAVE, &format!("/v3/rooms/{room}/join"), json!({})).await;
    chatter(&server, CAROL, &room, 20).await;
    let second = sync(&server, ALICE, Some(&first["next_batch"]), &wish).await;
    assert_eq!(members(&second["rooms"]["join"][&room]), [CAROL, DAVE]);
    server.post(DAVE, &format!("/v3/rooms/{room}/leave"), json!({})).await;
    chatter(&server, CAROL, &room, 21).await;
    let third = sync(&server, ALICE, Some(&second["next_batch"]), &wish).await;
    let joined = &third["rooms"]["join"][&room];
    assert_eq!(members(joined), [DAVE]);
    assert_eq!(joined["state"]["events"][0]["content"]["membership"], "leave");
}

/// Whose join the timeline tells needs no telling before; `state_after` tells everybody.
#[tokio::test]
async fn members_in_the_timeline_are_not_told_twice() {
    let server = TestServer::start().await;
    let room = named_room(&server, &[]).await;
    let wish = lazy(&json!({}));
    let first = sync(&server, ALICE, None, &wish).await;
    server.post(BOB, &format!("/v3/rooms/{room}/join"), json!({})).await;
    server.say(BOB, &room, "hello").await;
    let second = sync(&server, ALICE, Some(&first["next_batch"]), &wish).await;
    assert_eq!(members(&second["rooms"]["join"][&room]), [""; 0]);
    server.say(BOB, &room, "again").await;
    let third = sync(&server, ALICE, Some(&second["next_batch"]), &wish).await;
    assert_eq!(members(&third["rooms"]["join"][&room]), [""; 0], "known from the timeline");
    let after = sync(&server, ALICE, None, &format!("{wish}&use_state_after=true")).await;
    let told = super::state(&after["rooms"]["join"][&room], "state_after", "m.room.member");
    assert_eq!(told.len(), 2, "{after}");
}

/// A room without a name comes with those who stand for it, and with their memberships.
#[tokio::test]
async fn heroes_come_along() {
    let server = TestServer::start().await;
    let room = server.room(ALICE, json!({ "preset": "public_chat" })).await;
    for guest in [CAROL, BOB] {
        server.post(guest, &format!("/v3/rooms/{room}/join"), json!({})).await;
    }
    chatter(&server, ALICE, &room, 12).await;
    let wish = lazy(&json!({}));
    let first = sync(&server, ALICE, None, &wish).await;
    let joined = &first["rooms"]["join"][&room];
    assert_eq!(
        joined["summary"],
        json!({
            "m.heroes": [CAROL, BOB], "m.joined_member_count": 3, "m.invited_member_count": 0,
        })
    );
    assert_eq!(members(joined), [ALICE, BOB, CAROL]);
    server.post(DAVE, &format!("/v3/rooms/{room}/join"), json!({})).await;
    chatter(&server, ALICE, &room, 13).await;
    let second = sync(&server, ALICE, Some(&first["next_batch"]), &wish).await;
    let summary = &second["rooms"]["join"][&room]["summary"];
    assert_eq!(summary["m.joined_member_count"], 4, "though the join is in the gap: {second}");
    server.say(ALICE, &room, "x").await;
    let third = sync(&server, ALICE, Some(&second["next_batch"]), &wish).await;
    assert!(third["rooms"]["join"][&room].get("summary").is_none(), "nothing new of it");
    server.set(ALICE, &room, "m.room.name", json!({ "name": "Salle" })).await;
    let named = sync(&server, ALICE, None, &wish).await;
    assert!(named["rooms"]["join"][&room]["summary"].get("m.heroes").is_none());
}

/// Without it whoever was put out of a room would hear of its members what came later.
#[tokio::test]
async fn members_of_a_room_that_was_left_are_told_as_they_were() {
    let server = TestServer::start().await;
    let room = named_room(&server, &[BOB, CAROL]).await;
    chatter(&server, ALICE, &room, 12).await;
    let wish = lazy(&json!({}));
    let first = sync(&server, BOB, None, &wish).await;
    server.say(CAROL, &room, "hello").await;
    server.post(ALICE, &format!("/v3/rooms/{room}/kick"), json!({ "user_id": BOB })).await;
    let later = json!({ "membership": "join", "displayname": "Later" });
    let path = format!("/v3/rooms/{room}/state/m.room.member/{CAROL}");
    server.put(CAROL, &path, later).await;
    for fillers in [0, estafette_core::limits::RECENT_EVENTS_MAX] {
        chatter(&server, ALICE, &room, fillers).await;
        let wish = lazy(&json!({ "include_redundant_members": true }));
        let second = sync(&server, BOB, Some(&first["next_batch"]), &wish).await;
        let left = &second["rooms"]["leave"][&room];
        let told = super::state(left, "state", "m.room.member");
        let carol = told.iter().find(|member| member["state_key"] == CAROL).unwrap();
        assert_ne!(carol["content"]["displayname"], "Later", "{left}");
    }
}

/// Two answers from one token are each whole: the device may get but one of them.
#[tokio::test]
async fn answers_made_at_the_same_time_are_each_whole() {
    let server = TestServer::start().await;
    let guests: Vec<String> = (0..12).map(|number| format!("@guest{number}:x.fr")).collect();
    let guests: Vec<&str> = guests.iter().map(String::as_str).collect();
    let room = named_room(&server, &guests).await;
    chatter(&server, ALICE, &room, 10).await;
    let wish = lazy(&json!({}));
    let mut token = sync(&server, ALICE, None, &wish).await["next_batch"].clone();
    for guest in guests {
        server.say(guest, &room, "hello").await;
        // Both answers ask the store before and after they look at the room.
        let data = format!("/v3/user/{ALICE}/account_data/a.data");
        server.put(ALICE, &data, json!({ "of": guest })).await;
        let to_alice = json!({ "messages": { ALICE: { "*": { "of": guest } } } });
        server.put(guest, &format!("/v3/sendToDevice/a.kind/{guest}"), to_alice).await;
        let (one, two) = tokio::join!(
            sync(&server, ALICE, Some(&token), &wish),
            sync(&server, ALICE, Some(&token), &wish),
        );
        for answer in [&one, &two] {
            assert_eq!(members(&answer["rooms"]["join"][&room]), [guest], "{answer}");
        }
        token = two["next_batch"].clone();
    }
}

/// Two answers may end at one token, and the device has the smaller one.
#[tokio::test]
async fn a_member_of_another_answer_with_the_same_token_is_told() {
    let server = TestServer::start().await;
    let room = named_room(&server, &[BOB, CAROL]).await;
    server.say(CAROL, &room, "early").await;
    chatter(&server, BOB, &room, 3).await;
    let state = json!({ "lazy_load_members": true });
    let short = json!({ "room": { "state": state, "timeline": { "limit": 1 } } });
    let small = sync(&server, ALICE, None, &filter(&short)).await;
    assert_eq!(members(&small["rooms"]["join"][&room]), [ALICE, BOB]);
    let wish = lazy(&json!({}));
    let large = sync(&server, ALICE, None, &wish).await;
    assert_eq!(large["next_batch"], small["next_batch"]);
    server.say(CAROL, &room, "hello").await;
    let next = sync(&server, ALICE, Some(&small["next_batch"]), &wish).await;
    assert_eq!(members(&next["rooms"]["join"][&room]), [CAROL], "{next}");
}
