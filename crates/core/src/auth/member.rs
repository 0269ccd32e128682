// SPDX-License-Identifier: Apache-2.0
//! Rule 5: `m.room.member`.

use base64::Engine as _;

use super::{AuthError, AuthState, Case};
use crate::{
    event::{Event, Membership},
    json::{Object, Value},
    sign::{BASE64, verify_json},
};

/// Rule 5. That `join_authorised_via_users_server` is signed (5.2) is checked with the other
/// signatures, see `event::RawPdu::signatures_needed`.
pub(super) fn member<S: AuthState + ?Sized>(case: &Case<'_, S>) -> Result<(), AuthError> {
    let target = case.event.state_key.ok_or(AuthError::MemberMalformed)?;
    let word = case.event.content.get("membership").ok_or(AuthError::MemberMalformed)?;
    let word = word.as_str().ok_or(AuthError::MemberMalformed)?;
    match Membership::parse(word) {
        Some(Membership::Join) => join(case, target),
        Some(Membership::Invite) => invite(case, target),
        Some(Membership::Leave) => leave(case, target),
        Some(Membership::Ban) => ban(case, target),
        Some(Membership::Knock) if case.rules.knock => knock(case, target),
        _ => Err(AuthError::UnknownMembership),
    }
}

/// Rule 5.3.
fn join<S: AuthState + ?Sized>(case: &Case<'_, S>, target: &str) -> Result<(), AuthError> {
    if follows_only_create(case) && is_first_creator(case, target) {
        return Ok(());
    }
    if case.event.sender.as_str() != target {
        return Err(AuthError::NotTheUser);
    }
    let current = case.state.membership(target);
    if current == Some(Membership::Ban) {
        return Err(AuthError::Banned);
    }
    let invited = matches!(current, Some(Membership::Invite | Membership::Join));
    match case.state.join_rule() {
        "public" => Ok(()),
        "invite" if invited => Ok(()),
        "knock" if case.rules.knock && invited => Ok(()),
        "restricted" if case.rules.restricted => restricted_join(case, invited),
        "knock_restricted" if case.rules.knock_restricted => restricted_join(case, invited),
        _ => Err(AuthError::JoinRule),
    }
}

/// Rule 5.3.1.
fn follows_only_create<S: AuthState + ?Sized>(case: &Case<'_, S>) -> bool {
    matches!(case.event.prev_events, [only] if only == case.create.event_id())
}

fn is_first_creator<S: AuthState + ?Sized>(case: &Case<'_, S>, target: &str) -> bool {
    if case.rules.creator_is_sender {
        case.create.sender().as_str() == target
    } else {
        case.create.content().get("creator").and_then(Value::as_str) == Some(target)
    }
}

/// Rule 5.3.5.
fn restricted_join<S: AuthState + ?Sized>(
    case: &Case<'_, S>,
    invited: bool,
) -> Result<(), AuthError> {
    if invited {
        return Ok(());
    }
    let via = case.event.content.get("join_authorised_via_users_server").and_then(Value::as_str);
    let via = via.ok_or(AuthError::JoinRule)?;
    let joined = case.state.membership(via) == Some(Membership::Join);
    if joined && case.levels.user_named(via) >= case.levels.invite {
        Ok(())
    } else {
        Err(AuthError::JoinAuthorisedBy)
    }
}

/// Rule 5.4.
fn invite<S: AuthState + ?Sized>(case: &Case<'_, S>, target: &str) -> Result<(), AuthError> {
    if let Some(third_party) = case.event.content.get("third_party_invite") {
        return third_party_invite(case, target, third_party);
    }
    super::sender_joined(case)?;
    if matches!(case.state.membership(target), Some(Membership::Join | Membership::Ban)) {
        return Err(AuthError::InviteTarget);
    }
    if case.levels.user(case.event.sender) >= case.levels.invite {
        Ok(())
    } else {
        Err(AuthError::PowerLevel)
    }
}

/// Rule 5.4.1.
fn third_party_invite<S: AuthState + ?Sized>(
    case: &Case<'_, S>,
    target: &str,
    third_party: &Value,
) -> Result<(), AuthError> {
    if case.state.membership(target) == Some(Membership::Ban) {
        return Err(AuthError::Banned);
    }
    let wrong = AuthError::ThirdPartyInvite;
    let signed = third_party
        .as_object()
        .and_then(|invite| invite.get("signed"))
        .and_then(Value::as_object)
        .ok_or(wrong)?;
    let text = |key: &str| signed.get(key).and_then(Value::as_str).ok_or(wrong);
    if text("mxid")? != target {
        return Err(wrong);
    }
    let offer = case.state.state("m.room.third_party_invite", text("token")?).ok_or(wrong)?;
    if offer.sender() != case.event.sender {
        return Err(wrong);
    }
    let keys = public_keys(offer);
    if keys.iter().any(|key| any_signature_by(signed, key)) { Ok(()) } else { Err(wrong) }
}

fn public_keys(offer: &Event) -> Vec<Vec<u8>> {
    let single = offer.content().get("public_key").and_then(Value::as_str);
    let list = offer.content().get("public_keys").and_then(Value::as_array).unwrap_or_default();
    let listed = list.iter().filter_map(|entry| entry.as_object()?.get("public_key")?.as_str());
    single.into_iter().chain(listed).filter_map(decode_key).collect()
}

/// A key of `m.room.third_party_invite`: unpadded base64 in the standard or URL-safe alphabet.
fn decode_key(text: &str) -> Option<Vec<u8>> {
    BASE64.decode(text.replace('-', "+").replace('_', "/")).ok()
}

fn any_signature_by(signed: &Object, key: &[u8]) -> bool {
    let signatures = signed.get("signatures").and_then(Value::as_object);
    signatures.into_iter().flatten().any(|(server, by_server)| {
        let ids = by_server.as_object().into_iter().flatten();
        ids.into_iter().any(|(key_id, _)| {
            key_id.starts_with("ed25519:") && verify_json(signed, server, key_id, key).is_ok()
        })
    })
}

/// Rule 5.5.
fn leave<S: AuthState + ?Sized>(case: &Case<'_, S>, target: &str) -> Result<(), AuthError> {
    let current = case.state.membership(target);
    if case.event.sender.as_str() == target {
        return match current {
            Some(Membership::Invite | Membership::Join) => Ok(()),
            Some(Membership::Knock) if case.rules.knock => Ok(()),
            _ => Err(AuthError::NothingToLeave),
        };
    }
    super::sender_joined(case)?;
    let own = case.levels.user(case.event.sender);
    if current == Some(Membership::Ban) && own < case.levels.ban {
        return Err(AuthError::PowerLevel);
    }
    above(case, own, case.levels.kick, target)
}

/// Rule 5.6.
fn ban<S: AuthState + ?Sized>(case: &Case<'_, S>, target: &str) -> Result<(), AuthError> {
    super::sender_joined(case)?;
    above(case, case.levels.user(case.event.sender), case.levels.ban, target)
}

/// The sender reaches `needed` and the target is below the sender.
fn above<S: AuthState + ?Sized>(
    case: &Case<'_, S>,
    own: i64,
    needed: i64,
    target: &str,
) -> Result<(), AuthError> {
    if own < needed {
        return Err(AuthError::PowerLevel);
    }
    if case.levels.user_named(target) < own { Ok(()) } else { Err(AuthError::TargetPowerLevel) }
}

/// Rule 5.7.
fn knock<S: AuthState + ?Sized>(case: &Case<'_, S>, target: &str) -> Result<(), AuthError> {
    let open = match case.state.join_rule() {
        "knock" => true,
        "knock_restricted" => case.rules.knock_restricted,
        _ => false,
    };
    if !open {
        return Err(AuthError::Knock);
    }
    if case.event.sender.as_str() != target {
        return Err(AuthError::NotTheUser);
    }
    let current = case.state.membership(target);
    if matches!(current, Some(Membership::Ban | Membership::Invite | Membership::Join)) {
        return Err(AuthError::Knock);
    }
    Ok(())
}
