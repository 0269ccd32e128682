// SPDX-License-Identifier: Apache-2.0
//! Client-Server API, "Device Management".

use axum::{
    Router,
    extract::State,
    response::Response,
    routing::{get, post},
};
use estafette_core::{ids::DeviceId, limits::DEVICES_PER_USER_MAX};
use estafette_store::{
    AccountStore as _,
    accounts::{Device, Devices},
};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{login::check_outcome, session::proof_flows, v3};
use crate::{
    ApiError, ApiResult, Server, Shared,
    auth::{
        Requester,
        tokens::check_device_name,
        uia::{self, Purpose, UiaRequest},
    },
    http::{Json, OptionalJson, Path, empty_object, json_response},
    rate_limit::Cost,
};

pub(super) fn routes() -> Router<Shared> {
    let router = v3(Router::new(), "/devices", get(list));
    let router = v3(router, "/devices/{device_id}", get(one).put(update).delete(delete));
    v3(router, "/delete_devices", post(delete_several))
}

/// `GET /_matrix/client/v3/devices`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3devices>
async fn list(State(server): State<Shared>, requester: Requester) -> ApiResult<Json<Value>> {
    let devices = server.store.devices(&requester.user_id).await?;
    let devices: Vec<Value> = devices.iter().map(|device| describe(&server, device)).collect();
    Ok(Json(json!({ "devices": devices })))
}

/// `GET /_matrix/client/v3/devices/{deviceId}`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3devicesdeviceid>
async fn one(
    State(server): State<Shared>,
    requester: Requester,
    Path(device_id): Path<String>,
) -> ApiResult<Json<Value>> {
    let device_id = DeviceId::parse(&device_id).map_err(|_| unknown())?;
    let device = server.store.device(&requester.user_id, &device_id).await?;
    Ok(Json(describe(&server, &device.ok_or_else(unknown)?)))
}

fn unknown() -> ApiError {
    ApiError::not_found("You have no such device.")
}

/// A device as its owner sees it (`definitions/client_device.yaml`).
fn describe(server: &Server, device: &Device) -> Value {
    let mut body = json!({ "device_id": device.device_id });
    let Some(members) = body.as_object_mut() else { return body };
    if let Some(name) = &device.display_name {
        members.insert("display_name".into(), json!(name));
    }
    let waiting = server.auth.device_uses.waiting(device.nid);
    if let Some(seen) = waiting.as_ref().or(device.seen.as_ref()) {
        members.insert("last_seen_ts".into(), json!(seen.at_ms));
        members.insert("last_seen_ip".into(), json!(seen.ip));
    }
    body
}

#[derive(Deserialize)]
struct Update {
    display_name: Option<String>,
}

/// `PUT /_matrix/client/v3/devices/{deviceId}`: also makes a device, for application services.
///
/// <https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3devicesdeviceid>
async fn update(
    State(server): State<Shared>,
    requester: Requester,
    Path(device_id): Path<String>,
    Json(update): Json<Update>,
) -> ApiResult<Response> {
    let (user_id, name) = (&requester.user_id, update.display_name.as_deref());
    check_device_name(name)?;
    requester.check_rate(&server.rate_limiter, Cost::Write, server.now_ms())?;
    let device_id = DeviceId::parse(&device_id)
        .map_err(|error| ApiError::invalid_param(format!("The device id is wrong: {error}.")))?;
    let known = server.store.device(user_id, &device_id).await?.is_some();
    if !known && requester.appservice.is_some() {
        check_outcome(server.store.put_device(user_id, &device_id, name, server.now_ms()).await?)?;
        return Ok(json_response(StatusCode::CREATED, "{}"));
    }
    let found = match name {
        Some(name) => server.store.rename_device(user_id, &device_id, name).await?,
        None => known,
    };
    if found { Ok(empty_object()) } else { Err(unknown()) }
}

/// `DELETE /_matrix/client/v3/devices/{deviceId}`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#delete_matrixclientv3devicesdeviceid>
async fn delete(
    State(server): State<Shared>,
    requester: Requester,
    Path(device_id): Path<String>,
    uri: http::Uri,
    OptionalJson(body): OptionalJson<Map<String, Value>>,
) -> ApiResult<Response> {
    let ids: Vec<DeviceId> = DeviceId::parse(&device_id).into_iter().collect();
    confirm(&server, &requester, ("DELETE", uri.path()), &body, &ids).await?;
    server.store.delete_devices(&requester.user_id, Devices::These(ids)).await?;
    Ok(empty_object())
}

#[derive(Deserialize)]
struct DeleteSeveral {
    devices: Vec<String>,
}

/// `POST /_matrix/client/v3/delete_devices`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3delete_devices>
async fn delete_several(
    State(server): State<Shared>,
    requester: Requester,
    uri: http::Uri,
    Json(body): Json<Map<String, Value>>,
) -> ApiResult<Response> {
    let request = DeleteSeveral::deserialize(&body)
        .map_err(|error| ApiError::bad_json(format!("The body has the wrong shape: {error}.")))?;
    let count = u64::try_from(request.devices.len()).unwrap_or(u64::MAX);
    if count > DEVICES_PER_USER_MAX {
        return Err(ApiError::invalid_param("`devices` names more devices than one may have."));
    }
    // An id that cannot be one is that of no device: already deleted, so to speak.
    let ids: Vec<_> = request.devices.iter().filter_map(|id| DeviceId::parse(id).ok()).collect();
    confirm(&server, &requester, ("POST", uri.path()), &body, &ids).await?;
    server.store.delete_devices(&requester.user_id, Devices::These(ids)).await?;
    Ok(empty_object())
}

/// User-interactive authentication, which application services need not do.
async fn confirm(
    server: &Server,
    requester: &Requester,
    (method, path): (&'static str, &str),
    body: &Map<String, Value>,
    devices: &[DeviceId],
) -> ApiResult<()> {
    if requester.appservice.is_some() {
        return Ok(());
    }
    let user_id = &requester.user_id;
    let flows = proof_flows(server, requester).await?;
    let request = UiaRequest {
        user_id: Some(user_id),
        who: &requester.session(),
        method,
        path,
        body,
        device_id: requester.device_id(),
        purpose: Some(&Purpose::end_devices(devices)),
    };
    uia::authenticate(server, request, flows).await?;
    Ok(())
}

#[cfg(test)]
mod tests;
