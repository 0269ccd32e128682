// SPDX-License-Identifier: Apache-2.0
//! Event contents as clients send them.

use axum::extract::{FromRequest, Request};
use estafette_core::json::{JsonError, Object, Strictness, Value, parse};

use crate::{ApiError, Shared, http::BodyBytes};

/// A request body that becomes the content of an event, or a part of it: one object of canonical
/// JSON (Appendices, "Canonical JSON"). Not JSON: `M_NOT_JSON`; JSON that no event may hold:
/// `M_BAD_JSON`.
#[derive(Debug)]
pub(crate) struct Content(pub(crate) Object);

impl FromRequest<Shared> for Content {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &Shared) -> Result<Self, ApiError> {
        let BodyBytes(bytes) = BodyBytes::from_request(request, state).await?;
        object(&bytes).map(Self)
    }
}

/// As [`Content`], where no body at all means an empty object.
#[derive(Debug)]
pub(crate) struct OptionalContent(pub(crate) Object);

impl FromRequest<Shared> for OptionalContent {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &Shared) -> Result<Self, ApiError> {
        let BodyBytes(bytes) = BodyBytes::from_request(request, state).await?;
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self(Object::new()));
        }
        object(&bytes).map(Self)
    }
}

/// Reads one object of canonical JSON.
pub(crate) fn object(bytes: &[u8]) -> Result<Object, ApiError> {
    match parse(bytes, Strictness::Strict) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(ApiError::bad_json("The request body is not an object.")),
        Err(JsonError::Utf8 | JsonError::Syntax(_)) => Err(ApiError::not_json()),
        Err(error) => Err(ApiError::bad_json(format!("The request body cannot be used: {error}."))),
    }
}

/// An object inside a body that serde has read, as content of an event.
pub(crate) fn object_of(
    map: &serde_json::Map<String, serde_json::Value>,
) -> Result<Object, ApiError> {
    object(serde_json::Value::Object(map.clone()).to_string().as_bytes())
}

/// A text member of an object; another type is `M_BAD_JSON`.
pub(crate) fn text<'a>(object: &'a Object, key: &str) -> Result<Option<&'a str>, ApiError> {
    match object.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(ApiError::bad_json(format!("`{key}` must be a string."))),
    }
}
