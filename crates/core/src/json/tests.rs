// SPDX-License-Identifier: Apache-2.0
//! Without these two servers could hash the same event to different bytes.

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
}
