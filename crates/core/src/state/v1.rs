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

use super::graph::{AuthGraph, EventIndex, KeyIndex, symmetric_difference};

/// What resolution asks about events.
pub(super) trait Judge {
    /// The `depth` of the event.
    fn depth(&self, event: EventIndex) -> u64;

    /// Whether the authorisation rules allow `event` in this state.
    fn allows(&mut self, event: EventIndex, state: &BTreeMap<KeyIndex, EventIndex>) -> bool;
}

/// Resolves the state sets: the whole resolved state, by key.
///
/// A key conflicts when two sets have different events for it; a key that some sets lack does
/// not.
pub(super) fn resolve<J: Judge>(
    graph: &AuthGraph,
    sets: &[RoaringBitmap],
    judge: &mut J,
) -> BTreeMap<KeyIndex, EventIndex> {
    let mut by_key: BTreeMap<KeyIndex, BTreeSet<EventIndex>> = BTreeMap::new();
    let mut resolved = BTreeMap::new();
    let in_doubt = symmetric_difference(sets);
    for event in sets.iter().flatten() {
        let Some(key) = graph.key_of(event) else { continue };
        if in_doubt.contains(event) {
            by_key.entry(key).or_default().insert(event);
        } else {
            resolved.insert(key, event);
        }
    }
    let mut conflicts: BTreeMap<KeyIndex, Vec<EventIndex>> = BTreeMap::new();
    for (key, events) in by_key {
        match (events.first(), events.len()) {
            (Some(only), 1) => {
                resolved.insert(key, *only);
            }
            _ => {
                conflicts.insert(key, in_order(graph, events, judge));
            }
        }
    }
    for kind in ["m.room.power_levels", "m.room.join_rules", "m.room.member"] {
        let is_kind = |key: KeyIndex| graph.key(key).is_some_and(|(of, _)| of == kind);
        let winners: Vec<_> = conflicts
            .iter()
            .filter(|(key, _)| is_kind(**key))
            .filter_map(|(key, events)| Some((*key, last_allowed(*key, events, &resolved, judge)?)))
            .collect();
        conflicts.retain(|key, _| !is_kind(*key));
        resolved.extend(winners);
    }
    let winners: Vec<_> = conflicts
        .iter()
        .filter_map(|(key, events)| Some((*key, first_allowed(events, &resolved, judge)?)))
        .collect();
    resolved.extend(winners);
    resolved
}

/// By ascending depth, then descending SHA-1 of the event id.
fn in_order<J: Judge>(
    graph: &AuthGraph,
    events: BTreeSet<EventIndex>,
    judge: &J,
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
    key: KeyIndex,
    events: &[EventIndex],
    resolved: &BTreeMap<KeyIndex, EventIndex>,
    judge: &mut J,
) -> Option<EventIndex> {
    let (first, rest) = events.split_first()?;
    let mut state = resolved.clone();
    let mut winner = *first;
    for event in rest {
        state.insert(key, winner);
        if !judge.allows(*event, &state) {
            break;
        }
        winner = *event;
    }
    Some(winner)
}

/// The deepest event that is allowed, or the least deep one when none is.
fn first_allowed<J: Judge>(
    events: &[EventIndex],
    resolved: &BTreeMap<KeyIndex, EventIndex>,
    judge: &mut J,
) -> Option<EventIndex> {
    let allowed = events.iter().rev().find(|event| judge.allows(**event, resolved));
    allowed.or(events.first()).copied()
}
