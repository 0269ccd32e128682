// SPDX-License-Identifier: Apache-2.0
//! Who is told of an event, and how: push rules, once per distinct rule set.

use std::collections::HashMap;

use estafette_core::{
    event::Membership,
    ids::UserId,
    push_rules::{PushEvent, Recipient, RoomFacts, RuleSetHash, Verdict},
};

use estafette_store::{RoomStore as _, StoreResult};

use super::{Found, user::PushUser};
use crate::{Shared, notification::sender_may_notify, rooms::Snapshot};

/// Each user to be told, with the tweaks as JSON text and whether it is urgent.
pub(super) fn told(
    server: &Shared,
    users: &HashMap<UserId, PushUser>,
    snapshot: &Snapshot,
    found: &Found<'_>,
) -> Vec<(UserId, String, bool)> {
    let (view, event) = (&snapshot.view, found.event);
    let mut candidates = candidates(users, snapshot, found);
    let now_ms = server.now_ms();
    candidates.retain(|(_, user)| !user.is_expired(now_ms));
    if candidates.is_empty() {
        return Vec::new();
    }
    let push_event = PushEvent::new(
        event.event_id().as_str(),
        event.room_id().as_str(),
        event.sender().as_str(),
        event.kind(),
        event.state_key(),
        event.content(),
    );
    let room = RoomFacts {
        joined_members: u64::try_from(view.joined_count()).unwrap_or(u64::MAX),
        sender_may_notify: &|key| sender_may_notify(view, event, key),
    };
    let mut verdicts: HashMap<RuleSetHash, Verdict<'_>> = HashMap::new();
    let mut told = Vec::new();
    for (user_id, user) in candidates {
        let verdict = verdicts
            .entry(user.rules_hash)
            .or_insert_with(|| user.rules.evaluate(&push_event, &room));
        let display_name = view
            .state_event("m.room.member", user_id.as_str())
            .and_then(|member| member.content().get("displayname")?.as_str());
        let effect = verdict.for_user(&Recipient { user_id: user_id.as_str(), display_name });
        if effect.notify {
            let urgent =
                effect.highlight || effect.sound.is_some() || event.kind() == "m.room.encrypted";
            let tweaks = effect.tweaks.iter();
            let tweaks: Vec<String> = tweaks
                .map(|(name, value)| {
                    format!("{}:{}", serde_json::Value::from(name.as_str()), value)
                })
                .collect();
            told.push((user_id.clone(), format!("{{{}}}", tweaks.join(",")), urgent));
        }
    }
    told
}

/// Whether somebody who is in the room came in only after the event.
pub(super) async fn came_later(
    server: &Shared,
    user_id: &UserId,
    snapshot: &Snapshot,
    found: &Found<'_>,
) -> StoreResult<bool> {
    if snapshot.last_pos() <= found.pos {
        return Ok(false);
    }
    let room_id = found.event.room_id();
    if let Some(own) = server.notifier.hot(user_id).and_then(|hot| hot.room(room_id)) {
        return Ok(own.membership == Membership::Join && own.joined_at > found.pos);
    }
    // As after a restart, when nobody has synced yet.
    let rooms = server.store.rooms_of(user_id).await?;
    let own = rooms.iter().find(|own| own.room_id == *room_id && own.membership == "join");
    Ok(own.is_some_and(|own| own.joined_at > found.pos))
}

/// Those with pushers who are in the room, or whom the event invites.
fn candidates<'u>(
    users: &'u HashMap<UserId, PushUser>,
    snapshot: &Snapshot,
    found: &Found<'_>,
) -> Vec<(&'u UserId, &'u PushUser)> {
    let (view, event) = (&snapshot.view, found.event);
    let wants = |user_id: &UserId, user: &PushUser| {
        user_id != event.sender() && !user.ignores(event.sender())
    };
    let mut candidates: Vec<_> = if view.joined_count() < users.len() {
        view.state()
            .iter_kind_unordered("m.room.member")
            .filter(|member| member.membership() == Some(Membership::Join))
            .filter_map(|member| UserId::parse(member.state_key()?).ok())
            .filter_map(|user_id| users.get_key_value(&user_id))
            .filter(|(user_id, user)| wants(user_id, user))
            .collect()
    } else {
        users
            .iter()
            .filter(|(user_id, user)| view.is_joined(user_id) && wants(user_id, user))
            .collect()
    };
    if event.membership() == Some(Membership::Invite)
        && let Some(invited) = event.state_key().and_then(|user| UserId::parse(user).ok())
        && !view.is_joined(&invited)
        && let Some((user_id, user)) = users.get_key_value(&invited)
        && wants(user_id, user)
    {
        candidates.push((user_id, user));
    }
    candidates
}
