// SPDX-License-Identifier: Apache-2.0
//! Without these somebody could get in who should not, or learn who has an account.

use estafette_core::ids::UserId;
use estafette_store::{
    AccountStore as _, PeopleStore as _, accounts::AccountFlag, people::PersonDetails,
};
use http::StatusCode;
use serde_json::{Value, json};

use crate::testing::{PASSWORD, TestServer};

fn by_password(user: &str, password: &str) -> Value {
    json!({
        "type": "m.login.password", "password": password,
        "identifier": { "type": "m.id.user", "user": user },
    })
}

async fn login(server: &TestServer, body: Value) -> (StatusCode, Value) {
    server.request("POST", "/v3/login", "", body).await
}

#[tokio::test]
async fn a_password_lets_in_by_any_spelling_of_the_name() {
    let server = TestServer::start().await;
    server.register("alice").await;
    for user in ["alice", "Alice", "@alice:x.fr", "@ALICE:x.fr"] {
        let (status, answer) = login(&server, by_password(user, PASSWORD)).await;
        assert_eq!((status, &answer["user_id"]), (StatusCode::OK, &json!("@alice:x.fr")));
        assert_eq!(answer["device_id"].as_str().unwrap().len(), 10);
    }
    let old = json!({ "type": "m.login.password", "user": "alice", "password": PASSWORD });
    assert_eq!(login(&server, old).await.0, StatusCode::OK);
    let (_, flows) = server.request("GET", "/v3/login", "", Value::Null).await;
    assert_eq!(flows["flows"][0], json!({ "type": "m.login.password" }));
}

#[tokio::test]
async fn existing_and_missing_accounts_get_the_same_answer() {
    let server = TestServer::start().await;
    server.register("alice").await;
    let (status, wrong) = login(&server, by_password("alice", "wrong")).await;
    assert_eq!((status, &wrong["errcode"]), (StatusCode::FORBIDDEN, &json!("M_FORBIDDEN")));
    let deactivated = UserId::parse("@gone:x.fr").unwrap();
    server.register("gone").await;
    server.server.store.deactivate_account(&deactivated, false, 1).await.unwrap();
    // One who has no password: absence satisfies nothing.
    server.token_of("@nopass:x.fr").await;
    for body in [
        by_password("nobody", PASSWORD),
        by_password("@alice:other.fr", PASSWORD),
        by_password("not a name", PASSWORD),
        by_password("gone", PASSWORD),
        by_password("nopass", PASSWORD),
        by_password("nopass", ""),
        by_password("alice", ""),
        json!({ "type": "m.login.password", "password": PASSWORD, "identifier": {
            "type": "m.id.thirdparty", "medium": "email", "address": "a@x.fr" } }),
        json!({ "type": "m.login.password", "password": PASSWORD, "identifier": {
            "type": "m.id.thirdparty", "medium": "email", "address": "no address" } }),
        json!({ "type": "m.login.password", "password": PASSWORD, "identifier": {
            "type": "m.id.thirdparty", "medium": "email" } }),
        json!({ "type": "m.login.password", "password": PASSWORD, "medium": "email",
            "address": "a@x.fr" }),
        json!({ "type": "m.login.password", "password": PASSWORD }),
    ] {
        let (status, answer) = login(&server, body.clone()).await;
        assert_eq!((status, &answer), (StatusCode::FORBIDDEN, &wrong), "{body}");
    }
}

/// Otherwise people who know their address alone cannot log in, or one who knows another spelling of
/// it is somebody else.
#[tokio::test]
async fn an_address_names_its_owner_by_its_one_form() {
    let server = TestServer::start().await;
    for (name, email) in [("alice", "a.dupont@x.gouv.fr"), ("gone", "gone@x.gouv.fr")] {
        server.register(name).await;
        let user_id = UserId::parse(&format!("@{name}:x.fr")).unwrap();
        let details = PersonDetails { email: Some(email.into()), ..PersonDetails::default() };
        server.server.store.put_person(&user_id, details).await.unwrap();
    }
    // Who is looked up in the place of nobody lets nobody in.
    server.register("nobody").await;
    let gone = UserId::parse("@gone:x.fr").unwrap();
    server.server.store.deactivate_account(&gone, false, 1).await.unwrap();
    let by_address = |address: &str, password: &str| {
        json!({ "type": "m.login.password", "password": password, "identifier": {
            "type": "m.id.thirdparty", "medium": "email", "address": address } })
    };
    for address in ["a.dupont@x.gouv.fr", " A.Dupont@X.gouv.FR "] {
        let (status, answer) = login(&server, by_address(address, PASSWORD)).await;
        assert_eq!((status, &answer["user_id"]), (StatusCode::OK, &json!("@alice:x.fr")));
    }
    let old = json!({ "type": "m.login.password", "password": PASSWORD, "medium": "email",
        "address": "a.dupont@x.gouv.fr" });
    assert_eq!(login(&server, old).await.1["user_id"], "@alice:x.fr");
    let (_, wrong) = login(&server, by_password("alice", "wrong")).await;
    for body in [
        by_address("a.dupont@x.gouv.fr", "wrong"),
        by_address("gone@x.gouv.fr", PASSWORD),
        by_address("nobodys@x.gouv.fr", PASSWORD),
        by_password("not an id", PASSWORD),
        by_address("a.dupont@x.gouv.fr@evil.fr", PASSWORD),
        by_address("evil@evil.fr,a.dupont@x.gouv.fr", PASSWORD),
        by_address("a.dupont@x.gouv.fr\n@x", PASSWORD),
    ] {
        let (status, answer) = login(&server, body.clone()).await;
        assert_eq!((status, &answer), (StatusCode::FORBIDDEN, &wrong), "{body}");
    }
    // Nobody is known by these, so saying so tells nothing of anybody.
    for identifier in [
        json!({ "type": "m.id.phone", "country": "FR", "phone": "0600000000" }),
        json!({ "type": "m.id.thirdparty", "medium": "msisdn", "address": "33600000000" }),
        json!({ "type": "m.id.magic" }),
    ] {
        let body = json!({ "type": "m.login.password", "password": PASSWORD,
            "identifier": identifier });
        let (status, answer) = login(&server, body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{identifier}");
        assert_eq!(answer["errcode"], "M_UNKNOWN", "{identifier}");
    }
}

/// Otherwise clients of the legacy API find no way to the pages, or one that is not there.
#[tokio::test]
async fn single_sign_on_is_offered_where_there_are_pages() {
    let server = TestServer::start().await;
    let flows = async || {
        let (_, flows) = server.request("GET", "/v3/login", "", Value::Null).await;
        flows["flows"].as_array().unwrap().clone()
    };
    assert!(flows().await.iter().all(|flow| flow["type"] != "m.login.sso"));
    let providers = vec![("idp".to_owned(), "ProConnect".to_owned())];
    server.server.single_sign_on.set(providers).unwrap();
    let flows = flows().await;
    let flow = flows.iter().find(|flow| flow["type"] == "m.login.sso").unwrap();
    assert_eq!(flow["identity_providers"], json!([{ "id": "idp", "name": "ProConnect" }]));
    assert_eq!(flow["oauth_aware_preferred"], true);
    assert!(flows.iter().any(|flow| flow["type"] == "m.login.token"), "where its token goes");
}

/// Otherwise a token that was seen on its way lets a second client in, or is good for ever.
#[tokio::test]
async fn a_token_of_single_sign_on_is_good_once_and_soon() {
    let server = TestServer::start().await;
    server.register("alice").await;
    let alice = UserId::parse("@alice:x.fr").unwrap();
    let give = || crate::auth::give_sso_token(&server.server, &alice).unwrap();
    let log_in = async |token: &str| {
        login(&server, json!({ "type": "m.login.token", "token": token })).await
    };
    let token = give();
    let (status, answer) = log_in(&token).await;
    assert_eq!((status, &answer["user_id"]), (StatusCode::OK, &json!("@alice:x.fr")));
    assert_eq!(log_in(&token).await.0, StatusCode::FORBIDDEN, "once");
    let late = give();
    server.clock.advance(20_000);
    assert_eq!(log_in(&late).await.0, StatusCode::FORBIDDEN, "soon");
    let before = give();
    crate::auth::forget_proofs(&server.server, &alice);
    assert_eq!(log_in(&before).await.0, StatusCode::FORBIDDEN, "before the password changed");
}

/// F-24 in short: a missing account must cost a hash as an existing one does.
#[tokio::test]
async fn a_missing_account_takes_as_long_as_an_existing_one() {
    let passwords =
        crate::auth::password::Passwords::new(&crate::clock::SeededRandom::new(1)).unwrap();
    let kept = passwords.hash(&crate::clock::SeededRandom::new(2), PASSWORD).await.unwrap();
    // The shortest time of each: what else the machine does only ever adds. Where it did so
    // throughout, more is asked.
    let mut shortest = [f64::MAX; 2];
    for _ in 0..60 {
        for (kept, shortest) in [Some(&kept), None].into_iter().zip(&mut shortest) {
            let start = std::time::Instant::now();
            assert!(!passwords.matches("wrong", kept).await.unwrap());
            *shortest = shortest.min(start.elapsed().as_secs_f64());
        }
        let [existing, missing] = shortest;
        if (0.5..2.0).contains(&(missing / existing)) {
            return;
        }
    }
    panic!("existing and missing take {shortest:?} s");
}

#[tokio::test]
async fn what_is_no_login_is_refused() {
    let server = TestServer::start().await;
    server.register("alice").await;
    for (body, status, errcode) in [
        (json!({ "type": "m.login.magic" }), 400, "M_UNKNOWN"),
        (json!({}), 400, "M_BAD_JSON"),
        (json!({ "type": "m.login.password", "user": "alice" }), 400, "M_MISSING_PARAM"),
        (json!({ "type": "m.login.token" }), 400, "M_MISSING_PARAM"),
        (json!({ "type": "m.login.token", "token": "x" }), 403, "M_FORBIDDEN"),
        (
            json!({ "type": "m.login.application_service",
                "identifier": { "type": "m.id.user", "user": "alice" } }),
            403,
            "M_FORBIDDEN",
        ),
        (
            json!({ "type": "m.login.password", "user": "alice", "password": PASSWORD,
                "device_id": "x".repeat(300) }),
            400,
            "M_INVALID_PARAM",
        ),
    ] {
        let (got, answer) = login(&server, body.clone()).await;
        assert_eq!((got.as_u16(), &answer["errcode"]), (status, &json!(errcode)), "{body}");
    }
    let closed = TestServer::with(|config| config.login.password = false).await;
    let (status, answer) = login(&closed, by_password("alice", PASSWORD)).await;
    assert_eq!((status, &answer["errcode"]), (StatusCode::BAD_REQUEST, &json!("M_UNKNOWN")));
    let (_, flows) = closed.request("GET", "/v3/login", "", Value::Null).await;
    assert!(!flows.to_string().contains("m.login.password"));
}

#[tokio::test]
async fn a_known_device_loses_its_old_tokens_and_keeps_its_name() {
    let server = TestServer::start().await;
    server.register("alice").await;
    let body = |name: &str| {
        let mut body = by_password("alice", PASSWORD);
        body["device_id"] = json!("PHONE");
        body["initial_device_display_name"] = json!(name);
        body
    };
    let (_, first) = login(&server, body("one")).await;
    let (_, second) = login(&server, body("two")).await;
    let whoami = async |answer: &Value| {
        let token = answer["access_token"].as_str().unwrap();
        server.request("GET", "/v3/account/whoami", token, Value::Null).await.0
    };
    assert_eq!(whoami(&first).await, StatusCode::UNAUTHORIZED);
    assert_eq!(whoami(&second).await, StatusCode::OK);
    let token = second["access_token"].as_str().unwrap();
    let (_, device) = server.request("GET", "/v3/devices/PHONE", token, Value::Null).await;
    assert_eq!(device["display_name"], "one");
}

#[tokio::test]
async fn a_locked_account_cannot_log_in_but_a_suspended_one_can() {
    let server = TestServer::start().await;
    server.register("alice").await;
    let alice = UserId::parse("@alice:x.fr").unwrap();
    server.server.store.set_account_flag(&alice, AccountFlag::Locked, true).await.unwrap();
    let (status, answer) = login(&server, by_password("alice", PASSWORD)).await;
    assert_eq!((status, &answer["errcode"]), (StatusCode::UNAUTHORIZED, &json!("M_USER_LOCKED")));
    assert_eq!(answer["soft_logout"], true);
    let (status, answer) = login(&server, by_password("alice", "wrong")).await;
    assert_eq!((status, &answer["errcode"]), (StatusCode::FORBIDDEN, &json!("M_FORBIDDEN")));
    server.server.store.set_account_flag(&alice, AccountFlag::Locked, false).await.unwrap();
    server.server.store.set_account_flag(&alice, AccountFlag::Suspended, true).await.unwrap();
    assert_eq!(login(&server, by_password("alice", PASSWORD)).await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_login_token_is_good_once_and_not_for_long() {
    let server = TestServer::start().await;
    let token = server.register("alice").await;
    let path = "/v1/login/get_token";
    let (status, challenge) = server.request("POST", path, &token, json!({})).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert_eq!(challenge["flows"], json!([{ "stages": ["m.login.password"] }]));
    let auth = json!({ "auth": { "type": "m.login.password", "password": PASSWORD,
        "identifier": { "type": "m.id.user", "user": "alice" },
        "session": challenge["session"] } });
    let (status, first) = server.request("POST", path, &token, auth.clone()).await;
    assert_eq!((status, &first["expires_in_ms"]), (StatusCode::OK, &json!(120_000)));
    assert_eq!(
        server.request("POST", path, &token, auth).await.0,
        StatusCode::UNAUTHORIZED,
        "the session was used"
    );
    let use_it = |token: &Value| json!({ "type": "m.login.token", "token": token });
    let (status, answer) = login(&server, use_it(&first["login_token"])).await;
    assert_eq!((status, &answer["user_id"]), (StatusCode::OK, &json!("@alice:x.fr")));
    assert_eq!(login(&server, use_it(&first["login_token"])).await.0, StatusCode::FORBIDDEN);

    let direct = json!({ "auth": { "type": "m.login.password", "password": PASSWORD } });
    let (_, late) = server.request("POST", path, &token, direct).await;
    server.clock.advance(120_000);
    assert_eq!(login(&server, use_it(&late["login_token"])).await.0, StatusCode::FORBIDDEN);
}

/// Otherwise whoever says another address each time, or has many of one network, is never slowed
/// down (F-23).
#[tokio::test]
async fn guesses_are_limited_per_place() {
    let server = TestServer::with(|config| {
        config.rate_limits.enabled = true;
        config.rate_limits.source_burst = 3.0;
        config.rate_limits.source_per_s = 0.1;
        config.listener.behind_proxy = true;
    })
    .await;
    let claimed = |at: usize| vec![format!("198.51.100.{at}"), "203.0.113.9".to_owned()];
    let listed = |at: usize| vec![format!("198.51.100.{at}, ::ffff:203.0.113.10")];
    let network = |at: usize| vec![format!("2001:db8:0:1:{at}::1")];
    let others = |at: usize| vec![format!("2001:db8:0:{at}::1")];
    let places: [(&dyn Fn(usize) -> Vec<String>, _); 4] = [
        (&claimed, [403, 403, 403, 429]),
        (&listed, [403, 403, 403, 429]),
        (&network, [403, 403, 403, 429]),
        (&others, [403, 403, 403, 403]),
    ];
    for (nr, (place, expected)) in places.into_iter().enumerate() {
        let mut statuses = Vec::new();
        for at in 2..6 {
            let mut request =
                http::Request::builder().method("POST").uri("/_matrix/client/v3/login");
            for line in place(at) {
                request = request.header("x-forwarded-for", line);
            }
            let body = by_password(&format!("user{nr}{at}"), "wrong").to_string();
            let answer = server.send(request.body(body.into()).unwrap()).await;
            statuses.push(answer.status.as_u16());
        }
        assert_eq!(statuses, expected, "place {nr}");
    }
}
