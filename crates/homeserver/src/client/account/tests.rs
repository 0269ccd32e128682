// SPDX-License-Identifier: Apache-2.0
//! Without these a password could be changed by a thief, or an ended account come back.

use estafette_core::ids::UserId;
use estafette_store::{
    AccountStore as _,
    people::{AdminAct, AuditEntry, Placement},
};
use http::StatusCode;
use serde_json::{Value, json};

use crate::{
    administration::administer,
    testing::{PASSWORD, TestServer, eventually},
};

const CHANGE: &str = "/v3/account/password";
const NEW: &str = "another password";

fn auth(password: &str) -> Value {
    json!({ "type": "m.login.password", "password": password,
        "identifier": { "type": "m.id.user", "user": "alice" } })
}

async fn alive(server: &TestServer, token: &str) -> bool {
    let (status, _) = server.request("GET", "/v3/account/whoami", token, Value::Null).await;
    status == StatusCode::OK
}

async fn can_log_in(server: &TestServer, password: &str) -> bool {
    let body = json!({ "type": "m.login.password", "user": "alice", "password": password });
    server.request("POST", "/v3/login", "", body).await.0 == StatusCode::OK
}

#[tokio::test]
async fn a_new_password_replaces_the_old_one_and_signs_others_out() {
    let server = TestServer::start().await;
    let token = server.register("alice").await;
    let other = server.login("alice", "TWO").await["access_token"].clone();
    let other = other.as_str().unwrap();
    for (body, status, errcode) in [
        (json!({ "new_password": "short", "auth": auth(PASSWORD) }), 400, json!("M_WEAK_PASSWORD")),
        (json!({ "new_password": NEW, "auth": auth("wrong") }), 401, json!("M_FORBIDDEN")),
        (json!({ "new_password": NEW }), 401, Value::Null),
        (json!({}), 401, Value::Null),
        (json!({ "new_password": 1, "auth": auth(PASSWORD) }), 400, json!("M_BAD_JSON")),
        (json!({ "auth": auth(PASSWORD) }), 400, json!("M_BAD_JSON")),
    ] {
        let (got, answer) = server.request("POST", CHANGE, &token, body.clone()).await;
        assert_eq!((got.as_u16(), &answer["errcode"]), (status, &errcode), "{body}");
    }
    let (status, _) = server.request("POST", CHANGE, "", json!({ "new_password": NEW })).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert!(alive(&server, other).await && can_log_in(&server, PASSWORD).await);

    let keep = json!({ "new_password": NEW, "logout_devices": false, "auth": auth(PASSWORD) });
    assert_eq!(server.request("POST", CHANGE, &token, keep).await.0, StatusCode::OK);
    assert!(alive(&server, other).await);
    assert!(!can_log_in(&server, PASSWORD).await && can_log_in(&server, NEW).await);
    let end = json!({ "new_password": PASSWORD, "auth": auth(NEW) });
    assert_eq!(server.request("POST", CHANGE, &token, end).await.0, StatusCode::OK);
    assert!(alive(&server, &token).await, "the device that asked stays");
    assert!(!alive(&server, other).await);
}

#[tokio::test]
async fn deactivation_ends_everything_and_keeps_the_name_taken() {
    let server = TestServer::start().await;
    let token = server.register("alice").await;
    let room = server.room_with(&token, &["@bob:x.fr"]).await;
    let path = "/v3/account/deactivate";
    let (status, _) = server.request("POST", path, &token, json!({})).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    let body = json!({ "auth": auth(PASSWORD), "erase": true });
    let (status, answer) = server.request("POST", path, &token, body).await;
    assert_eq!((status, answer), (StatusCode::OK, json!({ "id_server_unbind_result": "success" })));
    assert!(!alive(&server, &token).await && !can_log_in(&server, PASSWORD).await);
    let alice = UserId::parse("@alice:x.fr").unwrap();
    let account = server.server.store.account(&alice).await.unwrap().unwrap();
    assert!(account.deactivated && account.erased && account.password_hash.is_none());
    let member = format!("/v3/rooms/{room}/state/m.room.member/@alice:x.fr");
    eventually(async || server.get("@bob:x.fr", &member).await["membership"] == "leave").await;
    let (_, taken) =
        server.request("GET", "/v3/register/available?username=alice", "", Value::Null).await;
    assert_eq!(taken["errcode"], "M_USER_IN_USE");
    let carol = server.register("carol").await;
    let search = json!({ "search_term": "alice" });
    let (_, found) = server.request("POST", "/v3/user_directory/search", &carol, search).await;
    assert_eq!(found["results"], json!([]));
}

#[tokio::test]
async fn third_party_identifiers_are_refused_with_their_errors() {
    let server = TestServer::start().await;
    let token = server.register("alice").await;
    let (_, list) = server.request("GET", "/v3/account/3pid", &token, Value::Null).await;
    assert_eq!(list, json!({ "threepids": [] }));
    for act in ["", "/add", "/bind", "/delete", "/unbind"] {
        let path = format!("/v3/account/3pid{act}");
        let (status, answer) = server.request("POST", &path, &token, json!({})).await;
        assert_eq!((status, &answer["errcode"]), (StatusCode::FORBIDDEN, &json!("M_FORBIDDEN")));
    }
    for path in ["/v3/account/3pid/email/requestToken", "/v3/register/email/requestToken"] {
        let (status, answer) = server.request("POST", path, "", json!({})).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert_eq!(answer["errcode"], "M_THREEPID_MEDIUM_NOT_SUPPORTED");
    }
}

/// Otherwise clients show people no address, or another one's.
#[tokio::test]
async fn a_person_is_shown_the_address_that_the_account_has() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let alice_id = UserId::parse("@alice:x.fr").unwrap();
    let created_ms = server.server.now_ms();
    let set = async |email: &str| {
        server.clock.advance(1_000);
        let placement = Placement { email: email.into(), ..Placement::default() };
        let act = AdminAct::SetAddress(Box::new(placement));
        let now_ms = server.server.now_ms();
        let entry = AuditEntry { actor: "operator".into(), reason: None, now_ms };
        administer(&server.server, entry, Some(&alice_id), vec![act]).await.unwrap();
        now_ms
    };
    let shown = async |token: &str| {
        server.request("GET", "/v3/account/3pid", token, Value::Null).await.1["threepids"].clone()
    };
    let first = set("a@y.fr").await;
    assert!(first > created_ms);
    let identifier = |address: &str, ms: i64| json!([{ "medium": "email", "address": address, "validated_at": ms, "added_at": ms }]);
    assert_eq!(shown(&alice).await, identifier("a@y.fr", first));
    let second = set("b@y.fr").await;
    assert_eq!(shown(&alice).await, identifier("b@y.fr", second));
    assert_eq!(shown(&bob).await, json!([]), "it is somebody else's");
}

/// Otherwise whoever has a token guesses at the password twice as fast: here and by signing in.
#[tokio::test]
async fn guesses_at_a_password_count_together_with_those_of_signing_in() {
    let server = TestServer::with(|config| {
        config.rate_limits.enabled = true;
    })
    .await;
    let token = server.register("alice").await;
    let mut statuses = Vec::new();
    // The common lane has four places; a session and a place where devices are have one of their own.
    for _ in 0..4 {
        let body = json!({ "type": "m.login.password", "user": "alice", "password": "wrong" });
        statuses.push(server.request("POST", "/v3/login", "", body).await.0.as_u16());
        let body = json!({ "new_password": NEW, "auth": auth("wrong") });
        statuses.push(server.request("POST", CHANGE, &token, body).await.0.as_u16());
    }
    assert_eq!(statuses, [403, 401, 403, 401, 403, 401, 429, 429]);
}
