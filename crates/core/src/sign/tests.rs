// SPDX-License-Identifier: Apache-2.0
//! Without these other servers would refuse what we sign, or we would accept what nobody signed.

use super::*;
use crate::json::{Strictness, parse};

/// The key of the specification's vectors (Appendices, "Cryptographic Test Vectors").
fn key() -> SigningKey {
    crate::sign::specification_key()
}

fn object(text: &str) -> Object {
    match parse(text.as_bytes(), Strictness::Strict).unwrap() {
        Value::Object(object) => object,
        _ => panic!("no object"),
    }
}

#[test]
fn the_specification_s_vectors() {
    for (text, signature) in [
        (
            "{}",
            "K8280/U9SSy9IVtjBuVeLr+HpOB4BQFWbg+UZaADMtTdGYI7Geitb76LTrr5QV/7Xg4ahLwYGYZzuHGZKM5ZAQ",
        ),
        (
            r#"{"one": 1, "two": "Two"}"#,
            "KqmLSbO39/Bzb0QIYE82zqLwsA+PDzYIpIRA2sRQ4sL53+sN6/fpNSoqE7BP7vBZhG6kYdD13EIMJpvhJI+6Bw",
        ),
    ] {
        let mut object = object(text);
        key().sign_json(&mut object, "domain").unwrap();
        let made = object["signatures"].as_object().unwrap()["domain"].as_object().unwrap();
        assert_eq!(made["ed25519:1"].as_str(), Some(signature));
        let public = BASE64.decode(key().public_base64()).unwrap();
        assert_eq!(verify_json(&object, "domain", "ed25519:1", &public), Ok(()));
        assert_eq!(verify_json(&object, "other", "ed25519:1", &public), Err(VerifyError::Missing));
        object.insert("more".into(), Value::Null);
        assert_eq!(
            verify_json(&object, "domain", "ed25519:1", &public),
            Err(VerifyError::Mismatch)
        );
    }
}

#[test]
fn events_are_not_signed_by_the_door_for_objects() {
    let mut event = object(r#"{"auth_events":[],"type":"m.room.member"}"#);
    assert_eq!(key().sign_json(&mut event, "domain"), Err(NotSigned));
}

#[test]
fn the_secret_is_not_printed() {
    assert_eq!(format!("{:?}", key()), "SigningKey(ed25519:1)");
}
