// SPDX-License-Identifier: Apache-2.0
//! Dehydrated devices (MSC3814): a device without a session that collects room keys for its user.

use async_trait::async_trait;
use estafette_core::ids::{DeviceId, UserId};

use crate::{StoreResult, keys::KeyUpload};

/// A dehydrated device to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DehydratedDeviceUpload {
    /// Its id.
    pub device_id: DeviceId,
    /// Its name in lists of devices.
    pub display_name: Option<String>,
    /// The encrypted device, as JSON.
    pub device_data: String,
    /// Its public keys.
    pub keys: KeyUpload,
}

/// A dehydrated device as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DehydratedDevice {
    /// Its id.
    pub device_id: DeviceId,
    /// The encrypted device, as JSON.
    pub device_data: String,
}

/// What became of a [`DehydratedDeviceUpload`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DehydratedDeviceOutcome {
    /// It is durable, and the one before it is gone.
    Stored,
    /// One of the user's ordinary devices has that id. Nothing was kept.
    IsOrdinaryDevice,
    /// There are too many one-time keys of this algorithm. Nothing was kept.
    TooManyKeys(String),
}

/// The dehydrated devices, at most one per user.
#[async_trait]
pub trait DehydratedDeviceStore {
    /// Stores a device with its keys in place of the one before, which goes with all that is its.
    async fn put_dehydrated_device(
        &self,
        user_id: &UserId,
        upload: DehydratedDeviceUpload,
        now_ms: i64,
    ) -> StoreResult<DehydratedDeviceOutcome>;

    /// The user's dehydrated device.
    async fn dehydrated_device(&self, user_id: &UserId) -> StoreResult<Option<DehydratedDevice>>;

    /// Deletes the user's dehydrated device with all that is its (E10) and returns its id.
    async fn delete_dehydrated_device(&self, user_id: &UserId) -> StoreResult<Option<DeviceId>>;
}
