// SPDX-License-Identifier: Apache-2.0
//! What a user may see of a room's past: the one place that turns events of a timeline into what
//! is told to a reader.
//!
//! Every way to an event goes through [`visible`]: sync, pages, context, search, relations,
//! threads, single events. The rules are those of `estafette_core::visibility`.

mod bundle;

use std::{collections::HashSet, sync::Arc};

use estafette_core::{
    event::Membership,
    ids::{EventId, RoomId, UserId},
    limits::HISTORIES_PER_USER_MAX,
    visibility::{
        Answer, HistoryVisibility, MemberHistory, Point, RoomHistory, Standing, Subject, for_user,
    },
};
use estafette_store::{
    AccountDataStore as _, AccountStore as _, Position, RoomStore as _, StoreResult,
    rooms::{EventFlags, StoredEvent},
    sqlite::Look,
};

pub use self::bundle::bundles;
use crate::{
    Server, Shared,
    auth::Requester,
    guests,
    notify::HotUser,
    render::{self, Unsigned},
    rooms::TimelineEvent,
};

/// An event that its reader may see.
#[derive(Clone)]
pub struct Visible {
    /// The event.
    pub event: Arc<TimelineEvent>,
    /// The reader's membership at the event (`unsigned.membership`, MSC4115).
    pub membership: &'static str,
}

/// Who reads.
#[derive(Debug, Clone)]
pub struct Reader {
    /// The user.
    pub user_id: UserId,
    /// The device's number: it alone is told the transaction ids of its own events.
    pub device_nid: Option<i64>,
}

impl Reader {
    /// The sender of a request as a reader.
    pub fn of(requester: &Requester) -> Self {
        Self {
            user_id: requester.user_id.clone(),
            device_nid: requester.device.as_ref().map(|device| device.nid),
        }
    }
}

/// Of `events`, all of one room, those that the user may see, in the order given.
pub async fn visible(
    server: &Shared,
    user_id: &UserId,
    room_id: &RoomId,
    events: Vec<Arc<TimelineEvent>>,
) -> StoreResult<Vec<Visible>> {
    if events.is_empty() {
        return Ok(Vec::new());
    }
    let user = server.notifier.user(&server.store, user_id).await?;
    let ignored = ignored_users(server, &user).await?;
    let stay =
        user.room(room_id).filter(|own| own.membership == Membership::Join && own.joined_at.0 > 0);
    // Whoever was there all the time sees it all: nothing needs to be asked.
    let there = stay.is_some_and(|own| events.iter().all(|event| event.pos() >= own.joined_at));
    let histories = if there { None } else { Some(histories(server, &user, room_id).await?) };
    // Whoever was there sees what the erased said then.
    let erased = if there { Arc::default() } else { erased_users(server).await? };
    let world = histories.as_ref().is_some_and(|known| known.room.was_world_readable());
    let guest = world && guests::is_guest(server, user_id).await?;
    let point = |event: &TimelineEvent| match &histories {
        None => PRESENT,
        Some(known) => {
            let point = known.member.point(&known.room, event.pos().0.cast_signed());
            if guest { point.for_guest() } else { point }
        }
    };
    let answer = |event: Arc<TimelineEvent>| {
        let point = point(&event);
        let subject = subject(user_id, (&ignored, &erased), &event);
        let event = match for_user(&subject, &point) {
            Answer::Visible => event,
            Answer::Redacted => Arc::new(event.without_content()?),
            Answer::Hidden => return None,
        };
        Some(Visible { event, membership: point.unsigned_membership() })
    };
    Ok(events.into_iter().filter_map(answer).collect())
}

/// What holds for somebody who is in the room at an event and after it.
const PRESENT: Point = {
    let joined = Standing { visibility: HistoryVisibility::Joined, membership: Membership::Join };
    Point { before: joined, after: joined, joined_later: false }
};

fn subject(
    user_id: &UserId,
    (ignored, erased): (&HashSet<UserId>, &HashSet<UserId>),
    event: &TimelineEvent,
) -> Subject {
    let sender = event.event.sender();
    Subject {
        is_state: event.event.state_key().is_some(),
        rejected: event.flags.has(EventFlags::REJECTED),
        soft_failed: event.flags.has(EventFlags::SOFT_FAILED),
        is_own: sender == user_id,
        sender_ignored: ignored.contains(sender),
        sender_erased: erased.contains(sender),
    }
}

/// How a room's visibility and a user's membership of it changed over time.
#[derive(Debug)]
pub(crate) struct Histories {
    room: RoomHistory,
    member: MemberHistory,
    last: Option<LastChange>,
}

/// The last change of either: as long as it is the last one, [`Histories`] are complete.
#[derive(Debug, Clone, PartialEq, Eq)]
struct LastChange {
    visibility: Option<EventId>,
    membership: Position,
}

impl LastChange {
    /// As memory has it now; `None` where it has not.
    fn now(server: &Server, user: &HotUser, room_id: &RoomId) -> Option<Self> {
        let (own, room) = (user.room(room_id)?, server.rooms.published(room_id)?);
        let visibility = room.view.state_event("m.room.history_visibility", "");
        Some(Self {
            visibility: visibility.map(|event| event.event_id().clone()),
            membership: own.pos,
        })
    }
}

impl Histories {
    /// `last` was looked up before this reads.
    fn read(
        look: &Look<'_>,
        user_id: &UserId,
        room_id: &RoomId,
        last: Option<LastChange>,
    ) -> StoreResult<Self> {
        let keys = [
            ("m.room.history_visibility".to_owned(), String::new()),
            ("m.room.member".to_owned(), user_id.as_str().to_owned()),
        ];
        let mut found = look.state_history(room_id, &keys)?.into_iter();
        let visibilities = found.next().unwrap_or_default();
        let memberships = found.next().unwrap_or_default();
        let room = RoomHistory::new(visibilities.iter().map(|(pos, event)| {
            let word = event.content().get("history_visibility").and_then(|word| word.as_str());
            (pos.0.cast_signed(), HistoryVisibility::parse(word))
        }));
        let member = MemberHistory::new(memberships.iter().map(|(pos, event)| {
            let membership = event.membership();
            (pos.0.cast_signed(), membership.unwrap_or(Membership::Leave))
        }));
        Ok(Self { room, member, last })
    }
}

fn known_histories(server: &Server, user: &HotUser, room_id: &RoomId) -> Option<Arc<Histories>> {
    let known = user.histories.lock().get(room_id).cloned()?;
    let last = LastChange::now(server, user, room_id);
    (last.is_some() && known.last == last).then_some(known)
}

async fn histories(
    server: &Shared,
    user: &Arc<HotUser>,
    room_id: &RoomId,
) -> StoreResult<Arc<Histories>> {
    if let Some(known) = known_histories(server, user, room_id) {
        return Ok(known);
    }
    let last = LastChange::now(server, user, room_id);
    let (user_id, of) = (user.user_id.clone(), room_id.clone());
    let read = server.store.look(move |look| Histories::read(look, &user_id, &of, last));
    let read = Arc::new(read.await?);
    keep_histories(user, [(room_id.clone(), Arc::clone(&read))]);
    Ok(read)
}

/// Reads in one visit to the store what [`visible`] will ask for in `rooms`.
pub(crate) async fn prepare(
    server: &Shared,
    user: &Arc<HotUser>,
    rooms: impl IntoIterator<Item = &RoomId>,
) -> StoreResult<()> {
    let unknown = rooms.into_iter().filter(|of| known_histories(server, user, of).is_none());
    let questions: Vec<_> =
        unknown.map(|of| (of.clone(), LastChange::now(server, user, of))).collect();
    if questions.is_empty() {
        return Ok(());
    }
    let user_id = user.user_id.clone();
    let read = server.store.look(move |look| {
        let of_room = |(room_id, last): (RoomId, Option<LastChange>)| {
            let histories = Histories::read(look, &user_id, &room_id, last)?;
            Ok((room_id, Arc::new(histories)))
        };
        questions.into_iter().map(of_room).collect::<StoreResult<Vec<_>>>()
    });
    keep_histories(user, read.await?);
    Ok(())
}

fn keep_histories(user: &HotUser, read: impl IntoIterator<Item = (RoomId, Arc<Histories>)>) {
    let mut known = user.histories.lock();
    for (room_id, histories) in read.into_iter().filter(|(_, of)| of.last.is_some()) {
        if known.len() >= HISTORIES_PER_USER_MAX {
            known.clear();
        }
        known.insert(room_id, histories);
    }
}

/// Whom the user ignores (Client-Server API, "Ignoring Users"): kept in memory until the account
/// data changes.
pub async fn ignored_users(
    server: &Shared,
    user: &Arc<HotUser>,
) -> StoreResult<Arc<HashSet<UserId>>> {
    let ticket = match user.ignored.get() {
        Ok(known) => return Ok(known),
        Err(ticket) => ticket,
    };
    let data = server.store.account_data(&user.user_id, None, "m.ignored_user_list").await?;
    let content = data.and_then(|data| data.content);
    let content = content.and_then(|json| serde_json::from_str::<serde_json::Value>(&json).ok());
    let users = content.as_ref().and_then(|content| content.get("ignored_users")?.as_object());
    let users: HashSet<UserId> = users
        .into_iter()
        .flat_map(|users| users.keys())
        .filter_map(|user| UserId::parse(user).ok())
        .collect();
    let users = Arc::new(users);
    user.ignored.set(ticket, Arc::clone(&users));
    Ok(users)
}

/// Everybody who asked that their content be erased (Client-Server API, `/account/deactivate`):
/// kept in memory until somebody joins them.
async fn erased_users(server: &Shared) -> StoreResult<Arc<HashSet<UserId>>> {
    let ticket = match server.erased.get() {
        Ok(known) => return Ok(known),
        Err(ticket) => ticket,
    };
    let erased: HashSet<UserId> = server.store.erased_users().await?.into_iter().collect();
    let erased = Arc::new(erased);
    server.erased.set(ticket, Arc::clone(&erased));
    Ok(erased)
}

/// One event of a room, if the user may see it; one of another room does not exist here.
pub async fn event(
    server: &Shared,
    user_id: &UserId,
    room_id: &RoomId,
    event_id: &EventId,
) -> StoreResult<Option<Visible>> {
    let found = server.store.event(event_id).await?;
    let Some((_, stored)) = found.filter(|(of, _)| of == room_id) else { return Ok(None) };
    Ok(visible(server, user_id, room_id, from_stored([stored])).await?.pop())
}

/// Stored events as events of a timeline.
pub fn from_stored(events: impl IntoIterator<Item = StoredEvent>) -> Vec<Arc<TimelineEvent>> {
    events.into_iter().map(|event| Arc::new(TimelineEvent::from_stored(event))).collect()
}

/// The client's form of events of one room, each with its `unsigned` and what is bundled with it.
pub async fn render(
    server: &Shared,
    reader: &Reader,
    room_id: &RoomId,
    events: &[Visible],
) -> StoreResult<Vec<String>> {
    let bundles = bundles(server, reader, room_id, events).await?;
    let rendered = events.iter().zip(bundles).map(|(event, relations)| {
        let mut out = String::with_capacity(event.event.rendered().len() + 96);
        write(&mut out, reader, server.now_ms(), event, relations.as_deref());
        out
    });
    Ok(rendered.collect())
}

/// Appends the client's form of one event.
pub fn write(
    out: &mut String,
    reader: &Reader,
    now_ms: i64,
    visible: &Visible,
    relations: Option<&str>,
) {
    let event = &visible.event;
    let transaction_id = match (&event.txn, reader.device_nid) {
        (Some((nid, txn_id)), Some(own)) if *nid == own => Some(&**txn_id),
        _ => None,
    };
    let unsigned = Unsigned {
        transaction_id,
        membership: Some(visible.membership),
        age_ms: Some(now_ms.saturating_sub(event.event.origin_server_ts())),
        relations,
    };
    render::timeline_event(out, event, unsigned);
}
