// SPDX-License-Identifier: Apache-2.0
//! Without these a user could be disturbed, or not called, against their will.

use axum::body::Body;
use http::Method;

use super::*;
use crate::testing::{Answer, TestServer};

const ALICE: &str = "@a:x.fr";

async fn ask(server: &TestServer, method: Method, rest: &str, body: &str) -> Answer {
    let path = format!("/_matrix/client/v3/pushrules{rest}");
    server.ask(method, &path, ALICE, body.to_owned()).await
}

fn errcode(answer: &Answer) -> (u16, String) {
    (answer.status.as_u16(), answer.json()["errcode"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn rules_are_added_ordered_changed_and_removed() {
    let server = TestServer::start().await;
    let put = async |rest: &str, body: &str| {
        let answer = ask(&server, Method::PUT, rest, body).await;
        assert_eq!(answer.status, StatusCode::OK, "{rest}: {:?}", answer.bytes);
    };
    let get = async |rest: &str| ask(&server, Method::GET, rest, "").await.json();
    put("/global/content/cake", r#"{"pattern":"cake","actions":["notify"]}"#).await;
    put("/global/content/tea", r#"{"pattern":"tea","actions":[]}"#).await;
    put("/global/content/milk?after=tea", r#"{"pattern":"milk","actions":[]}"#).await;
    put("/global/room/!r:x.fr", r#"{"actions":[]}"#).await;
    let ids = |rules: &Value| -> Vec<String> {
        let rules = rules.as_array().unwrap();
        rules.iter().map(|rule| rule["rule_id"].as_str().unwrap().to_owned()).collect()
    };
    let global = get("/global/").await;
    assert_eq!(ids(&global["content"])[..3], ["tea", "milk", "cake"]);
    assert_eq!(get("/").await["global"], global);
    let rule = get("/global/content/cake").await;
    assert_eq!(
        (&rule["pattern"], &rule["enabled"], &rule["default"]),
        (&json!("cake"), &json!(true), &json!(false))
    );
    put("/global/content/cake/enabled", r#"{"enabled":false}"#).await;
    assert_eq!(get("/global/content/cake/enabled").await, json!({"enabled": false}));
    put("/global/underride/.m.rule.message/actions", r#"{"actions":[]}"#).await;
    assert_eq!(get("/global/underride/.m.rule.message/actions").await, json!({"actions": []}));
    let answer = ask(&server, Method::DELETE, "/global/content/cake", "").await;
    assert_eq!(answer.json(), json!({}));
    assert_eq!(errcode(&ask(&server, Method::GET, "/global/content/cake", "").await).0, 404);
    let path = format!("/_matrix/client/v3/user/{ALICE}/account_data/m.push_rules");
    let data = server.ask(Method::GET, &path, ALICE, Body::empty()).await.json();
    assert_eq!(data, get("/").await, "the account data shows the same");
    let other = server.ask(Method::GET, "/_matrix/client/v3/pushrules/", "@b:x.fr", Body::empty());
    assert!(!other.await.json().to_string().contains("milk"), "others keep their own");
}

#[tokio::test]
async fn wrong_changes_are_refused_with_the_right_word() {
    let server = TestServer::start().await;
    let good = r#"{"actions":[]}"#;
    for (method, rest, body, expected) in [
        (Method::PUT, "/global/override/.mine", good, (400, "M_INVALID_PARAM")),
        (Method::PUT, "/global/override/a%2Fb", good, (400, "M_INVALID_PARAM")),
        (Method::PUT, "/global/override/a?before=zzz", good, (400, "M_UNKNOWN")),
        (Method::PUT, "/global/nonsense/a", good, (400, "M_INVALID_PARAM")),
        (Method::PUT, "/global/override/a", "{}", (400, "M_BAD_JSON")),
        (Method::PUT, "/global/content/a", good, (400, "M_BAD_JSON")),
        (Method::PUT, "/global/override/a", "{", (400, "M_NOT_JSON")),
        (Method::PUT, "/global/override/a/enabled", r#"{"enabled":true}"#, (404, "M_NOT_FOUND")),
        (Method::PUT, "/global/override/.m.rule.master/enabled", "{}", (400, "M_BAD_JSON")),
        (Method::DELETE, "/global/override/a", "", (404, "M_NOT_FOUND")),
        (Method::GET, "/global/override/a/actions", "", (404, "M_NOT_FOUND")),
        (Method::GET, "/device/", "", (404, "M_UNRECOGNIZED")),
    ] {
        let answer = ask(&server, method.clone(), rest, body).await;
        let (status, code) = errcode(&answer);
        assert_eq!((status, code.as_str()), expected, "{method} {rest} {body}");
    }
}

/// Two clients change rules at once; without the conditional write one change would get lost.
#[tokio::test]
async fn concurrent_changes_are_all_kept() {
    let server = TestServer::start().await;
    let put = async |n: u32| {
        ask(&server, Method::PUT, &format!("/global/override/r{n}"), r#"{"actions":[]}"#)
            .await
            .status
    };
    let done = futures_util::future::join_all((0..5).map(put)).await;
    assert!(done.iter().all(|status| *status == StatusCode::OK));
    let rules = ask(&server, Method::GET, "/global/", "").await.json();
    let own = rules["override"].as_array().unwrap().iter().filter(|rule| rule["default"] == false);
    assert_eq!(own.count(), 5);
}

#[tokio::test]
async fn rules_follow_a_room_that_is_replaced() {
    let server = TestServer::start().await;
    ask(&server, Method::PUT, "/global/room/!old:x.fr", r#"{"actions":[]}"#).await;
    let user = UserId::parse(ALICE).unwrap();
    let (old, new) = (RoomId::parse("!old:x.fr").unwrap(), RoomId::parse("!new:x.fr").unwrap());
    room_replaced(&server.server, &user, &old, &new).await.unwrap();
    let rule = ask(&server, Method::GET, "/global/room/!new:x.fr", "").await;
    assert_eq!(rule.json()["actions"], json!([]));
}

/// Each of the server's rules can be switched and changed, and shows what it was set to, also in
/// words of older clients; ids may be aliases, users and words in any script.
#[tokio::test]
async fn default_rules_and_ids_of_all_kinds() {
    let server = TestServer::start().await;
    let global = ask(&server, Method::GET, "/global/", "").await.json();
    for (kind, rules) in global.as_object().unwrap() {
        for rule in rules.as_array().unwrap() {
            let path = format!("/global/{kind}/{}", rule["rule_id"].as_str().unwrap());
            let body = r#"{"actions":["dont_notify"]}"#;
            let set = ask(&server, Method::PUT, &format!("{path}/actions"), body).await;
            assert_eq!(set.status, StatusCode::OK, "{path}");
            let off = r#"{"enabled":false}"#;
            ask(&server, Method::PUT, &format!("{path}/enabled"), off).await;
            let shown = ask(&server, Method::GET, &path, "").await.json();
            let both = (&shown["actions"], &shown["enabled"]);
            assert_eq!(both, (&json!(["dont_notify"]), &json!(false)), "{path}");
        }
    }
    let unknown =
        ask(&server, Method::PUT, "/global/override/.no.rule/enabled", r#"{"enabled":true}"#);
    assert_eq!(errcode(&unknown.await).0, 404);
    for (kind, rule_id) in
        [("room", "%23spam:example.com"), ("sender", "@bob:example.com"), ("content", "%D1%82")]
    {
        let path = format!("/global/{kind}/{rule_id}");
        let body = r#"{"pattern":"p","actions":["notify"]}"#;
        for _ in 0..2 {
            assert_eq!(ask(&server, Method::PUT, &path, body).await.status, StatusCode::OK);
        }
        let of_kind = ask(&server, Method::GET, &format!("/global/{kind}/"), "").await.json();
        let own = |rule: &&Value| rule["default"] == false;
        assert_eq!(of_kind.as_array().unwrap().iter().filter(own).count(), 1, "added once");
    }
}
