// SPDX-License-Identifier: Apache-2.0
use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{edit::*, *};
use crate::json::Strictness;
use crate::limits::{PUSH_PATTERN_CHARS_MAX, PUSH_RULES_MAX};

const ALICE: Recipient<'static> =
    Recipient { user_id: "@alice:example.org", display_name: Some("Alice *") };
const BOB: Recipient<'static> = Recipient { user_id: "@bob:example.org", display_name: None };

fn effect(rules: &RuleSet, event: &Value, members: u64, user: &Recipient<'_>) -> Effect {
    let content = event["content"].to_string();
    let content = crate::json::parse(content.as_bytes(), Strictness::Tolerant).unwrap();
    let empty = crate::json::Object::new();
    let text = |name: &str| event[name].as_str();
    let event = PushEvent::new(
        "$event",
        text("room_id").unwrap_or("!room:example.org"),
        text("sender").unwrap_or("@carol:example.org"),
        text("type").unwrap_or("m.room.message"),
        text("state_key"),
        content.as_object().unwrap_or(&empty),
    );
    let may = |key: &str| key == "room" && event.sender() == "@admin:example.org";
    let room = RoomFacts { joined_members: members, sender_may_notify: &may };
    rules.evaluate(&event, &room).for_user(user).clone()
}

/// The effect on Alice as a word: `-`, `notify`, `notify sound`, `notify sound highlight`.
fn told(rules: &RuleSet, event: Value, members: u64) -> String {
    let effect = effect(rules, &event, members, &ALICE);
    if !effect.notify {
        return "-".to_owned();
    }
    let sound = effect.sound.map(|sound| format!(" {sound}")).unwrap_or_default();
    let highlight = if effect.highlight { " highlight" } else { "" };
    format!("notify{sound}{highlight}")
}

fn spec() -> RuleSet {
    RuleSet::new(Defaults::SPECIFICATION)
}

fn body(kind: RuleKind, json: Value) -> RuleBody {
    RuleBody::parse(kind, &json).unwrap()
}

/// The specification's defaults and one override rule with these conditions that notifies.
fn with_conditions(conditions: Value) -> RuleSet {
    let json = json!({ "actions": ["notify", { "set_tweak": "sound", "value": "x" }],
                       "conditions": conditions });
    let kind = RuleKind::Override;
    spec().with_rule(kind, "mine", body(kind, json), Place::default()).unwrap()
}

fn own_ids(rules: &RuleSet, kind: RuleKind) -> Vec<&str> {
    rules.rules(kind).own.iter().map(|rule| rule.rule_id()).collect()
}

// Clients hide or show settings by the exact default rules.
#[test]
fn default_rules_are_those_of_the_specification() {
    let fixture = include_str!("fixtures/default_rules_v1.19.json");
    let expected: Value = serde_json::from_str(fixture).unwrap();
    let global = spec().global_json("@alice:example.org");
    for kind in ["override", "underride"] {
        let normal = |rules: &Value| -> Vec<Value> {
            let conditions = |rule: &Value| {
                let texts = rule["conditions"].as_array().unwrap().iter().map(Value::to_string);
                texts.collect::<BTreeSet<_>>()
            };
            rules
                .as_array()
                .unwrap()
                .iter()
                .map(|rule| {
                    let mut copy = rule.clone();
                    copy["conditions"] = json!(conditions(rule));
                    copy
                })
                .collect()
        };
        assert_eq!(normal(&global[kind]), normal(&expected[kind]), "{kind}");
    }
    for kind in ["content", "room", "sender"] {
        assert_eq!(global[kind], json!([]));
    }
}

// People would miss their messages, or be woken by everything.
#[test]
fn default_rules_tell_what_people_expect() {
    let check = |event: Value, members: u64, expected: &str| {
        assert_eq!(told(&spec(), event.clone(), members), expected, "{event} {members}");
    };
    check(json!({ "content": { "body": "hi" } }), 2, "notify default");
    check(json!({ "content": { "body": "hi" } }), 3, "notify");
    check(json!({ "content": { "body": "hi", "msgtype": "m.notice" } }), 2, "-");
    check(json!({ "type": "m.room.encrypted" }), 2, "notify default");
    check(json!({ "type": "m.room.encrypted" }), 30, "notify");
    check(json!({ "type": "m.call.invite" }), 30, "notify ring");
    check(json!({ "type": "m.reaction" }), 2, "-");
    check(json!({ "type": "org.example.unknown" }), 2, "-");
    let mention = json!({ "body": "x", "m.mentions": { "user_ids": ["@alice:example.org"] } });
    check(json!({ "content": mention }), 30, "notify default highlight");
    check(
        json!({ "content": { "m.mentions": { "user_ids": "@alice:example.org" } } }),
        9,
        "notify",
    );
    let room = json!({ "body": "x", "m.mentions": { "room": true } });
    check(json!({ "content": room }), 30, "notify");
    check(json!({ "content": room, "sender": "@admin:example.org" }), 30, "notify highlight");
    let edit = json!({ "body": "x", "m.relates_to": { "rel_type": "m.replace" } });
    check(json!({ "content": edit }), 2, "-");
    check(json!({ "type": "m.room.tombstone", "state_key": "" }), 9, "notify highlight");
    check(json!({ "type": "m.room.tombstone" }), 9, "-");
    check(json!({ "type": "m.room.server_acl", "state_key": "" }), 2, "-");
    let member = |membership: &str, state_key: &str| {
        json!({ "type": "m.room.member", "state_key": state_key,
                "content": { "membership": membership } })
    };
    check(member("invite", "@alice:example.org"), 2, "notify default");
    check(member("invite", "@bob:example.org"), 2, "-");
    check(member("join", "@alice:example.org"), 2, "-");
}

// The sender's other devices would ring at their own message.
#[test]
fn nobody_is_told_of_their_own_events() {
    let event = json!({ "sender": "@alice:example.org", "content": { "body": "hi" } });
    assert_eq!(told(&spec(), event.clone(), 2), "-");
    assert!(effect(&spec(), &event, 2, &BOB).notify);
}

// One user's mention would ring at another with the same rule set.
#[test]
fn one_verdict_serves_users_differently() {
    let event = json!({ "content": { "m.mentions": { "user_ids": ["@bob:example.org"] } } });
    assert_eq!(told(&spec(), event.clone(), 9), "notify");
    assert!(effect(&spec(), &event, 9, &BOB).highlight);
}

#[test]
fn conditions_follow_the_specification() {
    let check = |condition: Value, event: Value, expected: bool| {
        let rules = with_conditions(json!([condition]));
        let told = told(&rules, event.clone(), 5);
        assert_eq!(told == "notify x", expected, "{condition} {event}");
    };
    let matching =
        |key: &str, pattern: &str| json!({ "kind": "event_match", "key": key, "pattern": pattern });
    let topic = |topic: Value| json!({ "type": "t", "content": { "topic": topic } });
    check(matching("content.topic", "lunc?*"), topic(json!("Lunch plans")), true);
    check(matching("content.topic", "lunc?*"), topic(json!(" lunch")), false);
    check(matching("content.topic", "*"), topic(json!(null)), false);
    check(matching("content.topic", "*"), topic(json!(5)), false);
    check(matching("content.absent", "*"), topic(json!("x")), false);
    check(matching("content.topic.deeper", "*"), topic(json!("x")), false);
    check(matching("content", "*"), topic(json!("x")), false);
    check(
        matching("content.body", "ex*ple"),
        json!({ "content": { "body": "An EXAMPLE." } }),
        true,
    );
    check(matching("content.body", "exa"), json!({ "content": { "body": "example" } }), false);
    check(matching("content.body", "*"), json!({ "content": { "body": 1 } }), false);
    check(matching("room_id", "!ROOM:*"), json!({}), true);
    check(matching("sender", "@carol:*"), json!({}), true);
    check(matching("sender.x", "*"), json!({}), false);
    check(matching("event_id", "$event"), json!({}), true);
    check(matching("state_key", ""), json!({ "type": "t", "state_key": "" }), true);
    check(matching("state_key", ""), json!({ "type": "t" }), false);
    // Dots and backslashes in names.
    let dotted = json!({ "type": "t", "content": { "m.a": { "b\\c": "v" }, "x\\y": "w" } });
    check(matching("content.m\\.a.b\\\\c", "v"), dotted.clone(), true);
    check(matching("content.m\\.a.b\\c", "v"), dotted.clone(), true);
    check(matching("content.m.a.b\\c", "v"), dotted.clone(), false);
    check(matching("content.x\\y", "w"), dotted, true);

    let is = |value: Value| json!({ "kind": "event_property_is", "key": "content.topic", "value": value });
    for value in [json!(true), json!("a"), json!(3), json!(null), json!(9007199254740991_i64)] {
        check(is(value.clone()), topic(value), true);
    }
    for (value, actual) in [
        (json!("A"), json!("a")),
        (json!(true), json!("true")),
        (json!(true), json!(1)),
        (json!(1), json!(1.0)),
        (json!([]), json!([])),
        (json!({}), json!({})),
        (json!(9007199254740992_i64), json!(9007199254740992_i64)),
    ] {
        check(is(value), topic(actual), false);
    }
    check(is(json!(null)), json!({ "type": "t", "content": {} }), false);
    for (key, value) in [("content.body", "Hi"), ("type", "T"), ("sender", "@carol:example.org")] {
        let condition = json!({ "kind": "event_property_is", "key": key, "value": value });
        check(condition, json!({ "type": "T", "content": { "body": "Hi" } }), true);
        let other = json!({ "type": "t", "sender": "@Carol:x", "content": { "body": "hi" } });
        let condition = json!({ "kind": "event_property_is", "key": key, "value": value });
        check(condition, other, false);
    }
    check(
        json!({ "kind": "event_property_is", "key": "type", "value": "t" }),
        json!({ "type": "t" }),
        true,
    );

    let contains = |value: Value| json!({ "kind": "event_property_contains", "key": "content.topic", "value": value });
    let list = topic(json!(["a", 3, null, true, ["n"], { "o": 1 }]));
    for value in [json!("a"), json!(3), json!(null), json!(true)] {
        check(contains(value), list.clone(), true);
    }
    for value in [json!("b"), json!(["n"]), json!({ "o": 1 }), json!("A")] {
        check(contains(value), list.clone(), false);
    }
    check(contains(json!("a")), topic(json!("a")), false);
    check(contains(json!("t")), json!({ "type": "t" }), false);
}

#[test]
fn counts_names_and_unknown_conditions() {
    let check = |condition: Value, expected: bool| {
        let rules = with_conditions(json!([condition]));
        let event = json!({ "content": { "body": "hello alice *, how are you" } });
        assert_eq!(told(&rules, event, 5) == "notify x", expected, "{condition}");
    };
    for (is, expected) in [
        ("5", true),
        ("==5", true),
        ("4", false),
        ("<6", true),
        ("<5", false),
        ("<=5", true),
        (">4", true),
        (">5", false),
        (">=5", true),
        ("", false),
        ("==", false),
        ("x", false),
        ("+5", false),
        ("5.0", false),
        ("-5", false),
        ("99999999999999999999", false),
    ] {
        check(json!({ "kind": "room_member_count", "is": is }), expected);
    }
    check(json!({ "kind": "room_member_count", "is": 5 }), false);
    check(json!({ "kind": "contains_display_name" }), true);
    check(json!({ "kind": "org.example.unknown" }), false);
    check(json!({ "kind": "event_match", "key": "type" }), false);
    check(json!({ "kind": "event_match", "pattern": "*" }), false);
    let rules = with_conditions(json!([{ "kind": "contains_display_name" }]));
    let event = json!({ "content": { "body": "hello alice there" } });
    assert_eq!(told(&rules, event.clone(), 5), "notify", "a star in a name is a star");
    let nameless = Recipient { user_id: "@d:example.org", display_name: Some("") };
    assert_eq!(effect(&rules, &event, 5, &nameless).sound, None);
}

// The wrong rule would decide, and "mute this room" would not mute.
#[test]
fn kinds_and_rules_are_looked_at_in_order() {
    let sound = |name: &str| {
        json!({ "actions": ["notify", { "set_tweak": "sound", "value": name }],
                "pattern": "hi", "conditions": [] })
    };
    let event = json!({ "content": { "body": "hi" } });
    let mut rules = spec();
    let steps = [
        (RuleKind::Underride, "u", "u"),
        (RuleKind::Sender, "@carol:example.org", "s"),
        (RuleKind::Room, "!room:example.org", "r"),
        (RuleKind::Content, "c", "c"),
        (RuleKind::Override, "o", "o"),
        (RuleKind::Override, "o2", "o2"),
    ];
    for (kind, id, name) in steps {
        rules = rules.with_rule(kind, id, body(kind, sound(name)), Place::default()).unwrap();
        assert_eq!(told(&rules, event.clone(), 9), format!("notify {name}"));
    }
    let muted = rules.with_enabled(RuleKind::Override, ".m.rule.master", true).unwrap();
    assert_eq!(told(&muted, event.clone(), 9), "-");
    let order: Vec<Value> = muted.global_json("@a:b")["override"].as_array().unwrap().clone();
    assert_eq!(order[0]["rule_id"], ".m.rule.master");
    assert_eq!(order[1]["rule_id"], "o2");
    let disabled = rules.with_enabled(RuleKind::Override, "o2", false).unwrap();
    assert_eq!(told(&disabled, event, 9), "notify o");
}

// A client that moves a rule to the end would crash the server (tuwunel) or lose the rule.
#[test]
fn before_and_after_place_rules() {
    let kind = RuleKind::Override;
    let new = || body(kind, json!({ "actions": [] }));
    let put = |rules: &RuleSet, id: &str, before, after| {
        rules.with_rule(kind, id, new(), Place { before, after })
    };
    let mut rules = spec();
    for id in ["c", "b", "a"] {
        rules = put(&rules, id, None, None).unwrap();
    }
    assert_eq!(own_ids(&rules, kind), ["a", "b", "c"]);
    let cases = [
        ("x", Some("a"), None, ["x", "a", "b", "c"]),
        ("x", None, Some("c"), ["a", "b", "c", "x"]),
        ("x", Some("c"), Some("a"), ["a", "b", "x", "c"]),
        ("x", None, Some("a"), ["a", "x", "b", "c"]),
        ("x", None, None, ["x", "a", "b", "c"]),
        ("x", Some("b"), None, ["a", "x", "b", "c"]),
    ];
    for (id, before, after, expected) in cases {
        let placed = put(&rules, id, before, after).unwrap();
        assert_eq!(own_ids(&placed, kind), expected);
        // The same for a rule that exists already, wherever it stands.
        let moved = put(&put(&rules, id, None, Some("b")).unwrap(), id, before, after).unwrap();
        let expected = if before.or(after).is_none() { ["a", "b", "x", "c"] } else { expected };
        assert_eq!(own_ids(&moved, kind), expected);
    }
    assert_eq!(own_ids(&put(&rules, "c", Some("c"), None).unwrap(), kind), ["a", "b", "c"]);
    assert_eq!(own_ids(&put(&rules, "a", None, Some("c")).unwrap(), kind), ["b", "c", "a"]);
    for (before, after) in [(Some("z"), None), (None, Some("z")), (Some(".m.rule.master"), None)] {
        let error = put(&rules, "x", before, after).unwrap_err();
        assert!(matches!(error, PushRuleError::RelativeRuleNotFound { .. }), "{error:?}");
    }
}

#[test]
fn changes_are_refused_whole() {
    let kind = RuleKind::Override;
    let new = || body(kind, json!({ "actions": [] }));
    let put = |id: &str| spec().with_rule(kind, id, new(), Place::default()).map(|_| ());
    assert_eq!(put(".m.rule.mine"), Err(PushRuleError::ReservedRuleId));
    for id in ["", "a/b", "a\\b"] {
        assert_eq!(put(id), Err(PushRuleError::InvalidRuleId), "{id}");
    }
    let not_found = Err(PushRuleError::NotFound);
    assert_eq!(spec().without_rule(kind, "x").map(|_| ()), not_found);
    assert_eq!(spec().with_enabled(kind, "x", true).map(|_| ()), not_found);
    assert_eq!(spec().with_actions(kind, ".m.rule.message", vec![]).map(|_| ()), not_found);
    assert_eq!(
        spec().without_rule(kind, ".m.rule.reaction").map(|_| ()),
        Err(PushRuleError::ReservedRuleId)
    );
    let bad = |kind, json: Value| RuleBody::parse(kind, &json).unwrap_err();
    let property = |property| PushRuleError::BadProperty { property };
    assert_eq!(bad(kind, json!({})), property("actions"));
    assert_eq!(bad(kind, json!({ "actions": ["dance"] })), property("actions"));
    assert_eq!(bad(kind, json!({ "actions": [{ "set_tweak": 1 }] })), property("actions"));
    assert_eq!(bad(kind, json!({ "actions": [], "conditions": 1 })), property("conditions"));
    assert_eq!(bad(kind, json!({ "actions": [], "conditions": [{}] })), property("conditions"));
    assert_eq!(bad(RuleKind::Content, json!({ "actions": [] })), property("pattern"));
    let long = "x".repeat(PUSH_PATTERN_CHARS_MAX + 1);
    let too_large = bad(RuleKind::Content, json!({ "actions": [], "pattern": long }));
    assert!(matches!(too_large, PushRuleError::TooLarge { .. }));
}

#[test]
fn the_number_of_rules_is_limited() {
    let kind = RuleKind::Room;
    let mut rules = spec();
    rules.rules_mut(kind).own = (0..PUSH_RULES_MAX)
        .map(|n| Arc::new(Rule::new(format!("!{n}"), false, true, vec![])))
        .collect();
    let new = || body(kind, json!({ "actions": [] }));
    assert!(rules.with_rule(kind, "!0", new(), Place::default()).is_ok());
    let error = rules.with_rule(kind, "!new", new(), Place::default()).unwrap_err();
    assert!(matches!(error, PushRuleError::TooLarge { .. }));
}

// Settings would be lost at restart, or frozen at the defaults of the day.
#[test]
fn stored_rules_come_back() {
    let defaults = Defaults::ALL;
    let conditions = json!([{ "kind": "event_match", "key": "type", "pattern": "Ab*" },
                            { "kind": "org.example.unknown", "x": [1] }]);
    let actions = json!(["notify", { "set_tweak": "highlight" }, "dont_notify",
                         { "set_tweak": "org.example", "value": { "a": 1 } }]);
    let json = json!({ "actions": actions, "conditions": conditions, "pattern": "P?t" });
    let mut rules = RuleSet::new(defaults);
    for (kind, id) in RuleKind::ALL.into_iter().zip(["o", "c", "!r:x", "@s:x", "u"]) {
        rules = rules.with_rule(kind, id, body(kind, json.clone()), Place::default()).unwrap();
    }
    rules = rules
        .with_enabled(RuleKind::Override, ".m.rule.is_user_mention", false)
        .and_then(|rules| rules.with_actions(RuleKind::Underride, ".m.rule.message", vec![]))
        .and_then(|rules| rules.with_enabled(RuleKind::Content, "c", false))
        .unwrap();
    let stored = rules.to_stored(defaults);
    let back = RuleSet::from_stored(&stored, defaults).unwrap();
    assert_eq!(back.to_json("@alice:example.org"), rules.to_json("@alice:example.org"));
    assert_eq!(back.hash(), rules.hash());
    let full = rules.global_json("@alice:example.org");
    let imported = RuleSet::from_stored(&full, defaults).unwrap();
    assert_eq!(imported.global_json("@alice:example.org"), full);
    let overrides = stored["override"].as_array().unwrap();
    assert_eq!(overrides.len(), 2, "only what the user changed: {overrides:?}");
    for corrupt in [
        json!({ "room": 1 }),
        json!({ "room": [{}] }),
        json!({ "content": [{ "rule_id": "x", "actions": [] }] }),
    ] {
        assert!(RuleSet::from_stored(&corrupt, defaults).is_err());
    }
    let retired = json!({ "override": [{ "rule_id": ".m.rule.gone", "enabled": true }] });
    assert!(RuleSet::from_stored(&retired, defaults).is_ok());
}

// Ten thousand members would cost ten thousand evaluations, or share what they should not.
#[test]
fn the_hash_tells_apart_what_matters() {
    let with = |kind, id: &str, json: Value| {
        spec().with_rule(kind, id, body(kind, json), Place::default()).unwrap().hash()
    };
    let base = spec().hash();
    let room = RuleKind::Room;
    assert_ne!(with(room, "!a:x", json!({ "actions": [] })), base);
    assert_ne!(
        with(room, "!a:x", json!({ "actions": [] })),
        with(room, "!b:x", json!({ "actions": [] }))
    );
    let content = |pattern: &str| json!({ "actions": ["notify"], "pattern": pattern });
    assert_eq!(
        with(RuleKind::Content, "one", content("tea")),
        with(RuleKind::Content, "two", content("tea"))
    );
    assert_ne!(
        with(RuleKind::Content, "one", content("tea")),
        with(RuleKind::Content, "one", content("time"))
    );
    let there_and_back = spec().with_enabled(RuleKind::Override, ".m.rule.reaction", false);
    let there_and_back = there_and_back.unwrap();
    assert_ne!(there_and_back.hash(), base);
    let back = there_and_back.with_enabled(RuleKind::Override, ".m.rule.reaction", true);
    assert_eq!(back.unwrap().hash(), base);
}

// After an upgrade a muted room would shout, or a disabled rule would wake.
#[test]
fn rules_follow_a_room_upgrade() {
    let condition = json!({ "kind": "event_match", "key": "room_id", "pattern": "!old:x" });
    let mute = json!({ "actions": [], "conditions": [condition] });
    let mut rules = spec();
    for (kind, id) in [(RuleKind::Override, "!old:x"), (RuleKind::Room, "!old:x")] {
        rules = rules.with_rule(kind, id, body(kind, mute.clone()), Place::default()).unwrap();
    }
    rules = rules.with_enabled(RuleKind::Room, "!old:x", false).unwrap();
    let after = rules.with_room_replaced("!old:x", "!new:x");
    assert_eq!(own_ids(&after, RuleKind::Override), ["!old:x", "!new:x"]);
    assert!(!after.get(RuleKind::Room, "!new:x").unwrap().is_enabled());
    let event = json!({ "room_id": "!new:x", "content": { "body": "hi" } });
    assert_eq!(told(&after, event.clone(), 2), "-");
    assert_eq!(told(&rules, event, 2), "notify default");
    let again = after.with_room_replaced("!old:x", "!new:x");
    assert_eq!(again.to_json("@a:b"), after.to_json("@a:b"));
}

#[test]
fn unstable_defaults_are_where_their_proposals_put_them() {
    let global = RuleSet::new(Defaults::ALL).global_json("@alice:example.org");
    let ids = |kind: &str| -> Vec<String> {
        let rules = global[kind].as_array().unwrap();
        rules.iter().map(|r| r["rule_id"].as_str().unwrap().to_owned()).collect()
    };
    let overrides = ids("override");
    let at = |id: &str| overrides.iter().position(|other| other == id).unwrap();
    assert_eq!(at(".org.matrix.msc4028.encrypted_event"), at(".m.rule.master") + 1);
    assert!(at(".org.matrix.msc4075.rule.rtc.invite_for_me") < at(".m.rule.is_user_mention"));
    assert!(at(".org.matrix.msc4075.rule.rtc.invite_for_room") < at(".m.rule.is_room_mention"));
    assert_eq!(ids("underride").len(), 9);
    let ring = json!({ "type": "org.matrix.msc4075.rtc.notification",
                       "content": { "m.mentions": { "user_ids": ["@alice:example.org"] } } });
    assert_eq!(told(&RuleSet::new(Defaults::ALL), ring, 9), "notify ring");
}

// A path that names a kind would be answered with 404, and a change would change nothing.
#[test]
fn kinds_actions_and_whether_enabled() {
    for kind in RuleKind::ALL {
        assert_eq!(RuleKind::parse(kind.as_str()), Some(kind));
    }
    assert_eq!(RuleKind::parse("Override"), None);
    let (kind, id) = (RuleKind::Underride, ".m.rule.message");
    let rules = spec();
    assert!(rules.get(kind, id).unwrap().is_enabled());
    let silent = rules.with_actions(kind, id, vec![]).unwrap();
    assert!(silent.get(kind, id).unwrap().actions().is_empty());
    let message = json!({ "type": "m.room.message", "sender": "@bob:example.org", "content": {} });
    assert_eq!(told(&rules, message.clone(), 3), "notify");
    assert_eq!(told(&silent, message.clone(), 3), "-");
    let off = rules.with_enabled(kind, id, false).unwrap();
    assert!(!off.get(kind, id).unwrap().is_enabled());
    assert_eq!(told(&off, message, 3), "-");
}
