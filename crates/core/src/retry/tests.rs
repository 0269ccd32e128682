// SPDX-License-Identifier: Apache-2.0
use proptest::prelude::*;

use super::*;

const ALL: [Schedule; 4] = [FEDERATION, PUSH_GATEWAY, APPLICATION_SERVICE, INTERACTIVE];

// A server that is down for a week would be asked every second, or never again.
#[test]
fn federation_backs_off_from_seconds_to_a_day() {
    let delays: Vec<_> = (0..12).filter_map(|n| FEDERATION.full_delay_ms(n)).collect();
    assert_eq!(delays.get(..5), Some(&[0, 10_000, 30_000, 90_000, 270_000][..]));
    assert_eq!(delays.last(), Some(&86_400_000));
}

#[test]
fn the_longest_delays_are_as_documented() {
    let longest = |schedule: &Schedule| schedule.full_delay_ms(60);
    assert_eq!(longest(&FEDERATION), Some(86_400_000));
    assert_eq!(longest(&PUSH_GATEWAY), Some(3_600_000));
    assert_eq!(longest(&APPLICATION_SERVICE), Some(300_000));
    assert_eq!(INTERACTIVE.ceiling_ms, 5_000);
}

// Somebody would wait for ever.
#[test]
fn interactive_requests_end() {
    assert_eq!(INTERACTIVE.delay_ms(2, 0), Some(800));
    assert_eq!(INTERACTIVE.delay_ms(3, 0), None);
    let two = Attempts { failures: 2, next_ms: 0 };
    assert_eq!(two.failed(&INTERACTIVE, 0, 0, None), None);
}

// A hostile server could silence us for a year by its Retry-After.
#[test]
fn what_the_other_side_asks_for_has_a_ceiling() {
    let waited = Attempts::default().failed(&FEDERATION, 1_000, 0, Some(u64::MAX));
    assert_eq!(waited.map(|a| a.next_ms), Some(86_401_000));
    let waited = Attempts::default().failed(&FEDERATION, 1_000, 0, Some(60_000));
    assert_eq!(waited.map(|a| a.next_ms), Some(61_000));
}

proptest! {
    // P12: bounded, growing, reset by success.
    #[test]
    fn delays_are_bounded_grow_and_reset(failures in 0u32.., random: u64, now in -1i64..1 << 52) {
        for schedule in ALL {
            let this = schedule.full_delay_ms(failures);
            let next = schedule.full_delay_ms(failures.saturating_add(1));
            if let (Some(this), Some(next)) = (this, next) {
                prop_assert!(this <= next && next <= schedule.ceiling_ms);
                let spread = schedule.delay_ms(failures, random).unwrap();
                prop_assert!(spread <= this);
                prop_assert!(spread >= this / 100 * (100 - schedule.spread_percent));
            }
            let after = Attempts { failures, next_ms: now };
            if let Some(failed) = after.failed(&schedule, now, random, None) {
                prop_assert!(failed.failures > failures || failures == u32::MAX);
                prop_assert!(!failed.may_try(now));
                prop_assert!(failed.may_try(now + schedule.ceiling_ms as i64));
                prop_assert!(failed.succeeded().may_try(0));
            }
        }
    }
}
