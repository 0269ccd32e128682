// SPDX-License-Identifier: Apache-2.0
//! Client-Server API, "Content repository".

use std::{ops::Range, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::State,
    response::{IntoResponse as _, Response},
    routing::{get, post, put},
};
use estafette_core::{
    ids::UserId,
    limits::{
        MEDIA_FILENAME_BYTES_MAX, MEDIA_PENDING_PER_USER_MAX, MEDIA_WAIT_MS_DEFAULT,
        MEDIA_WAIT_MS_MAX,
    },
};
use estafette_store::{
    MediaStore as _,
    media::{Content, UploadOutcome},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Deserialize;
use serde_json::json;

use crate::{
    ApiError, ApiResult, Shared,
    auth::Requester,
    http::{NoCompression, Path, Query, json_response},
    media::{
        FileBody, ReceiveError, UploadError,
        disposition::{content_disposition, content_type, is_content_type},
        etag, new_media_id, open_body,
        thumbnail::{Method, Request as ThumbnailRequest, Thumbnail, ThumbnailError},
        upload_of,
    },
    rate_limit::Cost,
};

mod range;

/// The policy that the specification recommends: what is served can neither run nor load.
const POLICY: &str = "sandbox; default-src 'none'; script-src 'none'; \
                      plugin-types application/pdf; style-src 'unsafe-inline'; object-src 'self';";
/// The content behind a media id never changes.
const CACHE: &str = "private, max-age=31536000, immutable";

pub(super) fn routes() -> Router<Shared> {
    let mut router = Router::new()
        .route("/_matrix/media/v1/create", post(create_content))
        .route("/_matrix/media/unstable/fi.mau.msc2246/create", post(create_content));
    for upload in ["v3", "r0", "v1"].map(|version| format!("/_matrix/media/{version}/upload")) {
        router = router.route(&upload, post(upload_content));
    }
    for upload in ["v3", "unstable/fi.mau.msc2246"] {
        let path = format!("/_matrix/media/{upload}/upload/{{server_name}}/{{media_id}}");
        router = router.route(&path, put(upload_content_to_mxc));
    }
    for media in ["v1/media", "unstable/org.matrix.msc3916/media"] {
        let media = format!("/_matrix/client/{media}");
        let id = "{server_name}/{media_id}";
        router = router
            .route(&format!("{media}/config"), get(get_config))
            .route(&format!("{media}/preview_url"), get(preview_url))
            .route(&format!("{media}/download/{id}"), get(download))
            .route(&format!("{media}/download/{id}/{{file_name}}"), get(download_as))
            .route(&format!("{media}/thumbnail/{id}"), get(thumbnail));
    }
    for media in ["v3", "r0", "v1"].map(|version| format!("/_matrix/media/{version}")) {
        let id = "{server_name}/{media_id}";
        router = router
            .route(&format!("{media}/config"), get(get_config))
            .route(&format!("{media}/preview_url"), get(preview_url))
            .route(&format!("{media}/download/{id}"), get(old_download))
            .route(&format!("{media}/download/{id}/{{file_name}}"), get(old_download_as))
            .route(&format!("{media}/thumbnail/{id}"), get(old_thumbnail));
    }
    router
}

/// `GET /_matrix/client/v1/media/config`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1mediaconfig>
async fn get_config(State(server): State<Shared>, _: Requester) -> Response {
    let config = json!({ "m.upload.size": server.config.media.upload_bytes_max });
    json_response(StatusCode::OK, config.to_string())
}

/// `GET /_matrix/client/v1/media/preview_url`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1mediapreview_url>
///
/// Previews are not offered: the server would have to visit whatever its users see. `M_FORBIDDEN`
/// tells clients so without making them try again.
async fn preview_url(_: Requester) -> ApiError {
    ApiError::forbidden("This server makes no previews of links.")
}

#[derive(Debug, Deserialize)]
struct UploadQuery {
    filename: Option<String>,
}

/// `POST /_matrix/media/v3/upload`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#post_matrixmediav3upload>
async fn upload_content(
    State(server): State<Shared>,
    requester: Requester,
    Query(query): Query<UploadQuery>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Response> {
    let media_id = new_media_id(&server);
    let uri = format!("mxc://{}/{media_id}", server.server_name);
    let upload = Incoming { requester: &requester, media_id, reserved: false, headers, query };
    upload.receive(&server, body).await?;
    Ok(json_response(StatusCode::OK, json!({ "content_uri": uri }).to_string()))
}

/// `POST /_matrix/media/v1/create`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#post_matrixmediav1create>
async fn create_content(State(server): State<Shared>, requester: Requester) -> ApiResult<Response> {
    let user_id = &requester.user_id;
    requester.check_rate(&server.rate_limiter, Cost::Write, server.now_ms())?;
    let media_id = new_media_id(&server);
    let uri = format!("mxc://{}/{media_id}", server.server_name);
    let lifetime_ms = i64::try_from(server.config.media.unused_expires_s)
        .unwrap_or(i64::MAX)
        .saturating_mul(1000);
    let expires_ms = server.now_ms().saturating_add(lifetime_ms);
    let upload = upload_of(&server, user_id, media_id, true);
    if !server.store.reserve_media(upload, expires_ms, MEDIA_PENDING_PER_USER_MAX).await? {
        // When the oldest reservation ends is not known here; a minute is soon enough.
        return Err(ApiError::limit_exceeded(60_000));
    }
    let answer = json!({ "content_uri": uri, "unused_expires_at": expires_ms });
    Ok(json_response(StatusCode::OK, answer.to_string()))
}

/// `PUT /_matrix/media/v3/upload/{serverName}/{mediaId}`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#put_matrixmediav3uploadservernamemediaid>
async fn upload_content_to_mxc(
    State(server): State<Shared>,
    requester: Requester,
    Path((server_name, media_id)): Path<(String, String)>,
    Query(query): Query<UploadQuery>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Response> {
    if server_name != server.server_name.as_str() {
        return Err(refused(UploadOutcome::Unknown));
    }
    let upload = Incoming { requester: &requester, media_id, reserved: true, headers, query };
    upload.receive(&server, body).await?;
    Ok(json_response(StatusCode::OK, "{}"))
}

/// An upload that is about to come.
struct Incoming<'a> {
    requester: &'a Requester,
    media_id: String,
    reserved: bool,
    headers: HeaderMap,
    query: UploadQuery,
}

impl Incoming<'_> {
    async fn receive(self, server: &Shared, body: Body) -> ApiResult<()> {
        let user_id: &UserId = &self.requester.user_id;
        self.requester.check_rate(&server.rate_limiter, Cost::Write, server.now_ms())?;
        let bytes_max = server.config.media.upload_bytes_max;
        let announced = self.headers.get(header::CONTENT_LENGTH);
        let announced = announced.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        if announced.is_some_and(|bytes| bytes > bytes_max) {
            return Err(too_large(bytes_max));
        }
        let upload = upload_of(server, user_id, self.media_id, self.reserved);
        if self.reserved || upload.account_bytes_max > 0 {
            // Refused before the bytes are sent, where that is known already.
            let bytes = announced.unwrap_or(0);
            match server.store.check_upload(upload.clone(), bytes).await? {
                UploadOutcome::Stored => {}
                outcome => return Err(refused(outcome)),
            }
        }
        let content_type = self.headers.get(header::CONTENT_TYPE);
        let content_type = content_type.and_then(|value| value.to_str().ok());
        let content_type = content_type.filter(|text| is_content_type(text)).map(str::to_owned);
        let filename = self.query.filename.filter(|name| !name.is_empty());
        if filename.as_ref().is_some_and(|name| name.len() > MEDIA_FILENAME_BYTES_MAX) {
            return Err(ApiError::invalid_param("A file name has at most 255 bytes."));
        }
        let word = new_media_id(server);
        let received = server.media.files.receive(body, bytes_max, &word).await;
        let received = received.map_err(|error| not_received(error, bytes_max))?;
        let kept = server.media.keep(server, upload, received, content_type, filename).await;
        kept.map_err(|error| match error {
            UploadError::Receive(error) => not_received(error, bytes_max),
            UploadError::File(error) => disk(&error),
            UploadError::Store(error) => error.into(),
            UploadError::Refused(outcome) => refused(outcome),
        })
    }
}

fn too_large(bytes_max: u64) -> ApiError {
    ApiError::too_large(format!("A file has at most {bytes_max} bytes here."))
}

fn not_received(error: ReceiveError, bytes_max: u64) -> ApiError {
    match error {
        ReceiveError::TooLarge => too_large(bytes_max),
        ReceiveError::Interrupted => {
            ApiError::new(StatusCode::BAD_REQUEST, "M_UNKNOWN", "The upload ended early.")
        }
        ReceiveError::TooSlow => {
            ApiError::new(StatusCode::REQUEST_TIMEOUT, "M_UNKNOWN", "The upload came too slowly.")
        }
        ReceiveError::File(error) => disk(&error),
    }
}

/// A disk that is full or broken is the server's trouble, and may pass.
fn disk(error: &std::io::Error) -> ApiError {
    tracing::error!(%error, "media cannot be written or read");
    ApiError::overloaded()
}

fn refused(outcome: UploadOutcome) -> ApiError {
    match outcome {
        UploadOutcome::NotYours => {
            ApiError::forbidden("Only the account that reserved a media id may upload to it.")
        }
        UploadOutcome::Overwrite => ApiError::new(
            StatusCode::CONFLICT,
            "M_CANNOT_OVERWRITE_MEDIA",
            "This media id has its content already.",
        ),
        UploadOutcome::QuotaExceeded => ApiError::new(
            StatusCode::FORBIDDEN,
            "M_USER_LIMIT_EXCEEDED",
            "The account has used up its space for files.",
        )
        // The member must be there; what there is to read is the operator's to publish.
        .with("info_uri", "https://spec.matrix.org/v1.19/client-server-api/#content-repository"),
        UploadOutcome::Unknown | UploadOutcome::Stored => {
            ApiError::not_found("This media id was never reserved, or its reservation expired.")
        }
    }
}

#[derive(Debug, Deserialize)]
struct DownloadQuery {
    timeout_ms: Option<u64>,
}

/// `GET /_matrix/client/v1/media/download/{serverName}/{mediaId}`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1mediadownloadservernamemediaid>
async fn download(
    State(server): State<Shared>,
    requester: Requester,
    Path((server_name, media_id)): Path<(String, String)>,
    Query(query): Query<DownloadQuery>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let content = find_for(&server, &requester, (&server_name, &media_id), &query).await?;
    let filename = content.filename.clone();
    serve(&server, &content, filename.as_deref(), &headers).await
}

/// `GET /_matrix/client/v1/media/download/{serverName}/{mediaId}/{fileName}`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1mediadownloadservernamemediaidfilename>
async fn download_as(
    State(server): State<Shared>,
    requester: Requester,
    Path((server_name, media_id, file_name)): Path<(String, String, String)>,
    Query(query): Query<DownloadQuery>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let content = find_for(&server, &requester, (&server_name, &media_id), &query).await?;
    serve(&server, &content, Some(&file_name), &headers).await
}

#[derive(Debug, Deserialize)]
struct ThumbnailQuery {
    width: u32,
    height: u32,
    #[serde(default)]
    method: Method,
    #[serde(default)]
    animated: bool,
    timeout_ms: Option<u64>,
}

/// `GET /_matrix/client/v1/media/thumbnail/{serverName}/{mediaId}`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1mediathumbnailservernamemediaid>
async fn thumbnail(
    State(server): State<Shared>,
    requester: Requester,
    Path((server_name, media_id)): Path<(String, String)>,
    Query(query): Query<ThumbnailQuery>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let wait = DownloadQuery { timeout_ms: query.timeout_ms };
    find_for(&server, &requester, (&server_name, &media_id), &wait).await?;
    let answer = serve_thumbnail(&server, &server_name, &media_id, query, &headers).await?;
    // It may have taken a while to make.
    requester.check_current(&server).await?;
    Ok(answer)
}

/// `GET /_matrix/media/v3/download/{serverName}/{mediaId}` (deprecated): frozen unless the operator
/// opens it.
async fn old_download(
    State(server): State<Shared>,
    Path((server_name, media_id)): Path<(String, String)>,
    Query(query): Query<DownloadQuery>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    check_unauthenticated(&server)?;
    let content = find(&server, &server_name, &media_id, query.timeout_ms).await?;
    let filename = content.filename.clone();
    serve(&server, &content, filename.as_deref(), &headers).await
}

/// `GET /_matrix/media/v3/download/{serverName}/{mediaId}/{fileName}` (deprecated).
async fn old_download_as(
    State(server): State<Shared>,
    Path((server_name, media_id, file_name)): Path<(String, String, String)>,
    Query(query): Query<DownloadQuery>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    check_unauthenticated(&server)?;
    let content = find(&server, &server_name, &media_id, query.timeout_ms).await?;
    serve(&server, &content, Some(&file_name), &headers).await
}

/// `GET /_matrix/media/v3/thumbnail/{serverName}/{mediaId}` (deprecated).
async fn old_thumbnail(
    State(server): State<Shared>,
    Path((server_name, media_id)): Path<(String, String)>,
    Query(query): Query<ThumbnailQuery>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    check_unauthenticated(&server)?;
    serve_thumbnail(&server, &server_name, &media_id, query, &headers).await
}

/// The freeze of unauthenticated media, spec v1.11: not even whether something exists is told.
fn check_unauthenticated(server: &Shared) -> ApiResult<()> {
    if server.config.media.unauthenticated { Ok(()) } else { Err(unknown_media()) }
}

fn unknown_media() -> ApiError {
    ApiError::not_found("There is no such media here.")
}

/// The same as [`find`] for somebody: whoever's session ends while they wait for the upload waits
/// no longer.
async fn find_for(
    server: &Shared,
    requester: &Requester,
    (server_name, media_id): (&str, &str),
    query: &DownloadQuery,
) -> ApiResult<Content> {
    let found = find(server, server_name, media_id, Some(0)).await;
    if !found.as_ref().is_err_and(|error| error.status() == StatusCode::GATEWAY_TIMEOUT) {
        return found;
    }
    tokio::select! {
        found = find(server, server_name, media_id, query.timeout_ms) => {
            requester.check_current(server).await?;
            found
        }
        error = requester.ended(server) => Err(error),
    }
}

/// The content of a media id of this server, waited for where it is announced.
async fn find(
    server: &Shared,
    server_name: &str,
    media_id: &str,
    timeout_ms: Option<u64>,
) -> ApiResult<Content> {
    if server_name != server.server_name.as_str() {
        return Err(unknown_media());
    }
    let wait_ms = timeout_ms.unwrap_or(MEDIA_WAIT_MS_DEFAULT).min(MEDIA_WAIT_MS_MAX);
    let media = server.media.wait_for(server, media_id, Duration::from_millis(wait_ms)).await?;
    let media = media.ok_or_else(unknown_media)?;
    if let Some(content) = media.content {
        return Ok(content);
    }
    if media.expires_ms.is_some_and(|expires_ms| expires_ms <= server.now_ms()) {
        return Err(unknown_media());
    }
    Err(ApiError::new(
        StatusCode::GATEWAY_TIMEOUT,
        "M_NOT_YET_UPLOADED",
        "The content has not been uploaded yet.",
    ))
}

/// A content as an answer: whole, a range of it (RFC 9110 §14), or "not modified".
async fn serve(
    server: &Shared,
    content: &Content,
    filename: Option<&str>,
    headers: &HeaderMap,
) -> ApiResult<Response> {
    let kind = content_type(content.content_type.as_deref());
    let disposition = content_disposition(&kind, filename);
    let tag = etag(&content.sha256, "");
    if range::none_match(headers, &tag) {
        return Ok(not_modified(&tag));
    }
    let (range, status) = match range::wanted(headers, &tag, content.bytes) {
        range::Wanted::Whole => (0..content.bytes, StatusCode::OK),
        range::Wanted::Part(range) => (range, StatusCode::PARTIAL_CONTENT),
        range::Wanted::Impossible => return Ok(range::impossible(content.bytes)),
    };
    let path = server.media.files.path(&content.sha256);
    let file = open_body(path, range.clone()).await.map_err(|error| disk(&error))?;
    let Some(file) = file else {
        return Err(ApiError::internal("a media file is missing"));
    };
    let mut response = file_response(file, &range, kind, disposition, &tag);
    *response.status_mut() = status;
    if status == StatusCode::PARTIAL_CONTENT {
        let part = range::content_range(&range, content.bytes);
        response.headers_mut().insert(header::CONTENT_RANGE, part);
    }
    Ok(response)
}

fn file_response(
    file: FileBody,
    range: &Range<u64>,
    kind: HeaderValue,
    disposition: HeaderValue,
    tag: &HeaderValue,
) -> Response {
    let mut response = Response::new(file.into_body());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LENGTH, range.end.saturating_sub(range.start).into());
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    guard(&mut response, kind, disposition, tag);
    response
}

/// The headers without which a browser could be tricked by what somebody uploaded (T-M4).
fn guard(response: &mut Response, kind: HeaderValue, disposition: HeaderValue, tag: &HeaderValue) {
    response.extensions_mut().insert(NoCompression);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, kind);
    headers.insert(header::CONTENT_DISPOSITION, disposition);
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("cross-origin"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(CACHE));
    headers.insert(header::ETAG, tag.clone());
}

fn not_modified(tag: &HeaderValue) -> Response {
    let mut response = StatusCode::NOT_MODIFIED.into_response();
    response.headers_mut().insert(header::ETAG, tag.clone());
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(CACHE));
    response
}

async fn serve_thumbnail(
    server: &Shared,
    server_name: &str,
    media_id: &str,
    query: ThumbnailQuery,
    headers: &HeaderMap,
) -> ApiResult<Response> {
    if query.width == 0 || query.height == 0 {
        return Err(ApiError::invalid_param("A thumbnail has a width and a height."));
    }
    let content = find(server, server_name, media_id, query.timeout_ms).await?;
    let ThumbnailQuery { width, height, method, animated, .. } = query;
    let request = ThumbnailRequest { width, height, method, animated };
    let thumbnail = server.media.thumbnail(&content.sha256, request).await;
    let thumbnail = thumbnail.map_err(|error| match error {
        ThumbnailError::Missing => ApiError::internal("a media file is missing"),
        ThumbnailError::Unsupported => ApiError::new(
            StatusCode::BAD_REQUEST,
            "M_UNKNOWN",
            "No thumbnail can be made of this content.",
        ),
        ThumbnailError::TooLarge => ApiError::too_large("The picture is too large."),
        ThumbnailError::File(error) => disk(&error),
    })?;
    match thumbnail {
        Thumbnail::Original { content_type } => {
            let content = Content { content_type: Some(content_type.to_owned()), ..content };
            serve(server, &content, Some("thumbnail"), headers).await
        }
        Thumbnail::Made { bytes, content_type } => {
            let tag = etag(&content.sha256, &request.tag());
            if range::none_match(headers, &tag) {
                return Ok(not_modified(&tag));
            }
            let kind = HeaderValue::from_static(content_type);
            let extension = content_type.strip_prefix("image/").unwrap_or("bin");
            let name = format!("thumbnail.{extension}");
            let disposition = content_disposition(&kind, Some(&name));
            let mut response = Response::new(Body::from(bytes));
            guard(&mut response, kind, disposition, &tag);
            Ok(response)
        }
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod throughput;
