// SPDX-License-Identifier: Apache-2.0
//! The page where somebody lets a client of the legacy API in.

/// The page where somebody lets a client of the legacy API in.
pub(crate) struct SingleSignOn {
    pub(crate) title: &'static str,
    /// With the host of the client, or the scheme of its addresses.
    pub(crate) asks: fn(&str) -> String,
    pub(crate) warning: &'static str,
}

pub(super) const FRENCH: SingleSignOn = SingleSignOn {
    title: "Autoriser une application",
    asks: |place| match place.strip_suffix(':') {
        Some(scheme) => format!(
            "L’application de cet appareil qui ouvre les adresses «\u{a0}{scheme}\u{a0}» demande \
             un accès complet à votre compte\u{a0}: lire et envoyer des messages en votre nom."
        ),
        None => {
            "L’application publiée à cette adresse demande un accès complet à votre compte\u{a0}: \
                 lire et envoyer des messages en votre nom."
                .to_owned()
        }
    },
    warning: "N’autorisez que si vous venez d’ouvrir cette application vous-même et connaissez \
              cette adresse. Personne ne doit vous le demander par téléphone ou par message.",
};

pub(super) const ENGLISH: SingleSignOn = SingleSignOn {
    title: "Allow an application",
    asks: |place| match place.strip_suffix(':') {
        Some(scheme) => format!(
            "The application on this device that opens “{scheme}” addresses asks for full access \
             to your account: to read and send messages in your name."
        ),
        None => {
            "The application at this address asks for full access to your account: to read and \
                 send messages in your name."
                .to_owned()
        }
    },
    warning: "Allow this only if you have just opened the application yourself and know the \
              address. Nobody should ask you to by telephone or message.",
};
