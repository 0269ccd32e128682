// SPDX-License-Identifier: Apache-2.0
//! Codes sent by mail, and what they prove.

use estafette_core::limits::EMAIL_CODE_TRIES_LESS;
use rusqlite::{Connection, OptionalExtension as _, params};
use subtle::ConstantTimeEq as _;

use super::outbox;
use crate::{
    StoreResult,
    accounts::TokenHash,
    identity::{CodeOutcome, NewCode, NewMail, TryOutcome},
};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// A browser and a purpose.
type Key<'a> = (&'a TokenHash, &'static str);

pub(super) fn put(conn: &Connection, code: &NewCode) -> StoreResult<CodeOutcome> {
    conn.prepare_cached("DELETE FROM email_code WHERE expires_ts <= ?1")?
        .execute((code.now_ms,))?;
    conn.prepare_cached("DELETE FROM email_code_asked WHERE ts <= ?1")?
        .execute((code.now_ms.saturating_sub(DAY_MS),))?;
    if let Some(again_ms) = held_back_until(conn, code)? {
        return Ok(CodeOutcome::TooMany { again_ms });
    }
    let lately: u32 = conn
        .prepare_cached("SELECT count(*) FROM email_code_asked WHERE address = ?1 AND ts > ?2")?
        .query_row((&code.address, code.now_ms.saturating_sub(code.memory_ms)), |row| row.get(0))?;
    let fewer = lately.saturating_mul(EMAIL_CODE_TRIES_LESS);
    let tries = code.tries.saturating_sub(fewer).max(code.tries_min);
    conn.prepare_cached("INSERT INTO email_code_asked (address, source, ts) VALUES (?1, ?2, ?3)")?
        .execute((&code.address, &code.source, code.now_ms))?;
    conn.prepare_cached(
        "INSERT OR REPLACE INTO email_code
            (browser, purpose, address, mac, tries_left, proven, expires_ts)
         VALUES (?1, ?2, ?3, ?4, ?5, 0, ?6)",
    )?
    .execute(params![
        code.browser.0,
        code.purpose,
        code.address,
        code.mac,
        tries,
        code.expires_ms
    ])?;
    // The same work and the same refusals whether or not somebody is written to, now and when the
    // outbox comes to it (F-24).
    if code.to_nobody {
        outbox::put(conn, &NewMail { recipient: String::new(), ..code.mail.clone() })?;
    } else {
        outbox::put(conn, &code.mail)?;
    }
    Ok(CodeOutcome::Kept)
}

/// When the next code may be asked for, where there were too many within the window, or within a
/// day by the same source.
fn held_back_until(conn: &Connection, code: &NewCode) -> StoreResult<Option<i64>> {
    let since = code.now_ms.saturating_sub(DAY_MS);
    let mut statement = conn.prepare_cached(
        "SELECT ts, source FROM email_code_asked WHERE address = ?1 AND ts > ?2 ORDER BY ts DESC",
    )?;
    let rows = statement.query_map((&code.address, since), |row| Ok((row.get(0)?, row.get(1)?)))?;
    let (mut asked, mut by_source) = (0_u32, 0_u32);
    for row in rows {
        let (ts, source): (i64, String) = row?;
        asked = asked.saturating_add(1);
        by_source = by_source.saturating_add(u32::from(source == code.source));
        let again_ms = ts.saturating_add(code.window_ms);
        let is_full = asked >= code.asked_max || by_source >= code.asked_by_source_max;
        if is_full && again_ms > code.now_ms {
            return Ok(Some(again_ms));
        }
        if by_source >= code.asked_by_source_per_day_max {
            return Ok(Some(ts.saturating_add(DAY_MS)));
        }
    }
    Ok(None)
}

/// Whether the code has not been tried before; from now on it has.
pub(super) fn begin_first_try(conn: &Connection, key: Key<'_>) -> StoreResult<bool> {
    let mut statement = conn.prepare_cached(
        "UPDATE email_code SET tried = 1 WHERE browser = ?1 AND purpose = ?2 AND tried = 0",
    )?;
    Ok(statement.execute(params![key.0.0, key.1])? > 0)
}

pub(super) fn try_code(
    conn: &Connection,
    key: Key<'_>,
    mac: &[u8; 32],
    now_ms: i64,
    proven_until_ms: i64,
) -> StoreResult<TryOutcome> {
    // The try counts before anything is compared.
    let found: Option<(String, [u8; 32], u32)> = conn
        .prepare_cached(
            "UPDATE email_code SET tries_left = tries_left - 1
             WHERE browser = ?1 AND purpose = ?2 AND proven = 0 AND tries_left > 0
                AND expires_ts > ?3
             RETURNING address, mac, tries_left",
        )?
        .query_row(params![key.0.0, key.1, now_ms], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .optional()?;
    let Some((address, kept, tries_left)) = found else { return Ok(TryOutcome::Ended) };
    if !bool::from(kept.ct_eq(mac)) {
        return Ok(if tries_left == 0 {
            TryOutcome::Ended
        } else {
            TryOutcome::Wrong { tries_left }
        });
    }
    conn.prepare_cached(
        "UPDATE email_code SET proven = 1, mac = zeroblob(32), expires_ts = ?3
         WHERE browser = ?1 AND purpose = ?2",
    )?
    .execute(params![key.0.0, key.1, proven_until_ms])?;
    Ok(TryOutcome::Proven(address))
}

pub(super) fn find(
    conn: &Connection,
    key: Key<'_>,
    now_ms: i64,
) -> StoreResult<Option<(String, bool)>> {
    let mut statement = conn.prepare_cached(
        "SELECT address, proven FROM email_code
         WHERE browser = ?1 AND purpose = ?2 AND expires_ts > ?3",
    )?;
    let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
    Ok(statement.query_row(params![key.0.0, key.1, now_ms], row).optional()?)
}

pub(super) fn use_proof(
    conn: &Connection,
    key: Key<'_>,
    now_ms: i64,
) -> StoreResult<Option<String>> {
    let mut statement = conn.prepare_cached(
        "DELETE FROM email_code
         WHERE browser = ?1 AND purpose = ?2 AND proven = 1 AND expires_ts > ?3 RETURNING address",
    )?;
    Ok(statement.query_row(params![key.0.0, key.1, now_ms], |row| row.get(0)).optional()?)
}
