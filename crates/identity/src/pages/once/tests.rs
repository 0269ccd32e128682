// SPDX-License-Identifier: Apache-2.0
use estafette_core::limits::FORM_ANSWER_S;
use http::{StatusCode, header};

use crate::{
    sign_up::tests::{PASSWORD, Site, ask},
    testing::{Answer, TestBrowser, hidden_fields},
};

const CODE: &str = "/_estafette/sign-up/code";
const ACCOUNT: &str = "/_estafette/sign-up/account";
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
