// SPDX-License-Identifier: Apache-2.0
//! Event authorisation: one function per rule of the specification, for room versions 1 to 12.
//!
//! The numbers in the comments are those of version 12,
//! <https://spec.matrix.org/v1.19/rooms/v12/#authorisation-rules>; earlier versions have the same
//! rules under other numbers, and [`Rules`] says where they differ. Rules that are no more:
//! <https://spec.matrix.org/v1.19/rooms/v1/#authorisation-rules>.

mod member;
mod power_levels;
mod selection;

pub use self::{
    power_levels::{CREATOR_POWER, Level, PowerLevels, read_level},
    selection::{auth_types, check_auth_events},
};
use crate::{
    event::{Event, Membership},
    ids::{EventId, RoomId, UserId},
    json::{Object, Value},
    state::StateMap,
    version::Rules,
};

/// Why an event is not allowed: the rule that says no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum AuthError {
    /// Rule 1.1.
    #[error("a create event must not follow other events")]
    CreateHasPrevEvents,
    /// Rule 1.2.
    #[error("the room's server is not the creator's, or the create event names a room")]
    CreateRoomId,
    /// Rule 1.3.
    #[error("the create event names a room version that is not known")]
    CreateVersion,
    /// Rule 1.4.
    #[error("the create event names no valid creators")]
    CreateCreator,
    /// Another create event for a room that has one (CVE-2025-54315).
    #[error("the room has another create event already")]
    SecondCreate,
    /// Rules 2 and 3: no create event, or one that is not this room's.
    #[error("the room has no create event")]
    NoCreate,
    /// Rules 3.1 and 3.2: an auth event twice, or one that the selection does not name.
    #[error("the auth events are not those that the event needs")]
    AuthEvents,
    /// Rule 3.3.
    #[error("an auth event was rejected itself")]
    RejectedAuthEvent,
    /// Rule 3.5.
    #[error("an auth event is of another room")]
    AuthEventOfAnotherRoom,
    /// Rule 4.
    #[error("the room is not federated")]
    NotFederated,
    /// Rule 5 of versions 1 to 5.
    #[error("an aliases event must carry its sender's server as state key")]
    Aliases,
    /// Rule 5.1.
    #[error("the membership event has no state key or no membership")]
    MemberMalformed,
    /// Rule 5.3.2, 5.7.2: acting for somebody else.
    #[error("only the user may do this for themselves")]
    NotTheUser,
    /// Rule 5.3.3.
    #[error("the user is banned from the room")]
    Banned,
    /// Rule 5.3: the join rule does not let the user in.
    #[error("the room's join rule does not let this user in")]
    JoinRule,
    /// Rule 5.3.5: whoever vouches for a restricted join may not.
    #[error("the user who authorises this join may not")]
    JoinAuthorisedBy,
    /// Rule 5.4.1.
    #[error("the third-party invite is not valid")]
    ThirdPartyInvite,
    /// Rules 5.4.2, 5.5.2, 5.6.1, 6.
    #[error("the sender is not in the room")]
    SenderNotJoined,
    /// Rule 5.4.3.
    #[error("the user is in the room already, or is banned")]
    InviteTarget,
    /// Rule 5.5: nothing to leave.
    #[error("the user is not in the room")]
    NothingToLeave,
    /// A level that the act asks for is above the sender's.
    #[error("the sender's power level is too low")]
    PowerLevel,
    /// Rules 5.5.4, 5.6.2: the target's level is not below the sender's.
    #[error("the target's power level is not below the sender's")]
    TargetPowerLevel,
    /// Rule 5.7: knocking is not possible here, or not any more.
    #[error("the user may not knock here")]
    Knock,
    /// Rule 5.8.
    #[error("the membership is not one of the known words")]
    UnknownMembership,
    /// Rule 9.
    #[error("a state key that starts with @ must be the sender")]
    StateKeyOfAnother,
    /// Rule 10.1 and 10.2.
    #[error("the power levels are malformed")]
    PowerLevelsMalformed,
    /// Rule 10.3.
    #[error("the power levels list a creator of the room")]
    PowerLevelsListCreator,
    /// Rules 10.6 to 10.9.
    #[error("the change of power levels exceeds the sender's own")]
    PowerLevelsChange,
    /// Rule 11 of versions 1 and 2.
    #[error("the sender may not redact that event")]
    Redaction,
}

/// The event that wants to be allowed, built or not yet.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// Who sends it.
    pub sender: &'a UserId,
    /// The specification's `type`.
    pub kind: &'a str,
    /// Its state key.
    pub state_key: Option<&'a str>,
    /// Its content.
    pub content: &'a Object,
    /// The room that it names, if it names one.
    pub room_id: Option<&'a str>,
    /// The event that it redacts (top-level, versions 1 and 2).
    pub redacts: Option<&'a EventId>,
    /// The events that it follows.
    pub prev_events: &'a [EventId],
    /// Its own id in versions 1 and 2, whose server may redact. `None` while it is being built
    /// here: it will be of the sender's server.
    pub event_id: Option<&'a EventId>,
}

impl<'a> Candidate<'a> {
    /// A built event as a candidate.
    pub fn of(event: &'a Event) -> Self {
        Self {
            sender: event.sender(),
            kind: event.kind(),
            state_key: event.state_key(),
            content: event.content(),
            room_id: event.names_room().then(|| event.room_id().as_str()),
            redacts: event.redacts(),
            prev_events: event.prev_events(),
            event_id: Some(event.event_id()),
        }
    }
}

/// The state against which an event is judged.
pub trait AuthState {
    /// The state event of that key.
    fn state(&self, kind: &str, state_key: &str) -> Option<&Event>;

    /// The power levels of that state. Overridden where they are kept parsed.
    fn power_levels(&self, rules: &Rules) -> PowerLevels {
        PowerLevels::of_state(self, rules)
    }

    /// A user's membership in that state.
    fn membership(&self, user_id: &str) -> Option<Membership> {
        self.state("m.room.member", user_id).and_then(Event::membership)
    }

    /// The word of the room's join rule; `invite` where there is none.
    fn join_rule(&self) -> &str {
        let rules = self.state("m.room.join_rules", "");
        let word = rules.and_then(|event| event.content().get("join_rule"));
        word.and_then(Value::as_str).unwrap_or("invite")
    }

    /// The rooms whose members a restricted join rule lets in.
    fn allowed_rooms(&self) -> Vec<RoomId> {
        let rules = self.state("m.room.join_rules", "");
        let allow = rules.and_then(|event| event.content().get("allow")?.as_array());
        let room = |entry: &Value| {
            let entry = entry.as_object()?;
            let by_membership = entry.get("type")?.as_str()? == "m.room_membership";
            let room_id = entry.get("room_id")?.as_str()?;
            by_membership.then(|| RoomId::parse(room_id).ok()).flatten()
        };
        allow.into_iter().flatten().filter_map(room).collect()
    }

    /// Whether what is said in the room is for everybody to read.
    fn is_world_readable(&self) -> bool {
        let event = self.state("m.room.history_visibility", "");
        let word = event.and_then(|event| event.content().get("history_visibility")?.as_str());
        word == Some("world_readable")
    }
}

impl AuthState for StateMap {
    fn state(&self, kind: &str, state_key: &str) -> Option<&Event> {
        self.get(kind, state_key).map(|event| &**event)
    }
}

/// Everything that a rule looks at.
struct Case<'a, S: ?Sized> {
    event: Candidate<'a>,
    state: &'a S,
    create: &'a Event,
    levels: &'a PowerLevels,
    rules: Rules,
}

/// Whether `event` is allowed in a room of `rules` whose state is `state`.
pub fn authorise<S: AuthState + ?Sized>(
    event: Candidate<'_>,
    state: &S,
    rules: &Rules,
) -> Result<(), AuthError> {
    if event.kind == "m.room.create" {
        return create(&event, rules);
    }
    let levels = state.power_levels(rules);
    authorise_with(event, state, &levels, rules)
}

/// As [`authorise`], for an event that is no create event, with power levels parsed before.
pub fn authorise_with<S: AuthState + ?Sized>(
    event: Candidate<'_>,
    state: &S,
    levels: &PowerLevels,
    rules: &Rules,
) -> Result<(), AuthError> {
    let create = state.state("m.room.create", "").ok_or(AuthError::NoCreate)?;
    if event.room_id != Some(create.room_id().as_str()) {
        // Rule 2, and 3.5 of the create event: one room is never judged by another's.
        return Err(AuthError::NoCreate);
    }
    let case = Case { event, state, create, levels, rules: *rules };
    federate(&case)?;
    match event.kind {
        "m.room.create" => return Err(AuthError::CreateHasPrevEvents),
        "m.room.aliases" if rules.special_aliases => return aliases(&event),
        "m.room.member" => return member::member(&case),
        _ => {}
    }
    sender_joined(&case)?;
    let sender = case.levels.user(case.event.sender);
    if event.kind == "m.room.third_party_invite" {
        // Rule 7.
        return if sender >= case.levels.invite { Ok(()) } else { Err(AuthError::PowerLevel) };
    }
    // Rule 8.
    if sender < case.levels.event(event.kind, event.state_key.is_some()) {
        return Err(AuthError::PowerLevel);
    }
    // Rule 9.
    if event.state_key.is_some_and(|key| key.starts_with('@') && key != event.sender.as_str()) {
        return Err(AuthError::StateKeyOfAnother);
    }
    match event.kind {
        "m.room.power_levels" => power_levels::change(&case),
        "m.room.redaction" if rules.redaction_in_auth => redaction(&case),
        _ => Ok(()),
    }
}

/// Rule 1: the create event.
fn create(event: &Candidate<'_>, rules: &Rules) -> Result<(), AuthError> {
    if !event.prev_events.is_empty() {
        return Err(AuthError::CreateHasPrevEvents);
    }
    if rules.room_id_is_create_hash {
        if event.room_id.is_some() {
            return Err(AuthError::CreateRoomId);
        }
    } else {
        let server = event.room_id.and_then(|id| id.split_once(':')).map(|(_, server)| server);
        if server != Some(event.sender.server_name()) {
            return Err(AuthError::CreateRoomId);
        }
    }
    if let Some(version) = event.content.get("room_version") {
        let known = version.as_str().and_then(crate::version::RoomVersion::parse);
        known.ok_or(AuthError::CreateVersion)?;
    }
    if !rules.creator_is_sender && !event.content.contains_key("creator") {
        return Err(AuthError::CreateCreator);
    }
    if rules.privileged_creators
        && let Some(additional) = event.content.get("additional_creators")
    {
        let ids = additional.as_array().ok_or(AuthError::CreateCreator)?;
        let valid = |id: &Value| id.as_str().is_some_and(|id| UserId::parse(id).is_ok());
        if !ids.iter().all(valid) {
            return Err(AuthError::CreateCreator);
        }
    }
    Ok(())
}

/// Rule 4: `m.federate`.
fn federate<S: AuthState + ?Sized>(case: &Case<'_, S>) -> Result<(), AuthError> {
    let federate = case.create.content().get("m.federate").and_then(Value::as_bool);
    let same_server = || case.event.sender.server_name() == case.create.sender().server_name();
    if federate.unwrap_or(true) || same_server() { Ok(()) } else { Err(AuthError::NotFederated) }
}

/// Rule 5 of versions 1 to 5.
fn aliases(event: &Candidate<'_>) -> Result<(), AuthError> {
    if event.state_key == Some(event.sender.server_name()) {
        Ok(())
    } else {
        Err(AuthError::Aliases)
    }
}

/// Rule 6.
fn sender_joined<S: AuthState + ?Sized>(case: &Case<'_, S>) -> Result<(), AuthError> {
    if case.state.membership(case.event.sender.as_str()) == Some(Membership::Join) {
        Ok(())
    } else {
        Err(AuthError::SenderNotJoined)
    }
}

/// Rule 11 of versions 1 and 2.
fn redaction<S: AuthState + ?Sized>(case: &Case<'_, S>) -> Result<(), AuthError> {
    if case.levels.user(case.event.sender) >= case.levels.redact {
        return Ok(());
    }
    let sender_server = Some(case.event.sender.server_name());
    let own = case.event.event_id.map_or(sender_server, EventId::server_name);
    let redacted = case.event.redacts.and_then(EventId::server_name);
    if own.is_some() && own == redacted { Ok(()) } else { Err(AuthError::Redaction) }
}

#[cfg(test)]
pub(crate) mod tests;
