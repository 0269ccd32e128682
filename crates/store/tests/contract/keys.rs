// SPDX-License-Identifier: Apache-2.0
//! Without these a one-time key could be given to two people, a device could run out of keys
//! unawares, or others could go on with keys that were replaced.

use estafette_core::limits::ONE_TIME_KEYS_MAX;
use estafette_store::{
    AccountStore as _, KeyStore as _, Position, ToDeviceStore as _,
    accounts::Devices,
    keys::{
        CrossSigningKey, CrossSigningOutcome, CrossSigningUpload, DeviceKeysUpload, KeyClaim,
        KeySignature, KeyUpload, KeyUploadOutcome, OneTimeKey, OneTimeKeyState,
    },
    to_device::ToDeviceTxn,
};

use crate::{
    devices::{World, device, user},
    to_device::message,
};

fn key(id: &str, key: &str) -> OneTimeKey {
    OneTimeKey {
        algorithm: "signed_curve25519".into(),
        key_id: id.into(),
        key: key.into(),
        json: format!(r#"{{"key":"{key}"}}"#),
    }
}

fn keys(ids: impl IntoIterator<Item = usize>) -> KeyUpload {
    let one_time_keys = ids.into_iter().map(|id| key(&format!("id{id}"), &format!("key{id}")));
    KeyUpload { one_time_keys: one_time_keys.collect(), ..KeyUpload::default() }
}

fn fallback(id: &str, public: &str) -> KeyUpload {
    KeyUpload { fallback_keys: vec![key(id, public)], ..KeyUpload::default() }
}

fn device_keys(device_id: &str, identity: &str) -> KeyUpload {
    let json = format!(r#"{{"device_id":"{device_id}","keys":{{"k":"{identity}"}}}}"#);
    let device_keys = Some(DeviceKeysUpload { json, identity: identity.into() });
    KeyUpload { device_keys, ..KeyUpload::default() }
}

async fn upload(world: &World, name: &str, device_id: &str, upload: KeyUpload) -> OneTimeKeyState {
    let outcome = world.store.upload_keys(&user(name), &device(device_id), upload).await.unwrap();
    match outcome {
        KeyUploadOutcome::Stored(state) => (*state).clone(),
        other => panic!("{other:?}"),
    }
}

/// The ids that claims of these devices give.
async fn claim(world: &World, devices: &[(&str, &str)]) -> Vec<String> {
    let claims = devices.iter().map(|(name, device_id)| KeyClaim {
        user_id: user(name),
        device_id: device(device_id),
        algorithm: "signed_curve25519".into(),
    });
    let claimed = world.store.claim_keys(claims.collect()).await.unwrap();
    claimed.into_iter().map(|claimed| claimed.key_id).collect()
}

async fn count(world: &World, name: &str, device_id: &str) -> u64 {
    let state = world.store.one_time_key_counts(&user(name), &device(device_id)).await.unwrap();
    state.counts["signed_curve25519"]
}

#[tokio::test]
async fn keys_leave_in_the_order_in_which_they_came_and_never_come_back() {
    let mut world = World::new().await;
    upload(&world, "a", "A1", keys([3, 1])).await;
    upload(&world, "a", "A1", keys([2])).await;
    assert_eq!(claim(&world, &[("a", "A1"), ("a", "A1"), ("b", "B1")]).await, ["id3", "id1"]);
    let state = upload(&world, "a", "A1", keys([3, 1, 2, 4])).await;
    assert_eq!(state.counts["signed_curve25519"], 2, "what was issued is accepted, not stored");
    world.restart();
    assert_eq!(upload(&world, "a", "A1", keys([3])).await.counts["signed_curve25519"], 2);
    assert_eq!(claim(&world, &[("a", "A1"); 4]).await, ["id2", "id4"]);
    let renamed = KeyUpload { one_time_keys: vec![key("new", "key4")], ..KeyUpload::default() };
    upload(&world, "a", "A1", renamed).await;
    assert!(claim(&world, &[("a", "A1")]).await.is_empty(), "the same key under another name");
}

#[tokio::test]
async fn one_key_under_two_names_waits_once() {
    let world = World::new().await;
    let twice = KeyUpload {
        one_time_keys: vec![key("x", "same"), key("y", "same")],
        ..KeyUpload::default()
    };
    assert_eq!(upload(&world, "a", "A1", twice).await.counts["signed_curve25519"], 1);
}

#[tokio::test]
async fn another_key_under_a_name_in_use_is_refused_whole() {
    let world = World::new().await;
    upload(&world, "a", "A1", keys([1])).await;
    let mut bad = keys([2]);
    bad.one_time_keys.push(key("id1", "different"));
    bad.fallback_keys.push(key("f", "f"));
    bad.device_keys = device_keys("A1", "i").device_keys;
    world.heard();
    let outcome = world.store.upload_keys(&user("a"), &device("A1"), bad).await.unwrap();
    assert_eq!(outcome, KeyUploadOutcome::KeyIdInUse("signed_curve25519:id1".into()));
    assert!(world.heard().is_empty());
    assert_eq!(count(&world, "a", "A1").await, 1);
    assert!(world.store.user_keys(&[user("a")]).await.unwrap()[0].devices.is_empty());
    // Once it was given away the name is free for another key.
    assert_eq!(claim(&world, &[("a", "A1")]).await, ["id1"]);
    let reused = KeyUpload { one_time_keys: vec![key("id1", "other")], ..KeyUpload::default() };
    assert_eq!(upload(&world, "a", "A1", reused).await.counts["signed_curve25519"], 1);
}

#[tokio::test]
async fn a_device_holds_a_bounded_number_of_keys() {
    let world = World::new().await;
    upload(&world, "a", "A1", keys(0..ONE_TIME_KEYS_MAX)).await;
    let more = keys(0..=ONE_TIME_KEYS_MAX);
    let outcome = world.store.upload_keys(&user("a"), &device("A1"), more).await.unwrap();
    assert_eq!(outcome, KeyUploadOutcome::TooManyKeys("signed_curve25519".into()));
    upload(&world, "a", "A1", keys(0..ONE_TIME_KEYS_MAX)).await;
    assert_eq!(count(&world, "a", "A1").await, ONE_TIME_KEYS_MAX as u64);
}

#[tokio::test]
async fn a_fallback_key_is_given_only_when_nothing_else_is_left() {
    let mut world = World::new().await;
    upload(&world, "a", "A1", keys([1])).await;
    let state = upload(&world, "a", "A1", fallback("f1", "f1")).await;
    assert_eq!(state.unused_fallback, ["signed_curve25519"]);
    world.heard();
    assert_eq!(claim(&world, &[("a", "A1"); 3]).await, ["id1", "f1", "f1"]);
    assert_eq!(world.heard(), ["keys @a:x.fr A1"; 2], "its second use changes nothing");
    let state = upload(&world, "a", "A1", fallback("f1", "f1")).await;
    assert!(state.unused_fallback.is_empty(), "a repeated upload does not make it unused");
    world.restart();
    let state = world.store.one_time_key_counts(&user("a"), &device("A1")).await.unwrap();
    assert!(state.unused_fallback.is_empty());
    assert_eq!(upload(&world, "a", "A1", fallback("f2", "f2")).await.unused_fallback.len(), 1);
    assert_eq!(claim(&world, &[("a", "A1")]).await, ["f2"]);
}

#[tokio::test]
async fn counts_are_told_with_an_explicit_zero_after_every_change() {
    let world = World::new().await;
    assert_eq!(count(&world, "a", "A1").await, 0);
    upload(&world, "a", "A1", keys([1])).await;
    assert_eq!(world.heard(), ["keys @a:x.fr A1"]);
    assert_eq!(count(&world, "a", "A1").await, 1);
    upload(&world, "a", "A1", keys([1])).await;
    assert!(world.heard().is_empty(), "nothing changed");
    claim(&world, &[("a", "A1")]).await;
    assert_eq!(world.heard(), ["keys @a:x.fr A1"]);
    assert_eq!(count(&world, "a", "A1").await, 0);
}

#[tokio::test]
async fn a_device_that_starts_anew_loses_the_keys_of_its_old_identity() {
    let world = World::new().await;
    let mut first = device_keys("A1", "old");
    first.one_time_keys = keys([1]).one_time_keys;
    first.fallback_keys = fallback("f", "f").fallback_keys;
    upload(&world, "a", "A1", first.clone()).await;
    upload(&world, "a", "A1", first).await;
    assert_eq!(world.heard(), ["list @a:x.fr", "keys @a:x.fr A1"], "a repeat changes nothing");
    let signature = KeySignature {
        target: user("a"),
        target_key: "A1".into(),
        signing_key: "ed25519:ssk".into(),
        signature: "sig".into(),
    };
    world.store.add_signatures(&user("a"), vec![signature]).await.unwrap();
    let shown = |world: &World| {
        let store = world.store.clone();
        async move { store.user_keys(&[user("a")]).await.unwrap()[0].devices[0].json.clone() }
    };
    assert!(shown(&world).await.contains(r#""@a:x.fr":{"ed25519:ssk":"sig"}"#));
    let mut anew = device_keys("A1", "new");
    anew.one_time_keys = vec![key("id1", "other")];
    let state = upload(&world, "a", "A1", anew).await;
    assert_eq!(state.counts["signed_curve25519"], 1);
    assert!(state.unused_fallback.is_empty());
    assert!(!shown(&world).await.contains("ssk"));
    assert_eq!(claim(&world, &[("a", "A1"); 2]).await, ["id1"]);
}

#[tokio::test]
async fn published_keys_are_shown_with_the_name_of_the_device() {
    let world = World::new().await;
    upload(&world, "a", "A2", device_keys("A2", "two")).await;
    upload(&world, "a", "A1", device_keys("A1", "one")).await;
    let shown = world.store.user_keys(&[user("b"), user("a"), user("nobody")]).await.unwrap();
    assert!(shown[0].devices.is_empty() && shown[2].devices.is_empty());
    assert_eq!(
        shown[1].device("A1").unwrap().json,
        r#"{"device_id":"A1","keys":{"k":"one"},"unsigned":{"device_display_name":"Phone"}}"#
    );
    assert!(shown[1].device("A2").is_some() && shown[1].device("A3").is_none());
    upload(&world, "a", "A1", device_keys("A1", "three")).await;
    let shown = world.store.user_keys(&[user("a")]).await.unwrap();
    assert!(shown[0].device("A1").unwrap().json.contains("three"), "never an old one");
}

#[tokio::test]
async fn keys_for_a_device_that_is_gone_are_not_kept() {
    let world = World::new().await;
    let outcome = world.store.upload_keys(&user("a"), &device("GONE"), keys([1])).await.unwrap();
    assert_eq!(outcome, KeyUploadOutcome::UnknownDevice);
}

fn cross_signing(public_key: &str) -> Option<CrossSigningKey> {
    Some(CrossSigningKey {
        public_key: public_key.into(),
        json: format!(r#"{{"keys":{{"k":"{public_key}"}}}}"#),
    })
}

fn all_three(generation: u8) -> CrossSigningUpload {
    CrossSigningUpload {
        master: cross_signing(&format!("m{generation}")),
        self_signing: cross_signing(&format!("s{generation}")),
        user_signing: cross_signing(&format!("u{generation}")),
    }
}

#[tokio::test]
async fn only_the_first_cross_signing_upload_is_free() {
    let world = World::new().await;
    let set = |upload, only_first| {
        let store = world.store.clone();
        async move { store.set_cross_signing_keys(&user("a"), upload, only_first).await.unwrap() }
    };
    assert_eq!(set(all_three(1), true).await, CrossSigningOutcome::Stored);
    assert_eq!(world.heard(), ["list @a:x.fr"]);
    assert_eq!(set(all_three(1), true).await, CrossSigningOutcome::Stored, "the same again");
    assert!(world.heard().is_empty());
    assert_eq!(set(all_three(2), true).await, CrossSigningOutcome::NotFirst);
    let other = CrossSigningUpload { self_signing: cross_signing("x"), ..Default::default() };
    assert_eq!(set(other, true).await, CrossSigningOutcome::NotFirst);
    let is_device = CrossSigningUpload { master: cross_signing("A2"), ..Default::default() };
    assert_eq!(set(is_device, false).await, CrossSigningOutcome::IsDeviceId);
    let keys = world.store.user_keys(&[user("a")]).await.unwrap();
    assert_eq!(keys[0].master.as_ref().unwrap().public_key, "m1");
    assert_eq!(keys[0].self_signing.as_ref().unwrap().public_key, "s1");
    let master = CrossSigningUpload { master: cross_signing("m2"), ..Default::default() };
    assert_eq!(set(master, false).await, CrossSigningOutcome::Stored);
    let keys = world.store.user_keys(&[user("a")]).await.unwrap();
    assert_eq!(keys[0].master.as_ref().unwrap().public_key, "m2");
    assert_eq!(keys[0].self_signing, None, "the new master did not sign it");
    assert_eq!(keys[0].user_signing, None);
}

#[tokio::test]
async fn signatures_are_shown_to_those_who_may_see_them_and_go_with_their_key() {
    let world = World::new().await;
    for name in ["a", "b"] {
        let owner = user(name);
        let set = world.store.set_cross_signing_keys(&owner, all_three(1), true);
        assert_eq!(set.await.unwrap(), CrossSigningOutcome::Stored);
    }
    let sign = |target: &str, target_key: &str, by: &str| KeySignature {
        target: user(target),
        target_key: target_key.into(),
        signing_key: by.into(),
        signature: format!("by {by}"),
    };
    let before = world.store.head();
    world.heard();
    let on_b = sign("b", "m1", "ed25519:u1");
    let signatures = vec![on_b.clone(), sign("a", "m1", "ed25519:A1")];
    world.store.add_signatures(&user("a"), signatures.clone()).await.unwrap();
    assert_eq!(world.heard(), ["list @a:x.fr"]);
    world.store.add_signatures(&user("a"), signatures).await.unwrap();
    assert!(world.heard().is_empty(), "nothing new");
    assert_eq!(*world.store.signatures_by(&user("a")).await.unwrap(), [on_b]);
    assert!(world.store.signatures_by(&user("b")).await.unwrap().is_empty());
    assert_eq!(world.store.signature_changes(&user("a"), before).await.unwrap(), [user("b")]);
    let head = world.store.head();
    assert!(world.store.signature_changes(&user("a"), head).await.unwrap().is_empty());
    let keys = world.store.user_keys(&[user("a"), user("b")]).await.unwrap();
    assert!(keys[0].master.as_ref().unwrap().json.contains("by ed25519:A1"));
    assert!(!keys[1].master.as_ref().unwrap().json.contains("by ed25519:u1"), "a's own affair");
    world.store.set_cross_signing_keys(&user("a"), all_three(2), false).await.unwrap();
    assert!(world.store.signatures_by(&user("a")).await.unwrap().is_empty());
}

#[tokio::test]
async fn each_change_of_a_list_has_its_line_in_the_log() {
    let world = World::new().await;
    let changes = |since, upto| {
        let store = world.store.clone();
        async move { store.device_list_changes(Position(since), Position(upto)).await.unwrap() }
    };
    upload(&world, "a", "A1", device_keys("A1", "one")).await;
    let after_a = world.store.head().0;
    upload(&world, "b", "B1", device_keys("B1", "one")).await;
    let head = world.store.head().0;
    assert_eq!(changes(0, head).await, [user("a"), user("b")]);
    assert_eq!(changes(after_a, head).await, [user("b")]);
    assert!(changes(head, head).await.is_empty());
    upload(&world, "a", "A2", device_keys("A2", "one")).await;
    assert_eq!(changes(0, world.store.head().0).await, [user("b"), user("a")], "each once");
}

#[tokio::test]
async fn after_a_restore_no_key_is_given_that_may_have_been_given_before() {
    let world = World::new().await;
    upload(&world, "a", "A1", keys([1])).await;
    upload(&world, "b", "B1", keys([1])).await;
    assert_eq!(count(&world, "a", "A1").await, 1);
    world.heard();
    assert_eq!(world.store.forget_one_time_keys().await.unwrap(), 2);
    assert_eq!(world.heard(), ["keys @a:x.fr A1", "keys @b:x.fr B1"]);
    assert_eq!(count(&world, "a", "A1").await, 0);
    assert!(claim(&world, &[("a", "A1"), ("b", "B1")]).await.is_empty());
}

/// E10: what belongs to a device goes with it, in one commit, and others hear of it.
#[tokio::test]
async fn a_deleted_device_leaves_nothing_behind() {
    let mut world = World::new().await;
    let mut all = device_keys("A1", "one");
    all.one_time_keys = keys([1, 2]).one_time_keys;
    all.fallback_keys = fallback("f", "f").fallback_keys;
    upload(&world, "a", "A1", all).await;
    assert_eq!(claim(&world, &[("a", "A1")]).await, ["id1"]);
    upload(&world, "a", "A1", keys([3])).await;
    assert_eq!(world.count("issued_key"), 1, "the next upload settles what was given");
    assert_eq!(claim(&world, &[("a", "A1")]).await, ["id2"]);
    assert_eq!(world.count("given_key"), 1);
    let messages = vec![message("a", Some("A1"), "x")];
    world.store.send_to_device(None, messages.clone()).await.unwrap();
    let txn = ToDeviceTxn {
        sender: user("a"),
        device_id: Some(device("A1")),
        event_type: "t".into(),
        txn_id: "1".into(),
    };
    world.store.send_to_device(Some(txn), messages).await.unwrap();
    world.heard();
    let these = Devices::These(vec![device("A1")]);
    let deleted = world.store.delete_devices(&user("a"), these).await.unwrap();
    assert_eq!(deleted, [device("A1")]);
    assert_eq!(world.heard(), ["list @a:x.fr"]);
    for table in [
        "device_keys",
        "one_time_key",
        "given_key",
        "issued_key",
        "fallback_key",
        "to_device",
        "to_device_txn",
    ] {
        assert_eq!(world.count(table), 0, "{table}");
    }
    assert!(world.store.user_keys(&[user("a")]).await.unwrap()[0].devices.is_empty());
    assert_eq!(count(&world, "a", "A1").await, 0);
    assert_eq!(world.store.last_to_device(&user("a"), &device("A1")), Position(0));
    assert!(claim(&world, &[("a", "A1")]).await.is_empty());
    world.restart();
    world.add_device("a", "A1").await;
    let store = &world.store;
    let messages = store.to_device_after(&user("a"), &device("A1"), Position(0), 10).await.unwrap();
    assert!(messages.is_empty(), "a new device of the same name is another device");
}
