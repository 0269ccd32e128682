// SPDX-License-Identifier: Apache-2.0
//! Without these an administrator would act on the wrong account, or without a trace.

use estafette_store::{
    AccountStore as _, IdentityStore as _, PeopleStore as _,
    people::{AuditPage, PersonDetails},
};
use serde_json::{Value, json};

use super::{super::protocol::*, act};
use crate::{sign_up::tests::Site, testing::TestIdentity};

pub(crate) async fn run(site: &TestIdentity, command: Value) -> Result<Value, String> {
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
    assert!(made["password_link"].as_str().unwrap().contains("/_estafette/password/link?token="));
    assert!(!user.contains("eloise"), "the user id tells nothing");
    for named in [&user, "eloise.martin@x.fr", user[1..].split(':').next().unwrap()] {
        let shown = run(&site, json!({ "user_show": { "user": named } })).await.unwrap();
        assert_eq!(shown["user_id"], json!(user), "{named}");
        assert_eq!(shown.get("password_link"), None);
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
            "account.reset_password",
            "account.deactivate",
            "account.reactivate",
            "account.erase",
        ]
    );
    for disguised in ["Jean\u{202e}nitraM", "\u{200b}", "Jean\nMartin"] {
        let command = json!({ "user_set_name": { "user": user, "name": disguised } });
        assert!(run(&site, command).await.unwrap_err().contains("show nothing"), "{disguised:?}");
    }
    // Erasing is the one act that nothing undoes.
    let back = json!({ "user_reactivate": { "user": user } });
    let refused = run(&site, back).await.unwrap_err();
    assert!(refused.contains("erased, which cannot be undone"), "{refused}");
    let shown = run(&site, json!({ "audit": { "limit": 1, "verify": true } })).await.unwrap();
    assert_eq!((&shown["verified"], shown["lines"].as_array().unwrap().len()), (&json!(17), 1));
}

#[tokio::test]
async fn what_cannot_be_done_is_refused_with_a_sentence_and_changes_nothing() {
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
    // Who looks leaves no line, and who tried to change something one that says so.
    assert_eq!(acts(&site).await[lines..], ["refused"; 9]);
    for malformed in [json!({}), json!({ "user_show": {} }), json!({ "unknown": {} })] {
        let request = json!({ "command": malformed });
        assert!(serde_json::from_value::<AdminRequest>(request).is_err());
    }
}

/// Otherwise an administrator knows a password, or the link is where it does not belong.
#[tokio::test]
async fn passwords_are_chosen_by_a_link_that_is_shown_or_mailed() {
    let site = Site::start();
    let new = |email: &str, mail: bool| json!({ "user_create": { "localpart": "carol", "email": email, "mail": mail } });
    let made = run(&site.test, new("carol@important.com", false)).await.unwrap();
    assert_eq!(made["password"], json!(false), "there is one that somebody else knows");
    let link = made["password_link"].as_str().unwrap().to_owned();
    let mut browser = site.test.browser();
    browser.open(link.strip_prefix("https://x.fr").unwrap()).await;
    let password = "walnut harbour cedar trumpet";
    let fields = [("password", password), ("again", password)];
    let chosen = browser.submit("/_estafette/password/link", &fields).await;
    assert_eq!(chosen.status, http::StatusCode::SEE_OTHER);
    let reset = |mail: bool| json!({ "user_reset_password": { "user": "carol", "mail": mail } });
    site.mails().await;
    let mailed = run(&site.test, reset(true)).await.unwrap();
    assert_eq!(
        (mailed.get("password_link"), &mailed["password_link_mailed"]),
        (None, &json!(true))
    );
    assert_eq!(mailed["password"], json!(false), "the old one works on");
    let mail = site.mails().await.pop().unwrap();
    assert!(
        mail.contains("To: carol@important.com\r\n") && mail.contains("/password/link"),
        "{mail}"
    );
    let lines = acts(&site.test).await;
    assert_eq!(lines, ["account.create", "account.reset_password"]);
    // What cannot be done is not begun.
    run(&site.test, json!({ "user_set_email": { "user": "carol", "email": null } })).await.unwrap();
    let refused = run(&site.test, reset(true)).await.unwrap_err();
    assert!(refused.contains("no address"), "{refused}");
    let silent = TestIdentity::start();
    silent.account("carol", "correct horse").await;
    let refused = run(&silent, reset(true)).await.unwrap_err();
    assert!(refused.contains("sends no mail"), "{refused}");
    let no_pages = TestIdentity::with(|config| config.enabled = false);
    no_pages.account("carol", "correct horse").await;
    let refused = run(&no_pages, reset(false)).await.unwrap_err();
    assert!(refused.contains("no pages"), "{refused}");
}

/// Otherwise organisations are listed that the policy does not have, or a policy is put into force
/// blindly.
#[tokio::test]
async fn organisations_are_those_of_the_policy_and_another_is_tried_first() {
    let site = Site::start();
    site.sign_up("a@important.com").await;
    let dora = site.test.account("dora", "correct horse").await;
    let details = PersonDetails { organisation_id: Some("gone".into()), ..Default::default() };
    site.test.identity.store.put_person(&dora, details).await.unwrap();
    let listed = run(&site.test, json!("organisation_list")).await.unwrap();
    let listed: Vec<_> = listed["organisations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["organisation"].clone(), row["in_policy"] == true, row["people"].clone()))
        .collect();
    assert_eq!(
        listed,
        [
            (json!("guests"), true, json!(0)),
            (json!("important"), true, json!(1)),
            (json!("other"), true, json!(0)),
            (json!("gone"), false, json!(1)),
        ]
    );
    let policy = "[organisations.new]\nname = \"N\"\ndomains = [\"important.com\"]\n";
    let check = |policy: &str| json!({ "policy_check": { "policy": policy } });
    let found = run(&site.test, check(policy)).await.unwrap();
    assert_eq!((&found["accounts"], &found["moving"]), (&json!(1), &json!(1)));
    let moved = &found["moves"][0];
    assert_eq!((&moved["from"], &moved["to"]), (&json!("important"), &json!("new")));
    let wrong = run(&site.test, check("[organisations.new]\nname = 7\n")).await.unwrap_err();
    assert!(wrong.contains("name"), "{wrong}");
}

/// Otherwise a guest is not told, or is told what the inviter likes (CVE-2021-29432).
#[tokio::test]
async fn guests_are_written_to_in_words_of_ours_and_keep_who_invited_them() {
    let site = Site::start();
    site.sign_up("jane.smith@important.com").await;
    let store = &site.test.identity.store;
    let jane = store.person_by_email("jane.smith@important.com").await.unwrap().unwrap().user_id;
    let evil = json!("Win money at http://evil.com").to_string();
    store.set_profile_field(&jane, "displayname", Some(&evil)).await.unwrap();
    let expires_ms = site.test.identity.host.now_ms() + 14 * 24 * 60 * 60 * 1000;
    let invite = json!({ "invitation_create": {
        "address": "guest+1@y.com", "sponsor": jane, "expires_ms": expires_ms,
    }});
    let made = run(&site.test, invite).await.unwrap();
    assert_eq!(made["mailed"], json!(true));
    let mail = site.mails().await.pop().unwrap().replace("=\r\n", "").replace("=3D", "=");
    assert!(mail.contains("To: guest+1@y.com\r\n"), "{mail}");
    assert!(mail.contains("Jane Smith [Important]") && !mail.contains("evil"), "{mail}");
    assert!(mail.contains("within 14 days"), "{mail}");
    let path = "/_estafette/sign-up?login_hint=guest%2B1%40y.com";
    assert!(mail.contains(&format!("https://x.fr{path}")), "{mail}");
    let mut browser = site.test.browser();
    let page = browser.open(path).await;
    assert!(page.body.contains("value=\"guest+1@y.com\""), "{}", page.body);
    let (_, answer) = site.sign_up("guest+1@y.com").await;
    assert_eq!(answer.status, http::StatusCode::SEE_OTHER);
    let shown = run(&site.test, json!({ "user_show": { "user": "guest+1@y.com" } })).await.unwrap();
    assert_eq!(shown["invited_by"], json!(jane));
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
    assert_eq!(acts(&site.test).await, ["refused"; 6]);
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
    assert_eq!(acts(&site.test).await[6..], ["guest.invite", "guest.invite", "guest.revoke"]);
    let known = site.sign_up("g@y.com").await.1;
    assert_eq!(known.status, http::StatusCode::SEE_OTHER);
    let refused = run(&site.test, invite("g@y.com", None, now_ms + 9)).await.unwrap_err();
    assert!(refused.contains("has an account"), "{refused}");
}
