// SPDX-License-Identifier: Apache-2.0
//! Events that are sent later, unless somebody thinks better of it (MSC4140).
//!
//! `PUT …/send` and `PUT …/state` take `org.matrix.msc4140.delay`. Whoever knows the id of a
//! delayed event manages it, without an access token: a call's server does so for the caller.

use axum::{Router, extract::State, response::Response, routing::get, routing::post};
use estafette_core::{ids::RoomId, json::Object, limits::DELAYED_EVENTS_PER_USER_MAX};
use estafette_store::{
    AccountStore as _, DelayedEventStore as _,
    delayed_events::{DelayedEnd, DelayedEvent, PutOutcome},
    rooms::Txn,
};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};
use sha2::{Digest as _, Sha256};

use super::{
    content::object, room_access::joined_room, send::message_request, state::state_request,
};
use crate::{
    ApiError, ApiResult, Shared,
    auth::Requester,
    clock::random_letters,
    delayed_events::{finish, no_such_event},
    http::{Json, Path, RemoteAddress, empty_object},
    rate_limit::Cost,
    room_worker::submit_to,
};

const BASE: &str = "/_matrix/client/unstable/org.matrix.msc4140/delayed_events";

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route(BASE, get(list))
        .route(&format!("{BASE}/{{delay_id}}"), get(one).post(act_by_body))
        .route(&format!("{BASE}/{{delay_id}}/{{action}}"), post(act_by_path))
}

/// What a request wants to be sent later.
pub(super) struct Delayed {
    pub(super) delay_ms: i64,
    pub(super) txn: Option<Txn>,
    pub(super) room_id: RoomId,
    pub(super) kind: String,
    pub(super) state_key: Option<String>,
    pub(super) content: String,
    pub(super) origin_server_ts: Option<i64>,
}

/// Keeps an event until it is due. Whether it is allowed is decided then; only whoever is in the
/// room may ask.
pub(super) async fn keep(
    server: &Shared,
    requester: &Requester,
    delayed: Delayed,
) -> ApiResult<Json<Value>> {
    let max_s = i64::try_from(server.config.delayed_events.delay_max_s).unwrap_or(i64::MAX);
    if max_s == 0 {
        return Err(ApiError::forbidden("This server sends no delayed events."));
    }
    if delayed.delay_ms < 0 {
        return Err(ApiError::invalid_param("The delay is below 0."));
    }
    if delayed.delay_ms > max_s.saturating_mul(1000) {
        let message = format!("The delay may be {max_s} s at most.");
        return Err(ApiError::new(
            StatusCode::BAD_REQUEST,
            "ORG.MATRIX.MSC4140_DELAY_TOO_LARGE",
            message,
        ));
    }
    joined_room(server, &requester.user_id, &delayed.room_id).await?;
    let event = DelayedEvent {
        delay_id: random_letters(&*server.random, ID_LETTERS, ID_LEN),
        user_id: requester.user_id.clone(),
        device_nid: requester.device.as_ref().map(|device| device.nid),
        txn: delayed.txn,
        room_id: delayed.room_id,
        kind: delayed.kind,
        state_key: delayed.state_key,
        content: delayed.content,
        origin_server_ts: delayed.origin_server_ts,
        delay_ms: delayed.delay_ms,
        since_ms: server.now_ms(),
    };
    let delay_id = event.delay_id.clone();
    match server.store.put_delayed_event(event, DELAYED_EVENTS_PER_USER_MAX).await? {
        PutOutcome::Kept => {
            server.delayed_events.wake();
            Ok(Json(json!({ "delay_id": delay_id })))
        }
        PutOutcome::Repeated(delay_id) => Ok(Json(json!({ "delay_id": delay_id }))),
        // When one of those that wait is due, there is room again; a minute is soon enough.
        PutOutcome::TooMany => Err(ApiError::limit_exceeded(60_000)),
    }
}

/// Nobody may guess the id of a delayed event: 24 of 52 letters are 136 bits.
const ID_LEN: usize = 24;
const ID_LETTERS: &[u8] = super::create_room::LETTERS;

/// Sends a delayed event into its room, once however often this is called.
pub(crate) async fn send(server: &Shared, event: &DelayedEvent) -> ApiResult<()> {
    let account = server.store.account(&event.user_id).await?.ok_or_else(no_such_event)?;
    let requester = Requester::of_account(server, &account)?;
    if event.kind != "m.room.member" {
        requester.check_not_suspended()?;
    }
    let content: Object = object(event.content.as_bytes())?;
    let room = joined_room(server, &event.user_id, &event.room_id).await?;
    let mut request = match &event.state_key {
        Some(state_key) => {
            let key = (event.kind.clone(), state_key.clone());
            state_request(server, &requester, &room, key, content).await?
        }
        None => message_request(server, &requester, &room, event.kind.clone(), content).await?,
    };
    request.txn = Some(transaction(&event.delay_id));
    request.origin_server_ts = event.origin_server_ts;
    submit_to(server, &room, request).await?;
    Ok(())
}

/// No device has the number 0, so no request of a client can repeat this transaction.
fn transaction(delay_id: &str) -> Txn {
    let hash: [u8; 32] = Sha256::digest(b"delayed").into();
    let path = hash.first_chunk().map_or(0, |bytes| i64::from_le_bytes(*bytes));
    Txn { device_nid: 0, path, txn_id: delay_id.into() }
}

/// `GET …/delayed_events`: one's own events that wait.
async fn list(State(server): State<Shared>, requester: Requester) -> ApiResult<Json<Value>> {
    let events = server.store.delayed_events(&requester.user_id).await?;
    let events: ApiResult<Vec<Value>> = events.iter().map(describe).collect();
    Ok(Json(json!({ "delayed_events": events? })))
}

/// `GET …/delayed_events/{delay_id}`
async fn one(
    State(server): State<Shared>,
    requester: Requester,
    Path(delay_id): Path<String>,
) -> ApiResult<Json<Value>> {
    let event = server.store.delayed_event(&delay_id).await?;
    let own = event.filter(|event| event.user_id == requester.user_id);
    describe(&own.ok_or_else(no_such_event)?).map(Json)
}

/// The names of today's draft, and those of the one before it that clients still read.
fn describe(event: &DelayedEvent) -> ApiResult<Value> {
    let content: Box<RawValue> =
        serde_json::from_str(&event.content).map_err(ApiError::internal)?;
    let mut described = json!({
        "delay_id": event.delay_id,
        "room_id": event.room_id,
        "type": event.kind,
        "content": content,
        "delay_ms": event.delay_ms,
        "delay": event.delay_ms,
        "delayed_since_ts": event.since_ms,
        "running_since": event.since_ms,
    });
    if let (Some(state_key), Some(members)) = (&event.state_key, described.as_object_mut()) {
        members.insert("state_key".into(), state_key.as_str().into());
    }
    Ok(described)
}

#[derive(Debug, Deserialize)]
struct Body {
    action: Option<String>,
}

/// `POST …/delayed_events/{delay_id}` with the action in the body, as clients did at first.
async fn act_by_body(
    State(server): State<Shared>,
    RemoteAddress(address): RemoteAddress,
    Path(delay_id): Path<String>,
    Json(body): Json<Body>,
) -> ApiResult<Response> {
    let action = body.action.ok_or_else(|| ApiError::missing_param("`action` is missing."))?;
    let action = Action::parse(&action)
        .ok_or_else(|| ApiError::invalid_param("`action` is `cancel`, `restart` or `send`."))?;
    act(&server, &address.to_string(), &delay_id, action).await
}

/// `POST …/delayed_events/{delay_id}/{cancel,restart,send}`
async fn act_by_path(
    State(server): State<Shared>,
    RemoteAddress(address): RemoteAddress,
    Path((delay_id, action)): Path<(String, String)>,
) -> ApiResult<Response> {
    let action = Action::parse(&action).ok_or_else(ApiError::unrecognized)?;
    act(&server, &address.to_string(), &delay_id, action).await
}

#[derive(Debug, Clone, Copy)]
enum Action {
    Cancel,
    Restart,
    Send,
}

impl Action {
    fn parse(word: &str) -> Option<Self> {
        match word {
            "cancel" => Some(Self::Cancel),
            "restart" => Some(Self::Restart),
            "send" => Some(Self::Send),
            _ => None,
        }
    }
}

/// The limit is by the event's user and apart from others: a call restarts its event every few
/// seconds, whatever else its user does (pitfall 62). It is not by address, for the calls of many
/// come from one: that of their office, or of the calls' server. Who knows no id is held back by
/// address.
async fn act(
    server: &Shared,
    address: &str,
    delay_id: &str,
    action: Action,
) -> ApiResult<Response> {
    let waiting = server.store.delayed_event(delay_id).await?;
    let who = match &waiting {
        Some(event) => format!("delayed events of {}", event.user_id),
        None => format!("delayed events from {address}"),
    };
    server.rate_limiter.check(Cost::Write, &who, server.now_ms())?;
    let found = match action {
        Action::Send => {
            finish(server, delay_id).await?;
            true
        }
        Action::Cancel => {
            let _not_being_sent = server.delayed_events.hold().await;
            server.store.end_delayed_event(delay_id, DelayedEnd::GivenUp).await?
        }
        Action::Restart => {
            let _not_being_sent = server.delayed_events.hold().await;
            let found = server.store.restart_delayed_event(delay_id, server.now_ms()).await?;
            server.delayed_events.wake();
            found
        }
    };
    if found { Ok(empty_object()) } else { Err(no_such_event()) }
}

#[cfg(test)]
mod tests;
