// SPDX-License-Identifier: Apache-2.0
//! Choosing a password, and choosing another one.

/// Choosing a password.
pub(crate) struct Password {
    pub(crate) label: &'static str,
    pub(crate) again: &'static str,
    /// How many characters it must have.
    pub(crate) hint: fn(usize) -> String,
    /// The same, when it has fewer.
    pub(crate) too_short: fn(usize) -> String,
    /// How many bytes it may have.
    pub(crate) too_long: fn(usize) -> String,
    pub(crate) too_easy: &'static str,
    pub(crate) differs: &'static str,
    pub(crate) address: &'static str,
    pub(crate) reset_title: &'static str,
    pub(crate) reset_text: &'static str,
    pub(crate) new_title: &'static str,
    pub(crate) ends_sessions: &'static str,
    pub(crate) set: &'static str,
    /// Another one for whoever knows the one before.
    pub(crate) change_title: &'static str,
    pub(crate) old: &'static str,
    pub(crate) new: &'static str,
    pub(crate) end_devices: &'static str,
    pub(crate) end_devices_hint: &'static str,
    /// Title and text.
    pub(crate) changed: (&'static str, &'static str),
    pub(crate) link_title: &'static str,
    pub(crate) link_whose: &'static str,
    /// Title and text.
    pub(crate) link_ended: (&'static str, &'static str),
}

pub(super) const FRENCH: Password = Password {
    label: "Mot de passe",
    again: "Le même mot de passe, encore une fois",
    hint: |min| format!("Au moins {min} caractères. Trois ou quatre mots au hasard conviennent."),
    too_short: |min| format!("Le mot de passe doit avoir au moins {min} caractères."),
    too_long: |max| format!("Le mot de passe est trop long ({max} octets au plus)."),
    too_easy: "Ce mot de passe serait vite deviné. Évitez votre nom, les dates, les suites et les \
               mots de passe courants\u{a0}; ajoutez un ou deux mots au hasard.",
    differs: "Les deux mots de passe sont différents.",
    address: "Adresse électronique de votre compte",
    reset_title: "Mot de passe oublié",
    reset_text: "Si cette adresse a un compte, nous y enverrons un code.",
    new_title: "Choisissez un nouveau mot de passe",
    ends_sessions: "Tous vos appareils seront déconnectés.",
    set: "Changer le mot de passe",
    change_title: "Changer de mot de passe",
    old: "Mot de passe actuel",
    new: "Nouveau mot de passe",
    end_devices: "Déconnecter aussi tous mes appareils",
    end_devices_hint: "Utile si quelqu’un d’autre a pu connaître votre mot de passe. Les messages \
                       qui ne sont pas sauvegardés y seront perdus.",
    changed: (
        "Votre mot de passe a changé",
        "Les autres navigateurs connectés à ces pages ont été déconnectés.",
    ),
    link_title: "Choisissez votre mot de passe",
    link_whose: "Compte",
    link_ended: (
        "Ce lien n’est plus valable",
        "Il a déjà servi, a expiré, ou un lien plus récent l’a remplacé. Demandez-en un autre à \
         votre support.",
    ),
};

pub(super) const ENGLISH: Password = Password {
    label: "Password",
    again: "The same password once more",
    hint: |min| format!("At least {min} characters. Three or four random words are fine."),
    too_short: |min| format!("The password must have at least {min} characters."),
    too_long: |max| format!("The password is too long ({max} bytes at most)."),
    too_easy: "This password would soon be guessed. Avoid your name, dates, sequences and common \
               passwords; add one or two random words.",
    differs: "The two passwords are different.",
    address: "E-mail address of your account",
    reset_title: "Forgotten password",
    reset_text: "If this address has an account, we will send a code to it.",
    new_title: "Choose a new password",
    ends_sessions: "All your devices will be signed out.",
    set: "Change the password",
    change_title: "Change the password",
    old: "Current password",
    new: "New password",
    end_devices: "Sign all my devices out as well",
    end_devices_hint: "Useful where somebody else may have known your password. Messages that are \
                       not backed up will be lost on them.",
    changed: (
        "Your password has changed",
        "The other browsers that were signed in to these pages have been signed out.",
    ),
    link_title: "Choose your password",
    link_whose: "Account",
    link_ended: (
        "This link no longer works",
        "It was used, has expired, or a later one has taken its place. Ask your support for \
         another.",
    ),
};
