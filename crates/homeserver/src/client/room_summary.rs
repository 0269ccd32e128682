// SPDX-License-Identifier: Apache-2.0
//! What a room says of itself to those who are not in it (Client-Server API, "Listing rooms",
//! `GET /room_summary` and the rooms of a space's hierarchy).

use std::sync::Arc;

use axum::{Router, extract::State, response::Response, routing::get};
use estafette_core::{
    auth::AuthState,
    event::{Event, Membership},
    ids::{RoomId, UserId},
    json::{Value, write_json_string},
    room::RoomView,
};
use http::StatusCode;

use super::room_access::{known_room, resolve};
use crate::{
    ApiError, ApiResult, Shared,
    auth::Requester,
    guests,
    http::{Path, json_response},
    rooms::HotRoom,
    sync::writer::{ObjectWriter, array},
};

pub(super) fn routes() -> Router<Shared> {
    let unstable = "/_matrix/client/unstable/im.nheko.summary";
    Router::new()
        .route("/_matrix/client/v1/room_summary/{room_id_or_alias}", get(room_summary))
        // MSC3266 before it was stable, in both of its forms.
        .route(&format!("{unstable}/summary/{{room_id_or_alias}}"), get(room_summary))
        .route(&format!("{unstable}/rooms/{{room_id_or_alias}}/summary"), get(room_summary))
}

/// `GET /_matrix/client/v1/room_summary/{roomIdOrAlias}`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1room_summaryroomidoralias>
async fn room_summary(
    State(server): State<Shared>,
    requester: ApiResult<Requester>,
    Path(id_or_alias): Path<String>,
) -> ApiResult<Response> {
    let requester = optional(requester)?;
    let unknown = || ApiError::not_found("There is no such room, or you may not see it.");
    let room_id = resolve(&server, &id_or_alias).await?;
    let room = previewed_room(&server, requester.as_ref(), &room_id).await?.ok_or_else(unknown)?;
    let view = &room.snapshot().view;
    let mut out = String::new();
    let mut answer = ObjectWriter::open(&mut out);
    write_summary(&mut answer, &Summary::of_view(view));
    if let Some(user_id) = &requester {
        let membership = view.membership(user_id).map_or("leave", Membership::as_str);
        answer.text("membership", membership);
    }
    answer.close();
    Ok(json_response(StatusCode::OK, out))
}

/// The user of a request that may have no token. 401 for a wrong one.
pub(super) fn optional(requester: ApiResult<Requester>) -> ApiResult<Option<UserId>> {
    match requester {
        Ok(requester) => Ok(Some(requester.user_id)),
        Err(error) if error.errcode() == "M_MISSING_TOKEN" => Ok(None),
        Err(error) => Err(error),
    }
}

/// The room, for somebody who may be told what it is about.
pub(super) async fn previewed_room(
    server: &Shared,
    user_id: Option<&UserId>,
    room_id: &RoomId,
) -> ApiResult<Option<Arc<HotRoom>>> {
    let Some(room) = known_room(server, user_id, room_id).await? else { return Ok(None) };
    let view = &room.snapshot().view;
    // Those who have nothing to do with it know of it because it is open to them.
    let is_member = user_id.is_some_and(|user_id| view.membership(user_id).is_some());
    let may = !is_member || may_preview(server, user_id, view).await?;
    Ok(may.then_some(room))
}

/// Whether somebody may be told what a room is about: members and those invited, and everybody
/// where the room can be entered, asked to be entered or looked into. `state` is what of its state
/// decides that.
pub(super) async fn may_preview(
    server: &Shared,
    user_id: Option<&UserId>,
    state: &(impl AuthState + Sync),
) -> ApiResult<bool> {
    let membership = user_id.and_then(|user_id| state.membership(user_id.as_str()));
    if matches!(membership, Some(Membership::Join | Membership::Invite | Membership::Knock)) {
        return Ok(true);
    }
    let readable = state.is_world_readable();
    let open = readable || matches!(state.join_rule(), "public" | "knock" | "knock_restricted");
    if !guests::may_see_published(server, user_id).await? {
        return Ok(false);
    }
    let Some(user_id) = user_id else { return Ok(open) };
    if membership == Some(Membership::Ban) {
        return Ok(readable);
    }
    Ok(open || super::membership::is_in_allowed_room(server, user_id, state).await?)
}

/// The parts of a room that its summary is made of.
pub(super) struct Summary<'a> {
    pub(super) room_id: &'a RoomId,
    pub(super) joined_members: u64,
    state: Box<dyn Fn(&str) -> Option<&'a Event> + Send + 'a>,
}

impl<'a> Summary<'a> {
    /// A room in memory.
    pub(super) fn of_view(view: &'a RoomView) -> Self {
        Self {
            room_id: view.room_id(),
            joined_members: u64::try_from(view.joined_count()).unwrap_or(u64::MAX),
            state: Box::new(|kind| view.state_event(kind, "").map(|event| &**event)),
        }
    }

    /// A row of the directory.
    pub(super) fn of_row(row: &'a estafette_store::rooms::PublicRoom) -> Self {
        Self {
            room_id: &row.room_id,
            joined_members: row.joined_members,
            state: Box::new(|kind| {
                row.state.iter().map(|event| &**event).find(|event| event.kind() == kind)
            }),
        }
    }

    /// A text in the content of a state event.
    pub(super) fn text(&self, kind: &str, member: &str) -> Option<&'a str> {
        (self.state)(kind)?.content().get(member)?.as_str().filter(|text| !text.is_empty())
    }

    fn flag(&self, kind: &str, member: &str, word: &str) -> bool {
        self.text(kind, member) == Some(word)
    }
}

/// Writes the members of a `PublicRoomsChunk` and those that summaries add.
pub(super) fn write_summary(into: &mut ObjectWriter<'_>, room: &Summary<'_>) {
    for (name, kind, member) in [
        ("avatar_url", "m.room.avatar", "url"),
        ("canonical_alias", "m.room.canonical_alias", "alias"),
        ("encryption", "m.room.encryption", "algorithm"),
        ("name", "m.room.name", "name"),
        ("room_type", "m.room.create", "type"),
        ("topic", "m.room.topic", "topic"),
    ] {
        if let Some(text) = room.text(kind, member) {
            into.text(name, text);
        }
    }
    into.display("guest_can_join", room.flag("m.room.guest_access", "guest_access", "can_join"));
    let rule = room.text("m.room.join_rules", "join_rule").unwrap_or("invite");
    into.text("join_rule", rule);
    if matches!(rule, "restricted" | "knock_restricted") {
        array(into.key("allowed_room_ids"), allowed_rooms(room));
    }
    into.display("num_joined_members", room.joined_members);
    into.text("room_id", room.room_id.as_str());
    let version = room.text("m.room.create", "room_version").unwrap_or("1");
    into.text("room_version", version);
    let readable = room.flag("m.room.history_visibility", "history_visibility", "world_readable");
    into.display("world_readable", readable);
}

/// The rooms that a restricted join rule names, as JSON texts.
fn allowed_rooms(room: &Summary<'_>) -> Vec<String> {
    let rules = (room.state)("m.room.join_rules");
    let allow = rules.and_then(|rules| rules.content().get("allow")?.as_array());
    let named = |entry: &Value| {
        let room_id = entry.as_object()?.get("room_id")?.as_str()?;
        let mut out = String::new();
        write_json_string(&mut out, room_id);
        Some(out)
    };
    allow.into_iter().flatten().filter_map(named).collect()
}

#[cfg(test)]
mod tests;
