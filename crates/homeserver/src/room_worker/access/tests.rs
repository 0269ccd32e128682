// SPDX-License-Identifier: Apache-2.0
//! The table of kinds is tested in core; here it is that every way into a room goes by it, and
//! that it binds nobody where the operator does not want it.

use serde_json::{Value, json};

use crate::testing::{TestServer, eventually};

const ALICE: &str = "@alice:x.fr";
const BOB: &str = "@bob:x.fr";
const GUEST: &str = "@guest:x.fr";
const KIND: &str = "im.vector.room.access_rules";

async fn start() -> TestServer {
    let server = TestServer::with(|config| config.rooms.access_rules = true).await;
    server.with_book();
    server.person(ALICE, "alice@org.fr", false).await;
    server.person(BOB, "bob@org.fr", false).await;
    server.person(GUEST, "guest@guest.fr", true).await;
    server
}

fn open_to_guests() -> Value {
    json!({ "initial_state": [{ "type": KIND, "content": { "rule": "unrestricted" } }] })
}

async fn state(server: &TestServer, room: &str, kind: &str) -> Option<Value> {
    let path = format!("/v3/rooms/{room}/state/{kind}");
    let (status, content) = server.request("GET", &path, ALICE, Value::Null).await;
    status.is_success().then_some(content)
}

fn forbidden() -> (u16, String) {
    (403, "M_FORBIDDEN".to_owned())
}

#[tokio::test]
async fn rooms_are_made_and_changed_by_the_rules() {
    let server = start().await;
    let room = server.room(ALICE, json!({ "name": "Ours", "invite": [BOB] })).await;
    let rules = state(&server, &room, KIND).await.unwrap();
    assert_eq!(rules, json!({ "rule": "restricted", "visibility": "private" }));
    assert!(state(&server, &room, "m.room.encryption").await.is_some());
    let bad = json!({ "initial_state": [{ "type": KIND, "content": { "rule": "open" } }] });
    let refused = server.refused("POST", ALICE, "/v3/createRoom", bad).await;
    assert_eq!(refused, (400, "M_INVALID_PARAM".to_owned()));
    server.post(BOB, &format!("/v3/rooms/{room}/join"), json!({})).await;
    let path = format!("/v3/rooms/{room}/state/{KIND}/");
    let opened = json!({ "rule": "unrestricted" });
    assert_eq!(server.refused("PUT", BOB, &path, opened.clone()).await, forbidden());
    let list = format!("/v3/directory/list/room/{room}");
    let publish = json!({ "visibility": "public" });
    assert_eq!(server.refused("PUT", ALICE, &list, publish).await, forbidden());
    server.put(ALICE, &path, opened).await;
    let closed = json!({ "rule": "restricted" });
    assert_eq!(server.refused("PUT", ALICE, &path, closed).await, forbidden());
    // Its replacement is as open, and as closed, as it was.
    let next = server
        .post(ALICE, &format!("/v3/rooms/{room}/upgrade"), json!({ "new_version": "11" }))
        .await;
    let next = next["replacement_room"].as_str().unwrap();
    assert_eq!(state(&server, next, KIND).await.unwrap(), json!({ "rule": "unrestricted" }));

    let public = json!({ "preset": "public_chat", "visibility": "public" });
    let public = server.room(ALICE, public).await;
    let encryption = json!({ "algorithm": "m.megolm.v1.aes-sha2" });
    let path = format!("/v3/rooms/{public}/state/m.room.encryption/");
    assert_eq!(server.refused("PUT", ALICE, &path, encryption).await, forbidden());
    let path = format!("/v3/rooms/{public}/state/{KIND}/");
    let opened = json!({ "rule": "unrestricted", "visibility": "public" });
    assert_eq!(server.refused("PUT", ALICE, &path, opened).await, forbidden(), "it is published");
    let capabilities = server.get(ALICE, "/v3/capabilities").await;
    assert_eq!(capabilities["capabilities"][KIND]["enabled"], true);
    // Whoever has no account here is told nothing.
    let list = server.get("", "/v3/publicRooms").await;
    assert_eq!(list["chunk"], json!([]));
    let (status, _) =
        server.request("GET", &format!("/v1/room_summary/{public}"), "", Value::Null).await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn no_way_leads_a_guest_into_a_room_of_agents() {
    let server = start().await;
    let room = server.room(ALICE, json!({})).await;
    let invite = format!("/v3/rooms/{room}/invite");
    let by_id = json!({ "user_id": GUEST });
    let by_address = json!({ "medium": "email", "address": "guest@guest.fr" });
    let stranger = json!({ "medium": "email", "address": "new@guest.fr" });
    for body in [&by_id, &by_address, &stranger] {
        let refused = server.refused("POST", ALICE, &invite, body.clone()).await;
        assert_eq!(refused, forbidden(), "{body}");
    }
    let as_state = format!("/v3/rooms/{room}/state/m.room.member/{GUEST}");
    let membership = json!({ "membership": "invite" });
    assert_eq!(server.refused("PUT", ALICE, &as_state, membership).await, forbidden());
    for body in [json!({ "invite": [GUEST] }), json!({ "invite_3pid": [by_address, stranger] })] {
        let refused = server.refused("POST", ALICE, "/v3/createRoom", body.clone()).await;
        assert_eq!(refused, forbidden(), "{body}");
    }
    assert!(server.mails().await.is_empty());

    let open = server.room(ALICE, open_to_guests()).await;
    let invite = format!("/v3/rooms/{open}/invite");
    server.post(ALICE, &invite, by_id.clone()).await;
    server.post(GUEST, &format!("/v3/join/{open}"), json!({})).await;
    server.post(ALICE, &invite, json!({ "medium": "email", "address": "new@guest.fr" })).await;
    server.sign_up("@new:x.fr", "new@guest.fr", true).await;
    eventually(async || state(&server, &open, "m.room.member/@new:x.fr").await.is_some()).await;
    let levels = json!({ "users": { GUEST: 50 }, "users_default": 0 });
    let path = format!("/v3/rooms/{open}/state/m.room.power_levels/");
    assert_eq!(server.refused("PUT", ALICE, &path, levels).await, forbidden());
}

/// An address that was an agent's when it was invited, and is a guest's when it signs up.
#[tokio::test]
async fn the_invitation_of_an_agent_who_is_a_guest_by_then_lapses() {
    let server = start().await;
    let room = server.room(ALICE, json!({})).await;
    let body = json!({ "medium": "email", "address": "late@org.fr" });
    server.post(ALICE, &format!("/v3/rooms/{room}/invite"), body).await;
    let invited = estafette_store::identity::GuestInvitation {
        address: "late@guest.fr".into(),
        invited_by: ALICE.into(),
        expires_ms: i64::MAX,
    };
    let entry =
        estafette_store::people::AuditEntry { actor: "operator".into(), reason: None, now_ms: 0 };
    let act = estafette_store::people::AdminAct::InviteGuest(invited, None);
    use estafette_store::{PeopleStore as _, ThirdPartyInviteStore as _};
    let store = &server.server.store;
    store.administer(entry, None, act).await.unwrap();
    let late = "@late:x.fr";
    server.sign_up(late, "late@guest.fr", true).await;
    let user_id = estafette_core::ids::UserId::parse(late).unwrap();
    let details = estafette_store::people::PersonDetails {
        email: Some("late@org.fr".into()),
        guest: true,
        organisation_fixed: true,
        ..Default::default()
    };
    store.put_person(&user_id, details).await.unwrap();
    let room_id = estafette_core::ids::RoomId::parse(&room).unwrap();
    eventually(async || store.third_party_invites_in(&room_id).await.unwrap() == 0).await;
    assert!(state(&server, &room, "m.room.member/@late:x.fr").await.is_none());
}

#[tokio::test]
async fn plain_matrix_is_untouched_where_the_operator_wants_none_of_it() {
    let server = TestServer::start().await;
    server.with_book();
    server.person(GUEST, "guest@guest.fr", true).await;
    let room = server.room(ALICE, json!({ "invite": [GUEST] })).await;
    assert!(state(&server, &room, KIND).await.is_none());
    assert!(state(&server, &room, "m.room.encryption").await.is_none());
    server.set(ALICE, &room, KIND, json!({ "rule": "whatever" })).await;
    let capabilities = server.get(ALICE, "/v3/capabilities").await;
    assert_eq!(capabilities["capabilities"][KIND]["enabled"], false);
}
