// SPDX-License-Identifier: Apache-2.0
//! Signing out: here and there (OpenID Connect RP-Initiated Logout 1.0, Back-Channel Logout 1.0).

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    response::Response,
};
use estafette_core::limits::UPSTREAM_LOGOUTS_MAX;
use estafette_store::{
    AccountStore as _, UpstreamStore as _,
    accounts::{Devices, TokenHash},
    upstream::UpstreamLogout,
};
use http::StatusCode;
use serde_json::json;

use super::{
    claims::{Expected, LogoutToken, check_logout_token},
    config::LogoutReach,
    provider::{Provider, UpstreamError},
};
use crate::{
    Identity,
    oauth::{Form, OauthError, secret, secret_json},
    pages::Trouble,
};

/// The name of the provider that a browser was signed in by, and the link that signs out there as
/// well. Called when the browser is signed out here; `cookie` is what it was.
pub(crate) async fn farewell(
    identity: &Identity,
    cookie: TokenHash,
    back: Option<&str>,
) -> Result<Option<(String, String)>, Trouble> {
    if identity.config.upstream.is_empty() {
        return Ok(None);
    }
    let Some(session) = identity.store.take_upstream_session(cookie).await? else {
        return Ok(None);
    };
    let Some(provider) = Provider::find(identity, &session.provider) else { return Ok(None) };
    // Whoever cannot be reached cannot be signed out at; here it is done.
    let Ok(metadata) = provider.metadata().await else { return Ok(None) };
    let Some(endpoint) = &metadata.end_session_endpoint else { return Ok(None) };
    let mut query = vec![
        ("id_token_hint", session.id_token.as_str()),
        ("client_id", &provider.config.client_id),
    ];
    // RP-Initiated Logout, section 2: nothing is kept to compare it with, as nothing is done when
    // the browser comes back; ProConnect wants one.
    let state = secret(identity, "esl");
    if let Some(back) = back {
        query.extend([("post_logout_redirect_uri", back), ("state", &state)]);
    }
    let query = serde_urlencoded::to_string(query).unwrap_or_default();
    let mark = if endpoint.contains('?') { '&' } else { '?' };
    Ok(Some((provider.config.name.clone(), format!("{endpoint}{mark}{query}"))))
}

/// `POST /_estafette/upstream/{provider}/logout`: the provider says that somebody signed out there
/// (Back-Channel Logout, section 2.5). When this answers, the sessions have ended.
pub(super) async fn by_provider(
    State(identity): State<Arc<Identity>>,
    Path(id): Path<String>,
    Form { params, .. }: Form,
) -> Result<Response, OauthError> {
    let refused = |description: &'static str| OauthError::invalid_request(description);
    let provider = Provider::find(&identity, &id).ok_or(refused("There is no such provider."))?;
    let token = params.require("logout_token")?;
    let token = match believed(&provider, token).await {
        Ok(token) => token,
        Err(UpstreamError::Host(error)) => return Err(error.into()),
        Err(error) => {
            tracing::warn!(provider = %id, %error, "a logout token is not believed");
            return Err(refused("The logout token is not valid."));
        }
    };
    let mark = identity.first_time(&id, &token)?;
    if let Err(error) = end_sessions(&provider, token).await {
        // It has done nothing yet: the provider says it again.
        identity.upstream.logouts.lock().remove(&mark);
        return Err(error);
    }
    Ok(secret_json(StatusCode::OK, &json!({})))
}

/// Ends what a logout token is about.
async fn end_sessions(provider: &Provider<'_>, token: LogoutToken) -> Result<(), OauthError> {
    let (identity, id) = (provider.identity, provider.config.id.as_str());
    let which = match (token.sid, token.subject) {
        (Some(sid), subject) => UpstreamLogout::Session(sid, subject),
        (None, Some(subject)) => UpstreamLogout::Subject(subject),
        (None, None) => {
            return Err(OauthError::invalid_request("The logout token is about nobody."));
        }
    };
    // Section 2.4: without a `sid` all sessions of the subject are meant. Section 2.7: where there
    // are none any more, it is done.
    let mut users = identity.store.end_upstream_sessions(id, which.clone()).await?;
    if provider.config.logout == LogoutReach::Devices {
        if let UpstreamLogout::Subject(subject) | UpstreamLogout::Session(_, Some(subject)) = &which
            && let Some(user_id) = identity.store.upstream_user(id, subject).await?
            && !users.contains(&user_id)
        {
            users.push(user_id);
        }
        for user_id in &users {
            identity.store.delete_devices(user_id, Devices::All).await?;
            identity.host.forget_proofs(user_id);
        }
    }
    Ok(())
}

async fn believed(provider: &Provider<'_>, token: &str) -> Result<LogoutToken, UpstreamError> {
    let claims = provider.verified(token).await?;
    let expected = Expected {
        issuer: &provider.config.issuer,
        client_id: &provider.config.client_id,
        now_s: provider.identity.host.now_ms() / 1000,
    };
    Ok(check_logout_token(&claims, &expected)?)
}

impl Identity {
    /// Refuses a logout token that was seen before. Returns under what it is remembered.
    fn first_time(&self, provider: &str, token: &LogoutToken) -> Result<String, OauthError> {
        let now_ms = self.host.now_ms();
        let mut seen = self.upstream.logouts.lock();
        seen.retain(|_, until_ms| *until_ms > now_ms);
        if seen.len() >= UPSTREAM_LOGOUTS_MAX {
            return Err(OauthError::busy());
        }
        let until_ms = token.memorable_until_s.saturating_mul(1000);
        let mark = format!("{provider} {}", token.id);
        match seen.insert(mark.clone(), until_ms) {
            None => Ok(mark),
            Some(_) => Err(OauthError::invalid_request("The logout token was used before.")),
        }
    }
}
