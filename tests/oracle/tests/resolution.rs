// SPDX-License-Identifier: Apache-2.0
//! Our state resolution beside ruma's and Synapse's, on rooms made by chance.
//!
//! `ESTAFETTE_SEED` sets the first seed, `ESTAFETTE_ROOMS` the number of rooms for each version.
//! Synapse takes part when it is installed, see [`estafette_oracle::synapse::PYTHON`].

use std::{collections::BTreeSet, env};

use estafette_oracle::{
    large::{forks, linear, many_members},
    ours::{Ours, Whole},
    rooms::{Room, Shape, State},
    ruma::Ruma,
    synapse::Synapse,
};

fn number(name: &str, default: u64) -> u64 {
    env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn ids(state: State) -> BTreeSet<String> {
    state.into_values().collect()
}

/// Resolves every merge of a room three ways; says how many there were.
fn compare(version: &str, seed: u64, shape: Shape, synapse: Option<&mut Synapse>) -> usize {
    let room = Room::by_chance(version, seed, shape);
    let ours = Ours::new(&room.events);
    let whole = Whole::new(version, &room.events);
    let mut ruma = Ruma::new(version);
    room.events.iter().for_each(|pdu| ruma.add(pdu));
    let mut answers: Vec<BTreeSet<String>> = Vec::new();
    for states in &room.merges {
        let resolved = ids(ours.resolve(&ruma, version, states));
        if version != "1" {
            let expected = ids(ruma.resolve(ruma.prepare(states)).unwrap());
            assert_eq!(resolved, expected, "ruma, version {version}, seed {seed}, {shape:?}");
        }
        let context = format!("our own rules, version {version}, seed {seed}, {shape:?}");
        assert_eq!(ids(whole.resolve(states)), resolved, "{context}");
        let backwards: Vec<State> = states.iter().rev().cloned().collect();
        assert_eq!(ids(whole.resolve(&backwards)), resolved, "backwards, {context}");
        answers.push(resolved);
    }
    if let Some(synapse) = synapse {
        synapse.begin(version);
        room.events.iter().for_each(|pdu| synapse.add(pdu));
        for (states, resolved) in room.merges.iter().zip(answers) {
            let expected = synapse.resolve(states).unwrap();
            assert_eq!(resolved, expected, "Synapse, version {version}, seed {seed}, {shape:?}");
        }
    }
    room.merges.len()
}

fn shape(seed: u64) -> Shape {
    let shapes = [(30, 15, 30), (60, 25, 20), (120, 8, 10), (25, 50, 60)];
    let (events, fork_percent, merge_percent) = shapes[(seed % 4) as usize];
    Shape { events, fork_percent, merge_percent }
}

fn synapse() -> Option<Synapse> {
    let synapse = Synapse::start();
    if synapse.is_none() {
        eprintln!("SKIPPED: Synapse is not installed, comparing with ruma alone");
    }
    synapse
}

// What came out differently once would do so again.
#[test]
fn kept_rooms_resolve_alike() {
    let mut synapse = synapse();
    let text = include_str!("../seeds/resolution.txt");
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (version, seed) = line.split_once(' ').unwrap();
        let seed = seed.parse().unwrap();
        compare(version, seed, shape(seed), synapse.as_mut());
    }
}

// Servers that resolve differently see different rooms. A failure names the version and the seed:
// they go into `seeds/resolution.txt`.
#[test]
fn random_rooms_resolve_alike_everywhere() {
    let mut synapse = synapse();
    let (first, rooms) = (number("ESTAFETTE_SEED", 0), number("ESTAFETTE_ROOMS", 170));
    for version in (1..=12).map(|number: u8| number.to_string()) {
        let version = version.as_str();
        let mut merges = 0;
        for seed in first..first + rooms {
            merges += compare(version, seed, shape(seed), synapse.as_mut());
        }
        eprintln!("version {version}: seeds {first}..{}, {merges} merges alike", first + rooms);
    }
}

// The measurements would compare different work.
#[test]
fn large_rooms_resolve_alike() {
    for room in [linear("11", 150), forks("11", 4, 150), many_members("11", 300, 40)] {
        let whole = Whole::new(&room.version, &room.events);
        let mut ruma = Ruma::new(&room.version);
        room.events.iter().for_each(|pdu| ruma.add(pdu));
        let expected = ruma.resolve(ruma.prepare(&room.states)).unwrap();
        assert_eq!(whole.resolve(&room.states), expected);
        let events: Vec<usize> = room.states.iter().map(State::len).collect();
        assert!(expected.len() <= events.iter().sum());
    }
}
