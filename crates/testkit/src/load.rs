// SPDX-License-Identifier: Apache-2.0
//! The bench: what a server does per second, and what it costs.
//!
//! A [`Bench`] owns one target and the accounts and rooms on it. Each scenario builds what it
//! needs, measures, and answers one line of JSON. Figures are the server's: processor time of its
//! process tree, memory as PSS, latency as seen over loopback.
//!
//! Scenarios are as in `docs/performance.md`: ten rooms of ten members, sixteen senders, fifty
//! long-polling listeners; a room of a thousand members; and so on. [`Sizes::full`] is that,
//! [`Sizes::quick`] is a form of a minute that proves the bench itself.

mod devices;
mod history;
mod lifecycle;
mod media;
mod send;
mod sync;
mod world;

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use serde_json::{Map, Value, json};

use crate::{
    launch::{Launch, STOP_WITHIN, Server},
    matrix::Access,
    process,
};

pub use send::waiting::{Polling, Waiting};
pub use world::World;

/// What is measured.
#[derive(Debug)]
pub struct Target {
    /// Its name in the report.
    pub name: String,
    /// Where it listens.
    pub address: std::net::SocketAddr,
    /// How accounts are made.
    pub access: Access,
    /// Its process, when it runs on this machine; without it there is no cost or memory.
    pub pid: Option<u32>,
    /// How to restart it, when we started it.
    pub owned: Option<(Launch, Server)>,
}

impl Target {
    /// Starts a server and makes it the target.
    ///
    /// # Errors
    /// When it does not become ready.
    pub fn start(launch: Launch) -> Result<Self> {
        let server = launch.start()?;
        Ok(Self {
            name: launch.name.clone(),
            address: launch.address,
            access: Access::Open,
            pid: Some(server.pid()),
            owned: Some((launch, server)),
        })
    }

    /// Stops and starts it again on the same data. Answers the time to readiness, or nothing when
    /// the server is not ours.
    ///
    /// # Errors
    /// When it does not stop or not come back.
    pub fn restart(&mut self) -> Result<Option<Duration>> {
        let Some((launch, server)) = self.owned.take() else { return Ok(None) };
        server.stop(STOP_WITHIN)?;
        let server = launch.start()?;
        let ready_after = server.ready_after;
        self.pid = Some(server.pid());
        self.owned = Some((launch, server));
        Ok(Some(ready_after))
    }

    /// Processor seconds used so far.
    pub fn cpu_s(&self) -> f64 {
        self.pid.map_or(0.0, process::cpu_s)
    }

    /// Memory in MiB (PSS of all its processes).
    pub fn pss_mib(&self) -> Option<f64> {
        self.pid.map(|pid| round(process::pss_bytes(pid) as f64 / 1_048_576.0))
    }

    fn data_dir(&self) -> Option<PathBuf> {
        self.owned.as_ref().map(|(launch, _)| launch.data_dir.clone())
    }
}

/// How large and how long. All counts are upper bounds: a scenario that runs out of its time
/// budget while preparing goes on with what it has and reports the true count.
#[derive(Debug, Clone)]
pub struct Sizes {
    /// Length of a measured stretch.
    pub stretch: Duration,
    /// Longest preparation of one fixture.
    pub prepare: Duration,
    /// Rooms of the send scenarios.
    pub rooms: usize,
    /// Members of each.
    pub members: usize,
    /// Senders over all rooms.
    pub senders: usize,
    /// Listeners over all rooms.
    pub listeners: usize,
    /// Members of the big room, and accounts in all.
    pub big_room: usize,
    /// Listeners in the big room.
    pub big_listeners: usize,
    /// Message rates tried in the big room, ascending, per second.
    pub fanout_rates: Vec<f64>,
    /// State events sent into the big room.
    pub state_events: usize,
    /// The two room counts of the sync scenarios.
    pub sync_rooms: [usize; 2],
    /// Events of the history scenario.
    pub history: usize,
    /// Devices that upload keys, are queried, claimed from, and written to.
    pub devices: usize,
    /// Sizes of media, in MiB, and how often each is sent.
    pub media: Vec<(usize, usize)>,
}

impl Sizes {
    /// The published scenarios.
    pub fn full() -> Self {
        Self {
            stretch: Duration::from_secs(8),
            prepare: Duration::from_secs(180),
            rooms: 10,
            members: 10,
            senders: 16,
            listeners: 50,
            big_room: 1_000,
            big_listeners: 200,
            fanout_rates: vec![1.0, 5.0, 10.0, 20.0, 40.0, 70.0, 100.0, 150.0, 200.0],
            state_events: 5_000,
            sync_rooms: [100, 500],
            history: 10_000,
            devices: 200,
            media: vec![(1, 40), (50, 3)],
        }
    }

    /// The same scenarios, small: a test of the bench and of the server's answers, no figures.
    pub fn quick() -> Self {
        Self {
            stretch: Duration::from_secs(1),
            prepare: Duration::from_secs(30),
            rooms: 4,
            members: 6,
            senders: 4,
            listeners: 12,
            big_room: 40,
            big_listeners: 20,
            fanout_rates: vec![10.0],
            state_events: 50,
            sync_rooms: [5, 20],
            history: 300,
            devices: 20,
            media: vec![(1, 2)],
        }
    }
}

/// All scenarios, in the order in which they run.
pub const SCENARIOS: &[&str] = &[
    "memory_fresh",
    "register",
    "send_listeners",
    "send_plain",
    "fanout",
    "idle_members",
    "state_storm",
    "join_big",
    "initial_sync",
    "sliding_sync",
    "incremental_sync",
    "history",
    "keys",
    "to_device",
    "media",
    "memory_after",
    "cold_start",
];

/// One target with its fixtures.
#[derive(Debug)]
pub struct Bench {
    target: Target,
    sizes: Sizes,
    world: World,
}

impl Bench {
    /// A bench on a target that holds nothing of ours yet.
    pub fn new(target: Target, sizes: Sizes) -> Self {
        let run = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |since| since.as_millis());
        let world = World::new(target.address, target.access.clone(), format!("{run:x}"));
        Self { target, sizes, world }
    }

    /// Runs one scenario and answers its line. A scenario that fails answers a line with `error`.
    pub async fn run(&mut self, scenario: &str) -> Value {
        let outcome = self.measure(scenario).await;
        let mut line = Map::new();
        line.insert("server".to_owned(), self.target.name.clone().into());
        line.insert("scenario".to_owned(), scenario.into());
        match outcome {
            Ok(Value::Object(figures)) => line.extend(figures),
            Ok(other) => drop(line.insert("value".to_owned(), other)),
            Err(error) => drop(line.insert("error".to_owned(), format!("{error:#}").into())),
        }
        Value::Object(line)
    }

    async fn measure(&mut self, scenario: &str) -> Result<Value> {
        match scenario {
            "memory_fresh" | "memory_after" => self.memory(),
            "register" => self.register().await,
            "send_listeners" => self.send_listeners().await,
            "send_plain" => self.send_plain().await,
            "fanout" => self.fanout().await,
            "idle_members" => self.idle_members().await,
            "state_storm" => self.state_storm().await,
            "join_big" => self.join_big().await,
            "initial_sync" => self.initial_sync().await,
            "sliding_sync" => self.sliding_sync().await,
            "incremental_sync" => self.incremental_sync().await,
            "history" => self.history().await,
            "keys" => self.keys().await,
            "to_device" => self.send_to_devices().await,
            "media" => self.media().await,
            "cold_start" => self.cold_start().await,
            other => bail!("no scenario {other}; there are {}", SCENARIOS.join(", ")),
        }
    }

    /// The end of the server's log, for a report of failure.
    pub fn log_tail(&self) -> String {
        self.target.owned.as_ref().map_or_else(String::new, |(launch, _)| launch.log_tail())
    }
}

/// Time and cost of one measured stretch.
#[derive(Debug)]
struct Meter {
    start: Instant,
    server_cpu_s: f64,
    load_cpu_s: f64,
}

impl Meter {
    fn start(target: &Target) -> Self {
        Self {
            server_cpu_s: target.cpu_s(),
            load_cpu_s: process::cpu_s_alone(),
            start: Instant::now(),
        }
    }

    /// Figures of `count` operations, named by `unit`.
    fn stop(&self, target: &Target, unit: &str, count: usize) -> Map<String, Value> {
        let seconds = self.start.elapsed().as_secs_f64();
        let cpu_s = target.cpu_s() - self.server_cpu_s;
        let mut line = Map::new();
        line.insert(unit.to_owned(), count.into());
        line.insert("seconds".to_owned(), round(seconds).into());
        line.insert("per_s".to_owned(), round(count as f64 / seconds).into());
        if target.pid.is_some() {
            line.insert("server_cpu_s".to_owned(), round(cpu_s).into());
            let per_1000 = cpu_s * 1_000.0 / count.max(1) as f64;
            line.insert("cpu_s_per_1000".to_owned(), json!(round(per_1000)));
        }
        let load = process::cpu_s_alone() - self.load_cpu_s;
        line.insert("load_cpu_s".to_owned(), round(load).into());
        line
    }
}

/// Four decimals are enough for any figure here.
fn round(value: f64) -> f64 {
    (value * 10_000.0).round() / 10_000.0
}
