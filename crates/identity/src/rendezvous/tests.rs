// SPDX-License-Identifier: Apache-2.0
use axum::body::Body;
use estafette_core::ids::DeviceId;
use estafette_store::{
    AccountStore as _,
    accounts::{NewLogin, TokenHash, TokenPair},
};
use http::{Request, StatusCode};
use serde_json::{Value, json};

use crate::testing::{Answer, TestIdentity};

const OLD: &str = "/_matrix/client/unstable/org.matrix.msc4108/rendezvous";
const NEW: &str = "/_matrix/client/unstable/io.element.msc4388/rendezvous";

async fn old(site: &TestIdentity, method: &str, path: &str, etag: &str, data: &str) -> Answer {
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", "chat.x.fr")
        .header("content-type", "text/plain")
        .header("content-length", data.len());
    if !etag.is_empty() {
        let name = if method == "GET" { "if-none-match" } else { "if-match" };
        request = request.header(name, etag);
    }
    site.send(request.body(Body::from(data.to_owned())).unwrap()).await
}

async fn new(
    site: &TestIdentity,
    method: &str,
    path: &str,
    token: &str,
    body: &Value,
) -> (StatusCode, Value) {
    let mut request = Request::builder().method(method).uri(path);
    if !token.is_empty() {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let answer = site.send(request.body(Body::from(body.to_string())).unwrap()).await;
    (answer.status, serde_json::from_str(&answer.body).unwrap())
}

fn header(answer: &Answer, name: &str) -> String {
    answer.headers[name].to_str().unwrap().to_owned()
}

async fn start(site: &TestIdentity, data: &str) -> (String, String) {
    let answer = old(site, "POST", OLD, "", data).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
    let body: Value = serde_json::from_str(&answer.body).unwrap();
    let path = body["url"].as_str().unwrap().strip_prefix("http://chat.x.fr").unwrap().to_owned();
    (path, header(&answer, "etag"))
}

/// Otherwise two devices cannot meet, or overwrite each other's words.
#[tokio::test]
async fn two_devices_take_turns() {
    let site = TestIdentity::start();
    let (path, first) = start(&site, "Hello from A").await;
    let read = old(&site, "GET", &path, "", "").await;
    assert_eq!((read.status, &*read.body), (StatusCode::OK, "Hello from A"));
    assert_eq!(header(&read, "content-type"), "text/plain");
    assert_eq!(header(&read, "cache-control"), "no-store");
    assert_eq!(header(&read, "expires"), "Tue, 14 Nov 2023 22:18:20 GMT");
    assert_eq!(old(&site, "GET", &path, &first, "").await.status, StatusCode::NOT_MODIFIED);
    let wrote = old(&site, "PUT", &path, &first, "Hello from B").await;
    assert_eq!(wrote.status, StatusCode::ACCEPTED);
    let second = header(&wrote, "etag");
    assert_ne!(first, second);
    let late = old(&site, "PUT", &path, &first, "Hello again").await;
    assert_eq!(late.status, StatusCode::PRECONDITION_FAILED);
    assert!(late.body.contains("\"M_CONCURRENT_WRITE\"") && header(&late, "etag") == second);
    let same = old(&site, "PUT", &path, &second, "Hello from B").await;
    assert_ne!(header(&same, "etag"), second, "the same words are another turn");
    assert_eq!(old(&site, "GET", &path, &first, "").await.body, "Hello from B");
    assert_eq!(old(&site, "DELETE", &path, "", "").await.status, StatusCode::NO_CONTENT);
    assert_eq!(old(&site, "GET", &path, "", "").await.status, StatusCode::NOT_FOUND);
    assert_eq!(old(&site, "DELETE", &path, "", "").await.status, StatusCode::NOT_FOUND);
}

/// Otherwise anybody keeps anything here, for ever, or shows it to people in a browser.
#[tokio::test]
async fn sessions_are_small_short_and_no_pages() {
    let site = TestIdentity::start();
    let (path, etag) = start(&site, &"x".repeat(4096)).await;
    let large = old(&site, "PUT", &path, &etag, &"x".repeat(4097)).await;
    assert_eq!(large.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(old(&site, "PUT", &path, "", "x").await.status, StatusCode::BAD_REQUEST);
    for weak in ["W/\"x\"", "\"a\", \"b\"", "*", "\"\""] {
        let answer = old(&site, "PUT", &path, weak, "x").await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{weak}");
    }
    let html = Request::post(OLD).header("content-type", "text/html").header("content-length", 1);
    let answer = site.send(html.body(Body::from("x")).unwrap()).await;
    assert!(answer.body.contains("M_INVALID_PARAM"), "{}", answer.body);
    let bare = site.send(Request::post(OLD).body(Body::from("x")).unwrap()).await;
    assert!(bare.body.contains("M_MISSING_PARAM"), "{}", bare.body);
    let opened = Request::get(&path).header("sec-fetch-mode", "navigate");
    let answer = site.send(opened.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    site.host.advance(300_000);
    assert_eq!(old(&site, "GET", &path, "", "").await.status, StatusCode::NOT_FOUND);
    assert_eq!(old(&site, "PUT", &path, &etag, "x").await.status, StatusCode::NOT_FOUND);
    let mut statuses = Vec::new();
    for _ in 0..30 {
        statuses.push(old(&site, "POST", OLD, "", "x").await.status);
    }
    assert!(statuses.contains(&StatusCode::TOO_MANY_REQUESTS), "{statuses:?}");
}

/// Otherwise the newer clients cannot sign in a device, or strangers fill the memory.
#[tokio::test]
async fn the_newer_dialect_is_for_known_people_and_survives_retries() {
    let site = TestIdentity::start();
    let user_id = site.account("alice", "correct horse").await;
    let tokens = TokenPair { access: TokenHash::of("token"), expires_ms: None, refresh: None };
    let device_id = DeviceId::parse("D").unwrap();
    let login = NewLogin { device_id, display_name: None, tokens };
    site.identity.store.log_in(&user_id, login, 0).await.unwrap();
    let ask = async |method, path: &str, token, body| new(&site, method, path, token, &body).await;
    assert_eq!(ask("GET", NEW, "", json!({})).await.1, json!({ "create_available": false }));
    assert_eq!(ask("GET", NEW, "token", json!({})).await.1, json!({ "create_available": true }));
    for method in ["GET", "POST"] {
        let (status, answer) = ask(method, NEW, "wrong", json!({ "data": "a" })).await;
        assert_eq!((status.as_u16(), &answer["errcode"]), (401, &json!("M_UNKNOWN_TOKEN")));
    }
    let (status, answer) = ask("POST", NEW, "", json!({ "data": "a" })).await;
    assert_eq!((status, &answer["errcode"]), (StatusCode::FORBIDDEN, &json!("M_FORBIDDEN")));
    let (status, session) = ask("POST", NEW, "token", json!({ "data": "a" })).await;
    assert_eq!((status, &session["expires_in_ms"]), (StatusCode::OK, &json!(300_000)));
    let path = format!("{NEW}/{}", session["id"].as_str().unwrap());
    let first = session["sequence_token"].clone();
    let write = async |token: &Value, data: &str| {
        new(&site, "PUT", &path, "", &json!({ "sequence_token": token, "data": data })).await
    };
    let (_, second) = write(&first, "b").await;
    let (status, again) = write(&first, "b").await;
    assert_eq!((status, &again), (StatusCode::OK, &second), "the answer may have been lost");
    let (status, refused) = write(&first, "c").await;
    assert_eq!(
        (status.as_u16(), &refused["errcode"]),
        (409, &json!("IO_ELEMENT_MSC4388_CONCURRENT_WRITE"))
    );
    let once = async |txn: &str, token: &Value, data: &str| {
        let path = format!("{path}/{txn}");
        new(&site, "PUT", &path, "", &json!({ "sequence_token": token, "data": data })).await
    };
    let (_, third) = once("1", &second["sequence_token"], "d").await;
    let (_, fourth) = once("2", &third["sequence_token"], "b").await;
    let lost = once("3", &first, "e").await;
    assert_eq!(lost.0, StatusCode::CONFLICT);
    assert_eq!(once("1", &second["sequence_token"], "d").await, (StatusCode::OK, third));
    let later = once("3", &fourth["sequence_token"], "e").await;
    assert_eq!(later, lost, "a write that was lost is not made later");
    let second = fourth;
    let long = "x".repeat(256);
    assert_eq!(once(&long, &first, "f").await.1["errcode"], "M_INVALID_PARAM");
    let (_, read) = ask("GET", &path, "", json!({})).await;
    assert_eq!((&read["data"], &read["sequence_token"]), (&json!("b"), &second["sequence_token"]));
    let (status, _) = write(&second["sequence_token"], &"é".repeat(2049)).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(ask("PUT", &path, "", json!({})).await.1["errcode"], "M_BAD_JSON");
    assert_eq!(ask("DELETE", &path, "", json!({})).await.0, StatusCode::OK);
    assert_eq!(ask("DELETE", &path, "", json!({})).await.1["errcode"], "M_NOT_FOUND");
}

/// Otherwise a few sources keep everybody else from signing in with a QR code.
#[tokio::test]
async fn one_source_has_a_part_of_the_places() {
    use estafette_core::limits::RENDEZVOUS_PER_SOURCE;
    let site = TestIdentity::start();
    site.host.limits.store(false, std::sync::atomic::Ordering::SeqCst);
    let request = Request::post(OLD)
        .header("host", "chat.x.fr")
        .header("x-test-address", "10.9.9.9")
        .header("content-type", "text/plain")
        .header("content-length", 5);
    let other = site.send(request.body(Body::from("other")).unwrap()).await;
    let other: Value = serde_json::from_str(&other.body).unwrap();
    let other = other["url"].as_str().unwrap().strip_prefix("http://chat.x.fr").unwrap();
    let (first, _) = start(&site, "first").await;
    let mut last = String::new();
    for _ in 0..RENDEZVOUS_PER_SOURCE {
        (last, _) = start(&site, "more").await;
    }
    let status = async |path: &str| old(&site, "GET", path, "", "").await.status;
    assert_eq!(status(&first).await, StatusCode::NOT_FOUND);
    assert_eq!(status(&last).await, StatusCode::OK);
    assert_eq!(status(other).await, StatusCode::OK);
}
