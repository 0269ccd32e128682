// SPDX-License-Identifier: Apache-2.0
//! Tokens: from login over rotation to their end.

use estafette_core::{
    ids::{DeviceId, UserId},
    limits::{DEVICES_PER_USER_MAX, REFRESH_GENERATIONS_MAX, REFRESH_PAIRS_WAITING_MAX},
};
use rusqlite::{Connection, OptionalExtension as _};

use super::life;
use crate::{
    StoreResult,
    accounts::{LoginOutcome, NewLogin, RefreshOutcome, Session, TokenHash, TokenPair},
    oauth::ADMINISTRATION_SCOPE,
    sqlite::{
        Tx,
        device_rows::{self, Indexes},
        keys,
    },
};

pub(in crate::sqlite) fn log_in(
    indexes: &Indexes,
    tx: &mut Tx<'_>,
    user_id: &UserId,
    login: &NewLogin,
    now_ms: i64,
) -> StoreResult<LoginOutcome> {
    if life::active_nid(tx.conn, user_id)?.is_none() {
        return Ok(LoginOutcome::NoAccount);
    }
    let device_nid = match device_rows::nid(tx.conn, user_id, &login.device_id)? {
        Some(nid) if is_dehydrated(tx.conn, user_id, nid)? => {
            return Ok(LoginOutcome::IsDehydrated);
        }
        Some(nid) => {
            let ended = device_rows::delete_tokens(tx.conn, nid)?;
            indexes.end_after_commit(tx, user_id, ended);
            nid
        }
        None => {
            if let Some(refused) = refuse_device(tx.conn, user_id, &login.device_id)? {
                return Ok(refused);
            }
            let name = login.display_name.as_deref();
            keys::record_device_list_change(tx, user_id)?;
            device_rows::insert(tx.conn, user_id, &login.device_id, name, now_ms)?
        }
    };
    let generation: i64 = tx
        .conn
        .prepare_cached(
            "UPDATE device SET generation = generation + 1 WHERE nid = ?1 RETURNING generation",
        )?
        .query_row((device_nid,), |row| row.get(0))?;
    insert_pair(tx.conn, device_nid, generation, login.tokens)?;
    Ok(LoginOutcome::LoggedIn)
}

fn is_dehydrated(conn: &Connection, user_id: &UserId, nid: i64) -> StoreResult<bool> {
    let mut statement = conn
        .prepare_cached("SELECT 1 FROM dehydrated_device WHERE user_id = ?1 AND device_nid = ?2")?;
    Ok(statement.exists((user_id.as_str(), nid))?)
}

/// Why a new device may not be made.
pub(in crate::sqlite) fn refuse_device(
    conn: &Connection,
    user_id: &UserId,
    device_id: &DeviceId,
) -> StoreResult<Option<LoginOutcome>> {
    let is_key = conn
        .prepare_cached("SELECT 1 FROM cross_signing_key WHERE user_id = ?1 AND public_key = ?2")?
        .exists((user_id.as_str(), device_id.as_str()))?;
    if is_key {
        return Ok(Some(LoginOutcome::IsCrossSigningKey));
    }
    let devices: i64 = conn
        .prepare_cached("SELECT count(*) FROM device WHERE user_id = ?1")?
        .query_row((user_id.as_str(),), |row| row.get(0))?;
    let full = devices.cast_unsigned() >= DEVICES_PER_USER_MAX;
    Ok(full.then_some(LoginOutcome::TooManyDevices))
}

fn insert_pair(
    conn: &Connection,
    device_nid: i64,
    generation: i64,
    pair: TokenPair,
) -> StoreResult<()> {
    conn.prepare_cached(
        "INSERT INTO access_token (sha256, device_nid, generation, expires_ts)
         VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute((pair.access.0, device_nid, generation, pair.expires_ms))?;
    if let Some(refresh) = pair.refresh {
        conn.prepare_cached(
            "INSERT INTO refresh_token (sha256, device_nid, generation) VALUES (?1, ?2, ?3)",
        )?
        .execute((refresh.0, device_nid, generation))?;
    }
    Ok(())
}

pub(in crate::sqlite) fn session(
    conn: &Connection,
    token: &TokenHash,
) -> StoreResult<Option<Session>> {
    let mut statement = conn.prepare_cached(
        "SELECT d.user_id, d.device_id, d.nid, t.expires_ts, t.generation,
                t.generation <= d.generation, a.is_admin, a.locked, a.suspended, p.expires_ts,
                a.is_admin AND NOT EXISTS (
                    SELECT 1 FROM oauth_session s WHERE s.device_nid = d.nid
                    AND instr(' ' || s.scope || ' ', ' ' || ?2 || ' ') = 0)
         FROM access_token t JOIN device d ON d.nid = t.device_nid
         JOIN account a ON a.user_id = d.user_id
         LEFT JOIN person p ON p.account_nid = a.nid
         WHERE t.sha256 = ?1 AND a.deactivated = 0",
    )?;
    let mut rows = statement.query((token.0, ADMINISTRATION_SCOPE))?;
    let Some(row) = rows.next()? else { return Ok(None) };
    Ok(Some(Session {
        user_id: device_rows::user(&row.get::<_, String>(0)?)?,
        device_id: device_rows::device(&row.get::<_, String>(1)?)?,
        device_nid: row.get(2)?,
        expires_ms: row.get(3)?,
        generation: row.get(4)?,
        confirmed: row.get(5)?,
        is_admin: row.get(6)?,
        locked: row.get(7)?,
        suspended: row.get(8)?,
        account_expires_ms: row.get(9)?,
        administers: row.get(10)?,
    }))
}

/// Takes a pair into use: the one before it, and the others that were given in its place, end. One
/// that has ended itself ends nothing.
pub(in crate::sqlite) fn confirm(
    indexes: &Indexes,
    tx: &mut Tx<'_>,
    device_nid: i64,
    generation: i64,
) -> StoreResult<()> {
    let waits: Option<(i64, i64)> = tx
        .conn
        .prepare_cached(
            "SELECT d.generation, max(d.generation, coalesce(
                 (SELECT max(generation) FROM refresh_token WHERE device_nid = ?1), ?2))
             FROM device d WHERE d.nid = ?1 AND d.generation < ?2 AND (
                 EXISTS (SELECT 1 FROM access_token WHERE device_nid = ?1 AND generation = ?2) OR
                 EXISTS (SELECT 1 FROM refresh_token WHERE device_nid = ?1 AND generation = ?2))",
        )?
        .query_row((device_nid, generation), |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((before, newest)) = waits else { return Ok(()) };
    let ended = hashes(
        tx.conn,
        "DELETE FROM access_token WHERE device_nid = ?1 AND generation <> ?2 RETURNING sha256",
        (device_nid, generation),
    )?;
    // Those that were never used are no sign of a thief.
    tx.conn
        .prepare_cached(
            "DELETE FROM refresh_token
             WHERE device_nid = ?1 AND generation > ?2 AND generation <> ?3",
        )?
        .execute((device_nid, before, generation))?;
    // It takes the highest number that was given, so that none is ever given again.
    for sql in [
        "UPDATE access_token SET generation = ?3 WHERE device_nid = ?1 AND generation = ?2",
        "UPDATE refresh_token SET generation = ?3 WHERE device_nid = ?1 AND generation = ?2",
        "UPDATE device SET generation = ?3 WHERE nid = ?1 AND generation < ?2",
    ] {
        tx.conn.prepare_cached(sql)?.execute((device_nid, generation, newest))?;
    }
    if let Some((user_id, _)) = device_rows::name(tx.conn, device_nid)? {
        indexes.end_after_commit(tx, &user_id, ended);
    }
    keep_newest(tx.conn, device_nid, -1, REFRESH_GENERATIONS_MAX + 1)
}

/// Forgets all but the newest `kept` refresh tokens of a device that come after `after`.
fn keep_newest(conn: &Connection, device_nid: i64, after: i64, kept: u64) -> StoreResult<()> {
    conn.prepare_cached(
        "DELETE FROM refresh_token WHERE device_nid = ?1 AND generation > ?2 AND generation <= (
             SELECT generation FROM refresh_token WHERE device_nid = ?1 AND generation > ?2
             ORDER BY generation DESC LIMIT 1 OFFSET ?3)",
    )?
    .execute((device_nid, after, kept.cast_signed()))?;
    Ok(())
}

pub(in crate::sqlite) fn refresh(
    indexes: &Indexes,
    tx: &mut Tx<'_>,
    token: &TokenHash,
    pair: TokenPair,
) -> StoreResult<RefreshOutcome> {
    let found: Option<(String, String, i64, i64, i64, bool)> = tx
        .conn
        .prepare_cached(
            "SELECT d.user_id, d.device_id, d.nid, d.generation, t.generation, a.locked
             FROM refresh_token t JOIN device d ON d.nid = t.device_nid
             JOIN account a ON a.user_id = d.user_id
             WHERE t.sha256 = ?1 AND a.deactivated = 0",
        )?
        .query_row((token.0,), |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?))
        })
        .optional()?;
    let Some((user_id, device_id, device_nid, in_use, generation, locked)) = found else {
        return Ok(RefreshOutcome::Unknown);
    };
    if locked {
        return Ok(RefreshOutcome::Locked);
    }
    if generation < in_use {
        let user_id = device_rows::user(&user_id)?;
        let ended = device_rows::delete_tokens(tx.conn, device_nid)?;
        indexes.end_after_commit(tx, &user_id, ended);
        return Ok(RefreshOutcome::Reused { user_id, device_id: device_rows::device(&device_id)? });
    }
    // The token itself may be of a pair that waits, which is taken into use by this.
    if generation > in_use {
        confirm(indexes, tx, device_nid, generation)?;
    }
    give_pair(tx.conn, device_nid, pair)?;
    Ok(RefreshOutcome::Refreshed)
}

/// Adds a pair in place of the one that is in use. Those that wait already were given in answers
/// that may have got lost, or come late: which of them the client has shows with the first use.
fn give_pair(conn: &Connection, device_nid: i64, pair: TokenPair) -> StoreResult<()> {
    let in_use: i64 = conn
        .prepare_cached("SELECT generation FROM device WHERE nid = ?1")?
        .query_row((device_nid,), |row| row.get(0))?;
    let newest: i64 = conn
        .prepare_cached("SELECT max(generation) FROM refresh_token WHERE device_nid = ?1")?
        .query_row((device_nid,), |row| row.get(0))?;
    keep_newest(conn, device_nid, in_use, REFRESH_PAIRS_WAITING_MAX.saturating_sub(1))?;
    conn.prepare_cached(
        "DELETE FROM access_token WHERE device_nid = ?1 AND generation > ?2 AND generation NOT IN
             (SELECT generation FROM refresh_token WHERE device_nid = ?1)",
    )?
    .execute((device_nid, in_use))?;
    insert_pair(conn, device_nid, newest + 1, pair)
}

/// Makes the user's sessions be read again once the commit is durable.
pub(in crate::sqlite) fn forget_after_commit(
    indexes: &Indexes,
    tx: &mut Tx<'_>,
    user_id: &UserId,
) -> StoreResult<()> {
    let changed = hashes(
        tx.conn,
        "SELECT sha256 FROM access_token
         WHERE device_nid IN (SELECT nid FROM device WHERE user_id = ?1)",
        (user_id.as_str(),),
    )?;
    indexes.end_after_commit(tx, user_id, changed);
    Ok(())
}

fn hashes(
    conn: &Connection,
    sql: &str,
    parameters: impl rusqlite::Params,
) -> StoreResult<Vec<TokenHash>> {
    let mut statement = conn.prepare_cached(sql)?;
    let found = statement.query_map(parameters, |row| Ok(TokenHash(row.get(0)?)))?;
    Ok(found.collect::<Result<_, _>>()?)
}
