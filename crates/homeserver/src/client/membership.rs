// SPDX-License-Identifier: Apache-2.0
//! Coming, going, asking in and sending away (Client-Server API, "Room membership").

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    response::Response,
    routing::{get, post},
};
use estafette_core::{
    auth::AuthState,
    event::Membership,
    guests::{Act, MEMBER_FLAG},
    ids::{RoomId, UserId},
    json::Object,
    limits::REASON_BYTES_MAX,
    room::{Command, MemberAct, RoomView},
};
use estafette_store::{AccountDataStore as _, AccountStore as _, RoomStore as _};
use http::StatusCode;
use serde_json::json;

use super::{
    content::{Content, OptionalContent, text},
    profile::has_imposed_name,
    room_access::{known_room, resolve, room},
    third_party_invite, v3,
};
use crate::{
    ApiError, ApiResult, Server, Shared,
    auth::Requester,
    guests,
    http::{Json, Path, empty_object},
    people,
    rate_limit::Cost,
    room_worker::{Request, submit_to},
    rooms::HotRoom,
    server_notices, typing,
};

pub(super) fn routes() -> Router<Shared> {
    let mut router = Router::new();
    router = v3(router, "/joined_rooms", get(joined_rooms));
    router = v3(router, "/join/{room_id_or_alias}", post(join));
    router = v3(router, "/rooms/{room_id}/join", post(join));
    router = v3(router, "/knock/{room_id_or_alias}", post(knock));
    router = v3(router, "/rooms/{room_id}/leave", post(leave));
    router = v3(router, "/rooms/{room_id}/forget", post(forget));
    router = v3(router, "/rooms/{room_id}/invite", post(invite));
    router = v3(router, "/rooms/{room_id}/kick", post(kick));
    router = v3(router, "/rooms/{room_id}/ban", post(ban));
    v3(router, "/rooms/{room_id}/unban", post(unban))
}

/// `GET /_matrix/client/v3/joined_rooms`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3joined_rooms>
async fn joined_rooms(
    State(server): State<Shared>,
    requester: Requester,
) -> ApiResult<Json<serde_json::Value>> {
    let rooms = server.store.rooms_of(&requester.user_id).await?;
    let joined = rooms.into_iter().filter(|room| room.membership == "join");
    let joined: Vec<RoomId> = joined.map(|room| room.room_id).collect();
    Ok(Json(json!({ "joined_rooms": joined })))
}

/// `POST /_matrix/client/v3/join/{roomIdOrAlias}` and `POST …/rooms/{roomId}/join`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3joinroomidoralias>
async fn join(
    State(server): State<Shared>,
    requester: Requester,
    Path(id_or_alias): Path<String>,
    OptionalContent(body): OptionalContent,
) -> ApiResult<Json<serde_json::Value>> {
    limit(&server, &requester)?;
    let room_id = resolve(&server, &id_or_alias).await?;
    reason(&body)?;
    let mut content = body;
    // What is said by the request rather than of the member.
    content.remove("third_party_signed");
    let room = room(&server, &requester.user_id, &room_id).await?;
    let snapshot = room.snapshot();
    // Whoever is in the room stays as they are: their profile there may be of their own choice.
    if !snapshot.view.is_joined(&requester.user_id) {
        let target = (&requester.user_id, MemberAct::Join);
        ask(&server, &requester, &room, target, content).await?;
        super::upgrade::follow(&server, &requester.user_id, &room.snapshot().view).await?;
    }
    Ok(Json(json!({ "room_id": room_id })))
}

/// `POST /_matrix/client/v3/knock/{roomIdOrAlias}`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3knockroomidoralias>
async fn knock(
    State(server): State<Shared>,
    requester: Requester,
    Path(id_or_alias): Path<String>,
    OptionalContent(body): OptionalContent,
) -> ApiResult<Json<serde_json::Value>> {
    limit(&server, &requester)?;
    let room_id = resolve(&server, &id_or_alias).await?;
    let content = reason(&body)?;
    let user_id = &requester.user_id;
    act_on(&server, &requester, &room_id, (user_id, MemberAct::Knock), content).await?;
    Ok(Json(json!({ "room_id": room_id })))
}

/// `POST /_matrix/client/v3/rooms/{roomId}/leave`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidleave>
async fn leave(
    State(server): State<Shared>,
    requester: Requester,
    Path(room_id): Path<RoomId>,
    OptionalContent(body): OptionalContent,
) -> ApiResult<Response> {
    limit(&server, &requester)?;
    let content = reason(&body)?;
    let room = room(&server, &requester.user_id, &room_id).await?;
    let user_id = &requester.user_id;
    let view = &room.snapshot().view;
    server_notices::check_may_decline(&server, view, user_id)?;
    // A retry after an answer that was lost finds that all is done.
    if view.membership(user_id) != Some(Membership::Leave) {
        ask(&server, &requester, &room, (user_id, MemberAct::Leave), content).await?;
        typing::stop(&server, &room_id, user_id);
    }
    Ok(empty_object())
}

/// `POST /_matrix/client/v3/rooms/{roomId}/forget`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidforget>
async fn forget(
    State(server): State<Shared>,
    requester: Requester,
    Path(room_id): Path<RoomId>,
) -> ApiResult<Response> {
    limit(&server, &requester)?;
    let user_id = &requester.user_id;
    let room = known_room(&server, Some(user_id), &room_id).await?;
    let present = room.is_some_and(|room| {
        let now = room.snapshot().view.membership(user_id);
        matches!(now, Some(Membership::Join | Membership::Invite | Membership::Knock))
    });
    if present {
        return Err(ApiError::new(
            StatusCode::BAD_REQUEST,
            "M_UNKNOWN",
            "You must leave the room before you can forget it.",
        ));
    }
    // What was forgotten, or never was, is forgotten.
    if server.store.forget_room(user_id, &room_id).await? {
        server.notifier.forget(user_id, &room_id);
    }
    Ok(empty_object())
}

/// `POST /_matrix/client/v3/rooms/{roomId}/invite`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidinvite>
async fn invite(
    server: State<Shared>,
    requester: Requester,
    path: Path<RoomId>,
    Content(body): Content,
) -> ApiResult<Response> {
    if body.contains_key("medium") {
        limit(&server, &requester)?;
        let reason = reason(&body)?;
        third_party_invite::invite(&server, &requester, &path.0, &body, reason).await?;
        return Ok(empty_object());
    }
    act_on_other(server, requester, path, body, MemberAct::Invite).await
}

/// Invites a user for whom an address turned out to stand.
pub(super) async fn invite_user(
    server: &Shared,
    requester: &Requester,
    room: &Arc<HotRoom>,
    user_id: &UserId,
    content: Object,
) -> ApiResult<()> {
    let view = &room.snapshot().view;
    let target = (user_id, MemberAct::Invite);
    let request = member_request(server, requester, view, target, content).await?;
    submit_to(server, room, request).await?;
    Ok(())
}

/// `POST /_matrix/client/v3/rooms/{roomId}/kick`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidkick>
async fn kick(
    server: State<Shared>,
    requester: Requester,
    path: Path<RoomId>,
    Content(body): Content,
) -> ApiResult<Response> {
    act_on_other(server, requester, path, body, MemberAct::Kick).await
}

/// `POST /_matrix/client/v3/rooms/{roomId}/ban`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidban>
async fn ban(
    server: State<Shared>,
    requester: Requester,
    path: Path<RoomId>,
    Content(body): Content,
) -> ApiResult<Response> {
    act_on_other(server, requester, path, body, MemberAct::Ban).await
}

/// `POST /_matrix/client/v3/rooms/{roomId}/unban`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidunban>
async fn unban(
    server: State<Shared>,
    requester: Requester,
    path: Path<RoomId>,
    Content(body): Content,
) -> ApiResult<Response> {
    act_on_other(server, requester, path, body, MemberAct::Unban).await
}

async fn act_on_other(
    State(server): State<Shared>,
    requester: Requester,
    Path(room_id): Path<RoomId>,
    body: Object,
    act: MemberAct,
) -> ApiResult<Response> {
    limit(&server, &requester)?;
    let target =
        text(&body, "user_id")?.ok_or_else(|| ApiError::missing_param("`user_id` is missing."))?;
    let target =
        UserId::parse(target).map_err(|_| ApiError::invalid_param("`user_id` is no user id."))?;
    act_on(&server, &requester, &room_id, (&target, act), reason(&body)?).await?;
    Ok(empty_object())
}

async fn act_on(
    server: &Shared,
    requester: &Requester,
    room_id: &RoomId,
    target: (&UserId, MemberAct),
    content: Object,
) -> ApiResult<()> {
    let room = room(server, &requester.user_id, room_id).await?;
    ask(server, requester, &room, target, content).await?;
    if !room.snapshot().view.is_joined(target.0) {
        typing::stop(server, room_id, target.0);
    }
    Ok(())
}

/// Asks a room for a change of membership.
async fn ask(
    server: &Shared,
    requester: &Requester,
    room: &Arc<HotRoom>,
    target: (&UserId, MemberAct),
    content: Object,
) -> ApiResult<()> {
    let view = &room.snapshot().view;
    let request = member_request(server, requester, view, target, content).await?;
    submit_to(server, room, request).await?;
    Ok(())
}

fn limit(server: &Shared, requester: &Requester) -> ApiResult<()> {
    requester.check_rate(&server.rate_limiter, Cost::Write, server.now_ms())
}

/// The content of a membership event that a request's body gives: its `reason`.
fn reason(body: &Object) -> ApiResult<Object> {
    let Some(reason) = text(body, "reason")? else { return Ok(Object::new()) };
    if reason.len() > REASON_BYTES_MAX {
        return Err(ApiError::too_large("The reason is too long."));
    }
    Ok(Object::from([("reason".to_owned(), reason.into())]))
}

/// A change of membership as the room's worker takes it: with the profile of whom it concerns,
/// and with what only the rest of the server knows.
pub(super) async fn member_request(
    server: &Shared,
    requester: &Requester,
    view: &RoomView,
    (target, act): (&UserId, MemberAct),
    mut content: Object,
) -> ApiResult<Request> {
    if act != MemberAct::Leave {
        // Client-Server API, "Account suspension": of all this they may only leave.
        requester.check_not_suspended()?;
    }
    let mut in_allowed_room = false;
    match act {
        MemberAct::Join => in_allowed_room = is_in_allowed_room(server, target, view).await?,
        MemberAct::Invite => check_may_be_invited(server, target).await?,
        _ => {}
    }
    if let Some(guarded) = guarded_act(view, target, act) {
        guests::check(server, &requester.user_id, guarded).await?;
    }
    content.remove(MEMBER_FLAG);
    if matches!(act, MemberAct::Join | MemberAct::Invite | MemberAct::Knock) {
        let profile = member_profile(server, target).await?;
        check_name(server, target, &profile, &content).await?;
        for (key, value) in profile {
            content.entry(key).or_insert(value);
        }
    }
    let sender = requester.user_id.clone();
    let target = target.clone();
    Ok(Request::new(Command::Member { sender, target, act, content, in_allowed_room }))
}

/// Refuses a name that a room alone would show, of somebody whose name their address gives: what
/// members are called is what rooms show, and nobody is to appear as somebody else in one.
async fn check_name(
    server: &Shared,
    target: &UserId,
    profile: &Object,
    content: &Object,
) -> ApiResult<()> {
    let Some(name) = content.get("displayname") else { return Ok(()) };
    if Some(name) == profile.get("displayname") {
        return Ok(());
    }
    if !has_imposed_name(server, target).await? {
        let name = name.as_str().unwrap_or_default();
        return people::check_label(server, target, name).await;
    }
    Err(ApiError::forbidden("The display name is given by the e-mail address."))
}

/// What a change of membership is to the rules for guests, if anything.
fn guarded_act(view: &RoomView, target: &UserId, act: MemberAct) -> Option<Act> {
    let expected = matches!(view.membership(target), Some(Membership::Invite | Membership::Join));
    match act {
        MemberAct::Invite => Some(Act::Invite),
        MemberAct::Join | MemberAct::Knock if !expected => Some(Act::EnterUninvited),
        _ => None,
    }
}

/// `displayname` and `avatar_url` as membership events hold them, and whether it is a guest;
/// nothing for users of other servers.
pub(crate) async fn member_profile(server: &Server, user_id: &UserId) -> ApiResult<Object> {
    let mut content = Object::new();
    if user_id.server_name() != server.server_name.as_str() {
        return Ok(content);
    }
    for (name, json) in server.store.profile(user_id).await?.unwrap_or_default() {
        if !matches!(name.as_str(), "displayname" | "avatar_url") {
            continue;
        }
        if let Ok(text) = serde_json::from_str::<String>(&json)
            && !text.is_empty()
        {
            content.insert(name, text.into());
        }
    }
    if guests::is_guest(server, user_id).await? {
        content.insert(MEMBER_FLAG.to_owned(), true.into());
    }
    Ok(content)
}

/// Whether the user is in one of the rooms that a restricted join rule names (Room Versions,
/// version 8, "Authorization rules"). Asked afresh for every join, of the user's rooms: whether
/// there are the rooms that are named makes no difference.
pub(super) async fn is_in_allowed_room(
    server: &Shared,
    user_id: &UserId,
    state: &(impl AuthState + Sync),
) -> ApiResult<bool> {
    let user = server.notifier.user(&server.store, user_id).await?;
    if !matches!(state.join_rule(), "restricted" | "knock_restricted") {
        return Ok(false);
    }
    let is_in =
        |room_id: &RoomId| user.room(room_id).is_some_and(|own| own.membership == Membership::Join);
    Ok(state.allowed_rooms().iter().any(is_in))
}

/// Refuses an invitation for somebody who wants none, or whom it cannot reach.
///
/// <https://spec.matrix.org/v1.19/client-server-api/#invite-permission>: 403 `M_INVITE_BLOCKED`.
pub(crate) async fn check_may_be_invited(server: &Shared, target: &UserId) -> ApiResult<()> {
    if target.server_name() != server.server_name.as_str() {
        return Err(ApiError::forbidden(
            "This server does not federate: only its own users can be invited.",
        ));
    }
    if !server.appservices.all().is_empty() && server.store.account(target).await?.is_none() {
        // An application service may make its user now; whatever it says, one may be invited.
        server.ask_for_user(target).await;
    }
    let config = server.store.account_data(target, None, "m.invite_permission_config").await?;
    let config = config.and_then(|data| data.content);
    let config = config.and_then(|json| serde_json::from_str::<serde_json::Value>(&json).ok());
    let action = config.as_ref().and_then(|config| config.get("default_action"));
    if action.is_some_and(|action| action == "block") {
        return Err(ApiError::new(
            StatusCode::FORBIDDEN,
            "M_INVITE_BLOCKED",
            "The user does not accept invitations.",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
