// SPDX-License-Identifier: Apache-2.0
//! The worker behind [`AccountChanges`]: what became of an account, told to its rooms.

use std::sync::{Arc, Weak};

use estafette_core::{
    ids::{RoomId, UserId},
    json::Object,
    limits::ACCOUNT_CHANGE_ROOMS_AT_ONCE,
    room::{Command, MemberAct},
};
use estafette_store::{AccountStore as _, RoomStore as _};
use futures_util::{StreamExt as _, stream};
use tokio::sync::watch;

use super::{AccountChange, AccountChanges};
use crate::{
    ApiResult, Server, Shared,
    client::member_profile,
    room_worker::{Request, RoomError, submit},
};

/// Works until the server stops or is gone. The first to be waited for is the first to be done.
/// Begins with the users who are gone and whom the end of an earlier life of the server has left in
/// their rooms.
pub(crate) async fn apply(
    server: Weak<Server>,
    changes: Arc<AccountChanges>,
    mut stopping: watch::Receiver<bool>,
) {
    if let Err(error) = finish_leaving(&server, &stopping).await {
        tracing::warn!(?error, "users who are gone may be in rooms still");
    }
    loop {
        let (user_id, change) = tokio::select! {
            next = changes.next() => next,
            // Also when the server itself is gone.
            _ = stopping.changed() => return,
        };
        let Some(server) = server.upgrade() else { return };
        if let Err(error) = apply_one(&server, &user_id, change).await {
            tracing::warn!(%user_id, ?change, ?error, "an account's rooms were not all told");
        }
    }
}

/// Has those leave whose accounts were deactivated without their rooms hearing of it.
async fn finish_leaving(server: &Weak<Server>, stopping: &watch::Receiver<bool>) -> ApiResult<()> {
    let Some(strong) = server.upgrade() else { return Ok(()) };
    let users = strong.store.deactivated_in_rooms().await?;
    drop(strong);
    for user_id in users {
        let Some(strong) = server.upgrade().filter(|_| !*stopping.borrow()) else { return Ok(()) };
        let account = strong.store.account(&user_id).await?;
        if account.is_some_and(|account| account.deactivated) {
            apply_one(&strong, &user_id, AccountChange::Leave).await?;
        }
    }
    Ok(())
}

/// Tells every room of one user.
async fn apply_one(server: &Shared, user_id: &UserId, change: AccountChange) -> ApiResult<()> {
    let (act, content) = match change {
        AccountChange::Profile => (MemberAct::Join, member_profile(server, user_id).await?),
        AccountChange::Leave => (MemberAct::Leave, Object::new()),
    };
    let rooms = server.store.rooms_of(user_id).await?;
    let concerned = |membership: &str| match change {
        AccountChange::Profile => membership == "join",
        AccountChange::Leave => matches!(membership, "join" | "invite" | "knock"),
    };
    let rooms = rooms.into_iter().filter(|room| concerned(&room.membership));
    stream::iter(rooms)
        .for_each_concurrent(ACCOUNT_CHANGE_ROOMS_AT_ONCE, |room| {
            tell(server, user_id, room.room_id, (act, content.clone()))
        })
        .await;
    Ok(())
}

async fn tell(
    server: &Shared,
    user_id: &UserId,
    room_id: RoomId,
    (act, content): (MemberAct, Object),
) {
    let command = Command::Member {
        sender: user_id.clone(),
        target: user_id.clone(),
        act,
        content,
        in_allowed_room: false,
    };
    match submit(server, &room_id, Request::new(command)).await {
        // Refused: the user left meanwhile, or is not allowed in any more.
        Ok(_) | Err(RoomError::Rejected(_)) => {}
        Err(error) => tracing::warn!(%user_id, %room_id, %error, "a room was not told"),
    }
}

#[cfg(test)]
mod tests;
