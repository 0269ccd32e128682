// SPDX-License-Identifier: Apache-2.0
//! Without these an account that was renewed at the last moment would end all the same, or the one
//! that ended would keep an address that is somebody else's by now.

use std::sync::Arc;

use estafette_core::ids::{DeviceId, UserId};
use estafette_store::{
    AccountStore as _, PeopleStore as _,
    accounts::{AccountFlag, NewAccount, NewLogin, TokenHash, TokenPair},
    fact::NoSink,
    people::{AdminAct, AdminOutcome, AuditEntry, CreatePersonOutcome, PersonDetails},
    sqlite::{SqliteOptions, SqliteStore, Synchronous},
};

fn open(folder: &tempfile::TempDir) -> SqliteStore {
    let options = SqliteOptions {
        synchronous: Synchronous::Off,
        readers: 2,
        ..SqliteOptions::new(folder.path().join("db"))
    };
    SqliteStore::open(&options, Arc::new(NoSink)).unwrap()
}

fn user(localpart: &str) -> UserId {
    UserId::parse(&format!("@{localpart}:x")).unwrap()
}

async fn create(store: &SqliteStore, localpart: &str, details: PersonDetails) -> UserId {
    let tokens = TokenPair { access: TokenHash::of(localpart), expires_ms: None, refresh: None };
    let device_id = DeviceId::parse("D").unwrap();
    let account = NewAccount {
        user_id: user(localpart),
        password_hash: None,
        appservice_id: None,
        is_admin: false,
        displayname: Some("Jean Martin".into()),
        registration_token: None,
        login: Some(NewLogin { device_id, display_name: None, tokens }),
        now_ms: 7,
    };
    let outcome = store.create_person(account, details).await.unwrap();
    assert_eq!(outcome, CreatePersonOutcome::Created);
    user(localpart)
}

fn details(email: &str, expires_ms: Option<i64>) -> PersonDetails {
    PersonDetails { email: Some(email.into()), expires_ms, ..PersonDetails::default() }
}

fn entry(now_ms: i64) -> AuditEntry {
    AuditEntry { actor: "policy".into(), reason: None, now_ms }
}

async fn act(store: &SqliteStore, now_ms: i64, user_id: &UserId, act: AdminAct) -> AdminOutcome {
    store.administer(entry(now_ms), Some(user_id.as_str()), act).await.unwrap()
}

#[tokio::test]
async fn only_what_is_still_expired_lapses_and_gives_its_address_up() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    let gone = create(&store, "gone", details("jean@x.fr", Some(100))).await;
    let later = create(&store, "later", details("later@x.fr", Some(101))).await;
    let locked = create(&store, "locked", details("locked@x.fr", Some(50))).await;
    create(&store, "endless", details("endless@x.fr", None)).await;
    store.set_account_flag(&locked, AccountFlag::Locked, true).await.unwrap();
    let lapsing = store.people_lapsing(100, 10).await.unwrap();
    assert_eq!(
        lapsing.into_iter().map(|person| person.user_id).collect::<Vec<_>>(),
        std::slice::from_ref(&gone)
    );
    for spared in [&later, &locked, &user("endless"), &user("nobody")] {
        let outcome = act(&store, 300, spared, AdminAct::Lapse(100)).await;
        assert_eq!(outcome, AdminOutcome::NoAccount, "{spared}");
    }
    assert_eq!(act(&store, 300, &gone, AdminAct::Lapse(100)).await, AdminOutcome::Done);
    assert_eq!(
        act(&store, 300, &gone, AdminAct::Lapse(100)).await,
        AdminOutcome::NoAccount,
        "once"
    );
    assert!(store.account(&gone).await.unwrap().unwrap().deactivated);
    assert_eq!(store.devices(&gone).await.unwrap().len(), 0);
    assert_eq!(store.person_by_email("jean@x.fr").await.unwrap(), None);
    create(&store, "next", details("jean@x.fr", Some(900))).await;

    assert_eq!(store.lapsed_people(299, 10).await.unwrap(), []);
    assert_eq!(store.lapsed_people(300, 10).await.unwrap(), std::slice::from_ref(&gone));
    act(&store, 301, &gone, AdminAct::Reactivate(None)).await;
    assert_eq!(store.lapsed_people(300, 10).await.unwrap(), [], "it is back");
    let back = store.person(&gone).await.unwrap().unwrap().details;
    assert_eq!((back.email, back.expires_ms), (None, None));
}

#[tokio::test]
async fn an_end_is_given_once_and_to_people_alone() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    let old = create(&store, "old", details("old@x.fr", None)).await;
    let has = create(&store, "has", details("has@x.fr", Some(9))).await;
    create(&store, "bot", PersonDetails::default()).await;
    let exempt = PersonDetails { endless: true, ..details("exempt@x.fr", None) };
    let exempt = create(&store, "exempt", exempt).await;
    assert_eq!(store.people_without_end(10).await.unwrap(), std::slice::from_ref(&old));
    let ends = vec![(old.clone(), 70), (has.clone(), 70), (exempt.clone(), 70)];
    let token = TokenHash::of("old");
    assert_eq!(store.session(&token).await.unwrap().unwrap().account_expires_ms, None);
    assert_eq!(store.give_ends(entry(1), ends.clone()).await.unwrap(), 1);
    assert_eq!(store.give_ends(entry(1), ends).await.unwrap(), 0);
    for (user_id, end) in [(&old, Some(70)), (&has, Some(9)), (&exempt, None)] {
        assert_eq!(store.account(user_id).await.unwrap().unwrap().expires_ms, end);
    }
    let session = store.session(&token).await.unwrap().unwrap();
    assert_eq!(session.account_expires_ms, Some(70), "sessions know at once");
    assert_eq!(store.people_without_end(10).await.unwrap(), []);
}
