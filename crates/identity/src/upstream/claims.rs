// SPDX-License-Identifier: Apache-2.0
//! What a provider says of somebody, and whether it says it to us, now and in answer to us (OpenID
//! Connect Core, section 3.1.3.7; Back-Channel Logout, section 2.6).

use serde_json::{Map, Value};
use subtle::ConstantTimeEq as _;

use super::config::ProviderConfig;

/// How far clocks may differ, in seconds.
const LEEWAY_S: i64 = 60;
/// How old a logout token may be, in seconds.
const LOGOUT_AGE_S: i64 = 10 * 60;
const LOGOUT_EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// Why what a provider said is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum ClaimError {
    /// By somebody else.
    #[error("`iss` is not the provider")]
    Issuer,
    /// To somebody else.
    #[error("`aud` is not this server")]
    Audience,
    /// Too old, or not yet.
    #[error("its times are wrong")]
    Time,
    /// In answer to another request.
    #[error("`nonce` is not the one of this sign-in")]
    Nonce,
    /// The person did not prove who they are when they were to, or it does not say so.
    #[error("`auth_time` is missing or before the request")]
    Unproven,
    /// About nobody, or somebody else.
    #[error("`sub` is missing or another")]
    Subject,
    /// Not what it should be.
    #[error("it is no logout token")]
    NoLogout,
}

/// Who is meant to have said it to whom.
pub(super) struct Expected<'a> {
    pub(super) issuer: &'a str,
    pub(super) client_id: &'a str,
    /// Now, in seconds since the epoch.
    pub(super) now_s: i64,
}

/// A checked ID token.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct IdToken {
    pub(super) subject: String,
    pub(super) sid: Option<String>,
    /// When the person proved who they are there, in seconds since the epoch.
    pub(super) auth_time_s: Option<i64>,
    /// How surely the person was identified.
    pub(super) acr: Option<String>,
    /// By what.
    pub(super) amr: Vec<String>,
}

impl IdToken {
    /// Refuses one that does not say that the person proved who they are since `asked_s`, when that
    /// was asked for by `max_age` (OpenID Connect Core, sections 2 and 3.1.3.7, point 13).
    pub(super) fn check_proven_since(&self, asked_s: i64) -> Result<(), ClaimError> {
        let since = self.auth_time_s.ok_or(ClaimError::Unproven)?;
        if since.saturating_add(LEEWAY_S) < asked_s { Err(ClaimError::Unproven) } else { Ok(()) }
    }

    /// Whether the person proved as much there as the operator demands. A provider may take
    /// `acr_values` for a wish, and so answer with less (OpenID Connect Core, section 3.1.3.7,
    /// point 12).
    pub(super) fn is_sure_enough(&self, config: &ProviderConfig) -> bool {
        let known = |acr: &String| config.acr_values.contains(acr);
        let acr = config.acr_values.is_empty() || self.acr.as_ref().is_some_and(known);
        let demanded = |amr: &String| config.amr_values.contains(amr);
        acr && (config.amr_values.is_empty() || self.amr.iter().any(demanded))
    }
}

/// Checks an ID token whose signature is right.
pub(super) fn check_id_token(
    claims: &Map<String, Value>,
    expected: &Expected<'_>,
    nonce: &str,
) -> Result<IdToken, ClaimError> {
    check_parties(claims, expected)?;
    let expires = seconds(claims, "exp").ok_or(ClaimError::Time)?;
    let issued = seconds(claims, "iat").ok_or(ClaimError::Time)?;
    let begins = seconds(claims, "nbf").unwrap_or(issued);
    let latest = expected.now_s.saturating_add(LEEWAY_S);
    if expires.saturating_add(LEEWAY_S) <= expected.now_s || issued > latest || begins > latest {
        return Err(ClaimError::Time);
    }
    let given = text(claims, "nonce").unwrap_or_default();
    if !bool::from(given.as_bytes().ct_eq(nonce.as_bytes())) {
        return Err(ClaimError::Nonce);
    }
    let subject = text(claims, "sub").ok_or(ClaimError::Subject)?;
    let auth_time_s = seconds(claims, "auth_time");
    if auth_time_s.is_some_and(|since| since > latest) {
        return Err(ClaimError::Time);
    }
    let sid = text(claims, "sid").map(str::to_owned);
    let acr = text(claims, "acr").map(str::to_owned);
    let amr = claims.get("amr").and_then(Value::as_array).into_iter().flatten();
    let amr = amr.filter_map(Value::as_str).map(str::to_owned).collect();
    Ok(IdToken { subject: subject.to_owned(), sid, auth_time_s, acr, amr })
}

/// Checks a signed answer of the user info endpoint (OpenID Connect Core, section 5.3.2).
pub(super) fn check_user_info(
    claims: &Map<String, Value>,
    expected: &Expected<'_>,
) -> Result<(), ClaimError> {
    check_parties(claims, expected)?;
    let expires = seconds(claims, "exp").unwrap_or(i64::MAX);
    if expires.saturating_add(LEEWAY_S) <= expected.now_s { Err(ClaimError::Time) } else { Ok(()) }
}

/// A checked logout token.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LogoutToken {
    pub(super) id: String,
    pub(super) subject: Option<String>,
    pub(super) sid: Option<String>,
    /// Until when its repeat must be noticed, in seconds since the epoch.
    pub(super) memorable_until_s: i64,
}

/// Checks a logout token whose signature is right.
pub(super) fn check_logout_token(
    claims: &Map<String, Value>,
    expected: &Expected<'_>,
) -> Result<LogoutToken, ClaimError> {
    check_parties(claims, expected)?;
    let issued = seconds(claims, "iat").ok_or(ClaimError::Time)?;
    // Drafts of the standard had no `exp`; such a token ends soon after `iat`.
    let expires = seconds(claims, "exp").unwrap_or(i64::MAX);
    let until = expires.min(issued.saturating_add(LOGOUT_AGE_S)).saturating_add(LEEWAY_S);
    if until <= expected.now_s || issued > expected.now_s.saturating_add(LEEWAY_S) {
        return Err(ClaimError::Time);
    }
    let event = claims.get("events").and_then(|events| events.get(LOGOUT_EVENT));
    // A `nonce` would make an ID token of it.
    if !event.is_some_and(Value::is_object) || claims.contains_key("nonce") {
        return Err(ClaimError::NoLogout);
    }
    let id = text(claims, "jti").ok_or(ClaimError::NoLogout)?.to_owned();
    let subject = text(claims, "sub").map(str::to_owned);
    let sid = text(claims, "sid").map(str::to_owned);
    if subject.is_none() && sid.is_none() {
        return Err(ClaimError::Subject);
    }
    Ok(LogoutToken { id, subject, sid, memorable_until_s: until })
}

/// `iss`, `aud` and `azp`.
fn check_parties(claims: &Map<String, Value>, expected: &Expected<'_>) -> Result<(), ClaimError> {
    if text(claims, "iss") != Some(expected.issuer) {
        return Err(ClaimError::Issuer);
    }
    let us = |value: &Value| value.as_str() == Some(expected.client_id);
    let (ours, several) = match claims.get("aud") {
        Some(Value::Array(all)) => (all.iter().any(us), all.len() > 1),
        Some(one) => (us(one), false),
        None => (false, false),
    };
    let authorized = claims.get("azp").map(us);
    if !ours || authorized == Some(false) || (several && authorized.is_none()) {
        return Err(ClaimError::Audience);
    }
    Ok(())
}

fn seconds(claims: &Map<String, Value>, name: &str) -> Option<i64> {
    let value = claims.get(name)?;
    value.as_i64().or_else(|| value.as_f64().map(|seconds| seconds as i64))
}

/// A text that is not empty and not longer than any id should be.
pub(super) fn text<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    claims.get(name)?.as_str().filter(|text| !text.is_empty() && text.len() <= 1_024)
}
