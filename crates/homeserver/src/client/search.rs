// SPDX-License-Identifier: Apache-2.0
//! Searching what was said (Client-Server API, "Server Side Search").
//!
//! The search looks at the latest events of the rooms that the user is in, bounded per request: a
//! token tells where the next one goes on. What is encrypted the server cannot read.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap},
};

use axum::{Router, extract::State, response::Response, routing::post};
use estafette_core::{
    filter::RoomEventFilter,
    ids::RoomId,
    limits::{SEARCH_RESULTS_MAX, SEARCH_SCAN_MAX, SEARCH_WORDS_MAX},
};
use estafette_store::{
    Position, RoomStore as _,
    rooms::{Direction, TimelineRange},
};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    messages::Around,
    page::{PageToken, filter as parse_filter},
    upgrade::predecessor,
    v3,
};
use crate::{
    ApiError, ApiResult, Shared,
    auth::Requester,
    history::{self, Reader, Visible},
    http::{Json, Query, json_response},
    rate_limit::Cost,
    render,
    sync::room::wants,
};

pub(super) fn routes() -> Router<Shared> {
    v3(Router::new(), "/search", post(search))
}

#[derive(Debug, Default, Deserialize)]
struct SearchQuery {
    next_batch: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Body {
    search_categories: Categories,
}

#[derive(Debug, Deserialize)]
struct Categories {
    room_events: Option<Criteria>,
}

#[derive(Debug, Deserialize)]
struct Criteria {
    search_term: String,
    keys: Option<Vec<String>>,
    filter: Option<Value>,
    order_by: Option<String>,
    event_context: Option<ContextWish>,
    #[serde(default)]
    include_state: bool,
    #[serde(default)]
    groupings: Groupings,
}

#[derive(Debug, Default, Deserialize)]
struct ContextWish {
    before_limit: Option<usize>,
    after_limit: Option<usize>,
    #[serde(default)]
    include_profile: bool,
}

#[derive(Debug, Default, Deserialize)]
struct Groupings {
    #[serde(default)]
    group_by: Vec<Group>,
}

#[derive(Debug, Deserialize)]
struct Group {
    key: String,
}

/// `POST /_matrix/client/v3/search`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3search>
async fn search(
    State(server): State<Shared>,
    requester: Requester,
    Query(query): Query<SearchQuery>,
    Json(body): Json<Body>,
) -> ApiResult<Response> {
    requester.check_rate(&server.rate_limiter, Cost::Write, server.now_ms())?;
    let Some(criteria) = body.search_categories.room_events else {
        return Ok(json_response(StatusCode::OK, "{\"search_categories\":{}}"));
    };
    let scan = Scan::new(&criteria, query.next_batch.as_deref())?;
    let reader = Reader::of(&requester);
    let results = scan.run(&server, &reader).await?;
    let answer = Answering { server: &server, reader: &reader, criteria: &criteria };
    let answer = answer.json(&scan, &results).await?;
    let answer = json!({ "search_categories": { "room_events": answer } });
    Ok(json_response(StatusCode::OK, answer.to_string()))
}

/// What is looked for, and where.
struct Scan {
    words: Vec<String>,
    keys: Vec<&'static str>,
    filter: RoomEventFilter,
    upto: Position,
    limit: usize,
    /// Events to be looked at, at most about.
    scan_max: usize,
}

/// What a search found.
struct Results {
    page: Vec<(RoomId, Visible)>,
    next: Option<PageToken>,
    count: usize,
}

/// Events that are read from a room at once.
const SEARCH_PAGE: usize = 200;
/// What reading from a room costs of the events that one search looks at, however few it has.
const LOOK_COST: usize = 20;

impl Scan {
    fn new(criteria: &Criteria, next_batch: Option<&str>) -> ApiResult<Self> {
        const KEYS: [&str; 3] = ["content.body", "content.name", "content.topic"];
        let keys = match &criteria.keys {
            None => KEYS.to_vec(),
            Some(keys) => {
                KEYS.into_iter().filter(|key| keys.iter().any(|wanted| wanted == key)).collect()
            }
        };
        if !matches!(criteria.order_by.as_deref(), None | Some("recent" | "rank")) {
            return Err(ApiError::invalid_param("`order_by` is `recent` or `rank`."));
        }
        let filter = criteria.filter.as_ref().map(Value::to_string);
        let filter = parse_filter(filter.as_deref())?;
        let words: Vec<String> = criteria
            .search_term
            .to_lowercase()
            .split_whitespace()
            .take(SEARCH_WORDS_MAX)
            .map(str::to_owned)
            .collect();
        if words.is_empty() {
            return Err(ApiError::invalid_param("`search_term` is empty."));
        }
        let from = next_batch.map(PageToken::parse).transpose()?;
        let limit = filter.event.limit.and_then(|limit| usize::try_from(limit).ok());
        Ok(Self {
            words,
            keys,
            upto: from.map_or(Position(u64::MAX >> 1), |token| token.0),
            limit: limit.unwrap_or(10).clamp(1, SEARCH_RESULTS_MAX),
            filter,
            scan_max: SEARCH_SCAN_MAX,
        })
    }

    /// The page, where the next one begins, and how many matches there are in all: as many as were
    /// found among the events that one search looks at.
    async fn run(&self, server: &Shared, reader: &Reader) -> ApiResult<Results> {
        let newest = Position(u64::MAX >> 1);
        let (all, mut down_to) = self.walk(server, reader, newest).await?;
        let count = all.len();
        let mut page: Vec<_> =
            all.into_iter().filter(|(_, event)| event.event.pos() <= self.upto).collect();
        if down_to.0 > 0 && self.upto <= down_to {
            // A later page than the first look reaches.
            (page, down_to) = self.walk(server, reader, self.upto).await?;
        }
        page.truncate(self.limit);
        let last = page.last().map(|(_, event)| event.event.pos());
        let next = match last.filter(|_| page.len() == self.limit) {
            Some(last) => Some(PageToken(Position(last.0.saturating_sub(1)))),
            None => (down_to.0 > 0).then_some(PageToken(down_to)),
        };
        Ok(Results { page, next, count })
    }

    /// The matches of all rooms up to `upto`, latest first, and down to where every room was looked
    /// at. Looks at about `scan_max` events, each look into a room counting as [`LOOK_COST`] at
    /// least; at more only where even one short look into each room takes more, so that every
    /// search gets on.
    async fn walk(
        &self,
        server: &Shared,
        reader: &Reader,
        upto: Position,
    ) -> ApiResult<(Vec<(RoomId, Visible)>, Position)> {
        // The rooms by their next event; where that is not read, by a position it cannot be after.
        let mut heap: BinaryHeap<(Position, RoomId)> = BinaryHeap::new();
        for (room_id, last) in self.rooms(server, reader).await? {
            heap.push((last.min(upto), room_id));
        }
        let first = heap.peek().map_or(upto, |(first, _)| *first);
        let (mut found, mut scanned) = (Vec::new(), 0);
        let mut down_to = Position(0);
        while let Some((before, room_id)) = heap.pop() {
            let spent = scanned >= self.scan_max;
            if spent && before < first {
                down_to = before;
                break;
            }
            let limit = if spent { LOOK_COST } else { SEARCH_PAGE };
            let range = TimelineRange {
                after: Position(0),
                upto: before,
                direction: Direction::Backward,
                limit,
            };
            let stored = server.store.timeline(&room_id, range).await?;
            scanned += stored.len().max(LOOK_COST);
            let last = stored.last().filter(|_| stored.len() == limit).map(|last| last.pos);
            let matching = stored.into_iter().filter(|event| self.matches(&event.event));
            let events = history::from_stored(matching);
            let seen = history::visible(server, &reader.user_id, &room_id, events).await?;
            found.extend(seen.into_iter().map(|event| (room_id.clone(), event)));
            if let Some(last) = last {
                heap.push((Position(last.0.saturating_sub(1)), room_id));
            }
        }
        // Below the point down to which every room was looked at, order would be a guess.
        found.retain(|(_, event)| event.event.pos() > down_to);
        found.sort_by_key(|(_, event)| Reverse(event.event.pos()));
        Ok((found, down_to))
    }

    /// The rooms to look at: those the user is in, that the filter wants and that are readable.
    /// A room that is wanted brings along those that it replaced. Each with its last position.
    async fn rooms(&self, server: &Shared, reader: &Reader) -> ApiResult<Vec<(RoomId, Position)>> {
        let (mut wanted, mut others) = (Vec::new(), Vec::new());
        for own in server.store.rooms_of(&reader.user_id).await? {
            if own.membership == "join" {
                let list =
                    if self.filter.wants_room(&own.room_id) { &mut wanted } else { &mut others };
                list.push(own.room_id);
            }
        }
        let mut rooms = Vec::new();
        while let Some(room_id) = wanted.pop() {
            let Some(hot) = server.rooms.get(&server.store, &room_id).await? else { continue };
            let snapshot = hot.snapshot();
            if let Some(before) = predecessor(&snapshot.view)
                && let Some(index) = others.iter().position(|room_id| *room_id == before)
            {
                wanted.push(others.swap_remove(index));
            }
            if !snapshot.view.is_encrypted() {
                rooms.push((room_id, snapshot.last_pos()));
            }
        }
        Ok(rooms)
    }

    fn matches(&self, event: &estafette_core::event::Event) -> bool {
        let texts: String = self
            .keys
            .iter()
            .filter(|key| match event.kind() {
                "m.room.name" => **key == "content.name",
                "m.room.topic" => **key == "content.topic",
                "m.room.message" => **key == "content.body",
                _ => false,
            })
            .filter_map(|key| event.content().get(key.strip_prefix("content.")?)?.as_str())
            .map(str::to_lowercase)
            .collect();
        !texts.is_empty()
            && self.words.iter().all(|word| texts.contains(word.as_str()))
            && wants(&self.filter, event)
    }
}

/// Writing what was found.
struct Answering<'a> {
    server: &'a Shared,
    reader: &'a Reader,
    criteria: &'a Criteria,
}

impl Answering<'_> {
    async fn json(&self, scan: &Scan, results: &Results) -> ApiResult<Value> {
        let Results { page: found, next, count } = results;
        let mut results = Vec::with_capacity(found.len());
        for (room_id, event) in found {
            let rendered = self.events(room_id, std::slice::from_ref(event)).await?;
            let mut result = json!({ "rank": 1.0, "result": rendered.into_iter().next() });
            if let Some(wish) = &self.criteria.event_context {
                put(&mut result, "context", self.context(room_id, event, wish).await?);
            }
            results.push(result);
        }
        let mut answer = json!({
            "count": count,
            "highlights": scan.words,
            "results": results,
        });
        if let Some(next) = next {
            put(&mut answer, "next_batch", next.to_string().into());
        }
        if !self.criteria.groupings.group_by.is_empty() {
            put(&mut answer, "groups", self.groups(found));
        }
        if self.criteria.include_state {
            put(&mut answer, "state", self.state(found).await?);
        }
        Ok(answer)
    }

    async fn events(&self, room_id: &RoomId, events: &[Visible]) -> ApiResult<Vec<Value>> {
        let rendered = history::render(self.server, self.reader, room_id, events).await?;
        rendered
            .iter()
            .map(|event| serde_json::from_str(event).map_err(ApiError::internal))
            .collect()
    }

    async fn context(
        &self,
        room_id: &RoomId,
        event: &Visible,
        wish: &ContextWish,
    ) -> ApiResult<Value> {
        let (before, after) = (wish.before_limit.unwrap_or(5), wish.after_limit.unwrap_or(5));
        let limit = before.max(after).min(SEARCH_RESULTS_MAX).saturating_mul(2);
        let at = (room_id, event.event.pos());
        let everything = RoomEventFilter::default();
        let mut around = Around::load(self.server, self.reader, at, &everything, limit).await?;
        around.before.truncate(before);
        around.after.truncate(after);
        let first = around.before.last().unwrap_or(event).event.pos();
        let last = around.after.last().unwrap_or(event).event.pos();
        let mut context = json!({
            "start": PageToken(Position(first.0.saturating_sub(1))).to_string(),
            "end": PageToken(last).to_string(),
            "events_before": self.events(room_id, &around.before).await?,
            "events_after": self.events(room_id, &around.after).await?,
        });
        if wish.include_profile {
            let mut events = around.events();
            events.push(event.clone());
            let members = super::page::members_of(self.server, room_id, &events).await?;
            let mut profiles = Map::new();
            for member in members {
                let content = member.content();
                let text = |key: &str| content.get(key).map(Value::from);
                let profile =
                    json!({ "avatar_url": text("avatar_url"), "displayname": text("displayname") });
                profiles.insert(member.state_key().unwrap_or_default().to_owned(), profile);
            }
            put(&mut context, "profile_info", Value::Object(profiles));
        }
        Ok(context)
    }

    fn groups(&self, found: &[(RoomId, Visible)]) -> Value {
        let mut groups = Map::new();
        for group in &self.criteria.groupings.group_by {
            let key = group.key.as_str();
            if !matches!(key, "room_id" | "sender") {
                continue;
            }
            let mut of_key: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
            for (room_id, event) in found {
                let event = &event.event.event;
                let name =
                    if key == "room_id" { room_id.as_str() } else { event.sender().as_str() };
                of_key.entry(name).or_default().push(event.event_id().as_str());
            }
            let of_key: Map<String, Value> = of_key
                .into_iter()
                .zip(1..)
                .map(|((name, ids), order)| {
                    (name.to_owned(), json!({ "order": order, "results": ids }))
                })
                .collect();
            groups.insert(key.to_owned(), Value::Object(of_key));
        }
        Value::Object(groups)
    }

    async fn state(&self, found: &[(RoomId, Visible)]) -> ApiResult<Value> {
        let rooms: BTreeSet<&RoomId> = found.iter().map(|(room_id, _)| room_id).collect();
        let mut states = Map::new();
        for room_id in rooms {
            let hot = self.server.rooms.get(&self.server.store, room_id).await?;
            let Some(hot) = hot else { continue };
            let snapshot = hot.snapshot();
            let events = snapshot.view.state().iter().map(|event| {
                let mut out = String::new();
                render::state_event(&mut out, event);
                serde_json::from_str(&out).map_err(ApiError::internal)
            });
            let events: ApiResult<Vec<Value>> = events.collect();
            states.insert(room_id.as_str().to_owned(), Value::Array(events?));
        }
        Ok(Value::Object(states))
    }
}

/// Adds a member to an object.
fn put(object: &mut Value, key: &str, value: Value) {
    if let Some(members) = object.as_object_mut() {
        members.insert(key.to_owned(), value);
    }
}

#[cfg(test)]
mod tests;
