// SPDX-License-Identifier: Apache-2.0
//! Without these an invitation by e-mail would be lost by a restart, last for ever, or bring
//! people in for somebody who may not invite any more.

use estafette_core::{ids::UserId, limits::THIRD_PARTY_INVITE_S, third_party_invite::KIND};
use estafette_store::{
    AccountStore as _, PeopleStore as _, ThirdPartyInviteStore as _,
    accounts::AccountFlag,
    people::{AdminAct, AuditEntry},
};
use serde_json::{Value, json};

use crate::testing::{TestServer, eventually};

const ALICE: &str = "@alice:x.fr";
const BOB: &str = "@bob:x.fr";
const PARTNER: &str = "@partner:x.fr";
const ADDRESS: &str = "partner@org.fr";

fn user(id: &str) -> UserId {
    UserId::parse(id).unwrap()
}

/// A room of `ALICE` (100), `BOB` (100) and the invited address.
async fn invited(server: &TestServer) -> String {
    server.with_book();
    let room = server.room(ALICE, json!({ "room_version": "10", "invite": [BOB] })).await;
    server.post(BOB, &format!("/v3/rooms/{room}/join"), json!({})).await;
    let levels = json!({ "users": { ALICE: 100, BOB: 100 }, "invite": 50 });
    server.set(ALICE, &room, "m.room.power_levels", levels).await;
    let body = json!({ "medium": "email", "address": ADDRESS });
    server.post(ALICE, &format!("/v3/rooms/{room}/invite"), body).await;
    room
}

async fn state(server: &TestServer, room: &str, kind: &str) -> Vec<Value> {
    let state = server.get(BOB, &format!("/v3/rooms/{room}/state")).await;
    let state = state.as_array().unwrap().iter();
    state.filter(|event| event["type"] == kind).cloned().collect()
}

async fn is_invited(server: &TestServer, room: &str) -> bool {
    let members = state(server, room, "m.room.member").await;
    members.iter().any(|event| event["state_key"] == PARTNER)
}

/// Whether nothing waits for the address any more.
async fn is_over(server: &TestServer) -> bool {
    let now_ms = server.server.now_ms();
    !server.server.store.is_awaited(ADDRESS, now_ms).await.unwrap()
        && server.server.store.ended_invites(i64::MAX, 0, 1).await.unwrap().is_empty()
}

#[tokio::test]
async fn an_account_that_was_made_before_a_crash_is_invited_after_it_once() {
    let server = TestServer::start().await;
    let room = invited(&server).await;
    // Nobody redeems any more.
    server.server.stop();
    server.sign_up(PARTNER, ADDRESS, false).await;
    assert!(!is_over(&server).await);
    let server = server.restart(|_| {}).await;
    server.with_book();
    eventually(async || is_invited(&server, &room).await).await;
    eventually(async || is_over(&server).await).await;
    let server = server.restart(|_| {}).await;
    server.person(PARTNER, ADDRESS, false).await;
    server.post(PARTNER, &format!("/v3/rooms/{room}/leave"), json!({})).await;
    super::look(&server.server).await.unwrap();
    let members = state(&server, &room, "m.room.member").await;
    let partner = members.iter().find(|event| event["state_key"] == PARTNER).unwrap();
    assert_eq!(partner["content"]["membership"], "leave", "invited twice");
}

#[tokio::test]
async fn who_left_or_may_not_invite_brings_nobody_in() {
    for how in ["leaves", "is demoted", "is suspended", "becomes a guest", "is refused"] {
        let server = TestServer::start().await;
        let room = invited(&server).await;
        match how {
            "leaves" => {
                server.post(ALICE, &format!("/v3/rooms/{room}/leave"), json!({})).await;
            }
            "is demoted" => {
                let levels = json!({ "users": { BOB: 100 }, "invite": 50 });
                server.set(ALICE, &room, "m.room.power_levels", levels).await;
            }
            "is suspended" => {
                let entry = AuditEntry { actor: "operator".into(), reason: None, now_ms: 0 };
                let act = AdminAct::SetFlag(AccountFlag::Suspended, true);
                server.server.store.administer(entry, Some(ALICE), act).await.unwrap();
            }
            "becomes a guest" => server.person(ALICE, "alice@guest.fr", true).await,
            _ => {
                server
                    .post(ALICE, &format!("/v3/rooms/{room}/ban"), json!({ "user_id": PARTNER }))
                    .await;
            }
        }
        server.sign_up(PARTNER, ADDRESS, false).await;
        eventually(async || is_over(&server).await).await;
        if how != "is refused" {
            assert!(!is_invited(&server, &room).await, "{how}");
        }
        let joined = server.refused("POST", PARTNER, &format!("/v3/join/{room}"), json!({})).await;
        assert_eq!(joined.0, 403, "{how}");
    }
}

#[tokio::test]
async fn it_ends_in_time_for_all_to_see() {
    let server = TestServer::start().await;
    let room = invited(&server).await;
    let month_ms = (THIRD_PARTY_INVITE_S * 1000).cast_signed();
    server.clock.advance(month_ms - 1);
    super::look(&server.server).await.unwrap();
    assert!(!is_over(&server).await);
    server.clock.advance(1);
    super::look(&server.server).await.unwrap();
    assert!(is_over(&server).await);
    assert_eq!(state(&server, &room, KIND).await[0]["content"], json!({}));
    server.sign_up(PARTNER, ADDRESS, false).await;
    super::look(&server.server).await.unwrap();
    assert!(!is_invited(&server, &room).await);
}

#[tokio::test]
async fn who_is_in_the_room_already_stays_as_they_are() {
    let server = TestServer::start().await;
    let room = invited(&server).await;
    server.token_of(PARTNER).await;
    server.post(BOB, &format!("/v3/rooms/{room}/invite"), json!({ "user_id": PARTNER })).await;
    server.post(PARTNER, &format!("/v3/rooms/{room}/join"), json!({})).await;
    server.person(PARTNER, ADDRESS, false).await;
    eventually(async || is_over(&server).await).await;
    let members = state(&server, &room, "m.room.member").await;
    let partner = members.iter().find(|event| event["state_key"] == PARTNER).unwrap();
    assert_eq!(partner["content"]["membership"], "join");
    assert_eq!(state(&server, &room, KIND).await[0]["content"], json!({}));
    assert!(server.server.store.account(&user(PARTNER)).await.unwrap().is_some());
}
