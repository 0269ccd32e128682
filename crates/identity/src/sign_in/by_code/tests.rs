// SPDX-License-Identifier: Apache-2.0
//! Without these whoever has no password could not come back, or strangers would learn who is here.

use estafette_store::{
    AccountStore as _, PeopleStore as _, UpstreamStore as _, accounts::AccountFlag,
    upstream::LinkReason,
};
use http::StatusCode;

use crate::{
    sign_up::tests::Site,
    testing::{Answer, PROVIDER, TestBrowser},
};

const START: &str = "/_estafette/sign-in/mail";
const ADDRESS: &str = "ada@important.com";

async fn ask(browser: &mut TestBrowser<'_>, address: &str) -> Answer {
    browser.open(&format!("{START}?continue=/_estafette/account")).await;
    browser.submit(START, &[("address", address)]).await
}

#[tokio::test]
async fn an_account_without_a_password_is_made_and_signed_in_to_with_codes() {
    let site = Site::start();
    let (mut browser, answer) = site.sign_up_without_password(ADDRESS).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    let store = &site.test.identity.store;
    let person = store.person_by_email(ADDRESS).await.unwrap().unwrap();
    let account = store.account(&person.user_id).await.unwrap().unwrap();
    assert_eq!(account.password_hash, None);
    assert_eq!(browser.open("/_estafette/account").await.status, StatusCode::OK);

    let mut other = site.test.browser();
    let page = other.open("/_estafette/sign-in?continue=/_estafette/account").await;
    assert!(page.body.contains(START), "{}", page.body);
    let fields = [("who", ADDRESS), ("password", "")];
    let answer = other.submit("/_estafette/sign-in", &fields).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "no password is no password");
    let answer = site.sign_in_by_code(&mut other, ADDRESS, "/_estafette/account").await;
    assert_eq!(answer.location(), "/_estafette/account");
    assert_eq!(other.follow().await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_code_is_recent_proof_for_what_cannot_be_undone() {
    let site = Site::start();
    let (mut browser, _) = site.sign_up_without_password(ADDRESS).await;
    let reset = "/_estafette/account/cross-signing-reset";
    let page = "/_estafette/account?action=org.matrix.cross_signing_reset";
    browser.open(page).await;
    site.test.host.advance(11 * 60 * 1000);
    let answer = browser.submit(reset, &[]).await;
    assert!(answer.location().starts_with("/_estafette/sign-in?continue="), "{answer:?}");
    site.sign_in_by_code(&mut browser, ADDRESS, page).await;
    browser.follow().await;
    assert_eq!(browser.submit(reset, &[]).await.location(), reset, "it is allowed");
    assert_eq!(browser.follow().await.status, StatusCode::OK);
}

#[tokio::test]
async fn strangers_locked_and_ended_accounts_are_answered_alike_and_not_written_to() {
    let site = Site::start();
    site.sign_up(ADDRESS).await;
    site.sign_up("locked@important.com").await;
    site.sign_up("gone@important.com").await;
    let store = &site.test.identity.store;
    let locked = store.person_by_email("locked@important.com").await.unwrap().unwrap().user_id;
    store.set_account_flag(&locked, AccountFlag::Locked, true).await.unwrap();
    let gone = store.person_by_email("gone@important.com").await.unwrap().unwrap().user_id;
    store.deactivate_account(&gone, false, 1).await.unwrap();
    let mut mails = site.mails().await.len();
    let mut shown = Vec::new();
    for (address, written_to) in [
        (ADDRESS, 1),
        ("locked@important.com", 0),
        ("gone@important.com", 0),
        ("nobody@important.com", 0),
        ("stranger@elsewhere.org", 0),
    ] {
        let mut browser = site.test.browser();
        let answer = ask(&mut browser, address).await;
        shown.push((answer.status, answer.location().to_owned()));
        let after = site.mails().await.len();
        assert_eq!(after - mails, written_to, "{address}");
        mails = after;
        site.test.host.advance(60 * 60 * 1000);
    }
    shown.dedup();
    assert_eq!(shown.len(), 1, "{shown:?}");
}

#[tokio::test]
async fn a_lock_after_the_code_was_sent_holds() {
    let site = Site::start();
    site.sign_up(ADDRESS).await;
    let mut browser = site.test.browser();
    ask(&mut browser, ADDRESS).await;
    let code = site.code_for(ADDRESS).await;
    let store = &site.test.identity.store;
    let user_id = store.person_by_email(ADDRESS).await.unwrap().unwrap().user_id;
    store.set_account_flag(&user_id, AccountFlag::Locked, true).await.unwrap();
    browser.follow().await;
    let answer = browser.submit(&format!("{START}/code"), &[("code", &code)]).await;
    assert!(answer.location().starts_with(START), "{answer:?}");
    store.set_account_flag(&user_id, AccountFlag::Locked, false).await.unwrap();
    let answer = browser.open("/_estafette/account").await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "nobody is signed in");
}

#[tokio::test]
async fn where_it_is_switched_off_nothing_of_it_is_offered() {
    let site = Site::with(|config| config.sign_up.passwordless = false);
    let (_, answer) = site.sign_up_without_password(ADDRESS).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "a password is asked for");
    let mut browser = site.test.browser();
    assert!(!browser.open("/_estafette/sign-in").await.body.contains(START));
    assert_eq!(browser.open(START).await.status, StatusCode::NOT_FOUND);
}

/// Otherwise whoever has the address of somebody who left comes in by the mailbox, where the
/// provider's subject would have kept them out.
#[tokio::test]
async fn a_mailbox_does_not_open_what_is_a_subjects_of_a_provider() {
    for (provider, opens) in [
        (Some(PROVIDER.to_owned()), false),
        (Some(format!("{PROVIDER}mailbox_opens_accounts = true")), true),
        (None, true),
    ] {
        let configured = provider.iter().map(|text| toml::from_str(text).unwrap()).collect();
        let site = Site::with(|config| config.upstream = configured);
        site.sign_up(ADDRESS).await;
        let store = &site.test.identity.store;
        let person = store.person_by_email(ADDRESS).await.unwrap().unwrap();
        let proven = LinkReason::Proven;
        store.link_upstream("idp", "subject", &person.user_id, proven).await.unwrap();
        for start in [START, "/_estafette/password/reset"] {
            site.test.host.advance(61_000);
            let before = site.mails().await.len();
            let mut browser = site.test.browser();
            let page = browser.open(start).await;
            let button = page.body.contains("Sign in with Provider");
            assert_eq!(button, provider.is_some(), "{}", page.body);
            let answer = browser.submit(start, &[("address", ADDRESS)]).await;
            assert_eq!(answer.status, StatusCode::SEE_OTHER, "as everybody: {}", answer.body);
            assert_eq!(site.mails().await.len() > before, opens, "{start} {provider:?}");
        }
    }
}
