// SPDX-License-Identifier: Apache-2.0
//! The server as one value: everything a handler may need, handed in rather than reached for.

use std::{
    collections::{HashMap, HashSet},
    path::PathBuf,
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicI64, Ordering},
    },
};

use estafette_core::{
    filter::Filter,
    ids::{ServerName, UserId},
    limits::HINTS_MAX,
    push_rules::{Defaults, RuleSet},
    room::Signer,
    sign::SigningKey,
};
use estafette_store::{
    Fact, FactKind, StoreError,
    sqlite::{SqliteOptions, SqliteStore, Synchronous},
};

use parking_lot::Mutex;
use tokio::sync::watch;

use crate::{
    account_changes::{self, AccountChanges},
    address_book::AddressBook,
    appservice::{self, Appservices, RegistrationError},
    auth::{Auth, device_use, password::Passwords},
    clock::{Clock, Random},
    config::{Config, SynchronousMode},
    delayed_events::{self, DelayedEvents},
    guesses::Guesses,
    key_file::{self, KeyFileError},
    media::{self, MediaService},
    notify::{self, Notifier, Remembered},
    outbound::Outbound,
    people::People,
    presence::PresenceBook,
    push::{self, Push, web_push::Vapid},
    rate_limit::RateLimiter,
    rooms::Rooms,
    search_budget::{self, SearchBudgets},
    server_notices,
    third_party_invites::{self, ThirdPartyInvites},
    typing::Typing,
    web::WebClient,
};

/// What every handler holds.
pub type Shared = Arc<Server>;

/// One homeserver: its configuration, its memory, its workers.
pub struct Server {
    /// What the operator decided.
    pub config: Config,
    /// The name in the ids of this server's users.
    pub server_name: ServerName,
    /// The memory.
    pub store: SqliteStore,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub random: Arc<dyn Random>,
    /// Who asks.
    pub auth: Auth,
    /// Bridges and bots.
    pub appservices: Appservices,
    /// Events that are sent later.
    pub delayed_events: Arc<DelayedEvents>,
    /// Profiles and deactivations that have to reach rooms.
    pub account_changes: Arc<AccountChanges>,
    /// How often somebody guessed at an account.
    pub guesses: Guesses,
    /// How often somebody asked.
    pub rate_limiter: RateLimiter,
    /// How many searches for people each account has left.
    pub search_budgets: SearchBudgets,
    /// The rooms in memory.
    pub rooms: Arc<Rooms>,
    /// Who waits for what.
    pub notifier: Arc<Notifier>,
    /// Who is there.
    pub presence: PresenceBook,
    /// Who is typing where.
    pub typing: Typing,
    /// Uploaded files.
    pub media: MediaService,
    /// Notifications to gateways.
    pub push: Push,
    /// Who this server is to the push services of browsers.
    pub(crate) vapid: Vapid,
    /// The web client.
    pub web: WebClient,
    /// The way to other servers.
    pub outbound: Outbound,
    /// The rules of everybody who changed none.
    pub default_rules: RuleSet,
    /// Everybody who asked that their content be erased. See `history`.
    pub(crate) erased: Remembered<Arc<HashSet<UserId>>>,
    /// Held while a room for server notices is looked for and made.
    pub(crate) making_notices_room: tokio::sync::Mutex<()>,
    /// Filters by their owners and ids, as far as they were used lately.
    pub filters: Mutex<HashMap<(UserId, u64), Arc<Filter>>>,
    /// Whether names that were made from an e-mail address stay as they are. Set by whoever runs
    /// this server together with identity, before it serves.
    pub names_are_imposed: std::sync::atomic::AtomicBool,
    /// Set likewise where the pages sign people in for clients of the legacy API (`m.login.sso`):
    /// the ids and names of the other providers that they offer.
    pub single_sign_on: std::sync::OnceLock<Vec<(String, String)>>,
    /// Who knows addresses. Set by whoever runs this server together with identity, before it
    /// serves; without it nobody is invited by address.
    pub address_book: OnceLock<Arc<dyn AddressBook>>,
    /// Invitations of addresses that have an account now.
    pub third_party_invites: Arc<ThirdPartyInvites>,
    /// Whoever knows the people behind accounts. Set by whoever runs this server together with
    /// identity, before it serves.
    pub people: OnceLock<Arc<dyn People>>,
    started_ms: i64,
    last_unique_ms: AtomicI64,
    signing_key: SigningKey,
    stop: watch::Sender<bool>,
}

/// Why the server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data folder cannot be made or used.
    #[error("cannot use the data folder {0}: {1}")]
    DataDir(PathBuf, std::io::Error),
    /// The database cannot be opened.
    #[error("cannot open the database: {0}")]
    Store(#[from] StoreError),
    /// The signing key cannot be read or made.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// An application service's registration cannot be used.
    #[error(transparent)]
    Appservice(#[from] RegistrationError),
    /// The configuration names something impossible.
    #[error("the configuration is wrong: {0}")]
    Config(String),
}

impl Server {
    /// Opens the data folder and everything in it.
    pub fn open(
        config: Config,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<Shared, StartError> {
        let server_name = ServerName::parse(&config.server_name)
            .map_err(|error| StartError::Config(error.to_string()))?;
        std::fs::create_dir_all(&config.data_dir)
            .map_err(|error| StartError::DataDir(config.data_dir.clone(), error))?;
        let options = store_options(&config);
        let stored_key = key_file::load_or_create(&config.data_dir.join("signing.key"), &*random)?;
        let vapid = Vapid::open(&config, &server_name, &*random)?;
        let notifier = Arc::new(Notifier::default());
        let store = SqliteStore::open(&options, Arc::clone(&notifier) as _)?;
        let rooms = Arc::new(Rooms::default());
        let (hints, facts) = tokio::sync::mpsc::channel(HINTS_MAX);
        notifier.start(store.head(), Arc::clone(&rooms), hints);
        let media = MediaService::open(&config.data_dir)
            .map_err(|error| StartError::DataDir(config.data_dir.join("media"), error))?;
        let web = WebClient::open(&config.web)
            .map_err(|error| StartError::Config(format!("web.folder: {error}")))?;
        let outbound = Outbound::new(&config.outbound)?;
        let started_ms = clock.now_ms();
        let guesses = Guesses::new(&config.rate_limits, &stored_key.seed[..]);
        guesses.recall(store.wrong_guesses(), started_ms);
        let appservices = Appservices::load(&config.appservices.registrations, &server_name)?;
        let server = Arc::new(Self {
            auth: Auth::new(passwords(&*random)?),
            appservices,
            delayed_events: Arc::default(),
            account_changes: Arc::default(),
            server_name,
            store,
            clock,
            random,
            guesses,
            rate_limiter: RateLimiter::new(config.rate_limits.clone()),
            search_budgets: SearchBudgets::default(),
            rooms,
            notifier,
            presence: PresenceBook::after(first_version(started_ms)),
            typing: Typing::after(first_version(started_ms)),
            media,
            outbound,
            web,
            push: Push::default(),
            vapid,
            default_rules: RuleSet::new(Defaults::ALL),
            erased: Remembered::default(),
            making_notices_room: tokio::sync::Mutex::default(),
            filters: Mutex::default(),
            names_are_imposed: std::sync::atomic::AtomicBool::new(false),
            single_sign_on: std::sync::OnceLock::new(),
            address_book: OnceLock::new(),
            third_party_invites: Arc::default(),
            people: OnceLock::new(),
            started_ms,
            last_unique_ms: AtomicI64::new(0),
            stop: watch::Sender::new(false),
            signing_key: SigningKey::from_seed(&stored_key.version, &stored_key.seed),
            config,
        });
        start_workers(&server, facts);
        Ok(server)
    }

    /// Says what is wrong with the files that a configuration names, as [`open`](Self::open) would,
    /// without making or opening anything of the server's own.
    pub fn check(config: &Config) -> Result<(), StartError> {
        let server_name = ServerName::parse(&config.server_name)
            .map_err(|error| StartError::Config(error.to_string()))?;
        WebClient::open(&config.web)
            .map_err(|error| StartError::Config(format!("web.folder: {error}")))?;
        Outbound::new(&config.outbound)?;
        Appservices::load(&config.appservices.registrations, &server_name)?;
        Ok(())
    }

    /// Who signs what this server decides.
    pub fn signer(&self) -> Signer<'_> {
        Signer { server: &self.server_name, key: &self.signing_key }
    }

    /// Turns true when the server is to stop: whoever waits should answer (pitfall 39).
    pub fn stopping(&self) -> watch::Receiver<bool> {
        self.stop.subscribe()
    }

    /// Asks everything to end.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// When this server was started, in ms since the epoch.
    pub fn started_ms(&self) -> i64 {
        self.started_ms
    }

    /// The time, moved on a little where it was given out before. The id of a room is the hash of
    /// its create event, so two rooms that one user makes in one millisecond need two times.
    pub fn unique_ms(&self) -> i64 {
        let now = self.now_ms();
        let next = |last: i64| Some(now.max(last.saturating_add(1)));
        let last = self.last_unique_ms.fetch_update(Ordering::AcqRel, Ordering::Acquire, next);
        last.map_or(now, |last| now.max(last.saturating_add(1)))
    }

    /// Milliseconds since the Unix epoch.
    pub fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }
}

/// Where versions of what is in memory alone begin, so that those in tokens of an earlier life of
/// this server are all older.
fn first_version(started_ms: i64) -> u64 {
    const VERSIONS_PER_MS: u64 = 1 << 16;
    started_ms.max(0).cast_unsigned().saturating_mul(VERSIONS_PER_MS)
}

fn store_options(config: &Config) -> SqliteOptions {
    SqliteOptions {
        path: config.data_dir.join("estafette.db"),
        synchronous: match config.storage.synchronous {
            SynchronousMode::Full => Synchronous::Full,
            SynchronousMode::Off => Synchronous::Off,
        },
        readers: config.storage.readers,
        cache_kib: config.storage.cache_kib,
    }
}

/// Starts everything that works behind the requests. Each ends with the server.
fn start_workers(server: &Shared, facts: tokio::sync::mpsc::Receiver<Fact>) {
    tokio::spawn(account_changes::apply(
        Arc::downgrade(server),
        Arc::clone(&server.account_changes),
        server.stopping(),
    ));
    tokio::spawn(follow(Arc::downgrade(server), facts));
    tokio::spawn(media::run_sweeper(Arc::downgrade(server)));
    tokio::spawn(device_use::run(Arc::downgrade(server)));
    tokio::spawn(push::run(Arc::downgrade(server)));
    tokio::spawn(notify::forget_idle_users(Arc::downgrade(server)));
    tokio::spawn(delayed_events::run(Arc::downgrade(server)));
    appservice::sender::start(server);
    tokio::spawn(server_notices::prepare(Arc::downgrade(server)));
    tokio::spawn(search_budget::run(Arc::downgrade(server)));
    tokio::spawn(third_party_invites::run(Arc::downgrade(server)));
}

/// Tests of other things do not wait for slow hashes.
fn passwords(random: &dyn Random) -> Result<Passwords, StartError> {
    #[cfg(test)]
    let passwords = Ok(Passwords::quick(random));
    #[cfg(not(test))]
    let passwords = Passwords::new(random);
    passwords.map_err(|error: crate::ApiError| StartError::Config(error.message().to_owned()))
}

/// Does after a commit what must not hold it up.
async fn follow(server: Weak<Server>, mut facts: tokio::sync::mpsc::Receiver<Fact>) {
    while let Some(fact) = facts.recv().await {
        let Some(server) = server.upgrade() else { return };
        server.push.hear(&fact);
        appservice::sender::hear(&server, &fact);
        if server.notifier.take_missed() {
            server.push.missed();
            server.third_party_invites.missed();
            server.appservices.wake();
        }
        if let FactKind::Address { user_id } = &fact.kind {
            server.third_party_invites.hear(user_id);
        }
        if let FactKind::DeviceList { user_id } = &fact.kind {
            let woken = server.notifier.wake_sharers(&server.store, user_id).await;
            if let Err(error) = woken {
                // Their next sync finds the change in the log all the same.
                tracing::warn!(%error, "could not wake those who share rooms with a user");
            }
        }
    }
}
