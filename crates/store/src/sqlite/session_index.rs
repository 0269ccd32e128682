// SPDX-License-Identifier: Apache-2.0
//! Sessions in memory, so that a request costs no read of the database.
//!
//! Entries go when the commit that ends or changes them is durable, before its caller hears of it.
//! A reader may hold a snapshot from before that commit: the epoch keeps it from putting back what
//! has just gone (I13).

use std::{collections::HashMap, sync::Arc};

use estafette_core::limits::SESSIONS_CACHED_MAX;
use parking_lot::RwLock;

use crate::accounts::{Session, TokenHash};

/// What is known of tokens without asking the database.
#[derive(Default)]
pub(super) struct SessionIndex {
    state: RwLock<State>,
}

#[derive(Default)]
struct State {
    sessions: HashMap<TokenHash, Arc<Session>>,
    epoch: u64,
}

/// When a read began. Compared, never shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Epoch(u64);

impl SessionIndex {
    pub(super) fn get(&self, token: &TokenHash) -> Option<Arc<Session>> {
        self.state.read().sessions.get(token).cloned()
    }

    /// To be taken before the snapshot of a read.
    pub(super) fn epoch(&self) -> Epoch {
        Epoch(self.state.read().epoch)
    }

    /// Remembers what was read, unless something changed since `epoch`.
    pub(super) fn keep(&self, epoch: Epoch, token: TokenHash, session: &Arc<Session>) {
        let mut state = self.state.write();
        if state.epoch != epoch.0 {
            return;
        }
        if state.sessions.len() >= SESSIONS_CACHED_MAX {
            let mut to_drop = SESSIONS_CACHED_MAX / 10;
            state.sessions.retain(|_, _| {
                to_drop = to_drop.saturating_sub(1);
                to_drop == 0
            });
        }
        state.sessions.insert(token, Arc::clone(session));
    }

    /// Forgets sessions that ended or changed.
    pub(super) fn forget(&self, tokens: &[TokenHash]) {
        let mut state = self.state.write();
        state.epoch += 1;
        for token in tokens {
            state.sessions.remove(token);
        }
    }
}
