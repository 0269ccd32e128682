// SPDX-License-Identifier: Apache-2.0
//! Many small questions in one visit to a reading connection.

use std::sync::Arc;

use estafette_core::{
    event::Event,
    ids::{RoomId, UserId},
};
use rusqlite::Connection;

use super::{SqliteStore, room_reads};
use crate::{
    Position, StoreResult,
    rooms::{
        Receipt, StateHistory, StoredEvent, StoredRoom, TimelineRange, UnreadCounts, UnreadInThread,
    },
};

/// One snapshot of the store, asked from the thread that reads it. The answers are those of the
/// calls of the same name of [`crate::RoomStore`].
pub struct Look<'c> {
    conn: &'c Connection,
}

impl SqliteStore {
    /// Runs `questions` on a reading connection, in one snapshot. A call of the store goes to
    /// another thread and back, which costs more than most answers: whoever has a question for each
    /// of many rooms asks them here.
    pub async fn look<T, F>(&self, questions: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&Look<'_>) -> StoreResult<T> + Send + 'static,
    {
        self.read(move |conn| questions(&Look { conn })).await
    }
}

impl Look<'_> {
    /// See [`crate::RoomStore::load_room`].
    pub fn load_room(&self, room_id: &RoomId, limit: usize) -> StoreResult<Option<StoredRoom>> {
        room_reads::load_room(self.conn, room_id, limit)
    }

    /// See [`crate::RoomStore::timeline`].
    pub fn timeline(
        &self,
        room_id: &RoomId,
        range: TimelineRange,
    ) -> StoreResult<Vec<StoredEvent>> {
        room_reads::timeline(self.conn, room_id, range)
    }

    /// See [`crate::RoomStore::state_changes`].
    pub fn state_changes(
        &self,
        room_id: &RoomId,
        after: Position,
        upto: Position,
    ) -> StoreResult<Vec<Arc<Event>>> {
        room_reads::state_changes(self.conn, room_id, after, upto)
    }

    /// See [`crate::RoomStore::state_history`].
    pub fn state_history(
        &self,
        room_id: &RoomId,
        keys: &[(String, String)],
    ) -> StoreResult<Vec<StateHistory>> {
        room_reads::state_history(self.conn, room_id, keys)
    }

    /// See [`crate::RoomStore::receipts`].
    pub fn receipts(&self, room_id: &RoomId, after: Position) -> StoreResult<Vec<Receipt>> {
        room_reads::receipts(self.conn, room_id, after)
    }

    /// See [`crate::RoomStore::receipts_by`].
    pub fn receipts_by(&self, room_id: &RoomId, user_id: &UserId) -> StoreResult<Vec<Receipt>> {
        room_reads::receipts_by(self.conn, room_id, user_id)
    }

    /// See [`crate::RoomStore::last_sent_by`].
    pub fn last_sent_by(
        &self,
        room_id: &RoomId,
        user_id: &UserId,
        range: (Position, Position),
    ) -> StoreResult<Position> {
        room_reads::last_sent_by(self.conn, room_id, user_id, range)
    }

    /// See [`crate::RoomStore::unread_counts`].
    pub fn unread_counts(
        &self,
        room_id: &RoomId,
        user_id: &UserId,
        (after, upto): (Position, Position),
    ) -> StoreResult<UnreadCounts> {
        room_reads::unread_counts(self.conn, room_id, user_id, after, upto)
    }

    /// See [`crate::RoomStore::unread_in_threads`].
    pub fn unread_in_threads(
        &self,
        room_id: &RoomId,
        user_id: &UserId,
        range: (Position, Position),
        limit: usize,
    ) -> StoreResult<Vec<UnreadInThread>> {
        room_reads::unread_in_threads(self.conn, room_id, user_id, range, limit)
    }
}
