// SPDX-License-Identifier: Apache-2.0
//! Mail that waits to be accepted by the next server.

use estafette_core::limits::OUTBOX_MAX;
use rusqlite::{Connection, params};

use crate::{
    StoreError, StoreResult,
    identity::{MailText, NewMail, WaitingMail},
};

/// Queues a mail and returns its number.
pub(in crate::sqlite) fn put(conn: &Connection, mail: &NewMail) -> StoreResult<i64> {
    let waiting: i64 = conn
        .prepare_cached("SELECT count(*) FROM (SELECT 1 FROM outgoing_mail LIMIT ?1)")?
        .query_row((OUTBOX_MAX,), |row| row.get(0))?;
    if waiting >= OUTBOX_MAX {
        return Err(StoreError::Busy);
    }
    conn.prepare_cached(
        "INSERT INTO outgoing_mail
            (recipient, subject, body, sealed, created_ts, expires_ts, next_try_ts, tries)
         VALUES (?1, '', '', ?2, ?3, ?4, ?3, 0)",
    )?
    .execute(params![mail.recipient, mail.sealed, mail.now_ms, mail.expires_ms])?;
    Ok(conn.last_insert_rowid())
}

pub(super) fn due(conn: &Connection, now_ms: i64, limit: u64) -> StoreResult<Vec<WaitingMail>> {
    conn.prepare_cached("DELETE FROM outgoing_mail WHERE expires_ts <= ?1")?.execute((now_ms,))?;
    let mut due = due_of(conn, URGENT, now_ms, limit)?;
    let room = limit.saturating_sub(due.len() as u64);
    if room > 0 {
        due.extend(due_of(conn, NOT_URGENT, now_ms, room)?);
    }
    Ok(due)
}

/// Codes: of no use after an hour, so that somebody waits for them now. The index of schema step
/// 071 is for this expression.
const URGENT: &str = "expires_ts - created_ts <= 3600000";
const NOT_URGENT: &str = "expires_ts - created_ts > 3600000";

fn due_of(
    conn: &Connection,
    which: &str,
    now_ms: i64,
    limit: u64,
) -> StoreResult<Vec<WaitingMail>> {
    let mut statement = conn.prepare_cached(&format!(
        "SELECT id, recipient, sealed, subject, body, tries FROM outgoing_mail
         WHERE next_try_ts <= ?1 AND {which} ORDER BY next_try_ts, id LIMIT ?2",
    ))?;
    let mails = statement.query_map((now_ms, limit.cast_signed()), |row| {
        Ok(WaitingMail {
            id: row.get(0)?,
            recipient: row.get(1)?,
            text: match row.get(2)? {
                Some(sealed) => MailText::Sealed(sealed),
                None => MailText::Clear { subject: row.get(3)?, body: row.get(4)? },
            },
            tries: row.get(5)?,
        })
    })?;
    Ok(mails.collect::<Result<_, _>>()?)
}

pub(super) fn done(conn: &Connection, id: i64) -> StoreResult<()> {
    conn.prepare_cached("DELETE FROM outgoing_mail WHERE id = ?1")?.execute((id,))?;
    Ok(())
}

pub(super) fn failed(conn: &Connection, id: i64, next_try_ms: i64) -> StoreResult<()> {
    conn.prepare_cached(
        "UPDATE outgoing_mail SET tries = tries + 1, next_try_ts = ?2 WHERE id = ?1",
    )?
    .execute((id, next_try_ms))?;
    Ok(())
}
