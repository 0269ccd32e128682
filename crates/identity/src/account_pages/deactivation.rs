// SPDX-License-Identifier: Apache-2.0
//! The end of one's account.

use std::sync::Arc;

use axum::extract::State;
use estafette_core::ids::UserId;
use http::StatusCode;
use maud::html;
use serde::Deserialize;

use super::{PATH as ACCOUNT, require_recent};
use crate::{
    Identity,
    pages::{Browser, Field, Page, PageResult, Posted, Trouble, layout::error_summary},
};

/// Where the account ends.
pub(super) const PATH: &str = "/_estafette/account/deactivate";

/// What it means. Whoever means it types who they are, so that no slip of the finger does it.
pub(super) fn confirm(browser: &Browser, user_id: &UserId, refused: Option<&str>) -> Page {
    let (words, frame) = (&browser.words().account, &browser.words().frame);
    let errors: Vec<(&str, &str)> = refused.iter().map(|text| ("typed", *text)).collect();
    let body = html! {
        h1 { (words.deactivate_title) }
        (error_summary(frame.errors_title, &errors))
        p { (words.deactivate_text) }
        ul { @for consequence in words.deactivate_consequences { li { (consequence) } } }
        (browser.form(PATH, &html! {
            (Field {
                name: "typed", label: words.deactivate_type, kind: "text", value: "",
                autocomplete: "off", hint: Some(user_id.as_str()), error: refused,
            }.render())
            div.field {
                label for="erase" {
                    input id="erase" name="erase" type="checkbox" value="yes";
                    " " (words.erase)
                }
            }
            div.actions {
                button.danger type="submit" { (words.deactivate_button) }
                a.button.second href=(ACCOUNT) { (words.cancel) }
            }
        }))
    };
    let status = if refused.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Page::new(words.deactivate_title, body).status(status)
}

#[derive(Deserialize)]
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
        return Ok(browser.show(&confirm(&browser, &user_id, Some(words.deactivate_mistyped))));
    }
    if !identity.host.deactivate(&user_id, form.erase == "yes").await? {
        return Err(Trouble::NotFound);
    }
    browser.sign_out().await?;
    let (title, text) = browser.words().account.deactivated;
    Ok(browser.show(&Page::new(title, html! { h1 { (title) } p { (text) } })))
}
