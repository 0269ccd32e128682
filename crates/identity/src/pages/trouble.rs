// SPDX-License-Identifier: Apache-2.0
//! When a page cannot be shown: one sentence, in the reader's language.

use std::sync::{Arc, OnceLock};

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use estafette_core::limits::CONTINUE_BYTES_MAX;
use estafette_store::StoreError;
use http::{HeaderValue, StatusCode, Uri, header};
use maud::{Markup, html};

use super::{
    Field, Page,
    language::Language,
    layout,
    words::{self, Words},
};
use crate::{
    HostError, Identity, account_pages, code::with_query, page_links, pages::local_path,
    sign_in::hinted, validity,
};

/// Fields that are not put into a page again, but asked for again.
const PASSWORDS: &[&str] = &["old", "password", "again"];

/// Why a page cannot be shown.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Trouble {
    /// The form was not of a page that this browser was shown, or its cookie is gone.
    #[error("the form has no valid token")]
    FormTooOld,
    /// The request is malformed, too long or too slow.
    #[error("the request is not understood")]
    NotUnderstood,
    /// What takes forms alone was opened as a page.
    #[error("it takes forms alone")]
    OnlyPosted,
    /// Whatever was asked for does not exist, or may not be seen.
    #[error("there is no such thing")]
    NotFound,
    /// The account is suspended: its owner may look and not act.
    #[error("the account is suspended")]
    Suspended,
    /// The account is locked, and whoever asks has proven that it is theirs.
    #[error("the account is locked")]
    Locked,
    /// Asked too often.
    #[error("asked too often: wait {retry_after_s} s")]
    Limited {
        /// How long to wait.
        retry_after_s: u64,
    },
    /// It may work in a moment.
    #[error("busy")]
    Busy,
    /// Something of ours is broken.
    #[error("{0}")]
    Broken(String),
}

impl Trouble {
    fn status(&self) -> StatusCode {
        match self {
            Self::FormTooOld | Self::Suspended | Self::Locked => StatusCode::FORBIDDEN,
            Self::NotUnderstood => StatusCode::BAD_REQUEST,
            Self::OnlyPosted => StatusCode::METHOD_NOT_ALLOWED,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Limited { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Self::Broken(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        if error.is_transient() { Self::Busy } else { Self::Broken(error.to_string()) }
    }
}

impl From<HostError> for Trouble {
    fn from(error: HostError) -> Self {
        match error {
            HostError::Limited { retry_after_ms } => {
                Self::Limited { retry_after_s: retry_after_ms.div_ceil(1000) }
            }
            HostError::Overloaded => Self::Busy,
            HostError::WeakPassword(_) => Self::NotUnderstood,
            HostError::Unreachable(why) | HostError::Internal(why) => Self::Broken(why),
        }
    }
}

impl IntoResponse for Trouble {
    /// The answer without its words: [`show`] writes them.
    fn into_response(self) -> Response {
        if let Self::Broken(why) = &self {
            tracing::error!(%why, "a page failed");
        }
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// What was filled in, once the form is known to be this browser's. No password, but that there was
/// one.
#[derive(Clone, Default)]
pub(super) struct FilledIn(Arc<OnceLock<Vec<(String, String)>>>);

impl FilledIn {
    /// Remembers of a form that may be anybody's where it was to go on to and whom it was about:
    /// what a link could say as well.
    pub(super) fn remember_way(&self, body: &[u8]) {
        let fields: Vec<(String, String)> = serde_urlencoded::from_bytes(body).unwrap_or_default();
        let kept = fields.into_iter().filter(|(name, value)| match name.as_str() {
            "continue" => local_path(value).is_some(),
            "query" => value.len() <= CONTINUE_BYTES_MAX,
            "who" | "address" | "login_hint" => hinted(value.trim_matches(' ')).is_some(),
            _ => false,
        });
        // A request has one form.
        let _ = self.0.set(kept.collect());
    }

    fn get(&self, names: &[&str]) -> Option<&str> {
        let mut fields = self.0.get()?.iter();
        let found = fields.find(|(name, value)| names.contains(&&**name) && !value.is_empty());
        found.map(|(_, value)| value.trim_matches(' '))
    }

    /// Remembers the fields of a form for as long as the request lasts.
    pub(super) fn remember(&self, body: &[u8]) {
        let mut fields: Vec<(String, String)> =
            serde_urlencoded::from_bytes(body).unwrap_or_default();
        for (name, value) in &mut fields {
            if PASSWORDS.contains(&&**name) {
                zeroize::Zeroize::zeroize(value);
            }
        }
        // A request has one form.
        let _ = self.0.set(fields);
    }
}

/// A button that sends the same form again: who has to wait loses nothing that was typed.
/// Passwords are typed again: they stand in no page.
fn once_more(action: &Uri, FilledIn(fields): &FilledIn, words: &Words) -> Markup {
    let Some(fields) = fields.get() else {
        return html! { div.actions { a.button href=(action) { (words.troubles.again) } } };
    };
    let label = |name: &str| match name {
        "old" => words.password.old,
        "again" => words.password.again,
        _ => words.password.label,
    };
    html! {
        form method="post" action=(action) {
            @for (name, value) in fields {
                @if PASSWORDS.contains(&&**name) {
                    (Field {
                        name, label: label(name), kind: "password", value: "",
                        autocomplete: "off", hint: None, error: None,
                    }.render())
                } @else {
                    input type="hidden" name=(name) value=(value);
                }
            }
            div.actions { button type="submit" { (words.troubles.again) } }
        }
    }
}

/// Where a form begins that was posted to a path: a page that can be opened without more, with
/// what the form was about. Opening it does nothing.
fn beginning(path: &str, filled_in: &FilledIn) -> Option<String> {
    let account = path.strip_prefix("/_estafette/account/");
    let begins = match (path, account) {
        ("/_estafette/renew/mail", _) => validity::RENEW,
        ("/_estafette/sign-out", _) => account_pages::PATH,
        ("/_estafette/consent", _) => {
            let consent = format!("{path}?{}", filled_in.get(&["query"])?);
            return local_path(&consent).map(str::to_owned);
        }
        ("/_estafette/single-sign-on", _) => return None,
        (_, Some(rest))
            if !["address", "password", "prove"].iter().any(|kept| rest.starts_with(kept)) =>
        {
            account_pages::PATH
        }
        _ => path.strip_suffix("/join").unwrap_or(path),
    };
    let mut query = Vec::new();
    query.extend(filled_in.get(&["continue"]).map(|onward| ("continue", onward)));
    let whom = filled_in.get(&["who", "address", "login_hint"]);
    query.extend(whom.map(|whom| ("login_hint", whom)));
    if query.is_empty() {
        return Some(begins.to_owned());
    }
    Some(with_query(begins, &query))
}

/// What is wrong, also where the router said so itself, without a word for people: the address of a
/// form was opened, or something in it is malformed.
fn of(response: &Response) -> Option<Trouble> {
    if let Some(trouble) = response.extensions().get::<Trouble>() {
        return Some(trouble.clone());
    }
    let kind = response.headers().get(header::CONTENT_TYPE);
    let wordless = kind.is_none_or(|kind| kind.as_bytes().starts_with(b"text/plain"));
    match response.status() {
        StatusCode::METHOD_NOT_ALLOWED if wordless => Some(Trouble::OnlyPosted),
        StatusCode::BAD_REQUEST if wordless => Some(Trouble::NotUnderstood),
        _ => None,
    }
}

/// Nobody is left without a way on.
fn leads_to_account(trouble: &Trouble) -> bool {
    !matches!(trouble, Trouble::FormTooOld | Trouble::Limited { .. } | Trouble::Busy)
}

/// Gives every [`Trouble`] a page in the language of whoever asked.
pub(super) async fn show(
    State(identity): State<Arc<Identity>>,
    mut request: Request,
    next: Next,
) -> Response {
    let language = Language::of(request.headers());
    let (action, filled_in) = (request.uri().clone(), FilledIn::default());
    request.extensions_mut().insert(filled_in.clone());
    let response = next.run(request).await;
    let Some(trouble) = of(&response) else { return response };
    let words = &words::of(language).troubles;
    let (title, text) = match trouble {
        Trouble::FormTooOld => words.form_too_old,
        Trouble::NotUnderstood => words.not_understood,
        Trouble::OnlyPosted => words.only_posted,
        Trouble::NotFound => words.not_found,
        Trouble::Suspended => words.suspended,
        Trouble::Locked => words.locked,
        Trouble::Limited { .. } => words.limited,
        Trouble::Busy => words.busy,
        Trouble::Broken(_) => words.broken,
    };
    let wait_s = if let Trouble::Limited { retry_after_s } = trouble { retry_after_s } else { 0 };
    let body = html! {
        h1 { (title) }
        p { (text) }
        @if wait_s > 0 { p { ((words.wait)(wait_s)) } }
        @if matches!(trouble, Trouble::Limited { .. } | Trouble::Busy) {
            (once_more(&action, &filled_in, words::of(language)))
        }
        @if matches!(trouble, Trouble::FormTooOld)
            && let Some(beginning) = beginning(action.path(), &filled_in)
        {
            div.actions { a.button href=(beginning) { (words.start_again) } }
        }
        @if leads_to_account(&trouble) {
            ul.links {
                (page_links::support(&identity, language))
                li { a href=(account_pages::PATH) { (words.to_account) } }
            }
        }
    };
    let page = Page::new(title, body).status(trouble.status());
    let mut answer = layout::response(&identity, language, &page);
    if let Some(allow) = response.headers().get(header::ALLOW) {
        answer.headers_mut().insert(header::ALLOW, allow.clone());
    }
    if wait_s > 0 {
        answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait_s));
    }
    answer
}
