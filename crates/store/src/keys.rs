// SPDX-License-Identifier: Apache-2.0
//! End-to-end encryption keys: device keys, one-time and fallback keys, cross-signing.
//!
//! The store checks nothing cryptographic: callers hand in what `estafette_core::devices` let pass.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use estafette_core::ids::{DeviceId, UserId};

use crate::{Position, StoreResult};

/// The identity keys of a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceKeysUpload {
    /// The object as the device signed it, without `unsigned`.
    pub json: String,
    /// The canonical form of its `keys`. When it differs from what is stored, the device was reset
    /// and its one-time and fallback keys go.
    pub identity: String,
}

/// A one-time or fallback key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OneTimeKey {
    /// What stands before the `:` of the key's name.
    pub algorithm: String,
    /// What stands after it.
    pub key_id: String,
    /// The public key itself: two objects with the same one are the same key.
    pub key: String,
    /// The object (or string) to give to whoever claims it.
    pub json: String,
}

/// What `/keys/upload` brings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyUpload {
    /// New identity keys.
    pub device_keys: Option<DeviceKeysUpload>,
    /// Keys to be given out once each, in this order and after those stored already.
    pub one_time_keys: Vec<OneTimeKey>,
    /// Keys to be given out when no one-time key is left; at most one per algorithm.
    pub fallback_keys: Vec<OneTimeKey>,
}

/// What became of a [`KeyUpload`]. Anything but `Stored` means that nothing of it was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyUploadOutcome {
    /// All of it is durable.
    Stored(Arc<OneTimeKeyState>),
    /// The device has been deleted meanwhile.
    UnknownDevice,
    /// Another key waits under this name.
    KeyIdInUse(String),
    /// More than [`ONE_TIME_KEYS_MAX`](estafette_core::limits::ONE_TIME_KEYS_MAX) would wait.
    TooManyKeys(String),
}

/// What a device is told in each sync (E5).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OneTimeKeyState {
    /// Unclaimed one-time keys per algorithm. `signed_curve25519` is always there, with 0 if need
    /// be: clients upload more when they see it.
    pub counts: BTreeMap<String, u64>,
    /// Algorithms whose fallback key has not been given out.
    pub unused_fallback: Vec<String>,
}

/// A wish for a key of a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyClaim {
    /// Whose device.
    pub user_id: UserId,
    /// Which device.
    pub device_id: DeviceId,
    /// What kind of key.
    pub algorithm: String,
}

/// A key that was given out, for its claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimedKey {
    /// The claim that it answers.
    pub claim: KeyClaim,
    /// The second half of its name.
    pub key_id: String,
    /// The key as its device uploaded it.
    pub json: String,
}

/// A device's identity keys as other users see them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceKeys {
    /// The device.
    pub device_id: DeviceId,
    /// The object with its owner's signatures and with `unsigned`.
    pub json: String,
}

/// A public cross-signing key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CrossSigningKey {
    /// The key in unpadded base64, which is also its id.
    pub public_key: String,
    /// The object, with its owner's signatures.
    pub json: String,
}

/// The keys that a user has published.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserKeys {
    /// Devices that have keys, in the order of their ids.
    pub devices: Vec<DeviceKeys>,
    /// The key that stands for the user.
    pub master: Option<CrossSigningKey>,
    /// The key that signs the user's devices.
    pub self_signing: Option<CrossSigningKey>,
    /// The key that signs other users' master keys. To be shown to its owner alone.
    pub user_signing: Option<CrossSigningKey>,
}

impl UserKeys {
    /// The keys of one device.
    pub fn device(&self, device_id: &str) -> Option<&DeviceKeys> {
        let at = self.devices.binary_search_by(|known| known.device_id.as_str().cmp(device_id));
        at.ok().and_then(|at| self.devices.get(at))
    }
}

/// What `/keys/device_signing/upload` brings; what is `None` stays as it is. A new master key
/// removes what the old one signed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CrossSigningUpload {
    /// The master key.
    pub master: Option<CrossSigningKey>,
    /// The self-signing key.
    pub self_signing: Option<CrossSigningKey>,
    /// The user-signing key.
    pub user_signing: Option<CrossSigningKey>,
}

/// What became of a [`CrossSigningUpload`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CrossSigningOutcome {
    /// It is durable.
    Stored,
    /// Only a first upload was allowed, and there are other keys already. Nothing was kept.
    NotFirst,
    /// A public key is the id of one of the user's devices. Nothing was kept.
    IsDeviceId,
}

/// A verified signature on a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySignature {
    /// Whose key was signed.
    pub target: UserId,
    /// The signed key: a device id, or a public cross-signing key.
    pub target_key: String,
    /// The key that signed, as `algorithm:id`.
    pub signing_key: String,
    /// The signature in unpadded base64.
    pub signature: String,
}

/// The keys of users and devices.
#[async_trait]
pub trait KeyStore {
    /// Stores keys of a device, all or nothing.
    ///
    /// A one-time key that waits already, or was given out before, is accepted and changes nothing
    /// (I3): an upload may be repeated. Records `DeviceList` when the identity keys changed and
    /// `OneTimeKeys` when the others did.
    async fn upload_keys(
        &self,
        user_id: &UserId,
        device_id: &DeviceId,
        upload: KeyUpload,
    ) -> StoreResult<KeyUploadOutcome>;

    /// Gives out one key per claim, oldest first; claims that nothing answers are left out.
    ///
    /// A one-time key is in the answer of one call, ever (E4). Where none is left the fallback key
    /// is given and marked as used (E5). Durable before it returns.
    async fn claim_keys(&self, claims: Vec<KeyClaim>) -> StoreResult<Vec<ClaimedKey>>;

    /// How many keys a device has left. Without a read of the database when nothing changed.
    async fn one_time_key_counts(
        &self,
        user_id: &UserId,
        device_id: &DeviceId,
    ) -> StoreResult<Arc<OneTimeKeyState>>;

    /// The published keys of each of `users`, in their order. Unknown users have none.
    async fn user_keys(&self, users: &[UserId]) -> StoreResult<Vec<Arc<UserKeys>>>;

    /// Stores cross-signing keys. With `only_first`, only where this replaces no other key.
    async fn set_cross_signing_keys(
        &self,
        user_id: &UserId,
        upload: CrossSigningUpload,
        only_first: bool,
    ) -> StoreResult<CrossSigningOutcome>;

    /// Adds signatures that `signer` made. Records `DeviceList` for `signer`, whose own devices
    /// must
    /// hear of all of them; see [`KeyStore::signature_changes`].
    async fn add_signatures(
        &self,
        signer: &UserId,
        signatures: Vec<KeySignature>,
    ) -> StoreResult<()>;

    /// The signatures that `signer` made on other users' keys.
    async fn signatures_by(&self, signer: &UserId) -> StoreResult<Arc<Vec<KeySignature>>>;

    /// Users whose device list changed with `since` < position, each once (E6).
    ///
    /// Only the last change of each user is kept, so a user who changed again after `upto` is in
    /// the answer as well: to hear of a change twice is harmless, to miss it is not.
    async fn device_list_changes(
        &self,
        since: Position,
        upto: Position,
    ) -> StoreResult<Vec<UserId>>;

    /// The other users whose keys `signer` signed after `since`. They belong into `changed` of
    /// `signer`'s own devices and of nobody else's; worth asking when `signer`'s list changed.
    async fn signature_changes(&self, signer: &UserId, since: Position)
    -> StoreResult<Vec<UserId>>;

    /// Forgets every one-time key that waits, for use after a restore from a backup: some of them
    /// were given out after the backup was taken (I3). Returns how many devices lost keys; each
    /// hears of it in its next sync.
    async fn forget_one_time_keys(&self) -> StoreResult<u64>;
}
