// SPDX-License-Identifier: Apache-2.0
//! `GET /_matrix/client/v3/sync`
//! (<https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3sync>).

mod answer;
mod rooms;
mod seen;

pub(crate) use self::{
    answer::account_data_event,
    rooms::{receipt_event, typing_event},
};

use std::{sync::Arc, time::Duration};

use axum::{Router, extract::State, response::Response, routing::get};
use estafette_core::{filter::Filter, limits::SYNC_TIMEOUT_MS_MAX};
use estafette_store::{AccountDataStore as _, Position};
use http::StatusCode;
use serde::Deserialize;

use self::answer::Answer;
use crate::{
    ApiError, ApiResult, Shared,
    auth::Requester,
    http::{Query, json_response},
    presence,
    sync::{Reader, Token, devices},
};

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/_matrix/client/v3/sync", get(sync))
        .route("/_matrix/client/r0/sync", get(sync))
}

#[derive(Debug, Default, Deserialize)]
struct Parameters {
    filter: Option<String>,
    since: Option<String>,
    #[serde(default)]
    full_state: bool,
    set_presence: Option<String>,
    #[serde(default)]
    timeout: u64,
    use_state_after: Option<bool>,
    /// MSC4222 before it was stable.
    #[serde(rename = "org.matrix.msc4222.use_state_after")]
    use_state_after_unstable: Option<bool>,
}

/// What one request asks for.
pub(super) struct Wish {
    /// Where the device goes on; `None` for an initial sync.
    pub(super) since: Option<Token>,
    pub(super) filter: Arc<Filter>,
    pub(super) full_state: bool,
    /// Under which name state is wanted as of the end of the timelines (MSC4222), if it is.
    pub(super) state_after: Option<&'static str>,
}

impl Wish {
    /// Whether members are loaded lazily.
    pub(super) fn loads_lazily(&self) -> bool {
        self.filter.room.state.lazy_load_members
    }
}

/// Tells a device what happened since its token, waiting for something to happen if need be.
async fn sync(
    State(server): State<Shared>,
    requester: Requester,
    Query(parameters): Query<Parameters>,
) -> ApiResult<Response> {
    let user = server.notifier.user(&server.store, &requester.user_id).await?;
    let since = match parameters.since.as_deref().filter(|since| !since.is_empty()) {
        None => None,
        Some(text) => {
            let token: Token = text
                .parse()
                .map_err(|_| ApiError::invalid_param("`since` is not a sync token."))?;
            // A token from the future is one of a database that was restored: start afresh.
            (token.pos <= server.notifier.head()).then_some(token)
        }
    };
    let filter = load_filter(&server, &requester, parameters.filter.as_deref()).await?;
    let state_after = match (parameters.use_state_after, parameters.use_state_after_unstable) {
        (Some(true), _) => Some("state_after"),
        (_, Some(true)) => Some("org.matrix.msc4222.state_after"),
        _ => None,
    };
    let wish = Wish { since, filter, full_state: parameters.full_state, state_after };
    let (device_id, device_nid) = match &requester.device {
        Some(device) => (Some(device.device_id.clone()), Some(device.nid)),
        None => (None, None),
    };
    let mut reader = Reader { server, user, device_id, device_nid, head: Position(0) };
    if let Some(since) = wish.since {
        devices::acknowledge(&reader, since.td);
    }
    let _running = note_presence(&reader, parameters.set_presence.as_deref()).await?;
    let waiting = Duration::from_millis(parameters.timeout.min(SYNC_TIMEOUT_MS_MAX));
    let answer = wait(&mut reader, &requester, &wish, waiting).await?;
    Ok(json_response(StatusCode::OK, answer.json))
}

/// A sync says that its user is there, as long as what is returned is held, unless it asks for
/// something else.
pub(super) async fn note_presence(
    reader: &Reader,
    presence: Option<&str>,
) -> ApiResult<Option<presence::Running>> {
    let server = &reader.server;
    let presence = presence.unwrap_or("online");
    if !matches!(presence, "online" | "unavailable" | "offline") {
        return Err(ApiError::invalid_param("`set_presence` is none of the known words."));
    }
    if !server.config.presence.enabled || presence == "offline" {
        return Ok(None);
    }
    if server.presence.synced(reader.user_id(), presence, server.now_ms()) {
        server.notifier.wake_sharers(&server.store, reader.user_id()).await?;
    }
    Ok(Some(presence::sync_begins(server, reader.user_id())))
}

/// Answers at once when there is something to tell, else at the next change or the time-out. Ends
/// at once when the session does.
async fn wait(
    reader: &mut Reader,
    requester: &Requester,
    wish: &Wish,
    waiting: Duration,
) -> ApiResult<Answer> {
    let waiting = requester.time_left(&reader.server).map_or(waiting, |left| waiting.min(left));
    let deadline = tokio::time::Instant::now() + waiting;
    let user = Arc::clone(&reader.user);
    let mut stopping = reader.server.stopping();
    loop {
        let woken = user.woken();
        tokio::pin!(woken);
        // From here on no change is missed, whatever is found below.
        woken.as_mut().enable();
        let over = waiting.is_zero()
            || tokio::time::Instant::now() >= deadline
            || *stopping.borrow_and_update();
        if let Some(answer) = answer::build(reader, wish, over).await? {
            return Ok(answer);
        }
        tokio::select! {
            () = woken => {}
            () = tokio::time::sleep_until(deadline) => {}
            _ = stopping.changed() => {}
        }
        // The session may be what ended.
        requester.check_current(&reader.server).await?;
    }
}

/// A filter given inline or by its id.
async fn load_filter(
    server: &Shared,
    requester: &Requester,
    text: Option<&str>,
) -> ApiResult<Arc<Filter>> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(Arc::default()) };
    let wrong = |error| ApiError::invalid_param(format!("The filter is wrong: {error}."));
    if text.starts_with('{') {
        return Filter::parse(text.as_bytes()).map(Arc::new).map_err(wrong);
    }
    let unknown = || ApiError::invalid_param("There is no such filter.");
    let id: u64 = text.parse().map_err(|_| unknown())?;
    if let Some(known) = server.filters.lock().get(&(requester.user_id.clone(), id)) {
        return Ok(Arc::clone(known));
    }
    let json = server.store.filter(&requester.user_id, id).await?.ok_or_else(unknown)?;
    let filter = Arc::new(Filter::parse(json.as_bytes()).map_err(wrong)?);
    let mut filters = server.filters.lock();
    if filters.len() >= estafette_core::limits::FILTERS_IN_MEMORY_MAX {
        filters.clear();
    }
    filters.insert((requester.user_id.clone(), id), Arc::clone(&filter));
    Ok(filter)
}

#[cfg(test)]
mod tests;
