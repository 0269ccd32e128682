// SPDX-License-Identifier: Apache-2.0
//! What each fuzz target demands beyond not to crash. The same functions run on the corpora, and
//! on changed copies of them, as ordinary tests (`crates/core/tests/fuzz_corpora.rs`).

use std::sync::Arc;

use estafette_core::{
    auth::{AuthState, Candidate, authorise},
    email_address::EmailAddress,
    event::{Event, KeyLookup, Membership, RawPdu},
    ids::EventId,
    json::{Strictness, Value, parse},
    limits::{EVENT_BYTES_MAX, JSON_DEPTH_MAX},
    redact::redact,
    state::StateMap,
    transaction::Transaction,
    version::RoomVersion,
};

/// Canonical JSON: printing what was parsed gives the same again; strict is tolerant with
/// refusals; a second implementation reads the same.
pub fn canonical_json(data: &[u8]) {
    let tolerant = parse(data, Strictness::Tolerant);
    if let Ok(value) = &tolerant {
        let printed = value.to_canonical();
        assert_eq!(parse(printed.as_bytes(), Strictness::Tolerant).as_ref(), Ok(value));
        assert!(depth(value) <= JSON_DEPTH_MAX);
    }
    let Ok(strict) = parse(data, Strictness::Strict) else { return };
    assert_eq!(tolerant.as_ref(), Ok(&strict));
    let printed = strict.to_canonical();
    assert_eq!(parse(printed.as_bytes(), Strictness::Strict).as_ref(), Ok(&strict));
    assert!(strict.is_canonical(0));
    let theirs: serde_json::Value = serde_json::from_slice(data).unwrap();
    assert_eq!(serde_json::Value::from(&strict), theirs);
    assert_eq!(Value::try_from(&theirs).as_ref(), Ok(&strict));
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(object) => 1 + object.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// Knows nobody's key.
struct NoKeys;

impl KeyLookup for NoKeys {
    fn public_key(&self, _: &str, _: &str, _: Option<i64>) -> Option<Vec<u8>> {
        None
    }
}

fn version_and_rest(data: &[u8]) -> Option<(RoomVersion, &[u8])> {
    let (first, rest) = data.split_first()?;
    let version = RoomVersion::all().nth(usize::from(*first) % 12)?;
    Some((version, rest))
}

/// A PDU of each room version (the first byte says which): its id depends on nothing but what
/// survives redaction, and without a good signature it gets no further.
pub fn pdu(data: &[u8]) {
    let Some((version, bytes)) = version_and_rest(data) else { return };
    let Ok(raw) = RawPdu::parse(bytes, version) else { return };
    let Ok(Value::Object(object)) = parse(bytes, Strictness::Tolerant) else {
        panic!("a PDU that is no object")
    };
    let redacted = redact(&object, &version.rules());
    assert_eq!(redact(&redacted, &version.rules()), redacted, "redaction happens once");
    let redacted_bytes = Value::Object(redacted).to_canonical();
    let again = RawPdu::parse(redacted_bytes.as_bytes(), version).unwrap();
    assert_eq!(again.event_id(), raw.event_id());
    let needed = raw.signatures_needed().len();
    let id = raw.event_id().clone();
    let Ok(hashed) = raw.check(&NoKeys) else { return };
    assert_eq!(needed, 0, "accepted without the signatures that it needs");
    let event = hashed.event;
    assert!(event.json().len() <= EVENT_BYTES_MAX);
    assert_eq!(*event.event_id(), id);
    let stored = Event::from_stored(version, id, event.json().to_owned()).unwrap();
    assert_eq!(stored.content(), event.content());
    assert!(event.prev_events().len() <= 20 && event.auth_events().len() <= 10);
}

/// The body of a transaction: spoiling one of its events changes nothing about the others.
pub fn transaction(data: &[u8]) {
    let Ok(parsed) = Transaction::parse(data) else { return };
    let mut body: serde_json::Value = match serde_json::from_slice(data) {
        Ok(body) => body,
        // Bytes that only a reader of the whole would refuse: lone surrogates, huge numbers.
        Err(_) => return,
    };
    for pdu in parsed.pdus.iter().flatten() {
        assert!(pdu.json.starts_with('{') && pdu.json.len() <= data.len());
    }
    let rooms = |body: &serde_json::Value| -> Vec<Option<String>> {
        let bytes = body.to_string();
        let parsed = Transaction::parse(bytes.as_bytes()).unwrap();
        parsed.pdus.iter().map(|pdu| Some(pdu.as_ref().ok()?.room_id.to_string())).collect()
    };
    let before = rooms(&body);
    assert_eq!(before.len(), parsed.pdus.len());
    for at in 0..before.len().min(3) {
        let spoilt = body["pdus"][at].take();
        let mut expected = before.clone();
        expected[at] = None;
        assert_eq!(rooms(&body), expected);
        body["pdus"][at] = spoilt;
    }
}

/// The state of the fuzzed room.
struct Room(StateMap);

impl AuthState for Room {
    fn state(&self, kind: &str, state_key: &str) -> Option<&Event> {
        self.0.get(kind, state_key).map(|event| &**event)
    }
}

/// A room and an event (the first byte is the version, then an event a line, the last one is
/// judged): the answer is always the same, and never yes for whoever is not in the room.
pub fn event_authorisation(data: &[u8]) {
    let Some((version, bytes)) = version_and_rest(data) else { return };
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut events: Vec<Arc<Event>> = text
        .lines()
        .enumerate()
        .filter_map(|(number, line)| {
            let id = EventId::parse(&format!("$event{number}:x.fr")).unwrap();
            Event::from_stored(version, id, line.to_owned()).ok().map(Arc::new)
        })
        .collect();
    let Some(event) = events.pop() else { return };
    let rules = version.rules();
    let mut room = Room(events.into_iter().collect());
    let verdict = authorise(Candidate::of(&event), &room, &rules);
    assert_eq!(verdict, authorise(Candidate::of(&event), &room, &rules));
    if verdict.is_err() {
        return;
    }
    let sender = event.sender().as_str();
    match event.kind() {
        "m.room.create" => assert!(event.prev_events().is_empty()),
        "m.room.aliases" if rules.special_aliases => {}
        "m.room.member" => {
            // Whoever is banned does nothing, but to come first after the create event.
            if room.membership(sender) == Some(Membership::Ban) {
                let third_party = event.content().contains_key("third_party_invite");
                assert!(third_party || event.prev_events().len() == 1);
            }
        }
        _ => {
            assert_eq!(room.membership(sender), Some(Membership::Join));
            room.0.remove("m.room.member", sender);
            assert!(authorise(Candidate::of(&event), &room, &rules).is_err());
        }
    }
}

/// An e-mail address: what is accepted is the whole text in small letters, has one `@`, and is
/// its own only form.
pub fn email_address(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(address) = EmailAddress::parse(text) else { return };
    assert!(text.eq_ignore_ascii_case(address.as_str()));
    assert!(text.bytes().all(|byte| byte.is_ascii_graphic()));
    assert_eq!(text.matches('@').count(), 1);
    assert_eq!(format!("{}@{}", address.local_part(), address.domain()), address.as_str());
    assert_eq!(EmailAddress::parse(address.as_str()).as_ref(), Ok(&address));
}
