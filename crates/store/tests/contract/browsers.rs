// SPDX-License-Identifier: Apache-2.0
//! Without these a browser that a thief is signed in with would outlive what ends everything else,
//! and let in new devices.

use std::ops::Deref;

use estafette_core::ids::UserId;
use estafette_store::{
    AccountStore as _, IdentityStore as _, PeopleStore as _,
    accounts::{AccountFlag, Devices, PasswordHash, TokenHash},
    identity::BrowserSession,
    people::{AdminAct, AdminOutcome, AuditEntry},
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
        let alice = base.add_account("@alice:x").await;
        let bob = base.add_account("@bob:x").await;
        let world = Self { base, alice };
        world.sign_in("bob", &bob).await;
        world
    }

    async fn sign_in(&self, cookie: &str, user_id: &UserId) {
        let session = BrowserSession {
            user_id: user_id.clone(),
            created_ms: 0,
            proven_ms: 0,
            seen_ms: 0,
            expires_ms: 100,
            name: "Firefox, Linux".into(),
        };
        self.store.start_browser_session(TokenHash::of(cookie), session).await.unwrap();
    }

    async fn is_in(&self, cookie: &str) -> bool {
        self.store.browser_session(TokenHash::of(cookie), 1).await.unwrap().is_some()
    }

    async fn administer(&self, act: AdminAct) {
        let entry = AuditEntry { actor: "operator".into(), reason: None, now_ms: 1 };
        let done = self.store.administer(entry, Some(self.alice.as_str()), act).await.unwrap();
        assert!(matches!(done, AdminOutcome::Done | AdminOutcome::Deleted(_)), "{done:?}");
    }
}

fn hash() -> Option<PasswordHash> {
    Some(PasswordHash("hash".into()))
}

/// The cookie by which a browser is known counts for one generation: a stolen one would be good for
/// ever otherwise, or no one's after anybody's new password.
#[tokio::test]
async fn a_new_password_and_the_end_of_all_devices_end_browsers() {
    let world = World::new().await;
    let (store, alice) = (&world.store, &world.alice);
    let generation = async |who: &str| store.browsers_generation(who).await.unwrap();
    for way in 0..8 {
        world.sign_in("alice", alice).await;
        assert!(world.is_in("alice").await);
        let before = generation("@alice:x").await;
        match way {
            0 => store.set_password(alice, hash(), None).await.unwrap(),
            1 => store.set_password(alice, hash(), Some(Devices::All)).await.unwrap(),
            2 => drop(store.delete_devices(alice, Devices::All).await.unwrap()),
            3 => world.administer(AdminAct::SetPassword(hash(), None)).await,
            4 => world.administer(AdminAct::SetPassword(hash(), Some(Devices::All))).await,
            5 => world.administer(AdminAct::DeleteDevices(Devices::All)).await,
            6 => store.end_browser_sessions(alice, Some(TokenHash::of("this"))).await.unwrap(),
            _ => assert!(store.deactivate_account(alice, false, 1).await.unwrap()),
        }
        assert!(!world.is_in("alice").await, "way {way}");
        assert!(world.is_in("bob").await, "somebody else's, by way {way}");
        assert!(generation("@alice:x").await > before, "way {way}");
    }
    assert!(store.reactivate_account(alice, hash()).await.unwrap());
    world.sign_in("alice", alice).await;
    let before = generation("@alice:x").await;
    store.delete_devices(alice, Devices::These(Vec::new())).await.unwrap();
    assert!(world.is_in("alice").await, "single devices are no reason");
    store.end_browser_session(TokenHash::of("alice")).await.unwrap();
    let others = (generation("@bob:x").await, generation("nobody, a@x").await);
    assert_eq!((generation("@alice:x").await, others), (before, (0, 0)), "nor is signing out");
}

#[tokio::test]
async fn a_proof_is_of_one_browser_and_begins_no_session() {
    let world = World::new().await;
    world.sign_in("alice", &world.alice).await;
    let (alice, bob) = (TokenHash::of("alice"), TokenHash::of("bob"));
    for cookie in [alice, TokenHash::of("ended")] {
        world.store.note_browser_proof(cookie, 7).await.unwrap();
    }
    for (cookie, proven_ms) in [(alice, 7), (bob, 0)] {
        let signed_in = world.store.browser_session(cookie, 1).await.unwrap().unwrap();
        assert_eq!(signed_in.session.proven_ms, proven_ms);
        assert_eq!(signed_in.session.name, "Firefox, Linux");
    }
    assert!(!world.is_in("ended").await);
}

#[tokio::test]
async fn nobody_is_signed_in_to_a_locked_account() {
    let world = World::new().await;
    world.sign_in("alice", &world.alice).await;
    world.store.set_account_flag(&world.alice, AccountFlag::Locked, true).await.unwrap();
    assert!(!world.is_in("alice").await);
    assert!(world.is_in("bob").await);
}
