// SPDX-License-Identifier: Apache-2.0
//! The account pages.

/// The account pages.
pub(crate) struct Account {
    pub(crate) title: &'static str,
    pub(crate) back: &'static str,
    pub(crate) cancel: &'static str,
    /// Before what cannot be undone.
    pub(crate) prove_text: &'static str,
    pub(crate) sign_out: &'static str,
    pub(crate) none: &'static str,
    pub(crate) profile_title: &'static str,
    pub(crate) name: &'static str,
    pub(crate) user_id: &'static str,
    pub(crate) profile_hint: &'static str,
    pub(crate) address: &'static str,
    pub(crate) organisation: &'static str,
    pub(crate) valid_until: &'static str,
    pub(crate) without_end: &'static str,
    pub(crate) terms_accepted: &'static str,
    pub(crate) password_title: &'static str,
    pub(crate) directory_title: &'static str,
    pub(crate) listed: &'static str,
    pub(crate) hidden: &'static str,
    pub(crate) hide_me: &'static str,
    pub(crate) show_me: &'static str,
    pub(crate) language_title: &'static str,
    pub(crate) browsers_title: &'static str,
    pub(crate) browsers_text: &'static str,
    /// Before how long ago.
    pub(crate) signed_in: &'static str,
    pub(crate) used: &'static str,
    pub(crate) this_browser: &'static str,
    pub(crate) unknown_browser: &'static str,
    /// With its name.
    pub(crate) end_browser: fn(&str) -> String,
    pub(crate) end_browsers: &'static str,
    pub(crate) devices_title: &'static str,
    pub(crate) no_devices: &'static str,
    pub(crate) device_id: &'static str,
    pub(crate) application: &'static str,
    pub(crate) last_seen: &'static str,
    /// How many minutes ago.
    pub(crate) ago: fn(i64) -> String,
    /// Before an address.
    pub(crate) from: &'static str,
    /// With the device's name.
    pub(crate) sign_out_device: fn(&str) -> String,
    pub(crate) sign_out_warning: &'static str,
    pub(crate) sign_out_button: &'static str,
    pub(crate) reset_title: &'static str,
    pub(crate) reset_text: &'static str,
    pub(crate) reset_warning: &'static str,
    pub(crate) reset_button: &'static str,
    pub(crate) reset_done_title: &'static str,
    pub(crate) reset_done: &'static str,
    pub(crate) deactivate_title: &'static str,
    pub(crate) deactivate_text: &'static str,
    pub(crate) deactivate_consequences: [&'static str; 3],
    pub(crate) deactivate_way_back: fn(u32) -> String,
    pub(crate) deactivate_type: &'static str,
    pub(crate) deactivate_mistyped: &'static str,
    pub(crate) erase: &'static str,
    pub(crate) deactivate_button: &'static str,
    /// Title and text.
    pub(crate) deactivated: (&'static str, &'static str),
    pub(crate) deactivated_until: fn(&str) -> String,
}

pub(super) const FRENCH: Account = Account {
    title: "Mon compte",
    back: "Retour à mon compte",
    cancel: "Annuler",
    prove_text: "Ce que vous demandez est définitif. Connectez-vous encore une fois\u{a0}: vous \
                 reviendrez ici.",
    sign_out: "Me déconnecter de ce navigateur",
    none: "Non renseigné",
    profile_title: "Mon profil",
    name: "Nom affiché",
    user_id: "Identifiant",
    profile_hint: "Votre nom affiché suit les règles de votre organisation. S’il est faux, \
                   adressez-vous à votre support.",
    address: "Adresse électronique",
    organisation: "Organisation",
    valid_until: "Valable jusqu’au",
    without_end: "Sans limite",
    terms_accepted: "Conditions d’utilisation acceptées",
    password_title: "Changer de mot de passe",
    directory_title: "Annuaire",
    listed: "Vos collègues vous trouvent dans l’annuaire par votre nom et votre organisation.",
    hidden: "Vous êtes sur liste rouge\u{a0}: seul qui connaît votre adresse exacte vous trouve.",
    hide_me: "Me mettre sur liste rouge",
    show_me: "Me montrer dans l’annuaire",
    language_title: "Langue",
    browsers_title: "Navigateurs",
    browsers_text: "Connectés à ces pages, où l’on gère le compte\u{a0}:",
    signed_in: "connecté",
    used: "utilisé",
    this_browser: "(celui-ci)",
    unknown_browser: "Navigateur inconnu",
    end_browser: |name| format!("Déconnecter {name}"),
    end_browsers: "Déconnecter tous les autres navigateurs",
    devices_title: "Mes appareils",
    no_devices: "Aucun appareil n’est connecté.",
    device_id: "Identifiant de l’appareil",
    application: "Application",
    last_seen: "Dernière activité",
    ago: |minutes| match minutes {
        0..2 => "à l’instant".into(),
        2..120 => format!("il y a {minutes} minutes"),
        120..2_880 => format!("il y a {} heures", minutes / 60),
        _ => format!("il y a {} jours", minutes / 1_440),
    },
    from: "depuis l’adresse",
    sign_out_device: |name| format!("Déconnecter «\u{a0}{name}\u{a0}»"),
    sign_out_warning: "L’appareil n’aura plus accès à votre compte, immédiatement. Ses messages \
                       chiffrés qui ne sont ni sauvegardés ni lus ailleurs seront perdus.",
    sign_out_button: "Déconnecter",
    reset_title: "Réinitialiser mon identité numérique",
    reset_text: "Votre identité numérique prouve à vos correspondants que vos appareils sont bien \
                 les vôtres. Réinitialisez-la seulement si vous n’avez plus aucun appareil vérifié \
                 et avez perdu votre clé de récupération.",
    reset_warning: "Vos correspondants seront prévenus et devront vous vérifier à nouveau. Les \
                    messages que seuls vos anciens appareils pouvaient lire resteront illisibles. \
                    Ne continuez pas si quelqu’un d’autre vous l’a demandé.",
    reset_button: "Autoriser la réinitialisation",
    reset_done_title: "Réinitialisation autorisée",
    reset_done: "Retournez à l’application dans les dix minutes pour terminer.",
    deactivate_title: "Supprimer mon compte",
    deactivate_text: "Si vous continuez\u{a0}:",
    deactivate_consequences: [
        "vous quittez tous vos salons\u{a0};",
        "tous vos appareils sont déconnectés\u{a0};",
        "les messages déjà envoyés restent chez leurs destinataires.",
    ],
    deactivate_way_back: |days| {
        format!(
            "Pendant {days} jours, qui lit le courrier de votre adresse peut rouvrir ce compte. \
             Cochez la case ci-dessous pour que personne ne le puisse, pas même vous."
        )
    },
    deactivate_type: "Pour confirmer, recopiez votre identifiant",
    deactivate_mistyped: "Ce n’est pas votre identifiant. Recopiez-le exactement.",
    erase: "Effacer aussi mon profil et cacher mes messages aux nouveaux arrivants",
    deactivate_button: "Supprimer mon compte",
    deactivated: ("Compte supprimé", "Vous pouvez fermer cette page."),
    deactivated_until: |until| {
        format!(
            "Jusqu’au {until}, votre adresse permet de le rouvrir\u{a0}: inscrivez-vous avec elle."
        )
    },
};

pub(super) const ENGLISH: Account = Account {
    title: "My account",
    back: "Back to my account",
    cancel: "Cancel",
    prove_text: "What you ask for cannot be undone. Sign in once more: you will come back here.",
    sign_out: "Sign out of this browser",
    none: "Not known",
    profile_title: "My profile",
    name: "Display name",
    user_id: "User id",
    profile_hint: "Your display name follows the rules of your organisation. If it is wrong, ask \
                   your support.",
    address: "E-mail address",
    organisation: "Organisation",
    valid_until: "Valid until",
    without_end: "Without end",
    terms_accepted: "Terms of use accepted",
    password_title: "Change your password",
    directory_title: "Directory",
    listed: "Your colleagues find you in the directory by your name and your organisation.",
    hidden: "You are hidden: only those who know your exact address find you.",
    hide_me: "Hide me in the directory",
    show_me: "Show me in the directory",
    language_title: "Language",
    browsers_title: "Browsers",
    browsers_text: "Signed in to these pages, where the account is managed:",
    signed_in: "signed in",
    used: "used",
    this_browser: "(this one)",
    unknown_browser: "Unknown browser",
    end_browser: |name| format!("Sign out {name}"),
    end_browsers: "Sign out of all other browsers",
    devices_title: "My devices",
    no_devices: "No device is signed in.",
    device_id: "Device id",
    application: "Application",
    last_seen: "Last activity",
    ago: |minutes| match minutes {
        0..2 => "just now".into(),
        2..120 => format!("{minutes} minutes ago"),
        120..2_880 => format!("{} hours ago", minutes / 60),
        _ => format!("{} days ago", minutes / 1_440),
    },
    from: "from the address",
    sign_out_device: |name| format!("Sign out “{name}”"),
    sign_out_warning: "The device will have no access to your account any more, at once. Its \
                       encrypted messages that are neither backed up nor read elsewhere will be \
                       lost.",
    sign_out_button: "Sign out",
    reset_title: "Reset my digital identity",
    reset_text: "Your digital identity proves to the people you talk to that your devices are \
                 yours. Reset it only if you have no verified device left and have lost your \
                 recovery key.",
    reset_warning: "The people you talk to will be told and have to verify you again. Messages \
                    that only your old devices could read stay unreadable. Do not go on if \
                    somebody else asked you to.",
    reset_button: "Allow the reset",
    reset_done_title: "Reset allowed",
    reset_done: "Go back to the application within ten minutes to finish.",
    deactivate_title: "Delete my account",
    deactivate_text: "If you go on:",
    deactivate_consequences: [
        "you leave all your rooms;",
        "all your devices are signed out;",
        "messages you sent stay with those who received them.",
    ],
    deactivate_way_back: |days| {
        format!(
            "For {days} days, whoever reads the mail of your address can open this account again. \
             Tick the box below so that nobody can, not even you."
        )
    },
    deactivate_type: "To confirm, type your user id",
    deactivate_mistyped: "This is not your user id. Type it exactly.",
    erase: "Also erase my profile, and hide my messages from those who join later",
    deactivate_button: "Delete my account",
    deactivated: ("Account deleted", "You may close this page."),
    deactivated_until: |until| {
        format!("Until {until} your address can open it again: sign up with it.")
    },
};
