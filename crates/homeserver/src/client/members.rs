// SPDX-License-Identifier: Apache-2.0
//! Who is in a room (Client-Server API, "Getting events for a room").

use std::sync::Arc;

use axum::{Router, extract::State, response::Response, routing::get};
use estafette_core::{
    event::{Event, Membership},
    ids::RoomId,
    json::Value,
};
use estafette_store::{Position, RoomStore as _};
use http::StatusCode;
use serde::Deserialize;

use super::{
    page::PageToken,
    room_access::{Until, joined_room, readable_room},
    v3,
};
use crate::{
    ApiError, ApiResult, Shared,
    auth::Requester,
    http::{Path, Query, json_response},
    render,
    sync::writer::{ObjectWriter, array},
};

pub(super) fn routes() -> Router<Shared> {
    let mut router = Router::new();
    router = v3(router, "/rooms/{room_id}/members", get(members));
    v3(router, "/rooms/{room_id}/joined_members", get(joined_members))
}

#[derive(Debug, Default, Deserialize)]
struct MembersQuery {
    at: Option<String>,
    membership: Option<String>,
    not_membership: Option<String>,
}

/// `GET /_matrix/client/v3/rooms/{roomId}/members`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomidmembers>
async fn members(
    State(server): State<Shared>,
    requester: Requester,
    Path(room_id): Path<RoomId>,
    Query(query): Query<MembersQuery>,
) -> ApiResult<Response> {
    let word = |word: &Option<String>| match word.as_deref() {
        None => Ok(None),
        Some(word) => Membership::parse(word)
            .map(Some)
            .ok_or_else(|| ApiError::invalid_param("That is none of the known memberships.")),
    };
    let (wanted, unwanted) = (word(&query.membership)?, word(&query.not_membership)?);
    let at = query.at.as_deref().map(PageToken::parse).transpose()?;
    let (room, until) = readable_room(&server, &requester.user_id, &room_id).await?;
    let snapshot = room.snapshot();
    let upto = match (at, until) {
        (Some(at), Until::Now) => (at.0 < snapshot.last_pos()).then_some(at.0),
        (Some(at), Until::Left(left)) => Some(Position(at.0.0.min(left.0))),
        (None, Until::Now) => None,
        (None, Until::Left(left)) => Some(left),
    };
    let events: Vec<Arc<Event>> = match upto {
        None => snapshot.view.state().iter_kind("m.room.member").cloned().collect(),
        Some(upto) => {
            let key = [("m.room.member".to_owned(), None)];
            server.store.state_at(&room_id, upto, Some(&key)).await?
        }
    };
    let chunk = events
        .iter()
        .filter(|event| wanted.is_none() || event.membership() == wanted)
        .filter(|event| unwanted.is_none() || event.membership() != unwanted)
        .map(|event| {
            let mut out = String::new();
            render::state_event(&mut out, event);
            out
        });
    let mut out = String::from("{\"chunk\":");
    array(&mut out, chunk);
    out.push('}');
    Ok(json_response(StatusCode::OK, out))
}

/// `GET /_matrix/client/v3/rooms/{roomId}/joined_members`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomidjoined_members>
async fn joined_members(
    State(server): State<Shared>,
    requester: Requester,
    Path(room_id): Path<RoomId>,
) -> ApiResult<Response> {
    let room = joined_room(&server, &requester.user_id, &room_id).await?;
    let snapshot = room.snapshot();
    let members = snapshot.view.state().iter_kind("m.room.member");
    let mut out = String::new();
    let mut answer = ObjectWriter::open(&mut out);
    let mut joined = answer.object("joined");
    for member in members.filter(|member| member.membership() == Some(Membership::Join)) {
        let mut profile = joined.object(member.state_key().unwrap_or_default());
        for (key, name) in PROFILE {
            // There in any case: clients tell "no name" from "not told".
            match member.content().get(key).and_then(Value::as_str) {
                Some(text) => profile.text(name, text),
                None => profile.raw(name, "null"),
            }
        }
        profile.close();
    }
    joined.close();
    answer.close();
    Ok(json_response(StatusCode::OK, out))
}

/// The members of a membership's content, and how this endpoint names them.
const PROFILE: [(&str, &str); 2] = [("avatar_url", "avatar_url"), ("displayname", "display_name")];

#[cfg(test)]
mod tests;
