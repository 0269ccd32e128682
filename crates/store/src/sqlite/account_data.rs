// SPDX-License-Identifier: Apache-2.0
//! Account data and filters on the embedded engine.

use async_trait::async_trait;
use estafette_core::{
    ids::{RoomId, UserId},
    limits::{ACCOUNT_DATA_ENTRIES_MAX, FILTERS_PER_USER_MAX},
};
use rusqlite::{Connection, OptionalExtension as _, Params, Row};
use sha2::{Digest as _, Sha256};

use super::{SqliteStore, Tx, people::person};
use crate::{
    AccountDataStore, FactKind, Position, StoreError, StoreResult,
    account_data::{AccountData, SaveFilterOutcome, SetOutcome},
    people::RED_LIST,
};

/// One write of account data.
struct Change {
    user_id: UserId,
    room_id: Option<RoomId>,
    kind: String,
    content: Option<String>,
    unchanged_since: Option<Position>,
}

impl Change {
    fn room(&self) -> &str {
        self.room_id.as_ref().map_or("", RoomId::as_str)
    }
}

#[async_trait]
impl AccountDataStore for SqliteStore {
    async fn set_account_data(
        &self,
        user_id: &UserId,
        room_id: Option<&RoomId>,
        kind: &str,
        content: Option<&str>,
        unchanged_since: Option<Position>,
    ) -> StoreResult<SetOutcome> {
        let change = Change {
            user_id: user_id.clone(),
            room_id: room_id.cloned(),
            kind: kind.to_owned(),
            content: content.map(str::to_owned),
            unchanged_since,
        };
        self.write(move |tx| set(tx, change)).await
    }

    async fn account_data(
        &self,
        user_id: &UserId,
        room_id: Option<&RoomId>,
        kind: &str,
    ) -> StoreResult<Option<AccountData>> {
        let (user_id, room_id, kind) = (user_id.clone(), room_id.cloned(), kind.to_owned());
        self.read(move |conn| {
            let room = room_id.as_ref().map_or("", RoomId::as_str);
            let key = (user_id.as_str(), room, &kind);
            let rows = list(conn, "WHERE user_id = ?1 AND room_id = ?2 AND type = ?3", key)?;
            Ok(rows.into_iter().next())
        })
        .await
    }

    async fn all_account_data(&self, user_id: &UserId) -> StoreResult<Vec<AccountData>> {
        let user_id = user_id.clone();
        self.read(move |conn| {
            list(conn, "WHERE user_id = ?1 AND content IS NOT NULL", (user_id.as_str(),))
        })
        .await
    }

    async fn room_account_data(
        &self,
        user_id: &UserId,
        room_id: &RoomId,
    ) -> StoreResult<Vec<AccountData>> {
        let (user_id, room_id) = (user_id.clone(), room_id.clone());
        self.read(move |conn| {
            let of_room = "WHERE user_id = ?1 AND room_id = ?2 AND content IS NOT NULL";
            list(conn, of_room, (user_id.as_str(), room_id.as_str()))
        })
        .await
    }

    async fn account_data_changes(
        &self,
        user_id: &UserId,
        since: Position,
        upto: Position,
    ) -> StoreResult<Vec<AccountData>> {
        let user_id = user_id.clone();
        self.read(move |conn| {
            let range = (user_id.as_str(), since.0.cast_signed(), upto.0.cast_signed());
            list(conn, "WHERE user_id = ?1 AND pos > ?2 AND pos <= ?3 ORDER BY pos", range)
        })
        .await
    }

    async fn save_filter(&self, user_id: &UserId, json: &str) -> StoreResult<SaveFilterOutcome> {
        let (user_id, json) = (user_id.clone(), json.to_owned());
        self.write(move |tx| save_filter(tx.conn, &user_id, &json)).await
    }

    async fn filter(&self, user_id: &UserId, filter_id: u64) -> StoreResult<Option<String>> {
        let user_id = user_id.clone();
        self.read(move |conn| {
            let mut statement = conn
                .prepare_cached("SELECT json FROM filter WHERE user_id = ?1 AND filter_id = ?2")?;
            let key = (user_id.as_str(), filter_id.cast_signed());
            Ok(statement.query_row(key, |row| row.get(0)).optional()?)
        })
        .await
    }
}

fn set(tx: &mut Tx<'_>, change: Change) -> StoreResult<SetOutcome> {
    let mut statement = tx.conn.prepare_cached(
        "SELECT pos FROM account_data WHERE user_id = ?1 AND room_id = ?2 AND type = ?3",
    )?;
    let known: Option<i64> = statement
        .query_row((change.user_id.as_str(), change.room(), &change.kind), |row| row.get(0))
        .optional()?;
    let known_pos = Position(known.unwrap_or(0).cast_unsigned());
    if change.unchanged_since.is_some_and(|expected| expected != known_pos) {
        return Ok(SetOutcome::Changed);
    }
    if known.is_none() && entries(tx.conn, &change.user_id)? >= ACCOUNT_DATA_ENTRIES_MAX {
        return Ok(SetOutcome::TooMany);
    }
    let pos = tx.record(FactKind::AccountData {
        user_id: change.user_id.clone(),
        room_id: change.room_id.clone(),
        kind: change.kind.clone(),
    });
    tx.conn
        .prepare_cached(
            "INSERT INTO account_data (user_id, room_id, type, pos, content)
             VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT DO UPDATE SET pos = excluded.pos, content = excluded.content",
        )?
        .execute((
            change.user_id.as_str(),
            change.room(),
            &change.kind,
            pos.0.cast_signed(),
            &change.content,
        ))?;
    if change.room_id.is_none()
        && change.kind == RED_LIST
        && let Some(hides) = hides(change.content.as_deref())
    {
        person::set_red_list(tx.conn, &change.user_id, hides)?;
    }
    Ok(SetOutcome::Set(pos))
}

/// Whether content of [`RED_LIST`] hides its owner. `None`: it does not say, and who is hidden
/// stays so. Whoever wants to be hidden is not shown by a program that writes it in another way.
fn hides(content: Option<&str>) -> Option<bool> {
    let content = serde_json::from_str::<serde_json::Value>(content?).ok()?;
    match content.get("hide_profile")? {
        serde_json::Value::Null => None,
        value => Some(*value != false),
    }
}

fn entries(conn: &Connection, user_id: &UserId) -> StoreResult<u64> {
    let mut statement =
        conn.prepare_cached("SELECT count(*) FROM account_data WHERE user_id = ?1")?;
    let count: i64 = statement.query_row((user_id.as_str(),), |row| row.get(0))?;
    Ok(count.cast_unsigned())
}

fn save_filter(conn: &Connection, user_id: &UserId, json: &str) -> StoreResult<SaveFilterOutcome> {
    let sha256: [u8; 32] = Sha256::digest(json).into();
    let equal: Option<i64> = conn
        .prepare_cached("SELECT filter_id FROM filter WHERE user_id = ?1 AND sha256 = ?2")?
        .query_row((user_id.as_str(), sha256), |row| row.get(0))
        .optional()?;
    if let Some(filter_id) = equal {
        return Ok(SaveFilterOutcome::Saved(filter_id.cast_unsigned()));
    }
    let last: i64 = conn
        .prepare_cached("SELECT coalesce(max(filter_id), 0) FROM filter WHERE user_id = ?1")?
        .query_row((user_id.as_str(),), |row| row.get(0))?;
    // Filters are never deleted, so the last id is their number.
    if last.cast_unsigned() >= FILTERS_PER_USER_MAX {
        return Ok(SaveFilterOutcome::TooMany);
    }
    let filter_id = last + 1;
    conn.prepare_cached(
        "INSERT INTO filter (user_id, filter_id, sha256, json) VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute((user_id.as_str(), filter_id, sha256, json))?;
    Ok(SaveFilterOutcome::Saved(filter_id.cast_unsigned()))
}

fn list(conn: &Connection, rest: &str, params: impl Params) -> StoreResult<Vec<AccountData>> {
    let sql = format!("SELECT room_id, type, content, pos FROM account_data {rest}");
    let mut statement = conn.prepare_cached(&sql)?;
    let mut rows = statement.query(params)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(account_data(row)?);
    }
    Ok(found)
}

fn account_data(row: &Row<'_>) -> StoreResult<AccountData> {
    let room = row.get_ref(0)?.as_str().map_err(|error| StoreError::Corrupt(error.to_string()))?;
    let room_id = match room {
        "" => None,
        room => Some(
            RoomId::parse(room)
                .map_err(|error| StoreError::Corrupt(format!("room {room}: {error}")))?,
        ),
    };
    let pos = Position(row.get::<_, i64>(3)?.cast_unsigned());
    Ok(AccountData { room_id, kind: row.get(1)?, content: row.get(2)?, pos })
}
