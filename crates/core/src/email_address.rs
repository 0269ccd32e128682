// SPDX-License-Identifier: Apache-2.0
//! The one form of an e-mail address: what is matched against a policy, written to, and stored.
//!
//! In April 2019 an address with two `@` was mailed by its first half and trusted by its last
//! (CVE-2019-11340). So there is one type, made by one parser that accepts or refuses the whole
//! text and never corrects it, but for capital letters.
//!
//! The rule, stricter than RFC 5321 §4.1.2 on purpose:
//!
//! - at most 254 bytes, exactly one `@`;
//! - before it 1 to 64 of `a-z 0-9 # $ & ' * + - . = ? ^ _ { } ~`, no dot at an end or beside
//!   another; not quoted; without `! % / | backtick`, which relays have read as routes or commands;
//! - after it a domain of two labels or more, each 1 to 63 of `a-z 0-9 -` without a hyphen at an
//!   end; the last one not of digits alone; no address literal;
//! - ASCII alone: letters that look like others cannot occur. A domain in another script is given
//!   in its ASCII form (`xn--…`), which no trusted domain looks like.
//!
//! Capital letters become small ones, as the Matrix specification asks of third-party identifiers
//! (Appendices, "3PID Types", `m.email`).

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// A whole address (RFC 5321 §4.5.3.1.3, less the two angle brackets).
pub const ADDRESS_BYTES_MAX: usize = 254;
/// What stands before the `@` (RFC 5321 §4.5.3.1.1).
pub const LOCAL_PART_BYTES_MAX: usize = 64;
/// One label of a domain (RFC 1035 §2.3.4).
const LABEL_BYTES_MAX: usize = 63;

/// Why a text is no address that we write to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EmailAddressError {
    /// Longer than 254 bytes, or its parts are too long.
    #[error("it is too long")]
    TooLong,
    /// Not exactly one `@`.
    #[error("it must have exactly one @")]
    At,
    /// A character that is not allowed there: a space, a line break, an accent, a quote.
    #[error("it has a character that is not allowed")]
    Character,
    /// What stands before the `@` is empty, or its dots are misplaced.
    #[error("what stands before the @ is malformed")]
    LocalPart,
    /// What stands after the `@` is no domain.
    #[error("what stands after the @ is not a domain")]
    Domain,
}

/// An e-mail address in its one form. Equal addresses are equal texts.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EmailAddress {
    text: Arc<str>,
    at: usize,
}

impl EmailAddress {
    /// Takes the whole of `text` as an address, or refuses it.
    pub fn parse(text: &str) -> Result<Self, EmailAddressError> {
        if text.len() > ADDRESS_BYTES_MAX {
            return Err(EmailAddressError::TooLong);
        }
        let (local_part, domain) = text.split_once('@').ok_or(EmailAddressError::At)?;
        if domain.contains('@') {
            return Err(EmailAddressError::At);
        }
        check_local_part(local_part)?;
        check_domain(domain)?;
        Ok(Self { at: local_part.len(), text: text.to_ascii_lowercase().into() })
    }

    /// The whole address.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What stands before the `@`.
    pub fn local_part(&self) -> &str {
        self.text.get(..self.at).unwrap_or_default()
    }

    /// What stands after the `@`.
    pub fn domain(&self) -> &str {
        self.text.get(self.at.saturating_add(1)..).unwrap_or_default()
    }
}

/// Checks a domain by the rule of this module.
pub fn check_domain(domain: &str) -> Result<(), EmailAddressError> {
    let mut labels = 0_usize;
    let mut last = "";
    for label in domain.split('.') {
        if label.len() > LABEL_BYTES_MAX {
            return Err(EmailAddressError::TooLong);
        }
        if !label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            return Err(EmailAddressError::Character);
        }
        if label.is_empty() || label.starts_with('-') || label.ends_with('-') {
            return Err(EmailAddressError::Domain);
        }
        labels = labels.saturating_add(1);
        last = label;
    }
    if labels < 2 || last.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(EmailAddressError::Domain);
    }
    Ok(())
}

fn check_local_part(local_part: &str) -> Result<(), EmailAddressError> {
    if local_part.len() > LOCAL_PART_BYTES_MAX {
        return Err(EmailAddressError::TooLong);
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"#$&'*+-.=?^_{}~".contains(&byte);
    if !local_part.bytes().all(allowed) {
        return Err(EmailAddressError::Character);
    }
    // An empty part is a dot at an end, two dots, or nothing at all.
    if local_part.split('.').any(str::is_empty) {
        return Err(EmailAddressError::LocalPart);
    }
    Ok(())
}

impl FromStr for EmailAddress {
    type Err = EmailAddressError;

    fn from_str(text: &str) -> Result<Self, EmailAddressError> {
        Self::parse(text)
    }
}

impl AsRef<str> for EmailAddress {
    fn as_ref(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for EmailAddress {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for EmailAddress {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests;
