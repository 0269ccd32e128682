// SPDX-License-Identifier: Apache-2.0
//! Client-Server API, "OpenID", and the one request by which others check its tokens
//! (Server-Server API, "OpenID").

use axum::{
    Router,
    extract::State,
    routing::{get, post},
};
use estafette_core::ids::UserId;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::v3;
use crate::{
    ApiError, ApiResult, Shared,
    auth::{OPENID_TOKEN_S, Requester, tokens::new_token},
    http::{Json, OptionalJson, Path, Query},
    rate_limit::Cost,
};

pub(super) fn routes() -> Router<Shared> {
    v3(Router::new(), "/user/{user_id}/openid/request_token", post(request_token))
        .route("/_matrix/federation/v1/openid/userinfo", get(userinfo))
}

/// `POST /_matrix/client/v3/user/{userId}/openid/request_token`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3useruseridopenidrequest_token>
async fn request_token(
    State(server): State<Shared>,
    requester: Requester,
    Path(user_id): Path<String>,
    OptionalJson(_): OptionalJson<Map<String, Value>>,
) -> ApiResult<Json<Value>> {
    let user_id = UserId::parse(&user_id)
        .map_err(|error| ApiError::invalid_param(format!("The user id is wrong: {error}.")))?;
    requester.check_self(&user_id)?;
    requester.check_rate(&server.rate_limiter, Cost::Write, server.now_ms())?;
    let token = new_token(&server, "eso");
    server.auth.openid_tokens.put(&token, user_id, server.now_ms())?;
    Ok(Json(json!({
        "access_token": token,
        "token_type": "Bearer",
        "matrix_server_name": server.server_name,
        "expires_in": OPENID_TOKEN_S,
    })))
}

#[derive(Deserialize)]
struct UserinfoQuery {
    access_token: Option<String>,
}

/// `GET /_matrix/federation/v1/openid/userinfo`
///
/// <https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1openiduserinfo>
async fn userinfo(
    State(server): State<Shared>,
    Query(query): Query<UserinfoQuery>,
) -> ApiResult<Json<Value>> {
    let token = query.access_token.ok_or_else(ApiError::missing_token)?;
    let user_id =
        server.auth.openid_tokens.with(&token, server.now_ms(), |user_id| user_id.clone());
    Ok(Json(json!({ "sub": user_id.ok_or_else(ApiError::unknown_token)? })))
}

#[cfg(test)]
mod tests;
