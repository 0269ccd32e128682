// SPDX-License-Identifier: Apache-2.0
//! Device grants under way (RFC 8628).

use estafette_core::{
    ids::UserId,
    limits::{OAUTH_DEVICE_GRANTS_MAX, OAUTH_POLL_SLOWER_MS},
};
use rusqlite::{Connection, OptionalExtension as _};

use super::grant::{Grant, give};
use crate::{
    StoreError, StoreResult,
    accounts::TokenHash,
    oauth::{DeviceGrant, DevicePoll, GrantOutcome, NewDeviceGrant, PollOutcome, StartOutcome},
    sqlite::{
        Tx,
        device_rows::{self, Indexes},
    },
};

pub(super) fn start(
    conn: &Connection,
    grant: &NewDeviceGrant,
    now_ms: i64,
) -> StoreResult<StartOutcome> {
    // Those that have just ended stay as long as they lived, to be told apart from unknown ones.
    let lifetime_ms = grant.expires_ms.saturating_sub(now_ms);
    conn.prepare_cached("DELETE FROM oauth_device_grant WHERE expires_ts < ?1")?
        .execute((now_ms.saturating_sub(lifetime_ms),))?;
    let waiting: i64 = conn
        .prepare_cached("SELECT count(*) FROM oauth_device_grant")?
        .query_row((), |row| row.get(0))?;
    if waiting.cast_unsigned() >= OAUTH_DEVICE_GRANTS_MAX {
        return Ok(StartOutcome::TooMany);
    }
    let inserted = conn
        .prepare_cached(
            "INSERT INTO oauth_device_grant (device_code, user_code, client_id, scope, device_id,
                 device_name, expires_ts, interval_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING",
        )?
        .execute((
            grant.device_code.0,
            grant.user_code.0,
            &grant.client_id,
            &grant.scope,
            grant.device_id.as_str(),
            &grant.device_name,
            grant.expires_ms,
            grant.interval_ms,
        ))?;
    Ok(if inserted > 0 { StartOutcome::Started } else { StartOutcome::Taken })
}

pub(super) fn waiting(
    conn: &Connection,
    user_code: &TokenHash,
    now_ms: i64,
) -> StoreResult<Option<DeviceGrant>> {
    let mut statement = conn.prepare_cached(
        "SELECT client_id, scope, device_id FROM oauth_device_grant
         WHERE user_code = ?1 AND decision IS NULL AND expires_ts > ?2",
    )?;
    let mut rows = statement.query((user_code.0, now_ms))?;
    let Some(row) = rows.next()? else { return Ok(None) };
    Ok(Some(DeviceGrant {
        client_id: row.get(0)?,
        scope: row.get(1)?,
        device_id: device_rows::device(&row.get::<_, String>(2)?)?,
    }))
}

pub(super) fn decide(
    conn: &Connection,
    user_code: &TokenHash,
    allowed_by: Option<&UserId>,
    now_ms: i64,
) -> StoreResult<bool> {
    let decided = conn
        .prepare_cached(
            "UPDATE oauth_device_grant SET decision = ?3, user_id = ?4
             WHERE user_code = ?1 AND decision IS NULL AND expires_ts > ?2",
        )?
        .execute((user_code.0, now_ms, allowed_by.is_some(), allowed_by.map(UserId::as_str)))?;
    Ok(decided > 0)
}

pub(super) fn is_known(conn: &Connection, device_code: &TokenHash) -> StoreResult<bool> {
    Ok(find(conn, device_code)?.is_some())
}

/// A grant as a poll finds it.
struct GrantRow {
    client_id: String,
    scope: String,
    device_id: String,
    device_name: Option<String>,
    expires_ms: i64,
    interval_ms: i64,
    polled_ms: Option<i64>,
    decision: Option<bool>,
    user_id: Option<String>,
}

fn find(conn: &Connection, device_code: &TokenHash) -> StoreResult<Option<GrantRow>> {
    let mut statement = conn.prepare_cached(
        "SELECT client_id, scope, device_id, device_name, expires_ts, interval_ms, polled_ts,
                decision, user_id
         FROM oauth_device_grant WHERE device_code = ?1",
    )?;
    let found = statement
        .query_row((device_code.0,), |row| {
            Ok(GrantRow {
                client_id: row.get(0)?,
                scope: row.get(1)?,
                device_id: row.get(2)?,
                device_name: row.get(3)?,
                expires_ms: row.get(4)?,
                interval_ms: row.get(5)?,
                polled_ms: row.get(6)?,
                decision: row.get(7)?,
                user_id: row.get(8)?,
            })
        })
        .optional()?;
    Ok(found)
}

/// RFC 8628, section 3.5.
pub(super) fn poll(
    indexes: &Indexes,
    tx: &mut Tx<'_>,
    poll: &DevicePoll,
) -> StoreResult<PollOutcome> {
    let found = find(tx.conn, &poll.device_code)?;
    let Some(found) = found.filter(|found| found.client_id == poll.client_id) else {
        return Ok(PollOutcome::Decided(GrantOutcome::Invalid));
    };
    if found.expires_ms <= poll.now_ms {
        remove(tx.conn, &poll.device_code)?;
        return Ok(PollOutcome::Expired);
    }
    match found.decision {
        None => still_pending(tx.conn, poll, &found),
        Some(false) => {
            remove(tx.conn, &poll.device_code)?;
            Ok(PollOutcome::Denied)
        }
        Some(true) => {
            remove(tx.conn, &poll.device_code)?;
            let user_id = found.user_id.as_deref();
            let user_id = user_id.ok_or_else(|| StoreError::Corrupt("allowed by nobody".into()))?;
            let grant = Grant {
                user_id: device_rows::user(user_id)?,
                client_id: found.client_id,
                scope: found.scope,
                device_id: device_rows::device(&found.device_id)?,
                device_name: found.device_name,
            };
            let (outcome, _) = give(indexes, tx, grant, poll.tokens, poll.now_ms)?;
            Ok(PollOutcome::Decided(outcome))
        }
    }
}

fn still_pending(
    conn: &Connection,
    poll: &DevicePoll,
    found: &GrantRow,
) -> StoreResult<PollOutcome> {
    let since_ms = found.polled_ms.map(|polled| poll.now_ms.saturating_sub(polled));
    let too_soon = since_ms.is_some_and(|since| since < found.interval_ms);
    let slower_ms = if too_soon { OAUTH_POLL_SLOWER_MS } else { 0 };
    conn.prepare_cached(
        "UPDATE oauth_device_grant SET polled_ts = ?2, interval_ms = interval_ms + ?3
         WHERE device_code = ?1",
    )?
    .execute((poll.device_code.0, poll.now_ms, slower_ms))?;
    Ok(if too_soon { PollOutcome::SlowDown } else { PollOutcome::Pending })
}

pub(super) fn remove(conn: &Connection, device_code: &TokenHash) -> StoreResult<()> {
    conn.prepare_cached("DELETE FROM oauth_device_grant WHERE device_code = ?1")?
        .execute((device_code.0,))?;
    Ok(())
}
