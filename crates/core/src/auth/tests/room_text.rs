// SPDX-License-Identifier: Apache-2.0
//! Rooms as small texts.
//!
//! One event a line, the last one is judged and the others are the state before it, taken as they
//! are. `alice` is `@alice:x.fr`, `bob@y.fr` is `@bob:y.fr`.
//!
//! ```text
//! alice create {"m.federate":false}      the create event
//! alice join                             memberships: join, leave, knock, and of others
//! alice invite bob {"is_direct":true}    invite, kick, ban, unban
//! alice rule public                      the join rule
//! alice levels {"users":{"alice":100}}   power levels; keys of `users` are short names too
//! alice set m.room.topic "" {}           any other state
//! alice send m.room.message {}           anything else
//! bob redact $target:x.fr
//! ```
//!
//! In contents `"@name"` at the start of a string stands as it is. A line may end in `after
//! create`: its only previous event is then the create event, otherwise it is some other event.

use std::collections::BTreeMap;

use super::super::*;
use crate::{
    event::room_id_of_create,
    ids::RoomId,
    json::{Strictness, parse},
    version::RoomVersion,
};

/// A line of the text.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) sender: UserId,
    pub(crate) kind: String,
    pub(crate) state_key: Option<String>,
    pub(crate) content: Object,
    pub(crate) redacts: Option<EventId>,
    pub(crate) after_create: bool,
}

/// The state of a text, by type and state key.
pub(crate) struct TextRoom {
    pub(crate) version: RoomVersion,
    pub(crate) room_id: RoomId,
    pub(crate) state: BTreeMap<(String, String), Event>,
}

impl AuthState for TextRoom {
    fn state(&self, kind: &str, state_key: &str) -> Option<&Event> {
        self.state.get(&(kind.to_owned(), state_key.to_owned()))
    }
}

/// What the rules say to the last line.
pub(crate) fn judge(version: RoomVersion, text: &str) -> Result<(), AuthError> {
    let mut lines = lines(version, text);
    let last = lines.pop().unwrap();
    let room = room(version, &lines);
    let create = room.state("m.room.create", "").map(|create| create.event_id().clone());
    let other = EventId::parse("$some:x.fr").unwrap();
    let prev = match create {
        Some(create) if last.after_create => vec![create],
        None => vec![],
        Some(_) => vec![other],
    };
    let event_id = EventId::parse(&format!("$own:{}", last.sender.server_name())).unwrap();
    let names_room = !(last.kind == "m.room.create" && version.rules().room_id_is_create_hash);
    let candidate = Candidate {
        sender: &last.sender,
        kind: &last.kind,
        state_key: last.state_key.as_deref(),
        content: &last.content,
        room_id: names_room.then_some(room.room_id.as_str()),
        redacts: last.redacts.as_ref(),
        prev_events: &prev,
        event_id: Some(&event_id),
    };
    let verdict = authorise(candidate, &room, &version.rules());
    super::dump::dump(&room, &candidate, verdict);
    verdict
}

/// The state that `lines` make.
pub(crate) fn room(version: RoomVersion, lines: &[Line]) -> TextRoom {
    let mut room_id = RoomId::parse("!r:x.fr").unwrap();
    if version.rules().room_id_is_create_hash {
        room_id = room_id_of_create(&EventId::parse("$e0").unwrap()).unwrap();
    }
    let mut state = BTreeMap::new();
    for (number, line) in lines.iter().enumerate() {
        let event = event(version, &room_id, number, line);
        state.insert((line.kind.clone(), line.state_key.clone().unwrap()), event);
    }
    TextRoom { version, room_id, state }
}

fn event(version: RoomVersion, room_id: &RoomId, number: usize, line: &Line) -> Event {
    let is_create = line.kind == "m.room.create";
    let mut json = Object::from([
        ("auth_events".to_owned(), Value::Array(Vec::new())),
        ("content".to_owned(), Value::Object(line.content.clone())),
        ("depth".to_owned(), 1.into()),
        ("hashes".to_owned(), Value::Object(Object::new())),
        ("origin_server_ts".to_owned(), 1.into()),
        ("prev_events".to_owned(), Value::Array(Vec::new())),
        ("sender".to_owned(), line.sender.as_str().into()),
        ("state_key".to_owned(), line.state_key.clone().unwrap().into()),
        ("type".to_owned(), line.kind.as_str().into()),
    ]);
    if !(is_create && version.rules().room_id_is_create_hash) {
        json.insert("room_id".to_owned(), room_id.as_str().into());
    }
    let number = if is_create { 0 } else { number + 1 };
    let id = if version.rules().room_id_is_create_hash {
        format!("$e{number}")
    } else {
        format!("$e{number}:x.fr")
    };
    let event_id = EventId::parse(&id).unwrap();
    Event::from_stored(version, event_id, Value::Object(json).to_canonical()).unwrap()
}

/// `alice` to `@alice:x.fr`, `bob@y.fr` to `@bob:y.fr`.
pub(crate) fn user(name: &str) -> UserId {
    let (localpart, server) = name.split_once('@').unwrap_or((name, "x.fr"));
    UserId::parse(&format!("@{localpart}:{server}")).unwrap()
}

/// The lines of a text.
pub(crate) fn lines(version: RoomVersion, text: &str) -> Vec<Line> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.map(|text| line(version, text)).collect()
}

fn line(version: RoomVersion, text: &str) -> Line {
    let (text, after_create) = match text.strip_suffix("after create") {
        Some(text) => (text.trim(), true),
        None => (text, false),
    };
    let (words, json) = match text.find('{') {
        Some(at) => text.split_at(at),
        None => (text, "{}"),
    };
    let strictness =
        if version.rules().strict_json { Strictness::Strict } else { Strictness::Tolerant };
    let Value::Object(mut content) = parse(json.as_bytes(), strictness).unwrap() else {
        panic!("no object: {json}")
    };
    let words: Vec<&str> = words.split_whitespace().collect();
    let sender = user(words[0]);
    let mut redacts = None;
    let (kind, state_key) = match words[1..] {
        ["create"] => {
            if !version.rules().creator_is_sender {
                content.entry("creator".into()).or_insert(sender.as_str().into());
            }
            ("m.room.create", Some(String::new()))
        }
        [act @ ("join" | "leave" | "knock")] => {
            content.insert("membership".into(), act.into());
            ("m.room.member", Some(sender.to_string()))
        }
        [act, target] if act != "rule" && act != "redact" && act != "send" => {
            let word = if matches!(act, "kick" | "unban") { "leave" } else { act };
            content.insert("membership".into(), word.into());
            ("m.room.member", Some(user(target).to_string()))
        }
        ["rule", rule] => {
            content.insert("join_rule".into(), rule.into());
            ("m.room.join_rules", Some(String::new()))
        }
        ["levels"] => {
            long_names(&mut content);
            ("m.room.power_levels", Some(String::new()))
        }
        ["set", kind, key] => (kind, Some(key.trim_matches('"').to_owned())),
        ["send", kind] => (kind, None),
        ["redact", target] => {
            redacts = Some(EventId::parse(target).unwrap());
            ("m.room.redaction", None)
        }
        _ => panic!("not understood: {text}"),
    };
    Line { sender, kind: kind.to_owned(), state_key, content, redacts, after_create }
}

fn long_names(levels: &mut Object) {
    let Some(Value::Object(users)) = levels.get_mut("users") else { return };
    *users = std::mem::take(users)
        .into_iter()
        .map(|(name, level)| {
            let is_short = !name.starts_with(['@', '!']);
            (if is_short { user(&name).to_string() } else { name }, level)
        })
        .collect();
}
