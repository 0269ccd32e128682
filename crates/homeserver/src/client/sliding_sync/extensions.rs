// SPDX-License-Identifier: Apache-2.0
//! The five extensions: to-device, end-to-end encryption, account data, receipts, typing
//! (MSC3885, MSC3884, MSC3959, MSC3960, MSC3961).

use std::collections::BTreeSet;

use estafette_core::{event::Membership, ids::RoomId, limits::SYNC_TO_DEVICE_MAX};
use estafette_store::{
    AccountDataStore as _, Position, RoomStore as _, StoreResult, account_data::AccountData,
};

use super::{
    connection::Place,
    lists::Selection,
    request::{OfRooms, Request},
};
use crate::{
    client::{
        account_data::shown,
        sync::{account_data_event, receipt_event, typing_event},
    },
    notify::UserFact,
    sync::{Reader, devices, writer::ObjectWriter},
};

/// Deletes the to-device messages that the device shows to have.
pub(super) fn acknowledge(reader: &Reader, request: &Request) {
    if request.extensions.to_device.enabled == Some(true) {
        devices::acknowledge(reader, since(request));
    }
}

/// The device's place among its to-device messages: the number of our own `next_batch`.
fn since(request: &Request) -> Position {
    let text = request.extensions.to_device.since.as_deref().unwrap_or_default();
    text.parse().unwrap_or_default()
}

/// What the answer speaks of.
pub(super) struct Context<'a> {
    pub(super) reader: &'a Reader,
    pub(super) request: &'a Request,
    pub(super) place: &'a Place,
    pub(super) selection: &'a Selection,
    /// Rooms that the answer tells of, with whether they are new to the device.
    pub(super) told: &'a [(RoomId, bool)],
}

/// Writes the `extensions`; `true` when they say something that the device does not know.
pub(super) async fn write(
    context: &Context<'_>,
    answer: &mut ObjectWriter<'_>,
) -> StoreResult<bool> {
    let mut news = false;
    let mut out = answer.object("extensions");
    news |= to_device(context, &mut out).await?;
    news |= e2ee(context, &mut out).await?;
    news |= account_data(context, &mut out).await?;
    news |= receipts(context, &mut out).await?;
    news |= typing(context, &mut out);
    out.close();
    Ok(news)
}

async fn to_device(context: &Context<'_>, out: &mut ObjectWriter<'_>) -> StoreResult<bool> {
    let wish = &context.request.extensions.to_device;
    if wish.enabled != Some(true) {
        return Ok(false);
    }
    let limit = wish.limit.unwrap_or(SYNC_TO_DEVICE_MAX);
    let (messages, last) =
        devices::to_device(context.reader, since(context.request), limit).await?;
    let mut part = out.object("to_device");
    part.text("next_batch", &last.to_string());
    crate::sync::writer::array(part.key("events"), &messages);
    part.close();
    Ok(!messages.is_empty())
}

async fn e2ee(context: &Context<'_>, out: &mut ObjectWriter<'_>) -> StoreResult<bool> {
    if context.request.extensions.e2ee.enabled != Some(true) {
        return Ok(false);
    }
    let (reader, since) = (context.reader, context.place.pos);
    let mut news = context.place.is_first();
    let mut part = out.object("e2ee");
    if !context.place.is_first() {
        let changes = reader.user.changes(since, reader.head);
        let rooms = changed_rooms(reader, changes.as_deref());
        let lists = devices::device_lists(reader, since, &rooms).await?;
        news |= !lists.is_empty();
        news |= changes.is_none_or(|changes| {
            changes.iter().any(|fact| match fact {
                UserFact::OneTimeKeys(device) => Some(device) == reader.device_id.as_ref(),
                _ => false,
            })
        });
        if !lists.is_empty() {
            devices::write_device_lists(&lists, &mut part, "device_lists");
        }
    }
    let keys = ("device_one_time_keys_count", "device_unused_fallback_key_types");
    devices::write_key_counts(reader, &mut part, keys).await?;
    part.close();
    Ok(news)
}

/// The rooms of the user's facts; all of them where the log does not reach back.
fn changed_rooms(reader: &Reader, changes: Option<&[UserFact]>) -> Vec<RoomId> {
    let mut rooms = BTreeSet::new();
    match changes {
        Some(changes) => rooms.extend(changes.iter().filter_map(|fact| match fact {
            UserFact::Room(room_id) => Some(room_id.clone()),
            _ => None,
        })),
        None => reader.user.for_each_room(|room_id, _| {
            rooms.insert(room_id.clone());
        }),
    }
    rooms.into_iter().collect()
}

/// Whether an extension speaks of a room: by name, by the list that shows it, or because nothing
/// narrows it.
fn speaks_of(context: &Context<'_>, wish: &OfRooms, room_id: &RoomId) -> bool {
    let any = |names: &Vec<String>| names.iter().any(|name| name == "*");
    let by_list = wish.lists.as_ref().is_none_or(|lists| {
        any(lists)
            || lists.iter().any(|list| {
                context.selection.in_lists.get(list).is_some_and(|rooms| rooms.contains(room_id))
            })
    });
    let subscribed = context.request.room_subscriptions.contains_key(room_id);
    let by_room = match &wish.rooms {
        None => subscribed,
        Some(rooms) => {
            any(rooms) && subscribed || rooms.iter().any(|room| room == room_id.as_str())
        }
    };
    by_list || by_room
}

async fn account_data(context: &Context<'_>, out: &mut ObjectWriter<'_>) -> StoreResult<bool> {
    let wish = &context.request.extensions.account_data;
    if wish.enabled != Some(true) {
        return Ok(false);
    }
    let (reader, store) = (context.reader, &context.reader.server.store);
    let mut data: Vec<AccountData> = if context.place.is_first() {
        store.all_account_data(reader.user_id()).await?
    } else {
        store.account_data_changes(reader.user_id(), context.place.pos, reader.head).await?
    };
    if !context.place.is_first() {
        // A room that is new to the device comes with all of its data.
        for (room_id, _) in context.told.iter().filter(|(_, initial)| *initial) {
            data.retain(|entry| entry.room_id.as_ref() != Some(room_id));
            data.extend(store.room_account_data(reader.user_id(), room_id).await?);
        }
    }
    let mut data = shown(&reader.server, reader.user_id(), data, context.place.is_first());
    data.retain(|entry| match &entry.room_id {
        None => true,
        Some(room_id) => speaks_of(context, wish, room_id),
    });
    let mut part = out.object("account_data");
    let global = data.iter().filter(|entry| entry.room_id.is_none()).map(account_data_event);
    crate::sync::writer::array(part.key("global"), global);
    let mut rooms = part.object("rooms");
    let ids: BTreeSet<&RoomId> = data.iter().filter_map(|entry| entry.room_id.as_ref()).collect();
    for room_id in ids {
        let of_room = data.iter().filter(|entry| entry.room_id.as_ref() == Some(room_id));
        let events = of_room.map(account_data_event);
        crate::sync::writer::array(rooms.key(room_id.as_str()), events);
    }
    rooms.close();
    part.close();
    Ok(!data.is_empty())
}

async fn receipts(context: &Context<'_>, out: &mut ObjectWriter<'_>) -> StoreResult<bool> {
    let wish = &context.request.extensions.receipts;
    if wish.enabled != Some(true) {
        return Ok(false);
    }
    let reader = context.reader;
    let mut rooms: Vec<(RoomId, Position)> = Vec::new();
    for (room_id, initial) in context.told.iter().filter(|(_, initial)| *initial) {
        rooms.push((room_id.clone(), if *initial { Position(0) } else { context.place.pos }));
    }
    if !context.place.is_first() {
        let facts = reader.user.changes(context.place.pos, reader.head).unwrap_or_default();
        for fact in facts {
            if let UserFact::Receipt(room_id) = fact
                && !rooms.iter().any(|(known, _)| *known == room_id)
            {
                rooms.push((room_id, context.place.pos));
            }
        }
    }
    let mut news = false;
    let mut part = out.object("receipts");
    let mut of_rooms = part.object("rooms");
    for (room_id, after) in rooms {
        let joined =
            reader.user.room(&room_id).is_some_and(|own| own.membership == Membership::Join);
        if !joined || !speaks_of(context, wish, &room_id) {
            continue;
        }
        let mut receipts = reader.server.store.receipts(&room_id, after).await?;
        receipts.retain(|receipt| receipt.kind == "m.read" || receipt.user_id == *reader.user_id());
        if let Some(event) = receipt_event(&receipts) {
            news = true;
            of_rooms.raw(room_id.as_str(), &event);
        }
    }
    of_rooms.close();
    part.close();
    Ok(news)
}

fn typing(context: &Context<'_>, out: &mut ObjectWriter<'_>) -> bool {
    let wish = &context.request.extensions.typing;
    if wish.enabled != Some(true) {
        return false;
    }
    let reader = context.reader;
    let typing = &reader.server.typing;
    let mut part = out.object("typing");
    let mut rooms = part.object("rooms");
    let mut news = false;
    for room_id in typing.changed_since(context.place.typing) {
        let joined =
            reader.user.room(&room_id).is_some_and(|own| own.membership == Membership::Join);
        let users = typing.in_room(&room_id).1;
        // A device that was told nothing need not hear of people who stopped.
        let stale = context.place.is_first() && users.is_empty();
        if joined && !stale && speaks_of(context, wish, &room_id) {
            news = true;
            rooms.raw(room_id.as_str(), &typing_event(&users));
        }
    }
    rooms.close();
    part.close();
    news
}
