// SPDX-License-Identifier: Apache-2.0
//! Joining a subject to the account that has had its address: once, by that account's password, or
//! in a browser in which its owner just proved who they are.
//!
//! The address alone may have been another person's. Whoever knows the password is who used the
//! account before; a code to the mailbox is enough where it opens the account anyway.

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    response::Response,
};
use estafette_core::{
    ids::UserId,
    limits::{UPSTREAM_JOIN_TRIES, UPSTREAM_SIGN_IN_S},
};
use estafette_store::{
    AccountStore as _, PeopleStore as _, UpstreamStore as _,
    upstream::{LinkOutcome, LinkReason, UpstreamSession},
};
use http::{StatusCode, Uri};
use maud::html;
use serde::Deserialize;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::{
    Upstream,
    account::{self, Proof, Refused},
    config::ProviderConfig,
    flow::say,
    provider::Provider,
};
use crate::{
    Identity,
    account_pages::{self, is_recent},
    code::with_onward,
    oauth::secret,
    pages::{Browser, Field, Page, PageResult, Posted, Query, Trouble, layout::error_summary},
    sign_in::Onward,
};

/// Somebody whom a provider vouches for, and the account that they say is theirs.
#[derive(Clone)]
pub(super) struct Join {
    session: UpstreamSession,
    user_id: UserId,
    onward: String,
    browser: [u8; 32],
    tries_left: u32,
}

/// What is joined, and where it leads.
pub(super) struct Joining {
    pub(super) session: UpstreamSession,
    pub(super) user_id: UserId,
    pub(super) onward: String,
}

#[derive(Deserialize)]
pub(super) struct Given {
    #[serde(default)]
    join: String,
    #[serde(default)]
    password: String,
}

/// Joins in a browser in which the owner of the account just proved who they are; else says how to.
pub(super) async fn prove(
    mut browser: Browser,
    provider: &Provider<'_>,
    joining: Joining,
    proof: Proof,
) -> PageResult {
    let is_owner = browser.user_id() == Some(&joining.user_id) && is_recent(&browser);
    // Another provider's word is for itself alone.
    if is_owner && browser.upstream().await?.is_none() {
        let proven_ms = browser.proven_ms().unwrap_or(0);
        return link(browser, provider, joining, proven_ms).await;
    }
    match proof {
        Proof::Password => ask(&browser, provider.config, joining),
        Proof::Mailbox => {
            // Whoever is signed in is not asked for a code.
            if browser.owner().is_some() {
                browser.sign_out().await?;
            }
            lead_to_mailbox(&browser, provider.config, &joining).await
        }
        Proof::Nothing => {
            let refused = Some(Refused::OtherSubject);
            say(&browser, provider.config, StatusCode::FORBIDDEN, refused)
        }
    }
}

/// Keeps that the subject is the user, who has proven it, and signs them in.
async fn link(
    mut browser: Browser,
    provider: &Provider<'_>,
    joining: Joining,
    proven_ms: i64,
) -> PageResult {
    let Joining { session, user_id, onward } = joining;
    let (id, subject, proven) = (&provider.config.id, &session.subject, LinkReason::Proven);
    match browser.identity.store.link_upstream(id, subject, &user_id, proven).await? {
        LinkOutcome::Linked => {}
        LinkOutcome::Different | LinkOutcome::Unproven => {
            let refused = Some(Refused::OtherPerson);
            return say(&browser, provider.config, StatusCode::FORBIDDEN, refused);
        }
    }
    let language = Some(browser.language);
    account::linked(&browser.identity, id, &user_id, LinkReason::Proven, language).await;
    browser.sign_in_by(&user_id, session, proven_ms).await?;
    Ok(browser.redirect(&onward))
}

/// Says that the account is proven by signing in to it with a code, and leads there and back.
async fn lead_to_mailbox(
    browser: &Browser,
    provider: &ProviderConfig,
    joining: &Joining,
) -> PageResult {
    let words = &browser.words().upstream;
    let Joining { user_id, onward, .. } = joining;
    // The provider has just vouched that it is theirs.
    let person = browser.identity.store.person(user_id).await?;
    let address = person.and_then(|person| person.details.email).unwrap_or_default();
    let hint = serde_urlencoded::to_string([("login_hint", address)]).unwrap_or_default();
    // A page is between: Chromium lets no form end at the provider (`form-action`).
    let again = with_onward(&format!("/_estafette/upstream/{}/join", provider.id), onward);
    let way = format!("{}&{hint}", with_onward("/_estafette/sign-in/mail", &again));
    let body = html! {
        h1 { (words.join_title) }
        @if browser.identity.offers_codes() {
            p { ((words.join_by_code)(&provider.name)) }
            div.actions { a.button href=(way) { (browser.words().sign_in.by_code) } }
        } @else {
            p { (words.no_proof) }
        }
        ul.links {
            @if browser.identity.mailer.works() && !browser.identity.offers_codes() {
                li { a href="/_estafette/password/reset" { (words.set_password) } }
            }
            li { a href="/_estafette/sign-in" { (words.other_way) } }
        }
    };
    Ok(browser.show(&Page::new(words.join_title, body).status(StatusCode::FORBIDDEN)))
}

/// Asks for the password.
fn ask(browser: &Browser, provider: &ProviderConfig, joining: Joining) -> PageResult {
    let Joining { session, user_id, onward } = joining;
    let identity = &browser.identity;
    let name = secret(identity, "esj");
    let join = Join {
        session,
        user_id,
        onward,
        browser: browser.mac(&["join", &name]),
        tries_left: UPSTREAM_JOIN_TRIES,
    };
    let now_ms = identity.host.now_ms();
    let expires_ms = now_ms.saturating_add((UPSTREAM_SIGN_IN_S * 1000).cast_signed());
    identity.upstream.joins.put(&name, browser.address, join, expires_ms, now_ms);
    Ok(page(browser, provider, &name, None))
}

/// `GET /_estafette/upstream/{provider}/join`: whoever signed in to the account is led to the
/// provider once more, and with that it is joined.
pub(super) async fn go_on(
    State(identity): State<Arc<Identity>>,
    Path(id): Path<String>,
    Query(onward): Query<Onward>,
    browser: Browser,
    uri: Uri,
) -> PageResult {
    let provider = Provider::find(&identity, &id).ok_or(Trouble::NotFound)?;
    if let Err(sign_in) = browser.require_user(&uri) {
        return Ok(*sign_in);
    }
    let words = &browser.words().upstream;
    let name = &provider.config.name;
    let way = with_onward(&format!("/_estafette/upstream/{id}"), onward.path());
    let body = html! {
        h1 { (words.join_last_title) }
        p { ((words.join_last)(name)) }
        div.actions {
            a.button href=(way) { ((words.with)(name)) }
            a.button.second href=(account_pages::PATH) { (browser.words().account.cancel) }
        }
    };
    Ok(browser.show(&Page::new(words.join_last_title, body)))
}

/// `POST /_estafette/upstream/{provider}/join`
pub(super) async fn join(
    State(identity): State<Arc<Identity>>,
    Path(id): Path<String>,
    Posted { browser, form }: Posted<Given>,
) -> PageResult {
    let provider = Provider::find(&identity, &id).ok_or(Trouble::NotFound)?;
    let password = Zeroizing::new(form.password);
    let ended = || {
        let ended = Some(Refused::JoinEnded);
        say(&browser, provider.config, StatusCode::UNPROCESSABLE_ENTITY, ended)
    };
    let Some(owner) = identity.upstream.owner_to_join(&browser, &id, &form.join) else {
        identity.host.limit_source(&format!("login from {}", browser.address))?;
        return ended();
    };
    // As on the sign-in page: guesses count together. Who has to wait loses no try.
    let from = browser.origin(owner.as_str()).await?;
    identity.host.begin_sign_in(browser.address, &from)?;
    let guess = identity.host.begin_guess(owner.as_str(), &from)?;
    let Some(join) = identity.upstream.try_join(&browser, &id, &form.join) else { return ended() };
    let user_id = &join.user_id;
    let account = identity.store.account(user_id).await?;
    let account = account.filter(|account| !account.deactivated && !account.locked);
    let kept = account.as_ref().and_then(|account| account.password_hash.as_ref());
    if !identity.host.password_matches(guess, &password, kept).await? {
        let wrong = browser.words().upstream.join_wrong;
        return Ok(page(&browser, provider.config, &form.join, Some(wrong)));
    }
    identity.host.sign_in_was_right(browser.address, &from);
    identity.upstream.joins.take(&form.join, identity.host.now_ms());
    let Join { session, user_id, onward, .. } = join;
    let joining = Joining { session, user_id, onward };
    link(browser, &provider, joining, identity.host.now_ms()).await
}

impl Upstream {
    /// Whose account it is. `None` as for [`try_join`](Self::try_join).
    fn owner_to_join(&self, browser: &Browser, provider: &str, name: &str) -> Option<UserId> {
        self.usable(browser, provider, name, |join| join.user_id.clone())
    }

    /// Takes one try. `None`: there is nothing to join in this browser, or no try is left.
    fn try_join(&self, browser: &Browser, provider: &str, name: &str) -> Option<Join> {
        self.usable(browser, provider, name, |join| {
            join.tries_left = join.tries_left.saturating_sub(1);
            join.clone()
        })
    }

    /// Looks at what this browser may still try.
    fn usable<R>(
        &self,
        browser: &Browser,
        provider: &str,
        name: &str,
        look: impl FnOnce(&mut Join) -> R,
    ) -> Option<R> {
        let mac = browser.mac(&["join", name]);
        let usable = |join: &mut Join| {
            let same = bool::from(join.browser.ct_eq(&mac));
            let usable = same && join.session.provider == provider && join.tries_left > 0;
            usable.then(|| look(join))
        };
        self.joins.with(name, browser.identity.host.now_ms(), usable).flatten()
    }
}

fn page(browser: &Browser, provider: &ProviderConfig, name: &str, wrong: Option<&str>) -> Response {
    let (words, frame) = (&browser.words().upstream, &browser.words().frame);
    let errors: Vec<(&str, &str)> = wrong.iter().map(|text| ("password", *text)).collect();
    let path = format!("/_estafette/upstream/{}/join", provider.id);
    let body = html! {
        h1 { (words.join_title) }
        (error_summary(frame.errors_title, &errors))
        p { ((words.join)(&provider.name)) }
        (browser.form(&path, &html! {
            input type="hidden" name="join" value=(name);
            (Field {
                name: "password", label: browser.words().sign_in.password, kind: "password",
                value: "", autocomplete: "current-password", hint: None, error: wrong,
            }.render())
            div.actions { button type="submit" { (words.join_submit) } }
        }))
        ul.links {
            @if browser.identity.mailer.works() {
                li { a href="/_estafette/password/reset" { (browser.words().sign_in.forgotten) } }
            }
            li { a href="/_estafette/sign-in" { (words.other_way) } }
        }
    };
    let status = if wrong.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    browser.show(&Page::new(words.join_title, body).status(status))
}
