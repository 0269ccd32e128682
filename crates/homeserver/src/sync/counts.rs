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
    rooms::{EventFlags, Receipt, UnreadCounts},
};

use super::Reader;
use crate::{
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
struct Judge<'a> {
    /// The reader's rules; `None` for the default ones.
    rules: Option<&'a RuleSet>,
    /// Whose events count for nothing.
    ignored: &'a HashSet<UserId>,
}

/// The reader's unread counts in a room as of `reader.head`.
pub async fn unread(reader: &Reader, room_id: &RoomId, snapshot: &Snapshot) -> StoreResult<Unread> {
    let ignored = history::ignored_users(&reader.server, &reader.user).await?;
    let rules = own_rules(reader).await?;
    let rules = Judge { rules: rules.as_deref(), ignored: &ignored };
    let known = reader.user.counts.lock().get(room_id).cloned();
    if let Some(mut known) = known
        && let Some(newer) = snapshot.recent.after(known.upto, reader.head)
    {
        if newer.is_empty() {
            return Ok(known);
        }
        advance(reader, snapshot, &mut known, newer, &rules);
        known.upto = reader.head.max(known.upto);
        reader.user.counts.lock().insert(room_id.clone(), known.clone());
        return Ok(known);
    }
    let generation = reader.user.counts_generation();
    let counted = count(reader, room_id, snapshot, &rules).await?;
    // A receipt that came meanwhile has made this count old: it is told, but not kept.
    if generation == reader.user.counts_generation() {
        reader.user.counts.lock().insert(room_id.clone(), counted.clone());
    }
    Ok(counted)
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

fn advance(
    reader: &Reader,
    snapshot: &Snapshot,
    unread: &mut Unread,
    events: &[Arc<TimelineEvent>],
    judge: &Judge<'_>,
) {
    for event in events {
        if event.event.sender() == reader.user_id() {
            match notification::thread_root(&event.event) {
                Some(root) => drop(unread.threads.remove(&root)),
                None => unread.main = UnreadCounts::default(),
            }
            continue;
        }
        if judge.ignored.contains(event.event.sender()) {
            continue;
        }
        let (notifies, highlights) = match judge.rules {
            None => by_default(event, reader.user_id()),
            Some(rules) => notification::by_rules(rules, snapshot, &event.event, reader.user_id()),
        };
        if notifies && !event.flags.has(EventFlags::EDIT) {
            unread.add(notification::thread_root(&event.event), highlights);
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
    read.main = read.main.max(joined);
    read.everywhere = read.everywhere.max(joined);
    Ok(read)
}

/// Counts from the store.
async fn count(
    reader: &Reader,
    room_id: &RoomId,
    snapshot: &Snapshot,
    judge: &Judge<'_>,
) -> StoreResult<Unread> {
    let (store, user_id) = (&reader.server.store, reader.user_id());
    let mut unread = Unread { upto: reader.head, ..Unread::default() };
    let mut read = receipts(reader, room_id).await?;
    if snapshot.last_pos() <= read.main.min(read.everywhere) {
        return Ok(unread);
    }
    let own = store.last_sent_by(room_id, user_id, read.main, reader.head).await?;
    read.main = read.main.max(own);
    // Event by event where the counts of the default rules do not fit the reader.
    let default_rules = || (!judge.ignored.is_empty()).then_some(&reader.server.default_rules);
    if let Some(rules) = judge.rules.or_else(default_rules) {
        let range = estafette_store::rooms::TimelineRange {
            after: read.main.min(read.everywhere),
            upto: reader.head,
            direction: estafette_store::rooms::Direction::Backward,
            limit: UNREAD_SCAN_MAX,
        };
        for stored in store.timeline(room_id, range).await? {
            let thread = notification::thread_root(&stored.event);
            let read = read.place_of(thread.as_ref());
            let skipped = stored.pos <= read
                || stored.flags.has(EventFlags::EDIT)
                || stored.event.sender() == user_id
                || judge.ignored.contains(stored.event.sender());
            let (notifies, highlights) =
                notification::by_rules(rules, snapshot, &stored.event, user_id);
            if notifies && !skipped {
                unread.add(thread, highlights);
            }
        }
        return Ok(unread);
    }
    unread.main = store.unread_counts(room_id, user_id, read.main, reader.head).await?;
    let in_threads = store
        .unread_in_threads(room_id, user_id, read.everywhere, reader.head, UNREAD_SCAN_MAX)
        .await?;
    for entry in in_threads {
        if entry.pos > read.in_thread(&entry.thread) {
            unread.add(Some(entry.thread), entry.highlight);
        }
    }
    Ok(unread)
}
