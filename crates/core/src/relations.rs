// SPDX-License-Identifier: Apache-2.0
//! Relations between events: reading `m.relates_to`, which edits are valid, which thread an event
//! belongs to, and what the server bundles with an event.
//!
//! A relation that breaks a rule is ignored, never an error of the event that carries it.
//!
//! Source: <https://spec.matrix.org/v1.19/client-server-api/#forming-relationships-between-events>.

#[cfg(test)]
mod tests;

use serde_json::json;

use crate::{
    event::Event,
    json::{Object, Value},
    limits::{ID_BYTES_MAX, THREAD_HOPS_MAX},
};

/// `rel_type` of an edit.
pub const REPLACE: &str = "m.replace";
/// `rel_type` of an event in a thread.
pub const THREAD: &str = "m.thread";
/// `rel_type` of a reference.
pub const REFERENCE: &str = "m.reference";
/// `rel_type` of a reaction.
pub const ANNOTATION: &str = "m.annotation";

/// `m.relates_to` of an event, with the properties all relations have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Relation<'a> {
    /// What kind of relation it is.
    pub rel_type: &'a str,
    /// The parent.
    pub event_id: &'a str,
    /// `key` of an annotation.
    pub key: Option<&'a str>,
    /// Whether `m.in_reply_to` is only there for clients that know no threads.
    pub is_falling_back: bool,
}

fn name<'a>(object: &'a Object, key: &str) -> Option<&'a str> {
    let text = object.get(key)?.as_str()?;
    (!text.is_empty() && text.len() <= ID_BYTES_MAX).then_some(text)
}

/// Reads `m.relates_to` of an event's content. `None` when it is absent or does not have the
/// form of a relation; a rich reply alone is not one.
#[must_use]
pub fn relation(content: &Object) -> Option<Relation<'_>> {
    let relates_to = content.get("m.relates_to")?.as_object()?;
    let rel_type = name(relates_to, "rel_type")?;
    let event_id = name(relates_to, "event_id").filter(|id| id.starts_with('$'))?;
    let key = relates_to.get("key").and_then(Value::as_str);
    let is_falling_back =
        relates_to.get("is_falling_back").and_then(Value::as_bool).unwrap_or(false);
    Some(Relation { rel_type, event_id, key, is_falling_back })
}

/// The event that a rich reply answers; also in threads, the fallback included.
///
/// Source: <https://spec.matrix.org/v1.19/client-server-api/#rich-replies>.
#[must_use]
pub fn in_reply_to(content: &Object) -> Option<&str> {
    let relates_to = content.get("m.relates_to")?.as_object()?;
    let reply = relates_to.get("m.in_reply_to")?.as_object()?;
    name(reply, "event_id").filter(|id| id.starts_with('$'))
}

/// An event as relations see it: a parent, or a child.
#[derive(Clone, Copy, Debug)]
pub struct Related<'a> {
    /// Its id.
    pub event_id: &'a str,
    /// Its room.
    pub room_id: &'a str,
    /// Its sender.
    pub sender: &'a str,
    /// Its `type`.
    pub kind: &'a str,
    /// Whether it has a `state_key`.
    pub is_state: bool,
    /// Whether it has been redacted.
    pub redacted: bool,
    /// When its server says it was sent, in milliseconds.
    pub origin_server_ts: i64,
    /// Its place in the server's order of the room's events.
    pub position: i64,
    /// Its content, after redaction if it was redacted.
    pub content: &'a Object,
}

impl<'a> Related<'a> {
    /// An event that has not been redacted, at this place in the server's order.
    #[must_use]
    pub fn of(event: &'a Event, position: i64) -> Self {
        Self {
            event_id: event.event_id().as_str(),
            room_id: event.room_id().as_str(),
            sender: event.sender().as_str(),
            kind: event.kind(),
            is_state: event.state_key().is_some(),
            redacted: false,
            origin_server_ts: event.origin_server_ts(),
            position,
            content: event.content(),
        }
    }

    /// The event's relation, which ends with its redaction.
    #[must_use]
    pub fn relation(&self) -> Option<Relation<'a>> {
        if self.redacted { None } else { relation(self.content) }
    }

    fn is_child(&self, parent: &Related<'_>, rel_type: &str) -> bool {
        self.room_id == parent.room_id
            && self.relation().is_some_and(|relation| {
                relation.rel_type == rel_type && relation.event_id == parent.event_id
            })
    }
}

/// Why an edit does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// The edit has no `m.replace` relation to the original event.
    #[error("the event does not replace the original")]
    NotAReplacement,
    /// The two events are in different rooms.
    #[error("the events are in different rooms")]
    OtherRoom,
    /// Only the sender of an event may edit it.
    #[error("the events have different senders")]
    OtherSender,
    /// An edit keeps the type.
    #[error("the events have different types")]
    OtherType,
    /// State events cannot be edited, nor edit.
    #[error("one of the events is a state event")]
    State,
    /// An edit cannot be edited.
    #[error("the original is a replacement itself")]
    OriginalIsEdit,
    /// The edit has no `m.new_content` object and is not encrypted.
    #[error("the event has no m.new_content")]
    NoNewContent,
}

/// Checks the requirements on an edit of `original`. The new content of an encrypted edit is
/// for clients to check.
///
/// # Errors
/// Says which requirement is not met.
///
/// Source: <https://spec.matrix.org/v1.19/client-server-api/#validity-of-replacement-events>.
pub fn check_edit(original: &Related<'_>, edit: &Related<'_>) -> Result<(), EditError> {
    let Some(relation) = edit.relation() else { return Err(EditError::NotAReplacement) };
    if relation.rel_type != REPLACE || relation.event_id != original.event_id {
        return Err(EditError::NotAReplacement);
    }
    if edit.room_id != original.room_id {
        return Err(EditError::OtherRoom);
    }
    if edit.sender != original.sender {
        return Err(EditError::OtherSender);
    }
    if edit.kind != original.kind {
        return Err(EditError::OtherType);
    }
    if edit.is_state || original.is_state {
        return Err(EditError::State);
    }
    if original.relation().is_some_and(|relation| relation.rel_type == REPLACE) {
        return Err(EditError::OriginalIsEdit);
    }
    let encrypted = edit.kind == "m.room.encrypted";
    if !encrypted && edit.content.get("m.new_content").and_then(Value::as_object).is_none() {
        return Err(EditError::NoNewContent);
    }
    Ok(())
}

/// Whether a client may start or continue a thread on `parent`: not when it is itself the child
/// of a relation. Otherwise the request is answered with 400 `M_UNKNOWN`.
///
/// Source: <https://spec.matrix.org/v1.19/client-server-api/#validation-of-mthread-relationships>.
#[must_use]
pub fn may_be_thread_root(parent: &Related<'_>) -> bool {
    parent.relation().is_none()
}

/// The root of the thread that an event belongs to, or `None` for the main timeline.
///
/// Follows relations, at most [`THREAD_HOPS_MAX`], so that a reaction to, or an edit of, a
/// message in a thread belongs to that thread. A thread's root is in the main timeline.
/// `parent_of` gives the relation type and the parent of an event, if it has any.
///
/// Source: <https://spec.matrix.org/v1.19/client-server-api/#receiving-notifications>.
pub fn thread_root<'a>(
    relation: Option<Relation<'a>>,
    parent_of: impl Fn(&str) -> Option<Relation<'a>>,
) -> Option<&'a str> {
    let mut relation = relation?;
    for _ in 0..THREAD_HOPS_MAX {
        if relation.rel_type == THREAD {
            return Some(relation.event_id);
        }
        relation = parent_of(relation.event_id)?;
    }
    (relation.rel_type == THREAD).then_some(relation.event_id)
}

/// The more recent of two edits: by `origin_server_ts`, then by event id.
///
/// Source: <https://spec.matrix.org/v1.19/client-server-api/#server-side-aggregation-of-mreplace-relationships>.
#[must_use]
pub fn newer_edit<'a, 'b>(one: &'b Related<'a>, other: &'b Related<'a>) -> &'b Related<'a> {
    let key = |edit: &Related<'a>| (edit.origin_server_ts, edit.event_id);
    if key(one) >= key(other) { one } else { other }
}

/// A thread as its root shows it.
#[derive(Clone, Copy, Debug)]
pub struct ThreadSummary<'a> {
    /// The most recent event in the server's order.
    pub latest_event: Related<'a>,
    /// How many events the thread has, without its root, without edits and reactions.
    pub count: u64,
    /// Whether the reader sent the root or an event of the thread.
    pub current_user_participated: bool,
}

/// What is bundled with an event under `unsigned`, `m.relations`.
#[derive(Clone, Debug, Default)]
pub struct Bundle<'a> {
    /// The most recent valid edit.
    pub latest_edit: Option<Related<'a>>,
    /// The thread that the event is the root of.
    pub thread: Option<ThreadSummary<'a>>,
    /// The events that refer to it with `m.reference`, in the server's order.
    pub references: Vec<&'a str>,
}

/// Aggregates the children of `parent` for the reader `user_id`.
///
/// `sees` says whether the reader may see a child; it is [`crate::visibility::for_user`] and so
/// leaves out those who are ignored. State events get no aggregation, redacted events no edits,
/// and the child of a relation is no thread root. Annotations are never aggregated.
///
/// Source: <https://spec.matrix.org/v1.19/client-server-api/#aggregations-of-child-events>.
pub fn aggregate<'a>(
    parent: &Related<'_>,
    children: impl IntoIterator<Item = Related<'a>>,
    user_id: &str,
    sees: impl Fn(&Related<'a>) -> bool,
) -> Bundle<'a> {
    let mut bundle = Bundle::default();
    if parent.is_state {
        return bundle;
    }
    let mut references: Vec<(i64, &str)> = Vec::new();
    for child in children.into_iter().filter(sees) {
        if child.is_child(parent, REPLACE) {
            if !parent.redacted && check_edit(parent, &child).is_ok() {
                let newest = bundle.latest_edit.unwrap_or(child);
                bundle.latest_edit = Some(*newer_edit(&newest, &child));
            }
        } else if child.is_child(parent, THREAD) {
            if may_be_thread_root(parent) {
                add_to_thread(&mut bundle.thread, parent, child, user_id);
            }
        } else if child.is_child(parent, REFERENCE) {
            references.push((child.position, child.event_id));
        }
    }
    references.sort_unstable();
    bundle.references = references.into_iter().map(|(_, event_id)| event_id).collect();
    bundle
}

fn add_to_thread<'a>(
    thread: &mut Option<ThreadSummary<'a>>,
    root: &Related<'_>,
    child: Related<'a>,
    user_id: &str,
) {
    let summary = thread.get_or_insert(ThreadSummary {
        latest_event: child,
        count: 0,
        current_user_participated: root.sender == user_id,
    });
    summary.count = summary.count.saturating_add(1);
    summary.current_user_participated |= child.sender == user_id;
    if child.position > summary.latest_event.position {
        summary.latest_event = child;
    }
}

impl<'a> Bundle<'a> {
    /// The value of `m.relations`, or `None` when there is nothing to bundle. `serialize` gives
    /// the client's form of an event; for the latest event of a thread with its own bundle.
    pub fn to_json(
        &self,
        serialize: impl Fn(&Related<'a>) -> serde_json::Value,
    ) -> Option<serde_json::Value> {
        let mut relations = serde_json::Map::new();
        if let Some(edit) = &self.latest_edit {
            relations.insert(REPLACE.to_owned(), serialize(edit));
        }
        if let Some(thread) = &self.thread {
            let summary = json!({
                "latest_event": serialize(&thread.latest_event),
                "count": thread.count,
                "current_user_participated": thread.current_user_participated,
            });
            relations.insert(THREAD.to_owned(), summary);
        }
        if !self.references.is_empty() {
            let chunk: serde_json::Value =
                self.references.iter().map(|id| json!({ "event_id": id })).collect();
            relations.insert(REFERENCE.to_owned(), json!({ "chunk": chunk }));
        }
        (!relations.is_empty()).then_some(serde_json::Value::Object(relations))
    }
}
