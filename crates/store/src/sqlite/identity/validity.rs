// SPDX-License-Identifier: Apache-2.0
//! Reminders that an account is about to end, and the links that renew it.

use estafette_core::ids::UserId;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::outbox;
use crate::{
    StoreResult,
    accounts::TokenHash,
    identity::{Reminder, Renewal},
    people::{PersonDetails, PutPersonOutcome},
    sqlite::{
        Tx,
        device_rows::{self, Indexes},
        people::person,
    },
};

pub(super) fn remind(conn: &Connection, reminder: &Reminder) -> StoreResult<bool> {
    let user_id = reminder.user_id.as_str();
    // A mail that somebody asked for takes the place of no reminder that is still to come.
    let days = if reminder.again { u32::MAX } else { reminder.days };
    let reminded = conn
        .prepare_cached(
            "INSERT INTO validity_reminder (user_id, expires_ts, days) VALUES (?1, ?2, ?3)
             ON CONFLICT (user_id) DO UPDATE SET expires_ts = excluded.expires_ts,
                days = iif(expires_ts = excluded.expires_ts, min(days, excluded.days),
                    excluded.days)
             WHERE ?4 OR expires_ts <> excluded.expires_ts OR days > excluded.days",
        )?
        .execute((user_id, reminder.expires_ms, days, reminder.again))?;
    if reminded == 0 {
        return Ok(false);
    }
    conn.prepare_cached("DELETE FROM renewal_token WHERE user_id = ?1")?.execute((user_id,))?;
    conn.prepare_cached(
        "INSERT INTO renewal_token (sha256, user_id, expires_ts) VALUES (?1, ?2, ?3)",
    )?
    .execute(params![reminder.token.0, user_id, reminder.token_expires_ms])?;
    outbox::put(conn, &reminder.mail)?;
    Ok(true)
}

/// Ends the links of an account: the mailbox that they lie in is no longer its own. The reminder is
/// sent anew to the one that is.
pub(in crate::sqlite) fn end(conn: &Connection, user_id: &UserId) -> StoreResult<()> {
    for sql in [
        "DELETE FROM renewal_token WHERE user_id = ?1",
        "DELETE FROM validity_reminder WHERE user_id = ?1",
    ] {
        conn.prepare_cached(sql)?.execute((user_id.as_str(),))?;
    }
    Ok(())
}

pub(super) fn renewal(
    conn: &Connection,
    token: &TokenHash,
    now_ms: i64,
) -> StoreResult<Option<Renewal>> {
    let row: Option<(String, bool)> = conn
        .prepare_cached(
            "SELECT t.user_id, t.used FROM renewal_token t JOIN account a ON a.user_id = t.user_id
             WHERE t.sha256 = ?1 AND t.expires_ts > ?2 AND a.deactivated = 0",
        )?
        .query_row(params![token.0, now_ms], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((user_id, used)) = row else { return Ok(None) };
    let user_id = device_rows::user(&user_id)?;
    let person = person::one(conn, &user_id)?;
    let account_expires_ms = person.and_then(|person| person.details.expires_ms);
    Ok(Some(Renewal { user_id, used, account_expires_ms }))
}

pub(super) fn renew(
    indexes: &Indexes,
    tx: &mut Tx<'_>,
    token: &TokenHash,
    now_ms: i64,
    expires_ms: i64,
) -> StoreResult<bool> {
    let Some(renewal) = renewal(tx.conn, token, now_ms)?.filter(|renewal| !renewal.used) else {
        return Ok(false);
    };
    let Some(person) = person::one(tx.conn, &renewal.user_id)? else { return Ok(false) };
    tx.conn
        .prepare_cached("UPDATE renewal_token SET used = 1 WHERE sha256 = ?1")?
        .execute(params![token.0])?;
    let details = PersonDetails { expires_ms: Some(expires_ms), ..person.details };
    let outcome = person::put(indexes, tx, &renewal.user_id, &details)?;
    Ok(outcome == PutPersonOutcome::Put)
}
