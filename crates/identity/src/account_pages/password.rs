// SPDX-License-Identifier: Apache-2.0
//! Another password for whoever knows the one before, with the devices kept or signed out.

use std::sync::Arc;

use axum::extract::State;
use estafette_core::ids::UserId;
use estafette_store::{
    AccountStore as _, PeopleStore as _,
    accounts::{Devices, PasswordHash},
};
use http::{StatusCode, Uri};
use maud::html;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::{PATH as ACCOUNT, back};
use crate::{
    Identity, account_log,
    new_password::{self, Chosen},
    news::News,
    pages::{Browser, Field, Page, PageResult, Posted, Trouble, layout::error_summary},
    password_reset,
};

/// Where it is chosen.
pub(crate) const PATH: &str = "/_estafette/account/password";

/// What is wrong: a field and a sentence.
type Wrong = (&'static str, String);

/// The owner of an account that has a password.
struct Owner {
    user_id: UserId,
    email: Option<String>,
    kept: PasswordHash,
}

impl Owner {
    /// What they sign in with.
    fn name(&self) -> &str {
        self.email.as_deref().unwrap_or(self.user_id.as_str())
    }
}

#[derive(Deserialize)]
pub(super) struct Filled {
    #[serde(default)]
    old: String,
    #[serde(default)]
    devices: String,
    #[serde(flatten)]
    chosen: Chosen,
}

/// `GET /_estafette/account/password`
pub(super) async fn show(browser: Browser) -> PageResult {
    match owner(&browser).await? {
        Ok(owner) => Ok(browser.show(&page(&browser, &owner, false, None))),
        Err(answer) => Ok(*answer),
    }
}

/// `POST /_estafette/account/password`: the old one is compared last, and counts as a guess.
pub(super) async fn change(
    State(identity): State<Arc<Identity>>,
    Posted { mut browser, form }: Posted<Filled>,
) -> PageResult {
    let owner = match owner(&browser).await? {
        Ok(owner) => owner,
        Err(answer) => return Ok(*answer),
    };
    let ends_devices = form.devices == "end";
    let old = Zeroizing::new(form.old);
    let new = match form.chosen.accepted(&browser, owner.name()) {
        Ok(new) => new,
        Err(wrong) => {
            return Ok(browser.show(&page(&browser, &owner, ends_devices, Some(&wrong))));
        }
    };
    let user_id = &owner.user_id;
    let guess = identity.host.begin_guess(user_id.as_str(), &browser.session_origin())?;
    if !identity.host.password_matches(guess, &old, Some(&owner.kept)).await? {
        let wrong = ("old", browser.words().address.wrong_password.to_owned());
        return Ok(browser.show(&page(&browser, &owner, ends_devices, Some(&wrong))));
    }
    let hash = identity.host.hash_password(&new).await?;
    let sign_out = ends_devices.then_some(Devices::All);
    identity.store.set_password(user_id, Some(hash), sign_out).await?;
    identity.host.forget_proofs(user_id);
    if let Some(email) = &owner.email {
        identity.tell_in(email, News::PasswordChanged, Some(browser.language)).await;
    }
    // A new password signs every browser out; this one has just shown that it is its owner's.
    account_log::note("password_changed", user_id, &browser);
    browser.sign_in(user_id).await?;
    let (title, text) = browser.words().password.changed;
    let body = html! {
        h1 { (title) }
        p { (text) }
        (back(&browser))
    };
    Ok(browser.show(&Page::new(title, body)))
}

/// Whoever is signed in and has a password. Else the way to sign in, or to choose a first one by
/// the mailbox.
async fn owner(browser: &Browser) -> Result<Result<Owner, Box<axum::response::Response>>, Trouble> {
    let user_id = match browser.require_user(&Uri::from_static(PATH)) {
        Ok(user_id) => user_id,
        Err(sign_in) => return Ok(Err(sign_in)),
    };
    let store = &browser.identity.store;
    let kept = store.account(&user_id).await?.and_then(|account| account.password_hash);
    let email = store.person(&user_id).await?.and_then(|person| person.details.email);
    let email = email.filter(|_| browser.identity.mailer.works());
    Ok(match (kept, email) {
        (Some(kept), email) => Ok(Owner { user_id, email, kept }),
        (None, Some(email)) => Err(Box::new(browser.redirect(&password_reset::path_for(&email)))),
        (None, None) => return Err(Trouble::NotFound),
    })
}

fn page(browser: &Browser, owner: &Owner, ends_devices: bool, wrong: Option<&Wrong>) -> Page {
    let words = &browser.words().password;
    let errors: Vec<(&str, &str)> = wrong.iter().map(|(field, why)| (*field, &**why)).collect();
    let error = wrong.filter(|(field, _)| *field == "old").map(|(_, why)| why.as_str());
    let form = html! {
        (Field {
            name: "old", label: words.old, kind: "password", value: "",
            autocomplete: "current-password", hint: None, error,
        }.render())
        (new_password::fields_called(browser, words.new, owner.name(), wrong))
        div.field {
            div.box {
                input id="devices" name="devices" type="checkbox" value="end"
                    checked[ends_devices] aria-describedby="devices-hint";
                label for="devices" { (words.end_devices) }
            }
            p.hint id="devices-hint" { (words.end_devices_hint) }
        }
        div.actions {
            button type="submit" { (words.set) }
            a.button.second href=(ACCOUNT) { (browser.words().account.cancel) }
        }
    };
    let body = html! {
        h1 { (words.change_title) }
        (error_summary(browser.words().frame.errors_title, &errors))
        (browser.form(PATH, &form))
        @if let Some(email) = &owner.email {
            ul.links {
                li { a href=(password_reset::path_for(email)) {
                    (browser.words().sign_in.forgotten)
                } }
            }
        }
    };
    let status = if wrong.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Page::new(words.change_title, body).status(status)
}
