// SPDX-License-Identifier: Apache-2.0
//! Resolution of state maps: the interned graph of a room, its events, and the authorisation
//! rules of its version put together.

use std::{
    collections::{BTreeSet, HashMap},
    hash::{BuildHasherDefault, Hasher},
    sync::Arc,
};

use roaring::RoaringBitmap;

use super::{
    StateMap,
    graph::{
        AuthGraph, AuthNode, Bits, EventIndex, GraphError, KeyIndex, PartialState,
        symmetric_difference, usize_of,
    },
    v1,
    v2::{self, Variant},
};
use crate::{
    auth::{self, AuthState, Candidate, Level, PowerLevels},
    event::Event,
    ids::EventId,
    version::{RoomVersion, Rules, StateResolution},
};

/// What has to be loaded before a resolution can go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotLoaded {
    /// These events are not in the graph: add them and their auth chains.
    #[error("{} events are not in the auth graph", .0.len())]
    Nodes(Vec<EventId>),
    /// These events are in the graph, but what they say is not known: add them whole.
    #[error("{} events have to be loaded", .0.len())]
    Events(Vec<EventId>),
}

/// Resolves the states of one room.
///
/// Holds the room's auth graph, and of those events that matter what they say. The result
/// depends on the states and the events alone, not on the order in which they came.
#[derive(Clone)]
pub struct Resolver {
    version: RoomVersion,
    graph: AuthGraph,
    /// What the events say, by number, where it is known.
    events: Vec<Option<Arc<Event>>>,
    /// The numbers of the events in `events` by their address in memory, which is found faster
    /// than an id. The events are kept, so their addresses cannot come to mean others.
    by_address: HashMap<usize, EventIndex, BuildHasherDefault<AddressHasher>>,
    rejected: RoaringBitmap,
    create: Option<EventIndex>,
}

impl Resolver {
    /// For a room of this version, without events.
    #[must_use]
    pub fn new(version: RoomVersion) -> Self {
        Self {
            version,
            graph: AuthGraph::new(),
            events: Vec::new(),
            by_address: HashMap::default(),
            rejected: RoaringBitmap::new(),
            create: None,
        }
    }

    /// The room's auth graph.
    #[must_use]
    pub fn graph(&self) -> &AuthGraph {
        &self.graph
    }

    /// Adds a state event; `rejected` says that it was rejected on receipt. An event that is no
    /// state is of no account to resolution and gives `None`.
    ///
    /// # Errors
    /// When one of its auth events is not in the graph yet.
    pub fn add(
        &mut self,
        event: &Arc<Event>,
        rejected: bool,
    ) -> Result<Option<EventIndex>, GraphError> {
        let Some(node) = AuthNode::of(event) else { return Ok(None) };
        let auth_events = event.auth_events().iter().map(EventId::as_str);
        let index = self.add_node(node, auth_events, rejected)?;
        let slot = self.events.get_mut(usize_of(index));
        if let Some(slot @ None) = slot {
            *slot = Some(Arc::clone(event));
            self.by_address.insert(address(event), index);
        }
        Ok(Some(index))
    }

    /// Adds a state event without what it says, as for the many members of a large room that no
    /// conflict will ever touch.
    ///
    /// # Errors
    /// When one of its auth events is not in the graph yet.
    pub fn add_node<'a>(
        &mut self,
        node: AuthNode<'_>,
        auth_events: impl IntoIterator<Item = &'a str>,
        rejected: bool,
    ) -> Result<EventIndex, GraphError> {
        let index = self.graph.insert(node, auth_events)?;
        self.events.resize(self.graph.len(), None);
        if rejected {
            self.rejected.insert(index);
        } else if node.kind == "m.room.create" && self.create.is_none() {
            self.create = Some(index);
        }
        Ok(index)
    }

    fn index_of(&self, event: &Arc<Event>) -> Option<EventIndex> {
        let by_address = self.by_address.get(&address(event)).copied();
        by_address.or_else(|| self.graph.index_of(event.event_id().as_str()))
    }

    /// The state as a set of numbers; `visit` is given each event with its number.
    fn number<'a>(
        &self,
        state: &'a StateMap,
        mut visit: impl FnMut(EventIndex, &'a Arc<Event>),
    ) -> Result<RoaringBitmap, NotLoaded> {
        let mut bits = Bits::default();
        let mut missing = BTreeSet::new();
        for event in state.iter_unordered() {
            match self.index_of(event) {
                Some(index) => {
                    bits.insert(index);
                    visit(index, event);
                }
                None => {
                    missing.insert(event.event_id().clone());
                }
            }
        }
        if !missing.is_empty() {
            return Err(NotLoaded::Nodes(missing.into_iter().collect()));
        }
        Ok(bits.iter().collect())
    }

    /// The state as a set of numbers.
    ///
    /// # Errors
    /// When events of the state are not in the graph.
    pub fn state_set(&self, state: &StateMap) -> Result<RoaringBitmap, NotLoaded> {
        self.number(state, |_, _| {})
    }

    /// Resolves states into one, by the algorithm of the room's version.
    ///
    /// No state gives the empty state, one state itself.
    ///
    /// # Errors
    /// When events have to be loaded first. After at most a few rounds there are none.
    pub fn resolve(&self, states: &[StateMap]) -> Result<StateMap, NotLoaded> {
        let [first, rest @ ..] = states else { return Ok(StateMap::new()) };
        if rest.is_empty() {
            return Ok(first.clone());
        }
        // What the states hold need not be loaded apart.
        let mut held = vec![None; self.graph.len()];
        let mut hold = |index, event| {
            if let Some(slot) = held.get_mut(usize_of(index)) {
                *slot = Some(event);
            }
        };
        let sets = states
            .iter()
            .map(|state| self.number(state, &mut hold))
            .collect::<Result<Vec<_>, _>>()?;
        let in_doubt = symmetric_difference(&sets);
        if in_doubt.is_empty() {
            return Ok(first.clone());
        }
        let resolved = self.resolve_sets_with(&sets, &held)?;
        let certain = sets.first().map(|set| set - &in_doubt).unwrap_or_default();
        self.apply(first.clone(), &in_doubt, &(resolved - certain), &held)
    }

    /// Takes the keys of `remove` out of a state and puts the events `insert` in.
    fn apply(
        &self,
        mut state: StateMap,
        remove: &RoaringBitmap,
        insert: &RoaringBitmap,
        held: &[Option<&Arc<Event>>],
    ) -> Result<StateMap, NotLoaded> {
        for event in remove {
            let key = self.graph.key_of(event).and_then(|key| self.graph.key(key));
            if let Some((kind, state_key)) = key {
                state.remove(kind, state_key);
            }
        }
        let mut missing = BTreeSet::new();
        for event in insert {
            match self.body(event, held) {
                Some(event) => {
                    state.insert(Arc::clone(event));
                }
                None => {
                    missing.insert(event);
                }
            }
        }
        if missing.is_empty() { Ok(state) } else { Err(NotLoaded::Events(self.names(missing))) }
    }

    /// What an event says, from the states or from what has been loaded.
    fn body<'a>(
        &'a self,
        event: EventIndex,
        held: &[Option<&'a Arc<Event>>],
    ) -> Option<&'a Arc<Event>> {
        let at = usize_of(event);
        let loaded = || self.events.get(at).and_then(Option::as_ref);
        held.get(at).copied().flatten().or_else(loaded)
    }

    /// Resolves states given as sets of numbers: the events of the resolved state.
    ///
    /// # Errors
    /// When events have to be loaded first.
    pub fn resolve_sets(&self, sets: &[RoaringBitmap]) -> Result<RoaringBitmap, NotLoaded> {
        self.resolve_sets_with(sets, &[])
    }

    fn resolve_sets_with<'a>(
        &'a self,
        sets: &[RoaringBitmap],
        held: &[Option<&'a Arc<Event>>],
    ) -> Result<RoaringBitmap, NotLoaded> {
        let rules = self.version.rules();
        let mut judge = EventJudge {
            resolver: self,
            rules,
            held,
            power_levels_key: self.graph.key_index("m.room.power_levels", ""),
            with_auth_events: rules.state_resolution != StateResolution::V1,
            levels: HashMap::new(),
            missing: BTreeSet::new(),
        };
        let resolved = match rules.state_resolution {
            StateResolution::V1 => v1::resolve(&self.graph, sets, &mut judge),
            StateResolution::V2 => judge.resolve_v2(sets, Variant::V2),
            StateResolution::V2_1 => judge.resolve_v2(sets, Variant::V2_1),
        };
        if judge.missing.is_empty() {
            return Ok(resolved);
        }
        Err(NotLoaded::Events(self.names(judge.missing)))
    }

    fn names(&self, events: impl IntoIterator<Item = EventIndex>) -> Vec<EventId> {
        let ids = events.into_iter().filter_map(|event| self.graph.event_id(event));
        ids.filter_map(|id| EventId::parse(id).ok()).collect()
    }
}

fn address(event: &Arc<Event>) -> usize {
    Arc::as_ptr(event) as usize
}

/// Spreads addresses, which no stranger chooses, over the table.
#[derive(Clone, Default)]
struct AddressHasher(u64);

impl Hasher for AddressHasher {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0.rotate_left(8) ^ u64::from(*byte)).wrapping_mul(SPREAD);
        }
    }

    fn write_usize(&mut self, address: usize) {
        let product = (address as u64).wrapping_mul(SPREAD);
        self.0 = product ^ (product >> 32);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// 2⁶⁴ divided by the golden ratio, an odd number without a pattern in its bits.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// Answers what resolution asks, from the events and the authorisation rules.
struct EventJudge<'a, 'b> {
    resolver: &'a Resolver,
    rules: Rules,
    /// The events of the states, by number.
    held: &'b [Option<&'a Arc<Event>>],
    power_levels_key: Option<KeyIndex>,
    /// Whether an event's own auth events fill up the state.
    with_auth_events: bool,
    /// Power levels by the create and power levels events that make them.
    levels: HashMap<(Option<EventIndex>, Option<EventIndex>), Arc<PowerLevels>>,
    missing: BTreeSet<EventIndex>,
}

/// The state in which one event is judged.
struct View<'a> {
    create: Option<&'a Event>,
    /// The few entries that the rules will ask for.
    entries: Vec<(&'static str, &'a str, &'a Event)>,
}

impl AuthState for View<'_> {
    fn state(&self, kind: &str, state_key: &str) -> Option<&Event> {
        if kind == "m.room.create" {
            return self.create;
        }
        let mut entries = self.entries.iter();
        entries.find(|(k, key, _)| *k == kind && *key == state_key).map(|(.., event)| *event)
    }
}

impl<'a> EventJudge<'a, '_> {
    fn resolve_v2(&mut self, sets: &[RoaringBitmap], variant: Variant) -> RoaringBitmap {
        let graph = &self.resolver.graph;
        let resolution = v2::resolve(graph, sets, variant, self);
        resolution.unconflicted | resolution.resolved
    }

    /// What an event says; an event that is not loaded is noted down.
    fn body(&mut self, event: EventIndex) -> Option<&'a Event> {
        let found = self.resolver.body(event, self.held);
        if found.is_none() {
            self.missing.insert(event);
        }
        found.map(Arc::as_ref)
    }

    /// The event's own auth event with this key.
    fn auth_event(&self, event: EventIndex, kind: &str, state_key: &str) -> Option<EventIndex> {
        let graph = &self.resolver.graph;
        graph.auth_event_with_key(event, graph.key_index(kind, state_key)?)
    }

    /// The number of a key that the rules ask for when they judge `event`.
    fn key(
        &self,
        index: EventIndex,
        event: &Event,
        kind: &str,
        state_key: &str,
    ) -> Option<KeyIndex> {
        let graph = &self.resolver.graph;
        match kind {
            "m.room.power_levels" => self.power_levels_key,
            "m.room.member" if state_key == event.sender().as_str() => graph.sender_key_of(index),
            "m.room.member" if event.kind() == kind && event.state_key() == Some(state_key) => {
                graph.key_of(index)
            }
            _ => graph.key_index(kind, state_key),
        }
    }

    /// The entry of the state, or in its place the event's own auth event, if not rejected.
    fn entry(&self, event: EventIndex, state: &PartialState, key: KeyIndex) -> Option<EventIndex> {
        state.get(key).or_else(|| {
            let graph = &self.resolver.graph;
            let own = self.with_auth_events.then(|| graph.auth_event_with_key(event, key))?;
            own.filter(|own| !self.resolver.rejected.contains(*own))
        })
    }

    fn create(&self, event: EventIndex, state: &PartialState) -> Option<EventIndex> {
        if self.rules.room_id_is_create_hash {
            return self.resolver.create;
        }
        self.entry(event, state, self.resolver.graph.key_index("m.room.create", "")?)
    }

    fn power_levels(
        &mut self,
        create: Option<EventIndex>,
        power_levels: Option<EventIndex>,
    ) -> Arc<PowerLevels> {
        if let Some(levels) = self.levels.get(&(create, power_levels)) {
            return Arc::clone(levels);
        }
        let create_body = create.and_then(|event| self.body(event));
        let body = power_levels.and_then(|event| self.body(event));
        let levels = Arc::new(PowerLevels::new(create_body, body, &self.rules));
        self.levels.insert((create, power_levels), Arc::clone(&levels));
        levels
    }

    fn is_allowed(&mut self, index: EventIndex, state: &PartialState) -> bool {
        let Some(event) = self.body(index) else { return false };
        let candidate = Candidate::of(event);
        if event.kind() == "m.room.create" {
            let view = View { create: None, entries: Vec::new() };
            return auth::authorise(candidate, &view, &self.rules).is_ok();
        }
        let mut entries = Vec::with_capacity(5);
        let mut power_levels = None;
        for (kind, state_key) in auth::auth_types(&candidate, &self.rules) {
            let key = self.key(index, event, kind, state_key);
            let Some(entry) = key.and_then(|key| self.entry(index, state, key)) else { continue };
            if kind == "m.room.power_levels" {
                power_levels = Some(entry);
            }
            if let Some(body) = self.body(entry) {
                entries.push((kind, state_key, body));
            }
        }
        let create_index = self.create(index, state);
        let create = create_index.and_then(|create| self.body(create));
        let levels = self.power_levels(create_index, power_levels);
        let view = View { create, entries };
        auth::authorise_with(candidate, &view, &levels, &self.rules).is_ok()
    }
}

impl v2::Judge for EventJudge<'_, '_> {
    type Power = Level;

    fn sender_power(&mut self, event: EventIndex) -> Level {
        let Some(body) = self.body(event) else { return 0 };
        let create = if self.rules.room_id_is_create_hash {
            self.resolver.create
        } else {
            self.auth_event(event, "m.room.create", "")
        };
        let power_levels = self.auth_event(event, "m.room.power_levels", "");
        self.power_levels(create, power_levels).user(body.sender())
    }

    fn allows(&mut self, event: EventIndex, state: &PartialState) -> bool {
        self.is_allowed(event, state)
    }
}

impl v1::Judge for EventJudge<'_, '_> {
    fn depth(&mut self, event: EventIndex) -> u64 {
        self.body(event).map_or(0, Event::depth)
    }

    fn allows(&mut self, event: EventIndex, state: &PartialState) -> bool {
        self.is_allowed(event, state)
    }
}
