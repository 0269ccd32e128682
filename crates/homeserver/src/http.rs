// SPDX-License-Identifier: Apache-2.0
//! HTTP at its edge: the router, bounded bodies, CORS, unknown routes, the listener.

mod extract;
mod listener;

use axum::{
    Router,
    extract::Request,
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use tower_http::{
    CompressionLevel,
    compression::{
        CompressionLayer, Predicate,
        predicate::{NotForContentType, SizeAbove},
    },
};

#[cfg(test)]
pub(crate) use self::listener::serve_plainly;
pub use self::{
    extract::{
        BodyBytes, Json, OptionalJson, Path, Query, RemoteAddress, empty_object, json_bytes,
    },
    listener::{ListenError, Listening, check_tls, listen},
};
use crate::{ApiError, Shared, client, config::Config, synapse_admin, web};

/// Bodies below this many bytes are cheaper to send than to compress: they fit into a few packets,
/// and most of an encrypted message does not get smaller.
const COMPRESS_MIN_BYTES: u64 = 4096;

/// The whole server as one service.
pub fn router(server: Shared) -> Router {
    router_with(server, Router::new())
}

/// The same with `further` routes, which get the same CORS headers and compression.
pub fn router_with(server: Shared, further: Router) -> Router {
    let compression = CompressionLayer::new()
        .gzip(true)
        .zstd(true)
        .quality(CompressionLevel::Fastest)
        .compress_when(
            SizeAbove::new(COMPRESS_MIN_BYTES)
                .and(NotForContentType::IMAGES)
                .and(NotForContentType::const_new("application/octet-stream"))
                .and(NotForContentType::const_new("video/"))
                .and(NotForContentType::const_new("audio/"))
                .and(MayCompress),
        );
    let tls = is_reached_by_tls(&server.config);
    Router::new()
        .merge(client::routes(&server))
        .merge(synapse_admin::routes())
        .fallback(web::fallback)
        .method_not_allowed_fallback(wrong_method)
        .with_state(server)
        .merge(further)
        .layer(compression)
        .layer(middleware::from_fn(cors))
        .layer(middleware::map_response(move |response| {
            std::future::ready(with_transport_security(response, tls))
        }))
}

/// Whether browsers reach this server by TLS: its own, or that of a proxy that the operator names.
fn is_reached_by_tls(config: &Config) -> bool {
    config.public_base_url.starts_with("https://")
        || !config.listener.tls_certificate.as_os_str().is_empty()
}

/// RFC 6797: whoever came by TLS once does not come without it, for a year. Sub-domains may be
/// others'.
fn with_transport_security(mut response: Response, tls: bool) -> Response {
    if tls {
        let value = HeaderValue::from_static("max-age=31536000");
        response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, value);
    }
    response
}

/// Marks an answer that goes out as it is: a file, whose length and ranges are promised.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NoCompression;

#[derive(Debug, Clone, Copy)]
struct MayCompress;

impl Predicate for MayCompress {
    fn should_compress<B: axum::body::HttpBody>(&self, response: &http::Response<B>) -> bool {
        response.extensions().get::<NoCompression>().is_none()
    }
}

/// Client-Server API, "Standard error response": 405 with `M_UNRECOGNIZED`.
async fn wrong_method() -> ApiError {
    ApiError::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "M_UNRECOGNIZED",
        "This endpoint does not take that method.",
    )
}

/// Client-Server API, "Web Browser Clients": the three CORS headers on every answer, and `OPTIONS`
/// answered without running the endpoint.
async fn cors(request: Request, next: Next) -> Response {
    let mut response = if request.method() == Method::OPTIONS {
        StatusCode::NO_CONTENT.into_response()
    } else {
        next.run(request).await
    };
    set_cors(response.headers_mut());
    response
}

fn set_cors(headers: &mut HeaderMap) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static("GET, POST, PUT, DELETE, PATCH, OPTIONS"),
    );
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static(
            "X-Requested-With, Content-Type, Authorization, If-Match, If-None-Match",
        ),
    );
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("ETag"));
}

/// A JSON answer from bytes that are JSON already.
pub fn json_response(status: StatusCode, json: impl Into<axum::body::Body>) -> Response {
    let mut response = Response::new(json.into());
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

#[cfg(test)]
mod tests;
