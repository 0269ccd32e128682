// SPDX-License-Identifier: Apache-2.0
//! One answer of sliding sync.

use estafette_core::ids::RoomId;
use estafette_store::{Position, StoreResult, to_device::ToDeviceStore as _};

use super::{
    connection::{self, Place},
    extensions,
    lists::{self, Selection},
    request::Request,
    room,
};
use crate::sync::{Reader, devices, writer::ObjectWriter};

/// Builds the answer as of `reader.head`; `None` when there is nothing to tell and `even_if_empty`
/// is not set.
pub(super) async fn build(
    reader: &Reader,
    request: &Request,
    place: &Place,
    even_if_empty: bool,
) -> StoreResult<Option<String>> {
    if !even_if_empty && is_quiet(reader, request, place) {
        return Ok(None);
    }
    let typing = reader.server.typing.version();
    let selection = lists::select(reader, request, place).await?;
    let mut next = Place { pos: reader.head, typing, ..place.clone() };
    let mut rooms = String::new();
    let told = write_rooms(reader, place, &mut next, &selection, &mut rooms).await?;
    let mut json = String::with_capacity(rooms.len() + 512);
    let mut answer = ObjectWriter::open(&mut json);
    let context =
        extensions::Context { reader, request, place, selection: &selection, told: &told };
    let news = extensions::write(&context, &mut answer).await?;
    let changed_lists = place.is_first() || !told.is_empty();
    if !news && !changed_lists && !even_if_empty && !asks_for_more(request, place, &selection) {
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

/// Whether the device asks for rooms that it was not told of: then it is answered at once, even if
/// there is nothing in them.
fn asks_for_more(_request: &Request, place: &Place, selection: &Selection) -> bool {
    selection.rooms.iter().any(|(room, _)| !place.rooms.contains_key(&room.room_id))
}

/// Writes the rooms that have something to say, and notes what the device knows then. A room whose
/// part failed fails the answer: nothing is noted as told that was not (pitfall 37).
async fn write_rooms(
    reader: &Reader,
    place: &Place,
    next: &mut Place,
    selection: &Selection,
    out: &mut String,
) -> StoreResult<Vec<(RoomId, bool)>> {
    let direct = if selection.rooms.is_empty() {
        Default::default()
    } else {
        lists::direct_rooms(reader).await?
    };
    let mut told = Vec::new();
    let mut rooms = ObjectWriter::open(out);
    for (room, parameters) in &selection.rooms {
        let before = place.rooms.get(&room.room_id);
        let is_direct = direct.contains(&room.room_id);
        let Some(part) = room::part(reader, room, parameters, before, is_direct).await? else {
            continue;
        };
        rooms.raw(room.room_id.as_str(), &part.json);
        told.push((room.room_id.clone(), before.is_none()));
        next.rooms.insert_mut(room.room_id.clone(), part.told);
    }
    rooms.close();
    Ok(told)
}
