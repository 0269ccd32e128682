// SPDX-License-Identifier: Apache-2.0
use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::*;

fn object(json: Json) -> Object {
    Value::try_from(&json).unwrap().as_object().unwrap().clone()
}

fn relates(rel_type: &str, event_id: &str) -> Object {
    object(json!({ "body": "* x", "m.new_content": { "body": "x" },
                   "m.relates_to": { "rel_type": rel_type, "event_id": event_id } }))
}

fn event<'a>(event_id: &'a str, content: &'a Object) -> Related<'a> {
    Related {
        event_id,
        room_id: "!room:x",
        sender: "@alice:x",
        kind: "m.room.message",
        is_state: false,
        redacted: false,
        origin_server_ts: 1_000,
        position: 1,
        content,
    }
}

// One malformed relation would break the sync of a room.
#[test]
fn malformed_relations_are_no_relations() {
    let read = |json: Json| {
        relation(&object(json)).map(|r| (r.rel_type.to_owned(), r.event_id.to_owned()))
    };
    for relates_to in [
        json!(null),
        json!([]),
        json!({}),
        json!({ "rel_type": "m.thread" }),
        json!({ "event_id": "$a" }),
        json!({ "rel_type": 1, "event_id": "$a" }),
        json!({ "rel_type": "", "event_id": "$a" }),
        json!({ "rel_type": "m.thread", "event_id": "a" }),
        json!({ "rel_type": "m.thread", "event_id": format!("${}", "a".repeat(255)) }),
        json!({ "m.in_reply_to": { "event_id": "$a" } }),
    ] {
        assert_eq!(read(json!({ "m.relates_to": relates_to })), None, "{relates_to}");
    }
    let whole = object(json!({ "m.relates_to": {
        "rel_type": "m.thread", "event_id": "$root", "is_falling_back": true,
        "m.in_reply_to": { "event_id": "$last" } } }));
    let relation = relation(&whole).unwrap();
    assert_eq!((relation.event_id, relation.is_falling_back), ("$root", true));
    assert_eq!(in_reply_to(&whole), Some("$last"));
    assert_eq!(in_reply_to(&relates(THREAD, "$root")), None);
}

// Somebody could put words into another's mouth.
#[test]
fn each_requirement_on_edits_is_checked() {
    let (plain, edit) = (object(json!({ "body": "x" })), relates(REPLACE, "$original"));
    let (thread, without) = (
        relates(THREAD, "$original"),
        Object::from([("m.relates_to".to_owned(), edit["m.relates_to"].clone())]),
    );
    let (second, threaded) = (relates(REPLACE, "$first"), relates(THREAD, "$root"));
    let original = event("$original", &plain);
    let valid = event("$edit", &edit);
    let check = |original: Related<'_>, edit: Related<'_>| check_edit(&original, &edit);
    assert_eq!(check(original, valid), Ok(()));
    let error = |edit| check(original, edit).unwrap_err();
    assert_eq!(error(event("$edit", &thread)), EditError::NotAReplacement);
    assert_eq!(error(event("$edit", &plain)), EditError::NotAReplacement);
    assert_eq!(error(event("$edit", &second)), EditError::NotAReplacement);
    assert_eq!(error(Related { redacted: true, ..valid }), EditError::NotAReplacement);
    assert_eq!(error(Related { room_id: "!other:x", ..valid }), EditError::OtherRoom);
    assert_eq!(error(Related { sender: "@mallory:x", ..valid }), EditError::OtherSender);
    assert_eq!(error(Related { kind: "m.sticker", ..valid }), EditError::OtherType);
    assert_eq!(error(Related { is_state: true, ..valid }), EditError::State);
    assert_eq!(check(Related { is_state: true, ..original }, valid), Err(EditError::State));
    assert_eq!(error(event("$edit", &without)), EditError::NoNewContent);
    let encrypted = |e| Related { kind: "m.room.encrypted", ..e };
    assert_eq!(check(encrypted(original), encrypted(event("$edit", &without))), Ok(()));
    let an_edit = Related { content: &second, ..original };
    assert_eq!(check(an_edit, valid), Err(EditError::OriginalIsEdit));
    assert_eq!(check(Related { content: &threaded, ..original }, valid), Ok(()));
}

// Two servers, or a server and its client, would show different texts.
#[test]
fn the_latest_valid_edit_is_bundled() {
    let (plain, edit) = (object(json!({ "body": "x" })), relates(REPLACE, "$original"));
    let original = event("$original", &plain);
    let at = |id, ts| Related { origin_server_ts: ts, ..event(id, &edit) };
    let forged = Related { sender: "@mallory:x", ..at("$zz", 9_999) };
    let children = [at("$b", 2_000), at("$d", 3_000), at("$c", 3_000), at("$a", 2_500), forged];
    let bundle = aggregate(&original, children, "@bob:x", |_| true);
    assert_eq!(bundle.latest_edit.map(|e| e.event_id), Some("$d"));
    let bundle = aggregate(&original, children, "@bob:x", |child| child.event_id != "$d");
    assert_eq!(bundle.latest_edit.map(|e| e.event_id), Some("$c"));
    let redacted = Related { redacted: true, ..original };
    assert!(aggregate(&redacted, children, "@bob:x", |_| true).latest_edit.is_none());
    let state = Related { is_state: true, ..original };
    assert!(aggregate(&state, children, "@bob:x", |_| true).to_json(|_| Json::Null).is_none());
}

#[test]
fn threads_are_summed_up() {
    let (plain, reply) = (object(json!({ "body": "x" })), relates(THREAD, "$root"));
    let (edit, other) = (relates(REPLACE, "$b"), relates(THREAD, "$elsewhere"));
    let root = event("$root", &plain);
    let at = |id, position, sender| Related { position, sender, ..event(id, &reply) };
    let children = [
        at("$b", 3, "@bob:x"),
        at("$c", 9, "@mallory:x"),
        at("$a", 5, "@bob:x"),
        Related { position: 7, ..event("$edit", &edit) },
        Related { position: 8, ..event("$other", &other) },
        Related { redacted: true, ..at("$gone", 10, "@bob:x") },
        Related { room_id: "!other:x", ..at("$far", 11, "@bob:x") },
    ];
    let summary = |user: &str| {
        let ignores_mallory = |child: &Related<'_>| child.sender != "@mallory:x";
        let thread = aggregate(&root, children, user, ignores_mallory).thread.unwrap();
        (thread.latest_event.event_id, thread.count, thread.current_user_participated)
    };
    assert_eq!(summary("@carol:x"), ("$a", 2, false));
    assert_eq!(summary("@bob:x"), ("$a", 2, true));
    assert_eq!(summary("@alice:x"), ("$a", 2, true));
    let nested = Related { content: &other, ..root };
    assert!(aggregate(&nested, children, "@bob:x", |_| true).thread.is_none());
    assert!(!may_be_thread_root(&nested));
    assert!(may_be_thread_root(&root));
}

#[test]
fn bundles_have_the_form_of_the_specification() {
    let (plain, reply) = (object(json!({ "body": "x" })), relates(THREAD, "$root"));
    let (reference, edit) = (relates(REFERENCE, "$root"), relates(REPLACE, "$root"));
    let reaction = relates(ANNOTATION, "$root");
    let children = [
        Related { position: 4, ..event("$two", &reference) },
        Related { position: 2, ..event("$one", &reference) },
        event("$reaction", &reaction),
        event("$reply", &reply),
        event("$edit", &edit),
    ];
    let bundle = aggregate(&event("$root", &plain), children, "@bob:x", |_| true);
    let json = bundle.to_json(|event| json!({ "event_id": event.event_id })).unwrap();
    let expected = json!({
        "m.replace": { "event_id": "$edit" },
        "m.thread": { "latest_event": { "event_id": "$reply" }, "count": 1,
                      "current_user_participated": false },
        "m.reference": { "chunk": [{ "event_id": "$one" }, { "event_id": "$two" }] },
    });
    assert_eq!(json, expected);
}

// Unread counts of threads would count reactions in the main timeline, or loop for ever.
#[test]
fn reactions_and_edits_belong_to_the_thread_of_their_target() {
    let links = BTreeMap::from([
        ("$reply", (THREAD, "$root")),
        ("$edit", (REPLACE, "$reply")),
        ("$reaction", (ANNOTATION, "$edit")),
        ("$deep", (REFERENCE, "$reaction")),
        ("$deeper", (REFERENCE, "$deep")),
        ("$on_root", (ANNOTATION, "$root")),
        ("$loop", (REFERENCE, "$loop")),
    ]);
    let of = |id: &str| {
        let (rel_type, event_id) = *links.get(id)?;
        Some(Relation { rel_type, event_id, key: None, is_falling_back: false })
    };
    let root = |id: &str| thread_root(of(id), of);
    for id in ["$reply", "$edit", "$reaction", "$deep"] {
        assert_eq!(root(id), Some("$root"), "{id}");
    }
    for id in ["$root", "$deeper", "$on_root", "$loop", "$unknown"] {
        assert_eq!(root(id), None, "{id}");
    }
}
