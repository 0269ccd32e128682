// SPDX-License-Identifier: Apache-2.0
//! The URL by which whoever asks reaches this server.

use http::{HeaderMap, Uri, header, request::Parts, uri::Authority};

use crate::Identity;

/// Without a slash at its end. The operator's word, else what the request says of itself: it then
/// only ever tells a client what that client told us. A `Host` that is no host name is not
/// repeated.
pub(crate) fn base_url(identity: &Identity, parts: &Parts) -> Option<String> {
    of(identity, &parts.headers, &parts.uri)
}

/// The same from the pieces of a request.
pub(crate) fn of(identity: &Identity, headers: &HeaderMap, uri: &Uri) -> Option<String> {
    if let Some(configured) = identity.host.public_base_url() {
        return Some(configured);
    }
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let host = host.or(uri.authority().map(Authority::as_str))?;
    let host = host.parse::<Authority>().ok().filter(|host| !host.as_str().contains('@'))?;
    let is_secure = identity.host.serves_tls()
        || headers.get("x-forwarded-proto").is_some_and(|proto| proto == "https");
    let scheme = if is_secure { "https" } else { "http" };
    Some(format!("{scheme}://{host}"))
}
