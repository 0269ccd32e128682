// SPDX-License-Identifier: Apache-2.0
//! The public keys of other servers, and from when to when they count (Server-Server API,
//! "Retrieving server keys"; room version 5, "Signing key validity period").

use std::collections::BTreeMap;

use base64::Engine as _;

use super::{BASE64, verify_json};
use crate::{
    event::KeyLookup,
    json::{Object, Value},
    limits::{SERVER_KEY_VALIDITY_MS_MAX, SERVER_KEYS_MAX},
};

/// One public key of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyKey {
    /// The ed25519 public key.
    pub public: [u8; 32],
    /// The last time in ms at which it counts: `valid_until_ts`, never more than seven days after
    /// it was fetched, or `expired_ts` of an old key.
    pub valid_until_ms: i64,
}

/// Why an answer with a server's keys is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeysError {
    /// It is about another server than the one that was asked.
    #[error("the keys are another server's")]
    OtherServer,
    /// A member is missing or malformed.
    #[error("`{0}` is missing or malformed")]
    Member(&'static str),
    /// More keys than any server needs.
    #[error("there are more than {SERVER_KEYS_MAX} keys")]
    TooMany,
    /// None of the keys in it signed it, or one did so wrongly.
    #[error("the keys are not signed by themselves")]
    Unsigned,
}

/// Keys of servers, by server and key id.
#[derive(Debug, Clone, Default)]
pub struct VerifyKeys {
    servers: BTreeMap<Box<str>, BTreeMap<Box<str>, VerifyKey>>,
}

impl VerifyKeys {
    /// No keys.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets one key.
    pub fn insert(&mut self, server: &str, key_id: &str, key: VerifyKey) {
        self.servers.entry(server.into()).or_default().insert(key_id.into(), key);
    }

    /// A key, whether it still counts or not.
    #[must_use]
    pub fn get(&self, server: &str, key_id: &str) -> Option<&VerifyKey> {
        self.servers.get(server)?.get(key_id)
    }

    /// Takes the keys of a `GET /_matrix/key/v2/server` answer, or of one such object in a notary's
    /// answer, that was fetched at `now_ms`. Keys known before stay, for old events need them.
    ///
    /// # Errors
    /// When the object is malformed, is about another server, or is not signed by its own keys.
    /// Nothing changes then.
    pub fn add_server_keys(
        &mut self,
        server: &str,
        answer: &Object,
        now_ms: i64,
    ) -> Result<(), KeysError> {
        if answer.get("server_name").and_then(Value::as_str) != Some(server) {
            return Err(KeysError::OtherServer);
        }
        let wrong = KeysError::Member;
        let until = answer.get("valid_until_ts").and_then(Value::as_integer);
        let until = until.ok_or(wrong("valid_until_ts"))?;
        let until = until.min(now_ms.saturating_add(SERVER_KEY_VALIDITY_MS_MAX));
        let current = answer.get("verify_keys").and_then(Value::as_object);
        let current = current.ok_or(wrong("verify_keys"))?;
        let empty = Object::new();
        let old = answer.get("old_verify_keys").map_or(Some(&empty), Value::as_object);
        let old = old.ok_or(wrong("old_verify_keys"))?;
        if current.len() + old.len() > SERVER_KEYS_MAX {
            return Err(KeysError::TooMany);
        }
        let mut keys = Vec::new();
        for (key_id, entry) in current.iter().filter(|(id, _)| id.starts_with("ed25519:")) {
            let public = public_key(entry).ok_or(wrong("verify_keys"))?;
            keys.push((key_id, VerifyKey { public, valid_until_ms: until }));
        }
        check_signatures(server, answer, &keys)?;
        for (key_id, entry) in old.iter().filter(|(id, _)| id.starts_with("ed25519:")) {
            let public = public_key(entry).ok_or(wrong("old_verify_keys"))?;
            let expired = entry.as_object().and_then(|entry| entry.get("expired_ts"));
            let expired = expired.and_then(Value::as_integer).ok_or(wrong("expired_ts"))?;
            keys.push((key_id, VerifyKey { public, valid_until_ms: expired }));
        }
        for (key_id, key) in keys {
            self.insert(server, key_id, key);
        }
        Ok(())
    }
}

impl KeyLookup for VerifyKeys {
    fn public_key(&self, server: &str, key_id: &str, valid_at_ms: Option<i64>) -> Option<Vec<u8>> {
        let key = self.get(server, key_id)?;
        let valid = valid_at_ms.is_none_or(|at| at <= key.valid_until_ms);
        valid.then(|| key.public.to_vec())
    }
}

fn public_key(entry: &Value) -> Option<[u8; 32]> {
    let text = entry.as_object()?.get("key")?.as_str()?;
    BASE64.decode(text).ok()?.try_into().ok()
}

/// At least one of the keys signed the answer, and none did so wrongly.
fn check_signatures(
    server: &str,
    answer: &Object,
    keys: &[(&String, VerifyKey)],
) -> Result<(), KeysError> {
    let mut signed = false;
    for (key_id, key) in keys {
        match verify_json(answer, server, key_id, &key.public) {
            Ok(()) => signed = true,
            Err(super::VerifyError::Missing) => {}
            Err(_) => return Err(KeysError::Unsigned),
        }
    }
    if signed { Ok(()) } else { Err(KeysError::Unsigned) }
}

#[cfg(test)]
mod tests;
