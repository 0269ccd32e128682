// SPDX-License-Identifier: Apache-2.0
//! Profiles: named JSON values.

use estafette_core::{ids::UserId, limits::PROFILE_BYTES_MAX};
use rusqlite::Connection;

use super::{directory, life};
use crate::{StoreResult, accounts::ProfileOutcome};

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
    Ok(ProfileOutcome::Set { changed: true })
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
