// SPDX-License-Identifier: Apache-2.0
//! Accounts and rooms that the scenarios share, built when first asked for.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::{
    http::escape,
    matrix::{Access, Account, Client, in_parallel, send_path},
};

/// Connections that build fixtures at once.
const BUILDERS: usize = 16;

/// A room with its members, creator first.
#[derive(Debug, Clone)]
pub struct Room {
    /// Its id.
    pub id: String,
    /// Who is in it.
    pub members: Vec<Account>,
}

/// What exists on the server so far.
#[derive(Debug)]
pub struct World {
    /// Where the server listens.
    pub address: SocketAddr,
    access: Access,
    run: String,
    accounts: Vec<Account>,
    others: usize,
    small_rooms: Vec<Room>,
    big_room: Option<Room>,
    many_rooms: Vec<(usize, Account)>,
}

impl World {
    /// Nothing yet. `run` keeps the names of one run apart from those of another.
    pub fn new(address: SocketAddr, access: Access, run: String) -> Self {
        Self {
            address,
            access,
            run,
            accounts: Vec::new(),
            others: 0,
            small_rooms: Vec::new(),
            big_room: None,
            many_rooms: Vec::new(),
        }
    }

    /// The first `count` accounts.
    pub async fn accounts(&mut self, count: usize) -> Result<Vec<Account>> {
        let have = self.accounts.len();
        if have < count {
            let (address, access) = (self.address, self.access.clone());
            let run = self.run.clone();
            let made = in_parallel(count - have, BUILDERS, |index| {
                let (name, access) = (format!("u{run}-{}", have + index), access.clone());
                async move { Client::anonymous(address).register(&name, &access).await }
            })
            .await
            .context("cannot register")?;
            self.accounts.extend(made);
        }
        Ok(self.accounts.iter().take(count).cloned().collect())
    }

    /// An account that is in no room.
    pub async fn stranger(&mut self) -> Result<Account> {
        self.others += 1;
        let name = format!("s{}-{}", self.run, self.others);
        Client::anonymous(self.address).register(&name, &self.access).await
    }

    /// `rooms` public rooms of `members` each; nobody is in two of them.
    pub async fn small_rooms(&mut self, rooms: usize, members: usize) -> Result<Vec<Room>> {
        if self.small_rooms.len() < rooms {
            let accounts = self.accounts(rooms * members).await?;
            let address = self.address;
            let groups: Vec<Vec<Account>> = accounts.chunks(members).map(<[_]>::to_vec).collect();
            self.small_rooms = in_parallel(rooms, BUILDERS, |index| {
                let group = groups.get(index).cloned().unwrap_or_default();
                async move { build_room(address, group, Duration::MAX).await }
            })
            .await?;
        }
        Ok(self.small_rooms.clone())
    }

    /// One public room with `members`, or as many as join within `budget`.
    pub async fn big_room(&mut self, members: usize, budget: Duration) -> Result<Room> {
        if let Some(room) = &self.big_room {
            return Ok(room.clone());
        }
        let accounts = self.accounts(members).await?;
        let room = build_room(self.address, accounts, budget).await?;
        self.big_room = Some(room.clone());
        Ok(room)
    }

    /// An account in `rooms` rooms of its own with a name, a topic and two messages of 1 KiB
    /// each, and the true count of rooms made within `budget`.
    pub async fn many_rooms(&mut self, rooms: usize, budget: Duration) -> Result<(usize, Account)> {
        if let Some(found) = self.many_rooms.iter().find(|(count, _)| *count == rooms) {
            return Ok((rooms, found.1.clone()));
        }
        let (account, address) = (self.stranger().await?, self.address);
        let end = Instant::now() + budget;
        let made = in_parallel(rooms, BUILDERS, |index| {
            let account = account.clone();
            async move {
                if Instant::now() > end {
                    return Ok(0);
                }
                furnish_room(address, &account, index).await.map(|()| 1)
            }
        })
        .await?;
        let count = made.iter().sum();
        self.many_rooms.push((count, account.clone()));
        Ok((count, account))
    }
}

async fn build_room(address: SocketAddr, members: Vec<Account>, budget: Duration) -> Result<Room> {
    let creator = members.first().context("a room needs a member")?;
    let body = json!({"preset": "public_chat", "name": "A room of the bench"});
    let id = Client::new(address, creator).create_room(&body).await?;
    let start = Instant::now();
    let joined = in_parallel(members.len() - 1, BUILDERS, |index| {
        let (account, id) = (members.get(index + 1).cloned(), id.clone());
        async move {
            let Some(account) = account.filter(|_| start.elapsed() < budget) else {
                return Ok(None);
            };
            Client::new(address, &account).join(&id).await?;
            Ok(Some(account))
        }
    })
    .await?;
    let members = std::iter::once(creator.clone()).chain(joined.into_iter().flatten()).collect();
    Ok(Room { id, members })
}

async fn furnish_room(address: SocketAddr, account: &Account, index: usize) -> Result<()> {
    let mut client = Client::new(address, account);
    let body = json!({
        "preset": "private_chat",
        "name": format!("Room {index}"),
        "topic": "One of many rooms of one account",
    });
    let room_id = client.create_room(&body).await?;
    for message in 0..2 {
        let path = send_path(&room_id, "m.room.encrypted", &format!("m{message}"));
        client.patient("PUT", &path, &opaque_message(&"x".repeat(1_024))).await?;
    }
    Ok(())
}

/// An encrypted event as the server sees it: opaque text.
pub(super) fn opaque_message(ciphertext: &str) -> Value {
    json!({
        "algorithm": "m.megolm.v1.aes-sha2",
        "ciphertext": ciphertext,
        "session_id": "c2Vzc2lvbiBvZiB0aGUgYmVuY2g",
    })
}

/// Stores a filter and answers its id.
pub(super) async fn store_filter(client: &mut Client, filter: &Value) -> Result<String> {
    let path = format!("/_matrix/client/v3/user/{}/filter", escape(client.user_id()));
    let answer = client.patient("POST", &path, filter).await?;
    crate::matrix::text(&answer, "filter_id")
}
