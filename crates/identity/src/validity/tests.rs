// SPDX-License-Identifier: Apache-2.0
use estafette_core::ids::UserId;
use estafette_store::{AccountStore as _, PeopleStore as _, accounts::AccountFlag};
use http::StatusCode;

use super::{DAY_MS, RenewalMail};
use crate::sign_up::tests::Site;

fn site() -> Site {
    Site::with(|config| config.validity.period_days = 90)
}

async fn expires_ms(site: &Site) -> i64 {
    let person = site.test.identity.store.person_by_email("a@important.com").await.unwrap();
    person.unwrap().details.expires_ms.unwrap()
}

/// Signs somebody up.
async fn somebody(site: &Site) -> UserId {
    site.sign_up("a@important.com").await;
    let person = site.test.identity.store.person_by_email("a@important.com").await.unwrap();
    person.unwrap().user_id
}

/// The link of the last mail.
async fn link(site: &Site) -> String {
    let mail = site.mails().await.pop().unwrap().replace("=\r\n", "").replace("=3D", "=");
    let at = mail.find("/_estafette/renew?token=").expect(&mail);
    mail[at..].split_whitespace().next().unwrap().to_owned()
}

/// Otherwise nobody is reminded, or everybody is with each round or restart.
#[tokio::test]
async fn each_reminder_is_sent_once() {
    let site = site();
    site.sign_up("a@important.com").await;
    let (mut sent, mut days) = (Vec::new(), 0);
    while days < 100 {
        for _ in 0..2 {
            if site.test.identity.remind_due().await.unwrap() > 0 {
                sent.push(90 - days);
            }
        }
        site.mails().await;
        site.test.host.advance(DAY_MS);
        days += 1;
    }
    assert_eq!(sent, [30, 7, 1]);
    assert_eq!(site.mails().await.len(), 4);
}

/// Otherwise one mail that was asked for and lost is the last that somebody hears before the end.
#[tokio::test]
async fn a_mail_that_was_asked_for_takes_the_place_of_no_reminder() {
    let site = site();
    let user_id = somebody(&site).await;
    let identity = &site.test.identity;
    let mut sent = Vec::new();
    for day in 0..90 {
        if day == 20 || day == 70 {
            assert_eq!(identity.mail_renewal(&user_id).await.unwrap(), RenewalMail::Queued);
        }
        if identity.remind_due().await.unwrap() > 0 {
            sent.push(90 - day);
        }
        site.mails().await;
        site.test.host.advance(DAY_MS);
    }
    assert_eq!(sent, [30, 7, 1]);
}

/// Otherwise a locked person is told to do what the lock forbids, or a suspended one loses the
/// account unheard.
#[tokio::test]
async fn nobody_who_is_locked_is_reminded_and_whoever_is_suspended_is() {
    let site = site();
    let user_id = somebody(&site).await;
    let store = &site.test.identity.store;
    site.test.host.advance(61 * DAY_MS);
    for (flag, reminded) in [(AccountFlag::Locked, 0), (AccountFlag::Suspended, 1)] {
        store.set_account_flag(&user_id, flag, true).await.unwrap();
        assert_eq!(site.test.identity.remind_due().await.unwrap(), reminded, "{flag:?}");
        store.set_account_flag(&user_id, flag, false).await.unwrap();
    }
}

/// Otherwise a scanner of links renews whoever has left (B9), or a click does not.
#[tokio::test]
async fn a_click_renews_and_looking_does_not() {
    let site = site();
    site.sign_up("a@important.com").await;
    let first = expires_ms(&site).await;
    site.test.host.advance(61 * DAY_MS);
    site.test.identity.remind_due().await.unwrap();
    let link = link(&site).await;
    let mut scanner = site.test.browser();
    assert!(scanner.open(&link).await.body.contains("Keep my account"));
    assert_eq!(expires_ms(&site).await, first, "a GET renewed the account");
    scanner.post("/_estafette/renew", &link.replace("/_estafette/renew?", "")).await;
    assert_eq!(expires_ms(&site).await, first, "a form without its browser renewed the account");
    let mut browser = site.test.browser();
    browser.open(&link).await;
    assert!(browser.submit("/_estafette/renew", &[]).await.body.contains("is renewed"));
    let renewed = expires_ms(&site).await;
    assert_eq!(renewed, first + 61 * DAY_MS);
    // A second click is told that all is well, and changes nothing.
    site.test.host.advance(DAY_MS);
    assert!(browser.open(&link).await.body.contains("is renewed"));
    assert_eq!(expires_ms(&site).await, renewed);
    assert_eq!(browser.open("/_estafette/renew?token=x").await.status, StatusCode::NOT_FOUND);
}

/// Otherwise an account that has ended goes on in the browsers that it is signed in with, or its
/// owner walks in circles.
#[tokio::test]
async fn an_expired_account_is_shown_how_to_renew_it_and_nothing_else() {
    let site = site();
    let (mut browser, _) = site.sign_up("a@important.com").await;
    let account = browser.open("/_estafette/account").await;
    assert!(account.body.contains("href=\"/_estafette/renew\""), "{}", account.body);
    let page = browser.open("/_estafette/renew").await;
    assert!(page.body.contains("valid until 12 February 2024"), "{}", page.body);
    site.test.host.advance(90 * DAY_MS);
    browser.open("/_estafette/sign-in").await;
    let fields = [("who", "a@important.com"), ("password", "ocean lantern granite violin")];
    browser.submit("/_estafette/sign-in", &fields).await;
    let refused =
        ["/account", "/account/address", "/account?action=org.matrix.profile", "/sign-in"];
    for path in refused {
        let answer = browser.open(&format!("/_estafette{path}")).await;
        assert_eq!(answer.location(), "/_estafette/renew", "{path}");
    }
    let page = browser.follow().await;
    assert!(page.body.contains("Your account has expired"), "{}", page.body);
    assert!(page.body.contains("not worked since 12 February 2024"), "{}", page.body);
    for path in ["/account/directory", "/account/browsers/end"] {
        browser.open("/_estafette/renew").await;
        let path = format!("/_estafette{path}");
        let answer = browser.submit_to("/_estafette/renew/mail", &path, &[("hide", "yes")]).await;
        assert_eq!(answer.location(), "/_estafette/renew", "{path}");
    }
    // By the link of the mail it works again at once.
    browser.open("/_estafette/renew").await;
    browser.submit("/_estafette/renew/mail", &[]).await;
    let link = link(&site).await;
    browser.open(&link).await;
    browser.submit("/_estafette/renew", &[]).await;
    assert_eq!(browser.open("/_estafette/account").await.status, StatusCode::OK);
    // Whoever is not signed in is led to sign in first.
    let stranger = site.test.browser().open("/_estafette/renew").await;
    assert!(stranger.location().starts_with("/_estafette/sign-in?continue=%2F_estafette%2Frenew"));
}

/// Otherwise whoever comes back after the end has no way in.
#[tokio::test]
async fn after_the_end_a_new_link_is_sent_and_the_earlier_ones_end() {
    let site = site();
    site.sign_up("a@important.com").await;
    site.test.host.advance(61 * DAY_MS);
    site.test.identity.remind_due().await.unwrap();
    let old = link(&site).await;
    site.test.host.advance(30 * DAY_MS);
    let mut browser = site.test.browser();
    browser.open("/_estafette/sign-in").await;
    let fields = [("who", "a@important.com"), ("password", "ocean lantern granite violin")];
    browser.submit("/_estafette/sign-in", &fields).await;
    browser.open("/_estafette/renew").await;
    let sent = browser.submit("/_estafette/renew/mail", &[]).await;
    // A page that is loaded again sends no second mail.
    assert_eq!(sent.location(), "/_estafette/renew?sent=yes");
    assert!(browser.follow().await.body.contains("on its way"));
    assert!(site.mails().await.pop().unwrap().contains("has expired"));
    let new = link(&site).await;
    assert_ne!(old, new);
    assert_eq!(site.test.browser().open(&old).await.status, StatusCode::NOT_FOUND);
    browser.open(&new).await;
    assert!(browser.submit("/_estafette/renew", &[]).await.body.contains("is renewed"));
}

/// Otherwise the button of a client sends nothing, or two links work at once, or clients are told
/// of a page that renews nobody.
#[tokio::test]
async fn a_client_has_the_mail_sent_that_renews() {
    let site = site();
    let user_id = somebody(&site).await;
    let identity = &site.test.identity;
    assert_eq!(identity.renewal_page().as_deref(), Some("https://x.fr/_estafette/renew"));
    site.test.host.advance(91 * DAY_MS);
    assert_eq!(identity.mail_renewal(&user_id).await.unwrap(), RenewalMail::Queued);
    let old = link(&site).await;
    assert_eq!(identity.mail_renewal(&user_id).await.unwrap(), RenewalMail::Queued);
    let new = link(&site).await;
    assert_eq!(site.test.browser().open(&old).await.status, StatusCode::NOT_FOUND);
    let mut browser = site.test.browser();
    browser.open(&new).await;
    assert!(browser.submit("/_estafette/renew", &[]).await.body.contains("is renewed"));
    let bot = site.test.account("bot", "correct horse").await;
    assert_eq!(identity.mail_renewal(&bot).await.unwrap(), RenewalMail::NothingToRenew);
    let endless = Site::with(|config| config.validity.period_days = 0);
    let user_id = somebody(&endless).await;
    let identity = &endless.test.identity;
    assert_eq!(identity.renewal_page(), None);
    assert_eq!(identity.mail_renewal(&user_id).await.unwrap(), RenewalMail::NoMail);
}
