// SPDX-License-Identifier: Apache-2.0
//! What a connection remembers between its answers.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
};

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
    /// How many rooms each list was said to have.
    pub(super) counts: Arc<BTreeMap<String, usize>>,
    /// The rooms of which the extensions spoke in this answer: the device knows all of it.
    pub(super) spoken_of: Arc<HashSet<RoomId>>,
    /// Up to where the extensions spoke of the rooms that are not among those any more.
    pub(super) spoken_before: HashTrieMapSync<RoomId, (Position, u64)>,
    /// Which extensions were on.
    pub(super) extensions: ExtensionsOn,
}

/// Which extensions are on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct ExtensionsOn {
    pub(super) account_data: bool,
    pub(super) receipts: bool,
    pub(super) typing: bool,
}

impl Place {
    /// Whether nothing was told yet.
    pub(super) fn is_first(&self) -> bool {
        self.number == 0
    }

    /// Up to where the extensions told of a room: the position, and the version of typing.
    pub(super) fn spoken_upto(&self, room_id: &RoomId) -> Option<(Position, u64)> {
        if self.spoken_of.contains(room_id) {
            return Some((self.pos, self.typing));
        }
        self.spoken_before.get(room_id).copied()
    }

    /// Notes of which rooms the extensions spoke in the answer after this place.
    pub(super) fn speak_of(&mut self, before: &Self, rooms: HashSet<RoomId>) {
        for room_id in before.spoken_of.difference(&rooms) {
            self.spoken_before.insert_mut(room_id.clone(), (before.pos, before.typing));
        }
        self.spoken_of = Arc::new(rooms);
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
    /// Whether it was said to be a direct chat.
    pub(super) is_direct: bool,
    /// The unread notifications and highlights that were told.
    pub(super) unread: (u64, u64),
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
