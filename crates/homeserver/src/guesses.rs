// SPDX-License-Identifier: Apache-2.0
//! Guesses at the passwords and mailboxes of accounts: who is who, for the rule of
//! [`estafette_core::guesses`], which is where it is explained.
//!
//! Every password that somebody types is weighed by [`Server::weigh`] and nowhere else, which takes
//! a [`Guess`]: leave that only [`Guesses::begin`] gives, after the rule. The names of nobody are
//! counted as those of somebody are, in the same lanes, so that no limit tells who there is (F-24).
//! A wrong guess is on the disk before anybody hears that it was wrong, so that no restart lets
//! somebody guess faster. Where the people of this server are is learned anew after a restart, with
//! the first request of each device.

mod known_browser;

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::atomic::{AtomicI64, Ordering},
};

use estafette_core::{
    guesses::{Guess, Origin, Shares, Standing, Tally, Wrong},
    ids::UserId,
    limits::{HOUSE_S, HOUSES_MAX, RATE_LIMIT_KEYS_MAX},
};
use estafette_store::{IdentityStore as _, accounts::PasswordHash};
use http::{HeaderMap, header};
use parking_lot::Mutex;

use self::known_browser::KnownBrowsers;
use crate::{ApiError, ApiResult, Server, account_log, config::RateLimits, rate_limit::Cost};

/// The cookie of a browser that has proved to be somebody's, over https and over plain http.
const KNOWN_COOKIES: [&str; 2] = ["__Host-estafette-known", "estafette-known"];

/// Who guessed lately, and who is known.
#[derive(Debug)]
pub struct Guesses {
    enabled: bool,
    passwords: Mutex<Tally>,
    codes: Mutex<Tally>,
    /// The networks that devices of this server were used from, and when last.
    houses: Mutex<HashMap<IpAddr, i64>>,
    browsers: KnownBrowsers,
    /// When operators were last warned of guesses.
    warned_ms: AtomicI64,
}

impl Guesses {
    /// Nobody has guessed. `secret` is the server's own; cookies are made with a key derived of it.
    pub fn new(limits: &RateLimits, secret: &[u8]) -> Self {
        let passwords = Shares::of_passwords(limits.guesses_per_minute);
        Self {
            enabled: limits.enabled,
            passwords: Mutex::new(Tally::new(passwords, RATE_LIMIT_KEYS_MAX)),
            codes: Mutex::new(Tally::new(Shares::CODES, RATE_LIMIT_KEYS_MAX)),
            houses: Mutex::default(),
            browsers: KnownBrowsers::new(secret),
            warned_ms: AtomicI64::new(i64::MIN),
        }
    }

    /// Counts wrong guesses of before a restart.
    pub(crate) fn recall(&self, wrong: &[Wrong], now_ms: i64) {
        if self.enabled {
            let mut passwords = self.passwords.lock();
            wrong.iter().for_each(|one| passwords.recall(one, now_ms));
        }
    }

    /// Notes that a device of this server is used from `network`.
    pub(crate) fn note_house(&self, network: IpAddr, now_ms: i64) {
        let mut houses = self.houses.lock();
        if houses.len() >= HOUSES_MAX && !houses.contains_key(&network) {
            let mut seen: Vec<i64> = houses.values().copied().collect();
            let (_, oldest, _) = seen.select_nth_unstable(HOUSES_MAX / 4);
            let oldest = *oldest;
            houses.retain(|_, seen_ms| *seen_ms > oldest);
        }
        houses.insert(network, now_ms);
    }

    fn is_house(&self, network: IpAddr, now_ms: i64) -> bool {
        let seen_ms = self.houses.lock().get(&network).copied();
        let lasts_ms = (HOUSE_S * 1000).cast_signed();
        seen_ms.is_some_and(|seen_ms| now_ms.saturating_sub(seen_ms) < lasts_ms)
    }

    /// Leave to try one password of `subject`. Errors: 429 with the time to wait.
    pub fn begin(&self, subject: &str, from: &Origin, now_ms: i64) -> ApiResult<Guess> {
        if !self.enabled {
            return Ok(Guess::uncounted().about(subject, from));
        }
        let taken = self.passwords.lock().take(subject, from, now_ms);
        if taken.is_err() && self.may_warn(now_ms) {
            let (user, source) = (account_log::hashed(subject), &from.source);
            tracing::warn!(target: "account", user, source, "passwords are being guessed");
        }
        let taken = taken.map(|guess| guess.about(subject, from));
        taken.map_err(ApiError::limit_exceeded)
    }

    /// Whether operators are warned now: once a minute, so that nobody who guesses fills the log.
    fn may_warn(&self, now_ms: i64) -> bool {
        let warned_ms = self.warned_ms.load(Ordering::Relaxed);
        now_ms.saturating_sub(warned_ms) >= 60_000
            && self
                .warned_ms
                .compare_exchange(warned_ms, now_ms, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }

    /// Leave to have one code sent to `address`. Errors: 429 with the time to wait.
    pub fn begin_code(&self, address: &str, from: &Origin, now_ms: i64) -> ApiResult<()> {
        if !self.enabled {
            return Ok(());
        }
        let taken = self.codes.lock().take(address, from, now_ms);
        taken.map(|_code| ()).map_err(ApiError::limit_exceeded)
    }

    /// Whoever asked for a code has typed it: what it took is given back.
    fn code_was_right(&self, address: &str, from: &Origin) {
        self.codes.lock().was_right(address, from);
    }
}

/// The counter of those who sign in at `network`. `None`: nobody there is counted with them.
fn sign_in_counter(network: IpAddr, from: &Origin) -> Option<String> {
    let has_lane = matches!(from.standing, Standing::Browser(_) | Standing::Session(_));
    (!has_lane).then(|| format!("login from {network}"))
}

/// The counters of wrong codes typed at `network`, by somebody who stands so to whose code it is.
/// In the owner's browser none count: it has the tries of each code.
///
/// Tries are bounded per code and per address. This bounds whoever spreads guesses over many
/// addresses: with eight digits a network would take centuries to meet one code (F-23).
fn wrong_code_counters(network: IpAddr, from: &Origin) -> Vec<(Cost, String)> {
    if matches!(from.standing, Standing::Browser(_)) {
        return Vec::new();
    }
    let wide = from.standing == Standing::House;
    let mut counters = vec![(Cost::WrongCode { wide }, format!("wrong codes from {network}"))];
    if let Some(site) = site(network) {
        counters.push((Cost::WrongCode { wide: true }, format!("wrong codes from {site}/48")));
    }
    counters
}

/// The counters of codes that somebody at `network` has sent. Each code brings a try that counts
/// nowhere else.
fn code_counters(network: IpAddr) -> Vec<(Cost, String)> {
    let mut counters = vec![(Cost::Code { wide: false }, format!("codes for {network}"))];
    if let Some(site) = site(network) {
        counters.push((Cost::Code { wide: true }, format!("codes for {site}/48")));
    }
    counters
}

/// What one customer has of IPv6: the /48 that a network is of.
fn site(network: IpAddr) -> Option<Ipv6Addr> {
    let IpAddr::V6(address) = network else { return None };
    Some(Ipv6Addr::from(u128::from(address) >> 80 << 80))
}

/// The value of the cookie of a known browser, where a request has one.
pub(crate) fn known_cookie(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|list| list.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(name, value)| KNOWN_COOKIES.contains(&name).then_some(value))
}

/// Whose first tries of codes are counted: everybody's together.
const ALL: &str = "";

impl Server {
    /// How somebody at `network` stands to `subject`, who shows `known` (the value of the cookie,
    /// if there is one). The store is asked about whoever shows one, whomever it is for.
    pub async fn origin(
        &self,
        subject: &str,
        network: IpAddr,
        known: Option<&str>,
    ) -> ApiResult<Origin> {
        let browser = match known {
            Some(known) => {
                let generation = self.store.browsers_generation(subject).await?;
                self.guesses.browsers.name(known, subject, generation)
            }
            None => None,
        };
        let standing = match browser {
            Some(name) => Standing::Browser(name),
            None if self.guesses.is_house(network, self.now_ms()) => Standing::House,
            None => Standing::Stranger,
        };
        Ok(Origin { source: network.to_string(), standing })
    }

    /// The value of the cookie by which the browser that shows `known` is known from now on as
    /// `user_id`'s, until all of theirs are signed out, and still as those whom it was known for.
    pub async fn remember_browser(
        &self,
        known: Option<&str>,
        user_id: &UserId,
    ) -> ApiResult<String> {
        let generation = self.store.browsers_generation(user_id.as_str()).await?;
        let browsers = &self.guesses.browsers;
        Ok(browsers.remember(known, user_id.as_str(), generation, &*self.random))
    }

    /// Leave for somebody at `network` to have a password weighed at all. Known browsers and
    /// sessions are bounded by their lanes alone: whoever floods their network does not hold them
    /// back. Errors: 429.
    pub fn begin_sign_in(&self, network: IpAddr, from: &Origin) -> ApiResult<()> {
        match sign_in_counter(network, from) {
            Some(who) => self.rate_limiter.check(Cost::Source, &who, self.now_ms()),
            None => Ok(()),
        }
    }

    /// The password was right: what weighing it took is given back, so that a ministry behind one
    /// address signs in on a Monday morning.
    pub fn sign_in_was_right(&self, network: IpAddr, from: &Origin) {
        if let Some(who) = sign_in_counter(network, from) {
            self.rate_limiter.give_back(Cost::Source, &who, self.now_ms());
        }
    }

    /// Leave to try one code at `network`; whether it counts there, as wrong until
    /// [`Self::code_was_right`]. The first try of a code counts nowhere, as long as there are not
    /// so many of them that somebody has codes sent in order to guess. Errors: 429 where so many
    /// were wrong lately that somebody is guessing.
    pub fn begin_code_try(
        &self,
        network: IpAddr,
        from: &Origin,
        is_first: bool,
    ) -> ApiResult<bool> {
        let now_ms = self.now_ms();
        if is_first && self.rate_limiter.check(Cost::FirstTry, ALL, now_ms).is_ok() {
            return Ok(false);
        }
        let begun = self.rate_limiter.check_all(&wrong_code_counters(network, from), now_ms);
        if begun.is_err() && self.guesses.may_warn(now_ms) {
            tracing::warn!(target: "account", source = %network, "codes are being guessed");
        }
        begun.map(|()| true)
    }

    /// Whoever asked for a code to `address` has typed it at `network`: what asking took is given
    /// back, and what trying took, where that was `counted`.
    pub fn code_was_right(&self, address: &str, network: IpAddr, from: &Origin, counted: bool) {
        self.guesses.code_was_right(address, from);
        if !counted {
            return self.rate_limiter.give_back(Cost::FirstTry, ALL, self.now_ms());
        }
        for (cost, who) in wrong_code_counters(network, from) {
            self.rate_limiter.give_back(cost, &who, self.now_ms());
        }
    }

    /// Weighs one guess at a password. Takes as long, and is `false`, where there is none to
    /// guess. A guess that is right, or cannot be weighed, gives its place back; one that is wrong
    /// counts also after a restart. Errors: 503 when that cannot be written.
    pub async fn weigh(
        &self,
        guess: Guess,
        password: &str,
        kept: Option<&PasswordHash>,
    ) -> ApiResult<bool> {
        let right = self.auth.passwords.matches(password, kept).await;
        if let Ok(right) = right {
            let (subject, source) = guess.told();
            let event = if right { "password_right" } else { "password_wrong" };
            let known = kept.map(|_| subject.to_owned());
            account_log::note(
                event,
                &known.unwrap_or_else(|| account_log::hashed(subject)),
                source,
            );
        }
        if !matches!(right, Ok(false)) {
            self.guesses.passwords.lock().give_back(guess);
            return right;
        }
        let wrong = self.guesses.passwords.lock().wrong(&guess);
        if let Some(wrong) = wrong {
            self.store.note_wrong_guess(wrong).await?;
        }
        right
    }

    /// Leave to have one code sent to `address` from `network`, which may have more than one sent
    /// to each address, but not to all of them at once. Errors: 429 with the time to wait.
    pub fn begin_code(&self, address: &str, network: IpAddr, from: &Origin) -> ApiResult<()> {
        let now_ms = self.now_ms();
        // Known browsers and sessions have a lane of their own, which nobody at their network
        // empties for them.
        if matches!(from.standing, Standing::Browser(_) | Standing::Session(_)) {
            return self.guesses.begin_code(address, from, now_ms);
        }
        let counters = code_counters(network);
        self.rate_limiter.check_all(&counters, now_ms)?;
        let begun = self.guesses.begin_code(address, from, now_ms);
        if begun.is_err() {
            for (cost, who) in &counters {
                self.rate_limiter.give_back(*cost, who, now_ms);
            }
        }
        begun
    }
}

#[cfg(test)]
mod tests;
