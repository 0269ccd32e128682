// SPDX-License-Identifier: Apache-2.0
//! Every word on the pages, once per language. A missing one does not compile.

mod account;
mod address;
pub(crate) mod code;
mod consent;
mod frame;
mod leave;
mod password;
mod sign_in;
mod sign_up;
mod single_sign_on;
mod upstream;
mod validity;

use super::language::Language;

/// All words in one language.
pub(crate) struct Words {
    /// What stands on every page.
    pub(crate) frame: frame::Frame,
    /// When something does not work: title and text.
    pub(crate) troubles: frame::Troubles,
    /// The sign-in page.
    pub(crate) sign_in: sign_in::SignIn,
    /// The pages where somebody lets an application in.
    pub(crate) consent: consent::Consent,
    /// The account pages.
    pub(crate) account: account::Account,
    /// Signing in by another provider's word.
    pub(crate) upstream: upstream::Upstream,
    /// Signing up.
    pub(crate) sign_up: sign_up::SignUp,
    /// The page where somebody lets a client of the legacy API in.
    pub(crate) single_sign_on: single_sign_on::SingleSignOn,
    /// The page where a code is typed.
    pub(crate) code: code::Code,
    /// Choosing a password.
    pub(crate) password: password::Password,
    /// The page on which somebody gives leave for what a client asks.
    pub(crate) leave: leave::Leave,
    /// Changing one's address.
    pub(crate) address: address::Address,
    /// Renewing an account.
    pub(crate) validity: validity::Validity,
}

const FRENCH: Words = Words {
    frame: frame::FRENCH,
    troubles: frame::TROUBLES_IN_FRENCH,
    sign_in: sign_in::FRENCH,
    consent: consent::FRENCH,
    account: account::FRENCH,
    upstream: upstream::FRENCH,
    sign_up: sign_up::FRENCH,
    single_sign_on: single_sign_on::FRENCH,
    code: code::FRENCH,
    password: password::FRENCH,
    leave: leave::FRENCH,
    address: address::FRENCH,
    validity: validity::FRENCH,
};

const ENGLISH: Words = Words {
    frame: frame::ENGLISH,
    troubles: frame::TROUBLES_IN_ENGLISH,
    sign_in: sign_in::ENGLISH,
    consent: consent::ENGLISH,
    account: account::ENGLISH,
    upstream: upstream::ENGLISH,
    sign_up: sign_up::ENGLISH,
    single_sign_on: single_sign_on::ENGLISH,
    code: code::ENGLISH,
    password: password::ENGLISH,
    leave: leave::ENGLISH,
    address: address::ENGLISH,
    validity: validity::ENGLISH,
};

/// All words in `language`.
pub(crate) fn of(language: Language) -> &'static Words {
    match language {
        Language::French => &FRENCH,
        Language::English => &ENGLISH,
    }
}

#[cfg(test)]
mod tests;
