// SPDX-License-Identifier: Apache-2.0
//! `estafette admin`: asks the server that runs on this machine, and shows what it answers.

mod arguments;
mod show;

use std::{io::Write as _, path::Path, process::ExitCode};

use estafette_identity::admin::{AdminAnswer, AdminCommand, AdminRequest, SocketError, ask};
use serde_json::{Value, json};

pub(crate) use self::arguments::Admin;
use crate::settings::Settings;

/// The status where nothing was done because no server could be asked. Refused is 1, mistyped is 2.
const UNREACHABLE: u8 = 3;
/// The status where a server was asked and did not answer: it may have been done.
const NO_ANSWER: u8 = 4;

/// Asks and shows. Where it was not done, or may not have been, the standard error stream has the
/// one sentence that says why.
pub(crate) fn run(admin: &Admin) -> ExitCode {
    let outcome = answer(admin);
    let said = match (&outcome, admin.json) {
        (outcome, true) => format!("{}\n", line(outcome)),
        (Ok(AdminAnswer::Done(shown)), false) => show::text(shown),
        _ => String::new(),
    };
    // Whoever reads it may have gone away; what was done is done.
    let _ = std::io::stdout().lock().write_all(said.as_bytes());
    let (why, status) = match outcome {
        Ok(AdminAnswer::Done(_)) => return ExitCode::SUCCESS,
        Ok(AdminAnswer::Refused(why)) | Err(Failure::NotAsked(why)) => (why, ExitCode::FAILURE),
        Err(Failure::Unreachable(why)) => (why.to_string(), ExitCode::from(UNREACHABLE)),
        Err(Failure::NoAnswer(why)) => (why.to_string(), ExitCode::from(NO_ANSWER)),
    };
    eprintln!("estafette: {why}");
    status
}

/// The line of JSON of what cannot be understood, where one was asked for. What is wrong with it is
/// told on the standard error stream all the same.
pub(crate) fn tell_mistyped(error: &clap::Error, mut typed: impl Iterator<Item = String>) {
    let is_ours = typed.nth(1).is_some_and(|command| command == "admin");
    if error.use_stderr() && is_ours && typed.any(|argument| argument == "--json") {
        println!("{}", mistyped(&error.to_string()));
    }
}

fn mistyped(said: &str) -> Value {
    let first = said.lines().next().unwrap_or_default();
    json!({ "mistyped": first.trim_start_matches("error: ") })
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
enum Failure {
    /// Nothing was asked.
    #[error("{0}")]
    NotAsked(String),
    /// There is nobody to ask.
    #[error("{0}")]
    Unreachable(SocketError),
    /// It was asked, and nobody knows what became of it.
    #[error("{0}")]
    NoAnswer(SocketError),
}

fn answer(admin: &Admin) -> Result<AdminAnswer, Failure> {
    let settings = Settings::load(admin.config.as_deref());
    let settings = settings.map_err(|error| Failure::NotAsked(error.to_string()))?;
    let command = admin.command.asked().map_err(Failure::NotAsked)?;
    let request = AdminRequest { command, reason: admin.reason.clone() };
    let data_dir = &settings.homeserver.data_dir;
    if let AdminCommand::OrganisationApply { dry_run: false } = request.command {
        // Nothing was asked yet that changes anything.
        say_numbers(data_dir).map_err(Failure::Unreachable)?;
    }
    ask(data_dir, &request).map_err(|error| match error {
        SocketError::NoServer(_) | SocketError::NotAllowed(_) | SocketError::Unreachable(..) => {
            Failure::Unreachable(error)
        }
        error => Failure::NoAnswer(error),
    })
}

/// One line of JSON, whatever became of it.
fn line(outcome: &Result<AdminAnswer, Failure>) -> Value {
    match outcome {
        Ok(AdminAnswer::Done(shown)) => json!({ "done": shown }),
        Ok(AdminAnswer::Refused(why)) => json!({ "refused": why }),
        Err(Failure::NotAsked(why)) => json!({ "refused": why }),
        Err(Failure::Unreachable(why)) => json!({ "unreachable": why.to_string() }),
        Err(Failure::NoAnswer(why)) => json!({ "failed": why.to_string() }),
    }
}

/// Says to how many people what will happen, before it does: a wrong file shows in it.
fn say_numbers(data_dir: &Path) -> Result<(), SocketError> {
    let command = AdminCommand::OrganisationApply { dry_run: true };
    let answer = ask(data_dir, &AdminRequest { command, reason: None })?;
    if let AdminAnswer::Done(shown) = answer {
        let count = |name: &str| shown.get(name).and_then(Value::as_u64).unwrap_or(0);
        eprintln!(
            "Of {} accounts {} are moved: {} become guests, {} leave their organisation, {} have \
             nowhere to go, {} lose administration.",
            count("accounts"),
            count("moved"),
            count("becoming_guests"),
            count("changing"),
            count("unplaced"),
            count("losing_admin"),
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests;
