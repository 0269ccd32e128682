// SPDX-License-Identifier: Apache-2.0
//! Rules 4 and 6 to 9, aliases and redactions.

use super::*;

/// `alice` made it, `bob` has 50, `carol` 0.
const ROOM: &str = r#"alice create
    alice join
    bob join
    carol join
    alice levels {"users":{"alice":100,"bob":50}}
"#;

fn in_room(line: &str) -> String {
    format!("{ROOM}{line}")
}

#[test]
fn rule_4_a_room_that_is_not_federated() {
    let closed = "alice create {\"m.federate\":false}\nalice rule public\n";
    allowed(ALL, &format!("{closed}bob join"));
    refused(ALL, &format!("{closed}bob@y.fr join"), AuthError::NotFederated);
    refused(
        ALL,
        &format!("{closed}bob@y.fr join \n bob@y.fr send m.room.message"),
        AuthError::NotFederated,
    );
    allowed(ALL, "alice create {\"m.federate\":true}\nalice rule public\nbob@y.fr join");
    allowed(ALL, "alice create\nalice rule public\nbob@y.fr join");
    // The creator's server counts, with its port.
    allowed(12..=12, "eve@y.fr create {\"m.federate\":false}\neve@y.fr rule public\nbob@y.fr join");
}

#[test]
fn aliases_up_to_version_5_belong_to_a_server() {
    let own = in_room(r#"bob set m.room.aliases x.fr {"aliases":[]}"#);
    let other = in_room(r#"bob set m.room.aliases y.fr {"aliases":[]}"#);
    let none = in_room(r#"bob send m.room.aliases {"aliases":[]}"#);
    let outside = in_room(r#"eve set m.room.aliases x.fr {"aliases":[]}"#);
    allowed(ALL, &own);
    refused(1..=5, &other, AuthError::Aliases);
    allowed(6..=12, &other);
    refused(1..=5, &none, AuthError::Aliases);
    allowed(6..=12, &none);
    // Up to version 5 not even membership is asked for.
    allowed(1..=5, &outside);
    refused(6..=12, &outside, AuthError::SenderNotJoined);
    let weak = in_room(r#"carol set m.room.aliases x.fr {"aliases":[]}"#);
    allowed(1..=5, &weak);
    refused(6..=12, &weak, AuthError::PowerLevel);
}

#[test]
fn rule_6_who_sends_is_in_the_room() {
    allowed(ALL, &in_room("carol send m.room.message"));
    refused(ALL, &in_room("eve send m.room.message"), AuthError::SenderNotJoined);
    for word in ["invite", "ban", "kick"] {
        let room = in_room(&format!("alice {word} eve \n eve send m.room.message"));
        refused(ALL, &room, AuthError::SenderNotJoined);
    }
    let knocked = in_room("eve knock \n eve send m.room.message");
    refused(ALL, &knocked, AuthError::SenderNotJoined);
    let gone = in_room("carol leave \n carol send m.room.message");
    refused(ALL, &gone, AuthError::SenderNotJoined);
}

#[test]
fn rule_7_third_party_invites_ask_for_the_invite_level() {
    let at = |invite: i64, who: &str| {
        format!(
            "{ROOM}alice levels {{\"invite\":{invite},\"users\":{{\"bob\":50}}}}
            {who} set m.room.third_party_invite token {{}}"
        )
    };
    allowed(ALL, &at(50, "bob"));
    refused(ALL, &at(51, "bob"), AuthError::PowerLevel);
    // The level of state does not matter, nor does that of the type.
    allowed(ALL, &at(0, "carol"));
    refused(ALL, &at(1, "carol"), AuthError::PowerLevel);
    refused(ALL, &at(0, "eve"), AuthError::SenderNotJoined);
}

#[test]
fn rule_8_the_level_that_the_type_asks_for() {
    let with = |levels: &str, line: &str| format!("{ROOM}alice levels {levels}\n{line}");
    let events = r#"{"users":{"bob":50},"events":{"t":51,"m":50}}"#;
    refused(ALL, &with(events, "bob send t"), AuthError::PowerLevel);
    refused(ALL, &with(events, "bob set t \"\""), AuthError::PowerLevel);
    allowed(ALL, &with(events, "bob send m"));
    allowed(ALL, &with(events, "bob set m \"\""));
    // Defaults: 0 for events, 50 for state.
    allowed(ALL, &with("{}", "bob send t"));
    refused(ALL, &with("{}", "bob set t \"\""), AuthError::PowerLevel);
    allowed(ALL, &with(r#"{"users_default":50}"#, "carol set t \"\""));
    refused(ALL, &with(r#"{"users_default":49}"#, "carol set t \"\""), AuthError::PowerLevel);
    refused(ALL, &with(r#"{"events_default":1}"#, "carol send t"), AuthError::PowerLevel);
    allowed(ALL, &with(r#"{"events_default":1,"users_default":1}"#, "carol send t"));
    refused(ALL, &with(r#"{"users_default":-1}"#, "carol send t"), AuthError::PowerLevel);
    allowed(ALL, &with(r#"{"state_default":0}"#, "carol set t \"\""));
    refused(
        ALL,
        &with(r#"{"state_default":1,"events_default":0}"#, "carol set t \"\""),
        AuthError::PowerLevel,
    );
}

#[test]
fn rule_8_without_power_levels() {
    let room = "alice create\nalice join\nbob join\n";
    // The creator has 100 (or all), the others 0, and the defaults hold (T-A8).
    allowed(ALL, &format!("{room}bob send t"));
    refused(ALL, &format!("{room}bob set t \"\""), AuthError::PowerLevel);
    allowed(ALL, &format!("{room}alice set t \"\""));
    refused(ALL, &format!("{room}bob kick alice"), AuthError::PowerLevel);
    allowed(ALL, &format!("{room}alice kick bob"));
    allowed(ALL, &format!("{room}bob invite carol"));
}

#[test]
fn levels_of_creators() {
    let room = "alice create {\"additional_creators\":[\"@bob:x.fr\"]}\nalice join\nbob join\n";
    let line = "alice levels {\"events\":{\"t\":9007199254740991}}\n";
    for who in ["alice", "bob"] {
        let text = format!("{room}{line}{who} send t");
        // Once there are power levels, an older room's creator is nobody special.
        refused(1..=11, &text, AuthError::PowerLevel);
        allowed(12..=12, &text);
    }
}

#[test]
fn rule_9_state_keys_that_are_users() {
    allowed(ALL, &in_room("bob set t @bob:x.fr"));
    refused(ALL, &in_room("bob set t @carol:x.fr"), AuthError::StateKeyOfAnother);
    refused(ALL, &in_room("alice set t @carol:x.fr"), AuthError::StateKeyOfAnother);
    refused(ALL, &in_room("bob set t @"), AuthError::StateKeyOfAnother);
    allowed(ALL, &in_room("bob set t bob"));
    allowed(ALL, &in_room("bob set t x@bob:x.fr"));
}

#[test]
fn redactions_are_authorised_in_versions_1_and_2_alone() {
    // `bob@y.fr` has 0 here.
    let line = |target: &str| in_room(&format!("bob@y.fr join \n bob@y.fr redact {target}"));
    refused(1..=2, &line("$e:x.fr"), AuthError::Redaction);
    allowed(3..=12, &line("$e:x.fr"));
    allowed(ALL, &line("$e:y.fr"));
    allowed(ALL, &in_room("bob redact $e:y.fr"));
    refused(1..=2, &in_room("carol redact $e:y.fr"), AuthError::Redaction);
    let room = format!("{ROOM}alice levels {{\"redact\":0}}\ncarol redact $e:y.fr");
    allowed(ALL, &room);
    // The level of the type counts in every version.
    let room = format!("{ROOM}alice levels {{\"events\":{{\"m.room.redaction\":1}}}}\n");
    refused(ALL, &format!("{room}carol redact $e:x.fr"), AuthError::PowerLevel);
}
