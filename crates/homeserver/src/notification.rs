// SPDX-License-Identifier: Apache-2.0
//! What an event means to those who were not looking: whether it notifies, whom it highlights,
//! what it relates to. Worked out once per event, by the default rules; nothing per member.

use estafette_core::{
    event::Event,
    ids::{EventId, UserId},
    json::{Object, Strictness, Value, parse},
    limits::MENTIONS_MAX,
    push_rules::{Effect, PushEvent, Recipient, RoomFacts, RuleSet},
    relations,
    room::RoomView,
};
use estafette_store::rooms::EventFlags;

use crate::{Server, rooms::Snapshot};

/// What is stored beside an event for counts and relations.
pub(crate) struct EventFacts {
    pub(crate) flags: EventFlags,
    pub(crate) relation: Option<(EventId, String)>,
    pub(crate) highlights: Vec<UserId>,
}

/// Works out an event's facts in its room.
pub(crate) fn facts(server: &Server, view: &RoomView, event: &Event) -> EventFacts {
    // Parsed for the moment: most events' content is never asked for again.
    let content = match parse(event.content_json().as_bytes(), Strictness::Tolerant) {
        Ok(Value::Object(content)) => content,
        _ => Object::new(),
    };
    let relation = relations::relation(&content);
    let mut flags = EventFlags::default();
    match relation.map(|relation| relation.rel_type) {
        Some("m.replace") => flags = flags | EventFlags::EDIT,
        Some("m.thread") => flags = flags | EventFlags::IN_THREAD,
        _ => {}
    }
    let push_event = PushEvent::new(
        event.event_id().as_str(),
        event.room_id().as_str(),
        event.sender().as_str(),
        event.kind(),
        event.state_key(),
        &content,
    );
    let verdict = server.default_rules.evaluate(
        &push_event,
        &RoomFacts {
            joined_members: u64::try_from(view.joined_count()).unwrap_or(u64::MAX),
            sender_may_notify: &|key| sender_may_notify(view, event, key),
        },
    );
    let rest = verdict.for_user(&Recipient { user_id: "", display_name: None });
    if rest.notify {
        flags = flags | EventFlags::NOTIFIES;
    }
    if rest.highlight {
        flags = flags | EventFlags::HIGHLIGHTS;
    }
    let highlights = mentioned(&content)
        .filter(|user| user.server_name() == server.server_name.as_str())
        .filter(|user| view.is_joined(user))
        .filter(|user| {
            let recipient = Recipient { user_id: user.as_str(), display_name: None };
            !rest.highlight && verdict.for_user(&recipient).highlight
        })
        .collect();
    let relation = relation.and_then(|relation| {
        Some((EventId::parse(relation.event_id).ok()?, relation.rel_type.to_owned()))
    });
    EventFacts { flags, relation, highlights }
}

/// Whether an event notifies and highlights a user whose rules differ from the default ones.
pub(crate) fn by_rules(
    rules: &RuleSet,
    snapshot: &Snapshot,
    event: &Event,
    user_id: &UserId,
) -> (bool, bool) {
    let effect = effect(rules, snapshot, event, user_id);
    (effect.notify, effect.highlight)
}

/// What an event does to a user who has these rules.
pub(crate) fn effect(
    rules: &RuleSet,
    snapshot: &Snapshot,
    event: &Event,
    user_id: &UserId,
) -> Effect {
    let view = &snapshot.view;
    let push_event = PushEvent::new(
        event.event_id().as_str(),
        event.room_id().as_str(),
        event.sender().as_str(),
        event.kind(),
        event.state_key(),
        event.content(),
    );
    let verdict = rules.evaluate(
        &push_event,
        &RoomFacts {
            joined_members: u64::try_from(view.joined_count()).unwrap_or(u64::MAX),
            sender_may_notify: &|key| sender_may_notify(view, event, key),
        },
    );
    let display_name = view
        .state_event("m.room.member", user_id.as_str())
        .and_then(|member| member.content().get("displayname")?.as_str());
    verdict.for_user(&Recipient { user_id: user_id.as_str(), display_name }).clone()
}

/// The root of the thread that an event is in.
pub(crate) fn thread_root(event: &Event) -> Option<EventId> {
    // Most events relate to nothing: a look at the bytes spares reading their content.
    if !event.content_json().contains("m.thread") {
        return None;
    }
    let relation = relations::relation(event.content())?;
    if relation.rel_type == "m.thread" { EventId::parse(relation.event_id).ok() } else { None }
}

/// Whether the sender's level allows to notify by this key of `notifications`.
pub(crate) fn sender_may_notify(view: &RoomView, event: &Event, key: &str) -> bool {
    let levels = view.power_levels();
    levels.user(event.sender()) >= levels.notification(key)
}

/// The users of `m.mentions` (Client-Server API, "User and room mentions").
fn mentioned(content: &Object) -> impl Iterator<Item = UserId> {
    let mentions = content.get("m.mentions").and_then(Value::as_object);
    let users = mentions.and_then(|mentions| mentions.get("user_ids")).and_then(Value::as_array);
    users
        .into_iter()
        .flatten()
        .take(MENTIONS_MAX)
        .filter_map(|user| UserId::parse(user.as_str()?).ok())
        .collect::<Vec<_>>()
        .into_iter()
}
