// SPDX-License-Identifier: Apache-2.0
//! What the rules of rooms ask of the world outside of the room
//! ([`access_rules`](estafette_core::room::access_rules)): looked up before a command queues, so
//! that the decision itself stays pure. Nothing is looked up for messages.

use std::collections::HashSet;

use estafette_core::{
    ids::UserId,
    json::Value,
    room::{
        Command, CreateRoom,
        access_rules::{KIND, Outside, complete, concerned},
    },
};
use estafette_store::{RoomStore as _, StoreResult};

use super::{NewRoom, Request, RoomError};
use crate::{Server, guests, rooms::HotRoom, server_notices};

/// What is to be known for a command. `None` where rooms have no rules of this kind.
pub(super) async fn outside(
    server: &Server,
    room: &HotRoom,
    request: &Request,
) -> StoreResult<Option<Outside>> {
    if !server.config.rooms.access_rules {
        return Ok(None);
    }
    // What the server itself has to say, it says to guests as well.
    if server_notices::is_notices_room(server, &room.snapshot().view) {
        return Ok(None);
    }
    let users = concerned(&request.command, &room.snapshot().view);
    let changes_rules = matches!(&request.command, Command::SendState { kind, .. } if kind == KIND);
    let published = changes_rules && server.store.is_public(&room.room_id).await?.unwrap_or(false);
    Ok(Some(Outside {
        agents: agents_among(server, users).await?,
        guest_address: request.invitation.as_ref().is_some_and(|invitation| invitation.guest),
        published,
    }))
}

/// Adds to a request for a room what its kind asks for, and refuses what it does not allow.
pub(super) async fn complete_new(server: &Server, new: &mut NewRoom) -> Result<(), RoomError> {
    if !server.config.rooms.access_rules || new.replaces {
        return Ok(());
    }
    let agents = agents_among(server, named(&new.request)).await?;
    let guest_address = new.invitations.iter().any(|invitation| invitation.guest);
    complete(&mut new.request, new.is_public, (&agents, guest_address))?;
    Ok(())
}

/// Every user whom a request for a room names.
fn named(request: &CreateRoom) -> Vec<UserId> {
    let levels = request.power_level_content_override.get("users").and_then(Value::as_object);
    let levels = levels.into_iter().flatten().map(|(id, _)| id.as_str());
    let creators = request.creation_content.get("additional_creators").and_then(Value::as_array);
    let creators = creators.unwrap_or_default().iter().filter_map(Value::as_str);
    let others = levels.chain(creators).filter_map(|id| UserId::parse(id).ok());
    request.invite.iter().map(|(user, _)| user.clone()).chain(others).collect()
}

async fn agents_among(server: &Server, users: Vec<UserId>) -> StoreResult<HashSet<UserId>> {
    let mut found = HashSet::new();
    for user_id in users {
        if !guests::is_guest(server, &user_id).await? {
            found.insert(user_id);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
