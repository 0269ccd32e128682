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

/// What a device was sent for lazy loading, with its latest answers: a device that goes on from one
/// of them knows the members of that one and of those before it. An answer that is being made has a
/// copy of its own, so that neither another answer nor one that is lost takes a member from it.
/// Forgetting is never wrong (pitfall 32): a member is only sent again.
#[derive(Debug, Default)]
pub struct DeviceMemory {
    /// Latest last.
    answers: VecDeque<(Token, SentMembers)>,
}

/// Members that were sent, room by room. Copies share what they have in common.
#[derive(Debug, Clone)]
pub struct SentMembers(HashTrieSetSync<(RoomId, UserId)>);

impl Default for SentMembers {
    fn default() -> Self {
        Self(HashTrieSetSync::new_sync())
    }
}

impl SentMembers {
    /// Notes that a member is sent; `true` when it was not before.
    pub fn first_time(&mut self, room_id: &RoomId, user_id: &UserId) -> bool {
        let member = (room_id.clone(), user_id.clone());
        if self.0.contains(&member) {
            return false;
        }
        if self.0.size() >= LAZY_MEMBERS_MAX {
            *self = Self::default();
        }
        self.0.insert_mut(member);
        true
    }

    /// Keeps those that `other` has too.
    fn keep_common(&mut self, other: &Self) {
        let missing: Vec<_> =
            self.0.iter().filter(|member| !other.0.contains(*member)).cloned().collect();
        for member in missing {
            self.0.remove_mut(&member);
        }
    }
}

impl DeviceMemory {
    /// The members that a device knows which goes on from `since`.
    pub fn known(&self, since: Option<Token>) -> SentMembers {
        let known = self.answers.iter().rev().find(|(token, _)| Some(*token) == since);
        known.map_or_else(SentMembers::default, |(_, members)| members.clone())
    }

    /// The answer that goes on from `since` is finished: the device may go on from `token`, and
    /// then knows `members`. Where several answers end at one token, it is not known which of them
    /// the device has, so only what all of them sent counts.
    pub fn finish(&mut self, since: Option<Token>, token: Token, mut members: SentMembers) {
        if let Some(at) = self.answers.iter().position(|(known, _)| *known == token) {
            let Some((_, before)) = self.answers.remove(at) else { return };
            // Who goes on from the very place where the answer ends need not have had the answer.
            if since == Some(token) {
                members = before;
            } else {
                members.keep_common(&before);
            }
        }
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
            let mut members = memory.known(since);
            let first = members.first_time(&room, &user);
            if let Some(to) = to {
                memory.finish(since, to, members);
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

    /// Without it a device would miss the members that were sent in another answer than its own.
    #[test]
    fn answers_that_end_at_one_token_vouch_for_what_all_of_them_sent() {
        let token = |pos| Some(Token { pos: Position(pos), ..Token::default() });
        let room = RoomId::parse("!a").unwrap();
        let user = |name: &str| UserId::parse(&format!("@{name}:x")).unwrap();
        let mut memory = DeviceMemory::default();
        let mut answer = |since: Option<Token>, to: Option<Token>, names: &[&str]| {
            let mut members = memory.known(since);
            let sent = names.iter().filter(|name| members.first_time(&room, &user(name)));
            let sent: Vec<String> = sent.map(|name| (*name).to_owned()).collect();
            memory.finish(since, to.unwrap(), members);
            sent
        };
        answer(None, token(5), &["a", "b", "c"]);
        answer(None, token(5), &["b", "c", "d"]);
        assert_eq!(answer(token(5), token(6), &["a", "b", "c", "d"]), ["a", "d"]);
        // An answer that ends where it began may be lost, and the next goes on as if it were.
        assert_eq!(answer(token(6), token(6), &["e"]), ["e"]);
        assert_eq!(answer(token(6), token(7), &["a", "e"]), ["e"]);
    }
}
