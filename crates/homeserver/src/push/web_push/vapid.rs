// SPDX-License-Identifier: Apache-2.0
//! Who pushes: one key for the life of the server, and a signed note for each request (RFC 8292).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use estafette_core::ids::ServerName;
use http::Uri;
use p256::{
    SecretKey,
    ecdsa::{Signature, SigningKey, signature::Signer as _},
};
use serde_json::json;
use zeroize::Zeroizing;

use crate::{
    clock::Random,
    config::Config,
    key_file::{KeyFileError, read_or_create},
};

/// The name of the key's file in the data folder. Every subscription is bound to this key: without
/// it, all of them have to be made again.
pub(crate) const KEY_FILE: &str = "webpush.key";
/// How long a note is good for; RFC 8292 allows a day.
const LIFETIME_S: i64 = 12 * 60 * 60;

/// The key by which push services know this server.
pub(crate) struct Vapid {
    key: SigningKey,
    public: String,
    subject: String,
}

impl Vapid {
    /// Reads the key in the data folder, or makes one there. Push services are told the server's
    /// URL, in case they have something to say about its pushes.
    pub(crate) fn open(
        config: &Config,
        server_name: &ServerName,
        random: &dyn Random,
    ) -> Result<Self, KeyFileError> {
        let subject = match config.public_base_url.as_str() {
            "" => format!("https://{server_name}"),
            url => url.to_owned(),
        };
        let path = config.data_dir.join(KEY_FILE);
        let text = read_or_create(&path, || {
            let secret = Zeroizing::new(fresh_key(random).to_bytes());
            Zeroizing::new(format!("p256 {}\n", URL_SAFE_NO_PAD.encode(*secret)))
        })?;
        let key = parse(&text).ok_or(KeyFileError::Malformed(path))?;
        let public = URL_SAFE_NO_PAD.encode(key.public_key().to_sec1_bytes());
        Ok(Self { key: SigningKey::from(&key), public, subject })
    }

    /// The public key: uncompressed, in unpadded URL-safe Base64.
    pub(crate) fn public(&self) -> &str {
        &self.public
    }

    /// The value of `Authorization` for a request to `target` (RFC 8292, sections 2 and 3).
    pub(super) fn authorization(&self, target: &Uri, now_ms: i64) -> String {
        let scheme = target.scheme_str().unwrap_or("https");
        let host = target.authority().map_or("", |authority| authority.as_str());
        let header = json!({ "typ": "JWT", "alg": "ES256" });
        let claims = json!({
            "aud": format!("{scheme}://{host}"),
            "exp": now_ms / 1_000 + LIFETIME_S,
            "sub": self.subject,
        });
        let part = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let signature: Signature = self.key.sign(signed.as_bytes());
        let signature = URL_SAFE_NO_PAD.encode(signature.to_bytes());
        format!("vapid t={signed}.{signature}, k={}", self.public)
    }
}

fn parse(text: &str) -> Option<SecretKey> {
    let mut words = text.split_ascii_whitespace();
    let ("p256", secret, None) = (words.next()?, words.next()?, words.next()) else { return None };
    let secret = Zeroizing::new(URL_SAFE_NO_PAD.decode(secret).ok()?);
    SecretKey::from_slice(&secret).ok()
}

/// A key nobody had before.
pub(super) fn fresh_key(random: &dyn Random) -> SecretKey {
    loop {
        let mut bytes = Zeroizing::new([0; 32]);
        random.fill(bytes.as_mut_slice());
        // All but one in 2^32 are keys.
        if let Ok(key) = SecretKey::from_slice(bytes.as_slice()) {
            return key;
        }
    }
}
