// SPDX-License-Identifier: Apache-2.0
//! Client-Server API, "Account registration" (legacy API).

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    routing::{get, post},
};
use estafette_core::{ids::UserId, limits::REGISTRATION_TOKEN_BYTES_MAX};
use estafette_store::{
    AccountStore as _,
    accounts::{CreateOutcome, NewAccount, NewLogin},
};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    login::{check_outcome, exclusive},
    v3,
};
use crate::{
    ApiError, ApiResult, Server, Shared, account_log,
    appservice::Registration,
    auth::{
        OptionalAppservice,
        password::check_new,
        tokens::{IssuedPair, new_login},
        uia::{self, Proven, Stage, UiaRequest},
    },
    clock::random_letters,
    http::{Json, Query, RemoteAddress},
    rate_limit::Cost,
};

/// How long a localpart is that nobody chose.
const LOCALPART_LEN: usize = 12;
const LOCALPART_LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyz234567";

pub(super) fn routes() -> Router<Shared> {
    let router = v3(Router::new(), "/register", post(register));
    let router = v3(router, "/register/available", get(available));
    let router = v3(router, "/register/email/requestToken", post(no_third_party));
    v3(router, "/register/msisdn/requestToken", post(no_third_party)).route(
        "/_matrix/client/v1/register/m.login.registration_token/validity",
        get(token_validity),
    )
}

#[derive(Deserialize)]
struct RegisterRequest {
    #[serde(rename = "type")]
    kind: Option<String>,
    username: Option<String>,
    password: Option<String>,
    device_id: Option<String>,
    initial_device_display_name: Option<String>,
    #[serde(default)]
    inhibit_login: bool,
    #[serde(default)]
    refresh_token: bool,
}

#[derive(Deserialize)]
struct RegisterQuery {
    kind: Option<String>,
}

/// `POST /_matrix/client/v3/register`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3register>
async fn register(
    State(server): State<Shared>,
    OptionalAppservice(appservice): OptionalAppservice,
    RemoteAddress(address): RemoteAddress,
    Query(query): Query<RegisterQuery>,
    uri: http::Uri,
    Json(body): Json<Map<String, Value>>,
) -> ApiResult<Json<Value>> {
    match query.kind.as_deref() {
        None | Some("user") => {}
        Some("guest") => return Err(ApiError::forbidden("There are no guest accounts here.")),
        Some(_) => return Err(ApiError::invalid_param("`kind` is neither `user` nor `guest`.")),
    }
    let body = uia::with_remembered(&server, body);
    let request = RegisterRequest::deserialize(&body)
        .map_err(|error| ApiError::bad_json(format!("The body has the wrong shape: {error}.")))?;
    if request.kind.as_deref() == Some("m.login.application_service") {
        let refused = || ApiError::forbidden("There is no such application service.");
        return register_appservice(&server, appservice.ok_or_else(refused)?, request).await;
    }
    let who = format!("register from {address}");
    server.rate_limiter.check(Cost::Source, &who, server.now_ms())?;
    let uia = UiaRequest {
        user_id: None,
        who: &who,
        method: "POST",
        path: uri.path(),
        body: &body,
        device_id: None,
        purpose: None,
    };
    if let Some(user_id) = uia::registered(&server, &uia) {
        return log_in(&server, user_id, request).await;
    }
    let flows = flows(&server).await?;
    let user_id = request.username.as_deref().map(|name| user_id(&server, name)).transpose()?;
    if let Some(user_id) = &user_id {
        check_free(&server, user_id, None).await?;
    }
    if let Some(password) = &request.password {
        check_new(password, server.config.login.password_length_min)?;
    } else if body.contains_key("auth") {
        return Err(ApiError::missing_param("`password` is missing."));
    }
    let proven = uia::authenticate(&server, uia, flows).await?;
    let user_id = match user_id {
        Some(user_id) => user_id,
        None => free_user_id(&server).await?,
    };
    let answer = create(&server, user_id.clone(), request, None, proven).await?;
    account_log::note("registered", user_id.as_str(), &address.to_string());
    uia::remember_registered(&server, &uia, user_id)?;
    Ok(answer)
}

/// Answers a registration that was made before, as if for the first time.
async fn log_in(
    server: &Server,
    user_id: UserId,
    request: RegisterRequest,
) -> ApiResult<Json<Value>> {
    let account = server.store.account(&user_id).await?;
    if account.is_none_or(|account| account.locked) {
        return Err(in_use());
    }
    let (body, login) = answer(server, &user_id, request)?;
    if let Some(login) = login {
        check_outcome(server.store.log_in(&user_id, login, server.now_ms()).await?)?;
    }
    Ok(Json(Value::Object(body)))
}

/// What a registration is answered with, and the session that goes with it.
fn answer(
    server: &Server,
    user_id: &UserId,
    request: RegisterRequest,
) -> ApiResult<(Map<String, Value>, Option<NewLogin>)> {
    let pair = IssuedPair::new(server, request.refresh_token);
    let device_id = request.device_id.as_deref();
    let login = new_login(server, device_id, request.initial_device_display_name, &pair)?;
    let login = (!request.inhibit_login).then_some(login);
    let mut body = Map::new();
    body.insert("user_id".into(), json!(user_id));
    body.insert("home_server".into(), json!(server.server_name));
    if let Some(login) = &login {
        body.insert("device_id".into(), json!(login.device_id));
        pair.describe(&mut body);
    }
    Ok((body, login))
}

/// What must be proven to register; 403 where nobody may.
async fn flows(server: &Server) -> ApiResult<&'static [&'static [Stage]]> {
    if server.config.registration.open {
        return Ok(&[&[Stage::Dummy]]);
    }
    if by_token(server).await? {
        return Ok(&[&[Stage::RegistrationToken]]);
    }
    Err(ApiError::forbidden("Registration is not open on this server."))
}

/// Whether invitations are in use.
async fn by_token(server: &Server) -> ApiResult<bool> {
    let configured = !server.config.registration.token.is_empty();
    Ok(configured || !server.store.registration_tokens().await?.is_empty())
}

/// Application Service API, "Server admin style permissions".
async fn register_appservice(
    server: &Server,
    appservice: Arc<Registration>,
    request: RegisterRequest,
) -> ApiResult<Json<Value>> {
    let name = request.username.as_deref();
    let name = name.ok_or_else(|| ApiError::missing_param("`username` is missing."))?;
    let user_id = user_id(server, name)?;
    if !appservice.owns_user(&user_id) {
        return Err(exclusive());
    }
    check_free(server, &user_id, Some(&appservice)).await?;
    let request = RegisterRequest { password: None, ..request };
    create(server, user_id, request, Some(appservice.id.clone()), Proven::default()).await
}

async fn create(
    server: &Server,
    user_id: UserId,
    request: RegisterRequest,
    appservice_id: Option<String>,
    proven: Proven,
) -> ApiResult<Json<Value>> {
    let password_hash = match &request.password {
        Some(password) => Some(server.auth.passwords.hash(&*server.random, password).await?),
        None => None,
    };
    let (body, login) = answer(server, &user_id, request)?;
    let outcome = server
        .store
        .create_account(NewAccount {
            displayname: Some(user_id.localpart().to_owned()),
            user_id,
            password_hash,
            appservice_id,
            is_admin: false,
            registration_token: proven.registration_token,
            login,
            now_ms: server.now_ms(),
        })
        .await?;
    check_created(outcome)?;
    Ok(Json(Value::Object(body)))
}

/// The Matrix error for an account that the store did not make.
pub(crate) fn check_created(outcome: CreateOutcome) -> ApiResult<()> {
    match outcome {
        CreateOutcome::Created => Ok(()),
        CreateOutcome::Taken => Err(in_use()),
        CreateOutcome::TokenInvalid => {
            Err(ApiError::forbidden("The registration token is no longer valid."))
        }
    }
}

fn in_use() -> ApiError {
    let message = "This user name is taken.";
    ApiError::new(StatusCode::BAD_REQUEST, "M_USER_IN_USE", message)
}

/// The user id for a wanted name: a localpart, in whatever case, or a whole id of this server.
pub(crate) fn user_id(server: &Server, username: &str) -> ApiResult<UserId> {
    let suffix = format!(":{}", server.server_name);
    let localpart = username.strip_prefix('@').and_then(|id| id.strip_suffix(&suffix));
    let localpart = localpart.unwrap_or(username).to_ascii_lowercase();
    UserId::from_localpart(&localpart, &server.server_name).map_err(|error| {
        let message = format!(
            "The user name is not possible: {error}. Letters from a to z, digits and ._=-/+ are."
        );
        ApiError::new(StatusCode::BAD_REQUEST, "M_INVALID_USERNAME", message)
    })
}

/// Refuses a name that is taken or belongs to an application service other than `but`.
pub(crate) async fn check_free(
    server: &Server,
    user_id: &UserId,
    but: Option<&Registration>,
) -> ApiResult<()> {
    if server.appservices.claims_user(user_id, but) {
        return Err(exclusive());
    }
    if server.store.account(user_id).await?.is_some() { Err(in_use()) } else { Ok(()) }
}

async fn free_user_id(server: &Server) -> ApiResult<UserId> {
    // 60 bits of chance: twice the same would be a miracle, a third time a broken generator.
    for _ in 0..3 {
        let localpart = random_letters(&*server.random, LOCALPART_LETTERS, LOCALPART_LEN);
        let user_id = user_id(server, &localpart)?;
        if check_free(server, &user_id, None).await.is_ok() {
            return Ok(user_id);
        }
    }
    Err(ApiError::overloaded())
}

#[derive(Deserialize)]
struct AvailableQuery {
    username: String,
}

/// `GET /_matrix/client/v3/register/available`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3registeravailable>
async fn available(
    State(server): State<Shared>,
    RemoteAddress(address): RemoteAddress,
    Query(query): Query<AvailableQuery>,
) -> ApiResult<Json<Value>> {
    server.rate_limiter.check(Cost::Login, &format!("register from {address}"), server.now_ms())?;
    // Where nobody may register nobody need know who has.
    flows(&server).await?;
    check_free(&server, &user_id(&server, &query.username)?, None).await?;
    Ok(Json(json!({ "available": true })))
}

#[derive(Deserialize)]
struct ValidityQuery {
    token: String,
}

/// `GET /_matrix/client/v1/register/m.login.registration_token/validity`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1registermloginregistration_tokenvalidity>
async fn token_validity(
    State(server): State<Shared>,
    RemoteAddress(address): RemoteAddress,
    Query(query): Query<ValidityQuery>,
) -> ApiResult<Json<Value>> {
    server.rate_limiter.check(Cost::Login, &format!("register from {address}"), server.now_ms())?;
    if !by_token(&server).await? {
        return Err(ApiError::forbidden("Registration by token is not open on this server."));
    }
    let known = query.token.len() <= REGISTRATION_TOKEN_BYTES_MAX
        && uia::check_registration_token(&server, &query.token).await?.is_some();
    Ok(Json(json!({ "valid": known })))
}

/// `POST …/register/email/requestToken` and `…/msisdn/requestToken`: no third-party identifiers are
/// validated by this API.
async fn no_third_party() -> ApiError {
    let message = "Registering with an e-mail address or phone number is not offered here.";
    ApiError::new(StatusCode::BAD_REQUEST, "M_THREEPID_MEDIUM_NOT_SUPPORTED", message)
}

#[cfg(test)]
mod tests;
