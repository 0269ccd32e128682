// SPDX-License-Identifier: Apache-2.0
//! Where somebody types the code that another device shows (RFC 8628, section 3.3).
//!
//! A code in the link fills in the field and nothing more: whoever allows has seen what for, and
//! has been told to compare the code (RFC 8628, section 5.4).

use std::sync::Arc;

use axum::{Router, extract::State, routing::get};
use estafette_store::OauthStore as _;
use http::{StatusCode, Uri};
use maud::html;
use serde::Deserialize;

use super::{
    consent::{Asking, describe, other_account, yes_or_no},
    device_grant::user_code_hash,
    redirect::Recipient,
    registration,
};
use crate::{
    Identity,
    owner::Owner,
    pages::{Browser, Field, Page, PageResult, Posted, Query, Trouble, layout::error_summary},
};

const PATH: &str = "/_estafette/device";

pub(super) fn routes() -> Router<Arc<Identity>> {
    Router::new().route(PATH, get(show).post(step))
}

#[derive(Deserialize)]
struct Linked {
    #[serde(default)]
    user_code: String,
}

/// `GET /_estafette/device`
async fn show(browser: Browser, uri: Uri, Query(linked): Query<Linked>) -> PageResult {
    if let Err(sign_in) = browser.require_user(&uri) {
        return Ok(*sign_in);
    }
    Ok(browser.show(&ask(&browser, linked.user_code.trim(), None)))
}

/// The form for the code.
fn ask(browser: &Browser, user_code: &str, refused: Option<&str>) -> Page {
    let (words, frame) = (&browser.words().consent, &browser.words().frame);
    let errors: Vec<(&str, &str)> = refused.iter().map(|text| ("user_code", *text)).collect();
    let body = html! {
        h1 { (words.device_title) }
        (error_summary(frame.errors_title, &errors))
        p { (words.device_text) }
        (browser.form(PATH, &html! {
            (Field {
                name: "user_code", label: words.user_code, kind: "text", value: user_code,
                autocomplete: "off", hint: Some(words.user_code_hint), error: refused,
            }.render())
            div.actions { button type="submit" { (words.next) } }
        }))
    };
    let status = if refused.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Page::new(words.device_title, body).status(status)
}

#[derive(Deserialize)]
struct Step {
    #[serde(default)]
    user_code: String,
    #[serde(default)]
    decision: String,
}

/// `POST /_estafette/device`: first the code, then yes or no. Each code tried costs one of the few
/// tries of the person and of the place.
async fn step(
    State(identity): State<Arc<Identity>>,
    uri: Uri,
    Posted { browser, form }: Posted<Step>,
) -> PageResult {
    let user_id = match browser.require_user(&uri) {
        Ok(user_id) => user_id,
        Err(sign_in) => return Ok(*sign_in),
    };
    identity.host.limit_source(&format!("device code from {}", browser.address))?;
    identity.host.limit_proof(&format!("device code by {user_id}"))?;
    let (words, now_ms) = (&browser.words().consent, identity.host.now_ms());
    let user_code = user_code_hash(&form.user_code);
    let grant = identity.store.device_grant(&user_code, now_ms).await?;
    let Some(grant) = grant else {
        return Ok(browser.show(&ask(&browser, &form.user_code, Some(words.no_such_code))));
    };
    let allowed_by = match form.decision.as_str() {
        "allow" => Some(&user_id),
        "deny" => None,
        _ => {
            let client = registration::client(&identity, &grant.client_id).await;
            let client = client.map_err(|error| Trouble::Broken(error.to_string()))?;
            // Whoever polls with the device code has proven nothing (RFC 8628, section 5.4).
            let owner = Owner::of(&identity, &user_id).await?;
            let recipient = Recipient::Device;
            let asking = Asking::of(&identity, &user_id, &client, &grant.device_id, recipient);
            let asking = asking.await?;
            let body = html! {
                h1 { ((words.title)(client.metadata.name(browser.language.code()))) }
                p.notice { ((words.compare)(&form.user_code.to_uppercase())) }
                (describe(&browser, &asking))
                (browser.form(PATH, &html! {
                    input type="hidden" name="user_code" value=(form.user_code);
                    (yes_or_no(&browser))
                }))
                (other_account(&browser, &owner, PATH))
            };
            return Ok(browser.show(&Page::new(words.window_title, body)));
        }
    };
    let decided = identity.store.decide_device_grant(&user_code, allowed_by, now_ms).await?;
    if !decided {
        return Ok(browser.show(&ask(&browser, &form.user_code, Some(words.no_such_code))));
    }
    let (title, text) =
        if allowed_by.is_some() { words.device_allowed } else { words.device_denied };
    Ok(browser.show(&Page::new(title, html! { h1 { (title) } p { (text) } })))
}
