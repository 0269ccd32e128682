// SPDX-License-Identifier: Apache-2.0
//! Identifiers as the specification spells them (Appendices, "Common Identifier Format").
//!
//! Each is checked once, when parsed, and cheap to clone afterwards. Comparison is by bytes, as
//! the specification asks: identifiers are case-sensitive.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::limits::ID_BYTES_MAX;

/// Why a text is no identifier of the wanted kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Longer than 255 bytes.
    #[error("it is longer than 255 bytes")]
    TooLong,
    /// Empty, or nothing after the sigil.
    #[error("it is empty")]
    Empty,
    /// It must start with this sigil.
    #[error("it does not start with `{0}`")]
    Sigil(char),
    /// The server name is missing or malformed.
    #[error("its server name is missing or malformed")]
    ServerName,
    /// A character that is not allowed there.
    #[error("it has a character that is not allowed")]
    Character,
}

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident, $check:path) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks `text` and takes it as this identifier.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                $check(text)?;
                Ok(Self(text.into()))
            }

            /// The identifier as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::parse(text)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                Self::parse(&text).map_err(D::Error::custom)
            }
        }
    };
}

identifier!(
    /// `@localpart:server`. Historical localparts (anything but `:` and NUL, even nothing) parse;
    /// [`UserId::from_localpart`] makes only those of the grammar.
    UserId, check_user_id
);
identifier!(
    /// `!opaque:server`, or `!` and the hash of the create event from room version 12 on.
    RoomId, check_room_id
);
identifier!(
    /// `#localpart:server`.
    RoomAlias, check_room_alias
);
identifier!(
    /// `$hash`, or `$opaque:server` in room versions 1 and 2.
    EventId, check_event_id
);
identifier!(
    /// A DNS name or IP literal with an optional port.
    ServerName, check_server_name
);
identifier!(
    /// A client's device: opaque text.
    DeviceId, check_device_id
);

impl UserId {
    /// A new user id. The localpart must be of the present grammar: `a-z 0-9 . _ = - / +`.
    pub fn from_localpart(localpart: &str, server: &ServerName) -> Result<Self, IdError> {
        if localpart.is_empty() {
            return Err(IdError::Empty);
        }
        let allowed = |byte: u8| {
            byte.is_ascii_lowercase()
                || byte.is_ascii_digit()
                || matches!(byte, b'.' | b'_' | b'=' | b'-' | b'/' | b'+')
        };
        if !localpart.bytes().all(allowed) {
            return Err(IdError::Character);
        }
        Self::parse(&format!("@{localpart}:{server}"))
    }

    /// What stands between `@` and the first `:`.
    pub fn localpart(&self) -> &str {
        self.0.get(1..).and_then(|rest| rest.split_once(':')).map_or("", |(localpart, _)| localpart)
    }

    /// The server on which the user lives.
    pub fn server_name(&self) -> &str {
        self.0.split_once(':').map_or("", |(_, server)| server)
    }
}

impl RoomAlias {
    /// What stands between `#` and the first `:`.
    pub fn localpart(&self) -> &str {
        self.0.get(1..).and_then(|rest| rest.split_once(':')).map_or("", |(localpart, _)| localpart)
    }

    /// The server that resolves the alias.
    pub fn server_name(&self) -> &str {
        self.0.split_once(':').map_or("", |(_, server)| server)
    }
}

impl RoomId {
    /// The server that made the room. `None` from room version 12 on, whose ids name no server.
    pub fn server_name(&self) -> Option<&str> {
        self.0.split_once(':').map(|(_, server)| server)
    }
}

impl EventId {
    /// The server that made the event, in room versions 1 and 2 alone.
    pub fn server_name(&self) -> Option<&str> {
        self.0.split_once(':').map(|(_, server)| server)
    }
}

impl ServerName {
    /// The name without its port.
    pub fn host(&self) -> &str {
        let after_literal = self.0.rfind(']').map_or(0, |end| end + 1);
        let port = self.0.get(after_literal..).and_then(|rest| rest.find(':'));
        port.and_then(|colon| self.0.get(..after_literal + colon)).unwrap_or(&self.0)
    }
}

fn check_sigil(text: &str, sigil: char) -> Result<&str, IdError> {
    if text.len() > ID_BYTES_MAX {
        return Err(IdError::TooLong);
    }
    let rest = text.strip_prefix(sigil).ok_or(IdError::Sigil(sigil))?;
    if rest.is_empty() {
        return Err(IdError::Empty);
    }
    if rest.contains('\0') {
        return Err(IdError::Character);
    }
    Ok(rest)
}

fn check_user_id(text: &str) -> Result<(), IdError> {
    let (_, server) = check_sigil(text, '@')?.split_once(':').ok_or(IdError::ServerName)?;
    // Rooms of the past hold users with any localpart, even none or one of control characters, and
    // servers MUST accept them ("Historical User IDs"); `:` and NUL are excluded above.
    check_server_name(server)
}

fn check_room_alias(text: &str) -> Result<(), IdError> {
    let (localpart, server) = check_sigil(text, '#')?.split_once(':').ok_or(IdError::ServerName)?;
    if localpart.is_empty() {
        return Err(IdError::Empty);
    }
    check_server_name(server)
}

fn check_room_id(text: &str) -> Result<(), IdError> {
    match check_sigil(text, '!')?.split_once(':') {
        Some((_, server)) => check_server_name(server),
        None => Ok(()),
    }
}

fn check_event_id(text: &str) -> Result<(), IdError> {
    match check_sigil(text, '$')?.split_once(':') {
        Some((_, server)) => check_server_name(server),
        None => Ok(()),
    }
}

fn check_device_id(text: &str) -> Result<(), IdError> {
    if text.is_empty() {
        return Err(IdError::Empty);
    }
    if text.len() > ID_BYTES_MAX {
        return Err(IdError::TooLong);
    }
    if text.chars().any(char::is_control) { Err(IdError::Character) } else { Ok(()) }
}

/// Appendices, "Server Name": a DNS name, an IPv4 literal or a bracketed IPv6 literal, then an
/// optional port of at most five digits.
fn check_server_name(text: &str) -> Result<(), IdError> {
    if text.len() > ID_BYTES_MAX {
        return Err(IdError::TooLong);
    }
    let (host_is_right, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (literal, port) = rest.split_once(']').ok_or(IdError::ServerName)?;
            (
                literal.parse::<std::net::Ipv6Addr>().is_ok(),
                port.strip_prefix(':').or(if port.is_empty() { None } else { Some("not a port") }),
            )
        }
        None => {
            let (host, port) =
                text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)));
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
            (!host.is_empty() && host.bytes().all(allowed), port)
        }
    };
    let port_is_right = port.is_none_or(|port| {
        (1..=5).contains(&port.len()) && port.bytes().all(|byte| byte.is_ascii_digit())
    });
    if host_is_right && port_is_right { Ok(()) } else { Err(IdError::ServerName) }
}

#[cfg(test)]
mod tests;
