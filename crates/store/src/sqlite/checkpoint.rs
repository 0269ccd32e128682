// SPDX-License-Identifier: Apache-2.0
//! Moves the write-ahead log into the database file, away from the commit path.

use std::{
    sync::mpsc::{self, RecvTimeoutError},
    thread::JoinHandle,
    time::Duration,
};

use rusqlite::Connection;

use super::{SqliteOptions, connect};
use crate::{StoreError, StoreResult};

/// How often the log's size is looked at.
const PERIOD: Duration = Duration::from_millis(500);
/// Pages in the log from which on it is worth moving them (4 KiB each).
const PAGES_MIN: i64 = 2_000;
/// Pages in the log from which on the writer is asked to begin it anew.
const PAGES_RESTART: i64 = 8_000;

/// The thread that checkpoints. Its drop moves what is left and ends it.
pub(super) struct Checkpointer {
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    /// `restart` asks the writer to move the rest and to begin the log anew between two of its
    /// groups ([`begin_anew`]). While it writes without a pause nobody else could: there is always
    /// a page that is not moved yet, and the log would grow as long as the load lasts.
    pub(super) fn start(
        options: &SqliteOptions,
        restart: impl Fn() + Send + 'static,
    ) -> StoreResult<Self> {
        let connection = connect(&options.path, options.synchronous, 256)?;
        let (stop, stopped) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("store-checkpoint".into())
            .spawn(move || {
                while stopped.recv_timeout(PERIOD) == Err(RecvTimeoutError::Timeout) {
                    let waiting = checkpoint(&connection, "NOOP");
                    if waiting.is_some_and(|log| log.pages - log.moved >= PAGES_MIN) {
                        let log = checkpoint(&connection, "PASSIVE");
                        if log.is_some_and(|log| log.pages >= PAGES_RESTART) {
                            restart();
                        }
                    }
                }
                checkpoint(&connection, "TRUNCATE");
            })
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

/// Moves what is left of the log and lets the next write begin it anew. Called by the writer
/// between two groups. Waits for those who still read from the log, but not for long: the next
/// call comes soon.
pub(super) fn begin_anew(writer: &Connection) {
    let _ = writer.busy_timeout(READERS_WITHIN);
    checkpoint(writer, "RESTART");
    let _ = writer.busy_timeout(super::BUSY_TIMEOUT);
}

/// Longest wait of the writer for those who read from the log.
const READERS_WITHIN: Duration = Duration::from_millis(50);

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The log's length, and how much of it is moved already.
struct Log {
    pages: i64,
    moved: i64,
}

fn checkpoint(connection: &Connection, mode: &str) -> Option<Log> {
    let outcome = connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), (), |row| {
        Ok((row.get::<_, i64>(0)?, Log { pages: row.get(1)?, moved: row.get(2)? }))
    });
    match outcome {
        Ok((0, log)) => Some(log),
        Ok((_, log)) => {
            tracing::debug!(mode, "the checkpoint could not do everything yet");
            Some(log)
        }
        Err(error) => {
            tracing::warn!(%error, "the checkpoint failed and will be tried again");
            None
        }
    }
}
