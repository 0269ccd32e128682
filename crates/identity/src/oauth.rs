// SPDX-License-Identifier: Apache-2.0
//! The OAuth 2.0 authorisation server of the Matrix specification (Client-Server API, "OAuth 2.0
//! API"; RFC 6749, 7009, 7591, 7636, 8414, 8628, 9207, 9700).
//!
//! A client registers, sends a browser to [`authorize`], where somebody signs in and consents, and
//! exchanges the code it gets for tokens. The tokens are those of a device, kept and looked up as
//! those of the legacy API, so whatever ends a device ends them too.

mod answer;
mod authorize;
pub(crate) mod base_url;
mod client_metadata;
mod consent;
mod device_grant;
mod device_page;
mod metadata;
mod params;
pub(crate) mod redirect;
mod registration;
mod revocation;
mod scope;
mod token;

use std::sync::Arc;

use axum::{
    Router,
    routing::{get, post},
};
use estafette_store::oauth::OauthClient;

use self::client_metadata::ClientMetadata;
#[cfg(test)]
pub(crate) use self::metadata::ACCOUNT_ACTIONS;
pub(crate) use self::{
    answer::{OauthError, secret_json},
    consent::back_to_client,
    params::Form,
    token::secret,
};
use crate::Identity;

/// All endpoints of the OAuth 2.0 API.
pub(crate) fn routes() -> Router<Arc<Identity>> {
    Router::new()
        .route("/_matrix/client/v1/auth_metadata", get(metadata::show))
        .route("/_matrix/client/unstable/org.matrix.msc2965/auth_metadata", get(metadata::show))
        .route("/.well-known/oauth-authorization-server", get(metadata::show))
        .route("/oauth2/register", post(registration::register))
        .route("/oauth2/token", post(token::token))
        .route("/oauth2/revoke", post(revocation::revoke))
        .route("/oauth2/device", post(device_grant::start))
}

/// The pages where somebody consents.
pub(crate) fn pages() -> Router<Arc<Identity>> {
    Router::new()
        .route("/oauth2/authorize", get(authorize::authorize))
        .merge(consent::routes())
        .merge(device_page::routes())
}

/// What a client calls itself.
pub(crate) fn client_name(client: &OauthClient, language: &str) -> Option<String> {
    let metadata = ClientMetadata::from_json(&client.metadata).ok()?;
    Some(metadata.name(language).to_owned())
}

#[cfg(test)]
mod tests;
