// SPDX-License-Identifier: Apache-2.0
//! Who is there. In memory alone, and only where the operator wants it.

use std::{
    collections::HashMap,
    sync::{Arc, Weak},
    time::Duration,
};

use estafette_core::{
    ids::UserId,
    limits::{PRESENCE_ACTIVE_MS, PRESENCE_OFFLINE_MS, PRESENCE_USERS_MAX},
};
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::{Server, Shared};

/// What a user says of being there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserPresence {
    /// `online`, `unavailable` or `offline`.
    pub presence: String,
    /// The user's own words.
    pub status_msg: Option<String>,
    /// When the user was last active, in ms since the epoch.
    pub active_ms: i64,
    /// The number of the change.
    pub version: u64,
}

impl UserPresence {
    /// The content of `m.presence` (Client-Server API, "Presence").
    pub fn content(&self, now_ms: i64) -> Value {
        let ago = now_ms.saturating_sub(self.active_ms).max(0);
        let mut content = json!({ "presence": self.presence, "last_active_ago": ago });
        if let Some(members) = content.as_object_mut() {
            if self.presence == "online" {
                members.insert("currently_active".into(), (ago < PRESENCE_ACTIVE_MS).into());
            }
            if let Some(text) = &self.status_msg {
                members.insert("status_msg".into(), text.as_str().into());
            }
        }
        content
    }
}

/// Everybody's presence.
#[derive(Debug, Default)]
pub struct PresenceBook {
    state: Mutex<(u64, HashMap<UserId, UserPresence>)>,
    syncing: Mutex<HashMap<UserId, Syncing>>,
}

/// The syncs of a user who is there.
#[derive(Debug, Default)]
struct Syncing {
    /// How many run at this moment.
    running: usize,
    /// When the last one began or ended, in ms since the epoch.
    last_ms: i64,
}

/// A sync that runs: while it does, its user is there.
pub struct Running {
    server: Shared,
    user_id: UserId,
}

impl Drop for Running {
    fn drop(&mut self) {
        let now_ms = self.server.now_ms();
        if let Some(syncing) = self.server.presence.syncing.lock().get_mut(&self.user_id) {
            syncing.running = syncing.running.saturating_sub(1);
            syncing.last_ms = now_ms;
        }
    }
}

/// Notes that a sync of a user begins that says the user is there. When no such sync has run for
/// [`PRESENCE_OFFLINE_MS`] the user is offline (Client-Server API, "Presence", server behaviour).
pub fn sync_begins(server: &Shared, user_id: &UserId) -> Running {
    let mut users = server.presence.syncing.lock();
    let watched = users.contains_key(user_id);
    let syncing = users.entry(user_id.clone()).or_default();
    syncing.running += 1;
    syncing.last_ms = server.now_ms();
    if !watched {
        tokio::spawn(watch(Arc::downgrade(server), user_id.clone()));
    }
    Running { server: Arc::clone(server), user_id: user_id.clone() }
}

/// Looks after one user until the user is gone.
async fn watch(server: Weak<Server>, user_id: UserId) {
    loop {
        tokio::time::sleep(Duration::from_millis(PRESENCE_OFFLINE_MS.unsigned_abs() / 2)).await;
        let Some(server) = server.upgrade() else { return };
        if gone(&server, &user_id) {
            let woken = server.notifier.wake_sharers(&server.store, &user_id).await;
            if let Err(error) = woken {
                tracing::warn!(%error, "could not tell that a user went offline");
            }
            return;
        }
    }
}

/// Whether a user has not synced for too long; then the user is offline from now on.
fn gone(server: &Server, user_id: &UserId) -> bool {
    let now_ms = server.now_ms();
    let mut users = server.presence.syncing.lock();
    let away = users.get(user_id).is_none_or(|syncing| {
        syncing.running == 0 && now_ms.saturating_sub(syncing.last_ms) >= PRESENCE_OFFLINE_MS
    });
    if away {
        users.remove(user_id);
        server.presence.offline(user_id, now_ms);
    }
    away
}

impl PresenceBook {
    /// Nothing is known of anybody. Versions begin above `version`.
    pub fn after(version: u64) -> Self {
        Self { state: Mutex::new((version, HashMap::new())), syncing: Mutex::default() }
    }

    /// Notes what a user says; returns the number of the change.
    pub fn set(
        &self,
        user_id: &UserId,
        presence: &str,
        status_msg: Option<String>,
        now_ms: i64,
    ) -> u64 {
        let mut state = self.state.lock();
        let (version, users) = &mut *state;
        *version += 1;
        if users.len() >= PRESENCE_USERS_MAX && !users.contains_key(user_id) {
            users.retain(|_, known| known.presence != "offline");
            if users.len() >= PRESENCE_USERS_MAX {
                users.clear();
            }
        }
        let presence = presence.to_owned();
        let said = UserPresence { presence, status_msg, active_ms: now_ms, version: *version };
        users.insert(user_id.clone(), said);
        *version
    }

    /// What is known of a user.
    pub fn of(&self, user_id: &UserId) -> Option<UserPresence> {
        self.state.lock().1.get(user_id).cloned()
    }

    /// Notes that a user syncs, with the presence that the sync asks for. `true` when others should
    /// hear of it: a new presence, or activity after a long time.
    pub fn synced(&self, user_id: &UserId, presence: &str, now_ms: i64) -> bool {
        let known = self.of(user_id);
        let (said, active_ms) =
            known.as_ref().map_or(("offline", 0), |known| (&known.presence, known.active_ms));
        let fresh = now_ms.saturating_sub(active_ms) < PRESENCE_ACTIVE_MS;
        if said == presence && (fresh || presence == "offline") {
            return false;
        }
        let status_msg = known.and_then(|known| known.status_msg);
        self.set(user_id, presence, status_msg, now_ms);
        true
    }

    /// Notes that a user is gone. When the user was last active stays known.
    fn offline(&self, user_id: &UserId, now_ms: i64) {
        let Some(known) = self.of(user_id).filter(|known| known.presence != "offline") else {
            return;
        };
        self.set(user_id, "offline", known.status_msg, known.active_ms.min(now_ms));
    }

    /// Everybody whose presence changed after `version`.
    pub fn changed_since(&self, version: u64) -> Vec<(UserId, UserPresence)> {
        let state = self.state.lock();
        if state.0 <= version {
            return Vec::new();
        }
        let changed = state.1.iter().filter(|(_, known)| known.version > version);
        changed.map(|(user, known)| (user.clone(), known.clone())).collect()
    }

    /// Of some users: those of whom something is known, and the others. What it costs follows from
    /// `users`, not from how many there are.
    pub fn among(
        &self,
        users: impl Iterator<Item = UserId>,
    ) -> (Vec<(UserId, UserPresence)>, Vec<UserId>) {
        let state = self.state.lock();
        let (mut known, mut unknown) = (Vec::new(), Vec::new());
        for user in users {
            match state.1.get(&user) {
                Some(said) => known.push((user, said.clone())),
                None => unknown.push(user),
            }
        }
        (known, unknown)
    }

    /// The number of the last change.
    pub fn version(&self) -> u64 {
        self.state.lock().0
    }
}

#[cfg(test)]
mod tests;
