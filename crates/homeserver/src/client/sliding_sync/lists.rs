// SPDX-License-Identifier: Apache-2.0
//! The lists: which rooms, in which order, and which of them are in a window.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use estafette_core::{event::Membership, ids::RoomId};
use estafette_store::{AccountDataStore as _, Position, RoomStore as _, StoreResult};

use super::{
    connection::Place,
    request::{Filters, Request, RoomParameters},
};
use crate::{
    history,
    notify::{Ending, OwnRoom},
    rooms::Snapshot,
    sync::Reader,
};

/// A room that may be told.
pub(super) struct Room {
    pub(super) room_id: RoomId,
    pub(super) own: OwnRoom,
    pub(super) snapshot: Arc<Snapshot>,
    /// What orders rooms: the last event, whatever it is.
    pub(super) activity: Position,
    /// The last event that people care about.
    pub(super) bump: Position,
}

/// The rooms of an answer and what is wanted of each.
pub(super) struct Selection {
    /// How many rooms each list has in all.
    pub(super) counts: BTreeMap<String, usize>,
    /// The rooms in windows and subscriptions, latest first.
    pub(super) rooms: Vec<(Room, RoomParameters)>,
    /// Which rooms each list shows, by the list's name.
    pub(super) in_lists: BTreeMap<String, BTreeSet<RoomId>>,
    /// The user's direct chats (`m.direct`); empty where no room is told.
    pub(super) direct: HashSet<RoomId>,
}

impl Selection {
    /// The names of the lists that show a room.
    pub(super) fn lists_of<'a>(&'a self, room_id: &'a RoomId) -> impl Iterator<Item = &'a str> {
        let lists = self.in_lists.iter().filter(move |(_, rooms)| rooms.contains(room_id));
        lists.map(|(name, _)| name.as_str())
    }
}

/// What the lists' filters ask that is not in the rooms.
struct Marks {
    direct: Option<HashSet<RoomId>>,
    tags: HashMap<RoomId, HashSet<String>>,
    children: HashMap<RoomId, HashSet<RoomId>>,
}

/// The user's rooms as of the head that it sets: `head`, or where a membership is newer, a later
/// one. A room whose membership belongs to the next answer would be missing in this one, and with
/// it everything up to `head` that is told only once.
pub(super) fn candidates(reader: &mut Reader, head: Position) -> Vec<(RoomId, OwnRoom)> {
    let all = |reader: &Reader| {
        let mut rooms = Vec::new();
        reader.user.for_each_room(|room_id, own| {
            if !own.forgotten {
                rooms.push((room_id.clone(), own.clone()));
            }
        });
        rooms
    };
    reader.head = head;
    let rooms = all(reader);
    if rooms.iter().all(|(_, own)| own.pos <= head) {
        return rooms;
    }
    let server = Arc::clone(&reader.server);
    server.notifier.between_commits(|head| {
        reader.head = head;
        all(reader)
    })
}

/// Selects the rooms of an answer.
pub(super) async fn select(
    (reader, candidates): (&Reader, Vec<(RoomId, OwnRoom)>),
    request: &Request,
    place: &Place,
) -> StoreResult<Selection> {
    let rooms = listed_rooms(reader, candidates, place).await?;
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
            let is_in = |(first, last): &(u64, u64)| (*first..=*last).contains(&rank);
            if list.ranges.as_ref().is_none_or(|ranges| ranges.iter().any(is_in)) {
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
    let rooms: Vec<_> = rooms
        .filter_map(|(index, room)| wanted.remove(&index).map(|parameters| (room, parameters)))
        .collect();
    let direct = match marks.direct {
        Some(direct) => direct,
        None if rooms.is_empty() => HashSet::new(),
        None => direct_rooms(reader).await?,
    };
    Ok(Selection { counts, rooms, in_lists, direct })
}

/// The rooms that may be in lists, latest first: those the user is in, invited to or knocking at;
/// those the user was put out of; and those left since they were told. Invitations from ignored
/// users are not listed.
async fn listed_rooms(
    reader: &Reader,
    candidates: Vec<(RoomId, OwnRoom)>,
    place: &Place,
) -> StoreResult<Vec<Room>> {
    let server = &reader.server;
    let ignored = history::ignored_users(server, &reader.user).await?;
    let inside = candidates
        .iter()
        .filter(|(_, own)| !matches!(own.membership, Membership::Leave | Membership::Ban));
    let ids: Vec<RoomId> = inside.map(|(room_id, _)| room_id.clone()).collect();
    server.rooms.warm(&server.store, &ids).await?;
    let mut rooms = Vec::with_capacity(candidates.len());
    for (room_id, own) in candidates {
        let outside = matches!(own.membership, Membership::Leave | Membership::Ban);
        let told = place.rooms.contains_key(&room_id);
        if outside && !told {
            // Those who were put out of a room they had been in may not know it yet.
            let ending = ending(reader, &room_id, own.pos).await?;
            if !ending.by_others || ending.came.is_none() {
                continue;
            }
        }
        let snapshot = match server.rooms.published(&room_id) {
            Some(snapshot) => snapshot,
            None => match server.rooms.get(&server.store, &room_id).await? {
                Some(hot) => hot.snapshot(),
                None => continue,
            },
        };
        if own.membership == Membership::Invite
            && snapshot
                .view
                .state_event("m.room.member", reader.user_id().as_str())
                .is_some_and(|own| ignored.contains(own.sender()))
        {
            continue;
        }
        let activity = activity(&snapshot, &own, reader.head);
        let bump = bump(&snapshot, &own, reader.head);
        rooms.push(Room { room_id, own, snapshot, activity, bump });
    }
    rooms.sort_by(|a, b| b.activity.cmp(&a.activity).then_with(|| a.room_id.cmp(&b.room_id)));
    Ok(rooms)
}

/// How the user came out of a room, at `pos`.
pub(super) async fn ending(
    reader: &Reader,
    room_id: &RoomId,
    pos: Position,
) -> StoreResult<Ending> {
    let known = reader.user.endings.lock().get(room_id).copied();
    if let Some(known) = known.filter(|known| known.pos == pos) {
        return Ok(known);
    }
    let key = ("m.room.member".to_owned(), reader.user_id().as_str().to_owned());
    let history = reader.server.store.state_history(room_id, &[key]).await?;
    let history = history.into_iter().next().unwrap_or_default();
    let (mut came, mut inside, mut by_others) = (None, false, false);
    for (at, own) in history.iter().filter(|(at, _)| *at <= pos) {
        let joins = own.membership() == Some(Membership::Join);
        if joins && !inside {
            came = Some(*at);
        }
        inside = joins;
        by_others = own.sender() != reader.user_id();
    }
    let ending = Ending { pos, came, by_others };
    reader.user.endings.lock().insert(room_id.clone(), ending);
    Ok(ending)
}

/// The position of the last event, as far as the user hears of it.
fn activity(snapshot: &Snapshot, own: &OwnRoom, head: Position) -> Position {
    if own.membership != Membership::Join {
        return own.pos;
    }
    let mut events = snapshot.recent.events().iter().rev().map(|event| event.pos());
    events.find(|pos| *pos <= head).unwrap_or_else(|| snapshot.last_pos().min(head))
}

/// The position of the last event that people care about, as far as it is in memory.
fn bump(snapshot: &Snapshot, own: &OwnRoom, head: Position) -> Position {
    if own.membership != Membership::Join {
        return own.pos;
    }
    let oldest = || snapshot.recent.events().first().map(|event| event.pos());
    let last = snapshot.recent.last_bump(head);
    last.or_else(oldest).unwrap_or_else(|| snapshot.last_pos())
}

async fn marks(reader: &Reader, request: &Request, rooms: &[Room]) -> StoreResult<Marks> {
    let mut marks = Marks { direct: None, tags: HashMap::new(), children: HashMap::new() };
    let filters: Vec<&Filters> =
        request.lists.values().filter_map(|list| list.filters.as_ref()).collect();
    if filters.iter().any(|filters| filters.is_dm.is_some()) {
        marks.direct = Some(direct_rooms(reader).await?);
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
async fn direct_rooms(reader: &Reader) -> StoreResult<HashSet<RoomId>> {
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
    let is_direct = marks.direct.as_ref().is_some_and(|direct| direct.contains(&room.room_id));
    is(filters.is_dm, is_direct)
        && is(filters.is_encrypted, view.is_encrypted())
        && is(filters.is_invite, room.own.membership == Membership::Invite)
        && filters.room_types.as_ref().is_none_or(|types| types.contains(&room_type))
        && !filters.not_room_types.as_ref().is_some_and(|types| types.contains(&room_type))
        && filters.tags.as_ref().is_none_or(|wanted| wanted.iter().any(|tag| tags.contains(tag)))
        && !filters.not_tags.as_ref().is_some_and(|not| not.iter().any(|tag| tags.contains(tag)))
        && filters.spaces.as_ref().is_none_or(in_spaces)
        && filters.room_name_like.as_ref().is_none_or(named_like)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::TestServer;
    use estafette_core::ids::UserId;

    /// Otherwise a room in which somebody changes their name at the wrong moment would be missing
    /// in an answer, and receipts of it would never be told.
    #[tokio::test]
    async fn a_membership_that_is_newer_than_the_head_moves_the_head() {
        let server = TestServer::start().await;
        let room = server.room("@a:x.fr", json!({})).await;
        let shared = Arc::clone(&server.server);
        let alice = UserId::parse("@a:x.fr").unwrap();
        let user = shared.notifier.user(&shared.store, &alice).await.unwrap();
        let own = user.room(&RoomId::parse(&room).unwrap()).unwrap();
        let (device_id, device_nid) = (None, None);
        let now = shared.notifier.head();
        let mut reader = Reader { server: shared, user, device_id, device_nid, head: Position(0) };
        let before = Position(own.pos.0 - 1);
        assert_eq!(candidates(&mut reader, before).len(), 1);
        assert_eq!(reader.head, now);
        assert_eq!(candidates(&mut reader, own.pos).len(), 1);
        assert_eq!(reader.head, own.pos, "else it is as asked");
    }
}
