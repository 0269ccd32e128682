// SPDX-License-Identifier: Apache-2.0
//! Signed tokens: whose signature, and what was signed (RFC 7515, 7517, 7519, 8725).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{
    Algorithm, DecodingKey, Validation, decode, decode_header,
    jwk::{Jwk, PublicKeyUse},
};
use serde_json::{Map, Value};

/// The algorithms that are accepted; `none` and shared secrets never (RFC 8725, section 3.1).
const ALGORITHMS: &[Algorithm] = &[Algorithm::RS256, Algorithm::ES256];

/// Why a token is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum SignatureError {
    /// It is no signed token, or of another algorithm.
    #[error("it is no token, or its algorithm is not accepted")]
    Malformed,
    /// None of the provider's keys has its name.
    #[error("its key is unknown")]
    UnknownKey,
    /// No key of the provider made the signature.
    #[error("its signature is wrong")]
    Wrong,
}

/// What was signed, once it is proven that one of `keys` signed it.
pub(super) fn verify(token: &str, keys: &[Jwk]) -> Result<Map<String, Value>, SignatureError> {
    let header = decode_header(token).map_err(|_| SignatureError::Malformed)?;
    if !ALGORITHMS.contains(&header.alg) || demands_more(token) {
        return Err(SignatureError::Malformed);
    }
    let named = |key: &&Jwk| header.kid.is_none() || key.common.key_id == header.kid;
    let signs = |key: &&Jwk| !matches!(key.common.public_key_use, Some(PublicKeyUse::Encryption));
    let mut found = SignatureError::UnknownKey;
    for key in keys.iter().filter(named).filter(signs) {
        found = SignatureError::Wrong;
        let Ok(key) = DecodingKey::from_jwk(key) else { continue };
        if let Ok(token) = decode::<Map<String, Value>>(token, &key, &signature_alone(header.alg)) {
            return Ok(token.claims);
        }
    }
    Err(found)
}

/// Whether the header has extensions that must be understood: none is here (RFC 7515, section
/// 4.1.11).
fn demands_more(token: &str) -> bool {
    let header = token.split('.').next().unwrap_or_default();
    let header = URL_SAFE_NO_PAD.decode(header).unwrap_or_default();
    let header: Map<String, Value> = serde_json::from_slice(&header).unwrap_or_default();
    header.contains_key("crit")
}

/// Claims are checked by ourselves, against our own clock.
fn signature_alone(algorithm: Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation
}
