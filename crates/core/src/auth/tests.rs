// SPDX-License-Identifier: Apache-2.0
//! Without these a rule could say yes where the specification says no, or no where it says yes.
//!
//! Each case is a room in a small text, see [`room_text`], and what becomes of its last line in a
//! range of room versions. `tests/oracle/auth_fixtures.py` asks Synapse about every one of them.

mod create;
mod dump;
mod member;
mod power_levels;
mod properties;
pub(crate) mod room_text;
mod selection;
mod send;

use std::ops::RangeInclusive;

use super::*;
use crate::version::RoomVersion;
use room_text::judge;

/// Every version.
const ALL: RangeInclusive<u8> = 1..=12;

/// The last line of `room` is allowed in `versions`.
#[track_caller]
fn allowed(versions: RangeInclusive<u8>, room: &str) {
    check(versions, room, Ok(()));
}

/// The last line of `room` is refused in `versions`, for that reason.
#[track_caller]
fn refused(versions: RangeInclusive<u8>, room: &str, error: AuthError) {
    check(versions, room, Err(error));
}

#[track_caller]
fn check(versions: RangeInclusive<u8>, room: &str, expected: Result<(), AuthError>) {
    for number in versions {
        let version = RoomVersion::parse(&number.to_string()).unwrap();
        assert_eq!(judge(version, room), expected, "version {number} of the room\n{room}");
    }
}

#[test]
fn every_refusal_explains_itself_in_a_sentence() {
    for error in [AuthError::JoinRule, AuthError::PowerLevel, AuthError::SenderNotJoined] {
        assert!(error.to_string().len() > 15);
    }
}
