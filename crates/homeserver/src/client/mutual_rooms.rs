// SPDX-License-Identifier: Apache-2.0
//! Client-Server API, "Mutual Rooms" (v1.19, MSC2666).

use axum::{Router, extract::State, routing::get};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use estafette_core::{
    event::Membership,
    ids::{RoomId, UserId},
    limits::MUTUAL_ROOMS_PAGE_MAX,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    ApiError, ApiResult, Shared,
    auth::Requester,
    http::{Json, Query},
    rate_limit::Cost,
};

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/_matrix/client/v1/mutual_rooms", get(mutual_rooms))
        .route("/_matrix/client/unstable/uk.half-shot.msc2666/user/mutual_rooms", get(mutual_rooms))
}

#[derive(Debug, Deserialize)]
struct MutualQuery {
    user_id: Option<String>,
    from: Option<String>,
}

/// `GET /_matrix/client/v1/mutual_rooms`
///
/// Pages are cut by room id: a token names the last room told.
///
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1mutual_rooms>
async fn mutual_rooms(
    State(server): State<Shared>,
    requester: Requester,
    Query(query): Query<MutualQuery>,
) -> ApiResult<Json<Value>> {
    requester.check_rate(&server.rate_limiter, Cost::Write, server.now_ms())?;
    let other = query.user_id.ok_or_else(|| ApiError::missing_param("`user_id` is missing."))?;
    let other = UserId::parse(&other)
        .map_err(|error| ApiError::invalid_param(format!("`user_id` is wrong: {error}.")))?;
    if other == requester.user_id {
        return Err(ApiError::invalid_param("`user_id` is your own."));
    }
    let after = query.from.as_deref().filter(|from| !from.is_empty()).map(last_told).transpose()?;
    let mut shared = Vec::new();
    let user = server.notifier.user(&server.store, &requester.user_id).await?;
    // In the order of the room ids.
    for (room_id, own) in user.rooms() {
        if own.membership != Membership::Join {
            continue;
        }
        let room = server.rooms.get(&server.store, &room_id).await?;
        if room.is_some_and(|room| room.snapshot().view.is_joined(&other)) {
            shared.push(room_id);
        }
    }
    let count = shared.len();
    shared.retain(|room_id| after.as_ref().is_none_or(|after| room_id > after));
    let more = shared.len() > MUTUAL_ROOMS_PAGE_MAX;
    shared.truncate(MUTUAL_ROOMS_PAGE_MAX);
    let mut answer = json!({ "joined": shared, "count": count });
    if let (true, Some(last), Some(members)) = (more, shared.last(), answer.as_object_mut()) {
        let token = URL_SAFE_NO_PAD.encode(last.as_str());
        members.insert("next_batch".into(), token.into());
    }
    Ok(Json(answer))
}

fn last_told(token: &str) -> ApiResult<RoomId> {
    let wrong = || ApiError::invalid_param("`from` is no token of this endpoint.");
    let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| wrong())?;
    let text = String::from_utf8(bytes).map_err(|_| wrong())?;
    RoomId::parse(&text).map_err(|_| wrong())
}

#[cfg(test)]
mod tests;
