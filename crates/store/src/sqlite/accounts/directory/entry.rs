// SPDX-License-Identifier: Apache-2.0
//! What the index holds of one person, and how it follows what is known of the person.

use estafette_core::{
    directory::{fold, words},
    ids::UserId,
    limits::DIRECTORY_WORDS_MAX,
};
use rusqlite::{Connection, OptionalExtension as _};

use super::profile;
use crate::{StoreResult, sqlite::device_rows};

/// How many characters of a turned name order the people who share its first word.
const TURNED_CHARS: usize = 40;

/// Makes somebody be found by what is now known, or not be found. In the transaction of whatever
/// changed it: name, organisation, red list, lock, end.
pub(in crate::sqlite) fn refresh(conn: &Connection, nid: i64) -> StoreResult<()> {
    let before = take_out(conn, nid)?;
    let entered = enter(conn, nid)?;
    match before {
        Some(organisation) if entered != before => forget_empty(conn, organisation),
        _ => Ok(()),
    }
}

/// Makes somebody not be found.
pub(in crate::sqlite) fn leave(conn: &Connection, nid: i64) -> StoreResult<()> {
    match take_out(conn, nid)? {
        Some(organisation) => forget_empty(conn, organisation),
        None => Ok(()),
    }
}

/// Makes everybody be found who is not entered yet: accounts that are older than the index.
pub(in crate::sqlite) fn enter_whoever_is_missing(conn: &Connection) -> StoreResult<()> {
    let mut statement = conn.prepare(
        "SELECT nid FROM account WHERE deactivated = 0
         AND nid NOT IN (SELECT account_nid FROM directory_entry)",
    )?;
    let missing = statement.query_map((), |row| row.get(0))?;
    for nid in missing.collect::<Result<Vec<i64>, _>>()? {
        refresh(conn, nid)?;
    }
    Ok(())
}

/// What the index is made of, besides the name.
struct Indexed {
    user_id: UserId,
    organisation: String,
    /// The localpart was drawn: nobody knows or says it.
    drawn: bool,
    hidden: bool,
}

fn indexed(conn: &Connection, nid: i64) -> StoreResult<Option<Indexed>> {
    let mut statement = conn.prepare_cached(
        "SELECT a.user_id, coalesce(p.organisation_id, '') || ' ' ||
                coalesce(p.organisation_name, ''), p.email IS NOT NULL,
                a.locked OR coalesce(p.guest OR p.red_list, 0)
         FROM account a LEFT JOIN person p ON p.account_nid = a.nid
         WHERE a.nid = ?1 AND a.deactivated = 0",
    )?;
    let mut rows = statement.query((nid,))?;
    let Some(row) = rows.next()? else { return Ok(None) };
    Ok(Some(Indexed {
        user_id: device_rows::user(&row.get::<_, String>(0)?)?,
        organisation: fold(&row.get::<_, String>(1)?),
        drawn: row.get(2)?,
        hidden: row.get(3)?,
    }))
}

/// Enters somebody who is not in, and returns the organisation it was entered with.
fn enter(conn: &Connection, nid: i64) -> StoreResult<Option<i64>> {
    let Some(person) = indexed(conn, nid)? else { return Ok(None) };
    let localpart = fold(person.user_id.localpart());
    let name = profile::text(conn, nid, "displayname")?.map(|name| fold(&name));
    let name = name.as_deref().map(str::trim).filter(|name| !name.is_empty());
    let mut found_by = distinct(words(untagged(name.unwrap_or_default(), &person.organisation)));
    if found_by.is_empty() || !person.drawn {
        found_by = distinct(found_by.into_iter().chain(words(&localpart)));
    }
    found_by.truncate(DIRECTORY_WORDS_MAX);
    let organisation = match distinct(words(&person.organisation)) {
        called if called.is_empty() || person.hidden => None,
        called => Some(organisation(conn, &called)?),
    };
    let joined = found_by.join(" ");
    conn.prepare_cached("INSERT INTO directory_entry VALUES (?1, ?2, ?3, ?4, ?5)")?.execute((
        nid,
        name.unwrap_or(&localpart),
        &joined,
        organisation,
        person.hidden,
    ))?;
    if person.hidden {
        return Ok(None);
    }
    let mut insert = conn.prepare_cached("INSERT INTO directory_name VALUES (?1, ?2)")?;
    let mut join = conn.prepare_cached("INSERT INTO directory_member VALUES (?1, ?2, ?3)")?;
    for turned in turns(&joined) {
        insert.execute((&turned, nid))?;
        if organisation.is_some() {
            join.execute((organisation, &turned, nid))?;
        }
    }
    Ok(organisation)
}

/// The number of the organisation that is called so.
fn organisation(conn: &Connection, called: &[&str]) -> StoreResult<i64> {
    let joined = called.join(" ");
    let known: Option<i64> = conn
        .prepare_cached("SELECT nid FROM directory_organisation WHERE words = ?1")?
        .query_row((&joined,), |row| row.get(0))
        .optional()?;
    if let Some(nid) = known {
        return Ok(nid);
    }
    let nid: i64 = conn
        .prepare_cached("INSERT INTO directory_organisation (words) VALUES (?1) RETURNING nid")?
        .query_row((&joined,), |row| row.get(0))?;
    let mut insert =
        conn.prepare_cached("INSERT INTO directory_organisation_word VALUES (?1, ?2)")?;
    for word in called {
        insert.execute((word, nid))?;
    }
    Ok(nid)
}

/// Takes out whoever is in, and returns the organisation it was entered with.
fn take_out(conn: &Connection, nid: i64) -> StoreResult<Option<i64>> {
    let gone: Option<(String, Option<i64>)> = conn
        .prepare_cached(
            "DELETE FROM directory_entry WHERE account_nid = ?1
             RETURNING words, organisation_nid",
        )?
        .query_row((nid,), |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((words, organisation)) = gone else { return Ok(None) };
    let mut delete =
        conn.prepare_cached("DELETE FROM directory_name WHERE turned = ?1 AND account_nid = ?2")?;
    let mut part = conn.prepare_cached(
        "DELETE FROM directory_member
         WHERE organisation_nid = ?1 AND turned = ?2 AND account_nid = ?3",
    )?;
    for turned in turns(&words) {
        delete.execute((&turned, nid))?;
        part.execute((organisation, &turned, nid))?;
    }
    Ok(organisation)
}

/// Forgets an organisation in which nobody is left.
fn forget_empty(conn: &Connection, organisation: i64) -> StoreResult<()> {
    let gone: Option<String> = conn
        .prepare_cached(
            "DELETE FROM directory_organisation WHERE nid = ?1
             AND NOT EXISTS (SELECT 1 FROM directory_entry
                 WHERE organisation_nid = ?1 AND hidden = 0) RETURNING words",
        )?
        .query_row((organisation,), |row| row.get(0))
        .optional()?;
    let mut delete = conn.prepare_cached(
        "DELETE FROM directory_organisation_word WHERE word = ?1 AND organisation_nid = ?2",
    )?;
    for word in gone.iter().flat_map(|words| words.split(' ')) {
        delete.execute((word, organisation))?;
    }
    Ok(())
}

/// A name without the organisation that stands behind it in brackets, where the person is found by
/// the words of the organisation anyhow.
fn untagged<'n>(name: &'n str, organisation: &str) -> &'n str {
    let tag = name.strip_suffix(']').and_then(|name| name.rsplit_once('['));
    match tag {
        Some((rest, tag)) if words(tag).all(|word| words(organisation).any(|w| w == word)) => rest,
        _ => name,
    }
}

/// Each word once, where it comes first.
fn distinct<'w>(words: impl Iterator<Item = &'w str>) -> Vec<&'w str> {
    let mut distinct: Vec<&str> = Vec::new();
    for word in words.take(2 * DIRECTORY_WORDS_MAX) {
        if !distinct.contains(&word) {
            distinct.push(word);
        }
    }
    distinct
}

/// For each of the words, itself, what follows it, and then what stands before it.
fn turns(joined: &str) -> impl Iterator<Item = String> {
    let words: Vec<&str> = joined.split(' ').collect();
    (0..words.len()).map(move |first| {
        let turned = words.iter().cycle().skip(first).take(words.len());
        let turned = turned.copied().collect::<Vec<_>>().join(" ");
        let whole = words.get(first).map_or(0, |word| word.chars().count());
        turned.chars().take(whole.max(TURNED_CHARS)).collect()
    })
}
