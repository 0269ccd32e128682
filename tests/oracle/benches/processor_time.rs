// SPDX-License-Identifier: Apache-2.0
//! The same rooms as in `resolution`, measured in processor time of this thread, which other
//! work on the machine changes little: `cargo bench --bench processor_time`.

use std::{fs, hint::black_box};

use estafette_core::state::StateMap;
use estafette_oracle::{
    large::{LargeRoom, forks, linear, many_members},
    ours::Whole,
    ruma::Ruma,
};

/// Nanoseconds this thread has spent on a processor (Linux).
fn processor_ns() -> u64 {
    let text = fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    text.split(' ').next().and_then(|ns| ns.parse().ok()).expect("a number")
}

/// The median and the least of so many runs, in milliseconds.
fn measure<I, T>(
    runs: usize,
    mut input: impl FnMut() -> I,
    mut work: impl FnMut(I) -> T,
) -> String {
    let mut times: Vec<u64> = (0..runs)
        .map(|_| {
            let input = input();
            let before = processor_ns();
            let output = black_box(work(black_box(input)));
            let time = processor_ns() - before;
            drop(output);
            time
        })
        .collect();
    times.sort_unstable();
    let ms = |ns: u64| ns as f64 / 1e6;
    format!("median {:8.2} ms, least {:8.2} ms", ms(times[runs / 2]), ms(times[0]))
}

fn room(name: &str, room: &LargeRoom, ruma_runs: usize) {
    let whole = Whole::new(&room.version, &room.events);
    let maps: Vec<StateMap> = room.states.iter().map(|state| whole.state_map(state)).collect();
    let resolver = whole.resolver();
    let time = measure(15, || (), |()| resolver.resolve(&maps).unwrap());
    println!("{name} version {:2}  estafette, state maps  {time}", room.version);
    let sets: Vec<_> = maps.iter().map(|map| resolver.state_set(map).unwrap()).collect();
    let time = measure(15, || (), |()| resolver.resolve_sets(&sets).unwrap());
    println!("{name} version {:2}  estafette, as sets     {time}", room.version);
    if ruma_runs == 0 {
        return;
    }
    let mut ruma = Ruma::new(&room.version);
    room.events.iter().for_each(|pdu| ruma.add(pdu));
    let prepared = ruma.prepare(&room.states);
    let resolve = |prepared| ruma.resolve_prepared(prepared).unwrap();
    let time = measure(ruma_runs, || prepared.clone(), resolve);
    println!("{name} version {:2}  ruma                   {time}", room.version);
}

fn main() {
    room("(a) linear, 10,000 members  ", &linear("11", 10_000), 5);
    room("(b) 10 forks of 1,000       ", &forks("11", 10, 1_000), 5);
    room("(b) 10 forks of 1,000       ", &forks("12", 10, 1_000), 0);
    room("(c) 100,000 members, 2 forks", &many_members("11", 100_000, 500), 3);
    room("(c) 100,000 members, 2 forks", &many_members("12", 100_000, 500), 0);
}
