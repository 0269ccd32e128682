// SPDX-License-Identifier: Apache-2.0
//! The latest events of a room, each rendered for clients at most once.

use std::{
    collections::HashSet,
    sync::{Arc, OnceLock, atomic::AtomicBool},
};

use estafette_core::{
    event::Event,
    ids::{EventId, UserId},
    json::{Strictness, Value, parse, write_canonical_object},
    limits::RECENT_EVENTS_MAX,
    redact::redact,
};
use estafette_store::{
    Position,
    rooms::{CommitEvent, EventFlags, PositionCell, StoredEvent},
};

use crate::render;

/// An event of a timeline, with what clients are told besides the event itself.
pub struct TimelineEvent {
    /// The event; its redacted form where it was redacted.
    pub event: Arc<Event>,
    /// What is remembered of it.
    pub flags: EventFlags,
    /// The state event that it replaced.
    pub replaces: Option<Arc<Event>>,
    /// The redaction that took its content.
    pub redacted_because: Option<Arc<Event>>,
    /// Users whom it highlights by the default rules; empty for events read back.
    pub highlights: Vec<UserId>,
    /// The device that sent it and the transaction id it used.
    pub txn: Option<(i64, Arc<str>)>,
    /// Whether other events may relate to it, so that a bundle is worth asking for.
    pub may_have_children: AtomicBool,
    pos: Arc<PositionCell>,
    rendered: OnceLock<Arc<str>>,
    read_back: bool,
}

impl TimelineEvent {
    /// An event that is about to be committed; `pos` is set by the commit.
    pub fn new(commit: &CommitEvent, replaces: Option<Arc<Event>>) -> Self {
        let txn = commit.txn.as_ref();
        Self {
            event: Arc::clone(&commit.event),
            flags: commit.flags,
            replaces,
            redacted_because: None,
            highlights: commit.highlights.clone(),
            txn: txn.map(|txn| (txn.device_nid, Arc::clone(&txn.txn_id))),
            may_have_children: AtomicBool::new(false),
            pos: Arc::clone(&commit.pos),
            rendered: OnceLock::new(),
            read_back: false,
        }
    }

    /// An event read back from the store.
    pub fn from_stored(stored: StoredEvent) -> Self {
        Self {
            event: stored.event,
            flags: stored.flags,
            replaces: stored.replaces,
            redacted_because: stored.redacted_because,
            highlights: Vec::new(),
            txn: stored.txn,
            may_have_children: AtomicBool::new(true),
            pos: Arc::new(PositionCell::known(stored.pos)),
            rendered: OnceLock::new(),
            read_back: true,
        }
    }

    /// The same event once `redaction` has taken its content; `event` is what is left.
    pub fn redacted(&self, event: Arc<Event>, redaction: Arc<Event>) -> Self {
        Self {
            event,
            flags: EventFlags((self.flags | EventFlags::REDACTED).0 & !EventFlags::NOTIFIES.0),
            replaces: self.replaces.clone(),
            redacted_because: Some(redaction),
            highlights: Vec::new(),
            txn: self.txn.clone(),
            may_have_children: AtomicBool::new(true),
            pos: Arc::clone(&self.pos),
            rendered: OnceLock::new(),
            read_back: false,
        }
    }

    /// Whether `highlights` are all that there are: always, except for events read back that
    /// mention somebody.
    pub fn knows_highlights(&self) -> bool {
        !self.read_back || !self.event.content_json().contains("m.mentions")
    }

    /// The event as it is told to those from whom its sender's erasure hides it: as redacted, but
    /// by nobody. `None` when it cannot be read.
    pub fn without_content(&self) -> Option<Self> {
        let left = redacted_form(&self.event)?;
        Some(Self {
            event: Arc::new(left),
            flags: self.flags,
            replaces: None,
            redacted_because: None,
            highlights: Vec::new(),
            txn: None,
            may_have_children: AtomicBool::new(false),
            pos: Arc::clone(&self.pos),
            rendered: OnceLock::new(),
            read_back: self.read_back,
        })
    }

    /// The same event once what it replaced has lost its content: that is told with it too.
    pub fn with_replaced(&self, replaced: Arc<Event>) -> Self {
        Self {
            event: Arc::clone(&self.event),
            flags: self.flags,
            replaces: Some(replaced),
            redacted_because: self.redacted_because.clone(),
            highlights: self.highlights.clone(),
            txn: self.txn.clone(),
            may_have_children: AtomicBool::new(true),
            pos: Arc::clone(&self.pos),
            rendered: OnceLock::new(),
            read_back: self.read_back,
        }
    }

    /// Where it stands in the log.
    pub fn pos(&self) -> Position {
        self.pos.get()
    }

    /// The client's form of the event up to, and without, its `unsigned`: see [`render`].
    pub fn rendered(&self) -> &Arc<str> {
        self.rendered.get_or_init(|| render::open_client_event(&self.event).into())
    }
}

/// What is left of an event when its content is taken (Room Versions, "Redactions").
pub(crate) fn redacted_form(event: &Event) -> Option<Event> {
    let Ok(Value::Object(whole)) = parse(event.json().as_bytes(), Strictness::Tolerant) else {
        return None;
    };
    let mut json = String::new();
    write_canonical_object(&mut json, &redact(&whole, &event.version().rules()));
    Event::from_stored(event.version(), event.event_id().clone(), json).ok()
}

/// The latest events of a room, oldest first.
#[derive(Clone)]
pub struct Recent {
    events: Vec<Arc<TimelineEvent>>,
    complete_after: Position,
    last_pos: Position,
    /// Where the last event is that people care about.
    last_bump: Option<Arc<PositionCell>>,
}

/// Types of events that lift a room in a list that is sorted by activity (MSC4186, `bump_stamp`).
const BUMPS: [&str; 7] = [
    "m.room.create",
    "m.room.message",
    "m.room.encrypted",
    "m.sticker",
    "m.call.invite",
    "m.poll.start",
    "m.beacon_info",
];

fn bumps(event: &Arc<TimelineEvent>) -> bool {
    BUMPS.contains(&event.event.kind())
}

impl Recent {
    /// `events` are all events of the timeline after `complete_after`; `last_pos` is the position
    /// of the room's last change.
    pub fn new(
        events: Vec<Arc<TimelineEvent>>,
        complete_after: Position,
        last_pos: Position,
    ) -> Self {
        let last_bump = events.iter().rfind(|event| bumps(event));
        let last_bump = last_bump.map(|event| Arc::clone(&event.pos));
        Self { events, complete_after, last_pos, last_bump }
    }

    /// The position of the last event up to `head` that people care about, as far as it is known.
    pub fn last_bump(&self, head: Position) -> Option<Position> {
        let last = self.last_bump.as_ref().map(|pos| pos.get());
        if last.is_none_or(|last| last <= head) {
            return last;
        }
        let upto_head = self.events.iter().rev().filter(|event| event.pos() <= head);
        upto_head.into_iter().find(|event| bumps(event)).map(|event| event.pos())
    }

    /// The events, oldest first.
    pub fn events(&self) -> &[Arc<TimelineEvent>] {
        &self.events
    }

    /// The events after `since` and up to `upto`; `None` when the memory does not reach back.
    pub fn after(&self, since: Position, upto: Position) -> Option<&[Arc<TimelineEvent>]> {
        if since < self.complete_after {
            return None;
        }
        self.events.get(self.range(since, upto))
    }

    fn range(&self, since: Position, upto: Position) -> std::ops::Range<usize> {
        let first = self.events.partition_point(|event| event.pos() <= since);
        let end = self.events.partition_point(|event| event.pos() <= upto);
        first..end.max(first)
    }

    /// The last `limit` events up to `upto`, and whether there are more before them.
    pub fn latest(&self, limit: usize, upto: Position) -> Option<(&[Arc<TimelineEvent>], bool)> {
        let range = self.range(Position(0), upto);
        let more_in_memory = range.len() > limit;
        let known = self.complete_after == Position(0);
        if !known && !more_in_memory && range.len() < limit {
            return None;
        }
        let first = range.end.saturating_sub(limit);
        let events = self.events.get(first..range.end)?;
        Some((events, more_in_memory || !known))
    }

    /// The position of the last event.
    pub fn last_pos(&self) -> Position {
        self.events.last().map_or(self.last_pos, |event| event.pos())
    }

    /// An event by its id.
    pub fn find(&self, event_id: &EventId) -> Option<&Arc<TimelineEvent>> {
        self.events.iter().rev().find(|known| known.event.event_id() == event_id)
    }

    /// The list once `new` is appended and `replaced` take the places of their older forms.
    pub fn append(
        &self,
        new: impl IntoIterator<Item = Arc<TimelineEvent>>,
        replaced: &[Arc<TimelineEvent>],
    ) -> Self {
        let ids: HashSet<&EventId> = replaced.iter().map(|event| event.event.event_id()).collect();
        let mut events = Vec::with_capacity(self.events.len() + 4);
        let known = self.events.len();
        for event in self.events.iter().cloned().chain(new) {
            let form = if ids.is_empty() || !ids.contains(event.event.event_id()) {
                event
            } else {
                let id = event.event.event_id();
                // The last of several forms holds all of their changes.
                let newer = replaced.iter().rfind(|newer| newer.event.event_id() == id);
                newer.map_or_else(|| Arc::clone(&event), Arc::clone)
            };
            events.push(form);
        }
        let newer = events.get(known..).unwrap_or_default();
        let last_bump = match newer.iter().rfind(|event| bumps(event)) {
            Some(event) => Some(Arc::clone(&event.pos)),
            None => self.last_bump.clone(),
        };
        let excess = events.len().saturating_sub(RECENT_EVENTS_MAX);
        let complete_after = match excess.checked_sub(1).and_then(|last| events.get(last)) {
            Some(dropped) => dropped.pos(),
            None => self.complete_after,
        };
        events.drain(..excess);
        Self { events, complete_after, last_pos: self.last_pos, last_bump }
    }
}
