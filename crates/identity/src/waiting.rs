// SPDX-License-Identifier: Apache-2.0
//! What waits in memory between two requests of strangers, each for some minutes: in bounded
//! places, of which one source address has a part.
//!
//! Nobody is refused. Where a source has had its part, or all places are taken, its own oldest
//! gives way; of a source that has none, the oldest of the one that has the most. Whoever floods
//! drives out their own. The networks of one IPv6 site (/48) are one source.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
};

use parking_lot::Mutex;

/// Things that wait, by their names.
#[derive(Debug)]
pub(crate) struct Waiting<T> {
    places: usize,
    each: usize,
    table: Mutex<Table<T>>,
}

#[derive(Debug)]
struct Table<T> {
    entries: HashMap<String, Entry<T>>,
    begun: u64,
}

#[derive(Debug)]
struct Entry<T> {
    source: IpAddr,
    number: u64,
    expires_ms: i64,
    what: T,
}

impl<T> Waiting<T> {
    /// Nothing waits. There are `places`, of which one source has at most `each`.
    pub(crate) fn new(places: usize, each: usize) -> Self {
        Self { places, each, table: Mutex::new(Table { entries: HashMap::new(), begun: 0 }) }
    }

    /// Lets `what` wait until `expires_ms`. The name of what had to give way for it.
    pub(crate) fn put(
        &self,
        name: &str,
        source: IpAddr,
        what: T,
        expires_ms: i64,
        now_ms: i64,
    ) -> Option<String> {
        let source = site(source);
        let mut table = self.table.lock();
        if table.entries.len() >= self.places {
            table.entries.retain(|_, entry| entry.expires_ms > now_ms);
        }
        let is_full = table.entries.len() >= self.places;
        let gives_way = match table.held_by(source) {
            held if held >= self.each || (is_full && held > 0) => table.oldest_of(source),
            _ if is_full => table.largest().and_then(|largest| table.oldest_of(largest)),
            _ => None,
        };
        if let Some(name) = &gives_way {
            table.entries.remove(name);
        }
        let number = table.begun;
        table.begun = number.wrapping_add(1);
        table.entries.insert(name.to_owned(), Entry { source, number, expires_ms, what });
        gives_way
    }

    /// Takes one out. `None`: it does not wait, or no longer.
    pub(crate) fn take(&self, name: &str, now_ms: i64) -> Option<T> {
        let entry = self.table.lock().entries.remove(name)?;
        (entry.expires_ms > now_ms).then_some(entry.what)
    }

    /// Looks at one that waits.
    pub(crate) fn with<R>(
        &self,
        name: &str,
        now_ms: i64,
        look: impl FnOnce(&mut T) -> R,
    ) -> Option<R> {
        let mut table = self.table.lock();
        let entry = table.entries.get_mut(name).filter(|entry| entry.expires_ms > now_ms)?;
        Some(look(&mut entry.what))
    }
}

fn site(source: IpAddr) -> IpAddr {
    match source {
        IpAddr::V6(address) => Ipv6Addr::from(u128::from(address) >> 80 << 80).into(),
        IpAddr::V4(_) => source,
    }
}

impl<T> Table<T> {
    fn held_by(&self, source: IpAddr) -> usize {
        self.entries.values().filter(|entry| entry.source == source).count()
    }

    fn oldest_of(&self, source: IpAddr) -> Option<String> {
        let of_source = self.entries.iter().filter(|(_, entry)| entry.source == source);
        of_source.min_by_key(|(_, entry)| entry.number).map(|(name, _)| name.clone())
    }

    /// The source that has the most; of several the one whose first is the oldest.
    fn largest(&self) -> Option<IpAddr> {
        let mut held: HashMap<IpAddr, (usize, u64)> = HashMap::new();
        for entry in self.entries.values() {
            let (count, first) = held.entry(entry.source).or_insert((0, u64::MAX));
            *count += 1;
            *first = entry.number.min(*first);
        }
        let most = |(count, first): &(usize, u64)| (*count, u64::MAX - *first);
        held.into_iter().max_by_key(|(_, held)| most(held)).map(|(source, _)| source)
    }
}

#[cfg(test)]
mod tests;
