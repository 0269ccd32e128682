// SPDX-License-Identifier: Apache-2.0
use std::sync::atomic::Ordering;

use estafette_store::{
    AccountStore as _, PeopleStore as _, accounts::AccountFlag, people::PersonDetails,
};
use http::StatusCode;

use crate::{sign_up::tests::Site, testing::TestIdentity};

const PASSWORD: &str = "correct horse battery";

/// Otherwise nobody gets in, or one lands elsewhere than one wanted to go.
#[tokio::test]
async fn the_right_password_leads_on() {
    let site = TestIdentity::start();
    site.account("alice", PASSWORD).await;
    for who in ["alice", "@alice:x.fr", " Alice "] {
        let mut browser = site.browser();
        let page = browser.open("/_estafette/sign-in?continue=/oauth2/authorize?a%3D1%26b").await;
        assert_eq!(page.status, StatusCode::OK);
        let before = browser.cookie.clone();
        let answer =
            browser.submit("/_estafette/sign-in", &[("who", who), ("password", PASSWORD)]).await;
        assert_eq!(
            (answer.status, answer.location()),
            (StatusCode::SEE_OTHER, "/oauth2/authorize?a=1&b")
        );
        assert_ne!(browser.cookie, before, "a planted cookie would be signed in");
        // The page is for those who are not signed in.
        assert_eq!(browser.open("/_estafette/sign-in?continue=/x").await.location(), "/x");
    }
}

/// Otherwise the page tells strangers which accounts exist (F-24).
#[tokio::test]
async fn a_wrong_password_and_no_account_are_answered_alike() {
    let site = TestIdentity::start();
    site.account("alice", PASSWORD).await;
    let gone = site.account("gonee", PASSWORD).await;
    site.identity.host.deactivate(&gone, false).await.unwrap();
    let locked = site.account("lockd", PASSWORD).await;
    site.identity.store.set_account_flag(&locked, AccountFlag::Locked, true).await.unwrap();
    // Who is looked up in the place of nobody lets nobody in.
    site.account("nobody", PASSWORD).await;
    let mut answers = Vec::new();
    let tried = [
        ("alice", "wrong"),
        ("gonee", PASSWORD),
        ("lockd", "wrong"),
        ("nobod", "wrong"),
        ("a@b.c", PASSWORD),
        ("no id", PASSWORD),
    ];
    for (who, password) in tried {
        let mut browser = site.browser();
        browser.open("/_estafette/sign-in").await;
        let answer =
            browser.submit("/_estafette/sign-in", &[("who", who), ("password", password)]).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(answer.body.contains(&format!("value=\"{who}\"")), "what was typed is lost");
        assert!(!answer.body.contains(password) || password == "wrong", "the password comes back");
        let mut headers = answer.headers.clone();
        headers.remove("set-cookie");
        answers.push((answer.status, headers, answer.body.len()));
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
}

/// Otherwise an agent of another ministry tries passwords on a server that has never known them.
#[tokio::test]
async fn who_is_expected_on_another_server_is_led_there() {
    let site = Site::start();
    for (who, elsewhere) in [("a@other.com", true), ("a@important.com", false), ("other", false)] {
        let mut browser = site.test.browser();
        browser.open("/_estafette/sign-in").await;
        let fields = [("who", who), ("password", PASSWORD)];
        let answer = browser.submit("/_estafette/sign-in", &fields).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{who}");
        let link = "href=\"https://chat.other.fr/_estafette/sign-in?login_hint=a%40other.com\"";
        assert_eq!(answer.body.contains(link), elsewhere, "{who}: {}", answer.body);
    }
}

/// Otherwise somebody who is locked out tries passwords and resets until they give up.
#[tokio::test]
async fn a_locked_person_is_told_after_the_right_password() {
    let site = TestIdentity::start();
    let locked = site.account("lockd", PASSWORD).await;
    site.identity.store.set_account_flag(&locked, AccountFlag::Locked, true).await.unwrap();
    let mut browser = site.browser();
    browser.open("/_estafette/sign-in").await;
    let fields = [("who", "lockd"), ("password", PASSWORD)];
    let answer = browser.submit("/_estafette/sign-in", &fields).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(answer.body.contains("Your account is locked"), "{}", answer.body);
    assert_ne!(browser.open("/_estafette/account").await.status, StatusCode::OK);
}

/// Otherwise who has to wait types everything again.
#[tokio::test]
async fn who_has_to_wait_loses_nothing_typed_but_the_password() {
    let site = Site::start().test;
    let mut browser = site.browser();
    browser.open("/_estafette/sign-in").await;
    site.host.exhausted.store(true, Ordering::SeqCst);
    let fields = [("who", "alice@x.fr"), ("password", PASSWORD)];
    let answer = browser.submit("/_estafette/sign-in", &fields).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(answer.headers.contains_key("retry-after"));
    assert!(answer.body.contains("value=\"alice@x.fr\""), "{}", answer.body);
    assert!(!answer.body.contains(PASSWORD));
    // A page without a field for it offers to send the same again.
    browser.open("/_estafette/renew?token=unknown").await;
    let token = browser.form_token().await;
    let mut fields = vec![("form_token", &*token), ("token", "a&b"), ("password", PASSWORD)];
    // A password stands in no page: it is asked for again, so that nothing is sent without it.
    for asks in [true, false] {
        let body = serde_urlencoded::to_string(&fields);
        let answer = browser.post("/_estafette/renew", &body.unwrap()).await;
        assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
        assert!(answer.body.contains("name=\"token\" value=\"a&amp;b\""), "{}", answer.body);
        let asked = answer.body.contains("name=\"password\" type=\"password\" value=\"\"");
        assert_eq!(asked, asks, "{}", answer.body);
        assert!(!answer.body.contains(PASSWORD));
        fields.pop();
    }
    site.host.exhausted.store(false, Ordering::SeqCst);
    assert_eq!(browser.submit("/_estafette/renew", &[]).await.status, StatusCode::NOT_FOUND);
    // What is not known to be of this browser is not offered to be sent.
    let forged = browser.post("/_estafette/renew", "form_token=forged&token=x").await;
    assert!(!forged.body.contains("<form"), "{}", forged.body);
    assert!(forged.body.contains("href=\"/_estafette/renew\""), "no way on: {}", forged.body);
}

/// Otherwise a page of somebody else could sign the reader in or out (CSRF).
#[tokio::test]
async fn a_form_without_this_browsers_token_is_refused() {
    let site = TestIdentity::start();
    site.account("alice", PASSWORD).await;
    let mut other = site.browser();
    other.open("/_estafette/sign-in").await;
    let body = format!("who=alice&password={PASSWORD}");
    let mut browser = site.browser();
    browser.open("/_estafette/sign-in").await;
    let answer = browser.post("/_estafette/sign-in", &body).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(answer.body.contains("This page has expired"));
    // The token of one browser with the cookie of another.
    let mut mixed = site.browser();
    mixed.open("/_estafette/sign-in").await;
    mixed.cookie = other.cookie.clone();
    let fields = [("who", "alice"), ("password", PASSWORD)];
    assert_eq!(mixed.submit("/_estafette/sign-in", &fields).await.status, StatusCode::FORBIDDEN);
}

/// Otherwise passwords can be guessed as fast as the server answers (F-23).
#[tokio::test]
async fn guessing_is_slowed_down_whatever_the_sources() {
    let site = TestIdentity::start();
    let alice = site.account("alice", PASSWORD).await;
    let details = PersonDetails { email: Some("a@x.fr".into()), ..PersonDetails::default() };
    site.identity.store.put_person(&alice, details).await.unwrap();
    let mut allowed = 0;
    // None of these places is known: they have the common lane.
    for (source, who) in (0..40).zip(["alice", "@alice:x.fr", "a@x.fr", "A@x.FR"].iter().cycle()) {
        let mut browser = site.browser();
        browser.address = format!("10.0.0.{source}");
        browser.open("/_estafette/sign-in").await;
        let fields = [("who", *who), ("password", "guess")];
        let answer = browser.submit("/_estafette/sign-in", &fields).await;
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            assert!(answer.headers.contains_key("retry-after"));
        } else {
            allowed += 1;
        }
    }
    assert_eq!(allowed, 4, "whatever name is used");
    let mut last = StatusCode::OK;
    for source in 0..5 {
        let mut browser = site.browser();
        browser.address = format!("10.0.1.{source}");
        browser.open("/_estafette/sign-in").await;
        let fields = [("who", "nobody@x.fr"), ("password", "guess")];
        last = browser.submit("/_estafette/sign-in", &fields).await.status;
    }
    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS, "nor is nobody asked for faster than somebody");
    // Whoever it is about gets in again within a minute.
    site.host.advance(60_000);
    let mut browser = site.browser();
    browser.open("/_estafette/sign-in").await;
    let fields = [("who", "alice"), ("password", PASSWORD)];
    assert_eq!(browser.submit("/_estafette/sign-in", &fields).await.status, StatusCode::SEE_OTHER);
}

/// Otherwise a browser stays signed in after the day, the account or the password has ended.
#[tokio::test]
async fn a_session_ends_with_the_day_the_account_and_the_password() {
    use estafette_store::{AccountStore as _, accounts::Devices};
    let site = TestIdentity::start();
    site.host.limits.store(false, Ordering::SeqCst);
    for end in ["day", "account", "password", "sign-out"] {
        let user_id = site.account(end, PASSWORD).await;
        let mut browser = site.browser();
        browser.open("/_estafette/sign-in").await;
        browser.submit("/_estafette/sign-in", &[("who", end), ("password", PASSWORD)]).await;
        assert_eq!(browser.open("/_estafette/sign-in").await.status, StatusCode::SEE_OTHER);
        match end {
            "day" => site.host.advance(10 * 60 * 60 * 1000),
            "account" => {
                site.identity.host.deactivate(&user_id, false).await.unwrap();
            }
            "password" => {
                let all = Some(Devices::All);
                site.identity.store.set_password(&user_id, None, all).await.unwrap();
            }
            _ => {
                let mut other = site.browser();
                other.open("/_estafette/sign-in").await;
                let answer = other.post("/_estafette/sign-out", "form_token=x").await;
                assert_eq!(answer.status, StatusCode::FORBIDDEN);
                continue;
            }
        }
        assert_eq!(browser.open("/_estafette/sign-in").await.status, StatusCode::OK, "{end}");
    }
}
