// SPDX-License-Identifier: Apache-2.0
//! Rooms out of a source of choices: seeded chance in tests, hostile bytes in the fuzzer.
//!
//! The rooms grow by our own rules, so that they say nothing about these; what they are for are
//! the laws of resolution. The comparison with other implementations is in `tests/oracle`.

pub(crate) mod text;

use std::{collections::BTreeMap, sync::Arc};

use estafette_core::{
    auth::{self, AuthState, Candidate},
    event::Event,
    ids::EventId,
    state::{NotLoaded, Resolver, StateMap},
    version::{RoomVersion, StateResolution},
};

/// Where choices come from.
pub(crate) trait Choices {
    /// A number below `bound`, which is not zero.
    fn below(&mut self, bound: usize) -> usize;
}

/// Seeded chance (SplitMix64).
pub(crate) struct Chance(pub(crate) u64);

impl Choices for Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % bound as u64) as usize
    }
}

/// Choices out of bytes; when they are used up, always the first.
pub(crate) struct Bytes<'a>(pub(crate) &'a [u8]);

impl Choices for Bytes<'_> {
    fn below(&mut self, bound: usize) -> usize {
        match self.0.split_first() {
            Some((byte, rest)) => {
                self.0 = rest;
                usize::from(*byte) % bound
            }
            None => 0,
        }
    }
}

/// A room and what met in it.
pub(crate) struct Room {
    /// The room version.
    pub(crate) version: RoomVersion,
    /// All events, each after those it rests on.
    pub(crate) events: Vec<Arc<Event>>,
    /// The states that met at each merge, and at the end.
    pub(crate) merges: Vec<Vec<StateMap>>,
    resolver: Resolver,
    states_after: BTreeMap<EventId, StateMap>,
    heads: Vec<EventId>,
}

struct View<'a>(&'a StateMap);

impl AuthState for View<'_> {
    fn state(&self, kind: &str, state_key: &str) -> Option<&Event> {
        self.0.get(kind, state_key).map(Arc::as_ref)
    }
}

const USERS: [&str; 5] = [
    "@alice:one.example",
    "@bob:one.example",
    "@carol:two.example",
    "@dave:two.example",
    "@erin:x",
];

impl Room {
    /// Grows a room by so many attempts.
    pub(crate) fn grow(version: RoomVersion, attempts: usize, choices: &mut impl Choices) -> Self {
        let mut room = Self {
            version,
            events: Vec::new(),
            merges: Vec::new(),
            resolver: Resolver::new(version),
            states_after: BTreeMap::new(),
            heads: Vec::new(),
        };
        let alice = USERS[0];
        let creator = if version.rules().creator_is_sender {
            ""
        } else {
            r#""creator":"@alice:one.example","#
        };
        let create = format!(r#"{{{creator}"room_version":"{version}"}}"#);
        let levels = if version.rules().privileged_creators {
            "{}"
        } else {
            r#"{"users":{"@alice:one.example":100}}"#
        };
        room.attempt(&[], alice, "m.room.create", "", &create, 0);
        room.attempt_at_heads(alice, "m.room.member", alice, r#"{"membership":"join"}"#);
        room.attempt_at_heads(alice, "m.room.power_levels", "", levels);
        room.attempt_at_heads(alice, "m.room.join_rules", "", r#"{"join_rule":"public"}"#);
        for _ in 0..attempts {
            room.step(choices);
        }
        let heads = room.heads.clone();
        room.state_before(&heads);
        room
    }

    fn attempt_at_heads(&mut self, sender: &str, kind: &str, key: &str, content: &str) {
        self.attempt(&self.heads.clone(), sender, kind, key, content, self.events.len());
    }

    fn step(&mut self, choices: &mut impl Choices) {
        let prev = match choices.below(10) {
            0..2 => {
                let at = 1 + choices.below(self.events.len() - 1);
                vec![self.events[at].event_id().clone()]
            }
            2..5 => self.heads.clone(),
            _ => vec![self.heads[choices.below(self.heads.len())].clone()],
        };
        let sender = USERS[choices.below(USERS.len())];
        let target = USERS[choices.below(USERS.len())];
        let ts = self.events.len() + choices.below(5);
        let member = |key, membership: &str| {
            ("m.room.member", key, format!(r#"{{"membership":"{membership}"}}"#))
        };
        let (kind, key, content) = match choices.below(12) {
            0..3 => member(sender, "join"),
            3 => member(target, "invite"),
            4 => member(sender, "leave"),
            5 => member(target, "leave"),
            6 => member(target, "ban"),
            7..9 => ("m.room.power_levels", "", self.power_levels(choices)),
            9 => {
                let rule = ["public", "invite", "knock", "restricted"][choices.below(4)];
                ("m.room.join_rules", "", format!(r#"{{"join_rule":"{rule}"}}"#))
            }
            10 => ("m.room.topic", "", format!(r#"{{"topic":"{}"}}"#, choices.below(9))),
            _ => ("org.example.own", sender, "{}".to_owned()),
        };
        self.attempt(&prev, sender, kind, key, &content, ts);
    }

    fn power_levels(&self, choices: &mut impl Choices) -> String {
        let mut users = Vec::new();
        for (at, user) in USERS.iter().enumerate() {
            let level = [0, 50, 50, 100][choices.below(4)];
            let creator = at == 0;
            if !(creator && self.version.rules().privileged_creators) {
                let level = if creator { 100 } else { level };
                users.push(format!(r#""{user}":{level}"#));
            }
        }
        format!(r#"{{"ban":{},"users":{{{}}}}}"#, choices.below(3) * 50, users.join(","))
    }

    fn state_before(&mut self, prev: &[EventId]) -> StateMap {
        let states: Vec<StateMap> = prev.iter().map(|id| self.states_after[id].clone()).collect();
        let resolved = self.resolver.resolve(&states).expect("everything is loaded");
        if states.len() > 1 {
            self.merges.push(states);
        }
        resolved
    }

    fn attempt(
        &mut self,
        prev: &[EventId],
        sender: &str,
        kind: &str,
        key: &str,
        content: &str,
        ts: usize,
    ) {
        let state = self.state_before(prev);
        // Ids without an order of their own, like hashes.
        let number = (self.states_after.len() as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let id = EventId::parse(&format!("${number:016x}{}", self.states_after.len())).unwrap();
        let room_id = match self.events.first() {
            Some(create) => create.room_id().to_string(),
            None => "!room:one.example".to_owned(),
        };
        let in_v12 = self.version.rules().room_id_is_create_hash;
        let room = if in_v12 && kind == "m.room.create" {
            String::new()
        } else {
            format!(r#""room_id":"{room_id}","#)
        };
        let names = |ids: &[EventId]| {
            let quoted: Vec<String> = ids.iter().map(|id| format!("{:?}", id.as_str())).collect();
            quoted.join(",")
        };
        let with_auth = |auth: &[EventId]| {
            let json = format!(
                r#"{{"auth_events":[{}],"content":{content},"depth":{},"hashes":{{}},"origin_server_ts":{ts},"prev_events":[{}],{room}"sender":"{sender}","signatures":{{}},"state_key":"{key}","type":"{kind}"}}"#,
                names(auth),
                self.events.len() + 1,
                names(prev),
            );
            Arc::new(Event::from_stored(self.version, id.clone(), json).expect("a proper event"))
        };
        let rules = self.version.rules();
        let template = with_auth(&[]);
        let auth: Vec<EventId> = auth::auth_types(&Candidate::of(&template), &rules)
            .into_iter()
            .filter_map(|(kind, key)| state.get(kind, key))
            .map(|event| event.event_id().clone())
            .collect();
        let event = with_auth(&auth);
        if auth::authorise(Candidate::of(&event), &View(&state), &rules).is_err() {
            return;
        }
        self.resolver.add(&event, false).expect("the auth events are there");
        let mut after = state;
        after.insert(Arc::clone(&event));
        self.states_after.insert(id.clone(), after);
        self.heads.retain(|head| !prev.contains(head));
        self.heads.push(id);
        self.events.push(event);
    }

    /// The resolver that the room grew with.
    pub(crate) fn resolver(&self) -> &Resolver {
        &self.resolver
    }

    /// The laws of resolution (P4). Fails by panicking.
    pub(crate) fn check_laws(&self, choices: &mut impl Choices) {
        let elsewhere = self.delivered_in_another_order(choices);
        for states in &self.merges {
            let resolved = self.resolver.resolve(states).expect("everything is loaded");
            let again = |states: &[StateMap], resolver: &Resolver| {
                resolver.resolve(states).expect("everything is loaded")
            };
            let mut changed: Vec<StateMap> = states.iter().rev().cloned().collect();
            assert_eq!(again(&changed, &self.resolver), resolved, "permuted");
            changed.push(states[choices.below(states.len())].clone());
            assert_eq!(again(&changed, &self.resolver), resolved, "duplicated");
            assert_eq!(again(states, &elsewhere), resolved, "delivered in another order");
            // What all agree on stays, the create event first of all.
            for event in states[0].iter() {
                let (kind, key) = (event.kind(), event.state_key().unwrap());
                let agreed = states.iter().all(|state| {
                    state.get(kind, key).is_some_and(|other| other.event_id() == event.event_id())
                });
                if agreed {
                    let after = resolved.get(kind, key).expect("an agreed entry stays");
                    assert_eq!(after.event_id(), event.event_id());
                }
            }
            assert!(resolved.get("m.room.create", "").is_some());
            // Version 2.1 never forgets what is needed to judge others.
            let since_2_1 = self.version.rules().state_resolution == StateResolution::V2_1;
            for kind in ["m.room.power_levels", "m.room.join_rules"] {
                if since_2_1 && states.iter().all(|state| state.get(kind, "").is_some()) {
                    assert!(resolved.get(kind, "").is_some(), "{kind} is lost");
                }
            }
        }
    }

    /// A resolver that learned of the events in another order.
    fn delivered_in_another_order(&self, choices: &mut impl Choices) -> Resolver {
        let mut resolver = Resolver::new(self.version);
        let mut waiting = self.events.clone();
        while !waiting.is_empty() {
            let start = choices.below(waiting.len());
            let at = (0..waiting.len())
                .map(|offset| (start + offset) % waiting.len())
                .find(|at| resolver.add(&waiting[*at], false).is_ok())
                .expect("some event can come next");
            waiting.remove(at);
        }
        resolver
    }
}

/// Grows a room out of bytes and checks the laws.
pub(crate) fn from_bytes(bytes: &[u8]) {
    let mut choices = Bytes(bytes);
    let versions: Vec<RoomVersion> = RoomVersion::all().collect();
    let version = versions[choices.below(versions.len())];
    // Six bytes or so make an event; a room without bytes to grow by is of no interest.
    let attempts = (bytes.len() / 6).min(120);
    Room::grow(version, attempts, &mut choices).check_laws(&mut choices);
}

/// Loads what is asked for, a bounded number of times.
pub(crate) fn load_until<T>(
    light: &mut Resolver,
    by_id: &BTreeMap<EventId, &Arc<Event>>,
    resolve: impl Fn(&Resolver) -> Result<T, NotLoaded>,
) -> T {
    for _ in 0..10 {
        match resolve(light) {
            Ok(resolved) => return resolved,
            Err(NotLoaded::Events(events)) => {
                assert!(!events.is_empty());
                for id in events {
                    light.add(by_id[&id], false).unwrap();
                }
            }
            Err(other) => panic!("{other}"),
        }
    }
    panic!("asks for ever");
}
