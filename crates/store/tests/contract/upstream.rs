// SPDX-License-Identifier: Apache-2.0
//! Without these an address that changed hands would open an account, or a sign-out elsewhere would
//! leave a browser signed in.

use std::sync::Arc;

use estafette_core::ids::UserId;
use estafette_store::{
    AccountStore as _, IdentityStore as _, UpstreamStore as _,
    accounts::{NewAccount, TokenHash},
    fact::NoSink,
    identity::BrowserSession,
    sqlite::{SqliteOptions, SqliteStore, Synchronous},
    upstream::{LinkOutcome, UpstreamLogout, UpstreamSession},
};

struct World {
    store: SqliteStore,
    _folder: tempfile::TempDir,
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = SqliteOptions {
            synchronous: Synchronous::Off,
            readers: 2,
            ..SqliteOptions::new(folder.path().join("db"))
        };
        let store = SqliteStore::open(&options, Arc::new(NoSink)).unwrap();
        for user_id in ["@a:x", "@b:x"] {
            let account = NewAccount {
                user_id: user(user_id),
                password_hash: None,
                appservice_id: None,
                is_admin: false,
                displayname: None,
                registration_token: None,
                login: None,
                now_ms: 0,
            };
            store.create_account(account).await.unwrap();
        }
        Self { store, _folder: folder }
    }

    /// Signs a browser in by the word of the provider `p`.
    async fn sign_in(&self, cookie: &str, user_id: &str, subject: &str, sid: Option<&str>) {
        let cookie = TokenHash::of(cookie);
        let session =
            BrowserSession { user_id: user(user_id), created_ms: 0, seen_ms: 0, expires_ms: 100 };
        self.store.start_browser_session(cookie, session).await.unwrap();
        let session = UpstreamSession {
            provider: "p".into(),
            subject: subject.into(),
            sid: sid.map(Into::into),
            id_token: "token".into(),
            expires_ms: 100,
        };
        self.store.put_upstream_session(cookie, session, 0).await.unwrap();
    }

    async fn is_in(&self, cookie: &str) -> bool {
        self.store.browser_session(TokenHash::of(cookie), 1).await.unwrap().is_some()
    }

    async fn end(&self, provider: &str, which: UpstreamLogout) -> Vec<UserId> {
        self.store.end_upstream_sessions(provider, which).await.unwrap()
    }
}

fn user(id: &str) -> UserId {
    UserId::parse(id).unwrap()
}

#[tokio::test]
async fn a_subject_is_one_user_and_a_user_one_subject_of_a_provider() {
    let world = World::new().await;
    let link = async |provider: &str, subject: &str, user_id: &str| {
        world.store.link_upstream(provider, subject, &user(user_id)).await.unwrap()
    };
    assert_eq!(link("p", "one", "@a:x").await, LinkOutcome::Linked);
    assert_eq!(link("p", "one", "@a:x").await, LinkOutcome::Linked, "again");
    assert_eq!(link("p", "one", "@b:x").await, LinkOutcome::Different);
    assert_eq!(link("p", "two", "@a:x").await, LinkOutcome::Different);
    assert_eq!(link("q", "two", "@a:x").await, LinkOutcome::Linked);
    let known = |provider: &'static str| world.store.upstream_user(provider, "one");
    assert_eq!(known("p").await.unwrap(), Some(user("@a:x")));
    assert_eq!(known("q").await.unwrap(), None);
}

#[tokio::test]
async fn a_provider_ends_its_own_sessions_and_no_others() {
    let world = World::new().await;
    world.sign_in("one", "@a:x", "a", Some("s1")).await;
    world.sign_in("two", "@a:x", "a", Some("s2")).await;
    world.sign_in("other", "@b:x", "b", None).await;
    let session = |sid: &str, subject: Option<&str>| {
        UpstreamLogout::Session(sid.into(), subject.map(Into::into))
    };
    assert_eq!(world.end("q", session("s1", None)).await, []);
    assert_eq!(world.end("p", session("s1", Some("b"))).await, []);
    assert!(world.is_in("one").await);
    assert_eq!(world.end("p", session("s1", Some("a"))).await, [user("@a:x")]);
    assert!(!world.is_in("one").await && world.is_in("two").await);
    world.sign_in("three", "@a:x", "a", None).await;
    let all = UpstreamLogout::Subject("a".into());
    assert_eq!(world.end("p", all).await, [user("@a:x")], "each user once");
    assert!(!world.is_in("two").await && !world.is_in("three").await);
    assert!(world.is_in("other").await);
    let cookie = TokenHash::of("other");
    let taken = world.store.take_upstream_session(cookie).await.unwrap();
    assert_eq!(taken.map(|session| session.subject).as_deref(), Some("b"));
    assert!(world.store.take_upstream_session(cookie).await.unwrap().is_none(), "once");
}
