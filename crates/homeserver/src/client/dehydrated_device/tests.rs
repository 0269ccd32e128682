// SPDX-License-Identifier: Apache-2.0
//! Without these somebody who logs out everywhere would lose the room keys sent meanwhile.

use serde_json::{Value, json};

use crate::{
    client::keys::tests::device::{TestDevice, cross_key, key, signed},
    testing::TestServer,
};

const PATH: &str = "/unstable/org.matrix.msc3814.v1/dehydrated_device";
const NULL: Value = Value::Null;

fn body(owner: &TestDevice<'_>, device_id: &str) -> Value {
    let device_key = key(device_id, device_id);
    let keys = json!({
        "user_id": owner.user_id(),
        "device_id": device_id,
        "algorithms": ["m.olm.v1.curve25519-aes-sha2"],
        "keys": { device_key.key_id(): device_key.public_base64() },
        "dehydrated": true,
    });
    let sign = |object: &Value| signed(object, owner.user_id(), &device_key);
    json!({
        "device_id": device_id,
        "device_data": { "algorithm": "org.matrix.msc3814.v1.olm", "device_pickle": "…" },
        "initial_device_display_name": "Dehydrated",
        "device_keys": sign(&keys),
        "one_time_keys": { "signed_curve25519:A": sign(&json!({ "key": device_key.public_base64() })) },
    })
}

#[tokio::test]
async fn a_dehydrated_device_collects_messages_for_whoever_rehydrates_it() {
    let server = TestServer::start().await;
    let alice = TestDevice::log_in(&server, "alice", "A").await;
    let bob = TestDevice::log_in(&server, "bob", "B").await;
    assert_eq!(alice.fails("GET", PATH, NULL).await, (404, "M_NOT_FOUND".into()));
    assert_eq!(alice.fails("DELETE", PATH, NULL).await, (404, "M_NOT_FOUND".into()));
    assert_eq!(alice.ok("PUT", PATH, body(&alice, "D1")).await, json!({ "device_id": "D1" }));
    let shown = alice.ok("GET", PATH, NULL).await;
    let stored = body(&alice, "D1");
    assert_eq!(shown, json!({ "device_id": "D1", "device_data": stored["device_data"] }));
    let published = bob.query(&[alice.user_id()]).await["device_keys"][alice.user_id()].clone();
    assert_eq!(published["D1"]["dehydrated"], true);
    for n in 0..101 {
        let messages = json!({ alice.user_id(): { "D1": { "n": n } } });
        bob.ok("PUT", &format!("/v3/sendToDevice/m.t/{n}"), json!({ "messages": messages })).await;
    }
    let events = format!("{PATH}/D1/events");
    for _ in 0..2 {
        // Reading deletes nothing: another device can start again.
        let mut seen = Vec::new();
        let mut next = json!({});
        for expected in [100, 1, 0] {
            let page = alice.ok("POST", &events, next).await;
            assert_eq!(page["events"].as_array().unwrap().len(), expected);
            seen.extend(page["events"].as_array().unwrap().clone());
            next = json!({ "next_batch": page["next_batch"] });
        }
        assert_eq!(seen[100]["content"]["n"], 100);
    }
    let first = alice.ok("GET", &events, NULL).await;
    let from = first["next_batch"].as_str().unwrap();
    let last = alice.ok("GET", &format!("{events}?from={from}"), NULL).await;
    assert_eq!(last["events"].as_array().unwrap().len(), 1);
    assert_eq!(last["next_batch"], NULL, "the last page says so");
    for (who, device) in [(&alice, "A"), (&alice, "D2"), (&bob, "D1")] {
        let path = format!("{PATH}/{device}/events");
        assert_eq!(who.fails("POST", &path, json!({})).await, (403, "M_FORBIDDEN".into()));
    }
    let malformed = alice.fails("POST", &events, json!({ "next_batch": "x" })).await;
    assert_eq!(malformed, (400, "M_INVALID_PARAM".into()));
    assert_eq!(alice.ok("DELETE", PATH, NULL).await, json!({ "device_id": "D1" }));
    assert_eq!(alice.fails("GET", PATH, NULL).await, (404, "M_NOT_FOUND".into()));
    let published = bob.query(&[alice.user_id()]).await["device_keys"][alice.user_id()].clone();
    assert_eq!(published, json!({}));
}

#[tokio::test]
async fn the_owner_vouches_for_it_with_the_self_signing_key() {
    let server = TestServer::start().await;
    let alice = TestDevice::log_in(&server, "alice", "A").await;
    alice.ok("POST", "/v3/keys/device_signing/upload", alice.cross_signing("1")).await;
    let self_signing = cross_key(&format!("{} s1", alice.user_id()));
    let mut upload = body(&alice, "D1");
    upload["device_keys"] = signed(&upload["device_keys"], alice.user_id(), &self_signing);
    alice.ok("PUT", PATH, upload).await;
    let shown = alice.query(&[alice.user_id()]).await;
    let shown = &shown["device_keys"][alice.user_id()]["D1"]["signatures"][alice.user_id()];
    assert!(shown[self_signing.key_id()].is_string());
}

#[tokio::test]
async fn bad_dehydrated_devices_are_refused() {
    let server = TestServer::start().await;
    let alice = TestDevice::log_in(&server, "alice", "A").await;
    let good = body(&alice, "D1");
    let with = |member: &str, value: Value| {
        let mut body = good.clone();
        body[member] = value;
        body
    };
    for (body, errcode) in [
        (with("device_id", NULL), "M_MISSING_PARAM"),
        (with("device_id", json!("")), "M_INVALID_PARAM"),
        (with("device_id", json!("D2")), "M_INVALID_PARAM"),
        (with("device_data", json!({})), "M_BAD_JSON"),
        (with("device_data", json!("x")), "M_BAD_JSON"),
        (with("initial_device_display_name", json!("x".repeat(256))), "M_INVALID_PARAM"),
        (
            with("one_time_keys", json!({ "signed_curve25519:A": { "key": "x" } })),
            "M_INVALID_SIGNATURE",
        ),
        (body(&alice, "A"), "M_INVALID_PARAM"),
    ] {
        assert_eq!(alice.fails("PUT", PATH, body).await, (400, errcode.into()));
    }
    let mut without = good.clone();
    without.as_object_mut().unwrap().remove("device_keys");
    assert_eq!(alice.fails("PUT", PATH, without).await, (400, "M_MISSING_PARAM".into()));
    assert_eq!(alice.fails("GET", PATH, NULL).await, (404, "M_NOT_FOUND".into()));
}
