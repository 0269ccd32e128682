// SPDX-License-Identifier: Apache-2.0
//! `cargo xtask clients`: real, unmodified Matrix clients against a running server.
//!
//! Each suite is told the server by `ESTAFETTE_TEST_URL` and registers its own people there.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use estafette_testkit::{
    launch::{Launch, Server},
    synapse,
};

use crate::{ci, shell};

/// Which clients, against which server.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Options {
    /// Suites to run; all by default.
    #[arg(long, value_enum, num_args = 1..)]
    pub(crate) suite: Vec<Suite>,
    #[command(flatten)]
    pub(crate) server: ServerChoice,
}

/// A server that is started for a command, or is there already.
#[derive(Debug, Clone, Args)]
pub(crate) struct ServerChoice {
    /// `estafette` (built and started), `synapse` (installed and started), or an `http://` URL.
    #[arg(long, default_value = "estafette")]
    pub(crate) server: String,
}

impl Default for ServerChoice {
    fn default() -> Self {
        Self { server: "estafette".to_owned() }
    }
}

/// A command that is given a server.
#[derive(Debug, Clone, Args)]
pub(crate) struct WithServer {
    #[command(flatten)]
    pub(crate) server: ServerChoice,
    /// The command and its arguments.
    #[arg(required = true, last = true)]
    pub(crate) command: Vec<String>,
}

/// The suites under `tests/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Suite {
    /// matrix-sdk, as in Element X.
    Sdk,
    /// matrix-js-sdk with its cryptography in WebAssembly, as in Element Web.
    Js,
    /// matrix-nio, as in bots.
    Nio,
    /// A browser that signs in at a real OpenID provider; always against a server of its own.
    Oidc,
    /// The server's own pages in Chromium, with axe.
    Pages,
}

/// All suites, in the order in which they run.
const ALL: [Suite; 5] = [Suite::Nio, Suite::Js, Suite::Oidc, Suite::Pages, Suite::Sdk];

/// Version of matrix-nio that is installed.
const NIO: &str = "matrix-nio[e2e]==0.26.0";

/// The first Node.js that matrix-js-sdk supports.
const NODE_MAJOR: u32 = 22;

/// Runs the suites; every one runs even when an earlier one failed. One that failed, and hangs on a
/// browser or on somebody else's client, runs once more, with new people: `ci::unstable` tells.
pub(crate) fn run(options: &Options) -> Result<()> {
    let running = Running::start(&options.server)?;
    let suites = if options.suite.is_empty() { &ALL[..] } else { &options.suite };
    let mut failed = Vec::new();
    for suite in suites {
        println!("== clients: {suite:?} against {}", options.server.server);
        let Err(first) = run_suite(*suite, &running) else { continue };
        if *suite == Suite::Oidc {
            failed.push(format!("{suite:?}: {first:#}"));
            continue;
        }
        eprintln!("{first:#}\n== clients: {suite:?} once more");
        match run_suite(*suite, &running) {
            Ok(()) => ci::unstable(format!("clients {suite:?}: {first:#}")),
            Err(second) => failed.push(format!("{suite:?}: {second:#}")),
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    eprintln!("the end of the server's log:\n{}", running.log_tail());
    bail!("client suites failed: {}", failed.join("\n"))
}

/// Runs one command with a server.
pub(crate) fn with_server(options: &WithServer) -> Result<()> {
    let running = Running::start(&options.server)?;
    let Some((program, arguments)) = options.command.split_first() else { return Ok(()) };
    let mut command = Command::new(program);
    let outcome = shell::run(running.told(command.args(arguments)));
    if outcome.is_err() {
        eprintln!("the end of the server's log:\n{}", running.log_tail());
    }
    outcome
}

/// A server with the folder of its data; both end with this value.
struct Running {
    url: String,
    launch: Option<Launch>,
    _server: Option<Server>,
    _folder: tempfile::TempDir,
}

impl Running {
    fn start(choice: &ServerChoice) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let launch = match choice.server.as_str() {
            "estafette" => Launch::estafette(&shell::server_binary()?, folder.path())?,
            "synapse" => synapse::launch(&synapse::install(&shell::cache())?, folder.path())?,
            url => {
                let url = url.to_owned();
                return Ok(Self { url, launch: None, _server: None, _folder: folder });
            }
        };
        let server = launch.start()?;
        Ok(Self {
            url: format!("http://{}", launch.address),
            launch: Some(launch),
            _server: Some(server),
            _folder: folder,
        })
    }

    fn told<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.env("ESTAFETTE_TEST_URL", &self.url)
    }

    fn log_tail(&self) -> String {
        self.launch.as_ref().map_or_else(String::new, Launch::log_tail)
    }
}

fn run_suite(suite: Suite, running: &Running) -> Result<()> {
    match suite {
        Suite::Sdk => {
            let folder = shell::root().join("tests/sdk");
            let mut cargo = shell::cargo(&["test", "--quiet", "--locked", "--tests"]);
            // Its own target folder: it has its own versions of everything.
            let target = shell::separate_target("sdk", &folder);
            cargo.env("CARGO_TARGET_DIR", target).current_dir(folder);
            shell::run(running.told(&mut cargo))
        }
        Suite::Js => {
            let mut command = node_test("tests/js", &["journey.test.mjs", "oauth.test.mjs"])?;
            shell::run(running.told(&mut command))
        }
        Suite::Pages => {
            let files = [
                "pages.test.mjs",
                "sign-up.test.mjs",
                "life.test.mjs",
                "twice.test.mjs",
                "people.test.mjs",
                "rare.test.mjs",
            ];
            let mut command = node_test("tests/pages", &files)?;
            command.env("ESTAFETTE_BIN", shell::server_binary()?);
            shell::run(running.told(&mut command))
        }
        Suite::Oidc => {
            let mut command = node_test(
                "tests/oidc",
                &["provider.test.mjs", "proconnect.test.mjs", "client.test.mjs"],
            )?;
            shell::run(command.env("ESTAFETTE_BIN", shell::server_binary()?))
        }
        Suite::Nio => {
            let python = install_nio()?;
            let mut command = Command::new(python);
            command.args(["-m", "unittest", "-v", "journey"]);
            command.env("PYTHONDONTWRITEBYTECODE", "1");
            shell::run(running.told(command.current_dir(shell::root().join("tests/nio"))))
        }
    }
}

/// Tests in Node.js with the packages of their folder.
fn node_test(folder: &str, files: &[&str]) -> Result<Command> {
    let folder = shell::root().join(folder);
    let mut command = Command::new(install_js(&folder)?);
    command.args(["--test", "--test-force-exit", "--test-reporter=spec"]).args(files);
    command.current_dir(folder);
    Ok(command)
}

/// Installs the packages and answers a Node.js that is recent enough.
fn install_js(folder: &Path) -> Result<PathBuf> {
    let lock = fs::read(folder.join("package-lock.json"))?;
    let stamp = folder.join("node_modules/.installed-lock.json");
    if fs::read(&stamp).ok().as_deref() != Some(&lock) {
        let npm = || {
            let mut npm = Command::new("npm");
            npm.args(["ci", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(folder);
            npm
        };
        shell::run_twice(npm)?;
        fs::write(stamp, lock)?;
    }
    if shell::node_major().is_some_and(|major| major >= NODE_MAJOR) {
        return Ok("node".into());
    }
    Ok(folder.join("node_modules/.bin/node"))
}

fn install_nio() -> Result<PathBuf> {
    let venv = shell::cache().join("nio-0.26.0");
    let python = venv.join("bin/python");
    let done = venv.join("installed");
    if !done.exists() {
        fs::create_dir_all(shell::cache())?;
        shell::run(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
        let pip = || {
            let mut pip = Command::new(&python);
            pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", NIO]);
            pip
        };
        shell::run_twice(pip)?;
        fs::write(done, NIO)?;
    }
    Ok(python)
}
