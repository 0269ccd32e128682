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
    pub(crate) other_subject: &'static str,
    pub(crate) no_proof: &'static str,
    pub(crate) set_password: &'static str,
    pub(crate) not_you: &'static str,
    pub(crate) not_proven: &'static str,
    pub(crate) closed: &'static str,
    pub(crate) too_weak: &'static str,
    pub(crate) other_way: &'static str,
    pub(crate) signed_out_title: &'static str,
    pub(crate) signed_out: &'static str,
    /// With the provider's name.
    pub(crate) sign_out_there: fn(&str) -> String,
    pub(crate) go_on: &'static str,
    pub(crate) again_title: &'static str,
    /// With the provider's name.
    pub(crate) again: fn(&str) -> String,
    /// Before an address.
    pub(crate) again_by_code: &'static str,
    pub(crate) again_by_nothing: &'static str,
    pub(crate) send_code: &'static str,
    pub(crate) join_title: &'static str,
    /// With the provider's name.
    pub(crate) join: fn(&str) -> String,
    /// With the provider's name.
    pub(crate) join_by_code: fn(&str) -> String,
    pub(crate) join_last_title: &'static str,
    /// With the provider's name.
    pub(crate) join_last: fn(&str) -> String,
    pub(crate) join_submit: &'static str,
    pub(crate) join_wrong: &'static str,
    pub(crate) join_ended: &'static str,
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
    other_subject: "Un compte a déjà votre adresse électronique, sous une autre identité. S’il \
                    est à vous, demandez à votre support de la détacher de votre compte, puis \
                    réessayez.",
    no_proof: "Un compte a déjà votre adresse électronique, et il peut être celui d’une autre \
               personne. S’il est à vous, définissez d’abord un mot de passe, puis \
               réessayez\u{a0}; sinon, adressez-vous à votre support.",
    set_password: "Définir un mot de passe",
    not_you: "Vous vous êtes identifié sous un autre nom. Rien n’a été modifié.",
    not_proven: "Rien n’a été modifié, car il n’a pas été vérifié que c’est bien vous. \
                 Adressez-vous à votre support si cela dure.",
    closed: "Votre compte est fermé. Adressez-vous à votre support.",
    too_weak: "Une identification plus sûre est exigée ici, par exemple avec un second facteur. \
               Recommencez en l’utilisant\u{a0}; si on ne vous le propose pas, adressez-vous à \
               votre support.",
    other_way: "Se connecter autrement",
    signed_out_title: "Vous êtes déconnecté",
    signed_out: "Ce navigateur n’a plus accès à votre compte.",
    sign_out_there: |name| format!("Me déconnecter aussi de {name}"),
    go_on: "Continuer",
    again_title: "Confirmez que c’est bien vous",
    again: |name| {
        format!("Ce que vous demandez est définitif. {name} va vérifier que c’est bien vous.")
    },
    again_by_code: "Ce que vous demandez est définitif. Pour vérifier que c’est bien vous, un code \
                    va être envoyé à",
    again_by_nothing: "Ce que vous demandez est définitif, et il n’y a ici aucun moyen de vérifier \
                       que c’est bien vous. Adressez-vous à votre support.",
    send_code: "Envoyer le code",
    join_title: "Un compte a déjà votre adresse",
    join: |name| {
        format!(
            "Pour utiliser ce compte avec {name}, saisissez son mot de passe. Ce ne sera plus \
             demandé. S’il n’est pas à vous, adressez-vous à votre support."
        )
    },
    join_by_code: |name| {
        format!(
            "Pour utiliser ce compte avec {name}, connectez-vous d’abord avec un code envoyé à \
             votre adresse\u{a0}: vous reviendrez ensuite ici. Ce ne sera plus demandé. S’il n’est \
             pas à vous, adressez-vous à votre support."
        )
    },
    join_last_title: "Dernière étape",
    join_last: |name| {
        format!(
            "Vous êtes connecté à votre compte. Identifiez-vous encore une fois avec {name}\u{a0}: \
             le compte y sera relié, et ce ne sera plus demandé."
        )
    },
    join_submit: "Continuer",
    join_wrong: "Ce n’est pas le mot de passe de ce compte.",
    join_ended: "Cela a pris trop de temps, ou trop d’essais. Recommencez.",
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
    other_subject: "An account has your e-mail address already, under another identity. If it is \
                    yours, ask your support to detach that one from it, then try again.",
    no_proof: "An account has your e-mail address already, and it may be another person’s. If it \
               is yours, set a password first, then try again; else ask your support.",
    set_password: "Set a password",
    not_you: "You signed in there as somebody else. Nothing was changed.",
    not_proven: "Nothing was changed, as it was not checked that it is you. Ask your support if it \
                 goes on.",
    closed: "Your account is closed. Ask your support.",
    too_weak: "You have to prove more of who you are here, for example with a second factor. Try \
               again with it; ask your support if you are not asked for it.",
    other_way: "Sign in another way",
    signed_out_title: "You are signed out",
    signed_out: "This browser has no access to your account any more.",
    sign_out_there: |name| format!("Also sign out of {name}"),
    go_on: "Go on",
    again_title: "Confirm that it is you",
    again: |name| format!("What you ask for cannot be undone. {name} will check that it is you."),
    again_by_code: "What you ask for cannot be undone. To check that it is you, a code will be \
                    sent to",
    again_by_nothing: "What you ask for cannot be undone, and there is no way to check here that \
                       it is you. Ask your support.",
    send_code: "Send the code",
    join_title: "An account has your address already",
    join: |name| {
        format!(
            "To use this account with {name}, type its password. You will not be asked again. If \
             it is not yours, ask your support."
        )
    },
    join_by_code: |name| {
        format!(
            "To use this account with {name}, first sign in with a code sent to your address: you \
             will come back here. You will not be asked again. If it is not yours, ask your \
             support."
        )
    },
    join_last_title: "One last step",
    join_last: |name| {
        format!(
            "You are signed in to your account. Sign in with {name} once more: the account is \
             joined to it then, and you will not be asked again."
        )
    },
    join_submit: "Go on",
    join_wrong: "This is not the password of that account.",
    join_ended: "It took too long, or too many tries. Start again.",
};
