// SPDX-License-Identifier: Apache-2.0
//! Checking an event that another server made (Server-Server API, "Checks performed on receipt of
//! a PDU", steps 1 to 3): format and size, signatures, content hash.

use base64::Engine as _;
use sha2::{Digest as _, Sha256};

use super::{Event, event_id_of_hash};
use crate::{
    ids::{EventId, RoomId, UserId},
    json::{
        JsonError, Object, Strictness, Value, parse, write_canonical_object,
        write_canonical_without,
    },
    limits::{AUTH_EVENTS_MAX, EVENT_BYTES_MAX, ID_BYTES_MAX, PREV_EVENTS_MAX},
    redact::redact,
    sign::{BASE64, VerifyError, verify_json},
    version::{EventIdFormat, RoomVersion, Rules},
};

/// Why a PDU is dropped before anybody asks whether it is allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PduError {
    /// Not JSON, or not canonical where the room version wants that.
    #[error("the event is not valid JSON: {0}")]
    Json(#[from] JsonError),
    /// Larger than 65,536 bytes.
    #[error("the event is too large")]
    TooLarge,
    /// A member is missing, of the wrong kind or beyond its limit.
    #[error("the event's `{0}` is missing or malformed")]
    Member(&'static str),
    /// A signature that the version asks for is missing or wrong.
    #[error("the signature of {server} does not count: {error}")]
    Signature {
        /// Whose signature.
        server: String,
        /// What is wrong with it.
        error: VerifyError,
    },
}

/// A server whose signature a PDU needs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SignatureNeeded {
    /// The server.
    pub server: String,
    /// The keys with which it claims to have signed, of known algorithms.
    pub key_ids: Vec<String>,
}

/// Finds the public key (32 bytes) of a server that was valid at a time in ms, where the version
/// asks for that.
pub trait KeyLookup {
    /// The key, if it is known and valid.
    fn public_key(&self, server: &str, key_id: &str, valid_at_ms: Option<i64>) -> Option<Vec<u8>>;
}

/// A PDU of the right format whose signatures nobody has checked yet.
#[derive(Debug, Clone)]
pub struct RawPdu {
    version: RoomVersion,
    event_id: EventId,
    object: Object,
    /// What signatures cover.
    redacted: Object,
}

/// A PDU whose signatures and hash are right, or whose content was cut to what is signed.
#[derive(Debug)]
pub struct HashedPdu {
    /// The event.
    pub event: Event,
    /// Whether the content hash was wrong, so that only the redacted form was kept.
    pub redacted: bool,
}

impl RawPdu {
    /// Step 1: size, JSON, and the format of the room version.
    pub fn parse(bytes: &[u8], version: RoomVersion) -> Result<Self, PduError> {
        let rules = version.rules();
        // Whitespace does not count; far beyond the limit nothing else is looked at.
        if bytes.len() > EVENT_BYTES_MAX * 2 {
            return Err(PduError::TooLarge);
        }
        let strictness = if rules.strict_json { Strictness::Strict } else { Strictness::Tolerant };
        let Value::Object(mut object) = parse(bytes, strictness)? else {
            return Err(PduError::Member("object"));
        };
        // `unsigned` of others is not ours to believe (pitfall 8).
        object.remove("unsigned");
        if rules.event_id_format != EventIdFormat::Server {
            object.remove("event_id");
        }
        let mut canonical = String::with_capacity(bytes.len());
        write_canonical_object(&mut canonical, &object);
        if canonical.len() > EVENT_BYTES_MAX {
            return Err(PduError::TooLarge);
        }
        check_format(&object, version)?;
        let redacted = redact(&object, &rules);
        let event_id = match rules.event_id_format {
            EventIdFormat::Server => object
                .get("event_id")
                .and_then(Value::as_str)
                .and_then(|id| EventId::parse(id).ok())
                .ok_or(PduError::Member("event_id"))?,
            format => event_id_of_hash(format, &reference_hash(&redacted))
                .ok_or(PduError::Member("event_id"))?,
        };
        Ok(Self { version, event_id, object, redacted })
    }

    /// The event's id: computed where ids are hashes.
    pub fn event_id(&self) -> &EventId {
        &self.event_id
    }

    /// The room it claims to be in; `None` for a create event whose hash is the room.
    pub fn room_id(&self) -> Option<&str> {
        self.text("room_id")
    }

    /// The events that it follows.
    pub fn prev_events(&self) -> Vec<EventId> {
        edges(&self.object, "prev_events", &self.version.rules()).unwrap_or_default()
    }

    fn text(&self, key: &str) -> Option<&str> {
        self.object.get(key).and_then(Value::as_str)
    }

    /// The servers that must have signed (Server-Server API, "Validating hashes and signatures").
    pub fn signatures_needed(&self) -> Vec<SignatureNeeded> {
        let rules = self.version.rules();
        let content = self.object.get("content").and_then(Value::as_object);
        let in_content = |key: &str| content.and_then(|content| content.get(key));
        let mut servers = Vec::new();
        let by_third_party = in_content("third_party_invite").is_some()
            && in_content("membership").and_then(Value::as_str) == Some("invite");
        let server_of = |id: Option<&str>| {
            id.and_then(|id| id.split_once(':')).map(|(_, server)| server.to_owned())
        };
        // An invite made from a third-party invite is signed by whoever accepted that.
        if !(by_third_party && self.text("type") == Some("m.room.member")) {
            servers.extend(server_of(self.text("sender")));
        }
        if rules.event_id_format == EventIdFormat::Server {
            servers.extend(server_of(Some(self.event_id.as_str())));
        }
        if rules.restricted && self.text("type") == Some("m.room.member") {
            let via = in_content("join_authorised_via_users_server").and_then(Value::as_str);
            servers.extend(server_of(via));
        }
        servers.sort();
        servers.dedup();
        servers
            .into_iter()
            .map(|server| SignatureNeeded { key_ids: self.key_ids(&server), server })
            .collect()
    }

    fn key_ids(&self, server: &str) -> Vec<String> {
        let signatures = self.object.get("signatures").and_then(Value::as_object);
        let by_server = signatures.and_then(|all| all.get(server)).and_then(Value::as_object);
        let ids = by_server.into_iter().flat_map(|by_server| by_server.keys());
        ids.filter(|id| id.starts_with("ed25519:")).cloned().collect()
    }

    /// Steps 2 and 3: every signature that is needed, then the content hash. A wrong hash leaves
    /// the redacted event; a wrong signature drops it.
    pub fn check(self, keys: &dyn KeyLookup) -> Result<HashedPdu, PduError> {
        let rules = self.version.rules();
        let ts = integer(&self.object, "origin_server_ts").ok();
        let valid_at = if rules.key_validity { ts } else { None };
        for needed in self.signatures_needed() {
            // Every signature by a known key must be right, and there must be one.
            let mut outcome = Err(VerifyError::Missing);
            for key_id in &needed.key_ids {
                let Some(key) = keys.public_key(&needed.server, key_id, valid_at) else { continue };
                outcome = verify_json(&self.redacted, &needed.server, key_id, &key);
                if outcome.is_err() {
                    break;
                }
            }
            outcome.map_err(|error| PduError::Signature { server: needed.server, error })?;
        }
        let claimed = self
            .object
            .get("hashes")
            .and_then(Value::as_object)
            .and_then(|hashes| hashes.get("sha256"))
            .and_then(Value::as_str)
            .and_then(|hash| BASE64.decode(hash).ok());
        let right = claimed.as_deref() == Some(content_hash(&self.object).as_slice());
        let kept = if right { &self.object } else { &self.redacted };
        let mut json = String::new();
        write_canonical_object(&mut json, kept);
        let event = Event::from_stored(self.version, self.event_id, json)
            .map_err(|_| PduError::Member("content"))?;
        Ok(HashedPdu { event, redacted: !right })
    }
}

/// Server-Server API, "Calculating the content hash for an event": over the whole event.
pub(super) fn content_hash(event: &Object) -> [u8; 32] {
    let mut hashed = String::with_capacity(1024);
    write_canonical_without(&mut hashed, event, &["unsigned", "signatures", "hashes"]);
    Sha256::digest(hashed.as_bytes()).into()
}

/// Server-Server API, "Calculating the reference hash for an event", once it is redacted.
pub(super) fn reference_hash(redacted: &Object) -> [u8; 32] {
    let mut covered = String::with_capacity(1024);
    write_canonical_without(&mut covered, redacted, &["signatures", "unsigned"]);
    Sha256::digest(covered.as_bytes()).into()
}

/// The event format of each version (Room Versions, "Event format").
fn check_format(object: &Object, version: RoomVersion) -> Result<(), PduError> {
    let rules = version.rules();
    let text = |key: &'static str| {
        let text = object.get(key).and_then(Value::as_str).ok_or(PduError::Member(key))?;
        if text.len() > ID_BYTES_MAX { Err(PduError::Member(key)) } else { Ok(text) }
    };
    let kind = text("type")?;
    UserId::parse(text("sender")?).map_err(|_| PduError::Member("sender"))?;
    if object.contains_key("state_key") {
        text("state_key")?;
    }
    let state_key = object.get("state_key").and_then(Value::as_str);
    let is_create = kind == "m.room.create" && state_key == Some("");
    if rules.room_id_is_create_hash && is_create {
        if object.contains_key("room_id") {
            return Err(PduError::Member("room_id"));
        }
    } else {
        RoomId::parse(text("room_id")?).map_err(|_| PduError::Member("room_id"))?;
    }
    if integer(object, "depth")? < 0 {
        return Err(PduError::Member("depth"));
    }
    integer(object, "origin_server_ts")?;
    check_authorising_user(object, &rules, kind)?;
    for (key, max) in [("prev_events", PREV_EVENTS_MAX), ("auth_events", AUTH_EVENTS_MAX)] {
        if edges(object, key, &rules).is_none_or(|ids| ids.len() > max) {
            return Err(PduError::Member(key));
        }
    }
    if object.get("content").and_then(Value::as_object).is_none() {
        return Err(PduError::Member("content"));
    }
    check_hashes_and_signatures(object)
}

/// `hashes` names a SHA-256 hash, `signatures` are texts by server and key.
fn check_hashes_and_signatures(object: &Object) -> Result<(), PduError> {
    let hashes = object.get("hashes").and_then(Value::as_object);
    if hashes.and_then(|hashes| hashes.get("sha256")).and_then(Value::as_str).is_none() {
        return Err(PduError::Member("hashes"));
    }
    let texts = |by_key: &Value| {
        by_key.as_object().is_some_and(|by_key| by_key.values().all(|text| text.as_str().is_some()))
    };
    let signatures = object.get("signatures").and_then(Value::as_object);
    if !signatures.is_some_and(|signatures| signatures.values().all(texts)) {
        return Err(PduError::Member("signatures"));
    }
    Ok(())
}

/// A member that is an integer. Before version 6 the limit is that of 64 bits. Fractions and
/// exponents do not parse.
fn integer(object: &Object, key: &'static str) -> Result<i64, PduError> {
    match object.get(key) {
        Some(Value::Integer(integer)) => Ok(*integer),
        Some(Value::Number(text)) => text.parse().map_err(|_| PduError::Member(key)),
        _ => Err(PduError::Member(key)),
    }
}

/// Whoever authorises a restricted join must be a user id: its server has to sign (rule 5.2).
fn check_authorising_user(object: &Object, rules: &Rules, kind: &str) -> Result<(), PduError> {
    const KEY: &str = "join_authorised_via_users_server";
    let content = object.get("content").and_then(Value::as_object);
    match content.and_then(|content| content.get(KEY)) {
        Some(user_id) if rules.restricted && kind == "m.room.member" => user_id
            .as_str()
            .and_then(|user_id| UserId::parse(user_id).ok())
            .map(|_| ())
            .ok_or(PduError::Member(KEY)),
        _ => Ok(()),
    }
}

/// A list of event ids in the form of the room version: texts, or up to version 2 pairs of an id
/// and its hashes. Repetitions stay: no rule forbids them among `prev_events`, and rule 3.1 of
/// authorisation is about them among `auth_events`.
fn edges(object: &Object, key: &str, rules: &Rules) -> Option<Vec<EventId>> {
    let pairs = rules.event_id_format == EventIdFormat::Server;
    let id = |edge: &Value| {
        let id = match edge {
            Value::Array(pair) if pairs => match pair.as_slice() {
                [Value::String(id), Value::Object(_)] => id.as_str(),
                _ => return None,
            },
            Value::String(id) if !pairs => id.as_str(),
            _ => return None,
        };
        EventId::parse(id).ok()
    };
    object.get(key)?.as_array()?.iter().map(id).collect()
}
