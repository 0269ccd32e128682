// SPDX-License-Identifier: Apache-2.0
//! Server-side key backups (Client-Server API, "Server-side key backups").

mod sessions;
mod versions;

use axum::{Router, routing::get, routing::post};
use estafette_store::key_backup::KeyBackupState;
use serde_json::{Value, json};

use crate::{ApiError, ApiResult, Shared, http::Json};

pub(super) fn routes() -> Router<Shared> {
    let mut router = Router::new();
    for prefix in ["/_matrix/client/v3/room_keys", "/_matrix/client/unstable/room_keys"] {
        let version = get(versions::version).put(versions::update).delete(versions::delete);
        let all = get(sessions::get_all).put(sessions::put_all).delete(sessions::delete_all);
        let room = get(sessions::get_room).put(sessions::put_room).delete(sessions::delete_room);
        let one = get(sessions::get_one).put(sessions::put_one).delete(sessions::delete_one);
        router = router
            .route(&format!("{prefix}/version"), post(versions::create).get(versions::current))
            .route(&format!("{prefix}/version/{{version}}"), version)
            .route(&format!("{prefix}/keys"), all)
            .route(&format!("{prefix}/keys/{{room_id}}"), room)
            .route(&format!("{prefix}/keys/{{room_id}}/{{session_id}}"), one);
    }
    router
}

/// Versions are opaque to clients; here they are numbers from 1 on.
fn parse_version(text: &str) -> ApiResult<u64> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|_| is_number);
    number.ok_or_else(unknown_version)
}

fn unknown_version() -> ApiError {
    ApiError::not_found("There is no such version of the backup.")
}

/// What every change of the sessions answers (E12).
fn state(state: KeyBackupState) -> Json<Value> {
    Json(json!({ "etag": state.etag.to_string(), "count": state.count }))
}

#[cfg(test)]
mod tests;
