// SPDX-License-Identifier: Apache-2.0
//! Pushers and progress of pushing on the embedded engine.

use async_trait::async_trait;
use estafette_core::ids::{DeviceId, EventId, RoomId, UserId};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::SqliteStore;
use crate::{
    Position, PushStore, StoreError, StoreResult,
    push::{AppserviceProgress, Outgoing, PushProgress, Pusher},
};

const PUSHER_COLUMNS: &str = "nid, user_id, app_id, pushkey, kind, app_display_name, \
    device_display_name, profile_tag, lang, data, enabled, device_id, set_ts";

#[async_trait]
impl PushStore for SqliteStore {
    async fn set_pusher(&self, pusher: Pusher, append: bool, max: u64) -> StoreResult<bool> {
        self.write(move |tx| set_pusher(tx.conn, &pusher, append, max)).await
    }

    async fn remove_pusher(
        &self,
        user_id: &UserId,
        app_id: &str,
        pushkey: &str,
    ) -> StoreResult<bool> {
        let (user_id, app_id, pushkey) = (user_id.clone(), app_id.to_owned(), pushkey.to_owned());
        self.write(move |tx| {
            let sql = "SELECT nid FROM pusher WHERE pushkey = ?1 AND app_id = ?2 AND user_id = ?3";
            let nids = nids(tx.conn, sql, (&pushkey, &app_id, user_id.as_str()))?;
            remove(tx.conn, &nids)?;
            Ok(!nids.is_empty())
        })
        .await
    }

    async fn remove_rejected(&self, pusher_nid: i64) -> StoreResult<()> {
        self.write(move |tx| remove(tx.conn, &[pusher_nid])).await
    }

    async fn pushers(&self, user_id: Option<&UserId>) -> StoreResult<Vec<(i64, Pusher)>> {
        let user_id = user_id.cloned();
        self.read(move |conn| {
            let of_user = if user_id.is_some() { "WHERE user_id = ?1" } else { "" };
            let sql = format!("SELECT {PUSHER_COLUMNS} FROM pusher {of_user} ORDER BY nid");
            let mut statement = conn.prepare_cached(&sql)?;
            let mut rows = match &user_id {
                Some(user_id) => statement.query((user_id.as_str(),))?,
                None => statement.query(())?,
            };
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                found.push((row.get(0)?, pusher(row)?));
            }
            Ok(found)
        })
        .await
    }

    async fn push_progress(&self) -> StoreResult<(Position, Vec<Outgoing>)> {
        self.read(|conn| {
            let pos: i64 = conn.query_row("SELECT pos FROM push_progress", (), |row| row.get(0))?;
            let mut statement = conn.prepare_cached(
                "SELECT pusher_nid, pos, room_id, event_id, tweaks, ts FROM push_outbox
                 ORDER BY pos",
            )?;
            let mut rows = statement.query(())?;
            let mut waiting = Vec::new();
            while let Some(row) = rows.next()? {
                waiting.push(outgoing(row)?);
            }
            Ok((Position(pos.cast_unsigned()), waiting))
        })
        .await
    }

    async fn save_push_progress(&self, progress: PushProgress) -> StoreResult<()> {
        self.write(move |tx| save_progress(tx.conn, &progress)).await
    }

    async fn appservice_progress(
        &self,
        appservice_id: &str,
        start: Position,
    ) -> StoreResult<AppserviceProgress> {
        let id = appservice_id.to_owned();
        let known = self.read(move |conn| appservice_progress(conn, &id)).await?;
        if let Some(known) = known {
            return Ok(known);
        }
        let fresh = AppserviceProgress { pos: start, ..AppserviceProgress::default() };
        self.save_appservice_progress(appservice_id, fresh.clone()).await?;
        Ok(fresh)
    }

    async fn save_appservice_progress(
        &self,
        appservice_id: &str,
        progress: AppserviceProgress,
    ) -> StoreResult<()> {
        let id = appservice_id.to_owned();
        self.write(move |tx| {
            let (pending, pending_pos) = progress.pending.unzip();
            tx.conn
                .prepare_cached(
                    "INSERT INTO appservice_progress
                        (appservice_id, pos, txn_id, pending, pending_pos)
                     VALUES (?1, ?2, ?3, ?4, ?5)
                     ON CONFLICT DO UPDATE SET pos = excluded.pos, txn_id = excluded.txn_id,
                        pending = excluded.pending, pending_pos = excluded.pending_pos",
                )?
                .execute((
                    id,
                    progress.pos.0.cast_signed(),
                    progress.txn_id.cast_signed(),
                    pending,
                    pending_pos.map(|pos| pos.0.cast_signed()),
                ))?;
            Ok(())
        })
        .await
    }
}

/// Removes the pushers that a device made (E10): part of the transaction that deletes the device.
pub(super) fn remove_pushers_of_device(
    conn: &Connection,
    user_id: &UserId,
    device_id: &DeviceId,
) -> StoreResult<()> {
    let sql = "SELECT nid FROM pusher WHERE user_id = ?1 AND device_id = ?2";
    let nids = nids(conn, sql, (user_id.as_str(), device_id.as_str()))?;
    remove(conn, &nids)
}

fn set_pusher(conn: &Connection, pusher: &Pusher, append: bool, max: u64) -> StoreResult<bool> {
    let user = pusher.user_id.as_str();
    let key = (&pusher.pushkey, &pusher.app_id, user);
    let own = "SELECT nid FROM pusher WHERE pushkey = ?1 AND app_id = ?2 AND user_id = ?3";
    let known = nids(conn, own, key)?;
    if known.is_empty() {
        let count: i64 = conn
            .prepare_cached("SELECT count(*) FROM pusher WHERE user_id = ?1")?
            .query_row((user,), |row| row.get(0))?;
        if count.cast_unsigned() >= max {
            return Ok(false);
        }
    }
    if !append {
        let others = "SELECT nid FROM pusher WHERE pushkey = ?1 AND app_id = ?2 AND user_id <> ?3";
        remove(conn, &nids(conn, others, key)?)?;
    }
    conn.prepare_cached(
        "INSERT INTO pusher (user_id, app_id, pushkey, kind, app_display_name,
            device_display_name, profile_tag, lang, data, enabled, device_id, set_ts)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
         ON CONFLICT (pushkey, app_id, user_id) DO UPDATE SET kind = excluded.kind,
            app_display_name = excluded.app_display_name,
            device_display_name = excluded.device_display_name,
            profile_tag = excluded.profile_tag, lang = excluded.lang, data = excluded.data,
            enabled = excluded.enabled, device_id = excluded.device_id, set_ts = excluded.set_ts",
    )?
    .execute(params![
        user,
        pusher.app_id,
        pusher.pushkey,
        pusher.kind,
        pusher.app_display_name,
        pusher.device_display_name,
        pusher.profile_tag,
        pusher.lang,
        pusher.data,
        pusher.enabled,
        pusher.device_id.as_ref().map(DeviceId::as_str),
        pusher.set_ms,
    ])?;
    Ok(true)
}

fn nids(conn: &Connection, sql: &str, params: impl rusqlite::Params) -> StoreResult<Vec<i64>> {
    let mut statement = conn.prepare_cached(sql)?;
    let nids = statement.query_map(params, |row| row.get(0))?;
    Ok(nids.collect::<Result<_, _>>()?)
}

fn remove(conn: &Connection, nids: &[i64]) -> StoreResult<()> {
    for nid in nids {
        conn.prepare_cached("DELETE FROM push_outbox WHERE pusher_nid = ?1")?.execute((nid,))?;
        conn.prepare_cached("DELETE FROM pusher WHERE nid = ?1")?.execute((nid,))?;
    }
    Ok(())
}

fn save_progress(conn: &Connection, progress: &PushProgress) -> StoreResult<()> {
    let mut insert = conn.prepare_cached(
        "INSERT OR IGNORE INTO push_outbox (pusher_nid, pos, room_id, event_id, tweaks, ts)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6 WHERE EXISTS (SELECT 1 FROM pusher WHERE nid = ?1)",
    )?;
    for outgoing in &progress.waiting {
        insert.execute((
            outgoing.pusher_nid,
            outgoing.pos.0.cast_signed(),
            outgoing.room_id.as_str(),
            outgoing.event_id.as_str(),
            &outgoing.tweaks,
            outgoing.ts_ms,
        ))?;
    }
    let mut delete =
        conn.prepare_cached("DELETE FROM push_outbox WHERE pusher_nid = ?1 AND pos = ?2")?;
    for (pusher_nid, pos) in &progress.done {
        delete.execute((pusher_nid, pos.0.cast_signed()))?;
    }
    conn.prepare_cached("UPDATE push_progress SET pos = ?1 WHERE pos < ?1")?
        .execute((progress.pos.0.cast_signed(),))?;
    Ok(())
}

fn appservice_progress(conn: &Connection, id: &str) -> StoreResult<Option<AppserviceProgress>> {
    let mut statement = conn.prepare_cached(
        "SELECT pos, txn_id, pending, pending_pos FROM appservice_progress
         WHERE appservice_id = ?1",
    )?;
    let found = statement.query_row((id,), |row| {
        let position = |pos: i64| Position(pos.cast_unsigned());
        let pending: Option<String> = row.get(2)?;
        let pending_pos: Option<i64> = row.get(3)?;
        Ok(AppserviceProgress {
            pos: position(row.get(0)?),
            txn_id: row.get::<_, i64>(1)?.cast_unsigned(),
            pending: pending.zip(pending_pos.map(position)),
        })
    });
    Ok(found.optional()?)
}

fn pusher(row: &Row<'_>) -> StoreResult<Pusher> {
    let device_id: Option<String> = row.get(11)?;
    Ok(Pusher {
        user_id: UserId::parse(&row.get::<_, String>(1)?).map_err(corrupt)?,
        app_id: row.get(2)?,
        pushkey: row.get(3)?,
        kind: row.get(4)?,
        app_display_name: row.get(5)?,
        device_display_name: row.get(6)?,
        profile_tag: row.get(7)?,
        lang: row.get(8)?,
        data: row.get(9)?,
        enabled: row.get(10)?,
        device_id: device_id.map(|id| DeviceId::parse(&id)).transpose().map_err(corrupt)?,
        set_ms: row.get(12)?,
    })
}

fn outgoing(row: &Row<'_>) -> StoreResult<Outgoing> {
    Ok(Outgoing {
        pusher_nid: row.get(0)?,
        pos: Position(row.get::<_, i64>(1)?.cast_unsigned()),
        room_id: RoomId::parse(&row.get::<_, String>(2)?).map_err(corrupt)?,
        event_id: EventId::parse(&row.get::<_, String>(3)?).map_err(corrupt)?,
        tweaks: row.get(4)?,
        ts_ms: row.get(5)?,
    })
}

fn corrupt(error: impl std::fmt::Display) -> StoreError {
    StoreError::Corrupt(error.to_string())
}
