// SPDX-License-Identifier: Apache-2.0
use estafette_core::ids::UserId;
use estafette_store::{
    AccountStore as _, PeopleStore as _, UpstreamStore as _, people::PersonDetails,
    sqlite::SqliteStore, upstream::LinkReason,
};
use http::StatusCode;

use crate::{
    host::{AskedLeave, LeavePurpose},
    sign_up::tests::Site,
    testing::{PROVIDER, TestIdentity},
};

const PAGE: &str = "/_estafette/account/confirm";

/// Otherwise somebody says yes without being told to what, or an identity is reset and its owner
/// does not hear of it.
#[tokio::test]
async fn who_is_asked_is_told_what_for_and_by_mail() {
    let site = Site::start();
    let user_id = site.test.account("alice", "correct horse").await;
    put_address(&site.test.identity.store, &user_id).await;
    let leave = AskedLeave { device_id: None, purpose: LeavePurpose::ReplaceKeys, given: false };
    site.test.host.leaves.lock().insert(("s1".into(), user_id.clone()), leave);
    let mut browser = site.test.browser();
    let answer = browser.open(&format!("{PAGE}?session=s1")).await;
    let continues = format!("continue={}", "%2F_estafette%2Faccount%2Fconfirm%3Fsession%3Ds1");
    assert!(answer.location().ends_with(&continues), "{}", answer.location());
    browser.follow().await;
    let fields = [("who", "alice"), ("password", "correct horse")];
    assert_eq!(browser.submit("/_estafette/sign-in", &fields).await.status, StatusCode::SEE_OTHER);
    let page = browser.follow().await;
    assert!(page.body.contains("reset your digital identity"), "{}", page.body);
    assert!(!site.test.host.leaves.lock().values().any(|leave| leave.given), "a link is no leave");
    let done = browser.submit(PAGE, &[]).await;
    let fallback = "/_matrix/client/v3/auth/m.login.sso/fallback/web?session=s1";
    assert_eq!(done.location(), fallback);
    assert!(site.test.host.leaves.lock().values().all(|leave| leave.given));
    assert_eq!(browser.open(&format!("{PAGE}?session=s1")).await.location(), fallback);
    let mails = site.mails().await;
    assert_eq!(mails.len(), 1, "{mails:?}");
}

/// Otherwise an account is offered a way that it cannot go, or none though it has one.
#[tokio::test]
async fn an_account_can_prove_itself_by_a_password_a_provider_or_a_mailbox() {
    let site = TestIdentity::with(|config| {
        config.upstream = vec![toml::from_str(PROVIDER).unwrap()];
    });
    let alice = site.account("alice", "correct horse").await;
    let store = &site.identity.store;
    assert!(site.identity.may_prove(&alice).await.unwrap(), "by the password");
    store.set_password(&alice, None, None).await.unwrap();
    put_address(store, &alice).await;
    assert!(!site.identity.may_prove(&alice).await.unwrap(), "no mail leaves");
    store.link_upstream("idp", "s1", &alice, LinkReason::Proven).await.unwrap();
    assert!(site.identity.may_prove(&alice).await.unwrap(), "by the provider");

    for (passwordless, has_way) in [(true, true), (false, false)] {
        let site = Site::with(|config| config.sign_up.passwordless = passwordless);
        let store = &site.test.identity.store;
        let alice = site.test.account("alice", "correct horse").await;
        store.set_password(&alice, None, None).await.unwrap();
        assert!(!site.test.identity.may_prove(&alice).await.unwrap(), "no address");
        put_address(store, &alice).await;
        assert_eq!(site.test.identity.may_prove(&alice).await.unwrap(), has_way, "by a code");
    }
}

async fn put_address(store: &SqliteStore, user_id: &UserId) {
    let email = Some("alice@important.com".to_owned());
    let details = PersonDetails { email, ..PersonDetails::default() };
    store.put_person(user_id, details).await.unwrap();
}
