// SPDX-License-Identifier: Apache-2.0
use estafette_store::{IdentityStore as _, PeopleStore as _};
use http::StatusCode;

use crate::{
    Host as _,
    sign_up::tests::Site,
    testing::{Answer, TestBrowser},
};

const PASSWORD: &str = "ocean lantern granite violin";

/// Otherwise somebody else's mailbox becomes one's own, or an account is taken unnoticed.
#[tokio::test]
async fn an_address_changes_by_password_and_code_and_the_old_one_is_told() {
    let site = Site::start();
    let (mut browser, _) = site.sign_up("old@important.com").await;
    let path = "/_estafette/account/address";
    for (address, password, why) in [
        ("new@important.com", "wrong", "not your password"),
        ("new@other.com", PASSWORD, "not of your organisation"),
        ("new@y.com", PASSWORD, "not of your organisation"),
        ("new+1@important.com", PASSWORD, "without the “+”"),
        ("a@b@important.com", PASSWORD, "exactly one"),
    ] {
        browser.open(path).await;
        let answer = browser.submit(path, &[("address", address), ("password", password)]).await;
        assert!(answer.body.contains(why), "{address}: {}", answer.body);
    }
    browser.open(path).await;
    browser.submit(path, &[("address", "New@important.com"), ("password", PASSWORD)]).await;
    site.code_for("new@important.com").await;
    browser.follow().await;
    // Sent again by the button, which asks for no password a second time.
    let again = browser.submit(path, &[]).await;
    assert_eq!(
        again.location(),
        "/_estafette/account/address/code?continue=%2F_estafette%2Faccount%2Faddress&sent=again"
    );
    assert_eq!(site.mails().await.len(), 3);
    let code = site.code_for("new@important.com").await;
    browser.follow().await;
    // For another address it is wanted.
    let other = browser.submit(path, &[("address", "other@important.com")]).await;
    assert!(other.body.contains("not your password"), "{}", other.body);
    browser.open("/_estafette/account/address/code").await;
    browser.submit("/_estafette/account/address/code", &[("code", &code)]).await;
    browser.follow().await;
    let done = browser.submit("/_estafette/account/address/done", &[]).await;
    assert!(done.body.contains("Your address has changed"), "{}", done.body);
    let store = &site.test.identity.store;
    assert!(store.person_by_email("old@important.com").await.unwrap().is_none());
    let known = store.person_by_email("new@important.com").await.unwrap().unwrap();
    let name = crate::policy::shown_name(store, &known.user_id).await.unwrap();
    assert_eq!(name.as_deref(), Some("New [Important]"), "the name follows the address");
    let told = site.mails().await.pop().unwrap();
    assert!(told.contains("To: old@important.com") && told.contains("address has changed"));
}

/// Otherwise the page shows strangers somebody's address.
#[tokio::test]
async fn it_is_for_those_who_are_signed_in() {
    let site = Site::start();
    let answer = site.test.browser().open("/_estafette/account/address").await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert!(answer.location().starts_with("/_estafette/sign-in?continue="));
}

/// Otherwise those without a password could never change their address, or anybody could who finds
/// their browser open.
#[tokio::test]
async fn whoever_has_no_password_proves_the_old_address_and_the_new_one() {
    let site = Site::start();
    let (mut browser, answer) = site.sign_up_without_password("old@important.com").await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    let path = "/_estafette/account/address";
    site.test.host.advance(11 * 60 * 1000);
    let answer = browser.open(path).await;
    assert!(answer.location().starts_with("/_estafette/sign-in?continue="), "{answer:?}");
    let answer = site.sign_in_by_code(&mut browser, "old@important.com", path).await;
    assert_eq!(answer.location(), path);
    let page = browser.open(path).await;
    assert!(!page.body.contains("Your password"), "{}", page.body);
    browser.submit(path, &[("address", "new@important.com")]).await;
    let code = site.code_for("new@important.com").await;
    browser.follow().await;
    browser.submit("/_estafette/account/address/code", &[("code", &code)]).await;
    browser.follow().await;
    browser.submit("/_estafette/account/address/done", &[]).await;
    let store = &site.test.identity.store;
    assert!(store.person_by_email("new@important.com").await.unwrap().is_some());
}

/// Otherwise a guest takes any address in the world and with it anybody's name.
#[tokio::test]
async fn a_guest_changes_to_an_invited_address_alone() {
    let site = Site::start();
    let sponsor = site.test.account("sponsor", PASSWORD).await;
    let store = &site.test.identity.store;
    let expires_ms = site.test.host.now_ms() + 1_000_000;
    store.invite_guest("bob@evil.org", &sponsor, expires_ms).await.unwrap();
    let (mut browser, _) = site.sign_up("bob@evil.org").await;
    let done = to(&site, &mut browser, "prime.minister@evil.org").await;
    assert!(done.body.contains("not invited"), "{}", done.body);
    let bob = store.person_by_email("bob@evil.org").await.unwrap().unwrap();

    let other = site.test.account("other", PASSWORD).await;
    store.invite_guest("bob@partner.org", &other, expires_ms).await.unwrap();
    let done = to(&site, &mut browser, "bob@partner.org").await;
    assert!(done.body.contains("Your address has changed"), "{}", done.body);
    let now = store.person(&bob.user_id).await.unwrap().unwrap();
    assert_eq!(now.details.email.as_deref(), Some("bob@partner.org"));
    assert_eq!(now.invited_by.as_deref(), Some(other.as_str()), "who invited the address");
    let now_ms = site.test.host.now_ms();
    assert!(!store.is_invited("bob@partner.org", now_ms).await.unwrap(), "it is used up");
}

async fn to(site: &Site, browser: &mut TestBrowser<'_>, address: &str) -> Answer {
    let path = "/_estafette/account/address";
    browser.open(path).await;
    browser.submit(path, &[("address", address), ("password", PASSWORD)]).await;
    let code = site.code_for(address).await;
    browser.follow().await;
    browser.submit("/_estafette/account/address/code", &[("code", &code)]).await;
    browser.follow().await;
    browser.submit("/_estafette/account/address/done", &[]).await
}
