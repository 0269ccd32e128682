// SPDX-License-Identifier: Apache-2.0
//! Client-Server API, "Well-known URIs": where clients find this server.

use axum::{
    Router,
    extract::{FromRequestParts, State},
    routing::get,
};
use http::{header, request::Parts, uri::Authority};
use serde_json::{Map, Value, json};

use crate::{ApiError, ApiResult, Server, Shared, http::Json};

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/.well-known/matrix/client", get(client))
        .route("/.well-known/matrix/support", get(support))
        .route("/.well-known/matrix/policy_server", get(policy_server))
}

/// `GET /.well-known/matrix/client`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#getwell-knownmatrixclient>
async fn client(State(server): State<Shared>, Base(base_url): Base) -> ApiResult<Json<Value>> {
    let base_url = base_url.or_else(|| configured(&server));
    let base_url = base_url.ok_or_else(no_such_file)?;
    let mut file = json!({ "m.homeserver": { "base_url": base_url } });
    let transports = &server.config.calls.rtc_transports;
    if let (false, Some(members)) = (transports.is_empty(), file.as_object_mut()) {
        // Where clients looked before there was an endpoint for it (MSC4143).
        members.insert("org.matrix.msc4143.rtc_foci".into(), json!(transports));
    }
    Ok(Json(file))
}

fn no_such_file() -> ApiError {
    ApiError::not_found("There is no such file here.")
}

/// `GET /.well-known/matrix/support`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#getwell-knownmatrixsupport>
async fn support(State(server): State<Shared>) -> ApiResult<Json<Value>> {
    let config = &server.config.well_known;
    let mut file = Map::new();
    if !config.support_contacts.is_empty() {
        file.insert("contacts".into(), json!(config.support_contacts));
    }
    if !config.support_page.is_empty() {
        file.insert("support_page".into(), json!(config.support_page));
    }
    if file.is_empty() { Err(no_such_file()) } else { Ok(Json(Value::Object(file))) }
}

/// `GET /.well-known/matrix/policy_server`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#getwell-knownmatrixpolicy_server>
async fn policy_server(State(server): State<Shared>) -> ApiResult<Json<Value>> {
    let key = server.config.well_known.policy_server_ed25519.as_str();
    if key.is_empty() {
        return Err(no_such_file());
    }
    Ok(Json(json!({ "public_keys": { "ed25519": key } })))
}

/// The base URL that the operator gave, without a slash at its end.
pub(super) fn configured(server: &Server) -> Option<String> {
    let base_url = server.config.public_base_url.trim_end_matches('/');
    (!base_url.is_empty()).then(|| base_url.to_owned())
}

/// The URL by which the client reached this server, where the operator gave none. A `Host` that is
/// no host name is not repeated.
pub(super) struct Base(pub(super) Option<String>);

impl FromRequestParts<Shared> for Base {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, server: &Shared) -> Result<Self, ApiError> {
        if let Some(configured) = configured(server) {
            return Ok(Self(Some(configured)));
        }
        let host = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let host = host.or(parts.uri.host()).and_then(|host| host.parse::<Authority>().ok());
        let proxied = server.config.listener.behind_proxy;
        let encrypted = proxied || !server.config.listener.tls_certificate.as_os_str().is_empty();
        let scheme = if encrypted { "https" } else { "http" };
        Ok(Self(
            host.filter(|host| !host.as_str().contains('@'))
                .map(|host| format!("{scheme}://{host}")),
        ))
    }
}

#[cfg(test)]
mod tests;
