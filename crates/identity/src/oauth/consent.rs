// SPDX-License-Identifier: Apache-2.0
//! The consent page: who asks for what, and yes or no.

use std::sync::Arc;

use axum::{Router, extract::State, response::Response, routing::get};
use estafette_core::ids::{DeviceId, UserId};
use estafette_store::{AccountStore as _, OauthStore as _};
use http::{StatusCode, request::Parts};
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    answer::OauthError,
    authorize::{AuthorizationRequest, Refusal},
    base_url::base_url,
    redirect::{self, Recipient, WebUri},
    registration::Client,
};
use crate::{
    Identity,
    code::with_onward,
    owner::Owner,
    pages::{Browser, Page, PageResult, Posted, Trouble},
    sign_in::hinted,
};

const PATH: &str = "/_estafette/consent";

pub(super) fn routes() -> Router<Arc<Identity>> {
    Router::new().route(PATH, get(show).post(decide))
}

/// The page of a request.
pub(super) fn path_for(query: &str) -> String {
    format!("{PATH}?{query}")
}

/// `GET /_estafette/consent`, with the query of the authorisation request.
async fn show(State(identity): State<Arc<Identity>>, browser: Browser, parts: Parts) -> PageResult {
    let request = match AuthorizationRequest::read(&identity, &parts).await {
        Ok(request) => request,
        Err(refusal) => return refused(&browser, refusal),
    };
    let query = parts.uri.query().unwrap_or_default();
    let Some(user_id) = browser.user_id() else {
        return Ok(sign_in_first(&browser, query, request.login_hint.as_deref()));
    };
    let words = &browser.words().consent;
    let (client, device_id) = (&request.client, &request.scope.device_id);
    let here = base_url(&identity, &parts);
    let recipient =
        redirect::recipient(request.redirect_uri(), client.metadata.host(), here.as_deref());
    let mut asking = Asking::of(&identity, user_id, client, device_id, recipient).await?;
    asking.administers = request.administers(&identity, user_id).await?;
    let owner = Owner::of(&identity, user_id).await?;
    let body = html! {
        h1 { ((words.title)(request.client.metadata.name(browser.language.code()))) }
        (describe(&browser, &asking))
        (browser.form(PATH, &html! {
            input type="hidden" name="query" value=(query);
            (yes_or_no(&browser))
        }))
        (other_account(&browser, &owner, &path_for(query)))
    };
    let page = Page::new(words.window_title, body).may_lead_to(request.redirect_uri());
    Ok(browser.show(&page))
}

/// Signs in and comes back.
fn sign_in_first(browser: &Browser, query: &str, login_hint: Option<&str>) -> Response {
    let onward = path_for(query);
    let mut pairs = vec![("continue", onward.as_str())];
    if let Some(hint) = login_hint.and_then(hinted) {
        pairs.push(("login_hint", hint));
    }
    let query = serde_urlencoded::to_string(pairs).unwrap_or_default();
    browser.redirect(&format!("/_estafette/sign-in?{query}"))
}

/// Who asks, as far as that is proven, and what it would take the place of.
pub(super) struct Asking<'a> {
    client: &'a Client,
    device_id: &'a DeviceId,
    recipient: Recipient<'a>,
    /// Who has the device now, where somebody does.
    replaces: Option<Replaced>,
    /// It would administer the server.
    administers: bool,
}

/// Who has a device now.
enum Replaced {
    /// The same client: it signs in again.
    Itself,
    /// Another one, or one of the legacy API, by its name.
    Other(String),
}

impl<'a> Asking<'a> {
    /// Looks up what the device is now. A client may take any device of the person (Client-Server
    /// API, "Relationship between access tokens and devices"), so the person is told.
    pub(super) async fn of(
        identity: &Identity,
        user_id: &UserId,
        client: &'a Client,
        device_id: &'a DeviceId,
        recipient: Recipient<'a>,
    ) -> Result<Self, Trouble> {
        let device = identity.store.device(user_id, device_id).await?;
        let replaces = match device {
            None => None,
            Some(device) => {
                let sessions = identity.store.oauth_sessions(user_id).await?;
                let session = sessions.into_iter().find(|session| session.device_id == *device_id);
                let same = session.is_some_and(|held| held.client.client_id == client.client_id);
                let name = device.display_name.unwrap_or_else(|| device_id.to_string());
                Some(if same { Replaced::Itself } else { Replaced::Other(name) })
            }
        };
        Ok(Self { client, device_id, recipient, replaces, administers: false })
    }
}

/// Who asks, on which device, and what it may do then.
pub(super) fn describe(browser: &Browser, asking: &Asking<'_>) -> Markup {
    let (words, language) = (&browser.words().consent, browser.language.code());
    let metadata = &asking.client.metadata;
    let ours = asking.recipient == Recipient::OurClient;
    html! {
        dl {
            dt { (words.application) }
            dd { (metadata.name(language)) }
            @match asking.recipient {
                Recipient::OurClient => {
                    dt { (words.part_of) }
                    dd { (browser.identity.config.service_name) }
                }
                Recipient::Publisher => {
                    dt { (words.published_at) }
                    dd { (metadata.host()) }
                }
                Recipient::Host(host) => {
                    dt { (words.published_at_unproven) }
                    dd { (metadata.host()) }
                    dt { (words.goes_to) }
                    dd { (host) }
                }
                Recipient::Device => {
                    dt { (words.published_at_unproven) }
                    dd { (metadata.host()) }
                }
            }
            dt { (words.device) }
            dd { (asking.device_id) }
        }
        @match &asking.replaces {
            None => {}
            Some(Replaced::Itself) => p { (words.replaces_itself) },
            Some(Replaced::Other(name)) => p.notice { ((words.replaces)(name)) },
        }
        h2 { (words.may_title) }
        ul { @for may in words.may { li { (may) } } }
        @if asking.administers { p.notice { (words.administers) } }
        @let links = [("tos_uri", words.terms), ("policy_uri", words.privacy)];
        @if links.iter().any(|(name, _)| metadata.text(name, language).is_some()) {
            ul.links {
                @for (name, label) in links {
                    @if let Some(uri) = metadata.text(name, language) {
                        li { a href=(uri) rel="noreferrer" { (label) } }
                    }
                }
            }
        }
        @if !ours { p.notice { (words.warning) } }
    }
}

/// For whoever is signed in where a client offers a new account (`prompt=create`; Client-Server
/// API, "User registration"): with the account that there is, or with another one.
pub(super) async fn create_or_go_on(
    browser: &Browser,
    user_id: &UserId,
    consent: &str,
) -> PageResult {
    let words = &browser.words().consent;
    let owner = Owner::of(&browser.identity, user_id).await?;
    let body = html! {
        h1 { (words.signed_in_title) }
        p { (words.signed_in) }
        (owner.shown())
        div.actions { a.button href=(consent) { (words.this_account) } }
        (browser.form("/_estafette/sign-out", &html! {
            input type="hidden" name="continue"
                value=(with_onward("/_estafette/sign-up", consent));
            button.second type="submit" { (words.new_account) }
        }))
    };
    Ok(browser.show(&Page::new(words.signed_in_title, body)))
}

/// The two buttons.
pub(super) fn yes_or_no(browser: &Browser) -> Markup {
    let words = &browser.words().consent;
    html! {
        div.actions {
            button type="submit" name="decision" value="allow" { (words.allow) }
            button.second type="submit" name="decision" value="deny" { (words.deny) }
        }
    }
}

/// Whose account it is, and the way out.
pub(super) fn other_account(browser: &Browser, owner: &Owner, onward: &str) -> Markup {
    let words = &browser.words().consent;
    html! {
        h2 { (words.account_title) }
        (owner.shown())
        (browser.form("/_estafette/sign-out", &html! {
            input type="hidden" name="continue" value=(onward);
            button.second type="submit" { (words.other_account) }
        }))
    }
}

#[derive(Deserialize)]
struct Decision {
    query: String,
    #[serde(default)]
    decision: String,
}

/// `POST /_estafette/consent`: allows only what says so.
async fn decide(
    State(identity): State<Arc<Identity>>,
    parts: Parts,
    Posted { browser, form }: Posted<Decision>,
) -> PageResult {
    let request = AuthorizationRequest::from_query(&identity, &parts, &form.query).await;
    let request = match request {
        Ok(request) => request,
        Err(refusal) => return refused(&browser, refusal),
    };
    if form.decision == "deny" {
        return Ok(back_to_client(&browser, &request.denied()));
    }
    let Some(user_id) = browser.user_id() else {
        return Ok(sign_in_first(&browser, &form.query, request.login_hint.as_deref()));
    };
    if form.decision != "allow" {
        return Err(Trouble::NotUnderstood);
    }
    match request.allowed(&identity, user_id).await {
        Ok(url) => Ok(back_to_client(&browser, &url)),
        Err(error) => refused(&browser, Refusal::Show(error)),
    }
}

/// Takes a browser that sent a form back to a client.
///
/// By a page of ours where a redirect does not arrive or shows nothing: CSP knows no IPv6 addresses
/// (level 3, section 2.3.1), so Chromium holds a redirect to one against `form-action`; and whoever
/// went on in another application is left with the page that asked.
pub(crate) fn back_to_client(browser: &Browser, url: &str) -> Response {
    let of_browsers = |web: WebUri<'_>| web.host != "[::1]";
    let place = url.split(['?', '#']).next().and_then(WebUri::parse);
    if place.is_some_and(of_browsers) {
        return browser.redirect(url);
    }
    let words = &browser.words().consent;
    let body = html! {
        h1 { (words.back_title) }
        p { (words.back_text) }
        div.actions { a.button href=(url) rel="noreferrer" { (words.back) } }
    };
    browser.show(&Page::new(words.back_title, body).goes_on_to(url))
}

/// What is wrong with the request, to the client where it is known, else to the person.
pub(super) fn refused(browser: &Browser, refusal: Refusal) -> PageResult {
    match refusal {
        Refusal::Tell(url) => Ok(browser.redirect(&url)),
        Refusal::Show(error) => show_error(browser, &error),
    }
}

fn show_error(browser: &Browser, error: &OauthError) -> PageResult {
    if error.status().is_server_error() {
        return Err(Trouble::Busy);
    }
    let words = &browser.words().consent;
    let body = html! {
        h1 { (words.wrong_title) }
        p { (words.wrong) }
        p.hint { (error.code()) ": " (error.description()) }
    };
    Ok(browser.show(&Page::new(words.wrong_title, body).status(StatusCode::BAD_REQUEST)))
}
