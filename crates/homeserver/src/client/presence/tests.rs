// SPDX-License-Identifier: Apache-2.0
use serde_json::{Value, json};

use crate::testing::TestServer;

const ALICE: &str = "@alice:x.fr";
const BOB: &str = "@bob:x.fr";

#[tokio::test]
async fn presence_is_kept_where_it_is_on() {
    let server = TestServer::with(|config| config.presence.enabled = true).await;
    let path = format!("/v3/presence/{ALICE}/status");
    let busy = json!({ "presence": "online", "status_msg": "here" });
    server.put(ALICE, &path, busy).await;
    server.clock.advance(2_000);
    let refused = server.refused("GET", BOB, &path, Value::Null).await;
    assert_eq!(refused, (403, "M_FORBIDDEN".to_owned()), "they share no room");
    server.room_with(ALICE, &[BOB]).await;
    let seen = server.get(BOB, &path).await;
    assert_eq!(seen["presence"], "online");
    assert_eq!(seen["status_msg"], "here");
    assert_eq!(seen["last_active_ago"], 2_000);
    let other = server.refused("PUT", BOB, &path, json!({ "presence": "online" })).await;
    assert_eq!(other, (403, "M_FORBIDDEN".to_owned()));
    let wrong = server.refused("PUT", ALICE, &path, json!({ "presence": "busy" })).await;
    assert_eq!(wrong, (400, "M_INVALID_PARAM".to_owned()));
}

#[tokio::test]
async fn presence_is_dropped_where_it_is_off() {
    let server = TestServer::start().await;
    let path = format!("/v3/presence/{ALICE}/status");
    server.put(ALICE, &path, json!({ "presence": "online" })).await;
    assert_eq!(server.get(ALICE, &path).await["presence"], "offline");
}
