// SPDX-License-Identifier: Apache-2.0
//! Without these somebody else's key could pass for a server's, or a stolen one count for ever.

use super::*;
use crate::{
    json::{Strictness, parse},
    sign::{SigningKey, specification_key},
};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

fn answer(server: &str, until: i64, more: &str, key: &SigningKey) -> Object {
    let text = format!(
        r#"{{"server_name":"{server}","valid_until_ts":{until},
        "verify_keys":{{"ed25519:1":{{"key":"{}"}},"other:x":7}}{more}}}"#,
        specification_key().public_base64()
    );
    let parsed = parse(text.as_bytes(), Strictness::Strict).unwrap();
    let mut object = parsed.as_object().unwrap().clone();
    key.sign_json(&mut object, server).unwrap();
    object
}

fn added(object: &Object) -> Result<VerifyKeys, KeysError> {
    let mut keys = VerifyKeys::new();
    keys.add_server_keys("y.fr", object, 1_000).map(|()| keys)
}

#[test]
fn keys_count_until_they_say_and_never_beyond_seven_days() {
    let keys = added(&answer("y.fr", 5_000, "", &specification_key())).unwrap();
    assert!(keys.public_key("y.fr", "ed25519:1", Some(5_000)).is_some());
    assert!(keys.public_key("y.fr", "ed25519:1", Some(5_001)).is_none());
    assert!(keys.public_key("y.fr", "ed25519:1", None).is_some(), "versions 1 to 4");
    assert!(keys.public_key("y.fr", "ed25519:2", None).is_none());
    assert!(keys.public_key("z.fr", "ed25519:1", None).is_none());
    let long = added(&answer("y.fr", 1_000 * DAY_MS, "", &specification_key())).unwrap();
    let last = 1_000 + 7 * DAY_MS;
    assert!(long.public_key("y.fr", "ed25519:1", Some(last)).is_some());
    assert!(long.public_key("y.fr", "ed25519:1", Some(last + 1)).is_none());
}

#[test]
fn old_keys_count_for_old_events() {
    let old = format!(
        r#","old_verify_keys":{{"ed25519:0":{{"key":"{}","expired_ts":900}}}}"#,
        specification_key().public_base64()
    );
    let keys = added(&answer("y.fr", 5_000, &old, &specification_key())).unwrap();
    assert!(keys.public_key("y.fr", "ed25519:0", Some(900)).is_some());
    assert!(keys.public_key("y.fr", "ed25519:0", Some(901)).is_none());
    let unsaid = old.replace(",\"expired_ts\":900", "");
    let refused = added(&answer("y.fr", 5_000, &unsaid, &specification_key()));
    assert_eq!(refused.err(), Some(KeysError::Member("expired_ts")));
}

#[test]
fn keys_that_nobody_vouches_for() {
    let good = answer("y.fr", 5_000, "", &specification_key());
    let other = SigningKey::from_seed("1", &[7; 32]);
    assert_eq!(
        added(&answer("y.fr", 5_000, "", &other)).err(),
        Some(KeysError::Unsigned),
        "signed by another key of the same name"
    );
    let stranger = SigningKey::from_seed("9", &[7; 32]);
    assert_eq!(added(&answer("y.fr", 5_000, "", &stranger)).err(), Some(KeysError::Unsigned));
    assert_eq!(
        added(&answer("z.fr", 5_000, "", &specification_key())).err(),
        Some(KeysError::OtherServer)
    );
    for (member, error) in [
        ("valid_until_ts", KeysError::Member("valid_until_ts")),
        ("verify_keys", KeysError::Member("verify_keys")),
        ("server_name", KeysError::OtherServer),
        ("signatures", KeysError::Unsigned),
    ] {
        let mut bad = good.clone();
        bad.remove(member);
        assert_eq!(added(&bad).err(), Some(error));
    }
    let mut changed = good.clone();
    changed.insert("valid_until_ts".into(), 6_000.into());
    assert_eq!(added(&changed).err(), Some(KeysError::Unsigned));
    let mut short = good;
    short.insert(
        "verify_keys".into(),
        Value::from([("ed25519:1", Value::from([("key", "AAAA".into())]))]),
    );
    assert_eq!(added(&short).err(), Some(KeysError::Member("verify_keys")));
}

#[test]
fn how_many_keys_there_may_be() {
    let public = specification_key().public_base64();
    let many = |count: usize| {
        let keys: Vec<_> = (0..count)
            .map(|n| format!(r#""ed25519:o{n}":{{"key":"{public}","expired_ts":1}}"#))
            .collect();
        let old = format!(r#","old_verify_keys":{{{}}}"#, keys.join(","));
        added(&answer("y.fr", 5_000, &old, &specification_key())).map(|_| ())
    };
    // Two stand in `verify_keys`.
    assert_eq!(many(SERVER_KEYS_MAX - 2), Ok(()));
    assert_eq!(many(SERVER_KEYS_MAX - 1), Err(KeysError::TooMany));
}
