// SPDX-License-Identifier: Apache-2.0
//! Accounts: people, their devices and tokens, profiles, and how people are found.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use estafette_core::ids::{DeviceId, UserId};
use sha2::{Digest as _, Sha256};

use crate::StoreResult;

/// A password as it is kept: a PHC string. Its `Debug` shows nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(pub String);

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

/// A token as it is kept: its SHA-256, so that nobody who reads the database can use it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash(pub [u8; 32]);

impl TokenHash {
    /// The hash of `token`.
    pub fn of(token: &str) -> Self {
        Self(Sha256::digest(token).into())
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(…)")
    }
}

/// A person, bot or bridged user of this server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Who.
    pub user_id: UserId,
    /// What the password must match. `None`: no password is accepted.
    pub password_hash: Option<PasswordHash>,
    /// The application service that made it.
    pub appservice_id: Option<String>,
    /// Whether it may administer the server.
    pub is_admin: bool,
    /// Client-Server API, "Account locking".
    pub locked: bool,
    /// Client-Server API, "Account suspension".
    pub suspended: bool,
    /// Gone for good: the id stays taken.
    pub deactivated: bool,
    /// Whether it asked that its content be erased.
    pub erased: bool,
    /// When it was made, in ms since the epoch.
    pub created_ms: i64,
    /// When any of its devices was last used, in ms since the epoch; kept when they are gone.
    pub seen_ms: Option<i64>,
    /// Until when it works, in ms since the epoch; see
    /// [`PersonDetails::expires_ms`](crate::people::PersonDetails::expires_ms).
    pub expires_ms: Option<i64>,
}

/// One page of accounts to list.
#[derive(Debug, Clone, Default)]
pub struct AccountPage {
    /// How many to skip.
    pub from: u64,
    /// How many to return at most.
    pub limit: u64,
    /// Only those whose id or display name contains this, folded, or whose address it is.
    pub search: Option<String>,
    /// Whether deactivated ones are listed.
    pub deactivated: bool,
}

/// An account to be made.
#[derive(Debug, Clone)]
pub struct NewAccount {
    /// Its id.
    pub user_id: UserId,
    /// Its password.
    pub password_hash: Option<PasswordHash>,
    /// The application service that makes it.
    pub appservice_id: Option<String>,
    /// Whether it may administer the server.
    pub is_admin: bool,
    /// Its first display name.
    pub displayname: Option<String>,
    /// The invitation that it uses up.
    pub registration_token: Option<String>,
    /// Its first device.
    pub login: Option<NewLogin>,
    /// Now, in ms since the epoch.
    pub now_ms: i64,
}

/// A login on a device, new or known.
#[derive(Debug, Clone)]
pub struct NewLogin {
    /// The device.
    pub device_id: DeviceId,
    /// Its name, if it is new.
    pub display_name: Option<String>,
    /// What it may use from now on.
    pub tokens: TokenPair,
}

/// What lets a device in.
#[derive(Debug, Clone, Copy)]
pub struct TokenPair {
    /// The access token.
    pub access: TokenHash,
    /// When it ends, in ms since the epoch.
    pub expires_ms: Option<i64>,
    /// What renews it.
    pub refresh: Option<TokenHash>,
}

/// What became of a [`NewAccount`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CreateOutcome {
    /// It is durable, with its device.
    Created,
    /// Nothing was written: the id is or was somebody's.
    Taken,
    /// Nothing was written: the invitation is unknown, used up or too old.
    TokenInvalid,
}

/// What became of a [`NewLogin`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginOutcome {
    /// The device may use its tokens, and no earlier ones.
    LoggedIn,
    /// Nothing was written: there is no such account, or it is deactivated.
    NoAccount,
    /// Nothing was written: the id is the user's cross-signing key (Client-Server API, `/login`).
    IsCrossSigningKey,
    /// Nothing was written: the id is the user's dehydrated device, which nobody may log in to.
    IsDehydrated,
    /// Nothing was written: the user has as many devices as one may have.
    TooManyDevices,
}

/// What an access token stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Whose.
    pub user_id: UserId,
    /// The device.
    pub device_id: DeviceId,
    /// The device's number.
    pub device_nid: i64,
    /// When the token ends, in ms since the epoch.
    pub expires_ms: Option<i64>,
    /// Which of the device's token pairs this is.
    pub generation: i64,
    /// Whether the pair is in use. The first use must be written down by
    /// [`AccountStore::confirm_session`], which ends the pair before.
    pub confirmed: bool,
    /// See [`Account::is_admin`].
    pub is_admin: bool,
    /// Whether an administrator also lets this session administer: those of the legacy API all may,
    /// those of OAuth 2.0 with the scope [`crate::oauth::ADMINISTRATION_SCOPE`].
    pub administers: bool,
    /// See [`Account::locked`].
    pub locked: bool,
    /// See [`Account::suspended`].
    pub suspended: bool,
    /// See [`Account::expires_ms`].
    pub account_expires_ms: Option<i64>,
}

/// What became of a refresh token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefreshOutcome {
    /// The new pair may be used; the first use of it ends the old one.
    Refreshed,
    /// Unknown, or its device is gone.
    Unknown,
    /// It was used before and the pair it gave is in use: somebody has a stolen one. All tokens of
    /// the device have ended.
    Reused {
        /// Whose device.
        user_id: UserId,
        /// Which.
        device_id: DeviceId,
    },
    /// Nothing was written: the account is locked.
    Locked,
}

/// A device as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Its id.
    pub device_id: DeviceId,
    /// Its number.
    pub nid: i64,
    /// Its name.
    pub display_name: Option<String>,
    /// When it was signed in first, in ms since the epoch.
    pub created_ms: i64,
    /// When, from where and with what it was last used.
    pub seen: Option<DeviceSeen>,
}

/// When, from where and with what a device was used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceSeen {
    /// When, in ms since the epoch.
    pub at_ms: i64,
    /// From which address.
    pub ip: String,
    /// With which user agent.
    pub user_agent: Option<String>,
}

/// Which devices of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Devices {
    /// These.
    These(Vec<DeviceId>),
    /// All of them.
    All,
    /// All but one.
    AllBut(DeviceId),
}

/// What an administrator may switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountFlag {
    /// [`Account::is_admin`].
    Admin,
    /// [`Account::locked`].
    Locked,
    /// [`Account::suspended`].
    Suspended,
}

/// What became of a profile field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProfileOutcome {
    /// It is durable; whether it differs from before.
    Set {
        /// Whether anything changed.
        changed: bool,
    },
    /// Nothing was written: the profile would be greater than
    /// [`PROFILE_BYTES_MAX`](estafette_core::limits::PROFILE_BYTES_MAX).
    TooLarge,
    /// There is no such account, or it is deactivated.
    NoAccount,
}

/// Whom somebody looks for.
#[derive(Debug, Clone)]
pub struct DirectoryQuery {
    /// What was typed.
    pub text: String,
    /// Who asks; in the answer only with `visible_only`.
    pub searcher: UserId,
    /// Whether only those are found who share a room with `searcher` or are in a public room.
    pub visible_only: bool,
    /// How many at most.
    pub limit: u64,
    /// Now, in ms since the epoch: expired accounts are not found.
    pub now_ms: i64,
}

/// Who was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DirectoryPage {
    /// At most as many as were asked for, best first.
    pub entries: Vec<DirectoryEntry>,
    /// Whether there may be more.
    pub limited: bool,
}

/// Somebody who was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectoryEntry {
    /// Who.
    pub user_id: UserId,
    /// The display name.
    pub displayname: Option<String>,
    /// The avatar.
    pub avatar_url: Option<String>,
}

/// An invitation to register.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistrationToken {
    /// What to type.
    pub token: String,
    /// How many accounts it may make; `None` for any number.
    pub uses_allowed: Option<u64>,
    /// How many it has made.
    pub used: u64,
    /// When it ends, in ms since the epoch.
    pub expires_ms: Option<i64>,
}

impl RegistrationToken {
    /// Whether one more account may be made with it.
    pub fn is_valid(&self, now_ms: i64) -> bool {
        self.uses_allowed.is_none_or(|allowed| self.used < allowed)
            && self.expires_ms.is_none_or(|expires| now_ms < expires)
    }
}

/// What the store promises about accounts.
///
/// Whatever ends tokens or changes what they may do takes effect for [`AccountStore::session`]
/// before the writing call returns (I13), also when the caller has gone away.
#[async_trait]
pub trait AccountStore: Send + Sync {
    /// Makes an account with all that `account` says, in one act.
    async fn create_account(&self, account: NewAccount) -> StoreResult<CreateOutcome>;

    /// An account, deactivated ones included.
    async fn account(&self, user_id: &UserId) -> StoreResult<Option<Account>>;

    /// A page of accounts in the order of their making, and how many there are in all.
    async fn accounts(&self, page: AccountPage) -> StoreResult<(Vec<Account>, u64)>;

    /// Sets or removes the password and deletes the devices `sign_out` names, in one act.
    async fn set_password(
        &self,
        user_id: &UserId,
        password_hash: Option<PasswordHash>,
        sign_out: Option<Devices>,
    ) -> StoreResult<()>;

    /// Switches something. `false` when there is no such account or it is deactivated.
    async fn set_account_flag(
        &self,
        user_id: &UserId,
        flag: AccountFlag,
        value: bool,
    ) -> StoreResult<bool>;

    /// Ends an account: password, devices (E10) and directory entry go, rights end. With `erase`
    /// also profile, account data and filters. `false` when there is no such account. This is the
    /// owner's own act: whoever holds the mailbox may bring the account back for a while. A lock
    /// and a suspension stay.
    async fn deactivate_account(
        &self,
        user_id: &UserId,
        erase: bool,
        now_ms: i64,
    ) -> StoreResult<bool>;

    /// Everybody who asked that their content be erased.
    async fn erased_users(&self) -> StoreResult<Vec<UserId>>;

    /// Deactivated accounts that are in a room still, or are asked or ask to be let into one.
    async fn deactivated_in_rooms(&self) -> StoreResult<Vec<UserId>>;

    /// Brings a deactivated account back, with this password. `false` when there is none.
    async fn reactivate_account(
        &self,
        user_id: &UserId,
        password_hash: Option<PasswordHash>,
    ) -> StoreResult<bool>;

    /// Lets a device in; it is made where it is new. Earlier tokens of the device end.
    async fn log_in(
        &self,
        user_id: &UserId,
        login: NewLogin,
        now_ms: i64,
    ) -> StoreResult<LoginOutcome>;

    /// What an access token stands for; expired ones included. Without a read of the database when
    /// it is known in memory.
    async fn session(&self, token: &TokenHash) -> StoreResult<Option<Arc<Session>>>;

    /// Takes a token pair into use: the pairs before it end, and those that wait beside it.
    async fn confirm_session(&self, device_nid: i64, generation: i64) -> StoreResult<()>;

    /// Exchanges a refresh token for a new pair.
    ///
    /// The old pair stays valid until a new one is used, so that an answer that got lost can be
    /// asked for again (Client-Server API, "Refreshing access tokens"). All pairs that were given
    /// for it wait until then, since answers may come in another order than requests: up to
    /// [`REFRESH_PAIRS_WAITING_MAX`](estafette_core::limits::REFRESH_PAIRS_WAITING_MAX), the oldest
    /// go. A token of the OAuth 2.0 API is unknown here.
    async fn refresh(&self, refresh: &TokenHash, pair: TokenPair) -> StoreResult<RefreshOutcome>;

    /// A user's devices in the order of their ids.
    async fn devices(&self, user_id: &UserId) -> StoreResult<Vec<Device>>;

    /// One device.
    async fn device(&self, user_id: &UserId, device_id: &DeviceId) -> StoreResult<Option<Device>>;

    /// Makes a device without tokens, for application services. What became of it is as for a
    /// login;
    /// one that exists gets the new name.
    async fn put_device(
        &self,
        user_id: &UserId,
        device_id: &DeviceId,
        display_name: Option<&str>,
        now_ms: i64,
    ) -> StoreResult<LoginOutcome>;

    /// Names a device and records [`FactKind::DeviceList`](crate::FactKind::DeviceList): others see
    /// the name. `false` when there is no such device.
    async fn rename_device(
        &self,
        user_id: &UserId,
        device_id: &DeviceId,
        display_name: &str,
    ) -> StoreResult<bool>;

    /// Deletes devices with everything of theirs in one act (E10): tokens, keys, to-device queue,
    /// pushers. Unknown ones are skipped. Returns those that were deleted.
    async fn delete_devices(
        &self,
        user_id: &UserId,
        devices: Devices,
    ) -> StoreResult<Vec<DeviceId>>;

    /// Notes the latest use of devices, by number. Those that are gone are skipped.
    async fn note_device_use(&self, uses: Vec<(i64, DeviceSeen)>) -> StoreResult<()>;

    /// The whole profile: names and JSON texts. `None` when there is no such account.
    async fn profile(&self, user_id: &UserId) -> StoreResult<Option<Vec<(String, String)>>>;

    /// Sets a profile field to a JSON text, or removes it. `displayname` also changes how the user
    /// is found.
    async fn set_profile_field(
        &self,
        user_id: &UserId,
        name: &str,
        value: Option<&str>,
    ) -> StoreResult<ProfileOutcome>;

    /// At most `limit` users whose display name or avatar changed and whose rooms were not all told
    /// of it. A change is noted here in the transaction that makes it.
    async fn profiles_to_tell(&self, limit: usize) -> StoreResult<Vec<UserId>>;

    /// The number of the latest such change of one user; `None` when all rooms were told.
    async fn profile_change_to_tell(&self, user_id: &UserId) -> StoreResult<Option<i64>>;

    /// All rooms of a user were told of the change of this number. A later one stays noted.
    async fn profile_told(&self, user_id: &UserId, change: i64) -> StoreResult<()>;

    /// People whose name or organisation has, for every word that was typed, a word that begins
    /// with it. First those whose name begins with all of it, then by the word that was found and
    /// by name. What looks like an e-mail address finds its owner alone, a whole user id or
    /// localpart its owner; parts of a localpart find nobody who has an address, as it was
    /// drawn.
    ///
    /// Guests are not found and find nobody. Whoever is on the red list is found by the exact
    /// address alone. Deactivated, locked and expired accounts are not found. The work is bounded
    /// by [`DIRECTORY_CANDIDATES_MAX`](estafette_core::limits::DIRECTORY_CANDIDATES_MAX) whatever
    /// is typed and however many people there are; beyond it the answer is `limited`. Also where
    /// each word alone is commoner than that, who has two that follow each other in the name, the
    /// last followed by the first, or one in the name and one in the organisation, is found.
    async fn search_directory(&self, query: DirectoryQuery) -> StoreResult<DirectoryPage>;

    /// Adds an invitation, or replaces its bounds. The count of its uses stays.
    async fn put_registration_token(&self, token: RegistrationToken) -> StoreResult<()>;

    /// An invitation.
    async fn registration_token(&self, token: &str) -> StoreResult<Option<RegistrationToken>>;

    /// All invitations.
    async fn registration_tokens(&self) -> StoreResult<Vec<RegistrationToken>>;

    /// Removes an invitation; whether there was one.
    async fn delete_registration_token(&self, token: &str) -> StoreResult<bool>;
}
