// SPDX-License-Identifier: Apache-2.0
//! The OAuth 2.0 API's memory: clients, codes, device grants, and which device is whose.

use async_trait::async_trait;
use estafette_core::ids::{DeviceId, UserId};

use crate::{
    StoreResult,
    accounts::{LoginOutcome, TokenHash, TokenPair},
};

/// The scope with which a session of OAuth 2.0 may administer the server, where its owner may: it
/// is what Synapse's administration API asks for. Full access to the Client-Server API is not that.
pub const ADMINISTRATION_SCOPE: &str = "urn:synapse:admin:*";

/// A registered client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OauthClient {
    /// Follows from the metadata.
    pub client_id: String,
    /// What was registered, as JSON.
    pub metadata: String,
}

/// An authorisation code to be kept.
#[derive(Debug, Clone)]
pub struct NewCode {
    /// Its hash.
    pub code: TokenHash,
    /// Who gave leave.
    pub user_id: UserId,
    /// To whom.
    pub client_id: String,
    /// Where the code is sent; the exchange must name the same.
    pub redirect_uri: String,
    /// What the client may do.
    pub scope: String,
    /// The device it logs in on.
    pub device_id: DeviceId,
    /// The name of the device, if it is new.
    pub device_name: Option<String>,
    /// `BASE64URL(SHA256(code_verifier))` (RFC 7636, section 4.2).
    pub code_challenge: String,
    /// When it ends, in ms since the epoch.
    pub expires_ms: i64,
}

/// An authorisation code that came back.
#[derive(Debug, Clone)]
pub struct CodeExchange {
    /// Its hash.
    pub code: TokenHash,
    /// Who brings it.
    pub client_id: String,
    /// As in the request for it.
    pub redirect_uri: String,
    /// `BASE64URL(SHA256(code_verifier))` of the verifier that came with it.
    pub code_challenge: String,
    /// What the device may use from now on.
    pub tokens: TokenPair,
    /// Now, in ms since the epoch.
    pub now_ms: i64,
}

/// What became of a code or an allowed device grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GrantOutcome {
    /// The device may use the tokens, and no earlier ones.
    LoggedIn {
        /// Whose.
        user_id: UserId,
        /// The device.
        device_id: DeviceId,
        /// What it may do.
        scope: String,
        /// Whether the account did not have the device before.
        is_new: bool,
    },
    /// Nothing was given: unknown, too old, for another client or place, or with a wrong verifier.
    Invalid,
    /// Nothing was given: the code was used before. The device that it let in is gone, as by
    /// [`OauthStore::revoke_token`].
    Reused {
        /// Whose.
        user_id: UserId,
        /// The device.
        device_id: DeviceId,
    },
    /// Nothing was given: the account is locked.
    Locked,
    /// Nothing was given: the device cannot be logged in on.
    Refused(LoginOutcome),
}

/// A device grant to be kept (RFC 8628).
#[derive(Debug, Clone)]
pub struct NewDeviceGrant {
    /// The hash of what the client polls with.
    pub device_code: TokenHash,
    /// The hash of what the person types.
    pub user_code: TokenHash,
    /// Who asks.
    pub client_id: String,
    /// For what.
    pub scope: String,
    /// The device to log in on.
    pub device_id: DeviceId,
    /// Its name, if it is new.
    pub device_name: Option<String>,
    /// How long to wait between polls, in ms.
    pub interval_ms: i64,
    /// When it ends, in ms since the epoch.
    pub expires_ms: i64,
}

/// What became of a [`NewDeviceGrant`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartOutcome {
    /// It waits for a decision.
    Started,
    /// Nothing was written: one of the codes is taken.
    Taken,
    /// Nothing was written: as many wait as may.
    TooMany,
}

/// A device grant that waits for a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceGrant {
    /// Who asks.
    pub client_id: String,
    /// For what.
    pub scope: String,
    /// The device to log in on.
    pub device_id: DeviceId,
}

/// One poll of a device grant.
#[derive(Debug, Clone)]
pub struct DevicePoll {
    /// The hash of the device code.
    pub device_code: TokenHash,
    /// Who polls.
    pub client_id: String,
    /// What the device may use from now on, if the grant is allowed.
    pub tokens: TokenPair,
    /// Now, in ms since the epoch.
    pub now_ms: i64,
}

/// The answer to a [`DevicePoll`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PollOutcome {
    /// Nobody has decided yet.
    Pending,
    /// Nobody has decided yet, and the client asks too often: its interval grew by 5 seconds.
    SlowDown,
    /// Somebody said no. The grant is gone.
    Denied,
    /// Too late. The grant is gone.
    Expired,
    /// Somebody said yes; the grant is gone. Also for a code that is unknown or another client's
    /// ([`GrantOutcome::Invalid`]).
    Decided(GrantOutcome),
}

/// What became of a refresh token of an OAuth 2.0 session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OauthRefreshOutcome {
    /// The new pair may be used; the first use of it ends the old one.
    Refreshed {
        /// What the session may do.
        scope: String,
    },
    /// Unknown, another client's, or of a session that did not begin here.
    Unknown,
    /// It was used before and the pair it gave is in use. The device is gone, as by
    /// [`OauthStore::revoke_token`].
    Reused {
        /// Whose device.
        user_id: UserId,
        /// Which.
        device_id: DeviceId,
    },
    /// Nothing was written: the account is locked.
    Locked,
}

/// Which client a device belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OauthSession {
    /// The device.
    pub device_id: DeviceId,
    /// The client.
    pub client: OauthClient,
    /// What it may do.
    pub scope: String,
    /// When it was given, in ms since the epoch.
    pub created_ms: i64,
}

/// What the store promises about the OAuth 2.0 API.
///
/// Codes, allowed device grants and approvals of a user end with the user's password, with all of
/// their devices, and with the account. A session ends with its tokens.
#[async_trait]
pub trait OauthStore: Send + Sync {
    /// Keeps a client, or notes that it is in use. `false`, and nothing is written, when there are
    /// [`OAUTH_CLIENTS_MAX`](estafette_core::limits::OAUTH_CLIENTS_MAX) with sessions or in recent
    /// use; others make room. A client with a session is never removed.
    async fn put_oauth_client(&self, client: OauthClient, now_ms: i64) -> StoreResult<bool>;

    /// A client.
    async fn oauth_client(&self, client_id: &str) -> StoreResult<Option<OauthClient>>;

    /// Keeps a code. The oldest of the user's unspent ones go beyond
    /// [`OAUTH_CODES_PER_USER_MAX`](estafette_core::limits::OAUTH_CODES_PER_USER_MAX).
    async fn put_code(&self, code: NewCode, now_ms: i64) -> StoreResult<()>;

    /// Exchanges a code, whose first presentation spends it, whatever comes of it. A second one
    /// ends what the first gave (RFC 6749, section 4.1.2).
    async fn exchange_code(&self, exchange: CodeExchange) -> StoreResult<GrantOutcome>;

    /// Keeps a device grant.
    async fn start_device_grant(
        &self,
        grant: NewDeviceGrant,
        now_ms: i64,
    ) -> StoreResult<StartOutcome>;

    /// The grant that waits for a decision under this user code.
    async fn device_grant(
        &self,
        user_code: &TokenHash,
        now_ms: i64,
    ) -> StoreResult<Option<DeviceGrant>>;

    /// Decides a grant, once: `allowed_by` is whose account it is, or `None` to deny. `false` when
    /// none waits under this user code.
    async fn decide_device_grant(
        &self,
        user_code: &TokenHash,
        allowed_by: Option<&UserId>,
        now_ms: i64,
    ) -> StoreResult<bool>;

    /// Ends a grant, whatever was decided; one that is unknown is no error.
    async fn end_device_grant(&self, device_code: TokenHash) -> StoreResult<()>;

    /// Answers a poll, and logs in on the device when somebody said yes.
    async fn poll_device_grant(&self, poll: DevicePoll) -> StoreResult<PollOutcome>;

    /// [`AccountStore::refresh`](crate::AccountStore::refresh) for the sessions of `client_id`.
    async fn refresh_oauth(
        &self,
        client_id: &str,
        refresh: &TokenHash,
        pair: TokenPair,
    ) -> StoreResult<OauthRefreshOutcome>;

    /// Deletes the device that an access or refresh token lets in, with everything of it (RFC
    /// 7009). `None` when the token lets nobody in.
    async fn revoke_token(&self, token: &TokenHash) -> StoreResult<Option<(UserId, DeviceId)>>;

    /// Whether a device's tokens are of the OAuth 2.0 API.
    async fn is_oauth_device(&self, device_nid: i64) -> StoreResult<bool>;

    /// A user's sessions, in the order of their devices' ids.
    async fn oauth_sessions(&self, user_id: &UserId) -> StoreResult<Vec<OauthSession>>;

    /// Lets a user replace the cross-signing keys once, until `expires_ms`, from `device_id` or,
    /// with `None`, from any device.
    async fn approve_cross_signing(
        &self,
        user_id: &UserId,
        device_id: Option<&DeviceId>,
        expires_ms: i64,
    ) -> StoreResult<()>;

    /// Whether there is such a leave for a device; without one, for whichever.
    async fn has_cross_signing_approval(
        &self,
        user_id: &UserId,
        device_id: Option<&DeviceId>,
        now_ms: i64,
    ) -> StoreResult<bool>;

    /// Uses up such a leave; whether there was one.
    async fn take_cross_signing_approval(
        &self,
        user_id: &UserId,
        device_id: &DeviceId,
        now_ms: i64,
    ) -> StoreResult<bool>;
}
