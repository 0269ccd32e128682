// SPDX-License-Identifier: Apache-2.0
//! Rate limits: one token bucket per (what, who), in bounded memory.

use std::collections::HashMap;

use estafette_core::limits::RATE_LIMIT_KEYS_MAX;
use parking_lot::Mutex;

use crate::{ApiError, config::RateLimits};

/// What is being limited. Each has a rate and a burst of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cost {
    /// Sending events into rooms.
    Message,
    /// Logging in, registering, proving who one is.
    Login,
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
            self.forget_full(&mut buckets, now_ms);
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

    fn rate(&self, cost: Cost) -> (f64, f64) {
        let limits = &self.limits;
        match cost {
            Cost::Message => (limits.messages_per_s, limits.messages_burst),
            Cost::Login => (limits.login_per_s, limits.login_burst),
            Cost::Write => (limits.writes_per_s, limits.writes_burst),
        }
    }

    /// Drops the buckets that are full again: they say nothing that a new one would not say.
    /// Under a flood of names that leaves too many, all go.
    fn forget_full(&self, buckets: &mut HashMap<(Cost, String), Bucket>, now_ms: i64) {
        buckets.retain(|(cost, _), bucket| {
            let (per_s, burst) = self.rate(*cost);
            bucket.refill(per_s, burst, now_ms);
            bucket.tokens < burst
        });
        if buckets.len() >= RATE_LIMIT_KEYS_MAX {
            buckets.clear();
        }
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
}
