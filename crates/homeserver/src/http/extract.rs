// SPDX-License-Identifier: Apache-2.0
//! Extractors: a handler's signature is its contract, and every refusal is a Matrix error.

use std::{
    net::{IpAddr, Ipv6Addr},
    time::Duration,
};

use axum::{
    body::{Body, Bytes},
    extract::{FromRequest, FromRequestParts, Request},
    response::{IntoResponse, Response},
};
use estafette_core::limits::{BODY_READ_TIMEOUT_S, JSON_BODY_BYTES_MAX};
use http::{StatusCode, request::Parts};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::{Serialize, de::DeserializeOwned};

use super::json_response;
use crate::{ApiError, Shared};

/// A JSON body, or a JSON answer.
///
/// As an extractor: 413 `M_TOO_LARGE` beyond the limit, `M_NOT_JSON` when it is not JSON,
/// `M_BAD_JSON` when its shape is wrong. The `Content-Type` is not looked at, as in the
/// specification's servers.
#[derive(Debug)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned> FromRequest<Shared> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &Shared) -> Result<Self, ApiError> {
        let BodyBytes(bytes) = BodyBytes::from_request(request, state).await?;
        json_bytes(&bytes).map(Self)
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(bytes) => json_response(StatusCode::OK, bytes),
            Err(error) => ApiError::internal(error).into_response(),
        }
    }
}

/// A JSON body where the specification allows none: no bytes count as `{}`.
#[derive(Debug)]
pub struct OptionalJson<T>(pub T);

impl<T: DeserializeOwned> FromRequest<Shared> for OptionalJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &Shared) -> Result<Self, ApiError> {
        let BodyBytes(bytes) = BodyBytes::from_request(request, state).await?;
        let bytes = if bytes.iter().all(u8::is_ascii_whitespace) { b"{}" } else { &bytes[..] };
        json_bytes(bytes).map(Self)
    }
}

/// A whole body of at most [`JSON_BODY_BYTES_MAX`] bytes.
#[derive(Debug)]
pub struct BodyBytes(pub Bytes);

impl FromRequest<Shared> for BodyBytes {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &Shared) -> Result<Self, ApiError> {
        let body = Limited::new(request.into_body(), JSON_BODY_BYTES_MAX);
        let read = tokio::time::timeout(Duration::from_secs(BODY_READ_TIMEOUT_S), body.collect());
        match read.await {
            Ok(Ok(collected)) => Ok(Self(collected.to_bytes())),
            Ok(Err(error)) if error.is::<LengthLimitError>() => {
                Err(ApiError::too_large("The request body is too large."))
            }
            Ok(Err(_)) => Err(ApiError::not_json()),
            Err(_) => Err(ApiError::new(
                StatusCode::REQUEST_TIMEOUT,
                "M_UNKNOWN",
                "The request body came too slowly.",
            )),
        }
    }
}

/// Reads JSON, telling "not JSON" from "JSON of another shape".
pub fn json_bytes<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(bytes).map_err(|error| {
        if std::str::from_utf8(bytes).is_err() {
            ApiError::not_json()
        } else if error.is_data() {
            ApiError::bad_json(format!("The request body has the wrong shape: {error}."))
        } else if serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_ok() {
            // Valid, yet deeper than the parser goes.
            ApiError::bad_json("The request body is nested too deeply.")
        } else {
            ApiError::not_json()
        }
    })
}

/// `{}`: the answer of endpoints that have nothing to say.
pub fn empty_object() -> Response {
    json_response(StatusCode::OK, Body::from("{}"))
}

/// Path parameters; a malformed one is `M_INVALID_PARAM`.
#[derive(Debug)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send> FromRequestParts<Shared> for Path<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &Shared) -> Result<Self, ApiError> {
        match axum::extract::Path::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(value)) => Ok(Self(value)),
            Err(error) => {
                Err(ApiError::invalid_param(format!("The path is wrong: {}.", error.body_text())))
            }
        }
    }
}

/// Query parameters; a malformed one is `M_INVALID_PARAM`.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<Shared> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &Shared) -> Result<Self, ApiError> {
        match axum::extract::Query::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Query(value)) => Ok(Self(value)),
            Err(error) => {
                Err(ApiError::invalid_param(format!("The query is wrong: {}.", error.body_text())))
            }
        }
    }
}

/// The address that the request comes from, as far as it can be believed. As an extractor, for rate
/// limits: the [`network`](Self::network) of it.
#[derive(Debug, Clone, Copy)]
pub struct RemoteAddress(pub IpAddr);

impl FromRequestParts<Shared> for RemoteAddress {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, server: &Shared) -> Result<Self, ApiError> {
        Ok(Self(Self::of(parts, server.config.listener.behind_proxy).network()))
    }
}

impl RemoteAddress {
    /// What one who asks is counted by. An IPv6 subscriber has 2^64 addresses (RFC 6177): counted
    /// one by one, no limit would ever hold.
    pub fn network(self) -> IpAddr {
        match self.0.to_canonical() {
            IpAddr::V6(address) => {
                IpAddr::from(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)))
            }
            v4 => v4,
        }
    }

    /// The whole address, where there is no extractor.
    pub fn of(parts: &Parts, behind_proxy: bool) -> Self {
        let connection = parts.extensions.get::<RemoteAddress>().copied();
        let unknown = Self(IpAddr::from([127, 0, 0, 1]));
        if !behind_proxy {
            return connection.unwrap_or(unknown);
        }
        // The proxy appends the address it saw, some as a line of its own (RFC 9110, section 5.3):
        // only the last entry is its word.
        let forwarded = parts.headers.get_all("x-forwarded-for").iter().next_back();
        let forwarded = forwarded.and_then(|value| value.to_str().ok());
        let last = forwarded.and_then(|list| list.rsplit(',').next());
        let told = last.and_then(|address| address.trim().parse().ok()).map(Self);
        told.or(connection).unwrap_or(unknown)
    }
}
