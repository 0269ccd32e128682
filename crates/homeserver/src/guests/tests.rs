// SPDX-License-Identifier: Apache-2.0
//! Without these one guest's account would bring others in, or read what is open to agents.

use std::sync::atomic::Ordering;

use serde_json::json;

use crate::testing::TestServer;

const AGENT: &str = "@agent:x.fr";
const GUEST: &str = "@guest:x.fr";

fn forbidden() -> (u16, String) {
    (403, "M_FORBIDDEN".to_owned())
}

#[tokio::test]
async fn guests_make_no_rooms_invite_nobody_and_go_where_they_were_asked() {
    let server = TestServer::start().await;
    let book = server.with_book();
    server.person(AGENT, "agent@org.fr", false).await;
    server.person(GUEST, "guest@guest.fr", true).await;
    let open = server.room(AGENT, json!({ "preset": "public_chat" })).await;
    let knock = json!({
        "room_version": "10", "power_level_content_override": { "invite": 0 },
        "initial_state": [{ "type": "m.room.join_rules", "content": { "join_rule": "knock" } }],
    });
    let knocked = server.room(AGENT, knock).await;
    let own = server.room_with(AGENT, &[GUEST]).await;
    server.say(GUEST, &own, "hello").await;
    let acts = [
        ("/v3/createRoom".to_owned(), json!({})),
        ("/v3/createRoom".to_owned(), json!({ "is_direct": true, "invite": [AGENT] })),
        (format!("/v3/rooms/{own}/upgrade"), json!({ "new_version": "12" })),
        (format!("/v3/rooms/{own}/invite"), json!({ "user_id": "@other:x.fr" })),
        (format!("/v3/join/{open}"), json!({})),
        (format!("/v3/knock/{knocked}"), json!({})),
    ];
    for (path, body) in &acts {
        let refused = server.refused("POST", GUEST, path, body.clone()).await;
        assert_eq!(refused, forbidden(), "{path} {body}");
    }
    let state = format!("/v3/rooms/{own}/state/m.room.member/@other:x.fr");
    let invite = json!({ "membership": "invite" });
    assert_eq!(server.refused("PUT", GUEST, &state, invite).await, forbidden());
    let capabilities = async |user: &str| {
        let answer = server.get(user, "/v3/capabilities").await;
        let answer = &answer["capabilities"];
        let invites = answer["org.estafette.third_party_invites"]["enabled"].clone();
        (answer["org.estafette.account"]["guest"].clone(), invites)
    };
    assert_eq!(capabilities(GUEST).await, (json!(true), json!(false)));
    assert_eq!(capabilities(AGENT).await, (json!(false), json!(true)));
    book.mute.store(true, Ordering::SeqCst);
    assert_eq!(capabilities(AGENT).await, (json!(false), json!(false)));
    // With an invitation the same room is open.
    server.post(AGENT, &format!("/v3/rooms/{open}/invite"), json!({ "user_id": GUEST })).await;
    server.post(GUEST, &format!("/v3/join/{open}"), json!({})).await;

    // Who becomes an agent is one at once.
    book.guests_are_members.store(true, Ordering::SeqCst);
    server.post(GUEST, "/v3/createRoom", json!({})).await;
    book.guests_are_members.store(false, Ordering::SeqCst);
    assert_eq!(server.refused("POST", GUEST, "/v3/createRoom", json!({})).await, forbidden());
    server.person(GUEST, "guest@org.fr", false).await;
    server.post(GUEST, "/v3/createRoom", json!({})).await;
}

/// Otherwise nobody in a room knows who is from outside, or a guest takes the mark off, or puts it
/// on an agent.
#[tokio::test]
async fn membership_events_say_who_is_a_guest_whatever_clients_send() {
    let server = TestServer::start().await;
    server.with_book();
    server.person(AGENT, "agent@org.fr", false).await;
    server.person(GUEST, "guest@guest.fr", true).await;
    let room = server.room(AGENT, json!({ "invite": [GUEST] })).await;
    let marked = async |user: &str| {
        let path = format!("/v3/rooms/{room}/state/m.room.member/{user}");
        let content = server.get(AGENT, &path).await;
        (content["membership"].clone(), content["org.estafette.guest"].clone())
    };
    assert_eq!(marked(GUEST).await, (json!("invite"), json!(true)));
    server.post(GUEST, &format!("/v3/rooms/{room}/join"), json!({})).await;
    assert_eq!(marked(GUEST).await, (json!("join"), json!(true)));
    for (user, claim) in [(GUEST, false), (AGENT, true)] {
        let path = format!("/v3/rooms/{room}/state/m.room.member/{user}");
        let body = json!({ "membership": "join", "org.estafette.guest": claim, "x": 1 });
        let (status, answer) = server.request("PUT", &path, user, body).await;
        assert_eq!(status, 200, "{answer}");
    }
    assert_eq!(marked(GUEST).await, (json!("join"), json!(true)));
    assert_eq!(marked(AGENT).await, (json!("join"), json!(null)));
}

#[tokio::test]
async fn guests_see_no_published_rooms() {
    let server = TestServer::start().await;
    server.with_book();
    server.person(GUEST, "guest@guest.fr", true).await;
    let body = json!({
        "preset": "public_chat", "visibility": "public", "name": "Everybody",
        "initial_state": [{ "type": "m.room.history_visibility",
                            "content": { "history_visibility": "world_readable" } }],
    });
    let room = server.room(AGENT, body).await;
    let said = server.say(AGENT, &room, "to all").await;
    for (method, filter) in [("GET", json!(null)), ("POST", json!({}))] {
        let (_, list) = server.request(method, "/v3/publicRooms", AGENT, filter.clone()).await;
        assert_eq!(list["chunk"].as_array().unwrap().len(), 1, "{list}");
        let (_, list) = server.request(method, "/v3/publicRooms", GUEST, filter).await;
        assert_eq!((&list["chunk"], &list["total_room_count_estimate"]), (&json!([]), &json!(0)));
    }
    let looks = [
        format!("/v1/room_summary/{room}"),
        format!("/v1/rooms/{room}/hierarchy"),
        format!("/v3/rooms/{room}/state"),
        format!("/v3/rooms/{room}/messages?dir=b"),
        format!("/v3/rooms/{room}/initialSync"),
        format!("/v3/rooms/{room}/members"),
        format!("/v3/rooms/{room}/event/{said}"),
        format!("/v3/rooms/{room}/context/{said}"),
        format!("/v3/rooms/{room}/aliases"),
    ];
    for path in &looks {
        let (status, answer) = server.request("GET", path, AGENT, json!(null)).await;
        assert_eq!(status, 200, "{path}: {answer}");
        let (status, answer) = server.request("GET", path, GUEST, json!(null)).await;
        assert!(matches!(status.as_u16(), 403 | 404), "{path}: {status} {answer}");
    }
    server.post(AGENT, &format!("/v3/rooms/{room}/invite"), json!({ "user_id": GUEST })).await;
    server.post(GUEST, &format!("/v3/join/{room}"), json!({})).await;
    for path in &looks {
        let (status, answer) = server.request("GET", path, GUEST, json!(null)).await;
        assert_eq!(status, 200, "{path}: {answer}");
    }
}
