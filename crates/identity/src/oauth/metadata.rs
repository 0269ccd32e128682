// SPDX-License-Identifier: Apache-2.0
//! What clients find out first: where the endpoints are and what they can do.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use estafette_store::oauth::ADMINISTRATION_SCOPE;
use http::{StatusCode, request::Parts};
use serde_json::{Value, json};

use super::{
    answer::{OauthError, secret_json},
    base_url::base_url,
    client_metadata::{AUTHORIZATION_CODE, DEVICE_CODE, REFRESH_TOKEN},
    scope,
};
use crate::Identity;

/// What the account pages can be asked for: Client-Server API, "Account management URL actions",
/// and the names of MSC4191 before they became stable.
pub(crate) const ACCOUNT_ACTIONS: &[&str] = &[
    "org.matrix.profile",
    "org.matrix.devices_list",
    "org.matrix.device_view",
    "org.matrix.device_delete",
    "org.matrix.account_deactivate",
    "org.matrix.cross_signing_reset",
    "org.matrix.sessions_list",
    "org.matrix.session_view",
    "org.matrix.session_end",
];

/// `GET /_matrix/client/v1/auth_metadata`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1auth_metadata>; RFC 8414.
pub(super) async fn show(
    State(identity): State<Arc<Identity>>,
    parts: Parts,
) -> Result<Response, OauthError> {
    let base_url = base_url(&identity, &parts)
        .ok_or_else(|| OauthError::invalid_request("The request names no host."))?;
    // What a host header says must not be kept for others.
    Ok(secret_json(StatusCode::OK, &describe(&base_url, identity.offers_sign_up())))
}

fn describe(base_url: &str, offers_sign_up: bool) -> Value {
    let mut metadata = json!({
        "issuer": issuer(base_url),
        "authorization_endpoint": format!("{base_url}/oauth2/authorize"),
        "token_endpoint": format!("{base_url}/oauth2/token"),
        "revocation_endpoint": format!("{base_url}/oauth2/revoke"),
        "registration_endpoint": format!("{base_url}/oauth2/register"),
        "device_authorization_endpoint": format!("{base_url}/oauth2/device"),
        "account_management_uri": format!("{base_url}/_estafette/account"),
        "account_management_actions_supported": ACCOUNT_ACTIONS,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query", "fragment"],
        "grant_types_supported": [AUTHORIZATION_CODE, REFRESH_TOKEN, DEVICE_CODE],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["none"],
        "revocation_endpoint_auth_methods_supported": ["none"],
        "scopes_supported": ([scope::API_NAMES, &[ADMINISTRATION_SCOPE]].concat()),
        "authorization_response_iss_parameter_supported": true,
    });
    // RFC 8414, section 3.2: what would be empty is left out.
    if let Some(members) = metadata.as_object_mut().filter(|_| offers_sign_up) {
        members.insert("prompt_values_supported".into(), json!(["create"]));
    }
    metadata
}

/// The issuer identifier, also in authorisation responses (RFC 9207).
pub(super) fn issuer(base_url: &str) -> String {
    format!("{base_url}/")
}
