// SPDX-License-Identifier: Apache-2.0
use serde_json::json;

use crate::testing::TestServer;

const ALICE: &str = "@alice:x.fr";
const BOB: &str = "@bob:x.fr";
const CAROL: &str = "@carol:x.fr";

async fn membership(server: &TestServer, room: &str, user: &str) -> String {
    let path = format!("/v3/rooms/{room}/state/m.room.member/{user}");
    let content = server.get(ALICE, &path).await;
    content["membership"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn invited_joined_left_forgotten() {
    let server = TestServer::start().await;
    let room = server.room(ALICE, json!({})).await;
    let join = format!("/v3/rooms/{room}/join");
    let refused = server.refused("POST", BOB, &join, json!({})).await;
    assert_eq!(refused, (403, "M_FORBIDDEN".to_owned()));
    server.post(ALICE, &format!("/v3/rooms/{room}/invite"), json!({ "user_id": BOB })).await;
    assert_eq!(membership(&server, &room, BOB).await, "invite");
    assert_eq!(server.post(BOB, &join, json!({ "reason": "why not" })).await["room_id"], room);
    let own = server.get(BOB, &format!("/v3/rooms/{room}/state/m.room.member/{BOB}")).await;
    assert_eq!(own["reason"], "why not");
    let before = server.get(BOB, &format!("/v3/rooms/{room}/messages?dir=b")).await;
    server.post(BOB, &join, json!({})).await;
    let after = server.get(BOB, &format!("/v3/rooms/{room}/messages?dir=b")).await;
    assert_eq!(before["chunk"], after["chunk"], "joining twice is joining once");
    let forget = format!("/v3/rooms/{room}/forget");
    assert_eq!(server.refused("POST", BOB, &forget, json!({})).await.0, 400);
    server.post(BOB, &format!("/v3/rooms/{room}/leave"), json!({})).await;
    server.post(BOB, &format!("/v3/rooms/{room}/leave"), json!({})).await;
    assert_eq!(membership(&server, &room, BOB).await, "leave");
    server.post(BOB, &forget, json!({})).await;
    let joined = server.get(BOB, "/v3/joined_rooms").await;
    assert_eq!(joined["joined_rooms"], json!([]));
}

#[tokio::test]
async fn kicked_banned_unbanned() {
    let server = TestServer::start().await;
    let room = server.room_with(ALICE, &[BOB, CAROL]).await;
    let act = |act: &str| format!("/v3/rooms/{room}/{act}");
    let bob = json!({ "user_id": BOB, "reason": "noise" });
    let refused = server.refused("POST", CAROL, &act("kick"), bob.clone()).await;
    assert_eq!(refused, (403, "M_FORBIDDEN".to_owned()));
    server.post(ALICE, &act("kick"), bob.clone()).await;
    assert_eq!(membership(&server, &room, BOB).await, "leave");
    let again = server.refused("POST", ALICE, &act("kick"), bob.clone()).await;
    assert_eq!(again, (403, "M_FORBIDDEN".to_owned()));
    server.post(ALICE, &act("ban"), bob.clone()).await;
    assert_eq!(membership(&server, &room, BOB).await, "ban");
    let invite = server.refused("POST", ALICE, &act("invite"), bob.clone()).await;
    assert_eq!(invite, (403, "M_FORBIDDEN".to_owned()));
    server.post(ALICE, &act("unban"), bob.clone()).await;
    assert_eq!(membership(&server, &room, BOB).await, "leave");
    let not_banned = server.refused("POST", ALICE, &act("unban"), bob).await;
    assert_eq!(not_banned, (403, "M_FORBIDDEN".to_owned()));
    let missing = server.refused("POST", ALICE, &act("kick"), json!({})).await;
    assert_eq!(missing, (400, "M_MISSING_PARAM".to_owned()));
}

/// A restricted room lets in the members of the rooms that it names, and nobody else.
#[tokio::test]
async fn restricted_rooms_look_at_other_rooms() {
    let server = TestServer::start().await;
    let club = server.room_with(ALICE, &[BOB]).await;
    let rule = json!({
        "join_rule": "restricted",
        "allow": [{ "type": "m.room_membership", "room_id": club }],
    });
    let body = json!({ "initial_state": [{ "type": "m.room.join_rules", "content": rule }] });
    let room = server.room(ALICE, body).await;
    let join = format!("/v3/join/{room}");
    server.post(BOB, &join, json!({})).await;
    let own = server.get(BOB, &format!("/v3/rooms/{room}/state/m.room.member/{BOB}")).await;
    assert_eq!(own["join_authorised_via_users_server"], ALICE);
    let refused = server.refused("POST", CAROL, &join, json!({})).await;
    assert_eq!(refused, (403, "M_FORBIDDEN".to_owned()));
}

#[tokio::test]
async fn knocking_asks_to_be_let_in() {
    let server = TestServer::start().await;
    let rule = json!({ "join_rule": "knock" });
    let body = json!({ "initial_state": [{ "type": "m.room.join_rules", "content": rule }] });
    let room = server.room(ALICE, body).await;
    server.post(BOB, &format!("/v3/knock/{room}"), json!({})).await;
    assert_eq!(membership(&server, &room, BOB).await, "knock");
    server.post(ALICE, &format!("/v3/rooms/{room}/invite"), json!({ "user_id": BOB })).await;
    server.post(BOB, &format!("/v3/join/{room}"), json!({})).await;
    let private = server.room(ALICE, json!({})).await;
    let refused = server.refused("POST", BOB, &format!("/v3/knock/{private}"), json!({})).await;
    assert_eq!(refused, (403, "M_FORBIDDEN".to_owned()));
}

/// Whoever blocks invitations gets none, by any of the ways to invite.
#[tokio::test]
async fn invitations_can_be_blocked() {
    let server = TestServer::start().await;
    let path = format!("/v3/user/{BOB}/account_data/m.invite_permission_config");
    server.put(BOB, &path, json!({ "default_action": "block" })).await;
    let room = server.room(ALICE, json!({})).await;
    let blocked = (403, "M_INVITE_BLOCKED".to_owned());
    let invite = format!("/v3/rooms/{room}/invite");
    let bob = json!({ "user_id": BOB });
    assert_eq!(server.refused("POST", ALICE, &invite, bob.clone()).await, blocked);
    let state = format!("/v3/rooms/{room}/state/m.room.member/{BOB}");
    let content = json!({ "membership": "invite" });
    assert_eq!(server.refused("PUT", ALICE, &state, content).await, blocked);
    let new = json!({ "invite": [BOB] });
    assert_eq!(server.refused("POST", ALICE, "/v3/createRoom", new).await, blocked);
    server.put(BOB, &path, json!({})).await;
    server.post(ALICE, &invite, bob).await;
}

/// A room that exists and one that does not must look the same from outside.
#[tokio::test]
async fn unknown_rooms_answer_like_closed_ones() {
    let server = TestServer::start().await;
    let closed = server.room(ALICE, json!({})).await;
    let unknown = "!nothing-here";
    for (method, act, body) in [
        ("GET", "state", json!(null)),
        ("GET", "members", json!(null)),
        ("GET", "joined_members", json!(null)),
        ("GET", "messages?dir=b", json!(null)),
        ("PUT", "send/m.room.message/1", json!({})),
        ("PUT", "state/m.room.name/", json!({})),
        ("POST", "invite", json!({ "user_id": ALICE })),
    ] {
        let of = async |room: &str| {
            let path = format!("/v3/rooms/{room}/{act}");
            server.request(method, &path, BOB, body.clone()).await
        };
        let answer = of(&closed).await;
        assert_eq!(answer, of(unknown).await, "{act}");
        assert_eq!(answer.1["errcode"], "M_FORBIDDEN", "{act}");
    }
}

#[tokio::test]
async fn rooms_are_joined_by_alias() {
    let server = TestServer::start().await;
    let body = json!({ "preset": "public_chat", "room_alias_name": "open" });
    let room = server.room(ALICE, body).await;
    let joined = server.post(BOB, "/r0/join/%23open:x.fr", json!({})).await;
    assert_eq!(joined["room_id"], room);
    let missing = server.refused("POST", BOB, "/v3/join/%23none:x.fr", json!({})).await;
    assert_eq!(missing, (404, "M_NOT_FOUND".to_owned()));
    let wrong = server.refused("POST", BOB, "/v3/join/what", json!({})).await;
    assert_eq!(wrong, (400, "M_INVALID_PARAM".to_owned()));
}

/// Without it bots could not say more of themselves where they come in.
#[tokio::test]
async fn a_join_says_what_its_request_says() {
    let server = TestServer::start().await;
    let room = server.room("@a:x.fr", json!({ "preset": "public_chat" })).await;
    let body =
        json!({ "foo": "bar", "membership": "ban", "join_authorised_via_users_server": "x" });
    server.post("@b:x.fr", &format!("/v3/join/{room}"), body).await;
    let member = format!("/v3/rooms/{room}/state/m.room.member/@b:x.fr");
    let content = server.get("@a:x.fr", &member).await;
    assert_eq!(content, json!({ "membership": "join", "foo": "bar" }));
}

/// Without it a room that somebody put behind them would still open itself to them.
#[tokio::test]
async fn what_is_forgotten_is_closed_until_one_comes_back() {
    let server = TestServer::start().await;
    let room = server.room_with("@a:x.fr", &["@b:x.fr"]).await;
    server.say("@a:x.fr", &room, "before").await;
    let path = |end: &str| format!("/v3/rooms/{room}/{end}");
    let present = server.refused("POST", "@b:x.fr", &path("forget"), json!({})).await;
    assert_eq!(present, (400, "M_UNKNOWN".to_owned()));
    server.post("@b:x.fr", &path("leave"), json!({})).await;
    server.get("@b:x.fr", &path("messages?dir=b")).await;
    server.post("@b:x.fr", &path("forget"), json!({})).await;
    for end in ["messages", "messages?dir=b", "state", "members", "initialSync"] {
        let refused = server.refused("GET", "@b:x.fr", &path(end), json!(null)).await;
        assert_eq!(refused, (403, "M_FORBIDDEN".to_owned()), "{end}");
    }
    assert_eq!(server.refused("POST", "@b:x.fr", &path("join"), json!({})).await.0, 403);
    server.post("@a:x.fr", &path("invite"), json!({ "user_id": "@b:x.fr" })).await;
    server.post("@b:x.fr", &path("join"), json!({})).await;
    assert_eq!(server.bodies("@b:x.fr", &room, "dir=b&limit=50").await, ["before"]);
}

/// Knocking, from the first knock to the ban (Client-Server API, "Knocking on rooms").
#[tokio::test]
async fn a_knock_is_answered_taken_back_and_repeated() {
    let server = TestServer::start().await;
    for (version, rule) in [("7", "knock"), ("10", "knock_restricted"), ("12", "knock")] {
        let room = server.room("@a:x.fr", json!({ "room_version": version })).await;
        let path = |end: &str| format!("/v3/rooms/{room}/{end}");
        let knock = format!("/v3/knock/{room}");
        let on_b = json!({ "user_id": "@b:x.fr", "reason": "no" });
        let refused = async |path: &str| server.refused("POST", "@b:x.fr", path, json!({})).await.0;
        assert_eq!(refused(&knock).await, 403, "the rule is `invite`");
        server.set("@a:x.fr", &room, "m.room.join_rules", json!({ "join_rule": rule })).await;
        assert_eq!(refused(&path("join")).await, 403);
        for reason in ["one", "two"] {
            let told = server.post("@b:x.fr", &knock, json!({ "reason": reason })).await;
            assert_eq!(told["room_id"], json!(room));
        }
        let member = server.get("@a:x.fr", &path("state/m.room.member/@b:x.fr")).await;
        assert_eq!((&member["membership"], &member["reason"]), (&json!("knock"), &json!("two")));
        server.post("@b:x.fr", &path("leave"), json!({})).await;
        server.post("@b:x.fr", &knock, json!({})).await;
        server.post("@a:x.fr", &path("kick"), on_b.clone()).await;
        server.post("@b:x.fr", &knock, json!({})).await;
        server.post("@a:x.fr", &path("invite"), on_b.clone()).await;
        assert_eq!(refused(&knock).await, 403, "invited already");
        server.post("@b:x.fr", &path("join"), json!({})).await;
        assert_eq!(refused(&knock).await, 403, "in the room already");
        server.post("@a:x.fr", &path("ban"), on_b).await;
        assert_eq!(refused(&knock).await, 403, "banned");
    }
}

/// Restricted joins (room version 8), as the rooms that they name come and go.
#[tokio::test]
async fn a_restricted_room_opens_to_the_members_of_the_rooms_it_names() {
    let server = TestServer::start().await;
    for version in ["8", "10", "11", "12"] {
        let named = server.room("@a:x.fr", json!({ "preset": "public_chat" })).await;
        let rule = |allow: serde_json::Value| json!({ "join_rule": "restricted", "allow": allow });
        let allow = json!([{ "type": "m.room_membership", "room_id": named, "via": ["x.fr"] }]);
        let state = json!([{ "type": "m.room.join_rules", "content": rule(allow) }]);
        let body =
            json!({ "preset": "public_chat", "room_version": version, "initial_state": state });
        let room = server.room("@a:x.fr", body).await;
        let join = format!("/v3/rooms/{room}/join");
        let refused = async || server.refused("POST", "@b:x.fr", &join, json!({})).await;
        assert_eq!(refused().await, (403, "M_FORBIDDEN".to_owned()));
        server.post("@b:x.fr", &format!("/v3/join/{named}"), json!({})).await;
        server.post("@b:x.fr", &join, json!({})).await;
        let member = format!("/v3/rooms/{room}/state/m.room.member/@b:x.fr");
        let joined = server.get("@a:x.fr", &member).await;
        assert_eq!(joined["join_authorised_via_users_server"], "@a:x.fr");
        let again = json!({ "membership": "join", "displayname": "Bobby",
            "join_authorised_via_users_server": "unused" });
        server.put("@b:x.fr", &member, again).await;
        assert_eq!(server.get("@a:x.fr", &member).await["displayname"], "Bobby");
        for left in [&room, &named] {
            server.post("@b:x.fr", &format!("/v3/rooms/{left}/leave"), json!({})).await;
        }
        assert_eq!(refused().await.0, 403, "asked afresh");
        let invite = format!("/v3/rooms/{room}/invite");
        server.post("@a:x.fr", &invite, json!({ "user_id": "@b:x.fr" })).await;
        server.post("@b:x.fr", &join, json!({})).await;
        server.post("@b:x.fr", &format!("/v3/rooms/{room}/leave"), json!({})).await;
        server.post("@b:x.fr", &format!("/v3/join/{named}"), json!({})).await;
        for allow in [json!(["invalid"]), json!("invalid")] {
            server.set("@a:x.fr", &room, "m.room.join_rules", rule(allow)).await;
            assert_eq!(refused().await.0, 403, "nothing that could be read is named");
        }
    }
}
