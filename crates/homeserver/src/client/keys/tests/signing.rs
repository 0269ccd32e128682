// SPDX-License-Identifier: Apache-2.0
//! Without these a server would vouch for identities that nobody confirmed (T-S7).

use estafette_core::ids::{DeviceId, UserId};
use estafette_store::OauthStore as _;
use http::Method;
use serde_json::{Value, json};

use super::{
    alice_and_bob,
    device::{TestDevice, cross_key, key, signed},
    invalid,
};
use crate::testing::{PASSWORD, TestServer};

const KEYS: &str = "/v3/keys/device_signing/upload";
const SIGNATURES: &str = "/v3/keys/signatures/upload";

#[tokio::test]
async fn cross_signing_keys_are_published_to_the_right_people() {
    let server = TestServer::start().await;
    let (alice, bob) = alice_and_bob(&server).await;
    alice.ok("POST", KEYS, alice.cross_signing("1")).await;
    let shown = bob.query(&[alice.user_id()]).await;
    let uploaded = alice.cross_signing("1");
    assert_eq!(shown["master_keys"][alice.user_id()]["keys"], uploaded["master_key"]["keys"]);
    assert_eq!(shown["self_signing_keys"][alice.user_id()], uploaded["self_signing_key"]);
    assert_eq!(shown["user_signing_keys"], json!({}), "for its owner's eyes alone");
    let own = alice.query(&[alice.user_id()]).await;
    assert_eq!(own["user_signing_keys"][alice.user_id()], uploaded["user_signing_key"]);
}

/// MSC3967.
#[tokio::test]
async fn only_new_keys_in_place_of_others_need_a_proof() {
    let server = TestServer::start().await;
    let (alice, _bob) = alice_and_bob(&server).await;
    alice.ok("POST", KEYS, alice.cross_signing("1")).await;
    alice.ok("POST", KEYS, alice.cross_signing("1")).await;
    let mut other = alice.cross_signing("2");
    let (status, challenge) = alice.call("POST", KEYS, other.clone()).await;
    assert_eq!(status.as_u16(), 401);
    let master = async || {
        let answer = alice.query(&[alice.user_id()]).await;
        answer["master_keys"][alice.user_id()]["keys"].clone()
    };
    assert_eq!(master().await, alice.cross_signing("1")["master_key"]["keys"]);
    other["auth"] = json!({
        "type": "m.login.password",
        "session": challenge["session"],
        "identifier": { "type": "m.id.user", "user": "alice" },
        "password": PASSWORD,
    });
    alice.ok("POST", KEYS, other).await;
    assert_eq!(master().await, alice.cross_signing("2")["master_key"]["keys"]);
}

/// Otherwise a stolen token of the OAuth 2.0 API replaces somebody's identity, or its owner cannot.
/// Client-Server API, "OAuth authentication"; MSC4312.
#[tokio::test]
async fn a_device_of_the_oauth_api_needs_its_owners_leave() {
    let server = TestServer::with(|config| config.public_base_url = "https://x.fr".into()).await;
    let (mut alice, _bob) = alice_and_bob(&server).await;
    alice.ok("POST", KEYS, alice.cross_signing("1")).await;
    alice.become_oauth_device().await;
    alice.ok("POST", KEYS, alice.cross_signing("1")).await;
    let mut other = alice.cross_signing("2");
    let (status, challenge) = alice.call("POST", KEYS, other.clone()).await;
    assert_eq!(status.as_u16(), 401);
    let flows = json!([
        { "stages": ["m.oauth"] }, { "stages": ["org.matrix.cross_signing_reset"] },
    ]);
    assert_eq!(challenge["flows"], flows);
    let url = "https://x.fr/_estafette/account?action=org.matrix.cross_signing_reset\
               &device_id=ALICE";
    assert_eq!(challenge["params"]["m.oauth"]["url"], url);
    let session = challenge["session"].clone();
    other["auth"] = json!({ "type": "m.login.password", "session": session, "password": PASSWORD });
    assert_eq!(alice.fails("POST", KEYS, other.clone()).await, (401, "M_FORBIDDEN".into()));
    other["auth"] = json!({ "session": session });
    let (status, again) = alice.call("POST", KEYS, other.clone()).await;
    assert_eq!((status.as_u16(), &again["session"]), (401, &session), "not before it was given");
    let pages = ["m.oauth", "org.matrix.cross_signing_reset", "m.login.sso"].map(|stage| {
        format!("/v3/auth/{stage}/fallback/web?session={}", session.as_str().unwrap())
    });
    // Of a client that knows neither name, which opens the page of the stage.
    let page = server.ask(Method::GET, &format!("/_matrix/client{}", pages[0]), "", "").await;
    let text = String::from_utf8(page.bytes.to_vec()).unwrap();
    let link = "href=\"/_estafette/account?action=org.matrix.cross_signing_reset&device_id=ALICE\"";
    assert!(text.contains(link) && text.contains("onAuthDone"), "{text}");
    let page_says =
        async |stage: usize| server.request("POST", &pages[stage], "", json!({})).await.0.as_u16();
    assert_eq!([page_says(0).await, page_says(1).await], [403, 403], "not given yet");
    assert_eq!(page_says(2).await, 404, "not a stage of this session");
    let now_ms = server.server.now_ms();
    let user_id = UserId::parse(alice.user_id()).unwrap();
    let device_id = DeviceId::parse("ALICE").unwrap();
    let approve = async |until_ms| {
        let store = &server.server.store;
        store.approve_cross_signing(&user_id, Some(&device_id), until_ms).await.unwrap();
    };
    approve(now_ms).await;
    assert_eq!(alice.fails("POST", KEYS, other.clone()).await.0, 401, "too late");
    let elsewhere = DeviceId::parse("BOB").unwrap();
    let store = &server.server.store;
    store.approve_cross_signing(&user_id, Some(&elsewhere), now_ms + 1).await.unwrap();
    assert_eq!(page_says(0).await, 403, "for another device");
    approve(now_ms + 1).await;
    assert_eq!([page_says(0).await, page_says(1).await], [200, 200]);
    alice.ok("POST", KEYS, other).await;
    let third = alice.cross_signing("3");
    assert_eq!(alice.fails("POST", KEYS, third).await.0, 401, "once");
}

/// Otherwise the account page says that somebody may replace their keys, and no client may.
#[tokio::test]
async fn leave_of_the_account_page_holds_for_a_device_of_the_legacy_api() {
    let server = TestServer::start().await;
    let (alice, _bob) = alice_and_bob(&server).await;
    alice.ok("POST", KEYS, alice.cross_signing("1")).await;
    let other = alice.cross_signing("2");
    assert_eq!(alice.fails("POST", KEYS, other.clone()).await.0, 401);
    let user_id = UserId::parse(alice.user_id()).unwrap();
    let until_ms = server.server.now_ms() + 1;
    server.server.store.approve_cross_signing(&user_id, None, until_ms).await.unwrap();
    alice.ok("POST", KEYS, other).await;
    assert_eq!(alice.fails("POST", KEYS, alice.cross_signing("3")).await.0, 401, "once");
}

/// Otherwise the account pages do not find a device that is named after its key (MSC4108).
#[test]
fn the_way_to_the_account_pages_names_any_device() {
    let device_id = DeviceId::parse("a+b/c= &é").unwrap();
    let url = super::super::signing::reset_url("https://x.fr", device_id.as_str());
    assert!(url.ends_with("&device_id=a%2Bb%2Fc%3D%20%26%C3%A9"), "{url}");
}

#[tokio::test]
async fn cross_signing_keys_are_checked_before_they_are_stored() {
    let server = TestServer::start().await;
    let (alice, bob) = alice_and_bob(&server).await;
    alice.upload_device_keys().await;
    let good = alice.cross_signing("1");
    let with = |member: &str, value: Value| {
        let mut body = good.clone();
        body[member] = value;
        body
    };
    let without_master = json!({ "self_signing_key": good["self_signing_key"] });
    let forger = key("forger", "ALICE");
    let forged = signed(&good["master_key"], alice.user_id(), &forger);
    for (body, errcode) in [
        (json!({}), "M_MISSING_PARAM"),
        (without_master, "M_MISSING_PARAM"),
        (
            with("self_signing_key", alice.cross_signing("2")["self_signing_key"].clone()),
            "M_INVALID_SIGNATURE",
        ),
        (with("self_signing_key", good["user_signing_key"].clone()), "M_INVALID_PARAM"),
        (with("master_key", bob.cross_signing("1")["master_key"].clone()), "M_INVALID_PARAM"),
        (
            with("master_key", json!({ "user_id": alice.user_id(), "usage": ["master"] })),
            "M_INVALID_PARAM",
        ),
        (with("master_key", forged), "M_INVALID_SIGNATURE"),
        (with("master_key", json!([])), "M_BAD_JSON"),
    ] {
        assert_eq!(alice.fails("POST", KEYS, body.clone()).await, invalid(errcode), "{body}");
    }
    assert_eq!(alice.query(&[alice.user_id()]).await["master_keys"], json!({}));
}

#[tokio::test]
async fn a_cross_signing_key_cannot_be_taken_for_a_device() {
    let server = TestServer::start().await;
    let public = key("@eve:x.fr m1", "").public_base64();
    let device = TestDevice::log_in(&server, "eve", &public).await;
    let answer = device.fails("POST", KEYS, device.cross_signing("1")).await;
    assert_eq!(answer, (403, "M_FORBIDDEN".into()));
}

/// Alice and Bob with devices and cross-signing keys published.
async fn introduced(server: &TestServer) -> (TestDevice<'_>, TestDevice<'_>) {
    let (alice, bob) = alice_and_bob(server).await;
    for device in [&alice, &bob] {
        device.upload_device_keys().await;
        device.ok("POST", KEYS, device.cross_signing("1")).await;
    }
    (alice, bob)
}

fn public(key: &Value) -> String {
    key["keys"].as_object().unwrap().values().next().unwrap().as_str().unwrap().to_owned()
}

/// Uploads one signed object and returns the errcode of its failure, empty if there is none.
async fn upload(by: &TestDevice<'_>, target: &str, key: &str, object: Value) -> String {
    let answer = by.ok("POST", SIGNATURES, json!({ target: { key: object } })).await;
    answer["failures"][target][key]["errcode"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn the_three_allowed_signatures_are_stored_and_shown() {
    let server = TestServer::start().await;
    let (alice, bob) = introduced(&server).await;
    let (a, b) = (alice.user_id(), bob.user_id());
    let master = alice.cross_signing("1")["master_key"].clone();
    let self_signing = cross_key(&format!("{a} s1"));
    let by_self = signed(&alice.unsigned_device_keys(), a, &self_signing);
    assert_eq!(upload(&alice, a, "ALICE", by_self).await, "");
    assert_eq!(upload(&alice, a, &public(&master), alice.sign(&master)).await, "");
    let master_of_bob = bob.cross_signing("1")["master_key"].clone();
    let user_signing = cross_key(&format!("{a} u1"));
    let by_user = signed(&master_of_bob, a, &user_signing);
    let since = alice.sync(None).await["next_batch"].clone();
    assert_eq!(upload(&alice, b, &public(&master_of_bob), by_user.clone()).await, "");
    let changed = alice.sync(Some(&since)).await["device_lists"]["changed"].clone();
    assert!(changed.as_array().unwrap().contains(&json!(b)), "alice's other devices hear of it");

    let seen = bob.query(&[a, b]).await;
    let device = &seen["device_keys"][a]["ALICE"]["signatures"][a];
    assert!(device[self_signing.key_id()].is_string() && device["ed25519:ALICE"].is_string());
    assert!(seen["master_keys"][a]["signatures"][a]["ed25519:ALICE"].is_string());
    assert!(seen["master_keys"][b]["signatures"][a].is_null(), "whom alice trusts is her affair");
    let seen = alice.query(&[a, b]).await;
    assert_eq!(seen["master_keys"][b]["signatures"][a], by_user["signatures"][a]);
}

#[tokio::test]
async fn forged_foreign_and_malformed_signatures_are_listed_and_not_stored() {
    let server = TestServer::start().await;
    let (alice, bob) = introduced(&server).await;
    let second = TestDevice::log_in(&server, "alice", "SECOND").await;
    second.upload_device_keys().await;
    let (a, b) = (alice.user_id().to_owned(), bob.user_id().to_owned());
    let before = bob.query(&[&a, &b]).await;
    let self_signing = cross_key(&format!("{a} s1"));
    let user_signing = cross_key(&format!("{a} u1"));
    let forger = key("forger", self_signing.key_id().strip_prefix("ed25519:").unwrap());
    let device = alice.unsigned_device_keys();
    let master = alice.cross_signing("1")["master_key"].clone();
    let master_of_bob = bob.cross_signing("1")["master_key"].clone();
    let mut altered = device.clone();
    altered["algorithms"] = json!(["other"]);
    for (target, key, object, errcode) in [
        (&a, "ALICE", signed(&device, &a, &forger), "M_INVALID_SIGNATURE"),
        (&a, "ALICE", signed(&altered, &a, &self_signing), "M_INVALID_PARAM"),
        (&a, "ALICE", signed(&device, &a, &user_signing), "M_INVALID_SIGNATURE"),
        (&a, "ALICE", signed(&device, &a, &second.key), "M_INVALID_SIGNATURE"),
        (&a, "ALICE", device.clone(), "M_INVALID_SIGNATURE"),
        (&a, "ALICE", json!("x"), "M_BAD_JSON"),
        (&a, "GONE", signed(&device, &a, &self_signing), "M_NOT_FOUND"),
        (&a, &*public(&master), signed(&master, &a, &self_signing), "M_INVALID_SIGNATURE"),
        (&a, &*public(&master), signed(&master, &b, &bob.key), "M_INVALID_SIGNATURE"),
        (
            &b,
            &*public(&master_of_bob),
            signed(&master_of_bob, &a, &alice.key),
            "M_INVALID_SIGNATURE",
        ),
        (&b, "BOB", signed(&bob.unsigned_device_keys(), &a, &user_signing), "M_NOT_FOUND"),
    ] {
        assert_eq!(upload(&alice, target, key, object.clone()).await, errcode, "{key} {object}");
    }
    let remote = upload(&alice, "@c:elsewhere.fr", "X", json!({})).await;
    assert_eq!(remote, "M_NOT_FOUND");
    assert_eq!(bob.query(&[&a, &b]).await, before);
    // A good one in the same request is stored all the same.
    let body = json!({ &a: {
        "ALICE": signed(&device, &a, &self_signing),
        "SECOND": signed(&second.unsigned_device_keys(), &a, &forger),
    } });
    let answer = alice.ok("POST", SIGNATURES, body).await;
    assert_eq!(answer["failures"][&a].as_object().unwrap().len(), 1);
    let shown = bob.query(&[&a]).await["device_keys"][&a]["ALICE"]["signatures"][&a].clone();
    assert!(shown[self_signing.key_id()].is_string());
    assert_eq!(
        alice.fails("POST", SIGNATURES, json!({ "alice": {} })).await,
        invalid("M_INVALID_PARAM")
    );
    assert_eq!(alice.fails("POST", SIGNATURES, json!({ &a: [] })).await, invalid("M_BAD_JSON"));
}
