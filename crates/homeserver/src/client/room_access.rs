// SPDX-License-Identifier: Apache-2.0
//! What a requester may reach of a room.

use std::sync::Arc;

use estafette_core::{
    auth::AuthState as _,
    event::Membership,
    ids::{EventId, RoomAlias, RoomId, UserId},
    state::StateMap,
};
use estafette_store::{Position, RoomStore as _};

use super::{messages::no_such_event, room_error::not_in_room, room_summary::may_preview};
use crate::{
    ApiError, ApiResult, Shared, guests,
    history::{self, Visible},
    rooms::HotRoom,
};

/// The room, for somebody who may know of it (F-24). `None` where there is none, and for whoever
/// never was in it nor asked into it, unless it is open to people like them.
///
/// Whoever has to do with a room that is in memory is answered from there. About everybody else the
/// store is asked, the same questions for a room in memory, on the disk and nowhere: no more time
/// passes for one than for the other, and nobody has rooms loaded that are none of theirs.
pub(super) async fn known_room(
    server: &Shared,
    user_id: Option<&UserId>,
    room_id: &RoomId,
) -> ApiResult<Option<Arc<HotRoom>>> {
    if let (Some(user_id), Some(room)) = (user_id, server.rooms.hot(room_id))
        && room.snapshot().view.membership(user_id).is_some()
    {
        return Ok(Some(room));
    }
    let member = user_id.map(|user_id| ("m.room.member", user_id.as_str()));
    let keys = [("m.room.join_rules", ""), ("m.room.history_visibility", "")];
    let keys: Vec<_> = keys.into_iter().chain(member).collect();
    let state: StateMap = server.store.current_state(room_id, &keys).await?.into_iter().collect();
    let has_been = user_id.is_some_and(|user_id| state.membership(user_id.as_str()).is_some());
    if !has_been && !may_preview(server, user_id, &state).await? {
        return Ok(None);
    }
    Ok(server.rooms.get(&server.store, room_id).await?)
}

/// The same; a room that one may not know of is answered like one that one may not see.
pub(super) async fn room(
    server: &Shared,
    user_id: &UserId,
    room_id: &RoomId,
) -> ApiResult<Arc<HotRoom>> {
    known_room(server, Some(user_id), room_id).await?.ok_or_else(not_in_room)
}

/// The room, for somebody who is in it.
pub(super) async fn joined_room(
    server: &Shared,
    user_id: &UserId,
    room_id: &RoomId,
) -> ApiResult<Arc<HotRoom>> {
    let room = room(server, user_id, room_id).await?;
    if room.snapshot().view.is_joined(user_id) { Ok(room) } else { Err(not_in_room()) }
}

/// An event, for somebody who may know of its room and see the event; 404 `M_NOT_FOUND` else.
pub(super) async fn seen_event(
    server: &Shared,
    user_id: &UserId,
    room_id: &RoomId,
    event_id: &EventId,
) -> ApiResult<Visible> {
    let found = match known_room(server, Some(user_id), room_id).await? {
        Some(_) => history::event(server, user_id, room_id, event_id).await?,
        None => None,
    };
    found.ok_or_else(no_such_event)
}

/// Up to when somebody may know a room's state and members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Until {
    /// In the room, or the room is open to all eyes.
    Now,
    /// Not in the room any more, since this position.
    Left(Position),
}

/// The room for somebody who is in it, was in it, or may look in from outside
/// (`world_readable`): Client-Server API, "Room history visibility".
pub(crate) async fn readable_room(
    server: &Shared,
    user_id: &UserId,
    room_id: &RoomId,
) -> ApiResult<(Arc<HotRoom>, Until)> {
    let room = room(server, user_id, room_id).await?;
    let snapshot = room.snapshot();
    let open = snapshot.view.history_visibility() == "world_readable";
    if snapshot.view.is_joined(user_id)
        || open && guests::may_see_published(server, Some(user_id)).await?
    {
        return Ok((room, Until::Now));
    }
    let left = left_at(server, user_id, room_id).await?;
    left.map(|left| (room, Until::Left(left))).ok_or_else(not_in_room)
}

/// Where the user's last stay in the room ended; `None` for somebody who never was in it.
async fn left_at(
    server: &Shared,
    user_id: &UserId,
    room_id: &RoomId,
) -> ApiResult<Option<Position>> {
    // What was forgotten is as if one had never been there.
    let user = server.notifier.user(&server.store, user_id).await?;
    if user.room(room_id).is_none_or(|own| own.forgotten) {
        return Ok(None);
    }
    let key = [("m.room.member".to_owned(), user_id.as_str().to_owned())];
    let history = server.store.state_history(room_id, &key).await?;
    let mut joined = false;
    let mut left = None;
    for (pos, event) in history.iter().flatten() {
        let joins = event.membership() == Some(Membership::Join);
        if joined && !joins {
            left = Some(*pos);
        }
        joined = joins;
    }
    Ok(left)
}

/// The room that an id or an alias names. An alias that names nothing is `M_NOT_FOUND`.
pub(crate) async fn resolve(server: &Shared, id_or_alias: &str) -> ApiResult<RoomId> {
    if let Ok(room_id) = RoomId::parse(id_or_alias) {
        return Ok(room_id);
    }
    let alias = RoomAlias::parse(id_or_alias)
        .map_err(|_| ApiError::invalid_param("That is neither a room id nor a room alias."))?;
    let found = room_of_alias(server, &alias).await?;
    found.ok_or_else(|| ApiError::not_found("No room has that alias on this server."))
}

/// The room that an alias names; an application service whose alias it is may make it first.
pub(crate) async fn room_of_alias(server: &Shared, alias: &RoomAlias) -> ApiResult<Option<RoomId>> {
    if let Some((room_id, _)) = server.store.alias(alias).await? {
        return Ok(Some(room_id));
    }
    let local = alias.server_name() == server.server_name.as_str();
    if !local || !server.ask_for_alias(alias).await {
        return Ok(None);
    }
    Ok(server.store.alias(alias).await?.map(|(room_id, _)| room_id))
}
