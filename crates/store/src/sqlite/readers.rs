// SPDX-License-Identifier: Apache-2.0
//! Reading connections, handed out one caller at a time.

use std::sync::Arc;

use parking_lot::Mutex;
use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::{SqliteOptions, connect};
use crate::{StoreError, StoreResult};

/// A fixed set of reading connections.
pub(super) struct Readers {
    idle: Arc<Mutex<Vec<Connection>>>,
    permits: Arc<Semaphore>,
}

impl Readers {
    pub(super) fn open(options: &SqliteOptions) -> StoreResult<Self> {
        let count = options.readers.max(1);
        let mut idle = Vec::with_capacity(count);
        for _ in 0..count {
            let connection = connect(&options.path, options.synchronous, options.cache_kib / 4)?;
            connection.execute_batch("PRAGMA query_only=ON; PRAGMA mmap_size=268435456;")?;
            idle.push(connection);
        }
        Ok(Self { idle: Arc::new(Mutex::new(idle)), permits: Arc::new(Semaphore::new(count)) })
    }

    pub(super) async fn read<T, F>(&self, job: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> StoreResult<T> + Send + 'static,
    {
        let stopped = |_| StoreError::Unavailable("the readers have stopped".into());
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(stopped)?;
        let idle = Arc::clone(&self.idle);
        let outcome = tokio::task::spawn_blocking(move || {
            let connection = idle.lock().pop();
            let connection =
                connection.ok_or_else(|| StoreError::Unavailable("no reader is idle".into()))?;
            let result = in_snapshot(&connection, job);
            idle.lock().push(connection);
            drop(permit);
            result
        });
        outcome.await.map_err(|error| StoreError::Unavailable(error.to_string()))?
    }
}

/// Runs `job` inside one read transaction, so that all its queries see the same commit.
fn in_snapshot<T>(
    connection: &Connection,
    job: impl FnOnce(&Connection) -> StoreResult<T>,
) -> StoreResult<T> {
    connection.prepare_cached("BEGIN")?.execute(())?;
    let result = job(connection);
    connection.prepare_cached("COMMIT")?.execute(())?;
    result
}
