// SPDX-License-Identifier: Apache-2.0
//! Cross-signing keys and signatures (Client-Server API, "Cross-signing").

use std::collections::BTreeMap;

use axum::{Router, extract::State, response::Response, routing::post};
use estafette_core::{
    device_keys::{
        CheckedCrossSigningKey, KeyUsage, check_cross_signing_key, decode_key, single_key,
    },
    ids::UserId,
    json::{Object, Value},
    sign::{signed_bytes, verify_json},
};
use estafette_store::{
    KeyStore as _, OauthStore as _,
    keys::{CrossSigningKey, CrossSigningOutcome, CrossSigningUpload, KeySignature, UserKeys},
};
use http::StatusCode;

use super::{
    check::{invalid_signature, member, parse_stored, stored_ed25519},
    is_local, parse_user,
};
use crate::{
    ApiError, ApiResult, Shared,
    auth::{
        Requester,
        uia::{self, Purpose, UiaRequest},
    },
    client::{content::Content, session, well_known::Base},
    http::{empty_object, json_response},
    rate_limit::Cost,
    sync::writer::ObjectWriter,
};

pub(super) fn routes() -> Router<Shared> {
    let mut router = Router::new();
    for prefix in ["/_matrix/client/v3", "/_matrix/client/unstable"] {
        router = router
            .route(&format!("{prefix}/keys/device_signing/upload"), post(upload_keys))
            .route(&format!("{prefix}/keys/signatures/upload"), post(upload_signatures));
    }
    router
}

/// `POST /_matrix/client/v3/keys/device_signing/upload`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3keysdevice_signingupload>.
/// The first upload, and the repeat of what is stored, need no further proof of identity (MSC3967);
/// whether it is one is decided in the transaction that stores it.
async fn upload_keys(
    State(server): State<Shared>,
    requester: Requester,
    Base(base_url): Base,
    Content(body): Content,
) -> ApiResult<Response> {
    requester.check_rate(&server.rate_limiter, Cost::Write, server.now_ms())?;
    let user_id = &requester.user_id;
    let stored = server.store.user_keys(std::slice::from_ref(user_id)).await?;
    let upload = check_cross_signing(user_id, &stored.first().cloned().unwrap_or_default(), &body)?;
    // Application services prove nothing more than their token (v1.17).
    let only_first = requester.appservice.is_none();
    let store = &server.store;
    let mut outcome = store.set_cross_signing_keys(user_id, upload.clone(), only_first).await?;
    if outcome == CrossSigningOutcome::NotFirst {
        prove_identity(&server, &requester, base_url, &body).await?;
        outcome = store.set_cross_signing_keys(user_id, upload, false).await?;
    }
    match outcome {
        CrossSigningOutcome::Stored => Ok(empty_object()),
        CrossSigningOutcome::NotFirst => Err(ApiError::internal("proved, yet not first")),
        CrossSigningOutcome::IsDeviceId => {
            Err(ApiError::forbidden("A public key is the id of one of your devices."))
        }
    }
}

fn check_cross_signing(
    user_id: &UserId,
    stored: &UserKeys,
    body: &Object,
) -> ApiResult<CrossSigningUpload> {
    let devices: Vec<_> = stored
        .devices
        .iter()
        .filter_map(|device| {
            let key = stored_ed25519(stored, &device.device_id)?;
            Some((format!("ed25519:{}", device.device_id), key))
        })
        .collect();
    let master_object = member(body, "master_key")?;
    let master = match master_object {
        Some(object) => single_key(object),
        None => stored.master.as_ref().map(|key| key.public_key.as_str()),
    };
    let check = |name: &str, usage: KeyUsage| -> ApiResult<Option<CrossSigningKey>> {
        let Some(object) = member(body, name)? else { return Ok(None) };
        if usage != KeyUsage::Master && master_object.is_none() && master.is_none() {
            return Err(ApiError::missing_param("There is no master key to sign the others."));
        }
        let checked = check_cross_signing_key(object, user_id, usage, master, &devices)?;
        let CheckedCrossSigningKey { public_key, json } = checked;
        Ok(Some(CrossSigningKey { public_key, json }))
    };
    let upload = CrossSigningUpload {
        master: check("master_key", KeyUsage::Master)?,
        self_signing: check("self_signing_key", KeyUsage::SelfSigning)?,
        user_signing: check("user_signing_key", KeyUsage::UserSigning)?,
    };
    if upload == CrossSigningUpload::default() {
        return Err(ApiError::missing_param("There is no key in the request."));
    }
    Ok(upload)
}

/// User-interactive authentication before keys are replaced, unless their owner gave leave on the
/// account pages for this device and for once. A device of the OAuth 2.0 API needs that leave
/// (`m.oauth`).
async fn prove_identity(
    server: &Shared,
    requester: &Requester,
    base_url: Option<String>,
    body: &Object,
) -> ApiResult<()> {
    let body = body.iter().map(|(key, value)| (key.clone(), value.into())).collect();
    let user_id = &requester.user_id;
    let request = UiaRequest {
        user_id: Some(user_id),
        who: &requester.session(),
        method: "POST",
        path: "/keys/device_signing/upload",
        body: &body,
        device_id: requester.device_id(),
        purpose: Some(&Purpose::ReplaceKeys),
    };
    if let Some(device) = &requester.device {
        let (device_id, now_ms) = (&device.device_id, server.now_ms());
        if server.store.take_cross_signing_approval(user_id, device_id, now_ms).await? {
            return Ok(());
        }
        if server.store.is_oauth_device(device.nid).await? {
            let base_url = base_url.ok_or_else(|| ApiError::internal("a request to no host"))?;
            return Err(uia::challenge_oauth(
                server,
                request,
                &reset_url(&base_url, device_id.as_str()),
            )?);
        }
    }
    let flows = session::proof_flows(server, requester).await?;
    uia::authenticate(server, request, flows).await.map(|_| ())
}

/// Where somebody lets a device replace the cross-signing keys (Client-Server API, "Account
/// management URL actions").
pub(in crate::client) fn reset_url(base_url: &str, device_id: &str) -> String {
    let mut escaped = String::new();
    for byte in device_id.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    let account = format!("{base_url}/_estafette/account");
    format!("{account}?action=org.matrix.cross_signing_reset&device_id={escaped}")
}

/// `POST /_matrix/client/v3/keys/signatures/upload`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3keyssignaturesupload>. Each
/// signature is verified before it is stored (T-S7); those that are not accepted are listed in
/// `failures` and the others are stored.
async fn upload_signatures(
    State(server): State<Shared>,
    requester: Requester,
    Content(body): Content,
) -> ApiResult<Response> {
    requester.check_rate(&server.rate_limiter, Cost::Write, server.now_ms())?;
    let mut users = vec![requester.user_id.clone()];
    for name in body.keys() {
        let user_id = parse_user(name)?;
        if user_id != requester.user_id {
            users.push(user_id);
        }
    }
    let keys = server.store.user_keys(&users).await?;
    let signer = keys.first().cloned().unwrap_or_default();
    let mut accepted = Vec::new();
    let mut failures = BTreeMap::<String, BTreeMap<String, ApiError>>::new();
    for (target, target_keys) in users.iter().zip(&keys) {
        let Some(signed) = body.get(target.as_str()) else { continue };
        let Some(signed) = signed.as_object() else {
            return Err(ApiError::bad_json(format!("What is signed of {target} is no object.")));
        };
        for (target_key, object) in signed {
            let check =
                Check { requester: &requester.user_id, signer: &signer, target, target_keys };
            let checked = if is_local(&server, target) {
                check.signatures(target_key, object)
            } else {
                Err(ApiError::not_found("This server does not know that key."))
            };
            match checked {
                Ok(signatures) => accepted.extend(signatures),
                Err(error) => {
                    let of_user = failures.entry(target.as_str().to_owned()).or_default();
                    of_user.insert(target_key.clone(), error);
                }
            }
        }
    }
    if !accepted.is_empty() {
        server.store.add_signatures(&requester.user_id, accepted).await?;
    }
    Ok(failures_response(&failures))
}

fn failures_response(failures: &BTreeMap<String, BTreeMap<String, ApiError>>) -> Response {
    let mut json = String::new();
    let mut answer = ObjectWriter::open(&mut json);
    let mut all = answer.object("failures");
    for (user_id, errors) in failures {
        let mut of_user = all.object(user_id);
        for (key, error) in errors {
            of_user.raw(key, &error.body().to_string());
        }
        of_user.close();
    }
    all.close();
    answer.close();
    json_response(StatusCode::OK, json)
}

/// What one object of signatures is held against.
struct Check<'a> {
    requester: &'a UserId,
    signer: &'a UserKeys,
    target: &'a UserId,
    target_keys: &'a UserKeys,
}

impl Check<'_> {
    /// The requester's signatures of `object`, which must be what is stored under `target_key`.
    /// All of them must be allowed and verify.
    fn signatures(&self, target_key: &str, object: &Value) -> ApiResult<Vec<KeySignature>> {
        let Some(object) = object.as_object() else {
            return Err(ApiError::bad_json("The signed key is no object."));
        };
        let (stored, signers) = self.target(target_key)?;
        if signed_bytes(&stored) != signed_bytes(object) {
            return Err(ApiError::invalid_param("The signed key is not the one that is stored."));
        }
        let given = object.get("signatures").and_then(Value::as_object);
        let given = given.and_then(|all| all.get(self.requester.as_str()));
        let Some(given) = given.and_then(Value::as_object) else {
            return Err(invalid_signature("There is no signature by you."));
        };
        let already = stored.get("signatures").and_then(Value::as_object);
        let already = already.and_then(|all| all.get(self.requester.as_str()));
        let mut accepted = Vec::new();
        for (signing_key, signature) in given {
            let known = already.and_then(Value::as_object).and_then(|all| all.get(signing_key));
            if known == Some(signature) {
                continue;
            }
            let Some((_, public)) = signers.iter().find(|(id, _)| id == signing_key) else {
                let sentence = format!("`{signing_key}` may not sign this key.");
                return Err(invalid_signature(sentence));
            };
            verify_json(object, self.requester.as_str(), signing_key, public)
                .map_err(|why| invalid_signature(format!("By `{signing_key}`: {why}.")))?;
            accepted.push(KeySignature {
                target: self.target.clone(),
                target_key: target_key.to_owned(),
                signing_key: signing_key.clone(),
                signature: signature.as_str().unwrap_or_default().to_owned(),
            });
        }
        Ok(accepted)
    }

    /// The stored key, and the keys that may sign it. There are three relations: a device by its
    /// owner's self-signing key, one's master key by one's devices, another's master key by one's
    /// user-signing key.
    fn target(&self, target_key: &str) -> ApiResult<(Object, Vec<(String, [u8; 32])>)> {
        let own = self.target == self.requester;
        let master = self.target_keys.master.as_ref().filter(|key| key.public_key == target_key);
        let device = self.target_keys.device(target_key).filter(|_| own);
        let (json, signers) = match (master, device) {
            (Some(master), _) if own => (&master.json, self.devices()),
            (Some(master), _) => (&master.json, cross_signer(&self.signer.user_signing)),
            (None, Some(device)) => (&device.json, cross_signer(&self.signer.self_signing)),
            (None, None) => return Err(ApiError::not_found("There is no such key to sign.")),
        };
        let stored = parse_stored(json).ok_or_else(|| ApiError::internal("a stored key"))?;
        Ok((stored, signers))
    }

    fn devices(&self) -> Vec<(String, [u8; 32])> {
        let key = |device: &estafette_store::keys::DeviceKeys| {
            let key = stored_ed25519(self.signer, &device.device_id)?;
            Some((format!("ed25519:{}", device.device_id), key))
        };
        self.signer.devices.iter().filter_map(key).collect()
    }
}

fn cross_signer(key: &Option<CrossSigningKey>) -> Vec<(String, [u8; 32])> {
    let key = key.iter().filter_map(|key| {
        Some((format!("ed25519:{}", key.public_key), decode_key(&key.public_key)?))
    });
    key.collect()
}
