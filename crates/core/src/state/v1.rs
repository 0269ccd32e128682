// SPDX-License-Identifier: Apache-2.0
//! State resolution of room version 1.
//!
//! Source: <https://spec.matrix.org/v1.19/rooms/v1/#state-resolution>. Where the text leaves
//! room, this does what rooms of that version have lived with: events of different keys in one
//! pass do not see each other, and of other conflicting events the one with the least depth
//! stays when none passes.

use std::collections::{BTreeMap, BTreeSet};

use roaring::RoaringBitmap;
use sha1::{Digest, Sha1};

use super::graph::{AuthGraph, EventIndex, KeyIndex, PartialState, symmetric_difference};

/// What resolution asks about events.
pub trait Judge {
    /// The `depth` of the event.
    fn depth(&mut self, event: EventIndex) -> u64;

    /// Whether the authorisation rules allow `event` in this state.
    fn allows(&mut self, event: EventIndex, state: &PartialState) -> bool;
}

/// Resolves the state sets: the events of the resolved state.
///
/// A key conflicts when two sets have different events for it; a key that some sets lack does
/// not.
pub fn resolve<J: Judge>(
    graph: &AuthGraph,
    sets: &[RoaringBitmap],
    judge: &mut J,
) -> RoaringBitmap {
    let in_doubt = symmetric_difference(sets);
    let certain = sets.first().map(|set| set - &in_doubt).unwrap_or_default();
    let mut state = PartialState::new(graph, certain);
    let mut by_key: BTreeMap<KeyIndex, BTreeSet<EventIndex>> = BTreeMap::new();
    for event in &in_doubt {
        if let Some(key) = graph.key_of(event) {
            by_key.entry(key).or_default().insert(event);
        }
    }
    let mut conflicts: BTreeMap<KeyIndex, Vec<EventIndex>> = BTreeMap::new();
    for (key, events) in by_key {
        match (events.first(), events.len()) {
            (Some(only), 1) => state.set(graph, *only),
            _ => {
                conflicts.insert(key, in_order(graph, events, judge));
            }
        }
    }
    for kind in ["m.room.power_levels", "m.room.join_rules", "m.room.member"] {
        let is_kind = |key: KeyIndex| graph.key(key).is_some_and(|(of, _)| of == kind);
        let of_kind: Vec<_> = conflicts.extract_if(.., |key, _| is_kind(*key)).collect();
        let winners: Vec<_> = of_kind
            .iter()
            .filter_map(|(_, events)| last_allowed(graph, events, &mut state, judge))
            .collect();
        winners.into_iter().for_each(|winner| state.set(graph, winner));
    }
    let winners: Vec<_> =
        conflicts.values().filter_map(|events| first_allowed(events, &state, judge)).collect();
    winners.into_iter().for_each(|winner| state.set(graph, winner));
    state.into_events().collect()
}

/// By ascending depth, then descending SHA-1 of the event id.
fn in_order<J: Judge>(
    graph: &AuthGraph,
    events: BTreeSet<EventIndex>,
    judge: &mut J,
) -> Vec<EventIndex> {
    let mut keyed: Vec<_> = events
        .into_iter()
        .map(|event| {
            let event_id = graph.event_id(event).map_or("", |id| id);
            let hash: [u8; 20] = Sha1::digest(event_id).into();
            (judge.depth(event), std::cmp::Reverse(hash), event)
        })
        .collect();
    keyed.sort_unstable();
    keyed.into_iter().map(|(.., event)| event).collect()
}

/// The last event of the longest run from the start in which each is allowed after the one
/// before it.
fn last_allowed<J: Judge>(
    graph: &AuthGraph,
    events: &[EventIndex],
    state: &mut PartialState,
    judge: &mut J,
) -> Option<EventIndex> {
    let (first, rest) = events.split_first()?;
    let mut winner = *first;
    for event in rest {
        state.set(graph, winner);
        if !judge.allows(*event, state) {
            break;
        }
        winner = *event;
    }
    // Events of other keys are not to see this one before the pass is over.
    state.unset(graph, winner);
    Some(winner)
}

/// The deepest event that is allowed, or the least deep one when none is.
fn first_allowed<J: Judge>(
    events: &[EventIndex],
    state: &PartialState,
    judge: &mut J,
) -> Option<EventIndex> {
    let allowed = events.iter().rev().find(|event| judge.allows(**event, state));
    allowed.or(events.first()).copied()
}
