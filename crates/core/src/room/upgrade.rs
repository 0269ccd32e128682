// SPDX-License-Identifier: Apache-2.0
//! Replacing a room by one of another version (Client-Server API, "Room Upgrades").
//!
//! The shell makes the new room from [`Upgrade::replacement`], and when it is stored runs
//! [`tombstone`] and then [`closing_power_levels`] in the old one. Whether the user may send the
//! tombstone is asked first, by [`may_upgrade`], so that no replacement is left behind.

use super::{Command, CreateRoom, Preset, RoomView};
use crate::{
    auth::{AuthError, Candidate, authorise_with},
    event::Membership,
    ids::{RoomId, UserId},
    json::{Object, Value},
    limits::UPGRADE_BANS_MAX,
    version::RoomVersion,
};

/// The state that goes over to the new room.
const TRANSFERRED: &[&str] = &[
    super::access_rules::KIND,
    "m.room.server_acl",
    "m.room.encryption",
    "m.room.avatar",
    "m.room.guest_access",
    "m.room.history_visibility",
    "m.room.join_rules",
    "m.room.name",
    "m.room.topic",
];

/// A request to replace a room.
#[derive(Debug, Clone)]
pub struct Upgrade {
    /// Who asks.
    pub user: UserId,
    /// The profile of that user, as it stands in membership events.
    pub profile: Object,
    /// The version of the new room.
    pub version: RoomVersion,
    /// Who is to be a creator beside the user, where the version knows that.
    pub additional_creators: Vec<UserId>,
    /// The opaque part of the room id, in versions where the server chooses it.
    pub nonce: String,
}

/// Whether `user` may replace the room: may send its tombstone.
///
/// # Errors
/// The rule that says no.
pub fn may_upgrade(view: &RoomView, user: &UserId) -> Result<(), AuthError> {
    let content = Object::new();
    let prev: Vec<_> = view.forward_extremities().iter().map(|end| end.event_id.clone()).collect();
    let tombstone = Candidate {
        sender: user,
        kind: "m.room.tombstone",
        state_key: Some(""),
        content: &content,
        room_id: Some(view.room_id().as_str()),
        redacts: None,
        prev_events: &prev,
        event_id: None,
    };
    authorise_with(tombstone, view, view.power_levels(), view.rules())
}

impl Upgrade {
    /// The request for the new room.
    #[must_use]
    pub fn replacement(&self, old: &RoomView) -> CreateRoom {
        let transferred = TRANSFERRED.iter().filter_map(|kind| old.state_event(kind, ""));
        let members = old.state().iter_kind("m.room.member");
        let banned = members.filter(|member| member.membership() == Some(Membership::Ban));
        let initial_state = transferred
            .chain(banned.take(UPGRADE_BANS_MAX))
            .map(|event| {
                let state_key = event.state_key().unwrap_or_default().to_owned();
                (event.kind().to_owned(), state_key, event.content().clone())
            })
            .collect();
        let public = old.join_rule() == "public";
        CreateRoom {
            creator: self.user.clone(),
            creator_profile: self.profile.clone(),
            version: self.version,
            preset: if public { Preset::Public } else { Preset::Private },
            name: None,
            topic: None,
            alias: None,
            invite: Vec::new(),
            invite_addresses: Vec::new(),
            is_direct: false,
            creation_content: self.creation_content(old),
            initial_state,
            power_level_content_override: self.power_levels(old),
            nonce: self.nonce.clone(),
        }
    }

    /// `predecessor`, `type` and `m.federate` of the old room, and the creators of the new one.
    fn creation_content(&self, old: &RoomView) -> Object {
        let mut content = Object::new();
        let create = old.state_event("m.room.create", "");
        for key in ["type", "m.federate"] {
            if let Some(value) = create.and_then(|create| create.content().get(key)) {
                content.insert(key.to_owned(), value.clone());
            }
        }
        let mut predecessor = Object::from([("room_id".to_owned(), old.room_id().as_str().into())]);
        // From version 12 on it may be left out.
        if !self.version.rules().room_id_is_create_hash
            && let Some(end) = old.forward_extremities().first()
        {
            predecessor.insert("event_id".to_owned(), end.event_id.as_str().into());
        }
        content.insert("predecessor".to_owned(), Value::Object(predecessor));
        if self.version.rules().privileged_creators && !self.additional_creators.is_empty() {
            let creators = self.additional_creators.iter();
            let creators: Vec<Value> = creators.map(|user| user.as_str().into()).collect();
            content.insert("additional_creators".to_owned(), Value::Array(creators));
        }
        content
    }

    /// The old room's levels as far as the new version takes them: integers, and no creators among
    /// the users. Who replaces the room has at least what sets it up.
    fn power_levels(&self, old: &RoomView) -> Object {
        let Some(event) = old.state_event("m.room.power_levels", "") else { return Object::new() };
        let mut content = event.content().clone();
        integers_only(&mut content, old);
        let rules = self.version.rules();
        let users = content.entry("users".to_owned()).or_insert_with(|| Object::new().into());
        let Value::Object(users) = users else { return content };
        if rules.privileged_creators {
            users.remove(self.user.as_str());
            for creator in &self.additional_creators {
                users.remove(creator.as_str());
            }
            raise_tombstone(&mut content);
        } else {
            let own = users.get(self.user.as_str()).and_then(Value::as_integer).unwrap_or(0);
            let levels = old.power_levels();
            let needed = TRANSFERRED.iter().map(|kind| levels.event(kind, true)).max();
            let own = own.max(100).max(needed.unwrap_or(0));
            users.insert(self.user.as_str().to_owned(), own.into());
        }
        content
    }
}

impl Upgrade {
    /// Takes back what [`Self::replacement`] had to give the user beyond their own level to set the
    /// new room up. `None` when it gave nothing.
    pub fn settled_power_levels(&self, old: &RoomView) -> Option<Command> {
        if self.version.rules().privileged_creators {
            return None;
        }
        let mut content = self.power_levels(old);
        let Some(Value::Object(users)) = content.get_mut("users") else { return None };
        let raised = users.get(self.user.as_str())?.as_integer()?;
        if old.power_levels().user(&self.user) >= raised {
            return None;
        }
        let levels = old.state_event("m.room.power_levels", "")?.content().get("users");
        let own = levels.and_then(|users| users.as_object()?.get(self.user.as_str()));
        match own.and_then(|own| crate::auth::read_level(own, old.rules())) {
            Some(own) => users.insert(self.user.as_str().to_owned(), own.into()),
            None => users.remove(self.user.as_str()),
        };
        Some(Command::SendState {
            sender: self.user.clone(),
            kind: "m.room.power_levels".to_owned(),
            state_key: String::new(),
            content,
        })
    }
}

/// Levels as texts, which versions before 10 take, become numbers; what is no level goes.
fn integers_only(content: &mut Object, old: &RoomView) {
    let level = |value: &Value| crate::auth::read_level(value, old.rules()).map(Value::Integer);
    let kept = std::mem::take(content).into_iter().filter_map(|(key, value)| {
        let value = match value {
            Value::Object(levels) => {
                let levels = levels.into_iter();
                Value::Object(
                    levels.filter_map(|(key, value)| Some((key, level(&value)?))).collect(),
                )
            }
            other => level(&other)?,
        };
        Some((key, value))
    });
    *content = kept.collect();
}

/// From version 12 on replacing the room must ask for more than `state_default` (createRoom).
fn raise_tombstone(content: &mut Object) {
    let state_default = content.get("state_default").and_then(Value::as_integer).unwrap_or(50);
    let events = content.entry("events".to_owned()).or_insert_with(|| Object::new().into());
    let Value::Object(events) = events else { return };
    let now = events.get("m.room.tombstone").and_then(Value::as_integer).unwrap_or(0);
    let wanted = now.max(150).max(state_default.saturating_add(1));
    events.insert("m.room.tombstone".to_owned(), wanted.min(crate::limits::INTEGER_MAX).into());
}

/// Tells the old room's members where it went on.
pub fn tombstone(user: &UserId, replacement: &RoomId) -> Command {
    let content = Object::from([
        ("body".to_owned(), "This room has been replaced".into()),
        ("replacement_room".to_owned(), replacement.as_str().into()),
    ]);
    Command::SendState {
        sender: user.clone(),
        kind: "m.room.tombstone".to_owned(),
        state_key: String::new(),
        content,
    }
}

/// Closes the old room to conversation: `events_default` and `invite` become the greater of 50 and
/// one more than everybody has. `None` when they ask for as much already.
pub fn closing_power_levels(view: &RoomView, user: &UserId) -> Option<Command> {
    let levels = view.power_levels();
    let wanted = levels.users_default.saturating_add(1).max(50);
    if levels.events_default >= wanted && levels.invite >= wanted {
        return None;
    }
    let event = view.state_event("m.room.power_levels", "")?;
    let mut content = event.content().clone();
    for (key, now) in [("events_default", levels.events_default), ("invite", levels.invite)] {
        content.insert(key.to_owned(), now.max(wanted).into());
    }
    Some(Command::SendState {
        sender: user.clone(),
        kind: "m.room.power_levels".to_owned(),
        state_key: String::new(),
        content,
    })
}

#[cfg(test)]
mod tests;
