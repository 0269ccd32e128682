// SPDX-License-Identifier: Apache-2.0
//! The section `[rate_limits]`.

use serde::{Deserialize, Serialize};

/// How often one may ask.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RateLimits {
    /// One switch for all of them. Off only in tests and measurements.
    pub enabled: bool,
    /// Events per second that one account may send on average.
    pub messages_per_s: f64,
    /// Events that one account may send at once.
    pub messages_burst: f64,
    /// Passwords that may be tried at one account in any minute, from wherever: at least 10. How
    /// they are shared out is said in `estafette_core::guesses`.
    pub guesses_per_minute: u32,
    /// Tries to prove anything else (an invitation, the code of a device), per second.
    pub login_per_s: f64,
    /// Such tries at once.
    pub login_burst: f64,
    /// Codes that one source address may have sent by mail, to whomever, per second. Whole
    /// organisations may share one.
    pub codes_per_s: f64,
    /// Such codes at once.
    pub codes_burst: f64,
    /// Wrong codes that are borne with from one network in an hour; ten times as many from where
    /// people of this server are, and from all networks of one IPv6 /48 together.
    pub wrong_codes_per_hour: u32,
    /// Tries to log in, to register, to type a code and the like, per second, for one source
    /// address. Whole organisations may share one.
    pub source_per_s: f64,
    /// Such tries at once.
    pub source_burst: f64,
    /// Other requests that change something, per second and account.
    pub writes_per_s: f64,
    /// Other requests that change something, at once.
    pub writes_burst: f64,
}

impl Default for RateLimits {
    fn default() -> Self {
        Self {
            enabled: true,
            messages_per_s: 10.0,
            messages_burst: 100.0,
            guesses_per_minute: 10,
            login_per_s: 0.17,
            login_burst: 10.0,
            codes_per_s: 1.0,
            codes_burst: 200.0,
            wrong_codes_per_hour: 60,
            source_per_s: 5.0,
            source_burst: 300.0,
            writes_per_s: 20.0,
            writes_burst: 200.0,
        }
    }
}
