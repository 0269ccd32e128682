// SPDX-License-Identifier: Apache-2.0
//! Rooms with much in them: state, history, and joining late.

use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::{Bench, Meter, round, send::fill_room, world::Room};
use crate::{
    http::escape,
    matrix::{Client, in_parallel},
    process,
};

/// Requests in flight while state is sent.
const STATE_SENDERS: usize = 16;

/// Most pages of one walk through history.
const PAGES_MAX: usize = 1_000;

impl Bench {
    /// Distinct state events into the big room, by its creator.
    pub(super) async fn state_storm(&mut self) -> Result<Value> {
        let room = self.world.big_room(self.sizes.big_room, self.sizes.prepare).await?;
        let creator = room.members.first().context("an empty room")?.clone();
        let (address, count) = (self.world.address, self.sizes.state_events);
        let end = Instant::now() + self.sizes.prepare;
        let meter = Meter::start(&self.target);
        let sent = in_parallel(STATE_SENDERS, STATE_SENDERS, |task| {
            let (creator, id) = (creator.clone(), escape(&room.id));
            async move {
                let mut client = Client::new(address, &creator);
                let mut sent = 0;
                for index in (task..count).step_by(STATE_SENDERS) {
                    if Instant::now() > end {
                        break;
                    }
                    let path = format!(
                        "/_matrix/client/v3/rooms/{id}/state/test.estafette.bench/k{index}"
                    );
                    client.patient("PUT", &path, &json!({"index": index})).await?;
                    sent += 1;
                }
                Ok(sent)
            }
        })
        .await?;
        let mut line = meter.stop(&self.target, "state_events", sent.iter().sum());
        line.insert("members".to_owned(), room.members.len().into());
        line.insert("wanted".to_owned(), count.into());
        Ok(line.into())
    }

    /// A new account joins the big room, then syncs for the first time.
    pub(super) async fn join_big(&mut self) -> Result<Value> {
        let room = self.world.big_room(self.sizes.big_room, self.sizes.prepare).await?;
        let mut join = crate::latency::Latencies::default();
        let mut sync = crate::latency::Latencies::default();
        let mut bytes = 0;
        for _ in 0..5 {
            let account = self.world.stranger().await?;
            let mut client = Client::new(self.world.address, &account);
            let start = Instant::now();
            client.join(&room.id).await?;
            join.record(start.elapsed());
            let start = Instant::now();
            bytes = self.timed_sync(&account).await?.1;
            sync.record(start.elapsed());
        }
        Ok(json!({
            "members": room.members.len(), "join": join.to_json(), "first_sync": sync.to_json(),
            "first_sync_bytes": bytes,
        }))
    }

    /// Back through a room of ten thousand messages in pages of a hundred.
    pub(super) async fn history(&mut self) -> Result<Value> {
        let (room, sent, bytes_per_event) = self.long_room().await?;
        let account = room.members.first().context("an empty room")?;
        let mut client = Client::new(self.world.address, account);
        let meter = Meter::start(&self.target);
        let mut events = 0;
        let mut walks = 0;
        let end = Instant::now() + self.sizes.stretch;
        while walks == 0 || Instant::now() < end {
            let walked = walk_back(&mut client, &room.id).await?;
            if walked < sent {
                bail!("history holds {walked} of {sent} acknowledged events");
            }
            events += walked;
            walks += 1;
        }
        let mut line = meter.stop(&self.target, "events", events);
        line.insert("walks".to_owned(), walks.into());
        line.insert("disk_bytes_per_event".to_owned(), bytes_per_event);
        Ok(line.into())
    }

    /// Fills a room and answers its disk use per event, measured over clean restarts.
    async fn long_room(&mut self) -> Result<(Room, usize, Value)> {
        let rooms = self.world.small_rooms(self.sizes.rooms, self.sizes.members).await?;
        let creator = rooms.first().and_then(|room| room.members.first()).context("no room")?;
        let mut client = Client::new(self.world.address, creator);
        let id = client.create_room(&json!({"preset": "public_chat"})).await?;
        let room = Room { id, members: vec![creator.clone(); 8] };
        self.target.restart()?;
        let before = self.target.data_dir().map(|folder| process::disk_bytes(&folder));
        let sent = fill_room(&self.world, &room, self.sizes.history, self.sizes.prepare).await?;
        self.target.restart()?;
        let after = self.target.data_dir().map(|folder| process::disk_bytes(&folder));
        let per_event = before
            .zip(after)
            .map(|(before, after)| round(after.saturating_sub(before) as f64 / sent.max(1) as f64));
        Ok((room, sent, per_event.into()))
    }
}

/// Reads a whole room backwards. Answers how many messages there are.
async fn walk_back(client: &mut Client, room_id: &str) -> Result<usize> {
    let token = client.account.as_ref().map(|account| account.token.clone());
    let mut from = String::new();
    let mut messages = 0;
    for _ in 0..PAGES_MAX {
        let path = format!(
            "/_matrix/client/v3/rooms/{}/messages?dir=b&limit=100{}{}",
            escape(room_id),
            if from.is_empty() { "" } else { "&from=" },
            escape(&from)
        );
        let answer = client.connection.request("GET", &path, token.as_deref(), b"").await?;
        if answer.status != 200 {
            bail!("messages answered {}", answer.status);
        }
        messages += memchr::memmem::find_iter(answer.body, b"~B:").count();
        match super::send::field(answer.body, b"\"end\"") {
            Some(end) if end != from => from = end,
            _ => return Ok(messages),
        }
    }
    bail!("history did not end after {PAGES_MAX} pages")
}
