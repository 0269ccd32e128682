// SPDX-License-Identifier: Apache-2.0
//! Building an event here: the only way by which this server signs one (I8).

use std::fmt::Write as _;

use base64::Engine as _;
use sha2::{Digest as _, Sha256};

use super::{Event, event_id_of_hash};
use crate::{
    ids::{EventId, RoomId, ServerName, UserId},
    json::{Object, write_canonical_object, write_json_string},
    limits::{AUTH_EVENTS_MAX, EVENT_BYTES_MAX, ID_BYTES_MAX, INTEGER_MAX, PREV_EVENTS_MAX},
    redact::redact_content,
    sign::{BASE64, SigningKey},
    version::{EventIdFormat, RoomVersion},
};

/// Everything of an event that its author decides.
#[derive(Debug, Clone)]
pub struct EventDraft<'a> {
    /// The room's version.
    pub version: RoomVersion,
    /// The room; `None` for the create event of a version whose room ids are its hash.
    pub room_id: Option<&'a RoomId>,
    /// Who sends it: a user of the signing server.
    pub sender: &'a UserId,
    /// The specification's `type`.
    pub kind: &'a str,
    /// The state key of a state event.
    pub state_key: Option<&'a str>,
    /// The content.
    pub content: &'a Object,
    /// Top-level `redacts`, in versions before 11.
    pub redacts: Option<&'a EventId>,
    /// The events that it follows.
    pub prev_events: &'a [EventId],
    /// The events that authorise it.
    pub auth_events: &'a [EventId],
    /// One more than the greatest depth of `prev_events`.
    pub depth: u64,
    /// Now, in ms since the epoch.
    pub origin_server_ts: i64,
    /// The id, in versions 1 and 2 where the server chooses it; `None` makes one of what is
    /// signed.
    pub chosen_id: Option<&'a EventId>,
}

/// Why a draft cannot become an event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DraftError {
    /// Larger than an event may be.
    #[error("the event is larger than {EVENT_BYTES_MAX} bytes")]
    TooLarge,
    /// The content has a number that canonical JSON does not allow, or is nested too deeply.
    #[error("the content is not canonical JSON")]
    NotCanonical,
    /// `type` or `state_key` is longer than 255 bytes.
    #[error("`{0}` is longer than {ID_BYTES_MAX} bytes")]
    FieldTooLong(&'static str),
    /// The sender is no user of the server that would sign.
    #[error("the sender is not a user of this server")]
    ForeignSender,
    /// Too many edges, or no id where one is needed.
    #[error("the draft is inconsistent: {0}")]
    Inconsistent(&'static str),
}

impl EventDraft<'_> {
    /// Hashes, signs and names the event (Server-Server API, "Signing Events").
    pub fn sign(&self, server: &ServerName, key: &SigningKey) -> Result<Event, DraftError> {
        self.check(server)?;
        if self.chosen_id.is_none() && self.version.rules().event_id_format == EventIdFormat::Server
        {
            let id = self.make_id(server)?;
            return EventDraft { chosen_id: Some(&id), ..self.clone() }.sign(server, key);
        }
        let mut content = String::with_capacity(1024);
        write_canonical_object(&mut content, self.content);
        let rules = self.version.rules();
        let mut left = String::new();
        write_canonical_object(&mut left, &redact_content(self.kind, self.content, &rules));

        let unsigned_form = self.write(&content, None, None);
        let hash = BASE64.encode(Sha256::digest(unsigned_form.as_bytes()));
        let mut redacted = self.clone();
        // In versions before 11 `redacts` is not among the members that survive redaction.
        redacted.redacts = None;
        let covered = redacted.write(&left, Some(&hash), None);
        let signature = key.sign_bytes(covered.as_bytes());
        let mut signatures = String::with_capacity(160);
        signatures.push('{');
        write_json_string(&mut signatures, server.as_str());
        signatures.push_str(":{");
        write_json_string(&mut signatures, key.key_id());
        signatures.push(':');
        write_json_string(&mut signatures, &signature);
        signatures.push_str("}}");
        let json = self.write(&content, Some(&hash), Some(&signatures));
        if json.len() > EVENT_BYTES_MAX {
            return Err(DraftError::TooLarge);
        }
        let event_id = match self.chosen_id {
            Some(id) if rules.event_id_format == EventIdFormat::Server => id.clone(),
            _ => event_id_of_hash(rules.event_id_format, &Sha256::digest(covered.as_bytes()))
                .ok_or(DraftError::Inconsistent("this version needs a chosen id"))?,
        };
        Event::from_stored(self.version, event_id, json)
            .map_err(|_| DraftError::Inconsistent("the built event cannot be read"))
    }

    /// An id for versions 1 and 2: two events with equal ids would be equal throughout.
    fn make_id(&self, server: &ServerName) -> Result<EventId, DraftError> {
        let mut content = String::with_capacity(1024);
        write_canonical_object(&mut content, self.content);
        let hash = Sha256::digest(self.write(&content, None, None).as_bytes());
        let opaque = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(hash);
        EventId::parse(&format!("${opaque}:{server}"))
            .map_err(|_| DraftError::Inconsistent("the server name leaves no room for an id"))
    }

    fn check(&self, server: &ServerName) -> Result<(), DraftError> {
        if self.sender.server_name() != server.as_str() {
            return Err(DraftError::ForeignSender);
        }
        // The event itself is one level; what it cannot be read with must not be signed.
        if !self.content.values().all(|value| value.is_canonical(2)) {
            return Err(DraftError::NotCanonical);
        }
        if self.kind.len() > ID_BYTES_MAX {
            return Err(DraftError::FieldTooLong("type"));
        }
        if self.state_key.is_some_and(|key| key.len() > ID_BYTES_MAX) {
            return Err(DraftError::FieldTooLong("state_key"));
        }
        if self.prev_events.len() > PREV_EVENTS_MAX || self.auth_events.len() > AUTH_EVENTS_MAX {
            return Err(DraftError::Inconsistent("too many edges"));
        }
        Ok(())
    }

    /// The canonical form: members in the order of their names.
    fn write(&self, content: &str, hash: Option<&str>, signatures: Option<&str>) -> String {
        let mut out = String::with_capacity(content.len() + 768);
        out.push_str("{\"auth_events\":");
        self.write_edges(&mut out, self.auth_events);
        out.push_str(",\"content\":");
        out.push_str(content);
        let depth = self.depth.min(INTEGER_MAX.cast_unsigned());
        let _ = write!(out, ",\"depth\":{depth}");
        if let Some(id) = self.chosen_id
            && self.version.rules().event_id_format == EventIdFormat::Server
        {
            member(&mut out, "event_id", id.as_str());
        }
        if let Some(hash) = hash {
            out.push_str(",\"hashes\":{\"sha256\":");
            write_json_string(&mut out, hash);
            out.push('}');
        }
        let _ = write!(out, ",\"origin_server_ts\":{}", self.origin_server_ts);
        out.push_str(",\"prev_events\":");
        self.write_edges(&mut out, self.prev_events);
        if let Some(redacts) = self.redacts {
            member(&mut out, "redacts", redacts.as_str());
        }
        if let Some(room_id) = self.room_id {
            member(&mut out, "room_id", room_id.as_str());
        }
        member(&mut out, "sender", self.sender.as_str());
        if let Some(signatures) = signatures {
            out.push_str(",\"signatures\":");
            out.push_str(signatures);
        }
        if let Some(state_key) = self.state_key {
            member(&mut out, "state_key", state_key);
        }
        member(&mut out, "type", self.kind);
        out.push('}');
        out
    }

    fn write_edges(&self, out: &mut String, ids: &[EventId]) {
        let with_hash = self.version.rules().event_id_format == EventIdFormat::Server;
        out.push('[');
        for (index, id) in ids.iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            if with_hash {
                out.push('[');
            }
            write_json_string(out, id.as_str());
            if with_hash {
                out.push_str(",{}]");
            }
        }
        out.push(']');
    }
}

fn member(out: &mut String, key: &str, value: &str) {
    out.push(',');
    write_json_string(out, key);
    out.push(':');
    write_json_string(out, value);
}
