// SPDX-License-Identifier: Apache-2.0
//! Without these a replaced room could lose its rules, or be left half closed.

use super::*;
use crate::{
    ids::ServerName,
    json::{Strictness, parse},
    room::{Decision, Signer, create, decide},
    sign::specification_key,
};

fn object(text: &str) -> Object {
    match parse(text.as_bytes(), Strictness::Strict).unwrap() {
        Value::Object(object) => object,
        _ => panic!("no object"),
    }
}

fn user(name: &str) -> UserId {
    UserId::parse(&format!("@{name}:x.fr")).unwrap()
}

fn with_signer<T>(test: impl FnOnce(&Signer<'_>) -> T) -> T {
    let server = ServerName::parse("x.fr").unwrap();
    test(&Signer { server: &server, key: &specification_key() })
}

fn old_room(version: RoomVersion) -> RoomView {
    let creators = !version.rules().privileged_creators;
    let levels = if creators {
        r#"{"users":{"@a:x.fr":100,"@b:x.fr":50,"@c:x.fr":100},"ban":70}"#
    } else {
        r#"{"users":{"@b:x.fr":50,"@c:x.fr":150},"ban":70}"#
    };
    let request = CreateRoom {
        creator: user("a"),
        creator_profile: Object::new(),
        version,
        preset: Preset::Public,
        name: Some("Name".into()),
        topic: Some("Topic".into()),
        alias: None,
        invite: vec![(user("b"), Object::new()), (user("c"), Object::new())],
        invite_addresses: Vec::new(),
        is_direct: false,
        creation_content: object(r#"{"type":"m.space","m.federate":false,"x":1}"#),
        initial_state: vec![
            ("m.room.server_acl".into(), String::new(), object(r#"{"allow":["*"]}"#)),
            ("org.example.own".into(), String::new(), object("{}")),
        ],
        power_level_content_override: object(levels),
        nonce: "old".into(),
    };
    with_signer(|signer| create(&request, signer, 1).unwrap().view)
}

fn upgrade(version: RoomVersion) -> Upgrade {
    Upgrade {
        user: user("a"),
        profile: object(r#"{"displayname":"A"}"#),
        version,
        additional_creators: vec![user("c")],
        nonce: "new".into(),
    }
}

fn text(view: &RoomView, kind: &str, key: &str) -> Option<String> {
    view.state_text(kind, key).map(str::to_owned)
}

#[test]
fn the_new_room_takes_over_what_may_go_over() {
    for from in [RoomVersion::V10, RoomVersion::V11, RoomVersion::V12] {
        for to in [RoomVersion::V10, RoomVersion::V11, RoomVersion::V12] {
            let old = old_room(from);
            let request = upgrade(to).replacement(&old);
            let new = with_signer(|signer| create(&request, signer, 2).unwrap().view);
            assert_eq!(new.version(), to);
            assert_eq!(text(&new, "m.room.name", "name").as_deref(), Some("Name"));
            assert_eq!(text(&new, "m.room.topic", "topic").as_deref(), Some("Topic"));
            assert_eq!(new.join_rule(), "public");
            assert!(new.state_event("m.room.server_acl", "").is_some());
            assert!(new.state_event("org.example.own", "").is_none());
            assert_eq!((new.joined_count(), new.invited_count()), (1, 0));
            let create = new.state_event("m.room.create", "").unwrap().content();
            assert_eq!(create["type"].as_str(), Some("m.space"));
            assert_eq!(create["m.federate"].as_bool(), Some(false));
            assert!(!create.contains_key("x"));
            let predecessor = create["predecessor"].as_object().unwrap();
            assert_eq!(predecessor["room_id"].as_str(), Some(old.room_id().as_str()));
            assert_eq!(predecessor.contains_key("event_id"), to != RoomVersion::V12);
            let levels = new.power_levels();
            assert_eq!((levels.ban, levels.user(&user("b"))), (70, 50));
            assert!(levels.user(&user("a")) >= 100);
            assert_eq!(levels.is_creator("@c:x.fr"), to == RoomVersion::V12);
            if to == RoomVersion::V12 {
                assert!(levels.event("m.room.tombstone", true) > levels.state_default);
            }
        }
    }
}

#[test]
fn levels_written_as_texts_become_numbers() {
    let version = RoomVersion::parse("9").unwrap();
    let request = CreateRoom {
        creator: user("a"),
        creator_profile: Object::new(),
        version,
        preset: Preset::Private,
        name: None,
        topic: None,
        alias: None,
        invite: Vec::new(),
        invite_addresses: Vec::new(),
        is_direct: false,
        creation_content: Object::new(),
        initial_state: Vec::new(),
        power_level_content_override: object(
            r#"{"ban":"60","x":"y","users":{"@a:x.fr":"100"},"events":{"t":"7"}}"#,
        ),
        nonce: "old".into(),
    };
    let old = with_signer(|signer| create(&request, signer, 1).unwrap().view);
    let request = upgrade(RoomVersion::V11).replacement(&old);
    let new = with_signer(|signer| create(&request, signer, 2).unwrap().view);
    let levels = new.power_levels();
    assert_eq!((levels.ban, levels.event("t", false), levels.user(&user("a"))), (60, 7, 100));
}

#[test]
fn the_old_room_says_where_it_went_and_falls_silent() {
    for version in [RoomVersion::V10, RoomVersion::V12] {
        let old = old_room(version);
        assert_eq!(may_upgrade(&old, &user("a")), Ok(()));
        assert_eq!(may_upgrade(&old, &user("b")), Err(AuthError::SenderNotJoined));
        let replacement = RoomId::parse("!new:x.fr").unwrap();
        let run = |view: &RoomView, command: &Command| {
            with_signer(|signer| match decide(command, view, signer, 3).unwrap() {
                Decision::Update(update) => view.apply(&update),
                Decision::Unchanged(_) => panic!("nothing changed"),
            })
        };
        let old = run(&old, &tombstone(&user("a"), &replacement));
        let went = text(&old, "m.room.tombstone", "replacement_room");
        assert_eq!(went.as_deref(), Some("!new:x.fr"));
        let old = run(&old, &closing_power_levels(&old, &user("a")).unwrap());
        let levels = old.power_levels();
        assert_eq!((levels.events_default, levels.invite, levels.ban), (50, 50, 70));
        assert!(closing_power_levels(&old, &user("a")).is_none(), "once is enough");
    }
}
