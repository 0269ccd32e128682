// SPDX-License-Identifier: Apache-2.0
//! Forged histories: each lie that a server could tell, and the checker must find it.

use super::*;

fn sent(sender: usize, marker: &str, outcome: Outcome) -> Sent {
    Sent { sender, to: 0, marker: marker.into(), txn_id: marker.into(), outcome }
}

fn acknowledged(sender: usize, marker: &str) -> Sent {
    sent(sender, marker, Outcome::Acknowledged(format!("${marker}")))
}

fn stored(markers: &[&str]) -> Vec<Stored> {
    markers
        .iter()
        .map(|marker| Stored { event_id: format!("${marker}"), marker: (*marker).into() })
        .collect()
}

fn kinds(violations: &[Violation]) -> Vec<Kind> {
    violations.iter().map(|violation| violation.kind).collect()
}

fn received(markers: &[&str]) -> Vec<String> {
    markers.iter().map(|marker| (*marker).to_owned()).collect()
}

/// Without it every honest run would fail.
#[test]
fn an_honest_history_passes() {
    let record = [acknowledged(0, "a"), acknowledged(1, "b"), sent(0, "c", Outcome::Unknown)];
    assert!(check_rooms(&record, &[stored(&["b", "a"])]).is_empty());
    assert!(check_rooms(&record, &[stored(&["a", "b", "c"])]).is_empty());
    assert!(check_received("d", &record, 0, &received(&["a", "b"])).is_empty());
}

/// Without it a server that forgets would pass.
#[test]
fn finds_an_acknowledged_event_that_is_gone() {
    let record = [acknowledged(0, "a"), acknowledged(0, "b")];
    assert_eq!(kinds(&check_rooms(&record, &[stored(&["a"])])), [Kind::Lost]);
    assert_eq!(kinds(&check_received("d", &record, 0, &received(&["b"]))), [Kind::Lost]);
}

/// Without it a server could hand out an event id that leads nowhere.
#[test]
fn finds_an_event_under_another_id() {
    let record = [sent(0, "a", Outcome::Acknowledged("$other".into()))];
    assert_eq!(kinds(&check_rooms(&record, &[stored(&["a"])])), [Kind::Lost]);
}

/// Without it a retried transaction could act twice.
#[test]
fn finds_a_doubled_message_whatever_its_outcome() {
    for outcome in [Outcome::Acknowledged("$a".into()), Outcome::Unknown] {
        let record = [sent(0, "a", outcome)];
        assert_eq!(kinds(&check_rooms(&record, &[stored(&["a", "a"])])), [Kind::Doubled]);
        let twice = received(&["a", "a"]);
        assert_eq!(kinds(&check_received("d", &record, 0, &twice)), [Kind::Doubled]);
    }
}

/// Without it messages could overtake each other.
#[test]
fn finds_a_changed_order_of_one_sender_only() {
    let record = [acknowledged(0, "a"), acknowledged(1, "x"), acknowledged(0, "b")];
    assert_eq!(kinds(&check_rooms(&record, &[stored(&["b", "x", "a"])])), [Kind::Reordered]);
    assert!(check_rooms(&record, &[stored(&["x", "a", "b"])]).is_empty());
    let order = received(&["b", "a", "x"]);
    assert_eq!(kinds(&check_received("d", &record, 0, &order)), [Kind::Reordered]);
}

/// Without it events of another room or of nobody would go unnoticed.
#[test]
fn finds_what_nobody_sent() {
    assert_eq!(kinds(&check_rooms(&[], &[stored(&["a"])])), [Kind::Invented]);
    assert_eq!(kinds(&check_received("d", &[], 0, &received(&["a"]))), [Kind::Invented]);
}

fn ledger(uploaded: &[&str], given: &[&str]) -> KeyLedger {
    KeyLedger {
        uploaded: uploaded.iter().map(|key| (*key).to_owned()).collect(),
        given: received(given),
        ..KeyLedger::default()
    }
}

/// Without it two sessions could rest on one key.
#[test]
fn finds_a_key_given_twice() {
    let mut keys = ledger(&["1", "2", "3"], &["1", "1"]);
    assert_eq!(kinds(&check_keys("d", &keys)), [Kind::KeyGivenTwice]);
    keys.given = received(&["1", "2"]);
    keys.remaining = Some(1);
    assert!(check_keys("d", &keys).is_empty());
}

/// Without it a given key could stay in the pool, to be given again later.
#[test]
fn counts_what_must_be_left() {
    let mut keys = ledger(&["1", "2", "3"], &["1"]);
    keys.remaining = Some(3);
    assert_eq!(kinds(&check_keys("d", &keys)), [Kind::KeyGivenTwice]);
    keys.remaining = Some(1);
    assert_eq!(kinds(&check_keys("d", &keys)), [Kind::Lost]);
    keys.unanswered = 1;
    assert!(check_keys("d", &keys).is_empty());
    keys.given = received(&["9"]);
    assert_eq!(kinds(&check_keys("d", &keys)), [Kind::Invented]);
}

/// Without it an old value could come back.
#[test]
fn finds_an_old_or_invented_value() {
    let counter = Counter { acknowledged: 4, attempted: 5 };
    assert_eq!(kinds(&check_counter("c", &counter, 3)), [Kind::Lost]);
    assert!(check_counter("c", &counter, 4).is_empty());
    assert!(check_counter("c", &counter, 5).is_empty());
    assert_eq!(kinds(&check_counter("c", &counter, 6)), [Kind::Invented]);
}
