// SPDX-License-Identifier: Apache-2.0
//! Without these the policy would move people who are no longer whom it read of, or half of what
//! it says.

use std::sync::Arc;

use estafette_core::ids::UserId;
use estafette_store::{
    AccountStore as _, PeopleStore as _,
    accounts::{AccountFlag, NewAccount},
    fact::NoSink,
    people::{AdminAct, AdminOutcome, AuditEntry, AuditPage, PersonDetails, Placed, Placement},
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

async fn create(store: &SqliteStore, localpart: &str, name: &str, given: Option<&str>) -> UserId {
    let user_id = UserId::parse(&format!("@{localpart}:x")).unwrap();
    let account = NewAccount {
        user_id: user_id.clone(),
        password_hash: None,
        appservice_id: None,
        is_admin: false,
        displayname: Some(name.into()),
        registration_token: None,
        login: None,
        now_ms: 7,
    };
    let details = PersonDetails {
        email: Some(format!("{localpart}@x.fr")),
        derived_name: given.map(str::to_owned),
        guest: true,
        ..PersonDetails::default()
    };
    let act = AdminAct::Create(Box::new(account), Box::new(details));
    let outcome = store.administer(entry(), Some(user_id.as_str()), act).await.unwrap();
    assert_eq!(outcome, AdminOutcome::Done);
    user_id
}

fn entry() -> AuditEntry {
    AuditEntry { actor: "policy".into(), reason: None, now_ms: 9 }
}

fn placement(localpart: &str) -> Placement {
    Placement {
        email: format!("{localpart}@x.fr"),
        organisation_id: Some("dinum".into()),
        organisation_name: Some("Dinum".into()),
        derived_name: Some(format!("{localpart} [Dinum]")),
        ..Placement::default()
    }
}

async fn name(store: &SqliteStore, user_id: &UserId) -> Option<String> {
    let profile = store.profile(user_id).await.unwrap().unwrap();
    let name = profile.into_iter().find(|(key, _)| key == "displayname");
    name.map(|(_, json)| serde_json::from_str(&json).unwrap())
}

async fn lines(store: &SqliteStore) -> usize {
    let page = AuditPage { limit: 100, ..AuditPage::default() };
    store.audit_lines(page).await.unwrap().len()
}

#[tokio::test]
async fn people_are_moved_once_and_only_where_their_address_is_still_the_one_that_was_read() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    let ada = create(&store, "ada", "Ada [Externe]", Some("Ada [Externe]")).await;
    let bo = create(&store, "bo", "Bonaventure", Some("Bo [Externe]")).await;
    let cy = create(&store, "cy", "cy", None).await;
    let di = create(&store, "di", "Di [Externe]", Some("Di [Externe]")).await;
    let gone = create(&store, "gone", "Gone", None).await;
    store.deactivate_account(&gone, false, 1).await.unwrap();
    let before = lines(&store).await;
    let nobody = UserId::parse("@nobody:x").unwrap();
    let wanted = vec![
        (ada.clone(), placement("ada")),
        (bo.clone(), placement("bo")),
        (cy.clone(), placement("cy")),
        (di.clone(), placement("another")),
        (gone.clone(), placement("gone")),
        (nobody, placement("nobody")),
    ];
    let placed = store.place_people(entry(), wanted.clone()).await.unwrap();
    let moved = |user_id: &UserId| Placed { user_id: user_id.clone(), shown_anew: true };
    assert_eq!(placed, [moved(&ada), moved(&bo), moved(&cy)]);
    // Of her rooms are told, too, who keeps her name and is no guest any more.
    let told = store.profiles_to_tell(10).await.unwrap();
    assert!([&ada, &bo, &cy].iter().all(|user_id| told.contains(user_id)), "{told:?}");
    assert_eq!(lines(&store).await, before + 3);
    assert_eq!(name(&store, &ada).await.as_deref(), Some("ada [Dinum]"));
    assert_eq!(name(&store, &bo).await.as_deref(), Some("Bonaventure"), "corrected");
    assert_eq!(name(&store, &cy).await.as_deref(), Some("cy [Dinum]"), "no name but the localpart");
    assert_eq!(name(&store, &di).await.as_deref(), Some("Di [Externe]"));
    let known = store.person(&di).await.unwrap().unwrap();
    assert!(known.details.guest, "another address has decided by now");
    let known = store.person(&ada).await.unwrap().unwrap().details;
    assert_eq!((known.organisation_id.as_deref(), known.guest), (Some("dinum"), false));
    assert_eq!(store.place_people(entry(), wanted).await.unwrap(), [], "once");
    assert_eq!(lines(&store).await, before + 3);
    assert_eq!(store.verify_audit().await.unwrap().broken, None);
}

#[tokio::test]
async fn an_address_brings_its_end_only_to_those_who_have_none() {
    // Otherwise a corrected address would renew an account, or end one that was to last for ever.
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    let ada = create(&store, "ada", "Ada", None).await;
    let ends = async || store.person(&ada).await.unwrap().unwrap().details.expires_ms;
    let address = |end| {
        let placement = Placement { expires_ms: Some(end), ..placement("new") };
        AdminAct::SetAddress(Box::new(placement))
    };
    let act = async |act| store.administer(entry(), Some("@ada:x"), act).await.unwrap();
    assert_eq!(act(address(50)).await, AdminOutcome::Done);
    assert_eq!(ends().await, Some(50));
    act(address(70)).await;
    assert_eq!(ends().await, Some(50));
    act(AdminAct::SetExpiry(None)).await;
    act(address(70)).await;
    assert_eq!(ends().await, None);
    create(&store, "bo", "Bo", None).await;
    let taken = Placement { email: "bo@x.fr".into(), ..Placement::default() };
    assert_eq!(act(AdminAct::SetAddress(Box::new(taken))).await, AdminOutcome::Taken);
    let unchanged = store.person(&ada).await.unwrap().unwrap().details;
    assert_eq!(unchanged.email.as_deref(), Some("new@x.fr"), "all of it or nothing");
}

#[tokio::test]
async fn a_corrected_name_keeps_its_letters_and_gets_the_label_of_where_somebody_belongs() {
    // Otherwise whoever left a ministry goes on under its label, in all rooms, as a guest too.
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    let eva = create(&store, "eva", "Éva [Intérieur]", Some("Eva [Intérieur]")).await;
    let bo = create(&store, "bo", "Bonaventure", Some("Bo [Intérieur]")).await;
    let place = async |localpart: &str, derived: Option<&str>, guest: bool| {
        let placement = Placement {
            organisation_id: Some(format!("{guest} {derived:?}")),
            derived_name: derived.map(str::to_owned),
            guest,
            ..placement(localpart)
        };
        let user_id = UserId::parse(&format!("@{localpart}:x")).unwrap();
        store.place_people(entry(), vec![(user_id, placement)]).await.unwrap()
    };
    for (derived, guest, called) in [
        (Some("Eva [Culture]"), false, "Éva [Culture]"),
        (Some("Eva [Externe]"), true, "Éva [Externe]"),
        (Some("Eva"), true, "Éva"),
        (Some("Eva [Culture]"), false, "Éva"),
    ] {
        assert!(!place("eva", derived, guest).await.is_empty());
        assert_eq!(name(&store, &eva).await.as_deref(), Some(called), "{derived:?}");
    }
    assert_eq!(name(&store, &bo).await.as_deref(), Some("Bonaventure"));
    place("bo", Some("Bo [Culture]"), false).await;
    assert_eq!(name(&store, &bo).await.as_deref(), Some("Bonaventure"), "it had no label");
    let given = serde_json::json!("Bon [Culture]").to_string();
    store.set_profile_field(&bo, "displayname", Some(&given)).await.unwrap();
    place("bo", None, true).await;
    assert_eq!(name(&store, &bo).await.as_deref(), Some("Bon"), "a guest of no address's name");
}

#[tokio::test]
async fn a_guest_is_no_administrator_from_the_first_and_from_when_they_become_one() {
    // Otherwise somebody who left goes on administering the server.
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    let ada = create(&store, "ada", "Ada", None).await;
    let bo = create(&store, "bo", "Bo", None).await;
    let act =
        async |user_id: &str, act| store.administer(entry(), Some(user_id), act).await.unwrap();
    let make = || AdminAct::SetFlag(AccountFlag::Admin, true);
    assert_eq!(act("@ada:x", make()).await, AdminOutcome::Guest);
    let new = NewAccount {
        user_id: UserId::parse("@new:x").unwrap(),
        password_hash: None,
        appservice_id: None,
        is_admin: true,
        displayname: None,
        registration_token: None,
        login: None,
        now_ms: 7,
    };
    let details = PersonDetails { guest: true, ..PersonDetails::default() };
    let created = act("@new:x", AdminAct::Create(Box::new(new), Box::new(details))).await;
    assert_eq!(created, AdminOutcome::Guest);
    let is_admin = async |user_id| store.account(user_id).await.unwrap().unwrap().is_admin;
    for user_id in [&ada, &bo] {
        let placement = placement(user_id.localpart());
        store.place_people(entry(), vec![(user_id.clone(), placement)]).await.unwrap();
        assert_eq!(act(user_id.as_str(), make()).await, AdminOutcome::Done);
        assert!(is_admin(user_id).await);
    }
    let guest = |user_id: &UserId| Placement {
        guest: true,
        organisation_id: None,
        ..placement(user_id.localpart())
    };
    store.place_people(entry(), vec![(ada.clone(), guest(&ada))]).await.unwrap();
    assert_eq!(act("@bo:x", AdminAct::SetAddress(Box::new(guest(&bo)))).await, AdminOutcome::Done);
    let page = AuditPage { limit: 100, ..AuditPage::default() };
    let lines = store.audit_lines(page).await.unwrap();
    for user_id in [&ada, &bo] {
        assert!(!is_admin(user_id).await);
        let told = lines.iter().any(|line| {
            line.act == "account.unmake_admin" && line.subject.as_deref() == Some(user_id.as_str())
        });
        assert!(told, "{user_id}");
    }
    assert_eq!(store.verify_audit().await.unwrap().broken, None);
}
