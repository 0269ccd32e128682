// SPDX-License-Identifier: Apache-2.0
//! Without these people could not be invited by address, or anybody could find out or write
//! anything by it.

use std::sync::atomic::Ordering;

use estafette_core::third_party_invite::KIND;
use estafette_store::{
    AccountStore as _, IdentityStore as _, PeopleStore as _, identity::AddressOutcome,
};
use serde_json::{Value, json};

use crate::testing::{TestServer, eventually};

const ALICE: &str = "@alice:x.fr";
const BOB: &str = "@bob:x.fr";
const PARTNER: &str = "@partner:x.fr";

fn email(address: &str) -> Value {
    json!({ "medium": "email", "address": address })
}

/// The invitations of addresses in a room's state: token and content.
async fn offers(server: &TestServer, user: &str, room: &str) -> Vec<(String, Value)> {
    let state = server.get(user, &format!("/v3/rooms/{room}/state")).await;
    let state = state.as_array().unwrap().iter().filter(|event| event["type"] == KIND);
    let offer =
        |event: &Value| (event["state_key"].as_str().unwrap().to_owned(), event["content"].clone());
    state.map(offer).collect()
}

/// The membership event of `PARTNER`, as whoever is in the room sees it.
async fn partner(server: &TestServer, room: &str) -> Option<Value> {
    let state = server.get(ALICE, &format!("/v3/rooms/{room}/state")).await;
    let mut members = state.as_array().unwrap().iter();
    members.find(|event| event["state_key"] == PARTNER).cloned()
}

async fn is_valid(server: &TestServer, key: &Value) -> bool {
    let key = key.as_str().unwrap().replace('+', "%2B").replace('/', "%2F");
    let path = format!("/_matrix/identity/v2/pubkey/ephemeral/isvalid?public_key={key}");
    server.get("", &path).await["valid"].as_bool().unwrap()
}

#[tokio::test]
async fn who_has_an_account_is_invited_at_once() {
    let server = TestServer::start().await;
    let book = server.with_book();
    server.person(PARTNER, "partner@org.fr", false).await;
    let room = server.room(ALICE, json!({})).await;
    let mut body = email("Partner@ORG.fr");
    body["id_server"] = json!("x.fr");
    body["reason"] = json!("welcome");
    server.post(ALICE, &format!("/v3/rooms/{room}/invite"), body).await;
    let member = partner(&server, &room).await.unwrap();
    assert_eq!(member["content"]["membership"], "invite");
    assert_eq!(member["content"]["reason"], "welcome");
    assert!(member["content"].get("third_party_invite").is_none());
    assert!(offers(&server, ALICE, &room).await.is_empty() && server.mails().await.is_empty());
    assert_eq!(book.queued.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn who_has_none_gets_a_mail_and_becomes_a_member_by_signing_up() {
    let server = TestServer::start().await;
    let book = server.with_book();
    let room = server.room(ALICE, json!({ "name": "Secret" })).await;
    let invite = format!("/v3/rooms/{room}/invite");
    server.post(ALICE, &invite, email("Partner@guest.fr")).await;
    let (token, offer) = offers(&server, ALICE, &room).await.pop().unwrap();
    assert_eq!(offer["display_name"], "p...@g...");
    let validity = "https://x.fr/_matrix/identity/v2/pubkey/ephemeral/isvalid";
    assert_eq!(offer["key_validity_url"], validity);
    assert_eq!(offer["public_keys"][0]["public_key"], offer["public_key"]);
    assert!(is_valid(&server, &offer["public_key"]).await);
    assert!(!is_valid(&server, &json!("other")).await);
    let mails = server.mails().await;
    assert_eq!(mails, [("partner@guest.fr".into(), "nobody in particular".into())]);

    // Again: another mail and nothing else.
    server.post(ALICE, &invite, email("partner@guest.fr")).await;
    assert_eq!(server.mails().await.len(), 2);
    assert_eq!(offers(&server, ALICE, &room).await.len(), 1);
    assert_eq!(book.queued.load(Ordering::SeqCst), 2);

    server.sign_up(PARTNER, "partner@guest.fr", true).await;
    eventually(async || partner(&server, &room).await.is_some()).await;
    let member = partner(&server, &room).await.unwrap();
    assert_eq!(
        (&member["sender"], &member["content"]["membership"]),
        (&json!(ALICE), &json!("invite"))
    );
    assert_eq!(member["content"]["displayname"], "Somebody");
    let proof = &member["content"]["third_party_invite"];
    assert_eq!(proof["display_name"], "p...@g...");
    assert_eq!(
        (&proof["signed"]["mxid"], &proof["signed"]["token"]),
        (&json!(PARTNER), &json!(token))
    );
    assert!(proof["signed"]["signatures"]["x.fr"]["ed25519:0"].is_string());
    assert_eq!(offers(&server, ALICE, &room).await, [(token.clone(), json!({}))]);
    assert!(!is_valid(&server, &offer["public_key"]).await, "it was used");

    let store = &server.server.store;
    assert!(!store.is_invited("partner@guest.fr", server.server.now_ms()).await.unwrap());
    let join = format!("/v3/rooms/{room}/join");
    server.post(PARTNER, &join, json!({})).await;
    server.post(PARTNER, &format!("/v3/rooms/{room}/leave"), json!({})).await;
    let refused = server.refused("POST", PARTNER, &join, json!({})).await;
    assert_eq!(refused, (403, "M_FORBIDDEN".to_owned()), "an invitation works twice");
}

/// Otherwise the State's address says what the inviter likes (CVE-2021-29432).
#[tokio::test]
async fn nothing_that_the_inviter_chose_is_in_the_mail() {
    let server = TestServer::start().await;
    server.with_book();
    server.person(ALICE, "alice@org.fr", false).await;
    let evil = "Click http://evil.example";
    let name = json!({ "displayname": evil });
    server.put(ALICE, &format!("/v3/profile/{ALICE}/displayname"), name).await;
    let room = server.room(ALICE, json!({ "name": evil, "topic": evil })).await;
    let mut body = email("one@org.fr");
    body["reason"] = json!(evil);
    server.post(ALICE, &format!("/v3/rooms/{room}/invite"), body).await;
    assert_eq!(server.mails().await, [("one@org.fr".into(), "alice@org.fr".into())]);
}

#[tokio::test]
async fn what_cannot_be_is_refused_and_leaves_nothing_behind() {
    let server = TestServer::start().await;
    let book = server.with_book();
    server.person("@guest:x.fr", "g@guest.fr", true).await;
    let room = server.room_with(ALICE, &[BOB, "@guest:x.fr"]).await;
    let levels = json!({ "users": { ALICE: 100 }, "users_default": 0, "invite": 50 });
    let old = server.room(ALICE, json!({ "room_version": "10", "invite": [BOB] })).await;
    server.post(BOB, &format!("/v3/rooms/{old}/join"), json!({})).await;
    server.set(ALICE, &old, "m.room.power_levels", levels).await;
    let invite = |room: &str| format!("/v3/rooms/{room}/invite");
    let elsewhere = json!({ "medium": "email", "address": "p@org.fr", "id_server": "vector.im" });
    for (user, room, body, status, errcode) in [
        (
            ALICE,
            &room,
            json!({ "medium": "msisdn", "address": "33" }),
            400,
            "M_THREEPID_MEDIUM_NOT_SUPPORTED",
        ),
        (ALICE, &room, elsewhere, 400, "M_SERVER_NOT_TRUSTED"),
        (ALICE, &room, email("a@evil.com@org.fr"), 400, "M_INVALID_PARAM"),
        (ALICE, &room, json!({ "medium": "email" }), 400, "M_MISSING_PARAM"),
        (ALICE, &room, json!({ "medium": 1 }), 400, "M_BAD_JSON"),
        (ALICE, &room, email("p@other.fr"), 403, "M_THREEPID_DENIED"),
        (ALICE, &room, email("p@nowhere.fr"), 403, "M_THREEPID_DENIED"),
        ("@guest:x.fr", &room, email("p@guest.fr"), 403, "M_FORBIDDEN"),
        ("@stranger:x.fr", &room, email("p@org.fr"), 403, "M_FORBIDDEN"),
        (BOB, &old, email("p@org.fr"), 403, "M_FORBIDDEN"),
    ] {
        let told = body.to_string();
        let refused = server.refused("POST", user, &invite(room), body).await;
        assert_eq!(refused, (status, errcode.to_owned()), "{told}");
    }
    book.mute.store(true, Ordering::SeqCst);
    let refused = server.refused("POST", ALICE, &invite(&room), email("p@org.fr")).await;
    assert_eq!(refused, (403, "M_THREEPID_DENIED".to_owned()));
    assert!(server.mails().await.is_empty() && offers(&server, ALICE, &room).await.is_empty());

    let without = TestServer::start().await;
    let room = without.room(ALICE, json!({})).await;
    let refused = without.refused("POST", ALICE, &invite(&room), email("p@org.fr")).await;
    assert_eq!(refused, (403, "M_THREEPID_DENIED".to_owned()), "nobody knows addresses");
}

/// Otherwise one account finds out who has an account, address by address.
#[tokio::test]
async fn every_look_up_costs_a_search_found_or_not() {
    let server = TestServer::with(|config| {
        config.rate_limits.enabled = true;
        config.user_directory.searches_per_day = 2;
    })
    .await;
    server.with_book();
    server.person(PARTNER, "partner@org.fr", false).await;
    let room = server.room(ALICE, json!({})).await;
    let invite = format!("/v3/rooms/{room}/invite");
    server.post(ALICE, &invite, email("nobody@org.fr")).await;
    server.post(ALICE, &invite, email("partner@org.fr")).await;
    for address in ["partner@org.fr", "other@org.fr", "p@nowhere.fr"] {
        let refused = server.refused("POST", ALICE, &invite, email(address)).await;
        assert_eq!(refused, (429, "M_LIMIT_EXCEEDED".to_owned()), "{address}");
    }
    // Who may not invite here spends nothing and learns nothing.
    let refused = server.refused("POST", BOB, &invite, email("partner@org.fr")).await;
    assert_eq!(refused, (403, "M_FORBIDDEN".to_owned()));
}

#[tokio::test]
async fn a_mailbox_is_not_flooded() {
    let server = TestServer::start().await;
    server.with_book();
    let room = server.room(ALICE, json!({})).await;
    let invite = format!("/v3/rooms/{room}/invite");
    for _ in 0..estafette_core::limits::INVITATION_MAILS_PER_ADDRESS {
        server.post(ALICE, &invite, email("p@org.fr")).await;
    }
    let refused = server.refused("POST", ALICE, &invite, email("p@org.fr")).await;
    assert_eq!(refused, (429, "M_LIMIT_EXCEEDED".to_owned()));
    let create = json!({ "invite_3pid": [email("p@org.fr")] });
    let refused = server.refused("POST", BOB, "/v3/createRoom", create).await;
    assert_eq!(refused, (429, "M_LIMIT_EXCEEDED".to_owned()), "nor by others");
}

#[tokio::test]
async fn it_can_be_taken_back_and_nothing_else_be_made_of_it() {
    let server = TestServer::start().await;
    server.with_book();
    let room = server.room(ALICE, json!({})).await;
    let invite = format!("/v3/rooms/{room}/invite");
    server.post(ALICE, &invite, email("partner@guest.fr")).await;
    let (token, offer) = offers(&server, ALICE, &room).await.pop().unwrap();
    let state = format!("/v3/rooms/{room}/state/{KIND}/{token}");
    let forged = server.refused("PUT", ALICE, &state, offer.clone()).await;
    assert_eq!(forged, (403, "M_FORBIDDEN".to_owned()));
    let initial =
        json!({ "initial_state": [{ "type": KIND, "state_key": "t", "content": offer }] });
    let forged = server.refused("POST", ALICE, "/v3/createRoom", initial).await;
    assert_eq!(forged, (400, "M_INVALID_ROOM_STATE".to_owned()));
    assert!(is_valid(&server, &offer["public_key"]).await);
    server.put(ALICE, &state, json!({})).await;
    assert!(!is_valid(&server, &offer["public_key"]).await);
    let outcome = server.sign_up(PARTNER, "partner@guest.fr", true).await;
    assert_eq!(outcome, estafette_store::people::CreatePersonOutcome::NotInvited);
    // So does redacting it.
    let third = server.room(ALICE, json!({})).await;
    server.post(ALICE, &format!("/v3/rooms/{third}/invite"), email("other@guest.fr")).await;
    let state = server.get(ALICE, &format!("/v3/rooms/{third}/state")).await;
    let event = state.as_array().unwrap().iter().find(|event| event["type"] == KIND).unwrap();
    let event = event["event_id"].as_str().unwrap();
    server.put(ALICE, &format!("/v3/rooms/{third}/redact/{event}/1"), json!({})).await;
    let outcome = server.sign_up("@other:x.fr", "other@guest.fr", true).await;
    assert_eq!(outcome, estafette_store::people::CreatePersonOutcome::NotInvited);
    // Nor does it come back when the account is made all the same.
    server.person(PARTNER, "partner@guest.fr", true).await;
    let second = server.room(ALICE, json!({})).await;
    server.post(ALICE, &format!("/v3/rooms/{second}/invite"), email("partner@guest.fr")).await;
    assert!(partner(&server, &second).await.is_some());
    assert!(partner(&server, &room).await.is_none());
}

#[tokio::test]
async fn a_room_is_made_with_all_its_invitations_or_not_at_all() {
    let server = TestServer::start().await;
    server.with_book();
    server.person(BOB, "bob@org.fr", false).await;
    let body = |more: &str| {
        json!({
            "preset": "trusted_private_chat", "is_direct": true,
            "invite_3pid": [email("bob@org.fr"), email("Partner@guest.fr"),
                            email("partner@guest.fr"), email(more)],
        })
    };
    let refused = server.refused("POST", ALICE, "/v3/createRoom", body("p@other.fr")).await;
    assert_eq!(refused, (403, "M_THREEPID_DENIED".to_owned()));
    assert!(server.mails().await.is_empty());
    assert_eq!(server.get(ALICE, "/v3/joined_rooms").await["joined_rooms"], json!([]));
    let room = server.room(ALICE, body("bob@org.fr")).await;
    let bob = server.get(ALICE, &format!("/v3/rooms/{room}/state/m.room.member/{BOB}")).await;
    assert_eq!((&bob["membership"], &bob["is_direct"]), (&json!("invite"), &json!(true)));
    assert_eq!(offers(&server, ALICE, &room).await.len(), 1);
    assert_eq!(server.mails().await.len(), 1);
    server.sign_up(PARTNER, "partner@guest.fr", true).await;
    eventually(async || partner(&server, &room).await.is_some()).await;
    assert_eq!(partner(&server, &room).await.unwrap()["content"]["is_direct"], true);
}

/// An account that an administrator brings back, or that changes its address, counts like a new
/// one.
#[tokio::test]
async fn every_way_to_an_address_redeems_it() {
    let server = TestServer::start().await;
    server.with_book();
    let room = server.room(ALICE, json!({})).await;
    let invite = format!("/v3/rooms/{room}/invite");
    server.person(PARTNER, "old@org.fr", false).await;
    server.person(BOB, "bob@org.fr", false).await;
    let store = &server.server.store;
    let user = |id: &str| estafette_core::ids::UserId::parse(id).unwrap();
    store.deactivate_account(&user(BOB), false, 1).await.unwrap();
    for address in ["new@org.fr", "bob@org.fr"] {
        server.post(ALICE, &invite, email(address)).await;
    }
    assert_eq!(offers(&server, ALICE, &room).await.len(), 2, "a deactivated account is none");
    let changed = store.change_address(&user(PARTNER), "new@org.fr", 7, None).await.unwrap();
    assert_eq!(changed, AddressOutcome::Changed);
    assert!(store.reactivate_account(&user(BOB), None).await.unwrap());
    eventually(async || {
        let offers = offers(&server, ALICE, &room).await;
        offers.iter().all(|(_, content)| *content == json!({}))
    })
    .await;
    assert!(partner(&server, &room).await.is_some());
    let bob = server.get(ALICE, &format!("/v3/rooms/{room}/state/m.room.member/{BOB}")).await;
    assert_eq!(bob["membership"], "invite");
    assert_eq!(
        store.person(&user(BOB)).await.unwrap().unwrap().details.email.as_deref(),
        Some("bob@org.fr")
    );
}
