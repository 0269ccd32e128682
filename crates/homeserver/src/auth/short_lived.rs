// SPDX-License-Identifier: Apache-2.0
//! Secrets that are given out and soon come back: held in memory, bounded in number and time.

use std::collections::HashMap;

use estafette_core::limits::SHORT_LIVED_TOKENS_MAX;
use estafette_store::accounts::TokenHash;
use parking_lot::Mutex;

use crate::ApiError;

/// What was given out, by the hash of its token.
#[derive(Debug)]
pub struct ShortLived<T> {
    lifetime_ms: i64,
    held: Mutex<HashMap<TokenHash, Held<T>>>,
}

#[derive(Debug)]
struct Held<T> {
    expires_ms: i64,
    value: T,
}

impl<T> ShortLived<T> {
    /// Holds each for `lifetime_s` seconds.
    pub fn new(lifetime_s: u64) -> Self {
        Self { lifetime_ms: lifetime_s.cast_signed() * 1000, held: Mutex::default() }
    }

    /// How long each is held, in ms.
    pub fn lifetime_ms(&self) -> i64 {
        self.lifetime_ms
    }

    /// Holds `value` for whoever comes back with `token`. 503 when too many are held.
    pub fn put(&self, token: &str, value: T, now_ms: i64) -> Result<(), ApiError> {
        let mut held = self.held.lock();
        if held.len() >= SHORT_LIVED_TOKENS_MAX {
            held.retain(|_, held| now_ms < held.expires_ms);
        }
        if held.len() >= SHORT_LIVED_TOKENS_MAX {
            return Err(ApiError::overloaded());
        }
        let expires_ms = now_ms.saturating_add(self.lifetime_ms);
        held.insert(TokenHash::of(token), Held { expires_ms, value });
        Ok(())
    }

    /// Takes what is held for `token`: it can be taken once.
    pub fn take(&self, token: &str, now_ms: i64) -> Option<T> {
        let held = self.held.lock().remove(&TokenHash::of(token))?;
        (now_ms < held.expires_ms).then_some(held.value)
    }

    /// Looks at, or changes, what is held for `token`, and leaves it there.
    pub fn with<R>(&self, token: &str, now_ms: i64, look: impl FnOnce(&mut T) -> R) -> Option<R> {
        let mut held = self.held.lock();
        let held = held.get_mut(&TokenHash::of(token))?;
        (now_ms < held.expires_ms).then(|| look(&mut held.value))
    }

    /// Drops everything for which `keep` is false.
    pub fn retain(&self, mut keep: impl FnMut(&T) -> bool) {
        self.held.lock().retain(|_, held| keep(&held.value));
    }
}
