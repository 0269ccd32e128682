// SPDX-License-Identifier: Apache-2.0
//! Without these a code could be tried for ever, a mail lost or sent for ever, or a browser stay
//! signed in.

use std::sync::Arc;

use estafette_core::{
    guesses::{WINDOW_MS, Wrong},
    ids::UserId,
};
use estafette_store::{
    AccountStore as _, IdentityStore as _, PeopleStore as _,
    accounts::{AccountFlag, NewAccount, PasswordHash, TokenHash},
    fact::NoSink,
    identity::{BrowserSession, CodeOutcome, MailText, NewCode, NewMail, PasswordLink, TryOutcome},
    people::{AdminAct, AdminOutcome, AuditEntry, AuditPage},
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
        tries_min: 2,
        expires_ms: now_ms + 100,
        mail: mail("a@x.fr", now_ms + 100),
        to_nobody: true,
        now_ms,
        source: browser.into(),
        asked_max: 3,
        asked_by_source_max: 2,
        asked_by_source_per_day_max: 9,
        window_ms: 1_000,
        memory_ms: 1_000,
    }
}

/// Otherwise a restart forgets who guessed, or the file grows with every guess.
#[tokio::test]
async fn wrong_guesses_are_kept_for_a_window() {
    let (folder, store) = open();
    assert!(store.wrong_guesses().is_empty());
    let wrong = |at_ms| Wrong { at_ms, subject: [1; 32], lane: 4, guesser: [2; 32] };
    for at_ms in [0, 1, WINDOW_MS] {
        store.note_wrong_guess(wrong(at_ms)).await.unwrap();
    }
    drop(store);
    let options = SqliteOptions::new(folder.path().join("db"));
    let store = SqliteStore::open(&options, Arc::new(NoSink)).unwrap();
    assert_eq!(store.wrong_guesses(), [wrong(WINDOW_MS), wrong(1)]);
}

fn mail(recipient: &str, expires_ms: i64) -> NewMail {
    NewMail { recipient: recipient.into(), sealed: b"s".to_vec(), now_ms: 10, expires_ms }
}

#[tokio::test]
async fn a_code_is_counted_bound_and_used_once() {
    let (_folder, store) = open();
    let (browser, purpose) = (TokenHash::of("b"), "sign-up");
    let ended = TryOutcome::Ended;
    assert_eq!(store.try_code(browser, purpose, [1; 32], 0, 9).await.unwrap(), ended, "no code");
    assert!(!store.begin_first_try(browser, purpose).await.unwrap(), "no code");
    store.put_code(code("b", [1; 32], 0)).await.unwrap();
    for (other, purpose) in [("c", purpose), ("b", "reset")] {
        assert!(!store.begin_first_try(TokenHash::of(other), purpose).await.unwrap());
    }
    assert!(store.begin_first_try(browser, purpose).await.unwrap());
    assert!(!store.begin_first_try(browser, purpose).await.unwrap(), "twice the first");
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
    let too_many = CodeOutcome::TooMany { again_ms: 1_000 };
    assert_eq!(store.put_code(code("d", [1; 32], 400)).await.unwrap(), too_many);
    assert_eq!(store.put_code(code("d", [1; 32], 1_000)).await.unwrap(), CodeOutcome::Kept);
    let due = store.due_mail(1_000, 9).await.unwrap();
    assert!(due.iter().all(|mail| mail.recipient.is_empty()), "they were for nobody");
}

/// Otherwise one stranger takes all codes of a mailbox, or floods it, or guesses without end.
#[tokio::test]
async fn codes_are_shared_out_among_those_who_ask_and_tried_less_the_more_there_are() {
    let (_folder, store) = open();
    let ask = async |source: &str, now_ms: i64| {
        let new = code(source, [1; 32], now_ms);
        let new = NewCode { tries: 5, source: source.into(), memory_ms: 10_000, ..new };
        store.put_code(new).await.unwrap()
    };
    let tries = async |browser: &str, now_ms: i64| {
        let mut tries = 0;
        let browser = TokenHash::of(browser);
        while store.try_code(browser, "sign-up", [2; 32], now_ms, 0).await.unwrap()
            != TryOutcome::Ended
        {
            tries += 1;
        }
        tries + 1
    };
    assert_eq!(ask("thief", 0).await, CodeOutcome::Kept);
    assert_eq!(tries("thief", 0).await, 5);
    assert_eq!(ask("thief", 1).await, CodeOutcome::Kept);
    assert_eq!(tries("thief", 1).await, 3);
    assert_eq!(ask("thief", 2).await, CodeOutcome::TooMany { again_ms: 1_000 });
    assert_eq!(ask("owner", 3).await, CodeOutcome::Kept, "one stranger took them all");
    assert_eq!(tries("owner", 3).await, 2);
    assert_eq!(ask("other", 4).await, CodeOutcome::TooMany { again_ms: 1_000 });
    for n in 2..9 {
        assert_eq!(ask("thief", n * 1_000).await, CodeOutcome::Kept, "{n}");
    }
    let tomorrow = CodeOutcome::TooMany { again_ms: 24 * 60 * 60 * 1_000 };
    assert_eq!(ask("thief", 20_000).await, tomorrow);
    assert_eq!(ask("owner", 20_000).await, CodeOutcome::Kept);
    assert_eq!(tries("owner", 20_000).await, 5, "it is quiet again");
}

/// Otherwise a full outbox tells strangers which addresses have an account (F-24).
#[tokio::test]
async fn a_full_outbox_refuses_codes_to_nobody_too() {
    let (folder, store) = open();
    let file = rusqlite::Connection::open(folder.path().join("db")).unwrap();
    file.execute_batch(&format!(
        "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {})
         INSERT INTO outgoing_mail
            (recipient, subject, body, created_ts, expires_ts, next_try_ts, tries)
         SELECT 'a', 's', 'b', 0, 9, 0, 0 FROM n",
        estafette_core::limits::OUTBOX_MAX
    ))
    .unwrap();
    for to_nobody in [false, true] {
        let full = store.put_code(NewCode { to_nobody, ..code("b", [1; 32], 5) }).await;
        assert!(matches!(full, Err(estafette_store::StoreError::Busy)), "{to_nobody}: {full:?}");
    }
}

/// Otherwise what the outbox does for a code tells, by the time that others take meanwhile, which
/// addresses have an account (F-24).
#[tokio::test]
async fn a_mail_to_nobody_waits_and_goes_as_all_do() {
    let (_folder, store) = open();
    for (browser, to_nobody, recipient) in [("a", false, "a@x.fr"), ("b", true, "")] {
        store.put_code(NewCode { to_nobody, ..code(browser, [1; 32], 10) }).await.unwrap();
        let due = store.due_mail(10, 9).await.unwrap();
        let to: Vec<&str> = due.iter().map(|mail| mail.recipient.as_str()).collect();
        assert_eq!(to, [recipient], "{to_nobody}");
        store.mail_done(due[0].id).await.unwrap();
    }
    assert_eq!(store.due_mail(10, 9).await.unwrap(), []);
}

/// Otherwise a link chooses a password twice, too late, or for whom it is no longer meant.
#[tokio::test]
async fn a_link_for_a_password_works_once_and_ends_with_what_it_was_for() {
    let (_folder, store) = open();
    let alice = UserId::parse("@a:x.fr").unwrap();
    let account = NewAccount {
        user_id: alice.clone(),
        password_hash: Some(PasswordHash("old".into())),
        appservice_id: None,
        is_admin: false,
        displayname: None,
        registration_token: None,
        login: None,
        now_ms: 0,
    };
    store.create_account(account).await.unwrap();
    let entry = || AuditEntry { actor: "op".into(), reason: None, now_ms: 10 };
    let act = async |act: AdminAct| {
        let outcome = store.administer(entry(), Some(alice.as_str()), act).await.unwrap();
        assert_eq!(outcome, AdminOutcome::Done);
    };
    let link = async |text: &str| {
        let link = PasswordLink {
            token: TokenHash::of(text),
            expires_ms: 100,
            mail: Some(mail("a@x.fr", 1_000)),
        };
        act(AdminAct::LinkPassword(link)).await;
    };
    let works = async |text: &str, now_ms: i64| {
        store.password_link(TokenHash::of(text), now_ms).await.unwrap().is_some()
    };
    let hash = || PasswordHash("new".into());
    link("one").await;
    let password = async || store.account(&alice).await.unwrap().unwrap().password_hash;
    assert_eq!(password().await, None, "the old password works on");
    assert_eq!(store.due_mail(10, 9).await.unwrap().len(), 1, "the mail is queued with it");
    assert!(works("one", 99).await && !works("one", 100).await && !works("two", 99).await);
    let cookie = TokenHash::of("cookie");
    let session = BrowserSession {
        user_id: alice.clone(),
        created_ms: 1,
        proven_ms: 1,
        seen_ms: 1,
        expires_ms: 999,
        name: "Firefox, Linux".into(),
    };
    store.start_browser_session(cookie, session).await.unwrap();
    let used =
        async |text: &str| store.use_password_link(TokenHash::of(text), hash(), 50).await.unwrap();
    assert_eq!(used("one").await, Some(alice.clone()));
    assert_eq!(password().await, Some(hash()));
    assert_eq!(store.browser_session(cookie, 50).await.unwrap(), None, "a browser goes on");
    assert_eq!(used("one").await, None, "twice");
    link("two").await;
    link("three").await;
    assert!(!works("two", 50).await, "a later link takes its place");
    act(AdminAct::SetFlag(AccountFlag::Locked, true)).await;
    assert_eq!(used("three").await, None, "the account is locked");
    act(AdminAct::SetFlag(AccountFlag::Locked, false)).await;
    assert!(works("three", 50).await);
    act(AdminAct::SetEmail(Some("b@x.fr".into()))).await;
    assert!(!works("three", 50).await, "the mailbox is somebody else's now");
    for ending in [AdminAct::SetPassword(Some(hash()), None), AdminAct::Deactivate(false)] {
        link("four").await;
        act(ending.clone()).await;
        assert!(!works("four", 50).await, "{ending:?}");
    }
    let lines = store.audit_lines(AuditPage { limit: 9, ..AuditPage::default() }).await.unwrap();
    let line = lines.iter().find(|line| line.act == "account.reset_password").unwrap();
    assert_eq!(line.details, r#"{"expires_ms":100,"mailed":true}"#);
}

#[tokio::test]
async fn mail_waits_until_it_is_accepted_or_of_no_use() {
    let (folder, store) = open();
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
    assert_eq!(again[0].text, MailText::Sealed(b"s".to_vec()));
    store.mail_done(again[0].id).await.unwrap();
    assert!(store.due_mail(900, 10).await.unwrap().is_empty());
    let file = rusqlite::Connection::open(folder.path().join("db")).unwrap();
    file.execute_batch(
        "INSERT INTO outgoing_mail
            (recipient, subject, body, created_ts, expires_ts, next_try_ts, tries)
         VALUES ('a@x.fr', 'Sujet', 'Bonjour', 0, 9999, 0, 0)",
    )
    .unwrap();
    let clear = MailText::Clear { subject: "Sujet".into(), body: "Bonjour".into() };
    assert_eq!(store.due_mail(900, 10).await.unwrap()[0].text, clear, "of an older program");
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
