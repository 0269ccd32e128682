// SPDX-License-Identifier: Apache-2.0
//! The server's default rules.
//!
//! Source: <https://spec.matrix.org/v1.19/client-server-api/#predefined-rules>; the rules whose
//! ids begin with `.org.matrix.` come from the proposals named at [`Defaults`].

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Action, Condition, MASTER, Rule, RuleKind, RuleSet};

/// Which default rules there are beyond those of the specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Defaults {
    /// MSC4028: push every encrypted event, so that the client can find the mentions in it.
    /// Its presence tells clients that the server does this.
    pub encrypted_events: bool,
    /// MSC4075: ring for MatrixRTC calls.
    pub rtc_calls: bool,
    /// MSC3930: polls notify like messages.
    pub polls: bool,
}

impl Defaults {
    /// The rules of the specification alone.
    pub const SPECIFICATION: Self =
        Self { encrypted_events: false, rtc_calls: false, polls: false };
    /// The rules of the specification and all that current clients know.
    pub const ALL: Self = Self { encrypted_events: true, rtc_calls: true, polls: true };
}

fn notify() -> Vec<Action> {
    vec![Action::Notify]
}

fn notify_with_sound(sound: &str) -> Vec<Action> {
    let sound = Value::String(sound.to_owned());
    vec![Action::Notify, Action::SetTweak { name: "sound".to_owned(), value: Some(sound) }]
}

fn highlighted(mut actions: Vec<Action>) -> Vec<Action> {
    actions.push(Action::SetTweak { name: "highlight".to_owned(), value: None });
    actions
}

fn matches(key: &str, pattern: &str) -> Condition {
    Condition::parse(json!({ "kind": "event_match", "key": key, "pattern": pattern }))
}

/// On the event's `type`.
fn kind(pattern: &str) -> Condition {
    matches("type", pattern)
}

fn is(key: &str, value: impl Into<Value>) -> Condition {
    let value: Value = value.into();
    Condition::parse(json!({ "kind": "event_property_is", "key": key, "value": value }))
}

fn two_members() -> Condition {
    Condition::parse(json!({ "kind": "room_member_count", "is": "2" }))
}

fn sender_may_notify_room() -> Condition {
    Condition::parse(json!({ "kind": "sender_notification_permission", "key": "room" }))
}

fn mentions_owner() -> Condition {
    Condition::contains_owner("content.m\\.mentions.user_ids")
}

fn mentions_room() -> Condition {
    is("content.m\\.mentions.room", true)
}

fn rule(id: &str, conditions: impl Into<Vec<Condition>>, actions: Vec<Action>) -> Rule {
    let mut rule = Rule::new(id.to_owned(), true, true, actions);
    rule.conditions = conditions.into();
    rule
}

pub(super) fn rule_set(defaults: Defaults) -> RuleSet {
    let mut rules = RuleSet::empty();
    let share = |rules: Vec<Rule>| rules.into_iter().map(Arc::new).collect();
    rules.rules_mut(RuleKind::Override).default = share(override_rules(defaults));
    rules.rules_mut(RuleKind::Underride).default = share(underride_rules(defaults));
    rules
}

const RTC_NOTIFICATION: &str = "org.matrix.msc4075.rtc.notification";

fn override_rules(defaults: Defaults) -> Vec<Rule> {
    let mut master = rule(MASTER, [], Vec::new());
    master.enabled = false;
    let mut rules = vec![master];
    if defaults.encrypted_events {
        let id = ".org.matrix.msc4028.encrypted_event";
        rules.push(rule(id, [kind("m.room.encrypted")], notify()));
    }
    let invited = [
        kind("m.room.member"),
        matches("content.membership", "invite"),
        Condition::matches_owner("state_key"),
    ];
    rules.extend([
        rule(".m.rule.suppress_notices", [matches("content.msgtype", "m.notice")], Vec::new()),
        rule(".m.rule.invite_for_me", invited, notify_with_sound("default")),
        rule(".m.rule.member_event", [kind("m.room.member")], Vec::new()),
    ]);
    if defaults.rtc_calls {
        let id = ".org.matrix.msc4075.rule.rtc.invite_for_me";
        let conditions = [kind(RTC_NOTIFICATION), mentions_owner()];
        rules.push(rule(id, conditions, notify_with_sound("ring")));
    }
    let mentioned = highlighted(notify_with_sound("default"));
    rules.push(rule(".m.rule.is_user_mention", [mentions_owner()], mentioned));
    if defaults.rtc_calls {
        let id = ".org.matrix.msc4075.rule.rtc.invite_for_room";
        let conditions = [kind(RTC_NOTIFICATION), mentions_room(), sender_may_notify_room()];
        rules.push(rule(id, conditions, notify_with_sound("ring")));
    }
    let room_mention = [mentions_room(), sender_may_notify_room()];
    let state = |pattern| [kind(pattern), matches("state_key", "")];
    rules.extend([
        rule(".m.rule.is_room_mention", room_mention, highlighted(notify())),
        rule(".m.rule.tombstone", state("m.room.tombstone"), highlighted(notify())),
        rule(".m.rule.reaction", [kind("m.reaction")], Vec::new()),
        rule(".m.rule.room.server_acl", state("m.room.server_acl"), Vec::new()),
        rule(
            ".m.rule.suppress_edits",
            [is("content.m\\.relates_to.rel_type", "m.replace")],
            Vec::new(),
        ),
    ]);
    if defaults.polls {
        let id = ".org.matrix.msc3930.rule.poll_response";
        rules.push(rule(id, [kind("org.matrix.msc3381.poll.response")], Vec::new()));
    }
    rules
}

fn underride_rules(defaults: Defaults) -> Vec<Rule> {
    let direct =
        |id, pattern| rule(id, [two_members(), kind(pattern)], notify_with_sound("default"));
    let mut rules = vec![
        rule(".m.rule.call", [kind("m.call.invite")], notify_with_sound("ring")),
        direct(".m.rule.encrypted_room_one_to_one", "m.room.encrypted"),
        direct(".m.rule.room_one_to_one", "m.room.message"),
        rule(".m.rule.message", [kind("m.room.message")], notify()),
        rule(".m.rule.encrypted", [kind("m.room.encrypted")], notify()),
    ];
    if defaults.polls {
        let (start, end) = ("org.matrix.msc3381.poll.start", "org.matrix.msc3381.poll.end");
        rules.extend([
            direct(".org.matrix.msc3930.rule.poll_start_one_to_one", start),
            rule(".org.matrix.msc3930.rule.poll_start", [kind(start)], notify()),
            direct(".org.matrix.msc3930.rule.poll_end_one_to_one", end),
            rule(".org.matrix.msc3930.rule.poll_end", [kind(end)], notify()),
        ]);
    }
    rules
}
