// SPDX-License-Identifier: Apache-2.0
//! One room as a device is told of it: which events, which state, who is there.

use std::sync::Arc;

use estafette_core::{
    event::{Event, Membership},
    filter::{EventFields, RoomEventFilter},
    ids::{RoomId, UserId},
    limits::{HEROES_MAX, HEROES_OF_MAX, SYNC_TIMELINE_MAX, TIMELINE_PAGE, TIMELINE_SCAN_MAX},
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
    /// The events that the reader may see and that the filter wants, oldest first.
    pub events: Vec<Visible>,
    /// Whether such events between the token and the first of these are left out.
    pub limited: bool,
    /// `/messages` backwards from here goes on before the first event.
    pub prev_batch: Position,
    /// What was before this window: everything up to here.
    pub start: Position,
    /// Whether every event of the span that the reader may see is in `events`.
    pub complete: bool,
}

/// Which events of a room are looked for.
pub struct Span<'a> {
    /// The events after this position …
    pub since: Position,
    /// … and up to this one.
    pub upto: Position,
    /// At most so many of them, the latest.
    pub limit: usize,
    /// Only those that pass, where there is a filter.
    pub filter: Option<&'a RoomEventFilter>,
}

/// The last events of a span that the reader may see and that the filter wants. Events that do not
/// pass take no place in the limit; the search ends after [`TIMELINE_SCAN_MAX`] of them, and then
/// the window is limited.
pub async fn window(
    reader: &Reader,
    room_id: &RoomId,
    snapshot: &Snapshot,
    span: &Span<'_>,
) -> StoreResult<Window> {
    let limit = span.limit.min(SYNC_TIMELINE_MAX);
    let filter = span.filter.filter(|filter| !filter.wants_everything());
    let upto = span.upto;
    let nothing = Window {
        events: Vec::new(),
        limited: false,
        prev_batch: upto,
        start: upto,
        complete: false,
    };
    if filter.is_some_and(|filter| filter.wants_nothing() || !filter.wants_room(room_id)) {
        return Ok(nothing);
    }
    let mut page = if filter.is_some() { TIMELINE_PAGE.max(limit + 1) } else { limit + 1 };
    let mut found: Vec<Visible> = Vec::new();
    let (mut before, mut scanned, mut at_the_start) = (upto, 0, false);
    while found.len() <= limit && !at_the_start && scanned < TIMELINE_SCAN_MAX {
        let events = latest(reader, room_id, snapshot, (span.since, before), page).await?;
        at_the_start = events.len() < page;
        scanned += events.len();
        before = events.first().map_or(before, |first| Position(first.pos().0.saturating_sub(1)));
        let mut older = history::visible(&reader.server, reader.user_id(), room_id, events).await?;
        if let Some(filter) = filter {
            older.retain(|visible| wants(filter, &visible.event.event));
        }
        older.append(&mut found);
        found = older;
        page = TIMELINE_PAGE.max(limit + 1);
    }
    let left_out = found.len().saturating_sub(limit);
    let events = found.split_off(left_out);
    let limited = left_out > 0 || !at_the_start;
    let start =
        events.first().map_or(upto, |first| Position(first.event.pos().0.saturating_sub(1)));
    let prev_batch = if left_out > 0 || at_the_start { start } else { before };
    Ok(Window { events, limited, prev_batch, start, complete: !limited && filter.is_none() })
}

/// The window that holds the membership event of the reader at `pos` alone: how an invitation or a
/// knock ended. It is told whatever the history visibility says, as the invitation was; the reader
/// is its subject.
pub async fn own_ending(
    reader: &Reader,
    room_id: &RoomId,
    snapshot: &Snapshot,
    pos: Position,
) -> StoreResult<Window> {
    let before = Position(pos.0.saturating_sub(1));
    let events = latest(reader, room_id, snapshot, (before, pos), 1).await?;
    let is_own = |event: &Arc<TimelineEvent>| {
        event.event.kind() == "m.room.member"
            && event.event.state_key() == Some(reader.user_id().as_str())
    };
    let own = events.into_iter().filter(is_own).map(|event| {
        let membership = event.event.membership().unwrap_or(Membership::Leave).as_str();
        Visible { event, membership }
    });
    let events = own.collect();
    Ok(Window { events, limited: false, prev_batch: before, start: before, complete: false })
}

/// The last `limit` events after `since` and up to `upto`, oldest first.
async fn latest(
    reader: &Reader,
    room_id: &RoomId,
    snapshot: &Snapshot,
    (since, upto): (Position, Position),
    limit: usize,
) -> StoreResult<Vec<Arc<TimelineEvent>>> {
    if let Some(events) = snapshot.recent.after(since, upto) {
        let first = events.len().saturating_sub(limit);
        return Ok(events.get(first..).unwrap_or_default().to_vec());
    }
    match snapshot.recent.latest(limit, upto) {
        Some((events, _)) => {
            Ok(events.iter().filter(|event| event.pos() > since).cloned().collect())
        }
        None => from_store(reader, room_id, (since, upto), limit).await,
    }
}

/// Whether a window of `limit` events up to `head` may begin before the position `joined`, so that
/// what the reader may see of it depends on the past.
pub fn may_begin_before(
    snapshot: &Snapshot,
    joined: Position,
    (head, limit): (Position, usize),
) -> bool {
    match snapshot.recent.latest(limit.min(SYNC_TIMELINE_MAX) + 1, head) {
        Some((events, _)) => events.first().is_some_and(|first| first.pos() < joined),
        None => true,
    }
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

/// Whether a filter wants an event.
pub fn wants(filter: &RoomEventFilter, event: &Event) -> bool {
    let has_url = || event.content().get("url").is_some_and(|url| url.as_str().is_some());
    filter.wants(event.kind(), event.sender().as_str(), has_url)
}

/// Users who stand for a room without a name (Client-Server API, `m.heroes`): the first five
/// others who joined or are invited, or failing that of those who left.
pub fn heroes(snapshot: &Snapshot, own: &UserId) -> Vec<UserId> {
    let view = &snapshot.view;
    let of = |wanted: fn(Membership) -> bool| -> Vec<UserId> {
        let members = view.state().iter_kind_unordered("m.room.member");
        let wanted = members.filter(|member| member.membership().is_some_and(wanted));
        let others = wanted.filter(|member| member.state_key() != Some(own.as_str()));
        // A room of thousands is named by its name: any of its members stand for it.
        let mut some: Vec<_> = others.take(HEROES_OF_MAX).collect();
        some.sort_by_key(|member| (member.depth(), member.origin_server_ts(), member.state_key()));
        let users = some.into_iter().filter_map(|member| UserId::parse(member.state_key()?).ok());
        users.take(HEROES_MAX).collect()
    };
    let present = of(|membership| matches!(membership, Membership::Join | Membership::Invite));
    if present.is_empty() {
        return of(|membership| matches!(membership, Membership::Leave | Membership::Ban));
    }
    present
}

/// Whether the room says itself what it is called, so that no heroes are needed.
pub fn is_named(snapshot: &Snapshot) -> bool {
    let text = |kind, member| snapshot.view.state_text(kind, member).unwrap_or_default();
    !text("m.room.name", "name").is_empty() || !text("m.room.canonical_alias", "alias").is_empty()
}

/// Writes the room's `summary`.
pub fn write_summary(into: &mut ObjectWriter<'_>, snapshot: &Snapshot, own: &UserId) {
    let view = &snapshot.view;
    let mut summary = into.object("summary");
    if !is_named(snapshot) {
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
    fields: Option<&EventFields>,
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
        let begin = out.len();
        history::write(out, &as_reader, now_ms, event, relations.as_deref());
        project(out, begin, fields);
    }
    out.push(']');
    Ok(())
}

/// Cuts the event at the end of `out`, from `begin` on, down to the fields that the filter names
/// (Client-Server API, "Filtering", `event_fields`).
pub fn project(out: &mut String, begin: usize, fields: Option<&EventFields>) {
    let Some(fields) = fields else { return };
    let event = out.get(begin..).and_then(|event| serde_json::from_str(event).ok());
    if let Some(event) = event {
        out.truncate(begin);
        out.push_str(&serde_json::Value::Object(fields.project(&event)).to_string());
    }
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
