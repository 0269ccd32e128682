// SPDX-License-Identifier: Apache-2.0
//! A long-polling client that counts what reaches it, without parsing what it need not.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use memchr::memmem;
use serde_json::{Value, json};

use crate::{
    http::escape,
    latency::Latencies,
    load::world::store_filter,
    matrix::{Account, Client},
};

/// Pages of history that may fill one gap of a limited timeline.
const GAP_PAGES_MAX: usize = 100;

/// What one listener has seen.
#[derive(Debug, Default)]
pub(super) struct Deliveries {
    run: u64,
    /// Per sender, which sequence numbers arrived.
    seen: Vec<Vec<bool>>,
    pub(super) unique: usize,
    pub(super) doubled: usize,
    pub(super) latencies: Latencies,
    pub(super) failed: Option<String>,
}

impl Deliveries {
    /// Nothing yet of the run with this number; markers of other runs do not count.
    pub(super) fn of_run(run: u64) -> Self {
        Self { run, ..Self::default() }
    }
}

/// One account whose sync token is current.
#[derive(Debug)]
pub(super) struct Listener {
    client: Client,
    filter: String,
    since: String,
}

impl Listener {
    /// Logs the account's position without reading history.
    pub(super) async fn prepare(address: SocketAddr, account: &Account) -> Result<Self> {
        let mut client = Client::new(address, account);
        let filter = json!({
            "presence": {"types": []},
            "room": {"timeline": {"limit": 100}, "state": {"lazy_load_members": true}},
        });
        let filter = store_filter(&mut client, &filter).await?;
        let path = format!("/_matrix/client/v3/sync?timeout=0&filter={filter}");
        let answer = client.patient("GET", &path, &Value::Null).await?;
        let since = crate::matrix::text(&answer, "next_batch")?;
        Ok(Self { client, filter, since })
    }

    /// Polls until aborted.
    pub(super) async fn listen(
        mut self,
        epoch: Instant,
        deliveries: Arc<Mutex<Deliveries>>,
        delivered: Arc<AtomicUsize>,
    ) -> Result<()> {
        loop {
            if let Err(error) = self.poll(epoch, &deliveries, &delivered).await {
                let mut deliveries = deliveries.lock().unwrap_or_else(PoisonError::into_inner);
                deliveries.failed = Some(format!("{error:#}"));
                return Err(error);
            }
        }
    }

    async fn poll(
        &mut self,
        epoch: Instant,
        deliveries: &Mutex<Deliveries>,
        delivered: &AtomicUsize,
    ) -> Result<()> {
        let (since, filter) = (escape(&self.since), &self.filter);
        let path = format!("/_matrix/client/v3/sync?timeout=30000&filter={filter}&since={since}");
        let token = self.client.account.as_ref().map(|account| account.token.as_str());
        let answer = self.client.connection.request("GET", &path, token, b"").await?;
        let now = epoch.elapsed();
        match answer.status {
            200 => {}
            429 | 503 => {
                tokio::time::sleep(Duration::from_millis(20)).await;
                return Ok(());
            }
            status => bail!("sync answered {status}"),
        }
        let next = field(answer.body, b"\"next_batch\"").context("a sync without next_batch")?;
        let new = record(answer.body, now, deliveries, true);
        delivered.fetch_add(new, Relaxed);
        let limited = memmem::find(answer.body, b"\"limited\":true").is_some()
            || memmem::find(answer.body, b"\"limited\": true").is_some();
        let gaps = if limited { gaps(answer.body)? } else { Vec::new() };
        let since = std::mem::replace(&mut self.since, next);
        for (room_id, from) in gaps {
            self.fill_gap(&room_id, from, &since, deliveries, delivered).await?;
        }
        Ok(())
    }

    /// Reads back what a limited timeline left out. Not a delivery for the latency figures.
    async fn fill_gap(
        &mut self,
        room_id: &str,
        mut from: String,
        to: &str,
        deliveries: &Mutex<Deliveries>,
        delivered: &AtomicUsize,
    ) -> Result<()> {
        for _ in 0..GAP_PAGES_MAX {
            let path = format!(
                "/_matrix/client/v3/rooms/{}/messages?dir=b&limit=100&from={}&to={}",
                escape(room_id),
                escape(&from),
                escape(to)
            );
            let page = self.client.patient("GET", &path, &Value::Null).await?;
            let text = page.to_string();
            delivered
                .fetch_add(record(text.as_bytes(), Duration::ZERO, deliveries, false), Relaxed);
            match page.get("end").and_then(Value::as_str) {
                Some(end) if end != from => from = end.to_owned(),
                _ => return Ok(()),
            }
        }
        Ok(())
    }
}

/// Counts every marker in a body. Answers how many were new.
fn record(body: &[u8], now: Duration, into: &Mutex<Deliveries>, timed: bool) -> usize {
    let mut deliveries = into.lock().unwrap_or_else(PoisonError::into_inner);
    let before = deliveries.unique;
    for at in memmem::find_iter(body, b"~B:") {
        let Some((run, sender, sequence, micros)) = body.get(at + 3..).and_then(marker) else {
            continue;
        };
        if run != deliveries.run {
            continue;
        }
        if deliveries.seen.len() <= sender {
            deliveries.seen.resize(sender + 1, Vec::new());
        }
        let Some(seen) = deliveries.seen.get_mut(sender) else { continue };
        if seen.len() <= sequence {
            seen.resize(sequence + 1, false);
        }
        let Some(slot) = seen.get_mut(sequence) else { continue };
        if std::mem::replace(slot, true) {
            // A page that fills a gap may overlap with what a later sync brings.
            deliveries.doubled += usize::from(timed);
            continue;
        }
        deliveries.unique += 1;
        if timed {
            let sent = Duration::from_micros(micros);
            deliveries.latencies.record(now.saturating_sub(sent));
        }
    }
    deliveries.unique - before
}

/// `run:sender:sequence:micros~` at the start of `rest`.
fn marker(rest: &[u8]) -> Option<(u64, usize, usize, u64)> {
    let end = memchr::memchr(b'~', rest.get(..64.min(rest.len()))?)?;
    let mut parts = std::str::from_utf8(rest.get(..end)?).ok()?.split(':');
    let (run, sender) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    Some((run, sender, parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// The text value of the first occurrence of a quoted name.
pub(in crate::load) fn field(body: &[u8], quoted_name: &[u8]) -> Option<String> {
    let at = memmem::find(body, quoted_name)? + quoted_name.len();
    let rest = body.get(at..)?;
    let open = memchr::memchr(b'"', rest)? + 1;
    let rest = rest.get(open..)?;
    let close = memchr::memchr(b'"', rest)?;
    Some(String::from_utf8_lossy(rest.get(..close)?).into_owned())
}

/// Rooms whose timeline was cut, with the token where it was.
fn gaps(body: &[u8]) -> Result<Vec<(String, String)>> {
    let json: Value = serde_json::from_slice(body)?;
    let rooms = json.pointer("/rooms/join").and_then(Value::as_object);
    Ok(rooms
        .into_iter()
        .flatten()
        .filter(|(_, room)| room.pointer("/timeline/limited") == Some(&Value::Bool(true)))
        .filter_map(|(id, room)| {
            let from = room.pointer("/timeline/prev_batch")?.as_str()?;
            Some((id.clone(), from.to_owned()))
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without it a delivery could be counted twice, or a lost one not be missed.
    #[test]
    fn counts_each_marker_once() {
        let deliveries = Mutex::new(Deliveries::of_run(1));
        let body = br#"["~B:1:3:0:10~xx","~B:1:3:1:20~","~B:1:3:0:10~","~B:oops~","~B:2:0:0:0~"]"#;
        assert_eq!(record(body, Duration::from_millis(1), &deliveries, true), 2);
        let deliveries = deliveries.into_inner().unwrap();
        assert_eq!((deliveries.unique, deliveries.doubled), (2, 1));
        assert_eq!(deliveries.latencies.len(), 2);
    }

    /// Without it a listener would poll from the wrong position.
    #[test]
    fn finds_the_token_with_or_without_spaces() {
        assert_eq!(field(br#"{"next_batch": "s1"}"#, b"\"next_batch\"").unwrap(), "s1");
        assert_eq!(field(br#"{"next_batch":"s_2"}"#, b"\"next_batch\"").unwrap(), "s_2");
        assert!(field(b"{}", b"\"next_batch\"").is_none());
    }
}
