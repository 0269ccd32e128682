// SPDX-License-Identifier: Apache-2.0
//! A whole server in this process, for tests: a temporary folder, a clock that stands still and
//! chance that repeats itself.

mod addresses;
mod bridge;
mod rooms;

use std::{collections::HashMap, sync::Arc};

use axum::{Router, body::Body};
use estafette_core::ids::{DeviceId, UserId};
use estafette_store::{
    AccountStore as _,
    accounts::{NewAccount, NewLogin, TokenHash, TokenPair},
};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tower::ServiceExt as _;

pub(crate) use self::{bridge::Bridge, rooms::bodies};
use crate::{
    Server, Shared,
    clock::{ManualClock, SeededRandom},
    config::Config,
};

/// The password of those whom [`TestServer::register`] registers.
pub(crate) const PASSWORD: &str = "correct horse";

/// The server, its clock, and a way to talk to it.
pub(crate) struct TestServer {
    /// The server itself.
    pub server: Shared,
    /// Its clock, at 1 700 000 000 000 ms.
    pub clock: Arc<ManualClock>,
    router: Router,
    tokens: Mutex<HashMap<String, String>>,
    folder: tempfile::TempDir,
}

/// What the server answered.
pub(crate) struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub bytes: bytes::Bytes,
}

impl Answer {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|_| panic!("{:?}", self.bytes))
    }
}

impl TestServer {
    /// A server `x.fr` with open registration and no rate limits.
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// The same, with another configuration.
    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config {
            server_name: "x.fr".into(),
            data_dir: folder.path().into(),
            ..Config::default()
        };
        config.rate_limits.enabled = false;
        config.registration.open = true;
        change(&mut config);
        let clock = Arc::new(ManualClock::at(1_700_000_000_000));
        let random = Arc::new(SeededRandom::new(1));
        let server = Server::open(config, Arc::clone(&clock) as _, random).unwrap();
        let router = crate::http::router(Arc::clone(&server));
        Self { server, clock, router, tokens: Mutex::default(), folder }
    }

    /// The same server after a stop, with its data and a changed configuration.
    pub(crate) async fn restart(self, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = self.server.config.clone();
        change(&mut config);
        self.server.stop();
        let Self { server, clock, router, tokens, folder } = self;
        drop(router);
        let last = Arc::downgrade(&server);
        drop(server);
        eventually(async || last.strong_count() == 0).await;
        let random = Arc::new(SeededRandom::new(2));
        let server = Server::open(config, Arc::clone(&clock) as _, random).unwrap();
        let router = crate::http::router(Arc::clone(&server));
        Self { server, clock, router, tokens, folder }
    }

    /// Sends any request. `Authorization: Bearer @somebody:x.fr` stands for that user's device `D`,
    /// both made when they are first needed.
    pub(crate) async fn send(&self, mut request: Request<Body>) -> Answer {
        let bearer = request.headers().get(header::AUTHORIZATION);
        let bearer = bearer.and_then(|value| value.to_str().ok());
        if let Some(user_id) = bearer.and_then(|value| value.strip_prefix("Bearer @")) {
            let token = self.token_of(&format!("@{user_id}")).await;
            let value = HeaderValue::from_str(&format!("Bearer {token}")).unwrap();
            request.headers_mut().insert(header::AUTHORIZATION, value);
        }
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        Answer { status: parts.status, headers: parts.headers, bytes }
    }

    /// Sends a request in the name of `user`: an access token, or a user id as in [`Self::send`].
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

    /// Sends JSON (`Null`: no body) with a token (`""`: none) and reads JSON. `path` may leave out
    /// `/_matrix/client`.
    pub(crate) async fn request(
        &self,
        method: &str,
        path: &str,
        token: &str,
        body: Value,
    ) -> (StatusCode, Value) {
        let short = path.starts_with("/v") || path.starts_with("/r0") || path.starts_with("/unst");
        let path = if short { format!("/_matrix/client{path}") } else { path.to_owned() };
        let mut request = Request::builder().method(method).uri(path);
        if !token.is_empty() {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        let answer = self.send(request.body(body).unwrap()).await;
        (answer.status, answer.json())
    }

    /// Registers a user with [`PASSWORD`] over HTTP and returns the access token.
    pub(crate) async fn register(&self, localpart: &str) -> String {
        let body = json!({
            "username": localpart, "password": PASSWORD, "auth": { "type": "m.login.dummy" },
        });
        let (status, answer) = self.request("POST", "/v3/register", "", body).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        answer["access_token"].as_str().unwrap().to_owned()
    }

    /// Logs a user in with [`PASSWORD`] and returns the whole answer.
    pub(crate) async fn login(&self, localpart: &str, device_id: &str) -> Value {
        let body = json!({
            "type": "m.login.password", "password": PASSWORD, "device_id": device_id,
            "identifier": { "type": "m.id.user", "user": localpart },
        });
        let (status, answer) = self.request("POST", "/v3/login", "", body).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        answer
    }

    /// A token of the device `D` of a user without a password.
    pub(crate) async fn token_of(&self, user_id: &str) -> String {
        if let Some(token) = self.tokens.lock().get(user_id) {
            return token.clone();
        }
        let token = format!("token of {user_id}");
        let tokens = TokenPair { access: TokenHash::of(&token), expires_ms: None, refresh: None };
        let device_id = DeviceId::parse("D").unwrap();
        let login = NewLogin { device_id, display_name: None, tokens };
        let user_id = UserId::parse(user_id).unwrap();
        let account = NewAccount {
            user_id: user_id.clone(),
            password_hash: None,
            appservice_id: None,
            is_admin: false,
            displayname: None,
            registration_token: None,
            login: Some(login),
            now_ms: self.server.now_ms(),
        };
        self.server.store.create_account(account).await.unwrap();
        self.tokens.lock().insert(user_id.to_string(), token.clone());
        token
    }
}

/// Waits until `condition` holds, two minutes at most: for what happens behind a request.
pub(crate) async fn eventually(condition: impl AsyncFn() -> bool) {
    let until = std::time::Instant::now() + std::time::Duration::from_secs(120);
    while !condition().await {
        assert!(std::time::Instant::now() < until, "it does not happen");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}
