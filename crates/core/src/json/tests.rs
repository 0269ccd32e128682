// SPDX-License-Identifier: Apache-2.0
//! Without these two servers could hash the same event to different bytes.

use proptest::prelude::*;

use super::*;

fn canonical(text: &str) -> String {
    parse(text.as_bytes(), Strictness::Strict).unwrap().to_canonical()
}

/// The examples of the specification (Appendices, "Canonical JSON", "Examples").
#[test]
fn the_specification_s_examples() {
    for (input, output) in [
        ("{}", "{}"),
        ("{\n \"one\": 1,\n \"two\": \"Two\"\n}", r#"{"one":1,"two":"Two"}"#),
        (r#"{"b": "2", "a": "1"}"#, r#"{"a":"1","b":"2"}"#),
        (
            r#"{"auth":{"success":true,"mxid":"@john.doe:example.com","profile":{"display_name":
            "John Doe","three_pids":[{"medium":"email","address":"john.doe@example.org"},
            {"medium":"msisdn","address":"123456789"}]}}}"#,
            "{\"auth\":{\"mxid\":\"@john.doe:example.com\",\"profile\":{\"display_name\":\"John \
             Doe\",\"three_pids\":[{\"address\":\"john.doe@example.org\",\"medium\":\"email\"},{\
             \"address\":\"123456789\",\"medium\":\"msisdn\"}]},\"success\":true}}",
        ),
        (r#"{"a": "日本語"}"#, r#"{"a":"日本語"}"#),
        (r#"{"本": 2, "日": 1}"#, r#"{"日":1,"本":2}"#),
        (r#"{"a": "\u65E5"}"#, r#"{"a":"日"}"#),
        (r#"{"a": null}"#, r#"{"a":null}"#),
    ] {
        assert_eq!(canonical(input), output);
    }
}

#[test]
fn strings_are_escaped_in_the_one_way() {
    assert_eq!(
        canonical(r#""\u0000\u001F\b\t\n\f\r\"\\\/\u007f""#),
        "\"\\u0000\\u001f\\b\\t\\n\\f\\r\\\"\\\\/\u{7f}\""
    );
    assert_eq!(canonical(r#""\ud83d\ude00""#), "\"😀\"");
}

#[test]
fn numbers_beyond_the_rules() {
    for bad in ["1.0", "1e3", "-0", "9007199254740992", "-9007199254740992", "1E400", "0.0"] {
        assert!(
            matches!(parse(bad.as_bytes(), Strictness::Strict), Err(JsonError::Number(0))),
            "{bad}"
        );
    }
    for kept in ["1.0", "9007199254740992", "-9007199254740992", "1E400", "0.0", "1.5e0", "-0.0"] {
        let tolerant = parse(kept.as_bytes(), Strictness::Tolerant).unwrap();
        assert_eq!(tolerant.to_canonical(), kept, "survives a round trip");
    }
    // The specification's last example.
    let tolerant = parse(br#"{"a": -0, "b": 1e10}"#, Strictness::Tolerant).unwrap();
    assert_eq!(tolerant.to_canonical(), r#"{"a":0,"b":10000000000}"#);
    for good in ["0", "9007199254740991", "-9007199254740991", "-1"] {
        assert_eq!(canonical(good), good);
    }
}

#[test]
fn what_is_no_json() {
    for bad in [
        "",
        "{",
        "}",
        "[1,]",
        "{\"a\":1,}",
        "{a:1}",
        "NaN",
        "Infinity",
        "01",
        "+1",
        "1.",
        "1e",
        "\"\u{1}\"",
        "\"\\x\"",
        "\"\\ud800\"",
        "\"\\ud800\\u0041\"",
        "\"\\udc00\"",
        "\"\\u12\"",
        "nul",
        "1 2",
        "\"",
        "\"\\u+123\"",
        "'a'",
    ] {
        assert!(parse(bad.as_bytes(), Strictness::Strict).is_err(), "{bad}");
        assert!(parse(bad.as_bytes(), Strictness::Tolerant).is_err(), "{bad}");
    }
    assert_eq!(parse(b"\"\xff\"", Strictness::Strict), Err(JsonError::Utf8));
}

#[test]
fn duplicate_keys() {
    let twice = br#"{"a":1,"a":2}"#;
    assert_eq!(parse(twice, Strictness::Strict), Err(JsonError::DuplicateKey(7)));
    assert_eq!(parse(twice, Strictness::Tolerant).unwrap().to_canonical(), r#"{"a":2}"#);
}

#[test]
fn depth_is_bounded() {
    let deep = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    let max = crate::limits::JSON_DEPTH_MAX;
    assert!(parse(deep(max).as_bytes(), Strictness::Strict).is_ok());
    assert_eq!(parse(deep(max + 1).as_bytes(), Strictness::Strict), Err(JsonError::Depth));
    assert_eq!(parse(deep(1_000_000).as_bytes(), Strictness::Strict), Err(JsonError::Depth));
    // What is built here is held to the same.
    let nested = |depth: usize, inside: &dyn Fn(Value) -> Value| {
        (1..depth).fold(inside(Value::Null), |value, _| inside(value))
    };
    let list = |value| Value::Array(vec![value]);
    let object = |value| Value::Object(Object::from([("a".to_owned(), value)]));
    for inside in [&list as &dyn Fn(Value) -> Value, &object] {
        assert!(nested(max, inside).is_canonical(0));
        assert!(!nested(max + 1, inside).is_canonical(0));
        assert!(!nested(max, inside).is_canonical(1));
    }
}

/// Any value that canonical JSON allows.
fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        (-crate::limits::INTEGER_MAX..=crate::limits::INTEGER_MAX).prop_map(Value::Integer),
        any::<String>().prop_map(Value::String),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
            prop::collection::btree_map(any::<String>(), inner, 0..6).prop_map(Value::Object),
        ]
    })
}

proptest! {
    /// P2: what is printed is read back as it was, in the specification's order and form.
    #[test]
    fn printing_and_parsing_are_inverse(value in any_value()) {
        let printed = value.to_canonical();
        let read = parse(printed.as_bytes(), Strictness::Strict);
        prop_assert_eq!(read.as_ref(), Ok(&value));
        let read = parse(printed.as_bytes(), Strictness::Tolerant);
        prop_assert_eq!(read.as_ref(), Ok(&value));
        let theirs: serde_json::Value = serde_json::from_str(&printed).unwrap();
        prop_assert_eq!(serde_json::Value::from(&value), theirs);
        prop_assert!(value.is_canonical(0));
    }

    /// P2: space between tokens and the order of members make no difference.
    #[test]
    fn every_spelling_has_one_canonical_form(value in any_value()) {
        let pretty = serde_json::to_string_pretty(&serde_json::Value::from(&value)).unwrap();
        let parsed = parse(pretty.as_bytes(), Strictness::Strict).unwrap();
        prop_assert_eq!(parsed.to_canonical(), value.to_canonical());
    }

    /// P2: integers within ±(2⁵³ − 1) and no others.
    #[test]
    fn integers_have_their_range(number in any::<i64>()) {
        let allowed = number.abs_diff(0) <= crate::limits::INTEGER_MAX.unsigned_abs();
        let text = number.to_string();
        prop_assert_eq!(parse(text.as_bytes(), Strictness::Strict).is_ok(), allowed);
        prop_assert_eq!(Value::Integer(number).is_canonical(0), allowed);
        let tolerant = parse(text.as_bytes(), Strictness::Tolerant).unwrap();
        prop_assert_eq!(tolerant.to_canonical(), text);
    }

    /// Whatever the bytes are: an answer, not a crash.
    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let strict = parse(&bytes, Strictness::Strict);
        if strict.is_ok() {
            prop_assert_eq!(strict, parse(&bytes, Strictness::Tolerant));
        }
    }
}

#[test]
fn what_may_not_be_signed() {
    let nested = |levels: usize| (0..levels).fold(Value::Null, |inner, _| vec![inner].into());
    assert!(nested(crate::limits::JSON_DEPTH_MAX).is_canonical(0));
    assert!(!nested(crate::limits::JSON_DEPTH_MAX + 1).is_canonical(0));
    assert!(!nested(crate::limits::JSON_DEPTH_MAX).is_canonical(1));
    let object = |value: Value| Value::from([("a", value)]);
    assert!(!object(Value::Number("1.5".into())).is_canonical(0));
    assert!(!Value::from(vec![Value::Integer(1 << 53)]).is_canonical(0));
}
