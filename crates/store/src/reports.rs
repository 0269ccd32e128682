// SPDX-License-Identifier: Apache-2.0
//! Reports of events, rooms and users.

use async_trait::async_trait;
use estafette_core::ids::{EventId, RoomId, UserId};

use crate::StoreResult;

/// What a report is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// An event.
    Event {
        /// Its room.
        room_id: RoomId,
        /// The event.
        event_id: EventId,
    },
    /// A whole room.
    Room(RoomId),
    /// A user.
    User(UserId),
}

/// A report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Who reports.
    pub reporter: UserId,
    /// What.
    pub subject: Subject,
    /// Why, in the reporter's words.
    pub reason: String,
    /// How bad, from -100 to 0, where the client says so.
    pub score: Option<i64>,
    /// When, in ms since the epoch.
    pub received_ms: i64,
}

/// What the store promises about reports.
#[async_trait]
pub trait ReportStore: Send + Sync {
    /// Keeps a report and numbers it.
    async fn put_report(&self, report: Report) -> StoreResult<i64>;

    /// Reports numbered below `before`, latest first, at most `limit`.
    async fn reports(&self, before: i64, limit: usize) -> StoreResult<Vec<(i64, Report)>>;
}
