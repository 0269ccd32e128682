// SPDX-License-Identifier: Apache-2.0
//! One answer of `/sync`: what changed, room by room, and the device's own affairs.

use std::collections::{BTreeSet, HashSet};

use estafette_core::{
    ids::{RoomId, UserId},
    json::write_json_string,
    limits::{PRESENCE_MET_MAX, SYNC_TO_DEVICE_MAX},
};
use estafette_store::{
    AccountDataStore as _, Position, StoreResult, account_data::AccountData,
    to_device::ToDeviceStore as _,
};

use serde_json::{Value, json};

use super::{Wish, rooms, seen};
use crate::{
    client::account_data::shown,
    notify::{OwnRoom, UserFact},
    sync::{Reader, Token, devices, writer::ObjectWriter},
};

/// A finished answer.
pub(super) struct Answer {
    pub(super) json: String,
}

/// What is to be looked at.
pub(super) struct Scope {
    /// Rooms in which something may have happened.
    pub(super) rooms: Vec<(RoomId, OwnRoom)>,
    /// Whether account data changed; always on an initial sync.
    pub(super) account_data: bool,
    /// Rooms in which receipts may have moved; `None` for any.
    pub(super) receipts: Option<BTreeSet<RoomId>>,
    /// Rooms whose typing the device has not seen.
    pub(super) typing: BTreeSet<RoomId>,
    /// The version of typing that this answer tells.
    typing_version: u64,
    /// `m.presence` events that the device has not seen.
    presence: Vec<String>,
    /// The version of presence that this answer tells.
    presence_version: u64,
}

impl Scope {
    fn room_ids(&self) -> Vec<RoomId> {
        self.rooms.iter().map(|(room_id, _)| room_id.clone()).collect()
    }
}

/// Builds the answer as of now and sets `reader.head`; `None` when there is nothing to tell and
/// `even_if_empty` is not set.
pub(super) async fn build(
    reader: &mut Reader,
    wish: &Wish,
    even_if_empty: bool,
) -> StoreResult<Option<Answer>> {
    if !even_if_empty && nothing_happened(reader, wish) {
        return Ok(None);
    }
    let since = wish.since.map(|since| since.pos);
    let mut scope = scope_at_head(reader, wish);
    let reader = &*reader;
    scope.presence = presence(reader, wish, &scope).await?;
    let waits = reader.device_id.as_ref().map_or(Position(0), |device_id| {
        reader.server.store.last_to_device(reader.user_id(), device_id)
    });
    let td = wish.since.map_or(Position(0), |since| since.td);
    let keys = key_facts(reader, since);
    let quiet = since.is_some()
        && !wish.full_state
        && scope.rooms.is_empty()
        && !scope.account_data
        && scope.presence.is_empty()
        && waits <= td
        && !keys
        && !since.is_some_and(|since| devices::may_have_changed(reader, since));
    if quiet && !even_if_empty {
        return Ok(None);
    }
    write(reader, wish, &scope, (quiet, even_if_empty || keys || since.is_none())).await
}

/// Whether nothing at all happened for the device since its token; `false` where that takes a
/// closer look. Cheap: every long poll asks it when it comes and whenever it is woken.
fn nothing_happened(reader: &Reader, wish: &Wish) -> bool {
    let Some(since) = wish.since.filter(|_| !wish.full_state) else { return false };
    let (typing, presence) = seen::versions(reader, wish);
    let server = &reader.server;
    let device_lists = server.notifier.device_list_changes(since.pos, server.notifier.head());
    reader.user.unchanged_since(since.pos)
        && server.typing.version() <= typing
        && server.presence.version() <= presence
        && device_lists.is_some_and(|users| users.is_empty())
        && reader.device_id.as_ref().is_none_or(|device_id| {
            server.store.last_to_device(reader.user_id(), device_id) <= since.td
        })
}

/// Whether the device's key counts changed, which is told at once (E5).
fn key_facts(reader: &Reader, since: Option<Position>) -> bool {
    let (Some(since), Some(device_id)) = (since, &reader.device_id) else { return false };
    let changes = reader.user.changes(since, reader.head);
    changes.is_some_and(|changes| {
        changes.iter().any(|fact| matches!(fact, UserFact::OneTimeKeys(of) if of == device_id))
    })
}

/// What is to be looked at, with memberships as of the head that it sets: a membership that is
/// newer belongs to the next answer.
fn scope_at_head(reader: &mut Reader, wish: &Wish) -> Scope {
    let notifier = &reader.server.notifier;
    reader.head = notifier.head();
    let scope = scope(reader, wish);
    if scope.rooms.iter().all(|(_, own)| own.pos <= reader.head) {
        return scope;
    }
    let server = std::sync::Arc::clone(&reader.server);
    server.notifier.between_commits(|head| {
        reader.head = head;
        self::scope(reader, wish)
    })
}

fn scope(reader: &Reader, wish: &Wish) -> Scope {
    let since = wish.since.map(|since| since.pos);
    let changes = since.and_then(|since| reader.user.changes(since, reader.head));
    let (typing_version, typing) = seen::typing(reader, wish);
    let mut scope = Scope {
        rooms: Vec::new(),
        account_data: false,
        receipts: None,
        typing,
        typing_version,
        presence: Vec::new(),
        presence_version: reader.server.presence.version(),
    };
    let Some(changes) = changes else {
        // The first sync, or a log that does not reach back: every room is looked at.
        scope.account_data = true;
        reader.user.for_each_room(|room_id, own| {
            if !own.forgotten && wish.filter.wants_room(room_id) {
                scope.rooms.push((room_id.clone(), own.clone()));
            }
        });
        return scope;
    };
    let mut rooms = BTreeSet::new();
    let mut receipts = BTreeSet::new();
    for change in changes {
        match change {
            UserFact::Room(room_id) => {
                rooms.insert(room_id);
            }
            UserFact::Receipt(room_id) => {
                rooms.insert(room_id.clone());
                receipts.insert(room_id);
            }
            UserFact::AccountData(room_id) => {
                scope.account_data = true;
                rooms.extend(room_id);
            }
            UserFact::ToDevice(_) | UserFact::OneTimeKeys(_) => {}
        }
    }
    if wish.full_state {
        reader.user.for_each_room(|room_id, _| {
            rooms.insert(room_id.clone());
        });
    } else {
        rooms.extend(scope.typing.iter().cloned());
    }
    scope.receipts = Some(receipts);
    scope.rooms = rooms
        .into_iter()
        .filter(|room_id| wish.filter.wants_room(room_id))
        .filter_map(|room_id| reader.user.room(&room_id).map(|own| (room_id, own)))
        .filter(|(_, own)| !own.forgotten)
        .collect();
    scope
}

async fn write(
    reader: &Reader,
    wish: &Wish,
    scope: &Scope,
    (quiet, even_if_empty): (bool, bool),
) -> StoreResult<Option<Answer>> {
    let mut json = String::with_capacity(512);
    let mut answer = ObjectWriter::open(&mut json);
    let mut told = false;
    let mut td = wish.since.map_or(Position(0), |since| since.td);
    let mut sent = None;
    if !quiet {
        sent = seen::known_members(reader, wish);
        let account_data = changed_account_data(reader, wish, scope).await?;
        let global = account_data.iter().filter(|data| data.room_id.is_none());
        let global: Vec<String> = global
            .filter(|data| wish.filter.account_data.wants_type(&data.kind))
            .map(account_data_event)
            .collect();
        if !global.is_empty() {
            told = true;
            answer.events("account_data", global);
        }
        if !scope.presence.is_empty() {
            told = true;
            answer.events("presence", &scope.presence);
        }
        told |=
            rooms::write(reader, wish, scope, (&account_data, sent.as_ref()), &mut answer).await?;
        let (messages, last) = devices::to_device(reader, td, SYNC_TO_DEVICE_MAX).await?;
        if !messages.is_empty() {
            told = true;
            answer.events("to_device", messages);
        }
        td = last;
        if let Some(since) = wish.since {
            let lists = devices::device_lists(reader, since.pos, &scope.room_ids()).await?;
            if !lists.is_empty() {
                told = true;
                devices::write_device_lists(&lists, &mut answer, "device_lists");
            }
        }
    }
    if !told && !even_if_empty {
        return Ok(None);
    }
    devices::write_key_counts(reader, &mut answer).await?;
    let (typing, presence) = (scope.typing_version, scope.presence_version);
    let token = Token { pos: reader.head, td, typing, presence };
    answer.text("next_batch", &token.to_string());
    answer.close();
    seen::remember_answer(reader, wish, token, sent);
    Ok(Some(Answer { json }))
}

/// The presence that the device has not seen: what changed of those who share a room with its user,
/// and everything of those who came to share one.
async fn presence(reader: &Reader, wish: &Wish, scope: &Scope) -> StoreResult<Vec<String>> {
    let book = &reader.server.presence;
    let wanted = &wish.filter.presence;
    if !reader.server.config.presence.enabled || wanted.types.as_ref().is_some_and(Vec::is_empty) {
        return Ok(Vec::new());
    }
    let met = match wish.since {
        Some(since) => devices::met(reader, since.pos, &scope.room_ids()).await?,
        None => HashSet::new(),
    };
    let seen = seen::versions(reader, wish).1;
    let mut known = book.changed_since(seen);
    known.retain(|(user, _)| user == reader.user_id() || devices::shares_known_room(reader, user));
    let mut unknown = Vec::new();
    for user in met {
        if user == *reader.user_id() || known.iter().any(|(other, _)| *other == user) {
            continue;
        }
        match book.of(&user) {
            Some(of_user) => known.push((user, of_user)),
            None if unknown.len() < PRESENCE_MET_MAX => unknown.push(user),
            None => {}
        }
    }
    let event = |user: &UserId, content: Value| {
        let wanted = wanted.wants("m.presence", user.as_str());
        let event = json!({ "type": "m.presence", "sender": user, "content": content });
        wanted.then(|| event.to_string())
    };
    let now_ms = reader.server.now_ms();
    let mut events: Vec<String> =
        known.iter().filter_map(|(user, known)| event(user, known.content(now_ms))).collect();
    // Of whom nothing is known, is not there.
    events.extend(unknown.iter().filter_map(|user| event(user, json!({ "presence": "offline" }))));
    Ok(events)
}

async fn changed_account_data(
    reader: &Reader,
    wish: &Wish,
    scope: &Scope,
) -> StoreResult<Vec<AccountData>> {
    if !scope.account_data {
        return Ok(Vec::new());
    }
    let (store, user_id) = (&reader.server.store, reader.user_id());
    let stored = match wish.since {
        Some(since) => store.account_data_changes(user_id, since.pos, reader.head).await,
        None => store.all_account_data(user_id).await,
    };
    Ok(shown(&reader.server, user_id, stored?, wish.since.is_none()))
}

/// An account data event. Deleted data is told as empty content (MSC3391).
pub(crate) fn account_data_event(data: &AccountData) -> String {
    let mut out = String::from("{\"content\":");
    out.push_str(data.content.as_deref().unwrap_or("{}"));
    out.push_str(",\"type\":");
    write_json_string(&mut out, &data.kind);
    out.push('}');
    out
}
