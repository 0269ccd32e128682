// SPDX-License-Identifier: Apache-2.0

use super::*;

const SECRET: [u8; 4096] = [7; 4096];

/// As comparisons are written by whoever has not heard of time.
fn leaky(given: &[u8], secret: &[u8]) -> bool {
    for (a, b) in given.iter().zip(secret) {
        if black_box(*a) != black_box(*b) {
            return false;
        }
    }
    given.len() == secret.len()
}

fn wrong(class: Class, _: &mut Random) -> Vec<u8> {
    let mut given = SECRET.to_vec();
    let at = if class == Class::First { 0 } else { given.len() - 1 };
    given[at] ^= 1;
    given
}

/// Otherwise a comparison that ends at the first wrong byte passes for one that does not.
#[test]
fn a_comparison_that_ends_early_is_found() {
    let trial = Trial { samples: 4_000, seed: 1 };
    let found = trial.compare("leaky", wrong, |given| leaky(given, &SECRET));
    assert!(found.t() < -10.0 * T_MAX, "{found}");
    assert!(found.medians_ns[0] < found.medians_ns[1], "{found}");
    assert!(found.check().is_err());
}

/// Times of one kind with a long tail, as a machine with other work gives them.
fn times(random: &mut Random, shift: f64) -> Vec<f64> {
    let mut one = || {
        let base = (0..12).map(|_| random.below(1_000) as f64).sum::<f64>() / 100.0;
        let late = if random.chance(2) { random.below(100_000) as f64 } else { 0.0 };
        1_000.0 + base + late + shift
    };
    (0..50_000).map(|_| one()).collect()
}

/// Otherwise what takes equally long is blamed, or a nanosecond hides behind the slowest.
#[test]
fn equal_times_pass_and_a_nanosecond_behind_noise_is_found() {
    let mut random = Random::new(1);
    let found = Finding::of("equal", [times(&mut random, 0.0), times(&mut random, 0.0)]);
    assert!(found.check().is_ok(), "{found}");
    let found = Finding::of("shifted", [times(&mut random, 0.0), times(&mut random, 1.0)]);
    assert!(found.t_of_all.abs() < T_MAX && found.t() < -T_MAX, "{found}");
    assert!(found.check().is_err());
}

/// Otherwise what varies more for one class passes, as long as it takes as long on average.
#[test]
fn another_spread_is_found() {
    let evenly = |spread: f64| -> Vec<f64> {
        (0..50_000).map(|at| 1_000.0 + spread * (f64::from(at % 101) - 50.0)).collect()
    };
    let found = Finding::of("spread", [evenly(0.10), evenly(0.11)]);
    assert!(found.t_of_all.abs() < T_MAX && found.t().abs() > T_MAX, "{found}");
}

/// Too little was looked at to say anything.
#[test]
fn few_samples_prove_nothing() {
    let found = Finding::of("few", [vec![1.0; 10], vec![1.0; 10]]);
    assert_eq!(found.t(), 0.0);
    assert!(found.check().is_err());
}

/// Against the same numbers worked out elsewhere (Python's fractions).
#[test]
fn the_statistic_is_welchs() {
    let first = [19.8, 20.4, 19.6, 17.8, 18.5, 18.9, 18.3, 18.9, 19.5, 22.0];
    let second = [28.2, 26.6, 20.1, 23.3, 25.2, 22.1, 17.7, 27.6, 20.6, 13.7, 23.2, 17.5, 20.6];
    let (mean, variance) = moments(&first);
    assert!((mean - 19.37).abs() < 1e-9 && (variance - 1.449).abs() < 1e-9);
    let t = welch(&first, &second);
    assert!((t + 2.135_891_595_982_889).abs() < 1e-12, "{t}");
}

/// Otherwise both classes are the same, or the right secret.
#[test]
fn guesses_are_wrong_at_their_beginning_or_at_their_end() {
    let mut random = Random::new(1);
    let right = "a_12345678901234";
    for _ in 0..100 {
        let first = guess(right, 2, Class::First, &mut random);
        assert!(first.starts_with("a_") && first.ends_with(&right[6..]), "{first}");
        assert_ne!(first[2..3], right[2..3]);
        let second = guess(right, 2, Class::Second, &mut random);
        assert!(second.starts_with(&right[..12]) && second.len() == right.len(), "{second}");
        assert_ne!(second[15..], right[15..]);
    }
}
