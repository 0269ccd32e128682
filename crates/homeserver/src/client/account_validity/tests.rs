// SPDX-License-Identifier: Apache-2.0
//! Without these whoever comes back after the end of their account has a button that does nothing.

use std::sync::Arc;

use estafette_core::ids::UserId;
use estafette_store::{
    AccountStore as _, PeopleStore as _,
    accounts::AccountFlag,
    people::{AdminAct, AuditEntry, AuditPage},
};
use http::StatusCode;
use serde_json::{Value, json};

use crate::{
    administration::administer,
    people::{RenewalMail, tests::Known},
    testing::TestServer,
};

const PATHS: [&str; 4] = [
    "/_matrix/client/unstable/account_validity/send_mail",
    "/v3/account_validity/send_mail",
    "/_matrix/client/r0/account_validity/send_mail",
    "/_synapse/client/email_account_validity/send_mail",
];
const ADMIN: &str = "/_synapse/client/email_account_validity/admin";

async fn act(server: &TestServer, user: &str, act: AdminAct) {
    let entry = AuditEntry { actor: "operator".into(), reason: None, now_ms: 1 };
    let user_id = UserId::parse(user).unwrap();
    administer(&server.server, entry, Some(&user_id), vec![act]).await.unwrap();
}

/// Status and error of a request.
async fn ask(server: &TestServer, path: &str, token: &str, body: Value) -> (u16, Value) {
    let (status, answer) = server.request("POST", path, token, body).await;
    (status.as_u16(), answer["errcode"].clone())
}

#[tokio::test]
async fn an_expired_account_asks_for_the_mail_that_renews_it() {
    let server = TestServer::start().await;
    let token = server.register("alice").await;
    let refused = ask(&server, PATHS[0], &token, Value::Null).await;
    assert_eq!(refused, (404, json!("M_UNRECOGNIZED")), "nobody knows the people here");
    let known = Arc::<Known>::default();
    assert!(server.server.people.set(Arc::clone(&known) as _).is_ok());
    act(&server, "@alice:x.fr", AdminAct::SetExpiry(Some(1))).await;
    for (became, answer) in [
        (RenewalMail::Queued, (200, Value::Null)),
        (RenewalMail::NothingToRenew, (403, json!("M_FORBIDDEN"))),
        (RenewalMail::NoMail, (403, json!("M_FORBIDDEN"))),
    ] {
        *known.renewal.lock() = Some(became);
        for path in PATHS {
            assert_eq!(ask(&server, path, &token, Value::Null).await, answer, "{path} {became:?}");
        }
    }
    assert_eq!(known.renewals.lock().len(), 12);
    assert!(known.renewals.lock().iter().all(|user_id| user_id.as_str() == "@alice:x.fr"));
    // A lock holds here too.
    act(&server, "@alice:x.fr", AdminAct::SetFlag(AccountFlag::Locked, true)).await;
    assert_eq!(ask(&server, PATHS[0], &token, Value::Null).await, (401, json!("M_USER_LOCKED")));
    assert_eq!(known.renewals.lock().len(), 12);
}

/// Otherwise a stolen token fills somebody's mailbox.
#[tokio::test]
async fn nobody_has_mail_sent_without_end() {
    let server = TestServer::with(|config| {
        config.rate_limits.enabled = true;
        config.rate_limits.login_burst = 3.0;
        config.rate_limits.login_per_s = 0.001;
    })
    .await;
    let known = Arc::<Known>::default();
    *known.renewal.lock() = Some(RenewalMail::Queued);
    assert!(server.server.people.set(Arc::clone(&known) as _).is_ok());
    let mut answers = Vec::new();
    for path in PATHS.iter().cycle().take(5) {
        answers.push(ask(&server, path, "@alice:x.fr", Value::Null).await.0);
    }
    assert_eq!((answers, known.renewals.lock().len()), (vec![200, 200, 200, 429, 429], 3));
}

/// Otherwise whoever is shown the error by a client that does not know it has no way on.
#[tokio::test]
async fn the_error_of_an_expired_account_says_what_to_do() {
    let server = TestServer::start().await;
    let token = server.register("alice").await;
    act(&server, "@alice:x.fr", AdminAct::SetExpiry(Some(1))).await;
    let whoami = async || {
        let answer = server.request("GET", "/v3/account/whoami", &token, Value::Null).await;
        assert_eq!(answer.0, StatusCode::FORBIDDEN);
        answer.1
    };
    let answer = whoami().await;
    assert!(answer["error"].as_str().unwrap().contains("administrator"), "{answer}");
    assert_eq!(answer.get("org.estafette.renewal_url"), None);
    let known = Arc::<Known>::default();
    *known.renewal_page.lock() = Some("https://x.fr/_estafette/renew".into());
    assert!(server.server.people.set(known).is_ok());
    let answer = whoami().await;
    assert_eq!(answer["org.estafette.renewal_url"], "https://x.fr/_estafette/renew");
    assert!(answer["error"].as_str().unwrap().contains("https://x.fr/_estafette/renew"));
}

#[tokio::test]
async fn an_administrator_says_until_when_an_account_works() {
    // Without it tools in the field renew nobody, or leave no trace.
    let server = TestServer::start().await;
    let (root, alice) = (server.register("root").await, server.register("alice").await);
    let root_id = UserId::parse("@root:x.fr").unwrap();
    server.server.store.set_account_flag(&root_id, AccountFlag::Admin, true).await.unwrap();
    let until_ms = server.server.now_ms() + 1_000;
    let of_alice = json!({ "user_id": "@alice:x.fr" });
    let with = |key: &str, value: Value| {
        let mut body = of_alice.clone();
        body[key] = value;
        body
    };
    for (token, body, answer) in [
        (&alice, with("expiration_ts", json!(until_ms)), (403, "M_FORBIDDEN")),
        (&root, of_alice.clone(), (400, "M_MISSING_PARAM")),
        (&root, with("expiration_ts", json!(-1)), (400, "M_INVALID_PARAM")),
        (&root, with("expiration_ts", json!(1_795_000_000)), (400, "M_INVALID_PARAM")),
        (&root, with("expiration_ts", json!(1_u64 << 53)), (400, "M_INVALID_PARAM")),
        (&root, with("enable_renewal_emails", json!("no")), (400, "M_BAD_JSON")),
        (
            &root,
            json!({ "user_id": "@nobody:x.fr", "expiration_ts": 100_000_000_000_i64 }),
            (404, "M_NOT_FOUND"),
        ),
        (
            &root,
            json!({ "user_id": "@a:y.fr", "expiration_ts": 100_000_000_000_i64 }),
            (400, "M_INVALID_PARAM"),
        ),
        (
            &root,
            json!({ "user_id": "@root:x.fr", "expiration_ts": 100_000_000_000_i64 }),
            (403, "M_FORBIDDEN"),
        ),
    ] {
        let refused = ask(&server, ADMIN, token, body.clone()).await;
        assert_eq!(refused, (answer.0, json!(answer.1)), "{body}");
    }
    let set = async |path: &str, body| {
        let (status, answer) = server.request("POST", path, &root, body).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        let alice = UserId::parse("@alice:x.fr").unwrap();
        let person = server.server.store.person(&alice).await.unwrap().unwrap();
        assert_eq!(answer["expiration_ts"], json!(person.details.expires_ms));
        person.details.expires_ms
    };
    assert_eq!(set(ADMIN, with("expiration_ts", json!(until_ms))).await, Some(until_ms));
    let known = Arc::<Known>::default();
    *known.next_expiry_ms.lock() = Some(until_ms + 5_000);
    assert!(server.server.people.set(known).is_ok());
    let synapse = "/_synapse/admin/v1/account_validity/validity";
    assert_eq!(set(synapse, of_alice.clone()).await, Some(until_ms + 5_000));
    let page = AuditPage { before: None, limit: 9, subject: Some("@alice:x.fr".into()) };
    let lines = server.server.store.audit_lines(page).await.unwrap();
    let lines: Vec<_> = lines.iter().map(|line| (line.act.as_str(), line.actor.as_str())).collect();
    assert_eq!(lines, [("account.set_expiry", "@root:x.fr"); 2]);

    // Who is not to be reminded is not, until the next word about it.
    let reminders = async |value: Option<bool>| {
        let mut body = with("expiration_ts", json!(until_ms));
        if let Some(value) = value {
            body["enable_renewal_emails"] = json!(value);
        }
        set(ADMIN, body).await;
        let alice = UserId::parse("@alice:x.fr").unwrap();
        let person = server.server.store.person(&alice).await.unwrap().unwrap();
        let page = AuditPage { before: None, limit: 9, subject: Some("@alice:x.fr".into()) };
        let lines = server.server.store.audit_lines(page).await.unwrap();
        let said = lines.into_iter().filter(|line| line.act == "account.set_reminders");
        (person.reminders, said.map(|line| line.details).collect::<Vec<_>>())
    };
    let (off, on) = (r#"{"reminders":false}"#.to_owned(), r#"{"reminders":true}"#.to_owned());
    assert_eq!(reminders(None).await, (true, vec![]));
    assert_eq!(reminders(Some(false)).await, (false, vec![off.clone()]));
    assert_eq!(reminders(Some(false)).await, (false, vec![off.clone()]));
    assert_eq!(reminders(None).await, (true, vec![on, off]));
}
