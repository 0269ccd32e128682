// SPDX-License-Identifier: Apache-2.0
//! Clients of the legacy API that let people sign in on our pages (Client-Server API, "Client login
//! via SSO").
//!
//! A link alone gives nothing away: whoever is signed in sees which client would be let in, and
//! says yes, before a login token goes there (the same chapter, "Security considerations").

mod target;

use std::sync::Arc;

use axum::{
    Router,
    extract::{Path, State},
    response::Response,
    routing::get,
};
use http::{StatusCode, Uri};
use maud::{Markup, html};
use serde::Deserialize;

use self::target::Target;
use crate::{
    Identity,
    code::with_onward,
    oauth::back_to_client,
    owner::Owner,
    pages::{Browser, Page, PageResult, Posted, Query, Trouble},
};

const PATH: &str = "/_estafette/single-sign-on";

pub(crate) fn routes() -> Router<Arc<Identity>> {
    let mut router = Router::new().route(PATH, get(show).post(decide));
    // Older clients know the older version alone.
    for version in ["v3", "r0"] {
        let redirect = format!("/_matrix/client/{version}/login/sso/redirect");
        router = router
            .route(&redirect, get(start))
            .route(&format!("{redirect}/{{provider}}"), get(start_at_provider));
    }
    router
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default, rename = "redirectUrl")]
    redirect_url: String,
    #[serde(default)]
    action: String,
    /// Its name before it was in the specification (MSC3824).
    #[serde(default, rename = "org.matrix.msc3824.action")]
    unstable_action: String,
}

impl Asked {
    /// Our page for it. Errors: the client cannot be let in; the browser is sent nowhere.
    fn page(&self) -> Result<String, Trouble> {
        Target::parse(&self.redirect_url).ok_or(Trouble::NotUnderstood)?;
        Ok(page_of(&self.redirect_url))
    }
}

/// Our page for a place that was looked at.
fn page_of(redirect_url: &str) -> String {
    let pairs = [("redirectUrl", redirect_url)];
    format!("{PATH}?{}", serde_urlencoded::to_string(pairs).unwrap_or_default())
}

/// `GET /_matrix/client/v3/login/sso/redirect`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3loginssoredirect>
async fn start(browser: Browser, Query(asked): Query<Asked>) -> PageResult {
    let page = asked.page()?;
    let wants_account = [asked.action, asked.unstable_action].iter().any(|it| it == "register");
    let new = wants_account && browser.identity.offers_sign_up() && browser.user_id().is_none();
    let to = if new { with_onward("/_estafette/sign-up", &page) } else { page };
    Ok(found(browser.redirect(&to)))
}

/// `GET /_matrix/client/v3/login/sso/redirect/{idpId}`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3loginssoredirectidpid>
async fn start_at_provider(
    State(identity): State<Arc<Identity>>,
    browser: Browser,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
) -> PageResult {
    if !identity.config.upstream.iter().any(|provider| provider.id == id) {
        return Err(Trouble::NotFound);
    }
    let page = asked.page()?;
    let to = with_onward(&format!("/_estafette/upstream/{id}"), &page);
    Ok(found(browser.redirect(&to)))
}

/// 302, as the specification has it.
fn found(mut response: Response) -> Response {
    *response.status_mut() = StatusCode::FOUND;
    response
}

/// `GET /_estafette/single-sign-on`: which client would be let in, to whose account.
async fn show(browser: Browser, uri: Uri, Query(asked): Query<Asked>) -> PageResult {
    let target = Target::parse(&asked.redirect_url).ok_or(Trouble::NotUnderstood)?;
    let user_id = match browser.require_user(&uri) {
        Ok(user_id) => user_id,
        Err(sign_in) => return Ok(*sign_in),
    };
    let words = &browser.words().single_sign_on;
    let owner = Owner::of(&browser.identity, &user_id).await?;
    let body = html! {
        h1 { (words.title) }
        p { ((words.asks)(target.place())) }
        p { strong { (target.place()) } }
        p.notice { (words.warning) }
        (browser.form(PATH, &buttons(&browser, &asked.redirect_url)))
        h2 { (browser.words().consent.account_title) }
        (owner.shown())
        (browser.form("/_estafette/sign-out", &html! {
            input type="hidden" name="continue" value=(asked.page()?);
            button.second type="submit" { (browser.words().consent.other_account) }
        }))
    };
    Ok(browser.show(&Page::new(words.title, body).may_lead_to(&asked.redirect_url)))
}

fn buttons(browser: &Browser, redirect_url: &str) -> Markup {
    let words = &browser.words().consent;
    html! {
        input type="hidden" name="redirect_url" value=(redirect_url);
        div.actions {
            button type="submit" name="decision" value="allow" { (words.allow) }
            button.second type="submit" name="decision" value="deny" { (words.deny) }
        }
    }
}

#[derive(Deserialize)]
struct Decision {
    #[serde(default)]
    redirect_url: String,
    #[serde(default)]
    decision: String,
}

/// `POST /_estafette/single-sign-on`: lets in only where that was said. A client has no place for a
/// no: whoever says so stays here.
async fn decide(
    State(identity): State<Arc<Identity>>,
    Posted { browser, form }: Posted<Decision>,
) -> PageResult {
    let target = Target::parse(&form.redirect_url).ok_or(Trouble::NotUnderstood)?;
    // Whoever is no longer signed in comes back to the question, not to a page that asks nothing.
    let page: Uri = page_of(&form.redirect_url).parse().map_err(|_| Trouble::NotUnderstood)?;
    let user_id = match browser.require_user(&page) {
        Ok(user_id) => user_id,
        Err(sign_in) => return Ok(*sign_in),
    };
    identity.host.limit_proof(&format!("single sign-on of {user_id}"))?;
    match form.decision.as_str() {
        "allow" => {
            let token = identity.host.login_token(&user_id)?;
            tracing::info!(%user_id, place = target.place(), "a client was let in by the pages");
            Ok(back_to_client(&browser, &target.with_token(&token)))
        }
        "deny" => Ok(browser.redirect("/_estafette/account")),
        _ => Err(Trouble::NotUnderstood),
    }
}

#[cfg(test)]
mod tests;
