// SPDX-License-Identifier: Apache-2.0
//! Without these a room key that a sender believes sent could be lost, or arrive twice.

use serde_json::{Value, json};

use crate::{client::keys::tests::device::TestDevice, testing::TestServer};

async fn send(from: &TestDevice<'_>, txn_id: &str, messages: Value) {
    let path = format!("/v3/sendToDevice/m.test/{txn_id}");
    let answer = from.ok("PUT", &path, json!({ "messages": messages })).await;
    assert_eq!(answer, json!({}));
}

/// The numbers in the messages of a sync, and its token.
fn numbers(answer: &Value) -> Vec<i64> {
    let events = answer["to_device"]["events"].as_array().cloned().unwrap_or_default();
    events.iter().map(|event| event["content"]["n"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn messages_arrive_once_until_they_are_acknowledged() {
    let server = TestServer::start().await;
    let alice = TestDevice::log_in(&server, "alice", "A1").await;
    let other = TestDevice::log_in(&server, "alice", "A2").await;
    let bob = TestDevice::log_in(&server, "bob", "B").await;
    let user = alice.user_id();
    send(&bob, "1", json!({ user: { "A1": { "n": 1 } } })).await;
    send(&bob, "1", json!({ user: { "A1": { "n": 1 } } })).await;
    send(&bob, "2", json!({ user: { "*": { "n": 2 } }, "@nobody:x.fr": { "*": {} } })).await;
    let first = alice.sync(None).await;
    assert_eq!(numbers(&first), [1, 2]);
    let event = &first["to_device"]["events"][0];
    assert_eq!(*event, json!({ "type": "m.test", "sender": bob.user_id(), "content": { "n": 1 } }));
    assert_eq!(numbers(&alice.sync(None).await), [1, 2], "the answer may have been lost");
    let second = alice.sync(Some(&first["next_batch"])).await;
    assert!(numbers(&second).is_empty());
    send(&bob, "3", json!({ user: { "A1": { "n": 3 } } })).await;
    let since = second["next_batch"].as_str().unwrap();
    let path = format!("/v3/sync?timeout=30000&since={since}");
    assert_eq!(numbers(&alice.ok("GET", &path, Value::Null).await), [3]);
    assert_eq!(numbers(&other.sync(None).await), [2]);
    // E2: a token of another device neither skips nor deletes anything.
    assert_eq!(numbers(&other.sync(Some(&first["next_batch"])).await), [2]);
    assert_eq!(numbers(&other.sync(None).await), [2]);
}

#[tokio::test]
async fn a_hundred_messages_at_a_time() {
    let server = TestServer::start().await;
    let alice = TestDevice::log_in(&server, "alice", "A1").await;
    for n in 0..230 {
        send(&alice, &n.to_string(), json!({ alice.user_id(): { "A1": { "n": n } } })).await;
    }
    let mut answer = alice.sync(None).await;
    let mut seen = numbers(&answer);
    for expected in [100, 30, 0] {
        answer = alice.sync(Some(&answer["next_batch"])).await;
        assert_eq!(numbers(&answer).len(), expected);
        seen.extend(numbers(&answer));
    }
    assert_eq!(seen, (0..230).collect::<Vec<_>>());
}

#[tokio::test]
async fn bad_requests_send_nothing() {
    let server = TestServer::start().await;
    let alice = TestDevice::log_in(&server, "alice", "A1").await;
    let user = alice.user_id();
    let good = json!({ "A1": { "n": 1 } });
    let long = "x".repeat(256);
    for (path, messages, error) in [
        ("m.test/1".to_owned(), json!({ user: good, "bob": {} }), (400, "M_INVALID_PARAM")),
        ("m.test/1".to_owned(), json!({ user: { "A1": 1 } }), (400, "M_BAD_JSON")),
        ("m.test/1".to_owned(), json!({ user: { "": {} } }), (400, "M_INVALID_PARAM")),
        ("m.test/1".to_owned(), json!([]), (400, "M_BAD_JSON")),
        (format!("{long}/1"), json!({ user: good }), (400, "M_INVALID_PARAM")),
        (format!("m.test/{long}"), json!({ user: good }), (400, "M_INVALID_PARAM")),
        (
            "m.test/1".to_owned(),
            json!({ user: good, "@c:else.fr": { "X": {} } }),
            (403, "M_FORBIDDEN"),
        ),
    ] {
        let path = format!("/v3/sendToDevice/{path}");
        let failed = alice.fails("PUT", &path, json!({ "messages": messages })).await;
        assert_eq!(failed, (error.0, error.1.to_owned()), "{messages}");
    }
    assert!(numbers(&alice.sync(None).await).is_empty());
    // The transaction id of a refused request is not spent.
    send(&alice, "1", json!({ user: good })).await;
    assert_eq!(numbers(&alice.sync(None).await), [1]);
}
