// SPDX-License-Identifier: Apache-2.0
//! Without these people would not find each other, or find whom they should not.

use estafette_core::ids::UserId;
use estafette_store::{
    PeopleStore as _,
    people::{PersonDetails, PutPersonOutcome},
};
use http::StatusCode;
use serde_json::{Value, json};

use crate::testing::TestServer;

async fn search(server: &TestServer, token: &str, body: Value) -> (Vec<String>, bool) {
    let (status, answer) = server.request("POST", "/v3/user_directory/search", token, body).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let results = answer["results"].as_array().unwrap();
    let ids = results.iter().map(|result| result["user_id"].as_str().unwrap().to_owned());
    (ids.collect(), answer["limited"].as_bool().unwrap())
}

async fn named(server: &TestServer, localpart: &str, name: &str) -> String {
    let token = server.register(localpart).await;
    let path = format!("/v3/profile/@{localpart}:x.fr/displayname");
    server.request("PUT", &path, &token, json!({ "displayname": name })).await;
    token
}

#[tokio::test]
async fn people_are_found_by_name_without_accents_best_first() {
    let server = TestServer::start().await;
    let token = named(&server, "u1", "Élodie Durand").await;
    named(&server, "u2", "Martin Élodie").await;
    named(&server, "u3", "Jean Martin [DINUM]").await;
    named(&server, "martin", "Zoé").await;
    let find = async |term: &str| search(&server, &token, json!({ "search_term": term })).await.0;
    assert_eq!(find("martin").await, ["@u2:x.fr", "@u3:x.fr", "@martin:x.fr"]);
    assert_eq!(find("MARTIN jean").await, ["@u3:x.fr"]);
    assert_eq!(find("elo").await, ["@u2:x.fr"], "never oneself");
    assert_eq!(find("dinum").await, ["@u3:x.fr"]);
    assert_eq!(find("@u3:x.fr").await, ["@u3:x.fr"]);
    assert_eq!(find("zoe").await, ["@martin:x.fr"]);
    for nothing in ["", "   ", "artin", "%", "\u{10ffff}", "x' OR 1=1 --"] {
        assert_eq!(find(nothing).await, Vec::<String>::new(), "{nothing}");
    }
    let body = json!({ "search_term": "martin", "limit": 2 });
    assert_eq!(
        search(&server, &token, body).await,
        (vec!["@u2:x.fr".to_owned(), "@u3:x.fr".to_owned()], true)
    );
    let (status, _) = server.request("POST", "/v3/user_directory/search", "", json!({})).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    for wrong in [json!({}), json!({ "search_term": "x".repeat(257) })] {
        let path = "/v3/user_directory/search";
        let (status, _) = server.request("POST", path, &token, wrong).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
    }
}

#[tokio::test]
async fn a_new_name_replaces_the_old_one() {
    let server = TestServer::start().await;
    let bob = server.register("bob").await;
    let token = named(&server, "u1", "Before").await;
    let path = "/v3/profile/@u1:x.fr/displayname";
    server.request("PUT", path, &token, json!({ "displayname": "After" })).await;
    let find = async |term: &str| search(&server, &bob, json!({ "search_term": term })).await.0;
    assert_eq!(find("before").await, Vec::<String>::new());
    assert_eq!(find("after").await, ["@u1:x.fr"]);
}

#[tokio::test]
async fn only_those_in_sight_are_found_where_the_operator_wants_it() {
    let server = TestServer::with(|config| config.user_directory.search_all_users = false).await;
    let alice = server.register("alice").await;
    let bob = server.register("bob").await;
    let body = json!({ "search_term": "bob" });
    assert_eq!(search(&server, &alice, body.clone()).await.0, Vec::<String>::new());
    let room = json!({ "preset": "private_chat", "invite": ["@bob:x.fr"] });
    let (status, room) = server.request("POST", "/v3/createRoom", &alice, room).await;
    assert_eq!(status, StatusCode::OK, "{room}");
    let path = format!("/v3/join/{}", room["room_id"].as_str().unwrap().replace('!', "%21"));
    assert_eq!(server.request("POST", &path, &bob, json!({})).await.0, StatusCode::OK);
    assert_eq!(search(&server, &alice, body).await.0, ["@bob:x.fr"]);
}

async fn know(server: &TestServer, localpart: &str, email: &str, guest: bool) {
    let user_id = UserId::parse(&format!("@{localpart}:x.fr")).unwrap();
    let details = PersonDetails { email: Some(email.into()), guest, ..PersonDetails::default() };
    let outcome = server.server.store.put_person(&user_id, details).await.unwrap();
    assert_eq!(outcome, PutPersonOutcome::Put);
}

/// Without it the answers would tell who hides, or which addresses have accounts.
#[tokio::test]
async fn who_hides_looks_like_nobody() {
    let server = TestServer::start().await;
    let alice = named(&server, "u1", "Alice").await;
    let bob = named(&server, "u2", "Bob Caché").await;
    named(&server, "u3", "Guest Invité").await;
    know(&server, "u2", "bob@x.fr", false).await;
    know(&server, "u3", "guest@x.fr", true).await;
    let path = "/v3/user/@u2:x.fr/account_data/im.vector.hide_profile";
    server.put(&bob, path, json!({ "hide_profile": true })).await;
    let ask = async |term: &str| {
        let body = json!({ "search_term": term }).to_string();
        let path = "/_matrix/client/v3/user_directory/search";
        let answer = server.ask(http::Method::POST, path, &alice, body).await;
        let mut headers: Vec<String> =
            answer.headers.iter().map(|(name, value)| format!("{name}: {value:?}")).collect();
        headers.sort();
        (answer.status, headers, answer.bytes)
    };
    let nobody = ask("nobody at all").await;
    for term in [
        "bob",
        "cache",
        "bob cache",
        "@u2:x.fr",
        "u2",
        "bob@x.f",
        "ob@x.fr",
        "bob@",
        "@x.fr",
        "guest",
        "invite",
        "guest@x.fr",
        "@u3:x.fr",
        "nobody@x.fr",
    ] {
        assert_eq!(ask(term).await, nobody, "{term}");
    }
    let found = search(&server, &alice, json!({ "search_term": "BOB@x.fr" })).await;
    assert_eq!(found, (vec!["@u2:x.fr".to_owned()], false));
    let (status, answer) = server.request("POST", "/v3/user_directory/search", "", json!({})).await;
    assert_eq!((status.as_u16(), &answer["errcode"]), (401, &json!("M_MISSING_TOKEN")));
    // What does not say so shows nobody again.
    server.put(&bob, path, json!({})).await;
    assert_eq!(ask("bob").await, nobody);
    server.put(&bob, path, json!({ "hide_profile": false })).await;
    assert_eq!(search(&server, &alice, json!({ "search_term": "bob" })).await.0, ["@u2:x.fr"]);
}

#[tokio::test]
async fn guests_find_nobody() {
    let server = TestServer::start().await;
    named(&server, "u1", "Alice").await;
    let guest = named(&server, "u2", "Guest").await;
    know(&server, "u1", "alice@x.fr", false).await;
    know(&server, "u2", "guest@x.fr", true).await;
    for term in ["alice", "alice@x.fr", "@u1:x.fr"] {
        let found = search(&server, &guest, json!({ "search_term": term })).await;
        assert_eq!(found, (Vec::new(), false), "{term}: empty, not an error");
    }
}

/// Otherwise who is in a room that anybody may join or read could not be found by those who are not
/// in it yet, or be found when the room has closed.
#[tokio::test]
async fn people_in_public_rooms_are_found() {
    let server = TestServer::with(|config| config.user_directory.search_all_users = false).await;
    let found_by = async |who: &str| {
        let body = json!({ "search_term": "bob" });
        let (_, answer) = server.request("POST", "/v3/user_directory/search", who, body).await;
        answer["results"].as_array().unwrap().len()
    };
    let finds = async || {
        let by_others = found_by("@carol:x.fr").await;
        assert_eq!(found_by("@bob:x.fr").await, by_others, "as others do, he finds himself");
        by_others
    };
    let room = server.room("@alice:x.fr", json!({ "preset": "public_chat" })).await;
    server.token_of("@bob:x.fr").await;
    assert_eq!(finds().await, 0);
    server.post("@bob:x.fr", &format!("/v3/rooms/{room}/join"), json!({})).await;
    assert_eq!(finds().await, 1);
    let set = async |kind: &str, content| server.set("@alice:x.fr", &room, kind, content).await;
    set("m.room.join_rules", json!({ "join_rule": "invite" })).await;
    assert_eq!(finds().await, 0);
    set("m.room.history_visibility", json!({ "history_visibility": "world_readable" })).await;
    assert_eq!(finds().await, 1);
}
