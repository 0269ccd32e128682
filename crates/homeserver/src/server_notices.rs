// SPDX-License-Identifier: Apache-2.0
//! Announcements of the operators (Client-Server API, "Server Notices").
//!
//! Each user who is told something has one room for it, made when it is first needed and marked
//! with the tag `m.server_notice`. In it the notices user alone speaks; the other is invited, as
//! the specification has it, or joined at once where the operator wants that.

use std::sync::Weak;

use estafette_core::{
    event::Membership,
    ids::{EventId, RoomId, UserId},
    json::Object,
    room::{Command, CreateRoom, MemberAct, Preset, RoomView},
};
use estafette_store::{
    AccountDataStore as _, AccountStore as _, PeopleStore as _, RoomStore as _,
    accounts::{CreateOutcome, NewAccount},
    people::{AdminAct, AuditEntry},
    rooms::Txn,
};
use http::StatusCode;
use serde_json::json;

use crate::{
    ApiError, ApiResult, Server, Shared,
    client::{
        create_room::{LETTERS, version_of},
        member_profile,
    },
    clock::random_letters,
    room_worker::{NewRoom, Request, create_room, submit},
};

/// The tag that marks the room.
const TAG: &str = "m.server_notice";
/// What others than the notices user may do in the room: nothing.
const LEVEL_OF_OTHERS: i64 = -10;

/// Something to be announced to one user.
pub(crate) struct Notice {
    /// To whom.
    pub(crate) user_id: UserId,
    /// The type of the event.
    pub(crate) kind: String,
    /// Its state key, for state.
    pub(crate) state_key: Option<String>,
    /// Its content.
    pub(crate) content: Object,
    /// The request that wants it, so that its retry finds the first answer.
    pub(crate) txn: Option<Txn>,
}

/// The user who speaks; `None` where the operator configured none.
pub(crate) fn notices_user(server: &Server) -> Option<UserId> {
    let localpart = server.config.server_notices.localpart.as_str();
    if localpart.is_empty() {
        return None;
    }
    UserId::parse(&format!("@{localpart}:{}", server.server_name)).ok()
}

/// Whether a room is one in which notices are told.
pub(crate) fn is_notices_room(server: &Server, view: &RoomView) -> bool {
    let creator = view.state_event("m.room.create", "").map(|create| create.sender());
    creator.is_some() && creator == notices_user(server).as_ref()
}

/// Announces something, with its line in the audit log.
///
/// Errors: 400 `M_UNKNOWN` where there are no notices here, 404 for whoever has no account.
pub(crate) async fn send(server: &Shared, entry: AuditEntry, notice: Notice) -> ApiResult<EventId> {
    let Some(sender) = notices_user(server) else {
        let message = "Server notices are not enabled here.";
        return Err(ApiError::new(StatusCode::BAD_REQUEST, "M_UNKNOWN", message));
    };
    let account = server.store.account(&notice.user_id).await?;
    if account.is_none_or(|account| account.deactivated) {
        return Err(ApiError::not_found("There is no such user."));
    }
    let details = json!({ "type": notice.kind }).to_string();
    let act = AdminAct::Note("server_notice.send".to_owned(), details);
    server.store.administer(entry, Some(notice.user_id.as_str()), act).await?;
    let room_id = {
        // One room for each user, also when two notices come at once.
        let _making = server.making_notices_room.lock().await;
        match find_room(server, &notice.user_id).await? {
            Some(room_id) => room_id,
            None => make_room(server, &sender, &notice.user_id).await?,
        }
    };
    let Notice { kind, state_key, content, txn, .. } = notice;
    let command = match state_key {
        Some(state_key) => Command::SendState { sender, kind, state_key, content },
        None => Command::Send { sender, kind, content },
    };
    let mut request = Request::new(command);
    request.txn = txn;
    Ok(submit(server, &room_id, request).await?)
}

/// The room of a user, as long as the user is in it or asked into it.
async fn find_room(server: &Shared, user_id: &UserId) -> ApiResult<Option<RoomId>> {
    for own in server.store.rooms_of(user_id).await? {
        if !matches!(own.membership.as_str(), "join" | "invite") {
            continue;
        }
        let Some(room) = server.rooms.get(&server.store, &own.room_id).await? else { continue };
        if is_notices_room(server, &room.snapshot().view) {
            return Ok(Some(own.room_id));
        }
    }
    Ok(None)
}

async fn make_room(server: &Shared, sender: &UserId, user_id: &UserId) -> ApiResult<RoomId> {
    let config = &server.config.server_notices;
    make_user(server, sender).await?;
    let level = ("users_default".to_owned(), LEVEL_OF_OTHERS.into());
    let request = CreateRoom {
        creator: sender.clone(),
        creator_profile: member_profile(server, sender).await?,
        version: version_of(server, None)?,
        preset: Preset::Private,
        name: Some(config.room_name.clone()).filter(|name| !name.is_empty()),
        topic: None,
        alias: None,
        invite: vec![(user_id.clone(), member_profile(server, user_id).await?)],
        invite_addresses: Vec::new(),
        is_direct: false,
        creation_content: Object::from([("m.federate".to_owned(), false.into())]),
        initial_state: Vec::new(),
        power_level_content_override: Object::from([level]),
        nonce: random_letters(&*server.random, LETTERS, 18),
    };
    let new = NewRoom {
        request,
        is_public: false,
        alias: None,
        invitations: Vec::new(),
        // Like a room that is replaced it is of no kind yet: what the server says is not encrypted.
        replaces: true,
    };
    let room_id = create_room(server, new).await?;
    let tags = json!({ "tags": { TAG: {} } }).to_string();
    server.store.set_account_data(user_id, Some(&room_id), "m.tag", Some(&tags), None).await?;
    if config.auto_join {
        let command = Command::Member {
            sender: user_id.clone(),
            target: user_id.clone(),
            act: MemberAct::Join,
            content: member_profile(server, user_id).await?,
            in_allowed_room: false,
        };
        submit(server, &room_id, Request::new(command)).await?;
    }
    Ok(room_id)
}

/// Makes the notices user when the server starts, so that nobody else takes the name.
pub(crate) async fn prepare(server: Weak<Server>) {
    let Some(server) = server.upgrade() else { return };
    let Some(user_id) = notices_user(&server) else { return };
    if let Err(error) = make_user(&server, &user_id).await {
        tracing::warn!(%user_id, ?error, "the user of server notices could not be made yet");
    }
}

/// Makes the notices user where it is not there yet. Nobody can log in as it.
async fn make_user(server: &Shared, user_id: &UserId) -> ApiResult<()> {
    if server.store.account(user_id).await?.is_some() {
        return Ok(());
    }
    let name = server.config.server_notices.display_name.clone();
    let account = NewAccount {
        user_id: user_id.clone(),
        password_hash: None,
        appservice_id: None,
        is_admin: false,
        displayname: Some(name).filter(|name| !name.is_empty()),
        registration_token: None,
        login: None,
        now_ms: server.now_ms(),
    };
    match server.store.create_account(account).await? {
        CreateOutcome::Created | CreateOutcome::Taken => Ok(()),
        CreateOutcome::TokenInvalid => Err(ApiError::overloaded()),
    }
}

/// 403 `M_CANNOT_LEAVE_SERVER_NOTICE_ROOM` for whoever would decline the invitation to it
/// (Client-Server API, `POST /rooms/{roomId}/leave`).
pub(crate) fn check_may_decline(
    server: &Server,
    view: &RoomView,
    user_id: &UserId,
) -> ApiResult<()> {
    if view.membership(user_id) != Some(Membership::Invite) || !is_notices_room(server, view) {
        return Ok(());
    }
    let message = "The invitation to the room of the server's notices cannot be declined.";
    Err(ApiError::new(StatusCode::FORBIDDEN, "M_CANNOT_LEAVE_SERVER_NOTICE_ROOM", message))
}

#[cfg(test)]
mod tests;
