// SPDX-License-Identifier: Apache-2.0
//! What a thief has is dead at once (F-22).

use estafette_core::ids::DeviceId;
use estafette_store::{
    AccountStore as _, PeopleStore as _,
    accounts::{AccountFlag, Devices, PasswordHash},
    people::PersonDetails,
};
use http::StatusCode;

use super::*;
use crate::{
    Host as _,
    mail::letters::{EndedSession, session_ended},
    sign_up::tests::Site,
};

/// Otherwise whoever sees a code on its way is in as well.
#[tokio::test]
async fn a_code_works_once_and_its_reuse_ends_what_it_gave() {
    let site = TestIdentity::start();
    let client = Client::register(&site).await;
    let (_, mut browser) = alice(&site).await;
    let code = client.code(&mut browser).await;
    let (_, answer) = client.exchange(&code, &[]).await;
    let (access, refresh) = tokens(&answer);
    assert!(is_in(&site, &access).await);
    let (status, answer) = client.exchange(&code, &[]).await;
    assert_eq!((status, &answer["error"]), (StatusCode::BAD_REQUEST, &json!("invalid_grant")));
    assert!(!is_in(&site, &access).await);
    assert_eq!(client.refresh(&refresh).await.1["error"], "invalid_grant");
    // A later session of the same device is not what the old code gave.
    let (access, _) = client.tokens(&mut browser).await;
    client.exchange(&code, &[]).await;
    assert!(is_in(&site, &access).await);
}

/// Otherwise a device that nobody has is left, and its owner does not learn that somebody has a
/// copy of a token.
#[tokio::test]
async fn a_session_that_ends_for_a_copy_leaves_no_device_and_its_owner_is_told() {
    let site = Site::start();
    let client = Client::register(&site.test).await;
    let (user_id, mut browser) = alice(&site.test).await;
    let email = Some("alice@important.com".to_owned());
    let details = PersonDetails { email, ..PersonDetails::default() };
    let store = &site.test.identity.store;
    store.put_person(&user_id, details).await.unwrap();
    let code = client.code(&mut browser).await;
    let (_, answer) = client.exchange(&code, &[]).await;
    let device = store.devices(&user_id).await.unwrap()[0].device_id.to_string();
    let (_, first) = tokens(&answer);
    let before = site.mails().await.len();
    let (access, _) = tokens(&client.refresh(&first).await.1);
    assert!(is_in(&site.test, &access).await);
    client.refresh(&first).await;
    assert!(store.devices(&user_id).await.unwrap().is_empty(), "nobody has it");
    let mails = site.mails().await;
    assert_eq!(mails.len(), before + 1);
    let mail = mails.last().unwrap();
    assert!(mail.contains("To: alice@important.com"), "{mail}");
    let code = client.code(&mut browser).await;
    client.exchange(&code, &[]).await;
    client.exchange(&code, &[]).await;
    assert!(store.devices(&user_id).await.unwrap().is_empty());
    assert_eq!(site.mails().await.len(), before + 2, "told once each");
    let ended = EndedSession {
        application: Some("My App <https://evil.com/>"),
        device: &device,
        at_ms: site.test.host.now_ms(),
    };
    let body = session_ended("Estafette", &ended).body;
    assert!(body.contains("Application : My App httpsevilcom\n"), "no link: {body}");
    assert!(body.contains(&device) && body.contains("2023-11-14 22:13 UTC"), "{body}");
}

/// Otherwise a stolen code works without the verifier, for another client, elsewhere or later.
#[tokio::test]
async fn a_code_is_for_whoever_asked_for_it() {
    let site = TestIdentity::start();
    let client = Client::register(&site).await;
    let mut other = metadata();
    other["client_name"] = json!("Other");
    let other = register(&site, &other).await.1["client_id"].as_str().unwrap().to_owned();
    let (_, mut browser) = alice(&site).await;
    let wrong = "x".repeat(43);
    for change in [
        ("code_verifier", wrong.as_str()),
        ("client_id", &other),
        ("redirect_uri", "com.example.app:/callback"),
    ] {
        let code = client.code(&mut browser).await;
        let (_, answer) = client.exchange(&code, &[change]).await;
        assert_eq!(answer["error"], "invalid_grant", "{change:?}");
        let (_, answer) = client.exchange(&code, &[]).await;
        assert_eq!(answer["error"], "invalid_grant", "one try: {change:?}");
    }
    let code = client.code(&mut browser).await;
    site.host.advance(5 * 60 * 1000);
    assert_eq!(client.exchange(&code, &[]).await.1["error"], "invalid_grant");
    for bad in ["", "short", &"x".repeat(129), &" ".repeat(43)] {
        let code = client.code(&mut browser).await;
        let (_, answer) = client.exchange(&code, &[("code_verifier", bad)]).await;
        assert_eq!(answer["error"], "invalid_request");
    }
}

/// Otherwise a thief with an old refresh token goes on, or an answer that got lost ends a session.
#[tokio::test]
async fn a_used_refresh_token_ends_the_session_once_its_successor_was_used() {
    let site = TestIdentity::start();
    let client = Client::register(&site).await;
    let (_, mut browser) = alice(&site).await;
    let (_, first) = client.tokens(&mut browser).await;
    let (_, lost) = client.refresh(&first).await;
    let (status, again) = client.refresh(&first).await;
    assert_eq!(status, StatusCode::OK, "the answer may have been lost: {again}");
    let (access, second) = tokens(&again);
    assert!(is_in(&site, &access).await);
    assert!(!is_in(&site, &tokens(&lost).0).await, "the first that is used counts");
    let (_, answer) = client.refresh(&tokens(&lost).1).await;
    assert_eq!(answer["error"], "invalid_grant");
    assert!(is_in(&site, &access).await, "what was never used is no sign of a thief");
    let (status, answer) = client.refresh(&first).await;
    assert_eq!((status, &answer["error"]), (StatusCode::BAD_REQUEST, &json!("invalid_grant")));
    assert!(!is_in(&site, &access).await, "the family ends");
    assert_eq!(client.refresh(&second).await.1["error"], "invalid_grant");
}

/// Otherwise a refresh token is good for whoever has it.
#[tokio::test]
async fn a_refresh_token_is_its_clients_and_of_this_api() {
    let site = TestIdentity::start();
    let client = Client::register(&site).await;
    let mut other = metadata();
    other["client_name"] = json!("Other");
    let id = register(&site, &other).await.1["client_id"].as_str().unwrap().to_owned();
    let other = Client { site: &site, id };
    let (_, mut browser) = alice(&site).await;
    let (access, refresh) = client.tokens(&mut browser).await;
    assert_eq!(other.refresh(&refresh).await.1["error"], "invalid_grant");
    let pair = estafette_store::accounts::TokenPair {
        access: TokenHash::of("a"),
        expires_ms: None,
        refresh: None,
    };
    let legacy = site.identity.store.refresh(&TokenHash::of(&refresh), pair).await.unwrap();
    assert_eq!(legacy, estafette_store::accounts::RefreshOutcome::Unknown);
    assert!(is_in(&site, &access).await, "neither was the owner's doing");
    assert_eq!(client.refresh(&refresh).await.0, StatusCode::OK);
}

/// Otherwise logging out leaves a key in the door.
#[tokio::test]
async fn revoking_either_token_deletes_the_device() {
    let site = TestIdentity::start();
    let client = Client::register(&site).await;
    let (user_id, mut browser) = alice(&site).await;
    for refresh_first in [false, true] {
        let (access, refresh) = client.tokens(&mut browser).await;
        let token = if refresh_first { &refresh } else { &access };
        let (status, _) = client.post("/oauth2/revoke", &[("token", token)]).await;
        assert_eq!(status, StatusCode::OK);
        assert!(!is_in(&site, &access).await);
        assert_eq!(client.refresh(&refresh).await.1["error"], "invalid_grant");
        assert!(site.identity.store.devices(&user_id).await.unwrap().is_empty());
        assert_eq!(client.post("/oauth2/revoke", &[("token", token)]).await.0, StatusCode::OK);
    }
    assert_eq!(client.post("/oauth2/revoke", &[]).await.0, StatusCode::BAD_REQUEST);
    // A token that was exchanged long ago ends nobody's session.
    let (_, old) = client.tokens(&mut browser).await;
    let (access, _) = tokens(&client.refresh(&old).await.1);
    assert!(is_in(&site, &access).await);
    client.post("/oauth2/revoke", &[("token", &old)]).await;
    assert!(is_in(&site, &access).await);
}

/// Otherwise what was allowed before the password changed, the devices were signed out or the
/// account ended is still good after.
#[tokio::test]
async fn what_ends_sessions_ends_codes_that_wait() {
    let site = TestIdentity::start();
    let client = Client::register(&site).await;
    let store = site.identity.store.clone();
    for act in ["password", "devices", "deactivation", "lock"] {
        let user_id = site.account(act, "correct horse").await;
        let mut browser = site.browser();
        browser.open("/_estafette/sign-in").await;
        let fields = [("who", act), ("password", "correct horse")];
        browser.submit("/_estafette/sign-in", &fields).await;
        site.host.advance(600_000);
        let (access, refresh) = client.tokens(&mut browser).await;
        let code = client.code(&mut browser).await;
        assert!(is_in(&site, &access).await);
        match act {
            "password" => {
                let hash = Some(PasswordHash("new".into()));
                store.set_password(&user_id, hash, Some(Devices::All)).await.unwrap();
            }
            "devices" => {
                store.delete_devices(&user_id, Devices::All).await.unwrap();
            }
            "deactivation" => {
                store.deactivate_account(&user_id, false, 1).await.unwrap();
            }
            _ => {
                store.set_account_flag(&user_id, AccountFlag::Locked, true).await.unwrap();
            }
        }
        assert_eq!(client.exchange(&code, &[]).await.1["error"], "invalid_grant", "{act}");
        // A lock is lifted again: the session waits for that.
        let refused = if act == "lock" { "temporarily_unavailable" } else { "invalid_grant" };
        assert_eq!(client.refresh(&refresh).await.1["error"], refused, "{act}");
        if act != "lock" {
            assert!(!is_in(&site, &access).await, "{act}");
        }
    }
}

/// Otherwise a deleted device comes back with its refresh token.
#[tokio::test]
async fn a_deleted_device_is_gone() {
    let site = TestIdentity::start();
    let client = Client::register(&site).await;
    let (user_id, mut browser) = alice(&site).await;
    let (access, refresh) = client.tokens(&mut browser).await;
    let device = DeviceId::parse("DEVICEDEVICE").unwrap();
    site.identity.store.delete_devices(&user_id, Devices::These(vec![device])).await.unwrap();
    assert!(!is_in(&site, &access).await);
    assert_eq!(client.refresh(&refresh).await.1["error"], "invalid_grant");
}
