// SPDX-License-Identifier: Apache-2.0
//! Links by which somebody chooses a password, once.

use estafette_core::ids::UserId;
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::{
    StoreResult,
    accounts::{Devices, PasswordHash, TokenHash},
    identity::PasswordLink,
    sqlite::{
        Tx,
        accounts::{devices, life},
        device_rows::{self, Indexes},
    },
};

/// Makes a link; those before it end. Those whose time is over are removed on this occasion.
pub(in crate::sqlite) fn put(
    conn: &Connection,
    user_id: &UserId,
    link: &PasswordLink,
    now_ms: i64,
) -> StoreResult<()> {
    conn.prepare_cached("DELETE FROM password_link WHERE expires_ts <= ?1")?.execute((now_ms,))?;
    end(conn, user_id)?;
    conn.prepare_cached(
        "INSERT INTO password_link (sha256, user_id, expires_ts) VALUES (?1, ?2, ?3)",
    )?
    .execute(params![link.token.0, user_id.as_str(), link.expires_ms])?;
    Ok(())
}

/// Whose password a link chooses. Nobody's while the account is locked.
pub(super) fn owner(
    conn: &Connection,
    token: &TokenHash,
    now_ms: i64,
) -> StoreResult<Option<UserId>> {
    let user_id: Option<String> = conn
        .prepare_cached(
            "SELECT l.user_id FROM password_link l JOIN account a ON a.user_id = l.user_id
             WHERE l.sha256 = ?1 AND l.expires_ts > ?2 AND a.deactivated = 0 AND a.locked = 0",
        )?
        .query_row(params![token.0, now_ms], |row| row.get(0))
        .optional()?;
    user_id.map(|user_id| device_rows::user(&user_id)).transpose()
}

/// Uses a link up: the password changes, and every session ends.
pub(super) fn use_up(
    indexes: &Indexes,
    tx: &mut Tx<'_>,
    token: &TokenHash,
    hash: &PasswordHash,
    now_ms: i64,
) -> StoreResult<Option<UserId>> {
    let Some(user_id) = owner(tx.conn, token, now_ms)? else { return Ok(None) };
    life::set_password(tx.conn, &user_id, Some(hash))?;
    devices::delete(indexes, tx, &user_id, &Devices::All)?;
    Ok(Some(user_id))
}

/// Ends the links of somebody.
pub(in crate::sqlite) fn end(conn: &Connection, user_id: &UserId) -> StoreResult<()> {
    conn.prepare_cached("DELETE FROM password_link WHERE user_id = ?1")?
        .execute((user_id.as_str(),))?;
    Ok(())
}
