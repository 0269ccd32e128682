// SPDX-License-Identifier: Apache-2.0
//! What administrators see of a user's sessions and rooms.
//!
//! <https://element-hq.github.io/synapse/latest/admin_api/user_admin_api.html>

use axum::{
    Router,
    extract::State,
    response::Response,
    routing::{get, post},
};
use estafette_core::ids::{DeviceId, RoomId, UserId};
use estafette_store::{
    AccountStore as _, RoomStore as _,
    accounts::{Device, Devices},
    people::AdminAct,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::users::{known, local};
use crate::{
    ApiError, ApiResult, Server, Shared,
    administration::administer_as,
    auth::Requester,
    client::{
        admin::describe_sessions,
        register::{check_free, user_id as wanted_user},
    },
    http::{Json, Path, Query, empty_object},
};

pub(super) fn routes() -> Router<Shared> {
    let user = "/_synapse/admin/v2/users/{user_id}";
    Router::new()
        .route("/_synapse/admin/v1/server_version", get(server_version))
        .route("/_synapse/admin/v1/username_available", get(username_available))
        .route("/_synapse/admin/v1/whois/{user_id}", get(whois))
        .route("/_synapse/admin/v1/users/{user_id}/joined_rooms", get(joined_rooms))
        .route(&format!("{user}/devices"), get(devices))
        .route(&format!("{user}/devices/{{device_id}}"), get(device).delete(delete_device))
        .route(&format!("{user}/delete_devices"), post(delete_devices))
}

/// `GET /_synapse/admin/v1/server_version`: for anybody, as tools ask before they have a token.
async fn server_version() -> Json<Value> {
    Json(json!({ "server_version": concat!("Estafette ", env!("CARGO_PKG_VERSION")) }))
}

#[derive(Deserialize)]
struct UsernameQuery {
    username: String,
}

/// `GET /_synapse/admin/v1/username_available`
async fn username_available(
    State(server): State<Shared>,
    requester: Requester,
    Query(query): Query<UsernameQuery>,
) -> ApiResult<Json<Value>> {
    requester.check_administers()?;
    check_free(&server, &wanted_user(&server, &query.username)?, None).await?;
    Ok(Json(json!({ "available": true })))
}

/// A user of this server, for an administrator.
async fn target(server: &Server, requester: &Requester, user_id: &str) -> ApiResult<UserId> {
    requester.check_administers()?;
    Ok(known(server, &local(server, user_id)?).await?.user_id)
}

/// `GET /_synapse/admin/v1/whois/{userId}`
async fn whois(
    State(server): State<Shared>,
    requester: Requester,
    Path(user_id): Path<String>,
) -> ApiResult<Json<Value>> {
    let user_id = target(&server, &requester, &user_id).await?;
    describe_sessions(&server, &user_id).await.map(Json)
}

/// `GET /_synapse/admin/v1/users/{userId}/joined_rooms`
async fn joined_rooms(
    State(server): State<Shared>,
    requester: Requester,
    Path(user_id): Path<String>,
) -> ApiResult<Json<Value>> {
    let user_id = target(&server, &requester, &user_id).await?;
    let rooms = server.store.rooms_of(&user_id).await?.into_iter();
    let joined: Vec<RoomId> =
        rooms.filter(|room| room.membership == "join").map(|room| room.room_id).collect();
    Ok(Json(json!({ "joined_rooms": joined, "total": joined.len() })))
}

fn describe(server: &Server, user_id: &UserId, device: &Device) -> Value {
    let seen = server.auth.device_uses.waiting(device.nid).or_else(|| device.seen.clone());
    json!({
        "device_id": device.device_id,
        "display_name": device.display_name,
        "last_seen_ip": seen.as_ref().map(|seen| &seen.ip),
        "last_seen_ts": seen.as_ref().map(|seen| seen.at_ms),
        "last_seen_user_agent": seen.as_ref().and_then(|seen| seen.user_agent.as_ref()),
        "user_id": user_id,
    })
}

/// `GET /_synapse/admin/v2/users/{userId}/devices`
async fn devices(
    State(server): State<Shared>,
    requester: Requester,
    Path(user_id): Path<String>,
) -> ApiResult<Json<Value>> {
    let user_id = target(&server, &requester, &user_id).await?;
    let devices = server.store.devices(&user_id).await?;
    let described: Vec<Value> =
        devices.iter().map(|device| describe(&server, &user_id, device)).collect();
    Ok(Json(json!({ "devices": described, "total": described.len() })))
}

/// `GET /_synapse/admin/v2/users/{userId}/devices/{deviceId}`
async fn device(
    State(server): State<Shared>,
    requester: Requester,
    Path((user_id, device_id)): Path<(String, String)>,
) -> ApiResult<Json<Value>> {
    let user_id = target(&server, &requester, &user_id).await?;
    let unknown = || ApiError::not_found("The user has no such device.");
    let device_id = DeviceId::parse(&device_id).map_err(|_| unknown())?;
    let device = server.store.device(&user_id, &device_id).await?.ok_or_else(unknown)?;
    Ok(Json(describe(&server, &user_id, &device)))
}

/// `DELETE /_synapse/admin/v2/users/{userId}/devices/{deviceId}`
async fn delete_device(
    State(server): State<Shared>,
    requester: Requester,
    Path((user_id, device_id)): Path<(String, String)>,
) -> ApiResult<Response> {
    let user_id = target(&server, &requester, &user_id).await?;
    delete(&server, &requester, &user_id, &[device_id]).await
}

#[derive(Deserialize)]
struct DeleteDevices {
    devices: Vec<String>,
}

/// `POST /_synapse/admin/v2/users/{userId}/delete_devices`
async fn delete_devices(
    State(server): State<Shared>,
    requester: Requester,
    Path(user_id): Path<String>,
    Json(request): Json<DeleteDevices>,
) -> ApiResult<Response> {
    let user_id = target(&server, &requester, &user_id).await?;
    delete(&server, &requester, &user_id, &request.devices).await
}

async fn delete(
    server: &Server,
    requester: &Requester,
    user_id: &UserId,
    devices: &[String],
) -> ApiResult<Response> {
    let devices: Vec<DeviceId> =
        devices.iter().filter_map(|device| DeviceId::parse(device).ok()).collect();
    let act = AdminAct::DeleteDevices(Devices::These(devices));
    administer_as(server, requester, Some(user_id), vec![act]).await?;
    Ok(empty_object())
}
