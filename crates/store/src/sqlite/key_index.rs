// SPDX-License-Identifier: Apache-2.0
//! What syncs and key queries ask again and again, in memory.
//!
//! The index hears of every commit before anybody else does (it wraps the [`CommitSink`]), so
//! whoever saw a fact finds the index at least as new. Which devices have messages waiting is
//! known completely; the rest is a cache in bounded memory. A value read from the database enters
//! the cache only if nothing changed in its shard since before the read.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    sync::Arc,
};

use estafette_core::{
    ids::{DeviceId, UserId},
    limits::KEY_CACHE_BYTES_MAX,
};
use parking_lot::Mutex;
use rusqlite::Connection;

use super::device_rows;
use crate::{
    CommitSink, Fact, FactKind, Position, StoreResult,
    keys::{KeySignature, OneTimeKeyState, UserKeys},
};

/// Locks, so that syncs seldom wait for each other. A power of two.
const SHARDS: usize = 64;

/// The messages that wait for a device.
#[derive(Debug, Clone, Copy)]
struct Waiting {
    first: Position,
    last: Position,
}

#[derive(Default)]
struct Shard {
    /// Grows with each change, so that a slow reader does not cache what is old by now.
    epoch: u64,
    waiting: HashMap<UserId, HashMap<DeviceId, Waiting>>,
    states: HashMap<UserId, HashMap<DeviceId, Arc<OneTimeKeyState>>>,
    user_keys: HashMap<UserId, Arc<UserKeys>>,
    signatures: HashMap<UserId, Arc<Vec<KeySignature>>>,
    cached_bytes: usize,
}

/// A place in time before a read, to be shown when its result is to be cached.
#[derive(Debug, Clone, Copy)]
pub(super) struct Epoch(u64);

/// The index. Every lock is held for a few map operations only.
pub(super) struct KeyIndex {
    hasher: RandomState,
    shards: Vec<Mutex<Shard>>,
}

impl KeyIndex {
    /// Reads which devices have messages waiting.
    pub(super) fn load(conn: &Connection) -> StoreResult<Self> {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        let index = Self { hasher: RandomState::new(), shards };
        let mut statement = conn
            .prepare("SELECT device_nid, min(pos), max(pos) FROM to_device GROUP BY device_nid")?;
        let mut rows = statement.query(())?;
        while let Some(row) = rows.next()? {
            let Some((user_id, device_id)) = device_rows::name(conn, row.get(0)?)? else {
                continue;
            };
            let waiting = Waiting { first: position(row.get(1)?), last: position(row.get(2)?) };
            index.shard(&user_id, |shard| {
                shard.waiting.entry(user_id.clone()).or_default().insert(device_id, waiting);
            });
        }
        Ok(index)
    }

    fn shard<T>(&self, user_id: &UserId, visit: impl FnOnce(&mut Shard) -> T) -> Option<T> {
        let at = usize::try_from(self.hasher.hash_one(user_id)).unwrap_or(0) % SHARDS;
        self.shards.get(at).map(|shard| visit(&mut shard.lock()))
    }

    /// To be taken before a read.
    pub(super) fn epoch(&self, user_id: &UserId) -> Epoch {
        Epoch(self.shard(user_id, |shard| shard.epoch).unwrap_or(0))
    }

    /// The first and last message that wait for a device.
    pub(super) fn waiting(
        &self,
        user_id: &UserId,
        device_id: &DeviceId,
    ) -> Option<(Position, Position)> {
        let waiting = self.shard(user_id, |shard| {
            shard.waiting.get(user_id).and_then(|devices| devices.get(device_id)).copied()
        });
        waiting.flatten().map(|waiting| (waiting.first, waiting.last))
    }

    /// After an acknowledgement: `first` is the oldest message left. Called on the writer's thread
    /// before later facts, hence never overtaken by one.
    pub(super) fn acknowledged(
        &self,
        user_id: &UserId,
        device_id: &DeviceId,
        first: Option<Position>,
    ) {
        self.shard(user_id, |shard| {
            let Some(devices) = shard.waiting.get_mut(user_id) else { return };
            match (first, devices.get_mut(device_id)) {
                (Some(first), Some(waiting)) => waiting.first = first,
                (None, _) => {
                    devices.remove(device_id);
                }
                (Some(_), None) => {}
            }
            if devices.is_empty() {
                shard.waiting.remove(user_id);
            }
        });
    }

    /// After a read that found nothing, as happens when a message was queued for a device that was
    /// deleted in the same commit. Void if another message came since `last`.
    pub(super) fn nothing_waits(&self, user_id: &UserId, device_id: &DeviceId, last: Position) {
        if self.waiting(user_id, device_id).is_some_and(|(_, newest)| newest == last) {
            self.acknowledged(user_id, device_id, None);
        }
    }

    /// After a device was deleted.
    pub(super) fn device_deleted(&self, user_id: &UserId, device_id: &DeviceId) {
        self.acknowledged(user_id, device_id, None);
        self.shard(user_id, |shard| shard.forget_state(user_id, device_id));
    }

    pub(super) fn state(
        &self,
        user_id: &UserId,
        device_id: &DeviceId,
    ) -> Option<Arc<OneTimeKeyState>> {
        self.shard(user_id, |shard| {
            shard.states.get(user_id).and_then(|devices| devices.get(device_id)).cloned()
        })
        .flatten()
    }

    pub(super) fn keep_state(
        &self,
        epoch: Epoch,
        user_id: &UserId,
        device_id: &DeviceId,
        state: &Arc<OneTimeKeyState>,
    ) {
        self.keep(epoch, user_id, 256, |shard| {
            let devices = shard.states.entry(user_id.clone()).or_default();
            devices.insert(device_id.clone(), Arc::clone(state));
        });
    }

    pub(super) fn user_keys(&self, user_id: &UserId) -> Option<Arc<UserKeys>> {
        self.shard(user_id, |shard| shard.user_keys.get(user_id).cloned()).flatten()
    }

    pub(super) fn keep_user_keys(&self, epoch: Epoch, user_id: &UserId, keys: &Arc<UserKeys>) {
        self.keep(epoch, user_id, user_keys_bytes(keys), |shard| {
            shard.user_keys.insert(user_id.clone(), Arc::clone(keys));
        });
    }

    pub(super) fn signatures(&self, signer: &UserId) -> Option<Arc<Vec<KeySignature>>> {
        self.shard(signer, |shard| shard.signatures.get(signer).cloned()).flatten()
    }

    pub(super) fn keep_signatures(
        &self,
        epoch: Epoch,
        signer: &UserId,
        signatures: &Arc<Vec<KeySignature>>,
    ) {
        self.keep(epoch, signer, 128 + 320 * signatures.len(), |shard| {
            shard.signatures.insert(signer.clone(), Arc::clone(signatures));
        });
    }

    fn keep(&self, epoch: Epoch, user_id: &UserId, bytes: usize, add: impl FnOnce(&mut Shard)) {
        self.shard(user_id, |shard| {
            if shard.epoch != epoch.0 {
                return;
            }
            if shard.cached_bytes.saturating_add(bytes) > KEY_CACHE_BYTES_MAX / SHARDS {
                shard.forget_all();
            }
            shard.cached_bytes = shard.cached_bytes.saturating_add(bytes);
            add(shard);
        });
    }

    fn apply(&self, fact: &Fact) {
        match &fact.kind {
            FactKind::ToDevice { user_id, device_id } => {
                self.shard(user_id, |shard| {
                    let devices = shard.waiting.entry(user_id.clone()).or_default();
                    devices
                        .entry(device_id.clone())
                        .and_modify(|waiting| waiting.last = fact.pos)
                        .or_insert(Waiting { first: fact.pos, last: fact.pos });
                });
            }
            FactKind::OneTimeKeys { user_id, device_id } => {
                self.shard(user_id, |shard| shard.forget_state(user_id, device_id));
            }
            FactKind::DeviceList { user_id } => {
                self.shard(user_id, |shard| {
                    shard.epoch += 1;
                    if let Some(keys) = shard.user_keys.remove(user_id) {
                        shard.cached_bytes =
                            shard.cached_bytes.saturating_sub(user_keys_bytes(&keys));
                    }
                    shard.signatures.remove(user_id);
                });
            }
            _ => {}
        }
    }
}

impl Shard {
    fn forget_state(&mut self, user_id: &UserId, device_id: &DeviceId) {
        self.epoch += 1;
        if let Some(devices) = self.states.get_mut(user_id) {
            devices.remove(device_id);
            if devices.is_empty() {
                self.states.remove(user_id);
            }
        }
    }

    fn forget_all(&mut self) {
        self.states.clear();
        self.user_keys.clear();
        self.signatures.clear();
        self.cached_bytes = 0;
    }
}

fn user_keys_bytes(keys: &UserKeys) -> usize {
    let devices: usize = keys.devices.iter().map(|device| device.json.len() + 128).sum();
    let cross_signing = [&keys.master, &keys.self_signing, &keys.user_signing];
    let cross_signing: usize = cross_signing.into_iter().flatten().map(|key| key.json.len()).sum();
    devices + cross_signing + 256
}

fn position(pos: i64) -> Position {
    Position(pos.cast_unsigned())
}

/// Brings the index up to date, then tells the sink it wraps.
pub(super) struct IndexingSink {
    pub(super) index: Arc<KeyIndex>,
    pub(super) next: Arc<dyn CommitSink>,
}

impl CommitSink for IndexingSink {
    fn committed(&self, head: Position, facts: &[Fact]) {
        for fact in facts {
            self.index.apply(fact);
        }
        self.next.committed(head, facts);
    }
}
