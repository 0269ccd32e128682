// SPDX-License-Identifier: Apache-2.0
//! What cannot be meant in `[[identity.upstream]]`, said before anybody presses a button.

use std::{collections::HashSet, fs};

use estafette_core::{
    email_address::check_domain,
    limits::{
        UPSTREAM_ID_BYTES_MAX, UPSTREAM_NAME_BYTES_MAX, UPSTREAM_PARAMETER_BYTES_MAX,
        UPSTREAM_VALUE_BYTES_MAX,
    },
};

use super::{ClientSecret, ProviderConfig};
use crate::oauth::redirect::WebUri;

/// Parameters of the authorization request that this server decides itself, or that would change
/// how the answer comes (OpenID Connect Core, sections 3.1.2.1, 5.5 and 6; RFC 6749, 7636, 9126,
/// 9449; OAuth 2.0 Multiple Response Type Encoding Practices; RFC 8707).
const OURS: &[&str] = &[
    "acr_values",
    "audience",
    "claims",
    "client_assertion",
    "client_assertion_type",
    "client_id",
    "client_secret",
    "code_challenge",
    "code_challenge_method",
    "dpop_jkt",
    "id_token_hint",
    "login_hint",
    "max_age",
    "nonce",
    "prompt",
    "redirect_uri",
    "registration",
    "request",
    "request_uri",
    "resource",
    "response_mode",
    "response_type",
    "scope",
    "state",
];

/// Checks all providers and reads the secrets that are in files. Errors: a sentence that names the
/// provider and the field.
pub(crate) fn make_ready(providers: &mut [ProviderConfig]) -> Result<(), String> {
    let mut ids = HashSet::new();
    for (number, provider) in (1..).zip(providers) {
        if !is_id(&provider.id) {
            return Err(format!(
                "provider number {number}: `id` is `{}`; it must be 1 to {UPSTREAM_ID_BYTES_MAX} \
                 of a-z 0-9 - and stay as it is",
                provider.id
            ));
        }
        if !ids.insert(provider.id.clone()) {
            return Err(format!("provider `{0}`: `id`: there are two of `{0}`", provider.id));
        }
        check(provider)
            .and_then(|()| read_secret(provider))
            .map_err(|(field, why)| format!("provider `{}`: `{field}`: {why}", provider.id))?;
    }
    Ok(())
}

type Wrong = (&'static str, String);

fn is_id(id: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !id.is_empty() && id.len() <= UPSTREAM_ID_BYTES_MAX && id.bytes().all(allowed)
}

fn check(provider: &ProviderConfig) -> Result<(), Wrong> {
    let name = &provider.name;
    if name.trim().is_empty()
        || name.len() > UPSTREAM_NAME_BYTES_MAX
        || name.chars().any(char::is_control)
    {
        return Err(("name", format!("`{name}` is empty, too long, or has a control character")));
    }
    check_issuer(&provider.issuer).map_err(|why| ("issuer", why))?;
    if !is_text(&provider.client_id) {
        return Err(("client_id", "it is empty, too long, or has a control character".into()));
    }
    check_scope(&provider.scope).map_err(|why| ("scope", why))?;
    if provider.domains.is_empty() {
        return Err(("domains", "it is empty, so nobody could sign in; [\"*\"] is all".into()));
    }
    check_domains(&provider.domains).map_err(|why| ("domains", why))?;
    let authoritative = &provider.authoritative_domains;
    check_domains(authoritative).map_err(|why| ("authoritative_domains", why))?;
    let outside = authoritative.iter().find(|one| *one != "*" && !provider.may_vouch_for(one));
    if let Some(domain) = outside {
        return Err(("authoritative_domains", format!("`{domain}` is not in `domains`")));
    }
    for (field, values) in
        [("acr_values", &provider.acr_values), ("amr_values", &provider.amr_values)]
    {
        if let Some(wrong) = values.iter().find(|value| !is_text(value) || value.contains(' ')) {
            return Err((field, format!("`{wrong}` is empty, too long, or has a space")));
        }
    }
    if provider.acr_essential && provider.acr_values.is_empty() {
        return Err(("acr_essential", "it needs `acr_values`".into()));
    }
    check_parameters(provider).map_err(|why| ("authorization_parameters", why))
}

/// OpenID Connect Discovery, section 3: https, without a query and a fragment.
fn check_issuer(issuer: &str) -> Result<(), String> {
    let Some(uri) = WebUri::parse(issuer).filter(|_| !issuer.contains('?')) else {
        return Err(format!(
            "`{issuer}` is no web address in small letters without a query, as `https://idp.fr/api`"
        ));
    };
    if uri.scheme != "https" && !uri.is_loopback() {
        return Err(format!("`{issuer}` is not on https"));
    }
    Ok(())
}

/// RFC 6749, section 3.3; OpenID Connect Core, section 3.1.2.1.
fn check_scope(scope: &str) -> Result<(), String> {
    let token = |token: &str| {
        let allowed = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
        !token.is_empty() && token.bytes().all(allowed)
    };
    if !scope.split(' ').all(token) || scope.len() > UPSTREAM_VALUE_BYTES_MAX {
        return Err(format!("`{scope}` is no list of scopes with one space between them"));
    }
    if !scope.split(' ').any(|token| token == "openid") {
        return Err(format!("`{scope}` has no `openid`, without which nobody is identified"));
    }
    Ok(())
}

fn check_domains(domains: &[String]) -> Result<(), String> {
    for domain in domains {
        if domain == "*" {
            if domains.len() > 1 {
                return Err("`*` is all domains and stands alone".into());
            }
            continue;
        }
        if let Some(rest) = domain.strip_prefix("*.").or_else(|| domain.strip_prefix('@')) {
            return Err(format!("`{domain}`: domains are matched exactly: `{rest}`"));
        }
        check_domain(domain).map_err(|error| format!("`{domain}`: {error}"))?;
    }
    Ok(())
}

fn check_parameters(provider: &ProviderConfig) -> Result<(), String> {
    for (name, value) in &provider.authorization_parameters {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if name.is_empty()
            || name.len() > UPSTREAM_PARAMETER_BYTES_MAX
            || !name.bytes().all(allowed)
        {
            return Err(format!("`{name}` is no name of a parameter: a-z 0-9 _"));
        }
        if OURS.contains(&name.as_str()) {
            return Err(format!("`{name}` is decided by the server"));
        }
        if !is_text(value) {
            return Err(format!("`{name}` is empty, too long, or has a control character"));
        }
    }
    Ok(())
}

/// Takes the secret from where it is.
fn read_secret(provider: &mut ProviderConfig) -> Result<(), Wrong> {
    let path = &provider.client_secret_file;
    let in_file = !path.as_os_str().is_empty();
    match (provider.client_secret.0.is_empty(), in_file) {
        (true, false) => {
            Err(("client_secret", "it is missing; or name a `client_secret_file`".into()))
        }
        (false, true) => {
            Err(("client_secret", "it is given here and in `client_secret_file`".into()))
        }
        (false, false) => Ok(()),
        (true, true) => {
            let wrong = |why: String| ("client_secret_file", format!("{}: {why}", path.display()));
            let text = fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
            let secret = text.trim();
            if secret.is_empty() {
                return Err(wrong("it is empty".into()));
            }
            provider.client_secret = ClientSecret(secret.to_owned());
            Ok(())
        }
    }
}

fn is_text(text: &str) -> bool {
    !text.trim().is_empty()
        && text.len() <= UPSTREAM_VALUE_BYTES_MAX
        && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests;
