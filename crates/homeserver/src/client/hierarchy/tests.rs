// SPDX-License-Identifier: Apache-2.0
use serde_json::{Value, json};

use crate::testing::TestServer;

const ALICE: &str = "@alice:x.fr";

async fn space(server: &TestServer, name: &str) -> String {
    let body = json!({
        "name": name, "creation_content": { "type": "m.space" }, "preset": "public_chat",
    });
    server.room(ALICE, body).await
}

async fn child(server: &TestServer, parent: &str, room: &str, content: Value) {
    let path = format!("/v3/rooms/{parent}/state/m.space.child/{room}");
    server.put(ALICE, &path, content).await;
}

fn names(answer: &Value) -> Vec<String> {
    let rooms = answer["rooms"].as_array().unwrap().iter();
    rooms.map(|room| room["name"].as_str().unwrap().to_owned()).collect()
}

/// Order, depth, suggestions, cycles, pages, and rooms that the reader may not see (pitfall 43).
#[tokio::test]
async fn the_tree_is_walked_in_order() {
    let server = TestServer::start().await;
    let (root, inner) = (space(&server, "root").await, space(&server, "inner").await);
    let public = json!({ "name": "a", "preset": "public_chat" });
    let a = server.room(ALICE, public.clone()).await;
    let b = server.room(ALICE, json!({ "name": "b", "preset": "public_chat" })).await;
    let hidden = server.room(ALICE, json!({ "name": "hidden" })).await;
    let via = json!(["x.fr"]);
    child(&server, &root, &a, json!({ "via": via, "order": "2" })).await;
    child(&server, &root, &inner, json!({ "via": via, "order": "1", "suggested": true })).await;
    child(&server, &root, &hidden, json!({ "via": via })).await;
    child(&server, &inner, &b, json!({ "via": via })).await;
    child(&server, &inner, &root, json!({ "via": via })).await;
    let path = format!("/v1/rooms/{root}/hierarchy");
    let bob = "@bob:x.fr";
    assert_eq!(names(&server.get(bob, &path).await), ["root", "inner", "b", "a"]);
    assert_eq!(names(&server.get(ALICE, &path).await), ["root", "inner", "b", "a", "hidden"]);
    let shallow = server.get(bob, &format!("{path}?max_depth=1")).await;
    assert_eq!(names(&shallow), ["root", "inner", "a"]);
    assert_eq!(shallow["rooms"][0]["children_state"].as_array().unwrap().len(), 3);
    let suggested = server.get(bob, &format!("{path}?suggested_only=true")).await;
    assert_eq!(names(&suggested), ["root", "inner"]);
    let first = server.get(bob, &format!("{path}?limit=3")).await;
    assert_eq!(names(&first), ["root", "inner", "b"]);
    let next = first["next_batch"].as_str().unwrap();
    let second = server.get(bob, &format!("{path}?limit=3&from={next}")).await;
    assert_eq!(names(&second), ["a"]);
    assert_eq!(second.get("next_batch"), None);
    let changed = format!("{path}?limit=3&from={next}&max_depth=1");
    let refused = server.refused("GET", bob, &changed, Value::Null).await;
    assert_eq!(refused, (400, "M_INVALID_PARAM".to_owned()));
    let closed = format!("/v1/rooms/{hidden}/hierarchy");
    assert_eq!(server.refused("GET", bob, &closed, Value::Null).await.0, 403);
}
