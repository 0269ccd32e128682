// SPDX-License-Identifier: Apache-2.0
//! The server itself: memory, and starting with data.

use anyhow::Result;
use serde_json::{Value, json};

use super::{Bench, round};
use crate::{latency::Latencies, process};

/// Restarts whose median counts.
const RESTARTS: usize = 5;

impl Bench {
    /// Memory now, of all processes of the server.
    pub(super) fn memory(&self) -> Result<Value> {
        Ok(json!({"pss_mib": self.target.pss_mib()}))
    }

    /// Clean stop, start on the same data, and the first big `/sync` after it.
    pub(super) async fn cold_start(&mut self) -> Result<Value> {
        let [rooms, _] = self.sizes.sync_rooms;
        let (rooms, account) = self.world.many_rooms(rooms, self.sizes.prepare).await?;
        let mut ready = Latencies::default();
        let mut first_sync_ms = 0.0;
        for _ in 0..RESTARTS {
            let Some(ready_after) = self.target.restart()? else {
                return Ok(json!({"skipped": "the server was not started by this run"}));
            };
            ready.record(ready_after);
            first_sync_ms = self.timed_sync(&account).await?.0;
        }
        let disk = self.target.data_dir().map(|folder| process::disk_bytes(&folder) >> 20);
        Ok(json!({
            "ready": ready.to_json(), "data_mib": disk, "rooms": rooms,
            "first_sync_ms": round(first_sync_ms),
        }))
    }
}
