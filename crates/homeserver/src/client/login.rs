// SPDX-License-Identifier: Apache-2.0
//! Client-Server API, "Login" (legacy API): flows, logging in, login tokens.

use std::net::IpAddr;

use axum::{
    Router,
    extract::State,
    routing::{get, post},
};
use estafette_core::{
    email_address::EmailAddress,
    ids::{DeviceId, UserId},
    limits::NEW_ACCOUNT_S,
};
use estafette_store::{
    AccountStore as _, PeopleStore as _,
    accounts::{Account, LoginOutcome},
};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{session, v3, well_known};
use crate::{
    ApiError, ApiResult, Server, Shared, account_log,
    auth::{
        self, OptionalAppservice, Requester,
        tokens::{IssuedPair, new_login, new_token},
        uia::{self, Purpose, UiaRequest},
    },
    guesses::known_cookie,
    http::{Json, OptionalJson, RemoteAddress},
    people::{self, AccountNews},
    rate_limit::Cost,
};

pub(super) fn routes() -> Router<Shared> {
    let router = v3(Router::new(), "/login", get(flows).post(login));
    router
        .route("/_matrix/client/v1/login/get_token", post(get_token))
        .route("/_matrix/client/unstable/org.matrix.msc3882/login/get_token", post(get_token))
}

/// A user identifier (Client-Server API, "Identifier types").
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Identifier {
    #[serde(rename = "type")]
    kind: Option<String>,
    user: Option<String>,
    medium: Option<String>,
    address: Option<String>,
}

/// Whom somebody says they are.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Named {
    /// A user id of this server. Whether there is such an account is not known.
    User(UserId),
    /// Nobody whom there could be; under what their tries are counted.
    Nobody(String),
}

impl Named {
    /// At whom it is that somebody guesses.
    fn subject(&self) -> &str {
        match self {
            Self::User(user_id) => user_id.as_str(),
            Self::Nobody(who) => who,
        }
    }
}

/// Whom an identifier names. Errors: 400 for a kind by which nobody is known here, whoever it is
/// about: telephone numbers are not kept.
pub(crate) async fn named(server: &Server, identifier: &Identifier) -> ApiResult<Named> {
    match (identifier.kind.as_deref(), identifier.medium.as_deref()) {
        (Some("m.id.user") | None, _) => {
            Ok(named_by_id(server, identifier.user.as_deref().unwrap_or_default()))
        }
        (Some("m.id.thirdparty"), Some("email")) => {
            named_by_address(server, identifier.address.as_deref().unwrap_or_default()).await
        }
        _ => {
            let message = "People are known here by user id or e-mail address alone.";
            Err(ApiError::new(StatusCode::BAD_REQUEST, "M_UNKNOWN", message))
        }
    }
}

/// Whom a user id or a localpart names.
pub(crate) fn named_by_id(server: &Server, typed: &str) -> Named {
    local_user(server, typed).map_or_else(|| nobody(typed), Named::User)
}

/// Whose address it is, in its one form. The address of a deactivated account is still its own.
async fn named_by_address(server: &Server, typed: &str) -> ApiResult<Named> {
    // As the sign-in page does: people and keyboards put capitals and spaces.
    let typed = typed.trim().to_lowercase();
    let Ok(address) = EmailAddress::parse(&typed) else { return Ok(nobody(&typed)) };
    let person = server.store.person_by_email(address.as_str()).await?;
    Ok(person.map_or_else(|| nobody(address.as_str()), |person| Named::User(person.user_id)))
}

/// Counted by name as somebody is, so that the limit tells nobody who there is (F-24).
fn nobody(typed: &str) -> Named {
    Named::Nobody(format!("nobody, {typed:.255}"))
}

/// The user whom somebody typed: a user id of this server, or a localpart.
pub(crate) fn local_user(server: &Server, typed: &str) -> Option<UserId> {
    let typed = typed.trim().to_lowercase();
    if typed.starts_with('@') {
        let user_id = UserId::parse(&typed).ok()?;
        return (user_id.server_name() == server.server_name.as_str()).then_some(user_id);
    }
    UserId::from_localpart(&typed, &server.server_name).ok()
}

#[derive(Deserialize)]
struct LoginRequest {
    #[serde(rename = "type")]
    kind: String,
    identifier: Option<Identifier>,
    user: Option<String>,
    medium: Option<String>,
    address: Option<String>,
    password: Option<String>,
    token: Option<String>,
    device_id: Option<String>,
    initial_device_display_name: Option<String>,
    #[serde(default)]
    refresh_token: bool,
}

impl LoginRequest {
    /// The members beside `identifier` are how one said it before there was that.
    async fn named(&self, server: &Server) -> ApiResult<Named> {
        match (&self.identifier, &self.user, &self.medium) {
            (Some(identifier), ..) => named(server, identifier).await,
            (None, None, Some(medium)) => {
                let identifier = Identifier {
                    kind: Some("m.id.thirdparty".into()),
                    user: None,
                    medium: Some(medium.clone()),
                    address: self.address.clone(),
                };
                named(server, &identifier).await
            }
            (None, user, _) => Ok(named_by_id(server, user.as_deref().unwrap_or_default())),
        }
    }
}

/// `GET /_matrix/client/v3/login`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3login>
async fn flows(State(server): State<Shared>) -> Json<Value> {
    let mut flows = Vec::new();
    if server.config.login.password {
        flows.push(json!({ "type": "m.login.password" }));
    }
    if let Some(providers) = server.single_sign_on.get() {
        let providers: Vec<Value> =
            providers.iter().map(|(id, name)| json!({ "id": id, "name": name })).collect();
        // Client-Server API, "OAuth 2.0 aware clients", and its name before (MSC3824).
        flows.push(json!({
            "type": "m.login.sso",
            "identity_providers": providers,
            "oauth_aware_preferred": true,
            "org.matrix.msc3824.delegated_oidc_compatibility": true,
        }));
    }
    flows.push(json!({ "type": "m.login.token", "get_login_token": true }));
    if !server.appservices.all().is_empty() {
        flows.push(json!({ "type": "m.login.application_service" }));
    }
    Json(json!({ "flows": flows }))
}

/// `POST /_matrix/client/v3/login`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3login>
async fn login(
    State(server): State<Shared>,
    OptionalAppservice(appservice): OptionalAppservice,
    RemoteAddress(address): RemoteAddress,
    headers: HeaderMap,
    Json(request): Json<LoginRequest>,
) -> ApiResult<Json<Value>> {
    let account = match request.kind.as_str() {
        "m.login.password" if server.config.login.password => {
            by_password(&server, &request, address, known_cookie(&headers)).await?
        }
        "m.login.token" => {
            server.rate_limiter.check(
                Cost::Source,
                &format!("login from {address}"),
                server.now_ms(),
            )?;
            by_token(&server, &request).await?
        }
        "m.login.application_service" => {
            let refused = || ApiError::forbidden("There is no such application service or user.");
            let appservice = appservice.ok_or_else(refused)?;
            let Named::User(user_id) = request.named(&server).await? else {
                return Err(refused());
            };
            if !appservice.owns_user(&user_id) {
                return Err(exclusive());
            }
            server.store.account(&user_id).await?.ok_or_else(refused)?
        }
        _ => {
            let message = "This login type is not offered here.";
            return Err(ApiError::new(StatusCode::BAD_REQUEST, "M_UNKNOWN", message));
        }
    };
    let who = account.user_id.clone();
    let answer = start(&server, account, request).await?;
    account_log::note("logged_in", who.as_str(), &address.to_string());
    Ok(answer)
}

/// 400 `M_EXCLUSIVE`: the name belongs to an application service.
pub(super) fn exclusive() -> ApiError {
    let message = "This name belongs to an application service.";
    ApiError::new(StatusCode::BAD_REQUEST, "M_EXCLUSIVE", message)
}

/// Checks a password. Whether the account exists shows neither in the answer nor in its time
/// (F-24).
async fn by_password(
    server: &Server,
    request: &LoginRequest,
    network: IpAddr,
    known: Option<&str>,
) -> ApiResult<Account> {
    let refused = || ApiError::forbidden("The user name or the password is not right.");
    let Some(password) = &request.password else {
        return Err(ApiError::missing_param("`password` is missing."));
    };
    let named = request.named(server).await?;
    let (subject, now_ms) = (named.subject(), server.now_ms());
    let from = server.origin(subject, network, known).await?;
    server.begin_sign_in(network, &from)?;
    let guess = server.guesses.begin(subject, &from, now_ms)?;
    // Somebody is looked up for nobody, and counts for nothing, so that it takes as long.
    let (asked, exists) = match &named {
        Named::User(user_id) => (Some(user_id.clone()), true),
        Named::Nobody(_) => (UserId::from_localpart("nobody", &server.server_name).ok(), false),
    };
    let account = match asked {
        Some(user_id) => server.store.account(&user_id).await?,
        None => None,
    };
    let account = account.filter(|account| exists && !account.deactivated);
    let kept = account.as_ref().and_then(|account| account.password_hash.as_ref());
    if !server.weigh(guess, password, kept).await? {
        return Err(refused());
    }
    server.sign_in_was_right(network, &from);
    account.ok_or_else(refused)
}

async fn by_token(server: &Server, request: &LoginRequest) -> ApiResult<Account> {
    let refused = || ApiError::forbidden("The login token is not valid.");
    let token = request.token.as_deref();
    let token = token.ok_or_else(|| ApiError::missing_param("`token` is missing."))?;
    let user_id = auth::take_login_token(server, token).ok_or_else(refused)?;
    server.store.account(&user_id).await?.ok_or_else(refused)
}

async fn start(server: &Server, account: Account, request: LoginRequest) -> ApiResult<Json<Value>> {
    if account.locked {
        return Err(auth::locked());
    }
    let pair = IssuedPair::new(server, request.refresh_token);
    let device_id = request.device_id.as_deref();
    let login = new_login(server, device_id, request.initial_device_display_name, &pair)?;
    let device_id = login.device_id.clone();
    let mailbox = told_of(server, &account, &device_id).await?;
    let outcome = server.store.log_in(&account.user_id, login, server.now_ms()).await?;
    check_outcome(outcome)?;
    people::tell(server, mailbox.as_deref(), AccountNews::NewDevice).await;
    let mut body = Map::new();
    body.insert("user_id".into(), json!(account.user_id));
    body.insert("device_id".into(), json!(device_id));
    body.insert("home_server".into(), json!(server.server_name));
    pair.describe(&mut body);
    if let Some(base_url) = well_known::configured(server) {
        let well_known = json!({ "m.homeserver": { "base_url": base_url } });
        body.insert("well_known".into(), well_known);
    }
    Ok(Json(Value::Object(body)))
}

/// The mailbox to be told that a device is signed in. `None`: it is known already, the account is
/// being set up, or nobody is behind it.
async fn told_of(
    server: &Server,
    account: &Account,
    device_id: &DeviceId,
) -> ApiResult<Option<String>> {
    let since_ms = server.now_ms().saturating_sub((NEW_ACCOUNT_S * 1000).cast_signed());
    if account.created_ms > since_ms {
        return Ok(None);
    }
    let Some(mailbox) = people::mailbox(server, &account.user_id).await? else { return Ok(None) };
    let devices = server.store.devices(&account.user_id).await?;
    let is_known = devices.iter().any(|device| device.device_id == *device_id);
    Ok((!is_known).then_some(mailbox))
}

/// The Matrix error for a login that the store refused.
pub(super) fn check_outcome(outcome: LoginOutcome) -> ApiResult<()> {
    let refused = match outcome {
        LoginOutcome::LoggedIn => return Ok(()),
        LoginOutcome::NoAccount => "The account does not exist or is deactivated.",
        LoginOutcome::IsCrossSigningKey => "`device_id` is the account's cross-signing key.",
        LoginOutcome::IsDehydrated => "`device_id` is the account's dehydrated device.",
        LoginOutcome::TooManyDevices => "The account has as many devices as it may have.",
    };
    Err(ApiError::forbidden(refused))
}

/// `POST /_matrix/client/v1/login/get_token`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv1loginget_token>
async fn get_token(
    State(server): State<Shared>,
    requester: Requester,
    uri: http::Uri,
    OptionalJson(body): OptionalJson<Map<String, Value>>,
) -> ApiResult<Json<Value>> {
    let user_id = &requester.user_id;
    let flows = session::proof_flows(&server, &requester).await?;
    let request = UiaRequest {
        user_id: Some(user_id),
        who: &requester.session(),
        method: "POST",
        path: uri.path(),
        body: &body,
        device_id: requester.device_id(),
        purpose: Some(&Purpose::SignInDevice),
    };
    uia::authenticate(&server, request, flows).await?;
    let token = new_token(&server, "esl");
    server.auth.login_tokens.put(&token, user_id.clone(), server.now_ms())?;
    let expires_in_ms = server.auth.login_tokens.lifetime_ms();
    Ok(Json(json!({ "login_token": token, "expires_in_ms": expires_in_ms })))
}

#[cfg(test)]
mod tests;
