// SPDX-License-Identifier: Apache-2.0
use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::testing::TestServer;

const PATH: &str = "/v1/mutual_rooms";

/// Without it one could ask which rooms others are in, or miss rooms between two pages.
#[tokio::test]
async fn only_rooms_that_both_are_in_are_told_page_by_page() {
    let server = TestServer::start().await;
    let mut shared = BTreeSet::new();
    for _ in 0..101 {
        shared.insert(server.room_with("@a:x.fr", &["@b:x.fr"]).await);
    }
    server.room_with("@b:x.fr", &["@c:x.fr"]).await;
    server.room("@a:x.fr", json!({ "invite": ["@b:x.fr"] })).await;
    let left = server.room_with("@a:x.fr", &["@b:x.fr"]).await;
    server.post("@b:x.fr", &format!("/v3/rooms/{left}/leave"), json!({})).await;

    let first = server.get("@a:x.fr", &format!("{PATH}?user_id=@b:x.fr")).await;
    assert_eq!((&first["count"], first["joined"].as_array().unwrap().len()), (&json!(101), 100));
    let next = first["next_batch"].as_str().unwrap();
    let second = server.get("@a:x.fr", &format!("{PATH}?user_id=@b:x.fr&from={next}")).await;
    assert_eq!((&second["count"], &second["next_batch"]), (&json!(101), &Value::Null));
    let told: BTreeSet<String> = [&first, &second]
        .iter()
        .flat_map(|page| page["joined"].as_array().unwrap())
        .map(|room| room.as_str().unwrap().to_owned())
        .collect();
    assert_eq!(told, shared);

    let nobody = server.get("@a:x.fr", &format!("{PATH}?user_id=@nobody:x.fr")).await;
    assert_eq!(nobody, json!({ "joined": [], "count": 0 }));
    for (query, errcode) in [
        ("", "M_MISSING_PARAM"),
        ("?user_id=nobody", "M_INVALID_PARAM"),
        ("?user_id=@a:x.fr", "M_INVALID_PARAM"),
        ("?user_id=@b:x.fr&from=!", "M_INVALID_PARAM"),
    ] {
        let refused =
            server.refused("GET", "@a:x.fr", &format!("{PATH}{query}"), json!(null)).await;
        assert_eq!(refused, (400, errcode.to_owned()), "{query}");
    }
}
