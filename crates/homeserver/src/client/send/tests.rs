// SPDX-License-Identifier: Apache-2.0
use serde_json::json;

use crate::testing::TestServer;

const ALICE: &str = "@alice:x.fr";
const BOB: &str = "@bob:x.fr";

/// A retry must not say the same thing twice (I2), whichever way the first answer was lost.
#[tokio::test]
async fn a_retry_finds_the_first_answer() {
    let server = TestServer::start().await;
    let room = server.room_with(ALICE, &[BOB]).await;
    let path = format!("/v3/rooms/{room}/send/m.room.message/1");
    let hello = json!({ "body": "hello" });
    let both = tokio::join!(
        server.put(ALICE, &path, hello.clone()),
        server.put(ALICE, &path, hello.clone())
    );
    assert_eq!(both.0, both.1);
    assert_eq!(server.put(ALICE, &path, hello.clone()).await, both.0);
    assert_ne!(server.put(BOB, &path, hello.clone()).await, both.0, "another device");
    let other = format!("/v3/rooms/{room}/send/m.other/1");
    assert_ne!(server.put(ALICE, &other, hello).await, both.0, "another path");
    assert_eq!(server.bodies(ALICE, &room, "dir=f&limit=100").await.len(), 3);
}

#[tokio::test]
async fn what_no_event_can_hold_is_refused() {
    let server = TestServer::start().await;
    let room = server.room(ALICE, json!({})).await;
    let path = format!("/v3/rooms/{room}/send/m.room.message/1");
    for (body, status, errcode) in [
        (json!({ "a": 1.5 }), 400, "M_BAD_JSON"),
        (json!([]), 400, "M_BAD_JSON"),
        (json!({ "body": "x".repeat(70_000) }), 413, "M_TOO_LARGE"),
    ] {
        let refused = server.refused("PUT", ALICE, &path, body).await;
        assert_eq!(refused, (status, errcode.to_owned()));
    }
    let kind = "k".repeat(256);
    let path = format!("/v3/rooms/{room}/send/{kind}/1");
    let refused = server.refused("PUT", ALICE, &path, json!({})).await;
    assert_eq!(refused, (413, "M_TOO_LARGE".to_owned()));
    assert_eq!(server.refused("PUT", BOB, &path, json!({})).await.0, 403);
}

#[tokio::test]
async fn a_redaction_takes_the_content_away() {
    let server = TestServer::start().await;
    let room = server.room_with(ALICE, &[BOB]).await;
    let secret = server.say(BOB, &room, "secret").await;
    let other = server.say(ALICE, &room, "not yours").await;
    let redact = |event: &str| format!("/v3/rooms/{room}/redact/{event}/1");
    let refused = server.refused("PUT", BOB, &redact(&other), json!({})).await;
    assert_eq!(refused, (403, "M_FORBIDDEN".to_owned()));
    let reason = json!({ "reason": "mistake" });
    // Nobody learns from a room of theirs which events others have.
    let elsewhere = server.room(BOB, json!({})).await;
    for unknown in [secret.as_str(), "$there-is-no-such-event"] {
        let path = format!("/v3/rooms/{elsewhere}/redact/{unknown}/1");
        let refused = server.refused("PUT", BOB, &path, json!({})).await;
        assert_eq!(refused, (400, "M_INVALID_PARAM".to_owned()), "{unknown}");
    }
    let redaction = server.put(BOB, &redact(&secret), reason.clone()).await;
    assert_eq!(server.put(BOB, &redact(&secret), reason).await, redaction, "a retry");
    let event = server.get(ALICE, &format!("/v3/rooms/{room}/event/{secret}")).await;
    assert_eq!(event["content"], json!({}));
    let because = &event["unsigned"]["redacted_because"];
    assert_eq!(because["event_id"], redaction["event_id"]);
    assert_eq!(because["content"]["reason"], "mistake");
    // As any other event (room version 11 and later), by a moderator.
    server.event(ALICE, &room, "m.room.redaction", json!({ "redacts": other })).await;
    let event = server.get(ALICE, &format!("/v3/rooms/{room}/event/{other}")).await;
    assert_eq!(event["content"], json!({}));
    let path = format!("/v3/rooms/{room}/send/m.room.redaction/9");
    let missing = server.refused("PUT", ALICE, &path, json!({})).await;
    assert_eq!(missing, (400, "M_MISSING_PARAM".to_owned()));
}
