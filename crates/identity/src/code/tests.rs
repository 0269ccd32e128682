// SPDX-License-Identifier: Apache-2.0
use std::sync::atomic::Ordering;

use http::StatusCode;

use crate::sign_up::tests::{Site, ask};

const ADDRESS: &str = "a@important.com";
const PAGE: &str = "/_estafette/sign-up/code";

/// Otherwise whoever types the code of the first mail is told that it is wrong, and not why.
#[tokio::test]
async fn whoever_asks_again_is_told_that_the_code_before_is_dead() {
    let site = Site::start();
    site.test.host.limits.store(false, Ordering::SeqCst);
    let mut browser = site.test.browser();
    ask(&mut browser, ADDRESS).await;
    let first = browser.follow().await.body;
    assert!(!first.contains("role=\"status\""), "{first}");
    site.test.host.advance(60 * 1000);
    browser.submit("/_estafette/sign-up", &[]).await;
    let again = browser.follow().await.body;
    assert!(again.contains("A new code has been sent. The one before no longer works."), "{again}");
    assert!(again.contains("value=\"/oauth2/authorize?x\""), "{again}");
    let code = site.code_for(ADDRESS).await;
    let right = browser.submit(PAGE, &[("code", &code)]).await;
    assert_eq!(right.status, StatusCode::SEE_OTHER);

    site.test.host.advance(60 * 1000);
    // Where nobody may know whether there is an account no mail is spoken of.
    let reset = "/_estafette/password/reset";
    browser.open(reset).await;
    for said in [false, true] {
        browser.submit(reset, &[("address", ADDRESS)]).await;
        let page = browser.follow().await.body;
        assert_eq!(page.contains("You have asked for a new code."), said, "{page}");
        assert!(!page.contains("A new code has been sent."), "{page}");
        site.test.host.advance(60 * 1000);
    }
}

/// Otherwise a click too many leads to a page without a way back to where the code is typed.
#[tokio::test]
async fn whoever_asks_again_too_early_may_still_type_the_code_they_have() {
    let site = Site::start();
    let mut browser = site.test.browser();
    ask(&mut browser, ADDRESS).await;
    let code = site.code_for(ADDRESS).await;
    browser.follow().await;
    site.test.host.exhausted.store(true, Ordering::SeqCst);
    let early = browser.submit("/_estafette/sign-up", &[]).await;
    assert_eq!(early.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(early.headers["retry-after"], "6");
    assert!(early.body.contains("it still works. You may ask for another in 6 seconds."));
    site.test.host.exhausted.store(false, Ordering::SeqCst);
    let right = browser.submit(PAGE, &[("code", &code)]).await;
    assert_eq!(right.status, StatusCode::SEE_OTHER, "{}", right.body);
}

/// Otherwise a second page of the browser that has the proof says that the code is dead.
#[tokio::test]
async fn a_code_that_was_right_already_leads_on() {
    let site = Site::start();
    let mut browser = site.test.browser();
    ask(&mut browser, ADDRESS).await;
    let code = site.code_for(ADDRESS).await;
    browser.follow().await;
    let first = browser.submit(PAGE, &[("code", &code)]).await;
    browser.open("/_estafette/sign-up?continue=/oauth2/authorize%3Fx").await;
    let again = browser.submit_to("/_estafette/sign-up", PAGE, &[("code", &code)]).await;
    assert_eq!((again.status, again.location()), (first.status, first.location()));
}
