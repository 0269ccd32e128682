// SPDX-License-Identifier: Apache-2.0
//! Redaction: what is left of an event (Client-Server API, "Redactions", and each room version).

use crate::{
    json::{Object, Value},
    version::Rules,
};

/// The top-level members that survive in every version (`room_id` and others below).
const KEPT: &[&str] = &[
    "event_id",
    "type",
    "room_id",
    "sender",
    "state_key",
    "content",
    "hashes",
    "signatures",
    "depth",
    "prev_events",
    "auth_events",
    "origin_server_ts",
];
/// Those that survived up to version 10.
const KEPT_BEFORE_11: &[&str] = &["origin", "membership", "prev_state"];

/// Whether a top-level member survives redaction.
pub fn keeps_member(key: &str, rules: &Rules) -> bool {
    KEPT.contains(&key) || (!rules.redaction_v11 && KEPT_BEFORE_11.contains(&key))
}

/// The whole event after redaction.
pub fn redact(event: &Object, rules: &Rules) -> Object {
    let kind = event.get("type").and_then(Value::as_str).unwrap_or_default();
    let mut left: Object = event
        .iter()
        .filter(|(key, _)| keeps_member(key, rules))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    if let Some(Value::Object(content)) = left.get_mut("content") {
        *content = redact_content(kind, content, rules);
    }
    left
}

/// What is left of the content of an event of type `kind`.
pub fn redact_content(kind: &str, content: &Object, rules: &Rules) -> Object {
    let keep = |keys: &[&str]| -> Object {
        content
            .iter()
            .filter(|(key, _)| keys.contains(&key.as_str()))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    };
    match kind {
        "m.room.member" => redact_member(content, rules),
        "m.room.create" if rules.redaction_v11 => content.clone(),
        "m.room.create" => keep(&["creator"]),
        "m.room.join_rules" if rules.redaction_keeps_allow => keep(&["join_rule", "allow"]),
        "m.room.join_rules" => keep(&["join_rule"]),
        "m.room.power_levels" => {
            let mut left = keep(&[
                "ban",
                "events",
                "events_default",
                "kick",
                "redact",
                "state_default",
                "users",
                "users_default",
            ]);
            if rules.redaction_v11 {
                left.extend(keep(&["invite"]));
            }
            left
        }
        "m.room.history_visibility" => keep(&["history_visibility"]),
        "m.room.redaction" if rules.redaction_v11 => keep(&["redacts"]),
        "m.room.aliases" if rules.special_aliases => keep(&["aliases"]),
        _ => Object::new(),
    }
}

fn redact_member(content: &Object, rules: &Rules) -> Object {
    let mut left = Object::new();
    for (key, value) in content {
        let kept = match key.as_str() {
            "membership" => Some(value.clone()),
            "join_authorised_via_users_server" if rules.redaction_keeps_authorised_via => {
                Some(value.clone())
            }
            // Room version 11: of a third-party invite only `signed`. An invite without it leaves
            // an empty object, as in other servers: the text names keys to keep inside it.
            "third_party_invite" if rules.redaction_v11 => value.as_object().map(|invite| {
                let signed = invite.get_key_value("signed");
                Value::Object(
                    signed.map(|(key, value)| (key.clone(), value.clone())).into_iter().collect(),
                )
            }),
            _ => None,
        };
        if let Some(kept) = kept {
            left.insert(key.clone(), kept);
        }
    }
    left
}
