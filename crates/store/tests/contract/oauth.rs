// SPDX-License-Identifier: Apache-2.0
//! Without these a code, a grant or a client would outlive what it rests on.

use std::ops::Deref;

use estafette_core::{
    ids::{DeviceId, UserId},
    limits::OAUTH_CODES_PER_USER_MAX,
};
use estafette_store::{
    AccountStore as _, KeyStore as _, OauthStore as _,
    accounts::{Devices, LoginOutcome, NewLogin, TokenHash, TokenPair},
    keys::{DeviceKeysUpload, KeyUpload},
    oauth::{
        CodeExchange, DevicePoll, GrantOutcome, NewCode, NewDeviceGrant, OauthClient,
        OauthRefreshOutcome, PollOutcome, StartOutcome,
    },
};

struct World {
    base: crate::world::World,
    alice: UserId,
}

impl Deref for World {
    type Target = crate::world::World;

    fn deref(&self) -> &Self::Target {
        &self.base
    }
}

impl World {
    async fn new() -> Self {
        let base = crate::world::World::new();
        let alice = base.add_account("@a:x").await;
        let client = OauthClient { client_id: "client".into(), metadata: "{}".into() };
        assert!(base.store.put_oauth_client(client, 0).await.unwrap());
        Self { base, alice }
    }

    async fn put_code(&self, code: &str, device: &str, expires_ms: i64) {
        let code = NewCode {
            code: TokenHash::of(code),
            user_id: self.alice.clone(),
            client_id: "client".into(),
            redirect_uri: "https://app.fr/".into(),
            scope: "scope".into(),
            device_id: DeviceId::parse(device).unwrap(),
            device_name: Some("App".into()),
            code_challenge: "challenge".into(),
            expires_ms,
        };
        self.store.put_code(code, 0).await.unwrap();
    }

    async fn exchange(&self, code: &str, now_ms: i64) -> GrantOutcome {
        let exchange = CodeExchange {
            code: TokenHash::of(code),
            client_id: "client".into(),
            redirect_uri: "https://app.fr/".into(),
            code_challenge: "challenge".into(),
            tokens: pair(code),
            now_ms,
        };
        self.store.exchange_code(exchange).await.unwrap()
    }
}

/// Tokens named after what they were given for.
fn pair(name: &str) -> TokenPair {
    let refresh = Some(TokenHash::of(&format!("{name} refresh")));
    TokenPair { access: TokenHash::of(&format!("{name} access")), expires_ms: Some(9), refresh }
}

#[tokio::test]
async fn a_code_ends_with_its_time_and_with_what_it_rests_on() {
    let world = World::new().await;
    world.put_code("late", "D", 10).await;
    assert_eq!(world.exchange("late", 10).await, GrantOutcome::Invalid);
    for act in 0..3 {
        let code = format!("code {act}");
        world.put_code(&code, "D", 10).await;
        match act {
            0 => world.store.set_password(&world.alice, None, None).await.unwrap(),
            1 => drop(world.store.delete_devices(&world.alice, Devices::All).await.unwrap()),
            _ => drop(world.store.deactivate_account(&world.alice, false, 1).await.unwrap()),
        }
        assert_eq!(world.exchange(&code, 0).await, GrantOutcome::Invalid, "{act}");
    }
    world.put_code("afterwards", "D", 10).await;
    let refused = GrantOutcome::Refused(LoginOutcome::NoAccount);
    assert_eq!(world.exchange("afterwards", 0).await, refused);
}

#[tokio::test]
async fn two_who_bring_one_code_at_once_are_not_both_in() {
    let world = World::new().await;
    world.put_code("code", "D", 10).await;
    let (one, two) = tokio::join!(world.exchange("code", 0), world.exchange("code", 0));
    let reused = |outcome: &GrantOutcome| matches!(outcome, GrantOutcome::Reused { .. });
    assert!(reused(&one) ^ reused(&two), "{one:?} {two:?}");
    assert!(!world.is_in("code access").await);
}

#[tokio::test]
async fn codes_of_one_user_do_not_pile_up() {
    let world = World::new().await;
    for number in 0..=OAUTH_CODES_PER_USER_MAX {
        let expires_ms = 10 + number.cast_signed();
        world.put_code(&format!("code {number}"), "D", expires_ms).await;
    }
    assert_eq!(world.exchange("code 0", 0).await, GrantOutcome::Invalid, "the oldest went");
    let last = format!("code {OAUTH_CODES_PER_USER_MAX}");
    assert!(matches!(world.exchange(&last, 0).await, GrantOutcome::LoggedIn { .. }));
}

/// Otherwise everybody goes on encrypting to a device that nobody has: its client was told that the
/// session has ended, and threw its keys away.
#[tokio::test]
async fn a_session_that_ends_because_somebody_has_a_copy_leaves_no_device() {
    let world = World::new().await;
    let refresh = async |token: &str, new: &str| {
        let token = TokenHash::of(&format!("{token} refresh"));
        world.store.refresh_oauth("client", &token, pair(new)).await.unwrap()
    };
    let device_id = DeviceId::parse("D").unwrap();
    for round in ["a", "b"] {
        let code = format!("code {round}");
        world.put_code(&code, "D", 10).await;
        world.exchange(&code, 0).await;
        let keys = DeviceKeysUpload { json: "{}".into(), identity: "{}".into() };
        let upload = KeyUpload { device_keys: Some(keys), ..KeyUpload::default() };
        world.store.upload_keys(&world.alice, &device_id, upload).await.unwrap();
        let known = world.store.user_keys(std::slice::from_ref(&world.alice)).await.unwrap();
        assert_eq!(known[0].devices.len(), 1);
        let (user_id, device_id) = (world.alice.clone(), device_id.clone());
        if round == "a" {
            let reused = GrantOutcome::Reused { user_id, device_id };
            assert_eq!(world.exchange(&code, 0).await, reused);
        } else {
            refresh(&code, "second").await;
            let used = refresh("second", "third").await;
            assert!(matches!(used, OauthRefreshOutcome::Refreshed { .. }), "{used:?}");
            let reused = OauthRefreshOutcome::Reused { user_id, device_id };
            assert_eq!(refresh(&code, "thief").await, reused);
        }
        assert!(world.store.devices(&world.alice).await.unwrap().is_empty(), "{round}");
        let known = world.store.user_keys(std::slice::from_ref(&world.alice)).await.unwrap();
        assert!(known[0].devices.is_empty(), "{round}");
    }
}

#[tokio::test]
async fn a_session_is_known_until_its_tokens_end() {
    let world = World::new().await;
    world.put_code("code", "D", 10).await;
    world.exchange("code", 0).await;
    let sessions = world.store.oauth_sessions(&world.alice).await.unwrap();
    assert_eq!(sessions.len(), 1);
    assert_eq!((sessions[0].client.client_id.as_str(), &*sessions[0].scope), ("client", "scope"));
    let nid = world.store.devices(&world.alice).await.unwrap()[0].nid;
    assert!(world.store.is_oauth_device(nid).await.unwrap());
    let refresh = async |client: &str, token: &str, new: &str| {
        let token = TokenHash::of(&format!("{token} refresh"));
        world.store.refresh_oauth(client, &token, pair(new)).await.unwrap()
    };
    assert_eq!(refresh("other", "code", "x").await, OauthRefreshOutcome::Unknown);
    let refreshed = OauthRefreshOutcome::Refreshed { scope: "scope".into() };
    assert_eq!(refresh("client", "code", "second").await, refreshed);
    // A login of the legacy API on the same device ends the session and is none itself.
    let device_id = DeviceId::parse("D").unwrap();
    let login = NewLogin { device_id, display_name: None, tokens: pair("legacy") };
    world.store.log_in(&world.alice, login, 0).await.unwrap();
    assert!(!world.store.is_oauth_device(nid).await.unwrap());
    assert_eq!(refresh("client", "second", "x").await, OauthRefreshOutcome::Unknown);
    assert_eq!(refresh("client", "legacy", "x").await, OauthRefreshOutcome::Unknown);
    assert!(world.is_in("legacy access").await);
}

#[tokio::test]
async fn a_device_grant_is_decided_and_given_once() {
    let world = World::new().await;
    let start = async |name: &str| {
        let grant = NewDeviceGrant {
            device_code: TokenHash::of(name),
            user_code: TokenHash::of("CODE"),
            client_id: "client".into(),
            scope: "scope".into(),
            device_id: DeviceId::parse("D").unwrap(),
            device_name: None,
            interval_ms: 5,
            expires_ms: 100,
        };
        world.store.start_device_grant(grant, 0).await.unwrap()
    };
    let poll = async |name: &str, now_ms: i64| {
        let poll = DevicePoll {
            device_code: TokenHash::of(name),
            client_id: "client".into(),
            tokens: pair(name),
            now_ms,
        };
        world.store.poll_device_grant(poll).await.unwrap()
    };
    assert_eq!(start("one").await, StartOutcome::Started);
    assert_eq!(start("two").await, StartOutcome::Taken, "its user code");
    assert_eq!(poll("one", 0).await, PollOutcome::Pending);
    let user_code = TokenHash::of("CODE");
    let decide = async |by: Option<&UserId>| {
        world.store.decide_device_grant(&user_code, by, 1).await.unwrap()
    };
    assert!(world.store.device_grant(&user_code, 100).await.unwrap().is_none(), "too late");
    assert!(world.store.device_grant(&user_code, 1).await.unwrap().is_some());
    assert!(decide(Some(&world.alice)).await);
    assert!(!decide(None).await, "once");
    let outcome = poll("one", 2).await;
    assert!(matches!(outcome, PollOutcome::Decided(GrantOutcome::LoggedIn { .. })), "{outcome:?}");
    assert!(world.is_in("one access").await);
    let again = poll("one", 100).await;
    assert_eq!(again, PollOutcome::Decided(GrantOutcome::Invalid));
    // One that has to give way is gone, also when somebody has said yes.
    assert_eq!(start("three").await, StartOutcome::Started);
    assert!(decide(Some(&world.alice)).await);
    for _ in 0..2 {
        world.store.end_device_grant(TokenHash::of("three")).await.unwrap();
    }
    assert_eq!(poll("three", 2).await, PollOutcome::Decided(GrantOutcome::Invalid));
}

#[tokio::test]
async fn leave_to_replace_keys_is_used_once_by_its_device() {
    let world = World::new().await;
    let [one, two] = ["D1", "D2"].map(|id| DeviceId::parse(id).unwrap());
    let take = async |device: &DeviceId, now_ms: i64| {
        world.store.take_cross_signing_approval(&world.alice, device, now_ms).await.unwrap()
    };
    world.store.approve_cross_signing(&world.alice, Some(&one), 10).await.unwrap();
    assert!(!take(&two, 0).await && !take(&one, 10).await);
    assert!(take(&one, 9).await && !take(&one, 9).await);
    world.store.approve_cross_signing(&world.alice, None, 10).await.unwrap();
    assert!(take(&two, 9).await && !take(&one, 9).await);
}
