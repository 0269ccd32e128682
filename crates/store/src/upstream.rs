// SPDX-License-Identifier: Apache-2.0
//! People whom another OpenID provider vouches for, and the browsers that are signed in by its
//! word.

use async_trait::async_trait;
use estafette_core::ids::UserId;

use crate::{StoreResult, accounts::TokenHash};

/// What became of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkOutcome {
    /// The subject is the user, now or already.
    Linked,
    /// Nothing was written: the user is another subject of that provider, or the subject another
    /// user. An address may have been given to somebody else.
    Different,
}

/// A browser that is signed in by another provider's word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamSession {
    /// The provider, as it is configured.
    pub provider: String,
    /// Who, there.
    pub subject: String,
    /// The session there, if the provider names it.
    pub sid: Option<String>,
    /// What the provider said, to be shown to it again on the way out.
    pub id_token: String,
    /// When it is forgotten, in ms since the epoch.
    pub expires_ms: i64,
}

/// Which sessions a provider ends (OpenID Connect Back-Channel Logout, section 2.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UpstreamLogout {
    /// All of a subject.
    Subject(String),
    /// One, by its name there, of the subject where one is given.
    Session(String, Option<String>),
}

/// What the store promises about other providers.
#[async_trait]
pub trait UpstreamStore: Send + Sync {
    /// Who a subject is here.
    async fn upstream_user(&self, provider: &str, subject: &str) -> StoreResult<Option<UserId>>;

    /// Keeps that a subject is a user.
    async fn link_upstream(
        &self,
        provider: &str,
        subject: &str,
        user_id: &UserId,
    ) -> StoreResult<LinkOutcome>;

    /// Keeps that a browser is signed in by a provider's word. What ended before `now_ms` goes.
    async fn put_upstream_session(
        &self,
        cookie: TokenHash,
        session: UpstreamSession,
        now_ms: i64,
    ) -> StoreResult<()>;

    /// Takes the session of a browser.
    async fn take_upstream_session(
        &self,
        cookie: TokenHash,
    ) -> StoreResult<Option<UpstreamSession>>;

    /// Signs browsers out because a provider says so, before it returns. Returns whose accounts
    /// they were signed in to, each once.
    async fn end_upstream_sessions(
        &self,
        provider: &str,
        which: UpstreamLogout,
    ) -> StoreResult<Vec<UserId>>;
}
