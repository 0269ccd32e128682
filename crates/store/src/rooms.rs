// SPDX-License-Identifier: Apache-2.0
//! Rooms: events, timelines, state, memberships, relations, aliases, receipts.

use std::{
    collections::HashSet,
    ops::BitOr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use async_trait::async_trait;
use estafette_core::{
    event::Event,
    ids::{EventId, RoomAlias, RoomId, UserId},
    version::RoomVersion,
};

use crate::{Position, StoreResult, third_party_invites::NewThirdPartyInvite};

/// What the store remembers of an event besides the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EventFlags(pub u8);

impl EventFlags {
    /// Stored, never shown, used for nothing but being referenced (I7).
    pub const REJECTED: Self = Self(1);
    /// Not shown to clients unless it comes back through state.
    pub const SOFT_FAILED: Self = Self(2);
    /// The default push rules notify for it (before anything that depends on the reader).
    pub const NOTIFIES: Self = Self(4);
    /// It edits another event.
    pub const EDIT: Self = Self(8);
    /// It belongs to a thread, hence not to the main timeline's counts.
    pub const IN_THREAD: Self = Self(16);
    /// Its content was removed by a redaction.
    pub const REDACTED: Self = Self(32);
    /// It highlights everybody in the room, so that nobody needs a row.
    pub const HIGHLIGHTS: Self = Self(64);

    /// Whether all of `flags` are set.
    pub fn has(self, flags: Self) -> bool {
        self.0 & flags.0 == flags.0
    }
}

impl BitOr for EventFlags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// Which request sent an event: what makes a retry find the first answer (I2).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Txn {
    /// The device that sent it.
    pub device_nid: i64,
    /// A number for the path of the request, without the transaction id itself.
    pub path: i64,
    /// The client's transaction id.
    pub txn_id: Arc<str>,
}

/// A position that is not known before the commit. 0 until then.
#[derive(Debug, Default)]
pub struct PositionCell(AtomicU64);

impl PositionCell {
    /// A cell that is known already.
    pub fn known(pos: Position) -> Self {
        Self(AtomicU64::new(pos.0))
    }

    /// The position; 0 before the commit.
    pub fn get(&self) -> Position {
        Position(self.0.load(Ordering::Acquire))
    }

    pub(crate) fn set(&self, pos: Position) {
        self.0.store(pos.0, Ordering::Release);
    }
}

/// One event of a [`RoomCommit`].
#[derive(Debug)]
pub struct CommitEvent {
    /// The event.
    pub event: Arc<Event>,
    /// What to remember of it.
    pub flags: EventFlags,
    /// The request that sent it.
    pub txn: Option<Txn>,
    /// The event that it redacts and what is left of that one.
    pub redaction: Option<AppliedRedaction>,
    /// The parent's id and the relation's type.
    pub relation: Option<(EventId, String)>,
    /// Local users whom it highlights by the default rules.
    pub highlights: Vec<UserId>,
    /// Receives the event's position, before anything is published.
    pub pos: Arc<PositionCell>,
}

/// A redaction that takes effect with the commit.
#[derive(Debug)]
pub struct AppliedRedaction {
    /// The redacted event.
    pub target: EventId,
    /// Its federation-format JSON after redaction.
    pub json: String,
}

/// Everything that one decision writes, in one transaction.
pub struct RoomCommit {
    /// The room.
    pub room_id: RoomId,
    /// Its version; given for every commit, used by the first.
    pub version: RoomVersion,
    /// The events, in order.
    pub events: Vec<CommitEvent>,
    /// The forward extremities afterwards, with their depths.
    pub extremities: Vec<(EventId, u64)>,
    /// Whether the room is listed in the directory, when this commit decides it.
    pub is_public: Option<bool>,
    /// Invitations of addresses that its events show.
    pub invitations: Vec<NewThirdPartyInvite>,
    /// Aliases that come to be with the room, and who made them.
    pub aliases: Vec<(RoomAlias, UserId)>,
    /// Runs once the commit is durable and the positions are set, before anybody is woken.
    pub publish: Box<dyn FnOnce() + Send>,
}

/// What became of a [`RoomCommit`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoomOutcome {
    /// It is durable.
    Committed,
    /// Nothing was written: `txn` repeats a request whose first answer was `event_id`.
    Duplicate {
        /// The request.
        txn: Txn,
        /// The event that the first request made.
        event_id: EventId,
    },
    /// Nothing was written: this alias is taken.
    AliasTaken(RoomAlias),
}

/// An event as it is remembered.
#[derive(Debug, Clone)]
pub struct StoredEvent {
    /// Its place in the log.
    pub pos: Position,
    /// The event; its redacted form where it was redacted.
    pub event: Arc<Event>,
    /// What is remembered of it.
    pub flags: EventFlags,
    /// The redaction that took its content.
    pub redacted_because: Option<Arc<Event>>,
    /// The state event that it replaced.
    pub replaces: Option<Arc<Event>>,
    /// The device that sent it and the transaction id it used.
    pub txn: Option<(i64, Arc<str>)>,
}

/// A room as a worker loads it.
#[derive(Debug)]
pub struct StoredRoom {
    /// Its version.
    pub version: RoomVersion,
    /// Its state now.
    pub state: Vec<Arc<Event>>,
    /// Its forward extremities with their depths.
    pub extremities: Vec<(EventId, u64)>,
    /// The latest events of its timeline, oldest first.
    pub timeline: Vec<StoredEvent>,
    /// Which of those events others relate to; may name older events too.
    pub parents: HashSet<EventId>,
    /// The position of its last change.
    pub last_pos: Position,
}

/// One room in a user's list.
#[derive(Debug, Clone)]
pub struct UserRoom {
    /// The room.
    pub room_id: RoomId,
    /// `join`, `invite`, `leave`, `ban` or `knock`.
    pub membership: String,
    /// Where that membership began.
    pub pos: Position,
    /// Since when somebody who is in the room is, leaving aside profile changes; else 0.
    pub joined_at: Position,
    /// Whether the user forgot the room after leaving it.
    pub forgotten: bool,
}

/// Which way to walk a timeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From old to new.
    Forward,
    /// From new to old.
    Backward,
}

/// A stretch of a room's timeline.
#[derive(Debug, Clone, Copy)]
pub struct TimelineRange {
    /// Events after this position.
    pub after: Position,
    /// Events up to and including this position.
    pub upto: Position,
    /// Which end to start at.
    pub direction: Direction,
    /// How many at most.
    pub limit: usize,
}

/// Which children of an event to list.
#[derive(Debug, Clone, Default)]
pub struct RelationFilter {
    /// Only this relation type.
    pub rel_type: Option<String>,
    /// Only this event type.
    pub kind: Option<String>,
}

/// What one key of a room's state was over time, oldest first.
pub type StateHistory = Vec<(Position, Arc<Event>)>;

/// A read receipt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Who read.
    pub user_id: UserId,
    /// `m.read` or `m.read.private`.
    pub kind: String,
    /// `main`, a thread root's event id, or empty for an unthreaded receipt.
    pub thread: String,
    /// Up to which event.
    pub event_id: EventId,
    /// That event's position, 0 when it is not known here.
    pub event_pos: Position,
    /// When, in ms since the epoch.
    pub ts: i64,
    /// When this receipt entered the log.
    pub pos: Position,
}

/// Unread counts as the default push rules make them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UnreadCounts {
    /// Events that notify.
    pub notification: u64,
    /// Events that highlight.
    pub highlight: u64,
}

/// A notifying event in a thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadInThread {
    /// The thread's root.
    pub thread: EventId,
    /// Where the event stands.
    pub pos: Position,
    /// Whether it highlights the reader.
    pub highlight: bool,
}

/// Which list of rooms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoomList {
    /// This server's own.
    Own,
    /// That of a network of an application service.
    Network {
        /// The application service.
        appservice_id: String,
        /// Its name for the network.
        network_id: String,
    },
    /// All of them.
    All,
}

/// A row of the public room directory.
#[derive(Debug, Clone)]
pub struct PublicRoom {
    /// The room.
    pub room_id: RoomId,
    /// How many have joined.
    pub joined_members: u64,
    /// The state events that its summary is made of.
    pub state: Vec<Arc<Event>>,
}

/// What the store promises about rooms.
#[async_trait]
pub trait RoomStore: Send + Sync {
    /// Writes one decision: all of it or nothing. See [`RoomOutcome`].
    async fn commit_room(&self, commit: RoomCommit) -> StoreResult<RoomOutcome>;

    /// The room with its current state and its last `timeline_limit` timeline events.
    async fn load_room(
        &self,
        room_id: &RoomId,
        timeline_limit: usize,
    ) -> StoreResult<Option<StoredRoom>>;

    /// The event that `txn` made, if it made one.
    async fn event_of_txn(&self, txn: &Txn) -> StoreResult<Option<EventId>>;

    /// An event and the room it is in.
    async fn event(&self, event_id: &EventId) -> StoreResult<Option<(RoomId, StoredEvent)>>;

    /// A stretch of a room's timeline, in walking order; without rejected and soft-failed events.
    async fn timeline(
        &self,
        room_id: &RoomId,
        range: TimelineRange,
    ) -> StoreResult<Vec<StoredEvent>>;

    /// The events of all rooms within `range`, in walking order; without rejected and soft-failed
    /// events. For those who follow the whole log: push, application services.
    async fn events_between(&self, range: TimelineRange)
    -> StoreResult<Vec<(RoomId, StoredEvent)>>;

    /// Of the room's state now, the events of these keys (type, state key); nothing for a room that
    /// is not here.
    async fn current_state(
        &self,
        room_id: &RoomId,
        keys: &[(&str, &str)],
    ) -> StoreResult<Vec<Arc<Event>>>;

    /// The room's state once everything up to `upto` had happened: all of it, or the keys asked for
    /// as (type, state key), where a missing state key means all of that type.
    async fn state_at(
        &self,
        room_id: &RoomId,
        upto: Position,
        keys: Option<&[(String, Option<String>)]>,
    ) -> StoreResult<Vec<Arc<Event>>>;

    /// The state that changed after `after` and up to `upto`, each key at its value at `upto`.
    async fn state_changes(
        &self,
        room_id: &RoomId,
        after: Position,
        upto: Position,
    ) -> StoreResult<Vec<Arc<Event>>>;

    /// What each of `keys`, as (type, state key), was over time, oldest first: the position from
    /// which on each event was the room's state. One list per key.
    async fn state_history(
        &self,
        room_id: &RoomId,
        keys: &[(String, String)],
    ) -> StoreResult<Vec<StateHistory>>;

    /// Every room in which the user has or had a membership.
    async fn rooms_of(&self, user_id: &UserId) -> StoreResult<Vec<UserRoom>>;

    /// Marks a room that the user has left as forgotten. `false` when there is no membership.
    async fn forget_room(&self, user_id: &UserId, room_id: &RoomId) -> StoreResult<bool>;

    /// The children of `parent` in its own room within `range`, in walking order.
    async fn relations(
        &self,
        parent: &EventId,
        filter: &RelationFilter,
        range: TimelineRange,
    ) -> StoreResult<Vec<StoredEvent>>;

    /// All relations to any of `parents` within their own rooms: (parent, relation type, child),
    /// oldest child first, at
    /// most `limit` per parent and relation type counting from the newest.
    async fn relations_of(
        &self,
        parents: &[EventId],
    ) -> StoreResult<Vec<(EventId, String, StoredEvent)>>;

    /// The roots of a room's threads with the position of each thread's last event, latest first.
    async fn threads(
        &self,
        room_id: &RoomId,
        before: Position,
        participant: Option<&UserId>,
        limit: usize,
    ) -> StoreResult<Vec<(EventId, Position)>>;

    /// The events closest to `ts` (ms) in the given direction, the closest first; of several with
    /// the same time the one that comes first in that direction.
    async fn events_near(
        &self,
        room_id: &RoomId,
        ts: i64,
        direction: Direction,
        limit: usize,
    ) -> StoreResult<Vec<StoredEvent>>;

    /// The room that an alias names, and who made the alias.
    async fn alias(&self, alias: &RoomAlias) -> StoreResult<Option<(RoomId, UserId)>>;

    /// The aliases of a room.
    async fn aliases_of(&self, room_id: &RoomId) -> StoreResult<Vec<RoomAlias>>;

    /// Gives a room an alias. `false` when it is taken.
    async fn put_alias(
        &self,
        alias: &RoomAlias,
        room_id: &RoomId,
        creator: &UserId,
    ) -> StoreResult<bool>;

    /// Moves the aliases of a room to the one that replaces it.
    async fn move_aliases(&self, from: &RoomId, to: &RoomId) -> StoreResult<()>;

    /// Removes an alias. `false` when there was none.
    async fn delete_alias(&self, alias: &RoomAlias) -> StoreResult<bool>;

    /// Whether the room is listed in the directory; `None` for an unknown room.
    async fn is_public(&self, room_id: &RoomId) -> StoreResult<Option<bool>>;

    /// Lists or unlists the room.
    async fn set_public(&self, room_id: &RoomId, public: bool) -> StoreResult<()>;

    /// Lists or unlists the room in the list of an application service's network.
    async fn list_in_network(
        &self,
        list: (&str, &str),
        room_id: &RoomId,
        listed: bool,
    ) -> StoreResult<()>;

    /// The rooms of a list, most joined members first.
    async fn public_rooms(&self, list: RoomList) -> StoreResult<Vec<PublicRoom>>;

    /// Moves a receipt forward. `None` when it would go backwards or stay, so nothing changed.
    async fn put_receipt(
        &self,
        room_id: &RoomId,
        receipt: Receipt,
    ) -> StoreResult<Option<Position>>;

    /// The receipts of a room that entered the log after `after`.
    async fn receipts(&self, room_id: &RoomId, after: Position) -> StoreResult<Vec<Receipt>>;

    /// One user's receipts in a room.
    async fn receipts_by(&self, room_id: &RoomId, user_id: &UserId) -> StoreResult<Vec<Receipt>>;

    /// The position of the last event in (`after`, `upto`] outside threads that the user sent, 0 if
    /// there is none among the latest few hundred.
    async fn last_sent_by(
        &self,
        room_id: &RoomId,
        user_id: &UserId,
        after: Position,
        upto: Position,
    ) -> StoreResult<Position>;

    /// Counts what notifies and highlights `user_id` in the main timeline in (`after`, `upto`], by
    /// the default push rules.
    async fn unread_counts(
        &self,
        room_id: &RoomId,
        user_id: &UserId,
        after: Position,
        upto: Position,
    ) -> StoreResult<UnreadCounts>;

    /// What notifies `user_id` in threads in (`after`, `upto`], oldest first, at most `limit`.
    async fn unread_in_threads(
        &self,
        room_id: &RoomId,
        user_id: &UserId,
        after: Position,
        upto: Position,
        limit: usize,
    ) -> StoreResult<Vec<UnreadInThread>>;
}
