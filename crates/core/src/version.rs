// SPDX-License-Identifier: Apache-2.0
//! Room versions and what each one changes. Nobody else compares version numbers.
//!
//! Specification: "Room Versions", one page per version.

use std::fmt;

/// A room version of the specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoomVersion(u8);

/// How event ids are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventIdFormat {
    /// Chosen by the server that made the event (versions 1 and 2).
    Server,
    /// The reference hash in standard base64 (version 3).
    Hash,
    /// The reference hash in URL-safe base64 (versions 4 and later).
    UrlSafeHash,
}

/// Which state resolution algorithm a version uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StateResolution {
    /// Version 1's own.
    V1,
    /// From version 2 on.
    V2,
    /// Version 12: from the empty set, with the conflicted state subgraph.
    V2_1,
}

/// What a version asks for, one switch per difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// How event ids are made.
    pub event_id_format: EventIdFormat,
    /// How conflicting state is resolved.
    pub state_resolution: StateResolution,
    /// Canonical JSON is enforced strictly (6+).
    pub strict_json: bool,
    /// Signing keys must be valid at `origin_server_ts` (5+).
    pub key_validity: bool,
    /// `m.room.aliases` events are authorised and redacted specially (1–5).
    pub special_aliases: bool,
    /// Redactions are authorised by the sender's server name in auth rules (1–2).
    pub redaction_in_auth: bool,
    /// Changes of `notifications` in power levels are checked (6+).
    pub check_notifications: bool,
    /// `knock` exists (7+).
    pub knock: bool,
    /// The `restricted` join rule exists (8+).
    pub restricted: bool,
    /// The `knock_restricted` join rule exists (10+).
    pub knock_restricted: bool,
    /// Power levels must be integers, not strings (10+).
    pub integer_power_levels: bool,
    /// Redaction keeps `join_authorised_via_users_server` (9+).
    pub redaction_keeps_authorised_via: bool,
    /// Redaction keeps `allow` of join rules (8+).
    pub redaction_keeps_allow: bool,
    /// The redaction rules of version 11: all of create's content, `redacts`, `invite`, …
    pub redaction_v11: bool,
    /// `redacts` stands in the content (11+).
    pub redacts_in_content: bool,
    /// The creator is the create event's sender; there is no `creator` (11+).
    pub creator_is_sender: bool,
    /// The room id is the create event's hash, and create is in no `auth_events` (12).
    pub room_id_is_create_hash: bool,
    /// Creators have infinite power and may not be listed in `users` (12).
    pub privileged_creators: bool,
}

impl RoomVersion {
    /// Version 1.
    pub const V1: Self = Self(1);
    /// Version 6.
    pub const V6: Self = Self(6);
    /// Version 10.
    pub const V10: Self = Self(10);
    /// Version 11.
    pub const V11: Self = Self(11);
    /// Version 12, the default of new rooms.
    pub const V12: Self = Self(12);

    /// Every version, oldest first.
    pub fn all() -> impl Iterator<Item = Self> {
        (1..=12).map(Self)
    }

    /// The version of that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::all().find(|version| version.as_str() == text)
    }

    /// The version's name.
    pub fn as_str(self) -> &'static str {
        const NAMES: [&str; 12] = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12"];
        NAMES.get(usize::from(self.0).wrapping_sub(1)).copied().unwrap_or("12")
    }

    /// What the version asks for.
    pub fn rules(self) -> Rules {
        let since = |version: u8| self.0 >= version;
        Rules {
            event_id_format: match self.0 {
                1 | 2 => EventIdFormat::Server,
                3 => EventIdFormat::Hash,
                _ => EventIdFormat::UrlSafeHash,
            },
            state_resolution: match self.0 {
                1 => StateResolution::V1,
                2..=11 => StateResolution::V2,
                _ => StateResolution::V2_1,
            },
            strict_json: since(6),
            key_validity: since(5),
            special_aliases: !since(6),
            redaction_in_auth: !since(3),
            check_notifications: since(6),
            knock: since(7),
            restricted: since(8),
            knock_restricted: since(10),
            integer_power_levels: since(10),
            redaction_keeps_authorised_via: since(9),
            redaction_keeps_allow: since(8),
            redaction_v11: since(11),
            redacts_in_content: since(11),
            creator_is_sender: since(11),
            room_id_is_create_hash: since(12),
            privileged_creators: since(12),
        }
    }
}

impl fmt::Display for RoomVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
