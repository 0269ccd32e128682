// SPDX-License-Identifier: Apache-2.0
use serde_json::{Value, json};

use crate::testing::{TestServer, bodies};

const ALICE: &str = "@alice:x.fr";
const BOB: &str = "@bob:x.fr";

async fn relate(
    server: &TestServer,
    (user, room): (&str, &str),
    (rel_type, parent): (&str, &str),
    body: &str,
) -> String {
    let content = json!({
        "msgtype": "m.text", "body": body,
        "m.new_content": { "msgtype": "m.text", "body": body },
        "m.relates_to": { "rel_type": rel_type, "event_id": parent },
    });
    server.event(user, room, "m.room.message", content).await
}

#[tokio::test]
async fn relations_are_listed_by_type_and_page() {
    let server = TestServer::start().await;
    let room = server.room_with(ALICE, &[BOB]).await;
    let parent = server.say(ALICE, &room, "parent").await;
    for n in 0..3 {
        relate(&server, (BOB, &room), ("m.thread", &parent), &format!("t{n}")).await;
    }
    relate(&server, (BOB, &room), ("m.reference", &parent), "r").await;
    let base = format!("/v1/rooms/{room}/relations/{parent}");
    let all = server.get(ALICE, &base).await;
    assert_eq!(bodies(&all["chunk"]), ["r", "t2", "t1", "t0"]);
    let first = server.get(ALICE, &format!("{base}/m.thread?limit=2&dir=f")).await;
    assert_eq!(bodies(&first["chunk"]), ["t0", "t1"]);
    let next = first["next_batch"].as_str().unwrap();
    let path = format!("{base}/m.thread/m.room.message?limit=2&dir=f&from={next}");
    let second = server.get(ALICE, &path).await;
    assert_eq!(bodies(&second["chunk"]), ["t2"]);
    assert_eq!(second.get("next_batch"), None);
    let none = server.get(ALICE, &format!("{base}/m.thread/m.other")).await;
    assert_eq!(none["chunk"], json!([]));
    let refused = server.refused("GET", "@carol:x.fr", &base, Value::Null).await;
    assert_eq!(refused, (404, "M_NOT_FOUND".to_owned()));
}

/// Otherwise whoever knows of an event crowds out what is said of it, from a room of their own, and
/// readers are told of pages that are said elsewhere.
#[tokio::test]
async fn what_is_said_of_an_event_in_another_room_is_no_relation() {
    let server = TestServer::start().await;
    let room = server.room(ALICE, json!({})).await;
    let parent = server.say(ALICE, &room, "parent").await;
    relate(&server, (ALICE, &room), ("m.reference", &parent), "here").await;
    let elsewhere = server.room(BOB, json!({})).await;
    for n in 0..3 {
        relate(&server, (BOB, &elsewhere), ("m.reference", &parent), &format!("{n}")).await;
    }
    for query in ["limit=1", "limit=1&recurse=true"] {
        let path = format!("/v1/rooms/{room}/relations/{parent}?{query}");
        let page = server.get(ALICE, &path).await;
        assert_eq!(bodies(&page["chunk"]), ["here"], "{query}");
        assert_eq!(page.get("next_batch"), None, "{query}");
    }
}

#[tokio::test]
async fn recursion_follows_children_of_children() {
    let server = TestServer::start().await;
    let room = server.room(ALICE, json!({})).await;
    let root = server.say(ALICE, &room, "root").await;
    let child = relate(&server, (ALICE, &room), ("m.thread", &root), "child").await;
    relate(&server, (ALICE, &room), ("m.replace", &child), "grandchild").await;
    let base = format!("/v1/rooms/{room}/relations/{root}");
    assert_eq!(bodies(&server.get(ALICE, &base).await["chunk"]), ["child"]);
    let deep = server.get(ALICE, &format!("{base}?recurse=true")).await;
    assert_eq!(bodies(&deep["chunk"]), ["grandchild", "child"]);
    assert_eq!(deep["recursion_depth"], 3);
}

/// Clients show edits and threads from what is bundled, without asking for each event.
#[tokio::test]
async fn edits_threads_and_references_are_bundled() {
    let server = TestServer::start().await;
    let room = server.room_with(ALICE, &[BOB]).await;
    let root = server.say(ALICE, &room, "root").await;
    relate(&server, (BOB, &room), ("m.replace", &root), "not by its sender").await;
    let edit = relate(&server, (ALICE, &room), ("m.replace", &root), "edited").await;
    relate(&server, (BOB, &room), ("m.thread", &root), "first").await;
    let latest = relate(&server, (BOB, &room), ("m.thread", &root), "second").await;
    relate(&server, (BOB, &room), ("m.replace", &latest), "second, edited").await;
    let reference = relate(&server, (BOB, &room), ("m.reference", &root), "see above").await;
    let event = server.get(ALICE, &format!("/v3/rooms/{room}/event/{root}")).await;
    let relations = &event["unsigned"]["m.relations"];
    assert_eq!(relations["m.replace"]["event_id"], edit);
    let thread = &relations["m.thread"];
    assert_eq!(thread["count"], 2);
    assert_eq!(thread["current_user_participated"], true);
    assert_eq!(thread["latest_event"]["event_id"], latest);
    let nested = &thread["latest_event"]["unsigned"]["m.relations"]["m.replace"];
    assert_eq!(nested["content"]["body"], "second, edited");
    assert_eq!(relations["m.reference"]["chunk"], json!([{ "event_id": reference }]));
    let page = server.get(BOB, &format!("/v3/rooms/{room}/messages?dir=f&limit=50")).await;
    let in_page = page["chunk"].as_array().unwrap().iter().find(|e| e["event_id"] == root);
    assert_eq!(in_page.unwrap()["unsigned"]["m.relations"]["m.replace"]["event_id"], edit);
}

#[tokio::test]
async fn threads_are_listed_by_their_last_event() {
    let server = TestServer::start().await;
    let room = server.room_with(ALICE, &[BOB]).await;
    let one = server.say(ALICE, &room, "one").await;
    let two = server.say(BOB, &room, "two").await;
    relate(&server, (BOB, &room), ("m.thread", &two), "x").await;
    relate(&server, (BOB, &room), ("m.thread", &one), "y").await;
    let path = format!("/v1/rooms/{room}/threads");
    assert_eq!(bodies(&server.get(ALICE, &path).await["chunk"]), ["one", "two"]);
    let mine = server.get(ALICE, &format!("{path}?include=participated")).await;
    assert_eq!(bodies(&mine["chunk"]), ["one"]);
    let first = server.get(ALICE, &format!("{path}?limit=1")).await;
    let next = first["next_batch"].as_str().unwrap();
    let second = server.get(ALICE, &format!("{path}?limit=1&from={next}")).await;
    assert_eq!(bodies(&second["chunk"]), ["two"]);
    let wrong = server.refused("GET", ALICE, &format!("{path}?include=some"), Value::Null).await;
    assert_eq!(wrong, (400, "M_INVALID_PARAM".to_owned()));
}
