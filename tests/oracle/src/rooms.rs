// SPDX-License-Identifier: Apache-2.0
//! Rooms made by chance: forks, merges, bans, changes of power, late events on old branches.

use std::collections::BTreeMap;

use estafette_core::{
    json::{Object, Value as Canonical},
    sign::SigningKey,
};
use serde_json::{Value, json};

use crate::{chance::Chance, ruma::Ruma};

/// A state: type and state key to event id.
pub type State = BTreeMap<(String, String), String>;

/// A state event.
#[derive(Clone, Debug)]
pub struct Pdu {
    /// Its id.
    pub event_id: String,
    /// Its room.
    pub room_id: String,
    /// Its sender.
    pub sender: String,
    /// Its `type`.
    pub kind: String,
    /// Its state key.
    pub state_key: String,
    /// Its content.
    pub content: Value,
    /// When it says it was sent.
    pub origin_server_ts: i64,
    /// Its depth.
    pub depth: u64,
    /// Its `prev_events`.
    pub prev_events: Vec<String>,
    /// Its `auth_events`.
    pub auth_events: Vec<String>,
}

impl Pdu {
    /// The event in the form of version 3 and later, without hashes and signatures.
    pub fn to_json(&self) -> Value {
        json!({
            "room_id": self.room_id, "sender": self.sender, "type": self.kind,
            "state_key": self.state_key, "content": self.content,
            "origin_server_ts": self.origin_server_ts, "depth": self.depth,
            "prev_events": self.prev_events, "auth_events": self.auth_events,
            "hashes": {}, "signatures": {},
        })
    }
}

/// A finished room.
pub struct Room {
    /// The room version.
    pub version: String,
    /// All events, each after those it rests on.
    pub events: Vec<Pdu>,
    /// The states that met at each merge.
    pub merges: Vec<Vec<State>>,
}

const USERS: [&str; 7] = [
    "@alice:one.example",
    "@bob:one.example",
    "@carol:two.example",
    "@dave:two.example",
    "@erin:three.example",
    "@frank:three.example",
    "@grace:four.example",
];

/// How a room grows.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// How many events after the first few.
    pub events: usize,
    /// Chance in a hundred that an event goes back to an old place.
    pub fork_percent: usize,
    /// Chance in a hundred that an event joins several branches.
    pub merge_percent: usize,
}

struct Maker {
    chance: Chance,
    ruma: Ruma,
    room: Room,
    room_id: String,
    states_after: BTreeMap<String, State>,
    heads: Vec<String>,
    ts: i64,
}

impl Room {
    /// Makes a room from a seed.
    pub fn by_chance(version: &str, seed: u64, shape: Shape) -> Self {
        let mut maker = Maker::new(version, seed);
        maker.begin();
        for _ in 0..shape.events {
            maker.step(shape);
        }
        // Everything meets at the end.
        let heads = maker.heads.clone();
        maker.state_before(&heads);
        maker.room
    }
}

impl Maker {
    fn new(version: &str, seed: u64) -> Self {
        Self {
            chance: Chance::new(seed),
            ruma: Ruma::new(version),
            room: Room { version: version.to_owned(), events: Vec::new(), merges: Vec::new() },
            room_id: "!room:one.example".to_owned(),
            states_after: BTreeMap::new(),
            heads: Vec::new(),
            ts: 1_000_000,
        }
    }

    fn event_id(&mut self) -> String {
        const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let letters: String = (0..43).map(|_| char::from(*self.chance.one_of(LETTERS))).collect();
        if matches!(self.room.version.as_str(), "1" | "2") {
            format!("${}:one.example", &letters[..12])
        } else {
            format!("${letters}")
        }
    }

    fn begin(&mut self) {
        let (alice, version) = (USERS[0], self.room.version.clone());
        let mut create = json!({ "room_version": version });
        // No `m.federate`: Synapse also refuses to invite users of other servers then, which the
        // specification does not ask.
        if self.number() < 11 {
            create["creator"] = json!(alice);
        }
        let create_id = self.event_id();
        if version == "12" {
            self.room_id = create_id.replacen('$', "!", 1);
            if self.chance.percent(30) {
                create["additional_creators"] = json!([USERS[2]]);
            }
        }
        self.place(create_id, &[], alice, "m.room.create", "", create);
        let id = self.event_id();
        let heads = self.heads.clone();
        self.place(id, &heads, alice, "m.room.member", alice, json!({ "membership": "join" }));
        if self.chance.percent(90) {
            let users = if version == "12" { json!({}) } else { json!({ alice: 100 }) };
            let content = json!({ "users": users, "state_default": 50, "users_default": 0 });
            self.attempt(self.heads.clone(), alice, "m.room.power_levels", "", content);
        }
        if self.chance.percent(90) {
            let rule = *self.chance.one_of(&["public", "public", "invite", "knock"]);
            let content = json!({ "join_rule": rule });
            self.attempt(self.heads.clone(), alice, "m.room.join_rules", "", content);
        }
    }

    fn step(&mut self, shape: Shape) {
        let prev = self.choose_prev_events(shape);
        // Whoever is tried first often may not; a few attempts keep the room growing.
        for _ in 0..6 {
            let (sender, kind, key, content) = self.action();
            if self.attempt(prev.clone(), &sender, &kind, &key, content) {
                return;
            }
        }
    }

    fn choose_prev_events(&mut self, shape: Shape) -> Vec<String> {
        if self.chance.percent(shape.fork_percent) {
            let at = self.chance.below(self.room.events.len());
            // Not before the creator joined.
            return vec![self.room.events[at.max(1)].event_id.clone()];
        }
        if self.heads.len() > 1 && self.chance.percent(shape.merge_percent) {
            let wanted = 2 + self.chance.below(3);
            let mut heads = self.heads.clone();
            while heads.len() > wanted {
                let at = self.chance.below(heads.len());
                heads.remove(at);
            }
            return heads;
        }
        vec![self.chance.one_of(&self.heads.clone()).clone()]
    }

    fn action(&mut self) -> (String, String, String, Value) {
        let sender = if self.chance.percent(35) { USERS[0] } else { *self.chance.one_of(&USERS) };
        let target = *self.chance.one_of(&USERS);
        let (kind, key, content) = match self.chance.below(100) {
            0..27 => ("m.room.member", sender, self.join()),
            27 => return self.third_party_offer(sender),
            28 => return self.third_party_invite(sender, target),
            29..36 => ("m.room.member", target, json!({ "membership": "invite" })),
            36..42 => ("m.room.member", sender, json!({ "membership": "leave" })),
            42..50 => ("m.room.member", target, json!({ "membership": "leave" })),
            50..58 => ("m.room.member", target, json!({ "membership": "ban" })),
            58..61 => ("m.room.member", sender, json!({ "membership": "knock" })),
            61..74 => ("m.room.power_levels", "", self.power_levels()),
            74..83 => ("m.room.join_rules", "", self.join_rules()),
            83..93 => ("m.room.topic", "", json!({ "topic": self.chance.below(9).to_string() })),
            93..97 => ("m.room.name", "", json!({ "name": self.chance.below(9).to_string() })),
            _ => ("org.example.own", sender, json!({ "x": self.chance.below(9) })),
        };
        (sender.to_owned(), kind.to_owned(), key.to_owned(), content)
    }

    /// Somebody who is known by an address alone is asked in, by a token that a key signs.
    fn third_party_offer(&mut self, sender: &str) -> (String, String, String, Value) {
        let content = json!({
            "display_name": "x",
            "key_validity_url": "https://identity.example/valid",
            "public_key": identity_key(self.chance.below(2)).public_base64(),
        });
        let token = format!("token{}", self.chance.below(3));
        (sender.to_owned(), "m.room.third_party_invite".to_owned(), token, content)
    }

    /// The invitation that follows from such an offer, mostly a right one.
    fn third_party_invite(
        &mut self,
        sender: &str,
        target: &str,
    ) -> (String, String, String, Value) {
        let pdus = self.room.events.iter();
        let offers: Vec<(String, String)> = pdus
            .filter(|pdu| pdu.kind == "m.room.third_party_invite")
            .map(|pdu| (pdu.sender.clone(), pdu.state_key.clone()))
            .collect();
        let (sender, token) = match offers.as_slice() {
            [] => (sender.to_owned(), "token0".to_owned()),
            offers => self.chance.one_of(offers).clone(),
        };
        let mut signed = Object::from([
            ("mxid".to_owned(), Canonical::from(target)),
            ("token".to_owned(), Canonical::from(token)),
        ]);
        identity_key(self.chance.below(2)).sign_json(&mut signed, "identity.example").unwrap();
        let signed = Value::from(&Canonical::Object(signed));
        let invite = json!({ "display_name": "x", "signed": signed });
        let content = json!({ "membership": "invite", "third_party_invite": invite });
        (sender, "m.room.member".to_owned(), target.to_owned(), content)
    }

    fn number(&self) -> u32 {
        self.room.version.parse().unwrap()
    }

    fn join(&mut self) -> Value {
        let mut content = json!({ "membership": "join" });
        if self.number() >= 8 && self.chance.percent(25) {
            content["join_authorised_via_users_server"] = json!(self.chance.one_of(&USERS));
        }
        content
    }

    fn join_rules(&mut self) -> Value {
        let mut rules = vec!["public", "invite", "knock", "private", "public"];
        if self.number() >= 8 {
            rules.extend(["restricted", "restricted"]);
        }
        if self.number() >= 10 {
            rules.push("knock_restricted");
        }
        json!({ "join_rule": self.chance.one_of(&rules), "allow": [] })
    }

    /// A level, in old versions sometimes as text.
    fn level(&mut self, level: i64) -> Value {
        if self.number() < 10 && self.chance.percent(15) {
            json!(level.to_string())
        } else {
            json!(level)
        }
    }

    fn power_levels(&mut self) -> Value {
        let mut users = serde_json::Map::new();
        for user in USERS {
            let creator_in_v12 = self.room.version == "12" && user == USERS[0];
            if !creator_in_v12 && self.chance.percent(40) {
                let level = *self.chance.one_of(&[0, 25, 50, 50, 75, 100]);
                users.insert(user.to_owned(), self.level(level));
            }
        }
        if self.room.version != "12" && self.chance.percent(85) {
            users.insert(USERS[0].to_owned(), self.level(100));
        }
        let mut content = json!({ "users": users });
        for name in ["state_default", "users_default", "ban", "kick", "invite", "events_default"] {
            if self.chance.percent(20) {
                let level = *self.chance.one_of(&[0, 25, 50]);
                content[name] = self.level(level);
            }
        }
        if self.chance.percent(20) {
            content["events"] = json!({ "m.room.topic": *self.chance.one_of(&[0, 50, 100]) });
        }
        if self.chance.percent(10) {
            content["notifications"] = json!({ "room": *self.chance.one_of(&[0, 50, 100]) });
        }
        content
    }

    fn state_before(&mut self, prev: &[String]) -> State {
        let states: Vec<State> = prev.iter().map(|id| self.states_after[id].clone()).collect();
        let [first, rest @ ..] = states.as_slice() else { return State::new() };
        if rest.iter().all(|state| state == first) {
            return first.clone();
        }
        // Version 1 has no oracle here; the first state will do to let the room grow.
        let resolved = if self.room.version == "1" {
            first.clone()
        } else {
            self.ruma.resolve(self.ruma.prepare(&states)).unwrap()
        };
        self.room.merges.push(states);
        resolved
    }

    /// Adds the event if the state before it allows it.
    fn attempt(
        &mut self,
        prev: Vec<String>,
        sender: &str,
        kind: &str,
        key: &str,
        content: Value,
    ) -> bool {
        let id = self.event_id();
        let merges = self.room.merges.len();
        let placed = self.place(id, &prev, sender, kind, key, content);
        if !placed {
            self.room.merges.truncate(merges);
        }
        placed
    }

    fn place(
        &mut self,
        event_id: String,
        prev: &[String],
        sender: &str,
        kind: &str,
        key: &str,
        content: Value,
    ) -> bool {
        let state = self.state_before(prev);
        // Time mostly goes on, sometimes stands still, sometimes goes back.
        self.ts += [0, 0, 1, 5, -3][self.chance.below(5)];
        let depths = self.room.events.iter().filter(|e| prev.contains(&e.event_id));
        let depth = depths.map(|e| e.depth).max().unwrap_or(0) + 1;
        let mut pdu = Pdu {
            event_id,
            room_id: self.room_id.clone(),
            sender: sender.to_owned(),
            kind: kind.to_owned(),
            state_key: key.to_owned(),
            content,
            origin_server_ts: self.ts,
            depth,
            prev_events: prev.to_vec(),
            auth_events: Vec::new(),
        };
        // Its maker may name other events as its authority than the state before it has.
        let authority = if self.chance.percent(12) && self.room.events.len() > 2 {
            let at = self.chance.below(self.room.events.len());
            self.states_after[&self.room.events[at].event_id].clone()
        } else {
            state.clone()
        };
        pdu.auth_events = self.ruma.select_auth_events(&pdu, &authority);
        self.ruma.add(&pdu);
        if !self.ruma.allows(&pdu.event_id, &state) || !self.ruma.allows(&pdu.event_id, &authority)
        {
            return false;
        }
        let mut after = state;
        after.insert((pdu.kind.clone(), pdu.state_key.clone()), pdu.event_id.clone());
        self.states_after.insert(pdu.event_id.clone(), after);
        self.heads.retain(|head| !prev.contains(head));
        self.heads.push(pdu.event_id.clone());
        self.room.events.push(pdu);
        true
    }
}

/// One of two keys of an identity server.
fn identity_key(which: usize) -> SigningKey {
    SigningKey::from_seed("0", &[which as u8; 32])
}
