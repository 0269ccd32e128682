// SPDX-License-Identifier: Apache-2.0
use estafette_core::limits::FORM_ANSWER_S;
use estafette_store::{AccountStore as _, IdentityStore as _, accounts::AccountFlag};
use http::{StatusCode, header};

use crate::{
    sign_up::tests::{PASSWORD, Site, ask},
    testing::{Answer, TestBrowser, hidden_fields, quick_hash},
};

const CODE: &str = "/_estafette/sign-up/code";
const ACCOUNT: &str = "/_estafette/sign-up/account";
const SIGN_IN: &str = "/_estafette/sign-in";
const CHANGE: &str = "/_estafette/account/password";
const ADDRESS: &str = "jean.martin@important.com";

/// The form of the page that is open, filled in.
fn filled(page: &Answer, action: &str, fields: &[(&str, &str)]) -> String {
    let (_, mut all) = hidden_fields(&page.body, action);
    all.extend(fields.iter().map(|(name, value)| ((*name).into(), (*value).into())));
    serde_urlencoded::to_string(all).unwrap()
}

/// The same request twice from the same cookie; what the browser sees is the second answer.
async fn twice(browser: &mut TestBrowser<'_>, path: &str, form: &str) -> (Answer, Answer) {
    let cookie = browser.cookie.clone();
    let first = browser.post(path, form).await;
    browser.cookie = cookie;
    (first, browser.post(path, form).await)
}

/// Otherwise a second click on a slow network shows "this code has expired" after the right code,
/// and throws away the session of an account that was just made.
#[tokio::test]
async fn a_second_click_is_given_the_first_answer() {
    let site = Site::start();
    let mut browser = site.test.browser();
    ask(&mut browser, ADDRESS).await;
    let code = site.code_for(ADDRESS).await;
    let page = browser.follow().await;
    let (first, second) = twice(&mut browser, CODE, &filled(&page, CODE, &[("code", &code)])).await;
    assert!(first.location().starts_with(ACCOUNT), "{}", first.location());
    assert_eq!((second.status, second.location()), (first.status, first.location()));

    let page = browser.follow().await;
    let fields = [("password", PASSWORD), ("again", PASSWORD)];
    let (first, second) = twice(&mut browser, ACCOUNT, &filled(&page, ACCOUNT, &fields)).await;
    assert_eq!(first.status, StatusCode::SEE_OTHER, "{}", first.body);
    assert_eq!(first.headers[header::SET_COOKIE], second.headers[header::SET_COOKIE]);
    let page = browser.open("/_estafette/account").await;
    assert!(page.body.contains(ADDRESS), "{}", page.body);
}

/// Otherwise two clicks at the same time are two tries of a code, and of two accounts one is lost.
#[tokio::test]
async fn two_clicks_at_once_are_one() {
    let site = Site::start();
    let mut browser = site.test.browser();
    ask(&mut browser, ADDRESS).await;
    let page = browser.follow().await;
    let form = filled(&page, CODE, &[("code", "00000000")]);
    let mut second = site.test.browser();
    second.cookie = browser.cookie.clone();
    let (first, second) = tokio::join!(browser.post(CODE, &form), second.post(CODE, &form));
    assert_eq!(first.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(first.body, second.body, "the same page, with the same tries left");
}

/// Otherwise what a form did would be told, with the cookie of its session, to whoever has read it.
#[tokio::test]
async fn another_browser_is_not_given_the_answer() {
    let site = Site::start();
    let mut browser = site.test.browser();
    ask(&mut browser, ADDRESS).await;
    let code = site.code_for(ADDRESS).await;
    let page = browser.follow().await;
    let form = filled(&page, CODE, &[("code", &code)]);
    browser.post(CODE, &form).await;
    let mut thief = site.test.browser();
    assert_eq!(thief.post(CODE, &form).await.status, StatusCode::FORBIDDEN);
    thief.open("/_estafette/sign-up").await;
    assert_eq!(thief.post(CODE, &form).await.status, StatusCode::FORBIDDEN);
}

/// Otherwise a form would be answered from memory long after what it says has changed, and a wait
/// that is over would be asked for again.
#[tokio::test]
async fn an_answer_is_kept_for_seconds_and_a_refusal_not_at_all() {
    let site = Site::start();
    let mut browser = site.test.browser();
    ask(&mut browser, ADDRESS).await;
    let page = browser.follow().await;
    let form = filled(&page, CODE, &[("code", "00000000")]);
    let first = browser.post(CODE, &form).await;
    site.test.host.advance((FORM_ANSWER_S * 1000).cast_signed());
    assert_ne!(browser.post(CODE, &form).await.body, first.body, "a second try");

    site.test.host.exhausted.store(true, std::sync::atomic::Ordering::SeqCst);
    let form = filled(&page, CODE, &[("code", "00000001")]);
    assert_eq!(browser.post(CODE, &form).await.status, StatusCode::TOO_MANY_REQUESTS);
    site.test.host.exhausted.store(false, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(browser.post(CODE, &form).await.status, StatusCode::UNPROCESSABLE_ENTITY);
}

/// A browser of alice's with the page open on which she changes her password, and the form filled in
/// so that it is refused.
async fn refused<'a>(site: &'a Site) -> (TestBrowser<'a>, String, Answer) {
    let mut browser = site.test.browser();
    browser.open(SIGN_IN).await;
    browser.submit(SIGN_IN, &[("who", "alice"), ("password", PASSWORD)]).await;
    let page = browser.open(CHANGE).await;
    let fields = [("old", PASSWORD), ("password", "short"), ("again", "short")];
    let form = filled(&page, CHANGE, &fields);
    let answer = browser.post(CHANGE, &form).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", answer.body);
    assert_eq!(browser.post(CHANGE, &form).await.body, answer.body, "it is kept");
    (browser, form, answer)
}

/// Otherwise what was shown to somebody is shown for seconds more in a browser that was signed out
/// meanwhile, from elsewhere or by itself, or whose account was locked or suspended.
#[tokio::test]
async fn who_was_signed_out_meanwhile_is_not_given_the_answer() {
    let site = Site::start();
    let user_id = site.test.account("alice", PASSWORD).await;
    let store = &site.test.identity.store;
    for way in ["signed out", "everywhere", "password", "locked", "suspended"] {
        let (mut browser, form, kept) = refused(&site).await;
        match way {
            "signed out" => {
                let cookie = browser.cookie.clone();
                browser.open("/_estafette/account").await;
                browser.submit("/_estafette/sign-out", &[]).await;
                browser.cookie = cookie;
            }
            "everywhere" => store.end_browser_sessions(&user_id, None).await.unwrap(),
            "password" => {
                let hash = quick_hash(PASSWORD);
                store.set_password(&user_id, Some(hash), None).await.unwrap();
            }
            "locked" => {
                let locked = AccountFlag::Locked;
                assert!(store.set_account_flag(&user_id, locked, true).await.unwrap());
            }
            _ => {
                let suspended = AccountFlag::Suspended;
                assert!(store.set_account_flag(&user_id, suspended, true).await.unwrap());
            }
        }
        let again = browser.post(CHANGE, &form).await;
        assert_ne!(again.body, kept.body, "{way}");
        if way != "suspended" {
            assert!(again.location().starts_with(SIGN_IN), "{way}: {}", again.body);
        }
        store.set_account_flag(&user_id, AccountFlag::Locked, false).await.unwrap();
    }
}

/// Otherwise a session that was ended everywhere seems to begin again with the same cookie, or a
/// second click on the way out shows something else than the first.
#[tokio::test]
async fn an_answer_that_began_or_ended_a_session_holds_as_long_as_that() {
    let site = Site::start();
    let user_id = site.test.account("alice", PASSWORD).await;
    let store = &site.test.identity.store;
    let mut browser = site.test.browser();
    let page = browser.open(SIGN_IN).await;
    let form = filled(&page, SIGN_IN, &[("who", "alice"), ("password", PASSWORD)]);
    let (first, second) = twice(&mut browser, SIGN_IN, &form).await;
    assert_eq!(first.headers[header::SET_COOKIE], second.headers[header::SET_COOKIE]);
    store.end_browser_sessions(&user_id, None).await.unwrap();
    let third = browser.post(SIGN_IN, &form).await;
    assert_ne!(third.headers.get(header::SET_COOKIE), first.headers.get(header::SET_COOKIE));

    let mut browser = site.test.browser();
    browser.open(SIGN_IN).await;
    browser.submit(SIGN_IN, &[("who", "alice"), ("password", PASSWORD)]).await;
    let path = "/_estafette/account?action=org.matrix.account_deactivate";
    let page = browser.open(path).await;
    let action = "/_estafette/account/deactivate";
    let form = filled(&page, action, &[("typed", user_id.as_str())]);
    let (first, second) = twice(&mut browser, action, &form).await;
    assert_eq!(first.status, StatusCode::OK, "{}", first.body);
    assert_eq!(first.body, second.body);
}
