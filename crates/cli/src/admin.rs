// SPDX-License-Identifier: Apache-2.0
//! `estafette admin`: asks the server that runs on this machine, and shows what it answers.

mod arguments;
mod show;

use std::{error::Error, io::Write as _};

use estafette_identity::admin::{AdminAnswer, AdminRequest, ask};

pub(crate) use self::arguments::Admin;
use crate::settings::Settings;

/// Asks and shows. The error is the one sentence that says why nothing was done.
pub(crate) fn run(admin: &Admin) -> Result<(), Box<dyn Error>> {
    let settings = Settings::load(admin.config.as_deref())?;
    let command = admin.command.asked()?;
    let request = AdminRequest { command, reason: admin.reason.clone() };
    let answer = ask(&settings.homeserver.data_dir, &request)?;
    let mut out = std::io::stdout().lock();
    if admin.json {
        serde_json::to_writer(&mut out, &answer)?;
        writeln!(out)?;
    }
    match answer {
        AdminAnswer::Done(shown) if !admin.json => {
            write!(out, "{}", show::text(&shown))?;
            Ok(())
        }
        AdminAnswer::Done(_) => Ok(()),
        AdminAnswer::Refused(sentence) => Err(sentence.into()),
    }
}
