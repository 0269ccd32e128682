// SPDX-License-Identifier: Apache-2.0
//! Client-Server API, "Third-party invites": asking in somebody by e-mail address.
//!
//! This server is its own identity service and asks no other. Whoever has an account here is
//! invited as any user; for anybody else the room shows that somebody is waited for, and a mail
//! says how to come. Who may look up whether an address has an account is bounded by the budget for
//! searches of people, whatever the answer.

use axum::{
    Router,
    extract::{Query, State},
    routing::get,
};
use estafette_core::{
    email_address::EmailAddress,
    guests::Act,
    ids::{RoomId, UserId},
    json::Object,
    limits::{INVITATION_MAILS_WINDOW_S, THIRD_PARTY_INVITE_S, THIRD_PARTY_INVITES_PER_ROOM},
    room::{Command, access_rules::may_invite_address},
    third_party_invite,
};
use estafette_store::{
    IdentityStore as _, PeopleStore as _, ThirdPartyInviteStore as _,
    third_party_invites::{InviteSeed, NewThirdPartyInvite},
};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{content::text, membership::invite_user, room_access::room, room_error::not_in_room};
use crate::{
    ApiError, ApiResult, Server, Shared,
    address_book::{AddressBook, Standing},
    auth::Requester,
    clock::random_word,
    guests,
    http::{Json, RemoteAddress},
    rate_limit::Cost,
    room_worker::{Request, submit_to},
};

pub(super) fn routes() -> Router<Shared> {
    Router::new().route(KEY_VALIDITY, get(key_validity))
}

/// Where it is said whether the key of an invitation counts (Identity Service API, "Key
/// management").
const KEY_VALIDITY: &str = "/_matrix/identity/v2/pubkey/ephemeral/isvalid";

/// Whom an address turns out to be.
pub(super) enum Invitee {
    /// A user of this server.
    User(UserId),
    /// Nobody yet; whether an invitation is what lets them sign up.
    Unknown {
        /// See [`Standing::Guest`].
        guest: bool,
    },
}

/// The address in a request for an invitation (`invite_3pid`).
///
/// 400 `M_THREEPID_MEDIUM_NOT_SUPPORTED` for telephones, `M_SERVER_NOT_TRUSTED` for another
/// identity server, `M_INVALID_PARAM` for what is no address.
pub(super) fn address_in(server: &Server, body: &Object) -> ApiResult<EmailAddress> {
    let missing = |name: &str| ApiError::missing_param(format!("`{name}` is missing."));
    let medium = text(body, "medium")?.ok_or_else(|| missing("medium"))?;
    if medium != "email" {
        return Err(ApiError::new(
            StatusCode::BAD_REQUEST,
            "M_THREEPID_MEDIUM_NOT_SUPPORTED",
            "People are invited by user id or by e-mail address.",
        ));
    }
    if text(body, "id_server")?.is_some_and(|named| !is_this_server(server, named)) {
        return Err(ApiError::new(
            StatusCode::BAD_REQUEST,
            "M_SERVER_NOT_TRUSTED",
            "This server is its own identity server and asks no other.",
        ));
    }
    let address = text(body, "address")?.ok_or_else(|| missing("address"))?;
    EmailAddress::parse(address)
        .map_err(|why| ApiError::invalid_param(format!("This is no e-mail address: {why}.")))
}

/// Whether a client means this server by the host and port of an identity server.
fn is_this_server(server: &Server, named: &str) -> bool {
    let base = server.config.public_base_url.trim_end_matches('/');
    let host = base.split_once("://").map_or(base, |(_, host)| host);
    named == server.server_name.as_str() || (!host.is_empty() && named == host)
}

/// Who the address is, for somebody who may invite. Takes one search of the requester's budget,
/// found or not.
///
/// 403 `M_THREEPID_DENIED` where nobody is expected from it here.
pub(super) async fn look_up(
    server: &Shared,
    requester: &Requester,
    address: &EmailAddress,
) -> ApiResult<Invitee> {
    guests::check(server, &requester.user_id, Act::Invite).await?;
    server.search_budgets.take(server, &requester.user_id).await?;
    let person = server.store.person_by_email(address.as_str()).await?;
    if let Some(person) = person.filter(|person| !person.deactivated) {
        return Ok(Invitee::User(person.user_id));
    }
    match server.address_book.get().map(|book| (book.standing(address), book.invites())) {
        Some((Standing::Member, true)) => Ok(Invitee::Unknown { guest: false }),
        Some((Standing::Guest, true)) => Ok(Invitee::Unknown { guest: true }),
        Some((Standing::Elsewhere, _)) => {
            Err(denied("People with this address have their accounts on another server."))
        }
        Some((Standing::Nobody, _)) => Err(denied("Nobody with this address can be invited here.")),
        Some((Standing::Member | Standing::Guest, false)) | None => {
            Err(denied("This server sends no invitations by e-mail."))
        }
    }
}

fn denied(why: &'static str) -> ApiError {
    ApiError::new(StatusCode::FORBIDDEN, "M_THREEPID_DENIED", why)
}

/// Everything that an invitation of an address writes: the content of its event, and its row and
/// mail, which go into the same commit. 429 when too many mails were sent.
pub(super) async fn offer(
    server: &Shared,
    requester: &Requester,
    address: &EmailAddress,
    (guest, is_direct): (bool, bool),
) -> ApiResult<(Object, NewThirdPartyInvite)> {
    let expires_ms = server.now_ms().saturating_add((THIRD_PARTY_INVITE_S * 1000).cast_signed());
    let mut seed = [0; 32];
    server.random.fill(&mut seed);
    let key = third_party_invite::key(&seed);
    let content = third_party_invite::offer(address, &key, &key_validity_url(server));
    let invitation = NewThirdPartyInvite {
        token: random_word(&*server.random, TOKEN_BYTES),
        sender: requester.user_id.clone(),
        address: address.to_string(),
        seed: InviteSeed(seed),
        public_key: key.public_base64(),
        is_direct,
        guest,
        mail: mail(server, requester, address, expires_ms).await?,
        now_ms: server.now_ms(),
        expires_ms,
    };
    Ok((content, invitation))
}

/// The random bytes of a token.
const TOKEN_BYTES: usize = 32;

/// The mail, counted.
async fn mail(
    server: &Shared,
    requester: &Requester,
    address: &EmailAddress,
    expires_ms: i64,
) -> ApiResult<estafette_store::identity::NewMail> {
    let (user_id, now_ms) = (&requester.user_id, server.now_ms());
    let book = address_book(server)?;
    if !server.store.count_invitation_mail(user_id, address.as_str(), now_ms).await? {
        let wait_ms = INVITATION_MAILS_WINDOW_S * 1000;
        return Err(ApiError::limit_exceeded(wait_ms));
    }
    let person = server.store.person(user_id).await?;
    let inviter = person.and_then(|person| EmailAddress::parse(&person.details.email?).ok());
    let mail = book.invitation(address, inviter.as_ref(), expires_ms);
    mail.ok_or_else(ApiError::overloaded)
}

fn address_book(server: &Server) -> ApiResult<&dyn AddressBook> {
    let book = server.address_book.get();
    book.map(|book| &**book).ok_or_else(|| denied("This server sends no invitations by e-mail."))
}

/// Mails were queued with a commit.
pub(super) fn mail_queued(server: &Server) {
    if let Some(book) = server.address_book.get() {
        book.mail_queued();
    }
}

fn key_validity_url(server: &Server) -> String {
    let base = super::well_known::configured(server);
    let base = base.unwrap_or_else(|| format!("https://{}", server.server_name));
    format!("{base}{KEY_VALIDITY}")
}

/// `POST /_matrix/client/v3/rooms/{roomId}/invite` with an address. The same address once more
/// sends the mail again.
///
/// <https://spec.matrix.org/v1.19/client-server-api/#thirdparty_post_matrixclientv3roomsroomidinvite>
pub(super) async fn invite(
    server: &Shared,
    requester: &Requester,
    room_id: &RoomId,
    body: &Object,
    reason: Object,
) -> ApiResult<()> {
    let address = address_in(server, body)?;
    requester.check_not_suspended()?;
    let room = room(server, &requester.user_id, room_id).await?;
    let view = &room.snapshot().view;
    // Who may not invite here looks nobody up.
    if !view.is_joined(&requester.user_id) {
        return Err(not_in_room());
    }
    let levels = view.power_levels();
    if levels.user(&requester.user_id) < levels.invite {
        return Err(ApiError::forbidden("You may not invite people to this room."));
    }
    let guest = match look_up(server, requester, &address).await? {
        Invitee::User(user_id) => {
            return invite_user(server, requester, &room, &user_id, reason).await;
        }
        Invitee::Unknown { guest } => guest,
    };
    if server.config.rooms.access_rules {
        may_invite_address(view, guest)?;
    }
    let now_ms = server.now_ms();
    let known = server.store.third_party_invite(room_id, address.as_str(), now_ms).await?;
    if let Some(known) = known {
        let again = mail(server, requester, &address, known.expires_ms).await?;
        server.store.put_mail(again).await?;
        mail_queued(server);
        return Ok(());
    }
    if server.store.third_party_invites_in(room_id).await? >= THIRD_PARTY_INVITES_PER_ROOM {
        return Err(ApiError::too_large("Too many invitations by e-mail wait in this room."));
    }
    let (content, invitation) = offer(server, requester, &address, (guest, false)).await?;
    let (sender, token) = (requester.user_id.clone(), invitation.token.clone());
    let mut request = Request::new(Command::InviteAddress { sender, token, content });
    request.invitation = Some(invitation);
    submit_to(server, &room, request).await?;
    mail_queued(server);
    hear_of(server, address.as_str()).await
}

/// Has an invitation redeemed whose address got an account while it was made: nobody was there to
/// hear of that account.
pub(super) async fn hear_of(server: &Shared, address: &str) -> ApiResult<()> {
    if let Some(person) = server.store.person_by_email(address).await? {
        server.third_party_invites.hear(&person.user_id);
    }
    Ok(())
}

/// What clients may say of such an invitation themselves: that it is over.
pub(super) fn check_state(content: &Object) -> ApiResult<()> {
    if content.is_empty() {
        return Ok(());
    }
    Err(ApiError::forbidden("People are invited by e-mail with `/invite`; `{}` takes that back."))
}

#[derive(Deserialize)]
struct Key {
    public_key: String,
}

/// `GET /_matrix/identity/v2/pubkey/ephemeral/isvalid`: whether a pending invitation has this key.
///
/// <https://spec.matrix.org/v1.19/identity-service-api/#get_matrixidentityv2pubkeyephemeralisvalid>
async fn key_validity(
    State(server): State<Shared>,
    RemoteAddress(source): RemoteAddress,
    Query(key): Query<Key>,
) -> ApiResult<Json<Value>> {
    let who = format!("key validity for {source}");
    server.rate_limiter.check(Cost::Write, &who, server.now_ms())?;
    let valid = server.store.is_invite_key_valid(&key.public_key, server.now_ms()).await?;
    Ok(Json(json!({ "valid": valid })))
}

#[cfg(test)]
mod tests;
