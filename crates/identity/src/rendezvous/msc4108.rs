// SPDX-License-Identifier: Apache-2.0
//! The dialect of MSC4108 as of 2024: a plain text under a URL, `ETag` and `If-Match`.

use std::{
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use axum::{
    Router,
    body::Body,
    extract::{Path, Request, State},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use bytes::Bytes;
use estafette_core::limits::{BODY_READ_TIMEOUT_S, RENDEZVOUS_BYTES_MAX};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde_json::json;

use super::{Refused, Session, WROTE_MEANWHILE, json_answer, refuse_navigation};
use crate::{Identity, oauth::base_url};

const PATH: &str = "/_matrix/client/unstable/org.matrix.msc4108/rendezvous";

pub(super) fn routes() -> Router<Arc<Identity>> {
    Router::new()
        .route(PATH, post(create))
        .route(&format!("{PATH}/{{id}}"), get(read).put(write).delete(remove))
}

/// `POST /_matrix/client/unstable/org.matrix.msc4108/rendezvous`: anybody may begin a session,
/// since a device that is to be signed in has no account yet.
async fn create(
    State(identity): State<Arc<Identity>>,
    request: Request,
) -> Result<Response, Refused> {
    let (parts, body) = request.into_parts();
    let data = text(&parts.headers, body).await?;
    let base_url = base_url::base_url(&identity, &parts)
        .ok_or(Refused::Malformed("M_MISSING_PARAM", "The request names no host."))?;
    let address = identity.host.remote_address(&parts);
    identity.host.limit_source(&format!("rendezvous from {address}"))?;
    let (id, session) = identity.rendezvous.create(&*identity.host, address, data)?;
    let body = json!({ "url": format!("{base_url}{PATH}/{id}") });
    Ok(described(json_answer(StatusCode::CREATED, &body), &session))
}

/// `GET …/rendezvous/{id}`: 304 while `If-None-Match` is what stands there.
async fn read(
    State(identity): State<Arc<Identity>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    refuse_navigation(&headers)?;
    let session = identity.rendezvous.read(&id, identity.host.now_ms())?;
    if headers.contains_key(header::IF_NONE_MATCH)
        && etag(&headers, &header::IF_NONE_MATCH)? == session.token
    {
        return Ok(described(StatusCode::NOT_MODIFIED.into_response(), &session));
    }
    let mut response = Response::new(Body::from(session.data.clone()));
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, "text/plain"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, "sandbox; default-src 'none'; frame-ancestors 'none'"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    Ok(described(response, &session))
}

/// `PUT …/rendezvous/{id}`: 202, or 412 when the other device wrote meanwhile.
async fn write(
    State(identity): State<Arc<Identity>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Refused> {
    let (parts, body) = request.into_parts();
    let data = text(&parts.headers, body).await?;
    let seen = etag(&parts.headers, &header::IF_MATCH)?;
    match identity.rendezvous.write(&id, &seen, data, identity.host.now_ms()) {
        Ok(session) => Ok(described(StatusCode::ACCEPTED.into_response(), &session)),
        Err(Refused::Concurrent(session)) => {
            let body = json!({ "errcode": "M_CONCURRENT_WRITE", "error": WROTE_MEANWHILE });
            Ok(described(json_answer(StatusCode::PRECONDITION_FAILED, &body), &session))
        }
        Err(refused) => Err(refused),
    }
}

/// `DELETE …/rendezvous/{id}`
async fn remove(
    State(identity): State<Arc<Identity>>,
    Path(id): Path<String>,
) -> Result<StatusCode, Refused> {
    identity.rendezvous.remove(&id, identity.host.now_ms())?;
    Ok(StatusCode::NO_CONTENT)
}

/// The headers that every answer about a session has.
fn described(mut response: Response, session: &Session) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::ETAG, format!("\"{}\"", session.token)),
        (header::EXPIRES, date(session.expires_ms)),
        (header::LAST_MODIFIED, date(session.modified_ms)),
        (header::CACHE_CONTROL, "no-store".to_owned()),
        (header::PRAGMA, "no-cache".to_owned()),
    ] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
    response
}

/// RFC 9110, section 5.6.7.
fn date(ms: i64) -> String {
    let since_epoch = Duration::from_millis(u64::try_from(ms).unwrap_or_default());
    httpdate::fmt_http_date(UNIX_EPOCH + since_epoch)
}

/// A strong entity tag, alone: anything else is malformed.
fn etag(headers: &HeaderMap, name: &HeaderName) -> Result<String, Refused> {
    let missing = Refused::Malformed("M_MISSING_PARAM", "A header with the entity tag is missing.");
    let value = headers.get(name).ok_or(missing)?;
    let text = value.to_str().ok().map(str::trim).unwrap_or_default();
    // Clients may give back the tag without its quotes.
    let inner = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if inner.is_empty() || !inner.bytes().all(legal) {
        return Err(Refused::Malformed("M_INVALID_PARAM", "That is no strong entity tag."));
    }
    Ok(inner.to_owned())
}

async fn text(headers: &HeaderMap, body: Body) -> Result<Bytes, Refused> {
    let kind = headers.get(header::CONTENT_TYPE);
    if kind.is_none() || !headers.contains_key(header::CONTENT_LENGTH) {
        let message = "`Content-Type` and `Content-Length` are required.";
        return Err(Refused::Malformed("M_MISSING_PARAM", message));
    }
    let essence = kind.and_then(|kind| kind.to_str().ok()).and_then(|kind| kind.split(';').next());
    if !essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case("text/plain")) {
        let message = "`Content-Type` must be `text/plain`.";
        return Err(Refused::Malformed("M_INVALID_PARAM", message));
    }
    whole(body, RENDEZVOUS_BYTES_MAX).await
}

/// A whole body of at most `bytes_max` bytes.
pub(super) async fn whole(body: Body, bytes_max: usize) -> Result<Bytes, Refused> {
    let wait = Duration::from_secs(BODY_READ_TIMEOUT_S);
    match tokio::time::timeout(wait, Limited::new(body, bytes_max).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Refused::TooLarge),
        _ => Err(Refused::Malformed("M_UNKNOWN", "The request broke off.")),
    }
}
