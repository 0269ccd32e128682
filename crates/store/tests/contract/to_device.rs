// SPDX-License-Identifier: Apache-2.0
//! Without these a room key could be lost on its way, or come twice.

use estafette_store::{
    Position, ToDeviceStore as _,
    to_device::{ToDeviceMessage, ToDeviceTxn},
};

use crate::devices::{World, device, user};

pub(crate) fn message(name: &str, device_id: Option<&str>, body: &str) -> ToDeviceMessage {
    ToDeviceMessage {
        user_id: user(name),
        device_id: device_id.map(device),
        json: format!(r#"{{"n":"{body}"}}"#).into(),
    }
}

fn txn(device_id: Option<&str>, event_type: &str, txn_id: &str) -> Option<ToDeviceTxn> {
    Some(ToDeviceTxn {
        sender: user("c"),
        device_id: device_id.map(device),
        event_type: event_type.into(),
        txn_id: txn_id.into(),
    })
}

async fn read(world: &World, device_id: &str, td: u64) -> Vec<String> {
    let (user_id, device_id) = (user("a"), device(device_id));
    let messages = world.store.to_device_after(&user_id, &device_id, Position(td), 100);
    let messages = messages.await.unwrap();
    messages.into_iter().map(|(_, json)| json[6..json.len() - 2].to_owned()).collect()
}

#[tokio::test]
async fn a_message_reaches_the_devices_it_is_for_in_order() {
    let world = World::new().await;
    let messages = vec![
        message("a", Some("A1"), "1"),
        message("a", None, "2"),
        message("a", Some("GONE"), "3"),
        message("nobody", None, "4"),
        message("a", Some("A1"), "5"),
    ];
    world.store.send_to_device(txn(Some("C1"), "t", "1"), messages).await.unwrap();
    let heard = world.heard();
    assert_eq!(
        heard,
        ["message @a:x.fr A1", "message @a:x.fr A1", "message @a:x.fr A2", "message @a:x.fr A1"]
    );
    assert_eq!(read(&world, "A1", 0).await, ["1", "2", "5"]);
    assert_eq!(read(&world, "A2", 0).await, ["2"]);
    assert_eq!(world.store.last_to_device(&user("a"), &device("A1")), world.store.head());
    assert_eq!(world.store.last_to_device(&user("b"), &device("B1")), Position(0));
}

#[tokio::test]
async fn a_transaction_acts_once_also_after_a_restart() {
    let mut world = World::new().await;
    let send = |world: &World, device_id: Option<&'static str>, event_type, txn_id| {
        let store = world.store.clone();
        let txn = txn(device_id, event_type, txn_id);
        async move { store.send_to_device(txn, vec![message("a", Some("A1"), "x")]).await.unwrap() }
    };
    let (first, second) = tokio::join!(
        send(&world, Some("C1"), "t", "1"),
        send(&world, Some("C1"), "t", "1") // arrives while the first is still running
    );
    assert_eq!((first, second), ((), ()));
    assert_eq!(read(&world, "A1", 0).await.len(), 1);
    world.restart();
    send(&world, Some("C1"), "t", "1").await;
    assert_eq!(read(&world, "A1", 0).await.len(), 1);
    send(&world, Some("C1"), "other type", "1").await;
    send(&world, Some("C1"), "t", "2").await;
    send(&world, None, "t", "1").await;
    assert_eq!(read(&world, "A1", 0).await.len(), 4, "another path, id or device acts");
}

#[tokio::test]
async fn a_long_queue_comes_in_portions_without_loss() {
    let world = World::new().await;
    let messages = (0..250).map(|n| message("a", Some("A1"), &n.to_string())).collect();
    world.store.send_to_device(None, messages).await.unwrap();
    let mut td = Position(0);
    let mut seen = Vec::new();
    for expected in [100, 100, 50, 0] {
        world.store.acknowledge_to_device(&user("a"), &device("A1"), td).await.unwrap();
        let store = &world.store;
        let portion = store.to_device_after(&user("a"), &device("A1"), td, 100).await.unwrap();
        assert_eq!(portion.len(), expected);
        td = portion.last().map_or(td, |(pos, _)| *pos);
        seen.extend(portion.into_iter().map(|(_, json)| json));
    }
    let sent: Vec<_> = (0..250).map(|n| format!(r#"{{"n":"{n}"}}"#)).collect();
    assert_eq!(seen, sent);
}

#[tokio::test]
async fn a_number_that_was_not_delivered_acknowledges_nothing() {
    let world = World::new().await;
    let messages = vec![
        message("a", Some("A1"), "1"),
        message("a", Some("A2"), "2"),
        message("a", Some("A1"), "3"),
    ];
    world.store.send_to_device(None, messages).await.unwrap();
    let others = world.store.last_to_device(&user("a"), &device("A2"));
    for td in [others, Position(u64::MAX >> 1), world.store.head().max(Position(9))] {
        world.store.acknowledge_to_device(&user("a"), &device("A1"), td).await.unwrap();
        assert_eq!(read(&world, "A1", td.0).await, ["1", "3"], "nothing is skipped either");
    }
    let own = world.store.last_to_device(&user("a"), &device("A1"));
    assert!(read(&world, "A1", own.0).await.is_empty());
    assert_eq!(read(&world, "A1", 0).await, ["1", "3"], "an old token gets it again");
    world.store.acknowledge_to_device(&user("a"), &device("A1"), own).await.unwrap();
    assert!(read(&world, "A1", 0).await.is_empty());
    assert_eq!(world.store.last_to_device(&user("a"), &device("A1")), Position(0));
    assert_eq!(read(&world, "A2", 0).await, ["2"]);
}
