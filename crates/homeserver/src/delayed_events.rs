// SPDX-License-Identifier: Apache-2.0
//! Sending what was asked for earlier (MSC4140).
//!
//! The store says what is due; this task only sleeps until then. An event is sent under a
//! transaction id made of its delay id: whatever happens between sending it and writing down that
//! it was sent, it is in the room once.

use std::{
    collections::HashSet,
    sync::{Arc, Weak},
    time::Duration,
};

use estafette_core::{ids::RoomId, limits::DELAYED_EVENTS_BATCH_MAX};
use estafette_store::{
    DelayedEventStore as _, StoreResult,
    delayed_events::{DelayedEnd, DelayedEvent},
};
use tokio::sync::Notify;

use crate::{ApiError, ApiResult, Server, Shared, client::delayed_events::send};

/// The longest sleep: after it the store is asked again, in case the machine's clock was moved.
const SLEEP_MAX: Duration = Duration::from_secs(60);
/// How long to wait after the store or a room could not take an event.
const RETRY: Duration = Duration::from_secs(1);

/// Wakes the sender when something may be due earlier than it thinks.
#[derive(Debug, Default)]
pub struct DelayedEvents {
    wake: Notify,
    /// Held alone while an event is being sent, so that nobody sends it twice at once; held
    /// together by those who restart or cancel, so that none is told of success for an event that
    /// is on its way into the room.
    sending: tokio::sync::RwLock<()>,
}

impl DelayedEvents {
    /// An event was added or restarted.
    pub(crate) fn wake(&self) {
        self.wake.notify_one();
    }

    /// While this is held no event is being sent.
    pub(crate) async fn hold(&self) -> tokio::sync::RwLockReadGuard<'_, ()> {
        self.sending.read().await
    }
}

/// Sends events for as long as the server lives.
pub(crate) async fn run(server: Weak<Server>) {
    loop {
        let Some(strong) = server.upgrade() else { return };
        let mut stopping = strong.stopping();
        let pause = match send_due(&strong).await {
            Ok(None) => SLEEP_MAX,
            Ok(Some(due_ms)) => {
                let left_ms = due_ms.saturating_sub(strong.now_ms()).max(0).cast_unsigned();
                Duration::from_millis(left_ms).min(SLEEP_MAX)
            }
            Err(error) => {
                tracing::warn!(%error, "delayed events have to wait");
                RETRY
            }
        };
        let delayed = Arc::clone(&strong.delayed_events);
        drop(strong);
        let stopped = async {
            let _ = stopping.wait_for(|stop| *stop).await;
        };
        tokio::select! {
            () = stopped => return,
            () = delayed.wake.notified() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Sends what is due, in order. When the next event is due, in ms since the epoch. A room that can
/// take nothing now holds back its own events alone.
async fn send_due(server: &Shared) -> StoreResult<Option<i64>> {
    loop {
        let now_ms = server.now_ms();
        let (due, next) = server.store.due_delayed_events(now_ms, DELAYED_EVENTS_BATCH_MAX).await?;
        if due.is_empty() {
            return Ok(next);
        }
        let mut stuck: HashSet<RoomId> = HashSet::new();
        for event in due {
            if stuck.contains(&event.room_id) {
                continue;
            }
            if let Err(error) = finish_if_due(server, &event.delay_id).await {
                tracing::debug!(delay_id = event.delay_id, error = error.message(), "not sent");
                if error.status().is_server_error() {
                    stuck.insert(event.room_id);
                }
            }
        }
        if !stuck.is_empty() {
            return Ok(Some(now_ms.saturating_add(RETRY_MS)));
        }
    }
}

/// [`RETRY`] as the clock counts.
const RETRY_MS: i64 = 1_000;

/// Sends an event that waits, and ends it. 404 when it does not wait any more. An event that the
/// room refuses is given up; one that could not be stored stays.
pub(crate) async fn finish(server: &Shared, delay_id: &str) -> ApiResult<()> {
    let _alone = server.delayed_events.sending.write().await;
    let event = server.store.delayed_event(delay_id).await?.ok_or_else(no_such_event)?;
    send_and_end(server, &event).await
}

/// The same for an event that was due a moment ago: whoever restarted it since then is heeded.
async fn finish_if_due(server: &Shared, delay_id: &str) -> ApiResult<()> {
    let _alone = server.delayed_events.sending.write().await;
    match server.store.delayed_event(delay_id).await? {
        Some(event) if event.due_ms() <= server.now_ms() => send_and_end(server, &event).await,
        _ => Ok(()),
    }
}

async fn send_and_end(server: &Shared, event: &DelayedEvent) -> ApiResult<()> {
    let sent = send(server, event).await;
    let end = match &sent {
        Ok(()) => DelayedEnd::Sent,
        Err(error) if error.status().is_server_error() => return sent,
        Err(_) => DelayedEnd::GivenUp,
    };
    server.store.end_delayed_event(&event.delay_id, end).await?;
    sent
}

/// 404 for an event that never was, was sent, or was cancelled.
pub(crate) fn no_such_event() -> ApiError {
    ApiError::not_found("There is no such delayed event.")
}

#[cfg(test)]
mod tests;
