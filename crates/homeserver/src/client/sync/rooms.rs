// SPDX-License-Identifier: Apache-2.0
//! The `rooms` of a `/sync` answer: joined, invited, knocked and left ones.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    fmt::Write as _,
    sync::Arc,
};

use estafette_core::{
    event::{Event, Membership},
    ids::{RoomId, UserId},
    json::write_json_string,
};
use estafette_store::{
    Position, RoomStore as _, StoreResult, account_data::AccountData, rooms::Receipt,
};

use super::{
    Wish,
    answer::{Scope, account_data_event},
};
use crate::{
    notify::OwnRoom,
    render,
    rooms::Snapshot,
    sync::{
        Reader, Token, counts,
        room::{self, Window},
        writer::{ObjectWriter, array},
    },
};

/// Events of a room's timeline when the filter says nothing.
const TIMELINE_DEFAULT: u32 = 10;

/// The version of typing as of now, and the rooms whose typing the device has not seen.
pub(super) fn typing(reader: &Reader, wish: &Wish) -> (u64, BTreeSet<RoomId>) {
    let typing = &reader.server.typing;
    let now = typing.version();
    let seen = seen(reader, wish).map_or(0, |memory| memory.0);
    let is_in = |room_id: &RoomId| {
        reader.user.room(room_id).is_some_and(|own| own.membership == Membership::Join)
    };
    let mut changed = typing.changed_since(seen);
    // A device that saw nothing need not hear of people who stopped.
    changed.retain(|room_id| is_in(room_id) && (seen > 0 || !typing.in_room(room_id).1.is_empty()));
    (now, changed.into_iter().collect())
}

/// The versions of typing and of presence that the device has seen, if it goes on from the answer
/// that is remembered.
pub(super) fn seen(reader: &Reader, wish: &Wish) -> Option<(u64, u64)> {
    let devices = reader.user.devices.lock();
    let memory = devices.get(reader.device_id.as_ref()?)?;
    (memory.answered == wish.since).then_some((memory.typing, memory.presence))
}

/// Notes what the device knows once it has this answer.
pub(super) fn remember_answer(reader: &Reader, token: Token, (typing, presence): (u64, u64)) {
    let Some(device_id) = &reader.device_id else { return };
    let mut devices = reader.user.devices.lock();
    let memory = devices.entry(device_id.clone()).or_default();
    memory.answered = Some(token);
    memory.typing = typing;
    memory.presence = presence;
}

/// Writes the `rooms` member; `false` when there was nothing to write.
pub(super) async fn write(
    reader: &Reader,
    wish: &Wish,
    scope: &Scope,
    account_data: &[AccountData],
    answer: &mut ObjectWriter<'_>,
) -> StoreResult<bool> {
    let mut sections: BTreeMap<&'static str, Vec<(String, String)>> = BTreeMap::new();
    for (room_id, own) in &scope.rooms {
        let Some(hot) = reader.server.rooms.get(&reader.server.store, room_id).await? else {
            continue;
        };
        let snapshot = hot.snapshot();
        let told = Told { reader, wish, scope, room_id, own, snapshot: &snapshot, account_data };
        let (section, block) = match own.membership {
            Membership::Join => ("join", told.joined().await?),
            Membership::Invite => ("invite", told.stripped("invite_state")),
            Membership::Knock => ("knock", told.stripped("knock_state")),
            Membership::Leave | Membership::Ban => ("leave", told.left().await?),
        };
        if let Some(block) = block {
            sections.entry(section).or_default().push((room_id.as_str().to_owned(), block));
        }
    }
    if sections.is_empty() {
        return Ok(false);
    }
    let mut rooms = answer.object("rooms");
    for (section, blocks) in sections {
        let mut of_section = rooms.object(section);
        for (room_id, block) in blocks {
            of_section.raw(&room_id, &block);
        }
        of_section.close();
    }
    rooms.close();
    Ok(true)
}

/// One room that is being told.
struct Told<'a> {
    reader: &'a Reader,
    wish: &'a Wish,
    scope: &'a Scope,
    room_id: &'a RoomId,
    own: &'a OwnRoom,
    snapshot: &'a Arc<Snapshot>,
    account_data: &'a [AccountData],
}

impl Told<'_> {
    fn since(&self) -> Option<Position> {
        self.wish.since.map(|since| since.pos)
    }

    fn lazy(&self) -> bool {
        self.wish.filter.room.state.lazy_load_members
    }

    fn limit(&self) -> usize {
        let limit = self.wish.filter.room.timeline.event.limit.unwrap_or(TIMELINE_DEFAULT);
        usize::try_from(limit).unwrap_or(usize::MAX)
    }

    /// `invite` and `knock`: told once, when it happened.
    fn stripped(&self, member: &str) -> Option<String> {
        if self.since().is_some_and(|since| self.own.pos <= since) {
            return None;
        }
        let mut out = String::new();
        let mut block = ObjectWriter::open(&mut out);
        block.events(member, room::stripped_state(self.snapshot, self.reader.user_id()));
        block.close();
        Some(out)
    }

    async fn joined(&self) -> StoreResult<Option<String>> {
        let came_in = self.since().is_none_or(|since| self.own.joined_at > since);
        let since = if came_in { Position(0) } else { self.since().unwrap_or_default() };
        let upto = self.reader.head;
        let mut window =
            room::window(self.reader, self.room_id, self.snapshot, (since, upto), self.limit())
                .await?;
        // Someone who just came in has everything before the window still to fetch.
        window.limited |= came_in && window.prev_batch > Position(0);
        let first = window.prev_batch;
        let state = self.state(&window, came_in, (since, first)).await?;
        room::apply_filter(&mut window, &self.wish.filter.room.timeline);
        let ephemeral = self.ephemeral(came_in).await?;
        let own_data: Vec<String> = self
            .own_account_data(came_in)
            .await?
            .iter()
            .filter(|data| self.wish.filter.room.account_data.event.wants_type(&data.kind))
            .map(account_data_event)
            .collect();
        let nothing = window.events.is_empty()
            && state.is_empty()
            && ephemeral.is_empty()
            && own_data.is_empty()
            && !window.limited;
        if nothing && !came_in && !self.wish.full_state {
            return Ok(None);
        }
        let mut out = String::with_capacity(1024);
        let mut block = ObjectWriter::open(&mut out);
        if !own_data.is_empty() {
            block.events("account_data", own_data);
        }
        if !ephemeral.is_empty() {
            block.events("ephemeral", ephemeral);
        }
        self.write_state(&mut block, &state);
        let members_changed =
            window.events.iter().any(|visible| visible.event.event.kind() == "m.room.member");
        if came_in || members_changed || self.wish.full_state {
            room::write_summary(&mut block, self.snapshot, self.reader.user_id());
        }
        self.write_timeline(&mut block, &window).await?;
        self.write_counts(&mut block).await?;
        block.close();
        Ok(Some(out))
    }

    /// The state that goes with a window (pitfall 30).
    async fn state(
        &self,
        window: &Window,
        came_in: bool,
        (since, first): (Position, Position),
    ) -> StoreResult<Vec<Arc<Event>>> {
        let full = came_in || self.wish.full_state;
        let head = self.reader.head;
        let mut state: Vec<Arc<Event>> = if full && self.wish.state_after {
            self.snapshot.view.state().iter_unordered().cloned().collect()
        } else if full {
            room::state_before(self.snapshot, window, head)
        } else if self.wish.state_after {
            if window.limited {
                self.reader.server.store.state_changes(self.room_id, since, head).await?
            } else {
                let in_window = window.events.iter().map(|visible| &visible.event.event);
                in_window.filter(|event| event.state_key().is_some()).cloned().collect()
            }
        } else if window.limited {
            self.reader.server.store.state_changes(self.room_id, since, first).await?
        } else {
            Vec::new()
        };
        if self.lazy() {
            self.keep_needed_members(window, full, &mut state);
        }
        let filter = &self.wish.filter.room.state;
        if !filter.wants_everything() {
            state.retain(|event| room::wants(filter, event));
        }
        Ok(state)
    }

    /// Lazy loading: of the members only those whom the window's events need, and who were not
    /// sent to this device before (Client-Server API, "Lazy-loading room members").
    fn keep_needed_members(&self, window: &Window, full: bool, state: &mut Vec<Arc<Event>>) {
        let own = full.then(|| self.reader.user_id());
        let mut needed = room::needed_members(&window.events, own);
        if full {
            needed.extend(room::heroes(self.snapshot, self.reader.user_id()));
            let is_needed = |event: &Arc<Event>| {
                event.kind() != "m.room.member"
                    || event.state_key().is_some_and(|key| {
                        UserId::parse(key).is_ok_and(|user| needed.contains(&user))
                    })
            };
            state.retain(is_needed);
        }
        let present: HashSet<&str> = state
            .iter()
            .filter(|event| event.kind() == "m.room.member")
            .filter_map(|event| event.state_key())
            .collect();
        let mut missing: Vec<Arc<Event>> = Vec::new();
        let again = self.wish.filter.room.state.include_redundant_members;
        for user in needed {
            let first_time = self.first_time(&user);
            if present.contains(user.as_str()) || full || !(first_time || again) {
                continue;
            }
            let member = self.snapshot.view.state_event("m.room.member", user.as_str());
            missing.extend(member.cloned());
        }
        state.extend(missing);
    }

    fn first_time(&self, user: &UserId) -> bool {
        let Some(device_id) = &self.reader.device_id else { return true };
        let mut devices = self.reader.user.devices.lock();
        let memory = devices.entry(device_id.clone()).or_default();
        if memory.answered != self.wish.since {
            memory.members.clear();
            memory.answered = self.wish.since;
        }
        memory.first_time(self.room_id, user)
    }

    fn write_state(&self, block: &mut ObjectWriter<'_>, state: &[Arc<Event>]) {
        if state.is_empty() && !self.wish.state_after {
            return;
        }
        let out = block.key(self.wish.state_member);
        out.push_str("{\"events\":[");
        for (index, event) in state.iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            render::state_event(out, event);
        }
        out.push_str("]}");
    }

    async fn write_timeline(
        &self,
        block: &mut ObjectWriter<'_>,
        window: &Window,
    ) -> StoreResult<()> {
        let mut timeline = block.object("timeline");
        let out = timeline.key("events");
        room::write_events(out, self.reader, self.room_id, &window.events).await?;
        timeline.display("limited", window.limited);
        timeline.text("prev_batch", &format!("t{}", window.prev_batch));
        timeline.close();
        Ok(())
    }

    async fn write_counts(&self, block: &mut ObjectWriter<'_>) -> StoreResult<()> {
        let unread = counts::unread(self.reader, self.room_id, self.snapshot).await?;
        let per_thread = self.wish.filter.room.timeline.unread_thread_notifications;
        let main = if per_thread { unread.main } else { unread.total() };
        let mut counts = block.object("unread_notifications");
        counts.display("highlight_count", main.highlight);
        counts.display("notification_count", main.notification);
        counts.close();
        if per_thread {
            let mut threads = block.object("unread_thread_notifications");
            for (root, unread) in &unread.threads {
                let mut counts = threads.object(root.as_str());
                counts.display("highlight_count", unread.highlight);
                counts.display("notification_count", unread.notification);
                counts.close();
            }
            threads.close();
        }
        Ok(())
    }

    async fn ephemeral(&self, came_in: bool) -> StoreResult<Vec<String>> {
        let mut events: Vec<String> = self.receipts(came_in).await?.into_iter().collect();
        let wants_typing = self.wish.filter.room.ephemeral.event.wants_type("m.typing");
        if wants_typing && self.scope.typing.contains(self.room_id) {
            events.push(typing_event(&self.reader.server.typing.in_room(self.room_id).1));
        }
        Ok(events)
    }

    /// The `m.receipt` event with the receipts that moved since, as far as the reader may see them.
    async fn receipts(&self, came_in: bool) -> StoreResult<Option<String>> {
        let unmoved =
            self.scope.receipts.as_ref().is_some_and(|in_rooms| !in_rooms.contains(self.room_id));
        let wanted = self.wish.filter.room.ephemeral.event.wants_type("m.receipt");
        if !wanted || (unmoved && !came_in) {
            return Ok(None);
        }
        let after = if came_in { Position(0) } else { self.since().unwrap_or_default() };
        let receipts = self.reader.server.store.receipts(self.room_id, after).await?;
        let visible: Vec<Receipt> = receipts
            .into_iter()
            .filter(|receipt| receipt.pos <= self.reader.head || came_in)
            .filter(|receipt| receipt.kind == "m.read" || receipt.user_id == *self.reader.user_id())
            .collect();
        Ok(receipt_event(&visible))
    }

    async fn own_account_data(&self, came_in: bool) -> StoreResult<Vec<AccountData>> {
        if came_in && self.since().is_some() {
            let store = &self.reader.server.store;
            return estafette_store::AccountDataStore::room_account_data(
                store,
                self.reader.user_id(),
                self.room_id,
            )
            .await;
        }
        let of_room = |data: &&AccountData| data.room_id.as_ref() == Some(self.room_id);
        Ok(self.account_data.iter().filter(of_room).cloned().collect())
    }

    /// `leave`: what happened until the reader went. Told once; on an initial sync only when the
    /// filter asks for it.
    async fn left(&self) -> StoreResult<Option<String>> {
        let upto = self.own.pos;
        let since = match self.since() {
            None if !self.wish.filter.room.include_leave => return Ok(None),
            None => Position(0),
            Some(since) if upto <= since => return Ok(None),
            Some(since) => since,
        };
        let mut window =
            room::window(self.reader, self.room_id, self.snapshot, (since, upto), self.limit())
                .await?;
        let own_leave = |window: &Window| {
            let leaving = window.events.iter().rfind(|visible| visible.event.pos() == upto);
            leaving.and_then(|visible| visible.event.replaces.as_ref()?.membership())
        };
        if own_leave(&window) != Some(Membership::Join) {
            // Somebody who declined or was never in sees nothing but that.
            window.events.retain(|visible| visible.event.pos() == upto);
            window.limited = false;
        }
        room::apply_filter(&mut window, &self.wish.filter.room.timeline);
        let mut out = String::new();
        let mut block = ObjectWriter::open(&mut out);
        let state = if window.limited {
            let store = &self.reader.server.store;
            store.state_changes(self.room_id, since, window.prev_batch).await?
        } else {
            Vec::new()
        };
        self.write_state(&mut block, &state);
        self.write_timeline(&mut block, &window).await?;
        block.close();
        Ok(Some(out))
    }
}

/// Client-Server API, `m.receipt`: event → kind → user → data.
pub(crate) fn receipt_event(receipts: &[Receipt]) -> Option<String> {
    if receipts.is_empty() {
        return None;
    }
    let mut by_event: BTreeMap<&str, BTreeMap<&str, BTreeMap<&str, &Receipt>>> = BTreeMap::new();
    for receipt in receipts {
        let of_event = by_event.entry(receipt.event_id.as_str()).or_default();
        let of_kind = of_event.entry(receipt.kind.as_str()).or_default();
        of_kind.insert(receipt.user_id.as_str(), receipt);
    }
    let mut out = String::new();
    let mut event = ObjectWriter::open(&mut out);
    let mut content = event.object("content");
    for (event_id, kinds) in by_event {
        let mut of_event = content.object(event_id);
        for (kind, users) in kinds {
            let mut of_kind = of_event.object(kind);
            for (user, receipt) in users {
                let mut data = of_kind.object(user);
                if !receipt.thread.is_empty() {
                    data.text("thread_id", &receipt.thread);
                }
                data.display("ts", receipt.ts);
                data.close();
            }
            of_kind.close();
        }
        of_event.close();
    }
    content.close();
    event.text("type", "m.receipt");
    event.close();
    Some(out)
}

/// Client-Server API, `m.typing`.
pub(crate) fn typing_event(users: &[UserId]) -> String {
    let mut out = String::from("{\"content\":{\"user_ids\":");
    let names = users.iter().map(|user| {
        let mut name = String::new();
        write_json_string(&mut name, user.as_str());
        name
    });
    array(&mut out, names);
    let _ = write!(out, "}},\"type\":\"m.typing\"}}");
    out
}
