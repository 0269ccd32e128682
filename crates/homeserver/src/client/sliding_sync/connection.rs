// SPDX-License-Identifier: Apache-2.0
//! What a connection remembers between its answers.

use std::collections::{BTreeSet, HashMap};

use estafette_core::{
    ids::{RoomId, UserId},
    limits::SLIDING_CONNECTIONS_MAX,
};
use estafette_store::Position;
use rpds::HashTrieMapSync;

use super::request::RoomParameters;
use crate::sync::Reader;

/// How far a device has come on a connection. The default is the beginning.
#[derive(Debug, Clone, Default)]
pub struct Place {
    /// Which answer of the connection; 0 before the first.
    pub(super) number: u64,
    /// Everything up to here was told, where it was asked for.
    pub(super) pos: Position,
    /// The version of typing that was told.
    pub(super) typing: u64,
    /// What was told of each room.
    pub(super) rooms: HashTrieMapSync<RoomId, Told>,
}

impl Place {
    /// Whether nothing was told yet.
    pub(super) fn is_first(&self) -> bool {
        self.number == 0
    }
}

/// What a device was told of a room.
#[derive(Debug, Clone, Default)]
pub(super) struct Told {
    /// Everything of the room up to here.
    pub(super) upto: Position,
    /// What was asked for then.
    pub(super) parameters: RoomParameters,
    /// Members sent for lazy loading.
    pub(super) members: BTreeSet<UserId>,
}

/// The last answer and the one before it: a device may go on from either.
#[derive(Debug, Default)]
pub struct Connection {
    acknowledged: Option<Place>,
    sent: Option<Place>,
    used: u64,
}

/// The connections of one user.
#[derive(Debug, Default)]
pub struct Connections {
    by_name: HashMap<(String, String), Connection>,
    clock: u64,
    numbers: u64,
}

fn name(reader: &Reader, conn_id: &str) -> (String, String) {
    let device = reader.device_id.as_ref().map(|device_id| device_id.as_str().to_owned());
    (device.unwrap_or_default(), conn_id.to_owned())
}

/// The place that `pos` names, if the connection remembers it.
pub(super) fn resume(reader: &Reader, conn_id: &str, pos: &str) -> Option<Place> {
    let number: u64 = pos.split_once('/')?.0.parse().ok()?;
    let mut connections = reader.user.connections.lock();
    connections.clock += 1;
    let now = connections.clock;
    let connection = connections.by_name.get_mut(&name(reader, conn_id))?;
    connection.used = now;
    let is_it = |place: &&Place| place.number == number;
    if let Some(sent) = connection.sent.as_ref().filter(is_it) {
        let place = sent.clone();
        connection.acknowledged = connection.sent.take();
        return Some(place);
    }
    connection.acknowledged.as_ref().filter(is_it).cloned()
}

/// Remembers where an answer leaves the device, and names that place.
pub(super) fn remember(reader: &Reader, conn_id: &str, mut place: Place) -> String {
    let mut connections = reader.user.connections.lock();
    connections.clock += 1;
    connections.numbers += 1;
    // Numbers of an earlier life of the server must not name places of this one.
    place.number = connections.numbers + reader.server.started_ms().cast_unsigned();
    let text = format!("{}/{}", place.number, place.pos);
    let now = connections.clock;
    let connection = connections.by_name.entry(name(reader, conn_id)).or_default();
    connection.used = now;
    connection.sent = Some(place);
    while connections.by_name.len() > SLIDING_CONNECTIONS_MAX {
        let oldest = connections.by_name.iter().min_by_key(|(_, connection)| connection.used);
        let Some(oldest) = oldest.map(|(name, _)| name.clone()) else { break };
        connections.by_name.remove(&oldest);
    }
    text
}

/// Forgets what a new beginning of a connection makes old.
pub(super) fn forget(reader: &Reader, conn_id: &str) {
    reader.user.connections.lock().by_name.remove(&name(reader, conn_id));
}
