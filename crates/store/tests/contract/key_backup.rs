// SPDX-License-Identifier: Apache-2.0
//! Without these a user could lose the keys to old messages, or overwrite good ones with bad.

use estafette_store::{
    KeyBackupStore as _,
    key_backup::{BackedUpSession, BackupPut, BackupScope, BackupUpdate, KeyBackupState},
};

use crate::devices::{World, user};

fn session(room: &str, id: &str, rank: (bool, i64, i64), data: &str) -> BackedUpSession {
    BackedUpSession {
        room_id: room.into(),
        session_id: id.into(),
        is_verified: rank.0,
        first_message_index: rank.1,
        forwarded_count: rank.2,
        session_data: data.into(),
    }
}

async fn put(world: &World, version: u64, sessions: Vec<BackedUpSession>) -> BackupPut {
    world.store.put_backup_sessions(&user("a"), version, sessions).await.unwrap()
}

async fn create(world: &World) -> u64 {
    world.store.create_backup(&user("a"), "alg".into(), "{}".into()).await.unwrap()
}

fn state(etag: u64, count: u64) -> BackupPut {
    BackupPut::Stored(KeyBackupState { etag, count })
}

#[tokio::test]
async fn versions_count_up_and_are_never_used_twice() {
    let mut world = World::new().await;
    assert!(world.store.backup(&user("a"), None).await.unwrap().is_none());
    assert_eq!((create(&world).await, create(&world).await), (1, 2));
    assert_eq!(world.store.create_backup(&user("b"), "x".into(), "1".into()).await.unwrap(), 1);
    assert!(world.store.delete_backup(&user("a"), 2).await.unwrap());
    assert!(world.store.delete_backup(&user("a"), 2).await.unwrap(), "a repeat succeeds");
    assert!(!world.store.delete_backup(&user("a"), 9).await.unwrap());
    assert_eq!(world.store.backup(&user("a"), None).await.unwrap().unwrap().version, 1);
    assert!(world.store.backup(&user("a"), Some(2)).await.unwrap().is_none());
    world.restart();
    assert_eq!(create(&world).await, 3);
}

#[tokio::test]
async fn the_algorithm_of_a_version_stays() {
    let world = World::new().await;
    create(&world).await;
    let update = |version, algorithm: &str, data: &str| {
        let (store, algorithm, data) = (world.store.clone(), algorithm.into(), data.into());
        async move { store.update_backup(&user("a"), version, algorithm, data).await.unwrap() }
    };
    assert_eq!(update(1, "alg", r#"{"new":1}"#).await, BackupUpdate::Updated);
    assert_eq!(update(1, "other", "{}").await, BackupUpdate::OtherAlgorithm);
    assert_eq!(update(2, "alg", "{}").await, BackupUpdate::NotFound);
    let backup = world.store.backup(&user("a"), Some(1)).await.unwrap().unwrap();
    assert_eq!(backup.auth_data, r#"{"new":1}"#);
}

#[tokio::test]
async fn count_and_etag_move_with_the_sessions() {
    let world = World::new().await;
    create(&world).await;
    let one = session("!r", "s1", (false, 5, 0), "1");
    let two = session("!r", "s2", (false, 5, 0), "2");
    assert_eq!(put(&world, 1, vec![one.clone(), two]).await, state(1, 2));
    assert_eq!(put(&world, 1, vec![one.clone()]).await, state(1, 2), "nothing changed");
    let three = session("!s", "s1", (false, 5, 0), "3");
    assert_eq!(put(&world, 1, vec![one, three]).await, state(2, 3));
    let backup = world.store.backup(&user("a"), None).await.unwrap().unwrap();
    assert_eq!(state(backup.state.etag, backup.state.count), state(2, 3));
    let owner = user("a");
    let delete = |scope| world.store.delete_backup_sessions(&owner, 1, scope);
    let gone = delete(BackupScope::Session("!r".into(), "s1".into())).await.unwrap();
    assert_eq!(gone, Some(KeyBackupState { etag: 3, count: 2 }));
    let gone = delete(BackupScope::Room("!nowhere".into())).await.unwrap();
    assert_eq!(gone, Some(KeyBackupState { etag: 3, count: 2 }));
    let gone = delete(BackupScope::Room("!r".into())).await.unwrap();
    assert_eq!(gone, Some(KeyBackupState { etag: 4, count: 1 }));
    let gone = delete(BackupScope::All).await.unwrap();
    assert_eq!(gone, Some(KeyBackupState { etag: 5, count: 0 }));
    assert_eq!(
        world.store.delete_backup_sessions(&user("a"), 7, BackupScope::All).await.unwrap(),
        None
    );
}

#[tokio::test]
async fn a_better_key_replaces_a_worse_one_and_never_the_other_way_round() {
    // (verified, first index, forwards), best first.
    let ranks =
        [(true, 3, 1), (true, 3, 2), (true, 9, 0), (false, 0, 0), (false, 0, 3), (false, 1, 0)];
    for (at, better) in ranks.iter().enumerate() {
        for worse in &ranks[at..] {
            let world = World::new().await;
            create(&world).await;
            let keep = |world: &World| {
                let store = world.store.clone();
                let scope = BackupScope::Session("!r".into(), "s".into());
                async move {
                    let found = store.backup_sessions(&user("a"), 1, scope).await.unwrap().unwrap();
                    found[0].session_data.clone()
                }
            };
            put(&world, 1, vec![session("!r", "s", *worse, "worse")]).await;
            put(&world, 1, vec![session("!r", "s", *better, "better")]).await;
            let replaced = if better == worse { "worse" } else { "better" };
            assert_eq!(keep(&world).await, replaced, "{better:?} after {worse:?}");
            put(&world, 1, vec![session("!r", "s", *worse, "worse again")]).await;
            assert_eq!(keep(&world).await, replaced, "{worse:?} after {better:?}");
        }
    }
}

#[tokio::test]
async fn only_the_current_version_takes_sessions() {
    let world = World::new().await;
    let one = || vec![session("!r", "s", (false, 0, 0), "1")];
    assert_eq!(put(&world, 1, one()).await, BackupPut::NotFound);
    create(&world).await;
    put(&world, 1, one()).await;
    create(&world).await;
    assert_eq!(put(&world, 1, one()).await, BackupPut::WrongVersion(2));
    assert_eq!(put(&world, 3, one()).await, BackupPut::NotFound);
    let old = world.store.backup_sessions(&user("a"), 1, BackupScope::All).await.unwrap();
    assert_eq!(old, Some(one()), "an old version can still be read");
    assert_eq!(world.store.backup_sessions(&user("b"), 1, BackupScope::All).await.unwrap(), None);
}

#[tokio::test]
async fn a_large_backup_is_deleted_to_the_last_session() {
    let world = World::new().await;
    create(&world).await;
    let many = (0..2_500).map(|n| session("!r", &n.to_string(), (false, 0, 0), "x")).collect();
    assert_eq!(put(&world, 1, many).await, state(1, 2_500));
    assert!(world.store.delete_backup(&user("a"), 1).await.unwrap());
    let sessions = world.store.backup_sessions(&user("a"), 1, BackupScope::All).await.unwrap();
    assert_eq!(sessions, None);
    assert_eq!(world.count("key_backup_session"), 0);
}
