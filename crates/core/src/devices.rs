// SPDX-License-Identifier: Apache-2.0
//! Which device lists a user has to look at again (E6).
//!
//! Client-Server API, "Extensions to /sync": `device_lists.changed` names users whose keys changed
//! or who now share an encrypted room with the client, `left` those who share none any more.

use std::collections::BTreeSet;

use crate::ids::UserId;

/// A fact of the window between two syncs that bears on whose devices matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SharingFact {
    /// The devices, keys or signatures of this user changed.
    Changed(UserId),
    /// Joined an encrypted room that the reader is in; or was in one that the reader joined or
    /// that became encrypted.
    Met(UserId),
    /// Left an encrypted room that the reader is in, or was in one when the reader left it.
    Parted(UserId),
}

impl SharingFact {
    /// Whom it is about.
    pub fn user_id(&self) -> &UserId {
        match self {
            Self::Changed(user_id) | Self::Met(user_id) | Self::Parted(user_id) => user_id,
        }
    }
}

/// `device_lists` of a sync, each user at most once and in one of the two.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeviceLists {
    /// Whose keys to query again.
    pub changed: BTreeSet<UserId>,
    /// Whose keys need not be followed any more.
    pub left: BTreeSet<UserId>,
}

impl DeviceLists {
    /// Whether there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        self.changed.is_empty() && self.left.is_empty()
    }
}

/// Sorts the facts of a window for the reader `me`.
///
/// `shares_now` tells whether a user is joined to an encrypted room to which `me` is joined at the
/// window's end. Whoever shares one is in `changed` if anything happened; whoever shares none any
/// more is in `left` if it parted (or met and parted) inside the window. The reader's own list
/// counts always, whatever the rooms, and never is in `left`.
pub fn device_lists(
    me: &UserId,
    facts: impl IntoIterator<Item = SharingFact>,
    shares_now: impl Fn(&UserId) -> bool,
) -> DeviceLists {
    let mut lists = DeviceLists::default();
    for fact in facts {
        let (user_id, may_have_left) = match fact {
            SharingFact::Changed(user_id) => {
                if user_id == *me {
                    lists.changed.insert(user_id);
                    continue;
                }
                (user_id, false)
            }
            SharingFact::Met(user_id) | SharingFact::Parted(user_id) if user_id == *me => continue,
            SharingFact::Met(user_id) | SharingFact::Parted(user_id) => (user_id, true),
        };
        if lists.changed.contains(&user_id) || lists.left.contains(&user_id) {
            continue;
        }
        if shares_now(&user_id) {
            // A parting that leaves another shared room changes nothing, but a user who parted and
            // met again may have changed unseen in between: to query once more is harmless.
            lists.changed.insert(user_id);
        } else if may_have_left {
            lists.left.insert(user_id);
        }
    }
    lists
}

#[cfg(test)]
mod tests;
