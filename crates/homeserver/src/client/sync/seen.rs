// SPDX-License-Identifier: Apache-2.0
//! What a device has seen of what has no place in the log: typing and presence.

use std::collections::BTreeSet;

use estafette_core::{event::Membership, ids::RoomId};

use super::Wish;
use crate::sync::{Reader, Token};

/// The version of typing as of now, and the rooms whose typing the device has not seen.
pub(super) fn typing(reader: &Reader, wish: &Wish) -> (u64, BTreeSet<RoomId>) {
    let typing = &reader.server.typing;
    let now = typing.version();
    let seen = versions(reader, wish).map_or(0, |memory| memory.0);
    let is_in = |room_id: &RoomId| {
        reader.user.room(room_id).is_some_and(|own| own.membership == Membership::Join)
    };
    let mut changed = typing.changed_since(seen);
    // A device that saw nothing need not hear of people who stopped.
    changed.retain(|room_id| is_in(room_id) && (seen > 0 || !typing.in_room(room_id).1.is_empty()));
    (now, changed.into_iter().collect())
}

/// The versions of typing and of presence that the device has seen, if it goes on from the answer
/// that is remembered.
pub(super) fn versions(reader: &Reader, wish: &Wish) -> Option<(u64, u64)> {
    let devices = reader.user.devices.lock();
    let memory = devices.get(reader.device_id.as_ref()?)?;
    (memory.answered == wish.since).then_some((memory.typing, memory.presence))
}

/// Notes what the device knows once it has this answer.
pub(super) fn remember_answer(reader: &Reader, token: Token, (typing, presence): (u64, u64)) {
    let Some(device_id) = &reader.device_id else { return };
    let mut devices = reader.user.devices.lock();
    let memory = devices.entry(device_id.clone()).or_default();
    memory.answered = Some(token);
    memory.typing = typing;
    memory.presence = presence;
}
