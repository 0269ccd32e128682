// SPDX-License-Identifier: Apache-2.0
//! `POST /_matrix/client/v3/keys/query`
//! (<https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3keysquery>).

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use axum::{extract::State, response::Response};
use estafette_core::ids::UserId;
use estafette_store::{
    KeyStore as _,
    keys::{CrossSigningKey, KeySignature, UserKeys},
};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{is_local, parse_user, write_failures};
use crate::{
    ApiResult, Shared,
    auth::Requester,
    http::{Json, json_response},
    sync::writer::ObjectWriter,
};

/// The body. `timeout` bounds what is asked of other servers.
#[derive(Debug, Deserialize)]
pub(super) struct QueryBody {
    device_keys: BTreeMap<String, Vec<String>>,
}

/// Answers from memory what users of this server have published. Users of other servers are in
/// `failures`: an old copy is never given as a fresh one.
pub(super) async fn query(
    State(server): State<Shared>,
    requester: Requester,
    Json(body): Json<QueryBody>,
) -> ApiResult<Response> {
    let mut failures = BTreeSet::new();
    let mut users = Vec::with_capacity(body.device_keys.len());
    let mut wanted = Vec::with_capacity(body.device_keys.len());
    for (name, devices) in body.device_keys {
        let user_id = parse_user(&name)?;
        if is_local(&server, &user_id) {
            users.push(user_id);
            wanted.push(devices);
        } else {
            failures.insert(user_id.server_name().to_owned());
        }
    }
    let keys = server.store.user_keys(&users).await?;
    let signatures = server.store.signatures_by(&requester.user_id).await?;
    let published = Published { requester: &requester.user_id, users, keys, wanted, signatures };
    let mut json = String::with_capacity(2048 * published.users.len());
    let mut answer = ObjectWriter::open(&mut json);
    published.write_devices(&mut answer);
    published.write_keys(&mut answer, "master_keys", |keys| &keys.master);
    published.write_keys(&mut answer, "self_signing_keys", |keys| &keys.self_signing);
    published.write_own_user_signing(&mut answer);
    write_failures(&mut answer, &failures);
    answer.close();
    Ok(json_response(StatusCode::OK, json))
}

/// What was found, user by user.
struct Published<'a> {
    requester: &'a UserId,
    users: Vec<UserId>,
    keys: Vec<Arc<UserKeys>>,
    /// The devices asked for; none named means all.
    wanted: Vec<Vec<String>>,
    /// What the requester signed of other users: for the requester's eyes alone.
    signatures: Arc<Vec<KeySignature>>,
}

impl Published<'_> {
    fn write_devices(&self, answer: &mut ObjectWriter<'_>) {
        let mut all = answer.object("device_keys");
        for ((user_id, keys), wanted) in self.users.iter().zip(&self.keys).zip(&self.wanted) {
            let mut devices = all.object(user_id.as_str());
            for device in &keys.devices {
                let id = device.device_id.as_str();
                if wanted.is_empty() || wanted.iter().any(|wanted| wanted == id) {
                    devices.raw(id, &device.json);
                }
            }
            devices.close();
        }
        all.close();
    }

    fn write_keys(
        &self,
        answer: &mut ObjectWriter<'_>,
        name: &str,
        key: impl Fn(&UserKeys) -> &Option<CrossSigningKey>,
    ) {
        let mut all = answer.object(name);
        for (user_id, keys) in self.users.iter().zip(&self.keys) {
            if let Some(key) = key(keys) {
                match self.with_requesters_signatures(user_id, key) {
                    Some(json) => all.raw(user_id.as_str(), &json),
                    None => all.raw(user_id.as_str(), &key.json),
                }
            }
        }
        all.close();
    }

    fn write_own_user_signing(&self, answer: &mut ObjectWriter<'_>) {
        let mut all = answer.object("user_signing_keys");
        let own = self.users.iter().zip(&self.keys).find(|(user, _)| *user == self.requester);
        if let Some((user_id, keys)) = own
            && let Some(key) = &keys.user_signing
        {
            all.raw(user_id.as_str(), &key.json);
        }
        all.close();
    }

    /// The key with what the requester signed of it; `None` when that is nothing.
    fn with_requesters_signatures(&self, owner: &UserId, key: &CrossSigningKey) -> Option<String> {
        let mine = |signature: &&KeySignature| {
            signature.target == *owner && signature.target_key == key.public_key
        };
        let mut mine = self.signatures.iter().filter(mine).peekable();
        mine.peek()?;
        let mut object: Map<String, Value> = serde_json::from_str(&key.json).ok()?;
        let all = object.entry("signatures").or_insert_with(|| json!({})).as_object_mut()?;
        let by_requester =
            all.entry(self.requester.as_str()).or_insert_with(|| json!({})).as_object_mut()?;
        for signature in mine {
            by_requester.insert(signature.signing_key.clone(), signature.signature.clone().into());
        }
        Some(Value::from(object).to_string())
    }
}
