// SPDX-License-Identifier: Apache-2.0
//! One room of a sliding sync answer: whole when it is new to the device, else what changed.

use std::{collections::BTreeSet, sync::Arc};

use estafette_core::{
    event::{Event, Membership},
    ids::UserId,
};
use estafette_store::{Position, RoomStore as _, StoreResult};

use super::{connection::Told, lists::Room, request::RoomParameters};
use crate::{
    render,
    sync::{
        Reader, counts,
        room::{self, Window},
        writer::{ObjectWriter, array},
    },
};

/// A room's part of the answer, and what the device knows afterwards.
pub(super) struct Part {
    pub(super) json: String,
    pub(super) told: Told,
}

/// What one room has to say; `None` when nothing is new.
pub(super) async fn part(
    reader: &Reader,
    room: &Room,
    parameters: &RoomParameters,
    told: Option<&Told>,
    is_direct: bool,
) -> StoreResult<Option<Part>> {
    match room.own.membership {
        Membership::Join => Joined { reader, room, parameters, told, is_direct }.part().await,
        Membership::Invite | Membership::Knock => Ok(stripped(reader, room, parameters, told)),
        Membership::Leave | Membership::Ban => left(reader, room, parameters, told).await,
    }
}

/// An invitation or a knock: told once.
fn stripped(
    reader: &Reader,
    room: &Room,
    parameters: &RoomParameters,
    told: Option<&Told>,
) -> Option<Part> {
    if told.is_some_and(|told| told.upto >= room.own.pos) {
        return None;
    }
    let mut json = String::new();
    let mut out = ObjectWriter::open(&mut json);
    out.display("initial", true);
    write_identity(&mut out, reader, room, false);
    array(out.key("invite_state"), room::stripped_state(&room.snapshot, reader.user_id()));
    out.display("bump_stamp", room.bump);
    out.close();
    let told = Told { upto: reader.head, parameters: parameters.clone(), members: BTreeSet::new() };
    Some(Part { json, told })
}

/// A room that the user is out of: up to the leave, and nothing after (T-V3).
async fn left(
    reader: &Reader,
    room: &Room,
    parameters: &RoomParameters,
    told: Option<&Told>,
) -> StoreResult<Option<Part>> {
    let since = told.map_or(Position(0), |told| told.upto);
    if since >= room.own.pos {
        return Ok(None);
    }
    let upto = (Position(room.own.pos.0.saturating_sub(1)), room.own.pos);
    let window = room::window(reader, &room.room_id, &room.snapshot, upto, 1).await?;
    let mut json = String::new();
    let mut out = ObjectWriter::open(&mut json);
    out.display("initial", told.is_none());
    let own = room.snapshot.view.state_event("m.room.member", reader.user_id().as_str());
    write_states(&mut out, own);
    let events = out.key("timeline");
    room::write_events(events, reader, &room.room_id, &window.events).await?;
    out.display("num_live", window.events.len());
    out.display("bump_stamp", room.bump);
    out.close();
    let told = Told { upto: reader.head, parameters: parameters.clone(), members: BTreeSet::new() };
    Ok(Some(Part { json, told }))
}

fn write_states<'a>(out: &mut ObjectWriter<'_>, events: impl IntoIterator<Item = &'a Arc<Event>>) {
    let rendered = events.into_iter().map(|event| {
        let mut text = String::new();
        render::state_event(&mut text, event);
        text
    });
    array(out.key("required_state"), rendered);
}

/// `name`, `avatar`, `is_dm`, `heroes` and the counts of members.
fn write_identity(out: &mut ObjectWriter<'_>, reader: &Reader, room: &Room, is_direct: bool) {
    let view = &room.snapshot.view;
    if let Some(name) = view.state_text("m.room.name", "name").filter(|name| !name.is_empty()) {
        out.text("name", name);
    } else {
        let heroes = super::lists::heroes(room, reader.user_id()).into_iter().map(|user| {
            let mut text = String::new();
            write_hero(&mut text, room, &user);
            text
        });
        array(out.key("heroes"), heroes);
    }
    if let Some(url) = view.state_text("m.room.avatar", "url") {
        out.text("avatar", url);
    }
    if is_direct {
        out.display("is_dm", true);
    }
    out.display("joined_count", view.joined_count());
    out.display("invited_count", view.invited_count());
}

fn write_hero(text: &mut String, room: &Room, user: &UserId) {
    let member = room.snapshot.view.state_event("m.room.member", user.as_str());
    let of_profile = |key: &str| {
        member.and_then(|member| member.content().get(key)?.as_str().map(str::to_owned))
    };
    let mut hero = ObjectWriter::open(text);
    hero.text("user_id", user.as_str());
    if let Some(name) = of_profile("displayname") {
        hero.text("displayname", &name);
    }
    if let Some(url) = of_profile("avatar_url") {
        hero.text("avatar_url", &url);
    }
    hero.close();
}

struct Joined<'a> {
    reader: &'a Reader,
    room: &'a Room,
    parameters: &'a RoomParameters,
    told: Option<&'a Told>,
    is_direct: bool,
}

impl Joined<'_> {
    /// The room is whole when the device was told nothing of it since the user came in.
    fn is_initial(&self) -> bool {
        self.told.is_none_or(|told| told.upto < self.room.own.joined_at)
    }

    /// The device now wants more of the past than it was given.
    fn expands(&self) -> bool {
        !self.is_initial()
            && self
                .told
                .is_some_and(|told| told.parameters.timeline_limit < self.parameters.timeline_limit)
    }

    async fn part(&self) -> StoreResult<Option<Part>> {
        let initial = self.is_initial();
        let since = match self.told {
            Some(told) if !initial => told.upto,
            _ => Position(0),
        };
        let expands = self.expands();
        let upto = self.reader.head;
        let from = if expands { Position(0) } else { since };
        let limit = usize::try_from(self.parameters.timeline_limit).unwrap_or(usize::MAX);
        let snapshot = &self.room.snapshot;
        let window =
            room::window(self.reader, &self.room.room_id, snapshot, (from, upto), limit).await?;
        let mut members = match self.told {
            Some(told) if !initial => told.members.clone(),
            _ => BTreeSet::new(),
        };
        let state = self.state(&window, initial, since, &mut members).await?;
        let nothing_new = snapshot.last_pos() <= since && state.is_empty() && !expands;
        if nothing_new && !initial {
            return Ok(None);
        }
        let mut json = String::with_capacity(1024);
        let mut out = ObjectWriter::open(&mut json);
        if initial {
            out.display("initial", true);
        }
        if expands {
            out.display("unstable_expanded_timeline", true);
        }
        write_identity(&mut out, self.reader, self.room, self.is_direct);
        write_states(&mut out, &state);
        self.write_timeline(&mut out, &window, since).await?;
        let unread = counts::unread(self.reader, &self.room.room_id, snapshot).await?.total();
        out.display("notification_count", unread.notification);
        out.display("highlight_count", unread.highlight);
        out.display("bump_stamp", self.room.bump);
        out.close();
        let told = Told { upto, parameters: self.parameters.clone(), members };
        Ok(Some(Part { json, told }))
    }

    async fn write_timeline(
        &self,
        out: &mut ObjectWriter<'_>,
        window: &Window,
        since: Position,
    ) -> StoreResult<()> {
        if self.parameters.timeline_limit == 0 {
            return Ok(());
        }
        let live = if self.is_initial() {
            0
        } else {
            window.events.iter().filter(|visible| visible.event.pos() > since).count()
        };
        let events = out.key("timeline");
        room::write_events(events, self.reader, &self.room.room_id, &window.events).await?;
        let more_before = self.is_initial() && window.prev_batch > Position(0);
        out.display("limited", window.limited || (more_before && !window.events.is_empty()));
        out.text("prev_batch", &format!("t{}", window.prev_batch));
        out.display("num_live", live);
        Ok(())
    }

    /// The state that is wanted and new to the device.
    async fn state(
        &self,
        window: &Window,
        initial: bool,
        since: Position,
        members: &mut BTreeSet<UserId>,
    ) -> StoreResult<Vec<Arc<Event>>> {
        let view = &self.room.snapshot.view;
        let own = self.reader.user_id().as_str();
        let wants = |event: &Event| {
            self.parameters.wants(event.kind(), event.state_key().unwrap_or_default(), own)
        };
        let told_before = |event: &Event, told: &Told| {
            told.parameters.wants(event.kind(), event.state_key().unwrap_or_default(), own)
        };
        let mut state: Vec<Arc<Event>> = match self.told {
            Some(told) if !initial => {
                let changed = self.changed_state(since).await?;
                let mut state: Vec<_> = changed.into_iter().filter(|event| wants(event)).collect();
                if told.parameters.required_state != self.parameters.required_state {
                    // What is wanted now and was not before is told as it stands.
                    let newly = self.wanted_now(own).into_iter();
                    let newly = newly.filter(|event| !told_before(event, told));
                    for event in newly {
                        if !state.iter().any(|known| known.event_id() == event.event_id()) {
                            state.push(event);
                        }
                    }
                }
                state
            }
            _ => self.wanted_now(own),
        };
        if self.parameters.lazy_members() {
            for user in room::needed_members(&window.events, None) {
                let present = state.iter().any(|event| {
                    event.kind() == "m.room.member" && event.state_key() == Some(user.as_str())
                });
                if members.insert(user.clone()) && !present {
                    state.extend(view.state_event("m.room.member", user.as_str()).cloned());
                }
            }
        }
        Ok(state)
    }

    /// The state that is wanted, as it stands. Single keys are looked up; only `*` walks.
    fn wanted_now(&self, own: &str) -> Vec<Arc<Event>> {
        let view = &self.room.snapshot.view;
        let mut found: Vec<Arc<Event>> = Vec::new();
        let mut add = |event: &Arc<Event>| {
            if !found.iter().any(|known| known.event_id() == event.event_id()) {
                found.push(Arc::clone(event));
            }
        };
        let mut walk_all = false;
        for (kind, key) in &self.parameters.required_state {
            match (kind.as_str(), key.as_str()) {
                ("*", _) => walk_all = true,
                (_, "$LAZY") => {}
                (kind, "*") => view.state().iter_kind(kind).for_each(&mut add),
                (kind, "$ME") => view.state_event(kind, own).into_iter().for_each(&mut add),
                (kind, key) => view.state_event(kind, key).into_iter().for_each(&mut add),
            }
        }
        if walk_all {
            let all = view.state().iter();
            return all
                .filter(|event| {
                    let key = event.state_key().unwrap_or_default();
                    self.parameters.wants(event.kind(), key, own)
                })
                .cloned()
                .collect();
        }
        found
    }

    async fn changed_state(&self, since: Position) -> StoreResult<Vec<Arc<Event>>> {
        let head = self.reader.head;
        if self.room.snapshot.last_pos() <= since {
            return Ok(Vec::new());
        }
        match self.room.snapshot.recent.after(since, head) {
            Some(events) => Ok(events
                .iter()
                .map(|event| &event.event)
                .filter(|event| event.state_key().is_some())
                .cloned()
                .collect()),
            None => {
                let store = &self.reader.server.store;
                store.state_changes(&self.room.room_id, since, head).await
            }
        }
    }
}
