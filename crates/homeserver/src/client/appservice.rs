// SPDX-License-Identifier: Apache-2.0
//! What application services ask of the server besides what clients do (Application Service API,
//! "Client-Server API Extensions").

use std::{sync::Arc, time::Instant};

use axum::{
    Router,
    extract::State,
    response::Response,
    routing::{post, put},
};
use estafette_core::{ids::RoomId, limits::APPSERVICE_QUERY_TIMEOUT_S};
use estafette_store::RoomStore as _;
use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{directory::check_may_be_published, v3};
use crate::{
    ApiError, ApiResult, Shared,
    appservice::{
        Registration,
        request::{AppserviceError, send},
    },
    auth::{OptionalAppservice, Requester},
    http::{Json, OptionalJson, Path, empty_object},
    outbound::OutboundError,
    rate_limit::Cost,
};

pub(super) fn routes() -> Router<Shared> {
    let path = "/directory/list/appservice/{network_id}/{room_id}";
    v3(Router::new(), path, put(list_room).delete(take_off_list))
        .route("/_matrix/client/v1/appservice/{appservice_id}/ping", post(ping))
        .route(
            "/_matrix/client/unstable/fi.mau.msc2659/appservice/{appservice_id}/ping",
            post(ping),
        )
}

/// 403 for whoever is no application service.
fn asking(appservice: Option<Arc<Registration>>) -> ApiResult<Arc<Registration>> {
    appservice.ok_or_else(|| ApiError::forbidden("Only application services may do this."))
}

#[derive(Debug, Default, Deserialize)]
struct PingBody {
    transaction_id: Option<String>,
}

/// `POST /_matrix/client/v1/appservice/{appserviceId}/ping`
///
/// <https://spec.matrix.org/v1.19/application-service-api/#post_matrixclientv1appserviceappserviceidping>
async fn ping(
    State(server): State<Shared>,
    OptionalAppservice(appservice): OptionalAppservice,
    requester: Requester,
    Path(id): Path<String>,
    OptionalJson(body): OptionalJson<PingBody>,
) -> ApiResult<Json<Value>> {
    let appservice = asking(appservice)?;
    if appservice.id != id {
        return Err(ApiError::forbidden("The token is not that of this application service."));
    }
    requester.check_rate(&server.rate_limiter, Cost::Write, server.now_ms())?;
    let told = body.transaction_id.map_or_else(|| json!({}), |id| json!({ "transaction_id": id }));
    let asked = (Method::POST, "/_matrix/app/v1/ping");
    let begun = Instant::now();
    let answer =
        send(&server, &appservice, asked, told.to_string(), APPSERVICE_QUERY_TIMEOUT_S).await;
    let answer = answer.map_err(|error| not_reached(&error))?;
    if !answer.status.is_success() {
        let message = format!("The application service answered {}.", answer.status.as_u16());
        return Err(ApiError::new(StatusCode::BAD_GATEWAY, "M_BAD_STATUS", message)
            .with("status", answer.status.as_u16())
            .with("body", String::from_utf8_lossy(&answer.body).into_owned()));
    }
    let duration_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(Json(json!({ "duration_ms": duration_ms })))
}

fn not_reached(error: &AppserviceError) -> ApiError {
    let (status, errcode, message) = match error {
        AppserviceError::NoUrl => (
            StatusCode::BAD_REQUEST,
            "M_URL_NOT_SET",
            "The application service's registration has no URL.",
        ),
        AppserviceError::Outbound(OutboundError::TimedOut) => (
            StatusCode::GATEWAY_TIMEOUT,
            "M_CONNECTION_TIMEOUT",
            "The application service took too long.",
        ),
        AppserviceError::Outbound(_) => (
            StatusCode::BAD_GATEWAY,
            "M_CONNECTION_FAILED",
            "The application service cannot be reached.",
        ),
    };
    ApiError::new(status, errcode, message)
}

#[derive(Debug, Deserialize)]
struct VisibilityBody {
    visibility: String,
}

/// `PUT /_matrix/client/v3/directory/list/appservice/{networkId}/{roomId}`
///
/// <https://spec.matrix.org/v1.19/application-service-api/#put_matrixclientv3directorylistappservicenetworkidroomid>
async fn list_room(
    State(server): State<Shared>,
    OptionalAppservice(appservice): OptionalAppservice,
    requester: Requester,
    Path((network_id, room_id)): Path<(String, RoomId)>,
    Json(body): Json<VisibilityBody>,
) -> ApiResult<Response> {
    let public = match body.visibility.as_str() {
        "public" => true,
        "private" => false,
        _ => return Err(ApiError::invalid_param("`visibility` is `public` or `private`.")),
    };
    set_listed(&server, (appservice, &requester), (&network_id, &room_id), public).await
}

/// `DELETE` of the same, which bridges use though the specification does not have it: as `private`.
async fn take_off_list(
    State(server): State<Shared>,
    OptionalAppservice(appservice): OptionalAppservice,
    requester: Requester,
    Path((network_id, room_id)): Path<(String, RoomId)>,
) -> ApiResult<Response> {
    set_listed(&server, (appservice, &requester), (&network_id, &room_id), false).await
}

async fn set_listed(
    server: &Shared,
    (appservice, requester): (Option<Arc<Registration>>, &Requester),
    (network_id, room_id): (&str, &RoomId),
    public: bool,
) -> ApiResult<Response> {
    let appservice = asking(appservice)?;
    requester.check_rate(&server.rate_limiter, Cost::Write, server.now_ms())?;
    let room = server.rooms.get(&server.store, room_id).await?;
    let room = room.ok_or_else(|| ApiError::not_found("There is no such room here."))?;
    if public {
        check_may_be_published(server, &room.snapshot().view)?;
    }
    server.store.list_in_network((&appservice.id, network_id), room_id, public).await?;
    Ok(empty_object())
}

#[cfg(test)]
mod tests;
