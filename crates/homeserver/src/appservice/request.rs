// SPDX-License-Identifier: Apache-2.0
//! Requests to an application service (Application Service API, "Homeserver -> Application Service
//! API"), proven with its `hs_token`.

use std::time::Duration;

use estafette_core::limits::APPSERVICE_ANSWER_BYTES_MAX;
use http::Method;

use super::Registration;
use crate::{
    Server,
    outbound::{OutboundError, OutboundRequest, OutboundResponse},
};

/// Why an application service gave no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AppserviceError {
    /// Its registration names no URL.
    #[error("the application service has no URL")]
    NoUrl,
    /// It could not be reached.
    #[error(transparent)]
    Outbound(#[from] OutboundError),
}

/// Sends a request. `path` begins with a slash and is percent-encoded.
pub(crate) async fn send(
    server: &Server,
    appservice: &Registration,
    (method, path): (Method, &str),
    body: String,
    timeout_s: u64,
) -> Result<OutboundResponse, AppserviceError> {
    let base = appservice.url.as_deref().ok_or(AppserviceError::NoUrl)?;
    let url = format!("{}{path}", base.trim_end_matches('/'));
    let mut request = OutboundRequest::json(method, url, body);
    request.timeout = Duration::from_secs(timeout_s);
    request.answer_bytes_max = APPSERVICE_ANSWER_BYTES_MAX;
    // The operator wrote the registration: bridges commonly run beside the server.
    request.named_by_operator = true;
    if !request.authorize(&appservice.hs_token) {
        return Err(OutboundError::Url("the hs_token cannot be a header").into());
    }
    Ok(server.outbound.send(request).await?)
}

/// A text as one segment of a path, or as a part of a query.
pub(crate) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}
