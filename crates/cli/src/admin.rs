// SPDX-License-Identifier: Apache-2.0
//! `estafette admin`: asks the server that runs on this machine, and shows what it answers.

mod arguments;
mod show;

use std::{error::Error, io::Write as _, path::Path};

use estafette_identity::admin::{AdminAnswer, AdminCommand, AdminRequest, SocketError, ask};
use serde_json::{Value, json};

pub(crate) use self::arguments::Admin;
use crate::settings::Settings;

/// Asks and shows. The error is the one sentence that says why nothing was done, or that it is not
/// known whether it was.
pub(crate) fn run(admin: &Admin) -> Result<(), Box<dyn Error>> {
    let outcome = answer(admin);
    let mut out = std::io::stdout().lock();
    if admin.json {
        writeln!(out, "{}", line(&outcome))?;
    }
    match outcome? {
        AdminAnswer::Done(shown) if !admin.json => {
            write!(out, "{}", show::text(&shown))?;
            Ok(())
        }
        AdminAnswer::Done(_) => Ok(()),
        AdminAnswer::Refused(sentence) => Err(sentence.into()),
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
enum Failure {
    /// Nothing was asked.
    #[error("{0}")]
    NotAsked(String),
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
        say_numbers(data_dir).map_err(|error| Failure::NotAsked(error.to_string()))?;
    }
    ask(data_dir, &request).map_err(|error| match error {
        SocketError::NoServer(_) | SocketError::NotAllowed(_) => {
            Failure::NotAsked(error.to_string())
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
             nowhere to go.",
            count("accounts"),
            count("moved"),
            count("becoming_guests"),
            count("changing"),
            count("unplaced"),
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests;
