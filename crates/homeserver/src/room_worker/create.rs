// SPDX-License-Identifier: Apache-2.0
//! The first commit of a room: its events, its aliases and its place in the directory as one.

use std::sync::Arc;

use estafette_core::{
    ids::{RoomAlias, RoomId, UserId},
    room::{CreateRoom, Created, create},
};
use estafette_store::{
    Position, RoomStore as _,
    rooms::{RoomCommit, RoomOutcome},
    third_party_invites::NewThirdPartyInvite,
};

use super::{RoomError, access::complete_new, extremities, prepare};
use crate::{
    Shared,
    rooms::{HotRoom, Recent, Snapshot},
};

/// A room that somebody asks for.
#[derive(Debug)]
pub struct NewRoom {
    /// What the rules need to make it.
    pub request: CreateRoom,
    /// Whether it is listed in the directory.
    pub is_public: bool,
    /// Whether it takes the place of another room, whose kind it has.
    pub replaces: bool,
    /// The alias that comes to be with it.
    pub alias: Option<RoomAlias>,
    /// The invitations of addresses that its events show.
    pub invitations: Vec<NewThirdPartyInvite>,
}

/// Why there is no new room.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CreateError {
    /// The alias names another room.
    #[error("the alias {0} is taken")]
    AliasTaken(RoomAlias),
    /// The rules or the store say no.
    #[error(transparent)]
    Room(#[from] RoomError),
}

/// Makes a room. All of it is durable when this returns, or none of it exists.
pub async fn create_room(server: &Shared, mut new: NewRoom) -> Result<RoomId, CreateError> {
    complete_new(server, &mut new).await?;
    let creator = new.request.creator.clone();
    let created =
        create(&new.request, &server.signer(), server.unique_ms()).map_err(RoomError::from)?;
    let room_id = created.view.room_id().clone();
    let aliases = new.alias.into_iter().map(|alias| (alias, creator.clone())).collect();
    let mut commit = first_commit(server, created, new.is_public, aliases);
    commit.invitations = new.invitations;
    match server.store.commit_room(commit).await.map_err(RoomError::from)? {
        RoomOutcome::Committed => Ok(room_id),
        RoomOutcome::AliasTaken(alias) => Err(CreateError::AliasTaken(alias)),
        RoomOutcome::Duplicate { .. } => Err(RoomError::Store(
            estafette_store::StoreError::Conflict("a new room repeats a transaction"),
        )
        .into()),
    }
}

fn first_commit(
    server: &Shared,
    created: Created,
    is_public: bool,
    aliases: Vec<(RoomAlias, UserId)>,
) -> RoomCommit {
    let Created { view, update } = created;
    let room_id = view.room_id().clone();
    let (events, timeline): (Vec<_>, Vec<_>) = update
        .events
        .iter()
        .map(|new| {
            let (commit, event) = prepare(server, &view, new, None);
            (commit, Arc::new(event))
        })
        .unzip();
    RoomCommit {
        room_id: room_id.clone(),
        version: view.version(),
        events,
        extremities: extremities(&view),
        is_public: Some(is_public),
        invitations: Vec::new(),
        aliases,
        publish: {
            let rooms = Arc::clone(&server.rooms);
            Box::new(move || {
                // Now the positions are known, which `append` needs to drop what is too much.
                let recent = Recent::new(Vec::new(), Position(0), Position(0));
                let recent = recent.append(timeline, &[]);
                rooms.enter(Arc::new(HotRoom::new(room_id, Snapshot { view, recent })));
            })
        },
    }
}
