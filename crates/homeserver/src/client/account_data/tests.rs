// SPDX-License-Identifier: Apache-2.0
//! Without these a client's settings could be read by others, or overwritten by its own other half.

use axum::body::Body;
use http::Method;

use super::*;
use crate::testing::{Answer, TestServer};

const ALICE: &str = "@a:x.fr";

async fn ask(server: &TestServer, method: Method, rest: &str, body: &str) -> Answer {
    let path = format!("/_matrix/client/v3/user/{ALICE}/{rest}");
    server.ask(method, &path, ALICE, body.to_owned()).await
}

fn outcome(answer: &Answer) -> (u16, Value) {
    (answer.status.as_u16(), answer.json())
}

fn errcode(answer: &Answer) -> (u16, String) {
    (answer.status.as_u16(), answer.json()["errcode"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn data_is_set_read_and_apart_per_room() {
    let server = TestServer::start().await;
    let get = async |rest: &str| ask(&server, Method::GET, rest, "").await;
    let set = async |rest: &str, body: &str| ask(&server, Method::PUT, rest, body).await;
    assert_eq!(errcode(&get("account_data/m.direct").await), (404, "M_NOT_FOUND".into()));
    let body = r#"{ "@b:x.fr": ["!r:x.fr"], "n": 1e3 }"#;
    assert_eq!(outcome(&set("account_data/m.direct", body).await), (200, json!({})));
    assert_eq!(get("account_data/m.direct").await.bytes.as_ref(), body.as_bytes(), "as it came");
    let in_room = get("rooms/!r:x.fr/account_data/m.direct").await;
    assert_eq!(errcode(&in_room), (404, "M_NOT_FOUND".into()));
    set("rooms/!r:x.fr/account_data/m.marked_unread", r#"{"unread":true}"#).await;
    let in_room = get("rooms/!r:x.fr/account_data/m.marked_unread").await;
    assert_eq!(outcome(&in_room), (200, json!({"unread": true})));
}

#[tokio::test]
async fn what_is_not_allowed_is_refused_with_the_right_word() {
    let server = TestServer::start().await;
    let set = async |rest: &str, body: &str| errcode(&ask(&server, Method::PUT, rest, body).await);
    for kind in ["m.fully_read", "m.push_rules"] {
        for place in ["", "rooms/!r:x.fr/"] {
            let refused = set(&format!("{place}account_data/{kind}"), "{}").await;
            assert_eq!(refused, (405, "M_BAD_JSON".into()), "{place}{kind}");
        }
    }
    assert_eq!(set("account_data/t", "[]").await, (400, "M_BAD_JSON".into()));
    assert_eq!(set("account_data/t", "{").await, (400, "M_NOT_JSON".into()));
    assert_eq!(set("rooms/nonsense/account_data/t", "{}").await, (400, "M_INVALID_PARAM".into()));
    let long = format!("account_data/{}", "t".repeat(256));
    assert_eq!(set(&long, "{}").await, (400, "M_INVALID_PARAM".into()));
    for (method, rest) in [
        (Method::GET, "account_data/t"),
        (Method::PUT, "account_data/t"),
        (Method::GET, "rooms/!r:x.fr/tags"),
        (Method::PUT, "rooms/!r:x.fr/tags/u.x"),
        (Method::DELETE, "rooms/!r:x.fr/tags/u.x"),
        (Method::GET, "filter/1"),
        (Method::POST, "filter"),
    ] {
        let path = format!("/_matrix/client/v3/user/{ALICE}/{rest}");
        let answer = server.ask(method.clone(), &path, "@b:x.fr", "{}").await;
        assert_eq!(errcode(&answer), (403, "M_FORBIDDEN".into()), "{method} {rest}");
    }
}

#[tokio::test]
async fn tags_come_and_go_one_by_one() {
    let server = TestServer::start().await;
    let tag = |name: &str| format!("rooms/!r:x.fr/tags/{name}");
    let tags = async || ask(&server, Method::GET, "rooms/!r:x.fr/tags", "").await.json();
    assert_eq!(tags().await, json!({"tags": {}}));
    ask(&server, Method::PUT, &tag("m.favourite"), r#"{"order":0.25}"#).await;
    ask(&server, Method::PUT, &tag("u.work"), "{}").await;
    let both = json!({"tags": {"m.favourite": {"order": 0.25}, "u.work": {}}});
    assert_eq!(tags().await, both);
    let data = ask(&server, Method::GET, "rooms/!r:x.fr/account_data/m.tag", "").await;
    assert_eq!(data.json(), both);
    ask(&server, Method::DELETE, &tag("m.favourite"), "").await;
    assert_eq!(tags().await, json!({"tags": {"u.work": {}}}));
    let wrong = ask(&server, Method::PUT, &tag("u.work"), r#"{"order":"first"}"#).await;
    assert_eq!(errcode(&wrong), (400, "M_BAD_JSON".into()));
    let long = ask(&server, Method::PUT, &tag(&"t".repeat(256)), "{}").await;
    assert_eq!(errcode(&long), (400, "M_INVALID_PARAM".into()));
}

/// Two devices tag at once; without the conditional write one tag would get lost.
#[tokio::test]
async fn concurrent_tags_are_all_kept() {
    let server = TestServer::start().await;
    let set = async |n: u32| {
        ask(&server, Method::PUT, &format!("rooms/!r:x.fr/tags/u.{n}"), "{}").await.status
    };
    let done = futures_util::future::join_all((0..5).map(set)).await;
    assert!(done.iter().all(|status| *status == StatusCode::OK));
    let tags = ask(&server, Method::GET, "rooms/!r:x.fr/tags", "").await.json();
    assert_eq!(tags["tags"].as_object().unwrap().len(), 5);
}

#[tokio::test]
async fn syncs_see_whole_push_rules_and_deletions_as_empty() {
    let server = TestServer::start().await;
    let user = UserId::parse(ALICE).unwrap();
    let stored = server.server.store.all_account_data(&user).await.unwrap();
    let all = shown(&server.server, &user, stored, true);
    let rules: Value = serde_json::from_str(all[0].content.as_deref().unwrap()).unwrap();
    assert_eq!(all[0].kind, "m.push_rules");
    assert!(rules["global"]["override"].is_array());
    let since = server.server.store.head();
    ask(&server, Method::PUT, "account_data/t", r#"{"a":1}"#).await;
    let path = format!("/_matrix/client/unstable/org.matrix.msc3391/user/{ALICE}/account_data/t");
    assert_eq!(server.ask(Method::DELETE, &path, ALICE, Body::empty()).await.json(), json!({}));
    let answer = ask(&server, Method::GET, "account_data/t", "").await;
    assert_eq!(errcode(&answer), (404, "M_NOT_FOUND".into()));
    let path = "/_matrix/client/v3/pushrules/global/override/.m.rule.master/enabled";
    server.ask(Method::PUT, path, ALICE, r#"{"enabled":true}"#).await;
    let (room, event) = (RoomId::parse("!r:x.fr").unwrap(), EventId::parse("$e").unwrap());
    set_fully_read(&server.server, &user, &room, &event).await.unwrap();
    let upto = server.server.store.head();
    let changes = server.server.store.account_data_changes(&user, since, upto).await.unwrap();
    let changes = shown(&server.server, &user, changes, false);
    assert_eq!((changes[0].kind.as_str(), changes[0].content.as_deref()), ("t", None));
    let rules: Value = serde_json::from_str(changes[1].content.as_deref().unwrap()).unwrap();
    assert_eq!(rules["global"]["override"][0]["enabled"], true);
    assert_eq!(changes[2].content.as_deref(), Some(r#"{"event_id":"$e"}"#));
}

#[tokio::test]
async fn filters_are_checked_saved_and_given_back() {
    let server = TestServer::start().await;
    let post = async |body: &str| ask(&server, Method::POST, "filter", body).await;
    let filter = r#"{"room":{"timeline":{"limit":5}},"x.unknown":true}"#;
    let id = post(filter).await.json()["filter_id"].as_str().unwrap().to_owned();
    assert!(!id.starts_with('{'));
    let path = format!("filter/{id}");
    assert_eq!(ask(&server, Method::GET, &path, "").await.bytes.as_ref(), filter.as_bytes());
    assert_eq!(post(filter).await.json()["filter_id"], id.as_str());
    let wrong = post(r#"{"room":{"timeline":{"limit":"5"}}}"#).await;
    assert_eq!(errcode(&wrong), (400, "M_BAD_JSON".into()));
    assert_eq!(errcode(&post("{").await), (400, "M_NOT_JSON".into()));
    for unknown in ["filter/99", "filter/x"] {
        let answer = ask(&server, Method::GET, unknown, "").await;
        assert_eq!(errcode(&answer), (404, "M_NOT_FOUND".into()));
    }
}
