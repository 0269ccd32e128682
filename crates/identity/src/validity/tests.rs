// SPDX-License-Identifier: Apache-2.0
use estafette_store::PeopleStore as _;
use http::StatusCode;

use super::DAY_MS;
use crate::sign_up::tests::Site;

fn site() -> Site {
    Site::with(|config| config.validity.period_days = 90)
}

async fn expires_ms(site: &Site) -> i64 {
    let person = site.test.identity.store.person_by_email("a@important.com").await.unwrap();
    person.unwrap().details.expires_ms.unwrap()
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
    assert!(browser.submit("/_estafette/renew/mail", &[]).await.body.contains("on its way"));
    assert!(site.mails().await.pop().unwrap().contains("has expired"));
    let new = link(&site).await;
    assert_ne!(old, new);
    assert_eq!(site.test.browser().open(&old).await.status, StatusCode::NOT_FOUND);
    browser.open(&new).await;
    assert!(browser.submit("/_estafette/renew", &[]).await.body.contains("is renewed"));
}
