// SPDX-License-Identifier: Apache-2.0
//! Without these a client's settings could get lost, or a sync could miss a change.

use std::sync::Arc;

use estafette_core::{
    ids::{RoomId, UserId},
    limits::FILTERS_PER_USER_MAX,
};
use estafette_store::{
    AccountDataStore as _, FactKind, Position,
    account_data::{SaveFilterOutcome, SetOutcome},
    sqlite::{SqliteOptions, SqliteStore},
};
use parking_lot::Mutex;

#[derive(Default)]
struct Heard(Mutex<Vec<(Position, String)>>);

impl estafette_store::CommitSink for Heard {
    fn committed(&self, _head: Position, facts: &[estafette_store::Fact]) {
        for fact in facts {
            if let FactKind::AccountData { user_id, room_id, kind } = &fact.kind {
                let room = room_id.as_ref().map_or("", RoomId::as_str);
                self.0.lock().push((fact.pos, format!("{user_id}|{room}|{kind}")));
            }
        }
    }
}

fn open(folder: &tempfile::TempDir, heard: &Arc<Heard>) -> SqliteStore {
    let sink: Arc<dyn estafette_store::CommitSink> = Arc::<Heard>::clone(heard);
    SqliteStore::open(&SqliteOptions::new(folder.path().join("db")), sink).unwrap()
}

fn user(id: &str) -> UserId {
    UserId::parse(id).unwrap()
}

fn room() -> RoomId {
    RoomId::parse("!r:x.fr").unwrap()
}

fn pos(outcome: SetOutcome) -> Position {
    match outcome {
        SetOutcome::Set(pos) => pos,
        other => panic!("not set: {other:?}"),
    }
}

#[tokio::test]
async fn data_is_kept_per_user_room_and_type_over_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let heard = Arc::new(Heard::default());
    let store = open(&folder, &heard);
    let (alice, bob, room) = (user("@a:x.fr"), user("@b:x.fr"), room());
    let set = |user: UserId, room: Option<RoomId>, content: &'static str| {
        let store = store.clone();
        async move {
            pos(store
                .set_account_data(&user, room.as_ref(), "t", Some(content), None)
                .await
                .unwrap())
        }
    };
    let first = set(alice.clone(), None, "1").await;
    let second = set(alice.clone(), Some(room.clone()), "2").await;
    set(bob.clone(), None, "3").await;
    let again = set(alice.clone(), None, "4").await;
    assert!(first < second && second < again);
    let lines: Vec<_> = heard.0.lock().iter().map(|(_, line)| line.clone()).collect();
    assert_eq!(lines, ["@a:x.fr||t", "@a:x.fr|!r:x.fr|t", "@b:x.fr||t", "@a:x.fr||t"]);

    drop(store);
    let store = open(&folder, &heard);
    let content = async |user: &UserId, room: Option<&RoomId>| {
        store.account_data(user, room, "t").await.unwrap().and_then(|data| data.content)
    };
    assert_eq!(content(&alice, None).await.as_deref(), Some("4"));
    assert_eq!(content(&alice, Some(&room)).await.as_deref(), Some("2"));
    assert_eq!(content(&bob, None).await.as_deref(), Some("3"));
    assert_eq!(content(&bob, Some(&room)).await, None);
    assert_eq!(store.all_account_data(&alice).await.unwrap().len(), 2);
    assert_eq!(store.room_account_data(&alice, &room).await.unwrap().len(), 1);
    let changes = store.account_data_changes(&alice, first, again).await.unwrap();
    let positions: Vec<_> = changes.iter().map(|data| data.pos).collect();
    assert_eq!(positions, [second, again], "each at its last change, oldest first");
    let until = store.account_data_changes(&alice, Position(0), second).await.unwrap();
    assert_eq!(until.len(), 1, "nothing beyond `upto`");
}

#[tokio::test]
async fn a_deletion_is_told_once_and_then_gone() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder, &Arc::default());
    let alice = user("@a:x.fr");
    let set = pos(store.set_account_data(&alice, None, "t", Some("1"), None).await.unwrap());
    let gone = pos(store.set_account_data(&alice, None, "t", None, None).await.unwrap());
    assert!(store.all_account_data(&alice).await.unwrap().is_empty());
    let changes = store.account_data_changes(&alice, set, gone).await.unwrap();
    assert_eq!((changes.len(), changes[0].content.as_deref()), (1, None));
}

#[tokio::test]
async fn a_conditional_write_never_overwrites_what_it_has_not_seen() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder, &Arc::default());
    let alice = user("@a:x.fr");
    let write = async |content: &str, since| {
        store.set_account_data(&alice, None, "t", Some(content), Some(since)).await.unwrap()
    };
    let first = pos(write("1", Position(0)).await);
    assert_eq!(write("2", Position(0)).await, SetOutcome::Changed);
    let second = pos(write("3", first).await);
    assert_eq!(write("4", first).await, SetOutcome::Changed);
    let data = store.account_data(&alice, None, "t").await.unwrap().unwrap();
    assert_eq!((data.content.as_deref(), data.pos), (Some("3"), second));
}

#[tokio::test]
async fn equal_filters_share_an_id_and_their_number_is_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder, &Arc::default());
    let (alice, bob) = (user("@a:x.fr"), user("@b:x.fr"));
    let save = async |user: &UserId, json: &str| store.save_filter(user, json).await.unwrap();
    assert_eq!(save(&alice, "{}").await, SaveFilterOutcome::Saved(1));
    assert_eq!(save(&alice, "{\"a\":1}").await, SaveFilterOutcome::Saved(2));
    assert_eq!(save(&alice, "{}").await, SaveFilterOutcome::Saved(1));
    assert_eq!(save(&bob, "{}").await, SaveFilterOutcome::Saved(1));
    assert_eq!(store.filter(&alice, 2).await.unwrap().as_deref(), Some("{\"a\":1}"));
    assert_eq!(store.filter(&bob, 2).await.unwrap(), None);
    let filters: Vec<_> = (2..=FILTERS_PER_USER_MAX).map(|n| n.to_string()).collect();
    let saved = futures_util::future::join_all(filters.iter().map(|f| save(&bob, f))).await;
    assert!(saved.iter().all(|outcome| matches!(outcome, SaveFilterOutcome::Saved(_))));
    assert_eq!(save(&bob, "one more").await, SaveFilterOutcome::TooMany);
    assert_eq!(save(&bob, "{}").await, SaveFilterOutcome::Saved(1));
}
