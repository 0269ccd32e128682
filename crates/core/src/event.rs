// SPDX-License-Identifier: Apache-2.0
//! Events: immutable, shared, and kept as the canonical bytes that were signed.
//!
//! An [`Event`] is made in three ways only: built and signed here ([`EventDraft`]), checked after
//! it came from another server ([`RawPdu`]), or read back from our own store
//! ([`Event::from_stored`]). So whoever holds one holds a PDU of the right format (I7).

mod draft;
mod raw;

use std::{
    borrow::Cow,
    sync::{Arc, OnceLock},
};

use serde::Deserialize;
use serde_json::value::RawValue;

pub use self::{
    draft::{DraftError, EventDraft},
    raw::{HashedPdu, KeyLookup, PduError, RawPdu, SignatureNeeded},
};
use crate::{
    ids::{EventId, RoomId, UserId},
    json::{Object, Strictness, Value, parse},
    version::{EventIdFormat, RoomVersion},
};

/// The membership values of `m.room.member`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Membership {
    /// In the room.
    Join,
    /// Asked to come in.
    Invite,
    /// Asked to be let in.
    Knock,
    /// Not in the room. What a user without a member event is.
    #[default]
    Leave,
    /// Not allowed in.
    Ban,
}

impl Membership {
    /// The word of the specification.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Join => "join",
            Self::Invite => "invite",
            Self::Knock => "knock",
            Self::Leave => "leave",
            Self::Ban => "ban",
        }
    }

    /// Reads the word of the specification.
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "join" => Self::Join,
            "invite" => Self::Invite,
            "knock" => Self::Knock,
            "leave" => Self::Leave,
            "ban" => Self::Ban,
            _ => return None,
        })
    }
}

/// A stored event that cannot be what was stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the stored event is malformed: {0}")]
pub struct Corrupt(pub String);

/// An event of a room. Cheap to read, small in memory: beside the bytes only what every reader
/// asks for; content and edges are parsed when first asked for.
pub struct Event {
    event_id: EventId,
    room_id: RoomId,
    sender: UserId,
    kind: Arc<str>,
    state_key: Option<Arc<str>>,
    redacts: Option<EventId>,
    membership: Option<Membership>,
    depth: u64,
    origin_server_ts: i64,
    version: RoomVersion,
    names_room: bool,
    json: Box<str>,
    content_at: (u32, u32),
    content: OnceLock<Object>,
    edges: OnceLock<Edges>,
}

#[derive(Debug, Default)]
struct Edges {
    prev: Box<[EventId]>,
    auth: Box<[EventId]>,
}

impl std::fmt::Debug for Event {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Event({} {})", self.event_id, self.json)
    }
}

/// The members that every reader asks for.
#[derive(Deserialize)]
struct Header<'a> {
    #[serde(borrow)]
    content: &'a RawValue,
    #[serde(default, borrow)]
    room_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    sender: Cow<'a, str>,
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(default, borrow)]
    state_key: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    redacts: Option<&'a RawValue>,
    depth: i64,
    origin_server_ts: i64,
}

#[derive(Deserialize)]
struct EdgesOf<'a> {
    #[serde(borrow)]
    prev_events: Vec<Edge<'a>>,
    #[serde(borrow)]
    auth_events: Vec<Edge<'a>>,
}

/// `"$id"`, or `["$id", {hashes}]` in room versions 1 and 2.
#[derive(Deserialize)]
#[serde(untagged)]
enum Edge<'a> {
    Id(#[serde(borrow)] Cow<'a, str>),
    WithHash(#[serde(borrow)] Cow<'a, str>, serde::de::IgnoredAny),
}

#[derive(Deserialize)]
struct MembershipOf<'a> {
    #[serde(default, borrow)]
    membership: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct RedactsOf<'a> {
    #[serde(default, borrow)]
    redacts: Option<Cow<'a, str>>,
}

impl Event {
    /// An event as our own store kept it: checked and authorised before it was stored.
    pub fn from_stored(
        version: RoomVersion,
        event_id: EventId,
        json: String,
    ) -> Result<Self, Corrupt> {
        let header: Header<'_> =
            serde_json::from_str(&json).map_err(|error| Corrupt(error.to_string()))?;
        let wrong = |what: &'static str| move |_| Corrupt(what.to_owned());
        let room_id = match &header.room_id {
            Some(room_id) => RoomId::parse(room_id).map_err(wrong("room_id"))?,
            None => room_id_of_create(&event_id).map_err(wrong("event_id"))?,
        };
        let membership = if header.kind == "m.room.member" {
            serde_json::from_str::<MembershipOf<'_>>(header.content.get())
                .ok()
                .and_then(|of| of.membership)
                .and_then(|word| Membership::parse(&word))
        } else {
            None
        };
        let redacts = redacts_of(version, &header);
        let content = header.content.get();
        if !content.starts_with('{') {
            return Err(Corrupt("content".into()));
        }
        // The content is a slice of `json`, so their addresses tell where it stands.
        let start = (content.as_ptr() as usize).wrapping_sub(json.as_ptr() as usize);
        let at = |at: usize| u32::try_from(at).map_err(|_| Corrupt("it is too long".into()));
        Ok(Self {
            event_id,
            room_id,
            sender: UserId::parse(&header.sender).map_err(wrong("sender"))?,
            kind: header.kind.as_ref().into(),
            state_key: header.state_key.as_deref().map(Into::into),
            redacts,
            membership,
            depth: header.depth.max(0).cast_unsigned(),
            origin_server_ts: header.origin_server_ts,
            version,
            names_room: header.room_id.is_some(),
            content_at: (at(start)?, at(start + content.len())?),
            json: json.into_boxed_str(),
            content: OnceLock::new(),
            edges: OnceLock::new(),
        })
    }

    /// The event's id.
    pub fn event_id(&self) -> &EventId {
        &self.event_id
    }

    /// The room it is in.
    pub fn room_id(&self) -> &RoomId {
        &self.room_id
    }

    /// Who sent it.
    pub fn sender(&self) -> &UserId {
        &self.sender
    }

    /// The specification's `type`.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The state key; `None` for an event that is no state.
    pub fn state_key(&self) -> Option<&str> {
        self.state_key.as_deref()
    }

    /// The specification's `type`, shared.
    pub fn kind_shared(&self) -> Arc<str> {
        Arc::clone(&self.kind)
    }

    /// The state key, shared.
    pub fn state_key_shared(&self) -> Option<Arc<str>> {
        self.state_key.clone()
    }

    /// Whether the event itself names its room. A create event of room version 12 does not: its
    /// hash is the room.
    pub fn names_room(&self) -> bool {
        self.names_room
    }

    /// The event that it redacts, wherever the room version keeps that.
    pub fn redacts(&self) -> Option<&EventId> {
        self.redacts.as_ref()
    }

    /// The membership that an `m.room.member` event sets, when it is one of the known words.
    pub fn membership(&self) -> Option<Membership> {
        self.membership
    }

    /// `depth`: a claim, never to be trusted for order.
    pub fn depth(&self) -> u64 {
        self.depth
    }

    /// `origin_server_ts` in ms since the epoch: a claim, never to be trusted for order.
    pub fn origin_server_ts(&self) -> i64 {
        self.origin_server_ts
    }

    /// The version of its room.
    pub fn version(&self) -> RoomVersion {
        self.version
    }

    /// The canonical federation format, signatures included.
    pub fn json(&self) -> &str {
        &self.json
    }

    /// The canonical JSON of its content.
    pub fn content_json(&self) -> &str {
        let (start, end) = (self.content_at.0 as usize, self.content_at.1 as usize);
        self.json.get(start..end).unwrap_or("{}")
    }

    /// Its content, parsed at the first call.
    pub fn content(&self) -> &Object {
        self.content.get_or_init(|| {
            match parse(self.content_json().as_bytes(), Strictness::Tolerant) {
                Ok(Value::Object(content)) => content,
                _ => Object::new(),
            }
        })
    }

    /// The events that it follows.
    pub fn prev_events(&self) -> &[EventId] {
        &self.edges().prev
    }

    /// The events that authorise it.
    pub fn auth_events(&self) -> &[EventId] {
        &self.edges().auth
    }

    fn edges(&self) -> &Edges {
        self.edges.get_or_init(|| {
            let Ok(edges) = serde_json::from_str::<EdgesOf<'_>>(&self.json) else {
                return Edges::default();
            };
            let ids = |edges: Vec<Edge<'_>>| {
                let texts = edges.into_iter().map(|edge| match edge {
                    Edge::Id(id) | Edge::WithHash(id, _) => id,
                });
                texts.filter_map(|id| EventId::parse(&id).ok()).collect()
            };
            Edges { prev: ids(edges.prev_events), auth: ids(edges.auth_events) }
        })
    }
}

fn redacts_of(version: RoomVersion, header: &Header<'_>) -> Option<EventId> {
    if header.kind != "m.room.redaction" {
        return None;
    }
    let text = if version.rules().redacts_in_content {
        serde_json::from_str::<RedactsOf<'_>>(header.content.get()).ok()?.redacts?
    } else {
        serde_json::from_str::<Cow<'_, str>>(header.redacts?.get()).ok()?
    };
    EventId::parse(&text).ok()
}

/// Room version 12: the room's id is the create event's with another sigil.
pub fn room_id_of_create(event_id: &EventId) -> Result<RoomId, crate::ids::IdError> {
    RoomId::parse(&format!("!{}", event_id.as_str().trim_start_matches('$')))
}

/// The id that `reference_hash` gives an event, in versions whose ids are hashes.
pub(crate) fn event_id_of_hash(format: EventIdFormat, hash: &[u8]) -> Option<EventId> {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
    let text = match format {
        EventIdFormat::Server => return None,
        EventIdFormat::Hash => STANDARD_NO_PAD.encode(hash),
        EventIdFormat::UrlSafeHash => URL_SAFE_NO_PAD.encode(hash),
    };
    EventId::parse(&format!("${text}")).ok()
}

#[cfg(test)]
mod tests;
