// SPDX-License-Identifier: Apache-2.0
//! The five extensions: to-device, end-to-end encryption, account data, receipts, typing
//! (MSC3885, MSC3884, MSC3959, MSC3960, MSC3961).

use std::collections::{BTreeSet, HashMap, HashSet};

use estafette_core::{
    event::Membership,
    ids::{EventId, RoomId},
    limits::SYNC_TO_DEVICE_MAX,
};
use estafette_store::{
    AccountDataStore as _, Position, StoreResult, account_data::AccountData, rooms::Receipt,
};

use super::{
    connection::{ExtensionsOn, Place},
    lists::Selection,
    request::{OfRooms, Request},
};
use crate::{
    client::{
        account_data::shown,
        sync::{account_data_event, receipt_event, typing_event},
    },
    notify::UserFact,
    sync::{
        Reader, devices,
        writer::{ObjectWriter, array},
    },
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
    /// Rooms that the answer tells whole, with the events of their timelines.
    pub(super) initial: &'a HashMap<RoomId, HashSet<EventId>>,
    /// Up to which version of typing is told.
    pub(super) typing: u64,
}

impl Context<'_> {
    /// The rooms in windows and subscriptions of which an extension speaks: by name, by the list
    /// that shows it, or because nothing narrows it. With how far it spoke of each before.
    fn rooms<'b>(
        &'b self,
        wish: &'b OfRooms,
        was_on: bool,
    ) -> impl Iterator<Item = (&'b RoomId, Option<(Position, u64)>)> {
        let rooms = self.selection.rooms.iter().map(|(room, _)| &room.room_id);
        rooms.filter(|room_id| self.speaks_of(wish, room_id)).map(move |room_id| {
            let known = was_on && !self.initial.contains_key(room_id);
            (room_id, if known { self.place.spoken_upto(room_id) } else { None })
        })
    }

    fn speaks_of(&self, wish: &OfRooms, room_id: &RoomId) -> bool {
        let any = |names: &Vec<String>| names.iter().any(|name| name == "*");
        let mut lists = self.selection.lists_of(room_id);
        let by_list = match &wish.lists {
            None => lists.next().is_some(),
            Some(wanted) => {
                lists.any(|list| any(wanted) || wanted.iter().any(|wanted| wanted == list))
            }
        };
        let subscribed = self.request.room_subscriptions.contains_key(room_id);
        let by_name = match &wish.rooms {
            None => subscribed,
            Some(rooms) => {
                any(rooms) && subscribed || rooms.iter().any(|room| room == room_id.as_str())
            }
        };
        by_list || by_name
    }

    /// The rooms in which receipts or account data changed since `place`; `None` for any.
    fn changed(&self, of: impl Fn(UserFact) -> Option<RoomId>) -> Option<HashSet<RoomId>> {
        let changes = self.reader.user.changes(self.place.pos, self.reader.head)?;
        Some(changes.into_iter().filter_map(of).collect())
    }
}

/// Which extensions a request turns on.
pub(super) fn on(request: &Request) -> ExtensionsOn {
    let extensions = &request.extensions;
    ExtensionsOn {
        account_data: extensions.account_data.enabled == Some(true),
        receipts: extensions.receipts.enabled == Some(true),
        typing: extensions.typing.enabled == Some(true),
    }
}

/// Writes the `extensions`; `true` when they say something that the device does not know.
pub(super) async fn write(
    context: &Context<'_>,
    answer: &mut ObjectWriter<'_>,
) -> StoreResult<bool> {
    let mut news = false;
    let on = on(context.request);
    let mut out = answer.object("extensions");
    news |= to_device(context, &mut out).await?;
    news |= e2ee(context, &mut out).await?;
    if on.account_data {
        news |= account_data(context, &mut out).await?;
    }
    if on.receipts {
        news |= receipts(context, &mut out).await?;
    }
    if on.typing {
        news |= typing(context, &mut out);
    }
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
    array(part.key("events"), &messages);
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
    devices::write_key_counts(reader, &mut part).await?;
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

async fn account_data(context: &Context<'_>, out: &mut ObjectWriter<'_>) -> StoreResult<bool> {
    let (reader, store) = (context.reader, &context.reader.server.store);
    let was_on = context.place.extensions.account_data;
    let (user_id, since) = (reader.user_id(), context.place.pos);
    let changes = if was_on {
        store.account_data_changes(user_id, since, reader.head).await?
    } else {
        store.all_account_data(user_id).await?
    };
    let global = changes.iter().filter(|data| data.room_id.is_none()).cloned().collect();
    let global = shown(&reader.server, user_id, global, !was_on);
    let mut news = !global.is_empty();
    let mut part = out.object("account_data");
    array(part.key("global"), global.iter().map(account_data_event));
    let mut rooms = part.object("rooms");
    let wish = &context.request.extensions.account_data;
    for (room_id, upto) in context.rooms(wish, was_on) {
        let of_room: Vec<AccountData> = match upto {
            // The changes since the last answer are at hand.
            Some((upto, _)) if upto >= since => {
                let of_room = |data: &&AccountData| data.room_id.as_ref() == Some(room_id);
                changes.iter().filter(of_room).cloned().collect()
            }
            Some((upto, _)) => {
                let mut all = store.account_data_changes(user_id, upto, reader.head).await?;
                all.retain(|data| data.room_id.as_ref() == Some(room_id));
                all
            }
            None => store.room_account_data(user_id, room_id).await?,
        };
        if !of_room.is_empty() {
            news = true;
            array(rooms.key(room_id.as_str()), of_room.iter().map(account_data_event));
        }
    }
    rooms.close();
    part.close();
    Ok(news)
}

async fn receipts(context: &Context<'_>, out: &mut ObjectWriter<'_>) -> StoreResult<bool> {
    let reader = context.reader;
    let wish = &context.request.extensions.receipts;
    let moved = context.changed(|fact| match fact {
        UserFact::Receipt(room_id) => Some(room_id),
        _ => None,
    });
    let mut questions = Vec::new();
    for (room_id, upto) in context.rooms(wish, context.place.extensions.receipts) {
        let own = reader.user.room(room_id);
        let after = upto.map_or(Position(0), |(upto, _)| upto);
        let unmoved = after >= context.place.pos
            && upto.is_some()
            && moved.as_ref().is_some_and(|moved| !moved.contains(room_id));
        if unmoved || own.is_none_or(|own| own.membership != Membership::Join) {
            continue;
        }
        questions.push((room_id.clone(), after, upto.is_none()));
    }
    let mut news = false;
    let mut part = out.object("receipts");
    let mut of_rooms = part.object("rooms");
    for (room_id, mut receipts, whole) in receipts_of(reader, questions).await? {
        receipts.retain(|receipt| {
            let own = receipt.user_id == *reader.user_id();
            receipt.pos <= reader.head && (receipt.kind == "m.read" || own)
        });
        if whole && let Some(events) = context.initial.get(&room_id) {
            // Of a room that is told whole, who read what is shown of it (MSC3960).
            receipts.retain(|receipt| {
                receipt.user_id == *reader.user_id() || events.contains(&receipt.event_id)
            });
        }
        if let Some(event) = receipt_event(&receipts) {
            news = true;
            of_rooms.raw(room_id.as_str(), &event);
        }
    }
    of_rooms.close();
    part.close();
    Ok(news)
}

/// The receipts of each room that entered the log after its position, read in one visit.
async fn receipts_of(
    reader: &Reader,
    questions: Vec<(RoomId, Position, bool)>,
) -> StoreResult<Vec<(RoomId, Vec<Receipt>, bool)>> {
    if questions.is_empty() {
        return Ok(Vec::new());
    }
    let receipts = reader.server.store.look(move |look| {
        let of_room = |(room_id, after, whole): (RoomId, Position, bool)| {
            let receipts = look.receipts(&room_id, after)?;
            Ok((room_id, receipts, whole))
        };
        questions.into_iter().map(of_room).collect()
    });
    receipts.await
}

fn typing(context: &Context<'_>, out: &mut ObjectWriter<'_>) -> bool {
    let reader = context.reader;
    let typing = &reader.server.typing;
    let wish = &context.request.extensions.typing;
    let mut part = out.object("typing");
    let mut rooms = part.object("rooms");
    let mut news = false;
    for (room_id, upto) in context.rooms(wish, context.place.extensions.typing) {
        let (version, users) = typing.in_room(room_id);
        let joined =
            reader.user.room(room_id).is_some_and(|own| own.membership == Membership::Join);
        let told = match upto {
            Some((_, upto)) => version <= upto,
            // A device that was told nothing need not hear of people who stopped.
            None => users.is_empty(),
        };
        if joined && !told && version <= context.typing {
            news = true;
            rooms.raw(room_id.as_str(), &typing_event(&users));
        }
    }
    rooms.close();
    part.close();
    news
}
