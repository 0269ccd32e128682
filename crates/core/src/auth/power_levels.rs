// SPDX-License-Identifier: Apache-2.0
//! Power levels: read once per event, and the rules for changing them.

use std::collections::BTreeMap;

use super::{AuthError, AuthState, Candidate, Case};
use crate::{
    event::Event,
    ids::UserId,
    json::{Object, Value},
    version::Rules,
};

/// A power level.
pub type Level = i64;

/// The level of a creator from room version 12 on: above every integer that an event can hold.
pub const CREATOR_POWER: Level = Level::MAX;

/// The power levels of a room, with every default filled in (Client-Server API,
/// `m.room.power_levels`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PowerLevels {
    /// To ban.
    pub ban: Level,
    /// To invite.
    pub invite: Level,
    /// To kick.
    pub kick: Level,
    /// To redact what others sent.
    pub redact: Level,
    /// To send state of a type that `events` does not name.
    pub state_default: Level,
    /// To send anything else that `events` does not name.
    pub events_default: Level,
    /// Of users whom `users` does not name.
    pub users_default: Level,
    notifications: BTreeMap<Box<str>, Level>,
    events: BTreeMap<Box<str>, Level>,
    users: BTreeMap<Box<str>, Level>,
    creators: Vec<Box<str>>,
}

impl PowerLevels {
    /// The levels of a state, read from its power levels and create events.
    pub fn of_state<S: AuthState + ?Sized>(state: &S, rules: &Rules) -> Self {
        Self::new(state.state("m.room.create", ""), state.state("m.room.power_levels", ""), rules)
    }

    /// The levels that these two events make.
    pub fn new(create: Option<&Event>, power_levels: Option<&Event>, rules: &Rules) -> Self {
        let creators = create.map(|create| creators(create, rules)).unwrap_or_default();
        let empty = Object::new();
        let content = power_levels.map_or(&empty, Event::content);
        let level = |key: &str, default: Level| {
            content.get(key).and_then(|value| read_level(value, rules)).unwrap_or(default)
        };
        let mut levels = Self {
            ban: level("ban", 50),
            invite: level("invite", 0),
            kick: level("kick", 50),
            redact: level("redact", 50),
            // Also without a power levels event: else whoever joined first would take the room.
            state_default: level("state_default", 50),
            events_default: level("events_default", 0),
            users_default: level("users_default", 0),
            notifications: map(content.get("notifications"), rules),
            events: map(content.get("events"), rules),
            users: map(content.get("users"), rules),
            creators: Vec::new(),
        };
        if rules.privileged_creators {
            levels.creators = creators;
        } else if power_levels.is_none() {
            levels.users.extend(creators.into_iter().map(|creator| (creator, 100)));
        }
        levels
    }

    /// A user's level.
    pub fn user(&self, user_id: &UserId) -> Level {
        self.user_named(user_id.as_str())
    }

    /// A user's level, by a text that may be no valid id.
    pub(crate) fn user_named(&self, user_id: &str) -> Level {
        if self.is_creator(user_id) {
            return CREATOR_POWER;
        }
        self.users.get(user_id).copied().unwrap_or(self.users_default)
    }

    /// The creators, then everybody whose level is set, in a fixed order.
    pub(crate) fn named_users(&self) -> impl Iterator<Item = &str> {
        self.creators.iter().chain(self.users.keys()).map(|user| &**user)
    }

    /// Whether the user has a creator's power (room version 12).
    pub fn is_creator(&self, user_id: &str) -> bool {
        self.creators.iter().any(|creator| **creator == *user_id)
    }

    /// The level that notifying by a key of `notifications` asks for; `room` notifies everybody.
    pub fn notification(&self, key: &str) -> Level {
        self.notifications.get(key).copied().unwrap_or(50)
    }

    /// The level that sending an event asks for.
    pub fn event(&self, kind: &str, is_state: bool) -> Level {
        let default = if is_state { self.state_default } else { self.events_default };
        self.events.get(kind).copied().unwrap_or(default)
    }
}

/// Who made the room: rule by version.
pub(super) fn creators(create: &Event, rules: &Rules) -> Vec<Box<str>> {
    let mut creators: Vec<Box<str>> = Vec::new();
    if rules.creator_is_sender {
        creators.push(create.sender().as_str().into());
    } else if let Some(creator) = create.content().get("creator").and_then(Value::as_str) {
        creators.push(creator.into());
    }
    if rules.privileged_creators
        && let Some(additional) = create.content().get("additional_creators")
    {
        let ids = additional.as_array().unwrap_or_default();
        creators.extend(ids.iter().filter_map(Value::as_str).map(Into::into));
    }
    creators
}

/// A level: an integer, up to version 9 a text that holds one, up to version 5 any number, whose
/// fraction is cut off (room versions 1 to 9, "Deprecated event content schemas").
pub fn read_level(value: &Value, rules: &Rules) -> Option<Level> {
    match value {
        Value::Integer(integer) => Some(*integer),
        // `parse` takes one sign, then nothing but digits, as the text of the versions has it.
        Value::String(text) if !rules.integer_power_levels => text.trim().parse().ok(),
        Value::Number(text) if !rules.strict_json => float(text),
        _ => None,
    }
}

/// Exponents applied, then cut at the point. What a double cannot hold is no level; beyond 64 bits
/// a level is as high or low as it can be.
fn float(text: &str) -> Option<Level> {
    if let Ok(integer) = text.parse() {
        return Some(integer);
    }
    text.parse::<f64>().ok().filter(|number| number.is_finite()).map(|number| number as Level)
}

fn map(value: Option<&Value>, rules: &Rules) -> BTreeMap<Box<str>, Level> {
    let object = value.and_then(Value::as_object);
    let levels = object.into_iter().flatten();
    levels
        .filter_map(|(key, value)| Some((key.as_str().into(), read_level(value, rules)?)))
        .collect()
}

/// The seven levels at the top of the content.
const TOP_LEVELS: [&str; 7] =
    ["users_default", "events_default", "state_default", "ban", "redact", "kick", "invite"];

/// Rule 10: a power levels event.
pub(super) fn change<S: AuthState + ?Sized>(case: &Case<'_, S>) -> Result<(), AuthError> {
    well_formed(&case.event, &case.rules)?;
    let users = case.event.content.get("users").and_then(Value::as_object);
    if users.into_iter().flatten().any(|(user, _)| case.levels.is_creator(user)) {
        return Err(AuthError::PowerLevelsListCreator);
    }
    let Some(current) = case.state.state("m.room.power_levels", "") else { return Ok(()) };
    let (old, new) = (current.content(), case.event.content);
    let own = case.levels.user(case.event.sender);
    let level = |value: Option<&Value>| value.and_then(|value| read_level(value, &case.rules));
    for key in TOP_LEVELS {
        within(level(old.get(key)), level(new.get(key)), own)?;
    }
    let mut maps = vec!["events"];
    if case.rules.check_notifications {
        maps.push("notifications");
    }
    for name in maps {
        let (old, new) = (map(old.get(name), &case.rules), map(new.get(name), &case.rules));
        for key in old.keys().chain(new.keys()) {
            within(old.get(key).copied(), new.get(key).copied(), own)?;
        }
    }
    let (old, new) = (map(old.get("users"), &case.rules), map(new.get("users"), &case.rules));
    for user in old.keys().chain(new.keys()) {
        let (was, becomes) = (old.get(user).copied(), new.get(user).copied());
        if was == becomes {
            continue;
        }
        // Rule 10.8: not those of one's own level, but oneself.
        if **user != *case.event.sender.as_str() && was.is_some_and(|was| was >= own) {
            return Err(AuthError::PowerLevelsChange);
        }
        // Rule 10.9.
        if becomes.is_some_and(|becomes| becomes > own) {
            return Err(AuthError::PowerLevelsChange);
        }
    }
    Ok(())
}

/// Rules 10.6 and 10.7: neither the old nor the new level of a change is above the sender's.
fn within(old: Option<Level>, new: Option<Level>, own: Level) -> Result<(), AuthError> {
    if old != new && [old, new].into_iter().flatten().any(|level| level > own) {
        return Err(AuthError::PowerLevelsChange);
    }
    Ok(())
}

/// Rules 10.1 and 10.2: the shape of the content.
fn well_formed(event: &Candidate<'_>, rules: &Rules) -> Result<(), AuthError> {
    let malformed = Err(AuthError::PowerLevelsMalformed);
    let content = event.content;
    let is_level = |value: &Value| read_level(value, rules).is_some();
    // Versions before 10 do not say what a level is that is none. Other servers refuse it there,
    // and so does this one: a room must not depend on a default that only some of them assume.
    if TOP_LEVELS.iter().filter_map(|key| content.get(*key)).any(|value| !is_level(value)) {
        return malformed;
    }
    for key in ["events", "notifications"] {
        if key == "notifications" && !rules.check_notifications {
            continue;
        }
        let Some(value) = content.get(key) else { continue };
        if !value.as_object().is_some_and(|levels| levels.values().all(is_level)) {
            return malformed;
        }
    }
    let Some(users) = content.get("users") else { return Ok(()) };
    let Some(users) = users.as_object() else { return malformed };
    let valid = |(user, level): (&String, &Value)| UserId::parse(user).is_ok() && is_level(level);
    if users.iter().all(valid) { Ok(()) } else { malformed }
}
