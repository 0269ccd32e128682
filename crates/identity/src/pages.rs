// SPDX-License-Identifier: Apache-2.0
//! Pages for browsers: plain HTML rendered here, without any script.
//!
//! A handler takes a [`Browser`] to show something and a [`Posted`] form to change something; the
//! latter exists only when the form carried the token of that browser, so no handler can forget to
//! look. Every page leaves through [`Browser::show`], which sets the headers that confine it.

mod date;
mod form;
mod language;
pub(crate) mod layout;
pub(crate) mod once;
mod query;
pub(crate) mod session;
mod trouble;
pub(crate) mod words;

use std::sync::{Arc, LazyLock};

use axum::{Router, middleware, response::Redirect, routing::get};
use http::{HeaderMap, HeaderValue, Uri, header};
use sha2::{Digest as _, Sha256};

pub(crate) use self::{
    date::{Date, Moment},
    form::Posted,
    language::Language,
    layout::{Field, Page},
    query::Query,
    session::Browser,
    trouble::Trouble,
};
use crate::{
    Identity, account_pages, address_change, oauth, password_link, password_reset, policy, sign_in,
    sign_up, single_sign_on, upstream, validity, wrong_method,
};
use estafette_core::limits::CONTINUE_BYTES_MAX;

/// What the pages look like.
const STYLE: &str = include_str!("pages/style.css");
const STYLE_PATH: &str = "/_estafette/static/pages.css";

/// Where the style is. It changes with [`STYLE`], which may therefore be kept for ever.
static STYLE_URL: LazyLock<String> = LazyLock::new(|| {
    let sha256 = Sha256::digest(STYLE);
    let mark: String = sha256.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    format!("{STYLE_PATH}?{mark}")
});

/// What a handler of a page answers.
pub(crate) type PageResult = Result<axum::response::Response, Trouble>;

/// All pages.
pub(crate) fn routes(identity: &Arc<Identity>) -> Router {
    Router::new()
        .route(STYLE_PATH, get(style))
        .route("/.well-known/change-password", get(change_password))
        .merge(sign_in::routes())
        .merge(oauth::pages())
        .merge(account_pages::routes())
        .merge(upstream::pages())
        .merge(sign_up::routes())
        .merge(single_sign_on::routes())
        .merge(password_reset::routes())
        .merge(password_link::routes())
        .merge(address_change::routes())
        .merge(validity::routes())
        .merge(policy::routes())
        .route("/_estafette", get(home))
        .route("/_estafette/", get(home))
        .route("/_estafette/{*unknown}", get(unknown).post(unknown))
        .method_not_allowed_fallback(wrong_method::to_people)
        .layer(middleware::from_fn_with_state(Arc::clone(identity), trouble::show))
        .layer(middleware::from_fn_with_state(Arc::clone(identity), once::answer_once))
        // What goes wrong before a form is worked off has a page too.
        .layer(middleware::from_fn_with_state(Arc::clone(identity), trouble::show))
        .with_state(Arc::clone(identity))
}

/// Links in old mails are followed by people: they get a page.
async fn unknown() -> Trouble {
    Trouble::NotFound
}

/// Whoever types no more than the beginning of an address finds their account.
async fn home() -> Redirect {
    Redirect::to(account_pages::PATH)
}

/// Where password managers lead people ("A Well-Known URL for Changing Passwords", W3C).
async fn change_password() -> Redirect {
    Redirect::to(account_pages::CHANGE_PASSWORD)
}

async fn style() -> (HeaderMap, &'static str) {
    let mut headers = HeaderMap::new();
    let mut set = |name, value| headers.insert(name, HeaderValue::from_static(value));
    set(header::CONTENT_TYPE, "text/css; charset=utf-8");
    set(header::CACHE_CONTROL, "public, max-age=31536000, immutable");
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    (headers, STYLE)
}

/// Where to go on to, if it is a path of this server and nothing else.
///
/// Browsers read `//host`, `/\host` and paths with tabs or line breaks as another server (T-I8).
pub(crate) fn local_path(given: &str) -> Option<&str> {
    let mut bytes = given.bytes();
    let rooted = bytes.next() == Some(b'/') && !matches!(bytes.next(), Some(b'/' | b'\\'));
    let plain = given.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    let short = given.len() <= CONTINUE_BYTES_MAX;
    (rooted && plain && short && given.parse::<Uri>().is_ok()).then_some(given)
}

#[cfg(test)]
mod constant_time;
#[cfg(test)]
mod tests;
