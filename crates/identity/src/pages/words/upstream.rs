// SPDX-License-Identifier: Apache-2.0
//! Signing in by another provider's word.

/// Signing in by another provider's word.
pub(crate) struct Upstream {
    pub(crate) elsewhere: &'static str,
    /// With the provider's name.
    pub(crate) with: fn(&str) -> String,
    /// With the provider's name.
    pub(crate) refused_title: fn(&str) -> String,
    pub(crate) failed: &'static str,
    pub(crate) no_address: &'static str,
    pub(crate) no_account: &'static str,
    pub(crate) other_person: &'static str,
    pub(crate) closed: &'static str,
    pub(crate) other_way: &'static str,
    pub(crate) signed_out_title: &'static str,
    pub(crate) signed_out: &'static str,
    /// With the provider's name.
    pub(crate) sign_out_there: fn(&str) -> String,
    pub(crate) go_on: &'static str,
}

pub(super) const FRENCH: Upstream = Upstream {
    elsewhere: "Ou bien",
    with: |name| format!("S’identifier avec {name}"),
    refused_title: |name| format!("La connexion avec {name} n’a pas abouti"),
    failed: "Vous n’êtes pas connecté. Réessayez\u{a0}; si cela dure, prévenez votre support.",
    no_address: "Votre adresse électronique n’a pas été confirmée, ou son domaine n’est pas \
                 accepté ici. Adressez-vous à votre support.",
    no_account: "Aucun compte ne correspond à votre adresse électronique. Créez-en un, ou \
                 adressez-vous à votre support.",
    other_person: "Votre adresse électronique est celle du compte d’une autre personne. \
                   Adressez-vous à votre support.",
    closed: "Votre compte est fermé. Adressez-vous à votre support.",
    other_way: "Se connecter autrement",
    signed_out_title: "Vous êtes déconnecté",
    signed_out: "Ce navigateur n’a plus accès à votre compte.",
    sign_out_there: |name| format!("Me déconnecter aussi de {name}"),
    go_on: "Continuer",
};

pub(super) const ENGLISH: Upstream = Upstream {
    elsewhere: "Or",
    with: |name| format!("Sign in with {name}"),
    refused_title: |name| format!("Signing in with {name} did not work"),
    failed: "You are not signed in. Try again; if it goes on, tell your support.",
    no_address: "Your e-mail address was not confirmed, or its domain is not accepted here. Ask \
                 your support.",
    no_account: "No account has your e-mail address. Create one, or ask your support.",
    other_person: "Your e-mail address belongs to another person’s account. Ask your support.",
    closed: "Your account is closed. Ask your support.",
    other_way: "Sign in another way",
    signed_out_title: "You are signed out",
    signed_out: "This browser has no access to your account any more.",
    sign_out_there: |name| format!("Also sign out of {name}"),
    go_on: "Go on",
};
