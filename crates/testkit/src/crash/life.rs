// SPDX-License-Identifier: Apache-2.0
//! One life of the server: from the first write to the verdict after its crash.

use std::{net::SocketAddr, time::Duration};

use anyhow::Result;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{
    Report,
    cast::{Cast, Shared, lock, unexpected},
    checker::{Kind, Outcome, Sent, Stored, Violation, check_received, check_rooms},
    sync_chain::SyncChain,
    writers::{Place, claim_until_the_end, count_until_the_end, send, send_until_the_end},
};
use crate::{
    http::escape,
    matrix::{Client, in_parallel},
    random::Random,
};

/// Rooms of one life.
const ROOMS: usize = 3;

/// Pages of one room's history.
const PAGES_MAX: usize = 2_000;

/// Between the first write and the crash, in milliseconds.
const LENGTH_MS: (u64, u64) = (30, 600);

/// What was done in one life.
#[derive(Debug)]
pub(super) struct Life {
    number: usize,
    address: SocketAddr,
    rooms: Vec<Place>,
    devices: Vec<Place>,
    messages: Shared<Vec<Sent>>,
    to_device: Shared<Vec<Sent>>,
    counted: usize,
    in_flight: usize,
    complaints: Vec<String>,
}

impl Life {
    /// New rooms with everybody in them.
    pub(super) async fn begin(cast: &mut Cast, number: usize, address: SocketAddr) -> Result<Self> {
        let Some(creator) = cast.people.first() else { anyhow::bail!("nobody takes part") };
        let mut rooms = Vec::new();
        for _ in 0..ROOMS {
            let body = json!({"preset": "public_chat"});
            let room_id = Client::new(address, creator).create_room(&body).await?;
            in_parallel(cast.people.len() - 1, 8, |index| {
                let (account, room_id) = (cast.people.get(index + 1).cloned(), room_id.clone());
                async move {
                    match account {
                        Some(account) => Client::new(address, &account).join(&room_id).await,
                        None => Ok(()),
                    }
                }
            })
            .await?;
            rooms.push(Place::Room(room_id));
        }
        let devices = cast
            .people
            .iter()
            .map(|person| Place::Device(person.user_id.clone(), person.device_id.clone()))
            .collect();
        for chain in &mut cast.chains {
            chain.messages.clear();
            chain.to_device.clear();
        }
        Ok(Self {
            number,
            address,
            rooms,
            devices,
            messages: Shared::default(),
            to_device: Shared::default(),
            counted: 0,
            in_flight: 0,
            complaints: Vec::new(),
        })
    }

    /// Everybody writes and syncs; after a random time `end` ends the server.
    pub(super) async fn live(&mut self, cast: &mut Cast, random: &mut Random, end: impl FnOnce()) {
        let address = self.address;
        let mut senders = JoinSet::new();
        let mut others = JoinSet::new();
        let mut chains = JoinSet::new();
        for (index, person) in cast.people.iter().enumerate() {
            for (label, places, record) in
                [("m", &self.rooms, &self.messages), ("d", &self.devices, &self.to_device)]
            {
                senders.spawn(send_until_the_end(
                    Client::once(address, person),
                    index,
                    format!("{label}{}", self.number),
                    places.clone(),
                    random.fork(),
                    record.clone(),
                ));
            }
        }
        for (owner, askers) in cast.owners.iter().zip(cast.people.chunks(2)) {
            for (asker, uploads) in askers.iter().zip([true, false]) {
                let (asker, owner) = (asker.clone(), owner.clone());
                others.spawn(claim_until_the_end(address, asker, owner, uploads));
            }
        }
        let counted = || cast.counters.iter().map(|c| lock(c).acknowledged as usize).sum::<usize>();
        let before = counted();
        for (counter, person) in cast.counters.iter().zip(&cast.people) {
            let client = Client::once(address, person);
            others.spawn(count_until_the_end(client, person.clone(), counter.clone()));
        }
        for (index, chain) in cast.chains.iter().cloned().enumerate() {
            chains.spawn(async move { (index, chain.follow(address).await) });
        }
        let (least, most) = LENGTH_MS;
        tokio::time::sleep(Duration::from_millis(least + random.below(most - least))).await;
        end();
        while senders.join_next().await.is_some() {}
        while let Some(outcome) = others.join_next().await {
            self.complaints.extend(outcome.ok().flatten());
        }
        while let Some(followed) = chains.join_next().await {
            if let Ok((index, chain)) = followed
                && let Some(slot) = cast.chains.get_mut(index)
            {
                *slot = chain;
            }
        }
        self.counted = counted() - before;
        let open = |sent: &Shared<Vec<Sent>>| {
            lock(sent).iter().filter(|sent| !sent.outcome.is_acknowledged()).count()
        };
        self.in_flight = open(&self.messages) + open(&self.to_device);
    }

    /// Asks again what was in flight, drains every sync, and compares.
    pub(super) async fn verify(&mut self, cast: &mut Cast, random: &mut Random) -> Vec<Violation> {
        let mut found: Vec<Violation> = std::mem::take(&mut self.complaints)
            .into_iter()
            .map(|what| Violation::new(Kind::Unexpected, what))
            .collect();
        for (record, places) in
            [(self.messages.clone(), &self.rooms), (self.to_device.clone(), &self.devices)]
        {
            found.extend(refusals(&record));
            found.extend(self.ask_again(cast, random, &record, places).await);
        }
        found.extend(cast.verify().await);
        for chain in &mut cast.chains {
            if let Err(error) = chain.drain(self.address).await {
                found.push(unexpected("a sync after the crash", &error));
            }
        }
        found.extend(self.read_again(cast).await);
        found.extend(self.check_chains(&cast.chains));
        for violation in &mut found {
            violation.what = format!("life {}: {}", self.number, violation.what);
        }
        found
    }

    /// Sends again, with its transaction id, half of what got no answer, and of each sender the
    /// last message that did: neither may act a second time (I2).
    async fn ask_again(
        &self,
        cast: &Cast,
        random: &mut Random,
        record: &Shared<Vec<Sent>>,
        places: &[Place],
    ) -> Vec<Violation> {
        let mut found = Vec::new();
        for (sender, person) in cast.people.iter().enumerate() {
            let mut client = Client::new(self.address, person);
            let chosen: Vec<usize> = {
                let record = lock(record);
                let own = || record.iter().enumerate().filter(|(_, sent)| sent.sender == sender);
                let last = own().rfind(|(_, sent)| sent.outcome.is_acknowledged());
                let open = own().filter(|(_, sent)| sent.outcome == Outcome::Unknown);
                let open = open.filter(|_| random.chance(50));
                last.into_iter().chain(open).map(|(index, _)| index).collect()
            };
            for index in chosen {
                let Some(sent) = lock(record).get(index).cloned() else { continue };
                let Some(place) = places.get(sent.to) else { continue };
                let outcome = send(&mut client, place, &sent.marker, &sent.txn_id).await;
                if !outcome.is_acknowledged() {
                    let what = format!("{} asked again: {outcome:?}", sent.marker);
                    found.push(Violation::new(Kind::Unexpected, what));
                } else if sent.outcome.is_acknowledged() && outcome != sent.outcome {
                    let what =
                        format!("{} answered {:?}, then {outcome:?}", sent.marker, sent.outcome);
                    found.push(Violation::new(Kind::Doubled, what));
                } else if let Some(slot) = lock(record).get_mut(index) {
                    slot.outcome = outcome;
                }
            }
        }
        found
    }

    /// Reads all rooms of this life and compares them with the record.
    pub(super) async fn read_again(&self, cast: &Cast) -> Vec<Violation> {
        let Some(reader) = cast.people.first() else { return Vec::new() };
        let mut client = Client::new(self.address, reader);
        let mut timelines = Vec::new();
        for place in &self.rooms {
            let Place::Room(room_id) = place else { continue };
            match read_timeline(&mut client, room_id).await {
                Ok(timeline) => timelines.push(timeline),
                Err(error) => {
                    let what = format!("reading room {room_id}: {error:#}");
                    return vec![Violation::new(Kind::Lost, what)];
                }
            }
        }
        check_rooms(&lock(&self.messages), &timelines)
    }

    fn check_chains(&self, chains: &[SyncChain]) -> Vec<Violation> {
        let mut found = Vec::new();
        let messages = lock(&self.messages);
        let to_device = lock(&self.to_device);
        for (index, chain) in chains.iter().enumerate() {
            let name = &chain.account.user_id;
            for (room, place) in self.rooms.iter().enumerate() {
                let Place::Room(room_id) = place else { continue };
                let received: Vec<String> = chain
                    .messages
                    .iter()
                    .filter(|(id, _)| id == room_id)
                    .map(|(_, marker)| marker.clone())
                    .collect();
                let who = format!("the sync of {name}");
                found.extend(check_received(&who, &messages, room, &received));
            }
            let who = format!("the device of {name}");
            found.extend(check_received(&who, &to_device, index, &chain.to_device));
        }
        found
    }

    /// Adds what this life did to the report.
    pub(super) fn count(&self, report: &mut Report) {
        let acknowledged = |sent: &Shared<Vec<Sent>>| {
            lock(sent).iter().filter(|sent| sent.outcome.is_acknowledged()).count()
        };
        let [messages, to_device, _, account_data] = &mut report.acknowledged;
        *messages += acknowledged(&self.messages);
        *to_device += acknowledged(&self.to_device);
        *account_data += self.counted;
        report.in_flight += self.in_flight;
    }
}

fn refusals(record: &Shared<Vec<Sent>>) -> Vec<Violation> {
    lock(record)
        .iter()
        .filter_map(|sent| match &sent.outcome {
            Outcome::Refused(answer) => Some(format!("{} was refused: {answer}", sent.marker)),
            _ => None,
        })
        .map(|what| Violation::new(Kind::Unexpected, what))
        .collect()
}

/// All messages of a room, oldest first.
async fn read_timeline(client: &mut Client, room_id: &str) -> Result<Vec<Stored>> {
    let mut timeline = Vec::new();
    let mut from = String::new();
    for _ in 0..PAGES_MAX {
        let path =
            format!("/_matrix/client/v3/rooms/{}/messages?dir=b&limit=100{from}", escape(room_id));
        let page = client.call("GET", &path, &Value::Null).await?;
        let chunk = page.get("chunk").and_then(Value::as_array);
        timeline.extend(chunk.into_iter().flatten().filter_map(|event| {
            Some(Stored {
                event_id: event.get("event_id")?.as_str()?.to_owned(),
                marker: event.pointer("/content/ciphertext")?.as_str()?.to_owned(),
            })
        }));
        match page.get("end").and_then(Value::as_str).map(|end| format!("&from={}", escape(end))) {
            Some(end) if end != from => from = end,
            _ => {
                timeline.reverse();
                return Ok(timeline);
            }
        }
    }
    anyhow::bail!("the history of {room_id} does not end")
}
