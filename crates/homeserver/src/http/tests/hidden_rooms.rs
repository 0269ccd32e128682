// SPDX-License-Identifier: Apache-2.0
//! Whether anybody finds out which rooms and events there are (F-24): every route that names a room
//! is asked about rooms that one may not know of, and about rooms that never were.

use estafette_core::ids::RoomId;
use http::HeaderMap;

use super::*;

const OWNER: &str = "@owner:x.fr";
/// Of whom the paths of the table speak.
const STRANGER: &str = "@a:x.fr";

/// What one room is asked in more than one form.
const MORE: &[(&str, &str, &str)] = &[
    ("PUT", "rooms/{room_id}/send/m.x/later?org.matrix.msc4140.delay=1000", "{}"),
    ("PUT", "rooms/{room_id}/state/m.x/later?org.matrix.msc4140.delay=1000", "{}"),
    ("PUT", "rooms/{room_id}/send/m.room.redaction/t", r#"{"redacts":"{event_id}"}"#),
    ("PUT", "rooms/{room_id}/state/m.room.member/@a:x.fr", r#"{"membership":"join"}"#),
    ("PUT", "rooms/{room_id}/state/m.room.canonical_alias", r##"{"alias":"#no:x.fr"}"##),
    ("PUT", "rooms/{room_id}/state/m.room.tombstone", r#"{"replacement_room":"{room_id}"}"#),
    ("POST", "rooms/{room_id}/kick", r#"{"user_id":"@owner:x.fr"}"#),
    ("POST", "rooms/{room_id}/invite", r#"{"medium":"email","address":"a@x.fr"}"#),
    ("POST", "rooms/{room_id}/receipt/m.read/{event_id}", r#"{"thread_id":"{event_id}"}"#),
    ("PUT", "directory/list/room/{room_id}", r#"{"visibility":"private"}"#),
    ("GET", "events?room_id={room_id}&timeout=0", ""),
    ("GET", "rooms/{room_id}/messages?dir=f&limit=1", ""),
];

/// Every route of the table that says of which room it speaks, and [`MORE`].
fn about_rooms() -> Vec<Route> {
    let speaks = |route: &Route| {
        let of_room = [&route.path, &route.body].iter().any(|text| text.contains("{room_id"));
        of_room && route.auth != "appservice"
    };
    let more = MORE.iter().map(|(method, path, body)| Route {
        method: (*method).into(),
        path: format!("/_matrix/client/v3/{path}"),
        auth: "token".into(),
        limit: "-".into(),
        body: (*body).into(),
    });
    table().into_iter().filter(speaks).chain(more).collect()
}

/// A room and an event in it, or ids of nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    room: String,
    event: String,
}

/// An id that is as long, of nothing.
fn absent(id: &str) -> String {
    let other = |letter: char| if letter == 'A' { 'B' } else { 'A' };
    let letters = id.chars().enumerate();
    letters.map(|(at, letter)| if (1..9).contains(&at) { other(letter) } else { letter }).collect()
}

impl Place {
    async fn make(server: &TestServer, body: Value) -> Self {
        let room = server.room(OWNER, body).await;
        let event = server.say(OWNER, &room, "for us alone").await;
        Self { room, event }
    }

    fn absent(&self) -> Self {
        Self { room: absent(&self.room), event: absent(&self.event) }
    }

    /// What somebody is told about it, but for its ids and the ids of new events.
    async fn ask(
        &self,
        server: &TestServer,
        route: &Route,
        token: &str,
    ) -> (StatusCode, HeaderMap, String) {
        let body = route.body.replace("{room_id}", &self.room).replace("{event_id}", &self.event);
        let path = filled(&route.path, &self.room, &self.event);
        let mut request = Request::builder().method(route.method.as_str()).uri(path);
        if !token.is_empty() {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let answer = server.send(request.body(Body::from(body)).unwrap()).await;
        let text = String::from_utf8(answer.bytes.to_vec()).unwrap();
        let mut text = text.replace(&self.room, "ROOM").replace(&self.event, "EVENT");
        let new = serde_json::from_str::<Value>(&text).ok();
        if let Some(new) = new.as_ref().and_then(|answer| answer["event_id"].as_str()) {
            text = text.replace(new, "NEW");
        }
        (answer.status, answer.headers, text)
    }
}

/// Rooms that nobody but their owner may know of, each for another reason.
async fn hidden(server: &TestServer) -> Vec<Place> {
    let state = |kind: &str, content: Value| json!({ "type": kind, "content": content });
    let private = Place::make(server, json!({ "preset": "private_chat" })).await;
    let allow = json!([{ "type": "m.room_membership", "room_id": private.room }]);
    let rules = state("m.room.join_rules", json!({ "join_rule": "restricted", "allow": allow }));
    let restricted = Place::make(server, json!({ "initial_state": [rules] })).await;
    let visible = json!({ "history_visibility": "world_readable" });
    let visible = state("m.room.history_visibility", visible);
    let closed = Place::make(server, json!({ "initial_state": [visible] })).await;
    let content = json!({ "history_visibility": "joined" });
    server.set(OWNER, &closed.room, "m.room.history_visibility", content).await;
    vec![private, restricted, closed]
}

/// What each route about rooms says of hidden ones that it does not say of rooms that never were.
async fn differences(server: &TestServer, hidden: &[Place]) -> Vec<String> {
    let mut told = Vec::new();
    for route in about_rooms() {
        let tokens: &[&str] = match route.auth.as_str() {
            "none" => &[""],
            "optional" => &["", STRANGER],
            _ => &[STRANGER],
        };
        for (place, token) in hidden.iter().flat_map(|at| tokens.iter().map(move |by| (at, by))) {
            let there = place.ask(server, &route, token).await;
            let absent = place.absent().ask(server, &route, token).await;
            if there != absent {
                told.push(format!("{} {}: {there:?} / {absent:?}", route.key(), route.body));
            }
            assert!(there.0 != StatusCode::NOT_FOUND || !there.2.contains("M_UNRECOGNIZED"));
        }
    }
    told
}

/// Otherwise anybody with an account finds out which rooms there are, by asking to do there what
/// they may not.
#[tokio::test]
async fn a_room_that_is_hidden_is_answered_as_one_that_does_not_exist() {
    let server = TestServer::with(|config| config.delayed_events.delay_max_s = 60).await;
    let hidden = hidden(&server).await;
    assert_eq!(differences(&server, &hidden).await, Vec::<String>::new());
    // Those who were asked in are told what is the matter, and so is everybody of an open room.
    let invite = format!("/v3/rooms/{}/invite", hidden[0].room);
    server.post(OWNER, &invite, json!({ "user_id": STRANGER })).await;
    let open = Place::make(&server, json!({ "preset": "public_chat" })).await;
    for place in [&hidden[0], &open] {
        assert_ne!(differences(&server, std::slice::from_ref(place)).await, Vec::<String>::new());
    }
}

/// Otherwise the first question about a room that nobody uses takes as long as it is big, and
/// strangers fill the memory with rooms that are none of theirs.
#[tokio::test]
async fn a_room_that_is_hidden_is_not_loaded_for_strangers() {
    let server = TestServer::with(|config| config.delayed_events.delay_max_s = 60).await;
    let hidden = hidden(&server).await;
    let server = server.restart(|_| {}).await;
    assert_eq!(differences(&server, &hidden).await, Vec::<String>::new());
    let is_hot = |room: &str| server.server.rooms.hot(&RoomId::parse(room).unwrap()).is_some();
    for place in &hidden {
        assert!(!is_hot(&place.room), "{place:?}");
    }
    server.get(OWNER, &format!("/v3/rooms/{}/state", hidden[0].room)).await;
    assert!(is_hot(&hidden[0].room), "rooms are kept elsewhere now: look there");
}

/// Otherwise whoever has the id of an event finds out, in a room of their own, whether there is such
/// an event, and takes it out of a room that is none of theirs.
#[tokio::test]
async fn an_event_of_another_room_is_answered_as_one_that_does_not_exist() {
    let server = TestServer::start().await;
    let hidden = Place::make(&server, json!({ "preset": "private_chat" })).await;
    let open = Place::make(&server, json!({ "preset": "public_chat" })).await;
    server.post(STRANGER, &format!("/v3/join/{}", open.room), json!({})).await;
    let own = server.room(STRANGER, json!({})).await;
    let routes = about_rooms()
        .into_iter()
        .filter(|route| [&route.path, &route.body].iter().any(|text| text.contains("{event_id}")));
    for route in routes {
        for room in [&own, &open.room] {
            let at = |event: &str| Place { room: room.clone(), event: event.to_owned() };
            let there = at(&hidden.event).ask(&server, &route, STRANGER).await;
            let absent = at(&absent(&hidden.event)).ask(&server, &route, STRANGER).await;
            assert_eq!(there, absent, "{} {}", route.key(), route.body);
        }
    }
    let path = format!("/v3/rooms/{}/event/{}", hidden.room, hidden.event);
    let event = server.get(OWNER, &path).await;
    assert_eq!(event["content"]["body"], "for us alone");
}
