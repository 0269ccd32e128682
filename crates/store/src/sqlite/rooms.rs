// SPDX-License-Identifier: Apache-2.0
//! Rooms on the embedded engine: each promise of [`RoomStore`] as one write or one snapshot.

use std::sync::Arc;

use async_trait::async_trait;
use estafette_core::{
    event::Event,
    ids::{EventId, RoomAlias, RoomId, UserId},
};
use rusqlite::OptionalExtension as _;

use super::{SqliteStore, room_directory, room_reads, room_writes};
use crate::{
    Position, RoomStore, StoreError, StoreResult,
    rooms::{
        Direction, PublicRoom, Receipt, RelationFilter, RoomCommit, RoomList, RoomOutcome,
        StateHistory, StoredEvent, StoredRoom, TimelineRange, Txn, UnreadCounts, UnreadInThread,
        UserRoom,
    },
};

#[async_trait]
impl RoomStore for SqliteStore {
    async fn commit_room(&self, commit: RoomCommit) -> StoreResult<RoomOutcome> {
        self.write(move |tx| room_writes::commit_room(tx, commit)).await
    }

    async fn load_room(
        &self,
        room_id: &RoomId,
        timeline_limit: usize,
    ) -> StoreResult<Option<StoredRoom>> {
        let room_id = room_id.clone();
        self.read(move |conn| room_reads::load_room(conn, &room_id, timeline_limit)).await
    }

    async fn event_of_txn(&self, txn: &Txn) -> StoreResult<Option<EventId>> {
        let txn = txn.clone();
        self.read(move |conn| room_reads::event_of_txn(conn, &txn)).await
    }

    async fn event(&self, event_id: &EventId) -> StoreResult<Option<(RoomId, StoredEvent)>> {
        let event_id = event_id.clone();
        self.read(move |conn| room_reads::event(conn, &event_id)).await
    }

    async fn timeline(
        &self,
        room_id: &RoomId,
        range: TimelineRange,
    ) -> StoreResult<Vec<StoredEvent>> {
        let room_id = room_id.clone();
        self.read(move |conn| room_reads::timeline(conn, &room_id, range)).await
    }

    async fn events_between(
        &self,
        range: TimelineRange,
    ) -> StoreResult<Vec<(RoomId, StoredEvent)>> {
        self.read(move |conn| room_reads::events_between(conn, range)).await
    }

    async fn current_state(
        &self,
        room_id: &RoomId,
        keys: &[(&str, &str)],
    ) -> StoreResult<Vec<Arc<Event>>> {
        let room_id = room_id.clone();
        let owned =
            |(kind, state_key): &(&str, &str)| ((*kind).to_owned(), (*state_key).to_owned());
        let keys: Vec<_> = keys.iter().map(owned).collect();
        self.read(move |conn| room_reads::current_state(conn, &room_id, &keys)).await
    }

    async fn state_at(
        &self,
        room_id: &RoomId,
        upto: Position,
        keys: Option<&[(String, Option<String>)]>,
    ) -> StoreResult<Vec<Arc<Event>>> {
        let room_id = room_id.clone();
        let keys = keys.map(<[_]>::to_vec);
        self.read(move |conn| room_reads::state_at(conn, &room_id, upto, keys.as_deref())).await
    }

    async fn state_changes(
        &self,
        room_id: &RoomId,
        after: Position,
        upto: Position,
    ) -> StoreResult<Vec<Arc<Event>>> {
        let room_id = room_id.clone();
        self.read(move |conn| room_reads::state_changes(conn, &room_id, after, upto)).await
    }

    async fn state_history(
        &self,
        room_id: &RoomId,
        keys: &[(String, String)],
    ) -> StoreResult<Vec<StateHistory>> {
        let (room_id, keys) = (room_id.clone(), keys.to_vec());
        self.read(move |conn| room_reads::state_history(conn, &room_id, &keys)).await
    }

    async fn rooms_of(&self, user_id: &UserId) -> StoreResult<Vec<UserRoom>> {
        let user_id = user_id.clone();
        self.read(move |conn| room_reads::rooms_of(conn, &user_id)).await
    }

    async fn forget_room(&self, user_id: &UserId, room_id: &RoomId) -> StoreResult<bool> {
        let (user_id, room_id) = (user_id.clone(), room_id.clone());
        self.write(move |tx| {
            let Some(nid) = room_writes::room_nid(tx.conn, room_id.as_str())? else {
                return Ok(false);
            };
            let changed = tx
                .conn
                .prepare_cached(
                    "UPDATE membership SET forgotten = 1 WHERE user_id = ?1 AND room_nid = ?2
                        AND membership IN ('leave', 'ban')",
                )?
                .execute((user_id.as_str(), nid))?;
            Ok(changed > 0)
        })
        .await
    }

    async fn relations(
        &self,
        parent: &EventId,
        filter: &RelationFilter,
        range: TimelineRange,
    ) -> StoreResult<Vec<StoredEvent>> {
        let (parent, filter) = (parent.clone(), filter.clone());
        self.read(move |conn| room_reads::relations(conn, &parent, &filter, range)).await
    }

    async fn relations_of(
        &self,
        parents: &[EventId],
    ) -> StoreResult<Vec<(EventId, String, StoredEvent)>> {
        if parents.is_empty() {
            return Ok(Vec::new());
        }
        let parents = parents.to_vec();
        self.read(move |conn| room_reads::relations_of(conn, &parents)).await
    }

    async fn threads(
        &self,
        room_id: &RoomId,
        before: Position,
        participant: Option<&UserId>,
        limit: usize,
    ) -> StoreResult<Vec<(EventId, Position)>> {
        let (room_id, participant) = (room_id.clone(), participant.cloned());
        self.read(move |conn| {
            room_reads::threads(conn, &room_id, before, participant.as_ref(), limit)
        })
        .await
    }

    async fn events_near(
        &self,
        room_id: &RoomId,
        ts: i64,
        direction: Direction,
        limit: usize,
    ) -> StoreResult<Vec<StoredEvent>> {
        let room_id = room_id.clone();
        self.read(move |conn| room_reads::events_near(conn, &room_id, ts, direction, limit)).await
    }

    async fn alias(&self, alias: &RoomAlias) -> StoreResult<Option<(RoomId, UserId)>> {
        let alias = alias.clone();
        self.read(move |conn| {
            let row: Option<(String, String)> = conn
                .prepare_cached("SELECT room_id, creator FROM room_alias WHERE alias = ?1")?
                .query_row((alias.as_str(),), |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?;
            let Some((room_id, creator)) = row else { return Ok(None) };
            let wrong = |_| StoreError::Corrupt(format!("alias {alias}"));
            Ok(Some((
                RoomId::parse(&room_id).map_err(wrong)?,
                UserId::parse(&creator).map_err(wrong)?,
            )))
        })
        .await
    }

    async fn aliases_of(&self, room_id: &RoomId) -> StoreResult<Vec<RoomAlias>> {
        let room_id = room_id.clone();
        self.read(move |conn| {
            let mut statement =
                conn.prepare_cached("SELECT alias FROM room_alias WHERE room_id = ?1")?;
            let rows = statement.query_map((room_id.as_str(),), |row| row.get::<_, String>(0))?;
            let mut aliases = Vec::new();
            for alias in rows {
                let alias = alias?;
                let parsed = RoomAlias::parse(&alias);
                aliases.push(parsed.map_err(|_| StoreError::Corrupt(format!("alias {alias}")))?);
            }
            Ok(aliases)
        })
        .await
    }

    async fn put_alias(
        &self,
        alias: &RoomAlias,
        room_id: &RoomId,
        creator: &UserId,
    ) -> StoreResult<bool> {
        let (alias, room_id, creator) = (alias.clone(), room_id.clone(), creator.clone());
        self.write(move |tx| {
            let inserted = tx
                .conn
                .prepare_cached(
                    "INSERT INTO room_alias (alias, room_id, creator) VALUES (?1, ?2, ?3)
                     ON CONFLICT DO NOTHING",
                )?
                .execute((alias.as_str(), room_id.as_str(), creator.as_str()))?;
            Ok(inserted > 0)
        })
        .await
    }

    async fn move_aliases(&self, from: &RoomId, to: &RoomId) -> StoreResult<()> {
        let (from, to) = (from.clone(), to.clone());
        self.write(move |tx| {
            tx.conn
                .prepare_cached("UPDATE room_alias SET room_id = ?2 WHERE room_id = ?1")?
                .execute((from.as_str(), to.as_str()))?;
            Ok(())
        })
        .await
    }

    async fn delete_alias(&self, alias: &RoomAlias) -> StoreResult<bool> {
        let alias = alias.clone();
        self.write(move |tx| {
            let deleted = tx
                .conn
                .prepare_cached("DELETE FROM room_alias WHERE alias = ?1")?
                .execute((alias.as_str(),))?;
            Ok(deleted > 0)
        })
        .await
    }

    async fn is_public(&self, room_id: &RoomId) -> StoreResult<Option<bool>> {
        let room_id = room_id.clone();
        self.read(move |conn| {
            Ok(conn
                .prepare_cached("SELECT is_public FROM room WHERE room_id = ?1")?
                .query_row((room_id.as_str(),), |row| row.get(0))
                .optional()?)
        })
        .await
    }

    async fn set_public(&self, room_id: &RoomId, public: bool) -> StoreResult<()> {
        let room_id = room_id.clone();
        self.write(move |tx| {
            tx.conn
                .prepare_cached("UPDATE room SET is_public = ?2 WHERE room_id = ?1")?
                .execute((room_id.as_str(), public))?;
            Ok(())
        })
        .await
    }

    async fn list_in_network(
        &self,
        (appservice_id, network_id): (&str, &str),
        room_id: &RoomId,
        listed: bool,
    ) -> StoreResult<()> {
        let list = (appservice_id.to_owned(), network_id.to_owned());
        let room_id = room_id.clone();
        self.write(move |tx| {
            room_directory::list_in_network(tx.conn, (&list.0, &list.1), &room_id, listed)
        })
        .await
    }

    async fn public_rooms(&self, list: RoomList) -> StoreResult<Vec<PublicRoom>> {
        self.read(move |conn| room_directory::public_rooms(conn, &list)).await
    }

    async fn put_receipt(
        &self,
        room_id: &RoomId,
        receipt: Receipt,
    ) -> StoreResult<Option<Position>> {
        let room_id = room_id.clone();
        self.write(move |tx| room_writes::put_receipt(tx, &room_id, &receipt)).await
    }

    async fn receipts(&self, room_id: &RoomId, after: Position) -> StoreResult<Vec<Receipt>> {
        let room_id = room_id.clone();
        self.read(move |conn| room_reads::receipts(conn, &room_id, after)).await
    }

    async fn receipts_by(&self, room_id: &RoomId, user_id: &UserId) -> StoreResult<Vec<Receipt>> {
        let (room_id, user_id) = (room_id.clone(), user_id.clone());
        self.read(move |conn| room_reads::receipts_by(conn, &room_id, &user_id)).await
    }

    async fn last_sent_by(
        &self,
        room_id: &RoomId,
        user_id: &UserId,
        after: Position,
        upto: Position,
    ) -> StoreResult<Position> {
        let (room_id, user_id) = (room_id.clone(), user_id.clone());
        self.read(move |conn| room_reads::last_sent_by(conn, &room_id, &user_id, (after, upto)))
            .await
    }

    async fn unread_counts(
        &self,
        room_id: &RoomId,
        user_id: &UserId,
        after: Position,
        upto: Position,
    ) -> StoreResult<UnreadCounts> {
        let (room_id, user_id) = (room_id.clone(), user_id.clone());
        self.read(move |conn| room_reads::unread_counts(conn, &room_id, &user_id, after, upto))
            .await
    }

    async fn unread_in_threads(
        &self,
        room_id: &RoomId,
        user_id: &UserId,
        after: Position,
        upto: Position,
        limit: usize,
    ) -> StoreResult<Vec<UnreadInThread>> {
        let (room_id, user_id) = (room_id.clone(), user_id.clone());
        self.read(move |conn| {
            room_reads::unread_in_threads(conn, &room_id, &user_id, (after, upto), limit)
        })
        .await
    }
}
