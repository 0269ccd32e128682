// SPDX-License-Identifier: Apache-2.0
//! The configuration: one TOML file, the same names in the environment, unknown keys refused.
//!
//! A key `listener.address` of the file is `ESTAFETTE__LISTENER__ADDRESS` in the environment,
//! which wins. Values in the environment are read as TOML, and as text where they are not TOML.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use estafette_core::limits::TOKEN_LIFETIME_S;
use serde::{Deserialize, Serialize};

mod explain;
mod rate_limits;

pub use explain::explain;
pub use rate_limits::RateLimits;

/// Everything that an operator may decide. Every field has a default.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The name in user ids and room aliases. It can never change once accounts exist.
    pub server_name: String,
    /// Where everything durable is kept.
    pub data_dir: PathBuf,
    /// The URL under which clients reach this server, without a trailing slash. Empty: derived
    /// from the request's `Host`.
    pub public_base_url: String,
    /// The room version of new rooms.
    pub default_room_version: String,
    /// Where the server listens.
    pub listener: Listener,
    /// Who may create an account.
    pub registration: Registration,
    /// Whether and how one logs in.
    pub login: Login,
    /// How often one may ask.
    pub rate_limits: RateLimits,
    /// The database.
    pub storage: Storage,
    /// Uploaded files.
    pub media: Media,
    /// Online, unavailable, offline.
    pub presence: Presence,
    /// Requests that this server makes to others.
    pub outbound: Outbound,
    /// Bridges and bots.
    pub appservices: Appservices,
    /// The web client.
    pub web: Web,
    /// The people directory.
    pub user_directory: UserDirectory,
    /// Kinds of rooms.
    pub rooms: Rooms,
    /// Announcements of the operators.
    pub server_notices: ServerNotices,
    /// Voice and video.
    pub calls: Calls,
    /// Events that are sent later.
    pub delayed_events: DelayedEvents,
    /// What the well-known files say besides where the server is.
    pub well_known: WellKnown,
    /// What is logged: a filter such as `info,estafette_homeserver=debug`.
    pub log: String,
    /// Whether the system may write the memory of this process, which holds keys and passwords, to
    /// a file when it crashes, and other programs of the same user may look into it.
    pub core_dumps: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            server_name: "localhost".into(),
            data_dir: "./data".into(),
            public_base_url: String::new(),
            default_room_version: "12".into(),
            listener: Listener::default(),
            registration: Registration::default(),
            login: Login::default(),
            rate_limits: RateLimits::default(),
            storage: Storage::default(),
            media: Media::default(),
            presence: Presence::default(),
            outbound: Outbound::default(),
            appservices: Appservices::default(),
            web: Web::default(),
            user_directory: UserDirectory::default(),
            rooms: Rooms::default(),
            server_notices: ServerNotices::default(),
            calls: Calls::default(),
            delayed_events: DelayedEvents::default(),
            well_known: WellKnown::default(),
            log: "info".into(),
            core_dumps: false,
        }
    }
}

/// Where the server listens.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Listener {
    /// Address and port.
    pub address: SocketAddr,
    /// TLS certificate chain (PEM). Empty: plain HTTP, for loopback or behind a proxy.
    pub tls_certificate: PathBuf,
    /// TLS private key (PEM).
    pub tls_key: PathBuf,
    /// Whether `X-Forwarded-For` of a proxy is believed.
    pub behind_proxy: bool,
    /// Connections at once; further ones wait in the kernel.
    pub connections_max: usize,
}

impl Default for Listener {
    fn default() -> Self {
        Self {
            address: SocketAddr::from(([127, 0, 0, 1], 8008)),
            tls_certificate: PathBuf::new(),
            tls_key: PathBuf::new(),
            behind_proxy: false,
            connections_max: 16_384,
        }
    }
}

/// Who may create an account.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Registration {
    /// Anybody who reaches the server (`m.login.dummy`).
    pub open: bool,
    /// Whoever knows this word (`m.login.registration_token`). Empty: off.
    pub token: String,
    /// Tools that know this secret (`/_synapse/admin/v1/register`). Empty: off.
    pub shared_secret: String,
}

/// Whether and how one logs in.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Login {
    /// Whether passwords are accepted (`m.login.password`).
    pub password: bool,
    /// How long an access token of a client that asked for refresh tokens lives, in seconds.
    pub access_token_lifetime_s: u64,
    /// How many characters a new password must have.
    pub password_length_min: usize,
    /// Whether access tokens are also accepted in the query, as clients before v1.20 may send them.
    pub token_in_query: bool,
}

impl Default for Login {
    fn default() -> Self {
        Self {
            password: true,
            access_token_lifetime_s: 3_600,
            password_length_min: 8,
            token_in_query: true,
        }
    }
}

/// The database.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Storage {
    /// `full`: every commit is flushed before its answer. `off` exists for the power-loss control
    /// run alone and loses data.
    pub synchronous: SynchronousMode,
    /// Memory for database pages, in KiB.
    pub cache_kib: u32,
    /// Connections for reading.
    pub readers: usize,
}

impl Default for Storage {
    fn default() -> Self {
        Self { synchronous: SynchronousMode::Full, cache_kib: 16 * 1024, readers: 4 }
    }
}

/// Whether a commit waits for the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SynchronousMode {
    /// Yes.
    Full,
    /// No: loses data.
    Off,
}

/// Uploaded files.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Media {
    /// The largest upload, in bytes.
    pub upload_bytes_max: u64,
    /// All uploads of one account together, in bytes; 0 for no bound.
    pub account_bytes_max: u64,
    /// Whether the deprecated endpoints without authentication still serve media.
    pub unauthenticated: bool,
    /// How long a reserved media id waits for its upload, in seconds.
    pub unused_expires_s: u64,
}

impl Default for Media {
    fn default() -> Self {
        Self {
            upload_bytes_max: 100 * 1024 * 1024,
            account_bytes_max: 0,
            unauthenticated: false,
            unused_expires_s: 86_400,
        }
    }
}

/// Online, unavailable, offline.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Presence {
    /// Whether presence is kept and shown.
    pub enabled: bool,
}

/// Requests that this server makes to others.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Outbound {
    /// Networks (CIDR) that may be reached although they are private or loopback.
    pub allowed_networks: Vec<String>,
    /// Further trusted certificate authorities (PEM file). Empty: the public ones alone.
    pub extra_ca: PathBuf,
}

/// Bridges and bots.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Appservices {
    /// Registration files (YAML or JSON, as the application service API shapes them).
    pub registrations: Vec<PathBuf>,
}

/// The web client.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Web {
    /// Whether the client is served at `/`.
    pub enabled: bool,
    /// A folder to serve instead of what is embedded. Empty: the embedded client.
    pub folder: PathBuf,
}

impl Default for Web {
    fn default() -> Self {
        Self { enabled: true, folder: PathBuf::new() }
    }
}

/// The people directory.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UserDirectory {
    /// Whether everybody on this server can be found, or only those who share a room.
    pub search_all_users: bool,
    /// Whether profiles can be read without an account, as the specification has it.
    pub public_profiles: bool,
    /// How many searches an account may make per day, each showing up to ten people; what was not
    /// used comes back over a day.
    pub searches_per_day: u32,
}

impl Default for UserDirectory {
    fn default() -> Self {
        Self { search_all_users: true, public_profiles: true, searches_per_day: 1_000 }
    }
}

/// Kinds of rooms.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rooms {
    /// Whether `im.vector.room.access_rules` binds: where guests may be, what is encrypted, what
    /// is published, and whether strangers see what is.
    pub access_rules: bool,
}

/// Announcements of the operators.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServerNotices {
    /// The localpart of the user who announces. Empty: nothing is announced.
    pub localpart: String,
    /// The display name of that user.
    pub display_name: String,
    /// The name of the rooms.
    pub room_name: String,
    /// Whether users are joined to the room at once, rather than invited.
    pub auto_join: bool,
}

impl Default for ServerNotices {
    fn default() -> Self {
        Self {
            localpart: String::new(),
            display_name: "Server notices".into(),
            room_name: "Server notices".into(),
            auto_join: false,
        }
    }
}

/// Voice and video.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Calls {
    /// TURN servers (`turn:` and `turns:` URIs) for one-to-one calls. Empty: none are offered.
    pub turn_uris: Vec<String>,
    /// The secret that those servers share with this one (`use-auth-secret` of coturn): each user
    /// gets credentials of their own.
    pub turn_shared_secret: String,
    /// One name for everybody, where the servers know no shared secret.
    pub turn_username: String,
    /// The password that goes with it.
    pub turn_password: String,
    /// How long credentials live, in seconds.
    pub turn_lifetime_s: u64,
    /// Ways to carry group calls (MatrixRTC, MSC4143), each with a `type` and what it asks for:
    /// `{ type = "livekit", livekit_service_url = "https://…" }`.
    pub rtc_transports: Vec<toml::Table>,
}

impl Default for Calls {
    fn default() -> Self {
        Self {
            turn_uris: Vec::new(),
            turn_shared_secret: String::new(),
            turn_username: String::new(),
            turn_password: String::new(),
            turn_lifetime_s: 86_400,
            rtc_transports: Vec::new(),
        }
    }
}

/// Events that are sent later (MSC4140).
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DelayedEvents {
    /// The longest delay, in seconds; 0 switches delayed events off.
    pub delay_max_s: u64,
}

impl Default for DelayedEvents {
    fn default() -> Self {
        Self { delay_max_s: 86_400 }
    }
}

/// What the well-known files say besides where the server is.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WellKnown {
    /// A page that helps the users of this server.
    pub support_page: String,
    /// Whom to ask for help.
    pub support_contacts: Vec<SupportContact>,
    /// The public key (unpadded Base64) of the policy server that runs under this name. Empty:
    /// there is none.
    pub policy_server_ed25519: String,
}

/// Somebody who helps (Client-Server API, `/.well-known/matrix/support`). Has a Matrix id or an
/// e-mail address, or both.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SupportContact {
    /// A Matrix user id.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub matrix_id: String,
    /// An e-mail address.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub email_address: String,
    /// `m.role.admin`, `m.role.security` or a namespaced identifier.
    pub role: String,
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration file {path}: {source}")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Not TOML, an unknown key or a value of the wrong kind.
    #[error("the configuration is wrong: {0}")]
    Wrong(String),
}

impl Config {
    /// Reads `file` (where given) and then the environment's `ESTAFETTE__…` variables.
    pub fn load(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        Self::from_tree(read_tree(file, environment)?)
    }

    /// The configuration in `tree`, checked.
    pub fn from_tree(tree: toml::Table) -> Result<Self, ConfigError> {
        let config: Self = tree
            .try_into()
            .map_err(|error: toml::de::Error| ConfigError::Wrong(error.to_string()))?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), ConfigError> {
        let wrong = |text: String| Err(ConfigError::Wrong(text));
        if let Err(error) = estafette_core::ids::ServerName::parse(&self.server_name) {
            return wrong(format!("server_name `{}`: {error}", self.server_name));
        }
        let listener = &self.listener;
        if listener.tls_certificate.as_os_str().is_empty()
            != listener.tls_key.as_os_str().is_empty()
        {
            return wrong("listener.tls_certificate and listener.tls_key go together".into());
        }
        self.check_base_url().map_err(ConfigError::Wrong)?;
        if !TOKEN_LIFETIME_S.contains(&self.login.access_token_lifetime_s) {
            return wrong(format!(
                "login.access_token_lifetime_s is from {} to {}",
                TOKEN_LIFETIME_S.start(),
                TOKEN_LIFETIME_S.end()
            ));
        }
        self.check_calls().map_err(ConfigError::Wrong)?;
        self.check_well_known().map_err(ConfigError::Wrong)?;
        if estafette_core::version::RoomVersion::parse(&self.default_room_version).is_none() {
            return wrong(format!(
                "default_room_version: this server makes no rooms of version `{}`",
                self.default_room_version
            ));
        }
        if self.rate_limits.guesses_per_minute < 10 {
            return wrong("rate_limits.guesses_per_minute must be at least 10".into());
        }
        if self.storage.readers == 0 || listener.connections_max == 0 {
            return wrong("storage.readers and listener.connections_max must be above 0".into());
        }
        Ok(())
    }
}

/// All that `file` and then the environment's `ESTAFETTE__…` variables say, unchecked: whoever owns
/// a section takes it out before the rest becomes a [`Config`].
pub fn read_tree(
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<toml::Table, ConfigError> {
    let mut tree = match file {
        None => toml::Table::new(),
        Some(path) => std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?
            .parse()
            .map_err(|error: toml::de::Error| ConfigError::Wrong(error.to_string()))?,
    };
    let mut variables: Vec<_> = environment.into_iter().collect();
    variables.sort();
    for (name, value) in variables {
        if let Some(path) = name.strip_prefix("ESTAFETTE__") {
            set(&mut tree, &path.to_lowercase(), &value)?;
        }
    }
    Ok(tree)
}

impl Config {
    /// Clients are told it, and links in mails begin with it.
    fn check_base_url(&self) -> Result<(), String> {
        let url = &self.public_base_url;
        let uri: Result<http::Uri, _> = url.parse();
        let is_right = uri.is_ok_and(|uri| {
            let host = uri.authority().map(http::uri::Authority::as_str).unwrap_or_default();
            matches!(uri.scheme_str(), Some("https" | "http"))
                && !host.is_empty()
                && !host.contains('@')
        });
        if url.is_empty() || (is_right && !url.contains(['?', '#'])) {
            return Ok(());
        }
        Err(format!("public_base_url: `{url}` is no URL such as https://matrix.example.fr"))
    }

    fn check_calls(&self) -> Result<(), String> {
        let calls = &self.calls;
        let turn = |uri: &String| uri.starts_with("turn:") || uri.starts_with("turns:");
        if let Some(uri) = calls.turn_uris.iter().find(|uri| !turn(uri)) {
            return Err(format!("calls.turn_uris: `{uri}` is no `turn:` or `turns:` URI"));
        }
        let credentials = !calls.turn_shared_secret.is_empty()
            || (!calls.turn_username.is_empty() && !calls.turn_password.is_empty());
        if !calls.turn_uris.is_empty() && (!credentials || calls.turn_lifetime_s == 0) {
            return Err("calls.turn_uris needs calls.turn_shared_secret, or calls.turn_username \
                 and calls.turn_password, and a calls.turn_lifetime_s above 0"
                .into());
        }
        let typed = |transport: &toml::Table| transport.get("type").is_some_and(|t| t.is_str());
        if !calls.rtc_transports.iter().all(typed) {
            return Err("calls.rtc_transports: each transport has a `type`".into());
        }
        Ok(())
    }

    fn check_well_known(&self) -> Result<(), String> {
        for contact in &self.well_known.support_contacts {
            if contact.matrix_id.is_empty() && contact.email_address.is_empty() {
                return Err("well_known.support_contacts: a contact has a `matrix_id` or an \
                     `email_address`"
                    .into());
            }
            if contact.role.is_empty() {
                return Err("well_known.support_contacts: a contact has a `role`".into());
            }
        }
        Ok(())
    }
}

/// Sets `section__key` in `tree` to `text`, read as TOML where it is TOML.
fn set(tree: &mut toml::Table, path: &str, text: &str) -> Result<(), ConfigError> {
    let (section, key) = match path.rsplit_once("__") {
        Some((section, key)) => (Some(section), key),
        None => (None, path),
    };
    let mut table = tree;
    for part in section.into_iter().flat_map(|section| section.split("__")) {
        let entry = table.entry(part).or_insert_with(|| toml::Value::Table(toml::Table::new()));
        let Some(inner) = entry.as_table_mut() else {
            return Err(ConfigError::Wrong(format!("`{part}` is not a section")));
        };
        table = inner;
    }
    let document = format!("value = {text}");
    let value = document
        .parse::<toml::Table>()
        .ok()
        .and_then(|mut table| table.remove("value"))
        .unwrap_or_else(|| toml::Value::String(text.to_owned()));
    table.insert(key.to_owned(), value);
    Ok(())
}

#[cfg(test)]
mod tests;
