// SPDX-License-Identifier: Apache-2.0
//! From somebody's leave to tokens, and their renewal and end.

use estafette_core::ids::{DeviceId, UserId};
use rusqlite::{Connection, OptionalExtension as _};

use super::session_rows;
use crate::{
    StoreResult,
    accounts::{LoginOutcome, NewLogin, RefreshOutcome, TokenHash, TokenPair},
    oauth::{GrantOutcome, OauthRefreshOutcome},
    sqlite::{
        Tx, accounts,
        device_rows::{self, Indexes},
    },
};

/// What somebody allowed.
pub(super) struct Grant {
    pub(super) user_id: UserId,
    pub(super) client_id: String,
    pub(super) scope: String,
    pub(super) device_id: DeviceId,
    pub(super) device_name: Option<String>,
}

/// Logs in on the device, and returns the number of the session where that worked.
pub(super) fn give(
    indexes: &Indexes,
    tx: &mut Tx<'_>,
    grant: Grant,
    tokens: TokenPair,
    now_ms: i64,
) -> StoreResult<(GrantOutcome, Option<i64>)> {
    let locked: bool = tx
        .conn
        .prepare_cached("SELECT locked FROM account WHERE user_id = ?1")?
        .query_row((grant.user_id.as_str(),), |row| row.get(0))
        .optional()?
        .unwrap_or(false);
    if locked {
        return Ok((GrantOutcome::Locked, None));
    }
    let is_new = device_rows::nid(tx.conn, &grant.user_id, &grant.device_id)?.is_none();
    let device_id = grant.device_id.clone();
    let login = NewLogin { device_id, display_name: grant.device_name, tokens };
    match accounts::log_in(indexes, tx, &grant.user_id, &login, now_ms)? {
        LoginOutcome::LoggedIn => {}
        refused => return Ok((GrantOutcome::Refused(refused), None)),
    }
    let device_nid = device_rows::nid(tx.conn, &grant.user_id, &grant.device_id)?;
    let session_nid: i64 = tx
        .conn
        .prepare_cached(
            "INSERT INTO oauth_session (device_nid, client_id, scope, created_ts)
             VALUES (?1, ?2, ?3, ?4) RETURNING nid",
        )?
        .query_row((device_nid, &grant.client_id, &grant.scope, now_ms), |row| row.get(0))?;
    let (user_id, device_id, scope) = (grant.user_id, grant.device_id, grant.scope);
    Ok((GrantOutcome::LoggedIn { user_id, device_id, scope, is_new }, Some(session_nid)))
}

pub(super) fn refresh(
    indexes: &Indexes,
    tx: &mut Tx<'_>,
    client_id: &str,
    token: &TokenHash,
    pair: TokenPair,
) -> StoreResult<OauthRefreshOutcome> {
    let Some(session) = session_rows::of_refresh(tx.conn, token)? else {
        return Ok(OauthRefreshOutcome::Unknown);
    };
    if session.client_id != client_id {
        return Ok(OauthRefreshOutcome::Unknown);
    }
    Ok(match accounts::refresh(indexes, tx, token, pair)? {
        RefreshOutcome::Refreshed => OauthRefreshOutcome::Refreshed { scope: session.scope },
        RefreshOutcome::Unknown => OauthRefreshOutcome::Unknown,
        RefreshOutcome::Reused { user_id, device_id } => {
            // Its client was told nothing of coming back, and has no keys any more.
            if let Some(device_nid) = device_rows::nid(tx.conn, &user_id, &device_id)? {
                device_rows::delete_device_rows(indexes, tx, device_nid, &user_id, &device_id)?;
            }
            OauthRefreshOutcome::Reused { user_id, device_id }
        }
        RefreshOutcome::Locked => OauthRefreshOutcome::Locked,
    })
}

pub(super) fn revoke(
    indexes: &Indexes,
    tx: &mut Tx<'_>,
    token: &TokenHash,
) -> StoreResult<Option<(UserId, DeviceId)>> {
    let Some(device_nid) = device_of(tx.conn, token)? else { return Ok(None) };
    let Some((user_id, device_id)) = device_rows::name(tx.conn, device_nid)? else {
        return Ok(None);
    };
    device_rows::delete_device_rows(indexes, tx, device_nid, &user_id, &device_id)?;
    Ok(Some((user_id, device_id)))
}

/// The device that a token lets in. A refresh token that was exchanged and whose successor is in
/// use lets nobody in any more.
pub(super) fn device_of(conn: &Connection, token: &TokenHash) -> StoreResult<Option<i64>> {
    let mut statement = conn.prepare_cached(
        "SELECT device_nid FROM access_token WHERE sha256 = ?1
         UNION ALL
         SELECT t.device_nid FROM refresh_token t JOIN device d ON d.nid = t.device_nid
         WHERE t.sha256 = ?1 AND t.generation >= d.generation",
    )?;
    Ok(statement.query_row((token.0,), |row| row.get(0)).optional()?)
}
