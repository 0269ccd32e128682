// SPDX-License-Identifier: Apache-2.0
//! Without these an address that changed hands would open an account, or a sign-out elsewhere would
//! leave a browser signed in.

use std::ops::Deref;

use estafette_core::{
    ids::{DeviceId, UserId},
    limits::UPSTREAM_SIDS_MAX,
};
use estafette_store::{
    AccountStore as _, IdentityStore as _, PeopleStore as _, UpstreamStore as _,
    accounts::{DeviceSeen, Devices, NewLogin, PasswordHash, TokenHash, TokenPair},
    identity::BrowserSession,
    people::{AdminAct, AdminOutcome, AuditEntry, AuditPage, PersonDetails},
    upstream::{LinkOutcome, LinkReason, UpstreamLogout, UpstreamSession},
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
    async fn new() -> Self {
        let world = crate::world::World::new();
        for user_id in ["@a:x", "@b:x", "@c:x"] {
            world.add_account(user_id).await;
        }
        Self(world)
    }

    /// Signs a browser in by the word of the provider `p`.
    async fn sign_in(&self, cookie: &str, user_id: &str, subject: &str, sid: Option<&str>) {
        self.sign_in_for(cookie, user_id, subject, sid, None).await;
    }

    /// The same where the name of the session is remembered.
    async fn sign_in_for(
        &self,
        cookie: &str,
        user_id: &str,
        subject: &str,
        sid: Option<&str>,
        sid_until_ms: Option<i64>,
    ) {
        let cookie = TokenHash::of(cookie);
        let session = BrowserSession {
            user_id: user(user_id),
            created_ms: 0,
            proven_ms: 0,
            seen_ms: 0,
            expires_ms: 100,
            name: "Firefox, Linux".into(),
        };
        self.store.start_browser_session(cookie, session).await.unwrap();
        let session = UpstreamSession {
            provider: "p".into(),
            subject: subject.into(),
            sid: sid.map(Into::into),
            id_token: "token".into(),
            expires_ms: 100,
            sid_until_ms,
        };
        self.store.put_upstream_session(cookie, session).await.unwrap();
    }

    async fn link(
        &self,
        provider: &str,
        subject: &str,
        user_id: &str,
        reason: LinkReason,
    ) -> LinkOutcome {
        self.store.link_upstream(provider, subject, &user(user_id), reason).await.unwrap()
    }

    async fn has(&self, cookie: &str) -> bool {
        self.store.browser_session(TokenHash::of(cookie), 1).await.unwrap().is_some()
    }

    async fn end(&self, provider: &str, which: UpstreamLogout) -> Vec<UserId> {
        self.store.end_upstream_sessions(provider, which).await.unwrap()
    }
}

#[tokio::test]
async fn a_subject_is_one_user_and_a_user_one_subject_of_a_provider() {
    let world = World::new().await;
    let link = async |provider: &str, subject: &str, user_id: &str| {
        world.link(provider, subject, user_id, LinkReason::Proven).await
    };
    assert_eq!(link("p", "one", "@a:x").await, LinkOutcome::Linked);
    assert_eq!(link("p", "one", "@a:x").await, LinkOutcome::Linked, "again");
    assert_eq!(link("p", "one", "@b:x").await, LinkOutcome::Different);
    assert_eq!(link("q", "two", "@a:x").await, LinkOutcome::Linked);
    let known = |provider: &'static str| world.store.upstream_user(provider, "one");
    assert_eq!(known("p").await.unwrap(), Some(user("@a:x")));
    assert_eq!(known("q").await.unwrap(), None);
    let providers = async |id: &str| world.store.upstream_providers(&user(id)).await.unwrap();
    assert_eq!(
        (providers("@a:x").await, providers("@b:x").await),
        (vec!["p".into(), "q".into()], vec![])
    );
}

/// Otherwise an erased account leaves who its owner was elsewhere, and whoever lapsed is shut out by
/// their own provider for ever.
#[tokio::test]
async fn who_lapsed_or_is_erased_is_no_subject_any_more_and_who_left_still_is() {
    let world = World::new().await;
    let store = &world.store;
    for (user_id, subject) in [("@a:x", "a"), ("@b:x", "b"), ("@c:x", "c")] {
        world.link("p", subject, user_id, LinkReason::Proven).await;
        world.sign_in_for(subject, user_id, subject, Some(subject), Some(500)).await;
    }
    let expired = PersonDetails { expires_ms: Some(10), ..PersonDetails::default() };
    store.put_person(&user("@c:x"), expired).await.unwrap();
    let entry = AuditEntry { actor: "policy".into(), reason: None, now_ms: 20 };
    let outcome = store.administer(entry, Some("@c:x"), AdminAct::Lapse(15)).await.unwrap();
    assert_eq!(outcome, AdminOutcome::Done);
    store.deactivate_account(&user("@a:x"), false, 1).await.unwrap();
    store.deactivate_account(&user("@b:x"), false, 1).await.unwrap();
    let subject = |name: &'static str| store.upstream_user("p", name);
    assert_eq!(subject("c").await.unwrap(), None, "lapsed");
    assert_eq!(subject("a").await.unwrap(), Some(user("@a:x")), "may come back");
    store.deactivate_account(&user("@b:x"), true, 1).await.unwrap();
    assert_eq!(subject("b").await.unwrap(), None, "erased");
    for table in ["upstream_link", "upstream_session", "upstream_sid"] {
        let sql = format!("SELECT group_concat(subject) FROM {table}");
        let left: String = world.file().query_row(&sql, (), |row| row.get(0)).unwrap();
        assert_eq!(left, "a", "{table}");
    }
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
    assert!(world.has("one").await);
    assert_eq!(world.end("p", session("s1", Some("a"))).await, [user("@a:x")]);
    assert!(!world.has("one").await && world.has("two").await);
    world.sign_in("three", "@a:x", "a", None).await;
    let all = UpstreamLogout::Subject("a".into());
    assert_eq!(world.end("p", all).await, [user("@a:x")], "each user once");
    assert!(!world.has("two").await && !world.has("three").await);
    assert!(world.has("other").await);
    let cookie = TokenHash::of("other");
    let taken = world.store.take_upstream_session(cookie).await.unwrap();
    assert_eq!(taken.map(|session| session.subject).as_deref(), Some("b"));
    assert!(world.store.take_upstream_session(cookie).await.unwrap().is_none(), "once");
}

/// Otherwise the account of somebody who left opens to whoever has their address now.
#[tokio::test]
async fn an_address_alone_joins_only_what_nobody_used() {
    use LinkOutcome::{Linked, Unproven};
    use LinkReason::{Address, Authority, Proven};
    let world = World::new().await;
    let (a, b, c) = ("@a:x", "@b:x", "@c:x");
    assert_eq!(world.link("p", "one", a, Address).await, Linked, "made for it, say");
    for reason in [Address, Authority] {
        assert_eq!(world.link("p", "two", a, reason).await, Unproven, "another subject");
    }
    for reason in [Address, Authority] {
        assert_eq!(world.link("q", "two", a, reason).await, Unproven, "of another provider too");
    }
    assert_eq!(world.store.upstream_user("q", "two").await.unwrap(), None);
    assert_eq!(world.link("q", "two", a, Proven).await, Linked);

    let hash = Some(PasswordHash("hash".into()));
    world.store.set_password(&user(b), hash, None).await.unwrap();
    assert_eq!(world.link("p", "three", b, Address).await, Unproven, "it has a password");
    world.store.set_password(&user(b), None, None).await.unwrap();
    let device_id = DeviceId::parse("D").unwrap();
    let tokens = TokenPair { access: TokenHash::of("t"), expires_ms: None, refresh: None };
    let login = NewLogin { device_id, display_name: None, tokens };
    world.store.log_in(&user(b), login, 0).await.unwrap();
    assert_eq!(world.link("p", "three", b, Address).await, Unproven, "it has a device");
    let nid = world.store.session(&TokenHash::of("t")).await.unwrap().unwrap().device_nid;
    let seen = DeviceSeen { at_ms: 5, ip: "127.0.0.1".into(), user_agent: None };
    world.store.note_device_use(vec![(nid, seen)]).await.unwrap();
    world.store.delete_devices(&user(b), Devices::All).await.unwrap();
    assert_eq!(world.link("p", "three", b, Address).await, Unproven, "it had one");
    assert_eq!(world.link("p", "three", b, Authority).await, Linked);
    assert_eq!(world.link("q", "four", c, Authority).await, Linked);
}

/// Otherwise whoever a provider names anew is shut out for ever, or is two people at once.
#[tokio::test]
async fn a_proven_subject_takes_the_place_of_the_one_before() {
    let world = World::new().await;
    world.link("p", "old", "@a:x", LinkReason::Proven).await;
    world.link("q", "other", "@a:x", LinkReason::Proven).await;
    world.link("p", "bs", "@b:x", LinkReason::Proven).await;
    world.sign_in_for("old", "@a:x", "old", Some("s"), Some(500)).await;
    world.sign_in("bs", "@b:x", "bs", None).await;
    assert_eq!(world.link("p", "bs", "@a:x", LinkReason::Proven).await, LinkOutcome::Different);
    assert!(world.has("old").await);
    assert_eq!(world.link("p", "new", "@a:x", LinkReason::Proven).await, LinkOutcome::Linked);
    let user_of = |subject: &'static str| world.store.upstream_user("p", subject);
    assert_eq!(user_of("new").await.unwrap(), Some(user("@a:x")));
    assert_eq!(user_of("old").await.unwrap(), None);
    let links = world.store.upstream_links(&user("@a:x")).await.unwrap();
    let links: Vec<_> = links.iter().map(|link| (&*link.provider, &*link.subject)).collect();
    assert_eq!(links, [("p", "new"), ("q", "other")]);
    assert!(!world.has("old").await, "signed in by the subject that is gone");
    assert!(world.has("bs").await);
    let by_sid = UpstreamLogout::Session("s".into(), None);
    assert_eq!(world.end("p", by_sid).await, []);
}

/// Otherwise the support cannot help whom a provider names anew, or does it without a trace, or to
/// others as well.
#[tokio::test]
async fn administrators_take_links_away_with_a_line_for_each() {
    let world = World::new().await;
    let entry = || AuditEntry { actor: "@root:x".into(), reason: None, now_ms: 5 };
    for (user_id, email) in [("@a:x", "a@x.fr"), ("@b:x", "b@sub.x.fr"), ("@c:x", "c@x.fr")] {
        let email = Some(email.to_owned());
        let details = PersonDetails { email, ..PersonDetails::default() };
        world.store.put_person(&user(user_id), details).await.unwrap();
        world.link("p", &user_id[1..2], user_id, LinkReason::Proven).await;
    }
    world.link("q", "a", "@a:x", LinkReason::Proven).await;
    world.sign_in("a", "@a:x", "a", None).await;
    let after = async |domain: Option<&str>, after: &str, limit: u64| {
        let links = world.store.upstream_links_after("p", domain, after, limit).await.unwrap();
        links.into_iter().map(|link| link.subject).collect::<Vec<_>>()
    };
    assert_eq!(after(None, "", 10).await, ["a", "b", "c"]);
    assert_eq!(after(Some("x.fr"), "", 10).await, ["a", "c"], "the domain alone");
    assert_eq!(after(Some("x.fr"), "", 1).await, ["a"]);
    assert_eq!(after(Some("x.fr"), "a", 10).await, ["c"]);
    let both = vec![user("@a:x"), user("@c:x")];
    assert_eq!(world.store.unlink_upstream(entry(), "p", both.clone()).await.unwrap(), 2);
    assert_eq!(world.store.unlink_upstream(entry(), "p", both).await.unwrap(), 0);
    assert_eq!(after(None, "", 10).await, ["b"]);
    assert!(!world.has("a").await, "signed in by what is gone");
    let unlink = |user_id: &'static str, provider: Option<&str>| {
        let act = AdminAct::Unlink(provider.map(Into::into));
        world.store.administer(entry(), Some(user_id), act)
    };
    assert_eq!(unlink("@a:x", Some("p")).await.unwrap(), AdminOutcome::NoLink);
    assert_eq!(unlink("@a:x", None).await.unwrap(), AdminOutcome::Done);
    assert_eq!(unlink("@b:x", Some("p")).await.unwrap(), AdminOutcome::Done);
    assert_eq!(world.count("upstream_link"), 0);
    let page = AuditPage { limit: 10, ..AuditPage::default() };
    let lines = world.store.audit_lines(page).await.unwrap();
    let mut told: Vec<_> =
        lines.iter().map(|line| (line.subject.as_deref(), &*line.details)).collect();
    told.reverse();
    assert_eq!(
        told,
        [
            (Some("@a:x"), r#"{"provider":"p"}"#),
            (Some("@c:x"), r#"{"provider":"p"}"#),
            (Some("@a:x"), r#"{"provider":null}"#),
            (Some("@b:x"), r#"{"provider":"p"}"#),
        ]
    );
    assert!(lines.iter().all(|line| line.act == "account.unlink"));
}

/// Otherwise a provider that names a session alone reaches nobody who has signed out here since.
#[tokio::test]
async fn a_sessions_name_outlives_the_browser_and_not_for_ever() {
    let world = World::new().await;
    world.link("p", "a", "@a:x", LinkReason::Proven).await;
    world.link("p", "b", "@b:x", LinkReason::Proven).await;
    let by_sid = |sid: &str| UpstreamLogout::Session(sid.into(), None);
    world.sign_in_for("one", "@a:x", "a", Some("s"), Some(500)).await;
    world.store.end_browser_session(TokenHash::of("one")).await.unwrap();
    world.store.take_upstream_session(TokenHash::of("one")).await.unwrap();
    assert_eq!(world.end("q", by_sid("s")).await, []);
    assert_eq!(world.end("p", by_sid("s")).await, [user("@a:x")]);
    assert_eq!(world.end("p", by_sid("s")).await, [], "once");

    world.sign_in_for("two", "@a:x", "a", Some("t"), Some(500)).await;
    world.sign_in_for("three", "@b:x", "b", None, Some(500)).await;
    assert_eq!(world.store.sweep_upstream_sessions(99).await.unwrap(), 0);
    assert!(world.store.upstream_session(TokenHash::of("two"), 99).await.unwrap().is_some());
    assert!(world.store.upstream_session(TokenHash::of("two"), 100).await.unwrap().is_none());
    assert_eq!(world.store.sweep_upstream_sessions(100).await.unwrap(), 2);
    assert_eq!(world.count("upstream_session"), 0);
    assert_eq!(world.count("upstream_sid"), 1, "no name, nothing to remember");
    assert_eq!(world.store.sweep_upstream_sessions(500).await.unwrap(), 1);
    assert_eq!(world.end("p", by_sid("t")).await, [], "nothing is left of it");

    for at in 0..UPSTREAM_SIDS_MAX + 3 {
        let sid = format!("many {at}");
        world.sign_in_for(&sid, "@b:x", "b", Some(&sid), Some(600 + at)).await;
        world.store.take_upstream_session(TokenHash::of(&sid)).await.unwrap();
    }
    assert_eq!(world.count("upstream_sid"), UPSTREAM_SIDS_MAX);
    assert_eq!(world.end("p", by_sid("many 0")).await, [], "the oldest");
    let newest = format!("many {}", UPSTREAM_SIDS_MAX + 2);
    assert_eq!(world.end("p", by_sid(&newest)).await, [user("@b:x")]);
}
