// SPDX-License-Identifier: Apache-2.0
//! One room of a sliding sync answer: whole when it is new to the device, else what changed.

use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
};

use estafette_core::{
    event::{Event, Membership},
    ids::{EventId, UserId},
};
use estafette_store::{Position, StoreResult};

use super::{
    connection::Told,
    lists::{self, Room},
    request::{Dialect, RoomParameters},
};
use crate::{
    render,
    sync::{
        Reader, counts,
        room::{self, Span, Window},
        state::{Scene, senders},
        writer::{ObjectWriter, array},
    },
};

/// A room's part of the answer.
pub(super) struct Part {
    /// What is told; `None` when nothing is new.
    pub(super) json: Option<String>,
    /// What the device knows afterwards.
    pub(super) told: Told,
    /// Whether the room is told whole.
    pub(super) initial: bool,
    /// The events of the timeline.
    pub(super) events: HashSet<EventId>,
}

/// What is wanted of a room, and what the device knows.
pub(super) struct Wish<'a> {
    pub(super) dialect: Dialect,
    pub(super) parameters: &'a RoomParameters,
    pub(super) told: Option<&'a Told>,
    /// Up to where the connection had come; `None` at its beginning.
    pub(super) since: Option<Position>,
    pub(super) is_direct: bool,
    /// Whether receipts in the room moved since.
    pub(super) receipts_moved: bool,
    /// The lists that show the room.
    pub(super) lists: Vec<&'a str>,
}

/// What one room has to say; `None` when nothing is new, and nothing to be noted either.
pub(super) async fn part(
    reader: &Reader,
    room: &Room,
    wish: &Wish<'_>,
) -> StoreResult<Option<Part>> {
    let own = &room.own;
    if own.membership == Membership::Join {
        let inside = Inside { reader, room, wish, end: reader.head, came: own.joined_at };
        return inside.part().await;
    }
    if wish.told.is_some_and(|told| told.upto >= own.pos) {
        return Ok(None);
    }
    if matches!(own.membership, Membership::Invite | Membership::Knock) {
        return Ok(Some(stripped(reader, room, wish)));
    }
    match lists::ending(reader, &room.room_id, own.pos).await?.came {
        Some(came) => Inside { reader, room, wish, end: own.pos, came }.part().await,
        None => declined(reader, room, wish).await.map(Some),
    }
}

/// Afterwards the device knows the room up to here, and none of its members.
fn known(reader: &Reader, wish: &Wish<'_>) -> Told {
    Told {
        upto: reader.head,
        parameters: wish.parameters.clone(),
        members: BTreeSet::new(),
        is_direct: wish.is_direct,
        unread: (0, 0),
    }
}

/// An invitation or a knock: told once, with what the room says of itself.
fn stripped(reader: &Reader, room: &Room, wish: &Wish<'_>) -> Part {
    let mut json = String::new();
    let mut out = ObjectWriter::open(&mut json);
    out.display("initial", true);
    write_common(&mut out, room, wish);
    let state = room::stripped_state(&room.snapshot, reader.user_id());
    match wish.dialect {
        Dialect::Merged => array(out.key("stripped_state"), state),
        Dialect::Simplified => {
            let view = &room.snapshot.view;
            let name = view.state_text("m.room.name", "name").filter(|name| !name.is_empty());
            if let Some(name) = name {
                out.text("name", name);
            }
            if let Some(url) = view.state_text("m.room.avatar", "url") {
                out.text("avatar", url);
            }
            if wish.is_direct {
                out.display("is_dm", true);
            }
            array(out.key("invite_state"), state);
        }
    }
    out.close();
    let told = known(reader, wish);
    Part { json: Some(json), told, initial: true, events: HashSet::new() }
}

/// An invitation or a knock that came to nothing: the end of it, and nothing of the room.
async fn declined(reader: &Reader, room: &Room, wish: &Wish<'_>) -> StoreResult<Part> {
    let own = room.snapshot.view.state_event("m.room.member", reader.user_id().as_str());
    let mut json = String::new();
    let mut out = ObjectWriter::open(&mut json);
    write_common(&mut out, room, wish);
    match wish.dialect {
        Dialect::Merged => write_states(&mut out, "stripped_state", own),
        Dialect::Simplified => {
            write_states(&mut out, "required_state", own);
            let (room_id, snapshot) = (&room.room_id, &room.snapshot);
            let window = room::own_ending(reader, room_id, snapshot, room.own.pos).await?;
            let events = out.key("timeline");
            room::write_events(events, reader, &room.room_id, &window.events, None).await?;
            out.display("num_live", window.events.len());
        }
    }
    out.close();
    let told = known(reader, wish);
    Ok(Part { json: Some(json), told, initial: false, events: HashSet::new() })
}

/// What every room's part has.
fn write_common(out: &mut ObjectWriter<'_>, room: &Room, wish: &Wish<'_>) {
    out.display("bump_stamp", room.bump);
    if wish.dialect == Dialect::Merged {
        out.text("membership", room.own.membership.as_str());
        if !wish.lists.is_empty() {
            let names = wish.lists.iter().map(|name| serde_json::Value::from(*name).to_string());
            array(out.key("lists"), names);
        }
    }
}

fn write_states<'a>(
    out: &mut ObjectWriter<'_>,
    member: &str,
    events: impl IntoIterator<Item = &'a Arc<Event>>,
) {
    let rendered = events.into_iter().map(|event| {
        let mut text = String::new();
        render::state_event(&mut text, event);
        text
    });
    array(out.key(member), rendered);
}

/// A room that the user is in, or was in until `end`: nothing from after it is told (T-V3).
struct Inside<'a> {
    reader: &'a Reader,
    room: &'a Room,
    wish: &'a Wish<'a>,
    end: Position,
    /// Where the user came in last.
    came: Position,
}

/// What is found to tell.
struct Found {
    initial: bool,
    /// The device now wants more of the past than it was given.
    expands: bool,
    window: Window,
    /// The state that changed; empty where the room is told whole.
    changed: Vec<Arc<Event>>,
    /// The state that is told.
    state: Vec<Arc<Event>>,
    /// Of a room that the user is out of and that is told whole: its state at the end.
    then: Vec<Arc<Event>>,
    members: BTreeSet<UserId>,
    unread: (u64, u64),
}

impl Inside<'_> {
    fn is_in(&self) -> bool {
        self.room.own.membership == Membership::Join
    }

    async fn part(&self) -> StoreResult<Option<Part>> {
        let found = self.find().await?;
        let wish = self.wish;
        let known = wish.told.map_or((false, (0, 0)), |told| (told.is_direct, told.unread));
        let nothing = found.window.events.is_empty()
            && !found.window.limited
            && found.state.is_empty()
            && !found.initial
            && !found.expands
            && known == (wish.is_direct, found.unread);
        let upto = self.end;
        if nothing
            && wish.told.is_some_and(|told| {
                told.parameters == *wish.parameters && self.room.snapshot.last_pos() <= told.upto
            })
        {
            return Ok(None);
        }
        let json = if nothing { None } else { Some(self.write(&found).await?) };
        let told = Told {
            upto,
            parameters: wish.parameters.clone(),
            members: found.members,
            is_direct: wish.is_direct,
            unread: found.unread,
        };
        let events = found.window.events.iter();
        let events = events.map(|visible| visible.event.event.event_id().clone()).collect();
        Ok(Some(Part { json, told, initial: found.initial, events }))
    }

    async fn find(&self) -> StoreResult<Found> {
        let Self { reader, room, wish, end, .. } = self;
        // The room is whole when the device was told nothing of it since the user came in.
        let told = wish.told.filter(|told| told.upto >= self.came);
        let initial = told.is_none();
        let since = told.map_or(Position(0), |told| told.upto);
        let limit = wish.parameters.timeline_limit;
        let expands =
            self.is_in() && told.is_some_and(|told| told.parameters.timeline_limit < limit);
        let from = if expands { Position(0) } else { since };
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let span = Span { since: from, upto: *end, limit, filter: None };
        let window = room::window(reader, &room.room_id, &room.snapshot, &span).await?;
        let scene = Scene {
            reader,
            room_id: &room.room_id,
            snapshot: &room.snapshot,
            upto: *end,
            after: true,
        };
        let changed = if initial { Vec::new() } else { scene.changes(since, *end).await? };
        let then = if initial && !self.is_in() { scene.full(&window).await? } else { Vec::new() };
        let mut state = self.state(told, &changed, &then);
        let mut members = told.map(|told| told.members.clone()).unwrap_or_default();
        if wish.parameters.lazy_members() {
            self.add_members((&window, &then), &changed, &mut members, &mut state);
        }
        let unread = self.unread(told, &window).await?;
        Ok(Found { initial, expands, window, changed, state, then, members, unread })
    }

    /// Unread notifications and highlights. The merged dialect does not tell them.
    async fn unread(&self, told: Option<&Told>, window: &Window) -> StoreResult<(u64, u64)> {
        if self.wish.dialect == Dialect::Merged || !self.is_in() {
            return Ok((0, 0));
        }
        let quiet = window.events.is_empty() && !window.limited && !self.wish.receipts_moved;
        if let Some(told) = told.filter(|_| quiet) {
            return Ok(told.unread);
        }
        let unread = counts::unread(self.reader, &self.room.room_id, &self.room.snapshot).await?;
        let total = unread.total();
        Ok((total.notification, total.highlight))
    }

    /// The state that is wanted and new to the device.
    fn state(
        &self,
        told: Option<&Told>,
        changed: &[Arc<Event>],
        then: &[Arc<Event>],
    ) -> Vec<Arc<Event>> {
        let wanted = self.wish.parameters;
        let wants = |event: &Event, by: &RoomParameters| {
            by.wants(event.kind(), event.state_key().unwrap_or_default())
        };
        let own =
            self.room.snapshot.view.state_event("m.room.member", self.reader.user_id().as_str());
        let own = own.filter(|_| !self.is_in()).into_iter().cloned();
        let mut state: Vec<Arc<Event>> = own.collect();
        let mut add = |event: Arc<Event>| {
            if !state.iter().any(|known| known.event_id() == event.event_id()) {
                state.push(event);
            }
        };
        changed.iter().filter(|event| wants(event, wanted)).cloned().for_each(&mut add);
        let same = told.is_some_and(|told| told.parameters.required_state == wanted.required_state);
        if same || (told.is_some() && !self.is_in()) {
            return state;
        }
        // What is wanted now and was not before is told as it stands.
        let newly = |event: &Arc<Event>| told.is_none_or(|told| !wants(event, &told.parameters));
        if self.is_in() {
            self.wanted_now().into_iter().filter(newly).for_each(&mut add);
        } else {
            then.iter().filter(|event| wants(event, wanted)).cloned().for_each(&mut add);
        }
        state
    }

    /// The membership of a user as the reader may know it.
    fn member<'b>(&'b self, user: &UserId, then: &'b [Arc<Event>]) -> Option<&'b Arc<Event>> {
        if self.is_in() {
            return self.room.snapshot.view.state_event("m.room.member", user.as_str());
        }
        then.iter().find(|event| {
            event.kind() == "m.room.member" && event.state_key() == Some(user.as_str())
        })
    }

    /// The state that is wanted, as it stands. Single keys are looked up; only wildcards walk.
    fn wanted_now(&self) -> Vec<Arc<Event>> {
        let state = self.room.snapshot.view.state();
        let parameters = self.wish.parameters;
        let mut found: Vec<Arc<Event>> = Vec::new();
        let elements = parameters.required_state.iter().flat_map(|wanted| &wanted.include);
        if elements.clone().any(|element| element.kind.is_none()) {
            found.extend(state.iter().cloned());
        } else {
            for element in elements {
                let kind = element.kind.as_deref().unwrap_or_default();
                match &element.state_key {
                    None => found.extend(state.iter_kind(kind).cloned()),
                    Some(key) => {
                        found.extend(self.room.snapshot.view.state_event(kind, key).cloned())
                    }
                }
            }
        }
        let mut seen = HashSet::new();
        found.retain(|event| {
            parameters.wants(event.kind(), event.state_key().unwrap_or_default())
                && seen.insert(event.event_id().clone())
        });
        found
    }

    /// Lazy members (MSC4186): the senders in the timeline and those of whom its events speak, as
    /// far as they were not told before, and whoever changed since where there is no gap.
    fn add_members(
        &self,
        (window, then): (&Window, &[Arc<Event>]),
        changed: &[Arc<Event>],
        members: &mut BTreeSet<UserId>,
        state: &mut Vec<Arc<Event>>,
    ) {
        let is_member = |event: &&Arc<Event>| event.kind() == "m.room.member";
        let user_of = |event: &Arc<Event>| UserId::parse(event.state_key()?).ok();
        let in_timeline = window.events.iter().map(|visible| &visible.event.event);
        let targets: Vec<UserId> = in_timeline.filter(is_member).filter_map(user_of).collect();
        let changed: Vec<UserId> = changed.iter().filter(is_member).filter_map(user_of).collect();
        let mut needed: Vec<UserId> = senders(window, true).into_iter().chain(targets).collect();
        needed.retain(|user| !members.contains(user) || changed.contains(user));
        if !window.limited {
            needed.extend(changed);
        }
        for user in needed {
            if let Some(event) = self.member(&user, then)
                && !state.iter().any(|known| known.event_id() == event.event_id())
            {
                state.push(Arc::clone(event));
            }
            members.insert(user);
        }
    }

    async fn write(&self, found: &Found) -> StoreResult<String> {
        let mut json = String::with_capacity(1024);
        let mut out = ObjectWriter::open(&mut json);
        let merged = self.wish.dialect == Dialect::Merged;
        if found.initial {
            out.display("initial", true);
        }
        if found.expands {
            out.display(
                if merged { "expanded_timeline" } else { "unstable_expanded_timeline" },
                true,
            );
        }
        write_common(&mut out, self.room, self.wish);
        self.write_identity(&mut out, found);
        write_states(&mut out, "required_state", &found.state);
        self.write_timeline(&mut out, found).await?;
        if !merged {
            out.display("notification_count", found.unread.0);
            out.display("highlight_count", found.unread.1);
        }
        out.close();
        Ok(json)
    }

    async fn write_timeline(&self, out: &mut ObjectWriter<'_>, found: &Found) -> StoreResult<()> {
        let window = &found.window;
        if self.wish.parameters.timeline_limit == 0 {
            return Ok(());
        }
        // Live is what happened since the last answer, whenever the device last saw the room.
        let live = |since: Position| {
            window.events.iter().filter(|visible| visible.event.pos() > since).count()
        };
        let events = out.key("timeline");
        room::write_events(events, self.reader, &self.room.room_id, &window.events, None).await?;
        out.display("limited", window.limited);
        out.text("prev_batch", &format!("t{}", window.prev_batch));
        out.display("num_live", self.wish.since.map_or(0, live));
        Ok(())
    }

    /// `name`, `avatar`, `is_dm`, `heroes` and the counts of members, as far as they are new.
    fn write_identity(&self, out: &mut ObjectWriter<'_>, found: &Found) {
        let changed =
            |kind: &str| found.initial || found.changed.iter().any(|event| event.kind() == kind);
        let is_dm_told = self.wish.told.filter(|_| !found.initial).map(|told| told.is_direct);
        if self.wish.is_direct != is_dm_told.unwrap_or(false) {
            out.display("is_dm", self.wish.is_direct);
        }
        let view = &self.room.snapshot.view;
        let text = |kind: &str, member: &str| {
            let event = match self.is_in() {
                true => view.state_event(kind, ""),
                false => found.then.iter().chain(&found.changed).find(|event| event.kind() == kind),
            };
            let text = event.and_then(|event| event.content().get(member)?.as_str());
            text.filter(|text| !text.is_empty())
        };
        let name = text("m.room.name", "name");
        let avatar = text("m.room.avatar", "url");
        let kinds = [("name", "m.room.name", name), ("avatar", "m.room.avatar", avatar)];
        let new = kinds.into_iter().filter(|(_, kind, _)| changed(kind));
        for (member, _, value) in new {
            match value {
                Some(value) => out.text(member, value),
                None if found.initial || self.wish.dialect == Dialect::Simplified => {}
                None => out.raw(member, "null"),
            }
        }
        if !self.is_in() {
            return;
        }
        let members = changed("m.room.member");
        if name.is_none() && (members || changed("m.room.name")) {
            let heroes = room::heroes(&self.room.snapshot, self.reader.user_id());
            let heroes = heroes.into_iter().map(|user| hero(self.room, &user));
            array(out.key("heroes"), heroes);
        }
        if members {
            out.display("joined_count", view.joined_count());
            out.display("invited_count", view.invited_count());
        }
    }
}

fn hero(room: &Room, user: &UserId) -> String {
    let member = room.snapshot.view.state_event("m.room.member", user.as_str());
    let of_profile = |key: &str| {
        member.and_then(|member| member.content().get(key)?.as_str().map(str::to_owned))
    };
    let mut text = String::new();
    let mut hero = ObjectWriter::open(&mut text);
    hero.text("user_id", user.as_str());
    if let Some(name) = of_profile("displayname") {
        hero.text("displayname", &name);
    }
    if let Some(url) = of_profile("avatar_url") {
        hero.text("avatar_url", &url);
    }
    hero.close();
    text
}
