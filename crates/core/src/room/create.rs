// SPDX-License-Identifier: Apache-2.0
//! Making a room (Client-Server API, `POST /createRoom`): its first events, in the specified order.

use std::sync::Arc;

use super::{Extremity, NewEvent, Rejection, RoomUpdate, RoomView, Signer, decide};
use crate::{
    auth::{Candidate, authorise},
    event::{EventDraft, room_id_of_create},
    ids::{RoomAlias, RoomId, UserId},
    json::{Object, Value},
    third_party_invite,
    version::RoomVersion,
};

/// A preset of the specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preset {
    /// Invited people only; everybody there sees the past.
    Private,
    /// As `Private`, and those invited have the creator's power.
    TrustedPrivate,
    /// Open to everybody.
    Public,
}

impl Preset {
    /// Reads the word of the specification.
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "private_chat" => Self::Private,
            "trusted_private_chat" => Self::TrustedPrivate,
            "public_chat" => Self::Public,
            _ => return None,
        })
    }

    fn join_rule(self) -> &'static str {
        if self == Self::Public { "public" } else { "invite" }
    }

    fn guest_access(self) -> &'static str {
        if self == Self::Public { "forbidden" } else { "can_join" }
    }
}

/// A request for a room.
#[derive(Debug, Clone)]
pub struct CreateRoom {
    /// Who makes it.
    pub creator: UserId,
    /// The creator's profile, as it stands in membership events.
    pub creator_profile: Object,
    /// The version.
    pub version: RoomVersion,
    /// What the room is for.
    pub preset: Preset,
    /// The name, if any.
    pub name: Option<String>,
    /// The topic, if any.
    pub topic: Option<String>,
    /// The canonical alias, reserved elsewhere.
    pub alias: Option<RoomAlias>,
    /// Whom to invite, each with further content of the invitation (a profile).
    pub invite: Vec<(UserId, Object)>,
    /// Addresses to invite: token and content of each `m.room.third_party_invite`.
    pub invite_addresses: Vec<(String, Object)>,
    /// Whether the invitations say that this is a direct chat.
    pub is_direct: bool,
    /// Further content of the create event.
    pub creation_content: Object,
    /// State to set after the preset's and before the name: (type, state key, content).
    pub initial_state: Vec<(String, String, Object)>,
    /// Members of the power levels that differ from the default ones.
    pub power_level_content_override: Object,
    /// The opaque part of the room id, in versions where the server chooses it.
    pub nonce: String,
}

/// A room that was made.
#[derive(Debug)]
pub struct Created {
    /// The room.
    pub view: RoomView,
    /// What is to be stored: its first events.
    pub update: RoomUpdate,
}

/// Makes a room. All of it is allowed by the rules, or none of it is made.
pub fn create(
    request: &CreateRoom,
    signer: &Signer<'_>,
    now_ms: i64,
) -> Result<Created, Rejection> {
    let mut room = Builder::start(request, signer, now_ms)?;
    room.join()?;
    room.power_levels()?;
    if let Some(alias) = &request.alias {
        let content = Object::from([("alias".to_owned(), alias.as_str().into())]);
        room.state("m.room.canonical_alias", "", &content)?;
    }
    room.preset()?;
    for (kind, state_key, content) in &request.initial_state {
        room.state(kind, state_key, content)?;
    }
    if let Some(name) = &request.name {
        let content = Object::from([("name".to_owned(), name.as_str().into())]);
        room.state("m.room.name", "", &content)?;
    }
    if let Some(topic) = &request.topic {
        room.state("m.room.topic", "", &topic_content(topic))?;
    }
    for (user, profile) in &request.invite {
        room.invite(user, profile)?;
    }
    for (token, content) in &request.invite_addresses {
        room.state(third_party_invite::KIND, token, content)?;
    }
    Ok(Created {
        update: RoomUpdate {
            events: room.events,
            forward_extremities: room.view.forward_extremities().to_vec(),
            state: None,
        },
        view: room.view,
    })
}

/// Client-Server API, `m.room.topic`: the plain text, and the same as a rich topic.
fn topic_content(topic: &str) -> Object {
    let text = Value::from(vec![Value::from([("body", Value::from(topic))])]);
    Object::from([
        ("topic".to_owned(), topic.into()),
        ("m.topic".to_owned(), Value::from([("m.text", text)])),
    ])
}

struct Builder<'a> {
    request: &'a CreateRoom,
    signer: &'a Signer<'a>,
    now_ms: i64,
    view: RoomView,
    events: Vec<NewEvent>,
}

impl<'a> Builder<'a> {
    /// The create event, which from version 12 on also names the room.
    fn start(
        request: &'a CreateRoom,
        signer: &'a Signer<'a>,
        now_ms: i64,
    ) -> Result<Self, Rejection> {
        let rules = request.version.rules();
        let content = create_content(request);
        let chosen = if rules.room_id_is_create_hash {
            None
        } else {
            let id = format!("!{}:{}", request.nonce, signer.server);
            Some(RoomId::parse(&id).map_err(|_| Rejection::InvalidRoom("the room id is wrong"))?)
        };
        let candidate = Candidate {
            sender: &request.creator,
            kind: "m.room.create",
            state_key: Some(""),
            content: &content,
            room_id: chosen.as_ref().map(RoomId::as_str),
            redacts: None,
            prev_events: &[],
            event_id: None,
        };
        let nothing =
            RoomView::empty(request.version, chosen.clone().unwrap_or(placeholder_room_id()?));
        authorise(candidate, &nothing, &rules)?;
        let draft = EventDraft {
            version: request.version,
            room_id: chosen.as_ref(),
            sender: &request.creator,
            kind: "m.room.create",
            state_key: Some(""),
            content: &content,
            redacts: None,
            prev_events: &[],
            auth_events: &[],
            depth: 1,
            origin_server_ts: now_ms,
            chosen_id: None,
        };
        let event = Arc::new(draft.sign(signer.server, signer.key)?);
        let room_id = match chosen {
            Some(room_id) => room_id,
            None => room_id_of_create(event.event_id())
                .map_err(|_| Rejection::InvalidRoom("the room id is wrong"))?,
        };
        let view = RoomView::empty(request.version, room_id);
        let mut room = Self { request, signer, now_ms, view, events: Vec::new() };
        room.adopt(NewEvent::accepted(event, None));
        Ok(room)
    }

    fn adopt(&mut self, new: NewEvent) {
        let end = Extremity { event_id: new.event.event_id().clone(), depth: new.event.depth() };
        let update =
            RoomUpdate { events: vec![new.clone()], forward_extremities: vec![end], state: None };
        self.view = self.view.apply(&update);
        self.events.push(new);
    }

    fn state(&mut self, kind: &str, state_key: &str, content: &Object) -> Result<(), Rejection> {
        self.sent_by(&self.request.creator, kind, state_key, content)
    }

    fn sent_by(
        &mut self,
        sender: &UserId,
        kind: &str,
        state_key: &str,
        content: &Object,
    ) -> Result<(), Rejection> {
        let wanted =
            decide::Wanted { sender, kind, state_key: Some(state_key), content, redacts: None };
        let event = decide::build(&wanted, &self.view, self.signer, self.now_ms, None)?;
        let replaces = self.view.state_event(kind, state_key).cloned();
        self.adopt(NewEvent::accepted(Arc::new(event), replaces));
        Ok(())
    }

    fn join(&mut self) -> Result<(), Rejection> {
        let mut content = self.request.creator_profile.clone();
        content.insert("membership".into(), "join".into());
        self.state("m.room.member", self.request.creator.as_str(), &content)
    }

    fn power_levels(&mut self) -> Result<(), Rejection> {
        let mut content = default_power_levels(self.request);
        for (key, value) in &self.request.power_level_content_override {
            content.insert(key.clone(), value.clone());
        }
        self.state("m.room.power_levels", "", &content)
    }

    /// What the preset sets and `initial_state` does not.
    fn preset(&mut self) -> Result<(), Rejection> {
        let preset = self.request.preset;
        for (kind, key, word) in [
            ("m.room.join_rules", "join_rule", preset.join_rule()),
            ("m.room.history_visibility", "history_visibility", "shared"),
            ("m.room.guest_access", "guest_access", preset.guest_access()),
        ] {
            let overridden = self
                .request
                .initial_state
                .iter()
                .any(|(initial, state_key, _)| initial == kind && state_key.is_empty());
            if !overridden {
                let content = Object::from([(key.to_owned(), word.into())]);
                self.state(kind, "", &content)?;
            }
        }
        Ok(())
    }

    fn invite(&mut self, user: &UserId, profile: &Object) -> Result<(), Rejection> {
        let mut content = profile.clone();
        content.insert("membership".into(), "invite".into());
        if self.request.is_direct {
            content.insert("is_direct".into(), true.into());
        }
        self.state("m.room.member", user.as_str(), &content)
    }
}

fn placeholder_room_id() -> Result<RoomId, Rejection> {
    RoomId::parse("!new").map_err(|_| Rejection::InvalidRoom("the room id is wrong"))
}

fn create_content(request: &CreateRoom) -> Object {
    let rules = request.version.rules();
    let mut content = request.creation_content.clone();
    content.insert("room_version".into(), request.version.as_str().into());
    if rules.creator_is_sender {
        content.remove("creator");
    } else {
        content.insert("creator".into(), request.creator.as_str().into());
    }
    if rules.privileged_creators
        && request.preset == Preset::TrustedPrivate
        && !request.invite.is_empty()
    {
        // With the trusted preset those invited have the creator's power: from version 12 on
        // that is to be a creator.
        let mut creators = match content.get("additional_creators") {
            None => Vec::new(),
            Some(Value::Array(listed)) => listed.clone(),
            // Left as it is: rule 1.4 refuses it.
            Some(_) => return content,
        };
        for (user, _) in &request.invite {
            let user = Value::from(user.as_str());
            if !creators.contains(&user) {
                creators.push(user);
            }
        }
        content.insert("additional_creators".into(), Value::Array(creators));
    }
    content
}

fn default_power_levels(request: &CreateRoom) -> Object {
    let rules = request.version.rules();
    let mut users = Object::new();
    if !rules.privileged_creators {
        users.insert(request.creator.as_str().to_owned(), 100.into());
        if request.preset == Preset::TrustedPrivate {
            let trusted = request.invite.iter().map(|(user, _)| user.as_str().to_owned());
            users.extend(trusted.map(|user| (user, 100.into())));
        }
    }
    // From version 12 on only creators and whom they raise above others may replace a room.
    let tombstone = if rules.privileged_creators { 150 } else { 100 };
    let events = Value::from([
        ("m.room.avatar", 50.into()),
        ("m.room.canonical_alias", 50.into()),
        ("m.room.encryption", 100.into()),
        ("m.room.history_visibility", 100.into()),
        ("m.room.name", 50.into()),
        ("m.room.power_levels", 100.into()),
        ("m.room.server_acl", 100.into()),
        ("m.room.tombstone", tombstone.into()),
    ]);
    let invite = if request.preset == Preset::Public { 50 } else { 0 };
    let members: [(&str, Value); 10] = [
        ("ban", 50.into()),
        ("events", events),
        ("events_default", 0.into()),
        ("invite", invite.into()),
        ("kick", 50.into()),
        ("notifications", Value::from([("room", 50.into())])),
        ("redact", 50.into()),
        ("state_default", 50.into()),
        ("users", Value::Object(users)),
        ("users_default", 0.into()),
    ];
    members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

#[cfg(test)]
mod tests;
