// SPDX-License-Identifier: Apache-2.0
//! Wrong guesses at passwords of the last window.

use estafette_core::{
    guesses::{WINDOW_MS, Wrong},
    limits::RATE_LIMIT_KEYS_MAX,
};
use rusqlite::{Connection, params};

use crate::StoreResult;

/// Keeps one, and forgets those that count no more.
pub(super) fn note(conn: &Connection, wrong: &Wrong) -> StoreResult<()> {
    conn.prepare_cached("DELETE FROM wrong_guess WHERE guessed_ts <= ?1")?
        .execute((wrong.at_ms.saturating_sub(WINDOW_MS),))?;
    conn.prepare_cached(
        "INSERT INTO wrong_guess (guessed_ts, subject, lane, guesser) VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute(params![wrong.at_ms, wrong.subject, wrong.lane, wrong.guesser])?;
    Ok(())
}

/// The latest that are kept.
pub(in crate::sqlite) fn kept(conn: &Connection) -> StoreResult<Vec<Wrong>> {
    let mut statement = conn.prepare(
        "SELECT guessed_ts, subject, lane, guesser FROM wrong_guess ORDER BY id DESC LIMIT ?1",
    )?;
    let most = i64::try_from(RATE_LIMIT_KEYS_MAX).unwrap_or(i64::MAX);
    let rows = statement.query_map((most,), |row| {
        Ok(Wrong {
            at_ms: row.get(0)?,
            subject: row.get(1)?,
            lane: row.get(2)?,
            guesser: row.get(3)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
