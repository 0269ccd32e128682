// SPDX-License-Identifier: Apache-2.0
//! Sending events and redacting them (Client-Server API, "Sending events to a room" and
//! "Redactions").

use axum::{
    Router,
    extract::State,
    routing::{post, put},
};
use estafette_core::{
    ids::{EventId, RoomId},
    json::{Object, Value, write_canonical_object},
    limits::TXN_ID_BYTES_MAX,
    room::Command,
};
use estafette_store::{RoomStore as _, rooms::Txn};
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{
    content::{OptionalContent, object},
    delayed_events,
    delayed_events::Delayed,
    room_access::room,
    upgrade::check_tombstone,
    v3,
};
use crate::{
    ApiError, ApiResult, Server, Shared,
    auth::Requester,
    http::{BodyBytes, Json, Path, Query},
    rate_limit::Cost,
    room_worker::{Request, submit_to},
    rooms::HotRoom,
};

pub(super) fn routes() -> Router<Shared> {
    let mut router = Router::new();
    router = v3(router, "/rooms/{room_id}/send/{event_type}/{txn_id}", put(send));
    router = v3(router, "/rooms/{room_id}/send/{event_type}", post(send_once));
    v3(router, "/rooms/{room_id}/redact/{event_id}/{txn_id}", put(redact))
}

/// Query parameters of what puts an event into a room.
#[derive(Debug, Default, Deserialize)]
pub(super) struct SendQuery {
    /// When the event happened, for application services ("Timestamp massaging").
    ts: Option<i64>,
    /// How long to wait before sending, in ms (MSC4140).
    #[serde(rename = "org.matrix.msc4140.delay")]
    delay_ms: Option<i64>,
}

impl SendQuery {
    /// The event that is to be sent later, if the request asks for one.
    pub(super) fn delayed(
        &self,
        requester: &Requester,
        txn: Option<Txn>,
        (room_id, kind, state_key): (&RoomId, &str, Option<&str>),
        content: &Object,
    ) -> Option<Delayed> {
        let delay_ms = self.delay_ms?;
        let mut json = String::new();
        write_canonical_object(&mut json, content);
        Some(Delayed {
            delay_ms,
            txn,
            room_id: room_id.clone(),
            kind: kind.to_owned(),
            state_key: state_key.map(str::to_owned),
            content: json,
            origin_server_ts: self.timestamp(requester),
        })
    }

    /// The time that the event is to bear, if the requester may choose it.
    pub(super) fn timestamp(&self, requester: &Requester) -> Option<i64> {
        self.ts.filter(|_| requester.appservice.is_some())
    }
}

/// What identifies a request, so that its retry finds the first answer (Client-Server API,
/// "Transaction identifiers"). `path` are the parts of the endpoint's path besides the id.
pub(crate) fn transaction(
    requester: &Requester,
    path: &[&str],
    txn_id: &str,
) -> ApiResult<Option<Txn>> {
    if txn_id.is_empty() || txn_id.len() > TXN_ID_BYTES_MAX {
        return Err(ApiError::invalid_param("The transaction id is empty or too long."));
    }
    let device_nid = match (&requester.device, &requester.appservice) {
        (Some(device), _) => device.nid,
        (None, Some(appservice)) => number_without_device(&appservice.id, requester),
        (None, None) => return Ok(None),
    };
    let mut hash = Sha256::new();
    for part in path {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    let hash: [u8; 32] = hash.finalize().into();
    let path = hash.first_chunk().map_or(0, |bytes| i64::from_le_bytes(*bytes));
    Ok(Some(Txn { device_nid, path, txn_id: txn_id.into() }))
}

/// What stands for the device of an application service that names none: one number below 0, which
/// no device has, for each of its users. Its retries find their first answers too.
fn number_without_device(appservice_id: &str, requester: &Requester) -> i64 {
    let mut hash = Sha256::new();
    hash.update(appservice_id.as_bytes());
    hash.update([0]);
    hash.update(requester.user_id.as_str().as_bytes());
    let hash: [u8; 32] = hash.finalize().into();
    let number = hash.first_chunk().map_or(0, |bytes| i64::from_le_bytes(*bytes));
    -1 - (number & i64::MAX)
}

/// `PUT /_matrix/client/v3/rooms/{roomId}/send/{eventType}/{txnId}`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3roomsroomidsendeventtypetxnid>
async fn send(
    State(server): State<Shared>,
    requester: Requester,
    Path((room_id, kind, txn_id)): Path<(RoomId, String, String)>,
    Query(query): Query<SendQuery>,
    BodyBytes(body): BodyBytes,
) -> ApiResult<Json<serde_json::Value>> {
    requester.check_rate(&server.rate_limiter, Cost::Message, server.now_ms())?;
    check_may_send(&requester, &kind)?;
    // Clients repeat the request for a delayed event without its body.
    let repeated = query.delay_ms.is_some() && body.is_empty();
    let content = if repeated { Object::new() } else { object(&body)? };
    let txn = transaction(&requester, &["send", room_id.as_str(), &kind], &txn_id)?;
    if let Some(delayed) = query.delayed(&requester, txn.clone(), (&room_id, &kind, None), &content)
    {
        return delayed_events::keep(&server, &requester, delayed).await;
    }
    send_now(&server, &requester, (&room_id, kind, content), txn, &query).await
}

/// `POST /_matrix/client/r0/rooms/{roomId}/send/{eventType}`: from before transaction ids, for old
/// bots and tests. Whoever repeats it sends twice.
async fn send_once(
    State(server): State<Shared>,
    requester: Requester,
    Path((room_id, kind)): Path<(RoomId, String)>,
    Query(query): Query<SendQuery>,
    BodyBytes(body): BodyBytes,
) -> ApiResult<Json<serde_json::Value>> {
    requester.check_rate(&server.rate_limiter, Cost::Message, server.now_ms())?;
    check_may_send(&requester, &kind)?;
    send_now(&server, &requester, (&room_id, kind, object(&body)?), None, &query).await
}

/// Client-Server API, "Account suspension": a suspended user may redact their own events, which
/// [`redaction`] looks at, and send nothing.
fn check_may_send(requester: &Requester, kind: &str) -> ApiResult<()> {
    if kind == "m.room.redaction" { Ok(()) } else { requester.check_not_suspended() }
}

async fn send_now(
    server: &Shared,
    requester: &Requester,
    (room_id, kind, content): (&RoomId, String, Object),
    txn: Option<Txn>,
    query: &SendQuery,
) -> ApiResult<Json<serde_json::Value>> {
    let room = room(server, &requester.user_id, room_id).await?;
    let mut request = message_request(server, requester, &room, kind, content).await?;
    request.txn = txn;
    request.origin_server_ts = query.timestamp(requester);
    let event_id = submit_to(server, &room, request).await?;
    Ok(Json(json!({ "event_id": event_id })))
}

/// The request to send an event that is no state. A redaction takes effect on what it names.
pub(super) async fn message_request(
    server: &Server,
    requester: &Requester,
    room: &HotRoom,
    kind: String,
    content: Object,
) -> ApiResult<Request> {
    check_tombstone(&room.room_id, &kind, &content)?;
    if kind == "m.room.redaction" {
        let redacts = redacted_by(&content)?;
        return redaction(server, room, requester, redacts, content).await;
    }
    let sender = requester.user_id.clone();
    Ok(Request::new(Command::Send { sender, kind, content }))
}

/// `PUT /_matrix/client/v3/rooms/{roomId}/redact/{eventId}/{txnId}`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3roomsroomidredacteventidtxnid>
async fn redact(
    State(server): State<Shared>,
    requester: Requester,
    Path((room_id, event_id, txn_id)): Path<(RoomId, EventId, String)>,
    Query(query): Query<SendQuery>,
    OptionalContent(content): OptionalContent,
) -> ApiResult<Json<serde_json::Value>> {
    requester.check_rate(&server.rate_limiter, Cost::Message, server.now_ms())?;
    let path = ["redact", room_id.as_str(), event_id.as_str()];
    let txn = transaction(&requester, &path, &txn_id)?;
    let room = room(&server, &requester.user_id, &room_id).await?;
    let mut request = redaction(&server, &room, &requester, event_id, content).await?;
    request.txn = txn;
    request.origin_server_ts = query.timestamp(&requester);
    let event_id = submit_to(&server, &room, request).await?;
    Ok(Json(json!({ "event_id": event_id })))
}

/// Room version 11 and later: `redacts` of a redaction that is sent like any other event.
fn redacted_by(content: &Object) -> ApiResult<EventId> {
    let redacts = content.get("redacts").and_then(Value::as_str);
    let redacts = redacts.ok_or_else(|| ApiError::missing_param("`redacts` is missing."))?;
    EventId::parse(redacts).map_err(|_| ApiError::invalid_param("`redacts` is no event id."))
}

/// The request to redact `redacts`, with what is known of that event.
async fn redaction(
    server: &Server,
    room: &HotRoom,
    requester: &Requester,
    redacts: EventId,
    content: Object,
) -> ApiResult<Request> {
    // Whatever is not of this room is redacted nowhere, and it is not said which rooms have it
    // (F-24).
    let found = server.store.event(&redacts).await?;
    let target = found.filter(|(room_id, _)| *room_id == room.room_id).map(|(_, event)| event);
    let target_sender = target.as_ref().map(|target| target.event.sender().clone());
    if target_sender.as_ref() != Some(&requester.user_id) {
        // Client-Server API, "Account suspension": one's own events may be redacted.
        requester.check_not_suspended()?;
    }
    if target.is_none() {
        return Err(ApiError::invalid_param("The event to be redacted is not in this room."));
    }
    let sender = requester.user_id.clone();
    let mut request = Request::new(Command::Redact { sender, redacts, target_sender, content });
    request.redaction_target = target;
    Ok(request)
}

#[cfg(test)]
mod tests;
