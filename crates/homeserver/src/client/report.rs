// SPDX-License-Identifier: Apache-2.0
//! Reporting content, rooms and users (Client-Server API, "Reporting Content").

use axum::{Router, extract::State, response::Response, routing::post};
use estafette_core::{
    ids::{EventId, RoomId, UserId},
    limits::REASON_BYTES_MAX,
};
use estafette_store::{
    ReportStore as _,
    reports::{Report, Subject},
};
use serde::Deserialize;

use super::{
    room_access::{known_room, seen_event},
    v3,
};
use crate::{
    ApiError, ApiResult, Shared,
    auth::Requester,
    http::{OptionalJson, Path, empty_object},
    rate_limit::Cost,
};

pub(super) fn routes() -> Router<Shared> {
    let mut router = Router::new();
    router = v3(router, "/rooms/{room_id}/report", post(report_room));
    router = v3(router, "/rooms/{room_id}/report/{event_id}", post(report_event));
    v3(router, "/users/{user_id}/report", post(report_user))
}

#[derive(Debug, Default, Deserialize)]
struct Body {
    reason: Option<String>,
    score: Option<i64>,
}

/// `POST /_matrix/client/v3/rooms/{roomId}/report/{eventId}`: for those who may see the event.
///
/// <https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidreporteventid>
async fn report_event(
    State(server): State<Shared>,
    requester: Requester,
    Path((room_id, event_id)): Path<(RoomId, EventId)>,
    OptionalJson(body): OptionalJson<Body>,
) -> ApiResult<Response> {
    if body.score.is_some_and(|score| !(-100..=0).contains(&score)) {
        return Err(ApiError::invalid_param("`score` is between -100 and 0."));
    }
    seen_event(&server, &requester.user_id, &room_id, &event_id).await?;
    put(&server, requester, Subject::Event { room_id, event_id }, body).await
}

/// `POST /_matrix/client/v3/rooms/{roomId}/report`: for those who may know of the room.
///
/// <https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3roomsroomidreport>
async fn report_room(
    State(server): State<Shared>,
    requester: Requester,
    Path(room_id): Path<RoomId>,
    OptionalJson(body): OptionalJson<Body>,
) -> ApiResult<Response> {
    let found = known_room(&server, Some(&requester.user_id), &room_id).await?;
    found.ok_or_else(|| ApiError::not_found("There is no such room here."))?;
    put(&server, requester, Subject::Room(room_id), body).await
}

/// `POST /_matrix/client/v3/users/{userId}/report`. The answer does not tell whether there is
/// such a user.
///
/// <https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3usersuseridreport>
async fn report_user(
    State(server): State<Shared>,
    requester: Requester,
    Path(user_id): Path<UserId>,
    OptionalJson(body): OptionalJson<Body>,
) -> ApiResult<Response> {
    put(&server, requester, Subject::User(user_id), body).await
}

async fn put(
    server: &Shared,
    requester: Requester,
    subject: Subject,
    body: Body,
) -> ApiResult<Response> {
    requester.check_rate(&server.rate_limiter, Cost::Write, server.now_ms())?;
    let reason = body.reason.unwrap_or_default();
    if reason.len() > REASON_BYTES_MAX {
        return Err(ApiError::too_large("The reason is too long."));
    }
    let report = Report {
        reporter: requester.user_id,
        subject,
        reason,
        score: body.score,
        received_ms: server.now_ms(),
    };
    server.store.put_report(report).await?;
    Ok(empty_object())
}

#[cfg(test)]
mod tests;
