// SPDX-License-Identifier: Apache-2.0
use serde_json::{Value, json};

use super::{Criteria, PageToken, Reader, Scan};
use crate::testing::TestServer;
use estafette_core::ids::UserId;

const ALICE: &str = "@alice:x.fr";
const BOB: &str = "@bob:x.fr";

fn found(answer: &Value) -> Vec<String> {
    let results = answer["search_categories"]["room_events"]["results"].as_array().unwrap();
    let bodies = results.iter().map(|result| &result["result"]["content"]["body"]);
    bodies.map(|body| body.as_str().unwrap().to_owned()).collect()
}

/// Only one's own visible, unencrypted history is searched (pitfall 44).
#[tokio::test]
async fn what_was_said_is_found() {
    let server = TestServer::start().await;
    let room = server.room_with(ALICE, &[BOB]).await;
    let other = server.room(ALICE, json!({})).await;
    server.say(ALICE, &room, "The red boat").await;
    server.say(BOB, &room, "A blue BOAT").await;
    server.say(ALICE, &other, "boat of mine").await;
    server.say(ALICE, &room, "nothing").await;
    let search = async |user: &str, room_events: Value| {
        let body = json!({ "search_categories": { "room_events": room_events } });
        server.post(user, "/v3/search", body).await
    };
    let boat = json!({ "search_term": "boat" });
    assert_eq!(
        found(&search(ALICE, boat.clone()).await),
        ["boat of mine", "A blue BOAT", "The red boat"]
    );
    assert_eq!(found(&search(BOB, boat.clone()).await), ["A blue BOAT", "The red boat"]);
    let both = json!({ "search_term": "boat red" });
    assert_eq!(found(&search(BOB, both).await), ["The red boat"]);
    let one = json!({
        "search_term": "boat", "filter": { "limit": 1, "rooms": [room] },
        "event_context": { "before_limit": 1, "after_limit": 1, "include_profile": true },
        "groupings": { "group_by": [{ "key": "room_id" }] },
    });
    let first = search(ALICE, one.clone()).await;
    assert_eq!(found(&first), ["A blue BOAT"]);
    let results = &first["search_categories"]["room_events"];
    let context = &results["results"][0]["context"];
    assert_eq!(context["events_before"][0]["content"]["body"], "The red boat");
    assert_eq!(context["events_after"][0]["content"]["body"], "nothing");
    assert!(results["groups"]["room_id"].get(&room).is_some());
    let next = results["next_batch"].as_str().unwrap();
    let body = json!({ "search_categories": { "room_events": one } });
    let second = server.post(ALICE, &format!("/v3/search?next_batch={next}"), body).await;
    assert_eq!(found(&second), ["The red boat"]);
    let encryption = json!({ "algorithm": "m.megolm.v1.aes-sha2" });
    server.set(ALICE, &room, "m.room.encryption", encryption).await;
    assert_eq!(found(&search(BOB, boat).await), Vec::<String>::new());
}

#[tokio::test]
async fn an_empty_search_is_refused() {
    let server = TestServer::start().await;
    let body = json!({ "search_categories": { "room_events": { "search_term": " " } } });
    let refused = server.refused("POST", ALICE, "/v3/search", body).await;
    assert_eq!(refused, (400, "M_INVALID_PARAM".to_owned()));
}

/// Without the count and the token of a full page a client could neither say how many matches there
/// are nor ask for the rest.
#[tokio::test]
async fn pages_tell_the_whole_count_and_end_with_an_empty_one() {
    let server = TestServer::start().await;
    let room = server.room(ALICE, json!({})).await;
    for number in 0..4 {
        server.say(ALICE, &room, &format!("Message number {number}")).await;
    }
    let wish = json!({ "search_term": "message", "filter": { "limit": 2, "rooms": [room] } });
    let body = json!({ "search_categories": { "room_events": wish } });
    let mut query = String::new();
    for expected in [
        &["Message number 3", "Message number 2"][..],
        &["Message number 1", "Message number 0"],
        &[],
    ] {
        let answer = server.post(ALICE, &format!("/v3/search{query}"), body.clone()).await;
        let results = &answer["search_categories"]["room_events"];
        assert_eq!(found(&answer), expected);
        assert_eq!(results["count"], 4);
        assert_eq!(results.get("next_batch").is_some(), !expected.is_empty());
        query = format!("?next_batch={}", results["next_batch"].as_str().unwrap_or(""));
    }
}

/// Without it what was said before an upgrade would be lost to those who look in the new room.
#[tokio::test]
async fn a_search_in_a_room_looks_into_those_that_it_replaced() {
    let server = TestServer::start().await;
    let old = server.room(ALICE, json!({ "room_version": "9" })).await;
    server.say(ALICE, &old, "Message before").await;
    let upgrade = json!({ "new_version": "10" });
    let new = server.post(ALICE, &format!("/v3/rooms/{old}/upgrade"), upgrade).await;
    let new = new["replacement_room"].as_str().unwrap();
    server.say(ALICE, new, "Message after").await;
    let wish = json!({ "search_term": "message", "filter": { "rooms": [new] } });
    let body = json!({ "search_categories": { "room_events": wish } });
    let answer = server.post(ALICE, "/v3/search", body).await;
    assert_eq!(found(&answer), ["Message after", "Message before"]);
}

/// Otherwise one search by somebody in thousands of rooms would keep the server busy for minutes; or
/// one that is cut short would lose what it did not reach.
#[tokio::test]
async fn a_search_looks_at_so_much_and_goes_on_from_there() {
    let server = TestServer::start().await;
    let mut expected = Vec::new();
    let mut rooms = Vec::new();
    for _ in 0..6 {
        rooms.push(server.room(ALICE, json!({})).await);
    }
    for round in 0..3 {
        for (number, room) in rooms.iter().enumerate() {
            let body = format!("boat {round} {number}");
            server.say(ALICE, room, &body).await;
            expected.insert(0, body);
        }
    }
    let criteria: Criteria = serde_json::from_value(json!({ "search_term": "boat" })).unwrap();
    let reader = Reader { user_id: UserId::parse(ALICE).unwrap(), device_nid: None };
    let (mut all, mut looks, mut from) = (Vec::new(), 0, None);
    loop {
        let mut scan = Scan::new(&criteria, from.as_deref()).unwrap();
        (scan.scan_max, scan.limit) = (40, 100);
        let results = scan.run(&server.server, &reader).await.unwrap();
        let bodies = results.page.iter().map(|(_, found)| {
            let content = found.event.event.content();
            content.get("body").and_then(|body| body.as_str()).unwrap().to_owned()
        });
        all.extend(bodies);
        looks += 1;
        let Some(PageToken(next)) = results.next else { break };
        from = Some(PageToken(next).to_string());
        assert!(looks < 30, "it does not end");
    }
    assert_eq!(all, expected);
    assert!(looks > 2, "{looks}: it was not bounded");
}
