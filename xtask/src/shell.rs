// SPDX-License-Identifier: Apache-2.0
//! Running programs, and where things are.

use std::{
    collections::VecDeque,
    env,
    io::{BufRead, BufReader, IsTerminal, Read, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Sender, channel},
    },
    thread,
    time::Duration,
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

/// Lines of a failed command that are said again with its error.
const LAST_LINES: usize = 40;

/// Longest wait for the rest of what a command printed, once it has ended: a process that it left
/// behind may hold its output open.
const REST: Duration = Duration::from_secs(5);

/// Runs a command and expects success. Where what it prints goes to no terminal but into a log,
/// the end of it is part of the error, so that a summary can say it again where it is looked for.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    if std::io::stdout().is_terminal() {
        let status = command.status().with_context(|| format!("cannot run {command:?}"))?;
        if !status.success() {
            bail!("{command:?} ended with {status}");
        }
        return Ok(());
    }
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("cannot run {command:?}"))?;
    let last = Arc::new(Mutex::new(VecDeque::new()));
    let (done, ended) = channel();
    if let Some(output) = child.stdout.take() {
        pass_on(output, std::io::stdout(), Arc::clone(&last), done.clone());
    }
    if let Some(output) = child.stderr.take() {
        pass_on(output, std::io::stderr(), Arc::clone(&last), done.clone());
    }
    drop(done);
    let status = child.wait()?;
    while ended.recv_timeout(REST).is_ok() {}
    if !status.success() {
        let last = last.lock().unwrap_or_else(PoisonError::into_inner);
        let lines: Vec<&str> = last.iter().map(String::as_str).collect();
        bail!("{command:?} ended with {status}\n{}", lines.join("\n"));
    }
    Ok(())
}

/// Copies what a command prints to our own output, line by line, and keeps the last lines.
fn pass_on(
    from: impl Read + Send + 'static,
    mut to: impl Write + Send + 'static,
    last: Arc<Mutex<VecDeque<String>>>,
    done: Sender<()>,
) {
    thread::spawn(move || {
        let mut from = BufReader::new(from);
        let mut line = Vec::new();
        while from.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            // Nobody may be left to read it; the command is to go on nevertheless.
            let _ = to.write_all(&line);
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
            if last.len() == LAST_LINES {
                last.pop_front();
            }
            last.push_back(text);
            drop(last);
            line.clear();
        }
        let _ = done.send(());
    });
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
