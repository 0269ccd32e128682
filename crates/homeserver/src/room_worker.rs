// SPDX-License-Identifier: Apache-2.0
//! The only writer of a room.
//!
//! Commands queue in the room's [`Inbox`]; one task at a time takes what waits, decides each
//! command against the outcome of the one before, and commits all of it as one. Readers keep
//! seeing the last committed snapshot until the commit is durable; a failed commit fails exactly
//! its callers and leaves the snapshot as it was (I1).

mod access;
mod create;

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, atomic::Ordering},
};

use estafette_core::{
    event::Event,
    ids::{EventId, RoomId},
    json::{Strictness, Value, parse, write_canonical_object},
    limits::{ROOM_BATCH_MAX, ROOM_QUEUE_MAX, ROOM_TXNS_MAX},
    redact::redact,
    room::{
        Command, Decision, NewEvent, Rejection, RoomUpdate, RoomView,
        access_rules::{self, Outside},
        decide,
    },
};
use estafette_store::{
    RoomStore as _, StoreError,
    rooms::{
        AppliedRedaction, CommitEvent, EventFlags, PositionCell, RoomCommit, RoomOutcome,
        StoredEvent, Txn,
    },
    third_party_invites::NewThirdPartyInvite,
};
use parking_lot::Mutex;
use tokio::sync::oneshot;

pub use self::create::{CreateError, NewRoom, create_room};
use crate::{
    Server, Shared, notification,
    rooms::{HotRoom, Recent, Snapshot, TimelineEvent},
};

/// What somebody asks of a room.
pub struct Request {
    /// What is wanted.
    pub command: Command,
    /// The request that wants it, for events that clients send.
    pub txn: Option<Txn>,
    /// Another time than now, for application services.
    pub origin_server_ts: Option<i64>,
    /// The event that a redaction takes effect on, where it is known here.
    pub redaction_target: Option<StoredEvent>,
    /// The invitation of an address that the event shows.
    pub invitation: Option<NewThirdPartyInvite>,
    /// What the kind of the room asks of the world outside; looked up when this is submitted.
    outside: Option<Outside>,
}

impl Request {
    /// A command and nothing else.
    pub fn new(command: Command) -> Self {
        Self {
            command,
            txn: None,
            origin_server_ts: None,
            redaction_target: None,
            invitation: None,
            outside: None,
        }
    }
}

/// Why a room did not do what was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RoomError {
    /// There is no such room here.
    #[error("there is no such room here")]
    Unknown(RoomId),
    /// The rules say no.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// It could not be stored, or too much waits already.
    #[error(transparent)]
    Store(#[from] StoreError),
}

type Answer = Result<EventId, RoomError>;

struct Work {
    request: Request,
    reply: oneshot::Sender<Answer>,
}

/// The queue of one room, and what its writer remembers between commits.
#[derive(Default)]
pub(crate) struct Inbox {
    state: Mutex<InboxState>,
}

#[derive(Default)]
struct InboxState {
    waiting: VecDeque<Work>,
    running: bool,
    txns: RecentTxns,
}

/// The latest transactions, so that a retry is answered without asking the store.
#[derive(Default)]
struct RecentTxns {
    answers: HashMap<Txn, EventId>,
    order: VecDeque<Txn>,
}

impl RecentTxns {
    fn remember(&mut self, txn: Txn, event_id: EventId) {
        if self.answers.insert(txn.clone(), event_id).is_none() {
            self.order.push_back(txn);
        }
        if self.order.len() > ROOM_TXNS_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.answers.remove(&oldest);
        }
    }
}

/// Hands a request to its room and waits for what became of it.
pub async fn submit(server: &Shared, room_id: &RoomId, request: Request) -> Answer {
    let room = server.rooms.get(&server.store, room_id).await?;
    let room = room.ok_or_else(|| RoomError::Unknown(room_id.clone()))?;
    submit_to(server, &room, request).await
}

/// As [`submit`], for a room that is at hand.
pub async fn submit_to(server: &Shared, room: &Arc<HotRoom>, mut request: Request) -> Answer {
    request.outside = access::outside(server, room, &request).await?;
    let (reply, answer) = oneshot::channel();
    let start = {
        let mut inbox = room.inbox.state.lock();
        if inbox.waiting.len() >= ROOM_QUEUE_MAX {
            return Err(StoreError::Busy.into());
        }
        inbox.waiting.push_back(Work { request, reply });
        !std::mem::replace(&mut inbox.running, true)
    };
    if start {
        // A task of its own: a client that goes away must not stop the room.
        tokio::spawn(run(Arc::clone(server), Arc::clone(room)));
    }
    answer
        .await
        .unwrap_or_else(|_| Err(StoreError::Unavailable("the room's worker stopped".into()).into()))
}

async fn run(server: Shared, room: Arc<HotRoom>) {
    let mut running = Running { room: Arc::clone(&room), ended: false };
    loop {
        let mut batch: Vec<Work> = {
            let mut inbox = room.inbox.state.lock();
            if inbox.waiting.is_empty() {
                inbox.running = false;
                running.ended = true;
                return;
            }
            let take = inbox.waiting.len().min(ROOM_BATCH_MAX);
            inbox.waiting.drain(..take).collect()
        };
        while !batch.is_empty() {
            batch = process(&server, &room, batch).await;
        }
    }
}

/// If a decision panics, the requests that wait are failed and the next one starts afresh.
struct Running {
    room: Arc<HotRoom>,
    ended: bool,
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.ended {
            let mut inbox = self.room.inbox.state.lock();
            inbox.running = false;
            inbox.waiting.clear();
        }
    }
}

/// What a batch is going to write.
struct Batch {
    view: RoomView,
    events: Vec<CommitEvent>,
    timeline: Vec<Arc<TimelineEvent>>,
    redacted: Vec<Arc<TimelineEvent>>,
    invitations: Vec<NewThirdPartyInvite>,
    /// Works whose answer depends on the commit, with the answer if it succeeds.
    waiting: Vec<(Work, EventId)>,
}

/// Decides and commits `works`. Returns those that must be tried again.
async fn process(server: &Shared, room: &Arc<HotRoom>, works: Vec<Work>) -> Vec<Work> {
    let before = room.snapshot();
    let mut batch = Batch {
        view: before.view.clone(),
        events: Vec::with_capacity(works.len()),
        timeline: Vec::with_capacity(works.len()),
        redacted: Vec::new(),
        invitations: Vec::new(),
        waiting: Vec::with_capacity(works.len()),
    };
    for work in works {
        step(server, room, &before, &mut batch, work);
    }
    if batch.events.is_empty() {
        for (work, event_id) in batch.waiting {
            let _ = work.reply.send(Ok(event_id));
        }
        return Vec::new();
    }
    let recent = before.recent.append(batch.timeline, &batch.redacted);
    let snapshot = Arc::new(Snapshot { view: batch.view, recent });
    let commit = RoomCommit {
        room_id: room.room_id.clone(),
        version: snapshot.view.version(),
        events: batch.events,
        extremities: extremities(&snapshot.view),
        is_public: None,
        invitations: batch.invitations,
        aliases: Vec::new(),
        publish: {
            let room = Arc::clone(room);
            Box::new(move || room.publish(snapshot))
        },
    };
    let outcome = server.store.commit_room(commit).await;
    conclude(room, batch.waiting, outcome)
}

/// The ends of a room as the store keeps them.
pub(crate) fn extremities(view: &RoomView) -> Vec<(EventId, u64)> {
    let ends = view.forward_extremities().iter();
    ends.map(|end| (end.event_id.clone(), end.depth)).collect()
}

fn conclude(
    room: &HotRoom,
    waiting: Vec<(Work, EventId)>,
    outcome: Result<RoomOutcome, StoreError>,
) -> Vec<Work> {
    match outcome {
        Ok(RoomOutcome::Committed) => {
            let mut inbox = room.inbox.state.lock();
            for (work, event_id) in waiting {
                if let Some(txn) = work.request.txn {
                    inbox.txns.remember(txn, event_id.clone());
                }
                let _ = work.reply.send(Ok(event_id));
            }
            Vec::new()
        }
        Ok(RoomOutcome::Duplicate { txn, event_id }) => {
            // Known now, so the next try answers it at once and decides the others without it.
            room.inbox.state.lock().txns.remember(txn, event_id);
            waiting.into_iter().map(|(work, _)| work).collect()
        }
        Ok(RoomOutcome::AliasTaken(_)) => Vec::new(),
        Err(error) => {
            for (work, _) in waiting {
                let _ = work.reply.send(Err(error.clone().into()));
            }
            Vec::new()
        }
    }
}

/// Decides one work against the outcome of those before it.
fn step(server: &Server, room: &HotRoom, before: &Snapshot, batch: &mut Batch, work: Work) {
    if let Some(txn) = &work.request.txn {
        if let Some(known) = room.inbox.state.lock().txns.answers.get(txn) {
            let _ = work.reply.send(Ok(known.clone()));
            return;
        }
        // The same request twice in one batch: both get the one answer, after the commit.
        let twin = batch.waiting.iter().find(|(other, _)| other.request.txn.as_ref() == Some(txn));
        if let Some((_, event_id)) = twin {
            let event_id = event_id.clone();
            batch.waiting.push((work, event_id));
            return;
        }
    }
    let now_ms = work.request.origin_server_ts.unwrap_or_else(|| server.now_ms());
    let (command, view) = (&work.request.command, &batch.view);
    let allowed = work
        .request
        .outside
        .as_ref()
        .map_or(Ok(()), |outside| access_rules::check(command, view, outside));
    match allowed.and_then(|()| decide(command, view, &server.signer(), now_ms)) {
        Ok(Decision::Unchanged(event_id)) => batch.waiting.push((work, event_id)),
        Ok(Decision::Update(update)) => {
            // An update without events changes nothing, and drops its caller's reply.
            if let Some(event_id) = adopt(server, before, batch, &work.request, &update) {
                batch.waiting.push((work, event_id));
            }
        }
        Err(rejection) => {
            let _ = work.reply.send(Err(rejection.into()));
        }
    }
}

/// Adds an update to the batch and returns the id of its last event.
fn adopt(
    server: &Server,
    before: &Snapshot,
    batch: &mut Batch,
    request: &Request,
    update: &RoomUpdate,
) -> Option<EventId> {
    let mut last = None;
    batch.view = batch.view.apply(update);
    batch.invitations.extend(request.invitation.clone());
    for new in &update.events {
        let (commit, event) = prepare(server, &batch.view, new, request.txn.as_ref());
        let mut commit = commit;
        if let Some(target) = &request.redaction_target {
            apply_redaction(before, batch, target, &new.event, &mut commit);
        }
        mark_parent(&before.recent, batch, &commit);
        last = Some(new.event.event_id().clone());
        batch.events.push(commit);
        batch.timeline.push(Arc::new(event));
    }
    last
}

/// An event as the store and as the timeline take it.
pub(crate) fn prepare(
    server: &Server,
    view: &RoomView,
    new: &NewEvent,
    txn: Option<&Txn>,
) -> (CommitEvent, TimelineEvent) {
    let facts = notification::facts(server, view, &new.event);
    let pos = Arc::new(PositionCell::default());
    let mut flags = facts.flags;
    if new.rejected {
        flags = flags | EventFlags::REJECTED;
    }
    if new.soft_failed {
        flags = flags | EventFlags::SOFT_FAILED;
    }
    let commit = CommitEvent {
        event: Arc::clone(&new.event),
        flags,
        txn: txn.cloned(),
        redaction: None,
        relation: facts.relation,
        highlights: facts.highlights,
        pos,
    };
    let event = TimelineEvent::new(&commit, new.replaces.clone());
    (commit, event)
}

/// Takes the content of `target` away: in the store, among the latest events, and in the state.
fn apply_redaction(
    before: &Snapshot,
    batch: &mut Batch,
    target: &StoredEvent,
    redaction: &Arc<Event>,
    commit: &mut CommitEvent,
) {
    let event = &target.event;
    let Ok(Value::Object(whole)) = parse(event.json().as_bytes(), Strictness::Tolerant) else {
        return;
    };
    let mut json = String::new();
    write_canonical_object(&mut json, &redact(&whole, &event.version().rules()));
    let id = event.event_id().clone();
    let Ok(left) = Event::from_stored(event.version(), id.clone(), json.clone()) else { return };
    let left = Arc::new(left);
    batch.view = batch.view.with_redacted(&left);
    let replaces = |known: &TimelineEvent| {
        known.replaces.as_ref().is_some_and(|replaced| *replaced.event_id() == id)
    };
    // Whatever came after it in the state tells it as `prev_content`.
    if let Some(successor) = latest_form(before, batch, replaces) {
        batch.redacted.push(Arc::new(successor.with_replaced(Arc::clone(&left))));
    }
    if let Some(known) = latest_form(before, batch, |known| *known.event.event_id() == id) {
        batch.redacted.push(Arc::new(known.redacted(left, Arc::clone(redaction))));
    }
    commit.redaction = Some(AppliedRedaction { target: id, json });
}

/// An event among the latest ones, as the redactions of this batch have left it so far.
fn latest_form(
    before: &Snapshot,
    batch: &Batch,
    is_it: impl Fn(&TimelineEvent) -> bool,
) -> Option<Arc<TimelineEvent>> {
    let changed = batch.redacted.iter().rev();
    let mut forms = changed.chain(before.recent.events()).chain(&batch.timeline);
    forms.find(|known| is_it(known)).cloned()
}

fn mark_parent(recent: &Recent, batch: &Batch, commit: &CommitEvent) {
    let Some((parent, _)) = &commit.relation else { return };
    let pending = || batch.timeline.iter().find(|event| event.event.event_id() == parent);
    if let Some(parent) = recent.find(parent).or_else(pending) {
        parent.may_have_children.store(true, Ordering::Release);
    }
}

#[cfg(test)]
mod tests;
