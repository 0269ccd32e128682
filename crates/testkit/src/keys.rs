// SPDX-License-Identifier: Apache-2.0
//! Device keys and one-time keys, really signed, made before a measurement begins.

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use ed25519_dalek::{Signer, SigningKey};
use serde_json::{Map, Value, json};

use crate::{matrix::Account, random::Random};

/// A device's signing key and what it has uploaded.
#[derive(Debug)]
pub struct DeviceKeys {
    account: Account,
    signing: SigningKey,
    random: Random,
    made: u64,
}

impl DeviceKeys {
    /// Keys of one device, the same for the same seed.
    pub fn new(account: &Account, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mut secret = [0; 32];
        secret.copy_from_slice(&random.bytes(32));
        let signing = SigningKey::from_bytes(&secret);
        Self { account: account.clone(), signing, random, made: 0 }
    }

    /// The body of `POST /keys/upload` with the device's keys and `one_time` one-time keys.
    pub fn upload(&mut self, one_time: usize) -> Value {
        let device_id = &self.account.device_id;
        let identity = STANDARD_NO_PAD.encode(self.signing.verifying_key().as_bytes());
        let curve = STANDARD_NO_PAD.encode(self.random.bytes(32));
        let mut device = json!({
            "user_id": self.account.user_id,
            "device_id": device_id,
            "algorithms": ["m.olm.v1.curve25519-aes-sha2", "m.megolm.v1.aes-sha2"],
            "keys": {
                format!("curve25519:{device_id}"): curve,
                format!("ed25519:{device_id}"): identity,
            },
        });
        self.sign(&mut device);
        json!({"device_keys": device, "one_time_keys": self.one_time_keys(one_time)})
    }

    /// Further one-time keys, each with an id never used before by this device.
    pub fn one_time_keys(&mut self, count: usize) -> Map<String, Value> {
        let mut keys = Map::new();
        for _ in 0..count {
            let mut key = json!({"key": STANDARD_NO_PAD.encode(self.random.bytes(32))});
            self.sign(&mut key);
            keys.insert(format!("signed_curve25519:K{:06}", self.made), key);
            self.made += 1;
        }
        keys
    }

    /// Signs an object; its compact form with sorted keys is canonical for what is made here.
    fn sign(&self, object: &mut Value) {
        let signature = self.signing.sign(object.to_string().as_bytes());
        let signature = STANDARD_NO_PAD.encode(signature.to_bytes());
        let Account { user_id, device_id, .. } = &self.account;
        if let Some(fields) = object.as_object_mut() {
            fields.insert(
                "signatures".to_owned(),
                json!({user_id: {format!("ed25519:{device_id}"): signature}}),
            );
        }
    }
}
