// SPDX-License-Identifier: Apache-2.0
//! The making, changing and end of accounts.

use estafette_core::ids::UserId;
use rusqlite::{Connection, OptionalExtension as _, Row};

use super::{devices, directory, invitations, profile, sessions};
use crate::{
    FactKind, StoreError, StoreResult,
    accounts::{
        Account, AccountFlag, AccountPage, CreateOutcome, Devices, LoginOutcome, NewAccount,
        PasswordHash,
    },
    sqlite::{
        Tx, delayed_events,
        device_rows::{self, Indexes},
        identity::{forget_browsers, password_links},
        oauth,
        people::person,
        upstream,
    },
};

const COLUMNS: &str = "a.user_id, a.password_hash, a.appservice_id, a.is_admin, a.locked, \
                       a.suspended, a.deactivated, a.erased, a.created_ts, a.seen_ts, p.expires_ts";

fn from_row(row: &Row<'_>) -> StoreResult<Account> {
    Ok(Account {
        user_id: device_rows::user(row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?)?,
        password_hash: row.get::<_, Option<String>>(1)?.map(PasswordHash),
        appservice_id: row.get(2)?,
        is_admin: row.get(3)?,
        locked: row.get(4)?,
        suspended: row.get(5)?,
        deactivated: row.get(6)?,
        erased: row.get(7)?,
        created_ms: row.get(8)?,
        seen_ms: row.get(9)?,
        expires_ms: row.get(10)?,
    })
}

pub(in crate::sqlite) fn account(
    conn: &Connection,
    user_id: &UserId,
) -> StoreResult<Option<Account>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM account a LEFT JOIN person p ON p.account_nid = a.nid
         WHERE a.user_id = ?1"
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let mut rows = statement.query((user_id.as_str(),))?;
    rows.next()?.map(from_row).transpose()
}

/// The number of an account that is not deactivated.
pub(in crate::sqlite) fn active_nid(
    conn: &Connection,
    user_id: &UserId,
) -> StoreResult<Option<i64>> {
    let mut statement =
        conn.prepare_cached("SELECT nid FROM account WHERE user_id = ?1 AND deactivated = 0")?;
    Ok(statement.query_row((user_id.as_str(),), |row| row.get(0)).optional()?)
}

pub(in crate::sqlite) fn accounts(
    conn: &Connection,
    page: &AccountPage,
) -> StoreResult<(Vec<Account>, u64)> {
    // The pattern is matched as a plain text: its wildcards mean themselves.
    let rest = "FROM account a LEFT JOIN person p ON p.account_nid = a.nid
                LEFT JOIN directory_entry d ON d.account_nid = a.nid
                WHERE (?1 OR a.deactivated = 0)
                AND (?2 IS NULL OR instr(lower(a.user_id), ?2) > 0 OR instr(d.name, ?2) > 0
                    OR p.email = ?2)";
    let filter = (page.deactivated, &page.search);
    let total: i64 = conn
        .prepare_cached(&format!("SELECT count(*) {rest}"))?
        .query_row(filter, |row| row.get(0))?;
    let sql = format!("SELECT {COLUMNS} {rest} ORDER BY a.nid LIMIT ?3 OFFSET ?4");
    let mut statement = conn.prepare_cached(&sql)?;
    let limits = (page.limit.cast_signed(), page.from.cast_signed());
    let mut rows = statement.query((filter.0, filter.1, limits.0, limits.1))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(from_row(row)?);
    }
    Ok((found, total.cast_unsigned()))
}

pub(in crate::sqlite) fn create(
    indexes: &Indexes,
    tx: &mut Tx<'_>,
    new: &NewAccount,
) -> StoreResult<CreateOutcome> {
    if account(tx.conn, &new.user_id)?.is_some() {
        return Ok(CreateOutcome::Taken);
    }
    if let Some(token) = &new.registration_token
        && !invitations::use_up(tx.conn, token, new.now_ms)?
    {
        return Ok(CreateOutcome::TokenInvalid);
    }
    let nid: i64 = tx
        .conn
        .prepare_cached(
            "INSERT INTO account (user_id, password_hash, appservice_id, is_admin, created_ts)
             VALUES (?1, ?2, ?3, ?4, ?5) RETURNING nid",
        )?
        .query_row(
            (
                new.user_id.as_str(),
                new.password_hash.as_ref().map(|hash| &hash.0),
                &new.appservice_id,
                new.is_admin,
                new.now_ms,
            ),
            |row| row.get(0),
        )?;
    if let Some(name) = &new.displayname {
        profile::put(tx.conn, nid, "displayname", &serde_json::Value::from(&**name).to_string())?;
    }
    directory::refresh(tx.conn, nid)?;
    if let Some(login) = &new.login {
        let outcome = sessions::log_in(indexes, tx, &new.user_id, login, new.now_ms)?;
        if outcome != LoginOutcome::LoggedIn {
            return Err(StoreError::Conflict("a new account could not log in"));
        }
    }
    Ok(CreateOutcome::Created)
}

pub(in crate::sqlite) fn set_password(
    conn: &Connection,
    user_id: &UserId,
    password_hash: Option<&PasswordHash>,
) -> StoreResult<()> {
    conn.prepare_cached(
        "UPDATE account SET password_hash = ?2 WHERE user_id = ?1 AND deactivated = 0",
    )?
    .execute((user_id.as_str(), password_hash.map(|hash| &hash.0)))?;
    // A browser may allow new devices: whoever knew the old password must not keep one.
    forget_browsers(conn, user_id, None)?;
    password_links::end(conn, user_id)?;
    oauth::end_pending(conn, user_id)
}

pub(in crate::sqlite) fn set_flag(
    indexes: &Indexes,
    tx: &mut Tx<'_>,
    user_id: &UserId,
    flag: AccountFlag,
    value: bool,
) -> StoreResult<bool> {
    let sql = match flag {
        AccountFlag::Admin => "UPDATE account SET is_admin = ?2 WHERE nid = ?1",
        AccountFlag::Locked => "UPDATE account SET locked = ?2 WHERE nid = ?1",
        AccountFlag::Suspended => "UPDATE account SET suspended = ?2 WHERE nid = ?1",
    };
    let Some(nid) = active_nid(tx.conn, user_id)? else { return Ok(false) };
    tx.conn.prepare_cached(sql)?.execute((nid, value))?;
    if flag == AccountFlag::Locked {
        directory::refresh(tx.conn, nid)?;
    }
    sessions::forget_after_commit(indexes, tx, user_id)?;
    Ok(true)
}

/// How an account ends.
#[derive(Debug, Clone, Copy)]
pub(in crate::sqlite) struct End {
    /// Whether what it said of its owner goes too.
    pub(in crate::sqlite) erase: bool,
    /// Whether an administrator alone brings it back.
    pub(in crate::sqlite) by_admin: bool,
    /// When, in ms since the epoch.
    pub(in crate::sqlite) now_ms: i64,
}

/// A lock and a suspension stay, so that no way back lifts them. Who ends it again does not put off
/// the day after which it does not come back.
pub(in crate::sqlite) fn deactivate(
    indexes: &Indexes,
    tx: &mut Tx<'_>,
    user_id: &UserId,
    End { erase, by_admin, now_ms }: End,
) -> StoreResult<bool> {
    let Some(nid) = nid(tx.conn, user_id)? else { return Ok(false) };
    devices::delete(indexes, tx, user_id, &Devices::All)?;
    tx.conn
        .prepare_cached(
            "UPDATE account SET deactivated = 1, password_hash = NULL, is_admin = 0,
                erased = max(erased, ?2), closed_by_admin = max(closed_by_admin, ?3),
                deactivated_ts = iif(deactivated, deactivated_ts, ?4)
             WHERE nid = ?1",
        )?
        .execute((nid, erase, by_admin, now_ms))?;
    password_links::end(tx.conn, user_id)?;
    directory::leave(tx.conn, nid)?;
    forget_browsers(tx.conn, user_id, None)?;
    tx.conn
        .prepare_cached("DELETE FROM pusher WHERE user_id = ?1")?
        .execute((user_id.as_str(),))?;
    tx.conn
        .prepare_cached("DELETE FROM profile_to_tell WHERE user_id = ?1")?
        .execute((user_id.as_str(),))?;
    delayed_events::end_with_account(tx.conn, user_id)?;
    if erase {
        person::erase(tx.conn, nid)?;
        upstream::unlink(tx.conn, user_id, None)?;
        tx.conn
            .prepare_cached("DELETE FROM profile_field WHERE account_nid = ?1")?
            .execute((nid,))?;
        for sql in
            ["DELETE FROM account_data WHERE user_id = ?1", "DELETE FROM filter WHERE user_id = ?1"]
        {
            tx.conn.prepare_cached(sql)?.execute((user_id.as_str(),))?;
        }
    }
    Ok(true)
}

pub(in crate::sqlite) fn erased(conn: &Connection) -> StoreResult<Vec<UserId>> {
    users(conn, "SELECT user_id FROM account WHERE erased = 1")
}

pub(in crate::sqlite) fn deactivated_in_rooms(conn: &Connection) -> StoreResult<Vec<UserId>> {
    let sql = "SELECT user_id FROM account WHERE deactivated = 1 AND EXISTS (
            SELECT 1 FROM membership m WHERE m.user_id = account.user_id
            AND m.membership IN ('join', 'invite', 'knock'))";
    users(conn, sql)
}

fn users(conn: &Connection, sql: &str) -> StoreResult<Vec<UserId>> {
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query(())?;
    let mut users = Vec::new();
    while let Some(row) = rows.next()? {
        let user_id = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
        users.push(device_rows::user(user_id)?);
    }
    Ok(users)
}

pub(in crate::sqlite) fn reactivate(
    tx: &mut Tx<'_>,
    user_id: &UserId,
    password_hash: Option<&PasswordHash>,
) -> StoreResult<bool> {
    let mut statement = tx.conn.prepare_cached(
        "UPDATE account SET deactivated = 0, closed_by_admin = 0, password_hash = ?2
         WHERE user_id = ?1 AND deactivated = 1 AND erased = 0 RETURNING nid",
    )?;
    let parameters = (user_id.as_str(), password_hash.map(|hash| &hash.0));
    let back: Option<i64> = statement.query_row(parameters, |row| row.get(0)).optional()?;
    let Some(nid) = back else { return Ok(false) };
    // Who lapsed would lapse again at once.
    tx.conn
        .prepare_cached(
            "UPDATE person SET lapsed_ts = NULL, expires_ts = NULL
             WHERE account_nid = ?1 AND lapsed_ts IS NOT NULL",
        )?
        .execute((nid,))?;
    directory::refresh(tx.conn, nid)?;
    tx.record(FactKind::Address { user_id: user_id.clone() });
    Ok(true)
}

/// The number of an account, deactivated or not.
pub(in crate::sqlite) fn nid(conn: &Connection, user_id: &UserId) -> StoreResult<Option<i64>> {
    let mut statement = conn.prepare_cached("SELECT nid FROM account WHERE user_id = ?1")?;
    Ok(statement.query_row((user_id.as_str(),), |row| row.get(0)).optional()?)
}
