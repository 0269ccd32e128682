// SPDX-License-Identifier: Apache-2.0
//! The web client, where Node.js is present: build and tests.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::SystemTime,
};

use anyhow::{Context, Result, bail};
use estafette_testkit::launch::Launch;

use crate::{ci, shell};

/// Where distributions put the browser of the journeys.
const BROWSERS: &[&str] =
    &["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

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
    for name in
        ["public", "build", "index.html", "package.json", "package-lock.json", "vite.config.ts"]
    {
        changed = changed.max(newest(&folder.join(name))?);
    }
    if built.is_none() || built < changed {
        shell::run(npm(&folder).args(["run", "--silent", "build"]))?;
    }
    Ok(true)
}

/// Builds the client and runs its own checks: lint, walls, types, unit and property tests, axe.
pub(crate) fn test() -> Result<()> {
    if !build()? {
        return Ok(());
    }
    shell::run(npm(&folder()).args(["run", "test"]))
}

/// Runs the client in real browsers against the server's binary, on a free port: everything on a
/// plain server, then the kinds of rooms on one that keeps guests apart. A journey that fails is
/// walked once more, by new people; the summary names it.
pub(crate) fn journeys() -> Result<()> {
    if !build()? {
        return Ok(());
    }
    let binary = shell::server_binary()?;
    walk(&binary, &[], &[])?;
    walk(&binary, &[("ESTAFETTE__ROOMS__ACCESS_RULES", "true")], &["14-"])
}

/// Starts a server with these options and runs the journeys that the arguments choose.
fn walk(binary: &Path, options: &[(&str, &str)], arguments: &[&str]) -> Result<()> {
    let browser = browser()?;
    let data = tempfile::tempdir()?;
    let mut launch = Launch::estafette(binary, data.path())?;
    if std::env::var_os("ESTAFETTE_BIN").is_some() {
        // A binary that was built earlier may hold an earlier client, or none.
        launch.set("ESTAFETTE__WEB__FOLDER", &folder().join("dist").to_string_lossy());
    }
    // A push service is played on loopback.
    launch.set("ESTAFETTE__OUTBOUND__ALLOWED_NETWORKS", r#"["127.0.0.0/8"]"#);
    for (name, value) in options {
        launch.set(name, value);
    }
    let mail = mail(&mut launch, data.path());
    let _server = launch.start()?;
    let mut npm = npm(&folder());
    npm.env("ESTAFETTE_MAIL", mail);
    npm.args(["run", "e2e", "--", "--retries=1"]).args(arguments);
    let unstable = data.path().join("unstable");
    npm.env("ESTAFETTE_UNSTABLE", &unstable);
    // `localhost` rather than its address: browsers trust both, cookies and redirects want a name.
    npm.env("BASE_URL", format!("http://localhost:{}", launch.address.port()));
    npm.env("CHROMIUM", browser);
    let outcome = shell::run(&mut npm);
    for journey in fs::read_to_string(unstable).unwrap_or_default().lines() {
        ci::unstable(format!("journey {journey}"));
    }
    if outcome.is_err() {
        eprintln!("the end of the server's log:\n{}", launch.log_tail());
    }
    outcome
}

/// Lets agents of the journeys' policy sign up and be invited; answers where their mail goes.
fn mail(launch: &mut Launch, data: &Path) -> PathBuf {
    let folder = data.join("mail");
    let policy = self::folder().join("e2e/support/policy.toml");
    for (option, value) in [
        ("SIGN_UP__ENABLED", "true"),
        ("MAIL__TRANSPORT", "folder"),
        ("MAIL__FOLDER", &folder.to_string_lossy()),
        ("MAIL__FROM", "Estafette <no-reply@bench.test>"),
        ("POLICY__FILE", &policy.to_string_lossy()),
    ] {
        launch.set(&format!("ESTAFETTE__IDENTITY__{option}"), value);
    }
    folder
}

/// Chromium, installed now where the machine has none and can have one.
fn browser() -> Result<PathBuf> {
    if let Some(named) = std::env::var_os("CHROMIUM") {
        return Ok(named.into());
    }
    let find = || BROWSERS.iter().map(PathBuf::from).find(|path| path.exists());
    if find().is_none() {
        ci::install(&["chromium"])?;
    }
    let Some(found) = find() else {
        bail!("the journeys need Chromium: install it, or name one in CHROMIUM");
    };
    Ok(found)
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
