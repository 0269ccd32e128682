// SPDX-License-Identifier: Apache-2.0
//! The sign-in page: who one is, a password, and on to where one wanted to go.
//!
//! Whether an account exists, has another password or is deactivated cannot be told from the
//! answer, nor from the time that it takes (F-24). That it is locked is said after the right
//! password only.

mod by_code;

use std::sync::Arc;

use axum::{Router, extract::State, routing::get};
use estafette_core::{email_address::EmailAddress, ids::UserId};
use estafette_store::{AccountStore as _, PeopleStore as _};
use http::{HeaderValue, StatusCode, header, request::Parts};
use maud::{Markup, html};
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::{
    Identity, astray,
    code::with_query,
    oauth::base_url::base_url,
    pages::{
        Browser, Field, Page, PageResult, Posted, Query, Trouble, layout::error_summary, local_path,
    },
    upstream,
    validity::RENEW,
};

/// The page.
const PATH: &str = "/_estafette/sign-in";

pub(crate) use self::by_code::START as BY_CODE;

/// Where somebody goes who wanted to go nowhere in particular.
pub(crate) const NOWHERE_ELSE: &str = "/";

/// The same for who is signed in here: the web client takes that as its own sign-in and does not
/// ask once more, as it does strangers.
pub(crate) const TO_THE_CLIENT: &str = "/?signed-in";

pub(crate) fn routes() -> Router<Arc<Identity>> {
    Router::new()
        .route(PATH, get(show).post(sign_in))
        .route("/_estafette/sign-out", axum::routing::post(sign_out))
        .merge(by_code::routes())
}

/// Where to go on to after a page, as the pages pass it on to each other.
#[derive(Deserialize)]
pub(crate) struct Onward {
    #[serde(default, rename = "continue")]
    onward: String,
}

impl Onward {
    /// A path of this server.
    pub(crate) fn path(&self) -> &str {
        local_path(&self.onward).unwrap_or(NOWHERE_ELSE)
    }
}

#[derive(Deserialize)]
struct Credentials {
    #[serde(default)]
    who: String,
    #[serde(default)]
    password: String,
    #[serde(flatten)]
    onward: Onward,
}

/// What another page or a client sends somebody here with.
#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    login_hint: String,
    #[serde(flatten)]
    onward: Onward,
}

/// Whom a client expects: an address, a user id, or one as `mxid:@user:server` (MSC4198). Anything
/// else fills in nothing.
pub(crate) fn hinted(login_hint: &str) -> Option<&str> {
    let id = login_hint.strip_prefix("mxid:");
    let who = id.unwrap_or(login_hint);
    let is_address = id.is_none() && EmailAddress::parse(who).is_ok();
    (is_address || UserId::parse(who).is_ok()).then_some(who)
}

/// A path with where to go on to, and whom it is about where that is somebody.
pub(crate) fn with_hint(path: &str, onward: &str, who: &str) -> String {
    let mut pairs = vec![("continue", onward)];
    pairs.extend(hinted(who.trim()).map(|who| ("login_hint", who)));
    with_query(path, &pairs)
}

async fn show(browser: Browser, Query(asked): Query<Asked>) -> PageResult {
    let onward = asked.onward.path();
    if browser.user_id().is_some() {
        return Ok(browser.redirect(onward));
    }
    if browser.is_expired() {
        return Ok(browser.redirect(RENEW));
    }
    let who = hinted(&asked.login_hint).unwrap_or_default();
    Ok(browser.show(&page(&browser, onward, who, None)))
}

async fn sign_in(Posted { mut browser, form }: Posted<Credentials>) -> PageResult {
    let password = Zeroizing::new(form.password);
    let words = &browser.words().sign_in;
    let onward = form.onward.path();
    match proven(&browser, &form.who, &password).await {
        Ok(Some(user_id)) => {
            browser.sign_in(&user_id).await?;
            Ok(browser.redirect(onward))
        }
        Ok(None) => Ok(browser.show(&page(&browser, onward, &form.who, Some(words.refused)))),
        Err(Trouble::Limited { retry_after_s }) => {
            let troubles = &browser.words().troubles;
            let wait = format!("{} {}", troubles.limited.1, (troubles.wait)(retry_after_s));
            let page = page(&browser, onward, &form.who, Some(wait.as_str()));
            let mut answer = browser.show(&page.status(StatusCode::TOO_MANY_REQUESTS));
            answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(retry_after_s));
            Ok(answer)
        }
        Err(trouble) => Err(trouble),
    }
}

async fn sign_out(
    State(identity): State<Arc<Identity>>,
    parts: Parts,
    Posted { mut browser, form }: Posted<Onward>,
) -> PageResult {
    let cookie = browser.key();
    browser.sign_out().await?;
    let back = base_url(&identity, &parts).map(|base| format!("{base}/_estafette/sign-in"));
    match upstream::farewell(&identity, cookie, back.as_deref()).await? {
        None => Ok(browser.redirect(form.path())),
        Some((provider, url)) => Ok(browser.show(&signed_out(&browser, &provider, &url, &form))),
    }
}

/// Signed out here, and the way to sign out where somebody signed in.
fn signed_out(browser: &Browser, provider: &str, url: &str, onward: &Onward) -> Page {
    let words = &browser.words().upstream;
    let body = html! {
        h1 { (words.signed_out_title) }
        p { (words.signed_out) }
        ul.links {
            li { a.button href=(url) rel="noreferrer" { ((words.sign_out_there)(provider)) } }
            li { a href=(browser.place(onward.path())) { (words.go_on) } }
        }
    };
    Page::new(words.signed_out_title, body)
}

/// Whose password it is. Always hashes exactly once. Errors: [`Trouble::Locked`], to nobody but
/// who knows the password.
async fn proven(
    browser: &Browser,
    who: &str,
    password: &Zeroizing<String>,
) -> Result<Option<UserId>, Trouble> {
    let identity = &browser.identity;
    let who = who.trim().to_lowercase();
    // As for `POST /login`: guesses count together, by whatever name.
    let user_id = user_of(identity, &who).await?;
    let subject = user_id.as_ref().map_or_else(|| format!("nobody, {who:.255}"), UserId::to_string);
    let from = browser.origin(&subject).await?;
    identity.host.begin_sign_in(browser.address, &from)?;
    let guess = identity.host.begin_guess(&subject, &from)?;
    let account = match user_id.clone().or_else(|| identity.stand_in()) {
        Some(user_id) => identity.store.account(&user_id).await?,
        None => {
            // The same look-up, of whomever: it would show in the time.
            if let Ok(somebody) = UserId::from_localpart("nobody", identity.host.server_name()) {
                identity.store.account(&somebody).await?;
            }
            None
        }
    };
    let account = account.filter(|account| user_id.is_some() && !account.deactivated);
    let kept = account.as_ref().and_then(|account| account.password_hash.as_ref());
    let matches = identity.host.password_matches(guess, password, kept).await?;
    if matches {
        identity.host.sign_in_was_right(browser.address, &from);
    }
    match account.filter(|_| matches) {
        Some(account) if account.locked => Err(Trouble::Locked),
        account => Ok(account.map(|account| account.user_id)),
    }
}

/// The account that somebody means: an address, a localpart, or the whole user id.
async fn user_of(identity: &Identity, who: &str) -> Result<Option<UserId>, Trouble> {
    let server_name = identity.host.server_name();
    if who.starts_with('@') {
        let user_id = UserId::parse(who).ok();
        return Ok(user_id.filter(|id| id.server_name() == server_name.as_str()));
    }
    if let Ok(address) = EmailAddress::parse(who) {
        let person = identity.store.person_by_email(address.as_str()).await?;
        return Ok(person.map(|person| person.user_id));
    }
    Ok(UserId::from_localpart(who, server_name).ok())
}

fn page(browser: &Browser, onward: &str, who: &str, refused: Option<&str>) -> Page {
    let words = &browser.words().sign_in;
    let frame = &browser.words().frame;
    // The password is what has to be typed again, whichever of the two was wrong.
    let is_missing = who.trim().is_empty();
    let refused = refused.map(|text| if is_missing { words.who_is_missing } else { text });
    let (of_who, of_password) = if is_missing { (refused, None) } else { (None, refused) };
    let field = if is_missing { "who" } else { "password" };
    let errors: Vec<(&str, &str)> = refused.iter().map(|text| (field, *text)).collect();
    let address = refused.and_then(|_| EmailAddress::parse(&who.trim().to_lowercase()).ok());
    let astray = address.and_then(|address| astray::notice(browser, &address, PATH));
    let form = html! {
        input type="hidden" name="continue" value=(onward);
        (Field {
            name: "who", label: words.who, kind: "text", value: who,
            autocomplete: "username", hint: None, error: of_who,
        }.render())
        (Field {
            name: "password", label: words.password, kind: "password", value: "",
            autocomplete: "current-password", hint: None, error: of_password,
        }.render())
        div.actions { button type="submit" { (words.submit) } }
    };
    let body = html! {
        h1 { (words.title) }
        (error_summary(frame.errors_title, &errors))
        @if let Some(astray) = astray { (astray) }
        (browser.form(PATH, &form))
        (upstream::links(browser, onward, who))
        (other_ways(browser, onward, who))
    };
    let status = if refused.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Page::new(words.title, body).status(status)
}

/// For those who have no account yet, or no password any more.
fn other_ways(browser: &Browser, onward: &str, who: &str) -> Markup {
    let (identity, words) = (&browser.identity, &browser.words().sign_in);
    let ways = [
        (identity.offers_codes(), BY_CODE, words.by_code),
        (identity.offers_sign_up(), "/_estafette/sign-up", words.no_account),
        (identity.mailer.works(), "/_estafette/password/reset", words.forgotten),
    ];
    html! {
        @if ways.iter().any(|(offered, ..)| *offered) {
            ul.links {
                @for (_, path, text) in ways.iter().filter(|(offered, ..)| *offered) {
                    li { a href=(with_hint(path, onward, who)) { (text) } }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
