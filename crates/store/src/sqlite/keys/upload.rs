// SPDX-License-Identifier: Apache-2.0
//! Taking in a device's keys: everything is looked at before anything is written.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use estafette_core::{
    ids::{DeviceId, UserId},
    limits::ONE_TIME_KEYS_MAX,
};
use rusqlite::{Connection, OptionalExtension as _};
use sha2::{Digest as _, Sha256};

use super::{
    claim::settle_given_keys, cross_signing, one_time_key_state, record_device_list_change,
};
use crate::{
    FactKind, StoreResult,
    keys::{DeviceKeysUpload, KeyUpload, KeyUploadOutcome, OneTimeKey},
    sqlite::{Tx, device_rows},
};

/// Why an upload is not taken.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::sqlite) enum Refusal {
    KeyIdInUse(String),
    TooManyKeys(String),
}

pub(super) fn upload(
    tx: &mut Tx<'_>,
    user_id: &UserId,
    device_id: &DeviceId,
    upload: KeyUpload,
) -> StoreResult<KeyUploadOutcome> {
    let Some(nid) = device_rows::nid(tx.conn, user_id, device_id)? else {
        return Ok(KeyUploadOutcome::UnknownDevice);
    };
    match store_upload(tx, nid, user_id, device_id, upload)? {
        Some(Refusal::KeyIdInUse(name)) => Ok(KeyUploadOutcome::KeyIdInUse(name)),
        Some(Refusal::TooManyKeys(algorithm)) => Ok(KeyUploadOutcome::TooManyKeys(algorithm)),
        None => {
            let state = one_time_key_state(tx.conn, nid)?;
            Ok(KeyUploadOutcome::Stored(Arc::new(state)))
        }
    }
}

/// Stores an upload, or says why not before anything was written.
pub(in crate::sqlite) fn store_upload(
    tx: &mut Tx<'_>,
    nid: i64,
    user_id: &UserId,
    device_id: &DeviceId,
    upload: KeyUpload,
) -> StoreResult<Option<Refusal>> {
    let identity = Identity::compare(tx.conn, nid, upload.device_keys.as_ref())?;
    if identity == Identity::Reset || !upload.one_time_keys.is_empty() {
        settle_given_keys(tx.conn, nid)?;
    }
    let held = if identity == Identity::Reset {
        HeldKeys::default()
    } else {
        HeldKeys::load(tx.conn, nid, &upload.one_time_keys)?
    };
    let fresh = match held.select(tx.conn, nid, upload.one_time_keys)? {
        Ok(fresh) => fresh,
        Err(refusal) => return Ok(Some(refusal)),
    };
    let mut counts_changed = !fresh.is_empty();
    if identity == Identity::Reset {
        counts_changed |= forget_keys(tx.conn, nid)?;
    }
    held.append(tx.conn, nid, &fresh)?;
    counts_changed |= store_fallback_keys(tx.conn, nid, &upload.fallback_keys)?;
    if let Some(keys) = upload.device_keys
        && identity != Identity::Same
    {
        tx.conn
            .prepare_cached(
                "REPLACE INTO device_keys (device_nid, identity, json) VALUES (?1, ?2, ?3)",
            )?
            .execute((nid, keys.identity, keys.json))?;
        if identity == Identity::Reset {
            cross_signing::forget_signatures_on(tx, user_id, device_id.as_str())?;
        }
        record_device_list_change(tx, user_id)?;
    }
    if counts_changed {
        let (user_id, device_id) = (user_id.clone(), device_id.clone());
        tx.record(FactKind::OneTimeKeys { user_id, device_id });
    }
    Ok(None)
}

/// What is wrong with the keys of a new device, for which nothing waits yet.
pub(in crate::sqlite) fn too_many_keys(upload: &KeyUpload) -> Option<String> {
    let mut counts = BTreeMap::<&str, usize>::new();
    for key in &upload.one_time_keys {
        let count = counts.entry(&key.algorithm).or_default();
        *count += 1;
        if *count > ONE_TIME_KEYS_MAX {
            return Some(key.algorithm.clone());
        }
    }
    None
}

/// How uploaded identity keys relate to those stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Identity {
    /// None were uploaded, or the very same object.
    Same,
    /// The first, or the same keys in another object (more algorithms, say).
    New,
    /// Other keys than before: what hung on the old ones is worthless.
    Reset,
}

impl Identity {
    fn compare(
        conn: &Connection,
        nid: i64,
        uploaded: Option<&DeviceKeysUpload>,
    ) -> StoreResult<Self> {
        let Some(uploaded) = uploaded else { return Ok(Self::Same) };
        let mut statement =
            conn.prepare_cached("SELECT identity, json FROM device_keys WHERE device_nid = ?1")?;
        let stored: Option<(String, String)> =
            statement.query_row((nid,), |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        Ok(match stored {
            Some((_, json)) if json == uploaded.json => Self::Same,
            Some((identity, _)) if identity != uploaded.identity => Self::Reset,
            _ => Self::New,
        })
    }
}

fn forget_keys(conn: &Connection, nid: i64) -> StoreResult<bool> {
    let mut forgotten = 0;
    for sql in [
        "DELETE FROM one_time_key WHERE device_nid = ?1",
        "DELETE FROM fallback_key WHERE device_nid = ?1",
    ] {
        forgotten += conn.prepare_cached(sql)?.execute((nid,))?;
    }
    Ok(forgotten > 0)
}

/// The one-time keys that wait already.
#[derive(Default)]
struct HeldKeys {
    keys: HashMap<(String, String), String>,
    counts: BTreeMap<String, usize>,
    last_seq: i64,
}

impl HeldKeys {
    fn load(conn: &Connection, nid: i64, uploaded: &[OneTimeKey]) -> StoreResult<Self> {
        let mut held = Self::default();
        if uploaded.is_empty() {
            return Ok(held);
        }
        let mut statement = conn.prepare_cached(
            "SELECT algorithm, key_id, key, seq FROM one_time_key WHERE device_nid = ?1",
        )?;
        let mut rows = statement.query((nid,))?;
        while let Some(row) = rows.next()? {
            let algorithm: String = row.get(0)?;
            *held.counts.entry(algorithm.clone()).or_default() += 1;
            held.keys.insert((algorithm, row.get(1)?), row.get(2)?);
            held.last_seq = held.last_seq.max(row.get(3)?);
        }
        Ok(held)
    }

    /// Those of `uploaded` that are to be stored. Leaves out what waits already or was issued.
    fn select(
        &self,
        conn: &Connection,
        nid: i64,
        uploaded: Vec<OneTimeKey>,
    ) -> StoreResult<Result<Vec<OneTimeKey>, Refusal>> {
        let any_issued = !uploaded.is_empty()
            && conn
                .prepare_cached("SELECT 1 FROM issued_key WHERE device_nid = ?1 LIMIT 1")?
                .exists((nid,))?;
        let mut counts = self.counts.clone();
        // The same key under a second name would be given out twice.
        let mut seen: BTreeSet<(&str, &str)> =
            self.keys.iter().map(|((algorithm, _), key)| (algorithm.as_str(), &**key)).collect();
        let mut wanted = vec![false; uploaded.len()];
        for (key, wanted) in uploaded.iter().zip(&mut wanted) {
            let name = (key.algorithm.clone(), key.key_id.clone());
            if self.keys.get(&name).is_some_and(|held| *held != key.key) {
                return Ok(Err(Refusal::KeyIdInUse(format!("{}:{}", name.0, name.1))));
            }
            if !seen.insert((&key.algorithm, &key.key))
                || any_issued && was_issued(conn, nid, &key.algorithm, &key.key)?
            {
                continue;
            }
            *wanted = true;
            let count = counts.entry(name.0).or_default();
            *count += 1;
            if *count > ONE_TIME_KEYS_MAX {
                return Ok(Err(Refusal::TooManyKeys(key.algorithm.clone())));
            }
        }
        let fresh = uploaded.into_iter().zip(wanted).filter(|(_, wanted)| *wanted);
        Ok(Ok(fresh.map(|(key, _)| key).collect()))
    }

    fn append(&self, conn: &Connection, nid: i64, fresh: &[OneTimeKey]) -> StoreResult<()> {
        let mut insert = conn.prepare_cached(
            "INSERT INTO one_time_key (device_nid, algorithm, seq, key_id, key, json)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?;
        for (key, seq) in fresh.iter().zip(self.last_seq.saturating_add(1)..) {
            insert.execute((nid, &key.algorithm, seq, &key.key_id, &key.key, &key.json))?;
        }
        Ok(())
    }
}

/// Stores what differs from the stored fallback keys; a key that comes again stays used (E5).
fn store_fallback_keys(conn: &Connection, nid: i64, keys: &[OneTimeKey]) -> StoreResult<bool> {
    let mut changed = 0;
    for key in keys {
        changed += conn
            .prepare_cached(
                "INSERT INTO fallback_key (device_nid, algorithm, key_id, key, json, used)
                 VALUES (?1, ?2, ?3, ?4, ?5, 0)
                 ON CONFLICT (device_nid, algorithm) DO UPDATE SET
                     key_id = excluded.key_id, key = excluded.key, json = excluded.json, used = 0
                 WHERE key <> excluded.key",
            )?
            .execute((nid, &key.algorithm, &key.key_id, &key.key, &key.json))?;
    }
    Ok(changed > 0)
}

fn was_issued(conn: &Connection, nid: i64, algorithm: &str, key: &str) -> StoreResult<bool> {
    let mut statement =
        conn.prepare_cached("SELECT 1 FROM issued_key WHERE device_nid = ?1 AND hash = ?2")?;
    Ok(statement.exists((nid, issued_hash(algorithm, key)))?)
}

/// What is remembered of a key that was given out: 64 bits, compared within one device only.
pub(super) fn issued_hash(algorithm: &str, key: &str) -> i64 {
    let mut hash = Sha256::new();
    hash.update(algorithm);
    hash.update([0]);
    hash.update(key);
    let start = hash.finalize().first_chunk::<8>().copied().unwrap_or_default();
    i64::from_be_bytes(start)
}
