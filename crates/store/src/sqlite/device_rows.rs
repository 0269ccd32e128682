// SPDX-License-Identifier: Apache-2.0
//! Devices as the other aggregates refer to them: by number.

use std::sync::Arc;

use estafette_core::ids::{DeviceId, UserId};
use rusqlite::{Connection, OptionalExtension as _};

use super::{
    Tx, delayed_events, key_index::KeyIndex, keys, oauth, push, session_index::SessionIndex,
};
use crate::{FactKind, StoreError, StoreResult, accounts::TokenHash};

/// What is held in memory of devices, to be told when one goes.
#[derive(Clone)]
pub(super) struct Indexes {
    pub(super) keys: Arc<KeyIndex>,
    pub(super) sessions: Arc<SessionIndex>,
}

impl Indexes {
    /// Forgets sessions once the commit that ends or changes them is durable (I13), and tells those
    /// who answer the user's waiting requests.
    pub(super) fn end_after_commit(
        &self,
        tx: &mut Tx<'_>,
        user_id: &UserId,
        tokens: Vec<TokenHash>,
    ) {
        if !tokens.is_empty() {
            tx.record(FactKind::Sessions { user_id: user_id.clone() });
            let sessions = Arc::clone(&self.sessions);
            tx.after_commit(move || sessions.forget(&tokens));
        }
    }
}

/// The number of a device.
pub(super) fn nid(
    conn: &Connection,
    user_id: &UserId,
    device_id: &DeviceId,
) -> StoreResult<Option<i64>> {
    let mut statement =
        conn.prepare_cached("SELECT nid FROM device WHERE user_id = ?1 AND device_id = ?2")?;
    let parameters = (user_id.as_str(), device_id.as_str());
    Ok(statement.query_row(parameters, |row| row.get(0)).optional()?)
}

/// Whose device a number is, and its name.
pub(super) fn name(conn: &Connection, nid: i64) -> StoreResult<Option<(UserId, DeviceId)>> {
    let mut statement =
        conn.prepare_cached("SELECT user_id, device_id FROM device WHERE nid = ?1")?;
    let names = statement
        .query_row((nid,), |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))
        .optional()?;
    names.map(|(user_id, device_id)| Ok((user(&user_id)?, device(&device_id)?))).transpose()
}

/// A device of a user.
pub(super) struct DeviceRow {
    pub(super) nid: i64,
    pub(super) device_id: DeviceId,
    pub(super) display_name: Option<String>,
}

/// All devices of a user in the order of their ids.
pub(super) fn of_user(conn: &Connection, user_id: &UserId) -> StoreResult<Vec<DeviceRow>> {
    let mut statement = conn.prepare_cached(
        "SELECT nid, device_id, display_name FROM device WHERE user_id = ?1 ORDER BY device_id",
    )?;
    let mut rows = statement.query((user_id.as_str(),))?;
    let mut devices = Vec::new();
    while let Some(row) = rows.next()? {
        let device_id = device(row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?)?;
        devices.push(DeviceRow { nid: row.get(0)?, device_id, display_name: row.get(2)? });
    }
    Ok(devices)
}

/// A user id that was written by this store.
pub(super) fn user(text: &str) -> StoreResult<UserId> {
    UserId::parse(text).map_err(|error| StoreError::Corrupt(format!("user id {text:?}: {error}")))
}

/// A device id that was written by this store.
pub(super) fn device(text: &str) -> StoreResult<DeviceId> {
    let corrupt = |error| StoreError::Corrupt(format!("device id {text:?}: {error}"));
    DeviceId::parse(text).map_err(corrupt)
}

/// Adds a device without a session and returns its number.
pub(super) fn insert(
    conn: &Connection,
    user_id: &UserId,
    device_id: &DeviceId,
    display_name: Option<&str>,
    now_ms: i64,
) -> StoreResult<i64> {
    let mut insert = conn.prepare_cached(
        "INSERT INTO device (user_id, device_id, display_name, created_ts)
         VALUES (?1, ?2, ?3, ?4) RETURNING nid",
    )?;
    let parameters = (user_id.as_str(), device_id.as_str(), display_name, now_ms);
    Ok(insert.query_row(parameters, |row| row.get(0))?)
}

/// Deletes a device and everything that hangs on it, in the caller's transaction (E10). Every
/// aggregate that keeps something for a device has its line here.
pub(super) fn delete_device_rows(
    indexes: &Indexes,
    tx: &mut Tx<'_>,
    nid: i64,
    user_id: &UserId,
    device_id: &DeviceId,
) -> StoreResult<()> {
    let ended = delete_tokens(tx.conn, nid)?;
    indexes.end_after_commit(tx, user_id, ended);
    keys::delete_device(&indexes.keys, tx, nid, user_id, device_id)?;
    push::remove_pushers_of_device(tx.conn, user_id, device_id)?;
    delayed_events::end_with_device(tx.conn, nid)?;
    tx.conn.prepare_cached("DELETE FROM device WHERE nid = ?1")?.execute((nid,))?;
    Ok(())
}

/// Deletes a device's tokens and returns the access tokens among them.
pub(super) fn delete_tokens(conn: &Connection, nid: i64) -> StoreResult<Vec<TokenHash>> {
    let mut delete =
        conn.prepare_cached("DELETE FROM access_token WHERE device_nid = ?1 RETURNING sha256")?;
    let ended = delete.query_map((nid,), |row| Ok(TokenHash(row.get(0)?)))?;
    let ended = ended.collect::<Result<_, _>>()?;
    conn.prepare_cached("DELETE FROM refresh_token WHERE device_nid = ?1")?.execute((nid,))?;
    oauth::end_session(conn, nid)?;
    Ok(ended)
}
