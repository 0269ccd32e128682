// SPDX-License-Identifier: Apache-2.0
//! The ways to follow rooms from before `/sync` (Client-Server API, "Syncing": deprecated, and kept
//! for old bots) and the snapshot of a single room. Old bots find the sender of an event and the
//! user of a presence under `user_id` too, as they were told when this was not deprecated.

mod stream;

use std::sync::Arc;

use axum::{Router, extract::State, response::Response, routing::get};
use estafette_core::{
    event::{Event, Membership},
    filter::RoomEventFilter,
    ids::{EventId, RoomId, UserId},
    json::write_json_string,
    limits::PRESENCE_MET_MAX,
    room::RoomView,
};
use estafette_store::{
    AccountDataStore as _, Position, RoomStore as _,
    account_data::AccountData,
    rooms::{Direction, Receipt, TimelineRange},
};
use http::StatusCode;
use serde::Deserialize;

use super::{
    messages::no_such_event,
    page::{PageToken, fill, limit as page_limit, onwards},
    push_rules,
    room_access::{Until, readable_room, seen_event},
    sync::{note_presence, receipt_event},
    v3,
};
use crate::{
    ApiResult, Shared,
    auth::Requester,
    history::{self, Reader},
    http::{Path, Query, json_response},
    presence::UserPresence,
    rate_limit::Cost,
    render,
    sync::{
        self, Token, devices,
        writer::{ObjectWriter, array},
    },
};

pub(super) fn routes() -> Router<Shared> {
    let mut router = v3(Router::new(), "/rooms/{room_id}/initialSync", get(room_initial_sync));
    router = v3(router, "/initialSync", get(initial_sync));
    router = v3(router, "/events/{event_id}", get(one_event));
    v3(router, "/events", get(stream::events))
}

#[derive(Debug, Default, Deserialize)]
struct InitialQuery {
    limit: Option<u64>,
    #[serde(default)]
    archived: bool,
}

/// `GET /_matrix/client/v3/rooms/{roomId}/initialSync`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomidinitialsync>
async fn room_initial_sync(
    State(server): State<Shared>,
    requester: Requester,
    Path(room_id): Path<RoomId>,
    Query(query): Query<InitialQuery>,
) -> ApiResult<Response> {
    requester.check_rate(&server.rate_limiter, Cost::Write, server.now_ms())?;
    let snapshot = RoomSnapshot::new(&server, &requester, (query.limit, true));
    Ok(json_response(StatusCode::OK, snapshot.json(&room_id).await?))
}

/// `GET /_matrix/client/v3/initialSync` (deprecated)
///
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3initialsync>
async fn initial_sync(
    State(server): State<Shared>,
    requester: Requester,
    Query(query): Query<InitialQuery>,
) -> ApiResult<Response> {
    requester.check_rate(&server.rate_limiter, Cost::Write, server.now_ms())?;
    let reader = sync_reader(&server, &requester).await?;
    let _running = note_presence(&reader, None).await?;
    let end = Token { pos: reader.head, td: Position(0), ..now(&server) };
    let room = RoomSnapshot::new(&server, &requester, (query.limit, false));
    let (mut rooms, mut receipts) = (Vec::new(), Vec::new());
    for (room_id, own) in reader.user.rooms() {
        let left = matches!(own.membership, Membership::Leave | Membership::Ban);
        if own.membership == Membership::Invite {
            rooms.extend(room.invite(&room_id).await?);
        } else if own.membership == Membership::Join || (left && query.archived && !own.forgotten) {
            match room.json(&room_id).await {
                Ok(json) => {
                    rooms.push(json);
                    if own.membership == Membership::Join {
                        receipts.extend(room.receipts(&room_id).await?);
                    }
                }
                // Whoever declined was never in it, and whoever is out now may see nothing of it.
                Err(error) if error.status() == StatusCode::FORBIDDEN => {}
                Err(error) => return Err(error),
            }
        }
    }
    let data = server.store.all_account_data(&requester.user_id).await?;
    // Push rules have an endpoint of their own, older than account data.
    let own = |data: &&AccountData| data.room_id.is_none() && data.kind != push_rules::KIND;
    let global = data.iter().filter(own);
    let mut out = String::new();
    let mut answer = ObjectWriter::open(&mut out);
    array(answer.key("account_data"), global.filter_map(account_data));
    answer.text("end", &end.to_string());
    array(answer.key("presence"), presence(&reader, 0));
    array(answer.key("receipts"), receipts);
    array(answer.key("rooms"), rooms);
    answer.close();
    Ok(json_response(StatusCode::OK, out))
}

/// The versions of what has no place in the log, as of now.
fn now(server: &Shared) -> Token {
    let (typing, presence) = (server.typing.version(), server.presence.version());
    Token { typing, presence, ..Token::default() }
}

async fn sync_reader(server: &Shared, requester: &Requester) -> ApiResult<sync::Reader> {
    let device = requester.device.as_ref();
    Ok(sync::Reader {
        user: server.notifier.user(&server.store, &requester.user_id).await?,
        device_id: device.map(|device| device.device_id.clone()),
        device_nid: device.map(|device| device.nid),
        head: server.notifier.head(),
        server: Arc::clone(server),
    })
}

/// The presence that changed after `version`, of the reader and those who share a room with the
/// reader.
fn presence(reader: &sync::Reader, version: u64) -> Vec<String> {
    let server = &reader.server;
    if !server.config.presence.enabled {
        return Vec::new();
    }
    let mut known = server.presence.changed_since(version);
    known.retain(|(user, _)| user == reader.user_id() || devices::shares_known_room(reader, user));
    known.iter().map(|(user, known)| presence_event(server, user, known)).collect()
}

/// The presence of a room's members, as far as the reader shares a room with them. Of whom nothing
/// is known is not there: that is told of some, where there are many.
fn presence_in(reader: &sync::Reader, view: &RoomView) -> Vec<String> {
    let server = &reader.server;
    if !server.config.presence.enabled {
        return Vec::new();
    }
    let members = view.state().iter_kind_unordered("m.room.member");
    let joined = members.filter(|member| member.membership() == Some(Membership::Join));
    let users = joined.filter_map(|member| UserId::parse(member.state_key()?).ok());
    let (mut known, unknown) = server.presence.among(users);
    if !view.is_joined(reader.user_id()) {
        known.retain(|(user, _)| devices::shares_known_room(reader, user));
    }
    let mut events: Vec<String> =
        known.iter().map(|(user, known)| presence_event(server, user, known)).collect();
    events.extend(unknown.into_iter().take(PRESENCE_MET_MAX).map(|user| {
        let content = serde_json::json!({ "presence": "offline", "user_id": user });
        serde_json::json!({ "type": "m.presence", "sender": user, "content": content }).to_string()
    }));
    events
}

fn presence_event(server: &Shared, user: &UserId, known: &UserPresence) -> String {
    let mut content = known.content(server.now_ms());
    if let Some(members) = content.as_object_mut() {
        members.insert("user_id".to_owned(), user.as_str().into());
    }
    serde_json::json!({ "type": "m.presence", "sender": user, "content": content }).to_string()
}

/// Adds a member at the end of an object.
fn with_text(mut object: String, key: &str, value: &str) -> String {
    if object.pop() == Some('}') {
        object.push(',');
        write_json_string(&mut object, key);
        object.push(':');
        write_json_string(&mut object, value);
        object.push('}');
    }
    object
}

fn account_data(data: &AccountData) -> Option<String> {
    let content = data.content.as_deref()?;
    let mut out = String::from("{\"content\":");
    out.push_str(content);
    out.push_str(",\"type\":");
    write_json_string(&mut out, &data.kind);
    out.push('}');
    Some(out)
}

fn state_event(event: &Event) -> String {
    let mut out = String::new();
    render::state_event(&mut out, event);
    with_text(out, "user_id", event.sender().as_str())
}

/// `RoomInfo` of the specification.
struct RoomSnapshot<'a> {
    server: &'a Shared,
    requester: &'a Requester,
    limit: Option<u64>,
    /// Whether nothing else is asked for, so that presence and receipts come with the room.
    alone: bool,
}

impl<'a> RoomSnapshot<'a> {
    fn new(
        server: &'a Shared,
        requester: &'a Requester,
        (limit, alone): (Option<u64>, bool),
    ) -> Self {
        Self { server, requester, limit, alone }
    }

    /// A room that the user is in, was in, or may look into.
    async fn json(&self, room_id: &RoomId) -> ApiResult<String> {
        let (server, user_id) = (self.server, &self.requester.user_id);
        let (room, until) = readable_room(server, user_id, room_id).await?;
        let now = room.snapshot();
        let last = match until {
            Until::Now => now.last_pos(),
            Until::Left(left) => left,
        };
        let range = TimelineRange {
            after: Position(0),
            upto: last,
            direction: Direction::Backward,
            limit: page_limit(self.limit),
        };
        let reader = Reader::of(self.requester);
        let page = fill(server, &reader, room_id, &RoomEventFilter::default(), range).await?;
        let chunk = history::render(server, &reader, room_id, &page.events).await?;
        let senders = page.events.iter().map(|event| event.event.event.sender());
        let chunk = chunk.into_iter().zip(senders);
        let chunk = chunk.map(|(event, sender)| with_text(event, "user_id", sender.as_str()));
        let chunk: Vec<String> = chunk.rev().collect();
        let state: Vec<Arc<Event>> = match until {
            Until::Now => now.view.state().iter_unordered().cloned().collect(),
            Until::Left(left) => server.store.state_at(room_id, left, None).await?,
        };
        let data = server.store.room_account_data(user_id, room_id).await?;
        let public = server.store.is_public(room_id).await?.unwrap_or(false);
        let first = page.events.last().map_or(last, |event| event.event.pos());
        let mut out = String::new();
        let mut answer = ObjectWriter::open(&mut out);
        array(answer.key("account_data"), data.iter().filter_map(account_data));
        if let Some(membership) = now.view.membership(user_id) {
            answer.text("membership", membership.as_str());
        }
        let mut messages = answer.object("messages");
        array(messages.key("chunk"), chunk);
        messages.text("end", &PageToken(last).to_string());
        messages.text("start", &onwards(Direction::Backward, first).to_string());
        messages.close();
        if self.alone {
            let (mut present, mut receipts) = (Vec::new(), None);
            if until == Until::Now {
                let reader = sync_reader(server, self.requester).await?;
                present = presence_in(&reader, &now.view);
                receipts = self.receipts(room_id).await?;
            }
            array(answer.key("presence"), present);
            array(answer.key("receipts"), receipts);
        }
        answer.text("room_id", room_id.as_str());
        array(answer.key("state"), state.iter().map(|event| state_event(event)));
        answer.text("visibility", if public { "public" } else { "private" });
        answer.close();
        Ok(out)
    }

    /// The receipts of a room as far as its reader may see them.
    async fn receipts(&self, room_id: &RoomId) -> ApiResult<Option<String>> {
        let receipts = self.server.store.receipts(room_id, Position(0)).await?;
        Ok(receipts_event(room_id, &self.requester.user_id, receipts))
    }

    /// A room that the user is invited to.
    async fn invite(&self, room_id: &RoomId) -> ApiResult<Option<String>> {
        let user_id = &self.requester.user_id;
        let room = self.server.rooms.get(&self.server.store, room_id).await?;
        let Some(room) = room else { return Ok(None) };
        let snapshot = room.snapshot();
        let invite = snapshot.view.state_event("m.room.member", user_id.as_str());
        Ok(invite.map(|invite| {
            let mut out = String::new();
            let mut answer = ObjectWriter::open(&mut out);
            answer.raw("invite", &state_event(invite));
            answer.text("inviter", invite.sender().as_str());
            answer.text("membership", "invite");
            answer.text("room_id", room_id.as_str());
            answer.close();
            out
        }))
    }
}

fn receipts_event(room_id: &RoomId, reader: &UserId, mut receipts: Vec<Receipt>) -> Option<String> {
    receipts.retain(|receipt| receipt.kind == "m.read" || receipt.user_id == *reader);
    receipt_event(&receipts).map(|event| with_text(event, "room_id", room_id.as_str()))
}

/// `GET /_matrix/client/v3/events/{eventId}` (deprecated)
///
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3eventseventid>
async fn one_event(
    State(server): State<Shared>,
    requester: Requester,
    Path(event_id): Path<EventId>,
) -> ApiResult<Response> {
    let found = server.store.event(&event_id).await?;
    let (room_id, _) = found.ok_or_else(no_such_event)?;
    let reader = Reader::of(&requester);
    let event = seen_event(&server, &reader.user_id, &room_id, &event_id).await?;
    let mut rendered = history::render(&server, &reader, &room_id, &[event]).await?;
    Ok(json_response(StatusCode::OK, rendered.pop().unwrap_or_default()))
}

#[cfg(test)]
mod tests;
