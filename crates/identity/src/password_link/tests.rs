// SPDX-License-Identifier: Apache-2.0
use estafette_core::ids::{DeviceId, UserId};
use estafette_store::{
    AccountStore as _, PeopleStore as _,
    accounts::{NewLogin, TokenHash, TokenPair},
    people::{AdminAct, AuditEntry, AuditPage},
};
use http::StatusCode;

use super::PATH;
use crate::{sign_up::tests::Site, testing::TestBrowser};

const PASSWORD: &str = "walnut harbour cedar trumpet";
const OLD: &str = "ocean lantern granite violin";

/// A link for an account, as an administrator makes one; its path.
async fn link(site: &Site, user_id: &UserId, mail: Option<&str>) -> String {
    let (link, kept) = site.test.identity.new_password_link(mail);
    let entry = AuditEntry { actor: "op".into(), reason: None, now_ms: 0 };
    let acts = vec![AdminAct::LinkPassword(kept)];
    site.test.identity.host.administer(entry, Some(user_id), acts).await.unwrap();
    assert!(link.starts_with("https://x.fr/_estafette/password/link?token="), "{}", *link);
    link["https://x.fr".len()..].to_owned()
}

async fn user(site: &Site, address: &str) -> UserId {
    site.test.identity.store.person_by_email(address).await.unwrap().unwrap().user_id
}

async fn choose(browser: &mut TestBrowser<'_>, password: &str) -> crate::testing::Answer {
    browser.submit(PATH, &[("password", password), ("again", password)]).await
}

/// Otherwise a link is of no use, works twice, or leaves somebody in who should be out.
#[tokio::test]
async fn a_link_chooses_a_password_once_and_ends_every_session() {
    let site = Site::start();
    let (mut old, _) = site.sign_up("a@important.com").await;
    let user_id = user(&site, "a@important.com").await;
    let path = link(&site, &user_id, None).await;
    assert_eq!(old.open("/_estafette/account").await.status, StatusCode::SEE_OTHER, "at once");
    let token = TokenHash::of("token");
    let tokens = TokenPair { access: token, expires_ms: None, refresh: None };
    let device_id = DeviceId::parse("D").unwrap();
    let login = NewLogin { device_id, display_name: None, tokens };
    let store = &site.test.identity.store;
    store.log_in(&user_id, login, 0).await.unwrap();
    let mut browser = site.test.browser();
    let page = browser.open(&path).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.body.contains("Choose your password") && page.body.contains("a@important.com"));
    // Looking changes nothing, nor does a form of elsewhere.
    let query = path.split('?').nth(1).unwrap();
    let forged = site.test.browser().post(PATH, &format!("{query}&password=x&again=x")).await;
    assert_eq!(forged.status, StatusCode::FORBIDDEN);
    // What is wrong with a password is said, and the link is as good as before.
    for (password, why) in [("short", "at least 12"), ("important.com1", "soon be guessed")] {
        let answer = choose(&mut browser, password).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(answer.body.contains(why) && !answer.body.contains(password), "{}", answer.body);
    }
    assert_eq!(*site.test.host.forgotten.lock(), []);
    assert!(store.session(&token).await.unwrap().is_some());
    let answer = choose(&mut browser, PASSWORD).await;
    assert_eq!((answer.status, answer.location()), (StatusCode::SEE_OTHER, "/_estafette/account"));
    assert_eq!(browser.follow().await.status, StatusCode::OK, "signed in");
    assert!(store.session(&token).await.unwrap().is_none(), "a device goes on");
    assert_eq!(*site.test.host.forgotten.lock(), [user_id]);
    assert!(site.mails().await.pop().unwrap().contains("your password has changed"));
    // Once.
    let again = site.test.browser().open(&path).await;
    assert_eq!(again.status, StatusCode::NOT_FOUND);
    assert!(again.body.contains("no longer works") && again.body.contains("password/reset"));
    for (password, status) in
        [(PASSWORD, StatusCode::SEE_OTHER), (OLD, StatusCode::UNPROCESSABLE_ENTITY)]
    {
        let mut other = site.test.browser();
        other.open("/_estafette/sign-in").await;
        let fields = [("who", "a@important.com"), ("password", password)];
        assert_eq!(other.submit("/_estafette/sign-in", &fields).await.status, status);
    }
}

/// Otherwise an old mail, or a second browser that waits on the page, chooses the password.
#[tokio::test]
async fn links_end_and_of_two_browsers_one_chooses() {
    let site = Site::start();
    site.sign_up("a@important.com").await;
    let user_id = user(&site, "a@important.com").await;
    let path = link(&site, &user_id, None).await;
    let (mut first, mut second) = (site.test.browser(), site.test.browser());
    first.open(&path).await;
    second.open(&path).await;
    assert_eq!(choose(&mut first, PASSWORD).await.status, StatusCode::SEE_OTHER);
    assert_eq!(choose(&mut second, OLD).await.status, StatusCode::NOT_FOUND);
    let path = link(&site, &user_id, None).await;
    second.open(&path).await;
    site.test.host.advance(24 * 60 * 60 * 1000);
    assert_eq!(choose(&mut second, OLD).await.status, StatusCode::NOT_FOUND);
    let path = link(&site, &user_id, None).await;
    second.open(&path).await;
    site.test.identity.host.deactivate(&user_id, false).await.unwrap();
    assert_eq!(choose(&mut second, OLD).await.status, StatusCode::NOT_FOUND);
    for nothing in ["", "?token=", "?token=x"] {
        assert_eq!(second.open(&format!("{PATH}{nothing}")).await.status, StatusCode::NOT_FOUND);
    }
}

/// Otherwise whoever reads the database or the audit log has the link.
#[tokio::test]
async fn the_link_is_in_the_mail_alone() {
    let site = Site::start();
    site.sign_up("a@important.com").await;
    let user_id = user(&site, "a@important.com").await;
    let path = link(&site, &user_id, Some("a@important.com")).await;
    let token = path.split("token=").nth(1).unwrap();
    let lines = site.test.identity.store.audit_lines(AuditPage { limit: 9, ..Default::default() });
    assert!(!format!("{:?}", lines.await.unwrap()).contains(token));
    let mail = site.mails().await.pop().unwrap().replace("=\r\n", "").replace("=3D", "=");
    assert!(mail.contains("To: a@important.com\r\n") && mail.contains(token), "{mail}");
    // One that is passed on by hand is kept nowhere but as its hash.
    let path = link(&site, &user_id, None).await;
    let token = path.split("token=").nth(1).unwrap();
    let kept = site.database();
    let has = |bytes: &[u8]| kept.windows(bytes.len()).any(|window| window == bytes);
    assert!(!has(token.as_bytes()), "kept in clear");
    assert!(has(&TokenHash::of(token).0));
}

/// Otherwise guesses at links are as many as somebody likes.
#[tokio::test]
async fn guesses_at_links_are_slowed_down() {
    let site = Site::start();
    site.sign_up("a@important.com").await;
    let path = link(&site, &user(&site, "a@important.com").await, None).await;
    let mut browser = site.test.browser();
    browser.address = "10.9.9.9".into();
    browser.open(&path).await;
    let mut last = StatusCode::OK;
    for _ in 0..21 {
        browser.open(&path).await;
        let fields = [("token", "guess"), ("password", PASSWORD), ("again", PASSWORD)];
        last = browser.submit(PATH, &fields).await.status;
    }
    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
}
