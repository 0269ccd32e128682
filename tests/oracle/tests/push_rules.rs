// SPDX-License-Identifier: Apache-2.0
//! P16: our evaluation of push rules beside ruma's, on rules and events made by chance.
//!
//! Names and patterns are drawn from few letters, so that matches are frequent. Left out are
//! wildcards in a display name, on which the text is silent and the two differ; two wildcards in
//! a row, of which ruma-common 0.20 takes the second for itself; and a backslash in a key that
//! escapes nothing, which it does not take for itself.

use std::{
    env,
    pin::pin,
    task::{Context, Poll, Waker},
};

use estafette_core::{
    json::{self, Strictness},
    push_rules::{
        Defaults, PushEvent, Recipient, RoomFacts, RuleBody, RuleKind, RuleSet, edit::Place,
    },
};
use estafette_oracle::chance::Chance;
use ruma_common::{
    OwnedUserId,
    push::{Action, PushConditionRoomCtx, Ruleset, Tweak},
    serde::Raw,
};
use serde_json::{Value, json};

const ALICE: &str = "@alice:one.example";
const ROOMS: [&str; 2] = ["!room:one.example", "!other:one.example"];
const SENDERS: [&str; 3] = ["@bob:one.example", "@carol:two.example", ALICE];
const WORDS: [&str; 8] = ["tea", "time", "Alice", "TEA", "a", "-", "tea_time", "été"];

fn text(chance: &mut Chance) -> String {
    let words: Vec<&str> = (0..1 + chance.below(4)).map(|_| *chance.one_of(&WORDS)).collect();
    words.join([" ", "", ", "][chance.below(3)])
}

fn pattern(chance: &mut Chance) -> String {
    let mut pattern = String::new();
    for _ in 0..1 + chance.below(3) {
        let part = *chance.one_of(&["tea", "t", "*", "?", "time", "e", "é", " ", "-"]);
        let wild = |text: &str| text.ends_with(['*', '?']);
        if !(wild(&pattern) && wild(part)) {
            pattern += part;
        }
    }
    pattern
}

fn scalar(chance: &mut Chance) -> Value {
    chance
        .one_of(&[json!("tea"), json!("Tea"), json!(1), json!(true), json!(null), json!(-5)])
        .clone()
}

fn event(chance: &mut Chance) -> Value {
    let kind = *chance.one_of(&[
        "m.room.message",
        "m.room.encrypted",
        "m.room.member",
        "m.reaction",
        "tea",
    ]);
    let mut content = json!({});
    if chance.percent(80) {
        content["body"] = json!(text(chance));
    }
    if chance.percent(30) {
        content["a.b"] = scalar(chance);
        content["list"] = json!([scalar(chance), scalar(chance)]);
        content["deep"] = json!({ "x\\y": scalar(chance) });
    }
    if chance.percent(30) {
        content["m.mentions"] = json!({ "room": chance.percent(50), "user_ids": [ALICE] });
    }
    if chance.percent(20) {
        content["m.relates_to"] = json!({ "rel_type": "m.replace", "event_id": "$e" });
    }
    if kind == "m.room.member" {
        content["membership"] = json!(*chance.one_of(&["invite", "join"]));
    }
    let mut event = json!({
        "event_id": "$event", "room_id": *chance.one_of(&ROOMS), "type": kind,
        "sender": *chance.one_of(&SENDERS), "content": content, "origin_server_ts": 1,
    });
    if kind == "m.room.member" || chance.percent(20) {
        event["state_key"] = json!(*chance.one_of(&["", ALICE]));
    }
    event
}

fn condition(chance: &mut Chance) -> Value {
    let key = *chance.one_of(&[
        "content.body",
        "type",
        "sender",
        "room_id",
        "state_key",
        "content.a\\.b",
        "content.a.b",
        "content.deep.x\\\\y",
        "content.list",
        "content",
        "content.none",
    ]);
    match chance.below(7) {
        0 | 1 => json!({ "kind": "event_match", "key": key, "pattern": pattern(chance) }),
        2 => json!({ "kind": "event_property_is", "key": key, "value": scalar(chance) }),
        3 => json!({ "kind": "event_property_contains", "key": key, "value": scalar(chance) }),
        4 => json!({ "kind": "contains_display_name" }),
        5 => {
            let is = *chance.one_of(&["2", "==3", "<3", ">2", "<=2", ">=3"]);
            json!({ "kind": "room_member_count", "is": is })
        }
        _ => json!({ "kind": "event_match", "key": "type", "pattern": "m.room.*" }),
    }
}

fn rules(chance: &mut Chance) -> RuleSet {
    let mut rules = RuleSet::new(Defaults::SPECIFICATION);
    for n in 0..chance.below(6) {
        let kind = *chance.one_of(&RuleKind::ALL);
        let conditions: Vec<Value> = (0..1 + chance.below(2)).map(|_| condition(chance)).collect();
        let body = json!({
            "actions": ["notify", { "set_tweak": "sound", "value": format!("rule {n}") }],
            "conditions": conditions, "pattern": pattern(chance),
        });
        let id = match kind {
            RuleKind::Room => ROOMS[chance.below(2)].to_owned(),
            RuleKind::Sender => SENDERS[chance.below(3)].to_owned(),
            _ => format!("rule{n}"),
        };
        let body = RuleBody::parse(kind, &body).unwrap();
        rules = rules.with_rule(kind, &id, body, Place::default()).unwrap();
    }
    if chance.percent(20) {
        rules = rules.with_enabled(RuleKind::Override, ".m.rule.member_event", false).unwrap();
    }
    rules
}

/// Whether to notify, to highlight, and the sound.
type Told = (bool, bool, Option<String>);

fn ours(rules: &RuleSet, event: &Value, members: u64) -> Told {
    let content = event["content"].to_string();
    let content = json::parse(content.as_bytes(), Strictness::Strict).unwrap();
    let text = |name: &str| event[name].as_str();
    let event = PushEvent::new(
        "$event",
        text("room_id").unwrap(),
        text("sender").unwrap(),
        text("type").unwrap(),
        text("state_key"),
        content.as_object().unwrap(),
    );
    let room = RoomFacts { joined_members: members, sender_may_notify: &|_| false };
    let verdict = rules.evaluate(&event, &room);
    let effect = verdict.for_user(&Recipient { user_id: ALICE, display_name: Some("Alice") });
    (effect.notify, effect.highlight, effect.sound.clone())
}

fn theirs(rules: &Ruleset, event: &Value, members: u64) -> Told {
    let raw = Raw::new(event).unwrap();
    let alice: OwnedUserId = ALICE.try_into().unwrap();
    let room_id = event["room_id"].as_str().unwrap().try_into().unwrap();
    let context =
        PushConditionRoomCtx::new(room_id, members.try_into().unwrap(), alice, "Alice".into());
    let found = ready(rules.get_actions(&raw, &context));
    let sound = found.iter().find_map(|action| match action {
        Action::SetTweak(Tweak::Sound(sound)) => Some(sound.as_str().to_owned()),
        _ => None,
    });
    let notify = found.iter().any(Action::should_notify);
    (notify, notify && found.iter().any(Action::is_highlight), sound)
}

/// The result of a future that never waits.
fn ready<T>(future: impl Future<Output = T>) -> T {
    let mut context = Context::from_waker(Waker::noop());
    match pin!(future).poll(&mut context) {
        Poll::Ready(result) => result,
        Poll::Pending => panic!("it waits"),
    }
}

#[test]
fn random_rules_and_events_are_judged_alike() {
    let number =
        |name, default| env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(default);
    let (first, cases): (u64, u64) =
        (number("ESTAFETTE_SEED", 0), number("ESTAFETTE_CASES", 4_000));
    let (mut told, mut own) = (0, 0);
    for seed in first..first + cases {
        let mut chance = Chance::new(seed);
        let rules = rules(&mut chance);
        let global = rules.global_json(ALICE);
        let reference: Ruleset = serde_json::from_value(global.clone()).unwrap();
        for _ in 0..5 {
            let event = event(&mut chance);
            let members = chance.below(4) as u64;
            let ours = ours(&rules, &event, members);
            let theirs = theirs(&reference, &event, members);
            assert_eq!(ours, theirs, "seed {seed}: {event}, {members} members, {global:#}");
            told += u64::from(ours.0);
            own += u64::from(ours.2.is_some_and(|sound| sound.starts_with("rule")));
        }
    }
    eprintln!("{} events alike, {told} notify, {own} by a rule of the user", cases * 5);
    assert!(own > cases / 2, "the rules hardly ever match");
}
