// SPDX-License-Identifier: Apache-2.0
//! Without these a user without sessions would lose room keys, or a replaced device would linger.

use estafette_store::{
    DehydratedDeviceStore as _, KeyStore as _, ToDeviceStore as _,
    dehydrated_device::{DehydratedDevice, DehydratedDeviceOutcome, DehydratedDeviceUpload},
    keys::{DeviceKeysUpload, KeyUpload, OneTimeKey},
};

use crate::{
    devices::{World, device, user},
    to_device::message,
};

fn upload(device_id: &str) -> DehydratedDeviceUpload {
    let key = OneTimeKey {
        algorithm: "signed_curve25519".into(),
        key_id: "1".into(),
        key: device_id.into(),
        json: "{}".into(),
    };
    DehydratedDeviceUpload {
        device_id: device(device_id),
        display_name: Some("Dried".into()),
        device_data: format!(r#"{{"of":"{device_id}"}}"#),
        keys: KeyUpload {
            device_keys: Some(DeviceKeysUpload { json: "{}".into(), identity: device_id.into() }),
            one_time_keys: vec![key.clone()],
            fallback_keys: vec![key],
        },
    }
}

#[tokio::test]
async fn a_new_one_takes_the_place_of_the_old_one_with_all_that_is_its() {
    let world = World::new().await;
    let owner = user("a");
    let put = |device_id: &str| world.store.put_dehydrated_device(&owner, upload(device_id), 0);
    assert_eq!(put("A1").await.unwrap(), DehydratedDeviceOutcome::IsOrdinaryDevice);
    assert_eq!(world.store.dehydrated_device(&user("a")).await.unwrap(), None);
    assert_eq!(put("D1").await.unwrap(), DehydratedDeviceOutcome::Stored);
    world.store.send_to_device(None, vec![message("a", None, "x")]).await.unwrap();
    assert_ne!(world.store.last_to_device(&user("a"), &device("D1")).0, 0);
    world.heard();
    assert_eq!(put("D2").await.unwrap(), DehydratedDeviceOutcome::Stored);
    assert!(world.heard().contains(&"list @a:x.fr".to_owned()));
    let stored = world.store.dehydrated_device(&user("a")).await.unwrap();
    let device_data = r#"{"of":"D2"}"#.into();
    assert_eq!(stored, Some(DehydratedDevice { device_id: device("D2"), device_data }));
    let keys = world.store.user_keys(&[user("a")]).await.unwrap();
    assert!(keys[0].device("D1").is_none());
    assert!(keys[0].device("D2").unwrap().json.contains("Dried"));
    assert_eq!(world.store.last_to_device(&user("a"), &device("D1")).0, 0);
    assert_eq!(put("D2").await.unwrap(), DehydratedDeviceOutcome::Stored, "the same id again");
}

/// E10: what belongs to a device goes with it.
#[tokio::test]
async fn deleting_it_leaves_nothing_behind() {
    let mut world = World::new().await;
    let tables = ["device_keys", "one_time_key", "given_key", "fallback_key", "to_device"];
    let owner = user("a");
    let put = world.store.put_dehydrated_device(&owner, upload("D1"), 0);
    assert_eq!(put.await.unwrap(), DehydratedDeviceOutcome::Stored);
    let claim = estafette_store::keys::KeyClaim {
        user_id: user("a"),
        device_id: device("D1"),
        algorithm: "signed_curve25519".into(),
    };
    assert_eq!(world.store.claim_keys(vec![claim]).await.unwrap().len(), 1);
    world.store.send_to_device(None, vec![message("a", Some("D1"), "x")]).await.unwrap();
    assert_eq!(world.count("given_key"), 1);
    world.heard();
    let deleted = world.store.delete_dehydrated_device(&user("a")).await.unwrap();
    assert_eq!(deleted, Some(device("D1")));
    assert_eq!(world.heard(), ["list @a:x.fr"]);
    for table in tables {
        assert_eq!(world.count(table), 0, "{table}");
    }
    assert_eq!(world.store.last_to_device(&user("a"), &device("D1")).0, 0);
    let state = world.store.one_time_key_counts(&user("a"), &device("D1")).await.unwrap();
    assert_eq!(state.counts["signed_curve25519"], 0);
    assert_eq!(world.store.delete_dehydrated_device(&user("a")).await.unwrap(), None);
    world.restart();
    assert_eq!(world.store.last_to_device(&user("a"), &device("D1")).0, 0);
}
