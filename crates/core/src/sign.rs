// SPDX-License-Identifier: Apache-2.0
//! Signing and verifying JSON (Appendices, "Signing JSON").
//!
//! [`SigningKey`] is the server's identity. It signs events only as part of building them
//! (`event::EventDraft::sign`), so nothing that somebody else composed is ever signed (I8).

mod keys;

use std::fmt;

use base64::{Engine as _, engine::GeneralPurpose, engine::general_purpose};
use ed25519_dalek::{Signature, Signer as _, VerifyingKey};

pub use self::keys::{KeysError, VerifyKey, VerifyKeys};
use crate::json::{Object, Value, write_canonical_without};

/// Unpadded base64 that reads padded input too, as the specification advises, and whatever stands
/// in the bits after the last byte: the specification's own vectors have some there.
pub const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    general_purpose::GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(base64::engine::DecodePaddingMode::Indifferent),
);

/// Why a signature does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// There is no signature by that entity and key.
    #[error("the signature is missing")]
    Missing,
    /// The signature or the key is not base64 of the right length.
    #[error("the signature or the key is malformed")]
    Malformed,
    /// The signature does not match.
    #[error("the signature does not match")]
    Mismatch,
}

/// The private key of this server. Its secret is wiped when it is dropped and never printed.
pub struct SigningKey {
    key_id: String,
    key: ed25519_dalek::SigningKey,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.key_id)
    }
}

impl SigningKey {
    /// The key of `seed`, known to others as `ed25519:<version>`.
    pub fn from_seed(version: &str, seed: &[u8; 32]) -> Self {
        Self {
            key_id: format!("ed25519:{version}"),
            key: ed25519_dalek::SigningKey::from_bytes(seed),
        }
    }

    /// `ed25519:<version>`.
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// The public half, in unpadded base64.
    pub fn public_base64(&self) -> String {
        BASE64.encode(self.key.verifying_key().as_bytes())
    }

    /// The signature of `bytes`, in unpadded base64. For this crate's builders alone.
    pub(crate) fn sign_bytes(&self, bytes: &[u8]) -> String {
        BASE64.encode(self.key.sign(bytes).to_bytes())
    }

    /// Signs an object that is no event (server keys, a request) as `entity`, adding to its
    /// `signatures`. An object with a `type` and an `auth_events` is refused: that is an event.
    pub fn sign_json(&self, object: &mut Object, entity: &str) -> Result<(), NotSigned> {
        if object.contains_key("auth_events") || object.contains_key("prev_events") {
            return Err(NotSigned);
        }
        let signature = self.sign_bytes(signed_bytes(object).as_bytes());
        let signatures =
            object.entry("signatures".to_owned()).or_insert_with(|| Value::Object(Object::new()));
        let Value::Object(signatures) = signatures else { return Err(NotSigned) };
        let by_entity =
            signatures.entry(entity.to_owned()).or_insert_with(|| Value::Object(Object::new()));
        let Value::Object(by_entity) = by_entity else { return Err(NotSigned) };
        by_entity.insert(self.key_id.clone(), Value::String(signature));
        Ok(())
    }
}

/// The object was not signed: it is an event, or its `signatures` are malformed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this object may not be signed")]
pub struct NotSigned;

/// What a signature of `object` covers: its canonical form without `signatures` and `unsigned`.
pub fn signed_bytes(object: &Object) -> String {
    let mut out = String::with_capacity(512);
    write_canonical_without(&mut out, object, &["signatures", "unsigned"]);
    out
}

/// Checks the signature of `object` by `entity` with the key `key_id`, whose public half is
/// `public` (32 bytes).
pub fn verify_json(
    object: &Object,
    entity: &str,
    key_id: &str,
    public: &[u8],
) -> Result<(), VerifyError> {
    let signature = signature_text(object, entity, key_id).ok_or(VerifyError::Missing)?;
    let signature = BASE64.decode(signature).map_err(|_| VerifyError::Malformed)?;
    verify_bytes(signed_bytes(object).as_bytes(), &signature, public)
}

/// A signature and what it covers, to be checked together with others of the same key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedBytes {
    bytes: String,
    signature: [u8; 64],
}

impl SignedBytes {
    /// The signature of `object` by `entity` with the key `key_id`.
    pub fn of(object: &Object, entity: &str, key_id: &str) -> Result<Self, VerifyError> {
        let signature = signature_text(object, entity, key_id).ok_or(VerifyError::Missing)?;
        let signature = BASE64.decode(signature).map_err(|_| VerifyError::Malformed)?;
        let signature = signature.try_into().map_err(|_| VerifyError::Malformed)?;
        Ok(Self { bytes: signed_bytes(object), signature })
    }
}

/// Checks many signatures by `public`, each as [`verify_bytes`] does. On failure tells which of
/// them, by its place, is the first that does not verify.
///
/// One equation for all of them would be faster and let some pass that are refused here: it cannot
/// tell whether a nonce has a part of small order, and finding that out costs as much as a check.
pub fn verify_all(signed: &[SignedBytes], public: &[u8; 32]) -> Result<(), (usize, VerifyError)> {
    let key = VerifyingKey::from_bytes(public).map_err(|_| (0, VerifyError::Malformed))?;
    for (at, one) in signed.iter().enumerate() {
        let signature = Signature::from_bytes(&one.signature);
        key.verify_strict(one.bytes.as_bytes(), &signature)
            .map_err(|_| (at, VerifyError::Mismatch))?;
    }
    Ok(())
}

fn signature_text<'a>(object: &'a Object, entity: &str, key_id: &str) -> Option<&'a str> {
    let signatures = object.get("signatures").and_then(Value::as_object)?;
    signatures.get(entity).and_then(Value::as_object)?.get(key_id).and_then(Value::as_str)
}

/// Checks an ed25519 signature (64 bytes) of `bytes` by `public` (32 bytes). Strict: weak keys and
/// non-canonical signatures are refused, so that all servers judge alike.
pub fn verify_bytes(bytes: &[u8], signature: &[u8], public: &[u8]) -> Result<(), VerifyError> {
    let public = <&[u8; 32]>::try_from(public).map_err(|_| VerifyError::Malformed)?;
    let key = VerifyingKey::from_bytes(public).map_err(|_| VerifyError::Malformed)?;
    let signature = Signature::from_slice(signature).map_err(|_| VerifyError::Malformed)?;
    key.verify_strict(bytes, &signature).map_err(|_| VerifyError::Mismatch)
}

/// The key of the specification's vectors (Appendices, "Cryptographic Test Vectors"). Its text has
/// bits beyond the 32 bytes, which only the specification's own example does.
#[cfg(test)]
pub(crate) fn specification_key() -> SigningKey {
    let seed = BASE64.decode("YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7kMW+3XA1").unwrap();
    SigningKey::from_seed("1", &seed.try_into().unwrap())
}

#[cfg(test)]
mod tests;
