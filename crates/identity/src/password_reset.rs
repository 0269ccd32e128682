// SPDX-License-Identifier: Apache-2.0
//! A forgotten password: the code sent to the mailbox of the account, then a new one.
//!
//! An address without an account is answered alike, and nobody is written to. The new password ends
//! every session and every browser, and is told to the mailbox.

use std::sync::Arc;

use axum::{Router, routing::get};
use estafette_core::{email_address::EmailAddress, ids::UserId};
use estafette_store::{AccountStore as _, PeopleStore as _, accounts::Devices};
use http::StatusCode;
use maud::html;
use serde::Deserialize;

use crate::{
    Identity, account_log,
    address_form::{AddressPage, Asked, send_to_owner},
    code::{self, Purpose, Typed},
    mail::letters::{self, CodeFor},
    new_password::{self, Chosen},
    pages::{Browser, Page, PageResult, Posted, Query, Trouble, layout::error_summary},
    sign_in::{Onward, with_hint},
    upstream,
};

const RESET: Purpose = Purpose {
    name: "reset",
    letter: CodeFor::Reset,
    signed_in: false,
    start: "/_estafette/password/reset",
    page: "/_estafette/password/reset/code",
    next: "/_estafette/password/reset/new",
};

/// The page, with an address filled in.
pub(crate) fn path_for(address: &str) -> String {
    let query = serde_urlencoded::to_string([("login_hint", address)]).unwrap_or_default();
    format!("{}?{query}", RESET.start)
}

pub(crate) fn routes() -> Router<Arc<Identity>> {
    Router::new()
        .route(RESET.start, get(start).post(send_code))
        .route(RESET.page, get(show_code).post(check_code))
        .route(RESET.next, get(show).post(set))
}

#[derive(Deserialize)]
struct Filled {
    #[serde(flatten)]
    chosen: Chosen,
    #[serde(flatten)]
    onward: Onward,
}

fn check_offered(identity: &Identity) -> Result<(), Trouble> {
    if identity.mailer.works() { Ok(()) } else { Err(Trouble::NotFound) }
}

async fn start(browser: Browser, Query(asked): Query<Asked>) -> PageResult {
    check_offered(&browser.identity)?;
    Ok(browser.show(&address_page(&browser, &asked).render(&browser, &asked, None)))
}

async fn send_code(Posted { browser, form }: Posted<Asked>) -> PageResult {
    check_offered(&browser.identity)?;
    send_to_owner(&browser, &RESET, &form, &address_page(&browser, &form)).await
}

async fn show_code(browser: Browser, Query(shown): Query<code::Shown>) -> PageResult {
    check_offered(&browser.identity)?;
    code::show(&browser, &RESET, &shown).await
}

async fn check_code(Posted { browser, form }: Posted<Typed>) -> PageResult {
    check_offered(&browser.identity)?;
    code::check(&browser, &RESET, &form).await
}

async fn show(browser: Browser, Query(onward): Query<Onward>) -> PageResult {
    let onward = onward.path();
    match code::proven(&browser, &RESET).await? {
        Some(address) => Ok(browser.show(&password_page(&browser, &address, onward, None))),
        None => Ok(browser.redirect(&code::with_onward(RESET.start, onward))),
    }
}

async fn set(Posted { mut browser, form }: Posted<Filled>) -> PageResult {
    let onward = form.onward.path();
    let start = code::with_onward(RESET.start, onward);
    let Some(address) = code::proven(&browser, &RESET).await? else {
        return Ok(browser.redirect(&start));
    };
    let password = match form.chosen.accepted(&browser, address.as_str()) {
        Ok(password) => password,
        Err(wrong) => {
            return Ok(browser.show(&password_page(&browser, &address, onward, Some(&wrong))));
        }
    };
    let identity = Arc::clone(&browser.identity);
    let hash = identity.host.hash_password(&password).await?;
    if code::use_proof(&browser, &RESET).await?.as_ref() != Some(&address) {
        return Ok(browser.redirect(&start));
    }
    let Some(user_id) = identity.opened_by_mailbox(&address).await? else {
        return Ok(browser.redirect(&start));
    };
    identity.store.set_password(&user_id, Some(hash), Some(Devices::All)).await?;
    identity.host.forget_proofs(&user_id);
    identity.tell_password_changed(&browser, &user_id).await;
    account_log::note("password_changed", &user_id, &browser);
    browser.sign_in(&user_id).await?;
    Ok(browser.redirect(onward))
}

impl Identity {
    /// Tells the mailbox of an account that its password has changed. That it cannot be told undoes
    /// nothing.
    pub(crate) async fn tell_password_changed(&self, browser: &Browser, user_id: &UserId) {
        let told = async {
            let person = self.store.person(user_id).await?;
            let email = person.and_then(|person| person.details.email);
            let Some(email) = email.filter(|_| self.mailer.works()) else { return Ok(()) };
            let letter = letters::password_changed(browser.language, &self.config.service_name);
            self.post(&email, letter).await
        };
        if let Err(error) = told.await {
            tracing::warn!(%error, "a changed password could not be told by mail");
        }
    }
}

fn address_page(browser: &Browser, asked: &Asked) -> AddressPage {
    let words = &browser.words().password;
    let back = with_hint("/_estafette/sign-in", asked.onward.path(), asked.typed());
    AddressPage {
        title: words.reset_title,
        text: Some(words.reset_text),
        label: words.address,
        hint: None,
        action: RESET.start,
        ways: html! {
            ul.links { li { a href=(back) { (browser.words().sign_in.by_password) } } }
            (upstream::links(browser, asked.onward.path(), asked.typed()))
        },
    }
}

fn password_page(
    browser: &Browser,
    address: &EmailAddress,
    onward: &str,
    wrong: Option<&(&'static str, String)>,
) -> Page {
    let words = &browser.words().password;
    let errors: Vec<(&str, &str)> = wrong.iter().map(|(field, why)| (*field, &**why)).collect();
    let form = html! {
        input type="hidden" name="continue" value=(onward);
        (new_password::fields(browser, address.as_str(), wrong))
        div.actions { button type="submit" { (words.set) } }
    };
    let body = html! {
        h1 { (words.new_title) }
        (error_summary(browser.words().frame.errors_title, &errors))
        p { (words.ends_sessions) }
        (browser.form(RESET.next, &form))
    };
    let status = if wrong.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Page::new(words.new_title, body).status(status)
}

#[cfg(test)]
mod tests;
