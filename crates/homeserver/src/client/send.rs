// SPDX-License-Identifier: Apache-2.0
//! Sending events and redacting them (Client-Server API, "Sending events to a room" and
//! "Redactions").

use axum::{Router, extract::State, routing::put};
use estafette_core::{
    ids::{EventId, RoomId},
    json::{Object, Value},
    limits::TXN_ID_BYTES_MAX,
    room::Command,
};
use estafette_store::{
    RoomStore as _,
    rooms::{StoredEvent, Txn},
};
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{content::Content, content::OptionalContent, room_access::room, v3};
use crate::{
    ApiError, ApiResult, Shared,
    auth::Requester,
    http::{Json, Path, Query},
    rate_limit::Cost,
    room_worker::{Request, submit_to},
    rooms::HotRoom,
    typing,
};

pub(super) fn routes() -> Router<Shared> {
    let mut router = Router::new();
    router = v3(router, "/rooms/{room_id}/send/{event_type}/{txn_id}", put(send));
    v3(router, "/rooms/{room_id}/redact/{event_id}/{txn_id}", put(redact))
}

/// Query parameters of what puts an event into a room.
#[derive(Debug, Default, Deserialize)]
pub(super) struct SendQuery {
    /// When the event happened, for application services ("Timestamp massaging").
    ts: Option<i64>,
}

impl SendQuery {
    /// The time that the event is to bear, if the requester may choose it.
    pub(super) fn timestamp(&self, requester: &Requester) -> Option<i64> {
        self.ts.filter(|_| requester.appservice.is_some())
    }
}

/// What identifies a request, so that its retry finds the first answer (Client-Server API,
/// "Transaction identifiers"). `path` are the parts of the endpoint's path besides the id.
pub(super) fn transaction(
    requester: &Requester,
    path: &[&str],
    txn_id: &str,
) -> ApiResult<Option<Txn>> {
    if txn_id.is_empty() || txn_id.len() > TXN_ID_BYTES_MAX {
        return Err(ApiError::invalid_param("The transaction id is empty or too long."));
    }
    let Some(device_nid) = requester.device.as_ref().map(|device| device.nid) else {
        return Ok(None);
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

/// `PUT /_matrix/client/v3/rooms/{roomId}/send/{eventType}/{txnId}`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3roomsroomidsendeventtypetxnid>
async fn send(
    State(server): State<Shared>,
    requester: Requester,
    Path((room_id, kind, txn_id)): Path<(RoomId, String, String)>,
    Query(query): Query<SendQuery>,
    Content(content): Content,
) -> ApiResult<Json<serde_json::Value>> {
    server.rate_limiter.check(Cost::Message, requester.user_id.as_str(), server.now_ms())?;
    requester.check_not_suspended()?;
    let txn = transaction(&requester, &["send", room_id.as_str(), &kind], &txn_id)?;
    let room = room(&server, &room_id).await?;
    let redacts = (kind == "m.room.redaction").then(|| redacted_by(&content)).transpose()?;
    let mut request = match redacts {
        Some(redacts) => redaction(&server, &room, &requester, redacts, content).await?,
        None => {
            let sender = requester.user_id.clone();
            Request::new(Command::Send { sender, kind, content })
        }
    };
    request.txn = txn;
    request.origin_server_ts = query.timestamp(&requester);
    let event_id = submit_to(&server, &room, request).await?;
    // Whoever has sent is not typing any more, whether or not the client says so.
    typing::stop(&server, &room_id, &requester.user_id);
    Ok(Json(json!({ "event_id": event_id })))
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
    server.rate_limiter.check(Cost::Message, requester.user_id.as_str(), server.now_ms())?;
    let path = ["redact", room_id.as_str(), event_id.as_str()];
    let txn = transaction(&requester, &path, &txn_id)?;
    let room = room(&server, &room_id).await?;
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
    server: &Shared,
    room: &HotRoom,
    requester: &Requester,
    redacts: EventId,
    content: Object,
) -> ApiResult<Request> {
    let target = target(server, room, &redacts).await?;
    let target_sender = target.as_ref().map(|target| target.event.sender().clone());
    let sender = requester.user_id.clone();
    let mut request = Request::new(Command::Redact { sender, redacts, target_sender, content });
    request.redaction_target = target;
    Ok(request)
}

/// The event of this room with that id. One of another room does not exist here.
async fn target(
    server: &Shared,
    room: &HotRoom,
    event_id: &EventId,
) -> ApiResult<Option<StoredEvent>> {
    let found = server.store.event(event_id).await?;
    Ok(found.filter(|(room_id, _)| *room_id == room.room_id).map(|(_, event)| event))
}

#[cfg(test)]
mod tests;
