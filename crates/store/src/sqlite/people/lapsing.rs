// SPDX-License-Identifier: Apache-2.0
//! The end of accounts that nobody renews: given an end, ended, erased.

use estafette_core::ids::UserId;
use rusqlite::Connection;
use serde_json::json;

use super::{audit, person};
use crate::{
    StoreResult,
    people::{AuditEntry, Person},
    sqlite::{
        Tx,
        accounts::{life, sessions},
        device_rows::{self, Indexes},
        upstream,
    },
};

/// See [`PeopleStore::people_lapsing`](crate::PeopleStore::people_lapsing).
pub(super) fn lapsing(conn: &Connection, until_ms: i64, limit: u64) -> StoreResult<Vec<Person>> {
    let rest = "WHERE a.deactivated = 0 AND a.locked = 0 AND p.expires_ts <= ?1
        ORDER BY p.expires_ts, p.account_nid LIMIT ?2";
    person::list(conn, rest, (until_ms, limit.cast_signed()))
}

/// See [`AdminAct::Lapse`](crate::people::AdminAct::Lapse).
pub(super) fn lapse(
    indexes: &Indexes,
    tx: &mut Tx<'_>,
    user_id: &UserId,
    (expired_by_ms, now_ms): (i64, i64),
) -> StoreResult<bool> {
    let lapsing = person::one(tx.conn, user_id)?.is_some_and(|known| {
        let expired = known.details.expires_ms.is_some_and(|end| end <= expired_by_ms);
        expired && !known.deactivated && !known.locked
    });
    let (true, Some(nid)) = (lapsing, life::nid(tx.conn, user_id)?) else { return Ok(false) };
    let end = life::End { erase: false, by_admin: false, now_ms };
    life::deactivate(indexes, tx, user_id, end)?;
    upstream::unlink(tx.conn, user_id, None)?;
    tx.conn
        .prepare_cached("UPDATE person SET email = NULL, lapsed_ts = ?2 WHERE account_nid = ?1")?
        .execute((nid, now_ms))?;
    Ok(true)
}

/// See [`PeopleStore::lapsed_people`](crate::PeopleStore::lapsed_people).
pub(super) fn lapsed(conn: &Connection, until_ms: i64, limit: u64) -> StoreResult<Vec<UserId>> {
    let mut statement = conn.prepare_cached(
        "SELECT a.user_id FROM person p JOIN account a ON a.nid = p.account_nid
         WHERE p.lapsed_ts <= ?1 AND a.deactivated = 1
         ORDER BY p.lapsed_ts, p.account_nid LIMIT ?2",
    )?;
    users(&mut statement, (until_ms, limit.cast_signed()))
}

/// See [`PeopleStore::people_without_end`](crate::PeopleStore::people_without_end).
pub(super) fn without_end(conn: &Connection, limit: u64) -> StoreResult<Vec<UserId>> {
    let mut statement = conn.prepare_cached(
        "SELECT a.user_id FROM person p JOIN account a ON a.nid = p.account_nid
         WHERE p.expires_ts IS NULL AND p.endless = 0 AND p.email IS NOT NULL
         AND a.deactivated = 0 ORDER BY p.account_nid LIMIT ?1",
    )?;
    users(&mut statement, (limit.cast_signed(),))
}

fn users(
    statement: &mut rusqlite::CachedStatement<'_>,
    params: impl rusqlite::Params,
) -> StoreResult<Vec<UserId>> {
    let mut rows = statement.query(params)?;
    let mut users = Vec::new();
    while let Some(row) = rows.next()? {
        users.push(device_rows::user(&row.get::<_, String>(0)?)?);
    }
    Ok(users)
}

/// See [`PeopleStore::give_ends`](crate::PeopleStore::give_ends).
pub(super) fn give_ends(
    indexes: &Indexes,
    tx: &mut Tx<'_>,
    entry: &AuditEntry,
    ends: &[(UserId, i64)],
) -> StoreResult<u64> {
    let mut given = 0_u64;
    for (user_id, expires_ms) in ends {
        let changed = tx
            .conn
            .prepare_cached(
                "UPDATE person SET expires_ts = ?2
                 WHERE account_nid = (SELECT nid FROM account
                    WHERE user_id = ?1 AND deactivated = 0)
                 AND expires_ts IS NULL AND endless = 0",
            )?
            .execute((user_id.as_str(), expires_ms))?;
        if changed > 0 {
            given = given.saturating_add(1);
            sessions::forget_after_commit(indexes, tx, user_id)?;
        }
    }
    if given > 0 {
        let details = json!({ "accounts": given }).to_string();
        audit::append(tx, entry, None, ("account.give_ends", &details))?;
    }
    Ok(given)
}
