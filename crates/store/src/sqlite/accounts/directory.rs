// SPDX-License-Identifier: Apache-2.0
//! How people are found: an index of folded words, read in the order in which it is shown, so that
//! what a search costs follows from what it returns, not from how many people there are.

mod entry;

use std::collections::{HashMap, HashSet};

use estafette_core::{
    directory::{fold, joined_words, words},
    ids::UserId,
    limits::{
        DIRECTORY_CANDIDATES_MAX, DIRECTORY_COUNT_MAX, DIRECTORY_ORGANISATIONS_MAX,
        DIRECTORY_TERMS_MAX,
    },
};
use rusqlite::{Connection, OptionalExtension as _};

pub(in crate::sqlite) use self::entry::{
    enter_stale, has_stale, join_organisations, leave, refresh,
};
use super::profile;
use crate::{
    StoreResult,
    accounts::{DirectoryEntry, DirectoryPage, DirectoryQuery},
    sqlite::device_rows,
};

/// What comes after every text that begins with `prefix`.
fn after(prefix: &str) -> String {
    format!("{prefix}{}", char::MAX)
}

/// See [`AccountStore::search_directory`](crate::AccountStore::search_directory).
pub(super) fn search(conn: &Connection, query: &DirectoryQuery) -> StoreResult<DirectoryPage> {
    let (seen, found) = (HashSet::new(), vec![]);
    let mut search = Search { conn, query, seen, found, examined: 0, cut: false };
    if is_guest(conn, &query.searcher)? {
        return search.page();
    }
    let typed = query.text.trim();
    if typed.chars().skip(1).any(|c| c == '@') {
        search.by_email(&typed.to_lowercase())?;
        return search.page();
    }
    if typed.starts_with('@') {
        search.by_user_id(typed)?;
        if typed.contains(':') {
            return search.page();
        }
    }
    let folded = fold(typed);
    let terms: Vec<&str> = words(&folded).take(DIRECTORY_TERMS_MAX).collect();
    if !terms.is_empty() {
        search.by_name(&terms.join(" "))?;
        if let [first, second] = terms.as_slice() {
            // Surname and given name are typed in either order.
            search.by_name(&format!("{second} {first}"))?;
        }
        if terms.len() > 1 {
            // The surname first, then given names: however many share each, this is one range.
            search.by_word(None, &terms.join(" "), &[], DIRECTORY_CANDIDATES_MAX)?;
        }
        search.by_terms(&terms)?;
        // Who types `Jean-Pierre` means Jeanpierre too.
        let whole: Vec<String> = joined_words(&folded).take(DIRECTORY_TERMS_MAX).collect();
        let whole: Vec<&str> = whole.iter().map(String::as_str).collect();
        if whole != terms && !search.is_full() {
            search.by_terms(&whole)?;
        }
    }
    // A localpart may be somebody's name too: then the name is meant.
    search.by_user_id(typed)?;
    search.page()
}

fn is_guest(conn: &Connection, user_id: &UserId) -> StoreResult<bool> {
    let mut statement = conn.prepare_cached(
        "SELECT 1 FROM person WHERE guest = 1
         AND account_nid = (SELECT nid FROM account WHERE user_id = ?1)",
    )?;
    Ok(statement.exists((user_id.as_str(),))?)
}

/// A word that was typed.
struct Term<'a> {
    text: &'a str,
    /// How often names have a word that begins with it, as far as it was counted.
    names: u64,
    /// How many organisations have such a word, as far as it was counted.
    organisations: u64,
}

impl Term<'_> {
    /// What it costs to look at everybody who has this word, in rows.
    fn cost(&self) -> u64 {
        // An organisation is looked into by a few seeks.
        self.names + self.organisations * 4
    }

    /// Whether everybody who has this word can be looked at.
    fn is_rare(&self) -> bool {
        self.names < DIRECTORY_COUNT_MAX && self.organisations < DIRECTORY_ORGANISATIONS_MAX
    }
}

/// An organisation, and which terms it answers itself (bits, in their order).
struct Answering {
    nid: i64,
    terms: u32,
}

/// A search under way.
struct Search<'a> {
    conn: &'a Connection,
    query: &'a DirectoryQuery,
    seen: HashSet<i64>,
    found: Vec<(i64, UserId)>,
    examined: u64,
    /// Something was left out because of what it would have cost.
    cut: bool,
}

impl Search<'_> {
    /// Whether there is nothing more to look for: one more than wanted tells that there are more.
    fn is_full(&self) -> bool {
        u64::try_from(self.found.len()).unwrap_or(u64::MAX) > self.query.limit
    }

    /// Counts a row that is about to be read. False: enough was found, or read.
    fn goes_on(&mut self, end: u64) -> bool {
        if self.is_full() {
            return false;
        }
        self.cut |= self.examined >= end;
        self.examined += 1;
        self.examined <= end
    }

    /// Where a part of the work ends that gets one of `parts` equal shares of what is left.
    fn share(&self, end: u64, parts: usize) -> u64 {
        let left = end.saturating_sub(self.examined);
        self.examined + left / u64::try_from(parts).unwrap_or(u64::MAX).max(1)
    }

    fn page(self) -> StoreResult<DirectoryPage> {
        let limited = self.is_full() || self.cut;
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

    /// The one whose whole user id or localpart this is.
    fn by_user_id(&mut self, typed: &str) -> StoreResult<()> {
        let id = typed.strip_prefix('@').unwrap_or(typed);
        let user_id = if typed.starts_with('@') && id.contains(':') {
            typed.to_owned()
        } else {
            format!("@{id}:{}", self.query.searcher.server_name())
        };
        let mut statement =
            self.conn.prepare_cached("SELECT nid FROM account WHERE user_id = ?1")?;
        match statement.query_row((user_id,), |row| row.get(0)).optional()? {
            Some(nid) => self.consider(nid, false),
            None => Ok(()),
        }
    }

    /// Those whose name begins with all that was typed, by name.
    fn by_name(&mut self, phrase: &str) -> StoreResult<()> {
        let mut statement = self.conn.prepare_cached(
            "SELECT account_nid FROM directory_entry
             WHERE hidden = 0 AND words >= ?1 AND words < ?2 ORDER BY words, account_nid",
        )?;
        let mut rows = statement.query((phrase, after(phrase)))?;
        while let Some(row) = rows.next()? {
            if !self.goes_on(DIRECTORY_CANDIDATES_MAX) {
                break;
            }
            self.consider(row.get(0)?, false)?;
        }
        Ok(())
    }

    /// Those who have, for each term, a word of the name or of the organisation that begins with
    /// it.
    fn by_terms(&mut self, typed: &[&str]) -> StoreResult<()> {
        let (terms, organisations) = self.look_up(typed)?;
        let by_cost =
            terms.iter().enumerate().min_by_key(|(_, term)| (!term.is_rare(), term.cost()));
        let Some((index, lead)) = by_cost else { return Ok(()) };
        let end = DIRECTORY_CANDIDATES_MAX;
        if lead.is_rare() {
            // Whoever is looked for has this word in the name or in that of the organisation.
            self.by_word(None, lead.text, typed, end)?;
            let leading = organisations.iter().filter(|found| found.terms & (1 << index) != 0);
            return self.by_organisations(&leading.collect::<Vec<_>>(), &terms, end);
        }
        if typed.len() == 1 {
            self.by_word(None, lead.text, typed, end)?;
        } else {
            self.by_neighbours(None, typed, self.share(end, 4))?;
        }
        self.by_organisations(
            &organisations.iter().collect::<Vec<_>>(),
            &terms,
            self.share(end, 2),
        )?;
        self.by_word(None, lead.text, typed, end)
    }

    /// What is known of each term, and which organisations answer some: those that answer most
    /// first, then by the word.
    fn look_up<'t>(&mut self, typed: &[&'t str]) -> StoreResult<(Vec<Term<'t>>, Vec<Answering>)> {
        let mut counted = self.conn.prepare_cached(
            "SELECT count(*) FROM (SELECT 1 FROM directory_name
             WHERE turned >= ?1 AND turned < ?2 LIMIT ?3)",
        )?;
        let mut called = self.conn.prepare_cached(
            "SELECT organisation_nid FROM directory_organisation_word
             WHERE word >= ?1 AND word < ?2 ORDER BY word, organisation_nid LIMIT ?3",
        )?;
        let (mut terms, mut found) = (Vec::with_capacity(typed.len()), Vec::<Answering>::new());
        let mut known: HashMap<i64, usize> = HashMap::new();
        for (index, text) in typed.iter().enumerate() {
            let limit = DIRECTORY_COUNT_MAX.cast_signed();
            let names: i64 = counted.query_row((text, after(text), limit), |row| row.get(0))?;
            let limit = DIRECTORY_ORGANISATIONS_MAX.cast_signed();
            let mut rows = called.query((text, after(text), limit))?;
            let mut organisations = 0;
            while let Some(row) = rows.next()? {
                organisations += 1;
                let nid = row.get(0)?;
                let at = *known.entry(nid).or_insert(found.len());
                match found.get_mut(at) {
                    Some(answering) => answering.terms |= 1 << index,
                    None => found.push(Answering { nid, terms: 1 << index }),
                }
            }
            terms.push(Term { text, names: names.cast_unsigned(), organisations });
        }
        found.sort_by_key(|answering| std::cmp::Reverse(answering.terms.count_ones()));
        Ok((terms, found))
    }

    /// Those of these organisations who have the terms that the organisation does not answer.
    fn by_organisations(
        &mut self,
        organisations: &[&Answering],
        terms: &[Term<'_>],
        end: u64,
    ) -> StoreResult<()> {
        for (index, organisation) in organisations.iter().enumerate() {
            let open = terms.iter().enumerate();
            let open = open.filter(|(bit, _)| organisation.terms & (1 << bit) == 0).map(|(_, t)| t);
            let mut open: Vec<&Term<'_>> = open.collect();
            open.sort_by_key(|term| term.names);
            let texts: Vec<&str> = open.iter().map(|term| term.text).collect();
            let part = self.share(end, organisations.len() - index);
            match texts.as_slice() {
                [] => self.by_membership(organisation.nid, part)?,
                [lead] => self.by_word(Some(organisation.nid), lead, &[], part)?,
                [lead, ..] => {
                    self.by_neighbours(Some(organisation.nid), &texts, self.share(part, 2))?;
                    self.by_word(Some(organisation.nid), lead, &texts, part)?;
                }
            }
            if self.is_full() {
                break;
            }
        }
        Ok(())
    }

    /// Everybody of an organisation, by name.
    fn by_membership(&mut self, organisation: i64, end: u64) -> StoreResult<()> {
        let mut statement = self.conn.prepare_cached(
            "SELECT account_nid FROM directory_entry
             WHERE hidden = 0 AND organisation_nid = ?1 ORDER BY words, account_nid",
        )?;
        let mut rows = statement.query((organisation,))?;
        while let Some(row) = rows.next()? {
            if !self.goes_on(end) {
                break;
            }
            self.consider(row.get(0)?, false)?;
        }
        Ok(())
    }

    /// Those who have a word that begins with `lead` and one for each of `terms`: by that word,
    /// then by what follows it in the name.
    fn by_word(
        &mut self,
        organisation: Option<i64>,
        lead: &str,
        terms: &[&str],
        end: u64,
    ) -> StoreResult<()> {
        let mut statement = self.conn.prepare_cached(names_sql(organisation))?;
        let mut rows = statement.query((lead, after(lead), organisation))?;
        while let Some(row) = rows.next()? {
            if !self.goes_on(end) {
                break;
            }
            let nid = row.get(1)?;
            if !self.seen.contains(&nid) && has_words(self.conn, nid, terms)? {
                self.consider(nid, false)?;
            }
        }
        Ok(())
    }

    /// Those in whose name a word for one term is followed by one for another, and who have all
    /// the terms: found without reading everybody who shares either.
    ///
    /// Names are kept turned, the last word followed by the first: in one of up to three words, any
    /// two are neighbours.
    fn by_neighbours(
        &mut self,
        organisation: Option<i64>,
        terms: &[&str],
        end: u64,
    ) -> StoreResult<()> {
        let pairs = terms.iter().enumerate().flat_map(|(at, first)| {
            let others = terms.iter().enumerate().filter(move |(other, _)| *other != at);
            others.map(move |(_, second)| (*first, *second))
        });
        let pairs: Vec<(&str, &str)> = pairs.collect();
        for (index, (first, second)) in pairs.iter().enumerate() {
            let part = self.share(end, pairs.len() - index);
            self.by_pair(organisation, (first, second), terms, part)?;
            if self.is_full() {
                break;
            }
        }
        Ok(())
    }

    fn by_pair(
        &mut self,
        organisation: Option<i64>,
        (first, second): (&str, &str),
        terms: &[&str],
        end: u64,
    ) -> StoreResult<()> {
        let mut next = self.conn.prepare_cached(names_sql(organisation))?;
        let (mut from, until) = (first.to_owned(), after(first));
        while self.goes_on(end) {
            let parameters = (&from, &until, organisation);
            let turned: Option<String> = next.query_row(parameters, |row| row.get(0)).optional()?;
            let Some(turned) = turned else { break };
            let word = turned.split(' ').next().unwrap_or(&turned);
            self.by_word(organisation, &format!("{word} {second}"), terms, end)?;
            // Whatever begins with this word and goes on with another one comes before this.
            from = format!("{word}!");
        }
        Ok(())
    }
}

/// Reads the names from `?1` to before `?2`, of everybody or of the organisation `?3`.
fn names_sql(organisation: Option<i64>) -> &'static str {
    match organisation {
        Some(_) => {
            "SELECT turned, account_nid FROM directory_member WHERE organisation_nid = ?3
             AND turned >= ?1 AND turned < ?2 ORDER BY turned, account_nid"
        }
        None => {
            "SELECT turned, account_nid FROM directory_name WHERE ?3 IS NULL
             AND turned >= ?1 AND turned < ?2 ORDER BY turned, account_nid"
        }
    }
}

/// Whether somebody has, for each term, a word that begins with it.
fn has_words(conn: &Connection, nid: i64, terms: &[&str]) -> StoreResult<bool> {
    if terms.is_empty() {
        return Ok(true);
    }
    let mut statement = conn.prepare_cached(
        "SELECT e.words, coalesce(e.joined, ''), coalesce(o.words, '') FROM directory_entry e
         LEFT JOIN directory_organisation o ON o.nid = e.organisation_nid WHERE e.account_nid = ?1",
    )?;
    let mut rows = statement.query((nid,))?;
    let Some(row) = rows.next()? else { return Ok(false) };
    let name = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
    let joined = row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?;
    let organisation = row.get_ref(2)?.as_str().map_err(rusqlite::Error::from)?;
    let known = [name, joined, organisation].into_iter().flat_map(|text| text.split(' '));
    Ok(terms.iter().all(|term| known.clone().any(|word| word.starts_with(term))))
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
