// SPDX-License-Identifier: Apache-2.0
//! What was done to an account, told to its mailbox.

use super::Letter;
use crate::{news::News, pages::Language};

/// A subject and a paragraph, without the name of the service.
struct Told {
    subject: &'static str,
    text: fn(&str) -> String,
}

/// One language, or both where nobody is there to ask.
pub(crate) fn news(language: Option<Language>, service: &str, news: News) -> Letter {
    let french = || format!("Bonjour,\n\n{}\n", (in_french(news).text)(service));
    let english = || format!("Hello,\n\n{}\n", (in_english(news).text)(service));
    let subject = match language {
        None | Some(Language::French) => format!("{service} : {}", in_french(news).subject),
        Some(Language::English) => format!("{service}: {}", in_english(news).subject),
    };
    let body = match language {
        None => format!("{}\n--\n\n{}", french(), english()),
        Some(Language::French) => french(),
        Some(Language::English) => english(),
    };
    Letter { subject, body }
}

fn in_french(news: News) -> Told {
    match news {
        News::PasswordChanged => Told {
            subject: "votre mot de passe a changé",
            text: |service| {
                format!(
                    "Le mot de passe de votre compte {service} vient d’être changé.\n\nSi ce \
                     n’était pas vous, prévenez votre support sans attendre."
                )
            },
        },
        News::Deactivated => Told {
            subject: "votre compte est fermé",
            text: |service| {
                format!(
                    "Votre compte {service} vient d’être fermé et tous vos appareils ont été \
                     déconnectés.\n\nSi vous ne l’avez pas demandé, prévenez votre support sans \
                     attendre."
                )
            },
        },
        News::AddressSet => Told {
            subject: "votre adresse a changé",
            text: |service| {
                format!(
                    "Cette adresse n’est plus celle de votre compte {service} : votre support l’a \
                     changée.\n\nSi vous ne l’avez pas demandé, prévenez votre support sans \
                     attendre."
                )
            },
        },
        News::NewDevice => Told {
            subject: "un nouvel appareil est connecté",
            text: |service| {
                format!(
                    "Un nouvel appareil vient de se connecter à votre compte {service}. Si c’était \
                     vous, il n’y a rien à faire.\n\nSinon, déconnectez-le dans la liste de vos \
                     appareils, changez votre mot de passe et prévenez votre support sans attendre."
                )
            },
        },
        News::KeysMayBeReset => Told {
            subject: "vos clés peuvent être remplacées",
            text: |service| {
                format!(
                    "Le remplacement des clés de chiffrement de votre compte {service} vient \
                     d’être autorisé, pour dix minutes. Vos correspondants verront que vos clés \
                     ont changé.\n\nSi ce n’était pas vous, prévenez votre support sans attendre."
                )
            },
        },
        News::SubjectLinked => LINKED_IN_FRENCH,
        News::SubjectUnlinked => UNLINKED_IN_FRENCH,
    }
}

fn in_english(news: News) -> Told {
    match news {
        News::PasswordChanged => Told {
            subject: "your password has changed",
            text: |service| {
                format!(
                    "The password of your {service} account has just been changed.\n\nIf it was \
                     not you, tell your support at once."
                )
            },
        },
        News::Deactivated => Told {
            subject: "your account is closed",
            text: |service| {
                format!(
                    "Your {service} account has just been closed and all your devices have been \
                     signed out.\n\nIf you did not ask for it, tell your support at once."
                )
            },
        },
        News::AddressSet => Told {
            subject: "your address has changed",
            text: |service| {
                format!(
                    "This is no longer the address of your {service} account: your support has \
                     changed it.\n\nIf you did not ask for it, tell your support at once."
                )
            },
        },
        News::NewDevice => Told {
            subject: "a new device is signed in",
            text: |service| {
                format!(
                    "A new device has just signed in to your {service} account. If it was you, \
                     there is nothing to do.\n\nIf not, sign it out in the list of your devices, \
                     change your password and tell your support at once."
                )
            },
        },
        News::KeysMayBeReset => Told {
            subject: "your keys may be replaced",
            text: |service| {
                format!(
                    "The encryption keys of your {service} account may be replaced, for ten \
                     minutes. People you talk to will see that your keys have changed.\n\nIf it \
                     was not you, tell your support at once."
                )
            },
        },
        News::SubjectLinked => LINKED_IN_ENGLISH,
        News::SubjectUnlinked => UNLINKED_IN_ENGLISH,
    }
}

const LINKED_IN_FRENCH: Told = Told {
    subject: "une identité a été reliée à votre compte",
    text: |service| {
        format!(
            "Une identité d’un fournisseur d’identité vient d’être reliée à votre compte \
             {service} : on peut désormais s’y connecter avec elle. Si une autre l’était, \
             elle ne l’est plus.\n\nSi ce n’était pas vous, prévenez votre support sans \
             attendre."
        )
    },
};

const UNLINKED_IN_FRENCH: Told = Told {
    subject: "une identité a été détachée de votre compte",
    text: |service| {
        format!(
            "Votre support vient de détacher de votre compte {service} l’identité avec \
             laquelle vous vous y connectiez chez un fournisseur d’identité. Vos appareils \
             restent connectés.\n\nSi vous ne l’avez pas demandé, prévenez votre support \
             sans attendre."
        )
    },
};

const LINKED_IN_ENGLISH: Told = Told {
    subject: "an identity was linked to your account",
    text: |service| {
        format!(
            "An identity of an identity provider has just been linked to your {service} \
             account: it can be signed in to with it from now on. If another one was, it \
             is no longer.\n\nIf it was not you, tell your support at once."
        )
    },
};

const UNLINKED_IN_ENGLISH: Told = Told {
    subject: "an identity was detached from your account",
    text: |service| {
        format!(
            "Your support has just detached from your {service} account the identity that \
             you signed in with at an identity provider. Your devices stay signed in.\n\n\
             If you did not ask for it, tell your support at once."
        )
    },
};
