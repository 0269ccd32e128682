// SPDX-License-Identifier: Apache-2.0
//! Filters: which events, rooms and fields a client wants in an answer.
//!
//! Source: <https://spec.matrix.org/v1.19/client-server-api/#filtering>. Members that the
//! specification does not name are kept by the store and mean nothing here.

use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::{Map, Value};

use crate::{
    ids::{RoomId, UserId},
    limits::{FILTER_BYTES_MAX, FILTER_LIST_MAX},
};

mod pattern;
mod projection;

pub use pattern::TypePattern;
pub use projection::EventFields;

/// Why a text is no filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// More than [`FILTER_BYTES_MAX`] bytes.
    #[error("the filter is larger than {FILTER_BYTES_MAX} bytes")]
    TooLarge,
    /// Not JSON at all.
    #[error("the filter is not JSON")]
    NotJson,
    /// JSON, but a member has the wrong kind or an impossible value.
    #[error("the filter has the wrong shape: {0}")]
    Shape(String),
}

/// What a client wants of a `/sync` answer. The default wants everything.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Filter {
    /// The fields of events to include; all when absent.
    #[serde(default)]
    pub event_fields: Option<EventFields>,
    /// In which format events are wanted.
    #[serde(default, deserialize_with = "absent_or_null")]
    pub event_format: EventFormat,
    /// Which presence updates.
    #[serde(default, deserialize_with = "object_or_null")]
    pub presence: EventFilter,
    /// Which global account data.
    #[serde(default, deserialize_with = "object_or_null")]
    pub account_data: EventFilter,
    /// Which rooms, and what of them.
    #[serde(default, deserialize_with = "object_or_null")]
    pub room: RoomFilter,
}

/// The format in which a client wants its events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventFormat {
    /// As the client-server API shapes them.
    #[default]
    Client,
    /// As they came over federation.
    Federation,
}

/// Which rooms, and what of each.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct RoomFilter {
    /// These rooms alone, when present.
    #[serde(default, deserialize_with = "bounded_list")]
    pub rooms: Option<Vec<RoomId>>,
    /// Never these rooms.
    #[serde(default, deserialize_with = "bounded_list")]
    pub not_rooms: Option<Vec<RoomId>>,
    /// Whether rooms that the user has left are wanted.
    #[serde(default, deserialize_with = "absent_or_null")]
    pub include_leave: bool,
    /// Which typing notices and receipts.
    #[serde(default, deserialize_with = "object_or_null")]
    pub ephemeral: RoomEventFilter,
    /// Which state events.
    #[serde(default, deserialize_with = "object_or_null")]
    pub state: RoomEventFilter,
    /// Which events of the timeline.
    #[serde(default, deserialize_with = "object_or_null")]
    pub timeline: RoomEventFilter,
    /// Which account data of the room.
    #[serde(default, deserialize_with = "object_or_null")]
    pub account_data: RoomEventFilter,
}

/// Which events of a room.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct RoomEventFilter {
    /// By type and sender, and how many.
    #[serde(flatten)]
    pub event: EventFilter,
    /// These rooms alone, when present.
    #[serde(default, deserialize_with = "bounded_list")]
    pub rooms: Option<Vec<RoomId>>,
    /// Never these rooms.
    #[serde(default, deserialize_with = "bounded_list")]
    pub not_rooms: Option<Vec<RoomId>>,
    /// Only events with (`true`) or without (`false`) a `url` in their content.
    #[serde(default)]
    pub contains_url: Option<bool>,
    /// Whether only the members that the answer's events need are wanted.
    #[serde(default, deserialize_with = "absent_or_null")]
    pub lazy_load_members: bool,
    /// With lazy members: whether those sent before are sent again.
    #[serde(default, deserialize_with = "absent_or_null")]
    pub include_redundant_members: bool,
    /// Whether unread counts are wanted per thread.
    #[serde(default, deserialize_with = "absent_or_null")]
    pub unread_thread_notifications: bool,
}

/// Which events, by type and sender.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct EventFilter {
    /// How many at most; the server applies its own bound below that.
    ///
    /// Deviation: the specification asks for a number above 0; 0 is understood as "none", because
    /// bots ask for it to skip history.
    #[serde(default)]
    pub limit: Option<u32>,
    /// From these alone, when present.
    #[serde(default, deserialize_with = "bounded_list")]
    pub senders: Option<Vec<UserId>>,
    /// Never from these.
    #[serde(default, deserialize_with = "bounded_list")]
    pub not_senders: Option<Vec<UserId>>,
    /// Of these types alone, when present.
    #[serde(default, deserialize_with = "bounded_list")]
    pub types: Option<Vec<TypePattern>>,
    /// Never of these types.
    #[serde(default, deserialize_with = "bounded_list")]
    pub not_types: Option<Vec<TypePattern>>,
}

impl Filter {
    /// Reads a filter as a client sent it.
    pub fn parse(json: &[u8]) -> Result<Self, FilterError> {
        parse(json)
    }

    /// Whether anything of `room_id` is wanted at all.
    pub fn wants_room(&self, room_id: &RoomId) -> bool {
        passes_rooms(self.room.rooms.as_deref(), self.room.not_rooms.as_deref(), room_id)
    }
}

impl RoomEventFilter {
    /// Reads the `filter` parameter of `/messages`, `/context` and the like.
    pub fn parse(json: &[u8]) -> Result<Self, FilterError> {
        parse(json)
    }

    /// Whether anything of `room_id` is wanted.
    pub fn wants_room(&self, room_id: &RoomId) -> bool {
        passes_rooms(self.rooms.as_deref(), self.not_rooms.as_deref(), room_id)
    }

    /// Whether an event is wanted: by its type, its sender and its content's `url`. The room is
    /// asked for apart ([`Self::wants_room`]), once for all its events.
    pub fn wants(&self, kind: &str, sender: &str, has_url: impl FnOnce() -> bool) -> bool {
        self.event.wants(kind, sender) && self.contains_url.is_none_or(|wanted| wanted == has_url())
    }

    /// Whether every event passes, so that nobody needs to look at each.
    pub fn wants_everything(&self) -> bool {
        self.event.wants_everything()
            && self.contains_url.is_none()
            && self.rooms.is_none()
            && self.not_rooms.is_none()
    }

    /// Whether no event can pass, so that nobody needs to look for one.
    pub fn wants_nothing(&self) -> bool {
        self.event.types.as_ref().is_some_and(Vec::is_empty)
            || self.event.senders.as_ref().is_some_and(Vec::is_empty)
    }
}

impl EventFilter {
    /// Whether an event of type `kind` from `sender` is wanted. `not_…` wins.
    pub fn wants(&self, kind: &str, sender: &str) -> bool {
        let is_sender = |user: &UserId| user.as_str() == sender;
        self.wants_type(kind)
            && self.senders.as_ref().is_none_or(|list| list.iter().any(is_sender))
            && !self.not_senders.as_ref().is_some_and(|list| list.iter().any(is_sender))
    }

    /// Whether events of type `kind` are wanted, for data that has no sender.
    pub fn wants_type(&self, kind: &str) -> bool {
        let is_type = |pattern: &TypePattern| pattern.matches(kind);
        self.types.as_ref().is_none_or(|list| list.iter().any(is_type))
            && !self.not_types.as_ref().is_some_and(|list| list.iter().any(is_type))
    }

    /// Whether every event passes.
    pub fn wants_everything(&self) -> bool {
        self.senders.is_none()
            && self.not_senders.is_none()
            && self.types.is_none()
            && self.not_types.is_none()
    }
}

/// Whether an event's content counts for `contains_url`.
pub fn content_has_url(content: &Map<String, Value>) -> bool {
    content.get("url").is_some_and(Value::is_string)
}

fn passes_rooms(rooms: Option<&[RoomId]>, not_rooms: Option<&[RoomId]>, room: &RoomId) -> bool {
    rooms.is_none_or(|rooms| rooms.contains(room))
        && !not_rooms.is_some_and(|rooms| rooms.contains(room))
}

fn parse<T: for<'de> Deserialize<'de>>(json: &[u8]) -> Result<T, FilterError> {
    if json.len() > FILTER_BYTES_MAX {
        return Err(FilterError::TooLarge);
    }
    let shape = |error: serde_json::Error| {
        if error.is_data() { FilterError::Shape(error.to_string()) } else { FilterError::NotJson }
    };
    let object: Map<String, Value> = serde_json::from_slice(json).map_err(shape)?;
    serde_json::from_value(Value::Object(object)).map_err(shape)
}

/// `null` means the same as absence.
fn absent_or_null<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// The same for parts that must be objects: an array would pass for a struct in serde's eyes.
fn object_or_null<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: for<'any> Deserialize<'any> + Default,
{
    let object: Option<Map<String, Value>> = Option::deserialize(deserializer)?;
    object.map_or_else(
        || Ok(T::default()),
        |object| serde_json::from_value(Value::Object(object)).map_err(D::Error::custom),
    )
}

fn bounded_list<'de, D, T>(deserializer: D) -> Result<Option<Vec<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let list: Option<Vec<T>> = Option::deserialize(deserializer)?;
    if list.as_ref().is_some_and(|list| list.len() > FILTER_LIST_MAX) {
        return Err(D::Error::custom(format!("a list has more than {FILTER_LIST_MAX} entries")));
    }
    Ok(list)
}

#[cfg(test)]
mod tests;
