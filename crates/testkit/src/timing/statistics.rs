// SPDX-License-Identifier: Apache-2.0
//! Whether two sets of times are of one kind.

/// What two sets of times look like beside each other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Comparison {
    /// The medians, in ms.
    pub(super) medians_ms: [f64; 2],
    /// The largest distance between the two distributions (Kolmogorov–Smirnov), 0 to 1.
    pub(super) distance: f64,
    /// How likely such a distance is, or a larger one, where both are of one kind (asymptotic).
    pub(super) likelihood: f64,
    /// The median of the differences within pairs, in ms: what else goes on strikes both of a pair.
    pub(super) paired_ms: f64,
}

impl Comparison {
    /// Compares times in ms, pair by pair. Both sets must have something in them.
    pub(super) fn of(mut first: Vec<f64>, mut second: Vec<f64>) -> Self {
        let mut differences: Vec<f64> = first.iter().zip(&second).map(|(a, b)| a - b).collect();
        differences.sort_by(f64::total_cmp);
        first.sort_by(f64::total_cmp);
        second.sort_by(f64::total_cmp);
        let distance = distance(&first, &second);
        let (n, m) = (first.len() as f64, second.len() as f64);
        let size = (n * m / (n + m)).sqrt();
        let likelihood = tail((size + 0.12 + 0.11 / size) * distance);
        let medians_ms = [median(&first), median(&second)];
        Self { medians_ms, distance, likelihood, paired_ms: median(&differences) }
    }

    /// How far the medians are from each other, in ms.
    pub(super) fn difference_ms(&self) -> f64 {
        (self.medians_ms[0] - self.medians_ms[1]).abs()
    }
}

fn median(sorted: &[f64]) -> f64 {
    let at = |index: usize| sorted.get(index).copied().unwrap_or(f64::NAN);
    let half = sorted.len() / 2;
    if sorted.len() % 2 == 1 {
        at(half)
    } else {
        f64::midpoint(at(half.saturating_sub(1)), at(half))
    }
}

fn distance(first: &[f64], second: &[f64]) -> f64 {
    let share = |sorted: &[f64], up_to: f64| {
        sorted.partition_point(|time| *time <= up_to) as f64 / sorted.len() as f64
    };
    let all = first.iter().chain(second);
    all.map(|time| (share(first, *time) - share(second, *time)).abs()).fold(0.0, f64::max)
}

/// The upper tail of Kolmogorov's distribution.
fn tail(x: f64) -> f64 {
    if x < 0.2 {
        return 1.0;
    }
    let term = |k: i32| {
        let sign = if k % 2 == 1 { 1.0 } else { -1.0 };
        sign * (-2.0 * f64::from(k * k) * x * x).exp()
    };
    (2.0 * (1..=100).map(term).sum::<f64>()).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Otherwise a difference is reported where there is none, or hidden where there is one.
    #[test]
    fn times_of_one_kind_are_alike_and_others_are_not() {
        let evenly =
            |from: f64| (0..200).map(|at| from + f64::from(at) / 200.0).collect::<Vec<_>>();
        let same = Comparison::of(evenly(0.0), evenly(0.0));
        assert_eq!((same.difference_ms(), same.distance, same.likelihood), (0.0, 0.0, 1.0));
        let near = Comparison::of(evenly(0.0), evenly(0.02));
        assert!(near.likelihood > 0.9, "{near:?}");
        let apart = Comparison::of(evenly(0.0), evenly(0.5));
        assert!((apart.difference_ms() - 0.5).abs() < 0.01 && apart.likelihood < 1e-6, "{apart:?}");
        assert!((apart.paired_ms + 0.5).abs() < 1e-9, "{apart:?}");
        let disjoint = Comparison::of(evenly(0.0), evenly(2.0));
        assert!((disjoint.distance - 1.0).abs() < 1e-9);
    }

    /// The critical value of the 5 % level is 1.358 (Smirnov's table).
    #[test]
    fn the_tail_is_kolmogorovs() {
        assert!((tail(1.358) - 0.05).abs() < 0.001 && (tail(1.628) - 0.01).abs() < 0.001);
        assert_eq!(tail(0.0), 1.0);
    }
}
