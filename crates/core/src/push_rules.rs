// SPDX-License-Identifier: Apache-2.0
//! Push rules: from an event and a rule set to what the user is told.
//!
//! A [`RuleSet`] is one user's rules: the server's defaults, changed where the user changed them,
//! and the user's own. It is immutable and cheap to clone; every change ([`edit`]) gives a new one.
//! Where a default rule speaks of "the user's Matrix ID" the rule set holds a place-holder, so
//! that users with the same settings have rule sets with the same [`RuleSet::hash`].
//!
//! An event is evaluated once per distinct rule set ([`RuleSet::evaluate`]); what remains for
//! each user ([`Verdict::for_user`]) costs a few comparisons. A verdict depends on nothing but
//! its arguments.
//!
//! Source: <https://spec.matrix.org/v1.19/client-server-api/#push-rules>.

mod condition;
mod defaults;
pub mod edit;
mod evaluate;
mod event;
mod wire;

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, sync::Arc};

pub use condition::Condition;
pub use defaults::Defaults;
pub use edit::{PushRuleError, RuleBody};
pub use evaluate::{Recipient, RoomFacts, Verdict};
pub use event::PushEvent;
use serde_json::Value;
pub use wire::StoredRulesError;

use crate::glob::Glob;

/// The kinds of rules, in the order in which they are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RuleKind {
    /// Rules with conditions that come before all others.
    Override,
    /// Rules on a pattern in `content.body`.
    Content,
    /// Rules for one room; the rule's id is the room's.
    Room,
    /// Rules for one sender; the rule's id is the user's.
    Sender,
    /// Rules with conditions that come after all others.
    Underride,
}

impl RuleKind {
    /// All kinds in the order in which they are looked at.
    pub const ALL: [Self; 5] =
        [Self::Override, Self::Content, Self::Room, Self::Sender, Self::Underride];

    /// Reads the kind as it stands in a path. `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// The kind's name in paths and rule sets.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Override => "override",
            Self::Content => "content",
            Self::Room => "room",
            Self::Sender => "sender",
            Self::Underride => "underride",
        }
    }
}

/// One action of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Notify the user.
    Notify,
    /// Set a tweak of the notification; without a value it is the tweak's own default.
    SetTweak {
        /// The tweak's name, `sound` or `highlight` or one that clients and gateways agreed on.
        name: String,
        /// The tweak's value.
        value: Option<Value>,
    },
    /// `dont_notify` or `coalesce`: does nothing, and is shown as it was set.
    /// Source: <https://spec.matrix.org/v1.19/client-server-api/#historical-actions>.
    Historical(String),
}

/// What a rule does, worked out of its actions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effect {
    /// Whether the event counts as a notification and is pushed.
    pub notify: bool,
    /// Whether the event is highlighted. Never without `notify`.
    pub highlight: bool,
    /// The sound to play, `default` or a name. Never without `notify`.
    pub sound: Option<String>,
    /// The tweaks for the push gateway, `sound` and `highlight` among them.
    pub tweaks: BTreeMap<String, Value>,
}

/// The effect of events that no rule matches, and of one's own.
pub(crate) static NO_EFFECT: Effect =
    Effect { notify: false, highlight: false, sound: None, tweaks: BTreeMap::new() };

impl Effect {
    fn of(actions: &[Action]) -> Self {
        if !actions.contains(&Action::Notify) {
            return Self::default();
        }
        let mut effect = Self { notify: true, ..Self::default() };
        for action in actions {
            let Action::SetTweak { name, value } = action else { continue };
            let value = match (name.as_str(), value) {
                ("highlight", None) => Value::Bool(true),
                (_, value) => value.clone().unwrap_or(Value::Null),
            };
            match (name.as_str(), &value) {
                ("highlight", value) => effect.highlight = value.as_bool() == Some(true),
                ("sound", Value::String(sound)) => effect.sound = Some(sound.clone()),
                _ => {}
            }
            effect.tweaks.insert(name.clone(), value);
        }
        effect
    }
}

/// One push rule.
#[derive(Clone, Debug)]
pub struct Rule {
    rule_id: String,
    default: bool,
    enabled: bool,
    actions: Vec<Action>,
    effect: Effect,
    /// Of override and underride rules; empty for the others.
    conditions: Vec<Condition>,
    /// Of content rules.
    pattern: Option<Pattern>,
}

#[derive(Clone, Debug)]
struct Pattern {
    source: String,
    glob: Glob,
}

impl Rule {
    fn new(rule_id: String, default: bool, enabled: bool, actions: Vec<Action>) -> Self {
        let effect = Effect::of(&actions);
        let (conditions, pattern) = (Vec::new(), None);
        Self { rule_id, default, enabled, actions, effect, conditions, pattern }
    }

    fn with_pattern(mut self, source: String) -> Self {
        let glob = Glob::new(&source);
        self.pattern = Some(Pattern { source, glob });
        self
    }

    fn set_actions(&mut self, actions: Vec<Action>) {
        self.effect = Effect::of(&actions);
        self.actions = actions;
    }

    /// The rule's id, unique among the rules of its kind.
    #[must_use]
    pub fn rule_id(&self) -> &str {
        &self.rule_id
    }

    /// Whether this is a rule of the server and not of the user.
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.default
    }

    /// Whether the rule takes part in the evaluation.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.enabled
    }

    /// What the rule does.
    #[must_use]
    pub fn actions(&self) -> &[Action] {
        &self.actions
    }
}

/// The rules of one kind.
#[derive(Clone, Debug, Default)]
struct Rules {
    /// The user's own, the most important first.
    own: Vec<Arc<Rule>>,
    /// The server's, the most important first.
    default: Vec<Arc<Rule>>,
}

/// The id of the rule that silences everything and comes before the user's own.
const MASTER: &str = ".m.rule.master";

impl Rules {
    /// All rules in the order in which they are looked at: `.m.rule.master`, the user's own,
    /// the server's.
    ///
    /// Source: <https://spec.matrix.org/v1.19/client-server-api/#predefined-rules>.
    fn in_order(&self) -> impl Iterator<Item = &Arc<Rule>> {
        let master = self.default.iter().filter(|rule| rule.rule_id == MASTER);
        let others = self.default.iter().filter(|rule| rule.rule_id != MASTER);
        master.chain(&self.own).chain(others)
    }

    fn get(&self, rule_id: &str) -> Option<&Arc<Rule>> {
        self.own.iter().chain(&self.default).find(|rule| rule.rule_id == rule_id)
    }
}

/// All push rules of one user. Immutable; clones share their rules.
#[derive(Clone, Debug)]
pub struct RuleSet {
    kinds: [Rules; 5],
}

/// Stands for a rule set in caches: equal for two users whom every event affects alike, their
/// own names aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleSetHash(pub [u8; 32]);

impl RuleSet {
    /// The rule set of a user who changed nothing.
    #[must_use]
    pub fn new(defaults: Defaults) -> Self {
        defaults::rule_set(defaults)
    }

    fn empty() -> Self {
        Self { kinds: std::array::from_fn(|_| Rules::default()) }
    }

    fn rules(&self, kind: RuleKind) -> &Rules {
        let [override_, content, room, sender, underride] = &self.kinds;
        match kind {
            RuleKind::Override => override_,
            RuleKind::Content => content,
            RuleKind::Room => room,
            RuleKind::Sender => sender,
            RuleKind::Underride => underride,
        }
    }

    fn rules_mut(&mut self, kind: RuleKind) -> &mut Rules {
        let [override_, content, room, sender, underride] = &mut self.kinds;
        match kind {
            RuleKind::Override => override_,
            RuleKind::Content => content,
            RuleKind::Room => room,
            RuleKind::Sender => sender,
            RuleKind::Underride => underride,
        }
    }

    /// The rule with this id among the rules of `kind`.
    #[must_use]
    pub fn get(&self, kind: RuleKind, rule_id: &str) -> Option<&Rule> {
        self.rules(kind).get(rule_id).map(Arc::as_ref)
    }

    /// How many rules the user has added.
    #[must_use]
    pub fn own_rules(&self) -> usize {
        self.kinds.iter().map(|rules| rules.own.len()).sum()
    }
}
