// SPDX-License-Identifier: Apache-2.0
//! What a device must hear of keys: to-device messages, device lists, key counts (E1–E6).

use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
};

use estafette_core::{
    devices::{DeviceLists, SharingFact, device_lists as sort_device_lists},
    event::{Event, Membership},
    ids::{RoomId, UserId},
    json::write_json_string,
    limits::SYNC_TO_DEVICE_MAX,
};
use estafette_store::{
    Position, RoomStore as _, StoreResult, keys::KeyStore as _, to_device::ToDeviceStore as _,
};

use super::{
    Reader,
    writer::{ObjectWriter, array},
};
use crate::rooms::Snapshot;

/// Writes the `device_lists` member.
pub fn write_device_lists(lists: &DeviceLists, into: &mut ObjectWriter<'_>, key: &str) {
    let list = |users: &BTreeSet<UserId>| {
        let mut out = String::new();
        let names = users.iter().map(|user| {
            let mut name = String::new();
            write_json_string(&mut name, user.as_str());
            name
        });
        array(&mut out, names);
        out
    };
    let mut both = into.object(key);
    both.raw("changed", &list(&lists.changed));
    both.raw("left", &list(&lists.left));
    both.close();
}

/// Whether device lists may have changed for the reader after `since`; cheap.
pub fn may_have_changed(reader: &Reader, since: Position) -> bool {
    let changes = reader.server.notifier.device_list_changes(since, reader.head);
    changes.is_none_or(|users| !users.is_empty())
}

/// What changed in device lists after `since` (E6; Client-Server API, "Tracking the device list
/// for a user"). `rooms` are the rooms in which something happened since then.
///
/// The specification speaks of encrypted rooms. Rooms without encryption count here too: clients
/// look up the devices of members of such rooms as well, to verify people or to encrypt to-device
/// messages, and are not left with a list of which nobody tells them that it is old.
pub async fn device_lists(
    reader: &Reader,
    since: Position,
    rooms: &[RoomId],
) -> StoreResult<DeviceLists> {
    let server = &reader.server;
    let mut facts = Vec::new();
    for room_id in rooms {
        room_facts(reader, since, room_id, &mut facts).await?;
    }
    let updated = match server.notifier.device_list_changes(since, reader.head) {
        Some(users) => users,
        None => server.store.device_list_changes(since, reader.head).await?,
    };
    let mut signed = Vec::new();
    for user in updated {
        if user == *reader.user_id() {
            signed = server.store.signature_changes(&user, since).await?;
        }
        facts.push(SharingFact::Changed(user));
    }
    let mut sharing = HashSet::new();
    for user in facts.iter().map(SharingFact::user_id).collect::<BTreeSet<_>>() {
        if shares_room(reader, user).await? {
            sharing.insert(user.clone());
        }
    }
    let mut lists = sort_device_lists(reader.user_id(), facts, |user| sharing.contains(user));
    // Whom the reader signed is for the reader's own devices to hear.
    for user in signed {
        lists.left.remove(&user);
        lists.changed.insert(user);
    }
    Ok(lists)
}

/// Who came to share a room with the reader after `since`. `rooms` are the rooms in which something
/// happened since then.
pub async fn met(
    reader: &Reader,
    since: Position,
    rooms: &[RoomId],
) -> StoreResult<HashSet<UserId>> {
    let mut facts = Vec::new();
    for room_id in rooms {
        room_facts(reader, since, room_id, &mut facts).await?;
    }
    let met = facts.into_iter().filter_map(|fact| match fact {
        SharingFact::Met(user) => Some(user),
        _ => None,
    });
    Ok(met.collect())
}

/// Who came or went in one room, or came to be reachable because the room became encrypted or the
/// reader came in.
async fn room_facts(
    reader: &Reader,
    since: Position,
    room_id: &RoomId,
    facts: &mut Vec<SharingFact>,
) -> StoreResult<()> {
    let server = &reader.server;
    let Some(own) = reader.user.room(room_id) else { return Ok(()) };
    let Some(room) = server.rooms.get(&server.store, room_id).await? else { return Ok(()) };
    let snapshot = room.snapshot();
    if own.membership != Membership::Join {
        if own.pos > since && own.pos <= reader.head && was_in(reader, room_id, since).await? {
            facts.extend(members(&snapshot, own.pos).map(SharingFact::Parted));
        }
        return Ok(());
    }
    let is_join = |event: &Arc<Event>| event.membership() == Some(Membership::Join);
    let changes: Vec<(Arc<Event>, bool)> = match snapshot.recent.after(since, reader.head) {
        Some(events) => {
            let state = events.iter().filter(|event| event.event.state_key().is_some());
            state
                .map(|event| {
                    (Arc::clone(&event.event), event.replaces.as_ref().is_some_and(is_join))
                })
                .collect()
        }
        None => {
            let changes = server.store.state_changes(room_id, since, reader.head).await?;
            changes.into_iter().map(|event| (event, false)).collect()
        }
    };
    let became_encrypted = changes.iter().any(|(event, _)| event.kind() == "m.room.encryption");
    if became_encrypted || own.joined_at > since {
        facts.extend(members(&snapshot, reader.head).map(SharingFact::Met));
    }
    for (event, was_joined) in changes.iter().filter(|(event, _)| event.kind() == "m.room.member") {
        let Some(user) = event.state_key().and_then(|key| UserId::parse(key).ok()) else {
            continue;
        };
        match is_join(event) {
            // A new name or picture changes nothing in who shares the room.
            true if *was_joined => {}
            true => facts.push(SharingFact::Met(user)),
            false => facts.push(SharingFact::Parted(user)),
        }
    }
    Ok(())
}

/// Who is in a room, without those whose membership changed after `upto`, as far as that is in
/// memory.
fn members(snapshot: &Snapshot, upto: Position) -> impl Iterator<Item = UserId> {
    let newer: HashSet<&str> = snapshot
        .recent
        .after(upto, Position(u64::MAX))
        .unwrap_or_default()
        .iter()
        .filter(|event| event.event.kind() == "m.room.member")
        .filter_map(|event| event.event.state_key())
        .collect();
    let members = snapshot.view.state().iter_kind_unordered("m.room.member");
    members
        .filter(|member| member.membership() == Some(Membership::Join))
        .filter_map(|member| member.state_key())
        .filter(move |user| !newer.contains(user))
        .filter_map(|user| UserId::parse(user).ok())
}

/// Whether the reader was in a room at `since` or at some time after it. Who never was in it learns
/// nothing of who is.
async fn was_in(reader: &Reader, room_id: &RoomId, since: Position) -> StoreResult<bool> {
    let key = ("m.room.member".to_owned(), reader.user_id().as_str().to_owned());
    let history = reader.server.store.state_history(room_id, &[key]).await?;
    let history = history.into_iter().next().unwrap_or_default();
    let at_since = history.iter().rposition(|(pos, _)| *pos <= since).unwrap_or_default();
    let is_join = |event: &Arc<Event>| event.membership() == Some(Membership::Join);
    Ok(history.iter().skip(at_since).any(|(_, event)| is_join(event)))
}

/// Whether the reader and `user` are both in some room that is in memory, encrypted or not.
pub fn shares_known_room(reader: &Reader, user: &UserId) -> bool {
    let mut shared = false;
    reader.user.for_each_room(|room_id, own| {
        let published = || reader.server.rooms.published(room_id);
        shared = shared
            || own.membership == Membership::Join
                && published().is_some_and(|room| room.view.is_joined(user));
    });
    shared
}

/// Whether the reader and `user` are both in some room.
pub async fn shares_room(reader: &Reader, user: &UserId) -> StoreResult<bool> {
    let server = &reader.server;
    let mut not_in_memory = Vec::new();
    let mut shared = false;
    reader.user.for_each_room(|room_id, own| {
        if shared || own.membership != Membership::Join {
            return;
        }
        match server.rooms.published(room_id) {
            Some(room) => shared = room.view.is_joined(user),
            None => not_in_memory.push(room_id.clone()),
        }
    });
    for room_id in not_in_memory {
        if shared {
            break;
        }
        if let Some(room) = server.rooms.get(&server.store, &room_id).await? {
            shared = room.snapshot().view.is_joined(user);
        }
    }
    Ok(shared)
}

/// To-device messages after `td`, and the `td` once they are told. Without a device, none.
pub async fn to_device(
    reader: &Reader,
    td: Position,
    limit: usize,
) -> StoreResult<(Vec<String>, Position)> {
    let Some(device_id) = &reader.device_id else { return Ok((Vec::new(), td)) };
    let limit = limit.min(SYNC_TO_DEVICE_MAX);
    let messages =
        reader.server.store.to_device_after(reader.user_id(), device_id, td, limit).await?;
    let last = messages.last().map_or(td, |(pos, _)| *pos);
    Ok((messages.into_iter().map(|(_, json)| json).collect(), last))
}

/// Deletes what the device shows to have by presenting `td`. Nobody waits for it (E2).
pub fn acknowledge(reader: &Reader, td: Position) {
    let Some(device_id) = reader.device_id.clone() else { return };
    let (server, user_id) = (Arc::clone(&reader.server), reader.user_id().clone());
    if td == Position(0) || server.store.last_to_device(&user_id, &device_id) == Position(0) {
        return;
    }
    tokio::spawn(async move {
        let done = server.store.acknowledge_to_device(&user_id, &device_id, td).await;
        if let Err(error) = done {
            // The messages stay, and the next sync acknowledges them again.
            tracing::warn!(%error, "could not delete delivered to-device messages");
        }
    });
}

/// Writes `device_one_time_keys_count` and `device_unused_fallback_key_types`, which stand in every
/// answer (E5); the latter also under the name of MSC2732, which older clients read.
pub async fn write_key_counts(reader: &Reader, into: &mut ObjectWriter<'_>) -> StoreResult<()> {
    let Some(device_id) = &reader.device_id else { return Ok(()) };
    let state = reader.server.store.one_time_key_counts(reader.user_id(), device_id).await?;
    let mut counts = into.object("device_one_time_keys_count");
    for (algorithm, count) in &state.counts {
        counts.display(algorithm, count);
    }
    counts.close();
    let types = state.unused_fallback.iter().map(|algorithm| {
        let mut text = String::new();
        write_json_string(&mut text, algorithm);
        text
    });
    let mut list = String::new();
    array(&mut list, types);
    into.raw("device_unused_fallback_key_types", &list);
    into.raw("org.matrix.msc2732.device_unused_fallback_key_types", &list);
    Ok(())
}
