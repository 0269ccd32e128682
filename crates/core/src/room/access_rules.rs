// SPDX-License-Identifier: Apache-2.0
//! Kinds of rooms: what the state event `im.vector.room.access_rules` makes of a room, on servers
//! whose operator wants it. The event and its words are those of Tchap's clients and servers.
//!
//! - `restricted` (also without the event): no guest comes in. It alone may be published.
//! - `unrestricted`: guests may be invited, and have no power. There is no way back.
//! - `direct`: two people and nobody else, ever; no name, picture or topic.
//!
//! `visibility` and `force_unencrypted_at_creation` are settled when the room is made: what is
//! private is encrypted unless its maker wanted otherwise, what is public is not encrypted.
//!
//! These rules come on top of the specification's authorisation rules and bind what is sent on
//! this server; events of other servers are judged by the specification alone.

mod creation;

use std::collections::HashSet;

pub use self::creation::complete;
use super::{Command, MemberAct, Rejection, RoomView};
use crate::{
    auth::read_level,
    event::Membership,
    ids::UserId,
    json::{Object, Value},
    third_party_invite,
    version::Rules,
};

/// The type of the state event. Its state key is empty.
pub const KIND: &str = "im.vector.room.access_rules";

/// The level that changing the rules takes, whatever the room's power levels say.
const ADMIN: i64 = 100;

/// Who may come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Rule {
    /// Agents.
    #[default]
    Restricted,
    /// Agents and guests.
    Unrestricted,
    /// Two people.
    Direct,
}

impl Rule {
    fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "restricted" => Self::Restricted,
            "unrestricted" => Self::Unrestricted,
            "direct" => Self::Direct,
            _ => return None,
        })
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Restricted => "restricted",
            Self::Unrestricted => "unrestricted",
            Self::Direct => "direct",
        }
    }
}

/// The rules of one room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AccessRules {
    /// Who may come in.
    pub rule: Rule,
    /// Whether the room was made for everybody; `None` where the event does not say so.
    pub public: Option<bool>,
    /// Whether its maker wanted a private room without encryption.
    pub unencrypted: bool,
}

/// What the rules ask of the world outside of the room.
#[derive(Debug, Clone, Default)]
pub struct Outside {
    /// Those among the users that the command concerns who are no guests. Everybody else is taken
    /// for one.
    pub agents: HashSet<UserId>,
    /// Whether the address that is invited is a guest's.
    pub guest_address: bool,
    /// Whether the room is listed in the directory.
    pub published: bool,
}

fn invalid(why: &'static str) -> Rejection {
    Rejection::AccessRulesInvalid(why)
}

fn forbidden(why: &'static str) -> Rejection {
    Rejection::AccessRules(why)
}

impl AccessRules {
    /// Reads the content of the event. No `rule` is `restricted`; a wrong word is an error.
    pub fn parse(content: &Object) -> Result<Self, Rejection> {
        let wrong = || invalid("invalid access rule");
        let rule = match content.get("rule") {
            None => Rule::default(),
            Some(word) => word.as_str().and_then(Rule::parse).ok_or_else(wrong)?,
        };
        let public = match content.get("visibility").map(Value::as_str) {
            None => None,
            Some(Some("public")) => Some(true),
            Some(Some("private")) => Some(false),
            Some(_) => return Err(invalid("`visibility` is `public` or `private`")),
        };
        let unencrypted = match content.get("force_unencrypted_at_creation") {
            None => false,
            Some(flag) => flag
                .as_bool()
                .ok_or_else(|| invalid("`force_unencrypted_at_creation` is true or false"))?,
        };
        Ok(Self { rule, public, unencrypted })
    }

    /// The rules of a room as it is. What cannot be read is `restricted`: the strictest.
    pub fn of(view: &RoomView) -> Self {
        let event = view.state_event(KIND, "");
        event.and_then(|event| Self::parse(event.content()).ok()).unwrap_or_default()
    }

    /// Whether the room may be listed in the directory.
    pub fn may_be_published(&self) -> Result<(), Rejection> {
        if self.rule != Rule::Restricted {
            return Err(forbidden("only rooms without guests can be published"));
        }
        if self.public == Some(false) {
            return Err(forbidden("a private room cannot be published"));
        }
        Ok(())
    }
}

/// The users of whom it matters to [`check`] whether they are guests.
pub fn concerned(command: &Command, view: &RoomView) -> Vec<UserId> {
    match command {
        Command::Member { target, act: MemberAct::Join | MemberAct::Invite, .. }
        | Command::RedeemInvite { target, .. } => vec![target.clone()],
        Command::SendState { kind, content, .. } if kind == "m.room.power_levels" => {
            let users = content.get("users").and_then(Value::as_object);
            users.into_iter().flatten().filter_map(|(id, _)| UserId::parse(id).ok()).collect()
        }
        Command::SendState { kind, .. } if kind == KIND => {
            view.power_levels().named_users().filter_map(|id| UserId::parse(id).ok()).collect()
        }
        _ => Vec::new(),
    }
}

/// Whether a room's rules allow a command. Leaving, removing and banning are always allowed, so
/// that whoever should not be there can go.
pub fn check(command: &Command, view: &RoomView, outside: &Outside) -> Result<(), Rejection> {
    let rules = AccessRules::of(view);
    match command {
        Command::Member { target, act: MemberAct::Join, .. } => enter(rules, view, target, outside),
        Command::Member { target, act: MemberAct::Invite, .. } => {
            guest_free(rules, !outside.agents.contains(target))?;
            two_people(rules, view, target)
        }
        Command::InviteAddress { .. } => may_invite_address(view, outside.guest_address),
        Command::RedeemInvite { target, token, .. } => {
            guest_free(rules, !outside.agents.contains(target))?;
            let known = view.membership(target).is_some();
            match rules.rule {
                Rule::Direct if !known && places_taken(view, Some(token)) >= 2 => {
                    Err(forbidden(TWO))
                }
                _ => Ok(()),
            }
        }
        Command::SendState { sender, kind, content, .. } => {
            state(rules, view, (sender, kind, content), outside)
        }
        Command::Redact { redacts, .. } => {
            let kept = [KIND, "m.room.encryption"].iter().any(|kind| {
                view.state_event(kind, "").is_some_and(|event| event.event_id() == redacts)
            });
            if kept {
                Err(forbidden("what kind of room this is cannot be redacted"))
            } else {
                Ok(())
            }
        }
        Command::Member { .. } | Command::Send { .. } | Command::EndInvite { .. } => Ok(()),
    }
}

/// Whether a room's rules allow that an address is invited. To be asked before a mail is counted,
/// and again by [`check`].
pub fn may_invite_address(view: &RoomView, guest_address: bool) -> Result<(), Rejection> {
    let rules = AccessRules::of(view);
    guest_free(rules, guest_address)?;
    match rules.rule {
        Rule::Direct if places_taken(view, None) >= 2 => Err(forbidden(TWO)),
        _ => Ok(()),
    }
}

const TWO: &str = "a direct chat is between two people";

/// Coming in, or changing one's profile there.
fn enter(
    rules: AccessRules,
    view: &RoomView,
    target: &UserId,
    outside: &Outside,
) -> Result<(), Rejection> {
    if view.is_joined(target) {
        return Ok(());
    }
    let is_guest = !outside.agents.contains(target);
    guest_free(rules, is_guest)?;
    if is_guest && view.membership(target) != Some(Membership::Invite) {
        return Err(forbidden("guests join only where they are invited"));
    }
    two_people(rules, view, target)
}

fn guest_free(rules: AccessRules, is_guest: bool) -> Result<(), Rejection> {
    if rules.rule == Rule::Restricted && is_guest {
        return Err(forbidden("guests may not be in this room"));
    }
    Ok(())
}

/// Whoever ever had a membership has one of the two places; so has an address that is invited.
fn two_people(rules: AccessRules, view: &RoomView, target: &UserId) -> Result<(), Rejection> {
    let known = view.membership(target).is_some();
    if rules.rule == Rule::Direct && !known && places_taken(view, None) >= 2 {
        return Err(forbidden(TWO));
    }
    Ok(())
}

/// How many places of a direct chat are taken, leaving out the offer that is being redeemed.
fn places_taken(view: &RoomView, redeemed: Option<&str>) -> usize {
    let members = view.state().iter_kind_unordered("m.room.member").count();
    members.saturating_add(pending_offers(view, redeemed))
}

fn pending_offers(view: &RoomView, but: Option<&str>) -> usize {
    let offers = view.state().iter_kind_unordered(third_party_invite::KIND);
    let pending = offers.filter(|offer| third_party_invite::is_pending(offer.content()));
    pending.filter(|offer| but.is_none() || offer.state_key() != but).count()
}

fn state(
    rules: AccessRules,
    view: &RoomView,
    (sender, kind, content): (&UserId, &str, &Object),
    outside: &Outside,
) -> Result<(), Rejection> {
    match kind {
        KIND => change(rules, view, (sender, content), outside),
        "m.room.power_levels" if rules.rule == Rule::Unrestricted => {
            no_power_for_guests(content, view.rules(), &outside.agents)
        }
        "m.room.encryption" if view.join_rule() == "public" => {
            Err(forbidden("a room that everybody may join is not encrypted"))
        }
        "m.room.encryption"
            if content.get("algorithm").is_none_or(|word| word.as_str().is_none()) =>
        {
            Err(forbidden("encryption cannot be switched off"))
        }
        "m.room.join_rules" => join_rules(rules, view, content),
        "m.room.name" | "m.room.avatar" | "m.room.topic" if rules.rule == Rule::Direct => {
            Err(forbidden("a direct chat has no name, picture or topic"))
        }
        _ => Ok(()),
    }
}

fn join_rules(rules: AccessRules, view: &RoomView, content: &Object) -> Result<(), Rejection> {
    let public = content.get("join_rule").and_then(Value::as_str) == Some("public");
    if public && rules.rule == Rule::Direct {
        return Err(forbidden("a direct chat cannot be open to everybody"));
    }
    // What was said while everybody could come in was said to everybody; a room that was made
    // without encryption on purpose may be closed again.
    let may_be_unencrypted = rules.unencrypted && rules.public != Some(true);
    let unencrypted = !(view.is_encrypted() || may_be_unencrypted);
    if !public && view.join_rule() == "public" && unencrypted {
        return Err(forbidden("a room that is not encrypted stays open to everybody"));
    }
    Ok(())
}

/// The event itself: by an administrator, from `restricted` to `unrestricted` alone, all else as it
/// was.
fn change(
    now: AccessRules,
    view: &RoomView,
    (sender, content): (&UserId, &Object),
    outside: &Outside,
) -> Result<(), Rejection> {
    let wanted = AccessRules::parse(content)?;
    if view.power_levels().user(sender) < ADMIN {
        return Err(forbidden("only administrators decide whether guests may come in"));
    }
    let known = view.state_event(KIND, "").is_some();
    let settled = now.public.unwrap_or(false);
    if wanted.public.unwrap_or(false) != settled {
        return Err(forbidden("whether a room is public is settled when it is made"));
    }
    if wanted.unencrypted != now.unencrypted {
        return Err(forbidden("whether a room is encrypted is settled when it is made"));
    }
    match (now.rule, wanted.rule) {
        (before, after) if known && before == after => return Ok(()),
        (Rule::Restricted, Rule::Restricted) => return Ok(()),
        (Rule::Restricted, Rule::Unrestricted) => {
            let levels = view.state_event("m.room.power_levels", "");
            if let Some(levels) = levels {
                no_power_for_guests(levels.content(), view.rules(), &outside.agents)?;
            }
        }
        (Rule::Restricted, Rule::Direct) if !known => {
            let members = view.state().iter_kind_unordered("m.room.member").count();
            if members > 2 || pending_offers(view, None) > 1 || view.join_rule() == "public" {
                return Err(forbidden(TWO));
            }
        }
        _ => return Err(forbidden("guests can be let in, and that cannot be undone")),
    }
    if outside.published {
        return Err(forbidden("a published room cannot be opened to guests"));
    }
    Ok(())
}

/// Power levels under which no guest has any power.
fn no_power_for_guests(
    content: &Object,
    rules: &Rules,
    agents: &HashSet<UserId>,
) -> Result<(), Rejection> {
    let level = |value: &Value| read_level(value, rules);
    let default = content.get("users_default").and_then(level).unwrap_or(0);
    if default != 0 {
        return Err(forbidden("where guests are, nobody has power without being named"));
    }
    let users = content.get("users").and_then(Value::as_object);
    for (id, value) in users.into_iter().flatten() {
        if !is_agent(agents, id) && level(value).unwrap_or(0) != 0 {
            return Err(forbidden("guests cannot have power in a room"));
        }
    }
    Ok(())
}

fn is_agent(agents: &HashSet<UserId>, id: &str) -> bool {
    UserId::parse(id).is_ok_and(|id| agents.contains(&id))
}

#[cfg(test)]
mod tests;
