// SPDX-License-Identifier: Apache-2.0
//! Where two devices meet to sign one of them in with a QR code: one small text that both read and
//! overwrite, for a few minutes.
//!
//! In two dialects over one memory: [`msc4108`] as of 2024 and [`msc4388`]. What is exchanged is
//! encrypted between the devices; this server vouches for none of it. Nothing outlives a restart.

mod msc4108;
mod msc4388;

use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

use axum::{
    Router,
    body::Body,
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use estafette_core::limits::{
    RENDEZVOUS_BYTES_MAX, RENDEZVOUS_PER_SOURCE, RENDEZVOUS_S, RENDEZVOUS_SESSIONS_MAX,
    RENDEZVOUS_WRITES_MAX,
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::{Host, HostError, Identity, waiting::Waiting};

pub(crate) fn routes() -> Router<Arc<Identity>> {
    msc4108::routes().merge(msc4388::routes())
}

/// All sessions.
pub(crate) struct Rendezvous {
    sessions: Waiting<Session>,
}

impl Default for Rendezvous {
    fn default() -> Self {
        Self { sessions: Waiting::new(RENDEZVOUS_SESSIONS_MAX, RENDEZVOUS_PER_SOURCE) }
    }
}

/// What two devices share.
#[derive(Debug, Clone)]
struct Session {
    data: Bytes,
    /// Changes with every write, also of the same data.
    token: String,
    writes: u64,
    modified_ms: i64,
    expires_ms: i64,
    /// What writes were answered, by the beginning of the hash of their transaction ids: the new
    /// token, or `None` where the other device had written meanwhile.
    answers: BTreeMap<[u8; 16], Option<String>>,
}

impl Session {
    fn write(&mut self, id: &str, seen: &str, data: Bytes, now_ms: i64) -> Result<Self, Refused> {
        if self.token != seen {
            return Err(Refused::Concurrent(self.clone()));
        }
        self.data = data;
        self.modified_ms = now_ms;
        self.renew_token(id);
        Ok(self.clone())
    }

    /// Bound to the session, the count of writes and the data, as MSC4388 recommends.
    fn renew_token(&mut self, id: &str) {
        self.writes += 1;
        let mut hash = Sha256::new();
        hash.update(id);
        hash.update(self.writes.to_be_bytes());
        hash.update(&self.data);
        self.token = URL_SAFE_NO_PAD.encode(hash.finalize());
    }
}

/// MSC4388, "M_CONCURRENT_WRITE errcode", as long as its paths are unstable.
const CONCURRENT_WRITE: &str = "IO_ELEMENT_MSC4388_CONCURRENT_WRITE";
const WROTE_MEANWHILE: &str = "The other device wrote meanwhile.";

/// Why a session cannot be read or written.
#[derive(Debug)]
enum Refused {
    /// 404: it is not there, or no longer.
    NotFound,
    /// The other device wrote meanwhile: this is what stands there now.
    Concurrent(Session),
    /// 413.
    TooLarge,
    /// What the Client-Server API answers to a token that lets nobody in.
    Unknown(Box<Response>),
    /// 403.
    Forbidden(&'static str),
    /// 400, with a code.
    Malformed(&'static str, &'static str),
    /// 429.
    Limited(u64),
}

impl Rendezvous {
    /// Begins a session with its first data.
    fn create(
        &self,
        host: &dyn Host,
        source: IpAddr,
        data: Bytes,
    ) -> Result<(String, Session), Refused> {
        check_size(&data)?;
        let now_ms = host.now_ms();
        let mut id = [0; 32];
        host.fill_random(&mut id);
        let id = URL_SAFE_NO_PAD.encode(id);
        let mut session = Session {
            data,
            token: String::new(),
            writes: 0,
            modified_ms: now_ms,
            expires_ms: now_ms.saturating_add((RENDEZVOUS_S * 1000).cast_signed()),
            answers: BTreeMap::new(),
        };
        session.renew_token(&id);
        self.sessions.put(&id, source, session.clone(), session.expires_ms, now_ms);
        Ok((id, session))
    }

    fn read(&self, id: &str, now_ms: i64) -> Result<Session, Refused> {
        let found = self.sessions.with(id, now_ms, |session| session.clone());
        found.ok_or(Refused::NotFound)
    }

    /// Overwrites what stands there, if it is what the writer has seen.
    fn write(&self, id: &str, seen: &str, data: Bytes, now_ms: i64) -> Result<Session, Refused> {
        check_size(&data)?;
        let write = |session: &mut Session| session.write(id, seen, data, now_ms);
        self.sessions.with(id, now_ms, write).unwrap_or(Err(Refused::NotFound))
    }

    /// The same, and what it was answered the first time when it comes again under the same
    /// transaction id. Returns the token.
    fn write_once(
        &self,
        id: &str,
        txn_id: &str,
        (seen, data): (&str, Bytes),
        now_ms: i64,
    ) -> Result<String, Refused> {
        check_size(&data)?;
        let hash: [u8; 32] = Sha256::digest(txn_id).into();
        let mut txn = [0; 16];
        txn.copy_from_slice(hash.split_at(16).0);
        let write = |session: &mut Session| {
            if let Some(answer) = session.answers.get(&txn) {
                return answer.clone().ok_or_else(|| Refused::Concurrent(session.clone()));
            }
            if session.answers.len() >= RENDEZVOUS_WRITES_MAX {
                return Err(Refused::Limited(RENDEZVOUS_S));
            }
            let written = session.write(id, seen, data, now_ms).map(|session| session.token);
            session.answers.insert(txn, written.as_ref().ok().cloned());
            written
        };
        self.sessions.with(id, now_ms, write).unwrap_or(Err(Refused::NotFound))
    }

    fn remove(&self, id: &str, now_ms: i64) -> Result<(), Refused> {
        let removed = self.sessions.take(id, now_ms);
        removed.map(|_| ()).ok_or(Refused::NotFound)
    }
}

fn check_size(data: &Bytes) -> Result<(), Refused> {
    if data.len() > RENDEZVOUS_BYTES_MAX { Err(Refused::TooLarge) } else { Ok(()) }
}

/// Nobody is to open a session as a page in a browser: it may hold anything (MSC4388, "Unsafe
/// content").
fn refuse_navigation(headers: &HeaderMap) -> Result<(), Refused> {
    let is = |name, values: &[&str]| {
        headers.get(name).is_some_and(|value| values.iter().any(|known| value == known))
    };
    if is("sec-fetch-mode", &["navigate", "nested-navigate"])
        || is("sec-fetch-dest", &["document", "iframe", "frame", "embed", "object"])
    {
        return Err(Refused::Forbidden("This is not a page."));
    }
    Ok(())
}

impl From<HostError> for Refused {
    fn from(error: HostError) -> Self {
        match error {
            HostError::Limited { retry_after_ms } => Self::Limited(retry_after_ms.div_ceil(1000)),
            _ => Self::Limited(1),
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        if let Self::Unknown(answer) = self {
            return *answer;
        }
        let (status, errcode, message) = match &self {
            Self::NotFound => {
                (StatusCode::NOT_FOUND, "M_NOT_FOUND", "There is no such rendezvous session.")
            }
            Self::Unknown(_) => (StatusCode::UNAUTHORIZED, "M_UNKNOWN_TOKEN", ""),
            // MSC4388, by its unstable name; the dialect of 2024 answers with 412.
            Self::Concurrent(_) => (StatusCode::CONFLICT, CONCURRENT_WRITE, WROTE_MEANWHILE),
            Self::TooLarge => {
                (StatusCode::PAYLOAD_TOO_LARGE, "M_TOO_LARGE", "At most 4096 bytes are kept.")
            }
            Self::Forbidden(message) => (StatusCode::FORBIDDEN, "M_FORBIDDEN", *message),
            Self::Malformed(errcode, message) => (StatusCode::BAD_REQUEST, *errcode, *message),
            Self::Limited(_) => {
                (StatusCode::TOO_MANY_REQUESTS, "M_LIMIT_EXCEEDED", "Wait a little.")
            }
        };
        let mut body = json!({ "errcode": errcode, "error": message });
        let mut wait = None;
        if let (Self::Limited(wait_s), Some(members)) = (&self, body.as_object_mut()) {
            members.insert("retry_after_ms".into(), json!(wait_s.saturating_mul(1000)));
            wait = Some(HeaderValue::from(*wait_s));
        }
        let mut response = json_answer(status, &body);
        if let Some(wait) = wait {
            response.headers_mut().insert(header::RETRY_AFTER, wait);
        }
        response
    }
}

/// JSON that nobody keeps.
fn json_answer(status: StatusCode, body: &serde_json::Value) -> Response {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

#[cfg(test)]
mod tests;
