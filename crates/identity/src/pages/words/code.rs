// SPDX-License-Identifier: Apache-2.0
//! The page where a code is typed, and what is wrong with addresses.

use estafette_core::email_address::EmailAddressError;

/// The page where a code is typed.
pub(crate) struct Code {
    pub(crate) title: &'static str,
    pub(crate) sent: &'static str,
    /// Where nobody may know whether there is an account.
    pub(crate) sent_if_known: &'static str,
    pub(crate) sent_if_invited: &'static str,
    /// Of a code that is not the first, where it may be said that it was sent, and elsewhere.
    pub(crate) sent_again: &'static str,
    pub(crate) asked_again: &'static str,
    /// In how many seconds another code may be asked for.
    pub(crate) too_early: fn(u64) -> String,
    pub(crate) label: &'static str,
    pub(crate) hint: &'static str,
    pub(crate) submit: &'static str,
    pub(crate) not_a_code: &'static str,
    /// How many tries are left.
    pub(crate) wrong: fn(u32) -> String,
    pub(crate) not_there: &'static str,
    pub(crate) not_there_hint: &'static str,
    pub(crate) again: &'static str,
    pub(crate) other_address: &'static str,
    pub(crate) ended_title: &'static str,
    pub(crate) ended: &'static str,
    pub(crate) address_missing: &'static str,
    pub(crate) address_too_long: &'static str,
    pub(crate) address_at: &'static str,
    pub(crate) address_character: &'static str,
    pub(crate) address_shape: &'static str,
}

/// What is wrong with an address, for whoever typed it.
pub(crate) fn address_error(words: &Code, error: EmailAddressError) -> &'static str {
    match error {
        EmailAddressError::TooLong => words.address_too_long,
        EmailAddressError::At => words.address_at,
        EmailAddressError::Character => words.address_character,
        EmailAddressError::LocalPart | EmailAddressError::Domain => words.address_shape,
    }
}

pub(super) const FRENCH: Code = Code {
    title: "Entrez le code reçu",
    sent: "Nous avons envoyé un code à huit chiffres à",
    sent_if_known: "Si un compte ouvert a cette adresse, un code à huit chiffres y a été \
                    envoyé\u{a0}:",
    sent_if_invited: "Cette adresse n’est d’aucune organisation d’ici\u{a0}: vérifiez-la. Si elle \
                      a été invitée, un code à huit chiffres y a été envoyé\u{a0}:",
    sent_again: "Un nouveau code a été envoyé. Le précédent ne fonctionne plus.",
    asked_again: "Vous avez demandé un nouveau code. Le précédent ne fonctionne plus.",
    too_early: |seconds| {
        let (count, unit) = match seconds {
            0..2 => (1, "seconde"),
            2..120 => (seconds, "secondes"),
            _ => (seconds.div_ceil(60), "minutes"),
        };
        format!(
            "Entrez ici le dernier code demandé\u{a0}: il reste valable. Vous pourrez en demander \
             un autre dans {count} {unit}."
        )
    },
    label: "Code",
    hint: "Huit chiffres. Il est valable 10 minutes.",
    submit: "Continuer",
    not_a_code: "Le code a huit chiffres\u{a0}: recopiez-le tel qu’il est dans le message.",
    wrong: |left| {
        let essais = if left > 1 { "essais" } else { "essai" };
        format!("Ce n’est pas le bon code. Il vous reste {left} {essais}.")
    },
    not_there: "Rien reçu\u{a0}?",
    not_there_hint: "Attendez une minute, regardez dans les courriers indésirables et vérifiez \
                     l’adresse.",
    again: "Envoyer un nouveau code",
    other_address: "Changer d’adresse",
    ended_title: "Ce code n’est plus valable",
    ended: "Il a expiré, ou a été essayé trop souvent. Demandez-en un nouveau.",
    address_missing: "Tapez votre adresse, comme prenom.nom@exemple.fr.",
    address_too_long: "Cette adresse est trop longue.",
    address_at: "Une adresse a exactement un «\u{a0}@\u{a0}», comme prenom.nom@exemple.fr.",
    address_character: "Cette adresse contient un caractère interdit\u{a0}: espace, accent, \
                        guillemet…",
    address_shape: "Cette adresse est incomplète. Exemple\u{a0}: prenom.nom@exemple.fr.",
};

pub(super) const ENGLISH: Code = Code {
    title: "Enter the code",
    sent: "We have sent a code of eight digits to",
    sent_if_known: "If an open account has this address, a code of eight digits was sent to it:",
    sent_if_invited: "This address is of no organisation here: check it. If it was invited, a \
                      code of eight digits was sent to it:",
    sent_again: "A new code has been sent. The one before no longer works.",
    asked_again: "You have asked for a new code. The one before no longer works.",
    too_early: |seconds| {
        let (count, unit) = match seconds {
            0..2 => (1, "second"),
            2..120 => (seconds, "seconds"),
            _ => (seconds.div_ceil(60), "minutes"),
        };
        format!(
            "Enter the last code that you asked for here: it still works. You may ask for another \
             in {count} {unit}."
        )
    },
    label: "Code",
    hint: "Eight digits. It works for 10 minutes.",
    submit: "Continue",
    not_a_code: "The code has eight digits: copy it as it is in the message.",
    wrong: |left| {
        let tries = if left > 1 { "tries" } else { "try" };
        format!("This is not the right code. You have {left} {tries} left.")
    },
    not_there: "Nothing received?",
    not_there_hint: "Wait a minute, look into your junk mail and check the address.",
    again: "Send a new code",
    other_address: "Use another address",
    ended_title: "This code no longer works",
    ended: "It has expired, or was tried too often. Ask for a new one.",
    address_missing: "Type your address, as in first.last@example.org.",
    address_too_long: "This address is too long.",
    address_at: "An address has exactly one “@”, as in first.last@example.org.",
    address_character: "This address has a character that is not allowed: a space, accent, quote…",
    address_shape: "This address is not complete. Example: first.last@example.org.",
};
