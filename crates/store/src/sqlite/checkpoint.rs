// SPDX-License-Identifier: Apache-2.0
//! Moves the write-ahead log into the database file, away from the commit path.

use std::{
    sync::{
        Arc,
        mpsc::{self, RecvTimeoutError},
    },
    thread::JoinHandle,
    time::Duration,
};

use rusqlite::Connection;

use super::{SqliteOptions, connect};
use crate::{StoreError, StoreResult};

/// How often the log's size is looked at.
const PERIOD: Duration = Duration::from_millis(500);
/// Pages in the log from which on it is worth moving them (4 KiB each).
const PAGES_MIN: u64 = 2_000;

/// The thread that checkpoints. Its drop moves what is left and ends it.
pub(super) struct Checkpointer {
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    pub(super) fn start(options: &SqliteOptions) -> StoreResult<Self> {
        let connection = connect(&options.path, options.synchronous, 256)?;
        let wal = Arc::new(wal_path(options));
        let (stop, stopped) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("store-checkpoint".into())
            .spawn(move || {
                while stopped.recv_timeout(PERIOD) == Err(RecvTimeoutError::Timeout) {
                    let bytes = std::fs::metadata(&*wal).map_or(0, |file| file.len());
                    if bytes / 4096 >= PAGES_MIN {
                        checkpoint(&connection, "PASSIVE");
                    }
                }
                checkpoint(&connection, "TRUNCATE");
            })
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn wal_path(options: &SqliteOptions) -> std::path::PathBuf {
    let mut name = options.path.clone().into_os_string();
    name.push("-wal");
    name.into()
}

fn checkpoint(connection: &Connection, mode: &str) {
    let outcome =
        connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), (), |row| row.get(0));
    match outcome {
        Ok(0i64) => {}
        Ok(_) => tracing::debug!(mode, "the checkpoint could not move every page yet"),
        Err(error) => tracing::warn!(%error, "the checkpoint failed and will be tried again"),
    }
}
