// SPDX-License-Identifier: Apache-2.0
//! Choosing a password: the two fields, and what makes one good enough.
//!
//! NIST SP 800-63B: length and not being guessable count, classes of characters do not. zxcvbn
//! judges how many guesses it would take; what is known of the person counts as known to guessers,
//! and so do the words that people here choose first, with accents or without.

use std::sync::LazyLock;

use estafette_core::{directory::fold, limits::PASSWORD_BYTES_MAX};
use maud::{Markup, html};
use serde::Deserialize;
use zeroize::Zeroizing;
use zxcvbn::Score;

use crate::{
    Identity,
    pages::{
        Browser, Field, Language,
        words::{self, Words},
    },
};

/// Guesses beyond 10^8: out of reach of whoever guesses at the server.
const SCORE_MIN: Score = Score::Three;
/// French words that are guessed first, the likeliest before the others: zxcvbn knows English ones.
static FRENCH: LazyLock<Vec<&str>> =
    LazyLock::new(|| include_str!("new_password/french.txt").lines().collect());
/// How many characters around words make a password no better.
const AROUND_MAX: usize = 6;
/// How much of a password is judged; what comes after makes it no worse.
const JUDGED_CHARS_MAX: usize = 100;

/// What was typed.
#[derive(Deserialize)]
pub(crate) struct Chosen {
    #[serde(default)]
    password: String,
    #[serde(default)]
    again: String,
}

impl Chosen {
    /// The password, if it is typed the same twice and good enough. Otherwise which field is wrong,
    /// and a sentence that says why. `whose`: an e-mail address or a user id.
    pub(crate) fn accepted(
        self,
        browser: &Browser,
        whose: &str,
    ) -> Result<Zeroizing<String>, (&'static str, String)> {
        let (password, again) = (Zeroizing::new(self.password), Zeroizing::new(self.again));
        if let Some(weakness) = browser.identity.weakness(&password, whose) {
            return Err(("password", weakness.sentence(browser.words())));
        }
        if password != again {
            return Err(("again", browser.words().password.differs.into()));
        }
        Ok(password)
    }
}

/// Why a password is not good enough.
enum Weakness {
    Short(usize),
    Long,
    Guessable,
}

impl Weakness {
    fn sentence(&self, words: &Words) -> String {
        let words = &words.password;
        match self {
            Self::Short(length_min) => (words.too_short)(*length_min),
            Self::Long => (words.too_long)(PASSWORD_BYTES_MAX),
            Self::Guessable => words.too_easy.into(),
        }
    }
}

impl Identity {
    /// Why `password` is not good enough for whoever signs in with `whose` (an e-mail address or a
    /// user id), as a sentence in English. `None`: it is. The pages ask no less and no more.
    pub fn password_weakness(&self, password: &str, whose: &str) -> Option<String> {
        self.weakness(password, whose)
            .map(|weakness| weakness.sentence(words::of(Language::English)))
    }

    fn weakness(&self, password: &str, whose: &str) -> Option<Weakness> {
        let length_min = self.config.sign_up.password_length_min;
        if password.chars().count() < length_min {
            return Some(Weakness::Short(length_min));
        }
        if password.len() > PASSWORD_BYTES_MAX || self.host.check_new_password(password).is_err() {
            return Some(Weakness::Long);
        }
        let easy = score(password, whose, &self.config.service_name) < SCORE_MIN;
        easy.then_some(Weakness::Guessable)
    }
}

fn score(password: &str, whose: &str, service: &str) -> Score {
    let judged = Zeroizing::new(password.chars().take(JUDGED_CHARS_MAX).collect::<String>());
    let mut known: Vec<&str> = whose.split(['.', '@', '-', '_', '+', ':']).collect();
    known.extend(whose.split(['@', ':']));
    known.extend([whose, service]);
    known.extend(FRENCH.iter());
    let score = |password: &str| zxcvbn::zxcvbn(password, &known).score();
    // No guesser is stopped by an accent.
    let folded = Zeroizing::new(fold(&judged));
    let whole = if judged.is_ascii() { score(&judged) } else { score(&judged).min(score(&folded)) };
    match words_alone(&folded) {
        Some(words) if score(words) <= Score::One => whole.min(Score::One),
        _ => whole,
    }
}

/// The words of a password that is nothing else but for some characters before and after them: a
/// year and exclamation marks are what everybody adds, and zxcvbn takes three parts for strong.
fn words_alone(folded: &str) -> Option<&str> {
    let words = folded.trim_matches(|c: char| !c.is_alphabetic());
    let around = folded.chars().count() - words.chars().count();
    let nothing_else = words.chars().all(|c| c.is_alphabetic() || c.is_whitespace());
    (!words.is_empty() && nothing_else && (1..=AROUND_MAX).contains(&around)).then_some(words)
}

/// The fields for a new password. `whose` is what its owner signs in with, for password managers.
pub(crate) fn fields(
    browser: &Browser,
    whose: &str,
    wrong: Option<&(&'static str, String)>,
) -> Markup {
    fields_called(browser, browser.words().password.label, whose, wrong)
}

/// The same with another name than "password" for the first.
pub(crate) fn fields_called(
    browser: &Browser,
    label: &str,
    whose: &str,
    wrong: Option<&(&'static str, String)>,
) -> Markup {
    let words = &browser.words().password;
    let hint = (words.hint)(browser.identity.config.sign_up.password_length_min);
    let error = |field| wrong.filter(|(name, _)| *name == field).map(|(_, why)| why.as_str());
    html! {
        input.hidden type="text" name="username" value=(whose) autocomplete="username" readonly
            tabindex="-1" aria-hidden="true";
        (Field {
            name: "password", label, kind: "password", value: "",
            autocomplete: "new-password", hint: Some(&hint), error: error("password"),
        }.render())
        (Field {
            name: "again", label: words.again, kind: "password", value: "",
            autocomplete: "new-password", hint: None, error: error("again"),
        }.render())
    }
}

#[cfg(test)]
mod tests;
