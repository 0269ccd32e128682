// SPDX-License-Identifier: Apache-2.0
//! Every development task of the project: `cargo xtask --help`.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

mod bench;
mod ci;
mod clients;
mod crash;
mod licences;
mod shell;
mod start;
mod stress;
mod tidy;
mod timing;
mod web;

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about = "Every development task of the project")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Builds and runs the server with its web client: http://localhost:8008, data in ./data.
    Start(start::Options),
    /// Runs everything that a change must pass.
    Test(ci::Options),
    /// Installs what the tests need, then runs them: what `.ci/run` calls.
    Ci(ci::Options),
    /// Measures a server: one line of JSON per scenario.
    Bench(bench::Options),
    /// Runs real Matrix clients against a server.
    Clients(clients::Options),
    /// Starts a server, names it in ESTAFETTE_TEST_URL, runs a command.
    WithServer(clients::WithServer),
    /// Kills a server, or cuts its power, and looks for what it forgot.
    Crash(crash::Options),
    /// Besieges a server: full disk, idle, slow and hostile clients.
    Stress(stress::Options),
    /// Asks in pairs whether answers tell who is there.
    Timing(timing::Options),
    /// Checks sizes, names, headers and walls.
    Tidy,
}

fn main() -> ExitCode {
    match run(Arguments::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<()> {
    match task {
        Task::Start(options) => start::run(&options),
        Task::Test(options) => ci::test(&options),
        Task::Ci(options) => ci::ci(&options),
        Task::Stress(options) => stress::run(&options),
        Task::Bench(options) => bench::run(&options),
        Task::Clients(options) => clients::run(&options),
        Task::WithServer(options) => clients::with_server(&options),
        Task::Crash(options) => crash::run(&options),
        Task::Timing(options) => timing::run(&options),
        Task::Tidy => tidy::run(),
    }
}
