// SPDX-License-Identifier: Apache-2.0
//! `cargo xtask crash`: kills the server, or cuts its power, and looks for what it forgot.

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use estafette_testkit::{
    crash::{self, Mode, checker::Kind},
    launch::Launch,
    synapse,
};

use crate::shell;

/// What to do.
#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// How many crashes.
    #[arg(long, default_value_t = 300)]
    pub(crate) runs: usize,
    /// How the server ends.
    #[arg(long, value_enum, default_value = "kill")]
    pub(crate) mode: How,
    /// The same seed gives the same moments; a random one by default, printed with the result.
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// `estafette`, or `synapse` (with `--mode kill` only).
    #[arg(long, default_value = "estafette")]
    pub(crate) server: String,
    /// Longest time from start to readiness after a crash, in seconds.
    #[arg(long, default_value_t = 5)]
    pub(crate) ready_within_s: u64,
}

impl Options {
    /// A few crashes with a seed of their own, on a machine that may do other things.
    pub(crate) fn short(runs: usize, mode: How) -> Self {
        Self { runs, mode, seed: None, server: "estafette".to_owned(), ready_within_s: 60 }
    }
}

/// The modes by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum How {
    /// `kill -9`.
    Kill,
    /// What was not flushed is lost or torn.
    PowerLoss,
    /// The same with a server that does not flush: must find loss.
    PowerLossControl,
}

/// Most violations printed.
const SHOWN_MAX: usize = 30;

/// Runs, prints one line of JSON, and fails when the server did (or the control run did not).
pub(crate) fn run(options: &Options) -> Result<()> {
    let seed = options.seed.unwrap_or_else(|| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        now.map_or(1, |now| now.as_nanos() as u64)
    });
    let mode = match options.mode {
        How::Kill => Mode::Kill,
        How::PowerLoss => Mode::PowerLoss,
        How::PowerLossControl => Mode::PowerLossControl,
    };
    let folder = tempfile::tempdir()?;
    let launch = match options.server.as_str() {
        "estafette" => Launch::estafette(&shell::server_binary()?, folder.path())?,
        "synapse" => synapse::launch(&synapse::install(&shell::cache())?, folder.path())?,
        other => bail!("no server {other}; there are estafette and synapse"),
    };
    let ready_within = std::time::Duration::from_secs(options.ready_within_s);
    let settings = crash::Options { runs: options.runs, mode, seed, ready_within };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let tail = launch.clone();
    let report = runtime.block_on(crash::run(launch, folder.path(), &settings))?;
    println!("{}", report.to_json(&settings));
    for violation in report.violations.iter().take(SHOWN_MAX) {
        eprintln!("{:?}: {}", violation.kind, violation.what);
    }
    if mode == Mode::PowerLossControl {
        if report.count(Kind::Lost) == 0 {
            bail!("the control run found no loss: the power-loss test proves nothing");
        }
        return Ok(());
    }
    if !report.violations.is_empty() {
        let count = report.violations.len();
        bail!("{count} violations; the end of the server's log:\n{}", tail.log_tail());
    }
    Ok(())
}
