// SPDX-License-Identifier: Apache-2.0
//! Rule 1: the create event.

use super::*;
use crate::ids::UserId;

#[test]
fn rule_1_1_it_follows_nothing() {
    allowed(ALL, "alice create");
    refused(ALL, "alice create \n alice create", AuthError::CreateHasPrevEvents);
}

#[test]
fn rule_1_2_the_room_is_of_the_creator_s_server() {
    // `@eve:y.fr` in `!r:x.fr`.
    refused(1..=11, "eve@y.fr create", AuthError::CreateRoomId);
    allowed(12..=12, "eve@y.fr create");
    // From version 12 on it names no room.
    let sender = UserId::parse("@alice:x.fr").unwrap();
    let create = Candidate {
        sender: &sender,
        kind: "m.room.create",
        state_key: Some(""),
        content: &Object::new(),
        room_id: Some("!r:x.fr"),
        redacts: None,
        prev_events: &[],
        event_id: None,
    };
    let rules = RoomVersion::V12.rules();
    let room = room_text::room(RoomVersion::V12, &[]);
    assert_eq!(authorise(create, &room, &rules), Err(AuthError::CreateRoomId));
    let unnamed = Candidate { room_id: None, ..create };
    assert_eq!(authorise(unnamed, &room, &rules), Ok(()));
    let rules = RoomVersion::V11.rules();
    assert_eq!(authorise(unnamed, &room, &rules), Err(AuthError::CreateRoomId));
    assert_eq!(authorise(create, &room, &rules), Ok(()));
}

#[test]
fn rule_1_3_the_version_is_known() {
    allowed(ALL, r#"alice create {"room_version":"12"}"#);
    allowed(ALL, r#"alice create {"room_version":"1"}"#);
    for unknown in [r#""13""#, r#""0""#, r#""01""#, "1", "null", r#""""#] {
        let room = format!(r#"alice create {{"room_version":{unknown}}}"#);
        refused(ALL, &room, AuthError::CreateVersion);
    }
}

#[test]
fn rule_1_4_it_names_a_creator_up_to_version_10() {
    refused(1..=10, r#"alice set m.room.create "" {}"#, AuthError::CreateCreator);
    allowed(11..=12, r#"alice set m.room.create "" {}"#);
    allowed(1..=10, r#"alice set m.room.create "" {"creator":"@alice:x.fr"}"#);
}

#[test]
fn rule_1_4_additional_creators_are_user_ids_in_version_12() {
    for good in ["[]", r#"["@bob:x.fr"]"#, r#"["@bob:x.fr","@carol:y.fr"]"#] {
        allowed(ALL, &format!(r#"alice create {{"additional_creators":{good}}}"#));
    }
    for bad in [r#""@bob:x.fr""#, r#"["bob"]"#, r#"["@bob"]"#, "[1]", "{}", "null", r##"["#a:x"]"##]
    {
        let room = format!(r#"alice create {{"additional_creators":{bad}}}"#);
        refused(12..=12, &room, AuthError::CreateCreator);
        allowed(1..=11, &room);
    }
    let too_long = format!(r#"alice create {{"additional_creators":["@{}:x"]}}"#, "b".repeat(253));
    refused(12..=12, &too_long, AuthError::CreateCreator);
}

#[test]
fn rule_2_without_create_nothing_is_allowed() {
    refused(ALL, "alice join", AuthError::NoCreate);
    refused(ALL, "alice join \n alice send m.room.message", AuthError::NoCreate);
}

#[test]
fn rule_2_the_create_event_must_be_this_room_s() {
    for version in RoomVersion::all() {
        let lines = room_text::lines(version, "alice create \n alice join");
        let room = room_text::room(version, &lines);
        let sender = room_text::user("alice");
        let event = |room_id| Candidate {
            sender: &sender,
            kind: "m.room.message",
            state_key: None,
            content: Box::leak(Box::new(Object::new())),
            room_id,
            redacts: None,
            prev_events: &[],
            event_id: None,
        };
        let rules = version.rules();
        assert_eq!(authorise(event(Some(room.room_id.as_str())), &room, &rules), Ok(()));
        for other in [Some("!other:x.fr"), Some("!other"), None] {
            assert_eq!(authorise(event(other), &room, &rules), Err(AuthError::NoCreate));
        }
    }
}
