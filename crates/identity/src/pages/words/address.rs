// SPDX-License-Identifier: Apache-2.0
//! Changing one's address.

/// Changing one's address. Pairs are a title and a text.
pub(crate) struct Address {
    pub(crate) title: &'static str,
    pub(crate) current: &'static str,
    pub(crate) new: &'static str,
    pub(crate) password: &'static str,
    pub(crate) wrong_password: &'static str,
    pub(crate) other_organisation: &'static str,
    pub(crate) confirm_title: &'static str,
    pub(crate) change: &'static str,
    pub(crate) changed: (&'static str, &'static str),
    pub(crate) taken: (&'static str, &'static str),
    pub(crate) not_invited: (&'static str, &'static str),
}

pub(super) const FRENCH: Address = Address {
    title: "Changer d’adresse",
    current: "Adresse actuelle",
    new: "Nouvelle adresse",
    password: "Votre mot de passe",
    wrong_password: "Ce n’est pas votre mot de passe.",
    other_organisation: "Cette adresse n’est pas de votre organisation. Pour en changer, adressez-\
                         vous à votre support.",
    confirm_title: "Confirmer la nouvelle adresse",
    change: "Changer l’adresse",
    changed: ("Votre adresse a changé", "Connectez-vous désormais avec"),
    taken: ("Cette adresse a déjà un compte", "Elle ne peut pas être aussi la vôtre."),
    not_invited: (
        "Cette adresse n’est pas invitée",
        "Vous êtes ici l’invité d’un agent\u{a0}: demandez-lui d’inviter votre nouvelle adresse, \
         puis recommencez. Votre adresse actuelle reste la vôtre.",
    ),
};

pub(super) const ENGLISH: Address = Address {
    title: "Change your address",
    current: "Current address",
    new: "New address",
    password: "Your password",
    wrong_password: "This is not your password.",
    other_organisation: "This address is not of your organisation. Ask your support to change it.",
    confirm_title: "Confirm the new address",
    change: "Change the address",
    changed: ("Your address has changed", "From now on sign in with"),
    taken: ("This address already has an account", "It cannot be yours too."),
    not_invited: (
        "This address is not invited",
        "You are here as the guest of an agent: ask them to invite your new address, then try \
         again. Your current address stays yours.",
    ),
};
