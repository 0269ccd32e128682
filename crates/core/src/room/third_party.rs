// SPDX-License-Identifier: Apache-2.0
//! Invitations of addresses: offered, redeemed, ended.

use super::{Decision, Rejection, RoomUpdate, RoomView, Signer, decide};
use crate::{
    event::{Event, Membership},
    ids::UserId,
    json::{Object, Value},
    third_party_invite::{KIND, is_pending},
};

/// Whoever may invite may offer a place (authorisation rule 7 of room version 12, "If type is
/// `m.room.third_party_invite`").
pub(super) fn invite(
    view: &RoomView,
    signer: &Signer<'_>,
    now_ms: i64,
    (sender, token, content): (&UserId, &str, &Object),
) -> Result<Decision, Rejection> {
    state(view, signer, now_ms, (sender, KIND, token, content)).map(Decision::Update)
}

/// The invitation of the target, and the end of the offer with it. Whoever is in the room already,
/// or invited, only ends the offer.
///
/// For the member event the authorisation rules ask that the sender of both be the same (rule
/// 5.4.1), and not whether that user may still invite. For the end of the offer they do (rules 6
/// and 7), so who has left or lost the right does not bring people in any more.
pub(super) fn redeem(
    view: &RoomView,
    signer: &Signer<'_>,
    now_ms: i64,
    (target, token, proof, content): (&UserId, &str, &Object, &Object),
) -> Result<Decision, Rejection> {
    let offer = pending(view, token)?;
    let sender = offer.sender();
    if matches!(view.membership(target), Some(Membership::Join | Membership::Invite)) {
        return end(view, signer, now_ms, token);
    }
    let display_name = offer.content().get("display_name").cloned();
    let mut content = content.clone();
    content.insert("membership".into(), Membership::Invite.as_str().into());
    content.insert(
        "third_party_invite".into(),
        Value::from([
            ("display_name", display_name.unwrap_or_else(|| "".into())),
            ("signed", Value::Object(proof.clone())),
        ]),
    );
    let member = (sender, "m.room.member", target.as_str(), &content);
    let mut update = state(view, signer, now_ms, member)?;
    // The token is worth nothing more: what is in the room's state is what is pending.
    let after = view.apply(&update);
    let ended = state(&after, signer, now_ms, (sender, KIND, token, &Object::new()))?;
    update.events.extend(ended.events);
    update.forward_extremities = ended.forward_extremities;
    Ok(Decision::Update(update))
}

/// Takes an offer out of the room's state.
pub(super) fn end(
    view: &RoomView,
    signer: &Signer<'_>,
    now_ms: i64,
    token: &str,
) -> Result<Decision, Rejection> {
    let sender = pending(view, token)?.sender();
    state(view, signer, now_ms, (sender, KIND, token, &Object::new())).map(Decision::Update)
}

fn pending<'a>(view: &'a RoomView, token: &str) -> Result<&'a Event, Rejection> {
    let offer = view.state_event(KIND, token).filter(|offer| is_pending(offer.content()));
    offer.map(|offer| &**offer).ok_or(Rejection::InvitationEnded)
}

fn state(
    view: &RoomView,
    signer: &Signer<'_>,
    now_ms: i64,
    (sender, kind, state_key, content): (&UserId, &str, &str, &Object),
) -> Result<RoomUpdate, Rejection> {
    let wanted =
        decide::Wanted { sender, kind, state_key: Some(state_key), content, redacts: None };
    decide::accept(&wanted, view, signer, now_ms)
}

#[cfg(test)]
mod tests;
