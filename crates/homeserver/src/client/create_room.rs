// SPDX-License-Identifier: Apache-2.0
//! Making rooms (Client-Server API, "Creation").

use std::collections::HashSet;

use axum::{Router, extract::State, routing::post};
use estafette_core::{
    guests::Act,
    ids::{RoomAlias, UserId},
    json::Object,
    limits::{CREATE_ROOM_INVITES_MAX, CREATE_ROOM_STATE_MAX},
    room::{CreateRoom, Preset, Rejection},
    version::RoomVersion,
};
use estafette_store::{RoomStore as _, third_party_invites::NewThirdPartyInvite};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    content::object_of,
    membership::{check_may_be_invited, member_profile},
    room_error::unsupported_version,
    third_party_invite::{self, Invitee},
    v3,
};
use crate::{
    ApiError, ApiResult, Shared,
    auth::Requester,
    clock::random_letters,
    guests,
    http::{Json, OptionalJson},
    rate_limit::Cost,
    room_worker::{CreateError, NewRoom, RoomError, create_room},
};

pub(super) fn routes() -> Router<Shared> {
    v3(Router::new(), "/createRoom", post(create))
}

/// The body of `POST /createRoom`.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Body {
    visibility: Option<String>,
    room_alias_name: Option<String>,
    name: Option<String>,
    topic: Option<String>,
    #[serde(default)]
    invite: Vec<UserId>,
    #[serde(default)]
    invite_3pid: Vec<Map<String, Value>>,
    room_version: Option<String>,
    creation_content: Option<Map<String, Value>>,
    #[serde(default)]
    initial_state: Vec<InitialState>,
    preset: Option<String>,
    #[serde(default)]
    is_direct: bool,
    power_level_content_override: Option<Map<String, Value>>,
}

#[derive(Debug, Deserialize)]
struct InitialState {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    state_key: String,
    content: Map<String, Value>,
}

/// `POST /_matrix/client/v3/createRoom`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3createroom>
async fn create(
    State(server): State<Shared>,
    requester: Requester,
    OptionalJson(body): OptionalJson<Body>,
) -> ApiResult<Json<Value>> {
    check_may_create(&server, &requester).await?;
    let new = new_room(&server, &requester, body).await?;
    let addresses: Vec<String> = new.invitations.iter().map(|one| one.address.clone()).collect();
    let room_id = create_room(&server, new).await?;
    if !addresses.is_empty() {
        third_party_invite::mail_queued(&server);
    }
    for address in &addresses {
        third_party_invite::hear_of(&server, address).await?;
    }
    Ok(Json(json!({ "room_id": room_id })))
}

/// Whether the requester may make any room, also one that replaces another.
pub(super) async fn check_may_create(server: &Shared, requester: &Requester) -> ApiResult<()> {
    requester.check_rate(&server.rate_limiter, Cost::Write, server.now_ms())?;
    requester.check_not_suspended()?;
    guests::check(server, &requester.user_id, Act::CreateRoom).await
}

impl From<CreateError> for ApiError {
    fn from(error: CreateError) -> Self {
        match error {
            CreateError::AliasTaken(_) => alias_taken(),
            // Whoever makes a room has every right in it, unless the request takes it away.
            CreateError::Room(RoomError::Rejected(Rejection::Auth(error))) => Self::new(
                StatusCode::BAD_REQUEST,
                "M_INVALID_ROOM_STATE",
                format!("The room cannot be made like this: {error}."),
            ),
            CreateError::Room(error) => error.into(),
        }
    }
}

/// Application Service API, "Registration": 400 `M_EXCLUSIVE` for a name that belongs to an
/// application service alone.
pub(super) fn check_alias_namespace(
    server: &Shared,
    requester: &Requester,
    alias: &RoomAlias,
) -> ApiResult<()> {
    if server.appservices.claims_alias(alias, requester.appservice.as_deref()) {
        return Err(ApiError::new(
            StatusCode::BAD_REQUEST,
            "M_EXCLUSIVE",
            "The alias belongs to an application service.",
        ));
    }
    Ok(())
}

/// 400 `M_ROOM_IN_USE`.
pub(super) fn alias_taken() -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, "M_ROOM_IN_USE", "The alias names another room.")
}

/// Checks the request and adds what it leaves out.
async fn new_room(server: &Shared, requester: &Requester, body: Body) -> ApiResult<NewRoom> {
    let asked_in = body.invite.len().saturating_add(body.invite_3pid.len());
    if asked_in > CREATE_ROOM_INVITES_MAX || body.initial_state.len() > CREATE_ROOM_STATE_MAX {
        return Err(ApiError::too_large("There are too many invitations or state events."));
    }
    let is_public = match body.visibility.as_deref() {
        None | Some("private") => false,
        Some("public") => true,
        Some(_) => return Err(ApiError::invalid_param("`visibility` is `public` or `private`.")),
    };
    let preset = match body.preset.as_deref() {
        Some(word) => Preset::parse(word)
            .ok_or_else(|| ApiError::invalid_param("`preset` is none of the known words."))?,
        None if is_public => Preset::Public,
        None => Preset::Private,
    };
    let version = version_of(server, body.room_version.as_deref())?;
    let alias = match &body.room_alias_name {
        Some(localpart) => Some(new_alias(server, requester, localpart).await?),
        None => None,
    };
    let by_address = (body.invite_3pid.as_slice(), body.is_direct);
    let addresses = invited_addresses(server, requester, by_address).await?;
    let mut invite: Vec<(UserId, Object)> = Vec::with_capacity(asked_in);
    for user in body.invite.into_iter().chain(addresses.users) {
        if user == requester.user_id || invite.iter().any(|(known, _)| *known == user) {
            continue;
        }
        check_may_be_invited(server, &user).await?;
        let profile = member_profile(server, &user).await?;
        invite.push((user, profile));
    }
    let request = CreateRoom {
        creator: requester.user_id.clone(),
        creator_profile: member_profile(server, &requester.user_id).await?,
        version,
        preset,
        name: body.name.filter(|name| !name.is_empty()),
        topic: body.topic.filter(|topic| !topic.is_empty()),
        alias: alias.clone(),
        invite,
        invite_addresses: addresses.events,
        is_direct: body.is_direct,
        creation_content: object_of(&body.creation_content.unwrap_or_default())?,
        initial_state: initial_state(body.initial_state)?,
        power_level_content_override: object_of(
            &body.power_level_content_override.unwrap_or_default(),
        )?,
        nonce: random_letters(&*server.random, LETTERS, 18),
    };
    let invitations = addresses.invitations;
    Ok(NewRoom { request, is_public, replaces: false, alias, invitations })
}

/// What `invite_3pid` comes to.
#[derive(Default)]
struct Addresses {
    users: Vec<UserId>,
    events: Vec<(String, Object)>,
    invitations: Vec<NewThirdPartyInvite>,
}

/// Looks each address up: a user like any other, or an offer that waits.
async fn invited_addresses(
    server: &Shared,
    requester: &Requester,
    (asked, is_direct): (&[Map<String, Value>], bool),
) -> ApiResult<Addresses> {
    let mut found = Addresses::default();
    let mut known = HashSet::new();
    for body in asked {
        let address = third_party_invite::address_in(server, &object_of(body)?)?;
        if !known.insert(address.clone()) {
            continue;
        }
        match third_party_invite::look_up(server, requester, &address).await? {
            Invitee::User(user_id) => found.users.push(user_id),
            Invitee::Unknown { guest } => {
                let how = (guest, is_direct);
                let (content, invitation) =
                    third_party_invite::offer(server, requester, &address, how).await?;
                found.events.push((invitation.token.clone(), content));
                found.invitations.push(invitation);
            }
        }
    }
    Ok(found)
}

/// The letters of room ids in versions where the server chooses them.
pub(crate) const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

fn initial_state(wanted: Vec<InitialState>) -> ApiResult<Vec<(String, String, Object)>> {
    wanted
        .into_iter()
        .map(|state| {
            if matches!(
                state.kind.as_str(),
                "m.room.create" | "m.room.member" | "m.room.third_party_invite"
            ) {
                return Err(ApiError::new(
                    StatusCode::BAD_REQUEST,
                    "M_INVALID_ROOM_STATE",
                    "A room cannot start with such a state event.",
                ));
            }
            Ok((state.kind, state.state_key, object_of(&state.content)?))
        })
        .collect()
}

/// The room version that is asked for, or this server's default.
pub(crate) fn version_of(server: &Shared, wanted: Option<&str>) -> ApiResult<RoomVersion> {
    let name = wanted.unwrap_or(&server.config.default_room_version);
    RoomVersion::parse(name).ok_or_else(unsupported_version)
}

/// The alias with that localpart, if it is free. That it stays free is for the commit to see.
async fn new_alias(
    server: &Shared,
    requester: &Requester,
    localpart: &str,
) -> ApiResult<RoomAlias> {
    let wrong = || ApiError::invalid_param("`room_alias_name` cannot be part of an alias.");
    if localpart.contains(|letter: char| letter == ':' || letter == '#' || letter.is_whitespace()) {
        return Err(wrong());
    }
    let alias =
        RoomAlias::parse(&format!("#{localpart}:{}", server.server_name)).map_err(|_| wrong())?;
    check_alias_namespace(server, requester, &alias)?;
    if server.store.alias(&alias).await?.is_some() {
        return Err(alias_taken());
    }
    Ok(alias)
}

#[cfg(test)]
mod tests;
