// SPDX-License-Identifier: Apache-2.0
use proptest::prelude::*;

use super::*;

fn graph(text: &str) -> BTreeMap<String, Vec<String>> {
    text.lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(event, to)| {
            (event.trim().to_owned(), to.split_whitespace().map(str::to_owned).collect())
        })
        .collect()
}

fn set(text: &str) -> BTreeSet<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

// One hostile event would push every later one out of the integers.
#[test]
fn depth_is_clamped() {
    assert_eq!(depth_after([]), 1);
    assert_eq!(depth_after([3, 7, 5]), 8);
    assert_eq!(depth_after([DEPTH_MAX - 1]), DEPTH_MAX);
    assert_eq!(depth_after([DEPTH_MAX]), DEPTH_MAX);
    assert_eq!(depth_after([u64::MAX]), DEPTH_MAX);
}

#[test]
fn only_accepted_events_move_the_extremities() {
    let check = |current, prev: &str, acceptance, referenced, expected| {
        let prev: Vec<String> = prev.split_whitespace().map(str::to_owned).collect();
        let event = "new".to_owned();
        let current = set(current);
        let after = forward_extremities_after(&current, &event, &prev, acceptance, referenced);
        assert_eq!(after, set(expected));
    };
    check("", "", Acceptance::Accepted, false, "new");
    check("a b", "a", Acceptance::Accepted, false, "b new");
    check("a b", "a b", Acceptance::Accepted, false, "new");
    check("a", "z", Acceptance::Accepted, false, "a new");
    check("a", "z", Acceptance::Accepted, true, "a");
    check("a b", "a", Acceptance::SoftFailed, false, "a b");
    check("a b", "a", Acceptance::Rejected, false, "a b");
}

// Backfill would stop at the wrong place, or ask for what is here.
#[test]
fn gaps_are_found() {
    let events = graph("d: c b\nc: b x\nb: a a\ne: d");
    let expected = graph("c: x\nb: a");
    assert_eq!(backward_extremities(&events), expected);
    let prev = ["b", "x", "a", "x"];
    assert_eq!(missing_prev_events(&prev, |id| *id == "b"), ["a", "x"]);
}

// An event built on a forged one would be believed (continuwuity before 26.6).
#[test]
fn rejection_spreads_along_auth_events() {
    let auth = graph(
        "create:\nalice: create\nforged: create alice\nbob: forged create\ntopic: bob\nname: alice create\nloop: loop",
    );
    assert_eq!(spread_rejection(&auth, ["forged".to_owned()]), set("forged bob topic"));
    assert_eq!(spread_rejection(&auth, ["loop".to_owned()]), set("loop"));
    assert_eq!(spread_rejection(&auth, []), set(""));
}

#[test]
fn order_breaks_ties_by_rank_and_reports_cycles() {
    let events = graph("a:\nb: a\nc: a\nd: b c\nx: y\ny: x d\nz: x");
    let rank = |id: &String| if id == "c" { 0 } else { 1 };
    let (order, cyclic) = topological_order(&events, rank);
    assert_eq!(order, ["a", "c", "b", "d"]);
    assert_eq!(cyclic, ["x", "y", "z"]);
}

proptest! {
    #[test]
    fn order_respects_every_pointer(pointers in proptest::collection::vec(
        proptest::collection::vec(0usize..60, 0..4), 1..40), seed: u64) {
        let events: BTreeMap<usize, Vec<usize>> = pointers
            .iter()
            .enumerate()
            .map(|(event, to)| (event, to.iter().map(|to| to % (event + 1)).filter(|to| *to < event).collect()))
            .collect();
        let rank = |id: &usize| seed.wrapping_mul(*id as u64 + 1) >> 7;
        let (order, cyclic) = topological_order(&events, rank);
        prop_assert!(cyclic.is_empty());
        let place: BTreeMap<usize, usize> = order.iter().enumerate().map(|(at, id)| (*id, at)).collect();
        prop_assert_eq!(place.len(), events.len());
        for (event, to) in &events {
            for to in to {
                prop_assert!(place[to] < place[event]);
            }
        }
        // Extremities, taken one event at a time, are what nothing points at.
        let mut extremities = BTreeSet::new();
        for event in &order {
            extremities = forward_extremities_after(
                &extremities, event, &events[event], Acceptance::Accepted, false);
        }
        let referenced: BTreeSet<usize> = events.values().flatten().copied().collect();
        let expected: BTreeSet<usize> = events.keys().filter(|id| !referenced.contains(id)).copied().collect();
        prop_assert_eq!(extremities, expected);
    }
}
