// SPDX-License-Identifier: Apache-2.0
//! Rows of `person`.

use estafette_core::ids::UserId;
use rusqlite::{Connection, OptionalExtension as _, Params, Row};

use crate::{
    FactKind, StoreResult,
    accounts::{CreateOutcome, NewAccount},
    people::{CreatePersonOutcome, Person, PersonDetails, PutPersonOutcome},
    sqlite::{
        Tx,
        accounts::{directory, life, sessions},
        device_rows::{self, Indexes},
        identity::{guests, password_links, validity},
    },
};

const SELECT: &str = "SELECT a.user_id, p.email, p.organisation_id, p.organisation_name,
    coalesce(p.guest, 0), p.expires_ts, coalesce(p.red_list, 0), a.locked, a.deactivated,
    p.derived_name, coalesce(p.organisation_fixed, 0), coalesce(p.endless, 0), a.suspended,
    a.closed_by_admin, p.invited_by, coalesce(p.email_ts, a.created_ts),
    iif(a.deactivated, a.deactivated_ts, NULL), coalesce(p.reminders, 1), a.is_admin
    FROM account a LEFT JOIN person p ON p.account_nid = a.nid";

fn from_row(row: &Row<'_>) -> StoreResult<Person> {
    Ok(Person {
        user_id: device_rows::user(&row.get::<_, String>(0)?)?,
        details: PersonDetails {
            email: row.get(1)?,
            organisation_id: row.get(2)?,
            organisation_name: row.get(3)?,
            guest: row.get(4)?,
            expires_ms: row.get(5)?,
            derived_name: row.get(9)?,
            organisation_fixed: row.get(10)?,
            endless: row.get(11)?,
        },
        red_list: row.get(6)?,
        locked: row.get(7)?,
        suspended: row.get(12)?,
        deactivated: row.get(8)?,
        closed_by_admin: row.get(13)?,
        invited_by: row.get(14)?,
        email_since_ms: row.get(15)?,
        deactivated_ms: row.get(16)?,
        reminders: row.get(17)?,
        admin: row.get(18)?,
    })
}

pub(super) fn list(conn: &Connection, rest: &str, params: impl Params) -> StoreResult<Vec<Person>> {
    let mut statement = conn.prepare_cached(&format!("{SELECT} {rest}"))?;
    let mut rows = statement.query(params)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(from_row(row)?);
    }
    Ok(found)
}

pub(in crate::sqlite) fn one(conn: &Connection, user_id: &UserId) -> StoreResult<Option<Person>> {
    Ok(list(conn, "WHERE a.user_id = ?1", (user_id.as_str(),))?.pop())
}

pub(in crate::sqlite) fn by_email(conn: &Connection, email: &str) -> StoreResult<Option<Person>> {
    Ok(list(conn, "WHERE p.email = ?1", (email,))?.pop())
}

pub(super) fn by_organisation(conn: &Connection) -> StoreResult<Vec<(Option<String>, u64)>> {
    let mut statement = conn.prepare_cached(
        "SELECT p.organisation_id, count(*) FROM account a
         LEFT JOIN person p ON p.account_nid = a.nid
         WHERE a.deactivated = 0 GROUP BY p.organisation_id ORDER BY p.organisation_id",
    )?;
    let counts =
        statement.query_map((), |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.cast_unsigned())))?;
    Ok(counts.collect::<Result<_, _>>()?)
}

pub(super) fn after(
    conn: &Connection,
    after: Option<&UserId>,
    limit: u64,
) -> StoreResult<Vec<Person>> {
    let rest = "WHERE a.deactivated = 0
        AND a.nid > coalesce((SELECT nid FROM account WHERE user_id = ?1), 0)
        ORDER BY a.nid LIMIT ?2";
    list(conn, rest, (after.map(UserId::as_str), limit.cast_signed()))
}

pub(super) fn administrators(
    conn: &Connection,
    now_ms: i64,
    limit: u64,
) -> StoreResult<Vec<UserId>> {
    let rest = "WHERE a.is_admin = 1 AND a.deactivated = 0 AND a.locked = 0 AND a.suspended = 0
        AND (p.expires_ts IS NULL OR p.expires_ts > ?1) ORDER BY a.nid LIMIT ?2";
    let found = list(conn, rest, (now_ms, limit.cast_signed()))?;
    Ok(found.into_iter().map(|person| person.user_id).collect())
}

pub(super) fn expiring(
    conn: &Connection,
    from_ms: i64,
    until_ms: i64,
    limit: u64,
) -> StoreResult<Vec<Person>> {
    let rest = "WHERE a.deactivated = 0 AND p.expires_ts > ?1 AND p.expires_ts <= ?2
        ORDER BY p.expires_ts, p.account_nid LIMIT ?3";
    list(conn, rest, (from_ms, until_ms, limit.cast_signed()))
}

/// Those of [`expiring`] whose reminder of so many days, or fewer, was not sent for this end.
/// Nobody who is locked: the account does not lapse meanwhile, and a lock may be there because of
/// whoever has the mailbox. Whoever is suspended reads on, and is to keep what they read.
pub(in crate::sqlite) fn to_remind(
    conn: &Connection,
    (from_ms, until_ms): (i64, i64),
    days: u32,
    limit: u64,
) -> StoreResult<Vec<Person>> {
    let rest = "WHERE a.deactivated = 0 AND a.locked = 0 AND p.email IS NOT NULL
        AND p.reminders <> 0 AND p.expires_ts > ?1 AND p.expires_ts <= ?2
        AND NOT EXISTS (SELECT 1 FROM validity_reminder r WHERE r.user_id = a.user_id
            AND r.expires_ts = p.expires_ts AND r.days <= ?3)
        ORDER BY p.expires_ts, p.account_nid LIMIT ?4";
    list(conn, rest, (from_ms, until_ms, days, limit.cast_signed()))
}

/// The account of somebody who signs up: a guest needs an invitation.
pub(super) fn create_expected(
    indexes: &Indexes,
    tx: &mut Tx<'_>,
    account: &NewAccount,
    details: &PersonDetails,
) -> StoreResult<CreatePersonOutcome> {
    let invited = match &details.email {
        Some(email) if details.guest => guests::is_invited(tx.conn, email, account.now_ms)?,
        Some(_) | None => !details.guest,
    };
    if !invited {
        return Ok(CreatePersonOutcome::NotInvited);
    }
    if let Some(email) = &details.email
        && is_closed(tx.conn, email)?
    {
        return Ok(CreatePersonOutcome::Closed);
    }
    create(indexes, tx, account, details)
}

pub(super) fn create(
    indexes: &Indexes,
    tx: &mut Tx<'_>,
    account: &NewAccount,
    details: &PersonDetails,
) -> StoreResult<CreatePersonOutcome> {
    if let Some(email) = &details.email
        && is_taken(tx.conn, email, None)?
    {
        return Ok(CreatePersonOutcome::EmailTaken);
    }
    match life::create(indexes, tx, account)? {
        CreateOutcome::Created => {}
        CreateOutcome::Taken => return Ok(CreatePersonOutcome::Taken),
        CreateOutcome::TokenInvalid => return Ok(CreatePersonOutcome::TokenInvalid),
    }
    put(indexes, tx, &account.user_id, details)?;
    if let Some(email) = &details.email {
        use_invitation(tx.conn, &account.user_id, email)?;
    }
    Ok(CreatePersonOutcome::Created)
}

/// Uses up the invitation of an address that is somebody's now, where there is one: who invited
/// answers for the guest.
pub(in crate::sqlite) fn use_invitation(
    conn: &Connection,
    user_id: &UserId,
    address: &str,
) -> StoreResult<()> {
    let Some(invited_by) = guests::end(conn, address)? else { return Ok(()) };
    let Some(nid) = life::nid(conn, user_id)? else { return Ok(()) };
    conn.prepare_cached("UPDATE person SET invited_by = ?2 WHERE account_nid = ?1")?
        .execute((nid, invited_by))?;
    Ok(())
}

/// Whether the address is that of an account which an administrator alone brings back.
pub(in crate::sqlite) fn is_closed(conn: &Connection, email: &str) -> StoreResult<bool> {
    let known = by_email(conn, email)?;
    Ok(known.is_some_and(|known| known.deactivated && !known.may_come_back()))
}

/// Whether somebody else who is not deactivated has the address.
fn is_taken(conn: &Connection, email: &str, besides: Option<i64>) -> StoreResult<bool> {
    let mut statement = conn.prepare_cached(
        "SELECT 1 FROM person p JOIN account a ON a.nid = p.account_nid
         WHERE p.email = ?1 AND a.deactivated = 0 AND a.nid IS NOT ?2",
    )?;
    Ok(statement.exists((email, besides))?)
}

pub(in crate::sqlite) fn put(
    indexes: &Indexes,
    tx: &mut Tx<'_>,
    user_id: &UserId,
    details: &PersonDetails,
) -> StoreResult<PutPersonOutcome> {
    let Some(nid) = life::nid(tx.conn, user_id)? else { return Ok(PutPersonOutcome::NoAccount) };
    if let Some(email) = &details.email {
        if is_taken(tx.conn, email, Some(nid))? {
            return Ok(PutPersonOutcome::EmailTaken);
        }
        // Whoever has it now is deactivated, and gives it up.
        tx.conn
            .prepare_cached(
                "UPDATE person SET email = NULL WHERE email = ?1 AND account_nid <> ?2",
            )?
            .execute((email, nid))?;
    }
    let (email_before, expired_before) = before(tx.conn, nid)?;
    if email_before != details.email {
        // A link may lie in the mailbox that is no longer the account's.
        password_links::end(tx.conn, user_id)?;
        validity::end(tx.conn, user_id)?;
    }
    tx.conn
        .prepare_cached(
            "INSERT INTO person (account_nid, email, organisation_id, organisation_name, guest,
                expires_ts, derived_name, organisation_fixed, endless)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
             ON CONFLICT (account_nid) DO UPDATE SET email = excluded.email,
                organisation_id = excluded.organisation_id,
                organisation_name = excluded.organisation_name, guest = excluded.guest,
                email_ts = CASE WHEN email IS excluded.email THEN email_ts END,
                expires_ts = excluded.expires_ts, derived_name = excluded.derived_name,
                organisation_fixed = excluded.organisation_fixed, endless = excluded.endless",
        )?
        .execute((
            nid,
            &details.email,
            &details.organisation_id,
            &details.organisation_name,
            details.guest,
            details.expires_ms,
            &details.derived_name,
            details.organisation_fixed,
            details.endless,
        ))?;
    directory::refresh(tx.conn, nid)?;
    if details.email.is_some() {
        tx.record(FactKind::Address { user_id: user_id.clone() });
    }
    if expired_before != details.expires_ms {
        sessions::forget_after_commit(indexes, tx, user_id)?;
    }
    Ok(PutPersonOutcome::Put)
}

/// Notes when somebody accepted the terms of use.
pub(in crate::sqlite) fn accept_terms(
    conn: &Connection,
    user_id: &UserId,
    now_ms: i64,
) -> StoreResult<()> {
    conn.prepare_cached(
        "UPDATE person SET terms_ts = ?2
         WHERE account_nid = (SELECT nid FROM account WHERE user_id = ?1)",
    )?
    .execute((user_id.as_str(), now_ms))?;
    Ok(())
}

/// When that was.
pub(in crate::sqlite) fn terms_accepted(
    conn: &Connection,
    user_id: &UserId,
) -> StoreResult<Option<i64>> {
    let found = conn
        .prepare_cached(
            "SELECT terms_ts FROM person
             WHERE account_nid = (SELECT nid FROM account WHERE user_id = ?1)",
        )?
        .query_row((user_id.as_str(),), |row| row.get(0))
        .optional()?;
    Ok(found.flatten())
}

/// Notes since when an account has the address that it has.
pub(in crate::sqlite) fn note_address(
    conn: &Connection,
    user_id: &UserId,
    now_ms: i64,
) -> StoreResult<()> {
    conn.prepare_cached(
        "UPDATE person SET email_ts = ?2
         WHERE account_nid = (SELECT nid FROM account WHERE user_id = ?1)",
    )?
    .execute((user_id.as_str(), now_ms))?;
    Ok(())
}

/// The address and the end of the validity as they are.
fn before(conn: &Connection, nid: i64) -> StoreResult<(Option<String>, Option<i64>)> {
    let mut statement =
        conn.prepare_cached("SELECT email, expires_ts FROM person WHERE account_nid = ?1")?;
    let row = statement.query_row((nid,), |row| Ok((row.get(0)?, row.get(1)?)));
    Ok(row.optional()?.unwrap_or_default())
}

/// Hides somebody, or shows them again. In the transaction of the account data that says so.
pub(in crate::sqlite) fn set_red_list(
    conn: &Connection,
    user_id: &UserId,
    red_list: bool,
) -> StoreResult<()> {
    let Some(nid) = life::active_nid(conn, user_id)? else { return Ok(()) };
    conn.prepare_cached(
        "INSERT INTO person (account_nid, red_list) VALUES (?1, ?2)
         ON CONFLICT (account_nid) DO UPDATE SET red_list = excluded.red_list",
    )?
    .execute((nid, red_list))?;
    directory::refresh(conn, nid)
}

/// Says whether somebody is reminded before the account ends. `false`: there is no such account.
pub(super) fn set_reminders(conn: &Connection, user_id: &UserId, on: bool) -> StoreResult<bool> {
    let Some(nid) = life::active_nid(conn, user_id)? else { return Ok(false) };
    conn.prepare_cached(
        "INSERT INTO person (account_nid, reminders) VALUES (?1, ?2)
         ON CONFLICT (account_nid) DO UPDATE SET reminders = excluded.reminders",
    )?
    .execute((nid, on))?;
    Ok(true)
}

/// Takes what an erased account leaves behind.
pub(in crate::sqlite) fn erase(conn: &Connection, nid: i64) -> StoreResult<()> {
    conn.prepare_cached("DELETE FROM person WHERE account_nid = ?1")?.execute((nid,))?;
    conn.prepare_cached("DELETE FROM directory_budget WHERE account_nid = ?1")?.execute((nid,))?;
    Ok(())
}
