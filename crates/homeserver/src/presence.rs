// SPDX-License-Identifier: Apache-2.0
//! Who is there. In memory alone, and only where the operator wants it.

use std::collections::HashMap;

use estafette_core::{ids::UserId, limits::PRESENCE_USERS_MAX};
use parking_lot::Mutex;

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

/// Everybody's presence.
#[derive(Debug, Default)]
pub struct PresenceBook {
    state: Mutex<(u64, HashMap<UserId, UserPresence>)>,
}

impl PresenceBook {
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

    /// The number of the last change.
    pub fn version(&self) -> u64 {
        self.state.lock().0
    }
}
