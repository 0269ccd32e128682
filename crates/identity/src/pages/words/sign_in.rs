// SPDX-License-Identifier: Apache-2.0
//! The sign-in page.

/// The sign-in page.
pub(crate) struct SignIn {
    pub(crate) title: &'static str,
    pub(crate) who: &'static str,
    pub(crate) password: &'static str,
    pub(crate) submit: &'static str,
    pub(crate) no_account: &'static str,
    pub(crate) forgotten: &'static str,
    /// To be sent a code instead of typing a password, and the way back.
    pub(crate) by_code: &'static str,
    pub(crate) by_code_title: &'static str,
    pub(crate) by_password: &'static str,
    pub(crate) who_is_missing: &'static str,
    /// The same whatever is wrong.
    pub(crate) refused: &'static str,
}

pub(super) const FRENCH: SignIn = SignIn {
    title: "Se connecter",
    who: "Adresse électronique ou identifiant",
    password: "Mot de passe",
    submit: "Se connecter",
    no_account: "Créer un compte",
    forgotten: "Mot de passe oublié",
    by_code: "Recevoir un code par courriel",
    by_code_title: "Se connecter avec un code",
    by_password: "Se connecter avec un mot de passe",
    who_is_missing: "Tapez votre adresse ou votre identifiant.",
    refused: "Identifiants invalides. Vérifiez l’adresse et le mot de passe.",
};

pub(super) const ENGLISH: SignIn = SignIn {
    title: "Sign in",
    who: "E-mail address or user name",
    password: "Password",
    submit: "Sign in",
    no_account: "Create an account",
    forgotten: "Forgotten password",
    by_code: "Receive a code by e-mail",
    by_code_title: "Sign in with a code",
    by_password: "Sign in with a password",
    who_is_missing: "Type your address or your user name.",
    refused: "Invalid credentials. Check the address and the password.",
};
