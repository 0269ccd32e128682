// SPDX-License-Identifier: Apache-2.0
//! Signing up: an address, the code sent to it, a password, an account.
//!
//! Until the code is typed every address that belongs here is answered alike; whether it has an
//! account, or an invitation, is said to whoever holds the mailbox and to nobody else. An address
//! of no organisation that nobody invited is answered as one that was, and not written to.

mod account;
mod signed_in;

use std::sync::Arc;

use axum::{Router, routing::get};
use estafette_core::email_address::EmailAddress;
use estafette_store::{IdentityStore as _, PeopleStore as _};
use maud::{Markup, html};

use crate::{
    Identity,
    address_form::{AddressPage, Asked},
    astray,
    code::{self, Purpose, Typed},
    mail::letters::CodeFor,
    pages::{Browser, Page, PageResult, Posted, Query, Trouble},
    policy::Organisation,
    sign_in::with_hint,
};

/// A mailbox proven to sign up with.
pub(crate) const SIGN_UP: Purpose = Purpose {
    name: "sign-up",
    letter: CodeFor::SignUp,
    signed_in: false,
    start: "/_estafette/sign-up",
    page: "/_estafette/sign-up/code",
    next: "/_estafette/sign-up/account",
};

pub(crate) fn routes() -> Router<Arc<Identity>> {
    Router::new()
        .route(SIGN_UP.start, get(start).post(send_code))
        .route(SIGN_UP.page, get(show_code).post(check_code))
        .route(SIGN_UP.next, get(account::show).post(account::create))
}

/// Refuses everything where signing up is not offered.
pub(crate) fn check_offered(identity: &Identity) -> Result<(), Trouble> {
    if identity.offers_sign_up() { Ok(()) } else { Err(Trouble::NotFound) }
}

async fn start(browser: Browser, Query(asked): Query<Asked>) -> PageResult {
    check_offered(&browser.identity)?;
    if let Some(user_id) = browser.user_id() {
        return signed_in::show(&browser, user_id, &asked).await;
    }
    Ok(browser.show(&address_page(&browser, &asked, None)))
}

async fn send_code(Posted { browser, form }: Posted<Asked>) -> PageResult {
    check_offered(&browser.identity)?;
    let words = browser.words();
    let address = match form.parsed(&browser) {
        Ok(address) => address,
        Err(why) => return Ok(browser.show(&address_page(&browser, &form, Some(why)))),
    };
    let Some(organisation) = browser.identity.policy.organisation_of(&address) else {
        let why = words.sign_up.nobodys;
        return Ok(browser.show(&address_page(&browser, &form, Some(why))));
    };
    if organisation.homeserver != *browser.identity.host.server_name() {
        return Ok(browser.show(&elsewhere(&browser, &address, organisation, form.onward.path())));
    }
    if browser.identity.policy.is_detailed(&address) {
        let why = words.sign_up.detailed;
        return Ok(browser.show(&address_page(&browser, &form, Some(why))));
    }
    let to_nobody = organisation.guests && !is_awaited(&browser.identity, &address).await?;
    code::send(&browser, &SIGN_UP, &address, to_nobody, form.onward.path()).await
}

/// Whether an address of no organisation is written to: it was invited, or has or had an account.
/// Nobody makes this server write to any mailbox in the world.
async fn is_awaited(identity: &Identity, address: &EmailAddress) -> Result<bool, Trouble> {
    let invited = identity.store.is_invited(address.as_str(), identity.host.now_ms()).await?;
    let known = identity.store.person_by_email(address.as_str()).await?;
    Ok(invited || known.is_some())
}

/// Whether an address is of no organisation, so that whoever has mistyped theirs is told.
pub(crate) fn is_of_guests(identity: &Identity, address: &str) -> bool {
    let address = EmailAddress::parse(address).ok();
    let organisation = address.and_then(|address| identity.policy.organisation_of(&address));
    organisation.is_some_and(|organisation| organisation.guests)
}

async fn show_code(browser: Browser, Query(shown): Query<code::Shown>) -> PageResult {
    check_offered(&browser.identity)?;
    code::show(&browser, &SIGN_UP, &shown).await
}

async fn check_code(Posted { browser, form }: Posted<Typed>) -> PageResult {
    check_offered(&browser.identity)?;
    code::check(&browser, &SIGN_UP, &form).await
}

fn address_page(browser: &Browser, asked: &Asked, wrong: Option<&str>) -> Page {
    let words = &browser.words().sign_up;
    let page = AddressPage {
        title: words.title,
        text: None,
        label: words.address,
        hint: Some(words.address_hint),
        action: SIGN_UP.start,
        ways: has_account(browser, asked),
    };
    page.render(browser, asked, wrong)
}

fn has_account(browser: &Browser, asked: &Asked) -> Markup {
    let sign_in = with_hint("/_estafette/sign-in", asked.onward.path(), asked.typed());
    html! { ul.links { li { a href=(sign_in) { (browser.words().sign_up.has_account) } } } }
}

/// The way to another address, for whoever gets no further with this one.
fn other_address(browser: &Browser, onward: &str) -> Markup {
    let start = code::with_onward(SIGN_UP.start, onward);
    html! { ul.links { li { a href=(start) { (browser.words().code.other_address) } } } }
}

/// The organisation has its own server.
fn elsewhere(
    browser: &Browser,
    address: &EmailAddress,
    organisation: &Organisation,
    onward: &str,
) -> Page {
    let words = &browser.words().sign_up;
    let body = html! {
        h1 { (words.elsewhere_title) }
        (astray::elsewhere(browser, address, organisation, SIGN_UP.start))
        (other_address(browser, onward))
    };
    Page::new(words.elsewhere_title, body)
}

#[cfg(test)]
pub(crate) mod tests;
