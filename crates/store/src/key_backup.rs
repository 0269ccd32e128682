// SPDX-License-Identifier: Apache-2.0
//! Server-side key backups (Client-Server API, "Server-side key backups").

use async_trait::async_trait;
use estafette_core::ids::UserId;

use crate::StoreResult;

/// A version of a user's backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyBackup {
    /// 1 for the user's first; never used twice.
    pub version: u64,
    /// How the sessions are encrypted.
    pub algorithm: String,
    /// What that algorithm needs, as JSON.
    pub auth_data: String,
    /// What the sessions are at.
    pub state: KeyBackupState,
}

/// What changes, in one transaction, with each change of the sessions (E12).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeyBackupState {
    /// Differs after every change.
    pub etag: u64,
    /// How many sessions are stored.
    pub count: u64,
}

/// A room key in a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackedUpSession {
    /// The room.
    pub room_id: String,
    /// The Megolm session.
    pub session_id: String,
    /// From which message on it decrypts.
    pub first_message_index: i64,
    /// How often it was forwarded.
    pub forwarded_count: i64,
    /// Whether the device that it comes from was verified.
    pub is_verified: bool,
    /// The encrypted key, as JSON.
    pub session_data: String,
}

/// Which sessions of a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BackupScope {
    /// All of them.
    All,
    /// Those of a room.
    Room(String),
    /// One session of a room.
    Session(String, String),
}

/// What became of a change of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackupUpdate {
    /// It is durable.
    Updated,
    /// There is no such version.
    NotFound,
    /// The version has another algorithm.
    OtherAlgorithm,
}

/// What became of sessions to be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackupPut {
    /// They are durable, and this is the state now.
    Stored(KeyBackupState),
    /// There is no such version.
    NotFound,
    /// It is not the current version, which is this.
    WrongVersion(u64),
}

/// The backups of room keys.
#[async_trait]
pub trait KeyBackupStore {
    /// Makes a new version, which is the current one from then on, and returns its number.
    async fn create_backup(
        &self,
        user_id: &UserId,
        algorithm: String,
        auth_data: String,
    ) -> StoreResult<u64>;

    /// A version, or the current one.
    async fn backup(
        &self,
        user_id: &UserId,
        version: Option<u64>,
    ) -> StoreResult<Option<KeyBackup>>;

    /// Replaces the `auth_data` of a version, whose algorithm must be `algorithm`.
    async fn update_backup(
        &self,
        user_id: &UserId,
        version: u64,
        algorithm: String,
        auth_data: String,
    ) -> StoreResult<BackupUpdate>;

    /// Deletes a version and its sessions. `false` when there never was one. A repeat succeeds.
    async fn delete_backup(&self, user_id: &UserId, version: u64) -> StoreResult<bool>;

    /// Stores sessions into the current version, all or nothing.
    ///
    /// Of two keys for the same session the better one stays: the verified one, then the one with
    /// the lower `first_message_index`, then the one with the lower `forwarded_count`.
    async fn put_backup_sessions(
        &self,
        user_id: &UserId,
        version: u64,
        sessions: Vec<BackedUpSession>,
    ) -> StoreResult<BackupPut>;

    /// Sessions of a version by room and session id; `None` when there is no such version.
    async fn backup_sessions(
        &self,
        user_id: &UserId,
        version: u64,
        scope: BackupScope,
    ) -> StoreResult<Option<Vec<BackedUpSession>>>;

    /// Deletes sessions of a version and returns its new state; `None` when there is no such
    /// version.
    async fn delete_backup_sessions(
        &self,
        user_id: &UserId,
        version: u64,
        scope: BackupScope,
    ) -> StoreResult<Option<KeyBackupState>>;
}
