// SPDX-License-Identifier: Apache-2.0
//! Cross-signing keys and the signatures that users put on keys.

use estafette_core::ids::UserId;
use rusqlite::{Connection, OptionalExtension as _};

use super::record_device_list_change;
use crate::{
    StoreResult,
    keys::{CrossSigningKey, CrossSigningOutcome, CrossSigningUpload, KeySignature},
    sqlite::{Tx, device_rows},
};

/// The numbers of the usages in the database.
pub(super) const MASTER: i64 = 0;
pub(super) const SELF_SIGNING: i64 = 1;
pub(super) const USER_SIGNING: i64 = 2;

pub(super) fn set(
    tx: &mut Tx<'_>,
    user_id: &UserId,
    upload: &CrossSigningUpload,
    only_first: bool,
) -> StoreResult<CrossSigningOutcome> {
    let uploaded = [
        (MASTER, &upload.master),
        (SELF_SIGNING, &upload.self_signing),
        (USER_SIGNING, &upload.user_signing),
    ];
    let mut changes = Vec::new();
    let mut has_master = false;
    for (usage, key) in uploaded {
        let old = stored(tx.conn, user_id, usage)?;
        has_master |= usage == MASTER && old.is_some();
        if let Some(key) = key
            && old.as_ref() != Some(key)
        {
            changes.push((usage, key, old));
        }
    }
    if changes.is_empty() {
        return Ok(CrossSigningOutcome::Stored);
    }
    if only_first && has_master {
        return Ok(CrossSigningOutcome::NotFirst);
    }
    for (_, key, _) in &changes {
        if is_device_id(tx.conn, user_id, &key.public_key)? {
            return Ok(CrossSigningOutcome::IsDeviceId);
        }
    }
    let master_replaced = changes.iter().any(|(usage, key, old)| {
        *usage == MASTER && old.as_ref().is_some_and(|old| old.public_key != key.public_key)
    });
    for (usage, key) in uploaded {
        // A new master key did not sign the others: they go unless they are replaced as well.
        if master_replaced && key.is_none() {
            replace(tx, user_id, usage, stored(tx.conn, user_id, usage)?, None)?;
        }
    }
    for (usage, key, old) in changes {
        replace(tx, user_id, usage, old, Some(key))?;
    }
    record_device_list_change(tx, user_id)?;
    Ok(CrossSigningOutcome::Stored)
}

fn stored(conn: &Connection, user_id: &UserId, usage: i64) -> StoreResult<Option<CrossSigningKey>> {
    let mut statement = conn.prepare_cached(
        "SELECT public_key, json FROM cross_signing_key WHERE user_id = ?1 AND usage = ?2",
    )?;
    let key = |row: &rusqlite::Row<'_>| {
        Ok(CrossSigningKey { public_key: row.get(0)?, json: row.get(1)? })
    };
    Ok(statement.query_row((user_id.as_str(), usage), key).optional()?)
}

/// Public keys and device ids share one name space in `/keys/signatures/upload`.
fn is_device_id(conn: &Connection, user_id: &UserId, public_key: &str) -> StoreResult<bool> {
    match public_key.parse() {
        Ok(device_id) => Ok(device_rows::nid(conn, user_id, &device_id)?.is_some()),
        Err(_) => Ok(false),
    }
}

fn replace(
    tx: &Tx<'_>,
    user_id: &UserId,
    usage: i64,
    old: Option<CrossSigningKey>,
    new: Option<&CrossSigningKey>,
) -> StoreResult<()> {
    if let Some(old) = old
        && new.is_none_or(|new| new.public_key != old.public_key)
    {
        forget_signatures_on(tx, user_id, &old.public_key)?;
        tx.conn
            .prepare_cached("DELETE FROM key_signature WHERE signer = ?1 AND signing_key = ?2")?
            .execute((user_id.as_str(), format!("ed25519:{}", old.public_key)))?;
    }
    match new {
        Some(new) => tx
            .conn
            .prepare_cached(
                "REPLACE INTO cross_signing_key (user_id, usage, public_key, json)
                 VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute((user_id.as_str(), usage, &new.public_key, &new.json))?,
        None => tx
            .conn
            .prepare_cached("DELETE FROM cross_signing_key WHERE user_id = ?1 AND usage = ?2")?
            .execute((user_id.as_str(), usage))?,
    };
    Ok(())
}

/// Forgets what the user signed of a key of the user's own.
pub(super) fn forget_signatures_on(
    tx: &Tx<'_>,
    user_id: &UserId,
    target_key: &str,
) -> StoreResult<()> {
    tx.conn
        .prepare_cached(
            "DELETE FROM key_signature WHERE signer = ?1 AND target = ?1 AND target_key = ?2",
        )?
        .execute((user_id.as_str(), target_key))?;
    Ok(())
}

pub(super) fn add_signatures(
    tx: &mut Tx<'_>,
    signer: &UserId,
    signatures: &[KeySignature],
) -> StoreResult<()> {
    let pos = tx.take_position();
    let mut changed = 0;
    for signature in signatures {
        changed += tx
            .conn
            .prepare_cached(
                "INSERT INTO key_signature (signer, target, target_key, signing_key, signature, pos)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT DO UPDATE SET signature = excluded.signature, pos = excluded.pos
                 WHERE signature <> excluded.signature",
            )?
            .execute((
                signer.as_str(),
                signature.target.as_str(),
                &signature.target_key,
                &signature.signing_key,
                &signature.signature,
                pos.0.cast_signed(),
            ))?;
    }
    if changed > 0 {
        record_device_list_change(tx, signer)?;
    }
    Ok(())
}

pub(super) fn signatures_on_others(
    conn: &Connection,
    signer: &UserId,
) -> StoreResult<Vec<KeySignature>> {
    let mut statement = conn.prepare_cached(
        "SELECT target, target_key, signing_key, signature FROM key_signature
         WHERE signer = ?1 AND target <> ?1",
    )?;
    let mut rows = statement.query((signer.as_str(),))?;
    let mut signatures = Vec::new();
    while let Some(row) = rows.next()? {
        signatures.push(KeySignature {
            target: device_rows::user(&row.get::<_, String>(0)?)?,
            target_key: row.get(1)?,
            signing_key: row.get(2)?,
            signature: row.get(3)?,
        });
    }
    Ok(signatures)
}
