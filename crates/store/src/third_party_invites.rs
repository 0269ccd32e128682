// SPDX-License-Identifier: Apache-2.0
//! Invitations of e-mail addresses, until whoever holds the address has an account.
//!
//! They come to be with their state event and their mail, in one transaction
//! ([`RoomCommit::invitations`](crate::rooms::RoomCommit)), and end with the state event that takes
//! the place of theirs: used, taken back or too old.

use std::fmt;

use async_trait::async_trait;
use estafette_core::ids::{RoomId, UserId};

use crate::{StoreResult, identity::NewMail};

/// The private half of an invitation's key. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct InviteSeed(pub [u8; 32]);

impl fmt::Debug for InviteSeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InviteSeed")
    }
}

/// An invitation as it is made, with the event that shows it.
#[derive(Debug, Clone)]
pub struct NewThirdPartyInvite {
    /// The state key of the event.
    pub token: String,
    /// Who invites.
    pub sender: UserId,
    /// The canonical address.
    pub address: String,
    /// The private half of its key.
    pub seed: InviteSeed,
    /// The public half, as it stands in the event.
    pub public_key: String,
    /// Whether the room is a direct chat.
    pub is_direct: bool,
    /// Whether the address needs an invitation to sign up: this is one then.
    pub guest: bool,
    /// The mail that tells of it.
    pub mail: NewMail,
    /// Now, in ms since the epoch.
    pub now_ms: i64,
    /// When it ends, in ms since the epoch.
    pub expires_ms: i64,
}

/// An invitation that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThirdPartyInvite {
    /// Its number: invitations are numbered as they are made.
    pub nid: i64,
    /// The state key of its event.
    pub token: String,
    /// The room.
    pub room_id: RoomId,
    /// Who invites.
    pub sender: UserId,
    /// The canonical address.
    pub address: String,
    /// The private half of its key.
    pub seed: InviteSeed,
    /// Whether the room is a direct chat.
    pub is_direct: bool,
    /// When it ends, in ms since the epoch.
    pub expires_ms: i64,
}

/// An invitation whose address has an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redeemable {
    /// The invitation.
    pub invite: ThirdPartyInvite,
    /// Whose account it is.
    pub user_id: UserId,
}

/// What the store promises about invitations of addresses.
#[async_trait]
pub trait ThirdPartyInviteStore: Send + Sync {
    /// Counts a mail that `sender` has sent to `address`. `false`, and nothing is counted, when
    /// either has reached the limit of the window
    /// ([`INVITATION_MAILS_PER_SENDER`](estafette_core::limits::INVITATION_MAILS_PER_SENDER)).
    async fn count_invitation_mail(
        &self,
        sender: &UserId,
        address: &str,
        now_ms: i64,
    ) -> StoreResult<bool>;

    /// The pending invitation of an address to a room.
    async fn third_party_invite(
        &self,
        room_id: &RoomId,
        address: &str,
        now_ms: i64,
    ) -> StoreResult<Option<ThirdPartyInvite>>;

    /// How many wait in a room.
    async fn third_party_invites_in(&self, room_id: &RoomId) -> StoreResult<u64>;

    /// Pending invitations whose address has an account that is not deactivated: those of one
    /// account, or all; numbered above `after`, in order, at most `limit`.
    async fn redeemable_invites(
        &self,
        user_id: Option<&UserId>,
        now_ms: i64,
        after: i64,
        limit: u64,
    ) -> StoreResult<Vec<Redeemable>>;

    /// Invitations that have ended, by their numbers above `after`, at most `limit`.
    async fn ended_invites(
        &self,
        now_ms: i64,
        after: i64,
        limit: u64,
    ) -> StoreResult<Vec<ThirdPartyInvite>>;

    /// Forgets an invitation whose event nobody can replace, and what came with it.
    async fn forget_invite(&self, token: &str) -> StoreResult<()>;

    /// Whether a pending invitation has this public key.
    async fn is_invite_key_valid(&self, public_key: &str, now_ms: i64) -> StoreResult<bool>;

    /// Whether somebody waits for this address: a pending invitation to a room, or one of a guest.
    async fn is_awaited(&self, address: &str, now_ms: i64) -> StoreResult<bool>;
}
