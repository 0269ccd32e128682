// SPDX-License-Identifier: Apache-2.0
//! Sending and delivering messages: many rooms, one big room, idle members.

mod engine;
mod listener;
pub(super) mod waiting;

pub(super) use listener::field;

use anyhow::Result;
use serde_json::{Map, Value, json};

use super::{Bench, Meter, World, round, world::Room};
use crate::latency::Latencies;
use engine::{Pace, Plan, Sender};

/// Longest p99 of a delivery in the big room at a rate that counts as sustained, in milliseconds.
const FANOUT_P99_MS: f64 = 300.0;

impl Bench {
    /// Accounts per second, with the server's own password hash.
    pub(super) async fn register(&mut self) -> Result<Value> {
        let wanted = self.sizes.big_room.max(self.sizes.rooms * self.sizes.members);
        let meter = Meter::start(&self.target);
        self.world.accounts(wanted).await?;
        let mut line = meter.stop(&self.target, "accounts", wanted);
        if self.target.name == "synapse" {
            line.insert("note".to_owned(), "bcrypt weakened to 4 rounds, 12 by default".into());
        }
        Ok(line.into())
    }

    /// Sixteen senders into ten rooms of ten with fifty long-polling listeners.
    pub(super) async fn send_listeners(&mut self) -> Result<Value> {
        let listeners = self.sizes.listeners;
        self.send_into_small_rooms(listeners).await
    }

    /// The same without listeners.
    pub(super) async fn send_plain(&mut self) -> Result<Value> {
        self.send_into_small_rooms(0).await
    }

    async fn send_into_small_rooms(&mut self, listeners: usize) -> Result<Value> {
        let sizes = self.sizes.clone();
        let rooms = self.world.small_rooms(sizes.rooms, sizes.members).await?;
        let mut plan = Plan::new(&rooms, Pace::Closed, sizes.stretch);
        for index in 0..listeners {
            // The first members of each room listen, the last ones send.
            let (room, member) = (index % rooms.len(), index / rooms.len());
            plan.add_listener(room, rooms.get(room).and_then(|room| room.members.get(member)));
        }
        for index in 0..sizes.senders {
            let (room, member) = (index % rooms.len(), index / rooms.len());
            let from_end = sizes.members.saturating_sub(1 + member);
            plan.add_sender(room, rooms.get(room).and_then(|room| room.members.get(from_end)));
        }
        self.run_plan(plan).await.map(|(line, _)| line.into())
    }

    /// One sender into the big room; the highest rate whose deliveries keep p99 ≤ 300 ms.
    pub(super) async fn fanout(&mut self) -> Result<Value> {
        let room = self.world.big_room(self.sizes.big_room, self.sizes.prepare).await?;
        let mut best = Map::new();
        let mut tried = Vec::new();
        for rate in self.sizes.fanout_rates.clone() {
            let mut plan =
                Plan::new(std::slice::from_ref(&room), Pace::Rate(rate), self.sizes.stretch);
            for member in room.members.iter().skip(1).take(self.sizes.big_listeners) {
                plan.add_listener(0, Some(member));
            }
            plan.add_sender(0, room.members.last());
            let (mut line, delivery) = self.run_plan(plan).await?;
            let p99 = delivery.percentile_ms(99.0);
            let kept_up = line.get("per_s").and_then(Value::as_f64).unwrap_or(0.0) >= rate * 0.9;
            tried.push(json!({"rate": rate, "p99_ms": round(p99), "kept_up": kept_up}));
            let sustained = p99 <= FANOUT_P99_MS && kept_up && missing(&line) == 0;
            line.insert("rate".to_owned(), rate.into());
            line.insert("members".to_owned(), room.members.len().into());
            line.insert("sustained".to_owned(), sustained.into());
            if sustained || best.is_empty() {
                best = line;
            }
            if !sustained {
                break;
            }
        }
        best.insert("tried".to_owned(), tried.into());
        Ok(best.into())
    }

    /// What the members who are not there cost: the big room against one of ten.
    pub(super) async fn idle_members(&mut self) -> Result<Value> {
        let sizes = self.sizes.clone();
        let small = self.world.small_rooms(sizes.rooms, sizes.members).await?;
        let big = self.world.big_room(sizes.big_room, sizes.prepare).await?;
        let mut costs = Vec::new();
        for room in [small.first().unwrap_or(&big), &big] {
            let mut plan = Plan::new(std::slice::from_ref(room), Pace::Closed, sizes.stretch);
            for member in room.members.iter().take(4) {
                plan.add_sender(0, Some(member));
            }
            let (line, _) = self.run_plan(plan).await?;
            costs.push((room.members.len(), line));
        }
        let cost = |index: usize| -> f64 {
            let line = costs.get(index).and_then(|(_, line)| line.get("cpu_s_per_1000"));
            line.and_then(Value::as_f64).unwrap_or(0.0)
        };
        let ratio = round(cost(1) / cost(0).max(1e-9));
        let rooms: Vec<Value> = costs
            .iter()
            .map(|(members, line)| json!({"members": members, "figures": line}))
            .collect();
        Ok(json!({"cost_ratio": ratio, "rooms": rooms}))
    }

    async fn run_plan(&mut self, plan: Plan) -> Result<(Map<String, Value>, Latencies)> {
        let listeners = plan.listeners();
        let mut run = plan.prepare(self.world.address).await?;
        let meter = Meter::start(&self.target);
        run.send().await?;
        let settled = run.settle().await;
        let report = run.finish(settled)?;
        let mut line = meter.stop(&self.target, "messages", report.acknowledged);
        // Messages per second count until the last acknowledgement, not the last delivery.
        let per_s = report.acknowledged as f64 / report.sending.as_secs_f64().max(1e-9);
        line.insert("per_s".to_owned(), round(per_s).into());
        line.insert("refused".to_owned(), report.refused.into());
        line.insert("acknowledge".to_owned(), report.acknowledge.to_json());
        if listeners > 0 {
            line.insert("listeners".to_owned(), listeners.into());
            line.insert("deliveries".to_owned(), report.deliveries.into());
            line.insert("missing".to_owned(), report.missing.into());
            line.insert("doubled".to_owned(), report.doubled.into());
            line.insert("delivery".to_owned(), report.delivery.to_json());
        }
        Ok((line, report.delivery))
    }
}

/// Fills a room with `count` messages from a few senders, as far as `budget` allows. Answers the
/// true count.
pub(super) async fn fill_room(
    world: &World,
    room: &Room,
    count: usize,
    budget: std::time::Duration,
) -> Result<usize> {
    let address = world.address;
    let end = std::time::Instant::now() + budget;
    let tasks = 8.min(room.members.len());
    let sent = crate::matrix::in_parallel(tasks, tasks, |index| {
        let account = room.members.get(index).cloned();
        let room_id = room.id.clone();
        async move {
            let Some(account) = account else { return Ok(0) };
            let share = count / tasks + usize::from(index < count % tasks);
            Sender::fill(address, account, room_id, share, end).await
        }
    })
    .await?;
    Ok(sent.iter().sum())
}

fn missing(line: &Map<String, Value>) -> u64 {
    line.get("missing").and_then(Value::as_u64).unwrap_or(0)
}
