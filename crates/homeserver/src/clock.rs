// SPDX-License-Identifier: Apache-2.0
//! The two things that rules must not reach for by themselves: the time and chance.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};

/// Tells the time. Handed in, so that tests can stop and move it.
pub trait Clock: Send + Sync {
    /// Milliseconds since the Unix epoch.
    fn now_ms(&self) -> i64;
}

/// The machine's clock.
#[derive(Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_ms(&self) -> i64 {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
    }
}

/// A clock that stands still until it is moved.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that shows `now_ms`.
    pub fn at(now_ms: i64) -> Self {
        Self(AtomicI64::new(now_ms))
    }

    /// Moves the clock forward.
    pub fn advance(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// The one source of chance: identifiers, tokens, salts and keys all come from here (T-S5).
pub trait Random: Send + Sync {
    /// Fills `bytes` with unpredictable bytes.
    fn fill(&self, bytes: &mut [u8]);
}

/// The operating system's generator.
#[derive(Debug, Default)]
pub struct OsRandom;

impl Random for OsRandom {
    fn fill(&self, bytes: &mut [u8]) {
        if let Err(error) = getrandom::fill(bytes) {
            // Without chance every secret would be guessable: stopping is the only safe answer.
            tracing::error!(%error, "the operating system gives no random bytes");
            std::process::abort();
        }
    }
}

/// A reproducible sequence for tests.
#[derive(Debug)]
pub struct SeededRandom(Mutex<(u64, u64)>);

impl SeededRandom {
    /// The sequence of `seed`.
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new((seed, 0)))
    }
}

impl Random for SeededRandom {
    fn fill(&self, bytes: &mut [u8]) {
        let mut state = self.0.lock();
        for chunk in bytes.chunks_mut(32) {
            let mut hash = Sha256::new();
            hash.update(state.0.to_le_bytes());
            hash.update(state.1.to_le_bytes());
            state.1 += 1;
            for (byte, random) in chunk.iter_mut().zip(hash.finalize()) {
                *byte = random;
            }
        }
    }
}

/// A URL-safe word of `bytes` random bytes (at least 16 for anything that must not be guessed).
pub fn random_word(random: &dyn Random, bytes: usize) -> String {
    let mut buffer = vec![0; bytes];
    random.fill(&mut buffer);
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(buffer)
}

/// Random letters of one case, for identifiers that people may read aloud (device ids, localparts).
pub fn random_letters(random: &dyn Random, alphabet: &[u8], len: usize) -> String {
    let mut word = String::with_capacity(len);
    let mut buffer = [0u8; 64];
    // The largest multiple of the alphabet's size, so that no letter is likelier than another.
    let fair = 256 - 256 % alphabet.len().clamp(1, 256);
    while word.len() < len && !alphabet.is_empty() {
        random.fill(&mut buffer);
        for byte in buffer.iter().map(|byte| usize::from(*byte)).filter(|byte| *byte < fair) {
            if let Some(letter) = alphabet.get(byte % alphabet.len()) {
                word.push(char::from(*letter));
            }
            if word.len() == len {
                break;
            }
        }
    }
    word
}
