// SPDX-License-Identifier: Apache-2.0
//! Rooms in memory: what was last committed, shared by all who read.
//!
//! A [`HotRoom`] publishes one immutable [`Snapshot`] at a time: the state, and the latest events
//! already rendered for clients. Only the room's worker makes the next one, and it becomes visible
//! only after its commit is durable (`docs/ARCHITECTURE.md`, "One message").

mod timeline;

use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering},
};

use arc_swap::ArcSwap;
use estafette_core::{
    ids::RoomId,
    limits::{HOT_ROOMS_MAX, RECENT_EVENTS_MAX, ROOMS_PER_LOAD_MAX},
    room::RoomView,
};
use estafette_store::{
    Position, StoreError, StoreResult,
    rooms::StoredEvent,
    sqlite::{Look, SqliteStore},
};
use parking_lot::{Mutex, RwLock};

pub use self::timeline::{Recent, TimelineEvent};
use crate::room_worker::Inbox;

/// A room as it is after its last commit.
pub struct Snapshot {
    /// What the rules need of it.
    pub view: RoomView,
    /// Its latest events.
    pub recent: Recent,
}

impl Snapshot {
    /// The position of the last event.
    pub fn last_pos(&self) -> Position {
        self.recent.last_pos()
    }
}

/// One room that is held in memory.
pub struct HotRoom {
    /// Which room.
    pub room_id: RoomId,
    snapshot: ArcSwap<Snapshot>,
    pub(crate) inbox: Inbox,
}

impl HotRoom {
    pub(crate) fn new(room_id: RoomId, snapshot: Snapshot) -> Self {
        Self { room_id, snapshot: ArcSwap::from_pointee(snapshot), inbox: Inbox::default() }
    }

    /// The room after its last commit.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// Replaces what readers see. Called by the commit, on the writer's thread.
    pub(crate) fn publish(&self, snapshot: Arc<Snapshot>) {
        self.snapshot.store(snapshot);
    }
}

/// All rooms in memory.
#[derive(Default)]
pub struct Rooms {
    hot: RwLock<HashMap<RoomId, Arc<HotRoom>>>,
    loading: Mutex<HashMap<RoomId, Arc<tokio::sync::Mutex<()>>>>,
}

impl Rooms {
    /// The published snapshot of a room that is in memory.
    pub fn published(&self, room_id: &RoomId) -> Option<Arc<Snapshot>> {
        self.hot(room_id).map(|room| room.snapshot())
    }

    /// The room, if it is in memory.
    pub fn hot(&self, room_id: &RoomId) -> Option<Arc<HotRoom>> {
        self.hot.read().get(room_id).cloned()
    }

    /// The room, loaded when it is not in memory; `None` when there is no such room here.
    pub async fn get(
        &self,
        store: &SqliteStore,
        room_id: &RoomId,
    ) -> StoreResult<Option<Arc<HotRoom>>> {
        if let Some(room) = self.hot(room_id) {
            return Ok(Some(room));
        }
        let found = self.load(store, vec![room_id.clone()]).await?;
        Ok(found.into_iter().next())
    }

    /// Brings rooms into memory, many in one visit to the store. Those that are not here are left
    /// out; more than memory holds may be gone again when this returns.
    pub async fn warm(&self, store: &SqliteStore, rooms: &[RoomId]) -> StoreResult<()> {
        let mut missing: Vec<RoomId> = {
            let hot = self.hot.read();
            rooms.iter().filter(|room_id| !hot.contains_key(*room_id)).cloned().collect()
        };
        // All who load take their turns in the same order, so that none waits in a circle.
        missing.sort();
        missing.dedup();
        while !missing.is_empty() {
            let rest = missing.split_off(missing.len().min(ROOMS_PER_LOAD_MAX));
            self.load(store, missing).await?;
            missing = rest;
        }
        Ok(())
    }

    /// Loads rooms; `rooms` are sorted.
    async fn load(
        &self,
        store: &SqliteStore,
        rooms: Vec<RoomId>,
    ) -> StoreResult<Vec<Arc<HotRoom>>> {
        // One load at a time per room: two copies of a room would have two writers.
        let mut held = Vec::with_capacity(rooms.len());
        for room_id in &rooms {
            let gate = Arc::clone(self.loading.lock().entry(room_id.clone()).or_default());
            held.push(gate.lock_owned().await);
        }
        let (mut found, mut missing) = (Vec::with_capacity(rooms.len()), Vec::new());
        {
            let hot = self.hot.read();
            for room_id in &rooms {
                match hot.get(room_id) {
                    Some(room) => found.push(Arc::clone(room)),
                    None => missing.push(room_id.clone()),
                }
            }
        }
        let loaded = if missing.is_empty() {
            Ok(Vec::new())
        } else {
            let opened = store.look(move |look| {
                let open = |room_id: RoomId| open(look, room_id).transpose();
                missing.into_iter().filter_map(open).collect::<StoreResult<Vec<_>>>()
            });
            opened.await
        };
        let entered: StoreResult<Vec<_>> =
            loaded.map(|rooms| rooms.into_iter().map(|room| self.enter(room)).collect());
        drop(held);
        let mut loading = self.loading.lock();
        for room_id in &rooms {
            loading.remove(room_id);
        }
        found.extend(entered?);
        Ok(found)
    }

    /// Puts a room into memory, unless it is there already.
    pub(crate) fn enter(&self, room: Arc<HotRoom>) -> Arc<HotRoom> {
        let mut hot = self.hot.write();
        if hot.len() >= HOT_ROOMS_MAX {
            evict(&mut hot);
        }
        Arc::clone(hot.entry(room.room_id.clone()).or_insert(room))
    }

    /// How many rooms are in memory.
    pub fn len(&self) -> usize {
        self.hot.read().len()
    }

    /// Whether no room is in memory.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Drops a tenth of the rooms that nobody holds at this moment. A room that somebody holds may be
/// about to be written, and must stay the only copy.
fn evict(hot: &mut HashMap<RoomId, Arc<HotRoom>>) {
    let mut to_drop = HOT_ROOMS_MAX / 10;
    hot.retain(|_, room| {
        let keep = to_drop == 0 || Arc::strong_count(room) > 1;
        if !keep {
            to_drop -= 1;
        }
        keep
    });
}

fn open(look: &Look<'_>, room_id: RoomId) -> StoreResult<Option<Arc<HotRoom>>> {
    let Some(stored) = look.load_room(&room_id, RECENT_EVENTS_MAX)? else { return Ok(None) };
    let view = RoomView::load(stored.version, room_id.clone(), stored.state, stored.extremities)
        .map_err(|error| StoreError::Corrupt(format!("room {room_id}: {error}")))?;
    let complete = stored.timeline.len() < RECENT_EVENTS_MAX;
    let oldest = stored.timeline.first().map(|event| event.pos);
    let parents = stored.parents;
    let enter = |event: StoredEvent| {
        let is_parent = parents.contains(event.event.event_id());
        let event = TimelineEvent::from_stored(event);
        event.may_have_children.store(is_parent, Ordering::Release);
        Arc::new(event)
    };
    let events = stored.timeline.into_iter().map(enter).collect();
    // Everything after the event before the oldest one is here.
    let complete_after = match oldest {
        Some(oldest) if !complete => Position(oldest.0.saturating_sub(1)),
        _ => Position(0),
    };
    let recent = Recent::new(events, complete_after, stored.last_pos);
    Ok(Some(Arc::new(HotRoom::new(room_id, Snapshot { view, recent }))))
}
