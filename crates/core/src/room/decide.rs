// SPDX-License-Identifier: Apache-2.0
//! Commands of this server's own users.

use std::sync::Arc;

use super::{
    Command, Decision, Extremity, MemberAct, NewEvent, Rejection, RoomUpdate, RoomView, Signer,
    third_party,
};
use crate::{
    auth::{Candidate, auth_types, authorise_with},
    event::{Event, EventDraft, Membership},
    ids::{EventId, UserId},
    json::{Object, Value},
    limits::PREV_EVENTS_MAX,
};

/// Who let the user into a restricted room; of no account to whoever is in it.
const AUTHORISED_VIA: &str = "join_authorised_via_users_server";

/// An event before its place in the graph is known.
pub(super) struct Wanted<'a> {
    pub(super) sender: &'a UserId,
    pub(super) kind: &'a str,
    pub(super) state_key: Option<&'a str>,
    pub(super) content: &'a Object,
    pub(super) redacts: Option<&'a EventId>,
}

/// Decides what a command does to a room.
///
/// `now_ms` becomes the event's `origin_server_ts`. Refusals leave nothing behind.
pub fn decide(
    command: &Command,
    view: &RoomView,
    signer: &Signer<'_>,
    now_ms: i64,
) -> Result<Decision, Rejection> {
    match command {
        Command::Send { sender, kind, content } => {
            let wanted = Wanted { sender, kind, state_key: None, content, redacts: None };
            event(&wanted, view, signer, now_ms)
        }
        Command::SendState { sender, kind, state_key, content } => {
            state(view, signer, now_ms, (sender, kind, state_key, content))
        }
        Command::Redact { sender, redacts, target_sender, content } => {
            redaction(view, signer, now_ms, (sender, redacts, target_sender.as_ref(), content))
        }
        Command::Member { sender, target, act, content, in_allowed_room } => {
            let content = member_content(view, signer, (target, *act), content, *in_allowed_room)?;
            member(view, signer, now_ms, (sender, target, *act, content))
        }
        Command::InviteAddress { sender, token, content } => {
            third_party::invite(view, signer, now_ms, (sender, token, content))
        }
        Command::RedeemInvite { target, token, proof, content } => {
            third_party::redeem(view, signer, now_ms, (target, token, proof, content))
        }
        Command::EndInvite { token } => third_party::end(view, signer, now_ms, token),
    }
}

fn event(
    wanted: &Wanted<'_>,
    view: &RoomView,
    signer: &Signer<'_>,
    now_ms: i64,
) -> Result<Decision, Rejection> {
    accept(wanted, view, signer, now_ms).map(Decision::Update)
}

/// The one event that is wanted, at the end of the room.
pub(super) fn accept(
    wanted: &Wanted<'_>,
    view: &RoomView,
    signer: &Signer<'_>,
    now_ms: i64,
) -> Result<RoomUpdate, Rejection> {
    let event = Arc::new(build(wanted, view, signer, now_ms, None)?);
    let replaces = event.state_key().and_then(|key| view.state_event(event.kind(), key)).cloned();
    let end = Extremity { event_id: event.event_id().clone(), depth: event.depth() };
    // Ends beyond what one event can follow stay ends.
    let left = view.forward_extremities().iter().skip(PREV_EVENTS_MAX).cloned();
    Ok(RoomUpdate {
        forward_extremities: std::iter::once(end).chain(left).collect(),
        events: vec![NewEvent::accepted(event, replaces)],
        state: None,
    })
}

/// Authorises what is wanted against the room, then builds and signs it.
pub(super) fn build(
    wanted: &Wanted<'_>,
    view: &RoomView,
    signer: &Signer<'_>,
    now_ms: i64,
    chosen_id: Option<&EventId>,
) -> Result<Event, Rejection> {
    let rules = view.rules();
    let ends = view.forward_extremities();
    let prev_events: Vec<EventId> =
        ends.iter().take(PREV_EVENTS_MAX).map(|end| end.event_id.clone()).collect();
    let candidate = Candidate {
        sender: wanted.sender,
        kind: wanted.kind,
        state_key: wanted.state_key,
        content: wanted.content,
        room_id: Some(view.room_id().as_str()),
        redacts: wanted.redacts,
        prev_events: &prev_events,
        event_id: chosen_id,
    };
    authorise_with(candidate, view, view.power_levels(), rules)?;
    let auth_events: Vec<EventId> = auth_types(&candidate, rules)
        .into_iter()
        .filter_map(|(kind, key)| view.state_event(kind, key))
        .map(|event| event.event_id().clone())
        .collect();
    let depth = ends.iter().map(|end| end.depth).max().unwrap_or(0).saturating_add(1);
    let draft = EventDraft {
        version: view.version(),
        room_id: Some(view.room_id()),
        sender: wanted.sender,
        kind: wanted.kind,
        state_key: wanted.state_key,
        content: wanted.content,
        redacts: wanted.redacts.filter(|_| !rules.redacts_in_content),
        prev_events: &prev_events,
        auth_events: &auth_events,
        depth,
        origin_server_ts: now_ms,
        chosen_id,
    };
    Ok(draft.sign(signer.server, signer.key)?)
}

fn state(
    view: &RoomView,
    signer: &Signer<'_>,
    now_ms: i64,
    (sender, kind, state_key, content): (&UserId, &str, &str, &Object),
) -> Result<Decision, Rejection> {
    let same = view.state_event(kind, state_key).filter(|now| now.content() == content);
    if let Some(same) = same
        && view.is_joined(sender)
        && same.sender() == sender
    {
        return Ok(Decision::Unchanged(same.event_id().clone()));
    }
    let wanted = Wanted { sender, kind, state_key: Some(state_key), content, redacts: None };
    event(&wanted, view, signer, now_ms)
}

/// Room version 3 and later leave the right to redact to whoever applies the redaction; a user of
/// ours is told at once (Client-Server API, "Redactions").
fn redaction(
    view: &RoomView,
    signer: &Signer<'_>,
    now_ms: i64,
    (sender, redacts, target_sender, content): (&UserId, &EventId, Option<&UserId>, &Object),
) -> Result<Decision, Rejection> {
    let levels = view.power_levels();
    if target_sender != Some(sender) && levels.user(sender) < levels.redact {
        return Err(Rejection::MayNotRedact);
    }
    let mut content = content.clone();
    if view.rules().redacts_in_content {
        content.insert("redacts".into(), Value::from(redacts.as_str()));
    }
    let wanted = Wanted {
        sender,
        kind: "m.room.redaction",
        state_key: None,
        content: &content,
        redacts: Some(redacts),
    };
    event(&wanted, view, signer, now_ms)
}

/// The content of a membership event: what the client may add, and what the rules need.
fn member_content(
    view: &RoomView,
    signer: &Signer<'_>,
    (target, act): (&UserId, MemberAct),
    extras: &Object,
    in_allowed_room: bool,
) -> Result<Object, Rejection> {
    let membership = match act {
        MemberAct::Join => Membership::Join,
        MemberAct::Invite => Membership::Invite,
        MemberAct::Knock => Membership::Knock,
        MemberAct::Leave | MemberAct::Kick | MemberAct::Unban => Membership::Leave,
        MemberAct::Ban => Membership::Ban,
    };
    let mut content = extras.clone();
    content.insert("membership".into(), membership.as_str().into());
    content.remove(AUTHORISED_VIA);
    let invited = matches!(view.membership(target), Some(Membership::Invite | Membership::Join));
    let restricted = match view.join_rule() {
        "restricted" => view.rules().restricted,
        "knock_restricted" => view.rules().knock_restricted,
        _ => false,
    };
    if act == MemberAct::Join && restricted && !invited {
        if view.membership(target) == Some(Membership::Ban) {
            return Err(crate::auth::AuthError::Banned.into());
        }
        if !in_allowed_room {
            return Err(Rejection::NotInAllowedRoom);
        }
        let via = authorising_user(view, signer).ok_or(Rejection::UnableToAuthoriseJoin)?;
        content.insert(AUTHORISED_VIA.into(), via.into());
    }
    Ok(content)
}

/// A user of this server who is in the room and may invite (pitfall 21): one of those whose level
/// is set in the room, else the first of all members.
fn authorising_user<'a>(view: &'a RoomView, signer: &Signer<'_>) -> Option<&'a str> {
    let levels = view.power_levels();
    let may = |user: &str| {
        user.split_once(':').is_some_and(|(_, server)| server == signer.server.as_str())
            && levels.user_named(user) >= levels.invite
    };
    let joined = |user: &str| {
        let member = view.state_event("m.room.member", user);
        member.filter(|member| member.membership() == Some(Membership::Join))
    };
    let named = levels.named_users().filter(|user| may(user)).find_map(joined);
    if let Some(member) = named {
        return member.state_key();
    }
    if levels.users_default < levels.invite {
        return None;
    }
    view.state()
        .iter_kind_unordered("m.room.member")
        .filter(|member| member.membership() == Some(Membership::Join))
        .filter_map(|member| member.state_key())
        .filter(|user| may(user))
        .min()
}

fn member(
    view: &RoomView,
    signer: &Signer<'_>,
    now_ms: i64,
    (sender, target, act, content): (&UserId, &UserId, MemberAct, Object),
) -> Result<Decision, Rejection> {
    let current = view.membership(target);
    match act {
        MemberAct::Unban if current != Some(Membership::Ban) => return Err(Rejection::NotBanned),
        MemberAct::Kick
            if !matches!(
                current,
                Some(Membership::Join | Membership::Invite | Membership::Knock)
            ) =>
        {
            return Err(Rejection::NotInRoom);
        }
        _ => {}
    }
    if let Some(same) = view.state_event("m.room.member", target.as_str())
        && act == MemberAct::Join
        && current == Some(Membership::Join)
        && same.content().iter().filter(|(key, _)| *key != AUTHORISED_VIA).eq(&content)
    {
        return Ok(Decision::Unchanged(same.event_id().clone()));
    }
    let wanted = Wanted {
        sender,
        kind: "m.room.member",
        state_key: Some(target.as_str()),
        content: &content,
        redacts: None,
    };
    event(&wanted, view, signer, now_ms)
}

#[cfg(test)]
mod tests;
