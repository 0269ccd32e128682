// SPDX-License-Identifier: Apache-2.0
//! What a client is told when a room refuses: the one place that turns refusals of the rules into
//! Matrix errors.

use estafette_core::{auth::AuthError, event::DraftError, room::Rejection};
use http::StatusCode;

use crate::{ApiError, room_worker::RoomError};

/// What is said of a room that does not exist and of one that the requester may not see. The same
/// words for both, so that nobody can ask which rooms exist.
pub(crate) fn not_in_room() -> ApiError {
    ApiError::forbidden("You are not in this room, or it does not exist.")
}

impl From<RoomError> for ApiError {
    fn from(error: RoomError) -> Self {
        match error {
            RoomError::Unknown(_) => not_in_room(),
            RoomError::Rejected(rejection) => rejection.into(),
            RoomError::Store(error) => error.into(),
        }
    }
}

impl From<Rejection> for ApiError {
    /// Client-Server API, "Common error codes" and the errors that each room endpoint lists.
    fn from(rejection: Rejection) -> Self {
        let sentence = sentence(&rejection);
        match rejection {
            Rejection::Auth(AuthError::SenderNotJoined) => not_in_room(),
            // Not a lack of rights: nobody could send such an event.
            Rejection::Auth(
                AuthError::CreateHasPrevEvents
                | AuthError::CreateRoomId
                | AuthError::CreateVersion
                | AuthError::CreateCreator
                | AuthError::MemberMalformed
                | AuthError::UnknownMembership
                | AuthError::PowerLevelsListCreator,
            ) => Self::invalid_param(sentence),
            Rejection::Auth(AuthError::PowerLevelsMalformed) => Self::bad_json(sentence),
            Rejection::Auth(_)
            | Rejection::MayNotRedact
            | Rejection::NotBanned
            | Rejection::NotInRoom
            | Rejection::NotInAllowedRoom => Self::forbidden(sentence),
            Rejection::AccessRules(_) => Self::forbidden(sentence),
            Rejection::AccessRulesInvalid(_) => Self::invalid_param(sentence),
            Rejection::InvitationEnded => Self::not_found(sentence),
            Rejection::OtherRoom => Self::invalid_param(sentence),
            Rejection::Draft(DraftError::TooLarge | DraftError::FieldTooLong(_)) => {
                Self::too_large(sentence)
            }
            Rejection::Draft(DraftError::NotCanonical) => Self::bad_json(sentence),
            Rejection::Draft(DraftError::ForeignSender) => Self::forbidden(sentence),
            Rejection::Draft(DraftError::Inconsistent(_)) => Self::internal(sentence),
            Rejection::UnableToAuthoriseJoin => {
                Self::new(StatusCode::BAD_REQUEST, "M_UNABLE_TO_AUTHORISE_JOIN", sentence)
            }
            Rejection::InvalidRoom(_) => {
                Self::new(StatusCode::BAD_REQUEST, "M_INVALID_ROOM_STATE", sentence)
            }
        }
    }
}

/// 400 `M_UNSUPPORTED_ROOM_VERSION`.
pub(crate) fn unsupported_version() -> ApiError {
    ApiError::new(
        StatusCode::BAD_REQUEST,
        "M_UNSUPPORTED_ROOM_VERSION",
        "This server does not create rooms of that version.",
    )
}

/// The rejection's own words as a sentence.
fn sentence(rejection: &Rejection) -> String {
    let text = rejection.to_string();
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}
