// SPDX-License-Identifier: Apache-2.0
//! WHO SOMEBODY IS: from an e-mail address or another provider's word to an account, a session and
//! a place in the directory.
//!
//! Accounts, devices and tokens are kept by `estafette-store` and looked up there by the
//! homeserver; this crate decides who may have one. What it needs of the running server (the time,
//! chance, password hashing, requests to others) is lent to it as a [`Host`], so that it knows
//! nothing of the homeserver and can be tested without one.

mod account_log;
mod account_pages;
mod address_change;
mod address_form;
pub mod admin;
mod astray;
mod code;
pub mod config;
mod display_name;
pub mod host;
mod mail;
mod new_password;
mod news;
mod oauth;
mod owner;
mod page_links;
mod pages;
mod password_link;
mod password_reset;
pub mod policy;
mod rendezvous;
mod room_invitation;
mod sign_in;
mod sign_up;
mod single_sign_on;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
pub mod upstream;
mod validity;
mod waiting;
mod wrong_method;

use std::sync::Arc;

use axum::Router;
use estafette_core::{
    ids::{ServerName, UserId},
    limits::{OAUTH_DEVICE_GRANTS_MAX, OAUTH_DEVICE_GRANTS_PER_SOURCE, TOKEN_LIFETIME_S},
};
use estafette_store::sqlite::SqliteStore;
use zeroize::Zeroizing;

pub use self::{
    config::IdentityConfig,
    display_name::display_name,
    host::{Host, HostError},
    mail::MailError,
    news::News,
    policy::{Policy, PolicyError},
    validity::RenewalMail,
};
use self::{
    config::MailTransport, mail::Mailer, rendezvous::Rendezvous, upstream::Upstream,
    waiting::Waiting,
};

/// Why identity cannot start as configured. Each is a sentence that names the option.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The policy cannot be used.
    #[error("identity.policy.file: {0}")]
    Policy(#[from] PolicyError),
    /// Mail cannot be sent.
    #[error("identity.{0}")]
    Mail(#[from] MailError),
    /// A file with a secret cannot be read, or has too short a secret.
    #[error("identity.policy.internal_secret_file: {0}")]
    Secret(String),
    /// Another OpenID provider cannot be used as it is named.
    #[error("identity.upstream: {0}")]
    Upstream(String),
    /// A link on the pages leads nowhere that it may.
    #[error("identity.{0}")]
    Links(String),
    /// Options that contradict each other.
    #[error("identity: {0}")]
    Options(&'static str),
}

/// Secrets that are shared between servers have at least this many characters.
const INTERNAL_SECRET_CHARS_MIN: usize = 32;

/// Everything that a handler of this crate may need.
pub struct Identity {
    /// What the operator decided.
    pub config: IdentityConfig,
    /// The memory.
    pub store: SqliteStore,
    /// The running server.
    pub host: Arc<dyn Host>,
    /// Which organisation an address belongs to.
    pub policy: Policy,
    /// Where devices meet.
    rendezvous: Rendezvous,
    /// The device grants that the store has under way, by the hash of their device code.
    device_grants: Waiting<()>,
    /// Sign-ins at other providers.
    upstream: Upstream,
    mailer: Mailer,
    /// The forms that were just sent.
    form_answers: pages::once::Answers,
    internal_secret: Option<Zeroizing<String>>,
}

impl Identity {
    /// Puts together what was handed in, and reads the files that the configuration names.
    pub fn open(
        mut config: IdentityConfig,
        store: SqliteStore,
        host: Arc<dyn Host>,
    ) -> Result<Arc<Self>, OpenError> {
        let (policy, internal_secret) = read(&mut config, host.server_name())?;
        let mailer = Mailer::open(&config.mail, host.server_name())?;
        check_links(&config, host.public_base_url().is_some())?;
        Ok(Arc::new(Self {
            config,
            store,
            host,
            policy,
            rendezvous: Rendezvous::default(),
            device_grants: Waiting::new(
                usize::try_from(OAUTH_DEVICE_GRANTS_MAX).unwrap_or(usize::MAX),
                OAUTH_DEVICE_GRANTS_PER_SOURCE,
            ),
            upstream: Upstream::default(),
            mailer,
            form_answers: pages::once::Answers::default(),
            internal_secret,
        }))
    }

    /// Whom to look up where an address or a name is nobody's, so that it takes as long (F-24).
    /// What is found of them counts for nothing.
    pub(crate) fn stand_in(&self) -> Option<UserId> {
        UserId::from_localpart("nobody", self.host.server_name()).ok()
    }

    /// Every page and endpoint of this crate, to be merged with the server's own.
    pub fn routes(self: &Arc<Self>) -> Router {
        pages::routes(self).merge(
            oauth::routes()
                .merge(rendezvous::routes())
                .merge(upstream::routes())
                .method_not_allowed_fallback(wrong_method::to_programs)
                .with_state(Arc::clone(self)),
        )
    }

    /// What goes on behind the requests: mail, reminders, sweeping. Ends when it is dropped.
    pub async fn run(self: Arc<Self>) {
        tokio::join!(
            self.apply_policy_at_start(),
            Arc::clone(&self).run_outbox(),
            Arc::clone(&self).run_upstream_sweeps(),
            Arc::clone(&self).run_validity()
        );
    }

    /// Whether people may have no password, and sign in by codes sent to their mailbox.
    pub(crate) fn offers_codes(&self) -> bool {
        self.config.sign_up.passwordless && self.mailer.works()
    }

    /// What links in mails begin with.
    pub(crate) fn link_base(&self) -> String {
        let base = self.host.public_base_url();
        base.unwrap_or_else(|| format!("https://{}", self.host.server_name()))
    }

    /// Whether people may sign up by e-mail.
    pub(crate) fn offers_sign_up(&self) -> bool {
        self.config.sign_up.enabled && self.mailer.works()
    }
}

/// Says what is wrong with the configuration and the files that it names, as [`Identity::open`]
/// would, and opens nothing. `has_url`: whether `public_base_url` is set.
pub fn check(config: &IdentityConfig, here: &ServerName, has_url: bool) -> Result<(), OpenError> {
    read(&mut config.clone(), here)?;
    mail::check(&config.mail, here)?;
    check_links(config, has_url)
}

/// Links in mails have secrets: they lead to this server and to no other of its name. In a folder
/// nobody but its owner reads them.
fn check_links(config: &IdentityConfig, has_url: bool) -> Result<(), OpenError> {
    if config.mail.transport == MailTransport::Smtp && !has_url {
        let why = "mail.transport = \"smtp\" needs public_base_url, where links in mails lead";
        return Err(OpenError::Options(why));
    }
    Ok(())
}

type Read = (Policy, Option<Zeroizing<String>>);

/// Reads the files that the configuration names. The secrets of providers are then in it.
fn read(config: &mut IdentityConfig, here: &ServerName) -> Result<Read, OpenError> {
    upstream::config::make_ready(&mut config.upstream).map_err(OpenError::Upstream)?;
    let policy = read_policy(config, here)?;
    if config.sign_up.enabled && config.mail.transport == MailTransport::None {
        return Err(OpenError::Options("sign_up.enabled needs mail.transport"));
    }
    page_links::check(config).map_err(OpenError::Links)?;
    if !TOKEN_LIFETIME_S.contains(&config.oauth.access_token_lifetime_s) {
        return Err(OpenError::Options(
            "oauth.access_token_lifetime_s is from 30 seconds to a year",
        ));
    }
    Ok((policy, read_secret(config)?))
}

/// The policy that the configuration names. Errors: the file, or that there is none to sign up by.
pub fn read_policy(config: &IdentityConfig, here: &ServerName) -> Result<Policy, OpenError> {
    let file = &config.policy.file;
    match (file.as_os_str().is_empty(), config.policy.open) {
        (false, false) => Ok(Policy::read(file, here)?),
        (false, true) => Err(OpenError::Options("policy.open is for servers without policy.file")),
        (true, true) => Ok(Policy::open(here)),
        (true, false) if config.sign_up.enabled => {
            Err(OpenError::Options("sign_up.enabled needs policy.file (or policy.open)"))
        }
        (true, false) => Ok(Policy::default()),
    }
}

fn read_secret(config: &IdentityConfig) -> Result<Option<Zeroizing<String>>, OpenError> {
    let path = &config.policy.internal_secret_file;
    if path.as_os_str().is_empty() {
        return Ok(None);
    }
    let text = std::fs::read_to_string(path)
        .map_err(|error| OpenError::Secret(format!("{}: {error}", path.display())))?;
    let secret = Zeroizing::new(text.trim().to_owned());
    if secret.chars().count() < INTERNAL_SECRET_CHARS_MIN {
        let why = format!("the secret has fewer than {INTERNAL_SECRET_CHARS_MIN} characters");
        return Err(OpenError::Secret(why));
    }
    Ok(Some(secret))
}
