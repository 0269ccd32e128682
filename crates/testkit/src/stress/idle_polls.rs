// SPDX-License-Identifier: Apache-2.0
//! F-15: thousands of clients wait in long polls, one in a hundred gets something.
//!
//! Connections stand in rooms of a hundred. Accounts cost a password hash each, so twenty
//! connections share one; for the server they are twenty waiting requests all the same.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::{Sizes, expect_alive, rss_mib};
use crate::{launch::Launch, load::Waiting, matrix::Access, process};

/// Connections of one account.
const PER_ACCOUNT: usize = 20;

/// Accounts of one room: a hundred connections.
const PER_ROOM: usize = 5;

/// Messages per second over all rooms.
const MESSAGES_PER_S: f64 = 50.0;

/// Most memory of one waiting client, in KiB.
const CLIENT_KIB_MAX: f64 = 64.0;

/// Most memory of the server, in MiB.
const RSS_MIB_MAX: f64 = 2_048.0;

pub(super) async fn run(launch: Launch, sizes: &Sizes) -> Result<Value> {
    let mut server = launch.start()?;
    let rooms = (sizes.idle_polls / (PER_ACCOUNT * PER_ROOM)).max(1);
    let waiting = Waiting::gather(launch.address, Access::Open, rooms, PER_ROOM).await?;
    let before_mib = rss_mib(&server);
    let cpu_before = process::cpu_s(server.pid());
    let started = Instant::now();
    let run = waiting.poll(PER_ACCOUNT, MESSAGES_PER_S, sizes.watch).await?;
    let waiting_mib = rss_mib(&server);
    let cpu_waiting = process::cpu_s(server.pid()) - cpu_before;
    let waiting_s = started.elapsed().as_secs_f64();
    let figures = run.send_and_count().await?;
    let peak_mib = rss_mib(&server);
    expect_alive(&mut server)?;
    let clients = rooms * PER_ROOM * PER_ACCOUNT;
    let per_client_kib = (waiting_mib - before_mib).max(0.0) * 1_024.0 / clients as f64;
    let line = json!({
        "siege": "idle_polls", "clients": clients, "rooms": rooms,
        "rss_before_mib": before_mib, "rss_waiting_mib": waiting_mib, "rss_peak_mib": peak_mib,
        "kib_per_client": per_client_kib,
        "cpu_s_to_begin": cpu_waiting, "seconds_to_begin": waiting_s, "figures": figures,
    });
    ensure!(per_client_kib <= CLIENT_KIB_MAX, "a waiting client costs too much: {line}");
    ensure!(peak_mib <= RSS_MIB_MAX, "too much memory: {line}");
    ensure!(figures.get("missing") == Some(&json!(0)), "deliveries are missing: {line}");
    for (percentile, bound) in ["p50_ms", "p99_ms"].into_iter().zip(sizes.delivery_max) {
        expect_below(&line, percentile, bound)?;
    }
    Ok(line)
}

fn expect_below(line: &Value, percentile: &str, bound: Duration) -> Result<()> {
    let path = format!("/figures/delivery/{percentile}");
    let ms = line.pointer(&path).and_then(Value::as_f64).unwrap_or(f64::MAX);
    ensure!(ms <= bound.as_secs_f64() * 1_000.0, "deliveries take too long: {line}");
    Ok(())
}
