// SPDX-License-Identifier: Apache-2.0
//! Events that are to be sent later (MSC4140).

use async_trait::async_trait;
use estafette_core::ids::{RoomId, UserId};

use crate::{StoreResult, rooms::Txn};

/// An event that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DelayedEvent {
    /// Its name. Whoever knows it may send, restart or cancel the event.
    pub delay_id: String,
    /// Who will have sent it.
    pub user_id: UserId,
    /// The number of the device that asked for it: it goes with the device.
    pub device_nid: Option<i64>,
    /// The request that asked for it, so that its retry finds the first answer.
    pub txn: Option<Txn>,
    /// Where it goes.
    pub room_id: RoomId,
    /// Its `type`.
    pub kind: String,
    /// Its state key, if it is a state event.
    pub state_key: Option<String>,
    /// Its content as JSON text.
    pub content: String,
    /// The time that it is to bear, where an application service chose one.
    pub origin_server_ts: Option<i64>,
    /// How long it waits, in ms.
    pub delay_ms: i64,
    /// Since when it waits, in ms since the epoch.
    pub since_ms: i64,
}

impl DelayedEvent {
    /// When it is to be sent, in ms since the epoch.
    pub fn due_ms(&self) -> i64 {
        self.since_ms.saturating_add(self.delay_ms)
    }
}

/// What became of a [`DelayedEvent`] that was to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PutOutcome {
    /// It is durable.
    Kept,
    /// Nothing was written: the request was made before, and this was the answer.
    Repeated(String),
    /// Nothing was written: the user has as many as one may have.
    TooMany,
}

/// How a delayed event ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DelayedEnd {
    /// It was sent.
    Sent,
    /// It was cancelled, or could not be sent.
    GivenUp,
}

/// What the store promises about delayed events.
///
/// They end with their device and with their account, and a delayed state event ends when somebody
/// else changes that piece of state: each in the transaction that brings it about.
#[async_trait]
pub trait DelayedEventStore: Send + Sync {
    /// Keeps an event, unless `max` of the user's wait already.
    async fn put_delayed_event(&self, event: DelayedEvent, max: u64) -> StoreResult<PutOutcome>;

    /// The events of a user that wait, in the order of their making.
    async fn delayed_events(&self, user_id: &UserId) -> StoreResult<Vec<DelayedEvent>>;

    /// An event that waits.
    async fn delayed_event(&self, delay_id: &str) -> StoreResult<Option<DelayedEvent>>;

    /// Lets an event wait its whole delay again from `now_ms` on. `false` when it does not wait.
    async fn restart_delayed_event(&self, delay_id: &str, now_ms: i64) -> StoreResult<bool>;

    /// Ends an event that waits. `false` when it does not wait (any more).
    async fn end_delayed_event(&self, delay_id: &str, end: DelayedEnd) -> StoreResult<bool>;

    /// Events that are due at `now_ms`, the longest due first, at most `limit`; and when the next
    /// one is due after those, in ms since the epoch.
    async fn due_delayed_events(
        &self,
        now_ms: i64,
        limit: usize,
    ) -> StoreResult<(Vec<DelayedEvent>, Option<i64>)>;
}
