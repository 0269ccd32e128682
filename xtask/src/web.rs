// SPDX-License-Identifier: Apache-2.0
//! The web client, where Node.js is present: build and tests.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::SystemTime,
};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::shell;

/// Scripts of `web/package.json` that a change must pass, those that exist.
const CHECKS: &[&str] = &["lint", "typecheck", "check", "test", "e2e"];

/// Said in one line when there is no client to serve.
const NO_NODE: &str = "Node.js is not here: the server starts without the web client";

/// Builds `web/dist` when sources are newer. True when there is a client to serve.
pub(crate) fn build() -> Result<bool> {
    let folder = folder();
    if !folder.join("package.json").exists() {
        println!("there is no web client in this tree");
        return Ok(false);
    }
    if shell::node_major().is_none() {
        println!("{NO_NODE}");
        return Ok(false);
    }
    install(&folder)?;
    let built = newest(&folder.join("dist"))?;
    let mut changed = newest(&folder.join("src"))?;
    for name in ["public", "index.html", "package.json", "package-lock.json", "vite.config.ts"] {
        changed = changed.max(newest(&folder.join(name))?);
    }
    if built.is_none() || built < changed {
        shell::run(npm(&folder).args(["run", "--silent", "build"]))?;
    }
    Ok(true)
}

/// Builds the client and runs its own checks.
pub(crate) fn test() -> Result<()> {
    if !build()? {
        return Ok(());
    }
    let folder = folder();
    let package: Value = serde_json::from_slice(&fs::read(folder.join("package.json"))?)?;
    for script in CHECKS {
        if package.pointer(&format!("/scripts/{script}")).is_some() {
            println!("-- npm run {script}");
            shell::run(npm(&folder).args(["run", script]))?;
        }
    }
    Ok(())
}

fn folder() -> PathBuf {
    shell::root().join("web")
}

fn npm(folder: &Path) -> Command {
    let mut npm = Command::new("npm");
    npm.current_dir(folder);
    npm
}

/// `npm ci`, when the lock file changed since the last time.
fn install(folder: &Path) -> Result<()> {
    let lock = fs::read(folder.join("package-lock.json")).context("web/package-lock.json")?;
    let stamp = folder.join("node_modules/.installed-lock.json");
    if fs::read(&stamp).ok().as_deref() == Some(&lock) {
        return Ok(());
    }
    shell::run_twice(|| {
        let mut npm = npm(folder);
        npm.args(["ci", "--no-audit", "--no-fund", "--loglevel=error"]);
        npm
    })?;
    fs::write(stamp, lock)?;
    Ok(())
}

/// When anything at or below a path was last changed; nothing where there is nothing.
fn newest(path: &Path) -> Result<Option<SystemTime>> {
    let Ok(metadata) = fs::metadata(path) else { return Ok(None) };
    if !metadata.is_dir() {
        return Ok(Some(metadata.modified()?));
    }
    let mut latest = None;
    for entry in fs::read_dir(path)? {
        latest = latest.max(newest(&entry?.path())?);
    }
    Ok(latest)
}
