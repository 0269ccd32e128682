// SPDX-License-Identifier: Apache-2.0
//! Proving by a code sent to the address of the account that one is whom the browser is signed in
//! as: for whoever has no password, and whose provider asks nobody anything.
//!
//! It wants both, this session and the mailbox: a mailbox that goes to another person brings no
//! session with it, and a browser that was left open no mail.

use std::sync::Arc;

use axum::{Router, routing::get};
use estafette_core::{email_address::EmailAddress, ids::UserId};
use estafette_store::PeopleStore as _;
use http::Uri;
use maud::html;

use super::PATH as ACCOUNT;
use crate::{
    Identity,
    code::{self, Purpose, Typed, with_onward},
    mail::letters::CodeFor,
    pages::{Browser, Page, PageResult, Posted, Query, Trouble},
    sign_in::Onward,
};

/// Where the code is asked for.
pub(crate) const PATH: &str = "/_estafette/account/prove";

/// The proof is used up by the code that brings it.
const PROOF: Purpose = Purpose {
    name: "proof",
    letter: CodeFor::Proof,
    signed_in: true,
    start: PATH,
    page: "/_estafette/account/prove/code",
    next: PATH,
};

pub(super) fn routes() -> Router<Arc<Identity>> {
    Router::new()
        .route(PROOF.start, get(show).post(send))
        .route(PROOF.page, get(show_code).post(check))
}

/// `GET /_estafette/account/prove`: says where the code will go, or that there is no such place.
async fn show(browser: Browser, uri: Uri, Query(onward): Query<Onward>) -> PageResult {
    let user_id = match browser.require_user(&uri) {
        Ok(user_id) => user_id,
        Err(sign_in) => return Ok(*sign_in),
    };
    let (words, account) = (&browser.words().upstream, &browser.words().account);
    let address = mailbox(&browser, &user_id).await?;
    let cancel = html! { a.button.second href=(ACCOUNT) { (account.cancel) } };
    let body = html! {
        h1 { (words.again_title) }
        @if let Some(address) = address {
            p { (words.again_by_code) " " strong { (address) } "." }
            (browser.form(PROOF.start, &html! {
                input type="hidden" name="continue" value=(onward.path());
                div.actions { button type="submit" { (words.send_code) } (cancel) }
            }))
        } @else {
            p { (words.again_by_nothing) }
            div.actions { (cancel) }
        }
    };
    Ok(browser.show(&Page::new(words.again_title, body)))
}

/// `POST /_estafette/account/prove`
async fn send(uri: Uri, Posted { browser, form }: Posted<Onward>) -> PageResult {
    let user_id = match browser.require_user(&uri) {
        Ok(user_id) => user_id,
        Err(sign_in) => return Ok(*sign_in),
    };
    match mailbox(&browser, &user_id).await? {
        Some(address) => code::send(&browser, &PROOF, &address, false, form.path()).await,
        None => Ok(browser.redirect(&with_onward(PATH, form.path()))),
    }
}

/// `GET /_estafette/account/prove/code`
async fn show_code(browser: Browser, uri: Uri, Query(shown): Query<code::Shown>) -> PageResult {
    match browser.require_user(&uri) {
        Ok(_) => code::show(&browser, &PROOF, &shown).await,
        Err(sign_in) => Ok(*sign_in),
    }
}

/// `POST /_estafette/account/prove/code`
async fn check(uri: Uri, Posted { mut browser, form }: Posted<Typed>) -> PageResult {
    let user_id = match browser.require_user(&uri) {
        Ok(user_id) => user_id,
        Err(sign_in) => return Ok(*sign_in),
    };
    let answer = code::check(&browser, &PROOF, &form).await?;
    let Some(proven) = code::use_proof(&browser, &PROOF).await? else { return Ok(answer) };
    // The account may have another address since the code was sent.
    if mailbox(&browser, &user_id).await?.as_ref() != Some(&proven) {
        return Ok(browser.redirect(&with_onward(PATH, form.onward.path())));
    }
    browser.prove().await?;
    Ok(browser.redirect(form.onward.path()))
}

/// The address of the account, where mail works.
async fn mailbox(browser: &Browser, user_id: &UserId) -> Result<Option<EmailAddress>, Trouble> {
    let person = browser.identity.store.person(user_id).await?;
    let address = person.and_then(|person| person.details.email);
    let address = address.filter(|_| browser.identity.mailer.works());
    Ok(address.and_then(|address| EmailAddress::parse(&address).ok()))
}
