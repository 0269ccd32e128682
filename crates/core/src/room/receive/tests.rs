// SPDX-License-Identifier: Apache-2.0
//! Without these what other servers send could change a room against its rules, or be lost.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
};

use super::*;
use crate::{
    event::{EventDraft, RawPdu},
    ids::{ServerName, UserId},
    json::{Object, Strictness, Value, parse},
    room::{Command, CreateRoom, Decision, MemberAct, Preset, Signer, create, decide},
    sign::{SigningKey, VerifyKey, VerifyKeys},
    state::resolver::Resolver,
    version::RoomVersion,
};

/// A room that `@alice:x.fr` made and `@bob:y.fr` joined, as x.fr stores it, and both servers'
/// keys. Every event goes through the bytes that would be sent.
struct Rooms {
    view: RoomView,
    stored: RefCell<BTreeMap<EventId, Stored>>,
    resolver: RefCell<Resolver>,
    /// The time of the latest draft.
    clock: Cell<i64>,
}

struct Stored {
    event: Arc<Event>,
    rejected: bool,
    after: Option<StateMap>,
}

fn server(name: &str) -> ServerName {
    ServerName::parse(name).unwrap()
}

fn key(server: &str) -> SigningKey {
    SigningKey::from_seed("1", &[server.as_bytes()[0]; 32])
}

fn keys() -> VerifyKeys {
    use base64::Engine as _;
    let mut keys = VerifyKeys::new();
    for server in ["x.fr", "y.fr"] {
        let public = crate::sign::BASE64.decode(key(server).public_base64()).unwrap();
        let public = public.try_into().unwrap();
        keys.insert(server, "ed25519:1", VerifyKey { public, valid_until_ms: i64::MAX });
    }
    keys
}

fn user(id: &str) -> UserId {
    UserId::parse(id).unwrap()
}

impl Surroundings for Rooms {
    fn known(&self, event_id: &EventId) -> Option<Known> {
        let stored = self.stored.borrow();
        let found = stored.get(event_id)?;
        Some(Known { event: Arc::clone(&found.event), rejected: found.rejected })
    }

    fn state_after(&self, event_id: &EventId) -> Option<StateMap> {
        self.stored.borrow().get(event_id)?.after.clone()
    }

    fn is_followed(&self, event_id: &EventId) -> bool {
        let stored = self.stored.borrow();
        stored.values().any(|stored| stored.event.prev_events().contains(event_id))
    }

    fn resolve(
        &self,
        states: &[StateMap],
        new: Option<&Arc<Event>>,
    ) -> Result<StateMap, NotLoaded> {
        if let Some(new) = new {
            self.resolver.borrow_mut().add(new, false).unwrap();
        }
        self.resolver.borrow().resolve(states)
    }
}

impl Rooms {
    fn new(version: RoomVersion) -> Self {
        Self::named(version, "r")
    }

    fn named(version: RoomVersion, nonce: &str) -> Self {
        let request = CreateRoom {
            creator: user("@alice:x.fr"),
            creator_profile: Object::new(),
            version,
            preset: Preset::Public,
            name: None,
            topic: None,
            alias: None,
            invite: Vec::new(),
            invite_addresses: Vec::new(),
            is_direct: false,
            creation_content: Object::new(),
            initial_state: Vec::new(),
            power_level_content_override: Object::new(),
            nonce: nonce.into(),
        };
        let (name, key) = (server("x.fr"), key("x.fr"));
        let created = create(&request, &Signer { server: &name, key: &key }, 1).unwrap();
        let mut rooms = Self {
            view: created.view,
            stored: RefCell::default(),
            resolver: RefCell::new(Resolver::new(version)),
            clock: Cell::new(9),
        };
        let mut state = StateMap::new();
        for new in created.update.events {
            state.insert(Arc::clone(&new.event));
            rooms.store(&new, Some(state.clone()));
        }
        rooms.by("@bob:y.fr", "m.room.member", Some("@bob:y.fr"), r#"{"membership":"join"}"#);
        assert!(rooms.view.is_joined(&user("@bob:y.fr")));
        rooms
    }

    fn store(&self, new: &NewEvent, after: Option<StateMap>) {
        self.resolver.borrow_mut().add(&new.event, new.rejected).unwrap();
        let stored = Stored { event: Arc::clone(&new.event), rejected: new.rejected, after };
        self.stored.borrow_mut().insert(new.event.event_id().clone(), stored);
    }

    /// What the room's members say here.
    fn local(&mut self, command: &Command) {
        let (name, key) = (server("x.fr"), key("x.fr"));
        let signer = Signer { server: &name, key: &key };
        let Decision::Update(update) = decide(command, &self.view, &signer, 5).unwrap() else {
            panic!("unchanged")
        };
        self.view = self.view.apply(&update);
        self.store(&update.events[0], Some(self.view.state().clone()));
    }

    fn ends(&self) -> Vec<EventId> {
        self.view.forward_extremities().iter().map(|end| end.event_id.clone()).collect()
    }

    /// An event by a user of y.fr after the room's ends, authorised by its state.
    fn draft(&self, sender: &str, kind: &str, state_key: Option<&str>, json: &str) -> Event {
        let (prev, view) = (self.ends(), self.view.clone());
        self.draft_at(&view, &prev, (sender, kind, state_key, json))
    }

    /// The same, at another place.
    fn draft_at(
        &self,
        view: &RoomView,
        prev: &[EventId],
        (sender, kind, state_key, json): (&str, &str, Option<&str>, &str),
    ) -> Event {
        let Value::Object(content) = parse(json.as_bytes(), Strictness::Strict).unwrap() else {
            panic!("no object")
        };
        let sender = user(sender);
        let candidate = Candidate {
            sender: &sender,
            kind,
            state_key,
            content: &content,
            room_id: Some(view.room_id().as_str()),
            redacts: None,
            prev_events: prev,
            event_id: None,
        };
        let auth: Vec<EventId> = crate::auth::auth_types(&candidate, view.rules())
            .into_iter()
            .filter_map(|(kind, key)| view.state_event(kind, key))
            .map(|event| event.event_id().clone())
            .collect();
        // Of two events that differ in nothing else, resolution takes the later one, in version 1
        // the deeper one.
        self.clock.set(self.clock.get() + 1);
        let draft = EventDraft {
            version: view.version(),
            room_id: Some(view.room_id()),
            sender: &sender,
            kind,
            state_key,
            content: &content,
            redacts: None,
            prev_events: prev,
            auth_events: &auth,
            depth: 30 + self.clock.get().unsigned_abs(),
            origin_server_ts: self.clock.get(),
            chosen_id: None,
        };
        let name = server(sender.server_name());
        draft.sign(&name, &key(sender.server_name())).unwrap()
    }

    /// What becomes of the bytes of an event.
    fn receive(&self, event: &Event) -> Result<Reception, Rejection> {
        let raw = RawPdu::parse(event.json().as_bytes(), self.view.version()).unwrap();
        receive(raw.check(&keys()).unwrap(), &self.view, self)
    }

    /// Receives and stores.
    fn take(&mut self, event: &Event) -> NewEvent {
        let Reception::Update(received) = self.receive(event).unwrap() else { panic!("no update") };
        let new = received.update.events[0].clone();
        let after = received.state_before.map(|mut state| {
            if !new.rejected {
                state.insert(Arc::clone(&new.event));
            }
            state
        });
        self.view = self.view.apply(&received.update);
        self.store(&new, after);
        new
    }

    fn by(&mut self, sender: &str, kind: &str, state_key: Option<&str>, json: &str) -> NewEvent {
        let event = self.draft(sender, kind, state_key, json);
        self.take(&event)
    }

    fn refused(&self, event: &Event) -> (bool, Option<AuthError>) {
        let Reception::Update(received) = self.receive(event).unwrap() else { panic!("no update") };
        let new = &received.update.events[0];
        assert!(new.rejected != new.soft_failed, "one of the two");
        assert_eq!(received.update.forward_extremities, self.view.forward_extremities());
        assert!(received.update.state.is_none());
        let after = self.view.apply(&received.update);
        assert_eq!(after.state(), self.view.state());
        (new.rejected, received.refused_by)
    }
}

fn each_version(test: impl Fn(RoomVersion)) {
    RoomVersion::all().for_each(test);
}

#[test]
fn a_message_moves_the_end_and_is_taken_once() {
    each_version(|version| {
        let mut rooms = Rooms::new(version);
        let event = rooms.draft("@bob:y.fr", "m.room.message", None, r#"{"body":"x"}"#);
        let new = rooms.take(&event);
        assert!(!new.rejected && !new.soft_failed && new.replaces.is_none());
        assert_eq!(rooms.ends(), [event.event_id().clone()]);
        assert_eq!(rooms.view.forward_extremities()[0].depth, event.depth());
        assert!(matches!(rooms.receive(&event), Ok(Reception::Duplicate)));
    });
}

#[test]
fn step_4_what_its_auth_events_do_not_allow_is_rejected() {
    each_version(|version| {
        let rooms = Rooms::new(version);
        // Nobody's event: the auth events hold no membership of the sender.
        let stranger = rooms.draft("@eve:y.fr", "m.room.message", None, "{}");
        assert_eq!(rooms.refused(&stranger), (true, Some(AuthError::SenderNotJoined)));
        let weak = rooms.draft("@bob:y.fr", "m.room.name", Some(""), "{}");
        assert_eq!(rooms.refused(&weak), (true, Some(AuthError::PowerLevel)));
    });
}

#[test]
fn step_4_rejection_spreads_through_auth_events() {
    each_version(|version| {
        let mut rooms = Rooms::new(version);
        let ban = r#"{"membership":"ban"}"#;
        let rejected = rooms.draft("@bob:y.fr", "m.room.member", Some("@alice:x.fr"), ban);
        assert!(rooms.take(&rejected).rejected);
        // An event that names it as its authority.
        let good = rooms.draft("@bob:y.fr", "m.room.message", None, "{}");
        let member = rooms.view.state_event("m.room.member", "@bob:y.fr").unwrap();
        let naming = |id: &EventId| {
            let auth: Vec<EventId> = good
                .auth_events()
                .iter()
                .map(|auth| if auth == member.event_id() { id.clone() } else { auth.clone() })
                .collect();
            let sender = user("@bob:y.fr");
            let (prev, content) = (rooms.ends(), Object::new());
            let draft = EventDraft {
                version,
                room_id: Some(rooms.view.room_id()),
                sender: &sender,
                kind: "m.room.message",
                state_key: None,
                content: &content,
                redacts: None,
                prev_events: &prev,
                auth_events: &auth,
                depth: 2,
                origin_server_ts: 3,
                chosen_id: None,
            };
            draft.sign(&server("y.fr"), &key("y.fr")).unwrap()
        };
        let not_selected = rooms.refused(&naming(rejected.event_id()));
        assert_eq!(not_selected, (true, Some(AuthError::AuthEvents)));
        let leave = r#"{"membership":"leave"}"#;
        // Rejected by the state before it, for bob has gone by then.
        let then = (rooms.view.clone(), rooms.ends());
        let topic = rooms.draft("@bob:y.fr", "m.room.member", Some("@bob:y.fr"), leave);
        rooms.take(&topic);
        let profile = r#"{"membership":"join","displayname":"B"}"#;
        let late = ("@bob:y.fr", "m.room.member", Some("@bob:y.fr"), profile);
        let kicked = rooms.draft_at(&then.0, &then.1, late);
        // (Public room: joining again is allowed.)
        assert!(!rooms.take(&kicked).rejected);
    });
}

#[test]
fn step_5_what_the_state_before_does_not_allow_is_rejected() {
    each_version(|version| {
        let mut rooms = Rooms::new(version);
        let then = rooms.view.clone();
        rooms.local(&Command::Member {
            sender: user("@alice:x.fr"),
            target: user("@bob:y.fr"),
            act: MemberAct::Ban,
            content: Object::new(),
            in_allowed_room: false,
        });
        // Its auth events are from before the ban, but it follows the ban.
        let message = ("@bob:y.fr", "m.room.message", None, "{}");
        let event = rooms.draft_at(&then, &rooms.ends(), message);
        assert_eq!(rooms.refused(&event), (true, Some(AuthError::SenderNotJoined)));
        assert!(rooms.take(&event).rejected);
    });
}

#[test]
fn step_6_what_the_room_now_does_not_allow_is_soft_failed() {
    each_version(|version| {
        let mut rooms = Rooms::new(version);
        let (then, before) = (rooms.view.clone(), rooms.ends());
        rooms.local(&Command::Member {
            sender: user("@alice:x.fr"),
            target: user("@bob:y.fr"),
            act: MemberAct::Ban,
            content: Object::new(),
            in_allowed_room: false,
        });
        // It claims to be from before the ban.
        let message = ("@bob:y.fr", "m.room.message", None, "{}");
        let event = rooms.draft_at(&then, &before, message);
        assert_eq!(rooms.refused(&event), (false, Some(AuthError::SenderNotJoined)));
        let new = rooms.take(&event);
        assert!(new.soft_failed);
        // What follows it alone is judged by the same.
        let next = rooms.draft_at(&then, &[event.event_id().clone()], message);
        assert_eq!(rooms.refused(&next), (false, Some(AuthError::SenderNotJoined)));
    });
}

#[test]
fn a_fork_is_resolved_and_joined_again() {
    each_version(|version| {
        let mut rooms = Rooms::new(version);
        let (then, before) = (rooms.view.clone(), rooms.ends());
        rooms.local(&Command::Send {
            sender: user("@alice:x.fr"),
            kind: "m.room.message".into(),
            content: Object::new(),
        });
        let profile = r#"{"membership":"join","displayname":"B"}"#;
        let other = ("@bob:y.fr", "m.room.member", Some("@bob:y.fr"), profile);
        let event = rooms.draft_at(&then, &before, other);
        let new = rooms.take(&event);
        assert!(new.replaces.is_some());
        assert_eq!(rooms.ends().len(), 2);
        let member = rooms.view.state_event("m.room.member", "@bob:y.fr").unwrap();
        assert_eq!(member.event_id(), event.event_id());
        assert_eq!(rooms.view.joined_count(), 2);
        // A local event follows both ends.
        rooms.local(&Command::Send {
            sender: user("@alice:x.fr"),
            kind: "m.room.message".into(),
            content: Object::new(),
        });
        assert_eq!(rooms.ends().len(), 1);
    });
}

#[test]
fn conflicting_topics_come_out_the_same_in_either_order() {
    each_version(|version| {
        let mut one = Rooms::new(version);
        let levels = r#"{"users":{"@alice:x.fr":100,"@bob:y.fr":100}}"#;
        let levels =
            if version == RoomVersion::V12 { r#"{"users":{"@bob:y.fr":100}}"# } else { levels };
        let Value::Object(content) = parse(levels.as_bytes(), Strictness::Strict).unwrap() else {
            panic!()
        };
        one.local(&Command::SendState {
            sender: user("@alice:x.fr"),
            kind: "m.room.power_levels".into(),
            state_key: String::new(),
            content,
        });
        let topic = |who, text| (who, "m.room.topic", Some(""), text);
        let (then, before) = (one.view.clone(), one.ends());
        let bob = one.draft_at(&then, &before, topic("@bob:y.fr", r#"{"topic":"b"}"#));
        let alice = one.draft_at(&then, &before, topic("@alice:x.fr", r#"{"topic":"a"}"#));
        one.take(&bob);
        one.take(&alice);
        let topic_of =
            |rooms: &Rooms| rooms.view.state_event("m.room.topic", "").unwrap().event_id().clone();
        let first = topic_of(&one);
        // The other order, from the same past.
        let mut two = Rooms { view: then, ..one };
        for event in [&bob, &alice] {
            two.stored.borrow_mut().remove(event.event_id());
        }
        two.take(&alice);
        two.take(&bob);
        assert_eq!(topic_of(&two), first);
        assert_eq!(two.ends().len(), 2);
    });
}

#[test]
fn what_is_missing_is_asked_for() {
    each_version(|version| {
        let mut rooms = Rooms::new(version);
        let first = rooms.draft("@bob:y.fr", "m.room.message", None, "{}");
        let next = ("@bob:y.fr", "m.room.message", None, r#"{"n":2}"#);
        let second = rooms.draft_at(&rooms.view.clone(), &[first.event_id().clone()], next);
        let needed = |rooms: &Rooms, event: &Event| match rooms.receive(event).unwrap() {
            Reception::Need(ids) => ids,
            _ => panic!("nothing needed"),
        };
        assert_eq!(needed(&rooms, &second), [first.event_id().clone()]);
        // Known, but nobody knows the state there.
        let stored = Stored { event: Arc::new(first), rejected: false, after: None };
        let id = stored.event.event_id().clone();
        rooms.stored.borrow_mut().insert(id.clone(), stored);
        assert_eq!(needed(&rooms, &second), [id]);
        // A missing auth event.
        let member = rooms.view.state_event("m.room.member", "@bob:y.fr").unwrap();
        let member = member.event_id().clone();
        let third = rooms.draft("@bob:y.fr", "m.room.message", None, r#"{"n":3}"#);
        rooms.stored.get_mut().remove(&member);
        assert_eq!(needed(&rooms, &third), [member]);
    });
}

#[test]
fn an_event_of_another_room_is_dropped() {
    let (one, two) = (Rooms::new(RoomVersion::V11), Rooms::new(RoomVersion::V10));
    let event = two.draft("@bob:y.fr", "m.room.message", None, "{}");
    let raw = RawPdu::parse(event.json().as_bytes(), RoomVersion::V10).unwrap();
    let refused = receive(raw.check(&keys()).unwrap(), &one.view, &one);
    assert_eq!(refused.err(), Some(Rejection::OtherRoom));
    let elsewhere = Rooms::named(RoomVersion::V11, "other");
    let event = one.draft("@bob:y.fr", "m.room.message", None, "{}");
    let raw = RawPdu::parse(event.json().as_bytes(), RoomVersion::V11).unwrap();
    let refused = receive(raw.check(&keys()).unwrap(), &elsewhere.view, &elsewhere);
    assert_eq!(refused.err(), Some(Rejection::OtherRoom));
}

/// Without it whoever made a room could give it a second history that starts from nothing.
#[test]
fn a_second_create_event_is_rejected_and_authorises_nothing() {
    for version in RoomVersion::all().filter(|version| !version.rules().room_id_is_create_hash) {
        let mut rooms = Rooms::new(version);
        let sender = user("@alice:x.fr");
        let mut content = Object::from([("room_version".to_owned(), version.as_str().into())]);
        content.insert("creator".into(), "@alice:x.fr".into());
        let room_id = rooms.view.room_id().clone();
        let draft = EventDraft {
            version,
            room_id: Some(&room_id),
            sender: &sender,
            kind: "m.room.create",
            state_key: Some(""),
            content: &content,
            redacts: None,
            prev_events: &[],
            auth_events: &[],
            depth: 1,
            origin_server_ts: 77,
            chosen_id: None,
        };
        let second = draft.sign(&server("x.fr"), &key("x.fr")).unwrap();
        assert_eq!(rooms.refused(&second), (true, Some(AuthError::SecondCreate)), "{version}");
        assert!(rooms.take(&second).rejected);
        let join = Object::from([("membership".to_owned(), "join".into())]);
        let after = EventDraft {
            kind: "m.room.member",
            state_key: Some("@alice:x.fr"),
            content: &join,
            prev_events: &[second.event_id().clone()],
            auth_events: &[second.event_id().clone()],
            ..draft
        };
        let after = after.sign(&server("x.fr"), &key("x.fr")).unwrap();
        let refused = rooms.refused(&after);
        assert_eq!(refused, (true, Some(AuthError::RejectedAuthEvent)), "{version}");
    }
}

#[test]
fn who_may_redact_what() {
    each_version(|version| {
        let mut rooms = Rooms::new(version);
        let target = rooms.by("@bob:y.fr", "m.room.message", None, "{}").event;
        let create = Arc::clone(rooms.view.state_event("m.room.create", "").unwrap());
        let redaction = |sender: &str, target: &Event| {
            let id = target.event_id();
            let in_content = version.rules().redacts_in_content;
            let content = if in_content {
                Object::from([("redacts".to_owned(), Value::from(id.as_str()))])
            } else {
                Object::new()
            };
            let sender = user(sender);
            let draft = EventDraft {
                version,
                room_id: Some(rooms.view.room_id()),
                sender: &sender,
                kind: "m.room.redaction",
                state_key: None,
                content: &content,
                redacts: Some(id).filter(|_| !in_content),
                prev_events: &rooms.ends(),
                auth_events: &[],
                depth: 2,
                origin_server_ts: 3,
                chosen_id: None,
            };
            let name = sender.server_name();
            draft.sign(&server(name), &key(name)).unwrap()
        };
        let levels = rooms.view.power_levels();
        let may =
            |sender: &str, target: &Event| may_redact(levels, &redaction(sender, target), target);
        assert!(may("@bob:y.fr", &target));
        assert!(may("@carol:y.fr", &target), "the same server");
        if version.rules().redaction_in_auth {
            // In versions 1 and 2 the servers in the ids count, whoever sent the event.
            let id = EventId::parse("$elsewhere:x.fr").unwrap();
            let json = target.json().replace(target.event_id().as_str(), id.as_str());
            let elsewhere = Event::from_stored(version, id, json).unwrap();
            assert!(!may("@carol:y.fr", &elsewhere));
            assert!(may("@dave:x.fr", &elsewhere));
        }
        assert!(may("@alice:x.fr", &target), "by level");
        assert!(!may("@dave:x.fr", &target));
        assert!(!may("@alice:x.fr", &create));
        let of_create = redaction("@alice:x.fr", &create);
        assert!(!may_redact(levels, &of_create, &target), "another target");
    });
}
