// SPDX-License-Identifier: Apache-2.0
use estafette_store::{PeopleStore as _, people::PersonDetails};
use http::StatusCode;

use crate::{
    sign_up::tests::{PASSWORD, Site},
    testing::TestIdentity,
};

const CODES: [&str; 2] = ["/_estafette/sign-in/mail", "/_estafette/password/reset"];

/// Otherwise an agent of another ministry is told that they are nobody, and waits for mails that
/// never come; or the answer says who has an account.
#[tokio::test]
async fn whose_organisation_is_elsewhere_is_led_there_whether_or_not_they_have_an_account() {
    let site = Site::with(|config| config.policy.apply_at_start = false);
    let had = site.test.account("old", PASSWORD).await;
    let details = PersonDetails { email: Some("has@other.com".into()), ..PersonDetails::default() };
    site.test.identity.store.put_person(&had, details).await.unwrap();
    let mut shown = Vec::new();
    for address in ["has@other.com", "not@other.com"] {
        let mut browser = site.test.browser();
        browser.open("/_estafette/sign-in").await;
        let fields = [("who", address), ("password", "wrong horse")];
        let refused = browser.submit("/_estafette/sign-in", &fields).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        let there = format!(
            "https://chat.other.fr/_estafette/sign-in?login_hint={}%40other.com",
            &address[..3]
        );
        assert!(refused.body.contains(&there), "{}", refused.body);
        shown.push((address, refused.body.len()));
        for path in CODES {
            let mut browser = site.test.browser();
            browser.open(path).await;
            let asked = browser.submit(path, &[("address", address)]).await;
            assert_eq!(asked.status, StatusCode::SEE_OTHER, "{path}");
            let page = browser.follow().await;
            assert!(page.body.contains("Your organisation has its own server"), "{}", page.body);
            assert!(page.body.contains(&format!("https://chat.other.fr{path}?login_hint=")));
            shown.push((address, page.body.len()));
            site.test.host.advance(60 * 1000);
        }
    }
    let (has, not) = shown.split_at(3);
    for ((_, with), (_, without)) in has.iter().zip(not) {
        assert_eq!(with, without, "the answer says who has an account");
    }
    // Whose account is here all the same gets in.
    let mut browser = site.test.browser();
    browser.open("/_estafette/sign-in").await;
    let fields = [("who", "has@other.com"), ("password", PASSWORD)];
    assert_eq!(browser.submit("/_estafette/sign-in", &fields).await.status, StatusCode::SEE_OTHER);
    site.sign_in_by_code(&mut site.test.browser(), "has@other.com", "/").await;
}

/// Otherwise whoever types a private address by mistake waits for a code.
#[tokio::test]
async fn an_address_of_no_organisation_is_said_to_be_one() {
    let site = Site::with_policy("[organisations.a]\nname = \"A\"\ndomains = [\"a.fr\"]\n");
    let mut browser = site.test.browser();
    browser.open("/_estafette/sign-in").await;
    for (who, said) in [("x@gmail.com", true), ("x@a.fr", false), ("x", false)] {
        let fields = [("who", who), ("password", "wrong horse")];
        let refused = browser.submit("/_estafette/sign-in", &fields).await;
        assert_eq!(refused.body.contains("of no organisation"), said, "{who}: {}", refused.body);
    }
    for path in CODES {
        for (address, said) in [("x@gmail.com", true), ("x@a.fr", false)] {
            let mut browser = site.test.browser();
            browser.open(path).await;
            browser.submit(path, &[("address", address)]).await;
            let page = browser.follow().await;
            assert_eq!(page.body.contains("of no organisation"), said, "{path}: {}", page.body);
            site.test.host.advance(60 * 1000);
        }
    }
    assert!(site.mails().await.is_empty());
}

/// Otherwise a server that knows no organisation says of all its own people that they are nobody's.
#[tokio::test]
async fn without_a_policy_nothing_is_said() {
    let site = TestIdentity::start();
    let mut browser = site.browser();
    browser.open("/_estafette/sign-in").await;
    let fields = [("who", "x@a.fr"), ("password", "wrong horse")];
    let refused = browser.submit("/_estafette/sign-in", &fields).await;
    assert!(!refused.body.contains("organisation"), "{}", refused.body);
}
