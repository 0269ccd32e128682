// SPDX-License-Identifier: Apache-2.0
//! Without these a malformed name could reach a room, a path or another server.

use super::*;

#[test]
fn server_names_follow_the_grammar() {
    for good in [
        "localhost",
        "matrix.org",
        "a.b:8448",
        "1.2.3.4",
        "1.2.3.4:1",
        "[::1]",
        "[2001:db8::1]:8448",
    ] {
        assert!(ServerName::parse(good).is_ok(), "{good}");
    }
    for bad in
        ["", ":80", "a:", "a:123456", "a:8a", "[::1", "[zz]", "[::1]x", "a b", "a_b", "é.fr", "a/b"]
    {
        assert!(ServerName::parse(bad).is_err(), "{bad}");
    }
    assert_eq!(ServerName::parse("[::1]:80").unwrap().host(), "[::1]");
    assert_eq!(ServerName::parse("[::1]").unwrap().host(), "[::1]");
    assert_eq!(ServerName::parse("a.b:80").unwrap().host(), "a.b");
}

#[test]
fn user_ids_old_and_new() {
    let server = ServerName::parse("x.fr").unwrap();
    for bad in ["", "A", "é", "a b", "a:b", "a@b"] {
        assert!(UserId::from_localpart(bad, &server).is_err(), "{bad}");
    }
    let user = UserId::from_localpart("a.b_c=-/+0", &server).unwrap();
    assert_eq!((user.localpart(), user.server_name()), ("a.b_c=-/+0", "x.fr"));
    for historical in ["@Historical User:x.fr", "@:x.fr", "@a\n\u{1}é:x.fr"] {
        assert_eq!(UserId::parse(historical).unwrap().as_str(), historical);
    }
    assert_eq!(UserId::parse("a:x.fr"), Err(IdError::Sigil('@')));
    assert_eq!(UserId::parse("@a"), Err(IdError::ServerName));
    assert_eq!(UserId::parse("@a\0:x.fr"), Err(IdError::Character));
}

#[test]
fn the_limit_is_in_bytes() {
    let name = |bytes: usize| format!("@{}:x.fr", "é".repeat(bytes / 2));
    assert!(UserId::parse(&name(248)).is_ok());
    assert_eq!(name(248).len(), 254);
    assert_eq!(UserId::parse(&name(250)), Err(IdError::TooLong));
}

#[test]
fn rooms_and_events_with_and_without_a_server() {
    assert_eq!(RoomId::parse("!a:x.fr").unwrap().server_name(), Some("x.fr"));
    assert_eq!(RoomId::parse("!abc").unwrap().server_name(), None);
    assert!(RoomId::parse("!").is_err());
    assert!(EventId::parse("$abc").is_ok());
    assert!(EventId::parse("$a:not a server").is_err());
}

#[test]
fn aliases_and_devices() {
    let alias = RoomAlias::parse("#caf\u{e9} room:x.fr:8448").unwrap();
    assert_eq!((alias.localpart(), alias.server_name()), ("caf\u{e9} room", "x.fr:8448"));
    assert_eq!(RoomAlias::parse("#:x.fr"), Err(IdError::Empty));
    assert_eq!(RoomAlias::parse("#a"), Err(IdError::ServerName));
    assert_eq!(RoomAlias::parse("#a:not a server"), Err(IdError::ServerName));
    assert_eq!(RoomAlias::parse("a:x.fr"), Err(IdError::Sigil('#')));
    assert!(DeviceId::parse(&"d".repeat(255)).is_ok());
    assert_eq!(DeviceId::parse(&"d".repeat(256)), Err(IdError::TooLong));
    assert_eq!(DeviceId::parse(""), Err(IdError::Empty));
    assert_eq!(DeviceId::parse("a\nb"), Err(IdError::Character));
}
