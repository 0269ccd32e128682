// SPDX-License-Identifier: Apache-2.0
//! Without these a stolen access token could throw out its owner, or a dead device live on.

use http::{Method, StatusCode, header};
use serde_json::{Value, json};

use crate::testing::{PASSWORD, TestServer};

fn password(session: Option<&Value>) -> Value {
    let mut auth = json!({ "type": "m.login.password", "password": PASSWORD,
        "identifier": { "type": "m.id.user", "user": "alice" } });
    if let Some(session) = session {
        auth["session"] = session.clone();
    }
    auth
}

async fn ids(server: &TestServer, token: &str) -> Vec<String> {
    let (_, answer) = server.request("GET", "/v3/devices", token, Value::Null).await;
    let devices = answer["devices"].as_array().unwrap();
    devices.iter().map(|device| device["device_id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn devices_are_listed_named_and_remember_their_use() {
    let server = TestServer::start().await;
    let token = server.register("alice").await;
    server.login("alice", "TWO").await;
    let bob = server.register("bob").await;
    let name = json!({ "display_name": "Téléphone" });
    let (status, _) = server.request("PUT", "/v3/devices/TWO", &token, name.clone()).await;
    assert_eq!(status, StatusCode::OK);
    let (_, device) = server.request("GET", "/v3/devices/TWO", &token, Value::Null).await;
    assert_eq!(device, json!({ "device_id": "TWO", "display_name": "Téléphone" }));
    for (method, path, user, body, expected) in [
        ("GET", "/v3/devices/TWO", &bob, Value::Null, 404),
        ("PUT", "/v3/devices/TWO", &bob, name.clone(), 404),
        ("PUT", "/v3/devices/NEW", &token, name.clone(), 404),
        ("GET", "/v3/devices/NEW", &token, Value::Null, 404),
        ("PUT", "/v3/devices/TWO", &token, json!({ "display_name": "x".repeat(513) }), 400),
        ("PUT", "/v3/devices/TWO", &token, json!({ "display_name": 1 }), 400),
    ] {
        let (status, _) = server.request(method, path, user, body).await;
        assert_eq!(status.as_u16(), expected, "{method} {path}");
    }

    let request = http::Request::builder()
        .method(Method::GET)
        .uri("/_matrix/client/v3/devices")
        .header(header::USER_AGENT, "Phone/1")
        .header(header::AUTHORIZATION, format!("Bearer {bob}"));
    server.clock.advance(60_000);
    server.send(request.body(axum::body::Body::empty()).unwrap()).await;
    for _ in 0..2 {
        let (_, who) = server.request("GET", "/v3/admin/whois/@bob:x.fr", &bob, Value::Null).await;
        let device = who["devices"].as_object().unwrap().values().next().unwrap();
        let connection = &device["sessions"][0]["connections"][0];
        assert_eq!(connection["last_seen"], 1_700_000_060_000_i64);
        assert_eq!(
            (&connection["ip"], &connection["user_agent"]),
            (&json!("127.0.0.1"), &json!("Phone/1"))
        );
        server.server.auth.device_uses.flush(&server.server.store).await.unwrap();
    }
}

#[tokio::test]
async fn deleting_a_device_needs_the_password_and_ends_its_token() {
    let server = TestServer::start().await;
    let token = server.register("alice").await;
    let two = server.login("alice", "TWO").await;
    let two = two["access_token"].as_str().unwrap();
    let path = "/v3/devices/TWO";
    let (status, challenge) = server.request("DELETE", path, &token, Value::Null).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert_eq!(challenge["flows"], json!([{ "stages": ["m.login.password"] }]));
    let session = &challenge["session"];
    let mut wrong = password(Some(session));
    wrong["password"] = json!("wrong");
    let (status, answer) = server.request("DELETE", path, &token, json!({ "auth": wrong })).await;
    assert_eq!((status, &answer["errcode"]), (StatusCode::UNAUTHORIZED, &json!("M_FORBIDDEN")));
    assert_eq!(answer["session"], *session, "another try is possible");
    let auth = json!({ "auth": password(Some(session)) });
    assert_eq!(server.request("DELETE", path, &token, auth).await.0, StatusCode::OK);
    let (_, answer) = server.request("GET", "/v3/account/whoami", two, Value::Null).await;
    assert_eq!(answer["errcode"], "M_UNKNOWN_TOKEN");
    assert_eq!(ids(&server, &token).await.len(), 1);
}

#[tokio::test]
async fn a_proof_is_good_for_one_request_of_one_user_alone() {
    let server = TestServer::start().await;
    let token = server.register("alice").await;
    let bob = server.register("bob").await;
    for id in ["TWO", "THREE"] {
        server.login("alice", id).await;
    }
    let path = "/v3/delete_devices";
    let ask = json!({ "devices": ["TWO"] });
    let (_, challenge) = server.request("POST", path, &token, ask).await;
    let session = &challenge["session"];
    let with = |devices: Value| json!({ "devices": devices, "auth": password(Some(session)) });
    for (who, path, method, body) in [
        (&token, path, "POST", with(json!(["THREE"]))),
        (&token, "/r0/delete_devices", "POST", with(json!(["TWO"]))),
        (&token, "/v3/devices/TWO", "DELETE", json!({ "auth": password(Some(session)) })),
        (&bob, path, "POST", with(json!(["TWO"]))),
    ] {
        let (status, answer) = server.request(method, path, who, body).await;
        assert_eq!((status, &answer["errcode"]), (StatusCode::FORBIDDEN, &json!("M_FORBIDDEN")));
    }
    // Somebody else's password, or name, proves nothing.
    let mut foreign = password(None);
    foreign["identifier"]["user"] = json!("bob");
    let body = json!({ "devices": ["TWO"], "auth": foreign });
    assert_eq!(server.request("POST", path, &token, body).await.0, StatusCode::FORBIDDEN);
    for auth in [
        json!({ "type": "m.login.dummy" }),
        json!({ "type": "m.login.dummy", "session": session }),
        json!({ "session": session }),
        json!({}),
        json!({ "type": "m.login.password" }),
        json!({ "type": "m.login.password", "password": "" }),
        json!({ "type": "m.login.registration_token", "token": "" }),
    ] {
        let body = json!({ "devices": ["TWO"], "auth": auth });
        let (status, answer) = server.request("POST", path, &token, body).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{auth} {answer}");
    }
    assert_eq!(ids(&server, &token).await.len(), 3);
    assert_eq!(server.request("POST", path, &token, with(json!(["TWO"]))).await.0, StatusCode::OK);
    let again = server.request("POST", path, &token, with(json!(["TWO"]))).await;
    assert_eq!(again.0, StatusCode::UNAUTHORIZED, "used once, used up");
    assert_ne!(again.1["session"], *session);

    let (_, challenge) =
        server.request("POST", path, &token, json!({ "devices": ["THREE"] })).await;
    server.clock.advance(15 * 60 * 1000);
    let body = json!({ "devices": ["THREE"], "auth": password(Some(&challenge["session"])) });
    assert_eq!(server.request("POST", path, &token, body).await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn who_has_no_password_proves_nothing_by_its_absence() {
    let server = TestServer::start().await;
    let user = "@nopass:x.fr";
    for auth in [
        Value::Null,
        json!({ "type": "m.login.password" }),
        json!({ "type": "m.login.password", "password": "" }),
        json!({ "type": "m.login.password", "password": null }),
        json!({ "type": "m.login.dummy" }),
    ] {
        let body = json!({ "auth": auth });
        let (status, _) = server.request("DELETE", "/v3/devices/D", user, body).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{auth}");
    }
    assert_eq!(ids(&server, user).await, ["D"]);
}

/// Without it two requests that come at once would both pass with one proof.
#[tokio::test]
async fn a_proof_that_is_given_twice_at_once_lets_one_request_pass() {
    let server = TestServer::start().await;
    let token = server.register("alice").await;
    server.login("alice", "TWO").await;
    let path = "/v3/delete_devices";
    let ask = json!({ "devices": ["TWO"] });
    let (_, challenge) = server.request("POST", path, &token, ask).await;
    let body = json!({ "devices": ["TWO"], "auth": password(Some(&challenge["session"])) });
    let (one, two) = tokio::join!(
        server.request("POST", path, &token, body.clone()),
        server.request("POST", path, &token, body),
    );
    let mut both = [one.0, two.0];
    both.sort_unstable();
    assert_eq!(both, [StatusCode::OK, StatusCode::UNAUTHORIZED]);
}

/// Without it somebody with another's open session could confirm with their own password.
#[tokio::test]
async fn nobody_confirms_for_somebody_else() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    server.login("alice", "OTHER").await;
    server.register("bob").await;
    let auth = |user: &str| {
        let identifier = json!({ "type": "m.id.user", "user": user });
        json!({ "auth": { "type": "m.login.password", "identifier": identifier,
            "password": crate::testing::PASSWORD } })
    };
    let path = "/v3/devices/OTHER";
    let (status, answer) = server.request("DELETE", path, &alice, auth("@bob:x.fr")).await;
    assert_eq!((status.as_u16(), &answer["errcode"]), (403, &json!("M_FORBIDDEN")));
    server.get(&alice, path).await;
    assert_eq!(server.request("DELETE", path, &alice, auth("@alice:x.fr")).await.0, 200);
}
