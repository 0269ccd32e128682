// SPDX-License-Identifier: Apache-2.0
//! Large rooms of a known shape, for measurements.

use serde_json::{Value, json};

use crate::rooms::{Pdu, State};

/// A room and the states that meet.
pub struct LargeRoom {
    /// The room version.
    pub version: String,
    /// All events, each after those it rests on.
    pub events: Vec<Pdu>,
    /// The states to resolve.
    pub states: Vec<State>,
}

const ALICE: &str = "@alice:one.example";

struct Maker {
    room: LargeRoom,
}

impl Maker {
    fn new(version: &str) -> (Self, State) {
        let room =
            LargeRoom { version: version.to_owned(), events: Vec::new(), states: Vec::new() };
        let mut maker = Self { room };
        let mut state = State::new();
        let in_v12 = version == "12";
        maker.add(&mut state, ALICE, "m.room.create", "", json!({ "room_version": version }));
        maker.add(&mut state, ALICE, "m.room.member", ALICE, json!({ "membership": "join" }));
        let users = if in_v12 { json!({}) } else { json!({ ALICE: 100 }) };
        maker.add(&mut state, ALICE, "m.room.power_levels", "", json!({ "users": users }));
        maker.add(&mut state, ALICE, "m.room.join_rules", "", json!({ "join_rule": "public" }));
        (maker, state)
    }

    /// Adds an event that rests on `state`, and puts it there.
    fn add(&mut self, state: &mut State, sender: &str, kind: &str, key: &str, content: Value) {
        let number = self.room.events.len();
        let get = |kind: &str, key: &str| state.get(&(kind.to_owned(), key.to_owned())).cloned();
        let mut auth = Vec::new();
        if kind != "m.room.create" {
            if self.room.version != "12" {
                auth.extend(get("m.room.create", ""));
            }
            auth.extend(get("m.room.power_levels", ""));
            auth.extend(get("m.room.member", sender));
            if kind == "m.room.member" {
                if key != sender {
                    auth.extend(get("m.room.member", key));
                }
                if content["membership"] == "join" {
                    auth.extend(get("m.room.join_rules", ""));
                }
            }
        }
        let create = self.room.events.first();
        let room_id = match create {
            Some(create) if self.room.version == "12" => create.event_id.replacen('$', "!", 1),
            _ => "!room:one.example".to_owned(),
        };
        // Ids without an order of their own, like hashes.
        let scattered = (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let event_id = format!("${scattered:016x}aaaaaaaaaaaaaaaaaaaaaa{number:05x}");
        let prev = self.room.events.last().map(|event| event.event_id.clone());
        let pdu = Pdu {
            event_id: event_id.clone(),
            room_id,
            sender: sender.to_owned(),
            kind: kind.to_owned(),
            state_key: key.to_owned(),
            content,
            origin_server_ts: 1_000_000 + number as i64,
            depth: number as u64 + 1,
            prev_events: prev.into_iter().collect(),
            auth_events: auth,
        };
        self.room.events.push(pdu);
        state.insert((kind.to_owned(), key.to_owned()), event_id);
    }
}

/// A room without forks of so many events; its last state and the one 100 events before.
pub fn linear(version: &str, events: usize) -> LargeRoom {
    let (mut maker, mut state) = Maker::new(version);
    for n in 0..events {
        if n + 100 == events {
            maker.room.states.push(state.clone());
        }
        let user = format!("@user{n}:two.example");
        maker.add(&mut state, &user, "m.room.member", &user, json!({ "membership": "join" }));
    }
    maker.room.states.push(state);
    maker.room
}

/// Forks that conflict in so many keys each: joins of the same users, bans, one chain of power
/// levels in each.
pub fn forks(version: &str, forks: usize, conflicted: usize) -> LargeRoom {
    let (mut maker, base) = Maker::new(version);
    for fork in 0..forks {
        let mut state = base.clone();
        for n in 0..conflicted - 1 {
            let user = format!("@user{n}:two.example");
            if n % 100 == 50 {
                let mut content = json!({ "users": { ALICE: 100, user.as_str(): fork } });
                if version == "12" {
                    content = json!({ "users": { user.as_str(): fork } });
                }
                maker.add(&mut state, ALICE, "m.room.power_levels", "", content);
            }
            let (sender, membership) = if n % 50 == 7 { (ALICE, "ban") } else { (&*user, "join") };
            let content = json!({ "membership": membership, "displayname": format!("User {n}") });
            maker.add(&mut state, sender, "m.room.member", &user, content);
        }
        maker.room.states.push(state);
    }
    maker.room
}

/// So many members, each invited, joined and renamed (three state events), then two forks with
/// `conflicted` changes each.
pub fn many_members(version: &str, members: usize, conflicted: usize) -> LargeRoom {
    let (mut maker, mut base) = Maker::new(version);
    for n in 0..members {
        let user = format!("@user{n}:two.example");
        maker.add(&mut base, ALICE, "m.room.member", &user, json!({ "membership": "invite" }));
        for name in [format!("User {n}"), format!("Renamed user {n}")] {
            let content = json!({ "membership": "join", "displayname": name });
            maker.add(&mut base, &user, "m.room.member", &user, content);
        }
    }
    for fork in 0..2 {
        let mut state = base.clone();
        for n in 0..conflicted {
            let user = format!("@user{}:two.example", n * 2 + fork);
            let (sender, membership) = if n % 10 == 3 { (ALICE, "ban") } else { (&*user, "leave") };
            let content = json!({ "membership": membership });
            maker.add(&mut state, sender, "m.room.member", &user, content);
        }
        let users = if version == "12" { json!({}) } else { json!({ ALICE: 100 }) };
        let content = json!({ "users": users, "ban": 50 + fork });
        maker.add(&mut state, ALICE, "m.room.power_levels", "", content);
        maker.room.states.push(state);
    }
    maker.room
}
