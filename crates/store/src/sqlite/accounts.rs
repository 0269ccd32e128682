// SPDX-License-Identifier: Apache-2.0
//! Accounts on the embedded engine.

pub(super) mod devices;
pub(super) mod directory;
pub(super) mod invitations;
pub(super) mod life;
pub(super) mod profile;
pub(super) mod sessions;

pub(super) use self::sessions::{log_in, refresh};

use std::sync::Arc;

use async_trait::async_trait;
use estafette_core::ids::{DeviceId, UserId};

use self::life::End;
use super::{SqliteStore, device_rows::Indexes, oauth};
use crate::{
    StoreResult,
    accounts::{
        Account, AccountFlag, AccountPage, AccountStore, CreateOutcome, Device, DeviceSeen,
        Devices, DirectoryPage, DirectoryQuery, LoginOutcome, NewAccount, NewLogin, PasswordHash,
        ProfileOutcome, RefreshOutcome, RegistrationToken, Session, TokenHash, TokenPair,
    },
};

impl SqliteStore {
    pub(super) fn indexes(&self) -> Indexes {
        Indexes {
            keys: Arc::clone(&self.inner.key_index),
            sessions: Arc::clone(&self.inner.session_index),
        }
    }
}

#[async_trait]
impl AccountStore for SqliteStore {
    async fn create_account(&self, account: NewAccount) -> StoreResult<CreateOutcome> {
        let indexes = self.indexes();
        self.write(move |tx| life::create(&indexes, tx, &account)).await
    }

    async fn account(&self, user_id: &UserId) -> StoreResult<Option<Account>> {
        let user_id = user_id.clone();
        self.read(move |conn| life::account(conn, &user_id)).await
    }

    async fn accounts(&self, page: AccountPage) -> StoreResult<(Vec<Account>, u64)> {
        self.read(move |conn| life::accounts(conn, &page)).await
    }

    async fn set_password(
        &self,
        user_id: &UserId,
        password_hash: Option<PasswordHash>,
        sign_out: Option<Devices>,
    ) -> StoreResult<()> {
        let (indexes, user_id) = (self.indexes(), user_id.clone());
        self.write(move |tx| {
            life::set_password(tx.conn, &user_id, password_hash.as_ref())?;
            if let Some(devices) = &sign_out {
                devices::delete(&indexes, tx, &user_id, devices)?;
            }
            Ok(())
        })
        .await
    }

    async fn set_account_flag(
        &self,
        user_id: &UserId,
        flag: AccountFlag,
        value: bool,
    ) -> StoreResult<bool> {
        let (indexes, user_id) = (self.indexes(), user_id.clone());
        self.write(move |tx| life::set_flag(&indexes, tx, &user_id, flag, value)).await
    }

    async fn deactivate_account(
        &self,
        user_id: &UserId,
        erase: bool,
        now_ms: i64,
    ) -> StoreResult<bool> {
        let (indexes, user_id) = (self.indexes(), user_id.clone());
        let end = End { erase, by_admin: false, now_ms };
        self.write(move |tx| life::deactivate(&indexes, tx, &user_id, end)).await
    }

    async fn erased_users(&self) -> StoreResult<Vec<UserId>> {
        self.read(life::erased).await
    }

    async fn deactivated_in_rooms(&self) -> StoreResult<Vec<UserId>> {
        self.read(life::deactivated_in_rooms).await
    }

    async fn reactivate_account(
        &self,
        user_id: &UserId,
        password_hash: Option<PasswordHash>,
    ) -> StoreResult<bool> {
        let user_id = user_id.clone();
        self.write(move |tx| life::reactivate(tx, &user_id, password_hash.as_ref())).await
    }

    async fn log_in(
        &self,
        user_id: &UserId,
        login: NewLogin,
        now_ms: i64,
    ) -> StoreResult<LoginOutcome> {
        let (indexes, user_id) = (self.indexes(), user_id.clone());
        self.write(move |tx| sessions::log_in(&indexes, tx, &user_id, &login, now_ms)).await
    }

    async fn session(&self, token: &TokenHash) -> StoreResult<Option<Arc<Session>>> {
        let index = Arc::clone(&self.inner.session_index);
        if let Some(session) = index.get(token) {
            return Ok(Some(session));
        }
        let (epoch, token) = (index.epoch(), *token);
        self.read(move |conn| {
            let session = sessions::session(conn, &token)?.map(Arc::new);
            // What waits to be confirmed is read again until it is.
            if let Some(session) = session.as_ref().filter(|session| session.confirmed) {
                index.keep(epoch, token, session);
            }
            Ok(session)
        })
        .await
    }

    async fn confirm_session(&self, device_nid: i64, generation: i64) -> StoreResult<()> {
        let indexes = self.indexes();
        self.write(move |tx| sessions::confirm(&indexes, tx, device_nid, generation)).await
    }

    async fn refresh(&self, refresh: &TokenHash, pair: TokenPair) -> StoreResult<RefreshOutcome> {
        let (indexes, refresh) = (self.indexes(), *refresh);
        self.write(move |tx| {
            if oauth::is_oauth_refresh(tx.conn, &refresh)? {
                return Ok(RefreshOutcome::Unknown);
            }
            sessions::refresh(&indexes, tx, &refresh, pair)
        })
        .await
    }

    async fn devices(&self, user_id: &UserId) -> StoreResult<Vec<Device>> {
        let user_id = user_id.clone();
        self.read(move |conn| devices::list(conn, &user_id, None)).await
    }

    async fn device(&self, user_id: &UserId, device_id: &DeviceId) -> StoreResult<Option<Device>> {
        let (user_id, device_id) = (user_id.clone(), device_id.clone());
        self.read(move |conn| Ok(devices::list(conn, &user_id, Some(&device_id))?.pop())).await
    }

    async fn put_device(
        &self,
        user_id: &UserId,
        device_id: &DeviceId,
        display_name: Option<&str>,
        now_ms: i64,
    ) -> StoreResult<LoginOutcome> {
        let (user_id, device_id) = (user_id.clone(), device_id.clone());
        let name = display_name.map(str::to_owned);
        self.write(move |tx| devices::put(tx, &user_id, &device_id, name.as_deref(), now_ms)).await
    }

    async fn rename_device(
        &self,
        user_id: &UserId,
        device_id: &DeviceId,
        display_name: &str,
    ) -> StoreResult<bool> {
        let (user_id, device_id) = (user_id.clone(), device_id.clone());
        let name = display_name.to_owned();
        self.write(move |tx| devices::rename(tx, &user_id, &device_id, &name)).await
    }

    async fn delete_devices(
        &self,
        user_id: &UserId,
        devices: Devices,
    ) -> StoreResult<Vec<DeviceId>> {
        let (indexes, user_id) = (self.indexes(), user_id.clone());
        self.write(move |tx| devices::delete(&indexes, tx, &user_id, &devices)).await
    }

    async fn note_device_use(&self, uses: Vec<(i64, DeviceSeen)>) -> StoreResult<()> {
        self.write(move |tx| devices::note_use(tx.conn, &uses)).await
    }

    async fn profile(&self, user_id: &UserId) -> StoreResult<Option<Vec<(String, String)>>> {
        let user_id = user_id.clone();
        self.read(move |conn| profile::load(conn, &user_id)).await
    }

    async fn set_profile_field(
        &self,
        user_id: &UserId,
        name: &str,
        value: Option<&str>,
    ) -> StoreResult<ProfileOutcome> {
        let (user_id, name, value) = (user_id.clone(), name.to_owned(), value.map(str::to_owned));
        self.write(move |tx| profile::set(tx.conn, &user_id, &name, value.as_deref())).await
    }

    async fn profiles_to_tell(&self, limit: usize) -> StoreResult<Vec<UserId>> {
        self.read(move |conn| profile::to_tell(conn, limit)).await
    }

    async fn profile_change_to_tell(&self, user_id: &UserId) -> StoreResult<Option<i64>> {
        let user_id = user_id.clone();
        self.read(move |conn| profile::change_to_tell(conn, &user_id)).await
    }

    async fn profile_told(&self, user_id: &UserId, change: i64) -> StoreResult<()> {
        let user_id = user_id.clone();
        self.write(move |tx| profile::told(tx.conn, &user_id, change)).await
    }

    async fn search_directory(&self, query: DirectoryQuery) -> StoreResult<DirectoryPage> {
        self.read(move |conn| directory::search(conn, &query)).await
    }

    async fn put_registration_token(&self, token: RegistrationToken) -> StoreResult<()> {
        self.write(move |tx| invitations::put(tx.conn, &token)).await
    }

    async fn registration_token(&self, token: &str) -> StoreResult<Option<RegistrationToken>> {
        let token = token.to_owned();
        self.read(move |conn| Ok(invitations::list(conn, Some(&token))?.pop())).await
    }

    async fn registration_tokens(&self) -> StoreResult<Vec<RegistrationToken>> {
        self.read(|conn| invitations::list(conn, None)).await
    }

    async fn delete_registration_token(&self, token: &str) -> StoreResult<bool> {
        let token = token.to_owned();
        self.write(move |tx| invitations::delete(tx.conn, &token)).await
    }
}
