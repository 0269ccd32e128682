// SPDX-License-Identifier: Apache-2.0
//! A client that has keys and signs with them.

use estafette_core::{
    ids::{DeviceId, UserId},
    json::{Object, Strictness, parse},
    sign::SigningKey,
};
use estafette_store::{
    OauthStore as _,
    accounts::{TokenHash, TokenPair},
    oauth::{CodeExchange, GrantOutcome, NewCode, OauthClient},
};
use http::StatusCode;
use serde_json::{Value, json};

use crate::testing::{PASSWORD, TestServer};

/// A device of a user, logged in, with an ed25519 key.
pub(crate) struct TestDevice<'s> {
    server: &'s TestServer,
    token: String,
    user_id: String,
    pub(crate) device_id: String,
    pub(crate) key: SigningKey,
}

/// A key of its own for each `name`, known as `ed25519:<version>`.
pub(crate) fn key(name: &str, version: &str) -> SigningKey {
    let mut seed = [0; 32];
    for (byte, letter) in seed.iter_mut().zip(name.bytes()) {
        *byte = letter;
    }
    SigningKey::from_seed(version, &seed)
}

/// A cross-signing key that names itself after its public half.
pub(crate) fn cross_key(name: &str) -> SigningKey {
    key(name, &key(name, "").public_base64())
}

/// `object` with a signature more.
pub(crate) fn signed(object: &Value, by: &str, key: &SigningKey) -> Value {
    let parsed = parse(object.to_string().as_bytes(), Strictness::Strict).unwrap();
    let mut object: Object = parsed.as_object().unwrap().clone();
    key.sign_json(&mut object, by).unwrap();
    (&estafette_core::json::Value::Object(object)).into()
}

impl<'s> TestDevice<'s> {
    /// A new device of a user, who is registered if need be.
    pub(crate) async fn log_in(server: &'s TestServer, name: &str, device_id: &str) -> Self {
        let account = json!({
            "username": name, "password": PASSWORD, "inhibit_login": true,
            "auth": { "type": "m.login.dummy" },
        });
        let (_, answer) = server.request("POST", "/v3/register", "", account).await;
        assert!(matches!(answer["errcode"].as_str(), None | Some("M_USER_IN_USE")), "{answer}");
        let answer = server.login(name, device_id).await;
        let text = |member: &str| answer[member].as_str().unwrap().to_owned();
        let key = key(&format!("{name} {device_id}"), device_id);
        let (token, user_id) = (text("access_token"), text("user_id"));
        Self { server, token, user_id, device_id: device_id.to_owned(), key }
    }

    /// Logs in on the same device by an authorisation code of the OAuth 2.0 API.
    pub(crate) async fn become_oauth_device(&mut self) {
        let store = &self.server.server.store;
        let client = OauthClient { client_id: "client".into(), metadata: "{}".into() };
        store.put_oauth_client(client, 0).await.unwrap();
        let code = NewCode {
            code: TokenHash::of("code"),
            user_id: UserId::parse(&self.user_id).unwrap(),
            client_id: "client".into(),
            redirect_uri: "https://app.fr/".into(),
            scope: String::new(),
            device_id: DeviceId::parse(&self.device_id).unwrap(),
            device_name: None,
            code_challenge: "challenge".into(),
            expires_ms: 1,
        };
        store.put_code(code, 0).await.unwrap();
        self.token = "a token of the OAuth 2.0 API".into();
        let access = TokenHash::of(&self.token);
        let exchange = CodeExchange {
            code: TokenHash::of("code"),
            client_id: "client".into(),
            redirect_uri: "https://app.fr/".into(),
            code_challenge: "challenge".into(),
            tokens: TokenPair { access, expires_ms: None, refresh: None },
            now_ms: 0,
        };
        let outcome = store.exchange_code(exchange).await.unwrap();
        assert!(matches!(outcome, GrantOutcome::LoggedIn { .. }), "{outcome:?}");
    }

    pub(crate) fn user_id(&self) -> &str {
        &self.user_id
    }

    pub(crate) async fn call(&self, method: &str, path: &str, body: Value) -> (StatusCode, Value) {
        self.server.request(method, path, &self.token, body).await
    }

    /// The answer of a request that must succeed.
    pub(crate) async fn ok(&self, method: &str, path: &str, body: Value) -> Value {
        let (status, answer) = self.call(method, path, body).await;
        assert_eq!(status, StatusCode::OK, "{method} {path}: {answer}");
        answer
    }

    /// The error of a request that must fail.
    pub(crate) async fn fails(&self, method: &str, path: &str, body: Value) -> (u16, String) {
        let (status, answer) = self.call(method, path, body).await;
        (status.as_u16(), answer["errcode"].as_str().unwrap_or_default().to_owned())
    }

    pub(crate) fn sign(&self, object: &Value) -> Value {
        signed(object, self.user_id(), &self.key)
    }

    pub(crate) fn unsigned_device_keys(&self) -> Value {
        json!({
            "user_id": self.user_id(),
            "device_id": self.device_id,
            "algorithms": ["m.olm.v1.curve25519-aes-sha2", "m.megolm.v1.aes-sha2"],
            "keys": { self.key.key_id(): self.key.public_base64() },
        })
    }

    pub(crate) fn device_keys(&self) -> Value {
        self.sign(&self.unsigned_device_keys())
    }

    /// A signed one-time key; each number has a public key of its own.
    pub(crate) fn one_time_key(&self, number: usize) -> Value {
        let public = key(&format!("{} otk {number}", self.device_id), "").public_base64();
        self.sign(&json!({ "key": public }))
    }

    /// `one_time_keys` with these numbers.
    pub(crate) fn one_time_keys(&self, numbers: impl IntoIterator<Item = usize>) -> Value {
        numbers
            .into_iter()
            .map(|number| (format!("signed_curve25519:K{number}"), self.one_time_key(number)))
            .collect()
    }

    pub(crate) async fn upload(&self, body: Value) -> Value {
        self.ok("POST", "/v3/keys/upload", body).await
    }

    pub(crate) async fn upload_device_keys(&self) {
        self.upload(json!({ "device_keys": self.device_keys() })).await;
    }

    pub(crate) async fn query(&self, users: &[&str]) -> Value {
        let users: Value = users.iter().map(|user| ((*user).to_owned(), json!([]))).collect();
        self.ok("POST", "/v3/keys/query", json!({ "device_keys": users })).await
    }

    /// `name` of the claimed key of one device, if there was one.
    pub(crate) async fn claim(&self, of: &TestDevice<'_>) -> Option<String> {
        let wish = json!({ of.user_id(): { &of.device_id: "signed_curve25519" } });
        let answer = self.ok("POST", "/v3/keys/claim", json!({ "one_time_keys": wish })).await;
        let keys = answer["one_time_keys"][of.user_id()][&of.device_id].as_object()?;
        assert_eq!(keys.len(), 1);
        keys.keys().next().cloned()
    }

    /// An immediate sync from a token, or from the start.
    pub(crate) async fn sync(&self, since: Option<&Value>) -> Value {
        let since = since.and_then(Value::as_str).map_or(String::new(), |s| format!("?since={s}"));
        self.ok("GET", &format!("/v3/sync{since}"), Value::Null).await
    }

    /// The public half of a cross-signing key of this user, unsigned.
    pub(crate) fn cross_signing_key(&self, usage: &str, key: &SigningKey) -> Value {
        let public = key.public_base64();
        let keys = json!({ format!("ed25519:{public}"): public });
        json!({ "user_id": self.user_id(), "usage": [usage], "keys": keys })
    }

    /// All three cross-signing keys of a generation, as a body of `/keys/device_signing/upload`.
    pub(crate) fn cross_signing(&self, generation: &str) -> Value {
        let name = |usage: &str| cross_key(&format!("{} {usage}{generation}", self.user_id()));
        let master = name("m");
        let by_master = |usage: &str, key| {
            signed(&self.cross_signing_key(usage, &key), self.user_id(), &master)
        };
        json!({
            "master_key": self.cross_signing_key("master", &master),
            "self_signing_key": by_master("self_signing", name("s")),
            "user_signing_key": by_master("user_signing", name("u")),
        })
    }
}
