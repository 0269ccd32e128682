// SPDX-License-Identifier: Apache-2.0
//! Without these a browser could run what it should not, keep an old client, or miss the API.

use http::Request as HttpRequest;

use super::*;
use crate::testing::{Answer, TestServer};

async fn with_client() -> (TestServer, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("index.html", "<!doctype html>page");
    write("index.html.br", "br page");
    write("index.html.gz", "gz page");
    write("assets/app-1a2b3c.js", "script");
    write("assets/app-1a2b3c.js.gz", "gz script");
    write("assets/crypto.wasm", "wasm");
    write("manifest.webmanifest", "{}");
    fs::write(folder.path().parent().unwrap().join("secret.txt"), "secret").unwrap();
    let path = folder.path().to_owned();
    (TestServer::with(|config| config.web.folder = path).await, folder)
}

async fn get(server: &TestServer, path: &str, encodings: &str) -> Answer {
    let request = HttpRequest::get(path).header("accept-encoding", encodings);
    server.send(request.body(Body::empty()).unwrap()).await
}

fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer.headers.get(name).map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn files_have_types_policies_and_lifetimes() {
    let (server, _folder) = with_client().await;
    for (path, body, kind, cache) in [
        ("/", "<!doctype html>page", "text/html; charset=utf-8", "no-cache"),
        ("/room/!a:x.fr", "<!doctype html>page", "text/html; charset=utf-8", "no-cache"),
        ("/settings", "<!doctype html>page", "text/html; charset=utf-8", "no-cache"),
        (
            "/assets/app-1a2b3c.js",
            "script",
            "text/javascript; charset=utf-8",
            "public, max-age=31536000, immutable",
        ),
        ("/assets/crypto.wasm", "wasm", "application/wasm", "public, max-age=31536000, immutable"),
        ("/manifest.webmanifest", "{}", "application/manifest+json", "no-cache"),
    ] {
        let path = if path == "/room/!a:x.fr" { "/room/abc" } else { path };
        let answer = get(&server, path, "").await;
        assert_eq!(
            (answer.status, answer.bytes.as_ref()),
            (StatusCode::OK, body.as_bytes()),
            "{path}"
        );
        assert_eq!(
            (header(&answer, "content-type"), header(&answer, "cache-control")),
            (kind, cache)
        );
        let policy = header(&answer, "content-security-policy");
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
        assert!(!policy.contains("unsafe-inline") && !policy.contains("'unsafe-eval'"));
        assert_eq!(header(&answer, "x-content-type-options"), "nosniff");
    }
    let page = get(&server, "/", "").await;
    let request = HttpRequest::get("/").header("if-none-match", header(&page, "etag"));
    let again = server.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(again.status, StatusCode::NOT_MODIFIED);
}

#[tokio::test]
async fn the_smallest_accepted_form_is_sent() {
    let (server, _folder) = with_client().await;
    for (path, accepted, body, encoding) in [
        ("/", "gzip, deflate, br", "br page", "br"),
        ("/", "gzip;q=0.5, br;q=0", "gz page", "gzip"),
        ("/", "identity", "<!doctype html>page", ""),
        ("/assets/app-1a2b3c.js", "br, gzip", "gz script", "gzip"),
        ("/assets/crypto.wasm", "br, gzip", "wasm", ""),
    ] {
        let answer = get(&server, path, accepted).await;
        assert_eq!(answer.bytes.as_ref(), body.as_bytes(), "{path} {accepted}");
        assert_eq!(header(&answer, "content-encoding"), encoding);
        assert!(header(&answer, "vary").contains("accept-encoding"));
    }
}

#[tokio::test]
async fn nothing_outside_the_list_is_served_and_the_api_is_not_shadowed() {
    let (server, _folder) = with_client().await;
    for path in [
        "/secret.txt",
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/assets/../../secret.txt",
        "/gone.js",
    ] {
        let answer = get(&server, path, "").await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
    }
    for path in ["/_matrix", "/_matrix/client/v9/x", "/_synapse/admin/x", "/.well-known/none"] {
        let answer = get(&server, path, "").await;
        assert_eq!(answer.json()["errcode"], "M_UNRECOGNIZED", "{path}");
    }
    let posted = server.send(HttpRequest::post("/").body(Body::empty()).unwrap()).await;
    assert_eq!(posted.json()["errcode"], "M_UNRECOGNIZED");
}

#[tokio::test]
async fn a_server_without_a_client_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_owned();
    let server = TestServer::with(|config| config.web.folder = path).await;
    let answer = get(&server, "/", "").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(String::from_utf8_lossy(&answer.bytes).contains("without the web client"));
    assert!(header(&answer, "content-security-policy").contains("default-src 'none'"));
    assert_eq!(get(&server, "/other", "").await.json()["errcode"], "M_UNRECOGNIZED");
    let off = TestServer::with(|config| config.web.enabled = false).await;
    assert_eq!(get(&off, "/", "").await.json()["errcode"], "M_UNRECOGNIZED");
}

/// What the build embedded must be a client that can start, where there is one.
#[test]
fn what_is_embedded_is_whole() {
    let client = WebClient::open(&config::Web::default()).unwrap();
    assert_eq!(client.is_present(), !EMBEDDED.is_empty());
    for (path, bytes, _) in EMBEDDED {
        assert!(path.starts_with('/') && !bytes.is_empty(), "{path}");
    }
}
