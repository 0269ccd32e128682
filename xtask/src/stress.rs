// SPDX-License-Identifier: Apache-2.0
//! `cargo xtask stress`: full disks, thousands of idle clients, slow and hostile ones.

use anyhow::{Result, bail};
use clap::Args;
use estafette_testkit::{
    launch::Launch,
    process,
    stress::{self, SIEGES, Sizes},
    synapse,
};

use crate::shell;

/// What to do.
#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// Sieges to run; all by default.
    #[arg(long, num_args = 1..)]
    pub(crate) siege: Vec<String>,
    /// The published sizes: 10,000 idle long polls, 5,000 slow connections.
    #[arg(long)]
    pub(crate) full: bool,
    /// `estafette`, or `synapse` to compare with.
    #[arg(long, default_value = "estafette")]
    pub(crate) server: String,
}

impl Default for Options {
    fn default() -> Self {
        Self { siege: Vec::new(), full: false, server: "estafette".to_owned() }
    }
}

/// Each siege has a fresh server. Prints one line of JSON for each.
pub(crate) fn run(options: &Options) -> Result<()> {
    process::raise_open_files();
    let sizes = if options.full { Sizes::full() } else { Sizes::short() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut failed = Vec::new();
    for siege in SIEGES {
        if !options.siege.is_empty() && !options.siege.iter().any(|name| name == siege) {
            continue;
        }
        let folder = tempfile::tempdir()?;
        let launch = match options.server.as_str() {
            "estafette" => Launch::estafette(&shell::server_binary()?, folder.path())?,
            "synapse" => synapse::launch(&synapse::install(&shell::cache())?, folder.path())?,
            other => bail!("no server {other}; there are estafette and synapse"),
        };
        let tail = launch.clone();
        match runtime.block_on(stress::run(siege, launch, folder.path(), &sizes)) {
            Ok(line) => println!("{line}"),
            Err(error) => {
                eprintln!("{siege}: {error:#}\nthe server's log:\n{}", tail.log_tail());
                failed.push(*siege);
            }
        }
    }
    if !failed.is_empty() {
        bail!("not survived: {}", failed.join(", "));
    }
    Ok(())
}
