// SPDX-License-Identifier: Apache-2.0
//! Client-Server API, "Well-known URIs": where clients find this server.

use axum::{
    Router,
    extract::{FromRequestParts, State},
    routing::get,
};
use http::{header, request::Parts, uri::Authority};
use serde_json::{Value, json};

use crate::{ApiError, ApiResult, Server, Shared, http::Json};

pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/.well-known/matrix/client", get(client))
}

/// `GET /.well-known/matrix/client`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#getwell-knownmatrixclient>
async fn client(State(server): State<Shared>, Base(base_url): Base) -> ApiResult<Json<Value>> {
    let base_url = base_url.or_else(|| configured(&server));
    let base_url = base_url.ok_or_else(|| ApiError::not_found("There is no such file here."))?;
    Ok(Json(json!({ "m.homeserver": { "base_url": base_url } })))
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
