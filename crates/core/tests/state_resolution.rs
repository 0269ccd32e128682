// SPDX-License-Identifier: Apache-2.0
//! State resolution: published problems as room texts, and laws on rooms made by chance.

use std::{collections::BTreeMap, env, fs, path::Path};

use estafette_core::{
    ids::EventId,
    state::{NotLoaded, Resolver, graph::AuthNode},
    version::RoomVersion,
};

#[cfg(test)]
mod rooms;

use rooms::{Chance, Choices, Room, text::Text};

// State would be reset in ways that are published and exploited.
#[test]
fn published_problems_are_solved() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/state_resolution");
    let mut seen = 0;
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let room = Text::parse(&fs::read_to_string(&path).unwrap());
        let resolver = room.resolver();
        let mut states = room.states(&resolver);
        for _ in 0..states.len() {
            states.rotate_left(1);
            let resolved = resolver.resolve(&states).unwrap();
            assert_eq!(rooms::text::ids(&resolved), room.resolved, "{}", path.display());
        }
        seen += 1;
    }
    assert_eq!(seen, 19);
}

// P4, on rooms made by chance. `ESTAFETTE_SEED` and `ESTAFETTE_ROOMS` choose which.
#[test]
fn resolution_keeps_its_laws() {
    let number =
        |name, default| env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(default);
    let (first, rooms): (u64, u64) = (number("ESTAFETTE_SEED", 0), number("ESTAFETTE_ROOMS", 40));
    for seed in first..first + rooms {
        for version in ["1", "2", "6", "8", "10", "11", "12"] {
            let version = RoomVersion::parse(version).unwrap();
            println!("seed {seed}, version {version}");
            let mut chance = Chance(seed);
            let attempts = 20 + chance.below(50);
            Room::grow(version, attempts, &mut chance).check_laws(&mut chance);
        }
    }
}

// A large room could not be resolved without having every member in memory.
#[test]
fn what_is_not_loaded_is_asked_for() {
    let mut chance = Chance(7);
    let room = loop {
        let room = Room::grow(RoomVersion::V11, 60, &mut chance);
        if room.merges.iter().any(|states| states[0] != states[1]) {
            break room;
        }
    };
    let states = room.merges.iter().find(|states| states[0] != states[1]).unwrap();
    let mut light = Resolver::new(room.version);
    let missing = light.resolve(states).unwrap_err();
    assert!(matches!(missing, NotLoaded::Nodes(events) if !events.is_empty()));
    let mut by_id = BTreeMap::new();
    for event in &room.events {
        let auth = event.auth_events().iter().map(EventId::as_str);
        light.add_node(AuthNode::of(event).unwrap(), auth, false).unwrap();
        by_id.insert(event.event_id().clone(), event);
    }
    let expected = room.resolver().resolve(states).unwrap();
    let resolved = rooms::load_until(&mut light, &by_id, |light| light.resolve(states));
    assert_eq!(resolved, expected);
    // Sets hold no events, so more has to be asked for.
    let sets: Vec<_> = states.iter().map(|state| light.state_set(state).unwrap()).collect();
    let resolved = rooms::load_until(&mut light, &by_id, |light| light.resolve_sets(&sets));
    assert_eq!(resolved, light.state_set(&expected).unwrap());
}

#[test]
fn an_auth_event_comes_first() {
    let room = Room::grow(RoomVersion::V12, 5, &mut Chance(1));
    let mut resolver = Resolver::new(room.version);
    let last = room.events.last().unwrap();
    assert!(resolver.add(last, false).is_err());
    assert!(resolver.graph().is_empty());
    assert!(resolver.resolve(&[]).unwrap().is_empty());
}

// What the fuzzer once found would come back: its corpus, byte for byte.
#[test]
fn the_corpus_of_the_fuzzer_keeps_the_laws() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/state_resolution");
    let mut seen = 0;
    for file in fs::read_dir(folder).unwrap() {
        rooms::from_bytes(&fs::read(file.unwrap().path()).unwrap());
        seen += 1;
    }
    assert!(seen > 0);
}
