// SPDX-License-Identifier: Apache-2.0
//! The three ways to ask what is new: from nothing, by window, and when nothing is.

use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value, json};

use super::{Bench, Meter, round, send::field};
use crate::{
    http::escape,
    latency::Latencies,
    matrix::{Account, Client, in_parallel},
};

/// Connections that ask again and again for nothing new.
const IDLE_ASKERS: usize = 16;

/// Fresh sliding windows per figure.
const WINDOWS: usize = 40;

impl Bench {
    /// `/sync` without a token in many rooms: the first, and the median of five more.
    pub(super) async fn initial_sync(&mut self) -> Result<Value> {
        let mut figures = Vec::new();
        for rooms in self.sizes.sync_rooms {
            let (rooms, account) = self.world.many_rooms(rooms, self.sizes.prepare).await?;
            let (first_ms, bytes) = self.timed_sync(&account).await?;
            let mut again = Latencies::default();
            for _ in 0..5 {
                let start = Instant::now();
                self.timed_sync(&account).await?;
                again.record(start.elapsed());
            }
            figures.push(json!({
                "rooms": rooms, "first_ms": round(first_ms), "bytes": bytes,
                "repeated_ms": again.percentile_ms(50.0),
            }));
        }
        Ok(json!({"accounts": figures}))
    }

    pub(super) async fn timed_sync(&self, account: &Account) -> Result<(f64, usize)> {
        let mut client = Client::new(self.world.address, account);
        let token = account.token.clone();
        let start = Instant::now();
        let path = "/_matrix/client/v3/sync?timeout=0";
        let answer = client.connection.request("GET", path, Some(&token), b"").await?;
        if answer.status != 200 {
            bail!("sync answered {}", answer.status);
        }
        Ok((start.elapsed().as_secs_f64() * 1_000.0, answer.body.len()))
    }

    /// The first window of twenty of a fresh sliding-sync connection.
    pub(super) async fn sliding_sync(&mut self) -> Result<Value> {
        let mut figures = Vec::new();
        for rooms in self.sizes.sync_rooms {
            let (rooms, account) = self.world.many_rooms(rooms, self.sizes.prepare).await?;
            let mut client = Client::new(self.world.address, &account);
            let mut latencies = Latencies::default();
            let mut listed = 0;
            let meter = Meter::start(&self.target);
            for window in 0..WINDOWS {
                let body = sliding_body(&format!("c{window}"));
                let start = Instant::now();
                let answer = client.call("POST", SLIDING_PATH, &body).await?;
                latencies.record(start.elapsed());
                listed = answer.get("rooms").and_then(Value::as_object).map_or(0, Map::len);
            }
            let mut line = meter.stop(&self.target, "windows", WINDOWS);
            line.insert("rooms".to_owned(), rooms.into());
            line.insert("rooms_listed".to_owned(), listed.into());
            line.insert("window".to_owned(), latencies.to_json());
            figures.push(Value::Object(line));
        }
        Ok(json!({"accounts": figures}))
    }

    /// `/sync` with a current token and no wait.
    pub(super) async fn incremental_sync(&mut self) -> Result<Value> {
        let mut figures = Vec::new();
        let mut accounts = vec![(1, self.account_of_one_room().await?)];
        for rooms in self.sizes.sync_rooms {
            accounts.push(self.world.many_rooms(rooms, self.sizes.prepare).await?);
        }
        for (rooms, account) in accounts {
            let (stretch, address) = (self.sizes.stretch / 2, self.world.address);
            let meter = Meter::start(&self.target);
            let counts = in_parallel(IDLE_ASKERS, IDLE_ASKERS, |_| {
                let client = Client::new(address, &account);
                async move { ask_for_nothing(client, stretch).await }
            })
            .await?;
            let mut line = meter.stop(&self.target, "syncs", counts.iter().sum());
            line.insert("rooms".to_owned(), rooms.into());
            figures.push(Value::Object(line));
        }
        Ok(json!({"accounts": figures}))
    }

    async fn account_of_one_room(&mut self) -> Result<Account> {
        let rooms = self.world.small_rooms(self.sizes.rooms, self.sizes.members).await?;
        let member = rooms.first().and_then(|room| room.members.first());
        member.cloned().context("no small room")
    }
}

/// The dialect that today's clients speak.
const SLIDING_PATH: &str = "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync?timeout=0";

fn sliding_body(conn_id: &str) -> Value {
    json!({
        "conn_id": conn_id,
        "lists": {"all": {
            "ranges": [[0, 19]],
            "timeline_limit": 1,
            "required_state": [
                ["m.room.create", ""], ["m.room.name", ""], ["m.room.topic", ""],
                ["m.room.avatar", ""], ["m.room.encryption", ""], ["m.room.join_rules", ""],
                ["m.room.power_levels", ""], ["m.room.member", "$LAZY"],
                ["m.room.member", "$ME"],
            ],
        }},
        "extensions": {
            "to_device": {"enabled": true}, "e2ee": {"enabled": true},
            "account_data": {"enabled": true}, "receipts": {"enabled": true},
            "typing": {"enabled": true},
        },
    })
}

async fn ask_for_nothing(mut client: Client, stretch: std::time::Duration) -> Result<usize> {
    let answer = client.call("GET", "/_matrix/client/v3/sync?timeout=0", &Value::Null).await?;
    let mut since = crate::matrix::text(&answer, "next_batch")?;
    let token = client.account.as_ref().map(|account| account.token.clone());
    let start = Instant::now();
    let mut count = 0;
    while start.elapsed() < stretch {
        let path = format!("/_matrix/client/v3/sync?timeout=0&since={}", escape(&since));
        let answer = client.connection.request("GET", &path, token.as_deref(), b"").await?;
        if answer.status != 200 {
            bail!("sync answered {}", answer.status);
        }
        since = field(answer.body, b"\"next_batch\"").context("a sync without next_batch")?;
        count += 1;
    }
    Ok(count)
}
