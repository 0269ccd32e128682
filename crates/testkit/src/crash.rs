// SPDX-License-Identifier: Apache-2.0
//! Killing a server while it is written to, and proving what it kept.
//!
//! One *life*: writers send room messages, to-device messages, key claims and account data; the
//! server ends without warning at a random moment; it is started again; what was in flight is
//! asked again with the same transaction id; and the [`checker`] compares the record of requests
//! and answers with what the server now says. At the end all lives are read once more.
//!
//! Two ways to end: `kill -9`, and power loss, where everything that was not flushed to the disk
//! is gone or torn as well. The control run of the latter tells the server not to flush, and must
//! find loss: otherwise the test proves nothing.

mod cast;
pub mod checker;
mod disk;
mod life;
mod sync_chain;
mod writers;

use std::{path::Path, time::Duration};

use anyhow::{Result, bail};
use serde_json::{Value, json};

use crate::{
    latency::Latencies,
    launch::{Launch, STOP_WITHIN},
    random::Random,
};
use cast::Cast;
use checker::{Kind, Violation};
use disk::Disk;
use life::Life;

/// How the server ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// `kill -9`; what the kernel holds survives.
    Kill,
    /// The machine loses power: only what was flushed survives, the rest partly and torn.
    PowerLoss,
    /// Power loss with a server that does not flush. Must find loss.
    PowerLossControl,
}

/// What to do.
#[derive(Debug, Clone)]
pub struct Options {
    /// How many lives.
    pub runs: usize,
    /// How each ends.
    pub mode: Mode,
    /// The same seed gives the same moments and choices.
    pub seed: u64,
    /// Longest time from start to readiness after a crash.
    pub ready_within: Duration,
}

/// What came out.
#[derive(Debug, Default)]
pub struct Report {
    /// Lives that ended in a crash.
    pub crashes: usize,
    /// Acknowledged room messages, to-device messages, keys given, account data writes.
    pub acknowledged: [usize; 4],
    /// Requests that were under way when the server ended.
    pub in_flight: usize,
    /// Time to readiness after each crash.
    pub ready: Latencies,
    /// Everything that should not be.
    pub violations: Vec<Violation>,
}

impl Report {
    /// How many violations of one kind there are.
    pub fn count(&self, kind: Kind) -> usize {
        self.violations.iter().filter(|violation| violation.kind == kind).count()
    }

    /// One line of JSON.
    pub fn to_json(&self, options: &Options) -> Value {
        let [messages, to_device, keys, account_data] = self.acknowledged;
        json!({
            "mode": format!("{:?}", options.mode),
            "seed": options.seed,
            "crashes": self.crashes,
            "acknowledged": {
                "messages": messages, "to_device": to_device, "keys_given": keys,
                "account_data": account_data,
            },
            "in_flight": self.in_flight,
            "lost": self.count(Kind::Lost),
            "doubled": self.count(Kind::Doubled),
            "keys_given_twice": self.count(Kind::KeyGivenTwice),
            "reordered": self.count(Kind::Reordered),
            "invented": self.count(Kind::Invented),
            "unexpected": self.count(Kind::Unexpected),
            "ready": self.ready.to_json(),
        })
    }
}

/// Runs all lives of a server whose data lie below `folder`.
///
/// # Errors
/// When the server cannot be started at all or the file system cannot be mounted. What the server
/// did wrong is in the report, not an error.
pub async fn run(launch: Launch, folder: &Path, options: &Options) -> Result<Report> {
    let mut disk = Disk::new(launch, folder, options.mode)?;
    let mut random = Random::new(options.seed);
    let mut report = Report::default();
    let server = disk.launch().start()?;
    let mut cast = Cast::gather(disk.launch().address, options.seed).await?;
    server.stop(STOP_WITHIN)?;
    disk.flush();
    let mut server = Some(disk.launch().start()?);
    let mut lives = Vec::new();
    for number in 0..options.runs {
        let Some(running) = server.take() else { break };
        let mut life = Life::begin(&mut cast, number, disk.launch().address).await?;
        life.live(&mut cast, &mut random, || disk.end(running)).await;
        disk.restore(&mut random)?;
        report.crashes += 1;
        match restart(&disk, &mut random, &mut report, options.ready_within) {
            Ok(started) => server = Some(started),
            Err(error) => {
                let what = format!("life {number}: not back after the crash: {error:#}");
                report.violations.push(Violation::new(Kind::Lost, what));
                break;
            }
        }
        let found = life.verify(&mut cast, &mut random).await;
        report.violations.extend(found);
        lives.push(life);
        if options.mode == Mode::PowerLossControl && report.count(Kind::Lost) > 0 {
            break;
        }
    }
    if server.is_some() && options.mode != Mode::PowerLossControl {
        report.violations.extend(cast.verify_last().await);
        for life in &lives {
            report.violations.extend(life.read_again(&cast).await);
        }
    }
    for life in &lives {
        life.count(&mut report);
    }
    report.acknowledged[2] = cast.keys_given();
    if options.mode != Mode::PowerLossControl && report.acknowledged.contains(&0) {
        bail!("a kind of write was never acknowledged, nothing is proved: {report:?}");
    }
    Ok(report)
}

/// Starts the server after a crash; one time in ten it is killed once more while it starts.
fn restart(
    disk: &Disk,
    random: &mut Random,
    report: &mut Report,
    ready_within: Duration,
) -> Result<crate::launch::Server> {
    if random.chance(10) {
        let early = disk.launch().spawn()?;
        std::thread::sleep(Duration::from_millis(random.below(120)));
        early.kill();
    }
    let server = disk.launch().start()?;
    report.ready.record(server.ready_after);
    if server.ready_after > ready_within {
        let what = format!("ready only after {:?}", server.ready_after);
        report.violations.push(Violation::new(Kind::Slow, what));
    }
    Ok(server)
}
