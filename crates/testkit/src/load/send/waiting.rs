// SPDX-License-Identifier: Apache-2.0
//! Many clients that wait: rooms, accounts with several connections each, and a few messages.

use std::{net::SocketAddr, time::Duration};

use anyhow::Result;
use serde_json::{Value, json};

use super::engine::{Pace, Plan, Run};
use crate::{
    load::world::{Room, World},
    matrix::Access,
};

/// Rooms with accounts in them; nobody polls yet.
#[derive(Debug)]
pub struct Waiting {
    address: SocketAddr,
    rooms: Vec<Room>,
}

/// All of them polling.
#[derive(Debug)]
pub struct Polling(Run);

impl Waiting {
    /// Makes `rooms` rooms with `accounts` each, and one more that sends.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn gather(
        address: SocketAddr,
        access: Access,
        rooms: usize,
        accounts: usize,
    ) -> Result<Self> {
        let mut world = World::new(address, access, "w".to_owned());
        let rooms = world.small_rooms(rooms, accounts + 1).await?;
        Ok(Self { address, rooms })
    }

    /// Brings `connections` per account to their first long poll. Messages will come at
    /// `messages_per_s` over all rooms for the length of `stretch`.
    ///
    /// # Errors
    /// When a client cannot begin.
    pub async fn poll(
        &self,
        connections: usize,
        messages_per_s: f64,
        stretch: Duration,
    ) -> Result<Polling> {
        let rate = messages_per_s / self.rooms.len().max(1) as f64;
        let mut plan = Plan::new(&self.rooms, Pace::Rate(rate), stretch);
        for (index, room) in self.rooms.iter().enumerate() {
            plan.add_sender(index, room.members.first());
            for member in room.members.iter().skip(1) {
                for _ in 0..connections {
                    plan.add_listener(index, Some(member));
                }
            }
        }
        Ok(Polling(plan.prepare(self.address).await?))
    }
}

impl Polling {
    /// Sends the messages and counts what arrived.
    ///
    /// # Errors
    /// When a sender or a listener got an answer that is not patience.
    pub async fn send_and_count(mut self) -> Result<Value> {
        self.0.send().await?;
        let settled = self.0.settle().await;
        let report = self.0.finish(settled)?;
        Ok(json!({
            "messages": report.acknowledged, "refused": report.refused,
            "deliveries": report.deliveries, "missing": report.missing,
            "doubled": report.doubled, "delivery": report.delivery.to_json(),
            "acknowledge": report.acknowledge.to_json(),
        }))
    }
}
