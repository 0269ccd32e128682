// SPDX-License-Identifier: Apache-2.0
//! Authorisation codes.

use estafette_core::limits::{OAUTH_CODE_MEMORY_MS, OAUTH_CODES_PER_USER_MAX};
use rusqlite::{Connection, OptionalExtension as _};
use subtle::ConstantTimeEq as _;

use super::grant::{Grant, give};
use crate::{
    StoreResult,
    accounts::TokenHash,
    oauth::{CodeExchange, GrantOutcome, NewCode},
    sqlite::{
        Tx,
        device_rows::{self, Indexes},
    },
};

pub(super) fn put(conn: &Connection, code: &NewCode, now_ms: i64) -> StoreResult<()> {
    conn.prepare_cached("DELETE FROM oauth_code WHERE expires_ts < ?1")?
        .execute((now_ms.saturating_sub(OAUTH_CODE_MEMORY_MS),))?;
    conn.prepare_cached(
        "DELETE FROM oauth_code WHERE sha256 IN (
             SELECT sha256 FROM oauth_code WHERE user_id = ?1 AND spent = 0
             ORDER BY expires_ts DESC LIMIT -1 OFFSET ?2)",
    )?
    .execute((code.user_id.as_str(), OAUTH_CODES_PER_USER_MAX.saturating_sub(1).cast_signed()))?;
    conn.prepare_cached(
        "INSERT INTO oauth_code (sha256, user_id, client_id, redirect_uri, scope, device_id,
             device_name, code_challenge, expires_ts)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute((
        code.code.0,
        code.user_id.as_str(),
        &code.client_id,
        &code.redirect_uri,
        &code.scope,
        code.device_id.as_str(),
        &code.device_name,
        &code.code_challenge,
        code.expires_ms,
    ))?;
    Ok(())
}

pub(super) fn is_known(conn: &Connection, code: &TokenHash) -> StoreResult<bool> {
    let mut statement = conn.prepare_cached("SELECT 1 FROM oauth_code WHERE sha256 = ?1")?;
    Ok(statement.exists((code.0,))?)
}

/// A code as it is kept.
struct CodeRow {
    grant: Grant,
    redirect_uri: String,
    code_challenge: String,
    expires_ms: i64,
    spent: bool,
    session_nid: Option<i64>,
}

fn find(conn: &Connection, code: &TokenHash) -> StoreResult<Option<CodeRow>> {
    let mut statement = conn.prepare_cached(
        "SELECT user_id, client_id, scope, device_id, device_name, redirect_uri, code_challenge,
                expires_ts, spent, session_nid
         FROM oauth_code WHERE sha256 = ?1",
    )?;
    let mut rows = statement.query((code.0,))?;
    let Some(row) = rows.next()? else { return Ok(None) };
    Ok(Some(CodeRow {
        grant: Grant {
            user_id: device_rows::user(&row.get::<_, String>(0)?)?,
            client_id: row.get(1)?,
            scope: row.get(2)?,
            device_id: device_rows::device(&row.get::<_, String>(3)?)?,
            device_name: row.get(4)?,
        },
        redirect_uri: row.get(5)?,
        code_challenge: row.get(6)?,
        expires_ms: row.get(7)?,
        spent: row.get(8)?,
        session_nid: row.get(9)?,
    }))
}

pub(super) fn exchange(
    indexes: &Indexes,
    tx: &mut Tx<'_>,
    exchange: &CodeExchange,
) -> StoreResult<GrantOutcome> {
    let Some(found) = find(tx.conn, &exchange.code)? else { return Ok(GrantOutcome::Invalid) };
    if found.spent {
        return reused(indexes, tx, &found);
    }
    tx.conn
        .prepare_cached("UPDATE oauth_code SET spent = 1 WHERE sha256 = ?1")?
        .execute((exchange.code.0,))?;
    let challenge = exchange.code_challenge.as_bytes();
    let is_proven = bool::from(found.code_challenge.as_bytes().ct_eq(challenge));
    let fits = found.expires_ms > exchange.now_ms
        && found.grant.client_id == exchange.client_id
        && found.redirect_uri == exchange.redirect_uri
        && is_proven;
    if !fits {
        return Ok(GrantOutcome::Invalid);
    }
    let (outcome, session_nid) = give(indexes, tx, found.grant, exchange.tokens, exchange.now_ms)?;
    tx.conn
        .prepare_cached("UPDATE oauth_code SET session_nid = ?2 WHERE sha256 = ?1")?
        .execute((exchange.code.0, session_nid))?;
    Ok(outcome)
}

/// RFC 6749, section 4.1.2: whoever presents a code again may have stolen it, or what it gave may
/// be in the hands of a thief.
fn reused(indexes: &Indexes, tx: &mut Tx<'_>, found: &CodeRow) -> StoreResult<GrantOutcome> {
    let Some(session_nid) = found.session_nid else { return Ok(GrantOutcome::Invalid) };
    let device_nid: Option<i64> = tx
        .conn
        .prepare_cached("SELECT device_nid FROM oauth_session WHERE nid = ?1")?
        .query_row((session_nid,), |row| row.get(0))
        .optional()?;
    let Some(device_nid) = device_nid else { return Ok(GrantOutcome::Invalid) };
    let (user_id, device_id) = (found.grant.user_id.clone(), found.grant.device_id.clone());
    device_rows::delete_device_rows(indexes, tx, device_nid, &user_id, &device_id)?;
    Ok(GrantOutcome::Reused { user_id, device_id })
}
