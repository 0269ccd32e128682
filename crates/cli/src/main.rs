// SPDX-License-Identifier: Apache-2.0
//! `estafette`: the one binary. Its sub-commands are the table below.

mod admin;
mod host;
mod people;
mod policy;
mod serve;
mod settings;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

use crate::settings::Settings;

/// Estafette: a sovereign encrypted messenger for a State.
#[derive(Debug, Parser)]
#[command(name = "estafette", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the server until it is asked to stop.
    Serve {
        /// The configuration file (TOML). Without it, defaults and the environment.
        #[arg(long)]
        config: Option<PathBuf>,
    },
    /// Administers the server that runs on this machine.
    Admin(admin::Admin),
    /// Explains or checks the configuration.
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
    },
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Prints every option with its default.
    Explain,
    /// Prints which accounts the policy of organisations would move. Changes nothing.
    Policy {
        /// The configuration file (TOML).
        #[arg(long)]
        config: Option<PathBuf>,
        /// Prints one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Reads the configuration and the files that it names, and says what is wrong with them.
    Check {
        /// The configuration file (TOML).
        #[arg(long)]
        config: Option<PathBuf>,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::try_parse().unwrap_or_else(|error| {
        let words = std::env::args_os().map(|word| word.to_string_lossy().into_owned());
        admin::tell_mistyped(&error, words);
        error.exit()
    });
    let outcome = match arguments.command {
        Command::Serve { config } => serve::run(config.as_deref()),
        Command::Admin(admin) => return admin::run(&admin),
        Command::Config { command: ConfigCommand::Explain } => {
            print!("{}", settings::explain());
            Ok(())
        }
        Command::Config { command: ConfigCommand::Policy { config, json } } => {
            policy::check(config.as_deref(), json)
        }
        Command::Config { command: ConfigCommand::Check { config } } => {
            let settings = Settings::load(config.as_deref());
            settings.and_then(|settings| settings.check().map(|()| settings)).map(|settings| {
                if let Some(warning) = policy::warning(&settings) {
                    eprintln!("estafette: warning: {warning}");
                }
                println!("The configuration is right.");
            })
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("estafette: {error}");
            ExitCode::FAILURE
        }
    }
}
