// SPDX-License-Identifier: Apache-2.0
//! Sync tokens: `s<pos>_<td>`. Opaque to clients, never going back.

use std::{fmt, str::FromStr};

use estafette_store::Position;

/// How far a device has come: in the one log, and in its own to-device messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Token {
    /// Everything up to here was told.
    pub pos: Position,
    /// The last to-device message that an answer contained (E2).
    pub td: Position,
}

/// The text is no token of this server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not a sync token of this server")]
pub struct NotAToken;

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s{}_{}", self.pos, self.td)
    }
}

impl FromStr for Token {
    type Err = NotAToken;

    fn from_str(text: &str) -> Result<Self, NotAToken> {
        let (pos, td) =
            text.strip_prefix('s').and_then(|rest| rest.split_once('_')).ok_or(NotAToken)?;
        let number = |text: &str| -> Result<Position, NotAToken> {
            if !text.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(NotAToken);
            }
            text.parse().map_err(|_| NotAToken)
        };
        Ok(Self { pos: number(pos)?, td: number(td)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without this a client could be sent back, or a foreign text taken for a place in the log.
    #[test]
    fn tokens_survive_a_round_trip_and_nothing_else_is_one() {
        let token = Token { pos: Position(7), td: Position(3) };
        assert_eq!(token.to_string().parse(), Ok(token));
        for bad in
            ["", "s", "s7", "7_3", "s7_", "s_3", "s+7_3", "s7_3_1", "s7_99999999999999999999"]
        {
            assert_eq!(bad.parse::<Token>(), Err(NotAToken), "{bad}");
        }
    }
}
