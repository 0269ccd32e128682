// SPDX-License-Identifier: Apache-2.0
//! Without these a new room could lack a rule that keeps strangers out, or fail to be made.

use super::*;
use crate::{
    auth::AuthError,
    event::Membership,
    ids::ServerName,
    room::{Command, Decision, MemberAct},
    sign::specification_key,
};

fn user(name: &str) -> UserId {
    UserId::parse(&format!("@{name}:x.fr")).unwrap()
}

fn request(version: RoomVersion, preset: Preset) -> CreateRoom {
    CreateRoom {
        creator: user("a"),
        creator_profile: Object::new(),
        version,
        preset,
        name: Some("N".into()),
        topic: Some("T".into()),
        alias: None,
        invite: vec![(user("b"), Object::new())],
        invite_addresses: Vec::new(),
        is_direct: true,
        creation_content: Object::new(),
        initial_state: vec![(
            "m.room.encryption".into(),
            String::new(),
            Object::from([("algorithm".into(), "m.megolm.v1.aes-sha2".into())]),
        )],
        power_level_content_override: Object::new(),
        nonce: "nonce".into(),
    }
}

fn with_signer<T>(test: impl FnOnce(&Signer<'_>) -> T) -> T {
    let server = ServerName::parse("x.fr").unwrap();
    test(&Signer { server: &server, key: &specification_key() })
}

fn member(sender: &str, target: &str, act: MemberAct) -> Command {
    Command::Member {
        sender: user(sender),
        target: user(target),
        act,
        content: Object::new(),
        in_allowed_room: false,
    }
}

fn run(view: &RoomView, command: &Command) -> Result<RoomView, Rejection> {
    with_signer(|signer| match decide(command, view, signer, 7)? {
        Decision::Update(update) => Ok(view.apply(&update)),
        Decision::Unchanged(_) => Ok(view.clone()),
    })
}

use super::super::decide as decide_module;
use decide_module::decide;

#[test]
fn every_version_and_preset_makes_a_room_that_works() {
    for version in RoomVersion::all() {
        for preset in [Preset::Private, Preset::TrustedPrivate, Preset::Public] {
            let made = with_signer(|signer| create(&request(version, preset), signer, 5)).unwrap();
            let kinds: Vec<_> =
                made.update.events.iter().map(|new| new.event.kind().to_owned()).collect();
            assert_eq!(
                kinds,
                [
                    "m.room.create",
                    "m.room.member",
                    "m.room.power_levels",
                    "m.room.join_rules",
                    "m.room.history_visibility",
                    "m.room.guest_access",
                    "m.room.encryption",
                    "m.room.name",
                    "m.room.topic",
                    "m.room.member"
                ]
            );
            let view = made.view;
            assert_eq!((view.joined_count(), view.invited_count()), (1, 1));
            assert!(view.is_encrypted());
            let stranger = run(&view, &member("c", "c", MemberAct::Join));
            assert_eq!(stranger.is_ok(), preset == Preset::Public, "{version} {preset:?}");
            let view = run(&view, &member("b", "b", MemberAct::Join)).unwrap();
            assert_eq!(view.membership(&user("b")), Some(Membership::Join));
            let kick = run(&view, &member("b", "a", MemberAct::Kick));
            let why = if preset == Preset::TrustedPrivate {
                AuthError::TargetPowerLevel
            } else {
                AuthError::PowerLevel
            };
            assert_eq!(kick.err(), Some(Rejection::Auth(why)), "{version} {preset:?}");
            let view = run(&view, &member("a", "c", MemberAct::Ban)).unwrap();
            assert!(run(&view, &member("c", "c", MemberAct::Join)).is_err());
            assert_eq!(
                run(&view, &member("a", "b", MemberAct::Unban)).err(),
                Some(Rejection::NotBanned)
            );
            assert!(run(&view, &member("a", "c", MemberAct::Unban)).is_ok());
        }
    }
}

#[test]
fn the_room_id_of_version_12_is_the_hash_of_its_create_event() {
    let made = with_signer(|signer| create(&request(RoomVersion::V12, Preset::Private), signer, 5))
        .unwrap();
    let create = &made.update.events[0].event;
    assert_eq!(made.view.room_id().as_str()[1..], create.event_id().as_str()[1..]);
    assert!(!create.names_room());
    assert_eq!(create.room_id(), made.view.room_id());
    for new in &made.update.events[1..] {
        assert!(new.event.names_room());
        assert!(!new.event.auth_events().contains(create.event_id()));
    }
}

#[test]
fn an_override_that_locks_the_creator_out_is_refused_whole() {
    let mut request = request(RoomVersion::V11, Preset::Private);
    request.power_level_content_override =
        Object::from([("users".into(), Value::Object(Object::new()))]);
    let refused = with_signer(|signer| create(&request, signer, 5)).err();
    assert_eq!(refused, Some(Rejection::Auth(AuthError::PowerLevel)));
}

#[test]
fn the_same_state_again_is_the_same_event() {
    let made = with_signer(|signer| create(&request(RoomVersion::V12, Preset::Private), signer, 5))
        .unwrap();
    let command = Command::SendState {
        sender: user("a"),
        kind: "m.room.name".into(),
        state_key: String::new(),
        content: Object::from([("name".into(), "N".into())]),
    };
    let again = with_signer(|signer| decide(&command, &made.view, signer, 9)).unwrap();
    let known = made.view.state_event("m.room.name", "").unwrap().event_id().clone();
    assert!(matches!(again, Decision::Unchanged(id) if id == known));
}
