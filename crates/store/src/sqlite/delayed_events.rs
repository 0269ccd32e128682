// SPDX-License-Identifier: Apache-2.0
//! Delayed events on the embedded engine.

use std::sync::Arc;

use async_trait::async_trait;
use estafette_core::{
    ids::{RoomId, UserId},
    limits::DELAYED_EVENT_KEPT_MS,
};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::SqliteStore;
use crate::{
    DelayedEventStore, StoreError, StoreResult,
    delayed_events::{DelayedEnd, DelayedEvent, PutOutcome},
    rooms::Txn,
};

const WAITS: i64 = 0;
const SENT: i64 = 1;
const GIVEN_UP: i64 = 2;

const COLUMNS: &str = "delay_id, user_id, device_nid, txn_path, txn_id, room_id, type, state_key, \
    content, origin_server_ts, delay_ms, since_ms";

/// By the index `delayed_event_ended`.
pub(super) const FORGET_ENDED: &str = "DELETE FROM delayed_event WHERE state <> 0 AND due_ms < ?1";

#[async_trait]
impl DelayedEventStore for SqliteStore {
    async fn put_delayed_event(&self, event: DelayedEvent, max: u64) -> StoreResult<PutOutcome> {
        self.write(move |tx| put(tx.conn, &event, max)).await
    }

    async fn delayed_events(&self, user_id: &UserId) -> StoreResult<Vec<DelayedEvent>> {
        let user_id = user_id.clone();
        self.read(move |conn| {
            let sql = format!(
                "SELECT {COLUMNS} FROM delayed_event WHERE user_id = ?1 AND state = 0 ORDER BY nid"
            );
            events(conn, &sql, (user_id.as_str(),))
        })
        .await
    }

    async fn delayed_event(&self, delay_id: &str) -> StoreResult<Option<DelayedEvent>> {
        let delay_id = delay_id.to_owned();
        self.read(move |conn| {
            let sql =
                format!("SELECT {COLUMNS} FROM delayed_event WHERE delay_id = ?1 AND state = 0");
            Ok(events(conn, &sql, (delay_id,))?.pop())
        })
        .await
    }

    async fn restart_delayed_event(&self, delay_id: &str, now_ms: i64) -> StoreResult<bool> {
        let delay_id = delay_id.to_owned();
        self.write(move |tx| {
            let changed = tx
                .conn
                .prepare_cached(
                    "UPDATE delayed_event SET since_ms = ?2, due_ms = ?2 + delay_ms
                     WHERE delay_id = ?1 AND state = 0",
                )?
                .execute((delay_id, now_ms))?;
            Ok(changed > 0)
        })
        .await
    }

    async fn end_delayed_event(&self, delay_id: &str, end: DelayedEnd) -> StoreResult<bool> {
        let delay_id = delay_id.to_owned();
        let state = match end {
            DelayedEnd::Sent => SENT,
            DelayedEnd::GivenUp => GIVEN_UP,
        };
        self.write(move |tx| {
            let changed = tx
                .conn
                .prepare_cached(
                    "UPDATE delayed_event SET state = ?2 WHERE delay_id = ?1 AND state = 0",
                )?
                .execute((delay_id, state))?;
            Ok(changed > 0)
        })
        .await
    }

    async fn due_delayed_events(
        &self,
        now_ms: i64,
        limit: usize,
    ) -> StoreResult<(Vec<DelayedEvent>, Option<i64>)> {
        self.read(move |conn| {
            let sql = format!(
                "SELECT {COLUMNS} FROM delayed_event WHERE state = 0 AND due_ms <= ?1
                 ORDER BY due_ms, nid LIMIT ?2"
            );
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let due = events(conn, &sql, (now_ms, limit))?;
            let next = conn
                .prepare_cached(
                    "SELECT min(due_ms) FROM delayed_event WHERE state = 0 AND due_ms > ?1",
                )?
                .query_row((now_ms,), |row| row.get(0))?;
            Ok((due, next))
        })
        .await
    }
}

fn put(conn: &Connection, event: &DelayedEvent, max: u64) -> StoreResult<PutOutcome> {
    if let Some(txn) = &event.txn {
        let known: Option<String> = conn
            .prepare_cached(
                "SELECT delay_id FROM delayed_event
                 WHERE device_nid = ?1 AND txn_id = ?2 AND txn_path = ?3",
            )?
            .query_row((txn.device_nid, &*txn.txn_id, txn.path), |row| row.get(0))
            .optional()?;
        if let Some(known) = known {
            return Ok(PutOutcome::Repeated(known));
        }
    }
    let ended_before = event.since_ms.saturating_sub(DELAYED_EVENT_KEPT_MS);
    conn.prepare_cached(FORGET_ENDED)?.execute((ended_before,))?;
    let waiting: i64 = conn
        .prepare_cached("SELECT count(*) FROM delayed_event WHERE user_id = ?1 AND state = 0")?
        .query_row((event.user_id.as_str(),), |row| row.get(0))?;
    if waiting.cast_unsigned() >= max {
        return Ok(PutOutcome::TooMany);
    }
    conn.prepare_cached(
        "INSERT INTO delayed_event (delay_id, user_id, device_nid, txn_path, txn_id, room_id, type,
            state_key, content, origin_server_ts, delay_ms, since_ms, due_ms, state)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
    )?
    .execute(params![
        event.delay_id,
        event.user_id.as_str(),
        event.device_nid,
        event.txn.as_ref().map(|txn| txn.path),
        event.txn.as_ref().map(|txn| &*txn.txn_id),
        event.room_id.as_str(),
        event.kind,
        event.state_key,
        event.content,
        event.origin_server_ts,
        event.delay_ms,
        event.since_ms,
        event.due_ms(),
        WAITS,
    ])?;
    Ok(PutOutcome::Kept)
}

/// The delayed events of a device end with it (E10). Their rows go, so that the device's number
/// means nothing any more.
pub(super) fn end_with_device(conn: &Connection, device_nid: i64) -> StoreResult<()> {
    conn.prepare_cached("DELETE FROM delayed_event WHERE device_nid = ?1")?
        .execute((device_nid,))?;
    Ok(())
}

/// The delayed events of an account end with it, those of application services' users included.
pub(super) fn end_with_account(conn: &Connection, user_id: &UserId) -> StoreResult<()> {
    conn.prepare_cached("DELETE FROM delayed_event WHERE user_id = ?1")?
        .execute((user_id.as_str(),))?;
    Ok(())
}

/// Somebody changed a piece of state: what others meant to change there later is given up
/// (MSC4140, "Power levels and state").
pub(super) fn end_with_state(
    conn: &Connection,
    room_id: &str,
    (kind, state_key): (&str, &str),
    sender: &str,
) -> StoreResult<()> {
    conn.prepare_cached(
        "UPDATE delayed_event SET state = 2
         WHERE room_id = ?1 AND type = ?2 AND state_key = ?3 AND state = 0 AND user_id <> ?4",
    )?
    .execute((room_id, kind, state_key, sender))?;
    Ok(())
}

fn events(
    conn: &Connection,
    sql: &str,
    params: impl rusqlite::Params,
) -> StoreResult<Vec<DelayedEvent>> {
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    let mut events = Vec::new();
    while let Some(row) = rows.next()? {
        events.push(event(row)?);
    }
    Ok(events)
}

fn event(row: &Row<'_>) -> StoreResult<DelayedEvent> {
    let corrupt = |_| StoreError::Corrupt("a delayed event without identifiers".into());
    let device_nid: Option<i64> = row.get(2)?;
    let (path, txn_id): (Option<i64>, Option<String>) = (row.get(3)?, row.get(4)?);
    let txn = match (device_nid, path, txn_id) {
        (Some(device_nid), Some(path), Some(txn_id)) => {
            Some(Txn { device_nid, path, txn_id: Arc::from(txn_id) })
        }
        _ => None,
    };
    Ok(DelayedEvent {
        delay_id: row.get(0)?,
        user_id: UserId::parse(&row.get::<_, String>(1)?).map_err(corrupt)?,
        device_nid,
        txn,
        room_id: RoomId::parse(&row.get::<_, String>(5)?).map_err(corrupt)?,
        kind: row.get(6)?,
        state_key: row.get(7)?,
        content: row.get(8)?,
        origin_server_ts: row.get(9)?,
        delay_ms: row.get(10)?,
        since_ms: row.get(11)?,
    })
}
