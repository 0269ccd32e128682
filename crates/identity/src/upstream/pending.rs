// SPDX-License-Identifier: Apache-2.0
//! Sign-ins under way: what was sent along and must come back, once, in the same browser.

use estafette_core::limits::{UPSTREAM_SIGN_IN_S, UPSTREAM_SIGN_INS_MAX};
use subtle::ConstantTimeEq as _;

use super::{Upstream, again::Prover};
use crate::pages::{Browser, Trouble};

/// What must fit when the browser comes back.
pub(super) struct Pending {
    pub(super) provider: String,
    pub(super) nonce: String,
    pub(super) code_verifier: String,
    /// Where to go on to.
    pub(super) onward: String,
    /// Who has to prove themselves again, where that is what it is for.
    pub(super) prover: Option<Prover>,
    browser: [u8; 32],
    expires_ms: i64,
}

impl Pending {
    /// One that begins now in this browser.
    pub(super) fn new(
        browser: &Browser,
        provider: &str,
        state: &str,
        nonce: &str,
        code_verifier: &str,
        onward: &str,
    ) -> Self {
        let lifetime_ms = (UPSTREAM_SIGN_IN_S * 1000).cast_signed();
        Self {
            provider: provider.to_owned(),
            nonce: nonce.to_owned(),
            code_verifier: code_verifier.to_owned(),
            onward: onward.to_owned(),
            prover: None,
            browser: browser.mac(&["upstream", state]),
            expires_ms: browser.identity.host.now_ms().saturating_add(lifetime_ms),
        }
    }
}

impl Upstream {
    /// Remembers one. [`Trouble::Busy`] when there are too many.
    pub(super) fn remember(
        &self,
        state: &str,
        pending: Pending,
        now_ms: i64,
    ) -> Result<(), Trouble> {
        let mut all = self.pending.lock();
        if all.len() >= UPSTREAM_SIGN_INS_MAX {
            all.retain(|_, pending| pending.expires_ms > now_ms);
            if all.len() >= UPSTREAM_SIGN_INS_MAX {
                return Err(Trouble::Busy);
            }
        }
        all.insert(state.to_owned(), pending);
        Ok(())
    }

    /// Takes one out: each works once, and only in the browser that it began in (login CSRF).
    pub(super) fn resume(&self, browser: &Browser, provider: &str, state: &str) -> Option<Pending> {
        let pending = self.pending.lock().remove(state)?;
        let now_ms = browser.identity.host.now_ms();
        let same = pending.browser.ct_eq(&browser.mac(&["upstream", state]));
        (bool::from(same) && pending.provider == provider && pending.expires_ms > now_ms)
            .then_some(pending)
    }
}
