// SPDX-License-Identifier: Apache-2.0
//! What can go wrong in the memory, as few kinds as callers can act upon.

/// Why a call on the store did not succeed. Nothing of the call was kept.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The queue of writes is full: the caller should answer 503 with `Retry-After`.
    #[error("the store's write queue is full")]
    Busy,
    /// The disk or the database's quota is full. Reads go on; writes work again once there is room.
    #[error("no space left for the database")]
    Full,
    /// The engine cannot be reached, or refuses to write since a flush to disk failed.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// The write contradicts what is stored (a unique name is taken, a version differs).
    #[error("the write conflicts with what is stored: {0}")]
    Conflict(&'static str),
    /// What was read back cannot be what was written. Never retried.
    #[error("corrupt row: {0}")]
    Corrupt(String),
}

impl StoreError {
    /// Whether the same call may succeed later without anybody changing anything.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Busy | Self::Full | Self::Unavailable(_))
    }
}
