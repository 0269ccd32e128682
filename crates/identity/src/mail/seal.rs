// SPDX-License-Identifier: Apache-2.0
//! Mail at rest. Mails hold links and codes that open accounts, and a copy of the database (a
//! backup, a disk) holds those that wait and, until their pages are used again, those that are
//! gone. So what they say is sealed with a key that lies beside the database, not in it.

use aes_gcm::{
    Aes256Gcm, Key, KeyInit as _, Nonce,
    aead::{Aead as _, Payload},
};
use estafette_store::identity::{MailText, WaitingMail};
use zeroize::Zeroizing;

use super::letters::Letter;
use crate::Host;

/// AES-GCM has nonces of 96 bits (NIST SP 800-38D, 8.2.2: drawn at random, for at most 2^32 texts).
const NONCE_BYTES: usize = 12;

/// What a letter says, for nobody to read without the key, and for no other recipient. Empty where
/// it cannot be sealed: there is no key or text for which that happens.
pub(super) fn seal(host: &dyn Host, recipient: &str, letter: &Letter) -> Vec<u8> {
    let text = serde_json::json!([letter.subject, letter.body]).to_string();
    let text = Zeroizing::new(text);
    let mut sealed = vec![0; NONCE_BYTES];
    host.fill_random(&mut sealed);
    let payload = Payload { msg: text.as_bytes(), aad: recipient.as_bytes() };
    let nonce = <[u8; NONCE_BYTES]>::try_from(sealed.as_slice()).unwrap_or_default();
    match cipher(host).encrypt(&Nonce::from(nonce), payload) {
        Ok(text) => sealed.extend(text),
        Err(_) => sealed.clear(),
    }
    sealed
}

/// What a mail says that waits. `None`: it cannot be read.
pub(super) fn letter(host: &dyn Host, mail: &WaitingMail) -> Option<Letter> {
    match &mail.text {
        MailText::Sealed(sealed) => open(host, &mail.recipient, sealed),
        MailText::Clear { subject, body } => {
            Some(Letter { subject: subject.clone(), body: body.clone() })
        }
    }
}

/// What was sealed for `recipient`. `None`: with another key, for somebody else, or not at all.
pub(crate) fn open(host: &dyn Host, recipient: &str, sealed: &[u8]) -> Option<Letter> {
    let (nonce, text) = sealed.split_at_checked(NONCE_BYTES)?;
    let nonce = <[u8; NONCE_BYTES]>::try_from(nonce).ok()?;
    let payload = Payload { msg: text, aad: recipient.as_bytes() };
    let text = Zeroizing::new(cipher(host).decrypt(&Nonce::from(nonce), payload).ok()?);
    let (subject, body) = serde_json::from_slice(&text).ok()?;
    Some(Letter { subject, body })
}

fn cipher(host: &dyn Host) -> Aes256Gcm {
    Aes256Gcm::new(&Key::<Aes256Gcm>::from(*host.mail_key()))
}
