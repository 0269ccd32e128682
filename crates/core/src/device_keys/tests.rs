// SPDX-License-Identifier: Apache-2.0
//! Without these a forged or malformed key could be stored, and break or deceive other clients.

use super::*;
use crate::{json::Strictness, json::parse, sign::SigningKey, sign::verify_all};

const USER: &str = "@a:x.fr";

fn user() -> UserId {
    UserId::parse(USER).unwrap()
}

fn device() -> DeviceId {
    DeviceId::parse("DEV").unwrap()
}

fn key(seed: u8, version: &str) -> SigningKey {
    SigningKey::from_seed(version, &[seed; 32])
}

fn object(json: &str) -> Object {
    parse(json.as_bytes(), Strictness::Strict).unwrap().as_object().unwrap().clone()
}

fn signed(json: &str, key: &SigningKey) -> Object {
    let mut object = object(json);
    key.sign_json(&mut object, USER).unwrap();
    object
}

fn device_json(device_key: &SigningKey) -> String {
    format!(
        r#"{{"user_id":"{USER}","device_id":"DEV","algorithms":["m.olm"],"dehydrated":true,
            "keys":{{"ed25519:DEV":"{ed}","curve25519:DEV":"{ed}"}},"unsigned":{{"x":1}}}}"#,
        ed = device_key.public_base64()
    )
}

#[test]
fn device_keys_are_kept_with_the_signatures_that_verify() {
    let device_key = key(1, "DEV");
    let mut object = signed(&device_json(&device_key), &device_key);
    let self_signing = SigningKey::from_seed(&key(2, "").public_base64(), &[2; 32]);
    self_signing.sign_json(&mut object, USER).unwrap();
    key(3, "FORGED").sign_json(&mut object, USER).unwrap();
    key(3, "OTHER").sign_json(&mut object, "@b:x.fr").unwrap();
    let public = self_signing.public_base64();
    let checked = check_device_keys(&object, &user(), &device(), Some(&public)).unwrap();
    assert_eq!(checked.ed25519, decode_key(&device_key.public_base64()));
    assert!(checked.json.contains(r#""dehydrated":true"#), "unknown members stay");
    assert!(!checked.json.contains("unsigned"));
    assert!(checked.json.contains(&format!("ed25519:{public}")));
    assert!(!checked.json.contains("FORGED") && !checked.json.contains("@b:x.fr"));
    let checked = check_device_keys(&object, &user(), &device(), None).unwrap();
    assert!(!checked.json.contains(&format!("\"ed25519:{public}\"")));
}

#[test]
fn device_keys_of_the_wrong_shape_are_refused() {
    let device_key = key(1, "DEV");
    let good = device_json(&device_key);
    let refused = |json: &str, word: &str| {
        let object = signed(json, &device_key);
        let error = check_device_keys(&object, &user(), &device(), None).unwrap_err().to_string();
        assert!(error.contains(word), "{word}: {error}");
    };
    refused(&good.replace(r#""user_id":"@a:x.fr""#, r#""user_id":"@b:x.fr""#), "user_id");
    refused(&good.replace(r#""user_id":"@a:x.fr","#, ""), "user_id");
    refused(&good.replace(r#""device_id":"DEV""#, r#""device_id":"DEW""#), "device_id");
    refused(&good.replace(r#"["m.olm"]"#, r#"["m.olm",1]"#), "algorithms");
    refused(&good.replace(r#"["m.olm"]"#, r#"{}"#), "algorithms");
    refused(&good.replace("ed25519:DEV", "ed25519"), "not named");
    refused(&good.replace("curve25519:DEV", ":DEV"), "not named");
    refused(&good.replace("\"curve25519:DEV\":", "\"curve25519:DEV\":1,\"x:y\":"), "malformed");
    refused(&good.replace(r#""m.olm""#, &format!("{:?}", "a".repeat(70_000))), "too large");
}

/// Keys of whatever kind a client has may be published, but no signature that nobody can verify.
#[test]
fn without_a_usable_key_no_signature_is_kept() {
    let device_key = key(1, "DEV");
    let good = device_json(&device_key);
    let public = device_key.public_base64();
    for unusable in [
        good.replace(&public, "base64"),
        good.replace("ed25519:DEV", "ed25519:DEW"),
        good.replace("ed25519:DEV", "x:DEV"),
    ] {
        let object = signed(&unusable, &device_key);
        let checked = check_device_keys(&object, &user(), &device(), None).unwrap();
        assert_eq!(checked.ed25519, None, "{unusable}");
        assert!(checked.json.contains(r#""signatures":{}"#), "{}", checked.json);
    }
}

#[test]
fn a_device_has_to_sign_its_own_keys() {
    let device_key = key(1, "DEV");
    let json = device_json(&device_key);
    for (object, why) in [
        (object(&json), VerifyError::Missing),
        (signed(&json, &key(2, "DEV")), VerifyError::Mismatch),
    ] {
        let error = check_device_keys(&object, &user(), &device(), None).unwrap_err();
        let key = "ed25519:DEV".to_owned();
        let what = "the device keys".to_owned();
        assert_eq!(error, KeyRefusal::Signature { what, key, why });
    }
}

#[test]
fn one_time_keys() {
    let device_key = key(1, "DEV");
    let public = decode_key(&device_key.public_base64()).unwrap();
    let json = format!(r#"{{"key":"{}","fallback":true}}"#, device_key.public_base64());
    let check = |name: &str, value: &Value| check_one_time_key(name, value, &user(), &device());
    let good = Value::Object(signed(&json, &device_key));
    let (checked, signature) = check("signed_curve25519:AAAA", &good).unwrap();
    assert_eq!((&*checked.algorithm, &*checked.key_id), ("signed_curve25519", "AAAA"));
    assert_eq!(checked.json, good.to_canonical());
    let signature = signature.unwrap();
    let forged = Value::Object(signed(&json, &key(2, "DEV")));
    let forged = check("signed_curve25519:AAAB", &forged).unwrap().1.unwrap();
    assert_eq!(verify_all(&[signature.clone(), signature.clone()], &public), Ok(()));
    let outcome = verify_all(&[signature.clone(), signature, forged.clone()], &public);
    assert_eq!(outcome, Err((2, VerifyError::Mismatch)));
    assert_eq!(verify_all(&[forged], &public), Err((0, VerifyError::Mismatch)));

    let bare: Value = device_key.public_base64().into();
    assert!(check("curve25519:AAAA", &bare).unwrap().1.is_none());
    for (name, value) in [
        ("signed_curve25519:A", bare.clone()),
        ("curve25519:A", "AAAA".into()),
        ("curve25519", bare.clone()),
        (":A", bare.clone()),
        ("curve25519:", bare),
        ("signed_curve25519:A", Value::Object(object(&json))),
        ("signed_curve25519:A", Value::Object(signed("{}", &device_key))),
        ("signed_curve25519:A", Value::Object(signed(r#"{"key":"AAAA"}"#, &device_key))),
        ("signed_curve25519:A", Value::Null),
    ] {
        assert!(check(name, &value).is_err(), "{name} {value:?}");
    }
}

fn cross_signing(usage: &str, key: &SigningKey) -> String {
    let public = key.public_base64();
    format!(
        r#"{{"user_id":"{USER}","usage":["{usage}"],"keys":{{"ed25519:{public}":"{public}"}}}}"#
    )
}

#[test]
fn cross_signing_keys_are_signed_by_the_master_key() {
    let master_public = key(4, "").public_base64();
    let master = SigningKey::from_seed(&master_public, &[4; 32]);
    let json = cross_signing("self_signing", &key(5, ""));
    let check = |object: &Object, master: Option<&str>| {
        check_cross_signing_key(object, &user(), KeyUsage::SelfSigning, master, &[])
    };
    let good = signed(&json, &master);
    let checked = check(&good, Some(&master_public)).unwrap();
    assert_eq!(checked.public_key, key(5, "").public_base64());
    assert!(check(&good, None).is_err(), "no master key");
    assert!(check(&object(&json), Some(&master_public)).is_err(), "not signed");
    let forged = SigningKey::from_seed(&master_public, &[6; 32]);
    assert!(check(&signed(&json, &forged), Some(&master_public)).is_err(), "forged");
    for (from, to) in [("self_signing", "master"), ("@a:x.fr", "@b:x.fr"), ("\"ed25519:", "\"x:")] {
        assert!(check(&signed(&json.replace(from, to), &master), Some(&master_public)).is_err());
    }
}

#[test]
fn a_master_key_keeps_good_signatures_of_devices_and_is_refused_with_forged_ones() {
    let json = cross_signing("master", &key(4, ""));
    let devices = [("ed25519:DEV".to_owned(), decode_key(&key(1, "").public_base64()).unwrap())];
    let check = |object: &Object| {
        check_cross_signing_key(object, &user(), KeyUsage::Master, None, &devices)
    };
    let unsigned = check(&object(&json)).unwrap().json;
    assert!(!unsigned.contains("signatures"), "it comes back as it was given: {unsigned}");
    let empty = json.replacen('{', r#"{"signatures":{},"#, 1);
    assert!(check(&object(&empty)).unwrap().json.contains(r#""signatures":{},"#));
    assert!(check(&signed(&json, &key(1, "DEV"))).unwrap().json.contains("ed25519:DEV"));
    assert!(!check(&signed(&json, &key(1, "GONE"))).unwrap().json.contains("ed25519:GONE"));
    assert!(check(&signed(&json, &key(2, "DEV"))).is_err());
}

#[test]
fn one_key_named_after_itself() {
    let public = key(1, "").public_base64();
    let single = |json: &str| single_key(&object(json)).is_some();
    assert!(single(&format!(r#"{{"keys":{{"ed25519:{public}":"{public}"}}}}"#)));
    assert!(!single(&format!(r#"{{"keys":{{"ed25519:{public}":"{public}","x:y":"z"}}}}"#)));
    assert!(!single(&format!(r#"{{"keys":{{"ed25519:AAAA":"{public}"}}}}"#)));
    assert!(!single(r#"{"keys":{"ed25519:AAAA":"AAAA"}}"#));
    assert!(!single(r#"{"keys":{}}"#) && !single("{}"));
}
