// SPDX-License-Identifier: Apache-2.0
//! Dehydrated devices (MSC3814), under the unstable prefix: a device that collects room keys while
//! its user has no session.

use axum::{
    Router,
    extract::State,
    response::Response,
    routing::{get, put},
};
use estafette_core::{
    ids::DeviceId,
    json::{Object, Value},
    limits::{DEHYDRATED_DEVICE_BYTES_MAX, ID_BYTES_MAX, SYNC_TO_DEVICE_MAX},
};
use estafette_store::{
    DehydratedDeviceStore as _, Position, ToDeviceStore as _,
    dehydrated_device::{DehydratedDeviceOutcome, DehydratedDeviceUpload},
};
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;

use super::{
    content::{Content, text},
    keys::{check_upload, too_many_keys},
};
use crate::{
    ApiError, ApiResult, Shared,
    auth::Requester,
    http::{Json, OptionalJson, Path, Query, json_response},
    rate_limit::Cost,
    sync::writer::{ObjectWriter, array},
};

pub(super) fn routes() -> Router<Shared> {
    let prefix = "/_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device";
    Router::new()
        .route(prefix, put(store).get(current).delete(delete))
        .route(&format!("{prefix}/{{device_id}}/events"), get(events).post(events_post))
}

/// `PUT /_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device`
///
/// Stores the device with all its keys at once, in place of the one before (MSC3814, "Dehydrating a
/// device").
async fn store(
    State(server): State<Shared>,
    requester: Requester,
    Content(body): Content,
) -> ApiResult<Json<serde_json::Value>> {
    requester.check_rate(&server.rate_limiter, Cost::Write, server.now_ms())?;
    let device_id = text(&body, "device_id")?;
    let device_id = device_id.ok_or_else(|| ApiError::missing_param("`device_id` is missing."))?;
    let device_id = DeviceId::parse(device_id)
        .map_err(|error| ApiError::invalid_param(format!("`device_id` is wrong: {error}.")))?;
    let display_name = text(&body, "initial_device_display_name")?;
    if display_name.is_some_and(|name| name.len() > ID_BYTES_MAX) {
        return Err(ApiError::invalid_param("`initial_device_display_name` is too long."));
    }
    let device_data = device_data(&body)?;
    if !body.contains_key("device_keys") {
        return Err(ApiError::missing_param("`device_keys` is missing."));
    }
    let keys = check_upload(&server, &requester.user_id, &device_id, &body).await?;
    let display_name = display_name.map(str::to_owned);
    let answer = json!({ "device_id": device_id });
    let upload = DehydratedDeviceUpload { device_id, display_name, device_data, keys };
    let user_id = &requester.user_id;
    match server.store.put_dehydrated_device(user_id, upload, server.now_ms()).await? {
        DehydratedDeviceOutcome::Stored => Ok(Json(answer)),
        DehydratedDeviceOutcome::IsOrdinaryDevice => {
            Err(ApiError::invalid_param("One of your devices in use has that id."))
        }
        DehydratedDeviceOutcome::TooManyKeys(algorithm) => Err(too_many_keys(&algorithm)),
    }
}

fn device_data(body: &Object) -> ApiResult<String> {
    let Some(data) = body.get("device_data") else {
        return Err(ApiError::missing_param("`device_data` is missing."));
    };
    let algorithm = data.as_object().and_then(|data| data.get("algorithm"));
    if algorithm.and_then(Value::as_str).is_none() {
        return Err(ApiError::bad_json("`device_data` is not an object with an `algorithm`."));
    }
    let json = data.to_canonical();
    if json.len() > DEHYDRATED_DEVICE_BYTES_MAX {
        return Err(ApiError::too_large("`device_data` is too large."));
    }
    Ok(json)
}

fn no_device() -> ApiError {
    ApiError::not_found("There is no dehydrated device.")
}

/// `GET /_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device` (MSC3814, "Rehydrating a
/// device").
async fn current(State(server): State<Shared>, requester: Requester) -> ApiResult<Response> {
    let device = server.store.dehydrated_device(&requester.user_id).await?.ok_or_else(no_device)?;
    let mut json = String::new();
    let mut answer = ObjectWriter::open(&mut json);
    answer.raw("device_data", &device.device_data);
    answer.text("device_id", device.device_id.as_str());
    answer.close();
    Ok(json_response(StatusCode::OK, json))
}

/// `DELETE /_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device` (MSC3814, "Deleting a
/// dehydrated device").
async fn delete(
    State(server): State<Shared>,
    requester: Requester,
) -> ApiResult<Json<serde_json::Value>> {
    requester.check_rate(&server.rate_limiter, Cost::Write, server.now_ms())?;
    let device_id = server.store.delete_dehydrated_device(&requester.user_id).await?;
    Ok(Json(json!({ "device_id": device_id.ok_or_else(no_device)? })))
}

#[derive(Debug, Deserialize)]
struct EventsQuery {
    from: Option<String>,
}

/// `GET …/dehydrated_device/{device_id}/events`: pages by `from`, and without `next_batch` in the
/// last one, as the specification does elsewhere.
async fn events(
    State(server): State<Shared>,
    requester: Requester,
    Path(device_id): Path<String>,
    Query(query): Query<EventsQuery>,
) -> ApiResult<Response> {
    page(&server, &requester, &device_id, query.from.as_deref(), false).await
}

#[derive(Debug, Deserialize)]
struct EventsBody {
    next_batch: Option<String>,
}

/// `POST …/dehydrated_device/{device_id}/events`: the form that clients of today use, with a
/// `next_batch` in every page; an empty page is the last.
async fn events_post(
    State(server): State<Shared>,
    requester: Requester,
    Path(device_id): Path<String>,
    OptionalJson(body): OptionalJson<EventsBody>,
) -> ApiResult<Response> {
    page(&server, &requester, &device_id, body.next_batch.as_deref(), true).await
}

/// One page of messages. Nothing is deleted: if the device that reads them is lost, another one can
/// start again.
async fn page(
    server: &Shared,
    requester: &Requester,
    device_id: &str,
    from: Option<&str>,
    always_next: bool,
) -> ApiResult<Response> {
    let device = server.store.dehydrated_device(&requester.user_id).await?;
    let Some(device) = device.filter(|device| device.device_id.as_str() == device_id) else {
        return Err(ApiError::forbidden("This is not the dehydrated device."));
    };
    let wrong = |_| ApiError::invalid_param("This is no token of a page.");
    let from = from.filter(|from| !from.is_empty());
    let from = from.map_or(Ok(Position(0)), str::parse).map_err(wrong)?;
    let (user_id, limit) = (&requester.user_id, SYNC_TO_DEVICE_MAX);
    let messages = server.store.to_device_after(user_id, &device.device_id, from, limit).await?;
    let next = messages.last().map_or(from, |(pos, _)| *pos);
    let mut json = String::new();
    let mut answer = ObjectWriter::open(&mut json);
    if always_next || messages.len() == limit {
        answer.text("next_batch", &next.to_string());
    }
    array(answer.key("events"), messages.iter().map(|(_, json)| json));
    answer.close();
    Ok(json_response(StatusCode::OK, json))
}

#[cfg(test)]
mod tests;
