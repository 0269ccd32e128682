// SPDX-License-Identifier: Apache-2.0
//! The state of a room as a persistent map: a changed copy shares all that did not change, so a
//! snapshot of a room with 100,000 members costs nothing.
//!
//! The map has two levels, the event's type and then its state key, so that all events of one
//! type are found without touching the others. The inner level hashes with a random key, because
//! state keys are chosen by strangers; every iterator whose order could reach a result sorts.

use std::sync::Arc;

use rpds::{HashTrieMapSync, RedBlackTreeMapSync};

use crate::event::Event;

type ByStateKey = HashTrieMapSync<Arc<str>, Arc<Event>>;

/// The state events of a room by `type` and `state_key`. Cheap to clone.
#[derive(Clone, Default)]
pub struct StateMap {
    kinds: RedBlackTreeMapSync<Arc<str>, ByStateKey>,
    len: usize,
}

impl std::fmt::Debug for StateMap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map()
            .entries(self.iter().map(|event| {
                ((event.kind(), event.state_key().unwrap_or_default()), event.event_id())
            }))
            .finish()
    }
}

impl PartialEq for StateMap {
    /// Whether both hold the same event under every key.
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len
            && self.iter_unordered().all(|event| {
                let state_key = event.state_key().unwrap_or_default();
                other
                    .get(event.kind(), state_key)
                    .is_some_and(|theirs| theirs.event_id() == event.event_id())
            })
    }
}

impl Eq for StateMap {}

impl StateMap {
    /// The state of a room in which nothing happened yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The event of that `type` and `state_key`.
    #[must_use]
    pub fn get(&self, kind: &str, state_key: &str) -> Option<&Arc<Event>> {
        self.kinds.get(kind)?.get(state_key)
    }

    /// Sets a state event and returns the one that it replaces. An event without `state_key` is
    /// no state and changes nothing.
    pub fn insert(&mut self, event: Arc<Event>) -> Option<Arc<Event>> {
        let state_key = event.state_key_shared()?;
        if let Some(of_kind) = self.kinds.get_mut(event.kind()) {
            let replaced = of_kind.get(&*state_key).cloned();
            of_kind.insert_mut(state_key, event);
            self.len += usize::from(replaced.is_none());
            return replaced;
        }
        let kind = event.kind_shared();
        let mut of_kind = ByStateKey::new_sync();
        of_kind.insert_mut(state_key, event);
        self.kinds.insert_mut(kind, of_kind);
        self.len += 1;
        None
    }

    /// Takes a state event away and returns it.
    pub fn remove(&mut self, kind: &str, state_key: &str) -> Option<Arc<Event>> {
        let of_kind = self.kinds.get_mut(kind)?;
        let removed = of_kind.get(state_key).cloned()?;
        of_kind.remove_mut(state_key);
        let emptied = of_kind.is_empty();
        if emptied {
            self.kinds.remove_mut(kind);
        }
        self.len -= 1;
        Some(removed)
    }

    /// How many state events there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many state events of that type there are.
    #[must_use]
    pub fn len_of_kind(&self, kind: &str) -> usize {
        self.kinds.get(kind).map_or(0, ByStateKey::size)
    }

    /// All events, sorted by type and then by state key. Sorts, so takes `n log n` steps.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Event>> {
        self.kinds.iter().flat_map(|(_, of_kind)| sorted(of_kind))
    }

    /// All events in no order that may reach a result.
    pub fn iter_unordered(&self) -> impl Iterator<Item = &Arc<Event>> {
        self.kinds.iter().flat_map(|(_, of_kind)| of_kind.values())
    }

    /// The events of one type, sorted by state key.
    pub fn iter_kind(&self, kind: &str) -> impl Iterator<Item = &Arc<Event>> {
        self.kinds.get(kind).map(sorted).into_iter().flatten()
    }

    /// The events of one type in no order that may reach a result.
    pub fn iter_kind_unordered(&self, kind: &str) -> impl Iterator<Item = &Arc<Event>> {
        self.kinds.get(kind).into_iter().flat_map(|of_kind| of_kind.values())
    }
}

impl FromIterator<Arc<Event>> for StateMap {
    fn from_iter<I: IntoIterator<Item = Arc<Event>>>(events: I) -> Self {
        let mut state = Self::new();
        for event in events {
            state.insert(event);
        }
        state
    }
}

fn sorted(of_kind: &ByStateKey) -> std::vec::IntoIter<&Arc<Event>> {
    let mut entries: Vec<_> = of_kind.iter().collect();
    entries.sort_unstable_by_key(|(state_key, _)| *state_key);
    entries.into_iter().map(|(_, event)| event).collect::<Vec<_>>().into_iter()
}

#[cfg(test)]
mod tests;
