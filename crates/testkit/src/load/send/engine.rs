// SPDX-License-Identifier: Apache-2.0
//! Senders and the bookkeeping of a run.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use tokio::task::JoinHandle;

use super::listener::{Deliveries, Listener};
use crate::{
    latency::Latencies,
    load::world::Room,
    matrix::{Account, Client, send_path},
};

/// Longest wait for the last deliveries after the last acknowledgement.
const SETTLE_WITHIN: Duration = Duration::from_secs(120);

/// Ciphertext of one message, with its marker, in bytes.
const CIPHERTEXT_BYTES: usize = 1_024;

/// Runs so far: a marker names its run, so that old messages are not taken for new ones.
static RUNS: AtomicU64 = AtomicU64::new(0);

/// How senders decide when to send next.
#[derive(Debug, Clone, Copy)]
pub(super) enum Pace {
    /// As soon as the last one is acknowledged.
    Closed,
    /// So many per second and sender, whatever the server does.
    Rate(f64),
}

/// Who sends where and who listens.
#[derive(Debug)]
pub(super) struct Plan {
    rooms: Vec<String>,
    senders: Vec<(usize, Account)>,
    listeners: Vec<(usize, Account)>,
    pace: Pace,
    stretch: Duration,
}

/// A plan whose listeners already wait.
#[derive(Debug)]
pub(super) struct Run {
    address: SocketAddr,
    plan: Plan,
    run: u64,
    epoch: Instant,
    /// Acknowledged messages of each room.
    acknowledged: Vec<usize>,
    listeners: Vec<Attending>,
    delivered: Arc<AtomicUsize>,
    totals: Sent,
    sending: Duration,
}

/// A listener at work: its room, what it has seen, its task.
type Attending = (usize, Arc<Mutex<Deliveries>>, JoinHandle<Result<()>>);

/// What a run gave.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) acknowledged: usize,
    pub(super) refused: usize,
    pub(super) deliveries: usize,
    pub(super) missing: usize,
    pub(super) doubled: usize,
    pub(super) acknowledge: Latencies,
    pub(super) delivery: Latencies,
    pub(super) sending: Duration,
}

#[derive(Debug, Default)]
struct Sent {
    acknowledged: usize,
    refused: usize,
    latencies: Latencies,
}

impl Plan {
    pub(super) fn new(rooms: &[Room], pace: Pace, stretch: Duration) -> Self {
        let rooms = rooms.iter().map(|room| room.id.clone()).collect();
        Self { rooms, senders: Vec::new(), listeners: Vec::new(), pace, stretch }
    }

    pub(super) fn add_sender(&mut self, room: usize, account: Option<&Account>) {
        self.senders.extend(account.map(|account| (room, account.clone())));
    }

    pub(super) fn add_listener(&mut self, room: usize, account: Option<&Account>) {
        self.listeners.extend(account.map(|account| (room, account.clone())));
    }

    pub(super) fn listeners(&self) -> usize {
        self.listeners.len()
    }

    /// Brings every listener to its first long poll.
    pub(super) async fn prepare(self, address: SocketAddr) -> Result<Run> {
        let epoch = Instant::now();
        let run = RUNS.fetch_add(1, Relaxed);
        let delivered = Arc::new(AtomicUsize::new(0));
        let prepared = crate::matrix::in_parallel(self.listeners.len(), 16, |index| {
            let account = self.listeners.get(index).map(|(_, account)| account.clone());
            async move {
                let Some(account) = account else { bail!("no listener {index}") };
                Listener::prepare(address, &account).await
            }
        })
        .await?;
        let mut listeners = Vec::new();
        for (listener, (room, _)) in prepared.into_iter().zip(&self.listeners) {
            let deliveries = Arc::new(Mutex::new(Deliveries::of_run(run)));
            let task = listener.listen(epoch, deliveries.clone(), delivered.clone());
            listeners.push((*room, deliveries, tokio::spawn(task)));
        }
        Ok(Run {
            address,
            acknowledged: vec![0; self.rooms.len()],
            plan: self,
            run,
            epoch,
            listeners,
            delivered,
            totals: Sent::default(),
            sending: Duration::ZERO,
        })
    }
}

impl Run {
    /// Sends for the length of the stretch.
    pub(super) async fn send(&mut self) -> Result<()> {
        let stop = Arc::new(AtomicBool::new(false));
        let start = Instant::now();
        let mut tasks = Vec::new();
        for (index, (room, account)) in self.plan.senders.iter().enumerate() {
            let Some(room_id) = self.plan.rooms.get(*room) else { bail!("no room {room}") };
            let sender = Sender {
                client: Client::new(self.address, account),
                room_id: room_id.clone(),
                run: self.run,
                index,
                epoch: self.epoch,
                stop: stop.clone(),
            };
            tasks.push((*room, tokio::spawn(sender.run(self.plan.pace, self.plan.stretch))));
        }
        for (room, task) in tasks {
            let sent = task.await??;
            if let Some(count) = self.acknowledged.get_mut(room) {
                *count += sent.acknowledged;
            }
            self.totals.acknowledged += sent.acknowledged;
            self.totals.refused += sent.refused;
            self.totals.latencies.merge(&sent.latencies);
        }
        self.sending = start.elapsed();
        Ok(())
    }

    /// Waits until every delivery that is due has arrived, or the bound is reached. Answers how
    /// many were due.
    pub(super) async fn settle(&self) -> usize {
        let due = |room: &usize| self.acknowledged.get(*room).copied().unwrap_or(0);
        let expected = self.listeners.iter().map(|(room, _, _)| due(room)).sum();
        let end = Instant::now() + SETTLE_WITHIN;
        while self.delivered.load(Relaxed) < expected && Instant::now() < end {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        expected
    }

    /// Ends the listeners and counts.
    pub(super) fn finish(self, expected: usize) -> Result<Report> {
        let mut report = Report {
            acknowledged: self.totals.acknowledged,
            refused: self.totals.refused,
            deliveries: 0,
            missing: 0,
            doubled: 0,
            acknowledge: self.totals.latencies,
            delivery: Latencies::default(),
            sending: self.sending,
        };
        for (_, deliveries, task) in self.listeners {
            task.abort();
            let deliveries = deliveries.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(error) = &deliveries.failed {
                bail!("a listener failed: {error}");
            }
            report.deliveries += deliveries.unique;
            report.doubled += deliveries.doubled;
            report.delivery.merge(&deliveries.latencies);
        }
        report.missing = expected.saturating_sub(report.deliveries);
        Ok(report)
    }
}

/// One account that sends into one room.
#[derive(Debug)]
pub(super) struct Sender {
    client: Client,
    room_id: String,
    run: u64,
    index: usize,
    epoch: Instant,
    stop: Arc<AtomicBool>,
}

impl Sender {
    async fn run(mut self, pace: Pace, stretch: Duration) -> Result<Sent> {
        let start = Instant::now();
        let mut sent = Sent::default();
        let mut sequence = 0_usize;
        while start.elapsed() < stretch && !self.stop.load(Relaxed) {
            if let Pace::Rate(rate) = pace {
                let due = start + Duration::from_secs_f64(sequence as f64 / rate);
                tokio::time::sleep_until(due.into()).await;
            }
            let asked = Instant::now();
            match self.send_one(sequence).await? {
                200 => {
                    sent.latencies.record(asked.elapsed());
                    sent.acknowledged += 1;
                }
                // Backpressure: the server asks for patience, the message counts as refused.
                429 | 503 => {
                    sent.refused += 1;
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                status => {
                    self.stop.store(true, Relaxed);
                    bail!("sending answered {status}");
                }
            }
            sequence += 1;
        }
        Ok(sent)
    }

    async fn send_one(&mut self, sequence: usize) -> Result<u16> {
        use std::fmt::Write as _;
        let micros = self.epoch.elapsed().as_micros();
        let txn_id = format!("{}-{}-{sequence}-{micros}", self.run, self.index);
        let path = send_path(&self.room_id, "m.room.encrypted", &txn_id);
        let mut body = String::with_capacity(CIPHERTEXT_BYTES + 160);
        body.push_str(r#"{"algorithm":"m.megolm.v1.aes-sha2","ciphertext":""#);
        let start = body.len();
        let _ = write!(body, "~B:{}:{}:{sequence}:{micros}~", self.run, self.index);
        while body.len() - start < CIPHERTEXT_BYTES {
            body.push_str("AwgAEpABZm9yIHRoZSBiZW5jaCBvbmx5");
        }
        body.push_str(r#"","session_id":"c2Vzc2lvbiBvZiB0aGUgYmVuY2g"}"#);
        let token = self.client.account.as_ref().map(|account| account.token.as_str());
        let answer = self.client.connection.request("PUT", &path, token, body.as_bytes()).await?;
        Ok(answer.status)
    }

    /// Sends `count` messages, waiting wherever the server asks for it, until `end` at most.
    pub(super) async fn fill(
        address: SocketAddr,
        account: Account,
        room_id: String,
        count: usize,
        end: Instant,
    ) -> Result<usize> {
        let client = Client::new(address, &account);
        let stop = Arc::new(AtomicBool::new(false));
        let (run, epoch) = (RUNS.fetch_add(1, Relaxed), Instant::now());
        let mut sender = Self { client, room_id, run, index: 0, epoch, stop };
        let mut sent = 0;
        while sent < count && Instant::now() < end {
            match sender.send_one(sent).await? {
                200 => sent += 1,
                429 | 503 => tokio::time::sleep(Duration::from_millis(20)).await,
                status => bail!("sending answered {status}"),
            }
        }
        Ok(sent)
    }
}
