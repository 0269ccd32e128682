// SPDX-License-Identifier: Apache-2.0
//! The web client at `/`: embedded in the binary, or from the configured folder.
//!
//! It answers only where no other endpoint does, and never under the protocol's own paths. The
//! list of files is fixed at start, so no request ever becomes a path on the disk.

use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
};

use axum::{
    body::{Body, Bytes},
    extract::{Request, State},
    response::{IntoResponse as _, Response},
};
use estafette_core::limits::{WEB_FILES_MAX, WEB_FOLDER_DEPTH_MAX};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

use crate::{ApiError, Shared, config, http::NoCompression};

/// The embedded files: path, bytes, hash.
static EMBEDDED: &[(&str, &[u8], u64)] = include!(concat!(env!("OUT_DIR"), "/web_assets.rs"));

/// The client's own policy, with what only a header can say. The same as in `web/build/policy.ts`.
const POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; \
    style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; font-src 'self'; \
    connect-src 'self' blob:; worker-src 'self'; manifest-src 'self'; form-action 'self'; \
    base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; \
    trusted-types estafette dompurify";
/// What stands under `/` when there is no client.
const NO_CLIENT: &str = "<!doctype html>\n<html lang=\"fr\"><meta charset=\"utf-8\">\
    <meta name=\"viewport\" content=\"width=device-width\">\
    <title>Estafette</title>\n<h1>Estafette</h1>\n<p>Ce serveur de messagerie fonctionne. Il n’a \
    pas de client web : utilisez un client Matrix avec cette adresse.</p>\n\
    <p lang=\"en\">This homeserver is running. It was built without the web client: use any Matrix \
    client with this address.</p>\n</html>\n";
/// Paths that belong to the protocol or to tools, and to nobody else.
const RESERVED: &[&str] = &["/_matrix", "/_synapse", "/_estafette", "/.well-known"];

/// Where the bytes of a file are.
#[derive(Debug, Clone)]
enum Source {
    Embedded(&'static [u8]),
    File(PathBuf),
}

/// One form of a file, as it goes over the wire.
#[derive(Debug, Clone)]
struct Form {
    source: Source,
    etag: HeaderValue,
}

/// One file of the client.
#[derive(Debug, Clone)]
struct Asset {
    plain: Form,
    brotli: Option<Form>,
    gzip: Option<Form>,
}

/// The files of the client.
#[derive(Debug, Default)]
pub struct WebClient {
    enabled: bool,
    assets: HashMap<String, Asset>,
}

impl WebClient {
    /// Finds the client's files. Errors: the configured folder cannot be read, or holds more than
    /// a client does.
    pub fn open(config: &config::Web) -> io::Result<Self> {
        if !config.enabled {
            return Ok(Self::default());
        }
        let mut forms = HashMap::new();
        if config.folder.as_os_str().is_empty() {
            for (path, bytes, hash) in EMBEDDED {
                let form = Form { source: Source::Embedded(bytes), etag: etag(*hash) };
                forms.insert((*path).to_owned(), form);
            }
        } else {
            collect(&config.folder, "", 0, &mut forms)?;
        }
        Ok(Self { enabled: true, assets: group(forms) })
    }

    /// Whether there is a client to serve.
    pub fn is_present(&self) -> bool {
        self.assets.contains_key("/index.html")
    }

    /// The asset that a path means: itself, or the client's page where the path is a place inside
    /// the client rather than a file.
    fn find(&self, path: &str) -> Option<(&str, &Asset)> {
        if let Some((name, asset)) = self.assets.get_key_value(path) {
            return Some((name, asset));
        }
        let last = path.rsplit('/').next().unwrap_or_default();
        let is_file = last.contains('.');
        let page = self.assets.get_key_value("/index.html").filter(|_| !is_file);
        page.map(|(name, asset)| (name.as_str(), asset))
    }
}

/// Answers every path that no endpoint has.
pub(crate) async fn fallback(State(server): State<Shared>, request: Request) -> Response {
    let path = request.uri().path();
    let ours = RESERVED.iter().any(|reserved| {
        path.strip_prefix(reserved).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    });
    let reading = matches!(*request.method(), Method::GET | Method::HEAD);
    if ours || !reading || !server.web.enabled {
        return ApiError::unrecognized().into_response();
    }
    if !server.web.is_present() {
        return if path == "/" { no_client() } else { ApiError::unrecognized().into_response() };
    }
    match server.web.find(path) {
        Some((name, asset)) => serve(name, asset, request.headers()).await,
        None => (StatusCode::NOT_FOUND, "There is no such file.\n").into_response(),
    }
}

async fn serve(name: &str, asset: &Asset, headers: &HeaderMap) -> Response {
    let (form, encoding) = asset.best(headers);
    let known = headers.get(header::IF_NONE_MATCH);
    let mut response = if known.is_some_and(|known| *known == form.etag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        match form.bytes().await {
            Ok(bytes) => Response::new(Body::from(bytes)),
            Err(error) => return ApiError::internal(error).into_response(),
        }
    };
    // What has a compressed form is sent in it, or was not wanted compressed.
    if asset.brotli.is_some() || encoding.is_some() {
        response.extensions_mut().insert(NoCompression);
    }
    let headers = response.headers_mut();
    if let Some(encoding) = encoding {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type(name)));
    headers.insert(header::ETAG, form.etag.clone());
    // The build puts a hash of the content into the names of this folder.
    let cache = if name.starts_with("/assets/") {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    guard(headers);
    response
}

fn no_client() -> Response {
    let mut response = Response::new(Body::from(NO_CLIENT));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    guard(headers);
    response
}

/// The headers of everything that a browser may render (T-I8).
fn guard(headers: &mut HeaderMap) {
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
}

impl Asset {
    /// The smallest form that the reader takes, and its `Content-Encoding`.
    fn best(&self, headers: &HeaderMap) -> (&Form, Option<&'static str>) {
        let forms = [(&self.brotli, "br"), (&self.gzip, "gzip")];
        forms
            .into_iter()
            .find_map(|(form, coding)| {
                let form = form.as_ref().filter(|_| accepts(headers, coding))?;
                Some((form, Some(coding)))
            })
            .unwrap_or((&self.plain, None))
    }
}

/// Whether `Accept-Encoding` names `coding` without ruling it out (`q=0`).
fn accepts(headers: &HeaderMap, coding: &str) -> bool {
    headers
        .get_all(header::ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|list| list.split(','))
        .any(|entry| {
            let (name, weight) = entry.split_once(';').unwrap_or((entry, ""));
            let weight = weight.trim().strip_prefix("q=").map_or(Ok(1.0), str::parse::<f32>);
            name.trim().eq_ignore_ascii_case(coding) && weight.is_ok_and(|weight| weight > 0.0)
        })
}

impl Form {
    async fn bytes(&self) -> io::Result<Bytes> {
        match &self.source {
            Source::Embedded(bytes) => Ok(Bytes::from_static(bytes)),
            Source::File(path) => tokio::fs::read(path).await.map(Bytes::from),
        }
    }
}

/// Finds the files of a folder, by their paths in the URL.
fn collect(
    folder: &Path,
    prefix: &str,
    depth: usize,
    forms: &mut HashMap<String, Form>,
) -> io::Result<()> {
    if depth > WEB_FOLDER_DEPTH_MAX {
        return Err(io::Error::other("web.folder: folders are nested too deeply"));
    }
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let path = format!("{prefix}/{name}");
        let kind = entry.file_type()?;
        if kind.is_dir() {
            collect(&entry.path(), &path, depth + 1, forms)?;
        } else if kind.is_file() {
            let found = entry.metadata()?;
            let changed = found.modified()?.duration_since(std::time::UNIX_EPOCH);
            let changed = changed.unwrap_or_default().as_nanos();
            let version = (changed as u64) ^ found.len().rotate_left(40);
            forms.insert(path, Form { source: Source::File(entry.path()), etag: etag(version) });
        }
        if forms.len() > WEB_FILES_MAX {
            return Err(io::Error::other("web.folder: too many files"));
        }
    }
    Ok(())
}

/// Puts `name.br` and `name.gz` to `name`.
fn group(mut forms: HashMap<String, Form>) -> HashMap<String, Asset> {
    let names: Vec<String> = forms.keys().cloned().collect();
    let mut assets = HashMap::new();
    for name in names {
        let compressed = [".br", ".gz"].iter().any(|suffix| {
            name.strip_suffix(suffix)
                .is_some_and(|plain| forms.contains_key(plain) || assets.contains_key(plain))
        });
        if compressed {
            continue;
        }
        let brotli = forms.remove(&format!("{name}.br"));
        let gzip = forms.remove(&format!("{name}.gz"));
        if let Some(plain) = forms.remove(&name) {
            assets.insert(name, Asset { plain, brotli, gzip });
        }
    }
    assets
}

fn etag(version: u64) -> HeaderValue {
    HeaderValue::from_str(&format!("\"{version:016x}\""))
        .unwrap_or(HeaderValue::from_static("\"\""))
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "wasm" => "application/wasm",
        "webmanifest" => "application/manifest+json",
        "json" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "mp3" => "audio/mpeg",
        "ogg" => "audio/ogg",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests;
