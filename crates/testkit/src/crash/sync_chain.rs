// SPDX-License-Identifier: Apache-2.0
//! A client that syncs through every crash with its last good token, as a real one does.

use std::net::SocketAddr;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::{
    http::escape,
    matrix::{Account, Client, text},
};

/// Pages that may fill one gap.
const GAP_PAGES_MAX: usize = 200;

/// Syncs that may follow each other before nothing is new.
const DRAIN_SYNCS_MAX: usize = 500;

/// One device and everything that has reached it.
#[derive(Debug, Clone)]
pub(super) struct SyncChain {
    pub(super) account: Account,
    since: Option<String>,
    /// Room id and marker of each message, in the order of arrival.
    pub(super) messages: Vec<(String, String)>,
    /// Marker of each to-device message, in the order of arrival.
    pub(super) to_device: Vec<String>,
}

impl SyncChain {
    pub(super) fn new(account: Account) -> Self {
        Self { account, since: None, messages: Vec::new(), to_device: Vec::new() }
    }

    /// Syncs until the server ends.
    pub(super) async fn follow(mut self, address: SocketAddr) -> Self {
        let mut client = Client::once(address, &self.account);
        while self.step(&mut client, 1_000).await.is_ok() {}
        self
    }

    /// Syncs until nothing is new.
    pub(super) async fn drain(&mut self, address: SocketAddr) -> Result<()> {
        let mut client = Client::new(address, &self.account);
        for _ in 0..DRAIN_SYNCS_MAX {
            if self.step(&mut client, 0).await? == 0 {
                return Ok(());
            }
        }
        bail!("{} still gets news after {DRAIN_SYNCS_MAX} syncs", self.account.user_id)
    }

    /// One sync. Nothing of it counts unless all of it was read, gaps included: a client that
    /// died in between would ask again with the old token.
    async fn step(&mut self, client: &mut Client, timeout_ms: u32) -> Result<usize> {
        let mut path = format!("/_matrix/client/v3/sync?timeout={timeout_ms}");
        if let Some(since) = &self.since {
            path.push_str("&since=");
            path.push_str(&escape(since));
        }
        let answer = client.call("GET", &path, &Value::Null).await?;
        let next = text(&answer, "next_batch")?;
        let mut messages = Vec::new();
        for (room_id, room) in object(&answer, "/rooms/join") {
            let timeline = room.get("timeline").unwrap_or(&Value::Null);
            if timeline.get("limited") == Some(&Value::Bool(true)) {
                let from = timeline.get("prev_batch").and_then(Value::as_str);
                let from = from.context("a limited timeline without prev_batch")?;
                messages.extend(self.gap(client, room_id, from).await?);
            }
            messages.extend(markers(timeline.get("events")).map(|m| (room_id.clone(), m)));
        }
        let to_device: Vec<String> = markers(answer.pointer("/to_device/events")).collect();
        let news = messages.len() + to_device.len() + object(&answer, "/rooms/join").count();
        self.messages.extend(messages);
        self.to_device.extend(to_device);
        self.since = Some(next);
        Ok(news)
    }

    /// What a limited timeline left out since our token, oldest first.
    async fn gap(
        &self,
        client: &mut Client,
        room_id: &str,
        from: &str,
    ) -> Result<Vec<(String, String)>> {
        let to = match &self.since {
            Some(since) => format!("&to={}", escape(since)),
            None => String::new(),
        };
        let mut found = Vec::new();
        let mut from = from.to_owned();
        for _ in 0..GAP_PAGES_MAX {
            let path = format!(
                "/_matrix/client/v3/rooms/{}/messages?dir=b&limit=100&from={}{to}",
                escape(room_id),
                escape(&from)
            );
            let page = client.call("GET", &path, &Value::Null).await?;
            found.extend(markers(page.get("chunk")).map(|marker| (room_id.to_owned(), marker)));
            match page.get("end").and_then(Value::as_str) {
                Some(end) if end != from => from = end.to_owned(),
                _ => break,
            }
        }
        found.reverse();
        // The page may reach further back than our token: what we have is not news.
        found.retain(|message| !self.messages.contains(message));
        Ok(found)
    }
}

/// The marker of each event that has one.
pub(super) fn markers(events: Option<&Value>) -> impl Iterator<Item = String> + '_ {
    events
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|event| Some(event.pointer("/content/ciphertext")?.as_str()?.to_owned()))
}

fn object<'a>(json: &'a Value, pointer: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    json.pointer(pointer).and_then(Value::as_object).into_iter().flatten()
}
