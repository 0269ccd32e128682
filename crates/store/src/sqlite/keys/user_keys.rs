// SPDX-License-Identifier: Apache-2.0
//! A user's published keys, put together once and then served from memory.

use std::collections::HashMap;

use estafette_core::ids::UserId;
use rusqlite::{Connection, OptionalExtension as _};
use serde_json::{Map, Value, json};

use super::cross_signing::{MASTER, SELF_SIGNING, USER_SIGNING};
use crate::{
    StoreError, StoreResult,
    keys::{CrossSigningKey, DeviceKeys, UserKeys},
    sqlite::device_rows,
};

/// Signatures by the user on the user's own keys: what was signed → (signing key, signature).
type OwnSignatures = HashMap<String, Vec<(String, String)>>;

pub(super) fn load(conn: &Connection, user_id: &UserId) -> StoreResult<UserKeys> {
    let signatures = own_signatures(conn, user_id)?;
    let mut keys = UserKeys::default();
    let mut statement =
        conn.prepare_cached("SELECT json FROM device_keys WHERE device_nid = ?1")?;
    for device in device_rows::of_user(conn, user_id)? {
        let stored: Option<String> =
            statement.query_row((device.nid,), |row| row.get(0)).optional()?;
        let Some(stored) = stored else { continue };
        let mut object = parse(&stored)?;
        let mut unsigned = Map::new();
        if let Some(name) = device.display_name {
            unsigned.insert("device_display_name".to_owned(), name.into());
        }
        object.insert("unsigned".to_owned(), unsigned.into());
        add_signatures(&mut object, user_id, signatures.get(device.device_id.as_str()));
        let json = Value::from(object).to_string();
        keys.devices.push(DeviceKeys { device_id: device.device_id, json });
    }
    let mut statement = conn.prepare_cached(
        "SELECT usage, public_key, json FROM cross_signing_key WHERE user_id = ?1",
    )?;
    let mut rows = statement.query((user_id.as_str(),))?;
    while let Some(row) = rows.next()? {
        let (usage, public_key): (i64, String) = (row.get(0)?, row.get(1)?);
        let mut object = parse(&row.get::<_, String>(2)?)?;
        add_signatures(&mut object, user_id, signatures.get(&public_key));
        let key = Some(CrossSigningKey { public_key, json: Value::from(object).to_string() });
        match usage {
            MASTER => keys.master = key,
            SELF_SIGNING => keys.self_signing = key,
            USER_SIGNING => keys.user_signing = key,
            other => return Err(StoreError::Corrupt(format!("key usage {other}"))),
        }
    }
    Ok(keys)
}

fn own_signatures(conn: &Connection, user_id: &UserId) -> StoreResult<OwnSignatures> {
    let mut statement = conn.prepare_cached(
        "SELECT target_key, signing_key, signature FROM key_signature
         WHERE signer = ?1 AND target = ?1",
    )?;
    let mut rows = statement.query((user_id.as_str(),))?;
    let mut signatures = OwnSignatures::new();
    while let Some(row) = rows.next()? {
        signatures.entry(row.get(0)?).or_default().push((row.get(1)?, row.get(2)?));
    }
    Ok(signatures)
}

fn parse(json: &str) -> StoreResult<Map<String, Value>> {
    serde_json::from_str(json).map_err(|error| StoreError::Corrupt(format!("stored key: {error}")))
}

fn add_signatures(
    object: &mut Map<String, Value>,
    user_id: &UserId,
    signatures: Option<&Vec<(String, String)>>,
) {
    let Some(signatures) = signatures else { return };
    let all = object.entry("signatures").or_insert_with(|| json!({}));
    let Some(all) = all.as_object_mut() else { return };
    let own = all.entry(user_id.as_str()).or_insert_with(|| json!({}));
    let Some(own) = own.as_object_mut() else { return };
    for (signing_key, signature) in signatures {
        own.insert(signing_key.clone(), signature.clone().into());
    }
}
