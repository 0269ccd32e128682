// SPDX-License-Identifier: Apache-2.0
//! Without these a corrected address would leave a stranger in a ministry, or an agent among
//! strangers.

use serde_json::{Value, json};

use super::super::tests::run;
use crate::{sign_up::tests::Site, testing::TestIdentity};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

fn set_email(user: &str, email: &str, keep: bool) -> Value {
    json!({ "user_set_email": { "user": user, "email": email, "keep_organisation": keep } })
}

fn placed(shown: &Value) -> (&str, &str, bool) {
    let text = |name: &str| shown[name].as_str().unwrap_or("-");
    (text("organisation"), text("name"), shown["guest"] == json!(true))
}

#[tokio::test]
async fn organisation_guest_and_name_follow_a_corrected_address() {
    let site = Site::start();
    site.sign_up("paul.eluard@important.com").await;
    let corrected = run(&site.test, set_email("paul.eluard@important.com", "paul@evil.fr", false));
    let guest = corrected.await.unwrap();
    assert_eq!(placed(&guest), ("guests", "Paul [Externe]", true));
    let corrected = run(&site.test, set_email("paul@evil.fr", "paul.e@sub.important.com", false));
    assert_eq!(placed(&corrected.await.unwrap()), ("important", "Paul E [Important]", false));
    let user = guest["user_id"].as_str().unwrap();
    let profiles = site.test.host.profiles.lock().clone();
    assert!(profiles.iter().all(|changed| changed.as_str() == user));

    let named = json!({ "user_set_name": { "user": user, "name": "Paul Corrigé" } });
    run(&site.test, named).await.unwrap();
    let corrected = run(&site.test, set_email(user, "p.eluard@important.com", false));
    assert_eq!(placed(&corrected.await.unwrap()), ("important", "Paul Corrigé", false));
}

#[tokio::test]
async fn an_address_that_belongs_elsewhere_is_taken_only_by_an_administrators_word() {
    let site = Site::start();
    site.sign_up("paul.eluard@important.com").await;
    let user = "paul.eluard@important.com";
    let refused = run(&site.test, set_email(user, "paul@other.com", false)).await.unwrap_err();
    assert!(refused.contains("other.fr"), "{refused}");
    let kept = run(&site.test, set_email(user, "paul@other.com", true)).await.unwrap();
    assert_eq!(placed(&kept), ("important", "Paul [Important]", false));
    let applied = json!({ "organisation_apply": { "dry_run": false } });
    let shown = run(&site.test, applied.clone()).await.unwrap();
    assert_eq!((&shown["fixed"], &shown["moved"]), (&json!(1), &json!(0)), "and it stays so");
    let back = run(&site.test, set_email("paul@other.com", user, false)).await.unwrap();
    assert_eq!(placed(&back), ("important", "Paul Eluard [Important]", false));
    assert_eq!(run(&site.test, applied).await.unwrap()["fixed"], json!(0), "the policy again");
}

#[tokio::test]
async fn an_account_that_is_made_is_placed_and_lasts_as_one_that_is_signed_up_for() {
    let site = Site::with(|config| config.validity.period_days = 90);
    let now_ms = site.test.identity.host.now_ms();
    let end = json!(now_ms + 90 * DAY_MS);
    let create = |more: Value| {
        let mut new = json!({ "email": null });
        new.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({ "user_create": new })
    };
    for (more, place, expires_ms) in [
        (
            json!({ "email": "zoe.martin@important.com" }),
            ("important", "Zoe Martin [Important]", false),
            &end,
        ),
        (json!({ "email": "g.h@y.com" }), ("guests", "G H [Externe]", true), &end),
        (
            json!({ "email": "z.m@y.com", "organisation": "important", "name": "Zoé" }),
            ("important", "Zoé", false),
            &end,
        ),
        (
            json!({ "email": "e.x@important.com", "guest": true, "expires_ms": 7 }),
            ("guests", "E X [Externe]", true),
            &json!(7),
        ),
        (
            json!({ "email": "for.ever@important.com", "never_expires": true }),
            ("important", "For Ever [Important]", false),
            &Value::Null,
        ),
        (json!({ "localpart": "bot" }), ("-", "-", false), &Value::Null),
    ] {
        let made = run(&site.test, create(more.clone())).await.unwrap();
        assert_eq!((placed(&made), &made["expires_ms"]), (place, expires_ms), "{more}");
    }
    let applied = json!({ "organisation_apply": { "dry_run": false } });
    let shown = run(&site.test, applied).await.unwrap();
    assert_eq!((&shown["fixed"], &shown["moved"]), (&json!(2), &json!(0)), "those insisted on");
    for (more, sentence) in [
        (json!({ "email": "a@important.com", "organisation": "nosuch" }), "no organisation"),
        (json!({ "localpart": "b", "organisation": "nosuch" }), "no organisation"),
        (json!({ "email": "a@other.com" }), "other.fr"),
    ] {
        let refused = run(&site.test, create(more.clone())).await.unwrap_err();
        assert!(refused.contains(sentence), "{more}: {refused}");
    }
}

#[tokio::test]
async fn without_a_policy_the_administrators_word_is_all_there_is() {
    let site = TestIdentity::start();
    let new = json!({ "user_create": { "email": "a.b@y.fr", "organisation": "dinum" } });
    let made = run(&site, new).await.unwrap();
    assert_eq!(placed(&made), ("dinum", "-", false));
    let corrected = run(&site, set_email("a.b@y.fr", "c@z.fr", false)).await.unwrap();
    assert_eq!(placed(&corrected), ("dinum", "-", false));
    let refused = run(&site, json!({ "organisation_apply": { "dry_run": true } })).await;
    assert!(refused.unwrap_err().contains("no policy"));
}
