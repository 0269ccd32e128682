// SPDX-License-Identifier: Apache-2.0
//! The auth graph of one room, interned: events and state keys are small integers, edges are
//! `auth_events`.
//!
//! An event can only be added after its auth events, so that the number of an event is always
//! greater than the numbers in its auth chain, and the graph has no cycle by construction.

use std::{collections::HashMap, sync::Arc};

use roaring::RoaringBitmap;

use crate::event::{Event, Membership};

/// The number of an event in its [`AuthGraph`].
pub type EventIndex = u32;
/// The number of a pair of `type` and `state_key` in its [`AuthGraph`].
pub type KeyIndex = u32;

/// Why an event could not be added to an [`AuthGraph`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    /// An auth event has to be added first.
    #[error("the auth event {0} is not in the graph")]
    MissingAuthEvent(Arc<str>),
    /// The graph holds as many events as it can.
    #[error("the auth graph is full")]
    Full,
}

/// An event as it is added to an [`AuthGraph`].
#[derive(Clone, Copy, Debug)]
pub struct AuthNode<'a> {
    /// The event's id.
    pub event_id: &'a str,
    /// The event's `type`.
    pub kind: &'a str,
    /// The event's `state_key`.
    pub state_key: &'a str,
    /// The event's sender.
    pub sender: &'a str,
    /// Whether it is a power event, see [`is_power_event`].
    pub power_event: bool,
    /// `origin_server_ts` of the event.
    pub origin_server_ts: i64,
}

impl<'a> AuthNode<'a> {
    /// The node of a state event; `None` for an event that is no state.
    #[must_use]
    pub fn of(event: &'a Event) -> Option<Self> {
        let state_key = event.state_key()?;
        let membership = event.membership().map(Membership::as_str);
        let sender = event.sender().as_str();
        Some(Self {
            event_id: event.event_id().as_str(),
            kind: event.kind(),
            state_key,
            sender,
            power_event: is_power_event(event.kind(), state_key, sender, membership),
            origin_server_ts: event.origin_server_ts(),
        })
    }
}

/// Whether a state event might remove somebody's ability to do something in the room.
///
/// `membership` is that of the content of an `m.room.member` event.
/// Source: <https://spec.matrix.org/v1.19/rooms/v2/#definitions>, "Power events".
#[must_use]
pub fn is_power_event(kind: &str, state_key: &str, sender: &str, membership: Option<&str>) -> bool {
    match kind {
        "m.room.power_levels" | "m.room.join_rules" => state_key.is_empty(),
        "m.room.member" => matches!(membership, Some("leave" | "ban")) && sender != state_key,
        _ => false,
    }
}

/// The state events of one room and how they authorise each other.
#[derive(Clone, Debug, Default)]
pub struct AuthGraph {
    ids: Vec<Arc<str>>,
    index: HashMap<Arc<str>, EventIndex>,
    keys: Keys,
    key_of: Vec<KeyIndex>,
    /// The key of the sender's `m.room.member` event.
    sender_key_of: Vec<KeyIndex>,
    timestamps: Vec<i64>,
    power_events: Bits,
    /// The auth events of event `e` are `edges[starts[e]..starts[e + 1]]`.
    edges: Vec<EventIndex>,
    starts: Vec<u32>,
}

/// Pairs of `type` and `state_key`, and their numbers.
#[derive(Clone, Debug, Default)]
struct Keys {
    kinds: HashMap<Arc<str>, HashMap<Arc<str>, KeyIndex>>,
    pairs: Vec<(Arc<str>, Arc<str>)>,
}

impl Keys {
    fn get(&self, kind: &str, state_key: &str) -> Option<KeyIndex> {
        self.kinds.get(kind)?.get(state_key).copied()
    }

    fn intern(&mut self, kind: &str, state_key: &str) -> Option<KeyIndex> {
        if let Some(found) = self.get(kind, state_key) {
            return Some(found);
        }
        let number = KeyIndex::try_from(self.pairs.len()).ok()?;
        let kind: Arc<str> = match self.kinds.get_key_value(kind) {
            Some((kind, _)) => Arc::clone(kind),
            None => Arc::from(kind),
        };
        let state_key: Arc<str> = Arc::from(state_key);
        let of_kind = self.kinds.entry(Arc::clone(&kind)).or_default();
        of_kind.insert(Arc::clone(&state_key), number);
        self.pairs.push((kind, state_key));
        Some(number)
    }
}

impl AuthGraph {
    /// A graph without events.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many events the graph has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether the graph has no events.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Adds an event, or finds it when it is there already. Repeated auth events count once.
    ///
    /// # Errors
    /// When an auth event is not in the graph, or the graph is full. The graph is unchanged then.
    pub fn insert<'a>(
        &mut self,
        node: AuthNode<'_>,
        auth_events: impl IntoIterator<Item = &'a str>,
    ) -> Result<EventIndex, GraphError> {
        if let Some(found) = self.index_of(node.event_id) {
            return Ok(found);
        }
        let mut auth = Vec::new();
        for event_id in auth_events {
            let missing = || GraphError::MissingAuthEvent(Arc::from(event_id));
            auth.push(self.index_of(event_id).ok_or_else(missing)?);
        }
        auth.sort_unstable();
        auth.dedup();
        let number = EventIndex::try_from(self.ids.len()).map_err(|_| GraphError::Full)?;
        let end = u32::try_from(self.edges.len() + auth.len()).map_err(|_| GraphError::Full)?;
        let key = self.keys.intern(node.kind, node.state_key).ok_or(GraphError::Full)?;
        let sender_key = self.keys.intern("m.room.member", node.sender).ok_or(GraphError::Full)?;
        if self.starts.is_empty() {
            self.starts.push(0);
        }
        let event_id: Arc<str> = Arc::from(node.event_id);
        self.ids.push(Arc::clone(&event_id));
        self.index.insert(event_id, number);
        self.key_of.push(key);
        self.sender_key_of.push(sender_key);
        self.timestamps.push(node.origin_server_ts);
        if node.power_event {
            self.power_events.insert(number);
        }
        self.edges.extend(auth);
        self.starts.push(end);
        Ok(number)
    }

    /// The number of an event.
    #[must_use]
    pub fn index_of(&self, event_id: &str) -> Option<EventIndex> {
        self.index.get(event_id).copied()
    }

    /// The id of an event.
    #[must_use]
    pub fn event_id(&self, event: EventIndex) -> Option<&Arc<str>> {
        self.ids.get(usize_of(event))
    }

    /// The number of a pair of `type` and `state_key`, if some event has it or, for
    /// `m.room.member`, some event has such a sender.
    #[must_use]
    pub fn key_index(&self, kind: &str, state_key: &str) -> Option<KeyIndex> {
        self.keys.get(kind, state_key)
    }

    /// How many different pairs of `type` and `state_key` the events have.
    #[must_use]
    pub fn key_count(&self) -> usize {
        self.keys.pairs.len()
    }

    /// The pair of `type` and `state_key` with this number.
    #[must_use]
    pub fn key(&self, key: KeyIndex) -> Option<(&str, &str)> {
        self.keys.pairs.get(usize_of(key)).map(|(kind, state_key)| (&**kind, &**state_key))
    }

    /// The number of the event's pair of `type` and `state_key`.
    #[must_use]
    pub fn key_of(&self, event: EventIndex) -> Option<KeyIndex> {
        self.key_of.get(usize_of(event)).copied()
    }

    /// The number of the pair of `m.room.member` and the event's sender.
    #[must_use]
    pub fn sender_key_of(&self, event: EventIndex) -> Option<KeyIndex> {
        self.sender_key_of.get(usize_of(event)).copied()
    }

    /// The auth events of an event, in ascending order.
    #[must_use]
    pub fn auth_events(&self, event: EventIndex) -> &[EventIndex] {
        let at = usize_of(event);
        let (Some(start), Some(end)) = (self.starts.get(at), self.starts.get(at + 1)) else {
            return &[];
        };
        self.edges.get(usize_of(*start)..usize_of(*end)).unwrap_or_default()
    }

    /// `origin_server_ts` of the event.
    #[must_use]
    pub fn origin_server_ts(&self, event: EventIndex) -> i64 {
        self.timestamps.get(usize_of(event)).copied().unwrap_or_default()
    }

    /// Whether the event is a power event.
    #[must_use]
    pub fn is_power_event(&self, event: EventIndex) -> bool {
        self.power_events.contains(event)
    }

    /// The auth event of an event that has this key.
    #[must_use]
    pub fn auth_event_with_key(&self, event: EventIndex, key: KeyIndex) -> Option<EventIndex> {
        self.auth_events(event).iter().copied().find(|auth| self.key_of(*auth) == Some(key))
    }

    /// Adds `events` and their auth chains to `into`. What is in `into` already is taken to have
    /// its auth chain there too.
    pub(super) fn add_with_auth_chains(
        &self,
        events: impl IntoIterator<Item = EventIndex>,
        into: &mut Bits,
    ) {
        let mut waiting: Vec<EventIndex> =
            events.into_iter().filter(|event| into.insert(*event)).collect();
        while let Some(event) = waiting.pop() {
            for auth in self.auth_events(event) {
                if into.insert(*auth) {
                    waiting.push(*auth);
                }
            }
        }
    }
}

/// A set of events as one bit for each, for walks over the graph.
#[derive(Clone, Debug, Default)]
pub(super) struct Bits {
    words: Vec<u64>,
}

impl Bits {
    /// Adds an event; `true` when it was not there.
    pub(super) fn insert(&mut self, event: EventIndex) -> bool {
        let at = usize_of(event / 64);
        if at >= self.words.len() {
            self.words.resize(at + 1, 0);
        }
        let Some(word) = self.words.get_mut(at) else { return false };
        let bit = 1_u64 << (event % 64);
        let new = *word & bit == 0;
        *word |= bit;
        new
    }

    pub(super) fn contains(&self, event: EventIndex) -> bool {
        self.words.get(usize_of(event / 64)).is_some_and(|word| word & (1 << (event % 64)) != 0)
    }

    /// The events in ascending order.
    pub(super) fn iter(&self) -> impl Iterator<Item = EventIndex> + '_ {
        (0_u32..).zip(&self.words).flat_map(|(at, word)| {
            let mut left = *word;
            std::iter::from_fn(move || {
                let bit = left.trailing_zeros();
                (left != 0).then(|| {
                    left &= left - 1;
                    at * 64 + bit
                })
            })
        })
    }
}

impl FromIterator<EventIndex> for Bits {
    fn from_iter<I: IntoIterator<Item = EventIndex>>(events: I) -> Self {
        let mut bits = Self::default();
        for event in events {
            bits.insert(event);
        }
        bits
    }
}

/// Numbers are 32 bits wide, and so is at least every address of the machines we run on.
pub(super) fn usize_of(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// The events that are in some of the sets and not in all of them.
pub(super) fn symmetric_difference(sets: &[RoaringBitmap]) -> RoaringBitmap {
    let Some((first, rest)) = sets.split_first() else { return RoaringBitmap::new() };
    let mut union = first.clone();
    let mut intersection = first.clone();
    for set in rest {
        union |= set;
        intersection &= set;
    }
    union - intersection
}

/// A state under construction: at most one event for each key.
#[derive(Clone, Debug)]
pub struct PartialState {
    /// By key; [`NOTHING`] where there is none.
    events: Vec<EventIndex>,
}

/// No event has this number: a graph is full before.
const NOTHING: EventIndex = EventIndex::MAX;

impl PartialState {
    pub(super) fn new(graph: &AuthGraph, events: impl IntoIterator<Item = EventIndex>) -> Self {
        let mut state = Self { events: vec![NOTHING; graph.key_count()] };
        for event in events {
            state.set(graph, event);
        }
        state
    }

    /// The event with this key.
    #[must_use]
    pub fn get(&self, key: KeyIndex) -> Option<EventIndex> {
        self.events.get(usize_of(key)).copied().filter(|event| *event != NOTHING)
    }

    fn slot(&mut self, graph: &AuthGraph, event: EventIndex) -> Option<&mut EventIndex> {
        graph.key_of(event).and_then(|key| self.events.get_mut(usize_of(key)))
    }

    pub(super) fn set(&mut self, graph: &AuthGraph, event: EventIndex) {
        if let Some(slot) = self.slot(graph, event) {
            *slot = event;
        }
    }

    /// Empties the entry that has the event's key.
    pub(super) fn unset(&mut self, graph: &AuthGraph, event: EventIndex) {
        if let Some(slot) = self.slot(graph, event) {
            *slot = NOTHING;
        }
    }

    pub(super) fn into_events(self) -> impl Iterator<Item = EventIndex> {
        self.events.into_iter().filter(|event| *event != NOTHING)
    }
}
