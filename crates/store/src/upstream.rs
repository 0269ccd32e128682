// SPDX-License-Identifier: Apache-2.0
//! People whom another OpenID provider vouches for, and the browsers that are signed in by its
//! word.

use async_trait::async_trait;
use estafette_core::ids::UserId;

use crate::{StoreResult, accounts::TokenHash, people::AuditEntry};

/// Why a subject may be a user who is not yet linked to one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkReason {
    /// The provider vouches for the user's address, which may have been another person's: enough
    /// for an account that nobody has used, and for no other.
    Address,
    /// The same, by a provider that never gives an address to another person: enough for an account
    /// that is no other subject's, of any provider.
    Authority,
    /// Whoever the subject is has proven to be the user. Takes the place of another subject of that
    /// provider: a provider that stands for others, as ProConnect does, has a subject for each of
    /// them.
    Proven,
}

/// What became of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkOutcome {
    /// The subject is the user, now or already.
    Linked,
    /// Nothing was written: the subject is another user.
    Different,
    /// Nothing was written: the reason is not enough. Only [`LinkReason::Proven`] is for a user who
    /// is another subject of that provider: the address may have been given to somebody else.
    Unproven,
}

/// Who somebody is at another provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamLink {
    /// The provider, as it is configured.
    pub provider: String,
    /// Who, there.
    pub subject: String,
    /// Who, here.
    pub user_id: UserId,
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
    /// Until when it is remembered whose `sid` is, however soon the session ends here.
    pub sid_until_ms: Option<i64>,
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

    /// The providers of which a user is a subject.
    async fn upstream_providers(&self, user_id: &UserId) -> StoreResult<Vec<String>>;

    /// Who a user is at other providers, by provider.
    async fn upstream_links(&self, user_id: &UserId) -> StoreResult<Vec<UpstreamLink>>;

    /// Who is known by a provider, by subject, after `after` (exclusive), at most `limit`; with a
    /// `domain` only those whose address is of it, exactly. For a walk over all of them.
    async fn upstream_links_after(
        &self,
        provider: &str,
        domain: Option<&str>,
        after: &str,
        limit: u64,
    ) -> StoreResult<Vec<UpstreamLink>>;

    /// Forgets who users are at a provider, in one act with a line of the audit log for each, and
    /// signs out the browsers that its word signed in. How many were known there.
    async fn unlink_upstream(
        &self,
        entry: AuditEntry,
        provider: &str,
        users: Vec<UserId>,
    ) -> StoreResult<u64>;

    /// Keeps that a subject is a user, where `reason` is enough for it. Browsers that the word for
    /// a subject signed in whose place this one takes are signed out.
    async fn link_upstream(
        &self,
        provider: &str,
        subject: &str,
        user_id: &UserId,
        reason: LinkReason,
    ) -> StoreResult<LinkOutcome>;

    /// Keeps that a browser is signed in by a provider's word. Of the names of a subject's sessions
    /// those that are forgotten last are kept, and
    /// [`UPSTREAM_SIDS_MAX`](estafette_core::limits::UPSTREAM_SIDS_MAX) of them.
    async fn put_upstream_session(
        &self,
        cookie: TokenHash,
        session: UpstreamSession,
    ) -> StoreResult<()>;

    /// The session of a browser, unless it has ended.
    async fn upstream_session(
        &self,
        cookie: TokenHash,
        now_ms: i64,
    ) -> StoreResult<Option<UpstreamSession>>;

    /// Takes the session of a browser.
    async fn take_upstream_session(
        &self,
        cookie: TokenHash,
    ) -> StoreResult<Option<UpstreamSession>>;

    /// Signs browsers out because a provider says so, before it returns. Returns whose accounts
    /// they were signed in to, and who is linked to the subjects whose sessions are remembered,
    /// each once.
    async fn end_upstream_sessions(
        &self,
        provider: &str,
        which: UpstreamLogout,
    ) -> StoreResult<Vec<UserId>>;

    /// Forgets what has ended. How many sessions and names of sessions went.
    async fn sweep_upstream_sessions(&self, now_ms: i64) -> StoreResult<usize>;
}
