// SPDX-License-Identifier: Apache-2.0
//! Without these somebody who stayed in a call would be shown as gone.

use std::time::Duration;

use estafette_store::DelayedEventStore as _;
use serde_json::{Value, json};

use super::{finish, finish_if_due};
use crate::testing::TestServer;

const BASE: &str = "/unstable/org.matrix.msc4140/delayed_events";

async fn delay(server: &TestServer, room: &str) -> String {
    let path = format!("/v3/rooms/{room}/state/m.test/k?org.matrix.msc4140.delay=1000");
    let answer = server.put("@a:x.fr", &path, json!({})).await;
    answer["delay_id"].as_str().unwrap().to_owned()
}

async fn is_set(server: &TestServer, room: &str) -> bool {
    let path = format!("/v3/rooms/{room}/state/m.test/k");
    server.request("GET", &path, "@a:x.fr", Value::Null).await.0 == 200
}

/// Between finding what is due and sending it, somebody may restart it.
#[tokio::test]
async fn an_event_that_was_restarted_meanwhile_is_not_sent() {
    let server = TestServer::start().await;
    let room = server.room("@a:x.fr", json!({})).await;
    let id = delay(&server, &room).await;
    finish_if_due(&server.server, &id).await.unwrap();
    assert!(server.server.store.delayed_event(&id).await.unwrap().is_some(), "it still waits");
    assert!(!is_set(&server, &room).await);
    finish(&server.server, &id).await.unwrap();
    assert!(is_set(&server, &room).await);
    finish_if_due(&server.server, &id).await.unwrap();
}

/// Whoever cancels is told that it is done, or that it is too late, and never both.
#[tokio::test]
async fn nobody_cancels_what_is_being_sent() {
    let server = TestServer::start().await;
    let room = server.room("@a:x.fr", json!({})).await;
    let id = delay(&server, &room).await;
    let sending = server.server.delayed_events.sending.write().await;
    for action in ["cancel", "restart"] {
        let path = format!("{BASE}/{id}/{action}");
        let acting = server.request("POST", &path, "", json!({}));
        assert!(tokio::time::timeout(Duration::from_millis(50), acting).await.is_err(), "{action}");
    }
    drop(sending);
    assert_eq!(server.request("POST", &format!("{BASE}/{id}/cancel"), "", json!({})).await.0, 200);
}

/// The server may end after it sent an event and before it wrote down that it did.
#[tokio::test]
async fn an_event_that_was_sent_and_not_noted_is_in_the_room_once() {
    let server = TestServer::start().await;
    let room = server.room("@a:x.fr", json!({})).await;
    let path = format!("/v3/rooms/{room}/send/m.test/t?org.matrix.msc4140.delay=1000");
    let id = server.put("@a:x.fr", &path, json!({})).await["delay_id"].clone();
    let id = id.as_str().unwrap();
    let event = server.server.store.delayed_event(id).await.unwrap().unwrap();
    super::send(&server.server, &event).await.unwrap();
    let server = server.restart(|_| {}).await;
    finish(&server.server, id).await.unwrap();
    assert!(server.server.store.delayed_event(id).await.unwrap().is_none());
    let page = server.get("@a:x.fr", &format!("/v3/rooms/{room}/messages?dir=b&limit=50")).await;
    let sent = page["chunk"].as_array().unwrap().iter().filter(|event| event["type"] == "m.test");
    assert_eq!(sent.count(), 1);
}
