// SPDX-License-Identifier: Apache-2.0
//! The log of accounts (target `account`): who was let in or changed something, from where, and who
//! was not. Operators have to keep it, and look into it after an incident.
//!
//! Of a name that may be nobody's the log has a hash, whatever form it has: people type passwords
//! and addresses where names belong.

use sha2::{Digest as _, Sha256};

/// A name that was typed and may be nobody's, as the log has it: the same name is the same hash.
pub(crate) fn hashed(subject: &str) -> String {
    let sha256 = Sha256::digest(subject);
    let hex: String = sha256.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    format!("sha256 {hex}")
}

/// Writes a line about a user who exists, or the [hash](hashed) of a name that may not. `source` is
/// an IP address, or the network that an IPv6 one is of.
pub(crate) fn note(event: &str, user: &str, source: &str) {
    tracing::info!(target: "account", event, user, source, "account");
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without it a password that was typed in the place of a name is in the log.
    #[test]
    fn a_name_that_may_be_nobodys_is_not_written() {
        for typed in ["nobody, my password", "@my-password:x.fr"] {
            let hash = hashed(typed);
            assert!(hash.starts_with("sha256 ") && !hash.contains("password"), "{hash}");
            assert_eq!(hash, hashed(typed));
            assert_ne!(hash, hashed("nobody, another"));
        }
    }
}
