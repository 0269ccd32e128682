// SPDX-License-Identifier: Apache-2.0
//! From facts to what a device is told: the parts that `/v3/sync` and sliding sync share.

pub mod counts;
pub mod devices;
pub mod room;
pub mod state;
pub mod token;
pub mod writer;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use estafette_core::{
    ids::{DeviceId, RoomId, UserId},
    limits::LAZY_MEMBERS_MAX,
};
use estafette_store::Position;

pub use self::token::Token;
use crate::{Shared, notify::HotUser};

/// Who is being told, and up to where.
#[derive(Clone)]
pub struct Reader {
    /// The server.
    pub server: Shared,
    /// The user's rooms and what changed for the user.
    pub user: Arc<HotUser>,
    /// Which device asks; `None` for application services without one.
    pub device_id: Option<DeviceId>,
    /// That device's number, for transaction ids.
    pub device_nid: Option<i64>,
    /// Everything up to here may be told, nothing beyond.
    pub head: Position,
}

impl Reader {
    /// The user.
    pub fn user_id(&self) -> &UserId {
        &self.user.user_id
    }
}

/// What a device was told that need not be told again. It counts only while the device goes on
/// from the answer that it describes; forgetting it is never wrong (pitfall 32).
#[derive(Debug, Default)]
pub struct DeviceMemory {
    /// The answer that this describes.
    pub answered: Option<Token>,
    /// The version of typing that the device has seen.
    pub typing: u64,
    /// The version of presence that the device has seen.
    pub presence: u64,
    /// Members that were sent for lazy loading, and how many they are.
    members: (HashMap<RoomId, HashSet<UserId>>, usize),
}

impl DeviceMemory {
    /// Remembers a member as sent; `true` when it was not before.
    pub fn first_time(&mut self, room_id: &RoomId, user_id: &UserId) -> bool {
        if self.members.1 >= LAZY_MEMBERS_MAX {
            self.forget_members();
        }
        let (rooms, count) = &mut self.members;
        let members = match rooms.get_mut(room_id) {
            Some(members) => members,
            None => rooms.entry(room_id.clone()).or_default(),
        };
        let first = !members.contains(user_id) && members.insert(user_id.clone());
        *count += usize::from(first);
        first
    }

    /// Forgets which members were sent.
    pub fn forget_members(&mut self) {
        self.members = Default::default();
    }
}
