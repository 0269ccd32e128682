// SPDX-License-Identifier: Apache-2.0
//! Browsers that somebody is signed in with.

use estafette_core::ids::UserId;
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::{
    StoreError, StoreResult,
    accounts::TokenHash,
    identity::{BrowserSession, SignedIn},
};

pub(super) fn start(
    conn: &Connection,
    cookie: &TokenHash,
    session: &BrowserSession,
) -> StoreResult<()> {
    conn.prepare_cached("DELETE FROM browser_session WHERE expires_ts <= ?1")?
        .execute((session.created_ms,))?;
    conn.prepare_cached(
        "INSERT INTO browser_session
            (sha256, user_id, created_ts, seen_ts, expires_ts, proven_ts, name)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        cookie.0,
        session.user_id.as_str(),
        session.created_ms,
        session.seen_ms,
        session.expires_ms,
        session.proven_ms,
        session.name
    ])?;
    Ok(())
}

pub(super) fn find(
    conn: &Connection,
    cookie: &TokenHash,
    now_ms: i64,
) -> StoreResult<Option<SignedIn>> {
    let row: Option<(String, i64, i64, i64, i64, Option<i64>, bool, String)> = conn
        .prepare_cached(
            "SELECT b.user_id, b.created_ts, b.seen_ts, b.expires_ts, b.proven_ts, p.expires_ts,
                a.suspended, b.name
             FROM browser_session b JOIN account a ON a.user_id = b.user_id
             LEFT JOIN person p ON p.account_nid = a.nid
             WHERE b.sha256 = ?1 AND b.expires_ts > ?2 AND a.deactivated = 0 AND a.locked = 0",
        )?
        .query_row(params![cookie.0, now_ms], |row| {
            Ok((
                row.get(0)?,
                row.get(1)?,
                row.get(2)?,
                row.get(3)?,
                row.get(4)?,
                row.get(5)?,
                row.get(6)?,
                row.get(7)?,
            ))
        })
        .optional()?;
    row.map(|(user_id, created_ms, seen_ms, expires_ms, proven_ms, ends_ms, suspended, name)| {
        let user_id = UserId::parse(&user_id)
            .map_err(|_| StoreError::Corrupt("a browser session of no user".into()))?;
        let session = BrowserSession { user_id, created_ms, proven_ms, seen_ms, expires_ms, name };
        Ok(SignedIn { session, account_expires_ms: ends_ms, suspended })
    })
    .transpose()
}

pub(super) fn of_user(
    conn: &Connection,
    user_id: &UserId,
    now_ms: i64,
) -> StoreResult<Vec<(TokenHash, BrowserSession)>> {
    let mut statement = conn.prepare_cached(
        "SELECT sha256, created_ts, seen_ts, expires_ts, proven_ts, name FROM browser_session
         WHERE user_id = ?1 AND expires_ts > ?2 ORDER BY created_ts DESC, sha256",
    )?;
    let rows = statement.query_map((user_id.as_str(), now_ms), |row| {
        let session = BrowserSession {
            user_id: user_id.clone(),
            created_ms: row.get(1)?,
            seen_ms: row.get(2)?,
            expires_ms: row.get(3)?,
            proven_ms: row.get(4)?,
            name: row.get(5)?,
        };
        Ok((TokenHash(row.get(0)?), session))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn note_use(conn: &Connection, cookie: &TokenHash, now_ms: i64) -> StoreResult<()> {
    conn.prepare_cached("UPDATE browser_session SET seen_ts = ?2 WHERE sha256 = ?1")?
        .execute(params![cookie.0, now_ms])?;
    Ok(())
}

pub(super) fn note_proof(conn: &Connection, cookie: &TokenHash, now_ms: i64) -> StoreResult<()> {
    conn.prepare_cached("UPDATE browser_session SET proven_ts = ?2 WHERE sha256 = ?1")?
        .execute(params![cookie.0, now_ms])?;
    Ok(())
}

pub(super) fn end(conn: &Connection, cookie: &TokenHash) -> StoreResult<()> {
    conn.prepare_cached("DELETE FROM browser_session WHERE sha256 = ?1")?
        .execute(params![cookie.0])?;
    Ok(())
}

/// How often all browsers of somebody were signed out; 0 where there is no such account.
pub(super) fn generation(conn: &Connection, user_id: &str) -> StoreResult<i64> {
    let mut statement =
        conn.prepare_cached("SELECT browsers_generation FROM account WHERE user_id = ?1")?;
    let found = statement.query_row((user_id,), |row| row.get(0)).optional()?;
    Ok(found.unwrap_or_default())
}

/// Ends all sessions of somebody but one, and what all browsers were known by.
pub(in crate::sqlite) fn forget_browsers(
    conn: &Connection,
    user_id: &UserId,
    but: Option<&TokenHash>,
) -> StoreResult<()> {
    conn.prepare_cached("DELETE FROM browser_session WHERE user_id = ?1 AND sha256 IS NOT ?2")?
        .execute(params![user_id.as_str(), but.map(|cookie| cookie.0)])?;
    conn.prepare_cached(
        "UPDATE account SET browsers_generation = browsers_generation + 1 WHERE user_id = ?1",
    )?
    .execute((user_id.as_str(),))?;
    Ok(())
}
