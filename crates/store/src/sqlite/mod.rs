// SPDX-License-Identifier: Apache-2.0
//! The embedded engine: one SQLite file in WAL mode, `synchronous=FULL`.
//!
//! One thread writes ([`writer`]), grouping the calls that wait into one transaction with one
//! fsync. Readers have connections of their own and see committed snapshots. A third thread moves
//! the WAL into the database file, away from the commit path.

mod account_data;
mod accounts;
mod checkpoint;
mod dehydrated_device;
mod delayed_events;
mod device_rows;
mod identity;
mod key_backup;
mod key_index;
mod keys;
mod look;
mod media;
mod oauth;
mod people;
mod push;
mod readers;
mod reports;
mod room_directory;
mod room_reads;
mod room_writes;
mod rooms;
mod schema;
mod session_index;
mod third_party_invites;
mod to_device;
mod upstream;
mod writer;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use estafette_core::guesses::Wrong;
use rusqlite::{Connection, OpenFlags};

pub use self::look::Look;
pub(crate) use self::writer::Tx;
use self::{
    checkpoint::Checkpointer,
    key_index::{IndexingSink, KeyIndex},
    readers::Readers,
    session_index::SessionIndex,
    writer::Writer,
};
use crate::{CommitSink, Position, StoreError, StoreResult};

/// Whether a commit waits for the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Synchronous {
    /// Every commit is flushed before it is acknowledged. The only mode for real data.
    #[default]
    Full,
    /// Nothing is flushed. Exists so that the power-loss test can show that it detects loss.
    Off,
}

/// How to open the embedded engine.
#[derive(Debug, Clone)]
pub struct SqliteOptions {
    /// The database file; its folder must exist.
    pub path: PathBuf,
    /// Whether a commit waits for the disk.
    pub synchronous: Synchronous,
    /// Connections for reading, at least 1.
    pub readers: usize,
    /// Page cache of the writing connection, in KiB; readers get a quarter each.
    pub cache_kib: u32,
}

impl SqliteOptions {
    /// The defaults for a database at `path`.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), synchronous: Synchronous::Full, readers: 4, cache_kib: 16 * 1024 }
    }
}

/// The embedded engine. Cloning is cheap; the last clone's drop ends the writer after its queue.
#[derive(Clone)]
pub struct SqliteStore {
    inner: Arc<Inner>,
}

struct Inner {
    writer: Writer,
    readers: Readers,
    key_index: Arc<KeyIndex>,
    session_index: Arc<SessionIndex>,
    wrong_guesses: Vec<Wrong>,
    _checkpointer: Checkpointer,
}

impl SqliteStore {
    /// Opens or creates the database, brings its schema up to date and starts its threads.
    ///
    /// `sink` hears of every commit. Errors: `Unavailable` when the file cannot be opened or is
    /// of a newer schema than this program knows.
    pub fn open(options: &SqliteOptions, sink: Arc<dyn CommitSink>) -> StoreResult<Self> {
        let mut connection = connect(&options.path, options.synchronous, options.cache_kib)?;
        schema::migrate(&mut connection)?;
        let key_index = Arc::new(KeyIndex::load(&connection)?);
        let wrong_guesses = identity::guesses::kept(&connection)?;
        let sink = IndexingSink { index: Arc::clone(&key_index), next: sink };
        let writer = Writer::start(connection, Arc::new(sink))?;
        let readers = Readers::open(options)?;
        let checkpointer = Checkpointer::start(options, writer.log_restarter())?;
        Ok(Self {
            inner: Arc::new(Inner {
                writer,
                readers,
                key_index,
                session_index: Arc::default(),
                wrong_guesses,
                _checkpointer: checkpointer,
            }),
        })
    }

    /// Whether the database has the schema that this program would give it. Opens it for reading
    /// and changes nothing. Errors: `Unavailable` when it cannot be opened or is newer.
    pub fn is_current(path: &Path) -> StoreResult<bool> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        schema::is_current(&Connection::open_with_flags(path, flags)?)
    }

    /// The last durable position.
    pub fn head(&self) -> Position {
        self.inner.writer.head()
    }

    /// The wrong guesses at passwords that were kept when the database was opened. Some may count
    /// no more.
    pub fn wrong_guesses(&self) -> &[Wrong] {
        &self.inner.wrong_guesses
    }

    /// Runs `job` inside the next group commit and returns its value once it is durable.
    ///
    /// An error of `job` undoes what it did and nothing else. Errors besides its own: `Busy` when
    /// the queue is full, `Full` or `Unavailable` when the commit failed.
    pub(crate) async fn write<T, F>(&self, job: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> StoreResult<T> + Send + 'static,
    {
        self.inner.writer.write(job).await
    }

    /// Runs `job` on a reading connection, off the async threads, in one snapshot.
    pub(crate) async fn read<T, F>(&self, job: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> StoreResult<T> + Send + 'static,
    {
        self.inner.readers.read(job).await
    }
}

/// How long a connection waits for a lock of the database file.
const BUSY_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(10);

/// Opens one connection with the settings that every connection shares.
fn connect(path: &Path, synchronous: Synchronous, cache_kib: u32) -> StoreResult<Connection> {
    let connection = Connection::open(path)?;
    let synchronous = match synchronous {
        Synchronous::Full => "FULL",
        Synchronous::Off => "OFF",
    };
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.execute_batch(&format!(
        "PRAGMA page_size=4096;
         PRAGMA journal_mode=WAL;
         PRAGMA synchronous={synchronous};
         PRAGMA wal_autocheckpoint=0;
         PRAGMA cache_size=-{cache_kib};
         PRAGMA temp_store=MEMORY;
         PRAGMA foreign_keys=OFF;"
    ))?;
    connection.set_prepared_statement_cache_capacity(256);
    Ok(connection)
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode;
        match &error {
            rusqlite::Error::SqliteFailure(failure, _) => match failure.code {
                ErrorCode::DiskFull => Self::Full,
                ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => {
                    Self::Corrupt(error.to_string())
                }
                ErrorCode::ConstraintViolation => Self::Conflict("a unique value is taken"),
                _ => Self::Unavailable(error.to_string()),
            },
            rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::InvalidColumnType(..) => Self::Corrupt(error.to_string()),
            _ => Self::Unavailable(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests;
