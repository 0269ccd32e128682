// SPDX-License-Identifier: Apache-2.0
//! Without these the tools of the field would fail, or anybody could make an administrator.

use estafette_core::ids::UserId;
use estafette_store::{
    AccountStore as _, PeopleStore as _, accounts::AccountFlag, people::AuditPage,
};
use estafette_testkit::{
    random::Random,
    secret_times::{Trial, guess},
};
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::StatusCode;
use serde_json::{Value, json};
use sha1::Sha1;

use crate::testing::{PASSWORD, TestServer};

const REGISTER: &str = "/_synapse/admin/v1/register";
const USERS: &str = "/_synapse/admin/v2/users";

async fn server() -> TestServer {
    TestServer::with(|config| config.registration.shared_secret = "secret".into()).await
}

/// The HMAC as `register_new_matrix_user` computes it.
fn mac(secret: &str, parts: &[&str]) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(parts.join("\0").as_bytes());
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn nonce(server: &TestServer) -> String {
    let (_, answer) = server.request("GET", REGISTER, "", Value::Null).await;
    answer["nonce"].as_str().unwrap().to_owned()
}

async fn register(server: &TestServer, name: &str, admin: bool) -> (StatusCode, Value) {
    let nonce = nonce(server).await;
    let right = if admin { "admin" } else { "notadmin" };
    let body = json!({
        "nonce": nonce, "username": name, "password": PASSWORD, "admin": admin,
        "mac": mac("secret", &[&nonce, name, PASSWORD, right]),
    });
    server.request("POST", REGISTER, "", body).await
}

async fn admin(server: &TestServer) -> String {
    let (status, answer) = register(server, "root", true).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    answer["access_token"].as_str().unwrap().to_owned()
}

/// RFC 2202, test case 2, against the helper of these tests.
#[test]
fn the_mac_is_hmac_sha1() {
    let expected = "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79";
    assert_eq!(mac("Jefe", &["what do ya want for nothing?"]), expected);
}

#[tokio::test]
async fn the_shared_secret_makes_users_and_administrators() {
    let server = server().await;
    let (status, answer) = register(&server, "bob", false).await;
    assert_eq!((status, &answer["user_id"]), (StatusCode::OK, &json!("@bob:x.fr")));
    let bob = answer["access_token"].as_str().unwrap();
    assert_eq!(server.request("GET", USERS, bob, Value::Null).await.0, StatusCode::FORBIDDEN);
    let root = admin(&server).await;
    let (status, answer) = server.request("GET", USERS, &root, Value::Null).await;
    assert_eq!((status, &answer["total"]), (StatusCode::OK, &json!(2)));
    server.login("bob", "D").await;
    let (status, answer) = register(&server, "bob", false).await;
    assert_eq!((status, &answer["errcode"]), (StatusCode::BAD_REQUEST, &json!("M_USER_IN_USE")));
}

#[tokio::test]
async fn a_wrong_mac_or_a_used_nonce_makes_nobody() {
    let server = server().await;
    let nonce_1 = nonce(&server).await;
    let body = |nonce: &str, admin: bool, mac: String| {
        json!({ "nonce": nonce, "username": "eve", "password": PASSWORD, "admin": admin,
            "mac": mac })
    };
    // Signed for a user, sent for an administrator.
    let signed = mac("secret", &[&nonce_1, "eve", PASSWORD, "notadmin"]);
    let (status, _) =
        server.request("POST", REGISTER, "", body(&nonce_1, true, signed.clone())).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let (status, answer) =
        server.request("POST", REGISTER, "", body(&nonce_1, false, signed)).await;
    assert_eq!((status, &answer["errcode"]), (StatusCode::BAD_REQUEST, &json!("M_UNKNOWN")));
    for wrong in [String::new(), "zz".into(), "abc".into(), mac("other", &["x"])] {
        let nonce = nonce(&server).await;
        let (status, _) = server.request("POST", REGISTER, "", body(&nonce, false, wrong)).await;
        assert_eq!(status, StatusCode::FORBIDDEN);
    }
    let old = nonce(&server).await;
    server.clock.advance(60_000);
    let signed = mac("secret", &[&old, "eve", PASSWORD, "notadmin"]);
    let (status, _) = server.request("POST", REGISTER, "", body(&old, false, signed)).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let eve = UserId::parse("@eve:x.fr").unwrap();
    assert_eq!(server.server.store.account(&eve).await.unwrap(), None);

    let closed = TestServer::start().await;
    assert_eq!(closed.request("GET", REGISTER, "", Value::Null).await.0, StatusCode::BAD_REQUEST);
    let signed = mac("", &["x", "eve", PASSWORD, "notadmin"]);
    let (status, _) = closed.request("POST", REGISTER, "", body("x", false, signed)).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "an empty secret is none");
}

#[tokio::test]
async fn administrators_make_change_and_end_accounts() {
    let server = server().await;
    let root = admin(&server).await;
    let path = format!("{USERS}/@carol:x.fr");
    let change = json!({ "password": PASSWORD, "displayname": "Carol", "admin": false });
    let (status, answer) = server.request("PUT", &path, &root, change).await;
    assert_eq!((status, &answer["displayname"]), (StatusCode::CREATED, &json!("Carol")));
    let carol = server.login("carol", "D").await;
    let carol = carol["access_token"].as_str().unwrap();
    let whoami = async || {
        server.request("GET", "/v3/account/whoami", carol, Value::Null).await.1["errcode"].clone()
    };
    assert_eq!(whoami().await, Value::Null);
    let (status, _) = server.request("PUT", &path, &root, json!({ "locked": true })).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(whoami().await, "M_USER_LOCKED");
    server.request("PUT", &path, &root, json!({ "locked": false })).await;
    assert_eq!(whoami().await, Value::Null);

    let reset = "/_synapse/admin/v1/reset_password/@carol:x.fr";
    let body = json!({ "new_password": "another password" });
    assert_eq!(server.request("POST", reset, &root, body).await.0, StatusCode::OK);
    assert_eq!(whoami().await, "M_UNKNOWN_TOKEN");

    let end = "/_synapse/admin/v1/deactivate/@carol:x.fr";
    assert_eq!(
        server.request("POST", end, &root, json!({ "erase": true })).await.0,
        StatusCode::OK
    );
    let (_, gone) = server.request("GET", &path, &root, Value::Null).await;
    assert_eq!((&gone["deactivated"], &gone["displayname"]), (&json!(true), &Value::Null));
    let (_, list) = server.request("GET", USERS, &root, Value::Null).await;
    assert_eq!(list["total"], 1);
    let all = format!("{USERS}?deactivated=true&name=CAROL");
    let (_, list) = server.request("GET", &all, &root, Value::Null).await;
    assert_eq!(list["users"][0]["name"], "@carol:x.fr");
    let back = json!({ "deactivated": false, "password": PASSWORD });
    let (status, answer) = server.request("PUT", &path, &root, back.clone()).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "erased is for ever");
    assert!(answer["error"].as_str().unwrap().contains("cannot be undone"), "{answer}");
    let dave = format!("{USERS}/@dave:x.fr");
    for change in [json!({ "password": PASSWORD }), json!({ "deactivated": true }), back] {
        assert!(server.request("PUT", &dave, &root, change).await.0.is_success());
    }
    server.login("dave", "D").await;

    for (path, body) in [
        (format!("{USERS}/@root:x.fr"), json!({ "deactivated": true })),
        (format!("{USERS}/@root:x.fr"), json!({ "admin": false })),
    ] {
        assert_eq!(server.request("PUT", &path, &root, body).await.0, StatusCode::FORBIDDEN);
    }
    let foreign = format!("{USERS}/@a:other.fr");
    let (status, _) = server.request("GET", &foreign, &root, Value::Null).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let nobody = format!("{USERS}/@nobody:x.fr");
    let (status, _) = server.request("GET", &nobody, &root, Value::Null).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

/// The one table of who may: every route here answers 403 to whoever is no administrator.
#[tokio::test]
async fn nobody_else_gets_anything() {
    let server = server().await;
    let token = server.register("bob").await;
    let tokens = "/_synapse/admin/v1/registration_tokens";
    for (method, path) in [
        ("GET", USERS.to_owned()),
        ("GET", format!("{USERS}/@bob:x.fr")),
        ("PUT", format!("{USERS}/@bob:x.fr")),
        ("GET", "/_synapse/admin/v1/users/@bob:x.fr/admin".into()),
        ("PUT", "/_synapse/admin/v1/users/@bob:x.fr/admin".into()),
        ("POST", "/_synapse/admin/v1/deactivate/@bob:x.fr".into()),
        ("POST", "/_synapse/admin/v1/reset_password/@bob:x.fr".into()),
        ("GET", tokens.into()),
        ("POST", format!("{tokens}/new")),
        ("GET", format!("{tokens}/x")),
        ("PUT", format!("{tokens}/x")),
        ("DELETE", format!("{tokens}/x")),
    ] {
        let body = json!({ "admin": true, "new_password": PASSWORD });
        let (status, answer) = server.request(method, &path, &token, body.clone()).await;
        assert_eq!(
            (status, &answer["errcode"]),
            (StatusCode::FORBIDDEN, &json!("M_FORBIDDEN")),
            "{method} {path}"
        );
        let (status, _) = server.request(method, &path, "", body).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{method} {path}");
    }
}

#[tokio::test]
async fn invitations_are_made_changed_and_removed() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    let user_id = UserId::parse("@alice:x.fr").unwrap();
    server.server.store.set_account_flag(&user_id, AccountFlag::Admin, true).await.unwrap();
    let base = "/_synapse/admin/v1/registration_tokens";
    let new = format!("{base}/new");
    let (status, made) =
        server.request("POST", &new, &alice, json!({ "token": "abc", "uses_allowed": 2 })).await;
    assert_eq!((status, &made["uses_allowed"]), (StatusCode::OK, &json!(2)));
    for wrong in [json!({ "token": "abc" }), json!({ "token": "a b" }), json!({ "token": "" })] {
        assert_eq!(server.request("POST", &new, &alice, wrong).await.0, StatusCode::BAD_REQUEST);
    }
    let (_, random) = server.request("POST", &new, &alice, json!({})).await;
    assert_eq!(random["token"].as_str().unwrap().len(), 16);
    let path = format!("{base}/abc");
    let (_, changed) = server.request("PUT", &path, &alice, json!({ "uses_allowed": null })).await;
    assert_eq!(changed["uses_allowed"], Value::Null);
    let (_, kept) = server.request("PUT", &path, &alice, json!({ "expiry_time": 5 })).await;
    assert_eq!((&kept["uses_allowed"], &kept["expiry_time"]), (&Value::Null, &json!(5)));
    let valid = format!("{base}?valid=true");
    let (_, list) = server.request("GET", &valid, &alice, Value::Null).await;
    assert_eq!(list["registration_tokens"].as_array().unwrap().len(), 1);
    assert_eq!(server.request("DELETE", &path, &alice, Value::Null).await.0, StatusCode::OK);
    assert_eq!(server.request("DELETE", &path, &alice, Value::Null).await.0, StatusCode::NOT_FOUND);
}

/// Without these an administrator could not see who is logged in where, or end a stolen session.
#[tokio::test]
async fn sessions_and_rooms_of_a_user_are_shown_and_sessions_ended() {
    let server = server().await;
    let root = admin(&server).await;
    let version = server.get("", "/_synapse/admin/v1/server_version").await;
    assert!(version["server_version"].as_str().unwrap().starts_with("Estafette "));
    register(&server, "carol", false).await;
    let carol = server.login("carol", "PHONE").await["access_token"].as_str().unwrap().to_owned();
    let room = server.room(&carol, json!({})).await;
    let path = "/_synapse/admin/v2/users/@carol:x.fr/devices";
    let devices = server.get(&root, path).await;
    let ids: Vec<&Value> =
        devices["devices"].as_array().unwrap().iter().map(|one| &one["device_id"]).collect();
    assert!(ids.contains(&&json!("PHONE")) && devices["total"] == ids.len());
    let rooms = server.get(&root, "/_synapse/admin/v1/users/@carol:x.fr/joined_rooms").await;
    assert_eq!(rooms, json!({ "joined_rooms": [room], "total": 1 }));
    let whois = server.get(&root, "/_synapse/admin/v1/whois/@carol:x.fr").await;
    assert!(whois["devices"]["PHONE"]["sessions"][0]["connections"].is_array());
    let one = format!("{path}/PHONE");
    assert_eq!(server.get(&root, &one).await["user_id"], "@carol:x.fr");
    server.request("DELETE", &one, &root, Value::Null).await;
    assert_eq!(server.refused("GET", &root, &one, Value::Null).await.0, 404);
    assert_eq!(server.refused("GET", &carol, "/v3/sync", Value::Null).await.0, 401);
    let name = "/_synapse/admin/v1/username_available?username=";
    assert_eq!(server.get(&root, &format!("{name}dave")).await, json!({ "available": true }));
    let taken = server.refused("GET", &root, &format!("{name}carol"), Value::Null).await;
    assert_eq!(taken, (400, "M_USER_IN_USE".to_owned()));
}

/// Otherwise a request that cannot be done whole is done in part: a password changed, sessions
/// ended, rights given.
#[tokio::test]
async fn a_change_of_a_user_is_done_whole_or_not_at_all() {
    let server = server().await;
    let root = admin(&server).await;
    let bob = server.register("bob").await;
    let path = format!("{USERS}/@bob:x.fr");
    let field = json!({ "org.x.y": "x".repeat(estafette_core::limits::PROFILE_BYTES_MAX - 250) });
    let (status, answer) =
        server.request("PUT", "/v3/profile/@bob:x.fr/org.x.y", &bob, field).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let before = server.request("GET", &path, &root, Value::Null).await.1;
    let name = "y".repeat(estafette_core::limits::DISPLAYNAME_BYTES_MAX);
    let body = json!({
        "password": "another good password", "displayname": name, "avatar_url": "mxc://x.fr/a",
        "admin": true, "locked": true,
    });
    let acts = async || {
        let page = AuditPage { limit: 100, ..AuditPage::default() };
        server.server.store.audit_lines(page).await.unwrap().len()
    };
    let lines = acts().await;
    let (status, answer) = server.request("PUT", &path, &root, body).await;
    assert_eq!((status.as_u16(), &answer["errcode"]), (400, &json!("M_PROFILE_TOO_LARGE")));
    assert_eq!(server.request("GET", &path, &root, Value::Null).await.1, before);
    assert_eq!(server.request("GET", "/v3/account/whoami", &bob, Value::Null).await.0, 200);
    assert_eq!(acts().await, lines);
}

/// Otherwise a MAC is found letter by letter (F-25). For `cargo xtask timing --secrets`.
#[test]
#[ignore = "measures"]
fn macs_in_constant_time() {
    let of_nonce = |nonce: &str| mac("secret", &[nonce, "bob", PASSWORD, "notadmin"]);
    // Letters are read otherwise than digits: what a guess replaces has to be of one kind.
    let is_even = |right: &str| {
        let edges = right[..4].bytes().chain(right[36..].bytes());
        edges.into_iter().all(|byte| byte.is_ascii_digit())
    };
    let nonce = (0..).map(|n: u32| n.to_string()).find(|nonce| is_even(&of_nonce(nonce))).unwrap();
    let right = of_nonce(&nonce);
    let wrong = |class, random: &mut Random| {
        let body = json!({
            "nonce": nonce, "username": "bob", "password": PASSWORD,
            "mac": guess(&right, 0, class, random),
        });
        serde_json::from_value::<super::SecretRegistration>(body).unwrap()
    };
    let look = |request: &super::SecretRegistration| request.is_authentic("secret");
    let trial = Trial::from_environment();
    trial.compare("MAC of the shared-secret registration", wrong, look).check().unwrap();
}

/// Otherwise a tool that provisions people makes accounts that have no address, and so no place.
#[tokio::test]
async fn addresses_that_would_be_lost_are_refused() {
    let server = server().await;
    let root = admin(&server).await;
    let path = format!("{USERS}/@carol:x.fr");
    let put = async |threepids: Value| {
        let body = json!({ "displayname": "Carol", "threepids": threepids });
        server.request("PUT", &path, &root, body).await
    };
    let email = |address: &str| json!([{ "medium": "email", "address": address }]);
    let (status, answer) = put(email("a@evil.com@interieur.gouv.fr")).await;
    assert_eq!((status, &answer["errcode"]), (StatusCode::BAD_REQUEST, &json!("M_INVALID_PARAM")));
    assert_eq!(server.request("GET", &path, &root, Value::Null).await.0, StatusCode::NOT_FOUND);
    assert_eq!(put(json!([])).await.0, StatusCode::CREATED);
    assert_eq!(put(email("carol@x.fr")).await.0, StatusCode::BAD_REQUEST);
    // What was read is sent back as it was.
    let (_, read) = server.request("GET", &path, &root, Value::Null).await;
    assert_eq!(put(read["threepids"].clone()).await.0, StatusCode::OK);
}
