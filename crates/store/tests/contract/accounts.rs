// SPDX-License-Identifier: Apache-2.0
//! Without these somebody could lose an account, keep a revoked one, or leave traces of a device.

use std::ops::Deref;

use estafette_core::ids::{DeviceId, UserId};
use estafette_store::{
    AccountStore as _, FactKind, KeyStore as _, PushStore as _,
    accounts::{
        AccountFlag, AccountPage, CreateOutcome, DeviceSeen, Devices, DirectoryQuery, LoginOutcome,
        NewAccount, NewLogin, PasswordHash, ProfileOutcome, RefreshOutcome, RegistrationToken,
        TokenHash, TokenPair,
    },
    keys::{DeviceKeysUpload, KeyUpload, OneTimeKey},
    push::Pusher,
};

use crate::world::user;

struct World(crate::world::World);

impl Deref for World {
    type Target = crate::world::World;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl World {
    fn new() -> Self {
        Self(crate::world::World::new())
    }

    async fn create(&self, id: &str) -> UserId {
        let outcome = self.store.create_account(new(id)).await.unwrap();
        assert_eq!(outcome, CreateOutcome::Created);
        user(id)
    }

    async fn log_in(&self, user_id: &UserId, device: &str, token: &str) -> LoginOutcome {
        self.store.log_in(user_id, login(device, pair(token, None)), 0).await.unwrap()
    }
}

fn device(id: &str) -> DeviceId {
    DeviceId::parse(id).unwrap()
}

fn pair(access: &str, refresh: Option<&str>) -> TokenPair {
    TokenPair {
        access: TokenHash::of(access),
        expires_ms: refresh.map(|_| 1_000),
        refresh: refresh.map(TokenHash::of),
    }
}

fn login(device_id: &str, tokens: TokenPair) -> NewLogin {
    NewLogin { device_id: device(device_id), display_name: Some("Phone".into()), tokens }
}

fn new(id: &str) -> NewAccount {
    NewAccount {
        user_id: user(id),
        password_hash: Some(PasswordHash("hash".into())),
        appservice_id: None,
        is_admin: false,
        displayname: None,
        registration_token: None,
        login: None,
        now_ms: 7,
    }
}

#[tokio::test]
async fn a_name_is_given_once_for_ever() {
    let world = World::new();
    let alice = world.create("@a:x").await;
    let again = world.store.create_account(new("@a:x")).await.unwrap();
    assert_eq!(again, CreateOutcome::Taken);
    world.store.deactivate_account(&alice, true, 1).await.unwrap();
    let again = world.store.create_account(new("@a:x")).await.unwrap();
    assert_eq!(again, CreateOutcome::Taken, "a deactivated user's name is not for somebody else");
    let both = tokio::join!(
        world.store.create_account(new("@b:x")),
        world.store.create_account(new("@b:x"))
    );
    let outcomes = [both.0.unwrap(), both.1.unwrap()];
    assert!(outcomes.contains(&CreateOutcome::Created) && outcomes.contains(&CreateOutcome::Taken));
}

#[tokio::test]
async fn an_invitation_is_used_up_only_by_an_account_that_is_made() {
    let world = World::new();
    world.create("@a:x").await;
    let token = RegistrationToken {
        token: "t".into(),
        uses_allowed: Some(1),
        used: 0,
        expires_ms: Some(100),
    };
    world.store.put_registration_token(token).await.unwrap();
    let with_token = |id: &str, now_ms| {
        let account = NewAccount { registration_token: Some("t".into()), now_ms, ..new(id) };
        world.store.create_account(account)
    };
    assert_eq!(with_token("@a:x", 1).await.unwrap(), CreateOutcome::Taken);
    assert_eq!(with_token("@b:x", 100).await.unwrap(), CreateOutcome::TokenInvalid, "too old");
    assert_eq!(with_token("@b:x", 99).await.unwrap(), CreateOutcome::Created);
    assert_eq!(with_token("@c:x", 99).await.unwrap(), CreateOutcome::TokenInvalid, "used up");
    let left = world.store.registration_tokens().await.unwrap();
    assert_eq!((left.len(), left[0].used), (1, 1));
    assert_eq!(world.store.account(&user("@c:x")).await.unwrap(), None);
}

/// I13: a revocation holds as soon as its call has returned, also for what is held in memory.
#[tokio::test]
async fn what_ends_a_session_ends_it_at_once() {
    let world = World::new();
    let (alice, store) = (world.create("@a:x").await, world.store.clone());
    let start = async |device: &str, token: &str| {
        assert_eq!(world.log_in(&alice, device, token).await, LoginOutcome::LoggedIn);
        assert!(world.is_in(token).await && world.is_in(token).await);
    };
    start("A", "one").await;
    start("A", "two").await;
    assert!(!world.is_in("one").await, "a new login of a device ends its old tokens");
    store.delete_devices(&alice, Devices::These(vec![device("A"), device("Z")])).await.unwrap();
    assert!(!world.is_in("two").await);
    start("A", "three").await;
    start("B", "four").await;
    store.set_password(&alice, None, Some(Devices::AllBut(device("B")))).await.unwrap();
    assert!(!world.is_in("three").await && world.is_in("four").await);
    store.set_account_flag(&alice, AccountFlag::Locked, true).await.unwrap();
    let session = store.session(&TokenHash::of("four")).await.unwrap().unwrap();
    assert!(session.locked && !session.suspended);
    store.set_account_flag(&alice, AccountFlag::Suspended, true).await.unwrap();
    let session = store.session(&TokenHash::of("four")).await.unwrap().unwrap();
    assert!(session.locked && session.suspended);
    store.deactivate_account(&alice, false, 1).await.unwrap();
    assert!(!world.is_in("four").await);
    let refused = world.log_in(&alice, "B", "five").await;
    assert_eq!(refused, LoginOutcome::NoAccount);
    assert!(store.reactivate_account(&alice, None).await.unwrap());
    assert!(!world.is_in("four").await, "coming back brings no session back");
    store.deactivate_account(&alice, true, 2).await.unwrap();
    assert!(!store.reactivate_account(&alice, None).await.unwrap(), "erased is for ever");
    assert!(store.account(&alice).await.unwrap().unwrap().erased);
}

/// Readers that began before a revocation must not put back what it took (the epoch).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revocation_wins_over_readers_under_way() {
    let world = World::new();
    let alice = world.create("@a:x").await;
    for round in 0..50 {
        let token = format!("t{round}");
        world.log_in(&alice, "A", &token).await;
        let readers: Vec<_> = (0..4)
            .map(|_| {
                let (store, token) = (world.store.clone(), TokenHash::of(&token));
                tokio::spawn(async move { store.session(&token).await.unwrap().is_some() })
            })
            .collect();
        world.store.delete_devices(&alice, Devices::All).await.unwrap();
        for reader in readers {
            reader.await.unwrap();
        }
        assert!(!world.is_in(&token).await, "round {round}");
    }
}

#[tokio::test]
async fn refresh_tokens_rotate_and_notice_theft() {
    let world = World::new();
    let (alice, store) = (world.create("@a:x").await, world.store.clone());
    store.log_in(&alice, login("A", pair("a1", Some("r1"))), 0).await.unwrap();
    let refresh = async |from: &str, to: &str| {
        let new = pair(&format!("a{to}"), Some(&format!("r{to}")));
        store.refresh(&TokenHash::of(from), new).await.unwrap()
    };
    assert_eq!(refresh("r1", "2").await, RefreshOutcome::Refreshed);
    assert!(world.is_in("a1").await, "the old pair works until the new one is used");
    let session = store.session(&TokenHash::of("a2")).await.unwrap().unwrap();
    assert!(!session.confirmed);
    store.confirm_session(session.device_nid, session.generation).await.unwrap();
    assert!(!world.is_in("a1").await && world.is_in("a2").await);
    assert!(store.session(&TokenHash::of("a2")).await.unwrap().unwrap().confirmed);
    store.confirm_session(session.device_nid, session.generation).await.unwrap();
    let stolen = refresh("r1", "3").await;
    assert_eq!(stolen, RefreshOutcome::Reused { user_id: alice.clone(), device_id: device("A") });
    assert!(!world.is_in("a2").await && !world.is_in("a3").await);
    assert_eq!(refresh("r2", "4").await, RefreshOutcome::Unknown);
    assert_eq!(store.devices(&alice).await.unwrap().len(), 1, "the device is the owner's");
    assert_eq!(world.count("access_token") + world.count("refresh_token"), 0);

    store.log_in(&alice, login("A", pair("b1", Some("s1"))), 0).await.unwrap();
    store.set_account_flag(&alice, AccountFlag::Locked, true).await.unwrap();
    assert_eq!(refresh("s1", "5").await, RefreshOutcome::Locked);
    store.set_account_flag(&alice, AccountFlag::Locked, false).await.unwrap();
    assert_eq!(refresh("s1", "6").await, RefreshOutcome::Refreshed);
}

/// E10: nothing of a deleted device is left, and those who share rooms hear of it.
#[tokio::test]
async fn a_deleted_device_leaves_nothing_behind() {
    let world = World::new();
    let (alice, store) = (world.create("@a:x").await, world.store.clone());
    for (id, token) in [("A", "a"), ("B", "b")] {
        store.log_in(&alice, login(id, pair(token, Some(&format!("r{token}")))), 0).await.unwrap();
        let key = |key_id: &str| OneTimeKey {
            algorithm: "signed_curve25519".into(),
            key_id: key_id.into(),
            key: format!("{id}{key_id}"),
            json: "{}".into(),
        };
        let upload = KeyUpload {
            device_keys: Some(DeviceKeysUpload { json: "{}".into(), identity: id.into() }),
            one_time_keys: vec![key("1"), key("2")],
            fallback_keys: vec![key("3")],
        };
        store.upload_keys(&alice, &device(id), upload).await.unwrap();
        let pusher = Pusher {
            user_id: alice.clone(),
            app_id: "app".into(),
            pushkey: id.into(),
            kind: "http".into(),
            app_display_name: "App".into(),
            device_display_name: "Phone".into(),
            profile_tag: None,
            lang: "fr".into(),
            data: "{}".into(),
            enabled: true,
            device_id: Some(device(id)),
            set_ms: 0,
        };
        assert!(store.set_pusher(pusher, true, 10).await.unwrap());
    }
    let tables = [
        "device",
        "access_token",
        "refresh_token",
        "device_keys",
        "one_time_key",
        "fallback_key",
        "pusher",
    ];
    let before: Vec<i64> = tables.iter().map(|table| world.count(table)).collect();
    world.heard.0.lock().clear();
    let gone = store.delete_devices(&alice, Devices::These(vec![device("A")])).await.unwrap();
    assert_eq!(gone, [device("A")]);
    let after: Vec<i64> = tables.iter().map(|table| world.count(table)).collect();
    for ((table, before), after) in tables.iter().zip(&before).zip(&after) {
        assert_eq!(after * 2, *before, "{table}");
    }
    let heard = world.heard.0.lock().clone();
    assert!(
        heard
            .iter()
            .any(|fact| matches!(fact, FactKind::DeviceList { user_id } if *user_id == alice))
    );
    assert!(world.is_in("b").await);
    // The next device gets a number of its own, though the highest one is free.
    let b = store.device(&alice, &device("B")).await.unwrap().unwrap().nid;
    store.delete_devices(&alice, Devices::All).await.unwrap();
    world.log_in(&alice, "C", "c").await;
    let c = store.device(&alice, &device("C")).await.unwrap().unwrap().nid;
    assert!(c > b);
}

#[tokio::test]
async fn devices_keep_their_first_name_and_their_last_use() {
    let world = World::new();
    let (alice, store) = (world.create("@a:x").await, world.store.clone());
    world.log_in(&alice, "A", "a").await;
    assert!(store.rename_device(&alice, &device("A"), "Mine").await.unwrap());
    assert!(!store.rename_device(&alice, &device("Z"), "Mine").await.unwrap());
    world.log_in(&alice, "A", "b").await;
    let nid = store.device(&alice, &device("A")).await.unwrap().unwrap().nid;
    let seen = DeviceSeen { at_ms: 5, ip: "192.0.2.1".into(), user_agent: None };
    store.note_device_use(vec![(nid, seen.clone()), (nid + 1, seen.clone())]).await.unwrap();
    let devices = store.devices(&alice).await.unwrap();
    assert_eq!(devices.len(), 1);
    assert_eq!((devices[0].display_name.as_deref(), &devices[0].seen), (Some("Mine"), &Some(seen)));
}

#[tokio::test]
async fn profiles_are_kept_and_erased_with_their_owner() {
    let world = World::new();
    let (alice, store) = (world.create("@a:x").await, world.store.clone());
    let set = async |name: &str, value: Option<&str>| {
        store.set_profile_field(&alice, name, value).await.unwrap()
    };
    assert_eq!(set("displayname", Some("\"A\"")).await, ProfileOutcome::Set { changed: true });
    assert_eq!(set("displayname", Some("\"A\"")).await, ProfileOutcome::Set { changed: false });
    assert_eq!(set("x.y", None).await, ProfileOutcome::Set { changed: false });
    let fields = store.profile(&alice).await.unwrap().unwrap();
    assert_eq!(fields, [("displayname".to_owned(), "\"A\"".to_owned())]);
    assert_eq!(store.profile(&user("@b:x")).await.unwrap(), None);
    store.deactivate_account(&alice, true, 1).await.unwrap();
    assert_eq!(set("displayname", Some("\"B\"")).await, ProfileOutcome::NoAccount);
    assert_eq!(store.profile(&alice).await.unwrap(), Some(Vec::new()));
    assert_eq!(world.count("directory_name") + world.count("directory_entry"), 0);
}

/// Without it a change that came while rooms were being told would never reach them, or one that
/// reached them would be told after every restart.
#[tokio::test]
async fn a_changed_profile_is_noted_until_this_very_change_was_told() {
    let world = World::new();
    let (alice, store) = (world.create("@a:x").await, world.store.clone());
    let set = async |name: &str, value: &str| {
        store.set_profile_field(&alice, name, Some(value)).await.unwrap()
    };
    set("m.tz", "\"Europe/Paris\"").await;
    assert_eq!(store.profiles_to_tell(9).await.unwrap(), []);
    set("displayname", "\"A\"").await;
    assert_eq!(store.profiles_to_tell(9).await.unwrap(), std::slice::from_ref(&alice));
    let first = store.profile_change_to_tell(&alice).await.unwrap().unwrap();
    set("avatar_url", "\"mxc://x/a\"").await;
    store.profile_told(&alice, first).await.unwrap();
    let second = store.profile_change_to_tell(&alice).await.unwrap().unwrap();
    assert_ne!(first, second);
    store.profile_told(&alice, second).await.unwrap();
    assert_eq!(store.profile_change_to_tell(&alice).await.unwrap(), None);
    set("displayname", "\"B\"").await;
    store.deactivate_account(&alice, false, 1).await.unwrap();
    assert_eq!(store.profiles_to_tell(9).await.unwrap(), []);
}

#[tokio::test]
async fn accounts_are_listed_page_by_page() {
    let world = World::new();
    for id in ["@a:x", "@b:x", "@c:x"] {
        world.create(id).await;
    }
    world.store.deactivate_account(&user("@b:x"), false, 1).await.unwrap();
    let list = async |page: AccountPage| {
        let (accounts, total) = world.store.accounts(page).await.unwrap();
        (accounts.into_iter().map(|account| account.user_id.to_string()).collect::<Vec<_>>(), total)
    };
    let page = AccountPage { limit: 10, ..AccountPage::default() };
    assert_eq!(list(page.clone()).await, (vec!["@a:x".into(), "@c:x".into()], 2));
    let all = AccountPage { deactivated: true, from: 1, limit: 1, search: None };
    assert_eq!(list(all).await, (vec!["@b:x".into()], 3));
    let search = AccountPage { search: Some("c:".into()), ..page.clone() };
    assert_eq!(list(search).await, (vec!["@c:x".into()], 1));
    let wildcard = AccountPage { search: Some("%".into()), ..page };
    assert_eq!(list(wildcard).await, (vec![], 0));
}

#[tokio::test]
async fn the_directory_finds_words_by_their_beginning() {
    let world = World::new();
    let searcher = world.create("@me:x").await;
    for (id, name) in
        [("@1:x", "\"Anne Roche\""), ("@2:x", "\"Roch Anneau\""), ("@3:x", "\"Émile\"")]
    {
        let user_id = world.create(id).await;
        world.store.set_profile_field(&user_id, "displayname", Some(name)).await.unwrap();
    }
    let find = async |text: &str, limit| {
        let query = DirectoryQuery {
            text: text.into(),
            searcher: searcher.clone(),
            visible_only: false,
            limit,
            now_ms: 0,
        };
        let found = world.store.search_directory(query).await.unwrap();
        found.entries.into_iter().map(|entry| entry.user_id.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(find("roch ann", 10).await, ["@2:x", "@1:x"], "whole names first");
    assert_eq!(find("ann", 10).await, ["@1:x", "@2:x"]);
    assert_eq!(find("ann", 1).await, ["@1:x"]);
    assert_eq!(find("EMI", 10).await, ["@3:x"]);
    world.store.set_account_flag(&user("@3:x"), AccountFlag::Locked, true).await.unwrap();
    assert_eq!(find("emi", 10).await, Vec::<String>::new());
}
