// SPDX-License-Identifier: Apache-2.0
//! Rule 10: changes of power levels, and how levels are read.

use super::*;

/// `alice` made the room; `bob` changes what `before` says into what `after` says.
fn change(before: &str, after: &str) -> String {
    format!(
        "alice create\nalice join\nbob join\ncarol join\n
        alice levels {before}\nbob levels {after}"
    )
}

/// Of users of level 50 each.
fn bobs(more: &str) -> String {
    let comma = if more.is_empty() { "" } else { "," };
    format!("{{\"users\":{{\"bob\":50}}{comma}{more}}}")
}

const MALFORMED: AuthError = AuthError::PowerLevelsMalformed;
const TOO_HIGH: AuthError = AuthError::PowerLevelsChange;

#[test]
fn rule_10_1_levels_are_integers() {
    for key in TOP_LEVEL_NAMES {
        allowed(ALL, &change(&bobs(""), &bobs(&format!("\"{key}\":50"))));
        let text = change(&bobs(""), &bobs(&format!("\"{key}\":\"50\"")));
        allowed(1..=9, &text);
        refused(10..=12, &text, MALFORMED);
        for bad in ["null", "true", "[]", "{}", "\"x\"", "\"\"", "\"5.0\"", "\"+-5\"", "\"++5\""] {
            refused(ALL, &change(&bobs(""), &bobs(&format!("\"{key}\":{bad}"))), MALFORMED);
        }
        let text = change(&bobs(""), &bobs(&format!("\"{key}\":49.9")));
        allowed(1..=5, &text);
    }
}

/// The members of the content that hold one level each.
const TOP_LEVEL_NAMES: [&str; 7] =
    ["users_default", "events_default", "state_default", "ban", "redact", "kick", "invite"];

#[test]
fn rule_10_2_events_and_notifications_are_objects_of_integers() {
    for (key, versions) in [("events", 1..=12), ("notifications", 6..=12)] {
        for bad in ["1", "[]", "null", "{\"t\":null}", "{\"t\":\"x\"}", "{\"t\":{}}"] {
            let text = change(&bobs(""), &bobs(&format!("\"{key}\":{bad}")));
            refused(versions.clone(), &text, MALFORMED);
        }
        let text = change(&bobs(""), &bobs(&format!("\"{key}\":{{\"t\":\"50\"}}")));
        allowed(1..=9, &text);
        refused(10..=12, &text, MALFORMED);
        allowed(ALL, &change(&bobs(""), &bobs(&format!("\"{key}\":{{\"t\":50}}"))));
    }
    // `notifications` are nobody's business before version 6.
    allowed(1..=5, &change(&bobs(""), &bobs("\"notifications\":7")));
}

#[test]
fn rule_10_3_users_are_user_ids_with_integers() {
    for bad in ["1", "[]", "null", "{\"!r:x.fr\":1}", "{\"@x\":1}", "{\"bob\":null}"] {
        refused(ALL, &change(&bobs(""), &format!("{{\"users\":{bad}}}")), MALFORMED);
    }
    let text = change(&bobs(""), r#"{"users":{"bob":" +0050 "}}"#);
    allowed(1..=9, &text);
    refused(10..=12, &text, MALFORMED);
    // It may be missing.
    allowed(ALL, &change(&bobs(""), "{}"));
}

#[test]
fn rule_10_4_creators_are_not_listed_in_version_12() {
    let text = change(&bobs(""), r#"{"users":{"bob":50,"alice":1}}"#);
    refused(12..=12, &text, AuthError::PowerLevelsListCreator);
    allowed(1..=11, &text);
    let room = "alice create {\"additional_creators\":[\"@carol:x.fr\"]}\nalice join\n";
    let text = format!("{room}alice levels {{\"users\":{{\"carol\":1}}}}");
    refused(12..=12, &text, AuthError::PowerLevelsListCreator);
    allowed(1..=11, &text);
    allowed(12..=12, &format!("{room}alice levels {{\"users\":{{\"bob\":1}}}}"));
}

#[test]
fn rule_10_5_the_first_power_levels_are_free() {
    let first = "alice create\nalice join\nbob join\n";
    allowed(ALL, &format!("{first}alice levels {{\"users\":{{\"bob\":1000}}}}"));
    refused(ALL, &format!("{first}alice levels {{\"users\":7}}"), MALFORMED);
    // But 50 is what state asks for, and only the creator has it.
    let bob = format!("{first}bob levels {{\"users\":{{\"bob\":1000}}}}");
    refused(ALL, &bob, AuthError::PowerLevel);
}

#[test]
fn rule_10_6_the_levels_at_the_top() {
    for key in TOP_LEVEL_NAMES {
        let at = |level: &str| bobs(&format!("\"{key}\":{level}"));
        // `bob` must still be allowed to change levels at all, and 50 is what the rest asks for.
        let low = if key == "state_default" { "50" } else { "10" };
        allowed(ALL, &change(&at("20"), &at("50")));
        refused(ALL, &change(&at(low), &at("51")), TOO_HIGH);
        refused(ALL, &change(&bobs(""), &at("51")), TOO_HIGH);
        allowed(ALL, &change(&at(low), &bobs("")));
        if key != "state_default" && key != "users_default" {
            refused(ALL, &change(&at("51"), &at("50")), TOO_HIGH);
            refused(ALL, &change(&at("51"), &bobs("")), TOO_HIGH);
            // What does not change does not count.
            allowed(ALL, &change(&at("51"), &at("51")));
        }
    }
    // A text that says the same number is no change.
    allowed(1..=9, &change(&bobs("\"ban\":51"), &bobs("\"ban\":\"51\"")));
    // Rule 8 comes first.
    refused(ALL, &change(&bobs("\"state_default\":51"), &bobs("")), AuthError::PowerLevel);
}

#[test]
fn rules_10_7_and_10_8_events_and_notifications() {
    for key in ["events", "notifications"] {
        let at = |level: &str| bobs(&format!("\"{key}\":{{\"t\":{level}}}"));
        let since = if key == "events" { 1 } else { 6 };
        for (before, after) in [
            (at("51"), at("50")),
            (at("51"), bobs("")),
            (at("51"), bobs(&format!("\"{key}\":{{}}"))),
            (at("10"), at("51")),
            (bobs(""), at("51")),
        ] {
            let text = change(&before, &after);
            refused(since..=12, &text, TOO_HIGH);
            if since == 6 {
                allowed(1..=5, &text);
            }
        }
        for (before, after) in [
            (at("51"), at("51")),
            (at("50"), at("49")),
            (at("10"), at("50")),
            (at("50"), bobs("")),
            (bobs(""), at("50")),
        ] {
            allowed(ALL, &change(&before, &after));
        }
    }
}

#[test]
fn rules_10_9_and_10_10_users() {
    let users = |more: &str| format!("{{\"users\":{{\"bob\":50{more}}}}}");
    for (before, after) in [
        // Not those of the same level or a higher one, by any change.
        (users(",\"carol\":50"), users(",\"carol\":49")),
        (users(",\"carol\":50"), users("")),
        (users(",\"carol\":51"), users(",\"carol\":50")),
        (users(",\"carol\":51"), users("")),
        (users(",\"carol\":50"), users(",\"carol\":51")),
        // Nobody above oneself, not even oneself.
        (users(",\"carol\":1"), users(",\"carol\":51")),
        (users(""), users(",\"carol\":51")),
        (users(""), "{\"users\":{\"bob\":51}}".to_owned()),
    ] {
        refused(ALL, &change(&before, &after), TOO_HIGH);
    }
    for (before, after) in [
        (users(",\"carol\":50"), users(",\"carol\":50")),
        (users(",\"carol\":99"), users(",\"carol\":99")),
        (users(",\"carol\":49"), users(",\"carol\":50")),
        (users(",\"carol\":49"), users("")),
        (users(""), users(",\"carol\":50")),
        // Oneself down.
        (users(""), "{\"users\":{\"bob\":49}}".to_owned()),
        (users(""), "{\"users\":{}}".to_owned()),
    ] {
        allowed(ALL, &change(&before, &after));
    }
}

#[test]
fn creators_may_change_everything_in_version_12() {
    let room = "alice create\nalice join\n";
    let before = r#"{"users":{"bob":9007199254740991},"ban":9007199254740991}"#;
    let text = format!("{room}alice levels {before}\nalice levels {{}}");
    allowed(12..=12, &text);
    refused(1..=11, &text, AuthError::PowerLevel);
}

#[test]
fn levels_of_old_rooms_are_read_leniently() {
    let reads = |version: &str, level: &str| {
        let version = RoomVersion::parse(version).unwrap();
        let text = format!("alice create\nalice levels {{\"ban\":{level}}}");
        let room = room_text::room(version, &room_text::lines(version, &text));
        PowerLevels::of_state(&room, &version.rules()).ban
    };
    for (version, level, read) in [
        ("1", "\" 00100 \"", 100),
        ("9", "\"\\n+100\"", 100),
        ("9", "\"-100\"", -100),
        ("9", "\"1e2\"", 50),
        ("9", "\"100.0\"", 50),
        ("10", "\"100\"", 50),
        ("5", "50.57", 50),
        ("5", "-50.57", -50),
        ("1", "5.114698E4", 51146),
        ("1", "1e400", 50),
        ("1", "9007199254740993", 9_007_199_254_740_993),
        ("1", "1e30", i64::MAX),
        ("12", "7", 7),
    ] {
        assert_eq!(reads(version, level), read, "{level} in version {version}");
    }
}

#[test]
fn what_the_levels_say() {
    let version = RoomVersion::V11;
    let text = r#"alice create
        alice levels {"ban":1,"invite":2,"kick":3,"redact":4,"state_default":5,
            "events_default":6,"users_default":7,"notifications":{"room":8,"own":3},"events":{"t":9},
            "users":{"bob":10}}"#
        .replace("\n            ", "");
    let room = room_text::room(version, &room_text::lines(version, &text));
    let levels = PowerLevels::of_state(&room, &version.rules());
    assert_eq!((levels.ban, levels.invite, levels.kick, levels.redact), (1, 2, 3, 4));
    assert_eq!((levels.event("x", true), levels.event("x", false)), (5, 6));
    assert_eq!((levels.event("t", true), levels.event("t", false)), (9, 9));
    assert_eq!(levels.user(&room_text::user("carol")), 7);
    assert_eq!(levels.user(&room_text::user("bob")), 10);
    assert_eq!(levels.notification("room"), 8);
    assert_eq!((levels.notification("own"), levels.notification("x")), (3, 50));
    let none = PowerLevels::new(None, None, &version.rules());
    assert_eq!((none.ban, none.invite, none.kick, none.redact), (50, 0, 50, 50));
    assert_eq!((none.event("x", true), none.event("x", false)), (50, 0));
    assert_eq!(none.notification("room"), 50);
}
