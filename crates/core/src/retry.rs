// SPDX-License-Identifier: Apache-2.0
//! Back-off schedules: when to try again after a failure, as pure functions.
//!
//! A schedule is exponential with a ceiling. The spread, which keeps many waiting parties from
//! coming back in the same instant, comes from a random number handed in.
//! The law (P12): delays never shrink while failures go on, never pass the ceiling, and the first
//! success resets them.

#[cfg(test)]
mod tests;

/// How long to wait after how many failures in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Delay after the first failure, in milliseconds.
    pub first_ms: u64,
    /// What each further failure multiplies the delay by.
    pub factor: u64,
    /// The longest delay, in milliseconds, the spread included.
    pub ceiling_ms: u64,
    /// How much of a delay is left to chance, in hundredths: 20 means between 80 % and 100 %.
    pub spread_percent: u64,
    /// How many failures in a row end the attempts; `None` means to go on for ever.
    pub attempts_max: Option<u32>,
}

/// Transactions to another homeserver: from 10 seconds to one day, never given up, because the
/// outbox keeps its rows until the other server has accepted them.
pub const FEDERATION: Schedule = Schedule {
    first_ms: 10_000,
    factor: 3,
    ceiling_ms: 24 * 60 * 60 * 1_000,
    spread_percent: 20,
    attempts_max: None,
};

/// Notifications to a push gateway: from 10 seconds to one hour.
pub const PUSH_GATEWAY: Schedule = Schedule {
    first_ms: 10_000,
    factor: 2,
    ceiling_ms: 60 * 60 * 1_000,
    spread_percent: 20,
    attempts_max: None,
};

/// Transactions to an application service: from one second to five minutes, never given up.
pub const APPLICATION_SERVICE: Schedule = Schedule {
    first_ms: 1_000,
    factor: 2,
    ceiling_ms: 5 * 60 * 1_000,
    spread_percent: 20,
    attempts_max: None,
};

/// Requests for a missing event, key or state while somebody waits: three attempts in all.
pub const INTERACTIVE: Schedule = Schedule {
    first_ms: 200,
    factor: 4,
    ceiling_ms: 5_000,
    spread_percent: 50,
    attempts_max: Some(3),
};

impl Schedule {
    /// The delay in milliseconds after `failures` failures in a row, or `None` when the attempts
    /// are used up.
    ///
    /// `random` is any number, uniformly distributed; the spread only ever shortens a delay.
    /// No failure means no delay.
    #[must_use]
    pub fn delay_ms(&self, failures: u32, random: u64) -> Option<u64> {
        let full = self.full_delay_ms(failures)?;
        let room = u128::from(full) * u128::from(self.spread_percent.min(100)) / 100;
        let room = u64::try_from(room).unwrap_or(full);
        Some(full - random % room.saturating_add(1))
    }

    /// The delay in milliseconds without the spread.
    #[must_use]
    pub fn full_delay_ms(&self, failures: u32) -> Option<u64> {
        if self.attempts_max.is_some_and(|attempts| failures >= attempts) {
            return None;
        }
        let Some(doublings) = failures.checked_sub(1) else { return Some(0) };
        let grown = self.factor.max(1).saturating_pow(doublings);
        Some(self.first_ms.saturating_mul(grown).min(self.ceiling_ms))
    }
}

/// The failures of one destination: what has to be kept between attempts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attempts {
    /// Failures since the last success.
    pub failures: u32,
    /// When the next attempt may be made, in milliseconds since the Unix epoch.
    pub next_ms: i64,
}

impl Attempts {
    /// Whether an attempt may be made at `now_ms`.
    #[must_use]
    pub fn may_try(&self, now_ms: i64) -> bool {
        now_ms >= self.next_ms
    }

    /// What is left after a success: nothing to wait for.
    #[must_use]
    pub fn succeeded(self) -> Self {
        Self::default()
    }

    /// What holds after one more failure at `now_ms`, or `None` when the attempts are used up.
    ///
    /// `retry_after_ms` is what the other side asked for, if it did. It is believed up to the
    /// ceiling of the schedule, so that nobody can silence us for longer than a failure could.
    #[must_use]
    pub fn failed(
        self,
        schedule: &Schedule,
        now_ms: i64,
        random: u64,
        retry_after_ms: Option<u64>,
    ) -> Option<Self> {
        let failures = self.failures.saturating_add(1);
        let delay = schedule.delay_ms(failures, random)?;
        let asked = retry_after_ms.unwrap_or(0).min(schedule.ceiling_ms);
        let delay = i64::try_from(delay.max(asked)).unwrap_or(i64::MAX);
        Some(Self { failures, next_ms: now_ms.saturating_add(delay) })
    }
}
