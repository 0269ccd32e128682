// SPDX-License-Identifier: Apache-2.0
//! An application service on loopback, for tests: it writes down what it is asked and answers as it
//! is told.

use std::{collections::HashMap, path::PathBuf, sync::Arc};

use axum::{Router, body::Body, extract::Request, response::Response};
use http::{HeaderMap, Method, StatusCode};
use parking_lot::Mutex;
use serde_json::Value;

use super::eventually;

/// What the application service was asked.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub method: Method,
    /// Path and query as they came.
    pub path: String,
    pub headers: HeaderMap,
    pub body: Value,
}

/// The application service.
pub(crate) struct Bridge {
    pub url: String,
    pub asked: Arc<Mutex<Vec<Asked>>>,
    answers: Arc<Mutex<HashMap<String, (u16, Value)>>>,
    folder: tempfile::TempDir,
}

impl Bridge {
    /// One that says yes to everything.
    pub(crate) async fn start() -> Self {
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let answers: Arc<Mutex<HashMap<String, (u16, Value)>>> = Arc::default();
        let (seen, told) = (Arc::clone(&asked), Arc::clone(&answers));
        let router = Router::new().fallback(async move |request: Request| {
            let (parts, body) = request.into_parts();
            let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
            let path = parts.uri.path_and_query().unwrap().to_string();
            let found = told
                .lock()
                .iter()
                .filter(|(prefix, _)| path.starts_with(prefix.as_str()))
                .max_by_key(|(prefix, _)| prefix.len())
                .map(|(_, answer)| answer.clone());
            let (status, answer) = found.unwrap_or((200, serde_json::json!({})));
            let body = serde_json::from_slice(&bytes).unwrap_or_default();
            let (method, headers) = (parts.method, parts.headers);
            seen.lock().push(Asked { method, path, headers, body });
            let mut response = Response::new(Body::from(answer.to_string()));
            *response.status_mut() = StatusCode::from_u16(status).unwrap();
            response
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(crate::http::serve_plainly(listener, router));
        Self { url, asked, answers, folder: tempfile::tempdir().unwrap() }
    }

    /// From now on paths that begin so are answered so.
    pub(crate) fn answer(&self, path: &str, status: u16, answer: Value) {
        self.answers.lock().insert(path.to_owned(), (status, answer));
    }

    /// A registration of it: `irc`, with the user `@ircbot`, `@irc_…` and `#irc_…`. `more` is added
    /// to the file.
    pub(crate) fn registration(&self, more: &str) -> PathBuf {
        let path = self.folder.path().join("irc.yaml");
        let text = format!(
            "id: irc\nurl: '{}/'\nas_token: as-secret\nhs_token: hs-secret\n\
             sender_localpart: ircbot\nprotocols: [irc]\nnamespaces:\n  \
             users: [{{ exclusive: true, regex: '@irc_.*' }}]\n  \
             aliases: [{{ exclusive: true, regex: '#irc_.*' }}]\n{more}\n",
            self.url
        );
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Everything that it was told in transactions: bodies by their ids, in the order of coming.
    pub(crate) fn transactions(&self) -> Vec<(String, Value)> {
        let asked = self.asked.lock();
        let transactions = asked.iter().filter_map(|one| {
            let id = one.path.strip_prefix("/_matrix/app/v1/transactions/")?;
            Some((id.to_owned(), one.body.clone()))
        });
        transactions.collect()
    }

    /// The events of all transactions.
    pub(crate) fn events(&self) -> Vec<Value> {
        let transactions = self.transactions();
        let events = transactions.iter().flat_map(|(_, body)| body["events"].as_array().unwrap());
        events.cloned().collect()
    }

    /// Waits until an event with this body was told.
    pub(crate) async fn hears(&self, text: &str) {
        eventually(async || self.events().iter().any(|event| event["content"]["body"] == text))
            .await;
    }
}
