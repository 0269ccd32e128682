// SPDX-License-Identifier: Apache-2.0
//! One room as a device is told of it: which events, which state, who is there.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use estafette_core::{
    event::{Event, Membership},
    filter::RoomEventFilter,
    ids::{RoomId, UserId},
    limits::{HEROES_MAX, SYNC_TIMELINE_MAX},
};
use estafette_store::{
    Position, RoomStore as _, StoreResult,
    rooms::{Direction, TimelineRange},
};

use super::{Reader, writer::ObjectWriter};
use crate::{
    history::{self, Visible},
    render,
    rooms::{Snapshot, TimelineEvent},
};

/// A stretch of timeline.
pub struct Window {
    /// The events that the reader may see, oldest first.
    pub events: Vec<Visible>,
    /// Whether events between the token and the first of these are left out.
    pub limited: bool,
    /// `/messages` backwards from here goes on before the first event.
    pub prev_batch: Position,
}

/// The last `limit` events after `since` and up to `upto`.
pub async fn window(
    reader: &Reader,
    room_id: &RoomId,
    snapshot: &Snapshot,
    (since, upto): (Position, Position),
    limit: usize,
) -> StoreResult<Window> {
    let limit = limit.min(SYNC_TIMELINE_MAX);
    let events: Vec<Arc<TimelineEvent>> = match snapshot.recent.after(since, upto) {
        Some(events) => events.to_vec(),
        None => match snapshot.recent.latest(limit + 1, upto) {
            Some((events, _)) => {
                events.iter().filter(|event| event.pos() > since).cloned().collect()
            }
            None => from_store(reader, room_id, (since, upto), limit + 1).await?,
        },
    };
    let left_out = events.len().saturating_sub(limit);
    let limited = left_out > 0;
    let events: Vec<_> = events.into_iter().skip(left_out).collect();
    let prev_batch = match events.first() {
        Some(first) => Position(first.pos().0.saturating_sub(1)),
        None => upto,
    };
    let events = history::visible(&reader.server, reader.user_id(), room_id, events).await?;
    Ok(Window { events, limited, prev_batch })
}

async fn from_store(
    reader: &Reader,
    room_id: &RoomId,
    (after, upto): (Position, Position),
    limit: usize,
) -> StoreResult<Vec<Arc<TimelineEvent>>> {
    let range = TimelineRange { after, upto, direction: Direction::Backward, limit };
    let mut events = reader.server.store.timeline(room_id, range).await?;
    events.reverse();
    Ok(events.into_iter().map(|event| Arc::new(TimelineEvent::from_stored(event))).collect())
}

/// Keeps the events of a window that the filter wants.
pub fn apply_filter(window: &mut Window, filter: &RoomEventFilter) {
    if !filter.wants_everything() {
        window.events.retain(|visible| wants(filter, &visible.event.event));
    }
}

/// Whether a filter wants an event.
pub fn wants(filter: &RoomEventFilter, event: &Event) -> bool {
    let has_url = || event.content().get("url").is_some_and(|url| url.as_str().is_some());
    filter.wants(event.kind(), event.sender().as_str(), has_url)
}

/// The room's state just before the first event of `window`: the state now, with what the window
/// changed undone.
pub fn state_before(snapshot: &Snapshot, window: &Window, head: Position) -> Vec<Arc<Event>> {
    let first = Position(window.prev_batch.min(head).0 + 1);
    let mut before: HashMap<(&str, &str), Option<&Arc<Event>>> = HashMap::new();
    let newer = snapshot.recent.events().iter().filter(|event| event.pos() >= first);
    for event in window.events.iter().map(|visible| &visible.event).chain(newer) {
        if let Some(state_key) = event.event.state_key() {
            before.entry((event.event.kind(), state_key)).or_insert(event.replaces.as_ref());
        }
    }
    let mut state: Vec<Arc<Event>> = Vec::new();
    for event in snapshot.view.state().iter_unordered() {
        let key = (event.kind(), event.state_key().unwrap_or_default());
        match before.get(&key) {
            None => state.push(Arc::clone(event)),
            Some(Some(replaced)) => state.push(Arc::clone(replaced)),
            Some(None) => {}
        }
    }
    state
}

/// What lazy loading leaves of a room's members: those whom the answer needs.
pub fn needed_members<'a>(
    events: impl IntoIterator<Item = &'a Visible>,
    own: Option<&UserId>,
) -> HashSet<UserId> {
    let mut needed: HashSet<UserId> =
        events.into_iter().map(|visible| visible.event.event.sender().clone()).collect();
    needed.extend(own.cloned());
    needed
}

/// Users who stand for a room without a name (Client-Server API, `m.heroes`): others who joined
/// or are invited, or failing that those who left.
pub fn heroes(snapshot: &Snapshot, own: &UserId) -> Vec<UserId> {
    let view = &snapshot.view;
    let member = |event: &Arc<Event>| {
        let user = UserId::parse(event.state_key()?).ok()?;
        (user != *own).then_some((user, event.membership()?))
    };
    let of = |wanted: fn(Membership) -> bool| -> Vec<UserId> {
        let members = view.state().iter_kind_unordered("m.room.member");
        // A room of thousands is named by its name: any of its members stand for it.
        let some = members.filter_map(member).filter(|(_, membership)| wanted(*membership));
        let mut users: Vec<UserId> = some.map(|(user, _)| user).take(1_000).collect();
        users.sort();
        users.truncate(HEROES_MAX);
        users
    };
    let present = of(|membership| matches!(membership, Membership::Join | Membership::Invite));
    if present.is_empty() {
        return of(|membership| matches!(membership, Membership::Leave | Membership::Ban));
    }
    present
}

/// Writes the room's `summary`.
pub fn write_summary(into: &mut ObjectWriter<'_>, snapshot: &Snapshot, own: &UserId) {
    let view = &snapshot.view;
    let named = view.state_text("m.room.name", "name").is_some_and(|name| !name.is_empty())
        || view.state_text("m.room.canonical_alias", "alias").is_some();
    let mut summary = into.object("summary");
    if !named {
        let out = summary.key("m.heroes");
        let heroes = heroes(snapshot, own).into_iter().map(|user| {
            let mut text = String::new();
            estafette_core::json::write_json_string(&mut text, user.as_str());
            text
        });
        super::writer::array(out, heroes);
    }
    summary.display("m.joined_member_count", view.joined_count());
    summary.display("m.invited_member_count", view.invited_count());
    summary.close();
}

/// Appends the list of a window's events as this reader sees them.
pub async fn write_events(
    out: &mut String,
    reader: &Reader,
    room_id: &RoomId,
    events: &[Visible],
) -> StoreResult<()> {
    let as_reader =
        history::Reader { user_id: reader.user_id().clone(), device_nid: reader.device_nid };
    let bundles = history::bundles(&reader.server, &as_reader, room_id, events).await?;
    let now_ms = reader.server.now_ms();
    out.push('[');
    for (index, (event, relations)) in events.iter().zip(bundles).enumerate() {
        if index > 0 {
            out.push(',');
        }
        history::write(out, &as_reader, now_ms, event, relations.as_deref());
    }
    out.push(']');
    Ok(())
}

/// The stripped state of an invitation or a knock: what the room says of itself, and the reader's
/// own membership (Client-Server API, "Stripped state"; with the create event since v1.16).
pub fn stripped_state(snapshot: &Snapshot, user_id: &UserId) -> Vec<String> {
    const KINDS: [&str; 8] = [
        "m.room.create",
        "m.room.name",
        "m.room.avatar",
        "m.room.topic",
        "m.room.join_rules",
        "m.room.canonical_alias",
        "m.room.encryption",
        "m.room.tombstone",
    ];
    let view = &snapshot.view;
    let own = view.state_event("m.room.member", user_id.as_str());
    let inviter = own
        .filter(|own| own.sender() != user_id)
        .and_then(|own| view.state_event("m.room.member", own.sender().as_str()));
    let room = KINDS.iter().filter_map(|kind| view.state_event(kind, ""));
    room.chain(inviter)
        .map(|event| {
            let mut out = String::new();
            render::stripped_state_event(&mut out, event);
            out
        })
        .chain(own.map(|own| {
            // The invitation itself goes whole: clients look at when it was sent.
            let mut out = String::new();
            render::state_event(&mut out, own);
            out
        }))
        .collect()
}
