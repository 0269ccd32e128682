// SPDX-License-Identifier: Apache-2.0
//! The consent page: who asks for what, and yes or no.

use std::sync::Arc;

use axum::{Router, extract::State, response::Response, routing::get};
use http::{StatusCode, request::Parts};
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    answer::OauthError,
    authorize::{AuthorizationRequest, Refusal},
    registration::Client,
};
use crate::{
    Identity,
    pages::{Browser, Page, PageResult, Posted, Trouble},
};

const PATH: &str = "/_estafette/consent";

pub(super) fn routes() -> Router<Arc<Identity>> {
    Router::new().route(PATH, get(show).post(decide))
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
    let body = html! {
        h1 { ((words.title)(request.client.metadata.name(browser.language.code()))) }
        (describe(&browser, &request.client, request.scope.device_id.as_str()))
        (browser.form(PATH, &html! {
            input type="hidden" name="query" value=(query);
            (yes_or_no(&browser))
        }))
        (other_account(&browser, user_id.as_str(), &format!("{PATH}?{query}")))
    };
    let page = Page::new(words.window_title, body).may_lead_to(request.redirect_uri());
    Ok(browser.show(&page))
}

/// Signs in and comes back.
fn sign_in_first(browser: &Browser, query: &str, login_hint: Option<&str>) -> Response {
    let onward = format!("{PATH}?{query}");
    let mut pairs = vec![("continue", onward.as_str())];
    if let Some(hint) = login_hint {
        pairs.push(("login_hint", hint));
    }
    let query = serde_urlencoded::to_string(pairs).unwrap_or_default();
    browser.redirect(&format!("/_estafette/sign-in?{query}"))
}

/// Who asks, on which device, and what it may do then.
pub(super) fn describe(browser: &Browser, client: &Client, device_id: &str) -> Markup {
    let (words, language) = (&browser.words().consent, browser.language.code());
    let metadata = &client.metadata;
    html! {
        dl {
            dt { (words.application) }
            dd { (metadata.name(language)) }
            dt { (words.published_at) }
            dd { (metadata.host()) }
            dt { (words.device) }
            dd { (device_id) }
        }
        h2 { (words.may_title) }
        ul { @for may in words.may { li { (may) } } }
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
        p.notice { (words.warning) }
    }
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
pub(super) fn other_account(browser: &Browser, user_id: &str, onward: &str) -> Markup {
    let words = &browser.words().consent;
    html! {
        h2 { (words.account_title) }
        p { (user_id) }
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
        return Ok(browser.redirect(&request.denied()));
    }
    let Some(user_id) = browser.user_id() else {
        return Ok(sign_in_first(&browser, &form.query, request.login_hint.as_deref()));
    };
    if form.decision != "allow" {
        return Err(Trouble::NotUnderstood);
    }
    match request.allowed(&identity, user_id).await {
        Ok(url) => Ok(browser.redirect(&url)),
        Err(error) => refused(&browser, Refusal::Show(error)),
    }
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
