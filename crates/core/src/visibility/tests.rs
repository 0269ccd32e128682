// SPDX-License-Identifier: Apache-2.0
use proptest::prelude::*;

use super::{HistoryVisibility as V, *};
use crate::event::Membership as M;

const VISIBILITIES: [V; 4] = [V::WorldReadable, V::Shared, V::Invited, V::Joined];
const MEMBERSHIPS: [M; 5] = [M::Invite, M::Join, M::Knock, M::Leave, M::Ban];

/// An event that changes neither visibility nor the reader's membership.
fn plain(visibility: V, membership: M, joined_later: bool) -> Point {
    let standing = Standing { visibility, membership };
    Point { before: standing, after: standing, joined_later }
}

fn sees(point: Point) -> bool {
    for_user(&Subject::default(), &point) == Answer::Visible
}

// The table of the specification, every cell of it.
#[test]
fn the_five_rules() {
    for (visibility, membership, later, expected) in [
        (V::WorldReadable, [M::Invite, M::Join, M::Knock, M::Leave, M::Ban], false, [true; 5]),
        (V::Shared, MEMBERSHIPS, false, [false, true, false, false, false]),
        (V::Shared, MEMBERSHIPS, true, [true; 5]),
        (V::Invited, MEMBERSHIPS, false, [true, true, false, false, false]),
        (V::Invited, MEMBERSHIPS, true, [true, true, false, false, false]),
        (V::Joined, MEMBERSHIPS, false, [false, true, false, false, false]),
        (V::Joined, MEMBERSHIPS, true, [false, true, false, false, false]),
    ] {
        for (membership, expected) in membership.into_iter().zip(expected) {
            let point = plain(visibility, membership, later);
            assert_eq!(sees(point), expected, "{visibility:?} {membership:?} {later}");
        }
    }
}

// A user would not see that they were removed, or that the room was closed.
#[test]
fn own_membership_and_visibility_changes_are_seen_from_both_sides() {
    let check = |before: (V, M), after: (V, M), expected: bool| {
        let standing = |(visibility, membership)| Standing { visibility, membership };
        let (before, after) = (standing(before), standing(after));
        assert_eq!(sees(Point { before, after, joined_later: false }), expected);
    };
    check((V::Joined, M::Leave), (V::Joined, M::Join), true);
    check((V::Joined, M::Join), (V::Joined, M::Leave), true);
    check((V::Joined, M::Join), (V::Joined, M::Ban), true);
    check((V::Joined, M::Leave), (V::Joined, M::Invite), false);
    check((V::Invited, M::Leave), (V::Invited, M::Invite), true);
    check((V::Joined, M::Invite), (V::Joined, M::Leave), false);
    check((V::WorldReadable, M::Leave), (V::Joined, M::Leave), true);
    check((V::Joined, M::Leave), (V::WorldReadable, M::Leave), true);
    check((V::Shared, M::Leave), (V::Joined, M::Leave), false);
}

// A guest would read what only agents may look into.
#[test]
fn the_world_is_without_guests() {
    for (membership, later, expected) in [
        (M::Leave, false, false),
        (M::Invite, false, false),
        (M::Leave, true, true),
        (M::Join, false, true),
    ] {
        let point = plain(V::WorldReadable, membership, later).for_guest();
        assert_eq!(sees(point), expected, "{membership:?} {later}");
    }
    for visibility in [V::Shared, V::Invited, V::Joined] {
        let point = plain(visibility, M::Invite, false);
        assert_eq!(point.for_guest(), point);
    }
}

#[test]
fn what_is_not_understood_is_shared() {
    for (text, expected) in [
        (None, V::Shared),
        (Some("org.example"), V::Shared),
        (Some("shared"), V::Shared),
        (Some("world_readable"), V::WorldReadable),
        (Some("invited"), V::Invited),
        (Some("joined"), V::Joined),
    ] {
        assert_eq!(V::parse(text), expected);
    }
    for membership in MEMBERSHIPS {
        assert_eq!(M::parse(membership.as_str()), Some(membership));
    }
    assert_eq!(M::parse("Join"), None);
}

// Events that must never reach a client would, or other servers would lose part of the graph.
#[test]
fn rejected_and_soft_failed_events() {
    let joined = plain(V::Shared, M::Join, false);
    let rejected = Subject { rejected: true, ..Subject::default() };
    let soft_failed = Subject { soft_failed: true, ..Subject::default() };
    assert_eq!(for_user(&rejected, &joined), Answer::Hidden);
    assert_eq!(for_server(&rejected, &joined), Answer::Hidden);
    assert_eq!(for_user(&soft_failed, &joined), Answer::Hidden);
    assert_eq!(for_server(&soft_failed, &joined), Answer::Visible);
    let outside = plain(V::Joined, M::Leave, true);
    assert_eq!(for_server(&Subject::default(), &outside), Answer::Hidden);
}

// Ignoring somebody would not help, or would break the room's state.
#[test]
fn ignored_senders_keep_their_state_events() {
    let joined = plain(V::Shared, M::Join, false);
    let ignored = Subject { sender_ignored: true, ..Subject::default() };
    assert_eq!(for_user(&ignored, &joined), Answer::Hidden);
    assert_eq!(for_user(&Subject { is_state: true, ..ignored }, &joined), Answer::Visible);
    assert_eq!(for_user(&Subject { is_own: true, ..ignored }, &joined), Answer::Visible);
    assert_eq!(for_server(&ignored, &joined), Answer::Visible);
}

// Erasure would show everything to newcomers, or rewrite what others have already read.
#[test]
fn erased_senders_are_redacted_for_those_who_were_not_there() {
    let erased = Subject { sender_erased: true, ..Subject::default() };
    let newcomer = plain(V::Shared, M::Leave, true);
    let present = plain(V::Shared, M::Join, true);
    for answer in [for_user, for_server] {
        assert_eq!(answer(&erased, &newcomer), Answer::Redacted);
        assert_eq!(answer(&erased, &present), Answer::Visible);
        assert_eq!(answer(&Subject { is_state: true, ..erased }, &newcomer), Answer::Visible);
        assert_eq!(answer(&Subject::default(), &newcomer), Answer::Visible);
    }
    let joining = Point { after: present.after, ..newcomer };
    assert_eq!(for_user(&erased, &joining), Answer::Visible);
    let leaving = Point { before: present.before, ..newcomer };
    assert_eq!(for_user(&erased, &leaving), Answer::Visible);
}

#[test]
fn the_strongest_membership_of_a_server_counts() {
    for weak in [M::Knock, M::Leave, M::Ban] {
        assert_eq!(stronger(weak, M::Invite), M::Invite);
        assert_eq!(stronger(M::Invite, weak), M::Invite);
        assert_eq!(stronger(weak, M::Leave), weak);
    }
    assert_eq!(stronger(M::Invite, M::Join), M::Join);
    assert_eq!(stronger(M::Join, M::Invite), M::Join);
}

// MSC4115: a client would think that it cannot decrypt what it could not have received.
#[test]
fn unsigned_membership_includes_the_event_itself() {
    let history = MemberHistory::new([(3, M::Invite), (5, M::Join), (8, M::Leave)]);
    let room = RoomHistory::new([]);
    let at = |position| history.point(&room, position).unsigned_membership();
    assert_eq!(
        [2, 3, 4, 5, 7, 8, 9].map(at),
        ["leave", "invite", "invite", "join", "join", "leave", "leave"]
    );
}

#[test]
fn the_last_change_at_a_position_counts() {
    let history = MemberHistory::new([(5, M::Join), (3, M::Join), (3, M::Invite), (9, M::Join)]);
    let room = RoomHistory::new([]);
    assert_eq!(history.point(&room, 3).after.membership, M::Invite);
    assert_eq!(history.point(&room, 5).before.membership, M::Invite);
    assert_eq!(history.point(&room, 5).after.membership, M::Join);
    assert!(history.point(&room, 4).joined_later);
    // A change of the display name is not another joining.
    assert!(!history.point(&room, 5).joined_later);
    assert!(!MemberHistory::new([]).point(&room, 0).joined_later);
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Message,
    Visibility(V),
    Own(M),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => Just(Step::Message),
        1 => proptest::sample::select(&VISIBILITIES[..]).prop_map(Step::Visibility),
        1 => proptest::sample::select(&MEMBERSHIPS[..]).prop_map(Step::Own),
    ]
}

/// The specification read aloud: walk the room from its start, event by event, with the state
/// written down on the way.
fn reference(steps: &[Step], index: usize) -> bool {
    let mut visibility = "shared";
    let mut membership = "leave";
    for (at, step) in steps.iter().enumerate() {
        let before = (visibility, membership);
        match step {
            Step::Message => {}
            Step::Visibility(V::WorldReadable) => visibility = "world_readable",
            Step::Visibility(V::Shared) => visibility = "shared",
            Step::Visibility(V::Invited) => visibility = "invited",
            Step::Visibility(V::Joined) => visibility = "joined",
            Step::Own(own) => membership = own.as_str(),
        }
        if at != index {
            continue;
        }
        let joins_after = {
            let mut now = membership;
            let mut joins = false;
            for later in &steps[index + 1..] {
                if let Step::Own(own) = later {
                    joins |= now != "join" && *own == M::Join;
                    now = own.as_str();
                }
            }
            joins
        };
        let allowed = |(visibility, membership): (&str, &str)| {
            if visibility == "world_readable" {
                return true;
            }
            if membership == "join" {
                return true;
            }
            if visibility == "shared" && joins_after {
                return true;
            }
            membership == "invite" && visibility == "invited"
        };
        return match step {
            Step::Message => allowed((visibility, membership)),
            Step::Visibility(_) | Step::Own(_) => {
                allowed(before) || allowed((visibility, membership))
            }
        };
    }
    false
}

proptest! {
    // P9: exactly what a naive reading of the specification shows, no more and no less.
    #[test]
    fn equals_the_reference_model(steps in proptest::collection::vec(step(), 1..24)) {
        let position = |index: usize| i64::try_from(index).unwrap() - 7;
        let room = RoomHistory::new(steps.iter().enumerate().filter_map(|(at, step)| match step {
            Step::Visibility(visibility) => Some((position(at), *visibility)),
            _ => None,
        }));
        let member = MemberHistory::new(steps.iter().enumerate().filter_map(|(at, step)| {
            if let Step::Own(membership) = step { Some((position(at), *membership)) } else { None }
        }));
        for index in 0..steps.len() {
            let point = member.point(&room, position(index));
            prop_assert_eq!(sees(point), reference(&steps, index), "event {} of {:?}", index, steps);
        }
    }
}
