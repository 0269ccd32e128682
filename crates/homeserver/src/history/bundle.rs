// SPDX-License-Identifier: Apache-2.0
//! What is bundled with events: their latest edits, threads and references.
//!
//! <https://spec.matrix.org/v1.19/client-server-api/#aggregations-of-child-events>

use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering},
};

use estafette_core::{
    ids::{EventId, RoomId},
    json::write_json_string,
    relations::{Bundle, REFERENCE, REPLACE, Related, THREAD, aggregate},
};
use estafette_store::{RoomStore as _, StoreResult, rooms::EventFlags};

use super::{Reader, Visible, from_stored, visible, write};
use crate::{Shared, rooms::TimelineEvent, sync::writer::ObjectWriter};

/// The children of some events, as far as the reader may see them.
type Children = HashMap<EventId, Vec<Visible>>;

/// The rendered `m.relations` of each event, in the order of `events`.
pub async fn bundles(
    server: &Shared,
    reader: &Reader,
    room_id: &RoomId,
    events: &[Visible],
) -> StoreResult<Vec<Option<String>>> {
    let children = children(server, reader, room_id, events).await?;
    if children.is_empty() {
        return Ok(vec![None; events.len()]);
    }
    // The last event of a thread carries its own bundle, in which no further thread can be.
    let in_threads: Vec<Visible> = children.values().flatten().filter(in_thread).cloned().collect();
    let grandchildren = self::children(server, reader, room_id, &in_threads).await?;
    let now_ms = server.now_ms();
    let plain = |child: &Visible| {
        let mut out = String::new();
        let relations = bundle(reader, child, &grandchildren, &|grandchild| {
            let mut out = String::new();
            write(&mut out, reader, now_ms, grandchild, None);
            out
        });
        write(&mut out, reader, now_ms, child, relations.as_deref());
        out
    };
    Ok(events.iter().map(|event| bundle(reader, event, &children, &plain)).collect())
}

fn in_thread(child: &&Visible) -> bool {
    child.event.flags.has(EventFlags::IN_THREAD)
}

async fn children(
    server: &Shared,
    reader: &Reader,
    room_id: &RoomId,
    events: &[Visible],
) -> StoreResult<Children> {
    let parents: Vec<EventId> = events
        .iter()
        .map(|visible| &visible.event)
        .filter(|event| event.event.state_key().is_none())
        .filter(|event| event.may_have_children.load(Ordering::Acquire))
        .map(|event| event.event.event_id().clone())
        .collect();
    let found = server.store.relations_of(&parents).await?;
    let mut parent_of: HashMap<EventId, EventId> = HashMap::with_capacity(found.len());
    let mut stored = Vec::with_capacity(found.len());
    for (parent, rel_type, child) in found {
        if matches!(rel_type.as_str(), REPLACE | THREAD | REFERENCE) {
            parent_of.insert(child.event.event_id().clone(), parent);
            stored.push(child);
        }
    }
    let in_room = from_stored(stored).into_iter().filter(|event| event.event.room_id() == room_id);
    let seen = visible(server, &reader.user_id, room_id, in_room.collect()).await?;
    let mut children = Children::new();
    for child in seen {
        if let Some(parent) = parent_of.get(child.event.event.event_id()) {
            children.entry(parent.clone()).or_default().push(child);
        }
    }
    Ok(children)
}

fn bundle(
    reader: &Reader,
    parent: &Visible,
    children: &Children,
    render: &dyn Fn(&Visible) -> String,
) -> Option<String> {
    let children = children.get(parent.event.event.event_id())?;
    let by_id: HashMap<&str, &Visible> =
        children.iter().map(|child| (child.event.event.event_id().as_str(), child)).collect();
    let related_children = children.iter().map(|child| related(&child.event));
    let bundle =
        aggregate(&related(&parent.event), related_children, reader.user_id.as_str(), |_| true);
    let form = |of: &Related<'_>| by_id.get(of.event_id).map(|child| render(child));
    write_bundle(&bundle, &form)
}

fn write_bundle(
    bundle: &Bundle<'_>,
    form: &dyn Fn(&Related<'_>) -> Option<String>,
) -> Option<String> {
    let mut out = String::new();
    let mut relations = ObjectWriter::open(&mut out);
    let mut any = false;
    if !bundle.references.is_empty() {
        any = true;
        let mut reference = relations.object(REFERENCE);
        let list = reference.key("chunk");
        crate::sync::writer::array(
            list,
            bundle.references.iter().map(|id| {
                let mut item = String::from("{\"event_id\":");
                write_json_string(&mut item, id);
                item.push('}');
                item
            }),
        );
        reference.close();
    }
    if let Some(edit) = bundle.latest_edit.as_ref().and_then(form) {
        any = true;
        relations.raw(REPLACE, &edit);
    }
    if let Some(thread) = &bundle.thread
        && let Some(latest) = form(&thread.latest_event)
    {
        any = true;
        let mut summary = relations.object(THREAD);
        summary.display("count", thread.count);
        summary.display("current_user_participated", thread.current_user_participated);
        summary.raw("latest_event", &latest);
        summary.close();
    }
    relations.close();
    any.then_some(out)
}

fn related(event: &Arc<TimelineEvent>) -> Related<'_> {
    let of = &event.event;
    Related {
        event_id: of.event_id().as_str(),
        room_id: of.room_id().as_str(),
        sender: of.sender().as_str(),
        kind: of.kind(),
        is_state: of.state_key().is_some(),
        redacted: event.redacted_because.is_some() || event.flags.has(EventFlags::REDACTED),
        origin_server_ts: of.origin_server_ts(),
        position: event.pos().0.cast_signed(),
        content: of.content(),
    }
}
