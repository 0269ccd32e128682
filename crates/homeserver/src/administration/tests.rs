// SPDX-License-Identifier: Apache-2.0
//! Without these an account could go on after its end, or be changed without a trace (I13, F-22).

use std::time::{Duration, Instant};

use estafette_core::ids::{DeviceId, UserId};
use estafette_store::{
    AccountStore as _, PeopleStore as _,
    accounts::{AccountFlag, Devices, PasswordHash},
    people::{AdminAct, AdminOutcome, AuditEntry, AuditPage, Placement},
};
use http::StatusCode;
use serde_json::{Value, json};

use super::{administer, place};
use crate::testing::{PASSWORD, TestServer, eventually};

const ALICE: &str = "@alice:x.fr";
const EXPIRED: &str = "ORG_MATRIX_EXPIRED_ACCOUNT";

async fn act(server: &TestServer, user: &str, act: AdminAct) {
    let actor = "operator".to_owned();
    let entry = AuditEntry { actor, reason: None, now_ms: server.server.now_ms() };
    let user = UserId::parse(user).unwrap();
    let outcome = administer(&server.server, entry, Some(&user), vec![act]).await.unwrap();
    assert!(matches!(outcome, AdminOutcome::Done | AdminOutcome::Deleted(_)), "{outcome:?}");
}

/// What ends or bars a session, and what whoever holds its token is told from then on.
fn ends(now_ms: i64) -> Vec<(AdminAct, u16, &'static str)> {
    let device = DeviceId::parse("D").unwrap();
    let hash = PasswordHash("$x".into());
    vec![
        (AdminAct::DeleteDevices(Devices::These(vec![device])), 401, "M_UNKNOWN_TOKEN"),
        (AdminAct::DeleteDevices(Devices::All), 401, "M_UNKNOWN_TOKEN"),
        (AdminAct::SetPassword(Some(hash), Some(Devices::All)), 401, "M_UNKNOWN_TOKEN"),
        (AdminAct::Deactivate(false), 401, "M_UNKNOWN_TOKEN"),
        (AdminAct::Deactivate(true), 401, "M_UNKNOWN_TOKEN"),
        (AdminAct::SetFlag(AccountFlag::Locked, true), 401, "M_USER_LOCKED"),
        (AdminAct::SetExpiry(Some(now_ms)), 403, EXPIRED),
    ]
}

/// A minute passes, so that the next request is noted as a use of its device.
async fn is_waiting(server: &TestServer) {
    let alice = UserId::parse(ALICE).unwrap();
    let devices = server.server.store.devices(&alice).await.unwrap();
    let now_ms = server.server.now_ms();
    let uses = &server.server.auth.device_uses;
    let let_in = |nid| uses.waiting(nid).is_some_and(|seen| seen.at_ms == now_ms);
    eventually(async || devices.iter().any(|device| let_in(device.nid))).await;
}

const MINUTE_MS: i64 = 60_000;

/// Far less than the five minutes that the requests would wait, and more than a busy machine needs.
const AT_ONCE: Duration = Duration::from_secs(100);
/// Far less than the minute that a download would wait.
const SOON: Duration = Duration::from_secs(40);

#[tokio::test]
async fn a_waiting_sync_ends_at_once_with_its_session() {
    for index in 0..ends(0).len() {
        let server = TestServer::start().await;
        let since = server.get(ALICE, "/v3/sync").await["next_batch"].as_str().unwrap().to_owned();
        let path = format!("/v3/sync?since={since}&timeout=300000");
        server.clock.advance(MINUTE_MS);
        let begun = Instant::now();
        let (end, status, errcode) = ends(server.server.now_ms()).swap_remove(index);
        let named = format!("{end:?}");
        let (answer, ()) = tokio::join!(server.request("GET", &path, ALICE, Value::Null), async {
            is_waiting(&server).await;
            act(&server, ALICE, end).await;
        });
        assert!(begun.elapsed() < AT_ONCE, "{named}");
        assert_eq!((answer.0.as_u16(), &answer.1["errcode"]), (status, &json!(errcode)), "{named}");
        let (code, answer) = server.request("GET", "/v3/account/whoami", ALICE, Value::Null).await;
        assert_eq!((code.as_u16(), &answer["errcode"]), (status, &json!(errcode)), "{named}");
    }
}

#[tokio::test]
async fn a_waiting_sliding_sync_ends_at_once_with_its_session() {
    let server = TestServer::start().await;
    let path = "/unstable/org.matrix.simplified_msc3575/sync";
    let body = json!({ "lists": { "all": { "ranges": [[0, 9]], "timeline_limit": 1 } } });
    let first = server.post(ALICE, &format!("{path}?timeout=0"), body.clone()).await;
    let path = format!("{path}?pos={}&timeout=300000", first["pos"].as_str().unwrap());
    server.clock.advance(MINUTE_MS);
    let begun = Instant::now();
    let (answer, ()) = tokio::join!(server.request("POST", &path, ALICE, body), async {
        is_waiting(&server).await;
        act(&server, ALICE, AdminAct::DeleteDevices(Devices::All)).await;
    });
    assert!(begun.elapsed() < AT_ONCE);
    assert_eq!(answer.0, StatusCode::UNAUTHORIZED);
}

/// Otherwise a thief who was shut out comes back by what else was stolen: a refresh token, or a
/// token that was to log in another device (F-22).
#[tokio::test]
async fn nothing_that_an_ended_session_left_lets_anybody_in() {
    for index in 0..ends(0).len() {
        let server = TestServer::start().await;
        server.register("alice").await;
        let login = json!({
            "type": "m.login.password", "user": "alice", "password": PASSWORD, "device_id": "D",
            "refresh_token": true,
        });
        let (_, pair) = server.request("POST", "/v3/login", "", login).await;
        let alice = UserId::parse(ALICE).unwrap();
        let token = crate::auth::give_sso_token(&server.server, &alice).unwrap();
        let (end, status, errcode) = ends(server.server.now_ms()).swap_remove(index);
        let named = format!("{end:?}");
        act(&server, ALICE, end).await;
        let whoami = async |token: &str| {
            let answer = server.request("GET", "/v3/account/whoami", token, Value::Null).await;
            (answer.0.as_u16(), answer.1["errcode"].clone())
        };
        let access = pair["access_token"].as_str().unwrap();
        assert_eq!(whoami(access).await, (status, json!(errcode)), "{named}");
        let refresh = json!({ "refresh_token": pair["refresh_token"] });
        let login = json!({ "type": "m.login.token", "token": token });
        for (path, body) in [("/v3/refresh", refresh), ("/v3/login", login)] {
            let (_, answer) = server.request("POST", path, "", body).await;
            // Who has expired may come as far as being told so.
            let lets_in = match answer["access_token"].as_str() {
                Some(token) => whoami(token).await.0 == 200,
                None => false,
            };
            assert!(!lets_in, "{named}, {path}: {answer}");
        }
    }
}

/// Otherwise whoever was shut out is handed a file that comes later, for as long as they wait.
#[tokio::test]
async fn a_waiting_download_ends_at_once_with_its_session() {
    for (index, kind) in (0..ends(0).len()).zip(["download", "thumbnail"].into_iter().cycle()) {
        let server = TestServer::start().await;
        let bob = server.register("bob").await;
        let (_, made) = server.request("POST", "/_matrix/media/v1/create", &bob, Value::Null).await;
        let uri = made["content_uri"].as_str().unwrap();
        let id = uri.strip_prefix("mxc://x.fr/").unwrap();
        let path = format!("/v1/media/{kind}/x.fr/{id}?timeout_ms=60000&width=32&height=32");
        server.get(ALICE, "/v3/sync").await;
        server.clock.advance(MINUTE_MS);
        let (end, status, errcode) = ends(server.server.now_ms()).swap_remove(index);
        let named = format!("{kind}: {end:?}");
        let (answer, ended) = tokio::join!(
            async {
                let answer = server.request("GET", &path, ALICE, Value::Null).await;
                (answer, Instant::now())
            },
            async {
                is_waiting(&server).await;
                act(&server, ALICE, end).await;
                Instant::now()
            }
        );
        let ((code, body), answered) = answer;
        let late = answered.saturating_duration_since(ended);
        assert!(late < SOON, "{named}: {late:?}");
        assert_eq!((code.as_u16(), &body["errcode"]), (status, &json!(errcode)), "{named}");
    }
}

#[tokio::test]
async fn another_session_of_the_same_user_goes_on_waiting() {
    let server = TestServer::start().await;
    let phone = server.register("alice").await;
    server.login("alice", "LAPTOP").await;
    let since = server.get(&phone, "/v3/sync").await["next_batch"].as_str().unwrap().to_owned();
    let path = format!("/v3/sync?since={since}&timeout=300");
    server.clock.advance(MINUTE_MS);
    let (answer, ()) = tokio::join!(server.request("GET", &path, &phone, Value::Null), async {
        is_waiting(&server).await;
        let laptop = DeviceId::parse("LAPTOP").unwrap();
        act(&server, ALICE, AdminAct::DeleteDevices(Devices::These(vec![laptop]))).await;
    });
    assert_eq!(answer.0, StatusCode::OK, "{}", answer.1);
}

#[tokio::test]
async fn an_expired_account_can_only_log_out_and_is_back_when_it_is_renewed() {
    let server = TestServer::start().await;
    let token = server.register("alice").await;
    let until = server.server.now_ms() + 1_000;
    act(&server, ALICE, AdminAct::SetExpiry(Some(until))).await;
    let whoami = async |token: &str| {
        let (status, body) = server.request("GET", "/v3/account/whoami", token, Value::Null).await;
        (status.as_u16(), body["errcode"].clone())
    };
    assert_eq!(whoami(&token).await, (200, Value::Null));
    server.clock.advance(1_000);
    for (method, path) in [
        ("GET", "/v3/account/whoami"),
        ("GET", "/v3/sync"),
        ("GET", "/v3/devices"),
        ("POST", "/v3/keys/query"),
        ("POST", "/v3/createRoom"),
        ("POST", "/v3/user_directory/search"),
        ("GET", "/v1/media/config"),
        ("POST", "/v3/account/deactivate"),
    ] {
        let (status, answer) = server.request(method, path, &token, json!({})).await;
        assert_eq!((status.as_u16(), &answer["errcode"]), (403, &json!(EXPIRED)), "{path}");
    }
    let (status, _) = server.request("GET", "/_matrix/client/versions", &token, Value::Null).await;
    assert_eq!(status.as_u16(), 200);
    // Logging in works: the new session is barred like the others until the account is renewed.
    let laptop = server.login("alice", "LAPTOP").await;
    let laptop = laptop["access_token"].as_str().unwrap().to_owned();
    assert_eq!(whoami(&laptop).await, (403, json!(EXPIRED)));
    let (status, _) = server.request("POST", "/v3/logout", &laptop, json!({})).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(whoami(&laptop).await, (401, json!("M_UNKNOWN_TOKEN")));
    act(&server, ALICE, AdminAct::SetExpiry(Some(until + 1))).await;
    assert_eq!(whoami(&token).await, (200, Value::Null));
    act(&server, ALICE, AdminAct::SetExpiry(Some(until))).await;
    let (status, _) = server.request("POST", "/v3/logout/all", &token, json!({})).await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn a_sync_that_waits_beyond_the_end_of_the_account_is_told() {
    let server = TestServer::start().await;
    let since = server.get(ALICE, "/v3/sync").await["next_batch"].as_str().unwrap().to_owned();
    server.clock.advance(MINUTE_MS);
    act(&server, ALICE, AdminAct::SetExpiry(Some(server.server.now_ms() + 2_000))).await;
    let path = format!("/v3/sync?since={since}&timeout=300000");
    let begun = Instant::now();
    let (answer, ()) = tokio::join!(server.request("GET", &path, ALICE, Value::Null), async {
        is_waiting(&server).await;
        server.clock.advance(2_000);
    });
    assert!(begun.elapsed() < AT_ONCE);
    assert_eq!((answer.0.as_u16(), &answer.1["errcode"]), (403, &json!(EXPIRED)));
}

#[tokio::test]
async fn a_suspended_user_reads_and_leaves_and_says_nothing() {
    let server = TestServer::start().await;
    let (bob, room) = ("@bob:x.fr", server.room_with("@bob:x.fr", &[ALICE]).await);
    let other = server.room(bob, json!({ "invite": [ALICE] })).await;
    let public = server.room(bob, json!({ "preset": "public_chat" })).await;
    let message = json!({ "msgtype": "m.text", "body": "before" });
    let own = server.event(ALICE, &room, "m.room.message", message.clone()).await;
    let bobs = server.event(bob, &room, "m.room.message", json!({ "body": "b" })).await;
    act(&server, ALICE, AdminAct::SetFlag(AccountFlag::Suspended, true)).await;
    for (method, path, body) in [
        ("PUT", format!("/v3/rooms/{room}/send/m.room.message/1"), message.clone()),
        ("PUT", format!("/v3/rooms/{room}/state/m.room.topic/"), json!({ "topic": "t" })),
        ("PUT", format!("/v3/rooms/{room}/redact/{bobs}/2"), json!({})),
        ("PUT", format!("/v3/rooms/{room}/send/m.room.redaction/3"), json!({ "redacts": bobs })),
        ("POST", format!("/v3/rooms/{other}/join"), json!({})),
        ("POST", format!("/v3/join/{public}"), json!({})),
        ("POST", format!("/v3/knock/{public}"), json!({})),
        ("POST", format!("/v3/rooms/{room}/invite"), json!({ "user_id": "@c:x.fr" })),
        ("POST", format!("/v3/rooms/{room}/kick"), json!({ "user_id": bob })),
        ("POST", "/v3/createRoom".into(), json!({})),
        ("PUT", format!("/v3/profile/{ALICE}/displayname"), json!({ "displayname": "x" })),
        ("PUT", format!("/v3/profile/{ALICE}/avatar_url"), json!({ "avatar_url": "mxc://x/y" })),
        ("PUT", format!("/v3/directory/list/room/{room}"), json!({ "visibility": "public" })),
        (
            "PUT",
            format!("/v3/presence/{ALICE}/status"),
            json!({ "presence": "online", "status_msg": "still talking" }),
        ),
    ] {
        let (status, answer) = server.request(method, &path, ALICE, body).await;
        let got = (status.as_u16(), &answer["errcode"]);
        assert_eq!(got, (403, &json!("M_USER_SUSPENDED")), "{path}");
    }
    for (method, path, body) in [
        ("GET", "/v3/sync".to_owned(), Value::Null),
        ("GET", format!("/v3/rooms/{room}/messages?dir=b"), Value::Null),
        ("PUT", format!("/v3/rooms/{room}/redact/{own}/4"), json!({})),
        ("POST", "/v3/keys/query".into(), json!({ "device_keys": {} })),
        ("PUT", "/v3/sendToDevice/m.key.verification.request/5".into(), json!({ "messages": {} })),
        ("PUT", format!("/v3/user/{ALICE}/account_data/x.y"), json!({})),
        ("POST", format!("/v3/rooms/{other}/leave"), json!({})),
        ("POST", format!("/v3/rooms/{room}/leave"), json!({})),
        ("POST", "/v3/logout".into(), json!({})),
    ] {
        let (status, answer) = server.request(method, &path, ALICE, body).await;
        assert_eq!(status, StatusCode::OK, "{path}: {answer}");
    }
}

#[tokio::test]
async fn every_act_by_the_api_leaves_its_line_and_no_secret() {
    let server = TestServer::start().await;
    let root = server.register("root").await;
    server.register("alice").await;
    let user = UserId::parse("@root:x.fr").unwrap();
    server.server.store.set_account_flag(&user, AccountFlag::Admin, true).await.unwrap();
    for (method, path, body) in [
        ("PUT", format!("/v1/admin/lock/{ALICE}"), json!({ "locked": true })),
        ("PUT", format!("/v1/admin/suspend/{ALICE}"), json!({ "suspended": true })),
        (
            "PUT",
            format!("/_synapse/admin/v2/users/{ALICE}"),
            json!({ "password": "a new password", "displayname": "A", "locked": false }),
        ),
        ("PUT", format!("/_synapse/admin/v1/users/{ALICE}/admin"), json!({ "admin": true })),
        ("PUT", format!("/v3/profile/{ALICE}/displayname"), json!({ "displayname": "B" })),
        ("DELETE", format!("/v3/profile/{ALICE}/avatar_url"), Value::Null),
        ("PUT", "/v3/profile/@root:x.fr/displayname".into(), json!({ "displayname": "Root" })),
        (
            "POST",
            format!("/_synapse/admin/v1/reset_password/{ALICE}"),
            json!({ "new_password": "another password" }),
        ),
        ("POST", format!("/_synapse/admin/v1/deactivate/{ALICE}"), json!({ "erase": true })),
        ("PUT", "/_synapse/admin/v2/users/@new:x.fr".into(), json!({})),
        (
            "POST",
            "/_synapse/admin/v1/registration_tokens/new".into(),
            json!({ "token": "the-secret-token" }),
        ),
        ("DELETE", "/_synapse/admin/v1/registration_tokens/the-secret-token".into(), Value::Null),
    ] {
        let (status, answer) = server.request(method, &path, &root, body).await;
        assert!(status.is_success(), "{path}: {status} {answer}");
    }
    // What is refused leaves none.
    server.request("PUT", "/v1/admin/lock/@nobody:x.fr", &root, json!({ "locked": true })).await;
    let page = AuditPage { limit: 100, ..AuditPage::default() };
    let mut lines = server.server.store.audit_lines(page).await.unwrap();
    lines.reverse();
    let acts: Vec<&str> = lines.iter().map(|line| line.act.as_str()).collect();
    assert_eq!(
        acts,
        [
            "account.lock",
            "account.suspend",
            "account.set_password",
            "account.set_profile",
            "account.unlock",
            "account.make_admin",
            "account.set_profile",
            "account.set_profile",
            "account.set_password",
            "account.erase",
            "account.create",
            "registration_token.put",
            "registration_token.delete",
        ]
    );
    assert!(lines.iter().all(|line| line.actor == "@root:x.fr"));
    assert!(lines.iter().take(10).all(|line| line.subject.as_deref() == Some(ALICE)));
    let text = format!("{lines:?}");
    for secret in ["a new password", "another password", "the-secret-token"] {
        assert!(!text.contains(secret), "{secret}");
    }
    let verdict = server.server.store.verify_audit().await.unwrap();
    assert_eq!((verdict.lines, verdict.broken), (13, None));
}

#[tokio::test]
async fn whom_the_policy_moves_is_called_so_in_the_rooms_too() {
    // Otherwise rooms would go on showing the organisation that somebody has left.
    let server = TestServer::start().await;
    let room = server.room_with("@bob:x.fr", &[ALICE]).await;
    let placement = |email: &str, name: &str| Placement {
        email: email.into(),
        derived_name: Some(name.into()),
        ..Placement::default()
    };
    let path = format!("/v3/rooms/{room}/state/m.room.member/{ALICE}");
    let is_called = async |name: &str| server.get("@bob:x.fr", &path).await["displayname"] == name;
    let address = placement("alice@x.fr", "Alice [A]");
    act(&server, ALICE, AdminAct::SetAddress(Box::new(address))).await;
    eventually(async || is_called("Alice [A]").await).await;
    let alice = UserId::parse(ALICE).unwrap();
    let entry = AuditEntry { actor: "policy".into(), reason: None, now_ms: 1 };
    let moves = vec![(alice, placement("alice@x.fr", "Alice [B]"))];
    let placed = place(&server.server, entry, moves).await.unwrap();
    assert!(placed.len() == 1 && placed[0].shown_anew);
    eventually(async || is_called("Alice [B]").await).await;
}
