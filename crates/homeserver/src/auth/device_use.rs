// SPDX-License-Identifier: Apache-2.0
//! When devices were used: noted in memory, written down together now and then.

use std::{collections::HashMap, sync::Weak, time::Duration};

use estafette_core::limits::{DEVICE_USE_INTERVAL_S, DEVICE_USES_MAX, USER_AGENT_BYTES_MAX};
use estafette_store::{AccountStore as _, StoreResult, accounts::DeviceSeen, sqlite::SqliteStore};
use parking_lot::Mutex;

use crate::Server;

/// Uses that wait to be written down. A crash forgets at most the last interval's.
#[derive(Debug, Default)]
pub struct DeviceUses(Mutex<Uses>);

#[derive(Debug, Default)]
struct Uses {
    /// When each device's use was noted last.
    noted: HashMap<i64, i64>,
    waiting: HashMap<i64, DeviceSeen>,
}

impl DeviceUses {
    /// Whether this device's use was not noted lately.
    pub(crate) fn is_due(&self, nid: i64, now_ms: i64) -> bool {
        let interval_ms = DEVICE_USE_INTERVAL_S.cast_signed() * 1000;
        let noted = self.0.lock().noted.get(&nid).copied();
        noted.is_none_or(|noted| now_ms.saturating_sub(noted) >= interval_ms)
    }

    pub(crate) fn note(&self, nid: i64, seen: DeviceSeen) {
        let mut uses = self.0.lock();
        if uses.noted.len() >= DEVICE_USES_MAX {
            uses.noted.clear();
        }
        uses.noted.insert(nid, seen.at_ms);
        if uses.waiting.len() < DEVICE_USES_MAX {
            uses.waiting.insert(nid, seen);
        }
    }

    /// What is noted of a device and not yet written down.
    pub fn waiting(&self, nid: i64) -> Option<DeviceSeen> {
        self.0.lock().waiting.get(&nid).cloned()
    }

    /// Writes down what waits.
    pub async fn flush(&self, store: &SqliteStore) -> StoreResult<()> {
        let waiting = std::mem::take(&mut self.0.lock().waiting);
        if waiting.is_empty() {
            Ok(())
        } else {
            store.note_device_use(waiting.into_iter().collect()).await
        }
    }
}

/// A user agent, as much of it as is remembered.
pub(crate) fn shorten(user_agent: &str) -> String {
    let mut end = user_agent.len().min(USER_AGENT_BYTES_MAX);
    while !user_agent.is_char_boundary(end) {
        end -= 1;
    }
    user_agent.get(..end).unwrap_or_default().to_owned()
}

/// Writes down the uses of devices now and then, as long as the server lives.
pub(crate) async fn run(server: Weak<Server>) {
    loop {
        tokio::time::sleep(Duration::from_secs(DEVICE_USE_INTERVAL_S)).await;
        let Some(server) = server.upgrade() else { return };
        if let Err(error) = server.auth.device_uses.flush(&server.store).await {
            tracing::warn!(%error, "could not note when devices were used");
        }
    }
}
