// SPDX-License-Identifier: Apache-2.0
//! Without these a list would hold the wrong rooms, or a room the wrong state.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{ALICE, BOB, PATH, sync, told, wish};
use crate::testing::{TestServer, bodies};

/// One list of all rooms, narrowed.
fn narrowed(filters: &Value) -> Value {
    json!({ "lists": { "all": { "timeline_limit": 1, "filters": filters } } })
}

async fn invite_to(server: &TestServer, mut body: Value) -> String {
    body["invite"] = json!([BOB]);
    server.room(ALICE, body).await
}

async fn join(server: &TestServer, room: &str) {
    server.post(BOB, &format!("/v3/rooms/{room}/join"), json!({})).await;
}

/// Each filter, and what passes it.
#[tokio::test]
async fn filters_choose_rooms() {
    let server = TestServer::start().await;
    let invited = invite_to(&server, json!({ "name": "Invitation" })).await;
    let space = invite_to(&server, json!({ "creation_content": { "type": "m.space" } })).await;
    let child = invite_to(&server, json!({ "name": "Salle du Conseil" })).await;
    let plain = invite_to(&server, json!({})).await;
    for room in [&space, &child, &plain] {
        join(&server, room).await;
    }
    let path = format!("/v3/rooms/{space}/state/m.space.child/{child}");
    server.put(ALICE, &path, json!({ "via": ["x.fr"] })).await;
    let removed = format!("/v3/rooms/{space}/state/m.space.child/{plain}");
    server.put(ALICE, &removed, json!({})).await;
    let tag = format!("/v3/user/{BOB}/rooms/{plain}/tags/m.favourite");
    server.put(BOB, &tag, json!({})).await;
    for (filters, expected) in [
        (json!({ "is_invite": true }), vec![&invited]),
        (json!({ "is_invited": false }), vec![&space, &child, &plain]),
        (json!({ "room_types": ["m.space"] }), vec![&space]),
        (json!({ "room_types": [null] }), vec![&invited, &child, &plain]),
        (json!({ "room_types": ["m.space", null], "not_room_types": [null] }), vec![&space]),
        (json!({ "tags": ["m.favourite"] }), vec![&plain]),
        (json!({ "not_tags": ["m.favourite"] }), vec![&invited, &space, &child]),
        (json!({ "spaces": [space] }), vec![&child]),
        (json!({ "spaces": [plain] }), vec![]),
        (json!({ "room_name_like": "conseil" }), vec![&child]),
    ] {
        let answer = sync(&server, None, narrowed(&filters)).await;
        let expected: BTreeSet<&str> = expected.into_iter().map(String::as_str).collect();
        assert_eq!(told(&answer).into_iter().collect::<BTreeSet<_>>(), expected, "{filters}");
        assert_eq!(answer["lists"]["all"]["count"], expected.len());
    }
}

/// `*`, `$ME` and `$LAZY` in today's dialect.
#[tokio::test]
async fn required_state_of_todays_dialect() {
    let server = TestServer::start().await;
    let room = server.room_with(ALICE, &[BOB, "@carol:x.fr"]).await;
    server.say(ALICE, &room, "hello").await;
    let keys = async |required: Value| {
        let list = json!({ "timeline_limit": 1, "required_state": required });
        let answer = sync(&server, None, json!({ "lists": { "all": list } })).await;
        let events = answer["rooms"][&room]["required_state"].as_array().unwrap().clone();
        let pair = |event: &Value| (event["type"].clone(), event["state_key"].clone());
        events.iter().map(pair).collect::<Vec<_>>()
    };
    let member = |user: &str| (json!("m.room.member"), json!(user));
    assert_eq!(keys(json!([["m.room.member", "$ME"]])).await, [member(BOB)]);
    assert_eq!(keys(json!([["m.room.member", "$LAZY"]])).await, [member(ALICE)]);
    let both = keys(json!([["m.room.member", "$LAZY"], ["m.room.member", "$ME"]])).await;
    assert_eq!(both, [member(BOB), member(ALICE)]);
    assert_eq!(keys(json!([["m.room.member", "*"]])).await.len(), 3);
    let all = keys(json!([["*", "*"]])).await;
    assert!(all.len() > 6 && all.contains(&(json!("m.room.create"), json!(""))));
    assert!(keys(json!([["*", ""]])).await.len() < all.len());
    assert_eq!(keys(json!([])).await, []);
}

/// What is asked for later is told later, also when nothing happened; and only what is new.
#[tokio::test]
async fn a_room_tells_what_is_new_or_newly_wanted() {
    let server = TestServer::start().await;
    let room = server.room_with(ALICE, &[BOB]).await;
    server.set(ALICE, &room, "m.room.name", json!({ "name": "Salle" })).await;
    server.set(ALICE, &room, "m.room.topic", json!({ "topic": "t" })).await;
    let first = sync(&server, None, wish(9, 1)).await;
    assert_eq!(first["rooms"][&room]["name"], "Salle");
    let mut more = wish(9, 1);
    more["lists"]["all"]["required_state"] = json!([["m.room.name", ""], ["m.room.topic", ""]]);
    let second = sync(&server, Some(&first["pos"]), more.clone()).await;
    let state = &second["rooms"][&room]["required_state"];
    assert_eq!(state.as_array().unwrap().len(), 1, "the topic alone: {state}");
    assert_eq!(state[0]["type"], "m.room.topic");
    assert!(second["rooms"][&room].get("name").is_none(), "it did not change");
    server.say(ALICE, &room, "x").await;
    let third = sync(&server, Some(&second["pos"]), more.clone()).await;
    let told = &third["rooms"][&room];
    assert_eq!(told["required_state"], json!([]));
    assert!(told.get("joined_count").is_none() && told.get("initial").is_none());
    server.post("@carol:x.fr", "/v3/createRoom", json!({})).await;
    let carol = json!({ "user_id": "@carol:x.fr" });
    server.post(ALICE, &format!("/v3/rooms/{room}/invite"), carol).await;
    let fourth = sync(&server, Some(&third["pos"]), more).await;
    assert_eq!(fourth["rooms"][&room]["invited_count"], 1);
}

/// The body of a retry may differ: nothing is lost by it (pitfall 37).
#[tokio::test]
async fn a_retry_may_ask_for_something_else() {
    let server = TestServer::start().await;
    let rooms = [server.room_with(ALICE, &[BOB]).await, server.room_with(ALICE, &[BOB]).await];
    let first = sync(&server, None, wish(0, 1)).await;
    assert_eq!(told(&first), [rooms[1].as_str()]);
    server.say(ALICE, &rooms[1], "x").await;
    let lost = sync(&server, Some(&first["pos"]), wish(0, 1)).await;
    assert_eq!(bodies(&lost["rooms"][&rooms[1]]["timeline"]), ["x"]);
    let retry = sync(&server, Some(&first["pos"]), wish(1, 5)).await;
    assert_eq!(retry["rooms"][&rooms[0]]["initial"], true);
    assert_eq!(bodies(&retry["rooms"][&rooms[1]]["timeline"]), ["x"]);
    assert_eq!(retry["rooms"][&rooms[1]]["unstable_expanded_timeline"], true);
}

/// A room that comes back into the window counts as live what happened since the last answer only.
#[tokio::test]
async fn rooms_that_come_back_into_the_window() {
    let server = TestServer::start().await;
    let rooms = [server.room_with(ALICE, &[BOB]).await, server.room_with(ALICE, &[BOB]).await];
    let first = sync(&server, None, wish(1, 5)).await;
    server.say(ALICE, &rooms[0], "missed").await;
    server.say(ALICE, &rooms[1], "other").await;
    let second = sync(&server, Some(&first["pos"]), wish(0, 5)).await;
    assert_eq!(told(&second), [rooms[1].as_str()]);
    server.say(ALICE, &rooms[0], "live").await;
    let third = sync(&server, Some(&second["pos"]), wish(0, 5)).await;
    let back = &third["rooms"][&rooms[0]];
    assert!(back.get("initial").is_none());
    assert_eq!(bodies(&back["timeline"]), ["missed", "live"]);
    assert_eq!(back["num_live"], 1);
    // A reaction lifts the room into the window, but it is no proper activity.
    let stamp = back["bump_stamp"].clone();
    server.say(ALICE, &rooms[1], "newer").await;
    let event =
        json!({ "m.relates_to": { "rel_type": "m.annotation", "event_id": "$x", "key": "k" } });
    server.event(ALICE, &rooms[0], "m.reaction", event).await;
    let fourth = sync(&server, Some(&third["pos"]), wish(0, 5)).await;
    assert_eq!(told(&fourth), [rooms[0].as_str()]);
    assert_eq!(fourth["rooms"][&rooms[0]]["bump_stamp"], stamp);
}

/// Rooms that one was put out of are listed, also for a new connection; rooms that one left, and
/// invitations that one declined, are not.
#[tokio::test]
async fn which_rooms_stay_listed_afterwards() {
    let server = TestServer::start().await;
    let [kicked, left, banned] = [
        server.room_with(ALICE, &[BOB]).await,
        server.room_with(ALICE, &[BOB]).await,
        server.room(ALICE, json!({})).await,
    ];
    let invited = invite_to(&server, json!({})).await;
    server.set(ALICE, &kicked, "m.room.name", json!({ "name": "Salle" })).await;
    let first = sync(&server, None, wish(9, 5)).await;
    server.post(ALICE, &format!("/v3/rooms/{kicked}/kick"), json!({ "user_id": BOB })).await;
    server.post(ALICE, &format!("/v3/rooms/{banned}/ban"), json!({ "user_id": BOB })).await;
    for room in [&left, &invited] {
        server.post(BOB, &format!("/v3/rooms/{room}/leave"), json!({})).await;
    }
    server.set(ALICE, &kicked, "m.room.name", json!({ "name": "secret" })).await;
    let second = sync(&server, Some(&first["pos"]), wish(9, 5)).await;
    let mut expected = [kicked.as_str(), &left, &invited];
    expected.sort_unstable();
    assert_eq!(told(&second), expected);
    for room in expected {
        assert_eq!(second["rooms"][room]["required_state"][0]["content"]["membership"], "leave");
    }
    let fresh = sync(&server, None, wish(9, 5)).await;
    assert_eq!(told(&fresh), [kicked.as_str()]);
    assert_eq!(fresh["rooms"][&kicked]["name"], "Salle", "as it was called then");
    assert!(!fresh.to_string().contains("secret"), "nothing from after the kick");
}

/// Subscriptions hold without lists, and tell nothing of rooms that are none of one's business.
#[tokio::test]
async fn subscriptions() {
    let server = TestServer::start().await;
    let room = server.room_with(ALICE, &[BOB]).await;
    let foreign = server.room(ALICE, json!({})).await;
    server.say(ALICE, &room, "x").await;
    let wanted = json!({ "timeline_limit": 1, "required_state": [["m.room.create", ""]] });
    let body = json!({ "room_subscriptions": {
        room.clone(): wanted, foreign: wanted, "!unknown:x.fr": wanted,
    } });
    let first = sync(&server, None, body.clone()).await;
    assert_eq!(told(&first), [room.as_str()]);
    let refused = server.refused(
        "POST",
        BOB,
        PATH,
        json!({ "lists": { "all": {
        "ranges": [[5, 1]], "timeline_limit": 1, "required_state": [],
    } } }),
    );
    assert_eq!(refused.await, (400, "M_INVALID_PARAM".to_owned()));
    let waiting = format!("{PATH}?timeout=60000&pos={}", first["pos"].as_str().unwrap());
    let (answer, _) = tokio::join!(server.post(BOB, &waiting, body), server.say(ALICE, &room, "y"));
    assert_eq!(bodies(&answer["rooms"][&room]["timeline"]), ["y"]);
    assert_eq!(answer["rooms"][&room]["num_live"], 1);
}

/// Reading on another device brings new counts.
#[tokio::test]
async fn counts_follow_ones_own_receipts() {
    let server = TestServer::start().await;
    let room = server.room_with(ALICE, &[BOB]).await;
    let event = server.say(ALICE, &room, "x").await;
    let first = sync(&server, None, wish(9, 1)).await;
    assert_eq!(first["rooms"][&room]["notification_count"], 1);
    let path = format!("/v3/rooms/{room}/receipt/m.read.private/{event}");
    server.post(BOB, &path, json!({})).await;
    let second = sync(&server, Some(&first["pos"]), wish(9, 1)).await;
    assert_eq!(second["rooms"][&room]["notification_count"], 0);
}
