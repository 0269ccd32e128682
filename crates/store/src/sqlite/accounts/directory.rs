// SPDX-License-Identifier: Apache-2.0
//! How people are found: an index of folded words.

use std::collections::HashSet;

use estafette_core::{
    directory::{fold, words},
    ids::UserId,
    limits::{DIRECTORY_CANDIDATES_MAX, DIRECTORY_TERMS_MAX},
};
use rusqlite::{Connection, params_from_iter, types::Value};

use super::profile;
use crate::{
    StoreResult,
    accounts::{DirectoryEntry, DirectoryQuery},
    sqlite::device_rows,
};

/// Makes somebody be found by the present name. In the transaction of what changed it.
pub(super) fn enter(conn: &Connection, nid: i64, user_id: &UserId) -> StoreResult<()> {
    let localpart = fold(user_id.localpart());
    let name = profile::text(conn, nid, "displayname")?.map(|name| fold(&name));
    let shown = name.as_deref().filter(|name| !name.trim().is_empty()).unwrap_or(&localpart);
    conn.prepare_cached("REPLACE INTO directory_entry (account_nid, name) VALUES (?1, ?2)")?
        .execute((nid, shown.trim_start()))?;
    let mut insert = conn.prepare_cached(
        "INSERT OR IGNORE INTO directory_word (word, account_nid) VALUES (?1, ?2)",
    )?;
    let every = words(shown).chain(words(&localpart)).chain([localpart.as_str()]);
    for word in every {
        insert.execute((word, nid))?;
    }
    Ok(())
}

/// Makes somebody not be found.
pub(super) fn leave(conn: &Connection, nid: i64) -> StoreResult<()> {
    for sql in [
        "DELETE FROM directory_entry WHERE account_nid = ?1",
        "DELETE FROM directory_word WHERE account_nid = ?1",
    ] {
        conn.prepare_cached(sql)?.execute((nid,))?;
    }
    Ok(())
}

/// What comes after every text that begins with `prefix`.
fn after(prefix: &str) -> String {
    format!("{prefix}{}", char::MAX)
}

/// Who may be found at all; `?1` is the one who asks.
fn visible(query: &DirectoryQuery) -> &'static str {
    if query.visible_only {
        "a.deactivated = 0 AND a.locked = 0 AND a.user_id <> ?1 AND EXISTS (
            SELECT 1 FROM membership theirs JOIN room r ON r.nid = theirs.room_nid
            WHERE theirs.user_id = a.user_id AND theirs.membership = 'join' AND (r.is_public = 1
                OR EXISTS (SELECT 1 FROM membership mine WHERE mine.user_id = ?1
                    AND mine.room_nid = theirs.room_nid AND mine.membership = 'join')))"
    } else {
        "a.deactivated = 0 AND a.locked = 0 AND a.user_id <> ?1"
    }
}

pub(super) fn search(
    conn: &Connection,
    query: &DirectoryQuery,
) -> StoreResult<Vec<DirectoryEntry>> {
    let typed = query.text.trim();
    // A whole user id finds its owner.
    let typed = typed.strip_prefix('@').map_or(typed, |id| id.split(':').next().unwrap_or(id));
    let folded = fold(typed);
    let mut terms: Vec<&str> = words(&folded).take(DIRECTORY_TERMS_MAX).collect();
    if terms.is_empty() {
        return Ok(Vec::new());
    }
    // The longest word is likely the rarest: it leads, the others are looked up for each candidate.
    terms.sort_by_key(|term| std::cmp::Reverse(term.len()));
    let mut found = by_name(conn, query, &folded)?;
    let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
    if found.len() < limit {
        let known: HashSet<i64> = found.iter().map(|(nid, _)| *nid).collect();
        let more = by_words(conn, query, &terms)?;
        found.extend(more.into_iter().filter(|(nid, _)| !known.contains(nid)));
        found.truncate(limit);
    }
    found.into_iter().map(|(nid, user_id)| entry(conn, nid, user_id)).collect()
}

/// Those whose name begins with all that was typed, by name.
fn by_name(
    conn: &Connection,
    query: &DirectoryQuery,
    folded: &str,
) -> StoreResult<Vec<(i64, UserId)>> {
    let sql = format!(
        "SELECT a.nid, a.user_id FROM directory_entry e JOIN account a ON a.nid = e.account_nid
         WHERE e.name >= ?2 AND e.name < ?3 AND {} ORDER BY e.name, a.nid LIMIT ?4",
        visible(query)
    );
    let limit = query.limit.cast_signed();
    let values = vec![
        Value::Text(query.searcher.to_string()),
        Value::Text(folded.to_owned()),
        Value::Text(after(folded)),
        Value::Integer(limit),
    ];
    rows(conn, &sql, values)
}

/// Those who have, for each term, a word that begins with it.
fn by_words(
    conn: &Connection,
    query: &DirectoryQuery,
    terms: &[&str],
) -> StoreResult<Vec<(i64, UserId)>> {
    let mut values = vec![Value::Text(query.searcher.to_string())];
    let mut others = String::new();
    for (index, term) in terms.iter().enumerate() {
        values.extend([Value::Text((*term).to_owned()), Value::Text(after(term))]);
        if index > 0 {
            let (low, high) = (2 + 2 * index, 3 + 2 * index);
            others.push_str(&format!(
                " AND EXISTS (SELECT 1 FROM directory_word o WHERE o.account_nid = w.account_nid
                    AND o.word >= ?{low} AND o.word < ?{high})"
            ));
        }
    }
    let (candidates, limit) = (values.len() + 1, values.len() + 2);
    values.push(Value::Integer(DIRECTORY_CANDIDATES_MAX.cast_signed()));
    values.push(Value::Integer(query.limit.cast_signed()));
    let sql = format!(
        "SELECT a.nid, a.user_id FROM (
            SELECT DISTINCT w.account_nid FROM directory_word w
            WHERE w.word >= ?2 AND w.word < ?3{others} LIMIT ?{candidates}) m
         JOIN account a ON a.nid = m.account_nid
         JOIN directory_entry e ON e.account_nid = a.nid
         WHERE {} ORDER BY e.name, a.nid LIMIT ?{limit}",
        visible(query)
    );
    rows(conn, &sql, values)
}

fn rows(conn: &Connection, sql: &str, values: Vec<Value>) -> StoreResult<Vec<(i64, UserId)>> {
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query(params_from_iter(values))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push((row.get(0)?, device_rows::user(&row.get::<_, String>(1)?)?));
    }
    Ok(found)
}

fn entry(conn: &Connection, nid: i64, user_id: UserId) -> StoreResult<DirectoryEntry> {
    let displayname = profile::text(conn, nid, "displayname")?;
    Ok(DirectoryEntry { user_id, displayname, avatar_url: profile::text(conn, nid, "avatar_url")? })
}
