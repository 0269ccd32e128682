// SPDX-License-Identifier: Apache-2.0
//! Whether the time that something takes tells of a secret (F-25).
//!
//! Welch's t-test on two classes of input in an order by chance, over all times, over the fastest
//! of them at several cuts, and over their squared distance from the mean: the method of dudect
//! (Reparaz, Balasch and Verbauwhede, "Dude, is my code constant time?", 2017). Whoever measures
//! runs code of their own crate; here are the order, the clock and the verdict.

use std::{env, fmt, hint::black_box, time::Instant};

use anyhow::{Result, ensure};

use crate::random::Random;

/// Up to which |t| two classes count as alike (F-25).
pub const T_MAX: f64 = 4.5;
/// Samples, of both classes together, that a verdict needs (F-25).
pub const SAMPLES: usize = 100_000;
/// Inputs that are made ahead of the times in which they are used.
const BATCH: usize = 500;
/// Letters that a guess changes.
const CHANGED: usize = 4;
/// How many cuts leave the slowest out.
const CUTS: u32 = 20;
/// Times of each class, below which a cut says nothing.
const CLASS_MIN: usize = 1_000;

/// One of two kinds of input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Say, what differs from the secret at its beginning.
    First,
    /// Say, what differs at its end.
    Second,
}

/// How much is measured, and in which order.
#[derive(Debug, Clone, Copy)]
pub struct Trial {
    /// Samples of both classes together.
    pub samples: usize,
    /// The order of the classes, and whatever inputs are made of.
    pub seed: u64,
}

impl Trial {
    /// [`SAMPLES`] by the seed 1, unless `ESTAFETTE_SAMPLES` and `ESTAFETTE_SEED` say otherwise.
    pub fn from_environment() -> Self {
        let number = |name: &str| env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
        let samples = number("ESTAFETTE_SAMPLES").and_then(|number| usize::try_from(number).ok());
        Self { samples: samples.unwrap_or(SAMPLES), seed: number("ESTAFETTE_SEED").unwrap_or(1) }
    }

    /// Times `run` on inputs of both classes. `prepare` must do the same for both but for the
    /// bytes that it writes: what the processor keeps at hand of one and not of the other shows.
    pub fn compare<I, R>(
        self,
        name: &'static str,
        mut prepare: impl FnMut(Class, &mut Random) -> I,
        mut run: impl FnMut(&I) -> R,
    ) -> Finding {
        let mut random = Random::new(self.seed);
        let mut times = [Vec::new(), Vec::new()];
        let mut left = self.samples + BATCH;
        let mut is_warm = false;
        while left > 0 {
            let size = left.min(BATCH);
            left -= size;
            let inputs: Vec<(Class, I)> = (0..size)
                .map(|_| {
                    let class = if random.chance(50) { Class::First } else { Class::Second };
                    (class, prepare(class, &mut random))
                })
                .collect();
            for (class, input) in &inputs {
                let start = Instant::now();
                let result = black_box(run(black_box(input)));
                let took = start.elapsed();
                drop(result);
                if is_warm && let Some(times) = times.get_mut(*class as usize) {
                    times.push(took.as_nanos() as f64);
                }
            }
            is_warm = true;
        }
        Finding::of(name, times)
    }
}

/// `text` with a few other letters: the first after `skip` that are no secret, or the last. They
/// are digits by chance, so that numbers, hexadecimal and base64 stay what they are, and so that
/// what comes to pass with one value alone (two hashes in one bucket) is no matter of the class.
pub fn guess(text: &str, skip: usize, class: Class, random: &mut Random) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let from = match class {
        Class::First => skip,
        Class::Second => bytes.len().saturating_sub(CHANGED),
    };
    let edge = if class == Class::First { 0 } else { CHANGED - 1 };
    for (at, byte) in bytes.iter_mut().skip(from).take(CHANGED).enumerate() {
        let right = if at == edge { *byte } else { b' ' };
        // Nine digits are wrong at the edge.
        let digit = b'0' + random.below(9) as u8;
        *byte = if digit == right { b'9' } else { digit };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What the times of the two classes look like beside each other.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    name: &'static str,
    samples: usize,
    medians_ns: [f64; 2],
    /// The t furthest from 0.
    t: f64,
    /// Where it was found.
    at: String,
    /// The t of all times.
    t_of_all: f64,
}

impl Finding {
    fn of(name: &'static str, mut times: [Vec<f64>; 2]) -> Self {
        let [first, second] = &mut times;
        first.sort_by(f64::total_cmp);
        second.sort_by(f64::total_cmp);
        let mut all: Vec<f64> = first.iter().chain(&*second).copied().collect();
        all.sort_by(f64::total_cmp);
        let t_of_all = welch(first, second);
        let mut worst = (t_of_all, "all".to_owned());
        let mut look = |t: f64, at: String| {
            if t.abs() > worst.0.abs() {
                worst = (t, at);
            }
        };
        look(welch(&squared(first), &squared(second)), "squares".to_owned());
        for cut in 1..=CUTS {
            // As dudect cuts: closer together the nearer to the slowest.
            let share = 1.0 - 0.5_f64.powf(10.0 * f64::from(cut) / f64::from(CUTS));
            let limit = at_share(&all, share);
            let fast = |sorted: &[f64]| sorted.partition_point(|time| *time < limit);
            let (n, m) = (fast(first), fast(second));
            if n.min(m) >= CLASS_MIN {
                let (first, second) = (first.get(..n), second.get(..m));
                let t = welch(first.unwrap_or_default(), second.unwrap_or_default());
                look(t, format!("the fastest {:.1} %", share * 100.0));
            }
        }
        Self {
            name,
            samples: all.len(),
            medians_ns: [at_share(first, 0.5), at_share(second, 0.5)],
            t: worst.0,
            at: worst.1,
            t_of_all,
        }
    }

    /// The t that is furthest from 0 of all that were looked at.
    pub fn t(&self) -> f64 {
        self.t
    }

    /// Prints the finding as one line of JSON.
    ///
    /// # Errors
    /// When the classes can be told apart, or there are too few samples to say so.
    pub fn check(&self) -> Result<()> {
        println!("{self}");
        ensure!(self.samples >= SAMPLES, "{}: {} samples are too few", self.name, self.samples);
        ensure!(self.t.abs() < T_MAX, "{}: the time tells of the secret", self.name);
        Ok(())
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = serde_json::json!({
            "secret": self.name,
            "samples": self.samples,
            "medians_ns": self.medians_ns,
            "t_max": (self.t * 100.0).round() / 100.0,
            "t_max_at": self.at,
            "t_of_all": (self.t_of_all * 100.0).round() / 100.0,
            "alike": self.t.abs() < T_MAX,
        });
        write!(f, "{line}")
    }
}

fn at_share(sorted: &[f64], share: f64) -> f64 {
    let at = (sorted.len() as f64 * share) as usize;
    sorted.get(at.min(sorted.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
}

/// The squared distances from the mean: what differs in spread alone shows there.
fn squared(times: &[f64]) -> Vec<f64> {
    let (mean, _) = moments(times);
    times.iter().map(|time| (time - mean).powi(2)).collect()
}

/// Mean and variance of a sample (Welford: no square of a large number is taken from another).
fn moments(times: &[f64]) -> (f64, f64) {
    let (mut count, mut mean, mut squares) = (0.0, 0.0, 0.0);
    for time in times {
        count += 1.0;
        let distance = time - mean;
        mean += distance / count;
        squares += distance * (time - mean);
    }
    (mean, squares / (count - 1.0))
}

/// Welch's t: how far the means are from each other, in their standard errors. 0 where nothing
/// varies and the means are one.
fn welch(first: &[f64], second: &[f64]) -> f64 {
    let ((mean, variance), (other, other_variance)) = (moments(first), moments(second));
    let error = (variance / first.len() as f64 + other_variance / second.len() as f64).sqrt();
    if mean == other { 0.0 } else { (mean - other) / error }
}

#[cfg(test)]
mod tests;
