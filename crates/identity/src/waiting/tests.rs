// SPDX-License-Identifier: Apache-2.0
use super::*;

fn source(at: u32) -> IpAddr {
    IpAddr::from(at.to_be_bytes())
}

/// Otherwise one source, or a few, take all places for as long as they like.
#[test]
fn whoever_floods_drives_out_their_own() {
    let waiting = Waiting::new(100, 10);
    let put = |name: &str, from: u32| waiting.put(name, source(from), (), 60_000, 0);
    assert_eq!(put("owner", 1), None);
    for nr in 0..10 {
        assert_eq!(put(&format!("flood {nr}"), 2), None);
    }
    assert_eq!(put("flood 10", 2).as_deref(), Some("flood 0"), "its own oldest");
    // Eleven sources fill what is left, and those that come later still find a place.
    for from in 3..14 {
        for nr in 0..10 {
            put(&format!("{from} {nr}"), from);
        }
    }
    assert_eq!(waiting.table.lock().entries.len(), 100);
    for new in 100..200 {
        let gone = put(&format!("new {new}"), new).unwrap_or_default();
        assert!(gone != "owner" && !gone.starts_with("new"), "{gone}");
        assert!(waiting.take(&format!("new {new}"), 0).is_some());
        let late = put(&format!("late {new}"), 3).unwrap_or_default();
        assert!(!late.starts_with("owner"), "{late}");
    }
    assert!(waiting.take("owner", 0).is_some());
}

/// Otherwise whoever has a thousand places drives out an organisation that is behind one address,
/// and the networks of one site count as so many strangers.
#[test]
fn whoever_is_in_already_drives_out_nobody_else() {
    let waiting = Waiting::new(100, 50);
    let put = |name: &str, from: IpAddr| waiting.put(name, from, (), 60_000, 0);
    for nr in 0..30 {
        put(&format!("ministry {nr}"), source(1));
    }
    for nr in 0..70 {
        put(&format!("flood {nr}"), source(2 + nr % 7));
    }
    for nr in 0..500 {
        let gone = put(&format!("more {nr}"), source(2 + nr % 7)).unwrap();
        assert!(!gone.starts_with("ministry"), "{gone}");
    }
    let network = |nr: u16| IpAddr::from([0x2001, 0xdb8, 7, nr, 0, 0, 0, 1]);
    assert!(put("site", network(0)).unwrap().starts_with("ministry"), "the one that has the most");
    for nr in 1..9 {
        assert!(put(&format!("site {nr}"), network(nr)).unwrap().starts_with("site"));
    }
}

/// Otherwise something works twice, or when it is over.
#[test]
fn what_waits_is_taken_once_and_in_time() {
    let waiting = Waiting::new(2, 2);
    waiting.put("a", source(1), 1, 100, 0);
    assert_eq!(waiting.with("a", 99, |what| std::mem::replace(what, 2)), Some(1));
    assert_eq!(waiting.with("a", 100, |what| *what), None);
    assert_eq!(waiting.take("a", 99), Some(2));
    assert_eq!(waiting.take("a", 99), None);
    waiting.put("b", source(1), 3, 100, 0);
    assert_eq!(waiting.take("b", 100), None);
    // What is over gives way before what is not.
    waiting.put("c", source(1), 4, 100, 0);
    waiting.put("d", source(1), 5, 200, 0);
    assert_eq!(waiting.put("e", source(2), 6, 200, 150), None);
    assert_eq!(waiting.take("d", 150), Some(5));
}
