// SPDX-License-Identifier: Apache-2.0
//! The section `[identity]` of the configuration; unknown keys are refused.

use serde::{Deserialize, Serialize};

use crate::upstream::config::ProviderConfig;

/// Everything that an operator may decide about identity. Every field has a default.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IdentityConfig {
    /// Whether the pages and the OAuth 2.0 API are served.
    pub enabled: bool,
    /// What the service is called on its pages and in its mail.
    pub service_name: String,
    /// Other OpenID providers that are believed.
    pub upstream: Vec<ProviderConfig>,
    /// The OAuth 2.0 API.
    pub oauth: OauthConfig,
}

/// The OAuth 2.0 API.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OauthConfig {
    /// How long an access token lives, in seconds.
    pub access_token_lifetime_s: u64,
}

impl Default for OauthConfig {
    fn default() -> Self {
        Self { access_token_lifetime_s: 900 }
    }
}

impl Default for IdentityConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            service_name: "Estafette".into(),
            upstream: Vec::new(),
            oauth: OauthConfig::default(),
        }
    }
}

/// Each option below `identity.` and what it decides, in the order of the file.
pub const OPTIONS: &[(&str, &str)] = &[
    ("enabled", "Whether sign-up, sign-in pages and the OAuth 2.0 API are served."),
    ("service_name", "What the service is called on its pages and in its mail."),
    ("upstream", "Other OpenID providers: `[[identity.upstream]]`, see the operating guide."),
    (
        "oauth.access_token_lifetime_s",
        "How long an access token of the OAuth 2.0 API lives, in seconds.",
    ),
];
