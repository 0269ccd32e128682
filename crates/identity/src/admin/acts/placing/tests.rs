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

#[tokio::test]
async fn a_label_says_where_somebody_belongs_however_their_name_was_corrected() {
    let site = Site::start();
    let user = "eloise.coeur@important.com";
    site.sign_up(user).await;
    let named = |user: &str, name: &str| json!({ "user_set_name": { "user": user, "name": name } });
    let shown = run(&site.test, named(user, "Éloïse Cœur [Important]")).await.unwrap();
    assert_eq!(placed(&shown), ("important", "Éloïse Cœur [Important]", false));
    let guest = run(&site.test, set_email(user, "eloise@gmail.com", false)).await.unwrap();
    assert_eq!(placed(&guest), ("guests", "Éloïse Cœur [Externe]", true));
    for name in ["Éloïse [Important]", "Éloïse [ IMPORTANT ]", "[Ministère important] Éloïse"]
    {
        let refused = run(&site.test, named("eloise@gmail.com", name)).await.unwrap_err();
        assert!(refused.contains("label"), "{name}: {refused}");
    }
    for name in ["Élo\u{200b}ïse", "Éloïse \u{202e}x", "\u{3164}"] {
        let refused = run(&site.test, named("eloise@gmail.com", name)).await.unwrap_err();
        assert!(refused.contains("show nothing"), "{name:?}: {refused}");
    }
    let new = json!({ "user_create": { "localpart": "bot", "name": "Bot [Important]" } });
    assert!(run(&site.test, new).await.unwrap_err().contains("label"));
    let both = json!({ "user_create": {
        "email": "g@important.com", "organisation": "important", "guest": true,
    }});
    assert_eq!(run(&site.test, both).await.unwrap()["name"], "G", "no guest has a label of theirs");
}

#[tokio::test]
async fn a_guest_is_no_administrator_and_is_of_a_policy_that_has_guests() {
    let site = Site::start();
    let create = |email: &str, admin: bool| json!({ "user_create": { "email": email, "guest": true, "admin": admin } });
    let refused = run(&site.test, create("g@y.com", true)).await.unwrap_err();
    assert!(refused.contains("guest cannot be an administrator"), "{refused}");
    run(&site.test, create("g@y.com", false)).await.unwrap();
    let flag = json!({ "user_set_flag": { "user": "g@y.com", "flag": "admin", "value": true } });
    assert!(run(&site.test, flag).await.unwrap_err().contains("guest cannot be"));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("policy.toml");
    std::fs::write(&file, "[organisations.a]\nname = \"A\"\ndomains = [\"a.fr\"]").unwrap();
    let closed = Site::with(|config| config.policy.file = file);
    let refused = run(&closed.test, create("g@y.com", false)).await.unwrap_err();
    assert!(refused.contains("expects no guests"), "{refused}");
}

#[tokio::test]
async fn all_by_which_somebody_is_signed_in_is_listed() {
    let site = Site::start();
    site.sign_up("ada@important.com").await;
    let list = json!({ "session_list": { "user": "ada@important.com" } });
    let shown = run(&site.test, list.clone()).await.unwrap();
    assert_eq!((&shown["devices"], &shown["providers"]), (&json!([]), &json!([])));
    let now_ms = site.test.identity.host.now_ms();
    let browsers = shown["browsers"].as_array().unwrap();
    assert_eq!(browsers.len(), 1);
    assert_eq!(browsers[0]["created_ms"], json!(now_ms));
    assert_eq!(browsers[0]["provider"], Value::Null);
    assert_eq!(browsers[0]["name"], "", "it said nothing of itself");
    let user_id = estafette_core::ids::UserId::parse(shown["user_id"].as_str().unwrap()).unwrap();
    site.test.access_token(&user_id).await;
    let shown = run(&site.test, list).await.unwrap();
    let device = &shown["devices"][0];
    assert_eq!((&device["device_id"], &device["client"]), (&json!("DEVICE"), &Value::Null));
    assert_eq!(device["created_ms"], json!(now_ms));
}
