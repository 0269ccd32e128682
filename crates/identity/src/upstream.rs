// SPDX-License-Identifier: Apache-2.0
//! Signing in by another OpenID provider's word (OpenID Connect Core 1.0, code flow with PKCE;
//! ProConnect is one).
//!
//! A provider is believed about a person when its signature, audience, nonce and times are right,
//! and about an address only when it vouches for it and may do so for that domain. Its subject, not
//! the address, is who somebody is: an address that goes to another person opens no account.

mod account;
mod again;
mod claims;
pub mod config;
mod flow;
mod join;
mod logout;
mod pending;
mod provider;
mod signature;

use std::{collections::HashMap, sync::Arc, time::Duration};

use axum::{
    Router,
    routing::{get, post},
};
use estafette_core::{
    email_address::EmailAddress,
    limits::{
        UPSTREAM_JOINS_MAX, UPSTREAM_SIGN_INS_MAX, UPSTREAM_SIGN_INS_PER_SOURCE, UPSTREAM_SWEEP_S,
    },
};
use estafette_store::{StoreResult, UpstreamStore as _};
use maud::{Markup, html};
use parking_lot::Mutex;

pub(crate) use self::{again::again, logout::farewell};
use self::{join::Join, pending::Pending, provider::Known};
use crate::{Identity, pages::Browser, waiting::Waiting};

/// What is remembered between requests. Nothing of it outlives a restart and nothing need.
pub(crate) struct Upstream {
    /// What providers said of themselves.
    known: Mutex<HashMap<String, Known>>,
    /// Sign-ins under way, by their `state`.
    pending: Waiting<Pending>,
    /// Accounts that wait for their password, by what the form says.
    joins: Waiting<Join>,
    /// Logout tokens that were seen, and until when they would be valid (ms).
    logouts: Mutex<HashMap<String, i64>>,
}

impl Default for Upstream {
    fn default() -> Self {
        Self {
            known: Mutex::default(),
            pending: Waiting::new(UPSTREAM_SIGN_INS_MAX, UPSTREAM_SIGN_INS_PER_SOURCE),
            joins: Waiting::new(UPSTREAM_JOINS_MAX, UPSTREAM_SIGN_INS_PER_SOURCE),
            logouts: Mutex::default(),
        }
    }
}

/// Pages.
pub(crate) fn pages() -> Router<Arc<Identity>> {
    Router::new()
        .route("/_estafette/upstream/{provider}", get(flow::start))
        .route("/_estafette/upstream/{provider}/again", get(again::show))
        .route("/_estafette/upstream/{provider}/join", get(join::go_on).post(join::join))
        .route("/_estafette/upstream/{provider}/callback", get(flow::callback))
}

/// What providers call themselves.
pub(crate) fn routes() -> Router<Arc<Identity>> {
    Router::new().route("/_estafette/upstream/{provider}/logout", post(logout::by_provider))
}

impl Identity {
    /// Forgets from time to time what has ended at providers. Ends when it is dropped.
    pub(crate) async fn run_upstream_sweeps(self: Arc<Self>) {
        loop {
            if let Err(error) = self.sweep_upstream().await {
                tracing::warn!(%error, "sweeping ended sessions failed; it is tried again later");
            }
            tokio::time::sleep(Duration::from_secs(UPSTREAM_SWEEP_S)).await;
        }
    }

    /// Does so once. Also where no provider is configured any more.
    pub(crate) async fn sweep_upstream(&self) -> StoreResult<usize> {
        self.store.sweep_upstream_sessions(self.host.now_ms()).await
    }
}

/// The ways to sign in elsewhere, for the sign-in page.
pub(crate) fn links(browser: &Browser, onward: &str, login_hint: &str) -> Markup {
    let providers = &browser.identity.config.upstream;
    let words = &browser.words().upstream;
    // Our ids mean nothing elsewhere.
    let login_hint = EmailAddress::parse(login_hint).map_or("", |_| login_hint);
    html! {
        @if !providers.is_empty() {
            h2 { (words.elsewhere) }
            ul.links {
                @for provider in providers {
                    @let pairs = [("continue", onward), ("login_hint", login_hint)];
                    @let query = serde_urlencoded::to_string(pairs).unwrap_or_default();
                    li {
                        a.button.second href={ "/_estafette/upstream/" (provider.id) "?" (query) } {
                            ((words.with)(&provider.name))
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
