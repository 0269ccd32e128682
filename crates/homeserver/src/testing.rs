// SPDX-License-Identifier: Apache-2.0
//! PROVISIONAL, replaced by branch accounts.
use crate::{
    Server, Shared,
    clock::{ManualClock, SeededRandom},
    config::Config,
};
use axum::{Router, body::Body};
use http::{HeaderMap, Method, Request, StatusCode};
use serde_json::Value;
use std::sync::Arc;
use tower::ServiceExt as _;
pub(crate) struct TestServer {
    pub server: Shared,
    pub clock: Arc<ManualClock>,
    router: Router,
    _folder: tempfile::TempDir,
}
pub(crate) struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub bytes: bytes::Bytes,
}
impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|_| panic!("{:?}", self.bytes))
    }
}
impl TestServer {
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }
    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config {
            server_name: "x.fr".into(),
            data_dir: folder.path().into(),
            ..Config::default()
        };
        config.rate_limits.enabled = false;
        change(&mut config);
        let clock = Arc::new(ManualClock::at(1_700_000_000_000));
        let server =
            Server::open(config, Arc::clone(&clock) as _, Arc::new(SeededRandom::new(1))).unwrap();
        let router = crate::http::router(Arc::clone(&server));
        Self { server, clock, router, _folder: folder }
    }
    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        Answer { status: parts.status, headers: parts.headers, bytes }
    }
    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        user: &str,
        body: impl Into<Body>,
    ) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {user}"));
        self.send(request.body(body.into()).unwrap()).await
    }
}
