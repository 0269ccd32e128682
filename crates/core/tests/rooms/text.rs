// SPDX-License-Identifier: Apache-2.0
//! Rooms written as text, one event, state or expectation a line.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use estafette_core::{
    event::Event,
    ids::EventId,
    state::{Resolver, StateMap},
    version::RoomVersion,
};

/// A room text.
#[derive(Default)]
pub(crate) struct Text {
    pub(crate) version: Option<RoomVersion>,
    pub(crate) events: Vec<Arc<Event>>,
    states: Vec<Vec<String>>,
    pub(crate) resolved: Vec<String>,
}

impl Text {
    pub(crate) fn parse(text: &str) -> Self {
        let mut room = Self::default();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (word, rest) = line.split_once(' ').unwrap();
            let ids = || rest.split(' ').map(str::to_owned).collect::<Vec<_>>();
            match word {
                "version" => room.version = RoomVersion::parse(rest),
                "event" => room.events.push(room.event(rest)),
                "state" => room.states.push(ids()),
                "resolved" => room.resolved = ids(),
                word => panic!("{word}?"),
            }
        }
        room
    }

    fn event(&self, line: &str) -> Arc<Event> {
        let version = self.version.unwrap();
        let fields: Vec<&str> = line.splitn(8, ' ').collect();
        let [id, kind, key, sender, ts, prev, auth, content] = fields[..] else { panic!("{line}") };
        let list = |text: &str, prefix: &str| {
            let ids = text.strip_prefix(prefix).unwrap().split(',').filter(|id| !id.is_empty());
            ids.map(|id| format!("{id:?}")).collect::<Vec<_>>().join(",")
        };
        let room_id = match (version.rules().room_id_is_create_hash, kind) {
            (true, "m.room.create") => String::new(),
            (true, _) => r#""room_id":"!00-m-room-create","#.to_owned(),
            (false, _) => r#""room_id":"!room:example.com","#.to_owned(),
        };
        let key = if key == "null" { String::new() } else { format!(r#","state_key":{key}"#) };
        let json = format!(
            r#"{{"auth_events":[{}],"content":{content},"depth":1,"origin_server_ts":{ts},"prev_events":[{}],{room_id}"sender":"{sender}"{key},"type":"{kind}"}}"#,
            list(auth, "auth="),
            list(prev, "prev="),
        );
        let id = EventId::parse(id).unwrap();
        Arc::new(Event::from_stored(version, id, json).unwrap())
    }

    pub(crate) fn resolver(&self) -> Resolver {
        let mut resolver = Resolver::new(self.version.unwrap());
        for event in &self.events {
            resolver.add(event, false).unwrap();
        }
        resolver
    }

    /// The states named, or those at the ends of the room, each event having been applied to the
    /// resolution of the states before it.
    pub(crate) fn states(&self, resolver: &Resolver) -> Vec<StateMap> {
        let by_id: BTreeMap<&str, &Arc<Event>> =
            self.events.iter().map(|event| (event.event_id().as_str(), event)).collect();
        if !self.states.is_empty() {
            let state = |ids: &Vec<String>| ids.iter().map(|id| Arc::clone(by_id[&**id])).collect();
            return self.states.iter().map(state).collect();
        }
        let mut after: BTreeMap<&str, StateMap> = BTreeMap::new();
        let mut ends = BTreeSet::new();
        for event in &self.events {
            let prev = event.prev_events().iter().map(|prev| after[prev.as_str()].clone());
            let mut state = resolver.resolve(&prev.collect::<Vec<_>>()).unwrap();
            state.insert(Arc::clone(event));
            for prev in event.prev_events() {
                ends.remove(prev.as_str());
            }
            ends.insert(event.event_id().as_str());
            after.insert(event.event_id().as_str(), state);
        }
        ends.into_iter().map(|end| after[end].clone()).collect()
    }
}

/// The ids of a state's events, sorted.
pub(crate) fn ids(state: &StateMap) -> Vec<String> {
    let mut ids: Vec<String> = state.iter().map(|event| event.event_id().to_string()).collect();
    ids.sort();
    ids
}
