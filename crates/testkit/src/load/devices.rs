// SPDX-License-Identifier: Apache-2.0
//! The plumbing of end-to-end encryption: keys up, keys out, messages to devices.

use std::time::Instant;

use anyhow::Result;
use serde_json::{Map, Value, json};

use super::{Bench, Meter, round, world::opaque_message};
use crate::{
    keys::DeviceKeys,
    latency::Latencies,
    matrix::{Account, Client, in_parallel},
};

/// One-time keys per device.
const ONE_TIME_KEYS: usize = 50;

/// Repetitions of a request whose latency is wanted; fewer than the keys of a device.
const REPEATS: usize = 30;

impl Bench {
    /// Uploads per second, then the latency of a query and of a claim over all those devices.
    pub(super) async fn keys(&mut self) -> Result<Value> {
        let accounts = self.world.accounts(self.sizes.big_room).await?;
        let address = self.world.address;
        let bodies: Vec<Value> = accounts
            .iter()
            .zip(1..)
            .map(|(account, seed)| DeviceKeys::new(account, seed).upload(ONE_TIME_KEYS))
            .collect();
        let meter = Meter::start(&self.target);
        in_parallel(accounts.len(), 16, |index| {
            let pair = accounts.get(index).cloned().zip(bodies.get(index).cloned());
            async move {
                if let Some((account, body)) = pair {
                    let mut client = Client::new(address, &account);
                    client.call("POST", "/_matrix/client/v3/keys/upload", &body).await?;
                }
                Ok(())
            }
        })
        .await?;
        let mut line = meter.stop(&self.target, "uploads", accounts.len());
        let owners = accounts.get(..self.sizes.devices.min(accounts.len())).unwrap_or_default();
        let query: Map<String, Value> =
            owners.iter().map(|owner| (owner.user_id.clone(), json!([]))).collect();
        let query = json!({"device_keys": query});
        let answer = self.repeat(owners, "/_matrix/client/v3/keys/query", &query).await?;
        line.insert("query".to_owned(), answer.0);
        line.insert("query_devices".to_owned(), count_devices(&answer.1, "device_keys").into());
        let claim: Map<String, Value> = owners
            .iter()
            .map(|o| (o.user_id.clone(), json!({&o.device_id: "signed_curve25519"})))
            .collect();
        let claim = json!({"one_time_keys": claim});
        let answer = self.repeat(owners, "/_matrix/client/v3/keys/claim", &claim).await?;
        line.insert("claim".to_owned(), answer.0);
        line.insert("claim_keys".to_owned(), count_devices(&answer.1, "one_time_keys").into());
        Ok(line.into())
    }

    /// One message to each of two hundred devices.
    pub(super) async fn send_to_devices(&mut self) -> Result<Value> {
        let accounts = self.world.accounts(self.sizes.big_room).await?;
        let owners = accounts.get(..self.sizes.devices.min(accounts.len())).unwrap_or_default();
        let content = opaque_message(&"y".repeat(1_024));
        let messages: Map<String, Value> = owners
            .iter()
            .map(|owner| (owner.user_id.clone(), json!({&owner.device_id: content})))
            .collect();
        let body = json!({"messages": messages});
        let Some(sender) = accounts.last() else { return Ok(Value::Null) };
        let mut client = Client::new(self.world.address, sender);
        let mut latencies = Latencies::default();
        let meter = Meter::start(&self.target);
        for index in 0..REPEATS {
            let path = format!("/_matrix/client/v3/sendToDevice/m.room.encrypted/bench{index}");
            let start = Instant::now();
            client.call("PUT", &path, &body).await?;
            latencies.record(start.elapsed());
        }
        let mut line = meter.stop(&self.target, "requests", REPEATS);
        line.insert("devices".to_owned(), owners.len().into());
        line.insert("request".to_owned(), latencies.to_json());
        Ok(line.into())
    }

    /// Latency and cost of a request, and its last answer.
    async fn repeat(&self, owners: &[Account], path: &str, body: &Value) -> Result<(Value, Value)> {
        let mut latencies = Latencies::default();
        let mut last = Value::Null;
        let before_s = self.target.cpu_s();
        if let Some(asker) = owners.first() {
            let mut client = Client::new(self.world.address, asker);
            for _ in 0..REPEATS {
                let start = Instant::now();
                last = client.call("POST", path, body).await?;
                latencies.record(start.elapsed());
            }
        }
        let mut figures = latencies.to_json();
        if let Some(figures) = figures.as_object_mut().filter(|_| self.target.pid.is_some()) {
            let cpu_ms = (self.target.cpu_s() - before_s) * 1_000.0 / REPEATS as f64;
            figures.insert("cpu_ms".to_owned(), round(cpu_ms).into());
        }
        Ok((figures, last))
    }
}

fn count_devices(answer: &Value, field: &str) -> usize {
    let users = answer.get(field).and_then(Value::as_object);
    users.into_iter().flatten().filter_map(|(_, devices)| Some(devices.as_object()?.len())).sum()
}
