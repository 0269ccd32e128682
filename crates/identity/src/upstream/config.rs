// SPDX-License-Identifier: Apache-2.0
//! `[[identity.upstream]]`: the providers that are believed.

mod check;

use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Serialize};

pub(crate) use self::check::make_ready;

/// One OpenID provider.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderConfig {
    /// Its name in our URLs and in the store: `a-z 0-9 -`. Never changes once people signed in.
    pub id: String,
    /// What people read on the button.
    pub name: String,
    /// Its issuer identifier, letter by letter.
    pub issuer: String,
    /// What we are called there.
    pub client_id: String,
    /// What we prove ourselves with.
    #[serde(default)]
    pub client_secret: ClientSecret,
    /// A file with that, instead.
    #[serde(default)]
    pub client_secret_file: PathBuf,
    /// How the secret is sent.
    #[serde(default)]
    pub client_auth: ClientAuth,
    /// What is asked for.
    #[serde(default = "default_scope")]
    pub scope: String,
    /// How surely people must be identified there: one of these must be the `acr` of the ID token
    /// (OpenID Connect Core, section 2). Empty: it does not matter.
    #[serde(default)]
    pub acr_values: Vec<String>,
    /// Whether they are asked for as essential (section 5.5.1.1, in `claims`), by which a provider
    /// has people prove more, and not as wishes (`acr_values`).
    #[serde(default)]
    pub acr_essential: bool,
    /// By what people must have proven themselves there: one of these must be in the `amr` of the
    /// ID token, which is asked for as essential. Empty: it does not matter.
    #[serde(default)]
    pub amr_values: Vec<String>,
    /// Whether it has people prove themselves anew when told to (`prompt=login` and `max_age`) and
    /// says so truthfully (`auth_time`). ProConnect signs in anew by a session that it has and says
    /// that it was now, so its word proves nothing.
    #[serde(default)]
    pub asks_again: bool,
    /// What else is sent along, always the same, as `idp_hint` to ProConnect. Nothing that the
    /// server decides itself.
    #[serde(default)]
    pub authorization_parameters: BTreeMap<String, String>,
    /// The domains of which it may vouch for addresses, exactly; `*` alone: all.
    pub domains: Vec<String>,
    /// Whether its word for an address counts where it says nothing of having verified it
    /// (`email_verified`), as with ProConnect. A `false` of it is always believed.
    #[serde(default)]
    pub vouches_for_email: bool,
    /// The domains, of those, in which it never gives an address to another person; `*` alone: all.
    /// There its word joins a subject to the account of an address without that account's password.
    #[serde(default)]
    pub authoritative_domains: Vec<String>,
    /// Whether the mailbox of somebody who is known here by one of its subjects still opens their
    /// account (a code or a new password by mail). Mailboxes go to other people, subjects do not.
    #[serde(default)]
    pub mailbox_opens_accounts: bool,
    /// Whether people who have no account get one.
    #[serde(default)]
    pub creates_accounts: bool,
    /// What ends when somebody signs out there.
    #[serde(default)]
    pub logout: LogoutReach,
}

/// A secret of ours. Its `Debug` shows nothing.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ClientSecret(pub(super) String);

impl std::fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ClientSecret(…)")
    }
}

/// How we prove ourselves at the token endpoint (OpenID Connect Core, section 9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuth {
    /// In the form.
    #[default]
    ClientSecretPost,
    /// In the header.
    ClientSecretBasic,
}

/// What ends when a provider says that somebody signed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogoutReach {
    /// The browser sessions that its word began. Devices, with their keys, stay.
    #[default]
    Browsers,
    /// All devices of the person as well.
    Devices,
}

fn default_scope() -> String {
    "openid email profile".into()
}

impl ProviderConfig {
    /// Whether the provider may vouch for addresses of a domain.
    pub(super) fn may_vouch_for(&self, domain: &str) -> bool {
        lists(&self.domains, domain)
    }

    /// Whether an address of a domain stays with one person there.
    pub(super) fn is_authoritative_for(&self, domain: &str) -> bool {
        self.may_vouch_for(domain) && lists(&self.authoritative_domains, domain)
    }
}

fn lists(domains: &[String], domain: &str) -> bool {
    domains.iter().any(|known| known == "*" || known.eq_ignore_ascii_case(domain))
}
