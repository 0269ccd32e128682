// SPDX-License-Identifier: Apache-2.0
//! Without these a snapshot could change under its reader, or state be lost or counted wrongly.

use std::sync::Arc;

use super::StateMap;
use crate::{event::Event, ids::EventId, version::RoomVersion};

fn state_event(id: &str, kind: &str, state_key: &str) -> Arc<Event> {
    let json = format!(
        r#"{{"auth_events":[],"content":{{}},"depth":1,"origin_server_ts":1,"prev_events":[],"room_id":"!r:a.example","sender":"@u:a.example","state_key":"{state_key}","type":"{kind}"}}"#
    );
    let id = EventId::parse(id).unwrap();
    Arc::new(Event::from_stored(RoomVersion::V11, id, json).unwrap())
}

fn ids<'a>(events: impl Iterator<Item = &'a Arc<Event>>) -> Vec<&'a str> {
    events.map(|event| event.event_id().as_str()).collect()
}

#[test]
fn a_copy_does_not_see_later_changes() {
    let mut state = StateMap::new();
    assert!(state.is_empty());
    assert!(state.insert(state_event("$1", "m.room.topic", "")).is_none());
    let before = state.clone();
    let replaced = state.insert(state_event("$2", "m.room.topic", ""));
    assert_eq!(replaced.unwrap().event_id().as_str(), "$1");
    assert_eq!(before.get("m.room.topic", "").unwrap().event_id().as_str(), "$1");
    assert_eq!(state.get("m.room.topic", "").unwrap().event_id().as_str(), "$2");
    assert_eq!((before.len(), state.len()), (1, 1));
    assert_ne!(before, state);
}

#[test]
fn iteration_is_sorted_and_by_type() {
    let names = ["b", "c", "a"];
    let mut state: StateMap = names
        .iter()
        .map(|name| state_event(&format!("$m{name}"), "m.room.member", &format!("@{name}:x")))
        .collect();
    state.insert(state_event("$j", "m.room.join_rules", ""));
    state.insert(state_event("$x", "z", ""));
    assert_eq!(ids(state.iter()), ["$j", "$ma", "$mb", "$mc", "$x"]);
    assert_eq!(ids(state.iter_kind("m.room.member")), ["$ma", "$mb", "$mc"]);
    assert_eq!(state.iter_kind("nothing").count(), 0);
    assert_eq!(state.iter_kind_unordered("m.room.member").count(), 3);
    assert_eq!(state.len_of_kind("m.room.member"), 3);
    assert_eq!(state.len(), 5);
}

#[test]
fn removal_is_counted() {
    let mut state: StateMap =
        [state_event("$1", "a", "x"), state_event("$2", "a", "y")].into_iter().collect();
    assert!(state.remove("a", "z").is_none());
    assert_eq!(state.remove("a", "x").unwrap().event_id().as_str(), "$1");
    assert!(state.remove("a", "x").is_none());
    assert_eq!(state.len(), 1);
    state.remove("a", "y");
    assert!(state.is_empty() && state.get("a", "y").is_none());
    assert_eq!(state, StateMap::new());
}
