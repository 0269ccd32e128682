// SPDX-License-Identifier: Apache-2.0
//! What the index holds of one person, and how it follows what is known of the person.

use estafette_core::{
    directory::{fold, joined_words, words},
    ids::UserId,
    limits::DIRECTORY_WORDS_MAX,
};
use rusqlite::{Connection, OptionalExtension as _};

use super::profile;
use crate::{StoreResult, sqlite::device_rows};

/// How many characters of a turned name order the people who share its first word.
const TURNED_CHARS: usize = 40;
/// How many people are entered anew in one transaction.
const STALE_PIECE: i64 = 2_000;

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

/// Whether somebody is to be entered anew.
pub(in crate::sqlite) fn has_stale(conn: &Connection) -> StoreResult<bool> {
    Ok(conn.prepare("SELECT 1 FROM directory_stale")?.exists(())?)
}

/// Enters some anew, by number.
pub(in crate::sqlite) fn enter_stale(conn: &Connection) -> StoreResult<()> {
    let mut statement =
        conn.prepare("SELECT account_nid FROM directory_stale ORDER BY account_nid LIMIT ?1")?;
    let stale = statement.query_map((STALE_PIECE,), |row| row.get(0))?;
    let stale = stale.collect::<Result<Vec<i64>, _>>()?;
    for nid in &stale {
        refresh(conn, *nid)?;
    }
    conn.prepare("DELETE FROM directory_stale WHERE account_nid <= ?1")?
        .execute((stale.last(),))?;
    Ok(())
}

/// Has every organisation be found by words that are written as one.
pub(in crate::sqlite) fn join_organisations(conn: &Connection) -> StoreResult<()> {
    let mut statement = conn.prepare("SELECT nid FROM directory_organisation")?;
    let known = statement.query_map((), |row| row.get(0))?;
    for nid in known.collect::<Result<Vec<i64>, _>>()? {
        let somebody: Option<i64> = conn
            .prepare_cached(
                "SELECT account_nid FROM directory_entry
                 WHERE hidden = 0 AND organisation_nid = ?1 LIMIT 1",
            )?
            .query_row((nid,), |row| row.get(0))
            .optional()?;
        let Some(somebody) = somebody else { continue };
        let Some(person) = indexed(conn, somebody)? else { continue };
        let called = called(&person.organisation);
        // Two that only differed in what joins their words stay as they are.
        let renamed = conn
            .prepare_cached(
                "UPDATE OR IGNORE directory_organisation SET words = ?2 WHERE nid = ?1",
            )?
            .execute((nid, called.join(" ")))?;
        let mut insert = conn
            .prepare_cached("INSERT OR IGNORE INTO directory_organisation_word VALUES (?1, ?2)")?;
        for word in called.iter().filter(|_| renamed == 1) {
            insert.execute((word, nid))?;
        }
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
    let found_by = FoundBy::new(
        untagged(name.unwrap_or_default(), &person.organisation),
        (&localpart, person.drawn),
    );
    let organisation = match called(&person.organisation) {
        called if called.is_empty() || person.hidden => None,
        called => Some(organisation(conn, &called)?),
    };
    conn.prepare_cached(
        "INSERT INTO directory_entry (account_nid, name, words, joined, organisation_nid, hidden)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute((
        nid,
        name.unwrap_or(&localpart),
        &found_by.words,
        &found_by.joined,
        organisation,
        person.hidden,
    ))?;
    if person.hidden {
        return Ok(None);
    }
    let mut insert = conn.prepare_cached("INSERT INTO directory_name VALUES (?1, ?2)")?;
    let mut join = conn.prepare_cached("INSERT INTO directory_member VALUES (?1, ?2, ?3)")?;
    for turned in found_by.turns() {
        insert.execute((&turned, nid))?;
        if organisation.is_some() {
            join.execute((organisation, &turned, nid))?;
        }
    }
    Ok(organisation)
}

/// The words by which one person is found.
struct FoundBy {
    /// In their order, with one space between.
    words: String,
    /// The same with the parts of each put together, where that differs.
    joined: Option<String>,
}

impl FoundBy {
    /// By a folded name, and by the localpart unless it was drawn and there is a name.
    fn new(name: &str, (localpart, drawn): (&str, bool)) -> Self {
        let localpart = if drawn && words(name).next().is_some() { "" } else { localpart };
        let mut parts = distinct(words(name).chain(words(localpart)));
        parts.truncate(DIRECTORY_WORDS_MAX);
        let whole: Vec<String> = joined_words(name).chain(joined_words(localpart)).collect();
        let mut whole = distinct(whole.iter().map(String::as_str));
        whole.truncate(DIRECTORY_WORDS_MAX);
        let joined = (whole != parts).then(|| whole.join(" "));
        Self { words: parts.join(" "), joined }
    }

    /// For each of the words, itself, what follows it, and then what stands before it. Of the
    /// joined ones, those that are no words by themselves.
    fn turns(&self) -> impl Iterator<Item = String> {
        let parts: Vec<&str> = self.words.split(' ').collect();
        let joined = turns(self.joined.as_deref());
        let joined = joined.filter(move |(first, _)| !parts.contains(first));
        turns(Some(&self.words)).chain(joined).map(|(_, turned)| turned)
    }
}

/// By what words an organisation is found: those of its id and its name, then the joined ones.
fn called(organisation: &str) -> Vec<String> {
    let whole: Vec<String> = joined_words(organisation).collect();
    let called = distinct(words(organisation).chain(whole.iter().map(String::as_str)));
    called.into_iter().map(str::to_owned).collect()
}

/// The number of the organisation that is called so.
fn organisation(conn: &Connection, called: &[String]) -> StoreResult<i64> {
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
    let gone: Option<(FoundBy, Option<i64>)> = conn
        .prepare_cached(
            "DELETE FROM directory_entry WHERE account_nid = ?1
             RETURNING words, joined, organisation_nid",
        )?
        .query_row((nid,), |row| {
            Ok((FoundBy { words: row.get(0)?, joined: row.get(1)? }, row.get(2)?))
        })
        .optional()?;
    let Some((found_by, organisation)) = gone else { return Ok(None) };
    let mut delete =
        conn.prepare_cached("DELETE FROM directory_name WHERE turned = ?1 AND account_nid = ?2")?;
    let mut part = conn.prepare_cached(
        "DELETE FROM directory_member
         WHERE organisation_nid = ?1 AND turned = ?2 AND account_nid = ?3",
    )?;
    for turned in found_by.turns() {
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

/// Each word with the turn that begins with it.
fn turns(words: Option<&str>) -> impl Iterator<Item = (&str, String)> {
    let words: Vec<&str> = words.into_iter().flat_map(|words| words.split(' ')).collect();
    (0..words.len()).filter_map(move |first| {
        let word = words.get(first).copied()?;
        let turned = words.iter().cycle().skip(first).take(words.len());
        let turned = turned.copied().collect::<Vec<_>>().join(" ");
        Some((word, turned.chars().take(word.chars().count().max(TURNED_CHARS)).collect()))
    })
}
