// SPDX-License-Identifier: Apache-2.0
//! Conditions of override and underride rules.

use serde_json::{Value, json};

use super::{
    evaluate::{RoomFacts, UserTest},
    event::{FieldPath, Property, PushEvent, Scalar},
};
use crate::{
    glob::{FoldedText, Glob},
    json,
};

/// A condition of a rule: its JSON, kept word for word, and the test it stands for.
#[derive(Clone, Debug)]
pub struct Condition {
    source: Source,
    test: Test,
}

#[derive(Clone, Debug)]
enum Source {
    /// As the client sent it.
    Json(Value),
    /// `event_match` on the Matrix ID of the owner of the rule set.
    MatchesOwner { key: &'static str },
    /// `event_property_contains` with the Matrix ID of the owner of the rule set.
    ContainsOwner { key: &'static str },
}

#[derive(Clone, Debug)]
enum Test {
    Match {
        path: FieldPath,
        glob: Glob,
    },
    Is {
        path: FieldPath,
        value: Scalar,
    },
    Contains {
        path: FieldPath,
        value: Scalar,
    },
    MatchesOwner {
        path: FieldPath,
    },
    ContainsOwner {
        path: FieldPath,
    },
    ContainsDisplayName,
    MemberCount {
        comparison: Comparison,
        count: u64,
    },
    SenderMayNotify {
        key: String,
    },
    /// Unknown or malformed: never matches, so that the rule is as good as disabled.
    Never,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Equal,
    Less,
    Greater,
    AtMost,
    AtLeast,
}

/// What a condition says about an event, as far as it is the same for every user.
pub(super) enum Outcome<'a> {
    Yes,
    No,
    /// It depends on the user.
    Ask(UserTest<'a>),
}

impl Condition {
    /// Reads a condition. Whatever is not understood is kept and never matches.
    #[must_use]
    pub fn parse(json: Value) -> Self {
        let test = Test::parse(&json).unwrap_or(Test::Never);
        Self { source: Source::Json(json), test }
    }

    pub(super) fn matches_owner(key: &'static str) -> Self {
        let path = FieldPath::parse(key);
        Self { source: Source::MatchesOwner { key }, test: Test::MatchesOwner { path } }
    }

    pub(super) fn contains_owner(key: &'static str) -> Self {
        let path = FieldPath::parse(key);
        Self { source: Source::ContainsOwner { key }, test: Test::ContainsOwner { path } }
    }

    /// The condition as clients see it; place-holders become `user_id`.
    #[must_use]
    pub fn to_json(&self, user_id: &str) -> Value {
        match &self.source {
            Source::Json(json) => json.clone(),
            Source::MatchesOwner { key } => {
                json!({ "kind": "event_match", "key": key, "pattern": user_id })
            }
            Source::ContainsOwner { key } => {
                json!({ "kind": "event_property_contains", "key": key, "value": user_id })
            }
        }
    }

    pub(super) fn evaluate<'a>(
        &'a self,
        event: &'a PushEvent<'_>,
        room: &RoomFacts<'_>,
    ) -> Outcome<'a> {
        let holds = match &self.test {
            Test::Match { path, glob } => event_match(path, glob, event),
            Test::Is { path, value } => match event.property(path) {
                Some(Property::Folded(text, _)) => value.equals_str(text),
                Some(Property::Json(json)) => value.equals(json),
                None => false,
            },
            Test::Contains { path, value } => {
                array(path, event).is_some_and(|items| items.iter().any(|i| value.equals(i)))
            }
            Test::MatchesOwner { path } => return matches_owner(path, event),
            Test::ContainsOwner { path } => return contains_owner(path, event),
            Test::ContainsDisplayName => {
                return event.body().map_or(Outcome::No, |b| Outcome::Ask(UserTest::NamedIn(b)));
            }
            Test::MemberCount { comparison, count } => {
                comparison.holds(room.joined_members, *count)
            }
            Test::SenderMayNotify { key } => (room.sender_may_notify)(key),
            Test::Never => false,
        };
        if holds { Outcome::Yes } else { Outcome::No }
    }
}

fn event_match(path: &FieldPath, glob: &Glob, event: &PushEvent<'_>) -> bool {
    match event.property(path) {
        Some(Property::Folded(_, text)) if path.is_content_body() => glob.matches_words(text),
        Some(Property::Folded(_, text)) => glob.matches(text),
        Some(Property::Json(json::Value::String(text))) => glob.matches(&FoldedText::new(text)),
        Some(Property::Json(_)) | None => false,
    }
}

fn array<'a>(path: &FieldPath, event: &'a PushEvent<'_>) -> Option<&'a [json::Value]> {
    match event.property(path) {
        Some(Property::Json(json::Value::Array(items))) => Some(items),
        _ => None,
    }
}

/// Deviation: compared exactly, not as a pattern without regard to case, so that an invitation
/// of one user never rings at another whose historical name differs in case.
fn matches_owner<'a>(path: &FieldPath, event: &'a PushEvent<'_>) -> Outcome<'a> {
    match event.property(path) {
        Some(Property::Folded(text, _)) => Outcome::Ask(UserTest::Is(text)),
        Some(Property::Json(json::Value::String(text))) => Outcome::Ask(UserTest::Is(text)),
        Some(Property::Json(_)) | None => Outcome::No,
    }
}

fn contains_owner<'a>(path: &FieldPath, event: &'a PushEvent<'_>) -> Outcome<'a> {
    let items = array(path, event).unwrap_or_default();
    let mut users: Vec<&str> = items.iter().filter_map(json::Value::as_str).collect();
    if users.is_empty() {
        return Outcome::No;
    }
    users.sort_unstable();
    Outcome::Ask(UserTest::Among(users))
}

impl Test {
    fn parse(json: &Value) -> Option<Self> {
        let text = |name| json.get(name).and_then(Value::as_str);
        let path = || text("key").map(FieldPath::parse);
        let value = || json.get("value").and_then(Scalar::parse);
        Some(match text("kind")? {
            "event_match" => Self::Match { path: path()?, glob: Glob::new(text("pattern")?) },
            "event_property_is" => Self::Is { path: path()?, value: value()? },
            "event_property_contains" => Self::Contains { path: path()?, value: value()? },
            "contains_display_name" => Self::ContainsDisplayName,
            "room_member_count" => {
                let (comparison, count) = Comparison::parse(text("is")?)?;
                Self::MemberCount { comparison, count }
            }
            "sender_notification_permission" => {
                Self::SenderMayNotify { key: text("key")?.to_owned() }
            }
            _ => return None,
        })
    }
}

impl Comparison {
    fn parse(text: &str) -> Option<(Self, u64)> {
        let prefixes = [
            ("==", Self::Equal),
            ("<=", Self::AtMost),
            (">=", Self::AtLeast),
            ("<", Self::Less),
            (">", Self::Greater),
        ];
        let found = prefixes
            .into_iter()
            .find_map(|(prefix, comparison)| Some((comparison, text.strip_prefix(prefix)?)));
        let (comparison, digits) = found.unwrap_or((Self::Equal, text));
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        Some((comparison, digits.parse().ok()?))
    }

    fn holds(self, members: u64, count: u64) -> bool {
        match self {
            Self::Equal => members == count,
            Self::Less => members < count,
            Self::Greater => members > count,
            Self::AtMost => members <= count,
            Self::AtLeast => members >= count,
        }
    }
}
