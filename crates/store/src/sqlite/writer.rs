// SPDX-License-Identifier: Apache-2.0
//! The only writer: one thread, one connection, group commit.
//!
//! While one group is being flushed the next callers queue up; the thread then takes all that wait
//! (at most [`STORE_GROUP_MAX`]) into one transaction. So the group size follows the disk: alone, a
//! write pays one flush; under load, hundreds share it. Each job runs in a savepoint of its own,
//! so that one refused write never spoils its neighbours.

use std::{
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
};

use estafette_core::limits::{STORE_GROUP_MAX, STORE_QUEUE_MAX};
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::checkpoint::begin_anew;
use crate::{CommitSink, Fact, FactKind, Position, StoreError, StoreResult};

/// What a job sees: the open transaction, and the log it appends to.
pub(crate) struct Tx<'c> {
    /// The writing connection, inside the group's transaction and this job's savepoint.
    pub(crate) conn: &'c Connection,
    next: u64,
    facts: Vec<Fact>,
    hooks: Vec<Box<dyn FnOnce() + Send>>,
}

impl Tx<'_> {
    /// Takes the next position of the log without telling anybody.
    pub(crate) fn take_position(&mut self) -> Position {
        self.next += 1;
        Position(self.next)
    }

    /// Takes the next position for `kind` and publishes it after the commit.
    pub(crate) fn record(&mut self, kind: FactKind) -> Position {
        let pos = self.take_position();
        self.record_at(pos, kind);
        pos
    }

    /// Publishes `kind` at a position that this job has taken.
    pub(crate) fn record_at(&mut self, pos: Position, kind: FactKind) {
        self.facts.push(Fact { pos, kind });
    }

    /// Runs `hook` once the commit is durable, before any fact of the group is published.
    pub(crate) fn after_commit(&mut self, hook: impl FnOnce() + Send + 'static) {
        self.hooks.push(Box::new(hook));
    }
}

type Reply = Box<dyn FnOnce(Result<(), StoreError>) + Send>;
type Job = Box<dyn FnOnce(&mut Tx<'_>) -> (Option<StoreError>, Reply) + Send>;

/// The handle of the writing thread.
pub(super) struct Writer {
    queue: Option<mpsc::Sender<Job>>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    head: AtomicU64,
    broken: AtomicBool,
    /// The write-ahead log is to be begun anew.
    restart_log: AtomicBool,
}

impl Writer {
    pub(super) fn start(conn: Connection, sink: Arc<dyn CommitSink>) -> StoreResult<Self> {
        let head: u64 = conn.query_row("SELECT pos FROM head", (), |row| {
            row.get::<_, i64>(0).map(i64::cast_unsigned)
        })?;
        let shared = Arc::new(Shared {
            head: AtomicU64::new(head),
            broken: AtomicBool::new(false),
            restart_log: AtomicBool::new(false),
        });
        let (queue, jobs) = mpsc::channel(STORE_QUEUE_MAX);
        let thread = std::thread::Builder::new()
            .name("store-writer".into())
            .spawn({
                let shared = Arc::clone(&shared);
                move || WriterThread { conn, sink, shared }.run(jobs)
            })
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        Ok(Self { queue: Some(queue), shared, thread: Some(thread) })
    }

    /// Asks the writer to begin its log anew after the group it is at.
    pub(super) fn log_restarter(&self) -> impl Fn() + Send + use<> {
        let shared = Arc::clone(&self.shared);
        move || shared.restart_log.store(true, Ordering::Release)
    }

    pub(super) fn head(&self) -> Position {
        Position(self.shared.head.load(Ordering::Acquire))
    }

    pub(super) async fn write<T, F>(&self, job: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> StoreResult<T> + Send + 'static,
    {
        if self.shared.broken.load(Ordering::Acquire) {
            return Err(StoreError::Unavailable("writing stopped after a failed flush".into()));
        }
        let (answer, outcome) = oneshot::channel();
        let job: Job = Box::new(move |tx| {
            let result = std::panic::catch_unwind(AssertUnwindSafe(|| job(tx)))
                .unwrap_or_else(|_| Err(StoreError::Corrupt("a write panicked".into())));
            let refused = result.as_ref().err().cloned();
            let reply: Reply = Box::new(move |commit| {
                // The caller may have gone away; its write stands all the same.
                let _ = answer.send(commit.and(result));
            });
            (refused, reply)
        });
        let queue = self.queue.as_ref().ok_or(StoreError::Busy)?;
        queue.try_send(job).map_err(|_| StoreError::Busy)?;
        outcome
            .await
            .unwrap_or_else(|_| Err(StoreError::Unavailable("the writer has stopped".into())))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            // The last holder may be the writer thread itself (a hook that held the store).
            if thread.thread().id() != std::thread::current().id() {
                let _ = thread.join();
            }
        }
    }
}

struct WriterThread {
    conn: Connection,
    sink: Arc<dyn CommitSink>,
    shared: Arc<Shared>,
}

/// What a group of jobs leaves behind for after the commit.
#[derive(Default)]
struct Group {
    replies: Vec<Reply>,
    facts: Vec<Fact>,
    hooks: Vec<Box<dyn FnOnce() + Send>>,
}

impl WriterThread {
    fn run(self, mut jobs: mpsc::Receiver<Job>) {
        let mut waiting = Vec::with_capacity(STORE_GROUP_MAX);
        while jobs.blocking_recv_many(&mut waiting, STORE_GROUP_MAX) > 0 {
            self.commit_group(&mut waiting);
            let restart = self.shared.restart_log.swap(false, Ordering::AcqRel);
            if restart && !self.shared.broken.load(Ordering::Acquire) {
                begin_anew(&self.conn);
            }
        }
        let _ = self.conn.execute_batch("PRAGMA optimize");
    }

    fn commit_group(&self, waiting: &mut Vec<Job>) {
        let mut group = Group::default();
        let outcome = self.run_group(waiting, &mut group);
        match outcome {
            Ok(head) => {
                for hook in group.hooks {
                    hook();
                }
                self.shared.head.store(head, Ordering::Release);
                if !group.facts.is_empty() {
                    self.sink.committed(Position(head), &group.facts);
                }
                for reply in group.replies {
                    reply(Ok(()));
                }
            }
            Err(error) => {
                self.undo(&error);
                for reply in group.replies {
                    reply(Err(error.clone()));
                }
                // Jobs that were not run are dropped, which fails their callers.
                waiting.clear();
            }
        }
    }

    fn run_group(&self, waiting: &mut Vec<Job>, group: &mut Group) -> StoreResult<u64> {
        let begin = self.shared.head.load(Ordering::Acquire);
        let mut head = begin;
        self.execute("BEGIN IMMEDIATE")?;
        for job in waiting.drain(..) {
            self.execute("SAVEPOINT job")?;
            let mut tx = Tx { conn: &self.conn, next: head, facts: Vec::new(), hooks: Vec::new() };
            let (refused, reply) = job(&mut tx);
            group.replies.push(reply);
            if let Some(error) = refused {
                // SQLite itself rolls the whole transaction back on some errors (a full disk).
                if self.conn.is_autocommit() {
                    return Err(error);
                }
                self.execute("ROLLBACK TO job")?;
            } else {
                head = tx.next;
                group.facts.append(&mut tx.facts);
                group.hooks.append(&mut tx.hooks);
            }
            self.execute("RELEASE job")?;
        }
        if head != begin {
            self.conn.prepare_cached("UPDATE head SET pos = ?1")?.execute((head.cast_signed(),))?;
        }
        self.execute("COMMIT")?;
        Ok(head)
    }

    fn execute(&self, sql: &str) -> StoreResult<()> {
        self.conn.prepare_cached(sql)?.execute(())?;
        Ok(())
    }

    /// Ends a failed group. A full disk is survived; any other failure may have lost pages in the
    /// kernel, and a flush that failed once must not be trusted when it then succeeds.
    fn undo(&self, error: &StoreError) {
        if !self.conn.is_autocommit() {
            let _ = self.conn.execute_batch("ROLLBACK");
        }
        if !matches!(error, StoreError::Full) {
            tracing::error!(%error, "a commit failed; writing stops until the server is restarted");
            self.shared.broken.store(true, Ordering::Release);
        }
    }
}
