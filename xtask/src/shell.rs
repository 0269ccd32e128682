// SPDX-License-Identifier: Apache-2.0
//! Running programs, and where things are.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest).to_owned()
}

/// Where what is expensive to make is kept between runs, outside the repository.
pub(crate) fn cache() -> PathBuf {
    if let Some(folder) = env::var_os("ESTAFETTE_CACHE") {
        return folder.into();
    }
    let home = env::var_os("HOME").map_or_else(env::temp_dir, PathBuf::from);
    home.join(".cache/estafette")
}

/// Where cargo puts what it builds.
pub(crate) fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// A command that runs in the root of the repository.
pub(crate) fn command(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(root());
    command
}

/// Runs a command and expects success.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot run {command:?}"))?;
    if !status.success() {
        bail!("{command:?} ended with {status}");
    }
    Ok(())
}

/// The cargo that runs us.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let cargo = env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    command(&cargo, arguments)
}

/// The release build of the server, made now. `ESTAFETTE_BIN` names one that is there already.
pub(crate) fn server_binary() -> Result<PathBuf> {
    if let Some(binary) = env::var_os("ESTAFETTE_BIN") {
        return Ok(binary.into());
    }
    run(&mut cargo(&["build", "--quiet", "--release", "--package", "estafette"]))?;
    Ok(target().join("release/estafette"))
}

/// Runs a command that fetches something; once more when it fails.
pub(crate) fn run_twice(make: impl Fn() -> Command) -> Result<()> {
    run(&mut make()).or_else(|error| {
        eprintln!("{error:#}; once more");
        run(&mut make())
    })
}

/// The target folder of a workspace of its own: beside ours when ours is set, else inside it.
pub(crate) fn separate_target(name: &str, folder: &Path) -> PathBuf {
    match env::var_os("CARGO_TARGET_DIR") {
        Some(target) => PathBuf::from(target).join(name),
        None => folder.join("target"),
    }
}

/// The major version of Node.js, where there is one.
pub(crate) fn node_major() -> Option<u32> {
    let output = Command::new("node").arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.trim().trim_start_matches('v').split('.').next()?.parse().ok()
}
