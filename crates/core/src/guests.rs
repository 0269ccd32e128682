// SPDX-License-Identifier: Apache-2.0
//! What guests may not do.
//!
//! A guest is somebody from outside whom an agent has invited: an account whose e-mail address is
//! of no organisation. (The specification's guest accounts are something else, and this server has
//! none.) Guests are there where they were asked in, and nowhere else; they find nobody in the
//! directory, which the store sees to.

/// In the content of a guest's membership events: `true`, so that everybody in the room can tell.
/// Set by the guest's own server, which takes it out of whatever clients send.
pub const MEMBER_FLAG: &str = "org.estafette.guest";

/// Something that an account does, as far as it matters who does it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Make a room, a space or a direct chat, also one that replaces another.
    CreateRoom,
    /// Ask somebody into a room, by user id or by address.
    Invite,
    /// Join a room without being invited, or ask to be let in.
    EnterUninvited,
    /// See which rooms are published, or look into one without being in it.
    SeePublishedRooms,
}

/// Why a guest may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotForGuests(&'static str);

/// Whether somebody may do something, by what they are alone. The room's own rules come after.
pub fn check(is_guest: bool, act: Act) -> Result<(), NotForGuests> {
    if !is_guest {
        return Ok(());
    }
    Err(NotForGuests(match act {
        Act::CreateRoom => "Guests cannot create rooms or direct chats: ask your contact to.",
        Act::Invite => "Guests cannot invite anybody: ask your contact to.",
        Act::EnterUninvited => "Guests can only join rooms that they are invited to.",
        Act::SeePublishedRooms => "Guests cannot see the published rooms.",
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Otherwise one guest's account is enough to bring others in, or to read what is public.
    #[test]
    fn guests_are_where_they_were_asked_in() {
        let table = [
            (Act::CreateRoom, false),
            (Act::Invite, false),
            (Act::EnterUninvited, false),
            (Act::SeePublishedRooms, false),
        ];
        for (act, guests_may) in table {
            assert_eq!(check(true, act).is_ok(), guests_may, "{act:?}");
            assert!(check(false, act).is_ok(), "{act:?} by an agent");
        }
    }
}
