// SPDX-License-Identifier: Apache-2.0
//! Without these a client of the merged dialect (MSC4186) would read the wrong names.

use serde_json::{Value, json};

use super::{ALICE, BOB, told};
use crate::testing::{TestServer, bodies};

const V4: &str = "/v4/sync";

fn list(range: (u64, u64), timeline_limit: u64, required_state: &Value) -> Value {
    json!({ "lists": { "all": {
        "range": range, "timeline_limit": timeline_limit, "required_state": required_state,
    } } })
}

async fn sync(server: &TestServer, pos: Option<&Value>, mut body: Value) -> Value {
    if let Some(pos) = pos {
        body["pos"] = pos.clone();
    }
    server.post(BOB, V4, body).await
}

#[tokio::test]
async fn a_room_in_the_merged_dialect() {
    let server = TestServer::start().await;
    let room = server.room(ALICE, json!({ "name": "Salle", "invite": [BOB] })).await;
    let lazy = json!({ "include": [{}], "lazy_members": true,
                       "exclude": [{ "type": "m.room.create", "state_key": "" }] });
    let invited = sync(&server, None, list((0, 9), 1, &lazy)).await;
    let invitation = &invited["rooms"][&room];
    assert_eq!(
        (&invitation["membership"], &invitation["lists"]),
        (&json!("invite"), &json!(["all"]))
    );
    assert!(invitation["stripped_state"].as_array().unwrap().len() > 2);
    assert!(invitation.get("invite_state").is_none() && invitation.get("name").is_none());
    server.post(BOB, &format!("/v3/rooms/{room}/join"), json!({})).await;
    for text in ["one", "two", "three"] {
        server.say(ALICE, &room, text).await;
    }
    let joined = sync(&server, Some(&invited["pos"]), list((0, 9), 1, &lazy)).await;
    let first = &joined["rooms"][&room];
    assert_eq!((&first["initial"], &first["membership"]), (&json!(true), &json!("join")));
    assert_eq!((&first["name"], &first["joined_count"]), (&json!("Salle"), &json!(2)));
    assert!(first.get("notification_count").is_none() && first["bump_stamp"].is_number());
    let state = first["required_state"].as_array().unwrap();
    let of = |kind: &str| state.iter().filter(|event| event["type"] == kind).count();
    assert_eq!((of("m.room.create"), of("m.room.power_levels"), of("m.room.member")), (0, 1, 1));
    assert_eq!(joined["lists"], json!({ "all": { "count": 1 } }));

    let second = sync(&server, Some(&joined["pos"]), list((0, 9), 3, &lazy)).await;
    let expanded = &second["rooms"][&room];
    assert_eq!(expanded["expanded_timeline"], true);
    assert_eq!(bodies(&expanded["timeline"]), ["one", "two", "three"]);
    assert_eq!(expanded["num_live"], 0);
    // The place can be used to look back.
    let pos = second["pos"].as_str().unwrap().replace('/', "%2F");
    let query = format!("dir=b&limit=2&from={pos}");
    assert_eq!(server.bodies(BOB, &room, &query).await, ["three", "two"]);

    server.set(ALICE, &room, "m.room.name", json!({})).await;
    let third = sync(&server, Some(&second["pos"]), list((0, 9), 3, &lazy)).await;
    let nameless = third["rooms"][&room].as_object().unwrap();
    assert_eq!(nameless["name"], Value::Null);
    assert_eq!(nameless["heroes"][0]["user_id"], ALICE);
    let subscribed = json!({ "room_subscriptions": { room.clone(): {
        "timeline_limit": 1, "required_state": {},
    } } });
    server.say(ALICE, &room, "four").await;
    let fourth = sync(&server, Some(&third["pos"]), subscribed).await;
    assert!(fourth["rooms"][&room].get("lists").is_none(), "by subscription alone");
    assert_eq!(bodies(&fourth["rooms"][&room]["timeline"]), ["four"]);
}

/// Whoever comes or changes is told while there is no gap; members are wanted by name if at all.
#[tokio::test]
async fn lazy_members_of_the_merged_dialect() {
    let server = TestServer::start().await;
    let carol = "@carol:x.fr";
    let room = server.room_with(ALICE, &[BOB, carol]).await;
    server.say(ALICE, &room, "x").await;
    let named = json!({ "include": [{}, { "type": "m.room.member", "state_key": BOB }],
                        "lazy_members": true });
    let members = |answer: &Value| {
        let state = answer["rooms"][&room]["required_state"].as_array().unwrap().clone();
        let mut members: Vec<String> = state
            .iter()
            .filter(|event| event["type"] == "m.room.member")
            .map(|event| event["state_key"].as_str().unwrap().to_owned())
            .collect();
        members.sort();
        members
    };
    let first = sync(&server, None, list((0, 9), 1, &named)).await;
    assert_eq!(members(&first), [ALICE, BOB]);
    let path = format!("/v3/rooms/{room}/state/m.room.member/{carol}");
    server.put(carol, &path, json!({ "membership": "join", "displayname": "C" })).await;
    let second = sync(&server, Some(&first["pos"]), list((0, 9), 1, &named)).await;
    assert_eq!(members(&second), [carol]);
    server.say(carol, &room, "y").await;
    let third = sync(&server, Some(&second["pos"]), list((0, 9), 1, &named)).await;
    assert_eq!(members(&third), [""; 0], "known by now");
    let all = json!({ "include": [{ "type": "m.room.member" }] });
    let fourth = sync(&server, None, list((0, 9), 0, &all)).await;
    assert_eq!(members(&fourth).len(), 3);
    assert!(fourth["rooms"][&room].get("timeline").is_none());
}

/// The place of another device or user is not known; shapes are checked.
#[tokio::test]
async fn what_is_refused() {
    let server = TestServer::start().await;
    let room = server.room_with(ALICE, &[BOB]).await;
    let body = list((0, 9), 1, &json!({}));
    let first = sync(&server, None, body.clone()).await;
    assert_eq!(told(&first), [room.as_str()]);
    let mut stolen = body.clone();
    stolen["pos"] = first["pos"].clone();
    let unknown = (400, "M_UNKNOWN_POS".to_owned());
    assert_eq!(server.refused("POST", ALICE, V4, stolen).await, unknown);
    let wrong = |change: fn(&mut Value)| {
        let mut body = body.clone();
        change(&mut body);
        server.refused("POST", BOB, V4, body)
    };
    let invalid = |errcode: &str| (400, errcode.to_owned());
    let away = wrong(|body| body["set_presence"] = json!("away")).await;
    assert_eq!(away, invalid("M_INVALID_PARAM"));
    let key = wrong(|body| body["lists"]["a b"] = body["lists"]["all"].clone()).await;
    assert_eq!(key, invalid("M_INVALID_PARAM"));
    let incomplete = wrong(|body| body["lists"]["all"] = json!({ "range": [0, 1] })).await;
    assert_eq!(incomplete, invalid("M_BAD_JSON"));
    let conn = wrong(|body| {
        body["pos"] = json!("1/1");
        body["conn_id"] = json!("other")
    })
    .await;
    assert_eq!(conn, unknown);
}
