// SPDX-License-Identifier: Apache-2.0
//! A room's past (Client-Server API, "Getting events for a room"): pages, single events, and what
//! surrounds them.

use axum::{Router, extract::State, response::Response, routing::get};
use estafette_core::{
    ids::{EventId, RoomId},
    limits::CONTEXT_EVENTS_MAX,
};
use estafette_store::{
    Position, RoomStore as _,
    rooms::{Direction, TimelineRange},
};
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;

use super::{
    page::{PageToken, direction, fill, filter, limit, members_of},
    room_access::{Until, readable_room, seen_event},
    v3,
};
use crate::{
    ApiError, ApiResult, Shared,
    auth::Requester,
    history::{self, Reader},
    http::{Json, Path, Query, json_response},
    render,
    sync::writer::{ObjectWriter, array},
};

pub(super) fn routes() -> Router<Shared> {
    let mut router = Router::new()
        .route("/_matrix/client/v1/rooms/{room_id}/timestamp_to_event", get(timestamp_to_event));
    router = v3(router, "/rooms/{room_id}/messages", get(messages));
    router = v3(router, "/rooms/{room_id}/context/{event_id}", get(context));
    v3(router, "/rooms/{room_id}/event/{event_id}", get(event))
}

#[derive(Debug, Default, Deserialize)]
struct MessagesQuery {
    from: Option<String>,
    to: Option<String>,
    dir: Option<String>,
    limit: Option<u64>,
    filter: Option<String>,
}

/// `GET /_matrix/client/v3/rooms/{roomId}/messages`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomidmessages>
async fn messages(
    State(server): State<Shared>,
    requester: Requester,
    Path(room_id): Path<RoomId>,
    Query(query): Query<MessagesQuery>,
) -> ApiResult<Response> {
    let (room, until) = readable_room(&server, &requester.user_id, &room_id).await?;
    let direction = direction(query.dir.as_deref())?
        .ok_or_else(|| ApiError::missing_param("`dir` is missing."))?;
    let token = |text: &Option<String>| {
        text.as_deref().filter(|text| !text.is_empty()).map(PageToken::parse).transpose()
    };
    let (from, to) = (token(&query.from)?, token(&query.to)?);
    let filter = filter(query.filter.as_deref())?;
    let last = match until {
        Until::Now => room.snapshot().last_pos(),
        Until::Left(left) => left,
    };
    let range = range(direction, from, to, last);
    let start = from.unwrap_or(match direction {
        Direction::Forward => PageToken(Position(0)),
        Direction::Backward => PageToken(last),
    });
    let reader = Reader::of(&requester);
    let range = TimelineRange { limit: limit(query.limit), ..range };
    let page = fill(&server, &reader, &room_id, &filter, range).await?;
    let chunk = history::render(&server, &reader, &room_id, &page.events).await?;
    let mut out = String::with_capacity(chunk.iter().map(|event| event.len() + 1).sum::<usize>());
    let mut answer = ObjectWriter::open(&mut out);
    array(answer.key("chunk"), chunk);
    // Forwards there is always more to come, in a room that goes on.
    let goes_on = direction == Direction::Forward && to.is_none() && matches!(until, Until::Now);
    let last_shown = page.events.last().filter(|_| goes_on);
    if let Some(next) = page.next.or(last_shown.map(|event| PageToken(event.event.pos()))) {
        answer.text("end", &next.to_string());
    }
    answer.text("start", &start.to_string());
    if filter.lazy_load_members {
        let state = members_of(&server, &room_id, &page.events).await?;
        array(answer.key("state"), state.iter().map(|event| state_event(event)));
    }
    answer.close();
    Ok(json_response(StatusCode::OK, out))
}

fn state_event(event: &estafette_core::event::Event) -> String {
    let mut out = String::new();
    render::state_event(&mut out, event);
    out
}

/// What lies between two tokens, up to `last`.
fn range(
    direction: Direction,
    from: Option<PageToken>,
    to: Option<PageToken>,
    last: Position,
) -> TimelineRange {
    let (after, upto) = match direction {
        Direction::Forward => (from, to),
        Direction::Backward => (to, from),
    };
    TimelineRange {
        after: after.map_or(Position(0), |token| token.0),
        upto: upto.map_or(last, |token| token.0.min(last)),
        direction,
        limit: 0,
    }
}

/// `GET /_matrix/client/v3/rooms/{roomId}/event/{eventId}`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomideventeventid>
async fn event(
    State(server): State<Shared>,
    requester: Requester,
    Path((room_id, event_id)): Path<(RoomId, EventId)>,
) -> ApiResult<Response> {
    let reader = Reader::of(&requester);
    let found = seen_event(&server, &reader.user_id, &room_id, &event_id).await?;
    let mut rendered = history::render(&server, &reader, &room_id, &[found]).await?;
    Ok(json_response(StatusCode::OK, rendered.pop().unwrap_or_default()))
}

/// 404 for an event that does not exist or that the requester may not see.
pub(super) fn no_such_event() -> ApiError {
    ApiError::not_found("There is no such event, or you may not see it.")
}

#[derive(Debug, Default, Deserialize)]
struct ContextQuery {
    limit: Option<u64>,
    filter: Option<String>,
}

/// `GET /_matrix/client/v3/rooms/{roomId}/context/{eventId}`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomidcontexteventid>
async fn context(
    State(server): State<Shared>,
    requester: Requester,
    Path((room_id, event_id)): Path<(RoomId, EventId)>,
    Query(query): Query<ContextQuery>,
) -> ApiResult<Response> {
    readable_room(&server, &requester.user_id, &room_id).await?;
    let filter = filter(query.filter.as_deref())?;
    let reader = Reader::of(&requester);
    let found = history::event(&server, &reader.user_id, &room_id, &event_id).await?;
    let found = found.ok_or_else(no_such_event)?;
    let around = Around::load(
        &server,
        &reader,
        (&room_id, found.event.pos()),
        &filter,
        limit(query.limit).min(CONTEXT_EVENTS_MAX),
    )
    .await?;
    let mut all = around.events();
    all.push(found.clone());
    let upto = all.iter().map(|event| event.event.pos()).max().unwrap_or_default();
    let state = if filter.lazy_load_members {
        let mut state = members_of(&server, &room_id, &all).await?;
        let rest = server.store.state_at(&room_id, upto, None).await?;
        state.extend(rest.into_iter().filter(|event| event.kind() != "m.room.member"));
        state
    } else {
        server.store.state_at(&room_id, upto, None).await?
    };
    let event = history::render(&server, &reader, &room_id, &[found]).await?;
    let mut out = String::new();
    let mut answer = ObjectWriter::open(&mut out);
    answer.text("end", &around.end.to_string());
    answer.raw("event", event.first().map_or("{}", |event| event));
    let after = history::render(&server, &reader, &room_id, &around.after).await?;
    array(answer.key("events_after"), after);
    let before = history::render(&server, &reader, &room_id, &around.before).await?;
    array(answer.key("events_before"), before);
    answer.text("start", &around.start.to_string());
    array(answer.key("state"), state.iter().map(|event| state_event(event)));
    answer.close();
    Ok(json_response(StatusCode::OK, out))
}

/// The neighbours of an event.
pub(super) struct Around {
    /// Those before it, latest first.
    pub(super) before: Vec<history::Visible>,
    /// Those after it, oldest first.
    pub(super) after: Vec<history::Visible>,
    /// `/messages` goes on backwards from here.
    pub(super) start: PageToken,
    /// `/messages` goes on forwards from here.
    pub(super) end: PageToken,
}

impl Around {
    /// At most `limit` neighbours, about half of them on each side.
    pub(super) async fn load(
        server: &Shared,
        reader: &Reader,
        (room_id, pos): (&RoomId, Position),
        filter: &estafette_core::filter::RoomEventFilter,
        limit: usize,
    ) -> ApiResult<Self> {
        let back = TimelineRange {
            after: Position(0),
            upto: Position(pos.0.saturating_sub(1)),
            direction: Direction::Backward,
            limit: limit / 2,
        };
        let before = fill(server, reader, room_id, filter, back).await?;
        let on = TimelineRange {
            after: pos,
            upto: server.notifier.head(),
            direction: Direction::Forward,
            limit: limit - limit / 2,
        };
        let after = fill(server, reader, room_id, filter, on).await?;
        let first = before.events.last().map_or(pos, |event| event.event.pos());
        let last = after.events.last().map_or(pos, |event| event.event.pos());
        Ok(Self {
            start: super::page::onwards(Direction::Backward, first),
            end: PageToken(last),
            before: before.events,
            after: after.events,
        })
    }

    /// All of them.
    pub(super) fn events(&self) -> Vec<history::Visible> {
        self.before.iter().chain(&self.after).cloned().collect()
    }
}

#[derive(Debug, Deserialize)]
struct TimestampQuery {
    ts: i64,
    dir: Option<String>,
}

/// `GET /_matrix/client/v1/rooms/{roomId}/timestamp_to_event`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1roomsroomidtimestamp_to_event>
async fn timestamp_to_event(
    State(server): State<Shared>,
    requester: Requester,
    Path(room_id): Path<RoomId>,
    Query(query): Query<TimestampQuery>,
) -> ApiResult<Json<serde_json::Value>> {
    readable_room(&server, &requester.user_id, &room_id).await?;
    let direction = direction(query.dir.as_deref())?
        .ok_or_else(|| ApiError::missing_param("`dir` is missing."))?;
    let nearest =
        server.store.events_near(&room_id, query.ts, direction, CONTEXT_EVENTS_MAX).await?;
    let events = history::from_stored(nearest);
    let seen = history::visible(&server, &requester.user_id, &room_id, events).await?;
    let found = seen.first().ok_or_else(|| {
        ApiError::not_found("There is no event on that side of the time, or you may not see it.")
    })?;
    let event = &found.event.event;
    Ok(Json(json!({
        "event_id": event.event_id(),
        "origin_server_ts": event.origin_server_ts(),
    })))
}

#[cfg(test)]
mod tests;
