// SPDX-License-Identifier: Apache-2.0
//! The account pages (Client-Server API, "Account management" of the OAuth 2.0 API): what clients
//! link to with an `action`.

mod deactivation;
mod devices;
mod keys_reset;
mod leave;
mod password;
mod profile;
mod proof;

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    response::Response,
    routing::{get, post},
};
use estafette_core::ids::{DeviceId, UserId};
use estafette_store::{AccountStore as _, PeopleStore as _};
use http::Uri;
use maud::{Markup, html};
use serde::Deserialize;

pub(crate) use self::{password::PATH as CHANGE_PASSWORD, proof::PATH as PROVE};
use crate::{
    Identity,
    account_pages::deactivation::Deactivation,
    address_change,
    owner::Owner,
    pages::{Browser, Page, PageResult, Query, Trouble},
    sign_in::with_hint,
    upstream,
    validity::RENEW,
};

/// Where all of them are.
pub(crate) const PATH: &str = "/_estafette/account";
/// How long ago somebody may have proven who they are to do what cannot be undone.
const RECENT_MS: i64 = 10 * 60 * 1_000;

pub(crate) fn routes() -> Router<Arc<Identity>> {
    Router::new()
        .route(PATH, get(show))
        .route(devices::DELETE_PATH, post(devices::delete))
        .route(devices::BROWSER_PATH, post(devices::end_browser))
        .route(devices::BROWSERS_PATH, post(devices::end_browsers))
        .route(profile::DIRECTORY, post(profile::hide))
        .route(profile::LANGUAGE, post(profile::choose_language))
        .route(keys_reset::PATH, get(keys_reset::allowed).post(keys_reset::allow))
        .route(leave::PATH, get(leave::show).post(leave::allow))
        .route(deactivation::PATH, post(deactivation::deactivate))
        .route(password::PATH, get(password::show).post(password::change))
        .merge(proof::routes())
}

/// What a client asks for (Client-Server API, "Account management URL parameters").
#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    action: String,
    #[serde(default)]
    device_id: String,
}

/// `GET /_estafette/account`: an action that is unknown shows the overview.
async fn show(
    State(identity): State<Arc<Identity>>,
    browser: Browser,
    uri: Uri,
    Query(asked): Query<Asked>,
) -> PageResult {
    let user_id = match browser.require_user(&uri) {
        Ok(user_id) => user_id,
        Err(sign_in) => return Ok(*sign_in),
    };
    let cannot_be_undone = ["org.matrix.cross_signing_reset", "org.matrix.account_deactivate"];
    if cannot_be_undone.contains(&asked.action.as_str())
        && let Some(question) = question(&browser, &user_id, &uri).await?
    {
        return Ok(question);
    }
    let device_id = DeviceId::parse(&asked.device_id).ok();
    let page = match (asked.action.as_str(), device_id) {
        ("org.matrix.profile", _) => profile::view(&identity, &browser, &user_id).await?,
        ("org.matrix.device_view" | "org.matrix.session_view", Some(device_id)) => {
            let page = devices::view(&identity, &browser, &user_id, &device_id).await;
            or_list(page, &identity, &browser, &user_id).await?
        }
        ("org.matrix.device_delete" | "org.matrix.session_end", Some(device_id)) => {
            let page = devices::confirm(&identity, &browser, &user_id, &device_id).await;
            or_list(page, &identity, &browser, &user_id).await?
        }
        (
            "org.matrix.devices_list"
            | "org.matrix.sessions_list"
            | "org.matrix.device_view"
            | "org.matrix.session_view"
            | "org.matrix.device_delete"
            | "org.matrix.session_end",
            _,
        ) => devices::list(&identity, &browser, &user_id).await?,
        ("org.matrix.cross_signing_reset", device_id) => {
            keys_reset::confirm(&identity, &browser, &user_id, device_id.as_ref()).await?
        }
        ("org.matrix.account_deactivate", _) => {
            deactivation::confirm(&browser, &user_id, &Deactivation::default(), None).await?
        }
        _ => overview(&identity, &browser, &user_id).await?,
    };
    Ok(browser.show(&page))
}

/// The question that comes before a form for what cannot be undone: whoever fills it in has proven
/// who they are. `None`: that was a short while ago. Opening the page alone signs nobody out.
async fn question(
    browser: &Browser,
    user_id: &UserId,
    uri: &Uri,
) -> Result<Option<Response>, Trouble> {
    if is_recent(browser) {
        return Ok(None);
    }
    if let Some(way) = upstream::again(browser, uri).await? {
        return Ok(Some(way));
    }
    let (words, sign_in) = (&browser.words().account, &browser.words().sign_in);
    let owner = Owner::of(&browser.identity, user_id).await?;
    let who = owner.email.as_deref().unwrap_or(user_id.as_str());
    let title = browser.words().upstream.again_title;
    let here = uri.path_and_query().map_or(PATH, http::uri::PathAndQuery::as_str);
    let body = html! {
        h1 { (title) }
        p { (words.prove_text) }
        (owner.shown())
        (browser.form("/_estafette/sign-out", &html! {
            input type="hidden" name="continue" value=(with_hint("/_estafette/sign-in", here, who));
            div.actions {
                button type="submit" { (sign_in.submit) }
                a.button.second href=(PATH) { (words.cancel) }
            }
        }))
    };
    Ok(Some(browser.show(&Page::new(title, body))))
}

/// The page of a device; the list of those that there are where that one is gone.
async fn or_list(
    page: Result<Page, Trouble>,
    identity: &Identity,
    browser: &Browser,
    user_id: &UserId,
) -> Result<Page, Trouble> {
    match page {
        Err(Trouble::NotFound) => devices::list(identity, browser, user_id).await,
        page => page,
    }
}

/// Whose account it is, in words that they know, and everything that can be done with it.
async fn overview(
    identity: &Identity,
    browser: &Browser,
    user_id: &UserId,
) -> Result<Page, Trouble> {
    let words = &browser.words().account;
    let person = identity.store.person(user_id).await?;
    let details = person.map(|person| person.details).unwrap_or_default();
    let email = details.email.filter(|_| identity.mailer.works());
    let account = identity.store.account(user_id).await?;
    let has_password = account.is_some_and(|account| account.password_hash.is_some());
    let body = html! {
        h1 { (words.title) }
        @if browser.is_suspended() { p.notice { (browser.words().troubles.suspended.1) } }
        (Owner::of(identity, user_id).await?.shown())
        ul.links {
            (action("org.matrix.profile", words.profile_title))
            (action("org.matrix.devices_list", words.devices_title))
            @if email.is_some() {
                li { a href=(address_change::PATH) { (browser.words().address.title) } }
            }
            @if email.is_some() || has_password {
                li { a href=(password::PATH) { (words.password_title) } }
            }
            @if details.expires_ms.is_some() {
                li { a href=(RENEW) { (browser.words().validity.title) } }
            }
            (action("org.matrix.cross_signing_reset", words.reset_title))
            (action("org.matrix.account_deactivate", words.deactivate_title))
        }
        (browser.form("/_estafette/sign-out", &html! {
            input type="hidden" name="continue" value=(PATH);
            div.actions { button.second type="submit" { (words.sign_out) } }
        }))
    };
    Ok(Page::new(words.title, body))
}

fn action(action: &str, label: &str) -> Markup {
    html! { li { a href={ (PATH) "?action=" (action) } { (label) } } }
}

/// A path of ours to come back to.
fn uri(path: &str) -> Result<Uri, Trouble> {
    path.parse().map_err(|_| Trouble::NotUnderstood)
}

/// The way back to the overview.
pub(crate) fn back(browser: &Browser) -> Markup {
    html! { ul.links { li { a href=(PATH) { (browser.words().account.back) } } } }
}

/// Whether whoever is signed in proved who they are a short while ago.
pub(crate) fn is_recent(browser: &Browser) -> bool {
    let now_ms = browser.identity.host.now_ms();
    browser.proven_ms().is_some_and(|since| now_ms - since < RECENT_MS)
}

/// Who is signed in, if that was proven a short while ago; else the way to prove it again and back
/// to `here`. For what cannot be undone: a browser that was left open must not be enough, nor one
/// that another provider signs in again without asking anything.
pub(crate) async fn require_recent(
    browser: &mut Browser,
    here: &str,
) -> Result<UserId, Result<Response, Trouble>> {
    let here: Uri = here.parse().map_err(|_| Err(Trouble::NotUnderstood))?;
    let user_id = browser.require_user(&here).map_err(|sign_in| Ok(*sign_in))?;
    if is_recent(browser) {
        return Ok(user_id);
    }
    if let Some(way) = upstream::again(browser, &here).await.map_err(Err)? {
        return Err(Ok(way));
    }
    browser.sign_out().await.map_err(Err)?;
    match browser.require_user(&here) {
        Ok(_) => Err(Err(Trouble::Broken("signed out, yet signed in".into()))),
        Err(sign_in) => Err(Ok(*sign_in)),
    }
}

#[cfg(test)]
mod tests;
