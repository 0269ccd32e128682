// SPDX-License-Identifier: Apache-2.0
//! Keys in tables that lead with the device's number.

mod claim;
mod cross_signing;
mod upload;
mod user_keys;

use std::sync::Arc;

use async_trait::async_trait;
use estafette_core::ids::{DeviceId, UserId};
use rusqlite::Connection;

pub(super) use self::upload::{store_upload, too_many_keys};
use super::{SqliteStore, Tx, device_rows, key_index::KeyIndex};
use crate::{
    FactKind, Position, StoreResult,
    keys::{
        ClaimedKey, CrossSigningOutcome, CrossSigningUpload, KeyClaim, KeySignature, KeyStore,
        KeyUpload, KeyUploadOutcome, OneTimeKeyState, UserKeys,
    },
};

#[async_trait]
impl KeyStore for SqliteStore {
    async fn upload_keys(
        &self,
        user_id: &UserId,
        device_id: &DeviceId,
        upload: KeyUpload,
    ) -> StoreResult<KeyUploadOutcome> {
        let (user_id, device_id) = (user_id.clone(), device_id.clone());
        self.write(move |tx| upload::upload(tx, &user_id, &device_id, upload)).await
    }

    async fn claim_keys(&self, claims: Vec<KeyClaim>) -> StoreResult<Vec<ClaimedKey>> {
        self.write(move |tx| {
            let mut claimed = Vec::with_capacity(claims.len());
            for claim in claims {
                claimed.extend(claim::claim(tx, claim)?);
            }
            Ok(claimed)
        })
        .await
    }

    async fn one_time_key_counts(
        &self,
        user_id: &UserId,
        device_id: &DeviceId,
    ) -> StoreResult<Arc<OneTimeKeyState>> {
        let index = &self.inner.key_index;
        if let Some(state) = index.state(user_id, device_id) {
            return Ok(state);
        }
        let epoch = index.epoch(user_id);
        let (user, device) = (user_id.clone(), device_id.clone());
        let state = self
            .read(move |conn| match device_rows::nid(conn, &user, &device)? {
                Some(nid) => one_time_key_state(conn, nid),
                None => Ok(empty_state()),
            })
            .await?;
        let state = Arc::new(state);
        index.keep_state(epoch, user_id, device_id, &state);
        Ok(state)
    }

    async fn user_keys(&self, users: &[UserId]) -> StoreResult<Vec<Arc<UserKeys>>> {
        let index = &self.inner.key_index;
        let mut found: Vec<Option<Arc<UserKeys>>> =
            users.iter().map(|user_id| index.user_keys(user_id)).collect();
        let missing: Vec<_> = users
            .iter()
            .zip(&found)
            .filter(|(_, keys)| keys.is_none())
            .map(|(user_id, _)| (user_id.clone(), index.epoch(user_id)))
            .collect();
        if !missing.is_empty() {
            let loaded = self
                .read(move |conn| {
                    let load = |(user_id, epoch)| {
                        let keys = Arc::new(user_keys::load(conn, &user_id)?);
                        Ok((user_id, epoch, keys))
                    };
                    missing.into_iter().map(load).collect::<StoreResult<Vec<_>>>()
                })
                .await?;
            let slots = found.iter_mut().filter(|keys| keys.is_none());
            for (slot, (user_id, epoch, keys)) in slots.zip(loaded) {
                index.keep_user_keys(epoch, &user_id, &keys);
                *slot = Some(keys);
            }
        }
        Ok(found.into_iter().map(Option::unwrap_or_default).collect())
    }

    async fn set_cross_signing_keys(
        &self,
        user_id: &UserId,
        upload: CrossSigningUpload,
        only_first: bool,
    ) -> StoreResult<CrossSigningOutcome> {
        let user_id = user_id.clone();
        self.write(move |tx| cross_signing::set(tx, &user_id, &upload, only_first)).await
    }

    async fn add_signatures(
        &self,
        signer: &UserId,
        signatures: Vec<KeySignature>,
    ) -> StoreResult<()> {
        let signer = signer.clone();
        self.write(move |tx| cross_signing::add_signatures(tx, &signer, &signatures)).await
    }

    async fn signatures_by(&self, signer: &UserId) -> StoreResult<Arc<Vec<KeySignature>>> {
        let index = &self.inner.key_index;
        if let Some(signatures) = index.signatures(signer) {
            return Ok(signatures);
        }
        let epoch = index.epoch(signer);
        let by = signer.clone();
        let signatures = self.read(move |conn| cross_signing::signatures_on_others(conn, &by));
        let signatures = Arc::new(signatures.await?);
        index.keep_signatures(epoch, signer, &signatures);
        Ok(signatures)
    }

    async fn device_list_changes(
        &self,
        since: Position,
        _upto: Position,
    ) -> StoreResult<Vec<UserId>> {
        self.read(move |conn| {
            let sql = "SELECT user_id FROM device_list_change WHERE pos > ?1 ORDER BY pos";
            users(conn, sql, (since.0.cast_signed(),))
        })
        .await
    }

    async fn signature_changes(
        &self,
        signer: &UserId,
        since: Position,
    ) -> StoreResult<Vec<UserId>> {
        let signer = signer.clone();
        self.read(move |conn| {
            let sql = "SELECT DISTINCT target FROM key_signature
                       WHERE signer = ?1 AND target <> ?1 AND pos > ?2";
            users(conn, sql, (signer.as_str(), since.0.cast_signed()))
        })
        .await
    }

    async fn forget_one_time_keys(&self) -> StoreResult<u64> {
        self.write(|tx| {
            let mut statement = tx.conn.prepare("SELECT DISTINCT device_nid FROM given_key")?;
            let given: Vec<i64> =
                statement.query_map((), |row| row.get(0))?.collect::<Result<_, _>>()?;
            for nid in given {
                claim::settle_given_keys(tx.conn, nid)?;
            }
            let mut statement = tx.conn.prepare("SELECT DISTINCT device_nid FROM one_time_key")?;
            let nids: Vec<i64> =
                statement.query_map((), |row| row.get(0))?.collect::<Result<_, _>>()?;
            tx.conn.execute("DELETE FROM one_time_key", ())?;
            for nid in &nids {
                if let Some((user_id, device_id)) = device_rows::name(tx.conn, *nid)? {
                    tx.record(FactKind::OneTimeKeys { user_id, device_id });
                }
            }
            Ok(nids.len() as u64)
        })
        .await
    }
}

fn users(
    conn: &Connection,
    sql: &str,
    parameters: impl rusqlite::Params,
) -> StoreResult<Vec<UserId>> {
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query(parameters)?;
    let mut users = Vec::new();
    while let Some(row) = rows.next()? {
        users.push(device_rows::user(row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?)?);
    }
    Ok(users)
}

/// Writes the line of the log that makes everybody who shares a room with the user look at the
/// user's devices again (E6). In the transaction of the change.
pub(super) fn record_device_list_change(tx: &mut Tx<'_>, user_id: &UserId) -> StoreResult<()> {
    let pos = tx.record(FactKind::DeviceList { user_id: user_id.clone() });
    tx.conn
        .prepare_cached("REPLACE INTO device_list_change (pos, user_id) VALUES (?1, ?2)")?
        .execute((pos.0.cast_signed(), user_id.as_str()))?;
    Ok(())
}

/// Deletes all that this slice keeps for a device, and tells those who share rooms with its user
/// (E10). The caller deletes the device itself in the same transaction.
pub(super) fn delete_device(
    index: &Arc<KeyIndex>,
    tx: &mut Tx<'_>,
    nid: i64,
    user_id: &UserId,
    device_id: &DeviceId,
) -> StoreResult<()> {
    for sql in [
        "DELETE FROM device_keys WHERE device_nid = ?1",
        "DELETE FROM one_time_key WHERE device_nid = ?1",
        "DELETE FROM given_key WHERE device_nid = ?1",
        "DELETE FROM issued_key WHERE device_nid = ?1",
        "DELETE FROM fallback_key WHERE device_nid = ?1",
        "DELETE FROM to_device WHERE device_nid = ?1",
        "DELETE FROM to_device_txn WHERE device_nid = ?1",
    ] {
        tx.conn.prepare_cached(sql)?.execute((nid,))?;
    }
    tx.conn
        .prepare_cached("DELETE FROM dehydrated_device WHERE user_id = ?1 AND device_nid = ?2")?
        .execute((user_id.as_str(), nid))?;
    cross_signing::forget_signatures_on(tx, user_id, device_id.as_str())?;
    let index = Arc::clone(index);
    let (user, device) = (user_id.clone(), device_id.clone());
    tx.after_commit(move || index.device_deleted(&user, &device));
    record_device_list_change(tx, user_id)
}

/// What waits for a device with no keys at all.
fn empty_state() -> OneTimeKeyState {
    let mut state = OneTimeKeyState::default();
    // Without an explicit 0 some clients take "nothing said" for "nothing changed" (E5).
    state.counts.insert("signed_curve25519".to_owned(), 0);
    state
}

fn one_time_key_state(conn: &Connection, nid: i64) -> StoreResult<OneTimeKeyState> {
    let mut state = empty_state();
    let mut statement = conn.prepare_cached(
        "SELECT k.algorithm, count(*) FROM one_time_key k LEFT JOIN given_key g
            ON g.device_nid = k.device_nid AND g.algorithm = k.algorithm
         WHERE k.device_nid = ?1 AND k.seq > coalesce(g.seq, 0) GROUP BY k.algorithm",
    )?;
    let mut rows = statement.query((nid,))?;
    while let Some(row) = rows.next()? {
        state.counts.insert(row.get(0)?, row.get::<_, i64>(1)?.cast_unsigned());
    }
    let mut statement = conn.prepare_cached(
        "SELECT algorithm FROM fallback_key WHERE device_nid = ?1 AND used = 0 ORDER BY algorithm",
    )?;
    let unused = statement.query_map((nid,), |row| row.get(0))?;
    state.unused_fallback = unused.collect::<Result<_, _>>()?;
    Ok(state)
}
