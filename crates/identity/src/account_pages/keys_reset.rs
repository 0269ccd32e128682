// SPDX-License-Identifier: Apache-2.0
//! Leave to replace one's cross-signing keys, once and for ten minutes (Client-Server API, "OAuth
//! authentication"; MSC4312).

use std::sync::Arc;

use axum::extract::State;
use estafette_core::{
    ids::{DeviceId, UserId},
    limits::CROSS_SIGNING_APPROVAL_S,
};
use estafette_store::OauthStore as _;
use http::Uri;
use maud::html;
use serde::Deserialize;

use super::{PATH as ACCOUNT, back, devices, require_recent};
use crate::{
    Identity, News,
    owner::Owner,
    pages::{Browser, Page, PageResult, Posted, Trouble},
};

/// Where the leave is given.
pub(super) const PATH: &str = "/_estafette/account/cross-signing-reset";

/// What it means, and for which device.
pub(super) async fn confirm(
    identity: &Identity,
    browser: &Browser,
    user_id: &UserId,
    device_id: Option<&DeviceId>,
) -> Result<Page, Trouble> {
    let words = &browser.words().account;
    let device = match device_id {
        Some(device_id) => Some(devices::find(identity, user_id, device_id).await?),
        None => None,
    };
    let body = html! {
        h1 { (words.reset_title) }
        p { (words.reset_text) }
        @if let Some((device, session)) = &device {
            h2 { (devices::title(device)) }
            (devices::describe(browser, device, session.as_ref()))
        }
        p.notice { (words.reset_warning) }
        (browser.form(PATH, &html! {
            input type="hidden" name="device_id" value=(device_id.map_or("", DeviceId::as_str));
            div.actions {
                button.danger type="submit" { (words.reset_button) }
                a.button.second href=(ACCOUNT) { (words.cancel) }
            }
        }))
    };
    Ok(Page::new(words.reset_title, body))
}

#[derive(Deserialize)]
pub(super) struct Leave {
    #[serde(default)]
    device_id: String,
}

/// `POST /_estafette/account/cross-signing-reset`
pub(super) async fn allow(
    State(identity): State<Arc<Identity>>,
    Posted { mut browser, form }: Posted<Leave>,
) -> PageResult {
    let pairs =
        [("action", "org.matrix.cross_signing_reset"), ("device_id", form.device_id.as_str())];
    let query = serde_urlencoded::to_string(pairs).unwrap_or_default();
    let user_id = match require_recent(&mut browser, &format!("{ACCOUNT}?{query}")).await {
        Ok(user_id) => user_id,
        Err(answer) => return answer,
    };
    let device_id = match form.device_id.as_str() {
        "" => None,
        id => Some(DeviceId::parse(id).map_err(|_| Trouble::NotFound)?),
    };
    if let Some(device_id) = &device_id {
        devices::find(&identity, &user_id, device_id).await?;
    }
    let lifetime_ms = (CROSS_SIGNING_APPROVAL_S * 1000).cast_signed();
    let expires_ms = identity.host.now_ms().saturating_add(lifetime_ms);
    identity.store.approve_cross_signing(&user_id, device_id.as_ref(), expires_ms).await?;
    if let Some(email) = Owner::of(&identity, &user_id).await?.email {
        identity.tell_in(&email, News::KeysMayBeReset, Some(browser.language)).await;
    }
    Ok(browser.redirect(PATH))
}

/// `GET /_estafette/account/cross-signing-reset`: says that the leave was given, as long as it
/// stands. Loading it again gives none.
pub(super) async fn allowed(
    State(identity): State<Arc<Identity>>,
    browser: Browser,
    uri: Uri,
) -> PageResult {
    let user_id = match browser.require_user(&uri) {
        Ok(user_id) => user_id,
        Err(sign_in) => return Ok(*sign_in),
    };
    let now_ms = identity.host.now_ms();
    if !identity.store.has_cross_signing_approval(&user_id, None, now_ms).await? {
        return Ok(browser.redirect(ACCOUNT));
    }
    let words = &browser.words().account;
    let body = html! {
        h1 { (words.reset_done_title) }
        p { (words.reset_done) }
        (back(&browser))
    };
    Ok(browser.show(&Page::new(words.reset_done_title, body)))
}
