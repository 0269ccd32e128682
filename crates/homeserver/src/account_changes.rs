// SPDX-License-Identifier: Apache-2.0
//! Changes of accounts that have to reach rooms: new profiles, and users who are gone.
//!
//! A user of many rooms costs one event in each, so this happens behind the request, one user after
//! another. Who changes twice before being looked at costs one round. What is to be done is
//! durable: a changed profile is noted in the transaction of the change until all rooms were told,
//! and who is deactivated and in a room still is to leave it. What waits here is only what to do
//! next.

mod apply;

use std::collections::{HashMap, VecDeque};

use estafette_core::{ids::UserId, limits::ACCOUNT_CHANGES_MAX};
use parking_lot::Mutex;
use tokio::sync::Notify;

pub(crate) use self::apply::apply;
use crate::{ApiError, ApiResult};

/// What has to be done in a user's rooms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AccountChange {
    /// Send the present display name and avatar in a membership event to each joined room
    /// (Client-Server API, "Events on Change of Profile Information").
    Profile,
    /// Leave every room, and reject every invite: the account is deactivated.
    Leave,
}

/// What waits to be done. Bounded by the number of different users.
#[derive(Debug, Default)]
pub struct AccountChanges {
    waiting: Mutex<Waiting>,
    wake: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    order: VecDeque<UserId>,
    changes: HashMap<UserId, AccountChange>,
}

impl AccountChanges {
    /// 503 when too much waits: to be asked before the change is made.
    pub fn check_room(&self) -> ApiResult<()> {
        if self.waiting.lock().order.len() < ACCOUNT_CHANGES_MAX {
            return Ok(());
        }
        Err(ApiError::overloaded())
    }

    /// Queues a change. One that waits for the same user already is joined with it.
    pub fn push(&self, user_id: UserId, change: AccountChange) {
        let mut waiting = self.waiting.lock();
        let known = waiting.changes.get(&user_id).copied();
        if known.is_none() {
            waiting.order.push_back(user_id.clone());
        }
        waiting.changes.insert(user_id, known.map_or(change, |known| known.max(change)));
        drop(waiting);
        self.wake.notify_one();
    }

    /// The oldest change, as soon as there is one. For one worker at a time.
    pub async fn next(&self) -> (UserId, AccountChange) {
        loop {
            if let Some(change) = self.try_next() {
                return change;
            }
            self.wake.notified().await;
        }
    }

    /// The oldest change.
    pub fn try_next(&self) -> Option<(UserId, AccountChange)> {
        let mut waiting = self.waiting.lock();
        let user_id = waiting.order.pop_front()?;
        let change = waiting.changes.remove(&user_id)?;
        Some((user_id, change))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without it a user who changes often would fill every room with events, or be forgotten.
    #[test]
    fn changes_of_one_user_are_joined_and_leaving_wins() {
        let changes = AccountChanges::default();
        let user = |id: &str| UserId::parse(id).unwrap();
        for (id, change) in [
            ("@a:x", AccountChange::Profile),
            ("@b:x", AccountChange::Leave),
            ("@a:x", AccountChange::Profile),
            ("@b:x", AccountChange::Profile),
        ] {
            changes.push(user(id), change);
        }
        assert_eq!(changes.try_next(), Some((user("@a:x"), AccountChange::Profile)));
        assert_eq!(changes.try_next(), Some((user("@b:x"), AccountChange::Leave)));
        assert_eq!(changes.try_next(), None);
    }
}
