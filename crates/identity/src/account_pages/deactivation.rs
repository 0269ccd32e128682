// SPDX-License-Identifier: Apache-2.0
//! The end of one's account.

use std::sync::Arc;

use axum::extract::State;
use estafette_core::ids::UserId;
use estafette_store::PeopleStore as _;
use http::StatusCode;
use maud::html;
use serde::Deserialize;

use super::{PATH as ACCOUNT, require_recent};
use crate::{
    Identity,
    pages::{Browser, Date, Field, Page, PageResult, Posted, Trouble, layout::error_summary},
    validity::DAY_MS,
};

/// Where the account ends.
pub(super) const PATH: &str = "/_estafette/account/deactivate";

/// What it means. Whoever means it types who they are, so that no slip of the finger does it.
pub(super) async fn confirm(
    browser: &Browser,
    user_id: &UserId,
    filled: &Deactivation,
    refused: Option<&str>,
) -> Result<Page, Trouble> {
    let way_back = way_back_days(&browser.identity, user_id).await?;
    let (words, frame) = (&browser.words().account, &browser.words().frame);
    let errors: Vec<(&str, &str)> = refused.iter().map(|text| ("typed", *text)).collect();
    let body = html! {
        h1 { (words.deactivate_title) }
        (error_summary(frame.errors_title, &errors))
        p { (words.deactivate_text) }
        ul { @for consequence in words.deactivate_consequences { li { (consequence) } } }
        (browser.form(PATH, &html! {
            (Field {
                name: "typed", label: words.deactivate_type, kind: "text",
                value: &filled.typed,
                autocomplete: "off", hint: Some(user_id.as_str()), error: refused,
            }.render())
            div.field {
                @if let Some(days) = way_back {
                    p id="erase-hint" { ((words.deactivate_way_back)(days)) }
                }
                div.box {
                    input id="erase" name="erase" type="checkbox" value="yes"
                        checked[filled.erase == "yes"]
                        aria-describedby=[way_back.map(|_| "erase-hint")];
                    label for="erase" { (words.erase) }
                }
            }
            div.actions {
                button.danger type="submit" { (words.deactivate_button) }
                a.button.second href=(ACCOUNT) { (words.cancel) }
            }
        }))
    };
    let status = if refused.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Ok(Page::new(words.deactivate_title, body).status(status))
}

/// For how many days whoever holds the mailbox may open the account again that its owner ends.
async fn way_back_days(identity: &Identity, user_id: &UserId) -> Result<Option<u32>, Trouble> {
    let options = &identity.config.sign_up;
    if !identity.offers_sign_up() || !options.reactivation || options.reactivation_days == 0 {
        return Ok(None);
    }
    let person = identity.store.person(user_id).await?;
    let has_address = person.is_some_and(|person| person.details.email.is_some());
    let is_subject = identity.known_by_subject(user_id).await?;
    Ok((has_address && !is_subject).then_some(options.reactivation_days))
}

#[derive(Default, Deserialize)]
pub(super) struct Deactivation {
    #[serde(default)]
    typed: String,
    #[serde(default)]
    erase: String,
}

/// `POST /_estafette/account/deactivate`
pub(super) async fn deactivate(
    State(identity): State<Arc<Identity>>,
    Posted { mut browser, form }: Posted<Deactivation>,
) -> PageResult {
    let here = format!("{ACCOUNT}?action=org.matrix.account_deactivate");
    let user_id = match require_recent(&mut browser, &here).await {
        Ok(user_id) => user_id,
        Err(answer) => return answer,
    };
    let words = &browser.words().account;
    if form.typed.trim() != user_id.as_str() {
        let page = confirm(&browser, &user_id, &form, Some(words.deactivate_mistyped)).await?;
        return Ok(browser.show(&page));
    }
    let way_back = way_back_days(&identity, &user_id).await?.filter(|_| form.erase != "yes");
    if !identity.host.deactivate(&user_id, form.erase == "yes").await? {
        return Err(Trouble::NotFound);
    }
    browser.sign_out().await?;
    let words = browser.words();
    let (title, text) = words.account.deactivated;
    let body = html! {
        h1 { (title) }
        p { (text) }
        @if let Some(days) = way_back {
            @let until_ms = identity.host.now_ms().saturating_add(i64::from(days) * DAY_MS);
            @let until = (words.validity.date)(Date::of_ms(until_ms));
            p { ((words.account.deactivated_until)(&until)) }
        }
    };
    Ok(browser.show(&Page::new(title, body)))
}
