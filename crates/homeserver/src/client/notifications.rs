// SPDX-License-Identifier: Apache-2.0
//! `GET /_matrix/client/v3/notifications`
//! (<https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3notifications>).
//!
//! Nothing is kept for it: what notified is worked out of the rooms' timelines, latest first, by
//! the user's rules as they are now.

use std::{collections::BinaryHeap, sync::Arc};

use axum::{Router, extract::State, response::Response, routing::get};
use estafette_core::{
    event::Membership,
    ids::RoomId,
    limits::{NOTIFICATIONS_DEFAULT, NOTIFICATIONS_MAX, NOTIFICATIONS_SCAN_MAX, TIMELINE_PAGE},
    push_rules::{Effect, RuleSet},
};
use estafette_store::{Position, StoreResult, rooms::EventFlags};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{page::PageToken, v3};
use crate::{
    ApiResult, Shared,
    auth::Requester,
    history::{self, Visible},
    http::{Query, json_response},
    notification,
    rate_limit::Cost,
    rooms::Snapshot,
    sync::{
        Reader,
        counts::{self, ReadUpTo},
        room::{self, Span},
        writer::{ObjectWriter, array},
    },
};

pub(super) fn routes() -> Router<Shared> {
    v3(Router::new(), "/notifications", get(notifications))
}

#[derive(Debug, Default, Deserialize)]
struct Parameters {
    from: Option<String>,
    limit: Option<usize>,
    only: Option<String>,
}

async fn notifications(
    State(server): State<Shared>,
    requester: Requester,
    Query(parameters): Query<Parameters>,
) -> ApiResult<Response> {
    // It looks through many rooms.
    requester.check_rate(&server.rate_limiter, Cost::Write, server.now_ms())?;
    let head = server.notifier.head();
    let before = match parameters.from.as_deref().filter(|from| !from.is_empty()) {
        Some(from) => PageToken::parse(from)?.0.min(head),
        None => head,
    };
    let user = server.notifier.user(&server.store, &requester.user_id).await?;
    let device = requester.device.as_ref();
    let reader = Reader {
        user,
        device_id: device.map(|device| device.device_id.clone()),
        device_nid: device.map(|device| device.nid),
        head,
        server: Arc::clone(&server),
    };
    let limit = parameters.limit.unwrap_or(NOTIFICATIONS_DEFAULT).clamp(1, NOTIFICATIONS_MAX);
    let only_highlights =
        parameters.only.is_some_and(|only| only.split(',').any(|only| only == "highlight"));
    let mut search = Search::new(&reader, before).await?;
    let (found, next) = search.collect(limit, only_highlights).await?;
    let mut json = String::new();
    let mut answer = ObjectWriter::open(&mut json);
    array(answer.key("notifications"), found);
    if let Some(next) = next {
        answer.text("next_token", &PageToken(next).to_string());
    }
    answer.close();
    Ok(json_response(StatusCode::OK, json))
}

/// What is left to look at of one room.
struct Lane {
    room_id: RoomId,
    snapshot: Arc<Snapshot>,
    joined_at: Position,
    /// Loaded events, oldest first.
    events: Vec<Visible>,
    /// Events up to here are not loaded yet; `None` when all are.
    before: Option<Position>,
    read: Option<ReadUpTo>,
}

/// A walk through all rooms at once, from the latest event back.
struct Search<'a> {
    reader: &'a Reader,
    rules: Arc<RuleSet>,
    lanes: Vec<Lane>,
    /// The lanes by their next event; where that is not loaded, by a position it cannot be after.
    heap: BinaryHeap<(Position, usize)>,
}

impl<'a> Search<'a> {
    async fn new(reader: &'a Reader, before: Position) -> StoreResult<Self> {
        let server = &reader.server;
        let rules = match counts::own_rules(reader).await? {
            Some(rules) => rules,
            None => Arc::new(server.default_rules.clone()),
        };
        let mut search = Self { reader, rules, lanes: Vec::new(), heap: BinaryHeap::new() };
        for (room_id, own) in reader.user.rooms() {
            if own.membership != Membership::Join || own.joined_at >= before {
                continue;
            }
            let Some(room) = server.rooms.get(&server.store, &room_id).await? else { continue };
            let snapshot = room.snapshot();
            let first = snapshot.last_pos().min(before);
            search.heap.push((first, search.lanes.len()));
            search.lanes.push(Lane {
                room_id,
                snapshot,
                joined_at: own.joined_at,
                events: Vec::new(),
                before: Some(before),
                read: None,
            });
        }
        Ok(search)
    }

    /// Up to `limit` notifications, and where to go on.
    async fn collect(
        &mut self,
        limit: usize,
        only_highlights: bool,
    ) -> StoreResult<(Vec<String>, Option<Position>)> {
        let mut found = Vec::new();
        let mut looked_at = 0;
        while let Some((pos, index)) = self.heap.pop() {
            if found.len() >= limit || looked_at >= NOTIFICATIONS_SCAN_MAX {
                return Ok((found, Some(pos)));
            }
            let Some(lane) = self.lanes.get_mut(index) else { continue };
            let next = match lane.events.pop() {
                Some(event) => {
                    looked_at += 1;
                    found
                        .extend(one(self.reader, &self.rules, lane, event, only_highlights).await?);
                    lane.next()
                }
                None => lane.load(self.reader).await?,
            };
            if let Some(next) = next {
                self.heap.push((next, index));
            }
        }
        Ok((found, None))
    }
}

impl Lane {
    /// Where this room goes on.
    fn next(&self) -> Option<Position> {
        self.events.last().map(|last| last.event.pos()).or(self.before)
    }

    async fn load(&mut self, reader: &Reader) -> StoreResult<Option<Position>> {
        let Some(upto) = self.before.take() else { return Ok(None) };
        let span = Span { since: self.joined_at, upto, limit: TIMELINE_PAGE, filter: None };
        let window = room::window(reader, &self.room_id, &self.snapshot, &span).await?;
        self.before = window.limited.then_some(window.prev_batch);
        self.events = window.events;
        Ok(self.next())
    }
}

/// The notification that an event is, if it is one.
async fn one(
    reader: &Reader,
    rules: &RuleSet,
    lane: &mut Lane,
    visible: Visible,
    only_highlights: bool,
) -> StoreResult<Option<String>> {
    let event = &visible.event;
    let user_id = reader.user_id();
    if event.event.sender() == user_id || event.flags.has(EventFlags::EDIT) {
        return Ok(None);
    }
    let effect = notification::effect(rules, &lane.snapshot, &event.event, user_id);
    if !effect.notify || (only_highlights && !effect.highlight) {
        return Ok(None);
    }
    let read = match &lane.read {
        Some(read) => read,
        None => {
            let read = counts::read_up_to(reader, &lane.room_id).await?;
            lane.read.insert(read)
        }
    };
    let thread = notification::thread_root(&event.event);
    let is_read = event.pos() <= read.place_of(thread.as_ref());
    let as_reader = history::Reader { user_id: user_id.clone(), device_nid: reader.device_nid };
    let events = std::slice::from_ref(&visible);
    let rendered = history::render(&reader.server, &as_reader, &lane.room_id, events).await?;
    let mut json = String::new();
    let mut out = ObjectWriter::open(&mut json);
    out.raw("actions", &Value::from(actions(&effect)).to_string());
    out.raw("event", rendered.first().map_or("{}", String::as_str));
    out.text("profile_tag", "");
    out.display("read", is_read);
    out.text("room_id", lane.room_id.as_str());
    out.display("ts", event.event.origin_server_ts());
    out.close();
    Ok(Some(json))
}

/// An effect as the actions of a push rule.
fn actions(effect: &Effect) -> Vec<Value> {
    let tweaks = effect.tweaks.iter();
    let tweaks = tweaks.map(|(name, value)| json!({ "set_tweak": name, "value": value }));
    std::iter::once(json!("notify")).chain(tweaks).collect()
}

#[cfg(test)]
mod tests;
