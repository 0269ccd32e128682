// SPDX-License-Identifier: Apache-2.0
//! What a client says of itself (Client-Server API, "Client metadata"; RFC 7591, section 2).

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use estafette_core::{
    directory::disguises,
    limits::{
        OAUTH_CLIENT_METADATA_BYTES_MAX, OAUTH_CLIENT_NAME_BYTES_MAX, OAUTH_REDIRECT_URIS_MAX,
    },
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::{
    answer::OauthError,
    redirect::{self, ApplicationType, WebUri},
};

pub(crate) const AUTHORIZATION_CODE: &str = "authorization_code";
pub(crate) const REFRESH_TOKEN: &str = "refresh_token";
pub(crate) const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";
/// What people read, which may be given in several languages (RFC 7591, section 2.2).
const LOCALIZED: &[&str] = &["client_name", "logo_uri", "tos_uri", "policy_uri"];

/// What is registered of a client: checked, and only what means something here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ClientMetadata {
    /// Where more can be read about it; the common base of all its other URIs.
    pub(crate) client_uri: String,
    /// `client_name`, `logo_uri`, `tos_uri` and `policy_uri`, with `#` and a language where given.
    #[serde(flatten)]
    texts: BTreeMap<String, String>,
    /// Where answers may be sent.
    pub(crate) redirect_uris: Vec<String>,
    response_types: Vec<String>,
    pub(crate) grant_types: Vec<String>,
    token_endpoint_auth_method: String,
    application_type: ApplicationType,
}

impl ClientMetadata {
    /// Checks what a client sent. `own_base_url` is this server's: the client that it serves itself
    /// may be on plain http there, where that is the machine's own loopback interface.
    ///
    /// Errors: `invalid_client_metadata`, `invalid_redirect_uri` (RFC 7591, section 3.2.2).
    pub(crate) fn check(sent: &Map<String, Value>, own_base_url: &str) -> Result<Self, OauthError> {
        let client_uri =
            text(sent, "client_uri")?.ok_or_else(|| invalid("`client_uri` is missing."))?;
        let base = base(client_uri, own_base_url)?;
        let application_type = match text(sent, "application_type")? {
            None | Some("web") => ApplicationType::Web,
            Some("native") => ApplicationType::Native,
            Some(_) => return Err(invalid("`application_type` is neither `web` nor `native`.")),
        };
        if !matches!(text(sent, "token_endpoint_auth_method")?, None | Some("none")) {
            return Err(invalid(
                "`token_endpoint_auth_method` must be `none`: clients are public.",
            ));
        }
        let grant_types = understood(
            list(sent, "grant_types")?,
            &[AUTHORIZATION_CODE, REFRESH_TOKEN],
            &[AUTHORIZATION_CODE, REFRESH_TOKEN, DEVICE_CODE],
        );
        let response_types = understood(list(sent, "response_types")?, &["code"], &["code"]);
        let redirect_uris = list(sent, "redirect_uris")?.unwrap_or_default();
        if redirect_uris.len() > OAUTH_REDIRECT_URIS_MAX {
            return Err(invalid("There are too many `redirect_uris`."));
        }
        for uri in &redirect_uris {
            if !redirect::may_register(uri, application_type, base.host) && !base.is_own(uri) {
                return Err(OauthError::new(
                    "invalid_redirect_uri",
                    "A redirect URI is not one that this kind of client may have under its \
                     `client_uri`.",
                ));
            }
        }
        let uses_code = grant_types.iter().any(|grant| grant == AUTHORIZATION_CODE);
        if uses_code && redirect_uris.is_empty() {
            let description = "The authorisation code grant needs at least one redirect URI.";
            return Err(OauthError::new("invalid_redirect_uri", description));
        }
        let metadata = Self {
            client_uri: client_uri.to_owned(),
            texts: texts(sent, &base)?,
            redirect_uris: redirect_uris.into_iter().map(str::to_owned).collect(),
            response_types,
            grant_types,
            token_endpoint_auth_method: "none".into(),
            application_type,
        };
        if metadata.to_json().len() > OAUTH_CLIENT_METADATA_BYTES_MAX {
            return Err(invalid("The metadata is too long."));
        }
        Ok(metadata)
    }

    /// As it is kept: always the same text for the same metadata.
    pub(crate) fn to_json(&self) -> String {
        serde_json::to_value(self).unwrap_or_default().to_string()
    }

    /// What was kept.
    pub(crate) fn from_json(json: &str) -> Result<Self, OauthError> {
        serde_json::from_str(json).map_err(OauthError::internal)
    }

    /// The id that follows from the metadata, so that equal registrations are one client.
    pub(crate) fn client_id(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(self.to_json()))
    }

    /// A text for people, in `language` where the client has it.
    pub(crate) fn text(&self, name: &str, language: &str) -> Option<&str> {
        let localized = format!("{name}#{language}");
        let regional = format!("{localized}-");
        let of_region = || {
            let mut later = self.texts.range(regional.clone()..);
            later.next().filter(|(key, _)| key.starts_with(&regional)).map(|(_, text)| text)
        };
        let found = self.texts.get(&localized).or_else(of_region).or_else(|| self.texts.get(name));
        found.map(String::as_str)
    }

    /// The name to show: the one that the client gives itself, else where it lives.
    pub(crate) fn name(&self, language: &str) -> &str {
        self.text("client_name", language).unwrap_or_else(|| self.host())
    }

    /// The host of `client_uri`: what a redirect to that very host proves, and nothing else does
    /// ([`redirect::recipient`]).
    pub(crate) fn host(&self) -> &str {
        WebUri::parse(&self.client_uri).map_or(&self.client_uri, |uri| uri.host)
    }

    /// Whether the client registered for answers with a code.
    pub(crate) fn answers_code(&self) -> bool {
        self.response_types.iter().any(|known| known == "code")
    }

    /// Whether the client registered for a grant.
    pub(crate) fn has_grant(&self, grant: &str) -> bool {
        self.grant_types.iter().any(|known| known == grant)
    }
}

/// The common base of a client's URIs.
struct Base<'a> {
    host: &'a str,
    /// The client's own origin on the loopback interface, where this server itself serves it.
    own: Option<WebUri<'a>>,
}

impl Base<'_> {
    fn is_own(&self, uri: &str) -> bool {
        let uri = WebUri::parse(uri);
        self.own.as_ref().zip(uri).is_some_and(|(own, uri)| own.same_origin(&uri))
    }
}

fn base<'a>(client_uri: &'a str, own_base_url: &str) -> Result<Base<'a>, OauthError> {
    let wrong = || invalid("`client_uri` must be an https URL of a host name, without a user.");
    let uri = WebUri::parse(client_uri).ok_or_else(wrong)?;
    if uri.scheme == "https" && uri.is_dns_name() {
        return Ok(Base { host: uri.host, own: None });
    }
    let own = WebUri::parse(own_base_url);
    let is_own = own.is_some_and(|own| own.same_origin(&uri));
    if is_own && uri.is_loopback() {
        return Ok(Base { host: uri.host, own: Some(uri) });
    }
    Err(wrong())
}

/// What people read. All URIs among it are under the common base.
fn texts(
    sent: &Map<String, Value>,
    base: &Base<'_>,
) -> Result<BTreeMap<String, String>, OauthError> {
    let mut texts = BTreeMap::new();
    for name in sent.keys() {
        let (kind, language) = name.split_once('#').unwrap_or((name, "x"));
        if !LOCALIZED.contains(&kind) {
            continue;
        }
        let Some(value) = text(sent, name)? else { continue };
        let is_language = !language.is_empty()
            && language.len() <= 35
            && language.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        // RFC 7591, section 2: what is not understood is ignored.
        if !is_language {
            continue;
        }
        if kind == "client_name" {
            if value.len() > OAUTH_CLIENT_NAME_BYTES_MAX || value.chars().any(disguises) {
                return Err(invalid("`client_name` is too long or has control characters."));
            }
        } else if !is_under(value, base) {
            return Err(invalid("A URI is not an https URL under the host of `client_uri`."));
        }
        texts.insert(name.clone(), value.to_owned());
    }
    Ok(texts)
}

fn is_under(uri: &str, base: &Base<'_>) -> bool {
    // Documents may be linked with a fragment; the rest must be a plain https URL.
    let uri = uri.split('#').next().unwrap_or_default();
    let under =
        WebUri::parse(uri).is_some_and(|uri| uri.scheme == "https" && uri.is_under(base.host));
    under || base.is_own(uri)
}

fn invalid(description: &'static str) -> OauthError {
    OauthError::new("invalid_client_metadata", description)
}

/// A text; absent, `null` and empty ones are as good as none.
fn text<'a>(sent: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, OauthError> {
    match sent.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str()).filter(|text| !text.trim().is_empty())),
        Some(_) => Err(invalid("A member of the metadata is no text.")),
    }
}

fn list<'a>(sent: &'a Map<String, Value>, name: &str) -> Result<Option<Vec<&'a str>>, OauthError> {
    let wrong = || invalid("A member of the metadata is no list of texts.");
    match sent.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Array(values)) => {
            let texts: Option<Vec<&str>> = values.iter().map(Value::as_str).collect();
            texts.map(Some).ok_or_else(wrong)
        }
        Some(_) => Err(wrong()),
    }
}

/// What of a list means something here, each once and in our order; what is not understood is
/// ignored.
fn understood(given: Option<Vec<&str>>, default: &[&str], known: &[&str]) -> Vec<String> {
    let given = given.unwrap_or_else(|| default.to_vec());
    known.iter().filter(|name| given.contains(*name)).map(|name| (*name).to_owned()).collect()
}

#[cfg(test)]
mod tests;
