// SPDX-License-Identifier: Apache-2.0
//! The pages where somebody lets an application in.

/// The pages where somebody lets an application in.
pub(crate) struct Consent {
    pub(crate) window_title: &'static str,
    /// With the application's name.
    pub(crate) title: fn(&str) -> String,
    pub(crate) application: &'static str,
    pub(crate) published_at: &'static str,
    /// Where nothing proves it.
    pub(crate) published_at_unproven: &'static str,
    /// With the name of the service behind it.
    pub(crate) part_of: &'static str,
    /// With the host behind it.
    pub(crate) goes_to: &'static str,
    pub(crate) replaces_itself: &'static str,
    /// With the name of the device that is there.
    pub(crate) replaces: fn(&str) -> String,
    pub(crate) device: &'static str,
    pub(crate) may_title: &'static str,
    pub(crate) may: [&'static str; 3],
    pub(crate) administers: &'static str,
    pub(crate) terms: &'static str,
    pub(crate) privacy: &'static str,
    pub(crate) warning: &'static str,
    pub(crate) allow: &'static str,
    pub(crate) deny: &'static str,
    pub(crate) account_title: &'static str,
    pub(crate) other_account: &'static str,
    pub(crate) signed_in_title: &'static str,
    pub(crate) signed_in: &'static str,
    pub(crate) this_account: &'static str,
    pub(crate) new_account: &'static str,
    pub(crate) back_title: &'static str,
    pub(crate) back_text: &'static str,
    pub(crate) back: &'static str,
    pub(crate) wrong_title: &'static str,
    pub(crate) wrong: &'static str,
    pub(crate) device_title: &'static str,
    pub(crate) device_text: &'static str,
    pub(crate) user_code: &'static str,
    pub(crate) user_code_hint: &'static str,
    pub(crate) next: &'static str,
    pub(crate) no_such_code: &'static str,
    /// With the code.
    pub(crate) compare: fn(&str) -> String,
    /// Title and text.
    pub(crate) device_allowed: (&'static str, &'static str),
    pub(crate) device_denied: (&'static str, &'static str),
}

pub(super) const FRENCH: Consent = Consent {
    window_title: "Autoriser une application",
    title: |name| format!("Autoriser «\u{a0}{name}\u{a0}»\u{a0}?"),
    application: "Application",
    published_at: "Publiée à l’adresse",
    published_at_unproven: "Dit être publiée à l’adresse (non vérifié)",
    part_of: "Fait partie de",
    goes_to: "L’accès sera donné à l’adresse",
    replaces_itself: "Elle est déjà connectée sur cet appareil\u{a0}; cette connexion remplacera \
                      la précédente.",
    replaces: |name| {
        format!(
            "Cet identifiant est déjà celui de votre appareil «\u{a0}{name}\u{a0}», qu’une autre \
             application utilise. Elle sera déconnectée. Refusez si vous ne vous y attendez pas."
        )
    },
    device: "Identifiant de l’appareil",
    may_title: "Elle pourra, en votre nom\u{a0}:",
    may: [
        "lire et envoyer des messages et des fichiers dans vos salons\u{a0};",
        "rejoindre, créer et quitter des salons\u{a0};",
        "modifier votre profil et vos réglages.",
    ],
    administers: "Elle demande aussi l’administration du serveur\u{a0}: elle pourra changer le mot \
                  de passe de toute personne, fermer des comptes et nommer des administrateurs. \
                  N’autorisez que si c’est votre outil d’administration.",
    terms: "Conditions d’utilisation de l’application",
    privacy: "Politique de confidentialité de l’application",
    warning: "N’autorisez que si vous venez d’ouvrir cette application vous-même. Personne ne doit \
              vous le demander par téléphone ou par message.",
    allow: "Autoriser",
    deny: "Refuser",
    account_title: "Votre compte",
    other_account: "Utiliser un autre compte",
    signed_in_title: "Vous avez déjà un compte",
    signed_in: "L’application propose d’en créer un, mais ce navigateur est connecté à\u{a0}:",
    this_account: "Continuer avec ce compte",
    new_account: "Créer un autre compte",
    back_title: "Vous pouvez revenir à l’application",
    back_text: "Elle s’ouvre d’elle-même. Sinon, suivez ce lien.",
    back: "Revenir à l’application",
    wrong_title: "L’application a envoyé une demande incorrecte",
    wrong: "Vous n’avez rien à vous reprocher. Revenez à l’application et recommencez\u{a0}; si \
            cela se reproduit, prévenez votre support en citant la ligne ci-dessous.",
    device_title: "Connecter un autre appareil",
    device_text: "Saisissez le code affiché par l’appareil que vous voulez connecter.",
    user_code: "Code",
    user_code_hint: "Huit lettres, par exemple BCDF-GHJK.",
    next: "Continuer",
    no_such_code: "Ce code n’existe pas ou n’est plus valable. Vérifiez les lettres, ou demandez \
                   un nouveau code sur l’autre appareil.",
    compare: |code| format!("Vérifiez que l’autre appareil affiche bien le code {code}."),
    device_allowed: (
        "Appareil autorisé",
        "L’autre appareil se connecte dans quelques secondes. Vous pouvez fermer cette page.",
    ),
    device_denied: (
        "Appareil refusé",
        "L’autre appareil n’a pas accès à votre compte. Vous pouvez fermer cette page.",
    ),
};

pub(super) const ENGLISH: Consent = Consent {
    window_title: "Allow an application",
    title: |name| format!("Allow “{name}”?"),
    application: "Application",
    published_at: "Published at",
    published_at_unproven: "Says it is published at (not checked)",
    part_of: "Part of",
    goes_to: "Access will be given to",
    replaces_itself: "It is signed in on this device already; this takes the place of that.",
    replaces: |name| {
        format!(
            "This device id is that of your device “{name}”, which another application uses. It \
             will be signed out. Deny this unless you expect it."
        )
    },
    device: "Device id",
    may_title: "In your name it will be able to:",
    may: [
        "read and send messages and files in your rooms;",
        "join, create and leave rooms;",
        "change your profile and settings.",
    ],
    administers: "It also asks for the administration of the server: it will be able to change \
                  anybody’s password, close accounts and name administrators. Allow this only if \
                  it is your tool for administration.",
    terms: "Terms of use of the application",
    privacy: "Privacy policy of the application",
    warning: "Allow this only if you have just opened the application yourself. Nobody should ask \
              you to by phone or by message.",
    allow: "Allow",
    deny: "Deny",
    account_title: "Your account",
    other_account: "Use another account",
    signed_in_title: "You have an account already",
    signed_in: "The application offers to create one, but this browser is signed in to:",
    this_account: "Go on with this account",
    new_account: "Create another account",
    back_title: "You may go back to the application",
    back_text: "It opens by itself. If it does not, follow this link.",
    back: "Back to the application",
    wrong_title: "The application sent a wrong request",
    wrong: "You did nothing wrong. Go back to the application and try again; if it happens again, \
            tell your support and quote the line below.",
    device_title: "Connect another device",
    device_text: "Type the code that is shown by the device you want to connect.",
    user_code: "Code",
    user_code_hint: "Eight letters, for example BCDF-GHJK.",
    next: "Continue",
    no_such_code: "This code does not exist or is no longer valid. Check the letters, or ask for a \
                   new code on the other device.",
    compare: |code| format!("Check that the other device shows the code {code}."),
    device_allowed: (
        "Device allowed",
        "The other device connects within a few seconds. You may close this page.",
    ),
    device_denied: (
        "Device denied",
        "The other device has no access to your account. You may close this page.",
    ),
};
