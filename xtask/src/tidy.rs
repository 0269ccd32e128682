// SPDX-License-Identifier: Apache-2.0
//! `cargo xtask tidy`: the rules of the house that no compiler checks.
//!
//! Sizes, names, headers and walls. Each rule is a function over one source file or over
//! `cargo metadata`; each says what is wrong, where, and what to do instead.

mod sizes;
mod sources;
mod text;
mod walls;

use anyhow::{Result, bail};

use sources::Source;

/// One thing that is out of order.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// Path from the root, and line where there is one.
    place: String,
    /// What to do about it.
    advice: String,
}

impl Finding {
    fn new(source: &Source, line: usize, advice: impl Into<String>) -> Self {
        Self { place: format!("{}:{line}", source.path), advice: advice.into() }
    }
}

/// Checks the whole repository and fails with all findings.
pub(crate) fn run() -> Result<()> {
    let sources = sources::read_all()?;
    let mut findings = Vec::new();
    for source in &sources {
        findings.extend(text::check(source));
        findings.extend(sizes::check_file(source));
        findings.extend(walls::check_imports(source));
    }
    findings.extend(sizes::check_functions(&sources, &sizes::read_exceptions()?));
    findings.extend(walls::check_dependencies(&walls::metadata()?));
    findings.sort_by(|a, b| a.place.cmp(&b.place));
    for Finding { place, advice } in &findings {
        println!("{place}: {advice}");
    }
    if findings.is_empty() {
        println!("tidy: {} files in order", sources.len());
        return Ok(());
    }
    bail!("{} things are out of order", findings.len())
}
