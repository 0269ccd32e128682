// SPDX-License-Identifier: Apache-2.0
//! Sync tokens: `s<pos>_<td>_<typing>_<presence>`. Opaque to clients, never going back.

use std::{fmt, str::FromStr};

use estafette_store::Position;

/// How far a device has come: in the one log, in its own to-device messages, and in what has no
/// place in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Token {
    /// Everything up to here was told.
    pub pos: Position,
    /// The last to-device message that an answer contained (E2).
    pub td: Position,
    /// The version of typing that was told; see [`crate::typing`].
    pub typing: u64,
    /// The version of presence that was told; see [`crate::presence`].
    pub presence: u64,
}

/// The text is no token of this server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not a sync token of this server")]
pub struct NotAToken;

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s{}_{}_{}_{}", self.pos, self.td, self.typing, self.presence)
    }
}

impl FromStr for Token {
    type Err = NotAToken;

    fn from_str(text: &str) -> Result<Self, NotAToken> {
        let mut fields = text.strip_prefix('s').ok_or(NotAToken)?.split('_');
        let mut field = || -> Result<Option<u64>, NotAToken> {
            let Some(text) = fields.next() else { return Ok(None) };
            if !text.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(NotAToken);
            }
            text.parse().map(Some).map_err(|_| NotAToken)
        };
        let pos = Position(field()?.ok_or(NotAToken)?);
        let td = Position(field()?.ok_or(NotAToken)?);
        // Tokens of earlier versions of this server end here.
        let (typing, presence) = match (field()?, field()?) {
            (None, _) => (0, 0),
            (Some(typing), Some(presence)) => (typing, presence),
            (Some(_), None) => return Err(NotAToken),
        };
        match field()? {
            None => Ok(Self { pos, td, typing, presence }),
            Some(_) => Err(NotAToken),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without this a client could be sent back, or a foreign text taken for a place in the log.
    #[test]
    fn tokens_survive_a_round_trip_and_nothing_else_is_one() {
        let token = Token { pos: Position(7), td: Position(3), typing: 9, presence: 2 };
        assert_eq!(token.to_string().parse(), Ok(token));
        assert_eq!("s7_3".parse(), Ok(Token { typing: 0, presence: 0, ..token }));
        for bad in [
            "",
            "s",
            "s7",
            "7_3",
            "s7_",
            "s_3",
            "s+7_3",
            "s7_3_1",
            "s7_3_1_",
            "s7_3_1_2_3",
            "s7_99999999999999999999",
        ] {
            assert_eq!(bad.parse::<Token>(), Err(NotAToken), "{bad}");
        }
    }
}
