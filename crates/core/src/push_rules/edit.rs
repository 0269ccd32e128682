// SPDX-License-Identifier: Apache-2.0
//! Changes to a rule set, as pure functions: each gives a new rule set or says why not.
//!
//! Source: <https://spec.matrix.org/v1.19/client-server-api/#push-rules-api>.

use std::sync::Arc;

use serde_json::Value;

use super::{Action, Condition, Rule, RuleKind, RuleSet, wire::has_conditions};
use crate::limits::{
    PUSH_PATTERN_CHARS_MAX, PUSH_RULE_CONDITIONS_MAX, PUSH_RULE_ID_BYTES_MAX,
    PUSH_RULE_PART_BYTES_MAX, PUSH_RULES_MAX,
};

/// Why a change to a rule set was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PushRuleError {
    /// There is no such rule: 404 `M_NOT_FOUND`.
    #[error("The push rule was not found.")]
    NotFound,
    /// `before` or `after` names no rule of the user: 400 `M_UNKNOWN`.
    #[error("before/after rule not found: {rule_id}")]
    RelativeRuleNotFound {
        /// The rule that was named.
        rule_id: String,
    },
    /// The id begins with a dot, which is reserved: 400 `M_INVALID_PARAM`.
    #[error("Rule ids that begin with a dot are the server's own.")]
    ReservedRuleId,
    /// The id is empty or contains `/` or `\`: 400 `M_INVALID_PARAM`.
    #[error("A rule id is not empty and contains neither a slash nor a backslash.")]
    InvalidRuleId,
    /// A property is missing or has the wrong type: 400 `M_BAD_JSON`.
    #[error("The property {property} of the push rule is missing or of the wrong type.")]
    BadProperty {
        /// Which one.
        property: &'static str,
    },
    /// The rule, or the number of rules, passes a limit: 413 `M_TOO_LARGE`.
    #[error("The push rules would be too large: {what}.")]
    TooLarge {
        /// What is too large.
        what: &'static str,
    },
}

/// The body of `PUT /_matrix/client/v3/pushrules/global/{kind}/{ruleId}`.
#[derive(Clone, Debug)]
pub struct RuleBody {
    actions: Vec<Action>,
    conditions: Vec<Condition>,
    pattern: Option<String>,
}

impl RuleBody {
    /// Reads and checks the body for a rule of `kind`.
    ///
    /// # Errors
    /// When `actions` is absent or not a list of actions, a content rule has no `pattern`,
    /// `conditions` is not a list of objects, or a limit is passed.
    pub fn parse(kind: RuleKind, json: &Value) -> Result<Self, PushRuleError> {
        let actions = parse_actions(json)?;
        let conditions = match json.get("conditions") {
            Some(conditions) if has_conditions(kind) => parse_conditions(conditions)?,
            _ => Vec::new(),
        };
        let pattern = if kind == RuleKind::Content {
            let pattern = json.get("pattern").and_then(Value::as_str);
            let pattern = pattern.ok_or(PushRuleError::BadProperty { property: "pattern" })?;
            check_pattern(pattern)?;
            Some(pattern.to_owned())
        } else {
            None
        };
        Ok(Self { actions, conditions, pattern })
    }
}

/// Reads `actions` of the body of `PUT …/actions` or of a rule.
///
/// # Errors
/// When it is absent, too large or not a list of actions.
pub fn parse_actions(json: &Value) -> Result<Vec<Action>, PushRuleError> {
    let error = PushRuleError::BadProperty { property: "actions" };
    let actions = json.get("actions").ok_or(error.clone())?;
    check_size(actions, "actions")?;
    Action::parse_list(actions).ok_or(error)
}

fn parse_conditions(json: &Value) -> Result<Vec<Condition>, PushRuleError> {
    let error = || PushRuleError::BadProperty { property: "conditions" };
    let list = json.as_array().ok_or_else(error)?;
    if list.len() > PUSH_RULE_CONDITIONS_MAX {
        return Err(PushRuleError::TooLarge { what: "conditions" });
    }
    check_size(json, "conditions")?;
    for condition in list {
        condition.get("kind").and_then(Value::as_str).ok_or_else(error)?;
        if let Some(pattern) = condition.get("pattern").and_then(Value::as_str) {
            check_pattern(pattern)?;
        }
    }
    Ok(list.iter().cloned().map(Condition::parse).collect())
}

fn check_size(json: &Value, what: &'static str) -> Result<(), PushRuleError> {
    if json.to_string().len() > PUSH_RULE_PART_BYTES_MAX {
        return Err(PushRuleError::TooLarge { what });
    }
    Ok(())
}

fn check_pattern(pattern: &str) -> Result<(), PushRuleError> {
    if pattern.chars().count() > PUSH_PATTERN_CHARS_MAX {
        return Err(PushRuleError::TooLarge { what: "pattern" });
    }
    Ok(())
}

fn check_own_rule_id(rule_id: &str) -> Result<(), PushRuleError> {
    if rule_id.starts_with('.') {
        return Err(PushRuleError::ReservedRuleId);
    }
    if rule_id.is_empty() || rule_id.contains(['/', '\\']) {
        return Err(PushRuleError::InvalidRuleId);
    }
    if rule_id.len() > PUSH_RULE_ID_BYTES_MAX {
        return Err(PushRuleError::TooLarge { what: "rule id" });
    }
    Ok(())
}

/// Where a rule is to stand among the user's rules of its kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place<'a> {
    /// The rule is to be the next more important one than this. Wins over `after`.
    pub before: Option<&'a str>,
    /// The rule is to be the next less important one than this.
    pub after: Option<&'a str>,
}

impl RuleSet {
    /// Adds a rule, or changes it when it exists.
    ///
    /// A new rule is enabled and, without a place, the most important of its kind; a changed
    /// rule stays enabled or disabled and, without a place, where it is.
    ///
    /// # Errors
    /// When the id is not a user's, `place` names a rule that the user does not have, or there
    /// are too many rules.
    pub fn with_rule(
        &self,
        kind: RuleKind,
        rule_id: &str,
        body: RuleBody,
        place: Place<'_>,
    ) -> Result<Self, PushRuleError> {
        check_own_rule_id(rule_id)?;
        let own = &self.rules(kind).own;
        let find = |rule_id: &str| own.iter().position(|rule| rule.rule_id == rule_id);
        for named in [place.before, place.after].into_iter().flatten() {
            if find(named).is_none() {
                let rule_id = named.to_owned();
                return Err(PushRuleError::RelativeRuleNotFound { rule_id });
            }
        }
        let present = find(rule_id);
        if present.is_none() && self.own_rules() >= PUSH_RULES_MAX {
            return Err(PushRuleError::TooLarge { what: "number of rules" });
        }
        let enabled = present.and_then(|at| own.get(at)).is_none_or(|rule| rule.enabled);
        let mut rule = Rule::new(rule_id.to_owned(), false, enabled, body.actions);
        rule.conditions = body.conditions;
        if let Some(pattern) = body.pattern {
            rule = rule.with_pattern(pattern);
        }
        let mut changed = self.clone();
        let own = &mut changed.rules_mut(kind).own;
        // A place relative to itself is where the rule is already.
        let place = match place {
            Place { before: Some(id), .. } if id == rule_id => Place::default(),
            Place { before: None, after: Some(id) } if id == rule_id => Place::default(),
            place => place,
        };
        if let Some(at) = present {
            own.remove(at);
        }
        let find = |rule_id: &str| own.iter().position(|rule| rule.rule_id == rule_id);
        let at = match (place.before, place.after) {
            (Some(before), _) => find(before).unwrap_or(0),
            (None, Some(after)) => find(after).map_or(0, |at| at + 1),
            (None, None) => present.unwrap_or(0),
        };
        own.insert(at.min(own.len()), Arc::new(rule));
        Ok(changed)
    }

    /// Removes a rule of the user's own.
    ///
    /// # Errors
    /// When there is no such rule, or it is the server's.
    pub fn without_rule(&self, kind: RuleKind, rule_id: &str) -> Result<Self, PushRuleError> {
        let rule = self.get(kind, rule_id).ok_or(PushRuleError::NotFound)?;
        if rule.default {
            return Err(PushRuleError::ReservedRuleId);
        }
        let mut changed = self.clone();
        changed.rules_mut(kind).own.retain(|rule| rule.rule_id != rule_id);
        Ok(changed)
    }

    /// Enables or disables a rule, the server's included.
    ///
    /// # Errors
    /// When there is no such rule.
    pub fn with_enabled(
        &self,
        kind: RuleKind,
        rule_id: &str,
        enabled: bool,
    ) -> Result<Self, PushRuleError> {
        self.with_changed(kind, rule_id, |rule| rule.enabled = enabled)
    }

    /// Changes the actions of a rule, the server's included.
    ///
    /// # Errors
    /// When there is no such rule.
    pub fn with_actions(
        &self,
        kind: RuleKind,
        rule_id: &str,
        actions: Vec<Action>,
    ) -> Result<Self, PushRuleError> {
        self.with_changed(kind, rule_id, |rule| rule.set_actions(actions))
    }

    fn with_changed(
        &self,
        kind: RuleKind,
        rule_id: &str,
        change: impl FnOnce(&mut Rule),
    ) -> Result<Self, PushRuleError> {
        let mut changed = self.clone();
        let rules = changed.rules_mut(kind);
        let rule = rules
            .own
            .iter_mut()
            .chain(&mut rules.default)
            .find(|rule| rule.rule_id == rule_id)
            .ok_or(PushRuleError::NotFound)?;
        change(Arc::make_mut(rule));
        Ok(changed)
    }

    /// Copies the user's rules for one room to the room that replaces it, disabled ones as
    /// disabled: its room rule, and own override and underride rules with a condition on
    /// exactly this `room_id`. Rules that exist already in the new room stay as they are.
    #[must_use]
    pub fn with_room_replaced(&self, old_room_id: &str, new_room_id: &str) -> Self {
        let mut changed = self.clone();
        for kind in [RuleKind::Override, RuleKind::Room, RuleKind::Underride] {
            let rules = changed.rules_mut(kind);
            let mut copied = Vec::with_capacity(rules.own.len());
            for rule in &rules.own {
                copied.push(Arc::clone(rule));
                let copy = rule.for_room(kind, old_room_id, new_room_id);
                if let Some(copy) = copy.filter(|copy| rules.get(&copy.rule_id).is_none()) {
                    copied.push(Arc::new(copy));
                }
            }
            rules.own = copied;
        }
        if changed.own_rules() > PUSH_RULES_MAX { self.clone() } else { changed }
    }
}

impl Rule {
    fn for_room(&self, kind: RuleKind, old_room_id: &str, new_room_id: &str) -> Option<Self> {
        if kind == RuleKind::Room {
            let rule_id = new_room_id.to_owned();
            return (self.rule_id == old_room_id).then(|| Self { rule_id, ..self.clone() });
        }
        let mut found = false;
        let replace = |condition: &Condition| {
            let mut json = condition.to_json("");
            if json.get("key").and_then(Value::as_str) == Some("room_id") {
                for name in ["pattern", "value"] {
                    if let Some(room_id) = json.get_mut(name)
                        && room_id.as_str() == Some(old_room_id)
                    {
                        *room_id = Value::from(new_room_id);
                        found = true;
                    }
                }
            }
            Condition::parse(json)
        };
        let conditions = self.conditions.iter().map(replace).collect();
        let rule_id = match self.rule_id.strip_prefix(old_room_id) {
            Some(rest) => format!("{new_room_id}{rest}"),
            None => format!("{}-{new_room_id}", self.rule_id),
        };
        found.then(|| Self { rule_id, conditions, ..self.clone() })
    }
}
