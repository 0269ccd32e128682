// SPDX-License-Identifier: Apache-2.0
//! Making tokens and device ids.

use estafette_core::{ids::DeviceId, limits::DEVICE_NAME_BYTES_MAX};
use estafette_store::accounts::{NewLogin, TokenHash, TokenPair};
use serde_json::{Map, Value, json};

use crate::{
    ApiError, ApiResult, Server,
    clock::{random_letters, random_word},
};

/// Bytes of chance in a token.
const TOKEN_BYTES: usize = 32;
const DEVICE_ID_LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const DEVICE_ID_LEN: usize = 10;

/// A token that nobody can guess, with a mark of what it is for.
pub(crate) fn new_token(server: &Server, mark: &str) -> String {
    format!("{mark}_{}", random_word(&*server.random, TOKEN_BYTES))
}

/// A pair as the client gets it. Has no `Debug`: it is secret.
pub(crate) struct IssuedPair {
    access: String,
    refresh: Option<String>,
    expires_in_ms: Option<u64>,
    /// What the store keeps of it.
    pub(crate) stored: TokenPair,
}

impl IssuedPair {
    /// Makes an access token, with a refresh token and an end if the client can refresh.
    pub(crate) fn new(server: &Server, refreshable: bool) -> Self {
        let access = new_token(server, "esa");
        let refresh = refreshable.then(|| new_token(server, "esr"));
        let lifetime_ms = server.config.login.access_token_lifetime_s.saturating_mul(1000);
        let expires_in_ms = refreshable.then_some(lifetime_ms);
        let expires_ms = expires_in_ms
            .map(|ms| server.now_ms().saturating_add(i64::try_from(ms).unwrap_or(i64::MAX)));
        let stored = TokenPair {
            access: TokenHash::of(&access),
            expires_ms,
            refresh: refresh.as_deref().map(TokenHash::of),
        };
        Self { access, refresh, expires_in_ms, stored }
    }

    /// `access_token`, and `refresh_token` and `expires_in_ms` where there are such.
    pub(crate) fn describe(&self, body: &mut Map<String, Value>) {
        body.insert("access_token".into(), json!(self.access));
        if let Some(refresh) = &self.refresh {
            body.insert("refresh_token".into(), json!(refresh));
        }
        if let Some(expires_in_ms) = self.expires_in_ms {
            body.insert("expires_in_ms".into(), json!(expires_in_ms));
        }
    }
}

/// What the store needs for a login: on the client's device or a new one.
pub(crate) fn new_login(
    server: &Server,
    device_id: Option<&str>,
    display_name: Option<String>,
    pair: &IssuedPair,
) -> ApiResult<NewLogin> {
    let device_id = match device_id.filter(|id| !id.is_empty()) {
        Some(id) => DeviceId::parse(id)
            .map_err(|error| ApiError::invalid_param(format!("`device_id` is wrong: {error}.")))?,
        None => {
            let id = random_letters(&*server.random, DEVICE_ID_LETTERS, DEVICE_ID_LEN);
            DeviceId::parse(&id).map_err(ApiError::internal)?
        }
    };
    let display_name = display_name.filter(|name| !name.is_empty());
    check_device_name(display_name.as_deref())?;
    Ok(NewLogin { device_id, display_name, tokens: pair.stored })
}

/// Refuses a device name that is too long.
pub(crate) fn check_device_name(name: Option<&str>) -> ApiResult<()> {
    if name.is_some_and(|name| name.len() > DEVICE_NAME_BYTES_MAX) {
        return Err(ApiError::invalid_param(format!(
            "A device's name may have at most {DEVICE_NAME_BYTES_MAX} bytes."
        )));
    }
    Ok(())
}
