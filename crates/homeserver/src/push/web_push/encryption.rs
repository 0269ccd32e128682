// SPDX-License-Identifier: Apache-2.0
//! Message encryption for Web Push (RFC 8291) in one record of `aes128gcm` (RFC 8188).

use aes_gcm::{Aes128Gcm, KeyInit as _, aead::AeadInOut as _};
use hkdf::Hkdf;
use p256::{PublicKey, SecretKey, ecdh::diffie_hellman};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::clock::Random;

/// The authentication secret of a subscription, in bytes (RFC 8291, section 3.2).
pub(crate) const AUTH_BYTES: usize = 16;
/// Every plaintext is padded to this size, so that lengths tell nothing.
pub(super) const PADDED_BYTES: usize = 1_024;
/// The record size that is announced: one record holds the whole message.
const RECORD_BYTES: u32 = 4_096;
const SALT_BYTES: usize = 16;

/// To whom a message is encrypted: what the browser gave with its subscription.
#[derive(Debug, Clone)]
pub(crate) struct Recipient {
    key: PublicKey,
    auth: [u8; AUTH_BYTES],
}

impl Recipient {
    /// From the uncompressed public key and the authentication secret. `None`: they are not such.
    pub(crate) fn new(key: &[u8], auth: &[u8]) -> Option<Self> {
        // 0x04 marks the uncompressed form, the only one that RFC 8291 knows.
        if key.len() != 65 || key.first() != Some(&4) {
            return None;
        }
        let key = PublicKey::from_sec1_bytes(key).ok()?;
        Some(Self { key, auth: auth.try_into().ok()? })
    }
}

/// Encrypts a message with a key and a salt that are used this once. `None`: it is too long.
pub(super) fn seal(recipient: &Recipient, random: &dyn Random, message: &[u8]) -> Option<Vec<u8>> {
    let mut salt = [0; SALT_BYTES];
    random.fill(&mut salt);
    seal_with(recipient, &super::vapid::fresh_key(random), salt, message, PADDED_BYTES)
}

/// [`seal`] with everything given, for the test vector.
fn seal_with(
    recipient: &Recipient,
    ours: &SecretKey,
    salt: [u8; SALT_BYTES],
    message: &[u8],
    padded: usize,
) -> Option<Vec<u8>> {
    if message.len() > padded {
        return None;
    }
    let our_public = ours.public_key().to_sec1_bytes();
    let their_public = recipient.key.to_sec1_bytes();
    let shared = diffie_hellman(ours.to_nonzero_scalar(), recipient.key.as_affine());
    // RFC 8291, section 3.4.
    let mut info = b"WebPush: info\0".to_vec();
    info.extend_from_slice(&their_public);
    info.extend_from_slice(&our_public);
    let shared = Hkdf::<Sha256>::new(Some(&recipient.auth), shared.raw_secret_bytes());
    let secret: Zeroizing<[u8; 32]> = expand(&shared, &info)?;
    // RFC 8188, sections 2.2 and 2.3.
    let keys = Hkdf::<Sha256>::new(Some(&salt), secret.as_slice());
    let key: Zeroizing<[u8; 16]> = expand(&keys, b"Content-Encoding: aes128gcm\0")?;
    let nonce: Zeroizing<[u8; 12]> = expand(&keys, b"Content-Encoding: nonce\0")?;
    // The last record's delimiter, then padding.
    let mut record = message.to_vec();
    record.push(2);
    record.resize(padded + 1, 0);
    let cipher = Aes128Gcm::new_from_slice(key.as_slice()).ok()?;
    let nonce = (*nonce).into();
    cipher.encrypt_in_place(&nonce, b"", &mut record).ok()?;
    let mut body = salt.to_vec();
    body.extend_from_slice(&RECORD_BYTES.to_be_bytes());
    body.push(u8::try_from(our_public.len()).ok()?);
    body.extend_from_slice(&our_public);
    body.extend_from_slice(&record);
    Some(body)
}

fn expand<const N: usize>(from: &Hkdf<Sha256>, info: &[u8]) -> Option<Zeroizing<[u8; N]>> {
    let mut bytes = Zeroizing::new([0; N]);
    from.expand(info, bytes.as_mut_slice()).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

    use super::*;

    fn bytes(text: &str) -> Vec<u8> {
        URL_SAFE_NO_PAD.decode(text).unwrap()
    }

    const KEY: &str =
        "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
    const AUTH: &str = "BTBZMqHH6r4Tts7J_aSIgg";

    // Otherwise no browser could read a push (RFC 8291, appendix A).
    #[test]
    fn the_vector_of_the_standard() {
        let recipient = Recipient::new(&bytes(KEY), &bytes(AUTH)).unwrap();
        let ours = bytes("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw");
        let ours = SecretKey::from_slice(&ours).unwrap();
        let salt = bytes("DGv6ra1nlYgDCS1FRnbzlw").try_into().unwrap();
        let message = b"When I grow up, I want to be a watermelon";
        let sealed = seal_with(&recipient, &ours, salt, message, message.len()).unwrap();
        let expected = "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIg\
             Dll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuw\
             XPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN";
        assert_eq!(URL_SAFE_NO_PAD.encode(sealed), expected);
    }

    // Otherwise anything could be registered and would fail at each push.
    #[test]
    fn only_points_of_the_curve_are_keys() {
        let mut compressed = bytes(KEY);
        compressed.truncate(33);
        compressed[0] = 2;
        let mut off_curve = bytes(KEY);
        off_curve[64] ^= 1;
        for key in [compressed, off_curve, vec![0; 65], Vec::new()] {
            assert!(Recipient::new(&key, &bytes(AUTH)).is_none());
        }
        assert!(Recipient::new(&bytes(KEY), &bytes(AUTH)[1..]).is_none());
    }
}
