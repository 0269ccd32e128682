// SPDX-License-Identifier: Apache-2.0
//! The token endpoint (Client-Server API, "Grant types"; RFC 6749, sections 4.1.3, 5 and 6; RFC
//! 8628, section 3.4).

use std::sync::Arc;

use axum::{extract::State, response::Response};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use estafette_core::ids::{DeviceId, UserId};
use estafette_store::{
    OauthStore as _,
    accounts::{LoginOutcome, TokenHash, TokenPair},
    oauth::{CodeExchange, DevicePoll, GrantOutcome, OauthRefreshOutcome, PollOutcome},
};
use http::{StatusCode, header};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::{
    answer::{OauthError, secret_json},
    client_metadata::DEVICE_CODE,
    client_name, device_grant,
    params::{Form, Params},
    registration,
};
use crate::Identity;

const SECRET_BYTES: usize = 32;

/// A secret that nobody can guess, with a mark of what it is for.
pub(crate) fn secret(identity: &Identity, mark: &str) -> String {
    let mut bytes = [0; SECRET_BYTES];
    identity.host.fill_random(&mut bytes);
    format!("{mark}_{}", URL_SAFE_NO_PAD.encode(bytes))
}

/// A pair as the client gets it. Has no `Debug`: it is secret.
struct IssuedPair {
    access: String,
    refresh: String,
    lifetime_s: u64,
    stored: TokenPair,
}

impl IssuedPair {
    fn new(identity: &Identity) -> Self {
        let (access, refresh) = (secret(identity, "esa"), secret(identity, "esr"));
        let lifetime_s = identity.config.oauth.access_token_lifetime_s;
        let lifetime_ms = i64::try_from(lifetime_s.saturating_mul(1000)).unwrap_or(i64::MAX);
        let stored = TokenPair {
            access: TokenHash::of(&access),
            expires_ms: Some(identity.host.now_ms().saturating_add(lifetime_ms)),
            refresh: Some(TokenHash::of(&refresh)),
        };
        Self { access, refresh, lifetime_s, stored }
    }

    fn answer(&self, scope: &str) -> Response {
        let body = json!({
            "access_token": self.access,
            "token_type": "Bearer",
            "expires_in": self.lifetime_s,
            "refresh_token": self.refresh,
            "scope": scope,
        });
        secret_json(StatusCode::OK, &body)
    }
}

/// `POST /oauth2/token`
pub(super) async fn token(
    State(identity): State<Arc<Identity>>,
    Form { parts, params }: Form,
) -> Result<Response, OauthError> {
    if parts.headers.contains_key(header::AUTHORIZATION) {
        return Err(OauthError::no_authentication());
    }
    let grant_type = params.require("grant_type")?;
    let client_id = params.require("client_id")?;
    let client = registration::client(&identity, client_id).await?;
    match grant_type {
        "authorization_code" => by_code(&identity, client_id, &params).await,
        "refresh_token" => by_refresh_token(&identity, client_id, &params).await,
        DEVICE_CODE if client.metadata.has_grant(DEVICE_CODE) => {
            by_device_code(&identity, client_id, &params).await
        }
        DEVICE_CODE => {
            let description = "The client is not registered for device grants.";
            Err(OauthError::new("unauthorized_client", description))
        }
        _ => {
            let description = "This grant type is not supported.";
            Err(OauthError::new("unsupported_grant_type", description))
        }
    }
}

async fn by_code(
    identity: &Identity,
    client_id: &str,
    params: &Params,
) -> Result<Response, OauthError> {
    let verifier = params.require("code_verifier")?;
    // RFC 7636, section 4.1.
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    if !(43..=128).contains(&verifier.len()) || !verifier.bytes().all(legal) {
        return Err(OauthError::invalid_request("`code_verifier` is no verifier."));
    }
    let pair = IssuedPair::new(identity);
    let exchange = CodeExchange {
        code: TokenHash::of(params.require("code")?),
        client_id: client_id.to_owned(),
        redirect_uri: params.require("redirect_uri")?.to_owned(),
        code_challenge: URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)),
        tokens: pair.stored,
        now_ms: identity.host.now_ms(),
    };
    let outcome = identity.store.exchange_code(exchange).await?;
    granted(identity, client_id, outcome, &pair).await
}

async fn by_device_code(
    identity: &Identity,
    client_id: &str,
    params: &Params,
) -> Result<Response, OauthError> {
    let pair = IssuedPair::new(identity);
    let poll = DevicePoll {
        device_code: TokenHash::of(params.require("device_code")?),
        client_id: client_id.to_owned(),
        tokens: pair.stored,
        now_ms: identity.host.now_ms(),
    };
    let device_code = poll.device_code;
    let polled = identity.store.poll_device_grant(poll).await?;
    let goes_on = matches!(
        polled,
        PollOutcome::Pending | PollOutcome::SlowDown | PollOutcome::Decided(GrantOutcome::Invalid)
    );
    if !goes_on {
        device_grant::done(identity, device_code);
    }
    match polled {
        PollOutcome::Pending => {
            Err(OauthError::new("authorization_pending", "Nobody has decided yet."))
        }
        PollOutcome::SlowDown => Err(OauthError::new("slow_down", "Ask less often.")),
        PollOutcome::Denied => Err(OauthError::new("access_denied", "It was not allowed.")),
        PollOutcome::Expired => Err(OauthError::new("expired_token", "The code is too old.")),
        PollOutcome::Decided(outcome) => granted(identity, client_id, outcome, &pair).await,
    }
}

/// Tells the owner of a session that has ended because somebody may have a copy of its secrets.
async fn tell_of_reuse(
    identity: &Identity,
    client_id: &str,
    (user_id, device_id): (&UserId, &DeviceId),
) -> Result<(), OauthError> {
    let client = identity.store.oauth_client(client_id).await?;
    let application = client.and_then(|client| client_name(&client, "fr"));
    identity.tell_of_reuse(user_id, device_id, application.as_deref()).await;
    Ok(())
}

async fn granted(
    identity: &Identity,
    client_id: &str,
    outcome: GrantOutcome,
    pair: &IssuedPair,
) -> Result<Response, OauthError> {
    let refused = |description: &'static str| Err(OauthError::new("invalid_grant", description));
    match outcome {
        GrantOutcome::LoggedIn { scope, user_id, device_id, is_new } => {
            tracing::info!(
                target: "account", event = "logged_in", user = %user_id, device = %device_id,
                "account"
            );
            if is_new {
                identity.tell_of_device(&user_id).await;
            }
            Ok(pair.answer(&scope))
        }
        GrantOutcome::Invalid => {
            refused("The code is unknown, used, too old, or not this client's.")
        }
        GrantOutcome::Reused { user_id, device_id } => {
            tracing::warn!(%user_id, %device_id, "an authorisation code came again: session ended");
            tell_of_reuse(identity, client_id, (&user_id, &device_id)).await?;
            refused("The code was used before; what it gave has ended.")
        }
        GrantOutcome::Locked => refused("The account is locked."),
        GrantOutcome::Refused(LoginOutcome::TooManyDevices) => {
            refused("The account has as many devices as it may have.")
        }
        GrantOutcome::Refused(LoginOutcome::NoAccount) => refused("There is no such account."),
        GrantOutcome::Refused(_) => refused("That device cannot be logged in on."),
    }
}

/// Whether what is asked for was granted (RFC 6749, section 6).
fn within(asked: Option<&str>, granted: &str) -> bool {
    let known = |token: &str| token.is_empty() || granted.split(' ').any(|known| known == token);
    asked.is_none_or(|asked| asked.split(' ').all(known))
}

/// The old pair works until the new one is first used, so that a lost answer can be asked for
/// again. A refresh token that comes again after that was stolen: the session ends (F-22). While
/// the account is locked it is kept, and works afterwards.
async fn by_refresh_token(
    identity: &Identity,
    client_id: &str,
    params: &Params,
) -> Result<Response, OauthError> {
    let given = TokenHash::of(params.require("refresh_token")?);
    let pair = IssuedPair::new(identity);
    let refused = |description: &'static str| Err(OauthError::new("invalid_grant", description));
    match identity.store.refresh_oauth(client_id, &given, pair.stored).await? {
        // The new pair is nobody's then, and the old one goes on.
        OauthRefreshOutcome::Refreshed { scope } if !within(params.get("scope"), &scope) => {
            let description = "The scope is more than what was granted.";
            Err(OauthError::new("invalid_scope", description))
        }
        OauthRefreshOutcome::Refreshed { scope } => Ok(pair.answer(&scope)),
        OauthRefreshOutcome::Unknown => refused("The refresh token is not known."),
        OauthRefreshOutcome::Locked => Err(OauthError::locked()),
        OauthRefreshOutcome::Reused { user_id, device_id } => {
            tracing::warn!(%user_id, %device_id, "a used refresh token came again: session ended");
            tell_of_reuse(identity, client_id, (&user_id, &device_id)).await?;
            refused("The refresh token was used before; the session has ended.")
        }
    }
}
