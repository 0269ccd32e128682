// SPDX-License-Identifier: Apache-2.0
//! One answer of sliding sync.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use estafette_core::{
    event::Membership,
    ids::{EventId, RoomId},
};
use estafette_store::{Position, StoreResult, to_device::ToDeviceStore as _};

use super::{
    connection::{self, Place},
    extensions,
    lists::{self, Selection},
    request::Request,
    room,
};
use crate::{
    history,
    notify::UserFact,
    sync::{Reader, counts, devices, room::may_begin_before, writer::ObjectWriter},
};

/// Builds the answer as of now and sets `reader.head`; `None` when there is nothing to tell and
/// `even_if_empty` is not set.
pub(super) async fn build(
    reader: &mut Reader,
    request: &Request,
    place: &Place,
    even_if_empty: bool,
) -> StoreResult<Option<String>> {
    let candidates = lists::candidates(reader, reader.server.notifier.head());
    let reader = &*reader;
    if !even_if_empty && is_quiet(reader, request, place) {
        return Ok(None);
    }
    let typing = reader.server.typing.version();
    let selection = lists::select((reader, candidates), request, place).await?;
    let on = extensions::on(request);
    let mut next = Place { pos: reader.head, typing, extensions: on, ..place.clone() };
    let mut rooms = String::new();
    let told = write_rooms((reader, request), place, &mut next, &selection, &mut rooms).await?;
    let mut json = String::with_capacity(rooms.len() + 512);
    let mut answer = ObjectWriter::open(&mut json);
    let initial = &told.initial;
    let context =
        extensions::Context { reader, request, place, selection: &selection, initial, typing };
    let news = extensions::write(&context, &mut answer).await?;
    let changed = place.is_first() || told.any || *place.counts != selection.counts;
    if !news && !changed && !even_if_empty {
        return Ok(None);
    }
    let mut lists = answer.object("lists");
    for (name, count) in &selection.counts {
        let mut list = lists.object(name);
        list.display("count", count);
        list.close();
    }
    lists.close();
    answer.raw("rooms", &rooms);
    if let Some(txn_id) = &request.txn_id {
        answer.text("txn_id", txn_id);
    }
    if place.is_first() {
        connection::forget(reader, &request.conn_id);
    }
    next.speak_of(place, selection.rooms.into_iter().map(|(room, _)| room.room_id).collect());
    next.counts = Arc::new(selection.counts);
    let pos = connection::remember(reader, &request.conn_id, next);
    answer.text("pos", &pos);
    answer.close();
    Ok(Some(json))
}

/// Whether nothing at all changed for the device since `place`. Cheap.
fn is_quiet(reader: &Reader, request: &Request, place: &Place) -> bool {
    if place.is_first() {
        return false;
    }
    let nothing = reader.user.changes(place.pos, reader.head).is_some_and(|all| all.is_empty());
    let waits = reader.device_id.as_ref().map_or(Position(0), |device_id| {
        reader.server.store.last_to_device(reader.user_id(), device_id)
    });
    let wants_messages = request.extensions.to_device.enabled == Some(true);
    let same_wishes = request.lists.is_empty() && request.room_subscriptions.is_empty();
    nothing
        && same_wishes
        && !(wants_messages && waits > Position(0))
        && reader.server.typing.version() == place.typing
        && !devices::may_have_changed(reader, place.pos)
}

/// What was told of rooms.
#[derive(Default)]
struct ToldRooms {
    any: bool,
    /// The rooms that were told whole, with the events of their timelines.
    initial: HashMap<RoomId, HashSet<EventId>>,
}

/// Reads what telling of the rooms needs in few visits to the store.
async fn prepare_rooms(reader: &Reader, selection: &Selection) -> StoreResult<()> {
    if selection.rooms.len() < 2 {
        return Ok(());
    }
    let joined = selection.rooms.iter().map(|(room, _)| room);
    let joined = joined.filter(|room| room.own.membership == Membership::Join);
    let joined: Vec<_> =
        joined.map(|room| (room.room_id.clone(), Arc::clone(&room.snapshot))).collect();
    counts::prepare(reader, &joined).await?;
    let late = selection.rooms.iter().filter(|(room, parameters)| {
        let limit = usize::try_from(parameters.timeline_limit).unwrap_or(usize::MAX);
        may_begin_before(&room.snapshot, room.own.joined_at, (reader.head, limit))
    });
    let late = late.map(|(room, _)| &room.room_id);
    history::prepare(&reader.server, &reader.user, late).await
}

/// Writes the rooms that have something to say, and notes what the device knows then. A room whose
/// part failed fails the answer: nothing is noted as told that was not (pitfall 37).
async fn write_rooms(
    (reader, request): (&Reader, &Request),
    place: &Place,
    next: &mut Place,
    selection: &Selection,
    out: &mut String,
) -> StoreResult<ToldRooms> {
    prepare_rooms(reader, selection).await?;
    let mut told = ToldRooms::default();
    let facts = reader.user.changes(place.pos, reader.head);
    let mut rooms = ObjectWriter::open(out);
    for (room, parameters) in &selection.rooms {
        let moved = |facts: &Vec<UserFact>| {
            facts.iter().any(|fact| matches!(fact, UserFact::Receipt(of) if *of == room.room_id))
        };
        let wish = room::Wish {
            dialect: request.dialect,
            parameters,
            told: place.rooms.get(&room.room_id),
            since: (!place.is_first()).then_some(place.pos),
            is_direct: selection.direct.contains(&room.room_id),
            receipts_moved: facts.as_ref().is_none_or(moved),
            lists: selection.lists_of(&room.room_id).collect(),
        };
        let Some(part) = room::part(reader, room, &wish).await? else { continue };
        if let Some(json) = &part.json {
            rooms.raw(room.room_id.as_str(), json);
            told.any = true;
        }
        if part.initial {
            told.initial.insert(room.room_id.clone(), part.events);
        }
        next.rooms.insert_mut(room.room_id.clone(), part.told);
    }
    rooms.close();
    Ok(told)
}
