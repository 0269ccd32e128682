// SPDX-License-Identifier: Apache-2.0
//! Answers of the OAuth 2.0 endpoints: JSON that nobody keeps.

use std::borrow::Cow;

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use estafette_core::limits::OAUTH_LOCKED_RETRY_S;
use estafette_store::StoreError;
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};

use crate::HostError;

/// Why a request was refused (RFC 6749, section 5.2): a code for programs and a sentence for
/// whoever writes them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {description}")]
pub(crate) struct OauthError {
    status: StatusCode,
    code: &'static str,
    description: Cow<'static, str>,
    retry_after_s: Option<u64>,
    /// Whether the client tried to prove itself in a header, and so is told how it could.
    challenges: bool,
}

impl OauthError {
    /// 400 with a code of the RFCs.
    pub(crate) fn new(code: &'static str, description: impl Into<Cow<'static, str>>) -> Self {
        let description = description.into();
        let status = StatusCode::BAD_REQUEST;
        Self { status, code, description, retry_after_s: None, challenges: false }
    }

    /// A parameter is missing, given twice, or makes no sense.
    pub(crate) fn invalid_request(description: impl Into<Cow<'static, str>>) -> Self {
        Self::new("invalid_request", description)
    }

    /// 405 (RFC 9110, section 15.5.6).
    pub(crate) fn wrong_method() -> Self {
        let error = Self::invalid_request("This endpoint does not take that method.");
        Self { status: StatusCode::METHOD_NOT_ALLOWED, ..error }
    }

    /// RFC 6749, section 3.1.
    pub(crate) fn given_twice() -> Self {
        Self::invalid_request("A parameter is given twice.")
    }

    /// 401: clients are public, so they prove themselves by nothing (RFC 6749, section 5.2).
    pub(crate) fn no_authentication() -> Self {
        let error = Self::new("invalid_client", "Clients have nothing to authenticate with.");
        Self { status: StatusCode::UNAUTHORIZED, challenges: true, ..error }
    }

    /// 401: there is no such client.
    pub(crate) fn unknown_client() -> Self {
        let error = Self::new("invalid_client", "This client is not registered.");
        Self { status: StatusCode::UNAUTHORIZED, ..error }
    }

    /// 503: it may work in a moment.
    pub(crate) fn busy() -> Self {
        let error = Self::new("temporarily_unavailable", "The server is busy: try again.");
        Self { status: StatusCode::SERVICE_UNAVAILABLE, retry_after_s: Some(1), ..error }
    }

    /// 503: the account is locked. Not 4xx: a client would throw its session and keys away, which
    /// are there again when the lock is lifted (Client-Server API, "Refresh token grant", "Account
    /// locking").
    pub(crate) fn locked() -> Self {
        let error = Self::new("temporarily_unavailable", "The account is locked.");
        let retry_after_s = Some(OAUTH_LOCKED_RETRY_S);
        Self { status: StatusCode::SERVICE_UNAVAILABLE, retry_after_s, ..error }
    }

    /// 500, with the cause in the log alone.
    pub(crate) fn internal(cause: impl std::fmt::Display) -> Self {
        tracing::error!(%cause, "an OAuth 2.0 request failed");
        let error = Self::new("server_error", "Something is broken on this server.");
        Self { status: StatusCode::INTERNAL_SERVER_ERROR, ..error }
    }

    /// The HTTP status.
    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    /// The code.
    pub(crate) fn code(&self) -> &'static str {
        self.code
    }

    /// The sentence.
    pub(crate) fn description(&self) -> &str {
        &self.description
    }
}

impl From<StoreError> for OauthError {
    fn from(error: StoreError) -> Self {
        if error.is_transient() { Self::busy() } else { Self::internal(error) }
    }
}

impl From<HostError> for OauthError {
    fn from(error: HostError) -> Self {
        match error {
            HostError::Limited { retry_after_ms } => Self {
                status: StatusCode::TOO_MANY_REQUESTS,
                code: "temporarily_unavailable",
                description: "Too many requests: wait a little.".into(),
                retry_after_s: Some(retry_after_ms.div_ceil(1000)),
                challenges: false,
            },
            HostError::Overloaded => Self::busy(),
            error => Self::internal(error),
        }
    }
}

impl IntoResponse for OauthError {
    fn into_response(self) -> Response {
        let body = json!({ "error": self.code, "error_description": self.description });
        let mut response = secret_json(self.status, &body);
        if let Some(wait_s) = self.retry_after_s {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait_s));
        }
        if self.challenges {
            let scheme = HeaderValue::from_static("Basic realm=\"clients\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
        }
        response
    }
}

/// JSON that must not be kept by anybody on the way (RFC 6749, section 5.1).
pub(crate) fn secret_json(status: StatusCode, body: &Value) -> Response {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    response
}
