// SPDX-License-Identifier: Apache-2.0
//! Rooms in tests: short ways to make them, to speak in them and to look at them.

use http::StatusCode;
use serde_json::{Value, json};

use super::TestServer;

impl TestServer {
    /// `GET`, which must succeed.
    pub(crate) async fn get(&self, user: &str, path: &str) -> Value {
        let (status, answer) = self.request("GET", path, user, Value::Null).await;
        assert_eq!(status, StatusCode::OK, "GET {path}: {answer}");
        answer
    }

    /// `POST`, which must succeed.
    pub(crate) async fn post(&self, user: &str, path: &str, body: Value) -> Value {
        let (status, answer) = self.request("POST", path, user, body).await;
        assert_eq!(status, StatusCode::OK, "POST {path}: {answer}");
        answer
    }

    /// `PUT`, which must succeed.
    pub(crate) async fn put(&self, user: &str, path: &str, body: Value) -> Value {
        let (status, answer) = self.request("PUT", path, user, body).await;
        assert_eq!(status, StatusCode::OK, "PUT {path}: {answer}");
        answer
    }

    /// The status and `errcode` of a request that must fail.
    pub(crate) async fn refused(
        &self,
        method: &str,
        user: &str,
        path: &str,
        body: Value,
    ) -> (u16, String) {
        let (status, answer) = self.request(method, path, user, body).await;
        assert!(status.is_client_error(), "{method} {path}: {status} {answer}");
        (status.as_u16(), answer["errcode"].as_str().unwrap_or_default().to_owned())
    }

    /// Makes a room and returns its id.
    pub(crate) async fn room(&self, user: &str, body: Value) -> String {
        let answer = self.post(user, "/v3/createRoom", body).await;
        answer["room_id"].as_str().unwrap().to_owned()
    }

    /// Makes a room that `guests` have joined.
    pub(crate) async fn room_with(&self, user: &str, guests: &[&str]) -> String {
        let room = self.room(user, json!({ "invite": guests })).await;
        for guest in guests {
            self.post(guest, &format!("/v3/rooms/{room}/join"), json!({})).await;
        }
        room
    }

    /// Sends an event and returns its id. The transaction id is the content.
    pub(crate) async fn event(&self, user: &str, room: &str, kind: &str, content: Value) -> String {
        let txn: String =
            content.to_string().bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
        let txn = txn.get(..txn.len().min(200)).unwrap().to_owned();
        let path = format!("/v3/rooms/{room}/send/{kind}/{txn}");
        let answer = self.put(user, &path, content).await;
        answer["event_id"].as_str().unwrap().to_owned()
    }

    /// Says something and returns the event's id.
    pub(crate) async fn say(&self, user: &str, room: &str, text: &str) -> String {
        let content = json!({ "msgtype": "m.text", "body": text });
        self.event(user, room, "m.room.message", content).await
    }

    /// Sets state with an empty state key.
    pub(crate) async fn set(&self, user: &str, room: &str, kind: &str, content: Value) -> String {
        let path = format!("/v3/rooms/{room}/state/{kind}/");
        let answer = self.put(user, &path, content).await;
        answer["event_id"].as_str().unwrap().to_owned()
    }

    /// The bodies of a page of history, in the order of the answer.
    pub(crate) async fn bodies(&self, user: &str, room: &str, query: &str) -> Vec<String> {
        let page = self.get(user, &format!("/v3/rooms/{room}/messages?{query}")).await;
        bodies(&page["chunk"])
    }
}

/// The message bodies among some events.
pub(crate) fn bodies(events: &Value) -> Vec<String> {
    let events = events.as_array().unwrap().iter();
    events.filter_map(|event| event["content"]["body"].as_str()).map(str::to_owned).collect()
}
