// SPDX-License-Identifier: Apache-2.0
//! What clients keep for themselves on the server: account data, global and per room; filters.

use async_trait::async_trait;
use estafette_core::ids::{RoomId, UserId};

use crate::{Position, StoreResult};

/// One piece of account data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountData {
    /// For which room; global when `None`.
    pub room_id: Option<RoomId>,
    /// Its type.
    pub kind: String,
    /// Its content as JSON text; `None` once it was deleted (MSC3391).
    pub content: Option<String>,
    /// When it last changed.
    pub pos: Position,
}

/// What became of a conditional write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetOutcome {
    /// It is durable at this position.
    Set(Position),
    /// Nothing was written: somebody else changed the data since it was read.
    Changed,
    /// Nothing was written: the account has as many types of data as it may have.
    TooMany,
}

/// What became of a filter that was to be saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SaveFilterOutcome {
    /// It has this id, now or since an equal one was saved.
    Saved(u64),
    /// Nothing was written: the account has as many filters as it may have.
    TooMany,
}

/// What the store promises about account data and filters.
#[async_trait]
pub trait AccountDataStore: Send + Sync {
    /// Sets one piece of account data, or deletes it (`content` is `None`), and records
    /// [`FactKind::AccountData`](crate::FactKind::AccountData).
    ///
    /// With `unchanged_since` the write happens only if the data last changed at that position
    /// (0: never existed); otherwise [`SetOutcome::Changed`].
    async fn set_account_data(
        &self,
        user_id: &UserId,
        room_id: Option<&RoomId>,
        kind: &str,
        content: Option<&str>,
        unchanged_since: Option<Position>,
    ) -> StoreResult<SetOutcome>;

    /// One piece of account data; `None` where there never was any.
    async fn account_data(
        &self,
        user_id: &UserId,
        room_id: Option<&RoomId>,
        kind: &str,
    ) -> StoreResult<Option<AccountData>>;

    /// All account data of a user as it is now, global and of every room, without what was deleted.
    async fn all_account_data(&self, user_id: &UserId) -> StoreResult<Vec<AccountData>>;

    /// All account data of one room, without what was deleted.
    async fn room_account_data(
        &self,
        user_id: &UserId,
        room_id: &RoomId,
    ) -> StoreResult<Vec<AccountData>>;

    /// What last changed after `since` and up to `upto`, oldest first, deletions included.
    async fn account_data_changes(
        &self,
        user_id: &UserId,
        since: Position,
        upto: Position,
    ) -> StoreResult<Vec<AccountData>>;

    /// Saves a filter. Equal texts of one user share an id; ids are never reused.
    async fn save_filter(&self, user_id: &UserId, json: &str) -> StoreResult<SaveFilterOutcome>;

    /// A saved filter's JSON text.
    async fn filter(&self, user_id: &UserId, filter_id: u64) -> StoreResult<Option<String>>;
}
