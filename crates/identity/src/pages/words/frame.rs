// SPDX-License-Identifier: Apache-2.0
//! What stands on every page, and what is said when something does not work.

/// What stands on every page.
pub(crate) struct Frame {
    /// The first link, for keyboards and screen readers.
    pub(crate) skip: &'static str,
    /// The last line.
    pub(crate) footer: &'static str,
    /// What the links at the foot are called together.
    pub(crate) links: &'static str,
    pub(crate) support: &'static str,
    /// Over the list of what is wrong with a form.
    pub(crate) errors_title: &'static str,
    /// Before the title of the window where something did not work, with its space.
    pub(crate) error: &'static str,
}

pub(super) const FRENCH: Frame = Frame {
    skip: "Aller au contenu",
    footer: "Service de messagerie de l’État.",
    links: "À propos de ce service",
    support: "Contacter le support",
    errors_title: "Il y a un problème",
    error: "Erreur\u{a0}: ",
};

pub(super) const ENGLISH: Frame = Frame {
    skip: "Skip to the content",
    footer: "Messaging service of the State.",
    links: "About this service",
    support: "Contact the support",
    errors_title: "There is a problem",
    error: "Error: ",
};

/// When something does not work: title and text.
pub(crate) struct Troubles {
    pub(crate) form_too_old: (&'static str, &'static str),
    pub(crate) not_understood: (&'static str, &'static str),
    pub(crate) only_posted: (&'static str, &'static str),
    pub(crate) to_account: &'static str,
    pub(crate) not_found: (&'static str, &'static str),
    pub(crate) suspended: (&'static str, &'static str),
    pub(crate) locked: (&'static str, &'static str),
    pub(crate) limited: (&'static str, &'static str),
    pub(crate) busy: (&'static str, &'static str),
    pub(crate) broken: (&'static str, &'static str),
    /// The button that sends once more what was not taken.
    pub(crate) again: &'static str,
    /// The way back to where a form begins.
    pub(crate) start_again: &'static str,
    /// How many seconds to wait.
    pub(crate) wait: fn(u64) -> String,
}

pub(super) const TROUBLES_IN_FRENCH: Troubles = Troubles {
    form_too_old: (
        "Cette page a expiré",
        "Elle est restée ouverte trop longtemps, ou ce navigateur s’est connecté depuis dans un \
         autre onglet. Rien n’a été fait\u{a0}: recommencez. Si cela se reproduit, vérifiez que \
         votre navigateur accepte les cookies de ce site.",
    ),
    not_understood: (
        "Demande incomprise",
        "Le serveur n’a pas compris la demande. Revenez à la page précédente et recommencez.",
    ),
    only_posted: (
        "Cette page ne se rouvre pas",
        "Elle n’apparaît qu’à la suite d’un bouton, une seule fois. Ce que vous aviez demandé n’a \
         pas été refait. Reprenez depuis votre compte.",
    ),
    to_account: "Mon compte",
    not_found: ("Page introuvable", "Cette page n’existe pas, ou le lien n’est plus valable."),
    suspended: (
        "Votre compte est suspendu",
        "Vous pouvez lire et quitter des salons, rien d’autre. Adressez-vous à votre support.",
    ),
    locked: (
        "Votre compte est verrouillé",
        "Vos messages sont conservés. Adressez-vous à votre support pour le faire déverrouiller.",
    ),
    limited: ("Trop d’essais", "Pour votre sécurité, les essais sont limités."),
    again: "Réessayer",
    start_again: "Recommencer",
    busy: ("Service très demandé", "Réessayez dans un instant."),
    broken: (
        "Une erreur s’est produite",
        "Ce n’est pas de votre fait. Réessayez plus tard\u{a0}; si cela dure, prévenez votre \
         support.",
    ),
    wait: |seconds| {
        if seconds < 120 {
            format!("Attendez {seconds} secondes, puis recommencez.")
        } else {
            format!("Attendez {} minutes, puis recommencez.", seconds.div_ceil(60))
        }
    },
};

pub(super) const TROUBLES_IN_ENGLISH: Troubles = Troubles {
    form_too_old: (
        "This page has expired",
        "It was open for too long, or this browser has signed in in another tab since. Nothing was \
         done: start again. If it happens again, check that your browser accepts the cookies of \
         this site.",
    ),
    not_understood: (
        "Not understood",
        "The server did not understand the request. Go back and try again.",
    ),
    only_posted: (
        "This page cannot be opened again",
        "It only follows a button, once. What you had asked for was not done again. Go on from \
         your account.",
    ),
    to_account: "My account",
    not_found: ("Page not found", "This page does not exist, or the link is no longer valid."),
    suspended: (
        "Your account is suspended",
        "You may read and leave rooms, and nothing else. Ask your support.",
    ),
    locked: (
        "Your account is locked",
        "Your messages are kept. Ask your support to have it unlocked.",
    ),
    limited: ("Too many tries", "For your safety the number of tries is limited."),
    again: "Try again",
    start_again: "Start again",
    busy: ("The service is busy", "Try again in a moment."),
    broken: (
        "Something went wrong",
        "It is not your fault. Try again later; if it lasts, tell your support.",
    ),
    wait: |seconds| {
        if seconds < 120 {
            format!("Wait {seconds} seconds, then try again.")
        } else {
            format!("Wait {} minutes, then try again.", seconds.div_ceil(60))
        }
    },
};
