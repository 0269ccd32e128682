// SPDX-License-Identifier: Apache-2.0
//! Push evaluation of one event for a large room: 10,000 members, 20 distinct rule sets.
//!
//! `cargo bench -p estafette-core --bench push_rules`

fn main() {
    divan::main();
}

mod measured {
    use std::collections::BTreeMap;

    use divan::{Bencher, black_box};
    use estafette_core::{
        json::{Object, Value},
        push_rules::{
            Defaults, PushEvent, Recipient, RoomFacts, RuleBody, RuleKind, RuleSet, RuleSetHash,
            edit::Place,
        },
    };
    use serde_json::json;

    struct Member {
        user_id: String,
        display_name: String,
        rules: RuleSet,
        hash: RuleSetHash,
    }

    /// Twenty users in five hundred: keywords, muted rooms, a muted sender, conditions on names.
    fn rule_set(number: usize) -> Option<RuleSet> {
        let mut rules = RuleSet::new(Defaults::ALL);
        let put = |rules: &RuleSet, kind, id: &str, body: serde_json::Value| {
            let body = RuleBody::parse(kind, &body).ok()?;
            rules.with_rule(kind, id, body, Place::default()).ok()
        };
        for keyword in 0..number {
            let body = json!({ "actions": ["notify"], "pattern": format!("key*word{keyword}") });
            rules = put(&rules, RuleKind::Content, &format!("keyword{keyword}"), body)?;
        }
        let muted = format!("!muted{number}:example.org");
        rules = put(&rules, RuleKind::Room, &muted, json!({ "actions": [] }))?;
        if number % 4 == 3 {
            let conditions = json!([{ "kind": "contains_display_name" }]);
            let body = json!({ "actions": ["notify"], "conditions": conditions });
            rules = put(&rules, RuleKind::Override, "name", body)?;
        }
        Some(rules)
    }

    fn members(count: usize) -> Vec<Member> {
        let sets: Vec<RuleSet> = (0..20).filter_map(rule_set).collect();
        let member = |number: usize| {
            let rules = sets.get(number % sets.len())?.clone();
            let user_id = format!("@user{number}:example.org");
            let display_name = format!("User {number}");
            Some(Member { user_id, display_name, hash: rules.hash(), rules })
        };
        (0..count).filter_map(member).collect()
    }

    fn content() -> Object {
        let body = "Could somebody have a look at the figures before noon? ".repeat(18);
        let users = ["@user17:example.org", "@user4711:example.org"];
        let users: Vec<Value> = users.into_iter().map(Value::from).collect();
        let mentions = Object::from([("user_ids".to_owned(), Value::Array(users))]);
        Object::from([
            ("body".to_owned(), Value::from(body)),
            ("msgtype".to_owned(), Value::from("m.text")),
            ("m.mentions".to_owned(), Value::Object(mentions)),
        ])
    }

    fn evaluate(members: &[Member], content: &Object) -> (usize, usize) {
        let (sender, kind) = ("@user1:example.org", "m.room.message");
        let event = PushEvent::new("$event", "!room:example.org", sender, kind, None, content);
        let joined_members = members.len() as u64;
        let room = RoomFacts { joined_members, sender_may_notify: &|_| false };
        let mut verdicts = BTreeMap::new();
        let (mut notified, mut highlighted) = (0, 0);
        for member in members {
            let verdict =
                verdicts.entry(member.hash).or_insert_with(|| member.rules.evaluate(&event, &room));
            let name = Some(&*member.display_name);
            let user = Recipient { user_id: &member.user_id, display_name: name };
            let effect = verdict.for_user(&user);
            notified += usize::from(effect.notify);
            highlighted += usize::from(effect.highlight);
        }
        (notified, highlighted)
    }

    #[divan::bench]
    fn one_event_for_10_000_members_with_20_rule_sets(bencher: Bencher<'_, '_>) {
        let (members, content) = (members(10_000), content());
        bencher.bench_local(|| evaluate(black_box(&members), black_box(&content)));
    }

    #[divan::bench]
    fn one_event_for_one_rule_set(bencher: Bencher<'_, '_>) {
        let (members, content) = (members(1), content());
        bencher.bench_local(|| evaluate(black_box(&members), black_box(&content)));
    }

    #[divan::bench]
    fn hash_of_a_rule_set(bencher: Bencher<'_, '_>) {
        let rules = RuleSet::new(Defaults::ALL);
        bencher.bench_local(|| black_box(&rules).hash());
    }
}
