// SPDX-License-Identifier: Apache-2.0
use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;

const SUBJECT: &str = "@alice:x.fr";

fn passwords() -> Tally {
    Tally::new(Shares::of_passwords(10), 1_000)
}

fn origin(standing: Standing, source: usize) -> Origin {
    Origin { source: format!("203.0.113.{source}"), standing }
}

fn browser(name: &str, source: usize) -> Origin {
    origin(Standing::Browser(name.into()), source)
}

/// How many of `count` guesses at once are let in.
fn tries(tally: &mut Tally, from: &Origin, count: usize, now_ms: i64) -> usize {
    (0..count).filter(|_| tally.take(SUBJECT, from, now_ms).is_ok()).count()
}

/// Otherwise the shares add up to more than an account bears, or somebody has nothing.
#[test]
fn ten_places_are_shared_out() {
    let shares = Shares::of_passwords(10);
    let own = Share { places: 2, each: 1 };
    let common = Share { places: 4, each: 3 };
    assert_eq!(shares, Shares { session: own, browser: own, house: own, common });
    for total in 0..500 {
        let shares = Shares::of_passwords(total);
        assert_eq!(shares.total(), total.max(10));
        for share in [shares.session, shares.browser, shares.house, shares.common] {
            assert!(0 < share.each && share.each < share.places, "{total}: {shares:?}");
        }
    }
    // Who is not the owner has three codes, which are tried 5, 3 and 2 times.
    assert_eq!(Shares::CODES.common.places + Shares::CODES.house.places, 3);
}

/// Otherwise strangers keep the owner out (F-23).
#[test]
fn strangers_leave_the_lanes_of_others_as_they_are() {
    let mut tally = passwords();
    let strangers = (0..1_000).map(|at| Origin::stranger(format!("198.51.100.{at}")));
    let let_in: usize = strangers.map(|from| tries(&mut tally, &from, 3, 0)).sum();
    assert_eq!(let_in, 4, "a thousand places have what one lane has");
    assert_eq!(tries(&mut tally, &origin(Standing::House, 1), 3, 0), 1);
    assert_eq!(tries(&mut tally, &browser("a", 2), 3, 0), 1);
    assert_eq!(tries(&mut tally, &browser("b", 2), 3, 0), 1, "another of the owner's");
    assert_eq!(tries(&mut tally, &origin(Standing::Session("D".into()), 3), 3, 0), 1);
}

/// Otherwise one stranger keeps all others out, among whom may be the owner.
#[test]
fn one_guesser_has_a_part_of_a_lane() {
    let mut tally = passwords();
    assert_eq!(tries(&mut tally, &Origin::stranger("one"), 9, 0), 3);
    assert_eq!(tries(&mut tally, &Origin::stranger("other"), 9, 0), 1);
    let mut tally = passwords();
    // A browser counts as its source in the common lane: it is no second guesser there.
    let known = browser("a", 1);
    assert_eq!(tries(&mut tally, &known, 9, 0), 1 + 3);
    assert_eq!(tries(&mut tally, &Origin::stranger(&known.source), 9, 0), 0);
    assert_eq!(tries(&mut tally, &Origin::stranger("other"), 9, 0), 1);
}

/// Otherwise a place is never free again, or before its time.
#[test]
fn a_place_is_free_a_minute_later_and_the_wait_says_when() {
    let mut tally = passwords();
    let one = Origin::stranger("one");
    for at in [0, 10_000, 20_000] {
        assert!(tally.take(SUBJECT, &one, at).is_ok());
    }
    assert_eq!(tally.take(SUBJECT, &one, 30_000), Err(30_000));
    assert_eq!(tally.take(SUBJECT, &one, 59_999), Err(1));
    assert!(tally.take(SUBJECT, &one, 60_000).is_ok());
    assert_eq!(tally.take(SUBJECT, &one, 60_000), Err(10_000));
    assert!(tally.take("@bob:x.fr", &one, 60_000).is_ok(), "others are not held back");
    // A clock that was put back by an hour.
    assert_eq!(tally.take(SUBJECT, &one, -3_540_000), Err(60_000));
    assert_eq!(tries(&mut tally, &one, 9, -3_480_000), 3);
}

/// Otherwise who signs in on several devices has to wait, or a right guess frees another's place.
#[test]
fn what_was_right_gives_its_own_place_back() {
    let mut tally = passwords();
    let one = Origin::stranger("one");
    for _ in 0..20 {
        let right = tally.take(SUBJECT, &one, 0).unwrap();
        tally.give_back(right);
    }
    assert!(tally.is_empty());
    let first = tally.take(SUBJECT, &one, 0).unwrap();
    assert_eq!(tries(&mut tally, &one, 9, 1), 2);
    tally.give_back(first);
    assert_eq!(tries(&mut tally, &one, 9, 1), 1);
    tally.give_back(Guess::uncounted());
    assert_eq!(tries(&mut tally, &one, 9, 1), 0);
}

/// Otherwise who has typed a code waits for the next, or a stranger's place is given back.
#[test]
fn what_proves_right_later_gives_the_place_of_its_asker_back() {
    let mut tally = Tally::new(Shares::CODES, 10);
    let (one, other) = (Origin::stranger("one"), Origin::stranger("other"));
    assert_eq!(tries(&mut tally, &other, 9, 0), 1);
    tally.was_right(SUBJECT, &one);
    assert_eq!(tries(&mut tally, &other, 9, 0), 0);
    for _ in 0..3 {
        assert_eq!(tries(&mut tally, &one, 9, 0), 1);
        tally.was_right(SUBJECT, &one);
    }
    tally.was_right("@bob:x.fr", &other);
    assert_eq!((tries(&mut tally, &other, 9, 0), tally.len()), (0, 1));
}

/// Otherwise a restart forgets who guessed, or remembers it for longer than a window.
#[test]
fn wrong_guesses_are_recalled_in_their_lanes() {
    let mut before = passwords();
    let (one, known) = (Origin::stranger("one"), browser("a", 1));
    let mut kept = Vec::new();
    for (from, at_ms) in [(&one, 0), (&one, 10_000), (&one, 20_000), (&known, 30_000)] {
        let guess = before.take(SUBJECT, from, at_ms).unwrap();
        kept.push(before.wrong(&guess).unwrap());
        assert_eq!(kept.last().unwrap().at_ms, at_ms);
    }
    assert_eq!(before.wrong(&Guess::uncounted()), None);
    let unknown = Wrong { lane: 0, ..kept[0].clone() };
    let mut after = passwords();
    for wrong in kept.iter().chain([&unknown]) {
        after.recall(wrong, 40_000);
    }
    for tally in [&mut before, &mut after] {
        assert_eq!(tally.take(SUBJECT, &one, 40_000), Err(20_000));
        assert_eq!(tries(tally, &browser("b", 1), 1, 40_000), 1, "the second of that lane");
        assert_eq!(tries(tally, &browser("a", 2), 9, 40_000), 1, "the last of the common lane");
        assert_eq!(tries(tally, &origin(Standing::House, 3), 9, 40_000), 1);
    }
    let mut late = passwords();
    kept.iter().for_each(|wrong| late.recall(wrong, 30_000 + WINDOW_MS));
    assert!(late.is_empty());
}

/// Otherwise whoever makes up enough names resets what holds a guesser back, or fills memory.
#[test]
fn a_flood_of_names_drives_out_its_own() {
    let mut tally = passwords();
    let one = Origin::stranger("one");
    assert_eq!(tries(&mut tally, &one, 9, 0), 3);
    for name in 0..5_000 {
        assert!(tally.take(&format!("name {name}"), &one, 0).is_ok());
        assert!(tally.len() <= 1_000);
    }
    assert!(tally.len() > 700, "no more goes than must");
    assert_eq!(tries(&mut tally, &one, 9, 0), 0);
    assert!(tally.take("late", &one, WINDOW_MS).is_ok());
    for name in 0..1_000 {
        let _ = tally.take(&format!("name {name}"), &one, WINDOW_MS);
    }
    assert!(tally.len() <= 1_000);
}

/// One who guesses: a lane, a name in it, a source, and how long after the one before.
fn guesser() -> impl Strategy<Value = (u8, usize, usize, i64, bool)> {
    let pause = prop_oneof![Just(0_i64), 1_i64..200, 1_000_i64..90_000];
    (0_u8..4, 0_usize..4, 0_usize..5, pause, prop::bool::weighted(0.1))
}

fn from_parts(lane: u8, name: usize, source: usize) -> Origin {
    let standing = match lane {
        0 => Standing::Session(format!("session {name}")),
        1 => Standing::Browser(format!("browser {name}")),
        2 => Standing::House,
        _ => Standing::Stranger,
    };
    origin(standing, source)
}

proptest! {
    /// Otherwise there is an order of guesses by which an account is guessed at more often.
    #[test]
    fn no_window_has_more_guesses_than_places(
        guesses in prop::collection::vec(guesser(), 1..400),
        total in 10_u32..30,
    ) {
        let mut tally = Tally::new(Shares::of_passwords(total), 100);
        let (mut now_ms, mut counted) = (0, VecDeque::new());
        for (lane, name, source, pause, right) in guesses {
            now_ms += pause;
            let from = from_parts(lane, name, source);
            match tally.take(SUBJECT, &from, now_ms) {
                Ok(guess) if right => tally.give_back(guess),
                Ok(_) => counted.push_back(now_ms),
                Err(wait_ms) => prop_assert!((1..=60_000).contains(&wait_ms)),
            }
            while counted.front().is_some_and(|at| now_ms - at >= WINDOW_MS) {
                counted.pop_front();
            }
            prop_assert!(counted.len() <= total as usize, "{} at {now_ms}", counted.len());
        }
    }

    /// Otherwise what others do, in whatever order, keeps an owner out for more than a minute.
    #[test]
    fn nobody_else_holds_back_whoever_has_a_lane(
        guesses in prop::collection::vec(guesser(), 1..400),
        lane in 0_u8..3,
    ) {
        let mut tally = passwords();
        let owner = match lane {
            2 => origin(Standing::House, 77),
            lane => from_parts(lane, 77, 77),
        };
        let (mut now_ms, mut tried_ms) = (0, i64::MIN);
        for (other, name, source, pause, _) in guesses {
            now_ms += pause;
            // One other in the owner's own lane leaves a place; two are two who proved as much.
            let (name, source) = if other == lane { (0, 0) } else { (name, source) };
            let _ = tally.take(SUBJECT, &from_parts(other, name, source), now_ms);
            if now_ms.saturating_sub(tried_ms) >= WINDOW_MS {
                prop_assert!(tally.take(SUBJECT, &owner, now_ms).is_ok(), "at {now_ms}");
                tried_ms = now_ms;
            }
        }
    }

    /// Otherwise the time that somebody is told to wait is a lie.
    #[test]
    fn who_waits_as_long_as_told_is_let_in(
        guesses in prop::collection::vec(guesser(), 1..200),
    ) {
        let mut tally = passwords();
        let mut now_ms = 0;
        for (lane, name, source, pause, _) in guesses {
            now_ms += pause;
            let from = from_parts(lane, name, source);
            if let Err(wait_ms) = tally.take(SUBJECT, &from, now_ms) {
                now_ms += wait_ms as i64;
                prop_assert!(tally.take(SUBJECT, &from, now_ms).is_ok());
            }
        }
    }
}
