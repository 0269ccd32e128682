// SPDX-License-Identifier: Apache-2.0
//! Brute force and what it does to those who belong here (F-23): at most ten guesses a minute at
//! one account from however many places, and nobody held back for more than a minute.

use estafette_store::PeopleStore as _;
use http::StatusCode;

use super::{PASSWORD, Site, ask, wrong};
use crate::testing::{Answer, TestBrowser};

const MINUTE_MS: i64 = 60 * 1000;

async fn from<'a>(site: &'a Site, source: usize) -> TestBrowser<'a> {
    let mut browser = site.test.browser();
    browser.address = format!("10.{}.{}.9", source / 250, source % 250);
    browser
}

/// Asks for a code and guesses until there is nothing to guess at. How many guesses were weighed.
async fn guess_at(browser: &mut TestBrowser<'_>, address: &str, path: &str) -> u32 {
    browser.open(path).await;
    if browser.submit(path, &[("address", address)]).await.status != StatusCode::SEE_OTHER {
        return 0;
    }
    let (mut guesses, mut page) = (0, browser.follow().await);
    while page.body.contains("one-time-code") {
        // No code that the seed draws is this one.
        page = browser.submit(&format!("{path}/code"), &[("code", "00000000")]).await;
        guesses += u32::from(page.status == StatusCode::UNPROCESSABLE_ENTITY);
    }
    guesses
}

#[tokio::test]
async fn codes_are_guessed_at_ten_times_a_minute_from_a_thousand_places() {
    let site = Site::start();
    site.sign_up("a@important.com").await;
    site.test.host.advance(10 * MINUTE_MS);
    for path in ["/_estafette/sign-up", "/_estafette/password/reset"] {
        for minute in 0..3 {
            let mut guesses = 0;
            for source in 0..334 {
                let mut browser = from(&site, minute * 334 + source).await;
                guesses += guess_at(&mut browser, "a@important.com", path).await;
            }
            let most = if minute == 0 { 10 } else { 6 };
            assert!((1..=most).contains(&guesses), "{path}: {guesses} in minute {minute}");
            site.test.host.advance(MINUTE_MS);
        }
        site.test.host.advance(10 * MINUTE_MS);
    }
}

/// Otherwise a stranger who asks for codes keeps somebody from signing up.
#[tokio::test]
async fn whoever_has_a_code_in_hand_loses_it_to_nobody() {
    let site = Site::start();
    let mut owner = from(&site, 900).await;
    ask(&mut owner, "a@important.com").await;
    let code = site.code_for("a@important.com").await;
    owner.follow().await;
    // What is no code costs no try, and is counted all the same.
    let mut thief = from(&site, 60).await;
    ask(&mut thief, "a@important.com").await;
    for _ in 0..15 {
        thief.open("/_estafette/sign-up/code").await;
        thief.submit("/_estafette/sign-up/code", &[("code", "slip")]).await;
    }
    for source in 0..50 {
        let mut thief = from(&site, source).await;
        guess_at(&mut thief, "a@important.com", "/_estafette/sign-up").await;
    }
    owner.submit("/_estafette/sign-up/code", &[("code", &wrong(&code))]).await;
    let right = owner.submit("/_estafette/sign-up/code", &[("code", &code)]).await;
    assert_eq!((right.status, right.location().contains("account")), (StatusCode::SEE_OTHER, true));
}

/// Otherwise one stranger keeps a mailbox from ever getting a code.
#[tokio::test]
async fn one_stranger_takes_no_code_from_the_owner_and_many_a_minute() {
    let site = Site::start();
    let busy = |answer: &Answer| answer.status == StatusCode::TOO_MANY_REQUESTS;
    for minute in 0..3 {
        let mut thief = from(&site, 1).await;
        let mut asked = Vec::new();
        for _ in 0..3 {
            asked.push(busy(&ask(&mut thief, "a@important.com").await));
        }
        assert_eq!(asked, [false, true, true], "minute {minute}");
        let mut owner = from(&site, 2).await;
        assert!(!busy(&ask(&mut owner, "a@important.com").await), "minute {minute}");
        site.test.host.advance(MINUTE_MS);
    }
    for source in 10..13 {
        ask(&mut from(&site, source).await, "a@important.com").await;
    }
    let mut owner = from(&site, 3).await;
    let held_back = ask(&mut owner, "a@important.com").await;
    let wait: i64 = held_back.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!(busy(&held_back) && (1..=60).contains(&wait), "{wait}");
    site.test.host.advance(wait * 1000);
    assert_eq!(ask(&mut owner, "a@important.com").await.status, StatusCode::SEE_OTHER);
}

/// Otherwise who asks for another code too soon cannot type the one that is in the mailbox.
#[tokio::test]
async fn who_waits_for_another_code_is_shown_where_the_first_is_typed() {
    let site = Site::start();
    let mut owner = from(&site, 1).await;
    assert_eq!(ask(&mut owner, "a@important.com").await.status, StatusCode::SEE_OTHER);
    let again = ask(&mut owner, "a@important.com").await;
    assert_eq!(again.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(again.headers.contains_key("retry-after"));
    assert!(again.body.contains("it still works"), "{}", again.body);
    let code = site.code_for("a@important.com").await;
    owner.open("/_estafette/sign-up/code").await;
    let right = owner.submit("/_estafette/sign-up/code", &[("code", &code)]).await;
    assert_eq!(right.status, StatusCode::SEE_OTHER, "{}", right.body);
    // Another address, or another browser, has nothing to type.
    let other = ask(&mut owner, "b@important.com").await;
    assert_eq!(other.status, StatusCode::SEE_OTHER);
    let mut stranger = from(&site, 1).await;
    let told = ask(&mut stranger, "b@important.com").await;
    assert_eq!(told.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(!told.body.contains("name=\"code\""), "{}", told.body);
}

/// Otherwise a password is guessed from many places, or by many names.
#[tokio::test]
async fn passwords_are_guessed_at_ten_times_a_minute_from_a_thousand_places() {
    let site = Site::start();
    site.sign_up("a@important.com").await;
    let person = site.test.identity.store.person_by_email("a@important.com").await.unwrap();
    let user_id = person.unwrap().user_id;
    let names = [
        "a@important.com".to_owned(),
        "A@Important.com".into(),
        user_id.to_string(),
        user_id.localpart().into(),
    ];
    for minute in 0..3 {
        let mut guesses = 0;
        for source in 0..334 {
            let mut browser = from(&site, minute * 334 + source).await;
            browser.open("/_estafette/sign-in").await;
            let fields = [("who", names[source % names.len()].as_str()), ("password", "guess")];
            let answer = browser.submit("/_estafette/sign-in", &fields).await;
            guesses += u32::from(answer.status != StatusCode::TOO_MANY_REQUESTS);
        }
        assert!((1..=10).contains(&guesses), "{guesses} in minute {minute}");
        site.test.host.advance(MINUTE_MS);
    }
    let mut owner = from(&site, 2_000).await;
    owner.open("/_estafette/sign-in").await;
    let fields = [("who", "a@important.com"), ("password", PASSWORD)];
    let answer = owner.submit("/_estafette/sign-in", &fields).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "a minute later the owner is in");
}
