// SPDX-License-Identifier: Apache-2.0
//! Identity on the embedded engine.

mod browsers;

use async_trait::async_trait;
use estafette_core::ids::UserId;

pub(super) use self::browsers::forget_browsers;
use super::SqliteStore;
use crate::{
    StoreResult,
    accounts::TokenHash,
    identity::{BrowserSession, IdentityStore},
};

#[async_trait]
impl IdentityStore for SqliteStore {
    async fn start_browser_session(
        &self,
        cookie: TokenHash,
        session: BrowserSession,
    ) -> StoreResult<()> {
        self.write(move |tx| browsers::start(tx.conn, &cookie, &session)).await
    }

    async fn browser_session(
        &self,
        cookie: TokenHash,
        now_ms: i64,
    ) -> StoreResult<Option<BrowserSession>> {
        self.read(move |conn| browsers::find(conn, &cookie, now_ms)).await
    }

    async fn note_browser_use(&self, cookie: TokenHash, now_ms: i64) -> StoreResult<()> {
        self.write(move |tx| browsers::note_use(tx.conn, &cookie, now_ms)).await
    }

    async fn end_browser_session(&self, cookie: TokenHash) -> StoreResult<()> {
        self.write(move |tx| browsers::end(tx.conn, &cookie)).await
    }

    async fn end_browser_sessions(
        &self,
        user_id: &UserId,
        but: Option<TokenHash>,
    ) -> StoreResult<()> {
        let user_id = user_id.clone();
        self.write(move |tx| forget_browsers(tx.conn, &user_id, but.as_ref())).await
    }
}
