// SPDX-License-Identifier: Apache-2.0
//! What relates to an event, and a room's threads (Client-Server API, "Forming relationships
//! between events" and "Threading").

use std::collections::HashSet;

use axum::{Router, extract::State, response::Response, routing::get};
use estafette_core::{
    ids::{EventId, RoomId},
    limits::{PAGE_EVENTS_MAX, RELATIONS_RECURSION_MAX},
};
use estafette_store::{
    Position, RoomStore as _,
    rooms::{Direction, RelationFilter, StoredEvent, TimelineRange},
};
use http::StatusCode;
use serde::Deserialize;

use super::{
    page::{PageToken, direction, limit, onwards},
    room_access::{readable_room, seen_event},
};
use crate::{
    ApiError, ApiResult, Shared,
    auth::Requester,
    history::{self, Reader, Visible},
    http::{Path, Query, json_response},
    sync::writer::{ObjectWriter, array},
};

pub(super) fn routes() -> Router<Shared> {
    let base = "/_matrix/client/v1/rooms/{room_id}";
    Router::new()
        .route(&format!("{base}/relations/{{event_id}}"), get(relations))
        .route(&format!("{base}/relations/{{event_id}}/{{rel_type}}"), get(relations_of_type))
        .route(
            &format!("{base}/relations/{{event_id}}/{{rel_type}}/{{event_type}}"),
            get(relations_of_both),
        )
        .route(&format!("{base}/threads"), get(threads))
}

#[derive(Debug, Default, Deserialize)]
struct RelationsQuery {
    from: Option<String>,
    to: Option<String>,
    limit: Option<u64>,
    dir: Option<String>,
    #[serde(default)]
    recurse: bool,
}

async fn relations(
    server: State<Shared>,
    requester: Requester,
    Path((room_id, event_id)): Path<(RoomId, EventId)>,
    query: Query<RelationsQuery>,
) -> ApiResult<Response> {
    page(server, requester, (room_id, event_id), RelationFilter::default(), query).await
}

async fn relations_of_type(
    server: State<Shared>,
    requester: Requester,
    Path((room_id, event_id, rel_type)): Path<(RoomId, EventId, String)>,
    query: Query<RelationsQuery>,
) -> ApiResult<Response> {
    let filter = RelationFilter { rel_type: Some(rel_type), kind: None };
    page(server, requester, (room_id, event_id), filter, query).await
}

async fn relations_of_both(
    server: State<Shared>,
    requester: Requester,
    Path((room_id, event_id, rel_type, kind)): Path<(RoomId, EventId, String, String)>,
    query: Query<RelationsQuery>,
) -> ApiResult<Response> {
    let filter = RelationFilter { rel_type: Some(rel_type), kind: Some(kind) };
    page(server, requester, (room_id, event_id), filter, query).await
}

/// `GET /_matrix/client/v1/rooms/{roomId}/relations/{eventId}[/{relType}[/{eventType}]]`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1roomsroomidrelationseventid>
async fn page(
    State(server): State<Shared>,
    requester: Requester,
    (room_id, parent): (RoomId, EventId),
    filter: RelationFilter,
    Query(query): Query<RelationsQuery>,
) -> ApiResult<Response> {
    let direction = direction(query.dir.as_deref())?.unwrap_or(Direction::Backward);
    let token = |text: &Option<String>| text.as_deref().map(PageToken::parse).transpose();
    let (from, to) = (token(&query.from)?, token(&query.to)?);
    let limit = limit(query.limit);
    let reader = Reader::of(&requester);
    // Who may not see the parent learns nothing of its children.
    seen_event(&server, &reader.user_id, &room_id, &parent).await?;
    let (after, upto) = match direction {
        Direction::Forward => (from, to),
        Direction::Backward => (to, from),
    };
    let range = TimelineRange {
        after: after.map_or(Position(0), |token| token.0),
        upto: upto.map_or(Position(u64::MAX >> 1), |token| token.0),
        direction,
        limit: limit + 1,
    };
    let mut found = if query.recurse {
        recurse(&server, &parent, &filter, range).await?
    } else {
        server.store.relations(&parent, &filter, range).await?
    };
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|last| onwards(direction, last.pos));
    let in_room = found.into_iter().filter(|event| *event.event.room_id() == room_id);
    let events = history::from_stored(in_room);
    let seen = history::visible(&server, &reader.user_id, &room_id, events).await?;
    let depth = query.recurse.then_some(RELATIONS_RECURSION_MAX);
    answer(&server, &reader, &room_id, &seen, (from, next, depth)).await
}

async fn answer(
    server: &Shared,
    reader: &Reader,
    room_id: &RoomId,
    events: &[Visible],
    (prev, next, depth): (Option<PageToken>, Option<PageToken>, Option<usize>),
) -> ApiResult<Response> {
    let chunk = history::render(server, reader, room_id, events).await?;
    let mut out = String::new();
    let mut answer = ObjectWriter::open(&mut out);
    array(answer.key("chunk"), chunk);
    if let Some(next) = next {
        answer.text("next_batch", &next.to_string());
    }
    if let Some(prev) = prev {
        answer.text("prev_batch", &prev.to_string());
    }
    if let Some(depth) = depth {
        answer.display("recursion_depth", depth);
    }
    answer.close();
    Ok(json_response(StatusCode::OK, out))
}

/// Children, their children and so on, [`RELATIONS_RECURSION_MAX`] generations in all, in walking
/// order. `filter` chooses among them; it does not stop the walk.
async fn recurse(
    server: &Shared,
    parent: &EventId,
    filter: &RelationFilter,
    range: TimelineRange,
) -> ApiResult<Vec<StoredEvent>> {
    let whole = TimelineRange {
        after: Position(0),
        upto: Position(u64::MAX >> 1),
        limit: PAGE_EVENTS_MAX,
        ..range
    };
    let mut known: HashSet<EventId> = HashSet::from([parent.clone()]);
    let mut generation = vec![parent.clone()];
    let mut found: Vec<StoredEvent> = Vec::new();
    for _ in 0..RELATIONS_RECURSION_MAX {
        let mut next = Vec::new();
        for parent in &generation {
            if known.len() > PAGE_EVENTS_MAX {
                break;
            }
            for child in server.store.relations(parent, &RelationFilter::default(), whole).await? {
                if known.insert(child.event.event_id().clone()) {
                    next.push(child.event.event_id().clone());
                    found.push(child);
                }
            }
        }
        generation = next;
    }
    found.retain(|event| event.pos > range.after && event.pos <= range.upto);
    found.retain(|event| passes(filter, event));
    match range.direction {
        Direction::Forward => found.sort_by_key(|event| event.pos),
        Direction::Backward => found.sort_by_key(|event| std::cmp::Reverse(event.pos)),
    }
    found.truncate(range.limit);
    Ok(found)
}

fn passes(filter: &RelationFilter, event: &StoredEvent) -> bool {
    let relation = estafette_core::relations::relation(event.event.content());
    let rel_type = relation.map(|relation| relation.rel_type);
    filter.rel_type.as_deref().is_none_or(|wanted| rel_type == Some(wanted))
        && filter.kind.as_deref().is_none_or(|wanted| event.event.kind() == wanted)
}

#[derive(Debug, Default, Deserialize)]
struct ThreadsQuery {
    include: Option<String>,
    from: Option<String>,
    limit: Option<u64>,
}

/// `GET /_matrix/client/v1/rooms/{roomId}/threads`: the roots, the thread with the latest event
/// first.
///
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1roomsroomidthreads>
async fn threads(
    State(server): State<Shared>,
    requester: Requester,
    Path(room_id): Path<RoomId>,
    Query(query): Query<ThreadsQuery>,
) -> ApiResult<Response> {
    let participant = match query.include.as_deref() {
        None | Some("all") => None,
        Some("participated") => Some(&requester.user_id),
        Some(_) => return Err(ApiError::invalid_param("`include` is `all` or `participated`.")),
    };
    let from = query.from.as_deref().map(PageToken::parse).transpose()?;
    let before = from.map_or(Position(u64::MAX >> 1), |token| Position(token.0.0 + 1));
    let limit = limit(query.limit).max(1);
    readable_room(&server, &requester.user_id, &room_id).await?;
    let reader = Reader::of(&requester);
    let mut roots = server.store.threads(&room_id, before, participant, limit + 1).await?;
    let more = roots.len() > limit;
    roots.truncate(limit);
    let next = roots.last().filter(|_| more).map(|(_, last)| onwards(Direction::Backward, *last));
    let mut seen = Vec::with_capacity(roots.len());
    for (root, _) in &roots {
        seen.extend(history::event(&server, &reader.user_id, &room_id, root).await?);
    }
    answer(&server, &reader, &room_id, &seen, (None, next, None)).await
}

#[cfg(test)]
mod tests;
