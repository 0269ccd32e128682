// SPDX-License-Identifier: Apache-2.0
//! Without these a user could lose the keys to old messages (E12).

use serde_json::{Value, json};

use crate::{client::keys::tests::device::TestDevice, testing::TestServer};

const VERSION: &str = "/v3/room_keys/version";
const NULL: Value = Value::Null;

const MEGOLM: &str = "m.megolm_backup.v1.curve25519-aes-sha2";

fn auth_data(key: &str) -> Value {
    json!({ "algorithm": MEGOLM, "auth_data": { "public_key": key, "signatures": {} } })
}

fn session(index: i64, data: &str) -> Value {
    json!({
        "first_message_index": index,
        "forwarded_count": 0,
        "is_verified": false,
        "session_data": { "ciphertext": data },
    })
}

fn error(status: u16, errcode: &str) -> (u16, String) {
    (status, errcode.to_owned())
}

#[tokio::test]
async fn versions_of_a_backup() {
    let server = TestServer::start().await;
    let alice = TestDevice::log_in(&server, "alice", "A").await;
    let not_found = error(404, "M_NOT_FOUND");
    assert_eq!(alice.fails("GET", VERSION, NULL).await, not_found);
    assert_eq!(alice.ok("POST", VERSION, auth_data("one")).await, json!({ "version": "1" }));
    assert_eq!(alice.ok("POST", VERSION, auth_data("two")).await, json!({ "version": "2" }));
    let mut current = auth_data("two");
    current["version"] = json!("2");
    current["count"] = json!(0);
    current["etag"] = json!("0");
    assert_eq!(alice.ok("GET", VERSION, NULL).await, current);
    assert_eq!(alice.ok("GET", &format!("{VERSION}/2"), NULL).await, current);
    let old = alice.ok("GET", &format!("{VERSION}/1"), NULL).await;
    assert_eq!(old["auth_data"]["public_key"], "one");
    for unknown in ["3", "x", "-1", "+1"] {
        let path = format!("{VERSION}/{unknown}");
        assert_eq!(alice.fails("GET", &path, NULL).await, not_found);
        assert_eq!(alice.fails("PUT", &path, auth_data("x")).await, not_found);
        assert_eq!(alice.fails("DELETE", &path, NULL).await, not_found);
    }
    assert_eq!(alice.ok("PUT", &format!("{VERSION}/2"), auth_data("new")).await, json!({}));
    assert_eq!(alice.ok("GET", VERSION, NULL).await["auth_data"]["public_key"], "new");
    assert_eq!(alice.ok("DELETE", &format!("{VERSION}/2"), NULL).await, json!({}));
    assert_eq!(alice.ok("DELETE", &format!("{VERSION}/2"), NULL).await, json!({}), "a repeat");
    assert_eq!(alice.ok("GET", VERSION, NULL).await["version"], "1");
}

#[tokio::test]
async fn bad_versions_are_refused() {
    let server = TestServer::start().await;
    let alice = TestDevice::log_in(&server, "alice", "A").await;
    alice.ok("POST", VERSION, auth_data("one")).await;
    for body in
        [json!({}), json!({ "algorithm": "x" }), json!({ "algorithm": MEGOLM, "auth_data": "x" })]
    {
        assert_eq!(alice.fails("POST", VERSION, body).await, error(400, "M_BAD_JSON"));
    }
    let empty = json!({ "algorithm": "", "auth_data": {} });
    assert_eq!(alice.fails("POST", VERSION, empty).await, error(400, "M_INVALID_PARAM"));
    let mut other = auth_data("x");
    other["version"] = json!("2");
    let mismatch = alice.fails("PUT", &format!("{VERSION}/1"), other).await;
    assert_eq!(mismatch, error(400, "M_INVALID_PARAM"));
    let mut number = auth_data("x");
    number["version"] = json!(1);
    alice.ok("PUT", &format!("{VERSION}/1"), number.clone()).await;
    number["version"] = json!(2);
    let mismatch = alice.fails("PUT", &format!("{VERSION}/1"), number).await;
    assert_eq!(mismatch, error(400, "M_INVALID_PARAM"));
    let algorithm = json!({ "algorithm": "other", "auth_data": {} });
    let mismatch = alice.fails("PUT", &format!("{VERSION}/1"), algorithm).await;
    assert_eq!(mismatch, error(400, "M_INVALID_PARAM"));
}

/// Data of an algorithm that is not known here are the clients' own, whatever form they have.
#[tokio::test]
async fn data_of_other_algorithms_are_kept_as_they_are() {
    let server = TestServer::start().await;
    let alice = TestDevice::log_in(&server, "alice", "A").await;
    let body = json!({ "algorithm": "m.megolm_backup.v1", "auth_data": "opaque" });
    alice.ok("POST", VERSION, body).await;
    assert_eq!(alice.ok("GET", VERSION, NULL).await["auth_data"], "opaque");
    let mut key = session(1, "x");
    key["session_data"] = json!("opaque");
    let path = "/v3/room_keys/keys/!r:x/s1?version=1";
    alice.ok("PUT", path, key.clone()).await;
    assert_eq!(alice.ok("GET", path, NULL).await, key);
    key["session_data"] = json!(1);
    assert_eq!(alice.fails("PUT", path, key).await, error(400, "M_BAD_JSON"));
}

#[tokio::test]
async fn keys_go_in_and_come_out() {
    let server = TestServer::start().await;
    let alice = TestDevice::log_in(&server, "alice", "A").await;
    alice.ok("POST", VERSION, auth_data("one")).await;
    let keys = |path: &str| format!("/v3/room_keys/keys{path}?version=1");
    assert_eq!(alice.ok("GET", &keys(""), NULL).await, json!({ "rooms": {} }));
    assert_eq!(alice.ok("GET", &keys("/!r:x"), NULL).await, json!({ "sessions": {} }));
    let put = alice.ok("PUT", &keys("/!r:x/s1"), session(5, "a")).await;
    assert_eq!(put, json!({ "etag": "1", "count": 1 }));
    let room = json!({ "sessions": { "s1": session(7, "worse"), "s2": session(1, "b") } });
    let put = alice.ok("PUT", &keys("/!r:x"), room).await;
    assert_eq!(put, json!({ "etag": "2", "count": 2 }));
    let rooms = json!({ "rooms": {
        "!r:x": { "sessions": { "s1": session(5, "same rank") } },
        "!s:x": { "sessions": { "s1": session(0, "c") } },
    } });
    let put = alice.ok("PUT", &keys(""), rooms).await;
    assert_eq!(put, json!({ "etag": "3", "count": 3 }));
    let version = alice.ok("GET", VERSION, NULL).await;
    assert_eq!((&version["etag"], &version["count"]), (&json!("3"), &json!(3)));
    let all = json!({ "rooms": {
        "!r:x": { "sessions": { "s1": session(5, "a"), "s2": session(1, "b") } },
        "!s:x": { "sessions": { "s1": session(0, "c") } },
    } });
    assert_eq!(alice.ok("GET", &keys(""), NULL).await, all);
    assert_eq!(alice.ok("GET", &keys("/!r:x"), NULL).await, all["rooms"]["!r:x"]);
    assert_eq!(alice.ok("GET", &keys("/!r:x/s2"), NULL).await, session(1, "b"));
    let missing = alice.fails("GET", &keys("/!r:x/s3"), NULL).await;
    assert_eq!(missing, error(404, "M_NOT_FOUND"));
    let gone = alice.ok("DELETE", &keys("/!r:x/s2"), NULL).await;
    assert_eq!(gone, json!({ "etag": "4", "count": 2 }));
    let gone = alice.ok("DELETE", &keys("/!r:x"), NULL).await;
    assert_eq!(gone, json!({ "etag": "5", "count": 1 }));
    let gone = alice.ok("DELETE", &keys(""), NULL).await;
    assert_eq!(gone, json!({ "etag": "6", "count": 0 }));
}

#[tokio::test]
async fn keys_for_another_version_are_refused_with_the_current_one() {
    let server = TestServer::start().await;
    let alice = TestDevice::log_in(&server, "alice", "A").await;
    let put = |version: &'static str| {
        let path = format!("/v3/room_keys/keys/!r:x/s1{version}");
        let alice = &alice;
        async move { alice.call("PUT", &path, session(0, "a")).await }
    };
    assert_eq!(put("").await.1["errcode"], "M_MISSING_PARAM");
    assert_eq!(put("?version=1").await.1["errcode"], "M_NOT_FOUND");
    alice.ok("POST", VERSION, auth_data("one")).await;
    alice.ok("POST", VERSION, auth_data("two")).await;
    let (status, answer) = put("?version=1").await;
    assert_eq!(status.as_u16(), 403);
    assert_eq!(answer["errcode"], "M_WRONG_ROOM_KEYS_VERSION");
    assert_eq!(answer["current_version"], "2");
    assert_eq!(put("?version=9").await.1["errcode"], "M_NOT_FOUND");
    for method in ["GET", "DELETE"] {
        for path in ["", "/!r:x", "/!r:x/s1"] {
            let path = format!("/v3/room_keys/keys{path}");
            let missing = alice.fails(method, &path, NULL).await;
            assert_eq!(missing, error(400, "M_MISSING_PARAM"));
            let unknown = alice.fails(method, &format!("{path}?version=9"), NULL).await;
            assert_eq!(unknown, error(404, "M_NOT_FOUND"));
        }
    }
}

#[tokio::test]
async fn bad_keys_are_refused_whole() {
    let server = TestServer::start().await;
    let alice = TestDevice::log_in(&server, "alice", "A").await;
    alice.ok("POST", VERSION, auth_data("one")).await;
    let path = "/v3/room_keys/keys/!r:x?version=1";
    let with = |member: &str, value: Value| {
        let mut bad = session(0, "a");
        bad[member] = value;
        json!({ "sessions": { "good": session(0, "a"), "bad": bad } })
    };
    for (body, errcode) in [
        (with("first_message_index", json!(-1)), "M_INVALID_PARAM"),
        (with("forwarded_count", json!("1")), "M_BAD_JSON"),
        (with("is_verified", json!(1)), "M_BAD_JSON"),
        (with("session_data", json!(["x"])), "M_BAD_JSON"),
        (json!({ "sessions": { "x".repeat(256): session(0, "a") } }), "M_INVALID_PARAM"),
        (json!({}), "M_BAD_JSON"),
    ] {
        assert_eq!(alice.fails("PUT", path, body).await, error(400, errcode));
    }
    assert_eq!(alice.ok("GET", VERSION, NULL).await["count"], 0);
}
