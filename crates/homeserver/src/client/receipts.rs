// SPDX-License-Identifier: Apache-2.0
//! What was read (Client-Server API, "Receipts" and "Fully read markers").

use axum::{Router, extract::State, response::Response, routing::post};
use estafette_core::ids::{EventId, RoomId};
use estafette_store::{Position, RoomStore as _, rooms::Receipt};
use serde::Deserialize;

use super::{account_data::set_fully_read, room_access::joined_room, v3};
use crate::{
    ApiError, ApiResult, Shared,
    auth::Requester,
    http::{Json, OptionalJson, Path, empty_object},
    rate_limit::Cost,
};

/// The account data that holds the fully read marker.
const FULLY_READ: &str = "m.fully_read";

pub(super) fn routes() -> Router<Shared> {
    let mut router = Router::new();
    router = v3(router, "/rooms/{room_id}/receipt/{receipt_type}/{event_id}", post(receipt));
    v3(router, "/rooms/{room_id}/read_markers", post(read_markers))
}

#[derive(Debug, Default, Deserialize)]
struct ReceiptBody {
    thread_id: Option<String>,
}

/// `POST /_matrix/client/v3/rooms/{roomId}/receipt/{receiptType}/{eventId}`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidreceiptreceipttypeeventid>
async fn receipt(
    State(server): State<Shared>,
    requester: Requester,
    Path((room_id, kind, event_id)): Path<(RoomId, String, EventId)>,
    OptionalJson(body): OptionalJson<ReceiptBody>,
) -> ApiResult<Response> {
    limit(&server, &requester)?;
    joined_room(&server, &requester.user_id, &room_id).await?;
    match (kind.as_str(), body.thread_id.as_deref()) {
        ("m.read" | "m.read.private", thread) => {
            let thread = checked_thread(&server, &room_id, &event_id, thread).await?;
            put_receipt(&server, &requester, &room_id, &kind, thread, event_id).await?;
        }
        (FULLY_READ, None) => {
            set_fully_read(&server, &requester.user_id, &room_id, &event_id).await?
        }
        (FULLY_READ, Some(_)) => {
            return Err(ApiError::invalid_param("A fully read marker belongs to no thread."));
        }
        _ => return Err(ApiError::invalid_param("That type of receipt is not known.")),
    }
    Ok(empty_object())
}

#[derive(Debug, Default, Deserialize)]
struct ReadMarkersBody {
    #[serde(rename = "m.fully_read")]
    fully_read: Option<EventId>,
    #[serde(rename = "m.read")]
    read: Option<EventId>,
    #[serde(rename = "m.read.private")]
    read_private: Option<EventId>,
}

/// `POST /_matrix/client/v3/rooms/{roomId}/read_markers`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidread_markers>
async fn read_markers(
    State(server): State<Shared>,
    requester: Requester,
    Path(room_id): Path<RoomId>,
    Json(body): Json<ReadMarkersBody>,
) -> ApiResult<Response> {
    limit(&server, &requester)?;
    joined_room(&server, &requester.user_id, &room_id).await?;
    if let Some(event_id) = &body.fully_read {
        set_fully_read(&server, &requester.user_id, &room_id, event_id).await?;
    }
    for (kind, event_id) in [("m.read", body.read), ("m.read.private", body.read_private)] {
        if let Some(event_id) = event_id {
            put_receipt(&server, &requester, &room_id, kind, String::new(), event_id).await?;
        }
    }
    Ok(empty_object())
}

fn limit(server: &Shared, requester: &Requester) -> ApiResult<()> {
    requester.check_rate(&server.rate_limiter, Cost::Write, server.now_ms())
}

/// `main`, or the id of a thread's root. "Threaded read receipts": anything else is refused.
async fn checked_thread(
    server: &Shared,
    room_id: &RoomId,
    event_id: &EventId,
    thread: Option<&str>,
) -> ApiResult<String> {
    let wrong = || ApiError::invalid_param("`thread_id` is `main` or the root of a thread.");
    match thread {
        None => Ok(String::new()),
        Some("main") => Ok("main".to_owned()),
        Some(root) => {
            let root = EventId::parse(root).map_err(|_| wrong())?;
            // Each thread costs a row that everybody in the room is told.
            let known = server.store.event(&root).await?;
            if known.is_none_or(|(of, _)| of != *room_id) {
                return Err(wrong());
            }
            // An event that is known and in another thread cannot mark this one as read.
            let event = server.store.event(event_id).await?;
            let elsewhere = event.filter(|(of, _)| of == room_id).is_some_and(|(_, event)| {
                let relation = estafette_core::relations::relation(event.event.content());
                relation.is_some_and(|relation| {
                    relation.rel_type == estafette_core::relations::THREAD
                        && relation.event_id != root.as_str()
                })
            });
            if elsewhere { Err(wrong()) } else { Ok(root.as_str().to_owned()) }
        }
    }
}

async fn put_receipt(
    server: &Shared,
    requester: &Requester,
    room_id: &RoomId,
    kind: &str,
    thread: String,
    event_id: EventId,
) -> ApiResult<()> {
    let receipt = Receipt {
        user_id: requester.user_id.clone(),
        kind: kind.to_owned(),
        thread,
        event_id,
        event_pos: Position(0),
        ts: server.now_ms(),
        pos: Position(0),
    };
    server.store.put_receipt(room_id, receipt).await?;
    Ok(())
}

#[cfg(test)]
mod tests;
