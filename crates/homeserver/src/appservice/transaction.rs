// SPDX-License-Identifier: Apache-2.0
//! What one transaction to an application service holds.

use std::collections::BTreeMap;

use estafette_core::{
    ids::RoomId,
    json::write_json_string,
    limits::{APPSERVICE_TXN_EPHEMERAL_MAX, APPSERVICE_TXN_EVENTS_MAX, LOG_BATCH_MAX},
};
use estafette_store::{
    Position, RoomStore as _, StoreResult,
    rooms::{Direction, Receipt, StoredEvent, TimelineRange},
};
use serde_json::{Map, Value, json};

use super::{Registration, interest::Interest};
use crate::{
    Shared,
    render::{self, Unsigned},
    rooms::TimelineEvent,
};

/// A stretch of the log as one application service is told of it.
#[derive(Debug)]
pub(super) struct Stretch {
    /// Everything up to here was looked at.
    pub(super) upto: Position,
    /// The events that concern it, in the client's form.
    pub(super) events: Vec<String>,
}

/// Looks at the log after `after`: at most one transaction's worth.
pub(super) async fn stretch(
    server: &Shared,
    interest: &mut Interest,
    after: Position,
) -> StoreResult<Stretch> {
    let mut stretch = Stretch { upto: after, events: Vec::new() };
    let head = server.notifier.head();
    while stretch.upto < head && stretch.events.len() < APPSERVICE_TXN_EVENTS_MAX {
        let range = TimelineRange {
            after: stretch.upto,
            upto: head,
            direction: Direction::Forward,
            limit: LOG_BATCH_MAX,
        };
        let batch = server.store.events_between(range).await?;
        let complete = batch.len() < LOG_BATCH_MAX;
        for (_, stored) in batch {
            let pos = stored.pos;
            if interest.in_event(server, &stored).await? {
                stretch.events.push(rendered(stored, server.now_ms()));
            }
            stretch.upto = pos;
            if stretch.events.len() == APPSERVICE_TXN_EVENTS_MAX {
                return Ok(stretch);
            }
        }
        if complete {
            stretch.upto = head;
        }
    }
    Ok(stretch)
}

fn rendered(stored: StoredEvent, now_ms: i64) -> String {
    let age_ms = now_ms.saturating_sub(stored.event.origin_server_ts());
    let event = TimelineEvent::from_stored(stored);
    let mut out = String::new();
    let unsigned = Unsigned { age_ms: Some(age_ms), ..Unsigned::default() };
    render::timeline_event(&mut out, &event, unsigned);
    out
}

/// The body of a transaction. Events are JSON already.
pub(super) fn body(events: &[String], ephemeral: &[Value]) -> String {
    let mut out = String::from("{\"events\":[");
    out.push_str(&events.join(","));
    out.push(']');
    if !ephemeral.is_empty() {
        // The name before v1.13 beside the stable one: bridges of that time look only there.
        for key in ["ephemeral", "de.sorunome.msc2409.ephemeral"] {
            out.push(',');
            write_json_string(&mut out, key);
            out.push(':');
            out.push_str(&Value::from(ephemeral.to_vec()).to_string());
        }
    }
    out.push('}');
    out
}

/// How far typing, receipts and presence were told. Not durable: nobody needs what is over.
#[derive(Debug)]
pub(super) struct EphemeralCursor {
    typing: u64,
    presence: u64,
    receipts: Position,
}

impl EphemeralCursor {
    /// From now on.
    pub(super) fn now(server: &Shared) -> Self {
        Self {
            typing: server.typing.version(),
            presence: server.presence.version(),
            receipts: server.notifier.head(),
        }
    }

    /// What happened since the last time (Application Service API, "Pushing ephemeral data").
    pub(super) async fn advance(
        &mut self,
        server: &Shared,
        appservice: &Registration,
        interest: &mut Interest,
        read: Vec<RoomId>,
    ) -> StoreResult<Vec<Value>> {
        let mut found = Vec::new();
        let typing = server.typing.version();
        for room_id in server.typing.changed_since(self.typing) {
            if interest.in_room(server, &room_id).await? {
                let (_, users) = server.typing.in_room(&room_id);
                let content = json!({ "user_ids": users });
                found.push(json!({ "type": "m.typing", "room_id": room_id, "content": content }));
            }
        }
        self.typing = typing;
        let head = server.notifier.head();
        for room_id in read {
            if interest.in_room(server, &room_id).await? {
                let receipts = server.store.receipts(&room_id, self.receipts).await?;
                found.extend(receipt_event(appservice, &room_id, receipts));
            }
        }
        self.receipts = head;
        self.presence(server, interest, &mut found).await?;
        found.truncate(APPSERVICE_TXN_EPHEMERAL_MAX);
        Ok(found)
    }

    async fn presence(
        &mut self,
        server: &Shared,
        interest: &mut Interest,
        found: &mut Vec<Value>,
    ) -> StoreResult<()> {
        let version = server.presence.version();
        for (user_id, presence) in server.presence.changed_since(self.presence) {
            let mut shares = false;
            for room in server.store.rooms_of(&user_id).await? {
                if room.membership == "join" && interest.in_room(server, &room.room_id).await? {
                    shares = true;
                    break;
                }
            }
            if shares {
                let content = presence.content(server.now_ms());
                found.push(json!({ "type": "m.presence", "sender": user_id, "content": content }));
            }
        }
        self.presence = version;
        Ok(())
    }
}

/// The receipts of one room; private ones only of the application service's own users.
fn receipt_event(
    appservice: &Registration,
    room_id: &RoomId,
    receipts: Vec<Receipt>,
) -> Option<Value> {
    let mut content: BTreeMap<String, BTreeMap<String, Map<String, Value>>> = BTreeMap::new();
    for receipt in receipts {
        if receipt.kind == "m.read.private" && !appservice.owns_user(&receipt.user_id) {
            continue;
        }
        let mut data = json!({ "ts": receipt.ts });
        if let (false, Some(members)) = (receipt.thread.is_empty(), data.as_object_mut()) {
            members.insert("thread_id".into(), receipt.thread.as_str().into());
        }
        content
            .entry(receipt.event_id.to_string())
            .or_default()
            .entry(receipt.kind)
            .or_default()
            .insert(receipt.user_id.to_string(), data);
    }
    (!content.is_empty())
        .then(|| json!({ "type": "m.receipt", "room_id": room_id, "content": content }))
}
