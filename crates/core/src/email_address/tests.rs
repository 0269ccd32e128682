// SPDX-License-Identifier: Apache-2.0
use proptest::prelude::*;

use super::{EmailAddress, EmailAddressError as E};

/// Otherwise agents with ordinary addresses could not sign up.
#[test]
fn ordinary_addresses_are_taken_in_small_letters() {
    for (given, kept) in [
        ("jane.smith@example.gouv.fr", "jane.smith@example.gouv.fr"),
        ("Jane.SMITH@Example.Gouv.FR", "jane.smith@example.gouv.fr"),
        ("user+tag@domain.com", "user+tag@domain.com"),
        ("o'brien@x.fr", "o'brien@x.fr"),
        ("a@b-c.xn--p1ai", "a@b-c.xn--p1ai"),
        ("1@1.fr", "1@1.fr"),
        ("a_b-c.d@x.y.z.museum", "a_b-c.d@x.y.z.museum"),
    ] {
        let address = EmailAddress::parse(given).unwrap();
        assert_eq!(address.as_str(), kept);
        assert_eq!(format!("{}@{}", address.local_part(), address.domain()), kept);
    }
}

/// Otherwise what is trusted could differ from what is mailed (CVE-2019-11340, T-I1).
#[test]
fn hostile_addresses_are_refused_whole() {
    let long_label = format!("a@{}.fr", "b".repeat(64));
    let long_local = format!("{}@x.fr", "a".repeat(65));
    let long = format!("{}@{}fr", "a".repeat(64), "bcd.".repeat(48));
    for (hostile, why) in [
        ("", E::At),
        ("a", E::At),
        ("@", E::LocalPart),
        ("@x.fr", E::LocalPart),
        ("a@", E::Domain),
        ("a@evil.com@important.com", E::At),
        ("a@@x.fr", E::At),
        ("a@evil.com\u{ff20}important.com", E::Character),
        ("a@x.fr\n", E::Character),
        ("a@x.fr\r\nBcc: b@y.fr", E::At),
        ("a@x.fr\r\nBcc: all", E::Character),
        ("a\n@x.fr", E::Character),
        ("a@x.fr\0", E::Character),
        ("a\0@x.fr", E::Character),
        (" a@x.fr", E::Character),
        ("a@x.fr ", E::Character),
        ("a @x.fr", E::Character),
        ("a@ x.fr", E::Character),
        ("\"a@evil.com\"@x.fr", E::At),
        ("\"a b\"@x.fr", E::Character),
        ("\"\"@x.fr", E::Character),
        ("a(comment)@x.fr", E::Character),
        ("a@x.fr(comment)", E::Character),
        ("a@(comment)x.fr", E::Character),
        ("Alice <a@x.fr>", E::Character),
        ("<a@x.fr>", E::Character),
        ("a@x.fr,b@y.fr", E::At),
        ("a,b@x.fr", E::Character),
        ("a;b@x.fr", E::Character),
        ("a:b@x.fr", E::Character),
        ("@evil.com:a@x.fr", E::At),
        ("a%evil.com@x.fr", E::Character),
        ("evil.com!a@x.fr", E::Character),
        ("a\\@evil.com@x.fr", E::At),
        ("a\\b@x.fr", E::Character),
        ("/c=fr/s=a/@x.fr", E::Character),
        ("|cat@x.fr", E::Character),
        ("`id`@x.fr", E::Character),
        ("a@[127.0.0.1]", E::Character),
        ("a@[IPv6:::1]", E::Character),
        ("a@127.0.0.1", E::Domain),
        ("a@x.42", E::Domain),
        ("a@localhost", E::Domain),
        ("a@fr", E::Domain),
        (".a@x.fr", E::LocalPart),
        ("a.@x.fr", E::LocalPart),
        ("a..b@x.fr", E::LocalPart),
        ("a@.x.fr", E::Domain),
        ("a@x.fr.", E::Domain),
        ("a@x..fr", E::Domain),
        ("a@-x.fr", E::Domain),
        ("a@x-.fr", E::Domain),
        ("a@x_y.fr", E::Character),
        ("a@x.fr/", E::Character),
        ("a@x.fr?subject=b", E::Character),
        ("a@x.fr#", E::Character),
        ("mailto:a@x.fr", E::Character),
        ("а@x.fr", E::Character),              // Cyrillic а
        ("a@interiеur.gouv.fr", E::Character), // Cyrillic е
        ("a@ınterieur.gouv.fr", E::Character), // dotless i, İ's small form
        ("a@INTERİEUR.gouv.fr", E::Character),
        ("a@gouv.fr\u{200b}", E::Character), // zero width space
        ("a@gouv\u{3002}fr", E::Character),  // ideographic full stop
        ("a@gouv\u{ff0e}fr", E::Character),  // full-width full stop
        ("a\u{202e}@x.fr", E::Character),    // right-to-left override
        ("é@x.fr", E::Character),
        ("\u{212a}@x.fr", E::Character), // Kelvin sign: small, it is k
        ("ſ@x.fr", E::Character),        // long s: large, it is S
        ("a@ﬁnances.gouv.fr", E::Character), // ligature
        ("a\u{0301}@x.fr", E::Character),
        (&long_label, E::TooLong),
        (&long_local, E::TooLong),
        (&long, E::TooLong),
    ] {
        assert_eq!(EmailAddress::parse(hostile), Err(why), "{hostile:?}");
    }
}

/// Otherwise the longest addresses that exist could not sign up, or one byte more would.
#[test]
fn the_longest_address_has_254_bytes() {
    let longest = format!(
        "{}@{}.fr",
        "a".repeat(64),
        ["b".repeat(62), "c".repeat(62), "d".repeat(60)].join(".")
    );
    assert_eq!(longest.len(), 254);
    assert!(EmailAddress::parse(&longest).is_ok());
    assert_eq!(EmailAddress::parse(&longest.replace("@b", "@bb")), Err(E::TooLong));
}

/// What every accepted text has to be. Shared with the fuzz target's demands.
fn demand(text: &str) {
    let Ok(address) = EmailAddress::parse(text) else { return };
    assert!(text.eq_ignore_ascii_case(address.as_str()), "nothing is cut off or corrected");
    assert_eq!(address.as_str().matches('@').count(), 1);
    assert!(address.as_str().bytes().all(|byte| byte.is_ascii_graphic()));
    assert_eq!(EmailAddress::parse(address.as_str()).as_ref(), Ok(&address), "one form");
    assert_eq!(EmailAddress::parse(&text.to_ascii_uppercase()).as_ref(), Ok(&address));
    assert!(address.domain().contains('.') && !address.local_part().is_empty());
}

proptest! {
    /// Otherwise some text means one address here and another there.
    #[test]
    fn whatever_is_accepted_is_one_address(text in "\\PC{0,40}(@\\PC{0,40}){0,3}") {
        demand(&text);
    }

    /// The same close to real addresses, where more is accepted.
    #[test]
    fn whatever_looks_like_an_address_is_one_or_none(
        text in "[a-zA-Z0-9.+'\\-_ \"\\n]{1,12}@([a-zA-Z0-9\\-]{0,6}\\.){0,3}[a-zA-Z0-9\n ]{0,6}"
    ) {
        demand(&text);
    }

    /// One hostile character anywhere makes any address refused.
    #[test]
    fn a_hostile_character_anywhere_is_refused(
        at in 0_usize..21,
        hostile in prop::sample::select(vec!['@', '\n', '\r', '\0', ' ', '"', '(', '<', ',', ';', ':',
            '\\', '%', '!', '/', '|', '`', '[', 'е', 'ı', 'İ', '\u{200b}', '\u{ff20}', '\u{3002}']),
    ) {
        let mut text = "jane.smith@x.gouv.fr".to_owned();
        text.insert(at.min(text.len()), hostile);
        prop_assert!(EmailAddress::parse(&text).is_err(), "{text:?}");
    }
}
