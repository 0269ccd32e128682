// SPDX-License-Identifier: Apache-2.0
//! Which state events authorise an event (Server-Server API, "Auth events selection").

use super::{AuthError, Candidate};
use crate::{event::Event, json::Value, version::Rules};

/// Rule 3: the events that a received event names as its authority. Each comes with whether it was
/// rejected itself. Whether they *allow* the event is for [`super::authorise`] to say.
pub fn check_auth_events<'e>(
    event: &Candidate<'_>,
    auth_events: impl IntoIterator<Item = (&'e Event, bool)>,
    rules: &Rules,
) -> Result<(), AuthError> {
    let selected = auth_types(event, rules);
    let mut seen: Vec<(&str, &str)> = Vec::with_capacity(selected.len());
    for (auth_event, rejected) in auth_events {
        let key = (auth_event.kind(), auth_event.state_key().ok_or(AuthError::AuthEvents)?);
        // Rules 3.1 and 3.2.
        if seen.contains(&key) || !selected.contains(&key) {
            return Err(AuthError::AuthEvents);
        }
        // Rule 3.3.
        if rejected {
            return Err(AuthError::RejectedAuthEvent);
        }
        // Rule 3.5.
        if event.room_id != Some(auth_event.room_id().as_str()) {
            return Err(AuthError::AuthEventOfAnotherRoom);
        }
        seen.push(key);
    }
    // Rule 3.4, in the versions that have it; the others find the create event by the room id.
    if !rules.room_id_is_create_hash
        && event.kind != "m.room.create"
        && !seen.contains(&("m.room.create", ""))
    {
        return Err(AuthError::NoCreate);
    }
    Ok(())
}

/// The (type, state key) pairs that the algorithm selects, without repetition. From room version
/// 12 on the create event is implied by the room id and is not among them.
pub fn auth_types<'a>(event: &Candidate<'a>, rules: &Rules) -> Vec<(&'static str, &'a str)> {
    if event.kind == "m.room.create" {
        return Vec::new();
    }
    let mut selected: Vec<(&'static str, &'a str)> = Vec::with_capacity(5);
    if !rules.room_id_is_create_hash {
        selected.push(("m.room.create", ""));
    }
    selected.push(("m.room.power_levels", ""));
    selected.push(("m.room.member", event.sender.as_str()));
    if event.kind == "m.room.member" {
        select_for_member(event, rules, &mut selected);
    }
    selected
}

fn select_for_member<'a>(
    event: &Candidate<'a>,
    rules: &Rules,
    selected: &mut Vec<(&'static str, &'a str)>,
) {
    let text = |key: &str| event.content.get(key).and_then(Value::as_str);
    let mut add = |pair| {
        if !selected.contains(&pair) {
            selected.push(pair);
        }
    };
    if let Some(target) = event.state_key {
        add(("m.room.member", target));
    }
    let membership = text("membership");
    if matches!(membership, Some("join" | "invite" | "knock")) {
        add(("m.room.join_rules", ""));
    }
    if membership == Some("invite")
        && let Some(token) = event
            .content
            .get("third_party_invite")
            .and_then(Value::as_object)
            .and_then(|invite| invite.get("signed"))
            .and_then(Value::as_object)
            .and_then(|signed| signed.get("token"))
            .and_then(Value::as_str)
    {
        add(("m.room.third_party_invite", token));
    }
    if membership == Some("join")
        && rules.restricted
        && let Some(via) = text("join_authorised_via_users_server")
    {
        add(("m.room.member", via));
    }
}
