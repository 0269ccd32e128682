// SPDX-License-Identifier: Apache-2.0
//! Pages of a timeline: tokens, and filling a page with what its reader may see.

use std::{collections::BTreeSet, sync::Arc};

use estafette_core::{
    event::Event,
    filter::RoomEventFilter,
    ids::RoomId,
    limits::{PAGE_EVENTS_DEFAULT, PAGE_EVENTS_MAX, PAGE_SCAN_MAX},
};
use estafette_store::{
    Position, RoomStore as _, StoreResult,
    rooms::{Direction, TimelineRange},
};

use crate::{
    ApiError, ApiResult, Shared,
    history::{self, Reader, Visible},
    sync::{Token, room::wants},
};

/// A place between two events of a room: after the event at this position and before the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PageToken(pub(crate) Position);

impl PageToken {
    /// Reads `t<position>` of a page, the token of a sync, or the `pos` of sliding sync (MSC4186).
    pub(crate) fn parse(text: &str) -> ApiResult<Self> {
        let wrong = || ApiError::invalid_param("That is no token of this server.");
        let sliding = text.split_once('/').map(|(_, pos)| pos);
        if let Some(pos) = text.strip_prefix('t').or(sliding) {
            return pos.parse().map(Self).map_err(|_| wrong());
        }
        let token: Token = text.parse().map_err(|_| wrong())?;
        Ok(Self(token.pos))
    }
}

impl std::fmt::Display for PageToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "t{}", self.0)
    }
}

/// Reads `dir`.
pub(crate) fn direction(text: Option<&str>) -> ApiResult<Option<Direction>> {
    match text {
        None => Ok(None),
        Some("b") => Ok(Some(Direction::Backward)),
        Some("f") => Ok(Some(Direction::Forward)),
        Some(_) => Err(ApiError::invalid_param("`dir` is `b` or `f`.")),
    }
}

/// How many events a page has at most.
pub(crate) fn limit(wanted: Option<u64>) -> usize {
    let wanted = wanted.and_then(|wanted| usize::try_from(wanted).ok());
    wanted.unwrap_or(PAGE_EVENTS_DEFAULT).min(PAGE_EVENTS_MAX)
}

/// Reads the `filter` of a page.
pub(crate) fn filter(text: Option<&str>) -> ApiResult<RoomEventFilter> {
    text.filter(|text| !text.is_empty()).map_or_else(
        || Ok(RoomEventFilter::default()),
        |text| {
            RoomEventFilter::parse(text.as_bytes())
                .map_err(|error| ApiError::invalid_param(format!("The filter is wrong: {error}.")))
        },
    )
}

/// A page.
pub(crate) struct Page {
    /// Its events in walking order.
    pub(crate) events: Vec<Visible>,
    /// Where the walk goes on; `None` at the end of the range.
    pub(crate) next: Option<PageToken>,
}

/// Walks a room's timeline until the page is full, the range ends, or enough was looked at.
pub(crate) async fn fill(
    server: &Shared,
    reader: &Reader,
    room_id: &RoomId,
    filter: &RoomEventFilter,
    mut range: TimelineRange,
) -> StoreResult<Page> {
    let limit = range.limit;
    let mut page = Page { events: Vec::new(), next: None };
    if limit == 0 || !filter.wants_room(room_id) {
        return Ok(page);
    }
    let mut scanned = 0;
    while scanned < PAGE_SCAN_MAX {
        // What a filter leaves out is made up for by larger steps.
        range.limit = (limit - page.events.len()).max(if scanned == 0 { 1 } else { 200 }) + 1;
        let mut stored = server.store.timeline(room_id, range).await?;
        let more = stored.len() == range.limit;
        stored.truncate(range.limit - 1);
        scanned += stored.len();
        let last = stored.last().map(|event| event.pos);
        let events =
            history::visible(server, &reader.user_id, room_id, history::from_stored(stored));
        let wanted = events.await?.into_iter().filter(|e| wants(filter, &e.event.event));
        for event in wanted {
            let pos = event.event.pos();
            page.events.push(event);
            if page.events.len() == limit {
                let ended = !more && Some(pos) == last;
                page.next = (!ended).then(|| onwards(range.direction, pos));
                return Ok(page);
            }
        }
        let Some(last) = last.filter(|_| more) else {
            page.next = None;
            return Ok(page);
        };
        let next = onwards(range.direction, last);
        match range.direction {
            Direction::Forward => range.after = next.0,
            Direction::Backward => range.upto = next.0,
        }
        page.next = Some(next);
    }
    Ok(page)
}

/// The token behind an event in walking order.
pub(crate) fn onwards(direction: Direction, pos: Position) -> PageToken {
    match direction {
        Direction::Forward => PageToken(pos),
        Direction::Backward => PageToken(Position(pos.0.saturating_sub(1))),
    }
}

/// The memberships of those who sent `events`, as they were at the latest of them (Client-Server
/// API, "Lazy-loading room members").
pub(crate) async fn members_of(
    server: &Shared,
    room_id: &RoomId,
    events: &[Visible],
) -> StoreResult<Vec<Arc<Event>>> {
    let Some(latest) = events.iter().map(|event| event.event.pos()).max() else {
        return Ok(Vec::new());
    };
    let senders: BTreeSet<&str> =
        events.iter().map(|event| event.event.event.sender().as_str()).collect();
    let keys: Vec<_> = senders
        .into_iter()
        .map(|sender| ("m.room.member".to_owned(), Some(sender.to_owned())))
        .collect();
    server.store.state_at(room_id, latest, Some(&keys)).await
}
