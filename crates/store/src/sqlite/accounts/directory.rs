// SPDX-License-Identifier: Apache-2.0
//! How people are found: an index of folded words, read in the order in which it is shown, so that
//! what a search costs follows from what it returns, not from how many people there are.

use std::{
    cmp::Reverse,
    collections::{BTreeSet, HashSet},
};

use estafette_core::{
    directory::{fold, words},
    ids::UserId,
    limits::{
        DIRECTORY_CANDIDATES_MAX, DIRECTORY_COUNT_MAX, DIRECTORY_TERMS_MAX, DIRECTORY_WORDS_MAX,
    },
};
use rusqlite::{Connection, OptionalExtension as _, Row};

use super::profile;
use crate::{
    StoreResult,
    accounts::{DirectoryEntry, DirectoryPage, DirectoryQuery},
    sqlite::device_rows,
};

/// How many characters of a name order the people who share a word.
const SORT_CHARS: usize = 16;

/// Makes somebody be found by what is now known, or not be found. In the transaction of whatever
/// changed it: name, organisation, red list, lock, end.
pub(in crate::sqlite) fn refresh(conn: &Connection, nid: i64) -> StoreResult<()> {
    leave(conn, nid)?;
    let Some(person) = indexed(conn, nid)? else { return Ok(()) };
    let mut found_by: BTreeSet<&str> = BTreeSet::new();
    let localpart = fold(person.user_id.localpart());
    let name = profile::text(conn, nid, "displayname")?.map(|name| fold(&name));
    let shown = name.as_deref().filter(|name| !name.trim().is_empty()).unwrap_or(&localpart);
    let shown = shown.trim_start();
    let every = words(shown).chain(words(&person.organisation)).chain(words(&localpart));
    found_by.extend(every.take(DIRECTORY_WORDS_MAX));
    found_by.insert(&localpart);
    let joined = found_by.iter().copied().collect::<Vec<_>>().join(" ");
    conn.prepare_cached(
        "INSERT INTO directory_entry (account_nid, name, words, hidden) VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute((nid, shown, joined, person.hidden))?;
    if person.hidden {
        return Ok(());
    }
    let sort: String = shown.chars().take(SORT_CHARS).collect();
    let mut insert = conn.prepare_cached(
        "INSERT INTO directory_word (word, sort, account_nid) VALUES (?1, ?2, ?3)",
    )?;
    for word in found_by {
        insert.execute((word, &sort, nid))?;
    }
    Ok(())
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
    hidden: bool,
}

fn indexed(conn: &Connection, nid: i64) -> StoreResult<Option<Indexed>> {
    let mut statement = conn.prepare_cached(
        "SELECT a.user_id, coalesce(p.organisation_id, '') || ' ' ||
                coalesce(p.organisation_name, ''),
                a.locked OR coalesce(p.guest OR p.red_list, 0)
         FROM account a LEFT JOIN person p ON p.account_nid = a.nid
         WHERE a.nid = ?1 AND a.deactivated = 0",
    )?;
    let mut rows = statement.query((nid,))?;
    let Some(row) = rows.next()? else { return Ok(None) };
    Ok(Some(Indexed {
        user_id: device_rows::user(&row.get::<_, String>(0)?)?,
        organisation: fold(&row.get::<_, String>(1)?),
        hidden: row.get(2)?,
    }))
}

/// Makes somebody not be found.
pub(super) fn leave(conn: &Connection, nid: i64) -> StoreResult<()> {
    let gone: Option<(String, String)> = conn
        .prepare_cached("DELETE FROM directory_entry WHERE account_nid = ?1 RETURNING name, words")?
        .query_row((nid,), |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((name, words)) = gone else { return Ok(()) };
    let sort: String = name.chars().take(SORT_CHARS).collect();
    let mut delete = conn.prepare_cached(
        "DELETE FROM directory_word WHERE word = ?1 AND sort = ?2 AND account_nid = ?3",
    )?;
    for word in words.split(' ') {
        delete.execute((word, &sort, nid))?;
    }
    Ok(())
}

/// What comes after every text that begins with `prefix`.
fn after(prefix: &str) -> String {
    format!("{prefix}{}", char::MAX)
}

/// See [`AccountStore::search_directory`](crate::AccountStore::search_directory).
pub(super) fn search(conn: &Connection, query: &DirectoryQuery) -> StoreResult<DirectoryPage> {
    let mut search = Search { conn, query, seen: HashSet::new(), found: vec![], examined: 0 };
    if is_guest(conn, &query.searcher)? {
        return search.page();
    }
    let typed = query.text.trim();
    if typed.chars().skip(1).any(|c| c == '@') {
        search.by_email(&typed.to_lowercase())?;
        return search.page();
    }
    // A whole user id finds its owner.
    let typed = typed.strip_prefix('@').map_or(typed, |id| id.split(':').next().unwrap_or(id));
    let folded = fold(typed);
    let terms: Vec<&str> = words(&folded).take(DIRECTORY_TERMS_MAX).collect();
    if !terms.is_empty() {
        search.by_name(folded.trim())?;
        if let [first, second] = terms.as_slice() {
            // Surname and given name are typed in either order.
            search.by_name(&format!("{second} {first}"))?;
        }
        search.by_words(&terms)?;
    }
    search.page()
}

fn is_guest(conn: &Connection, user_id: &UserId) -> StoreResult<bool> {
    let mut statement = conn.prepare_cached(
        "SELECT 1 FROM person WHERE guest = 1
         AND account_nid = (SELECT nid FROM account WHERE user_id = ?1)",
    )?;
    Ok(statement.exists((user_id.as_str(),))?)
}

/// A search under way.
struct Search<'a> {
    conn: &'a Connection,
    query: &'a DirectoryQuery,
    seen: HashSet<i64>,
    found: Vec<(i64, UserId)>,
    examined: u64,
}

impl Search<'_> {
    /// Whether there is nothing more to look for: one more than wanted tells that there are more.
    fn is_over(&self) -> bool {
        let found = u64::try_from(self.found.len()).unwrap_or(u64::MAX);
        found > self.query.limit || self.examined >= DIRECTORY_CANDIDATES_MAX
    }

    fn page(self) -> StoreResult<DirectoryPage> {
        let limited = self.is_over();
        let shown = usize::try_from(self.query.limit).unwrap_or(usize::MAX);
        let entries = self.found.into_iter().take(shown);
        let entries = entries.map(|(nid, user_id)| entry(self.conn, nid, user_id));
        Ok(DirectoryPage { entries: entries.collect::<StoreResult<_>>()?, limited })
    }

    /// Adds a candidate unless it was seen or must not be shown.
    fn consider(&mut self, nid: i64, by_email: bool) -> StoreResult<()> {
        if self.seen.insert(nid)
            && let Some(user_id) = shown(self.conn, self.query, nid, by_email)?
        {
            self.found.push((nid, user_id));
        }
        Ok(())
    }

    /// The one whose address this is, also where the person is on the red list.
    fn by_email(&mut self, email: &str) -> StoreResult<()> {
        let mut statement =
            self.conn.prepare_cached("SELECT account_nid FROM person WHERE email = ?1")?;
        match statement.query_row((email,), |row| row.get(0)).optional()? {
            Some(nid) => self.consider(nid, true),
            None => Ok(()),
        }
    }

    /// Those whose name begins with all that was typed, by name.
    fn by_name(&mut self, folded: &str) -> StoreResult<()> {
        let mut statement = self.conn.prepare_cached(
            "SELECT account_nid FROM directory_entry
             WHERE hidden = 0 AND name >= ?1 AND name < ?2 ORDER BY name, account_nid",
        )?;
        let mut rows = statement.query((folded, after(folded)))?;
        while !self.is_over() {
            let Some(row) = rows.next()? else { break };
            self.examined += 1;
            self.consider(row.get(0)?, false)?;
        }
        Ok(())
    }

    /// Those who have, for each term, a word that begins with it: first those who have the leading
    /// term itself, then by the word, then by name.
    fn by_words(&mut self, terms: &[&str]) -> StoreResult<()> {
        let mut counted = Vec::with_capacity(terms.len());
        for (index, term) in terms.iter().enumerate() {
            let (count, words) = self.count(term)?;
            counted.push((count, Reverse(words), !self.begins_names(term)?, index));
        }
        // The rarest leads; the others are looked up for each candidate. Among common ones, the one
        // that many words begin with, as they mix those who have them; then a given name: who
        // shares it is read by surname, while who shares an organisation is read by given name.
        let Some((_, _, _, lead)) = counted.iter().min() else { return Ok(()) };
        let others: Vec<&str> =
            terms.iter().enumerate().filter(|(index, _)| index != lead).map(|(_, t)| *t).collect();
        let Some(lead) = terms.get(*lead) else { return Ok(()) };
        let mut statement = self.conn.prepare_cached(
            "SELECT account_nid FROM directory_word
             WHERE word >= ?1 AND word < ?2 ORDER BY word, sort, account_nid",
        )?;
        let mut rows = statement.query((lead, after(lead)))?;
        while !self.is_over() {
            let Some(row) = rows.next()? else { break };
            self.examined += 1;
            let nid = row.get(0)?;
            if !self.seen.contains(&nid) && has_words(self.conn, nid, &others)? {
                self.consider(nid, false)?;
            }
        }
        Ok(())
    }

    /// Whether anybody's name begins with `term`.
    fn begins_names(&self, term: &str) -> StoreResult<bool> {
        let mut statement = self.conn.prepare_cached(
            "SELECT 1 FROM directory_entry WHERE hidden = 0 AND name >= ?1 AND name < ?2 LIMIT 1",
        )?;
        Ok(statement.exists((term, after(term)))?)
    }

    /// How often words that begin with `term` occur, and how many such words there are, counted as
    /// far as it matters.
    fn count(&self, term: &str) -> StoreResult<(i64, i64)> {
        let mut statement = self.conn.prepare_cached(
            "SELECT count(*), count(DISTINCT word) FROM (SELECT word FROM directory_word
             WHERE word >= ?1 AND word < ?2 LIMIT ?3)",
        )?;
        let limit = DIRECTORY_COUNT_MAX.cast_signed();
        let read = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
        Ok(statement.query_row((term, after(term), limit), read)?)
    }
}

/// Whether somebody has, for each term, a word that begins with it.
fn has_words(conn: &Connection, nid: i64, terms: &[&str]) -> StoreResult<bool> {
    if terms.is_empty() {
        return Ok(true);
    }
    let mut statement =
        conn.prepare_cached("SELECT words FROM directory_entry WHERE account_nid = ?1")?;
    let mut rows = statement.query((nid,))?;
    let Some(row) = rows.next()? else { return Ok(false) };
    let known = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
    Ok(terms.iter().all(|term| known.split(' ').any(|word| word.starts_with(term))))
}

/// The candidate, if the one who asks may see it.
fn shown(
    conn: &Connection,
    query: &DirectoryQuery,
    nid: i64,
    by_email: bool,
) -> StoreResult<Option<UserId>> {
    let mut statement = conn.prepare_cached(
        "SELECT a.user_id FROM account a LEFT JOIN person p ON p.account_nid = a.nid
         WHERE a.nid = ?1 AND a.deactivated = 0 AND a.locked = 0 AND a.user_id IS NOT ?2
         AND coalesce(p.guest, 0) = 0 AND (?3 OR coalesce(p.red_list, 0) = 0)
         AND (p.expires_ts IS NULL OR p.expires_ts > ?4)",
    )?;
    // Where everybody is found, nobody looks for themselves.
    let left_out = (!query.visible_only).then_some(query.searcher.as_str());
    let parameters = (nid, left_out, by_email, query.now_ms);
    let user_id: Option<String> = statement.query_row(parameters, |row| row.get(0)).optional()?;
    let Some(user_id) = user_id else { return Ok(None) };
    if !by_email && query.visible_only && !in_sight(conn, &query.searcher, &user_id)? {
        return Ok(None);
    }
    device_rows::user(&user_id).map(Some)
}

/// Whether two share a room, or the other is in a public one: listed, or open for anybody to join
/// or to read (Client-Server API, "User Directory").
fn in_sight(conn: &Connection, searcher: &UserId, other: &str) -> StoreResult<bool> {
    let mut statement = conn.prepare_cached(
        "SELECT 1 FROM membership theirs JOIN room r ON r.nid = theirs.room_nid
         WHERE theirs.user_id = ?2 AND theirs.membership = 'join' AND (r.is_public = 1
            OR EXISTS (SELECT 1 FROM current_state s JOIN event e ON e.nid = s.event_nid
                WHERE s.room_nid = theirs.room_nid AND s.state_key = ''
                AND (s.type = 'm.room.join_rules'
                    AND json_extract(e.json, '$.content.join_rule') = 'public'
                  OR s.type = 'm.room.history_visibility'
                    AND json_extract(e.json, '$.content.history_visibility') = 'world_readable'))
            OR ?1 <> ?2 AND EXISTS (SELECT 1 FROM membership mine WHERE mine.user_id = ?1
                AND mine.room_nid = theirs.room_nid AND mine.membership = 'join'))",
    )?;
    Ok(statement.exists((searcher.as_str(), other))?)
}

fn entry(conn: &Connection, nid: i64, user_id: UserId) -> StoreResult<DirectoryEntry> {
    let displayname = profile::text(conn, nid, "displayname")?;
    Ok(DirectoryEntry { user_id, displayname, avatar_url: profile::text(conn, nid, "avatar_url")? })
}
