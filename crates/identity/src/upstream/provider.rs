// SPDX-License-Identifier: Apache-2.0
//! Providers: what they say of themselves (OpenID Connect Discovery 1.0), their keys, and asking
//! them.

use std::{sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use estafette_core::limits::{UPSTREAM_ANSWER_BYTES_MAX, UPSTREAM_TIMEOUT_S};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use jsonwebtoken::jwk::Jwk;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{
    claims::ClaimError,
    config::{ClientAuth, ProviderConfig},
    signature::{SignatureError, verify},
};
use crate::{
    HostError, Identity,
    host::{FetchRequest, FetchResponse},
    oauth::redirect::WebUri,
};

/// How long what a provider says of itself is kept.
const KEPT_MS: i64 = 60 * 60 * 1_000;
/// How soon keys are fetched again because one is unknown: anybody can make up a key's name.
const KEYS_AGAIN_MS: i64 = 60 * 1_000;

/// Why somebody cannot be signed in by a provider.
#[derive(Debug, thiserror::Error)]
pub(super) enum UpstreamError {
    /// It cannot be reached.
    #[error("{0}")]
    Host(#[from] HostError),
    /// It answers with something else than it should.
    #[error("the provider's answer is not understood: {0}")]
    Answer(String),
    /// What it says is not signed by it.
    #[error("a token of the provider is not believed: {0}")]
    Signature(#[from] SignatureError),
    /// What it says is not for us.
    #[error("a token of the provider is not believed: {0}")]
    Claim(#[from] ClaimError),
}

/// What a provider says of itself.
#[derive(Debug, Deserialize)]
pub(super) struct Metadata {
    issuer: String,
    pub(super) authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    userinfo_endpoint: Option<String>,
    pub(super) end_session_endpoint: Option<String>,
    #[serde(default)]
    pub(super) authorization_response_iss_parameter_supported: bool,
}

/// What is known of a provider, and since when.
pub(super) struct Known {
    metadata: Arc<Metadata>,
    since_ms: i64,
    keys: Arc<Vec<Jwk>>,
    keys_since_ms: i64,
}

/// A provider to be asked.
pub(super) struct Provider<'a> {
    pub(super) identity: &'a Identity,
    pub(super) config: &'a ProviderConfig,
}

/// What the token endpoint gives.
#[derive(Deserialize)]
pub(super) struct Tokens {
    pub(super) id_token: String,
    pub(super) access_token: String,
    token_type: String,
}

impl<'a> Provider<'a> {
    /// The provider of that id.
    pub(super) fn find(identity: &'a Identity, id: &str) -> Option<Self> {
        let config = identity.config.upstream.iter().find(|provider| provider.id == id)?;
        Some(Self { identity, config })
    }

    /// What it says of itself, fetched where that is not known or too old.
    pub(super) async fn metadata(&self) -> Result<Arc<Metadata>, UpstreamError> {
        let now_ms = self.identity.host.now_ms();
        if let Some(known) = self.identity.upstream.known.lock().get(&self.config.id)
            && now_ms - known.since_ms < KEPT_MS
        {
            return Ok(Arc::clone(&known.metadata));
        }
        let secure = self.config.issuer.starts_with("https://");
        if !secure && !WebUri::parse(&self.config.issuer).is_some_and(|uri| uri.is_loopback()) {
            return Err(UpstreamError::Answer("the issuer is not on https".into()));
        }
        let issuer = self.config.issuer.trim_end_matches('/');
        let url = format!("{issuer}/.well-known/openid-configuration");
        let answer = self.ask(Method::GET, &url, HeaderMap::new(), Bytes::new()).await?;
        let metadata: Metadata = json(&answer)?;
        if metadata.issuer != self.config.issuer {
            return Err(UpstreamError::Answer("it is another issuer".into()));
        }
        let endpoints = [
            Some(&metadata.authorization_endpoint),
            Some(&metadata.token_endpoint),
            Some(&metadata.jwks_uri),
            metadata.userinfo_endpoint.as_ref(),
            metadata.end_session_endpoint.as_ref(),
        ];
        let plain = |url: &&String| !url.starts_with("https://");
        if secure && endpoints.into_iter().flatten().any(|url| plain(&url)) {
            return Err(UpstreamError::Answer("an endpoint is not on https".into()));
        }
        let metadata = Arc::new(metadata);
        let keys = Arc::new(self.fetch_keys(&metadata).await?);
        let known = Known {
            metadata: Arc::clone(&metadata),
            since_ms: now_ms,
            keys,
            keys_since_ms: now_ms,
        };
        self.identity.upstream.known.lock().insert(self.config.id.clone(), known);
        Ok(metadata)
    }

    async fn fetch_keys(&self, metadata: &Metadata) -> Result<Vec<Jwk>, UpstreamError> {
        #[derive(Deserialize)]
        struct Set {
            keys: Vec<Value>,
        }
        let answer =
            self.ask(Method::GET, &metadata.jwks_uri, HeaderMap::new(), Bytes::new()).await?;
        let set: Set = json(&answer)?;
        // Keys of kinds that are unknown here do not spoil the others.
        Ok(set.keys.into_iter().filter_map(|key| serde_json::from_value(key).ok()).collect())
    }

    /// What was signed, by one of the provider's keys. Keys are fetched again, once a minute at
    /// most, where the token names one that is unknown, or that did not sign it: some providers
    /// change a key and not its name.
    pub(super) async fn verified(&self, token: &str) -> Result<Map<String, Value>, UpstreamError> {
        let metadata = self.metadata().await?;
        let (keys, since_ms) = {
            let all = self.identity.upstream.known.lock();
            let known = all.get(&self.config.id);
            let known = known.ok_or_else(|| UpstreamError::Answer("it is forgotten".into()))?;
            (Arc::clone(&known.keys), known.keys_since_ms)
        };
        let now_ms = self.identity.host.now_ms();
        match verify(token, &keys) {
            Err(SignatureError::UnknownKey | SignatureError::Wrong)
                if now_ms - since_ms >= KEYS_AGAIN_MS => {}
            outcome => return Ok(outcome?),
        }
        let keys = Arc::new(self.fetch_keys(&metadata).await?);
        if let Some(known) = self.identity.upstream.known.lock().get_mut(&self.config.id) {
            known.keys = Arc::clone(&keys);
            known.keys_since_ms = now_ms;
        }
        Ok(verify(token, &keys)?)
    }

    /// Exchanges a code (OpenID Connect Core, section 3.1.3).
    pub(super) async fn exchange(
        &self,
        code: &str,
        redirect_uri: &str,
        code_verifier: &str,
    ) -> Result<Tokens, UpstreamError> {
        let metadata = self.metadata().await?;
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", redirect_uri),
            ("code_verifier", code_verifier),
        ];
        let mut headers = HeaderMap::new();
        let (id, secret) = (&self.config.client_id, &self.config.client_secret.0);
        match self.config.client_auth {
            ClientAuth::ClientSecretPost => {
                form.push(("client_id", id));
                form.push(("client_secret", secret));
            }
            ClientAuth::ClientSecretBasic => {
                // RFC 6749, section 2.3.1: both are form-encoded first.
                let pair = format!("{}:{}", encoded(id), encoded(secret));
                set(
                    &mut headers,
                    header::AUTHORIZATION,
                    &format!("Basic {}", STANDARD.encode(pair)),
                );
            }
        }
        set(&mut headers, header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        set(&mut headers, header::ACCEPT, "application/json");
        let body = serde_urlencoded::to_string(form).unwrap_or_default();
        let answer = self.ask(Method::POST, &metadata.token_endpoint, headers, body.into()).await?;
        let tokens: Tokens = json(&answer)?;
        // RFC 6749, section 7.1; OpenID Connect Core, section 3.1.3.3.
        if !tokens.token_type.eq_ignore_ascii_case("bearer") {
            return Err(UpstreamError::Answer("the token is of no known type".into()));
        }
        Ok(tokens)
    }

    /// What the user info endpoint says, and whether it is signed. `None` when there is none.
    pub(super) async fn user_info(
        &self,
        access_token: &str,
    ) -> Result<Option<(Map<String, Value>, bool)>, UpstreamError> {
        let metadata = self.metadata().await?;
        let Some(url) = &metadata.userinfo_endpoint else { return Ok(None) };
        let mut headers = HeaderMap::new();
        set(&mut headers, header::AUTHORIZATION, &format!("Bearer {access_token}"));
        set(&mut headers, header::ACCEPT, "application/json, application/jwt");
        let answer = self.ask(Method::GET, url, headers, Bytes::new()).await?;
        let kind = answer.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let essence = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default();
        if essence.trim().eq_ignore_ascii_case("application/jwt") {
            let token = std::str::from_utf8(&answer.body).unwrap_or_default();
            return Ok(Some((self.verified(token.trim()).await?, true)));
        }
        Ok(Some((json(&answer)?, false)))
    }

    async fn ask(
        &self,
        method: Method,
        url: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<FetchResponse, UpstreamError> {
        let place = WebUri::parse(url);
        let issuer = WebUri::parse(&self.config.issuer);
        // Endpoints elsewhere are named by the provider, not by the operator.
        let named_by_operator =
            issuer.zip(place).is_some_and(|(issuer, place)| issuer.same_origin(&place));
        let request = FetchRequest {
            method,
            url: url.to_owned(),
            headers,
            body,
            timeout: Duration::from_secs(UPSTREAM_TIMEOUT_S),
            answer_bytes_max: UPSTREAM_ANSWER_BYTES_MAX,
            named_by_operator,
        };
        let answer = self.identity.host.fetch(request).await?;
        if answer.status == StatusCode::OK {
            return Ok(answer);
        }
        // Its words are for the log alone, and without anything secret of ours.
        Err(UpstreamError::Answer(format!("{} says {}", self.config.id, answer.status)))
    }
}

fn json<T: serde::de::DeserializeOwned>(answer: &FetchResponse) -> Result<T, UpstreamError> {
    serde_json::from_slice(&answer.body).map_err(|error| UpstreamError::Answer(error.to_string()))
}

fn encoded(text: &str) -> String {
    let pair = serde_urlencoded::to_string([("", text)]).unwrap_or_default();
    pair.strip_prefix('=').unwrap_or_default().to_owned()
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(mut value) = HeaderValue::from_str(value) {
        value.set_sensitive(name == header::AUTHORIZATION);
        headers.insert(name, value);
    }
}
