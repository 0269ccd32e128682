// SPDX-License-Identifier: Apache-2.0
//! From the invitation of an address to that of a user, once the address has an account.
//!
//! The store says which invitations can be redeemed, so nothing is lost by a restart. The
//! invitation of the user and the end of that of the address are one commit, so nobody is invited
//! twice. Whoever may not invite any more brings nobody in: the invitation lapses without a word.

use std::{
    collections::HashSet,
    sync::{Arc, Weak},
    time::Duration,
};

use estafette_core::{
    ids::UserId,
    limits::{NEW_ADDRESSES_MAX, THIRD_PARTY_INVITES_BATCH_MAX, THIRD_PARTY_INVITES_INTERVAL_S},
    room::Command,
    third_party_invite,
};
use estafette_store::{
    AccountStore as _, ThirdPartyInviteStore as _,
    third_party_invites::{Redeemable, ThirdPartyInvite},
};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::{
    ApiResult, Server, Shared,
    client::{check_may_be_invited, member_profile},
    guests,
    room_worker::{Request, RoomError, submit},
};

/// How long to wait after a room or the store could not take an invitation.
const RETRY: Duration = Duration::from_secs(1);

/// Who got an address, so that their invitations are looked at.
#[derive(Debug, Default)]
pub struct ThirdPartyInvites {
    heard: Mutex<Heard>,
    wake: Notify,
}

#[derive(Debug, Default)]
struct Heard {
    users: HashSet<UserId>,
    /// Too many to be remembered: everybody's invitations are looked at.
    missed: bool,
}

impl ThirdPartyInvites {
    /// An account got an address.
    pub(crate) fn hear(&self, user_id: &UserId) {
        let mut heard = self.heard.lock();
        if heard.users.len() >= NEW_ADDRESSES_MAX {
            heard.users.clear();
            heard.missed = true;
        }
        if !heard.missed {
            heard.users.insert(user_id.clone());
        }
        drop(heard);
        self.wake.notify_one();
    }

    /// Some facts were not heard.
    pub(crate) fn missed(&self) {
        self.heard.lock().missed = true;
        self.wake.notify_one();
    }
}

/// Redeems and ends invitations for as long as the server lives, beginning with those that an
/// earlier life of the server has left.
pub(crate) async fn run(server: Weak<Server>) {
    if let Some(strong) = server.upgrade() {
        strong.third_party_invites.missed();
    }
    loop {
        let Some(strong) = server.upgrade() else { return };
        let mut stopping = strong.stopping();
        let pause = match look(&strong).await {
            Ok(()) => Duration::from_secs(THIRD_PARTY_INVITES_INTERVAL_S),
            Err(error) => {
                tracing::warn!(error = error.message(), "invitations by e-mail have to wait");
                strong.third_party_invites.heard.lock().missed = true;
                RETRY
            }
        };
        let invites = Arc::clone(&strong.third_party_invites);
        drop(strong);
        let stopped = async {
            let _ = stopping.wait_for(|stop| *stop).await;
        };
        tokio::select! {
            () = stopped => return,
            () = invites.wake.notified() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// The first of several errors: one invitation that cannot be done holds up no other.
struct FirstError(ApiResult<()>);

impl FirstError {
    fn note(&mut self, done: ApiResult<()>) {
        if self.0.is_ok() {
            self.0 = done;
        }
    }
}

/// One round: those who got an address since the last one, and what has ended.
async fn look(server: &Shared) -> ApiResult<()> {
    let heard = std::mem::take(&mut *server.third_party_invites.heard.lock());
    let mut first = FirstError(Ok(()));
    if heard.missed {
        first.note(redeem_all(server, None).await);
    }
    for user_id in &heard.users {
        first.note(redeem_all(server, Some(user_id)).await);
    }
    let mut after = 0;
    loop {
        let now_ms = server.now_ms();
        let limit = THIRD_PARTY_INVITES_BATCH_MAX;
        let ended = server.store.ended_invites(now_ms, after, limit).await?;
        let Some(last) = ended.last() else { return first.0 };
        after = last.nid;
        for invite in &ended {
            first.note(end(server, invite).await);
        }
    }
}

async fn redeem_all(server: &Shared, user_id: Option<&UserId>) -> ApiResult<()> {
    let (mut after, mut first) = (0, FirstError(Ok(())));
    loop {
        let now_ms = server.now_ms();
        let limit = THIRD_PARTY_INVITES_BATCH_MAX;
        let found = server.store.redeemable_invites(user_id, now_ms, after, limit).await?;
        let Some(last) = found.last() else { return first.0 };
        after = last.invite.nid;
        for redeemable in &found {
            first.note(redeem(server, redeemable).await);
        }
    }
}

/// Makes one invitation the user's, or has it lapse.
async fn redeem(server: &Shared, found: &Redeemable) -> ApiResult<()> {
    let Redeemable { invite, user_id } = found;
    if !may_bring_in(server, &invite.sender, user_id).await? {
        return end(server, invite).await;
    }
    let key = third_party_invite::key(&invite.seed.0);
    let here = server.server_name.as_str();
    let proof = third_party_invite::proof(&key, here, &invite.token, user_id.as_str())
        .map_err(crate::ApiError::internal)?;
    let mut content = member_profile(server, user_id).await?;
    if invite.is_direct {
        content.insert("is_direct".into(), true.into());
    }
    let (target, token) = (user_id.clone(), invite.token.clone());
    let command = Command::RedeemInvite { target, token, proof, content };
    match submit(server, &invite.room_id, Request::new(command)).await {
        Ok(_) => Ok(()),
        Err(RoomError::Rejected(why)) => {
            tracing::debug!(room_id = %invite.room_id, %why, "an invitation by e-mail lapses");
            end(server, invite).await
        }
        Err(RoomError::Unknown(_)) => Ok(server.store.forget_invite(&invite.token).await?),
        Err(RoomError::Store(error)) => Err(error.into()),
    }
}

/// Whether an inviter is somebody who invites, and the invited somebody who wants it.
async fn may_bring_in(server: &Shared, sender: &UserId, user_id: &UserId) -> ApiResult<bool> {
    let account = server.store.account(sender).await?;
    let works = account
        .is_some_and(|account| !account.deactivated && !account.locked && !account.suspended);
    if !works || guests::is_guest(server, sender).await? {
        return Ok(false);
    }
    match check_may_be_invited(server, user_id).await {
        Ok(()) => Ok(true),
        Err(error) if error.status().is_server_error() => Err(error),
        Err(_) => Ok(false),
    }
}

/// Takes an invitation out of its room, where its inviter still may, and out of the store.
async fn end(server: &Shared, invite: &ThirdPartyInvite) -> ApiResult<()> {
    let command = Command::EndInvite { token: invite.token.clone() };
    match submit(server, &invite.room_id, Request::new(command)).await {
        Ok(_) => Ok(()),
        Err(RoomError::Rejected(_) | RoomError::Unknown(_)) => {
            Ok(server.store.forget_invite(&invite.token).await?)
        }
        Err(RoomError::Store(error)) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests;
