// SPDX-License-Identifier: Apache-2.0
//! `GET /_matrix/client/v3/events` (deprecated): what is new, in one list.

use std::time::Duration;

use axum::{extract::State, response::Response};
use estafette_core::{
    event::Membership,
    ids::{RoomId, UserId},
    limits::{EVENTS_LOOK_INTERVAL_MS, PAGE_EVENTS_MAX, SYNC_TIMEOUT_MS_MAX},
};
use estafette_store::{
    AccountDataStore as _, Position, RoomStore as _,
    rooms::{Direction, TimelineRange},
};
use http::StatusCode;
use serde::Deserialize;

use super::{account_data, now, presence, receipts_event, sync_reader, with_text};
use crate::{
    ApiResult, Shared,
    auth::Requester,
    client::{
        account_data::shown,
        page::PageToken,
        room_access::readable_room,
        sync::{note_presence, typing_event},
    },
    history,
    http::{Query, json_response},
    notify::UserFact,
    sync::{
        Reader, Token, room,
        writer::{ObjectWriter, array},
    },
};

#[derive(Debug, Default, Deserialize)]
pub(super) struct EventsQuery {
    from: Option<String>,
    timeout: Option<u64>,
    limit: Option<u64>,
    room_id: Option<RoomId>,
}

/// What happened in the rooms that the user is in and to the user's account data, or in one room
/// that is open to all eyes.
///
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3events>
pub(super) async fn events(
    State(server): State<Shared>,
    requester: Requester,
    Query(query): Query<EventsQuery>,
) -> ApiResult<Response> {
    let mut reader = sync_reader(&server, &requester).await?;
    let start = from(&server, query.from.as_deref())?;
    let mut from = start;
    if let Some(room_id) = &query.room_id {
        readable_room(&server, &requester.user_id, room_id).await?;
    }
    let _running = note_presence(&reader, None).await?;
    let waiting = Duration::from_millis(query.timeout.unwrap_or(0).min(SYNC_TIMEOUT_MS_MAX));
    let waiting = requester.time_left(&server).map_or(waiting, |left| waiting.min(left));
    let deadline = tokio::time::Instant::now() + waiting;
    let user = std::sync::Arc::clone(&reader.user);
    let is_in =
        |room_id: &RoomId| user.room(room_id).is_some_and(|own| own.membership == Membership::Join);
    let peeks = query.room_id.as_ref().is_some_and(|room_id| !is_in(room_id));
    let mut stopping = server.stopping();
    loop {
        let woken = user.woken();
        tokio::pin!(woken);
        woken.as_mut().enable();
        reader.head = server.notifier.head();
        let stream = Stream { reader: &reader, from, query: &query };
        let (end, chunk) = stream.news().await?;
        let over = tokio::time::Instant::now() >= deadline || *stopping.borrow_and_update();
        if !chunk.is_empty() || over {
            return Ok(answer(start, end, chunk));
        }
        if end.pos < reader.head && end.pos > from.pos {
            // A page of what they may not see: there is more behind it.
            from = end;
            continue;
        }
        // Nobody is woken by a room that they only look into.
        let look = Duration::from_millis(EVENTS_LOOK_INTERVAL_MS);
        let again = if peeks { deadline.min(tokio::time::Instant::now() + look) } else { deadline };
        tokio::select! {
            () = woken => {}
            () = tokio::time::sleep_until(again) => {}
            _ = stopping.changed() => {}
        }
        // The session may be what ended (I13).
        requester.check_current(&server).await?;
    }
}

/// Where a client goes on: the token of an earlier answer, of a sync or of a page; now without one.
fn from(server: &Shared, text: Option<&str>) -> ApiResult<Token> {
    let now = Token { pos: server.notifier.head(), ..now(server) };
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(now) };
    if let Ok(token) = text.parse::<Token>()
        && token.typing <= now.typing
        && token.presence <= now.presence
    {
        return Ok(token);
    }
    Ok(Token { pos: PageToken::parse(text)?.0, ..now })
}

fn answer(start: Token, end: Token, chunk: Vec<String>) -> Response {
    let mut out = String::new();
    let mut answer = ObjectWriter::open(&mut out);
    array(answer.key("chunk"), chunk);
    answer.text("end", &end.to_string());
    answer.text("start", &start.to_string());
    answer.close();
    json_response(StatusCode::OK, out)
}

struct Stream<'a> {
    reader: &'a Reader,
    from: Token,
    query: &'a EventsQuery,
}

/// Events with their places, and up to where everything of every room was read.
struct Found {
    events: Vec<(Position, String)>,
    end: Position,
}

impl Stream<'_> {
    /// What came after `from`, events in the order of the log first, and up to where that is.
    async fn news(&self) -> ApiResult<(Token, Vec<String>)> {
        let server = &self.reader.server;
        let end = Token { td: self.from.td, ..now(server) };
        let rooms = self.rooms();
        let Found { events, end: pos } = self.events(&rooms).await?;
        let mut chunk: Vec<String> = events.into_iter().map(|(_, event)| event).collect();
        for room_id in &rooms {
            let receipts = server.store.receipts(room_id, self.from.pos).await?;
            let receipts = receipts.into_iter().filter(|receipt| receipt.pos <= pos);
            chunk.extend(receipts_event(room_id, self.reader.user_id(), receipts.collect()));
        }
        for room_id in server.typing.changed_since(self.from.typing) {
            if self.concerns(&room_id) {
                let event = typing_event(&server.typing.in_room(&room_id).1);
                chunk.push(with_text(event, "room_id", room_id.as_str()));
            }
        }
        chunk.extend(self.account_data(pos).await?);
        chunk.extend(self.presence());
        Ok((Token { pos, ..end }, chunk))
    }

    /// Whether what happens in a room is told.
    fn concerns(&self, room_id: &RoomId) -> bool {
        match &self.query.room_id {
            Some(only) => only == room_id,
            None => self.own_place(room_id).0,
        }
    }

    /// Whether the user is in a room, and where the user's own membership changed last.
    fn own_place(&self, room_id: &RoomId) -> (bool, Position) {
        let own = self.reader.user.room(room_id);
        own.map_or((false, Position(0)), |own| (own.membership == Membership::Join, own.pos))
    }

    /// The rooms in which something may have happened.
    fn rooms(&self) -> Vec<RoomId> {
        if let Some(room_id) = &self.query.room_id {
            return vec![room_id.clone()];
        }
        let changed = self.reader.user.changes(self.from.pos, self.reader.head);
        let wanted = |room_id: &RoomId| {
            changed.as_ref().is_none_or(|facts| {
                facts.contains(&UserFact::Room(room_id.clone()))
                    || facts.contains(&UserFact::Receipt(room_id.clone()))
            })
        };
        let rooms = self.reader.user.rooms().into_iter();
        rooms
            .filter(|(_, own)| own.membership == Membership::Join || own.pos > self.from.pos)
            .filter(|(_, own)| !own.forgotten)
            .map(|(room_id, _)| room_id)
            .filter(wanted)
            .collect()
    }

    async fn events(&self, rooms: &[RoomId]) -> ApiResult<Found> {
        let limit = usize::try_from(self.query.limit.unwrap_or(u64::MAX)).unwrap_or(usize::MAX);
        let limit = limit.clamp(1, PAGE_EVENTS_MAX);
        let mut found = Found { events: Vec::new(), end: self.reader.head };
        for room_id in rooms {
            self.of_room(room_id, limit, &mut found).await?;
        }
        let Found { mut events, mut end } = found;
        events.retain(|(pos, _)| *pos <= end);
        events.sort_by_key(|(pos, _)| *pos);
        if events.len() > limit {
            events.truncate(limit);
            end = events.last().map_or(end, |(pos, _)| *pos);
        }
        Ok(Found { events, end })
    }

    async fn of_room(&self, room_id: &RoomId, limit: usize, found: &mut Found) -> ApiResult<()> {
        let server = &self.reader.server;
        let user_id = self.reader.user_id();
        let (is_in, pos) = self.own_place(room_id);
        let seen = if self.query.room_id.is_none() && !is_in {
            // How the user came out, or is asked to come in.
            let Some(room) = server.rooms.get(&server.store, room_id).await? else { return Ok(()) };
            room::own_ending(self.reader, room_id, &room.snapshot(), pos).await?.events
        } else {
            let (after, upto) = (self.from.pos, self.reader.head);
            let range = TimelineRange { after, upto, direction: Direction::Forward, limit };
            let stored = server.store.timeline(room_id, range).await?;
            if let Some(last) = stored.last().filter(|_| stored.len() == limit) {
                found.end = found.end.min(last.pos);
            }
            history::visible(server, user_id, room_id, history::from_stored(stored)).await?
        };
        let device_nid = self.reader.device_nid;
        let as_reader = history::Reader { user_id: user_id.clone(), device_nid };
        let rendered = history::render(server, &as_reader, room_id, &seen).await?;
        let events = seen.iter().zip(rendered).map(|(event, rendered)| {
            let sender = event.event.event.sender().as_str();
            (event.event.pos(), with_text(rendered, "user_id", sender))
        });
        found.events.extend(events);
        Ok(())
    }

    async fn account_data(&self, upto: Position) -> ApiResult<Vec<String>> {
        if self.query.room_id.is_some() {
            return Ok(Vec::new());
        }
        let (server, user_id) = (&self.reader.server, self.reader.user_id());
        let changed = server.store.account_data_changes(user_id, self.from.pos, upto).await?;
        let changed = shown(server, user_id, changed, false);
        let event = |data| {
            let event = account_data(data)?;
            Some(match &data.room_id {
                Some(room_id) => with_text(event, "room_id", room_id.as_str()),
                None => event,
            })
        };
        Ok(changed.iter().filter_map(event).collect())
    }

    /// Presence of those who share a room with the user, or are in the one that is looked into.
    fn presence(&self) -> Vec<String> {
        let server = &self.reader.server;
        let Some(room_id) = &self.query.room_id else {
            return presence(self.reader, self.from.presence);
        };
        let Some(room) = server.rooms.published(room_id) else { return Vec::new() };
        if !server.config.presence.enabled {
            return Vec::new();
        }
        let changed = server.presence.changed_since(self.from.presence);
        let there = |user: &UserId| room.view.is_joined(user);
        let there = changed.iter().filter(|(user, _)| there(user));
        there.map(|(user, known)| super::presence_event(server, user, known)).collect()
    }
}
