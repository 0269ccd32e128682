// SPDX-License-Identifier: Apache-2.0
//! How often anybody may guess at what belongs to one account: so seldom that guessing is hopeless
//! from however many places, and in such a way that no stranger keeps the owner out (F-23).
//!
//! What is guessed at (a password, or the codes sent to a mailbox) is the *subject*. Within any
//! window of a minute a subject has a fixed number of places in all, shared out among lanes:
//!
//! - **session**: who is signed in to the account already and proves it again;
//! - **browser**: a browser that has proved to be the account's before, and shows the cookie that
//!   it was given then (OWASP, "Slow Down Online Guessing Attacks with Device Cookies");
//! - **house**: a source address from where people of this server use it. It depends on the address
//!   alone, not on the account: otherwise whoever shares an address with somebody could find out
//!   which accounts exist and are used from there (F-24);
//! - **common**: for everybody. Who finds their own lane full is let in here.
//!
//! Of each lane one guesser has a part only, so that one stranger never takes the places of all
//! others. Nobody enters another's lane: what strangers do, from however many addresses, leaves
//! session, browser and house as they are. A guess that proves right gives its place back.

use std::collections::HashMap;

use sha2::{Digest as _, Sha256};

/// The window of time, in ms, within which guesses count together.
pub const WINDOW_MS: i64 = 60_000;

/// How a guesser stands to the subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Signed in to the account, in the session of that name.
    Session(String),
    /// In the browser of that name, which has proved to be the account's before.
    Browser(String),
    /// At an address from where people of this server use it.
    House,
    /// Nothing is known.
    Stranger,
}

/// Where a guess comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The source address, or what else strangers are told apart by.
    pub source: String,
    /// How it stands to the subject.
    pub standing: Standing,
}

impl Origin {
    /// Nothing is known of who guesses but the source.
    pub fn stranger(source: impl ToString) -> Self {
        Self { source: source.to_string(), standing: Standing::Stranger }
    }

    /// A name for the place, never the same for two that are counted apart.
    pub fn name(&self) -> String {
        match &self.standing {
            Standing::Session(name) => format!("session {name}"),
            Standing::Browser(name) => format!("browser {name}"),
            Standing::House | Standing::Stranger => self.source.clone(),
        }
    }
}

/// What one lane has in each window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// Places in all.
    pub places: u32,
    /// Places of one guesser.
    pub each: u32,
}

/// How the places of a subject are shared out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shares {
    /// The session lane.
    pub session: Share,
    /// The browser lane.
    pub browser: Share,
    /// The house lane.
    pub house: Share,
    /// The common lane.
    pub common: Share,
}

impl Shares {
    /// For guesses at a password: `total` places, of which a fifth each for sessions, browsers and
    /// houses, and the rest for everybody. One guesser has half of its own lane, and of the common
    /// one all but a place. Below ten there would be nothing to share out: less counts as ten.
    pub fn of_passwords(total: u32) -> Self {
        let lane = total.max(10) / 5;
        let own = Share { places: lane, each: lane / 2 };
        let common = total.max(10) - 3 * lane;
        let common = Share { places: common, each: common - 1 };
        Self { session: own, browser: own, house: own, common }
    }

    /// For codes that are sent to a mailbox: each can be tried, so there are fewer. All of a window
    /// that one can have without being the owner are three.
    pub const CODES: Self = {
        let one = Share { places: 1, each: 1 };
        Self { session: one, browser: one, house: one, common: Share { places: 2, each: 1 } }
    };

    /// All places of a subject in one window.
    pub fn total(&self) -> u32 {
        let Self { session, browser, house, common } = self;
        session.places + browser.places + house.places + common.places
    }

    fn of(&self, lane: Lane) -> Share {
        match lane {
            Lane::Session => self.session,
            Lane::Browser => self.browser,
            Lane::House => self.house,
            Lane::Common => self.common,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lane {
    Session,
    Browser,
    House,
    Common,
}

impl Lane {
    /// By what it is kept on the disk: no number is ever another lane's.
    fn number(self) -> u8 {
        match self {
            Self::Session => 1,
            Self::Browser => 2,
            Self::House => 3,
            Self::Common => 4,
        }
    }

    fn of_number(number: u8) -> Option<Self> {
        let all = [Self::Session, Self::Browser, Self::House, Self::Common];
        all.into_iter().find(|lane| lane.number() == number)
    }
}

type Hash = [u8; 32];

/// A place that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Taken {
    at_ms: i64,
    lane: Lane,
    guesser: Hash,
    number: u64,
}

/// A guess that was wrong, to be kept where no restart forgets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// When, in ms since the epoch. After [`WINDOW_MS`] it counts no more.
    pub at_ms: i64,
    /// The SHA-256 of what was guessed at.
    pub subject: [u8; 32],
    /// The lane, by its number.
    pub lane: u8,
    /// The SHA-256 of who guessed, as they are counted in the lane.
    pub guesser: [u8; 32],
}

/// Leave to guess once.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub struct Guess {
    /// `None`: nothing is counted.
    place: Option<(Hash, u64)>,
    /// At whom, and from where; for the log.
    about: (String, String),
}

impl Guess {
    /// Leave that nobody counts, where limits are switched off.
    pub fn uncounted() -> Self {
        Self { place: None, about: Default::default() }
    }

    /// The same, which says at whom it is and from where.
    pub fn about(mut self, subject: &str, from: &Origin) -> Self {
        self.about = (subject.to_owned(), from.source.clone());
        self
    }

    /// At whom it is, and from where; empty where that was not said.
    pub fn told(&self) -> (&str, &str) {
        (&self.about.0, &self.about.1)
    }
}

/// Who guessed at what within the last window, in bounded memory.
#[derive(Debug)]
pub struct Tally {
    shares: Shares,
    subjects_max: usize,
    subjects: HashMap<Hash, Vec<Taken>>,
    taken: u64,
}

impl Tally {
    /// Nobody has guessed. At most `subjects_max` subjects are remembered at once.
    pub fn new(shares: Shares, subjects_max: usize) -> Self {
        Self { shares, subjects_max, subjects: HashMap::new(), taken: 0 }
    }

    /// Takes a place for one guess at `subject`. Errors: how long to wait until the next place is
    /// free for this guesser, in ms, if nobody takes it meanwhile.
    pub fn take(&mut self, subject: &str, from: &Origin, now_ms: i64) -> Result<Guess, u64> {
        let subject: Hash = Sha256::digest(subject).into();
        let number = self.taken;
        self.taken = self.taken.wrapping_add(1);
        let shares = self.shares;
        let taken = self.of_subject(subject, now_ms);
        forget_old(taken, now_ms);
        let mut free_ms = i64::MAX;
        for (lane, guesser) in lanes(from) {
            match free_at(taken, shares.of(lane), lane, &guesser) {
                None => {
                    taken.push(Taken { at_ms: now_ms, lane, guesser, number });
                    let place = Some((subject, number));
                    return Ok(Guess { place, about: Default::default() });
                }
                Some(at_ms) => free_ms = free_ms.min(at_ms),
            }
        }
        if taken.is_empty() {
            self.subjects.remove(&subject);
        }
        Err(free_ms.saturating_sub(now_ms).max(1).cast_unsigned())
    }

    fn of_subject(&mut self, subject: Hash, now_ms: i64) -> &mut Vec<Taken> {
        if self.subjects.len() >= self.subjects_max && !self.subjects.contains_key(&subject) {
            self.make_room(now_ms);
        }
        self.subjects.entry(subject).or_default()
    }

    /// What to keep of a guess that was wrong. `None`: nobody counts it.
    pub fn wrong(&self, guess: &Guess) -> Option<Wrong> {
        let (subject, number) = guess.place?;
        let taken = self.subjects.get(&subject)?.iter().find(|one| one.number == number)?;
        let Taken { at_ms, lane, guesser, .. } = *taken;
        Some(Wrong { at_ms, subject, lane: lane.number(), guesser })
    }

    /// Counts a wrong guess of before a restart.
    pub fn recall(&mut self, wrong: &Wrong, now_ms: i64) {
        let &Wrong { at_ms, subject, lane, guesser } = wrong;
        let Some(lane) = Lane::of_number(lane) else { return };
        if now_ms.saturating_sub(at_ms) >= WINDOW_MS {
            return;
        }
        let number = self.taken;
        self.taken = self.taken.wrapping_add(1);
        self.of_subject(subject, now_ms).push(Taken { at_ms, lane, guesser, number });
    }

    /// Gives the place of a guess back: it was right, or could not be weighed.
    pub fn give_back(&mut self, guess: Guess) {
        let Some((subject, number)) = guess.place else { return };
        let Some(taken) = self.subjects.get_mut(&subject) else { return };
        taken.retain(|one| one.number != number);
        if taken.is_empty() {
            self.subjects.remove(&subject);
        }
    }

    /// The same for whoever proves later on that they were right to ask, from where they asked.
    pub fn was_right(&mut self, subject: &str, from: &Origin) {
        let subject: Hash = Sha256::digest(subject).into();
        let Some(taken) = self.subjects.get(&subject) else { return };
        let is_theirs = |one: &&Taken| lanes(from).any(|lane| lane == (one.lane, one.guesser));
        if let Some(last) = taken.iter().rfind(is_theirs) {
            let place = Some((subject, last.number));
            self.give_back(Guess { place, about: Default::default() });
        }
    }

    /// How many subjects are remembered.
    pub fn len(&self) -> usize {
        self.subjects.len()
    }

    /// Whether nobody has guessed lately.
    pub fn is_empty(&self) -> bool {
        self.subjects.is_empty()
    }

    /// Forgets what is over, and then the quarter of the subjects that were guessed at least: a
    /// flood of names, each used once, drives out its own.
    fn make_room(&mut self, now_ms: i64) {
        self.subjects.retain(|_, taken| {
            forget_old(taken, now_ms);
            !taken.is_empty()
        });
        if self.subjects.len() < self.subjects_max {
            return;
        }
        let mut counts: Vec<usize> = self.subjects.values().map(Vec::len).collect();
        let goes = counts.len() / 4;
        let (_, last, _) = counts.select_nth_unstable(goes);
        let last = *last;
        let below = self.subjects.values().filter(|taken| taken.len() < last).count();
        // Of equals as many go as there must.
        let mut equals = (goes + 1).saturating_sub(below);
        self.subjects.retain(|_, taken| {
            if taken.len() == last && equals > 0 {
                equals -= 1;
                return false;
            }
            taken.len() >= last
        });
    }
}

/// The lanes that are open to somebody, and as whom they are counted there.
fn lanes(from: &Origin) -> impl Iterator<Item = (Lane, Hash)> {
    let own = match &from.standing {
        Standing::Session(name) => Some((Lane::Session, name)),
        Standing::Browser(name) => Some((Lane::Browser, name)),
        Standing::House => Some((Lane::House, &from.source)),
        Standing::Stranger => None,
    };
    let all = own.into_iter().chain([(Lane::Common, &from.source)]);
    all.map(|(lane, guesser)| (lane, Sha256::digest(guesser).into()))
}

/// Drops what is no longer in the window. A clock that was put back forgets nothing, and holds
/// nobody back for longer than a window.
fn forget_old(taken: &mut Vec<Taken>, now_ms: i64) {
    for one in taken.iter_mut() {
        one.at_ms = one.at_ms.min(now_ms);
    }
    taken.retain(|one| now_ms.saturating_sub(one.at_ms) < WINDOW_MS);
}

/// When a guesser finds a place in a lane; `None`: now.
fn free_at(taken: &[Taken], share: Share, lane: Lane, guesser: &Hash) -> Option<i64> {
    let in_lane = || taken.iter().filter(|one| one.lane == lane);
    let all = full_until(in_lane().map(|one| one.at_ms), share.places);
    let own = in_lane().filter(|one| one.guesser == *guesser);
    let own = full_until(own.map(|one| one.at_ms), share.each);
    all.max(own)
}

/// Until when `places` are taken by guesses of these times; `None`: they are not.
fn full_until(times: impl Iterator<Item = i64>, places: u32) -> Option<i64> {
    let mut times: Vec<i64> = times.collect();
    times.sort_unstable();
    let over = times.len().checked_sub(usize::try_from(places).unwrap_or(usize::MAX))?;
    // Without places nothing is ever free.
    Some(times.get(over).map_or(i64::MAX, |at_ms| at_ms.saturating_add(WINDOW_MS)))
}

#[cfg(test)]
mod tests;
