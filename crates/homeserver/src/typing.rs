// SPDX-License-Identifier: Apache-2.0
//! Who is typing where. In memory alone: it is gone after a restart, as everybody's typing is.
//!
//! Every change gets the next number of one counter, so that a device which saw version `v` is
//! told a room when the room's version is above `v`.

use std::{
    collections::HashMap,
    sync::{Arc, Weak},
    time::Duration,
};

use estafette_core::{
    ids::{RoomId, UserId},
    limits::{TYPING_ROOMS_MAX, TYPING_USERS_PER_ROOM_MAX},
};
use parking_lot::Mutex;

use crate::{Server, Shared};

/// Who is typing, in all rooms.
#[derive(Debug, Default)]
pub struct Typing {
    state: Mutex<TypingState>,
}

#[derive(Debug, Default)]
struct TypingState {
    version: u64,
    rooms: HashMap<RoomId, RoomTyping>,
}

#[derive(Debug, Default)]
struct RoomTyping {
    version: u64,
    /// Until when each user types, in ms since the epoch.
    users: HashMap<UserId, i64>,
}

impl Typing {
    /// Nobody types. Versions begin above `version`.
    pub fn after(version: u64) -> Self {
        Self { state: Mutex::new(TypingState { version, rooms: HashMap::new() }) }
    }

    /// The version of the last change in any room.
    pub fn version(&self) -> u64 {
        self.state.lock().version
    }

    /// The version of the room's last change and who types there, sorted. (0, nobody) for a room
    /// in which nobody has typed.
    pub fn in_room(&self, room_id: &RoomId) -> (u64, Vec<UserId>) {
        let state = self.state.lock();
        let Some(room) = state.rooms.get(room_id) else { return (0, Vec::new()) };
        let mut users: Vec<UserId> = room.users.keys().cloned().collect();
        users.sort();
        (room.version, users)
    }

    /// Rooms whose typing changed after `version`.
    pub fn changed_since(&self, version: u64) -> Vec<RoomId> {
        let state = self.state.lock();
        if state.version <= version {
            return Vec::new();
        }
        let changed = state.rooms.iter().filter(|(_, room)| room.version > version);
        changed.map(|(room_id, _)| room_id.clone()).collect()
    }

    /// Notes that a user types until `until_ms`. `true` when that is news to others.
    fn start(&self, room_id: &RoomId, user_id: &UserId, until_ms: i64) -> bool {
        let mut state = self.state.lock();
        if state.rooms.len() >= TYPING_ROOMS_MAX && !state.rooms.contains_key(room_id) {
            // Whoever has seen the stop in such a room has no use for the entry any more.
            state.rooms.retain(|_, room| !room.users.is_empty());
        }
        let version = state.version + 1;
        let room = state.rooms.entry(room_id.clone()).or_default();
        if room.users.len() >= TYPING_USERS_PER_ROOM_MAX && !room.users.contains_key(user_id) {
            return false;
        }
        let news = room.users.insert(user_id.clone(), until_ms).is_none();
        if news {
            room.version = version;
            state.version = version;
        }
        news
    }

    /// Notes that a user types no more; with `at_ms` only if the notice has run out by then.
    /// `true` when that is news to others.
    fn stop(&self, room_id: &RoomId, user_id: &UserId, at_ms: Option<i64>) -> bool {
        let mut state = self.state.lock();
        let version = state.version + 1;
        let Some(room) = state.rooms.get_mut(room_id) else { return false };
        let Some(until) = room.users.get(user_id) else { return false };
        if at_ms.is_some_and(|now| now < *until) {
            return false;
        }
        room.users.remove(user_id);
        room.version = version;
        state.version = version;
        true
    }
}

/// A user starts or goes on typing, for `timeout_ms` unless told otherwise.
pub fn start(server: &Shared, room_id: &RoomId, user_id: &UserId, timeout_ms: u64) {
    let until = server.now_ms().saturating_add(i64::try_from(timeout_ms).unwrap_or(i64::MAX));
    if server.typing.start(room_id, user_id, until) {
        tell(server, room_id);
        tokio::spawn(run_out(
            Arc::downgrade(server),
            room_id.clone(),
            user_id.clone(),
            Duration::from_millis(timeout_ms),
        ));
    }
}

/// A user stops typing: by request, by sending, or by leaving the room.
pub fn stop(server: &Server, room_id: &RoomId, user_id: &UserId) {
    if server.typing.stop(room_id, user_id, None) {
        tell(server, room_id);
    }
}

fn tell(server: &Server, room_id: &RoomId) {
    server.notifier.wake_room(room_id);
    server.appservices.wake();
}

/// Ends a notice that nobody ends. One task per notice: a renewed notice is looked at again when
/// it would run out.
async fn run_out(server: Weak<Server>, room_id: RoomId, user_id: UserId, first: Duration) {
    let mut wait = first;
    loop {
        tokio::time::sleep(wait).await;
        let Some(server) = server.upgrade() else { return };
        let now_ms = server.now_ms();
        if server.typing.stop(&room_id, &user_id, Some(now_ms)) {
            tell(&server, &room_id);
            return;
        }
        let left = {
            let state = server.typing.state.lock();
            state.rooms.get(&room_id).and_then(|room| room.users.get(&user_id)).copied()
        };
        let Some(until) = left else { return };
        wait =
            Duration::from_millis(until.saturating_sub(now_ms).clamp(1, 120_000).cast_unsigned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A device that saw a version must be told of every later start and stop, and of no other.
    #[test]
    fn each_change_has_a_version_of_its_own() {
        let typing = Typing::default();
        let room = RoomId::parse("!a").unwrap();
        let user = UserId::parse("@u:x").unwrap();
        assert!(typing.start(&room, &user, 100));
        assert_eq!(typing.in_room(&room), (1, vec![user.clone()]));
        assert!(!typing.start(&room, &user, 200), "going on is no news");
        assert_eq!(typing.changed_since(1), Vec::<RoomId>::new());
        assert!(!typing.stop(&room, &user, Some(150)), "it was renewed");
        assert!(typing.stop(&room, &user, Some(200)));
        assert_eq!(typing.changed_since(1), vec![room.clone()]);
        assert_eq!(typing.in_room(&room), (2, Vec::new()));
        assert!(!typing.stop(&room, &user, None), "nothing is left to stop");
    }
}
