// SPDX-License-Identifier: Apache-2.0
//! Our resolver: with another implementation's authorisation rules, so that a difference can only
//! lie in the resolution itself, and with our own.

use std::{collections::BTreeMap, sync::Arc};

use estafette_core::{
    event::Event,
    ids::EventId,
    state::{
        Resolver, StateMap,
        graph::{AuthGraph, AuthNode, EventIndex, PartialState, is_power_event},
        v1, v2,
    },
    version::RoomVersion,
};

use crate::{
    rooms::{Pdu, State},
    ruma::Ruma,
};

/// Our view of one room.
pub struct Ours<'a> {
    graph: AuthGraph,
    pdus: Vec<&'a Pdu>,
    create: Option<&'a Pdu>,
}

impl<'a> Ours<'a> {
    /// Takes in the events of a room.
    pub fn new(pdus: &'a [Pdu]) -> Self {
        let mut graph = AuthGraph::new();
        for pdu in pdus {
            let membership = pdu.content["membership"].as_str();
            let node = AuthNode {
                event_id: &pdu.event_id,
                kind: &pdu.kind,
                state_key: &pdu.state_key,
                sender: &pdu.sender,
                origin_server_ts: pdu.origin_server_ts,
                power_event: is_power_event(&pdu.kind, &pdu.state_key, &pdu.sender, membership),
            };
            graph.insert(node, pdu.auth_events.iter().map(String::as_str)).unwrap();
        }
        let create = pdus.iter().find(|pdu| pdu.kind == "m.room.create");
        Self { graph, pdus: pdus.iter().collect(), create }
    }

    /// Resolves with ruma's authorisation rules.
    pub fn resolve(&self, ruma: &Ruma, version: &str, states: &[State]) -> State {
        let index = |id: &String| self.graph.index_of(id).unwrap();
        let sets: Vec<_> = states.iter().map(|state| state.values().map(index).collect()).collect();
        let mut judge = RumaJudge { ours: self, ruma, version };
        let events = match version {
            "1" => v1::resolve(&self.graph, &sets, &mut judge),
            "12" => {
                let resolution = v2::resolve(&self.graph, &sets, v2::Variant::V2_1, &mut judge);
                resolution.unconflicted | resolution.resolved
            }
            _ => {
                let resolution = v2::resolve(&self.graph, &sets, v2::Variant::V2, &mut judge);
                resolution.unconflicted | resolution.resolved
            }
        };
        events.into_iter().map(|event| self.entry(event)).collect()
    }

    fn entry(&self, event: EventIndex) -> ((String, String), String) {
        let pdu = self.pdus[event as usize];
        ((pdu.kind.clone(), pdu.state_key.clone()), pdu.event_id.clone())
    }
}

struct RumaJudge<'a> {
    ours: &'a Ours<'a>,
    ruma: &'a Ruma,
    version: &'a str,
}

impl RumaJudge<'_> {
    fn check(&self, event: EventIndex, state: &PartialState, with_auth_events: bool) -> bool {
        let pdu = self.ours.pdus[event as usize];
        let mut known: State = BTreeMap::new();
        if with_auth_events {
            for auth in self.ours.graph.auth_events(event) {
                let (key, id) = self.ours.entry(*auth);
                known.insert(key, id);
            }
        }
        let content = &pdu.content;
        let mut needed = vec![
            ("m.room.create", String::new()),
            ("m.room.power_levels", String::new()),
            ("m.room.join_rules", String::new()),
            ("m.room.member", pdu.sender.clone()),
            ("m.room.member", pdu.state_key.clone()),
        ];
        if let Some(user) = content["join_authorised_via_users_server"].as_str() {
            needed.push(("m.room.member", user.to_owned()));
        }
        if let Some(token) = content["third_party_invite"]["signed"]["token"].as_str() {
            needed.push(("m.room.third_party_invite", token.to_owned()));
        }
        for (kind, key) in needed {
            let found = self.ours.graph.key_index(kind, &key).and_then(|key| state.get(key));
            if let Some(event) = found {
                known.insert(
                    (kind.to_owned(), key),
                    self.ours.pdus[event as usize].event_id.clone(),
                );
            }
        }
        if self.version == "12" {
            let create = self.ours.create.unwrap();
            let key = ("m.room.create".to_owned(), String::new());
            known.insert(key, create.event_id.clone());
        }
        self.ruma.allows(&pdu.event_id, &known)
    }
}

impl v2::Judge for RumaJudge<'_> {
    type Power = i64;

    fn sender_power(&mut self, event: EventIndex) -> i64 {
        let pdu = self.ours.pdus[event as usize];
        let create = self.ours.create.unwrap();
        if self.version == "12" {
            let more = create.content["additional_creators"].as_array().into_iter().flatten();
            let mut creators = more.filter_map(|user| user.as_str()).chain([&*create.sender]);
            if creators.any(|creator| creator == pdu.sender) {
                return i64::MAX;
            }
        }
        let auth = self.ours.graph.auth_events(event);
        let auth = || auth.iter().map(|auth| self.ours.pdus[*auth as usize]);
        if let Some(levels) = auth().find(|auth| auth.kind == "m.room.power_levels") {
            let own = &levels.content["users"][&pdu.sender];
            let default = &levels.content["users_default"];
            let level =
                |value: &serde_json::Value| value.as_i64().or_else(|| value.as_str()?.parse().ok());
            return level(own).or_else(|| level(default)).unwrap_or(0);
        }
        let created = auth().any(|auth| auth.kind == "m.room.create" && auth.sender == pdu.sender);
        if created { 100 } else { 0 }
    }

    fn allows(&mut self, event: EventIndex, state: &PartialState) -> bool {
        self.check(event, state, true)
    }
}

impl v1::Judge for RumaJudge<'_> {
    fn depth(&mut self, event: EventIndex) -> u64 {
        self.ours.pdus[event as usize].depth
    }

    fn allows(&mut self, event: EventIndex, state: &PartialState) -> bool {
        self.check(event, state, false)
    }
}

/// Our resolver with our authorisation rules: what the server runs.
pub struct Whole {
    resolver: Resolver,
    events: BTreeMap<String, Arc<Event>>,
}

impl Whole {
    /// Takes in the events of a room.
    pub fn new(version: &str, pdus: &[Pdu]) -> Self {
        let version = RoomVersion::parse(version).unwrap();
        let mut whole = Self { resolver: Resolver::new(version), events: BTreeMap::new() };
        for pdu in pdus {
            let id = EventId::parse(&pdu.event_id).unwrap();
            let mut json = pdu.to_json();
            if version == RoomVersion::V12 && pdu.kind == "m.room.create" {
                json.as_object_mut().unwrap().remove("room_id");
            }
            let event = Event::from_stored(version, id, json.to_string()).unwrap();
            let event = Arc::new(event);
            whole.resolver.add(&event, false).unwrap();
            whole.events.insert(pdu.event_id.clone(), event);
        }
        whole
    }

    /// A state as our map.
    pub fn state_map(&self, state: &State) -> StateMap {
        state.values().map(|id| Arc::clone(&self.events[id])).collect()
    }

    /// The resolver.
    pub fn resolver(&self) -> &Resolver {
        &self.resolver
    }

    /// Resolves.
    pub fn resolve(&self, states: &[State]) -> State {
        let maps: Vec<StateMap> = states.iter().map(|state| self.state_map(state)).collect();
        let resolved = self.resolver.resolve(&maps).unwrap();
        let entry = |event: &Arc<Event>| {
            let key = event.state_key().unwrap().to_owned();
            ((event.kind().to_owned(), key), event.event_id().to_string())
        };
        resolved.iter().map(entry).collect()
    }
}
