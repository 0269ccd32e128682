// SPDX-License-Identifier: Apache-2.0
//! Without these one could speak under another's name, or fill the server with a profile.

use estafette_core::{ids::UserId, limits::PROFILE_BYTES_MAX};
use estafette_store::{AccountStore as _, accounts::AccountFlag};
use http::StatusCode;
use serde_json::{Value, json};

use crate::testing::{TestServer, eventually};

const ALICE: &str = "/v3/profile/@alice:x.fr";

async fn put(server: &TestServer, token: &str, key: &str, value: Value) -> (u16, Value) {
    let path = format!("{ALICE}/{key}");
    let body = json!({ key: value });
    let (status, answer) = server.request("PUT", &path, token, body).await;
    (status.as_u16(), answer["errcode"].clone())
}

#[tokio::test]
async fn fields_are_set_read_and_removed() {
    let server = TestServer::start().await;
    let token = server.register("alice").await;
    let bob = server.register("bob").await;
    let ok = (200, Value::Null);
    assert_eq!(put(&server, &token, "displayname", json!("Alice")).await, ok);
    assert_eq!(put(&server, &token, "avatar_url", json!("mxc://x.fr/a")).await, ok);
    assert_eq!(put(&server, &token, "m.tz", json!("Europe/Paris")).await, ok);
    assert_eq!(put(&server, &token, "fr.x.unit", json!({ "id": [1, null] })).await, ok);
    assert_eq!(put(&server, &token, "fr.x.nothing", Value::Null).await, ok);
    let (_, profile) = server.request("GET", ALICE, &bob, Value::Null).await;
    assert_eq!(
        profile,
        json!({ "displayname": "Alice", "avatar_url": "mxc://x.fr/a", "m.tz": "Europe/Paris",
            "fr.x.unit": { "id": [1, null] }, "fr.x.nothing": null })
    );
    let path = format!("{ALICE}/fr.x.unit");
    let (_, field) = server.request("GET", &path, &bob, Value::Null).await;
    assert_eq!(field, json!({ "fr.x.unit": { "id": [1, null] } }));
    for _ in 0..2 {
        let (status, answer) = server.request("DELETE", &path, &token, Value::Null).await;
        assert_eq!((status, answer), (StatusCode::OK, json!({})));
    }
    assert_eq!(server.request("GET", &path, &bob, Value::Null).await.0, StatusCode::NOT_FOUND);
    assert_eq!(put(&server, &token, "avatar_url", json!("")).await, ok);
    let path = format!("{ALICE}/avatar_url");
    assert_eq!(server.request("GET", &path, &bob, Value::Null).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_cannot_be_a_field_is_refused_and_nothing_changes() {
    let server = TestServer::start().await;
    let token = server.register("alice").await;
    let bob = server.register("bob").await;
    let text = |len: usize| json!("x".repeat(len));
    for (key, value, expected) in [
        ("displayname", json!(1), (400, "M_BAD_JSON")),
        ("displayname", Value::Null, (400, "M_BAD_JSON")),
        ("displayname", text(1025), (400, "M_INVALID_PARAM")),
        ("nodots", json!(1), (400, "M_INVALID_PARAM")),
        ("Big.Letters", json!(1), (400, "M_INVALID_PARAM")),
        ("fr.x.big", text(PROFILE_BYTES_MAX), (400, "M_PROFILE_TOO_LARGE")),
    ] {
        let (status, errcode) = put(&server, &token, key, value).await;
        assert_eq!((status, errcode.as_str().unwrap()), expected, "{key}");
    }
    let long = format!("a.{}", "x".repeat(254));
    assert_eq!(put(&server, &token, &long, json!(1)).await, (400, json!("M_KEY_TOO_LARGE")));
    assert_eq!(put(&server, &bob, "displayname", json!("Eve")).await, (403, json!("M_FORBIDDEN")));
    assert_eq!(
        put(&server, "", "displayname", json!("Eve")).await,
        (401, json!("M_MISSING_TOKEN"))
    );
    let path = format!("{ALICE}/displayname");
    let (status, answer) = server.request("PUT", &path, &token, json!({ "name": "x" })).await;
    assert_eq!((status.as_u16(), &answer["errcode"]), (400, &json!("M_MISSING_PARAM")));
    let (_, profile) = server.request("GET", ALICE, &token, Value::Null).await;
    assert_eq!(profile, json!({ "displayname": "alice" }));
    for nobody in ["@nobody:x.fr", "@alice:other.fr"] {
        let path = format!("/v3/profile/{nobody}");
        let (status, answer) = server.request("GET", &path, &token, Value::Null).await;
        assert_eq!((status.as_u16(), &answer["errcode"]), (404, &json!("M_NOT_FOUND")));
    }
}

/// The bound is on the whole profile: many small fields must not pass it together.
#[tokio::test]
async fn the_whole_profile_is_bounded() {
    let server = TestServer::start().await;
    let token = server.register("alice").await;
    let mut set = 0;
    for index in 0..10 {
        let value = json!("x".repeat(8_000));
        match put(&server, &token, &format!("fr.x.f{index}"), value).await {
            (200, _) => set += 1,
            refused => {
                assert_eq!(refused, (400, json!("M_PROFILE_TOO_LARGE")));
                break;
            }
        }
    }
    assert_eq!(set, 8);
    let (_, profile) = server.request("GET", ALICE, &token, Value::Null).await;
    assert!(profile.to_string().len() <= PROFILE_BYTES_MAX);
}

#[tokio::test]
async fn rooms_hear_of_a_new_name_and_suspended_users_change_nothing() {
    let server = TestServer::start().await;
    let token = server.register("alice").await;
    let room = server.room(&token, json!({})).await;
    put(&server, &token, "displayname", json!("B")).await;
    let member = format!("/v3/rooms/{room}/state/m.room.member/@alice:x.fr");
    eventually(async || server.get(&token, &member).await["displayname"] == "B").await;

    let alice = UserId::parse("@alice:x.fr").unwrap();
    server.server.store.set_account_flag(&alice, AccountFlag::Suspended, true).await.unwrap();
    let refused = put(&server, &token, "displayname", json!("C")).await;
    assert_eq!(refused, (403, json!("M_USER_SUSPENDED")));
    let path = format!("{ALICE}/displayname");
    let (status, _) = server.request("DELETE", &path, &token, Value::Null).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert_eq!(server.get(&token, ALICE).await["displayname"], "B");
}

/// Without the switch either no client could read profiles as the specification has it, or every
/// stranger could list who is here.
#[tokio::test]
async fn strangers_read_profiles_where_the_operator_lets_them() {
    for (public, status) in [(true, 200), (false, 401)] {
        let server = TestServer::with(|config| {
            config.user_directory.public_profiles = public;
        })
        .await;
        server.register("alice").await;
        for path in ["/v3/profile/@alice:x.fr", "/v3/profile/@alice:x.fr/displayname"] {
            let (got, _) = server.request("GET", path, "", serde_json::Value::Null).await;
            assert_eq!(got.as_u16(), status, "{path}");
        }
    }
}

/// Otherwise an agent shows every room the name of a minister, as rooms show what members are
/// called in them (B3).
#[tokio::test]
async fn an_imposed_name_is_the_name_in_every_room() {
    use estafette_store::{PeopleStore as _, people::PersonDetails};
    let server = TestServer::start().await;
    let room = server.room("@a:x.fr", json!({ "preset": "private_chat" })).await;
    let (alice, bob) = (UserId::parse("@a:x.fr").unwrap(), UserId::parse("@b:x.fr").unwrap());
    server.get("@b:x.fr", "/v3/account/whoami").await;
    for (user_id, email) in [(&alice, "a@x.fr"), (&bob, "b@x.fr")] {
        let details = PersonDetails { email: Some(email.into()), ..PersonDetails::default() };
        server.server.store.put_person(user_id, details).await.unwrap();
    }
    let member = |user_id: &UserId| format!("/v3/rooms/{room}/state/m.room.member/{user_id}");
    let named =
        |membership: &str, name: &str| json!({ "membership": membership, "displayname": name });
    // Names are free where nobody imposes them.
    server.put("@a:x.fr", &member(&alice), named("join", "Le Président")).await;
    server.server.names_are_imposed.store(true, std::sync::atomic::Ordering::Relaxed);
    for (user_id, content) in [
        (&alice, named("join", "Le Président [Élysée]")),
        (&bob, named("invite", "Le Président [Élysée]")),
        (&alice, json!({ "membership": "join", "displayname": null })),
    ] {
        let (status, answer) = server.request("PUT", &member(user_id), "@a:x.fr", content).await;
        assert_eq!(
            (status, &answer["errcode"]),
            (StatusCode::FORBIDDEN, &json!("M_FORBIDDEN")),
            "{user_id}"
        );
    }
    let plain = json!({ "membership": "join", "reason": "the name of the profile" });
    server.put("@a:x.fr", &member(&alice), plain).await;
    let now = server.get("@a:x.fr", &member(&alice)).await;
    assert_ne!(now["displayname"], "Le Président");
}

/// Otherwise people appear under a name that is not the one their address gives (B3).
#[tokio::test]
async fn an_imposed_name_is_corrected_by_administrators_alone() {
    use estafette_store::{PeopleStore as _, people::PersonDetails};
    let server = TestServer::start().await;
    let (token, admin) = (server.register("alice").await, server.register("admin").await);
    let store = &server.server.store;
    let admin_id = UserId::parse("@admin:x.fr").unwrap();
    store.set_account_flag(&admin_id, AccountFlag::Admin, true).await.unwrap();
    server.server.names_are_imposed.store(true, std::sync::atomic::Ordering::Relaxed);
    let ok = (200, Value::Null);
    assert_eq!(put(&server, &token, "displayname", json!("A")).await, ok, "she has no address");
    let details = PersonDetails { email: Some("alice@x.fr".into()), ..PersonDetails::default() };
    store.put_person(&UserId::parse("@alice:x.fr").unwrap(), details).await.unwrap();
    let forbidden = (403, json!("M_FORBIDDEN"));
    assert_eq!(put(&server, &token, "displayname", json!("B")).await, forbidden);
    let path = format!("{ALICE}/displayname");
    let (status, _) = server.request("DELETE", &path, &token, Value::Null).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert_eq!(put(&server, &token, "avatar_url", json!("mxc://x.fr/a")).await, ok);
    assert_eq!(put(&server, &admin, "displayname", json!("C")).await, ok);
    let (_, answer) = server.request("GET", "/v3/capabilities", &token, Value::Null).await;
    assert_eq!(answer["capabilities"]["m.set_displayname"]["enabled"], json!(false));
    let disallowed = &answer["capabilities"]["m.profile_fields"]["disallowed"];
    assert_eq!(*disallowed, json!(["displayname"]));
}
