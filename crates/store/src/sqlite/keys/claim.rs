// SPDX-License-Identifier: Apache-2.0
//! Giving a key away: the one statement that makes a one-time key one-time (I3, E4).

use rusqlite::{OptionalExtension as _, Row};

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
    let mut delete = tx.conn.prepare_cached(
        "DELETE FROM one_time_key
         WHERE device_nid = ?1 AND algorithm = ?2 AND seq = (
             SELECT min(seq) FROM one_time_key WHERE device_nid = ?1 AND algorithm = ?2)
         RETURNING key_id, json, key",
    )?;
    let found = delete
        .query_row((nid, algorithm), |row| Ok((taken(row)?, row.get::<_, String>(2)?)))
        .optional()?;
    let Some((taken, key)) = found else { return Ok(None) };
    tx.conn
        .prepare_cached("INSERT OR IGNORE INTO issued_key (device_nid, hash) VALUES (?1, ?2)")?
        .execute((nid, issued_hash(algorithm, &key)))?;
    Ok(Some(taken))
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
