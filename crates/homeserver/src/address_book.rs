// SPDX-License-Identifier: Apache-2.0
//! What the homeserver asks of whoever knows e-mail addresses, without knowing who that is.

use estafette_core::email_address::EmailAddress;
use estafette_store::identity::NewMail;

/// Where the people of an address have their accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Here: it is an address of an organisation of this server.
    Member,
    /// Here, if they are invited.
    Guest,
    /// On another server.
    Elsewhere,
    /// Nowhere: nobody is expected from there.
    Nobody,
}

/// Knows addresses. Answers from memory, at once.
pub trait AddressBook: Send + Sync {
    /// Where the people of an address have their accounts.
    fn standing(&self, address: &EmailAddress) -> Standing;

    /// Whether invitations can be mailed and their recipients can sign up.
    fn invites(&self) -> bool;

    /// The mail to somebody who is invited: our own words and nothing that the inviter chose
    /// (CVE-2021-29432). `inviter` is the address of whoever invites, which gives a name.
    /// `None` when the server is about to stop.
    fn invitation(
        &self,
        address: &EmailAddress,
        inviter: Option<&EmailAddress>,
        expires_ms: i64,
    ) -> Option<NewMail>;

    /// A mail was queued.
    fn mail_queued(&self);
}
