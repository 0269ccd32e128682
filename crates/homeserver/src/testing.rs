//! TEMPORARY, never committed.
use std::sync::Arc;
use axum::{Router, body::Body};
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;
use crate::{Server, Shared, clock::{ManualClock, SeededRandom}, config::Config};
pub(crate) struct TestServer { pub(crate) server: Shared, pub(crate) clock: Arc<ManualClock>, pub(crate) router: Router, _dir: tempfile::TempDir, next: std::sync::atomic::AtomicI64 }
pub(crate) struct TestClient { pub(crate) router: Router, pub(crate) token: String, pub(crate) user_id: String }
impl TestServer {
    pub(crate) fn new() -> Self { Self::with(|_| {}) }
    pub(crate) fn with(change: impl FnOnce(&mut Config)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut config = Config { server_name: "example.org".into(), data_dir: dir.path().into(), ..Config::default() };
        config.rate_limits.enabled = false;
        change(&mut config);
        let clock = Arc::new(ManualClock::at(1_700_000_000_000));
        let server = Server::open(config, Arc::clone(&clock) as _, Arc::new(SeededRandom::new(7))).unwrap();
        let router = crate::http::router(Arc::clone(&server));
        Self { server, clock, router, _dir: dir, next: 1.into() }
    }
    pub(crate) async fn user(&self, name: &str) -> TestClient {
        let nid = self.next.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let user_id = format!("@{name}:example.org");
        TestClient { router: self.router.clone(), token: format!("{user_id}|{nid}"), user_id }
    }
}
impl TestClient {
    pub(crate) async fn call(&self, method: &str, path: &str, body: Option<Value>) -> (StatusCode, Value) {
        let request = Request::builder().method(method).uri(path)
            .header("authorization", format!("Bearer {}", self.token))
            .body(body.map_or_else(Body::empty, |b| Body::from(b.to_string()))).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }
}
