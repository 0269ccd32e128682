// SPDX-License-Identifier: Apache-2.0
//! Queues of to-device messages: one append per message, one index to find a device's own.

use async_trait::async_trait;
use estafette_core::ids::{DeviceId, UserId};
use rusqlite::{Connection, OptionalExtension as _};
use sha2::{Digest as _, Sha256};

use super::{SqliteStore, Tx, device_rows};
use crate::{
    FactKind, Position, StoreResult,
    to_device::{ToDeviceMessage, ToDeviceStore, ToDeviceTxn},
};

#[async_trait]
impl ToDeviceStore for SqliteStore {
    async fn send_to_device(
        &self,
        txn: Option<ToDeviceTxn>,
        messages: Vec<ToDeviceMessage>,
    ) -> StoreResult<()> {
        self.write(move |tx| {
            if let Some(txn) = txn
                && !remember_txn(tx, &txn)?
            {
                return Ok(());
            }
            messages.iter().try_for_each(|message| queue(tx, message))
        })
        .await
    }

    async fn to_device_after(
        &self,
        user_id: &UserId,
        device_id: &DeviceId,
        td: Position,
        limit: usize,
    ) -> StoreResult<Vec<(Position, String)>> {
        let index = &self.inner.key_index;
        let Some((_, last)) = index.waiting(user_id, device_id).filter(|(_, last)| *last != td)
        else {
            return Ok(Vec::new());
        };
        let (user, device) = (user_id.clone(), device_id.clone());
        let messages = self
            .read(move |conn| {
                let Some(nid) = device_rows::nid(conn, &user, &device)? else {
                    return Ok(Vec::new());
                };
                let after = if is_waiting(conn, nid, td)? { td } else { Position(0) };
                waiting_after(conn, nid, after, limit)
            })
            .await?;
        if messages.is_empty() && limit > 0 {
            index.nothing_waits(user_id, device_id, last);
        }
        Ok(messages)
    }

    async fn acknowledge_to_device(
        &self,
        user_id: &UserId,
        device_id: &DeviceId,
        td: Position,
    ) -> StoreResult<()> {
        match self.inner.key_index.waiting(user_id, device_id) {
            Some((first, last)) if first <= td && td <= last => {}
            _ => return Ok(()),
        }
        let (user_id, device_id) = (user_id.clone(), device_id.clone());
        let index = std::sync::Arc::clone(&self.inner.key_index);
        self.write(move |tx| {
            let Some(nid) = device_rows::nid(tx.conn, &user_id, &device_id)? else {
                return Ok(());
            };
            // E2: only a number that this device was given acknowledges.
            if !is_waiting(tx.conn, nid, td)? {
                return Ok(());
            }
            tx.conn
                .prepare_cached("DELETE FROM to_device WHERE device_nid = ?1 AND pos <= ?2")?
                .execute((nid, td.0.cast_signed()))?;
            let first = oldest(tx.conn, nid)?;
            tx.after_commit(move || index.acknowledged(&user_id, &device_id, first));
            Ok(())
        })
        .await
    }

    fn last_to_device(&self, user_id: &UserId, device_id: &DeviceId) -> Position {
        let waiting = self.inner.key_index.waiting(user_id, device_id);
        waiting.map_or(Position(0), |(_, last)| last)
    }
}

/// Remembers a request; `false` when it was carried out before.
fn remember_txn(tx: &Tx<'_>, txn: &ToDeviceTxn) -> StoreResult<bool> {
    let device_nid = match &txn.device_id {
        Some(device_id) => device_rows::nid(tx.conn, &txn.sender, device_id)?.unwrap_or(0),
        None => 0,
    };
    let mut hash = Sha256::new();
    for part in [txn.sender.as_str(), &txn.event_type, &txn.txn_id] {
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    let hash = hash.finalize();
    let half = hash.get(..16).unwrap_or_default();
    let added = tx
        .conn
        .prepare_cached("INSERT OR IGNORE INTO to_device_txn (device_nid, hash) VALUES (?1, ?2)")?
        .execute((device_nid, half))?;
    Ok(added > 0)
}

fn queue(tx: &mut Tx<'_>, message: &ToDeviceMessage) -> StoreResult<()> {
    match &message.device_id {
        Some(device_id) => {
            if let Some(nid) = device_rows::nid(tx.conn, &message.user_id, device_id)? {
                append(tx, nid, message, device_id.clone())?;
            }
        }
        None => {
            for device in device_rows::of_user(tx.conn, &message.user_id)? {
                append(tx, device.nid, message, device.device_id)?;
            }
        }
    }
    Ok(())
}

fn append(
    tx: &mut Tx<'_>,
    nid: i64,
    message: &ToDeviceMessage,
    device_id: DeviceId,
) -> StoreResult<()> {
    let pos = tx.record(FactKind::ToDevice { user_id: message.user_id.clone(), device_id });
    tx.conn
        .prepare_cached("INSERT INTO to_device (pos, device_nid, json) VALUES (?1, ?2, ?3)")?
        .execute((pos.0.cast_signed(), nid, &*message.json))?;
    Ok(())
}

/// Whether the message at `pos` waits for the device. Once it is deleted so are all before it.
fn is_waiting(conn: &Connection, nid: i64, pos: Position) -> StoreResult<bool> {
    let mut statement =
        conn.prepare_cached("SELECT 1 FROM to_device WHERE pos = ?1 AND device_nid = ?2")?;
    Ok(statement.exists((pos.0.cast_signed(), nid))?)
}

fn waiting_after(
    conn: &Connection,
    nid: i64,
    after: Position,
    limit: usize,
) -> StoreResult<Vec<(Position, String)>> {
    let mut statement = conn.prepare_cached(
        "SELECT pos, json FROM to_device WHERE device_nid = ?1 AND pos > ?2 ORDER BY pos LIMIT ?3",
    )?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = statement.query_map((nid, after.0.cast_signed(), limit), |row| {
        Ok((Position(row.get::<_, i64>(0)?.cast_unsigned()), row.get(1)?))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn oldest(conn: &Connection, nid: i64) -> StoreResult<Option<Position>> {
    let mut statement =
        conn.prepare_cached("SELECT min(pos) FROM to_device WHERE device_nid = ?1")?;
    let oldest: Option<Option<i64>> = statement.query_row((nid,), |row| row.get(0)).optional()?;
    Ok(oldest.flatten().map(|pos| Position(pos.cast_unsigned())))
}
