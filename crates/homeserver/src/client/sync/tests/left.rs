// SPDX-License-Identifier: Apache-2.0
//! Without these somebody who left would see what came after, or not how it ended.

use serde_json::{Value, json};

use super::{ALICE, BOB, filter, state, sync};
use crate::testing::{TestServer, bodies};

const MADE_UP: &str = "a.madeup.test.state";

fn archive(more: &Value) -> String {
    let mut room = json!({ "include_leave": true });
    for (key, value) in more.as_object().unwrap() {
        room[key] = value.clone();
    }
    filter(&json!({ "room": room }))
}

async fn public_room(server: &TestServer) -> String {
    let room = server.room(ALICE, json!({ "preset": "public_chat" })).await;
    server.post(BOB, &format!("/v3/rooms/{room}/join"), json!({})).await;
    room
}

async fn leave(server: &TestServer, user: &str, room: &str) {
    server.post(user, &format!("/v3/rooms/{room}/leave"), json!({})).await;
}

async fn join(server: &TestServer, user: &str, room: &str) {
    server.post(user, &format!("/v3/rooms/{room}/join"), json!({})).await;
}

/// An archived room ends with the leave, in its timeline and in its state.
#[tokio::test]
async fn archived_rooms_hold_what_was_before_the_leave() {
    let server = TestServer::start().await;
    let room = public_room(&server).await;
    let start = sync(&server, BOB, None, "").await;
    server.say(ALICE, &room, "before").await;
    server.set(ALICE, &room, MADE_UP, json!({ "my_key": "before" })).await;
    leave(&server, BOB, &room).await;
    server.say(ALICE, &room, "after").await;
    server.set(ALICE, &room, MADE_UP, json!({ "my_key": "after" })).await;
    let wish = archive(&json!({
        "timeline": { "types": ["m.room.message", MADE_UP] }, "state": { "types": [MADE_UP] },
    }));
    for since in [None, Some(&start["next_batch"])] {
        let answer = sync(&server, BOB, since, &wish).await;
        let left = &answer["rooms"]["leave"][&room];
        assert!(state(left, "state", MADE_UP).is_empty(), "{left}");
        let events = left["timeline"]["events"].as_array().unwrap();
        assert_eq!(events.len(), 2, "{left}");
        assert_eq!(events[0]["content"]["body"], "before");
        assert_eq!(events[1]["content"]["my_key"], "before");
    }
    for (name, more) in [("state", ""), ("state_after", "&use_state_after=true")] {
        let wish = archive(&json!({ "timeline": { "limit": 0 } })) + more;
        let answer = sync(&server, BOB, None, &wish).await;
        let left = &answer["rooms"]["leave"][&room];
        assert_eq!(left["timeline"]["events"], json!([]));
        assert_eq!(state(left, name, MADE_UP)[0]["content"]["my_key"], "before");
        let members = state(left, name, "m.room.member");
        let own = members.into_iter().find(|member| member["state_key"] == BOB).unwrap();
        assert_eq!(own["content"]["membership"], "leave");
    }
}

/// Who came and went between two syncs needs all the state to make sense of the timeline.
#[tokio::test]
async fn a_stay_between_two_syncs_comes_with_all_the_state() {
    let server = TestServer::start().await;
    let room = server.room(ALICE, json!({ "invite": [BOB] })).await;
    server.set(ALICE, &room, MADE_UP, json!({ "my_key": 1 })).await;
    let start = sync(&server, BOB, None, "").await;
    join(&server, BOB, &room).await;
    leave(&server, BOB, &room).await;
    let wish = archive(&json!({ "timeline": { "types": [] }, "state": { "types": [MADE_UP] } }));
    let answer = sync(&server, BOB, Some(&start["next_batch"]), &wish).await;
    let left = &answer["rooms"]["leave"][&room];
    assert_eq!(state(left, "state", MADE_UP).len(), 1, "{left}");
}

/// Whoever declines an invitation sees the end of it and learns nothing of the room.
#[tokio::test]
async fn a_declined_invitation_ends_with_the_leave_alone() {
    let server = TestServer::start().await;
    let room = server.room(ALICE, json!({ "invite": [BOB] })).await;
    let start = sync(&server, BOB, None, "").await;
    assert!(start["rooms"]["invite"].get(&room).is_some());
    server.say(ALICE, &room, "not for bob").await;
    leave(&server, BOB, &room).await;
    let answer = sync(&server, BOB, Some(&start["next_batch"]), "full_state=true").await;
    let left = &answer["rooms"]["leave"][&room];
    let events = left["timeline"]["events"].as_array().unwrap();
    assert_eq!(events.len(), 1, "{left}");
    assert_eq!(events[0]["content"]["membership"], "leave");
    assert_eq!(left["state"]["events"], json!([]), "{left}");
    // Without it the invitation would stay in the lists of clients that ask in this way.
    let after = sync(&server, BOB, Some(&start["next_batch"]), "use_state_after=true").await;
    let after = state(&after["rooms"]["leave"][&room], "state_after", "m.room.member");
    assert_eq!(after.len(), 1);
    assert_eq!(after[0]["content"]["membership"], "leave");
    assert!(answer.get("device_lists").is_none(), "nor who is in it: {answer}");
    let again = sync(&server, BOB, Some(&answer["next_batch"]), "full_state=true").await;
    assert!(again["rooms"].get("leave").is_none(), "told once: {again}");
}

/// A room that was left and joined again is joined, whole, and not left.
#[tokio::test]
async fn the_last_membership_counts() {
    let server = TestServer::start().await;
    let room = server.room(ALICE, json!({ "preset": "public_chat", "name": "Salle" })).await;
    let start = sync(&server, BOB, None, "").await;
    join(&server, BOB, &room).await;
    leave(&server, BOB, &room).await;
    join(&server, BOB, &room).await;
    let wish = filter(&json!({ "room": { "timeline": { "limit": 1 } } }));
    let answer = sync(&server, BOB, Some(&start["next_batch"]), &wish).await;
    let joined = &answer["rooms"]["join"][&room];
    assert_eq!(joined["timeline"]["limited"], true);
    assert_eq!(state(joined, "state", "m.room.name").len(), 1, "all of the state: {joined}");
    assert!(answer["rooms"].get("leave").is_none());
    leave(&server, BOB, &room).await;
    let left = sync(&server, BOB, Some(&answer["next_batch"]), "").await;
    assert!(left["rooms"]["leave"].get(&room).is_some());
    let wish = archive(&json!({}));
    let later = sync(&server, BOB, Some(&left["next_batch"]), &wish).await;
    assert!(later.get("rooms").is_none(), "told once: {later}");
    let all = format!("{wish}&full_state=true");
    let full = sync(&server, BOB, Some(&left["next_batch"]), &all).await;
    assert!(full["rooms"]["leave"].get(&room).is_some());
    server.post(BOB, &format!("/v3/rooms/{room}/forget"), json!({})).await;
    let forgotten = sync(&server, BOB, None, &wish).await;
    assert!(forgotten["rooms"]["leave"].get(&room).is_none(), "{forgotten}");
}

/// Bans and kicks end a room like a leave, also where history is for members alone.
#[tokio::test]
async fn kicks_and_bans_are_seen_by_those_they_hit() {
    let server = TestServer::start().await;
    for action in ["kick", "ban"] {
        let room = server.room(
            ALICE,
            json!({
                "preset": "public_chat",
                "initial_state": [{ "type": "m.room.history_visibility", "state_key": "",
                                    "content": { "history_visibility": "joined" } }],
            }),
        );
        let room = room.await;
        join(&server, BOB, &room).await;
        let start = sync(&server, BOB, None, "").await;
        let path = format!("/v3/rooms/{room}/{action}");
        server.post(ALICE, &path, json!({ "user_id": BOB, "reason": "bye" })).await;
        server.say(ALICE, &room, "gone").await;
        let answer = sync(&server, BOB, Some(&start["next_batch"]), "").await;
        let events = &answer["rooms"]["leave"][&room]["timeline"]["events"];
        assert_eq!(bodies(events), [""; 0]);
        assert_eq!(events.as_array().unwrap().len(), 1, "{events}");
        assert_eq!(events[0]["content"]["reason"], "bye");
    }
}
