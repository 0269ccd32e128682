// SPDX-License-Identifier: Apache-2.0
//! A form is worked off once, however often it is sent.
//!
//! People click twice, and telephones send again what a bad network swallowed. A browser then shows
//! the answer to the last request and drops the others, and with them the cookie of a session that
//! has just begun. So the same form, with the token that every page draws anew, is answered once,
//! and whoever sends it again within a few seconds is given that answer. It is worked off to the
//! end also when the browser has hung up.
//!
//! The answer is given to nobody but the browser that sent the form, by the cookie it had then or
//! the one that the answer gave it, and only while the session that the answer was made for is what
//! it was ([`MadeFor`]): what was shown to somebody is not shown again once they are signed out.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use axum::{
    body::Body,
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use estafette_core::limits::{
    BODY_READ_TIMEOUT_S, FORM_ANSWER_BYTES_MAX, FORM_ANSWER_S, FORM_ANSWERS_MAX, FORM_BYTES_MAX,
};
use http::{HeaderValue, Method, StatusCode, header, request::Parts};
use http_body_util::{BodyExt as _, Limited};
use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;
use tracing::Instrument as _;

use super::{
    Trouble,
    session::{MadeFor, answered_cookie, presented_cookie},
};
use crate::Identity;

/// What tells a form from every other: where it is sent, and all that stands in it.
type Form = [u8; 32];

/// The forms of the last seconds and their answers.
#[derive(Default)]
pub(crate) struct Answers(Mutex<Table>);

#[derive(Default)]
struct Table {
    known: HashMap<Form, Known>,
    /// In the order in which they came, with the time in ms.
    order: VecDeque<(i64, Form)>,
}

#[derive(Clone)]
struct Known {
    /// What the browser was called that sent it.
    cookie: Option<String>,
    answer: watch::Receiver<Option<Arc<Answer>>>,
}

struct Answer {
    response: Response<Bytes>,
    /// What the browser is called from now on, where that has changed.
    cookie: Option<String>,
}

/// What is to be done with a form.
enum Turn {
    /// It is new: here goes the answer.
    First(watch::Sender<Option<Arc<Answer>>>),
    /// It is being answered, or has been.
    Again(watch::Receiver<Option<Arc<Answer>>>),
    /// It is known, and not from this browser.
    Stranger,
}

impl Answers {
    fn turn(&self, form: Form, cookie: Option<&str>, now_ms: i64) -> Turn {
        let mut table = self.0.lock();
        table.sweep(now_ms);
        if let Some(known) = table.known.get(&form) {
            return match known.is_of(cookie) {
                true => Turn::Again(known.answer.clone()),
                false => Turn::Stranger,
            };
        }
        let (sender, answer) = watch::channel(None);
        table.known.insert(form, Known { cookie: cookie.map(str::to_owned), answer });
        table.order.push_back((now_ms, form));
        Turn::First(sender)
    }

    /// What failed is tried anew.
    fn forget(&self, form: &Form) {
        let mut table = self.0.lock();
        table.known.remove(form);
        table.order.retain(|(_, known)| known != form);
    }
}

impl Table {
    fn sweep(&mut self, now_ms: i64) {
        let since_ms = now_ms.saturating_sub((FORM_ANSWER_S * 1000).cast_signed());
        while let Some((came_ms, form)) = self.order.front().copied() {
            if came_ms > since_ms && self.order.len() < FORM_ANSWERS_MAX {
                return;
            }
            self.order.pop_front();
            self.known.remove(&form);
        }
    }
}

impl Known {
    fn is_of(&self, cookie: Option<&str>) -> bool {
        let answer = self.answer.borrow();
        let given = answer.as_ref().and_then(|answer| answer.cookie.as_deref());
        self.cookie.as_deref() == cookie || (given.is_some() && given == cookie)
    }
}

/// Answers a form once.
pub(super) async fn answer_once(
    State(identity): State<Arc<Identity>>,
    request: Request,
    next: Next,
) -> Response {
    if request.method() != Method::POST {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let body = Limited::new(body, FORM_BYTES_MAX).collect();
    let body = tokio::time::timeout(Duration::from_secs(BODY_READ_TIMEOUT_S), body).await;
    let Ok(Ok(body)) = body else { return Trouble::NotUnderstood.into_response() };
    let body = body.to_bytes();
    let cookie = presented_cookie(&parts.headers).map(str::to_owned);
    let form = name_of(&parts, &body);
    let request = Request::from_parts(parts, Body::from(body));
    match identity.form_answers.turn(form, cookie.as_deref(), identity.host.now_ms()) {
        Turn::Stranger => next.run(request).await,
        Turn::Again(answer) => match answered(answer).await {
            Ok(answer) => match answer.still_holds(&identity).await {
                Ok(true) => answer.response(),
                Ok(false) => next.run(request).await,
                Err(trouble) => trouble.into_response(),
            },
            Err(trouble) => trouble.into_response(),
        },
        Turn::First(sender) => {
            let answer = sender.subscribe();
            let work = work_off(Arc::clone(&identity), form, request, next, sender);
            tokio::spawn(work.in_current_span());
            match answered(answer).await {
                Ok(answer) => answer.response(),
                Err(trouble) => trouble.into_response(),
            }
        }
    }
}

async fn work_off(
    identity: Arc<Identity>,
    form: Form,
    request: Request,
    next: Next,
    sender: watch::Sender<Option<Arc<Answer>>>,
) {
    // Also when a handler panics: nobody is given an answer that never came.
    let forget = Forget { identity: &identity, form: Some(form) };
    let (parts, body) = next.run(request).await.into_parts();
    let Ok(body) = body.collect().await else { return };
    let response = Response::from_parts(parts, body.to_bytes());
    let status = response.status();
    let is_answer = status.is_success() || status == StatusCode::UNPROCESSABLE_ENTITY;
    if (is_answer || leads_on_here(&response)) && response.body().len() <= FORM_ANSWER_BYTES_MAX {
        forget.not();
    }
    let cookie = answered_cookie(response.headers()).map(str::to_owned);
    sender.send_replace(Some(Arc::new(Answer { response, cookie })));
}

/// What is handed to an application, such as a code, is used by it: a later click is worth another.
fn leads_on_here<T>(response: &Response<T>) -> bool {
    let to = response.headers().get(header::LOCATION).and_then(|to| to.to_str().ok());
    response.status().is_redirection() && to.is_some_and(|to| to.starts_with('/'))
}

/// Forgets a form when it is dropped.
struct Forget<'a> {
    identity: &'a Identity,
    form: Option<Form>,
}

impl Forget<'_> {
    fn not(mut self) {
        self.form = None;
    }
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        if let Some(form) = &self.form {
            self.identity.form_answers.forget(form);
        }
    }
}

/// The answer, once it is there.
async fn answered(
    mut answer: watch::Receiver<Option<Arc<Answer>>>,
) -> Result<Arc<Answer>, Trouble> {
    let answer = answer.wait_for(Option::is_some).await.ok().and_then(|answer| answer.clone());
    answer.ok_or_else(|| Trouble::Broken("a form was not worked off".into()))
}

impl Answer {
    fn response(&self) -> Response {
        self.response.clone().map(Body::from)
    }

    /// Whether whoever it was made for is signed in as they were then. What no browser was looked
    /// at for says nothing of anybody.
    async fn still_holds(&self, identity: &Identity) -> Result<bool, Trouble> {
        match self.response.extensions().get::<MadeFor>() {
            Some(made_for) => made_for.still_holds(identity).await,
            None => Ok(true),
        }
    }
}

fn name_of(parts: &Parts, body: &[u8]) -> Form {
    let mut hash = Sha256::new();
    let language = parts.headers.get(header::ACCEPT_LANGUAGE);
    for part in
        [parts.uri.to_string().as_bytes(), language.map_or(&[][..], HeaderValue::as_bytes), body]
    {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests;
