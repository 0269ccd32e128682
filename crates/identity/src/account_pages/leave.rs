// SPDX-License-Identifier: Apache-2.0
//! Leave for what a client of the legacy API asks (Client-Server API, "SSO during User-Interactive
//! Authentication"): who is asked sees what for and from which device, and proves once more who
//! they are, in whatever way the account has.

use std::sync::Arc;

use axum::extract::State;
use estafette_core::ids::{DeviceId, UserId};
use estafette_store::{AccountStore as _, PeopleStore as _, StoreError, UpstreamStore as _};
use http::Uri;
use maud::{Markup, html};
use serde::Deserialize;

use super::{PATH as ACCOUNT, devices, require_recent};
use crate::{
    Identity, News,
    host::{AskedLeave, LeavePurpose},
    owner::Owner,
    pages::{Browser, Page, PageResult, Posted, Query, Trouble},
};

/// Where a client sends somebody to give it.
pub(super) const PATH: &str = "/_estafette/account/confirm";

/// In which session of user-interactive authentication.
#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    session: String,
}

impl Asked {
    fn query(&self) -> String {
        serde_urlencoded::to_string([("session", &self.session)]).unwrap_or_default()
    }

    /// This page.
    fn here(&self) -> String {
        format!("{PATH}?{}", self.query())
    }

    /// The page that tells the client ("Fallback").
    fn done(&self) -> String {
        format!("/_matrix/client/v3/auth/m.login.sso/fallback/web?{}", self.query())
    }
}

/// `GET /_estafette/account/confirm`: somebody else's, and one that has ended, are not found.
pub(super) async fn show(
    State(identity): State<Arc<Identity>>,
    browser: Browser,
    uri: Uri,
    Query(asked): Query<Asked>,
) -> PageResult {
    let user_id = match browser.require_user(&uri) {
        Ok(user_id) => user_id,
        Err(sign_in) => return Ok(*sign_in),
    };
    let leave = identity.host.asked_leave(&asked.session, &user_id).ok_or(Trouble::NotFound)?;
    if leave.given {
        return Ok(browser.redirect(&asked.done()));
    }
    let words = &browser.words().leave;
    let body = html! {
        h1 { (words.title) }
        p { (words.asks) }
        p { strong { (purpose(&browser, &leave.purpose)) } }
        (details(&identity, &browser, &user_id, &leave.purpose).await?)
        h2 { (words.from) }
        (origin(&identity, &browser, &user_id, &leave).await?)
        p.notice { (words.warning) }
        (browser.form(PATH, &html! {
            input type="hidden" name="session" value=(asked.session);
            div.actions {
                button.danger type="submit" { (words.button) }
                a.button.second href=(ACCOUNT) { (browser.words().account.cancel) }
            }
        }))
        h2 { (browser.words().consent.account_title) }
        (Owner::of(&identity, &user_id).await?.shown())
    };
    Ok(browser.show(&Page::new(words.title, body)))
}

/// `POST /_estafette/account/confirm`
pub(super) async fn allow(
    State(identity): State<Arc<Identity>>,
    Posted { mut browser, form }: Posted<Asked>,
) -> PageResult {
    let user_id = match require_recent(&mut browser, &form.here()).await {
        Ok(user_id) => user_id,
        Err(answer) => return answer,
    };
    let leave = identity.host.asked_leave(&form.session, &user_id).ok_or(Trouble::NotFound)?;
    if !identity.host.give_leave(&form.session, &user_id) {
        return Err(Trouble::NotFound);
    }
    tracing::info!(%user_id, purpose = ?leave.purpose, "leave was given on the pages");
    if leave.purpose == LeavePurpose::ReplaceKeys
        && !leave.given
        && let Some(email) = Owner::of(&identity, &user_id).await?.email
    {
        identity.tell_in(&email, News::KeysMayBeReset, Some(browser.language)).await;
    }
    Ok(browser.redirect(&form.done()))
}

fn purpose(browser: &Browser, purpose: &LeavePurpose) -> String {
    let words = &browser.words().leave;
    match purpose {
        LeavePurpose::ReplaceKeys => words.replace_keys.into(),
        LeavePurpose::EndDevices { count, .. } => (words.end_devices)(*count),
        LeavePurpose::SetPassword => words.set_password.into(),
        LeavePurpose::SignInDevice => words.sign_in_device.into(),
        LeavePurpose::Deactivate { .. } => words.deactivate.into(),
    }
}

/// What follows from it.
async fn details(
    identity: &Identity,
    browser: &Browser,
    user_id: &UserId,
    purpose: &LeavePurpose,
) -> Result<Markup, Trouble> {
    let words = &browser.words().account;
    Ok(match purpose {
        LeavePurpose::ReplaceKeys => html! { p { (words.reset_warning) } },
        LeavePurpose::EndDevices { named, .. } => html! {
            ul { @for title in titles(identity, user_id, named).await? { li { (title) } } }
            p { (words.sign_out_warning) }
        },
        LeavePurpose::SetPassword | LeavePurpose::SignInDevice => html! {},
        LeavePurpose::Deactivate { erase } => html! {
            ul {
                @for consequence in words.deactivate_consequences { li { (consequence) } }
                @if *erase { li { (words.erase) } }
            }
        },
    })
}

/// What devices are called, as far as they are the user's.
async fn titles(
    identity: &Identity,
    user_id: &UserId,
    ids: &[DeviceId],
) -> Result<Vec<String>, Trouble> {
    let all = identity.store.devices(user_id).await?;
    let meant = all.iter().filter(|device| ids.contains(&device.device_id));
    Ok(meant.map(|device| devices::title(device).to_owned()).collect())
}

/// The device that asks.
async fn origin(
    identity: &Identity,
    browser: &Browser,
    user_id: &UserId,
    leave: &AskedLeave,
) -> Result<Markup, Trouble> {
    let Some(device_id) = &leave.device_id else { return Ok(html! {}) };
    let (device, session) = devices::find(identity, user_id, device_id).await?;
    Ok(html! {
        p { strong { (devices::title(&device)) } }
        (devices::describe(browser, &device, session.as_ref()))
    })
}

impl Identity {
    /// Whether the owner of an account can sign in anew on the pages: by a password, by a provider
    /// that asks again who they are, or by a code to the mailbox.
    pub async fn may_prove(&self, user_id: &UserId) -> Result<bool, StoreError> {
        let account = self.store.account(user_id).await?;
        if account.is_some_and(|account| account.password_hash.is_some()) {
            return Ok(true);
        }
        let theirs = self.store.upstream_providers(user_id).await?;
        let mut asking = self.config.upstream.iter().filter(|provider| provider.asks_again);
        if asking.any(|provider| theirs.contains(&provider.id)) {
            return Ok(true);
        }
        let person = self.store.person(user_id).await?;
        Ok(self.offers_codes() && person.is_some_and(|person| person.details.email.is_some()))
    }
}

#[cfg(test)]
mod tests;
