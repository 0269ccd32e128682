// SPDX-License-Identifier: Apache-2.0
//! Replacing a room (Client-Server API, "Room Upgrades").

use axum::{Router, extract::State, routing::post};
use estafette_core::{
    event::Membership,
    ids::{RoomId, UserId},
    limits::CREATE_ROOM_INVITES_MAX,
    room::{RoomView, Upgrade, closing_power_levels, may_upgrade, tombstone},
};
use estafette_store::{AccountDataStore as _, RoomStore as _};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    create_room::{LETTERS, version_of},
    membership::member_profile,
    push_rules,
    room_access::joined_room,
    v3,
};
use crate::{
    ApiError, ApiResult, Shared,
    auth::Requester,
    clock::random_letters,
    http::{Json, Path},
    rate_limit::Cost,
    room_worker::{NewRoom, Request, RoomError, create_room, submit_to},
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
    server.rate_limiter.check(Cost::Write, requester.user_id.as_str(), server.now_ms())?;
    requester.check_not_suspended()?;
    if body.additional_creators.len() > CREATE_ROOM_INVITES_MAX {
        return Err(ApiError::too_large("There are too many creators."));
    }
    let version = version_of(&server, Some(&body.new_version))?;
    let user = requester.user_id.clone();
    let room = joined_room(&server, &user, &room_id).await?;
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
    let replacement = create_room(&server, NewRoom { request, is_public, alias: None }).await?;
    submit_to(&server, &room, Request::new(tombstone(&user, &replacement))).await?;
    server.store.move_aliases(&room_id, &replacement).await?;
    server.store.set_public(&room_id, false).await?;
    let after = room.snapshot();
    if let Some(closing) = closing_power_levels(&after.view, &user) {
        // Whoever may end the room may still lack the level for this last step.
        match submit_to(&server, &room, Request::new(closing)).await {
            Ok(_) | Err(RoomError::Rejected(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    take_settings_along(&server, &user, &room_id, &replacement).await?;
    Ok(Json(json!({ "replacement_room": replacement })))
}

/// When a user joins a room that replaces one in which the user was: tags, direct chats and push
/// rules go along.
pub(super) async fn follow(server: &Shared, user_id: &UserId, view: &RoomView) -> ApiResult<()> {
    let create = view.state_event("m.room.create", "");
    let predecessor = create.and_then(|create| {
        let predecessor = create.content().get("predecessor")?.as_object()?;
        RoomId::parse(predecessor.get("room_id")?.as_str()?).ok()
    });
    let Some(old_id) = predecessor else { return Ok(()) };
    let Some(old) = server.rooms.get(&server.store, &old_id).await? else { return Ok(()) };
    let old = old.snapshot();
    // Only what the old room itself names as its replacement inherits anything.
    let named = old.view.state_text("m.room.tombstone", "replacement_room");
    let was_there = matches!(old.view.membership(user_id), Some(Membership::Join));
    if named != Some(view.room_id().as_str()) || !was_there {
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
