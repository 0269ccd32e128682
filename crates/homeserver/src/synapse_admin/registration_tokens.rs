// SPDX-License-Identifier: Apache-2.0
//! Invitations to register.
//!
//! <https://element-hq.github.io/synapse/latest/usage/administration/admin_api/registration_tokens.html>

use axum::{
    Router,
    extract::State,
    response::Response,
    routing::{get, post},
};
use estafette_core::limits::REGISTRATION_TOKEN_BYTES_MAX;
use estafette_store::{AccountStore as _, accounts::RegistrationToken, people::AdminAct};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use crate::{
    ApiError, ApiResult, Shared,
    administration::administer_as,
    auth::Requester,
    clock::random_word,
    http::{Json, OptionalJson, Path, Query, empty_object},
};

/// Bytes of chance in an invitation that nobody worded.
const TOKEN_BYTES: usize = 12;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/_synapse/admin/v1/registration_tokens", get(list))
        .route("/_synapse/admin/v1/registration_tokens/new", post(new))
        .route(
            "/_synapse/admin/v1/registration_tokens/{token}",
            get(one).put(update).delete(delete),
        )
}

fn describe(token: &RegistrationToken) -> Value {
    json!({
        "token": token.token,
        "uses_allowed": token.uses_allowed,
        "pending": 0,
        "completed": token.used,
        "expiry_time": token.expires_ms,
    })
}

#[derive(Deserialize)]
struct ListQuery {
    valid: Option<bool>,
}

/// `GET /_synapse/admin/v1/registration_tokens`
async fn list(
    State(server): State<Shared>,
    requester: Requester,
    Query(query): Query<ListQuery>,
) -> ApiResult<Json<Value>> {
    requester.check_administers()?;
    let now_ms = server.now_ms();
    let tokens = server.store.registration_tokens().await?;
    let wanted = tokens
        .iter()
        .filter(|token| query.valid.is_none_or(|valid| valid == token.is_valid(now_ms)));
    let tokens: Vec<Value> = wanted.map(describe).collect();
    Ok(Json(json!({ "registration_tokens": tokens })))
}

fn unknown() -> ApiError {
    ApiError::not_found("There is no such registration token.")
}

/// `GET /_synapse/admin/v1/registration_tokens/{token}`
async fn one(
    State(server): State<Shared>,
    requester: Requester,
    Path(token): Path<String>,
) -> ApiResult<Json<Value>> {
    requester.check_administers()?;
    let token = server.store.registration_token(&token).await?.ok_or_else(unknown)?;
    Ok(Json(describe(&token)))
}

#[derive(Default, Deserialize)]
struct NewToken {
    token: Option<String>,
    uses_allowed: Option<u64>,
    expiry_time: Option<i64>,
}

/// `POST /_synapse/admin/v1/registration_tokens/new`
async fn new(
    State(server): State<Shared>,
    requester: Requester,
    OptionalJson(request): OptionalJson<NewToken>,
) -> ApiResult<Json<Value>> {
    requester.check_administers()?;
    let token = request.token.unwrap_or_else(|| random_word(&*server.random, TOKEN_BYTES));
    let allowed =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'~' | b'-');
    if token.is_empty() || token.len() > REGISTRATION_TOKEN_BYTES_MAX || !token.bytes().all(allowed)
    {
        return Err(ApiError::invalid_param(
            "`token` must have 1 to 64 of the characters A-Z a-z 0-9 . _ ~ -",
        ));
    }
    if server.store.registration_token(&token).await?.is_some() {
        return Err(ApiError::invalid_param("There is such a token already."));
    }
    let (uses_allowed, expires_ms) = (request.uses_allowed, request.expiry_time);
    let token = RegistrationToken { token, uses_allowed, used: 0, expires_ms };
    let act = AdminAct::PutRegistrationToken(token.clone());
    administer_as(&server, &requester, None, vec![act]).await?;
    Ok(Json(describe(&token)))
}

/// What is absent stays; what is `null` goes.
#[derive(Deserialize)]
struct TokenUpdate {
    #[serde(default, deserialize_with = "given")]
    uses_allowed: Option<Option<u64>>,
    #[serde(default, deserialize_with = "given")]
    expiry_time: Option<Option<i64>>,
}

fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

/// `PUT /_synapse/admin/v1/registration_tokens/{token}`
async fn update(
    State(server): State<Shared>,
    requester: Requester,
    Path(token): Path<String>,
    Json(update): Json<TokenUpdate>,
) -> ApiResult<Json<Value>> {
    requester.check_administers()?;
    let mut token = server.store.registration_token(&token).await?.ok_or_else(unknown)?;
    token.uses_allowed = update.uses_allowed.unwrap_or(token.uses_allowed);
    token.expires_ms = update.expiry_time.unwrap_or(token.expires_ms);
    let act = AdminAct::PutRegistrationToken(token.clone());
    administer_as(&server, &requester, None, vec![act]).await?;
    Ok(Json(describe(&token)))
}

/// `DELETE /_synapse/admin/v1/registration_tokens/{token}`
async fn delete(
    State(server): State<Shared>,
    requester: Requester,
    Path(token): Path<String>,
) -> ApiResult<Response> {
    requester.check_administers()?;
    administer_as(&server, &requester, None, vec![AdminAct::DeleteRegistrationToken(token)])
        .await?;
    Ok(empty_object())
}
