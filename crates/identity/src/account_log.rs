// SPDX-License-Identifier: Apache-2.0
//! The log of accounts (target `account`), as the homeserver has one: who was let in or changed
//! something, and from where. No address, no code, no password.

use estafette_core::ids::UserId;

use crate::pages::Browser;

/// Writes a line about whoever is at `browser`.
pub(crate) fn note(event: &str, user_id: &UserId, browser: &Browser) {
    let source = browser.address;
    tracing::info!(target: "account", event, user = %user_id, %source, "account");
}
