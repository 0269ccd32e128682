// SPDX-License-Identifier: Apache-2.0
//! Rule sets as JSON: for clients, and for the store.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::{Action, Condition, Defaults, Rule, RuleKind, RuleSet, RuleSetHash};

/// The owner's Matrix ID as it enters the hash, which no user can have.
const OWNER: &str = "\u{0}";

/// A stored rule set that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stored push rules are corrupt at {path}")]
pub struct StoredRulesError {
    /// Where, as `kind/index` or `kind`.
    pub path: String,
}

impl Action {
    /// Reads one action; `None` for what is not an action at all.
    pub(super) fn parse(json: &Value) -> Option<Self> {
        match json {
            Value::String(name) if name == "notify" => Some(Self::Notify),
            Value::String(name) if name == "dont_notify" || name == "coalesce" => {
                Some(Self::Historical(name.clone()))
            }
            Value::Object(action) => {
                let name = action.get("set_tweak")?.as_str()?.to_owned();
                Some(Self::SetTweak { name, value: action.get("value").cloned() })
            }
            _ => None,
        }
    }

    /// Reads a list of actions; `None` when it is not one.
    pub(super) fn parse_list(json: &Value) -> Option<Vec<Self>> {
        json.as_array()?.iter().map(Self::parse).collect()
    }

    fn to_json(&self) -> Value {
        match self {
            Self::Notify => Value::from("notify"),
            Self::Historical(name) => Value::from(name.as_str()),
            Self::SetTweak { name, value: None } => json!({ "set_tweak": name }),
            Self::SetTweak { name, value: Some(value) } => {
                json!({ "set_tweak": name, "value": value })
            }
        }
    }
}

/// Whether rules of this kind carry conditions.
pub(super) fn has_conditions(kind: RuleKind) -> bool {
    matches!(kind, RuleKind::Override | RuleKind::Underride)
}

impl Rule {
    /// The actions as clients see them: the answer of
    /// `GET /_matrix/client/v3/pushrules/global/{kind}/{ruleId}/actions` has them in `actions`.
    #[must_use]
    pub fn actions_json(&self) -> Value {
        self.actions.iter().map(Action::to_json).collect()
    }

    fn to_json(&self, kind: RuleKind, user_id: &str) -> Value {
        let mut json = Map::new();
        json.insert("rule_id".to_owned(), Value::from(self.rule_id.as_str()));
        json.insert("default".to_owned(), Value::from(self.default));
        json.insert("enabled".to_owned(), Value::from(self.enabled));
        json.insert("actions".to_owned(), self.actions_json());
        if has_conditions(kind) {
            let conditions = self.conditions.iter().map(|c| c.to_json(user_id)).collect();
            json.insert("conditions".to_owned(), conditions);
        }
        if let Some(pattern) = &self.pattern {
            json.insert("pattern".to_owned(), Value::from(pattern.source.as_str()));
        }
        Value::Object(json)
    }
}

impl RuleSet {
    /// The rule set of `user_id` as clients see it: the answer of
    /// `GET /_matrix/client/v3/pushrules/` and the content of `m.push_rules`.
    #[must_use]
    pub fn to_json(&self, user_id: &str) -> Value {
        json!({ "global": self.global_json(user_id) })
    }

    /// The answer of `GET /_matrix/client/v3/pushrules/global/`.
    #[must_use]
    pub fn global_json(&self, user_id: &str) -> Value {
        let kinds = RuleKind::ALL
            .into_iter()
            .map(|kind| (kind.as_str().to_owned(), self.kind_json(kind, user_id)));
        Value::Object(kinds.collect())
    }

    /// The rules of one kind as clients see them.
    #[must_use]
    pub fn kind_json(&self, kind: RuleKind, user_id: &str) -> Value {
        self.rules(kind).in_order().map(|rule| rule.to_json(kind, user_id)).collect()
    }

    /// The answer of `GET /_matrix/client/v3/pushrules/global/{kind}/{ruleId}`.
    #[must_use]
    pub fn rule_json(&self, kind: RuleKind, rule_id: &str, user_id: &str) -> Option<Value> {
        Some(self.get(kind, rule_id)?.to_json(kind, user_id))
    }

    /// The form for the store: the user's own rules whole, of the server's rules only what the
    /// user changed, so that better defaults of a later version reach everybody.
    #[must_use]
    pub fn to_stored(&self, defaults: Defaults) -> Value {
        let pristine = Self::new(defaults);
        let mut kinds = Map::new();
        for kind in RuleKind::ALL {
            let own = self.rules(kind).own.iter().map(|rule| rule.to_json(kind, OWNER));
            let changed = self.rules(kind).default.iter().filter_map(|rule| {
                let before = pristine.get(kind, &rule.rule_id)?;
                let mut json = Map::new();
                if before.enabled != rule.enabled {
                    json.insert("enabled".to_owned(), Value::from(rule.enabled));
                }
                if before.actions != rule.actions {
                    json.insert("actions".to_owned(), rule.actions_json());
                }
                if json.is_empty() {
                    return None;
                }
                json.insert("rule_id".to_owned(), Value::from(rule.rule_id.as_str()));
                json.insert("default".to_owned(), Value::Bool(true));
                Some(Value::Object(json))
            });
            kinds.insert(kind.as_str().to_owned(), own.chain(changed).collect());
        }
        Value::Object(kinds)
    }

    /// Reads what [`Self::to_stored`] wrote, or the `global` part of a full rule set.
    ///
    /// Default rules that exist no longer are forgotten.
    ///
    /// # Errors
    /// When a rule of the user's own cannot be read.
    pub fn from_stored(stored: &Value, defaults: Defaults) -> Result<Self, StoredRulesError> {
        let mut rule_set = Self::new(defaults);
        for kind in RuleKind::ALL {
            let Some(list) = stored.get(kind.as_str()) else { continue };
            let error = || StoredRulesError { path: kind.as_str().to_owned() };
            for (index, json) in list.as_array().ok_or_else(error)?.iter().enumerate() {
                rule_set.add_stored(kind, json).ok_or_else(|| StoredRulesError {
                    path: format!("{}/{index}", kind.as_str()),
                })?;
            }
        }
        Ok(rule_set)
    }

    fn add_stored(&mut self, kind: RuleKind, json: &Value) -> Option<()> {
        let rule_id = json.get("rule_id")?.as_str()?;
        let enabled = json.get("enabled").and_then(Value::as_bool);
        let actions = match json.get("actions") {
            Some(actions) => Some(Action::parse_list(actions)?),
            None => None,
        };
        let rules = self.rules_mut(kind);
        if rule_id.starts_with('.') {
            let Some(rule) = rules.default.iter_mut().find(|rule| rule.rule_id == rule_id) else {
                return Some(());
            };
            let rule = Arc::make_mut(rule);
            rule.enabled = enabled.unwrap_or(rule.enabled);
            if let Some(actions) = actions {
                rule.set_actions(actions);
            }
            return Some(());
        }
        let mut rule = Rule::new(rule_id.to_owned(), false, enabled.unwrap_or(true), actions?);
        match kind {
            RuleKind::Content => {
                rule = rule.with_pattern(json.get("pattern")?.as_str()?.to_owned());
            }
            RuleKind::Override | RuleKind::Underride => {
                let conditions = json.get("conditions").and_then(Value::as_array);
                rule.conditions =
                    conditions.into_iter().flatten().cloned().map(Condition::parse).collect();
            }
            RuleKind::Room | RuleKind::Sender => {}
        }
        rules.own.push(Arc::new(rule));
        Some(())
    }

    /// The hash of all that bears on the evaluation: the enabled rules in order, without their
    /// ids where these mean nothing.
    #[must_use]
    pub fn hash(&self) -> RuleSetHash {
        let mut hasher = Sha256::new();
        let mut add = |part: &[u8]| {
            hasher.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hasher.update(part);
        };
        for kind in RuleKind::ALL {
            for rule in self.rules(kind).in_order().filter(|rule| rule.enabled) {
                add(kind.as_str().as_bytes());
                match kind {
                    RuleKind::Room | RuleKind::Sender => add(rule.rule_id.as_bytes()),
                    RuleKind::Content => {
                        add(rule.pattern.as_ref().map_or("", |p| &p.source).as_bytes());
                    }
                    RuleKind::Override | RuleKind::Underride => {
                        for condition in &rule.conditions {
                            add(condition.to_json(OWNER).to_string().as_bytes());
                        }
                    }
                }
                add(rule.actions_json().to_string().as_bytes());
            }
        }
        RuleSetHash(hasher.finalize().into())
    }
}
