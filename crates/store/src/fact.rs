// SPDX-License-Identifier: Apache-2.0
//! Facts: what the one commit-ordered log is made of, and who hears of them.

use std::{fmt, str::FromStr};

use estafette_core::ids::{DeviceId, RoomId, UserId};

/// A place in the one log of everything durable. Greater is later; 0 is before the first fact.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(pub u64);

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Position {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// One durable change that somebody may be waiting for.
#[derive(Debug, Clone)]
pub struct Fact {
    /// Where it stands in the log.
    pub pos: Position,
    /// What changed, and for whom.
    pub kind: FactKind,
}

/// What changed. Names only: the reader fetches what it needs, or has it in memory already.
#[derive(Debug, Clone)]
pub enum FactKind {
    /// An event entered a room's timeline, or its state changed.
    Event {
        /// The room.
        room_id: RoomId,
    },
    /// A user's membership of a room changed (besides the `Event` fact of the same position).
    Membership {
        /// The room.
        room_id: RoomId,
        /// Whose membership.
        user_id: UserId,
    },
    /// A to-device message waits for a device.
    ToDevice {
        /// Whose device.
        user_id: UserId,
        /// The device.
        device_id: DeviceId,
    },
    /// A user's devices, cross-signing keys or visible signatures changed (E6).
    DeviceList {
        /// Whose list.
        user_id: UserId,
    },
    /// The count of one-time keys or the unused fallback keys of a device changed (E5).
    OneTimeKeys {
        /// Whose device.
        user_id: UserId,
        /// The device.
        device_id: DeviceId,
    },
    /// Global (`room_id` is `None`) or room account data changed. Push rules are global account
    /// data
    /// of type `m.push_rules`.
    AccountData {
        /// Whose.
        user_id: UserId,
        /// For which room.
        room_id: Option<RoomId>,
        /// The type of the account data.
        kind: String,
    },
    /// Sessions of a user ended, or what they may do changed: whoever waits on one must look again.
    Sessions {
        /// Whose.
        user_id: UserId,
    },
    /// An account got an e-mail address, or its address was said again.
    Address {
        /// Whose account.
        user_id: UserId,
    },
    /// A read receipt moved.
    Receipt {
        /// The room.
        room_id: RoomId,
        /// Who read.
        user_id: UserId,
        /// Whether only its owner may see it (`m.read.private`).
        private: bool,
    },
}

/// Hears of every commit. Called on the writer's thread: it must be quick and must not call the
/// store.
pub trait CommitSink: Send + Sync {
    /// `facts` became durable, in position order; `head` is the last position now taken.
    fn committed(&self, head: Position, facts: &[Fact]);
}

/// A sink that nobody listens to, for tools and tests.
#[derive(Debug, Default)]
pub struct NoSink;

impl CommitSink for NoSink {
    fn committed(&self, _head: Position, _facts: &[Fact]) {}
}
