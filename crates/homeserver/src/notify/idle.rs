// SPDX-License-Identifier: Apache-2.0
//! Forgetting users who ceased to sync, so that memory and the work of a commit follow those who
//! are there, not those who ever were.

use std::{
    collections::HashSet,
    sync::{Arc, Weak, atomic::Ordering},
    time::Duration,
};

use estafette_core::limits::{HOT_USER_IDLE_ROUNDS, HOT_USER_ROUND_S, SYNC_TIMEOUT_MS_MAX};
use tokio::time::Instant;

use super::{HotUser, Notifier};
use crate::Server;

impl Notifier {
    /// Begins a new round and drops whoever was not asked for in the last
    /// [`HOT_USER_IDLE_ROUNDS`]. Returns how many.
    ///
    /// Whoever comes back is loaded again, and the next sync compares every room with its token.
    /// A sync waits for far less than that, so nobody who waits is dropped.
    pub fn forget_idle(&self) -> usize {
        let round = self.idle_rounds.fetch_add(1, Ordering::AcqRel) + 1;
        let mut idle: HashSet<*const HotUser> = HashSet::new();
        let mut dropped: Vec<Arc<HotUser>> = Vec::new();
        self.users.write().retain(|_, user| {
            let asked_in = user.asked_in.load(Ordering::Acquire);
            let keep = round.saturating_sub(asked_in) <= HOT_USER_IDLE_ROUNDS;
            if !keep {
                idle.insert(Arc::as_ptr(user));
                dropped.push(Arc::clone(user));
            }
            keep
        });
        if !idle.is_empty() {
            self.listeners.write().retain(|_, in_room| {
                // By identity: the same user may have come back meanwhile, as another entry.
                in_room.retain(|user| !idle.contains(&Arc::as_ptr(user)));
                !in_room.is_empty()
            });
        }
        dropped.len()
    }
}

// A sync that waits must not be dropped with its user, and sleep through what it waits for.
const _: () = assert!(SYNC_TIMEOUT_MS_MAX / 1000 < HOT_USER_IDLE_ROUNDS * HOT_USER_ROUND_S / 2);

/// Runs the rounds until the server is gone.
pub(crate) async fn run(server: Weak<Server>) {
    let round = Duration::from_secs(HOT_USER_ROUND_S);
    let mut interval = tokio::time::interval_at(Instant::now() + round, round);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        let Some(server) = server.upgrade() else { return };
        server.notifier.forget_idle();
    }
}

#[cfg(test)]
mod tests {
    use estafette_core::ids::UserId;
    use serde_json::json;

    use super::*;
    use crate::testing::TestServer;

    /// Otherwise everybody who ever synced would cost memory and a line per event for ever; or,
    /// forgotten badly, would miss what came meanwhile.
    #[tokio::test]
    async fn who_ceases_to_sync_is_forgotten_and_misses_nothing() {
        let server = TestServer::start().await;
        let room_id = server.room("@a:x.fr", json!({})).await;
        let first = server.get("@a:x.fr", "/v3/sync").await;
        let since = first["next_batch"].as_str().unwrap().to_owned();
        let notifier = &server.server.notifier;
        let alice = UserId::parse("@a:x.fr").unwrap();
        for _ in 0..HOT_USER_IDLE_ROUNDS {
            notifier.forget_idle();
        }
        assert!(notifier.hot(&alice).is_some(), "not idle for long enough");
        // The server's own look, as for a badge, does not keep anybody.
        notifier.glance(&server.server.store, &alice).await.unwrap();
        assert_eq!(notifier.forget_idle(), 1);
        assert!(notifier.hot(&alice).is_none());
        assert!(notifier.listeners.read().is_empty());

        let sent = server.say("@a:x.fr", &room_id, "meanwhile").await;
        let next = server.get("@a:x.fr", &format!("/v3/sync?since={since}")).await;
        let timeline = &next["rooms"]["join"][&room_id]["timeline"]["events"];
        assert_eq!(timeline[0]["event_id"], sent.as_str());
        assert!(notifier.hot(&alice).is_some());
    }
}
