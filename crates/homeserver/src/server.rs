// SPDX-License-Identifier: Apache-2.0
//! The server as one value: everything a handler may need, handed in rather than reached for.

use std::{path::PathBuf, sync::Arc};

use estafette_core::ids::ServerName;
use estafette_store::{
    StoreError,
    sqlite::{SqliteOptions, SqliteStore, Synchronous},
};

use crate::{
    clock::{Clock, Random},
    config::{Config, SynchronousMode},
    key_file::KeyFileError,
    rate_limit::RateLimiter,
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
    /// How often somebody asked.
    pub rate_limiter: RateLimiter,
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
        let options = SqliteOptions {
            path: config.data_dir.join("estafette.db"),
            synchronous: match config.storage.synchronous {
                SynchronousMode::Full => Synchronous::Full,
                SynchronousMode::Off => Synchronous::Off,
            },
            readers: config.storage.readers,
            cache_kib: config.storage.cache_kib,
        };
        let store = SqliteStore::open(&options, Arc::new(estafette_store::fact::NoSink))?;
        let rate_limiter = RateLimiter::new(config.rate_limits.clone());
        Ok(Arc::new(Self { server_name, store, clock, random, rate_limiter, config }))
    }

    /// Milliseconds since the Unix epoch.
    pub fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }
}
