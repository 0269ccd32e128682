// SPDX-License-Identifier: Apache-2.0
//! To the provider and back.

use std::sync::Arc;

use axum::extract::{Path, State};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use estafette_core::limits::{BROWSER_SESSION_S, UPSTREAM_SID_S};
use estafette_store::upstream::UpstreamSession;
use http::{StatusCode, request::Parts};
use maud::html;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::{
    account::{self, Found, Refused},
    again::{self, Prover},
    claims::{ClaimError, Expected, IdToken, check_id_token, check_user_info, text},
    config::{LogoutReach, ProviderConfig},
    join::{self, Joining},
    pending::Pending,
    provider::{Provider, UpstreamError},
};
use crate::{
    Identity, account_pages,
    oauth::{base_url::base_url, secret},
    pages::{Browser, Page, PageResult, Query, Trouble, local_path},
};

#[derive(Deserialize)]
pub(super) struct Start {
    #[serde(default, rename = "continue")]
    onward: String,
    #[serde(default)]
    login_hint: String,
    /// Not empty: whoever is signed in is to prove themselves again.
    #[serde(default)]
    again: String,
}

/// `GET /_estafette/upstream/{provider}`: sends the browser to the provider (OpenID Connect Core,
/// section 3.1.2.1).
pub(super) async fn start(
    State(identity): State<Arc<Identity>>,
    Path(id): Path<String>,
    Query(asked): Query<Start>,
    browser: Browser,
    parts: Parts,
) -> PageResult {
    let provider = Provider::find(&identity, &id).ok_or(Trouble::NotFound)?;
    identity.host.limit_source(&format!("upstream from {}", browser.address))?;
    let metadata = match provider.metadata().await {
        Ok(metadata) => metadata,
        Err(error) => return unbelieved(&browser, provider.config, &error),
    };
    let redirect_uri = redirect_uri(&identity, &parts, &id)?;
    let [state, nonce, verifier] = ["ess", "esn", "esv"].map(|mark| secret(&identity, mark));
    let onward = local_path(&asked.onward).unwrap_or("/");
    let mut pending = Pending::new(&browser, &id, &state, &nonce, &verifier, onward);
    if !asked.again.is_empty() {
        pending.prover = again::prover(&browser, provider.config).await?;
    }
    let again = pending.prover.is_some();
    identity.upstream.remember(&browser, &state, pending);
    let config = provider.config;
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&verifier));
    let (acr_values, claims) = (config.acr_values.join(" "), wanted_claims(config));
    let mut query = vec![
        ("response_type", "code"),
        ("client_id", &config.client_id),
        ("redirect_uri", &redirect_uri),
        ("scope", &config.scope),
        ("state", &state),
        ("nonce", &nonce),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ];
    if again {
        query.extend([("prompt", "login"), ("max_age", "0")]);
    }
    if !asked.login_hint.is_empty() {
        query.push(("login_hint", &asked.login_hint));
    }
    if !acr_values.is_empty() && !config.acr_essential {
        query.push(("acr_values", &acr_values));
    }
    query.extend(claims.as_ref().map(|claims| ("claims", claims.as_str())));
    let further = config.authorization_parameters.iter();
    query.extend(further.map(|(name, value)| (name.as_str(), value.as_str())));
    let query = serde_urlencoded::to_string(query).unwrap_or_default();
    let endpoint = &metadata.authorization_endpoint;
    let mark = if endpoint.contains('?') { '&' } else { '?' };
    Ok(browser.redirect(&format!("{endpoint}{mark}{query}")))
}

/// What the ID token must say of how people proved who they are (OpenID Connect Core, sections 5.5
/// and 5.5.1.1).
fn wanted_claims(config: &ProviderConfig) -> Option<String> {
    let mut wanted = Map::new();
    if config.acr_essential {
        let acr = match config.acr_values.as_slice() {
            [one] => json!({ "essential": true, "value": one }),
            several => json!({ "essential": true, "values": several }),
        };
        wanted.insert("acr".into(), acr);
    }
    if !config.amr_values.is_empty() {
        wanted.insert("amr".into(), json!({ "essential": true }));
    }
    (!wanted.is_empty()).then(|| json!({ "id_token": wanted }).to_string())
}

fn redirect_uri(identity: &Identity, parts: &Parts, id: &str) -> Result<String, Trouble> {
    let base_url = base_url(identity, parts).ok_or(Trouble::NotUnderstood)?;
    Ok(format!("{base_url}/_estafette/upstream/{id}/callback"))
}

#[derive(Deserialize)]
pub(super) struct Callback {
    #[serde(default)]
    state: String,
    #[serde(default)]
    code: String,
    #[serde(default)]
    error: String,
    iss: Option<String>,
}

/// `GET /_estafette/upstream/{provider}/callback`: signs in whom the provider means.
pub(super) async fn callback(
    State(identity): State<Arc<Identity>>,
    Path(id): Path<String>,
    Query(answer): Query<Callback>,
    mut browser: Browser,
    parts: Parts,
) -> PageResult {
    let provider = Provider::find(&identity, &id).ok_or(Trouble::NotFound)?;
    let pending = identity.upstream.resume(&browser, &id, &answer.state);
    let pending = pending.ok_or(Trouble::FormTooOld)?;
    if !answer.error.is_empty() || answer.code.is_empty() {
        tracing::info!(provider = %id, error = ?answer.error, "a provider signed nobody in");
        let refused = unmet(provider.config, &answer.error).then_some(Refused::TooWeak);
        return say(&browser, provider.config, StatusCode::FORBIDDEN, refused);
    }
    let redirect_uri = redirect_uri(&identity, &parts, &id)?;
    let vouched = vouched(&provider, &answer, &pending, &redirect_uri).await;
    let vouched = match vouched {
        Ok(vouched) => vouched,
        Err(error) => return unbelieved(&browser, provider.config, &error),
    };
    if !vouched.id_token.is_sure_enough(provider.config) {
        let (acr, amr) = (&vouched.id_token.acr, &vouched.id_token.amr);
        tracing::info!(provider = %id, ?acr, ?amr, "a provider did not identify somebody surely");
        return say(&browser, provider.config, StatusCode::FORBIDDEN, Some(Refused::TooWeak));
    }
    if let Some(prover) = &pending.prover
        && let Err(refused) = check_prover(&browser, prover, &vouched.id_token)
    {
        return say(&browser, provider.config, StatusCode::FORBIDDEN, Some(refused));
    }
    let subject = &vouched.id_token.subject;
    let found = account::find(&identity, provider.config, subject, &vouched.claims).await?;
    let proven_s = vouched.id_token.auth_time_s.filter(|_| provider.config.asks_again);
    let proven_ms = proven_s.unwrap_or(0).saturating_mul(1000);
    let session = session(&provider, vouched);
    let user_id = match found {
        Found::Account(user_id) => user_id,
        Found::Unproven(user_id, proof) if pending.prover.is_none() => {
            let joining = Joining { session, user_id, onward: pending.onward };
            return join::prove(browser, &provider, joining, proof).await;
        }
        Found::Unproven(..) => {
            let refused = Some(Refused::OtherPerson);
            return say(&browser, provider.config, StatusCode::FORBIDDEN, refused);
        }
        Found::Refused(refused) => {
            return say(&browser, provider.config, StatusCode::FORBIDDEN, Some(refused));
        }
    };
    if pending.prover.is_some_and(|prover| prover.user_id != user_id) {
        return say(&browser, provider.config, StatusCode::FORBIDDEN, Some(Refused::OtherPerson));
    }
    browser.sign_in_by(&user_id, session, proven_ms).await?;
    Ok(browser.redirect(&pending.onward))
}

/// Whether a provider signs nobody in because the person cannot prove as much as the operator
/// demands (OpenID Connect Core Unmet Authentication Requirements 1.0, section 2). ProConnect says
/// no more than that access was denied.
fn unmet(config: &ProviderConfig, error: &str) -> bool {
    error == "unmet_authentication_requirements"
        || (error == "access_denied" && config.acr_essential)
}

/// Whether it is the same person, in the same session here, who proved themselves when asked to.
fn check_prover(browser: &Browser, prover: &Prover, token: &IdToken) -> Result<(), Refused> {
    if browser.user_id() != Some(&prover.user_id) || token.subject != prover.subject {
        return Err(Refused::NotYou);
    }
    token.check_proven_since(prover.asked_s).map_err(|_| Refused::NotProven)
}

fn session(provider: &Provider<'_>, vouched: Vouched) -> UpstreamSession {
    let now_ms = provider.identity.host.now_ms();
    let after = |seconds: u64| now_ms.saturating_add((seconds * 1000).cast_signed());
    let devices = provider.config.logout == LogoutReach::Devices;
    UpstreamSession {
        provider: provider.config.id.clone(),
        subject: vouched.id_token.subject,
        sid: vouched.id_token.sid,
        id_token: vouched.raw_id_token,
        expires_ms: after(BROWSER_SESSION_S),
        sid_until_ms: devices.then(|| after(UPSTREAM_SID_S)),
    }
}

/// What a provider vouches for.
struct Vouched {
    id_token: IdToken,
    raw_id_token: String,
    /// The claims of the ID token, and over them those of the user info endpoint.
    claims: Map<String, Value>,
}

async fn vouched(
    provider: &Provider<'_>,
    answer: &Callback,
    pending: &Pending,
    redirect_uri: &str,
) -> Result<Vouched, UpstreamError> {
    let config = provider.config;
    let metadata = provider.metadata().await?;
    // RFC 9207: an answer of another provider must not be taken for this one's.
    let wrong = answer.iss.as_ref().is_some_and(|issuer| *issuer != config.issuer);
    let silent = answer.iss.is_none() && metadata.authorization_response_iss_parameter_supported;
    if wrong || silent {
        return Err(ClaimError::Issuer.into());
    }
    let tokens = provider.exchange(&answer.code, redirect_uri, &pending.code_verifier).await?;
    let expected = Expected {
        issuer: &config.issuer,
        client_id: &config.client_id,
        now_s: provider.identity.host.now_ms() / 1000,
    };
    let mut claims = provider.verified(&tokens.id_token).await?;
    let id_token = check_id_token(&claims, &expected, &pending.nonce)?;
    if let Some((said, signed)) = provider.user_info(&tokens.access_token).await? {
        if signed {
            check_user_info(&said, &expected)?;
        }
        // OpenID Connect Core, section 5.3.2: it may be about somebody else.
        if text(&said, "sub") != Some(id_token.subject.as_str()) {
            return Err(ClaimError::Subject.into());
        }
        // An address is vouched for by whoever names it, in the same breath.
        if said.contains_key("email") {
            claims.remove("email_verified");
        }
        claims.extend(said);
    }
    Ok(Vouched { id_token, raw_id_token: tokens.id_token, claims })
}

/// The page for when a provider cannot be asked or is not believed. Why is for the log alone.
fn unbelieved(browser: &Browser, provider: &ProviderConfig, error: &UpstreamError) -> PageResult {
    tracing::warn!(provider = %provider.id, %error, "a provider signed nobody in");
    say(browser, provider, StatusCode::BAD_GATEWAY, None)
}

/// The page for when nobody is signed in, and why.
pub(super) fn say(
    browser: &Browser,
    provider: &ProviderConfig,
    status: StatusCode,
    refused: Option<Refused>,
) -> PageResult {
    let words = &browser.words().upstream;
    let text = match refused {
        None => words.failed,
        Some(Refused::Address) => words.no_address,
        Some(Refused::NoAccount) => words.no_account,
        Some(Refused::OtherPerson) => words.other_person,
        Some(Refused::OtherSubject) => words.other_subject,
        Some(Refused::JoinEnded) => words.join_ended,
        Some(Refused::NotYou) => words.not_you,
        Some(Refused::NotProven) => words.not_proven,
        Some(Refused::Closed) => words.closed,
        Some(Refused::TooWeak) => words.too_weak,
    };
    let title = (words.refused_title)(&provider.name);
    let body = html! {
        h1 { (title) }
        p { (text) }
        ul.links {
            @if browser.user_id().is_some() {
                li { a href=(account_pages::PATH) { (browser.words().account.back) } }
            } @else {
                li { a href="/_estafette/sign-in" { (words.other_way) } }
            }
        }
    };
    Ok(browser.show(&Page::new(&title, body).status(status)))
}
