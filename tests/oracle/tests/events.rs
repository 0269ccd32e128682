// SPDX-License-Identifier: Apache-2.0
//! Our reading of events beside Synapse's: ids, hashes, redaction, and what is no event at all.
//!
//! `ESTAFETTE_SEED` sets the first seed, `ESTAFETTE_EVENTS` the number of events for each version.

use std::env;

use base64::Engine as _;
use estafette_core::{
    event::{HashedPdu, KeyLookup, RawPdu},
    json::{Strictness, Value as Canonical, parse},
    redact::redact,
    sign::BASE64,
    version::RoomVersion,
};
use estafette_oracle::{chance::Chance, synapse::SynapseEvents};
use serde_json::{Value, json};

/// Takes every signature for missing; the events here need none.
struct NoKeys;

impl KeyLookup for NoKeys {
    fn public_key(&self, _: &str, _: &str, _: Option<i64>) -> Option<Vec<u8>> {
        None
    }
}

const KINDS: [&str; 11] = [
    "m.room.message",
    "m.room.member",
    "m.room.create",
    "m.room.join_rules",
    "m.room.power_levels",
    "m.room.aliases",
    "m.room.history_visibility",
    "m.room.redaction",
    "m.room.third_party_invite",
    "m.room.encryption",
    "org.example.own",
];

/// What redaction looks at, in the content and beside it.
const NAMES: [&str; 34] = [
    "membership",
    "join_authorised_via_users_server",
    "third_party_invite",
    "signed",
    "display_name",
    "creator",
    "room_version",
    "m.federate",
    "additional_creators",
    "join_rule",
    "allow",
    "ban",
    "events",
    "events_default",
    "invite",
    "kick",
    "redact",
    "state_default",
    "users",
    "users_default",
    "notifications",
    "aliases",
    "history_visibility",
    "redacts",
    "body",
    "content",
    "origin",
    "prev_state",
    "extra",
    "\u{e9}",
    "z\u{1f600}",
    "a\\\"\u{7f}",
    "\u{2028}",
    "\u{10}",
];

fn value(chance: &mut Chance, strict: bool, depth: usize) -> Value {
    match chance.below(if depth == 0 { 9 } else { 11 }) {
        0 => json!(null),
        1 => json!(chance.percent(50)),
        2 => json!(chance.below(100)),
        3 => json!([9_007_199_254_740_991_i64, -9_007_199_254_740_991, 0, -1][chance.below(4)]),
        4 => {
            json!(*chance.one_of(&["join", "invite", "$x", "@a:x", "", "\u{0}\n\u{d7ff}\u{fffd}"]))
        }
        5 if !strict => json!([1.5, -0.25, 1e21][chance.below(3)]),
        5 => json!("5"),
        6 => json!(*chance.one_of(&NAMES)),
        7 => json!([]),
        8 => json!({}),
        9 => (0..chance.below(4)).map(|_| value(chance, strict, depth - 1)).collect(),
        _ => members(chance, strict, depth - 1),
    }
}

fn members(chance: &mut Chance, strict: bool, depth: usize) -> Value {
    let count = chance.below(7);
    (0..count)
        .map(|_| ((*chance.one_of(&NAMES)).to_owned(), value(chance, strict, depth)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// An event of the right form, with odd members. Left out are memberships that name nobody as the
/// one who authorises them: the specification rejects these, Synapse looks at joins alone.
fn event(chance: &mut Chance, version: RoomVersion) -> Value {
    let rules = version.rules();
    let pairs = matches!(version.as_str(), "1" | "2");
    let edges = |ids: &[&str]| -> Value {
        let edge = |id: &&str| if pairs { json!([id, { "sha256": "" }]) } else { json!(id) };
        ids.iter().map(edge).collect()
    };
    let kind = *chance.one_of(&KINDS);
    let mut event = json!({
        "type": kind,
        "sender": "@a:x",
        "content": members(chance, rules.strict_json, 3),
        "prev_events": edges(&["$a:x", "$b:x"][..chance.below(3)]),
        "auth_events": edges(&["$a:x", "$b:x"][..chance.below(3)]),
        "depth": chance.below(100),
        "origin_server_ts": chance.below(1000),
        "hashes": { "sha256": "aGFzaA" },
        "signatures": {},
    });
    if pairs {
        event["event_id"] = json!("$e:x");
    }
    if kind == "m.room.member"
        && let Some(content) = event["content"].as_object_mut()
    {
        let via = content.get("join_authorised_via_users_server");
        if via.is_some_and(|via| via != "@a:x") {
            content.remove("join_authorised_via_users_server");
        }
        if chance.percent(60) {
            // Nobody has to sign it, so that its hash is looked at.
            content.insert("membership".to_owned(), json!("invite"));
            let invite = members(chance, rules.strict_json, 2);
            content.insert("third_party_invite".to_owned(), invite);
        }
    }
    if rules.room_id_is_create_hash && kind == "m.room.create" {
        // Of others of that type Synapse cannot say what redaction leaves.
        event["state_key"] = json!("");
    } else if chance.percent(70) {
        event["state_key"] = json!(*chance.one_of(&["", "@a:x", "x"]));
    }
    let is_create = kind == "m.room.create" && event["state_key"] == "";
    let names_no_room = rules.room_id_is_create_hash && is_create != chance.percent(3);
    if !names_no_room {
        event["room_id"] = json!(if rules.room_id_is_create_hash { "!room" } else { "!room:x" });
    }
    let kept = ["membership", "origin", "prev_state", "extra", "redacts", "unsigned"];
    for _ in 0..chance.below(3) {
        let name = *chance.one_of(&kept);
        let odd = if name == "unsigned" {
            json!({ "age": 5 })
        } else {
            value(chance, rules.strict_json, 1)
        };
        event[name] = odd;
    }
    event
}

fn number(name: &str, default: u64) -> u64 {
    env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// What we make of it: id, redacted form, content hash; or why it is no event.
fn ours(version: RoomVersion, text: &str) -> Result<(String, Value, Option<bool>), String> {
    let raw = RawPdu::parse(text.as_bytes(), version).map_err(|error| error.to_string())?;
    let id = raw.event_id().to_string();
    let Ok(Canonical::Object(mut object)) = parse(text.as_bytes(), Strictness::Tolerant) else {
        return Err("no object".to_owned());
    };
    object.remove("unsigned");
    let redacted = Value::from(&Canonical::Object(redact(&object, &version.rules())));
    let hash_is_right = match raw.check(&NoKeys) {
        Ok(HashedPdu { redacted, .. }) => Some(!redacted),
        Err(_) => None,
    };
    Ok((id, redacted, hash_is_right))
}

// An event that two servers name or redact differently tears the room apart.
#[test]
fn random_events_are_read_alike() {
    let Some(mut synapse) = SynapseEvents::start() else {
        eprintln!("SKIPPED: Synapse is not installed");
        return;
    };
    let (first, count) = (number("ESTAFETTE_SEED", 0), number("ESTAFETTE_EVENTS", 300));
    for version in RoomVersion::all() {
        let (mut read, mut hashed) = (0, 0);
        for seed in first..first + count {
            let mut chance = Chance::new(seed);
            let mut event = event(&mut chance, version);
            let context = |event: &Value| format!("version {version}, seed {seed}: {event}");
            let mut text = event.to_string();
            let mut theirs = synapse.read(version.as_str(), &text);
            if let Ok(made) = &theirs
                && chance.percent(50)
            {
                // The hash that Synapse computes has to be the one that we find right.
                event["hashes"]["sha256"] = json!(made.content_hash);
                assert!(BASE64.decode(&made.content_hash).is_ok());
                text = event.to_string();
                theirs = synapse.read(version.as_str(), &text);
            }
            match (ours(version, &text), theirs) {
                (Ok((id, redacted, hash_is_right)), Ok(made)) => {
                    assert_eq!(redacted, made.redacted, "redaction, {}", context(&event));
                    assert_eq!(id, made.event_id, "{}", context(&event));
                    if let Some(right) = hash_is_right {
                        assert_eq!(right, made.hash_is_right, "hash, {}", context(&event));
                        hashed += 1;
                    }
                    read += 1;
                }
                (Err(_), Err(_)) => {}
                (ours, theirs) => {
                    panic!("{}: ours {ours:?}, theirs {theirs:?}", context(&event));
                }
            }
        }
        eprintln!(
            "version {version}: seeds {first}..{}, {read} events alike, {hashed} hashes",
            first + count
        );
        assert!(read > 0);
    }
}
