// SPDX-License-Identifier: Apache-2.0
//! `cargo xtask test` and `cargo xtask ci`: everything that a change must pass.

use std::{
    os::unix::fs::MetadataExt,
    path::Path,
    process::Command,
    sync::{Mutex, PoisonError},
    time::Instant,
};

use anyhow::{Result, bail};
use clap::Args;

use crate::{bench, clients, crash, licences, shell, stress, tidy, timing, web};

/// What to leave out, for the inner loop.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Options {
    /// Runs only the steps whose name contains one of these words.
    #[arg(long, num_args = 1..)]
    pub(crate) only: Vec<String>,
}

/// One step: a name and what it does.
type Step = (&'static str, fn() -> Result<()>);

/// All steps, the cheap ones first.
const STEPS: &[Step] = &[
    ("fmt", || shell::run(&mut shell::cargo(&["fmt", "--all", "--check"]))),
    ("tidy", tidy::run),
    ("licences", licences::run),
    ("clippy", clippy),
    ("unit and contract tests", unit_tests),
    ("oracles", oracles),
    ("web client", web::test),
    ("server build", || shell::server_binary().map(drop)),
    ("web journeys", web::journeys),
    ("real clients", || clients::run(&clients::Options::default())),
    ("crash: kill", || crash::run(&crash::Options::short(25, crash::How::Kill))),
    ("crash: power loss", || power_loss(12, crash::How::PowerLoss)),
    ("crash: power loss, control", || power_loss(12, crash::How::PowerLossControl)),
    ("who is there", || timing::run(&timing::Options::short())),
    ("stress", || stress::run(&stress::Options::default())),
    ("bench, small", || bench::run(&bench::Options::small())),
];

/// What failed and then passed when it was done once more. Browsers and other people's clients run
/// against the clock of a machine that is not ours; one second try keeps their accidents from
/// refusing a good change, and the summary names each, because it is a bug to be mended.
static UNSTABLE: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Longest that the summary says again of one failed step, in bytes.
const SAID_AGAIN: usize = 6_000;

/// Packages of Debian that the tests use, with a command that succeeds when each is there.
const PACKAGES: &[(&str, &[&str])] = &[
    ("fuse3", &["fusermount3", "--version"]),
    ("python3-venv", &["python3", "-c", "import ensurepip, venv"]),
    ("npm", &["npm", "--version"]),
    ("chromium", &["sh", "-c", "test -e /usr/bin/chromium || test -e /usr/bin/google-chrome"]),
];

/// Says, and notes for the summary, that something passed only at its second try.
pub(crate) fn unstable(what: String) {
    eprintln!("UNSTABLE {what}: failed, then passed");
    UNSTABLE.lock().unwrap_or_else(PoisonError::into_inner).push(what);
}

/// Runs every step, also after a failure, and ends with one line per step, after the ends of what
/// the failed ones printed.
pub(crate) fn test(options: &Options) -> Result<()> {
    let mut lines = Vec::new();
    let mut reasons = Vec::new();
    for (name, step) in STEPS {
        let wanted = &options.only;
        if !wanted.is_empty() && !wanted.iter().any(|word| name.contains(word.as_str())) {
            continue;
        }
        println!("\n==== {name}");
        let start = Instant::now();
        let outcome = step();
        let seconds = start.elapsed().as_secs();
        match outcome {
            Ok(()) => lines.push(format!("ok      {name} ({seconds} s)")),
            Err(error) => {
                eprintln!("{name}: {error:#}");
                lines.push(format!("FAILED  {name} ({seconds} s)"));
                reasons.push(format!("---- {name}\n{}", end_of(&format!("{error:#}"))));
            }
        }
    }
    for reason in &reasons {
        println!("\n{reason}");
    }
    println!("\n==== summary\n{}", lines.join("\n"));
    for what in UNSTABLE.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        println!("UNSTABLE {what}: failed, then passed");
    }
    if !reasons.is_empty() {
        bail!("{} of {} steps failed", reasons.len(), lines.len());
    }
    println!("all {} steps passed", lines.len());
    Ok(())
}

/// The end of a text, from the beginning of a line where it is cut.
fn end_of(text: &str) -> &str {
    let Some(cut) = text.len().checked_sub(SAID_AGAIN) else { return text };
    let line = text.as_bytes().iter().skip(cut).position(|byte| *byte == b'\n');
    line.and_then(|line| text.get(cut + line + 1..)).unwrap_or(text)
}

/// Installs what the tests need, then runs them.
pub(crate) fn ci(options: &Options) -> Result<()> {
    install_packages()?;
    test(options)
}

fn install_packages() -> Result<()> {
    let missing: Vec<&str> = PACKAGES
        .iter()
        .filter(|(_, probe)| !succeeds(probe))
        .map(|(package, _)| *package)
        .collect();
    install(&missing)
}

/// Installs packages of Debian; does nothing where there is no `apt-get`.
pub(crate) fn install(missing: &[&str]) -> Result<()> {
    if missing.is_empty() || !Path::new("/usr/bin/apt-get").exists() {
        return Ok(());
    }
    println!("installing {}", missing.join(", "));
    let apt = |arguments: &[&str]| {
        let root = is_root();
        let mut command = Command::new(if root { "apt-get" } else { "sudo" });
        if !root {
            command.arg("apt-get");
        }
        command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
        command
    };
    shell::run_twice(|| apt(&["update", "-qq"]))?;
    shell::run_twice(|| {
        let mut install = apt(&["install", "-y", "-qq", "--no-install-recommends"]);
        install.args(missing);
        install
    })
}

fn succeeds(probe: &[&str]) -> bool {
    let Some((program, arguments)) = probe.split_first() else { return false };
    Command::new(program).args(arguments).output().is_ok_and(|output| output.status.success())
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0)
}

/// Programs and libraries under all lints; tests and benches may also unwrap, index and panic,
/// which is how they fail.
fn clippy() -> Result<()> {
    let programs = ["clippy", "--locked", "--workspace", "--lib", "--bins", "--all-features"];
    shell::run(shell::cargo(&programs).args(["--quiet", "--", "-D", "warnings"]))?;
    let tests = ["clippy", "--locked", "--workspace", "--all-targets", "--all-features"];
    let mut tests = shell::cargo(&tests);
    tests.args(["--quiet", "--", "-D", "warnings"]);
    for lint in ["unwrap_used", "expect_used", "panic", "indexing_slicing"] {
        tests.args(["-A", &format!("clippy::{lint}")]);
    }
    shell::run(&mut tests)
}

fn unit_tests() -> Result<()> {
    let all = ["test", "--locked", "--workspace", "--all-features"];
    shell::run(&mut shell::cargo(&all))
}

/// The rules beside other implementations of them, on fewer rooms than by hand; and that the fuzz
/// targets, which are built with the fuzzer's own flags, would still find their dependencies.
fn oracles() -> Result<()> {
    let folder = shell::root().join("tests/oracle");
    let mut tests = shell::cargo(&["test", "--locked", "--tests"]);
    let target = shell::separate_target("oracle", &folder);
    tests.current_dir(&folder).env("CARGO_TARGET_DIR", target).env("ESTAFETTE_ROOMS", "40");
    shell::run(&mut tests)?;
    let mut fuzz = shell::cargo(&["update", "--locked", "--workspace"]);
    shell::run(fuzz.current_dir(shell::root().join("fuzz")))
}

/// Needs the right to mount; a machine without it cannot prove this and says so.
fn power_loss(runs: usize, how: crash::How) -> Result<()> {
    if !Path::new("/dev/fuse").exists() {
        println!("NOT RUN: there is no /dev/fuse on this machine");
        return Ok(());
    }
    crash::run(&crash::Options::short(runs, how))
}
