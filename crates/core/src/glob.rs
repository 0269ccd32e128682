// SPDX-License-Identifier: Apache-2.0
//! Glob-style matching, as the appendices of the specification define it.
//!
//! `*` stands for zero or more characters, `?` for exactly one, everything else for itself.
//! Matching ignores case, one character at a time, so that `?` keeps its meaning.
//! The time is proportional to the text for patterns of up to 63 characters and to
//! text × pattern ÷ 64 beyond: no pattern makes it quadratic, as the automaton below is
//! simulated on bits and never goes back.
//!
//! Source: <https://spec.matrix.org/v1.19/appendices/#glob-style-matching>.

#[cfg(test)]
mod tests;

/// A glob pattern, prepared for many comparisons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob {
    /// The pattern with its case folded, runs of `*` shortened to one.
    pattern: Box<str>,
    shape: Shape,
    /// How many characters a matching text has at least.
    chars_min: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// No wildcard at all.
    Literal,
    /// The pattern `*`.
    Everything,
    /// Anything else.
    Wild,
}

/// A text with its case folded, ready to be compared with any number of globs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoldedText {
    text: Box<str>,
    chars: usize,
}

impl FoldedText {
    /// Folds the case of `text`.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let text = fold(text);
        let chars = if text.is_ascii() { text.len() } else { text.chars().count() };
        Self { text: text.into_boxed_str(), chars }
    }

    /// The folded text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl Glob {
    /// Prepares `pattern`. Every string is a valid pattern.
    #[must_use]
    pub fn new(pattern: &str) -> Self {
        let mut folded = fold(pattern);
        if folded.contains("**") {
            let mut previous = ' ';
            folded.retain(|c| {
                let keep = c != '*' || previous != '*';
                previous = c;
                keep
            });
        }
        let shape = match folded.as_str() {
            "*" => Shape::Everything,
            literal if !literal.contains(['*', '?']) => Shape::Literal,
            _ => Shape::Wild,
        };
        let chars_min = folded.chars().filter(|c| *c != '*').count();
        Self { pattern: folded.into_boxed_str(), shape, chars_min }
    }

    /// Prepares a text in which no character is a wildcard, such as a display name.
    #[must_use]
    pub fn literal(text: &str) -> Self {
        let pattern = fold(text).into_boxed_str();
        let chars_min = pattern.chars().count();
        Self { pattern, shape: Shape::Literal, chars_min }
    }

    /// Whether the pattern stands for the whole of `text`.
    #[must_use]
    pub fn matches(&self, text: &FoldedText) -> bool {
        match self.shape {
            Shape::Everything => true,
            Shape::Literal => self.pattern == text.text,
            Shape::Wild => {
                self.chars_min <= text.chars
                    && self.may_occur_in(&text.text)
                    && self.automaton().accepts(&text.text, Anchor::WholeText)
            }
        }
    }

    /// Whether the pattern stands for a part of `text` which starts and ends at a word boundary.
    ///
    /// A position is a word boundary at the start and the end of the text and where one of the
    /// two characters around it is not in `[A-Za-z0-9_]`.
    /// The empty pattern matches the empty text alone: the specification is silent, and a rule
    /// that fires on every message is never what was meant.
    ///
    /// Source: <https://spec.matrix.org/v1.19/client-server-api/#push-rules>, `event_match`.
    #[must_use]
    pub fn matches_words(&self, text: &FoldedText) -> bool {
        if self.pattern.is_empty() {
            return text.text.is_empty();
        }
        match self.shape {
            Shape::Everything => true,
            Shape::Literal | Shape::Wild => {
                self.chars_min <= text.chars
                    && self.may_occur_in(&text.text)
                    && self.automaton().accepts(&text.text, Anchor::Words)
            }
        }
    }

    fn automaton(&self) -> Automaton {
        let literal = self.shape == Shape::Literal;
        Automaton::new(self.pattern.chars().map(move |c| match c {
            '*' if !literal => Token::AnyNumber,
            '?' if !literal => Token::AnyOne,
            c => Token::Char(c),
        }))
    }

    /// A quick test that refuses most texts: the longest piece without wildcards must occur.
    fn may_occur_in(&self, text: &str) -> bool {
        if self.shape == Shape::Literal {
            return text.contains(&*self.pattern);
        }
        self.pattern
            .split(['*', '?'])
            .max_by_key(|piece| piece.len())
            .is_none_or(|piece| text.contains(piece))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Token {
    Char(char),
    AnyOne,
    AnyNumber,
}

/// Folds the case of a text one character at a time, so that the number of characters stays.
fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    text.chars().map(fold_char).collect()
}

fn fold_char(c: char) -> char {
    let mut lower = c.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(single), None) => single,
        _ => c,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Anchor {
    WholeText,
    Words,
}

const WORD_BITS: usize = 64;

/// The pattern as a nondeterministic automaton: state `i` means "`i` characters of the pattern
/// are matched", one bit each. `*` before character `i` lets state `i` stay where it is.
struct Automaton {
    /// Characters of the pattern in ascending order, each with the states it leads out of:
    /// `blocks` words for each character, `?` included in all of them.
    letters: Vec<char>,
    steps: Vec<u64>,
    /// The states which `?` leads out of: what a character not in `letters` can do.
    any: Vec<u64>,
    /// The states that may stay.
    loops: Vec<u64>,
    /// The accepting state.
    last: usize,
    blocks: usize,
}

impl Automaton {
    fn new(tokens: impl Iterator<Item = Token> + Clone) -> Self {
        let last = tokens.clone().filter(|token| *token != Token::AnyNumber).count();
        let blocks = last / WORD_BITS + 1;
        let letter = |token| if let Token::Char(c) = token { Some(c) } else { None };
        let mut letters: Vec<char> = tokens.clone().filter_map(letter).collect();
        letters.sort_unstable();
        letters.dedup();
        let mut any = vec![0; blocks];
        let mut loops = vec![0; blocks];
        let mut steps = vec![0; blocks.saturating_mul(letters.len())];
        let mut state = 0;
        for token in tokens {
            match token {
                Token::AnyNumber => {
                    set(&mut loops, state);
                    continue;
                }
                Token::AnyOne => set(&mut any, state),
                Token::Char(c) => {
                    if let Ok(index) = letters.binary_search(&c) {
                        set(&mut steps, index * blocks * WORD_BITS + state);
                    }
                }
            }
            state += 1;
        }
        for chunk in steps.chunks_mut(blocks) {
            for (word, any) in chunk.iter_mut().zip(&any) {
                *word |= any;
            }
        }
        Self { letters, steps, any, loops, last, blocks }
    }

    fn steps_of(&self, c: char) -> &[u64] {
        match self.letters.binary_search(&c) {
            Ok(index) => self.steps.chunks(self.blocks).nth(index).unwrap_or(self.any.as_slice()),
            Err(_) => &self.any,
        }
    }

    fn accepts(&self, text: &str, anchor: Anchor) -> bool {
        let mut states = vec![0; self.blocks];
        let mut before: Option<char> = None;
        for c in text.chars() {
            let boundary = match (anchor, before) {
                (_, None) => true,
                (Anchor::WholeText, Some(_)) => false,
                (Anchor::Words, Some(before)) => !is_word(before) || !is_word(c),
            };
            if boundary {
                if anchor == Anchor::Words && is_set(&states, self.last) {
                    return true;
                }
                set(&mut states, 0);
            }
            self.advance(&mut states, c);
            before = Some(c);
        }
        // The first character is still to come for whoever starts here, and every pattern that gets
        // this far has one.
        is_set(&states, self.last)
    }

    fn advance(&self, states: &mut [u64], c: char) {
        let mut carry = 0;
        let steps = self.steps_of(c);
        for ((word, step), stay) in states.iter_mut().zip(steps).zip(&self.loops) {
            let moved = *word & step;
            *word = (*word & stay) | (moved << 1) | carry;
            carry = moved >> (WORD_BITS - 1);
        }
    }
}

fn set(words: &mut [u64], bit: usize) {
    if let Some(word) = words.get_mut(bit / WORD_BITS) {
        *word |= 1 << (bit % WORD_BITS);
    }
}

fn is_set(words: &[u64], bit: usize) -> bool {
    words.get(bit / WORD_BITS).is_some_and(|word| word & (1 << (bit % WORD_BITS)) != 0)
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}
