// SPDX-License-Identifier: Apache-2.0
//! Without these an event could have another id, hash or signature here than elsewhere.

use base64::Engine as _;

use super::*;
use crate::{
    ids::ServerName,
    json::JsonError,
    sign::{BASE64, SigningKey, VerifyError},
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
    // Spaces do not count, up to as many bytes again.
    let spaced = |bytes: usize| format!("{}{}", largest.json(), " ".repeat(bytes - 65_536));
    assert!(RawPdu::parse(spaced(131_072).as_bytes(), RoomVersion::V11).is_ok());
    let refused = RawPdu::parse(spaced(131_073).as_bytes(), RoomVersion::V11).err();
    assert_eq!(refused, Some(PduError::TooLarge));
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

/// A field at its limit is taken, one byte more is refused before anything is signed.
#[test]
fn the_limits_of_what_is_built_here() {
    let (room_id, sender) = (RoomId::parse("!r:x.fr").unwrap(), UserId::parse("@a:x.fr").unwrap());
    let ids: Vec<_> =
        (0..21).map(|number| EventId::parse(&format!("$e{number}")).unwrap()).collect();
    let content = Object::new();
    let sign = |kind: usize, state_key: usize, prev: usize, auth: usize| {
        let draft = EventDraft {
            version: RoomVersion::V11,
            room_id: Some(&room_id),
            sender: &sender,
            kind: &"t".repeat(kind),
            state_key: Some(&"s".repeat(state_key)),
            content: &content,
            redacts: None,
            prev_events: &ids[..prev],
            auth_events: &ids[..auth],
            depth: 1,
            origin_server_ts: 0,
            chosen_id: None,
        };
        draft.sign(&ServerName::parse("x.fr").unwrap(), &key()).map(|_| ())
    };
    assert_eq!(sign(255, 255, 20, 10), Ok(()));
    assert_eq!(sign(256, 255, 20, 10), Err(DraftError::FieldTooLong("type")));
    assert_eq!(sign(255, 256, 20, 10), Err(DraftError::FieldTooLong("state_key")));
    let edges = Err(DraftError::Inconsistent("too many edges"));
    assert_eq!(sign(255, 255, 21, 10), edges);
    assert_eq!(sign(255, 255, 20, 11), edges);
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
        ("\"prev_events\":[\"$p\"]", "\"prev_events\":[[\"$p\",{}]]", "prev_events"),
        ("\"prev_events\":[\"$p\"]", "\"prev_events\":[1]", "prev_events"),
        ("\"auth_events\":[]", "\"auth_events\":{}", "auth_events"),
        ("\"origin_server_ts\":5", "\"origin_server_ts\":\"5\"", "origin_server_ts"),
        ("\"content\":{", "\"content\":[],\"x\":{", "content"),
        ("\"sha256\":", "\"sha512\":", "hashes"),
        ("\"hashes\":{", "\"hashes\":1,\"x\":{", "hashes"),
        ("\"signatures\":{", "\"signatures\":{\"y\":1,", "signatures"),
        ("\"signatures\":{", "\"signatures\":{\"y\":{\"ed25519:1\":1},", "signatures"),
        ("\"signatures\":{", "\"signatures\":[],\"x\":{", "signatures"),
    ] {
        let bad = good.replace(from, to);
        assert_ne!(bad, good);
        let refused = RawPdu::parse(bad.as_bytes(), RoomVersion::V11).err();
        assert_eq!(refused, Some(PduError::Member(member)));
    }
}

/// The form of edges is that of the version: else an event whose edges nobody reads would pass as
/// one that follows nothing, which only a create event may.
#[test]
fn edges_have_the_form_of_the_version() {
    let event = |edges: &str| {
        format!(
            r#"{{"auth_events":[],"content":{{}},"depth":1,"event_id":"$e:x",
            "hashes":{{"sha256":""}},"origin_server_ts":1,"prev_events":{edges},"room_id":"!r:x",
            "sender":"@a:x","signatures":{{}},"type":"t"}}"#
        )
    };
    let wrong = Err(PduError::Member("prev_events"));
    for version in RoomVersion::all() {
        let pairs = version.rules().event_id_format == EventIdFormat::Server;
        let parsed = |edges: &str| {
            RawPdu::parse(event(edges).as_bytes(), version).map(|raw| raw.prev_events().len())
        };
        let ok = |right: bool, count: usize| if right { Ok(count) } else { wrong.clone() };
        assert_eq!(parsed(r#"["$p"]"#), ok(!pairs, 1), "{version}");
        assert_eq!(parsed(r#"[["$p",{"sha256":"x"}]]"#), ok(pairs, 1), "{version}");
        // Twice the same is no rule's concern.
        assert_eq!(parsed(r#"["$p","$p"]"#), ok(!pairs, 2), "{version}");
        for bad in [r#"[["$p"]]"#, r#"[["$p",{},{}]]"#, r#"[["$p",1]]"#, "[[]]", "[{}]", "{}"] {
            assert_eq!(parsed(bad), wrong, "{version} {bad}");
        }
    }
}

/// Other servers take a redaction of nothing; whoever drops it loses all that follows it.
#[test]
fn a_redaction_may_name_no_event() {
    let event = |redacts: &str| {
        format!(
            r#"{{"auth_events":[],"content":{{"redacts":{redacts}}},"depth":1,"event_id":"$e:x",
            "hashes":{{"sha256":""}},"origin_server_ts":1,"prev_events":[],"redacts":{redacts},
            "room_id":"!r:x","sender":"@a:x","signatures":{{}},"type":"m.room.redaction"}}"#
        )
    };
    for version in RoomVersion::all() {
        for (redacts, target) in [(r#""$x""#, Some("$x")), ("1", None), (r#""x""#, None)] {
            let raw = RawPdu::parse(event(redacts).as_bytes(), version).unwrap();
            let id = raw.event_id().clone();
            let stored = Event::from_stored(version, id, event(redacts)).unwrap();
            assert_eq!(stored.redacts().map(EventId::as_str), target, "{version} {redacts}");
        }
    }
}

fn object(value: &Value) -> Object {
    value.as_object().unwrap().clone()
}

/// 108 events, nine types in each room version, with the ids, hashes, signatures and redacted
/// forms that Synapse computes (`tests/oracle/event_vectors.py` writes them).
#[test]
fn another_server_computes_the_same_ids_hashes_signatures_and_redactions() {
    let vectors = include_bytes!("fixtures/event_vectors.json");
    let vectors = parse(vectors, Strictness::Strict).unwrap();
    let vectors = vectors.as_array().unwrap();
    assert_eq!(vectors.len(), 12 * 9);
    for vector in vectors {
        let vector = vector.as_object().unwrap();
        let version = RoomVersion::parse(vector["version"].as_str().unwrap()).unwrap();
        let json = vector["event"].to_canonical();
        let raw = RawPdu::parse(json.as_bytes(), version).unwrap();
        assert_eq!(raw.event_id().as_str(), vector["event_id"].as_str().unwrap(), "{json}");
        let redacted = crate::redact::redact(&object(&vector["event"]), &version.rules());
        assert_eq!(Value::Object(redacted).to_canonical(), vector["redacted"].to_canonical());
        let checked = raw.check(&Domain).unwrap();
        assert!(!checked.redacted, "{json}");
        // The redacted form has the same id and signatures, and is known for what it is.
        let raw = RawPdu::parse(vector["redacted"].to_canonical().as_bytes(), version).unwrap();
        assert_eq!(raw.event_id(), checked.event.event_id());
        let redacted = raw.check(&Domain).unwrap();
        assert!(redacted.redacted);
    }
}

/// The key of the specification's vectors, as the server `domain`.
struct Domain;

impl KeyLookup for Domain {
    fn public_key(&self, server: &str, key_id: &str, _: Option<i64>) -> Option<Vec<u8>> {
        (server == "domain" && key_id == "ed25519:1")
            .then(|| BASE64.decode(key().public_base64()).unwrap())
    }
}

/// Appendices, "Event Signing": both vectors.
#[test]
fn the_specification_s_signed_events() {
    let minimal = r#"{"room_id":"!x:domain","sender":"@a:domain","origin":"domain",
        "origin_server_ts":1000000,"signatures":{},"hashes":{},"type":"X","content":{},
        "prev_events":[],"auth_events":[],"depth":3,"unsigned":{"age_ts":1000000}}"#;
    let redactable = r#"{"content":{"body":"Here is the message content"},
        "event_id":"$0:domain","origin":"domain","origin_server_ts":1000000,
        "type":"m.room.message","room_id":"!r:domain","sender":"@u:domain","signatures":{},
        "unsigned":{"age_ts":1000000}}"#;
    for (event, hash, signature) in [
        (
            minimal,
            "5jM4wQpv6lnBo7CLIghJuHdW+s2CMBJPUOGOC89ncos",
            "KxwGjPSDEtvnFgU00fwFz+l6d2pJM6XBIaMEn81SXPTRl16AqLAYqfIReFGZlHi5KLjAWbOoMszkwsQma+lYAg",
        ),
        (
            redactable,
            "onLKD1bGljeBWQhWZ1kaP9SorVmRQNdN5aM2JYU2n/g",
            "Wm+VzmOUOz08Ds+0NTWb1d4CZrVsJSikkeRxh6aCcUwu6pNC78FunoD7KNWzqFn241eYHYMGCA5McEiVPdhzBA",
        ),
    ] {
        let mut event = object(&parse(event.as_bytes(), Strictness::Strict).unwrap());
        let computed = BASE64.encode(raw::content_hash(&event));
        assert_eq!(computed, hash);
        event.insert("hashes".into(), Value::from([("sha256", hash.into())]));
        let covered = crate::redact::redact(&event, &RoomVersion::V1.rules());
        let signed = key().sign_bytes(crate::sign::signed_bytes(&covered).as_bytes());
        assert_eq!(signed, signature);
    }
}

#[test]
fn every_signature_by_a_known_key_must_be_right() {
    let json = draft(RoomVersion::V11, &content()).json().to_owned();
    let twice = json.replace(
        r#""signatures":{"x.fr":{"#,
        r#""signatures":{"x.fr":{"ed25519:0":"AAAA","rsa:1":"AAAA","#,
    );
    assert_ne!(json, twice);
    // `ed25519:0` is unknown and `rsa` is no algorithm of ours: both are skipped.
    let raw = RawPdu::parse(twice.as_bytes(), RoomVersion::V11).unwrap();
    assert!(raw.check(&Ours).is_ok());
    struct Both;
    impl KeyLookup for Both {
        fn public_key(&self, server: &str, _: &str, _: Option<i64>) -> Option<Vec<u8>> {
            Ours.public_key(server, "ed25519:1", None)
        }
    }
    let raw = RawPdu::parse(twice.as_bytes(), RoomVersion::V11).unwrap();
    assert!(matches!(raw.check(&Both), Err(PduError::Signature { .. })));
    let none = json.replace("ed25519:1", "ed25519:2");
    let raw = RawPdu::parse(none.as_bytes(), RoomVersion::V11).unwrap();
    let missing = PduError::Signature { server: "x.fr".into(), error: VerifyError::Missing };
    assert_eq!(raw.check(&Ours).err(), Some(missing));
}

#[test]
fn keys_must_have_been_valid_from_version_5_on() {
    struct Expired;
    impl KeyLookup for Expired {
        fn public_key(&self, server: &str, key: &str, valid_at: Option<i64>) -> Option<Vec<u8>> {
            valid_at.is_none_or(|at| at <= 4).then(|| Ours.public_key(server, key, None))?
        }
    }
    for version in RoomVersion::all() {
        let json = draft(version, &content()).json().to_owned();
        let raw = RawPdu::parse(json.as_bytes(), version).unwrap();
        let checked = raw.check(&Expired);
        assert_eq!(checked.is_ok(), !version.rules().key_validity, "{version}");
    }
    // Version 5 takes greater integers than canonical JSON: they are no way around the check.
    struct Asked(std::cell::RefCell<Vec<Option<i64>>>);
    impl KeyLookup for Asked {
        fn public_key(&self, _: &str, _: &str, valid_at: Option<i64>) -> Option<Vec<u8>> {
            self.0.borrow_mut().push(valid_at);
            None
        }
    }
    let version = RoomVersion::parse("5").unwrap();
    let json = draft(version, &content())
        .json()
        .replace("\"origin_server_ts\":5", "\"origin_server_ts\":9007199254740993");
    let asked = Asked(std::cell::RefCell::default());
    assert!(RawPdu::parse(json.as_bytes(), version).unwrap().check(&asked).is_err());
    assert_eq!(asked.0.into_inner(), [Some(9_007_199_254_740_993)]);
    assert!(!RoomVersion::parse("4").unwrap().rules().key_validity);
    assert!(RoomVersion::parse("5").unwrap().rules().key_validity);
}

#[test]
fn the_servers_that_must_sign() {
    let needed = |version: &str, json: &str| -> Vec<String> {
        let version = RoomVersion::parse(version).unwrap();
        let raw = RawPdu::parse(json.as_bytes(), version).unwrap();
        raw.signatures_needed().into_iter().map(|needed| needed.server).collect()
    };
    let event = |kind: &str, content: &str| {
        format!(
            r#"{{"auth_events":[],"content":{content},"depth":1,"event_id":"$e:other",
            "hashes":{{"sha256":""}},"origin_server_ts":1,"prev_events":[],"room_id":"!r:x",
            "sender":"@a:sender","signatures":{{}},"state_key":"@b:c","type":"{kind}"}}"#
        )
    };
    let message = event("m.room.message", "{}");
    assert_eq!(needed("2", &message), ["other", "sender"]);
    assert_eq!(needed("3", &message), ["sender"]);
    let via = r#"{"membership":"join","join_authorised_via_users_server":"@x:via"}"#;
    assert_eq!(needed("7", &event("m.room.member", via)), ["sender"]);
    assert_eq!(needed("8", &event("m.room.member", via)), ["sender", "via"]);
    assert_eq!(needed("8", &event("m.room.other", via)), ["sender"]);
    let third_party = r#"{"membership":"invite","third_party_invite":{}}"#;
    assert_eq!(needed("11", &event("m.room.member", third_party)), Vec::<String>::new());
    assert_eq!(needed("11", &event("m.room.message", third_party)), ["sender"]);
    let joined = r#"{"membership":"join","third_party_invite":{}}"#;
    assert_eq!(needed("11", &event("m.room.member", joined)), ["sender"]);
    let malformed = r#"{"membership":"join","join_authorised_via_users_server":"via"}"#;
    let refused = RawPdu::parse(event("m.room.member", malformed).as_bytes(), RoomVersion::V11);
    assert_eq!(refused.err(), Some(PduError::Member("join_authorised_via_users_server")));
}

#[test]
fn the_limits_of_a_pdu() {
    let parsed = |version: &str, json: &str| {
        RawPdu::parse(json.as_bytes(), RoomVersion::parse(version).unwrap()).map(|_| ())
    };
    let event = |depth: &str, prev: usize, auth: usize, kind: usize, state_key: usize| {
        let edges = |count: usize| {
            let ids: Vec<_> = (0..count).map(|n| format!("\"$e{n}\"")).collect();
            ids.join(",")
        };
        format!(
            r#"{{"auth_events":[{}],"content":{{}},"depth":{depth},"hashes":{{"sha256":""}},
            "origin_server_ts":1,"prev_events":[{}],"room_id":"!r:x","sender":"@a:b",
            "signatures":{{}},"state_key":"{}","type":"{}"}}"#,
            edges(auth),
            edges(prev),
            "s".repeat(state_key),
            "t".repeat(kind)
        )
    };
    let named = |member| Err(PduError::Member(member));
    assert_eq!(parsed("11", &event("0", 20, 10, 255, 255)), Ok(()));
    assert_eq!(parsed("11", &event("0", 21, 10, 255, 255)), named("prev_events"));
    assert_eq!(parsed("11", &event("0", 20, 11, 255, 255)), named("auth_events"));
    assert_eq!(parsed("11", &event("0", 20, 10, 256, 255)), named("type"));
    assert_eq!(parsed("11", &event("0", 20, 10, 255, 256)), named("state_key"));
    // Before version 6 `depth` may be any integer of 63 bits.
    let large = event("9223372036854775807", 0, 0, 1, 1);
    assert_eq!(parsed("5", &large), Ok(()));
    assert!(matches!(parsed("6", &large), Err(PduError::Json(JsonError::Number(_)))));
    assert_eq!(parsed("5", &event("9223372036854775808", 0, 0, 1, 1)), named("depth"));
    assert_eq!(parsed("5", &event("1.0", 0, 0, 1, 1)), named("depth"));
    assert_eq!(parsed("5", &event("-1", 0, 0, 1, 1)), named("depth"));
}

#[test]
fn rows_that_cannot_be_are_corrupt() {
    let good = draft(RoomVersion::V11, &content());
    let read = |json: String| {
        Event::from_stored(RoomVersion::V11, good.event_id().clone(), json).map(|_| ())
    };
    assert_eq!(read(good.json().to_owned()), Ok(()));
    for (from, to) in [
        ("\"content\":{", "\"content\":5,\"x\":{"),
        ("\"content\":{", "\"content\":[],\"x\":{"),
        ("\"content\"", "\"x\""),
        ("\"type\"", "\"x\""),
        ("@a:x.fr", "a"),
        ("!r:x.fr", "r"),
        ("\"depth\":7", "\"depth\":\"7\""),
        ("\"origin_server_ts\":5", "\"origin_server_ts\":5.5"),
        ("}", ""),
    ] {
        let bad = good.json().replacen(from, to, 1);
        assert_ne!(bad, good.json());
        assert!(read(bad).is_err(), "{from}");
    }
    for cut in [0, 1, good.json().len() / 2, good.json().len() - 1] {
        assert!(read(good.json()[..cut].to_owned()).is_err());
    }
}

mod properties {
    use base64::Engine as _;
    use proptest::prelude::*;

    use super::*;

    /// The bytes of the signature in an event's text, where it has one.
    fn signature(json: &[u8]) -> Option<Vec<u8>> {
        let json: serde_json::Value = serde_json::from_slice(json).ok()?;
        BASE64.decode(json["signatures"]["x.fr"]["ed25519:1"].as_str()?).ok()
    }

    /// Whether the byte at `at` spells a part of the signature. Its last letter has bits to spare,
    /// so that several letters spell the same signature.
    fn spells_signature(json: &str, at: usize) -> bool {
        let start = json.find("\"ed25519:1\":\"").unwrap() + "\"ed25519:1\":\"".len();
        (start..start + 86).contains(&at)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        /// P3: a change of any byte is noticed: the event is no event, its signature is wrong, or
        /// only what is signed is kept of it.
        #[test]
        fn a_changed_byte_is_noticed(number in 1_u8..=12, at in any::<prop::sample::Index>(), to in any::<u8>()) {
            let version = RoomVersion::parse(&number.to_string()).unwrap();
            let event = draft(version, &content());
            let mut bytes = event.json().as_bytes().to_vec();
            let at = at.index(bytes.len());
            prop_assume!(bytes[at] != to);
            bytes[at] = to;
            let same = signature(&bytes) == signature(event.json().as_bytes());
            prop_assume!(!(same && spells_signature(event.json(), at)));
            let Ok(raw) = RawPdu::parse(&bytes, version) else { return Ok(()) };
            let Ok(checked) = raw.check(&Ours) else { return Ok(()) };
            // Only what redaction takes away may have changed.
            prop_assert!(checked.redacted, "{}", String::from_utf8_lossy(&bytes));
            prop_assert!(checked.event.content().is_empty());
            if version.rules().event_id_format != EventIdFormat::Server {
                prop_assert_eq!(checked.event.event_id(), event.event_id());
            }
        }

        /// P3: `unsigned` may say what it likes, and is not kept.
        #[test]
        fn unsigned_does_not_matter(number in 1_u8..=12, text in any::<String>()) {
            let version = RoomVersion::parse(&number.to_string()).unwrap();
            let event = draft(version, &content());
            let mut json: serde_json::Value = serde_json::from_str(event.json()).unwrap();
            json["unsigned"] = serde_json::json!({"age": 7, "transaction_id": text});
            let raw = RawPdu::parse(json.to_string().as_bytes(), version).unwrap();
            let checked = raw.check(&Ours).unwrap();
            prop_assert!(!checked.redacted);
            prop_assert_eq!(checked.event.json(), event.json());
        }
    }
}
