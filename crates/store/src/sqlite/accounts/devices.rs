// SPDX-License-Identifier: Apache-2.0
//! Devices: listing, naming, deleting.

use estafette_core::ids::{DeviceId, UserId};
use rusqlite::{Connection, Row};

use super::{life, sessions};
use crate::{
    StoreResult,
    accounts::{Device, DeviceSeen, Devices, LoginOutcome},
    sqlite::{
        Tx,
        device_rows::{self, Indexes},
        identity::forget_browsers,
        keys, oauth,
    },
};

pub(in crate::sqlite) fn list(
    conn: &Connection,
    user_id: &UserId,
    only: Option<&DeviceId>,
) -> StoreResult<Vec<Device>> {
    let mut statement = conn.prepare_cached(
        "SELECT device_id, nid, display_name, seen_ts, seen_ip, seen_user_agent, created_ts
         FROM device WHERE user_id = ?1 AND (?2 IS NULL OR device_id = ?2) ORDER BY device_id",
    )?;
    let mut rows = statement.query((user_id.as_str(), only.map(DeviceId::as_str)))?;
    let mut devices = Vec::new();
    while let Some(row) = rows.next()? {
        devices.push(device(row)?);
    }
    Ok(devices)
}

fn device(row: &Row<'_>) -> StoreResult<Device> {
    let seen = match (row.get(3)?, row.get(4)?) {
        (Some(at_ms), Some(ip)) => Some(DeviceSeen { at_ms, ip, user_agent: row.get(5)? }),
        _ => None,
    };
    Ok(Device {
        device_id: device_rows::device(&row.get::<_, String>(0)?)?,
        nid: row.get(1)?,
        display_name: row.get(2)?,
        created_ms: row.get(6)?,
        seen,
    })
}

pub(in crate::sqlite) fn put(
    tx: &mut Tx<'_>,
    user_id: &UserId,
    device_id: &DeviceId,
    display_name: Option<&str>,
    now_ms: i64,
) -> StoreResult<LoginOutcome> {
    if life::active_nid(tx.conn, user_id)?.is_none() {
        return Ok(LoginOutcome::NoAccount);
    }
    if device_rows::nid(tx.conn, user_id, device_id)?.is_some() {
        if let Some(name) = display_name {
            rename(tx, user_id, device_id, name)?;
        }
        return Ok(LoginOutcome::LoggedIn);
    }
    if let Some(refused) = sessions::refuse_device(tx.conn, user_id, device_id)? {
        return Ok(refused);
    }
    device_rows::insert(tx.conn, user_id, device_id, display_name, now_ms)?;
    Ok(LoginOutcome::LoggedIn)
}

pub(in crate::sqlite) fn rename(
    tx: &mut Tx<'_>,
    user_id: &UserId,
    device_id: &DeviceId,
    display_name: &str,
) -> StoreResult<bool> {
    let renamed = tx
        .conn
        .prepare_cached(
            "UPDATE device SET display_name = ?3 WHERE user_id = ?1 AND device_id = ?2",
        )?
        .execute((user_id.as_str(), device_id.as_str(), display_name))?;
    if renamed > 0 {
        keys::record_device_list_change(tx, user_id)?;
    }
    Ok(renamed > 0)
}

pub(in crate::sqlite) fn delete(
    indexes: &Indexes,
    tx: &mut Tx<'_>,
    user_id: &UserId,
    devices: &Devices,
) -> StoreResult<Vec<DeviceId>> {
    if !matches!(devices, Devices::These(_)) {
        oauth::end_pending(tx.conn, user_id)?;
        // Each could let another device in.
        forget_browsers(tx.conn, user_id, None)?;
    }
    let mut deleted = Vec::new();
    for row in device_rows::of_user(tx.conn, user_id)? {
        let wanted = match devices {
            Devices::These(ids) => ids.contains(&row.device_id),
            Devices::All => true,
            Devices::AllBut(kept) => row.device_id != *kept,
        };
        if wanted {
            device_rows::delete_device_rows(indexes, tx, row.nid, user_id, &row.device_id)?;
            deleted.push(row.device_id);
        }
    }
    Ok(deleted)
}

pub(in crate::sqlite) fn note_use(
    conn: &Connection,
    uses: &[(i64, DeviceSeen)],
) -> StoreResult<()> {
    let mut update = conn.prepare_cached(
        "UPDATE device SET seen_ts = ?2, seen_ip = ?3, seen_user_agent = ?4 WHERE nid = ?1",
    )?;
    // Outlives the device: an account's last use is kept.
    let mut keep = conn.prepare_cached(
        "UPDATE account SET seen_ts = max(coalesce(seen_ts, 0), ?2)
         WHERE user_id = (SELECT user_id FROM device WHERE nid = ?1)",
    )?;
    for (nid, seen) in uses {
        update.execute((nid, seen.at_ms, &seen.ip, &seen.user_agent))?;
        keep.execute((nid, seen.at_ms))?;
    }
    Ok(())
}
