// SPDX-License-Identifier: Apache-2.0
//! Replacing a room (Client-Server API, "Room Upgrades").

use axum::{Router, extract::State, routing::post};
use estafette_core::{
    event::Membership,
    ids::{RoomId, UserId},
    json::Object,
    limits::CREATE_ROOM_INVITES_MAX,
    room::{Command, RoomView, Upgrade, closing_power_levels, may_upgrade, tombstone},
};
use estafette_store::{AccountDataStore as _, RoomStore as _};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    create_room::{LETTERS, check_may_create, version_of},
    membership::member_profile,
    push_rules,
    room_access::known_room,
    v3,
};
use crate::{
    ApiError, ApiResult, Shared,
    auth::Requester,
    clock::random_letters,
    http::{Json, Path},
    room_worker::{NewRoom, Request, RoomError, create_room, submit, submit_to},
};

pub(super) fn routes() -> Router<Shared> {
    v3(Router::new(), "/rooms/{room_id}/upgrade", post(upgrade))
}

#[derive(Debug, Deserialize)]
struct Body {
    new_version: String,
    #[serde(default)]
    additional_creators: Vec<UserId>,
}

/// `POST /_matrix/client/v3/rooms/{roomId}/upgrade`
///
/// The replacement is durable before the old room names it. When a later step fails the answer is
/// that step's error, and asking again makes another replacement: no state is half-made.
///
/// <https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidupgrade>
async fn upgrade(
    State(server): State<Shared>,
    requester: Requester,
    Path(room_id): Path<RoomId>,
    Json(body): Json<Body>,
) -> ApiResult<Json<Value>> {
    check_may_create(&server, &requester).await?;
    if body.additional_creators.len() > CREATE_ROOM_INVITES_MAX {
        return Err(ApiError::too_large("There are too many creators."));
    }
    let version = version_of(&server, Some(&body.new_version))?;
    let user = requester.user_id.clone();
    // A room of which one is no member is as unknown here as one that does not exist.
    let room = known_room(&server, Some(&user), &room_id).await?;
    let room = room.filter(|room| room.snapshot().view.is_joined(&user));
    let room = room.ok_or_else(|| ApiError::not_found("You are in no such room."))?;
    let old = room.snapshot();
    may_upgrade(&old.view, &user)
        .map_err(|_| ApiError::forbidden("You may not replace this room."))?;
    let is_public = server.store.is_public(&room_id).await?.unwrap_or(false);
    let wish = Upgrade {
        user: user.clone(),
        profile: member_profile(&server, &user).await?,
        version,
        additional_creators: body.additional_creators,
        nonce: random_letters(&*server.random, LETTERS, 18),
    };
    let request = wish.replacement(&old.view);
    let invitations = Vec::new();
    let new = NewRoom { request, is_public, replaces: true, alias: None, invitations };
    let replacement = create_room(&server, new).await?;
    submit_to(&server, &room, Request::new(tombstone(&user, &replacement))).await?;
    server.store.move_aliases(&room_id, &replacement).await?;
    server.store.set_public(&room_id, false).await?;
    move_canonical_alias(&server, &user, &old.view, &replacement).await?;
    if let Some(settled) = wish.settled_power_levels(&old.view) {
        try_submit(&server, &replacement, settled).await?;
    }
    let after = room.snapshot();
    if let Some(closing) = closing_power_levels(&after.view, &user) {
        // Whoever may end the room may still lack the level for this last step.
        try_submit(&server, &room_id, closing).await?;
    }
    take_settings_along(&server, &user, &room_id, &replacement).await?;
    Ok(Json(json!({ "replacement_room": replacement })))
}

/// Does what the room allows; what it refuses is left undone.
async fn try_submit(server: &Shared, room_id: &RoomId, command: Command) -> ApiResult<()> {
    match submit(server, room_id, Request::new(command)).await {
        Ok(_) | Err(RoomError::Rejected(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// The names under which the old room was known are those of the new one from now on.
async fn move_canonical_alias(
    server: &Shared,
    user: &UserId,
    old: &RoomView,
    replacement: &RoomId,
) -> ApiResult<()> {
    let kind = "m.room.canonical_alias";
    let Some(event) = old.state_event(kind, "") else { return Ok(()) };
    if event.content().is_empty() {
        return Ok(());
    }
    for (room_id, content) in
        [(replacement, event.content().clone()), (old.room_id(), Object::new())]
    {
        let (sender, kind) = (user.clone(), kind.to_owned());
        let command = Command::SendState { sender, kind, state_key: String::new(), content };
        try_submit(server, room_id, command).await?;
    }
    Ok(())
}

/// 400 for a tombstone that sends everybody back to where they are.
pub(super) fn check_tombstone(room_id: &RoomId, kind: &str, content: &Object) -> ApiResult<()> {
    let named = content.get("replacement_room").and_then(|room| room.as_str());
    if kind == "m.room.tombstone" && named == Some(room_id.as_str()) {
        return Err(ApiError::invalid_param("A room cannot replace itself."));
    }
    Ok(())
}

/// A room was replaced by hand: its tombstone came after the new room, which those who had joined
/// it already follow now. Nothing for `sender` to find out by naming rooms that are none of theirs.
pub(super) async fn replaced(server: &Shared, sender: &UserId, content: &Object) -> ApiResult<()> {
    let named = content.get("replacement_room").and_then(|room| room.as_str());
    let Some(replacement) = named.and_then(|room| RoomId::parse(room).ok()) else { return Ok(()) };
    let Some(room) = known_room(server, Some(sender), &replacement).await? else {
        return Ok(());
    };
    let snapshot = room.snapshot();
    let members = snapshot.view.state().iter_kind("m.room.member");
    let joined = members.filter(|member| member.membership() == Some(Membership::Join));
    let users = joined.filter_map(|member| UserId::parse(member.state_key()?).ok());
    let local = users.filter(|user| user.server_name() == server.server_name.as_str());
    for user in local.take(FOLLOWERS_MAX).collect::<Vec<_>>() {
        follow(server, &user, &snapshot.view).await?;
    }
    Ok(())
}

/// Members of a new room whose settings are taken along when the old one names it.
const FOLLOWERS_MAX: usize = 100;

/// The room that this one says it replaces.
pub(super) fn predecessor(view: &RoomView) -> Option<RoomId> {
    let create = view.state_event("m.room.create", "")?;
    let predecessor = create.content().get("predecessor")?.as_object()?;
    RoomId::parse(predecessor.get("room_id")?.as_str()?).ok()
}

/// When a user joins a room that replaces one in which the user was: tags, direct chats and push
/// rules go along.
pub(super) async fn follow(server: &Shared, user_id: &UserId, view: &RoomView) -> ApiResult<()> {
    let Some(old_id) = predecessor(view) else { return Ok(()) };
    let user = server.notifier.user(&server.store, user_id).await?;
    if user.room(&old_id).is_none_or(|own| own.membership != Membership::Join) {
        return Ok(());
    }
    let Some(old) = server.rooms.get(&server.store, &old_id).await? else { return Ok(()) };
    // Only what the old room itself names as its replacement inherits anything.
    let old = old.snapshot();
    let named = old.view.state_text("m.room.tombstone", "replacement_room");
    if named != Some(view.room_id().as_str()) {
        return Ok(());
    }
    take_settings_along(server, user_id, &old_id, view.room_id()).await
}

async fn take_settings_along(
    server: &Shared,
    user_id: &UserId,
    old: &RoomId,
    new: &RoomId,
) -> ApiResult<()> {
    let store = &server.store;
    let tags = store.account_data(user_id, Some(old), "m.tag").await?;
    if let Some(tags) = tags.and_then(|data| data.content) {
        store.set_account_data(user_id, Some(new), "m.tag", Some(&tags), None).await?;
    }
    let direct = store.account_data(user_id, None, "m.direct").await?;
    if let Some(direct) = direct
        && let Some(content) = direct.content.as_deref()
        && let Some(changed) = with_replacement(content, old, new)
    {
        let at = Some(direct.pos);
        store.set_account_data(user_id, None, "m.direct", Some(&changed), at).await?;
    }
    push_rules::room_replaced(server, user_id, old, new).await
}

/// `m.direct` with the new room beside the old one; `None` when the old one is in no list.
fn with_replacement(content: &str, old: &RoomId, new: &RoomId) -> Option<String> {
    let mut direct: Value = serde_json::from_str(content).ok()?;
    let mut changed = false;
    for rooms in direct.as_object_mut()?.values_mut().filter_map(Value::as_array_mut) {
        let has = |room: &RoomId| rooms.iter().any(|known| known == room.as_str());
        if has(old) && !has(new) {
            rooms.push(new.as_str().into());
            changed = true;
        }
    }
    changed.then(|| direct.to_string())
}

#[cfg(test)]
mod tests;
