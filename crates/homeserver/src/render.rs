// SPDX-License-Identifier: Apache-2.0
//! Events as clients see them (Client-Server API, "Room event format").
//!
//! The part that is the same for everybody is rendered once and shared; what differs, `unsigned`,
//! is appended for each reader. An open rendering is a JSON object without its last brace.

use std::fmt::Write as _;

use estafette_core::{event::Event, json::write_json_string, version::EventIdFormat};

use crate::rooms::TimelineEvent;

/// What `unsigned` holds for one reader.
#[derive(Debug, Default, Clone, Copy)]
pub struct Unsigned<'a> {
    /// The transaction id, for the device that sent the event (pitfall 8).
    pub transaction_id: Option<&'a str>,
    /// The reader's membership at the event (MSC4115).
    pub membership: Option<&'a str>,
    /// The event's age in ms.
    pub age_ms: Option<i64>,
    /// Rendered `m.relations`, when other events relate to it.
    pub relations: Option<&'a str>,
}

/// The client's form up to its `unsigned`, with `room_id`, without the closing brace.
pub fn open_client_event(event: &Event) -> String {
    let content = event.content_json();
    let mut json = String::with_capacity(content.len() + 320);
    json.push_str("{\"content\":");
    json.push_str(content);
    json.push_str(",\"event_id\":");
    write_json_string(&mut json, event.event_id().as_str());
    let _ = write!(json, ",\"origin_server_ts\":{}", event.origin_server_ts());
    if let Some(redacts) = event.redacts() {
        // Room version 11 moved `redacts` into the content; older clients read it here.
        json.push_str(",\"redacts\":");
        write_json_string(&mut json, redacts.as_str());
    }
    json.push_str(",\"room_id\":");
    write_json_string(&mut json, event.room_id().as_str());
    json.push_str(",\"sender\":");
    write_json_string(&mut json, event.sender().as_str());
    if let Some(state_key) = event.state_key() {
        json.push_str(",\"state_key\":");
        write_json_string(&mut json, state_key);
    }
    json.push_str(",\"type\":");
    write_json_string(&mut json, event.kind());
    json
}

/// Appends the client's form of a timeline event to `out`.
pub fn timeline_event(out: &mut String, event: &TimelineEvent, unsigned: Unsigned<'_>) {
    out.push_str(event.rendered());
    let mut members = Members::start(out);
    if let Some(age_ms) = unsigned.age_ms {
        let _ = write!(members.key("age"), "{}", age_ms.max(0));
    }
    if let Some(membership) = unsigned.membership {
        write_json_string(members.key("membership"), membership);
    }
    if let Some(transaction_id) = unsigned.transaction_id {
        write_json_string(members.key("transaction_id"), transaction_id);
    }
    if let Some(replaced) = &event.replaces {
        members.key("prev_content").push_str(replaced.content_json());
        write_json_string(members.key("prev_sender"), replaced.sender().as_str());
        write_json_string(members.key("replaces_state"), replaced.event_id().as_str());
    }
    if let Some(redaction) = &event.redacted_because {
        let out = members.key("redacted_because");
        out.push_str(&open_client_event(redaction));
        out.push('}');
    }
    if let Some(relations) = unsigned.relations {
        members.key("m.relations").push_str(relations);
    }
    members.end();
}

/// Appends the client's form of a state event to `out`, as it stands in state lists.
pub fn state_event(out: &mut String, event: &Event) {
    out.push_str(&open_client_event(event));
    out.push('}');
}

/// Appends an event as other servers get it, with its id (Client-Server API, "Filtering",
/// `event_format`: `federation`). Of its `unsigned` nothing is told, as that is made for each
/// reader.
pub fn federation_event(out: &mut String, event: &Event) {
    let json = event.json();
    let members = json.strip_suffix('}').unwrap_or(json);
    out.push_str(members);
    if event.version().rules().event_id_format != EventIdFormat::Server {
        if !members.ends_with('{') {
            out.push(',');
        }
        out.push_str("\"event_id\":");
        write_json_string(out, event.event_id().as_str());
    }
    out.push('}');
}

/// Appends a state event as it stands in stripped state (Client-Server API, "Stripped state").
pub fn stripped_state_event(out: &mut String, event: &Event) {
    out.push_str("{\"content\":");
    out.push_str(event.content_json());
    out.push_str(",\"sender\":");
    write_json_string(out, event.sender().as_str());
    out.push_str(",\"state_key\":");
    write_json_string(out, event.state_key().unwrap_or_default());
    out.push_str(",\"type\":");
    write_json_string(out, event.kind());
    out.push('}');
}

/// Writes `,"unsigned":{…}}`, or just the closing brace when there is nothing to say.
struct Members<'a> {
    out: &'a mut String,
    any: bool,
}

impl<'a> Members<'a> {
    fn start(out: &'a mut String) -> Self {
        Self { out, any: false }
    }

    fn key(&mut self, key: &str) -> &mut String {
        self.out.push_str(if self.any { "," } else { ",\"unsigned\":{" });
        self.any = true;
        write_json_string(self.out, key);
        self.out.push(':');
        self.out
    }

    fn end(self) {
        self.out.push_str(if self.any { "}}" } else { "}" });
    }
}
