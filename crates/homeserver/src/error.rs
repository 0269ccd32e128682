// SPDX-License-Identifier: Apache-2.0
//! The error a client sees: status, `errcode`, one clear sentence; the cause goes to the log.
//!
//! Client-Server API, "Standard error response". Every layer's errors become an [`ApiError`] here
//! and nowhere else.

use std::borrow::Cow;

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use estafette_store::StoreError;
use http::{HeaderValue, StatusCode, header};
use serde_json::{Map, Value, json};

/// What a handler returns.
pub type ApiResult<T> = Result<T, ApiError>;

/// An answer that is not a success.
#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    errcode: &'static str,
    message: Cow<'static, str>,
    /// Further members of the body (`soft_logout`, `retry_after_ms`, UIA, …). Boxed: it is rare.
    extra: Option<Box<Map<String, Value>>>,
}

impl ApiError {
    /// An error with any status and code.
    pub fn new(
        status: StatusCode,
        errcode: &'static str,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { status, errcode, message: message.into(), extra: None }
    }

    /// Adds a member to the body.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.extra.get_or_insert_default().insert(key.to_owned(), value.into());
        self
    }

    /// 400 `M_BAD_JSON`: JSON of the wrong shape.
    pub fn bad_json(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "M_BAD_JSON", message)
    }

    /// 400 `M_NOT_JSON`: not JSON at all.
    pub fn not_json() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "M_NOT_JSON", "The request body is not valid JSON.")
    }

    /// 400 `M_INVALID_PARAM`.
    pub fn invalid_param(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "M_INVALID_PARAM", message)
    }

    /// 400 `M_MISSING_PARAM`.
    pub fn missing_param(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "M_MISSING_PARAM", message)
    }

    /// 403 `M_FORBIDDEN`.
    pub fn forbidden(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "M_FORBIDDEN", message)
    }

    /// 404 `M_NOT_FOUND`. Say the same whether a thing does not exist or may not be seen.
    pub fn not_found(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "M_NOT_FOUND", message)
    }

    /// 404 `M_UNRECOGNIZED`: no such endpoint.
    pub fn unrecognized() -> Self {
        Self::new(StatusCode::NOT_FOUND, "M_UNRECOGNIZED", "There is no such endpoint here.")
    }

    /// 413 `M_TOO_LARGE`.
    pub fn too_large(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "M_TOO_LARGE", message)
    }

    /// 401 `M_UNKNOWN_TOKEN`.
    pub fn unknown_token() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "M_UNKNOWN_TOKEN",
            "The access token is not known or no longer valid.",
        )
    }

    /// 401 `M_MISSING_TOKEN`.
    pub fn missing_token() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "M_MISSING_TOKEN", "An access token is needed here.")
    }

    /// 429 `M_LIMIT_EXCEEDED` with `Retry-After` and the older `retry_after_ms`.
    pub fn limit_exceeded(retry_after_ms: u64) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "M_LIMIT_EXCEEDED", "Too many requests; wait.")
            .with("retry_after_ms", retry_after_ms)
    }

    /// 503 `M_UNKNOWN` with `Retry-After`: the server is overloaded or its disk is.
    pub fn overloaded() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "M_UNKNOWN",
            "The server cannot do this right now; try again.",
        )
        .with("retry_after_ms", 1000)
    }

    /// 500 `M_UNKNOWN`. `cause` is logged, never sent.
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        tracing::error!(%cause, "internal error");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "M_UNKNOWN", "An internal error occurred.")
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The Matrix error code.
    pub fn errcode(&self) -> &'static str {
        self.errcode
    }

    /// The sentence for people.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The body as the specification shapes it.
    pub fn body(&self) -> Value {
        let mut body = match self.errcode {
            // The challenge of user-interactive authentication is an answer, not yet an error.
            "" => json!({}),
            errcode => json!({ "errcode": errcode, "error": self.message }),
        };
        if let (Some(extra), Some(body)) = (&self.extra, body.as_object_mut()) {
            body.extend(extra.iter().map(|(key, value)| (key.clone(), value.clone())));
        }
        body
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.body().to_string()));
        *response.status_mut() = self.status;
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let retry_after_ms = self.extra.as_ref().and_then(|extra| extra.get("retry_after_ms"));
        if let Some(ms) = retry_after_ms.and_then(Value::as_u64) {
            response.headers_mut().insert(header::RETRY_AFTER, ms.div_ceil(1000).max(1).into());
        }
        response
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Busy => Self::overloaded(),
            StoreError::Full | StoreError::Unavailable(_) => {
                tracing::error!(%error, "the store refused a request");
                Self::overloaded()
            }
            StoreError::Conflict(_) | StoreError::Corrupt(_) => Self::internal(error),
        }
    }
}
