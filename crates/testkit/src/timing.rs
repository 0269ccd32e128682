// SPDX-License-Identifier: Apache-2.0
//! Whether answers tell who is there (F-24): the same status, headers and body, of the same length,
//! in the same time, for what is there and what is not.

mod browser;
mod canaries;
mod checks;
mod statistics;
mod world;

use std::{cell::RefCell, fs, path::Path};

use anyhow::{Result, bail, ensure};
use serde_json::{Value, json};

use self::{
    browser::Answer,
    checks::Check,
    statistics::Comparison,
    world::{World, address, prepare},
};
use crate::{launch::Launch, random::Random};

/// How far medians may be from each other, in ms (F-24).
const DIFFERENCE_MS_MAX: f64 = 1.0;
/// How likely two sets of times of one kind are at least, over all checks (F-24).
const LIKELIHOOD_MIN: f64 = 0.01;
/// Pairs that are asked before it counts.
const WARM_UP: usize = 2;

/// How much is asked.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// People who are there, four at least.
    pub people: usize,
    /// Pairs of what costs little.
    pub pairs: usize,
    /// Pairs of what costs a password hash each.
    pub hashed_pairs: usize,
    /// Whether the times are judged, and not only what is answered.
    pub judges_times: bool,
}

impl Sizes {
    /// Looks at what is answered: times mean nothing on a busy machine.
    pub const SHORT: Self = Self { people: 8, pairs: 8, hashed_pairs: 4, judges_times: false };
    /// Judges the times, on a machine that does nothing else.
    pub const LONG: Self =
        Self { people: 2_000, pairs: 2_000, hashed_pairs: 500, judges_times: true };
}

/// What came of one check.
#[derive(Debug)]
pub struct Verdict {
    /// One line of JSON.
    pub line: Value,
    /// What is wrong, where something is.
    pub wrong: Option<String>,
}

/// Starts the server, has people sign up, and asks all pairs in an order that `seed` gives; `only`
/// those whose name contains one of these words, where there are any.
///
/// # Errors
/// When the server or its pages do not work as they should.
pub fn run(
    mut launch: Launch,
    folder: &Path,
    sizes: &Sizes,
    only: &[String],
    seed: u64,
    mut told: impl FnMut(&Verdict),
) -> Result<()> {
    let mail = folder.join("mail");
    fs::create_dir_all(&mail)?;
    prepare(&mut launch, &mail);
    if !sizes.judges_times {
        launch.set("ESTAFETTE__LOG", "trace");
    }
    let server = launch.start()?;
    let world = World { address: server.address, mail, secrets: RefCell::default() };
    let mut users = Vec::new();
    for number in 0..sizes.people {
        users.push(world.sign_up(&address(true, number))?);
        world.ask_for_code(&address(false, number))?;
    }
    let mut random = Random::new(seed);
    let mut wrong = 0_usize;
    let wanted = |check: &Check| {
        only.is_empty() || only.iter().any(|words| check.name.contains(words.as_str()))
    };
    let checks = checks::all(&world, &users, sizes)?;
    // All together may blame one that is alike as rarely as one alone would (Bonferroni).
    let likelihood_min = sizes.judges_times.then(|| LIKELIHOOD_MIN / checks.len() as f64);
    for check in checks.into_iter().filter(wanted) {
        let verdict = judge(check, &mut random, likelihood_min)?;
        wrong += usize::from(verdict.wrong.is_some());
        told(&verdict);
    }
    if !sizes.judges_times {
        let mut secrets = world.secrets.take();
        secrets.extend([world::PASSWORD.to_owned(), checks::WRONG_PASSWORD.to_owned()]);
        let verdict = canaries::look(&secrets, &[&launch.log, &launch.data_dir])?;
        wrong += usize::from(verdict.wrong.is_some());
        told(&verdict);
    }
    ensure!(wrong == 0, "{wrong} of the checks tell what they must not");
    Ok(())
}

fn judge(mut check: Check, random: &mut Random, likelihood_min: Option<f64>) -> Result<Verdict> {
    let mut times = [Vec::new(), Vec::new()];
    let mut wrong = None;
    for at in 0..check.pairs {
        let order = if random.chance(50) { [true, false] } else { [false, true] };
        let mut seen = [None, None];
        for known in order {
            let (answer, about) = (check.ask)(known, at)?;
            if at >= WARM_UP.min(check.pairs / 2)
                && let Some(times) = times.get_mut(usize::from(!known))
            {
                times.push(answer.took.as_secs_f64() * 1_000.0);
            }
            if let Some(seen) = seen.get_mut(usize::from(!known)) {
                *seen = Some(without(answer, &about));
            }
        }
        let [Some(there), Some(absent)] = seen else { bail!("a pair is not whole") };
        wrong = wrong.or_else(|| difference(&there, &absent));
    }
    let [there, absent] = times;
    let comparison = Comparison::of(there, absent);
    let difference_ms = comparison.difference_ms();
    if let (Some(likelihood_min), None) = (likelihood_min, &wrong) {
        let likelihood = comparison.likelihood;
        if difference_ms > DIFFERENCE_MS_MAX {
            wrong = Some(format!("the medians are {difference_ms:.3} ms from each other"));
        } else if check.guessable && likelihood < likelihood_min {
            wrong = Some(format!("the times are not of one kind (p = {likelihood:.5})"));
        }
    }
    let rounded = |number: f64| (number * 1_000.0).round() / 1_000.0;
    let line = json!({
        "check": check.name,
        "pairs": check.pairs,
        "alike": wrong.is_none(),
        "there_median_ms": rounded(comparison.medians_ms[0]),
        "absent_median_ms": rounded(comparison.medians_ms[1]),
        "difference_ms": rounded(difference_ms),
        "paired_difference_ms": rounded(comparison.paired_ms),
        "ks_distance": rounded(comparison.distance),
        "ks_p": comparison.likelihood,
    });
    Ok(Verdict { line, wrong })
}

/// The answer without what it is about and without what is new on each page.
fn without(mut answer: Answer, about: &[String]) -> Answer {
    for secret in about.iter().chain(&browser::form_tokens(&answer.body)) {
        let mask = "x".repeat(secret.len());
        answer.body = answer.body.replace(secret.as_str(), &mask);
        for (_, value) in &mut answer.headers {
            *value = value.replace(secret.as_str(), &mask);
        }
    }
    answer
}

fn difference(there: &Answer, absent: &Answer) -> Option<String> {
    if there.status != absent.status {
        return Some(format!("{} for what is there, {} else", there.status, absent.status));
    }
    if there.body.len() != absent.body.len() {
        return Some(format!("{} bytes, {} else", there.body.len(), absent.body.len()));
    }
    if there.body != absent.body {
        return Some(format!("there: {}\nelse: {}", there.body, absent.body));
    }
    (there.headers != absent.headers)
        .then(|| format!("there: {:?}\nelse: {:?}", there.headers, absent.headers))
}
