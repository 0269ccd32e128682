// SPDX-License-Identifier: Apache-2.0
//! What published keys must look like before they are stored (T-D5) and signed (T-S7).
//!
//! Client-Server API, "Key management API" and "Cross-signing". Nothing malformed and no signature
//! that does not verify gets past here, so that neither can reach a client or another server.

use crate::{
    ids::{DeviceId, UserId},
    json::{Object, Value},
    limits::{DEVICE_KEYS_BYTES_MAX, ID_BYTES_MAX, ONE_TIME_KEY_BYTES_MAX},
    sign::{BASE64, SignedBytes, VerifyError, verify_json},
};
use base64::Engine as _;

/// Why a key is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyRefusal {
    /// A member is missing or wrong.
    #[error("{0}")]
    Shape(String),
    /// A needed signature is missing or does not verify.
    #[error("the signature of {what} by `{key}` is not accepted: {why}")]
    Signature {
        /// What was signed.
        what: String,
        /// The key that should have signed.
        key: String,
        /// What is wrong.
        why: VerifyError,
    },
}

fn shape<T>(sentence: impl Into<String>) -> Result<T, KeyRefusal> {
    Err(KeyRefusal::Shape(sentence.into()))
}

/// Device keys that may be published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedDeviceKeys {
    /// Canonical JSON with the signatures that verify, without `unsigned`.
    pub json: String,
    /// Canonical JSON of `keys`: what makes the device the device it is.
    pub identity: String,
    /// The device's ed25519 key; `None` where there is none that could verify a signature. Then
    /// neither can its keys be trusted by anybody, nor does it get signed one-time keys.
    pub ed25519: Option<[u8; 32]>,
}

/// Checks the device keys of a device: they name the user and the device, say their algorithms, and
/// are signed with the device's `ed25519` key, if they have a usable one. What other algorithms'
/// keys are is for clients to know.
///
/// Of other signatures only one by the user's `self_signing` key is kept, if it verifies.
pub fn check_device_keys(
    object: &Object,
    user_id: &UserId,
    device_id: &DeviceId,
    self_signing: Option<&str>,
) -> Result<CheckedDeviceKeys, KeyRefusal> {
    if text(object, "user_id") != Some(user_id.as_str()) {
        return shape("`user_id` of the device keys is not the user who uploads them");
    }
    if text(object, "device_id") != Some(device_id.as_str()) {
        return shape("`device_id` of the device keys is not the device that uploads them");
    }
    let algorithms = object.get("algorithms").and_then(Value::as_array);
    if !algorithms.is_some_and(|list| list.iter().all(|name| name.as_str().is_some())) {
        return shape("`algorithms` of the device keys is not a list of strings");
    }
    let keys = object.get("keys").and_then(Value::as_object);
    let Some(keys) = keys else { return shape("`keys` of the device keys is not an object") };
    for (name, key) in keys {
        check_identity_key(name, key)?;
    }
    let key_id = format!("ed25519:{device_id}");
    let ed25519 = keys.get(&key_id).and_then(Value::as_str).and_then(decode_key);
    let mut signers = Vec::new();
    if let Some(ed25519) = &ed25519 {
        verify(object, "the device keys", user_id, &key_id, ed25519)?;
        signers.push(key_id);
    }
    if let Some(public) = self_signing {
        let by_user = format!("ed25519:{public}");
        let key = decode_key(public).unwrap_or_default();
        if verify_json(object, user_id.as_str(), &by_user, &key).is_ok() {
            signers.push(by_user);
        }
    }
    let json = with_signatures(object, user_id, &signers);
    if json.len() > DEVICE_KEYS_BYTES_MAX {
        return shape("the device keys are too large");
    }
    let mut identity = String::new();
    crate::json::write_canonical_object(&mut identity, keys);
    Ok(CheckedDeviceKeys { json, identity, ed25519 })
}

fn check_identity_key(name: &str, key: &Value) -> Result<(), KeyRefusal> {
    match name.split_once(':') {
        Some((algorithm, id)) if !algorithm.is_empty() && !id.is_empty() => match key.as_str() {
            Some(_) => Ok(()),
            None => shape(format!("the key `{name}` is malformed")),
        },
        _ => shape(format!("the key `{name}` is not named `<algorithm>:<device id>`")),
    }
}

/// A one-time or fallback key that may be published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedOneTimeKey {
    /// What stands before the `:` of its name.
    pub algorithm: String,
    /// What stands after it.
    pub key_id: String,
    /// The public key itself.
    pub key: String,
    /// Canonical JSON: a string, or an object with its signatures.
    pub json: String,
}

/// Checks the one-time or fallback key `name` of a device, all but its signature.
///
/// The second value is the signature that has to verify with the device's `ed25519` key. It is
/// `None` for a bare string under an algorithm that is not `signed_…`.
pub fn check_one_time_key(
    name: &str,
    value: &Value,
    user_id: &UserId,
    device_id: &DeviceId,
) -> Result<(CheckedOneTimeKey, Option<SignedBytes>), KeyRefusal> {
    let (algorithm, key_id) = match name.split_once(':') {
        Some((algorithm, key_id)) if !algorithm.is_empty() && !key_id.is_empty() => {
            (algorithm, key_id)
        }
        _ => return shape(format!("the key `{name}` is not named `<algorithm>:<key id>`")),
    };
    if name.len() > ID_BYTES_MAX || name.chars().any(char::is_control) {
        return shape("the name of a one-time key is too long or has control characters");
    }
    let (key, signed) = match value {
        Value::String(key) if !algorithm.starts_with("signed_") => (key.as_str(), None),
        Value::Object(object) => {
            let Some(key) = text(object, "key") else {
                return shape(format!("the key `{name}` has no `key`"));
            };
            let signing_key = format!("ed25519:{device_id}");
            let signed = SignedBytes::of(object, user_id.as_str(), &signing_key);
            let signed = signed.map_err(|why| refused(name, &signing_key, why))?;
            (key, Some(signed))
        }
        _ => return shape(format!("the key `{name}` is not a signed object")),
    };
    if algorithm.ends_with("curve25519") && decode_key(key).is_none() {
        return shape(format!("the key `{name}` is not 32 bytes in base64"));
    }
    let json = value.to_canonical();
    if json.len() > ONE_TIME_KEY_BYTES_MAX {
        return shape(format!("the key `{name}` is too large"));
    }
    let (algorithm, key_id) = (algorithm.to_owned(), key_id.to_owned());
    Ok((CheckedOneTimeKey { algorithm, key_id, key: key.to_owned(), json }, signed))
}

/// What a cross-signing key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyUsage {
    /// Stands for the user.
    Master,
    /// Signs the user's devices.
    SelfSigning,
    /// Signs other users' master keys.
    UserSigning,
}

impl KeyUsage {
    /// The word of the specification.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Master => "master",
            Self::SelfSigning => "self_signing",
            Self::UserSigning => "user_signing",
        }
    }
}

/// A cross-signing key that may be published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedCrossSigningKey {
    /// The public key in base64, as it names itself.
    pub public_key: String,
    /// Canonical JSON with the signatures that verify.
    pub json: String,
}

/// Checks a cross-signing key: its user, its usage, its single key; and for the self-signing and
/// user-signing key the signature by the `master` key.
///
/// Of a master key's signatures those by `devices` (key id and ed25519 key) are kept. One that does
/// not verify is refused, not dropped: its uploader believes the key to be signed.
pub fn check_cross_signing_key(
    object: &Object,
    user_id: &UserId,
    usage: KeyUsage,
    master: Option<&str>,
    devices: &[(String, [u8; 32])],
) -> Result<CheckedCrossSigningKey, KeyRefusal> {
    let word = usage.as_str();
    if text(object, "user_id") != Some(user_id.as_str()) {
        return shape(format!("`user_id` of the {word} key is not the user who uploads it"));
    }
    let usages = object.get("usage").and_then(Value::as_array).unwrap_or_default();
    if !usages.iter().any(|usage| usage.as_str() == Some(word)) {
        return shape(format!("`usage` of the {word} key does not say `{word}`"));
    }
    let Some(public_key) = single_key(object) else {
        return shape(format!("`keys` of the {word} key is not one `ed25519:<public key>`"));
    };
    let mut signers = Vec::new();
    if usage == KeyUsage::Master {
        for (key_id, key) in devices {
            match verify_json(object, user_id.as_str(), key_id, key) {
                Ok(()) => signers.push(key_id.clone()),
                Err(VerifyError::Missing) => {}
                Err(why) => return Err(refused("the master key", key_id, why)),
            }
        }
    } else {
        let what = format!("the {word} key");
        let Some(master) = master else { return shape("there is no master key") };
        let key_id = format!("ed25519:{master}");
        verify(object, &what, user_id, &key_id, &decode_key(master).unwrap_or_default())?;
        signers.push(key_id);
    }
    let json = with_signatures(object, user_id, &signers);
    if json.len() > DEVICE_KEYS_BYTES_MAX {
        return shape(format!("the {word} key is too large"));
    }
    Ok(CheckedCrossSigningKey { public_key: public_key.to_owned(), json })
}

/// The public key of a cross-signing key: `keys` has the one member `ed25519:<key>: <key>`.
pub fn single_key(object: &Object) -> Option<&str> {
    let keys = object.get("keys").and_then(Value::as_object)?;
    let (name, key) = keys.first_key_value()?;
    let key = key.as_str()?;
    let is_named_after_itself = name.strip_prefix("ed25519:") == Some(key);
    (keys.len() == 1 && is_named_after_itself && decode_key(key).is_some()).then_some(key)
}

/// The 32 bytes of a public key in base64.
pub fn decode_key(text: &str) -> Option<[u8; 32]> {
    BASE64.decode(text).ok()?.try_into().ok()
}

fn text<'a>(object: &'a Object, member: &str) -> Option<&'a str> {
    object.get(member).and_then(Value::as_str)
}

fn refused(what: &str, key: &str, why: VerifyError) -> KeyRefusal {
    KeyRefusal::Signature { what: what.to_owned(), key: key.to_owned(), why }
}

fn verify(
    object: &Object,
    what: &str,
    user_id: &UserId,
    key_id: &str,
    key: &[u8],
) -> Result<(), KeyRefusal> {
    verify_json(object, user_id.as_str(), key_id, key).map_err(|why| refused(what, key_id, why))
}

/// Canonical JSON of `object` with no signatures but those of `user_id` by `signers`.
fn with_signatures(object: &Object, user_id: &UserId, signers: &[String]) -> String {
    let given = object.get("signatures").and_then(Value::as_object);
    let given = given.and_then(|all| all.get(user_id.as_str())).and_then(Value::as_object);
    let mut kept = Object::new();
    for signer in signers {
        if let Some(signature) = given.and_then(|given| given.get(signer)) {
            kept.insert(signer.clone(), signature.clone());
        }
    }
    let mut object = object.clone();
    object.remove("unsigned");
    let mut signatures = Object::new();
    if !kept.is_empty() {
        signatures.insert(user_id.as_str().to_owned(), kept.into());
    }
    // Who signed nothing finds the object as it was.
    if object.contains_key("signatures") {
        object.insert("signatures".to_owned(), signatures.into());
    }
    Value::Object(object).to_canonical()
}

#[cfg(test)]
mod tests;
