// SPDX-License-Identifier: Apache-2.0
//! How long an account works: reminders before its end, and renewal by whoever holds the mailbox.
//!
//! The link in a reminder opens a page with a button. Opening it changes nothing, so a scanner of
//! links in the mailbox of somebody who has left renews nobody (Tchap's renewed them).

mod sweep;

use std::sync::Arc;

use axum::{Router, routing::get};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use estafette_core::{
    ids::UserId,
    limits::{PEOPLE_PER_READ, RENEWAL_LINK_S},
};
use estafette_store::{
    IdentityStore as _, PeopleStore as _, StoreResult, accounts::TokenHash, identity::Reminder,
    people::Person,
};
use http::StatusCode;
use maud::html;
use serde::Deserialize;

use crate::{
    Identity, account_log, account_pages,
    code::with_onward,
    mail::letters,
    pages::{Browser, Date, Page, PageResult, Posted, Query, Trouble},
};

/// Where an account is renewed; all that somebody is shown whose account has expired.
pub(crate) const RENEW: &str = "/_estafette/renew";
const SIGN_IN: &str = "/_estafette/sign-in";
const SEND: &str = "/_estafette/renew/mail";
pub(crate) const DAY_MS: i64 = 24 * 60 * 60 * 1000;

pub(crate) fn routes() -> Router<Arc<Identity>> {
    Router::new().route(RENEW, get(show).post(renew)).route(SEND, axum::routing::post(send_again))
}

#[derive(Deserialize)]
struct Link {
    #[serde(default)]
    token: String,
    /// Not empty: a new link was sent, which is told by a page that may be loaded again.
    #[serde(default)]
    sent: String,
}

#[derive(Deserialize)]
struct Nothing {}

/// What became of asking for the mail that renews an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RenewalMail {
    /// It is on its way.
    Queued,
    /// The account has no end, or there is nobody to write to.
    NothingToRenew,
    /// Accounts are not renewed by mail here.
    NoMail,
}

impl Identity {
    /// When an account that is made or renewed now ends. `None`: never.
    pub fn next_expiry_ms(&self) -> Option<i64> {
        let days = self.config.validity.period_days;
        (days > 0).then(|| self.host.now_ms().saturating_add(i64::from(days) * DAY_MS))
    }

    /// The address of the page where an account is renewed. `None`: nobody can do that here.
    pub fn renewal_page(&self) -> Option<String> {
        self.renews_by_mail().then(|| format!("{}{RENEW}", self.link_base()))
    }

    fn renews_by_mail(&self) -> bool {
        self.config.validity.period_days > 0 && self.mailer.works()
    }

    /// Sends the owner of an account the mail that renews it, also after its end. The links that
    /// were sent before end.
    pub async fn mail_renewal(&self, user_id: &UserId) -> StoreResult<RenewalMail> {
        if !self.renews_by_mail() {
            return Ok(RenewalMail::NoMail);
        }
        let person = self.store.person(user_id).await?.filter(|person| !person.deactivated);
        let Some(person) = person else { return Ok(RenewalMail::NothingToRenew) };
        if !self.remind(&person, 0, true).await? {
            return Ok(RenewalMail::NothingToRenew);
        }
        self.mailer.wake();
        Ok(RenewalMail::Queued)
    }

    /// Reminds everybody whose time has come, once per end and number of days. How many were.
    pub(crate) async fn remind_due(&self) -> StoreResult<usize> {
        let now_ms = self.host.now_ms();
        let mut days = self.config.validity.reminders_days.clone();
        days.sort_unstable();
        let mut reminded = 0_usize;
        // The nearest end first: whoever is due for several is sent the latest alone.
        for days in days {
            let until_ms = now_ms.saturating_add(i64::from(days) * DAY_MS);
            loop {
                let due = self.store.to_remind(now_ms, until_ms, days, PEOPLE_PER_READ).await?;
                if due.is_empty() {
                    break;
                }
                for person in &due {
                    self.remind(person, days, false).await?;
                    reminded = reminded.saturating_add(1);
                }
            }
        }
        if reminded > 0 {
            self.mailer.wake();
        }
        Ok(reminded)
    }

    /// Whether there is anybody to remind, of an end that there is.
    async fn remind(&self, person: &Person, reminder_days: u32, again: bool) -> StoreResult<bool> {
        let (Some(email), Some(expires_ms)) = (&person.details.email, person.details.expires_ms)
        else {
            return Ok(false);
        };
        let now_ms = self.host.now_ms();
        let mut secret = [0; 32];
        self.host.fill_random(&mut secret);
        let token = URL_SAFE_NO_PAD.encode(secret);
        let left_ms = expires_ms.saturating_sub(now_ms).max(0).cast_unsigned();
        let left_days = u32::try_from(left_ms.div_ceil(DAY_MS.cast_unsigned())).unwrap_or(u32::MAX);
        let link = format!("{}{RENEW}?token={token}", self.link_base());
        let letter = letters::renewal(&self.config.service_name, left_days, &link);
        let reminder = Reminder {
            user_id: person.user_id.clone(),
            expires_ms,
            days: reminder_days,
            again,
            token: TokenHash::of(&token),
            token_expires_ms: now_ms.saturating_add((RENEWAL_LINK_S * 1000).cast_signed()),
            mail: self.compose(email, letter, None),
        };
        self.store.remind(reminder).await?;
        Ok(true)
    }
}

/// The button, for a link; what can be done, for whoever is signed in.
async fn show(browser: Browser, Query(link): Query<Link>) -> PageResult {
    let words = &browser.words().validity;
    if !link.sent.is_empty() && browser.owner().is_some() {
        return say(&browser, words.sent, StatusCode::OK);
    }
    let now_ms = browser.identity.host.now_ms();
    let renewal = browser.identity.store.renewal(TokenHash::of(&link.token), now_ms).await?;
    match renewal {
        Some(renewal) if renewal.used => say(&browser, words.renewed, StatusCode::OK),
        Some(_) => {
            let form = html! {
                input type="hidden" name="token" value=(link.token);
                div.actions { button type="submit" { (words.renew) } }
            };
            let body = html! {
                h1 { (words.title) }
                p { (words.text) }
                (browser.form(RENEW, &form))
            };
            Ok(browser.show(&Page::new(words.title, body)))
        }
        None if browser.owner().is_some() => ask(&browser).await,
        None if link.token.is_empty() => Ok(browser.redirect(&with_onward(SIGN_IN, RENEW))),
        None => say(&browser, words.unknown, StatusCode::NOT_FOUND),
    }
}

/// How long the account of whoever is signed in works, and the way to renew it.
async fn ask(browser: &Browser) -> PageResult {
    let (identity, words) = (&browser.identity, &browser.words().validity);
    let person = match browser.owner() {
        Some(user_id) => identity.store.person(user_id).await?,
        None => None,
    };
    let details = person.map(|person| person.details).unwrap_or_default();
    let Some(expires_ms) = details.expires_ms else {
        return say(browser, words.for_ever, StatusCode::OK);
    };
    let title = if browser.is_expired() { words.expired } else { words.title };
    let date = (words.date)(Date::of_ms(expires_ms));
    let body = html! {
        h1 { (title) }
        p { (if browser.is_expired() { (words.since)(&date) } else { (words.until)(&date) }) }
        @if identity.renews_by_mail() && details.email.is_some() {
            p { (words.ask) }
            (browser.form(SEND, &html! {
                div.actions { button type="submit" { (words.send) } }
            }))
        } @else {
            p { (words.support) }
        }
        (browser.form("/_estafette/sign-out", &html! {
            input type="hidden" name="continue" value=(RENEW);
            div.actions {
                button.second type="submit" { (browser.words().account.sign_out) }
            }
        }))
    };
    Ok(browser.show(&Page::new(title, body)))
}

async fn renew(Posted { browser, form }: Posted<Link>) -> PageResult {
    let identity = &browser.identity;
    let words = &browser.words().validity;
    identity.host.limit_source(&format!("renewal from {}", browser.address))?;
    let (token, now_ms) = (TokenHash::of(&form.token), identity.host.now_ms());
    let Some(expires_ms) = identity.next_expiry_ms() else { return Err(Trouble::NotFound) };
    if let Some(renewal) = identity.store.renewal(token, now_ms).await?
        && identity.is_long_expired(renewal.account_expires_ms)
        && browser.owner() != Some(&renewal.user_id)
    {
        // The mailbox may have passed on: who it was knows the password, or is known to somebody.
        return say(&browser, words.too_late, StatusCode::FORBIDDEN);
    }
    if identity.store.renew(token, now_ms, expires_ms).await? {
        if let Some(renewal) = identity.store.renewal(token, now_ms).await? {
            account_log::note("renewed", &renewal.user_id, &browser);
        }
        return say(&browser, words.renewed, StatusCode::OK);
    }
    match identity.store.renewal(token, now_ms).await? {
        Some(_) => say(&browser, words.renewed, StatusCode::OK),
        None => say(&browser, words.unknown, StatusCode::NOT_FOUND),
    }
}

/// Sends whoever is signed in another link, also after the end.
async fn send_again(Posted { browser, .. }: Posted<Nothing>) -> PageResult {
    let identity = &browser.identity;
    let Some(user_id) = browser.owner() else {
        return Ok(browser.redirect(&with_onward(SIGN_IN, RENEW)));
    };
    identity.host.limit_proof(&format!("renewal of {user_id}"))?;
    match identity.mail_renewal(user_id).await? {
        RenewalMail::Queued => Ok(browser.redirect(&format!("{RENEW}?sent=yes"))),
        RenewalMail::NothingToRenew | RenewalMail::NoMail => ask(&browser).await,
    }
}

fn say(browser: &Browser, (title, text): (&str, &str), status: StatusCode) -> PageResult {
    let body = html! {
        h1 { (title) }
        p { (text) }
        @if browser.owner().is_some() {
            (account_pages::back(browser))
        } @else if status.is_client_error() {
            ul.links {
                li { a href=(with_onward(SIGN_IN, RENEW)) { (browser.words().sign_in.title) } }
            }
        }
    };
    Ok(browser.show(&Page::new(title, body).status(status)))
}

#[cfg(test)]
mod tests;
