// SPDX-License-Identifier: Apache-2.0
//! What a device has seen of what has no place in the log: typing and presence.

use std::collections::BTreeSet;

use estafette_core::{event::Membership, ids::RoomId};

use parking_lot::Mutex;

use super::Wish;
use crate::sync::{Reader, SentMembers, Token};

/// The version of typing as of now, and the rooms whose typing the device has not seen.
pub(super) fn typing(reader: &Reader, wish: &Wish) -> (u64, BTreeSet<RoomId>) {
    let typing = &reader.server.typing;
    let now = typing.version();
    let seen = versions(reader, wish).0;
    let is_in = |room_id: &RoomId| {
        reader.user.room(room_id).is_some_and(|own| own.membership == Membership::Join)
    };
    let mut changed = typing.changed_since(seen);
    // A device that saw nothing need not hear of people who stopped.
    changed.retain(|room_id| is_in(room_id) && (seen > 0 || !typing.in_room(room_id).1.is_empty()));
    (now, changed.into_iter().collect())
}

/// The versions of typing and of presence that the device has seen. What a token of another
/// database says is not believed.
pub(super) fn versions(reader: &Reader, wish: &Wish) -> (u64, u64) {
    let Some(since) = wish.since else { return (0, 0) };
    let known = |seen: u64, now: u64| if seen <= now { seen } else { 0 };
    let server = &reader.server;
    let typing = known(since.typing, server.typing.version());
    (typing, known(since.presence, server.presence.version()))
}

/// The members that the device has; an answer in the making adds to them. `None` where nobody asks
/// for lazily loaded members, or where there is no device to remember them of.
pub(super) fn known_members(reader: &Reader, wish: &Wish) -> Option<Mutex<SentMembers>> {
    let device_id = reader.device_id.as_ref().filter(|_| wish.loads_lazily())?;
    let devices = reader.user.devices.lock();
    let known = devices.get(device_id).map(|memory| memory.known(wish.since));
    Some(Mutex::new(known.unwrap_or_default()))
}

/// Notes what the device knows once it has this answer.
pub(super) fn remember_answer(
    reader: &Reader,
    wish: &Wish,
    token: Token,
    sent: Option<Mutex<SentMembers>>,
) {
    let Some(device_id) = &reader.device_id else { return };
    let mut devices = reader.user.devices.lock();
    // Who never asked for members lazily has nothing to remember.
    if wish.loads_lazily() || devices.contains_key(device_id) {
        let memory = devices.entry(device_id.clone()).or_default();
        let members = sent.map_or_else(|| memory.known(wish.since), Mutex::into_inner);
        memory.finish(wish.since, token, members);
    }
}
