// SPDX-License-Identifier: Apache-2.0
//! The page on which somebody gives leave for what a client asks.

/// The page on which somebody gives leave for what a client asks.
pub(crate) struct Leave {
    pub(crate) title: &'static str,
    pub(crate) asks: &'static str,
    pub(crate) replace_keys: &'static str,
    /// With how many.
    pub(crate) end_devices: fn(usize) -> String,
    pub(crate) set_password: &'static str,
    pub(crate) sign_in_device: &'static str,
    pub(crate) deactivate: &'static str,
    /// Before the device that asks.
    pub(crate) from: &'static str,
    pub(crate) warning: &'static str,
    pub(crate) button: &'static str,
}

pub(super) const FRENCH: Leave = Leave {
    title: "Confirmer une demande",
    asks: "Une application connectée à votre compte demande votre accord pour\u{a0}:",
    replace_keys: "réinitialiser votre identité numérique",
    end_devices: |count| match count {
        0 | 1 => "déconnecter un appareil de votre compte".into(),
        count => format!("déconnecter {count} appareils de votre compte"),
    },
    set_password: "choisir le mot de passe de votre compte",
    sign_in_device: "connecter un autre appareil à votre compte",
    deactivate: "supprimer votre compte, définitivement",
    from: "L’appareil qui le demande",
    warning: "N’acceptez que si vous venez de le demander vous-même dans cette application. Sinon, \
              quelqu’un d’autre se sert peut-être de votre compte\u{a0}: annulez et prévenez votre \
              support.",
    button: "Confirmer",
};

pub(super) const ENGLISH: Leave = Leave {
    title: "Confirm a request",
    asks: "An application that is signed in to your account asks for your leave to:",
    replace_keys: "reset your digital identity",
    end_devices: |count| match count {
        0 | 1 => "sign a device out of your account".into(),
        count => format!("sign {count} devices out of your account"),
    },
    set_password: "choose the password of your account",
    sign_in_device: "sign another device in to your account",
    deactivate: "delete your account for good",
    from: "The device that asks",
    warning: "Confirm only if you have just asked for this yourself in that application. If you \
              have not, somebody else may be using your account: cancel, and tell your support.",
    button: "Confirm",
};
