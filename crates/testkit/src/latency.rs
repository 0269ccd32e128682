// SPDX-License-Identifier: Apache-2.0
//! Exact latency samples and their percentiles.

use std::time::Duration;

use serde_json::{Value, json};

/// Samples in microseconds. Exact rather than bucketed: a run has at most a few million.
#[derive(Debug, Default, Clone)]
pub struct Latencies(Vec<u32>);

impl Latencies {
    /// Adds one sample; longer than 71 minutes counts as that.
    pub fn record(&mut self, elapsed: Duration) {
        self.0.push(u32::try_from(elapsed.as_micros()).unwrap_or(u32::MAX));
    }

    /// Adds all samples of another.
    pub fn merge(&mut self, other: &Self) {
        self.0.extend_from_slice(&other.0);
    }

    /// How many samples there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The sample in milliseconds below which `percent` of 100 lie (nearest rank); 0 of nothing.
    pub fn percentile_ms(&self, percent: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let rank = (percent / 100.0 * sorted.len() as f64).ceil() as usize;
        let micros = sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0);
        f64::from(micros) / 1_000.0
    }

    /// `{"p50_ms": …, "p99_ms": …, "max_ms": …}`.
    pub fn to_json(&self) -> Value {
        json!({
            "p50_ms": self.percentile_ms(50.0),
            "p99_ms": self.percentile_ms(99.0),
            "max_ms": self.percentile_ms(100.0),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without it a wrong percentile would flatter every figure of the bench.
    #[test]
    fn percentiles_are_nearest_rank() {
        let mut latencies = Latencies::default();
        for ms in (1..=100).rev() {
            latencies.record(Duration::from_millis(ms));
        }
        assert_eq!(latencies.percentile_ms(50.0), 50.0);
        assert_eq!(latencies.percentile_ms(99.0), 99.0);
        assert_eq!(latencies.percentile_ms(100.0), 100.0);
        assert_eq!(Latencies::default().percentile_ms(50.0), 0.0);
    }
}
