// SPDX-License-Identifier: Apache-2.0
//! One pusher's queue: sent in order, one at a time, tried again until accepted or too old.

use std::{
    collections::{HashSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use estafette_core::{
    ids::{EventId, RoomId},
    limits::{PUSH_AGE_MS_MAX, PUSH_QUEUE_MAX},
    retry::{Attempts, PUSH_GATEWAY},
};
use estafette_store::{
    Position, PushStore as _,
    push::{Outgoing, PushProgress, Pusher},
};
use parking_lot::Mutex;

use super::{
    gateway::{self, Answer},
    web_push,
};
use crate::Shared;

/// A notification in a queue.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub(super) pos: Position,
    pub(super) room_id: RoomId,
    pub(super) event_id: EventId,
    /// How to present it, as JSON text.
    pub(super) tweaks: String,
    pub(super) ts_ms: i64,
    /// Whether a device should be woken for it at once.
    pub(super) urgent: bool,
    /// The user's unread notifications with this one.
    pub(super) badge: u64,
}

/// What a lane sends next.
#[derive(Debug, Clone)]
pub(super) enum Next {
    /// A notification.
    Event(Box<Item>),
    /// The number of unread notifications alone.
    Badge(u64),
}

/// One pusher and what waits for it.
pub(super) struct Lane {
    pub(super) nid: i64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    pusher: Option<Arc<Pusher>>,
    queue: VecDeque<Item>,
    /// The last notification that was queued; what comes is always later.
    last_pos: Position,
    /// A badge to be sent once the queue is empty.
    badge: Option<u64>,
    /// The badge that the gateway was told last.
    last_badge: Option<u64>,
    /// Whether somebody is sending.
    busy: bool,
    /// Positions in the queue that are written down.
    stored: HashSet<Position>,
    /// Positions that were written down and wait no longer.
    done: Vec<Position>,
}

impl State {
    fn finish(&mut self, pos: Position) {
        self.queue.retain(|item| item.pos != pos);
        if self.stored.remove(&pos) {
            self.done.push(pos);
        }
    }
}

impl Lane {
    pub(super) fn new(nid: i64) -> Self {
        Self { nid, state: Mutex::default() }
    }

    pub(super) fn set_pusher(&self, pusher: Pusher) {
        self.state.lock().pusher = Some(Arc::new(pusher));
    }

    /// The pusher is gone: nothing is sent any more.
    pub(super) fn close(&self) {
        *self.state.lock() = State { busy: true, ..State::default() };
    }

    pub(super) fn last_badge(&self) -> Option<u64> {
        self.state.lock().last_badge
    }

    /// Queues a notification, unless the pusher is switched off. One that was queued before, or is
    /// older than one that was, is not queued again.
    pub(super) fn push(self: &Arc<Self>, server: &Shared, item: Item) {
        let mut state = self.state.lock();
        if !state.pusher.as_ref().is_some_and(|pusher| pusher.enabled) {
            return;
        }
        if item.pos <= state.last_pos {
            return;
        }
        state.last_pos = item.pos;
        if state.queue.len() >= PUSH_QUEUE_MAX
            && let Some(oldest) = state.queue.front().map(|item| item.pos)
        {
            state.finish(oldest);
        }
        // Its badge is newer than any that waits.
        state.badge = None;
        state.queue.push_back(item);
        self.start(server, state);
    }

    /// Puts back what was written down before a restart.
    pub(super) fn restore(self: &Arc<Self>, server: &Shared, outgoing: Outgoing) {
        let mut state = self.state.lock();
        state.stored.insert(outgoing.pos);
        state.last_pos = state.last_pos.max(outgoing.pos);
        state.queue.push_back(Item {
            pos: outgoing.pos,
            room_id: outgoing.room_id,
            event_id: outgoing.event_id,
            tweaks: outgoing.tweaks,
            ts_ms: outgoing.ts_ms,
            urgent: true,
            badge: 1,
        });
        self.start(server, state);
    }

    /// Tells the gateway of a badge that changed without a notification; each value once.
    pub(super) fn badge_changed(self: &Arc<Self>, server: &Shared, badge: u64) {
        let mut state = self.state.lock();
        let enabled = state.pusher.as_ref().is_some_and(|pusher| pusher.enabled);
        if !enabled || state.last_badge.is_none() || state.last_badge == Some(badge) {
            return;
        }
        for item in &mut state.queue {
            item.badge = badge;
        }
        state.badge = Some(badge);
        self.start(server, state);
    }

    fn start(self: &Arc<Self>, server: &Shared, mut state: parking_lot::MutexGuard<'_, State>) {
        if !std::mem::replace(&mut state.busy, true) {
            drop(state);
            tokio::spawn(drain(Arc::clone(self), Arc::downgrade(server)));
        }
    }

    /// What is to be sent now. Without anything, the lane falls asleep.
    fn next(&self, now_ms: i64) -> Option<(Arc<Pusher>, Next)> {
        let mut state = self.state.lock();
        let expired: Vec<Position> = state
            .queue
            .iter()
            .filter(|item| now_ms.saturating_sub(item.ts_ms) > PUSH_AGE_MS_MAX)
            .map(|item| item.pos)
            .collect();
        expired.into_iter().for_each(|pos| state.finish(pos));
        let next = match state.queue.front() {
            Some(item) => Some(Next::Event(Box::new(item.clone()))),
            None => state.badge.map(Next::Badge),
        };
        let pusher = state.pusher.clone().filter(|pusher| pusher.enabled);
        let next = pusher.zip(next);
        state.busy = next.is_some();
        next
    }

    fn sent(&self, next: &Next) {
        let mut state = self.state.lock();
        match next {
            Next::Event(item) => {
                state.finish(item.pos);
                state.last_badge = Some(item.badge);
                if state.badge == Some(item.badge) {
                    state.badge = None;
                }
            }
            Next::Badge(badge) => {
                state.last_badge = Some(*badge);
                if state.badge == Some(*badge) {
                    state.badge = None;
                }
            }
        }
    }

    /// Adds what this lane has to write down.
    pub(super) fn report(&self, progress: &mut PushProgress) {
        let state = self.state.lock();
        let fresh = state.queue.iter().filter(|item| !state.stored.contains(&item.pos));
        progress.waiting.extend(fresh.map(|item| Outgoing {
            pusher_nid: self.nid,
            pos: item.pos,
            room_id: item.room_id.clone(),
            event_id: item.event_id.clone(),
            tweaks: item.tweaks.clone(),
            ts_ms: item.ts_ms,
        }));
        progress.done.extend(state.done.iter().map(|pos| (self.nid, *pos)));
    }

    /// `progress` is written down.
    pub(super) fn reported(&self, progress: &PushProgress) {
        let mut state = self.state.lock();
        for outgoing in progress.waiting.iter().filter(|o| o.pusher_nid == self.nid) {
            if state.queue.iter().any(|item| item.pos == outgoing.pos) {
                state.stored.insert(outgoing.pos);
            } else {
                // Accepted while it was being written down.
                state.done.push(outgoing.pos);
            }
        }
        let written: HashSet<Position> =
            progress.done.iter().filter(|(nid, _)| *nid == self.nid).map(|(_, pos)| *pos).collect();
        state.done.retain(|pos| !written.contains(pos));
    }
}

/// Sends everything that waits in a lane, then ends.
async fn drain(lane: Arc<Lane>, server: std::sync::Weak<crate::Server>) {
    let mut attempts = Attempts::default();
    loop {
        let Some(strong) = server.upgrade() else { return };
        let Some((pusher, next)) = lane.next(strong.now_ms()) else { return };
        let answer = {
            let Ok(_permit) = strong.push.requests.acquire().await else { return };
            match pusher.kind.as_str() {
                web_push::KIND => web_push::notify(&strong, &pusher, &next).await,
                _ => gateway::notify(&strong, &pusher, &next).await,
            }
        };
        match answer {
            Answer::Accepted => {
                attempts = attempts.succeeded();
                lane.sent(&next);
            }
            Answer::Rejected => {
                let (user, app) = (&pusher.user_id, &pusher.app_id);
                tracing::info!(%user, app, "a pusher was rejected");
                lane.close();
                if let Err(error) = strong.store.remove_rejected(lane.nid).await {
                    tracing::warn!(%error, "a rejected pusher could not be removed");
                }
                strong.push.pushers_changed(&pusher.user_id, false);
                return;
            }
            Answer::Failed => {
                let now_ms = strong.now_ms();
                let mut random = [0; 8];
                strong.random.fill(&mut random);
                let random = u64::from_le_bytes(random);
                attempts = attempts.failed(&PUSH_GATEWAY, now_ms, random, None).unwrap_or(attempts);
                let wait_ms = attempts.next_ms.saturating_sub(now_ms).max(0).cast_unsigned();
                let mut stopping = strong.stopping();
                drop(strong);
                let stopped = async {
                    let _ = stopping.wait_for(|stop| *stop).await;
                };
                tokio::select! {
                    () = tokio::time::sleep(Duration::from_millis(wait_ms)) => {}
                    () = stopped => return,
                }
            }
        }
    }
}
