// SPDX-License-Identifier: Apache-2.0

use estafette_core::{ids::UserId, json::Object};
use estafette_store::RoomStore as _;
use serde_json::json;

use super::*;
use crate::testing::TestServer;

const ALICE: &str = "@a:x.fr";

/// Without it one of two redactions that come together would be told to nobody: what was to be
/// taken away would be shown until the server is restarted.
#[tokio::test]
async fn redactions_of_an_event_and_of_its_successor_in_one_batch_both_count() {
    let server = TestServer::start().await;
    for newest_first in [false, true] {
        let room_id = server.room(ALICE, json!({})).await;
        let old = server.set(ALICE, &room_id, "m.room.topic", json!({ "topic": "first" })).await;
        let new = server.set(ALICE, &room_id, "m.room.topic", json!({ "topic": "second" })).await;
        let shared = &server.server;
        let id = RoomId::parse(&room_id).unwrap();
        let room = shared.rooms.get(&shared.store, &id).await.unwrap().unwrap();
        let mut works = Vec::new();
        let mut answers = Vec::new();
        for event_id in if newest_first { [&new, &old] } else { [&old, &new] } {
            let redacts = EventId::parse(event_id).unwrap();
            let (_, target) = shared.store.event(&redacts).await.unwrap().unwrap();
            let sender = UserId::parse(ALICE).unwrap();
            let target_sender = Some(sender.clone());
            let content = Object::new();
            let command = Command::Redact { sender, redacts, target_sender, content };
            let mut request = Request::new(command);
            request.redaction_target = Some(target);
            let (reply, answer) = oneshot::channel();
            works.push(Work { request, reply });
            answers.push(answer);
        }
        assert!(process(shared, &room, works).await.is_empty());
        for answer in answers {
            answer.await.unwrap().unwrap();
        }
        let sync = server.get(ALICE, "/v3/sync").await;
        let timeline = sync["rooms"]["join"][&room_id]["timeline"]["events"].to_string();
        assert!(!timeline.contains("first") && !timeline.contains("second"), "{timeline}");
    }
}
