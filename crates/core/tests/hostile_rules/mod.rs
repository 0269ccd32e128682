// SPDX-License-Identifier: Apache-2.0
//! Push rules and globs out of bytes: what the fuzzer runs, and the tests over its corpus.

use estafette_core::{
    glob::{FoldedText, Glob},
    json::{self, Strictness},
    push_rules::{
        Defaults, PushEvent, Recipient, RoomFacts, RuleBody, RuleKind, RuleSet, edit::Place,
    },
};

/// The first line is a pattern, the second a text, the third a rule's body, the rest the
/// content of an event. Fails by panicking.
pub(crate) fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut lines = text.splitn(4, '\n');
    let mut next = || lines.next().unwrap_or_default();
    let (pattern, value, rule, content) = (next(), next(), next(), next());
    check_glob(pattern, value);
    check_rule(rule, content);
}

fn check_glob(pattern: &str, value: &str) {
    let glob = Glob::new(pattern);
    let text = FoldedText::new(value);
    let whole = glob.matches(&text);
    let words = glob.matches_words(&text);
    assert!(!whole || words, "the whole text starts and ends at a boundary");
    if pattern.len() <= 12 && value.len() <= 16 {
        let fold = |text: &str| FoldedText::new(text).as_str().chars().collect::<Vec<_>>();
        assert_eq!(whole, stands_for(&fold(pattern), &fold(value)), "{pattern:?} {value:?}");
    }
}

/// The definition of a glob, written as naively as possible.
fn stands_for(pattern: &[char], text: &[char]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, first) => first.is_none(),
        (Some(('*', rest)), first) => {
            stands_for(rest, text) || first.is_some_and(|(_, text)| stands_for(pattern, text))
        }
        (Some(('?', rest)), Some((_, text))) => stands_for(rest, text),
        (Some((c, rest)), Some((d, text))) => c == d && stands_for(rest, text),
        (Some(_), None) => false,
    }
}

fn check_rule(rule: &str, content: &str) {
    let Ok(rule) = serde_json::from_str::<serde_json::Value>(rule) else { return };
    let mut rules = RuleSet::new(Defaults::ALL);
    for (number, kind) in RuleKind::ALL.into_iter().enumerate() {
        let Ok(body) = RuleBody::parse(kind, &rule) else { continue };
        let changed = rules.with_rule(kind, &format!("rule{number}"), body, Place::default());
        rules = changed.expect("the id is in order and there are few rules");
    }
    // What is stored comes back the same.
    let back = RuleSet::from_stored(&rules.to_stored(Defaults::ALL), Defaults::ALL);
    let back = back.expect("what was stored can be read");
    assert_eq!(back.hash(), rules.hash());
    let Ok(json::Value::Object(content)) = json::parse(content.as_bytes(), Strictness::Tolerant)
    else {
        return;
    };
    let event = PushEvent::new("$e", "!r:x", "@bob:x", "m.room.message", Some(""), &content);
    let room = RoomFacts { joined_members: 2, sender_may_notify: &|key| key == "room" };
    let told = |rules: &RuleSet| {
        let user = Recipient { user_id: "@alice:x", display_name: Some("Alice") };
        rules.evaluate(&event, &room).for_user(&user).clone()
    };
    assert_eq!(told(&back), told(&rules));
}
