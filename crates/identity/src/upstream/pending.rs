// SPDX-License-Identifier: Apache-2.0
//! Sign-ins under way: what was sent along and must come back, once, in the same browser.

use estafette_core::limits::UPSTREAM_SIGN_IN_S;
use subtle::ConstantTimeEq as _;

use super::{Upstream, again::Prover};
use crate::pages::Browser;

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
        Self {
            provider: provider.to_owned(),
            nonce: nonce.to_owned(),
            code_verifier: code_verifier.to_owned(),
            onward: onward.to_owned(),
            prover: None,
            browser: browser.mac(&["upstream", state]),
        }
    }
}

impl Upstream {
    /// Remembers one.
    pub(super) fn remember(&self, browser: &Browser, state: &str, pending: Pending) {
        let now_ms = browser.identity.host.now_ms();
        let expires_ms = now_ms.saturating_add((UPSTREAM_SIGN_IN_S * 1000).cast_signed());
        self.pending.put(state, browser.address, pending, expires_ms, now_ms);
    }

    /// Takes one out: each works once, and only in the browser that it began in (login CSRF).
    pub(super) fn resume(&self, browser: &Browser, provider: &str, state: &str) -> Option<Pending> {
        let pending = self.pending.take(state, browser.identity.host.now_ms())?;
        let same = pending.browser.ct_eq(&browser.mac(&["upstream", state]));
        (bool::from(same) && pending.provider == provider).then_some(pending)
    }
}
