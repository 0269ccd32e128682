// SPDX-License-Identifier: Apache-2.0
//! Without these a call that ended would go on for ever in everybody's eyes, or a message would
//! come twice.

use std::sync::Arc;

use estafette_core::ids::{DeviceId, RoomId, UserId};
use estafette_store::{
    AccountStore as _, DelayedEventStore as _,
    accounts::{Devices, LoginOutcome, NewAccount},
    delayed_events::{DelayedEnd, DelayedEvent, PutOutcome},
    fact::NoSink,
    rooms::Txn,
    sqlite::{SqliteOptions, SqliteStore},
};

fn open(folder: &tempfile::TempDir) -> SqliteStore {
    SqliteStore::open(&SqliteOptions::new(folder.path().join("db")), Arc::new(NoSink)).unwrap()
}

fn user() -> UserId {
    UserId::parse("@a:x.fr").unwrap()
}

fn event(id: &str, delay_ms: i64) -> DelayedEvent {
    DelayedEvent {
        delay_id: id.into(),
        user_id: user(),
        device_nid: None,
        txn: None,
        room_id: RoomId::parse("!r:x.fr").unwrap(),
        kind: "m.test".into(),
        state_key: Some("k".into()),
        content: "{}".into(),
        origin_server_ts: None,
        delay_ms,
        since_ms: 1_000,
    }
}

fn ids(events: &[DelayedEvent]) -> Vec<&str> {
    events.iter().map(|event| event.delay_id.as_str()).collect()
}

#[tokio::test]
async fn what_waits_outlives_a_restart_and_comes_due_in_order() {
    let folder = tempfile::tempdir().unwrap();
    {
        let store = open(&folder);
        for (id, delay) in [("late", 500), ("early", 100), ("same", 100)] {
            let kept = store.put_delayed_event(event(id, delay), 3).await.unwrap();
            assert_eq!(kept, PutOutcome::Kept);
        }
        let fourth = store.put_delayed_event(event("fourth", 1), 3).await.unwrap();
        assert_eq!(fourth, PutOutcome::TooMany);
    }
    let store = open(&folder);
    let (due, next) = store.due_delayed_events(1_050, 9).await.unwrap();
    assert_eq!((ids(&due), next), (vec![], Some(1_100)));
    let (due, next) = store.due_delayed_events(1_100, 9).await.unwrap();
    assert_eq!((ids(&due), next), (vec!["early", "same"], Some(1_500)));
    assert!(store.restart_delayed_event("same", 1_050).await.unwrap());
    assert!(store.end_delayed_event("early", DelayedEnd::Sent).await.unwrap());
    assert!(!store.end_delayed_event("early", DelayedEnd::GivenUp).await.unwrap(), "it ended");
    assert!(!store.restart_delayed_event("early", 1_050).await.unwrap());
    assert_eq!(store.delayed_event("early").await.unwrap(), None);
    let (due, next) = store.due_delayed_events(1_149, 9).await.unwrap();
    assert_eq!((ids(&due), next), (vec![], Some(1_150)));
    assert_eq!(ids(&store.delayed_events(&user()).await.unwrap()), ["late", "same"]);
}

#[tokio::test]
async fn a_repeated_request_gets_the_first_answer_also_after_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    let txn = Txn { device_nid: 7, path: 3, txn_id: "t".into() };
    let of =
        |id: &str| DelayedEvent { device_nid: Some(7), txn: Some(txn.clone()), ..event(id, 100) };
    assert_eq!(store.put_delayed_event(of("a"), 9).await.unwrap(), PutOutcome::Kept);
    let repeated = PutOutcome::Repeated("a".into());
    assert_eq!(store.put_delayed_event(of("b"), 9).await.unwrap(), repeated);
    store.end_delayed_event("a", DelayedEnd::Sent).await.unwrap();
    assert_eq!(store.put_delayed_event(of("c"), 9).await.unwrap(), repeated);
    let days_later = DelayedEvent { since_ms: 90_000_000, ..of("d") };
    let other = DelayedEvent { txn: None, delay_id: "e".into(), ..days_later.clone() };
    store.put_delayed_event(other, 9).await.unwrap();
    assert_eq!(store.put_delayed_event(days_later, 9).await.unwrap(), PutOutcome::Kept);
}

#[tokio::test]
async fn they_end_with_their_device_and_with_their_account() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    let account = NewAccount {
        user_id: user(),
        password_hash: None,
        appservice_id: None,
        is_admin: false,
        displayname: None,
        registration_token: None,
        login: None,
        now_ms: 1,
    };
    store.create_account(account).await.unwrap();
    let device_id = DeviceId::parse("D").unwrap();
    let made = store.put_device(&user(), &device_id, None, 1).await.unwrap();
    assert_eq!(made, LoginOutcome::LoggedIn);
    let device = store.device(&user(), &device_id).await.unwrap().unwrap();
    let of_device = DelayedEvent { device_nid: Some(device.nid), ..event("device", 100) };
    store.put_delayed_event(of_device, 9).await.unwrap();
    store.put_delayed_event(event("account", 100), 9).await.unwrap();
    store.delete_devices(&user(), Devices::These(vec![device_id])).await.unwrap();
    assert_eq!(ids(&store.delayed_events(&user()).await.unwrap()), ["account"]);
    store.deactivate_account(&user(), false, 1).await.unwrap();
    assert_eq!(ids(&store.delayed_events(&user()).await.unwrap()), Vec::<&str>::new());
}
