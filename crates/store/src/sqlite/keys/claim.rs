// SPDX-License-Identifier: Apache-2.0
//! Giving a key away: keys leave in upload order, so one number per device and algorithm says which
//! are gone, and moving it on is what makes a one-time key one-time (I3, E4).

use rusqlite::{Connection, OptionalExtension as _, Row};

use super::upload::issued_hash;
use crate::{
    FactKind, StoreResult,
    keys::{ClaimedKey, KeyClaim},
    sqlite::{Tx, device_rows},
};

/// Takes the oldest one-time key, else the fallback key.
pub(super) fn claim(tx: &mut Tx<'_>, claim: KeyClaim) -> StoreResult<Option<ClaimedKey>> {
    let Some(nid) = device_rows::nid(tx.conn, &claim.user_id, &claim.device_id)? else {
        return Ok(None);
    };
    let (taken, changed) = match take_one_time_key(tx, nid, &claim.algorithm)? {
        Some(taken) => (taken, true),
        None => match use_fallback_key(tx, nid, &claim.algorithm)? {
            Some(taken) => taken,
            None => return Ok(None),
        },
    };
    if changed {
        let (user_id, device_id) = (claim.user_id.clone(), claim.device_id.clone());
        tx.record(FactKind::OneTimeKeys { user_id, device_id });
    }
    Ok(Some(ClaimedKey { claim, key_id: taken.key_id, json: taken.json }))
}

struct Taken {
    key_id: String,
    json: String,
}

fn taken(row: &Row<'_>) -> rusqlite::Result<Taken> {
    Ok(Taken { key_id: row.get(0)?, json: row.get(1)? })
}

fn take_one_time_key(tx: &Tx<'_>, nid: i64, algorithm: &str) -> StoreResult<Option<Taken>> {
    let mut next = tx.conn.prepare_cached(
        "SELECT key_id, json, seq FROM one_time_key
         WHERE device_nid = ?1 AND algorithm = ?2 AND seq > coalesce(
             (SELECT seq FROM given_key WHERE device_nid = ?1 AND algorithm = ?2), 0)
         ORDER BY seq LIMIT 1",
    )?;
    let found = next
        .query_row((nid, algorithm), |row| Ok((taken(row)?, row.get::<_, i64>(2)?)))
        .optional()?;
    let Some((taken, seq)) = found else { return Ok(None) };
    tx.conn
        .prepare_cached(
            "INSERT INTO given_key (device_nid, algorithm, seq) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET seq = excluded.seq",
        )?
        .execute((nid, algorithm, seq))?;
    Ok(Some(taken))
}

/// Moves the keys that were given out from those that wait to those that are remembered (I3).
pub(super) fn settle_given_keys(conn: &Connection, nid: i64) -> StoreResult<()> {
    let mut mark = conn
        .prepare_cached("DELETE FROM given_key WHERE device_nid = ?1 RETURNING algorithm, seq")?;
    let marks: Vec<(String, i64)> =
        mark.query_map((nid,), |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
    for (algorithm, seq) in marks {
        let mut delete = conn.prepare_cached(
            "DELETE FROM one_time_key WHERE device_nid = ?1 AND algorithm = ?2 AND seq <= ?3
             RETURNING key",
        )?;
        let given: Vec<String> = delete
            .query_map((nid, &algorithm, seq), |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        let mut remember = conn.prepare_cached(
            "INSERT OR IGNORE INTO issued_key (device_nid, hash) VALUES (?1, ?2)",
        )?;
        for key in given {
            remember.execute((nid, issued_hash(&algorithm, &key)))?;
        }
    }
    Ok(())
}

/// The fallback key, and whether this is its first use.
fn use_fallback_key(tx: &Tx<'_>, nid: i64, algorithm: &str) -> StoreResult<Option<(Taken, bool)>> {
    let mut first_use = tx.conn.prepare_cached(
        "UPDATE fallback_key SET used = 1
         WHERE device_nid = ?1 AND algorithm = ?2 AND used = 0 RETURNING key_id, json",
    )?;
    if let Some(taken) = first_use.query_row((nid, algorithm), taken).optional()? {
        return Ok(Some((taken, true)));
    }
    let mut again = tx.conn.prepare_cached(
        "SELECT key_id, json FROM fallback_key WHERE device_nid = ?1 AND algorithm = ?2",
    )?;
    let again = again.query_row((nid, algorithm), taken).optional()?;
    Ok(again.map(|taken| (taken, false)))
}
