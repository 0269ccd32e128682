// SPDX-License-Identifier: Apache-2.0
//! History visibility: may this user, or this server, see this event? The only answer to that
//! question.
//!
//! The answer depends on what held at the event: the room's history visibility and the reader's
//! membership, just before the event and just after it ([`Standing`]), and on whether the reader
//! joined later ([`Point`]). [`RoomHistory`] and [`MemberHistory`] give the points of a whole
//! page of events. Time and position claimed by other servers play no part.
//!
//! Source: <https://spec.matrix.org/v1.19/client-server-api/#room-history-visibility>.

#[cfg(test)]
mod tests;

use std::cmp::Ordering;

use crate::{
    event::{Event, Membership},
    json::Value,
};

/// Who may see the events of a room, from `m.room.history_visibility`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HistoryVisibility {
    /// Everybody.
    WorldReadable,
    /// Members, from the first event of the room.
    #[default]
    Shared,
    /// Members, from the moment of their invitation.
    Invited,
    /// Members, from the moment they joined.
    Joined,
}

impl HistoryVisibility {
    /// Reads `history_visibility` of the event's content. Absent or not understood means
    /// [`Self::Shared`], as the specification says.
    #[must_use]
    pub fn parse(text: Option<&str>) -> Self {
        match text {
            Some("world_readable") => Self::WorldReadable,
            Some("invited") => Self::Invited,
            Some("joined") => Self::Joined,
            _ => Self::Shared,
        }
    }

    /// The visibility that an `m.room.history_visibility` event sets, or that of a room that has
    /// none.
    #[must_use]
    pub fn of(event: Option<&Event>) -> Self {
        let value = event.and_then(|event| event.content().get("history_visibility"));
        Self::parse(value.and_then(Value::as_str))
    }
}

/// Which of two memberships lets their holder see more. For a server the strongest one of its
/// users counts.
#[must_use]
pub fn stronger(one: Membership, other: Membership) -> Membership {
    let strength = |membership| match membership {
        Membership::Join => 2,
        Membership::Invite => 1,
        Membership::Knock | Membership::Leave | Membership::Ban => 0,
    };
    match strength(one).cmp(&strength(other)) {
        Ordering::Less => other,
        Ordering::Equal | Ordering::Greater => one,
    }
}

/// What bears on visibility at one side of an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// The room's history visibility.
    pub visibility: HistoryVisibility,
    /// The reader's membership; for a server the strongest one of its users.
    pub membership: Membership,
}

/// What held for one reader around one event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Point {
    /// In the state before the event.
    pub before: Standing,
    /// In the state after the event. Differs from `before` only for an
    /// `m.room.history_visibility` event and for the reader's own `m.room.member` event.
    pub after: Standing,
    /// Whether the reader, or a user of the reading server, joined at any point after the event.
    pub joined_later: bool,
}

impl Point {
    /// The value of `unsigned.membership`: the reader's membership at the event, the change made
    /// by the event included.
    ///
    /// Source: MSC4115; <https://spec.matrix.org/v1.19/client-server-api/#room-event-format>.
    #[must_use]
    pub fn unsigned_membership(&self) -> &'static str {
        self.after.membership.as_str()
    }

    /// The same for somebody to whom what is open to the world is not: a guest of this server
    /// ([`guests`](crate::guests)). It is as if the history were shared with members.
    #[must_use]
    pub fn for_guest(mut self) -> Self {
        for standing in [&mut self.before, &mut self.after] {
            if standing.visibility == HistoryVisibility::WorldReadable {
                standing.visibility = HistoryVisibility::Shared;
            }
        }
        self
    }

    /// Whether history visibility allows the reader to see the event.
    fn allows(&self) -> bool {
        [self.before, self.after].iter().any(|standing| standing.allows(self.joined_later))
    }
}

impl Standing {
    /// The five rules of the specification, with their numbers.
    ///
    /// Source: <https://spec.matrix.org/v1.19/client-server-api/#server-behaviour-5>.
    fn allows(&self, joined_later: bool) -> bool {
        match (self.visibility, self.membership) {
            // 1.
            (HistoryVisibility::WorldReadable, _) => true,
            // 2.
            (_, Membership::Join) => true,
            // 3.
            (HistoryVisibility::Shared, _) => joined_later,
            // 4.
            (HistoryVisibility::Invited, Membership::Invite) => true,
            // 5.
            (HistoryVisibility::Invited | HistoryVisibility::Joined, _) => false,
        }
    }
}

/// What bears on visibility in the event itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    /// The event has a `state_key`.
    pub is_state: bool,
    /// The event was rejected: never shown to anybody.
    pub rejected: bool,
    /// The event was soft-failed: not shown to users, but served to other servers.
    pub soft_failed: bool,
    /// The reader sent the event.
    pub is_own: bool,
    /// The reader ignores the sender.
    pub sender_ignored: bool,
    /// The sender has been erased on request.
    pub sender_erased: bool,
}

/// The answer to "may the reader see this event?".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Answer {
    /// Not at all, and not that it exists either.
    Hidden,
    /// Only redacted: the sender was erased and the reader was not there at the time.
    Redacted,
    /// Whole.
    Visible,
}

/// Whether a user may see an event in a timeline, by whatever way: sync, messages, context,
/// search, relations, threads, push.
///
/// State events are shown even when their sender is ignored, one's own events always.
/// Sources: history visibility as above; rejected and soft-failed events
/// <https://spec.matrix.org/v1.19/server-server-api/#checks-performed-on-receipt-of-a-pdu>;
/// ignored users <https://spec.matrix.org/v1.19/client-server-api/#ignoring-users>.
pub fn for_user(subject: &Subject, point: &Point) -> Answer {
    if subject.rejected || subject.soft_failed || !point.allows() {
        return Answer::Hidden;
    }
    if subject.sender_ignored && !subject.is_state && !subject.is_own {
        return Answer::Hidden;
    }
    erased_or_visible(subject, point)
}

/// Whether a server may be given an event. `point` speaks of the strongest membership of the
/// server's users. That the server takes part in the room, that the event is of the room, and
/// that the server ACL allows it, are questions of their own.
///
/// Soft-failed events are served to servers as usual, rejected ones never.
/// Source: <https://spec.matrix.org/v1.19/server-server-api/#soft-failure>.
pub fn for_server(subject: &Subject, point: &Point) -> Answer {
    if subject.rejected || !point.allows() {
        return Answer::Hidden;
    }
    erased_or_visible(subject, point)
}

fn erased_or_visible(subject: &Subject, point: &Point) -> Answer {
    let was_there = [point.before, point.after].iter().any(|s| s.membership == Membership::Join);
    if subject.sender_erased && !subject.is_state && !was_there {
        return Answer::Redacted;
    }
    Answer::Visible
}

/// A value that changed at certain positions of a room's order of events.
///
/// A change at position `p` holds from the event at `p` on, which made it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Changes<T> {
    /// In ascending order of position, no two equal values in a row.
    changes: Vec<(i64, T)>,
}

impl<T: Copy + Default + PartialEq> Changes<T> {
    fn new(changes: impl IntoIterator<Item = (i64, T)>) -> Self {
        let mut all: Vec<(i64, T)> = changes.into_iter().collect();
        all.sort_by_key(|(position, _)| *position);
        // Of several changes at one position the last one given counts.
        let mut kept: Vec<(i64, T)> = Vec::with_capacity(all.len());
        for (position, value) in all {
            kept.pop_if(|(last, _)| *last == position);
            if kept.last().is_none_or(|(_, last)| *last != value) {
                kept.push((position, value));
            }
        }
        Self { changes: kept }
    }

    fn before(&self, position: i64) -> T {
        self.at_index(self.changes.partition_point(|(p, _)| *p < position))
    }

    fn after(&self, position: i64) -> T {
        self.at_index(self.changes.partition_point(|(p, _)| *p <= position))
    }

    fn at_index(&self, changes_before: usize) -> T {
        let last = changes_before.checked_sub(1).and_then(|last| self.changes.get(last));
        last.map_or_else(T::default, |(_, value)| *value)
    }
}

/// The history visibility of one room over the positions of its events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomHistory(Changes<HistoryVisibility>);

impl RoomHistory {
    /// From the `m.room.history_visibility` events of the room's state over time, each with the
    /// position of the event that made it so. Before the first it is [`HistoryVisibility::Shared`].
    #[must_use]
    pub fn new(changes: impl IntoIterator<Item = (i64, HistoryVisibility)>) -> Self {
        Self(Changes::new(changes))
    }

    /// Whether any of it was open to the world.
    #[must_use]
    pub fn was_world_readable(&self) -> bool {
        self.0.changes.iter().any(|(_, value)| *value == HistoryVisibility::WorldReadable)
    }
}

/// The membership of one user, or the strongest one of a server's users, over the positions of a
/// room's events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberHistory {
    memberships: Changes<Membership>,
    last_join: Option<i64>,
}

impl MemberHistory {
    /// From the user's `m.room.member` events in the room's state over time, each with the
    /// position of the event that made it so. Before the first it is [`Membership::Leave`].
    #[must_use]
    pub fn new(changes: impl IntoIterator<Item = (i64, Membership)>) -> Self {
        let memberships = Changes::new(changes);
        let joins = memberships.changes.iter().filter(|(_, m)| *m == Membership::Join);
        let last_join = joins.map(|(position, _)| *position).next_back();
        Self { memberships, last_join }
    }

    /// What held for this reader around the event at `position`.
    #[must_use]
    pub fn point(&self, room: &RoomHistory, position: i64) -> Point {
        Point {
            before: Standing {
                visibility: room.0.before(position),
                membership: self.memberships.before(position),
            },
            after: Standing {
                visibility: room.0.after(position),
                membership: self.memberships.after(position),
            },
            joined_later: self.last_join.is_some_and(|join| join > position),
        }
    }
}
