// SPDX-License-Identifier: Apache-2.0
//! What is answered to a method that an endpoint does not take: in the form of those who ask.

use axum::response::{IntoResponse as _, Response};
use http::{StatusCode, Uri, header};

use crate::oauth::OauthError;

const UNRECOGNIZED: &str =
    r#"{"errcode":"M_UNRECOGNIZED","error":"This endpoint does not take that method."}"#;

/// 405 at what programs use: `M_UNRECOGNIZED` in the Client-Server API ("Common error codes"), else
/// the JSON of RFC 6749.
pub(crate) async fn to_programs(uri: Uri) -> Response {
    if uri.path().starts_with("/_matrix/") {
        let headers = [(header::CONTENT_TYPE, "application/json")];
        return (StatusCode::METHOD_NOT_ALLOWED, headers, UNRECOGNIZED).into_response();
    }
    OauthError::wrong_method().into_response()
}

/// 405 at what people open: a page, whose words [`crate::pages`] writes.
pub(crate) async fn to_people(uri: Uri) -> Response {
    if uri.path().starts_with("/_estafette") {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    to_programs(uri).await
}
