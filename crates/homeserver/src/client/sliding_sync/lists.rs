// SPDX-License-Identifier: Apache-2.0
//! The lists: which rooms, in which order, and which of them are in a window.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use estafette_core::{
    event::Membership,
    ids::{RoomId, UserId},
};
use estafette_store::{AccountDataStore as _, Position, StoreResult};

use super::{
    connection::Place,
    request::{Filters, Request, RoomParameters},
};
use crate::{notify::OwnRoom, rooms::Snapshot, sync::Reader};

/// A room that may be told.
pub(super) struct Room {
    pub(super) room_id: RoomId,
    pub(super) own: OwnRoom,
    pub(super) snapshot: Arc<Snapshot>,
    /// What orders rooms: the last event that people care about.
    pub(super) bump: Position,
}

/// The rooms of an answer and what is wanted of each.
pub(super) struct Selection {
    /// How many rooms each list has in all.
    pub(super) counts: BTreeMap<String, usize>,
    /// The rooms in windows and subscriptions, latest first.
    pub(super) rooms: Vec<(Room, RoomParameters)>,
    /// Which rooms each list shows.
    pub(super) in_lists: BTreeMap<String, BTreeSet<RoomId>>,
}

/// Types of events that lift a room in the list.
const BUMPS: [&str; 7] = [
    "m.room.create",
    "m.room.message",
    "m.room.encrypted",
    "m.sticker",
    "m.call.invite",
    "m.poll.start",
    "m.beacon_info",
];

/// What the lists' filters ask that is not in the rooms.
struct Marks {
    direct: HashSet<RoomId>,
    tags: HashMap<RoomId, HashSet<String>>,
    children: HashMap<RoomId, HashSet<RoomId>>,
}

/// Selects the rooms of an answer.
pub(super) async fn select(
    reader: &Reader,
    request: &Request,
    place: &Place,
) -> StoreResult<Selection> {
    let rooms = listed_rooms(reader, place).await?;
    let marks = marks(reader, request, &rooms).await?;
    let mut wanted: BTreeMap<usize, RoomParameters> = BTreeMap::new();
    let mut counts = BTreeMap::new();
    let mut in_lists = BTreeMap::new();
    for (name, list) in &request.lists {
        let passing: Vec<usize> = rooms
            .iter()
            .enumerate()
            .filter(|(_, room)| {
                list.filters.as_ref().is_none_or(|filters| passes(filters, room, &marks))
            })
            .map(|(index, _)| index)
            .collect();
        counts.insert(name.clone(), passing.len());
        let shown: &mut BTreeSet<RoomId> = in_lists.entry(name.clone()).or_default();
        for (rank, index) in passing.into_iter().enumerate() {
            let rank = u64::try_from(rank).unwrap_or(u64::MAX);
            if list.ranges.iter().any(|(first, last)| (*first..=*last).contains(&rank)) {
                wanted.entry(index).or_default().join(&list.parameters);
                shown.extend(rooms.get(index).map(|room| room.room_id.clone()));
            }
        }
    }
    for (index, room) in rooms.iter().enumerate() {
        if let Some(parameters) = request.room_subscriptions.get(&room.room_id) {
            wanted.entry(index).or_default().join(parameters);
        }
    }
    let rooms = rooms.into_iter().enumerate();
    let rooms = rooms
        .filter_map(|(index, room)| wanted.remove(&index).map(|parameters| (room, parameters)));
    Ok(Selection { counts, rooms: rooms.collect(), in_lists })
}

/// The rooms that may be in lists, latest first: those the user is in, invited to or knocking at;
/// those the user was put out of; and those left since they were told.
async fn listed_rooms(reader: &Reader, place: &Place) -> StoreResult<Vec<Room>> {
    let mut candidates = Vec::new();
    reader.user.for_each_room(|room_id, own| {
        if !own.forgotten {
            candidates.push((room_id.clone(), own.clone()));
        }
    });
    let mut rooms = Vec::with_capacity(candidates.len());
    for (room_id, own) in candidates {
        let outside = matches!(own.membership, Membership::Leave | Membership::Ban);
        let told = place.rooms.get(&room_id);
        if outside && told.is_none_or(|told| told.upto >= own.pos) && !was_put_out(reader, &room_id)
        {
            continue;
        }
        let Some(hot) = reader.server.rooms.get(&reader.server.store, &room_id).await? else {
            continue;
        };
        let snapshot = hot.snapshot();
        let bump = bump(&snapshot, &own, reader.head);
        rooms.push(Room { room_id, own, snapshot, bump });
    }
    rooms.sort_by(|a, b| b.bump.cmp(&a.bump).then_with(|| a.room_id.cmp(&b.room_id)));
    Ok(rooms)
}

/// Whether somebody else made the user leave: such rooms stay listed.
fn was_put_out(reader: &Reader, room_id: &RoomId) -> bool {
    let own = reader.server.rooms.published(room_id).and_then(|room| {
        room.view.state_event("m.room.member", reader.user_id().as_str()).cloned()
    });
    own.is_some_and(|own| own.sender() != reader.user_id())
}

/// The position of the last event that people care about, as far as it is in memory.
fn bump(snapshot: &Snapshot, own: &OwnRoom, head: Position) -> Position {
    if own.membership != Membership::Join {
        return own.pos;
    }
    let events = snapshot.recent.events().iter().rev();
    let mut upto_head = events.filter(|event| event.pos() <= head);
    let last = upto_head.find(|event| BUMPS.contains(&event.event.kind()));
    let oldest = || snapshot.recent.events().first().map(|event| event.pos());
    last.map(|event| event.pos()).or_else(oldest).unwrap_or_else(|| snapshot.last_pos())
}

async fn marks(reader: &Reader, request: &Request, rooms: &[Room]) -> StoreResult<Marks> {
    let mut marks =
        Marks { direct: HashSet::new(), tags: HashMap::new(), children: HashMap::new() };
    let filters: Vec<&Filters> =
        request.lists.values().filter_map(|list| list.filters.as_ref()).collect();
    if filters.iter().any(|filters| filters.is_dm.is_some()) {
        marks.direct = direct_rooms(reader).await?;
    }
    if filters.iter().any(|filters| filters.tags.is_some() || filters.not_tags.is_some()) {
        marks.tags = tags(reader).await?;
    }
    for space in filters.iter().filter_map(|filters| filters.spaces.as_ref()).flatten() {
        // Only direct children of spaces that the user is in (pitfall 37).
        let space_room = rooms
            .iter()
            .find(|room| room.room_id == *space && room.own.membership == Membership::Join);
        let children = space_room.into_iter().flat_map(|room| {
            let children = room.snapshot.view.state().iter_kind_unordered("m.space.child");
            children
                .filter(|child| child.content().contains_key("via"))
                .filter_map(|child| RoomId::parse(child.state_key()?).ok())
                .collect::<Vec<_>>()
        });
        marks.children.entry(space.clone()).or_default().extend(children);
    }
    Ok(marks)
}

/// The rooms of `m.direct`.
pub(super) async fn direct_rooms(reader: &Reader) -> StoreResult<HashSet<RoomId>> {
    let data = reader.server.store.account_data(reader.user_id(), None, "m.direct").await?;
    let content = data.and_then(|data| data.content);
    let parsed: Option<HashMap<String, Vec<String>>> =
        content.and_then(|content| serde_json::from_str(&content).ok());
    let rooms = parsed.into_iter().flatten().flat_map(|(_, rooms)| rooms);
    Ok(rooms.filter_map(|room| RoomId::parse(&room).ok()).collect())
}

async fn tags(reader: &Reader) -> StoreResult<HashMap<RoomId, HashSet<String>>> {
    let all = reader.server.store.all_account_data(reader.user_id()).await?;
    let of_rooms = all.into_iter().filter(|data| data.kind == "m.tag").filter_map(|data| {
        let content: serde_json::Value = serde_json::from_str(data.content.as_deref()?).ok()?;
        let tags = content.get("tags")?.as_object()?.keys().cloned().collect();
        Some((data.room_id?, tags))
    });
    Ok(of_rooms.collect())
}

fn passes(filters: &Filters, room: &Room, marks: &Marks) -> bool {
    let view = &room.snapshot.view;
    let is = |wanted: Option<bool>, value: bool| wanted.is_none_or(|wanted| wanted == value);
    let room_type = view.state_event("m.room.create", "").and_then(|create| {
        create.content().get("type").and_then(|kind| kind.as_str()).map(str::to_owned)
    });
    let no_tags = HashSet::new();
    let tags = marks.tags.get(&room.room_id).unwrap_or(&no_tags);
    let in_spaces = |spaces: &Vec<RoomId>| {
        spaces
            .iter()
            .filter_map(|space| marks.children.get(space))
            .any(|of_space| of_space.contains(&room.room_id))
    };
    let named_like = |part: &String| {
        let name = view.state_text("m.room.name", "name").unwrap_or_default();
        name.to_lowercase().contains(&part.to_lowercase())
    };
    is(filters.is_dm, marks.direct.contains(&room.room_id))
        && is(filters.is_encrypted, view.is_encrypted())
        && is(filters.is_invite, room.own.membership == Membership::Invite)
        && filters.room_types.as_ref().is_none_or(|types| types.contains(&room_type))
        && !filters.not_room_types.as_ref().is_some_and(|types| types.contains(&room_type))
        && filters.tags.as_ref().is_none_or(|wanted| wanted.iter().any(|tag| tags.contains(tag)))
        && !filters.not_tags.as_ref().is_some_and(|not| not.iter().any(|tag| tags.contains(tag)))
        && filters.spaces.as_ref().is_none_or(in_spaces)
        && filters.room_name_like.as_ref().is_none_or(named_like)
}

/// The other member of a direct chat and the like: who stands for a room without a name.
pub(super) fn heroes(room: &Room, own: &UserId) -> Vec<UserId> {
    crate::sync::room::heroes(&room.snapshot, own)
}
