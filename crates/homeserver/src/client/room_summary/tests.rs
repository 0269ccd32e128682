// SPDX-License-Identifier: Apache-2.0
use serde_json::{Value, json};

use crate::testing::TestServer;

const ALICE: &str = "@alice:x.fr";
const BOB: &str = "@bob:x.fr";

/// A preview is for those who could come in, and says nothing to others.
#[tokio::test]
async fn previews_are_for_those_who_could_come_in() {
    let server = TestServer::start().await;
    let body = json!({ "preset": "public_chat", "name": "Open", "room_alias_name": "open" });
    let open = server.room(ALICE, body).await;
    let closed = server.room(ALICE, json!({ "name": "Closed" })).await;
    for path in [
        format!("/v1/room_summary/{open}"),
        "/v1/room_summary/%23open:x.fr".to_owned(),
        format!("/unstable/im.nheko.summary/rooms/{open}/summary"),
        format!("/unstable/im.nheko.summary/summary/{open}"),
    ] {
        let summary = server.get(BOB, &path).await;
        assert_eq!(summary["name"], "Open", "{path}");
        assert_eq!(summary["num_joined_members"], 1);
        assert_eq!(summary["membership"], "leave");
        assert_eq!(summary["join_rule"], "public");
        assert_eq!(server.get("", &path).await.get("membership"), None);
    }
    let path = format!("/v1/room_summary/{closed}");
    let missing = (404, "M_NOT_FOUND".to_owned());
    assert_eq!(server.refused("GET", BOB, &path, Value::Null).await, missing);
    assert_eq!(server.refused("GET", "", &path, Value::Null).await, missing);
    assert_eq!(server.get(ALICE, &path).await["membership"], "join");
    server.post(ALICE, &format!("/v3/rooms/{closed}/invite"), json!({ "user_id": BOB })).await;
    assert_eq!(server.get(BOB, &path).await["membership"], "invite");
    let unknown = server.refused("GET", "nobody's token", &path, Value::Null).await;
    assert_eq!(unknown, (401, "M_UNKNOWN_TOKEN".to_owned()));
}
