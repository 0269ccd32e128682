// SPDX-License-Identifier: Apache-2.0
//! Sieges: what a server has to survive, with its memory measured from outside.
//!
//! Each siege answers one line of JSON with what it measured, or an error that says which promise
//! of `docs/INVARIANTS.md` did not hold.

mod full_disk;
mod hostile_bodies;
mod idle_polls;
mod slow_clients;

use std::{path::Path, time::Duration};

use anyhow::{Result, bail};
use serde_json::Value;

use crate::{
    launch::{Launch, Server},
    process,
};

/// All sieges, in the order in which they run.
pub const SIEGES: &[&str] = &["hostile_bodies", "full_disk", "idle_polls", "slow_clients"];

/// How many of each.
#[derive(Debug, Clone)]
pub struct Sizes {
    /// Clients that long-poll and are told little.
    pub idle_polls: usize,
    /// How long they are watched.
    pub watch: Duration,
    /// Connections that send a byte now and then.
    pub slow_senders: usize,
    /// Connections that ask for much and do not read it.
    pub slow_readers: usize,
    /// Longest p50 and p99 of a delivery to idle clients.
    pub delivery_max: [Duration; 2],
    /// How much longer than without them others may wait beside slow clients (p99), where a fifth
    /// more is less than that.
    pub delay_max: Duration,
}

impl Sizes {
    /// A form of about two minutes, for machines that do other things: its times tell a client that
    /// was not woken before its poll of half a minute was over, and one that waited until the slow
    /// ones were cut off, from a machine that was busy.
    pub fn short() -> Self {
        Self {
            idle_polls: 500,
            watch: Duration::from_secs(10),
            slow_senders: 500,
            slow_readers: 20,
            delivery_max: [Duration::from_secs(10), Duration::from_secs(20)],
            delay_max: Duration::from_secs(8),
        }
    }

    /// The published sizes and times, on a machine that does nothing else.
    pub fn full() -> Self {
        Self {
            idle_polls: 10_000,
            watch: Duration::from_secs(60),
            slow_senders: 5_000,
            slow_readers: 100,
            delivery_max: [Duration::from_millis(100), Duration::from_secs(1)],
            delay_max: Duration::from_millis(10),
        }
    }
}

/// Runs one siege on a fresh server.
///
/// # Errors
/// When a promise did not hold, or the siege could not be laid.
pub async fn run(siege: &str, launch: Launch, folder: &Path, sizes: &Sizes) -> Result<Value> {
    match siege {
        "full_disk" => full_disk::run(launch, folder).await,
        "idle_polls" => idle_polls::run(launch, sizes).await,
        "slow_clients" => slow_clients::run(launch, sizes).await,
        "hostile_bodies" => hostile_bodies::run(launch).await,
        other => bail!("no siege {other}; there are {}", SIEGES.join(", ")),
    }
}

/// Resident memory in MiB.
fn rss_mib(server: &Server) -> f64 {
    process::rss_bytes(server.pid()) as f64 / 1_048_576.0
}

/// Fails unless the process is the one that was started.
fn expect_alive(server: &mut Server) -> Result<()> {
    if !server.is_alive() {
        bail!("the server ended during the siege");
    }
    Ok(())
}
