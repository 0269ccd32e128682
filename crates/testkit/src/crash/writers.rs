// SPDX-License-Identifier: Apache-2.0
//! Tasks that write until the server ends. Each notes what it asks before it asks.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::{
    cast::{KeyOwner, Shared, claim_one, counter_path, lock, upload_keys},
    checker::{Counter, Outcome, Sent},
};
use crate::{
    matrix::{Account, Client, Refused, send_path},
    random::Random,
};

/// Where messages go.
#[derive(Debug, Clone)]
pub(super) enum Place {
    /// A room, by its id.
    Room(String),
    /// A device: user id and device id.
    Device(String, String),
}

/// Sends to places chosen at random, one after the other.
pub(super) async fn send_until_the_end(
    mut client: Client,
    sender: usize,
    label: String,
    places: Vec<Place>,
    mut random: Random,
    record: Shared<Vec<Sent>>,
) {
    for number in 0_usize.. {
        let to = random.below(places.len() as u64) as usize;
        let Some(place) = places.get(to) else { return };
        let marker = format!("{label}-{sender}-{number}");
        let index = {
            let mut record = lock(&record);
            record.push(Sent {
                sender,
                to,
                marker: marker.clone(),
                txn_id: marker.clone(),
                outcome: Outcome::Unknown,
            });
            record.len() - 1
        };
        let outcome = send(&mut client, place, &marker, &marker).await;
        let over = !outcome.is_acknowledged();
        if let Some(sent) = lock(&record).get_mut(index) {
            sent.outcome = outcome;
        }
        if over {
            return;
        }
    }
}

/// Sends one message, once.
pub(super) async fn send(
    client: &mut Client,
    place: &Place,
    marker: &str,
    txn_id: &str,
) -> Outcome {
    let content = json!({"algorithm": "m.megolm.v1.aes-sha2", "ciphertext": marker});
    let (path, body) = match place {
        Place::Room(room_id) => (send_path(room_id, "m.room.encrypted", txn_id), content),
        Place::Device(user_id, device_id) => (
            format!("/_matrix/client/v3/sendToDevice/m.room.encrypted/{txn_id}"),
            json!({"messages": {user_id: {device_id: content}}}),
        ),
    };
    match client.call("PUT", &path, &body).await {
        Ok(answer) => {
            let event_id = answer.get("event_id").and_then(Value::as_str).unwrap_or_default();
            Outcome::Acknowledged(event_id.to_owned())
        }
        Err(error) => match error.downcast_ref::<Refused>() {
            Some(refused) => Outcome::Refused(refused.to_string()),
            None => Outcome::Unknown,
        },
    }
}

/// Claims keys and uploads new ones until the server ends. Answers what went wrong, if anything.
pub(super) async fn claim_until_the_end(
    address: SocketAddr,
    asker: Account,
    owner: Shared<KeyOwner>,
    uploads: bool,
) -> Option<String> {
    let mut client = Client::once(address, &asker);
    loop {
        let mut step = Ok(());
        for _ in 0..20 {
            match claim_one(&mut client, &owner).await {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    step = Err(error);
                    break;
                }
            }
        }
        if uploads && step.is_ok() {
            step = upload_keys(address, &owner, 20).await;
        }
        if let Err(error) = step {
            return error.downcast_ref::<Refused>().map(ToString::to_string);
        }
    }
}

/// Counts up in account data until the server ends. Answers what went wrong, if anything.
pub(super) async fn count_until_the_end(
    mut client: Client,
    account: Account,
    counter: Shared<Counter>,
) -> Option<String> {
    loop {
        let value = {
            let mut counter = lock(&counter);
            counter.attempted += 1;
            counter.attempted
        };
        match client.call("PUT", &counter_path(&account), &json!({"value": value})).await {
            Ok(_) => lock(&counter).acknowledged = value,
            Err(error) => return error.downcast_ref::<Refused>().map(ToString::to_string),
        }
    }
}
