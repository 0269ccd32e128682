// SPDX-License-Identifier: Apache-2.0
//! Evaluation in two steps: once per distinct rule set, then per user.

use super::{Effect, NO_EFFECT, Rule, RuleKind, RuleSet, condition::Outcome, event::PushEvent};
use crate::glob::{FoldedText, Glob};

/// What conditions ask about the room, apart from the event.
#[derive(Clone, Copy)]
pub struct RoomFacts<'a> {
    /// How many users are joined to the room.
    pub joined_members: u64,
    /// Whether the sender of the event has the power level to notify by this key, see
    /// [`crate::auth::PowerLevels::notification`].
    pub sender_may_notify: &'a dyn Fn(&str) -> bool,
}

/// The user who would be told of the event.
#[derive(Clone, Copy, Debug)]
pub struct Recipient<'a> {
    /// The user's Matrix ID.
    pub user_id: &'a str,
    /// The user's display name in the room.
    pub display_name: Option<&'a str>,
}

/// What a rule set says of an event, for every user who has this rule set.
#[derive(Clone, Debug)]
pub struct Verdict<'a> {
    sender: &'a str,
    /// Rules that match some users, in order.
    asks: Vec<(Vec<UserTest<'a>>, &'a Effect)>,
    /// What holds for all others.
    rest: &'a Effect,
}

/// What is left of a condition once the event is known.
#[derive(Clone, Debug)]
pub(super) enum UserTest<'a> {
    /// The user is this one.
    Is(&'a str),
    /// The user is one of these, which are in ascending order.
    Among(Vec<&'a str>),
    /// The user's display name occurs in this text.
    NamedIn(&'a FoldedText),
}

impl UserTest<'_> {
    fn holds(&self, user: &Recipient<'_>) -> bool {
        match self {
            Self::Is(user_id) => *user_id == user.user_id,
            Self::Among(users) => users.binary_search(&user.user_id).is_ok(),
            Self::NamedIn(body) => user
                .display_name
                .is_some_and(|name| !name.is_empty() && Glob::literal(name).matches_words(body)),
        }
    }
}

impl RuleSet {
    /// Finds the first rule that matches `event`, as far as that is the same for every user who
    /// has this rule set.
    ///
    /// Kinds in the order override, content, room, sender, underride; within a kind
    /// `.m.rule.master`, the user's own rules, the server's. Disabled rules never match.
    ///
    /// Source: <https://spec.matrix.org/v1.19/client-server-api/#push-rules>.
    #[must_use]
    pub fn evaluate<'a>(&'a self, event: &'a PushEvent<'_>, room: &RoomFacts<'_>) -> Verdict<'a> {
        let mut asks = Vec::new();
        for kind in RuleKind::ALL {
            for rule in self.rules(kind).in_order().filter(|rule| rule.enabled) {
                match rule.tests_left(kind, event, room) {
                    None => {}
                    Some(tests) if tests.is_empty() => {
                        return Verdict { sender: event.sender(), asks, rest: &rule.effect };
                    }
                    Some(tests) => asks.push((tests, &rule.effect)),
                }
            }
        }
        Verdict { sender: event.sender(), asks, rest: &NO_EFFECT }
    }
}

impl Rule {
    /// `None` when the rule matches nobody, else what still has to be asked of each user.
    fn tests_left<'a>(
        &'a self,
        kind: RuleKind,
        event: &'a PushEvent<'_>,
        room: &RoomFacts<'_>,
    ) -> Option<Vec<UserTest<'a>>> {
        let matches = match kind {
            RuleKind::Override | RuleKind::Underride => {
                let mut tests = Vec::new();
                for condition in &self.conditions {
                    match condition.evaluate(event, room) {
                        Outcome::Yes => {}
                        Outcome::No => return None,
                        Outcome::Ask(test) => tests.push(test),
                    }
                }
                return Some(tests);
            }
            RuleKind::Content => match (&self.pattern, event.body()) {
                (Some(pattern), Some(body)) => pattern.glob.matches_words(body),
                _ => false,
            },
            RuleKind::Room => self.rule_id == event.room_id(),
            RuleKind::Sender => self.rule_id == event.sender(),
        };
        matches.then(Vec::new)
    }
}

impl<'a> Verdict<'a> {
    /// What `user` is told. Nobody is told of their own events.
    #[must_use]
    pub fn for_user(&self, user: &Recipient<'_>) -> &'a Effect {
        if user.user_id == self.sender {
            return &NO_EFFECT;
        }
        self.asks
            .iter()
            .find(|(tests, _)| tests.iter().all(|test| test.holds(user)))
            .map_or(self.rest, |(_, effect)| effect)
    }

    /// What every user with this rule set is told, the sender aside, when it is the same for all.
    #[must_use]
    pub fn for_everybody(&self) -> Option<&'a Effect> {
        self.asks.is_empty().then_some(self.rest)
    }
}
