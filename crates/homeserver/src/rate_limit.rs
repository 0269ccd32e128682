// SPDX-License-Identifier: Apache-2.0
//! Rate limits: one token bucket per (what, who), in bounded memory.

use std::collections::HashMap;

use estafette_core::limits::{FIRST_TRIES, RATE_LIMIT_KEYS_MAX};
use parking_lot::Mutex;

use crate::{ApiError, config::RateLimits};

/// What is being limited. Each has a rate and a burst of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cost {
    /// Sending events into rooms.
    Message,
    /// Proving something that can be guessed, but no password: see [`crate::guesses`].
    Login,
    /// Having codes sent by mail, from one network; `wide` where it is made of many.
    Code {
        /// Whether ten times as many are sent.
        wide: bool,
    },
    /// The same from one source address, and whatever else strangers may ask for. Whole ministries
    /// have one address.
    Source,
    /// Typing a code for the first time, wherever.
    FirstTry,
    /// Typing a code that is wrong, from one network; `wide` where many people share it.
    WrongCode {
        /// Whether ten times as many are borne with.
        wide: bool,
    },
    /// Anything else that changes something.
    Write,
}

/// All buckets of this server.
#[derive(Debug)]
pub struct RateLimiter {
    limits: RateLimits,
    buckets: Mutex<HashMap<(Cost, String), Bucket>>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: f64,
    filled_ms: i64,
}

impl RateLimiter {
    /// Buckets after `limits`, all full.
    pub fn new(limits: RateLimits) -> Self {
        Self { limits, buckets: Mutex::new(HashMap::new()) }
    }

    /// Takes one token of `who`'s bucket, or refuses with 429 and the time to wait.
    pub fn check(&self, cost: Cost, who: &str, now_ms: i64) -> Result<(), ApiError> {
        if !self.limits.enabled {
            return Ok(());
        }
        let (per_s, burst) = self.rate(cost);
        let mut buckets = self.buckets.lock();
        if buckets.len() >= RATE_LIMIT_KEYS_MAX {
            self.make_room(&mut buckets, now_ms);
        }
        let bucket = buckets
            .entry((cost, who.to_owned()))
            .or_insert(Bucket { tokens: burst, filled_ms: now_ms });
        bucket.refill(per_s, burst, now_ms);
        if bucket.tokens < 1.0 {
            let wait_s = (1.0 - bucket.tokens) / per_s.max(1e-6);
            return Err(ApiError::limit_exceeded((wait_s * 1000.0).ceil().max(1.0) as u64));
        }
        bucket.tokens -= 1.0;
        Ok(())
    }

    /// Takes one token of each bucket, or none of any.
    pub fn check_all(&self, buckets: &[(Cost, String)], now_ms: i64) -> Result<(), ApiError> {
        for (taken, (cost, who)) in buckets.iter().enumerate() {
            if let Err(refused) = self.check(*cost, who, now_ms) {
                for (cost, who) in buckets.iter().take(taken) {
                    self.give_back(*cost, who, now_ms);
                }
                return Err(refused);
            }
        }
        Ok(())
    }

    /// Puts back what [`check`](Self::check) took.
    pub fn give_back(&self, cost: Cost, who: &str, now_ms: i64) {
        let (per_s, burst) = self.rate(cost);
        if let Some(bucket) = self.buckets.lock().get_mut(&(cost, who.to_owned())) {
            bucket.refill(per_s, burst, now_ms);
            bucket.tokens = (bucket.tokens + 1.0).min(burst);
        }
    }

    fn rate(&self, cost: Cost) -> (f64, f64) {
        let limits = &self.limits;
        match cost {
            Cost::Message => (limits.messages_per_s, limits.messages_burst),
            Cost::Login => (limits.login_per_s, limits.login_burst),
            Cost::Code { wide } => {
                let times = if wide { 10.0 } else { 1.0 };
                (limits.codes_per_s * times, limits.codes_burst * times)
            }
            Cost::FirstTry => FIRST_TRIES,
            Cost::Source => (limits.source_per_s, limits.source_burst),
            Cost::WrongCode { wide } => {
                let per_hour =
                    f64::from(limits.wrong_codes_per_hour) * if wide { 10.0 } else { 1.0 };
                (per_hour / 3_600.0, per_hour)
            }
            Cost::Write => (limits.writes_per_s, limits.writes_burst),
        }
    }

    /// Drops the quarter of the buckets that would be full again soonest, and with them all that
    /// are full: those say nothing that a new one would not say.
    ///
    /// Whoever floods us with names, each used once, so drives out their own. An emptied bucket
    /// goes only after as many that are emptier, each of which costs its whole burst.
    fn make_room(&self, buckets: &mut HashMap<(Cost, String), Bucket>, now_ms: i64) {
        let wait_ms = |cost: Cost, bucket: &Bucket| {
            let (per_s, burst) = self.rate(cost);
            let mut bucket = *bucket;
            bucket.refill(per_s, burst, now_ms);
            ((burst - bucket.tokens) / per_s.max(1e-6) * 1000.0).ceil() as u64
        };
        let mut waits: Vec<u64> =
            buckets.iter().map(|((cost, _), bucket)| wait_ms(*cost, bucket)).collect();
        let goes = waits.len() / 4;
        let (_, last, _) = waits.select_nth_unstable(goes);
        let last = *last;
        // Of equals as many go as there must: a flood is of equals.
        let mut equals = goes.saturating_sub(waits.iter().filter(|wait| **wait < last).count());
        buckets.retain(|(cost, _), bucket| match wait_ms(*cost, bucket) {
            0 => false,
            wait if wait == last && equals > 0 => {
                equals -= 1;
                false
            }
            wait => wait >= last,
        });
    }
}

impl Bucket {
    fn refill(&mut self, per_s: f64, burst: f64, now_ms: i64) {
        let passed_ms = now_ms.saturating_sub(self.filled_ms).max(0);
        self.tokens = (self.tokens + passed_ms as f64 / 1000.0 * per_s).min(burst);
        self.filled_ms = now_ms;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without the bucket one account could flood a room.
    #[test]
    fn a_burst_is_allowed_then_the_rate() {
        let limiter = RateLimiter::new(RateLimits {
            messages_per_s: 2.0,
            messages_burst: 3.0,
            ..RateLimits::default()
        });
        let send = |now| limiter.check(Cost::Message, "@a:x", now);
        assert!((0..3).all(|_| send(0).is_ok()));
        let refused = send(0).unwrap_err();
        assert_eq!(refused.body()["retry_after_ms"], 500);
        assert!(send(499).is_err());
        assert!(send(500).is_ok());
        assert!(limiter.check(Cost::Message, "@b:x", 500).is_ok(), "others are not held back");
    }

    /// Otherwise whoever makes up enough names resets what holds a guesser back, or fills memory.
    #[test]
    fn a_flood_of_names_drives_out_its_own() {
        let limiter = RateLimiter::new(RateLimits::default());
        let tries = |cost, who: &str, count: usize| {
            (0..count).map(|_| limiter.check(cost, who, 0)).filter(Result::is_ok).count()
        };
        assert_eq!(tries(Cost::Login, "victim", 11), 10);
        for at in 0..3 * RATE_LIMIT_KEYS_MAX {
            let cost = if at % 2 == 0 { Cost::Login } else { Cost::Source };
            assert!(limiter.check(cost, &format!("name {at}"), 0).is_ok());
        }
        assert_eq!(tries(Cost::Login, "victim", 1), 0, "its bucket is as empty as before");
        assert!(limiter.buckets.lock().len() <= RATE_LIMIT_KEYS_MAX);
        let half = RATE_LIMIT_KEYS_MAX / 2;
        assert!(limiter.buckets.lock().len() > half, "no more goes than must");
    }

    /// Otherwise a ministry behind one address is closed on Monday morning (F-23).
    #[test]
    fn a_source_may_do_much_more_than_an_account() {
        let limits = RateLimits::default();
        assert!(limits.source_burst >= 20.0 * limits.login_burst);
        let limiter = RateLimiter::new(limits);
        assert!((0..200).all(|_| limiter.check(Cost::Source, "login from 203.0.113.9", 0).is_ok()));
    }
}
