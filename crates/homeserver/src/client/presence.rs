// SPDX-License-Identifier: Apache-2.0
//! Presence (Client-Server API, "Presence").

use axum::{Router, extract::State, response::Response, routing::get};
use estafette_core::{event::Membership, ids::UserId, limits::STATUS_MSG_BYTES_MAX};
use serde::Deserialize;
use serde_json::{Value, json};

use super::v3;
use crate::{
    ApiError, ApiResult, Shared,
    auth::Requester,
    http::{Json, Path, empty_object},
    rate_limit::Cost,
};

pub(super) fn routes() -> Router<Shared> {
    v3(Router::new(), "/presence/{user_id}/status", get(presence).put(set_presence))
}

#[derive(Debug, Deserialize)]
struct Body {
    presence: String,
    status_msg: Option<String>,
}

/// `PUT /_matrix/client/v3/presence/{userId}/status`. Where presence is off the request is
/// accepted and nothing is kept, as the specification allows.
///
/// <https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3presenceuseridstatus>
async fn set_presence(
    State(server): State<Shared>,
    requester: Requester,
    Path(user_id): Path<UserId>,
    Json(body): Json<Body>,
) -> ApiResult<Response> {
    if user_id != requester.user_id {
        return Err(ApiError::forbidden("You can only set your own presence."));
    }
    if body.status_msg.is_some() {
        // Others are shown it, as they are the profile.
        requester.check_not_suspended()?;
    }
    requester.check_rate(&server.rate_limiter, Cost::Write, server.now_ms())?;
    if !matches!(body.presence.as_str(), "online" | "unavailable" | "offline") {
        return Err(ApiError::invalid_param("`presence` is none of the known words."));
    }
    if body.status_msg.as_ref().is_some_and(|text| text.len() > STATUS_MSG_BYTES_MAX) {
        return Err(ApiError::too_large("The status message is too long."));
    }
    if server.config.presence.enabled {
        server.presence.set(&user_id, &body.presence, body.status_msg, server.now_ms());
        server.notifier.wake_sharers(&server.store, &user_id).await?;
    }
    Ok(empty_object())
}

/// `GET /_matrix/client/v3/presence/{userId}/status`: for those who share a room.
///
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3presenceuseridstatus>
async fn presence(
    State(server): State<Shared>,
    requester: Requester,
    Path(user_id): Path<UserId>,
) -> ApiResult<Json<Value>> {
    if user_id != requester.user_id && !share_a_room(&server, &requester, &user_id).await? {
        return Err(ApiError::forbidden("You may not see this user's presence."));
    }
    let Some(known) = server.presence.of(&user_id) else {
        return Ok(Json(json!({ "presence": "offline" })));
    };
    Ok(Json(known.content(server.now_ms())))
}

async fn share_a_room(server: &Shared, requester: &Requester, other: &UserId) -> ApiResult<bool> {
    let user = server.notifier.user(&server.store, &requester.user_id).await?;
    for (room_id, own) in user.rooms() {
        if own.membership != Membership::Join {
            continue;
        }
        let room = server.rooms.get(&server.store, &room_id).await?;
        if room.is_some_and(|room| room.snapshot().view.is_joined(other)) {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests;
