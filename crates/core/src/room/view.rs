// SPDX-License-Identifier: Apache-2.0
//! A room as the rules see it: its state and its ends, cheap to clone.

use std::sync::Arc;

use super::RoomUpdate;
use crate::{
    auth::{AuthState, PowerLevels},
    event::{Event, Membership},
    ids::{EventId, RoomId, UserId},
    json::Value,
    state::StateMap,
    version::{RoomVersion, Rules},
};

/// A room that cannot be what was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CorruptRoom {
    /// There is no create event in its state.
    #[error("the room has no create event")]
    NoCreate,
    /// An event of another room is among its state.
    #[error("an event of another room is in the room's state")]
    OtherRoom,
    /// It has no forward extremity.
    #[error("the room has no forward extremity")]
    NoExtremity,
}

/// An event that no other event follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extremity {
    /// The event.
    pub event_id: EventId,
    /// Its depth.
    pub depth: u64,
}

/// Everything that a decision needs to know of a room.
#[derive(Debug, Clone)]
pub struct RoomView {
    version: RoomVersion,
    rules: Rules,
    room_id: RoomId,
    state: StateMap,
    extremities: Vec<Extremity>,
    levels: Arc<PowerLevels>,
    joined: usize,
    invited: usize,
}

impl RoomView {
    /// A room from its stored state and extremities.
    pub fn load(
        version: RoomVersion,
        room_id: RoomId,
        state: impl IntoIterator<Item = Arc<Event>>,
        extremities: impl IntoIterator<Item = (EventId, u64)>,
    ) -> Result<Self, CorruptRoom> {
        let state: StateMap = state.into_iter().collect();
        if state.get("m.room.create", "").is_none() {
            return Err(CorruptRoom::NoCreate);
        }
        if state.iter_unordered().any(|event| *event.room_id() != room_id) {
            return Err(CorruptRoom::OtherRoom);
        }
        let extremities: Vec<Extremity> = extremities
            .into_iter()
            .map(|(event_id, depth)| Extremity { event_id, depth })
            .collect();
        if extremities.is_empty() {
            return Err(CorruptRoom::NoExtremity);
        }
        let mut view = Self::empty(version, room_id);
        view.extremities = extremities;
        view.set_state(state);
        Ok(view)
    }

    /// Takes a whole state, and what is derived from it.
    fn set_state(&mut self, state: StateMap) {
        (self.joined, self.invited) = (0, 0);
        for member in state.iter_kind_unordered("m.room.member") {
            self.count(member.membership(), 1);
        }
        self.state = state;
        self.levels = Arc::new(PowerLevels::of_state(self, &self.rules));
    }

    /// A room in which nothing has happened.
    pub(super) fn empty(version: RoomVersion, room_id: RoomId) -> Self {
        let rules = version.rules();
        Self {
            version,
            rules,
            room_id,
            state: StateMap::new(),
            extremities: Vec::new(),
            levels: Arc::new(PowerLevels::new(None, None, &rules)),
            joined: 0,
            invited: 0,
        }
    }

    /// The room's version.
    pub fn version(&self) -> RoomVersion {
        self.version
    }

    /// What the version asks for.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// The room's id.
    pub fn room_id(&self) -> &RoomId {
        &self.room_id
    }

    /// The state now.
    pub fn state(&self) -> &StateMap {
        &self.state
    }

    /// The state event of that key.
    pub fn state_event(&self, kind: &str, state_key: &str) -> Option<&Arc<Event>> {
        self.state.get(kind, state_key)
    }

    /// A member of the content of a state event with an empty state key.
    pub fn state_text(&self, kind: &str, member: &str) -> Option<&str> {
        self.state.get(kind, "")?.content().get(member).and_then(Value::as_str)
    }

    /// The ends of the room's graph.
    pub fn forward_extremities(&self) -> &[Extremity] {
        &self.extremities
    }

    /// The power levels now.
    pub fn power_levels(&self) -> &Arc<PowerLevels> {
        &self.levels
    }

    /// A user's membership; `None` for somebody who never had one.
    pub fn membership(&self, user_id: &UserId) -> Option<Membership> {
        self.state.get("m.room.member", user_id.as_str()).and_then(|event| event.membership())
    }

    /// Whether the user is in the room.
    pub fn is_joined(&self, user_id: &UserId) -> bool {
        self.membership(user_id) == Some(Membership::Join)
    }

    /// How many have joined.
    pub fn joined_count(&self) -> usize {
        self.joined
    }

    /// How many are invited.
    pub fn invited_count(&self) -> usize {
        self.invited
    }

    /// Whether the room is encrypted.
    pub fn is_encrypted(&self) -> bool {
        self.state.get("m.room.encryption", "").is_some()
    }

    /// The room's history visibility; `shared` where the state says nothing or nothing known.
    pub fn history_visibility(&self) -> &str {
        match self.state_text("m.room.history_visibility", "history_visibility") {
            Some(known @ ("world_readable" | "invited" | "joined")) => known,
            _ => "shared",
        }
    }

    /// The word of the join rule; `invite` where the state says nothing.
    pub fn join_rule(&self) -> &str {
        AuthState::join_rule(self)
    }

    /// The rooms whose members a restricted join rule lets in.
    pub fn allowed_rooms(&self) -> Vec<RoomId> {
        AuthState::allowed_rooms(self)
    }

    /// The room once `update` is committed. Shares all that did not change.
    #[must_use]
    pub fn apply(&self, update: &RoomUpdate) -> Self {
        let mut next = self.clone();
        next.extremities.clone_from(&update.forward_extremities);
        if let Some(state) = &update.state {
            next.set_state(state.clone());
            return next;
        }
        let mut levels_changed = false;
        for new in &update.events {
            if new.rejected || new.soft_failed || new.event.state_key().is_none() {
                continue;
            }
            levels_changed |= matches!(new.event.kind(), "m.room.power_levels" | "m.room.create");
            let replaced = next.state.insert(Arc::clone(&new.event));
            if new.event.kind() == "m.room.member" {
                next.count(replaced.and_then(|event| event.membership()), -1);
                next.count(new.event.membership(), 1);
            }
        }
        if levels_changed {
            next.levels = Arc::new(PowerLevels::of_state(&next, &next.rules));
        }
        next
    }

    /// The room once a state event has lost its content to a redaction; `event` is what is left.
    /// Unchanged when the event is not part of the state now.
    #[must_use]
    pub fn with_redacted(&self, event: &Arc<Event>) -> Self {
        let Some(state_key) = event.state_key() else { return self.clone() };
        let current = self.state.get(event.kind(), state_key);
        if current.is_none_or(|current| current.event_id() != event.event_id()) {
            return self.clone();
        }
        let mut next = self.clone();
        next.state.insert(Arc::clone(event));
        next.levels = Arc::new(PowerLevels::of_state(&next, &next.rules));
        next
    }

    fn count(&mut self, membership: Option<Membership>, by: isize) {
        match membership {
            Some(Membership::Join) => self.joined = self.joined.saturating_add_signed(by),
            Some(Membership::Invite) => self.invited = self.invited.saturating_add_signed(by),
            _ => {}
        }
    }
}

impl AuthState for RoomView {
    fn state(&self, kind: &str, state_key: &str) -> Option<&Event> {
        self.state.get(kind, state_key).map(|event| &**event)
    }
}
