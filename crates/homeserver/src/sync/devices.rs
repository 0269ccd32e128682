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
        if shares_encrypted_room(reader, user).await? {
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
    if !snapshot.view.is_encrypted() {
        return Ok(());
    }
    let joined = own.membership == Membership::Join;
    let changes: Vec<Arc<Event>> = match snapshot.recent.after(since, reader.head) {
        Some(events) => events.iter().map(|event| Arc::clone(&event.event)).collect(),
        None => server.store.state_changes(room_id, since, reader.head).await?,
    };
    let became_encrypted = changes.iter().any(|event| event.kind() == "m.room.encryption");
    let came_in = joined && own.joined_at > since;
    let went = !joined && own.pos > since && own.pos <= reader.head;
    if went || (joined && (became_encrypted || came_in)) {
        let members = snapshot.view.state().iter_kind_unordered("m.room.member");
        let members = members.filter(|member| member.membership() == Some(Membership::Join));
        let users = members.filter_map(|member| UserId::parse(member.state_key()?).ok());
        facts.extend(users.map(if went { SharingFact::Parted } else { SharingFact::Met }));
    }
    if !joined {
        return Ok(());
    }
    for event in changes.iter().filter(|event| event.kind() == "m.room.member") {
        let Some(user) = event.state_key().and_then(|key| UserId::parse(key).ok()) else {
            continue;
        };
        facts.push(match event.membership() {
            Some(Membership::Join) => SharingFact::Met(user),
            _ => SharingFact::Parted(user),
        });
    }
    Ok(())
}

/// Whether the reader and `user` are both in some room that is in memory, encrypted or not.
pub fn shares_known_room(reader: &Reader, user: &UserId) -> bool {
    let mut shared = false;
    reader.user.for_each_room(|room_id, own| {
        shared |= own.membership == Membership::Join
            && reader.server.rooms.published(room_id).is_some_and(|room| room.view.is_joined(user));
    });
    shared
}

/// Whether the reader and `user` are both in some encrypted room.
pub async fn shares_encrypted_room(reader: &Reader, user: &UserId) -> StoreResult<bool> {
    let server = &reader.server;
    let mut not_in_memory = Vec::new();
    let mut shared = false;
    reader.user.for_each_room(|room_id, own| {
        if shared || own.membership != Membership::Join {
            return;
        }
        match server.rooms.published(room_id) {
            Some(room) => shared = room.view.is_encrypted() && room.view.is_joined(user),
            None => not_in_memory.push(room_id.clone()),
        }
    });
    for room_id in not_in_memory {
        if shared {
            break;
        }
        if let Some(room) = server.rooms.get(&server.store, &room_id).await? {
            let view = &room.snapshot().view;
            shared = view.is_encrypted() && view.is_joined(user);
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
/// answer (E5).
pub async fn write_key_counts(
    reader: &Reader,
    into: &mut ObjectWriter<'_>,
    keys: (&str, &str),
) -> StoreResult<()> {
    let Some(device_id) = &reader.device_id else { return Ok(()) };
    let state = reader.server.store.one_time_key_counts(reader.user_id(), device_id).await?;
    let mut counts = into.object(keys.0);
    for (algorithm, count) in &state.counts {
        counts.display(algorithm, count);
    }
    counts.close();
    let types = state.unused_fallback.iter().map(|algorithm| {
        let mut text = String::new();
        write_json_string(&mut text, algorithm);
        text
    });
    array(into.key(keys.1), types);
    Ok(())
}
