// SPDX-License-Identifier: Apache-2.0
//! Invitations of addresses (Client-Server API, "Third-party invites"): what stands in the room
//! until whoever holds the address has an account, and the proof that then turns it into an
//! invitation.
//!
//! This server is its own identity service (Identity Service API, "Invitation storage"), and no
//! other one is believed.

use crate::{
    email_address::EmailAddress,
    json::{Object, Value},
    sign::{NotSigned, SigningKey},
};

/// The type of the state event. Its state key is the token.
pub const KIND: &str = "m.room.third_party_invite";

/// The version of the keys: each signs once, so there is never another.
const KEY_VERSION: &str = "0";

/// What members of the room see of an address: `p...@g...`. It is not to give the address away
/// ("`m.room.third_party_invite`", `display_name`; the form is that of the Identity Service API's
/// example).
pub fn display_name(address: &EmailAddress) -> String {
    let first = |text: &str| text.chars().next().map(String::from).unwrap_or_default();
    format!("{}...@{}...", first(address.local_part()), first(address.domain()))
}

/// The key of one invitation.
pub fn key(seed: &[u8; 32]) -> SigningKey {
    SigningKey::from_seed(KEY_VERSION, seed)
}

/// The content of `m.room.third_party_invite`. `key_validity_url` is where it is said whether the
/// key still counts.
pub fn offer(address: &EmailAddress, key: &SigningKey, key_validity_url: &str) -> Object {
    let public_key = Value::from(key.public_base64());
    let validity = Value::from(key_validity_url);
    let listed =
        Value::from([("public_key", public_key.clone()), ("key_validity_url", validity.clone())]);
    Object::from([
        ("display_name".to_owned(), display_name(address).into()),
        ("key_validity_url".to_owned(), validity),
        ("public_key".to_owned(), public_key),
        ("public_keys".to_owned(), Value::from(vec![listed])),
    ])
}

/// Whether an event of [`KIND`] with this content offers anything. One that was taken back, used
/// or has ended is empty.
pub fn is_pending(content: &Object) -> bool {
    content.contains_key("public_key") || content.contains_key("public_keys")
}

/// The proof that `mxid` is the account of whoever was invited with `token`: `signed` of
/// `m.room.member` (Client-Server API, "`m.room.member`", `third_party_invite`).
pub fn proof(key: &SigningKey, server: &str, token: &str, mxid: &str) -> Result<Object, NotSigned> {
    let mut signed =
        Object::from([("mxid".to_owned(), mxid.into()), ("token".to_owned(), token.into())]);
    key.sign_json(&mut signed, server)?;
    Ok(signed)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Otherwise everybody in the room could write to whoever was invited.
    #[test]
    fn the_address_is_not_given_away() {
        for (address, shown) in [
            ("partner@guest.example", "p...@g..."),
            ("a@b.fr", "a...@b..."),
            ("PRENOM.nom@sous.domaine.gouv.fr", "p...@s..."),
        ] {
            let address = EmailAddress::parse(address).unwrap();
            let content = offer(&address, &key(&[1; 32]), "https://x.fr/isvalid");
            assert_eq!(content["display_name"].as_str(), Some(shown));
            let text = format!("{content:?}");
            assert!(!text.contains(address.local_part()) || address.local_part().len() == 1);
        }
    }
}
