// SPDX-License-Identifier: Apache-2.0
//! Without these the operators could tell nobody anything, or tell it twice, or in a room of somebody
//! else's making.

use estafette_store::{PeopleStore as _, accounts::AccountFlag};
use serde_json::{Value, json};

use super::*;
use crate::testing::{TestServer, bodies, eventually};

const ADMIN: &str = "@admin:x.fr";
const BOB: &str = "@bob:x.fr";
const PATH: &str = "/_synapse/admin/v1/send_server_notice";

async fn server(auto_join: bool) -> TestServer {
    let server = TestServer::with(|config| {
        config.server_notices.localpart = "annonces".into();
        config.server_notices.room_name = "Annonces".into();
        config.server_notices.auto_join = auto_join;
    })
    .await;
    server.token_of(BOB).await;
    server.token_of(ADMIN).await;
    let admin = UserId::parse(ADMIN).unwrap();
    server.server.store.set_account_flag(&admin, AccountFlag::Admin, true).await.unwrap();
    server
}

fn notice(body: &str) -> Value {
    json!({ "user_id": BOB, "content": { "msgtype": "m.text", "body": body } })
}

#[tokio::test]
async fn notices_come_in_one_marked_room_in_which_nobody_else_speaks() {
    let server = server(true).await;
    let sent = server.put(ADMIN, &format!("{PATH}/t1"), notice("one")).await;
    assert!(sent["event_id"].as_str().unwrap().starts_with('$'));
    assert_eq!(server.put(ADMIN, &format!("{PATH}/t1"), notice("one")).await, sent, "a retry");
    server.post(ADMIN, PATH, notice("two")).await;
    let rooms = server.get(BOB, "/v3/joined_rooms").await;
    let room = rooms["joined_rooms"][0].as_str().unwrap();
    assert_eq!(rooms["joined_rooms"].as_array().unwrap().len(), 1);
    let seen = server.get(BOB, "/v3/sync").await;
    let joined = &seen["rooms"]["join"][room];
    assert_eq!(bodies(&joined["timeline"]["events"]), ["one", "two"]);
    assert_eq!(joined["timeline"]["events"][0]["sender"], "@annonces:x.fr");
    assert_eq!(
        joined["account_data"]["events"],
        json!([{ "type": "m.tag", "content": { "tags": { "m.server_notice": {} } } }])
    );
    let path = format!("/v3/rooms/{room}/send/m.room.message/t");
    let spoken = server.refused("PUT", BOB, &path, json!({ "msgtype": "m.text", "body": "x" }));
    assert_eq!(spoken.await.0, 403);
    server.post(BOB, &format!("/v3/rooms/{room}/leave"), json!({})).await;
    server.post(ADMIN, PATH, notice("three")).await;
    let rooms = server.get(BOB, "/v3/joined_rooms").await;
    assert_ne!(rooms["joined_rooms"][0], json!(room), "who left is told in another");
    let lines = server
        .server
        .store
        .audit_lines(estafette_store::people::AuditPage { limit: 99, ..Default::default() })
        .await
        .unwrap();
    let told = lines.iter().filter(|line| line.act == "server_notice.send");
    assert_eq!(told.filter(|line| line.subject.as_deref() == Some(BOB)).count(), 4);
}

#[tokio::test]
async fn the_invitation_to_notices_cannot_be_declined() {
    let server = server(false).await;
    server.post(ADMIN, PATH, notice("one")).await;
    server.post(ADMIN, PATH, notice("two")).await;
    let seen = server.get(BOB, "/v3/sync").await;
    let invites = seen["rooms"]["invite"].as_object().unwrap();
    assert_eq!(invites.len(), 1, "one room also before it was joined");
    let room = invites.keys().next().unwrap().clone();
    let leave = format!("/v3/rooms/{room}/leave");
    let declined = server.refused("POST", BOB, &leave, json!({})).await;
    assert_eq!(declined, (403, "M_CANNOT_LEAVE_SERVER_NOTICE_ROOM".to_owned()));
    server.post(BOB, &format!("/v3/join/{room}"), json!({})).await;
    server.post(BOB, &leave, json!({})).await;
}

/// Otherwise a guest hangs before an invitation that can be neither accepted nor declined.
#[tokio::test]
async fn guests_are_told_too_where_rooms_keep_them_out() {
    let server = TestServer::with(|config| {
        config.server_notices.localpart = "annonces".into();
        config.server_notices.auto_join = true;
        config.rooms.access_rules = true;
    })
    .await;
    server.with_book();
    server.person(BOB, "bob@guest.fr", true).await;
    server.token_of(ADMIN).await;
    let admin = UserId::parse(ADMIN).unwrap();
    server.server.store.set_account_flag(&admin, AccountFlag::Admin, true).await.unwrap();
    server.post(ADMIN, PATH, notice("one")).await;
    let rooms = server.get(BOB, "/v3/joined_rooms").await;
    let room = rooms["joined_rooms"][0].as_str().unwrap();
    server.post(BOB, &format!("/v3/rooms/{room}/leave"), json!({})).await;
}

#[tokio::test]
async fn who_may_announce_what_to_whom() {
    let server = server(true).await;
    assert_eq!(server.refused("POST", BOB, PATH, notice("x")).await.0, 403);
    for (user, status) in [("@nobody:x.fr", 404), ("@bob:y.fr", 400), ("bob", 400)] {
        let mut body = notice("x");
        body["user_id"] = json!(user);
        assert_eq!(server.refused("POST", ADMIN, PATH, body).await.0, status, "{user}");
    }
    let state = json!({ "user_id": BOB, "type": "m.x", "state_key": "", "content": { "k": 1 } });
    server.post(ADMIN, PATH, state).await;
    let rooms = server.get(BOB, "/v3/joined_rooms").await;
    let room = rooms["joined_rooms"][0].as_str().unwrap();
    assert_eq!(server.get(BOB, &format!("/v3/rooms/{room}/state/m.x")).await["k"], 1);
    let speaker = UserId::parse("@annonces:x.fr").unwrap();
    eventually(async || server.server.store.account(&speaker).await.unwrap().is_some()).await;
    let server = server.restart(|config| config.server_notices.localpart = String::new()).await;
    let off = server.refused("POST", ADMIN, PATH, notice("x")).await;
    assert_eq!(off, (400, "M_UNKNOWN".to_owned()));
}
