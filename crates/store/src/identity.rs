// SPDX-License-Identifier: Apache-2.0
//! Who somebody is: browsers that are signed in, codes, addresses, organisations, mail to send.

use async_trait::async_trait;
use estafette_core::ids::UserId;

use crate::{StoreResult, accounts::TokenHash};

/// A browser that somebody signed in with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrowserSession {
    /// Who.
    pub user_id: UserId,
    /// When, in ms since the epoch.
    pub created_ms: i64,
    /// When it was last used, to the hour.
    pub seen_ms: i64,
    /// When it ends.
    pub expires_ms: i64,
}

/// What the store promises about identity.
#[async_trait]
pub trait IdentityStore: Send + Sync {
    /// Keeps that whoever holds the cookie is `session.user_id`. What ended before
    /// `session.created_ms` is removed on this occasion.
    async fn start_browser_session(
        &self,
        cookie: TokenHash,
        session: BrowserSession,
    ) -> StoreResult<()>;

    /// Who holds the cookie. `None` when nobody is signed in with it, the session has ended, or the
    /// account is locked or deactivated. A new password, signing out everywhere and deactivation
    /// end it.
    async fn browser_session(
        &self,
        cookie: TokenHash,
        now_ms: i64,
    ) -> StoreResult<Option<BrowserSession>>;

    /// Notes that a session is in use.
    async fn note_browser_use(&self, cookie: TokenHash, now_ms: i64) -> StoreResult<()>;

    /// Ends one session; one that is unknown is no error.
    async fn end_browser_session(&self, cookie: TokenHash) -> StoreResult<()>;

    /// Ends all sessions of somebody but one.
    async fn end_browser_sessions(
        &self,
        user_id: &UserId,
        but: Option<TokenHash>,
    ) -> StoreResult<()>;
}
