// SPDX-License-Identifier: Apache-2.0
//! Profiles: named JSON values.

use estafette_core::{ids::UserId, limits::PROFILE_BYTES_MAX};
use rusqlite::{Connection, OptionalExtension as _};

use super::{directory, life};
use crate::{StoreResult, accounts::ProfileOutcome, sqlite::device_rows};

/// `""`, `:` and `,` around a field of the profile as JSON.
const FIELD_OVERHEAD_BYTES: usize = 4;
/// `{}`.
const OBJECT_OVERHEAD_BYTES: usize = 2;

pub(in crate::sqlite) fn load(
    conn: &Connection,
    user_id: &UserId,
) -> StoreResult<Option<Vec<(String, String)>>> {
    let Some(nid) = life::nid(conn, user_id)? else { return Ok(None) };
    fields(conn, nid).map(Some)
}

fn fields(conn: &Connection, nid: i64) -> StoreResult<Vec<(String, String)>> {
    let mut statement = conn.prepare_cached(
        "SELECT name, value FROM profile_field WHERE account_nid = ?1 ORDER BY name",
    )?;
    let found = statement.query_map((nid,), |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(found.collect::<Result<_, _>>()?)
}

pub(in crate::sqlite) fn set(
    conn: &Connection,
    user_id: &UserId,
    name: &str,
    value: Option<&str>,
) -> StoreResult<ProfileOutcome> {
    let Some(nid) = life::active_nid(conn, user_id)? else {
        return Ok(ProfileOutcome::NoAccount);
    };
    let fields = fields(conn, nid)?;
    let known = fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    if known == value {
        return Ok(ProfileOutcome::Set { changed: false });
    }
    let others: usize = fields
        .iter()
        .filter(|(known, _)| known != name)
        .map(|(name, value)| name.len() + value.len() + FIELD_OVERHEAD_BYTES)
        .sum();
    match value {
        Some(value) => {
            let own = name.len() + value.len() + FIELD_OVERHEAD_BYTES;
            if others + own + OBJECT_OVERHEAD_BYTES > PROFILE_BYTES_MAX {
                return Ok(ProfileOutcome::TooLarge);
            }
            put(conn, nid, name, value)?;
        }
        None => {
            conn.prepare_cached("DELETE FROM profile_field WHERE account_nid = ?1 AND name = ?2")?
                .execute((nid, name))?;
        }
    }
    if name == "displayname" {
        directory::refresh(conn, nid)?;
    }
    if matches!(name, "displayname" | "avatar_url") {
        note_to_tell(conn, user_id)?;
    }
    Ok(ProfileOutcome::Set { changed: true })
}

/// Notes that the rooms of somebody have to be told how they are shown now.
pub(in crate::sqlite) fn note_to_tell(conn: &Connection, user_id: &UserId) -> StoreResult<()> {
    let sql = "INSERT INTO profile_to_tell (user_id, change) VALUES (?1, 1)
               ON CONFLICT (user_id) DO UPDATE SET change = change + 1";
    conn.prepare_cached(sql)?.execute((user_id.as_str(),))?;
    Ok(())
}

/// At most `limit` users whose rooms have to be told of their profile.
pub(in crate::sqlite) fn to_tell(conn: &Connection, limit: usize) -> StoreResult<Vec<UserId>> {
    let sql = "SELECT user_id FROM profile_to_tell ORDER BY user_id LIMIT ?1";
    let mut statement = conn.prepare_cached(sql)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut rows = statement.query((limit,))?;
    let mut users = Vec::new();
    while let Some(row) = rows.next()? {
        users.push(device_rows::user(row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?)?);
    }
    Ok(users)
}

/// The number of the change that a user's rooms have to be told of.
pub(in crate::sqlite) fn change_to_tell(
    conn: &Connection,
    user_id: &UserId,
) -> StoreResult<Option<i64>> {
    let sql = "SELECT change FROM profile_to_tell WHERE user_id = ?1";
    let mut statement = conn.prepare_cached(sql)?;
    Ok(statement.query_row((user_id.as_str(),), |row| row.get(0)).optional()?)
}

/// A user's rooms were told of `change`; a later one stays to be told.
pub(in crate::sqlite) fn told(conn: &Connection, user_id: &UserId, change: i64) -> StoreResult<()> {
    let sql = "DELETE FROM profile_to_tell WHERE user_id = ?1 AND change = ?2";
    conn.prepare_cached(sql)?.execute((user_id.as_str(), change))?;
    Ok(())
}

pub(in crate::sqlite) fn put(
    conn: &Connection,
    nid: i64,
    name: &str,
    value: &str,
) -> StoreResult<()> {
    conn.prepare_cached(
        "REPLACE INTO profile_field (account_nid, name, value) VALUES (?1, ?2, ?3)",
    )?
    .execute((nid, name, value))?;
    Ok(())
}

/// A field whose value is a JSON string; anything else counts as absent.
pub(in crate::sqlite) fn text(
    conn: &Connection,
    nid: i64,
    name: &str,
) -> StoreResult<Option<String>> {
    let field = fields(conn, nid)?.into_iter().find(|(known, _)| known == name);
    Ok(field.and_then(|(_, value)| serde_json::from_str(&value).ok()))
}
