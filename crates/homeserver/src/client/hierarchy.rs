// SPDX-License-Identifier: Apache-2.0
//! The tree of rooms under a space (Client-Server API, "Spaces").

use std::{collections::HashSet, sync::Arc};

use axum::{Router, extract::State, response::Response, routing::get};
use estafette_core::{
    event::Event,
    ids::RoomId,
    json::Value,
    limits::{HIERARCHY_DEPTH_MAX, HIERARCHY_ROOMS_MAX, HIERARCHY_WALK_MAX},
};
use http::StatusCode;
use serde::Deserialize;

use super::{
    room_error::not_in_room,
    room_summary::{Summary, previewed_room, write_summary},
};
use crate::{
    ApiError, ApiResult, Shared,
    auth::Requester,
    http::{Path, Query, json_response},
    render,
    rooms::Snapshot,
    sync::writer::{ObjectWriter, array},
};

pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/_matrix/client/v1/rooms/{room_id}/hierarchy", get(hierarchy))
}

#[derive(Debug, Default, Deserialize)]
struct HierarchyQuery {
    #[serde(default)]
    suggested_only: bool,
    limit: Option<usize>,
    max_depth: Option<usize>,
    from: Option<String>,
}

/// `GET /_matrix/client/v1/rooms/{roomId}/hierarchy`
///
/// The walk is the same each time, so a token only says how many rooms were told. It holds the
/// walk's parameters, which must not change from page to page.
///
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1roomsroomidhierarchy>
async fn hierarchy(
    State(server): State<Shared>,
    requester: Requester,
    Path(room_id): Path<RoomId>,
    Query(query): Query<HierarchyQuery>,
) -> ApiResult<Response> {
    let limit = query.limit.unwrap_or(HIERARCHY_ROOMS_MAX).clamp(1, HIERARCHY_ROOMS_MAX);
    let depth = query.max_depth.unwrap_or(HIERARCHY_DEPTH_MAX).min(HIERARCHY_DEPTH_MAX);
    let suffix = format!("_{}_{depth}", u8::from(query.suggested_only));
    let skip: usize = match query.from.as_deref() {
        None => 0,
        Some(from) => from
            .strip_prefix('h')
            .and_then(|rest| rest.strip_suffix(&suffix))
            .and_then(|count| count.parse().ok())
            .ok_or_else(|| {
                ApiError::invalid_param("`from` is no token of this request's parameters.")
            })?,
    };
    let root = previewed_room(&server, Some(&requester.user_id), &room_id).await?;
    root.ok_or_else(not_in_room)?;
    let walk = Walk { server: &server, requester: &requester, query: &query, depth };
    let wanted = skip.saturating_add(limit).saturating_add(1);
    let found = walk.rooms(room_id, wanted).await?;
    let more = found.len() == wanted && wanted <= HIERARCHY_WALK_MAX;
    let mut out = String::new();
    let mut answer = ObjectWriter::open(&mut out);
    if more {
        answer.text("next_batch", &format!("h{}{suffix}", skip + limit));
    }
    let page = found.iter().skip(skip).take(limit);
    array(answer.key("rooms"), page.map(|(room, children)| entry(room, children)));
    answer.close();
    Ok(json_response(StatusCode::OK, out))
}

/// A room of the tree and those of its children that are listed with it.
type Found = (Arc<Snapshot>, Vec<Arc<Event>>);

struct Walk<'a> {
    server: &'a Shared,
    requester: &'a Requester,
    query: &'a HierarchyQuery,
    depth: usize,
}

impl Walk<'_> {
    /// The first `wanted` rooms of the tree, depth first, each room once.
    async fn rooms(&self, root: RoomId, wanted: usize) -> ApiResult<Vec<Found>> {
        let mut found = Vec::new();
        let mut known = HashSet::from([root.clone()]);
        let mut open = vec![(root, 0)];
        while let Some((room_id, depth)) = open.pop() {
            if found.len() >= wanted.min(HIERARCHY_WALK_MAX + 1) {
                break;
            }
            // Rooms of other servers that this one is not in cannot be described.
            let user_id = Some(&self.requester.user_id);
            let Some(hot) = previewed_room(self.server, user_id, &room_id).await? else {
                continue;
            };
            let snapshot = hot.snapshot();
            let children = children(&snapshot, self.query.suggested_only);
            if depth < self.depth {
                // The last one put down is the first one taken up.
                for child in children.iter().rev() {
                    let child = child.state_key().and_then(|key| RoomId::parse(key).ok());
                    if let Some(child) = child.filter(|child| known.insert(child.clone())) {
                        open.push((child, depth + 1));
                    }
                }
            }
            found.push((snapshot, children));
        }
        Ok(found)
    }
}

/// A space's children in their order: by `order`, then by age, then by id; only those that say
/// how to reach them.
///
/// <https://spec.matrix.org/v1.19/client-server-api/#ordering-of-children-within-a-space>
fn children(snapshot: &Snapshot, suggested_only: bool) -> Vec<Arc<Event>> {
    let view = &snapshot.view;
    if view.state_text("m.room.create", "type") != Some("m.space") {
        return Vec::new();
    }
    let reachable = |event: &&Arc<Event>| {
        let via = event.content().get("via").and_then(Value::as_array);
        via.is_some_and(|via| via.iter().any(|server| server.as_str().is_some()))
    };
    let suggested = |event: &&Arc<Event>| {
        let suggested = event.content().get("suggested").and_then(Value::as_bool);
        !suggested_only || suggested == Some(true)
    };
    let children = view.state().iter_kind("m.space.child").filter(reachable).filter(suggested);
    let mut children: Vec<Arc<Event>> = children.cloned().collect();
    children.sort_by_cached_key(|event| {
        let order = order(event);
        let room_id = event.state_key().unwrap_or_default().to_owned();
        (order.is_none(), order, event.origin_server_ts(), room_id)
    });
    children
}

/// `order`, where it is at most 50 printable ASCII characters.
fn order(event: &Event) -> Option<String> {
    let order = event.content().get("order")?.as_str()?;
    let valid = order.len() <= 50 && order.bytes().all(|byte| (0x20..=0x7e).contains(&byte));
    valid.then(|| order.to_owned())
}

fn entry(room: &Snapshot, children: &[Arc<Event>]) -> String {
    let mut out = String::new();
    let mut object = ObjectWriter::open(&mut out);
    let children = children.iter().map(|event| {
        let mut out = String::new();
        render::stripped_state_event(&mut out, event);
        // Here stripped state also says when it was sent.
        out.pop();
        out.push_str(&format!(",\"origin_server_ts\":{}}}", event.origin_server_ts()));
        out
    });
    array(object.key("children_state"), children);
    write_summary(&mut object, &Summary::of_view(&room.view));
    object.close();
    out
}

#[cfg(test)]
mod tests;
