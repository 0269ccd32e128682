// SPDX-License-Identifier: Apache-2.0
//! State resolution versions 2 and 2.1, on an interned graph.
//!
//! Everything here works on numbers; what the events say comes from [`Judge`].
//!
//! Sources: <https://spec.matrix.org/v1.19/rooms/v2/#state-resolution> and
//! <https://spec.matrix.org/v1.19/rooms/v12/#state-resolution>.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
};

use roaring::RoaringBitmap;

use super::graph::{AuthGraph, Bits, EventIndex, PartialState, symmetric_difference};

/// Which of the two algorithms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    /// Room versions 2 to 11.
    V2,
    /// Room version 12 (MSC4297): starts from the empty state and adds the conflicted subgraph.
    V2_1,
}

/// What resolution asks about events. All answers must be pure functions of their arguments.
pub trait Judge {
    /// The power of a sender; greater comes first.
    type Power: Ord;

    /// The power of the event's sender "when looking at their respective `auth_event`s".
    fn sender_power(&mut self, event: EventIndex) -> Self::Power;

    /// Whether the authorisation rules allow `event` in `state`, and where that lacks an entry,
    /// by the event's own auth events that were not rejected.
    fn allows(&mut self, event: EventIndex, state: &PartialState) -> bool;
}

/// The result of a resolution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolution {
    /// Events that are in every state set, each with a key of its own.
    pub unconflicted: RoaringBitmap,
    /// The events that won; their keys are different and not among the unconflicted ones.
    pub resolved: RoaringBitmap,
    /// The full conflicted set: the events that were looked at.
    pub full_conflicted: RoaringBitmap,
}

/// Resolves state sets, each of which has at most one event for each key.
///
/// The steps have the numbers of the specification.
pub fn resolve<J: Judge>(
    graph: &AuthGraph,
    sets: &[RoaringBitmap],
    variant: Variant,
    judge: &mut J,
) -> Resolution {
    let conflict = Conflict::find(graph, sets, variant);
    if conflict.full_conflicted.is_empty() {
        return conflict.settled();
    }
    // Step 1.
    let power_events = power_events_and_their_chains(graph, &conflict.full_conflicted);
    let sorted = reverse_topological_power_order(graph, &power_events, judge);
    // Step 2.
    let mut state = match variant {
        Variant::V2 => PartialState::new(graph, &conflict.unconflicted),
        Variant::V2_1 => PartialState::new(graph, []),
    };
    iterative_auth_checks(graph, sorted, &mut state, judge);
    // Step 3.
    let remaining = &conflict.full_conflicted - power_events;
    let sorted = mainline_order(graph, remaining, &state);
    // Step 4.
    iterative_auth_checks(graph, sorted, &mut state, judge);
    // Step 5.
    for event in &conflict.unconflicted {
        state.set(graph, event);
    }
    let resolved = state.into_events().collect::<RoaringBitmap>() - &conflict.unconflicted;
    Resolution { resolved, ..conflict.settled() }
}

/// The state sets, sorted out.
struct Conflict {
    unconflicted: RoaringBitmap,
    full_conflicted: RoaringBitmap,
}

impl Conflict {
    fn find(graph: &AuthGraph, sets: &[RoaringBitmap], variant: Variant) -> Self {
        // An event has one key, so a key has the same event in every set exactly when the event
        // is in every set.
        let conflicted = symmetric_difference(sets);
        let unconflicted = sets.first().map(|set| set - &conflicted).unwrap_or_default();
        if conflicted.is_empty() {
            return Self { unconflicted, full_conflicted: conflicted };
        }
        let mut full_conflicted = auth_difference(graph, sets, &unconflicted);
        if variant == Variant::V2_1 {
            full_conflicted |= conflicted_subgraph(graph, &conflicted);
        }
        full_conflicted |= conflicted;
        Self { unconflicted, full_conflicted }
    }

    fn settled(self) -> Resolution {
        let Self { unconflicted, full_conflicted } = self;
        Resolution { unconflicted, full_conflicted, resolved: RoaringBitmap::new() }
    }
}

/// The auth difference: events that are in the auth chain of some state set and not of all.
///
/// The events of a state set count as part of its auth chain, as in the implementations that
/// rooms live with; for conflicted events that makes no difference, and an unconflicted event
/// is not thrown into the conflict merely because only one side's events rest on it.
fn auth_difference(
    graph: &AuthGraph,
    sets: &[RoaringBitmap],
    unconflicted: &RoaringBitmap,
) -> RoaringBitmap {
    // What every side shares is walked once, and only the rest once per side.
    let mut shared = Bits::default();
    graph.add_with_auth_chains(unconflicted, &mut shared);
    let chains: Vec<RoaringBitmap> = sets
        .iter()
        .map(|set| {
            let mut waiting: Vec<EventIndex> = (set - unconflicted).into_iter().collect();
            let mut chain = RoaringBitmap::new();
            while let Some(event) = waiting.pop() {
                if !shared.contains(event) && chain.insert(event) {
                    waiting.extend(graph.auth_events(event));
                }
            }
            chain
        })
        .collect();
    symmetric_difference(&chains)
}

/// The conflicted state subgraph: all events on paths between two conflicted events.
fn conflicted_subgraph(graph: &AuthGraph, conflicted: &RoaringBitmap) -> RoaringBitmap {
    let mut reachable = Bits::default();
    graph.add_with_auth_chains(conflicted, &mut reachable);
    // In ascending order the auth events of an event come before it.
    let mut leads_there = Bits::default();
    for event in reachable.iter() {
        let leads = conflicted.contains(event)
            || graph.auth_events(event).iter().any(|auth| leads_there.contains(*auth));
        if leads {
            leads_there.insert(event);
        }
    }
    leads_there.iter().collect()
}

/// The power events of the full conflicted set, and what of the set is in their auth chains.
///
/// Deviation: only chains that run within the full conflicted set are followed, as in the
/// implementations that rooms live with. In version 2.1 this is what the text says, as the
/// conflicted state subgraph closes every gap.
fn power_events_and_their_chains(graph: &AuthGraph, full: &RoaringBitmap) -> RoaringBitmap {
    let mut found = RoaringBitmap::new();
    let mut waiting: Vec<EventIndex> =
        full.iter().filter(|event| graph.is_power_event(*event)).collect();
    while let Some(event) = waiting.pop() {
        if found.insert(event) {
            let auth = graph.auth_events(event).iter().copied();
            waiting.extend(auth.filter(|auth| full.contains(*auth)));
        }
    }
    found
}

/// The reverse topological power ordering, by Kahn's algorithm: among the events whose auth
/// events have all been placed, the one of the most powerful sender, then the earliest, then the
/// one with the smallest id.
fn reverse_topological_power_order<J: Judge>(
    graph: &AuthGraph,
    events: &RoaringBitmap,
    judge: &mut J,
) -> Vec<EventIndex> {
    let mut waits_for: HashMap<EventIndex, usize> = HashMap::new();
    let mut followers: HashMap<EventIndex, Vec<EventIndex>> = HashMap::new();
    let mut ready = BinaryHeap::new();
    for event in events {
        let auth = graph.auth_events(event).iter().filter(|auth| events.contains(**auth));
        let mut count = 0;
        for auth in auth {
            followers.entry(*auth).or_default().push(event);
            count += 1;
        }
        if count == 0 {
            ready.push(candidate(graph, event, judge));
        } else {
            waits_for.insert(event, count);
        }
    }
    let mut order = Vec::new();
    while let Some((.., event)) = ready.pop() {
        order.push(event);
        for follower in followers.remove(&event).unwrap_or_default() {
            if let Some(count) = waits_for.get_mut(&follower) {
                *count -= 1;
                if *count == 0 {
                    ready.push(candidate(graph, follower, judge));
                }
            }
        }
    }
    order
}

type Candidate<'a, P> = (P, Reverse<i64>, Reverse<&'a str>, EventIndex);

/// An event in the order of the heap, whose greatest element comes first.
fn candidate<'a, J: Judge>(
    graph: &'a AuthGraph,
    event: EventIndex,
    judge: &mut J,
) -> Candidate<'a, J::Power> {
    let event_id = graph.event_id(event).map_or("", |id| id);
    (judge.sender_power(event), Reverse(graph.origin_server_ts(event)), Reverse(event_id), event)
}

/// The mainline ordering based on the power levels of `state`: events that rest on an older part
/// of the
/// mainline, or on none of it, first; then the earliest; then the one with the smallest id.
fn mainline_order(
    graph: &AuthGraph,
    events: RoaringBitmap,
    state: &PartialState,
) -> Vec<EventIndex> {
    let power_levels_key = graph.key_index("m.room.power_levels", "");
    let power_levels = power_levels_key.and_then(|key| state.get(key));
    let parent = |event| graph.auth_event_with_key(event, power_levels_key?);
    // Position 0 is that of the newest event; the parent has a smaller number each time.
    let mut positions: HashMap<EventIndex, usize> = HashMap::new();
    let mut next = power_levels;
    while let Some(event) = next {
        positions.insert(event, positions.len());
        next = parent(event);
    }
    let mut sorted: Vec<_> = events
        .into_iter()
        .map(|event| {
            let mut path = Vec::new();
            let mut at = parent(event);
            let position = loop {
                let Some(ancestor) = at else { break usize::MAX };
                if let Some(position) = positions.get(&ancestor) {
                    break *position;
                }
                path.push(ancestor);
                at = parent(ancestor);
            };
            // The next event that rests on the same power levels need not walk again.
            positions.extend(path.into_iter().map(|ancestor| (ancestor, position)));
            let event_id = graph.event_id(event).map_or("", |id| id);
            (Reverse(position), graph.origin_server_ts(event), event_id, event)
        })
        .collect();
    sorted.sort_unstable();
    sorted.into_iter().map(|(.., event)| event).collect()
}

/// Applies each event that the authorisation rules allow in the state so far.
fn iterative_auth_checks<J: Judge>(
    graph: &AuthGraph,
    events: Vec<EventIndex>,
    state: &mut PartialState,
    judge: &mut J,
) {
    for event in events {
        if judge.allows(event, state) {
            state.set(graph, event);
        }
    }
}
