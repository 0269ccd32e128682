// SPDX-License-Identifier: Apache-2.0
//! Dehydrated devices: an ordinary device row without a session, and what its owner keeps with it.

use async_trait::async_trait;
use estafette_core::ids::{DeviceId, UserId};
use rusqlite::{Connection, OptionalExtension as _};

use super::{
    SqliteStore, Tx,
    device_rows::{self, Indexes},
    keys,
};
use crate::{
    StoreResult,
    dehydrated_device::{
        DehydratedDevice, DehydratedDeviceOutcome, DehydratedDeviceStore, DehydratedDeviceUpload,
    },
};

#[async_trait]
impl DehydratedDeviceStore for SqliteStore {
    async fn put_dehydrated_device(
        &self,
        user_id: &UserId,
        upload: DehydratedDeviceUpload,
        now_ms: i64,
    ) -> StoreResult<DehydratedDeviceOutcome> {
        let (indexes, user_id) = (self.indexes(), user_id.clone());
        self.write(move |tx| put(&indexes, tx, &user_id, upload, now_ms)).await
    }

    async fn dehydrated_device(&self, user_id: &UserId) -> StoreResult<Option<DehydratedDevice>> {
        let user_id = user_id.clone();
        self.read(move |conn| Ok(find(conn, &user_id)?.map(|(_, device)| device))).await
    }

    async fn delete_dehydrated_device(&self, user_id: &UserId) -> StoreResult<Option<DeviceId>> {
        let (indexes, user_id) = (self.indexes(), user_id.clone());
        self.write(move |tx| delete(&indexes, tx, &user_id)).await
    }
}

fn find(conn: &Connection, user_id: &UserId) -> StoreResult<Option<(i64, DehydratedDevice)>> {
    let mut statement = conn.prepare_cached(
        "SELECT device_nid, device_data FROM dehydrated_device WHERE user_id = ?1",
    )?;
    let found: Option<(i64, String)> = statement
        .query_row((user_id.as_str(),), |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((nid, device_data)) = found else { return Ok(None) };
    let name = device_rows::name(conn, nid)?;
    Ok(name.map(|(_, device_id)| (nid, DehydratedDevice { device_id, device_data })))
}

fn put(
    indexes: &Indexes,
    tx: &mut Tx<'_>,
    user_id: &UserId,
    upload: DehydratedDeviceUpload,
    now_ms: i64,
) -> StoreResult<DehydratedDeviceOutcome> {
    let existing = device_rows::nid(tx.conn, user_id, &upload.device_id)?;
    let dehydrated = find(tx.conn, user_id)?.map(|(nid, _)| nid);
    if existing.is_some() && existing != dehydrated {
        return Ok(DehydratedDeviceOutcome::IsOrdinaryDevice);
    }
    if let Some(algorithm) = keys::too_many_keys(&upload.keys) {
        return Ok(DehydratedDeviceOutcome::TooManyKeys(algorithm));
    }
    delete(indexes, tx, user_id)?;
    let name = upload.display_name.as_deref();
    let nid = device_rows::insert(tx.conn, user_id, &upload.device_id, name, now_ms)?;
    keys::store_upload(tx, nid, user_id, &upload.device_id, upload.keys)?;
    tx.conn
        .prepare_cached(
            "INSERT INTO dehydrated_device (user_id, device_nid, device_data) VALUES (?1, ?2, ?3)",
        )?
        .execute((user_id.as_str(), nid, upload.device_data))?;
    Ok(DehydratedDeviceOutcome::Stored)
}

fn delete(indexes: &Indexes, tx: &mut Tx<'_>, user_id: &UserId) -> StoreResult<Option<DeviceId>> {
    let Some((nid, device)) = find(tx.conn, user_id)? else { return Ok(None) };
    device_rows::delete_device_rows(indexes, tx, nid, user_id, &device.device_id)?;
    Ok(Some(device.device_id))
}
