// SPDX-License-Identifier: Apache-2.0
//! Without these a notification could go to the wrong person, or be forgotten by a restart.

use std::sync::Arc;

use estafette_core::ids::{DeviceId, EventId, RoomId, UserId};
use estafette_store::{
    Position, PushStore as _,
    fact::NoSink,
    push::{AppserviceProgress, Outgoing, PushProgress, Pusher},
    sqlite::{SqliteOptions, SqliteStore},
};

fn open(folder: &tempfile::TempDir) -> SqliteStore {
    SqliteStore::open(&SqliteOptions::new(folder.path().join("db")), Arc::new(NoSink)).unwrap()
}

fn pusher(user: &str, pushkey: &str) -> Pusher {
    Pusher {
        user_id: UserId::parse(user).unwrap(),
        app_id: "app".into(),
        pushkey: pushkey.into(),
        kind: "http".into(),
        app_display_name: "App".into(),
        device_display_name: "Phone".into(),
        profile_tag: None,
        lang: "fr".into(),
        data: "{}".into(),
        enabled: true,
        device_id: Some(DeviceId::parse("D").unwrap()),
        set_ms: 5,
    }
}

fn outgoing(pusher_nid: i64, pos: u64) -> Outgoing {
    Outgoing {
        pusher_nid,
        pos: Position(pos),
        room_id: RoomId::parse("!r:x.fr").unwrap(),
        event_id: EventId::parse("$e").unwrap(),
        tweaks: "{}".into(),
        ts_ms: 9,
    }
}

#[tokio::test]
async fn a_pushkey_belongs_to_one_user_unless_appended() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    assert!(store.set_pusher(pusher("@a:x.fr", "k"), false, 2).await.unwrap());
    assert!(store.set_pusher(pusher("@b:x.fr", "k"), true, 2).await.unwrap());
    assert_eq!(store.pushers(None).await.unwrap().len(), 2);
    let renamed = Pusher { lang: "en".into(), ..pusher("@b:x.fr", "k") };
    assert!(store.set_pusher(renamed.clone(), false, 2).await.unwrap());
    let left = store.pushers(None).await.unwrap();
    assert_eq!(
        left.iter().map(|(_, p)| p.clone()).collect::<Vec<_>>(),
        std::slice::from_ref(&renamed)
    );
    assert!(store.set_pusher(pusher("@b:x.fr", "k2"), false, 2).await.unwrap());
    assert!(!store.set_pusher(pusher("@b:x.fr", "k3"), false, 2).await.unwrap());
    assert!(store.set_pusher(pusher("@b:x.fr", "k2"), false, 2).await.unwrap(), "replaced");
    assert!(store.remove_pusher(&renamed.user_id, "app", "k").await.unwrap());
    assert!(!store.remove_pusher(&renamed.user_id, "app", "k").await.unwrap());
}

#[tokio::test]
async fn what_was_not_accepted_waits_over_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    store.set_pusher(pusher("@a:x.fr", "k"), false, 9).await.unwrap();
    let nid = store.pushers(None).await.unwrap()[0].0;
    let waiting = vec![outgoing(nid, 3), outgoing(nid, 4), outgoing(nid + 1, 4)];
    let progress = PushProgress { pos: Position(5), waiting, done: Vec::new() };
    store.save_push_progress(progress).await.unwrap();
    drop(store);
    let store = open(&folder);
    let (pos, waiting) = store.push_progress().await.unwrap();
    assert_eq!(pos, Position(5));
    assert_eq!(waiting, [outgoing(nid, 3), outgoing(nid, 4)], "nothing for an unknown pusher");
    let done = vec![(nid, Position(3))];
    let progress = PushProgress { pos: Position(4), waiting: Vec::new(), done };
    store.save_push_progress(progress).await.unwrap();
    let (pos, waiting) = store.push_progress().await.unwrap();
    assert_eq!((pos, waiting.len()), (Position(5), 1), "a position never goes back");
    store.remove_rejected(nid).await.unwrap();
    assert!(store.push_progress().await.unwrap().1.is_empty());
    assert!(store.pushers(None).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_transaction_that_was_not_accepted_is_repeated_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    let fresh = store.appservice_progress("irc", Position(7)).await.unwrap();
    assert_eq!(fresh, AppserviceProgress { pos: Position(7), txn_id: 0, pending: None });
    let pending = Some(("{\"events\":[]}".to_owned(), Position(12)));
    let sent = AppserviceProgress { pos: Position(7), txn_id: 1, pending };
    store.save_appservice_progress("irc", sent.clone()).await.unwrap();
    drop(store);
    let store = open(&folder);
    assert_eq!(store.appservice_progress("irc", Position(99)).await.unwrap(), sent);
}
