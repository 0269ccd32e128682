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

fn signed(count: usize) -> (Vec<SignedBytes>, [u8; 32]) {
    let key = specification_key();
    let public = BASE64.decode(key.public_base64()).unwrap().try_into().unwrap();
    let sign = |n: usize| {
        let bytes = format!("{{\"n\":{n}}}");
        let signature = BASE64.decode(key.sign_bytes(bytes.as_bytes())).unwrap();
        SignedBytes { bytes, signature: signature.try_into().unwrap() }
    };
    ((0..count).map(sign).collect(), public)
}

/// Without it a forged signature among good ones would be published.
#[test]
fn any_changed_bit_among_many_is_noticed_and_its_place_told() {
    let (good, public) = signed(9);
    assert_eq!(verify_all(&good, &public), Ok(()));
    for bit in 0..512 {
        let mut bad = good.clone();
        let at = bit % bad.len();
        bad[at].signature[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(verify_all(&bad, &public).unwrap_err().0, at, "bit {bit}");
    }
    let mut bad = good.clone();
    bad[4].bytes.push(' ');
    assert_eq!(verify_all(&bad, &public).unwrap_err().0, 4);
    bad = good.clone();
    bad.swap(0, 1);
    assert_eq!(verify_all(&bad, &public), Ok(()), "each is whole in itself");
    (bad[0].signature, bad[1].signature) = (bad[1].signature, bad[0].signature);
    assert_eq!(verify_all(&bad, &public).unwrap_err().0, 0);
}

/// Servers and clients have to agree on what is signed. A nonce with a part of small order passes
/// where the equation is multiplied by eight, or weighed together with others.
#[test]
fn a_nonce_with_a_part_of_small_order_is_refused_also_among_others() {
    use curve25519_dalek::{
        constants::{ED25519_BASEPOINT_TABLE, EIGHT_TORSION},
        scalar::Scalar,
    };
    use sha2::{Digest as _, Sha512};
    let (good, public) = signed(1);
    let seed = BASE64.decode("YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7kMW+3XA1").unwrap();
    let secret = ed25519_dalek::SigningKey::from_bytes(&seed.try_into().unwrap()).to_scalar();
    let forge = |n: u64, torsion: usize| {
        let bytes = format!("{{\"n\":{n}}}");
        let nonce = Scalar::from(n + 1);
        let point = &nonce * ED25519_BASEPOINT_TABLE + EIGHT_TORSION[torsion];
        let r = point.compress().to_bytes();
        let hash = Sha512::new_with_prefix(r).chain_update(public).chain_update(&bytes);
        let s = nonce + Scalar::from_bytes_mod_order_wide(&hash.finalize().into()) * secret;
        let signature = [r, s.to_bytes()].concat().try_into().unwrap();
        SignedBytes { bytes, signature }
    };
    assert_eq!(verify_all(&[good[0].clone(), forge(0, 0)], &public), Ok(()), "no part: it counts");
    for n in 0..64 {
        for torsion in 1..8 {
            let among = [good[0].clone(), forge(n, torsion)];
            assert_eq!(
                verify_all(&among, &public),
                Err((1, VerifyError::Mismatch)),
                "{n} {torsion}"
            );
        }
    }
}

/// A key of small order signs everything.
#[test]
fn keys_and_nonces_of_small_order_and_other_forms_are_refused() {
    let (good, public) = signed(1);
    let identity = {
        let mut bytes = [0; 32];
        bytes[0] = 1;
        bytes
    };
    // The same point, written with a y that is not reduced: p + 1.
    let other_form = {
        let mut bytes = [0xff; 32];
        bytes[0] = 0xee;
        bytes[31] = 0x7f;
        bytes
    };
    for (key, nonce) in
        [(identity, identity), (other_form, identity), (identity, other_form), (public, identity)]
    {
        let signature = [nonce, [0; 32]].concat().try_into().unwrap();
        let forged = SignedBytes { bytes: "anything".into(), signature };
        assert!(verify_bytes(b"anything", &forged.signature, &key).is_err());
        assert!(verify_all(&[good[0].clone(), forged], &key).is_err());
    }
}
