// SPDX-License-Identifier: Apache-2.0
//! The judge: pure functions from a record of requests and answers, and from what the server says
//! later, to violations. It knows nothing of servers or crashes.

use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It was acknowledged and is not there (I1, I4, I5).
    Lost,
    /// One transaction acted twice (I2), or one delivery came twice (E2).
    Doubled,
    /// A one-time key was given to two (I3).
    KeyGivenTwice,
    /// One sender's messages changed places (E3).
    Reordered,
    /// It is there and nobody sent it.
    Invented,
    /// The server took too long to be back.
    Slow,
    /// An answer that no crash explains.
    Unexpected,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Its kind.
    pub kind: Kind,
    /// What happened, for a reader.
    pub what: String,
}

impl Violation {
    /// A violation in words.
    pub fn new(kind: Kind, what: impl Into<String>) -> Self {
        Self { kind, what: what.into() }
    }
}

/// How a request ended, as its sender knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A 200, with what it said (an event id, or nothing).
    Acknowledged(String),
    /// No answer: it may or may not have happened.
    Unknown,
    /// Another answer: it may or may not have happened, and should not have been said.
    Refused(String),
}

impl Outcome {
    /// Whether the server said yes.
    pub fn is_acknowledged(&self) -> bool {
        matches!(self, Self::Acknowledged(_))
    }
}

/// One message, to a room or to a device.
#[derive(Debug, Clone)]
pub struct Sent {
    /// Who sent it. Messages of one sender are recorded in the order of sending.
    pub sender: usize,
    /// The room, or the device, that it went to.
    pub to: usize,
    /// Text that no other message has.
    pub marker: String,
    /// The transaction id.
    pub txn_id: String,
    /// How it ended.
    pub outcome: Outcome,
}

/// One event as a room's history shows it.
#[derive(Debug, Clone)]
pub struct Stored {
    /// Its id.
    pub event_id: String,
    /// Its text.
    pub marker: String,
}

/// Compares what was sent into rooms with their full timelines, oldest event first.
pub fn check_rooms(sent: &[Sent], timelines: &[Vec<Stored>]) -> Vec<Violation> {
    let mut found = Vec::new();
    for (room, timeline) in timelines.iter().enumerate() {
        let mut stored: HashMap<&str, Vec<&str>> = HashMap::new();
        for event in timeline {
            stored.entry(&event.marker).or_default().push(&event.event_id);
        }
        for message in sent.iter().filter(|message| message.to == room) {
            let ids = stored.remove(message.marker.as_str()).unwrap_or_default();
            let marker = &message.marker;
            if ids.len() > 1 {
                found.push(Violation::new(Kind::Doubled, format!("{marker} is stored as {ids:?}")));
            }
            if let Outcome::Acknowledged(event_id) = &message.outcome
                && !ids.contains(&event_id.as_str())
            {
                let what = format!("{marker} was acknowledged as {event_id}, stored as {ids:?}");
                found.push(Violation::new(Kind::Lost, what));
            }
        }
        found.extend(
            stored.keys().map(|marker| {
                Violation::new(Kind::Invented, format!("{marker} is in room {room}"))
            }),
        );
        let order: Vec<&str> = timeline.iter().map(|event| event.marker.as_str()).collect();
        found.extend(check_order(sent, room, &order));
    }
    found
}

/// Compares what was sent with what one receiver got, in the order of arrival: everything that
/// was acknowledged for it exactly once. `name` names the receiver.
pub fn check_received(name: &str, sent: &[Sent], to: usize, received: &[String]) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut times: HashMap<&str, usize> = HashMap::new();
    for marker in received {
        *times.entry(marker).or_default() += 1;
    }
    for message in sent.iter().filter(|message| message.to == to) {
        let marker = &message.marker;
        match times.remove(marker.as_str()).unwrap_or(0) {
            0 if message.outcome.is_acknowledged() => {
                let what = format!("{name} never received {marker}");
                found.push(Violation::new(Kind::Lost, what));
            }
            0 | 1 => {}
            n => {
                let what = format!("{name} received {marker} {n} times");
                found.push(Violation::new(Kind::Doubled, what));
            }
        }
    }
    found.extend(
        times.keys().map(|marker| Violation::new(Kind::Invented, format!("{name} got {marker}"))),
    );
    let order: Vec<&str> = received.iter().map(String::as_str).collect();
    found.extend(check_order(sent, to, &order));
    found
}

/// Messages of one sender to one place keep their order.
fn check_order(sent: &[Sent], to: usize, order: &[&str]) -> Vec<Violation> {
    let mut place: HashMap<&str, usize> = HashMap::new();
    for (index, marker) in order.iter().enumerate() {
        place.entry(marker).or_insert(index);
    }
    let mut last: HashMap<usize, (usize, &str)> = HashMap::new();
    let mut found = Vec::new();
    for message in sent.iter().filter(|message| message.to == to) {
        let Some(&index) = place.get(message.marker.as_str()) else { continue };
        if let Some(&(before, marker)) = last.get(&message.sender)
            && before > index
        {
            let what = format!("{} comes before {marker} at {to}", message.marker);
            found.push(Violation::new(Kind::Reordered, what));
        }
        last.insert(message.sender, (index, &message.marker));
    }
    found
}

/// The one-time keys of one device.
#[derive(Debug, Clone, Default)]
pub struct KeyLedger {
    /// Keys whose upload was acknowledged.
    pub uploaded: BTreeSet<String>,
    /// Keys whose upload got no answer.
    pub unsure: BTreeSet<String>,
    /// Keys in answers to claims.
    pub given: Vec<String>,
    /// Claims that got no answer: each may have used up one key.
    pub unanswered: usize,
    /// What the server counts now.
    pub remaining: Option<usize>,
}

/// A key is given once, and only keys that were given go.
pub fn check_keys(name: &str, ledger: &KeyLedger) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut times: BTreeMap<&str, usize> = BTreeMap::new();
    for key in &ledger.given {
        *times.entry(key).or_default() += 1;
    }
    for (key, n) in &times {
        if *n > 1 {
            let what = format!("{key} of {name} was given {n} times");
            found.push(Violation::new(Kind::KeyGivenTwice, what));
        }
        if !ledger.uploaded.contains(*key) && !ledger.unsure.contains(*key) {
            let what = format!("{name} never uploaded {key}");
            found.push(Violation::new(Kind::Invented, what));
        }
    }
    if let Some(remaining) = ledger.remaining {
        let given = times.len();
        let least = ledger.uploaded.len().saturating_sub(given + ledger.unanswered);
        let most = (ledger.uploaded.len() + ledger.unsure.len()).saturating_sub(given);
        if remaining < least {
            let what = format!("{name} has {remaining} keys left, not {least} or more");
            found.push(Violation::new(Kind::Lost, what));
        }
        if remaining > most {
            let what = format!("{name} has {remaining} keys left, not {most} or fewer");
            found.push(Violation::new(Kind::KeyGivenTwice, what));
        }
    }
    found
}

/// Account data that one writer counts up.
#[derive(Debug, Clone, Default)]
pub struct Counter {
    /// The last value whose write was acknowledged; 0 for none.
    pub acknowledged: u64,
    /// The last value that was asked for.
    pub attempted: u64,
}

/// The stored value is the last acknowledged one or one asked for later.
pub fn check_counter(name: &str, counter: &Counter, stored: u64) -> Vec<Violation> {
    let Counter { acknowledged, attempted } = counter;
    let what = format!("{name}: {stored} stored, {acknowledged} acknowledged, {attempted} asked");
    if stored < *acknowledged {
        return vec![Violation::new(Kind::Lost, what)];
    }
    if stored > *attempted {
        return vec![Violation::new(Kind::Invented, what)];
    }
    Vec::new()
}

#[cfg(test)]
mod tests;
