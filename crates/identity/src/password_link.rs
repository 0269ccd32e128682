// SPDX-License-Identifier: Apache-2.0
//! Choosing a password by a link that an administrator made: once, within a day.
//!
//! The link is bound to nothing but what it says, of which the store has the hash. Opening it
//! changes nothing; the new password ends every session and every browser, and is told to the
//! mailbox.

use std::sync::Arc;

use axum::{Router, routing::get};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use estafette_core::{ids::UserId, limits::PASSWORD_LINK_S};
use estafette_store::{
    IdentityStore as _, PeopleStore as _, accounts::TokenHash, identity::PasswordLink,
};
use http::StatusCode;
use maud::html;
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::{
    Identity, account_log, account_pages,
    mail::letters,
    new_password::{self, Chosen},
    pages::{Browser, Page, PageResult, Posted, Query, Trouble, layout::error_summary},
};

const PATH: &str = "/_estafette/password/link";

pub(crate) fn routes() -> Router<Arc<Identity>> {
    Router::new().route(PATH, get(show).post(set))
}

#[derive(Deserialize)]
struct Link {
    #[serde(default)]
    token: String,
}

#[derive(Deserialize)]
struct Filled {
    #[serde(flatten)]
    link: Link,
    #[serde(flatten)]
    chosen: Chosen,
}

impl Identity {
    /// A new link and what the store keeps of it, with the mail to `recipient` where there is one.
    pub(crate) fn new_password_link(
        &self,
        recipient: Option<&str>,
    ) -> (Zeroizing<String>, PasswordLink) {
        let mut secret = Zeroizing::new([0; 32]);
        self.host.fill_random(&mut *secret);
        let token = Zeroizing::new(URL_SAFE_NO_PAD.encode(*secret));
        let link = Zeroizing::new(format!("{}{PATH}?token={}", self.link_base(), *token));
        let expires_ms = self.host.now_ms().saturating_add((PASSWORD_LINK_S * 1000).cast_signed());
        let mail = recipient.map(|recipient| {
            let service = &self.config.service_name;
            let letter = letters::password_link(service, PASSWORD_LINK_S / 3600, &link);
            self.compose(recipient, letter, Some(expires_ms))
        });
        (link, PasswordLink { token: TokenHash::of(&token), expires_ms, mail })
    }
}

async fn show(browser: Browser, Query(link): Query<Link>) -> PageResult {
    match owner(&browser, &link).await? {
        Some((_, whose)) => Ok(browser.show(&page(&browser, &link, &whose, None))),
        None => Ok(ended(&browser)),
    }
}

async fn set(Posted { mut browser, form }: Posted<Filled>) -> PageResult {
    let identity = Arc::clone(&browser.identity);
    identity.host.limit_source(&format!("password links from {}", browser.address))?;
    let Some((user_id, whose)) = owner(&browser, &form.link).await? else {
        return Ok(ended(&browser));
    };
    let password = match form.chosen.accepted(&browser, &whose) {
        Ok(password) => password,
        Err(wrong) => return Ok(browser.show(&page(&browser, &form.link, &whose, Some(&wrong)))),
    };
    let hash = identity.host.hash_password(&password).await?;
    let token = TokenHash::of(&form.link.token);
    let used = identity.store.use_password_link(token, hash, identity.host.now_ms()).await?;
    if used.as_ref() != Some(&user_id) {
        return Ok(ended(&browser));
    }
    identity.host.forget_proofs(&user_id);
    identity.tell_password_changed(&browser, &user_id).await;
    account_log::note("password_changed", &user_id, &browser);
    browser.sign_in(&user_id).await?;
    Ok(browser.redirect(account_pages::PATH))
}

/// Whose link it is, and what they sign in with.
async fn owner(browser: &Browser, link: &Link) -> Result<Option<(UserId, String)>, Trouble> {
    let (store, now_ms) = (&browser.identity.store, browser.identity.host.now_ms());
    let user_id = store.password_link(TokenHash::of(&link.token), now_ms).await?;
    let Some(user_id) = user_id else { return Ok(None) };
    let person = store.person(&user_id).await?;
    let email = person.and_then(|person| person.details.email);
    let whose = email.unwrap_or_else(|| user_id.to_string());
    Ok(Some((user_id, whose)))
}

fn page(
    browser: &Browser,
    link: &Link,
    whose: &str,
    wrong: Option<&(&'static str, String)>,
) -> Page {
    let words = &browser.words().password;
    let errors: Vec<(&str, &str)> = wrong.iter().map(|(field, why)| (*field, &**why)).collect();
    let form = html! {
        input type="hidden" name="token" value=(link.token);
        (new_password::fields(browser, whose, wrong))
        div.actions { button type="submit" { (words.set) } }
    };
    let body = html! {
        h1 { (words.link_title) }
        (error_summary(browser.words().frame.errors_title, &errors))
        dl { dt { (words.link_whose) } dd { (whose) } }
        p { (words.ends_sessions) }
        (browser.form(PATH, &form))
    };
    let status = if wrong.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Page::new(words.link_title, body).status(status)
}

/// The link is worth nothing (any more), and the way to help oneself where there is one.
fn ended(browser: &Browser) -> axum::response::Response {
    let (title, text) = browser.words().password.link_ended;
    let body = html! {
        h1 { (title) }
        p { (text) }
        @if browser.identity.mailer.works() {
            ul.links {
                li { a href="/_estafette/password/reset" { (browser.words().sign_in.forgotten) } }
            }
        }
    };
    browser.show(&Page::new(title, body).status(StatusCode::NOT_FOUND))
}

#[cfg(test)]
mod tests;
