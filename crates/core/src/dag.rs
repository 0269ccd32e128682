// SPDX-License-Identifier: Apache-2.0
//! The graph of a room's events by `prev_events`: extremities, depth, order, gaps; and how
//! rejection spreads along `auth_events`.
//!
//! Everything here works on ids that are handed in; nothing is believed that another server
//! says about order. `I` is whatever names an event: an event id, or a number.

#[cfg(test)]
mod tests;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap},
};

use crate::limits::INTEGER_MAX;

/// The greatest `depth`: the greatest integer of canonical JSON.
///
/// Source: <https://spec.matrix.org/v1.19/rooms/v6/#canonical-json>.
pub const DEPTH_MAX: u64 = INTEGER_MAX.unsigned_abs();

/// The `depth` of an event with these `prev_events`: one more than the deepest, clamped to
/// [`DEPTH_MAX`], so that a huge depth claimed by another server does not poison the room.
///
/// Source: <https://spec.matrix.org/v1.19/server-server-api/#pdus>.
#[must_use]
pub fn depth_after(prev_depths: impl IntoIterator<Item = u64>) -> u64 {
    let deepest = prev_depths.into_iter().max().unwrap_or(0);
    deepest.saturating_add(1).min(DEPTH_MAX)
}

/// How an event came out of the checks on receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acceptance {
    /// Passed all checks.
    Accepted,
    /// Allowed where it stands, not by the current state: never an extremity.
    SoftFailed,
    /// Not allowed where it stands: never an extremity.
    Rejected,
}

/// The forward extremities after an event: accepted events that nothing accepted refers to.
///
/// An accepted event takes the place of its `prev_events`; one that is soft-failed or rejected
/// changes nothing. `already_referenced` says that an accepted event known here has this one
/// among its `prev_events`, as happens when events arrive out of order.
///
/// Source: <https://spec.matrix.org/v1.19/server-server-api/#soft-failure>.
#[must_use]
pub fn forward_extremities_after<I: Ord + Clone>(
    current: &BTreeSet<I>,
    event: &I,
    prev_events: &[I],
    acceptance: Acceptance,
    already_referenced: bool,
) -> BTreeSet<I> {
    let mut after = current.clone();
    if acceptance == Acceptance::Accepted {
        for prev in prev_events {
            after.remove(prev);
        }
        if !already_referenced {
            after.insert(event.clone());
        }
    }
    after
}

/// The gap below an event: which of its `prev_events` are not known here, in order, each once.
#[must_use]
pub fn missing_prev_events<I: Ord + Clone>(
    prev_events: &[I],
    is_known: impl Fn(&I) -> bool,
) -> Vec<I> {
    let missing: BTreeSet<&I> = prev_events.iter().filter(|prev| !is_known(prev)).collect();
    missing.into_iter().cloned().collect()
}

/// The backward extremities of a set of events: those that have a `prev_event` outside of it,
/// each with what is missing below it.
#[must_use]
pub fn backward_extremities<I: Ord + Clone>(events: &BTreeMap<I, Vec<I>>) -> BTreeMap<I, Vec<I>> {
    events
        .iter()
        .filter_map(|(event, prev_events)| {
            let missing = missing_prev_events(prev_events, |prev| events.contains_key(prev));
            (!missing.is_empty()).then(|| (event.clone(), missing))
        })
        .collect()
}

/// Events with what they point at, in an order in which everything comes after what it points
/// at; among those that could come next, the smallest by `rank`, then by id.
///
/// Pointers out of the set are of no account. Returns the order and what is left: events that
/// are in a cycle or after one, which no honest server can make.
///
/// Source: <https://spec.matrix.org/v1.19/server-server-api/#pdus>, `prev_events`.
#[must_use]
pub fn topological_order<I: Ord + Clone, R: Ord>(
    events: &BTreeMap<I, Vec<I>>,
    rank: impl Fn(&I) -> R,
) -> (Vec<I>, Vec<I>) {
    let mut followers: BTreeMap<&I, Vec<&I>> = BTreeMap::new();
    let mut waits_for: BTreeMap<&I, usize> = BTreeMap::new();
    let mut ready = BinaryHeap::new();
    for (event, pointers) in events {
        let within: BTreeSet<&I> = pointers.iter().filter(|p| events.contains_key(p)).collect();
        if within.is_empty() {
            ready.push(Reverse((rank(event), event)));
        } else {
            waits_for.insert(event, within.len());
        }
        for pointer in within {
            followers.entry(pointer).or_default().push(event);
        }
    }
    let mut order = Vec::with_capacity(events.len());
    while let Some(Reverse((_, event))) = ready.pop() {
        order.push(event.clone());
        for follower in followers.remove(event).unwrap_or_default() {
            if let Some(count) = waits_for.get_mut(follower) {
                *count -= 1;
                if *count == 0 {
                    waits_for.remove(follower);
                    ready.push(Reverse((rank(follower), follower)));
                }
            }
        }
    }
    (order, waits_for.into_keys().cloned().collect())
}

/// All events that are rejected because an event in their auth chain is: `rejected` itself and
/// whatever rests on it by `auth_events`.
///
/// Source: <https://spec.matrix.org/v1.19/rooms/v12/#authorisation-rules>, "If there are entries
/// which were themselves rejected".
#[must_use]
pub fn spread_rejection<I: Ord + Clone>(
    auth_events: &BTreeMap<I, Vec<I>>,
    rejected: impl IntoIterator<Item = I>,
) -> BTreeSet<I> {
    let mut resting_on: BTreeMap<&I, Vec<&I>> = BTreeMap::new();
    for (event, auth) in auth_events {
        for auth in auth {
            resting_on.entry(auth).or_default().push(event);
        }
    }
    let mut waiting: Vec<I> = rejected.into_iter().collect();
    let mut spread = BTreeSet::new();
    while let Some(event) = waiting.pop() {
        waiting.extend(resting_on.get(&event).into_iter().flatten().map(|event| (*event).clone()));
        resting_on.remove(&event);
        spread.insert(event);
    }
    spread
}
