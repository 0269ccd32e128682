// SPDX-License-Identifier: Apache-2.0
//! Without these an event could have another id, hash or signature here than elsewhere.

use base64::Engine as _;

use super::*;
use crate::{
    ids::ServerName,
    sign::{BASE64, SigningKey},
};

fn key() -> SigningKey {
    crate::sign::specification_key()
}

struct Ours;

impl KeyLookup for Ours {
    fn public_key(&self, server: &str, key_id: &str, _: Option<i64>) -> Option<Vec<u8>> {
        (server == "x.fr" && key_id == "ed25519:1")
            .then(|| BASE64.decode(key().public_base64()).unwrap())
    }
}

fn draft(version: RoomVersion, content: &Object) -> Event {
    let room_id = RoomId::parse("!r:x.fr").unwrap();
    let sender = UserId::parse("@a:x.fr").unwrap();
    let prev = [EventId::parse("$p").unwrap()];
    let id = EventId::parse("$chosen:x.fr").unwrap();
    EventDraft {
        version,
        room_id: Some(&room_id),
        sender: &sender,
        kind: "m.room.message",
        state_key: None,
        content,
        redacts: None,
        prev_events: &prev,
        auth_events: &[],
        depth: 7,
        origin_server_ts: 5,
        chosen_id: Some(&id),
    }
    .sign(&ServerName::parse("x.fr").unwrap(), &key())
    .unwrap()
}

fn content() -> Object {
    Object::from([("body".into(), "é\n".into()), ("n".into(), 3.into())])
}

#[test]
fn what_we_build_passes_the_checks_for_what_others_build() {
    for version in RoomVersion::all() {
        let event = draft(version, &content());
        let raw = RawPdu::parse(event.json().as_bytes(), version).unwrap();
        assert_eq!(raw.event_id(), event.event_id(), "{version}");
        let checked = raw.check(&Ours).unwrap();
        assert!(!checked.redacted);
        assert_eq!(checked.event.json(), event.json());
        assert_eq!(checked.event.content(), &content());
        assert_eq!(checked.event.content_json(), r#"{"body":"é\n","n":3}"#);
        assert_eq!((event.depth(), event.prev_events().len()), (7, 1));
    }
}

#[test]
fn a_changed_content_is_cut_and_a_changed_rest_is_dropped() {
    for version in RoomVersion::all() {
        let json = draft(version, &content()).json().to_owned();
        let changed = json.replace("\"n\":3", "\"n\":4");
        let raw = RawPdu::parse(changed.as_bytes(), version).unwrap();
        let kept = raw.check(&Ours).unwrap();
        assert!(kept.redacted && kept.event.content().is_empty());
        let changed = json.replace("\"depth\":7", "\"depth\":8");
        let raw = RawPdu::parse(changed.as_bytes(), version).unwrap();
        assert!(matches!(raw.check(&Ours), Err(PduError::Signature { .. })));
    }
}

#[test]
fn the_size_limit_is_65536_bytes_exactly() {
    let with_body = |len: usize| Object::from([("body".into(), "x".repeat(len).into())]);
    let overhead = draft(RoomVersion::V11, &with_body(0)).json().len();
    let largest = draft(RoomVersion::V11, &with_body(65_536 - overhead));
    assert_eq!(largest.json().len(), 65_536);
    let raw = RawPdu::parse(largest.json().as_bytes(), RoomVersion::V11).unwrap();
    assert!(raw.check(&Ours).is_ok());
    let larger = largest.json().replace("xxx", "xxxx");
    assert!(matches!(RawPdu::parse(larger.as_bytes(), RoomVersion::V11), Err(PduError::TooLarge)));
    let room_id = RoomId::parse("!r:x.fr").unwrap();
    let sender = UserId::parse("@a:x.fr").unwrap();
    let content = with_body(65_536);
    let refused = EventDraft {
        version: RoomVersion::V11,
        room_id: Some(&room_id),
        sender: &sender,
        kind: "m.room.message",
        state_key: None,
        content: &content,
        redacts: None,
        prev_events: &[],
        auth_events: &[],
        depth: 1,
        origin_server_ts: 0,
        chosen_id: None,
    }
    .sign(&ServerName::parse("x.fr").unwrap(), &key());
    assert_eq!(refused.err(), Some(DraftError::TooLarge));
}

#[test]
fn only_our_own_users_events_are_signed() {
    let room_id = RoomId::parse("!r:x.fr").unwrap();
    let sender = UserId::parse("@a:y.fr").unwrap();
    let refused = EventDraft {
        version: RoomVersion::V11,
        room_id: Some(&room_id),
        sender: &sender,
        kind: "m.room.message",
        state_key: None,
        content: &Object::new(),
        redacts: None,
        prev_events: &[],
        auth_events: &[],
        depth: 1,
        origin_server_ts: 0,
        chosen_id: None,
    }
    .sign(&ServerName::parse("x.fr").unwrap(), &key());
    assert_eq!(refused.err(), Some(DraftError::ForeignSender));
}

#[test]
fn malformed_pdus_are_named() {
    let good = draft(RoomVersion::V11, &content()).json().to_owned();
    for (from, to, member) in [
        ("\"type\":\"m.room.message\"", "\"type\":1", "type"),
        ("\"sender\":\"@a:x.fr\"", "\"sender\":\"a\"", "sender"),
        ("\"room_id\":\"!r:x.fr\"", "\"room_id\":\"r\"", "room_id"),
        ("\"depth\":7", "\"depth\":-1", "depth"),
        ("\"prev_events\":[\"$p\"]", "\"prev_events\":[\"$p\",\"$p\"]", "prev_events"),
        ("\"auth_events\":[]", "\"auth_events\":{}", "auth_events"),
        ("\"origin_server_ts\":5", "\"origin_server_ts\":\"5\"", "origin_server_ts"),
    ] {
        let bad = good.replace(from, to);
        assert_ne!(bad, good);
        let refused = RawPdu::parse(bad.as_bytes(), RoomVersion::V11).err();
        assert_eq!(refused, Some(PduError::Member(member)));
    }
}
