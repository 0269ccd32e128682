// SPDX-License-Identifier: Apache-2.0
//! Without these forged keys could be published, a one-time key could be given out twice, or a
//! device would not hear that somebody's keys changed.

pub(crate) mod device;
mod signing;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use self::device::{TestDevice, key};
use crate::testing::TestServer;

const CLAIM: &str = "/v3/keys/claim";
const UPLOAD: &str = "/v3/keys/upload";
const QUERY: &str = "/v3/keys/query";

async fn alice_and_bob(server: &TestServer) -> (TestDevice<'_>, TestDevice<'_>) {
    let alice = TestDevice::log_in(server, "alice", "ALICE").await;
    let bob = TestDevice::log_in(server, "bob", "BOB").await;
    (alice, bob)
}

fn invalid(errcode: &str) -> (u16, String) {
    (400, errcode.to_owned())
}

#[tokio::test]
async fn published_keys_can_be_queried() {
    let server = TestServer::start().await;
    let (alice, bob) = alice_and_bob(&server).await;
    let name = json!({ "display_name": "Phone" });
    alice.upload_device_keys().await;
    bob.query(&[alice.user_id()]).await;
    alice.ok("PUT", "/v3/devices/ALICE", name).await;
    let answer = bob.query(&[alice.user_id(), bob.user_id(), "@c:elsewhere.fr"]).await;
    let shown = &answer["device_keys"][alice.user_id()]["ALICE"];
    assert_eq!(shown["unsigned"]["device_display_name"], "Phone");
    let mut shown = shown.clone();
    shown.as_object_mut().unwrap().remove("unsigned");
    assert_eq!(shown, alice.device_keys());
    assert_eq!(answer["device_keys"][bob.user_id()], json!({}));
    assert_eq!(answer["failures"]["elsewhere.fr"]["errcode"], "M_UNREACHABLE");
    let ask = |devices: Value| json!({ "device_keys": { alice.user_id(): devices } });
    let one = bob.ok("POST", QUERY, ask(json!(["ALICE"]))).await;
    assert!(one["device_keys"][alice.user_id()]["ALICE"].is_object());
    let other = bob.ok("POST", QUERY, ask(json!(["OTHER"]))).await;
    assert_eq!(other["device_keys"][alice.user_id()], json!({}));
    for bad in [json!({}), json!({ "device_keys": [] }), ask(json!("ALICE"))] {
        assert_eq!(bob.fails("POST", QUERY, bad).await, invalid("M_BAD_JSON"));
    }
    let bad = json!({ "device_keys": { "alice": [] } });
    assert_eq!(bob.fails("POST", QUERY, bad).await, invalid("M_INVALID_PARAM"));
}

/// T-D5, CVE-2025-61672: nothing malformed is stored, whole uploads are refused.
#[tokio::test]
async fn device_keys_are_checked_before_they_are_stored() {
    let server = TestServer::start().await;
    let (alice, bob) = alice_and_bob(&server).await;
    let changed = |member: &str, value: Value| {
        let mut keys = alice.unsigned_device_keys();
        keys[member] = value;
        alice.sign(&keys)
    };
    let mut fraction = alice.device_keys();
    fraction["valid"] = json!(1.5);
    let number = json!({ "curve25519:ALICE": 1 });
    for (keys, errcode) in [
        (changed("user_id", json!("@bob:x.fr")), "M_INVALID_PARAM"),
        (changed("device_id", json!("BOB")), "M_INVALID_PARAM"),
        (changed("algorithms", json!({ "m.olm": 1 })), "M_INVALID_PARAM"),
        (changed("keys", number), "M_INVALID_PARAM"),
        (changed("keys", json!([])), "M_INVALID_PARAM"),
        (fraction, "M_BAD_JSON"),
        (alice.unsigned_device_keys(), "M_BAD_JSON"),
        (json!({ "user_id": alice.user_id(), "device_id": "ALICE" }), "M_BAD_JSON"),
        (json!("keys"), "M_BAD_JSON"),
    ] {
        let body = json!({ "device_keys": keys, "one_time_keys": alice.one_time_keys([1]) });
        assert_eq!(alice.fails("POST", UPLOAD, body).await, invalid(errcode), "{keys}");
    }
    let mut forged = alice.device_keys();
    let forger = key("forger", "ALICE");
    forged["signatures"] = device::signed(&alice.unsigned_device_keys(), alice.user_id(), &forger)
        ["signatures"]
        .clone();
    let answer = alice.fails("POST", UPLOAD, json!({ "device_keys": forged })).await;
    assert_eq!(answer, invalid("M_INVALID_SIGNATURE"));
    assert_eq!(bob.query(&[alice.user_id()]).await["device_keys"][alice.user_id()], json!({}));
    assert_eq!(bob.claim(&alice).await, None);
}

#[tokio::test]
async fn one_time_keys_have_to_be_signed_by_their_device() {
    let server = TestServer::start().await;
    let (alice, _bob) = alice_and_bob(&server).await;
    let with = |keys: Value| json!({ "one_time_keys": keys });
    let early = alice.fails("POST", UPLOAD, with(alice.one_time_keys([1]))).await;
    assert_eq!(early, invalid("M_INVALID_PARAM"), "nothing to check the signature with");
    alice.upload_device_keys().await;
    let public = alice.key.public_base64();
    let forged = device::signed(&json!({ "key": public }), alice.user_id(), &key("x", "ALICE"));
    let mut many = alice.one_time_keys(0..20);
    many["signed_curve25519:BAD"] = forged.clone();
    for (keys, errcode) in [
        (json!({ "signed_curve25519:A": forged }), "M_INVALID_SIGNATURE"),
        (many, "M_INVALID_SIGNATURE"),
        (json!({ "signed_curve25519:A": { "key": public } }), "M_INVALID_SIGNATURE"),
        (json!({ "signed_curve25519:A": public }), "M_INVALID_PARAM"),
        (json!({ "signed_curve25519": alice.one_time_key(1) }), "M_INVALID_PARAM"),
        (json!({ "signed_curve25519:A": alice.sign(&json!({ "key": "AA" })) }), "M_INVALID_PARAM"),
        (json!([]), "M_BAD_JSON"),
    ] {
        assert_eq!(alice.fails("POST", UPLOAD, with(keys)).await, invalid(errcode));
    }
    let two = json!({ "signed_curve25519:A": alice.one_time_key(1),
                      "signed_curve25519:B": alice.one_time_key(2) });
    let two = alice.fails("POST", UPLOAD, json!({ "fallback_keys": two })).await;
    assert_eq!(two, invalid("M_INVALID_PARAM"));
    assert_eq!(alice.upload(json!({})).await["one_time_key_counts"]["signed_curve25519"], 0);
}

#[tokio::test]
async fn keys_are_claimed_once_in_order_and_then_the_fallback_key() {
    let server = TestServer::start().await;
    let (alice, bob) = alice_and_bob(&server).await;
    alice.upload_device_keys().await;
    alice.upload(json!({ "one_time_keys": alice.one_time_keys([9]) })).await;
    let fallback = json!({ "signed_curve25519:F": alice.one_time_key(100) });
    let body = json!({ "one_time_keys": alice.one_time_keys([1]), "fallback_keys": fallback });
    let counts = alice.upload(body.clone()).await;
    assert_eq!(counts["one_time_key_counts"], json!({ "signed_curve25519": 2 }));
    alice.upload(body).await;
    let other = json!({ "one_time_keys": { "signed_curve25519:K1": alice.one_time_key(7) } });
    assert_eq!(alice.fails("POST", UPLOAD, other).await, invalid("M_INVALID_PARAM"));
    assert_eq!(bob.claim(&alice).await.unwrap(), "signed_curve25519:K9");
    assert_eq!(bob.claim(&alice).await.unwrap(), "signed_curve25519:K1");
    let again = alice.upload(json!({ "one_time_keys": alice.one_time_keys([1, 9]) })).await;
    assert_eq!(again["one_time_key_counts"]["signed_curve25519"], 0, "not to be issued again");
    assert_eq!(bob.claim(&alice).await.unwrap(), "signed_curve25519:F");
    assert_eq!(bob.claim(&alice).await.unwrap(), "signed_curve25519:F");
    assert_eq!(alice.claim(&bob).await, None);
}

#[tokio::test]
async fn claims_that_cannot_be_answered() {
    let server = TestServer::start().await;
    let (alice, bob) = alice_and_bob(&server).await;
    let wish = json!({
        "@c:elsewhere.fr": { "X": "signed_curve25519" },
        "@nobody:x.fr": { "X": "signed_curve25519" },
        alice.user_id(): { "GONE": "signed_curve25519", "ALICE": "unknown" },
    });
    let answer = bob.ok("POST", CLAIM, json!({ "one_time_keys": wish, "timeout": 1 })).await;
    assert_eq!(answer["one_time_keys"], json!({}));
    assert_eq!(answer["failures"]["elsewhere.fr"]["errcode"], "M_UNREACHABLE");
    for (bad, errcode) in [
        (json!({}), "M_BAD_JSON"),
        (json!({ "one_time_keys": { alice.user_id(): { "ALICE": 1 } } }), "M_BAD_JSON"),
        (json!({ "one_time_keys": { "alice": {} } }), "M_INVALID_PARAM"),
        (json!({ "one_time_keys": { alice.user_id(): { "": "x" } } }), "M_INVALID_PARAM"),
    ] {
        assert_eq!(bob.fails("POST", CLAIM, bad).await, invalid(errcode));
    }
}

/// A room of hundreds of devices is claimed by several writes; none may be lost between them.
#[tokio::test]
async fn one_request_may_claim_more_than_one_write_does() {
    let server = TestServer::start().await;
    let (alice, bob) = alice_and_bob(&server).await;
    alice.upload_device_keys().await;
    alice.upload(json!({ "one_time_keys": alice.one_time_keys([1]) })).await;
    let mut wish = json!({ alice.user_id(): { "ALICE": "signed_curve25519" } });
    for n in 0..1_200 {
        wish[format!("@a{n}:x.fr")] = json!({ "X": "signed_curve25519" });
    }
    wish["@zoe:x.fr"] = json!({ "X": "signed_curve25519" });
    let answer = bob.ok("POST", CLAIM, json!({ "one_time_keys": wish })).await;
    assert!(answer["one_time_keys"][alice.user_id()]["ALICE"].is_object());
    assert_eq!(bob.claim(&alice).await, None);
}

/// E5: the device hears of its counts in its next sync, with an explicit 0.
#[tokio::test]
async fn a_sync_tells_counts_and_unused_fallback_keys() {
    let server = TestServer::start().await;
    let (alice, bob) = alice_and_bob(&server).await;
    let zero = json!({ "signed_curve25519": 0 });
    let first = alice.sync(None).await;
    assert_eq!(first["device_one_time_keys_count"], zero);
    assert_eq!(first["device_unused_fallback_key_types"], json!([]));
    alice.upload_device_keys().await;
    let fallback = json!({ "signed_curve25519:F": alice.one_time_key(100) });
    let body = json!({ "one_time_keys": alice.one_time_keys([1]), "fallback_keys": fallback });
    alice.upload(body).await;
    let second = alice.sync(Some(&first["next_batch"])).await;
    assert_eq!(second["device_one_time_keys_count"], json!({ "signed_curve25519": 1 }));
    assert_eq!(second["device_unused_fallback_key_types"], json!(["signed_curve25519"]));
    bob.claim(&alice).await;
    // Nothing else changed, and yet the waiting sync is answered at once.
    let since = second["next_batch"].as_str().unwrap();
    let path = format!("/v3/sync?timeout=30000&since={since}");
    let third = alice.ok("GET", &path, Value::Null).await;
    assert_eq!(third["device_one_time_keys_count"], zero);
    bob.claim(&alice).await;
    let fourth = alice.sync(Some(&third["next_batch"])).await;
    assert_eq!(fourth["device_unused_fallback_key_types"], json!([]));
}

async fn encrypted_room(owner: &TestDevice<'_>, guests: &[&TestDevice<'_>]) -> String {
    let encryption = json!({
        "type": "m.room.encryption",
        "state_key": "",
        "content": { "algorithm": "m.megolm.v1.aes-sha2" },
    });
    let body = json!({ "preset": "public_chat", "initial_state": [encryption] });
    let room =
        owner.ok("POST", "/v3/createRoom", body).await["room_id"].as_str().unwrap().to_owned();
    for guest in guests {
        guest.ok("POST", &format!("/v3/rooms/{room}/join"), json!({})).await;
    }
    room
}

/// `changed` or `left` of an answer of `/sync` or `/keys/changes`.
fn users(lists: &Value, name: &str) -> BTreeSet<String> {
    let users = lists[name].as_array().cloned().unwrap_or_default();
    users.iter().map(|user| user.as_str().unwrap().to_owned()).collect()
}

/// E6: who shares an encrypted room hears of every change, in the sync and in `/keys/changes`.
#[tokio::test]
async fn changes_reach_those_who_share_an_encrypted_room() {
    let server = TestServer::start().await;
    let (alice, bob) = alice_and_bob(&server).await;
    let carol = TestDevice::log_in(&server, "carol", "CAROL").await;
    let room = encrypted_room(&alice, &[&bob]).await;
    let mut token = alice.sync(None).await["next_batch"].clone();
    let outsider = carol.sync(None).await["next_batch"].clone();
    let named = |device: &TestDevice<'_>| BTreeSet::from([device.user_id().to_owned()]);
    let look = async |token: &mut Value| {
        let from = token.clone();
        let answer = alice.sync(Some(&from)).await;
        *token = answer["next_batch"].clone();
        let (from, to) = (from.as_str().unwrap(), token.as_str().unwrap());
        let path = format!("/v3/keys/changes?from={from}&to={to}");
        let changes = alice.ok("GET", &path, Value::Null).await;
        let lists = &answer["device_lists"];
        let both = (users(lists, "changed"), users(lists, "left"));
        assert_eq!(both, (users(&changes, "changed"), users(&changes, "left")));
        both
    };
    bob.upload_device_keys().await;
    assert_eq!(look(&mut token).await, (named(&bob), BTreeSet::new()));
    bob.ok("POST", "/v3/keys/device_signing/upload", bob.cross_signing("1")).await;
    assert_eq!(look(&mut token).await, (named(&bob), BTreeSet::new()));
    carol.upload_device_keys().await;
    assert_eq!(look(&mut token).await, Default::default(), "no room with carol");
    carol.ok("POST", &format!("/v3/rooms/{room}/join"), json!({})).await;
    assert_eq!(look(&mut token).await, (named(&carol), BTreeSet::new()));
    carol.ok("POST", &format!("/v3/rooms/{room}/leave"), json!({})).await;
    assert_eq!(look(&mut token).await, (BTreeSet::new(), named(&carol)));
    bob.upload(json!({ "one_time_keys": bob.one_time_keys([1]) })).await;
    assert_eq!(look(&mut token).await, Default::default(), "one-time keys are nobody's business");
    let answer = carol.sync(Some(&outsider)).await;
    assert!(!users(&answer["device_lists"], "changed").contains(alice.user_id()));
}

#[tokio::test]
async fn changes_need_two_tokens() {
    let server = TestServer::start().await;
    let (alice, _bob) = alice_and_bob(&server).await;
    for (query, errcode) in [
        ("", "M_MISSING_PARAM"),
        ("?from=s1_0", "M_MISSING_PARAM"),
        ("?from=x&to=s1_0", "M_INVALID_PARAM"),
    ] {
        let path = format!("/v3/keys/changes{query}");
        assert_eq!(alice.fails("GET", &path, Value::Null).await, invalid(errcode));
    }
}
