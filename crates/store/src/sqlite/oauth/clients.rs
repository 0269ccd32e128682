// SPDX-License-Identifier: Apache-2.0
//! Registered clients.

use estafette_core::limits::{OAUTH_CLIENT_UNUSED_MS, OAUTH_CLIENTS_MAX};
use rusqlite::{Connection, OptionalExtension as _};

use crate::{StoreResult, oauth::OauthClient};

/// Unused clients that one registration removes when there are too many.
const REMOVED_AT_ONCE: i64 = 100;

pub(super) fn put(conn: &Connection, client: &OauthClient, now_ms: i64) -> StoreResult<bool> {
    let known = conn
        .prepare_cached("UPDATE oauth_client SET used_ts = ?2 WHERE client_id = ?1")?
        .execute((&client.client_id, now_ms))?;
    if known > 0 {
        return Ok(true);
    }
    if is_full(conn)? {
        remove_unused(conn, now_ms)?;
        if is_full(conn)? {
            return Ok(false);
        }
    }
    conn.prepare_cached(
        "INSERT INTO oauth_client (client_id, metadata, used_ts) VALUES (?1, ?2, ?3)",
    )?
    .execute((&client.client_id, &client.metadata, now_ms))?;
    Ok(true)
}

fn is_full(conn: &Connection) -> StoreResult<bool> {
    let count: i64 = conn
        .prepare_cached("SELECT count(*) FROM oauth_client")?
        .query_row((), |row| row.get(0))?;
    Ok(count.cast_unsigned() >= OAUTH_CLIENTS_MAX)
}

/// Client-Server API, "Dynamic client registration flow": those with a session stay.
fn remove_unused(conn: &Connection, now_ms: i64) -> StoreResult<()> {
    conn.prepare_cached(
        "DELETE FROM oauth_client WHERE client_id IN (
             SELECT c.client_id FROM oauth_client c
             WHERE c.used_ts < ?1
             AND NOT EXISTS (SELECT 1 FROM oauth_session s WHERE s.client_id = c.client_id)
             AND NOT EXISTS (SELECT 1 FROM oauth_code o WHERE o.client_id = c.client_id)
             AND NOT EXISTS (SELECT 1 FROM oauth_device_grant g WHERE g.client_id = c.client_id)
             ORDER BY c.used_ts LIMIT ?2)",
    )?
    .execute((now_ms.saturating_sub(OAUTH_CLIENT_UNUSED_MS), REMOVED_AT_ONCE))?;
    Ok(())
}

pub(super) fn client(conn: &Connection, client_id: &str) -> StoreResult<Option<OauthClient>> {
    let mut statement =
        conn.prepare_cached("SELECT client_id, metadata FROM oauth_client WHERE client_id = ?1")?;
    let found = statement
        .query_row((client_id,), |row| {
            Ok(OauthClient { client_id: row.get(0)?, metadata: row.get(1)? })
        })
        .optional()?;
    Ok(found)
}
