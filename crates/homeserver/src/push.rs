// SPDX-License-Identifier: Apache-2.0
//! Notifications to push gateways (Client-Server API, "Push Notifications").
//!
//! After a commit the sender hears of it, evaluates the event once per distinct rule set among the
//! members who have pushers, and queues what is to be sent in one lane per pusher. A lane sends in
//! order and retries with growing delays. What is not accepted yet is written down every few
//! seconds together with how far the log was looked at: after a crash a notification may come
//! twice (gateways tell by the event id), never not at all. Contents never leave (State
//! requirement): the push says that there is something, the client fetches it.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{Arc, Weak},
    time::Duration,
};

use estafette_core::{
    event::Event,
    ids::{RoomId, UserId},
    limits::{LOG_BATCH_MAX, PUSH_AGE_MS_MAX, PUSH_HEARD_MAX, PUSH_REQUESTS_MAX},
};
use estafette_store::{
    AccountStore as _, Fact, FactKind, Position, PushStore as _, RoomStore as _, StoreResult,
    push::PushProgress,
    rooms::{Direction, EventFlags, TimelineRange},
};
use parking_lot::Mutex;
use tokio::sync::{Notify, Semaphore};

use crate::{Server, Shared, rooms::Snapshot};

mod evaluate;
mod gateway;
mod lane;
mod user;
pub(crate) mod web_push;

use lane::{Item, Lane};
use user::PushUser;

/// How often progress is written while there is any.
const FLUSH_INTERVAL: Duration = Duration::from_secs(2);
/// The account data that tells whom a user does not want to hear.
pub(crate) const IGNORED_USERS: &str = "m.ignored_user_list";

/// What the rest of the server tells the sender.
pub struct Push {
    heard: Mutex<Heard>,
    wake: Notify,
    /// Held by the sender from when it takes what was heard until it has looked at all of it.
    looking: tokio::sync::Mutex<()>,
    /// The last position of which something was heard: what tests wait for.
    #[cfg(test)]
    heard_up_to: std::sync::atomic::AtomicU64,
    /// Bounds the requests to gateways.
    requests: Semaphore,
    /// Web push pushers that have been sent a token, by user and application.
    pub(crate) acks: Mutex<HashMap<(UserId, String), PendingAck>>,
}

/// A token that a browser is to send back (MSC4174).
pub(crate) struct PendingAck {
    pub(crate) token_hash: [u8; 32],
    pub(crate) pushkey: String,
    pub(crate) expires_ms: i64,
}

#[derive(Default)]
struct Heard {
    events: VecDeque<(Position, RoomId)>,
    receipts: HashSet<(RoomId, UserId)>,
    /// Users whose pushers, rules or ignored users changed.
    users: HashSet<UserId>,
    /// Pushers of anybody may have gone, because a pushkey changed hands.
    handed_over: bool,
    /// Something was not heard: the store knows it.
    missed: bool,
}

impl Default for Push {
    fn default() -> Self {
        Self {
            heard: Mutex::default(),
            wake: Notify::new(),
            looking: tokio::sync::Mutex::default(),
            #[cfg(test)]
            heard_up_to: std::sync::atomic::AtomicU64::new(0),
            requests: Semaphore::new(PUSH_REQUESTS_MAX),
            acks: Mutex::default(),
        }
    }
}

impl Push {
    /// Hears of a fact after its commit.
    pub(crate) fn hear(&self, fact: &Fact) {
        let mut heard = self.heard.lock();
        #[cfg(test)]
        self.heard_up_to.store(fact.pos.0, std::sync::atomic::Ordering::Release);
        match &fact.kind {
            FactKind::Event { room_id } => {
                if heard.events.len() >= PUSH_HEARD_MAX {
                    heard.events.clear();
                    heard.missed = true;
                }
                heard.events.push_back((fact.pos, room_id.clone()));
            }
            FactKind::Receipt { room_id, user_id, .. } => {
                if heard.receipts.len() < PUSH_HEARD_MAX {
                    heard.receipts.insert((room_id.clone(), user_id.clone()));
                }
            }
            FactKind::AccountData { user_id, room_id: None, kind }
                if kind == crate::client::push_rules::KIND || kind == IGNORED_USERS =>
            {
                heard.users.insert(user_id.clone());
            }
            // The account may be locked, or its end of validity another one.
            FactKind::Sessions { user_id } => {
                heard.users.insert(user_id.clone());
            }
            _ => return,
        }
        drop(heard);
        self.wake.notify_one();
    }

    /// A user's pushers changed, and with `handed_over` perhaps those of others who had the key.
    pub(crate) fn pushers_changed(&self, user_id: &UserId, handed_over: bool) {
        let mut heard = self.heard.lock();
        heard.users.insert(user_id.clone());
        heard.handed_over |= handed_over;
        drop(heard);
        self.wake.notify_one();
    }

    /// Facts were lost on their way here: the store is to be asked.
    pub(crate) fn missed(&self) {
        self.heard.lock().missed = true;
        self.wake.notify_one();
    }
}

/// The one task that decides what is pushed.
struct Sender {
    users: HashMap<UserId, PushUser>,
    lanes: HashMap<i64, Arc<Lane>>,
    /// Everything up to here was looked at.
    pos: Position,
    /// What of that is written down.
    saved: Position,
}

/// Pushes for as long as the server lives.
pub(crate) async fn run(server: Weak<Server>) {
    let mut sender = loop {
        let Some(server) = server.upgrade() else { return };
        match Sender::load(&server).await {
            Ok(sender) => break sender,
            Err(error) => tracing::warn!(%error, "pushing cannot start yet"),
        }
        drop(server);
        tokio::time::sleep(FLUSH_INTERVAL).await;
    };
    let mut flush = tokio::time::interval(FLUSH_INTERVAL);
    flush.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let Some(strong) = server.upgrade() else { return };
        let mut stopping = strong.stopping();
        let stopped = async {
            let _ = stopping.wait_for(|stop| *stop).await;
        };
        let (flushing, last) = tokio::select! {
            () = strong.push.wake.notified() => (false, false),
            _ = flush.tick() => (true, false),
            () = stopped => (true, true),
        };
        let outcome = async {
            sender.catch_up(&strong).await?;
            if flushing { sender.flush(&strong).await } else { Ok(()) }
        };
        let outcome = outcome.await;
        if last {
            return;
        }
        if let Err(error) = outcome {
            tracing::warn!(%error, "pushing was interrupted and goes on from where it was");
            strong.push.heard.lock().missed = true;
            drop(strong);
            tokio::time::sleep(FLUSH_INTERVAL).await;
        }
    }
}

impl Sender {
    async fn load(server: &Shared) -> StoreResult<Self> {
        let (pos, waiting) = server.store.push_progress().await?;
        let mut sender = Self { users: HashMap::new(), lanes: HashMap::new(), pos, saved: pos };
        let owners: HashSet<UserId> =
            server.store.pushers(None).await?.into_iter().map(|(_, p)| p.user_id).collect();
        for user_id in owners {
            sender.reload(server, &user_id).await?;
        }
        for outgoing in waiting {
            if let Some(lane) = sender.lanes.get(&outgoing.pusher_nid) {
                lane.restore(server, outgoing);
            }
        }
        // The first look goes through the store.
        server.push.heard.lock().missed = true;
        server.push.wake.notify_one();
        Ok(sender)
    }

    /// Reads a user's pushers, rules and ignored users again.
    async fn reload(&mut self, server: &Shared, user_id: &UserId) -> StoreResult<()> {
        let account = server.store.account(user_id).await?;
        let account = account.filter(|account| !account.locked && !account.deactivated);
        let pushers = match &account {
            Some(_) => server.store.pushers(Some(user_id)).await?,
            // Nobody is told anything while they may not look.
            None => Vec::new(),
        };
        let expires_ms = account.and_then(|account| account.expires_ms);
        let kept: HashSet<i64> = pushers.iter().map(|(nid, _)| *nid).collect();
        if let Some(before) = self.users.remove(user_id) {
            for nid in before.lanes.iter().map(|lane| lane.nid) {
                if !kept.contains(&nid)
                    && let Some(lane) = self.lanes.remove(&nid)
                {
                    lane.close();
                }
            }
        }
        if pushers.is_empty() {
            return Ok(());
        }
        let mut lanes = Vec::new();
        for (nid, pusher) in pushers {
            let mut pusher = pusher;
            // MSC4174: nothing before the browser proved that it receives.
            pusher.enabled &= pusher.kind != web_push::KIND || web_push::is_activated(&pusher.data);
            let lane = self.lanes.entry(nid).or_insert_with(|| Arc::new(Lane::new(nid)));
            lane.set_pusher(pusher);
            lanes.push(Arc::clone(lane));
        }
        let user = PushUser::load(server, user_id, lanes, expires_ms).await?;
        if self.users.is_empty() {
            // Until now nobody wanted to be told of anything.
            self.pos = self.pos.max(server.notifier.head());
        }
        self.users.insert(user_id.clone(), user);
        Ok(())
    }

    /// Users of whom a pusher is gone from the store.
    async fn without_pushers(&self, server: &Shared) -> StoreResult<Vec<UserId>> {
        let pushers = server.store.pushers(None).await?;
        let stored: HashSet<i64> = pushers.into_iter().map(|(nid, _)| nid).collect();
        let lost = |user: &PushUser| user.lanes.iter().any(|lane| !stored.contains(&lane.nid));
        Ok(self.users.iter().filter(|(_, user)| lost(user)).map(|(id, _)| id.clone()).collect())
    }

    /// Looks at everything that was heard since the last time. What an error leaves undone is as if
    /// it had not been heard yet.
    async fn catch_up(&mut self, server: &Shared) -> StoreResult<()> {
        let _looking = server.push.looking.lock().await;
        loop {
            let mut heard = std::mem::take(&mut *server.push.heard.lock());
            let outcome = self.look_at_all(server, &mut heard).await;
            if outcome.is_err() {
                let mut missed = server.push.heard.lock();
                missed.users.extend(heard.users);
                missed.receipts.extend(heard.receipts);
                missed.handed_over |= heard.handed_over;
                missed.missed = true;
                return outcome;
            }
            let heard = server.push.heard.lock();
            if heard.events.is_empty() && heard.users.is_empty() && !heard.missed {
                return Ok(());
            }
        }
    }

    /// Looks at what was heard and takes it out of `heard`.
    async fn look_at_all(&mut self, server: &Shared, heard: &mut Heard) -> StoreResult<()> {
        let head = server.notifier.head();
        if heard.handed_over {
            heard.users.extend(self.without_pushers(server).await?);
            heard.handed_over = false;
        }
        while let Some(user_id) = heard.users.iter().next().cloned() {
            self.reload(server, &user_id).await?;
            heard.users.remove(&user_id);
        }
        if self.users.is_empty() {
            self.pos = head;
            return Ok(());
        }
        if heard.missed {
            self.read_log(server, head).await?;
        }
        for (pos, room_id) in heard.events.drain(..) {
            if pos > self.pos {
                self.look_at(server, pos, &room_id).await?;
                self.pos = pos;
            }
        }
        while let Some((room_id, user_id)) = heard.receipts.iter().next().cloned() {
            if let Some(user) = self.users.get_mut(&user_id) {
                user.room_read(server, &room_id).await?;
            }
            heard.receipts.remove(&(room_id, user_id));
        }
        Ok(())
    }

    /// Reads the log from where looking ended, for what was not heard.
    async fn read_log(&mut self, server: &Shared, head: Position) -> StoreResult<()> {
        loop {
            let range = TimelineRange {
                after: self.pos,
                upto: head,
                direction: Direction::Forward,
                limit: LOG_BATCH_MAX,
            };
            let events = server.store.events_between(range).await?;
            let Some((_, last)) = events.last() else {
                self.pos = self.pos.max(head);
                return Ok(());
            };
            let last = last.pos;
            for (room_id, stored) in &events {
                if let Some(room) = server.rooms.get(&server.store, room_id).await? {
                    let snapshot = room.snapshot();
                    let (event, flags, pos) = (&stored.event, stored.flags, stored.pos);
                    self.evaluate(server, &snapshot, &Found { event, flags, pos }).await?;
                }
                // What was queued is not looked at again if the next event cannot be.
                self.pos = stored.pos;
            }
            self.pos = last;
        }
    }

    async fn look_at(
        &mut self,
        server: &Shared,
        pos: Position,
        room_id: &RoomId,
    ) -> StoreResult<()> {
        let Some(room) = server.rooms.get(&server.store, room_id).await? else { return Ok(()) };
        let snapshot = room.snapshot();
        let before = Position(pos.0.saturating_sub(1));
        if let Some(recent) = snapshot.recent.after(before, pos) {
            for event in recent {
                let found = Found { event: &event.event, flags: event.flags, pos: event.pos() };
                self.evaluate(server, &snapshot, &found).await?;
            }
            return Ok(());
        }
        let range =
            TimelineRange { after: before, upto: pos, direction: Direction::Forward, limit: 1 };
        for stored in server.store.timeline(room_id, range).await? {
            let found = Found { event: &stored.event, flags: stored.flags, pos: stored.pos };
            self.evaluate(server, &snapshot, &found).await?;
        }
        Ok(())
    }

    /// Queues an event for everybody whose rules say so.
    async fn evaluate(
        &mut self,
        server: &Shared,
        snapshot: &Snapshot,
        found: &Found<'_>,
    ) -> StoreResult<()> {
        let hidden = EventFlags::EDIT.0 | EventFlags::REDACTED.0;
        let age_ms = server.now_ms().saturating_sub(found.event.origin_server_ts());
        if found.flags.0 & hidden != 0 || age_ms > PUSH_AGE_MS_MAX {
            return Ok(());
        }
        let room_id = found.event.room_id();
        let mut badges = Vec::new();
        for (user_id, tweaks, urgent) in evaluate::told(server, &self.users, snapshot, found) {
            if evaluate::came_later(server, &user_id, snapshot, found).await? {
                // What happened before one came in is read, not announced.
                continue;
            }
            let Some(user) = self.users.get_mut(&user_id) else { continue };
            let badge = user.badge_after(server, room_id).await?;
            badges.push((user_id, tweaks, urgent, badge));
        }
        // All or nothing: an event that fails for one user is looked at again for all.
        for (user_id, tweaks, urgent, badge) in badges {
            let Some(user) = self.users.get(&user_id) else { continue };
            for lane in &user.lanes {
                let item = Item {
                    pos: found.pos,
                    room_id: room_id.clone(),
                    event_id: found.event.event_id().clone(),
                    tweaks: tweaks.clone(),
                    ts_ms: server.now_ms(),
                    urgent,
                    badge,
                };
                lane.push(server, item);
            }
        }
        Ok(())
    }

    /// Writes down how far pushing has come and what still waits.
    async fn flush(&mut self, server: &Shared) -> StoreResult<()> {
        let mut progress = PushProgress { pos: self.pos, ..PushProgress::default() };
        for lane in self.lanes.values() {
            lane.report(&mut progress);
        }
        if self.pos == self.saved && progress.waiting.is_empty() && progress.done.is_empty() {
            return Ok(());
        }
        server.store.save_push_progress(progress.clone()).await?;
        self.saved = self.pos;
        for lane in self.lanes.values() {
            lane.reported(&progress);
        }
        Ok(())
    }
}

/// An event that may have to be pushed.
struct Found<'a> {
    event: &'a Event,
    flags: EventFlags,
    pos: Position,
}

#[cfg(test)]
mod tests;
