// SPDX-License-Identifier: Apache-2.0
//! Events that other servers made (Server-Server API, "Checks performed on receipt of a PDU",
//! steps 4 to 6; steps 1 to 3 are behind whoever holds a [`HashedPdu`]).

use std::{collections::BTreeSet, sync::Arc};

use super::{Extremity, NewEvent, Rejection, RoomUpdate, RoomView};
use crate::{
    auth::{AuthError, AuthState, Candidate, authorise, authorise_with, check_auth_events},
    dag::{Acceptance, forward_extremities_after},
    event::{Event, HashedPdu},
    ids::EventId,
    state::{StateMap, resolver::NotLoaded},
    version::Rules,
};

/// An event that is stored here.
#[derive(Debug, Clone)]
pub struct Known {
    /// The event.
    pub event: Arc<Event>,
    /// Whether it was rejected on receipt.
    pub rejected: bool,
}

/// What is stored around a received event. The shell loads it before it asks.
pub trait Surroundings {
    /// An event of this very room, however it was accepted. Never one of another room.
    fn known(&self, event_id: &EventId) -> Option<Known>;

    /// The state after an event; for a rejected event, or one that is no state, the state before
    /// it. `None` where it is not known, as after outliers.
    fn state_after(&self, event_id: &EventId) -> Option<StateMap>;

    /// Whether an accepted event that is stored here has this one among its `prev_events`.
    fn is_followed(&self, event_id: &EventId) -> bool;

    /// Resolves states, see [`crate::state::resolver::Resolver::resolve`]. `new` is the event that
    /// is being received, where one of the states already holds it.
    fn resolve(&self, states: &[StateMap], new: Option<&Arc<Event>>)
    -> Result<StateMap, NotLoaded>;
}

/// What becomes of a received event.
#[derive(Debug)]
pub enum Reception {
    /// It is stored here already.
    Duplicate,
    /// These events, or the state after them, have to be known first.
    Need(Vec<EventId>),
    /// Store it.
    Update(Box<Received>),
}

/// A received event with what was found about it.
#[derive(Debug)]
pub struct Received {
    /// What is to be stored. A rejected or soft-failed event changes nothing else.
    pub update: RoomUpdate,
    /// The state before the event; `None` when its auth events did not allow it, for then nobody
    /// asks.
    pub state_before: Option<StateMap>,
    /// The rule for which it was rejected or soft-failed.
    pub refused_by: Option<AuthError>,
}

/// The state that an event's own auth events make.
struct ByAuthEvents<'a> {
    auth_events: &'a [Known],
    /// The create event, where auth events do not name it.
    create: Option<&'a Event>,
}

impl AuthState for ByAuthEvents<'_> {
    fn state(&self, kind: &str, state_key: &str) -> Option<&Event> {
        let named = self.auth_events.iter().map(|known| &*known.event);
        let mut all = named.chain(self.create);
        all.find(|event| event.kind() == kind && event.state_key() == Some(state_key))
    }
}

/// A state map with the create event and levels that go with it.
struct Before<'a>(&'a StateMap);

impl AuthState for Before<'_> {
    fn state(&self, kind: &str, state_key: &str) -> Option<&Event> {
        self.0.get(kind, state_key).map(|event| &**event)
    }
}

/// Decides what becomes of an event that another server made.
///
/// `view` is the room now. The event is rejected when its auth events or the state before it do
/// not allow it, and soft-failed when only the room as it is now does not.
///
/// # Errors
/// [`Rejection::OtherRoom`] when the event is not of this room or of another version: it must be
/// dropped.
pub fn receive(
    pdu: HashedPdu,
    view: &RoomView,
    surroundings: &impl Surroundings,
) -> Result<Reception, Rejection> {
    let event = Arc::new(pdu.event);
    if event.room_id() != view.room_id() || event.version() != view.version() {
        return Err(Rejection::OtherRoom);
    }
    if surroundings.known(event.event_id()).is_some() {
        return Ok(Reception::Duplicate);
    }
    if event.kind() == "m.room.create" {
        // The rules look at a create event alone and would allow a second one, from which a
        // second history of the room could grow (CVE-2025-54315). Rejected, it authorises nothing.
        return Ok(unchanged(view, event, (true, AuthError::SecondCreate), None));
    }
    let auth_events = match all_known(event.auth_events(), surroundings) {
        Ok(auth_events) => auth_events,
        Err(missing) => return Ok(Reception::Need(missing)),
    };
    if let Err(error) = allowed_by_auth_events(&event, &auth_events, view) {
        return Ok(unchanged(view, event, (true, error), None));
    }
    if let Err(missing) = all_known(event.prev_events(), surroundings) {
        return Ok(Reception::Need(missing));
    }
    let before = match state_before(&event, view, surroundings) {
        Ok(before) => before,
        Err(missing) => return Ok(Reception::Need(missing)),
    };
    let candidate = Candidate::of(&event);
    if let Err(error) = authorise(candidate, &Before(&before), view.rules()) {
        return Ok(unchanged(view, event, (true, error), Some(before)));
    }
    if let Err(error) = authorise_with(candidate, view, view.power_levels(), view.rules()) {
        return Ok(unchanged(view, event, (false, error), Some(before)));
    }
    accept(event, before, view, surroundings)
}

/// Step 4: the rules against the event's own auth events.
fn allowed_by_auth_events(
    event: &Event,
    auth_events: &[Known],
    view: &RoomView,
) -> Result<(), AuthError> {
    let rules: &Rules = view.rules();
    let candidate = Candidate::of(event);
    let each = auth_events.iter().map(|known| (&*known.event, known.rejected));
    check_auth_events(&candidate, each, rules)?;
    // From version 12 on the room's id names its create event.
    let create = view.state_event("m.room.create", "").map(|create| &**create);
    let create = create.filter(|_| rules.room_id_is_create_hash);
    authorise(candidate, &ByAuthEvents { auth_events, create }, rules)
}

/// The known events of these ids, or the ids of those that are not known.
fn all_known(
    ids: &[EventId],
    surroundings: &impl Surroundings,
) -> Result<Vec<Known>, Vec<EventId>> {
    let mut known = Vec::with_capacity(ids.len());
    let mut missing = Vec::new();
    for id in ids {
        match surroundings.known(id) {
            Some(event) => known.push(event),
            None => missing.push(id.clone()),
        }
    }
    if missing.is_empty() { Ok(known) } else { Err(missing) }
}

/// The state before the event: the resolution of the states after its `prev_events`.
fn state_before(
    event: &Event,
    view: &RoomView,
    surroundings: &impl Surroundings,
) -> Result<StateMap, Vec<EventId>> {
    let ends: BTreeSet<&EventId> =
        view.forward_extremities().iter().map(|end| &end.event_id).collect();
    let prev: BTreeSet<&EventId> = event.prev_events().iter().collect();
    if prev == ends {
        return Ok(view.state().clone());
    }
    resolve_after(prev, surroundings)
}

fn resolve_after<'a>(
    ends: impl IntoIterator<Item = &'a EventId>,
    surroundings: &impl Surroundings,
) -> Result<StateMap, Vec<EventId>> {
    let mut states = Vec::new();
    let mut missing = Vec::new();
    for id in ends {
        match surroundings.state_after(id) {
            Some(state) => states.push(state),
            None => missing.push(id.clone()),
        }
    }
    if !missing.is_empty() {
        return Err(missing);
    }
    surroundings.resolve(&states, None).map_err(|error| match error {
        NotLoaded::Nodes(ids) | NotLoaded::Events(ids) => ids,
    })
}

/// A rejected or soft-failed event: stored, never shown, never followed.
fn unchanged(
    view: &RoomView,
    event: Arc<Event>,
    (rejected, refused_by): (bool, AuthError),
    state_before: Option<StateMap>,
) -> Reception {
    let replaces = replaced(state_before.as_ref(), &event);
    let new = NewEvent { event, replaces, soft_failed: !rejected, rejected };
    let update = RoomUpdate {
        events: vec![new],
        forward_extremities: view.forward_extremities().to_vec(),
        state: None,
    };
    Reception::Update(Box::new(Received { update, state_before, refused_by: Some(refused_by) }))
}

fn replaced(before: Option<&StateMap>, event: &Event) -> Option<Arc<Event>> {
    before?.get(event.kind(), event.state_key()?).cloned()
}

/// An event that all three states allow.
fn accept(
    event: Arc<Event>,
    before: StateMap,
    view: &RoomView,
    surroundings: &impl Surroundings,
) -> Result<Reception, Rejection> {
    let old = view.forward_extremities();
    let old_ids: BTreeSet<EventId> = old.iter().map(|end| end.event_id.clone()).collect();
    let id = event.event_id();
    let ids = forward_extremities_after(
        &old_ids,
        id,
        event.prev_events(),
        Acceptance::Accepted,
        surroundings.is_followed(id),
    );
    let mut after = before.clone();
    after.insert(Arc::clone(&event));
    let state = if ids.len() == 1 && ids.contains(id) {
        Some(after)
    } else {
        let others = ids.iter().filter(|end| *end != id);
        let mut states = Vec::with_capacity(ids.len());
        for end in others {
            match surroundings.state_after(end) {
                Some(state) => states.push(state),
                None => return Ok(Reception::Need(vec![end.clone()])),
            }
        }
        if ids.contains(id) {
            states.push(after);
        }
        match surroundings.resolve(&states, Some(&event)) {
            Ok(state) => Some(state),
            Err(NotLoaded::Nodes(ids) | NotLoaded::Events(ids)) => {
                return Ok(Reception::Need(ids));
            }
        }
    };
    let depth = |id: &EventId| {
        let kept = old.iter().find(|end| end.event_id == *id);
        kept.map_or_else(|| event.depth(), |end| end.depth)
    };
    let ends = ids.iter().map(|id| Extremity { event_id: id.clone(), depth: depth(id) }).collect();
    let replaces = replaced(Some(&before), &event);
    let new = NewEvent::accepted(event, replaces);
    let update = RoomUpdate { events: vec![new], forward_extremities: ends, state };
    let received = Received { update, state_before: Some(before), refused_by: None };
    Ok(Reception::Update(Box::new(received)))
}

/// Whether a redaction takes effect on its target (room version 3, "Handling redactions"; in
/// versions 1 and 2 the authorisation rules say the same of the servers in the event ids). To be
/// asked when both are known.
///
/// `levels` are those of the state at the redaction. The create event is never redacted: up to
/// version 10 that would take the room's version and creator away.
pub fn may_redact(levels: &crate::auth::PowerLevels, redaction: &Event, target: &Event) -> bool {
    if redaction.redacts() != Some(target.event_id())
        || redaction.room_id() != target.room_id()
        || target.kind() == "m.room.create"
    {
        return false;
    }
    let same_server = if redaction.version().rules().redaction_in_auth {
        let own = redaction.event_id().server_name();
        own.is_some() && own == target.event_id().server_name()
    } else {
        redaction.sender().server_name() == target.sender().server_name()
    };
    same_server || levels.user(redaction.sender()) >= levels.redact
}

#[cfg(test)]
mod tests;
