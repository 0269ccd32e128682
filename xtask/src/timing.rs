// SPDX-License-Identifier: Apache-2.0
//! `cargo xtask timing`: whether the server's answers, or their times, tell who is there (F-24);
//! with `--secrets`, whether the time of a comparison or a look-up tells of a secret (F-25).

use std::path::Path;

use anyhow::Result;
use clap::Args;
use estafette_testkit::{
    launch::Launch,
    timing::{self, Sizes},
};

use crate::shell;

/// What to do.
#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// Looks at what is answered and not at how long it took: for machines that do other things.
    #[arg(long)]
    pub(crate) short: bool,
    /// Only what contains one of these words.
    #[arg(long, num_args = 1..)]
    pub(crate) only: Vec<String>,
    /// The order in which is asked.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Measures the comparisons and look-ups of secrets, inside of the code, instead.
    #[arg(long)]
    pub(crate) secrets: bool,
    /// How the code that `--secrets` measures is built.
    #[arg(long, default_value = "release")]
    pub(crate) profile: String,
}

impl Options {
    /// What is part of all tests.
    pub(crate) fn short() -> Self {
        let profile = "release".to_owned();
        Self { short: true, only: Vec::new(), seed: 1, secrets: false, profile }
    }
}

/// Prints one line of JSON per check. Fails where something that is there is answered otherwise
/// than what is not, or, in the long form, more than 1 ms sooner or later in the median.
pub(crate) fn run(options: &Options) -> Result<()> {
    if options.secrets {
        return secrets(options);
    }
    let sizes = if options.short { Sizes::SHORT } else { Sizes::LONG };
    let folder = tempfile::tempdir()?;
    let launch = Launch::estafette(&shell::server_binary()?, folder.path())?;
    timing::run(launch, folder.path(), &sizes, &options.only, options.seed, |verdict| {
        println!("{}", verdict.line);
        if let Some(wrong) = &verdict.wrong {
            eprintln!("{wrong}");
        }
    })
}

/// Runs the measurements that the crates keep beside their tests, one after the other. Fails where
/// |t| reaches 4.5. What is written goes into memory where the machine has a place for that, so
/// that no disk is measured.
fn secrets(options: &Options) -> Result<()> {
    let packages = ["--package", "estafette-homeserver", "--package", "estafette-identity"];
    let mut tests = shell::cargo(&["test", "--quiet", "--lib", "--no-fail-fast"]);
    tests.args(["--profile", &options.profile]).args(packages);
    tests.args(["constant_time", "--", "--ignored", "--nocapture", "--test-threads", "1"]);
    tests.env("ESTAFETTE_SEED", options.seed.to_string());
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        tests.env("TMPDIR", memory);
    }
    shell::run(&mut tests)
}
