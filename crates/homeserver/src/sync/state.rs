// SPDX-License-Identifier: Apache-2.0
//! Which state goes with a stretch of timeline: `state`, up to its start, and `state_after`, up to
//! its end (Client-Server API, "Syncing"; MSC4222).
//!
//! A client of `state` applies the state events of the timeline itself. So `state` has what the
//! timeline does not: the values from before its first event, and the changes that a filter keeps
//! out of it.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use estafette_core::{
    event::Event,
    ids::{RoomId, UserId},
};
use estafette_store::{Position, RoomStore as _, StoreResult};

use super::{Reader, room::Window};
use crate::{history::Visible, rooms::Snapshot};

/// A room as a device is about to know it: up to `upto`.
pub struct Scene<'a> {
    /// The reader.
    pub reader: &'a Reader,
    /// The room.
    pub room_id: &'a RoomId,
    /// What is published of it; possibly newer than `upto`.
    pub snapshot: &'a Snapshot,
    /// Up to where it is told.
    pub upto: Position,
    /// Whether state is wanted as of the end of the timeline.
    pub after: bool,
}

type Key<'a> = (&'a str, &'a str);

fn key(event: &Event) -> Option<Key<'_>> {
    event.state_key().map(|state_key| (event.kind(), state_key))
}

impl Scene<'_> {
    /// All the state that goes with `window`.
    pub async fn full(&self, window: &Window) -> StoreResult<Vec<Arc<Event>>> {
        let end = self.at_the_end().await?;
        if self.after {
            return Ok(end);
        }
        let replaced = replaced(&window.events);
        let told = ids(&window.events);
        let before = |event: Arc<Event>| {
            if !told.contains(event.event_id().as_str()) {
                return Some(event);
            }
            key(&event).and_then(|key| replaced.get(&key).copied().flatten()).cloned()
        };
        Ok(end.into_iter().filter_map(before).collect())
    }

    /// What of the state that goes with `window` changed after `since`.
    pub async fn delta(&self, window: &Window, since: Position) -> StoreResult<Vec<Arc<Event>>> {
        if self.after {
            return self.changes(since, self.upto).await;
        }
        if window.complete {
            return Ok(Vec::new());
        }
        let end = self.changes(since, self.upto).await?;
        let told = ids(&window.events);
        if end.iter().all(|event| !told.contains(event.event_id().as_str())) {
            return Ok(end);
        }
        let start = if window.start > since {
            self.changes(since, window.start).await?
        } else {
            Vec::new()
        };
        let start: HashMap<Key<'_>, &Arc<Event>> =
            start.iter().filter_map(|event| Some((key(event)?, event))).collect();
        let before = |event: Arc<Event>| {
            if !told.contains(event.event_id().as_str()) {
                return Some(event);
            }
            key(&event).and_then(|key| start.get(&key).copied()).cloned()
        };
        Ok(end.into_iter().filter_map(before).collect())
    }

    /// The room's state as of `upto`.
    async fn at_the_end(&self) -> StoreResult<Vec<Arc<Event>>> {
        let Some(newer) = self.snapshot.recent.after(self.upto, Position(u64::MAX)) else {
            let store = &self.reader.server.store;
            return store.state_changes(self.room_id, Position(0), self.upto).await;
        };
        let mut undone: HashMap<Key<'_>, Option<&Arc<Event>>> = HashMap::new();
        for event in newer {
            if let Some(key) = key(&event.event) {
                undone.entry(key).or_insert(event.replaces.as_ref());
            }
        }
        let state = self.snapshot.view.state().iter_unordered();
        let then = |event: &Arc<Event>| match key(event).and_then(|key| undone.get(&key)) {
            None => Some(Arc::clone(event)),
            Some(replaced) => replaced.cloned(),
        };
        Ok(state.filter_map(then).collect())
    }

    /// The state that changed after `since` and up to `upto`, each key at its value at `upto`.
    pub async fn changes(&self, since: Position, upto: Position) -> StoreResult<Vec<Arc<Event>>> {
        if upto <= since {
            return Ok(Vec::new());
        }
        let Some(events) = self.snapshot.recent.after(since, upto) else {
            let store = &self.reader.server.store;
            return store.state_changes(self.room_id, since, upto).await;
        };
        let mut seen: HashSet<Key<'_>> = HashSet::new();
        let newest_first = events.iter().rev().map(|event| &event.event);
        let last_of_each =
            newest_first.filter(|event| key(event).is_some_and(|key| seen.insert(key)));
        let mut changes: Vec<Arc<Event>> = last_of_each.cloned().collect();
        changes.reverse();
        Ok(changes)
    }

    /// Lazy loading: the membership of each of `users` that a client needs besides `state`, as of
    /// the place that `state` describes.
    /// Nothing from after `upto`: whoever left a room hears no more of its members.
    pub async fn members<'a>(
        &self,
        window: &Window,
        users: impl IntoIterator<Item = &'a UserId>,
    ) -> StoreResult<Vec<(&'a UserId, Arc<Event>)>> {
        let replaced = if self.after { HashMap::new() } else { replaced(&window.events) };
        let mut members = Vec::new();
        for user in users {
            let event = match replaced.get(&("m.room.member", user.as_str())) {
                Some(before) => before.cloned(),
                None => self.member_at_the_end(user).await?,
            };
            members.extend(event.map(|event| (user, event)));
        }
        Ok(members)
    }

    /// The membership of `user` as of `upto`.
    async fn member_at_the_end(&self, user: &UserId) -> StoreResult<Option<Arc<Event>>> {
        let wanted = ("m.room.member", user.as_str());
        let Some(newer) = self.snapshot.recent.after(self.upto, Position(u64::MAX)) else {
            let store = &self.reader.server.store;
            let keys = [(wanted.0.to_owned(), Some(wanted.1.to_owned()))];
            return Ok(store.state_at(self.room_id, self.upto, Some(&keys)).await?.pop());
        };
        Ok(match newer.iter().find(|event| key(&event.event) == Some(wanted)) {
            Some(first) => first.replaces.clone(),
            None => self.snapshot.view.state_event(wanted.0, wanted.1).cloned(),
        })
    }
}

/// Whose membership a client needs to show `window`: the senders, but not those whose membership
/// is told earlier in a timeline from which the client learns state.
pub fn senders(window: &Window, after: bool) -> Vec<UserId> {
    let mut told: HashSet<&str> = HashSet::new();
    let mut needed: Vec<UserId> = Vec::new();
    for visible in &window.events {
        let event = &visible.event.event;
        if !told.contains(event.sender().as_str()) && !needed.contains(event.sender()) {
            needed.push(event.sender().clone());
        }
        if !after && event.kind() == "m.room.member" {
            told.extend(event.state_key());
        }
    }
    needed
}

/// What the first event of each key among `events` replaced.
fn replaced(events: &[Visible]) -> HashMap<Key<'_>, Option<&Arc<Event>>> {
    let mut replaced = HashMap::new();
    for visible in events {
        if let Some(key) = key(&visible.event.event) {
            replaced.entry(key).or_insert(visible.event.replaces.as_ref());
        }
    }
    replaced
}

fn ids(events: &[Visible]) -> HashSet<&str> {
    events.iter().map(|visible| visible.event.event.event_id().as_str()).collect()
}
