// SPDX-License-Identifier: Apache-2.0
//! From facts to what a device is told: the parts that `/v3/sync` and sliding sync share.

pub mod counts;
pub mod devices;
pub mod room;
pub mod state;
pub mod token;
pub mod writer;

use std::{collections::VecDeque, sync::Arc};

use estafette_core::{
    ids::{DeviceId, RoomId, UserId},
    limits::{LAZY_ANSWERS_MAX, LAZY_MEMBERS_MAX},
};
use estafette_store::Position;
use rpds::HashTrieSetSync;

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

/// The members that a device was sent for lazy loading, with its latest answers: a device that goes
/// on from one of them knows the members of that one and of those before it. Forgetting is never
/// wrong (pitfall 32): a member is only sent again.
#[derive(Debug, Default)]
pub struct DeviceMemory {
    /// Latest last.
    answers: VecDeque<(Token, SentMembers)>,
    /// The answer in the making: from where it goes on, and the members that are sent by it too.
    making: Option<(Option<Token>, SentMembers)>,
}

type SentMembers = HashTrieSetSync<(RoomId, UserId)>;

impl DeviceMemory {
    /// An answer that goes on from `since` is begun. One that was never finished is forgotten.
    pub fn begin(&mut self, since: Option<Token>) {
        let known = self.answers.iter().rev().find(|(token, _)| Some(*token) == since);
        let members = known.map_or_else(SentMembers::new_sync, |(_, members)| members.clone());
        self.making = Some((since, members));
    }

    /// Notes that the answer that goes on from `since` sends a member; `true` when the device does
    /// not know it yet.
    pub fn first_time(&mut self, since: Option<Token>, room_id: &RoomId, user_id: &UserId) -> bool {
        if self.making.as_ref().is_none_or(|(of, _)| *of != since) {
            self.begin(since);
        }
        let Some((_, members)) = &mut self.making else { return true };
        if members.size() >= LAZY_MEMBERS_MAX {
            *members = SentMembers::new_sync();
        }
        let member = (room_id.clone(), user_id.clone());
        let first = !members.contains(&member);
        if first {
            members.insert_mut(member);
        }
        first
    }

    /// The answer that goes on from `since` is finished, and the device may go on from `token`.
    pub fn finish(&mut self, since: Option<Token>, token: Token) {
        if self.making.as_ref().is_none_or(|(of, _)| *of != since) {
            self.begin(since);
        }
        let Some((_, members)) = self.making.take() else { return };
        self.answers.retain(|(known, _)| *known != token);
        if self.answers.len() >= LAZY_ANSWERS_MAX {
            self.answers.pop_front();
        }
        self.answers.push_back((token, members));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without it a device whose answer got lost would never learn a member's name; or one that
    /// looks twice from the same place would be sent all members again and again.
    #[test]
    fn a_device_knows_the_members_of_the_answer_from_which_it_goes_on() {
        let token = |pos| Some(Token { pos: Position(pos), ..Token::default() });
        let (room, user) = (RoomId::parse("!a").unwrap(), UserId::parse("@u:x").unwrap());
        let mut memory = DeviceMemory::default();
        let mut sends = |since, to: Option<Token>| {
            memory.begin(since);
            let first = memory.first_time(since, &room, &user);
            if let Some(to) = to {
                memory.finish(since, to);
            }
            first
        };
        assert!(sends(None, None));
        assert!(sends(None, token(1)), "the answer before was never given");
        assert!(!sends(token(1), token(2)));
        assert!(!sends(token(1), token(3)), "from the same place again");
        assert!(sends(None, token(4)), "from the beginning");
        assert!(sends(token(9), token(10)), "from an unknown place");
        for pos in 10..30 {
            assert!(!sends(token(pos), token(pos + 1)));
        }
        assert!(sends(token(1), token(31)), "as long as it is remembered");
    }
}
