// SPDX-License-Identifier: Apache-2.0
//! Everything by which somebody is signed in: devices, browsers on the server's pages, and who they
//! are at other providers.

use estafette_core::ids::UserId;
use estafette_store::{AccountStore as _, IdentityStore as _, OauthStore as _, UpstreamStore as _};
use serde_json::{Value, json};

use super::{Administration, Refusal, render};
use crate::oauth::client_name;

/// What operators read, whatever their language.
const LANGUAGE: &str = "en";

impl Administration<'_> {
    pub(super) async fn list_devices(&self, user: &str) -> Result<Value, Refusal> {
        let user_id = self.account(user).await?.user_id;
        Ok(json!({ "user_id": user_id, "devices": self.devices(&user_id).await? }))
    }

    pub(super) async fn list_sessions(&self, user: &str) -> Result<Value, Refusal> {
        let user_id = self.account(user).await?.user_id;
        let (store, now_ms) = (&self.identity.store, self.identity.host.now_ms());
        let mut browsers = Vec::new();
        for (cookie, session) in store.browser_sessions(&user_id, now_ms).await? {
            let word = store.upstream_session(cookie, now_ms).await?;
            browsers.push(json!({
                "name": session.name,
                "created_ms": session.created_ms,
                "seen_ms": session.seen_ms,
                "expires_ms": session.expires_ms,
                "provider": word.map(|word| word.provider),
            }));
        }
        let links = store.upstream_links(&user_id).await?;
        Ok(json!({
            "user_id": user_id,
            "devices": self.devices(&user_id).await?,
            "browsers": browsers,
            "providers": links.iter().map(render::link).collect::<Vec<_>>(),
        }))
    }

    /// A client is what the OAuth 2.0 API gave the device to; one that logged in by itself has
    /// none.
    async fn devices(&self, user_id: &UserId) -> Result<Vec<Value>, Refusal> {
        let store = &self.identity.store;
        let sessions = store.oauth_sessions(user_id).await?;
        let devices = store.devices(user_id).await?;
        let shown = devices.iter().map(|device| {
            let session = sessions.iter().find(|session| session.device_id == device.device_id);
            let client = session.and_then(|session| client_name(&session.client, LANGUAGE));
            render::device(device, client)
        });
        Ok(shown.collect())
    }
}
