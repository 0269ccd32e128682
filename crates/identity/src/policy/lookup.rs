// SPDX-License-Identifier: Apache-2.0
//! Which server an address belongs to, for clients, and whether it may register, for servers.
//!
//! Both answer from the policy; the first never looks at accounts, so it says nothing about them
//! (Tchap's `/info`, without its habit of answering for what is no address).

use std::sync::Arc;

use axum::{Router, body::Body, extract::State, response::Response, routing::get};
use estafette_core::email_address::EmailAddress;
use estafette_store::ThirdPartyInviteStore as _;
use http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts};
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::{
    HostError, Identity,
    pages::{Query, Trouble},
};

pub(crate) fn routes() -> Router<Arc<Identity>> {
    Router::new()
        .route("/_estafette/identity/v1/lookup", get(lookup).fallback(only_get))
        .route("/_estafette/identity/v1/internal/lookup", get(internal_lookup).fallback(only_get))
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    address: String,
}

/// `GET /_estafette/identity/v1/lookup?address=`: the server that the address belongs to, where its
/// people sign up, the name of their organisation, and whether they are guests. 400
/// `M_INVALID_EMAIL` for what is no address, 404 where nobody is expected.
async fn lookup(
    State(identity): State<Arc<Identity>>,
    parts: Parts,
    asked: Result<Query<Asked>, Trouble>,
) -> Response {
    let source = identity.host.remote_address(&parts);
    if let Err(error) = identity.host.limit_source(&format!("lookup from {source}")) {
        return limited(&error);
    }
    let Ok(Query(asked)) = asked else { return not_understood() };
    let address = match EmailAddress::parse(&asked.address) {
        Ok(address) => address,
        Err(error) => return not_an_address(error),
    };
    let Some(organisation) = identity.policy.organisation_of(&address) else {
        return error(StatusCode::NOT_FOUND, "M_NOT_FOUND", "No server takes this address.".into());
    };
    let answer = json!({
        "homeserver": organisation.homeserver,
        "url": organisation.url,
        "organisation": organisation.name,
        "guest": organisation.guests,
    });
    answer_json(StatusCode::OK, &answer)
}

/// The same for servers, which say the shared secret: also whether the address needs an invitation
/// and whether one is pending, of a guest or to a room. Any error means: no.
///
/// 401 without the right secret, and where none is configured.
async fn internal_lookup(
    State(identity): State<Arc<Identity>>,
    headers: HeaderMap,
    asked: Result<Query<Asked>, Trouble>,
) -> Response {
    if !knows_secret(&identity, &headers) {
        let why = "The shared secret is missing or wrong.".into();
        return error(StatusCode::UNAUTHORIZED, "M_UNAUTHORIZED", why);
    }
    let Ok(Query(asked)) = asked else { return not_understood() };
    let address = match EmailAddress::parse(&asked.address) {
        Ok(address) => address,
        Err(error) => return not_an_address(error),
    };
    let Some(organisation) = identity.policy.organisation_of(&address) else {
        return error(StatusCode::NOT_FOUND, "M_NOT_FOUND", "No server takes this address.".into());
    };
    let now_ms = identity.host.now_ms();
    let invited = match identity.store.is_awaited(address.as_str(), now_ms).await {
        Ok(invited) => invited,
        Err(failed) => {
            tracing::error!(%failed, "cannot say whether somebody is invited");
            let why = "The invitations cannot be read.".into();
            return error(StatusCode::SERVICE_UNAVAILABLE, "M_UNKNOWN", why);
        }
    };
    let answer = json!({
        "homeserver": organisation.homeserver,
        "organisation": organisation.id,
        "requires_invite": organisation.guests,
        "invited": invited,
    });
    answer_json(StatusCode::OK, &answer)
}

/// `Authorization: Bearer` and the configured secret, compared in constant time.
fn knows_secret(identity: &Identity, headers: &HeaderMap) -> bool {
    let Some(secret) = &identity.internal_secret else { return false };
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let Some(given) = given.and_then(|value| value.strip_prefix("Bearer ")) else { return false };
    // Hashes of equal length: the secret's own length shows neither.
    Sha256::digest(given).ct_eq(&Sha256::digest(secret.as_bytes())).into()
}

/// Programs are answered in JSON, whatever is wrong.
fn not_understood() -> Response {
    let why = "The query is malformed, or a parameter is given twice.".into();
    error(StatusCode::BAD_REQUEST, "M_INVALID_PARAM", why)
}

async fn only_get() -> Response {
    let why = "Only GET is known here.".into();
    let mut answer = error(StatusCode::METHOD_NOT_ALLOWED, "M_UNRECOGNIZED", why);
    answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
    answer
}

fn not_an_address(why: estafette_core::email_address::EmailAddressError) -> Response {
    let why = format!("This is no e-mail address: {why}.");
    error(StatusCode::BAD_REQUEST, "M_INVALID_EMAIL", why)
}

fn limited(error: &HostError) -> Response {
    let HostError::Limited { retry_after_ms } = error else {
        return self::error(StatusCode::SERVICE_UNAVAILABLE, "M_UNKNOWN", error.to_string());
    };
    let body = json!({
        "errcode": "M_LIMIT_EXCEEDED",
        "error": "Too many look-ups.",
        "retry_after_ms": retry_after_ms,
    });
    let mut response = answer_json(StatusCode::TOO_MANY_REQUESTS, &body);
    response.headers_mut().insert(header::RETRY_AFTER, retry_after_ms.div_ceil(1000).into());
    response
}

fn error(status: StatusCode, errcode: &str, why: String) -> Response {
    answer_json(status, &json!({ "errcode": errcode, "error": why }))
}

fn answer_json(status: StatusCode, body: &serde_json::Value) -> Response {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
