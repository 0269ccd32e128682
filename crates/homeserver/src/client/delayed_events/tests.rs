// SPDX-License-Identifier: Apache-2.0
//! Without these a call that somebody dropped out of would go on in everybody's eyes.

use serde_json::{Value, json};

use crate::testing::{TestServer, eventually};

const BASE: &str = "/unstable/org.matrix.msc4140/delayed_events";
const DELAY: &str = "org.matrix.msc4140.delay";

async fn waiting(server: &TestServer, user: &str) -> Vec<Value> {
    server.get(user, BASE).await["delayed_events"].as_array().unwrap().clone()
}

async fn delay_state(server: &TestServer, user: &str, room: &str, key: &str, ms: u32) -> String {
    let path = format!("/v3/rooms/{room}/state/m.test/{key}?{DELAY}={ms}");
    let answer = server.put(user, &path, json!({ "by": user })).await;
    answer["delay_id"].as_str().unwrap().to_owned()
}

async fn act(server: &TestServer, id: &str, action: &str) -> u16 {
    let path = format!("{BASE}/{id}/{action}");
    server.request("POST", &path, "", json!({})).await.0.as_u16()
}

async fn state(server: &TestServer, room: &str, key: &str) -> u16 {
    let path = format!("/v3/rooms/{room}/state/m.test/{key}");
    server.request("GET", &path, "@a:x.fr", Value::Null).await.0.as_u16()
}

/// Moves the clock and lets the sender look at it.
async fn pass(server: &TestServer, ms: i64) {
    server.clock.advance(ms);
    server.server.delayed_events.wake();
}

async fn open_room(server: &TestServer) -> String {
    let levels = json!({ "state_default": 0 });
    let body = json!({ "preset": "public_chat", "power_level_content_override": levels });
    let room = server.room("@a:x.fr", body).await;
    server.post("@b:x.fr", &format!("/v3/join/{room}"), json!({})).await;
    room
}

#[tokio::test]
async fn messages_are_sent_when_due_in_order_and_once() {
    let server = TestServer::start().await;
    let room = open_room(&server).await;
    let mut ids = Vec::new();
    for (count, ms) in [(1, 700), (2, 800), (3, 900)] {
        let path = format!("/v3/rooms/{room}/send/m.test/t{count}?{DELAY}={ms}");
        let id = server.put("@a:x.fr", &path, json!({ "count": count })).await["delay_id"].clone();
        let again = server.put("@a:x.fr", &path, Value::Null).await["delay_id"].clone();
        assert_eq!(again, id, "a repeated request gets the first answer");
        ids.push(id);
    }
    let listed = waiting(&server, "@a:x.fr").await;
    assert_eq!(listed.iter().map(|event| event["delay_id"].clone()).collect::<Vec<_>>(), ids);
    let first = &listed[0];
    assert_eq!((&first["delay"], &first["content"]), (&json!(700), &json!({ "count": 1 })));
    assert_eq!((&first["type"], &first["room_id"]), (&json!("m.test"), &json!(room)));
    assert_eq!(first["running_since"], json!(1_700_000_000_000_i64));
    assert_eq!(first.get("state_key"), None);
    assert_eq!(waiting(&server, "@b:x.fr").await, Vec::<Value>::new(), "they are one's own");
    let id = ids[0].as_str().unwrap();
    let foreign = server.refused("GET", "@b:x.fr", &format!("{BASE}/{id}"), Value::Null).await;
    assert_eq!(foreign.0, 404);
    assert_eq!(server.get("@a:x.fr", &format!("{BASE}/{id}")).await["delay"], 700);

    pass(&server, 1_000).await;
    eventually(async || waiting(&server, "@a:x.fr").await.is_empty()).await;
    let page = server.get("@b:x.fr", &format!("/v3/rooms/{room}/messages?dir=b&limit=3")).await;
    let counts: Vec<&Value> =
        page["chunk"].as_array().unwrap().iter().map(|event| &event["content"]["count"]).collect();
    assert_eq!(counts, [&json!(3), &json!(2), &json!(1)]);
    let event = page["chunk"][0].clone();
    assert_eq!(event["origin_server_ts"], json!(1_700_000_001_000_i64), "the time of sending");
}

#[tokio::test]
async fn whoever_knows_the_id_cancels_restarts_and_sends() {
    let server = TestServer::start().await;
    let room = open_room(&server).await;
    let cancelled = delay_state(&server, "@a:x.fr", &room, "cancelled", 1_000).await;
    let restarted = delay_state(&server, "@a:x.fr", &room, "restarted", 1_000).await;
    let sent = delay_state(&server, "@a:x.fr", &room, "sent", 100_000).await;
    assert_eq!(act(&server, &cancelled, "cancel").await, 200);
    assert_eq!(act(&server, &sent, "send").await, 200);
    assert_eq!(state(&server, &room, "sent").await, 200);
    pass(&server, 900).await;
    let path = format!("{BASE}/{restarted}");
    let by_body = server.request("POST", &path, "", json!({ "action": "restart" })).await;
    assert_eq!(by_body.0, 200);
    pass(&server, 900).await;
    assert_eq!(waiting(&server, "@a:x.fr").await.len(), 1);
    assert_eq!(state(&server, &room, "restarted").await, 404);
    pass(&server, 100).await;
    eventually(async || state(&server, &room, "restarted").await == 200).await;
    assert_eq!(state(&server, &room, "cancelled").await, 404);
    for id in [&cancelled, &sent, "abc"] {
        for action in ["cancel", "restart", "send"] {
            assert_eq!(act(&server, id, action).await, 404, "{id} {action}");
        }
    }
    let (status, answer) = server.request("POST", &format!("{BASE}/abc/oops"), "", json!({})).await;
    assert_eq!((status.as_u16(), &answer["errcode"]), (404, &json!("M_UNRECOGNIZED")));
    let missing = server.refused("POST", "", &format!("{BASE}/abc"), json!({})).await;
    assert_eq!(missing, (400, "M_MISSING_PARAM".to_owned()));
}

#[tokio::test]
async fn somebody_elses_change_of_the_same_state_wins() {
    let server = TestServer::start().await;
    let room = open_room(&server).await;
    delay_state(&server, "@a:x.fr", &room, "k", 1_000).await;
    let path = format!("/v3/rooms/{room}/state/m.test/k");
    server.put("@a:x.fr", &path, json!({ "own": 1 })).await;
    assert_eq!(waiting(&server, "@a:x.fr").await.len(), 1, "one's own change is no other's");
    server.put("@b:x.fr", &path, json!({ "own": 2 })).await;
    assert_eq!(waiting(&server, "@a:x.fr").await, Vec::<Value>::new());
}

#[tokio::test]
async fn the_room_decides_when_the_event_is_due() {
    let server = TestServer::start().await;
    let room = open_room(&server).await;
    delay_state(&server, "@b:x.fr", &room, "k", 1_000).await;
    server
        .post("@a:x.fr", &format!("/v3/rooms/{room}/kick"), json!({ "user_id": "@b:x.fr" }))
        .await;
    pass(&server, 1_000).await;
    eventually(async || waiting(&server, "@b:x.fr").await.is_empty()).await;
    assert_eq!(state(&server, &room, "k").await, 404);
    // Whoever is not in the room cannot even ask.
    let path = format!("/v3/rooms/{room}/state/m.test/k?{DELAY}=10");
    assert_eq!(server.refused("PUT", "@b:x.fr", &path, json!({})).await.0, 403);
}

#[tokio::test]
async fn delays_and_their_number_have_limits() {
    let server = TestServer::with(|config| config.delayed_events.delay_max_s = 10).await;
    let room = open_room(&server).await;
    for (ms, errcode) in [
        ("-1", "M_INVALID_PARAM"),
        ("x", "M_INVALID_PARAM"),
        ("10001", "ORG.MATRIX.MSC4140_DELAY_TOO_LARGE"),
    ] {
        let path = format!("/v3/rooms/{room}/send/m.test/t?{DELAY}={ms}");
        let refused = server.refused("PUT", "@a:x.fr", &path, json!({})).await;
        assert_eq!(refused, (400, errcode.to_owned()), "{ms}");
    }
    for index in 0..100 {
        delay_state(&server, "@a:x.fr", &room, &format!("k{index}"), 10_000).await;
    }
    let path = format!("/v3/rooms/{room}/state/m.test/one-more?{DELAY}=10");
    let refused = server.refused("PUT", "@a:x.fr", &path, json!({})).await;
    assert_eq!(refused, (429, "M_LIMIT_EXCEEDED".to_owned()));
    let off = TestServer::with(|config| config.delayed_events.delay_max_s = 0).await;
    let room = open_room(&off).await;
    let path = format!("/v3/rooms/{room}/send/m.test/t?{DELAY}=1");
    assert_eq!(off.refused("PUT", "@a:x.fr", &path, json!({})).await.0, 403);
}

/// The calls of a whole office come from one address.
#[tokio::test]
async fn calls_from_one_address_do_not_hold_each_other_back() {
    let server = TestServer::with(|config| {
        config.rate_limits.enabled = true;
        config.rate_limits.writes_burst = 4.0;
        config.rate_limits.writes_per_s = 0.001;
    })
    .await;
    let room = open_room(&server).await;
    for user in ["@a:x.fr", "@b:x.fr"] {
        let id = delay_state(&server, user, &room, user, 100_000).await;
        for _ in 0..4 {
            assert_eq!(act(&server, &id, "restart").await, 200, "{user}");
        }
        assert_eq!(act(&server, &id, "restart").await, 429, "{user}");
    }
    for _ in 0..4 {
        assert_eq!(act(&server, "guess", "restart").await, 404);
    }
    assert_eq!(act(&server, "guess", "restart").await, 429);
}
