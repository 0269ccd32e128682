// SPDX-License-Identifier: Apache-2.0
//! Writes every fixture with its verdict as a line of JSON to the file that `AUTH_FIXTURES` names,
//! when it names one: so that another server can be asked the same.

use std::io::Write as _;

use super::{super::*, room_text::TextRoom};

/// Appends one case.
pub(super) fn dump(room: &TextRoom, event: &Candidate<'_>, verdict: Result<(), AuthError>) {
    let Ok(path) = std::env::var("AUTH_FIXTURES") else { return };
    let state = room.state.values().map(|event| {
        let json = serde_json::from_str::<serde_json::Value>(event.json()).unwrap();
        serde_json::json!({"event_id": event.event_id(), "json": json})
    });
    let content = serde_json::Value::from(&Value::Object(event.content.clone()));
    let case = serde_json::json!({
        "version": room.version.as_str(),
        "room_id": event.room_id,
        "state": state.collect::<Vec<_>>(),
        "sender": event.sender,
        "type": event.kind,
        "state_key": event.state_key,
        "content": content,
        "prev_events": event.prev_events,
        "redacts": event.redacts,
        "event_id": event.event_id,
        "verdict": verdict.err().map(|error| format!("{error:?}")),
    });
    let mut file = std::fs::OpenOptions::new().append(true).create(true).open(path).unwrap();
    // One write, so that lines of several threads stay whole.
    file.write_all(format!("{case}\n").as_bytes()).unwrap();
}
