// SPDX-License-Identifier: Apache-2.0
//! Signing in on a device without a browser (Client-Server API, "Device authorisation flow"; RFC
//! 8628).

use std::{net::IpAddr, sync::Arc};

use axum::{extract::State, response::Response};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use estafette_core::limits::{DEVICE_NAME_BYTES_MAX, OAUTH_DEVICE_GRANT_S, OAUTH_POLL_INTERVAL_S};
use estafette_store::{
    OauthStore as _,
    accounts::TokenHash,
    oauth::{NewDeviceGrant, StartOutcome},
};
use http::StatusCode;
use serde_json::json;

use super::{
    answer::{OauthError, secret_json},
    base_url::base_url,
    client_metadata::DEVICE_CODE,
    params::Form,
    registration,
    scope::Scope,
    token,
};
use crate::Identity;

/// Consonants that cannot be mistaken for each other and make no words (RFC 8628, section 6.1).
const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
const CODE_LETTERS: usize = 8;
/// How often another user code is drawn when one is taken.
const DRAWS: usize = 4;

/// `POST /oauth2/device`
pub(super) async fn start(
    State(identity): State<Arc<Identity>>,
    Form { parts, params }: Form,
) -> Result<Response, OauthError> {
    let client = registration::client(&identity, params.require("client_id")?).await?;
    if !client.metadata.has_grant(DEVICE_CODE) {
        let description = "The client is not registered for device grants.";
        return Err(OauthError::new("unauthorized_client", description));
    }
    let scope = Scope::parse(params.require("scope")?)?;
    let base_url = base_url(&identity, &parts)
        .ok_or_else(|| OauthError::invalid_request("The request names no host."))?;
    let address = identity.host.remote_address(&parts);
    identity.host.limit_source(&format!("device grant from {address}"))?;
    let now_ms = identity.host.now_ms();
    let name = client.metadata.name("fr");
    let device_code = token::secret(&identity, "esd");
    wait(&identity, address, TokenHash::of(&device_code), now_ms).await?;
    for _ in 0..DRAWS {
        let user_code = draw_user_code(&identity);
        let grant = NewDeviceGrant {
            device_code: TokenHash::of(&device_code),
            user_code: user_code_hash(&user_code),
            client_id: client.client_id.clone(),
            scope: scope.granted.clone(),
            device_id: scope.device_id.clone(),
            device_name: (name.len() <= DEVICE_NAME_BYTES_MAX).then(|| name.to_owned()),
            interval_ms: (OAUTH_POLL_INTERVAL_S * 1000).cast_signed(),
            expires_ms: now_ms.saturating_add((OAUTH_DEVICE_GRANT_S * 1000).cast_signed()),
        };
        match identity.store.start_device_grant(grant, now_ms).await? {
            StartOutcome::Started => {
                let page = format!("{base_url}/_estafette/device");
                let body = json!({
                    "device_code": device_code,
                    "user_code": user_code,
                    "verification_uri": page,
                    "verification_uri_complete": format!("{page}?user_code={user_code}"),
                    "expires_in": OAUTH_DEVICE_GRANT_S,
                    "interval": OAUTH_POLL_INTERVAL_S,
                });
                return Ok(secret_json(StatusCode::OK, &body));
            }
            StartOutcome::Taken => {}
            StartOutcome::TooMany => return Err(OauthError::busy()),
        }
    }
    Err(OauthError::busy())
}

/// Counts a grant for the source that began it. Where that, or everybody together, has too many,
/// the oldest ends: of the source itself, or of the one that has the most.
async fn wait(
    identity: &Identity,
    source: IpAddr,
    device_code: TokenHash,
    now_ms: i64,
) -> Result<(), OauthError> {
    // As long as the store remembers it.
    let lasts_ms = (2 * OAUTH_DEVICE_GRANT_S * 1000).cast_signed();
    let expires_ms = now_ms.saturating_add(lasts_ms);
    let name = URL_SAFE_NO_PAD.encode(device_code.0);
    let ends = identity.device_grants.put(&name, source, (), expires_ms, now_ms);
    let ends = ends.and_then(|name| URL_SAFE_NO_PAD.decode(name).ok()?.try_into().ok());
    if let Some(ends) = ends {
        identity.store.end_device_grant(TokenHash(ends)).await?;
    }
    Ok(())
}

/// A grant is over: its place is free.
pub(super) fn done(identity: &Identity, device_code: TokenHash) {
    identity.device_grants.take(&URL_SAFE_NO_PAD.encode(device_code.0), identity.host.now_ms());
}

/// `BCDF-GHJK`: 34 bits, of which a person has a few tries in twenty minutes.
fn draw_user_code(identity: &Identity) -> String {
    let mut code = String::with_capacity(CODE_LETTERS + 1);
    while code.len() < CODE_LETTERS + 1 {
        let mut byte = [0];
        identity.host.fill_random(&mut byte);
        // 240 is the largest multiple of 20 in a byte, so that no letter is likelier than another.
        let letter = byte
            .first()
            .filter(|byte| **byte < 240)
            .and_then(|byte| LETTERS.get(usize::from(*byte) % LETTERS.len()));
        let Some(letter) = letter else { continue };
        code.push(char::from(*letter));
        if code.len() == CODE_LETTERS / 2 {
            code.push('-');
        }
    }
    code
}

/// The hash of a user code as somebody types it: case, spaces and hyphens do not count.
pub(crate) fn user_code_hash(typed: &str) -> TokenHash {
    let letters: String =
        typed.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_uppercase).collect();
    TokenHash::of(&letters)
}
