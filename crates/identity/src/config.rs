// SPDX-License-Identifier: Apache-2.0
//! The section `[identity]` of the configuration; unknown keys are refused.

use std::path::PathBuf;

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
    /// What stands at the foot of every page: terms, legal notice, data protection, accessibility.
    pub links: Vec<PageLink>,
    /// The OAuth 2.0 API.
    pub oauth: OauthConfig,
    /// Signing up with an e-mail address.
    pub sign_up: SignUp,
    /// Which organisation an address belongs to.
    pub policy: PolicyFiles,
    /// How mail leaves.
    pub mail: Mail,
    /// How long an account works without being renewed.
    pub validity: Validity,
}

/// A link at the foot of every page.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PageLink {
    /// What it is called in French.
    pub label_fr: String,
    /// The same in English.
    pub label_en: String,
    /// Where it leads: `https://…`, or a path of this server.
    pub url: String,
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
            links: Vec::new(),
            oauth: OauthConfig::default(),
            sign_up: SignUp::default(),
            policy: PolicyFiles::default(),
            mail: Mail::default(),
            validity: Validity::default(),
        }
    }
}

/// Signing up with an e-mail address.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SignUp {
    /// Whether it is offered. It also needs mail and a policy.
    pub enabled: bool,
    /// How many characters a password that is chosen on the pages must have.
    pub password_length_min: usize,
    /// Whether people may have no password, and anybody may sign in by a code sent to the mailbox
    /// of the account.
    pub passwordless: bool,
    /// Whether whoever holds the mailbox of a deactivated account may bring it back.
    pub reactivation: bool,
    /// For how many days after the account ended.
    pub reactivation_days: u32,
    /// Whether people may change the display name that was made from their address.
    pub display_name_editable: bool,
    /// Where the terms of use are, which whoever signs up accepts. Empty: there are none.
    pub terms_url: String,
    /// Whether a box has to be ticked for that; else a sentence stands above the button.
    pub accept_terms: bool,
}

impl Default for SignUp {
    fn default() -> Self {
        Self {
            enabled: false,
            password_length_min: 12,
            passwordless: true,
            reactivation: true,
            reactivation_days: 30,
            display_name_editable: false,
            terms_url: String::new(),
            accept_terms: false,
        }
    }
}

/// Which organisation an address belongs to.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PolicyFiles {
    /// The policy file (TOML).
    pub file: PathBuf,
    /// Without a file: whether every address in the world belongs here. For development.
    pub open: bool,
    /// Whether the file is put into force when the server starts: people are moved to where it
    /// places them.
    pub apply_at_start: bool,
    /// A file with the secret by which other servers ask about invitations. Empty: they cannot.
    pub internal_secret_file: PathBuf,
}

impl Default for PolicyFiles {
    fn default() -> Self {
        Self {
            file: PathBuf::new(),
            open: false,
            apply_at_start: true,
            internal_secret_file: PathBuf::new(),
        }
    }
}

/// By what way mail leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MailTransport {
    /// None is sent, and nothing that needs it is offered.
    #[default]
    None,
    /// Each is written to a file. For development.
    Folder,
    /// To the next server.
    Smtp,
}

/// How the connection to the next mail server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SmtpSecurity {
    /// STARTTLS; a server that does not offer it is not written to.
    #[default]
    Starttls,
    /// TLS from the first byte.
    Tls,
    /// None; on the loopback alone.
    None,
}

/// How mail leaves.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mail {
    /// `none`, `folder` or `smtp`.
    pub transport: MailTransport,
    /// The sender: an address, or a name and an address in angle brackets.
    pub from: String,
    /// Where mails are written to.
    pub folder: PathBuf,
    /// The next server.
    pub smtp: Smtp,
    /// Whether people are told by mail of each new device that signs in.
    pub tell_new_devices: bool,
}

impl Default for Mail {
    fn default() -> Self {
        Self {
            transport: MailTransport::default(),
            from: String::new(),
            folder: PathBuf::new(),
            smtp: Smtp::default(),
            tell_new_devices: true,
        }
    }
}

/// The next mail server.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Smtp {
    /// Its name, for which its certificate must be valid.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Who we say we are (EHLO): a name that resolves. Empty: the server's name.
    pub hello_name: String,
    /// `starttls`, `tls` or `none`.
    pub security: SmtpSecurity,
    /// Who we are to it. Empty: nobody in particular.
    pub user: String,
    /// A file with the password.
    pub password_file: PathBuf,
    /// A file with the certificate authority to trust (PEM). Empty: those of the system.
    pub ca_file: PathBuf,
}

impl Default for Smtp {
    fn default() -> Self {
        Self {
            host: String::new(),
            port: 587,
            hello_name: String::new(),
            security: SmtpSecurity::default(),
            user: String::new(),
            password_file: PathBuf::new(),
            ca_file: PathBuf::new(),
        }
    }
}

/// How long an account works without being renewed.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Validity {
    /// In days from signing up or the last renewal. 0: for ever.
    pub period_days: u32,
    /// How many days before the end its owner is reminded by mail.
    pub reminders_days: Vec<u32>,
    /// For how many days after its end an account is opened by its mailbox alone.
    pub mailbox_days: u32,
    /// How many days after its end an account that nobody renews is deactivated. 0: never.
    pub deactivate_after_days: u32,
    /// How many days after that it is erased. 0: never.
    pub erase_after_days: u32,
}

impl Default for Validity {
    fn default() -> Self {
        Self {
            period_days: 0,
            reminders_days: vec![30, 7, 1],
            mailbox_days: 30,
            deactivate_after_days: 0,
            erase_after_days: 0,
        }
    }
}

/// Each option below `identity.` and what it decides, in the order of the file.
pub const OPTIONS: &[(&str, &str)] = &[
    ("enabled", "Whether sign-up, sign-in pages and the OAuth 2.0 API are served."),
    ("service_name", "What the service is called on its pages and in its mail."),
    ("upstream", "Other OpenID providers: `[[identity.upstream]]`, see the operating guide."),
    ("links", "At the foot of every page: `[[identity.links]]`, see the operating guide."),
    (
        "oauth.access_token_lifetime_s",
        "How long an access token of the OAuth 2.0 API lives, in seconds.",
    ),
    ("sign_up.enabled", "Whether people may sign up by e-mail. Needs `mail` and `policy`."),
    ("sign_up.password_length_min", "How many characters a password chosen on the pages has."),
    ("sign_up.passwordless", "Whether one may have no password and sign in by codes sent by mail."),
    ("sign_up.reactivation", "Whether the owner of its mailbox may bring back an account."),
    ("sign_up.reactivation_days", "For how many days after it ended; then the address is free."),
    (
        "sign_up.display_name_editable",
        "Whether people may change the name made from their address.",
    ),
    ("sign_up.terms_url", "The terms of use that whoever signs up accepts; empty: none."),
    ("sign_up.accept_terms", "Whether a box has to be ticked for them."),
    ("policy.file", "Which organisation an address belongs to (TOML). See OPERATING."),
    ("policy.open", "Without a file: every address belongs here. For development."),
    (
        "policy.apply_at_start",
        "Whether people are moved to where the file places them when the server starts.",
    ),
    (
        "policy.internal_secret_file",
        "The secret by which servers ask about invitations; empty: off.",
    ),
    (
        "mail.transport",
        "`smtp`, `folder` (development), or `none`: nothing that needs mail is offered.",
    ),
    ("mail.from", "The sender: `Service <no-reply@example.fr>`."),
    ("mail.folder", "Where the transport `folder` writes."),
    ("mail.tell_new_devices", "Whether people are told by mail of each new device of theirs."),
    ("mail.smtp.host", "The next mail server; its certificate must be for this name."),
    ("mail.smtp.port", "Its port."),
    ("mail.smtp.hello_name", "Who we say we are (EHLO), a full name; empty: the server's."),
    (
        "mail.smtp.security",
        "`starttls` (required, never optional), `tls`, or `none` on the loopback.",
    ),
    ("mail.smtp.user", "The user name there; empty: none."),
    ("mail.smtp.password_file", "A file with the password."),
    ("mail.smtp.ca_file", "The certificate authority to trust (PEM); empty: the system's."),
    ("validity.period_days", "How long an account works without being renewed; 0: for ever."),
    ("validity.reminders_days", "How many days before the end a reminder is sent."),
    (
        "validity.mailbox_days",
        "For how many days after its end an account is opened by its mailbox alone.",
    ),
    (
        "validity.deactivate_after_days",
        "How many days after its end an account that nobody renews is deactivated; 0: never.",
    ),
    ("validity.erase_after_days", "How many days after that it is erased; 0: never."),
];
