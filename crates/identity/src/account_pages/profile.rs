// SPDX-License-Identifier: Apache-2.0
//! Who one is to others, what the server knows of one, and what one may choose.

use std::sync::Arc;

use axum::extract::State;
use estafette_core::ids::UserId;
use estafette_store::{
    AccountDataStore as _, IdentityStore as _, PeopleStore as _,
    account_data::SetOutcome,
    people::{Person, RED_LIST},
};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{PATH as ACCOUNT, back};
use crate::{
    Identity,
    owner::Owner,
    pages::{Browser, Date, Language, Page, PageResult, Posted, Trouble},
};

/// Where somebody hides from the directory, or shows themselves.
pub(super) const DIRECTORY: &str = "/_estafette/account/directory";
/// Where a language is chosen.
pub(super) const LANGUAGE: &str = "/_estafette/account/language";
/// The page itself, among those of [`ACCOUNT`].
const ACTION: &str = "org.matrix.profile";

/// Name, address, organisation, validity; names come from the organisation and are corrected by its
/// administrators.
pub(super) async fn view(
    identity: &Identity,
    browser: &Browser,
    user_id: &UserId,
) -> Result<Page, Trouble> {
    let words = &browser.words().account;
    let person = identity.store.person(user_id).await?.ok_or(Trouble::NotFound)?;
    let terms = identity.store.terms_accepted(user_id).await?;
    let body = html! {
        h1 { (words.profile_title) }
        (describe(browser, &person, Owner::of(identity, user_id).await?.name.as_deref()))
        @if let Some(terms) = terms {
            dl {
                dt { (words.terms_accepted) }
                dd { ((browser.words().validity.date)(Date::of_ms(terms))) }
            }
        }
        p.hint { (words.profile_hint) }
        @if !person.details.guest { (directory(browser, person.red_list)) }
        (languages(browser))
        (back(browser))
    };
    Ok(Page::new(words.profile_title, body))
}

fn describe(browser: &Browser, person: &Person, name: Option<&str>) -> Markup {
    let (words, validity) = (&browser.words().account, &browser.words().validity);
    let details = &person.details;
    let until = details.expires_ms.map(|expires_ms| (validity.date)(Date::of_ms(expires_ms)));
    html! {
        dl {
            dt { (words.name) }
            dd { (name.unwrap_or(words.none)) }
            dt { (words.address) }
            dd { (details.email.as_deref().unwrap_or(words.none)) }
            dt { (words.organisation) }
            dd { (details.organisation_name.as_deref().unwrap_or(words.none)) }
            dt { (words.valid_until) }
            dd { (until.as_deref().unwrap_or(words.without_end)) }
            dt { (words.user_id) }
            dd { (person.user_id) }
        }
    }
}

/// Whether colleagues find one, and the button that changes it.
fn directory(browser: &Browser, hidden: bool) -> Markup {
    let words = &browser.words().account;
    let (text, button, hide) = if hidden {
        (words.hidden, words.show_me, "no")
    } else {
        (words.listed, words.hide_me, "yes")
    };
    html! {
        h2 { (words.directory_title) }
        p { (text) }
        (browser.form(DIRECTORY, &html! {
            input type="hidden" name="hide" value=(hide);
            div.actions { button.second type="submit" { (button) } }
        }))
    }
}

/// Each language in its own words.
fn languages(browser: &Browser) -> Markup {
    let words = &browser.words().account;
    html! {
        h2 { (words.language_title) }
        (browser.form(LANGUAGE, &html! {
            div.actions {
                @for language in Language::ALL {
                    button.second type="submit" name="language" value=(language.code())
                        lang=(language.code()) aria-pressed=((language == browser.language))
                    { (language.own_name()) }
                }
            }
        }))
    }
}

#[derive(Deserialize)]
pub(super) struct Hiding {
    #[serde(default)]
    hide: String,
}

/// `POST /_estafette/account/directory`: the same account data that clients set.
pub(super) async fn hide(
    State(identity): State<Arc<Identity>>,
    Posted { browser, form }: Posted<Hiding>,
) -> PageResult {
    let page = format!("{ACCOUNT}?action={ACTION}");
    let user_id = match browser.require_user(&super::uri(&page)?) {
        Ok(user_id) => user_id,
        Err(sign_in) => return Ok(*sign_in),
    };
    browser.check_not_suspended()?;
    let known = identity.store.account_data(&user_id, None, RED_LIST).await?;
    let known = known.and_then(|data| data.content);
    // What else a client keeps there stays.
    let mut content: Map<String, Value> =
        known.and_then(|json| serde_json::from_str(&json).ok()).unwrap_or_default();
    content.insert("hide_profile".into(), Value::Bool(form.hide == "yes"));
    let content = Value::Object(content).to_string();
    let set = identity.store.set_account_data(&user_id, None, RED_LIST, Some(&content), None);
    match set.await? {
        SetOutcome::Set(_) | SetOutcome::Changed => Ok(browser.redirect(&page)),
        SetOutcome::TooMany => Err(Trouble::Busy),
    }
}

#[derive(Deserialize)]
pub(super) struct Chosen {
    #[serde(default)]
    language: String,
}

/// `POST /_estafette/account/language`
pub(super) async fn choose_language(Posted { browser, form }: Posted<Chosen>) -> PageResult {
    let Some(language) = Language::of_code(&form.language) else {
        return Err(Trouble::NotUnderstood);
    };
    let mut response = browser.redirect(&format!("{ACCOUNT}?action={ACTION}"));
    browser.remember_language(language, response.headers_mut());
    Ok(response)
}
