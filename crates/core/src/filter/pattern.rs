// SPDX-License-Identifier: Apache-2.0
//! Event types with `*`, which stands for any sequence of characters.

use serde::{Deserialize, Deserializer};

/// An event type in which each `*` matches any sequence of characters, even none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypePattern {
    /// The literal pieces between the stars; one piece when there is no star.
    pieces: Vec<Box<str>>,
}

impl TypePattern {
    /// Reads a pattern. Every text is one.
    pub fn new(text: &str) -> Self {
        Self { pieces: text.split('*').map(Into::into).collect() }
    }

    /// Whether `kind` matches as a whole. Linear in `kind` for each piece of the pattern: the
    /// first piece is anchored, the last is, and each between takes its earliest place.
    pub fn matches(&self, kind: &str) -> bool {
        let (first, rest) = match self.pieces.split_first() {
            None => return kind.is_empty(),
            Some((only, [])) => return **only == *kind,
            Some(split) => split,
        };
        let Some((last, middle)) = rest.split_last() else { return false };
        let Some(mut left) = kind.strip_prefix(&**first) else { return false };
        for piece in middle {
            let Some((_, after)) = left.split_once(&**piece) else { return false };
            left = after;
        }
        left.ends_with(&**last)
    }
}

impl<'de> Deserialize<'de> for TypePattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::new(&std::borrow::Cow::<'de, str>::deserialize(deserializer)?))
    }
}
