// SPDX-License-Identifier: Apache-2.0
//! State resolution of large rooms, ours and ruma's in the same run.
//!
//! `cargo bench` in this directory. Loading a room (parsing events, building the graph) is not
//! part of what is measured, on either side.

use divan::Bencher;
use estafette_core::state::StateMap;
use estafette_oracle::{
    large::{LargeRoom, forks, linear, many_members},
    ours::Whole,
    ruma::Ruma,
};

fn main() {
    divan::main();
}

fn ours(bencher: Bencher<'_, '_>, room: &LargeRoom) {
    let whole = Whole::new(&room.version, &room.events);
    let maps: Vec<StateMap> = room.states.iter().map(|state| whole.state_map(state)).collect();
    bencher.bench_local(|| whole.resolver().resolve(&maps).unwrap());
}

fn ours_as_sets(bencher: Bencher<'_, '_>, room: &LargeRoom) {
    let whole = Whole::new(&room.version, &room.events);
    let maps = room.states.iter().map(|state| whole.state_map(state));
    let sets: Vec<_> = maps.map(|map| whole.resolver().state_set(&map).unwrap()).collect();
    bencher.bench_local(|| whole.resolver().resolve_sets(&sets).unwrap());
}

fn theirs(bencher: Bencher<'_, '_>, room: &LargeRoom) {
    let mut ruma = Ruma::new(&room.version);
    room.events.iter().for_each(|pdu| ruma.add(pdu));
    let prepared = ruma.prepare(&room.states);
    bencher
        .with_inputs(|| prepared.clone())
        .bench_local_values(|prepared| ruma.resolve_prepared(prepared).unwrap());
}

mod a_linear_room {
    use super::*;

    #[divan::bench(sample_count = 20)]
    fn estafette(bencher: Bencher<'_, '_>) {
        ours(bencher, &linear("11", 10_000));
    }

    #[divan::bench(sample_count = 20)]
    fn ruma(bencher: Bencher<'_, '_>) {
        theirs(bencher, &linear("11", 10_000));
    }
}

mod b_ten_forks_of_a_thousand {
    use super::*;

    #[divan::bench(sample_count = 20, args = ["11", "12"])]
    fn estafette(bencher: Bencher<'_, '_>, version: &str) {
        ours(bencher, &forks(version, 10, 1_000));
    }

    #[divan::bench(sample_count = 20, args = ["11", "12"])]
    fn estafette_as_sets(bencher: Bencher<'_, '_>, version: &str) {
        ours_as_sets(bencher, &forks(version, 10, 1_000));
    }

    #[divan::bench(sample_count = 5)]
    fn ruma(bencher: Bencher<'_, '_>) {
        theirs(bencher, &forks("11", 10, 1_000));
    }
}

mod c_hundred_thousand_members {
    use super::*;

    #[divan::bench(sample_count = 10, args = ["11", "12"])]
    fn estafette(bencher: Bencher<'_, '_>, version: &str) {
        ours(bencher, &many_members(version, 100_000, 500));
    }

    #[divan::bench(sample_count = 10, args = ["11", "12"])]
    fn estafette_as_sets(bencher: Bencher<'_, '_>, version: &str) {
        ours_as_sets(bencher, &many_members(version, 100_000, 500));
    }

    #[divan::bench(sample_count = 3)]
    fn ruma(bencher: Bencher<'_, '_>) {
        theirs(bencher, &many_members("11", 100_000, 500));
    }
}
