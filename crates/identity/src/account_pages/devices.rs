// SPDX-License-Identifier: Apache-2.0
//! One's devices: which there are, what they are, and signing them out.

use std::{collections::HashMap, sync::Arc};

use axum::extract::State;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use estafette_core::ids::{DeviceId, UserId};
use estafette_store::{
    AccountStore as _, IdentityStore as _, OauthStore as _,
    accounts::{Device, Devices, TokenHash},
    oauth::OauthSession,
};
use maud::{Markup, html};
use serde::Deserialize;

use super::{PATH, back, require_recent};
use crate::{
    Identity,
    oauth::client_name,
    pages::{Browser, Page, PageResult, Posted, Trouble},
};

/// Where a device is signed out.
pub(super) const DELETE_PATH: &str = "/_estafette/account/devices/delete";
/// Where one other browser is signed out.
pub(super) const BROWSER_PATH: &str = "/_estafette/account/browsers/end-one";
/// Where all other browsers are signed out.
pub(super) const BROWSERS_PATH: &str = "/_estafette/account/browsers/end";
const MINUTE_MS: i64 = 60 * 1_000;

/// All of them, the latest used first.
pub(super) async fn list(
    identity: &Identity,
    browser: &Browser,
    user_id: &UserId,
) -> Result<Page, Trouble> {
    let words = &browser.words().account;
    let mut devices = identity.store.devices(user_id).await?;
    devices
        .sort_by_key(|device| std::cmp::Reverse(device.seen.as_ref().map_or(0, |seen| seen.at_ms)));
    let sessions = identity.store.oauth_sessions(user_id).await?;
    let clients: HashMap<&DeviceId, &OauthSession> =
        sessions.iter().map(|session| (&session.device_id, session)).collect();
    let body = html! {
        h1 { (words.devices_title) }
        @if devices.is_empty() { p { (words.no_devices) } }
        @for device in &devices {
            h2 { (title(device)) }
            (describe(browser, device, clients.get(&device.device_id).copied()))
            ul.links {
                li { a href=(link("org.matrix.device_delete", &device.device_id)) {
                    ((words.sign_out_device)(title(device)))
                } }
            }
        }
        (browsers(identity, browser, user_id).await?)
        (back(browser))
    };
    Ok(Page::new(words.devices_title, body))
}

/// Browsers that are signed in to these pages, and the button that signs out all but this one.
async fn browsers(
    identity: &Identity,
    browser: &Browser,
    user_id: &UserId,
) -> Result<Markup, Trouble> {
    let words = &browser.words().account;
    let now_ms = identity.host.now_ms();
    let browsers = identity.store.browser_sessions(user_id, now_ms).await?;
    let ago = |at_ms: i64| (words.ago)(now_ms.saturating_sub(at_ms) / MINUTE_MS);
    Ok(html! {
        h2 { (words.browsers_title) }
        p { (words.browsers_text) }
        ul {
            @for (cookie, session) in &browsers {
                @let name = match session.name.as_str() {
                    "" => words.unknown_browser,
                    name => name,
                };
                li {
                    strong { (name) } ", "
                    (words.signed_in) " " (ago(session.created_ms))
                    @if *cookie == browser.key() { " " strong { (words.this_browser) } }
                    @else {
                        ", " (words.used) " " (ago(session.seen_ms))
                        (browser.form(BROWSER_PATH, &html! {
                            input type="hidden" name="browser" value=(id(cookie));
                            button.second type="submit" { ((words.end_browser)(name)) }
                        }))
                    }
                }
            }
        }
        @if browsers.len() > 1 {
            (browser.form(BROWSERS_PATH, &html! {
                div.actions { button.second type="submit" { (words.end_browsers) } }
            }))
        }
    })
}

#[derive(Deserialize)]
pub(super) struct Nothing {}

/// What a browser is called in a form: the hash of its cookie, which opens nothing.
fn id(cookie: &TokenHash) -> String {
    URL_SAFE_NO_PAD.encode(cookie.0)
}

#[derive(Deserialize)]
pub(super) struct Ended {
    #[serde(default)]
    browser: String,
}

/// `POST /_estafette/account/browsers/end-one`: somebody else's is none.
pub(super) async fn end_browser(
    State(identity): State<Arc<Identity>>,
    Posted { browser, form }: Posted<Ended>,
) -> PageResult {
    let page = format!("{PATH}?action=org.matrix.devices_list");
    let user_id = match browser.require_user(&super::uri(&page)?) {
        Ok(user_id) => user_id,
        Err(sign_in) => return Ok(*sign_in),
    };
    let theirs = identity.store.browser_sessions(&user_id, identity.host.now_ms()).await?;
    if let Some((cookie, _)) = theirs.iter().find(|(cookie, _)| id(cookie) == form.browser) {
        identity.store.end_browser_session(*cookie).await?;
    }
    Ok(browser.redirect(&page))
}

/// `POST /_estafette/account/browsers/end`
pub(super) async fn end_browsers(Posted { mut browser, .. }: Posted<Nothing>) -> PageResult {
    let page = format!("{PATH}?action=org.matrix.devices_list");
    let user_id = match browser.require_user(&super::uri(&page)?) {
        Ok(user_id) => user_id,
        Err(sign_in) => return Ok(*sign_in),
    };
    browser.end_others(&user_id).await?;
    Ok(browser.redirect(&page))
}

/// One of them.
pub(super) async fn view(
    identity: &Identity,
    browser: &Browser,
    user_id: &UserId,
    device_id: &DeviceId,
) -> Result<Page, Trouble> {
    let (device, session) = find(identity, user_id, device_id).await?;
    let words = &browser.words().account;
    let body = html! {
        h1 { (title(&device)) }
        (describe(browser, &device, session.as_ref()))
        ul.links {
            li { a href=(link("org.matrix.device_delete", device_id)) {
                ((words.sign_out_device)(title(&device)))
            } }
            li { a href={ (PATH) "?action=org.matrix.devices_list" } { (words.devices_title) } }
        }
        (back(browser))
    };
    Ok(Page::new(title(&device), body))
}

/// Whether to sign one out. Links change nothing: the button does.
pub(super) async fn confirm(
    identity: &Identity,
    browser: &Browser,
    user_id: &UserId,
    device_id: &DeviceId,
) -> Result<Page, Trouble> {
    let (device, session) = find(identity, user_id, device_id).await?;
    let words = &browser.words().account;
    let heading = (words.sign_out_device)(title(&device));
    let body = html! {
        h1 { (heading) }
        (describe(browser, &device, session.as_ref()))
        p.notice { (words.sign_out_warning) }
        (browser.form(DELETE_PATH, &html! {
            input type="hidden" name="device_id" value=(device_id);
            div.actions {
                button.danger type="submit" { (words.sign_out_button) }
                a.button.second href={ (PATH) "?action=org.matrix.devices_list" } { (words.cancel) }
            }
        }))
    };
    Ok(Page::new(&heading, body))
}

#[derive(Deserialize)]
pub(super) struct Deletion {
    device_id: String,
}

/// `POST /_estafette/account/devices/delete`: everything of the device is gone when this returns.
pub(super) async fn delete(
    State(identity): State<Arc<Identity>>,
    Posted { mut browser, form }: Posted<Deletion>,
) -> PageResult {
    let list = format!("{PATH}?action=org.matrix.devices_list");
    let device_id = DeviceId::parse(&form.device_id).map_err(|_| Trouble::NotFound)?;
    // MSC4191, "Security considerations": its keys go with it.
    let here = link("org.matrix.device_delete", &device_id);
    let user_id = match require_recent(&mut browser, &here).await {
        Ok(user_id) => user_id,
        Err(answer) => return answer,
    };
    identity.store.delete_devices(&user_id, Devices::These(vec![device_id])).await?;
    Ok(browser.redirect(&list))
}

/// A device with its client. Somebody else's is not found.
pub(super) async fn find(
    identity: &Identity,
    user_id: &UserId,
    device_id: &DeviceId,
) -> Result<(Device, Option<OauthSession>), Trouble> {
    let device = identity.store.device(user_id, device_id).await?.ok_or(Trouble::NotFound)?;
    let sessions = identity.store.oauth_sessions(user_id).await?;
    Ok((device, sessions.into_iter().find(|session| session.device_id == *device_id)))
}

/// What a device is called.
pub(super) fn title(device: &Device) -> &str {
    let name = device.display_name.as_deref().filter(|name| !name.trim().is_empty());
    name.unwrap_or(device.device_id.as_str())
}

/// What is known of a device.
pub(super) fn describe(
    browser: &Browser,
    device: &Device,
    session: Option<&OauthSession>,
) -> Markup {
    let words = &browser.words().account;
    let client = session.and_then(|session| client_name(&session.client, browser.language.code()));
    html! {
        dl {
            dt { (words.device_id) }
            dd { (device.device_id) }
            @if let Some(client) = client {
                dt { (words.application) }
                dd { (client) }
            }
            dt { (words.last_seen) }
            @match &device.seen {
                Some(seen) => dd {
                    @let minutes = (browser.identity.host.now_ms() - seen.at_ms) / MINUTE_MS;
                    ((words.ago)(minutes.max(0))) ", " (words.from) " " (seen.ip)
                },
                None => dd { (words.none) },
            }
        }
    }
}

/// The link to an action on a device.
fn link(action: &str, device_id: &DeviceId) -> String {
    let pairs = [("action", action), ("device_id", device_id.as_str())];
    format!("{PATH}?{}", serde_urlencoded::to_string(pairs).unwrap_or_default())
}
