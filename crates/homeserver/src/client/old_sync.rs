// SPDX-License-Identifier: Apache-2.0
//! The ways to follow rooms from before `/sync` (Client-Server API, "Syncing": deprecated, and kept
//! for old bots) and the snapshot of a single room.

use std::{sync::Arc, time::Duration};

use axum::{Router, extract::State, response::Response, routing::get};
use estafette_core::{
    event::{Event, Membership},
    filter::RoomEventFilter,
    ids::{EventId, RoomId},
    json::write_json_string,
    limits::{PAGE_EVENTS_MAX, SYNC_TIMEOUT_MS_MAX},
};
use estafette_store::{
    AccountDataStore as _, Position, RoomStore as _,
    account_data::AccountData,
    rooms::{Direction, TimelineRange},
};
use http::StatusCode;
use serde::Deserialize;

use super::{
    account_data::shown,
    messages::no_such_event,
    page::{PageToken, fill, limit as page_limit, onwards},
    room_access::{Until, readable_room},
    v3,
};
use crate::{
    ApiResult, Shared,
    auth::Requester,
    history::{self, Reader},
    http::{Path, Query, json_response},
    notify::{HotUser, UserFact},
    render,
    sync::writer::{ObjectWriter, array},
};

pub(super) fn routes() -> Router<Shared> {
    let mut router = v3(Router::new(), "/rooms/{room_id}/initialSync", get(room_initial_sync));
    router = v3(router, "/initialSync", get(initial_sync));
    router = v3(router, "/events/{event_id}", get(one_event));
    v3(router, "/events", get(events))
}

#[derive(Debug, Default, Deserialize)]
struct InitialQuery {
    limit: Option<u64>,
    #[serde(default)]
    archived: bool,
}

/// `GET /_matrix/client/v3/rooms/{roomId}/initialSync`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomidinitialsync>
async fn room_initial_sync(
    State(server): State<Shared>,
    requester: Requester,
    Path(room_id): Path<RoomId>,
    Query(query): Query<InitialQuery>,
) -> ApiResult<Response> {
    let snapshot = RoomSnapshot { server: &server, requester: &requester, limit: query.limit };
    Ok(json_response(StatusCode::OK, snapshot.json(&room_id).await?))
}

/// `GET /_matrix/client/v3/initialSync` (deprecated)
///
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3initialsync>
async fn initial_sync(
    State(server): State<Shared>,
    requester: Requester,
    Query(query): Query<InitialQuery>,
) -> ApiResult<Response> {
    let user = server.notifier.user(&server.store, &requester.user_id).await?;
    let end = server.notifier.head();
    let room = RoomSnapshot { server: &server, requester: &requester, limit: query.limit };
    let mut rooms = Vec::new();
    for (room_id, own) in user.rooms() {
        let left = matches!(own.membership, Membership::Leave | Membership::Ban);
        if own.membership == Membership::Invite {
            rooms.extend(room.invite(&room_id).await?);
        } else if own.membership == Membership::Join || (left && query.archived && !own.forgotten) {
            match room.json(&room_id).await {
                Ok(json) => rooms.push(json),
                // Whoever declined was never in it, and whoever is out now may see nothing of it.
                Err(error) if error.status() == StatusCode::FORBIDDEN => {}
                Err(error) => return Err(error),
            }
        }
    }
    let data = server.store.all_account_data(&requester.user_id).await?;
    let data = shown(&server, &requester.user_id, data, true);
    let global = data.iter().filter(|data| data.room_id.is_none());
    let mut out = String::new();
    let mut answer = ObjectWriter::open(&mut out);
    array(answer.key("account_data"), global.filter_map(account_data));
    answer.text("end", &PageToken(end).to_string());
    let presence = server.presence.of(&requester.user_id).map(|presence| {
        let content = presence.content(server.now_ms());
        let sender = &requester.user_id;
        serde_json::json!({ "type": "m.presence", "sender": sender, "content": content })
    });
    array(answer.key("presence"), presence.map(|event| event.to_string()));
    array(answer.key("rooms"), rooms);
    answer.close();
    Ok(json_response(StatusCode::OK, out))
}

fn account_data(data: &AccountData) -> Option<String> {
    let content = data.content.as_deref()?;
    let mut out = String::from("{\"content\":");
    out.push_str(content);
    out.push_str(",\"type\":");
    write_json_string(&mut out, &data.kind);
    out.push('}');
    Some(out)
}

fn state_event(event: &Event) -> String {
    let mut out = String::new();
    render::state_event(&mut out, event);
    out
}

/// `RoomInfo` of the specification.
struct RoomSnapshot<'a> {
    server: &'a Shared,
    requester: &'a Requester,
    limit: Option<u64>,
}

impl RoomSnapshot<'_> {
    /// A room that the user is in, was in, or may look into.
    async fn json(&self, room_id: &RoomId) -> ApiResult<String> {
        let (server, user_id) = (self.server, &self.requester.user_id);
        let (room, until) = readable_room(server, user_id, room_id).await?;
        let now = room.snapshot();
        let last = match until {
            Until::Now => now.last_pos(),
            Until::Left(left) => left,
        };
        let range = TimelineRange {
            after: Position(0),
            upto: last,
            direction: Direction::Backward,
            limit: page_limit(self.limit),
        };
        let reader = Reader::of(self.requester);
        let page = fill(server, &reader, room_id, &RoomEventFilter::default(), range).await?;
        let mut chunk = history::render(server, &reader, room_id, &page.events).await?;
        chunk.reverse();
        let state: Vec<Arc<Event>> = match until {
            Until::Now => now.view.state().iter_unordered().cloned().collect(),
            Until::Left(left) => server.store.state_at(room_id, left, None).await?,
        };
        let data = server.store.room_account_data(user_id, room_id).await?;
        let public = server.store.is_public(room_id).await?.unwrap_or(false);
        let first = page.events.last().map_or(last, |event| event.event.pos());
        let mut out = String::new();
        let mut answer = ObjectWriter::open(&mut out);
        array(answer.key("account_data"), data.iter().filter_map(account_data));
        if let Some(membership) = now.view.membership(user_id) {
            answer.text("membership", membership.as_str());
        }
        let mut messages = answer.object("messages");
        array(messages.key("chunk"), chunk);
        messages.text("end", &PageToken(last).to_string());
        messages.text("start", &onwards(Direction::Backward, first).to_string());
        messages.close();
        answer.raw("presence", "[]");
        answer.raw("receipts", "[]");
        answer.text("room_id", room_id.as_str());
        array(answer.key("state"), state.iter().map(|event| state_event(event)));
        answer.text("visibility", if public { "public" } else { "private" });
        answer.close();
        Ok(out)
    }

    /// A room that the user is invited to.
    async fn invite(&self, room_id: &RoomId) -> ApiResult<Option<String>> {
        let user_id = &self.requester.user_id;
        let room = self.server.rooms.get(&self.server.store, room_id).await?;
        let Some(room) = room else { return Ok(None) };
        let snapshot = room.snapshot();
        let invite = snapshot.view.state_event("m.room.member", user_id.as_str());
        Ok(invite.map(|invite| {
            let mut out = String::new();
            let mut answer = ObjectWriter::open(&mut out);
            answer.raw("invite", &state_event(invite));
            answer.text("inviter", invite.sender().as_str());
            answer.text("membership", "invite");
            answer.text("room_id", room_id.as_str());
            answer.close();
            out
        }))
    }
}

/// `GET /_matrix/client/v3/events/{eventId}` (deprecated)
///
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3eventseventid>
async fn one_event(
    State(server): State<Shared>,
    requester: Requester,
    Path(event_id): Path<EventId>,
) -> ApiResult<Response> {
    let found = server.store.event(&event_id).await?;
    let (room_id, _) = found.ok_or_else(no_such_event)?;
    let reader = Reader::of(&requester);
    let event = history::event(&server, &reader.user_id, &room_id, &event_id).await?;
    let event = event.ok_or_else(no_such_event)?;
    let mut rendered = history::render(&server, &reader, &room_id, &[event]).await?;
    Ok(json_response(StatusCode::OK, rendered.pop().unwrap_or_default()))
}

#[derive(Debug, Default, Deserialize)]
struct EventsQuery {
    from: Option<String>,
    timeout: Option<u64>,
    limit: Option<u64>,
    room_id: Option<RoomId>,
}

/// `GET /_matrix/client/v3/events` (deprecated): new events of the rooms that the user is in, or of
/// one room that is open to all eyes.
///
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3events>
async fn events(
    State(server): State<Shared>,
    requester: Requester,
    Query(query): Query<EventsQuery>,
) -> ApiResult<Response> {
    let user = server.notifier.user(&server.store, &requester.user_id).await?;
    let from = query.from.as_deref().filter(|from| !from.is_empty()).map(PageToken::parse);
    let from = from.transpose()?.map_or_else(|| server.notifier.head(), |token| token.0);
    if let Some(room_id) = &query.room_id {
        readable_room(&server, &requester.user_id, room_id).await?;
    }
    let waiting = Duration::from_millis(query.timeout.unwrap_or(0).min(SYNC_TIMEOUT_MS_MAX));
    let waiting = requester.time_left(&server).map_or(waiting, |left| waiting.min(left));
    let deadline = tokio::time::Instant::now() + waiting;
    let stream = Stream { server: &server, requester: &requester, user: &user, query: &query };
    let mut stopping = server.stopping();
    loop {
        let woken = user.woken();
        tokio::pin!(woken);
        woken.as_mut().enable();
        let (end, chunk) = stream.after(from).await?;
        let over = tokio::time::Instant::now() >= deadline || *stopping.borrow_and_update();
        if !chunk.is_empty() || over {
            return Ok(stream_answer(from, end, chunk));
        }
        tokio::select! {
            () = woken => {}
            () = tokio::time::sleep_until(deadline) => {}
            _ = stopping.changed() => {}
        }
        // The session may be what ended (I13).
        requester.check_current(&server).await?;
    }
}

fn stream_answer(start: Position, end: Position, chunk: Vec<String>) -> Response {
    let mut out = String::new();
    let mut answer = ObjectWriter::open(&mut out);
    array(answer.key("chunk"), chunk);
    answer.text("end", &PageToken(end).to_string());
    answer.text("start", &PageToken(start).to_string());
    answer.close();
    json_response(StatusCode::OK, out)
}

struct Stream<'a> {
    server: &'a Shared,
    requester: &'a Requester,
    user: &'a HotUser,
    query: &'a EventsQuery,
}

impl Stream<'_> {
    /// The events after `from` in the order of the log, and up to where that is.
    async fn after(&self, from: Position) -> ApiResult<(Position, Vec<String>)> {
        let head = self.server.notifier.head();
        let limit = usize::try_from(self.query.limit.unwrap_or(u64::MAX)).unwrap_or(usize::MAX);
        let limit = limit.clamp(1, PAGE_EVENTS_MAX);
        let reader = Reader::of(self.requester);
        let mut found: Vec<(Position, String)> = Vec::new();
        // Up to here everything of every room was read.
        let mut end = head;
        for room_id in self.rooms(from, head) {
            let direction = Direction::Forward;
            let range = TimelineRange { after: from, upto: head, direction, limit };
            let stored = self.server.store.timeline(&room_id, range).await?;
            if let Some(last) = stored.last().filter(|_| stored.len() == limit) {
                end = end.min(last.pos);
            }
            let events = history::from_stored(stored);
            let seen = history::visible(self.server, &reader.user_id, &room_id, events).await?;
            let positions: Vec<Position> = seen.iter().map(|event| event.event.pos()).collect();
            let rendered = history::render(self.server, &reader, &room_id, &seen).await?;
            found.extend(positions.into_iter().zip(rendered));
        }
        found.retain(|(pos, _)| *pos <= end);
        found.sort_by_key(|(pos, _)| *pos);
        if found.len() > limit {
            found.truncate(limit);
            end = found.last().map_or(end, |(pos, _)| *pos);
        }
        Ok((end, found.into_iter().map(|(_, event)| event).collect()))
    }

    /// The rooms in which something may have happened.
    fn rooms(&self, from: Position, head: Position) -> Vec<RoomId> {
        if let Some(room_id) = &self.query.room_id {
            return vec![room_id.clone()];
        }
        let changed = self.user.changes(from, head);
        let wanted = |room_id: &RoomId| {
            changed.as_ref().is_none_or(|facts| facts.contains(&UserFact::Room(room_id.clone())))
        };
        let joined = self.user.rooms().into_iter();
        joined
            .filter(|(_, own)| own.membership == Membership::Join)
            .map(|(room_id, _)| room_id)
            .filter(wanted)
            .collect()
    }
}

#[cfg(test)]
mod tests;
