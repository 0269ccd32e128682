// SPDX-License-Identifier: Apache-2.0
//! The decision: a command and a room as it is, in; what is to be stored, out.
//!
//! [`decide`] and [`create`] are pure: the same room, command, key and time give the same
//! [`RoomUpdate`]. The shell stores it, and only then does [`RoomView::apply`]'s result become the
//! room. Nothing here looks at anything per member, so a message costs the same in a room of ten
//! and of a hundred thousand.

pub mod access_rules;
mod create;
mod decide;
mod receive;
mod third_party;
mod upgrade;
mod view;

use std::sync::Arc;

pub use self::{
    create::{CreateRoom, Created, Preset, create},
    decide::decide,
    receive::{Known, Received, Reception, Surroundings, may_redact, receive},
    upgrade::{Upgrade, closing_power_levels, may_upgrade, tombstone},
    view::{CorruptRoom, Extremity, RoomView},
};
use crate::{
    auth::AuthError,
    event::{DraftError, Event},
    ids::{EventId, ServerName, UserId},
    json::Object,
    sign::SigningKey,
    state::StateMap,
};

/// Who signs what is decided here.
#[derive(Debug, Clone, Copy)]
pub struct Signer<'a> {
    /// This server.
    pub server: &'a ServerName,
    /// Its key.
    pub key: &'a SigningKey,
}

/// What somebody wants of a room.
#[derive(Debug, Clone)]
pub enum Command {
    /// Send an event that is no state.
    Send {
        /// Who.
        sender: UserId,
        /// The specification's `type`.
        kind: String,
        /// The content.
        content: Object,
    },
    /// Set state. Memberships go through [`Command::Member`].
    SendState {
        /// Who.
        sender: UserId,
        /// The specification's `type`.
        kind: String,
        /// The state key.
        state_key: String,
        /// The content.
        content: Object,
    },
    /// Take the content of an event away.
    Redact {
        /// Who.
        sender: UserId,
        /// Which event.
        redacts: EventId,
        /// Who sent that event; `None` when it is not known here.
        target_sender: Option<UserId>,
        /// `reason` and whatever else the client adds.
        content: Object,
    },
    /// Change a membership.
    Member {
        /// Who.
        sender: UserId,
        /// Whose membership.
        target: UserId,
        /// What is to happen.
        act: MemberAct,
        /// `reason`, `displayname`, `avatar_url`, `is_direct`, …
        content: Object,
        /// Whether the target is in one of the rooms that a restricted join rule allows.
        in_allowed_room: bool,
    },
    /// Ask in whoever proves to hold an address (Client-Server API, "Third-party invites").
    InviteAddress {
        /// Who.
        sender: UserId,
        /// What the proof will name.
        token: String,
        /// The content, see [`offer`](crate::third_party_invite::offer).
        content: Object,
    },
    /// The address has an account: the invitation becomes that user's, in the name of whoever
    /// invited, and the offer ends.
    RedeemInvite {
        /// Whose account it is.
        target: UserId,
        /// The token of the offer.
        token: String,
        /// See [`proof`](crate::third_party_invite::proof).
        proof: Object,
        /// The target's profile, `is_direct`, …
        content: Object,
    },
    /// An offer ends unused, in the name of whoever invited.
    EndInvite {
        /// Its token.
        token: String,
    },
}

/// The ways in which memberships change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemberAct {
    /// Come in, or change one's profile in the room.
    Join,
    /// Ask somebody in.
    Invite,
    /// Ask to be let in.
    Knock,
    /// Go, or decline.
    Leave,
    /// Make somebody go.
    Kick,
    /// Make somebody go and stay out.
    Ban,
    /// Lift a ban.
    Unban,
}

/// What [`decide`] says when it does not refuse.
#[derive(Debug)]
pub enum Decision {
    /// Store this.
    Update(RoomUpdate),
    /// Nothing would change: this event says so already (pitfall 46).
    Unchanged(EventId),
}

/// Everything that changes in a room by one decision.
#[derive(Debug, Clone)]
pub struct RoomUpdate {
    /// The new events, in order.
    pub events: Vec<NewEvent>,
    /// The forward extremities afterwards.
    pub forward_extremities: Vec<Extremity>,
    /// The state afterwards, where it is not simply the old one with the accepted events set:
    /// after an event that other servers made, on a fork.
    pub state: Option<StateMap>,
}

/// One new event of an update.
#[derive(Debug, Clone)]
pub struct NewEvent {
    /// The event.
    pub event: Arc<Event>,
    /// The state event that it replaces.
    pub replaces: Option<Arc<Event>>,
    /// Accepted, not shown, no extremity (Server-Server API, "Soft failure").
    pub soft_failed: bool,
    /// Stored for reference alone.
    pub rejected: bool,
}

impl NewEvent {
    /// An event that is accepted and shown.
    pub fn accepted(event: Arc<Event>, replaces: Option<Arc<Event>>) -> Self {
        Self { event, replaces, soft_failed: false, rejected: false }
    }
}

/// Why a command is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// A rule of event authorisation says no.
    #[error("{0}")]
    Auth(#[from] AuthError),
    /// The event cannot be built.
    #[error("{0}")]
    Draft(#[from] DraftError),
    /// Only moderators and the sender may redact an event.
    #[error("you may only redact your own messages")]
    MayNotRedact,
    /// To be unbanned one must be banned.
    #[error("the user is not banned from this room")]
    NotBanned,
    /// To be kicked one must be in the room, invited or knocking.
    #[error("the user is not in this room")]
    NotInRoom,
    /// The join rule asks for membership of another room, and the user has none.
    #[error("you are not in any of the rooms that give access to this one")]
    NotInAllowedRoom,
    /// Nobody on this server may let the user into a restricted room.
    #[error("nobody on this server can authorise this join")]
    UnableToAuthoriseJoin,
    /// The kind of the room does not allow it.
    #[error("{0}")]
    AccessRules(&'static str),
    /// Rules for a room that contradict themselves, or the request.
    #[error("{0}")]
    AccessRulesInvalid(&'static str),
    /// An invitation of an address that was taken back, was used or has ended.
    #[error("the invitation has ended")]
    InvitationEnded,
    /// An event of another room, or of a room of another version.
    #[error("the event is not of this room")]
    OtherRoom,
    /// A request for a room that contradicts itself.
    #[error("{0}")]
    InvalidRoom(&'static str),
}
