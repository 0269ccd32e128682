// SPDX-License-Identifier: Apache-2.0
//! Who is a guest, and what that forbids: the shell of [`estafette_core::guests`].

use estafette_core::{
    email_address::EmailAddress,
    guests::{self, Act},
    ids::UserId,
};
use estafette_store::{PeopleStore as _, StoreResult};

use crate::{ApiError, ApiResult, Server, address_book::Standing};

/// Whether somebody is a guest, as of now: by what the policy says of their address, so that who
/// becomes an agent is one at once; by what was written down where it says nothing, or where an
/// administrator has said otherwise.
pub(crate) async fn is_guest(server: &Server, user_id: &UserId) -> StoreResult<bool> {
    if user_id.server_name() != server.server_name.as_str() {
        return Ok(false);
    }
    let Some(person) = server.store.person(user_id).await? else { return Ok(false) };
    if person.details.organisation_fixed {
        return Ok(person.details.guest);
    }
    let address = person.details.email.as_deref().and_then(|text| EmailAddress::parse(text).ok());
    let standing = address.zip(server.address_book.get());
    Ok(match standing.map(|(address, book)| book.standing(&address)) {
        Some(Standing::Member) => false,
        Some(Standing::Guest) => true,
        Some(Standing::Elsewhere | Standing::Nobody) | None => person.details.guest,
    })
}

/// Refuses what guests may not do: 403 `M_FORBIDDEN`.
pub(crate) async fn check(server: &Server, user_id: &UserId, act: Act) -> ApiResult<()> {
    let is_guest = is_guest(server, user_id).await?;
    guests::check(is_guest, act).map_err(|why| ApiError::forbidden(why.to_string()))
}

/// Whether somebody may see what is published. `None`: without a token, as the specification lets,
/// unless rooms have rules ([`config::Rooms`](crate::config::Rooms)).
pub(crate) async fn may_see_published(
    server: &Server,
    user_id: Option<&UserId>,
) -> ApiResult<bool> {
    match user_id {
        Some(user_id) => {
            let is_guest = is_guest(server, user_id).await?;
            Ok(guests::check(is_guest, Act::SeePublishedRooms).is_ok())
        }
        None => Ok(!server.config.rooms.access_rules),
    }
}

#[cfg(test)]
mod tests;
