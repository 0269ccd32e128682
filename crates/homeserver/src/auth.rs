// SPDX-License-Identifier: Apache-2.0
//! Who asks: from a token to a [`Requester`], and everything that proves who somebody is.
//!
//! Client-Server API, "Client Authentication", "Account moderation"; Application Service API,
//! "Identity assertion".

pub mod device_use;
pub mod password;
pub mod short_lived;
pub mod tokens;
pub mod uia;

use std::{sync::Arc, time::Duration};

use axum::extract::FromRequestParts;
use estafette_core::{
    ids::{DeviceId, UserId},
    limits::{LOGIN_TOKEN_S, REGISTRATION_NONCE_S, SSO_TOKEN_S, UIA_SESSION_S},
};
use estafette_store::{
    AccountStore as _,
    accounts::{Account, DeviceSeen, NewAccount, TokenHash},
    oauth::ADMINISTRATION_SCOPE,
};
use http::{StatusCode, header, request::Parts};
use serde::Deserialize;

use self::{
    device_use::DeviceUses, password::Passwords, short_lived::ShortLived, uia::Registered,
    uia::UiaSession,
};
use crate::{
    ApiError, ApiResult, Server, Shared,
    appservice::Registration,
    http::RemoteAddress,
    people,
    rate_limit::{Cost, RateLimiter},
};

/// What the server remembers between requests to know who asks. Nothing of it outlives a restart
/// and nothing need.
pub struct Auth {
    /// Hashes and checks passwords.
    pub passwords: Passwords,
    /// User-interactive authentications under way.
    pub uia: ShortLived<UiaSession>,
    /// What registrations have made, for those whose answer was lost.
    pub registered: ShortLived<Registered>,
    /// Tokens of `POST /login/get_token`.
    pub login_tokens: ShortLived<UserId>,
    /// Login tokens that a browser brings to a client of the legacy API.
    pub sso_tokens: ShortLived<UserId>,
    /// Nonces of the shared-secret registration.
    pub nonces: ShortLived<()>,
    /// OpenID tokens of `POST /user/{userId}/openid/request_token`.
    pub openid_tokens: ShortLived<UserId>,
    /// When devices were used.
    pub device_uses: DeviceUses,
}

impl Auth {
    /// Nothing remembered yet.
    pub fn new(passwords: Passwords) -> Self {
        Self {
            passwords,
            uia: ShortLived::new(UIA_SESSION_S),
            registered: ShortLived::new(UIA_SESSION_S),
            login_tokens: ShortLived::new(LOGIN_TOKEN_S),
            sso_tokens: ShortLived::new(SSO_TOKEN_S),
            nonces: ShortLived::new(REGISTRATION_NONCE_S),
            openid_tokens: ShortLived::new(OPENID_TOKEN_S),
            device_uses: DeviceUses::default(),
        }
    }

    /// Drops what would let somebody in as `user_id`.
    pub(crate) fn forget(&self, user_id: &UserId) {
        self.login_tokens.retain(|owner| owner != user_id);
        self.sso_tokens.retain(|owner| owner != user_id);
        self.registered.retain(|made| made.user_id() != user_id);
    }
}

pub use crate::client::account::{deactivate, forget_proofs};

/// A login token for `user_id` that a browser brings to a client (Client-Server API, "Client login
/// via SSO"): good once, and not for long. Errors: 503 when too many are under way.
pub fn give_sso_token(server: &Server, user_id: &UserId) -> ApiResult<String> {
    let token = tokens::new_token(server, "ess");
    server.auth.sso_tokens.put(&token, user_id.clone(), server.now_ms())?;
    Ok(token)
}

/// Whom a login token lets in. It lets nobody in again.
pub(crate) fn take_login_token(server: &Server, token: &str) -> Option<UserId> {
    let now_ms = server.now_ms();
    let auth = &server.auth;
    auth.login_tokens.take(token, now_ms).or_else(|| auth.sso_tokens.take(token, now_ms))
}

/// How long an OpenID token lives.
pub const OPENID_TOKEN_S: u64 = 3_600;

/// The device that a request comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequesterDevice {
    /// Its id.
    pub device_id: DeviceId,
    /// Its number, never used again for another device.
    pub nid: i64,
}

/// Who asks. As an extractor: 401 without a valid token, or when the account is locked; 403
/// `ORG_MATRIX_EXPIRED_ACCOUNT` when its validity is over.
///
/// A suspended user passes: endpoints that are forbidden then call
/// [`Requester::check_not_suspended`].
#[derive(Debug, Clone)]
pub struct Requester {
    /// The user.
    pub user_id: UserId,
    /// The device; `None` for application services that name none.
    pub device: Option<RequesterDevice>,
    /// Whether the user is an administrator of the server.
    pub is_admin: bool,
    /// Whether they administer it by this session: see [`estafette_store::accounts::Session`].
    pub administers: bool,
    /// The application service that speaks for the user.
    pub appservice: Option<Arc<Registration>>,
    /// The token that was shown; `None` for application services.
    token: Option<TokenHash>,
    /// When the token or the account ends by itself, whichever is sooner.
    ends_ms: Option<i64>,
    suspended: bool,
    locked: bool,
    expired: bool,
}

impl Requester {
    /// An account that acts without a request, for what it asked for earlier. 401 and 403 as if it
    /// asked now.
    pub(crate) fn of_account(server: &Server, account: &Account) -> ApiResult<Self> {
        check_account(server, account)?;
        Ok(Self {
            user_id: account.user_id.clone(),
            device: None,
            is_admin: account.is_admin,
            administers: account.is_admin,
            appservice: None,
            token: None,
            ends_ms: account.expires_ms,
            suspended: account.suspended,
            locked: false,
            expired: false,
        })
    }

    /// 403 `M_USER_SUSPENDED` for whoever may read but not act (Client-Server API, "Account
    /// suspension").
    pub fn check_not_suspended(&self) -> ApiResult<()> {
        if self.suspended { Err(suspended()) } else { Ok(()) }
    }

    /// 429 `M_LIMIT_EXCEEDED` for whoever asks too often. Application services are not held back
    /// when their registration says so (`rate_limited: false`).
    pub(crate) fn check_rate(
        &self,
        limiter: &RateLimiter,
        cost: Cost,
        now_ms: i64,
    ) -> ApiResult<()> {
        if self.appservice.as_ref().is_some_and(|appservice| !appservice.rate_limited) {
            return Ok(());
        }
        limiter.check(cost, self.user_id.as_str(), now_ms)
    }

    /// The id of the device, where there is one.
    pub(crate) fn device_id(&self) -> Option<&DeviceId> {
        self.device.as_ref().map(|device| &device.device_id)
    }

    /// The name of the session, among those of the same account.
    pub(crate) fn session(&self) -> String {
        let device = self.device.as_ref();
        device.map_or_else(|| self.user_id.to_string(), |device| device.device_id.to_string())
    }

    /// What the extractor checked, checked again: for requests that waited, before they answer.
    /// Errors: as those of the extractor, when the session, the device or the account ended
    /// meanwhile (I13).
    pub async fn check_current(&self, server: &Server) -> ApiResult<()> {
        let Some(token) = self.token else {
            let account = server.store.account(&self.user_id).await?;
            let account = account.ok_or_else(ApiError::unknown_token)?;
            return check_account(server, &account);
        };
        by_access_token(server, token).await?.check_usable(server)
    }

    /// Waits for the end of the session, the device or the account, and says what then is to be
    /// answered: for requests that wait for something else meanwhile (I13).
    pub async fn ended(&self, server: &Server) -> ApiError {
        let user = match server.notifier.user(&server.store, &self.user_id).await {
            Ok(user) => user,
            Err(error) => return error.into(),
        };
        loop {
            let woken = user.woken();
            tokio::pin!(woken);
            woken.as_mut().enable();
            if let Err(error) = self.check_current(server).await {
                return error;
            }
            let left = self.time_left(server).unwrap_or(Duration::MAX);
            let _ = tokio::time::timeout(left, woken).await;
        }
    }

    /// How long the token and the account last by themselves; `None`: without end.
    pub fn time_left(&self, server: &Server) -> Option<Duration> {
        let left_ms = self.ends_ms?.saturating_sub(server.now_ms());
        Some(Duration::from_millis(u64::try_from(left_ms).unwrap_or(0)))
    }

    fn check_usable(&self, server: &Server) -> ApiResult<()> {
        match self {
            Self { locked: true, .. } => Err(locked()),
            Self { expired: true, .. } => Err(people::expired(server)),
            _ => Ok(()),
        }
    }

    /// 401 `M_USER_LOCKED` for whoever may only log out (Client-Server API, "Account locking").
    pub fn check_not_locked(&self) -> ApiResult<()> {
        if self.locked { Err(locked()) } else { Ok(()) }
    }

    /// Whether the account is suspended.
    pub fn is_suspended(&self) -> bool {
        self.suspended
    }

    /// 403 for whoever may not do what the Client-Server API has for administrators:
    /// `M_USER_SUSPENDED` while suspended, else `M_FORBIDDEN`.
    pub fn check_admin(&self) -> ApiResult<()> {
        if !self.is_admin {
            return Err(ApiError::forbidden("Only an administrator of this server may do this."));
        }
        self.check_not_suspended()
    }

    /// As [`Requester::check_admin`], for what goes beyond the Client-Server API: a session of
    /// OAuth 2.0 also needs the scope for it. Whoever signs in to a client for messages has not
    /// handed it the server (RFC 9700, section 2.3).
    pub fn check_administers(&self) -> ApiResult<()> {
        self.check_admin()?;
        if self.administers {
            return Ok(());
        }
        let message = format!("The session was not given the scope `{ADMINISTRATION_SCOPE}`.");
        Err(ApiError::forbidden(message))
    }

    /// 403 `M_FORBIDDEN` unless `user_id` is the requester's own.
    pub fn check_self(&self, user_id: &UserId) -> ApiResult<()> {
        if self.user_id == *user_id {
            return Ok(());
        }
        Err(ApiError::forbidden("This may be done for one's own account alone."))
    }
}

/// 401 `M_USER_LOCKED` (Client-Server API, "Account locking").
pub fn locked() -> ApiError {
    ApiError::new(StatusCode::UNAUTHORIZED, "M_USER_LOCKED", "This account has been locked.")
        .with("soft_logout", true)
}

/// Whether anybody may act for this account at all.
fn check_account(server: &Server, account: &Account) -> ApiResult<()> {
    match account {
        Account { deactivated: true, .. } => Err(ApiError::unknown_token()),
        Account { locked: true, .. } => Err(locked()),
        account if is_over(account.expires_ms, server.now_ms()) => Err(people::expired(server)),
        _ => Ok(()),
    }
}

/// Whether something that ends at `ends_ms` has ended.
fn is_over(ends_ms: Option<i64>, now_ms: i64) -> bool {
    ends_ms.is_some_and(|ends_ms| ends_ms <= now_ms)
}

fn suspended() -> ApiError {
    let message = "You cannot do this while your account is suspended.";
    ApiError::new(StatusCode::FORBIDDEN, "M_USER_SUSPENDED", message)
}

impl FromRequestParts<Shared> for Requester {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, server: &Shared) -> Result<Self, ApiError> {
        let MaybeLocked(requester) = MaybeLocked::from_request_parts(parts, server).await?;
        requester.check_usable(server)?;
        Ok(requester)
    }
}

/// As [`Requester`], for the few endpoints that a locked or expired account may use: logging out,
/// and asking for the mail that renews it.
#[derive(Debug, Clone)]
pub struct MaybeLocked(pub Requester);

impl FromRequestParts<Shared> for MaybeLocked {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, server: &Shared) -> Result<Self, ApiError> {
        let token = token(parts, server)?.ok_or_else(ApiError::missing_token)?;
        if let Some(appservice) = server.appservices.by_token(&token) {
            return assert_identity(server, appservice, parts).await.map(Self);
        }
        let requester = by_access_token(server, TokenHash::of(&token)).await?;
        note_use(server, parts, &requester);
        Ok(Self(requester))
    }
}

/// [`Requester`] where the specification lets one ask without a token. A wrong token is an error.
#[derive(Debug, Clone)]
pub struct OptionalRequester(pub Option<Requester>);

impl FromRequestParts<Shared> for OptionalRequester {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, server: &Shared) -> Result<Self, ApiError> {
        if token(parts, server)?.is_none() {
            return Ok(Self(None));
        }
        Requester::from_request_parts(parts, server).await.map(|requester| Self(Some(requester)))
    }
}

/// The application service whose token a request carries, whatever user it speaks for.
#[derive(Debug, Clone)]
pub struct OptionalAppservice(pub Option<Arc<Registration>>);

impl FromRequestParts<Shared> for OptionalAppservice {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, server: &Shared) -> Result<Self, ApiError> {
        let token = token(parts, server)?;
        Ok(Self(token.and_then(|token| server.appservices.by_token(&token))))
    }
}

#[derive(Deserialize)]
struct QueryToken {
    access_token: Option<String>,
}

/// The token of a request: `Authorization: Bearer`, or `?access_token=` while the configuration
/// lets clients of the specification up to v1.19 do so.
fn token(parts: &Parts, server: &Server) -> ApiResult<Option<String>> {
    if let Some(value) = parts.headers.get(header::AUTHORIZATION) {
        let value = value.to_str().map_err(|_| ApiError::unknown_token())?;
        let Some((scheme, token)) = value.split_once(' ') else {
            return Err(ApiError::missing_token());
        };
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(ApiError::missing_token());
        }
        return Ok(Some(token.trim().to_owned()));
    }
    if !server.config.login.token_in_query {
        return Ok(None);
    }
    let query = axum::extract::Query::<QueryToken>::try_from_uri(&parts.uri);
    Ok(query.ok().and_then(|query| query.0.access_token))
}

async fn by_access_token(server: &Server, token: TokenHash) -> ApiResult<Requester> {
    let session = server.store.session(&token).await?;
    let session = session.ok_or_else(ApiError::unknown_token)?;
    let now_ms = server.now_ms();
    if is_over(session.expires_ms, now_ms) {
        // The session lives on: the client is to refresh, or to log in again.
        return Err(ApiError::unknown_token().with("soft_logout", true));
    }
    if !session.confirmed {
        server.store.confirm_session(session.device_nid, session.generation).await?;
    }
    let device = RequesterDevice { device_id: session.device_id.clone(), nid: session.device_nid };
    Ok(Requester {
        user_id: session.user_id.clone(),
        device: Some(device),
        is_admin: session.is_admin,
        administers: session.administers,
        appservice: None,
        token: Some(token),
        ends_ms: [session.expires_ms, session.account_expires_ms].into_iter().flatten().min(),
        suspended: session.suspended,
        locked: session.locked,
        expired: is_over(session.account_expires_ms, now_ms),
    })
}

#[derive(Deserialize)]
struct Identity {
    user_id: Option<String>,
    device_id: Option<String>,
    #[serde(rename = "org.matrix.msc3202.device_id")]
    unstable_device_id: Option<String>,
}

/// Application Service API, "Identity assertion": `user_id` and `device_id` in the query.
async fn assert_identity(
    server: &Server,
    appservice: Arc<Registration>,
    parts: &Parts,
) -> ApiResult<Requester> {
    let query = axum::extract::Query::<Identity>::try_from_uri(&parts.uri);
    let identity = query.map_err(|_| ApiError::invalid_param("The query is wrong."))?.0;
    let user_id = match &identity.user_id {
        None => appservice.sender.clone(),
        Some(user_id) => UserId::parse(user_id)
            .map_err(|error| ApiError::invalid_param(format!("`user_id` is wrong: {error}.")))?,
    };
    if !appservice.owns_user(&user_id) {
        let message = "The user is not in the application service's namespace.";
        return Err(ApiError::new(StatusCode::FORBIDDEN, "M_FORBIDDEN", message));
    }
    let account = server.store.account(&user_id).await?.filter(|account| !account.deactivated);
    let account = match account {
        Some(account) => account,
        None if user_id == appservice.sender => server.create_sender(&appservice).await?,
        None => return Err(ApiError::forbidden("The application service has no such user.")),
    };
    let device = match identity.device_id.or(identity.unstable_device_id) {
        None => None,
        Some(id) => Some(asserted_device(server, &user_id, &id).await?),
    };
    Ok(Requester {
        user_id,
        device,
        is_admin: account.is_admin,
        administers: account.is_admin,
        appservice: Some(appservice),
        token: None,
        ends_ms: account.expires_ms,
        suspended: account.suspended,
        locked: account.locked,
        expired: is_over(account.expires_ms, server.now_ms()),
    })
}

async fn asserted_device(
    server: &Server,
    user_id: &UserId,
    device_id: &str,
) -> ApiResult<RequesterDevice> {
    let unknown = || {
        let message = "The user has no such device.";
        ApiError::new(StatusCode::BAD_REQUEST, "M_UNKNOWN_DEVICE", message)
    };
    let device_id = DeviceId::parse(device_id).map_err(|_| unknown())?;
    let device = server.store.device(user_id, &device_id).await?.ok_or_else(unknown)?;
    Ok(RequesterDevice { device_id, nid: device.nid })
}

fn note_use(server: &Server, parts: &Parts, requester: &Requester) {
    let (Some(device), now_ms) = (&requester.device, server.now_ms()) else { return };
    if !server.auth.device_uses.is_due(device.nid, now_ms) {
        return;
    }
    let remote = RemoteAddress::of(parts, server.config.listener.behind_proxy);
    if requester.appservice.is_none() {
        server.guesses.note_house(remote.network(), now_ms);
    }
    let RemoteAddress(ip) = remote;
    let user_agent = parts.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    let seen = DeviceSeen {
        at_ms: now_ms,
        ip: ip.to_string(),
        user_agent: user_agent.map(device_use::shorten),
    };
    server.auth.device_uses.note(device.nid, seen);
}

impl Server {
    /// Makes the user that an application service is itself.
    async fn create_sender(&self, appservice: &Registration) -> ApiResult<Account> {
        let new = NewAccount {
            user_id: appservice.sender.clone(),
            password_hash: None,
            appservice_id: Some(appservice.id.clone()),
            is_admin: false,
            displayname: None,
            registration_token: None,
            login: None,
            now_ms: self.now_ms(),
        };
        // Somebody else may have been faster, or the account is deactivated.
        self.store.create_account(new).await?;
        let account = self.store.account(&appservice.sender).await?;
        account
            .filter(|account| !account.deactivated)
            .ok_or_else(|| ApiError::forbidden("The application service's user is deactivated."))
    }
}

#[cfg(test)]
mod constant_time;
