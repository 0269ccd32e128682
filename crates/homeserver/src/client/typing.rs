// SPDX-License-Identifier: Apache-2.0
//! Typing notifications (Client-Server API, "Typing Notifications").

use axum::{Router, extract::State, response::Response, routing::put};
use estafette_core::{
    ids::{RoomId, UserId},
    limits::{TYPING_TIMEOUT_MS_DEFAULT, TYPING_TIMEOUT_MS_MAX},
};
use serde::Deserialize;

use super::{room_access::joined_room, v3};
use crate::{
    ApiError, ApiResult, Shared,
    auth::Requester,
    http::{Json, Path, empty_object},
    rate_limit::Cost,
    typing,
};

pub(super) fn routes() -> Router<Shared> {
    v3(Router::new(), "/rooms/{room_id}/typing/{user_id}", put(set_typing))
}

#[derive(Debug, Deserialize)]
struct Body {
    typing: bool,
    timeout: Option<u64>,
}

/// `PUT /_matrix/client/v3/rooms/{roomId}/typing/{userId}`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3roomsroomidtypinguserid>
async fn set_typing(
    State(server): State<Shared>,
    requester: Requester,
    Path((room_id, user_id)): Path<(RoomId, UserId)>,
    Json(body): Json<Body>,
) -> ApiResult<Response> {
    if user_id != requester.user_id {
        return Err(ApiError::forbidden("You can only say of yourself that you are typing."));
    }
    requester.check_rate(&server.rate_limiter, Cost::Write, server.now_ms())?;
    joined_room(&server, &user_id, &room_id).await?;
    if body.typing {
        let timeout = body.timeout.unwrap_or(TYPING_TIMEOUT_MS_DEFAULT);
        typing::start(&server, &room_id, &user_id, timeout.min(TYPING_TIMEOUT_MS_MAX));
    } else {
        typing::stop(&server, &room_id, &user_id);
    }
    Ok(empty_object())
}

#[cfg(test)]
mod tests;
