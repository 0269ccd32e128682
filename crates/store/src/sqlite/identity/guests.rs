// SPDX-License-Identifier: Apache-2.0
//! Invitations of strangers.

use estafette_core::ids::UserId;
use rusqlite::{Connection, OptionalExtension as _};

use crate::{StoreResult, identity::GuestInvitation};

pub(in crate::sqlite) fn invite(conn: &Connection, new: &GuestInvitation) -> StoreResult<()> {
    conn.prepare_cached(
        "INSERT OR REPLACE INTO guest_invitation (address, invited_by, expires_ts)
         VALUES (?1, ?2, ?3)",
    )?
    .execute((&new.address, &new.invited_by, new.expires_ms))?;
    Ok(())
}

/// Lets a guest sign up who was invited to a room. An invitation that is pending already keeps its
/// sponsor and lasts as long as the longer of both. Whether the right to sign up is new.
pub(in crate::sqlite) fn open(
    conn: &Connection,
    address: &str,
    sender: &UserId,
    (now_ms, expires_ms): (i64, i64),
) -> StoreResult<bool> {
    if is_invited(conn, address, now_ms)? {
        conn.prepare_cached(
            "UPDATE guest_invitation SET expires_ts = max(expires_ts, ?2) WHERE address = ?1",
        )?
        .execute((address, expires_ms))?;
        return Ok(false);
    }
    let (address, invited_by) = (address.to_owned(), sender.to_string());
    invite(conn, &GuestInvitation { address, invited_by, expires_ms })?;
    Ok(true)
}

/// The invitation to a room that had opened the way in is over; another inviter's goes on.
pub(in crate::sqlite) fn hand_on(
    conn: &Connection,
    address: &str,
    (from, to): (&str, &str),
    expires_ms: i64,
) -> StoreResult<()> {
    conn.prepare_cached(
        "UPDATE guest_invitation SET invited_by = ?3, expires_ts = ?4
         WHERE address = ?1 AND invited_by = ?2",
    )?
    .execute((address, from, to, expires_ms))?;
    Ok(())
}

/// The invitation to a room that had opened the way in is over, and there is no other.
pub(in crate::sqlite) fn close(conn: &Connection, address: &str, sender: &str) -> StoreResult<()> {
    conn.prepare_cached("DELETE FROM guest_invitation WHERE address = ?1 AND invited_by = ?2")?
        .execute((address, sender))?;
    Ok(())
}

pub(in crate::sqlite) fn is_invited(
    conn: &Connection,
    address: &str,
    now_ms: i64,
) -> StoreResult<bool> {
    let mut statement = conn
        .prepare_cached("SELECT 1 FROM guest_invitation WHERE address = ?1 AND expires_ts > ?2")?;
    Ok(statement.exists((address, now_ms))?)
}

pub(super) fn pending(
    conn: &Connection,
    now_ms: i64,
    from: u64,
    limit: u64,
) -> StoreResult<(Vec<GuestInvitation>, u64)> {
    let total: i64 = conn
        .prepare_cached("SELECT count(*) FROM guest_invitation WHERE expires_ts > ?1")?
        .query_row((now_ms,), |row| row.get(0))?;
    let mut statement = conn.prepare_cached(
        "SELECT address, invited_by, expires_ts FROM guest_invitation WHERE expires_ts > ?1
         ORDER BY address LIMIT ?2 OFFSET ?3",
    )?;
    let rows = statement.query_map((now_ms, limit.cast_signed(), from.cast_signed()), |row| {
        Ok(GuestInvitation {
            address: row.get(0)?,
            invited_by: row.get(1)?,
            expires_ms: row.get(2)?,
        })
    })?;
    Ok((rows.collect::<Result<_, _>>()?, total.cast_unsigned()))
}

/// Takes an invitation back, or uses it up in the transaction of the account that it makes. By whom
/// it was; `None`: there was none.
pub(in crate::sqlite) fn end(conn: &Connection, address: &str) -> StoreResult<Option<String>> {
    let mut statement = conn
        .prepare_cached("DELETE FROM guest_invitation WHERE address = ?1 RETURNING invited_by")?;
    Ok(statement.query_row((address,), |row| row.get(0)).optional()?)
}

/// Forgets the invitations that nobody used in time.
pub(in crate::sqlite) fn sweep(conn: &Connection, now_ms: i64) -> StoreResult<()> {
    conn.prepare_cached("DELETE FROM guest_invitation WHERE expires_ts <= ?1")?
        .execute((now_ms,))?;
    Ok(())
}
