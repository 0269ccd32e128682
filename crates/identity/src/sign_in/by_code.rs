// SPDX-License-Identifier: Apache-2.0
//! Signing in with a code sent to the mailbox of the account: for those who have no password, and
//! whoever does not remember it.
//!
//! It proves what a forgotten password proves (the mailbox), and answers strangers alike: whether
//! an address has an account shows neither in the answer nor in what it costs (F-24).

use std::sync::Arc;

use axum::{Router, routing::get};
use maud::html;

use super::with_hint;
use crate::{
    Identity,
    address_form::{AddressPage, Asked, send_to_owner},
    code::{self, Purpose, Typed},
    mail::letters::CodeFor,
    pages::{Browser, PageResult, Posted, Query, Trouble},
    upstream,
};

/// A mailbox proven to sign in with. The proof is used up by the code that brings it.
const SIGN_IN: Purpose = Purpose {
    name: "sign-in",
    letter: CodeFor::SignIn,
    signed_in: false,
    start: START,
    page: "/_estafette/sign-in/mail/code",
    next: START,
};

/// Where the address is typed.
pub(crate) const START: &str = "/_estafette/sign-in/mail";

pub(super) fn routes() -> Router<Arc<Identity>> {
    Router::new()
        .route(SIGN_IN.start, get(start).post(send_code))
        .route(SIGN_IN.page, get(show_code).post(check_code))
}

fn check_offered(identity: &Identity) -> Result<(), Trouble> {
    if identity.offers_codes() { Ok(()) } else { Err(Trouble::NotFound) }
}

async fn start(browser: Browser, Query(asked): Query<Asked>) -> PageResult {
    check_offered(&browser.identity)?;
    if browser.user_id().is_some() {
        return Ok(browser.redirect(asked.onward.path()));
    }
    Ok(browser.show(&address_page(&browser, &asked).render(&browser, &asked, None)))
}

async fn send_code(Posted { browser, form }: Posted<Asked>) -> PageResult {
    check_offered(&browser.identity)?;
    send_to_owner(&browser, &SIGN_IN, &form, &address_page(&browser, &form)).await
}

async fn show_code(browser: Browser, Query(shown): Query<code::Shown>) -> PageResult {
    check_offered(&browser.identity)?;
    code::show(&browser, &SIGN_IN, &shown).await
}

async fn check_code(Posted { mut browser, form }: Posted<Typed>) -> PageResult {
    check_offered(&browser.identity)?;
    let answer = code::check(&browser, &SIGN_IN, &form).await?;
    let Some(address) = code::use_proof(&browser, &SIGN_IN).await? else { return Ok(answer) };
    let Some(user_id) = browser.identity.opened_by_mailbox(&address).await? else {
        // The account was locked or ended since the code was sent.
        return Ok(browser.redirect(&code::with_onward(START, form.onward.path())));
    };
    browser.sign_in(&user_id).await?;
    Ok(browser.redirect(form.onward.path()))
}

fn address_page(browser: &Browser, asked: &Asked) -> AddressPage {
    let (words, password) = (&browser.words().sign_in, &browser.words().password);
    let back = with_hint("/_estafette/sign-in", asked.onward.path(), asked.typed());
    AddressPage {
        title: words.by_code_title,
        text: Some(password.reset_text),
        label: password.address,
        hint: None,
        action: START,
        ways: html! {
            ul.links { li { a href=(back) { (words.by_password) } } }
            (upstream::links(browser, asked.onward.path(), asked.typed()))
        },
    }
}

#[cfg(test)]
mod tests;
