// SPDX-License-Identifier: Apache-2.0
//! Something read from the store that is kept until a fact says it is old.

use parking_lot::Mutex;

/// A value, or the ticket that must be shown to set it: a value that was read before it was
/// forgotten never comes back.
#[derive(Debug)]
pub(crate) struct Remembered<T>(Mutex<(u64, Option<T>)>);

impl<T> Default for Remembered<T> {
    fn default() -> Self {
        Self(Mutex::new((0, None)))
    }
}

impl<T: Clone> Remembered<T> {
    /// The value where it is known; otherwise the ticket for [`Self::set`].
    pub(crate) fn get(&self) -> Result<T, u64> {
        let state = self.0.lock();
        state.1.clone().ok_or(state.0)
    }

    /// Remembers what was read, unless it was forgotten since the ticket was given.
    pub(crate) fn set(&self, ticket: u64, value: T) {
        let mut state = self.0.lock();
        if state.0 == ticket {
            state.1 = Some(value);
        }
    }

    /// Forgets the value; tickets given before count no more.
    pub(crate) fn forget(&self) {
        let mut state = self.0.lock();
        *state = (state.0.wrapping_add(1), None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without the ticket a slow reader would bring back what a change has made old.
    #[test]
    fn what_was_read_before_a_change_is_not_remembered() {
        let remembered = Remembered::default();
        let ticket = remembered.get().unwrap_err();
        remembered.forget();
        remembered.set(ticket, "old");
        let ticket = remembered.get().unwrap_err();
        remembered.set(ticket, "new");
        assert_eq!(remembered.get(), Ok("new"));
    }
}
