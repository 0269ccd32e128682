// SPDX-License-Identifier: Apache-2.0
//! Choosing a password: the two fields, and what makes one good enough.
//!
//! NIST SP 800-63B: length and not being guessable count, classes of characters do not. zxcvbn
//! judges how many guesses it would take; what is known of the person counts as known to guessers.

use estafette_core::{email_address::EmailAddress, limits::PASSWORD_BYTES_MAX};
use maud::{Markup, html};
use serde::Deserialize;
use zeroize::Zeroizing;
use zxcvbn::Score;

use crate::pages::{Browser, Field};

/// Guesses beyond 10^8: out of reach of whoever guesses at the server.
const SCORE_MIN: Score = Score::Three;
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
    /// and a sentence that says why.
    pub(crate) fn accepted(
        self,
        browser: &Browser,
        address: &EmailAddress,
    ) -> Result<Zeroizing<String>, (&'static str, String)> {
        let words = &browser.words().password;
        let (password, again) = (Zeroizing::new(self.password), Zeroizing::new(self.again));
        let length_min = browser.identity.config.sign_up.password_length_min;
        if password.chars().count() < length_min {
            return Err(("password", (words.too_short)(length_min)));
        }
        if password.len() > PASSWORD_BYTES_MAX
            || browser.identity.host.check_new_password(&password).is_err()
        {
            return Err(("password", (words.too_long)(PASSWORD_BYTES_MAX)));
        }
        if score(&password, address, &browser.identity.config.service_name) < SCORE_MIN {
            return Err(("password", words.too_easy.into()));
        }
        if password != again {
            return Err(("again", words.differs.into()));
        }
        Ok(password)
    }
}

fn score(password: &str, address: &EmailAddress, service: &str) -> Score {
    let judged = Zeroizing::new(password.chars().take(JUDGED_CHARS_MAX).collect::<String>());
    let mut known: Vec<&str> = address.as_str().split(['.', '@', '-', '_', '+']).collect();
    known.extend([address.as_str(), address.local_part(), address.domain(), service]);
    zxcvbn::zxcvbn(&judged, &known).score()
}

/// The fields for a new password. `address` tells password managers whose it is.
pub(crate) fn fields(
    browser: &Browser,
    address: &EmailAddress,
    wrong: Option<&(&'static str, String)>,
) -> Markup {
    let words = &browser.words().password;
    let hint = (words.hint)(browser.identity.config.sign_up.password_length_min);
    let error = |field| wrong.filter(|(name, _)| *name == field).map(|(_, why)| why.as_str());
    html! {
        input.hidden type="text" name="username" value=(address) autocomplete="username" readonly
            tabindex="-1" aria-hidden="true";
        (Field {
            name: "password", label: words.label, kind: "password", value: "",
            autocomplete: "new-password", hint: Some(&hint), error: error("password"),
        }.render())
        (Field {
            name: "again", label: words.again, kind: "password", value: "",
            autocomplete: "new-password", hint: None, error: error("again"),
        }.render())
    }
}
