// SPDX-License-Identifier: Apache-2.0
//! The pages of signing up.

/// The pages of signing up. Pairs are a title and a text.
pub(crate) struct SignUp {
    pub(crate) title: &'static str,
    pub(crate) address: &'static str,
    pub(crate) address_hint: &'static str,
    pub(crate) send: &'static str,
    pub(crate) has_account: &'static str,
    pub(crate) nobodys: &'static str,
    pub(crate) detailed: &'static str,
    pub(crate) elsewhere_title: &'static str,
    pub(crate) elsewhere: &'static str,
    pub(crate) elsewhere_go: &'static str,
    pub(crate) elsewhere_server: &'static str,
    pub(crate) account_title: &'static str,
    pub(crate) your_address: &'static str,
    pub(crate) your_name: &'static str,
    pub(crate) create: &'static str,
    pub(crate) without: &'static str,
    pub(crate) without_hint: &'static str,
    pub(crate) back_title: &'static str,
    pub(crate) bring_back: &'static str,
    pub(crate) go_sign_in: &'static str,
    pub(crate) exists: (&'static str, &'static str),
    pub(crate) closed: (&'static str, &'static str),
    pub(crate) not_invited: (&'static str, &'static str),
}

pub(super) const FRENCH: SignUp = SignUp {
    title: "Créer un compte",
    address: "Adresse électronique professionnelle",
    address_hint: "Par exemple prenom.nom@ministere.gouv.fr",
    send: "Recevoir un code",
    has_account: "J’ai déjà un compte",
    nobodys: "Cette adresse n’est d’aucune organisation connue de ce service. Utilisez votre \
              adresse professionnelle\u{a0}; si c’est bien elle, adressez-vous à votre support.",
    detailed: "Tapez votre adresse sans le «\u{a0}+\u{a0}» ni ce qui le suit jusqu’à l’arobase.",
    elsewhere_title: "Votre organisation a son propre serveur",
    elsewhere: "Cette adresse est de l’organisation",
    elsewhere_go: "Continuer sur son serveur",
    elsewhere_server: "Dans votre application, choisissez le serveur",
    account_title: "Choisissez un mot de passe",
    your_address: "Votre adresse",
    your_name: "Vous apparaîtrez sous le nom",
    create: "Créer mon compte",
    without: "Sans mot de passe",
    without_hint: "Sans mot de passe, vous vous connecterez avec un code envoyé à votre adresse.",
    back_title: "Retrouvez votre compte",
    bring_back: "Réactiver mon compte",
    go_sign_in: "Se connecter",
    exists: ("Vous avez déjà un compte", "Cette adresse a déjà un compte : connectez-vous."),
    closed: (
        "Ce compte est fermé",
        "Cette adresse avait un compte qui a été fermé. Demandez à votre support de le rouvrir.",
    ),
    not_invited: (
        "Il vous faut une invitation",
        "Ce service accueille les invités à la demande d’un agent. Demandez-lui de vous inviter à \
         cette adresse, puis recommencez.",
    ),
};

pub(super) const ENGLISH: SignUp = SignUp {
    title: "Create an account",
    address: "Professional e-mail address",
    address_hint: "For example first.last@ministry.gouv.fr",
    send: "Receive a code",
    has_account: "I already have an account",
    nobodys: "This address is of no organisation that this service knows. Use your professional \
              address; if it is that one, ask your support.",
    detailed: "Type your address without the “+” and what follows it up to the at sign.",
    elsewhere_title: "Your organisation has its own server",
    elsewhere: "This address is of the organisation",
    elsewhere_go: "Continue on its server",
    elsewhere_server: "In your application, choose the server",
    account_title: "Choose a password",
    your_address: "Your address",
    your_name: "You will appear as",
    create: "Create my account",
    without: "Without a password",
    without_hint: "Without a password you will sign in with a code sent to your address.",
    back_title: "Get your account back",
    bring_back: "Reactivate my account",
    go_sign_in: "Sign in",
    exists: ("You already have an account", "This address already has an account: sign in."),
    closed: (
        "This account is closed",
        "This address had an account that was closed. Ask your support to open it again.",
    ),
    not_invited: (
        "You need an invitation",
        "This service takes guests whom an agent asks for. Let them invite you at this address, \
         then try again.",
    ),
};
