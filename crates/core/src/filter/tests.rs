// SPDX-License-Identifier: Apache-2.0
//! Without these a sync could hide events that were asked for, or show what was filtered out.

use serde_json::json;

use super::*;

fn filter(json: Value) -> Filter {
    Filter::parse(json.to_string().as_bytes()).unwrap()
}

#[test]
fn an_empty_filter_wants_everything() {
    let filter = filter(json!({}));
    let room = RoomId::parse("!a:x.fr").unwrap();
    assert!(filter.wants_room(&room));
    assert!(filter.room.timeline.wants("m.room.message", "@a:x.fr", || false));
    assert!(filter.room.timeline.wants_everything());
    assert_eq!(filter.event_format, EventFormat::Client);
    assert!(!filter.room.include_leave && !filter.room.state.lazy_load_members);
}

#[test]
fn exclusion_wins_over_inclusion() {
    let filter = filter(json!({
        "room": {
            "rooms": ["!a:x.fr", "!b:x.fr"], "not_rooms": ["!b:x.fr"],
            "timeline": {
                "types": ["m.room.*"], "not_types": ["m.room.member"],
                "senders": ["@a:x.fr", "@b:x.fr"], "not_senders": ["@b:x.fr"], "limit": 7,
                "lazy_load_members": true,
            }
        }
    }));
    let room = |id: &str| RoomId::parse(id).unwrap();
    assert!(filter.wants_room(&room("!a:x.fr")));
    assert!(!filter.wants_room(&room("!b:x.fr")) && !filter.wants_room(&room("!c:x.fr")));
    let timeline = &filter.room.timeline;
    let wants = |kind, sender| timeline.wants(kind, sender, || false);
    assert!(wants("m.room.message", "@a:x.fr"));
    assert!(!wants("m.room.member", "@a:x.fr") && !wants("m.room.message", "@b:x.fr"));
    assert!(!wants("m.reaction", "@a:x.fr") && !wants("m.room.message", "@c:x.fr"));
    assert_eq!(timeline.event.limit, Some(7));
    assert!(timeline.lazy_load_members && !timeline.wants_everything());
}

#[test]
fn an_empty_list_wants_nothing_and_null_is_absence() {
    let filter = filter(json!({
        "presence": {"types": []}, "account_data": {"types": null, "limit": null}, "room": null,
        "event_fields": null,
    }));
    assert!(!filter.presence.wants("m.presence", "@a:x.fr"));
    assert!(filter.account_data.wants_type("m.direct"));
}

#[test]
fn contains_url_looks_at_the_content() {
    let only = RoomEventFilter::parse(br#"{"contains_url": true}"#).unwrap();
    let none = RoomEventFilter::parse(br#"{"contains_url": false}"#).unwrap();
    let url = content_has_url(json!({"url": "mxc://x/y"}).as_object().unwrap());
    assert!(only.wants("t", "@a:x", || url) && !only.wants("t", "@a:x", || false));
    assert!(!none.wants("t", "@a:x", || url) && none.wants("t", "@a:x", || false));
    assert!(!content_has_url(json!({"url": 1}).as_object().unwrap()));
}

#[test]
fn patterns_match_as_a_whole() {
    for (pattern, kind, expected) in [
        ("m.room.message", "m.room.message", true),
        ("m.room.message", "m.room.message2", false),
        ("m.room.*", "m.room.", true),
        ("m.room.*", "m.roo", false),
        ("*", "", true),
        ("*.a", "b.a", true),
        ("a*a", "a", false),
        ("a*a", "aa", true),
        ("a*b*c", "a-b-b-c", true),
        ("a*b*c", "a-c-b", false),
        ("**", "x", true),
        ("a?", "ab", false),
        ("", "", true),
        ("", "x", false),
    ] {
        assert_eq!(TypePattern::new(pattern).matches(kind), expected, "{pattern} on {kind}");
    }
}

#[test]
fn wrong_shapes_are_refused() {
    for bad in [
        r#"{"room": {"timeline": {"limit": "10"}}}"#,
        r#"{"room": {"timeline": {"limit": -1}}}"#,
        r#"{"room": {"rooms": "!a:x"}}"#,
        r#"{"room": {"rooms": ["nonsense"]}}"#,
        r#"{"presence": {"not_senders": ["nobody"]}}"#,
        r#"{"event_format": "xml"}"#,
        r#"{"event_fields": [1]}"#,
        r#"{"room": []}"#,
        "[]",
        "5",
    ] {
        let error = Filter::parse(bad.as_bytes()).unwrap_err();
        assert!(matches!(error, FilterError::Shape(_)), "{bad}: {error:?}");
    }
    assert_eq!(Filter::parse(b"{").unwrap_err(), FilterError::NotJson);
    let deep = format!("{}1{}", "[".repeat(1000), "]".repeat(1000));
    assert!(Filter::parse(deep.as_bytes()).is_err());
    let large = format!("{{\"x\": \"{}\"}}", "a".repeat(FILTER_BYTES_MAX));
    assert_eq!(Filter::parse(large.as_bytes()).unwrap_err(), FilterError::TooLarge);
    let many = json!({"presence": {"types": vec!["a"; FILTER_LIST_MAX + 1]}}).to_string();
    assert!(matches!(Filter::parse(many.as_bytes()), Err(FilterError::Shape(_))));
}

#[test]
fn event_fields_cut_events_down() {
    let fields =
        EventFields::new(["type", "content.body", r"content.m\.relates_to", "content.x.y"]);
    let event = json!({
        "type": "t", "sender": "@a:x", "content": {"body": "b", "m.relates_to": {}, "x": 1, "z": 2}
    });
    let kept = fields.project(event.as_object().unwrap());
    let expected = json!({"type": "t", "content": {"body": "b", "m.relates_to": {}}});
    assert_eq!(Value::Object(kept), expected);
    let kept = EventFields::new(["a.b.c"]).project(json!({"a": {"b": 1}}).as_object().unwrap());
    assert!(kept.is_empty());
}
