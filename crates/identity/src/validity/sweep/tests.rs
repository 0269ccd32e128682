// SPDX-License-Identifier: Apache-2.0
//! Without these accounts would stay for ever, or become whoever's has the mailbox next.

use estafette_core::ids::UserId;
use estafette_store::{
    AccountStore as _, PeopleStore as _,
    accounts::{AccountFlag, NewAccount},
    people::{AdminAct, AuditPage, PersonDetails},
};
use http::StatusCode;

use super::{DAY_MS, Swept};
use crate::sign_up::tests::Site;

const ADDRESS: &str = "jean.martin@important.com";
const PASSWORD: &str = "ocean lantern granite violin";

fn site() -> Site {
    Site::with(|config| {
        config.validity.period_days = 90;
        config.validity.mailbox_days = 30;
        config.validity.deactivate_after_days = 120;
        config.validity.erase_after_days = 365;
    })
}

async fn owner(site: &Site, address: &str) -> Option<UserId> {
    let person = site.test.identity.store.person_by_email(address).await.unwrap();
    person.map(|person| person.user_id)
}

async fn lines(site: &Site) -> Vec<(String, String, Option<String>)> {
    let page = AuditPage { limit: 100, ..AuditPage::default() };
    let mut lines = site.test.identity.store.audit_lines(page).await.unwrap();
    lines.reverse();
    lines.into_iter().map(|line| (line.actor, line.act, line.subject)).collect()
}

fn swept(given: u64, lapsed: u64, erased: u64) -> Swept {
    Swept { given, lapsed, erased }
}

#[tokio::test]
async fn what_nobody_renews_ends_and_is_erased_in_its_time_and_leaves_its_lines() {
    let site = site();
    site.sign_up(ADDRESS).await;
    site.sign_up("locked@important.com").await;
    let identity = &site.test.identity;
    let jean = owner(&site, ADDRESS).await.unwrap();
    let locked = owner(&site, "locked@important.com").await.unwrap();
    identity.store.set_account_flag(&locked, AccountFlag::Locked, true).await.unwrap();
    for (days, expected) in [
        (90 + 119, swept(0, 0, 0)),
        (1, swept(0, 1, 0)),
        (364, swept(0, 0, 0)),
        (1, swept(0, 0, 1)),
        (1_000, swept(0, 0, 0)),
    ] {
        site.test.host.advance(days * DAY_MS);
        assert_eq!(identity.sweep().await.unwrap(), expected, "after {days} days more");
    }
    let policy = |act: &str| ("policy".to_owned(), act.to_owned(), Some(jean.to_string()));
    assert_eq!(lines(&site).await, [policy("account.lapse"), policy("account.erase")]);
    assert!(identity.store.account(&jean).await.unwrap().unwrap().erased);
    let kept = identity.store.account(&locked).await.unwrap().unwrap();
    assert!(!kept.deactivated, "what is being looked into is left alone");
}

#[tokio::test]
async fn nothing_ends_where_the_operator_says_nothing() {
    let site = Site::with(|config| config.validity.period_days = 90);
    site.sign_up(ADDRESS).await;
    site.test.host.advance(10_000 * DAY_MS);
    assert_eq!(site.test.identity.sweep().await.unwrap(), swept(0, 0, 0));
    assert!(!site.test.identity.store.person_by_email(ADDRESS).await.unwrap().unwrap().deactivated);
}

#[tokio::test]
async fn long_after_the_end_the_mailbox_alone_opens_nothing() {
    let site = site();
    site.sign_up(ADDRESS).await;
    site.test.host.advance(61 * DAY_MS);
    assert_eq!(site.test.identity.remind_due().await.unwrap(), 1);
    let mail = site.mails().await.pop().unwrap().replace("=\r\n", "").replace("=3D", "=");
    let at = mail.find("/_estafette/renew?token=").unwrap();
    let link = mail[at..].split_whitespace().next().unwrap().to_owned();
    // Within the time the mailbox is believed: 29 days are left, and 29 more.
    site.test.host.advance(58 * DAY_MS);
    let before = site.mails().await.len();
    for path in ["/_estafette/password/reset", "/_estafette/sign-in/mail"] {
        let mut browser = site.test.browser();
        browser.open(path).await;
        browser.submit(path, &[("address", ADDRESS)]).await;
        site.code_for(ADDRESS).await;
        site.test.host.advance(60 * 60 * 1000);
    }
    assert_eq!(site.mails().await.len(), before + 2);

    site.test.host.advance(DAY_MS);
    for path in ["/_estafette/password/reset", "/_estafette/sign-in/mail"] {
        let mut browser = site.test.browser();
        browser.open(path).await;
        let answer = browser.submit(path, &[("address", ADDRESS)]).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "answered alike");
        assert_eq!(site.mails().await.len(), before + 2, "nobody is written to");
        site.test.host.advance(60 * 60 * 1000);
    }
    let mut finder = site.test.browser();
    finder.open(&link).await;
    let answer = finder.submit("/_estafette/renew", &[]).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "{}", answer.body);
    let (_, answer) = {
        let mut browser = site.test.browser();
        browser.open("/_estafette/sign-up").await;
        browser.submit("/_estafette/sign-up", &[("address", ADDRESS)]).await;
        let code = site.code_for(ADDRESS).await;
        browser.follow().await;
        browser.submit("/_estafette/sign-up/code", &[("code", &code)]).await;
        let page = browser.follow().await;
        (browser, page)
    };
    assert!(answer.body.contains("This account is closed"), "{}", answer.body);
    let mut owner = site.test.browser();
    owner.open("/_estafette/sign-in").await;
    owner.submit("/_estafette/sign-in", &[("who", ADDRESS), ("password", PASSWORD)]).await;
    owner.open(&link).await;
    let answer = owner.submit("/_estafette/renew", &[]).await;
    assert!(answer.body.contains("Your account is renewed"), "{}", answer.body);
}

#[tokio::test]
async fn whoever_has_the_address_after_an_account_lapsed_gets_another_one() {
    let site = site();
    site.sign_up(ADDRESS).await;
    let before = owner(&site, ADDRESS).await.unwrap();
    site.test.host.advance((90 + 120) * DAY_MS);
    site.test.identity.sweep().await.unwrap();
    assert_eq!(owner(&site, ADDRESS).await, None, "the address is free");
    let (_, answer) = site.sign_up(ADDRESS).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    assert_ne!(owner(&site, ADDRESS).await.unwrap(), before);
    assert!(site.test.identity.store.account(&before).await.unwrap().unwrap().deactivated);
}

#[tokio::test]
async fn an_account_that_its_owner_ended_comes_back_only_while_the_mailbox_is_believed() {
    for (days, comes_back) in [(90 + 29, true), (90 + 30, false)] {
        let site = site();
        site.sign_up(ADDRESS).await;
        let before = owner(&site, ADDRESS).await.unwrap();
        site.test.host.advance(days * DAY_MS);
        site.test.identity.host.deactivate(&before, false).await.unwrap();
        let (_, answer) = site.sign_up(ADDRESS).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
        assert_eq!(owner(&site, ADDRESS).await.unwrap() == before, comes_back, "{days} days");
    }
}

#[tokio::test]
async fn an_account_that_an_administrator_brings_back_does_not_lapse_again() {
    let site = site();
    site.sign_up(ADDRESS).await;
    let jean = owner(&site, ADDRESS).await.unwrap();
    site.test.host.advance((90 + 120) * DAY_MS);
    let identity = &site.test.identity;
    identity.sweep().await.unwrap();
    let act = AdminAct::Reactivate(None);
    identity.host.administer(identity.policy_entry(), Some(&jean), vec![act]).await.unwrap();
    assert_eq!(identity.sweep().await.unwrap(), swept(0, 0, 0));
    site.test.host.advance(400 * DAY_MS);
    assert_eq!(identity.sweep().await.unwrap(), swept(0, 0, 0));
}

#[tokio::test]
async fn who_was_there_before_the_period_gets_an_end_in_its_last_tenth_once() {
    let site = site();
    let identity = &site.test.identity;
    let now_ms = identity.host.now_ms();
    let mut ends = Vec::new();
    for number in 0..20 {
        let user_id = UserId::parse(&format!("@old{number}:x.fr")).unwrap();
        let account = NewAccount {
            user_id: user_id.clone(),
            password_hash: None,
            appservice_id: None,
            is_admin: false,
            displayname: None,
            registration_token: None,
            login: None,
            now_ms,
        };
        let details = PersonDetails {
            email: (number > 0).then(|| format!("old{number}@important.com")),
            endless: number == 1,
            ..PersonDetails::default()
        };
        identity.store.create_person(account, details).await.unwrap();
    }
    assert_eq!(identity.sweep().await.unwrap(), swept(18, 0, 0), "not bots, nor the exempted");
    assert_eq!(lines(&site).await, [("policy".into(), "account.give_ends".into(), None)]);
    for number in 2..20 {
        let address = format!("old{number}@important.com");
        let person = identity.store.person_by_email(&address).await.unwrap().unwrap();
        ends.push(person.details.expires_ms.unwrap());
    }
    assert!(ends.iter().all(|end| (now_ms + 81 * DAY_MS..=now_ms + 90 * DAY_MS).contains(end)));
    ends.sort_unstable();
    ends.dedup();
    assert!(ends.len() > 15, "spread: {ends:?}");
    assert_eq!(identity.sweep().await.unwrap(), swept(0, 0, 0), "once");
}
