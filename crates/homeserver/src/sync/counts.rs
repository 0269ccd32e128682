// SPDX-License-Identifier: Apache-2.0
//! Unread counts: derived from the log and the receipts, kept nowhere but in memory.
//!
//! Client-Server API, "Receiving notifications" and "Threading". A user's own message counts as
//! read up to it. Threads are counted apart; whoever asks without threads gets their sum.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use estafette_core::{
    ids::{EventId, RoomId, UserId},
    limits::UNREAD_SCAN_MAX,
    push_rules::RuleSet,
};
use estafette_store::{
    Position, RoomStore as _, StoreResult,
    rooms::{Direction, EventFlags, Receipt, TimelineRange, UnreadCounts},
    sqlite::Look,
};

use super::Reader;
use crate::{
    Shared,
    client::push_rules,
    history, notification,
    rooms::{Snapshot, TimelineEvent},
};

/// A user's unread counts in one room.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unread {
    /// Outside threads.
    pub main: UnreadCounts,
    /// In each thread that has any.
    pub threads: BTreeMap<EventId, UnreadCounts>,
    /// Everything up to here is counted.
    upto: Position,
}

impl Unread {
    /// Outside and inside threads together.
    pub fn total(&self) -> UnreadCounts {
        self.threads.values().fold(self.main, |sum, thread| UnreadCounts {
            notification: sum.notification + thread.notification,
            highlight: sum.highlight + thread.highlight,
        })
    }

    fn add(&mut self, thread: Option<EventId>, highlight: bool) {
        let counts = match thread {
            Some(root) => self.threads.entry(root).or_default(),
            None => &mut self.main,
        };
        counts.notification += 1;
        counts.highlight += u64::from(highlight);
    }
}

/// By what a reader's notifications are judged.
#[derive(Clone)]
struct Judge {
    server: Shared,
    /// The reader's rules; `None` for the default ones.
    rules: Option<Arc<RuleSet>>,
    /// Whose events count for nothing.
    ignored: Arc<HashSet<UserId>>,
}

impl Judge {
    async fn of(reader: &Reader) -> StoreResult<Self> {
        let ignored = history::ignored_users(&reader.server, &reader.user).await?;
        let rules = own_rules(reader).await?;
        Ok(Self { server: Arc::clone(&reader.server), rules, ignored })
    }
}

/// The reader's unread counts in a room as of `reader.head`.
pub async fn unread(
    reader: &Reader,
    room_id: &RoomId,
    snapshot: &Arc<Snapshot>,
) -> StoreResult<Unread> {
    let judge = Judge::of(reader).await?;
    if let Some(known) = known(reader, room_id, snapshot, &judge) {
        return Ok(known);
    }
    let generation = reader.user.counts_generation();
    let question = Question::new(reader, room_id, snapshot);
    let counted = reader.server.store.look(move |look| question.count(look, &judge)).await?;
    keep(reader, generation, [(room_id.clone(), counted.clone())]);
    Ok(counted)
}

/// Counts all of `rooms` that are not counted yet in one visit to the store, so that [`unread`]
/// then finds them in memory.
pub async fn prepare(reader: &Reader, rooms: &[(RoomId, Arc<Snapshot>)]) -> StoreResult<()> {
    let judge = Judge::of(reader).await?;
    let generation = reader.user.counts_generation();
    let unknown = |(room_id, snapshot): &&(RoomId, Arc<Snapshot>)| {
        known(reader, room_id, snapshot, &judge).is_none()
    };
    let questions: Vec<Question> = rooms
        .iter()
        .filter(unknown)
        .map(|(room_id, snapshot)| Question::new(reader, room_id, snapshot))
        .collect();
    if questions.is_empty() {
        return Ok(());
    }
    let counted = reader.server.store.look(move |look| {
        let count = |question: Question| {
            let unread = question.count(look, &judge)?;
            Ok((question.room_id, unread))
        };
        questions.into_iter().map(count).collect::<StoreResult<Vec<_>>>()
    });
    keep(reader, generation, counted.await?);
    Ok(())
}

/// The counts as memory has them, brought up to `reader.head`.
fn known(reader: &Reader, room_id: &RoomId, snapshot: &Snapshot, judge: &Judge) -> Option<Unread> {
    let generation = reader.user.counts_generation();
    let mut known = reader.user.counts.lock().get(room_id).cloned()?;
    let newer = snapshot.recent.after(known.upto, reader.head)?;
    if !newer.is_empty() {
        advance((reader.user_id(), snapshot), &mut known, newer, None, judge);
        known.upto = reader.head.max(known.upto);
        keep(reader, generation, [(room_id.clone(), known.clone())]);
    }
    Some(known)
}

/// Remembers counts. A receipt that came since `generation` has made them old: then they are told
/// once, but not kept.
fn keep(reader: &Reader, generation: u64, counted: impl IntoIterator<Item = (RoomId, Unread)>) {
    // Under the lock: counts are dropped under it too, so none comes back after that.
    let mut counts = reader.user.counts.lock();
    if generation == reader.user.counts_generation() {
        counts.extend(counted);
    }
}

/// The reader's push rules, where they are not the default ones. Rules that cannot be read count
/// as the default ones.
pub(crate) async fn own_rules(reader: &Reader) -> StoreResult<Option<Arc<RuleSet>>> {
    let ticket = match reader.user.rules.get() {
        Ok(known) => return Ok(known),
        Err(ticket) => ticket,
    };
    let stored = push_rules::stored(&reader.server, reader.user_id()).await?;
    let default = reader.server.default_rules.hash();
    let rules = stored.filter(|rules| rules.hash() != default).map(Arc::new);
    reader.user.rules.set(ticket, rules.clone());
    Ok(rules)
}

/// Counts `events` on top of `unread`. Those that the user has `read` do not count.
fn advance(
    (user_id, snapshot): (&UserId, &Snapshot),
    unread: &mut Unread,
    events: &[Arc<TimelineEvent>],
    read: Option<&ReadUpTo>,
    judge: &Judge,
) {
    for event in events {
        let thread = notification::thread_root(&event.event);
        if event.event.sender() == user_id {
            match thread {
                Some(root) => drop(unread.threads.remove(&root)),
                None => unread.main = UnreadCounts::default(),
            }
            continue;
        }
        let is_read = read.is_some_and(|read| event.pos() <= read.place_of(thread.as_ref()));
        if is_read || judge.ignored.contains(event.event.sender()) {
            continue;
        }
        let (notifies, highlights) = match &judge.rules {
            None => by_default(event, user_id),
            Some(rules) => notification::by_rules(rules, snapshot, &event.event, user_id),
        };
        if notifies && !event.flags.has(EventFlags::EDIT) {
            unread.add(thread, highlights);
        }
    }
}

fn by_default(event: &TimelineEvent, user_id: &UserId) -> (bool, bool) {
    let named = event.highlights.contains(user_id);
    let notifies = event.flags.has(EventFlags::NOTIFIES) || named;
    (notifies, named || event.flags.has(EventFlags::HIGHLIGHTS))
}

/// Up to where the user has read: everywhere, and in each thread.
pub(crate) struct ReadUpTo {
    main: Position,
    threads: BTreeMap<String, Position>,
    everywhere: Position,
}

impl ReadUpTo {
    fn new(receipts: &[Receipt]) -> Self {
        let mut read =
            Self { main: Position(0), threads: BTreeMap::new(), everywhere: Position(0) };
        for receipt in receipts {
            let place = match receipt.thread.as_str() {
                "" => &mut read.everywhere,
                "main" => &mut read.main,
                root => read.threads.entry(root.to_owned()).or_default(),
            };
            *place = receipt.event_pos.max(*place);
        }
        read.main = read.main.max(read.everywhere);
        read
    }

    /// What was sent before the user came in is read.
    fn came_in(&mut self, joined: Position) {
        self.main = self.main.max(joined);
        self.everywhere = self.everywhere.max(joined);
    }

    fn in_thread(&self, root: &EventId) -> Position {
        let own = self.threads.get(root.as_str()).copied().unwrap_or_default();
        own.max(self.everywhere)
    }

    /// Up to where the user has read in a thread, or outside of threads.
    pub(crate) fn place_of(&self, thread: Option<&EventId>) -> Position {
        thread.map_or(self.main, |root| self.in_thread(root))
    }
}

/// Up to where the reader has read in a room: what was sent before the reader came in, and what
/// comes before the reader's own last message, is read.
pub(crate) async fn read_up_to(reader: &Reader, room_id: &RoomId) -> StoreResult<ReadUpTo> {
    let mut read = receipts(reader, room_id).await?;
    let own = reader.server.store.last_sent_by(room_id, reader.user_id(), read.main, reader.head);
    read.main = read.main.max(own.await?);
    Ok(read)
}

/// The reader's receipts, and where the reader came in.
async fn receipts(reader: &Reader, room_id: &RoomId) -> StoreResult<ReadUpTo> {
    let joined = reader.user.room(room_id).map_or(Position(0), |own| own.joined_at);
    let receipts = reader.server.store.receipts_by(room_id, reader.user_id()).await?;
    let mut read = ReadUpTo::new(&receipts);
    read.came_in(joined);
    Ok(read)
}

/// What is to be counted.
struct Question {
    user_id: UserId,
    room_id: RoomId,
    snapshot: Arc<Snapshot>,
    joined: Position,
    head: Position,
}

impl Question {
    fn new(reader: &Reader, room_id: &RoomId, snapshot: &Arc<Snapshot>) -> Self {
        Self {
            user_id: reader.user_id().clone(),
            room_id: room_id.clone(),
            snapshot: Arc::clone(snapshot),
            joined: reader.user.room(room_id).map_or(Position(0), |own| own.joined_at),
            head: reader.head,
        }
    }

    /// Counts from memory where that reaches back far enough, else from the store.
    fn count(&self, look: &Look<'_>, judge: &Judge) -> StoreResult<Unread> {
        let (room_id, user_id) = (&self.room_id, &self.user_id);
        let mut unread = Unread { upto: self.head, ..Unread::default() };
        let mut read = ReadUpTo::new(&look.receipts_by(room_id, user_id)?);
        read.came_in(self.joined);
        let from = read.main.min(read.everywhere);
        if self.snapshot.last_pos() <= from {
            return Ok(unread);
        }
        if let Some(events) = self.snapshot.recent.after(from, self.head)
            && (judge.rules.is_some() || events.iter().all(|event| event.knows_highlights()))
        {
            advance((user_id, &self.snapshot), &mut unread, events, Some(&read), judge);
            return Ok(unread);
        }
        let own = look.last_sent_by(room_id, user_id, (read.main, self.head))?;
        read.main = read.main.max(own);
        // Event by event where the counts of the default rules do not fit the reader.
        let default_rules = || (!judge.ignored.is_empty()).then_some(&judge.server.default_rules);
        if let Some(rules) = judge.rules.as_deref().or_else(default_rules) {
            self.count_by_rules(look, (rules, &judge.ignored), &read, &mut unread)?;
            return Ok(unread);
        }
        unread.main = look.unread_counts(room_id, user_id, (read.main, self.head))?;
        let range = (read.everywhere, self.head);
        for entry in look.unread_in_threads(room_id, user_id, range, UNREAD_SCAN_MAX)? {
            if entry.pos > read.in_thread(&entry.thread) {
                unread.add(Some(entry.thread), entry.highlight);
            }
        }
        Ok(unread)
    }

    fn count_by_rules(
        &self,
        look: &Look<'_>,
        (rules, ignored): (&RuleSet, &HashSet<UserId>),
        read: &ReadUpTo,
        unread: &mut Unread,
    ) -> StoreResult<()> {
        let range = TimelineRange {
            after: read.main.min(read.everywhere),
            upto: self.head,
            direction: Direction::Backward,
            limit: UNREAD_SCAN_MAX,
        };
        for stored in look.timeline(&self.room_id, range)? {
            let thread = notification::thread_root(&stored.event);
            let skipped = stored.pos <= read.place_of(thread.as_ref())
                || stored.flags.has(EventFlags::EDIT)
                || *stored.event.sender() == self.user_id
                || ignored.contains(stored.event.sender());
            let (notifies, highlights) =
                notification::by_rules(rules, &self.snapshot, &stored.event, &self.user_id);
            if notifies && !skipped {
                unread.add(thread, highlights);
            }
        }
        Ok(())
    }
}
