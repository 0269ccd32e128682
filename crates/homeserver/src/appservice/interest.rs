// SPDX-License-Identifier: Apache-2.0
//! What an application service is to be told of (Application Service API, "Pushing events").
//!
//! An event concerns it when the room, one of the room's aliases, the sender, the user whose
//! membership it is, or anybody in the room is in its namespaces. Whether somebody in the room is
//! theirs is worked out once per room, as of the first event that is looked at, and then follows
//! the memberships that come by: a service that was away is told of what happened while its users
//! were there, also when they have left meanwhile.

use std::{collections::HashMap, sync::Arc};

use estafette_core::{
    event::{Event, Membership},
    ids::{RoomId, UserId},
    limits::APPSERVICE_ROOMS_MAX,
};
use estafette_store::{Position, RoomStore as _, StoreResult, rooms::StoredEvent};

use super::Registration;
use crate::{Shared, rooms::Snapshot};

/// What is known of one application service's interest.
pub(super) struct Interest {
    appservice: Arc<Registration>,
    /// Rooms with and without users of theirs, as of the last event that was looked at.
    members: HashMap<RoomId, bool>,
    /// That event.
    upto: Position,
}

impl Interest {
    pub(super) fn new(appservice: Arc<Registration>) -> Self {
        Self { appservice, members: HashMap::new(), upto: Position(0) }
    }

    /// Whether an event is to be told.
    pub(super) async fn in_event(
        &mut self,
        server: &Shared,
        stored: &StoredEvent,
    ) -> StoreResult<bool> {
        let event = &stored.event;
        self.upto = stored.pos;
        let own = |user: &str| {
            UserId::parse(user).is_ok_and(|user| self.appservice.is_interested_in_user(&user))
        };
        let target = event.state_key().filter(|_| event.kind() == "m.room.member");
        let named = target.is_some_and(own);
        if named {
            // Somebody of theirs came or went.
            match event.membership() {
                Some(Membership::Join) => self.remember(event.room_id(), true),
                _ => drop(self.members.remove(event.room_id())),
            }
        }
        if named || self.appservice.is_interested_in_user(event.sender()) {
            return Ok(true);
        }
        self.in_room(server, event.room_id()).await
    }

    /// Whether what happens in a room is to be told.
    pub(super) async fn in_room(&mut self, server: &Shared, room_id: &RoomId) -> StoreResult<bool> {
        if self.appservice.is_interested_in_room(room_id.as_str()) {
            return Ok(true);
        }
        if self.members_in(server, room_id).await? {
            return Ok(true);
        }
        if !self.appservice.has_aliases() {
            return Ok(false);
        }
        let aliases = server.store.aliases_of(room_id).await?;
        Ok(aliases.iter().any(|alias| self.appservice.is_interested_in_alias(alias)))
    }

    /// Whether somebody of theirs was in a room once the last event that was looked at had
    /// happened.
    async fn members_in(&mut self, server: &Shared, room_id: &RoomId) -> StoreResult<bool> {
        if let Some(known) = self.members.get(room_id) {
            return Ok(*known);
        }
        let Some(room) = server.rooms.get(&server.store, room_id).await? else {
            return Ok(false);
        };
        let snapshot: Arc<Snapshot> = room.snapshot();
        let theirs = if snapshot.last_pos() <= self.upto || self.upto == Position(0) {
            self.has_member(snapshot.view.state().iter_kind_unordered("m.room.member"))
        } else {
            let members = [("m.room.member".to_owned(), None)];
            let then = server.store.state_at(room_id, self.upto, Some(&members)).await?;
            self.has_member(then.iter())
        };
        if self.upto > Position(0) {
            self.remember(room_id, theirs);
        }
        Ok(theirs)
    }

    fn has_member<'a>(&self, mut members: impl Iterator<Item = &'a Arc<Event>>) -> bool {
        members.any(|member| {
            member.membership() == Some(Membership::Join)
                && member
                    .state_key()
                    .and_then(|user| UserId::parse(user).ok())
                    .is_some_and(|user| self.appservice.is_interested_in_user(&user))
        })
    }

    fn remember(&mut self, room_id: &RoomId, theirs: bool) {
        if self.members.len() >= APPSERVICE_ROOMS_MAX {
            self.members.clear();
        }
        self.members.insert(room_id.clone(), theirs);
    }
}
