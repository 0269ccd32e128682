// SPDX-License-Identifier: Apache-2.0
use serde_json::{Value, json};

use crate::testing::{TestServer, bodies};

const ALICE: &str = "@alice:x.fr";
const BOB: &str = "@bob:x.fr";
const CAROL: &str = "@carol:x.fr";

/// Walking by pages must show every event once, in both directions.
#[tokio::test]
async fn pages_have_no_gap_and_no_double() {
    let server = TestServer::start().await;
    let room = server.room(ALICE, json!({})).await;
    let said: Vec<String> = (0..25).map(|n| format!("message {n}")).collect();
    for text in &said {
        server.say(ALICE, &room, text).await;
    }
    for dir in ["b", "f"] {
        let mut found: Vec<String> = Vec::new();
        let mut from = String::new();
        for _ in 0..20 {
            let path = format!("/v3/rooms/{room}/messages?dir={dir}&limit=4{from}");
            let page = server.get(ALICE, &path).await;
            found.extend(bodies(&page["chunk"]));
            let Some(end) = page["end"].as_str() else { break };
            from = format!("&from={end}");
        }
        if dir == "b" {
            found.reverse();
        }
        assert_eq!(found, said, "{dir}");
    }
}

#[tokio::test]
async fn a_filter_fills_its_pages() {
    let server = TestServer::start().await;
    let room = server.room_with(ALICE, &[BOB]).await;
    for n in 0..30 {
        server.say(ALICE, &room, &format!("a{n}")).await;
        if n % 10 == 0 {
            server.say(BOB, &room, &format!("b{n}")).await;
        }
    }
    let filter = format!(
        "filter=%7B%22senders%22:[%22{BOB}%22],%22types%22:[%22m.room.message%22],\
                          %22lazy_load_members%22:true%7D"
    );
    let path = format!("/v3/rooms/{room}/messages?dir=b&limit=10&{filter}");
    let page = server.get(ALICE, &path).await;
    assert_eq!(bodies(&page["chunk"]), ["b20", "b10", "b0"]);
    let state = page["state"].as_array().unwrap();
    assert_eq!(state.len(), 1);
    assert_eq!(state[0]["state_key"], BOB);
}

/// The four history visibilities, seen by somebody who comes in later (pitfall 40).
#[tokio::test]
async fn newcomers_see_what_the_room_shows_them() {
    for (visibility, expected) in [
        ("world_readable", vec!["joined", "invited", "early"]),
        ("shared", vec!["joined", "invited", "early"]),
        ("invited", vec!["joined", "invited"]),
        ("joined", vec!["joined"]),
    ] {
        let server = TestServer::start().await;
        let content = json!({ "history_visibility": visibility });
        let state = json!([{ "type": "m.room.history_visibility", "content": content }]);
        let room = server.room(ALICE, json!({ "initial_state": state })).await;
        let early = server.say(ALICE, &room, "early").await;
        server.post(ALICE, &format!("/v3/rooms/{room}/invite"), json!({ "user_id": BOB })).await;
        server.say(ALICE, &room, "invited").await;
        server.post(BOB, &format!("/v3/rooms/{room}/join"), json!({})).await;
        server.say(ALICE, &room, "joined").await;
        assert_eq!(server.bodies(BOB, &room, "dir=b&limit=50").await, expected, "{visibility}");
        let path = format!("/v3/rooms/{room}/event/{early}");
        let status = server.request("GET", &path, BOB, Value::Null).await.0.as_u16();
        assert_eq!(status == 200, expected.contains(&"early"), "{visibility}");
        let outsider = server.request("GET", &path, CAROL, Value::Null).await.0.as_u16();
        assert_eq!(outsider == 200, visibility == "world_readable", "{visibility}");
        let path = format!("/v3/rooms/{room}/messages?dir=b");
        let outsider = server.request("GET", &path, CAROL, Value::Null).await.0.as_u16();
        assert_eq!(outsider == 200, visibility == "world_readable", "{visibility}");
    }
}

/// Whoever left sees what was said until then and nothing since (pitfall 25).
#[tokio::test]
async fn those_who_left_keep_their_past() {
    let server = TestServer::start().await;
    let room = server.room_with(ALICE, &[BOB]).await;
    server.say(ALICE, &room, "while here").await;
    server.post(BOB, &format!("/v3/rooms/{room}/leave"), json!({})).await;
    let later = server.say(ALICE, &room, "after").await;
    assert_eq!(server.bodies(BOB, &room, "dir=b&limit=50").await, ["while here"]);
    assert_eq!(server.bodies(BOB, &room, "dir=f&limit=50").await, ["while here"]);
    let path = format!("/v3/rooms/{room}/context/{later}");
    let refused = server.refused("GET", BOB, &path, Value::Null).await;
    assert_eq!(refused, (404, "M_NOT_FOUND".to_owned()));
}

#[tokio::test]
async fn ignored_users_are_not_heard() {
    let server = TestServer::start().await;
    let room = server.room_with(ALICE, &[BOB]).await;
    let event = server.say(BOB, &room, "spam").await;
    let path = format!("/v3/user/{ALICE}/account_data/m.ignored_user_list");
    assert_eq!(server.bodies(ALICE, &room, "dir=b").await, ["spam"]);
    server.put(ALICE, &path, json!({ "ignored_users": { BOB: {} } })).await;
    assert_eq!(server.bodies(ALICE, &room, "dir=b").await, Vec::<String>::new());
    let event = format!("/v3/rooms/{room}/event/{event}");
    assert_eq!(server.refused("GET", ALICE, &event, Value::Null).await.0, 404);
    server.put(ALICE, &path, json!({ "ignored_users": {} })).await;
    assert_eq!(server.bodies(ALICE, &room, "dir=b").await, ["spam"]);
}

#[tokio::test]
async fn unsigned_is_for_its_reader() {
    let server = TestServer::start().await;
    let room = server.room_with(ALICE, &[BOB]).await;
    let path = format!("/v3/rooms/{room}/send/m.room.message/my-txn");
    server.put(ALICE, &path, json!({ "body": "x" })).await;
    let last = async |user: &str| {
        let path = format!("/v3/rooms/{room}/messages?dir=b&limit=1");
        server.get(user, &path).await["chunk"][0]["unsigned"].clone()
    };
    assert_eq!(last(ALICE).await["transaction_id"], "my-txn");
    assert_eq!(last(BOB).await.get("transaction_id"), None);
    assert_eq!(last(BOB).await["membership"], "join");
    server.set(ALICE, &room, "m.room.name", json!({ "name": "one" })).await;
    server.set(ALICE, &room, "m.room.name", json!({ "name": "two" })).await;
    assert_eq!(last(BOB).await["prev_content"], json!({ "name": "one" }));
}

#[tokio::test]
async fn the_context_of_an_event_lies_around_it() {
    let server = TestServer::start().await;
    let room = server.room(ALICE, json!({})).await;
    let mut ids = Vec::new();
    for n in 0..9 {
        ids.push(server.say(ALICE, &room, &n.to_string()).await);
    }
    let path = format!("/v3/rooms/{room}/context/{}?limit=4", ids[4]);
    let context = server.get(ALICE, &path).await;
    assert_eq!(context["event"]["content"]["body"], "4");
    assert_eq!(bodies(&context["events_before"]), ["3", "2"]);
    assert_eq!(bodies(&context["events_after"]), ["5", "6"]);
    let (start, end) = (context["start"].as_str().unwrap(), context["end"].as_str().unwrap());
    assert_eq!(server.bodies(ALICE, &room, &format!("dir=b&limit=1&from={start}")).await, ["1"]);
    assert_eq!(server.bodies(ALICE, &room, &format!("dir=f&limit=1&from={end}")).await, ["7"]);
    let kinds: Vec<_> =
        context["state"].as_array().unwrap().iter().map(|e| e["type"].clone()).collect();
    assert!(kinds.contains(&json!("m.room.create")));
}

#[tokio::test]
async fn an_event_is_found_by_its_time() {
    let server = TestServer::start().await;
    let room = server.room(ALICE, json!({})).await;
    let mut ids = Vec::new();
    for n in 0..3 {
        server.clock.advance(1_000);
        ids.push(server.say(ALICE, &room, &n.to_string()).await);
    }
    let near =
        |ts: i64, dir: &str| format!("/v1/rooms/{room}/timestamp_to_event?ts={ts}&dir={dir}");
    let start = 1_700_000_000_000;
    assert_eq!(server.get(ALICE, &near(start + 1_500, "f")).await["event_id"], ids[1]);
    assert_eq!(server.get(ALICE, &near(start + 1_500, "b")).await["event_id"], ids[0]);
    let refused = server.refused("GET", ALICE, &near(start + 9_000, "f"), Value::Null).await;
    assert_eq!(refused, (404, "M_NOT_FOUND".to_owned()));
}

#[tokio::test]
async fn wrong_parameters_are_named() {
    let server = TestServer::start().await;
    let room = server.room(ALICE, json!({})).await;
    for (query, errcode) in [
        ("", "M_MISSING_PARAM"),
        ("dir=x", "M_INVALID_PARAM"),
        ("dir=b&from=nonsense", "M_INVALID_PARAM"),
        ("dir=b&filter=%7B", "M_INVALID_PARAM"),
    ] {
        let path = format!("/v3/rooms/{room}/messages?{query}");
        let refused = server.refused("GET", ALICE, &path, Value::Null).await;
        assert_eq!(refused, (400, errcode.to_owned()), "{query}");
    }
}

/// What a late member may see is remembered; a change of the room's visibility or of the membership
/// must not be missed because of that.
#[tokio::test]
async fn what_is_remembered_of_the_past_follows_every_change() {
    let server = TestServer::start().await;
    let room = server.room(ALICE, json!({ "preset": "public_chat" })).await;
    let join = format!("/v3/rooms/{room}/join");
    let look = || server.bodies(BOB, &room, "dir=b&limit=50");
    server.say(ALICE, &room, "before").await;
    server.post(BOB, &join, json!({})).await;
    assert_eq!(look().await, ["before"]);
    server.post(BOB, &format!("/v3/rooms/{room}/leave"), json!({})).await;
    let hidden = json!({ "history_visibility": "joined" });
    server.set(ALICE, &room, "m.room.history_visibility", hidden).await;
    server.say(ALICE, &room, "between").await;
    assert_eq!(look().await, ["before"]);
    server.post(BOB, &join, json!({})).await;
    server.say(ALICE, &room, "after").await;
    assert_eq!(look().await, ["after", "before"]);
}

/// Without it strangers would learn which events a closed room has.
#[tokio::test]
async fn what_surrounds_an_event_is_for_those_who_may_look_into_the_room() {
    let server = TestServer::start().await;
    let room = server.room("@a:x.fr", json!({})).await;
    let event = server.say("@a:x.fr", &room, "hello").await;
    let context = format!("/v3/rooms/{room}/context/{event}");
    assert_eq!(server.refused("GET", "@b:x.fr", &context, json!(null)).await.0, 403);
    let alone = format!("/v3/rooms/{room}/event/{event}");
    assert_eq!(server.refused("GET", "@b:x.fr", &alone, json!(null)).await.0, 404);
    let unknown = format!("/v3/rooms/{room}/context/$unknown");
    assert_eq!(server.refused("GET", "@a:x.fr", &unknown, json!(null)).await.0, 404);
    let nowhere = "/v3/rooms/!nowhere:x.fr/messages?dir=b";
    assert_eq!(server.refused("GET", "@a:x.fr", nowhere, json!(null)).await.0, 403);
}

/// Without it whoever came later would read what was to be erased (pitfall 26).
#[tokio::test]
async fn what_an_erased_user_said_is_seen_by_those_who_were_there_alone() {
    let server = TestServer::start().await;
    let eve = server.register("eve").await;
    let room = server.room(&eve, json!({ "preset": "public_chat" })).await;
    server.post("@b:x.fr", &format!("/v3/join/{room}"), json!({})).await;
    let event = server.say(&eve, &room, "a secret").await;
    server.post("@c:x.fr", &format!("/v3/join/{room}"), json!({})).await;
    let path = format!("/v3/rooms/{room}/event/{event}");
    assert_eq!(server.get("@c:x.fr", &path).await["content"]["body"], "a secret");
    let auth = json!({ "type": "m.login.password", "password": crate::testing::PASSWORD,
        "identifier": { "type": "m.id.user", "user": "eve" } });
    let body = json!({ "auth": auth, "erase": true });
    server.post(&eve, "/v3/account/deactivate", body).await;
    assert_eq!(server.get("@b:x.fr", &path).await["content"]["body"], "a secret");
    let erased = server.get("@c:x.fr", &path).await;
    assert_eq!((&erased["content"], &erased["type"]), (&json!({}), &json!("m.room.message")));
    let page = server.bodies("@c:x.fr", &room, "dir=b&limit=50").await;
    assert!(page.is_empty(), "{page:?}");
    assert_eq!(server.bodies("@b:x.fr", &room, "dir=b&limit=50").await, ["a secret"]);
}

/// Without it somebody who jumps to a date would land on the wrong one of several events.
#[tokio::test]
async fn of_events_with_the_same_time_the_next_one_in_the_walk_is_found() {
    let bridge = crate::testing::Bridge::start().await;
    let file = bridge.registration("");
    let server = TestServer::with(|config| config.appservices.registrations = vec![file]).await;
    let room = server.room("@a:x.fr", json!({ "preset": "public_chat" })).await;
    server.post("as-secret", &format!("/v3/join/{room}"), json!({})).await;
    let mut events = Vec::new();
    for txn in ["1", "2"] {
        let path = format!("/v3/rooms/{room}/send/m.room.message/{txn}?ts=1600000000000");
        events
            .push(server.put("as-secret", &path, json!({ "body": txn })).await["event_id"].clone());
        let again =
            server.put("as-secret", &path, json!({ "body": txn })).await["event_id"].clone();
        assert_eq!(events.last(), Some(&again), "a bridge's retry finds its first answer");
    }
    let near = async |user: &str, ts: u64, dir: &str| {
        let path = format!("/v1/rooms/{room}/timestamp_to_event?ts={ts}&dir={dir}");
        server.request("GET", &path, user, json!(null)).await
    };
    for (ts, dir, expected) in
        [(1_600_000_000_000, "f", 0), (1_600_000_000_000, "b", 1), (1_600_000_000_001, "b", 1)]
    {
        let (_, found) = near("@a:x.fr", ts, dir).await;
        assert_eq!(found["event_id"], events[expected], "{ts} {dir}");
        assert_eq!(found["origin_server_ts"], json!(1_600_000_000_000_u64));
    }
    assert_eq!(near("@a:x.fr", 1_599_999_999_999, "b").await.0, 404);
    assert_eq!(near("@stranger:x.fr", 0, "f").await.0, 403);
}

/// Without it a client that reads forwards could not go on when something new is said.
#[tokio::test]
async fn reading_forwards_goes_on_where_it_stopped_and_backwards_ends() {
    let server = TestServer::start().await;
    let room = server.room(ALICE, json!({})).await;
    server.say(ALICE, &room, "1").await;
    let path = |dir: &str, from: &str| format!("/v3/rooms/{room}/messages?dir={dir}{from}");
    let all = server.get(ALICE, &path("f", "&limit=100")).await;
    assert_eq!(bodies(&all["chunk"]), ["1"]);
    let from = format!("&from={}", all["end"].as_str().unwrap());
    let nothing = server.get(ALICE, &path("f", &from)).await;
    assert_eq!((&nothing["chunk"], nothing.get("end")), (&json!([]), None));
    server.say(ALICE, &room, "2").await;
    assert_eq!(bodies(&server.get(ALICE, &path("f", &from)).await["chunk"]), ["2"]);
    let back = server.get(ALICE, &path("b", "&limit=100")).await;
    assert_eq!((bodies(&back["chunk"]).len(), back.get("end")), (2, None));
}
