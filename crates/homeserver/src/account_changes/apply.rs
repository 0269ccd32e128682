// SPDX-License-Identifier: Apache-2.0
//! The worker behind [`AccountChanges`]: what became of an account, told to its rooms.

use std::{
    collections::HashSet,
    sync::{Arc, Weak},
    time::Duration,
};

use estafette_core::{
    ids::{RoomId, UserId},
    json::Object,
    limits::{ACCOUNT_CHANGE_ROOMS_AT_ONCE, ACCOUNT_CHANGES_INTERVAL_S, ACCOUNT_CHANGES_MAX},
    room::{Command, MemberAct},
};
use estafette_store::{AccountStore as _, RoomStore as _};
use futures_util::{StreamExt as _, stream};
use tokio::{sync::watch, time::MissedTickBehavior};

use super::{AccountChange, AccountChanges};
use crate::{
    ApiResult, Server, Shared,
    client::member_profile,
    room_worker::{Request, RoomError, submit},
};

/// Works until the server stops or is gone. The first to be waited for is the first to be done.
/// Begins with what the end of an earlier life of the server has left undone, and comes back to
/// what could not be done.
pub(crate) async fn apply(
    server: Weak<Server>,
    changes: Arc<AccountChanges>,
    mut stopping: watch::Receiver<bool>,
) {
    if let Err(error) = finish_leaving(&server, &stopping).await {
        tracing::warn!(?error, "users who are gone may be in rooms still");
    }
    let mut again = tokio::time::interval(Duration::from_secs(ACCOUNT_CHANGES_INTERVAL_S));
    again.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut undone: HashSet<UserId> = HashSet::new();
    loop {
        let next = tokio::select! {
            // What was done just now is not asked for again.
            biased;
            next = changes.next() => Some(next),
            // Also when the server itself is gone.
            _ = stopping.changed() => return,
            _ = again.tick() => None,
        };
        let Some(server) = server.upgrade() else { return };
        let Some((user_id, change)) = next else {
            undone.drain().for_each(|user_id| changes.push(user_id, AccountChange::Leave));
            if let Err(error) = push_profiles(&server, &changes).await {
                tracing::warn!(?error, "rooms may show old names");
            }
            continue;
        };
        match apply_one(&server, &user_id, change).await {
            Ok(true) => {}
            Ok(false) if change == AccountChange::Profile => {}
            Ok(false) => drop(undone.insert(user_id)),
            Err(error) => {
                tracing::warn!(%user_id, ?change, ?error, "an account's rooms were not all told");
                if change == AccountChange::Leave {
                    undone.insert(user_id);
                }
            }
        }
    }
}

/// Queues those whose rooms were not all told of a new profile.
async fn push_profiles(server: &Shared, changes: &AccountChanges) -> ApiResult<()> {
    for user_id in server.store.profiles_to_tell(ACCOUNT_CHANGES_MAX).await? {
        changes.push(user_id, AccountChange::Profile);
    }
    Ok(())
}

/// Has those leave whose accounts were deactivated without their rooms hearing of it.
async fn finish_leaving(server: &Weak<Server>, stopping: &watch::Receiver<bool>) -> ApiResult<()> {
    let Some(strong) = server.upgrade() else { return Ok(()) };
    let users = strong.store.deactivated_in_rooms().await?;
    drop(strong);
    for user_id in users {
        let Some(strong) = server.upgrade().filter(|_| !*stopping.borrow()) else { return Ok(()) };
        apply_one(&strong, &user_id, AccountChange::Leave).await?;
    }
    Ok(())
}

/// Tells every room of one user; `false` when some could not be told.
async fn apply_one(server: &Shared, user_id: &UserId, change: AccountChange) -> ApiResult<bool> {
    if change == AccountChange::Leave {
        // Whoever came back in the meantime stays where they are.
        let account = server.store.account(user_id).await?;
        if !account.is_some_and(|account| account.deactivated) {
            return Ok(true);
        }
    }
    // Before the profile is read: a change that comes later has a later number and stays noted.
    let number = match change {
        AccountChange::Profile => match server.store.profile_change_to_tell(user_id).await? {
            Some(number) => Some(number),
            None => return Ok(true),
        },
        AccountChange::Leave => None,
    };
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
    let all_told = stream::iter(rooms)
        .map(|room| tell(server, user_id, room.room_id, (act, content.clone())))
        .buffer_unordered(ACCOUNT_CHANGE_ROOMS_AT_ONCE)
        .fold(true, async |all, told| all && told)
        .await;
    if let Some(number) = number.filter(|_| all_told) {
        server.store.profile_told(user_id, number).await?;
    }
    Ok(all_told)
}

/// Whether nothing is left to be done in a room.
async fn tell(
    server: &Shared,
    user_id: &UserId,
    room_id: RoomId,
    (act, content): (MemberAct, Object),
) -> bool {
    let command = Command::Member {
        sender: user_id.clone(),
        target: user_id.clone(),
        act,
        content,
        in_allowed_room: false,
    };
    match submit(server, &room_id, Request::new(command)).await {
        // Refused: the user left meanwhile, or is not allowed in any more.
        Ok(_) | Err(RoomError::Rejected(_)) => true,
        Err(error) => {
            tracing::warn!(%user_id, %room_id, %error, "a room was not told");
            false
        }
    }
}

#[cfg(test)]
mod tests;
