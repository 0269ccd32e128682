// SPDX-License-Identifier: Apache-2.0
//! The cookie of a browser that has proved to be somebody's: a name drawn by chance, and for each
//! account a MAC over the name, the account and its generation of browsers. Whatever signs all
//! browsers of the account out begins another generation: who stole a cookie before has nothing.
//!
//! It opens nothing and says nothing to whoever reads it: it lets its browser guess in a lane of
//! its own ([`estafette_core::guesses`]). Nothing of it is kept here; with another signing key of
//! the server all of them are worth nothing.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use estafette_core::limits::KNOWN_BROWSER_ACCOUNTS_MAX;
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq as _};
use zeroize::Zeroizing;

use crate::clock::Random;

const NAME_BYTES: usize = 16;
const MAC_BYTES: usize = 16;

/// Makes the cookies and knows its own.
pub(super) struct KnownBrowsers {
    key: Zeroizing<[u8; 32]>,
}

impl std::fmt::Debug for KnownBrowsers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KnownBrowsers(..)")
    }
}

impl KnownBrowsers {
    pub(super) fn new(secret: &[u8]) -> Self {
        let mut key = Zeroizing::new([0; 32]);
        // 32 bytes are never too many for HKDF.
        let made = Hkdf::<Sha256>::new(None, secret).expand(b"known browsers", key.as_mut_slice());
        debug_assert!(made.is_ok());
        Self { key }
    }

    /// The name of the browser that shows `cookie`, where it has proved to be `subject`'s in this
    /// generation.
    pub(super) fn name(&self, cookie: &str, subject: &str, generation: i64) -> Option<String> {
        let (name, macs) = parts(cookie)?;
        let expected = self.mac(&name, subject, generation);
        let known = macs.iter().fold(Choice::from(0), |known, mac| known | mac.ct_eq(&expected));
        bool::from(known).then(|| URL_SAFE_NO_PAD.encode(name))
    }

    /// The cookie after its browser has proved to be `subject`'s as well. Of too many accounts the
    /// one that it was proved for first is left out.
    pub(super) fn remember(
        &self,
        cookie: Option<&str>,
        subject: &str,
        generation: i64,
        random: &dyn Random,
    ) -> String {
        let (name, mut macs) = cookie.and_then(parts).unwrap_or_else(|| {
            let mut name = [0; NAME_BYTES];
            random.fill(&mut name);
            (name, Vec::new())
        });
        let mac = self.mac(&name, subject, generation);
        macs.retain(|known| !bool::from(known.ct_eq(&mac)));
        macs.push(mac);
        let over = macs.len().saturating_sub(KNOWN_BROWSER_ACCOUNTS_MAX);
        let macs = macs.into_iter().skip(over).flatten();
        URL_SAFE_NO_PAD.encode(name.into_iter().chain(macs).collect::<Vec<u8>>())
    }

    fn mac(&self, name: &[u8; NAME_BYTES], subject: &str, generation: i64) -> [u8; MAC_BYTES] {
        // HMAC takes a key of any length; there is nothing to fail.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.key.as_slice()) else {
            return [0; MAC_BYTES];
        };
        mac.update(name);
        mac.update(&generation.to_le_bytes());
        mac.update(subject.as_bytes());
        let whole = mac.finalize().into_bytes();
        std::array::from_fn(|at| whole.get(at).copied().unwrap_or_default())
    }
}

/// The name and the MACs of a cookie. `None`: it is none of ours.
fn parts(cookie: &str) -> Option<([u8; NAME_BYTES], Vec<[u8; MAC_BYTES]>)> {
    let bytes = URL_SAFE_NO_PAD.decode(cookie).ok()?;
    let (name, macs) = bytes.split_first_chunk()?;
    let (macs, rest) = macs.as_chunks();
    let fits = rest.is_empty() && macs.len() <= KNOWN_BROWSER_ACCOUNTS_MAX;
    fits.then(|| (*name, macs.to_vec()))
}
