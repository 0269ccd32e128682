// SPDX-License-Identifier: Apache-2.0
//! What one message costs: `cargo bench -p estafette-core --bench events`.
//!
//! Aim: to decide a message of 1 KiB, which is to authorise, build, hash, sign and name it, takes
//! at most 60 µs on one core, whatever the number of members.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "benchmarks stop at what they did not expect"
)]

use std::{hint::black_box, sync::Arc};

use divan::Bencher;
use estafette_core::{
    auth::{Candidate, authorise_with},
    event::{Event, EventDraft, KeyLookup, RawPdu},
    ids::{EventId, RoomId, ServerName, UserId},
    json::{Object, Strictness, Value, parse},
    room::{Command, CreateRoom, Decision, Preset, RoomView, Signer, create, decide},
    sign::SigningKey,
    version::RoomVersion,
};

fn main() {
    divan::main();
}

fn key() -> SigningKey {
    SigningKey::from_seed("1", &[7; 32])
}

fn server() -> ServerName {
    ServerName::parse("bench.example").unwrap()
}

fn user(number: usize) -> UserId {
    UserId::parse(&format!("@user{number}:bench.example")).unwrap()
}

/// Such content that the whole event has 1 KiB.
fn content() -> Object {
    Object::from([
        ("body".to_owned(), "x".repeat(380).into()),
        ("msgtype".to_owned(), "m.text".into()),
        ("m.mentions".to_owned(), Value::from([("user_ids", vec!["@user1:bench.example"].into())])),
    ])
}

/// A room with that many members.
fn room(members: usize) -> RoomView {
    let (server, key) = (server(), key());
    let signer = Signer { server: &server, key: &key };
    let request = CreateRoom {
        creator: user(0),
        creator_profile: Object::new(),
        version: RoomVersion::V12,
        preset: Preset::Public,
        name: None,
        topic: None,
        alias: None,
        invite: Vec::new(),
        invite_addresses: Vec::new(),
        is_direct: false,
        creation_content: Object::new(),
        initial_state: Vec::new(),
        power_level_content_override: Object::new(),
        nonce: String::new(),
    };
    let view = create(&request, &signer, 1).unwrap().view;
    let room_id = view.room_id().clone();
    let joined = (1..members).map(|number| {
        let id = EventId::parse(&format!("$member{number}")).unwrap();
        let user = user(number);
        let json = format!(
            "{}{}{}",
            r#"{"auth_events":[],"content":{"membership":"join"},"depth":9,"hashes":{},"#,
            format_args!(r#""origin_server_ts":1,"prev_events":[],"room_id":"{room_id}","#),
            format_args!(
                r#""sender":"{user}","signatures":{{}},"state_key":"{user}","type":"{kind}"}}"#,
                kind = "m.room.member"
            )
        );
        Arc::new(Event::from_stored(RoomVersion::V12, id, json).unwrap())
    });
    let state = view.state().iter().cloned().chain(joined).collect::<Vec<_>>();
    let ends = view.forward_extremities().iter().map(|end| (end.event_id.clone(), end.depth));
    RoomView::load(RoomVersion::V12, room_id.clone(), state, ends).unwrap()
}

/// The whole decision.
#[divan::bench(args = [2, 1_000, 100_000])]
fn decide_message(bencher: Bencher<'_, '_>, members: usize) {
    let (server, key, view) = (server(), key(), room(members));
    let signer = Signer { server: &server, key: &key };
    let command =
        Command::Send { sender: user(1), kind: "m.room.message".into(), content: content() };
    bencher.bench_local(|| match decide(black_box(&command), &view, &signer, 2) {
        Ok(Decision::Update(update)) => update,
        _ => panic!("refused"),
    });
}

/// Hash, sign and name alone.
#[divan::bench]
fn sign_hash_and_id(bencher: Bencher<'_, '_>) {
    let (server, key, content, sender) = (server(), key(), content(), user(1));
    let room_id = RoomId::parse("!acR1l0raoZnm60CBwAVgqbZqoO_mYU81xysh1u7XcJk").unwrap();
    let id = |text: &str| EventId::parse(text).unwrap();
    let prev = [id("$acR1l0raoZnm60CBwAVgqbZqoO_mYU81xysh1u7XcJk")];
    let auth = [prev[0].clone(), id("$bcR1l0raoZnm60CBwAVgqbZqoO_mYU81xysh1u7XcJk")];
    let draft = EventDraft {
        version: RoomVersion::V12,
        room_id: Some(&room_id),
        sender: &sender,
        kind: "m.room.message",
        state_key: None,
        content: &content,
        redacts: None,
        prev_events: &prev,
        auth_events: &auth,
        depth: 7,
        origin_server_ts: 5,
        chosen_id: None,
    };
    bencher.bench_local(|| black_box(&draft).sign(&server, &key).unwrap());
}

/// The signature alone: the part that nothing here can make faster.
#[divan::bench]
fn ed25519_signature(bencher: Bencher<'_, '_>) {
    let key = key();
    let object = Object::from([("body".to_owned(), "x".repeat(480).into())]);
    bencher.with_inputs(|| object.clone()).bench_local_values(|mut object| {
        key.sign_json(&mut object, "bench.example").unwrap();
        object
    });
}

/// The authorisation rules alone.
#[divan::bench(args = [2, 100_000])]
fn authorise_message(bencher: Bencher<'_, '_>, members: usize) {
    let (view, content, sender) = (room(members), content(), user(1));
    let prev = [view.forward_extremities()[0].event_id.clone()];
    let candidate = Candidate {
        sender: &sender,
        kind: "m.room.message",
        state_key: None,
        content: &content,
        room_id: Some(view.room_id().as_str()),
        redacts: None,
        prev_events: &prev,
        event_id: None,
    };
    bencher.bench_local(|| {
        authorise_with(black_box(candidate), &view, view.power_levels(), view.rules()).unwrap();
    });
}

/// An event of another server: parse, redact, verify, hash.
#[divan::bench]
fn check_received(bencher: Bencher<'_, '_>) {
    struct Keys(Vec<u8>);
    impl KeyLookup for Keys {
        fn public_key(&self, _: &str, _: &str, _: Option<i64>) -> Option<Vec<u8>> {
            Some(self.0.clone())
        }
    }
    use base64::Engine as _;
    let (server, key, view) = (server(), key(), room(2));
    let keys = Keys(estafette_core::sign::BASE64.decode(key.public_base64()).unwrap());
    let signer = Signer { server: &server, key: &key };
    let command =
        Command::Send { sender: user(1), kind: "m.room.message".into(), content: content() };
    let Ok(Decision::Update(update)) = decide(&command, &view, &signer, 2) else { panic!() };
    let json = update.events[0].event.json().to_owned();
    bencher.bench_local(|| {
        RawPdu::parse(black_box(json.as_bytes()), RoomVersion::V12).unwrap().check(&keys).unwrap()
    });
}

/// Canonical JSON of the event alone, there and back.
#[divan::bench]
fn parse_and_print(bencher: Bencher<'_, '_>) {
    let text = Value::Object(content()).to_canonical();
    bencher.bench_local(|| {
        parse(black_box(text.as_bytes()), Strictness::Strict).unwrap().to_canonical()
    });
}

/// A stored event read back.
#[divan::bench]
fn event_from_stored(bencher: Bencher<'_, '_>) {
    let (server, key, view) = (server(), key(), room(2));
    let signer = Signer { server: &server, key: &key };
    let command =
        Command::Send { sender: user(1), kind: "m.room.message".into(), content: content() };
    let Ok(Decision::Update(update)) = decide(&command, &view, &signer, 2) else { panic!() };
    let event = Arc::clone(&update.events[0].event);
    assert!((950..1_100).contains(&event.json().len()), "{}", event.json().len());
    bencher
        .with_inputs(|| (event.event_id().clone(), event.json().to_owned()))
        .bench_local_values(|(id, json)| Event::from_stored(RoomVersion::V12, id, json).unwrap());
}
