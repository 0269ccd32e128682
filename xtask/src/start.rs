// SPDX-License-Identifier: Apache-2.0
//! `cargo xtask start`: a working server with its web client, from a fresh clone.

use std::os::unix::process::CommandExt;

use anyhow::{Result, bail};
use clap::Args;

use crate::{shell, web};

/// Passed on to `estafette serve`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// Further arguments of `estafette serve`.
    #[arg(last = true)]
    pub(crate) arguments: Vec<String>,
}

/// What development wants and a deployment decides for itself. The environment wins.
const DEVELOPMENT: &[(&str, &str)] = &[
    ("ESTAFETTE__REGISTRATION__OPEN", "true"),
    ("ESTAFETTE__IDENTITY__SIGN_UP__ENABLED", "true"),
    ("ESTAFETTE__IDENTITY__POLICY__OPEN", "true"),
    ("ESTAFETTE__IDENTITY__MAIL__TRANSPORT", "folder"),
    ("ESTAFETTE__IDENTITY__MAIL__FOLDER", "./data/mail"),
    ("ESTAFETTE__IDENTITY__MAIL__FROM", "Estafette <no-reply@localhost.localdomain>"),
];

/// Builds what is needed and becomes the server. Data are kept under `./data`.
pub(crate) fn run(options: &Options) -> Result<()> {
    let client = web::build()?;
    let binary = shell::server_binary()?;
    let mut command = shell::command(&binary.to_string_lossy(), &["serve"]);
    command.args(&options.arguments);
    for (name, value) in DEVELOPMENT {
        if std::env::var_os(name).is_none() {
            command.env(name, value);
        }
    }
    let what = if client { "with its web client" } else { "without a web client" };
    println!("the server runs {what} on http://localhost:8008, data under ./data");
    println!("sign up at http://localhost:8008/_estafette/sign-up; mail is written to ./data/mail");
    // On success this process is the server, and signals reach it directly.
    let error = command.exec();
    bail!("cannot run {}: {error}", binary.display())
}
