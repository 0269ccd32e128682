// SPDX-License-Identifier: Apache-2.0
//! The log of accounts (target `account`): who was let in or changed something, from where, and who
//! was not. Operators have to keep it, and look into it after an incident.
//!
//! Of a name that is nobody's the log has a hash: people type passwords and addresses there.

use sha2::{Digest as _, Sha256};

/// A person, as the log has them. `subject` is a user id, or what is not the name of anybody.
pub(crate) fn shown(subject: &str) -> String {
    if subject.starts_with('@') {
        return subject.to_owned();
    }
    let sha256 = Sha256::digest(subject);
    let hex: String = sha256.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    format!("nobody ({hex})")
}

/// Writes a line. `source` is an IP address, or the network that an IPv6 one is of.
pub(crate) fn note(event: &str, subject: &str, source: &str) {
    let user = shown(subject);
    tracing::info!(target: "account", event, user, source, "account");
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without it a password that was typed in the place of a name is in the log.
    #[test]
    fn what_is_no_user_id_is_not_written() {
        assert_eq!(shown("@a:x.fr"), "@a:x.fr");
        let nobody = shown("nobody, my password");
        assert!(nobody.starts_with("nobody (") && !nobody.contains("password"), "{nobody}");
        assert_ne!(nobody, shown("nobody, another"));
    }
}
