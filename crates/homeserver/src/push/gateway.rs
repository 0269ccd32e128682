// SPDX-License-Identifier: Apache-2.0
//! Push Gateway API, `POST /_matrix/push/v1/notify`.
//!
//! `content` is never sent, whatever the pusher's format: the specification leaves that to the
//! server, and the State wants no content in pushes.

use std::sync::Arc;

use estafette_core::{
    event::Event,
    ids::{EventId, RoomId},
};
use estafette_store::{Position, RoomStore as _, StoreResult, push::Pusher, rooms::StoredEvent};
use http::Method;
use serde_json::{Map, Value, json};

use super::lane::{Item, Next};
use crate::{
    Shared,
    outbound::{OutboundError, OutboundRequest},
};

/// What a gateway said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// It took the notification.
    Accepted,
    /// It does not know the pushkey (any more).
    Rejected,
    /// Anything else: to be tried again.
    Failed,
}

/// Sends one notification.
pub(super) async fn notify(server: &Shared, pusher: &Pusher, next: &Next) -> Answer {
    let mut data: Map<String, Value> = serde_json::from_str(&pusher.data).unwrap_or_default();
    let Some(Value::String(url)) = data.remove("url") else { return Answer::Rejected };
    let body = body(server, pusher, data, next).await.to_string();
    let request = OutboundRequest::json(Method::POST, url, body);
    match server.outbound.send(request).await {
        Ok(answer) => {
            let told: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
            let rejected = told.get("rejected").and_then(Value::as_array);
            // Only the key that was asked about: a gateway has no say about others.
            let ours = |key: &Value| key.as_str() == Some(pusher.pushkey.as_str());
            if rejected.is_some_and(|keys| keys.iter().any(ours)) {
                Answer::Rejected
            } else if answer.status.is_success() {
                Answer::Accepted
            } else {
                tracing::debug!(status = %answer.status, "a push gateway refused a notification");
                Answer::Failed
            }
        }
        Err(error) => {
            if matches!(error, OutboundError::RefusedAddress) {
                tracing::info!(user = %pusher.user_id, "a push gateway is at a refused address");
            }
            tracing::debug!(%error, "a push gateway cannot be reached");
            Answer::Failed
        }
    }
}

async fn body(server: &Shared, pusher: &Pusher, data: Map<String, Value>, next: &Next) -> Value {
    let id_only = data.get("format").and_then(Value::as_str) == Some("event_id_only");
    let without_badge = data
        .get("org.matrix.msc4076.disable_badge_count")
        .or_else(|| data.get("disable_badge_count"))
        .and_then(Value::as_bool)
        == Some(true);
    let mut device = json!({
        "app_id": pusher.app_id,
        "pushkey": pusher.pushkey,
        "pushkey_ts": pusher.set_ms / 1000,
        "data": data,
    });
    let mut notification = Map::new();
    let badge = match next {
        Next::Badge(badge) => *badge,
        Next::Event(item) => {
            let tweaks: Value = serde_json::from_str(&item.tweaks).unwrap_or_default();
            if let (Some(device), true) = (device.as_object_mut(), tweaks.is_object()) {
                device.insert("tweaks".to_owned(), tweaks);
            }
            let prio = if item.urgent { "high" } else { "low" };
            notification.insert("event_id".to_owned(), json!(item.event_id));
            notification.insert("room_id".to_owned(), json!(item.room_id));
            notification.insert("prio".to_owned(), json!(prio));
            if !id_only {
                describe(server, pusher, item, &mut notification).await;
            }
            item.badge
        }
    };
    if !without_badge {
        // A zero is said aloud: gateways read its absence as "unknown", and the badge would stay.
        notification.insert("counts".to_owned(), json!({ "unread": badge }));
    }
    notification.insert("devices".to_owned(), json!([device]));
    json!({ "notification": notification })
}

/// Adds what the full format tells of an event besides its content.
async fn describe(server: &Shared, pusher: &Pusher, item: &Item, into: &mut Map<String, Value>) {
    let event_id: &EventId = &item.event_id;
    let Ok(Some((room_id, stored))) = server.store.event(event_id).await else { return };
    let event = &stored.event;
    into.insert("type".to_owned(), json!(event.kind()));
    into.insert("sender".to_owned(), json!(event.sender()));
    let target =
        event.kind() == "m.room.member" && event.state_key() == Some(pusher.user_id.as_str());
    if target {
        into.insert("user_is_target".to_owned(), json!(true));
    }
    let Ok(then) = names_at(server, &room_id, &stored).await else { return };
    let text = |kind: &str, key: &str, member: &str| {
        let event =
            then.iter().find(|event| event.kind() == kind && event.state_key() == Some(key));
        event.and_then(|event| event.content().get(member)?.as_str()).map(str::to_owned)
    };
    let texts = [
        ("sender_display_name", text("m.room.member", event.sender().as_str(), "displayname")),
        ("room_name", text("m.room.name", "", "name")),
        ("room_alias", text("m.room.canonical_alias", "", "alias")),
    ];
    for (key, text) in texts {
        if let Some(text) = text {
            into.insert(key.to_owned(), json!(text));
        }
    }
}

/// What the room and the sender of an event were called when it happened: a notification that
/// comes late must not tell what they are called since.
pub(super) async fn names_at(
    server: &Shared,
    room_id: &RoomId,
    stored: &StoredEvent,
) -> StoreResult<Vec<Arc<Event>>> {
    let keys = [
        ("m.room.member", stored.event.sender().as_str()),
        ("m.room.name", ""),
        ("m.room.canonical_alias", ""),
    ];
    let Some(room) = server.rooms.get(&server.store, room_id).await? else { return Ok(vec![]) };
    let snapshot = room.snapshot();
    let is_name =
        |event: &Event| event.state_key().is_some_and(|key| keys.contains(&(event.kind(), key)));
    let newer = snapshot.recent.after(stored.pos, Position(u64::MAX));
    if newer.is_some_and(|newer| !newer.iter().any(|event| is_name(&event.event))) {
        let now = keys.iter().filter_map(|(kind, key)| snapshot.view.state_event(kind, key));
        return Ok(now.cloned().collect());
    }
    let keys = keys.map(|(kind, key)| (kind.to_owned(), Some(key.to_owned())));
    server.store.state_at(room_id, stored.pos, Some(&keys)).await
}
