// SPDX-License-Identifier: Apache-2.0
//! Changing the address of one's account: the password, a code sent to the new address, and a
//! notice to the old one. Whoever has no password proves anew who they are, by a code sent to the
//! old address or at their provider. The new address has to be of the same organisation: who
//! somebody works for is not theirs to change. A guest's has to be invited as their first one was:
//! the name follows the address, and outside of the policy anybody may have any.

use std::sync::Arc;

use axum::{Router, routing::get};
use estafette_core::{email_address::EmailAddress, ids::UserId};
use estafette_store::{
    AccountStore as _, IdentityStore as _, PeopleStore as _, identity::AddressOutcome,
    people::Person,
};
use http::{StatusCode, Uri};
use maud::html;
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::{
    Identity, account_log,
    account_pages::{self, require_recent},
    address_form,
    code::{self, Purpose, Typed},
    mail::letters::{self, CodeFor},
    pages::{Browser, Field, Page, PageResult, Posted, Query, Trouble, layout::error_summary},
    policy,
    sign_in::Onward,
};

/// Where a new address is typed.
pub(crate) const PATH: &str = "/_estafette/account/address";

const ADDRESS: Purpose = Purpose {
    name: "address",
    letter: CodeFor::Address,
    signed_in: true,
    start: PATH,
    page: "/_estafette/account/address/code",
    next: "/_estafette/account/address/done",
};

pub(crate) fn routes() -> Router<Arc<Identity>> {
    Router::new()
        .route(ADDRESS.start, get(start).post(send_code))
        .route(ADDRESS.page, get(show_code).post(check_code))
        .route(ADDRESS.next, get(confirm).post(change))
}

#[derive(Deserialize)]
struct Wanted {
    #[serde(default)]
    address: String,
    #[serde(default)]
    password: String,
}

/// What is wrong: a field and a sentence.
type Wrong = (&'static str, String);

async fn start(mut browser: Browser, uri: Uri) -> PageResult {
    let (user_id, person) = match signed_in(&browser, &uri).await? {
        Ok(found) => found,
        Err(response) => return Ok(*response),
    };
    let asks = has_password(&browser.identity, &user_id).await?;
    if !asks && let Err(answer) = require_recent(&mut browser, ADDRESS.start).await {
        return answer;
    }
    Ok(browser.show(&address_page(&browser, &person, asks, "", None)))
}

/// Whether the account has a password, to be typed before anything is changed.
async fn has_password(identity: &Identity, user_id: &UserId) -> Result<bool, Trouble> {
    let account = identity.store.account(user_id).await?;
    Ok(account.is_some_and(|account| account.password_hash.is_some()))
}

async fn send_code(uri: Uri, Posted { mut browser, form }: Posted<Wanted>) -> PageResult {
    let (user_id, person) = match signed_in(&browser, &uri).await? {
        Ok(found) => found,
        Err(response) => return Ok(*response),
    };
    let asks = has_password(&browser.identity, &user_id).await?;
    if !asks && let Err(answer) = require_recent(&mut browser, ADDRESS.start).await {
        return answer;
    }
    if code::waits_for(&browser, &ADDRESS, &form.address).await? {
        // Sent again: this browser has shown the password for the same address.
        let address = EmailAddress::parse(&form.address).map_err(|_| Trouble::NotUnderstood)?;
        return code::send(&browser, &ADDRESS, &address, false, ADDRESS.start).await;
    }
    let password = asks.then(|| Zeroizing::new(form.password));
    match accepted(&browser, &user_id, &person, &form.address, password.as_ref()).await? {
        Ok(address) => code::send(&browser, &ADDRESS, &address, false, ADDRESS.start).await,
        Err(wrong) => {
            let page = address_page(&browser, &person, asks, &form.address, Some(&wrong));
            Ok(browser.show(&page))
        }
    }
}

/// The new address, if it may be written to and whoever asks knows the password. `None`: there is
/// none to know.
async fn accepted(
    browser: &Browser,
    user_id: &UserId,
    person: &Person,
    typed: &str,
    password: Option<&Zeroizing<String>>,
) -> Result<Result<EmailAddress, Wrong>, Trouble> {
    let (identity, words) = (&browser.identity, browser.words());
    let address = match address_form::parsed(&words.code, typed.trim_matches(' ')) {
        Ok(address) => address,
        Err(why) => return Ok(Err(("address", why.into()))),
    };
    let here = identity.host.server_name();
    let organisation = identity.policy.organisation_of(&address);
    let organisation = organisation.filter(|organisation| organisation.homeserver == *here);
    let id = organisation.map(|organisation| organisation.id.as_str());
    if id != Some(person.details.organisation_id.as_deref().unwrap_or_default()) {
        return Ok(Err(("address", words.address.other_organisation.into())));
    }
    if identity.policy.is_detailed(&address) {
        return Ok(Err(("address", words.sign_up.detailed.into())));
    }
    let Some(password) = password else { return Ok(Ok(address)) };
    let guess = identity.host.begin_guess(user_id.as_str(), &browser.session_origin())?;
    let account = identity.store.account(user_id).await?;
    let kept = account.as_ref().and_then(|account| account.password_hash.as_ref());
    if !identity.host.password_matches(guess, password, kept).await? {
        return Ok(Err(("password", words.address.wrong_password.into())));
    }
    Ok(Ok(address))
}

async fn show_code(browser: Browser, uri: Uri, Query(shown): Query<code::Shown>) -> PageResult {
    match signed_in(&browser, &uri).await? {
        Ok(_) => code::show(&browser, &ADDRESS, &shown).await,
        Err(response) => Ok(*response),
    }
}

async fn check_code(uri: Uri, Posted { browser, form }: Posted<Typed>) -> PageResult {
    match signed_in(&browser, &uri).await? {
        Ok(_) => code::check(&browser, &ADDRESS, &form).await,
        Err(response) => Ok(*response),
    }
}

async fn confirm(browser: Browser, uri: Uri) -> PageResult {
    let (_, person) = match signed_in(&browser, &uri).await? {
        Ok(found) => found,
        Err(response) => return Ok(*response),
    };
    let Some(address) = code::proven(&browser, &ADDRESS).await? else {
        return Ok(browser.redirect(ADDRESS.start));
    };
    let words = &browser.words().address;
    let form = html! { div.actions { button type="submit" { (words.change) } } };
    let body = html! {
        h1 { (words.confirm_title) }
        dl {
            dt { (words.current) } dd { (person.details.email.unwrap_or_default()) }
            dt { (words.new) } dd { (address) }
        }
        (browser.form(ADDRESS.next, &form))
    };
    Ok(browser.show(&Page::new(words.confirm_title, body)))
}

async fn change(uri: Uri, Posted { browser, .. }: Posted<Onward>) -> PageResult {
    let (user_id, person) = match signed_in(&browser, &uri).await? {
        Ok(found) => found,
        Err(response) => return Ok(*response),
    };
    let (identity, words) = (&browser.identity, &browser.words().address);
    let Some(address) = code::use_proof(&browser, &ADDRESS).await? else {
        return Ok(browser.redirect(ADDRESS.start));
    };
    let notice = person.details.email.filter(|old| old != address.as_str()).map(|old| {
        let letter = letters::address_changed(browser.language, &identity.config.service_name);
        identity.compose(&old, letter, None)
    });
    let now_ms = identity.host.now_ms();
    let changed = identity.store.change_address(&user_id, address.as_str(), now_ms, notice).await?;
    let (title, text) = match changed {
        AddressOutcome::Changed => {
            identity.mailer.wake();
            account_log::note("address_changed", &user_id, &browser);
            identity.follow(&user_id, &address).await;
            words.changed
        }
        AddressOutcome::Taken => words.taken,
        AddressOutcome::NotInvited => words.not_invited,
    };
    let body = html! {
        h1 { (title) }
        p { (text) }
        p { strong { (address) } }
        (account_pages::back(&browser))
    };
    Ok(browser.show(&Page::new(title, body)))
}

impl Identity {
    /// Lets name and organisation follow an address. What fails is done at the next start.
    async fn follow(&self, user_id: &UserId, address: &EmailAddress) {
        let Some(organisation) = self.policy.organisation_of(address) else { return };
        let moves = vec![(user_id.clone(), policy::placement(address, organisation))];
        if let Err(error) = self.host.place(self.policy_entry(), moves).await {
            tracing::warn!(%error, "a name could not follow its address");
        }
    }
}

/// Whoever is signed in and what is known of them, or the way to the sign-in page. Nothing is
/// offered where no mail is sent.
async fn signed_in(
    browser: &Browser,
    uri: &Uri,
) -> Result<Result<(UserId, Person), Box<axum::response::Response>>, Trouble> {
    if !browser.identity.mailer.works() {
        return Err(Trouble::NotFound);
    }
    let user_id = match browser.require_user(uri) {
        Ok(user_id) => user_id,
        Err(response) => return Ok(Err(response)),
    };
    browser.check_not_suspended()?;
    let person = browser.identity.store.person(&user_id).await?.ok_or(Trouble::NotFound)?;
    Ok(Ok((user_id, person)))
}

fn address_page(
    browser: &Browser,
    person: &Person,
    asks_password: bool,
    typed: &str,
    wrong: Option<&Wrong>,
) -> Page {
    let words = &browser.words().address;
    let errors: Vec<(&str, &str)> = wrong.iter().map(|(field, why)| (*field, &**why)).collect();
    let error = |field| wrong.filter(|(name, _)| *name == field).map(|(_, why)| why.as_str());
    let form = html! {
        (Field {
            name: "address", label: words.new, kind: "text", value: typed,
            autocomplete: "email", hint: None, error: error("address"),
        }.render())
        @if asks_password {
            (Field {
                name: "password", label: words.password, kind: "password", value: "",
                autocomplete: "current-password", hint: None, error: error("password"),
            }.render())
        }
        div.actions { button type="submit" { (browser.words().sign_up.send) } }
    };
    let body = html! {
        h1 { (words.title) }
        (error_summary(browser.words().frame.errors_title, &errors))
        @if let Some(email) = &person.details.email { dl { dt { (words.current) } dd { (email) } } }
        (browser.form(ADDRESS.start, &form))
        (account_pages::back(browser))
    };
    let status = if wrong.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Page::new(words.title, body).status(status)
}

#[cfg(test)]
mod tests;
