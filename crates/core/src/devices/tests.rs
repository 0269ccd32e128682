// SPDX-License-Identifier: Apache-2.0
//! Without these a client would encrypt to devices it should not, or miss one it should reach.

use super::{SharingFact::*, *};

fn user(name: &str) -> UserId {
    UserId::parse(&format!("@{name}:x.fr")).unwrap()
}

/// `facts` like `changed a, met b`; `shared` are the users who share an encrypted room at the end.
fn check(facts: &str, shared: &str, changed: &str, left: &str) {
    let facts = facts.split(", ").filter(|fact| !fact.is_empty()).map(|fact| {
        let (what, who) = fact.split_once(' ').unwrap();
        match what {
            "changed" => Changed(user(who)),
            "met" => Met(user(who)),
            "parted" => Parted(user(who)),
            _ => panic!("{what}"),
        }
    });
    let names = |text: &str| -> BTreeSet<_> { text.split_whitespace().map(user).collect() };
    let shared = names(shared);
    let lists = device_lists(&user("me"), facts, |user_id| shared.contains(user_id));
    assert_eq!(lists, DeviceLists { changed: names(changed), left: names(left) });
}

#[test]
fn a_change_is_seen_by_those_who_share_an_encrypted_room() {
    check("changed a", "a", "a", "");
    check("changed a", "", "", "");
    check("changed a, changed a, changed b", "a b", "a b", "");
}

#[test]
fn my_own_change_is_seen_without_any_room() {
    check("changed me", "", "me", "");
    check("met me, parted me", "", "", "");
}

#[test]
fn whoever_comes_is_changed_and_whoever_goes_is_left() {
    check("met a", "a", "a", "");
    check("parted a", "", "", "a");
}

#[test]
fn the_end_of_the_window_decides() {
    check("met a, parted a", "", "", "a");
    check("parted a, met a", "a", "a", "");
    check("changed a, parted a", "", "", "a");
    check("parted a, changed a", "", "", "a");
}

#[test]
fn the_last_shared_room_is_the_one_that_counts() {
    check("parted a", "a", "a", "");
}
