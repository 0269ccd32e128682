// SPDX-License-Identifier: Apache-2.0
//! Logging out (Client-Server API, "Token revocation"; RFC 7009).

use std::sync::Arc;

use axum::{extract::State, response::Response};
use estafette_store::{OauthStore as _, accounts::TokenHash};
use http::StatusCode;
use serde_json::json;

use super::{
    answer::{OauthError, secret_json},
    params::Form,
};
use crate::Identity;

/// `POST /oauth2/revoke`
///
/// Deletes the device that the token lets in, whoever brings it: it may be somebody who found it.
/// 200 also for a token that lets nobody in.
pub(super) async fn revoke(
    State(identity): State<Arc<Identity>>,
    Form { params, .. }: Form,
) -> Result<Response, OauthError> {
    let token = TokenHash::of(params.require("token")?);
    if let Some((user_id, device_id)) = identity.store.revoke_token(&token).await? {
        tracing::debug!(%user_id, %device_id, "a device was logged out");
    }
    Ok(secret_json(StatusCode::OK, &json!({})))
}
