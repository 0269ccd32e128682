// SPDX-License-Identifier: Apache-2.0
//! A user who has pushers: rules, ignored users, and the badge.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use estafette_core::{
    event::Membership,
    ids::{RoomId, UserId},
    push_rules::{RuleSet, RuleSetHash},
};
use estafette_store::{AccountDataStore as _, StoreError, StoreResult};

use super::{IGNORED_USERS, lane::Lane};
use crate::{
    Shared,
    client::push_rules,
    sync::{Reader, counts},
};

/// A user who has pushers.
pub(super) struct PushUser {
    user_id: UserId,
    pub(super) lanes: Vec<Arc<Lane>>,
    pub(super) rules: RuleSet,
    pub(super) rules_hash: RuleSetHash,
    ignored: HashSet<String>,
    /// Until when the account works.
    expires_ms: Option<i64>,
    /// Unread notifications by room; `None` until they are asked for.
    unread: Option<HashMap<RoomId, u64>>,
}

impl PushUser {
    pub(super) async fn load(
        server: &Shared,
        user_id: &UserId,
        lanes: Vec<Arc<Lane>>,
        expires_ms: Option<i64>,
    ) -> StoreResult<Self> {
        let rules = push_rules::load(server, user_id).await.map_err(|error| {
            StoreError::Corrupt(format!("push rules of {user_id}: {}", error.message()))
        })?;
        let ignored = server.store.account_data(user_id, None, IGNORED_USERS).await?;
        let ignored = ignored.and_then(|data| data.content).unwrap_or_default();
        let ignored: serde_json::Value = serde_json::from_str(&ignored).unwrap_or_default();
        let ignored = ignored.get("ignored_users").and_then(serde_json::Value::as_object);
        let ignored = ignored.into_iter().flat_map(|users| users.keys().cloned()).collect();
        let rules = rules.rule_set;
        let rules_hash = rules.hash();
        let user_id = user_id.clone();
        Ok(Self { user_id, lanes, rules, rules_hash, ignored, expires_ms, unread: None })
    }

    /// Whether the account's validity is over.
    pub(super) fn is_expired(&self, now_ms: i64) -> bool {
        self.expires_ms.is_some_and(|expires| expires <= now_ms)
    }

    pub(super) fn ignores(&self, sender: &UserId) -> bool {
        self.ignored.contains(sender.as_str())
    }

    /// The badge once something happened in `room_id`.
    pub(super) async fn badge_after(
        &mut self,
        server: &Shared,
        room_id: &RoomId,
    ) -> StoreResult<u64> {
        let reader = self.reader(server).await?;
        let mut unread = match self.unread.take() {
            Some(unread) => unread,
            None => all(&reader).await?,
        };
        match of_room(&reader, room_id).await? {
            0 => unread.remove(room_id),
            count => unread.insert(room_id.clone(), count),
        };
        let badge = unread.values().sum();
        self.unread = Some(unread);
        Ok(badge)
    }

    /// The user read in a room: gateways are told when the badge changed by it.
    pub(super) async fn room_read(&mut self, server: &Shared, room_id: &RoomId) -> StoreResult<()> {
        // Before the first notification there is no badge that could be wrong.
        if self.lanes.iter().all(|lane| lane.last_badge().is_none()) {
            return Ok(());
        }
        let badge = self.badge_after(server, room_id).await?;
        for lane in &self.lanes {
            lane.badge_changed(server, badge);
        }
        Ok(())
    }

    async fn reader(&self, server: &Shared) -> StoreResult<Reader> {
        Ok(Reader {
            server: Arc::clone(server),
            user: server.notifier.glance(&server.store, &self.user_id).await?,
            device_id: None,
            device_nid: None,
            head: server.notifier.head(),
        })
    }
}

/// Unread notifications in every room that the user is in or is asked to be in.
async fn all(reader: &Reader) -> StoreResult<HashMap<RoomId, u64>> {
    let mut rooms = Vec::new();
    reader.user.for_each_room(|room_id, _| rooms.push(room_id.clone()));
    let mut unread = HashMap::new();
    for room_id in rooms {
        let count = of_room(reader, &room_id).await?;
        if count > 0 {
            unread.insert(room_id, count);
        }
    }
    Ok(unread)
}

/// Unread notifications in one room; an invitation counts as one.
async fn of_room(reader: &Reader, room_id: &RoomId) -> StoreResult<u64> {
    let membership = reader.user.room(room_id).filter(|own| !own.forgotten);
    match membership.map(|own| own.membership) {
        Some(Membership::Invite) => Ok(1),
        Some(Membership::Join) => {
            let server = &reader.server;
            let Some(room) = server.rooms.get(&server.store, room_id).await? else { return Ok(0) };
            let snapshot = room.snapshot();
            Ok(counts::unread(reader, room_id, &snapshot).await?.total().notification)
        }
        _ => Ok(0),
    }
}
