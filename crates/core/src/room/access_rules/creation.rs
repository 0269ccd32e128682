// SPDX-License-Identifier: Apache-2.0
//! What a new room is made with, when its maker does not say so.

use std::collections::HashSet;

use super::{ADMIN, AccessRules, KIND, Rule, forbidden, invalid, is_agent, no_power_for_guests};
use crate::{
    auth::read_level,
    ids::UserId,
    json::{Object, Value},
    room::{CreateRoom, Preset, Rejection},
};

/// The least that inviting takes.
const INVITE: i64 = 50;
const ALGORITHM: &str = "m.megolm.v1.aes-sha2";

/// Checks a request for a room and adds what it leaves out: the rules themselves, encryption where
/// the room is private, who sees the past, and power levels. `agents` are those among all users
/// that the request names who are no guests; `guest_address`: a guest's address is invited.
///
/// # Errors
/// [`Rejection::AccessRulesInvalid`] for what contradicts itself, [`Rejection::AccessRules`] for
/// what may not be.
pub fn complete(
    request: &mut CreateRoom,
    published: bool,
    (agents, guest_address): (&HashSet<UserId>, bool),
) -> Result<(), Rejection> {
    let rules = rules(request, published)?;
    let open = join_rule(request) == "public";
    if open && rules.rule == Rule::Direct {
        return Err(invalid("invalid access rule: a direct chat cannot be open to everybody"));
    }
    let invited = request.invite.len().saturating_add(request.invite_addresses.len());
    if rules.rule == Rule::Direct && invited > 1 {
        return Err(invalid("invalid access rule: a direct chat is between two people"));
    }
    if published {
        rules.may_be_published()?;
    }
    let asked_in = request.invite.iter().any(|(user, _)| !agents.contains(user)) || guest_address;
    if rules.rule == Rule::Restricted && asked_in {
        return Err(forbidden("guests may not be in this room"));
    }
    encryption(request, rules, open)?;
    let seen = if rules.public == Some(true) { "shared" } else { "invited" };
    add_state(request, "m.room.history_visibility", ("history_visibility", seen.into()));
    power_levels(request)?;
    if rules.rule == Rule::Unrestricted {
        guests_without_power(request, agents)?;
    }
    Ok(())
}

fn initial<'r>(request: &'r CreateRoom, kind: &str) -> Option<&'r Object> {
    let found = request.initial_state.iter().rev();
    let mut found = found.filter(|(known, key, _)| known == kind && key.is_empty());
    found.next().map(|(_, _, content)| content)
}

/// Adds a piece of state that the request does not set.
fn add_state(request: &mut CreateRoom, kind: &str, (key, value): (&str, Value)) {
    if initial(request, kind).is_none() {
        let content = Object::from([(key.to_owned(), value)]);
        request.initial_state.push((kind.to_owned(), String::new(), content));
    }
}

fn join_rule(request: &CreateRoom) -> &str {
    let said = initial(request, "m.room.join_rules");
    let said = said.and_then(|content| content.get("join_rule")?.as_str());
    said.unwrap_or(if request.preset == Preset::Public { "public" } else { "invite" })
}

/// The rules that are asked for, with what the rest of the request says, written back whole.
fn rules(request: &mut CreateRoom, published: bool) -> Result<AccessRules, Rejection> {
    let said = initial(request, KIND).cloned().unwrap_or_default();
    let mut rules = AccessRules::parse(&said)?;
    if !said.contains_key("rule") && request.is_direct {
        rules.rule = Rule::Direct;
    }
    if (rules.rule == Rule::Direct) != request.is_direct {
        return Err(invalid("invalid access rule"));
    }
    let public = request.preset == Preset::Public || published;
    if rules.public.is_some_and(|said| said != public) {
        return Err(invalid("`visibility` contradicts the rest of the request"));
    }
    rules.public = Some(public);
    let mut content = said;
    content.insert("rule".into(), rules.rule.as_str().into());
    content.insert("visibility".into(), if public { "public" } else { "private" }.into());
    request.initial_state.retain(|(kind, key, _)| kind != KIND || !key.is_empty());
    // First, so that nothing that follows is judged by other rules.
    request.initial_state.insert(0, (KIND.to_owned(), String::new(), content));
    Ok(rules)
}

/// Private rooms are encrypted, unless their maker wants otherwise; public ones are not. A space
/// holds no messages.
fn encryption(request: &mut CreateRoom, rules: AccessRules, open: bool) -> Result<(), Rejection> {
    let asked = initial(request, "m.room.encryption");
    if let Some(content) = asked {
        if rules.public == Some(true) || open {
            return Err(forbidden("a room that everybody may join is not encrypted"));
        }
        if rules.unencrypted {
            return Err(invalid("the room is to be encrypted and not to be"));
        }
        if content.get("algorithm").and_then(Value::as_str).is_none() {
            return Err(invalid("`algorithm` is missing"));
        }
        return Ok(());
    }
    let is_space = request.creation_content.get("type").and_then(Value::as_str) == Some("m.space");
    if rules.public == Some(false) && !open && !rules.unencrypted && !is_space {
        add_state(request, "m.room.encryption", ("algorithm", ALGORITHM.into()));
    }
    Ok(())
}

/// The levels of these rooms, below what the request overrides. Inviting and changing the room may
/// be made harder, not easier.
fn power_levels(request: &mut CreateRoom) -> Result<(), Rejection> {
    let rules = request.version.rules();
    let wanted = &mut request.power_level_content_override;
    for (key, least) in [("invite", INVITE), ("state_default", ADMIN)] {
        let level = wanted.get(key).map(|value| read_level(value, &rules));
        if level.is_some_and(|level| level.is_none_or(|level| level < least)) {
            return Err(forbidden("inviting takes at least 50 in these rooms, settings 100"));
        }
        wanted.entry(key.to_owned()).or_insert_with(|| least.into());
    }
    for (key, level) in [("users_default", 0), ("events_default", 0)] {
        wanted.entry(key.to_owned()).or_insert_with(|| level.into());
    }
    for key in ["kick", "ban", "redact"] {
        wanted.entry(key.to_owned()).or_insert_with(|| 50.into());
    }
    // From version 12 on only creators and whom they raise above others may replace a room.
    let tombstone = if rules.privileged_creators { 150 } else { ADMIN };
    let mut events = match wanted.get("events") {
        None => Object::new(),
        Some(Value::Object(said)) => said.clone(),
        // Left as it is: the authorisation rules refuse it.
        Some(_) => return Ok(()),
    };
    for (kind, level) in [
        ("m.room.name", 50),
        ("m.room.canonical_alias", 50),
        ("m.room.avatar", 50),
        ("m.room.power_levels", ADMIN),
        ("m.room.history_visibility", ADMIN),
        ("m.room.tombstone", tombstone),
        ("m.room.server_acl", ADMIN),
        ("m.room.encryption", ADMIN),
        ("m.beacon_info", 0),
        ("org.matrix.msc3672.beacon_info", 0),
        ("m.call.member", 0),
        ("org.matrix.msc3401.call.member", 0),
    ] {
        events.entry(kind.to_owned()).or_insert_with(|| level.into());
    }
    wanted.insert("events".into(), Value::Object(events));
    Ok(())
}

/// No guest is named in the power levels, and none becomes a creator.
fn guests_without_power(request: &CreateRoom, agents: &HashSet<UserId>) -> Result<(), Rejection> {
    let version = request.version.rules();
    no_power_for_guests(&request.power_level_content_override, &version, agents)?;
    let trusted = request.preset == Preset::TrustedPrivate;
    let trusts = trusted && request.invite.iter().any(|(user, _)| !agents.contains(user));
    let creators = request.creation_content.get("additional_creators");
    let creators = creators.and_then(Value::as_array).unwrap_or_default();
    let creates = creators.iter().filter_map(Value::as_str).any(|id| !is_agent(agents, id));
    if trusts || creates {
        return Err(forbidden("guests cannot have power in a room"));
    }
    Ok(())
}
