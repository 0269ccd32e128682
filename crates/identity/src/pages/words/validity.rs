// SPDX-License-Identifier: Apache-2.0
//! Renewing an account.

use crate::pages::Date;

const MOIS: [&str; 12] = [
    "janvier",
    "février",
    "mars",
    "avril",
    "mai",
    "juin",
    "juillet",
    "août",
    "septembre",
    "octobre",
    "novembre",
    "décembre",
];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// Renewing an account. Pairs are a title and a text.
pub(crate) struct Validity {
    pub(crate) title: &'static str,
    pub(crate) text: &'static str,
    pub(crate) renew: &'static str,
    pub(crate) ask: &'static str,
    pub(crate) send: &'static str,
    pub(crate) expired: &'static str,
    /// A day as it is written.
    pub(crate) date: fn(Date) -> String,
    pub(crate) since: fn(&str) -> String,
    pub(crate) until: fn(&str) -> String,
    pub(crate) support: &'static str,
    pub(crate) for_ever: (&'static str, &'static str),
    pub(crate) renewed: (&'static str, &'static str),
    pub(crate) sent: (&'static str, &'static str),
    pub(crate) unknown: (&'static str, &'static str),
    pub(crate) too_late: (&'static str, &'static str),
}

pub(super) const FRENCH: Validity = Validity {
    title: "Garder votre compte",
    text: "Confirmez que vous travaillez toujours à cette adresse et que vous gardez ce compte.",
    renew: "Garder mon compte",
    ask: "Nous vous enverrons un lien à l’adresse de votre compte.",
    send: "Recevoir un lien",
    expired: "Votre compte a expiré",
    date: |date| format!("{} {} {}", date.day, MOIS.get(date.month).unwrap_or(&""), date.year),
    since: |date| format!("Il ne fonctionne plus depuis le {date}. Renouvelez-le pour continuer."),
    until: |date| format!("Votre compte est valable jusqu’au {date}."),
    support: "Adressez-vous à votre support pour le renouveler.",
    for_ever: ("Votre compte n’expire pas", "Il n’y a rien à renouveler."),
    renewed: ("Votre compte est renouvelé", "Vous pouvez fermer cette page."),
    sent: ("Un message est parti", "Ouvrez le lien qu’il contient pour garder votre compte."),
    unknown: (
        "Ce lien n’est plus valable",
        "Un message plus récent contient peut-être un autre lien. Sinon, connectez-vous pour en \
         demander un.",
    ),
    too_late: (
        "Ce compte a expiré il y a longtemps",
        "Le lien ne suffit plus. Connectez-vous avec votre mot de passe, puis ouvrez-le de \
         nouveau\u{a0}; sans mot de passe, adressez-vous à votre support.",
    ),
};

pub(super) const ENGLISH: Validity = Validity {
    title: "Keep your account",
    text: "Confirm that you still work at this address and that you keep this account.",
    renew: "Keep my account",
    ask: "We will send a link to the address of your account.",
    send: "Receive a link",
    expired: "Your account has expired",
    date: |date| format!("{} {} {}", date.day, MONTHS.get(date.month).unwrap_or(&""), date.year),
    since: |date| format!("It has not worked since {date}. Renew it to go on."),
    until: |date| format!("Your account is valid until {date}."),
    support: "Ask your support to renew it.",
    for_ever: ("Your account does not expire", "There is nothing to renew."),
    renewed: ("Your account is renewed", "You can close this page."),
    sent: ("A message is on its way", "Open the link in it to keep your account."),
    unknown: (
        "This link no longer works",
        "A later message may have another link. If not, sign in to ask for one.",
    ),
    too_late: (
        "This account expired long ago",
        "The link is no longer enough. Sign in with your password, then open it again; without a \
         password, ask your support.",
    ),
};
