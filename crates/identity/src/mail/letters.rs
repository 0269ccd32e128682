// SPDX-License-Identifier: Apache-2.0
//! The texts of mails. Codes are typed, so these mails have no link; the one link there is leads to
//! a page with a button (a scanner that opens it changes nothing).

mod news;

pub(crate) use self::news::news;
use crate::pages::{Language, Moment};

/// How much of what others wrote stands in a letter.
const WRITTEN_BY_OTHERS_CHARS_MAX: usize = 60;

/// A mail without its addresses.
pub(crate) struct Letter {
    pub(crate) subject: String,
    pub(crate) body: String,
}

/// What a code is for.
#[derive(Clone, Copy)]
pub(crate) enum CodeFor {
    SignUp,
    SignIn,
    Reset,
    Address,
    Proof,
}

/// A code to be typed.
pub(crate) fn code(language: Language, service: &str, what: CodeFor, code: &str) -> Letter {
    // In two halves, as people read and copy them. Blanks are no part of it.
    let code = code.split_at_checked(code.len() / 2);
    let code = code.map(|(first, last)| format!("{first} {last}")).unwrap_or_default();
    match language {
        Language::French => {
            let what = match what {
                CodeFor::SignUp => "créer votre compte",
                CodeFor::SignIn => "vous connecter",
                CodeFor::Reset => "choisir un nouveau mot de passe",
                CodeFor::Address => "confirmer votre nouvelle adresse",
                CodeFor::Proof => "confirmer que c’est bien vous",
            };
            Letter {
                subject: format!("{code} : votre code {service}"),
                body: format!(
                    "Bonjour,\n\nVoici le code pour {what} sur {service} :\n\n    {code}\n\n\
                     Il est valable 10 minutes, dans le navigateur où il a été demandé. Ne le \
                     communiquez à personne : nous ne vous le demanderons jamais.\n\nSi vous \
                     n’avez rien demandé, ignorez ce message.\n"
                ),
            }
        }
        Language::English => {
            let what = match what {
                CodeFor::SignUp => "create your account",
                CodeFor::SignIn => "sign in",
                CodeFor::Reset => "choose a new password",
                CodeFor::Address => "confirm your new address",
                CodeFor::Proof => "confirm that it is you",
            };
            Letter {
                subject: format!("{code}: your {service} code"),
                body: format!(
                    "Hello,\n\nThis is the code to {what} on {service}:\n\n    {code}\n\n\
                     It works for 10 minutes, in the browser that asked for it. Tell it to \
                     nobody: we will never ask you for it.\n\nIf you asked for nothing, ignore \
                     this message.\n"
                ),
            }
        }
    }
}

/// The password was changed.
pub(crate) fn password_changed(language: Language, service: &str) -> Letter {
    match language {
        Language::French => Letter {
            subject: format!("{service} : votre mot de passe a changé"),
            body: format!(
                "Bonjour,\n\nLe mot de passe de votre compte {service} vient d’être changé et \
                 tous vos appareils ont été déconnectés.\n\nSi ce n’était pas vous, prévenez \
                 votre support sans attendre.\n"
            ),
        },
        Language::English => Letter {
            subject: format!("{service}: your password has changed"),
            body: format!(
                "Hello,\n\nThe password of your {service} account has just been changed and all \
                 your devices have been signed out.\n\nIf it was not you, tell your support at \
                 once.\n"
            ),
        },
    }
}

/// The account has another address now; to the old one.
pub(crate) fn address_changed(language: Language, service: &str) -> Letter {
    match language {
        Language::French => Letter {
            subject: format!("{service} : votre adresse a changé"),
            body: format!(
                "Bonjour,\n\nCette adresse n’est plus celle de votre compte {service} : une autre \
                 a été confirmée à sa place.\n\nSi ce n’était pas vous, prévenez votre support \
                 sans attendre.\n"
            ),
        },
        Language::English => Letter {
            subject: format!("{service}: your address has changed"),
            body: format!(
                "Hello,\n\nThis is no longer the address of your {service} account: another one \
                 has been confirmed in its place.\n\nIf it was not you, tell your support at \
                 once.\n"
            ),
        },
    }
}

/// A session was ended because somebody else may have a copy of its key.
pub(crate) struct EndedSession<'a> {
    /// What the application calls itself, where that is known.
    pub(crate) application: Option<&'a str>,
    /// The id of the device.
    pub(crate) device: &'a str,
    /// When, in ms since the epoch.
    pub(crate) at_ms: i64,
}

/// That session, told to its owner. Both languages: nobody is there to ask. What clients chose is
/// in it without anything that a mail program would make a link of.
pub(crate) fn session_ended(service: &str, ended: &EndedSession<'_>) -> Letter {
    let application = ended.application.map_or_else(|| "-".to_owned(), plain);
    let (device, at) = (plain(ended.device), Moment::of_ms(ended.at_ms));
    Letter {
        subject: format!("{service} : une session a été fermée / a session was ended"),
        body: format!(
            "Bonjour,\n\nUne session de votre compte {service} a été fermée par précaution : la \
             clé qui la prolonge a servi deux fois, ce qui arrive quand quelqu’un d’autre en a une \
             copie.\n\n    Application : {application}\n    Appareil : {device}\n    Date : \
             {at}\n\n\
             Reconnectez-vous dans cette application. Si cela se reproduit, ou si vous ne \
             connaissez pas cet appareil, prévenez votre support.\n\n--\n\nHello,\n\nA session of \
             your {service} account was ended as a precaution: the key that prolongs it was used \
             twice, which happens when somebody else has a copy. Application, device and time are \
             above.\n\nSign in again in that application. If it happens again, or you do not know \
             the device, tell your support.\n"
        ),
    }
}

/// Letters, digits and blanks of what somebody else wrote, and not much of it.
fn plain(text: &str) -> String {
    let kept = text.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.take(WRITTEN_BY_OTHERS_CHARS_MAX).collect()
}

/// The account is about to end, or has ended. Both languages: nobody is there to ask.
pub(crate) fn renewal(service: &str, days: u32, link: &str) -> Letter {
    let (quand, when) = match days {
        0 => ("a expiré".to_owned(), "has expired".to_owned()),
        1 => ("expire demain".to_owned(), "expires tomorrow".to_owned()),
        days => (format!("expire dans {days} jours"), format!("expires in {days} days")),
    };
    Letter {
        subject: format!("{service} : votre compte {quand} / your account {when}"),
        body: format!(
            "Bonjour,\n\nVotre compte {service} {quand}. Pour le garder, ouvrez cette page et \
             appuyez sur le bouton :\n\n{link}\n\nSi vous n’en avez plus besoin, il n’y a rien à \
             faire.\n\n--\n\nHello,\n\nYour {service} account {when}. To keep it, open the page \
             above and press the button. If you no longer need it, there is nothing to do.\n"
        ),
    }
}

/// Somebody is asked into a conversation. Both languages: nobody is there to ask. Nothing of the
/// conversation is in it.
pub(crate) fn room_invitation(
    service: &str,
    inviter: Option<&str>,
    (link, days): (&str, i64),
) -> Letter {
    let (qui, who) = match inviter {
        Some(name) => (format!("{name} vous invite"), format!("{name} invites you")),
        None => ("Vous êtes invité".to_owned(), "You are invited".to_owned()),
    };
    Letter {
        subject: format!("{service} : on vous invite à échanger / you are invited"),
        body: format!(
            "Bonjour,\n\n{qui} à échanger sur {service}, la messagerie sécurisée. Pour accepter, \
             créez votre compte avec cette adresse :\n\n{link}\n\nL’invitation est valable \
             {days} jours ; elle vous attendra dans la messagerie. Si vous n’attendez rien, \
             ignorez ce message.\n\n--\n\nHello,\n\n{who} to talk on {service}, the secure \
             messenger. To accept, open the page above and create your account with this \
             address. The invitation works for {days} days and will wait for you there. If you \
             expect nothing, ignore this message.\n"
        ),
    }
}

/// A link by which a password is chosen. Both languages: nobody is there to ask.
pub(crate) fn password_link(service: &str, hours: u64, link: &str) -> Letter {
    Letter {
        subject: format!("{service} : choisissez votre mot de passe / choose your password"),
        body: format!(
            "Bonjour,\n\nVotre support vous invite à choisir le mot de passe de votre compte \
             {service}, une seule fois et dans les {hours} heures, sur cette page :\n\n{link}\n\n\
             Ne transmettez ce lien à personne. Si vous n’avez rien demandé, prévenez votre \
             support.\n\n--\n\nHello,\n\nYour support invites you to choose the password of your \
             {service} account on the page above, once and within {hours} hours. Pass the link on \
             to nobody. If you asked for nothing, tell your support.\n"
        ),
    }
}

/// Who invites a guest, in words of ours: the name that the policy makes of the address, and the
/// organisation (never what somebody typed, CVE-2021-29432).
pub(crate) struct Inviter {
    pub(crate) name: Option<String>,
    pub(crate) organisation: Option<String>,
}

/// A guest may sign up. Both languages: nobody is there to ask.
pub(crate) fn guest_invitation(service: &str, by: &Inviter, days: u64, link: &str) -> Letter {
    let (qui, who) = match (&by.name, &by.organisation) {
        (Some(name), Some(of)) => (format!("{name}, {of},"), format!("{name}, {of},")),
        (Some(name), None) => (name.clone(), name.clone()),
        (None, Some(of)) => (format!("L’organisation {of}"), format!("The organisation {of}")),
        (None, None) => ("Un agent".into(), "An agent".into()),
    };
    let (jours, days) = match days {
        0 | 1 => ("aujourd’hui".to_owned(), "today".to_owned()),
        days => (format!("dans les {days} jours"), format!("within {days} days")),
    };
    Letter {
        subject: format!("{service} : vous êtes invité / you are invited"),
        body: format!(
            "Bonjour,\n\n{qui} vous invite à créer un compte {service}, la messagerie chiffrée de \
             l’État, {jours} et à cette adresse :\n\n{link}\n\nSi vous ne connaissez pas cette \
             personne, ignorez ce message.\n\n--\n\nHello,\n\n{who} invites you to create an \
             account of {service}, the encrypted messenger of the State, {days} and with this \
             address, on the page above. If you do not know this person, ignore this message.\n"
        ),
    }
}
