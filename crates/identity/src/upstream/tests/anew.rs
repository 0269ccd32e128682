// SPDX-License-Identifier: Apache-2.0
//! Without these whoever a provider names anew, as ProConnect does when a ministry changes its
//! identity provider, is shut out for ever, or whoever has their address is let in.

use estafette_store::{
    AccountStore as _, PeopleStore as _, UpstreamStore as _, people::AuditPage,
    upstream::LinkReason,
};
use http::StatusCode;
use serde_json::json;

use super::{JOIN, World};
use crate::{admin::run_for_tests as run, testing::quick_hash};

const BACK: &str = "/_estafette/upstream/idp/join?continue=%2Fnext";
const AGAIN: &str = "/_estafette/upstream/idp?continue=%2Fnext";

/// Whose the subject `new` is.
async fn new(world: &World) -> Option<String> {
    let user_id = world.site.identity.store.upstream_user("idp", "new").await.unwrap();
    user_id.map(|user_id| user_id.to_string())
}

#[tokio::test]
async fn another_subject_is_joined_by_the_password_once_and_replaces_the_one_before() {
    for authoritative in [false, true] {
        let world = World::with(|provider| {
            if authoritative {
                provider.authoritative_domains = vec!["*".into()];
            }
        });
        let user_id = world.agent().await;
        let store = &world.site.identity.store;
        store.link_upstream("idp", "subject", &user_id, LinkReason::Proven).await.unwrap();
        let mut before = world.site.browser();
        assert_eq!(world.sign_in(&mut before, &[]).await.location(), "/next");

        world.say_subject("new", json!({}));
        let mut browser = world.site.browser();
        let page = world.sign_in(&mut browser, &[]).await;
        assert!(page.body.contains("An account has your address already"), "{}", page.body);
        let page = browser.submit(JOIN, &[("password", "wrong")]).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!((new(&world).await, world.user().await), (None, Some(user_id.clone())));
        let answer = browser.submit(JOIN, &[("password", "correct horse")]).await;
        assert_eq!(answer.location(), "/next", "{}", answer.body);
        assert_eq!((new(&world).await, world.user().await), (Some(user_id.to_string()), None));
        let left = before.open("/_estafette/account").await;
        assert!(left.location().starts_with("/_estafette/sign-in"), "the old subject signed it in");
        assert_eq!(world.sign_in(&mut world.site.browser(), &[]).await.location(), "/next", "once");
    }
}

/// An account without a password of somebody whom the provider knew as `subject`.
async fn without_password(mailbox_opens: bool) -> (World, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let world = World::mailing(folder.path(), mailbox_opens);
    let user_id = world.agent().await;
    let store = &world.site.identity.store;
    store.set_password(&user_id, None, None).await.unwrap();
    store.link_upstream("idp", "subject", &user_id, LinkReason::Proven).await.unwrap();
    world.say_subject("new", json!({}));
    (world, folder)
}

#[tokio::test]
async fn without_a_password_a_code_to_the_mailbox_proves_it_where_the_mailbox_opens_the_account() {
    let (world, folder) = without_password(true).await;
    let mut browser = world.site.browser();
    let page = world.sign_in(&mut browser, &[]).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    let way = crate::code::with_onward("/_estafette/sign-in/mail", BACK);
    assert!(page.body.contains(&way.replace('&', "&amp;")), "{}", page.body);
    assert_eq!(new(&world).await, None);
    browser.open(&way).await;
    browser
        .submit("/_estafette/sign-in/mail", &[("address", "jean.dupont@interieur.gouv.fr")])
        .await;
    while world.site.identity.deliver_due().await.unwrap() > 0 {}
    let mail = std::fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
    let mail = std::fs::read_to_string(mail).unwrap();
    let code = mail.split("Subject: ").nth(1).unwrap()[..9].replace(" ", "");
    browser.follow().await;
    let answer = browser.submit("/_estafette/sign-in/mail/code", &[("code", &code)]).await;
    // Chromium lets no form end at the provider: a page is between, with a link there.
    assert_eq!(answer.location(), BACK);
    let page = browser.follow().await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.body.contains(&format!("href=\"{AGAIN}\"")), "{}", page.body);
    let sent = browser.open(AGAIN).await;
    let answer = world.come_back(&mut browser, &sent, &[]).await;
    assert_eq!(answer.location(), "/next", "{}", answer.body);
    assert!(new(&world).await.is_some());
    assert_eq!(world.user().await, None, "replaced");
}

#[tokio::test]
async fn a_browser_that_was_signed_in_long_ago_proves_nothing() {
    let (world, _folder) = without_password(true).await;
    let user_id = world.user().await.unwrap();
    let mut browser = world.site.browser();
    let store = &world.site.identity.store;
    store.set_password(&user_id, Some(quick_hash("correct horse")), None).await.unwrap();
    browser.open("/_estafette/sign-in?continue=/next").await;
    let who = [("who", "agent"), ("password", "correct horse")];
    assert_eq!(browser.submit("/_estafette/sign-in", &who).await.location(), "/next");
    world.site.host.advance(11 * 60 * 1000);
    let late = json!({ "sub": "new", "iat": super::NOW_S + 660, "exp": super::NOW_S + 720 });
    world.say_subject("new", late);
    let page = world.sign_in(&mut browser, &[]).await;
    assert!(page.body.contains("name=\"password\""), "{}", page.body);
    assert_eq!(new(&world).await, None);
    store.set_password(&user_id, None, None).await.unwrap();
    world.sign_in(&mut browser, &[]).await;
    assert_eq!(new(&world).await, None);
    let page = browser.open("/_estafette/sign-in/mail").await;
    assert_eq!(page.status, StatusCode::OK, "asked for the address, not sent around in a circle");
}

#[tokio::test]
async fn where_nothing_proves_it_the_support_takes_the_link_away_with_a_line_in_the_log() {
    let (world, _folder) = without_password(false).await;
    let page = world.sign_in(&mut world.site.browser(), &[]).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert!(page.body.contains("under another identity"), "{}", page.body);
    assert!(!page.body.contains("/_estafette/sign-in/mail"), "{}", page.body);
    assert_eq!(new(&world).await, None);
    let user_id = world.user().await.unwrap();
    let shown = run(&world.site, json!({ "user_show": { "user": "agent" } })).await.unwrap();
    assert_eq!(shown["providers"], json!([{ "provider": "idp", "subject": "subject" }]));
    let unlink = json!({ "user_unlink": { "user": "agent", "provider": "other" } });
    assert!(run(&world.site, unlink).await.unwrap_err().contains("No such provider"));
    let all = |dry_run: bool| {
        json!({ "user_unlink_all": {
            "provider": "idp", "domain": "Interieur.gouv.fr", "dry_run": dry_run,
        }})
    };
    assert_eq!(run(&world.site, all(true)).await.unwrap(), json!({ "unlinked": 0, "left": 1 }));
    assert_eq!(world.user().await, Some(user_id.clone()));
    assert_eq!(run(&world.site, all(false)).await.unwrap(), json!({ "unlinked": 1, "left": 0 }));
    let store = &world.site.identity.store;
    store.link_upstream("idp", "subject", &user_id, LinkReason::Proven).await.unwrap();
    let unlink = json!({ "user_unlink": { "user": "agent", "provider": null } });
    assert_eq!(run(&world.site, unlink).await.unwrap()["providers"], json!([]));
    let lines = store.audit_lines(AuditPage { limit: 9, ..AuditPage::default() }).await.unwrap();
    let told: Vec<_> = lines.iter().map(|line| (&*line.act, line.subject.as_deref())).collect();
    let user = Some(user_id.as_str());
    let expected = [
        ("account.unlink", user),
        ("provider.unlink_all", None),
        ("account.unlink", user),
        ("refused", user),
    ];
    assert_eq!(told, expected);
    // Nobody has used the account: the provider's word joins it.
    assert_eq!(world.sign_in(&mut world.site.browser(), &[]).await.location(), "/next");
    assert_eq!(new(&world).await, Some(user_id.to_string()));
}

/// Otherwise whoever takes an account by a provider's word does so unheard of.
#[tokio::test]
async fn the_owner_is_told_of_each_change_and_the_audit_log_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::mailing(folder.path(), false);
    let user_id = world.agent().await;
    let store = &world.site.identity.store;
    store.link_upstream("idp", "subject", &user_id, LinkReason::Proven).await.unwrap();
    let mails = async || {
        while world.site.identity.deliver_due().await.unwrap() > 0 {}
        let all = std::fs::read_dir(folder.path()).unwrap();
        all.map(|mail| std::fs::read_to_string(mail.unwrap().path()).unwrap()).collect::<Vec<_>>()
    };
    world.say_subject("new", json!({}));
    let mut browser = world.site.browser();
    world.sign_in(&mut browser, &[]).await;
    browser.submit(JOIN, &[("password", "wrong")]).await;
    assert_eq!(mails().await.len(), 0);
    browser.submit(JOIN, &[("password", "correct horse")]).await;
    let told = mails().await;
    assert_eq!(told.len(), 1);
    assert!(told[0].contains("an identity was linked to your account"), "{}", told[0]);
    assert!(told[0].contains("To: jean.dupont@interieur.gouv.fr"), "{}", told[0]);
    world.sign_in(&mut world.site.browser(), &[]).await;
    assert_eq!(mails().await.len(), 1, "signing in is no news");
    let unlink = json!({ "user_unlink": { "user": "agent", "provider": "idp" } });
    run(&world.site, unlink).await.unwrap();
    assert_eq!(mails().await.len(), 2);
    let lines = store.audit_lines(AuditPage { limit: 9, ..AuditPage::default() }).await.unwrap();
    let mut acts: Vec<&str> = lines.iter().map(|line| &*line.act).collect();
    acts.sort_unstable();
    assert_eq!(acts, ["account.link", "account.unlink"]);
    let link = lines.iter().find(|line| line.act == "account.link").unwrap();
    assert_eq!((&*link.actor, link.subject.as_deref()), (user_id.as_str(), Some(user_id.as_str())));
    // Somebody who is new is told nothing.
    let newcomer = json!({ "email": "ada@interieur.gouv.fr" });
    world.say_subject("ada", newcomer);
    assert_eq!(world.sign_in(&mut world.site.browser(), &[]).await.location(), "/next");
    assert_eq!(mails().await.len(), 2);
}
