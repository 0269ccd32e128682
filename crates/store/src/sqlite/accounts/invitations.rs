// SPDX-License-Identifier: Apache-2.0
//! Registration tokens.

use rusqlite::Connection;

use crate::{StoreResult, accounts::RegistrationToken};

pub(in crate::sqlite) fn put(conn: &Connection, token: &RegistrationToken) -> StoreResult<()> {
    conn.prepare_cached(
        "INSERT INTO registration_token (token, uses_allowed, used, expires_ts)
         VALUES (?1, ?2, ?3, ?4) ON CONFLICT (token) DO UPDATE
         SET uses_allowed = excluded.uses_allowed, expires_ts = excluded.expires_ts",
    )?
    .execute((
        &token.token,
        token.uses_allowed.map(u64::cast_signed),
        token.used.cast_signed(),
        token.expires_ms,
    ))?;
    Ok(())
}

pub(in crate::sqlite) fn list(
    conn: &Connection,
    only: Option<&str>,
) -> StoreResult<Vec<RegistrationToken>> {
    let mut statement = conn.prepare_cached(
        "SELECT token, uses_allowed, used, expires_ts FROM registration_token
         WHERE ?1 IS NULL OR token = ?1 ORDER BY token",
    )?;
    let found = statement.query_map((only,), |row| {
        Ok(RegistrationToken {
            token: row.get(0)?,
            uses_allowed: row.get::<_, Option<i64>>(1)?.map(i64::cast_unsigned),
            used: row.get::<_, i64>(2)?.cast_unsigned(),
            expires_ms: row.get(3)?,
        })
    })?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// Takes one use of an invitation. In the transaction of the account that it makes.
pub(in crate::sqlite) fn use_up(conn: &Connection, token: &str, now_ms: i64) -> StoreResult<bool> {
    let used = conn
        .prepare_cached(
            "UPDATE registration_token SET used = used + 1
             WHERE token = ?1 AND (uses_allowed IS NULL OR used < uses_allowed)
             AND (expires_ts IS NULL OR ?2 < expires_ts)",
        )?
        .execute((token, now_ms))?;
    Ok(used == 1)
}

pub(in crate::sqlite) fn delete(conn: &Connection, token: &str) -> StoreResult<bool> {
    let mut statement = conn.prepare_cached("DELETE FROM registration_token WHERE token = ?1")?;
    Ok(statement.execute((token,))? > 0)
}
