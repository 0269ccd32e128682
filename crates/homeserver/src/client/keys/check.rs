// SPDX-License-Identifier: Apache-2.0
//! From the body of an upload to keys that may be stored (T-D5).

use std::collections::BTreeSet;

use estafette_core::{
    device_keys::{
        CheckedDeviceKeys, CheckedOneTimeKey, KeyRefusal, check_device_keys, check_one_time_key,
        decode_key,
    },
    ids::{DeviceId, UserId},
    json::{Object, Strictness, Value, parse},
    limits::KEYS_PER_UPLOAD_MAX,
    sign::{SignedBytes, VerifyError, verify_all},
};
use estafette_store::{
    KeyStore as _,
    keys::{DeviceKeysUpload, KeyUpload, OneTimeKey, UserKeys},
};
use http::StatusCode;

use crate::{ApiError, ApiResult, Shared};

/// From so many signatures on they are checked on a thread of their own, away from those who wait.
const INLINE_SIGNATURES_MAX: usize = 4;

impl From<KeyRefusal> for ApiError {
    fn from(refusal: KeyRefusal) -> Self {
        let sentence = format!("The keys are refused: {refusal}.");
        match refusal {
            KeyRefusal::Shape(_) => Self::invalid_param(sentence),
            KeyRefusal::Signature { .. } => invalid_signature(sentence),
        }
    }
}

/// 400 `M_INVALID_SIGNATURE`.
pub(super) fn invalid_signature(sentence: impl Into<std::borrow::Cow<'static, str>>) -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, "M_INVALID_SIGNATURE", sentence)
}

/// Checks `device_keys`, `one_time_keys` and `fallback_keys` of `body` for a device of `user_id`:
/// shapes, names, and that the device signed them. Refused whole if anything is wrong.
pub(in crate::client) async fn check_upload(
    server: &Shared,
    user_id: &UserId,
    device_id: &DeviceId,
    body: &Object,
) -> ApiResult<KeyUpload> {
    let stored = server.store.user_keys(std::slice::from_ref(user_id)).await?;
    let stored = stored.first().cloned().unwrap_or_default();
    let device_keys = match member(body, "device_keys")? {
        Some(object) => {
            let required = ["algorithms", "device_id", "keys", "signatures", "user_id"];
            if let Some(missing) = required.iter().find(|name| !object.contains_key(**name)) {
                return Err(ApiError::bad_json(format!("`device_keys` has no `{missing}`.")));
            }
            let self_signing = stored.self_signing.as_ref().map(|key| key.public_key.as_str());
            Some(check_device_keys(object, user_id, device_id, self_signing)?)
        }
        None => None,
    };
    let mut signed = Signed::default();
    let one_time_keys = signed.check(member(body, "one_time_keys")?, user_id, device_id)?;
    let fallback_keys = signed.check(member(body, "fallback_keys")?, user_id, device_id)?;
    let mut algorithms = BTreeSet::new();
    if !fallback_keys.iter().all(|key| algorithms.insert(key.algorithm.clone())) {
        return Err(ApiError::invalid_param("There are two fallback keys for one algorithm."));
    }
    let ed25519 = match &device_keys {
        Some(keys) => keys.ed25519,
        None => stored_ed25519(&stored, device_id),
    };
    signed.verify(ed25519, device_id).await?;
    let device_keys = device_keys
        .map(|CheckedDeviceKeys { json, identity, .. }| DeviceKeysUpload { json, identity });
    Ok(KeyUpload { device_keys, one_time_keys, fallback_keys })
}

/// A member that is an object, if it is there.
pub(super) fn member<'a>(body: &'a Object, name: &str) -> ApiResult<Option<&'a Object>> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(object)) => Ok(Some(object)),
        Some(_) => Err(ApiError::bad_json(format!("`{name}` is not an object."))),
    }
}

/// The ed25519 key that a device published before.
pub(super) fn stored_ed25519(keys: &UserKeys, device_id: &DeviceId) -> Option<[u8; 32]> {
    let object = parse_stored(&keys.device(device_id.as_str())?.json)?;
    let keys = object.get("keys").and_then(Value::as_object)?;
    keys.get(&format!("ed25519:{device_id}")).and_then(Value::as_str).and_then(decode_key)
}

/// A key object of the store. It was checked before it was stored.
pub(super) fn parse_stored(json: &str) -> Option<Object> {
    match parse(json.as_bytes(), Strictness::Tolerant) {
        Ok(Value::Object(object)) => Some(object),
        _ => None,
    }
}

/// Signatures to be verified, and the names of the keys that they are on.
#[derive(Default)]
struct Signed {
    names: Vec<String>,
    signatures: Vec<SignedBytes>,
}

impl Signed {
    fn check(
        &mut self,
        keys: Option<&Object>,
        user_id: &UserId,
        device_id: &DeviceId,
    ) -> ApiResult<Vec<OneTimeKey>> {
        let Some(keys) = keys else { return Ok(Vec::new()) };
        if keys.len() > KEYS_PER_UPLOAD_MAX {
            return Err(ApiError::too_large("There are too many keys in one request."));
        }
        let mut checked = Vec::with_capacity(keys.len());
        for (name, value) in keys {
            let (key, signature) = check_one_time_key(name, value, user_id, device_id)?;
            if let Some(signature) = signature {
                self.names.push(name.clone());
                self.signatures.push(signature);
            }
            let CheckedOneTimeKey { algorithm, key_id, key, json } = key;
            checked.push(OneTimeKey { algorithm, key_id, key, json });
        }
        Ok(checked)
    }

    async fn verify(self, ed25519: Option<[u8; 32]>, device_id: &DeviceId) -> ApiResult<()> {
        if self.signatures.is_empty() {
            return Ok(());
        }
        let Some(ed25519) = ed25519 else {
            let sentence = "The device has to upload its device keys before others or with them.";
            return Err(ApiError::invalid_param(sentence));
        };
        let Self { names, signatures } = self;
        let outcome = if signatures.len() > INLINE_SIGNATURES_MAX {
            let verify = tokio::task::spawn_blocking(move || verify_all(&signatures, &ed25519));
            verify.await.map_err(ApiError::internal)?
        } else {
            verify_all(&signatures, &ed25519)
        };
        outcome.map_err(|(at, why): (usize, VerifyError)| {
            let what = names.get(at).cloned().unwrap_or_default();
            KeyRefusal::Signature { what, key: format!("ed25519:{device_id}"), why }.into()
        })
    }
}
