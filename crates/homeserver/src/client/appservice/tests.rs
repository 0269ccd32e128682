// SPDX-License-Identifier: Apache-2.0
use http::StatusCode;
use serde_json::{Value, json};

use crate::testing::{Bridge, TestServer};

const PING: &str = "/v1/appservice/irc/ping";

async fn bridged(bridge: &Bridge) -> TestServer {
    let file = bridge.registration("");
    TestServer::with(|config| config.appservices.registrations = vec![file]).await
}

/// Without it whoever sets a bridge up could not tell which side does not reach the other.
#[tokio::test]
async fn a_ping_goes_there_and_back_and_says_what_failed() {
    let bridge = Bridge::start().await;
    let server = bridged(&bridge).await;
    let pong = server.post("as-secret", PING, json!({ "transaction_id": "t" })).await;
    assert!(pong["duration_ms"].is_u64());
    let asked = bridge.asked.lock().last().unwrap().clone();
    assert_eq!(
        (asked.path.as_str(), &asked.body["transaction_id"]),
        ("/_matrix/app/v1/ping", &json!("t"))
    );
    assert_eq!(asked.headers["authorization"], "Bearer hs-secret");

    bridge.answer("/_matrix/app/v1/ping", 401, json!({ "errcode": "M_UNKNOWN_TOKEN" }));
    let (status, failed) = server.request("POST", PING, "as-secret", json!({})).await;
    assert_eq!((status, &failed["errcode"]), (StatusCode::BAD_GATEWAY, &json!("M_BAD_STATUS")));
    assert_eq!(failed["status"], 401);
    assert!(failed["body"].as_str().unwrap().contains("M_UNKNOWN_TOKEN"));
    let other = "/v1/appservice/other/ping";
    let forbidden = (403, "M_FORBIDDEN".to_owned());
    assert_eq!(server.refused("POST", "as-secret", other, json!({})).await, forbidden);
    assert_eq!(server.refused("POST", "@a:x.fr", PING, json!({})).await, forbidden);
    let unknown = server.refused("POST", "no such token", PING, json!({})).await;
    assert_eq!(unknown, (401, "M_UNKNOWN_TOKEN".to_owned()));
}

/// Without it a service that cannot be reached would look like one that says no.
#[tokio::test]
async fn a_service_that_is_not_there_or_has_no_url_is_told_so() {
    let bridge = Bridge::start().await;
    let file = bridge.registration("");
    let text = std::fs::read_to_string(&file).unwrap();
    for (url, status, errcode) in
        [("'http://127.0.0.1:1/'", 502, "M_CONNECTION_FAILED"), ("null", 400, "M_URL_NOT_SET")]
    {
        let changed = text.replace(&format!("'{}/'", bridge.url), url);
        std::fs::write(&file, changed).unwrap();
        let files = vec![file.clone()];
        let server = TestServer::with(|config| config.appservices.registrations = files).await;
        let (answered, body) = server.request("POST", PING, "as-secret", json!({})).await;
        assert_eq!((answered.as_u16(), &body["errcode"]), (status, &json!(errcode)));
    }
}

/// Without it bridges could not list the rooms of their networks.
#[tokio::test]
async fn application_services_list_rooms_and_nobody_else_does_so_here() {
    let bridge = Bridge::start().await;
    let server = bridged(&bridge).await;
    let room = server.room("@a:x.fr", json!({ "preset": "public_chat" })).await;
    let path = format!("/v3/directory/list/appservice/irc/{room}");
    let listed = async |list: Value| {
        let rooms = server.post("@a:x.fr", "/v3/publicRooms", list).await;
        rooms["chunk"].as_array().unwrap().len()
    };
    for (visibility, found) in [("public", 1), ("private", 0)] {
        server.put("as-secret", &path, json!({ "visibility": visibility })).await;
        assert_eq!(listed(json!({ "third_party_instance_id": "irc|irc" })).await, found);
        assert_eq!(listed(json!({ "include_all_networks": true })).await, found);
        assert_eq!(listed(json!({ "third_party_instance_id": "irc|other" })).await, 0);
        assert_eq!(listed(json!({})).await, 0);
    }
    let refused = server.refused("PUT", "@a:x.fr", &path, json!({ "visibility": "public" })).await;
    assert_eq!(refused, (403, "M_FORBIDDEN".to_owned()));
    let wrong = server.refused("PUT", "as-secret", &path, json!({ "visibility": "x" })).await;
    assert_eq!(wrong, (400, "M_INVALID_PARAM".to_owned()));
    let nowhere = "/v3/directory/list/appservice/irc/!nowhere:x.fr";
    let body = json!({ "visibility": "public" });
    assert_eq!(server.refused("PUT", "as-secret", nowhere, body).await.0, 404);
    assert_eq!(server.refused("PUT", "", &path, Value::Null).await.0, 401);
}
