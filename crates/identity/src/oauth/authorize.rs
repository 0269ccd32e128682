// SPDX-License-Identifier: Apache-2.0
//! The authorisation endpoint (Client-Server API, "Authorisation code flow"; RFC 6749, section
//! 4.1).
//!
//! Nothing is kept of a request until somebody consented: it travels with the browser, and is
//! checked again wherever it arrives. Where the redirect URI is not the client's the browser is
//! never sent there (no open redirect).

use std::sync::Arc;

use axum::extract::State;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use estafette_core::{
    ids::UserId,
    limits::{CONTINUE_BYTES_MAX, DEVICE_NAME_BYTES_MAX, OAUTH_CODE_S},
};
use estafette_store::{
    AccountStore as _, OauthStore as _, StoreError, accounts::TokenHash, oauth::NewCode,
};
use http::request::Parts;

use super::{
    answer::OauthError,
    base_url::base_url,
    client_metadata::AUTHORIZATION_CODE,
    consent,
    metadata::issuer,
    params::Params,
    redirect::{self, ResponseMode},
    registration::{self, Client},
    scope::Scope,
    token,
};
use crate::{
    Identity,
    pages::{Browser, PageResult},
    sign_in::hinted,
};

/// A request that may be put before somebody.
pub(crate) struct AuthorizationRequest {
    /// Who asks.
    pub(crate) client: Client,
    /// For what.
    pub(crate) scope: Scope,
    /// Whether the person wants a new account.
    pub(crate) wants_account: bool,
    /// Whom the client expects, as it was typed there.
    pub(crate) login_hint: Option<String>,
    code_challenge: String,
    reply: Reply,
}

/// How the client is answered.
#[derive(Debug, Clone)]
struct Reply {
    redirect_uri: String,
    mode: ResponseMode,
    state: Option<String>,
    issuer: String,
}

impl Reply {
    fn with<'a>(&'a self, mut answer: Vec<(&'a str, &'a str)>) -> String {
        if let Some(state) = &self.state {
            answer.push(("state", state));
        }
        answer.push(("iss", &self.issuer));
        redirect::with_answer(&self.redirect_uri, self.mode, &answer)
    }
}

/// Why a request is not put before anybody.
pub(crate) enum Refusal {
    /// The redirect URI is proven: the client is told.
    Tell(String),
    /// It is not: the person is told.
    Show(OauthError),
}

impl From<OauthError> for Refusal {
    fn from(error: OauthError) -> Self {
        Self::Show(error)
    }
}

impl AuthorizationRequest {
    /// Reads and checks the query of a request.
    pub(crate) async fn read(identity: &Identity, parts: &Parts) -> Result<Self, Refusal> {
        let query = parts.uri.query().unwrap_or_default();
        Self::from_query(identity, parts, query).await
    }

    /// The same where the query came in another way.
    pub(crate) async fn from_query(
        identity: &Identity,
        parts: &Parts,
        query: &str,
    ) -> Result<Self, Refusal> {
        let base_url = base_url(identity, parts)
            .ok_or_else(|| OauthError::invalid_request("The request names no host."))?;
        let (params, twice) = Params::parse_all(query.as_bytes())?;
        if twice.iter().any(|name| matches!(name.as_str(), "client_id" | "redirect_uri")) {
            return Err(OauthError::given_twice().into());
        }
        let client = registration::client(identity, params.require("client_id")?).await?;
        let redirect_uri = params.require("redirect_uri")?;
        let registered = &client.metadata.redirect_uris;
        if !registered.iter().any(|known| redirect::matches(known, redirect_uri)) {
            let description = "The redirect URI is not one that the client registered.";
            return Err(OauthError::invalid_request(description).into());
        }
        let reply = Reply {
            redirect_uri: redirect_uri.to_owned(),
            mode: match params.get("response_mode") {
                Some("fragment") => ResponseMode::Fragment,
                _ => ResponseMode::Query,
            },
            // Which one is the client's is not known.
            state: params.get("state").filter(|_| !twice.contains("state")).map(str::to_owned),
            issuer: issuer(&base_url),
        };
        let asked = match twice.is_empty() {
            true => check_length(query).and_then(|()| Asked::read(&params, &client)),
            false => Err(OauthError::given_twice()),
        };
        match asked {
            Ok(asked) => Ok(Self {
                client,
                scope: asked.scope,
                wants_account: asked.wants_account,
                login_hint: params.get("login_hint").map(str::to_owned),
                code_challenge: asked.code_challenge,
                reply,
            }),
            Err(error) => {
                let answer =
                    vec![("error", error.code()), ("error_description", error.description())];
                Err(Refusal::Tell(reply.with(answer)))
            }
        }
    }

    /// Where the answer goes.
    pub(crate) fn redirect_uri(&self) -> &str {
        &self.reply.redirect_uri
    }

    /// Where the browser goes when the person said no.
    pub(crate) fn denied(&self) -> String {
        let description = "The person did not allow it.";
        self.reply.with(vec![("error", "access_denied"), ("error_description", description)])
    }

    /// Whether the client asks for the administration of the server and `user_id` has it.
    pub(crate) async fn administers(
        &self,
        identity: &Identity,
        user_id: &UserId,
    ) -> Result<bool, StoreError> {
        if !self.scope.administration {
            return Ok(false);
        }
        let account = identity.store.account(user_id).await?;
        Ok(account.is_some_and(|account| account.is_admin))
    }

    /// Keeps a code for what `user_id` allowed and says where the browser takes it.
    pub(crate) async fn allowed(
        &self,
        identity: &Identity,
        user_id: &UserId,
    ) -> Result<String, OauthError> {
        let code = token::secret(identity, "esc");
        let now_ms = identity.host.now_ms();
        let name = self.client.metadata.name("fr");
        let administers = self.administers(identity, user_id).await?;
        let kept = NewCode {
            code: TokenHash::of(&code),
            user_id: user_id.clone(),
            client_id: self.client.client_id.clone(),
            redirect_uri: self.reply.redirect_uri.clone(),
            scope: self.scope.granted_to(administers),
            device_id: self.scope.device_id.clone(),
            device_name: (name.len() <= DEVICE_NAME_BYTES_MAX).then(|| name.to_owned()),
            code_challenge: self.code_challenge.clone(),
            expires_ms: now_ms.saturating_add((OAUTH_CODE_S * 1000).cast_signed()),
        };
        identity.store.put_code(kept, now_ms).await?;
        Ok(self.reply.with(vec![("code", &code)]))
    }
}

/// The request travels with the browser by way of the sign-in page. What would be lost on the way
/// is refused now.
fn check_length(query: &str) -> Result<(), OauthError> {
    if consent::path_for(query).len() > CONTINUE_BYTES_MAX {
        return Err(OauthError::invalid_request("The request is too long."));
    }
    Ok(())
}

/// What is asked for, once it is known who asks.
struct Asked {
    scope: Scope,
    wants_account: bool,
    code_challenge: String,
}

impl Asked {
    fn read(params: &Params, client: &Client) -> Result<Self, OauthError> {
        if params.get("request").is_some() || params.get("request_uri").is_some() {
            let description = "Request objects are not supported.";
            return Err(OauthError::new("request_not_supported", description));
        }
        if params.require("response_type")? != "code" {
            let description = "The response type must be `code`.";
            return Err(OauthError::new("unsupported_response_type", description));
        }
        if !matches!(params.get("response_mode"), None | Some("query" | "fragment")) {
            let description = "The response mode must be `query` or `fragment`.";
            return Err(OauthError::invalid_request(description));
        }
        // Client-Server API, "Client metadata": both are needed for this grant.
        if !client.metadata.has_grant(AUTHORIZATION_CODE) || !client.metadata.answers_code() {
            let description = "The client is not registered for authorisation codes.";
            return Err(OauthError::new("unauthorized_client", description));
        }
        // RFC 7636: without it whoever sees a code can use it. `plain` is the default there.
        if params.get("code_challenge_method") != Some("S256") {
            let description = "`code_challenge_method` must be `S256`.";
            return Err(OauthError::invalid_request(description));
        }
        let code_challenge = params.require("code_challenge")?;
        let digest = URL_SAFE_NO_PAD.decode(code_challenge).unwrap_or_default();
        if digest.len() != 32 {
            let description = "`code_challenge` is no SHA-256 in base64url.";
            return Err(OauthError::invalid_request(description));
        }
        let prompts = params.get("prompt").unwrap_or_default();
        if prompts.split(' ').any(|prompt| prompt == "none") {
            let description = "Somebody has to consent.";
            return Err(OauthError::new("interaction_required", description));
        }
        Ok(Self {
            scope: Scope::parse(params.require("scope")?)?,
            wants_account: prompts.split(' ').any(|prompt| prompt == "create"),
            code_challenge: code_challenge.to_owned(),
        })
    }
}

/// `GET /oauth2/authorize`
///
/// Sends the browser to the consent page, by way of sign-up where the client asks for a new account
/// (`prompt=create`). Whoever is not signed in is sent to do so from there.
pub(super) async fn authorize(
    State(identity): State<Arc<Identity>>,
    browser: Browser,
    parts: Parts,
) -> PageResult {
    let request = match AuthorizationRequest::read(&identity, &parts).await {
        Ok(request) => request,
        Err(refusal) => return consent::refused(&browser, refusal),
    };
    let query = parts.uri.query().unwrap_or_default();
    let consent = consent::path_for(query);
    if !request.wants_account || !identity.offers_sign_up() {
        return Ok(browser.redirect(&consent));
    }
    if let Some(user_id) = browser.user_id() {
        return consent::create_or_go_on(&browser, user_id, &consent).await;
    }
    // An id is of no use to whoever wants another account.
    let hint = request.login_hint.as_deref().and_then(hinted).filter(|who| !who.starts_with('@'));
    let pairs = [("continue", consent.as_str()), ("login_hint", hint.unwrap_or_default())];
    let onward = serde_urlencoded::to_string(pairs).unwrap_or_default();
    Ok(browser.redirect(&format!("/_estafette/sign-up?{onward}")))
}
