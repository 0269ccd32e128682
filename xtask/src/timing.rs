// SPDX-License-Identifier: Apache-2.0
//! `cargo xtask timing`: whether the server's answers, or their times, tell who is there.

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
}

impl Options {
    /// What is part of all tests.
    pub(crate) const SHORT: Self = Self { short: true, only: Vec::new(), seed: 1 };
}

/// Prints one line of JSON per check. Fails where something that is there is answered otherwise
/// than what is not, or, in the long form, more than 1 ms sooner or later in the median.
pub(crate) fn run(options: &Options) -> Result<()> {
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
