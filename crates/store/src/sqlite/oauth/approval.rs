// SPDX-License-Identifier: Apache-2.0
//! Leave to replace cross-signing keys.

use estafette_core::ids::{DeviceId, UserId};
use rusqlite::Connection;

use crate::StoreResult;

pub(super) fn put(
    conn: &Connection,
    user_id: &UserId,
    device_id: Option<&DeviceId>,
    expires_ms: i64,
) -> StoreResult<()> {
    // One at a time, so that a user has no pile of them.
    conn.prepare_cached("DELETE FROM cross_signing_approval WHERE user_id = ?1")?
        .execute((user_id.as_str(),))?;
    conn.prepare_cached(
        "INSERT INTO cross_signing_approval (user_id, device_id, expires_ts) VALUES (?1, ?2, ?3)",
    )?
    .execute((user_id.as_str(), device_id.map_or("", DeviceId::as_str), expires_ms))?;
    Ok(())
}

pub(super) fn is_given(
    conn: &Connection,
    user_id: &UserId,
    device_id: Option<&DeviceId>,
    now_ms: i64,
) -> StoreResult<bool> {
    let mut statement = conn.prepare_cached(
        "SELECT 1 FROM cross_signing_approval
         WHERE user_id = ?1 AND expires_ts > ?2 AND (?3 IS NULL OR device_id IN ('', ?3))",
    )?;
    Ok(statement.exists((user_id.as_str(), now_ms, device_id.map(DeviceId::as_str)))?)
}

pub(super) fn take(
    conn: &Connection,
    user_id: &UserId,
    device_id: &DeviceId,
    now_ms: i64,
) -> StoreResult<bool> {
    let taken = conn
        .prepare_cached(
            "DELETE FROM cross_signing_approval
             WHERE user_id = ?1 AND device_id IN ('', ?2) AND expires_ts > ?3",
        )?
        .execute((user_id.as_str(), device_id.as_str(), now_ms))?;
    Ok(taken > 0)
}
