// SPDX-License-Identifier: Apache-2.0
//! The `rooms` of a `/sync` answer: joined, invited, knocked and left ones.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt::Write as _,
    sync::Arc,
};

use estafette_core::{
    event::{Event, Membership},
    filter::EventFormat,
    ids::{RoomId, UserId},
    json::write_json_string,
};
use estafette_store::{
    AccountDataStore as _, Position, RoomStore as _, StoreResult, account_data::AccountData,
    rooms::Receipt,
};
use parking_lot::Mutex;

use super::{
    Wish,
    answer::{Scope, account_data_event},
};
use crate::{
    history,
    notify::OwnRoom,
    render,
    rooms::Snapshot,
    sync::{
        Reader, SentMembers, counts,
        room::{self, Span, Window},
        state::{Scene, senders},
        writer::{ObjectWriter, array},
    },
};

/// Events of a room's timeline when the filter says nothing.
const TIMELINE_DEFAULT: u32 = 10;

/// Writes the `rooms` member; `false` when there was nothing to write.
pub(super) async fn write(
    reader: &Reader,
    wish: &Wish,
    scope: &Scope,
    (account_data, sent): (&[AccountData], Option<&Mutex<SentMembers>>),
    answer: &mut ObjectWriter<'_>,
) -> StoreResult<bool> {
    let mut sections: BTreeMap<&'static str, Vec<(String, String)>> = BTreeMap::new();
    let rooms = open_rooms(reader, wish, scope).await?;
    let moved = moved_receipts(reader, wish, scope, &rooms).await?;
    for (room_id, own, snapshot) in &rooms {
        let moved = moved.get(room_id);
        let told = Told { reader, wish, scope, room_id, own, snapshot, account_data, moved, sent };
        let (section, block) = match own.membership {
            Membership::Join => ("join", told.joined().await?),
            Membership::Invite => ("invite", told.stripped("invite_state").await?),
            Membership::Knock => ("knock", told.stripped("knock_state").await?),
            Membership::Leave | Membership::Ban => ("leave", told.left().await?),
        };
        if let Some(block) = block {
            sections.entry(section).or_default().push((room_id.as_str().to_owned(), block));
        }
    }
    if sections.is_empty() {
        return Ok(false);
    }
    let bytes: usize =
        sections.values().flatten().map(|(room_id, block)| room_id.len() + block.len() + 4).sum();
    answer.reserve(bytes + 256);
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

/// How many events of each timeline are wanted.
fn limit(wish: &Wish) -> usize {
    let limit = wish.filter.room.timeline.event.limit.unwrap_or(TIMELINE_DEFAULT);
    usize::try_from(limit).unwrap_or(usize::MAX)
}

/// A room of the scope as it is now.
type OpenRoom = (RoomId, OwnRoom, Arc<Snapshot>);

/// The rooms of the scope. What telling of many of them needs is read in few visits to the store.
async fn open_rooms(reader: &Reader, wish: &Wish, scope: &Scope) -> StoreResult<Vec<OpenRoom>> {
    let (rooms, store) = (&reader.server.rooms, &reader.server.store);
    if scope.rooms.len() > 1 {
        let ids: Vec<RoomId> = scope.rooms.iter().map(|(room_id, _)| room_id.clone()).collect();
        rooms.warm(store, &ids).await?;
    }
    let mut open = Vec::with_capacity(scope.rooms.len());
    for (room_id, own) in &scope.rooms {
        if let Some(hot) = rooms.get(store, room_id).await? {
            open.push((room_id.clone(), own.clone(), hot.snapshot()));
        }
    }
    if open.len() > 1 {
        let joined = open.iter().filter(|(_, own, _)| own.membership == Membership::Join);
        let joined: Vec<_> =
            joined.map(|(room_id, _, snapshot)| (room_id.clone(), Arc::clone(snapshot))).collect();
        counts::prepare(reader, &joined).await?;
        let limit = limit(wish);
        let late = open.iter().filter(|(_, own, snapshot)| {
            room::may_begin_before(snapshot, own.joined_at, (reader.head, limit))
        });
        let late = late.map(|(room_id, _, _)| room_id);
        history::prepare(&reader.server, &reader.user, late).await?;
    }
    Ok(open)
}

/// Receipts that entered the log after a position.
type Moved = (Position, Vec<Receipt>);

/// The receipts that moved since, of the rooms where some may have, read in one visit.
async fn moved_receipts(
    reader: &Reader,
    wish: &Wish,
    scope: &Scope,
    rooms: &[OpenRoom],
) -> StoreResult<HashMap<RoomId, Moved>> {
    let since = wish.since.map(|since| since.pos);
    let mut questions = Vec::new();
    for (room_id, own, _) in rooms {
        let came_in = since.is_none_or(|since| own.joined_at > since);
        let unmoved = scope.receipts.as_ref().is_some_and(|in_rooms| !in_rooms.contains(room_id));
        if own.membership == Membership::Join && (came_in || !unmoved) {
            let after = if came_in { Position(0) } else { since.unwrap_or_default() };
            questions.push((room_id.clone(), after));
        }
    }
    if questions.is_empty() {
        return Ok(HashMap::new());
    }
    let receipts = reader.server.store.look(move |look| {
        let of_room = |(room_id, after): (RoomId, Position)| {
            let receipts = look.receipts(&room_id, after)?;
            Ok((room_id, (after, receipts)))
        };
        questions.into_iter().map(of_room).collect()
    });
    receipts.await
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
    /// The receipts that moved since.
    moved: Option<&'a Moved>,
    /// The members that the device has, with those of this answer.
    sent: Option<&'a Mutex<SentMembers>>,
}

impl Told<'_> {
    fn since(&self) -> Option<Position> {
        self.wish.since.map(|since| since.pos)
    }

    /// `invite` and `knock`: told once, when it happened. Invitations from ignored users are not
    /// told (Client-Server API, "Ignoring Users").
    async fn stripped(&self, member: &str) -> StoreResult<Option<String>> {
        let known = self.since().is_some_and(|since| self.own.pos <= since);
        if known && !self.wish.full_state {
            return Ok(None);
        }
        let user_id = self.reader.user_id();
        let ignored = history::ignored_users(&self.reader.server, &self.reader.user).await?;
        let own = self.snapshot.view.state_event("m.room.member", user_id.as_str());
        if own.is_some_and(|own| ignored.contains(own.sender())) {
            return Ok(None);
        }
        let mut out = String::new();
        let mut block = ObjectWriter::open(&mut out);
        block.events(member, room::stripped_state(self.snapshot, user_id));
        block.close();
        Ok(Some(out))
    }

    fn scene(&self, upto: Position) -> Scene<'_> {
        Scene {
            reader: self.reader,
            room_id: self.room_id,
            snapshot: self.snapshot,
            upto,
            after: self.wish.state_after.is_some(),
        }
    }

    async fn window(&self, since: Position, upto: Position) -> StoreResult<Window> {
        let filter = Some(&self.wish.filter.room.timeline);
        let span = Span { since, upto, limit: limit(self.wish), filter };
        room::window(self.reader, self.room_id, self.snapshot, &span).await
    }

    async fn joined(&self) -> StoreResult<Option<String>> {
        let came_in = self.since().is_none_or(|since| self.own.joined_at > since);
        let since = if came_in { Position(0) } else { self.since().unwrap_or_default() };
        let full = came_in || self.wish.full_state;
        let mut window = self.window(since, self.reader.head).await?;
        // Whoever came in meanwhile has the whole past still to fetch.
        window.limited |= came_in && self.since().is_some();
        let scene = self.scene(self.reader.head);
        let summary = full || self.members_changed(&scene, &window, since).await?;
        let state = self.state(&scene, &window, (!full).then_some(since), summary).await?;
        let (ephemeral, read) = self.ephemeral(came_in).await?;
        let own_data = self.own_account_data(came_in).await?;
        let nothing = window.events.is_empty()
            && state.is_empty()
            && ephemeral.is_empty()
            && own_data.is_empty()
            && !window.limited
            && !read;
        if nothing && !full {
            return Ok(None);
        }
        let mut out = String::with_capacity(1024);
        let mut block = ObjectWriter::open(&mut out);
        // Clients in use expect these members, empty or not.
        block.events("account_data", own_data);
        block.events("ephemeral", ephemeral);
        self.write_state(&mut block, &state);
        if summary {
            room::write_summary(&mut block, self.snapshot, self.reader.user_id());
        }
        self.write_timeline(&mut block, &window).await?;
        self.write_counts(&mut block).await?;
        block.close();
        Ok(Some(out))
    }

    /// Whether somebody's membership changed after `since`, so that the summary may have.
    async fn members_changed(
        &self,
        scene: &Scene<'_>,
        window: &Window,
        since: Position,
    ) -> StoreResult<bool> {
        let is_member = |event: &Arc<Event>| event.kind() == "m.room.member";
        if window.complete {
            return Ok(window.events.iter().any(|visible| is_member(&visible.event.event)));
        }
        Ok(scene.changes(since, scene.upto).await?.iter().any(is_member))
    }

    /// The state that goes with a window (pitfall 30): all of it, or what changed after `since`.
    async fn state(
        &self,
        scene: &Scene<'_>,
        window: &Window,
        since: Option<Position>,
        summary: bool,
    ) -> StoreResult<Vec<Arc<Event>>> {
        let filter = &self.wish.filter.room.state;
        if filter.wants_nothing() || !filter.wants_room(self.room_id) {
            return Ok(Vec::new());
        }
        let mut state = match since {
            None => scene.full(window).await?,
            Some(since) => scene.delta(window, since).await?,
        };
        if !filter.wants_everything() {
            state.retain(|event| room::wants(filter, event));
        }
        if filter.lazy_load_members {
            let how = (since.is_none(), summary);
            self.keep_needed_members(scene, window, how, &mut state).await?;
        }
        Ok(state)
    }

    /// Lazy loading: of the members only those whom the window's events and the summary need, and
    /// who were not sent to this device before (Client-Server API, "Lazy-loading room members").
    async fn keep_needed_members(
        &self,
        scene: &Scene<'_>,
        window: &Window,
        (full, summary): (bool, bool),
        state: &mut Vec<Arc<Event>>,
    ) -> StoreResult<()> {
        let mut needed: BTreeSet<UserId> = senders(window, scene.after).into_iter().collect();
        if full {
            needed.insert(self.reader.user_id().clone());
        }
        if summary && !room::is_named(self.snapshot) {
            needed.extend(room::heroes(self.snapshot, self.reader.user_id()));
        }
        let is_member = |event: &Event| event.kind() == "m.room.member";
        let member_of = |event: &Event| event.state_key().and_then(|key| UserId::parse(key).ok());
        if full {
            state.retain(|event| {
                !is_member(event) || member_of(event).is_some_and(|user| needed.contains(&user))
            });
        }
        let in_timeline = window.events.iter().map(|visible| &*visible.event.event);
        let told = state.iter().map(|event| &**event).chain(in_timeline);
        for user in told.filter(|event| is_member(event)).filter_map(member_of) {
            self.first_time(&user);
        }
        let present = state.iter().filter(|event| is_member(event));
        let present: BTreeSet<UserId> = present.filter_map(|event| member_of(event)).collect();
        let filter = &self.wish.filter.room.state;
        for (user, member) in scene.members(window, needed.difference(&present)).await? {
            let wanted = filter.wants_everything() || room::wants(filter, &member);
            if wanted && (self.first_time(user) || full || filter.include_redundant_members) {
                state.push(member);
            }
        }
        Ok(())
    }

    fn first_time(&self, user: &UserId) -> bool {
        self.sent.is_none_or(|sent| sent.lock().first_time(self.room_id, user))
    }

    fn write_state(&self, block: &mut ObjectWriter<'_>, state: &[Arc<Event>]) {
        let member = self.wish.state_after.unwrap_or("state");
        let fields = self.wish.filter.event_fields.as_ref();
        let out = block.key(member);
        out.push_str("{\"events\":[");
        for (index, event) in state.iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            let begin = out.len();
            match self.wish.filter.event_format {
                EventFormat::Client => render::state_event(out, event),
                EventFormat::Federation => render::federation_event(out, event),
            }
            room::project(out, begin, fields);
        }
        out.push_str("]}");
    }

    async fn write_timeline(
        &self,
        block: &mut ObjectWriter<'_>,
        window: &Window,
    ) -> StoreResult<()> {
        let fields = self.wish.filter.event_fields.as_ref();
        let mut timeline = block.object("timeline");
        let out = timeline.key("events");
        match self.wish.filter.event_format {
            EventFormat::Client => {
                room::write_events(out, self.reader, self.room_id, &window.events, fields).await?;
            }
            EventFormat::Federation => {
                let events = window.events.iter().map(|visible| {
                    let mut event = String::new();
                    render::federation_event(&mut event, &visible.event.event);
                    room::project(&mut event, 0, fields);
                    event
                });
                array(out, events);
            }
        }
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
        if per_thread && !unread.threads.is_empty() {
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

    /// The typing and receipt events, and whether the reader's own receipts moved.
    async fn ephemeral(&self, came_in: bool) -> StoreResult<(Vec<String>, bool)> {
        let filter = &self.wish.filter.room.ephemeral;
        let wants = |kind| filter.wants_room(self.room_id) && filter.event.wants_type(kind);
        let receipts = self.receipts(came_in).await?;
        let own = |receipt: &Receipt| receipt.user_id == *self.reader.user_id();
        let read = receipts.iter().any(own);
        let mut events = Vec::new();
        if wants("m.receipt") {
            events.extend(receipt_event(&receipts));
        }
        if wants("m.typing") && self.scope.typing.contains(self.room_id) {
            events.push(typing_event(&self.reader.server.typing.in_room(self.room_id).1));
        }
        Ok((events, read))
    }

    /// The receipts that moved since, as far as the reader may see them.
    async fn receipts(&self, came_in: bool) -> StoreResult<Vec<Receipt>> {
        let unmoved =
            self.scope.receipts.as_ref().is_some_and(|in_rooms| !in_rooms.contains(self.room_id));
        if unmoved && !came_in {
            return Ok(Vec::new());
        }
        let after = if came_in { Position(0) } else { self.since().unwrap_or_default() };
        let mut receipts = match self.moved {
            Some((since, moved)) if *since == after => moved.clone(),
            _ => self.reader.server.store.receipts(self.room_id, after).await?,
        };
        receipts.retain(|receipt| {
            (receipt.pos <= self.reader.head || came_in)
                && (receipt.kind == "m.read" || receipt.user_id == *self.reader.user_id())
        });
        Ok(receipts)
    }

    async fn own_account_data(&self, came_in: bool) -> StoreResult<Vec<String>> {
        let filter = &self.wish.filter.room.account_data;
        if filter.wants_nothing() || !filter.wants_room(self.room_id) {
            return Ok(Vec::new());
        }
        let mut data = Vec::new();
        if came_in && self.since().is_some() {
            let (store, user_id) = (&self.reader.server.store, self.reader.user_id());
            data = store.room_account_data(user_id, self.room_id).await?;
        } else {
            let of_room = |data: &&AccountData| data.room_id.as_ref() == Some(self.room_id);
            data.extend(self.account_data.iter().filter(of_room).cloned());
        }
        data.retain(|data| filter.event.wants_type(&data.kind));
        Ok(data.iter().map(account_data_event).collect())
    }

    /// `leave`: what happened until the reader went. Told once; on an initial sync and with
    /// `full_state` only when the filter asks for it.
    async fn left(&self) -> StoreResult<Option<String>> {
        let upto = self.own.pos;
        let archive = self.wish.filter.room.include_leave;
        let since = match self.since() {
            Some(since) if upto > since => Some(since),
            _ if !archive => return Ok(None),
            Some(_) if !self.wish.full_state => return Ok(None),
            _ => None,
        };
        let stay = self.stay(since).await?;
        let full = stay != Stay::Went || self.wish.full_state;
        let from = if stay == Stay::Went { since.unwrap_or_default() } else { Position(0) };
        let (mut window, mut state) = (None, Vec::new());
        if stay != Stay::Outside {
            let mut told = self.window(from, upto).await?;
            told.limited |= stay == Stay::CameAndWent && since.is_some();
            let since = (!full).then_some(from);
            state = self.state(&self.scene(upto), &told, since, false).await?;
            window = Some(told);
        }
        let window = match window {
            Some(window) => window,
            // Somebody who declined or was never in sees nothing but that.
            None => room::own_ending(self.reader, self.room_id, self.snapshot, upto).await?,
        };
        if stay == Stay::Outside && self.wish.state_after.is_some() {
            // Who asks for the state after a timeline takes no state from the timeline itself.
            state = window.events.iter().map(|visible| Arc::clone(&visible.event.event)).collect();
        }
        let own_data = self.own_account_data(false).await?;
        let mut out = String::new();
        let mut block = ObjectWriter::open(&mut out);
        block.events("account_data", own_data);
        self.write_state(&mut block, &state);
        self.write_timeline(&mut block, &window).await?;
        block.close();
        Ok(Some(out))
    }

    /// How the reader was in a room that the reader has left, between `since` and the leave.
    async fn stay(&self, since: Option<Position>) -> StoreResult<Stay> {
        let key = ("m.room.member".to_owned(), self.reader.user_id().as_str().to_owned());
        let history = self.reader.server.store.state_history(self.room_id, &[key]).await?;
        let history = history.into_iter().next().unwrap_or_default();
        let is_join = |event: &Arc<Event>| event.membership() == Some(Membership::Join);
        let before = history.iter().rfind(|(pos, _)| Some(*pos) <= since);
        if before.is_some_and(|(_, event)| is_join(event)) {
            return Ok(Stay::Went);
        }
        let upto = self.own.pos;
        let mut meanwhile = history.iter().filter(|(pos, _)| Some(*pos) > since && *pos <= upto);
        let came = meanwhile.any(|(_, event)| is_join(event));
        Ok(if came { Stay::CameAndWent } else { Stay::Outside })
    }
}

/// How a reader was in a room that the reader has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stay {
    /// In it at the token.
    Went,
    /// In it between the token and the leave.
    CameAndWent,
    /// Not in it since the token: the reader declined, or was kept out.
    Outside,
}

/// Client-Server API, `m.receipt`: event → kind → user → data. Where a user has read an event both
/// in a thread and without one, the receipt without a thread is told (MSC4102).
pub(crate) fn receipt_event(receipts: &[Receipt]) -> Option<String> {
    if receipts.is_empty() {
        return None;
    }
    let mut by_event: BTreeMap<&str, BTreeMap<&str, BTreeMap<&str, &Receipt>>> = BTreeMap::new();
    for receipt in receipts {
        let of_event = by_event.entry(receipt.event_id.as_str()).or_default();
        let of_kind = of_event.entry(receipt.kind.as_str()).or_default();
        let known = of_kind.entry(receipt.user_id.as_str()).or_insert(receipt);
        if receipt.thread.is_empty() {
            *known = receipt;
        }
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
