// SPDX-License-Identifier: Apache-2.0
//! Without these an administrator would act on the wrong account, or without a trace.

use estafette_store::{AccountStore as _, IdentityStore as _, PeopleStore as _, people::AuditPage};
use serde_json::{Value, json};

use super::{super::protocol::*, act};
use crate::{sign_up::tests::Site, testing::TestIdentity};

pub(super) async fn run(site: &TestIdentity, command: Value) -> Result<Value, String> {
    let request = json!({ "command": command, "reason": "ticket 7" });
    let request: AdminRequest = serde_json::from_value(request).unwrap();
    match act(&site.identity, "operator (uid 7)".into(), request).await {
        AdminAnswer::Done(shown) => Ok(shown),
        AdminAnswer::Refused(sentence) => Err(sentence),
    }
}

async fn acts(site: &TestIdentity) -> Vec<String> {
    let page = AuditPage { limit: 100, ..AuditPage::default() };
    let mut lines = site.identity.store.audit_lines(page).await.unwrap();
    lines.reverse();
    assert!(lines.iter().all(|line| line.actor == "operator (uid 7)"));
    assert!(lines.iter().all(|line| line.reason.as_deref() == Some("ticket 7")));
    lines.into_iter().map(|line| line.act).collect()
}

#[tokio::test]
async fn an_account_goes_through_its_whole_life() {
    let site = TestIdentity::start();
    let new = json!({ "user_create": {
        "name": "Éloïse Martin", "email": "Eloise.Martin@X.fr", "organisation": "dinum",
    }});
    let made = run(&site, new).await.unwrap();
    let user = made["user_id"].as_str().unwrap().to_owned();
    assert_eq!((&made["email"], &made["state"]), (&json!("eloise.martin@x.fr"), &json!("active")));
    assert_eq!(made["one_time_password"].as_str().unwrap().len(), 23);
    assert!(!user.contains("eloise"), "the user id tells nothing");
    for named in [&user, "eloise.martin@x.fr", user[1..].split(':').next().unwrap()] {
        let shown = run(&site, json!({ "user_show": { "user": named } })).await.unwrap();
        assert_eq!(shown["user_id"], json!(user), "{named}");
        assert_eq!(shown.get("one_time_password"), None);
    }
    let now = site.identity.host.now_ms();
    for (command, state) in [
        (
            json!({ "user_set_flag": { "user": user, "flag": "suspended", "value": true } }),
            "suspended",
        ),
        (
            json!({ "user_set_flag": { "user": user, "flag": "suspended", "value": false } }),
            "active",
        ),
        (json!({ "user_set_flag": { "user": user, "flag": "locked", "value": true } }), "locked"),
        (json!({ "user_set_flag": { "user": user, "flag": "locked", "value": false } }), "active"),
        (json!({ "user_set_expiry": { "user": user, "until_ms": now } }), "expired"),
        (json!({ "user_set_expiry": { "user": user, "until_ms": now + 1 } }), "active"),
        (json!({ "user_set_name": { "user": user, "name": " Éloïse Roche " } }), "active"),
        (json!({ "user_set_email": { "user": user, "email": "e@x.fr" } }), "active"),
        (json!({ "user_reset_password": { "user": user } }), "active"),
        (json!({ "user_deactivate": { "user": user, "erase": false } }), "deactivated"),
        (json!({ "user_reactivate": { "user": user } }), "active"),
        (json!({ "user_deactivate": { "user": user, "erase": true } }), "erased"),
    ] {
        let shown = run(&site, command.clone()).await.unwrap();
        assert_eq!(shown["state"], json!(state), "{command}");
    }
    assert_eq!(
        acts(&site).await,
        [
            "account.create",
            "account.suspend",
            "account.unsuspend",
            "account.lock",
            "account.unlock",
            "account.set_expiry",
            "account.set_expiry",
            "account.set_profile",
            "account.set_email",
            "account.set_password",
            "account.deactivate",
            "account.reactivate",
            "account.erase",
        ]
    );
    let shown = run(&site, json!({ "audit": { "limit": 1, "verify": true } })).await.unwrap();
    assert_eq!((&shown["verified"], shown["lines"].as_array().unwrap().len()), (&json!(13), 1));
}

#[tokio::test]
async fn what_cannot_be_done_is_refused_with_a_sentence_and_leaves_no_line() {
    let site = TestIdentity::start();
    site.account("alice", "correct horse").await;
    site.account("bob", "correct horse").await;
    let bob = "@bob:x.fr";
    run(&site, json!({ "user_set_email": { "user": "alice", "email": "a@x.fr" } })).await.unwrap();
    let lines = acts(&site).await.len();
    for (command, sentence) in [
        (json!({ "user_show": { "user": "nobody" } }), "There is no user \"nobody\""),
        (json!({ "user_show": { "user": "@alice:other.fr" } }), "There is no user"),
        (json!({ "user_show": { "user": "a@x.fr@y.fr" } }), "There is no user"),
        (json!({ "user_show": { "user": "" } }), "There is no user"),
        (json!({ "user_set_email": { "user": bob, "email": "a@x.fr" } }), "another account"),
        (json!({ "user_set_email": { "user": bob, "email": "a@evil.com@x.fr" } }), "exactly one @"),
        (json!({ "user_set_name": { "user": bob, "name": "two\nlines" } }), "one line"),
        (json!({ "user_set_name": { "user": bob, "name": " " } }), "one line"),
        (json!({ "user_reactivate": { "user": bob } }), "not deactivated"),
        (json!({ "device_delete": { "user": bob, "devices": ["X"] } }), "has no device"),
        (json!({ "registration_token_delete": { "token": "x" } }), "no such registration token"),
        (json!({ "user_create": { "localpart": "alice" } }), "another account"),
        (json!({ "user_create": { "localpart": "A b" } }), "localpart cannot be used"),
    ] {
        let refused = run(&site, command.clone()).await.unwrap_err();
        assert!(refused.contains(sentence), "{command}: {refused}");
    }
    assert_eq!(acts(&site).await.len(), lines);
    for malformed in [json!({}), json!({ "user_show": {} }), json!({ "unknown": {} })] {
        let request = json!({ "command": malformed });
        assert!(serde_json::from_value::<AdminRequest>(request).is_err());
    }
}

#[tokio::test]
async fn no_password_is_kept_in_clear() {
    let site = TestIdentity::start();
    let made = run(&site, json!({ "user_create": { "localpart": "carol" } })).await.unwrap();
    let password = made["one_time_password"].as_str().unwrap();
    let user_id = estafette_core::ids::UserId::parse("@carol:x.fr").unwrap();
    let account = site.identity.store.account(&user_id).await.unwrap().unwrap();
    let typed = zeroize::Zeroizing::new(password.to_owned());
    let kept = account.password_hash.as_ref();
    assert!(site.identity.host.password_matches(&typed, kept).await.unwrap());
    let page = AuditPage { limit: 100, ..AuditPage::default() };
    let lines = site.identity.store.audit_lines(page).await.unwrap();
    assert!(!format!("{lines:?}{:?}", kept).contains(password));
}

#[tokio::test]
async fn guests_are_invited_listed_and_turned_away_again() {
    let site = Site::start();
    site.test.account("alice", "correct horse").await;
    let now_ms = site.test.identity.host.now_ms();
    let invite = |address: &str, sponsor: Option<&str>, expires_ms: i64| {
        json!({ "invitation_create": {
            "address": address, "sponsor": sponsor, "expires_ms": expires_ms,
        }})
    };
    for (command, sentence) in [
        (invite("a@important.com", None, now_ms + 9), "needs no invitation"),
        (invite("a@other.com", None, now_ms + 9), "needs no invitation"),
        (invite("g@y.com@important.com", None, now_ms + 9), "exactly one @"),
        (invite("g@y.com", Some("nobody"), now_ms + 9), "There is no user"),
        (invite("g@y.com", None, now_ms), "ended already"),
        (json!({ "invitation_revoke": { "address": "g@y.com" } }), "No invitation waits"),
    ] {
        let refused = run(&site.test, command.clone()).await.unwrap_err();
        assert!(refused.contains(sentence), "{command}: {refused}");
    }
    assert_eq!(acts(&site.test).await, Vec::<String>::new());
    let made = run(&site.test, invite("G@Y.com", Some("alice"), now_ms + 9)).await.unwrap();
    let shown =
        json!({ "address": "g@y.com", "invited_by": "@alice:x.fr", "expires_ms": now_ms + 9 });
    for (name, value) in shown.as_object().unwrap() {
        assert_eq!(&made[name], value, "{name}");
    }
    run(&site.test, invite("h@y.com", None, now_ms + 9)).await.unwrap();
    let list = json!({ "invitation_list": { "from": 0, "limit": 100 } });
    let listed = run(&site.test, list.clone()).await.unwrap();
    assert_eq!((&listed["total"], &listed["invitations"][0]), (&json!(2), &shown));
    assert_eq!(listed["invitations"][1]["invited_by"], json!("operator (uid 7)"));
    run(&site.test, json!({ "invitation_revoke": { "address": "h@y.com" } })).await.unwrap();
    assert!(!site.test.identity.store.is_invited("h@y.com", now_ms).await.unwrap());
    assert_eq!(run(&site.test, list).await.unwrap()["total"], json!(1));
    assert_eq!(acts(&site.test).await, ["guest.invite", "guest.invite", "guest.revoke"]);
    let known = site.sign_up("g@y.com").await.1;
    assert_eq!(known.status, http::StatusCode::SEE_OTHER);
    let refused = run(&site.test, invite("g@y.com", None, now_ms + 9)).await.unwrap_err();
    assert!(refused.contains("has an account"), "{refused}");
}
