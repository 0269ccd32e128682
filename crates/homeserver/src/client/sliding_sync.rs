// SPDX-License-Identifier: Apache-2.0
//! Simplified sliding sync (MSC4186) in two dialects, today's and the merged one. Each turns its
//! request into one [`request::Request`], and the answer is built from that.
//!
//! A connection remembers, for the last answer and for the one before it, what the device was
//! told of each room. A device that presents either goes on from there; any other `pos` is
//! `M_UNKNOWN_POS` and the device starts afresh. Connections live in memory alone.

mod answer;
pub mod connection;
mod extensions;
mod lists;
mod merged;
mod request;
mod room;
mod simplified;

use std::{sync::Arc, time::Duration};

use axum::{Router, extract::State, response::Response, routing::post};
use estafette_core::limits::SYNC_TIMEOUT_MS_MAX;
use estafette_store::Position;
use http::StatusCode;

use self::{connection::Place, request::Request};
use super::sync::note_presence;
use crate::{
    ApiError, ApiResult, Shared,
    auth::Requester,
    http::{Json, OptionalJson, Query, json_response},
    sync::Reader,
};

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/_matrix/client/unstable/org.matrix.simplified_msc3575/sync", post(simplified_sync))
        .route("/_matrix/client/v4/sync", post(merged_sync))
}

/// `POST /_matrix/client/unstable/org.matrix.simplified_msc3575/sync`
async fn simplified_sync(
    State(server): State<Shared>,
    requester: Requester,
    Query(parameters): Query<simplified::Parameters>,
    OptionalJson(body): OptionalJson<simplified::Body>,
) -> ApiResult<Response> {
    let request = body.into_request(&requester.user_id);
    let simplified::Parameters { pos, timeout, set_presence } = parameters;
    answer(server, requester, request, Course { pos, timeout, set_presence }).await
}

/// `POST /_matrix/client/v4/sync` (MSC4186)
async fn merged_sync(
    State(server): State<Shared>,
    requester: Requester,
    Json(mut body): Json<merged::Body>,
) -> ApiResult<Response> {
    let course = Course {
        pos: body.pos.take(),
        timeout: body.timeout,
        set_presence: body.set_presence.take(),
    };
    answer(server, requester, body.into_request()?, course).await
}

/// From where a request goes on, and how long it may wait.
struct Course {
    pos: Option<String>,
    timeout: u64,
    set_presence: Option<String>,
}

async fn answer(
    server: Shared,
    requester: Requester,
    request: Request,
    course: Course,
) -> ApiResult<Response> {
    request.check()?;
    let user = server.notifier.user(&server.store, &requester.user_id).await?;
    let (device_id, device_nid) = match &requester.device {
        Some(device) => (Some(device.device_id.clone()), Some(device.nid)),
        None => (None, None),
    };
    let mut reader = Reader { server, user, device_id, device_nid, head: Position(0) };
    let place = match course.pos.as_deref().filter(|pos| !pos.is_empty()) {
        None => Place::default(),
        Some(pos) => connection::resume(&reader, &request.conn_id, pos).ok_or_else(unknown_pos)?,
    };
    let _running = note_presence(&reader, course.set_presence.as_deref()).await?;
    extensions::acknowledge(&reader, &request);
    let waiting = Duration::from_millis(course.timeout.min(SYNC_TIMEOUT_MS_MAX));
    let json = wait(&mut reader, &requester, &request, &place, waiting).await?;
    Ok(json_response(StatusCode::OK, json))
}

fn unknown_pos() -> ApiError {
    ApiError::new(
        StatusCode::BAD_REQUEST,
        "M_UNKNOWN_POS",
        "This connection is not known any more; start it afresh.",
    )
}

/// Answers at once when there is something to tell, else at the next change or the time-out. Ends
/// at once when the session does.
async fn wait(
    reader: &mut Reader,
    requester: &Requester,
    request: &Request,
    place: &Place,
    waiting: Duration,
) -> ApiResult<String> {
    let waiting = requester.time_left(&reader.server).map_or(waiting, |left| waiting.min(left));
    let deadline = tokio::time::Instant::now() + waiting;
    let user = Arc::clone(&reader.user);
    let mut stopping = reader.server.stopping();
    loop {
        let woken = user.woken();
        tokio::pin!(woken);
        woken.as_mut().enable();
        let over = waiting.is_zero()
            || tokio::time::Instant::now() >= deadline
            || *stopping.borrow_and_update();
        if let Some(json) = answer::build(reader, request, place, over).await? {
            return Ok(json);
        }
        tokio::select! {
            () = woken => {}
            () = tokio::time::sleep_until(deadline) => {}
            _ = stopping.changed() => {}
        }
        // The session may be what ended.
        requester.check_current(&reader.server).await?;
    }
}

#[cfg(test)]
mod tests;
