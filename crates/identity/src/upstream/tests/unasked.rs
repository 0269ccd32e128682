// SPDX-License-Identifier: Apache-2.0
//! Without these a browser that was left open ends an account: a provider that asks nobody anything
//! says of each sign-in that it was now.

use estafette_store::{
    AccountStore as _,
    accounts::{AccountFlag, PasswordHash},
};
use http::StatusCode;
use serde_json::json;

use super::{NOW_S, World};
use crate::{config::MailTransport, testing::TestBrowser};

const END: &str = "/_estafette/account/deactivate";
const ACCOUNT: &str = "/_estafette/account?action=org.matrix.account_deactivate";
const PROVE: &str = "/_estafette/account/prove";
const CODE: &str = "/_estafette/account/prove/code";

fn world(folder: &std::path::Path, mail: bool) -> World {
    let world = World::configured(
        |provider| provider.asks_again = false,
        |config| {
            config.policy.open = true;
            if mail {
                config.mail.transport = MailTransport::Folder;
            }
            config.mail.from = "Estafette <no-reply@x.fr>".into();
            config.mail.folder = folder.to_owned();
        },
    );
    world.say_subject("subject", json!({ "auth_time": NOW_S }));
    world
}

/// Where somebody is led who wants to end the account.
async fn led(browser: &mut TestBrowser<'_>) -> String {
    browser.open("/_estafette/account").await;
    let typed = [("typed", "no")];
    browser.submit_to("/_estafette/sign-out", END, &typed).await.location().to_owned()
}

/// The code of the one mail that was sent.
async fn mailed(world: &World, folder: &std::path::Path) -> String {
    while world.site.identity.deliver_due().await.unwrap() > 0 {}
    let mail = std::fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
    let mail = std::fs::read_to_string(mail).unwrap();
    let subject = mail.lines().find_map(|line| line.strip_prefix("Subject: ")).unwrap();
    subject.chars().filter(char::is_ascii_digit).take(8).collect()
}

#[tokio::test]
async fn whom_the_provider_asks_nothing_proves_it_by_session_and_mailbox() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path(), true);
    let mut browser = world.site.browser();
    for _ in 0..2 {
        world.sign_in(&mut browser, &[]).await;
        assert!(led(&mut browser).await.starts_with(PROVE), "a sign-in there is no proof");
    }
    let sent = browser.open("/_estafette/upstream/idp?again=yes&continue=/next").await;
    assert!(!sent.location().contains("max_age"), "ProConnect takes it for an error");
    world.come_back(&mut browser, &sent, &[]).await;
    assert!(led(&mut browser).await.starts_with(PROVE), "nor is one that was asked for");
    assert_eq!(browser.open("/_estafette/upstream/idp/again").await.status, StatusCode::NOT_FOUND);

    led(&mut browser).await;
    let page = browser.follow().await;
    assert!(page.body.contains("<strong>jean.dupont@interieur.gouv.fr</strong>"), "{}", page.body);
    let sent = browser.submit(PROVE, &[]).await;
    assert!(sent.location().starts_with(CODE), "{}", sent.body);
    let page = browser.follow().await;
    assert!(!page.body.contains("Use another address"), "{}", page.body);
    let code = mailed(&world, folder.path()).await;
    let mut elsewhere = world.site.browser();
    world.sign_in(&mut elsewhere, &[]).await;
    assert_eq!(elsewhere.open(CODE).await.location().split('?').next(), Some(PROVE));
    let wrong = if code == "00000000" { "00000001" } else { "00000000" };
    assert_eq!(browser.submit(CODE, &[("code", wrong)]).await.status.as_u16(), 422);
    assert!(led(&mut browser).await.starts_with(PROVE));
    browser.open(CODE).await;
    let answer = browser.submit(CODE, &[("code", &code), ("continue", ACCOUNT)]).await;
    assert_eq!(answer.location(), ACCOUNT, "{}", answer.body);
    assert_eq!(led(&mut browser).await, "");
    assert!(led(&mut elsewhere).await.starts_with(PROVE), "another browser has proven nothing");
    world.site.host.advance(10 * 60 * 1000);
    assert!(led(&mut browser).await.starts_with(PROVE), "long ago");
}

#[tokio::test]
async fn who_has_neither_password_nor_mailbox_is_told_so_and_who_has_one_types_it() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path(), false);
    let mut browser = world.site.browser();
    world.sign_in(&mut browser, &[]).await;
    assert!(led(&mut browser).await.starts_with(PROVE));
    let page = browser.follow().await;
    assert!(page.body.contains("Ask your support"), "{}", page.body);
    assert!(!page.body.contains("<button type=\"submit\">Send"), "{}", page.body);

    let user_id = world.user().await.unwrap();
    let hash = PasswordHash("a password".into());
    world.site.identity.store.set_password(&user_id, Some(hash), None).await.unwrap();
    world.sign_in(&mut browser, &[]).await;
    assert!(led(&mut browser).await.starts_with("/_estafette/sign-in?continue="));
}

#[tokio::test]
async fn who_cannot_prove_as_much_as_is_demanded_is_told_so() {
    let world = World::with(|provider| {
        provider.acr_values = vec!["eidas2".into()];
        provider.acr_essential = true;
    });
    for (error, says) in [
        ("access_denied", "prove more of who you are"),
        ("unmet_authentication_requirements", "prove more of who you are"),
        ("server_error", "Try again"),
    ] {
        let mut browser = world.site.browser();
        let page = world.sign_in(&mut browser, &[("code", ""), ("error", error)]).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN);
        assert!(page.body.contains(says), "{error}: {}", page.body);
    }
}

/// Otherwise whoever left a ministry for a place that nobody vouches for keeps its account.
#[tokio::test]
async fn a_known_subject_of_another_domain_is_no_longer_let_in() {
    let world = World::new();
    let user_id = {
        world.sign_in(&mut world.site.browser(), &[]).await;
        world.user().await.unwrap()
    };
    for (email, let_in) in [
        (json!("other@interieur.gouv.fr"), true),
        (json!(null), true),
        (json!("jean.dupont@evil.com"), false),
    ] {
        world.say_subject("subject", json!({ "email": email }));
        let answer = world.sign_in(&mut world.site.browser(), &[]).await;
        assert_eq!(answer.location() == "/next", let_in, "{email}: {}", answer.body);
    }
    world.say_subject("subject", json!({}));
    let store = &world.site.identity.store;
    store.set_account_flag(&user_id, AccountFlag::Locked, true).await.unwrap();
    let page = world.sign_in(&mut world.site.browser(), &[]).await;
    assert!(page.body.contains("locked"), "{}", page.body);
}
