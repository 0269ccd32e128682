// SPDX-License-Identifier: Apache-2.0
//! Proving again who one is, at the provider that signed one in (OpenID Connect Core, section
//! 3.1.2.1, `prompt` and `max_age`), or where that asks nobody anything by a code sent by mail.

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    response::Response,
};
use estafette_core::ids::UserId;
use estafette_store::AccountStore as _;
use http::Uri;
use maud::html;

use super::{config::ProviderConfig, provider::Provider};
use crate::{
    Identity,
    account_pages::PROVE,
    code::with_onward,
    pages::{Browser, Page, PageResult, Query, Trouble},
    sign_in::Onward,
};

/// Who has to prove themselves: nobody else will do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Prover {
    pub(super) user_id: UserId,
    pub(super) subject: String,
    /// Since when, in seconds since the epoch.
    pub(super) asked_s: i64,
}

/// Who is signed in by this provider's word, to prove themselves from now on.
pub(super) async fn prover(
    browser: &Browser,
    provider: &ProviderConfig,
) -> Result<Option<Prover>, Trouble> {
    let user_id = browser.user_id().filter(|_| provider.asks_again).cloned();
    let Some(user_id) = user_id else { return Ok(None) };
    let session = browser.upstream().await?.filter(|session| session.provider == provider.id);
    let asked_s = browser.identity.host.now_ms() / 1000;
    Ok(session.map(|session| Prover { user_id, subject: session.subject, asked_s }))
}

/// The way to prove it again and back to `here`, for whoever is signed in by a provider's word. A
/// page is between: Chromium lets no form end at the provider (`form-action`). `None`: by signing
/// in anew, as everybody else.
pub(crate) async fn again(browser: &Browser, here: &Uri) -> Result<Option<Response>, Trouble> {
    let Some(session) = browser.upstream().await? else { return Ok(None) };
    let Some(provider) = Provider::find(&browser.identity, &session.provider) else {
        return Ok(None);
    };
    let here = here.to_string();
    if provider.config.asks_again {
        let path = format!("/_estafette/upstream/{}/again", session.provider);
        return Ok(Some(browser.redirect(&with_onward(&path, &here))));
    }
    let Some(user_id) = browser.owner() else { return Ok(None) };
    let account = browser.identity.store.account(user_id).await?;
    let has_password = account.is_some_and(|account| account.password_hash.is_some());
    Ok((!has_password).then(|| browser.redirect(&with_onward(PROVE, &here))))
}

/// `GET /_estafette/upstream/{provider}/again`: says what will be asked, and leads there.
pub(super) async fn show(
    State(identity): State<Arc<Identity>>,
    Path(id): Path<String>,
    Query(onward): Query<Onward>,
    browser: Browser,
    uri: Uri,
) -> PageResult {
    let provider = Provider::find(&identity, &id).filter(|provider| provider.config.asks_again);
    let provider = provider.ok_or(Trouble::NotFound)?;
    if let Err(sign_in) = browser.require_user(&uri) {
        return Ok(*sign_in);
    }
    let words = &browser.words().upstream;
    let pairs = [("again", "yes"), ("continue", onward.path())];
    let query = serde_urlencoded::to_string(pairs).unwrap_or_default();
    let way = format!("/_estafette/upstream/{id}?{query}");
    let body = html! {
        h1 { (words.again_title) }
        p { ((words.again)(&provider.config.name)) }
        div.actions {
            a.button href=(way) { ((words.with)(&provider.config.name)) }
            a.button.second href="/_estafette/account" { (browser.words().account.cancel) }
        }
    };
    Ok(browser.show(&Page::new(words.again_title, body)))
}
