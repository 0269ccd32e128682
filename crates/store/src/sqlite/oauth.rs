// SPDX-License-Identifier: Apache-2.0
//! The OAuth 2.0 API's memory on the embedded engine.

mod approval;
mod clients;
mod codes;
mod device_grants;
mod grant;
mod session_rows;

use async_trait::async_trait;
use estafette_core::ids::{DeviceId, UserId};

pub(super) use self::session_rows::{end_pending, end_session, is_oauth_refresh};
use super::SqliteStore;
use crate::{
    StoreResult,
    accounts::{TokenHash, TokenPair},
    oauth::{
        CodeExchange, DeviceGrant, DevicePoll, GrantOutcome, NewCode, NewDeviceGrant, OauthClient,
        OauthRefreshOutcome, OauthSession, OauthStore, PollOutcome, StartOutcome,
    },
};

#[async_trait]
impl OauthStore for SqliteStore {
    async fn put_oauth_client(&self, client: OauthClient, now_ms: i64) -> StoreResult<bool> {
        self.write(move |tx| clients::put(tx.conn, &client, now_ms)).await
    }

    async fn oauth_client(&self, client_id: &str) -> StoreResult<Option<OauthClient>> {
        let client_id = client_id.to_owned();
        self.read(move |conn| clients::client(conn, &client_id)).await
    }

    async fn put_code(&self, code: NewCode, now_ms: i64) -> StoreResult<()> {
        self.write(move |tx| codes::put(tx.conn, &code, now_ms)).await
    }

    async fn exchange_code(&self, exchange: CodeExchange) -> StoreResult<GrantOutcome> {
        let (indexes, code) = (self.indexes(), exchange.code);
        // Made-up secrets cost a read and never a place in the queue of writes; so below.
        if !self.read(move |conn| codes::is_known(conn, &code)).await? {
            return Ok(GrantOutcome::Invalid);
        }
        self.write(move |tx| codes::exchange(&indexes, tx, &exchange)).await
    }

    async fn start_device_grant(
        &self,
        grant: NewDeviceGrant,
        now_ms: i64,
    ) -> StoreResult<StartOutcome> {
        self.write(move |tx| device_grants::start(tx.conn, &grant, now_ms)).await
    }

    async fn device_grant(
        &self,
        user_code: &TokenHash,
        now_ms: i64,
    ) -> StoreResult<Option<DeviceGrant>> {
        let user_code = *user_code;
        self.read(move |conn| device_grants::waiting(conn, &user_code, now_ms)).await
    }

    async fn decide_device_grant(
        &self,
        user_code: &TokenHash,
        allowed_by: Option<&UserId>,
        now_ms: i64,
    ) -> StoreResult<bool> {
        let (user_code, allowed_by) = (*user_code, allowed_by.cloned());
        self.write(move |tx| {
            device_grants::decide(tx.conn, &user_code, allowed_by.as_ref(), now_ms)
        })
        .await
    }

    async fn end_device_grant(&self, device_code: TokenHash) -> StoreResult<()> {
        self.write(move |tx| device_grants::remove(tx.conn, &device_code)).await
    }

    async fn poll_device_grant(&self, poll: DevicePoll) -> StoreResult<PollOutcome> {
        let (indexes, code) = (self.indexes(), poll.device_code);
        if !self.read(move |conn| device_grants::is_known(conn, &code)).await? {
            return Ok(PollOutcome::Decided(GrantOutcome::Invalid));
        }
        self.write(move |tx| device_grants::poll(&indexes, tx, &poll)).await
    }

    async fn refresh_oauth(
        &self,
        client_id: &str,
        refresh: &TokenHash,
        pair: TokenPair,
    ) -> StoreResult<OauthRefreshOutcome> {
        let (indexes, client_id, refresh) = (self.indexes(), client_id.to_owned(), *refresh);
        if !self.read(move |conn| session_rows::is_oauth_refresh(conn, &refresh)).await? {
            return Ok(OauthRefreshOutcome::Unknown);
        }
        self.write(move |tx| grant::refresh(&indexes, tx, &client_id, &refresh, pair)).await
    }

    async fn revoke_token(&self, token: &TokenHash) -> StoreResult<Option<(UserId, DeviceId)>> {
        let (indexes, token) = (self.indexes(), *token);
        if self.read(move |conn| grant::device_of(conn, &token)).await?.is_none() {
            return Ok(None);
        }
        self.write(move |tx| grant::revoke(&indexes, tx, &token)).await
    }

    async fn is_oauth_device(&self, device_nid: i64) -> StoreResult<bool> {
        self.read(move |conn| session_rows::is_oauth_device(conn, device_nid)).await
    }

    async fn oauth_sessions(&self, user_id: &UserId) -> StoreResult<Vec<OauthSession>> {
        let user_id = user_id.clone();
        self.read(move |conn| session_rows::of_user(conn, &user_id)).await
    }

    async fn approve_cross_signing(
        &self,
        user_id: &UserId,
        device_id: Option<&DeviceId>,
        expires_ms: i64,
    ) -> StoreResult<()> {
        let (user_id, device_id) = (user_id.clone(), device_id.cloned());
        self.write(move |tx| approval::put(tx.conn, &user_id, device_id.as_ref(), expires_ms)).await
    }

    async fn has_cross_signing_approval(
        &self,
        user_id: &UserId,
        device_id: Option<&DeviceId>,
        now_ms: i64,
    ) -> StoreResult<bool> {
        let (user_id, device_id) = (user_id.clone(), device_id.cloned());
        self.read(move |conn| approval::is_given(conn, &user_id, device_id.as_ref(), now_ms)).await
    }

    async fn take_cross_signing_approval(
        &self,
        user_id: &UserId,
        device_id: &DeviceId,
        now_ms: i64,
    ) -> StoreResult<bool> {
        let (user_id, device_id) = (user_id.clone(), device_id.clone());
        self.write(move |tx| approval::take(tx.conn, &user_id, &device_id, now_ms)).await
    }
}
