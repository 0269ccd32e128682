// SPDX-License-Identifier: Apache-2.0
//! Rule 3, and which events authorise an event.

use super::*;

const ROOM: &str = r#"alice create
    alice join
    bob join
    alice rule restricted
    alice set m.room.third_party_invite token
    alice set m.room.name "" {"name":"x"}
    alice levels {}
"#;

/// The selection for the last line, as words.
fn selected(version: u8, line: &str) -> Vec<String> {
    let version = RoomVersion::parse(&version.to_string()).unwrap();
    with_candidate(version, line, |candidate, _| {
        let selected = auth_types(candidate, &version.rules());
        selected.iter().map(|(kind, key)| format!("{kind}|{key}").replace("m.room.", "")).collect()
    })
}

fn with_candidate<T>(
    version: RoomVersion,
    line: &str,
    then: impl FnOnce(&Candidate<'_>, &room_text::TextRoom) -> T,
) -> T {
    let lines = room_text::lines(version, ROOM);
    let room = room_text::room(version, &lines);
    let last = room_text::lines(version, line).pop().unwrap();
    let candidate = Candidate {
        sender: &last.sender,
        kind: &last.kind,
        state_key: last.state_key.as_deref(),
        content: &last.content,
        room_id: Some(room.room_id.as_str()),
        redacts: None,
        prev_events: &[],
        event_id: None,
    };
    then(&candidate, &room)
}

#[test]
fn the_selection_by_kind_of_event() {
    assert!(selected(11, "alice create").is_empty());
    assert!(selected(12, "alice create").is_empty());
    let usual = ["create|", "power_levels|", "member|@bob:x.fr"];
    assert_eq!(selected(11, "bob send t"), usual);
    assert_eq!(selected(11, "bob set t @bob:x.fr"), usual);
    assert_eq!(selected(12, "bob send t"), usual[1..]);
    let and = |more: &[&str]| -> Vec<String> {
        usual.iter().chain(more).map(|word| (*word).to_owned()).collect()
    };
    assert_eq!(selected(11, "bob join"), and(&["join_rules|"]));
    assert_eq!(selected(11, "bob knock"), and(&["join_rules|"]));
    assert_eq!(selected(11, "bob leave"), usual);
    assert_eq!(selected(11, "bob kick eve"), and(&["member|@eve:x.fr"]));
    assert_eq!(selected(11, "bob ban eve"), and(&["member|@eve:x.fr"]));
    assert_eq!(selected(11, "bob invite eve"), and(&["member|@eve:x.fr", "join_rules|"]));
    let third_party = r#"{"third_party_invite":{"signed":{"token":"token"}}}"#;
    assert_eq!(
        selected(11, &format!("bob invite eve {third_party}")),
        and(&["member|@eve:x.fr", "join_rules|", "third_party_invite|token"])
    );
    assert_eq!(selected(11, &format!("bob join {third_party}")), and(&["join_rules|"]));
    let via = r#"{"join_authorised_via_users_server":"@alice:x.fr"}"#;
    let with_via = and(&["join_rules|", "member|@alice:x.fr"]);
    assert_eq!(selected(8, &format!("bob join {via}")), with_via);
    assert_eq!(selected(7, &format!("bob join {via}")), and(&["join_rules|"]));
    assert_eq!(selected(8, &format!("bob leave {via}")), usual);
    // The same key is named once.
    let own = r#"{"join_authorised_via_users_server":"@bob:x.fr"}"#;
    assert_eq!(selected(8, &format!("bob join {own}")), and(&["join_rules|"]));
}

/// What rule 3 says to `line` with these auth events, each with whether it was rejected.
fn judged(version: u8, line: &str, keys: &[(&str, &str, bool)]) -> Result<(), AuthError> {
    let version = RoomVersion::parse(&version.to_string()).unwrap();
    with_candidate(version, line, |candidate, room| {
        let events =
            keys.iter().map(|(kind, key, rejected)| (room.state(kind, key).unwrap(), *rejected));
        check_auth_events(candidate, events, &version.rules())
    })
}

#[test]
fn rule_3_auth_events() {
    let create = ("m.room.create", "", false);
    let levels = ("m.room.power_levels", "", false);
    let member = ("m.room.member", "@bob:x.fr", false);
    let alice = ("m.room.member", "@alice:x.fr", false);
    let name = ("m.room.name", "", false);
    let send = "bob send t";
    for version in 1..=12 {
        let base: &[_] = if version == 12 { &[] } else { &[create] };
        let with = |more: &[_]| judged(version, send, &[base, more].concat());
        assert_eq!(with(&[levels, member]), Ok(()));
        assert_eq!(with(&[member]), Ok(()), "what is missing weakens, it does not forbid");
        assert_eq!(with(&[member, member]), Err(AuthError::AuthEvents), "3.1");
        assert_eq!(with(&[alice]), Err(AuthError::AuthEvents), "3.2");
        assert_eq!(with(&[name]), Err(AuthError::AuthEvents), "3.2");
        let rejected = ("m.room.member", "@bob:x.fr", true);
        assert_eq!(with(&[rejected]), Err(AuthError::RejectedAuthEvent), "3.3");
    }
    for version in 1..=11 {
        assert_eq!(judged(version, send, &[levels, member]), Err(AuthError::NoCreate), "3.4");
    }
    assert_eq!(judged(12, send, &[create, member]), Err(AuthError::AuthEvents), "not selected");
}

#[test]
fn rule_3_5_auth_events_of_another_room() {
    for version in RoomVersion::all() {
        with_candidate(version, "bob send t", |candidate, room| {
            let events = || {
                let create = room.state("m.room.create", "");
                let create = create.filter(|_| !version.rules().room_id_is_create_hash);
                let member = room.state("m.room.member", "@bob:x.fr");
                create.into_iter().chain(member).map(|event| (event, false))
            };
            let rules = version.rules();
            assert_eq!(check_auth_events(candidate, events(), &rules), Ok(()));
            let elsewhere = Candidate { room_id: Some("!other:x.fr"), ..*candidate };
            let refused = check_auth_events(&elsewhere, events(), &rules);
            assert_eq!(refused, Err(AuthError::AuthEventOfAnotherRoom));
        });
    }
}

#[test]
fn an_auth_event_that_is_no_state_is_refused() {
    let version = RoomVersion::V11;
    with_candidate(version, "bob send t", |candidate, room| {
        let create = room.state("m.room.create", "").unwrap();
        let json = create.json().replace("\"state_key\":\"\",", "");
        let id = create.event_id().clone();
        let message = Event::from_stored(version, id, json).unwrap();
        assert_eq!(message.state_key(), None);
        let refused = check_auth_events(candidate, [(&message, false)], &version.rules());
        assert_eq!(refused, Err(AuthError::AuthEvents));
    });
}
