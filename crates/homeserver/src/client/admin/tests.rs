// SPDX-License-Identifier: Apache-2.0
//! Without these anybody could lock anybody out.

use estafette_core::ids::UserId;
use estafette_store::{AccountStore as _, accounts::AccountFlag};
use http::StatusCode;
use serde_json::{Value, json};

use crate::testing::TestServer;

async fn make_admin(server: &TestServer, user_id: &str) {
    let user_id = UserId::parse(user_id).unwrap();
    assert!(
        server.server.store.set_account_flag(&user_id, AccountFlag::Admin, true).await.unwrap()
    );
}

#[tokio::test]
async fn an_administrator_locks_and_suspends_and_lifts_it_again() {
    let server = TestServer::start().await;
    let root = server.register("root").await;
    make_admin(&server, "@root:x.fr").await;
    let bob = server.register("bob").await;
    let whoami = async || {
        let (status, answer) = server.request("GET", "/v3/account/whoami", &bob, Value::Null).await;
        (status.as_u16(), answer["errcode"].clone())
    };
    for (act, member) in [("lock", "locked"), ("suspend", "suspended")] {
        for prefix in ["/v1", "/unstable/uk.timedout.msc4323"] {
            let path = format!("{prefix}/admin/{act}/@bob:x.fr");
            for value in [true, false] {
                let body = json!({ member: value });
                let (status, answer) = server.request("PUT", &path, &root, body.clone()).await;
                assert_eq!((status, &answer), (StatusCode::OK, &body));
                let (_, answer) = server.request("GET", &path, &root, Value::Null).await;
                assert_eq!(answer, body);
                let expected = match (act, value) {
                    ("lock", true) => (401, json!("M_USER_LOCKED")),
                    _ => (200, Value::Null),
                };
                assert_eq!(whoami().await, expected);
            }
        }
    }
}

#[tokio::test]
async fn rights_are_looked_at_before_accounts() {
    let server = TestServer::start().await;
    let root = server.register("root").await;
    server.register("other").await;
    make_admin(&server, "@root:x.fr").await;
    make_admin(&server, "@other:x.fr").await;
    let bob = server.register("bob").await;
    for act in ["lock", "suspend"] {
        for (who, target, status, errcode) in [
            (&bob, "@root:x.fr", 403, "M_FORBIDDEN"),
            (&bob, "@nobody:x.fr", 403, "M_FORBIDDEN"),
            (&bob, "nonsense", 403, "M_FORBIDDEN"),
            (&root, "@root:x.fr", 403, "M_FORBIDDEN"),
            (&root, "@other:x.fr", 403, "M_FORBIDDEN"),
            (&root, "@nobody:x.fr", 404, "M_NOT_FOUND"),
            (&root, "@bob:other.fr", 400, "M_INVALID_PARAM"),
            (&root, "nonsense", 400, "M_INVALID_PARAM"),
        ] {
            let path = format!("/v1/admin/{act}/{target}");
            let body = json!({ "locked": true, "suspended": true });
            let (got, answer) = server.request("PUT", &path, who, body).await;
            assert_eq!((got.as_u16(), &answer["errcode"]), (status, &json!(errcode)), "{target}");
        }
        let path = format!("/v1/admin/{act}/@bob:x.fr");
        let (status, _) = server.request("PUT", &path, &root, json!({})).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
    }
    let (status, _) = server.request("GET", "/v3/admin/whois/@root:x.fr", &bob, Value::Null).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let (status, who) =
        server.request("GET", "/v3/admin/whois/@bob:x.fr", &root, Value::Null).await;
    assert_eq!((status, &who["user_id"]), (StatusCode::OK, &json!("@bob:x.fr")));
}
