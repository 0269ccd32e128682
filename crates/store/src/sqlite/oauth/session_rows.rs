// SPDX-License-Identifier: Apache-2.0
//! Which client a device's tokens were given to.

use estafette_core::ids::UserId;
use rusqlite::{Connection, OptionalExtension as _};

use crate::{
    StoreResult,
    accounts::TokenHash,
    oauth::{OauthClient, OauthSession},
    sqlite::device_rows,
};

/// The session that a refresh token belongs to.
pub(super) struct SessionRow {
    pub(super) client_id: String,
    pub(super) scope: String,
}

pub(super) fn of_refresh(conn: &Connection, token: &TokenHash) -> StoreResult<Option<SessionRow>> {
    let mut statement = conn.prepare_cached(
        "SELECT s.client_id, s.scope FROM refresh_token t
         JOIN oauth_session s ON s.device_nid = t.device_nid WHERE t.sha256 = ?1",
    )?;
    let found = statement
        .query_row((token.0,), |row| Ok(SessionRow { client_id: row.get(0)?, scope: row.get(1)? }))
        .optional()?;
    Ok(found)
}

/// Whether a refresh token is of the OAuth 2.0 API: the legacy API must not renew it.
pub(in crate::sqlite) fn is_oauth_refresh(
    conn: &Connection,
    token: &TokenHash,
) -> StoreResult<bool> {
    Ok(of_refresh(conn, token)?.is_some())
}

pub(super) fn is_oauth_device(conn: &Connection, device_nid: i64) -> StoreResult<bool> {
    let mut statement = conn.prepare_cached("SELECT 1 FROM oauth_session WHERE device_nid = ?1")?;
    Ok(statement.exists((device_nid,))?)
}

pub(super) fn of_user(conn: &Connection, user_id: &UserId) -> StoreResult<Vec<OauthSession>> {
    let mut statement = conn.prepare_cached(
        "SELECT d.device_id, s.client_id, c.metadata, s.scope, s.created_ts
         FROM device d JOIN oauth_session s ON s.device_nid = d.nid
         JOIN oauth_client c ON c.client_id = s.client_id
         WHERE d.user_id = ?1 ORDER BY d.device_id",
    )?;
    let mut rows = statement.query((user_id.as_str(),))?;
    let mut sessions = Vec::new();
    while let Some(row) = rows.next()? {
        sessions.push(OauthSession {
            device_id: device_rows::device(&row.get::<_, String>(0)?)?,
            client: OauthClient { client_id: row.get(1)?, metadata: row.get(2)? },
            scope: row.get(3)?,
            created_ms: row.get(4)?,
        });
    }
    Ok(sessions)
}

/// Forgets whose the tokens of a device were, once they are gone.
pub(in crate::sqlite) fn end_session(conn: &Connection, device_nid: i64) -> StoreResult<()> {
    conn.prepare_cached("DELETE FROM oauth_session WHERE device_nid = ?1")?
        .execute((device_nid,))?;
    Ok(())
}

/// Ends what a user allowed and nobody has fetched yet: after a change of password, the end of all
/// sessions, or of the account (F-22).
pub(in crate::sqlite) fn end_pending(conn: &Connection, user_id: &UserId) -> StoreResult<()> {
    for sql in [
        "DELETE FROM oauth_code WHERE user_id = ?1 AND spent = 0",
        "DELETE FROM oauth_device_grant WHERE user_id = ?1",
        "DELETE FROM cross_signing_approval WHERE user_id = ?1",
    ] {
        conn.prepare_cached(sql)?.execute((user_id.as_str(),))?;
    }
    Ok(())
}
