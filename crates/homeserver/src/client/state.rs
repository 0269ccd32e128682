// SPDX-License-Identifier: Apache-2.0
//! A room's state (Client-Server API, "Getting events for a room" and `PUT …/state/…`).

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::{get, put},
};
use estafette_core::{
    event::{Event, Membership},
    ids::{RoomAlias, RoomId, UserId},
    json::{Object, Value},
    room::{Command, MemberAct, RoomView},
};
use estafette_store::RoomStore as _;
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;

use super::{
    content::{Content, text},
    delayed_events,
    membership::member_request,
    room_access::{Until, readable_room, room},
    send::SendQuery,
    upgrade::{check_tombstone, replaced},
    v3,
};
use crate::{
    ApiError, ApiResult, Shared,
    auth::Requester,
    http::{Json, Path, Query, json_response},
    rate_limit::Cost,
    render,
    room_worker::{Request, submit_to},
    rooms::HotRoom,
};

pub(super) fn routes() -> Router<Shared> {
    let mut router = Router::new();
    router = v3(router, "/rooms/{room_id}/state", get(whole_state));
    // An empty state key is written with or without the slash before it.
    for path in ["/rooms/{room_id}/state/{event_type}", "/rooms/{room_id}/state/{event_type}/"] {
        router = v3(router, path, get(state_without_key).merge(put(put_state_without_key)));
    }
    let path = "/rooms/{room_id}/state/{event_type}/{state_key}";
    v3(router, path, get(state_of_key).merge(put(put_state_of_key)))
}

/// `GET /_matrix/client/v3/rooms/{roomId}/state`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomidstate>
async fn whole_state(
    State(server): State<Shared>,
    requester: Requester,
    Path(room_id): Path<RoomId>,
) -> ApiResult<Response> {
    let (room, until) = readable_room(&server, &requester.user_id, &room_id).await?;
    let snapshot = room.snapshot();
    let mut out = String::from("[");
    match until {
        Until::Now => write_events(&mut out, snapshot.view.state().iter_unordered()),
        Until::Left(upto) => {
            let state = server.store.state_at(&room_id, upto, None).await?;
            write_events(&mut out, state.iter());
        }
    }
    out.push(']');
    Ok(json_response(StatusCode::OK, out))
}

fn write_events<'a>(out: &mut String, events: impl Iterator<Item = &'a Arc<Event>>) {
    for (index, event) in events.enumerate() {
        if index > 0 {
            out.push(',');
        }
        render::state_event(out, event);
    }
}

/// In which form one piece of state is wanted.
#[derive(Debug, Default, Deserialize)]
struct StateQuery {
    #[serde(default)]
    format: Option<String>,
}

async fn state_without_key(
    server: State<Shared>,
    requester: Requester,
    Path((room_id, kind)): Path<(RoomId, String)>,
    query: Query<StateQuery>,
) -> ApiResult<Response> {
    state_of_key(server, requester, Path((room_id, kind, String::new())), query).await
}

/// `GET /_matrix/client/v3/rooms/{roomId}/state/{eventType}/{stateKey}`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomidstateeventtypestatekey>
async fn state_of_key(
    State(server): State<Shared>,
    requester: Requester,
    Path((room_id, kind, state_key)): Path<(RoomId, String, String)>,
    Query(query): Query<StateQuery>,
) -> ApiResult<Response> {
    let whole = match query.format.as_deref() {
        None | Some("content") => false,
        Some("event") => true,
        Some(_) => return Err(ApiError::invalid_param("`format` is `content` or `event`.")),
    };
    let (room, until) = readable_room(&server, &requester.user_id, &room_id).await?;
    let event = match until {
        Until::Now => room.snapshot().view.state_event(&kind, &state_key).cloned(),
        Until::Left(upto) => {
            let key = [(kind, Some(state_key))];
            server.store.state_at(&room_id, upto, Some(&key)).await?.into_iter().next()
        }
    };
    let event = event.ok_or_else(|| ApiError::not_found("The room has no such state."))?;
    if !whole {
        return Ok(json_response(StatusCode::OK, event.content_json().to_owned()));
    }
    let mut out = String::new();
    render::state_event(&mut out, &event);
    Ok(json_response(StatusCode::OK, out))
}

async fn put_state_without_key(
    server: State<Shared>,
    requester: Requester,
    Path((room_id, kind)): Path<(RoomId, String)>,
    query: Query<SendQuery>,
    content: Content,
) -> ApiResult<Response> {
    let path = Path((room_id, kind, String::new()));
    put_state_of_key(server, requester, path, query, content).await
}

/// `PUT /_matrix/client/v3/rooms/{roomId}/state/{eventType}/{stateKey}`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3roomsroomidstateeventtypestatekey>
async fn put_state_of_key(
    State(server): State<Shared>,
    requester: Requester,
    Path((room_id, kind, state_key)): Path<(RoomId, String, String)>,
    Query(query): Query<SendQuery>,
    Content(content): Content,
) -> ApiResult<Response> {
    requester.check_rate(&server.rate_limiter, Cost::Message, server.now_ms())?;
    if kind != "m.room.member" {
        requester.check_not_suspended()?;
    }
    let key = (&room_id, kind.as_str(), Some(state_key.as_str()));
    if let Some(delayed) = query.delayed(&requester, None, key, &content) {
        let answer = delayed_events::keep(&server, &requester, delayed).await?;
        return Ok(answer.into_response());
    }
    let room = room(&server, &requester.user_id, &room_id).await?;
    let tombstone = (kind == "m.room.tombstone").then(|| content.clone());
    let mut request = state_request(&server, &requester, &room, (kind, state_key), content).await?;
    request.origin_server_ts = query.timestamp(&requester);
    let event_id = submit_to(&server, &room, request).await?;
    if let Some(content) = tombstone {
        replaced(&server, &requester.user_id, &content).await?;
    }
    Ok(Json(json!({ "event_id": event_id })).into_response())
}

/// The request to set a piece of state.
pub(super) async fn state_request(
    server: &Shared,
    requester: &Requester,
    room: &HotRoom,
    (kind, state_key): (String, String),
    content: Object,
) -> ApiResult<Request> {
    let snapshot = room.snapshot();
    if kind == "m.room.member" {
        return membership_state(server, requester, &snapshot.view, &state_key, content).await;
    }
    if kind == "m.room.canonical_alias" {
        check_canonical_alias(server, &snapshot.view, &content).await?;
    }
    if kind == estafette_core::third_party_invite::KIND {
        super::third_party_invite::check_state(&content)?;
    }
    check_tombstone(&room.room_id, &kind, &content)?;
    let sender = requester.user_id.clone();
    Ok(Request::new(Command::SendState { sender, kind, state_key, content }))
}

/// A membership that is set as state goes the same way as the membership endpoints.
async fn membership_state(
    server: &Shared,
    requester: &Requester,
    view: &RoomView,
    state_key: &str,
    content: Object,
) -> ApiResult<Request> {
    let target = UserId::parse(state_key)
        .map_err(|_| ApiError::invalid_param("The state key of a membership is a user id."))?;
    let word = text(&content, "membership")?
        .ok_or_else(|| ApiError::bad_json("`membership` is missing."))?;
    let own = target == requester.user_id;
    let act = match Membership::parse(word) {
        Some(Membership::Join) if own => MemberAct::Join,
        Some(Membership::Knock) if own => MemberAct::Knock,
        Some(Membership::Join | Membership::Knock) => {
            return Err(ApiError::forbidden("Only the user may do this for themselves."));
        }
        Some(Membership::Invite) => MemberAct::Invite,
        Some(Membership::Ban) => MemberAct::Ban,
        Some(Membership::Leave) if own => MemberAct::Leave,
        Some(Membership::Leave) if view.membership(&target) == Some(Membership::Ban) => {
            MemberAct::Unban
        }
        Some(Membership::Leave) => MemberAct::Kick,
        None => return Err(ApiError::bad_json("`membership` is none of the known words.")),
    };
    member_request(server, requester, view, (&target, act), content).await
}

/// `m.room.canonical_alias`: an alias that is new in the event must name this room.
///
/// <https://spec.matrix.org/v1.19/client-server-api/#mroomcanonical_alias>
async fn check_canonical_alias(
    server: &Shared,
    view: &RoomView,
    content: &Object,
) -> ApiResult<()> {
    let before = view.state_event("m.room.canonical_alias", "");
    let known = before.map(|event| aliases_in(event.content())).unwrap_or_default();
    text(content, "alias")?;
    for alias in aliases_in(content).into_iter().filter(|alias| !known.contains(alias)) {
        let parsed = RoomAlias::parse(alias)
            .map_err(|_| ApiError::invalid_param(format!("`{alias}` is no room alias.")))?;
        let named = server.store.alias(&parsed).await?;
        if named.is_none_or(|(room_id, _)| room_id != *view.room_id()) {
            return Err(ApiError::new(
                StatusCode::BAD_REQUEST,
                "M_BAD_ALIAS",
                format!("The alias {alias} does not name this room."),
            ));
        }
    }
    Ok(())
}

fn aliases_in(content: &Object) -> Vec<&str> {
    let alternatives = content.get("alt_aliases").and_then(Value::as_array).unwrap_or_default();
    let all = content.get("alias").into_iter().chain(alternatives);
    all.filter_map(Value::as_str).filter(|alias| !alias.is_empty()).collect()
}

#[cfg(test)]
mod tests;
