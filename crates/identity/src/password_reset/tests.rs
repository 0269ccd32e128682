// SPDX-License-Identifier: Apache-2.0
use estafette_store::{AccountStore as _, PeopleStore as _, accounts::AccountFlag};
use http::StatusCode;

use crate::sign_up::tests::Site;

const PASSWORD: &str = "walnut harbour cedar trumpet";

/// Otherwise a forgotten password is the end of an account, or a stolen one outlives its change.
#[tokio::test]
async fn a_new_password_ends_every_session_and_is_told_to_the_mailbox() {
    let site = Site::start();
    let (mut old, _) = site.sign_up("a@important.com").await;
    let mut browser = site.test.browser();
    browser.open("/_estafette/password/reset?continue=/there").await;
    browser.submit("/_estafette/password/reset", &[("address", "A@Important.com ")]).await;
    let code = site.code_for("a@important.com").await;
    browser.follow().await;
    browser.submit("/_estafette/password/reset/code", &[("code", &code)]).await;
    browser.follow().await;
    let fields = [("password", PASSWORD), ("again", PASSWORD)];
    let answer = browser.submit("/_estafette/password/reset/new", &fields).await;
    assert_eq!(answer.location(), "/there");
    // The old browser is signed out, the new password works, the old one does not.
    assert_eq!(old.open("/_estafette/sign-in").await.status, StatusCode::OK);
    for (password, status) in [
        (PASSWORD, StatusCode::SEE_OTHER),
        ("ocean lantern granite violin", StatusCode::UNPROCESSABLE_ENTITY),
    ] {
        let mut other = site.test.browser();
        other.open("/_estafette/sign-in").await;
        let fields = [("who", "a@important.com"), ("password", password)];
        assert_eq!(other.submit("/_estafette/sign-in", &fields).await.status, status);
    }
    let store = &site.test.identity.store;
    let user_id = store.person_by_email("a@important.com").await.unwrap().unwrap().user_id;
    assert_eq!(*site.test.host.forgotten.lock(), [user_id]);
    let mails = site.mails().await;
    assert!(mails.last().unwrap().contains("your password has changed"));
    // The proof is used up.
    let again = browser.open("/_estafette/password/reset/new").await;
    assert!(again.location().starts_with("/_estafette/password/reset?"));
}

/// Otherwise whoever has a stolen telephone, and the mailbox on it, takes over the account that was
/// locked for it.
#[tokio::test]
async fn a_locked_account_keeps_its_password_and_is_not_written_to() {
    let site = Site::start();
    site.sign_up("a@important.com").await;
    let store = &site.test.identity.store;
    let user_id = store.person_by_email("a@important.com").await.unwrap().unwrap().user_id;
    let kept = store.account(&user_id).await.unwrap().unwrap().password_hash;
    let mut early = site.test.browser();
    early.open("/_estafette/password/reset").await;
    early.submit("/_estafette/password/reset", &[("address", "a@important.com")]).await;
    let code = site.code_for("a@important.com").await;
    early.follow().await;
    early.submit("/_estafette/password/reset/code", &[("code", &code)]).await;
    early.follow().await;
    let mails = site.mails().await.len();
    store.set_account_flag(&user_id, AccountFlag::Locked, true).await.unwrap();
    let fields = [("password", PASSWORD), ("again", PASSWORD)];
    early.submit("/_estafette/password/reset/new", &fields).await;
    let mut late = site.test.browser();
    late.address = "10.0.0.2".into();
    late.open("/_estafette/password/reset").await;
    late.submit("/_estafette/password/reset", &[("address", "a@important.com")]).await;
    assert!(late.follow().await.body.contains("a@important.com"), "answered alike");
    assert_eq!(site.mails().await.len(), mails);
    assert_eq!(store.account(&user_id).await.unwrap().unwrap().password_hash, kept);
}

/// Otherwise a code to sign up would change a password, or strangers get mail from us.
#[tokio::test]
async fn proofs_are_for_one_purpose_and_nobody_is_written_to_without_an_account() {
    let site = Site::start();
    let mut browser = site.test.browser();
    browser.open("/_estafette/password/reset").await;
    browser.submit("/_estafette/password/reset", &[("address", "z@important.com")]).await;
    assert!(browser.follow().await.body.contains("z@important.com"));
    assert!(site.mails().await.is_empty());
    let mut browser = site.test.browser();
    browser.open("/_estafette/sign-up").await;
    browser.submit("/_estafette/sign-up", &[("address", "a@important.com")]).await;
    let code = site.code_for("a@important.com").await;
    browser.follow().await;
    browser.submit("/_estafette/sign-up/code", &[("code", &code)]).await;
    let other = browser.open("/_estafette/password/reset/new").await;
    assert_eq!(other.status, StatusCode::SEE_OTHER);
}
