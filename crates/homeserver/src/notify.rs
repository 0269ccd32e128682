// SPDX-License-Identifier: Apache-2.0
//! After a commit: who must hear of it, and waking those who wait.
//!
//! Every user who syncs is *hot*: a [`HotUser`] holds the user's rooms and a short log of what
//! changed for that user. A commit in a room appends one line to the log of each hot user who
//! listens there and wakes the user's long polls. So a sync costs what changed for its user since
//! its token, whatever the number of rooms, members or other users.
//!
//! Order of things (I5): the logs are written before `head` is published, so a reader that took
//! `head` finds every fact up to it.

mod idle;
mod remembered;

use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use estafette_core::{
    event::Membership,
    ids::{DeviceId, RoomId, UserId},
    limits::{DEVICE_LIST_LOG_MAX, USER_LOG_MAX},
    push_rules::RuleSet,
};
use estafette_store::{
    CommitSink, Fact, FactKind, Position, RoomStore as _, StoreResult, rooms::UserRoom,
    sqlite::SqliteStore,
};
use parking_lot::{Mutex, RwLock};
use tokio::sync::{Notify, OnceCell};

pub(crate) use self::{idle::run as forget_idle_users, remembered::Remembered};
use crate::{
    client::sliding_sync::connection::Connections,
    history::Histories,
    rooms::Rooms,
    sync::{DeviceMemory, counts::Unread},
};

/// What changed for one user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserFact {
    /// Something in this room: an event, a receipt, or the user's own membership of it.
    Room(RoomId),
    /// A receipt in this room.
    Receipt(RoomId),
    /// Account data, global (`None`) or of one room.
    AccountData(Option<RoomId>),
    /// A to-device message for this device.
    ToDevice(DeviceId),
    /// The one-time or fallback keys of this device.
    OneTimeKeys(DeviceId),
}

/// A user's own membership of a room, as the sync needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnRoom {
    /// `join`, `invite`, `knock`, `leave` or `ban`.
    pub membership: Membership,
    /// The event that made it so, or changed the profile within it.
    pub pos: Position,
    /// Where the user came in last; 0 when that is not known, and not in the room.
    pub joined_at: Position,
    /// Whether the user forgot the room.
    pub forgotten: bool,
}

/// How a user came out of a room.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ending {
    /// The event that made it so.
    pub(crate) pos: Position,
    /// Where the last stay in the room began; `None` for somebody who never was in it.
    pub(crate) came: Option<Position>,
    /// Whether somebody else did it.
    pub(crate) by_others: bool,
}

/// The lines of a user's log.
#[derive(Debug, Default)]
struct UserLog {
    /// Everything after this position is in `lines`.
    complete_after: Position,
    lines: VecDeque<(Position, UserFact)>,
}

/// A user who syncs, or did lately.
pub struct HotUser {
    /// Who.
    pub user_id: UserId,
    rooms: RwLock<BTreeMap<RoomId, OwnRoom>>,
    log: Mutex<UserLog>,
    last: AtomicU64,
    /// The round of [`Notifier::forget_idle`] in which somebody last asked for this user.
    asked_in: AtomicU64,
    wake: Notify,
    loaded: OnceCell<()>,
    /// The members that each device was sent. See `client::sync`.
    pub(crate) devices: Mutex<HashMap<DeviceId, DeviceMemory>>,
    /// Unread counts as last told. See `sync::counts`.
    pub(crate) counts: Mutex<HashMap<RoomId, Unread>>,
    counts_generation: AtomicU64,
    /// What the user may see of rooms joined late. See `history`.
    pub(crate) histories: Mutex<HashMap<RoomId, Arc<Histories>>>,
    /// Sliding sync connections.
    pub(crate) connections: Mutex<Connections>,
    /// How the user came out of rooms. See `client::sliding_sync`.
    pub(crate) endings: Mutex<HashMap<RoomId, Ending>>,
    pub(crate) ignored: Remembered<Arc<HashSet<UserId>>>,
    /// The user's push rules; `None` for the default ones.
    pub(crate) rules: Remembered<Option<Arc<RuleSet>>>,
}

impl HotUser {
    fn new(user_id: UserId, head: Position) -> Self {
        Self {
            user_id,
            rooms: RwLock::default(),
            log: Mutex::new(UserLog { complete_after: head, lines: VecDeque::new() }),
            last: AtomicU64::new(head.0),
            asked_in: AtomicU64::new(0),
            wake: Notify::new(),
            loaded: OnceCell::new(),
            devices: Mutex::default(),
            counts: Mutex::default(),
            counts_generation: AtomicU64::new(0),
            histories: Mutex::default(),
            connections: Mutex::default(),
            endings: Mutex::default(),
            ignored: Remembered::default(),
            rules: Remembered::default(),
        }
    }

    /// The user's rooms and memberships.
    pub fn rooms(&self) -> BTreeMap<RoomId, OwnRoom> {
        self.rooms.read().clone()
    }

    /// The user's membership of one room.
    pub fn room(&self, room_id: &RoomId) -> Option<OwnRoom> {
        self.rooms.read().get(room_id).cloned()
    }

    /// Runs `visit` on each room without copying the list.
    pub fn for_each_room(&self, mut visit: impl FnMut(&RoomId, &OwnRoom)) {
        for (room_id, own) in self.rooms.read().iter() {
            visit(room_id, own);
        }
    }

    /// What changed after `since` and up to `head`; `None` when the log does not reach back so far.
    pub fn changes(&self, since: Position, head: Position) -> Option<Vec<UserFact>> {
        let log = self.log.lock();
        if since < log.complete_after {
            return None;
        }
        let first = log.lines.partition_point(|(pos, _)| *pos <= since);
        let mut changes: Vec<UserFact> = Vec::new();
        for (pos, fact) in log.lines.range(first..) {
            if *pos <= head && !changes.contains(fact) {
                changes.push(fact.clone());
            }
        }
        Some(changes)
    }

    /// Whether nothing changed for this user after `since`; `false` where the log does not reach
    /// back so far.
    pub fn unchanged_since(&self, since: Position) -> bool {
        let log = self.log.lock();
        since >= log.complete_after && log.lines.back().is_none_or(|(pos, _)| *pos <= since)
    }

    /// The position of the last thing that changed for this user, or where the log began.
    pub fn last_change(&self) -> Position {
        Position(self.last.load(Ordering::Acquire))
    }

    /// Changes whenever counts were dropped.
    pub(crate) fn counts_generation(&self) -> u64 {
        self.counts_generation.load(Ordering::Acquire)
    }

    fn forget_counts(&self, room_id: Option<&RoomId>) {
        let mut counts = self.counts.lock();
        self.counts_generation.fetch_add(1, Ordering::AcqRel);
        match room_id {
            Some(room_id) => drop(counts.remove(room_id)),
            None => counts.clear(),
        }
    }

    /// Completes at the next change. Create it before looking, then look, then wait.
    pub fn woken(&self) -> tokio::sync::futures::Notified<'_> {
        self.wake.notified()
    }

    /// Wakes the user's long polls, for what has no place in the log (typing, presence).
    pub fn wake(&self) {
        self.wake.notify_waiters();
    }

    fn append(&self, pos: Position, fact: UserFact) {
        let mut log = self.log.lock();
        if log.lines.len() >= USER_LOG_MAX
            && let Some((dropped, _)) = log.lines.pop_front()
        {
            log.complete_after = dropped;
        }
        log.lines.push_back((pos, fact));
        self.last.store(pos.0, Ordering::Release);
    }

    /// Adopts a membership unless a later one is known already.
    fn adopt(&self, room_id: RoomId, own: OwnRoom) {
        let mut rooms = self.rooms.write();
        let known = rooms.get(&room_id);
        if known.is_some_and(|known| known.pos > own.pos) {
            return;
        }
        let joined_at = match (own.membership, known) {
            (Membership::Join, Some(known)) if known.membership == Membership::Join => {
                known.joined_at
            }
            (Membership::Join, _) => own.joined_at,
            _ => Position(0),
        };
        rooms.insert(room_id, OwnRoom { joined_at, ..own });
    }
}

/// Which hot users listen to which rooms, and how far the log has come.
#[derive(Default)]
pub struct Notifier {
    head: AtomicU64,
    /// Held while a commit is being published: a position seen under it is published whole.
    gate: Mutex<()>,
    users: RwLock<HashMap<UserId, Arc<HotUser>>>,
    listeners: RwLock<HashMap<RoomId, Vec<Arc<HotUser>>>>,
    idle_rounds: AtomicU64,
    device_lists: Mutex<DeviceListLog>,
    hints: OnceCell<tokio::sync::mpsc::Sender<Fact>>,
    hints_missed: AtomicBool,
    rooms: std::sync::OnceLock<Arc<Rooms>>,
}

#[derive(Debug, Default)]
struct DeviceListLog {
    complete_after: Position,
    lines: VecDeque<(Position, UserId)>,
}

impl Notifier {
    /// Starts at the store's head. `rooms` are where memberships are read from; `hints` receives
    /// facts for those who do slow work after a commit (push, application services) and may miss
    /// some when it is full: they keep cursors of their own.
    pub fn start(&self, head: Position, rooms: Arc<Rooms>, hints: tokio::sync::mpsc::Sender<Fact>) {
        self.head.store(head.0, Ordering::Release);
        self.device_lists.lock().complete_after = head;
        let _ = self.rooms.set(rooms);
        let _ = self.hints.set(hints);
    }

    /// Whether facts were dropped because those who do slow work after a commit fell behind; asks
    /// once.
    pub fn take_missed(&self) -> bool {
        self.hints_missed.swap(false, Ordering::AcqRel)
    }

    /// The last position whose facts are all published.
    pub fn head(&self) -> Position {
        Position(self.head.load(Ordering::Acquire))
    }

    /// Runs `look` while no commit is being published: what it sees is all as of the head it is
    /// given. Commits wait meanwhile, so it must be short and must not wait.
    pub fn between_commits<T>(&self, look: impl FnOnce(Position) -> T) -> T {
        let _gate = self.gate.lock();
        look(self.head())
    }

    /// The user if hot already.
    pub fn hot(&self, user_id: &UserId) -> Option<Arc<HotUser>> {
        self.users.read().get(user_id).cloned()
    }

    /// The same, for whoever asks on behalf of the user: that keeps the user hot.
    fn ask(&self, user_id: &UserId) -> Option<Arc<HotUser>> {
        let users = self.users.read();
        let user = users.get(user_id)?;
        user.asked_in.store(self.idle_rounds.load(Ordering::Acquire), Ordering::Release);
        Some(Arc::clone(user))
    }

    /// The user's hot entry, loading memberships at the first call.
    pub async fn user(&self, store: &SqliteStore, user_id: &UserId) -> StoreResult<Arc<HotUser>> {
        let known = self.ask(user_id);
        self.loaded(store, user_id, known).await
    }

    /// The same for the server's own sake: a user who is hot already does not stay so for it.
    pub async fn glance(&self, store: &SqliteStore, user_id: &UserId) -> StoreResult<Arc<HotUser>> {
        self.loaded(store, user_id, self.hot(user_id)).await
    }

    async fn loaded(
        &self,
        store: &SqliteStore,
        user_id: &UserId,
        known: Option<Arc<HotUser>>,
    ) -> StoreResult<Arc<HotUser>> {
        let user = match known {
            Some(user) => user,
            None => {
                let mut users = self.users.write();
                // Registered before loading: what is committed meanwhile reaches its log.
                let user = users
                    .entry(user_id.clone())
                    .or_insert_with(|| Arc::new(HotUser::new(user_id.clone(), self.head())));
                user.asked_in.store(self.idle_rounds.load(Ordering::Acquire), Ordering::Release);
                Arc::clone(user)
            }
        };
        user.loaded
            .get_or_try_init(async || -> StoreResult<()> {
                for row in store.rooms_of(user_id).await? {
                    self.enter(&user, row);
                }
                // From here on every commit is heard; what came before is not all in the log.
                let _gate = self.gate.lock();
                user.log.lock().complete_after = self.head();
                Ok(())
            })
            .await?;
        Ok(user)
    }

    fn enter(&self, user: &Arc<HotUser>, row: UserRoom) {
        let membership = Membership::parse(&row.membership).unwrap_or(Membership::Leave);
        let own = OwnRoom {
            membership,
            pos: row.pos,
            joined_at: row.joined_at,
            forgotten: row.forgotten,
        };
        user.adopt(row.room_id.clone(), own);
        self.listen(user, &row.room_id, membership);
    }

    /// Everybody hears of the rooms that they are in or asked to be in. Those who left keep
    /// listening: hearing too much costs a look, hearing too little loses an event.
    fn listen(&self, user: &Arc<HotUser>, room_id: &RoomId, membership: Membership) {
        if matches!(membership, Membership::Leave | Membership::Ban) {
            return;
        }
        let mut listeners = self.listeners.write();
        let in_room = listeners.entry(room_id.clone()).or_default();
        if !in_room.iter().any(|known| Arc::ptr_eq(known, user)) {
            in_room.push(Arc::clone(user));
        }
    }

    fn stop_listening(&self, user: &HotUser, room_id: &RoomId) {
        if let Some(in_room) = self.listeners.write().get_mut(room_id) {
            in_room.retain(|known| known.user_id != user.user_id);
        }
    }

    /// Users whose device lists changed after `since` and up to `head`; `None` when that is longer
    /// ago than the memory reaches, so that the store must be asked.
    pub fn device_list_changes(&self, since: Position, head: Position) -> Option<Vec<UserId>> {
        let log = self.device_lists.lock();
        if since < log.complete_after {
            return None;
        }
        let first = log.lines.partition_point(|(pos, _)| *pos <= since);
        Some(
            log.lines
                .range(first..)
                .filter(|(pos, _)| *pos <= head)
                .map(|(_, user)| user.clone())
                .collect(),
        )
    }

    /// Wakes everybody who listens to a room, for what has no place in the log.
    pub fn wake_room(&self, room_id: &RoomId) {
        if let Some(in_room) = self.listeners.read().get(room_id) {
            in_room.iter().for_each(|user| user.wake());
        }
    }

    /// Wakes everybody who shares a room with `user_id`.
    pub async fn wake_sharers(&self, store: &SqliteStore, user_id: &UserId) -> StoreResult<()> {
        let user = self.user(store, user_id).await?;
        user.wake();
        user.for_each_room(|room_id, own| {
            if own.membership == Membership::Join {
                self.wake_room(room_id);
            }
        });
        Ok(())
    }

    fn publish(&self, fact: &Fact, woken: &mut Vec<Arc<HotUser>>) {
        match &fact.kind {
            FactKind::Event { room_id } => {
                if let Some(in_room) = self.listeners.read().get(room_id) {
                    for user in in_room {
                        user.append(fact.pos, UserFact::Room(room_id.clone()));
                        woken.push(Arc::clone(user));
                    }
                }
            }
            FactKind::Membership { room_id, user_id } => {
                self.publish_membership(fact.pos, room_id, user_id, woken);
            }
            FactKind::Receipt { room_id, user_id, private } => {
                if let Some(in_room) = self.listeners.read().get(room_id) {
                    for user in in_room.iter().filter(|u| !private || u.user_id == *user_id) {
                        if user.user_id == *user_id {
                            user.forget_counts(Some(room_id));
                        }
                        user.append(fact.pos, UserFact::Receipt(room_id.clone()));
                        woken.push(Arc::clone(user));
                    }
                }
            }
            FactKind::AccountData { user_id, room_id, kind } => {
                if let Some(user) = self.hot(user_id) {
                    match kind.as_str() {
                        "m.ignored_user_list" => {
                            user.ignored.forget();
                            user.forget_counts(None);
                        }
                        "m.push_rules" => {
                            user.rules.forget();
                            user.forget_counts(None);
                        }
                        _ => {}
                    }
                }
                self.tell(fact.pos, user_id, UserFact::AccountData(room_id.clone()), woken);
            }
            FactKind::ToDevice { user_id, device_id } => {
                self.tell(fact.pos, user_id, UserFact::ToDevice(device_id.clone()), woken);
            }
            FactKind::OneTimeKeys { user_id, device_id } => {
                self.tell(fact.pos, user_id, UserFact::OneTimeKeys(device_id.clone()), woken);
            }
            // Whoever redeems invitations hears of it elsewhere.
            FactKind::Address { .. } => {}
            FactKind::Sessions { user_id } => {
                if let Some(user) = self.hot(user_id) {
                    // A device may be gone. The others are only sent members again.
                    user.devices.lock().clear();
                    woken.push(user);
                }
            }
            FactKind::DeviceList { user_id } => {
                let mut log = self.device_lists.lock();
                if log.lines.len() >= DEVICE_LIST_LOG_MAX
                    && let Some((dropped, _)) = log.lines.pop_front()
                {
                    log.complete_after = dropped;
                }
                log.lines.push_back((fact.pos, user_id.clone()));
            }
        }
    }

    fn tell(&self, pos: Position, user_id: &UserId, fact: UserFact, woken: &mut Vec<Arc<HotUser>>) {
        if let Some(user) = self.hot(user_id) {
            user.append(pos, fact);
            woken.push(user);
        }
    }

    fn publish_membership(
        &self,
        pos: Position,
        room_id: &RoomId,
        user_id: &UserId,
        woken: &mut Vec<Arc<HotUser>>,
    ) {
        let Some(user) = self.hot(user_id) else { return };
        let membership = self
            .rooms
            .get()
            .and_then(|rooms| rooms.published(room_id))
            .and_then(|snapshot| snapshot.view.membership(user_id))
            .unwrap_or(Membership::Leave);
        user.adopt(room_id.clone(), OwnRoom { membership, pos, joined_at: pos, forgotten: false });
        user.append(pos, UserFact::Room(room_id.clone()));
        if matches!(membership, Membership::Leave | Membership::Ban) {
            self.stop_listening(&user, room_id);
        } else {
            self.listen(&user, room_id, membership);
        }
        woken.push(user);
    }

    /// Forgets a room in memory after the store did.
    pub fn forget(&self, user_id: &UserId, room_id: &RoomId) {
        if let Some(user) = self.hot(user_id)
            && let Some(own) = user.rooms.write().get_mut(room_id)
        {
            own.forgotten = true;
        }
    }
}

impl CommitSink for Notifier {
    fn committed(&self, head: Position, facts: &[Fact]) {
        let mut woken = Vec::new();
        {
            let _gate = self.gate.lock();
            for fact in facts {
                self.publish(fact, &mut woken);
            }
            self.head.store(head.0, Ordering::Release);
        }
        for user in woken {
            user.wake();
        }
        if let Some(hints) = self.hints.get() {
            for fact in facts {
                if hints.try_send(fact.clone()).is_err() {
                    self.hints_missed.store(true, Ordering::Release);
                }
            }
        }
    }
}
