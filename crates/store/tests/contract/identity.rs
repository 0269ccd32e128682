// SPDX-License-Identifier: Apache-2.0
//! Without these a code could be tried for ever, a mail lost or sent for ever, or a browser stay
//! signed in.

use std::sync::Arc;

use estafette_core::ids::UserId;
use estafette_store::{
    IdentityStore as _,
    accounts::TokenHash,
    fact::NoSink,
    identity::{CodeOutcome, NewCode, NewMail, TryOutcome},
    sqlite::{SqliteOptions, SqliteStore},
};

fn open() -> (tempfile::TempDir, SqliteStore) {
    let folder = tempfile::tempdir().unwrap();
    let options = SqliteOptions::new(folder.path().join("db"));
    let store = SqliteStore::open(&options, Arc::new(NoSink)).unwrap();
    (folder, store)
}

fn code(browser: &str, mac: [u8; 32], now_ms: i64) -> NewCode {
    NewCode {
        browser: TokenHash::of(browser),
        purpose: "sign-up",
        address: "a@x.fr".into(),
        mac,
        tries: 2,
        expires_ms: now_ms + 100,
        mail: None,
        now_ms,
        asked_max: 3,
        window_ms: 1_000,
    }
}

#[tokio::test]
async fn a_code_is_counted_bound_and_used_once() {
    let (_folder, store) = open();
    let (browser, purpose) = (TokenHash::of("b"), "sign-up");
    let ended = TryOutcome::Ended;
    assert_eq!(store.try_code(browser, purpose, [1; 32], 0, 9).await.unwrap(), ended, "no code");
    store.put_code(code("b", [1; 32], 0)).await.unwrap();
    let other = TokenHash::of("c");
    assert_eq!(store.try_code(other, purpose, [1; 32], 0, 9).await.unwrap(), ended);
    assert_eq!(store.try_code(browser, "reset", [1; 32], 0, 9).await.unwrap(), ended);
    let wrong = TryOutcome::Wrong { tries_left: 1 };
    assert_eq!(store.try_code(browser, purpose, [2; 32], 0, 9).await.unwrap(), wrong);
    assert_eq!(store.use_proof(browser, purpose, 0).await.unwrap(), None, "not proven");
    let proven = TryOutcome::Proven("a@x.fr".into());
    assert_eq!(store.try_code(browser, purpose, [1; 32], 0, 500).await.unwrap(), proven);
    assert_eq!(store.try_code(browser, purpose, [1; 32], 0, 500).await.unwrap(), ended, "twice");
    assert_eq!(store.use_proof(browser, purpose, 500).await.unwrap(), None, "too late");
    assert_eq!(store.use_proof(browser, purpose, 499).await.unwrap().as_deref(), Some("a@x.fr"));
    assert_eq!(store.use_proof(browser, purpose, 499).await.unwrap(), None, "used twice");
}

#[tokio::test]
async fn codes_end_by_time_by_tries_and_are_asked_for_within_bounds() {
    let (_folder, store) = open();
    let (browser, purpose) = (TokenHash::of("b"), "sign-up");
    store.put_code(code("b", [1; 32], 0)).await.unwrap();
    assert_eq!(
        store.try_code(browser, purpose, [1; 32], 100, 999).await.unwrap(),
        TryOutcome::Ended
    );
    store.put_code(code("b", [1; 32], 200)).await.unwrap();
    for _ in 0..2 {
        store.try_code(browser, purpose, [2; 32], 200, 999).await.unwrap();
    }
    assert_eq!(
        store.try_code(browser, purpose, [1; 32], 200, 999).await.unwrap(),
        TryOutcome::Ended
    );
    assert_eq!(store.put_code(code("c", [1; 32], 300)).await.unwrap(), CodeOutcome::Kept);
    assert_eq!(store.put_code(code("d", [1; 32], 400)).await.unwrap(), CodeOutcome::TooMany);
    assert_eq!(store.put_code(code("d", [1; 32], 1_200)).await.unwrap(), CodeOutcome::Kept);
}

#[tokio::test]
async fn mail_waits_until_it_is_accepted_or_of_no_use() {
    let (folder, store) = open();
    let mail = |recipient: &str, expires_ms| NewMail {
        recipient: recipient.into(),
        subject: "s".into(),
        body: "b".into(),
        now_ms: 10,
        expires_ms,
    };
    store.put_mail(mail("a@x.fr", 1_000)).await.unwrap();
    store.put_mail(mail("b@x.fr", 50)).await.unwrap();
    assert!(store.due_mail(9, 10).await.unwrap().is_empty());
    let due = store.due_mail(10, 10).await.unwrap();
    let who: Vec<&str> = due.iter().map(|mail| mail.recipient.as_str()).collect();
    assert_eq!(who, ["a@x.fr", "b@x.fr"]);
    store.mail_failed(due[0].id, 60).await.unwrap();
    drop(store);
    let options = SqliteOptions::new(folder.path().join("db"));
    let store = SqliteStore::open(&options, Arc::new(NoSink)).unwrap();
    assert!(store.due_mail(59, 10).await.unwrap().is_empty(), "b@x.fr has ended at 50");
    let again = store.due_mail(60, 10).await.unwrap();
    assert_eq!((again[0].id, again[0].tries), (due[0].id, 1), "lost by a restart");
    store.mail_done(again[0].id).await.unwrap();
    assert!(store.due_mail(900, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn invitations_end() {
    let (_folder, store) = open();
    let host = UserId::parse("@h:x.fr").unwrap();
    store.invite_guest("g@y.fr", &host, 100).await.unwrap();
    assert!(store.is_invited("g@y.fr", 99).await.unwrap());
    assert!(!store.is_invited("g@y.fr", 100).await.unwrap());
    assert!(!store.is_invited("h@y.fr", 99).await.unwrap());
}
